#include "tests/support/cm.h"

#include "enrolee/clock.h"
#include "enrolee/renewal.h"

#define BUILD 1790000000
#define END   (BUILD + 365 * 86400)
#define Y2099 INT64_C(4070908800)

/* Lesson 15: a clock at 1970 is no time; the floor is the build, or what was known before the cut. */
static void test_floor(void **state)
{
	struct mst_clock c;

	(void)state;
	mst_clock_init(&c, BUILD, 0, 5000);
	assert_false(mst_clock_is_set(&c, 3, 5000));
	assert_true(mst_clock_now(&c, 3, 5000) == BUILD);
	assert_true(mst_clock_now(&c, 3, 65000) == BUILD + 60);      /* it runs on */
	assert_true(mst_clock_now(&c, -7, 5000) == BUILD);
	mst_clock_init(&c, BUILD, BUILD + 1000, 0);
	assert_true(mst_clock_now(&c, 3, 0) == BUILD + 1000);
	assert_false(mst_clock_is_set(&c, BUILD, 0));                /* before what we knew already */
	mst_clock_init(&c, BUILD, BUILD - 1000, 0);
	assert_true(mst_clock_now(&c, 3, 0) == BUILD);
	mst_clock_init(&c, BUILD, INT64_MAX, 0);                     /* a blob that makes no sense */
	assert_true(mst_clock_now(&c, 3, 0) == BUILD);
}

static void test_wall_clock(void **state)
{
	struct mst_clock c;

	(void)state;
	mst_clock_init(&c, BUILD, 0, 0);
	assert_true(mst_clock_is_set(&c, BUILD + 10, 0));
	assert_true(mst_clock_now(&c, BUILD + 10, 0) == BUILD + 10);
}

static void test_told(void **state)
{
	struct mst_clock c;

	(void)state;
	mst_clock_init(&c, BUILD, 0, 0);
	assert_false(mst_clock_told(&c, BUILD - 1, END, 0));         /* before the program was made */
	assert_false(mst_clock_told(&c, MST_TIME_MAX + 1, MST_NEVER, 0));
	assert_false(mst_clock_told(&c, END + 1, END, 0));           /* by a certificate that had ended then */
	assert_false(mst_clock_told(&c, Y2099, MST_NEVER, 0));
	assert_false(mst_clock_is_set(&c, 3, 0));
	assert_true(mst_clock_told(&c, BUILD + 5000, END, 0));
	assert_true(mst_clock_is_set(&c, 3, 0));
	/* the wall clock at 1970 is overruled … */
	assert_true(mst_clock_now(&c, 3, 10000) == BUILD + 5010);
	assert_true(mst_clock_now(&c, BUILD + 900000, 10000) == BUILD + 5010);   /* … and one far ahead */
	assert_true(mst_clock_now(&c, BUILD + 5300, 10000) == BUILD + 5300); /* one that agrees is believed */
	assert_true(mst_clock_kept(&c, 10000) == BUILD + 5010);      /* but never kept */
}

/* Lesson 15: whatever was told wrong, the device finds back by itself, in this life and after the next start. */
static void test_told_wrong(void **state)
{
	struct mst_clock c;

	(void)state;
	mst_clock_init(&c, BUILD, 0, 0);
	assert_true(mst_clock_told(&c, BUILD + 300 * 86400, END, 0));
	assert_true(mst_clock_told(&c, BUILD + 86400, END, 0));      /* corrected downwards */
	assert_true(mst_clock_now(&c, 3, 1000) == BUILD + 86401);
	assert_false(mst_clock_told(&c, BUILD - 1, END, 0));
	/* kept over a restart with the wall at 1970 */
	mst_clock_init(&c, BUILD, BUILD + 300 * 86400, 0);
	assert_true(mst_clock_now(&c, 3, 0) == BUILD + 300 * 86400);
	assert_true(mst_clock_told(&c, BUILD + 86400, END, 0));
	assert_true(mst_clock_kept(&c, 0) == BUILD + 86400);
	/* by then every certificate seems to have ended, so nobody can tell: the time is doubted */
	mst_clock_init(&c, BUILD, BUILD + 300 * 86400, 0);
	assert_true(mst_clock_doubt(&c, 5000));
	assert_true(mst_clock_now(&c, 3, 5000) == BUILD);
	assert_false(mst_clock_is_set(&c, 3, 5000));
	assert_false(mst_clock_doubt(&c, 5000));
	assert_true(mst_clock_now(&c, 3, 6000) == BUILD + 1);
	assert_true(mst_clock_kept(&c, 6000) == BUILD + 300 * 86400 + 6);    /* nobody has proven anything */
	/* a session that came to nothing before it judged anything, and the one that the doubt is for */
	mst_clock_session(&c);
	mst_clock_session(&c);
	assert_true(mst_clock_now(&c, 3, 6000) == BUILD + 1);
	mst_clock_judges(&c);
	assert_true(mst_clock_now(&c, 3, 6000) == BUILD + 1);
	mst_clock_session(&c);
	assert_true(mst_clock_now(&c, 3, 6000) == BUILD + 300 * 86400 + 6);
	/* that one tells: then there is nothing to doubt any more */
	assert_true(mst_clock_doubt(&c, 6000));
	mst_clock_judges(&c);
	assert_true(mst_clock_told(&c, BUILD + 86400, END, 7000));
	assert_true(mst_clock_now(&c, 3, 7000) == BUILD + 86400 && mst_clock_kept(&c, 7000) == BUILD + 86400);
	/* one who was told, with a clock that disagrees: in doubt it is as one that nobody told */
	assert_true(mst_clock_doubt(&c, 7000));
	assert_true(mst_clock_now(&c, BUILD + 99, 7000) == BUILD + 99 && mst_clock_is_set(&c, BUILD + 99, 7000));
	mst_clock_judges(&c);
	mst_clock_session(&c);
	assert_true(mst_clock_now(&c, BUILD + 99, 7000) == BUILD + 86400);
	mst_clock_init(&c, BUILD, 0, 0);
	assert_false(mst_clock_doubt(&c, 0));
	mst_clock_init(&c, BUILD, Y2099, 0);                         /* a blob from before there was a limit */
	assert_true(mst_clock_now(&c, 3, 0) == BUILD);
}

/* Lesson 18: 80 to 90 % of the life, spread by chance. */
static void test_renewal(void **state)
{
	(void)state;
	assert_true(mst_renew_at(1000, 11000, 0) == 9000);
	assert_true(mst_renew_at(1000, 11000, UINT32_MAX) == 9999);
	assert_true(mst_renew_at(1000, 11000, 1u << 31) == 9500);
	assert_true(mst_renew_at(1000, 900, 77) == 1000);
	for (mst_time life = 1; life < 60; life++) {
		assert_true(mst_renew_at(1000, 1000 + life, 0) > 1000);
		assert_true(mst_renew_at(1000, 1000 + life, UINT32_MAX) <= 1000 + life);
	}
	assert_true(mst_renew_at(1000, MST_NEVER, 77) == MST_NEVER);
}

/* A registration: in the same window, but never after the key's own end, for which an enrolment comes. */
static void test_registration_window(void **state)
{
	struct mst_reg_term t = { 1000, 11000 };

	(void)state;
	assert_true(mst_reg_renew_at(&t, 20000, 0) == 9000);
	assert_true(mst_reg_renew_at(&t, 20000, UINT32_MAX) == 9999);
	assert_true(mst_reg_renew_at(&t, 11001, 0) == 9000);
	assert_true(mst_reg_renew_at(&t, 11000, 0) == MST_NEVER);
	assert_true(mst_reg_renew_at(&t, 500, 0) == MST_NEVER);
	t.until = 1020;                      /* seconds have no tenths */
	assert_true(mst_reg_renew_at(&t, 20000, UINT32_MAX) == 1010);
	t = (struct mst_reg_term){ 1000, 0 };
	assert_true(mst_reg_renew_at(&t, 20000, 0) == MST_NEVER);
	t = (struct mst_reg_term){ 5000, 4000 };     /* the clock was ahead when it was told: at once */
	assert_true(mst_reg_renew_at(&t, 20000, 0) == 5000);
}

/* Only who has authenticated can refuse (lessons 5, 6); what is nobody's word is tried again while there is time. */
static void test_registration_update(void **state)
{
	static const enum prov_reason nobodys[] = { PROV_UNREACHABLE, PROV_TIMEOUT, PROV_UNTRUSTED, PROV_NOT_AUTHENTICATED, PROV_BUSY,
						    PROV_MALFORMED, PROV_EXPIRED, PROV_INTERNAL };
	const struct mst_reg_term t = { 1000, 11000 };

	(void)state;
	assert_int_equal(mst_reg_judge(&t, PROV_OK, 11001, 9000), MST_REG_KEPT);
	assert_int_equal(mst_reg_judge(&t, PROV_OK, 11000, 9000), MST_REG_ENROL);
	assert_int_equal(mst_reg_judge(&t, PROV_OK, 0, 9000), MST_REG_ENROL);
	assert_int_equal(mst_reg_judge(&t, PROV_REFUSED, 0, 9000), MST_REG_ENROL);
	assert_int_equal(mst_reg_judge(&t, PROV_UNKNOWN, 0, 9000), MST_REG_ENROL);
	for (size_t i = 0; i < MST_COUNT(nobodys); i++) {
		assert_int_equal(mst_reg_judge(&t, nobodys[i], 12000, 10999), MST_REG_AGAIN);
		assert_int_equal(mst_reg_judge(&t, nobodys[i], 12000, 11000), MST_REG_ENROL);
	}
	/* a clock that has jumped over the end: the server's word still counts */
	assert_int_equal(mst_reg_judge(&t, PROV_OK, 20000, 15000), MST_REG_KEPT);
	assert_true(mst_reg_wait(&t, 9000) == 500 && mst_reg_wait(&t, 1000) == 600 && mst_reg_wait(&t, 10999) == 5 && mst_reg_wait(&t, 11000) == 600 && mst_reg_wait(&t, 99999) == 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_wall_clock),
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_told_wrong),
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_registration_window),
		cmocka_unit_test(test_registration_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
