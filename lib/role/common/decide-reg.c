/* Client registration procedures: TS-0003 8.3.5.2.3 to 8.3.5.2.6 and, as twins, 8.8.2.3 to 8.8.2.6. PURE. */
#include "role/common/common.h"

#include <string.h>

#include "role/life.h"
#include "role/name.h"

#define BIT(i) (1u << (i))
/* What a client may say in a Create; the rest is ours to assign. */
#define CREATE_MEMBERS (BIT(MST_CR_ET) | BIT(MST_CR_LBL) | BIT(MST_CR_ADMIN))
#define UPDATE_MEMBERS (BIT(MST_CR_ET) | BIT(MST_CR_LBL))
#define WHOLE_RECORD (BIT(MST_CR_TY) | BIT(MST_CR_RI) | BIT(MST_CR_RN) | BIT(MST_CR_PI) | BIT(MST_CR_CT) | \
                      BIT(MST_CR_LT) | BIT(MST_CR_ET) | BIT(MST_CR_ADMIN) | BIT(MST_CR_CLIENT))

static bool create_content_good(const struct mst_call *c, const struct mst_who *w, const struct mst_role_conf *conf,
                                mst_time now, struct mst_verdict *v, char admin[MST_ID_MAX])
{
	const struct mst_client_reg *q = &c->reg;

	if (q->has & ~CREATE_MEMBERS)
		mst_refuse(v, MST_RSC_BAD_REQUEST, "only et, lbl and adminFQDN may be given", NULL);
	else if (!(q->has & BIT(MST_CR_ET)))
		mst_refuse(v, MST_RSC_BAD_REQUEST, "et is missing", NULL);
	else if (!(q->has & BIT(MST_CR_ADMIN)))
		mst_refuse(v, MST_RSC_BAD_REQUEST, "adminFQDN is missing", NULL);
	else if (!mst_id_normalise(MST_ID_FQDN, q->admin_fqdn, admin))
		mst_refuse(v, MST_RSC_BAD_REQUEST, "adminFQDN is not an FQDN", NULL);
	else if (q->et <= now)
		mst_refuse(v, MST_RSC_BAD_REQUEST, "et has passed", NULL);
	else if (!mst_decide_stakeholder(conf, w, admin))
		mst_refuse(v, MST_RSC_NO_PRIVILEGE, "not a client of that adminFQDN",
		           "adminFQDN is neither the provider of the node's subscription nor one of mef.stakeholders");
	else if (!mst_lines_join(q->lbl, q->n_lbl, v->reg.labels, sizeof(v->reg.labels)))
		mst_refuse(v, MST_RSC_BAD_REQUEST, "lbl is not a list of labels", NULL);
	else
		return true;
	return false;
}

static void fresh(const struct mst_call *c, const struct mst_who *w, const struct mst_chance *chance, const char *admin,
                  mst_time now, struct mst_registration *g)
{
	static const char hex[] = "0123456789abcdef";
	char *p = g->reg_id + 4;

	(void)c;
	memcpy(g->reg_id, "reg-", 4);
	for (size_t i = 0; i < 16; i++) {
		*p++ = hex[chance->b[i] >> 4];
		*p++ = hex[chance->b[i] & 15];
	}
	*p = 0;
	MST_STR_SET(g->client_id, w->id);
	MST_STR_SET(g->admin_fqdn, admin);
	g->node = w->has_node ? w->node.id : 0;
	g->created = g->modified = now;
}

/* The MAF key that was assigned in place of the session's KeID, if one was. */
static const char *replaced_by(const struct mst_who *w, const struct mst_records *r)
{
	for (size_t i = r->n_other; w->has_cred && i-- > 0;)
		if (r->other[i].state != MST_CRED_REVOKED && !strcmp(r->other[i].via, w->cred.key_id))
			return r->other[i].key_id;
	return NULL;
}

/* Was the record made or renewed in this very session? Then the answer is the same to the last octet. */
static bool same_session(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r)
{
	const char *km = replaced_by(w, r);

	if (c->role == MST_ROLE_MEF)
		return c->has_export && !strcmp(r->reg.key_id, c->key_id);
	return km && !strcmp(r->reg.key_id, km);
}

/*
 * The same client and adminFQDN again: the same record, because the first answer may have been lost (lessons 10,
 * 11). A new session is a new enrolment and renews it, within what the subscription allows now.
 */
static void renew(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                  const struct mst_role_conf *conf, mst_time now, struct mst_registration *g)
{
	mst_time granted = mst_decide_expiry(w, conf, c->reg.et, now);
	mst_time bound = mst_decide_expiry(w, conf, MST_TIME_MAX, now);
	char labels[sizeof(g->labels)];

	memcpy(labels, g->labels, sizeof(labels));
	*g = r->reg;
	if (same_session(c, w, r))
		return;
	if (c->reg.has & BIT(MST_CR_LBL))
		memcpy(g->labels, labels, sizeof(labels));
	g->expires = granted > g->expires ? granted : g->expires;
	g->expires = bound < g->expires ? bound : g->expires;
	g->modified = now;
}

void mst_decide_register(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                         const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance,
                         struct mst_verdict *v)
{
	char admin[MST_ID_MAX];
	bool live = r->has_reg && r->reg.expires > now;

	if (!create_content_good(c, w, conf, now, v, admin))
		return;
	if (w->has_node && mst_life_leaving(&w->node, now)) {
		mst_refuse(v, MST_RSC_NO_PRIVILEGE, "not permitted", "the node was let go: what it has works until it leaves, but it gets "
		           "nothing new");
		return;
	}
	if (live && conf->quirks.repeat_conflicts) {
		mst_refuse(v, MST_RSC_ALREADY_REGISTERED, "registered already", NULL);
		return;
	}
	if (live) {
		renew(c, w, r, conf, now, &v->reg);
	} else {
		if (r->has_reg)
			MST_STR_SET(v->drop_reg, r->reg.reg_id);
		fresh(c, w, chance, admin, now, &v->reg);
		v->reg.expires = mst_decide_expiry(w, conf, c->reg.et, now);
	}
	v->rsc = MST_RSC_CREATED;
	v->put_reg = true;
	v->body = MST_BODY_REG;
	v->show = WHOLE_RECORD | (v->reg.labels[0] ? BIT(MST_CR_LBL) : 0);
	MST_STR_SET(v->why, live ? "the same record again" : "registered");
}

/* Is a key registered from it that somebody may yet ask for? It goes with its registration, not with the next session. */
static bool lasts(const struct mst_records *r, const char *key_id)
{
	for (size_t i = 0; i < r->n_lasting; i++)
		if (!strncmp(key_id, r->lasting[i], strlen(r->lasting[i])) && key_id[strlen(r->lasting[i])] == '@')
			return true;
	return false;
}

bool mst_decide_session_key(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                            const char *reg_id, mst_time expires, mst_time now, struct mst_verdict *v)
{
	size_t pending = 0;

	if (!c->has_export) {
		mst_refuse(v, MST_RSC_INTERNAL, "", "the listener exported no key from this session");
		return false;
	}
	if (r->has_cred && strcmp(r->cred.client_id, w->id)) {
		mst_refuse(v, MST_RSC_CONFLICT, "key identifier in use", "the exporter's identifier belongs to another client");
		return false;
	}
	/* kept already, and not under a registration that is just being replaced */
	if (r->has_cred && strcmp(r->cred.via, v->drop_reg))
		return true;
	v->put_cred = v->insert_cred = true;
	v->wrap_cred = MST_WRAP_EXPORT;
	MST_STR_SET(v->cred.key_id, c->key_id);
	v->cred.purpose = MST_PURPOSE_KE;
	MST_STR_SET(v->cred.client_id, w->id);
	MST_STR_SET(v->cred.via, reg_id);
	v->cred.node = w->has_node ? w->node.id : 0;
	v->cred.state = MST_CRED_PENDING;
	v->cred.created = now;
	v->cred.expires = v->cred.due = expires;
	/* newest first: besides the new one, one more may stay (a second try that races) */
	for (size_t i = r->n_other; i-- > 0;) {
		const struct mst_cred_brief *b = &r->other[i];

		if (b->purpose == MST_PURPOSE_KE && b->state != MST_CRED_REVOKED && !strcmp(b->via, reg_id) && !lasts(r, b->key_id) &&
		    ++pending > 1)
			mst_decide_drop(v, b->key_id);
	}
	return true;
}

bool mst_decide_own_reg(const struct mst_who *w, const struct mst_records *r, mst_time now, struct mst_verdict *v)
{
	const char *why = NULL;

	if (!r->has_reg)
		why = "no such registration";
	else if (w->has_node ? r->reg.node != w->node.id : strcmp(r->reg.client_id, w->id) != 0)
		why = "the registration belongs to another client";
	else if (r->reg.expires <= now)
		why = "the registration has expired";
	if (!why)
		return true;
	/* the peer sees no difference between none and somebody else's */
	mst_refuse(v, MST_RSC_NOT_FOUND, "no such registration", why);
	return false;
}

void mst_decide_reg_get(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, mst_time now, struct mst_verdict *v)
{
	if (!mst_decide_own_reg(w, r, now, v))
		return;
	(void)c;
	v->rsc = MST_RSC_OK;
	v->reg = r->reg;
	v->body = MST_BODY_REG;
	v->show = WHOLE_RECORD | (v->reg.labels[0] ? BIT(MST_CR_LBL) : 0);
}

void mst_decide_reg_set(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                        const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v)
{
	const struct mst_client_reg *q = &c->reg;

	if (!mst_decide_own_reg(w, r, now, v))
		return;
	if (!(q->has & UPDATE_MEMBERS) || (q->has & ~UPDATE_MEMBERS)) {
		/* 8.3.5.2.5: at least one of the two, and nothing else */
		mst_refuse(v, MST_RSC_BAD_REQUEST, "give et or lbl or both, nothing else", NULL);
		return;
	}
	if ((q->has & BIT(MST_CR_ET)) && q->et <= now) {
		mst_refuse(v, MST_RSC_BAD_REQUEST, "et has passed", NULL);
		return;
	}
	v->reg = r->reg;
	if ((q->has & BIT(MST_CR_LBL)) && !mst_lines_join(q->lbl, q->n_lbl, v->reg.labels, sizeof(v->reg.labels))) {
		mst_refuse(v, MST_RSC_BAD_REQUEST, "lbl is not a list of labels", NULL);
		return;
	}
	if (q->has & BIT(MST_CR_ET))
		v->reg.expires = mst_decide_expiry(w, conf, q->et, now);
	v->reg.modified = now;
	v->put_reg = true;
	v->rsc = MST_RSC_UPDATED;
	v->body = MST_BODY_REG;
	v->show = q->has & UPDATE_MEMBERS;      /* the answer has only what was in the request */
}

/*
 * Who de-registers is not enrolled any more: at a MEF while it was only enrolling, at a MAF when it gives its root key back.
 * A session under a name that the node has no longer says nothing about what it is now.
 */
static bool leaves(const struct mst_call *c, const struct mst_who *w, enum mst_node_state s)
{
	const struct mst_node *n = &w->node;

	if (s == MST_NODE_ENROLLING)
		return true;
	return c->role == MST_ROLE_MAF && (s == MST_NODE_ENROLLED || s == MST_NODE_EXPIRING) &&
	       !strcmp(w->id, mst_node_name(n));
}

void mst_decide_reg_delete(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, mst_time now, struct mst_verdict *v)
{
	if (!mst_decide_own_reg(w, r, now, v))
		return;
	MST_STR_SET(v->drop_reg, r->reg.reg_id);
	mst_decide_step(v, w, c, "deregister", now);
	/* with another stakeholder than its provider: it stays what it is */
	if (v->put_node && (!w->has_sub || mst_id_equal(MST_ID_FQDN, mst_view_str(r->reg.admin_fqdn), mst_view_str(w->sub.sp_fqdn))) &&
	    leaves(c, w, v->node.state)) {
		v->node.state = MST_NODE_KNOWN;
		MST_STR_SET(v->node.reason, "de-registered by itself");
		v->node.changed = now;
	}
	v->rsc = MST_RSC_DELETED;
}
