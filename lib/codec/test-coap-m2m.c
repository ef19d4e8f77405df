/* Primitives over CoAP: known answers, octet by octet, in both editions of the options; and everything there and back. */
#include "tests/support/cm.h"

#include "base/text.h"
#include "codec/coap-m2m.h"

static uint8_t scratch[2048];

static struct mst_view octets(const char *hex)
{
	static uint8_t b[1024];
	size_t n = 0;

	assert_true(mst_hex_decode(mst_view_str(hex), b, sizeof(b), &n));
	return (struct mst_view){ b, n };
}

static void put_params(struct mst_coap_msg *m, const struct mst_coap_params *p)
{
	for (size_t i = 0; i < p->n; i++)
		mst_coap_add(m, p->option[i].number, p->option[i].value);
}

/* By hand from RFC 7252 3.1 and TS-0008 table 6.2.2.4-1. */
static const struct { enum mst_coap_dialect x; const char *request, *answer; } known[] = {
	{ MST_COAP_ONEM2M, "40021234B74D45464261736511325132D2EDFDE9413383533031426131FF7B7D",
	  "60411234874D454642617365057265672D374132D1F633C26131D20B07D1FF7B7D" },
	/* the answer: RQI 257 is 245 behind Content-Format, RSC 265 eight, RVI 271 six further */
	{ MST_COAP_ONEM2M_EARLY, "40021234B74D45464261736511325132D3E2533031126131A2FDE94133FF7B7D",
	  "60411234874D454642617365057265672D374132D2E861318207D16133FF7B7D" },
};

static const struct mst_request registration = {
	.op = MST_OP_CREATE, .to = MST_VIEW_LIT("/MEFBase"), .from = MST_VIEW_LIT("S01"), .rqi = MST_VIEW_LIT("a1"), .rvi = MST_VIEW_LIT("3"),
	.accept = MST_VIEW_LIT("application/json"), .media = MST_VIEW_LIT("application/json"), .ty = 65001, .content = MST_VIEW_LIT("{}"),
};

static void a_request_octet_by_octet(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(known); i++) {
		struct mst_coap_msg m = { .type = MST_COAP_CON, .code = MST_COAP_POST, .id = 0x1234, .payload = MST_VIEW_LIT("{}") };
		struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
		uint8_t out[256], r1[4], r2[4];
		struct mst_writer w = mst_writer_of(out, sizeof(out));
		struct mst_coap_primitive p;
		struct mst_http_msg h;
		struct mst_request q;
		struct mst_view want = octets(known[i].request);
		uint16_t bad;
		int rsc = 0;

		assert_true(mst_coap_of_request(&registration, known[i].x, &a, &p));
		assert_true(p.code == MST_COAP_POST && mst_view_eq_str(p.path, "/MEFBase") && p.has_format);
		mst_coap_add(&m, MST_COAP_URI_PATH, MST_VIEW_LIT("MEFBase"));
		mst_coap_add_uint(&m, MST_COAP_CONTENT_FORMAT, p.format, r1);
		mst_coap_add_uint(&m, MST_COAP_ACCEPT, p.accept, r2);
		put_params(&m, &p.params);
		mst_coap_write(&m, &w);
		assert_true(mst_view_eq(mst_written(&w), want));

		assert_int_equal(mst_coap_read(want, &m, NULL), 0);
		assert_true(mst_coap_check(&m, known[i].x, &bad));
		a.n = 0;
		assert_true(mst_coap_primitive_as_http(&m, m.payload, "mef.example.com", known[i].x, &a, &h, NULL));
		assert_true(mst_view_eq_str(mst_http_find(&h, "Content-Type"), "application/json; ty=65001"));
		assert_int_equal(mst_request_from_http(&h, &a, &q, &rsc, NULL), 0);
		assert_true(q.op == MST_OP_CREATE && q.ty == 65001 && mst_view_eq(q.to, registration.to) && mst_view_eq(q.from, registration.from));
		assert_true(mst_view_eq(q.rqi, registration.rqi) && mst_view_eq(q.rvi, registration.rvi) && mst_view_eq(q.media, registration.media));
	}
}

static void an_answer_octet_by_octet(void **state)
{
	const struct mst_response said = { .rsc = MST_RSC_CREATED, .rqi = MST_VIEW_LIT("a1"), .rvi = MST_VIEW_LIT("3"), .location = MST_VIEW_LIT("/MEFBase/reg-7"),
					   .content = MST_VIEW_LIT("{}"), .media = MST_VIEW_LIT("application/json") };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(known); i++) {
		struct mst_coap_msg m = { .type = MST_COAP_ACK, .code = mst_coap_code_of_rsc(said.rsc, false), .id = 0x1234, .payload = said.content };
		struct mst_coap_reply reply = { .code = m.code, .has_format = true, .format = MST_COAP_JSON, .body = said.content };
		struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
		uint8_t out[256], room[4];
		struct mst_writer w = mst_writer_of(out, sizeof(out));
		struct mst_coap_params p;
		struct mst_http_msg h;
		struct mst_response got;
		uint16_t bad;

		assert_true(mst_coap_of_response(&said, known[i].x, &a, &p));
		mst_coap_add_uint(&m, MST_COAP_CONTENT_FORMAT, MST_COAP_JSON, room);
		put_params(&m, &p);
		mst_coap_write(&m, &w);
		assert_true(mst_view_eq(mst_written(&w), octets(known[i].answer)));

		assert_int_equal(mst_coap_read(mst_written(&w), &m, NULL), 0);
		assert_true(mst_coap_check(&m, known[i].x, &bad));
		a.n = 0;
		assert_true(mst_coap_reply_as_http(&reply, &a, &h) && mst_coap_params_as_http(m.option, m.n, known[i].x, &a, &h));
		assert_int_equal(mst_response_from_http(&h, &got, NULL), 0);
		assert_true(got.rsc == said.rsc && mst_view_eq(got.rqi, said.rqi) && mst_view_eq(got.location, said.location) && mst_view_eq(got.rvi, said.rvi));
	}
}

/* What the other edition says is not understood, and then not guessed. */
static void one_edition_is_not_the_other(void **state)
{
	struct mst_coap_msg m;
	uint16_t bad = 0;

	(void)state;
	assert_int_equal(mst_coap_read(octets(known[0].request), &m, NULL), 0);
	assert_false(mst_coap_check(&m, MST_COAP_ONEM2M_EARLY, &bad));
	assert_int_equal(bad, 279);
	assert_int_equal(mst_coap_read(octets(known[1].request), &m, NULL), 0);
	assert_false(mst_coap_check(&m, MST_COAP_ONEM2M, &bad));         /* 256 was elective: it falls away; 257 is not */
	assert_int_equal(bad, 257);
	assert_int_equal(mst_coap_read(octets(known[0].request), &m, NULL), 0);
	assert_false(mst_coap_check(&m, MST_COAP_BARE, &bad));
	assert_int_equal(bad, 267);
}

/* It says that this is a Create, which without a format, and so without a content, is none: and no Notify either. */
static void a_type_is_that_of_a_content(void **state)
{
	static const uint8_t code[] = { MST_COAP_POST, MST_COAP_GET };
	static const enum mst_coap_param text[] = { MST_COAP_FR, MST_COAP_RQI, MST_COAP_RVI };

	(void)state;
	for (size_t i = 0; i < 2 * MST_COUNT(code); i++) {
		struct mst_coap_msg m = { .code = code[i / 2] };
		struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
		struct mst_diag d = { 0 };
		struct mst_http_msg h;
		struct mst_request q;
		uint8_t room[4];
		int rsc = 0;

		mst_coap_add(&m, MST_COAP_URI_PATH, MST_VIEW_LIT("MEFBase"));
		for (size_t k = 0; k < MST_COUNT(text); k++)
			mst_coap_add(&m, mst_coap_param(MST_COAP_ONEM2M, text[k]), MST_VIEW_LIT("3"));
		if (i % 2)
			mst_coap_add_uint(&m, mst_coap_param(MST_COAP_ONEM2M, MST_COAP_TY), 65001, room);
		assert_true(mst_coap_primitive_as_http(&m, m.payload, "mef.example.com", MST_COAP_ONEM2M, &a, &h, &d));
		assert_int_equal(mst_request_from_http(&h, &a, &q, &rsc, &d), i % 2);
		assert_true(i % 2 == 0 || (rsc == MST_RSC_BAD_REQUEST && strcmp(d.field, "Content-Type") == 0));
	}
}

/* One segment that has a slash in it is not the two that it would look like over HTTP. */
static void a_segment_with_a_slash(void **state)
{
	static const char *const segment[] = { "MEFBase/reg-1", "/sp.example.com/MEFBase", "/" };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(segment); i++) {
		struct mst_coap_msg m = { .code = MST_COAP_GET };
		struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
		struct mst_diag d = { 0 };
		struct mst_http_msg h;
		struct mst_request q;
		int rsc = 0;

		mst_coap_add(&m, MST_COAP_URI_PATH, mst_view_str(segment[i]));
		mst_coap_add(&m, mst_coap_param(MST_COAP_ONEM2M, MST_COAP_RVI), MST_VIEW_LIT("3"));
		mst_coap_add(&m, mst_coap_param(MST_COAP_ONEM2M, MST_COAP_RQI), MST_VIEW_LIT("a1"));
		assert_true(mst_coap_primitive_as_http(&m, m.payload, "mef.example.com", MST_COAP_ONEM2M, &a, &h, &d));
		assert_int_equal(mst_request_from_http(&h, &a, &q, &rsc, &d), MST_PRIM_BAD);
		assert_int_equal(rsc, MST_RSC_BAD_REQUEST);
		assert_string_equal(d.field, "To");
	}
}

/* Length, repetition, direction: each row is refused with its number. */
static void options_that_cannot_be_taken(void **state)
{
	static const struct { uint8_t code; uint16_t number, again; const char *value; } rows[] = {
		{ MST_COAP_POST, 271, 0, "" }, { MST_COAP_POST, 271, 0, "2aa" }, { MST_COAP_POST, 271, 1, "3" }, { MST_COAP_POST, 283, 1, "a" },
		{ MST_COAP_POST, 267, 0, "abc" }, { MST_COAP_POST, 259, 0, "20260101" }, { MST_COAP_POST, 307, 0, "x" },
		{ MST_COAP_POST, 263, 0, "coap://x" }, { MST_COAP_POST, 299, 0, "20260101T000000" }, { MST_COAP_POST, 303, 0, "1" },
		{ MST_COAP_POST, 311, 0, "g" }, { MST_COAP_POST, 319, 0, "1" }, { MST_COAP_POST, 323, 0, "1" }, { MST_COAP_POST, 327, 0, "t" },
		{ MST_COAP_POST, 335, 0, "20260101T000000" }, { MST_COAP_POST, 339, 0, "u" }, { MST_COAP_POST, 275, 0, "r" }, { MST_COAP_POST, 343, 0, "?" },
		{ MST_COAP_CREATED, 319, 0, "1" }, { MST_COAP_CREATED, 307, 0, "123" }, { MST_COAP_CREATED, 267, 0, "1" }, { MST_COAP_CREATED, 307, 1, "1" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_coap_msg m = { .code = rows[i].code };
		uint16_t bad = 0;

		for (unsigned k = 0; k <= rows[i].again; k++)
			mst_coap_add(&m, rows[i].number, mst_view_str(rows[i].value));
		if (mst_coap_check(&m, MST_COAP_ONEM2M, &bad) || bad != rows[i].number)
			fail_msg("row %zu: %u", i, bad);
	}
}

static void options_that_are_taken(void **state)
{
	static const struct { uint8_t code; uint16_t number; const char *value; } rows[] = {
		{ MST_COAP_GET, 279, "" }, { MST_COAP_GET, 259, "20260101T000000,123456" }, { MST_COAP_GET, 291, "20260101T000000" },
		{ MST_COAP_GET, 295, "20260101T000000" }, { MST_COAP_GET, 331, "attempt=0" }, { MST_COAP_GET, 271, "2a" },
		{ MST_COAP_CONTENT, 303, "1" }, { MST_COAP_CONTENT, 307, "xy" }, { MST_COAP_CONTENT, 275, "r" }, { MST_COAP_CONTENT, 327, "t" },
	};
	struct mst_coap_msg m;
	uint16_t bad;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		m = (struct mst_coap_msg){ .code = rows[i].code };
		mst_coap_add(&m, rows[i].number, mst_view_str(rows[i].value));
		assert_true(mst_coap_check(&m, MST_COAP_ONEM2M, &bad));
		assert_int_equal(m.n, 1);
	}
}

/* TS-0008 6.2.4 */
static void every_status_has_its_code(void **state)
{
	static const struct { int rsc; bool get; uint8_t code; } rows[] = {
		{ 2000, true, 0x45 }, { 2000, false, 0x44 }, { 2001, false, 0x41 }, { 2002, false, 0x42 }, { 2004, false, 0x44 }, { 4000, false, 0x80 },
		{ 4001, false, 0xa1 }, { 4004, true, 0x84 }, { 4005, false, 0x85 }, { 4008, false, 0xa4 }, { 4015, false, 0x8f }, { 4102, false, 0x80 },
		{ 4103, true, 0x83 }, { 4105, false, 0x83 }, { 4106, false, 0x83 }, { 4107, false, 0x83 }, { 4117, false, 0x83 }, { 5000, false, 0xa0 },
		{ 5001, false, 0xa1 }, { 5103, false, 0x84 }, { 5207, false, 0x86 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++)
		if (mst_coap_code_of_rsc(rows[i].rsc, rows[i].get) != rows[i].code)
			fail_msg("%d: %x", rows[i].rsc, mst_coap_code_of_rsc(rows[i].rsc, rows[i].get));
}

static void what_http_could_not_carry(void **state)
{
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch)), none = mst_arena_of(scratch, 9);
	struct mst_coap_msg m = { .code = MST_COAP_GET };
	struct mst_http_msg h;
	struct mst_diag d = { 0 };

	(void)state;
	mst_coap_add(&m, 279, MST_VIEW_LIT("/CSE\r\nX: y"));
	assert_false(mst_coap_primitive_as_http(&m, MST_VIEW_NONE, "mef.example.com", MST_COAP_ONEM2M, &a, &h, &d));
	assert_string_equal(d.field, "oneM2M options");
	m = (struct mst_coap_msg){ .code = MST_COAP_POST };
	mst_coap_add(&m, MST_COAP_CONTENT_FORMAT, MST_VIEW_LIT("\x32"));
	mst_coap_add(&m, 267, MST_VIEW_LIT("\xfd\xe9"));
	assert_false(mst_coap_primitive_as_http(&m, MST_VIEW_LIT("{}"), "m", MST_COAP_ONEM2M, &none, &h, &d));
}

static void requests_that_cannot_be_said(void **state)
{
	static const struct mst_request rows[] = {
		{ .op = MST_OP_NONE, .to = MST_VIEW_LIT("/a"), .rqi = MST_VIEW_LIT("1") }, { .op = MST_OP_RETRIEVE, .to = MST_VIEW_LIT("a"), .rqi = MST_VIEW_LIT("1") },
		{ .op = MST_OP_RETRIEVE, .to = MST_VIEW_LIT("/a") }, { .op = MST_OP_CREATE, .to = MST_VIEW_LIT("/a"), .rqi = MST_VIEW_LIT("1") },
		{ .op = MST_OP_CREATE, .to = MST_VIEW_LIT("/a"), .rqi = MST_VIEW_LIT("1"), .ty = 65536 },
		{ .op = MST_OP_UPDATE, .to = MST_VIEW_LIT("/a"), .rqi = MST_VIEW_LIT("1"), .content = MST_VIEW_LIT("x"), .media = MST_VIEW_LIT("text/html") },
		{ .op = MST_OP_RETRIEVE, .to = MST_VIEW_LIT("/a"), .rqi = MST_VIEW_LIT("1"), .accept = MST_VIEW_LIT("text/html") },
	};
	static const struct { enum mst_op op; int ty; uint8_t code; } methods[] = {
		{ MST_OP_CREATE, 2, MST_COAP_POST }, { MST_OP_NOTIFY, 0, MST_COAP_POST }, { MST_OP_RETRIEVE, 0, MST_COAP_GET },
		{ MST_OP_UPDATE, 0, MST_COAP_PUT }, { MST_OP_DELETE, 0, MST_COAP_DELETE },
	};
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	struct mst_coap_primitive p;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++)
		assert_false(mst_coap_of_request(&rows[i], MST_COAP_ONEM2M, &a, &p));
	for (size_t i = 0; i < MST_COUNT(methods); i++) {
		struct mst_request q = { .op = methods[i].op, .to = MST_VIEW_LIT("//sp.example.com/CSE/a b"), .rqi = MST_VIEW_LIT("1"), .ty = methods[i].ty };

		a.n = 0;
		assert_true(mst_coap_of_request(&q, MST_COAP_ONEM2M, &a, &p));
		assert_int_equal(p.code, methods[i].code);
		assert_true(mst_view_eq_str(p.path, "/_/sp.example.com/CSE/a%20b"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_octet_by_octet), cmocka_unit_test(an_answer_octet_by_octet), cmocka_unit_test(one_edition_is_not_the_other),
		cmocka_unit_test(a_type_is_that_of_a_content),
		cmocka_unit_test(a_segment_with_a_slash), cmocka_unit_test(options_that_cannot_be_taken), cmocka_unit_test(options_that_are_taken), cmocka_unit_test(every_status_has_its_code),
		cmocka_unit_test(what_http_could_not_carry), cmocka_unit_test(requests_that_cannot_be_said),
	};

	return cmocka_run_group_tests_name("primitives over CoAP", tests, NULL, NULL);
}
