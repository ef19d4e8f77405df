/*
 * Role ocsp with the real keeper over a real store: what is told of a certificate from its issue to its revocation, both forms
 * of a request (RFC 6960 appendix A), and what is refused how.
 */
#include "role/test-est-rig.h"
#include "tests/support/ocsp-client.h"

#include <stdio.h>

#include "base/text.h"
#include "role/ocsp/ocsp.h"

#define MEDIA "application/ocsp-request"

static struct { uint8_t b[MST_OCSP_REQUEST_MAX]; size_t n; } q;
static uint8_t ca_der[MST_CERT_MAX];

static struct mst_view ca(void)
{
	struct mst_view v = { ca_der, 0 };

	assert_int_equal(est_rig.keeper->ops->ca_cert(est_rig.keeper, ca_der, sizeof(ca_der), &v.n), 0);
	return v;
}

static int put(enum mst_op op, const char *to, const char *media, struct mst_view body)
{
	rig_peer_cert(&est_rig, MST_ID_NONE, NULL);
	est_rig.x.peer.how = MST_AUTH_ANONYMOUS;
	est_rig.x.role = MST_ROLE_OCSP;
	est_rig.x.plain = true;
	est_rig.x.request = (struct mst_request){ .op = op, .to = mst_view_str(to), .media = mst_view_str(media), .content = body };
	return rig_handle(&est_rig, MST_ROLE_OCSP);
}

static int post(void)
{
	return put(MST_OP_CREATE, "/ocsp", MEDIA, (struct mst_view){ q.b, q.n });
}

static int status(int at)
{
	assert_string_equal(est_rig.a.media, "application/ocsp-response");
	return ocsp_client_status(mst_written(&est_rig.a.content), at);
}

static void asks(struct mst_view issuer, const char *serial)
{
	q.n = ocsp_client_request(issuer, &serial, 1, q.b, sizeof(q.b));
}

static uint64_t answers(void)
{
	return mst_keeper_local_counts(est_rig.keeper).statuses;
}

/* RFC 6960 2.2: good while it is on record and stands, revoked after the operator's word, unknown when it is not on record. */
static void a_certificate_is_good_until_it_is_revoked(void **state)
{
	struct est_cert mine = est_enrolled();
	struct mst_cert_row row;
	struct mst_event e;
	uint64_t last;

	(void)state;
	asks(ca(), mine.i.serial);
	assert_true(rig_last_event(&est_rig, &e));
	last = e.seq;
	assert_int_equal(post(), 200);
	assert_int_equal(status(0), V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(mst_store_cert_get(est_rig.store, mine.i.serial, &row), 0);
	row.revoked = est_rig.now;
	row.reason = 4;
	assert_int_equal(mst_store_cert_put(est_rig.store, &row), 0);
	assert_int_equal(post(), 200);
	assert_int_equal(status(0), V_OCSP_CERTSTATUS_REVOKED);
	asks(ca(), "0123456789ABCDEF0123456789ABCDEF");
	assert_int_equal(post(), 200);
	assert_int_equal(status(0), V_OCSP_CERTSTATUS_UNKNOWN);
	/* who asks leaves no trace in the audit log, which a crowd could fill */
	assert_true(rig_last_event(&est_rig, &e));
	assert_int_equal(e.seq, last);
	assert_int_equal(est_signatures(), 1);
}

/* RFC 6960 A.1: GET {url}/{url-encoding of base-64 encoding of the DER}. */
static void the_request_may_stand_in_the_path(void **state)
{
	struct est_cert mine = est_enrolled();
	char text[2 * MST_OCSP_REQUEST_MAX], path[3 * MST_OCSP_REQUEST_MAX];
	struct mst_writer w = mst_writer_of((uint8_t *)text, sizeof(text));
	size_t n;

	(void)state;
	asks(ca(), mine.i.serial);
	mst_put_base64(&w, (struct mst_view){ q.b, q.n });
	mst_put_nul(&w);
	n = (size_t)snprintf(path, sizeof(path), "/ocsp/");
	for (const char *p = text; *p; p++)
		n += (size_t)snprintf(path + n, sizeof(path) - n, strchr("+/=", *p) ? "%%%02X" : "%c", (unsigned char)*p);
	assert_int_equal(put(MST_OP_RETRIEVE, path, "", MST_VIEW_NONE), 200);
	assert_int_equal(status(0), V_OCSP_CERTSTATUS_GOOD);
	/* not encoded a second time, as many clients do */
	snprintf(path, sizeof(path), "/ocsp/%.2000s", text);
	assert_int_equal(put(MST_OP_RETRIEVE, path, "", MST_VIEW_NONE), 200);
	assert_int_equal(status(0), V_OCSP_CERTSTATUS_GOOD);
	/* at the root of the server */
	snprintf(est_rig.ocsp_conf.base, sizeof(est_rig.ocsp_conf.base), "/");
	snprintf(path, sizeof(path), "/%.2000s", text);
	assert_int_equal(put(MST_OP_RETRIEVE, path, "", MST_VIEW_NONE), 200);
	assert_int_equal(status(0), V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(put(MST_OP_CREATE, "/", MEDIA, (struct mst_view){ q.b, q.n }), 200);
	assert_int_equal(status(0), V_OCSP_CERTSTATUS_GOOD);
}

static void several_at_once(void **state)
{
	struct est_cert mine = est_enrolled();
	const char *const serial[] = { "01", mine.i.serial, "02" };

	(void)state;
	q.n = ocsp_client_request(ca(), serial, 3, q.b, sizeof(q.b));
	assert_int_equal(post(), 200);
	assert_int_equal(status(0), V_OCSP_CERTSTATUS_UNKNOWN);
	assert_int_equal(status(1), V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(status(2), V_OCSP_CERTSTATUS_UNKNOWN);
}

static void what_is_wrong_gets_an_error(void **state)
{
	struct est_cert mine = est_enrolled();
	uint8_t foreign[MST_CERT_MAX];
	struct mst_cert_spec spec = { .role = MST_CERT_CA, .common_name = "another", .not_before = RIG_NOW, .not_after = RIG_NOW + 9, .path_len = -1 };
	size_t n;

	(void)state;
	asks(ca(), mine.i.serial);
	assert_int_equal(put(MST_OP_CREATE, "/", MEDIA, (struct mst_view){ q.b, q.n }), 404);
	assert_int_equal(put(MST_OP_CREATE, "/ocspx", MEDIA, (struct mst_view){ q.b, q.n }), 404);
	assert_int_equal(put(MST_OP_CREATE, "/ocsp/secret", MEDIA, (struct mst_view){ q.b, q.n }), 404);
	assert_int_equal(put(MST_OP_CREATE, "/ocsp", "text/plain", (struct mst_view){ q.b, q.n }), 415);
	assert_int_equal(put(MST_OP_UPDATE, "/ocsp", MEDIA, (struct mst_view){ q.b, q.n }), 405);
	assert_int_equal(put(MST_OP_DELETE, "/ocsp", MEDIA, (struct mst_view){ q.b, q.n }), 405);
	assert_string_equal(est_rig.a.media, "text/plain");
	/* the errors of RFC 6960 4.2.1 are answers of HTTP */
	assert_int_equal(put(MST_OP_CREATE, "/ocsp", MEDIA, MST_VIEW_NONE), 200);
	assert_int_equal(status(0), -1 - OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
	assert_int_equal(put(MST_OP_CREATE, "/ocsp", MEDIA, (struct mst_view){ q.b, q.n - 1 }), 200);
	assert_int_equal(status(0), -1 - OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
	for (size_t i = 0; i < 3; i++) {
		static const char *const bad[] = { "/ocsp", "/ocsp/MEkw%zz", "/ocsp/%4" };

		assert_int_equal(put(MST_OP_RETRIEVE, bad[i], "", MST_VIEW_NONE), 200);
		assert_int_equal(status(0), -1 - OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
	}
	assert_int_equal(mst_cert_issue(mst_crypto_openssl(), &est_k1.s.signer, MST_VIEW_NONE, (struct mst_view){ est_k1.spki, est_k1.n_spki }, &spec,
					foreign, sizeof(foreign), &n), 0);
	asks((struct mst_view){ foreign, n }, mine.i.serial);
	assert_int_equal(post(), 200);
	assert_int_equal(status(0), -1 - OCSP_RESPONSE_STATUS_UNAUTHORIZED);
	assert_int_equal(answers(), 0);
	/* what the keeper refuses is no word about the certificate */
	est_rig.ocsp_conf.validity = 2 * MST_STATUS_LIFE;
	asks(ca(), mine.i.serial);
	assert_int_equal(post(), 200);
	assert_int_equal(status(0), -1 - OCSP_RESPONSE_STATUS_INTERNALERROR);
	assert_int_equal(answers(), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, est_up, est_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_certificate_is_good_until_it_is_revoked), T(the_request_may_stand_in_the_path), T(several_at_once), T(what_is_wrong_gets_an_error),
	};

	return cmocka_run_group_tests_name("role-ocsp", tests, NULL, NULL);
}
