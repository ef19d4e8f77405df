#include "role/mef/decide.h"

#include <string.h>

#include "role/authorise.h"

#define BIT(i) (1u << (i))

/* Enrolment Key Generation belongs to the registration (TS-0003 8.3.2.1; architecture 3.5). */
static void enrolment_key(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, mst_time now,
                          struct mst_verdict *v)
{
	if (!mst_decide_session_key(c, w, r, v->reg.reg_id, v->reg.expires, now, v))
		return;
	MST_STR_SET(v->reg.key_id, c->key_id);
	v->wait_command = true;
	v->show |= BIT(MST_CR_CH);
	mst_decide_step(v, w, c, "mef-register", now);
	if (!v->put_node)
		return;
	switch (v->node.state) {
	case MST_NODE_KNOWN:
	case MST_NODE_BRIEFED:
	case MST_NODE_EXPIRING:
		v->node.state = MST_NODE_ENROLLING;
		v->node.changed = now;
		MST_STR_SET(v->node.reason, "registered at the MEF");
		break;
	case MST_NODE_ENROLLING:
	case MST_NODE_ENROLLED:      /* its old credential still works until the new one is used */
	case MST_NODE_SUSPENDED:
	case MST_NODE_REVOKED:
	case MST_NODE_RELEASED:
		break;
	}
}

/*
 * May this MAF have a key of this enrolee for this usage (TS-0003 8.3.2.1 step "checks")? By the subscription alone only the key that
 * enrolled, where it matters: a key for another use, which an enrolled node may have made at any time, must not become a root key.
 */
static bool may_fetch(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, const struct mst_role_conf *conf,
                      mst_time now)
{
	const struct mst_keyreg *k = &r->keyreg;

	if (r->has_keyreg && k->expires > now && k->exporter && k->suid == c->suid && mst_lines_has(k->targets, w->id))
		return true;
	return c->suid == 21 && r->owner.has_sub &&
	       (conf->reenrol == MST_REENROL_OPEN || (r->has_reg && !strcmp(r->reg.key_id, r->cred.key_id))) &&
	       mst_id_equal(MST_ID_FQDN, mst_view_str(r->owner.sub.maf_fqdn), mst_view_str(w->id));
}

static bool fetch_refused(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                          const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v)
{
	const struct mst_credential *k = &r->cred;
	const char *why = "";
	int rsc;

	if (w->kind != MST_WHO_MAF)
		mst_refuse(v, MST_RSC_NO_PRIVILEGE, "not permitted", "only a configured MAF may fetch credentials");
	else if (!r->has_cred || k->purpose != MST_PURPOSE_KE)
		mst_refuse(v, MST_RSC_NOT_FOUND, "no such key", "KeID is unknown");
	else if (k->state == MST_CRED_REVOKED)
		mst_refuse(v, MST_RSC_NOT_FOUND, "no such key", "KeID is revoked");
	else if (k->expires <= now)
		mst_refuse(v, MST_RSC_NOT_FOUND, "no such key", "KeID has expired");
	else if (!mst_suid_known(c->suid))
		mst_refuse(v, MST_RSC_BAD_REQUEST, "unknown SUID", NULL);
	else if (!may_fetch(c, w, r, conf, now))
		mst_refuse(v, MST_RSC_NO_PRIVILEGE, "not permitted for this usage", "neither a key registration nor the subscription names this MAF for the SUID");
	else if ((rsc = mst_decide_standing(&r->owner, now, &why)))
		mst_refuse(v, rsc, rsc == MST_RSC_NO_PRIVILEGE ? "the enrolee is not served" : "no valid subscription", why);
	else
		return false;
	return true;
}

/*
 * The MAF has the key: by fetch or, with the same effect, by retrieval of the registered key. It asks as soon as
 * anybody names the KeID in a handshake, which proves nothing about the node: no key goes, no key counts as used, and
 * the node is enrolled only when our MAF has seen it use the key (doc/decisions/0004). Of a MAF elsewhere nothing more
 * will ever be heard here, so what the operator opened a window for is done when it is first given a key that enrols (SUID 21).
 */
static void handed_to_maf(const struct mst_records *r, int suid, const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v)
{
	bool first = r->has_cred && !r->cred.last_used && suid == 21;

	if (r->has_cred) {
		v->put_cred = true;
		v->cred = r->cred;
		v->cred.last_used = now;
	}
	if (!r->owner.has_node)
		return;
	v->put_node = true;
	v->node = r->owner.node;
	if (conf->maf_elsewhere && first)
		v->node.reenrol_until = 0;
	if (v->node.state == MST_NODE_ENROLLED)
		return;
	MST_STR_SET(v->node.last_step, "mef-fetch");
	if (!conf->maf_elsewhere)
		return;
	v->node.state = MST_NODE_ENROLLED;
	v->node.changed = now;
	MST_STR_SET(v->node.reason, "its MAF fetched the key");
}

void mst_mef_decide_fetch(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                          const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v)
{
	struct mst_release *out = &v->release;

	if (fetch_refused(c, w, r, conf, now, v))
		return;
	out->how = mst_decide_derivation(conf, c->suid);
	out->key = r->cred.key;
	out->purpose = MST_PURPOSE_KE;
	if (out->how == MST_DERIVE_NONE) {
		/* quirk: the registered key is the MAF's key, so one must be registered; Ke by itself never leaves */
		if (!r->has_keyreg || r->keyreg.expires <= now || !r->keyreg.exporter || r->keyreg.suid != c->suid) {
			mst_refuse(v, MST_RSC_NOT_FOUND, "no such key", "no key is registered for this use");
			return;
		}
		out->key = r->keyreg.key;
		out->purpose = mst_decide_keyreg_purpose(conf, c->role, &r->keyreg);
	}
	out->wanted = true;
	MST_STR_SET(out->key_id, r->cred.key_id);
	out->suid = c->suid;
	MST_STR_SET(out->target, w->id);
	out->authorisation = mst_authorise_release(out->key_id, w->id);

	v->rsc = MST_RSC_OK;
	MST_STR_SET(v->why, out->key_id);
	v->body = MST_BODY_FETCHED;
	MST_STR_SET(v->enrolee, r->cred.client_id);
	v->lifetime = mst_decide_expiry(&r->owner, conf, r->cred.expires, now);
	handed_to_maf(r, c->suid, conf, now, v);
}

void mst_mef_decide_config(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, mst_time now,
                           struct mst_verdict *v)
{
	if (!mst_decide_own_reg(w, r, now, v))
		return;
	if (!w->has_node || !w->has_sub) {
		/* 8.3.5.2.4: an error when no configuration belongs to the client */
		mst_refuse(v, MST_RSC_NOT_FOUND, "no configuration", "no node or subscription behind the registration");
		return;
	}
	v->rsc = MST_RSC_OK;
	v->body = MST_BODY_CFG;
	mst_decide_step(v, w, c, "mef-config", now);
}

void mst_mef_decide(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                    const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance, struct mst_verdict *v)
{
	if (!mst_decide_admit(w, c, now, v))
		return;
	switch (c->what) {
	case MST_CALL_REGISTER:
		if (!mst_mef_may_again(c, w, r, conf, now, v))
			return;
		mst_decide_register(c, w, r, conf, now, chance, v);
		if (v->rsc == MST_RSC_CREATED)
			enrolment_key(c, w, r, now, v);
		return;
	case MST_CALL_REG_GET: mst_decide_reg_get(c, w, r, now, v); return;
	case MST_CALL_REG_SET: mst_decide_reg_set(c, w, r, conf, now, v); return;
	case MST_CALL_REG_DELETE:
		mst_decide_reg_delete(c, w, r, now, v);
		mst_mef_remember(w, r, conf, v);
		return;
	case MST_CALL_CFG_GET: mst_mef_decide_config(c, w, r, now, v); return;
	case MST_CALL_CMD_GET:
	case MST_CALL_CMD_SET: mst_mef_decide_command(c, w, r, conf, now, v); return;
	case MST_CALL_KEY_REGISTER:
		/* a key for a MAF is what an enrolment ends with */
		if (c->key.suid == 21 && !mst_mef_may_again(c, w, r, conf, now, v))
			return;
		mst_decide_key_register(c, w, r, conf, now, chance, v);
		return;
	case MST_CALL_KEY_GET:
		mst_decide_key_get(c, w, r, conf, now, v);
		if (v->rsc == MST_RSC_OK && w->kind == MST_WHO_MAF && r->keyreg.suid == 21)
			handed_to_maf(r, r->keyreg.suid, conf, now, v);
		return;
	case MST_CALL_KEY_SET: mst_decide_key_set(c, w, r, conf, now, v); return;
	case MST_CALL_KEY_DELETE:
		mst_decide_key_delete(c, w, r, now, v);
		mst_mef_remember(w, r, conf, v);
		return;
	case MST_CALL_FETCH: mst_mef_decide_fetch(c, w, r, conf, now, v); return;
	case MST_CALL_OBJECTS_GET: mst_mef_decide_objects(c, w, r, now, v); return;
	case MST_CALL_NONE:
	case MST_CALL__COUNT:
		break;
	}
	mst_refuse(v, MST_RSC_OPERATION_NOT_ALLOWED, "no such operation here", NULL);
}
