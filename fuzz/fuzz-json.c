/*
 * Any octets as JSON: taken by us where jansson takes them, as the same tree. And as each JSON message: what is accepted is
 * written, read and written again alike, also by way of CBOR.
 */
#include <jansson.h>
#include <stdlib.h>

#include "codec/instr.h"
#include "codec/json.h"
#include "codec/resources.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static union {
	struct mst_client_reg r;
	struct mst_key_reg k;
	struct mst_fetched f;
	struct mst_client_cmd c;
	struct mst_client_cfg g;
} msg, again;
static uint8_t arena[65536], out[65536], out2[65536];

static bool text_is(const struct mst_json *j, const char *p, size_t n)
{
	return mst_view_eq(j->text, (struct mst_view){ (const uint8_t *)p, n });
}

/* The value that begins with `t`, against theirs. */
static bool same(struct mst_json *j, enum mst_json_token t, const json_t *v)
{
	size_t n = 0;

	switch (t) {
	case MST_JSON_OBJECT:
		for (t = mst_json_next(j); t == MST_JSON_NAME; t = mst_json_next(j), n++) {
			const json_t *member = json_object_getn(v, (const char *)j->text.p, j->text.n);

			if (!member || !same(j, mst_json_next(j), member))
				return false;
		}
		return t == MST_JSON_OBJECT_END && json_is_object(v) && n == json_object_size(v);
	case MST_JSON_ARRAY:
		for (t = mst_json_next(j); t != MST_JSON_ARRAY_END; t = mst_json_next(j), n++)
			if (!same(j, t, json_array_get(v, n)))
				return false;
		return json_is_array(v) && n == json_array_size(v);
	case MST_JSON_STRING:
		return json_is_string(v) && text_is(j, json_string_value(v), json_string_length(v));
	case MST_JSON_NUMBER:
		return j->integer ? json_is_integer(v) && j->fits && j->number == json_integer_value(v) : json_is_real(v);
	case MST_JSON_TRUE: return json_is_true(v);
	case MST_JSON_FALSE: return json_is_false(v);
	case MST_JSON_NULL: return json_is_null(v);
	case MST_JSON_NAME: case MST_JSON_END: case MST_JSON_OBJECT_END: case MST_JSON_ARRAY_END: case MST_JSON_ERROR: break;
	}
	return false;
}

static bool nul_behind_a_word(struct mst_view in, size_t at)
{
	return at && at < in.n && !in.p[at] && ((in.p[at - 1] >= '0' && in.p[at - 1] <= '9') || (in.p[at - 1] >= 'a' && in.p[at - 1] <= 'z'));
}

static void against_jansson(struct mst_view in)
{
	struct mst_arena a = mst_arena_of(arena, sizeof(arena));
	struct mst_json j = mst_json_of(in, &a);
	bool ours = mst_json_skip(&j, mst_json_next(&j)) && mst_json_next(&j) == MST_JSON_END;
	json_error_t e = { 0 };
	json_t *theirs = in.n == 0 ? NULL : json_loadb((const char *)in.p, in.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &e);

	/*
	 * What is nested deeper than messages are, we do not read further; a NUL behind a word or a number, jansson passes over. Names
	 * given twice are the tables' to find, and so are numbers that are too large.
	 */
	if (!ours && theirs && j.error != MST_MSG_DEPTH_EXCEEDED && !nul_behind_a_word(in, j.start))
		abort();
	if (ours && !theirs && json_error_code(&e) != json_error_duplicate_key && json_error_code(&e) != json_error_numeric_overflow)
		abort();
	a.n = 0;
	j = mst_json_of(in, &a);
	if (ours && theirs && !same(&j, mst_json_next(&j), theirs))
		abort();
	json_decref(theirs);
}

static void tokens(struct mst_view in)
{
	struct mst_arena a = mst_arena_of(arena, sizeof(arena));
	struct mst_json j = mst_json_of(in, &a);
	enum mst_json_token t;
	size_t last = 0;

	do {
		a.n = 0;
		t = mst_json_next(&j);
		if (j.start > in.n || j.at > in.n || (t != MST_JSON_ERROR && j.start < last))
			abort();
		last = j.start;
	} while (t != MST_JSON_END && t != MST_JSON_ERROR);
}

static void by_way_of_cbor(const struct mst_msg *m, struct mst_view json)
{
	static uint8_t out3[65536];
	struct mst_arena none = mst_arena_of(NULL, 0);
	struct mst_writer cbor = mst_writer_of(out2, sizeof(out2)), w = mst_writer_of(out3, sizeof(out3));

	mst_msg_write_cbor(m, &msg, &cbor);
	if (!cbor.ok || mst_msg_read_cbor(m, mst_written(&cbor), &none, &again, NULL))
		abort();
	mst_msg_write_json(m, MST_PROFILE_LONG, &again, &w);
	if (!mst_view_eq(json, mst_written(&w)))
		abort();
}

static void message(const struct mst_msg *m, struct mst_view in)
{
	struct mst_arena a = mst_arena_of(arena, sizeof(arena)), b;
	struct mst_writer w = mst_writer_of(out, sizeof(out)), w2 = mst_writer_of(out2, sizeof(out2));
	struct mst_diag d = { 0 };
	int o = mst_msg_read_json(m, MST_PROFILE_LONG, in, &a, &msg, &d);

	if (o && !d.text[0])
		abort();
	if (o)
		return;
	mst_msg_write_json(m, MST_PROFILE_LONG, &msg, &w);
	if (!w.ok)
		return;         /* escapes make it longer than the storage */
	b = mst_arena_of(arena + a.n, sizeof(arena) - a.n);
	if (mst_msg_read_json(m, MST_PROFILE_LONG, mst_written(&w), &b, &again, NULL))
		abort();
	mst_msg_write_json(m, MST_PROFILE_LONG, &again, &w2);
	if (!mst_view_eq(mst_written(&w), mst_written(&w2)))
		abort();
	by_way_of_cbor(m, mst_written(&w));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct mst_msg *const table[] = {
		&mst_mef_client_reg_msg, &mst_key_reg_msg, &mst_fetched_msg, &mst_client_cmd_msg,
			&mst_mef_client_cfg_msg,
	};
	struct mst_view in = { p, n };

	if (n > 16384)
		return 0;
	tokens(in);
	against_jansson(in);
	for (size_t i = 0; i < MST_COUNT(table); i++)
		message(table[i], in);
	return 0;
}
