/* The shell of a NAF: what is kept of a key of GBA, and what the operator is told. */
#include "role/common/naf.h"

#include <string.h>

static int refusal(struct mst_role_env *env, enum mst_role role, const struct mst_psk_ask *q, const struct mst_who *owner,
		   const char *why)
{
	int r = mst_role_event(env, role, "psk-refused", owner, q->identity[0] ? q->identity : q->address, "", 0, why, NULL);

	return r ? r : MST_PSK_UNKNOWN;
}

int mst_naf_refused(struct mst_role_env *env, enum mst_role role, const struct mst_psk_ask *q, const char *why)
{
	return refusal(env, role, q, NULL, why);
}

/* What a handshake with that B-TID may have; `left` of the questions. 0 or a fault. */
static int stand(struct mst_role_env *env, enum mst_role role, const struct mst_naf *n, struct mst_naf_lookup *ret, struct mst_who *ret_owner,
		 bool *ret_known, unsigned *ret_left)
{
	struct mst_credential cred;
	int r = mst_store_cred_get(env->store, role, n->btid, &cred);

	if (r < 0)
		return r;
	*ret_known = r == 0;
	memset(ret_owner, 0, sizeof(*ret_owner));
	r = *ret_known ? mst_role_client(env, cred.client_id, cred.node, ret_owner) : 0;
	if (r)
		return r;
	mst_naf_decide_lookup(n, *ret_known ? &cred : NULL, ret_owner, mst_naf_purpose(role), env->conf, env->now, ret);
	*ret_left = mst_role_left(*ret_known ? &cred : NULL, ret_owner);
	return 0;
}

int mst_naf_lookup(struct mst_role_env *env, enum mst_role role, const struct mst_naf *n, struct mst_psk_answer *a)
{
	static _Thread_local struct mst_naf_lookup found;
	static _Thread_local struct mst_who owner;
	unsigned left;
	bool known;
	int r = stand(env, role, n, &found, &owner, &known, &left);

	memset(a, 0, sizeof(*a));
	if (!r && found.outcome != MST_PSK_FETCH)
		r = mst_role_as_long(env, left, found.outcome != 0);
	if (!r && found.outcome != MST_PSK_UNKNOWN) {
		a->release = found.release;
		a->fetch = found.fetch;
		r = mst_role_whose(&owner, &a->whose);
	}
	return r ? r : found.outcome;
}

int mst_naf_nobody(struct mst_role_env *env, enum mst_role role, struct mst_psk_answer *a)
{
	struct mst_credential none;
	int r = mst_store_cred_get(env->store, role, "", &none);

	memset(a, 0, sizeof(*a));
	if (r >= 0)
		r = mst_role_as_long(env, MST_ROLE_ASKS, true);
	return r ? r : MST_PSK_UNKNOWN;
}

int mst_naf_hint(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p, struct mst_psk_hint *ret, bool *ret_one)
{
	static _Thread_local struct mst_naf_lookup found;
	enum mst_naf_identity is;
	struct mst_naf n;
	const char *why;
	unsigned left;
	bool known;
	int r;

	is = mst_naf_of(env->conf, p->psk_identity, p->suite, &n, &why);
	*ret_one = is != MST_NAF_NOT;
	if (is == MST_NAF_REFUSED)
		MST_STR_SET(ret->why, why);
	if (is != MST_NAF_BTID)
		return 0;
	r = stand(env, role, &n, &found, &ret->owner, &known, &left);
	if (r)
		return r;
	if (found.outcome != MST_PSK_UNKNOWN) {
		/* it proved nothing: that is no reason to put it down to the node */
		memset(&ret->owner, 0, sizeof(ret->owner));
		ret->given = true;
		found.why = known ? "B-TID known, key wrong: is it that of our name and of the Ua identifier of the negotiated suite?" : "B-TID unknown";
	}
	MST_STR_SET(ret->why, found.why);
	return 0;
}

/* --- the BSF has answered --- */

struct others {
	mst_time now;
	struct mst_view bsf;
	bool taken;                          /* the client uses a key that somebody else vouched for */
	char pending[2][MST_ID_MAX];         /* keys of GBA that nobody has proved to have: the two newest stay */
	mst_time created[2];
	char drop[MST_ID_MAX];
};

/* At a MEF nothing marks a key as proven, so that each that stands counts there. */
static bool in_use(const struct mst_credential *c)
{
	return c->purpose == MST_PURPOSE_KM ? c->state == MST_CRED_ACTIVE : c->purpose == MST_PURPOSE_KPM && c->state != MST_CRED_REVOKED;
}

static int other(void *arg, const struct mst_credential *c)
{
	struct others *o = arg;
	struct mst_view bsf;
	struct gba_ua ua;
	bool gba = mst_naf_cred(c->via, &ua, &bsf);
	size_t oldest;

	if (in_use(c) && c->expires > o->now && !(gba && mst_id_equal(MST_ID_FQDN, bsf, o->bsf)))
		o->taken = true;
	if (!gba || c->state != MST_CRED_PENDING)
		return 0;
	for (size_t i = 0; i < 2; i++)
		if (!o->pending[i][0]) {
			MST_STR_SET(o->pending[i], c->key_id);
			o->created[i] = c->created;
			return 0;
		}
	oldest = o->created[1] < o->created[0];
	if (c->created < o->created[oldest]) {
		MST_STR_SET(o->drop, c->key_id);
		return 0;
	}
	MST_STR_SET(o->drop, o->pending[oldest]);
	MST_STR_SET(o->pending[oldest], c->key_id);
	o->created[oldest] = c->created;
	return 0;
}

static int keep(struct mst_role_env *env, enum mst_role role, const struct mst_credential *cred, bool insert)
{
	struct others o = { .now = env->now };
	int r = mst_store_cred_put(env->store, role, cred, insert);

	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	r = mst_store_cred_list(env->store, role, cred->client_id, other, &o);
	if (r < 0 || !o.drop[0] || !strcmp(o.drop, cred->key_id))
		return r < 0 ? r : 0;
	r = mst_store_cred_delete(env->store, role, o.drop);
	return r < 0 ? r : 0;
}

/*
 * A BSF vouches for whoever its operator likes. Among several who vouch, one must not give a key for a client that uses another's:
 * whoever has that key would be taken for the client.
 */
static int is_taken(struct mst_role_env *env, enum mst_role role, const struct mst_naf *n, const struct mst_who *owner, const char *client,
		    const char **ret_why)
{
	struct others o = { .now = env->now, .bsf = mst_view_str(n->bsf->fqdn) };
	int r = mst_store_cred_list(env->store, role, client, other, &o);

	/* by whatever name of the node it goes */
	if (r >= 0 && owner->has_node)
		r = mst_store_cred_of_node(env->store, role, owner->node.id, other, &o);
	*ret_why = o.taken ? "the client uses a key that somebody else vouched for; revoke it before the BSF may give one" : NULL;
	/* its maker's secret never ends, so the operator's word is enough that this BSF may speak for it, too */
	if (r >= 0 && !o.taken && role == MST_ROLE_MEF && owner->has_node && !n->bsf->n_sp) {
		r = mst_store_cred_of_node(env->store, MST_ROLE_SECRETS, owner->node.id, other, &o);
		if (o.taken)
			*ret_why = "the node has a secret of its maker's; the BSF may speak for it when bsfs.sps names the node's provider";
	}
	return r < 0 ? r : 0;
}

/*
 * Has the session ended while the BSF was asked? A move, or muster gba flush, ends those of a BSF of this installation, and what is on its way then
 * names the node as it was called.
 */
static int has_ended(struct mst_role_env *env, const struct mst_naf *n, bool *ret)
{
	static _Thread_local struct mst_gba_session s;
	struct mst_view btid = mst_view_str(n->btid);
	bool ours = env->conf->own_bsf[0] && mst_view_eq_nocase(gba_btid_domain(btid), mst_view_str(env->conf->own_bsf));
	int r = ours ? mst_store_gba_session_get(env->store, n->btid, &s) : 0;

	*ret = r > 0;
	return r < 0 ? r : 0;
}

/* 0, MST_PSK_UNKNOWN with its event, or a fault. */
static int take(struct mst_role_env *env, enum mst_role role, const struct mst_naf *n, const struct mst_psk_ask *q,
		const struct mst_fetch_result *got, const struct mst_who *owner, struct mst_credential *cred)
{
	struct mst_keeper *k = env->keeper;
	struct mst_credential had;
	int known = mst_store_cred_get(env->store, role, n->btid, &had), r;
	const char *taken;

	if (known < 0)
		return known;
	if (known == 0 && strcmp(had.client_id, cred->client_id))
		return refusal(env, role, q, owner, "the BSF names another enrolee for that B-TID than before");
	if (known == 0 && had.state == MST_CRED_REVOKED)
		return refusal(env, role, q, owner, "the key is revoked: it was replaced, or its client de-registered");
	r = is_taken(env, role, n, owner, cred->client_id, &taken);
	if (r)
		return r;
	if (taken)
		return refusal(env, role, q, owner, taken);
	r = k->ops->wrap(k, got->channel, (struct mst_view){ got->key.b, got->key.n }, cred->purpose, cred->key_id, &cred->key);
	if (r > 0)
		return refusal(env, role, q, owner, r == MST_KEEPER_FORGED ? "the seal of the fetched key does not verify" :
			       "the keeper does not take the fetched key");
	if (r)
		return r;
	/* one that was proved stays, whatever suite somebody else tries; this one is good for this handshake alone then */
	if (known == 0 && had.state == MST_CRED_ACTIVE)
		return 0;
	return keep(env, role, cred, known != 0);
}

int mst_naf_fetched(struct mst_role_env *env, enum mst_role role, const struct mst_naf *n, const struct mst_psk_ask *q,
		    const struct mst_fetch_result *got, struct mst_psk_answer *a)
{
	static _Thread_local struct mst_who owner;
	struct mst_credential cred;
	char uid[MST_ID_MAX] = "", why[200] = "";
	const char *no_uid = NULL;
	bool ended;
	int r;

	memset(a, 0, sizeof(*a));
	memset(&owner, 0, sizeof(owner));
	if (got->end == MST_FETCH_OK) {
		no_uid = mst_naf_uid(got->text, uid);
		if (no_uid)
			return refusal(env, role, q, NULL, no_uid);
		r = has_ended(env, n, &ended);
		if (r)
			return r;
		if (ended)
			return refusal(env, role, q, NULL, "the session of that B-TID was ended while the BSF was asked");
		r = mst_role_client(env, uid, 0, &owner);
		if (r)
			return r;
	}
	if (!mst_naf_decide_fetched(n, got, uid, &owner, mst_naf_purpose(role), env->now, &cred, why)) {
		r = refusal(env, role, q, &owner, why);
		/* it could not be asked: that says nothing about the key (lesson 6) */
		return r == MST_PSK_UNKNOWN && (got->end == MST_FETCH_UNREACHABLE || got->end == MST_FETCH_BUSY ||
		       got->end == MST_FETCH_LIST_STALE) ? MST_PSK_BUSY : r;
	}
	r = take(env, role, n, q, got, &owner, &cred);
	if (r)
		return r;
	mst_naf_release(&cred, &a->release);
	r = mst_role_whose(&owner, &a->whose);
	return r ? r : mst_role_event(env, role, "fetched", &owner, cred.key_id, "", 0, "the BSF gave the key of an enrolee",
			      &a->release.authorisation.event);
}
