#include <stdio.h>

#include "tests/support/cm.h"

#include "proto/mmaf/mmaf.h"

#define UTC 1800000000               /* 2027-01-15 */
#define REG_(ri, et, rest)                                                                                   \
	"{\"sec:mafClientReg\":{\"ri\":\"" ri "\",\"et\":\"" et "\",\"adminFQDN\":\"sp.example.com\","       \
	"\"clientID\":\"//sp.example.com/C1\"" rest "}}"
#define KMID(x) ",\"assignedSymmKeyID\":\"" x "\""
#define REG REG_("r7", "20280101T000000", KMID("0123abcd@maf.example.com"))

static struct mmaf m;
static mst_ms now;

static const char *const targets[] = { "//sp.example.com/C2" };
static const struct mmaf_key_ask key_ask = { .rel_key_id = "0A", .suid = 32, .targets = targets, .n_targets = 1 };
static const uint8_t rel[16] = { 0xaa, 0xbb };

static void start(enum mmaf_job job)
{
	struct mmaf_config c = {
		.job = job,
		.maf_fqdn = "maf.example.com",
		.base = "/MAFBase",
		.from = "/C1",
		.attempt = "00112233445566778899aabbccddeeff",
		.admin_fqdn = "sp.example.com",
		.expires = UTC + 86400,
		.reg_id = "r7",
		.client_id = "//sp.example.com/C1",
		.key = &key_ask,
		.answer_ms = 5000,
	};
	struct mst_diag d = { 0 };
	struct mst_key kc = { .n = 32 };

	now = 1000;
	assert_true(mmaf_init(&m, &c, &d));
	mmaf_exported(&m, rel, &kc);         /* counts for KEY_REGISTER alone */
}

static const struct mst_request *sent(void)
{
	const struct mst_request *q = NULL;

	assert_int_equal(mmaf_want(&m, &q), MMAF_WANT_SEND);
	mmaf_sent(&m);
	assert_int_equal(mmaf_want(&m, &q), MMAF_WANT_ANSWER);
	return &m.dialog.out;
}

static void answer(int rsc, const char *json)
{
	struct mst_response a = {
		.rsc = rsc, .rqi = m.dialog.out.rqi, .rvi = MST_VIEW_LIT("3"), .content = mst_view_str(json)
	};

	now += 10;
	mmaf_feed(&m, &a, now, UTC);
}

static void reach(enum mmaf_state s)
{
	static const enum mmaf_job job[MMAF_STATE__COUNT] = {
		[MMAF_CONFIRMING] = MMAF_JOB_CONFIRM,           [MMAF_UPDATING] = MMAF_JOB_UPDATE,
		[MMAF_LEAVING] = MMAF_JOB_LEAVE,                [MMAF_CONFIGURING] = MMAF_JOB_CONFIG,
		[MMAF_KEY_REGISTERING] = MMAF_JOB_KEY_REGISTER, [MMAF_KEY_RETRIEVING] = MMAF_JOB_KEY_RETRIEVE,
		[MMAF_KEY_UPDATING] = MMAF_JOB_KEY_UPDATE,      [MMAF_KEY_DELETING] = MMAF_JOB_KEY_DELETE,
	};

	start(job[s]);
	if (s == MMAF_IDLE)
		return;
	mmaf_opened(&m, now, UTC);
	(void)sent();
	if (s == MMAF_DONE)
		answer(2001, REG);
	if (s == MMAF_FAILED)
		answer(4103, "");
	assert_int_equal(mmaf_state(&m), s);
}

static void expect_view(struct mst_view v, const char *s)
{
	assert_int_equal(v.n, strlen(s));
	assert_memory_equal(v.p, s, v.n);
}

static void test_transcripts(void **state)
{
	const struct mst_request *q;

	(void)state;
	start(MMAF_JOB_REGISTER);
	assert_int_equal(mmaf_want(&m, &q), MMAF_WANT_SESSION);
	mmaf_opened(&m, now, UTC);
	q = sent();
	assert_int_equal(q->op, MST_OP_CREATE);
	assert_int_equal(q->ty, MST_TY_MAF_CLIENT_REG);
	expect_view(q->to, "/MAFBase");
	expect_view(q->from, "/C1");
	expect_view(q->content,
		    "{\"sec:mafClientReg\":{\"et\":\"20270116T080000\",\"adminFQDN\":\"sp.example.com\"}}");
	answer(2001, REG);
	assert_int_equal(mmaf_state(&m), MMAF_DONE);
	assert_string_equal(m.result.km_id, "0123abcd@maf.example.com");
	assert_string_equal(m.result.reg_id, "r7");
	assert_string_equal(m.result.client_id, "//sp.example.com/C1");
	assert_true(m.result.reg_until == 1830297600);

	reach(MMAF_CONFIRMING);
	assert_int_equal(m.dialog.out.op, MST_OP_RETRIEVE);
	expect_view(m.dialog.out.to, "/MAFBase/r7");
	answer(2000, REG_("r7", "20280101T000000", ""));
	assert_int_equal(mmaf_state(&m), MMAF_DONE);

	/* 5.2: an update may move the client to a new KmID. */
	reach(MMAF_UPDATING);
	expect_view(m.dialog.out.content, "{\"sec:mafClientReg\":{\"et\":\"20270116T080000\"}}");
	answer(2004, "{\"sec:mafClientReg\":{\"et\":\"20270116T080000\"" KMID("new@maf.example.com") "}}");
	assert_int_equal(mmaf_state(&m), MMAF_DONE);
	assert_string_equal(m.result.km_id, "new@maf.example.com");

	/* Lesson 11: gone already is gone. */
	reach(MMAF_LEAVING);
	assert_int_equal(m.dialog.out.op, MST_OP_DELETE);
	answer(2002, "");
	assert_int_equal(mmaf_state(&m), MMAF_DONE);
	reach(MMAF_LEAVING);
	answer(4004, "");
	assert_int_equal(mmaf_state(&m), MMAF_DONE);
}

/* '-' stays, 'F' out of turn, 'G' garbage, 'L' lost, 'T' timeout, 'R' registering, '?' by content. */
static void test_every_cell(void **state)
{
	static const char *const expect[MMAF_STATE__COUNT] = {
		[MMAF_IDLE] = "RFFL-",     [MMAF_REGISTERING] = "F?GLT", [MMAF_CONFIRMING] = "F?GLT",
		[MMAF_UPDATING] = "F?GLT", [MMAF_LEAVING] = "F?GLT",     [MMAF_DONE] = "-----",
		[MMAF_FAILED] = "-----",   [MMAF_CONFIGURING] = "F?GLT", [MMAF_KEY_REGISTERING] = "F?GLT",
		[MMAF_KEY_RETRIEVING] = "F?GLT", [MMAF_KEY_UPDATING] = "F?GLT", [MMAF_KEY_DELETING] = "F?GLT",
	};

	(void)state;
	for (int s = 0; s < MMAF_STATE__COUNT; s++) {
		for (int ev = 0; ev < MMAF_EVENT__COUNT; ev++) {
			enum prov_reason before, want = PROV_MALFORMED;

			reach((enum mmaf_state)s);
			before = mmaf_failure(&m)->reason;
			now += 5000;
			switch ((enum mmaf_event)ev) {
			case MMAF_EV_OPENED: mmaf_opened(&m, now, UTC); break;
			case MMAF_EV_ANSWER: answer(4103, ""); break;
			case MMAF_EV_GARBAGE: mmaf_garbage(&m, "no RSC", now, UTC); break;
			case MMAF_EV_LOST: mmaf_lost(&m, PROV_OK, "closed", now, UTC); break;
			case MMAF_EV_TIMER: mmaf_tick(&m, now, UTC); break;
			case MMAF_EVENT__COUNT: break;
			}
			if (expect[s][ev] == '-') {
				assert_int_equal(mmaf_state(&m), s);
				assert_int_equal(mmaf_failure(&m)->reason, before);
				continue;
			}
			if (expect[s][ev] == 'R') {
				assert_int_equal(mmaf_state(&m), MMAF_REGISTERING);
				continue;
			}
			if (expect[s][ev] == 'L')
				want = PROV_UNREACHABLE;     /* no reason given: the connection is gone */
			else if (expect[s][ev] == 'T')
				want = PROV_TIMEOUT;
			else if (expect[s][ev] == '?')
				want = PROV_REFUSED;
			assert_int_equal(mmaf_state(&m), MMAF_FAILED);
			assert_int_equal(mmaf_failure(&m)->reason, want);
			assert_true(mmaf_failure(&m)->detail[0] != '\0');
			assert_true(mmaf_deadline(&m) == MST_NEVER);
		}
	}
}

static void test_bad_answers(void **state)
{
	static const struct {
		enum mmaf_state at;
		int rsc;
		const char *json;
		enum prov_reason reason;
		const char *word;
	} cases[] = {
		{ MMAF_REGISTERING, 2001, "", PROV_MALFORMED, "understandable" },
		{ MMAF_REGISTERING, 2001, "[]", PROV_MALFORMED, "understandable" },
		{ MMAF_REGISTERING, 2001, REG_("r7", "20280101T000000", ""), PROV_MALFORMED, "KmID" },
		{ MMAF_REGISTERING, 2001, REG_("r7", "20280101T000000", KMID("x@evil.example.com")),
		  PROV_MALFORMED, "KmID" },
		{ MMAF_REGISTERING, 2001, REG_("r7", "20200101T000000", KMID("x@maf.example.com")),
		  PROV_EXPIRED, "et" },
		{ MMAF_REGISTERING, 2001, REG_("a/b", "20280101T000000", KMID("x@maf.example.com")),
		  PROV_MALFORMED, "ri" },
		{ MMAF_REGISTERING, 2001,
		  "{\"sec:mafClientReg\":{\"adminFQDN\":\"sp.example.com\"" KMID("x@maf.example.com") "}}",
		  PROV_MALFORMED, "ri" },
		{ MMAF_REGISTERING, 4106, "", PROV_NOT_AUTHENTICATED, "4106" },
		{ MMAF_REGISTERING, 4117, "", PROV_REFUSED, "4117" },
		{ MMAF_CONFIRMING, 4004, "", PROV_UNKNOWN, "NOT_FOUND" },
		{ MMAF_CONFIRMING, 2000, REG_("r8", "20280101T000000", ""), PROV_MALFORMED,
		  "another registration" },
		{ MMAF_CONFIRMING, 2001, REG, PROV_MALFORMED, "2001" },
		{ MMAF_CONFIRMING, 5000, "", PROV_BUSY, "5000" },
		{ MMAF_UPDATING, 2004, "{\"sec:mafClientReg\":{\"lbl\":[\"a\"]}}", PROV_MALFORMED, "et" },
		{ MMAF_LEAVING, 4103, "", PROV_REFUSED, "4103" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		reach(cases[i].at);
		answer(cases[i].rsc, cases[i].json);
		assert_int_equal(mmaf_state(&m), MMAF_FAILED);
		if (mmaf_failure(&m)->reason != cases[i].reason ||
		    !strstr(mmaf_failure(&m)->detail, cases[i].word))
			fail_msg("case %zu: %s: %s", i, prov_reason_text(mmaf_failure(&m)->reason),
				 mmaf_failure(&m)->detail);
	}
}

/* 5.2: in a session by KmID a registration need not assign one. */
static void test_registration_by_kmid(void **state)
{
	struct mmaf_config c = { .job = MMAF_JOB_REGISTER, .maf_fqdn = "maf.example.com", .base = "/MAFBase", .from = "/C1",
				 .admin_fqdn = "sp.example.com", .expires = UTC + 60, .with_km = true, .answer_ms = 5000 };

	(void)state;
	assert_true(mmaf_init(&m, &c, NULL));
	mmaf_opened(&m, now, UTC);
	(void)sent();
	answer(2001, REG_("r9", "20280101T000000", ""));
	assert_int_equal(mmaf_state(&m), MMAF_DONE);
	assert_string_equal(m.result.reg_id, "r9");
	assert_string_equal(m.result.km_id, "");
}

/* TS-0003 8.3.2.3: with GBA KmID is the B-TID, said or not; any other is a mistake. */
static void test_registration_by_btid(void **state)
{
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.example"
	struct mmaf_config c = { .job = MMAF_JOB_REGISTER, .maf_fqdn = "maf.example.com", .base = "/MAFBase", .from = "/C1",
				 .admin_fqdn = "sp.example.com", .expires = UTC + 60, .btid = BTID, .answer_ms = 5000 };
	static const struct { const char *km; bool good; } said[] = {
		{ "", true }, { KMID(BTID), true }, { KMID("i1U8vpY3qJ0hiuZNrke/NQ==@bsf.example"), false },
		{ KMID("0123abcd@maf.example.com"), false },
	};
	struct mst_diag d = { 0 };
	char json[512];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(said); i++) {
		assert_true(mmaf_init(&m, &c, &d));
		mmaf_opened(&m, now, UTC);
		(void)sent();
		snprintf(json, sizeof(json), REG_("r9", "20280101T000000", "%s"), said[i].km);
		answer(2001, json);
		assert_int_equal(mmaf_state(&m), said[i].good ? MMAF_DONE : MMAF_FAILED);
		if (said[i].good)
			assert_string_equal(m.result.km_id, BTID);
	}
	c.btid = "no B-TID";
	assert_false(mmaf_init(&m, &c, &d));
	assert_string_equal(d.field, "btid");
}

/* 4.3.2 for the MAF. */
static void test_configuration(void **state)
{
	(void)state;
	reach(MMAF_CONFIGURING);
	assert_int_equal(m.dialog.out.op, MST_OP_RETRIEVE);
	expect_view(m.dialog.out.to, "/MAFBase/r7/cfg");
	answer(2000, "{\"sec:mafClientCfg\":{\"serverTime\":\"20270115T080000\",\"registrarCSEID\":\"//sp.example.com/IN\"}}");
	assert_int_equal(mmaf_state(&m), MMAF_DONE);
	assert_true(m.result.server_time == UTC);
	assert_string_equal(m.result.registrar_cse_id, "//sp.example.com/IN");
	reach(MMAF_CONFIGURING);
	answer(2000, "{}");
	assert_int_equal(mmaf_failure(&m)->reason, PROV_MALFORMED);
}

static void test_bad_configuration(void **state)
{
	struct mmaf_config c = { .maf_fqdn = "maf.example.com",
				 .base = "/MAFBase",
				 .from = "/C1",
				 .attempt = "a",
				 .admin_fqdn = "sp.example.com",
				 .reg_id = "r" },
			   bad;
	struct mst_diag d;

	(void)state;
	bad = c, bad.maf_fqdn = "-";
	assert_false(mmaf_init(&m, &bad, &d));
	assert_string_equal(d.field, "maf_fqdn");
	bad = c, bad.admin_fqdn = "";
	assert_false(mmaf_init(&m, &bad, &d));
	assert_string_equal(d.field, "admin_fqdn");
	bad = c, bad.job = MMAF_JOB_CONFIRM, bad.reg_id = NULL;
	assert_false(mmaf_init(&m, &bad, &d));
	assert_string_equal(d.field, "reg_id");
	bad = c, bad.base = "";
	assert_false(mmaf_init(&m, &bad, &d));
	assert_string_equal(d.field, "base");
	/* Lesson 1: usable after any of these. */
	test_transcripts(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transcripts),
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_registration_by_kmid), cmocka_unit_test(test_registration_by_btid),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_bad_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
