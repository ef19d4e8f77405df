#include "role/maf/decide.h"

#include <string.h>

#include "role/authorise.h"
#include "role/common/naf.h"
#include "role/life.h"
#include "role/name.h"

#define BIT(i) (1u << (i))

static bool fqdn_part(const char *key_id, struct mst_view *ret)
{
	struct mst_view rel;

	return mst_key_id_split(mst_view_str(key_id), &rel, ret);
}

bool mst_maf_is_enrolment(const char *key_id, const struct mst_role_conf *conf)
{
	struct mst_view fqdn;

	/* a B-TID is KeID and KmID at once (TS-0003 8.3.2.3): it leads to no other */
	return fqdn_part(key_id, &fqdn) && !mst_id_equal(MST_ID_FQDN, fqdn, mst_view_str(conf->fqdn)) && !mst_naf_domain(conf, fqdn);
}

/* --- handshakes --- */

void mst_maf_release(const struct mst_credential *cred, struct mst_release *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->wanted = true;
	ret->key = cred->key;
	ret->purpose = MST_PURPOSE_KM;
	MST_STR_SET(ret->key_id, cred->key_id);
	ret->how = MST_DERIVE_NONE;
	ret->authorisation = mst_authorise_release(cred->key_id, cred->client_id);
}

static const struct mst_mef_link *mef_of(const struct mst_role_conf *conf, struct mst_view fqdn)
{
	for (size_t i = 0; i < conf->n_mef; i++)
		if (mst_id_equal(MST_ID_FQDN, fqdn, mst_view_str(conf->mef[i].fqdn)))
			return &conf->mef[i];
	return NULL;
}

/*
 * Whose client is it? An absolute CSE-ID or AE-ID begins with the M2M-SP-ID (TS-0001 7.2); any other name belongs to no
 * provider that a list could name.
 */
static bool may_vouch(const struct mst_mef_link *mef, const char *enrolee)
{
	for (size_t i = 0; i < mef->n_sp; i++)
		if (mst_name_of_realm(enrolee, mef->sp[i]))
			return true;
	return !mef->n_sp;
}

static const char no_mef[] = "the key identifier names no MEF that is configured here";

/*
 * A KeID is the word of the MEF that gave it, and ends when the operator takes that MEF out, or the client from those for whom it may speak. A
 * KmID (its row names the KeID that it replaced) is this MAF's (8.8.2.3), whatever this MAF was called then. A B-TID is its BSF's.
 */
const char *mst_maf_unvouched(const struct mst_credential *c, const struct mst_role_conf *conf)
{
	struct mst_view via = mst_view_str(c->via), fqdn, bsf;
	const struct mst_mef_link *mef;
	struct gba_ua ua;

	if (!mst_maf_is_enrolment(c->key_id, conf) || !fqdn_part(c->key_id, &fqdn))
		return NULL;
	if (mst_naf_cred(c->via, &ua, &bsf))
		return "the B-TID is of no BSF that is configured here (bsfs, domains)";
	if (mst_view_find(via, '@') < via.n)
		return NULL;
	mef = mef_of(conf, fqdn);
	return !mef ? no_mef : may_vouch(mef, c->client_id) ? NULL : "the client is of no provider in maf.mefs.sps of the MEF that gave the key";
}

static bool fill_fetch(const char *key_id, const struct mst_mef_link *mef, const struct mst_role_conf *conf, struct mst_fetch *f)
{
	struct mst_writer w = mst_writer_of(f->path, sizeof(f->path));
	struct mst_view rel, fqdn;
	char spelt[MST_ID_MAX];

	mst_key_id_spell(key_id, mef->quirks.hex_lower, spelt);
	if (!mst_key_id_split(mst_view_str(spelt), &rel, &fqdn))
		return false;
	MST_STR_SET(f->uri, mef->uri);
	MST_STR_SET(f->server_name, mef->fqdn);
	MST_STR_SET(f->connect_to, mef->connect_to);
	MST_STR_SET(f->from, conf->fqdn);
	f->registered = mef->quirks.km == MST_KM_REGISTERED;
	f->names = mef->quirks.names;
	if (f->registered) {
		/* key retrieval 8.3.5.2.8 under the customary base (spec 4.5) */
		mst_put_str(&w, "/MEFBase/");
		mst_put_percent(&w, rel);
	} else {
		mst_put_str(&w, "/fetchCredentials/");
		mst_put_percent(&w, mst_view_str(spelt));
		mst_put_str(&w, "/21");
	}
	mst_put_nul(&w);
	return w.ok;
}

void mst_maf_decide_lookup(const char *key_id, const struct mst_credential *cred, const struct mst_who *owner,
                           const struct mst_role_conf *conf, mst_time now, struct mst_maf_lookup *ret)
{
	const struct mst_mef_link *mef;
	const char *why = NULL;
	struct mst_view fqdn;

	memset(ret, 0, sizeof(*ret));
	if (cred && cred->state == MST_CRED_REVOKED)
		why = "the key is revoked: it was replaced, or its client de-registered";
	else if (cred && cred->expires <= now)
		why = "the key has expired";
	else if (cred && cred->purpose != MST_PURPOSE_KM)
		why = "the key is not for this use";
	else if (cred && !(why = mst_maf_unvouched(cred, conf)))
		(void)mst_decide_standing(owner, now, &why);
	if (cred && !why) {
		mst_maf_release(cred, &ret->release);
		return;
	}
	ret->outcome = MST_PSK_UNKNOWN;
	if (!why && !fqdn_part(key_id, &fqdn))
		why = "the identity is no key identifier";
	else if (!why && mst_id_equal(MST_ID_FQDN, fqdn, mst_view_str(conf->fqdn)))
		why = "unknown key identifier of this MAF";
	if (why) {
		MST_STR_SET(ret->why, why);
		return;
	}
	/* 8.3.2.1: the part after the @ names the MEF to ask; only one that we were told to trust */
	mef = mef_of(conf, fqdn);
	if (mef && fill_fetch(key_id, mef, conf, &ret->fetch))
		ret->outcome = MST_PSK_FETCH;
	else
		MST_STR_SET(ret->why, no_mef);
}

static const char *const fetch_end[] = {
	[MST_FETCH_OK] = "given",
	[MST_FETCH_UNKNOWN] = "the MEF does not know the key",
	[MST_FETCH_REFUSED] = "the MEF refused",
	[MST_FETCH_UNREACHABLE] = "the MEF is not reachable",
	[MST_FETCH_UNTRUSTED] = "the MEF could not prove who it is",
	[MST_FETCH_MALFORMED] = "the MEF's answer is malformed",
	[MST_FETCH_BUSY] = "too many requests to the MEF are waiting",
	[MST_FETCH_REVOKED] = "the MEF's certificate is revoked",
	[MST_FETCH_LIST_STALE] = "no current revocation list to judge the MEF's certificate by (maf.require_mef_crl)",
};

/* TS-0003 8.1.2.5: whoever receives a MEF's certificate shall check its status. What comes of it is an event of its own. */
static const char *fetch_event(enum mst_fetch_end end)
{
	return end == MST_FETCH_REVOKED ? "mef-revoked" : end == MST_FETCH_LIST_STALE ? "mef-list-stale" : "psk-refused";
}

bool mst_maf_decide_fetched(const char *key_id, const struct mst_fetch_result *got, const struct mst_who *owner,
                            const struct mst_role_conf *conf, mst_time now, struct mst_credential *ret_cred,
                            const char **ret_event, char ret_why[200])
{
	struct mst_writer w = mst_writer_of(ret_why, 200);
	const struct mst_mef_link *mef = NULL;
	struct mst_credential c = { .purpose = MST_PURPOSE_KM, .state = MST_CRED_PENDING, .created = now };
	const char *why = NULL;
	struct mst_view fqdn;

	*ret_event = fetch_event(got->end);
	if (got->end != MST_FETCH_OK) {
		mst_put_str(&w, (unsigned)got->end < MST_COUNT(fetch_end) ? fetch_end[got->end] : "the MEF gave no key");
		mst_put_str(&w, got->detail[0] ? ": " : "");
		mst_put(&w, mst_view_sub(mst_view_str(got->detail), 0, 150));
		mst_put_nul(&w);
		return false;
	}
	if (fqdn_part(key_id, &fqdn))
		mef = mef_of(conf, fqdn);
	if (!mef)
		why = no_mef;
	else if (!got->enrolee_id[0] || !mst_printable_ascii(mst_view_str(got->enrolee_id)))
		why = "the MEF named no enrolee";
	else if (got->lifetime <= now)
		why = "the MEF gave a key that has expired";
	else if (!got->key.n)
		why = "the MEF's answer held no key";
	else
		(void)mst_decide_standing(owner, now, &why);
	if (why) {
		mst_str_set(ret_why, 200, why);
		return false;
	}
	if (!may_vouch(mef, got->enrolee_id)) {
		*ret_event = "vouch-refused";
		mst_put_str(&w, "of no provider in maf.mefs.sps of this MEF: ");
		mst_put(&w, mst_view_sub(mst_view_str(got->enrolee_id), 0, 150));
		mst_put_nul(&w);
		return false;
	}
	MST_STR_SET(c.key_id, key_id);
	mst_id_enrolee(got->enrolee_id, c.client_id);
	(void)mst_view_to_str(fqdn, c.via, sizeof(c.via));
	c.node = owner->has_node ? owner->node.id : 0;
	c.expires = got->lifetime;
	if (owner->has_sub && owner->sub.not_after < c.expires)
		c.expires = owner->sub.not_after;
	*ret_cred = c;
	return true;
}

/* --- registrations --- */

/* With a stakeholder that is not the client's provider: the key was not made for it, and works on. */
static bool beside(const struct mst_who *w, const struct mst_registration *g)
{
	return w->has_sub && !mst_id_equal(MST_ID_FQDN, mst_view_str(g->admin_fqdn), mst_view_str(w->sub.sp_fqdn));
}


/*
 * In a session authenticated with a KeID: assign the KmID that replaces it (TS-0003 8.8.2.3), the same one however
 * often it is asked for (lesson 10). Km stays the key that the MEF gave; only its name changes.
 */
static void assign(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                   const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance, struct mst_verdict *v)
{
	static const char hex[] = "0123456789ABCDEF";
	const char *again = NULL;
	size_t pending = 0;
	char rel[33];

	for (size_t i = 0; i < r->n_other; i++)
		if (r->other[i].state != MST_CRED_REVOKED && !strcmp(r->other[i].via, w->cred.key_id))
			again = r->other[i].key_id;
	v->show |= BIT(MST_CR_KMID);
	v->put_reg = true;
	mst_decide_step(v, w, c, "maf-enrol", now);
	if (again) {
		MST_STR_SET(v->reg.key_id, again);
		MST_STR_SET(v->why, "the same KmID again");
		return;
	}
	for (size_t i = 0; i < 16; i++) {
		rel[2 * i] = hex[chance->b[16 + i] >> 4];
		rel[2 * i + 1] = hex[chance->b[16 + i] & 15];
	}
	rel[32] = 0;
	if (!mst_key_id_join(rel, conf->fqdn, v->cred.key_id)) {
		mst_refuse(v, MST_RSC_INTERNAL, "", "a KmID does not fit");
		return;
	}
	v->put_cred = v->insert_cred = true;
	v->wrap_cred = MST_WRAP_AGAIN;
	v->cred.purpose = MST_PURPOSE_KM;
	MST_STR_SET(v->cred.client_id, w->id);
	MST_STR_SET(v->cred.via, w->cred.key_id);
	v->cred.node = w->cred.node;
	v->cred.state = MST_CRED_PENDING;
	v->cred.created = now;
	v->cred.expires = w->cred.expires;      /* TS-0003 10.7 */
	MST_STR_SET(v->reg.key_id, v->cred.key_id);
	MST_STR_SET(v->why, "KmID assigned");
	/* it has authenticated: fetched keys that nobody proves to have cannot push it out any more (maf.c: prune) */
	if (w->cred.state == MST_CRED_PENDING) {
		v->used = true;
		v->active = w->cred;
		v->active.state = MST_CRED_ACTIVE;
		v->active.last_used = now;
	}
	for (size_t i = r->n_other, seen = 0; i-- > 0;)
		if (r->other[i].state == MST_CRED_ACTIVE && mst_maf_is_enrolment(r->other[i].key_id, conf) &&
		    strcmp(r->other[i].key_id, w->cred.key_id) && ++seen > 1)
			mst_decide_drop(v, r->other[i].key_id);
	/* KmIDs that were assigned and never used: one may stay, of an attempt that goes on beside this one */
	for (size_t i = r->n_other; i-- > 0;) {
		const struct mst_cred_brief *b = &r->other[i];

		if (b->state == MST_CRED_PENDING && !mst_maf_is_enrolment(b->key_id, conf) && ++pending > 1)
			mst_decide_drop(v, b->key_id);
	}
}

/* Is the client called as it was before it moved? Its keys work for as long as they may, and are no arrival. */
static bool called_as_before(const struct mst_who *w)
{
	const struct mst_node *n = &w->node;

	return w->has_node && strcmp(w->id, n->cse_id) != 0 && strcmp(w->id, n->ae_id) != 0 && strcmp(w->id, n->node_id) != 0;
}

/*
 * A request succeeded in a session of a KmID that was only assigned so far: the client has it. Now, and not
 * before, what it replaces goes (lesson 4): the KeID, the KmID in use, older ones never used.
 */
static void first_use(const struct mst_who *w, const struct mst_records *r, const struct mst_role_conf *conf, mst_time now,
                      struct mst_verdict *v)
{
	v->activate = true;
	v->active = w->cred;
	v->active.state = MST_CRED_ACTIVE;
	v->active.last_used = now;
	v->active.due = mst_life_warn_at(now, v->active.expires);
	/* oldest first, in the order in which they were made: seconds would not tell those of one burst apart */
	for (size_t i = 0; i < r->n_other && strcmp(r->other[i].key_id, w->cred.key_id); i++) {
		const struct mst_cred_brief *b = &r->other[i];

		if (b->elsewhere)
			continue;
		if (b->state == MST_CRED_ACTIVE && !mst_maf_is_enrolment(b->key_id, conf))
			MST_STR_SET(v->revoke, b->key_id);
		else
			mst_decide_drop(v, b->key_id);
	}
	if (called_as_before(w))
		return;
	/* what it has from the provider that it was with before: it has arrived (architecture 4) */
	for (size_t i = 0; i < r->n_other; i++)
		if (r->other[i].elsewhere)
			mst_decide_drop(v, r->other[i].key_id);
	if (w->has_node && !v->put_node) {
		v->put_node = true;
		v->node = w->node;
		v->node.last_seen = now;
	}
	if (!v->put_node)
		return;
	v->left = true;
	MST_STR_SET(v->node.last_step, "maf-active");
	v->node.reenrol_until = 0;      /* what the operator had opened it for is done */
	switch (v->node.state) {
	case MST_NODE_KNOWN:
	case MST_NODE_BRIEFED:
	case MST_NODE_ENROLLING:
	case MST_NODE_EXPIRING:
		v->node.state = MST_NODE_ENROLLED;
		v->node.changed = now;
		MST_STR_SET(v->node.reason, "it uses the key of its MAF");
		break;
	case MST_NODE_ENROLLED:
	case MST_NODE_SUSPENDED:
	case MST_NODE_REVOKED:
	case MST_NODE_RELEASED:
		break;
	}
}

static void end_registration(const struct mst_who *w, const struct mst_records *r, struct mst_verdict *v)
{
	if (r->reg.key_id[0])
		mst_decide_drop(v, r->reg.key_id);
	for (size_t i = 0; i < r->n_other; i++)
		if (!strcmp(r->other[i].via, w->cred.key_id) || !strcmp(r->other[i].key_id, w->cred.via) ||
		    (!strcmp(r->other[i].key_id, w->cred.key_id) && strcmp(r->other[i].key_id, r->reg.key_id)))
			mst_decide_drop(v, r->other[i].key_id);
}

static void config(const struct mst_who *w, const struct mst_records *r, mst_time now, struct mst_verdict *v)
{
	if (!mst_decide_own_reg(w, r, now, v))
		return;
	v->rsc = MST_RSC_OK;
	v->body = MST_BODY_CFG;
}

/* In a session by KmID nothing needs to be assigned; a node that came with a B-TID is told that this is it (TS-0003 8.3.2.3). */
static void keep_name(const struct mst_who *w, struct mst_verdict *v)
{
	struct mst_view bsf;
	struct gba_ua ua;

	MST_STR_SET(v->reg.key_id, w->cred.key_id);
	if (mst_naf_cred(w->cred.via, &ua, &bsf))
		v->show |= BIT(MST_CR_KMID);
}

static void decide_call(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                        const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance, struct mst_verdict *v)
{
	bool enrolment = w->has_cred && mst_maf_is_enrolment(w->cred.key_id, conf);

	switch (c->what) {
	case MST_CALL_REGISTER:
		mst_decide_register(c, w, r, conf, now, chance, v);
		if (v->rsc != MST_RSC_CREATED)
			return;
		if (enrolment)
			assign(c, w, r, conf, now, chance, v);
		else if (w->has_cred && !beside(w, &v->reg))
			keep_name(w, v);
		return;
	case MST_CALL_REG_GET: mst_decide_reg_get(c, w, r, now, v); return;
	case MST_CALL_REG_SET:
		mst_decide_reg_set(c, w, r, conf, now, v);
		/* 8.8.2.5: an update is also a way to a new Km */
		if (v->rsc == MST_RSC_UPDATED && enrolment)
			assign(c, w, r, conf, now, chance, v);
		return;
	case MST_CALL_REG_DELETE:
		mst_decide_reg_delete(c, w, r, now, v);
		if (v->rsc == MST_RSC_DELETED && w->has_cred && !beside(w, &r->reg))
			end_registration(w, r, v);
		return;
	case MST_CALL_CFG_GET: config(w, r, now, v); return;
	case MST_CALL_KEY_REGISTER: mst_decide_key_register(c, w, r, conf, now, chance, v); return;
	case MST_CALL_KEY_GET: mst_decide_key_get(c, w, r, conf, now, v); return;
	case MST_CALL_KEY_SET: mst_decide_key_set(c, w, r, conf, now, v); return;
	case MST_CALL_KEY_DELETE: mst_decide_key_delete(c, w, r, now, v); return;
	case MST_CALL_CMD_GET:
	case MST_CALL_CMD_SET:
	case MST_CALL_FETCH:
	case MST_CALL_OBJECTS_GET:
	case MST_CALL_NONE:
	case MST_CALL__COUNT:
		break;
	}
	mst_refuse(v, MST_RSC_OPERATION_NOT_ALLOWED, "no such operation here", NULL);
}

void mst_maf_decide(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                    const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance, struct mst_verdict *v)
{
	const char *why = w->has_cred ? mst_maf_unvouched(&w->cred, conf) : NULL;

	if (why) {
		/* as to whom nobody is known (mst_decide_admit) */
		mst_refuse(v, MST_RSC_NO_PRIVILEGE, "not known here", why);
		v->close = true;
		return;
	}
	if (!mst_decide_admit(w, c, now, v))
		return;
	decide_call(c, w, r, conf, now, chance, v);
	if (v->rsc < MST_RSC_BAD_REQUEST && c->what != MST_CALL_REG_DELETE && w->has_cred &&
	    w->cred.state == MST_CRED_PENDING && !mst_maf_is_enrolment(w->cred.key_id, conf))
		first_use(w, r, conf, now, v);
}
