/*
 * A client whose private key is somewhere else (mst_foreign_key): handshakes of both versions ask for each signature, what the
 * holder answers counts, and the holder is let go once. With and without the way around the decoder (ec-fast.c).
 */
#include "tests/support/cm.h"

#include "transport/test-rig.h"

struct holder {
	struct mst_local_signer key;
	unsigned asked, done;
	bool refuses, lies;
};

static int sign(void *ctx, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap, size_t *ret_n)
{
	struct holder *h = ctx;
	uint8_t other[MST_SHA256_LEN] = { 1 };

	h->asked++;
	return h->refuses ? 1 : h->key.signer.sign(&h->key.signer, h->lies ? other : digest, out, cap, ret_n);
}

static void done(void *ctx)
{
	((struct holder *)ctx)->done++;
}

/* One handshake with the key at the holder. */
static void run(struct holder *h, enum mst_tls_profile profile, bool good)
{
	const struct rig_cert *c = &rig_pki()->client;
	uint8_t spki[128];
	struct mst_foreign_key f = { .sign = sign, .done = done, .ctx = h };
	size_t n = 0;
	struct rig r;

	assert_int_equal(mst_pkey_public(rig_key(c), spki, sizeof(spki), &n), 0);
	f.spki = (struct mst_view){ spki, n };
	rig_init(&r);
	r.client_config.key_pkcs8 = MST_VIEW_NONE;
	r.client_config.foreign = &f;
	r.client_config.profile = profile;
	rig_start(&r);
	rig_connect(&r);
	memset(spki, 0, sizeof(spki));           /* read once */
	if (good) {
		rig_until(&r, &r.responses);
		assert_int_equal(r.server_peer.how, MST_AUTH_CERT);
	} else {
		rig_until(&r, &r.ended);
		assert_int_equal(r.responses, 0);
	}
	assert_int_equal(h->asked, 1);
	rig_deinit(&r);
	assert_int_equal(h->done, 1);
}

static void init(struct holder *h)
{
	*h = (struct holder){ .asked = 0 };
	assert_int_equal(mst_local_signer_init(&h->key, rig_key(&rig_pki()->client)), 0);
}

static void each_version_asks_the_holder(void **state)
{
	static const enum mst_tls_profile profiles[] = { MST_TLS_ONEM2M, MST_TLS_MODERN };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(profiles); i++) {
		struct holder h;

		init(&h);
		run(&h, profiles[i], true);
		mst_local_signer_deinit(&h.key);
		init(&h);
		h.refuses = true;
		run(&h, profiles[i], false);
		mst_local_signer_deinit(&h.key);
		init(&h);
		h.lies = true;
		run(&h, profiles[i], false);
		mst_local_signer_deinit(&h.key);
	}
}

static void the_same_with_the_copied_method(void **state)
{
	mst_ec_fast_install();
	assert_true(mst_ec_fast_installed());
	each_version_asks_the_holder(state);
}

static void a_key_that_is_none_is_refused_and_let_go(void **state)
{
	static const uint8_t none[91] = { 0x30, 0x59 };
	struct holder h = { .asked = 0 };
	struct mst_foreign_key f = { { none, sizeof(none) }, sign, done, &h };
	struct mst_tls_config c = { .foreign = &f };
	struct mst_tls_ctx *ctx = NULL;
	uint8_t key[MST_PKEY_MAX], spki[128];
	struct mst_diag d = { 0 };
	size_t n = 0;

	(void)state;
	assert_true(mst_tls_ctx_new(&c, &ctx, &d) < 0);
	assert_null(ctx);
	assert_string_equal(d.field, "key");
	assert_int_equal(h.done, 1);
	/* not the certificate's */
	assert_int_equal(mst_pkey_generate(key, sizeof(key), &n), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ key, n }, spki, sizeof(spki), &n), 0);
	f.spki = (struct mst_view){ spki, n };
	c.chain_pem = mst_view_str(rig_pki()->client.pem);
	assert_true(mst_tls_ctx_new(&c, &ctx, &d) < 0);
	assert_int_equal(strncmp(d.text, "cannot be used with the certificate", 35), 0);
	assert_int_equal(h.done, 2);
	assert_int_equal(h.asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version_asks_the_holder),
		cmocka_unit_test(a_key_that_is_none_is_refused_and_let_go),
		cmocka_unit_test(the_same_with_the_copied_method),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
