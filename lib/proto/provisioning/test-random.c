/* Chance: the spread of the jitter, and the invariants over random lives. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "proto/provisioning/test-world.h"

#define SEED UINT64_C(0x6d75737465720001)

/* Even over 0..ceiling: the mean is half, each twentieth gets its share, both ends can come about. */
static void spread(mst_ms ceiling, uint64_t seed)
{
	enum { N = 200000, BINS = 20 };
	unsigned bin[BINS] = { 0 };
	double sum = 0;

	for (int i = 0; i < N; i++) {
		mst_ms x = prov_jitter(ceiling, next_random(&seed));

		assert_in_range(x, 0, ceiling);
		sum += (double)x;
		bin[(uint64_t)x * BINS / ((uint64_t)ceiling + 1)]++;
	}
	/* five standard deviations of the mean, six of a bin */
	assert_true(sum / N > 0.4967 * (double)ceiling && sum / N < 0.5033 * (double)ceiling);
	for (int i = 0; i < BINS; i++)
		assert_in_range(bin[i], N / BINS - 600, N / BINS + 600);
	assert_int_equal(prov_jitter(ceiling, 0), 0);
	assert_int_equal(prov_jitter(ceiling, UINT32_MAX), ceiling);
}

static void jitter_is_full_everywhere(void **state)
{
	(void)state;
	/* lesson 18: at the cap as well */
	spread(5000, SEED);
	spread(3600000, SEED + 1);
	spread(UINT32_MAX, SEED + 2);
	assert_int_equal(prov_jitter(1, 0x7fffffffu), 0);
	assert_int_equal(prov_jitter(1, 0x80000000u), 1);
}

static void ceilings(void **state)
{
	const struct prov_config c = { .backoff_first = 5000, .backoff_max = 3600000 };
	const struct prov_config edge = { .backoff_first = UINT32_MAX, .backoff_max = UINT32_MAX };

	(void)state;
	assert_int_equal(prov_ceiling(&c, 1), 5000);
	assert_int_equal(prov_ceiling(&c, 2), 10000);
	assert_int_equal(prov_ceiling(&c, 10), 2560000);
	assert_int_equal(prov_ceiling(&c, 11), 3600000);
	assert_int_equal(prov_ceiling(&c, UINT32_MAX), 3600000);
	assert_int_equal(prov_ceiling(&edge, UINT32_MAX), UINT32_MAX);
	assert_true(prov_later(MST_NEVER - 5, 100) == MST_NEVER - 1);
	assert_true(prov_later(MST_NEVER - 1, 0) == MST_NEVER - 1);
	assert_int_equal(prov_later(7, 100), 107);
}

/* The herd: a thousand devices refused in the same millisecond, run after run, through the engine itself. */
static void a_herd_spreads(void **state)
{
	enum { HERD = 1000, RUNS = 14 };
	static mst_ms wait[RUNS][HERD];
	static struct seq q;
	uint64_t seed = SEED;
	struct world *w = world_new(NULL, 0);

	(void)state;
	seq_text(&q, "cert https://a");
	for (int i = 0; i < HERD; i++) {
		world_boot(w);
		w->now = 0;
		w->log[0] = '\0';
		world_start(w, q.cbor);
		for (int r = 0; r < RUNS; r++) {
			w->rnd = next_random(&seed);
			world_run(w);
			wait[r][i] = prov_deadline(w->p) - w->now;
			w->now = prov_deadline(w->p);
			prov_tick(w->p, w->now, w->utc, w->rnd);
			assert_int_equal(prov_runs(w->p), r + 2);
			w->log[0] = '\0';
		}
	}
	for (int r = 0; r < RUNS; r++) {
		mst_ms ceiling = prov_ceiling(&w->cfg, (uint32_t)r + 1);
		unsigned low = 0, high = 0;

		for (int i = 0; i < HERD; i++) {
			assert_in_range(wait[r][i], 0, ceiling);
			low += wait[r][i] < ceiling / 10;
			high += wait[r][i] >= ceiling - ceiling / 10;
		}
		/* about a tenth of the herd in the first and in the last tenth of the time */
		assert_in_range(low, 50, 150);
		assert_in_range(high, 50, 150);
	}
	world_free(w);
}

static void random_lives(void **state)
{
	static uint8_t octets[3000];
	unsigned events = 0;

	(void)state;
	for (unsigned life = 0; life < 150; life++) {
		uint64_t seed = SEED + life;

		for (size_t i = 0; i < sizeof(octets); i++)
			octets[i] = (uint8_t)next_random(&seed);
		events += drive((struct mst_view){ octets, sizeof(octets) });
	}
	printf("# %u events from seed %llx on\n", events, (unsigned long long)SEED);
	assert_true(events > 20000);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(jitter_is_full_everywhere),
		cmocka_unit_test(ceilings),
		cmocka_unit_test(a_herd_spreads),
		cmocka_unit_test(random_lives),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
