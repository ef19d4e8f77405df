#include "tests/support/cm.h"

#include "codec/instr.h"

static uint8_t arena_octets[MST_SEQ_OCTETS];
static struct mst_sequence seq;

static int read_json(const char *text, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(arena_octets, sizeof(arena_octets));

	return mst_sequence_read_json(mst_view_str(text), &a, &seq, d);
}

#define MEF "\"uri\":\"https://mef.example.com:8443\""
#define TGT "\"target\":\"maf.example.com\""
#define ADM "\"adminFQDN\":\"sp.example.com\""
#define BOOT "{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," TGT "," ADM "}"
#define SEQ(x) "{\"version\":1,\"instructions\":[" x "]}"

static void the_smallest_sequence(void **state)
{
	(void)state;
	assert_int_equal(read_json(SEQ(BOOT), NULL), 0);
	assert_int_equal(seq.n_instructions, 1);
	assert_int_equal(seq.instructions[0].kind, MST_INSTR_BOOTSTRAP);
	assert_int_equal(seq.instructions[0].method, MST_METHOD_CERT);
	assert_int_equal(seq.instructions[0].suid, 21);
	assert_true(mst_view_eq_str(seq.instructions[0].uri, "https://mef.example.com:8443"));
	assert_true(mst_view_eq_str(seq.instructions[0].target, "maf.example.com"));
}

/* Known octets: this is what a constrained node receives, so it must not change by accident. */
static void cbor_known_answer(void **state)
{
	static const uint8_t expected[] =
		"\xa2\x01\x01\x05\x81\xa5\x01\x01\x02\x02\x03\x78\x1chttps://mef.example.com:8443"
		"\x06\x6fmaf.example.com\x08\x6esp.example.com";
	uint8_t buf[256];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	struct mst_arena a = mst_arena_of(arena_octets, sizeof(arena_octets));

	(void)state;
	assert_int_equal(read_json(SEQ(BOOT), NULL), 0);
	mst_sequence_write_cbor(&seq, &w);
	assert_int_equal(mst_written(&w).n, sizeof(expected) - 1);
	assert_memory_equal(buf, expected, sizeof(expected) - 1);
	assert_int_equal(mst_sequence_read_cbor(mst_written(&w), &a, &seq, NULL), 0);
	assert_int_equal(seq.instructions[0].suid, 21);
	assert_int_equal(a.n, 0);
}

static void every_member_both_ways(void **state)
{
	static const char full[] =
		"{\"version\":1,\"id\":\"briefing-7\",\"validFrom\":\"20260101T000000\",\"validUntil\":\"20270101T000000\","
		"\"instructions\":["
		"{\"kind\":\"discovery\",\"method\":\"bbn\",\"uri\":\"https://bbn.example.com/brief\",\"anchors\":[\"MA4CDAABAgMEBQYHCAkKCw==\"],"
		"\"pins\":[\"ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk\"],\"label\":\"K\xc3\xb6ln \\\"7\\\"\"},"
		"{\"kind\":\"bootstrap\",\"method\":\"psk\",\"uri\":\"coaps://mef.example.com\",\"target\":\"//sp.example.com/CSE1\","
		"\"SUID\":22,\"adminFQDN\":\"sp.example.com\",\"expires\":\"20261231T235959\",\"httpPort\":8443,\"coapPort\":5684,"
		"\"websocketPort\":443},"
		"{\"kind\":\"bootstrap\",\"method\":\"gba\",\"uri\":\"http://bsf.example.com/\",\"target\":\"maf.example.com\",\"SUID\":21,"
		"\"adminFQDN\":\"sp.example.com\",\"mafURI\":\"https://10.0.0.1:8444\"},"
		"{\"kind\":\"discovery\",\"method\":\"dns-sd\",\"uri\":\"_muster._tcp.local\"},"
		"{\"kind\":\"discovery\",\"method\":\"file\",\"uri\":\"/media/usb/muster.json\"}]}";
	uint8_t json[2048], cbor[2048];
	struct mst_writer w = mst_writer_of(json, sizeof(json)), c = mst_writer_of(cbor, sizeof(cbor));
	struct mst_arena a = mst_arena_of(arena_octets, sizeof(arena_octets));
	struct mst_diag d = { 0 };

	(void)state;
	if (read_json(full, &d))
		fail_msg("%s at %zu: %s", d.field, d.offset, d.text);
	assert_true(mst_view_eq_str(seq.instructions[0].label, "K\xc3\xb6ln \"7\""));
	assert_int_equal(seq.instructions[0].anchors[0].n, 16);
	assert_int_equal(seq.instructions[1].websocket_port, 443);
	mst_sequence_write_json(&seq, &w);
	assert_true(mst_view_eq_str(mst_written(&w), full));
	mst_sequence_write_cbor(&seq, &c);
	assert_int_equal(mst_sequence_read_cbor(mst_written(&c), &a, &seq, &d), 0);
	w.n = 0;
	mst_sequence_write_json(&seq, &w);
	assert_true(mst_view_eq_str(mst_written(&w), full));
}

/* Lesson 20: which field, and what would be right. */
static const struct refusal { const char *text; int outcome; const char *field, *says; } refusal[] = {
	{ "", MST_MSG_MALFORMED, "", "missing" },
	{ "{", MST_MSG_MALFORMED, "", "name" },
	{ SEQ(BOOT) " x", MST_MSG_TRAILING, "", "after the end" },
	{ SEQ(BOOT) SEQ(BOOT), MST_MSG_TRAILING, "", "after the end" },
	{ "[" SEQ(BOOT) "]", MST_MSG_WRONG_TYPE, "", "expected an object, found an array" },
	{ "{\"version\":1}", MST_MSG_MISSING, "instructions", "required" },
	{ "{\"instructions\":[" BOOT "]}", MST_MSG_MISSING, "version", "required" },
	{ "{\"version\":2,\"instructions\":[" BOOT "]}", MST_MSG_OUT_OF_RANGE, "version", "must be 1..1" },
	{ "{\"version\":\"1\",\"instructions\":[" BOOT "]}", MST_MSG_WRONG_TYPE, "version",
	  "expected an integer, found a text" },
	{ "{\"version\":1.0,\"instructions\":[" BOOT "]}", MST_MSG_WRONG_TYPE, "version",
	  "fraction or exponent" },
	{ "{\"version\":1e0,\"instructions\":[" BOOT "]}", MST_MSG_WRONG_TYPE, "version",
	  "fraction or exponent" },
	{ "{\"version\":99999999999999999999,\"instructions\":[]}", MST_MSG_OUT_OF_RANGE, "version",
	  "64 bits" },
	{ "{\"version\":1,\"version\":1,\"instructions\":[" BOOT "]}", MST_MSG_DUPLICATE, "version",
	  "twice" },
	{ "{\"version\":1,\"v\\u0065rsion\":1,\"instructions\":[" BOOT "]}", MST_MSG_DUPLICATE, "version",
	  "twice" },
	{ "{\"version\":1,\"Instructions\":[" BOOT "]}", MST_MSG_UNKNOWN_FIELD, "Instructions",
	  "instruction sequence" },
	{ SEQ(""), MST_MSG_OUT_OF_RANGE, "instructions", "0 elements; must be 1..16" },
	{ SEQ(BOOT "," BOOT "," BOOT "," BOOT "," BOOT "," BOOT "," BOOT "," BOOT "," BOOT "," BOOT "," BOOT "," BOOT ","
	  BOOT "," BOOT "," BOOT "," BOOT "," BOOT), MST_MSG_OUT_OF_RANGE, "instructions", "1..16" },
	{ SEQ(BOOT ",[]"), MST_MSG_WRONG_TYPE, "instructions[1]", "expected an object, found an array" },
	{ SEQ(BOOT ","), MST_MSG_MALFORMED, "instructions[1]", "trailing comma" },
	{ SEQ(BOOT "," BOOT ",{\"kind\":\"bootstrap\",\"method\":\"pks\"}"), MST_MSG_UNKNOWN_VALUE,
	  "instructions[2].method",
	  "unknown value \"pks\"; one of psk, cert, gba" },
	{ SEQ("{\"kind\":\"boot\"}"), MST_MSG_UNKNOWN_VALUE, "instructions[0].kind",
	  "one of bootstrap, discovery" },
	{ SEQ("{\"kind\":1}"), MST_MSG_WRONG_TYPE, "instructions[0].kind",
	  "expected a text, found a number" },
	{ SEQ("{\"kind\":null}"), MST_MSG_WRONG_TYPE, "instructions[0].kind", "found null" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"bbn\"}"), MST_MSG_MISSING, "instructions[0].uri",
	  "required" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"psk\"," MEF "}"), MST_MSG_INVALID,
	  "instructions[0].method",
	  "psk is not for discovery; one of file, bbn" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"bbn\"," MEF "," TGT "," ADM "}"), MST_MSG_INVALID,
	  "instructions[0].method",
	  "bbn is not for bootstrap; one of psk, cert, gba" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," ADM "}"), MST_MSG_MISSING,
	  "instructions[0].target", "needs it" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," TGT "}"), MST_MSG_MISSING,
	  "instructions[0].adminFQDN", "needs it" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"bbn\"," MEF "," TGT "}"), MST_MSG_INVALID,
	  "instructions[0].target", "belongs to a bootstrap" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"bbn\"," MEF ",\"SUID\":21}"), MST_MSG_INVALID,
	  "instructions[0].SUID", "belongs" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"bbn\"," MEF "," ADM "}"), MST_MSG_INVALID,
	  "instructions[0].adminFQDN", "belongs" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"bbn\"," MEF ",\"mafURI\":\"https://m\"}"),
	  MST_MSG_INVALID, "instructions[0].mafURI", "belongs" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"bbn\"," MEF ",\"expires\":\"20270101T000000\"}"),
	  MST_MSG_INVALID, "instructions[0].expires", "belongs" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"bbn\"," MEF ",\"httpPort\":1}"), MST_MSG_INVALID,
	  "instructions[0].httpPort", "belongs" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"bbn\"," MEF ",\"coapPort\":1}"), MST_MSG_INVALID,
	  "instructions[0].coapPort", "belongs" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"bbn\"," MEF ",\"websocketPort\":1}"), MST_MSG_INVALID,
	  "instructions[0].websocketPort", "belongs" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"dns-sd\"," MEF "}"), MST_MSG_INVALID,
	  "instructions[0].uri", "dns-sd needs the service name" },
	{ SEQ("{\"kind\":\"discovery\",\"method\":\"bbn\",\"uri\":\"wss://a.b\"}"), MST_MSG_INVALID,
	  "instructions[0].uri", "https or coaps" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"http://mef.example.com\"," TGT "," ADM "}"), MST_MSG_INVALID,
	  "instructions[0].uri", "cert needs the https, coaps or wss URI" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://127.0.0.1:8443\"," TGT "," ADM "}"), MST_MSG_INVALID,
	  "instructions[0].uri", "with an FQDN" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://u@mef.example.com\"," TGT "," ADM "}"), MST_MSG_INVALID,
	  "instructions[0].uri", "with an FQDN" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"mef.example.com\"," TGT "," ADM "}"),
	  MST_MSG_INVALID,
	  "instructions[0].uri", "URI" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"a\\u000ab\"," TGT "," ADM "}"),
	  MST_MSG_INVALID,
	  "instructions[0].uri", "\"a?b\" is not text without control characters" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF ",\"target\":\"maf_1\"," ADM "}"),
	  MST_MSG_INVALID,
	  "instructions[0].target", "\"maf_1\" is not a MAF-FQDN" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF ",\"target\":\"//sp.x/CSE1\"," ADM "}"),
	  MST_MSG_INVALID,
	  "instructions[0].target", "SUID 21" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," TGT "," ADM ",\"SUID\":22}"),
	  MST_MSG_INVALID,
	  "instructions[0].target", "CSE-ID" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," TGT "," ADM ",\"SUID\":20}"),
	  MST_MSG_OUT_OF_RANGE,
	  "instructions[0].SUID", "20; must be 21..25" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF ",\"target\":\"//sp.x/C1\"," ADM ",\"SUID\":22,\"mafURI\":\"https://m\"}"),
	  MST_MSG_INVALID, "instructions[0].mafURI", "only SUID 21" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," TGT "," ADM ",\"httpPort\":0}"),
	  MST_MSG_OUT_OF_RANGE,
	  "instructions[0].httpPort", "1..65535" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," TGT "," ADM ",\"expires\":\"2026-12-31\"}"), MST_MSG_INVALID,
	  "instructions[0].expires", "timestamp" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," TGT "," ADM ",\"expires\":\"20260230T000000\"}"), MST_MSG_INVALID,
	  "instructions[0].expires", "timestamp" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," TGT "," ADM ",\"pins\":[\"ni:///md5;x\"]}"), MST_MSG_INVALID,
	  "instructions[0].pins[0]", "public key identifier" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," TGT "," ADM ",\"anchors\":[\"MA4CDAABAgMEBQYHCAkKCw==\",\"x\"]}"),
	  MST_MSG_INVALID, "instructions[0].anchors[1]", "base64" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," TGT "," ADM ",\"anchors\":[\"AA4CDAABAgMEBQYHCAkKCw==\"]}"),
	  MST_MSG_INVALID, "instructions[0].anchors[0]", "DER" },
	{ SEQ("{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF "," TGT "," ADM ",\"anchors\":\"MA4C\"}"),
	  MST_MSG_WRONG_TYPE,
	  "instructions[0].anchors", "expected an array, found a text" },
	{ SEQ("{\"kind\":\"bootstrap\",\"label\":[[[[[[\"deep\"]]]]]]}"), MST_MSG_WRONG_TYPE,
	  "instructions[0].label", "expected a text" },
	{ "{\"version\":1,\"validFrom\":\"20270101T000000\",\"validUntil\":\"20270101T000000\",\"instructions\":[" BOOT "]}",
	  MST_MSG_INVALID, "validUntil", "later than validFrom" },
	{ "{\"version\":1,\"validFrom\":\"20270101T000000\",\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"cert\"," MEF ","
	  TGT "," ADM ",\"expires\":\"20260101T000000\"}]}", MST_MSG_INVALID, "instructions[0].expires",
	  	"later than validFrom" },
};

static void refusals_name_field_and_remedy(void **state)
{
	static const struct mst_sequence zero;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(refusal); i++) {
		struct mst_diag d = { 0 };
		int o;

		memset(&seq, 0x55, sizeof(seq));
		o = read_json(refusal[i].text, &d);
		if (o != refusal[i].outcome || strcmp(d.field, refusal[i].field) != 0 || !strstr(d.text,
			refusal[i].says))
			fail_msg("row %zu: %s, %s at %zu: %s", i, mst_msg_outcome_text(o), d.field, d.offset,
				d.text);
		assert_memory_equal(&seq, &zero, sizeof(seq));
		/* the same answer without anybody to explain it to */
		assert_int_equal(read_json(refusal[i].text, NULL), o);
	}
}

static void offsets_point_into_the_input(void **state)
{
	static const char text[] = SEQ("{\"kind\":\"bootstrap\",\"method\":\"pks\"}");
	struct mst_diag d;

	(void)state;
	assert_int_equal(read_json(text, &d), MST_MSG_UNKNOWN_VALUE);
	assert_memory_equal(text + d.offset, "\"pks\"", 5);
	assert_int_equal(read_json("{\"version\":01}", &d), MST_MSG_MALFORMED);
	assert_int_equal(d.offset, 11);
}

static void size_is_bounded(void **state)
{
	static char text[MST_SEQ_OCTETS + 2];
	static const char head[] = SEQ(BOOT);
	struct mst_diag d;

	(void)state;
	memset(text, ' ', MST_SEQ_OCTETS + 1);
	memcpy(text, head, sizeof(head) - 1);
	assert_int_equal(read_json(text, &d), MST_MSG_TOO_LARGE);
	text[MST_SEQ_OCTETS] = '\0';
	assert_int_equal(read_json(text, &d), 0);
	memset(text, 0xff, MST_SEQ_OCTETS + 1);
	assert_int_equal(read_json(text, &d), MST_MSG_TOO_LARGE);
}

static void cbor_refusals(void **state)
{
#define HEAD "\xa2\x01\x01\x05\x81"
	static const struct { const char *in; size_t n; int outcome; const char *field, *says; } row[] = {
#define ROW(s, ...) { s, sizeof(s) - 1, __VA_ARGS__ }
		ROW("", MST_MSG_MALFORMED, "", "cut short"),
		ROW("\xa0", MST_MSG_MISSING, "version", "required"),
		ROW("\x80", MST_MSG_WRONG_TYPE, "", "expected a map, found an array"),
		ROW("\xa1\x01\x01\x00", MST_MSG_MISSING, "instructions", "required"),
		ROW("\xbf\x01\x01\xff", MST_MSG_MALFORMED, "", "indefinite length"),
		ROW("\xa1\x18\x01\x01", MST_MSG_MALFORMED, "", "shortest"),
		ROW("\xa1\x01\x18\x01", MST_MSG_MALFORMED, "version", "shortest"),
		ROW("\xa1\x01\xf9\x3c\x00", MST_MSG_MALFORMED, "version", "floating point"),
		ROW("\xa1\x01\xc1\x01", MST_MSG_MALFORMED, "version", "tag"),
		ROW("\xa1\x01\x20", MST_MSG_OUT_OF_RANGE, "version", "-1; must be 1..1"),
		ROW("\xa1\x01\x1b\xff\xff\xff\xff\xff\xff\xff\xff", MST_MSG_OUT_OF_RANGE, "version",
			"64 bits"),
		ROW("\xa2\x01\x01\x01\x01", MST_MSG_DUPLICATE, "version", "twice"),
		ROW("\xa2\x02\x61x\x01\x01", MST_MSG_MALFORMED, "version", "ascend"),
		ROW("\xa2\x01\x01\x18\x63\x00", MST_MSG_UNKNOWN_FIELD, "99", "instruction sequence"),
		ROW("\xa2\x01\x01\x20\x00", MST_MSG_UNKNOWN_FIELD, "-1", "instruction sequence"),
		ROW("\xa1\x67version\x01", MST_MSG_UNKNOWN_FIELD, "", "small integers, found a text"),
		ROW("\xa2\x01\x01\x02\x62\xc3\x28", MST_MSG_MALFORMED, "id", "UTF-8"),
		ROW("\xa2\x01\x01\x02\x42xy", MST_MSG_WRONG_TYPE, "id",
			"expected a text, found a byte string"),
		ROW("\xa2\x01\x01\x02\x63x\0y", MST_MSG_MALFORMED, "id", "U+0000"),
		ROW("\xa2\x01\x01\x03\x20", MST_MSG_OUT_OF_RANGE, "validFrom", "seconds"),
		ROW("\xa2\x01\x01\x05\x9a\xff\xff\xff\xff", MST_MSG_MALFORMED, "instructions", "cut short"),
		ROW("\xa2\x01\x01\x05\x80", MST_MSG_OUT_OF_RANGE, "instructions", "1..16"),
		ROW(HEAD "\xa1\x01\x03", MST_MSG_UNKNOWN_VALUE, "instructions[0].kind",
			"\"3\"; one of bootstrap, discovery"),
		ROW(HEAD "\xa1\x01\x61x", MST_MSG_WRONG_TYPE, "instructions[0].kind",
			"expected an integer, found a text"),
		ROW(HEAD "\xa2\x01\x01\x02\x10", MST_MSG_MISSING, "instructions[0].uri", "required"),
		ROW(HEAD "\xa3\x01\x01\x02\x10\x03\x61x", MST_MSG_INVALID, "instructions[0].method",
			"file is not for bootstrap"),
		ROW(HEAD "\xa3\x01\x02\x02\x10\x03\x61x\x00", MST_MSG_TRAILING, "", "after the end"),
	};
	struct mst_diag d;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_arena a = mst_arena_of(arena_octets, sizeof(arena_octets));
		int o = mst_sequence_read_cbor((struct mst_view){ (const uint8_t *)row[i].in, row[i].n }, &a,
			&seq, &d);

		if (o != row[i].outcome || strcmp(d.field, row[i].field) != 0 || !strstr(d.text, row[i].says))
			fail_msg("row %zu: %s, %s at %zu: %s", i, mst_msg_outcome_text(o), d.field, d.offset,
				d.text);
		assert_int_equal(seq.n_instructions, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_sequence), cmocka_unit_test(cbor_known_answer),
			cmocka_unit_test(every_member_both_ways),
		cmocka_unit_test(refusals_name_field_and_remedy),
			cmocka_unit_test(offsets_point_into_the_input),
		cmocka_unit_test(size_is_bounded), cmocka_unit_test(cbor_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
