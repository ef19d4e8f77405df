/*
 * Every allocation of a request at the HSS fails in turn, with the real keeper over a real store: an answer or a fault, no number twice, and
 * the same request afterwards succeeds.
 */
#include "role/test-hss-rig.h"
#include "tests/support/failmalloc.h"

static uint8_t rnd[16] = { 1 }, auts[14];

static const struct { const char *name; enum mst_op op; const char *to; bool resync, counts; } request[] = {
	{ "a vector", MST_OP_CREATE, HSS_AUTH, false, true },
	{ "resynchronisation", MST_OP_CREATE, HSS_AUTH, true, true },
	{ "settings", MST_OP_RETRIEVE, HSS_SDM, false, false },
};

static void prepare(size_t i)
{
	hss_prepare(HSS_BSF, request[i].op, request[i].to, request[i].resync ? hss_resync_ask(rnd, auts) : request[i].counts ? HSS_PLAIN_ASK : "");
}

static void each_allocation(void **state)
{
	(void)state;
	est_rig.hss_conf.vector_burst = 100000;
	assert_int_equal(aka_auts_make(est_rig.crypto, &hss_sim.keys, rnd, 0x1000, auts), 0);
	for (size_t i = 0; i < MST_COUNT(request); i++) {
		unsigned long n = 0, refused = 0;
		bool reached = true;

		prepare(i);
		assert_int_equal(rig_handle(&est_rig, MST_ROLE_HSS), 200);         /* what is allocated once is there */
		while (reached) {
			int64_t before = hss_row().sqn;
			int rsc;

			prepare(i);
			failmalloc_arm(++n);
			rsc = rig_handle(&est_rig, MST_ROLE_HSS);
			reached = failmalloc_disarm();
			if (rsc != 200 && rsc >= 0 && rsc < 500)
				fail_msg("%s: allocation %lu: %d is no answer to a lack of memory: %s", request[i].name, n, rsc, est_rig.text);
			if (rsc != 200)
				refused++;
			/* a fault leaves nothing; an answer, whatever it says, never goes back */
			if (rsc < 0)
				assert_int_equal(hss_row().sqn, before);
			assert_true(hss_row().sqn >= before && (rsc != 200 || !request[i].counts || hss_row().sqn > before));
			prepare(i);
			assert_int_equal(rig_handle(&est_rig, MST_ROLE_HSS), 200);
		}
		assert_true(refused > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(each_allocation, hss_up, hss_down) };

	return cmocka_run_group_tests_name("hss-memory", tests, NULL, NULL);
}
