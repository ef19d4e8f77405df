/* Known answers, at the start of every program that does AKA (as crypto/self-test.c, for what the rest does not need). */
#include "proto/aka/vectors.h"

#include <string.h>

#include "proto/aka/keccak.h"

/* FIPS 197 appendix C.1, twice in one call, so that the blocks are seen to be independent. */
static bool aes_right(struct mst_crypto *c)
{
	static const char want[] = "69c4e0d86a7b0430d8cdb78070b4c55a";
	uint8_t key[16], b[32];
	struct mst_aes *aes;
	bool right;

	for (size_t i = 0; i < sizeof(key); i++) {
		key[i] = (uint8_t)i;
		b[i] = b[16 + i] = (uint8_t)(i * 0x11);
	}
	aes = c->ops->aes_new(c, key);
	right = aes && c->ops->aes_run(aes, b, b, 2) == 0 && aka_test_is(b, 16, want) && aka_test_is(b + 16, 16, want);
	c->ops->aes_free(aes);
	return right;
}

/* SHA3-256("abc") of FIPS 202's examples: one block with rate 136 and suffix 06. */
static bool keccak_right(void)
{
	uint8_t s[AKA_KECCAK_OCTETS] = { 'a', 'b', 'c', 0x06, [135] = 0x80 };

	aka_keccak(s, 1);
	return aka_test_is(s, 32, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
}

static bool outputs_right(const struct aka_test_set *t, const struct aka_keys *k, const struct aka_out *o)
{
	return aka_test_is(o->mac_a, k->mac_n, t->f1) && aka_test_is(o->mac_s, k->mac_n, t->f1s) &&
	       aka_test_is(o->res, k->res_n, t->f2) && aka_test_is(o->ck, k->ck_n, t->f3) &&
	       aka_test_is(o->ik, k->ik_n, t->f4) && aka_test_is(o->ak, AKA_AK, t->f5) && aka_test_is(o->ak_s, AKA_AK, t->f5s);
}

static bool set_right(struct mst_crypto *c, const struct aka_test_set *t)
{
	uint8_t rnd[AKA_RAND], sqn[AKA_SQN], amf[AKA_AMF], op[AKA_LONG];
	struct aka_keys k;
	struct aka_out o;
	size_t n, op_n;

	if (!aka_test_keys(t, &k) || !aka_test_octets(t->rnd, rnd, sizeof(rnd), &n) ||
	    !aka_test_octets(t->sqn, sqn, sizeof(sqn), &n) || !aka_test_octets(t->amf, amf, sizeof(amf), &n) ||
	    !aka_test_octets(t->op, op, sizeof(op), &op_n))
		return false;
	memset(k.top, 0, sizeof(k.top));
	return aka_keys_derive_top(c, &k, (struct mst_view){ op, op_n }) == 0 && aka_test_is(k.top, op_n, t->opc) &&
	       aka_compute(c, &k, rnd, sqn, amf, AKA_WANT_F1 | AKA_WANT_F1S | AKA_WANT_F2345 | AKA_WANT_F5S, &o) == 0 &&
	       outputs_right(t, &k, &o);
}

int aka_self_test(struct mst_crypto *c, const char **ret_which)
{
	*ret_which = NULL;
	if (!aes_right(c))
		*ret_which = "AES-128, FIPS 197 C.1";
	else if (!keccak_right())
		*ret_which = "Keccak-f[1600] through SHA3-256 of \"abc\"";
	for (size_t i = 0; !*ret_which && i < AKA_TEST_SETS; i++)
		if (!set_right(c, &aka_test_set[i]))
			*ret_which = aka_test_set[i].name;
	return *ret_which ? MST_FAULT_CRYPTO : 0;
}
