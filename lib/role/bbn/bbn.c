/* Role bbn: the order of things (architecture 5.2), and the secrets of nodes without a certificate. */
#include <string.h>

#include "role/bbn/bbn.h"

struct work {
	struct bbn_call call;
	struct mst_who who;
	struct bbn_records records;
	struct bbn_verdict verdict;
	struct mst_chance chance;
	uint8_t scratch[BBN_SCRATCH];
};

static int judge(struct mst_role_env *env, const struct mst_exchange *x, struct work *k, struct mst_arena *a)
{
	int r = bbn_load(env, x, &k->call, &k->who, &k->records);

	if (!r)
		r = env->crypto->ops->random(env->crypto, k->chance.b, sizeof(k->chance.b));
	if (!r)
		bbn_decide(&k->call, &k->who, &k->records, env->conf, env->now, &k->chance, a, &k->verdict);
	return r;
}

static int handle(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *answer)
{
	static _Thread_local struct work k;     /* too much for a stack; nothing of it outlives the call */
	struct mst_arena a = mst_arena_of(k.scratch, sizeof(k.scratch));
	int r = mst_role_identify(env, MST_ROLE_BBN, &x->peer, &k.who);

	if (r)
		return r;
	r = bbn_decode(env->conf, x, &a, &k.call, &k.verdict);
	if (r < 0)
		return r;
	r = r ? 0 : judge(env, x, &k, &a);
	if (!r)
		r = bbn_apply(env, x, &k.call, &k.who, &k.verdict);
	return r ? r : bbn_encode(env, &k.call, &k.verdict, &k.records, &a, answer);
}

static int psk_lookup(struct mst_role_env *env, const struct mst_psk_ask *q, struct mst_psk_answer *a)
{
	struct mst_peer p = { .how = MST_AUTH_PSK };
	static _Thread_local struct mst_who owner;
	struct mst_credential cred;
	const char *why = "the identity is no key identifier";
	char id[MST_ID_MAX];
	int known = MST_STORE_NONE, r;

	memset(a, 0, sizeof(*a));
	memcpy(p.psk_identity, q->identity, sizeof(p.psk_identity));
	r = mst_role_identify(env, MST_ROLE_BBN, &p, &owner);
	if (r)
		return r;
	if (mst_id_normalise(MST_ID_KEY, mst_view_str(q->identity), id)) {
		known = mst_store_cred_get(env->store, MST_ROLE_BBN, id, &cred);
		if (known < 0)
			return known;
		if (bbn_decide_lookup(known ? NULL : &cred, &owner, env->now, &a->release, &why))
			return 0;
	}
	/* the peer sees no difference to a wrong key (lesson 21) */
	r = mst_role_event(env, MST_ROLE_BBN, "psk-refused", &owner, q->identity[0] ? q->identity : q->address, "", 0, why, NULL);
	return r ? r : MST_PSK_UNKNOWN;
}

static int handshake_failed(struct mst_role_env *env, const struct mst_peer *p, enum mst_tls_end why, const char *detail)
{
	return mst_role_handshake_failed(env, MST_ROLE_BBN, p, why, detail);
}

static int refused(struct mst_role_env *env, const struct mst_peer *p, const char *attempt, int status, const char *why)
{
	return mst_role_refused(env, MST_ROLE_BBN, p, attempt, status, why);
}

const struct mst_role_ops mst_role_bbn = {
	.role = MST_ROLE_BBN,
	.network = true,
	.content_max = MST_BRIEF_OCTETS,
	.client_cert_required = true,
	.psk = true,
	.handle = handle,
	.psk_lookup = psk_lookup,
	.handshake_failed = handshake_failed,
	.refused = refused,
	.forget = bbn_forget,
};
