/* One response in caller's storage: every cut of it reads the same, and what is no response is refused with its place. */
#include "tests/support/cm.h"

#include "codec/http-read.h"

#define CAP 256

static uint8_t storage[CAP];

/* In pieces of `step` octets. */
static int read_all(const char *text, size_t step, struct mst_http_msg *m, size_t *ret_used, struct mst_diag *d)
{
	struct mst_view in = mst_view_str(text);
	struct mst_http_read r;
	int rc = MST_HTTP_READ_MORE;

	mst_http_read_begin(&r, storage, sizeof(storage));
	*ret_used = 0;
	while (rc == MST_HTTP_READ_MORE && *ret_used < in.n) {
		size_t used;

		rc = mst_http_read_feed(&r, mst_view_sub(in, *ret_used, step), &used, m, d);
		*ret_used += used;
	}
	if (rc == MST_HTTP_READ_MORE)
		rc = mst_http_read_end(&r, m, d);
	return rc;
}

static void test_good(void **state)
{
	static const struct { const char *text; int status; size_t headers; const char *body; size_t left; } rows[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, 1, "{}", 0 },
		{ "HTTP/1.1 201 \r\nX-M2M-RSC: 2001\r\ncontent-length: 0\r\n\r\n", 201, 2, "", 0 },
		{ "HTTP/1.0 404\r\n\r\nuntil the end", 404, 0, "until the end", 0 },
		{ "HTTP/1.1 204 No Content\r\nA: \t b \t\r\n\r\n", 204, 1, "", 0 },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0a\r\n0123456789\r\n0\r\n\r\n", 200, 1, "abcd0123456789", 0 },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP", 200, 1, "", 4 },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1", 200, 1, "x", 8 },
		{ "HTTP/1.1 100 x\r\nContent-Length: 0\r\n\r\nHTTP/1.1 204 x\r\n\r\n", 204, 0, "", 0 },
		{ "\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, 1, "x", 0 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++)
		for (size_t step = 1; step <= strlen(rows[i].text); step++) {
			struct mst_diag d = { 0 };
			struct mst_http_msg m;
			size_t used;

			assert_int_equal(read_all(rows[i].text, step, &m, &used, &d), 0);
			assert_int_equal(m.status, rows[i].status);
			assert_int_equal(m.n, rows[i].headers);
			assert_true(mst_view_eq_str(m.body, rows[i].body));
			assert_int_equal(strlen(rows[i].text) - used, rows[i].left);
		}
}

static void test_headers(void **state)
{
	struct mst_diag d = { 0 };
	struct mst_http_msg m;
	size_t used;

	(void)state;
	assert_int_equal(read_all("HTTP/1.1 200 OK\r\nRetry-After:  7 \r\nB:\r\nContent-Length: 0\r\n\r\n", 9, &m, &used, &d), 0);
	assert_true(mst_view_eq_str(mst_http_find(&m, "retry-after"), "7"));
	assert_int_equal(mst_http_find(&m, "B").n, 0);
}

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

static void test_bad(void **state)
{
	static const struct { const char *text, *field; } rows[] = {
		{ "HTTP/2.0 200 OK\r\n\r\n", "status line" },
		{ "HTTP/1.1 2000\r\n\r\n", "status line" },
		{ "HTTP/1.1 099 x\r\n\r\n", "status line" },
		{ "GET / HTTP/1.1\r\n\r\n", "status line" },
		{ "HTTP/1.1 101 x\r\n\r\n", "Upgrade" },
		{ "HTTP/1.1 200 OK\nA: b\n\n", "line end" },
		{ "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "header" },
		{ "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "header" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "Content-Length" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Content-Length" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx", "Content-Length" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nx", "Content-Length" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nx", "body" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", "Transfer-Encoding" },
		{ "HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Content-Length" },
		{ "HTTP/1.1 304 OK\r\nContent-Length: 1\r\n\r\nx", "Content-Length" },
		/* what one reader skips as its content another takes for the answer (RFC 9110 8.6, RFC 9112 6.1) */
		{ "HTTP/1.1 100 x\r\nContent-Length: 19\r\n\r\nHTTP/1.1 204 x\r\n\r\n", "Content-Length" },
		{ "HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 204 x\r\n\r\n", "Content-Length" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\n\r\n", "chunk" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", "body" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", "chunk" },
		{ "HTTP/1.1 200 OK\r\nA: " FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY "\r\n\r\n", "header" },
		{ "HTTP/1.0 200 OK\r\n\r\n" FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY, "message" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "message" },
		{ "HTTP/1.1 200 OK\r\nContent-Le", "message" },
		{ "", "message" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++)
		for (size_t step = 1; step <= strlen(rows[i].text) + 1; step++) {
			struct mst_diag d = { 0 };
			struct mst_http_msg m;
			size_t used;

			assert_int_equal(read_all(rows[i].text, step, &m, &used, &d), MST_HTTP_READ_BAD);
			assert_string_equal(d.field, rows[i].field);
			assert_true(d.text[0]);
		}
}

/* Broken stays broken; a new beginning reads again. */
static void test_after_a_broken_one(void **state)
{
	struct mst_http_read r;
	struct mst_diag d = { 0 };
	struct mst_http_msg m;
	size_t used;

	(void)state;
	mst_http_read_begin(&r, storage, sizeof(storage));
	assert_int_equal(mst_http_read_feed(&r, mst_view_str("nothing\r\n\r\n"), &used, &m, &d), MST_HTTP_READ_BAD);
	assert_int_equal(mst_http_read_feed(&r, mst_view_str("HTTP/1.1 204 x\r\n\r\n"), &used, &m, &d), MST_HTTP_READ_BAD);
	assert_int_equal(mst_http_read_end(&r, &m, &d), MST_HTTP_READ_BAD);
	mst_http_read_begin(&r, storage, sizeof(storage));
	assert_int_equal(mst_http_read_feed(&r, mst_view_str("HTTP/1.1 204 x\r\n\r\n"), &used, &m, &d), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_headers), cmocka_unit_test(test_bad), cmocka_unit_test(test_after_a_broken_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
