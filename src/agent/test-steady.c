/*
 * What somebody on the path, a server's bad hour or a thing that is missing may not do to an agent in service: make it show another
 * certificate for good, believe an older time, turn round and round (lessons 2, 3, 5, 6, 15).
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/door.h"

static const struct mst_secenv_ops no_ops = { .name = "none" };

/* An agent as far as it is needed here, in service with an MEF, and with a certificate of it. */
static int set_up(void **state)
{
	struct agent_config cfg = { .log_level = AGENT_ERROR, .last_resort = 1 };
	struct agent *a = agent_new(&cfg, false);
	static struct mst_secenv env = { .ops = &no_ops };

	assert_non_null(a);
	a->env = &env;
	mst_clock_init(&a->clock, (mst_time)time(NULL) - 86400, (mst_time)time(NULL), agent_now());
	a->has_active = true;
	a->active.not_after = (mst_time)time(NULL) + 99999;
	a->own.slot[OWN_ACTIVE].there = true;
	a->own.slot[OWN_ACTIVE].not_after = (mst_time)time(NULL) + 99999;
	*state = a;
	return 0;
}

static int tear_down(void **state)
{
	struct agent *a = *state;

	a->env = NULL;
	agent_free(a);
	return 0;
}

static bool shows_its_own(const struct agent *a)
{
	return own_choice(a) == &a->own.slot[OWN_ACTIVE];
}

/* An alert before the server has proven itself is anybody's. */
static void a_forged_alert_takes_no_certificate_away(void **state)
{
	struct agent *a = *state;

	assert_false(own_session_ended(a, MST_TLS_ALERT, false));
	assert_true(shows_its_own(a));
	assert_true(own_session_ended(a, MST_TLS_ALERT, true));
	assert_false(shows_its_own(a));
}

/* The MEF had lost its own CA: the initial certificate has ended and is refused as well, so the one before is shown again. */
static void who_refuses_both_has_taken_nothing(void **state)
{
	struct agent *a = *state;

	assert_true(own_session_ended(a, MST_TLS_ALERT, true));
	assert_false(shows_its_own(a));
	assert_false(own_session_ended(a, MST_TLS_ALERT, false));       /* forged */
	assert_false(own_session_ended(a, MST_TLS_UNREACHABLE, false)); /* no word at all */
	assert_false(shows_its_own(a));
	assert_false(own_session_ended(a, MST_TLS_ALERT, true));
	assert_true(shows_its_own(a));
}

static void a_refusal_holds_for_an_hour(void **state)
{
	struct agent *a = *state;

	assert_true(own_session_ended(a, MST_TLS_NO_CERTIFICATE, true));
	assert_in_range(a->own.refused_until - agent_now(), 3599000, 3600000);
	a->own.refused_until = agent_now();
	assert_true(shows_its_own(a));
	/* what cannot be shown is not shown, however long */
	a->own.left_behind = true;
	assert_false(shows_its_own(a));
}

/* A check that is pushed while one goes on joins it, whatever that one is doing: asking the MAF or a CSE, or the MEF after it. */
static void a_pushed_check_joins_the_one_that_runs(void **state)
{
	static const struct trigger_order o = { .what = MST_TRIGGER_CHECK };
	struct agent *a = *state;
	struct mst_diag d = { 0 };
	int some;

	for (int i = 0; i < 2; i++) {
		a->ask = i ? NULL : (struct agent_ask *)&some;
		a->check_client = i ? (struct mst_client *)&some : NULL;
		a->check_at = 4711;
		assert_int_equal(door_follow(a, &o, "test", &d), TRIGGER_ACCEPTED);
		assert_int_equal(a->check_at, 4711); /* none was begun */
		assert_null(a->check);
	}
	a->check_client = NULL;
	assert_int_equal(door_follow(a, &o, "test", &d), TRIGGER_ACCEPTED);
	assert_true(a->check_at > agent_now() - 1000 && a->check_at != 4711);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(a_forged_alert_takes_no_certificate_away), T(who_refuses_both_has_taken_nothing), T(a_refusal_holds_for_an_hour),
					    T(a_pushed_check_joins_the_one_that_runs) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("agent: steady", tests, NULL, NULL);
}
