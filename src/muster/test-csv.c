#include "tests/support/cm.h"

#include "base/attr.h"
#include "csv.h"

static void expect(struct csv *c, size_t n, const char *const *cell)
{
	assert_int_equal(csv_next(c), n);
	assert_null(c->error);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(c->cell[i], cell[i]);
}

static void plain_and_quoted(void **state)
{
	char text[] = "\xef\xbb\xbf" "a,b,c\r\n\n\"x,1\",\"say \"\"hi\"\"\",\r\n,\"two\nlines\",z";
	struct csv c;

	(void)state;
	csv_start(&c, text, strlen(text));
	assert_int_equal(csv_count(&c), 3);
	expect(&c, 3, (const char *const[]){ "a", "b", "c" });
	assert_int_equal(c.line, 1);
	expect(&c, 3, (const char *const[]){ "x,1", "say \"hi\"", "" });
	assert_int_equal(c.line, 3);
	expect(&c, 3, (const char *const[]){ "", "two\nlines", "z" });
	assert_int_equal(csv_next(&c), 0);
}

static void a_bad_record_does_not_spoil_the_next(void **state)
{
	char text[] = "a\"b,c\nd,e\n\"f\"g,h\ni,j\n\"open,k\n";
	struct csv c;

	(void)state;
	csv_start(&c, text, strlen(text));
	assert_true(csv_next(&c) > 0 && c.error);
	expect(&c, 2, (const char *const[]){ "d", "e" });
	assert_true(csv_next(&c) > 0 && c.error);
	assert_int_equal(c.line, 3);
	expect(&c, 2, (const char *const[]){ "i", "j" });
	assert_true(csv_next(&c) > 0 && c.error);
	assert_int_equal(csv_next(&c), 0);
}

/* A quote that stands where none may: its record is told with its line, and no other is lost from the count. */
static void what_is_read_was_counted(void **state)
{
	static const struct { const char *text; size_t records, bad_line; } table[] = {
		{ "a\"b,c\nd,e\nf,g\n", 3, 1 }, { "a,b\nc\"d,e\nf,g", 3, 2 }, { "\"f\"g,h\ni,j\n", 2, 1 },
		{ "a\n\"open,k\nl\nm\n", 2, 2 }, { "a,\"x\ny\"\nb\"\nc\n", 3, 3 }, { "\"a\"\rX,b\nc,d\n\"e\",\"f\"\r", 3, 1 },
		{ ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\"a\nb\"\nc\n", 3, 1 }, { "a,", 1, 0 }, { "\"a\"\"b\"\r\nc", 2, 0 }, { "\n\r\n", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(table); i++) {
		size_t n = 0, bad_line = 0;
		char text[128];
		struct csv c;

		snprintf(text, sizeof(text), "%s", table[i].text);
		csv_start(&c, text, strlen(text));
		assert_int_equal(csv_count(&c), table[i].records);
		for (; csv_next(&c) > 0; n++)
			if (c.error && !bad_line)
				bad_line = c.line;
		assert_int_equal(n, table[i].records);
		assert_int_equal(bad_line, table[i].bad_line);
	}
}

static void too_many_cells(void **state)
{
	char text[200];
	struct csv c;

	(void)state;
	memset(text, ',', 100);
	memcpy(text + 100, "\nx\n", 4);
	csv_start(&c, text, 103);
	assert_true(csv_next(&c) > 0);
	assert_non_null(c.error);
	expect(&c, 1, (const char *const[]){ "x" });
}

static void written_cells_read_back(void **state)
{
	static const char *const cell[] = { "", "plain", "a,b", "\"", "line\nline" };
	char text[256] = "";
	struct csv c;
	FILE *f = fmemopen(text, sizeof(text), "w");

	(void)state;
	for (size_t i = 0; i < MST_COUNT(cell); i++) {
		if (i)
			fputc(',', f);
		csv_put(f, cell[i]);
	}
	fclose(f);
	csv_start(&c, text, strlen(text));
	expect(&c, MST_COUNT(cell), cell);
}

/* `"a"` CR `X`: the X was overwritten, and what followed it became a record of its own. */
static void a_return_behind_a_quote_ends_no_record(void **state)
{
	char text[] = "\"a\"\rX,b\nc,d\n\"e\",\"f\"\r";
	struct csv c;

	(void)state;
	csv_start(&c, text, strlen(text));
	assert_true(csv_next(&c) > 0 && c.error);
	expect(&c, 2, (const char *const[]){ "c", "d" });
	expect(&c, 2, (const char *const[]){ "e", "f" });
	assert_int_equal(csv_next(&c), 0);
}

/* All of it, a bad one too; what follows is read as ever. */
static void a_record_is_forgotten(void **state)
{
	char text[] = "\na,\"b\"\"b\"\r\nx\"y,z\nc,d";
	struct csv c;

	(void)state;
	csv_start(&c, text, strlen(text));
	expect(&c, 2, (const char *const[]){ "a", "b\"b" });
	csv_forget(&c);
	assert_true(csv_next(&c) > 0 && c.error);
	csv_forget(&c);
	for (size_t i = 1; i < sizeof(text) - sizeof("c,d"); i++)
		assert_int_equal(text[i], 0);
	expect(&c, 2, (const char *const[]){ "c", "d" });
	csv_forget(&c);
	assert_int_equal(csv_next(&c), 0);
	csv_forget(&c);
	for (size_t i = 1; i < sizeof(text); i++)
		assert_int_equal(text[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_and_quoted), cmocka_unit_test(a_bad_record_does_not_spoil_the_next), cmocka_unit_test(a_return_behind_a_quote_ends_no_record),
		cmocka_unit_test(what_is_read_was_counted), cmocka_unit_test(a_record_is_forgotten),
		cmocka_unit_test(too_many_cells), cmocka_unit_test(written_cells_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
