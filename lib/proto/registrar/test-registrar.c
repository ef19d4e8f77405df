/* An AE at its registrar: what is sent, octet for octet, and every answer that must not be taken. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "proto/registrar/registrar.h"

static struct registrar r;

static struct registrar_config base(void)
{
	return (struct registrar_config){ .base = "/cse-in", .from = "C", .attempt = "00112233445566778899aabbccddeeff", .app_id = "APP01",
					  .release = "3", .answer_ms = 5000 };
}

static void begin(const struct registrar_config *c)
{
	struct mst_diag d = { 0 };

	if (!registrar_init(&r, c, 0, &d))
		fail_msg("%s: %s", d.field, d.text);
}

/* TD_M2M_SE_01 (TS-0013 8.4): Create, op 1, ty 2; TS-0009 for how that looks in HTTP. */
static void what_is_sent(void **state)
{
	struct registrar_config c = base();
	uint8_t octets[2048];
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));
	const struct mst_request *q;

	(void)state;
	begin(&c);
	q = registrar_request(&r);
	assert_true(q->op == MST_OP_CREATE && q->op == 1 && q->ty == 2);
	assert_true(mst_view_eq_str(q->content, "{\"m2m:ae\":{\"api\":\"APP01\",\"rr\":false,\"srv\":[\"3\"]}}"));
	mst_request_to_http(q, MST_VIEW_LIT("in.sp.example.com"), &w);
	mst_put_nul(&w);
	assert_true(w.ok);
	assert_non_null(strstr((char *)octets, "POST /cse-in HTTP/1.1\r\n"));
	assert_non_null(strstr((char *)octets, "\r\nX-M2M-Origin: C\r\n"));
	assert_non_null(strstr((char *)octets, "ty=2\r\n"));
	registrar_sent(&r);
	assert_null(registrar_request(&r));
	/* one that has no id at all yet: From may be left out in a first registration (TS-0004 8.2.2) */
	c.from = "";
	c.expires = 1830297600;
	begin(&c);
	assert_int_equal(registrar_request(&r)->from.n, 0);
	assert_true(mst_view_eq_str(registrar_request(&r)->content, "{\"m2m:ae\":{\"api\":\"APP01\",\"rr\":false,\"srv\":[\"3\"],\"et\":\"20280101T000000\"}}"));
}

static void bad_settings(void **state)
{
	static const struct { const char *base, *from, *app, *release, *field; } rows[] = {
		{ "/cse", "C", "", "3", "appID" }, { "/cse", "C", "a b", "3", "appID" }, { "/cse", "C", "A", "", "release" },
		{ "/cse", "C", "A", "123456789", "release" }, { "/cse", "X1", "A", "3", "aeID" }, { "/cse", "//sp.example.com/C1", "A", "3", "aeID" },
		{ "cse", "C", "A", "3", "base" }, { "", "C", "A", "3", "base" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct registrar_config c = base();
		struct mst_diag d = { 0 };

		c.base = rows[i].base;
		c.from = rows[i].from;
		c.app_id = rows[i].app;
		c.release = rows[i].release;
		assert_false(registrar_init(&r, &c, 0, &d));
		assert_string_equal(d.field, rows[i].field);
		assert_true(registrar_end(&r) == REGISTRAR_FAILED && !registrar_request(&r));
	}
}

static void answered(const char *from, int rsc, const char *content)
{
	struct registrar_config c = base();
	struct mst_response a = { .rsc = rsc, .rvi = MST_VIEW_LIT("3"), .content = mst_view_str(content),
				  .media = *content ? MST_VIEW_LIT("application/json") : MST_VIEW_NONE };

	c.from = from;
	begin(&c);
	a.rqi = registrar_request(&r)->rqi;
	registrar_sent(&r);
	registrar_feed(&r, &a);
}

static void answers(void **state)
{
	static const struct { const char *from; int rsc; const char *content; enum prov_reason reason; } rows[] = {
		{ "C", 2001, "{\"m2m:ae\":{\"api\":\"APP01\"}}", PROV_MALFORMED }, { "C", 2001, "", PROV_MALFORMED },
		{ "C", 2001, "{\"m2m:cnt\":{\"aei\":\"C1\"}}", PROV_MALFORMED }, { "C", 2001, "{\"m2m:ae\":{\"aei\":\"C 1\"}}", PROV_MALFORMED },
		{ "S12", 2001, "{\"m2m:ae\":{\"aei\":\"S13\"}}", PROV_MALFORMED }, { "C", 2000, "{\"m2m:ae\":{\"aei\":\"C1\"}}", PROV_MALFORMED },
		{ "C", 4117, "{\"m2m:dbg\":\"again\"}", PROV_REFUSED }, { "C", 4126, "", PROV_REFUSED }, { "C", 4103, "", PROV_REFUSED },
		{ "C", 5103, "", PROV_BUSY },
	};

	(void)state;
	/* members that nobody asked for are others' business; a fraction of a second is heard (TS-0004 6.3.3) */
	answered("C", 2001, "{\"m2m:ae\":{\"api\":\"APP01\",\"rr\":false,\"srv\":[\"3\"],\"pi\":\"id-in\",\"ri\":\"Cr1\",\"rn\":\"ae_1\",\"ty\":2,\"aei\":\"Cr1\","
			    "\"ct\":\"20261128T161925,539804\",\"et\":\"20280101T000000,542924\",\"x:y\":{\"z\":[1]}}}");
	assert_int_equal(registrar_end(&r), REGISTRAR_DONE);
	assert_string_equal(r.result.ae_id, "Cr1");
	assert_string_equal(r.result.name, "ae_1");
	assert_true(r.result.expires == 1830297600);
	answered("S12", 2001, "{\"m2m:ae\":{\"aei\":\"S12\"}}");
	assert_true(registrar_end(&r) == REGISTRAR_DONE && !r.result.expires);
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		answered(rows[i].from, rows[i].rsc, rows[i].content);
		assert_int_equal(registrar_end(&r), REGISTRAR_FAILED);
		if (registrar_failure(&r)->reason != rows[i].reason)
			fail_msg("row %zu: %s", i, prov_reason_text(registrar_failure(&r)->reason));
	}
}

static void ends(void **state)
{
	struct registrar_config c = base();

	(void)state;
	begin(&c);
	registrar_lost(&r, PROV_TIMEOUT, "no answer in time");
	assert_true(registrar_end(&r) == REGISTRAR_FAILED && registrar_failure(&r)->reason == PROV_TIMEOUT);
	begin(&c);
	registrar_feed(&r, &(struct mst_response){ .rsc = 2001 });
	assert_true(registrar_end(&r) == REGISTRAR_FAILED && registrar_failure(&r)->reason == PROV_MALFORMED);
	begin(&c);
	registrar_garbage(&r, "noise");
	assert_int_equal(registrar_end(&r), REGISTRAR_FAILED);
	registrar_garbage(&r, "more");
	registrar_lost(&r, PROV_OK, "late");
	assert_string_equal(registrar_failure(&r)->detail, "noise");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_sent), cmocka_unit_test(bad_settings), cmocka_unit_test(answers), cmocka_unit_test(ends) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("registrar", tests, NULL, NULL);
}
