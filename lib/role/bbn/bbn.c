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
		r = mst_role_whose(&k.who, &answer->whose);
	if (!r)
		r = bbn_apply(env, x, &k.call, &k.who, &k.verdict);
	return r ? r : bbn_encode(env, &k.call, &k.verdict, &k.records, &a, answer);
}

static int psk_lookup(struct mst_role_env *env, const struct mst_psk_ask *q, struct mst_psk_answer *a)
{
	return mst_role_secret_lookup(env, q, a);
}

static int hint(struct mst_role_env *env, const struct mst_peer *p, struct mst_psk_hint *ret)
{
	return mst_role_secret_hint(env, MST_ROLE_BBN, p->psk_identity, ret);
}

static int handshake_failed(struct mst_role_env *env, const struct mst_peer *p, enum mst_tls_end why, const char *detail)
{
	return mst_role_handshake_failed(env, MST_ROLE_BBN, p, why, detail, hint);
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
	.forget = mst_role_rules_forget,
};
