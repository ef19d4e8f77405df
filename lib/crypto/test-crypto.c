#include "tests/support/cm.h"

#include "base/text.h"
#include "crypto/derive.h"

static struct mst_crypto *real;

static struct mst_view hex(const char *s, uint8_t *buf, size_t cap)
{
	size_t n = 0;

	assert_true(mst_hex_decode(mst_view_str(s), buf, cap, &n));
	return (struct mst_view){ buf, n };
}

static void known_answers(void **state)
{
	const char *which = NULL;

	(void)state;
	assert_int_equal(mst_crypto_self_test(real, &which), 0);
	assert_null(which);
}

/* A library that lies: one operation turns one bit of its answer, or says that a forged box is good. */
enum lie { LIE_NONE, LIE_RANDOM, LIE_SHA, LIE_HMAC, LIE_SEAL, LIE_OPEN, LIE_OPEN_ALWAYS, LIE_KINDS };
static enum lie lie;

static int lying_random(struct mst_crypto *c, uint8_t *out, size_t n)
{
	(void)c;
	if (lie == LIE_RANDOM) {
		memset(out, 7, n);
		return 0;
	}
	return real->ops->random(real, out, n);
}

static int lying_sha(struct mst_crypto *c, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	int r = real->ops->sha256(real, msg, out);

	(void)c;
	out[31] = (uint8_t)(out[31] ^ (lie == LIE_SHA));
	return r;
}

static int lying_hmac(struct mst_crypto *c, struct mst_view key, struct mst_view msg,
		      uint8_t out[MST_SHA256_LEN])
{
	int r = real->ops->hmac_sha256(real, key, msg, out);

	(void)c;
	out[0] = (uint8_t)(out[0] ^ (lie == LIE_HMAC));
	return r;
}

static int lying_seal(struct mst_crypto *c, const uint8_t key[32], const uint8_t nonce[MST_AEAD_NONCE],
                      struct mst_view aad, struct mst_view in, uint8_t *out)
{
	int r = real->ops->seal(real, key, nonce, aad, in, out);

	(void)c;
	out[in.n] = (uint8_t)(out[in.n] ^ (lie == LIE_SEAL));
	return r;
}

static int lying_open(struct mst_crypto *c, const uint8_t key[32], const uint8_t nonce[MST_AEAD_NONCE],
                      struct mst_view aad, struct mst_view in, uint8_t *out)
{
	int r = real->ops->open(real, key, nonce, aad, in, out);

	(void)c;
	if (lie == LIE_OPEN)
		return MST_CRYPTO_FORGED;
	return lie == LIE_OPEN_ALWAYS ? 0 : r;
}

static void every_lie_is_noticed_and_named(void **state)
{
	static const struct mst_crypto_ops ops = {
		"liar", lying_random, lying_sha, lying_hmac, lying_seal, lying_open,
	};
	static const char *const names[LIE_KINDS] = {
		[LIE_RANDOM] = "random", [LIE_SHA] = "SHA-256", [LIE_HMAC] = "HMAC", [LIE_SEAL] = "GCM",
		[LIE_OPEN] = "GCM", [LIE_OPEN_ALWAYS] = "GCM",
	};
	struct mst_crypto liar = { &ops };

	(void)state;
	for (lie = LIE_NONE; lie < LIE_KINDS; lie++) {
		const char *which = NULL;
		int r = mst_crypto_self_test(&liar, &which);

		if (lie == LIE_NONE) {
			assert_int_equal(r, 0);
			continue;
		}
		assert_int_equal(r, MST_FAULT_CRYPTO);
		assert_non_null(which);
		assert_non_null(strstr(which, names[lie]));
	}
}

/* spec 3.7, the line marked wrong: TLS 1.2 with a context of length zero gives other octets. */
static void exporter_without_context_is_not_with_an_empty_one(void **state)
{
	uint8_t master[48], client[32], server[34], out[MST_EXPORT_LEN], wrong[16];

	(void)state;
	memset(master, 0x11, sizeof(master));
	memset(client, 0x22, sizeof(client));
	memset(server, 0x33, 32);
	server[32] = server[33] = 0;       /* the length octets that an empty context would add */
	(void)hex("c4f705f425060953a5bf9ea99c5432aa", wrong, sizeof(wrong));
	assert_int_equal(mst_export_tls12(real, (struct mst_view){ master, 48 },
					  (struct mst_view){ client, 32 }, (struct mst_view){ server, 34 },
					  MST_LABEL_BOOTSTRAP, out),
			 0);
	assert_memory_equal(out, wrong, 16);
	assert_int_equal(mst_export_tls12(real, (struct mst_view){ master, 48 },
					  (struct mst_view){ client, 32 }, (struct mst_view){ server, 32 },
					  MST_LABEL_BOOTSTRAP, out),
			 0);
	assert_memory_not_equal(out, wrong, 16);
}

static void splitting_wipes_the_exporter_output(void **state)
{
	uint8_t out[MST_EXPORT_LEN], rel[MST_REL_ID_LEN];
	static const uint8_t zero[MST_EXPORT_LEN];
	struct mst_key k;

	(void)state;
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)i;
	mst_export_split(out, rel, &k);
	assert_int_equal(rel[0], 0);
	assert_int_equal(rel[15], 15);
	assert_int_equal(k.n, 32);
	assert_int_equal(k.b[0], 16);
	assert_int_equal(k.b[31], 47);
	assert_memory_equal(out, zero, sizeof(out));
}

static void derivations_refuse_what_nfkc_could_change(void **state)
{
	struct mst_key ke = { { 1 }, 32 }, k = { { 9 }, 3 }, none = { { 0 }, 0 };
	char longer[600];

	(void)state;
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(mst_derive_km(real, &ke, mst_view_str("m\xc3\xa4hre.example"), &k),
			 MST_DERIVE_BAD_ID);
	assert_int_equal(mst_derive_km(real, &ke, MST_VIEW_NONE, &k), MST_DERIVE_BAD_ID);
	assert_int_equal(mst_derive_kpsa(real, &ke, mst_view_str("a b"), &k), MST_DERIVE_BAD_ID);
	assert_int_equal(mst_derive_usage(real, &ke, 21, mst_view_str(longer), &k), MST_DERIVE_BAD_ID);
	assert_int_equal(mst_derive_usage(real, &ke, -1, mst_view_str("a"), &k), MST_DERIVE_BAD_ID);
	assert_int_equal(mst_derive_km(real, &none, mst_view_str("a"), &k), MST_FAULT_BUG);
	assert_int_equal(k.n, 3);               /* written on success only */
	assert_int_equal(k.b[0], 9);
}

/* The SUID stands between label and identifier: 2 + "1x" and 21 + "x" are the same octets, so the
 * target must be an FQDN that cannot begin in the middle of a number; here only that they are told apart
 * where it matters. */
static void usage_keys_differ_by_suid_and_target(void **state)
{
	struct mst_key ke = { { 1 }, 32 }, a, b, c;

	(void)state;
	assert_int_equal(mst_derive_usage(real, &ke, 21, mst_view_str("maf.example.com"), &a), 0);
	assert_int_equal(mst_derive_usage(real, &ke, 22, mst_view_str("maf.example.com"), &b), 0);
	assert_int_equal(mst_derive_usage(real, &ke, 21, mst_view_str("naf.example.com"), &c), 0);
	assert_memory_not_equal(a.b, b.b, 32);
	assert_memory_not_equal(a.b, c.b, 32);
}

static void boxes_open_only_as_they_were_sealed(void **state)
{
	static const uint8_t key[32] = { 1 }, other[32] = { 2 };
	uint8_t box[64], out[64], cut[64];
	struct mst_writer w = mst_writer_of(box, sizeof(box));
	struct mst_view aad = MST_VIEW_LIT("purpose"), sealed;
	size_t n = 99;

	(void)state;
	assert_int_equal(mst_box_seal(real, key, aad, MST_VIEW_LIT("hello"), &w), 0);
	sealed = mst_written(&w);
	assert_int_equal(sealed.n, 5 + MST_BOX_OVERHEAD);
	assert_int_equal(mst_box_open(real, key, aad, sealed, out, 5, &n), 0);
	assert_int_equal(n, 5);
	assert_memory_equal(out, "hello", 5);
	n = 99;
	assert_int_equal(mst_box_open(real, other, aad, sealed, out, 5, &n), MST_CRYPTO_FORGED);
	assert_int_equal(mst_box_open(real, key, MST_VIEW_LIT("other"), sealed, out, 5, &n),
			 MST_CRYPTO_FORGED);
	assert_int_equal(mst_box_open(real, key, aad, sealed, out, 4, &n), MST_FAULT_MEMORY);
	for (size_t len = 0; len < sealed.n; len++)
		assert_int_equal(
			mst_box_open(real, key, aad, mst_view_sub(sealed, 0, len), out, sizeof(out), &n),
			MST_CRYPTO_FORGED);
	for (size_t bit = 0; bit < sealed.n * 8; bit++) {
		memcpy(cut, sealed.p, sealed.n);
		cut[bit / 8] = (uint8_t)(cut[bit / 8] ^ 1u << bit % 8);
		assert_int_equal(mst_box_open(real, key, aad, (struct mst_view){ cut, sealed.n }, out,
					      sizeof(out), &n),
				 MST_CRYPTO_FORGED);
	}
	assert_int_equal(n, 99);
}

static void a_box_without_room_leaves_nothing(void **state)
{
	static const uint8_t key[32] = { 1 };
	uint8_t box[MST_BOX_OVERHEAD + 4];
	struct mst_writer w = mst_writer_of(box, sizeof(box));

	(void)state;
	assert_int_equal(mst_box_seal(real, key, MST_VIEW_NONE, MST_VIEW_LIT("hello"), &w), MST_FAULT_MEMORY);
	assert_int_equal(w.n, 0);
	w = mst_writer_of(box, sizeof(box));
	assert_int_equal(mst_box_seal(real, key, MST_VIEW_NONE, MST_VIEW_NONE, &w), 0);
	assert_int_equal(w.n, MST_BOX_OVERHEAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(every_lie_is_noticed_and_named),
		cmocka_unit_test(exporter_without_context_is_not_with_an_empty_one),
		cmocka_unit_test(splitting_wipes_the_exporter_output),
		cmocka_unit_test(derivations_refuse_what_nfkc_could_change),
		cmocka_unit_test(usage_keys_differ_by_suid_and_target),
		cmocka_unit_test(boxes_open_only_as_they_were_sealed),
		cmocka_unit_test(a_box_without_room_leaves_nothing),
	};

	real = mst_crypto_openssl();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
