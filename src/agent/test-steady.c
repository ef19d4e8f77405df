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
#include "agent/briefing.h"
#include "agent/door.h"
#include "agent/lan.h"
#include "agent/test-secret.h"
#include "agent/ub.h"

static int no_blob(struct mst_secenv *s, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d)
{
	(void)s;
	(void)name;
	(void)out;
	(void)cap;
	*ret_n = 0;
	mst_diag_set(d, 0, "", "the token is away", NULL);
	return MST_SECENV_NONE;
}

static unsigned stored;

static int store_blob(struct mst_secenv *s, const char *name, struct mst_view v, struct mst_diag *d)
{
	(void)s;
	(void)name;
	(void)v;
	(void)d;
	stored++;
	return 0;
}

static const struct mst_secenv_ops no_ops = { .name = "none", .load_blob = no_blob, .store_blob = store_blob };

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
	snprintf(a->active.mef_reg_id, sizeof(a->active.mef_reg_id), "reg-1");
	a->managed = calloc(1, sizeof(*a->managed));
	assert_non_null(a->managed);
	a->own.slot[OWN_ACTIVE].there = true;
	a->own.renew_at = a->own.slot[OWN_ACTIVE].not_after = MST_TIME_MAX;
	a->visit_at = agent_now() + 99999;
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

/* Over plain HTTP anybody can say 503: no longer than the node's own longest wait. */
static void who_is_not_authenticated_puts_nobody_off_for_a_week(void **state)
{
	const struct agent_config c = { .backoff_max = 3600 };

	(void)state;
	assert_int_equal(ub_later(&c, false, 604800), 3600);
	assert_int_equal(ub_later(&c, false, 77), 77);
	assert_int_equal(ub_later(&c, true, 604800), 604800);
}

/* An ended certificate may be shown by anybody who has seen it: the next session is judged without what was told, and nothing is forgotten. */
static void an_ended_certificate_rolls_no_time_back(void **state)
{
	mst_time built = (mst_time)time(NULL) - 86400, told = (mst_time)time(NULL) + 200 * 86400;
	struct agent *a = *state;

	mst_clock_init(&a->clock, built, 0, agent_now());
	assert_true(mst_clock_told(&a->clock, told, MST_TIME_MAX, agent_now()));
	stored = 0;
	agent_doubt_time(a);
	assert_true(agent_floor(a) < told - 100 * 86400);
	assert_true(session_utc(a) < told - 100 * 86400);    /* the certificate of that session is judged */
	assert_true(agent_floor(a) >= told);                 /* the one after it */
	assert_true(session_utc(a) >= told);
	assert_true(stored == 0 && mst_clock_kept(&a->clock, agent_now()) >= told);
}

static void give_initial_credential(struct agent *a)
{
	a->chain_pem = strdup("no certificate");
	a->chain_n = strlen(a->chain_pem);
	a->key.n = 1;
}

/* The token with its key was pulled: the renewal fails before it begins, each time. */
static void a_renewal_that_cannot_begin_waits(void **state)
{
	struct agent *a = *state;

	give_initial_credential(a);
	a->own.renew_at = agent_utc(a) - 1;
	assert_true(visit_due(a));
	assert_in_range(visit_deadline(a), agent_now() - 1000, agent_now());
	visit_start(a);
	assert_null(a->visit);
	assert_false(visit_due(a));
	assert_in_range(a->own.renew_at - agent_utc(a), 598, 600);
	assert_true(visit_deadline(a) > agent_now() + 90000);
	a->visit_at = MST_NEVER;
	assert_true(visit_deadline(a) > agent_now() + 590000);
}

/* What the MEF has to say may be what the renewal waits for, as another command: it is asked at its own time, however often the one fails. */
static void a_renewal_that_fails_puts_no_commands_off(void **state)
{
	struct agent *a = *state;

	give_initial_credential(a);
	a->managed->n_keys = 1;
	for (int i = 0; i < 3; i++) {
		a->own.renew_at = a->managed->key[0].renew_at = agent_utc(a) - 1;
		a->visit_at = agent_now() - 1;
		visit_start(a);
		assert_in_range(a->own.renew_at - agent_utc(a), 598, 600);
		assert_true(visit_due(a) && a->visit_at < agent_now());
		/* nor a registered key, which a visit for commands renews */
		assert_true(a->managed->key[0].renew_at < agent_utc(a));
		visit_start(a);
		assert_in_range(a->visit_at - agent_now(), 598000, 600000);
		assert_in_range(a->managed->key[0].renew_at - agent_utc(a), 598, 600);
		assert_false(visit_due(a));
	}
}

/* No files of the initial credential any more; or the node is now with an MEF that it visits by enrolling anew (GBA). */
static void where_no_visit_can_begin_nobody_waits_for_one(void **state)
{
	struct agent *a = *state;

	a->own.renew_at = agent_utc(a) - 1;
	a->managed->n_keys = 1;
	a->managed->key[0].renew_at = agent_utc(a) - 1;
	a->visit_at = agent_now() - 1;
	assert_false(visit_due(a));
	assert_int_equal(visit_deadline(a), MST_NEVER);
	give_initial_credential(a);
	assert_true(visit_deadline(a) <= agent_now());
	a->active.method = MST_METHOD_GBA;
	assert_false(visit_due(a));
	assert_int_equal(visit_deadline(a), MST_NEVER);
}

/* The proof of a new certificate goes first, when its time has come: a key that is due meanwhile is nothing to wake up for. */
static void a_key_waits_for_the_proof(void **state)
{
	struct agent *a = *state;

	give_initial_credential(a);
	a->managed->n_keys = 1;
	a->managed->key[0].renew_at = agent_utc(a) - 1;
	assert_true(visit_due(a));
	a->own.slot[OWN_PENDING].there = true;
	assert_false(visit_due(a));
	assert_int_equal(visit_deadline(a), a->visit_at);
}

/* Whatever it is that stays due: the loop does not spin for it. */
static void what_stays_due_is_looked_at_each_second(void **state)
{
	struct agent *a = *state;
	mst_ms slept = 0;

	for (int i = 0; i < 200; i++)
		slept += agent_rest(a, i ? 0 : -5);
	assert_in_range(slept, 90000, 110000);
	assert_int_equal(agent_rest(a, 30), 30);
	assert_int_equal(agent_rest(a, 0), 1);       /* something was taken: as before */
}

static char dialled[64];

int __wrap_mst_client_new(const struct mst_client_config *cfg, const struct mst_client_ops *ops, void *owner, struct mst_client **ret);
int __wrap_mst_client_new(const struct mst_client_config *cfg, const struct mst_client_ops *ops, void *owner, struct mst_client **ret)
{
	(void)ops;
	(void)owner;
	*ret = NULL;
	snprintf(dialled, sizeof(dialled), "%s", cfg->connect_to ? cfg->connect_to : cfg->host);
	return MST_FAULT_MEMORY;
}

/* A liar tells the LAN that the MEF is a briefing node, at an address of his. */
static void what_the_lan_says_leads_to_briefing_nodes_alone(void **state)
{
	static const char name[] = "mef.example.com", lie[] = "192.0.2.66:443";
	static const struct mst_instruction i = { .method = MST_METHOD_BBN };
	static const struct brief_session_ops no_brief;
	static const struct mst_client_ops no_client;
	struct enrolee_peer mef = { .port = 443 };
	struct agent *a = *state;
	struct brief_session s;
	struct briefing b = { .port = 443 };
	struct mst_client *c = NULL;
	struct mst_key key = { .n = 32 };
	struct mst_diag d = { 0 };
	char secret[] = "/tmp/mst-steady-psk-XXXXXX";

	snprintf(a->lan[0].fqdn, sizeof(a->lan[0].fqdn), "%s", name);
	snprintf(a->lan[0].address, sizeof(a->lan[0].address), "%s", lie);
	a->lan[0].port = 443;
	snprintf(mef.host, sizeof(mef.host), "%s", name);
	assert_int_equal(session_open_key(a, a, &mef, NULL, &key, "id", &no_client, &c), MST_FAULT_MEMORY);
	assert_string_equal(dialled, name);
	assert_int_equal(session_open(a, a, &mef, NULL, NULL, NULL, NULL, &no_client, &c), MST_FAULT_MEMORY);
	assert_string_equal(dialled, name);
	/* one that is asked for instructions is dialled there */
	maker_secret_file(a, secret);
	snprintf(b.host, sizeof(b.host), "%s", name);
	assert_int_equal(brief_session_open(a, &i, &b, 1000, 1000, &no_brief, a, &s, &d), MST_FAULT_MEMORY);
	assert_string_equal(dialled, lie);
	assert_int_equal(unlink(secret), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(a_forged_alert_takes_no_certificate_away), T(who_refuses_both_has_taken_nothing), T(a_refusal_holds_for_an_hour),
					    T(a_pushed_check_joins_the_one_that_runs), T(who_is_not_authenticated_puts_nobody_off_for_a_week),
					    T(a_renewal_that_cannot_begin_waits), T(a_renewal_that_fails_puts_no_commands_off),
					    T(where_no_visit_can_begin_nobody_waits_for_one), T(a_key_waits_for_the_proof),
					    T(what_stays_due_is_looked_at_each_second), T(an_ended_certificate_rolls_no_time_back),
					    T(what_the_lan_says_leads_to_briefing_nodes_alone) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("agent: steady", tests, NULL, NULL);
}
