/* Every allocation fails in turn, once and from then on: no memory, or the same tree; and what the library does by itself, which is why. */
#include "tests/support/cm.h"
#include "tests/support/wrap-malloc.h"

#include "jansson/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned given;
static void give_back(void *p)
{
	given += p != NULL;
	free(p);
}

static json_t *read_with(const char *text, size_t n, unsigned long at, json_error_t *e)
{
	json_t *j;

	taken = 0;
	fail_at = at;
	j = mst_json_read(text, n, JSON_REJECT_DUPLICATES, e);
	fail_at = 0;
	return j;
}

static unsigned sweep(const char *text, size_t n)
{
	json_error_t e;
	json_t *want = read_with(text, n, 0, &e), *j = NULL;
	unsigned refused = 0;

	assert_non_null(want);
	for (unsigned long at = 1; !j; at += at < 2000 ? 1 : 997) {
		j = read_with(text, n, at, &e);
		assert_true(j || mst_json_no_memory(&e));
		assert_true(j || strcmp(e.text, "no memory") == 0);
		refused += !j;
	}
	assert_true(json_equal(j, want));
	json_decref(j);
	json_decref(want);
	return refused;
}

static void every_allocation(void **state)
{
	static const char text[] =
		"{\"a\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"list\":[1,-2,3.5,true,null,{\"x\":{}}],\"\\u00e4\":\"\\u20ac\","
		"\"k1\":1,\"k2\":1,\"k3\":1,\"k4\":1,\"k5\":1,\"k6\":1,\"k7\":1,\"k8\":1,\"k9\":1,\"more\":[[],[],[],[],[],[],[],[],[],[],[]]}";

	(void)state;
	for (int l = 0; l < 2; l++) {
		lasting = l;
		assert_true(sweep(text, sizeof(text) - 1) > 60);
	}
}

/* A string of any length, where each octet may be the one for which the text has to grow. */
static void strings(void **state)
{
	char text[160];

	(void)state;
	for (int l = 0; l < 2; l++)
		for (int n = 0; n < 150; n++) {
			lasting = l;
			sweep(text, (size_t)snprintf(text, sizeof(text), "[\"%.*s\"]", n, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"));
		}
}

/* The library's own reader loses what it has no room for. Without this there is no use for ours. */
static void why(void **state)
{
	static const char text[] = "[\"0123456789abcdef0123456789abcdef\"]";
	json_t *want = json_loads(text, 0, NULL), *j = NULL;
	unsigned other = 0;

	(void)state;
	lasting = false;
	/* not where it would lose the closing quote: it would look for it behind its memory */
	for (unsigned long at = 1; at < 12; at++) {
		taken = 0;
		fail_at = at;
		j = json_loads(text, 0, NULL);
		fail_at = 0;
		other += j && !json_equal(j, want);
		json_decref(j);
	}
	json_decref(want);
	if (!other)
		print_message("# this Jansson loses nothing\n");
}

/* What takes most for its length, with nothing but the reserve. */
static void the_reserve_is_enough(void **state)
{
	static const struct { const char *head, *unit, *tail; } dear[] = {
		{ "[", "{},", "{}]" }, { "[", "[],", "[]]" }, { "[", "1,", "1]" }, { "[", "\"\",", "\"\"]" }, { "[", "{\"\":0},", "0]" }, { "[", "1.5,", "0]" },
		{ "[", "{\"\":{}},", "0]" }, { "[\"", "x", "\"]" }, { "[\"", "\\u20ac", "\"]" }, { "[", "null,", "0]" },
	};
	const size_t size = 1 << 17;
	char *text = malloc(size + 64), *p;

	(void)state;
	assert_non_null(text);
	lasting = true;
	for (size_t i = 0; i < MST_COUNT(dear); i++) {
		p = stpcpy(text, dear[i].head);
		while (p < text + size)
			p = stpcpy(p, dear[i].unit);
		p = stpcpy(p, dear[i].tail);
		assert_null(read_with(text, (size_t)(p - text), 1, &(json_error_t){ 0 }));
	}
	p = text;                            /* a table with as many names as there is room for */
	p = stpcpy(p, "{");
	for (unsigned i = 0; p < text + size; i++)
		p += sprintf(p, "\"%x\":{},", i);
	p = stpcpy(p, "\"\":0}");
	assert_null(read_with(text, (size_t)(p - text), 1, &(json_error_t){ 0 }));
	for (int i = 0; i < 2; i++) {        /* as deep as it goes, and deeper */
		for (p = text; p < text + (i ? 9000 : 2000) * 5;)
			p = stpcpy(p, "{\"\":");
		assert_null(read_with(text, (size_t)(p - text), 1, &(json_error_t){ 0 }));
	}
	free(text);
}

static void no_json(void **state)
{
	json_error_t e;

	(void)state;
	assert_null(mst_json_read("{\"a\":1,\n\"a\":2}", 14, JSON_REJECT_DUPLICATES, &e));
	assert_true(!mst_json_no_memory(&e) && e.line == 2);
	assert_null(mst_json_read("", 0, 0, NULL));
	given = 0;
	json_decref(mst_json_read("{\"a\":[1]}", 9, 0, NULL));
	assert_true(given >= 4);             /* by who wipes it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation), cmocka_unit_test(strings), cmocka_unit_test(why), cmocka_unit_test(the_reserve_is_enough),
		cmocka_unit_test(no_json),
	};

	mst_json_begin(give_back);
	return cmocka_run_group_tests_name("reading JSON", tests, NULL, NULL);
}
