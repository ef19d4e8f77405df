/* The MAF (TS-0003 8.8): enrolment with a KeID, handshakes with a KmID, registrations. */
#include "crypto/derive.h"
#include "role/common/naf.h"
#include "role/maf/decide.h"

#include <string.h>

static const struct mst_role_twin twin = {
	.role = MST_ROLE_MAF,
	.reg_msg = &mst_maf_client_reg_msg,
	.cfg_msg = &mst_maf_client_cfg_msg,
	.reg_ty = MST_TY_MAF_CLIENT_REG,
	.decide = mst_maf_decide,
};

static int handle(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a)
{
	return mst_role_handle(&twin, env, x, a);
}

static int clock_look(struct mst_role_env *env, struct mst_clocked *c)
{
	return mst_role_clock(env, MST_ROLE_MAF, c);
}

static int refused(struct mst_role_env *env, const struct mst_peer *p, const char *attempt, int status, const char *why)
{
	return mst_role_refused(env, MST_ROLE_MAF, p, attempt, status, why);
}

static int refusal(struct mst_role_env *env, const struct mst_psk_ask *q, const struct mst_who *owner, const char *what,
                   const char *why)
{
	int r = mst_role_event(env, MST_ROLE_MAF, what, owner, q->identity[0] ? q->identity : q->address, "", 0, why, NULL);

	return r ? r : MST_PSK_UNKNOWN;
}

static int unknown(struct mst_role_env *env, const struct mst_psk_ask *q, const struct mst_who *owner, const char *why)
{
	return refusal(env, q, owner, "psk-refused", why);
}

static int released(struct mst_role_env *env, const struct mst_who *owner, const char *what, const char *why,
                    struct mst_psk_answer *a)
{
	/* an event for each key that leaves the keeper, as for those that leave in an answer */
	int r = mst_role_whose(owner, &a->whose);

	return r ? r : mst_role_event(env, MST_ROLE_MAF, what, owner, a->release.key_id, "", 0, why, &a->release.authorisation.event);
}

/* What a handshake with that identity may have. 0 or a fault. */
struct standing { struct mst_maf_lookup found; struct mst_credential cred; struct mst_who owner; bool known; };

static int stand(struct mst_role_env *env, const char *identity, struct standing *s)
{
	char id[MST_ID_MAX];
	int r;

	memset(s, 0, sizeof(*s));
	if (!mst_id_normalise(MST_ID_KEY, mst_view_str(identity), id))
		MST_STR_SET(id, "");
	r = mst_store_cred_get(env->store, MST_ROLE_MAF, id, &s->cred);
	if (r < 0)
		return r;
	s->known = r == 0;
	r = s->known ? mst_role_client(env, s->cred.client_id, s->cred.node, &s->owner) : 0;
	if (!r)
		mst_maf_decide_lookup(id, s->known ? &s->cred : NULL, &s->owner, env->conf, env->now, &s->found);
	return r;
}

static int psk_lookup(struct mst_role_env *env, const struct mst_psk_ask *q, struct mst_psk_answer *a)
{
	static _Thread_local struct standing s;
	struct mst_naf naf;
	const char *why;
	int r;

	memset(a, 0, sizeof(*a));
	switch (mst_naf_of(env->conf, q->identity, q->suite, &naf, &why)) {
	case MST_NAF_BTID: return mst_naf_lookup(env, MST_ROLE_MAF, &naf, a);
	case MST_NAF_REFUSED: return mst_naf_nobody(env, MST_ROLE_MAF, a);
	case MST_NAF_NOT: break;
	}
	r = stand(env, q->identity, &s);
	if (!r && s.found.outcome != MST_PSK_FETCH)
		r = mst_role_as_long(env, mst_role_left(s.known ? &s.cred : NULL, &s.owner), s.found.outcome != 0);
	if (!r && s.found.outcome != MST_PSK_UNKNOWN) {
		a->release = s.found.release;
		a->fetch = s.found.fetch;
		r = mst_role_whose(&s.owner, &a->whose);
	}
	return r ? r : s.found.outcome;
}

static int hint(struct mst_role_env *env, const struct mst_peer *p, struct mst_psk_hint *ret)
{
	static _Thread_local struct standing s;
	bool one = false;
	int r = mst_naf_hint(env, MST_ROLE_MAF, p, ret, &one);

	if (r || one)
		return r;
	r = stand(env, p->psk_identity, &s);
	if (r)
		return r;
	if (s.found.outcome == MST_PSK_UNKNOWN) {
		MST_STR_SET(ret->why, s.found.why);
		ret->owner = s.owner;
	} else {
		/* whoever proved nothing is not put down to the node */
		ret->given = true;
		MST_STR_SET(ret->why, s.found.outcome ? "identity unknown" : "identity known, key wrong");
	}
	return 0;
}

static int handshake_failed(struct mst_role_env *env, const struct mst_peer *p, enum mst_tls_end why, const char *detail)
{
	return mst_role_handshake_failed(env, MST_ROLE_MAF, p, why, detail, hint);
}

/* Too many keys that were fetched and never came to a KmID: the two newest stay. */
struct prune {
	char id[2][MST_ID_MAX];
	mst_time created[2];
	char drop[MST_ID_MAX];
	const struct mst_role_conf *conf;
};

static int prune(void *arg, const struct mst_credential *c)
{
	struct prune *p = arg;
	size_t oldest;

	if (c->state != MST_CRED_PENDING || !mst_maf_is_enrolment(c->key_id, p->conf))
		return 0;
	for (size_t i = 0; i < 2; i++)
		if (!p->id[i][0]) {
			MST_STR_SET(p->id[i], c->key_id);
			p->created[i] = c->created;
			return 0;
		}
	oldest = p->created[1] < p->created[0];
	if (c->created < p->created[oldest]) {
		MST_STR_SET(p->drop, c->key_id);
		return 0;
	}
	MST_STR_SET(p->drop, p->id[oldest]);
	MST_STR_SET(p->id[oldest], c->key_id);
	p->created[oldest] = c->created;
	return 0;
}

static int keep(struct mst_role_env *env, const struct mst_fetch_result *got, struct mst_credential *cred)
{
	struct prune p = { .conf = env->conf };
	struct mst_keeper *k = env->keeper;
	int r = k->ops->wrap(k, got->channel, (struct mst_view){ got->key.b, got->key.n }, cred->purpose, cred->key_id, &cred->key);

	if (r)
		return r;
	r = mst_store_cred_put(env->store, MST_ROLE_MAF, cred, true);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	r = mst_store_cred_list(env->store, MST_ROLE_MAF, cred->client_id, prune, &p);
	if (r < 0 || !p.drop[0])
		return r < 0 ? r : 0;
	r = mst_store_cred_delete(env->store, MST_ROLE_MAF, p.drop);
	return r < 0 ? r : 0;
}

/* Does the client hold a key that another MEF, or a BSF, vouched for? */
struct elsewhere {
	const struct mst_role_conf *conf;
	struct mst_view fqdn;
	mst_time now;
	bool found;
};

static int of_another(void *arg, const struct mst_credential *c)
{
	struct elsewhere *e = arg;
	struct mst_view rel, fqdn;
	struct gba_ua ua;

	/* a KmID came to be through the KeID that it replaces */
	if (c->state == MST_CRED_REVOKED || c->expires <= e->now || mst_maf_unvouched(c, e->conf))
		return 0;
	if (!mst_naf_cred(c->via, &ua, &fqdn) && !mst_key_id_split(mst_view_str(c->via), &rel, &fqdn) && !mst_key_id_split(mst_view_str(c->key_id), &rel, &fqdn))
		return 0;
	e->found = e->found || !mst_id_equal(MST_ID_FQDN, fqdn, e->fqdn);
	return 0;
}

/*
 * A MEF vouches for its own clients. Among several, BSFs counted, one must not give a key for a client of another: the MAF would
 * take whoever has that key for the client.
 */
static int of_this_mef(struct mst_role_env *env, const struct mst_credential *cred, bool *ret_yes)
{
	struct elsewhere e = { .conf = env->conf, .now = env->now };
	struct mst_view rel;
	int r = 0;

	if (env->conf->n_mef + env->conf->n_bsf > 1 && mst_key_id_split(mst_view_str(cred->key_id), &rel, &e.fqdn))
		r = mst_store_cred_list(env->store, MST_ROLE_MAF, cred->client_id, of_another, &e);
	*ret_yes = !e.found;
	return r < 0 ? r : 0;
}

/*
 * Whose key is it? The MEF says a name. Of a MEF of this installation the row of Ke says which node, also when a move has given that another
 * name since; and whether all that it enrolled with has ended meanwhile, for a move that is over finds nothing that comes later.
 */
static int whose(struct mst_role_env *env, const char *id, const struct mst_fetch_result *got, struct mst_who *ret, bool *ret_ended)
{
	struct mst_credential ke;
	char enrolee[MST_ID_MAX];
	int r = mst_store_cred_get(env->store, MST_ROLE_MEF, id, &ke);

	if (r < 0)
		return r;
	*ret_ended = r == 0 && ke.state == MST_CRED_REVOKED;
	mst_id_enrolee(got->enrolee_id, enrolee);
	return mst_role_client(env, enrolee, r == 0 ? ke.node : 0, ret);
}

static int fetched(struct mst_role_env *env, const struct mst_psk_ask *q, const struct mst_fetch_result *got, struct mst_psk_answer *a)
{
	struct mst_credential cred, had;
	struct mst_who owner = { .kind = MST_WHO_CLIENT };
	char id[MST_ID_MAX], why[200] = "";
	const char *what;
	struct mst_naf naf;
	bool own, ended;
	int r;

	memset(a, 0, sizeof(*a));
	if (mst_naf_of(env->conf, q->identity, q->suite, &naf, &what) == MST_NAF_BTID)
		return mst_naf_fetched(env, MST_ROLE_MAF, &naf, q, got, a);
	if (!mst_id_normalise(MST_ID_KEY, mst_view_str(q->identity), id))
		return unknown(env, q, NULL, "the identity is no key identifier");
	if (got->end == MST_FETCH_OK) {
		r = whose(env, id, got, &owner, &ended);
		if (r)
			return r;
		if (ended)
			return unknown(env, q, &owner, "the key was revoked while the MEF was asked for it");
	}
	if (!mst_maf_decide_fetched(id, got, &owner, env->conf, env->now, &cred, &what, why)) {
		r = refusal(env, q, &owner, what, why);
		/* the MEF could not be asked: that says nothing about the key (lesson 6) */
		return r == MST_PSK_UNKNOWN && (got->end == MST_FETCH_UNREACHABLE || got->end == MST_FETCH_BUSY ||
		       got->end == MST_FETCH_LIST_STALE) ? MST_PSK_BUSY : r;
	}
	r = mst_store_cred_get(env->store, MST_ROLE_MAF, id, &had);
	if (r < 0)
		return r;
	if (r == 0)
		/* a second handshake with the same KeID asked meanwhile: its answer is kept already (lesson 13) */
		return psk_lookup(env, q, a);
	r = of_this_mef(env, &cred, &own);
	if (r)
		return r;
	if (!own)
		return unknown(env, q, &owner, "the client's key came from another MEF, or a BSF; revoke it before this one may give another");
	r = keep(env, got, &cred);
	if (r > 0)
		return unknown(env, q, &owner, r == MST_KEEPER_FORGED ? "the seal of the fetched key does not verify" :
		               "the keeper does not take the fetched key");
	if (r)
		return r;
	mst_maf_release(&cred, &a->release);
	return released(env, &owner, "fetched", "the MEF gave the key of an enrolee", a);
}

const struct mst_role_ops mst_role_maf = {
	.role = MST_ROLE_MAF,
	.export_label = MST_LABEL_CONNECTION,    /* TS-0003 10.3.5 */
	.primitives = true,
	.client_cert_required = true,            /* of those without a key: nobody is let in as nobody */
	.psk = true,
	.handle = handle,
	.psk_lookup = psk_lookup,
	.fetched = fetched,
	.handshake_failed = handshake_failed,
	.refused = refused,
	.clock = clock_look,
};
