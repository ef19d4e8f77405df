/*
 * Client registrations that end before the key does: prolonged at the MEF and at the MAF by an update, without a new key; where that is
 * refused the node enrols anew, and where nobody answers it tries again (TS-0003 8.3.5.2.5, 8.8.2.5; lessons 5, 6).
 *
 * Nobody waits for an end here: between two runs the test writes into the agent's slot that it is near.
 */
#include "agent/test-run.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

enum { MEF = 1, MAF = 2 };

/* The registrations with those have `left` seconds left of a life of `left` + 1000. */
static void near_the_end(const char *name, int which, int left)
{
	const struct mst_reg_term t = { time(NULL) - 1000, time(NULL) + left };
	struct mst_root_cred c = slot_of(name);

	if (which & MEF)
		c.mef_reg = t;
	if (which & MAF)
		c.maf_reg = t;
	slot_put(name, &c);
}

static const char *end_of(const json_t *s, const char *name)
{
	const char *t = json_string_value(json_object_get(json_object_get(json_object_get(s, "credential"), "ends"), name));

	return t ? t : "";
}

static void each_end_is_kept_and_told(void **state)
{
	const char *conf = mock_config(m, "k", mock_instruction(m), "");
	json_t *s;

	(void)state;
	expect_exit(run(conf, "run", "--once"), 0);
	s = status_of(conf);
	assert_string_equal(end_of(s, "key"), "20990101T000000");
	assert_string_equal(end_of(s, "mefRegistration"), "20991231T000000");
	assert_string_equal(end_of(s, "mafRegistration"), "20980101T000000");
	assert_string_equal(text(s, "credential", "notAfter"), "20980101T000000");   /* the earliest */
	json_decref(s);
}

static void prolonged_at_both(void **state)
{
	const char *conf = mock_config(m, "p", mock_instruction(m), "");
	struct mst_root_cred before, after;
	json_t *s;
	pid_t pid;

	(void)state;
	expect_exit(run(conf, "run", "--once"), 0);
	near_the_end("p", MEF | MAF, 100);
	before = slot_of("p");
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "registration-renewed at=mef");
	serve_until(pid, "registration-renewed at=maf");
	s = status_beside(conf);
	assert_string_equal(json_string_value(json_object_get(s, "state")), "enrolled");
	assert_string_equal(end_of(s, "mefRegistration"), "20980601T000000");
	assert_string_equal(end_of(s, "mafRegistration"), "20980601T000000");
	json_decref(s);
	expect_clean_stop(pid);
	after = slot_of("p");
	/* neither an enrolment nor a new key */
	assert_true(m->n_keys == 1 && mst_ct_equal(mst_key_view(&before.key), mst_key_view(&after.key)));
	assert_true(after.not_after == before.not_after && after.generation == before.generation + 2);
	assert_string_equal(after.key_id, before.key_id);
	/* once is enough: it knows that over a restart */
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "enrolled-already");
	expect_clean_stop(pid);
	assert_true(m->updates[0] == 1 && m->updates[1] == 1);
	mst_root_cred_wipe(&before);
	mst_root_cred_wipe(&after);
}

static void refused(void **state)
{
	static const int how[][2] = { { MST_RSC_NO_PRIVILEGE, 0 }, { 0, MST_RSC_NOT_FOUND }, { 0, 1 /* no later end */ } };
	char name[] = "r0", key[32];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(how); i++) {
		const char *conf;
		pid_t pid;

		name[1] = (char)('0' + i);
		conf = mock_config(m, name, mock_instruction(m), "");
		expect_exit(run(conf, "run", "--once"), 0);
		near_the_end(name, how[i][0] ? MEF : MAF, 100);
		m->update_refused[0] = how[i][0];
		m->update_refused[1] = how[i][1] == 1 ? 0 : how[i][1];
		m->update_seconds = how[i][1] == 1 ? 90 : 0;
		pid = start_agent(conf, "run", NULL);
		serve_until(pid, "enrolling anew");
		serve_until(pid, "by=renewal");
		snprintf(key, sizeof(key), "key=km-%zu@", 2 * i + 1);
		serve_until(pid, key);
		expect_clean_stop(pid);
		expect_enrolled(conf);
		assert_int_equal(m->n_keys, 2 * (i + 1));
	}
}

/* Nobody's word is no refusal: the network away, a server that is busy. It goes on with what it has, and tries again. */
static void unreachable(void **state)
{
	const char *conf = mock_config(m, "u", mock_instruction(m), "open_timeout = \"2s\";\n");
	pid_t pid;

	(void)state;
	expect_exit(run(conf, "run", "--once"), 0);
	near_the_end("u", MEF | MAF, 24);    /* the next try is in 6 s */
	mock_down(m);
	pid = start_agent(conf, "run", NULL);
	serve_until_times(pid, "trying again", 2);
	mock_up(m);
	serve_until(pid, "registration-renewed at=mef");
	serve_until(pid, "registration-renewed at=maf");
	expect_clean_stop(pid);
	assert_int_equal(m->n_keys, 1);
}

/* It has ended before anybody answered: only an enrolment helps. */
static void too_late(void **state)
{
	const char *conf = mock_config(m, "t", mock_instruction(m), "");
	pid_t pid;

	(void)state;
	expect_exit(run(conf, "run", "--once"), 0);
	near_the_end("t", MAF, -1);
	m->update_refused[1] = MST_RSC_INTERNAL;     /* busy */
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "enrolling anew");
	serve_until(pid, "key=km-1@");
	expect_clean_stop(pid);
	expect_enrolled(conf);
}

/*
 * A run that waits for its next try, because the MEF refuses it, holds up no registration: the one at the MAF would end though the MAF
 * is there.
 */
static void beside_a_run_that_fails(void **state)
{
	const char *conf = mock_config(m, "w", mock_instruction(m), "backoff_first = \"86400s\";\nbackoff_max = \"86400s\";\n");
	char state_word[32] = "";
	json_t *s;
	pid_t pid;

	(void)state;
	expect_exit(run(conf, "run", "--once"), 0);
	near_the_end("w", MEF | MAF, 24);
	m->mef_refuses = MST_RSC_NO_PRIVILEGE;
	m->update_refused[1] = MST_RSC_INTERNAL;     /* busy; the next try is in 6 s */
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "registration-not-renewed at=maf");
	serve_until(pid, "instruction-failed");
	s = status_beside(conf);
	snprintf(state_word, sizeof(state_word), "%s", json_string_value(json_object_get(s, "state")));
	json_decref(s);
	assert_string_equal(state_word, "waiting");
	m->update_refused[1] = 0;
	serve_until(pid, "registration-renewed at=maf");
	expect_clean_stop(pid);
	assert_int_equal(m->n_keys, 1);
}

/*
 * The node slept over the end of its key, or somebody set its clock: nothing is left to be renewed, and it is not left alone.
 */
static void slept_over_the_end(void **state)
{
	const char *conf = mock_config(m, "s", mock_instruction(m), "");
	mst_time end;
	pid_t pid;

	(void)state;
	expect_exit(run(conf, "run", "--once"), 0);
	end = key_near_the_end("s", 14, 6);          /* to be renewed in 2 s to 4 s */
	pid = start_agent(conf, "run", NULL);
	for (int i = 0; i < 3000 && !said("enrolled-already") && !said("triggered"); i++)        /* the latter: a slow machine */
		serve_a_moment();
	assert_int_equal(kill(pid, SIGSTOP), 0);
	while (time(NULL) <= end)
		serve_a_moment();
	assert_int_equal(kill(pid, SIGCONT), 0);
	serve_until(pid, "key=km-1@");
	expect_clean_stop(pid);
	expect_enrolled(conf);
}

/* The power goes when the server has prolonged it and nothing of that is kept: asked again, answered the same. */
static void power_cut(void **state)
{
	const char *conf = mock_config(m, "c", mock_instruction(m), "");
	pid_t pid;

	(void)state;
	expect_exit(run(conf, "run", "--once"), 0);
	near_the_end("c", MAF, 100);
	conf = mock_config(m, "c", mock_instruction(m), "crash_at = \"reg-renewed\";\n");
	expect_exit(run(conf, "run", NULL), -SIGKILL);
	assert_int_equal(m->updates[1], 1);
	conf = mock_config(m, "c", mock_instruction(m), "");
	pid = start_agent(conf, "run", NULL);
	serve_until(pid, "registration-renewed at=maf");
	expect_clean_stop(pid);
	assert_true(m->updates[1] == 2 && m->n_keys == 1);
	expect_enrolled(conf);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(each_end_is_kept_and_told), T(prolonged_at_both), T(refused), T(unreachable), T(too_late), T(beside_a_run_that_fails), T(slept_over_the_end), T(power_cut),
	};

	program = argc > 1 ? argv[1] : NULL;
	assert_non_null(program);
	signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("agent: renewal of registrations", tests, NULL, NULL);
}
