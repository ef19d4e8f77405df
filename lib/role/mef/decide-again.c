/* When an enrolled node may enrol anew (lesson 12, doc/decisions/0019), and what is remembered for that. PURE. */
#include "role/mef/decide.h"

#include <string.h>

static bool guarded(const struct mst_who *w, const struct mst_role_conf *conf)
{
	return conf->reenrol != MST_REENROL_OPEN && w->has_node &&
	       (w->node.state == MST_NODE_ENROLLED || w->node.state == MST_NODE_EXPIRING);
}

/*
 * An enrolment that broke off goes on: this very session's, or one whose key was given to no MAF yet. Not one from before the
 * enrolment that counts: with another stakeholder, say, and left lying.
 */
static bool goes_on(const struct mst_call *c, const struct mst_records *r)
{
	if (r->has_reg && c->has_export && !strcmp(r->reg.key_id, c->key_id))
		return true;
	return r->has_current && !r->current.last_used && (!r->has_given || r->current.created >= r->given.created);
}

/*
 * The key that the MAF was given tells when it was enrolled and until when: both were written by us then, and the client cannot
 * change them. Its registration says what the client asks for (8.3.5.2.5), or nothing once it has de-registered.
 */
static bool may_again(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                      const struct mst_role_conf *conf, mst_time now)
{
	const struct mst_cred_brief *k = &r->given;

	if (!guarded(w, conf) || w->node.reenrol_until > now || goes_on(c, r))
		return true;
	if (!r->has_given)
		return false;
	if (k->expires <= now)
		return conf->reenrol == MST_REENROL_ENDED;
	return now >= k->created + (k->expires - k->created) / 2;
}

bool mst_mef_may_again(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                       const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v)
{
	if (may_again(c, w, r, conf, now))
		return true;
	mst_refuse(v, MST_RSC_NO_PRIVILEGE, "enrolled already; the operator opens a window for another enrolment",
	           "enrolled already, and no window is open (mef.reenrol; muster node reenrol)");
	return false;
}

/* Does that credential go with what the verdict deletes? */
static bool goes(const struct mst_verdict *v, const struct mst_records *r, const struct mst_cred_brief *b)
{
	/* mst_store_reg_delete(): what came through it, and the one that it names */
	if (v->drop_reg[0] && (!strcmp(v->drop_reg, b->via) || !strcmp(r->reg.key_id, b->key_id)))
		return true;
	for (size_t i = 0; i < v->n_drop; i++)
		if (!strcmp(v->drop[i], b->key_id))
			return true;
	return false;
}

void mst_mef_remember(const struct mst_who *w, const struct mst_records *r, const struct mst_role_conf *conf, struct mst_verdict *v)
{
	const struct mst_cred_brief *k = &r->given;

	if (v->rsc != MST_RSC_DELETED || !guarded(w, conf) || !r->has_given || !goes(v, r, k))
		return;
	/* what was remembered of an enrolment before that one */
	for (size_t i = 0; i < r->n_other; i++)
		if (r->other[i].purpose == MST_PURPOSE_KE && !r->other[i].via[0] && strcmp(r->other[i].key_id, k->key_id))
			mst_decide_drop(v, r->other[i].key_id);
	v->put_cred = v->insert_cred = true;
	v->wrap_cred = MST_WRAP_NONE;
	memset(&v->cred, 0, sizeof(v->cred));
	MST_STR_SET(v->cred.key_id, k->key_id);
	MST_STR_SET(v->cred.client_id, w->id);
	v->cred.purpose = MST_PURPOSE_KE;
	v->cred.node = w->node.id;
	v->cred.state = MST_CRED_REVOKED;
	v->cred.created = k->created;
	v->cred.expires = k->expires;
	v->cred.last_used = k->last_used;
}
