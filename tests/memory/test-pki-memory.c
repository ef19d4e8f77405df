/*
 * Each allocation of making and reading keys and certificates fails in turn: a fault and nothing given out, or a
 * result that is whole. OpenSSL's decoders do not tell a lack of memory from bad octets, so MST_PKI_MALFORMED is a
 * refusal like another here. Warm: what OpenSSL allocates once is there.
 */
#include "tests/support/cm.h"

#include <openssl/err.h>
#include <time.h>

#include "crypto/pki.h"
#include "tests/support/failmalloc.h"

static uint8_t ca_key[MST_PKEY_MAX], node_spki[512], ca_der[MST_CERT_MAX], node_der[MST_CERT_MAX], out[MST_CERT_MAX];
static size_t ca_key_n, node_spki_n, ca_n, node_n, out_n;
static struct mst_cert_info info, whole;
static struct mst_diag d;

static struct mst_view ca(void) { return (struct mst_view){ ca_der, ca_n }; }
static struct mst_view key(void) { return (struct mst_view){ ca_key, ca_key_n }; }

static int issue_one(struct mst_view issuer, struct mst_view spki, enum mst_cert_role role)
{
	struct mst_cert_spec spec = { .role = role, .common_name = "x", .not_before = time(NULL) - 60,
		.not_after = time(NULL) + 86400, .path_len = -1 };
	struct mst_local_signer s;
	int r = mst_local_signer_init(&s, key());

	if (r)
		return r;
	if (role != MST_CERT_CA) {
		spec.n_san = 1;
		spec.san[0].kind = MST_ID_NODE;
		strcpy(spec.san[0].value, "urn:dev:ops:1-a-1");
	}
	r = mst_cert_issue(mst_crypto_openssl(), &s.signer, issuer, spki, &spec, out, sizeof(out), &out_n);
	mst_local_signer_deinit(&s);
	return r;
}

static int issue(void) { return issue_one(ca(), (struct mst_view){ node_spki, node_spki_n }, MST_CERT_CLIENT); }
static int read_back(void) { return mst_cert_info((struct mst_view){ node_der, node_n }, &info, &d); }
static int generate(void) { return mst_pkey_generate(out, sizeof(out), &out_n); }
static int public_of(void) { return mst_pkey_public(key(), out, sizeof(out), &out_n); }

static int crl(void)
{
	struct mst_revoked gone = { .serial = "4711", .when = time(NULL), .reason = 1 };
	struct mst_local_signer s;
	int r = mst_local_signer_init(&s, key());

	if (!r) {
		r = mst_crl_issue(&s.signer, ca(), &gone, 1, 1, time(NULL), time(NULL) + 60, out, sizeof(out), &out_n);
		mst_local_signer_deinit(&s);
	}
	return r;
}

static bool whole_cert(void)
{
	return !mst_cert_info((struct mst_view){ out, out_n }, &info, &d) && info.n_san == 1 &&
	       !strcmp(info.san[0].value, "urn:dev:ops:1-a-1");
}

static bool whole_info(void)
{
	return !memcmp(&info, &whole, sizeof(info));
}

static bool whole_key(void)
{
	uint8_t spki[512];
	size_t n;

	return !mst_pkey_public((struct mst_view){ out, out_n }, spki, sizeof(spki), &n);
}

static bool some(void)
{
	return out_n > 80;
}

static const struct { const char *name; int (*go)(void); bool (*whole)(void); } work[] = {
	{ "generate", generate, whole_key }, { "public", public_of, some }, { "issue", issue, whole_cert },
	{ "read", read_back, whole_info }, { "crl", crl, some },
};

static void every_allocation(void **state)
{
	uint8_t spki[512];
	size_t spki_n;

	(void)state;
	assert_int_equal(mst_pkey_generate(ca_key, sizeof(ca_key), &ca_key_n), 0);
	assert_int_equal(mst_pkey_public(key(), spki, sizeof(spki), &spki_n), 0);
	assert_int_equal(issue_one(MST_VIEW_NONE, (struct mst_view){ spki, spki_n }, MST_CERT_CA), 0);
	memcpy(ca_der, out, ca_n = out_n);
	assert_int_equal(generate(), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ out, out_n }, node_spki, sizeof(node_spki), &node_spki_n), 0);
	assert_int_equal(issue(), 0);
	memcpy(node_der, out, node_n = out_n);
	assert_int_equal(read_back(), 0);
	whole = info;
	for (size_t i = 0; i < MST_COUNT(work); i++) {
		unsigned long n = 0, refused = 0;
		bool reached = true;
		long before = 0;

		for (int warm = 0; warm < 3; warm++)
			assert_int_equal(work[i].go(), 0);
		ERR_clear_error();
		before = failmalloc_outstanding();
		while (reached) {
			int r;

			out_n = 0;
			memset(&info, 0, sizeof(info));
			/* the arithmetic's own thousands are all alike: a sample of them */
			n += n < 1000 ? 1 : 13;
			failmalloc_arm(n);
			r = work[i].go();
			reached = failmalloc_disarm();
			ERR_clear_error();
			refused += r != 0;
			if (r ? out_n != 0 : !work[i].whole())
				fail_msg("%s: allocation %lu: %d, half a result", work[i].name, n, r);
		}
		assert_int_equal(work[i].go(), 0);
		print_message("# %s: up to allocation %lu, %lu refused, %ld blocks more than before\n", work[i].name, n - 1, refused,
		              failmalloc_outstanding() - before);
		assert_true(refused > 0);
		assert_true(failmalloc_outstanding() - before < 64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_allocation) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
