/* CoAP messages: known answers of RFC 7252 appendix A and RFC 7959, every malformation, and the way to HTTP's words. */
#include "tests/support/cm.h"

#include "base/text.h"
#include "codec/coap-map.h"

static size_t bytes(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;

	assert_true(mst_hex_decode(mst_view_str(hex), out, cap, &n));
	return n;
}

static int reading(const char *hex, struct mst_coap_msg *m, struct mst_diag *d)
{
	static uint8_t b[2048];

	return mst_coap_read((struct mst_view){ b, bytes(hex, b, sizeof(b)) }, m, d);
}

/* RFC 7252 A: figures 16 (GET /temperature, 2.05 in the acknowledgement) and 17 (with a token). */
static void the_rfcs_examples(void **state)
{
	static const struct { const char *hex; enum mst_coap_type type; uint8_t code; uint16_t id; const char *path, *token, *payload; } rows[] = {
		{ "40017D34BB74656D7065726174757265", MST_COAP_CON, MST_COAP_GET, 0x7d34, "temperature", "", "" },
		{ "60457D34FF32322E332043", MST_COAP_ACK, MST_COAP_CONTENT, 0x7d34, NULL, "", "22.3 C" },
		{ "41017D3520BB74656D7065726174757265", MST_COAP_CON, MST_COAP_GET, 0x7d35, NULL, " ", "" },
		{ "61457D3520FF32322E332043", MST_COAP_ACK, MST_COAP_CONTENT, 0x7d35, NULL, " ", "22.3 C" },
		{ "70007D38", MST_COAP_RST, 0, 0x7d38, NULL, "", "" },
	};
	struct mst_coap_msg m;
	uint8_t again[64], was[64];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_writer w = mst_writer_of(again, sizeof(again));
		size_t n = bytes(rows[i].hex, was, sizeof(was));

		assert_int_equal(mst_coap_read((struct mst_view){ was, n }, &m, NULL), 0);
		assert_int_equal(m.type, rows[i].type);
		assert_int_equal(m.code, rows[i].code);
		assert_int_equal(m.id, rows[i].id);
		assert_int_equal(m.n_token, strlen(rows[i].token));
		assert_memory_equal(m.token, rows[i].token, m.n_token);
		assert_true(mst_view_eq_str(m.payload, rows[i].payload));
		if (rows[i].path)
			assert_true(mst_view_eq_str(mst_coap_find(&m, MST_COAP_URI_PATH)->value, rows[i].path));
		mst_coap_write(&m, &w);
		assert_true(w.ok);
		assert_memory_equal(again, was, w.n);
	}
}

static void options_of_every_length(void **state)
{
	static uint8_t value[1200], out[4096];
	static const uint16_t numbers[] = { 0, 1, 12, 13, 14, 268, 269, 270, 2049, 65535 };
	static const size_t lengths[] = { 0, 1, 12, 13, 14, 268, 269, 270, 1200 };
	struct mst_coap_msg m = { .code = MST_COAP_POST }, r;

	(void)state;
	memset(value, 'x', sizeof(value));
	for (size_t i = 0; i < MST_COUNT(numbers); i++)
		for (size_t k = 0; k < MST_COUNT(lengths); k++) {
			struct mst_writer w = mst_writer_of(out, sizeof(out));

			m.n = 0;
			mst_coap_add(&m, numbers[i], (struct mst_view){ value, lengths[k] });
			mst_coap_write(&m, &w);
			assert_true(w.ok);
			assert_int_equal(mst_coap_read(mst_written(&w), &r, NULL), 0);
			assert_int_equal(r.n, 1);
			assert_int_equal(r.option[0].number, numbers[i]);
			assert_int_equal(r.option[0].value.n, lengths[k]);
			assert_int_equal(r.payload.n, 0);
		}
}

static void malformed(void **state)
{
	static const struct { const char *hex; int outcome; const char *field; } rows[] = {
		{ "", MST_COAP_FOREIGN, "version" }, { "400100", MST_COAP_FOREIGN, "version" },
		{ "00010001", MST_COAP_FOREIGN, "version" }, { "80010001", MST_COAP_FOREIGN, "version" }, { "C0010001", MST_COAP_FOREIGN, "version" },
		{ "49010001000102030405060708", MST_COAP_MALFORMED, "token" }, { "4F010001", MST_COAP_MALFORMED, "token" },
		{ "4201000100", MST_COAP_MALFORMED, "token" },
		{ "4100000100", MST_COAP_MALFORMED, "code" }, { "40000001FF00", MST_COAP_MALFORMED, "code" },
		{ "40200001", MST_COAP_MALFORMED, "code" }, { "40C00001", MST_COAP_MALFORMED, "code" }, { "40FF0001", MST_COAP_MALFORMED, "code" },
		{ "70450001", MST_COAP_MALFORMED, "type" }, { "60010001", MST_COAP_MALFORMED, "type" },
		{ "40010001FF", MST_COAP_MALFORMED, "payload" },
		{ "40010001F0", MST_COAP_MALFORMED, "option" }, { "400100010F", MST_COAP_MALFORMED, "option" },
		{ "40010001D0", MST_COAP_MALFORMED, "option" }, { "40010001E000", MST_COAP_MALFORMED, "option" },
		{ "400100010D", MST_COAP_MALFORMED, "option" }, { "400100010E00", MST_COAP_MALFORMED, "option" },
		{ "4001000103AABB", MST_COAP_MALFORMED, "option" }, { "40010001E0FFFFE0FFFF", MST_COAP_MALFORMED, "option" },
		{ "40010001000000000000000000000000000000000000000000000000000000000000000000", MST_COAP_MALFORMED, "option" },
	};
	struct mst_coap_msg m;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_diag d = { 0 };

		if (reading(rows[i].hex, &m, &d) != rows[i].outcome || strcmp(d.field, rows[i].field))
			fail_msg("%s: %s: %s", rows[i].hex, d.field, d.text);
		if (rows[i].outcome == MST_COAP_MALFORMED)
			assert_int_equal(m.id, 1);
	}
}

static void options_out_of_order_are_not_written(void **state)
{
	struct mst_coap_msg m = { .code = MST_COAP_GET };
	uint8_t out[64], room[4];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	(void)state;
	mst_coap_add(&m, MST_COAP_URI_PATH, MST_VIEW_LIT("a"));
	mst_coap_add(&m, MST_COAP_URI_HOST, MST_VIEW_LIT("h"));
	mst_coap_add(&m, MST_COAP_URI_PATH, MST_VIEW_LIT("b"));
	mst_coap_add_uint(&m, MST_COAP_CONTENT_FORMAT, 0, room);
	assert_int_equal(m.option[0].number, MST_COAP_URI_HOST);
	assert_true(mst_view_eq_str(m.option[1].value, "a") && mst_view_eq_str(m.option[2].value, "b"));
	mst_coap_write(&m, &w);
	assert_true(w.ok);
	m.option[0].number = MST_COAP_ACCEPT;
	mst_coap_write(&m, &w);
	assert_false(w.ok);
	for (int i = 0; i < 40; i++)
		mst_coap_add(&m, MST_COAP_ACCEPT, MST_VIEW_NONE);
	w = mst_writer_of(out, sizeof(out));
	mst_coap_write(&m, &w);
	assert_false(w.ok);
}

/* RFC 7252 5.4: what is critical and not understood refuses; what is elective falls away. */
static void critical_and_elective(void **state)
{
	struct mst_coap_msg m = { .code = MST_COAP_POST };
	uint16_t bad = 0;

	(void)state;
	mst_coap_add(&m, MST_COAP_URI_PATH, MST_VIEW_LIT("a"));
	mst_coap_add(&m, MST_COAP_URI_PATH, MST_VIEW_LIT("b"));
	mst_coap_add(&m, 258, MST_VIEW_LIT("x"));                        /* No-Response: elective, unknown here */
	mst_coap_add(&m, MST_COAP_SIZE1, MST_VIEW_LIT("12345"));         /* elective, too long */
	mst_coap_add(&m, MST_COAP_CONTENT_FORMAT, MST_VIEW_LIT("2"));
	mst_coap_add(&m, MST_COAP_CONTENT_FORMAT, MST_VIEW_LIT("3"));    /* elective, once too often */
	assert_true(mst_coap_check(&m, MST_COAP_BARE, &bad));
	assert_int_equal(m.n, 3);
	assert_int_equal(mst_coap_uint_of(&m, MST_COAP_CONTENT_FORMAT, 0), '2');
	mst_coap_add(&m, 9, MST_VIEW_NONE);                              /* OSCORE */
	assert_false(mst_coap_check(&m, MST_COAP_BARE, &bad));
	assert_int_equal(bad, 9);
	m.n = 3;
	mst_coap_add(&m, MST_COAP_URI_HOST, MST_VIEW_NONE);              /* critical, too short */
	assert_false(mst_coap_check(&m, MST_COAP_BARE, &bad));
	assert_int_equal(bad, MST_COAP_URI_HOST);
	m.n = 0;
	mst_coap_add(&m, MST_COAP_ACCEPT, MST_VIEW_LIT("1"));
	mst_coap_add(&m, MST_COAP_ACCEPT, MST_VIEW_LIT("1"));            /* critical, twice */
	assert_false(mst_coap_check(&m, MST_COAP_BARE, &bad));
	assert_int_equal(bad, MST_COAP_ACCEPT);
}

/* RFC 7959 2.2 and its examples: 0/1/6 is 0x0E, 2/1/64 is 0x2A, num 1048575 fits three octets. */
static void blocks(void **state)
{
	static const struct { struct mst_coap_block b; const char *hex; } rows[] = {
		{ { 0, false, 0 }, "" }, { { 0, true, 6 }, "0E" }, { { 2, true, 2 }, "2A" }, { { 16, false, 0 }, "0100" },
		{ { 4096, true, 6 }, "01000E" }, { { MST_COAP_NUM_MAX, false, 5 }, "FFFFF5" },
	};
	struct mst_coap_block b;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_coap_msg m = { 0 };
		uint8_t room[4], want[4];
		size_t n = *rows[i].hex ? bytes(rows[i].hex, want, sizeof(want)) : 0;

		mst_coap_add_block(&m, MST_COAP_BLOCK1, &rows[i].b, room);
		assert_int_equal(m.option[0].value.n, n);
		if (n)
			assert_memory_equal(m.option[0].value.p, want, n);
		assert_true(mst_coap_block_read(m.option[0].value, &b));
		assert_int_equal(b.num, rows[i].b.num);
		assert_int_equal(b.more, rows[i].b.more);
		assert_int_equal(b.szx, rows[i].b.szx);
	}
	assert_false(mst_coap_block_read(MST_VIEW_LIT("\x07"), &b));
	assert_false(mst_coap_block_read(MST_VIEW_LIT("\0\0\0\0"), &b));
}

static void as_http(void **state)
{
	struct mst_coap_msg m = { .code = MST_COAP_POST };
	struct mst_coap_reply a = { .code = MST_COAP_UNAVAILABLE, .has_max_age = true, .max_age = 7 };
	uint8_t scratch[512], room[4], room2[4];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_http_msg h;
	struct mst_diag d = { 0 };

	(void)state;
	mst_coap_add(&m, MST_COAP_URI_PATH, MST_VIEW_LIT("brief ing"));
	mst_coap_add(&m, MST_COAP_URI_PATH, MST_VIEW_LIT("a/b"));
	mst_coap_add_uint(&m, MST_COAP_CONTENT_FORMAT, MST_COAP_CBOR, room);
	mst_coap_add_uint(&m, MST_COAP_ACCEPT, 11542, room2);
	assert_true(mst_coap_request_as_http(&m, MST_VIEW_LIT("body"), "bbn.example.com", &arena, &h, &d));
	assert_true(mst_view_eq_str(h.method, "POST") && mst_view_eq_str(h.target, "/brief%20ing/a%2Fb") && mst_view_eq_str(h.body, "body"));
	assert_true(mst_view_eq_str(mst_http_find(&h, "Host"), "bbn.example.com"));
	assert_true(mst_view_eq_str(mst_http_find(&h, "Content-Type"), "application/cbor"));
	assert_true(mst_view_eq_str(mst_http_find(&h, "Accept"), "coap-content-format/11542"));
	mst_coap_add(&m, MST_COAP_URI_QUERY, MST_VIEW_LIT("rt=3"));
	mst_coap_add(&m, MST_COAP_URI_QUERY, MST_VIEW_LIT("a&b #%"));
	arena.n = 0;
	assert_true(mst_coap_request_as_http(&m, MST_VIEW_NONE, "bbn.example.com", &arena, &h, &d));
	assert_true(mst_view_eq_str(h.target, "/brief%20ing/a%2Fb?rt=3&a%26b%20%23%25"));
	mst_coap_add(&m, MST_COAP_URI_HOST, MST_VIEW_LIT("evil\r\nX: y"));
	arena.n = 0;
	assert_false(mst_coap_request_as_http(&m, MST_VIEW_NONE, "h", &arena, &h, &d));
	assert_string_equal(d.field, "Uri-Host");
	arena = mst_arena_of(scratch, 8);
	assert_false(mst_coap_request_as_http(&m, MST_VIEW_NONE, "h", &arena, &h, &d));

	arena = mst_arena_of(scratch, sizeof(scratch));
	assert_true(mst_coap_reply_as_http(&a, &arena, &h));
	assert_int_equal(h.status, 503);
	assert_true(mst_view_eq_str(mst_http_find(&h, "Retry-After"), "7"));
	a = (struct mst_coap_reply){ .code = MST_COAP_CHANGED, .has_format = true, .format = MST_COAP_JSON, .body = MST_VIEW_LIT("{}"), .has_max_age = true };
	assert_true(mst_coap_reply_as_http(&a, &arena, &h));
	assert_int_equal(h.status, 200);
	assert_true(mst_view_eq_str(mst_http_find(&h, "Content-Type"), "application/json") && !mst_http_find(&h, "Retry-After").n);
	a.body = MST_VIEW_NONE;
	assert_true(mst_coap_reply_as_http(&a, &arena, &h));
	assert_int_equal(h.status, 204);
	a.code = MST_COAP_POST;
	assert_false(mst_coap_reply_as_http(&a, &arena, &h));
}

/* Every status that a role gives comes back as it was, or as the first of its class. */
static void codes_there_and_back(void **state)
{
	static const int statuses[] = { 200, 400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 422, 429, 500, 501, 502, 503, 504 };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(statuses); i++)
		assert_int_equal(mst_coap_status_of(mst_coap_code_of(statuses[i], false), true), statuses[i]);
	assert_int_equal(mst_coap_status_of(mst_coap_code_of(204, false), false), 204);
	assert_int_equal(mst_coap_code_of(200, true), MST_COAP_CONTENT);
	assert_int_equal(mst_coap_code_of(418, false), MST_COAP_BAD_REQUEST);
	assert_int_equal(mst_coap_code_of(599, false), MST_COAP_INTERNAL);
	assert_int_equal(mst_coap_status_of(MST_COAP_CODE(4, 30), false), 400);
	assert_int_equal(mst_coap_status_of(MST_COAP_CODE(5, 31), false), 500);
	assert_int_equal(mst_coap_status_of(0, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_examples), cmocka_unit_test(options_of_every_length), cmocka_unit_test(malformed),
		cmocka_unit_test(options_out_of_order_are_not_written), cmocka_unit_test(critical_and_elective), cmocka_unit_test(blocks),
		cmocka_unit_test(as_http), cmocka_unit_test(codes_there_and_back),
	};

	return cmocka_run_group_tests_name("coap messages", tests, NULL, NULL);
}
