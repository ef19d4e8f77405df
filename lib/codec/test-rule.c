/* Rules and facts: round trips between both encodings, and what is refused with which words. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "codec/rule.h"

static uint8_t octets[MST_FACTS_OCTETS], more_octets[MST_FACTS_OCTETS];
static struct mst_rule rule;
static struct mst_rule_facts facts;
static struct mst_diag d;

static int read_rule(const char *text)
{
	struct mst_arena a = mst_arena_of(octets, MST_RULE_OCTETS);

	memset(&d, 0, sizeof(d));
	return mst_rule_read_json(mst_view_str(text), &a, &rule, &d);
}

#define THEN "\"then\":{\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.example.com\"}]}"
#define FULL_WHEN                                                                                                     \
	"\"when\":{\"circle\":{\"latitude\":525200000,\"longitude\":-134000000,\"radius\":500},"                      \
	"\"polygon\":[{\"latitude\":0,\"longitude\":0},{\"latitude\":0,\"longitude\":9},{\"latitude\":9,\"longitude\":9}]," \
	"\"maxAccuracy\":50,\"placeFrom\":\"registry\",\"sites\":[\"north*\",\"s 1\"],\"cells\":[\"262-01-*\"],"      \
	"\"issuers\":[\"CN=Acme\"],\"serials\":{\"from\":\"9\",\"to\":\"10\"},\"nodePrefixes\":[\"urn:dev:\"],"       \
	"\"devicePrefixes\":[\"0.2.481\"],\"imsiPrefixes\":[\"26201\"],\"stated\":true,\"makers\":[\"acme\"],"        \
	"\"models\":[\"*\"],\"batches\":[\"b\"],\"subscriptions\":[\"gold\"],\"failed\":{\"reason\":\"un*\"},"        \
	"\"authentication\":[\"cert\",\"psk\"],\"methods\":[\"cert\"]}"
#define FULL                                                                                                          \
	"{\"name\":\"north\",\"note\":\"for K\xc3\xb6ln\",\"disabled\":true,\"public\":false,"                        \
	"\"validFrom\":\"20260101T000000\",\"validUntil\":\"20270101T000000\"," FULL_WHEN ","                         \
	"\"then\":{\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.example.com\"},"     \
	"{\"kind\":\"discovery\",\"method\":\"bbn\",\"uri\":\"https://bbn.example.com\"}],\"validFor\":\"PT1H\",\"order\":\"node\"}}"

static void both_encodings_say_the_same(void **state)
{
	static const char *const samples[] = { FULL, "{\"name\":\"a\"," THEN "}", "{\"name\":\"a\",\"then\":{\"deny\":\"no\"}}" };
	uint8_t cbor[MST_RULE_OCTETS], json[2 * MST_RULE_OCTETS];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(samples); i++) {
		struct mst_writer w = mst_writer_of(cbor, sizeof(cbor)), j = mst_writer_of(json, sizeof(json));
		struct mst_arena a = mst_arena_of(more_octets, MST_RULE_OCTETS);
		struct mst_rule again;

		if (read_rule(samples[i]))
			fail_msg("%s: %s", d.field, d.text);
		mst_rule_write_cbor(&rule, &w);
		assert_true(w.ok && w.n < strlen(samples[i]));
		assert_int_equal(mst_rule_read_cbor(mst_written(&w), &a, &again, &d), 0);
		mst_rule_write_json(&again, &j);
		assert_int_equal(j.n, strlen(samples[i]));
		assert_memory_equal(j.p, samples[i], j.n);
	}
}

/* Octets that stand in databases. */
static void cbor_known_answer(void **state)
{
	static const uint8_t expected[] = "\xa3\x01\x61\x61\x07\xa1\x0d\x81\x64\x61\x63\x6d\x65\x08\xa1\x01\x62\x6e\x6f";
	uint8_t cbor[64];
	struct mst_writer w = mst_writer_of(cbor, sizeof(cbor));

	(void)state;
	assert_int_equal(read_rule("{\"name\":\"a\",\"when\":{\"makers\":[\"acme\"]},\"then\":{\"deny\":\"no\"}}"), 0);
	mst_rule_write_cbor(&rule, &w);
	assert_int_equal(w.n, sizeof(expected) - 1);
	assert_memory_equal(cbor, expected, w.n);
}

#define WHEN(x) "{\"name\":\"a\",\"when\":{" x "}," THEN "}"
#define DO(x) "{\"name\":\"a\",\"then\":{" x "}}"
static const struct {
	const char *text;
	int outcome;
	const char *field, *words;
} bad[] = {
	{ "{}", MST_MSG_MISSING, "name", "" },
	{ "{\"name\":\"a\"}", MST_MSG_MISSING, "then", "" },
	{ "{\"name\":\"a b\"," THEN "}", MST_MSG_INVALID, "name", "without blanks" },
	{ "{\"name\":\"a\",\"colour\":1," THEN "}", MST_MSG_UNKNOWN_FIELD, "colour", "" },
	{ DO(""), MST_MSG_MISSING, "then", "either instructions, or deny" },
	{ DO("\"deny\":\"x\",\"validFor\":\"PT1H\""), MST_MSG_INVALID, "then", "belong to instructions" },
	{ DO("\"deny\":\"x\",\"instructions\":[{\"kind\":\"discovery\",\"method\":\"dhcp\",\"uri\":\"x\"}]"), MST_MSG_INVALID, "then", "either" },
	{ DO("\"instructions\":[]"), MST_MSG_OUT_OF_RANGE, "then.instructions", "" },
	{ DO("\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"bbn\",\"uri\":\"https://a.b\"}]"), MST_MSG_INVALID,
	  "then.instructions[0].method", "not for bootstrap" },
	{ DO("\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://a.b\",\"SUID\":22}]"), MST_MSG_MISSING,
	  "then.instructions[0].target", "needs it" },
	{ DO("\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://127.0.0.1\"}]"), MST_MSG_INVALID,
	  "then.instructions[0].uri", "FQDN" },
	{ DO("\"instructions\":[{\"kind\":\"discovery\",\"method\":\"dhcp\",\"uri\":\"x\"}],\"validFor\":\"PT59S\""), MST_MSG_OUT_OF_RANGE,
	  "then.validFor", "60" },
	{ "{\"name\":\"a\",\"validFrom\":\"20270101T000000\",\"validUntil\":\"20270101T000000\"," THEN "}", MST_MSG_INVALID, "validUntil", "later" },
	{ WHEN("\"circle\":{\"latitude\":1,\"longitude\":1}"), MST_MSG_MISSING, "when.circle.radius", "" },
	{ WHEN("\"circle\":{\"latitude\":900000001,\"longitude\":1,\"radius\":1}"), MST_MSG_OUT_OF_RANGE, "when.circle.latitude", "900000000" },
	{ WHEN("\"circle\":{\"latitude\":52.5,\"longitude\":1,\"radius\":1}"), MST_MSG_WRONG_TYPE, "when.circle.latitude", "integer" },
	{ WHEN("\"polygon\":[{\"latitude\":0,\"longitude\":0},{\"latitude\":1,\"longitude\":1}]"), MST_MSG_OUT_OF_RANGE, "when.polygon", "3..64" },
	{ WHEN("\"polygon\":[{\"latitude\":0,\"longitude\":0},{\"latitude\":1,\"longitude\":1},{\"latitude\":1,\"longitude\":1}]"),
	  MST_MSG_INVALID, "when.polygon", "same point" },
	{ WHEN("\"polygon\":[{\"latitude\":0,\"longitude\":-900000000},{\"latitude\":1,\"longitude\":900000000},{\"latitude\":5,\"longitude\":1}]"),
	  MST_MSG_INVALID, "when.polygon", "180 degrees" },
	{ WHEN("\"maxAccuracy\":5"), MST_MSG_INVALID, "when.maxAccuracy", "circle" },
	{ WHEN("\"placeFrom\":\"node\""), MST_MSG_INVALID, "when.placeFrom", "sites" },
	{ WHEN("\"sites\":[\"no*rth\"]"), MST_MSG_INVALID, "when.sites[0]", "* at the end" },
	{ WHEN("\"sites\":[\"\"]"), MST_MSG_OUT_OF_RANGE, "when.sites[0]", "" },
	{ WHEN("\"cells\":[\"262x\"]"), MST_MSG_INVALID, "when.cells[0]", "mcc-mnc" },
	{ WHEN("\"serials\":{\"from\":\"10\",\"to\":\"9\"}"), MST_MSG_INVALID, "when.serials.to", "before from" },
	{ WHEN("\"serials\":{\"from\":\"a1\",\"to\":\"a10\"}"), MST_MSG_INVALID, "when.serials.to", "same length" },
	{ WHEN("\"devicePrefixes\":[\"x\"]"), MST_MSG_INVALID, "when.devicePrefixes[0]", "OID" },
	{ WHEN("\"imsiPrefixes\":[\"262-01\"]"), MST_MSG_INVALID, "when.imsiPrefixes[0]", "digits" },
	{ WHEN("\"stated\":true"), MST_MSG_INVALID, "when.stated", "nodePrefixes" },
	{ WHEN("\"failed\":{}"), MST_MSG_MISSING, "when.failed", "reason" },
	{ WHEN("\"authentication\":[\"none\"]"), MST_MSG_INVALID, "when.authentication", "public" },
	{ WHEN("\"authentication\":[\"tls\"]"), MST_MSG_UNKNOWN_VALUE, "when.authentication[0]", "none, cert, psk" },
	{ "{\"name\":\"a\"," THEN "} x", MST_MSG_TRAILING, "", "" },
};

static void refused_in_words(void **state)
{
	static const struct mst_rule zero;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		int o = read_rule(bad[i].text);

		if (o != bad[i].outcome || strcmp(d.field, bad[i].field) || !strstr(d.text, bad[i].words) || !*d.text)
			fail_msg("%s: %d (%s), %s: %s", bad[i].text, o, mst_msg_outcome_text(o), d.field, d.text);
		assert_memory_equal(&rule, &zero, sizeof(zero));
	}
}

static void too_large(void **state)
{
	static char text[MST_RULE_OCTETS + 2];

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	assert_int_equal(read_rule(text), MST_MSG_TOO_LARGE);
	assert_non_null(strstr(d.text, "12288"));
}

static void facts_round_trip(void **state)
{
	static const char text[] =
		"{\"now\":\"20260601T000000\",\"authentication\":\"psk\",\"nodeID\":\"urn:dev:1\",\"nodeProven\":true,"
		"\"issuer\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\",\"maker\":\"acme\",\"maf\":\"maf.example.com\","
		"\"place\":{\"latitude\":1,\"longitude\":2,\"site\":\"n\"},\"location\":{\"cell\":\"262-01-1-2\"},"
		"\"methods\":[\"psk\",\"bbn\"],\"failures\":[{\"reason\":\"refused\"}],"
		"\"attempt\":\"00000000000000000000000000000000\",\"unknownNode\":true}";
	uint8_t out[sizeof(text) + 10], json[sizeof(text) + 10];
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));
	uint32_t has;

	(void)state;
	assert_int_equal(mst_rule_facts_read_json(MST_VIEW_LIT(text), &a, &facts, &d), 0);
	has = facts.has;
	mst_rule_facts_mark(&facts);
	assert_int_equal(facts.has, has);
	mst_rule_facts_write_cbor(&facts, &w);
	a = mst_arena_of(more_octets, sizeof(more_octets));
	assert_int_equal(mst_rule_facts_read_cbor(mst_written(&w), &a, &facts, &d), 0);
	w = mst_writer_of(json, sizeof(json));
	mst_rule_facts_write_json(&facts, &w);
	if (w.n != sizeof(text) - 1 || memcmp(json, text, w.n))
		fail_msg("%.*s", (int)w.n, (const char *)json);
	assert_int_equal(mst_rule_facts_read_json(MST_VIEW_LIT("{\"now\":\"20260601T000000\",\"authentication\":\"psk\",\"place\":{\"latitude\":1}}"),
						  &a, &facts, &d), MST_MSG_MISSING);
	assert_string_equal(d.field, "longitude");
}

/* The registry's word stays; the node's fills the gaps, unproven. */
static void what_a_question_adds(void **state)
{
	struct mst_brief_ask ask = { .node_id = MST_VIEW_LIT("urn:x"), .imsi = MST_VIEW_LIT("26201"), .maker = MST_VIEW_LIT("bolt"),
				     .model = MST_VIEW_LIT("m"), .methods = { MST_METHOD_PSK }, .n_methods = 1 };
	struct mst_rule_facts f = { .now = 1, .auth = MST_RULE_AUTH_CERT, .node_id = MST_VIEW_LIT("urn:y"), .node_proven = true,
				    .maker = MST_VIEW_LIT("acme") };

	(void)state;
	ask.location.site = MST_VIEW_LIT("here");
	ask.location.has = 1u << MST_LO_SITE;
	mst_rule_facts_ask(&f, &ask);
	assert_true(mst_view_eq_str(f.node_id, "urn:y"));
	assert_true(mst_view_eq_str(f.maker, "acme"));
	assert_true(mst_view_eq_str(f.model, "m"));
	assert_true(mst_view_eq_str(f.imsi, "26201"));
	assert_false(f.imsi_proven);
	assert_true(mst_view_eq_str(f.location.site, "here"));
	assert_int_equal(f.has, 1u << MST_FA_NOW | 1u << MST_FA_AUTH | 1u << MST_FA_NODE | 1u << MST_FA_IMSI | 1u << MST_FA_NODE_PROVEN |
					1u << MST_FA_MAKER | 1u << MST_FA_MODEL | 1u << MST_FA_LOCATION | 1u << MST_FA_METHODS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_encodings_say_the_same),
		cmocka_unit_test(cbor_known_answer),
		cmocka_unit_test(refused_in_words),
		cmocka_unit_test(too_large),
		cmocka_unit_test(facts_round_trip),
		cmocka_unit_test(what_a_question_adds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
