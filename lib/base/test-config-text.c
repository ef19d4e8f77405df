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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
