#include "base/secret.h"

#include <string.h>

void mst_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}

void mst_key_wipe(struct mst_key *k)
{
	mst_wipe(k, sizeof(*k));
}

bool mst_key_set(struct mst_key *ret_k, struct mst_view v)
{
	mst_key_wipe(ret_k);
	if (v.n == 0 || v.n > MST_KEY_MAX)
		return false;
	memcpy(ret_k->b, v.p, v.n);
	ret_k->n = v.n;
	return true;
}

struct mst_view mst_key_view(const struct mst_key *k)
{
	return (struct mst_view){ k->b, k->n };
}

bool mst_ct_equal(struct mst_view a, struct mst_view b)
{
	volatile uint8_t diff = 0;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff = (uint8_t)(diff | (a.p[i] ^ b.p[i]));
	return diff == 0;
}
