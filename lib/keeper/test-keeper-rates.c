/* What leaves the keeper by the minute: counted, told once for each minute, refused above the most; and a minute later it goes on. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "keeper/keeper.h"

static struct mst_crypto *c;
static char top[64];
static struct mst_keeper *k;
static struct mst_channel ch = { .id = 1 };
static struct mst_wrapped km, keyreg;
static mst_ms clock_ms;

static mst_ms now(void) { return clock_ms; }

static struct mst_wrapped given_in(enum mst_key_purpose p)
{
	struct mst_key key = { .n = MST_KEY_LEN };
	struct mst_wrapped s, w;

	assert_int_equal(mst_channel_seal(&ch, c, p, &key, &s), 0);
	assert_int_equal(k->ops->wrap(k, 1, (struct mst_view){ s.b, s.n }, p, "id", &w), 0);
	return w;
}

static int set_up(void **state)
{
	char dir[96];

	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", 1800000000, c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	assert_int_equal(mst_keeper_local_channel(k, 1, ch.key, MST_DUTY__ALL), 0);
	km = given_in(MST_PURPOSE_KM);
	keyreg = given_in(MST_PURPOSE_KEYREG);
	clock_ms = 0;
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	k->ops->close(k);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static int release(enum mst_key_purpose p)
{
	struct mst_authorisation a = { MST_AUTH_RELEASE, "id", "urn:dev:ops:1", 0 };
	struct mst_wrapped out = { .n = 0 };
	int r = k->ops->release(k, &a, p == MST_PURPOSE_KM ? &km : &keyreg, p, "id", MST_DERIVE_NONE, 0, NULL, 1, &out);

	assert_int_equal(out.n == 0, r != 0);
	return r;
}

static struct mst_keeper_rate_state look(enum mst_keeper_rate which)
{
	struct mst_keeper_rates s;

	assert_int_equal(k->ops->rates(k, &s), 0);
	return s.of[which];
}

static void nothing_is_counted_before_it_is_limited(void **state)
{
	(void)state;
	assert_int_equal(release(MST_PURPOSE_KM), 0);
	assert_int_equal(look(MST_RATE_KM).minute, 0);
	assert_int_equal(look(MST_RATE_KM).ago, MST_RATE_NEVER);
}

static void an_alarm_for_each_minute_that_it_lasts(void **state)
{
	/* when, how many are released then; in the minute before, alarms, seconds since the last one */
	static const struct { mst_ms at; unsigned n; uint32_t minute, alarms, ago; } row[] = {
		{ 0, 2, 2, 0, MST_RATE_NEVER },
		{ 999, 1, 3, 1, 0 },                   /* the third */
		{ 5000, 4, 7, 1, 5 },                  /* told already */
		{ 59999, 0, 7, 1, 59 },
		{ 60000, 0, 4, 1, 60 },                /* the first second has left */
		{ 60000, 1, 5, 2, 0 },                 /* it lasts: another minute */
		{ 65000, 0, 1, 2, 5 },
		{ 400000, 0, 0, 2, 340 },
		{ 400000, 2, 2, 2, 340 },
		{ 459999, 1, 3, 3, 0 },
	};
	const struct mst_keeper_limit limit[MST_RATE__COUNT] = { [MST_RATE_KM] = { 3, 0 } };

	(void)state;
	mst_keeper_local_limits(k, limit, now);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_keeper_rate_state s;

		clock_ms = row[i].at;
		for (unsigned n = 0; n < row[i].n; n++)
			assert_int_equal(release(MST_PURPOSE_KM), 0);
		s = look(MST_RATE_KM);
		if (s.minute != row[i].minute || s.alarms != row[i].alarms || s.limited || s.ago != row[i].ago)
			fail_msg("row %zu: %u in the minute, %u alarms, the last %u s ago", i, s.minute, s.alarms, s.ago);
	}
	assert_int_equal(look(MST_RATE_KM).peak, 7);
	assert_int_equal(look(MST_RATE_KEYREG).peak, 0);
}

static void above_the_most_it_refuses_until_less_has_left(void **state)
{
	const struct mst_keeper_limit limit[MST_RATE__COUNT] = { [MST_RATE_KM] = { 0, 2 } };
	struct mst_authorisation none = { MST_AUTH_SIGN, "id", "urn:dev:ops:1", 0 };
	struct mst_wrapped out = { .n = 0 };
	uint64_t refused;

	(void)state;
	mst_keeper_local_limits(k, limit, now);
	assert_int_equal(release(MST_PURPOSE_KM), 0);
	clock_ms = 10000;
	assert_int_equal(release(MST_PURPOSE_KM), 0);
	refused = mst_keeper_local_counts(k).refused;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(release(MST_PURPOSE_KM), MST_KEEPER_BUSY);
	assert_int_equal(mst_keeper_local_counts(k).refused, refused + 5);
	/* who may not ask learns nothing about it, and what is refused does not count as having left */
	assert_int_equal(k->ops->release(k, &none, &km, MST_PURPOSE_KM, "id", MST_DERIVE_NONE, 0, NULL, 1, &out), MST_KEEPER_DENIED);
	assert_int_equal(look(MST_RATE_KM).minute, 2);
	assert_int_equal(look(MST_RATE_KM).limited, 1);
	/* each purpose by itself */
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(release(MST_PURPOSE_KEYREG), 0);
	assert_int_equal(look(MST_RATE_KEYREG).minute, 5);
	clock_ms = 60000;
	assert_int_equal(release(MST_PURPOSE_KM), 0);
	assert_int_equal(release(MST_PURPOSE_KM), MST_KEEPER_BUSY);
	assert_int_equal(look(MST_RATE_KM).limited, 1);
	clock_ms = 70000;
	assert_int_equal(release(MST_PURPOSE_KM), 0);
	assert_int_equal(release(MST_PURPOSE_KM), MST_KEEPER_BUSY);
	assert_int_equal(look(MST_RATE_KM).limited, 2);
}

/* Another keeper has ended: what it gave in its last minute counts as all that may leave, and where nothing is limited nothing is held up. */
static void whoever_was_before_has_used_it_up(void **state)
{
	const struct mst_keeper_limit limit[MST_RATE__COUNT] = { [MST_RATE_KM] = { 5, 2 }, [MST_RATE_KEYREG] = { 5, 0 } };

	(void)state;
	clock_ms = 7000;
	mst_keeper_local_limits(k, limit, now);
	assert_int_equal(look(MST_RATE_KM).spent, 0);
	mst_keeper_local_spent(k);
	assert_int_equal(look(MST_RATE_KM).spent, 60);
	assert_int_equal(release(MST_PURPOSE_KM), MST_KEEPER_BUSY);
	assert_int_equal(release(MST_PURPOSE_KEYREG), 0);
	assert_true(look(MST_RATE_KEYREG).alarms == 1 && look(MST_RATE_KEYREG).minute == 1 && look(MST_RATE_KEYREG).peak == 1);
	clock_ms = 66999;
	assert_int_equal(look(MST_RATE_KM).spent, 1);
	assert_int_equal(release(MST_PURPOSE_KM), MST_KEEPER_BUSY);
	assert_true(look(MST_RATE_KM).limited == 1 && look(MST_RATE_KM).minute == 0);
	clock_ms = 67000;
	assert_int_equal(look(MST_RATE_KM).spent, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(release(MST_PURPOSE_KM), 0);
	assert_int_equal(release(MST_PURPOSE_KM), MST_KEEPER_BUSY);
	clock_ms = 300000;
	assert_int_equal(release(MST_PURPOSE_KEYREG), 0);
	assert_int_equal(look(MST_RATE_KEYREG).alarms, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(nothing_is_counted_before_it_is_limited), T(an_alarm_for_each_minute_that_it_lasts),
					    T(above_the_most_it_refuses_until_less_has_left), T(whoever_was_before_has_used_it_up) };

	return cmocka_run_group_tests_name("keeper-rates", tests, NULL, NULL);
}
