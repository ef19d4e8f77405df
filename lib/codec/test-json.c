#include "tests/support/cm.h"

#include <jansson.h>

#include "codec/json.h"
#include "codec/msg.h"

static uint8_t arena_octets[1024];

/* Outcome of reading it all: 0 or an error. */
static int judge(struct mst_view in, const char **ret_why)
{
	struct mst_arena a = mst_arena_of(arena_octets, sizeof(arena_octets));
	struct mst_json j = mst_json_of(in, &a);
	enum mst_json_token t;

	do {
		a.n = 0;
		t = mst_json_next(&j);
	} while (t != MST_JSON_END && t != MST_JSON_ERROR);
	*ret_why = t == MST_JSON_ERROR ? j.why : NULL;
	if (t == MST_JSON_ERROR)
		assert_int_equal(mst_json_next(&j), MST_JSON_ERROR);
	return t == MST_JSON_ERROR ? j.error : 0;
}

static bool jansson_takes(struct mst_view in, json_error_t *e)
{
	json_t *v = json_loadb((const char *)in.p, in.n, JSON_DECODE_ANY, e);
	bool ok = v;

	json_decref(v);
	return ok;
}

#define N(s) { (const uint8_t *)(s), sizeof(s) - 1 }
/* `theirs`: jansson refuses what RFC 8259 allows, because its own numbers cannot hold it. */
static const struct nasty { struct mst_view in; int outcome; bool theirs; } nasty[] = {
	{ N("{}"), 0 }, { N(" [ ] \n"), 0 }, { N("\"\""), 0 }, { N("0"), 0 }, { N("-0"), 0 },
	{ N("-1.5e-3"), 0 }, { N("1E+2"), 0 },
	{ N("true"), 0 }, { N("null"), 0 }, { N("[1,[2,{\"a\":[]}]]"), 0 },
	{ N("\"\\u00e4\\/\\b\\f\\n\\r\\t\\\\\\\"\""), 0 }, { N("\"\\ud83d\\ude00\""), 0 },
	{ N("\"\xf0\x9f\x98\x80\x7f\""), 0 },
	{ N("\xef\xbb\xbf{}"), MST_MSG_MALFORMED },                            /* byte order mark */
	{ N(""), MST_MSG_MALFORMED }, { N(" "), MST_MSG_MALFORMED }, { N("{"), MST_MSG_MALFORMED },
	{ N("}"), MST_MSG_MALFORMED },
	{ N("[1,]"), MST_MSG_MALFORMED }, { N("{\"a\":1,}"), MST_MSG_MALFORMED },
	{ N("[,1]"), MST_MSG_MALFORMED },
	{ N("[1 2]"), MST_MSG_MALFORMED }, { N("{\"a\" 1}"), MST_MSG_MALFORMED },
	{ N("{a:1}"), MST_MSG_MALFORMED },
	{ N("{'a':1}"), MST_MSG_MALFORMED }, { N("{\"a\":}"), MST_MSG_MALFORMED },
	{ N("{1:1}"), MST_MSG_MALFORMED },
	{ N("[1}"), MST_MSG_MALFORMED }, { N("{\"a\":1]"), MST_MSG_MALFORMED },
	{ N("[\"a\":1]"), MST_MSG_MALFORMED },
	{ N("01"), MST_MSG_MALFORMED }, { N("-01"), MST_MSG_MALFORMED }, { N("+1"), MST_MSG_MALFORMED },
	{ N(".5"), MST_MSG_MALFORMED },
	{ N("1."), MST_MSG_MALFORMED }, { N("1e"), MST_MSG_MALFORMED }, { N("-"), MST_MSG_MALFORMED },
	{ N("0x1"), MST_MSG_TRAILING },
	{ N("NaN"), MST_MSG_MALFORMED }, { N("Infinity"), MST_MSG_MALFORMED },
	{ N("-Infinity"), MST_MSG_MALFORMED },
	{ N("True"), MST_MSG_MALFORMED }, { N("tru"), MST_MSG_MALFORMED }, { N("nulll"), MST_MSG_TRAILING },
	{ N("1 1"), MST_MSG_TRAILING },
	{ N("{}{}"), MST_MSG_TRAILING }, { N("{}\0"), MST_MSG_TRAILING },
	{ N("// x\n{}"), MST_MSG_MALFORMED }, { N("{}/**/"), MST_MSG_TRAILING },
	{ N("\""), MST_MSG_MALFORMED }, { N("\"\\\""), MST_MSG_MALFORMED },
	{ N("\"\\x41\""), MST_MSG_MALFORMED }, { N("\"\\u12\""), MST_MSG_MALFORMED },
	{ N("\"\\u12g4\""), MST_MSG_MALFORMED }, { N("\"\\"), MST_MSG_MALFORMED },
	{ N("\"\\u0000\""), MST_MSG_MALFORMED }, { N("\"a\0b\""), MST_MSG_MALFORMED },
	{ N("\"a\nb\""), MST_MSG_MALFORMED },
	{ N("\"a\tb\""), MST_MSG_MALFORMED }, { N("\"\x1f\""), MST_MSG_MALFORMED },
	{ N("\"\\ud83d\""), MST_MSG_MALFORMED }, { N("\"\\ude00\""), MST_MSG_MALFORMED },
	{ N("\"\\ud83d\\ud83d\""), MST_MSG_MALFORMED },
	{ N("\"\\ude00\\ud83d\""), MST_MSG_MALFORMED }, { N("\"\\ud83dx\""), MST_MSG_MALFORMED },
	{ N("\"\\ud83d\\n\""), MST_MSG_MALFORMED },
	/* overlong */
	{ N("\"\xc0\xaf\""), MST_MSG_MALFORMED }, { N("\"\xe0\x80\xaf\""), MST_MSG_MALFORMED },
	/* surrogate */
	{ N("\"\xf0\x80\x80\xaf\""), MST_MSG_MALFORMED }, { N("\"\xed\xa0\x80\""), MST_MSG_MALFORMED },
	{ N("\"\xf4\x90\x80\x80\""), MST_MSG_MALFORMED }, { N("\"\xff\""), MST_MSG_MALFORMED },
	{ N("\"\xc3\""), MST_MSG_MALFORMED },
	{ N("\"\x80\""), MST_MSG_MALFORMED }, { N("[\xa0]"), MST_MSG_MALFORMED },
	{ N("[\x0b]"), MST_MSG_MALFORMED },
	{ N("1e400"), 0, true }, { N("-1e400"), 0, true }, { N("99999999999999999999"), 0, true },
	{ N("9223372036854775808"), 0, true },
};

static void nasty_inputs_judged_like_jansson_judges_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(nasty); i++) {
		const char *why;
		json_error_t e;
		int o = judge(nasty[i].in, &why);

		if (o != nasty[i].outcome)
			fail_msg("row %zu: %s (%s)", i, mst_msg_outcome_text(o), why);
		assert_true(!o == !why);
		if (jansson_takes(nasty[i].in, &e) != (o == 0 && !nasty[i].theirs))
			fail_msg("row %zu: jansson says %s", i, e.text);
	}
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* The same judgement on 20000 damaged texts; the differences are those of the table above, and depth. */
static void damaged_inputs_judged_alike(void **state)
{
	static const char alphabet[] = "{}[]\",:\\u0eE+-.123456789abtrufalsn \n\t\xc3\xa4\xed\xa0\xf4\x01";
	uint64_t seed = 0x6d7573746572;
	unsigned good = 0, refused = 0;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		const struct nasty *from = &nasty[next_random(&seed) % MST_COUNT(nasty)];
		uint8_t text[64];
		struct mst_view v = { text, from->in.n };
		const char *why;
		json_error_t e;
		int o;

		memcpy(text, from->in.p, from->in.n);
		for (unsigned k = 0; k < 1 + round % 3; k++) {
			size_t at = next_random(&seed) % (v.n + 1);
			uint8_t c = (uint8_t)alphabet[next_random(&seed) % (sizeof(alphabet) - 1)];

			if (next_random(&seed) % 2 && at < v.n) {
				text[at] = c;
			} else {
				memmove(text + at + 1, text + at, v.n - at);
				text[at] = c;
				v.n++;
			}
		}
		o = judge(v, &why);
		/* jansson has no bound of 8, and stops at a NUL behind a number */
		if (o == MST_MSG_DEPTH_EXCEEDED || mst_view_find(v, 0) < v.n)
			continue;
		good += !o;
		refused += o != 0;
		if (jansson_takes(v, &e) != !o && !strstr(e.text, "overflow") && !strstr(e.text, "too big"))
			fail_msg("round %u: we %s, jansson %s: %.*s", round, o ? why : "accept", e.text,
			         (int)v.n, (const char *)v.p);
	}
	assert_true(good > 500 && refused > 5000);
}

static void depth_is_bounded(void **state)
{
	char text[256];
	const char *why;

	(void)state;
	for (unsigned depth = 1; depth <= 100; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(judge((struct mst_view){ (uint8_t *)text, 2 * depth }, &why),
		                 depth > MST_MSG_DEPTH ? MST_MSG_DEPTH_EXCEEDED : 0);
	}
}

static void tokens_carry_their_values(void **state)
{
	static const char text[] = "{\"a\\u0062\":-9223372036854775808,\"c\":[1.0,9223372036854775807,9223372036854775808,\"\\ud83d\\ude00x\"]}";
	struct mst_arena a = mst_arena_of(arena_octets, sizeof(arena_octets));
	struct mst_json j = mst_json_of(mst_view_str(text), &a);

	(void)state;
	assert_int_equal(mst_json_next(&j), MST_JSON_OBJECT);
	assert_int_equal(mst_json_next(&j), MST_JSON_NAME);
	assert_true(mst_view_eq_str(j.text, "ab"));
	assert_int_equal(j.start, 1);
	assert_int_equal(mst_json_next(&j), MST_JSON_NUMBER);
	assert_true(j.integer && j.fits && j.number == INT64_MIN);
	assert_int_equal(mst_json_next(&j), MST_JSON_NAME);
	assert_int_equal(mst_json_next(&j), MST_JSON_ARRAY);
	assert_int_equal(mst_json_next(&j), MST_JSON_NUMBER);
	assert_false(j.integer);
	assert_int_equal(mst_json_next(&j), MST_JSON_NUMBER);
	assert_true(j.integer && j.fits && j.number == INT64_MAX);
	assert_int_equal(mst_json_next(&j), MST_JSON_NUMBER);
	assert_true(j.integer && !j.fits);
	assert_int_equal(mst_json_next(&j), MST_JSON_STRING);
	assert_true(mst_view_eq_str(j.text, "\xf0\x9f\x98\x80x"));
	assert_int_equal(mst_json_next(&j), MST_JSON_ARRAY_END);
	assert_int_equal(mst_json_next(&j), MST_JSON_OBJECT_END);
	assert_int_equal(mst_json_next(&j), MST_JSON_END);
	assert_int_equal(a.n, 2 + 5);
}

static void a_full_arena_is_said_so(void **state)
{
	uint8_t two[2];
	struct mst_arena a = mst_arena_of(two, sizeof(two));
	struct mst_json j = mst_json_of(mst_view_str("[\"plain text\",\"\\n123\"]"), &a);

	(void)state;
	assert_int_equal(mst_json_next(&j), MST_JSON_ARRAY);
	assert_int_equal(mst_json_next(&j), MST_JSON_STRING);
	assert_int_equal(mst_json_next(&j), MST_JSON_ERROR);
	assert_int_equal(j.error, MST_MSG_TOO_LARGE);
}

static void skipping(void **state)
{
	struct mst_arena a = mst_arena_of(arena_octets, sizeof(arena_octets));
	struct mst_json j = mst_json_of(mst_view_str("[{\"a\":[1,{\"\\n\":\"\\n\"}]},2]"), &a), bad;

	(void)state;
	assert_int_equal(mst_json_next(&j), MST_JSON_ARRAY);
	assert_true(mst_json_skip(&j, mst_json_next(&j)));
	assert_int_equal(a.n, 0);
	assert_true(mst_json_skip(&j, mst_json_next(&j)));
	assert_int_equal(mst_json_next(&j), MST_JSON_ARRAY_END);
	bad = mst_json_of(mst_view_str("[[1,"), &a);
	assert_false(mst_json_skip(&bad, mst_json_next(&bad)));
}

/* What we write, jansson reads as the same text. */
static void strings_written(void **state)
{
	char in[128];
	uint8_t out[1024];
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	json_error_t e;
	json_t *v;

	(void)state;
	for (size_t i = 0; i < sizeof(in) - 1; i++)
		in[i] = (char)(i + 1);
	mst_json_put_string(&w, (struct mst_view){ (uint8_t *)in, sizeof(in) - 1 });
	v = json_loadb((const char *)out, w.n, JSON_DECODE_ANY, &e);
	assert_non_null(v);
	assert_int_equal(json_string_length(v), sizeof(in) - 1);
	assert_memory_equal(json_string_value(v), in, sizeof(in) - 1);
	json_decref(v);
	mst_json_put_string(&w, mst_view_str("\xff"));
	assert_false(w.ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nasty_inputs_judged_like_jansson_judges_them),
			cmocka_unit_test(damaged_inputs_judged_alike),
		cmocka_unit_test(depth_is_bounded), cmocka_unit_test(tokens_carry_their_values),
		cmocka_unit_test(a_full_arena_is_said_so), cmocka_unit_test(skipping),
			cmocka_unit_test(strings_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
