/* Lines of the log, and the metrics' text and frames. */
#include <stdlib.h>

#include "tests/support/cm.h"

#include "server/log.h"
#include "server/metrics.h"

static char line[4096];

static void make(bool json, const struct mst_log_pair *p, size_t n)
{
	struct mst_log l = mst_log_of(1, json, MST_LOG_INFO, "engine");
	struct mst_writer w = mst_writer_of(line, sizeof(line));

	mst_log_line(&l, INT64_C(1795298700123456789), MST_LOG_WARNING, "it happened", p, n, &w);
	mst_put_nul(&w);
	assert_true(w.ok);
}

static void text(void **state)
{
	const struct mst_log_pair p[] = { { "peer", "127.0.0.1:4" }, { "why", "a \"b\"\nc" }, { "raw", "\xff\x1b[2J" } };

	(void)state;
	make(false, p, 3);
	assert_string_equal(line, "2026-11-21T22:05:00.123Z warning engine: it happened peer=127.0.0.1:4 "
	                          "why=\"a \\\"b\\\"\\u000ac\" raw=\"\\u00ff\\u001b[2J\"\n");
}

static void json(void **state)
{
	const struct mst_log_pair p[] = { { "who", "gr\xc3\xbc\xc3\x9f\x65" }, { "x", "\t" } };

	(void)state;
	make(true, p, 2);
	assert_string_equal(line, "{\"time\":\"2026-11-21T22:05:00.123Z\",\"level\":\"warning\",\"process\":\"engine\","
	                          "\"message\":\"it happened\",\"who\":\"gr\xc3\xbc\xc3\x9f\x65\",\"x\":\"\\u0009\"}\n");
}

static void metrics(void **state)
{
	static uint8_t b[16384];
	static char out[65536];
	struct mst_writer w = mst_writer_of(b, sizeof(b)), t = mst_writer_of(out, sizeof(out));
	struct mst_metrics m = { .v[MST_M_REQUESTS] = 7 }, n;
	struct mst_metrics_row row = { "listener-mef-0", &n };

	(void)state;
	mst_metrics_observe(&m, MST_H_GROUP_SIZE, 3);
	mst_metrics_observe(&m, MST_H_GROUP_SIZE, 1000);
	mst_metrics_encode(&m, &w);
	assert_true(w.ok);
	for (size_t i = 0; i < w.n; i++)
		assert_false(mst_metrics_decode((struct mst_view){ b, i }, &n));
	assert_true(mst_metrics_decode(mst_written(&w), &n));
	mst_metrics_text(&row, 1, &t);
	mst_put_nul(&t);
	assert_true(t.ok);
	assert_non_null(strstr(out, "# TYPE muster_requests_total counter\nmuster_requests_total{process=\"listener-mef-0\"} 7\n"));
	assert_non_null(strstr(out, "muster_commit_decisions_bucket{process=\"listener-mef-0\",le=\"2\"} 0\n"));
	assert_non_null(strstr(out, "muster_commit_decisions_bucket{process=\"listener-mef-0\",le=\"4\"} 1\n"));
	assert_non_null(strstr(out, "muster_commit_decisions_bucket{process=\"listener-mef-0\",le=\"+Inf\"} 2\n"));
	assert_non_null(strstr(out, "muster_commit_decisions_sum{process=\"listener-mef-0\"} 1003.000000\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(text), cmocka_unit_test(json), cmocka_unit_test(metrics) };

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
