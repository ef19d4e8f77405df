/* The client of EST by itself: every state with every event, each refusal, and who is to blame. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "proto/est/est.h"

static struct world { struct est e; const char *wrong; struct est_attrs attrs; unsigned csrs, issued; char challenge[65]; } w;

static const char *attrs(void *ctx, struct mst_view der, struct est_attrs *ret)
{
	(void)ctx;
	assert_true(mst_view_eq_str(der, "ATTR"));
	*ret = w.attrs;
	return w.wrong;
}

static const char *csr(void *ctx, const struct est_name *name, const char *challenge, uint8_t *out, size_t cap, size_t *ret_n)
{
	(void)ctx;
	assert_string_equal(name->value, "cse1.sp.example.com");
	snprintf(w.challenge, sizeof(w.challenge), "%s", challenge);
	assert_true(cap >= 3);
	memcpy(out, "CSR", 3);
	*ret_n = 3;
	w.csrs++;
	return w.wrong;
}

static const char *ca(void *ctx, struct mst_view bag)
{
	(void)ctx;
	assert_true(mst_view_eq_str(bag, "BAG"));
	return w.wrong;
}

static const char *issued(void *ctx, struct mst_view bag)
{
	(void)ctx;
	assert_true(mst_view_eq_str(bag, "BAG"));
	w.issued++;
	return w.wrong;
}

static const struct est_port port = { NULL, attrs, csr, ca, issued };

static void begin(enum est_job job, const char *kept)
{
	struct est_config c = { .job = job, .host = "mef.example.com:8443", .base = "/.well-known/est", .port = &port, .answer_ms = 1000,
				.csr = mst_view_str(kept) };

	memset(&w, 0, sizeof(w));
	assert_true(est_name_of(2, mst_view_str("//sp.example.com/CSE1"), &c.name));
	w.attrs = (struct est_attrs){ true, true, c.name, "c0ffee" };
	assert_true(est_init(&w.e, &c));
	est_opened(&w.e, 10);
}

static void sends(const char *line, const char *body)
{
	struct mst_view v = est_request(&w.e);
	char text[EST_REQUEST_OCTETS + 1];

	memcpy(text, v.p, v.n);
	text[v.n] = 0;
	if (strncmp(text, line, strlen(line)) || !strstr(text, "\r\nHost: mef.example.com:8443\r\n") || !strstr(text, body))
		fail_msg("%s", text);
	est_sent(&w.e);
	assert_int_equal(est_request(&w.e).n, 0);
}

static void answer(int status, const char *body, const char *retry)
{
	struct mst_http_msg m = { .status = status, .body = mst_view_str(body) };

	if (retry) {
		m.header[0] = (struct mst_http_header){ mst_view_str("retry-after"), mst_view_str(retry) };
		m.n = 1;
	}
	est_feed(&w.e, &m, 20);
}

static void to_enrolling(enum est_job job)
{
	begin(job, "");
	sends("GET /.well-known/est/cacerts HTTP/1.1\r\n", "\r\n\r\n");
	answer(200, "QkFH\r\n", NULL);
	sends("GET /.well-known/est/csrattrs HTTP/1.1\r\n", "\r\n\r\n");
	answer(200, "QVRUUg==", NULL);
}

static void a_certificate_is_got(void **state)
{
	(void)state;
	to_enrolling(EST_JOB_ENROLL);
	assert_string_equal(w.challenge, "c0ffee");
	sends("POST /.well-known/est/simpleenroll HTTP/1.1\r\n", "Content-Type: application/pkcs10\r\nContent-Transfer-Encoding: base64\r\n"
								   "Content-Length: 4\r\n\r\nQ1NS");
	answer(200, "QkFH", NULL);
	assert_int_equal(w.e.state, EST_DONE);
	assert_int_equal(w.issued, 1);
	to_enrolling(EST_JOB_REENROLL);
	sends("POST /.well-known/est/simplereenroll HTTP/1.1\r\n", "Q1NS");
	/* a renewal names what the certificate names, whatever the MEF would have certified else (RFC 7030 4.2.2) */
	begin(EST_JOB_REENROLL, "");
	assert_true(est_name_of(1, mst_view_str("urn:dev:ops:32473-1-1"), &w.attrs.name));
	answer(200, "QkFH", NULL);
	answer(200, "QVRUUg==", NULL);
	assert_int_equal(w.e.state, EST_ENROLLING);
	assert_true(w.csrs == 1 && !strcmp(w.e.name.value, "cse1.sp.example.com"));
	/* nor does the next one of a node that has no session with the one before, which is asked for like a first one */
	begin(EST_JOB_AGAIN, "");
	assert_true(est_name_of(1, mst_view_str("urn:dev:ops:32473-1-1"), &w.attrs.name));
	answer(200, "QkFH", NULL);
	answer(200, "QVRUUg==", NULL);
	assert_true(w.csrs == 1 && !strcmp(w.e.name.value, "cse1.sp.example.com"));
	sends("POST /.well-known/est/simpleenroll HTTP/1.1\r\n", "Q1NS");
	answer(200, "QkFH", NULL);
	assert_int_equal(w.e.state, EST_DONE);
	begin(EST_JOB_PROVE, "");
	answer(200, "QkFH", NULL);
	assert_int_equal(w.e.state, EST_DONE);
	assert_int_equal(w.csrs, 0);
	/* no wish: no challenge either */
	begin(EST_JOB_ENROLL, "");
	answer(200, "QkFH", NULL);
	answer(204, "", NULL);
	assert_int_equal(w.e.state, EST_ENROLLING);
	assert_string_equal(w.challenge, "");
}

static void waiting_is_no_failure(void **state)
{
	static const struct { const char *header; int64_t seconds; } rows[] = {
		{ "7", 7 }, { NULL, 300 }, { "0", 300 }, { "soon", 300 }, { "99999999999", 300 }, { "86400", 86400 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		to_enrolling(EST_JOB_ENROLL);
		answer(202, "wait", rows[i].header);
		assert_int_equal(w.e.state, EST_LATER);
		assert_int_equal(w.e.retry_after, rows[i].seconds);
	}
	/* the same request again, without asking what it must say (lesson 10) */
	begin(EST_JOB_ENROLL, "OLD");
	answer(200, "QkFH", NULL);
	sends("POST /.well-known/est/simpleenroll HTTP/1.1\r\n", "T0xE");
	assert_int_equal(w.csrs, 0);
	answer(200, "QkFH", NULL);
	assert_int_equal(w.e.state, EST_DONE);
}

static void failures_say_whose_doing_they_are(void **state)
{
	(void)state;
	for (int at = 0; at < 3; at++) {
		for (int how = 0; how < 5; how++) {
			begin(EST_JOB_ENROLL, "");
			if (at > 0)
				answer(200, "QkFH", NULL);
			if (at > 1)
				answer(200, "QVRUUg==", NULL);
			assert_int_equal(w.e.state, EST_CACERTS + at);
			if (how == 0)
				answer(403, "not permitted\nsecond line", NULL);
			else if (how == 1)
				answer(200, "not base64!", NULL);
			else if (how == 2)
				est_lost(&w.e, "gone", 20);
			else if (how == 3)
				est_tick(&w.e, 5000);
			else
				w.wrong = "no good", answer(200, at == 1 ? "QVRUUg==" : "QkFH", NULL);
			assert_int_equal(w.e.state, EST_FAILED);
			assert_int_equal(w.e.blame, EST_BLAME_SERVER);
			if (how == 0)
				assert_string_equal(w.e.detail, "the MEF refused: 403 not permitted");
			assert_int_equal(est_request(&w.e).n, 0);
		}
	}
	begin(EST_JOB_ENROLL, "");
	answer(200, "QkFH", NULL);
	snprintf(w.attrs.name.value, sizeof(w.attrs.name.value), "cse2.sp.example.com");
	answer(200, "QVRUUg==", NULL);
	assert_int_equal(w.e.state, EST_FAILED);
	assert_int_equal(w.csrs, 0);
	/* not before its time */
	begin(EST_JOB_ENROLL, "");
	est_tick(&w.e, 1009);
	assert_int_equal(w.e.state, EST_CACERTS);
	assert_int_equal(est_deadline(&w.e), 1010);
}

static void out_of_turn(void **state)
{
	struct est_config c = { .host = "h", .base = "/b", .port = &port };

	(void)state;
	assert_true(est_init(&w.e, &c));
	answer(200, "QkFH", NULL);
	assert_int_equal(w.e.state, EST_FAILED);
	begin(EST_JOB_ENROLL, "");
	est_opened(&w.e, 11);
	assert_int_equal(w.e.state, EST_FAILED);
	answer(200, "QkFH", NULL);
	assert_int_equal(w.e.state, EST_FAILED);
	for (int s = 0; s < EST_STATE__COUNT; s++)
		assert_string_not_equal(est_state_text((enum est_state)s), "?");
	c.base = "b";
	assert_false(est_init(&w.e, &c));
	c.base = "/with blank";
	assert_false(est_init(&w.e, &c));
	c.base = "/b";
	c.host = "a\r\nX: y";
	assert_false(est_init(&w.e, &c));
}

static void names(void **state)
{
	struct est_name n;

	(void)state;
	assert_true(est_name_of(1, mst_view_str("urn:dev:ops:1"), &n) && n.kind == MST_ID_NODE);
	assert_true(est_name_of(3, mst_view_str("//SP.example.com/S1"), &n) && n.kind == MST_ID_AE_ABS);
	assert_string_equal(n.value, "//sp.example.com/S1");
	assert_false(est_name_of(0, mst_view_str("urn:dev:ops:1"), &n));
	assert_false(est_name_of(4, mst_view_str("urn:dev:ops:1"), &n));
	assert_false(est_name_of(2, mst_view_str("/CSE1"), &n));
	assert_false(est_name_of(3, mst_view_str("urn:x"), &n));
}

#define T(f) cmocka_unit_test(f)
int main(void)
{
	const struct CMUnitTest tests[] = { T(a_certificate_is_got), T(waiting_is_no_failure), T(failures_say_whose_doing_they_are),
					    T(out_of_turn), T(names) };

	return cmocka_run_group_tests_name("est", tests, NULL, NULL);
}
