/* What a MO_NODE asks for: is it on this node? */
#include "agent/order.h"

#include "base/text.h"

bool order_has_key_named(const struct agent *a, const struct mst_object *x)
{
	if (x->has & 1u << MST_MO_KEY_VALUE)
		return true;
	if (a->has_active && mst_id_equal(MST_ID_KM, x->symm_key_id, mst_view_str(a->active.key_id)))
		return true;
	if (a->has_secret && mst_id_equal(MST_ID_KM, x->symm_key_id, mst_view_str(a->cfg.psk_identity)))
		return true;
	for (size_t i = 0; i < a->managed->n_keys; i++)
		if (mst_id_equal(MST_ID_KM, x->symm_key_id, mst_view_str(a->managed->key[i].id)) && a->managed->key[i].until > agent_utc(a))
			return true;
	return false;
}

bool order_prints_as(const struct agent *a, struct mst_view der, struct mst_view hex)
{
	char text[2 * MST_SHA256_LEN + 1];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	uint8_t sha[MST_SHA256_LEN];

	if (!der.n || a->crypto->ops->sha256(a->crypto, der, sha))
		return false;
	mst_put_hex(&w, (struct mst_view){ sha, sizeof(sha) });
	return mst_view_eq_nocase(mst_written(&w), hex);
}

bool order_has_cert(const struct agent *a, struct mst_view hex)
{
	const struct own_cert *own = &a->own.slot[OWN_ACTIVE];
	uint8_t der[MST_CERT_MAX];
	size_t at = 0, n = 0;

	if (own->there && order_prints_as(a, (struct mst_view){ own->der, own->der_n }, hex))
		return true;
	return a->chain_n && a->key.n &&
	       mst_pem_next((struct mst_view){ (const uint8_t *)a->chain_pem, a->chain_n }, &at, "CERTIFICATE", der, sizeof(der), &n, NULL) == 0 &&
	       order_prints_as(a, (struct mst_view){ der, n }, hex);
}

bool order_has_anchor(const struct agent *a, struct mst_view hex)
{
	for (size_t i = 0; i < a->n_anchors; i++)
		if (order_prints_as(a, a->anchors[i], hex))
			return true;
	for (size_t i = 0; i < a->managed->n_anchors; i++)
		if (order_prints_as(a, (struct mst_view){ a->managed->anchor[i].der, a->managed->anchor[i].n }, hex))
			return true;
	return false;
}
