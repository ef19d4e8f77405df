#include "tests/support/cm.h"

#include "codec/primitive.h"

/* A message from text; enough of HTTP for a test: the transport has the real parser. */
static struct mst_http_msg message(const char *text)
{
	struct mst_http_msg m = { 0 };
	struct mst_view in = mst_view_str(text);
	struct mst_view line = mst_view_sub(in, 0, mst_view_find(in, '\r'));
	size_t sp = mst_view_find(line, ' ');

	if (mst_view_starts(line, "HTTP/1.1 ")) {
		m.status = (line.p[9] - '0') * 100 + (line.p[10] - '0') * 10 + line.p[11] - '0';
	} else {
		m.method = mst_view_sub(line, 0, sp);
		m.target = mst_view_sub(line, sp + 1, line.n);
		m.target.n = mst_view_find(m.target, ' ');
	}
	for (in = mst_view_sub(in, line.n + 2, in.n); !mst_view_starts(in, "\r\n"); in = mst_view_sub(in,
		line.n + 2, in.n)) {
		size_t colon;

		line = mst_view_sub(in, 0, mst_view_find(in, '\r'));
		colon = mst_view_find(line, ':');
		assert_true(m.n < MST_HTTP_HEADERS_MAX && colon < line.n);
		m.header[m.n].name = mst_view_sub(line, 0, colon);
		m.header[m.n++].value = mst_view_sub(line, colon + 2, line.n);
	}
	m.body = mst_view_sub(in, 2, in.n);
	return m;
}

#define REG "POST /MEFBase HTTP/1.1\r\nHost: mef.example.com\r\nX-M2M-Origin: /CSE0001\r\nX-M2M-RI: a1\r\n" \
	"X-M2M-RVI: 3\r\nAccept: application/json\r\nContent-Type: application/json; ty=65001\r\n" \
	"Content-Length: 2\r\n\r\n{}"

static int from_text(const char *text, struct mst_request *ret_q, int *ret_rsc, struct mst_diag *d)
{
	static uint8_t scratch[512];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	struct mst_http_msg m = message(text);

	return mst_request_from_http(&m, &a, ret_q, ret_rsc, d);
}

/* spec 4.5, the registration as printed there, and back to the same octets */
static void registration_both_ways(void **state)
{
	struct mst_request q;
	uint8_t buf[512];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	int rsc;

	(void)state;
	assert_int_equal(from_text(REG, &q, &rsc, NULL), 0);
	assert_int_equal(q.op, MST_OP_CREATE);
	assert_int_equal(q.ty, 65001);
	assert_true(mst_view_eq_str(q.to, "/MEFBase") && mst_view_eq_str(q.from, "/CSE0001"));
	assert_true(mst_view_eq_str(q.rqi, "a1") && mst_view_eq_str(q.rvi, "3") && mst_view_eq_str(q.content,
		"{}"));
	assert_true(mst_view_eq_str(q.media, "application/json") && mst_view_eq_str(q.accept,
		"application/json"));
	mst_request_to_http(&q, mst_view_str("mef.example.com"), &w);
	assert_true(mst_view_eq_str(mst_written(&w), REG));
}

#define HEAD "\r\nX-M2M-Origin: /C\r\nX-M2M-RI: a\r\nX-M2M-RVI: 3\r\n"

static void target_forms(void **state)
{
	static const struct { const char *request, *to; } row[] = {
		{ "GET /A/b HTTP/1.1" HEAD "\r\n", "/A/b" },
		{ "GET /~/CSE/A HTTP/1.1" HEAD "\r\n", "/CSE/A" },
		{ "GET /_/sp.x/CSE/A HTTP/1.1" HEAD "\r\n", "//sp.x/CSE/A" },
		{ "GET /fetchCredentials/A0%40mef.x/21 HTTP/1.1" HEAD "\r\n",
		  "/fetchCredentials/A0@mef.x/21" },
		{ "GET https://mef.x:8443/A?rcn=5&rt=3 HTTP/1.1" HEAD "\r\n", "/A" },
	};
	/* no name is a prefix, too: written, it would be another one; and none has a slash in it */
	static const char *const refused[] = {
		"GET /~/_/A HTTP/1.1" HEAD "\r\n", "GET /~/~/A HTTP/1.1" HEAD "\r\n", "GET /A%2FB HTTP/1.1" HEAD "\r\n",
		"GET /%2fsp.x/CSE HTTP/1.1" HEAD "\r\n", "GET /_%2fsp.x/CSE/A HTTP/1.1" HEAD "\r\n",
	};
	uint8_t buf[512];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_request q;
		int rsc;

		assert_int_equal(from_text(row[i].request, &q, &rsc, NULL), 0);
		assert_int_equal(q.op, MST_OP_RETRIEVE);
		if (!mst_view_eq_str(q.to, row[i].to))
			fail_msg("row %zu", i);
	}
	for (size_t i = 2; i < 4; i++) {
		struct mst_request q = { .op = MST_OP_RETRIEVE, .to = mst_view_str(row[i].to),
			.rqi = mst_view_str("1") };
		struct mst_writer w = mst_writer_of(buf, sizeof(buf));

		mst_request_to_http(&q, mst_view_str("h"), &w);
		assert_true(mst_view_starts(mst_written(&w), i == 2 ? "GET /_/sp.x/CSE/A HTTP/1.1\r\n" :
		                            "GET /fetchCredentials/A0%40mef.x/21 HTTP/1.1\r\n"));
	}
	for (size_t i = 0; i < MST_COUNT(refused); i++) {
		struct mst_request q;
		int rsc;

		assert_int_equal(from_text(refused[i], &q, &rsc, NULL), MST_PRIM_BAD);
		assert_int_equal(rsc, MST_RSC_BAD_REQUEST);
	}
}

static void operations(void **state)
{
	static const struct { const char *request; enum mst_op op; } row[] = {
		{ "PUT /A HTTP/1.1" HEAD "Content-Type: application/vnd.onem2m-res+json;charset=utf-8\r\n\r\n{}", MST_OP_UPDATE },
		{ "DELETE /A HTTP/1.1" HEAD "\r\n", MST_OP_DELETE },
		{ "POST /A HTTP/1.1" HEAD "Content-Type: application/cbor\r\n\r\nx", MST_OP_NOTIFY },
		{ "POST /A HTTP/1.1" HEAD "Content-Type: application/cbor ;TY=4\r\n\r\nx", MST_OP_CREATE },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_request q;
		int rsc;

		assert_int_equal(from_text(row[i].request, &q, &rsc, NULL), 0);
		assert_int_equal(q.op, row[i].op);
	}
	for (int op = MST_OP_CREATE; op <= MST_OP_NOTIFY; op++) {
		static const char *const text[] = { "", "CREATE", "RETRIEVE", "UPDATE", "DELETE", "NOTIFY" };
		static const char *const method[] = { "", "POST /A H", "GET /A H", "PUT /A H", "DELETE /A H",
			"POST /A H" };
		struct mst_request q = { .op = (enum mst_op)op, .ty = op == MST_OP_CREATE,
			.to = mst_view_str("/A"), .rqi = mst_view_str("1") };
		uint8_t buf[128];
		struct mst_writer w = mst_writer_of(buf, sizeof(buf));

		assert_string_equal(mst_op_text((enum mst_op)op), text[op]);
		mst_request_to_http(&q, mst_view_str("h"), &w);
		assert_true(mst_view_starts(mst_written(&w), method[op]));
	}
	assert_string_equal(mst_op_text(MST_OP_NONE), "no operation");
}

static void refusals_name_the_field(void **state)
{
	static const struct { const char *request; int rsc; const char *field; } row[] = {
		{ "PATCH /A HTTP/1.1" HEAD "\r\n", 4005, "method" },
		{ "GET /A HTTP/1.1\r\nX-M2M-Origin: /C\r\nX-M2M-RVI: 3\r\n\r\n", 4000, "X-M2M-RI" },
		{ "GET /A HTTP/1.1\r\nX-M2M-Origin: /C\r\nX-M2M-RI: a b\r\nX-M2M-RVI: 3\r\n\r\n", 4000,
		  "X-M2M-RI" },
		{ "GET /A HTTP/1.1\r\nX-M2M-Origin: /C\r\nX-M2M-RI: a\r\n\r\n", 4000, "X-M2M-RVI" },
		{ "GET /A HTTP/1.1\r\nX-M2M-Origin: /C\r\nX-M2M-RI: a\r\nX-M2M-RVI: 9\r\n\r\n", 4001,
		  "X-M2M-RVI" },
		{ "GET /A HTTP/1.1\r\nX-M2M-Origin: /C D\r\nX-M2M-RI: a\r\nX-M2M-RVI: 3\r\n\r\n", 4000,
		  "X-M2M-Origin" },
		{ "GET /A HTTP/1.1" HEAD "x-m2m-origin: /D\r\n\r\n", 4000, "X-M2M-Origin" },
		{ "GET /A HTTP/1.1" HEAD "X-M2M-VSI: a\x1b[2J\r\n\r\n", 4000, "X-M2M-VSI" },
		{ "GET /A HTTP/1.1" HEAD "X-M2M-VSI: \xff\r\n\r\n", 4000, "X-M2M-VSI" },
		{ "GET /A?fu=1 HTTP/1.1" HEAD "\r\n", 5001, "query" },
		{ "GET /A?rcn=55 HTTP/1.1" HEAD "\r\n", 5001, "query" },
		{ "GET A HTTP/1.1" HEAD "\r\n", 4000, "To" },
		{ "GET //A HTTP/1.1" HEAD "\r\n", 4000, "To" },
		{ "GET /A%0 HTTP/1.1" HEAD "\r\n", 4000, "To" },
		{ "GET /A%00 HTTP/1.1" HEAD "\r\n", 4000, "To" },
		{ "GET /A%0d%0a HTTP/1.1" HEAD "\r\n", 4000, "To" },
		{ "GET https://a HTTP/1.1" HEAD "\r\n", 4000, "To" },
		{ "GET /A HTTP/1.1" HEAD "\r\nbody", 4000, "content" },
		{ "PUT /A HTTP/1.1" HEAD "Content-Type: application/json\r\n\r\n", 4000, "content" },
		{ "PUT /A HTTP/1.1" HEAD "Content-Type: application/json; ty=1\r\n\r\n{}", 4000,
		  "Content-Type" },
		{ "POST /A HTTP/1.1" HEAD "Content-Type: application/json; ty=x\r\n\r\n{}", 4000,
		  "Content-Type" },
		{ "POST /A HTTP/1.1" HEAD "Content-Type: application/json; ty=1; ty=2\r\n\r\n{}", 4000,
		  "Content-Type" },
		{ "POST /A HTTP/1.1" HEAD "Content-Type: application/json; ty=0\r\n\r\n{}", 4000,
		  "Content-Type" },
		{ "POST /A HTTP/1.1" HEAD "Content-Type: application/xml; ty=1\r\n\r\n{}", 4015,
		  "Content-Type" },
		{ "POST /A HTTP/1.1" HEAD "\r\n{}", 4015, "Content-Type" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_request q;
		struct mst_diag d = { 0 };
		int rsc = 0, r = from_text(row[i].request, &q, &rsc, &d);

		if (r != MST_PRIM_BAD || rsc != row[i].rsc || strcmp(d.field, row[i].field) != 0)
			fail_msg("row %zu: %d %d %s: %s", i, r, rsc, d.field, d.text);
		assert_true(*d.text);
	}
}

#define ANSWER "HTTP/1.1 201 \r\nX-M2M-RSC: 2001\r\nX-M2M-RI: a2\r\nX-M2M-RVI: 3\r\nContent-Location: /MEFBase/458D\r\n" \
	"Retry-After: 30\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"

static void answer_both_ways(void **state)
{
	struct mst_http_msg m = message(ANSWER);
	struct mst_response a;
	uint8_t buf[512];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));

	(void)state;
	assert_int_equal(mst_response_from_http(&m, &a, NULL), 0);
	assert_int_equal(a.rsc, 2001);
	assert_int_equal(a.retry_after, 30);
	assert_true(mst_view_eq_str(a.rqi, "a2") && mst_view_eq_str(a.location, "/MEFBase/458D"));
	mst_response_to_http(&a, false, &w);
	assert_true(mst_view_eq_str(mst_written(&w), ANSWER));
}

static void answers_refused(void **state)
{
	static const struct { const char *text, *field; } row[] = {
		{ "HTTP/1.1 503 \r\nRetry-After: 5\r\n\r\n", "X-M2M-RSC" },
		{ "HTTP/1.1 200 \r\nX-M2M-RSC: 4103\r\nX-M2M-RI: a\r\n\r\n", "X-M2M-RSC" },
		{ "HTTP/1.1 403 \r\nX-M2M-RSC: 2000\r\nX-M2M-RI: a\r\n\r\n", "X-M2M-RSC" },
		{ "HTTP/1.1 200 \r\nX-M2M-RSC: 02000\r\nX-M2M-RI: a\r\n\r\n", "X-M2M-RSC" },
		{ "HTTP/1.1 200 \r\nX-M2M-RSC: 2000\r\n\r\n", "X-M2M-RI" },
		{ "HTTP/1.1 200 \r\nX-M2M-RSC: 2000\r\nX-M2M-RI: a\r\nX-M2M-RI: b\r\n\r\n", "X-M2M-RI" },
		{ "HTTP/1.1 200 \r\nX-M2M-RSC: 2000\r\nX-M2M-RI: a\r\n\r\n{}", "Content-Type" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_http_msg m = message(row[i].text);
		struct mst_response a;
		struct mst_diag d = { 0 };

		assert_int_equal(mst_response_from_http(&m, &a, &d), MST_PRIM_BAD);
		assert_string_equal(d.field, row[i].field);
	}
}

static void retry_after_forms(void **state)
{
	struct mst_http_msg date = message("HTTP/1.1 403 \r\nX-M2M-RSC: 4103\r\nX-M2M-RI: a\r\nRetry-After: Sat, 21 Nov 2026 21:45:00 GMT\r\n\r\n");
	struct mst_http_msg huge = message("HTTP/1.1 403 \r\nX-M2M-RSC: 4103\r\nX-M2M-RI: a\r\nRetry-After: 9999999999\r\n\r\n");
	struct mst_response a;

	(void)state;
	assert_int_equal(mst_response_from_http(&date, &a, NULL), 0);
	assert_int_equal(a.retry_after, 0);
	assert_int_equal(mst_response_from_http(&huge, &a, NULL), 0);
	assert_int_equal(a.retry_after, INT32_MAX);
}

static void nothing_is_smuggled_out(void **state)
{
	struct mst_request q = { .op = MST_OP_RETRIEVE, .to = mst_view_str("/A"),
		.rqi = mst_view_str("1\r\nX: y") };
	struct mst_response a = { .rsc = 2000, .location = mst_view_str("/x\ny") };
	uint8_t buf[512], tiny[40];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf)), v = mst_writer_of(buf, sizeof(buf));
	struct mst_writer small = mst_writer_of(tiny, sizeof(tiny)), path = mst_writer_of(buf, sizeof(buf));

	(void)state;
	mst_request_to_http(&q, mst_view_str("h"), &w);
	assert_false(w.ok);
	mst_response_to_http(&a, true, &v);
	assert_false(v.ok);
	q.rqi = mst_view_str("1");
	mst_request_to_http(&q, mst_view_str("host.example.com"), &small);
	assert_false(small.ok);
	q.to = mst_view_str("/A HTTP/1.1\r\nX: y");
	mst_request_to_http(&q, mst_view_str("h"), &path);
	assert_true(mst_view_starts(mst_written(&path), "GET /A%20HTTP/1.1%0D%0AX%3A%20y HTTP/1.1\r\n"));
	q.op = MST_OP_CREATE;       /* without a resource type it would be a Notify */
	path = mst_writer_of(buf, sizeof(buf));
	mst_request_to_http(&q, mst_view_str("h"), &path);
	assert_false(path.ok);
}

static void status_codes(void **state)
{
	static const struct { int rsc, http; } row[] = {
		{ 1000, 202 }, { 2000, 200 }, { 2001, 201 }, { 2002, 200 }, { 2004, 200 }, { 4000, 400 },
		{ 4001, 501 },
		{ 4004, 404 }, { 4005, 405 }, { 4008, 504 }, { 4015, 415 }, { 4102, 400 }, { 4103, 403 },
		{ 4105, 409 },
		{ 4106, 403 }, { 4107, 403 }, { 4117, 403 }, { 5000, 500 }, { 5001, 501 }, { 5103, 404 },
		{ 5207, 406 },
		{ 1234, 500 },
	}, refused[] = {
		{ 4000, 400 }, { 4008, 408 }, { 4000, 411 }, { 4000, 413 }, { 4000, 414 }, { 4000, 417 }, { 4000, 431 }, { 5001, 501 },
		{ 4000, 505 }, { 0, 503 }, { 0, 200 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++)
		assert_int_equal(mst_rsc_http(row[i].rsc), row[i].http);
	for (size_t i = 0; i < MST_COUNT(refused); i++)
		assert_int_equal(mst_http_rsc(refused[i].http), refused[i].rsc);
	assert_string_equal(mst_rsc_text(4106), "ORIGINATOR_NOT_AUTHENTICATED");
	assert_string_equal(mst_rsc_text(1), "unknown response status code");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registration_both_ways), cmocka_unit_test(target_forms),
			cmocka_unit_test(operations),
		cmocka_unit_test(refusals_name_the_field), cmocka_unit_test(answer_both_ways),
			cmocka_unit_test(answers_refused),
		cmocka_unit_test(retry_after_forms), cmocka_unit_test(nothing_is_smuggled_out),
			cmocka_unit_test(status_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
