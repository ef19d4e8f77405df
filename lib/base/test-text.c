#include "tests/support/cm.h"

#include "base/text.h"

#include <stdio.h>

struct row { const char *plain, *coded; };

static void base64_known_answers(void **state)
{
	/* RFC 4648 section 10 */
	static const struct row row[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		uint8_t buf[32];
		struct mst_writer w = mst_writer_of(buf, sizeof(buf));
		size_t n = 99;

		mst_put_base64(&w, mst_view_str(row[i].plain));
		assert_true(mst_view_eq_str(mst_written(&w), row[i].coded) || !*row[i].coded);
		assert_true(mst_base64_decode(mst_view_str(row[i].coded), buf, sizeof(buf), &n));
		assert_int_equal(n, strlen(row[i].plain));
		assert_memory_equal(buf, row[i].plain, n);
	}
}

static void base64_refuses_what_it_would_not_write(void **state)
{
	static const char *const bad[] = { "Zg=", "Zg", "Zh==", "Zm9=", "=AAA", "Zg==Zg==", "Zm 9", "Zm9v\n", "====", "Z===" };
	uint8_t buf[32];
	size_t n;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_false(mst_base64_decode(mst_view_str(bad[i]), buf, sizeof(buf), &n));
	assert_false(mst_base64_decode(mst_view_str("Zm9v"), buf, 2, &n));
}

/* Every digit there is (RFC 4648 table 1), at every place, and every octet that is none. */
static void base64_digits(void **state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)state;
	for (unsigned at = 0; at < 4; at++) {
		for (unsigned c = 0; c < 256; c++) {
			uint8_t text[4] = { 'A', 'A', 'A', 'A' }, out[3], again[4];
			struct mst_writer w = mst_writer_of(again, sizeof(again));
			const char *digit = c ? strchr(digits, (int)c) : NULL;
			size_t n = 0;
			bool good;

			text[at] = (uint8_t)c;
			good = mst_base64_decode((struct mst_view){ text, sizeof(text) }, out, sizeof(out), &n);
			/* the end of a shorter one */
			assert_true(good == (digit || (c == '=' && at == 3)));
			if (!digit)
				continue;
			assert_int_equal(n, 3);
			assert_int_equal(out[0] << 16 | out[1] << 8 | out[2], (digit - digits) << (18 - 6 * at));
			mst_put_base64(&w, (struct mst_view){ out, sizeof(out) });
			assert_true(w.ok && w.n == 4);
			assert_memory_equal(again, text, sizeof(text));
		}
	}
}

/* Nothing is written behind the room that there is, and the length is written only when all of it is right. */
static void base64_room(void **state)
{
	static const char *const text[] = { "Zm9v", "Zm9vYmE=", "Zm9vYg==" };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(text); i++) {
		size_t want = i ? 6 - i : 3;

		for (size_t cap = 0; cap <= 8; cap++) {
			uint8_t out[9];
			size_t n = 99;

			memset(out, 0xee, sizeof(out));
			assert_true(mst_base64_decode(mst_view_str(text[i]), out, cap, &n) == (cap >= want));
			assert_int_equal(n, cap >= want ? want : 99);
			assert_int_equal(out[cap < want ? cap : want], 0xee);
		}
	}
	assert_true(mst_base64_decode(MST_VIEW_NONE, NULL, 0, &(size_t){ 9 }));
}

static void hex_both_cases(void **state)
{
	uint8_t buf[8];
	size_t n;

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t octet = (uint8_t)c, said[4];
		struct mst_writer w = mst_writer_of(said, sizeof(said));
		char want[5];

		mst_put_hex(&w, (struct mst_view){ &octet, 1 });
		mst_put_hex_lower(&w, (struct mst_view){ &octet, 1 });
		snprintf(want, sizeof(want), "%02X%02x", c, c);
		assert_true(w.ok && w.n == 4);
		assert_memory_equal(said, want, 4);
	}
	assert_true(mst_hex_decode(mst_view_str("00fFAb"), buf, sizeof(buf), &n));
	assert_int_equal(n, 3);
	assert_memory_equal(buf, "\x00\xff\xab", 3);
	assert_false(mst_hex_decode(mst_view_str("0"), buf, sizeof(buf), &n));
	assert_false(mst_hex_decode(mst_view_str("0g"), buf, sizeof(buf), &n));
	assert_false(mst_hex_decode(mst_view_str("000000"), buf, 2, &n));
}

static void percent_round_trip(void **state)
{
	uint8_t buf[64], out[64];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	size_t n;

	(void)state;
	mst_put_percent(&w, mst_view_str("A0@mef.example.com/~"));
	assert_true(mst_view_eq_str(mst_written(&w), "A0%40mef.example.com%2F~"));
	assert_true(mst_percent_decode(mst_written(&w), out, sizeof(out), &n));
	assert_int_equal(n, 20);
	assert_memory_equal(out, "A0@mef.example.com/~", 20);
	assert_false(mst_percent_decode(mst_view_str("%4"), out, sizeof(out), &n));
	assert_false(mst_percent_decode(mst_view_str("%zz"), out, sizeof(out), &n));
}

static void utf8(void **state)
{
	static const char *const good[] = { "", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff", "\xe2\x82" };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(good); i++)
		assert_true(mst_utf8_valid(mst_view_str(good[i])));
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_false(mst_utf8_valid(mst_view_str(bad[i])));
}

static void mended(void **state)
{
	static const struct { const char *from, *to; } row[] = {
		{ "", "" }, { "a\xc3\xbc", "a\xc3\xbc" }, { "a\xc3", "a?" }, { "\xe2\x82", "??" }, { "\xff\xf0\x9f\x94\x91\x80z", "?\xf0\x9f\x94\x91?z" },
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		snprintf(text, sizeof(text), "%s", row[i].from);
		mst_utf8_mend(text);
		assert_string_equal(text, row[i].to);
	}
}

static void plain(void **state)
{
	static const char *const good[] = { "", "Pumpe 7 \xc3\xbc\xc2\xa0", "\xd9\x85", "\xe2\x80\xa7", "\xe2\x81\xa5", "\xf0\x9f\x94\x91" };
	static const char *const bad[] = { "\x1b[2J", "\x7f", ("\xc2\x9b" "2J"), "\xc2\x80", "\xe2\x80\xa8", "\xe2\x80\xa9", "a\xe2\x80\xae",
		"\xe2\x80\xaa", "\xe2\x81\xa6", "\xe2\x81\xa9", "\xd8\x9c", "\xe2\x80\x8f", "\xff" };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(good); i++)
		assert_true(mst_text_plain(mst_view_str(good[i])));
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_false(mst_text_plain(mst_view_str(bad[i])));
}

static void decimal(void **state)
{
	uint64_t x = 7;

	(void)state;
	assert_true(mst_parse_dec(mst_view_str("0"), 10, &x) && x == 0);
	assert_true(mst_parse_dec(mst_view_str("18446744073709551615"), UINT64_MAX, &x) && x == UINT64_MAX);
	assert_false(mst_parse_dec(mst_view_str("18446744073709551616"), UINT64_MAX, &x));
	assert_false(mst_parse_dec(mst_view_str("11"), 10, &x));
	assert_false(mst_parse_dec(mst_view_str("01"), 10, &x));
	assert_false(mst_parse_dec(mst_view_str("-1"), 10, &x));
	assert_false(mst_parse_dec(mst_view_str("+1"), 10, &x));
	assert_false(mst_parse_dec(mst_view_str(""), 10, &x));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_known_answers), cmocka_unit_test(base64_refuses_what_it_would_not_write), cmocka_unit_test(base64_digits), cmocka_unit_test(base64_room),
		cmocka_unit_test(hex_both_cases), cmocka_unit_test(percent_round_trip), cmocka_unit_test(utf8), cmocka_unit_test(mended), cmocka_unit_test(plain),
		cmocka_unit_test(decimal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
