/* Every phase, every source, the same instructions or others: one table, looked at from outside. */
#include "tests/support/cm.h"

#include "agent/policy.h"
#include "enrolee/renewal.h"

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

static void upkeep(void **state)
{
	(void)state;
	for (int p = 0; p < POLICY_PHASE__COUNT; p++) {
		enum policy_phase phase = (enum policy_phase)p;

		/* one enrolment at a time, and nothing interrupts a run */
		assert_int_equal(policy_upkeep(phase, true), POLICY_LATER);
		assert_int_equal(policy_upkeep(phase, false), phase == POLICY_RESTING ? POLICY_RUN : phase == POLICY_WAITING ? POLICY_BETWEEN : POLICY_LATER);
		/* a wait that is over goes on waiting for the one that is going on; a run is held up by nothing */
		assert_true(policy_may_try(phase, false));
		assert_int_equal(policy_may_try(phase, true), phase != POLICY_WAITING);
	}
}

/* Never sooner than 2.5 s, never later than what was given as the most, whatever the clock says; and a server is heard. */
static void pace(void **state)
{
	static const uint32_t rnd[] = { 0, 1, UINT32_MAX / 2, UINT32_MAX };
	static const mst_time now[] = { 0, 1000, 1000000 - 1, 1000000, 1000001, MST_TIME_MAX };

	(void)state;
	for (size_t r = 0; r < MST_COUNT(rnd); r++) {
		for (size_t n = 0; n < MST_COUNT(now); n++) {
			mst_ms w = mst_key_wait(1000000, now[n], 600, 0, rnd[r]);

			assert_true(w >= 2500 && w <= 600 * 1000);
			assert_true(mst_key_wait(1000000, now[n], 600, 700, rnd[r]) == 700 * 1000);
			assert_true(mst_key_wait(1000000, now[n], 600, INT64_MAX, rnd[r]) == (mst_ms)PROV_RETRY_AFTER_MAX * 1000);
		}
		/* three tries at least before the end, from a minute on */
		for (mst_time left = 60; left <= 1000; left += 47) {
			mst_ms t = 0;

			for (int i = 0; i < 3; i++)
				t += mst_key_wait(left, t / 1000, 600, 0, rnd[r]);
			assert_true(t < left * 1000);
		}
	}
	assert_true(mst_key_wait(MST_NEVER, 0, 600, 0, 0) == 300 * 1000 && mst_key_wait(1000, 2000, 86400, 0, 0) == 43200 * 1000);
}

static void home(void **state)
{
	static const struct { const char *uri, *target, *admin; bool is; } rows[] = {
		{ "https://mef.north.example:8443/x", "maf.north.example", "north.example", true },
		{ "https://MEF.north.example", "MAF.north.example", "North.example", true },
		{ "https://mef.south.example", "maf.north.example", "north.example", false },
		{ "https://mef.north.example", "maf.south.example", "north.example", false },
		/* two providers with one MEF and one MAF */
		{ "https://mef.north.example", "maf.north.example", "south.example", false },
		{ "ftp://mef.north.example", "maf.north.example", "north.example", false },
		{ "http://mef.north.example", "maf.north.example", "north.example", true },
		{ "coaps://mef.north.example:5685", "maf.north.example", "north.example", true },
		{ "coaps://mef.south.example", "maf.north.example", "north.example", false },
	};
	struct mst_root_cred c = { .mef_fqdn = "mef.north.example", .maf_fqdn = "maf.north.example", .admin_fqdn = "north.example" };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_instruction in = { .uri = mst_view_str(rows[i].uri), .target = mst_view_str(rows[i].target),
					      .admin_fqdn = mst_view_str(rows[i].admin) };

		assert_int_equal(mst_leads_home(&in, &c), rows[i].is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sources), cmocka_unit_test(decisions), cmocka_unit_test(upkeep), cmocka_unit_test(pace),
					    cmocka_unit_test(home) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
