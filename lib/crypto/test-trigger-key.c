/* Keys, MACs and signatures of pushed triggers: known answers by Python's hmac, and what must not verify. */
#include "tests/support/cm.h"

#include "base/text.h"
#include "crypto/derive.h"
#include "crypto/pki.h"

static struct mst_crypto *real;

static bool is(const uint8_t *got, size_t n, const char *want)
{
	uint8_t b[64];
	size_t w = 0;

	return mst_hex_decode(mst_view_str(want), b, sizeof(b), &w) && w == n && memcmp(got, b, n) == 0;
}

static void known_mac(void **state)
{
	static const char body_hex[] = "a701010244972194090344c6d05bb6041a6b0a6f26051a6b0a6f26061a000151800701";
	static const char node[] = "urn:dev:ops:00004C-acme-000001", id[] = "0123ABCD@maf.example.com";
	uint8_t body[64], cover[MST_TRIGGER_COVER_MAX], mac[MST_TRIGGER_MAC], hint[MST_TRIGGER_HINT];
	struct mst_writer w = mst_writer_of(cover, sizeof(cover));
	struct mst_key km = { .n = 32 }, kt;
	size_t n = 0;

	(void)state;
	for (uint8_t i = 0; i < 32; i++)
		km.b[i] = i;
	assert_true(mst_hex_decode(mst_view_str(body_hex), body, sizeof(body), &n));
	assert_int_equal(mst_derive_trigger(real, &km, mst_view_str(id), &kt), 0);
	mst_trigger_cover(&w, mst_view_str(node), (struct mst_view){ body, n });
	assert_true(w.ok);
	assert_int_equal(mst_trigger_mac(real, &kt, mst_written(&w), mac), 0);
	assert_true(is(mac, sizeof(mac), "4050e11f669ce56c8e0329da38d872a4"));
	assert_int_equal(mst_trigger_hint(real, mst_view_str(node), hint), 0);
	assert_true(is(hint, sizeof(hint), "97219409"));
	assert_int_equal(mst_trigger_hint(real, mst_view_str(id), hint), 0);
	assert_true(is(hint, sizeof(hint), "c6d05bb6"));
	/* another label, another key: no derivation of oneM2M gives it */
	assert_int_equal(mst_derive_km(real, &km, mst_view_str(id), &km), 0);
	assert_false(mst_ct_equal(mst_key_view(&km), mst_key_view(&kt)));
	assert_int_equal(mst_derive_trigger(real, &km, mst_view_str(""), &kt), MST_DERIVE_BAD_ID);
}

static void signatures(void **state)
{
	uint8_t pkcs8[MST_PKEY_MAX], spki[128], other[128], sig[MST_RAW_SIGNATURE];
	struct mst_view message = MST_VIEW_LIT("what is covered"), changed = MST_VIEW_LIT("what is coverec");
	struct mst_local_signer s;
	size_t n = 0, spki_n = 0, other_n = 0;

	(void)state;
	assert_int_equal(mst_pkey_generate(pkcs8, sizeof(pkcs8), &n), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ pkcs8, n }, other, sizeof(other), &other_n), 0);
	assert_int_equal(mst_pkey_generate(pkcs8, sizeof(pkcs8), &n), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ pkcs8, n }, spki, sizeof(spki), &spki_n), 0);
	assert_int_equal(mst_local_signer_init(&s, (struct mst_view){ pkcs8, n }), 0);
	mst_wipe(pkcs8, sizeof(pkcs8));
	/* often enough that r or s begins with a zero octet */
	for (unsigned i = 0; i < 600; i++) {
		assert_int_equal(mst_raw_sign(real, &s.signer, message, sig), 0);
		assert_int_equal(mst_raw_verify(real, (struct mst_view){ spki, spki_n }, message, sig), 0);
	}
	assert_int_equal(mst_raw_verify(real, (struct mst_view){ spki, spki_n }, changed, sig), MST_PKI_BAD_SIGNATURE);
	assert_int_equal(mst_raw_verify(real, (struct mst_view){ other, other_n }, message, sig), MST_PKI_BAD_SIGNATURE);
	assert_int_equal(mst_raw_verify(real, (struct mst_view){ spki, spki_n - 1 }, message, sig), MST_PKI_WEAK_KEY);
	for (size_t i = 0; i < sizeof(sig); i++) {
		sig[i] ^= 1;
		assert_int_equal(mst_raw_verify(real, (struct mst_view){ spki, spki_n }, message, sig), MST_PKI_BAD_SIGNATURE);
		sig[i] ^= 1;
	}
	memset(sig, 0, sizeof(sig));
	assert_int_equal(mst_raw_verify(real, (struct mst_view){ spki, spki_n }, message, sig), MST_PKI_BAD_SIGNATURE);
	mst_local_signer_deinit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_mac), cmocka_unit_test(signatures) };

	real = mst_crypto_openssl();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
