#include "tests/support/cm.h"

#include <stdio.h>

#include "transport/client.h"
#include "transport/http.h"

static const struct mst_http_limits limits = { 1024, 2048 };

struct result { int r, status; size_t used; struct mst_diag d; };

/* Fed in pieces of `step` octets (0 = at once), which must make no difference. */
static struct result feed(struct mst_http_parser *p, struct mst_view in, size_t step)
{
	struct result x = { .r = MST_HTTP_MORE };
	size_t at = 0;

	while (at < in.n && x.r == MST_HTTP_MORE) {
		size_t used;

		x.r = mst_http_parser_feed(p, mst_view_sub(in, at, step ? step : in.n), &used, &x.status, &x.d);
		at += used;
		if (x.r == MST_HTTP_MORE)
			assert_true(used > 0);
	}
	x.used = at;
	return x;
}

static const size_t steps[] = { 0, 1, 2, 7 };

#define H "Host: mef.example.com\r\n"

struct good { const char *in, *target, *body; unsigned headers; bool keep; };

static void good_requests(void **state)
{
	static const struct good row[] = {
		{ "GET / HTTP/1.1\r\n" H "\r\n", "/", "", 1, true },
		{ "\r\nGET /a?b=c HTTP/1.1\r\n" H "\r\n", "/a?b=c", "", 1, true },
		{ "DELETE /x HTTP/1.1\r\nhost: [::1]:8443\r\nConnection: close\r\n\r\n", "/x", "", 2, false },
		{ "POST /x HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "/x", "hello", 2, true },
		{ "POST /x HTTP/1.1\r\n" H "content-length:  0  \r\n\r\n", "/x", "", 2, true },
		{ "PUT /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", "/x", "abc0123456789", 2, true },
		{ "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "/x", "", 2, true },
		{ "GET / HTTP/1.1\r\n" H "X-Empty:\r\nX-Blank:   \r\nX-V: \ta b\t \r\n\r\n", "/", "", 4, true },
		/* no other protocol is begun by a header */
		{ "GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "/", "", 3, true },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++)
		for (size_t k = 0; k < MST_COUNT(steps); k++) {
			struct mst_http_parser *p;
			const struct mst_http_msg *m;
			struct result x;

			assert_int_equal(mst_http_parser_new(false, &limits, &p), 0);
			assert_true(mst_http_idle(p));
			for (int again = 0; again < 2; again++) {
				x = feed(p, mst_view_str(row[i].in), steps[k]);
				if (x.r != 0)
					fail_msg("%s: %d %s: %s", row[i].in, x.status, x.d.field, x.d.text);
				assert_int_equal(x.used, strlen(row[i].in));
				m = mst_http_message(p);
				assert_true(mst_view_eq_str(m->target, row[i].target));
				assert_true(mst_view_eq_str(m->body, row[i].body) || (!*row[i].body && !m->body.n));
				assert_int_equal(m->n, row[i].headers);
				assert_int_equal(mst_http_keep_alive(p), row[i].keep);
				mst_http_body_wipe(p);
				m = mst_http_message(p);
				for (size_t n = 0; n < m->body.n; n++)
					assert_int_equal(m->body.p[n], 0);
				assert_true(m->body.n == strlen(row[i].body) && mst_view_eq_str(m->target, row[i].target));
				mst_http_parser_next(p);
				assert_true(mst_http_idle(p));
			}
			mst_http_parser_free(p);
		}
}

static void trimmed_values(void **state)
{
	struct mst_http_parser *p;
	const struct mst_http_msg *m;

	(void)state;
	assert_int_equal(mst_http_parser_new(false, &limits, &p), 0);
	assert_int_equal(feed(p, mst_view_str("GET / HTTP/1.1\r\n" H "A: \t b c \t\r\nB:\r\nC: d\r\n\r\n"), 1).r, 0);
	m = mst_http_message(p);
	assert_true(mst_view_eq_str(m->header[1].value, "b c"));
	assert_int_equal(m->header[2].value.n, 0);
	assert_true(mst_view_eq_str(m->header[3].name, "C"));
	assert_true(mst_view_eq_str(m->header[3].value, "d"));
	mst_http_parser_free(p);
}

struct bad { int status; const char *in; };

/* Request smuggling and other probes, most of them from dependencies.md 2 */
static void bad_requests(void **state)
{
	static const struct bad row[] = {
		{ 400, "GET / HTTP/1.1\n" H "\r\n" },                                   /* bare LF */
		{ 400, "GET / HTTP/1.1\r\nHost: a\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\n" H "\n" },
		{ 400, "GET / HTTP/1.1\r\n" H "\rX: y\r\n\r\n" },                       /* bare CR */
		{ 400, "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n" },                          /* blank before the colon */
		{ 400, "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n" },                   /* folded */
		{ 400, "GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nA: b\r\n\r\n" },                              /* no Host */
		{ 400, "GET / HTTP/1.1\r\n" H H "\r\n" },                               /* two */
		{ 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" },
		{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc" },
		{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc" },
		{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\nabc" },
		{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\nabc" },
		{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3 3\r\n\r\nabc" },
		{ 400, "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nabc" },
		{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551619\r\n\r\nabc" },
		{ -1, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" },
		{ -1, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" },
		{ -1, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" },
		{ -1, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
		{ -1, "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\vchunked\r\n\r\n0\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n" },    /* a tab that hides it from one reader */
		{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked \t\r\n\r\n0\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n\r\n0\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n000000003\r\nabc\r\n0\r\n\r\n" },
		{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n" },   /* trailer */
		{ 413, "POST / HTTP/1.1\r\n" H "Content-Length: 2049\r\n\r\n" },
		{ 413, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n" },
		{ 411, "POST / HTTP/1.1\r\n" H "\r\n" },
		{ 411, "PUT / HTTP/1.1\r\n" H "\r\n" },
		{ 417, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nExpect: magic\r\n\r\na" },
		{ 501, "CONNECT a:1 HTTP/1.1\r\n" H "\r\n" },
		{ 501, "HEAD / HTTP/1.1\r\n" H "\r\n" },
		{ 505, "GET / HTTP/1.0\r\n" H "\r\n" },
		{ 505, "GET / HTTP/2.0\r\n" H "\r\n" },
		{ 505, "GET / HTTP/0.9\r\n" H "\r\n" },
		{ -1, "GET / HTTP/9.9\r\n" H "\r\n" },
		{ -1, "GET /\r\n" H "\r\n" },
		{ 400, "get / HTTP/1.1\r\n" H "\r\n" },
		{ 400, "GET  / HTTP/1.1\r\n" H "\r\n" },
		{ -1, "GET / HTTP/1.1 \r\n" H "\r\n" },
		{ 400, "GET /\x80 HTTP/1.1\r\n" H "\r\n" },
		{ 400, "GET /\x01 HTTP/1.1\r\n" H "\r\n" },
		{ 400, "GET / HTTP/1.1\r\n" H "A: b\x01\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\n" H "A\x80: b\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\n" H ": b\r\n\r\n" },
		{ 400, "GET / HTTP/1.1\r\n" H "novalue\r\n\r\n" },
		{ 400, "\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n" },
		{ 400, "\x16\x03\x01\x02\x05" },                                        /* TLS on a plain port */
		{ 400, "HTTP/1.1 200 \r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++)
		for (size_t k = 0; k < MST_COUNT(steps); k++) {
			struct mst_http_parser *p;
			struct result x;

			assert_int_equal(mst_http_parser_new(false, &limits, &p), 0);
			x = feed(p, mst_view_str(row[i].in), steps[k]);
			if (x.r != MST_HTTP_BAD || (row[i].status > 0 && row[i].status != x.status) || x.status < 400)
				fail_msg("step %zu: %s -> %d %d (%s: %s)", steps[k], row[i].in, x.r, x.status, x.d.field, x.d.text);
			assert_true(x.d.field[0] && x.d.text[0]);
			/* it stays refused */
			assert_int_equal(feed(p, mst_view_str("GET / HTTP/1.1\r\n" H "\r\n"), 0).r, MST_HTTP_BAD);
			mst_http_parser_free(p);
		}
}

static void limits_hold(void **state)
{
	struct mst_http_parser *p;
	char big[4096];
	int n;

	(void)state;
	/* target, section, number */
	assert_int_equal(mst_http_parser_new(false, &limits, &p), 0);
	n = snprintf(big, sizeof(big), "GET /%0600d HTTP/1.1\r\n" H "\r\n", 0);
	assert_int_equal(feed(p, (struct mst_view){ (uint8_t *)big, (size_t)n }, 0).status, 414);
	mst_http_parser_next(p);
	n = snprintf(big, sizeof(big), "GET / HTTP/1.1\r\n" H "A: %01000d\r\n\r\n", 0);
	assert_int_equal(feed(p, (struct mst_view){ (uint8_t *)big, (size_t)n }, 3).status, 431);
	mst_http_parser_next(p);
	n = snprintf(big, sizeof(big), "GET / HTTP/1.1\r\n" H);
	for (int i = 0; i < MST_HTTP_HEADERS_MAX; i++)
		n += snprintf(big + n, sizeof(big) - (size_t)n, "A: b\r\n");
	n += snprintf(big + n, sizeof(big) - (size_t)n, "\r\n");
	assert_int_equal(feed(p, (struct mst_view){ (uint8_t *)big, (size_t)n }, 0).status, 431);
	/* one header fewer is taken */
	mst_http_parser_next(p);
	assert_int_equal(feed(p, (struct mst_view){ (uint8_t *)big, (size_t)n - 8 }, 0).r, MST_HTTP_MORE);
	assert_int_equal(feed(p, MST_VIEW_LIT("\r\n"), 0).r, 0);
	/* the body's limit is inclusive; many small chunks count together */
	mst_http_parser_next(p);
	n = snprintf(big, sizeof(big), "POST / HTTP/1.1\r\n" H "Content-Length: 2048\r\n\r\n%02048d", 0);
	assert_int_equal(feed(p, (struct mst_view){ (uint8_t *)big, (size_t)n }, 0).r, 0);
	mst_http_parser_next(p);
	n = snprintf(big, sizeof(big), "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 3; i++)
		n += snprintf(big + n, sizeof(big) - (size_t)n, "300\r\n%0768d\r\n", 0);
	assert_int_equal(feed(p, (struct mst_view){ (uint8_t *)big, (size_t)n }, 5).status, 413);
	mst_http_parser_free(p);
}

static void stops_after_the_message(void **state)
{
	static const char two[] = "POST /1 HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\naGET /2 HTTP/1.1\r\n" H "\r\n";
	struct mst_http_parser *p;
	struct result x;

	(void)state;
	assert_int_equal(mst_http_parser_new(false, &limits, &p), 0);
	x = feed(p, mst_view_str(two), 0);
	assert_int_equal(x.r, 0);
	assert_true(mst_view_eq_str(mst_http_message(p)->target, "/1"));
	/* nothing more is taken before next() */
	assert_int_equal(feed(p, mst_view_str(two + x.used), 0).used, 0);
	mst_http_parser_next(p);
	x = feed(p, mst_view_str(two + x.used), 0);
	assert_int_equal(x.r, 0);
	assert_true(mst_view_eq_str(mst_http_message(p)->target, "/2"));
	mst_http_parser_free(p);
}

static void continue_and_eof(void **state)
{
	struct mst_http_parser *p;

	(void)state;
	assert_int_equal(mst_http_parser_new(false, &limits, &p), 0);
	assert_int_equal(mst_http_parser_eof(p), MST_HTTP_MORE);
	assert_int_equal(feed(p, mst_view_str("POST / HTTP/1.1\r\n" H "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"), 0).r, MST_HTTP_MORE);
	assert_true(mst_http_expects_continue(p));
	assert_true(mst_http_in_body(p));
	assert_int_equal(mst_http_parser_eof(p), MST_HTTP_BAD);
	assert_int_equal(feed(p, mst_view_str("ab"), 0).r, 0);
	assert_false(mst_http_expects_continue(p));
	mst_http_parser_free(p);
}

static void responses(void **state)
{
	static const struct { const char *in; int r, status; const char *body; bool keep, eof; } row[] = {
		{ "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", 0, 200, "ok", true, false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0, 200, "ok", true, false },
		{ "HTTP/1.1 204 \r\n\r\n", 0, 204, "", true, false },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 \r\nContent-Length: 0\r\n\r\n", 0, 201, "", true, false },
		{ "HTTP/1.1 200 \r\n\r\nto the end", MST_HTTP_MORE, 200, "to the end", false, true },
		{ "HTTP/1.1 503 \r\nRetry-After: 3\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 0, 503, "", false, false },
		{ "HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 200 \r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 200 \r\nContent-Length: 9999\r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\t\r\n\r\n2\r\nok\r\n0\r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 200 \r\nTransfer-Encoding: chunked \t \r\n\r\n2\r\nok\r\n0\r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 200 \r\nTransfer-Encoding: \tchunked  \r\n\r\n2\r\nok\r\n0\r\n\r\n", 0, 200, "ok", true, false },
		{ "HTTP/1.1 200 \r\nContent-Length: 2\t\r\n\r\nok", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 200 \r\nContent-Length: \t2 \r\n\r\nok", 0, 200, "ok", true, false },
		{ "HTTP/1.1 101 \r\n\r\nHTTP/1.1 204 \r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 \r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 0200 OK\r\nContent-Length: 0\r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		/* what one reader skips as its content another takes for the answer (RFC 9110 8.6, RFC 9112 6.1) */
		{ "HTTP/1.1 100 \r\nContent-Length: 19\r\n\r\nHTTP/1.1 204 x\r\n\r\nHTTP/1.1 200 \r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 103 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 204 x\r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 204 \r\nContent-Length: 2\r\n\r\nok", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 304 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", MST_HTTP_BAD, 0, "", false, false },
		{ "HTTP/1.1 100 \r\nContent-Length: 0\r\n\r\nHTTP/1.1 204 \r\n\r\n", 0, 204, "", true, false },
		{ "SSH-2.0-OpenSSH\r\n", MST_HTTP_BAD, 0, "", false, false },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++)
		for (size_t k = 0; k < MST_COUNT(steps); k++) {
			struct mst_http_parser *p;
			struct result x;

			assert_int_equal(mst_http_parser_new(true, &limits, &p), 0);
			x = feed(p, mst_view_str(row[i].in), steps[k]);
			if (x.r != row[i].r)
				fail_msg("%s -> %d %s", row[i].in, x.r, x.d.text);
			if (row[i].eof)
				assert_int_equal(mst_http_parser_eof(p), 0);
			if (row[i].r != MST_HTTP_BAD) {
				assert_int_equal(mst_http_message(p)->status, row[i].status);
				assert_int_equal(mst_http_message(p)->body.n, strlen(row[i].body));
				assert_memory_equal(mst_http_message(p)->body.p ? mst_http_message(p)->body.p : (const uint8_t *)"",
				                    row[i].body, strlen(row[i].body));
				assert_int_equal(mst_http_keep_alive(p), row[i].keep);
			}
			mst_http_parser_free(p);
		}
}

/* Where HTTP/1.0 is let in (clients of OCSP speak it), each connection is for one answer. */
static void the_older_version_where_it_is_wanted(void **state)
{
	static const struct { const char *in; int status; } row[] = {
		{ "GET /a HTTP/1.0\r\n" H "\r\n", 0 },
		{ "GET /a HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n", 0 },
		{ "POST /a HTTP/1.0\r\n" H "Content-Length: 2\r\n\r\nab", 0 },
		{ "GET /a HTTP/1.0\r\n\r\n", 400 },
		{ "POST /a HTTP/1.0\r\n" H "\r\n", 411 },
		{ "POST /a HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
		{ "GET /a HTTP/0.9\r\n" H "\r\n", 505 },
		{ "GET /a HTTP/2.0\r\n" H "\r\n", 505 },
	};
	static const struct mst_http_limits both = { 1024, 2048, true };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++)
		for (size_t k = 0; k < MST_COUNT(steps); k++) {
			struct mst_http_parser *p;
			struct result x;

			assert_int_equal(mst_http_parser_new(false, &both, &p), 0);
			x = feed(p, mst_view_str(row[i].in), steps[k]);
			if (x.r != (row[i].status ? MST_HTTP_BAD : 0) || (row[i].status && x.status != row[i].status))
				fail_msg("row %zu: %d %d %s %s", i, x.r, x.status, x.d.field, x.d.text);
			if (!row[i].status)
				assert_false(mst_http_keep_alive(p));
			mst_http_parser_free(p);
		}
}

/* What a long content took is given back with it, and the next message finds room again. */
static void room_is_given_back(void **state)
{
	static const struct mst_http_limits much = { 1024, 100000 };
	static const char head[] = "POST /x HTTP/1.1\r\n" H "Content-Length: 60000\r\n\r\n";
	static uint8_t text[sizeof(head) - 1 + 60000];
	struct mst_http_parser *p;

	(void)state;
	memcpy(text, head, sizeof(head) - 1);
	memset(text + sizeof(head) - 1, 'x', 60000);
	assert_int_equal(mst_http_parser_new(false, &much, &p), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(feed(p, (struct mst_view){ text, sizeof(text) }, 1000).r, 0);
		assert_int_equal(mst_http_message(p)->body.n, 60000);
		assert_true(mst_http_room(p) >= 60000);
		mst_http_parser_next(p);
		assert_true(mst_http_room(p) <= MST_HTTP_ROOM_KEPT);
		assert_int_equal(feed(p, MST_VIEW_LIT("GET / HTTP/1.1\r\n" H "\r\n"), 0).r, 0);
		assert_true(mst_http_room(p) > 0);
		mst_http_parser_next(p);
		assert_true(mst_http_room(p) > 0);
	}
	mst_http_parser_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_requests), cmocka_unit_test(room_is_given_back), cmocka_unit_test(trimmed_values), cmocka_unit_test(bad_requests),
		cmocka_unit_test(limits_hold), cmocka_unit_test(stops_after_the_message), cmocka_unit_test(continue_and_eof),
		cmocka_unit_test(responses), cmocka_unit_test(the_older_version_where_it_is_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
