#include "crypto/crypto.h"

int mst_box_seal(struct mst_crypto *c, const uint8_t key[32], struct mst_view aad, struct mst_view in,
		 struct mst_writer *w)
{
	size_t before = w->n;
	uint8_t *nonce, *body;
	int r;

	if (in.n > SIZE_MAX - MST_BOX_OVERHEAD)
		return MST_FAULT_MEMORY;
	nonce = mst_put_space(w, MST_BOX_OVERHEAD + in.n);
	if (!nonce)
		return MST_FAULT_MEMORY;
	body = nonce + MST_AEAD_NONCE;
	r = c->ops->random(c, nonce, MST_AEAD_NONCE);
	if (!r)
		r = c->ops->seal(c, key, nonce, aad, in, body);
	if (r) {
		/* never leave a half-made box that somebody could take for one */
		mst_wipe(nonce, MST_BOX_OVERHEAD + in.n);
		w->n = before;
	}
	return r;
}

int mst_box_open(struct mst_crypto *c, const uint8_t key[32], struct mst_view aad, struct mst_view in,
                 uint8_t *out, size_t cap, size_t *ret_n)
{
	size_t n;
	int r;

	if (in.n < MST_BOX_OVERHEAD)
		return MST_CRYPTO_FORGED;
	n = in.n - MST_BOX_OVERHEAD;
	if (n > cap)
		return MST_FAULT_MEMORY;
	r = c->ops->open(c, key, in.p, aad, mst_view_sub(in, MST_AEAD_NONCE, in.n - MST_AEAD_NONCE), out);
	if (!r)
		*ret_n = n;
	return r;
}
