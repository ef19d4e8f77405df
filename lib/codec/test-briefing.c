/*
 * The wire contract of a briefing (architecture 3.4): known octets in both encodings, every rule between members, and
 * what a stranger may not say. Round trips of all tables by chance are in test-msg.c.
 */
#include "tests/support/cm.h"

#include <cbor.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "codec/briefing.h"

#define ATTEMPT "00112233445566778899aabbccddeeff"

static uint8_t arena_octets[65536], out[65536];

static union {
	struct mst_brief_ask ask;
	struct mst_brief_answer answer;
	struct mst_brief_refusal refusal;
	struct mst_brief_report report;
	struct mst_location location;
} got, again;

static int check_ask(void *m, struct mst_diag *d) { return mst_brief_ask_check(m, d); }
static int check_answer(void *m, struct mst_diag *d) { return mst_brief_answer_check(m, d); }
static int check_report(void *m, struct mst_diag *d) { return mst_brief_report_check(m, d); }
static int check_location(void *m, struct mst_diag *d) { return mst_location_check(m, d); }
static int check_nothing(void *m, struct mst_diag *d) { (void)m; (void)d; return 0; }

static const struct kind { const struct mst_msg *msg; int (*check)(void *m, struct mst_diag *d); } kinds[] = {
	{ &mst_brief_ask_msg, check_ask }, { &mst_brief_answer_msg, check_answer }, { &mst_brief_refusal_msg, check_nothing },
	{ &mst_brief_report_msg, check_report }, { &mst_location_msg, check_location },
};
enum { ASK, ANSWER, REFUSAL, REPORT, LOCATION };

static int read_json(const struct kind *k, struct mst_view in, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(arena_octets, sizeof(arena_octets));
	int o = mst_msg_read_json(k->msg, MST_PROFILE_LONG, in, &a, &got, d);

	return o ? o : k->check(&got, d);
}

static int read_cbor(const struct kind *k, struct mst_view in, void *ret, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(arena_octets, sizeof(arena_octets));
	int o = mst_msg_read_cbor(k->msg, in, &a, ret, d);

	return o ? o : k->check(ret, d);
}

/* Octets as they stand on the wire, written down by hand from the tables. */
static const struct { int kind; const char *json, *cbor; } known[] = {
	{ LOCATION, "{\"latitude\":-337654321,\"longitude\":-1800000000,\"accuracy\":20}",
	  "a301" "3a14203230" "02" "3a6b49d1ff" "0314" },
	{ LOCATION, "{\"latitude\":-1,\"longitude\":0}", "a2" "0120" "0200" },
	{ LOCATION, "{\"latitude\":525200066,\"longitude\":134049540,\"cell\":\"262-01-4711-99\",\"site\":\"K\xc3\xb6ln\"}",
	  "a4" "011a1f4deac2" "021a07fd6f04" "046e3236322d30312d343731312d3939" "05654bc3b66c6e" },
	{ LOCATION, "{}", "a0" },
	{ ASK, "{\"version\":1,\"attempt\":\"" ATTEMPT "\",\"methods\":[\"cert\",\"bbn\"]}",
	  "a3" "0101" "0278203030313132323333343435353636373738383939616162626363646465656666" "0b82" "0211" },
	{ ASK, "{\"version\":1,\"attempt\":\"" ATTEMPT "\",\"maker\":\"Acme\",\"methods\":[\"gba\"],\"location\":{\"latitude\":-10,\"longitude\":-300},"
	       "\"failures\":[{\"method\":\"cert\",\"reason\":\"refused\",\"when\":\"20270115T080000\"}]}",
	  "a6" "0101" "0278203030313132323333343435353636373738383939616162626363646465656666" "066441636d65" "0b8103"
	  "0da2" "0129" "0239012b" "0e81a3" "0202" "036772656675736564" "061a6b49d200" },
	{ ANSWER, "{\"version\":1,\"serverTime\":\"20270115T080000\",\"sequence\":{\"version\":1,\"id\":\"b7\",\"instructions\":["
		  "{\"kind\":\"discovery\",\"method\":\"bbn\",\"uri\":\"https://b.example.com\"}]}}",
	  "a3" "0101" "021a6b49d200" "03a3" "0101" "02626237" "0581a3" "0102" "0211" "037568747470733a2f2f622e6578616d706c652e636f6d" },
	{ REFUSAL, "{\"version\":1,\"why\":\"not-authenticated\",\"text\":\"no\"}", "a3" "0101" "0203" "03626e6f" },
	{ REPORT, "{\"version\":1,\"attempt\":\"" ATTEMPT "\",\"done\":true,\"enrolled\":true,\"target\":\"maf.example.com\"}",
	  "a5" "0101" "0278203030313132323333343435353636373738383939616162626363646465656666" "03f5" "04f5"
	  "056f6d61662e6578616d706c652e636f6d" },
};

static void strangers_agree(struct mst_view json, struct mst_view cbor)
{
	struct cbor_load_result r;
	json_error_t e;
	json_t *j = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, &e);
	cbor_item_t *item = cbor_load(cbor.p, cbor.n, &r);
	unsigned char *same = NULL;
	size_t room;

	if (!j)
		fail_msg("jansson: %s", e.text);
	json_decref(j);
	assert_non_null(item);
	assert_int_equal(r.read, cbor.n);
	assert_int_equal(cbor_serialize_alloc(item, &same, &room), cbor.n);
	assert_memory_equal(same, cbor.p, cbor.n);
	free(same);
	cbor_decref(&item);
}

static void known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(known); i++) {
		const struct kind *k = &kinds[known[i].kind];
		struct mst_writer w = mst_writer_of(out, sizeof(out));
		struct mst_diag d = { 0 };
		uint8_t cbor[512];
		size_t n;

		assert_true(mst_hex_decode(mst_view_str(known[i].cbor), cbor, sizeof(cbor), &n));
		if (read_json(k, mst_view_str(known[i].json), &d))
			fail_msg("%zu json: %s: %s", i, d.field, d.text);
		mst_msg_write_cbor(k->msg, &got, &w);
		assert_int_equal(w.n, n);
		assert_memory_equal(w.p, cbor, n);
		if (read_cbor(k, (struct mst_view){ cbor, n }, &again, &d))
			fail_msg("%zu cbor: %s: %s", i, d.field, d.text);
		w = mst_writer_of(out, sizeof(out));
		mst_msg_write_json(k->msg, MST_PROFILE_LONG, &again, &w);
		assert_true(mst_view_eq_str(mst_written(&w), known[i].json));
		strangers_agree(mst_view_str(known[i].json), (struct mst_view){ cbor, n });
	}
}

static void members_are_where_the_header_says(void **state)
{
	(void)state;
	assert_int_equal(read_json(&kinds[ASK], mst_view_str(known[5].json), NULL), 0);
	assert_int_equal(got.ask.has, 1u << MST_BA_VERSION | 1u << MST_BA_ATTEMPT | 1u << MST_BA_MAKER | 1u << MST_BA_METHODS |
				      1u << MST_BA_LOCATION | 1u << MST_BA_FAILURES);
	assert_int_equal(got.ask.location.latitude, -10);
	assert_int_equal(got.ask.location.longitude, -300);
	assert_int_equal(got.ask.n_failures, 1);
	assert_int_equal(got.ask.failures[0].method, MST_METHOD_CERT);
	assert_int_equal(got.ask.failures[0].when, 1800000000);
	assert_int_equal(read_json(&kinds[REFUSAL], mst_view_str(known[7].json), NULL), 0);
	assert_int_equal(got.refusal.why, MST_BRIEF_NOT_AUTHENTICATED);
	assert_string_equal(mst_brief_why_text(MST_BRIEF_NO_METHOD), "no-method");
	assert_string_equal(mst_brief_why_text(0), "?");
	assert_int_equal(mst_brief_ask_msg.field[MST_BA_FAILURES].name, MST_N_FAILURES);
	assert_int_equal(mst_brief_answer_msg.field[MST_BW_SEQUENCE].name, MST_N_SEQUENCE);
	assert_int_equal(mst_brief_refusal_msg.field[MST_BX_TIME].name, MST_N_SERVER_TIME);
	assert_int_equal(mst_brief_report_msg.field[MST_BR_FAILURES].name, MST_N_FAILURES);
	assert_int_equal(mst_brief_failure_msg.field[MST_BF_WHEN].name, MST_N_WHEN);
	assert_int_equal(mst_location_msg.field[MST_LO_SITE].name, MST_N_SITE);
}

#define A "{\"version\":1,\"attempt\":\"" ATTEMPT "\",\"methods\":[\"cert\"]"
#define R "{\"version\":1,\"attempt\":\"" ATTEMPT "\""
static const struct { int kind; const char *json; int outcome; const char *field, *says; } refused[] = {
	{ ASK, "{}", MST_MSG_MISSING, "version", "required" },
	{ ASK, A "]}", MST_MSG_MALFORMED, "", "" },
	{ ASK, A "} ", 0, "", "" },
	{ ASK, A "}x", MST_MSG_TRAILING, "", "" },
	{ ASK, A ",\"maker\":\"a\",\"maker\":\"a\"}", MST_MSG_DUPLICATE, "maker", "twice" },
	{ ASK, A ",\"mood\":1}", MST_MSG_UNKNOWN_FIELD, "mood", "briefing request" },
	{ ASK, "{\"version\":1,\"attempt\":\"" ATTEMPT "\",\"methods\":[\"cert\",\"psk\",\"cert\"]}", MST_MSG_INVALID, "methods[2]", "twice" },
	{ ASK, "{\"version\":1,\"attempt\":\"" ATTEMPT "\",\"methods\":[]}", MST_MSG_OUT_OF_RANGE, "methods", "1..12" },
	{ ASK, "{\"version\":1,\"attempt\":\"" ATTEMPT "\",\"methods\":[\"pks\"]}", MST_MSG_UNKNOWN_VALUE, "methods[0]", "one of psk" },
	{ ASK, "{\"version\":2,\"attempt\":\"" ATTEMPT "\",\"methods\":[\"cert\"]}", MST_MSG_OUT_OF_RANGE, "version", "1..1" },
	{ ASK, "{\"version\":1,\"attempt\":\"00112233445566778899AABBCCDDEEFF\",\"methods\":[\"cert\"]}", MST_MSG_INVALID, "attempt",
	  "32 lower-case hex digits" },
	{ ASK, A ",\"imsi\":\"26201\"}", MST_MSG_OUT_OF_RANGE, "imsi", "6..15" },
	{ ASK, A ",\"imsi\":\"26201123456789a\"}", MST_MSG_INVALID, "imsi", "digits" },
	{ ASK, A ",\"nodeID\":\"a b\"}", MST_MSG_INVALID, "nodeID", "M2M-Node-ID" },
	{ ASK, A ",\"deviceID\":\"1..2\"}", MST_MSG_INVALID, "deviceID", "dotted OID" },
	{ ASK, A ",\"transports\":[\"http\"]}", MST_MSG_INVALID, "transports[0]", "https, coaps or wss" },
	{ ASK, A ",\"maker\":\"\"}", MST_MSG_OUT_OF_RANGE, "maker", "1..63" },
	{ ASK, A ",\"maker\":\"a\\u0000b\"}", MST_MSG_MALFORMED, "maker", "" },
	{ ASK, A ",\"maker\":\"a\\u001b[2J\"}", MST_MSG_INVALID, "maker", "control characters" },
	{ ASK, A ",\"maker\":\"a\\u202eb\"}", MST_MSG_INVALID, "maker", "control characters" },
	{ ASK, A ",\"maker\":\"a\xff\"}", MST_MSG_MALFORMED, "maker", "" },
	{ ASK, A ",\"location\":{\"latitude\":1}}", MST_MSG_MISSING, "location.longitude", "belong together" },
	{ ASK, A ",\"location\":{\"longitude\":1}}", MST_MSG_MISSING, "location.latitude", "belong together" },
	{ ASK, A ",\"location\":{\"accuracy\":1}}", MST_MSG_INVALID, "location.accuracy", "no coordinates" },
	{ ASK, A ",\"location\":{\"latitude\":-900000001,\"longitude\":1}}", MST_MSG_OUT_OF_RANGE, "location.latitude", "-900000000" },
	{ ASK, A ",\"location\":{\"latitude\":52.5,\"longitude\":1}}", MST_MSG_WRONG_TYPE, "location.latitude", "integer" },
	{ ASK, A ",\"location\":{\"cell\":\"262-01-4711\"}}", MST_MSG_INVALID, "location.cell", "mcc-mnc-tac-cell" },
	{ ASK, A ",\"location\":{\"cell\":\"262--01-4711-5\"}}", MST_MSG_INVALID, "location.cell", "mcc-mnc-tac-cell" },
	{ ASK, A ",\"location\":{\"cell\":\"1-2-3-12345678901\"}}", MST_MSG_INVALID, "location.cell", "mcc-mnc-tac-cell" },
	{ ASK, A ",\"failures\":[{}]}", MST_MSG_MISSING, "failures[0].reason", "required" },
	{ LOCATION, "{\"latitude\":1}", MST_MSG_MISSING, "longitude", "belong together" },
	{ ANSWER, "{\"version\":1,\"serverTime\":\"20270115T080000\",\"sequence\":{\"version\":1,\"instructions\":["
		  "{\"kind\":\"discovery\",\"method\":\"bbn\",\"uri\":\"https://b.example.com\"}]}}", MST_MSG_MISSING, "sequence.id", "has an id" },
	{ ANSWER, "{\"version\":1,\"serverTime\":\"20270115T080000\",\"sequence\":{\"version\":1,\"id\":\"b\",\"instructions\":["
		  "{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://b.example.com\"}]}}", MST_MSG_MISSING, "instructions[0].target", "" },
	{ ANSWER, "{\"version\":1,\"serverTime\":\"soon\",\"sequence\":{}}", MST_MSG_INVALID, "serverTime", "" },
	{ REFUSAL, "{\"version\":1,\"why\":\"mood\"}", MST_MSG_UNKNOWN_VALUE, "why", "no-rule" },
	{ REFUSAL, "{\"version\":1}", MST_MSG_MISSING, "why", "required" },
	{ REPORT, R ",\"done\":false,\"enrolled\":true}", MST_MSG_INVALID, "enrolled", "done" },
	{ REPORT, R ",\"done\":true,\"enrolled\":false,\"target\":\"maf.example.com\"}", MST_MSG_INVALID, "target", "not enrolled" },
	{ REPORT, R ",\"done\":true}", MST_MSG_MISSING, "enrolled", "required" },
};

static void refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(refused); i++) {
		struct mst_diag d = { 0 };
		int o = read_json(&kinds[refused[i].kind], mst_view_str(refused[i].json), &d);

		if (o != refused[i].outcome || strcmp(d.field, refused[i].field) || !strstr(d.text, refused[i].says))
			fail_msg("%zu: %s: %d (%s), field %s, %s", i, refused[i].json, o, mst_msg_outcome_text(o), d.field, d.text);
	}
}

/* Negative numbers have one encoding, and the same limits as in JSON. */
static void negative_integers(void **state)
{
	static const struct { const char *cbor; int outcome; const char *field; } rows[] = {
		{ "a2013a35a4e8ff0200", 0, "" },                              /* -900000000, the South Pole */
		{ "a2013a35a4e9000200", MST_MSG_OUT_OF_RANGE, "latitude" },   /* one further */
		{ "a2013b00000000000000090200", MST_MSG_MALFORMED, "latitude" },       /* -10, and not in the shortest form */
		{ "a2013800" "0200", MST_MSG_MALFORMED, "latitude" },         /* -1 in two octets */
		{ "a2013bffffffffffffffff0200", MST_MSG_OUT_OF_RANGE, "latitude" },    /* beyond 64 bits */
		{ "a2013b7fffffffffffffff0200", MST_MSG_OUT_OF_RANGE, "latitude" },    /* INT64_MIN */
		{ "a201f90000" "0200", MST_MSG_MALFORMED, "latitude" },       /* a float */
		{ "a30129" "0200" "0320", MST_MSG_OUT_OF_RANGE, "accuracy" }, /* minus one metre */
		{ "a10562c328", MST_MSG_MALFORMED, "site" },                  /* no UTF-8 */
		{ "a105610000", MST_MSG_MALFORMED, "site" },                  /* NUL */
		{ "a10562c280", MST_MSG_INVALID, "site" },                    /* U+0080 */
		{ "a10560", MST_MSG_OUT_OF_RANGE, "site" },
		{ "a1067f", MST_MSG_UNKNOWN_FIELD, "6" },
		{ "a2020001" "00", MST_MSG_MALFORMED, "latitude" },           /* keys descend */
		{ "a10120" "00", MST_MSG_TRAILING, "" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_diag d = { 0 };
		uint8_t cbor[64];
		size_t n;
		int o;

		assert_true(mst_hex_decode(mst_view_str(rows[i].cbor), cbor, sizeof(cbor), &n));
		o = read_cbor(&kinds[LOCATION], (struct mst_view){ cbor, n }, &got, &d);
		if (o != rows[i].outcome || (o && strcmp(d.field, rows[i].field)))
			fail_msg("%zu: %s: %d (%s), field %s, %s", i, rows[i].cbor, o, mst_msg_outcome_text(o), d.field, d.text);
		if (o == 0)
			assert_int_equal(got.location.latitude, -900000000);
	}
}

/* The largest that the tables allow is within what the header promises, in CBOR; what is larger is not written. */
static void the_largest(void **state)
{
	static char text[256];
	static struct mst_brief_ask q;
	struct mst_view t = { (const uint8_t *)text, 0 };
	struct mst_writer w = mst_writer_of(out, MST_BRIEF_OCTETS);

	(void)state;
	memset(text, 'x', sizeof(text));
#define X(N) ((struct mst_view){ t.p, N })
	q = (struct mst_brief_ask){ .has = (1u << (MST_BA_FAILURES + 1)) - 1, .version = 1, .attempt = mst_view_str(ATTEMPT),
				    .node_id = X(255), .device_id = X(255), .imsi = X(15), .maker = X(63), .model = X(63), .serial = X(63),
				    .batch = X(63), .firmware = X(63), .n_methods = 1, .methods = { MST_METHOD_CERT }, .n_failures = 16 };
	for (size_t i = 0; i < 16; i++)
		q.failures[i] = (struct mst_brief_failure){ .has = 63, .resource = X(96), .method = MST_METHOD_CERT, .reason = X(32),
							    .step = X(32), .detail = X(96), .when = MST_TIME_MAX };
	mst_msg_write_cbor(&mst_brief_ask_msg, &q, &w);
	assert_true(w.ok && w.n > 5000);
	q.n_failures = 17;
	mst_msg_write_cbor(&mst_brief_ask_msg, &q, &w);
	assert_false(w.ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers), cmocka_unit_test(members_are_where_the_header_says), cmocka_unit_test(refusals),
		cmocka_unit_test(negative_integers), cmocka_unit_test(the_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
