#include "tests/support/cm.h"

#include <stdio.h>
#include <string.h>

#include "codec/bundle.h"

static uint8_t octets[MST_BUNDLE_OCTETS];
static struct mst_bundle bundle;
static struct mst_diag diag;

static int read_json(const char *text)
{
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));

	diag = (struct mst_diag){ 0 };
	return mst_bundle_read_json(mst_view_str(text), &a, &bundle, &diag);
}

#define BOOT "{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.example.com\"," \
	"\"target\":\"maf.example.com\",\"adminFQDN\":\"sp.example.com\"}"
#define SEQUENCE "\"sequence\":{\"version\":1,\"instructions\":[" BOOT "]}"
#define UNTIL "\"validUntil\":\"20270101T000000\""
#define HEAD "{\"version\":1,\"id\":\"b-1\",\"number\":7,"
#define BUNDLE(whom) HEAD UNTIL "," whom "," SEQUENCE "}"
#define NODE "urn:dev:ops:00004C-acme-000001"

static void a_bundle_survives_both_encodings(void **state)
{
	static uint8_t json[MST_BUNDLE_OCTETS], cbor[MST_BUNDLE_OCTETS], again[MST_BUNDLE_OCTETS];
	struct mst_writer j = mst_writer_of(json, sizeof(json)), c = mst_writer_of(cbor, sizeof(cbor)),
			  j2 = mst_writer_of(again, sizeof(again));
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));

	(void)state;
	assert_int_equal(read_json(BUNDLE("\"nodes\":[\"" NODE "\"],\"label\":\"site 7\"")), 0);
	assert_int_equal(bundle.number, 7);
	assert_int_equal(bundle.n_nodes, 1);
	assert_int_equal(bundle.sequence.instructions[0].suid, 21);
	mst_bundle_write_json(&bundle, &j);
	mst_bundle_write_cbor(&bundle, &c);
	assert_true(j.ok && c.ok);
	assert_int_equal(mst_bundle_read(mst_written(&c), &a, &bundle, &diag), 0);
	mst_bundle_write_json(&bundle, &j2);
	assert_true(mst_view_eq(mst_written(&j), mst_written(&j2)));
	assert_int_equal(mst_bundle_read(mst_written(&j2), &a, &bundle, &diag), 0);
}

static void what_is_no_bundle_is_refused(void **state)
{
	static const struct { const char *json; int outcome; const char *field; } rows[] = {
		{ HEAD UNTIL "," SEQUENCE "}", MST_MSG_MISSING, "nodes" },
		{ BUNDLE("\"any\":false"), MST_MSG_INVALID, "any" },
		{ BUNDLE("\"any\":true,\"batch\":\"x\""), MST_MSG_INVALID, "any" },
		{ BUNDLE("\"any\":true,\"nodes\":[\"" NODE "\"]"), MST_MSG_INVALID, "nodes" },
		{ BUNDLE("\"maker\":\"x\",\"nodes\":[\"" NODE "\"]"), MST_MSG_INVALID, "nodes" },
		{ BUNDLE("\"nodes\":[]"), MST_MSG_OUT_OF_RANGE, "nodes" },
		{ BUNDLE("\"nodes\":[\"a b\"]"), MST_MSG_INVALID, "nodes[0]" },
		{ BUNDLE("\"batch\":\"a\\u0007\""), MST_MSG_INVALID, "batch" },
		{ HEAD "\"any\":true," SEQUENCE "}", MST_MSG_MISSING, "validUntil" },
		{ HEAD UNTIL ",\"any\":true}", MST_MSG_MISSING, "sequence" },
		{ HEAD UNTIL ",\"any\":true,\"validFrom\":\"20270101T000000\"," SEQUENCE "}", MST_MSG_INVALID, "validUntil" },
		{ HEAD UNTIL ",\"any\":true,\"sequence\":{\"version\":1,\"instructions\":[]}}", MST_MSG_OUT_OF_RANGE,
		  "sequence.instructions" },
		{ "{\"version\":1,\"id\":\"b\",\"number\":0," UNTIL ",\"any\":true," SEQUENCE "}", MST_MSG_OUT_OF_RANGE, "number" },
		{ "{\"version\":1,\"number\":1," UNTIL ",\"any\":true," SEQUENCE "}", MST_MSG_MISSING, "id" },
		{ "{\"version\":1,\"id\":\"a b\",\"number\":1," UNTIL ",\"any\":true," SEQUENCE "}", MST_MSG_INVALID, "id" },
		{ BUNDLE("\"any\":true,\"more\":1"), MST_MSG_UNKNOWN_FIELD, "more" },
		{ BUNDLE("\"any\":true") "x", MST_MSG_TRAILING, "" },
		/* a plain sequence is none */
		{ "{\"version\":1,\"instructions\":[" BOOT "]}", MST_MSG_UNKNOWN_FIELD, "instructions" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		int o = read_json(rows[i].json);

		if (o != rows[i].outcome || strcmp(diag.field, rows[i].field) != 0 || !diag.text[0])
			fail_msg("%zu: %s at \"%s\": %s", i, mst_msg_outcome_text(o), diag.field, diag.text);
		assert_int_equal(bundle.has, 0);
	}
}

static void too_much_is_too_much(void **state)
{
	static uint8_t big[MST_BUNDLE_OCTETS + 1];
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));

	(void)state;
	memset(big, '{', sizeof(big));
	assert_int_equal(mst_bundle_read((struct mst_view){ big, sizeof(big) }, &a, &bundle, &diag), MST_MSG_TOO_LARGE);
	assert_int_equal(mst_bundle_read((struct mst_view){ big, 200 }, &a, &bundle, &diag), MST_MSG_MALFORMED);
	memset(big, '[', sizeof(big));
	memcpy(big, "{\"nodes\":", 9);
	assert_int_equal(mst_bundle_read((struct mst_view){ big, 200 }, &a, &bundle, &diag), MST_MSG_DEPTH_EXCEEDED);
	memset(big, 0x81, 200);
	assert_int_equal(mst_bundle_read((struct mst_view){ big, 200 }, &a, &bundle, &diag), MST_MSG_DEPTH_EXCEEDED);
}

static void who_it_is_for(void **state)
{
	static const struct { const char *whom, *node, *maker, *model, *batch; bool fits; } rows[] = {
		{ "\"any\":true", "", "", "", "", true },
		{ "\"nodes\":[\"urn:x:1\",\"" NODE "\"]", NODE, "", "", "", true },
		{ "\"nodes\":[\"" NODE "\"]", "urn:x:2", "", "", "", false },
		{ "\"nodes\":[\"" NODE "\"]", "", "", "", "", false },
		{ "\"batch\":\"7\"", NODE, "acme", "pump", "7", true },
		{ "\"batch\":\"7\"", NODE, "acme", "pump", "8", false },
		{ "\"batch\":\"7\"", NODE, "acme", "pump", "", false },
		{ "\"maker\":\"acme\",\"model\":\"pump\",\"batch\":\"7\"", NODE, "acme", "pump", "7", true },
		{ "\"maker\":\"acme\",\"model\":\"pump\",\"batch\":\"7\"", NODE, "globex", "pump", "7", false },
		{ "\"maker\":\"acme\",\"model\":\"pump\"", NODE, "acme", "valve", "7", false },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_bundle_reader n = { mst_view_str(rows[i].node), mst_view_str(rows[i].maker), mst_view_str(rows[i].model),
					       mst_view_str(rows[i].batch) };
		char text[1024];

		snprintf(text, sizeof(text), HEAD UNTIL ",%s," SEQUENCE "}", rows[i].whom);
		if (read_json(text))
			fail_msg("%zu: %s: %s", i, diag.field, diag.text);
		assert_int_equal(mst_bundle_not_for(&bundle, &n) == NULL, rows[i].fits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_survives_both_encodings),
		cmocka_unit_test(what_is_no_bundle_is_refused),
		cmocka_unit_test(too_much_is_too_much),
		cmocka_unit_test(who_it_is_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
