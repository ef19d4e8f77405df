/* Key procedures with a MAF: TS-0003 8.8.2.7 to 8.8.2.10 (conformance list 5, spec 10). */
#include "tests/support/cm.h"

#include "base/secret.h"
#include "proto/mmaf/mmaf.h"

#define UTC 1800000000               /* 2027-01-15 */
#define KC "DhQaGtXIQHYMyN4y4YXnlPm5hIE/RuwvL9kd+DtRzzo="
#define REL "787C43AB32639663505A40C6B9BD6EB2"

static const uint8_t rel[16] = { 0x78, 0x7c, 0x43, 0xab, 0x32, 0x63, 0x96, 0x63, 0x50, 0x5a, 0x40, 0xc6, 0xb9, 0xbd, 0x6e, 0xb2 };
static const char *const b[] = { "//sp.example.com/C2" };
static const char *const many[] = { "//sp.example.com/C2", "//sp.example.com/C3", "//sp.example.com/S4" };
static const char *const labels[] = { "site:7" };

static struct mmaf m;
static struct mmaf_key_ask ask;
static mst_time expires;

static struct mmaf_config config(enum mmaf_job job)
{
	return (struct mmaf_config){ .job = job, .maf_fqdn = "maf.example.com", .base = "/MAFBase", .from = "/C1",
				     .attempt = "00112233445566778899aabbccddeeff", .admin_fqdn = "sp.example.com",
				     .expires = expires, .client_id = "//sp.example.com/C1", .key = &ask, .answer_ms = 5000 };
}

static void begin(enum mmaf_job job)
{
	struct mst_key kc = { .n = 32, .b = { 7 } };
	struct mmaf_config c = config(job);
	struct mst_diag d = { 0 };

	if (!mmaf_init(&m, &c, &d))
		fail_msg("%s: %s", d.field, d.text);
	mmaf_exported(&m, rel, &kc);
	mmaf_opened(&m, 1000, UTC);
	mmaf_sent(&m);
}

static void answer(int rsc, const char *json)
{
	struct mst_response a = { .rsc = rsc, .rqi = m.dialog.out.rqi, .rvi = MST_VIEW_LIT("3"), .content = mst_view_str(json) };

	mmaf_feed(&m, &a, 1010, UTC);
}

static void expect_view(struct mst_view v, const char *s)
{
	assert_int_equal(v.n, strlen(s));
	assert_memory_equal(v.p, s, v.n);
}

static void saef(void)
{
	ask = (struct mmaf_key_ask){ .suid = 32, .targets = b, .n_targets = 1 };
	expires = UTC + 86400;
}

#define REGISTERED(rel_, et, source, admin, suid, target)                                                          \
	"{\"sec:symmKeyReg\":{\"rn\":\"x\",\"relativeKeyID\":\"" rel_ "\",\"et\":\"" et "\",\"sourceClientID\":\"" source    \
	"\",\"adminFQDN\":\"" admin "\",\"SUID\":" suid ",\"targetIDs\":[" target "]}}"
#define GOOD REGISTERED(REL, "20270116T080000", "//SP.example.com/C1", "sp.example.com", "32", "\"//SP.example.com/C2\"")

static void test_register_by_exporter(void **state)
{
	(void)state;
	saef();
	begin(MMAF_JOB_KEY_REGISTER);
	assert_int_equal(m.dialog.out.op, MST_OP_CREATE);
	assert_int_equal(m.dialog.out.ty, MST_TY_SYMM_KEY_REG);
	expect_view(m.dialog.out.to, "/MAFBase");
	expect_view(m.dialog.out.content, "{\"sec:symmKeyReg\":{\"et\":\"20270116T080000\",\"adminFQDN\":\"sp.example.com\","
					  "\"SUID\":32,\"targetIDs\":[\"//sp.example.com/C2\"]}}");
	answer(2001, GOOD);
	assert_int_equal(mmaf_state(&m), MMAF_DONE);
	/* spec 3.3: Key Identifier = RelativeKeyID@MAF-FQDN, the psk_identity of SAEF */
	assert_string_equal(m.result.key.key_id, REL "@maf.example.com");
	assert_true(m.result.key.value.n == 32 && m.result.key.value.b[0] == 7);
	assert_true(m.result.key.until == UTC + 86400 && m.result.key.suid == 32 && !m.result.key.other_id);
	assert_string_equal(m.result.key.source, "//SP.example.com/C1");

	/* "always use the RelativeKeyID returned": another one is told */
	begin(MMAF_JOB_KEY_REGISTER);
	answer(2001, REGISTERED("77AA", "20270116T080000", "//sp.example.com/C1", "sp.example.com", "32", "\"//sp.example.com/C2\""));
	assert_int_equal(mmaf_state(&m), MMAF_DONE);
	assert_string_equal(m.result.key.key_id, "77AA@maf.example.com");
	assert_true(m.result.key.other_id);
}

static void test_register_key_value(void **state)
{
	struct mst_key own = { .n = 32 };

	(void)state;
	/* ESData: several targets, labels, a key of our own; the MAF may change that list (5.4) */
	ask = (struct mmaf_key_ask){ .suid = 34, .targets = many, .n_targets = 3, .labels = labels, .n_labels = 1, .value = &own };
	expires = UTC + 60;
	begin(MMAF_JOB_KEY_REGISTER);
	expect_view(m.dialog.out.content, "{\"sec:symmKeyReg\":{\"et\":\"20270115T080100\",\"lbl\":[\"site:7\"],\"adminFQDN\":"
					  "\"sp.example.com\",\"SUID\":34,\"targetIDs\":[\"//sp.example.com/C2\",\"//sp.example.com/C3\","
					  "\"//sp.example.com/S4\"],\"keyValue\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}}");
	answer(2001, REGISTERED("55", "20270115T080100", "//sp.example.com/C1", "sp.example.com", "34", "\"//sp.example.com/C2\""));
	assert_int_equal(mmaf_state(&m), MMAF_DONE);
	assert_true(m.result.key.value.n == 32);
	/* no trace of it stays where the request was */
	for (size_t i = 0; i < sizeof(m.dialog.content); i++)
		assert_int_equal(m.dialog.content[i], 0);
}

static void test_retrieve(void **state)
{
	(void)state;
	ask = (struct mmaf_key_ask){ .rel_key_id = REL };
	begin(MMAF_JOB_KEY_RETRIEVE);
	assert_int_equal(m.dialog.out.op, MST_OP_RETRIEVE);
	expect_view(m.dialog.out.to, "/MAFBase/" REL);
	answer(2000, "{\"sec:symmKeyReg\":{\"et\":\"20270116T080000\",\"sourceClientID\":\"//sp.example.com/C1\",\"adminFQDN\":"
		     "\"sp.example.com\",\"SUID\":32,\"keyValue\":\"" KC "\"}}");
	assert_int_equal(mmaf_state(&m), MMAF_DONE);
	assert_true(m.result.key.value.n == 32 && m.result.key.value.b[0] == 0x0e && m.result.key.value.b[31] == 0x3a);
	assert_string_equal(m.result.key.source, "//sp.example.com/C1");
	assert_string_equal(m.result.key.key_id, REL "@maf.example.com");
}

static void test_update_and_delete(void **state)
{
	(void)state;
	ask = (struct mmaf_key_ask){ .rel_key_id = REL, .targets = many, .n_targets = 2, .labels = labels, .n_labels = 1 };
	expires = 0;
	begin(MMAF_JOB_KEY_UPDATE);
	assert_int_equal(m.dialog.out.op, MST_OP_UPDATE);
	expect_view(m.dialog.out.content, "{\"sec:symmKeyReg\":{\"lbl\":[\"site:7\"],\"targetIDs\":[\"//sp.example.com/C2\","
					  "\"//sp.example.com/C3\"]}}");
	answer(2004, "{\"sec:symmKeyReg\":{\"lbl\":[\"site:7\"]}}");
	assert_int_equal(mmaf_state(&m), MMAF_DONE);
	assert_true(m.result.key.until == 0);
	ask = (struct mmaf_key_ask){ .rel_key_id = REL };
	expires = UTC + 86400;
	begin(MMAF_JOB_KEY_UPDATE);
	expect_view(m.dialog.out.content, "{\"sec:symmKeyReg\":{\"et\":\"20270116T080000\"}}");
	answer(2004, "{\"sec:symmKeyReg\":{\"et\":\"20270115T090000\"}}");
	assert_true(mmaf_state(&m) == MMAF_DONE && m.result.key.until == UTC + 3600);
	for (int rsc = 2002; rsc <= 4004; rsc += 2002) {     /* lesson 11: gone already is gone */
		begin(MMAF_JOB_KEY_DELETE);
		assert_int_equal(m.dialog.out.op, MST_OP_DELETE);
		answer(rsc, "");
		assert_int_equal(mmaf_state(&m), MMAF_DONE);
	}
}

static void test_bad_answers(void **state)
{
#define FETCHED(et, rest) "{\"sec:symmKeyReg\":{\"et\":\"" et "\",\"sourceClientID\":\"//sp.example.com/C1\",\"adminFQDN\":" \
			  "\"sp.example.com\"" rest "}}"
	static const struct {
		enum mmaf_job job;
		int rsc;
		const char *json;
		enum prov_reason reason;
		const char *word;
	} cases[] = {
		{ MMAF_JOB_KEY_REGISTER, 2001, REGISTERED(REL, "20270115T080000", "//sp.example.com/C1", "sp.example.com", "32",
							  "\"//sp.example.com/C2\""), PROV_EXPIRED, "et" },
		{ MMAF_JOB_KEY_REGISTER, 2001, REGISTERED(REL, "20270116T080000", "//sp.example.com/C9", "sp.example.com", "32",
							  "\"//sp.example.com/C2\""), PROV_MALFORMED, "sourceClientID" },
		{ MMAF_JOB_KEY_REGISTER, 2001, REGISTERED(REL, "20270116T080000", "//sp.example.com/c1", "sp.example.com", "32",
							  "\"//sp.example.com/C2\""), PROV_MALFORMED, "sourceClientID" },
		{ MMAF_JOB_KEY_REGISTER, 2001, REGISTERED(REL, "20270116T080000", "//sp.example.com/C1", "sp.example.com", "32",
							  "\"//sp.example.com/c2\""), PROV_MALFORMED, "targetIDs" },
		{ MMAF_JOB_KEY_REGISTER, 2001, REGISTERED(REL, "20270116T080000", "//sp.example.com/C1", "evil.example.com", "32",
							  "\"//sp.example.com/C2\""), PROV_MALFORMED, "adminFQDN" },
		{ MMAF_JOB_KEY_REGISTER, 2001, REGISTERED(REL, "20270116T080000", "//sp.example.com/C1", "sp.example.com", "33",
							  "\"//sp.example.com/C2\""), PROV_MALFORMED, "SUID" },
		{ MMAF_JOB_KEY_REGISTER, 2001, REGISTERED(REL, "20270116T080000", "//sp.example.com/C1", "sp.example.com", "32",
							  "\"//sp.example.com/C3\""), PROV_MALFORMED, "targetIDs" },
		{ MMAF_JOB_KEY_REGISTER, 2001, REGISTERED(REL, "20270116T080000", "//sp.example.com/C1", "sp.example.com", "32",
							  "\"//sp.example.com/C2\",\"//sp.example.com/C3\""), PROV_MALFORMED, "targetIDs" },
		{ MMAF_JOB_KEY_REGISTER, 2001, "{\"sec:symmKeyReg\":{}}", PROV_MALFORMED, "lacks" },
		{ MMAF_JOB_KEY_REGISTER, 4000, "", PROV_MALFORMED, "4000" },
		{ MMAF_JOB_KEY_REGISTER, 4004, "", PROV_UNKNOWN, "4004" },
		{ MMAF_JOB_KEY_REGISTER, 4103, "", PROV_REFUSED, "4103" },
		{ MMAF_JOB_KEY_REGISTER, 4105, "", PROV_REFUSED, "4105" },
		{ MMAF_JOB_KEY_REGISTER, 4128, "", PROV_REFUSED, "4128" },
		{ MMAF_JOB_KEY_RETRIEVE, 4004, "", PROV_UNKNOWN, "4004" },
		{ MMAF_JOB_KEY_RETRIEVE, 4103, "", PROV_REFUSED, "4103" },
		{ MMAF_JOB_KEY_RETRIEVE, 4106, "", PROV_NOT_AUTHENTICATED, "4106" },
		{ MMAF_JOB_KEY_RETRIEVE, 5000, "", PROV_BUSY, "5000" },
		{ MMAF_JOB_KEY_RETRIEVE, 2000, FETCHED("20270115T080000", ",\"SUID\":32,\"keyValue\":\"" KC "\""), PROV_EXPIRED, "et" },
		{ MMAF_JOB_KEY_RETRIEVE, 2000, FETCHED("20270116T080000", ",\"SUID\":32"), PROV_MALFORMED, "lacks" },
		{ MMAF_JOB_KEY_RETRIEVE, 2000, FETCHED("20270116T080000", ",\"keyValue\":\"" KC "\""), PROV_MALFORMED, "lacks" },
		{ MMAF_JOB_KEY_RETRIEVE, 2000, FETCHED("20270116T080000", ",\"SUID\":32,\"keyValue\":\"AAAA\""), PROV_MALFORMED, "" },
		{ MMAF_JOB_KEY_UPDATE, 2004, "{\"sec:symmKeyReg\":{}}", PROV_MALFORMED, "lacks" },
		{ MMAF_JOB_KEY_UPDATE, 2004, "{\"sec:symmKeyReg\":{\"et\":\"20270115T075959\"}}", PROV_EXPIRED, "et" },
		{ MMAF_JOB_KEY_DELETE, 4103, "", PROV_REFUSED, "4103" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		saef();
		ask.rel_key_id = REL;
		begin(cases[i].job);
		answer(cases[i].rsc, cases[i].json);
		if (mmaf_state(&m) != MMAF_FAILED || mmaf_failure(&m)->reason != cases[i].reason ||
		    !strstr(mmaf_failure(&m)->detail, cases[i].word))
			fail_msg("case %zu: %s: %s: %s", i, mmaf_state_text(mmaf_state(&m)),
				 prov_reason_text(mmaf_failure(&m)->reason), mmaf_failure(&m)->detail);
		assert_true(m.result.key.value.n == 0);
	}
}

static void test_bad_questions(void **state)
{
	static const char *const bad_target[] = { "/C2" };
	static const struct mst_key tiny = { .n = 15 };
	const struct {
		enum mmaf_job job;
		struct mmaf_key_ask ask;
		const char *field;
	} cases[] = {
		{ MMAF_JOB_KEY_REGISTER, { .suid = 31, .targets = b, .n_targets = 1 }, "suid" },
		{ MMAF_JOB_KEY_REGISTER, { .suid = 36, .targets = b, .n_targets = 1 }, "suid" },
		{ MMAF_JOB_KEY_REGISTER, { .suid = 32 }, "targets" },
		{ MMAF_JOB_KEY_REGISTER, { .suid = 33, .targets = many, .n_targets = 2 }, "targets" },
		{ MMAF_JOB_KEY_REGISTER, { .suid = 32, .targets = bad_target, .n_targets = 1 }, "targets" },
		{ MMAF_JOB_KEY_REGISTER, { .suid = 32, .targets = b, .n_targets = 1, .value = &tiny }, "value" },
		{ MMAF_JOB_KEY_RETRIEVE, { .rel_key_id = "a/b" }, "rel_key_id" },
		{ MMAF_JOB_KEY_RETRIEVE, { 0 }, "rel_key_id" },
		{ MMAF_JOB_KEY_UPDATE, { .rel_key_id = "aa" }, "key" },
	};

	(void)state;
	expires = 0;
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		struct mmaf_config c = config(cases[i].job);
		struct mst_diag d = { 0 };

		c.key = &cases[i].ask;
		assert_false(mmaf_init(&m, &c, &d));
		assert_string_equal(d.field, cases[i].field);
	}
	/* nobody exported: nothing is sent */
	saef();
	{
		struct mmaf_config c = config(MMAF_JOB_KEY_REGISTER);

		assert_true(mmaf_init(&m, &c, NULL));
		mmaf_opened(&m, 1000, UTC);
		assert_int_equal(mmaf_failure(&m)->reason, PROV_INTERNAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register_by_exporter), cmocka_unit_test(test_register_key_value), cmocka_unit_test(test_retrieve),
		cmocka_unit_test(test_update_and_delete),    cmocka_unit_test(test_bad_answers),        cmocka_unit_test(test_bad_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
