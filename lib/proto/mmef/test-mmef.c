#include "tests/support/cm.h"

#include <stdio.h>

#include "proto/mmef/mmef.h"

#define UTC 1800000000               /* 2027-01-15 */
#define REG                                                                                                  \
	"{\"sec:mefClientReg\":{\"ty\":65001,\"ri\":\"reg-1\",\"rn\":\"reg-1\",\"pi\":\"MEFBase\",\"ct\":"   \
	"\"20270115T080000\","                                                                               \
	"\"lt\":\"20270115T080000\",\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\","            \
	"\"clientID\":\"urn:dev:ops:1-2-3\","                                                                \
	"\"ch\":[{\"nm\":\"cmd\",\"typ\":65004,\"val\":\"/MEFBase/reg-1/cmd\"}]}}"
#define NO_MORE(id)                                                                                          \
	"{\"sec:mefClientCmd\":{\"cmdID\":\"" id                                                             \
	"\",\"cmdStatusCode\":10,\"cmdDescription\":{\"cmdClassID\":0,"                                      \
	"\"cmdArgs\":{\"noMoreCmdArgs\":{\"retryDuration\":\"P1D\"}}}}}"
#define CMD(id, status, cls, args) "{\"sec:mefClientCmd\":{\"cmdID\":\"" id "\",\"cmdStatusCode\":" status \
	",\"cmdDescription\":{\"cmdClassID\":" cls ",\"cmdArgs\":" args "}}}"
#define EST                                                                                                  \
	"{\"certProvCmdArgs\":{\"certProvProtocolID\":1,\"URI\":\"https://mef.example.com/"                  \
	"est\",\"certSubjectType\":2,"                                                                       \
	"\"certSubjectID\":\"//sp.example.com/C1\"}}"
#define CFG                                                                                                  \
	"{\"sec:mefClientCfg\":{\"nodeID\":\"urn:dev:ops:1-2-3\",\"cseID\":\"//sp.example.com/C1\","         \
	"\"registrarCSEID\":\"//sp.example.com/in\",\"registrarPoA\":[\"https://"                            \
	"in.sp.example.com\"],\"mafFQDN\":\"maf.example.com\","                                              \
	"\"mafURI\":\"https://"                                                                              \
	"maf.example.com:8444\",\"subscriptionUntil\":\"20271231T000000\",\"serverTime\":"                   \
	"\"20270115T080001\","                                                                               \
	"\"anchors\":[\"MA4AAAAAAAAAAAAAAAAAAA==\"]}}"
#define KEY_(rel, et, src, admin, suid, target)                                                              \
	"{\"sec:symmKeyReg\":{\"rn\":\"x\",\"relativeKeyID\":\"" rel "\",\"et\":\"" et                       \
	"\",\"sourceClientID\":\"" src "\",\"adminFQDN\":\"" admin "\",\"SUID\":" suid                       \
	",\"targetIDs\":[\"" target "\"]}}"
#define REL "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF"
#define KEY KEY_(REL, "20270701T000000", "urn:dev:ops:1-2-3", "sp.example.com", "21", "maf.example.com")

static const uint8_t rel[16] = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
				 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf };
static struct mmef m;
static mst_ms now;
static bool able;                    /* to carry CERT_PROV out */

static void start(enum mmef_job job)
{
	struct mmef_config c = {
		.job = job,
		.mef_fqdn = "MEF.example.com",
		.base = "/MEFBase",
		.from = "urn:dev:ops:1-2-3",
		.attempt = "00112233445566778899aabbccddeeff",
		.admin_fqdn = "sp.example.com",
		.target = "maf.example.com",
		.suid = 21,
		.expires = UTC + 86400,
		.reg_id = "reg-1",
		.classes = able ? UINT32_C(1) << MST_CMD_CERT_PROV | UINT32_C(1) << MST_CMD_DEV_CFG : 0,
		.port = 443,
		.answer_ms = 5000,
	};
	struct mst_diag d = { 0 };

	now = 1000;
	assert_true(mmef_init(&m, &c, &d));
}

static void open_session(void)
{
	struct mst_key ke = { .n = MST_KEY_LEN, .b = { 7 } };

	mmef_opened(&m, rel, &ke, now, UTC);
}

static const struct mst_request *sent(void)
{
	const struct mst_request *q = NULL;

	assert_int_equal(mmef_want(&m, &q), MMEF_WANT_SEND);
	mmef_sent(&m);
	assert_int_equal(mmef_want(&m, &q), MMEF_WANT_ANSWER);
	return &m.dialog.out;
}

static void answer_with(int rsc, const char *json, int64_t retry_after)
{
	struct mst_response a = { .rsc = rsc,
				  .rqi = m.dialog.out.rqi,
				  .rvi = MST_VIEW_LIT("3"),
				  .content = mst_view_str(json),
				  .media = MST_VIEW_LIT("application/json"),
				  .retry_after = (int)retry_after };

	now += 10;
	mmef_feed(&m, &a, now, UTC);
}

static void answer(int rsc, const char *json)
{
	(void)sent();
	answer_with(rsc, json, 0);
}

/* Brings a fresh machine into `s` by the shortest honest way; the request is sent. */
static void reach(enum mmef_state s)
{
	able = s == MMEF_EXECUTING || s == MMEF_FETCHING;
	start(s == MMEF_UPDATING     ? MMEF_JOB_UPDATE
	      : able                 ? MMEF_JOB_COMMANDS
	      : s == MMEF_LEAVING    ? MMEF_JOB_LEAVE
	      : s == MMEF_CONFIRMING ? MMEF_JOB_CONFIRM
				     : MMEF_JOB_ENROL);
	if (s == MMEF_IDLE)
		return;
	open_session();
	if (s == MMEF_REGISTERING || s == MMEF_UPDATING || s == MMEF_LEAVING || s == MMEF_CONFIRMING)
		goto out;
	if (s == MMEF_FETCHING) {
		answer(2000, CMD("c-1", "10", "2", "{\"devCfgCmdArgs\":{\"deviceConfigURI\":\"128:https://mef.example.com/d\"}}"));
		able = false;
		goto out;
	}
	if (s == MMEF_EXECUTING) {
		answer(2000, CMD("c-1", "10", "1", EST));
		able = false;
		assert_int_equal(mmef_state(&m), s);
		return;
	}
	if (s == MMEF_FAILED) {
		answer(4103, "");
		return;
	}
	answer(2001, REG);
	if (s == MMEF_COMMANDING)
		goto out;
	if (s == MMEF_REPORTING) {
		answer(2000, CMD("c-1", "10", "1", EST));
		goto out;
	}
	answer(2000, NO_MORE("c-1"));
	if (s == MMEF_CONFIGURING)
		goto out;
	answer(2000, CFG);
	if (s == MMEF_KEYING)
		goto out;
	answer(2001, KEY);
out:
	assert_int_equal(mmef_state(&m), s);
	if (s != MMEF_DONE)
		(void)sent();
}

static void expect_view(struct mst_view v, const char *s)
{
	assert_int_equal(v.n, strlen(s));
	assert_memory_equal(v.p, s, v.n);
}

/* The transcript of GUIDE steps a to d: what is sent, octet by octet, and what is kept. */
static void test_enrol(void **state)
{
	const struct mst_request *q;
	const struct mmef_result *r = &m.result;

	(void)state;
	start(MMEF_JOB_ENROL);
	assert_int_equal(mmef_want(&m, &q), MMEF_WANT_SESSION);
	assert_true(mmef_deadline(&m) == MST_NEVER);
	open_session();
	q = sent();
	assert_int_equal(q->op, MST_OP_CREATE);
	assert_int_equal(q->ty, MST_TY_MEF_CLIENT_REG);
	expect_view(q->to, "/MEFBase");
	expect_view(q->from, "urn:dev:ops:1-2-3");
	expect_view(q->rvi, "3");
	expect_view(q->rqi, "00112233-1");
	expect_view(q->vsi, "attempt=00112233445566778899aabbccddeeff");
	expect_view(q->content,
		    "{\"sec:mefClientReg\":{\"et\":\"20270116T080000\",\"adminFQDN\":\"sp.example.com\"}}");
	answer_with(2001, REG, 0);
	q = sent();
	assert_int_equal(q->op, MST_OP_RETRIEVE);
	expect_view(q->to, "/MEFBase/reg-1/cmd");
	assert_int_equal(q->content.n, 0);
	answer_with(2000, NO_MORE("c-1"), 0);
	q = sent();
	expect_view(q->to, "/MEFBase/reg-1/cfg");
	answer_with(2000, CFG, 0);
	q = sent();
	assert_int_equal(q->ty, MST_TY_SYMM_KEY_REG);
	expect_view(q->rqi, "00112233-4");
	expect_view(q->content, "{\"sec:symmKeyReg\":{\"et\":\"20270116T080000\",\"adminFQDN\":\"sp.example."
				"com\",\"SUID\":21,"
				"\"targetIDs\":[\"maf.example.com\"]}}");
	answer_with(2001, KEY, 0);
	assert_int_equal(mmef_want(&m, &q), MMEF_WANT_NOTHING);
	assert_int_equal(mmef_state(&m), MMEF_DONE);
	assert_int_equal(mmef_failure(&m)->reason, PROV_OK);
	assert_string_equal(r->reg_id, "reg-1");
	assert_string_equal(r->client_id, "urn:dev:ops:1-2-3");
	assert_string_equal(r->cse_id, "//sp.example.com/C1");
	assert_string_equal(r->registrar_cse_id, "//sp.example.com/in");
	assert_int_equal(r->n_registrar_poa, 1);
	assert_string_equal(r->maf_uri, "https://maf.example.com:8444");
	assert_string_equal(r->ke_id, REL "@mef.example.com");
	assert_false(r->other_ke_id);
	assert_int_equal(r->retry_duration, 86400);
	assert_true(r->server_time == 1800000001 && r->subscription_until == 1830211200);
	assert_int_equal(r->n_anchors, 1);
	assert_int_equal(r->anchors[0].n, 16);
	assert_int_equal(mmef_ke(&m)->n, MST_KEY_LEN);
	mmef_deinit(&m);
	assert_int_equal(mmef_ke(&m)->n, 0);
}

/* 4.3.1: the MEF may change any value; 3.3: its relative key id counts. */
static void test_granted_values_count(void **state)
{
	(void)state;
	reach(MMEF_IDLE);
	open_session();
	answer(2001, "{\"sec:mefClientReg\":{\"ri\":\"r\",\"et\":\"20280101T000000\",\"adminFQDN\":\"other."
		     "example.com\",\"clientID\":\"x\"}}");
	answer(2000, NO_MORE("c-1"));
	answer(2000, CFG);
	assert_non_null(strstr((const char *)m.dialog.content, "other.example.com"));
	answer(2001,
	       KEY_("chosen-by-mef", "20270701T000000", "x", "other.example.com", "21", "MAF.example.com"));
	assert_int_equal(mmef_state(&m), MMEF_DONE);
	assert_true(m.result.other_ke_id);
	assert_string_equal(m.result.ke_id, "chosen-by-mef@mef.example.com");
	/* Lower-case hex is the same id (1.4). */
	reach(MMEF_KEYING);
	answer_with(2001,
		    KEY_("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", "20270701T000000", "//sp.example.com/C1",
			 "sp.example.com", "21", "maf.example.com"),
		    0);
	assert_int_equal(mmef_state(&m), MMEF_DONE);
	assert_false(m.result.other_ke_id);
}

/* Does the MEF still know us (4.5)? One question about our own record, which registers no key. */
static void test_confirm(void **state)
{
	const struct mst_request *q;

	(void)state;
	start(MMEF_JOB_CONFIRM);
	mmef_opened(&m, NULL, NULL, now, UTC);
	q = sent();
	assert_int_equal(q->op, MST_OP_RETRIEVE);
	expect_view(q->to, "/MEFBase/reg-1");
	assert_int_equal(q->content.n, 0);
	answer_with(2000, REG, 0);
	assert_int_equal(mmef_state(&m), MMEF_DONE);
	assert_true(m.result.reg_until == 1830297600);
}

/* Every (state, event) cell. '-' stays, 'F' fails with MALFORMED (out of turn), 'L' fails as lost, 'G' as
 * garbage, 'T' as timeout, 'R' becomes REGISTERING, 'P' REPORTING, '?' is driven by content and tested elsewhere. */
static void test_every_cell(void **state)
{
	static const char *const expect[MMEF_STATE__COUNT] = {
		/*                     OPENED ANSWER GARBAGE LOST TIMER */
		[MMEF_IDLE] = "RFFL-",      [MMEF_REGISTERING] = "F?GLT", [MMEF_COMMANDING] = "F?GLT",
		[MMEF_FETCHING] = "FPGLT",  [MMEF_EXECUTING] = "FFGL-",
		[MMEF_REPORTING] = "F?GLT", [MMEF_CONFIGURING] = "F?GLT", [MMEF_KEYING] = "F?GLT",
		[MMEF_CONFIRMING] = "F?GLT",
		[MMEF_UPDATING] = "F?GLT",  [MMEF_LEAVING] = "F?GLT",     [MMEF_DONE] = "-----",
		[MMEF_FAILED] = "-----",
	};

	(void)state;
	for (int s = 0; s < MMEF_STATE__COUNT; s++) {
		for (int ev = 0; ev < MMEF_EVENT__COUNT; ev++) {
			enum prov_reason before;

			reach((enum mmef_state)s);
			before = mmef_failure(&m)->reason;
			now += 5000;
			switch ((enum mmef_event)ev) {
			case MMEF_EV_OPENED: open_session(); break;
			case MMEF_EV_ANSWER: answer_with(4103, "", 0); break;
			case MMEF_EV_GARBAGE: mmef_garbage(&m, "no RSC", now, UTC); break;
			case MMEF_EV_LOST: mmef_lost(&m, PROV_UNTRUSTED, "wrong name", now, UTC); break;
			case MMEF_EV_TIMER: mmef_tick(&m, now, UTC); break;
			case MMEF_EVENT__COUNT: break;
			}
			switch (expect[s][ev]) {
			case '-':
				assert_int_equal(mmef_state(&m), s);
				assert_int_equal(mmef_failure(&m)->reason, before);
				continue;
			case 'R': assert_int_equal(mmef_state(&m), MMEF_REGISTERING); continue;
			case 'P': assert_int_equal(mmef_state(&m), MMEF_REPORTING); continue;
			case 'F':
			case 'G': assert_int_equal(mmef_failure(&m)->reason, PROV_MALFORMED); break;
			case 'L': assert_int_equal(mmef_failure(&m)->reason, PROV_UNTRUSTED); break;
			case 'T': assert_int_equal(mmef_failure(&m)->reason, PROV_TIMEOUT); break;
			case '?':
				assert_int_equal(mmef_failure(&m)->reason, PROV_REFUSED);
				assert_int_equal(mmef_failure(&m)->rsc, 4103);
				break;
			default: fail();
			}
			assert_int_equal(mmef_state(&m), MMEF_FAILED);
			assert_true(mmef_deadline(&m) == MST_NEVER);
			assert_true(mmef_failure(&m)->detail[0] != '\0');
			assert_int_equal(mmef_ke(&m)->n, 0);
		}
	}
}

/* Answers that end the procedure: where, with what, why, and a word of the detail. */
static void test_bad_answers(void **state)
{
	static const struct {
		enum mmef_state at;
		int rsc;
		const char *json;
		enum prov_reason reason;
		const char *word;
	} cases[] = {
		{ MMEF_REGISTERING, 2000, REG, PROV_MALFORMED, "2000" },
		{ MMEF_REGISTERING, 2001, "", PROV_MALFORMED, "understandable" },
		{ MMEF_REGISTERING, 2001, REG "x", PROV_MALFORMED, "understandable" },
		{ MMEF_REGISTERING, 2001,
		  "{\"sec:mefClientReg\":{\"ri\":\"../"
		  "x\",\"et\":\"20280101T000000\",\"adminFQDN\":\"a.example\",\"clientID\":\"x\"}}",
		  PROV_MALFORMED, "ri" },
		{ MMEF_REGISTERING, 2001,
		  "{\"sec:mefClientReg\":{\"ri\":\"..\",\"et\":\"20280101T000000\",\"adminFQDN\":\"a."
		  "example\",\"clientID\":\"x\"}}",
		  PROV_MALFORMED, "ri" },
		{ MMEF_REGISTERING, 2001,
		  "{\"sec:mefClientReg\":{\"ri\":\"r\",\"et\":\"20200101T000000\",\"adminFQDN\":\"a."
		  "example\",\"clientID\":\"x\"}}",
		  PROV_EXPIRED, "et" },
		{ MMEF_REGISTERING, 2001,
		  "{\"sec:mefClientReg\":{\"ri\":\"r\",\"et\":\"20280101T000000\",\"adminFQDN\":\"a."
		  "example\"}}",
		  PROV_MALFORMED, "clientID" },
		{ MMEF_REGISTERING, 4128, "", PROV_REFUSED, "SUBSCRIPTION" },
		{ MMEF_REGISTERING, 4106, "", PROV_NOT_AUTHENTICATED, "4106" },
		{ MMEF_REGISTERING, 4000, "", PROV_MALFORMED, "BAD_REQUEST" },
		{ MMEF_REGISTERING, 5000, "", PROV_BUSY, "5000" },
		{ MMEF_CONFIRMING, 4004, "", PROV_UNKNOWN, "NOT_FOUND" },
		{ MMEF_CONFIRMING, 4128, "", PROV_REFUSED, "4128" },
		{ MMEF_CONFIRMING, 2001, REG, PROV_MALFORMED, "2001" },
		{ MMEF_CONFIRMING, 2000, "", PROV_MALFORMED, "understandable" },
		{ MMEF_CONFIRMING, 2000,
		  "{\"sec:mefClientReg\":{\"ri\":\"reg-2\",\"et\":\"20280101T000000\"}}", PROV_MALFORMED,
		  "another registration" },
		{ MMEF_CONFIRMING, 2000, "{\"sec:mefClientReg\":{\"ri\":\"reg-1\"}}", PROV_MALFORMED, "no et" },
		{ MMEF_COMMANDING, 4004, "", PROV_UNKNOWN, "NOT_FOUND" },
		{ MMEF_CONFIGURING, 4004, "", PROV_UNKNOWN, "NOT_FOUND" },
		{ MMEF_CONFIGURING, 2000, "{\"sec:mefClientCfg\":{\"mafFQDN\":\"evil.example.com\"}}",
		  PROV_REFUSED, "another MAF" },
		{ MMEF_CONFIGURING, 2000,
		  "{\"sec:mefClientCfg\":{\"subscriptionUntil\":\"20200101T000000\"}}", PROV_EXPIRED,
		  "subscription" },
		{ MMEF_CONFIGURING, 2000, "{\"sec:mefClientCfg\":{\"serverTime\":\"yesterday\"}}",
		  PROV_MALFORMED, "serverTime" },
		/* spec 4.4.5, row by row */
		{ MMEF_KEYING, 2001,
		  KEY_(REL, "20200101T000000", "urn:dev:ops:1-2-3", "sp.example.com", "21",
		       "maf.example.com"),
		  PROV_EXPIRED, "et" },
		{ MMEF_KEYING, 2001,
		  KEY_(REL, "20270701T000000", "urn:dev:ops:9-9-9", "sp.example.com", "21",
		       "maf.example.com"),
		  PROV_MALFORMED, "sourceClientID" },
		{ MMEF_KEYING, 2001,
		  KEY_(REL, "20270701T000000", "urn:dev:ops:1-2-3", "zz.example.com", "21",
		       "maf.example.com"),
		  PROV_MALFORMED, "adminFQDN" },
		{ MMEF_KEYING, 2001,
		  KEY_(REL, "20270701T000000", "urn:dev:ops:1-2-3", "sp.example.com", "22",
		       "maf.example.com"),
		  PROV_MALFORMED, "SUID" },
		{ MMEF_KEYING, 2001,
		  KEY_(REL, "20270701T000000", "urn:dev:ops:1-2-3", "sp.example.com", "21",
		       "zaf.example.com"),
		  PROV_MALFORMED, "targetIDs" },
		{ MMEF_KEYING, 2001,
		  KEY_("a@b", "20270701T000000", "urn:dev:ops:1-2-3", "sp.example.com", "21",
		       "maf.example.com"),
		  PROV_MALFORMED, "relativeKeyID" },
		{ MMEF_KEYING, 4105, "", PROV_REFUSED, "4105" },
		{ MMEF_UPDATING, 4004, "", PROV_UNKNOWN, "4004" },
		{ MMEF_LEAVING, 4103, "", PROV_REFUSED, "4103" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		reach(cases[i].at);
		answer_with(cases[i].rsc, cases[i].json, 0);
		assert_int_equal(mmef_state(&m), MMEF_FAILED);
		if (mmef_failure(&m)->reason != cases[i].reason ||
		    !strstr(mmef_failure(&m)->detail, cases[i].word))
			fail_msg("case %zu: %s: %s", i, prov_reason_text(mmef_failure(&m)->reason),
				 mmef_failure(&m)->detail);
		assert_int_equal(mmef_failure(&m)->rsc, cases[i].rsc);
	}
}

static void test_retry_after_and_wrong_rqi(void **state)
{
	struct mst_response a = { .rsc = 2001, .rqi = MST_VIEW_LIT("other"), .content = MST_VIEW_LIT(REG) };

	(void)state;
	reach(MMEF_REGISTERING);
	answer_with(5000, "", 17);
	assert_int_equal(mmef_failure(&m)->reason, PROV_BUSY);
	assert_true(mmef_failure(&m)->retry_after == 17);
	/* Lesson 20: the peer's own words go into the reason, made harmless for a terminal. */
	reach(MMEF_REGISTERING);
	answer_with(4103, "{\"m2m:dbg\":\"subscription\\u001b[2J ended\"}", 0);
	assert_string_equal(mmef_failure(&m)->detail,
			    "the MEF answered 4103 ORIGINATOR_HAS_NO_PRIVILEGE: subscription?[2J ended");
	reach(MMEF_REGISTERING);
	mmef_feed(&m, &a, now, UTC);
	assert_int_equal(mmef_failure(&m)->reason, PROV_MALFORMED);
	/* An answer to a request that was never sent is none. */
	start(MMEF_JOB_ENROL);
	open_session();
	answer_with(2001, REG, 0);
	assert_int_equal(mmef_state(&m), MMEF_FAILED);
}

/* 7.1, client rules 3 to 7. */
static void test_commands(void **state)
{
	static const struct { const char *json, *update;
	} refused[] = {
		{ CMD("c-7", "10", "1", EST),
		  "{\"sec:mefClientCmd\":{\"cmdID\":\"c-7\",\"cmdStatusCode\":41}}" },
		{ CMD("c-7", "10", "2", "{\"devCfgCmdArgs\":{\"deviceConfigURI\":\"1:http://x.example\"}}"),
		  "{\"sec:mefClientCmd\":{\"cmdID\":\"c-7\",\"cmdStatusCode\":41}}" },
		{ CMD("c-7", "10", "3", "{\"MONodeCmdArgs\":{\"objectPath\":\"/a\",\"objectTypeID\":1}}"),
		  "{\"sec:mefClientCmd\":{\"cmdID\":\"c-7\",\"cmdStatusCode\":41}}" },
		{ CMD("c-7", "10", "77", "{\"futureArgs\":{}}"),
		  "{\"sec:mefClientCmd\":{\"cmdID\":\"c-7\",\"cmdStatusCode\":41}}" },
		{ CMD("c-7", "10", "0", "{\"noMoreCmdArgs\":{}}"),
		  "{\"sec:mefClientCmd\":{\"cmdID\":\"c-7\",\"cmdStatusCode\":42}}" },
		{ CMD("c-7", "10", "0", "{\"noMoreCmdArgs\":{\"retryDuration\":\"soon\"}}"),
		  "{\"sec:mefClientCmd\":{\"cmdID\":\"c-7\",\"cmdStatusCode\":42}}" },
		{ CMD("c-7", "10", "0", EST),
		  "{\"sec:mefClientCmd\":{\"cmdID\":\"c-7\",\"cmdStatusCode\":42}}" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(refused); i++) {
		const struct mst_request *q;

		reach(MMEF_COMMANDING);
		answer_with(2000, refused[i].json, 0);
		assert_int_equal(mmef_state(&m), MMEF_REPORTING);
		q = sent();
		assert_int_equal(q->op, MST_OP_UPDATE);
		expect_view(q->to, "/MEFBase/reg-1/cmd");
		expect_view(q->content, refused[i].update);
		answer_with(2004, NO_MORE("c-8"), 0);
		assert_int_equal(mmef_state(&m), MMEF_CONFIGURING);
		assert_int_equal(m.result.commands_refused, i < 4 ? 1 : 0);
	}
	/* Rule 4: the same cmdID as in our last Update: 40; rule 7: reissued: the result again. */
	reach(MMEF_REPORTING);
	answer_with(2004, CMD("c-1", "10", "1", EST), 0);
	expect_view(sent()->content, "{\"sec:mefClientCmd\":{\"cmdID\":\"c-1\",\"cmdStatusCode\":40}}");
	answer_with(2004, CMD("c-1", "11", "1", EST), 0);
	expect_view(sent()->content, "{\"sec:mefClientCmd\":{\"cmdID\":\"c-1\",\"cmdStatusCode\":41}}");
	assert_int_equal(m.result.commands_refused, 1);
}

static void test_unreadable_and_endless_commands(void **state)
{
	(void)state;
	/* Rule 3: asked once more, then given up. */
	reach(MMEF_COMMANDING);
	answer_with(2000, "{\"sec:mefClientCmd\":{\"cmdID\":7}}", 0);
	assert_int_equal(mmef_state(&m), MMEF_COMMANDING);
	answer(2000, "{\"sec:mefClientCmd\":{\"cmdID\":7}}");
	assert_int_equal(mmef_failure(&m)->reason, PROV_MALFORMED);
	assert_non_null(strstr(mmef_failure(&m)->detail, "twice"));
	/* A status that only a client may set is unreadable as well. */
	reach(MMEF_COMMANDING);
	answer_with(2000, CMD("c-1", "20", "1", EST), 0);
	assert_int_equal(mmef_state(&m), MMEF_COMMANDING);
	/* Lesson 7: no loop without end. */
	reach(MMEF_REPORTING);
	for (unsigned i = 0; i < MMEF_COMMANDS_MAX; i++) {
		answer_with(2004, i % 2 ? CMD("a", "10", "1", EST) : CMD("b", "10", "1", EST), 0);
		if (mmef_state(&m) == MMEF_FAILED)
			break;
		(void)sent();
	}
	assert_int_equal(mmef_state(&m), MMEF_FAILED);
	assert_non_null(strstr(mmef_failure(&m)->detail, "without end"));
}

static void test_other_jobs(void **state)
{
	(void)state;
	start(MMEF_JOB_COMMANDS);
	mmef_opened(&m, NULL, NULL, now, UTC);
	expect_view(sent()->to, "/MEFBase/reg-1/cmd");
	answer_with(2000, NO_MORE("c-1"), 0);
	assert_int_equal(mmef_state(&m), MMEF_DONE);
	reach(MMEF_UPDATING);
	assert_int_equal(m.dialog.out.op, MST_OP_UPDATE);
	expect_view(m.dialog.out.to, "/MEFBase/reg-1");
	expect_view(m.dialog.out.content, "{\"sec:mefClientReg\":{\"et\":\"20270116T080000\"}}");
	answer_with(2004, "{\"sec:mefClientReg\":{\"et\":\"20270116T080000\"}}", 0);
	assert_int_equal(mmef_state(&m), MMEF_COMMANDING);
	answer(2000, NO_MORE("c-1"));
	assert_int_equal(mmef_state(&m), MMEF_DONE);
	reach(MMEF_UPDATING);
	answer_with(2004, "{\"sec:mefClientReg\":{\"lbl\":[\"a\"]}}", 0);
	assert_int_equal(mmef_failure(&m)->reason, PROV_MALFORMED);
	/* Lesson 11: a repeated de-registration whose first answer was lost is done as well. */
	reach(MMEF_LEAVING);
	assert_int_equal(m.dialog.out.op, MST_OP_DELETE);
	answer_with(4004, "", 0);
	assert_int_equal(mmef_state(&m), MMEF_DONE);
	reach(MMEF_LEAVING);
	answer_with(2002, "", 0);
	assert_int_equal(mmef_state(&m), MMEF_DONE);
}

/* Lesson 7: a deadline in every waiting state, to the millisecond. Lesson 1: usable after any end. */
static void test_deadlines(void **state)
{
	(void)state;
	for (int s = MMEF_REGISTERING; s <= MMEF_LEAVING; s++) {
		if (s == MMEF_EXECUTING)        /* the shell's work has deadlines of its own */
			continue;
		reach((enum mmef_state)s);
		assert_true(mmef_deadline(&m) == now + 5000);
		mmef_tick(&m, now + 4999, UTC);
		assert_int_equal(mmef_state(&m), s);
		mmef_tick(&m, now + 5000, UTC);
		assert_int_equal(mmef_failure(&m)->reason, PROV_TIMEOUT);
	}
	test_enrol(NULL);
}

#define PROV(proto, uri, type, id) CMD("c-9", "10", "1", "{\"certProvCmdArgs\":{\"certProvProtocolID\":" proto ",\"URI\":\"" uri \
	"\",\"certSubjectType\":" type ",\"certSubjectID\":\"" id "\"}}")

/* TS-0003 8.3.9.7: what is checked before a CERT_PROV is carried out, and what is said of it. */
static void test_cert_prov(void **state)
{
	static const struct { const char *json; int64_t status; } rows[] = {
		{ PROV("2", "https://mef.example.com/est", "2", "//sp.example.com/C1"), 43 },
		{ PROV("1", "https://other.example.com/est", "2", "//sp.example.com/C1"), 43 },
		{ PROV("1", "http://mef.example.com/est", "2", "//sp.example.com/C1"), 43 },
		{ PROV("1", "https://mef.example.com:8443/est", "2", "//sp.example.com/C1"), 43 },
		{ PROV("1", "https://mef.example.com", "2", "//sp.example.com/C1"), 43 },
		{ PROV("1", "https://mef.example.com/est?x", "2", "//sp.example.com/C1"), 43 },
		{ PROV("1", "https://mef.example.com/est", "4", "//sp.example.com/C1"), 43 },
		{ PROV("1", "https://mef.example.com/est", "2", "urn:dev:ops:1"), 43 },
		{ PROV("1", "https://mef.example.com/est", "3", "//sp.example.com"), 43 },
		{ CMD("c-9", "10", "1", "{\"certProvCmdArgs\":{\"certProvProtocolID\":1}}"), 42 },
		{ CMD("c-9", "10", "1", "{\"noMoreCmdArgs\":{\"retryDuration\":\"P1D\"}}"), 42 },
		{ PROV("1", "https://MEF.example.com:443/est/", "2", "//sp.example.com/C1"), 0 },
		{ PROV("1", "https://mef.example.com/est", "1", "urn:dev:ops:1"), 0 },
		{ PROV("1", "https://mef.example.com/est", "3", "//sp.example.com/S1"), 0 },
	};
	const struct mst_request *q = NULL;
	char want[96];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		able = true;
		start(MMEF_JOB_COMMANDS);
		able = false;
		mmef_opened(&m, NULL, NULL, now, UTC);
		answer(2000, rows[i].json);
		if (!rows[i].status) {
			assert_int_equal(mmef_want(&m, &q), MMEF_WANT_EXECUTE);
			assert_string_equal(m.result.cert_prov.path, "/est");
			mmef_executed(&m, 20, 0, now);
		}
		snprintf(want, sizeof(want), "{\"sec:mefClientCmd\":{\"cmdID\":\"c-9\",\"cmdStatusCode\":%d}}",
			 rows[i].status ? (int)rows[i].status : 20);
		expect_view(sent()->content, want);
		answer_with(2004, NO_MORE("c-10"), 0);
		assert_int_equal(mmef_state(&m), MMEF_DONE);
	}
	/* an operator has to approve: no report, so that it is issued again */
	reach(MMEF_EXECUTING);
	mmef_executed(&m, 0, 77, now);
	assert_int_equal(mmef_state(&m), MMEF_DONE);
	assert_int_equal(m.result.retry_duration, 77);
	mmef_executed(&m, 20, 0, now);
	assert_int_equal(mmef_state(&m), MMEF_DONE);
	/* while enrolling it is left for later */
	able = true;
	start(MMEF_JOB_ENROL);
	able = false;
	open_session();
	answer(2001, REG);
	answer(2000, CMD("c-1", "11", "1", EST));
	assert_int_equal(mmef_state(&m), MMEF_CONFIGURING);
	assert_true(m.result.command_waits);
}

static void test_bad_configuration(void **state)
{
	struct mmef_config c = { .mef_fqdn = "mef.example.com",
				 .base = "/MEFBase",
				 .from = "x",
				 .attempt = "a",
				 .admin_fqdn = "sp.example.com",
				 .target = "maf.example.com" },
			   bad;
	struct mst_diag d;

	(void)state;
	bad = c, bad.mef_fqdn = "no blank.example";
	assert_false(mmef_init(&m, &bad, &d));
	assert_string_equal(d.field, "mef_fqdn");
	bad = c, bad.target = "//sp.example.com/C1";
	assert_false(mmef_init(&m, &bad, &d));
	assert_string_equal(d.field, "target");
	bad = c, bad.job = MMEF_JOB_LEAVE, bad.reg_id = "a/b";
	assert_false(mmef_init(&m, &bad, &d));
	assert_string_equal(d.field, "reg_id");
	bad = c, bad.base = "MEFBase";
	assert_false(mmef_init(&m, &bad, &d));
	assert_string_equal(d.field, "base");
	/* An enrolment without a key from the session never sends anything. */
	assert_true(mmef_init(&m, &c, &d));
	mmef_opened(&m, rel, NULL, 0, UTC);
	assert_int_equal(mmef_failure(&m)->reason, PROV_INTERNAL);
}

/* The FQDN in a CSE-ID has no case, the rest of it has (spec 1.3); an M2M-Node-ID is taken as it is. */
static void test_own_name_in_another_spelling(void **state)
{
	static const struct { const char *json; enum mmef_state end; } cases[] = {
		{ KEY_(REL, "20270701T000000", "//sp.example.com/C1", "sp.example.com", "21", "maf.example.com"), MMEF_DONE },
		{ KEY_(REL, "20270701T000000", "//SP.Example.com/C1", "sp.example.com", "21", "maf.example.com"), MMEF_DONE },
		{ KEY_(REL, "20270701T000000", "//sp.example.com/c1", "sp.example.com", "21", "maf.example.com"), MMEF_FAILED },
		{ KEY_(REL, "20270701T000000", "urn:dev:OPS:1-2-3", "sp.example.com", "21", "maf.example.com"), MMEF_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		reach(MMEF_KEYING);
		answer_with(2001, cases[i].json, 0);
		if (mmef_state(&m) != cases[i].end)
			fail_msg("%s", cases[i].json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enrol),
		cmocka_unit_test(test_own_name_in_another_spelling),
		cmocka_unit_test(test_cert_prov),
		cmocka_unit_test(test_confirm),
		cmocka_unit_test(test_granted_values_count),
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_retry_after_and_wrong_rqi),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_unreadable_and_endless_commands),
		cmocka_unit_test(test_other_jobs),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_bad_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
