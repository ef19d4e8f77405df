/* Messages as JSON: walks the table along the tokens. */
#include <string.h>

#include "base/text.h"
#include "codec/json.h"
#include "codec/walk.h"

struct reader {
	struct mst_walk walk;
	struct mst_json json;
};

static int read_object(struct reader *r, const struct mst_path *up, const struct mst_msg *m, void *ret);

static int syntax(struct reader *r, const struct mst_path *p)
{
	return mst_walk_fail(&r->walk, p, r->json.start, r->json.error, r->json.why, NULL, NULL);
}

static int invalid(struct reader *r, const struct mst_path *p, const char *expects)
{
	return mst_walk_fail(&r->walk, p, r->json.start, MST_MSG_INVALID, "not ", expects, NULL);
}

static int decode_base64(struct reader *r, const struct mst_path *p, struct mst_value *v)
{
	struct mst_view text = r->json.text;
	struct mst_arena *a = r->walk.arena;
	size_t room = text.n / 4 * 3, n;
	uint8_t *out;

	/* unescaped into the arena's end: decode in place, so that no message needs more than its own size */
	if (text.n && a->n >= text.n && text.p == a->p + (a->n - text.n))
		a->n -= text.n;
	out = mst_arena_take(a, room);
	if (!out)
		return mst_walk_fail(&r->walk, p, r->json.start, MST_MSG_TOO_LARGE,
		                     "no room to decode this text", NULL, NULL);
	if (!mst_base64_decode(text, out, room, &n))
		return invalid(r, p, "base64 (RFC 4648, padded)");
	a->n -= room - n;
	v->octets = (struct mst_view){ out, n };
	return 0;
}

/* A text token, as the field's type. */
static int from_text(struct reader *r, const struct mst_path *p, const struct mst_field *f,
                     struct mst_value *v)
{
	const struct mst_enum_value *e;

	switch (f->type) {
	case MST_T_STR:
		v->octets = r->json.text;
		return 0;
	case MST_T_BYTES: case MST_T_SECRET:
		return decode_base64(r, p, v);
	case MST_T_TIME:
		return mst_parse_timestamp(r->json.text, &v->number) ? 0 :
		       invalid(r, p, "a UTC timestamp like 20261121T214500 (TS-0004 6.3.3)");
	case MST_T_DURATION:
		return mst_parse_duration(r->json.text, &v->number) ? 0 :
		       invalid(r, p, "a duration like P1DT2H");
	case MST_T_ENUM:
		e = mst_enum_by_text(f->values, r->json.text);
		if (!e)
			return mst_walk_unknown_value(&r->walk, p, r->json.start, f, r->json.text);
		v->number = e->value;
		return 0;
	case MST_T_INT: case MST_T_BOOL: case MST_T_OBJECT:
		break;
	}
	return mst_walk_wrong_type(&r->walk, p, r->json.start, f, true, "a text");
}

static int from_number(struct reader *r, const struct mst_path *p, const struct mst_field *f,
                       struct mst_value *v)
{
	if (f->type != MST_T_INT)
		return mst_walk_wrong_type(&r->walk, p, r->json.start, f, true, "a number");
	if (!r->json.integer)
		return mst_walk_wrong_type(&r->walk, p, r->json.start, f, true,
		                           "a number with fraction or exponent");
	if (!r->json.fits)
		return mst_walk_fail(&r->walk, p, r->json.start, MST_MSG_OUT_OF_RANGE,
		                     "integer beyond 64 bits", NULL, NULL);
	v->number = r->json.number;
	return 0;
}

static int read_value(struct reader *r, const struct mst_path *p, const struct mst_field *f,
                      enum mst_json_token t,
                      void *slot)
{
	struct mst_value v = { .offset = r->json.start };
	int o = 0;

	if (t == MST_JSON_ERROR)
		return syntax(r, p);
	if (f->type == MST_T_OBJECT && t == MST_JSON_OBJECT)
		return read_object(r, p, f->sub, slot);
	if (t == MST_JSON_STRING)
		o = from_text(r, p, f, &v);
	else if (t == MST_JSON_NUMBER)
		o = from_number(r, p, f, &v);
	else if (f->type == MST_T_BOOL && (t == MST_JSON_TRUE || t == MST_JSON_FALSE))
		v.number = t == MST_JSON_TRUE;
	else
		o = mst_walk_wrong_type(&r->walk, p, v.offset, f, true, mst_json_token_text(t));
	return o ? o : mst_walk_put(&r->walk, p, f, &v, slot);
}

static int read_list(struct reader *r, const struct mst_path *p, const struct mst_field *f,
                     enum mst_json_token t,
                     void *msg)
{
	size_t start = r->json.start, n = 0;
	int o;

	if (t == MST_JSON_ERROR)
		return syntax(r, p);
	if (t != MST_JSON_ARRAY)
		return mst_walk_fail(&r->walk, p, start, MST_MSG_WRONG_TYPE, "expected an array, found ",
		                     mst_json_token_text(t), NULL);
	for (t = mst_json_next(&r->json); t != MST_JSON_ARRAY_END; t = mst_json_next(&r->json)) {
		struct mst_path element = { p, NULL, (unsigned)n };

		if (n == f->list_max)
			return t == MST_JSON_ERROR ? syntax(r, &element) :
			       mst_walk_list_size(&r->walk, p, start, f, n + 1);
		o = read_value(r, &element, f, t, mst_field_slot(f, msg, n));
		if (o)
			return o;
		n++;
	}
	*mst_field_count(f, msg) = (uint16_t)n;
	return mst_walk_list_size(&r->walk, p, start, f, n);
}

/* The row of the name just read, or m->n. */
static size_t row_of(const struct reader *r, const struct mst_msg *m)
{
	size_t i = 0;

	while (i < m->n && !mst_view_eq_str(r->json.text, mst_name(m->field[i].name, r->walk.profile)))
		i++;
	return i;
}

/* A member that the table does not have. */
static int read_unknown(struct reader *r, const struct mst_path *up, const struct mst_msg *m)
{
	char name[64];
	struct mst_path p = { up, name, 0 };

	if (!mst_view_to_str(mst_view_sub(r->json.text, 0, sizeof(name) - 1), name, sizeof(name)))
		name[0] = '\0';
	if (!m->open)
		return mst_walk_fail(&r->walk, &p, r->json.start, MST_MSG_UNKNOWN_FIELD, "no member of ",
		                     m->what, NULL);
	return mst_json_skip(&r->json, mst_json_next(&r->json)) ? 0 : syntax(r, &p);
}

static int read_member(struct reader *r, const struct mst_path *up, const struct mst_msg *m, void *ret,
                       uint32_t *has)
{
	size_t i = row_of(r, m);
	const struct mst_field *f = &m->field[i];
	struct mst_path p = { up, NULL, 0 };

	if (i == m->n)
		return read_unknown(r, up, m);
	p.name = mst_name(f->name, r->walk.profile);
	if (*has >> i & 1)
		return mst_walk_fail(&r->walk, &p, r->json.start, MST_MSG_DUPLICATE, "given twice", NULL,
		                     NULL);
	*has |= UINT32_C(1) << i;
	if (f->flags & MST_F_LIST)
		return read_list(r, &p, f, mst_json_next(&r->json), ret);
	return read_value(r, &p, f, mst_json_next(&r->json), mst_field_slot(f, ret, 0));
}

/* Behind the opening brace. */
static int read_object(struct reader *r, const struct mst_path *up, const struct mst_msg *m, void *ret)
{
	size_t start = r->json.start;
	uint32_t has = 0;

	for (;;) {
		size_t mark = r->walk.arena->n;
		enum mst_json_token t = mst_json_next(&r->json);
		int o;

		if (t == MST_JSON_OBJECT_END)
			break;
		if (t != MST_JSON_NAME)
			return syntax(r, up);
		/* the name was unescaped only to find its row */
		r->walk.arena->n = mark;
		o = read_member(r, up, m, ret, &has);
		if (o)
			return o;
	}
	*(uint32_t *)ret = has;
	return mst_walk_complete(&r->walk, up, start, m, has);
}

static int not_an_object(struct reader *r, const struct mst_path *p, enum mst_json_token t)
{
	if (t == MST_JSON_ERROR)
		return syntax(r, p);
	return mst_walk_fail(&r->walk, p, r->json.start, MST_MSG_WRONG_TYPE, "expected an object, found ",
	                     mst_json_token_text(t), NULL);
}

/* One member, the name of the resource, with the resource in it (TS-0004 8.4.2). */
static int read_root(struct reader *r, const struct mst_msg *m, void *ret)
{
	const char *root = mst_name(m->root, r->walk.profile);
	struct mst_path p = { NULL, root, 0 };
	enum mst_json_token t = mst_json_next(&r->json);
	size_t start = r->json.start;
	int o;

	if (t == MST_JSON_OBJECT_END)
		return mst_walk_fail(&r->walk, &p, start, MST_MSG_MISSING, "required: the resource", NULL,
		                     NULL);
	if (t != MST_JSON_NAME)
		return syntax(r, NULL);
	if (!mst_view_eq_str(r->json.text, root)) {
		p.name = "";
		return mst_walk_fail(&r->walk, &p, start, MST_MSG_UNKNOWN_FIELD, "expected the root member ",
		                     root, NULL);
	}
	t = mst_json_next(&r->json);
	if (t != MST_JSON_OBJECT)
		return not_an_object(r, &p, t);
	o = read_object(r, &p, m, ret);
	if (o)
		return o;
	t = mst_json_next(&r->json);
	if (t == MST_JSON_OBJECT_END)
		return 0;
	if (t != MST_JSON_NAME)
		return syntax(r, NULL);
	if (mst_view_eq_str(r->json.text, root))
		return mst_walk_fail(&r->walk, &p, r->json.start, MST_MSG_DUPLICATE, "given twice", NULL,
		                     NULL);
	return mst_walk_fail(&r->walk, NULL, r->json.start, MST_MSG_UNKNOWN_FIELD, "only one root member: ",
	                     root, NULL);
}

static int read_message(struct reader *r, const struct mst_msg *m, void *ret)
{
	enum mst_json_token t = mst_json_next(&r->json);
	int o;

	if (t != MST_JSON_OBJECT)
		return not_an_object(r, NULL, t);
	o = m->root != MST_N_NONE ? read_root(r, m, ret) : read_object(r, NULL, m, ret);
	if (o)
		return o;
	return mst_json_next(&r->json) == MST_JSON_END ? 0 : syntax(r, NULL);
}

int mst_msg_read_json(const struct mst_msg *m, enum mst_profile p, struct mst_view in, struct mst_arena *a,
                      void *ret, struct mst_diag *d)
{
	struct reader r = { { a, d, p }, mst_json_of(in, a) };
	int o;

	memset(ret, 0, m->size);
	o = read_message(&r, m, ret);
	if (o)
		memset(ret, 0, m->size);
	return o;
}

static void write_object(const struct mst_msg *m, enum mst_profile p, const void *msg, struct mst_writer *w);

static void write_quoted(struct mst_writer *w, void (*put)(struct mst_writer *w, int64_t x), int64_t x)
{
	mst_put_u8(w, '"');
	put(w, x);
	mst_put_u8(w, '"');
}

static void write_enum(const struct mst_field *f, int64_t value, struct mst_writer *w)
{
	const struct mst_enum_value *e = mst_enum_by_value(f->values, value);

	if (e)
		mst_json_put_string(w, mst_view_str(e->text));
	else
		w->ok = false;
}

static void write_value(const struct mst_field *f, enum mst_profile p, const void *slot, struct mst_writer *w)
{
	switch (f->type) {
	case MST_T_STR:
		mst_json_put_string(w, *(const struct mst_view *)slot);
		break;
	case MST_T_BYTES: case MST_T_SECRET:
		mst_put_u8(w, '"');
		mst_put_base64(w, *(const struct mst_view *)slot);
		mst_put_u8(w, '"');
		break;
	case MST_T_INT:
		mst_put_dec(w, mst_field_number(f, slot));
		break;
	case MST_T_BOOL:
		mst_put_str(w, mst_field_number(f, slot) ? "true" : "false");
		break;
	case MST_T_TIME:
		write_quoted(w, mst_put_timestamp, mst_field_number(f, slot));
		break;
	case MST_T_DURATION:
		write_quoted(w, mst_put_duration, mst_field_number(f, slot));
		break;
	case MST_T_ENUM:
		write_enum(f, mst_field_number(f, slot), w);
		break;
	case MST_T_OBJECT:
		write_object(f->sub, p, slot, w);
		break;
	}
}

static void write_member(const struct mst_field *f, enum mst_profile p, const void *msg, struct mst_writer *w)
{
	size_t n = mst_field_elements(f, msg);
	bool list = f->flags & MST_F_LIST;

	mst_json_put_string(w, mst_view_str(mst_name(f->name, p)));
	mst_put_u8(w, ':');
	if (list && n > f->list_max) {
		w->ok = false;
		return;
	}
	if (list)
		mst_put_u8(w, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			mst_put_u8(w, ',');
		write_value(f, p, mst_field_slot_const(f, msg, i), w);
	}
	if (list)
		mst_put_u8(w, ']');
}

static void write_object(const struct mst_msg *m, enum mst_profile p, const void *msg, struct mst_writer *w)
{
	uint32_t has = *(const uint32_t *)msg;
	bool first = true;

	mst_put_u8(w, '{');
	for (size_t i = 0; i < m->n; i++) {
		if (!(has >> i & 1))
			continue;
		if (!first)
			mst_put_u8(w, ',');
		first = false;
		write_member(&m->field[i], p, msg, w);
	}
	mst_put_u8(w, '}');
}

void mst_msg_write_json(const struct mst_msg *m, enum mst_profile p, const void *msg, struct mst_writer *w)
{
	if (m->root == MST_N_NONE) {
		write_object(m, p, msg, w);
		return;
	}
	mst_put_u8(w, '{');
	mst_json_put_string(w, mst_view_str(mst_name(m->root, p)));
	mst_put_u8(w, ':');
	write_object(m, p, msg, w);
	mst_put_u8(w, '}');
}
