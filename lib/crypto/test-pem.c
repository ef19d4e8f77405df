#include "tests/support/cm.h"

#include <stdio.h>

#include "crypto/pki.h"

static void what_is_written_is_read_again(void **state)
{
	uint8_t der[200], pem[1024], out[200];
	size_t n = 0, at;

	(void)state;
	for (size_t i = 0; i < sizeof(der); i++)
		der[i] = (uint8_t)(i * 7);
	for (size_t len = 1; len <= sizeof(der); len++) {
		struct mst_writer w = mst_writer_of(pem, sizeof(pem));

		mst_put_str(&w, "for people\n");
		mst_pem_put(&w, "OTHER", (struct mst_view){ der, 3 });
		mst_pem_put(&w, "CERTIFICATE", (struct mst_view){ der, len });
		mst_pem_put(&w, "CERTIFICATE", (struct mst_view){ der, 1 });
		at = 0;
		assert_int_equal(
			mst_pem_next(mst_written(&w), &at, "CERTIFICATE", out, sizeof(out), &n, NULL), 0);
		assert_int_equal(n, len);
		assert_memory_equal(out, der, len);
		assert_int_equal(
			mst_pem_next(mst_written(&w), &at, "CERTIFICATE", out, sizeof(out), &n, NULL), 0);
		assert_int_equal(n, 1);
		assert_int_equal(
			mst_pem_next(mst_written(&w), &at, "CERTIFICATE", out, sizeof(out), &n, NULL), 0);
		assert_int_equal(n, 0);
		assert_int_equal(at, w.n);
	}
}

static void errors_name_the_line(void **state)
{
	static const struct { const char *pem, *line, *text; } row[] = {
		{ "-----BEGIN A-----\nAAAA\n-----END B-----\n", "line 3", "END line" },
		{ "-----BEGIN A-----\nAAAA\n", "line 2", "inside a block" },
		{ "-----BEGIN A-----\n", "line 1", "inside a block" },
		{ "text\n\n-----BEGIN A-----\nAA*A\n-----END A-----\n", "line 4", "base64" },
		{ "-----BEGIN A-----\nAAB=\n-----END A-----\n", "line 2", "base64" },
		{ "-----BEGIN A-----\nAA==\nAAAA\n-----END A-----\n", "line 3", "one length" },
		{ "-----BEGIN A-----\nAAAAAAAA\nAAAA\nAAAA\n-----END A-----\n", "line 4", "one length" },
		{ "-----BEGIN A-----\nAAAA\n\n-----END A-----\n", "line 3", "one length" },
		{ "-----BEGIN A-----\n-----END A-----\n", "line 2", "empty" },
		{ "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nAAAA\n-----END A-----\n", "line 2",
		  "encrypted" },
		{ "-----END A-----\n", "line 1", "BEGIN" },
		{ "-----BEGIN A----\nAAAA\n-----END A-----\n", "line 1", "BEGIN" },
		{ "-----BEGIN A-----\nAAAA\n-----BEGIN A-----\n", "line 3", "END line" },
		{ "-----BEGIN A-----\nAAAAAAAAAAAAAAAAAAAAAAAA\n-----END A-----\n", "line 2", "too long" },
		{ "-----BEGIN OTHER-----\nA*==\n-----END OTHER-----\n", "line 2", "base64" },
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_diag d = { 0 };
		size_t at = 0, n = 99;

		assert_int_equal(mst_pem_next(mst_view_str(row[i].pem), &at, "A", out, sizeof(out), &n, &d),
				 MST_PKI_MALFORMED);
		assert_string_equal(d.field, row[i].line);
		if (!strstr(d.text, row[i].text))
			print_error("%zu: %s\n", i, d.text);
		assert_non_null(strstr(d.text, row[i].text));
		assert_int_equal(n, 99);
		assert_int_equal(at, 0);
	}
}

static void lines_count_from_the_start_of_the_file_and_crlf_is_fine(void **state)
{
	static const char pem[] =
		"-----BEGIN A-----\r\nAAAA\r\n-----END A-----\r\n-----BEGIN A-----\r\n!\r\n";
	struct mst_diag d = { 0 };
	size_t at = 0, n;
	uint8_t out[16];

	(void)state;
	assert_int_equal(mst_pem_next(MST_VIEW_LIT(pem), &at, "A", out, sizeof(out), &n, &d), 0);
	assert_int_equal(n, 3);
	assert_int_equal(mst_pem_next(MST_VIEW_LIT(pem), &at, "A", out, sizeof(out), &n, &d),
			 MST_PKI_MALFORMED);
	assert_string_equal(d.field, "line 5");
}

static void nothing_in_the_file_is_not_an_error(void **state)
{
	size_t at = 0, n = 99;
	uint8_t out[16];

	(void)state;
	assert_int_equal(mst_pem_next(MST_VIEW_NONE, &at, "A", out, sizeof(out), &n, NULL), 0);
	assert_int_equal(n, 0);
	n = 99;
	assert_int_equal(
		mst_pem_next(MST_VIEW_LIT("just text, no end of line"), &at, "A", out, sizeof(out), &n, NULL),
		0);
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(errors_name_the_line),
		cmocka_unit_test(lines_count_from_the_start_of_the_file_and_crlf_is_fine),
		cmocka_unit_test(nothing_in_the_file_is_not_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
