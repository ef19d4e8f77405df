/*
 * The agent when its credential is not taken: who says so, and what follows from it (architecture 3.2.7, 6.2;
 * lessons 2, 4, 5, 6).
 */
#include "agent/test-run.h"

#include <signal.h>
#include <stdio.h>

#include "base/text.h"

/* Lessons 5 and 6: unreachable and busy leave the credential alone; "not found" leads back to bootstrap. */
static void test_credential_lost(void **state)
{
	const char *conf = mock_config(m, "l", mock_instruction(m), "check_every = \"1s\";\n");
	pid_t pid;

	(void)state;
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "result=good");
	m->maf_forgets = MST_RSC_INTERNAL;
	serve_until(pid, "result=\"busy");
	assert_int_equal(m->n_keys, 1);
	m->maf_forgets = MST_RSC_NOT_FOUND;
	serve_until(pid, "credential-lost");
	m->maf_forgets = 0;
	serve_until(pid, "key=km-1@");
	expect_clean_stop(pid);
	expect_enrolled(conf);
}

#define UNKNOWN_PSK_IDENTITY 115
#define HANDSHAKE_FAILURE 40
#define IMPATIENT "check_every = \"1s\";\nbackoff_first = \"1s\";\nbackoff_max = \"2s\";\n"

/*
 * Architecture 6.2, lessons 2, 5, 6: what comes before the handshake's end is proven by nobody. However many
 * alerts somebody on the path forges, an enrolled node only asks the MEF, which it can authenticate, and only the
 * MEF's word sends it back to bootstrap.
 */
static void test_forged_alerts_start_no_bootstrap(void **state)
{
	const char *conf = mock_config(m, "forged", mock_instruction(m), IMPATIENT);
	unsigned before;
	json_t *s;
	pid_t pid;

	(void)state;
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "result=good");
	mock_forge(m, UNKNOWN_PSK_IDENTITY);
	serve_until_times(pid, "asked-mef result=known", 2);
	mock_forge(m, HANDSHAKE_FAILURE);
	serve_until_times(pid, "asked-mef result=known", 4);
	assert_true(m->forged >= 3 && m->asked >= 4);
	/* The MEF is away: nothing changes (lesson 2). It is busy: that says nothing either. */
	mock_mef_down(m);
	serve_until_times(pid, "asked-mef result=unclear", 2);
	mock_mef_up(m);
	m->mef_forgets = MST_RSC_INTERNAL;
	serve_until_times(pid, "asked-mef result=unclear", 4);
	/* It refuses for now, which is not "unknown" (lesson 6). */
	m->mef_forgets = MST_RSC_SUBSCRIPTION_NOT_ESTABLISHED;
	serve_until_times(pid, "asked-mef result=refused", 2);
	assert_int_equal(said("credential-lost"), 0);
	assert_int_equal(m->n_keys, 1);
	s = status_beside(conf);
	assert_string_equal(json_string_value(json_object_get(s, "state")), "enrolled");
	assert_string_equal(text(s, "credential", "keyID"), "km-0@maf.example.com");
	assert_non_null(strstr(json_string_value(json_object_get(s, "lastCheck")), "the MEF"));
	json_decref(s);
	/* The MAF itself again: the credential is as good as ever, and counting begins anew. */
	before = said("result=good");
	mock_honest(m);
	m->mef_forgets = 0;
	serve_until_times(pid, "result=good", before + 1);
	/* The MEF, authenticated, does not know the node: now it is lost, and a new one is obtained. */
	mock_forge(m, UNKNOWN_PSK_IDENTITY);
	m->mef_forgets = MST_RSC_NOT_FOUND;
	serve_until(pid, "asked-mef result=lost");
	serve_until(pid, "credential-lost");
	serve_until(pid, "instruction-failed");
	s = status_beside(conf);
	assert_string_equal(text(s, "credential", "keyID"), "km-0@maf.example.com");     /* lesson 4 */
	json_decref(s);
	mock_honest(m);
	serve_until_times(pid, " enrolled key=", 2);
	expect_clean_stop(pid);
	assert_int_equal(said("credential-lost"), 1);
	expect_enrolled(conf);
}

/* Revoked is a clear answer, too (lesson 5): the MEF has the node no more, whatever it calls it. */
static void test_revoked_at_the_mef(void **state)
{
	const char *conf = mock_config(m, "revoked", mock_instruction(m), IMPATIENT);
	pid_t pid;

	(void)state;
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "result=good");
	mock_forge(m, UNKNOWN_PSK_IDENTITY);
	m->mef_forgets = MST_RSC_NO_PRIVILEGE;
	serve_until(pid, "asked-mef result=lost");
	serve_until(pid, "credential-lost");
	mock_honest(m);
	serve_until_times(pid, " enrolled key=", 2);
	expect_clean_stop(pid);
}

/* The MEF is asked under the trust of the instruction that led to the credential, also after a restart and
 * without that instruction's file; the configured anchors would not do. */
static void test_asks_under_the_instructions_own_trust(void **state)
{
	const char *conf = mock_config(m, "own", mock_instruction_anchored(m), IMPATIENT "anchors = \"other.pem\";\n");
	char path[192];
	pid_t pid;

	(void)state;
	expect_exit(run(conf, "run", "--once"), 0);
	snprintf(path, sizeof(path), "%s/own.json", m->dir);
	assert_int_equal(unlink(path), 0);
	mock_forge(m, UNKNOWN_PSK_IDENTITY);
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "asked-mef result=known");
	assert_int_equal(said("result=unclear"), 0);
	expect_clean_stop(pid);
	assert_int_equal(m->n_keys, 1);
}

/* Known at the MEF and refused by the MAF for too long: the node enrols again, and the old slot survives until
 * the new credential has been used (lesson 4). */
static void test_refused_for_too_long(void **state)
{
	const char *conf = mock_config(m, "long", mock_instruction(m), IMPATIENT "reenrol_after = \"5s\";\n");
	json_t *s;
	pid_t pid;

	(void)state;
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "result=good");
	mock_forge(m, UNKNOWN_PSK_IDENTITY);
	mock_mef_down(m);
	/* Long enough by the clock, but nobody who can be believed has said anything. */
	serve_until_times(pid, "asked-mef result=unclear", 5);
	assert_int_equal(said("re-enrolment"), 0);
	mock_mef_up(m);
	serve_until(pid, "re-enrolment");
	assert_true(m->asked > 0);
	serve_until(pid, "instruction-failed");
	s = status_beside(conf);
	assert_string_equal(text(s, "credential", "keyID"), "km-0@maf.example.com");
	json_decref(s);
	expect_clean_stop(pid);
	mock_honest(m);
	expect_exit(run(conf, "run", "--once"), 0);
}

/* Architecture 6.2 for the slot that is being obtained: a forged alert does not take it away. */
static void test_forged_alert_leaves_the_pending_slot(void **state)
{
	const char *conf = mock_config(m, "half", mock_instruction(m), "");
	json_t *s;

	(void)state;
	mock_forge(m, UNKNOWN_PSK_IDENTITY);
	expect_exit(run(conf, "run", "--once"), 1);
	mock_mef_down(m);
	expect_exit(run(conf, "run", "--once"), 1);
	s = status_of(conf);
	assert_true(json_is_object(json_object_get(s, "pending")));
	json_decref(s);
	mock_honest(m);
	expect_exit(run(conf, "run", "--once"), 0);
	mock_mef_up(m);
	expect_enrolled(conf);
	assert_int_equal(m->n_keys, 1);
}

static void expect_verdict(const char *conf, int code, const char *result)
{
	char *keep = strdup(err_path);
	json_t *v;

	snprintf(err_path, sizeof(err_path), "%s/err2", m->dir);
	expect_exit(run(conf, "check", "--json"), code);
	v = json_load_file(out_path, 0, NULL);
	assert_non_null(v);
	assert_string_equal(json_string_value(json_object_get(v, "result")), result);
	json_decref(v);
	snprintf(err_path, sizeof(err_path), "%s", keep);
	free(keep);
}

/* Lesson 6: good, lost and unreachable are three answers; asking changes nothing, whatever the answer. */
static void test_check(void **state)
{
	const char *conf = mock_config(m, "k", mock_instruction(m), "");
	pid_t pid;

	(void)state;
	expect_verdict(conf, 1, "none");
	expect_exit(run(conf, "run", "--once"), 0);
	for (int running = 0; running < 2; running++) {
		pid = running ? start_agent(conf, "run", NULL) : 0;
		if (running)
			serve_until(pid, "enrolled-already");
		expect_verdict(conf, 0, "good");
		for (int i = 0; i < 4; i++) {
			m->maf_forgets = MST_RSC_NOT_FOUND;
			expect_verdict(conf, 1, "lost");
		}
		m->maf_forgets = 0;
		/* An alert is nobody's word: the MEF is asked. */
		mock_forge(m, UNKNOWN_PSK_IDENTITY);
		expect_verdict(conf, 1, "refused");
		m->mef_forgets = MST_RSC_NOT_FOUND;
		for (int i = 0; i < 4; i++)
			expect_verdict(conf, 1, "lost");
		m->mef_forgets = 0;
		mock_mef_down(m);
		expect_verdict(conf, 1, "unclear");
		mock_mef_up(m);
		mock_honest(m);
		mock_down(m);
		expect_verdict(conf, 1, "unclear");
		mock_up(m);
		expect_verdict(conf, 0, "good");
		if (running)
			expect_clean_stop(pid);
		assert_int_equal(m->n_keys, 1);
		expect_enrolled(conf);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_credential_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged_alerts_start_no_bootstrap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_revoked_at_the_mef, setup, teardown),
		cmocka_unit_test_setup_teardown(test_asks_under_the_instructions_own_trust, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_for_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged_alert_leaves_the_pending_slot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_check, setup, teardown),
	};

	if (argc < 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
