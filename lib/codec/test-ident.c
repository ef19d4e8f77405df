#include "tests/support/cm.h"

#include "codec/ident.h"
#include "codec/names.h"
#include "codec/quirks.h"

#define HEX32 "458DEF9EE9DA81147F6262CCDDD04930"
#define L63 "a23456789012345678901234567890123456789012345678901234567890123"

static const struct { enum mst_id_kind kind; const char *text; bool valid; } row[] = {
	{ MST_ID_FQDN, "maf.example.com", true }, { MST_ID_FQDN, "MAF.Example.COM", true },
	{ MST_ID_FQDN, "localhost", true },
	{ MST_ID_FQDN, "a-b.c1", true }, { MST_ID_FQDN, L63 ".com", true },
	{ MST_ID_FQDN, L63 "x.com", false },
	{ MST_ID_FQDN, "", false }, { MST_ID_FQDN, ".com", false }, { MST_ID_FQDN, "a..b", false },
	{ MST_ID_FQDN, "a.", false },
	{ MST_ID_FQDN, "-a.com", false }, { MST_ID_FQDN, "a-.com", false }, { MST_ID_FQDN, "a_b.com", false },
	{ MST_ID_FQDN, "127.0.0.1", false }, { MST_ID_FQDN, "a.com:443", false },
	{ MST_ID_FQDN, "0x7f000001", false }, { MST_ID_FQDN, "127.0X1", false }, { MST_ID_FQDN, "a.0x", false },
	{ MST_ID_FQDN, "0x7f.example", true }, { MST_ID_FQDN, "a.0xg", true }, { MST_ID_FQDN, "a.x0", true },
	{ MST_ID_FQDN, "ex\xc3\xa4mple.com", false },
	{ MST_ID_FQDN, L63 "." L63 "." L63 "." L63, false },
	{ MST_ID_SP, "//globalm2m.org", true }, { MST_ID_SP, "//globalm2m.org/", false },
	{ MST_ID_SP, "/globalm2m.org", false },
	{ MST_ID_SP, "//", false },
	{ MST_ID_CSE_REL, "/CSE090112", true }, { MST_ID_CSE_REL, "/a.b_c~d-e", true },
	{ MST_ID_CSE_REL, "/", false },
	{ MST_ID_CSE_REL, "CSE090112", false }, { MST_ID_CSE_REL, "/CSE/1", false },
	{ MST_ID_CSE_REL, "/CSE 1", false },
	{ MST_ID_CSE_REL, "//CSE", false }, { MST_ID_CSE_REL, "/CSE%31", false },
	{ MST_ID_CSE_ABS, "//www.m2mprovider.com/C3219", true },
	{ MST_ID_CSE_ABS, "//www.m2mprovider.com", false },
	{ MST_ID_CSE_ABS, "//www.m2mprovider.com/", false }, { MST_ID_CSE_ABS, "/C3219", false },
	{ MST_ID_CSE_ABS, "//w_w/C3219", false }, { MST_ID_CSE_ABS, "//sp.example.com/a/b", false },
	{ MST_ID_AE_STEM, "C190XX7T", true }, { MST_ID_AE_STEM, "S190XX7T", true },
	{ MST_ID_AE_STEM, "X190XX7T", false },
	{ MST_ID_AE_STEM, "C", false }, { MST_ID_AE_STEM, "C1/2", false }, { MST_ID_AE_STEM, "c190", false },
	{ MST_ID_AE_REL, "/CSE090112/C190XX7T", true }, { MST_ID_AE_REL, "/S190XX7T", true },
	{ MST_ID_AE_REL, "/C190XX7T", false }, { MST_ID_AE_REL, "/CSE090112/S190XX7T", false },
	{ MST_ID_AE_REL, "//S19", false },
	{ MST_ID_AE_REL, "/a/b/C1", false },
	{ MST_ID_AE_ABS, "//m2m.things.com/S98821", true },
	{ MST_ID_AE_ABS, "//sp.example.com/CSE0001/C19", true },
	{ MST_ID_AE_ABS, "//sp.example.com/C19", false },
	{ MST_ID_AE_ABS, "https://sp.example.com/S1", false },
	{ MST_ID_NODE, "urn:gsma:imei:90420156-025763-0;svn=42", true },
	{ MST_ID_NODE, "urn:dev:ops:32473-Refrig-5002", true },
	{ MST_ID_NODE, "x", true }, { MST_ID_NODE, "a b", false }, { MST_ID_NODE, "a\tb", false },
	{ MST_ID_NODE, "\xc3\xa4", false },
	{ MST_ID_NODE, "", false },
	{ MST_ID_DEVICE, "0.2.481.1.100.3030.10011", true }, { MST_ID_DEVICE, "2.999.1.2.3", true },
	{ MST_ID_DEVICE, "3.1.1.2.3", false }, { MST_ID_DEVICE, "0.40.1.2.3", false },
	{ MST_ID_DEVICE, "1.39.1.2.3", true },
	{ MST_ID_DEVICE, "0.2.481.01.1", false }, { MST_ID_DEVICE, "0.2.481.1", false },
	{ MST_ID_DEVICE, "0.2..1.1.1", false },
	{ MST_ID_DEVICE, "0.2.481.1.1.", false }, { MST_ID_DEVICE, "0.2.a.1.1", false },
	{ MST_ID_KEY, HEX32 "@mef.example.com", true }, { MST_ID_KEY, "thiskey@mymef.com", true },
	{ MST_ID_KEY, "a._-Z@x", true },
	{ MST_ID_KEY, "@mymef.com", false }, { MST_ID_KEY, "thiskey@", false },
	{ MST_ID_KEY, "thiskey", false },
	{ MST_ID_KEY, "a@b@c.com", false }, { MST_ID_KEY, "a/b@c.com", false },
	{ MST_ID_REL_KEY, HEX32, true }, { MST_ID_REL_KEY, "a.b_c-D9", true },
	{ MST_ID_REL_KEY, "a@b", false }, { MST_ID_REL_KEY, "", false },
	{ MST_ID_CREDENTIAL, "10-thiskey@mymef.com", true },
	{ MST_ID_CREDENTIAL, "11-k@maf.example.com", true },
	{ MST_ID_CREDENTIAL, "32-//sp.example.com/CSE0001", true },
	{ MST_ID_CREDENTIAL, "34-urn:dev:ops:1", true },
	{ MST_ID_CREDENTIAL, "31-0.2.481.1.100.3030.10011", true }, { MST_ID_CREDENTIAL, "31-serial", false },
	/* TS-0013 TD_M2M_SE_01's value, which no table allows: spec 1.4 */
	{ MST_ID_CREDENTIAL, "00-test@onem2m.com", false }, { MST_ID_CREDENTIAL, "17-a@b", false },
	{ MST_ID_CREDENTIAL, "10-", false },
	{ MST_ID_CREDENTIAL, "10thiskey@mymef.com", false },
	{ MST_ID_CREDENTIAL, "010-thiskey@mymef.com", false },
	/* RFC 6920 8.1 */
	{ MST_ID_PUBLIC_KEY, "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk", true },
	/* spare bits */
	{ MST_ID_PUBLIC_KEY, "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGl", false },
	{ MST_ID_PUBLIC_KEY, "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk=", false },
	{ MST_ID_PUBLIC_KEY, "ni:///sha-256-120;f4OxZX_x_FO5LcGBSKHW", true },
	{ MST_ID_PUBLIC_KEY, "ni:///sha-256-128;f4OxZX_x_FO5LcGBSKHWXQ", true },
	{ MST_ID_PUBLIC_KEY, "ni:///sha-256-128;f4OxZX_x_FO5LcGBSKHWXR", false },
	{ MST_ID_PUBLIC_KEY, "ni:///sha-256-32;f4OxZQ", false },
	{ MST_ID_PUBLIC_KEY, "ni://a/sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk", false },
	{ MST_ID_BTID, "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org", true },
	{ MST_ID_BTID, "a@b", true }, { MST_ID_BTID, "a@b@c", true }, { MST_ID_BTID, "a", false }, { MST_ID_BTID, "@b", false },
	{ MST_ID_BTID, "a@", false }, { MST_ID_BTID, "a b@c", false }, { MST_ID_BTID, "a\"@c", false }, { MST_ID_BTID, "a\\@c", false },
	{ MST_ID_BTID, "\xc3\xa4@c", false },
	{ MST_ID_KM, "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.example", true }, { MST_ID_KM, HEX32 "@mef.example.com", true },
	{ MST_ID_KM, "thiskey", false },
	{ MST_ID_CREDENTIAL, "11-I1U8vpY3qJ0hiuZNrke/NQ==@bsf.example", true },
	{ MST_ID_NONE, "x", false },
};

static void every_kind_takes_its_own_form_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++)
		if (mst_id_valid(row[i].kind, mst_view_str(row[i].text)) != row[i].valid)
			fail_msg("%s \"%s\"", mst_id_kind_text(row[i].kind), row[i].text);
}

static void an_enrolee_is_spelt_one_way(void **state)
{
	static const char *const is[][2] = {
		{ "//SP.Example.com/CSE1", "//sp.example.com/CSE1" }, { "//SP.Example.com/S7", "//sp.example.com/S7" },
		{ "//SP.Example.com/CSE1/C7", "//sp.example.com/CSE1/C7" }, { "urn:X:1", "urn:X:1" }, { "//SP.Example.com", "//SP.Example.com" },
		{ "MAF.example.com", "MAF.example.com" }, { "", "" },
	};
	char out[MST_ID_MAX];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(is); i++) {
		mst_id_enrolee(is[i][0], out);
		assert_string_equal(out, is[i][1]);
		mst_id_enrolee(out, out);
		assert_string_equal(out, is[i][1]);
	}
}

static void an_enrolee_in_two_spellings(void **state)
{
	static const struct { const char *a, *b; bool same; } is[] = {
		{ "//SP.Example.com/CSE1", "//sp.example.com/CSE1", true }, { "//sp.example.com/CSE1", "//sp.example.com/cse1", false },
		{ "//SP.Example.com/S7", "//sp.example.com/S7", true }, { "//SP.Example.com/CSE1/C7", "//sp.example.com/CSE1/C7", true },
		{ "//sp.example.com/CSE1/C7", "//sp.example.com/CSE1/c7", false }, { "urn:X:1", "urn:X:1", true }, { "urn:X:1", "urn:x:1", false },
		{ "", "", false }, { "", "urn:X:1", false },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(is); i++) {
		assert_int_equal(mst_id_enrolee_equal(mst_view_str(is[i].a), is[i].b), is[i].same);
		assert_int_equal(mst_id_enrolee_equal(mst_view_str(is[i].b), is[i].a), is[i].same);
	}
	assert_false(mst_id_enrolee_equal(MST_VIEW_LIT("urn:X:1\0y"), "urn:X:1"));
}

static void a_subscriber_is_looked_for_in_one_spelling(void **state)
{
	static const char *const is[][2] = {
		{ "User@IMS.Example.com", "User@ims.example.com" }, { "A@B@C", "A@B@c" }, { "User", "User" }, { "User@", "User@" }, { "", "" },
	};
	char out[MST_ID_MAX];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(is); i++) {
		mst_id_impi(is[i][0], out);
		assert_string_equal(out, is[i][1]);
		mst_id_impi(out, out);
		assert_string_equal(out, is[i][1]);
		assert_true(mst_id_impi_equal(mst_view_str(is[i][0]), is[i][1]));
	}
	assert_false(mst_id_impi_equal(MST_VIEW_LIT("user@ims.example.com"), "User@ims.example.com"));
	assert_false(mst_id_impi_equal(MST_VIEW_LIT("User@ims.example.com\0x"), "User@ims.example.com"));
}

static void lengths_are_bounded(void **state)
{
	char text[MST_ID_MAX + 2], out[MST_ID_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_true(mst_id_valid(MST_ID_NODE, (struct mst_view){ (uint8_t *)text, 255 }));
	assert_true(mst_id_normalise(MST_ID_NODE, (struct mst_view){ (uint8_t *)text, 255 }, out));
	assert_int_equal(strlen(out), 255);
	assert_false(mst_id_valid(MST_ID_NODE, (struct mst_view){ (uint8_t *)text, 256 }));
	assert_false(mst_id_valid(MST_ID_REL_KEY, (struct mst_view){ (uint8_t *)text, 256 }));
	assert_false(mst_id_valid(MST_ID_REL_KEY, (struct mst_view){ (const uint8_t *)"a\0b", 3 }));
}

static void canonical_spelling(void **state)
{
	static const struct { enum mst_id_kind kind; const char *in, *out; } norm[] = {
		{ MST_ID_FQDN, "MAF.Example.com", "maf.example.com" },
		{ MST_ID_SP, "//SP.Example.com", "//sp.example.com" },
		{ MST_ID_CSE_ABS, "//SP.Example.com/CSEa", "//sp.example.com/CSEa" },
		{ MST_ID_AE_ABS, "//SP.Example.com/CSEa/Cb", "//sp.example.com/CSEa/Cb" },
		{ MST_ID_KEY, "458def9ee9da81147f6262ccddd04930@MEF.example.com", HEX32 "@mef.example.com" },
		{ MST_ID_KEY, "ThisKey@MyMEF.com", "ThisKey@mymef.com" },
		{ MST_ID_REL_KEY, "458def9ee9da81147f6262ccddd04930", HEX32 },
		{ MST_ID_CREDENTIAL, "11-458def9ee9da81147f6262ccddd04930@MAF.x", "11-" HEX32 "@maf.x" },
		{ MST_ID_CREDENTIAL, "32-//SP.x/CSEa", "32-//sp.x/CSEa" },
		{ MST_ID_NODE, "urn:DEV:ops:A", "urn:DEV:ops:A" },
		{ MST_ID_BTID, "aBc=@BSF.Example", "aBc=@BSF.Example" }, { MST_ID_KM, "aBc=@BSF.Example", "aBc=@BSF.Example" },
		{ MST_ID_KM, "458def9ee9da81147f6262ccddd04930@MEF.x", HEX32 "@mef.x" },
	};
	char out[MST_ID_MAX];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(norm); i++) {
		assert_true(mst_id_normalise(norm[i].kind, mst_view_str(norm[i].in), out));
		assert_string_equal(out, norm[i].out);
		assert_true(mst_id_equal(norm[i].kind, mst_view_str(norm[i].in), mst_view_str(norm[i].out)));
	}
	assert_false(mst_id_equal(MST_ID_NODE, mst_view_str("urn:a"), mst_view_str("urn:A")));
	assert_false(mst_id_equal(MST_ID_FQDN, mst_view_str("a_b"), mst_view_str("a_b")));
}

static void key_identifiers(void **state)
{
	static const uint8_t rel[16] = { 0x45, 0x8d, 0xef, 0x9e, 0xe9, 0xda, 0x81, 0x14, 0x7f, 0x62, 0x62,
		0xcc, 0xdd, 0xd0, 0x49, 0x30 };
	char out[MST_ID_MAX];
	struct mst_view a, b;
	int type;

	(void)state;
	assert_true(mst_key_id_make(rel, mst_view_str("MEF.example.com"), out));
	assert_string_equal(out, HEX32 "@mef.example.com");
	assert_false(mst_key_id_make(rel, mst_view_str("10.0.0.1"), out));
	assert_true(mst_key_id_split(mst_view_str("k@mef.x"), &a, &b));
	assert_true(mst_view_eq_str(a, "k") && mst_view_eq_str(b, "mef.x"));
	assert_false(mst_key_id_split(mst_view_str("k"), &a, &b));
	assert_true(mst_credential_id_make(10, mst_view_str("thiskey@mymef.com"), out));
	assert_string_equal(out, "10-thiskey@mymef.com");
	assert_true(mst_credential_id_split(mst_view_str(out), &type, &a));
	assert_int_equal(type, 10);
	assert_true(mst_view_eq_str(a, "thiskey@mymef.com"));
	assert_false(mst_credential_id_make(20, mst_view_str("thiskey@mymef.com"), out));
	assert_false(mst_credential_id_make(32, mst_view_str("thiskey@mymef.com"), out));
}

static void usage_identifiers(void **state)
{
	static const int known[] = { 10, 11, 12, 13, 14, 15, 21, 22, 23, 24, 25, 32, 33, 34, 35, 40, 41, 42,
		43, 44, 45 };
	size_t count = 0;

	(void)state;
	for (int suid = -1; suid < 100; suid++)
		count += mst_suid_known(suid);
	assert_int_equal(count, MST_COUNT(known));
	for (size_t i = 0; i < MST_COUNT(known); i++)
		assert_true(mst_suid_known(known[i]));
	assert_string_equal(mst_suid_text(21), "provisioned key shared with a MAF");
	assert_string_equal(mst_suid_text(31), "unknown SUID");
	count = 0;
	for (int type = 0; type < 100; type++)
		count += mst_credential_type_known(type);
	assert_int_equal(count, 22);
}

static void public_names(void **state)
{
	char out[MST_ID_MAX];

	(void)state;
	assert_true(mst_cse_public_name(mst_view_str("//SP.example.com/CSE0001"), out));
	assert_string_equal(out, "CSE0001.sp.example.com");
	assert_false(mst_cse_public_name(mst_view_str("//sp.example.com/CSE_1"), out));
	assert_false(mst_cse_public_name(mst_view_str("/CSE0001"), out));
	assert_true(mst_cse_of_public_name("CSE0001.SP.example.com", out));
	assert_string_equal(out, "//sp.example.com/CSE0001");
	assert_true(mst_cse_of_public_name("a.b", out));
	assert_string_equal(out, "//b/a");
	assert_false(mst_cse_of_public_name("localhost", out));
	assert_false(mst_cse_of_public_name("cse_1.sp.example.com", out));
	assert_false(mst_cse_of_public_name("", out));
}

/* lesson 25: the claimed name is the channel's name, in the forms that spec 1.3 allows */
static void from_parameter(void **state)
{
	static const struct { enum mst_id_kind kind; const char *abs, *from; bool ok; } match[] = {
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE0001", "/CSE0001", true },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE0001", "//SP.example.com/CSE0001", true },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE0001", "/CSE0002", false },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE0001", "//evil.example.com/CSE0001", false },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE0001", "CSE0001", false },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE0001", "/cse0001", false },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE0001", "", false },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE0001", "cse0001.SP.example.com", true },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE0001", "cse0002.sp.example.com", false },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE0001", "sp.example.com", false },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE_1", "CSE_1.sp.example.com", false },
		{ MST_ID_AE_ABS, "//sp.example.com/S1", "S1", true },
		{ MST_ID_AE_ABS, "//sp.example.com/S1", "/S1", true },
		{ MST_ID_AE_ABS, "//sp.example.com/CSE/C1", "C1", true },
		{ MST_ID_AE_ABS, "//sp.example.com/CSE/C1", "/CSE/C1", true },
		{ MST_ID_AE_ABS, "//sp.example.com/CSE/C1", "/C1", false },
		{ MST_ID_AE_ABS, "//sp.example.com/S1", "S", false },
		{ MST_ID_FQDN, "maf.example.com", "MAF.example.com", true },
		{ MST_ID_FQDN, "maf.example.com", "mef.example.com", false },
		{ MST_ID_NODE, "urn:dev:ops:1", "urn:dev:ops:1", true },
		{ MST_ID_NODE, "urn:dev:ops:1", "urn:dev:ops:11", false },
		{ MST_ID_NODE, "urn:dev:ops:1", "urn:dev:OPS:1", false },
		{ MST_ID_KEY, "k@maf.x", "k@maf.x", false }, { MST_ID_SP, "//sp.x", "//sp.x", false },
	};
	char out[MST_ID_MAX];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(match); i++)
		if (mst_from_matches(mst_view_str(match[i].from), match[i].kind,
		                     mst_view_str(match[i].abs)) != match[i].ok)
			fail_msg("row %zu: %s as %s", i, match[i].abs, match[i].from);
	assert_true(mst_id_from_param(MST_ID_CSE_ABS, mst_view_str("//sp.x/CSE0001"), out));
	assert_string_equal(out, "/CSE0001");
	assert_true(mst_id_from_param(MST_ID_AE_ABS, mst_view_str("//sp.x/CSE/C1"), out));
	assert_string_equal(out, "C1");
	assert_true(mst_id_from_param(MST_ID_FQDN, mst_view_str("MAF.x"), out));
	assert_string_equal(out, "maf.x");
	assert_false(mst_id_from_param(MST_ID_KEY, mst_view_str("k@maf.x"), out));
}

/* A hexBinary relative part in the case that a peer wants; everything else stays as it is. */
static void spelling(void **state)
{
	static const char up[] = "00112233445566778899AABBCCDDEEFF@mef.example.com", low[] = "00112233445566778899aabbccddeeff@mef.example.com";
	static const struct { const char *id; bool lower; const char *want; } spelt[] = {
		{ up, true, low }, { up, false, up }, { low, false, up }, { low, true, low },
		{ "00112233445566778899AABBCCDDEEFF", true, "00112233445566778899aabbccddeeff" },
		{ "My-Key.1@MEF.example.com", true, "My-Key.1@MEF.example.com" }, { "ABCD", true, "ABCD" }, { "", true, "" },
		{ "00112233445566778899AABBCCDDEEFG@a.b", true, "00112233445566778899AABBCCDDEEFG@a.b" },
	};
	char out[MST_ID_MAX], a[MST_ID_MAX], b[MST_ID_MAX];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(spelt); i++) {
		mst_key_id_spell(spelt[i].id, spelt[i].lower, out);
		assert_string_equal(out, spelt[i].want);
		mst_key_id_spell(out, spelt[i].lower, out);          /* in place */
		assert_string_equal(out, spelt[i].want);
		/* whatever the case, it is the same id */
		if (mst_id_normalise(MST_ID_KEY, mst_view_str(spelt[i].id), a)) {
			assert_true(mst_id_normalise(MST_ID_KEY, mst_view_str(out), b));
			assert_string_equal(a, b);
		}
	}
}

static void names_and_quirks(void **state)
{
	(void)state;
	assert_string_equal(mst_name(MST_N_NONE, MST_PROFILE_LONG), "");
	assert_string_equal(mst_name(MST_N_SYMM_KEY_REG, MST_PROFILE_LONG), "sec:symmKeyReg");
	assert_string_equal(mst_name(MST_N_ET, MST_PROFILE_TS0032), "et");
	assert_string_equal(mst_name(MST_N__COUNT, MST_PROFILE_LONG), "");
	for (int n = 1; n < MST_N__COUNT; n++)
		for (int p = 0; p < MST_PROFILE__COUNT; p++)
			assert_true(*mst_name((enum mst_name)n, (enum mst_profile)p));
	assert_int_equal(mst_quirks_default.km, MST_KM_USAGE_CONSTRAINED);
	assert_int_equal(mst_quirks_default.mef_label, MST_MEF_LABEL_BOOTSTRAP);
	assert_false(mst_quirks_default.hex_lower || mst_quirks_default.repeat_conflicts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_takes_its_own_form_only), cmocka_unit_test(lengths_are_bounded), cmocka_unit_test(an_enrolee_is_spelt_one_way), cmocka_unit_test(an_enrolee_in_two_spellings),
		cmocka_unit_test(a_subscriber_is_looked_for_in_one_spelling),
		cmocka_unit_test(canonical_spelling), cmocka_unit_test(key_identifiers),
			cmocka_unit_test(usage_identifiers),
		cmocka_unit_test(public_names), cmocka_unit_test(from_parameter),
			cmocka_unit_test(spelling), cmocka_unit_test(names_and_quirks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
