/* BootstrappingInfo as it comes in the wild, and everything that must not pass (TS 24.109 C.1). */
#include "tests/support/cm.h"
#include "tests/support/wrap-malloc.h"

#include <libxml/xmlerror.h>
#include <stdlib.h>

#include "base/fault.h"
#include "xml/xml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define ROOT "<BootstrappingInfo xmlns=\"uri:3gpp-gba\">"
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define BOTH "<btid>" BTID "</btid><lifetime>2030-01-01T00:00:00Z</lifetime>"
#define END "</BootstrappingInfo>"
#define OURS "<instructions xmlns=\"" MST_BSF_INFO_OUR_NS "\">"

static int take(const char *text, struct mst_bsf_info *i, struct mst_diag *d)
{
	static uint8_t room[MST_BSF_INFO_OCTETS];
	struct mst_arena a = mst_arena_of(room, sizeof(room));

	*d = (struct mst_diag){ 0 };
	return mst_xml_bsf_info(mst_view_str(text), &a, i, d);
}

static void is(struct mst_view v, const char *want)
{
	assert_int_equal(v.n, strlen(want));
	assert_memory_equal(v.p ? v.p : (const uint8_t *)"", want, v.n);
}

/* The body of the sheet's 17.2, and the writer's own. */
static void worked_body(void **state)
{
	static const char body[] = HEAD ROOT BOTH END;
	struct mst_bsf_info i = { 0 };
	struct mst_diag d;
	uint8_t out[512];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	(void)state;
	assert_int_equal(sizeof(body) - 1, 214);
	assert_int_equal(take(body, &i, &d), 0);
	is(i.btid, BTID);
	assert_int_equal(i.lifetime, 1893456000);
	assert_int_equal(i.current_time, 0);
	assert_int_equal(i.instructions.n, 0);
	mst_bsf_info_write(&i, &w);
	is(mst_written(&w), body);
}

static void forms_of_the_wild(void **state)
{
	static const struct { const char *text; mst_time lifetime, now; const char *instructions, *configuration; } row[] = {
		{ HEAD "\n" ROOT "\n  <btid>" BTID "</btid>\n  <lifetime>2013-04-22T13:10:25.559Z</lifetime>\n" END "\n", 1366636225, 0, "" },
		{ HEAD "\r\n" ROOT "\r\n<btid>\r\n" BTID "\r\n</btid><lifetime> 2030-01-01T00:00:00Z\t</lifetime>" END, 1893456000, 0, "" },
		{ ROOT "<lifetime>2030-01-01T00:00:00Z</lifetime><!-- order -->\n<btid>" BTID "</btid>" END, 1893456000, 0, "" },
		{ "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" standalone=\"yes\"?>" ROOT BOTH END, 1893456000, 0, "" },
		{ "\xef\xbb\xbf" HEAD ROOT BOTH END, 1893456000, 0, "" },
		{ "<g:BootstrappingInfo xmlns:g=\"uri:3gpp-gba\" a=\"b\">" BOTH "</g:BootstrappingInfo>", 1893456000, 0, "" },
		{ "<g:BootstrappingInfo xmlns:g=\"uri:3gpp-gba\"><g:btid>" BTID "</g:btid><g:lifetime>2030-01-01T00:00:00Z</g:lifetime>"
		  "</g:BootstrappingInfo>", 1893456000, 0, "" },
		{ ROOT "<btid><![CDATA[" BTID "]]></btid><lifetime>2030-01-01T00:00:00Z</lifetime><?pi x?>" END, 1893456000, 0, "" },
		{ ROOT "<btid>I1U8vpY3qJ0hiuZNrke/NQ=&#61;&#x40;bsf.mnc001.mcc001<!-- in between -->.pub.3gppnetwork.org</btid>"
		  "<lifetime>2030-01-01T00:00:00Z</lifetime>" END, 1893456000, 0, "" },
		{ ROOT BOTH "<other><btid>x</btid><deep><deeper/></deep></other><empty/>" END, 1893456000, 0, "" },
		{ ROOT BOTH "<Extension><currenttime>2029-12-31T00:00:00Z</currenttime><vendor xmlns=\"urn:x\"><currenttime>1</currenttime></vendor>"
		  "</Extension>" END, 1893456000, 1893369600, "" },
		{ ROOT BOTH "<Extension>" OURS "{\"a\":\"&lt;&amp;&gt;\"}</instructions></Extension>" END, 1893456000, 0, "{\"a\":\"<&>\"}" },
		/* not ours, and not where ours may stand: nothing that anybody asked for */
		{ ROOT BOTH "<Extension><instructions>{}</instructions></Extension>" OURS "{}</instructions>" END, 1893456000, 0, "" },
		{ ROOT BOTH "<Extension><x>" OURS "{}</instructions></x></Extension>" END, 1893456000, 0, "" },
		{ ROOT BOTH "<Extension><configuration xmlns=\"" MST_BSF_INFO_OUR_NS "\">{\"n\":1}</configuration>" OURS "{}</instructions></Extension>" END,
		  1893456000, 0, "{}", "{\"n\":1}" },
		{ ROOT BOTH "<Extension><configuration>{}</configuration></Extension>" END, 1893456000, 0, "" },
		{ ROOT BOTH "<Extension/>" END, 1893456000, 0, "" },
	};

	(void)state;
	for (size_t k = 0; k < MST_COUNT(row); k++) {
		struct mst_bsf_info i = { 0 };
		struct mst_diag d;
		int r = take(row[k].text, &i, &d);

		if (r)
			print_message("# row %zu: %s: %s\n", k, d.field, d.text);
		assert_int_equal(r, 0);
		is(i.btid, BTID);
		assert_int_equal(i.lifetime, row[k].lifetime);
		assert_int_equal(i.current_time, row[k].now);
		is(i.instructions, row[k].instructions);
		is(i.configuration, row[k].configuration ? row[k].configuration : "");
	}
}

static void what_is_refused(void **state)
{
	static const struct { const char *text, *field, *says; } row[] = {
		{ "", "XML", "" },
		{ "btid", "XML", "" },
		{ HEAD, "XML", "" },
		{ ROOT BOTH, "XML", "" },
		{ ROOT BOTH END "x", "XML", "" },
		{ ROOT BOTH END ROOT BOTH END, "XML", "" },
		{ ROOT "<btid>" BTID "</lifetime>" END, "XML", "" },
		{ "<BootstrappingInfo>" BOTH END, "XML", "root" },
		{ "<BootstrappingInfo xmlns=\"uri:3gpp\">" BOTH END, "XML", "root" },
		{ "<Info xmlns=\"uri:3gpp-gba\">" BOTH "</Info>", "XML", "root" },
		{ "<html><body>Login</body></html>", "XML", "root" },
		{ ROOT "<lifetime>2030-01-01T00:00:00Z</lifetime>" END, "btid", "missing" },
		{ ROOT "<btid>" BTID "</btid>" END, "lifetime", "missing" },
		{ ROOT "<btid/><lifetime>2030-01-01T00:00:00Z</lifetime>" END, "BootstrappingInfo", "btid" },
		{ ROOT "<btid>a b</btid><lifetime>2030-01-01T00:00:00Z</lifetime>" END, "BootstrappingInfo", "btid" },
		{ ROOT "<btid>\xc3\xa4@x</btid><lifetime>2030-01-01T00:00:00Z</lifetime>" END, "BootstrappingInfo", "btid" },
		{ ROOT "<btid>" BTID "</btid><lifetime>86400</lifetime>" END, "lifetime", "not like" },
		{ ROOT "<btid>" BTID "</btid><lifetime>2030-01-01T00:00:00</lifetime>" END, "lifetime", "not like" },
		{ ROOT BOTH "<Extension><currenttime>now</currenttime></Extension>" END, "currenttime", "not like" },
		{ ROOT BOTH "<btid>other@x</btid>" END, "XML", "twice" },
		{ ROOT BOTH "<lifetime>2031-01-01T00:00:00Z</lifetime>" END, "XML", "twice" },
		{ ROOT BOTH "<Extension/><Extension/>" END, "XML", "twice" },
		{ ROOT BOTH "<Extension>" OURS "{}</instructions>" OURS "{}</instructions></Extension>" END, "XML", "twice" },
		{ ROOT "<btid>" BTID "<b/></btid><lifetime>2030-01-01T00:00:00Z</lifetime>" END, "XML", "text is expected" },
		/* entities and document types: not even looked at */
		{ "<!DOCTYPE x [<!ENTITY a \"b\">]>" ROOT BOTH END, "XML", "document type" },
		{ HEAD "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">" ROOT BOTH END, "XML", "document type" },
		{ HEAD "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1/\"> %p;]>" ROOT BOTH END, "XML", "document type" },
		{ ROOT "<btid>&xxe;</btid><lifetime>2030-01-01T00:00:00Z</lifetime>" END, "XML", "" },
		{ ROOT "<btid>&#0;</btid><lifetime>2030-01-01T00:00:00Z</lifetime>" END, "XML", "" },
		{ ROOT "<btid>\xff</btid><lifetime>2030-01-01T00:00:00Z</lifetime>" END, "XML", "not UTF-8" },
		{ ROOT BOTH "<p:x/>" END, "XML", "" },
		{ ROOT BOTH "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a>" END,
		  "XML", "deeply" },
	};

	(void)state;
	for (size_t k = 0; k < MST_COUNT(row); k++) {
		struct mst_bsf_info i = { .lifetime = 77 };
		struct mst_diag d;
		int r = take(row[k].text, &i, &d);

		if (r != MST_XML_BAD || strcmp(d.field, row[k].field) || !strstr(d.text, row[k].says))
			print_message("# row %zu: %d, %s: %s\n", k, r, d.field, d.text);
		assert_int_equal(r, MST_XML_BAD);
		assert_string_equal(d.field, row[k].field);
		assert_non_null(strstr(d.text, row[k].says));
		assert_true(d.text[0]);
		assert_int_equal(i.lifetime, 77);
	}
}

static void size_has_a_limit(void **state)
{
	static const char head[] = ROOT BOTH "<x>", tail[] = "</x>" END;
	char *text = malloc(MST_BSF_INFO_OCTETS + 2);
	struct mst_bsf_info i;
	struct mst_diag d;

	(void)state;
	assert_non_null(text);
	for (size_t n = MST_BSF_INFO_OCTETS; n <= MST_BSF_INFO_OCTETS + 1; n++) {
		memset(text, 'x', n);
		memcpy(text, head, sizeof(head) - 1);
		memcpy(text + n - (sizeof(tail) - 1), tail, sizeof(tail));
		assert_int_equal(take(text, &i, &d), n > MST_BSF_INFO_OCTETS ? MST_XML_BAD : 0);
	}
	assert_non_null(strstr(d.text, "larger"));
	free(text);
	/* an arena that is too small is said, not overrun */
	{
		uint8_t little[16];
		struct mst_arena a = mst_arena_of(little, sizeof(little));

		assert_int_equal(mst_xml_bsf_info(MST_VIEW_LIT(ROOT BOTH END), &a, &i, &d), MST_XML_BAD);
	}
}

/* What the writer writes the reader reads, whatever JSON is in it. */
static void json_round_trip(void **state)
{
	static const char *const text[] = { "{}", "{\"a\":\"<b>&amp;]]>\"}", "{\n\t\"a\":\r\n1}", "{\"\xc3\xa4\":\"\xf0\x9f\x8c\x8d\"}", " { } " };

	(void)state;
	for (size_t k = 0; k < 3 * MST_COUNT(text); k++) {
		/* either, and both */
		const char *t = text[k / 3];
		struct mst_view instructions = mst_view_str(k % 3 ? t : ""), configuration = mst_view_str(k % 3 != 1 ? t : "");
		struct mst_bsf_info i = { MST_VIEW_LIT("x@y"), 1893456000, 1893369600, instructions, configuration }, back;
		char out[1024];
		struct mst_writer w = mst_writer_of(out, sizeof(out));
		struct mst_diag d;

		mst_bsf_info_write(&i, &w);
		mst_put_nul(&w);
		assert_true(w.ok);
		assert_int_equal(take(out, &back, &d), 0);
		is(back.instructions, k % 3 ? t : "");
		is(back.configuration, k % 3 != 1 ? t : "");
		is(back.btid, "x@y");
		assert_int_equal(back.current_time, 1893369600);
	}
}

static void the_writer_refuses_what_is_no_xml(void **state)
{
	static const struct mst_bsf_info bad[] = {
		{ MST_VIEW_LIT(""), 1, 0, { 0 }, { 0 } },
		{ MST_VIEW_LIT("a b"), 1, 0, { 0 }, { 0 } },
		{ MST_VIEW_LIT("a"), 0, 0, { 0 }, { 0 } },
		{ MST_VIEW_LIT("a"), MST_TIME_MAX + 1, 0, { 0 }, { 0 } },
		{ MST_VIEW_LIT("a"), 1, -1, { 0 }, { 0 } },
		{ MST_VIEW_LIT("a"), 1, 0, MST_VIEW_LIT("\x01"), { 0 } },
		{ MST_VIEW_LIT("a"), 1, 0, MST_VIEW_LIT("\xff"), { 0 } },
		{ MST_VIEW_LIT("a"), 1, 0, MST_VIEW_LIT("\xef\xbf\xbe"), { 0 } },
		{ MST_VIEW_LIT("a"), 1, 0, { 0 }, MST_VIEW_LIT("\x01") },
	};

	(void)state;
	for (size_t k = 0; k < MST_COUNT(bad); k++) {
		uint8_t out[1024];
		struct mst_writer w = mst_writer_of(out, sizeof(out));

		mst_bsf_info_write(&bad[k], &w);
		assert_false(w.ok);
	}
}

/* --- GUSS --- */

#define G "<guss xmlns=\"guss-schema-of-3gpp-gaa\" id=\"001010000000001@ims.mnc001.mcc001.3gppnetwork.org\">"
#define U "<uss id=\"1000001\" type=\"0\" nafGroup=\"m2m\"><uids><uid>sip:device1@sp.example</uid></uids><flags/></uss>"

static int take_guss(const char *text, struct mst_guss *g, struct mst_diag *d)
{
	static uint8_t room[MST_GUSS_OCTETS];
	struct mst_arena a = mst_arena_of(room, sizeof(room));

	*d = (struct mst_diag){ 0 };
	return mst_xml_guss(mst_view_str(text), &a, g, d);
}

/* The example of the sheet's 13, later spellings, and the list that a NAF gets; each written and read again. */
static void guss(void **state)
{
	static const struct { const char *text; bool in_card; int64_t lifetime; size_t n; } row[] = {
		{ HEAD "\n" G "\n  <bsfInfo><uiccType>GBA</uiccType><lifeTime>86400</lifeTime></bsfInfo>\n  <ussList>" U "</ussList>\n</guss>\n", false, 86400, 1 },
		{ G "<bsfInfo><securityFeatures>x</securityFeatures><uiccType> GBA_U </uiccType></bsfInfo><ussList/></guss>", true, 0, 0 },
		{ "<guss id=\"a@b\"><ussList>" U "<uss type=\"4\" id=\"1\" later=\"x\"><ueIds><ueId>a</ueId><ueId>b&lt;</ueId></ueIds>"
		  "<flags><flag>1</flag><flag>2</flag></flags></uss></ussList></guss>", false, 0, 2 },
		{ "<ussList>" U U "</ussList>", false, 0, 2 },
		{ "<ussList><uss id=\"1\" type=\"0\" nafGroup=\"&quot;a&lt;&#9;\"><ueIds><ueId>x</ueId></ueIds></uss></ussList>", false, 0, 1 },
	};

	(void)state;
	for (size_t k = 0; k < MST_COUNT(row); k++) {
		struct mst_guss g = { .n = 99 }, back;
		struct mst_diag d;
		char out[4096], again[4096];
		struct mst_writer w = mst_writer_of(out, sizeof(out)), x = mst_writer_of(again, sizeof(again));

		assert_int_equal(take_guss(row[k].text, &g, &d), 0);
		assert_int_equal(g.in_card, row[k].in_card);
		assert_int_equal(g.lifetime, row[k].lifetime);
		assert_int_equal(g.n, row[k].n);
		if (k == 0) {
			is(g.impi, "001010000000001@ims.mnc001.mcc001.3gppnetwork.org");
			is(g.uss[0].id[0], "sip:device1@sp.example");
			is(g.uss[0].naf_group, "m2m");
			assert_int_equal(g.uss[0].gsid, 1000001);
		}
		if (k == 2) {
			is(g.uss[1].id[1], "b<");
			assert_int_equal(g.uss[1].flag[1], 2);
		}
		if (k == 4)
			is(g.uss[0].naf_group, "\"a<\t");
		mst_guss_write(&g, &w);
		mst_put_nul(&w);
		assert_true(w.ok);
		assert_int_equal(take_guss(out, &back, &d), 0);
		mst_guss_write(&back, &x);
		mst_put_nul(&x);
		assert_string_equal(out, again);
	}
}

/* Later releases say which key a service is to have (TS 29.309 has the words); where in XML and how spelled, the sheet does not know. */
static void guss_with_a_choice_of_key(void **state)
{
#define USS(attribute, element) "<ussList><uss id=\"1\" type=\"0\"" attribute "><uids><uid>a</uid></uids>" element "</uss></ussList>"
	static const struct { const char *text; enum mst_key_choice is; } row[] = {
		{ USS("", ""), MST_KEY_CHOICE_NONE },
		{ USS("", "<keyChoice>ME_BASED_KEY</keyChoice>"), MST_KEY_CHOICE_ME },
		{ USS("", "<keyChoice> UICC-based-key </keyChoice><flags/>"), MST_KEY_CHOICE_UICC },
		{ USS("", "<flags/><x:keyChoice xmlns:x=\"y\">meUiccBasedKeys</x:keyChoice>"), MST_KEY_CHOICE_BOTH },
		{ USS(" keyChoice=\"UICC_BASED_KEY\"", ""), MST_KEY_CHOICE_UICC },
		{ "<guss id=\"a@b\">" USS("", "<keyChoice>UICC_BASED_KEY</keyChoice>") "</guss>", MST_KEY_CHOICE_UICC },
	};

	(void)state;
	for (size_t k = 0; k < MST_COUNT(row); k++) {
		struct mst_guss g, back;
		struct mst_diag d;
		char out[1024];
		struct mst_writer w = mst_writer_of(out, sizeof(out));

		assert_int_equal(take_guss(row[k].text, &g, &d), 0);
		assert_int_equal(g.n, 1);
		assert_int_equal(g.uss[0].key_choice, row[k].is);
		mst_guss_write(&g, &w);
		mst_put_nul(&w);
		assert_true(w.ok);
		assert_int_equal(!strstr(out, "keyChoice"), row[k].is == MST_KEY_CHOICE_NONE);
		assert_int_equal(take_guss(out, &back, &d), 0);
		assert_int_equal(back.uss[0].key_choice, row[k].is);
	}
#undef USS
}

static void guss_that_is_none(void **state)
{
	static const struct { const char *text, *says; } row[] = {
		{ "", "" }, { "<x/>", "root" }, { "<guss/>", "id" }, { "<guss id=\"\"/>", "id" }, { "<guss id=\"a b\"/>", "id" },
		{ "<guss id=\"a\"><bsfInfo><uiccType>SIM</uiccType></bsfInfo></guss>", "uiccType" },
		{ "<guss id=\"a\"><bsfInfo><lifeTime>-1</lifeTime></bsfInfo></guss>", "lifeTime" },
		{ "<guss id=\"a\"><bsfInfo/><bsfInfo/></guss>", "twice" },
		{ "<ussList><uss type=\"0\"><uids><uid>a</uid></uids></uss></ussList>", "its id" },
		{ "<ussList><uss id=\"1\"><uids><uid>a</uid></uids></uss></ussList>", "its type" },
		{ "<ussList><uss id=\"4294967296\" type=\"0\"><uids><uid>a</uid></uids></uss></ussList>", "its id" },
		{ "<ussList><uss id=\"1\" type=\"0\"/></ussList>", "without a uid" },
		{ "<ussList><uss id=\"1\" type=\"0\"><uids><uid> </uid></uids></uss></ussList>", "empty uid" },
		{ "<ussList><uss id=\"1\" type=\"0\"><uids><uid>a</uid></uids><flags><flag>x</flag></flags></uss></ussList>", "flag" },
		{ "<ussList><uss id=\"1\" type=\"0\"><uids><uid>a<b/></uid></uids></uss></ussList>", "text is expected" },
		{ "<ussList><uss id=\"1\" type=\"0\" keyChoice=\"\"><uids><uid>a</uid></uids></uss></ussList>", "keyChoice" },
		{ "<ussList><uss id=\"1\" type=\"0\" keyChoice=\"x\"><uids><uid>a</uid></uids></uss></ussList>", "keyChoice" },
		{ "<ussList><uss id=\"1\" type=\"0\"><uids><uid>a</uid></uids><keyChoice>-_ </keyChoice></uss></ussList>", "keyChoice" },
		{ "<ussList><uss id=\"1\" type=\"0\"><uids><uid>a</uid></uids><keyChoice>UICC_BASED</keyChoice></uss></ussList>", "keyChoice" },
		{ "<ussList><uss id=\"1\" type=\"0\" keyChoice=\"UICC_BASED_KEY\"><uids><uid>a</uid></uids><keyChoice>ME_BASED_KEY</keyChoice></uss>"
		  "</ussList>", "two keyChoices" },
		{ "<ussList><uss id=\"1\" type=\"0\"><uids><uid>1</uid><uid>2</uid><uid>3</uid><uid>4</uid><uid>5</uid><uid>6</uid><uid>7</uid><uid>8</uid>"
		  "<uid>9</uid></uids></uss></ussList>", "8 uids" },
		{ "<ussList>" U U U U U U U U U U U U U U U U U "</ussList>", "16 uss" },
		{ "<!DOCTYPE guss><guss id=\"a\"/>", "document type" },
	};

	(void)state;
	for (size_t k = 0; k < MST_COUNT(row); k++) {
		struct mst_guss g = { .n = 99 };
		struct mst_diag d;

		assert_int_equal(take_guss(row[k].text, &g, &d), MST_XML_BAD);
		assert_non_null(strstr(d.text, row[k].says));
		assert_int_equal(g.n, 99);
	}
}

static void silent(void *ctx, const char *text, ...)
{
	(void)ctx;
	(void)text;
}

/* Whichever allocation fails: all that stands there, or no memory. The library by itself goes on without a namespace, and nothing of ours is there. */
static void no_memory(void **state)
{
	static const char body[] = HEAD ROOT BOTH "<Extension>" OURS "[]</instructions><configuration xmlns=\"" MST_BSF_INFO_OUR_NS "\">{\"n\":1}</configuration>"
		"</Extension>" END;
	unsigned refused = 0;
	struct mst_bsf_info i;
	struct mst_diag d;
	int r = 1;

	(void)state;
	xmlSetGenericErrorFunc(NULL, silent);
	for (unsigned long at = 1; r; at++) {
		i = (struct mst_bsf_info){ 0 };
		taken = 0;
		fail_at = at;
		r = take(body, &i, &d);
		fail_at = 0;
		assert_true(r == 0 || r == MST_FAULT_MEMORY);
		assert_true(r == 0 || d.text[0]);
		refused += r != 0;
	}
	is(i.instructions, "[]");
	is(i.configuration, "{\"n\":1}");
	assert_true(refused > 40);
	xmlSetGenericErrorFunc(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(worked_body), cmocka_unit_test(forms_of_the_wild), cmocka_unit_test(what_is_refused),
		cmocka_unit_test(size_has_a_limit), cmocka_unit_test(json_round_trip),
		cmocka_unit_test(the_writer_refuses_what_is_no_xml), cmocka_unit_test(guss), cmocka_unit_test(guss_with_a_choice_of_key),
		cmocka_unit_test(guss_that_is_none), cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
