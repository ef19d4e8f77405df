/* DEV_CFG and MO_NODE at the client (TS-0003 8.3.9.8, 8.3.9.9): every way a command can be wrong has its own status. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mmef/object.h"

#define UTC 1800000000
#define ALL (UINT32_C(1) << MST_CMD_CERT_PROV | UINT32_C(1) << MST_CMD_DEV_CFG | UINT32_C(1) << MST_CMD_MO_NODE)

static struct mmef m;

static void start(enum mmef_job job, const char *last, int64_t last_status)
{
	struct mmef_config c = {
		.job = job, .mef_fqdn = "mef.example.com", .base = "/MEFBase", .from = "/C1", .attempt = "00112233445566778899aabbccddeeff",
		.reg_id = "reg-1", .classes = ALL, .port = 443, .answer_ms = 5000, .last_cmd = last, .last_status = last_status,
		.serves = { "//sp.example.com/C1", "", "urn:n:1" },
	};
	struct mst_diag d = { 0 };

	assert_true(mmef_init(&m, &c, &d));
	mmef_opened(&m, NULL, NULL, 1, UTC);
}

static void answer(int rsc, const char *json)
{
	struct mst_response a = { .rsc = rsc, .rqi = m.dialog.out.rqi, .rvi = MST_VIEW_LIT("3"), .content = mst_view_str(json),
				  .media = MST_VIEW_LIT("application/json") };

	mmef_sent(&m);
	mmef_feed(&m, &a, 2, UTC);
}

static void give(const char *id, int status, int class_id, const char *args, const char *more)
{
	char json[1024];

	snprintf(json, sizeof(json), "{\"sec:mefClientCmd\":{\"cmdID\":\"%s\",\"cmdStatusCode\":%d,\"cmdDescription\":{\"cmdClassID\":%d,"
		 "\"cmdArgs\":{%s}%s}}}", id, status, class_id, args, more);
	answer(2000, json);
}

/* The status that was reported, 0: none was. */
static int reported(void)
{
	struct mst_view c = m.dialog.out.content;
	const char *at = mmef_state(&m) == MMEF_REPORTING && c.n ? memmem(c.p, c.n, "cmdStatusCode\":", 15) : NULL;

	return at ? atoi(at + 15) : 0;
}

#define CFG(uri) "\"devCfgCmdArgs\":{\"deviceConfigURI\":\"" uri "\"}"
#define OURS CFG("128:https://mef.example.com/MEFBase/deviceConfig/sp.example.com")
#define MO(more) "\"MONodeCmdArgs\":{\"objectPath\":\"a\",\"objectTypeID\":1" more "}"
#define SUID(x) ",\"objectTypeSpecificArgs\":{\"SUID\":" x "}"

static void every_bad_command_has_its_status(void **state)
{
	static const struct { int class_id; const char *args, *more; int status; } rows[] = {
		{ 2, "\"devCfgCmdArgs\":{}", "", 42 },
		{ 2, "\"devCfgCmdArgs\":{\"deviceConfigURI\":7}", "", 42 },
		{ 2, "\"devCfgCmdArgs\":{\"deviceConfigURI\":\"128:https://mef.example.com/x\",\"y\":1}", "", 42 },
		{ 2, MO(""), "", 42 },                            /* arguments of another class */
		{ 2, OURS "," MO(""), "", 42 },                   /* a choice of one */
		{ 2, CFG("https//nothing"), "", 42 }, { 2, CFG("128:"), "", 42 }, { 2, CFG(":https://mef.example.com/x"), "", 42 },
		{ 2, CFG("300:https://mef.example.com/x"), "", 42 },
		{ 2, CFG("1:https://mef.example.com/x"), "", 43 },        /* of 12.3.2.2 none is built in */
		{ 2, CFG("3:coaps://mef.example.com/x"), "", 43 },
		{ 2, CFG("128:https://other.example.com/x"), "", 43 }, { 2, CFG("128:http://mef.example.com/x"), "", 43 },
		{ 2, CFG("128:https://mef.example.com:8443/x"), "", 43 }, { 2, CFG("128:https://mef.example.com"), "", 43 },
		{ 2, OURS, ",\"targetID\":\"//sp.example.com/C2\"", 43 }, { 2, OURS, ",\"targetID\":\"//sp.example.com/c1\"", 43 },
		{ 3, "\"MONodeCmdArgs\":{\"objectPath\":\"a\"}", "", 42 },
		{ 3, "\"MONodeCmdArgs\":{\"objectTypeID\":1}", "", 42 },
		{ 3, "\"MONodeCmdArgs\":{\"objectPath\":\"\",\"objectTypeID\":1}", "", 42 },
		{ 3, MO(",\"x\":1"), "", 42 }, { 3, OURS, "", 42 }, { 3, "", "", 42 },
		{ 3, MO(SUID("22")), ",\"targetID\":\"x\"", 43 }, { 3, MO(SUID("22")), ",\"targetID\":7", 42 },
		{ 1, MO(""), "", 42 }, { 4, MO(""), "", 41 }, { 77, "\"x\":{}", "", 41 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		start(MMEF_JOB_COMMANDS, NULL, 0);
		give("c-9", 10, rows[i].class_id, rows[i].args, rows[i].more);
		if (reported() != rows[i].status)
			fail_msg("%d {%s}%s: %d instead of %d", rows[i].class_id, rows[i].args, rows[i].more, reported(), rows[i].status);
	}
}

static void a_document_is_fetched(void **state)
{
	const struct mst_request *q = NULL;

	(void)state;
	start(MMEF_JOB_COMMANDS, NULL, 0);
	give("c-1", 10, 2, OURS, ",\"targetID\":\"//SP.Example.com/C1\"");      /* its FQDN has no case */
	assert_int_equal(mmef_state(&m), MMEF_FETCHING);
	assert_int_equal(mmef_want(&m, &q), MMEF_WANT_SEND);
	assert_int_equal(q->op, MST_OP_RETRIEVE);
	assert_true(mst_view_eq_str(q->to, "/MEFBase/deviceConfig/sp.example.com"));
	answer(2000, "{\"objects\":[]}");
	assert_int_equal(mmef_want(&m, &q), MMEF_WANT_EXECUTE);
	assert_true(mst_view_eq_str(m.result.command.document, "{\"objects\":[]}"));
	mmef_executed(&m, MST_CMD_OK, 0, 3);
	assert_int_equal(reported(), 20);
	/* there is none: the MEF's doing */
	start(MMEF_JOB_COMMANDS, NULL, 0);
	give("c-1", 10, 2, OURS, "");
	answer(4004, "");
	assert_int_equal(reported(), 201);
	start(MMEF_JOB_COMMANDS, NULL, 0);
	give("c-1", 10, 2, OURS, "");
	answer(2000, "");
	assert_int_equal(reported(), 201);
}

static void specific_arguments_are_told_apart(void **state)
{
	static const struct { const char *args; enum mmef_specific want; int64_t suid; } rows[] = {
		{ MO(""), MMEF_SPECIFIC_NONE, 0 }, { MO(SUID("22")), MMEF_SPECIFIC_GOOD, 22 }, { MO(SUID("99")), MMEF_SPECIFIC_BAD, 0 },
		{ MO(SUID("\"22\"")), MMEF_SPECIFIC_BAD, 0 }, { MO(",\"objectTypeSpecificArgs\":7"), MMEF_SPECIFIC_BAD, 0 },
		{ MO(",\"objectTypeSpecificArgs\":{}"), MMEF_SPECIFIC_BAD, 0 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		start(MMEF_JOB_COMMANDS, NULL, 0);
		give("c-1", 10, 3, rows[i].args, "");
		assert_int_equal(mmef_state(&m), MMEF_EXECUTING);
		if (m.result.command.specific != rows[i].want || m.result.command.suid != rows[i].suid)
			fail_msg("{%s}: %d", rows[i].args, m.result.command.specific);
		assert_string_equal(m.result.command.object_path, "a");
		assert_int_equal(m.result.command.object_type, 1);
	}
}

/* Rules 4 and 7, over a power cut: the result that was kept is repeated, nothing is done twice. */
static void a_kept_result_is_repeated(void **state)
{
	(void)state;
	start(MMEF_JOB_COMMANDS, "c-4", 305);
	give("c-4", 11, 3, MO(SUID("22")), "");
	assert_int_equal(reported(), 305);
	start(MMEF_JOB_COMMANDS, "c-4", 305);
	give("c-4", 10, 3, MO(SUID("22")), "");
	assert_int_equal(reported(), 40);
	/* reissued and not carried out: it is carried out */
	start(MMEF_JOB_COMMANDS, "c-3", 20);
	give("c-4", 11, 3, MO(SUID("22")), "");
	assert_int_equal(mmef_state(&m), MMEF_EXECUTING);
	mmef_executed(&m, 20, 0, 3);
	assert_int_equal(reported(), 20);
	/* while the registration is being read back, commands are not for now */
	start(MMEF_JOB_UPDATE, NULL, 0);
	answer(2004, "{\"sec:mefClientReg\":{\"et\":\"20280101T000000\"}}");
	give("c-4", 10, 3, MO(SUID("22")), "");
	assert_int_equal(mmef_state(&m), MMEF_DONE);
	assert_true(m.result.command_waits);
}

/* --- objects --- */

#define V(s) MST_VIEW_LIT(s)
#define BIT(i) (1u << (i))
static struct mst_objects tree;

static struct mst_object *add(const char *path, int64_t mgmt, uint32_t has)
{
	struct mst_object *x = &tree.object[tree.n++];

	memset(x, 0, sizeof(*x));
	x->has = has | BIT(MST_MO_PATH) | BIT(MST_MO_MGMT);
	x->path = mst_view_str(path);
	x->mgmt = mgmt;
	return x;
}

static struct mst_object *profile(const char *path, int64_t suid, uint32_t has, const char *suite)
{
	struct mst_object *x = add(path, MST_MGMT_AUTH_PROFILE, has | BIT(MST_MO_SUID) | (suite ? BIT(MST_MO_SUITES) : 0));

	x->suid = suid;
	if (suite)
		x->suites[x->n_suites++] = mst_view_str(suite);
	return x;
}

#define PSK "TLS_PSK_WITH_AES_128_CCM_8"
#define ECDSA "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"

static void fill(void)
{
	tree.n = 0;
	add("r", MST_MGMT_REGISTRATION, BIT(MST_MO_REGISTRAR))->registrar = V("//sp.example.com/IN");
	add("d", MST_MGMT_DATA_COLLECTION, BIT(MST_MO_CONTAINER))->container_path = V("//sp.example.com/IN/base/c");
	add("m", MST_MGMT_MAF_REG, BIT(MST_MO_FQDN))->fqdn = V("MAF.example.com");
	profile("r/11", 11, BIT(MST_MO_KEY_ID), PSK);
	profile("m/11", 11, BIT(MST_MO_KEY_ID), PSK);
	profile("m/11n", 11, 0, PSK);
	profile("r/12", 12, BIT(MST_MO_KEY_ID), PSK);
	profile("d/13", 13, BIT(MST_MO_KEY_ID), NULL);
	profile("m/21", 21, BIT(MST_MO_KEY_DURATION), PSK);
	add("m/21/x", MST_MGMT_MEF_REG, 0);
	profile("r/22", 22, BIT(MST_MO_KEY_DURATION), PSK);
	add("r/22/x", MST_MGMT_MEF_REG, 0);
	profile("d/23", 23, BIT(MST_MO_KEY_DURATION), NULL);
	add("d/23/x", MST_MGMT_MEF_REG, 0);
	profile("r/32", 32, BIT(MST_MO_KEY_DURATION), PSK);
	add("r/32/x", MST_MGMT_MAF_REG, 0);
	profile("r/42", 42, BIT(MST_MO_MY_CERT), ECDSA);
	add("r/42/x", MST_MGMT_TRUST_ANCHOR, 0);
	profile("r/42p", 42, BIT(MST_MO_MY_CERT), PSK);
	add("r/42p/x", MST_MGMT_TRUST_ANCHOR, 0);
	profile("r/42n", 42, BIT(MST_MO_MY_CERT), ECDSA);
	profile("r/22n", 22, BIT(MST_MO_KEY_DURATION), PSK);
}

static void every_rule_of_a_profile(void **state)
{
	static const struct { const char *path; int64_t type, suid, status; enum mmef_act act; const char *target; } rows[] = {
		{ "nothing", 1, 22, 300, 0, "" }, { "r", 1, 22, 301, 0, "" }, { "r/22", 2, 0, 301, 0, "" }, { "r/22", 9, 22, 43, 0, "" },
		{ "r/22", 1, 0, 302, 0, "" }, { "r/42/x", 2, 22, 302, 0, "" }, { "m", 3, 21, 302, 0, "" }, { "r/22", 1, 23, 303, 0, "" },
		{ "r/11", 1, 11, 304, 0, "" }, { "m/11n", 1, 11, 304, 0, "" }, { "r/42p", 1, 42, 304, 0, "" }, { "r/42n", 1, 42, 304, 0, "" },
		{ "r/22n", 1, 22, 304, 0, "" },
		{ "m/11", 1, 11, 0, MMEF_ACT_LOCAL_KEY, "" }, { "r/12", 1, 12, 0, MMEF_ACT_LOCAL_KEY, "" }, { "/d/13", 1, 13, 0, MMEF_ACT_LOCAL_KEY, "" },
		{ "m/21", 1, 21, 0, MMEF_ACT_KEY_AT_MEF, "maf.example.com" }, { "r/22", 1, 22, 0, MMEF_ACT_KEY_AT_MEF, "//sp.example.com/IN" },
		{ "d/23", 1, 23, 0, MMEF_ACT_KEY_AT_MEF, "//sp.example.com/IN" }, { "r/32", 1, 32, 0, MMEF_ACT_KEY_AT_MAF, "//sp.example.com/IN" },
		{ "r/42", 1, 42, 0, MMEF_ACT_LOCAL_CERT, "" }, { "r/42/x", 2, 0, 0, MMEF_ACT_TRUST_ANCHOR, "" }, { "m", 3, 0, 0, MMEF_ACT_MAF_REGISTER, "" },
	};

	(void)state;
	fill();
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mmef_command c = { .object_type = rows[i].type, .suid = rows[i].suid,
					  .specific = rows[i].suid ? MMEF_SPECIFIC_GOOD : MMEF_SPECIFIC_NONE };
		struct mmef_plan p;
		int64_t got;

		snprintf(c.object_path, sizeof(c.object_path), "%s", rows[i].path);
		got = mmef_judge(&tree, &c, &p);
		if (got != rows[i].status)
			fail_msg("%s: %d instead of %d", rows[i].path, (int)got, (int)rows[i].status);
		if (got) {
			assert_true(*mmef_judge_words(got));
			continue;
		}
		assert_int_equal(p.act, rows[i].act);
		assert_string_equal(p.target, rows[i].target);
	}
	/* what a profile is for lies elsewhere */
	tree.object[0].has &= ~BIT(MST_MO_REGISTRAR);
	tree.object[0].registrar = MST_VIEW_NONE;
	assert_int_equal(mmef_judge(&tree, &(struct mmef_command){ .object_type = 1, .suid = 22, .specific = MMEF_SPECIFIC_GOOD, .object_path = "r/22" },
				    &(struct mmef_plan){ 0 }), 304);
	tree.object[1].container_path = V("base/c");
	assert_int_equal(mmef_judge(&tree, &(struct mmef_command){ .object_type = 1, .suid = 23, .specific = MMEF_SPECIFIC_GOOD, .object_path = "d/23" },
				    &(struct mmef_plan){ 0 }), 304);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bad_command_has_its_status), cmocka_unit_test(a_document_is_fetched),
		cmocka_unit_test(specific_arguments_are_told_apart), cmocka_unit_test(a_kept_result_is_repeated),
		cmocka_unit_test(every_rule_of_a_profile),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
