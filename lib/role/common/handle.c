/* The order of things (architecture 5.2): decode → load → decide → apply → encode. */
#include "role/common/common.h"

#include <string.h>

#define SCRATCH (64 * 1024)      /* no content is longer once unescaped than it was (listeners' body limit) */

struct work {
	struct mst_call call;
	struct mst_who who;
	struct mst_records records;
	struct mst_verdict verdict;
	struct mst_chance chance;
	uint8_t ca[MST_CERT_MAX];
	uint8_t scratch[SCRATCH];
};

static int load_ca(struct mst_role_env *env, struct work *k)
{
	size_t n = 0;
	int r = env->keeper->ops->ca_cert(env->keeper, k->ca, sizeof(k->ca), &n);

	if (r)
		return r < 0 ? r : 0;
	k->records.ca = (struct mst_view){ k->ca, n };
	return 0;
}

static int judge(const struct mst_role_twin *t, struct mst_role_env *env, struct work *k)
{
	int r = 0;

	memset(&k->records, 0, sizeof(k->records));
	mst_verdict_init(&k->verdict, &k->call);
	if (k->who.kind != MST_WHO_NOBODY)
		r = mst_role_load(t, env, &k->call, &k->who, &k->records);
	if (!r && k->call.what == MST_CALL_CFG_GET)
		r = load_ca(env, k);
	if (!r)
		r = env->crypto->ops->random(env->crypto, k->chance.b, sizeof(k->chance.b));
	if (!r)
		t->decide(&k->call, &k->who, &k->records, env->conf, env->now, &k->chance, &k->verdict);
	return r;
}

int mst_role_handle(const struct mst_role_twin *t, struct mst_role_env *env, const struct mst_exchange *x,
                    struct mst_answer *a)
{
	static _Thread_local struct work k;      /* too much for a stack; nothing of it outlives the call */
	struct mst_arena arena = mst_arena_of(k.scratch, sizeof(k.scratch));
	int r;

	/* who first: an answer about the content is owed only to somebody */
	r = mst_role_identify(env, t->role, &x->peer, &k.who);
	if (r)
		return r;
	r = mst_role_decode(t, env->conf, x, &arena, &k.call, &k.verdict);
	if (r < 0)
		return r;
	if (r == 0)
		r = judge(t, env, &k);
	else
		r = 0;
	if (!r)
		r = mst_role_whose(&k.who, &a->whose);
	if (!r)
		r = mst_role_apply(t, env, x, &k.who, &k.verdict);
	if (!r)
		r = mst_role_encode(t, env->conf, &k.records, env->now, &k.who, &k.verdict, a);
	mst_wipe(k.scratch, arena.n);
	return r;
}
