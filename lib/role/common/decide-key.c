/* Symmetric key procedures: TS-0003 8.3.5.2.7 to 8.3.5.2.10 and their twins 8.8.2.7 to 8.8.2.10. PURE. */
#include "role/authorise.h"
#include "role/common/common.h"
#include "role/life.h"

#include <string.h>

#define BIT(i) (1u << (i))
#define CREATE_MEMBERS (BIT(MST_KR_ET) | BIT(MST_KR_LBL) | BIT(MST_KR_ADMIN) | BIT(MST_KR_SUID) | BIT(MST_KR_TARGETS))
#define UPDATE_MEMBERS (BIT(MST_KR_ET) | BIT(MST_KR_LBL) | BIT(MST_KR_TARGETS))

enum mst_derive_how mst_decide_derivation(const struct mst_role_conf *conf, int suid)
{
	/* spec 3.4 "open points"; the quirk concerns the key of a MAF only */
	if (suid != 21)
		return MST_DERIVE_USAGE;
	switch (conf->quirks.km) {
	case MST_KM_USAGE_CONSTRAINED: return MST_DERIVE_USAGE;
	case MST_KM_MASTER: return MST_DERIVE_KM;
	case MST_KM_REGISTERED: return MST_DERIVE_NONE;
	}
	return MST_DERIVE_USAGE;
}

enum mst_key_purpose mst_decide_keyreg_purpose(const struct mst_role_conf *conf, enum mst_role role, const struct mst_keyreg *k)
{
	return role == MST_ROLE_MEF && k->exporter && mst_decide_derivation(conf, k->suid) != MST_DERIVE_NONE ?
	       MST_PURPOSE_KE : MST_PURPOSE_KEYREG;
}

/*
 * A key derived from Ke is for one target (TS-0003 10.3.7), so several targets cannot share it; and Ke itself is
 * not for anybody but the MEF.
 */
static bool shareable(const struct mst_role_conf *conf, enum mst_role role, const struct mst_keyreg *k, struct mst_verdict *v)
{
	if (mst_decide_keyreg_purpose(conf, role, k) != MST_PURPOSE_KE || !strchr(k->targets, '\n'))
		return true;
	mst_refuse(v, MST_RSC_NOT_IMPLEMENTED, "several targets need a keyValue of the client's", NULL);
	return false;
}

/* Which usages a role keeps keys for, and who may be a target of each: spec 1.5, 4.4.1, 5.4. */
struct usage { enum mst_role role; int suid; uint16_t least, most; bool maf; };
static const struct usage usages[] = {
	{ MST_ROLE_MEF, 21, 1, 1, true },
	{ MST_ROLE_MEF, 22, 1, 1, false },
	{ MST_ROLE_MEF, 23, 1, 1, false },
	{ MST_ROLE_MEF, 24, 1, MST_TARGETS_MAX, false },
	{ MST_ROLE_MEF, 25, 1, MST_TARGETS_MAX, false },
	{ MST_ROLE_MAF, 32, 1, 1, false },
	{ MST_ROLE_MAF, 33, 1, 1, false },
	{ MST_ROLE_MAF, 34, 1, MST_TARGETS_MAX, false },
	{ MST_ROLE_MAF, 35, 1, MST_TARGETS_MAX, false },
};

static const struct usage *usage_of(enum mst_role role, int64_t suid)
{
	for (size_t i = 0; i < MST_COUNT(usages); i++)
		if (usages[i].role == role && usages[i].suid == suid)
			return &usages[i];
	return NULL;
}

static bool known_maf(const struct mst_role_conf *conf, const struct mst_who *w, const char *fqdn)
{
	for (size_t i = 0; i < conf->n_maf; i++)
		if (mst_id_equal(MST_ID_FQDN, mst_view_str(conf->maf_fqdn[i]), mst_view_str(fqdn)))
			return true;
	return w->has_sub && mst_id_equal(MST_ID_FQDN, mst_view_str(w->sub.maf_fqdn), mst_view_str(fqdn));
}

static bool target_good(const struct usage *u, const struct mst_role_conf *conf, const struct mst_who *w,
                        struct mst_view t, char out[MST_ID_MAX], struct mst_verdict *v)
{
	if (u->maf) {
		if (!mst_id_normalise(MST_ID_FQDN, t, out)) {
			mst_refuse(v, MST_RSC_BAD_REQUEST, "the target of this SUID is the FQDN of a MAF", NULL);
			return false;
		}
		if (!known_maf(conf, w, out)) {
			mst_refuse(v, MST_RSC_NO_PRIVILEGE, "no such MAF here", "the target is no MAF of this installation");
			return false;
		}
		return true;
	}
	if (!mst_id_normalise(MST_ID_CSE_ABS, t, out) && !mst_id_normalise(MST_ID_AE_ABS, t, out)) {
		mst_refuse(v, MST_RSC_BAD_REQUEST, "a target is an absolute CSE-ID or AE-ID", NULL);
		return false;
	}
	return true;
}

/* Put the target list into the record; without one, a MAF is the subscription's own (8.3.5.2.7: the MEF may make it). */
static bool take_targets(const struct mst_key_reg *q, const struct usage *u, const struct mst_role_conf *conf,
                         const struct mst_who *w, struct mst_keyreg *k, struct mst_verdict *v)
{
	char one[MST_ID_MAX];
	struct mst_writer out = mst_writer_of(k->targets, sizeof(k->targets));

	if (!(q->has & BIT(MST_KR_TARGETS))) {
		if (!u->maf || !w->has_sub || !mst_id_normalise(MST_ID_FQDN, mst_view_str(w->sub.maf_fqdn), k->targets)) {
			mst_refuse(v, MST_RSC_BAD_REQUEST, "targetIDs is missing", NULL);
			return false;
		}
		return true;
	}
	if (q->n_targets < u->least || q->n_targets > u->most) {
		mst_refuse(v, MST_RSC_BAD_REQUEST, u->most == 1 ? "this SUID takes exactly one target" : "too few or too many targets", NULL);
		return false;
	}
	for (size_t i = 0; i < q->n_targets; i++) {
		if (!target_good(u, conf, w, q->targets[i], one, v))
			return false;
		if (i)
			mst_put_u8(&out, '\n');
		mst_put_str(&out, one);
	}
	mst_put_nul(&out);
	if (!out.ok)
		mst_refuse(v, MST_RSC_BAD_REQUEST, "targetIDs is too long", NULL);
	return out.ok;
}

static bool create_content_good(const struct mst_call *c, const struct mst_who *w, const struct mst_role_conf *conf,
                                mst_time now, struct mst_verdict *v)
{
	const struct mst_key_reg *q = &c->key;
	const struct usage *u = usage_of(c->role, q->suid);
	char admin[MST_ID_MAX];

	if (q->has & BIT(MST_KR_KEY))
		mst_refuse(v, MST_RSC_NOT_IMPLEMENTED, "keyValue is not taken here",
		           "keyValue came in clear; a listener has to seal it");
	else if (q->has & ~CREATE_MEMBERS)
		mst_refuse(v, MST_RSC_BAD_REQUEST, "only et, lbl, adminFQDN, SUID, targetIDs and keyValue may be given", NULL);
	else if (!(q->has & BIT(MST_KR_ET)))
		mst_refuse(v, MST_RSC_BAD_REQUEST, "et is missing", NULL);
	else if (!(q->has & BIT(MST_KR_ADMIN)))
		mst_refuse(v, MST_RSC_BAD_REQUEST, "adminFQDN is missing", NULL);
	else if (!(q->has & BIT(MST_KR_SUID)))
		mst_refuse(v, MST_RSC_BAD_REQUEST, "SUID is missing", NULL);
	else if (!u)
		mst_refuse(v, MST_RSC_BAD_REQUEST, c->role == MST_ROLE_MEF ? "SUID is 21 to 25 here" : "SUID is 32 to 35 here", NULL);
	else if (!mst_id_normalise(MST_ID_FQDN, q->admin_fqdn, admin))
		mst_refuse(v, MST_RSC_BAD_REQUEST, "adminFQDN is not an FQDN", NULL);
	else if (q->et <= now)
		mst_refuse(v, MST_RSC_BAD_REQUEST, "et has passed", NULL);
	else if (!mst_decide_stakeholder(conf, w, admin))
		mst_refuse(v, MST_RSC_NO_PRIVILEGE, "not a client of that adminFQDN",
		           "adminFQDN is neither the provider of the node's subscription nor one of mef.stakeholders");
	else if (!mst_lines_join(q->lbl, q->n_lbl, v->keyreg.labels, sizeof(v->keyreg.labels)))
		mst_refuse(v, MST_RSC_BAD_REQUEST, "lbl is not a list of labels", NULL);
	else
		return take_targets(q, u, conf, w, &v->keyreg, v);
	return false;
}

static void random_rel_key(const struct mst_chance *chance, char out[33])
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < 16; i++) {
		out[2 * i] = hex[chance->b[16 + i] >> 4];
		out[2 * i + 1] = hex[chance->b[16 + i] & 15];
	}
	out[32] = 0;
}

/* A key registration for a MAF, by the key that enrolled: the credential of the same identifier holds the key. */
static bool refers_to_cred(const struct mst_role_conf *conf, enum mst_role role, const struct mst_keyreg *k)
{
	return k->suid == 21 && mst_decide_keyreg_purpose(conf, role, k) == MST_PURPOSE_KE;
}

/* The key of the session itself: once per session, as it never changes in one (spec 3.2). */
static bool exporter_key(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                         const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v)
{
	struct mst_keyreg *k = &v->keyreg;

	if (!c->has_export) {
		mst_refuse(v, MST_RSC_INTERNAL, "", "the listener exported no key from this session");
		return false;
	}
	if (r->has_keyreg) {
		mst_refuse(v, MST_RSC_CONFLICT, "this session's key is registered already",
		           "second exporter key registration in one session");
		return false;
	}
	MST_STR_SET(k->rel_key_id, c->rel_key);
	k->exporter = true;
	k->session = c->session;
	/* Ke is there already as the credential, and a MAF's key registration goes with it: no second copy */
	v->wrap_keyreg = refers_to_cred(conf, c->role, k) ? MST_WRAP_NONE : MST_WRAP_EXPORT;
	if (c->role != MST_ROLE_MEF)
		return true;
	if (!mst_decide_session_key(c, w, r, r->reg.reg_id, k->expires, now, v))
		return false;
	if (v->put_cred && k->suid == 21) {
		/* registered in an earlier session, whose answer or connection was lost: this session's key enrols now */
		v->reg = r->reg;
		MST_STR_SET(v->reg.key_id, c->key_id);
		v->put_reg = true;
	} else if (!v->put_cred && r->cred.expires < k->expires) {
		k->expires = r->cred.expires;
	}
	return true;
}

void mst_decide_key_register(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                             const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance,
                             struct mst_verdict *v)
{
	struct mst_keyreg *k = &v->keyreg;
	char rel[33];

	if (!create_content_good(c, w, conf, now, v))
		return;
	if (w->has_node && mst_life_leaving(&w->node, now)) {
		mst_refuse(v, MST_RSC_NO_PRIVILEGE, "not permitted", "the node was let go: no new keys");
		return;
	}
	if (!mst_decide_own_reg(w, r, now, v))
		return;
	if (r->n_keyregs >= MST_KEYREGS_MAX) {
		mst_refuse(v, MST_RSC_CONFLICT, "too many key registrations", NULL);
		return;
	}
	MST_STR_SET(k->reg_id, r->reg.reg_id);
	MST_STR_SET(k->client_id, r->reg.client_id);
	MST_STR_SET(k->admin_fqdn, r->reg.admin_fqdn);
	k->suid = (int)c->key.suid;
	k->created = k->modified = now;
	k->expires = mst_decide_expiry(w, conf, c->key.et, now);
	if (c->has_key_value) {
		random_rel_key(chance, rel);
		MST_STR_SET(k->rel_key_id, rel);
		v->wrap_keyreg = MST_WRAP_KEY_VALUE;
	} else if (!exporter_key(c, w, r, conf, now, v) || !shareable(conf, c->role, k, v)) {
		return;
	}
	v->put_keyreg = v->insert_keyreg = true;
	/* what has ended makes room, one for one: neither the limit nor the store fills up with it */
	MST_STR_SET(v->stale_keyreg, r->stale_keyreg);
	v->rsc = MST_RSC_CREATED;
	v->body = MST_BODY_KEY;
	v->show = BIT(MST_KR_RN) | BIT(MST_KR_ET) | BIT(MST_KR_ADMIN) | BIT(MST_KR_SUID) | BIT(MST_KR_TARGETS) |
	          BIT(MST_KR_RELKEY) | BIT(MST_KR_SOURCE) | (k->labels[0] ? BIT(MST_KR_LBL) : 0);
	mst_decide_step(v, w, c, c->role == MST_ROLE_MEF ? "mef-key-register" : "maf-key-register", now);
}

static bool live_keyreg(const struct mst_records *r, mst_time now, struct mst_verdict *v)
{
	if (r->has_keyreg && r->keyreg.expires > now)
		return true;
	mst_refuse(v, MST_RSC_NOT_FOUND, "no such key", r->has_keyreg ? "the key registration has expired" : "no such key registration");
	return false;
}

/*
 * Which identifier that the channel proved does the target list name? NULL: none. Targets are CSE-IDs, AE-IDs and FQDNs of MAFs (above);
 * an M2M-Node-ID may be any text, so also that of a target, and is none; nor is what it was called with a provider that it has left.
 */
static const char *listed_as(const struct mst_who *w, const char *targets)
{
	for (size_t i = 0; i + w->n_shown < w->n_name; i++)
		if (w->name[i].kind != MST_ID_NODE && mst_lines_has(targets, w->name[i].value))
			return w->name[i].value;
	return NULL;
}

/*
 * 8.3.5.2.8: the key goes to a listed target that has authenticated, while its owner may still be served. An
 * exporter key at a MEF is Ke: it never leaves as it is unless the quirk says so (lesson 26), but as the key
 * that fetchCredentials would give, so that both ways give a target the same key.
 */
void mst_decide_key_get(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                        const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v)
{
	const struct mst_keyreg *k = &r->keyreg;
	struct mst_release *out = &v->release;
	bool refers = c->role == MST_ROLE_MEF && k->exporter && !k->key.n;
	const char *why = "", *as;
	int rsc;

	if (!live_keyreg(r, now, v))
		return;
	as = listed_as(w, k->targets);
	if (!as) {
		mst_refuse(v, MST_RSC_NO_PRIVILEGE, "not a target of this key", "the requester is not on the target list");
		return;
	}
	rsc = mst_decide_standing(&r->owner, now, &why);
	if (rsc) {
		mst_refuse(v, rsc, "its owner is not served", why);
		return;
	}
	if (c->role == MST_ROLE_MEF && k->exporter)
		out->how = mst_decide_derivation(conf, k->suid);
	if (out->how != MST_DERIVE_NONE && !mst_target_fqdn(as, out->target)) {
		mst_refuse(v, MST_RSC_NOT_IMPLEMENTED, "no FQDN form of the target", NULL);
		return;
	}
	if (refers && (!r->has_cred || r->cred.state == MST_CRED_REVOKED)) {
		mst_refuse(v, MST_RSC_NOT_FOUND, "no such key", "the credential that holds the key is gone or revoked");
		return;
	}
	out->wanted = true;
	out->key = refers ? r->cred.key : k->key;
	out->purpose = mst_decide_keyreg_purpose(conf, c->role, k);
	out->suid = k->suid;
	if (!mst_key_id_join(k->rel_key_id, conf->fqdn, out->key_id)) {
		mst_refuse(v, MST_RSC_INTERNAL, "", "the key's identifier does not fit");
		return;
	}
	out->authorisation = mst_authorise_release(out->key_id, w->id);
	v->rsc = MST_RSC_OK;
	v->keyreg = *k;
	v->body = MST_BODY_KEY;
	v->show = BIT(MST_KR_ET) | BIT(MST_KR_SOURCE) | BIT(MST_KR_ADMIN) | BIT(MST_KR_SUID) | BIT(MST_KR_KEY) |
	          (k->labels[0] ? BIT(MST_KR_LBL) : 0);
}

static bool own_keyreg(const struct mst_who *w, const struct mst_records *r, mst_time now, struct mst_verdict *v)
{
	if (!live_keyreg(r, now, v))
		return false;
	if (!r->has_reg || (w->has_node ? r->reg.node != w->node.id : strcmp(r->keyreg.client_id, w->id) != 0)) {
		mst_refuse(v, MST_RSC_NO_PRIVILEGE, "not its owner", "the key registration belongs to another client");
		return false;
	}
	if (r->reg.expires <= now) {
		mst_refuse(v, MST_RSC_NOT_FOUND, "no such key", "the client registration that it belongs to has expired");
		return false;
	}
	return true;
}

void mst_decide_key_set(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                        const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v)
{
	const struct mst_key_reg *q = &c->key;
	const struct usage *u;

	if (!own_keyreg(w, r, now, v))
		return;
	u = usage_of(c->role, r->keyreg.suid);
	if (!(q->has & UPDATE_MEMBERS) || (q->has & ~UPDATE_MEMBERS) || !u) {
		mst_refuse(v, MST_RSC_BAD_REQUEST, "give et, lbl or targetIDs, nothing else", NULL);
		return;
	}
	if ((q->has & BIT(MST_KR_ET)) && q->et <= now) {
		mst_refuse(v, MST_RSC_BAD_REQUEST, "et has passed", NULL);
		return;
	}
	v->keyreg = r->keyreg;
	if ((q->has & BIT(MST_KR_LBL)) && !mst_lines_join(q->lbl, q->n_lbl, v->keyreg.labels, sizeof(v->keyreg.labels))) {
		mst_refuse(v, MST_RSC_BAD_REQUEST, "lbl is not a list of labels", NULL);
		return;
	}
	if ((q->has & BIT(MST_KR_TARGETS)) &&
	    (!take_targets(q, u, conf, w, &v->keyreg, v) || !shareable(conf, c->role, &v->keyreg, v)))
		return;
	if (q->has & BIT(MST_KR_ET)) {
		v->keyreg.expires = mst_decide_expiry(w, conf, q->et, now);
		/* nothing derived outlives Ke (TS-0003 10.7); without Ke at hand its bound is the one there is */
		if (r->has_cred && r->cred.expires < v->keyreg.expires)
			v->keyreg.expires = r->cred.expires;
		else if (!r->has_cred && c->role == MST_ROLE_MEF && r->keyreg.exporter && r->keyreg.expires < v->keyreg.expires)
			v->keyreg.expires = r->keyreg.expires;
	}
	v->keyreg.modified = now;
	v->put_keyreg = true;
	v->rsc = MST_RSC_UPDATED;
	v->body = MST_BODY_KEY;
	v->show = q->has & UPDATE_MEMBERS;
}

void mst_decide_key_delete(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, mst_time now, struct mst_verdict *v)
{
	(void)c;
	if (!own_keyreg(w, r, now, v))
		return;
	v->keyreg = r->keyreg;
	v->delete_keyreg = true;
	/* the key is to be forgotten, so Ke of that session goes as well: nobody may fetch from it any more */
	if (r->has_cred && r->keyreg.exporter)
		mst_decide_drop(v, r->cred.key_id);
	v->rsc = MST_RSC_DELETED;
}
