#include "tests/support/cm.h"

#include "base/time.h"

static void timestamps_known_and_back(void **state)
{
	static const struct { const char *text; mst_time t; } row[] = {
		{ "19700101T000000", 0 }, { "20000229T235959", 951868799 }, { "20270101T000000", 1798761600 },
		{ "99991231T235959", MST_TIME_MAX }, { "20380119T031408", 2147483648 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		uint8_t buf[32];
		struct mst_writer w = mst_writer_of(buf, sizeof(buf));
		mst_time t = -1;

		mst_put_timestamp(&w, row[i].t);
		assert_true(mst_view_eq_str(mst_written(&w), row[i].text));
		assert_true(mst_parse_timestamp(mst_view_str(row[i].text), &t));
		assert_int_equal(t, row[i].t);
	}
}

static void every_day_round_trips(void **state)
{
	(void)state;
	for (mst_time t = 0; t < MST_TIME_MAX; t += 86400 * 17 + 12345) {
		struct mst_civil c;

		mst_civil_from_time(t, &c);
		assert_int_equal(mst_time_from_civil(&c), t);
	}
}

static void fractions_are_accepted_and_zones_are_not(void **state)
{
	static const char *const bad[] = { "", "20270101", "20270101T000000Z", "20270101T000000,", "20270101T000000,1234567",
		"20270101t000000", "20271301T000000", "20270229T000000", "20270101T240000", "20270101T006000", "19691231T235959",
		"20270101T000000.5", "2027-01-01T00:00:00", "20270101T00000x" };
	mst_time t;

	(void)state;
	assert_true(mst_parse_timestamp(mst_view_str("20270101T000000,5"), &t) && t == 1798761600);
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_false(mst_parse_timestamp(mst_view_str(bad[i]), &t));
}

static void datetimes_known_and_back(void **state)
{
	static const struct { const char *text; mst_time t; const char *http; } row[] = {
		{ "1970-01-01T00:00:00Z", 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ "1994-11-06T08:49:37Z", 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },      /* RFC 9110 5.6.7 */
		{ "2000-02-29T23:59:59Z", 951868799, "Tue, 29 Feb 2000 23:59:59 GMT" },
		{ "2030-01-01T00:00:00Z", 1893456000, "Tue, 01 Jan 2030 00:00:00 GMT" },
		{ "9999-12-31T23:59:59Z", MST_TIME_MAX, "Fri, 31 Dec 9999 23:59:59 GMT" },
	};
	static const char *const bad[] = { "", "2030-01-01T00:00:00", "2030-01-01T00:00:00.Z", "2030-01-01T00:00:00.1234567890Z",
		"2030-01-01T00:00:00.5", "2030-01-01T00:00:00,5Z", "2030-01-01 00:00:00Z", "2030-01-01T00:00:00+00:00",
		"2030-02-29T00:00:00Z", "2030-01-01T24:00:00Z", "2030-01-01T00:00:60Z", "1969-12-31T23:59:59Z", "2030-01-01T00:00:00z",
		"2030-01-01T00:00:00Zx", "2030-1-01T00:00:00Z", "20300101T000000", "02030-01-01T00:00:00Z", "2030-01-01T00:00:00.5xZ" };
	mst_time t = -1;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		uint8_t buf[40];
		struct mst_writer w = mst_writer_of(buf, sizeof(buf));

		mst_put_datetime(&w, row[i].t);
		assert_true(mst_view_eq_str(mst_written(&w), row[i].text));
		assert_true(mst_parse_datetime(mst_view_str(row[i].text), &t));
		assert_int_equal(t, row[i].t);
		w.n = 0;
		mst_put_http_date(&w, row[i].t);
		assert_true(mst_view_eq_str(mst_written(&w), row[i].http));
	}
	assert_true(mst_parse_datetime(mst_view_str("2013-04-22T13:10:25.559Z"), &t));
	assert_int_equal(t, 1366636225);
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_false(mst_parse_datetime(mst_view_str(bad[i]), &t));
	for (t = -1; t <= MST_TIME_MAX + 1; t += MST_TIME_MAX + 2) {
		uint8_t buf[40];
		struct mst_writer w = mst_writer_of(buf, sizeof(buf)), x = w;

		mst_put_datetime(&w, t);
		mst_put_http_date(&x, t);
		assert_false(w.ok || x.ok);
	}
}

static void durations(void **state)
{
	static const struct { const char *text; int64_t s; } row[] = {
		{ "P0D", 0 }, { "PT1S", 1 }, { "PT1H", 3600 }, { "P1D", 86400 }, { "P1DT2H3M4S", 93784 }, { "PT59M", 3540 },
	};
	static const char *const bad[] = { "", "P", "PT", "1D", "P1", "P1H", "PT1D", "P1DT", "P1Y", "PT1S1M", "P-1D", "P1D1D",
		"PT99999999999S", "P1.5D" };
	int64_t s;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		uint8_t buf[32];
		struct mst_writer w = mst_writer_of(buf, sizeof(buf));

		mst_put_duration(&w, row[i].s);
		assert_true(mst_view_eq_str(mst_written(&w), row[i].text));
		assert_true(mst_parse_duration(mst_view_str(row[i].text), &s));
		assert_int_equal(s, row[i].s);
	}
	assert_true(mst_parse_duration(mst_view_str("P2W"), &s) && s == 14 * 86400);
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_false(mst_parse_duration(mst_view_str(bad[i]), &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timestamps_known_and_back), cmocka_unit_test(every_day_round_trips),
		cmocka_unit_test(fractions_are_accepted_and_zones_are_not), cmocka_unit_test(datetimes_known_and_back), cmocka_unit_test(durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
