#include "tests/support/cm.h"

#include "base/text.h"
#include "codec/trigger.h"

/* Known octets, made by a stranger (Python, cbor2 and hashlib): node urn:dev:ops:00004C-acme-000001, key id
 * 0123ABCD@maf.example.com, key 000102…1f. The last 16 octets are checked in lib/crypto/test-trigger-key.c. */
static const char run_hex[] = "a701010244972194090344c6d05bb6041a6b0a6f26051a6b0a6f26061a00015180070150"
			      "4050e11f669ce56c8e0329da38d872a4";
static const char run_text[] = "m1:pwEBAkSXIZQJA0TG0Fu2BBprCm8mBRprCm8mBhoAAVGABwFQQFDhH2ac5WyOAynaONhypA==";
static const char bbn_hex[] = "a801010244972194090344c6d05bb6041a6b0a6f26051a6b0a6f26061a00015180070408a20111026f"
			      "62626e2e6578616d706c652e636f6d5006e7d5a1a0f41b65ff19bb49ca57077c";

static uint8_t octets[256];

static struct mst_view hex(const char *s)
{
	size_t n = 0;

	assert_true(mst_hex_decode(mst_view_str(s), octets, sizeof(octets), &n));
	return (struct mst_view){ octets, n };
}

static void known_octets_both_ways(void **state)
{
	static const char *const known[] = { run_hex, bbn_hex };
	struct mst_trigger t;
	struct mst_view body, tag;
	uint8_t out[MST_TRIGGER_MAX];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(known); i++) {
		struct mst_writer w = mst_writer_of(out, sizeof(out));
		struct mst_view in = hex(known[i]);

		assert_int_equal(mst_trigger_read(in, &t, &body, &tag, NULL), 0);
		assert_int_equal(t.counter, 1795845926);
		assert_int_equal(t.issued, 1795845926);
		assert_int_equal(t.window, 86400);
		assert_int_equal(tag.n, MST_TRIGGER_MAC);
		mst_trigger_write_body(&t, &w);
		mst_trigger_put_tag(&w, tag);
		assert_true(mst_view_eq(mst_written(&w), in));
	}
	assert_int_equal(t.what, MST_TRIGGER_INSTRUCTION);
	assert_int_equal(t.instruction.method, MST_METHOD_BBN);
	assert_true(mst_view_eq_str(t.instruction.uri, "bbn.example.com"));
}

static void text_form_both_ways(void **state)
{
	uint8_t out[MST_TRIGGER_MAX], text[200];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_view got;

	(void)state;
	assert_int_equal(mst_trigger_unwrap(mst_view_str(run_text), out, &got, NULL), 0);
	assert_true(mst_view_eq(got, hex(run_hex)));
	assert_int_equal(mst_trigger_unwrap(MST_VIEW_LIT(" \r\nm1:AAAA\n"), out, &got, NULL), 0);
	assert_int_equal(got.n, 3);
	mst_trigger_put_text(&w, hex(run_hex));
	assert_true(w.ok);
	assert_string_equal((char *)text, run_text);
	/* 117 octets are the last that fit into 160 characters */
	w = mst_writer_of(text, sizeof(text));
	mst_trigger_put_text(&w, (struct mst_view){ octets, 117 });
	assert_true(w.ok);
	assert_int_equal(w.n, 159);
	w = mst_writer_of(text, sizeof(text));
	mst_trigger_put_text(&w, (struct mst_view){ octets, 118 });
	assert_false(w.ok);
}

static void what_is_no_text_form(void **state)
{
	static const char *const bad[] = { "", "hello, call me back", "m1:", "m1:====", "m1:A", "m1:AA=A", "m2:AAAA", "<tgp/>" };
	uint8_t out[MST_TRIGGER_MAX];
	struct mst_view got, body, tag;
	struct mst_trigger t;
	char longest[600];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		int r = mst_trigger_unwrap(mst_view_str(bad[i]), out, &got, NULL);

		if (!r)
			r = mst_trigger_read(got, &t, &body, &tag, NULL);
		assert_int_equal(r, MST_TRIGGER_MALFORMED);
	}
	memset(longest, 'A', sizeof(longest));
	memcpy(longest, "m1:", 3);
	assert_int_equal(mst_trigger_unwrap((struct mst_view){ (uint8_t *)longest, 192 }, out, &got, NULL),
			 MST_TRIGGER_TOO_LARGE);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(mst_trigger_unwrap((struct mst_view){ (uint8_t *)longest, 600 }, out, &got, NULL),
			 MST_TRIGGER_TOO_LARGE);
}

/* Every octet that is cut off, added or changed in the frame is noticed before any key is looked at. */
static void bad_frames(void **state)
{
	struct mst_view in = hex(run_hex), body, tag, got;
	struct mst_trigger t;
	uint8_t out[MST_TRIGGER_MAX];

	(void)state;
	for (size_t n = 0; n < in.n; n++) {
		int r = mst_trigger_read((struct mst_view){ in.p, n }, &t, &body, &tag, NULL);

		assert_int_equal(r, n == in.n - 17 ? MST_TRIGGER_UNSIGNED : MST_TRIGGER_MALFORMED);
	}
	octets[in.n] = 0;
	assert_int_equal(mst_trigger_read((struct mst_view){ in.p, in.n + 1 }, &t, &body, &tag, NULL), MST_TRIGGER_MALFORMED);
	assert_int_equal(mst_trigger_read((struct mst_view){ in.p, 141 }, &t, &body, &tag, NULL), MST_TRIGGER_TOO_LARGE);
	assert_int_equal(mst_trigger_unwrap((struct mst_view){ in.p, 141 }, out, &got, NULL), MST_TRIGGER_TOO_LARGE);
}

static void rules_between_fields(void **state)
{
	struct mst_diag d;
	struct mst_trigger t = {
		.what = MST_TRIGGER_RUN,
		.instruction = { 1u << MST_TI_METHOD | 1u << MST_TI_URI, MST_METHOD_CERT, MST_VIEW_LIT("mef.example.com"),
				 MST_VIEW_NONE, MST_VIEW_NONE },
	};

	(void)state;
	assert_int_equal(mst_trigger_check(&t, &d), 0);
	t.has = 1u << MST_TR_INSTRUCTION;
	assert_int_equal(mst_trigger_check(&t, &d), MST_TRIGGER_MALFORMED);
	assert_string_equal(d.field, "instruction");
	t.what = MST_TRIGGER_INSTRUCTION;
	/* a bootstrap needs its target and stakeholder, as everywhere */
	assert_int_equal(mst_trigger_check(&t, &d), MST_TRIGGER_MALFORMED);
	assert_string_equal(d.field, "instructions[0].target");
	t.instruction.has |= 1u << MST_TI_TARGET | 1u << MST_TI_ADMIN;
	t.instruction.target = mst_view_str("maf.example.com");
	t.instruction.admin_fqdn = mst_view_str("sp.example.com");
	assert_int_equal(mst_trigger_check(&t, &d), 0);
	t.instruction.uri = mst_view_str("192.0.2.1");
	assert_int_equal(mst_trigger_check(&t, &d), MST_TRIGGER_MALFORMED);
	t.instruction.uri = mst_view_str("mef.example.com:8443/MEFBase");
	t.instruction.target = mst_view_str("//sp.example.com/CSE1");
	assert_int_equal(mst_trigger_check(&t, &d), 0);
	t.instruction.method = MST_METHOD_BBN;
	assert_int_equal(mst_trigger_check(&t, &d), MST_TRIGGER_MALFORMED);
	t = (struct mst_trigger){ .what = MST_TRIGGER_ONEM2M };
	assert_int_equal(mst_trigger_check(&t, &d), MST_TRIGGER_MALFORMED);
	assert_string_equal(d.field, "payload");
}

/* The longest URIs that the header promises. */
static void octet_budget(void **state)
{
	static const struct { size_t uri, tag; } fits[] = { { 83, MST_TRIGGER_MAC }, { 34, MST_TRIGGER_SIGNATURE } };
	static const uint8_t hint[MST_TRIGGER_HINT] = { 1, 2, 3, 4 }, zero[MST_TRIGGER_SIGNATURE];
	uint8_t uri[96], out[200];

	(void)state;
	memset(uri, 'a', sizeof(uri));
	for (size_t i = 0; i < MST_COUNT(fits); i++) {
		struct mst_writer w = mst_writer_of(out, sizeof(out));
		struct mst_trigger t = {
			.has = 0xff, .version = 1, .node = { hint, 4 }, .key = { hint, 4 }, .counter = 1795845926,
			.issued = 1795845926, .window = 43200, .what = MST_TRIGGER_INSTRUCTION,
			.instruction = { 3, MST_METHOD_BBN, { uri, fits[i].uri }, MST_VIEW_NONE, MST_VIEW_NONE },
		};

		mst_trigger_write_body(&t, &w);
		mst_trigger_put_tag(&w, (struct mst_view){ zero, fits[i].tag });
		assert_true(w.ok);
		assert_in_range(w.n, 139, MST_TRIGGER_MAX);
	}
}

static void device_trigger(void **state)
{
	static const char json[] = "{\"m2m:tgp\":{\"tpe\":4,\"tia\":\"https://mef.example.com/MEFBase\",\"tipa\":["
				   "\"https://mef.example.com:8443\",\"coaps://mef.example.com:5684\"],\"tist\":[\"json\"]}}";
	/* as CBOR, by cbor2 */
	static const char cbor[] =
		"a1676d326d3a746770a46374706504637469617768747470733a2f2f6d65662e6578616d706c652e636f6d6474"
		"69706181781c68747470733a2f2f6d65662e6578616d706c652e636f6d3a38343433647469737481646a736f6e";
	static const char bad[] = "a1676d326d3a746770a36374706504637469617768747470733a2f2f6d65662e6578616d706c652e636f6d"
				  "64746970618167782d6e6f742d61";
	uint8_t room[2 * MST_DEVICE_TRIGGER_MAX], out[MST_TRIGGER_MAX];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_device_trigger t;
	struct mst_view got;
	struct mst_diag d = { 0 };

	(void)state;
	assert_int_equal(mst_trigger_unwrap(mst_view_str(json), out, &got, NULL), MST_TRIGGER_BARE);
	assert_int_equal(mst_device_trigger_read(got, &a, &t, &d), 0);
	assert_int_equal(t.purpose, MST_PURPOSE_ENROLMENT);
	assert_int_equal(t.n_poa, 2);
	assert_true(mst_view_eq_str(t.address, "https://mef.example.com/MEFBase"));
	a.n = 0;
	assert_int_equal(mst_trigger_unwrap(hex(cbor), out, &got, NULL), MST_TRIGGER_BARE);
	assert_int_equal(mst_device_trigger_read(got, &a, &t, &d), 0);
	assert_true(t.n_poa == 1 && mst_view_eq_str(t.poa[0], "https://mef.example.com:8443"));
	for (size_t n = 0; n < got.n; n++) {
		a.n = 0;
		assert_int_not_equal(mst_device_trigger_read((struct mst_view){ got.p, n }, &a, &t, &d), 0);
	}
	a.n = 0;
	assert_int_equal(mst_device_trigger_read(hex(bad), &a, &t, &d), MST_MSG_INVALID);
	assert_non_null(strstr(d.field, "tipa"));
	a.n = 0;
	assert_int_equal(mst_device_trigger_read(MST_VIEW_LIT("<m2m:tgp/>"), &a, &t, &d), MST_MSG_MALFORMED);
	assert_non_null(strstr(d.text, "XML"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_octets_both_ways), cmocka_unit_test(text_form_both_ways),
		cmocka_unit_test(what_is_no_text_form), cmocka_unit_test(bad_frames),
		cmocka_unit_test(rules_between_fields), cmocka_unit_test(octet_budget),
		cmocka_unit_test(device_trigger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
