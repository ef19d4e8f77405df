/* Dispatch of what the clock asks for, and of whose a node was. */
#include "store/ops.h"

int mst_store_sub_due(struct mst_store *s, mst_time now, size_t limit, int (*each)(void *, const struct mst_subscription *), void *arg)
{
	return s->ops->sub_due(s, now, limit, each, arg);
}

int mst_store_cred_due(struct mst_store *s, enum mst_role role, mst_time now, size_t limit,
		       int (*each)(void *, const struct mst_credential *), void *arg)
{
	return s->ops->cred_due(s, role, now, limit, each, arg);
}

int mst_store_node_due(struct mst_store *s, mst_time now, size_t limit, int (*each)(void *, const struct mst_node *), void *arg)
{
	return s->ops->node_due(s, now, limit, each, arg);
}

int mst_store_any_due(struct mst_store *s, mst_time now, bool *ret_yes)
{
	return s->ops->any_due(s, now, ret_yes);
}

int mst_store_past_put(struct mst_store *s, const struct mst_node_past *r)
{
	return s->ops->past_put(s, r);
}

int mst_store_past_find(struct mst_store *s, int64_t node, uint64_t seq, struct mst_node_past *ret)
{
	return s->ops->past_find(s, node, seq, ret);
}

int mst_store_past_last(struct mst_store *s, int64_t node, struct mst_node_past *ret)
{
	return s->ops->past_last(s, node, ret);
}

int mst_sub_number(const char *id, int64_t *ret)
{
	struct mst_crypto *c = mst_crypto_openssl();
	uint8_t h[MST_SHA256_LEN];
	uint64_t n = 0;
	int r = c->ops->sha256(c, mst_view_str(id), h);

	for (size_t i = 0; i < 8 && !r; i++)
		n = n << 8 | h[i];
	*ret = (int64_t)(n >> 1 | 1);
	return r;
}
