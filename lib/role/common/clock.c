/* What the clock does to the keys of a role: an end that is near, and an end, are told once (architecture 4). */
#include "role/common/common.h"

#include <string.h>

struct batch { struct mst_credential k[MST_CLOCK_BATCH]; size_t n; };

static int keep(void *arg, const struct mst_credential *k)
{
	struct batch *b = arg;

	b->k[b->n++] = *k;
	return 0;
}

static int move_node(struct mst_role_env *env, enum mst_role role, const struct mst_credential *k)
{
	struct mst_node n;
	int r;

	/* only the MAF knows which key the node uses */
	if (role != MST_ROLE_MAF || !k->node)
		return 0;
	r = mst_store_node_get(env->store, k->node, &n);
	if (r || !mst_decide_clock_node(&n, k, env->now))
		return r < 0 ? r : 0;
	r = mst_store_node_touch(env->store, &n);
	return r > 0 ? MST_FAULT_BUG : r;
}

static int one(struct mst_role_env *env, enum mst_role role, struct mst_credential *k, struct mst_clocked *c)
{
	struct mst_who w = { .has_node = k->node != 0 };
	const char *what = mst_decide_clock(k, env->now);
	int r = mst_store_cred_put(env->store, role, k, false);

	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	if (!*what)
		return 0;
	c->keys_ended += !k->due;
	c->keys_near += k->due != 0;
	w.node.id = k->node;
	r = move_node(env, role, k);
	return r ? r : mst_role_event(env, role, what, &w, k->client_id, "", 0, k->key_id, NULL);
}

int mst_role_clock(struct mst_role_env *env, enum mst_role role, struct mst_clocked *c)
{
	static _Thread_local struct batch b;
	int r;

	b.n = 0;
	r = mst_store_cred_due(env->store, role, env->now, MST_CLOCK_BATCH, keep, &b);
	for (size_t i = 0; i < b.n && !r; i++)
		r = one(env, role, &b.k[i], c);
	c->more = c->more || b.n == MST_CLOCK_BATCH;
	return r;
}
