/* Dispatch of what certificates over EST and commands need. */
#include "store/ops.h"

const char *const mst_certreq_state_name[] = { "pending", "approved", "rejected", "issued" };

int mst_store_cert_der_put(struct mst_store *s, const struct mst_cert_der *r)
{
	return s->ops->cert_der_put(s, r);
}

int mst_store_cert_der_get(struct mst_store *s, const char *serial, struct mst_cert_der *ret)
{
	return s->ops->cert_der_get(s, serial, ret);
}

int mst_store_cert_der_find(struct mst_store *s, const uint8_t sha256[MST_SHA256_LEN], struct mst_cert_der *ret)
{
	return s->ops->cert_der_find(s, sha256, ret);
}

int mst_store_cert_of_node(struct mst_store *s, int64_t node, int (*each)(void *, const struct mst_cert_row *),
		void *arg)
{
	return s->ops->cert_of_node(s, node, each, arg);
}

int mst_store_cert_forget(struct mst_store *s, int64_t node, mst_time before)
{
	return s->ops->cert_forget(s, node, before);
}

int mst_store_certreq_insert(struct mst_store *s, struct mst_certreq *r)
{
	return s->ops->certreq_insert(s, r);
}

int mst_store_certreq_update(struct mst_store *s, const struct mst_certreq *r)
{
	return s->ops->certreq_update(s, r);
}

int mst_store_certreq_get(struct mst_store *s, int64_t id, struct mst_certreq *ret)
{
	return s->ops->certreq_get(s, id, ret);
}

int mst_store_certreq_find(struct mst_store *s, int64_t node, const uint8_t csr_sha256[MST_SHA256_LEN],
		struct mst_certreq *ret)
{
	return s->ops->certreq_find(s, node, csr_sha256, ret);
}

int mst_store_certreq_list(struct mst_store *s, int state, int64_t after, size_t limit, int (*each)(void *,
		const struct mst_certreq *), void *arg)
{
	return s->ops->certreq_list(s, state, after, limit, each, arg);
}

int mst_store_certreq_trim(struct mst_store *s, int64_t node, size_t keep)
{
	return s->ops->certreq_trim(s, node, keep);
}

int mst_store_challenge_put(struct mst_store *s, const struct mst_challenge *r)
{
	return s->ops->challenge_put(s, r);
}

int mst_store_challenge_get(struct mst_store *s, int64_t node, struct mst_challenge *ret)
{
	return s->ops->challenge_get(s, node, ret);
}
