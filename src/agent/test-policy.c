/* Every phase, every source, the same instructions or others: one table, looked at from outside. */
#include "tests/support/cm.h"

#include "agent/policy.h"

static void sources(void **state)
{
	static const struct { const char *by; bool once; enum policy_source is; } rows[] = {
		{ "boot", false, POLICY_OWN }, { "boot", true, POLICY_MANUAL }, { "renewal", false, POLICY_OWN },
		{ "renewal", true, POLICY_OWN }, { "credential-lost", false, POLICY_OWN }, { "retry", false, POLICY_OWN },
		{ "control", false, POLICY_MANUAL }, { "page", false, POLICY_MANUAL }, { "sms", false, POLICY_PUSHED },
		{ "datagram", false, POLICY_PUSHED }, { "", false, POLICY_PUSHED },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(policy_source_of(rows[i].by, rows[i].once), rows[i].is);
}

static void decisions(void **state)
{
	(void)state;
	for (int s = 0; s < POLICY_SOURCE__COUNT; s++) {
		for (int same = 0; same < 2; same++) {
			enum policy_source source = (enum policy_source)s;

			/* nothing is going on: every trigger begins a run */
			assert_int_equal(policy_decide(POLICY_RESTING, same, source), POLICY_START);
			/* the backoff gives way to people and to authenticated senders, not to the clock */
			assert_int_equal(policy_decide(POLICY_WAITING, same, source), source == POLICY_OWN ? POLICY_JOIN : POLICY_START);
			/* one run at a time; only other instructions from somebody who may replace it */
			assert_int_equal(policy_decide(POLICY_RUNNING, same, source),
					 same || source == POLICY_OWN ? POLICY_JOIN : POLICY_START);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sources), cmocka_unit_test(decisions) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
