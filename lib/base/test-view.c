#include "tests/support/cm.h"

#include "base/diag.h"
#include "base/secret.h"
#include "base/writer.h"

static void reader_latches(void **state)
{
	static const uint8_t in[] = { 0, 1, 'x', 0, 0, 0, 9 };
	struct mst_reader r = mst_reader_of((struct mst_view){ in, sizeof(in) });

	(void)state;
	assert_true(mst_view_eq_str(mst_read_block16(&r), "x"));
	assert_int_equal(mst_read_u32(&r), 9);
	assert_true(mst_read_end(&r));
	assert_int_equal(mst_read_u8(&r), 0);
	assert_false(r.ok);
	assert_int_equal(mst_read(&r, 0).n, 0);
	assert_false(mst_read_end(&r));
}

static void reader_refuses_a_block_longer_than_the_rest(void **state)
{
	static const uint8_t in[] = { 0xff, 0xff, 0xff, 0xff, 1 };
	struct mst_reader r = mst_reader_of((struct mst_view){ in, sizeof(in) });

	(void)state;
	assert_int_equal(mst_read_block32(&r).n, 0);
	assert_false(r.ok);
}

static void writer_latches(void **state)
{
	uint8_t buf[4];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));

	(void)state;
	mst_put_u16(&w, 0x0102);
	mst_put_u32(&w, 1);
	assert_false(w.ok);
	assert_int_equal(w.n, 2);
	mst_put_u8(&w, 1);
	assert_int_equal(w.n, 2);
	assert_int_equal(mst_written(&w).n, 0);
}

static void decimals_of_the_extremes(void **state)
{
	uint8_t buf[32];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));

	(void)state;
	mst_put_dec(&w, INT64_MIN);
	assert_true(mst_view_eq_str(mst_written(&w), "-9223372036854775808"));
}

static void strings_from_views(void **state)
{
	char out[4];

	(void)state;
	assert_true(mst_view_to_str(mst_view_str("abc"), out, sizeof(out)));
	assert_string_equal(out, "abc");
	assert_false(mst_view_to_str(mst_view_str("abcd"), out, sizeof(out)));
	assert_string_equal(out, "");
	assert_false(mst_view_to_str((struct mst_view){ (const uint8_t *)"a\0b", 3 }, out, sizeof(out)));
}

static void keys(void **state)
{
	struct mst_key k;
	static const uint8_t zero[sizeof(k)];
	uint8_t big[MST_KEY_MAX + 1] = { 0 };

	(void)state;
	assert_true(mst_key_set(&k, mst_view_str("secret")));
	assert_true(mst_ct_equal(mst_key_view(&k), mst_view_str("secret")));
	assert_false(mst_ct_equal(mst_key_view(&k), mst_view_str("secreT")));
	assert_false(mst_ct_equal(mst_key_view(&k), mst_view_str("secre")));
	assert_false(mst_key_set(&k, (struct mst_view){ big, sizeof(big) }));
	assert_memory_equal(&k, zero, sizeof(k));
	assert_false(mst_key_set(&k, MST_VIEW_NONE));
}

static void diagnostics_are_cut_not_lost(void **state)
{
	struct mst_diag d;
	char longer[300];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	mst_diag_set(&d, 5, longer, "a", longer, NULL);
	assert_int_equal(strlen(d.field), sizeof(d.field) - 1);
	assert_int_equal(strlen(d.text), sizeof(d.text) - 1);
	assert_int_equal(d.offset, 5);
	mst_diag_set(NULL, 0, NULL, "a", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reader_latches), cmocka_unit_test(reader_refuses_a_block_longer_than_the_rest),
		cmocka_unit_test(writer_latches), cmocka_unit_test(decimals_of_the_extremes),
		cmocka_unit_test(strings_from_views), cmocka_unit_test(keys), cmocka_unit_test(diagnostics_are_cut_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
