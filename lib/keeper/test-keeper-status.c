/* Answers about certificates (RFC 6960): what the keeper signs with the responder's key that it makes for itself. */
#include "tests/support/ocsp-client.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/pki.h"
#include "keeper/keeper.h"

#define NOW INT64_C(1800000000)

static struct mst_crypto *c;
static char top[64], dir[96];
static struct mst_keeper *k;

static int open_keeper(void **state)
{
	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", NOW, c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	return 0;
}

static int close_keeper(void **state)
{
	char cmd[128];

	(void)state;
	k->ops->close(k);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

/* RFC 6960: an answer needs leave of its own kind, says of other CAs' certificates nothing, and is not good for ever. */
static void answers_are_signed_by_a_key_of_their_own(void **state)
{
	static const struct { const char *why; int what; const char *serial, *to; mst_time life; enum mst_ocsp_status s; bool theirs; int want; } row[] = {
		{ "none", MST_AUTH_NOTHING, "05", "x", 60, MST_OCSP_GOOD, false, MST_KEEPER_DENIED },
		{ "to sign", MST_AUTH_SIGN, "05", "x", 60, MST_OCSP_GOOD, false, MST_KEEPER_DENIED },
		{ "to release", MST_AUTH_RELEASE, "05", "x", 60, MST_OCSP_GOOD, false, MST_KEEPER_DENIED },
		{ "to trigger", MST_AUTH_TRIGGER, "05", "x", 60, MST_OCSP_GOOD, false, MST_KEEPER_DENIED },
		{ "for nothing", MST_AUTH_STATUS, "", "x", 60, MST_OCSP_GOOD, false, MST_KEEPER_DENIED },
		{ "to nobody", MST_AUTH_STATUS, "05", "", 60, MST_OCSP_GOOD, false, MST_KEEPER_DENIED },
		{ "good for no time", MST_AUTH_STATUS, "05", "x", 0, MST_OCSP_GOOD, false, MST_KEEPER_DENIED },
		{ "good for too long", MST_AUTH_STATUS, "05", "x", MST_STATUS_LIFE + 1, MST_OCSP_GOOD, false, MST_KEEPER_DENIED },
		{ "of another CA", MST_AUTH_STATUS, "05", "x", 60, MST_OCSP_GOOD, true, MST_KEEPER_DENIED },
		{ "of another CA", MST_AUTH_STATUS, "05", "x", 60, MST_OCSP_REVOKED, true, MST_KEEPER_DENIED },
		{ "of nobody that is ours", MST_AUTH_STATUS, "05", "x", 60, MST_OCSP_UNKNOWN, true, MST_KEEPER_DENIED },
		{ "of another certificate", MST_AUTH_STATUS, "06", "x", 60, MST_OCSP_GOOD, false, MST_KEEPER_DENIED },
		{ "of its other spelling", MST_AUTH_STATUS, "5", "x", 60, MST_OCSP_GOOD, false, MST_KEEPER_DENIED },
		{ "the right one", MST_AUTH_STATUS, "05", "x", MST_STATUS_LIFE, MST_OCSP_GOOD, false, 0 },
		{ "revoked", MST_AUTH_STATUS, "05", "x", 60, MST_OCSP_REVOKED, false, 0 },
	};
	uint8_t ca[MST_CERT_MAX], der[MST_OCSP_RESPONSE_MAX], key[MST_PKEY_MAX], spki[128], theirs[MST_CERT_MAX];
	struct mst_cert_spec spec = { .role = MST_CERT_CA, .common_name = "theirs", .not_before = NOW, .not_after = NOW + 9, .path_len = -1 };
	struct mst_local_signer own;
	size_t n_ca, n_key, n_spki, n_theirs, n;

	(void)state;
	assert_int_equal(k->ops->ca_cert(k, ca, sizeof(ca), &n_ca), 0);
	assert_int_equal(mst_pkey_generate(key, sizeof(key), &n_key), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ key, n_key }, spki, sizeof(spki), &n_spki), 0);
	assert_int_equal(mst_local_signer_init(&own, (struct mst_view){ key, n_key }), 0);
	assert_int_equal(mst_cert_issue(c, &own.signer, MST_VIEW_NONE, (struct mst_view){ spki, n_spki }, &spec, theirs, sizeof(theirs), &n_theirs), 0);
	mst_local_signer_deinit(&own);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_authorisation a = { .what = MST_AUTH_NOTHING };
		struct mst_ocsp_answer s = { .n = 1, .this_update = NOW, .next_update = NOW + row[i].life };
		int got;

		a.what = (__typeof__(a.what))row[i].what;
		snprintf(a.key_id, sizeof(a.key_id), "%s", row[i].serial);
		snprintf(a.to, sizeof(a.to), "%s", row[i].to);
		s.single[0].id = ocsp_client_cert_id(row[i].theirs ? (struct mst_view){ theirs, n_theirs } : (struct mst_view){ ca, n_ca }, "05");
		s.single[0].status = row[i].s;
		s.single[0].revoked = row[i].s == MST_OCSP_REVOKED ? NOW - 9 : 0;
		got = k->ops->status(k, &a, &s, der, sizeof(der), &n);
		if (got != row[i].want)
			fail_msg("%s: %d", row[i].why, got);
	}
	assert_int_equal(k->ops->status(k, NULL, &(struct mst_ocsp_answer){ .n = 1, .next_update = 9 }, der, sizeof(der), &n), MST_KEEPER_DENIED);
	assert_int_equal(mst_keeper_local_counts(k).statuses, 2);
	assert_int_equal(mst_keeper_local_counts(k).responders, 1);
	assert_int_equal(mst_keeper_local_counts(k).signed_, 0);
}

/* Of several the first that is our CA's counts, wherever it stands. */
static void the_leave_is_for_the_first_of_ours(void **state)
{
	struct mst_authorisation a = { .what = MST_AUTH_STATUS, .key_id = "05", .to = "x" };
	struct mst_ocsp_answer s = { .n = 3, .this_update = NOW, .next_update = NOW + 60 };
	uint8_t ca[MST_CERT_MAX], der[MST_OCSP_RESPONSE_MAX];
	size_t n_ca, n;

	(void)state;
	assert_int_equal(k->ops->ca_cert(k, ca, sizeof(ca), &n_ca), 0);
	for (size_t i = 0; i < s.n; i++) {
		s.single[i].id = ocsp_client_cert_id((struct mst_view){ ca, n_ca }, i == 1 ? "05" : "07");
		s.single[i].status = MST_OCSP_UNKNOWN;
	}
	assert_int_equal(k->ops->status(k, &a, &s, der, sizeof(der), &n), MST_KEEPER_DENIED);
	snprintf(a.key_id, sizeof(a.key_id), "07");
	assert_int_equal(k->ops->status(k, &a, &s, der, sizeof(der), &n), 0);
	/* it is somebody else's now, so the next one is the first */
	s.single[0].id.der[s.single[0].id.n - 8] ^= 1;
	snprintf(a.key_id, sizeof(a.key_id), "05");
	assert_int_equal(k->ops->status(k, &a, &s, der, sizeof(der), &n), 0);
}

/* The responder's certificate is renewed by half of its life, and when the clock has been set back. */
static void a_responder_is_renewed(void **state)
{
	static const struct { mst_time at; unsigned made; } row[] = {
		{ NOW, 1 }, { NOW + 14 * 86400, 1 }, { NOW + 16 * 86400, 2 }, { NOW + 16 * 86400 - 60, 2 }, { NOW, 3 }, { NOW + 365 * 86400, 4 },
	};
	struct mst_authorisation a = { .what = MST_AUTH_STATUS, .key_id = "05", .to = "x" };
	uint8_t ca[MST_CERT_MAX], der[MST_OCSP_RESPONSE_MAX];
	size_t n_ca, n;

	(void)state;
	assert_int_equal(k->ops->ca_cert(k, ca, sizeof(ca), &n_ca), 0);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_ocsp_answer s = { .n = 1, .this_update = row[i].at, .next_update = row[i].at + 60 };

		s.single[0].id = ocsp_client_cert_id((struct mst_view){ ca, n_ca }, "05");
		s.single[0].status = MST_OCSP_UNKNOWN;
		assert_int_equal(k->ops->status(k, &a, &s, der, sizeof(der), &n), 0);
		assert_int_equal(mst_keeper_local_counts(k).responders, row[i].made);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_keeper, close_keeper)
int main(void)
{
	const struct CMUnitTest tests[] = { T(answers_are_signed_by_a_key_of_their_own), T(the_leave_is_for_the_first_of_ours), T(a_responder_is_renewed) };

	return cmocka_run_group_tests_name("keeper-status", tests, NULL, NULL);
}
