/* EST in HTTP: paths, media types, base64 in lines (RFC 7030 3.2, RFC 8951 3.1). */
#include "tests/support/cm.h"

#include "codec/est.h"

static void paths_are_exact(void **state)
{
	static const struct { const char *path; enum mst_est_op op; } rows[] = {
		{ "/.well-known/est/cacerts", MST_EST_CACERTS },
		{ "/.well-known/est/csrattrs", MST_EST_CSRATTRS_GET },
		{ "/.well-known/est/simpleenroll", MST_EST_ENROLL },
		{ "/.well-known/est/simplereenroll", MST_EST_REENROLL },
		{ "/.well-known/est/serverkeygen", MST_EST_SERVERKEYGEN },
		{ "/.well-known/est/fullcmc", MST_EST_FULLCMC },
		{ "/.well-known/est/", MST_EST_NONE }, { "/.well-known/est/none", MST_EST_NONE },
		{ "/.well-known/est/label/cacerts", MST_EST_NONE }, { "/.well-known/est/simpleenroll/", MST_EST_NONE },
		{ "/.well-known/est/SimpleEnroll", MST_EST_NONE }, { "/est/cacerts", MST_EST_NONE }, { "", MST_EST_NONE },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++)
		if (mst_est_op_of(mst_view_str(rows[i].path)) != rows[i].op)
			fail_msg("%s", rows[i].path);
	assert_true(mst_est_media_is(mst_view_str("Application/PKCS10 ; a=b"), MST_EST_PKCS10));
	assert_false(mst_est_media_is(mst_view_str("application/pkcs10x"), MST_EST_PKCS10));
}

static void base64_goes_in_one_piece_and_comes_in_lines(void **state)
{
	uint8_t in[200], out[200], text[400];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	for (size_t len = 1; len < sizeof(in); len++) {
		struct mst_writer w = mst_writer_of(text, sizeof(text));

		mst_est_put_base64(&w, (struct mst_view){ in, len });
		assert_true(w.ok && mst_view_find(mst_written(&w), '\n') == w.n);
		assert_true(mst_est_get_base64(mst_written(&w), out, sizeof(out), &n));
		assert_int_equal(n, len);
		assert_memory_equal(in, out, len);
		if (len > 1)
			assert_false(mst_est_get_base64(mst_written(&w), out, len - 1, &n));
	}
	assert_true(mst_est_get_base64(mst_view_str(" QUJD\tRA=\n="), out, sizeof(out), &n));
	assert_int_equal(n, 4);
	assert_false(mst_est_get_base64(mst_view_str("QUI=QUJD"), out, sizeof(out), &n));
	assert_false(mst_est_get_base64(mst_view_str("QUJ"), out, sizeof(out), &n));
	assert_false(mst_est_get_base64(mst_view_str("QU*D"), out, sizeof(out), &n));
	assert_false(mst_est_get_base64(mst_view_str(" \r\n"), out, sizeof(out), &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(paths_are_exact), cmocka_unit_test(base64_goes_in_one_piece_and_comes_in_lines) };

	return cmocka_run_group_tests_name("est", tests, NULL, NULL);
}
