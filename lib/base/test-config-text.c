#include <stdio.h>

#include "tests/support/cm.h"

#include "base/attr.h"
#include "base/config-text.h"

static void a_nul_is_shown_where_it_would_cut(void **state)
{
	static const struct { const char *text, *want; } table[] = {
		{ "a = \"x\\x00y\";", "a = \"x\\x01y\";" }, { "a = \"\\X00\\x00\";", "a = \"\\X01\\x01\";" },
		{ "a = \"x\\\\x00y\";", "a = \"x\\\\x00y\";" }, { "a = \"x\\\"\\x00\";", "a = \"x\\\"\\x01\";" },
		{ "# \"\n\\x00 a = \"\\x0\";", "# \"\n\\x00 a = \"\\x0\";" }, { "/* \" */ a = \"\\x00\" \"\\x00", "/* \" */ a = \"\\x01\" \"\\x01" },
		{ "// \\x00\"", "// \\x00\"" }, { "\"\\", "\"\\" }, { "\"\\x", "\"\\x" }, { "", "" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(table); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s", table[i].text);
		mst_config_show_nul(text);
		assert_string_equal(text, table[i].want);
	}
}

static void an_include_has_a_line(void **state)
{
	unsigned line = 0;

	(void)state;
	assert_false(mst_config_has_include("a = \"@include\";\n", &line));
	assert_true(mst_config_has_include("a = 1;\n\n \t@include \"x\"", &line));
	assert_int_equal(line, 3);
}

/* Whatever its base, a number that would not be what is written. */
static void a_number_that_would_wrap_has_a_line(void **state)
{
	static const struct { const char *text; unsigned line; } table[] = {
		{ "a = 2147483647; b = -2147483648; c = 0x7fffffff;", 0 }, { "a = 2147483648;", 1 }, { "\na = -2147483649;", 2 },
		{ "a = [1,\n0x80000000];", 2 }, { "a = 0X100000002;", 1 }, { "a = 99999999999999999999;", 1 }, { "a = 0xfffffffffffffffffffff;", 1 },
		{ "a = 4294967298L; b = 0x100000002L;", 0 }, { "a = \"4294967298\"; # 4294967298\n/* 0x100000002 */", 0 },
		{ "a4294967298 = 1; b0x100000002 = 1; c = 4294967298.5;", 0 }, { "a = 0x;", 0 }, { "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(table); i++) {
		unsigned line = 0;

		if (mst_config_has_wrapped_number(table[i].text, &line) != !!table[i].line || line != table[i].line)
			fail_msg("row %zu: line %u", i, line);
	}
}

static void control_characters(void **state)
{
	(void)state;
	assert_true(mst_config_has_control("a\x01"));
	assert_true(mst_config_has_control("\x7f"));
	assert_false(mst_config_has_control("M\xc3\xbcller ~"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nul_is_shown_where_it_would_cut), cmocka_unit_test(an_include_has_a_line), cmocka_unit_test(control_characters),
		cmocka_unit_test(a_number_that_would_wrap_has_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
