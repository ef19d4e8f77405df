#include "codec/msg.h"

#include <string.h>

#include "base/text.h"
#include "codec/walk.h"

const char *mst_msg_outcome_text(int outcome)
{
	static const char *const text[] = {
		"accepted", "malformed", "octets after the end", "nested too deep", "too large",
			"duplicate member",
		"unknown member", "missing member", "wrong type", "out of range", "unknown value",
			"invalid value",
	};

	return outcome >= 0 && (size_t)outcome < MST_COUNT(text) ? text[outcome] : "fault";
}

const struct mst_enum_value *mst_enum_by_text(const struct mst_enum_table *t, struct mst_view text)
{
	for (size_t i = 0; i < t->n; i++)
		if (mst_view_eq_str(text, t->v[i].text))
			return &t->v[i];
	return NULL;
}

const struct mst_enum_value *mst_enum_by_value(const struct mst_enum_table *t, int64_t value)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].value == value)
			return &t->v[i];
	return NULL;
}

const char *mst_enum_text(const struct mst_enum_table *t, int value)
{
	const struct mst_enum_value *v = mst_enum_by_value(t, value);

	return v ? v->text : "?";
}

void *mst_field_slot(const struct mst_field *f, void *msg, size_t i)
{
	return (uint8_t *)msg + f->offset + i * f->stride;
}

const void *mst_field_slot_const(const struct mst_field *f, const void *msg, size_t i)
{
	return (const uint8_t *)msg + f->offset + i * f->stride;
}

uint16_t *mst_field_count(const struct mst_field *f, void *msg)
{
	return (uint16_t *)(void *)((uint8_t *)msg + f->count);
}

size_t mst_field_elements(const struct mst_field *f, const void *msg)
{
	uint16_t n = 1;

	if (f->flags & MST_F_LIST)
		memcpy(&n, (const uint8_t *)msg + f->count, sizeof(n));
	return n;
}

int64_t mst_field_number(const struct mst_field *f, const void *slot)
{
	if (f->type == MST_T_BOOL)
		return *(const bool *)slot;
	return f->type == MST_T_ENUM ? *(const int *)slot : *(const int64_t *)slot;
}

/* Text cut to fit, always terminated. */
struct cut {
	char text[160];
	size_t n;
};

static void add_octet(struct cut *c, uint8_t x)
{
	if (c->n + 1 < sizeof(c->text)) {
		c->text[c->n++] = (char)x;
		c->text[c->n] = '\0';
	}
}

static void add(struct cut *c, const char *s)
{
	for (; s && *s; s++)
		add_octet(c, (uint8_t)*s);
}

static void add_number(struct cut *c, int64_t x)
{
	uint8_t digits[24];
	struct mst_writer w = mst_writer_of(digits, sizeof(digits));

	mst_put_dec(&w, x);
	for (size_t i = 0; i < w.n; i++)
		add_octet(c, digits[i]);
}

/* What a peer wrote: little of it, and nothing that a terminal obeys. */
static void add_foreign(struct cut *c, struct mst_view v)
{
	for (size_t i = 0; i < v.n && i < 40; i++)
		add_octet(c, v.p[i] >= 0x20 && v.p[i] < 0x7f ? v.p[i] : '?');
	if (v.n > 40)
		add(c, "...");
}

/* `instructions[2].method` */
static void add_path(struct cut *c, const struct mst_path *p)
{
	const struct mst_path *chain[2 * MST_MSG_DEPTH];
	size_t n = 0;

	for (; p && n < MST_COUNT(chain); p = p->up)
		chain[n++] = p;
	while (n--) {
		if (!chain[n]->name) {
			add(c, "[");
			add_number(c, chain[n]->index);
			add(c, "]");
			continue;
		}
		if (c->n)
			add(c, ".");
		add_foreign(c, mst_view_str(chain[n]->name));
	}
}

int mst_walk_fail(const struct mst_walk *w, const struct mst_path *p, size_t offset, int outcome,
                  const char *a, const char *b, const char *c)
{
	struct cut path = { .n = 0 };

	if (w->d) {
		add_path(&path, p);
		mst_diag_set(w->d, offset, path.text, a ? a : "", b ? b : "", c ? c : "", NULL);
	}
	return outcome;
}

/* What stands for a type in each encoding. */
static const char *type_text(const struct mst_field *f, bool json)
{
	switch (f->type) {
	case MST_T_STR: return "a text";
	case MST_T_BYTES: case MST_T_SECRET: return json ? "a base64 text" : "a byte string";
	case MST_T_INT: return "an integer";
	case MST_T_BOOL: return "true or false";
	case MST_T_TIME: return json ? "a timestamp text" : "a time in seconds";
	case MST_T_DURATION: return json ? "a duration text" : "a duration in seconds";
	case MST_T_ENUM: return json ? "a text" : "an integer";
	case MST_T_OBJECT: return json ? "an object" : "a map";
	}
	return "nothing";
}

int mst_walk_wrong_type(const struct mst_walk *w, const struct mst_path *p, size_t offset,
                        const struct mst_field *f, bool json, const char *found)
{
	struct cut text = { .n = 0 };

	add(&text, "expected ");
	add(&text, type_text(f, json));
	add(&text, ", found ");
	add(&text, found);
	return mst_walk_fail(w, p, offset, MST_MSG_WRONG_TYPE, text.text, NULL, NULL);
}

int mst_walk_unknown_value(const struct mst_walk *w, const struct mst_path *p, size_t offset,
                           const struct mst_field *f, struct mst_view found)
{
	struct cut text = { .n = 0 };

	add(&text, "unknown value \"");
	add_foreign(&text, found);
	add(&text, "\"; one of ");
	for (size_t i = 0; i < f->values->n; i++) {
		add(&text, i ? ", " : "");
		add(&text, f->values->v[i].text);
	}
	return mst_walk_fail(w, p, offset, MST_MSG_UNKNOWN_VALUE, text.text, NULL, NULL);
}

static int out_of_range(const struct mst_walk *w, const struct mst_path *p, size_t offset, const char *what,
                        int64_t found, int64_t min, int64_t max)
{
	struct cut text = { .n = 0 };

	add_number(&text, found);
	add(&text, what);
	add(&text, "; must be ");
	add_number(&text, min);
	add(&text, "..");
	add_number(&text, max);
	return mst_walk_fail(w, p, offset, MST_MSG_OUT_OF_RANGE, text.text, NULL, NULL);
}

static int put_octets(const struct mst_walk *w, const struct mst_path *p, const struct mst_field *f,
                      const struct mst_value *v, void *slot)
{
	struct cut text = { .n = 0 };

	if (v->octets.n > (uint64_t)f->max || v->octets.n < (uint64_t)f->min)
		return out_of_range(w, p, v->offset, " octets", (int64_t)v->octets.n, f->min, f->max);
	/* JSON's reader refuses it already; the same text must not be good in CBOR */
	if (f->type == MST_T_STR && mst_view_find(v->octets, 0) < v->octets.n)
		return mst_walk_fail(w, p, v->offset, MST_MSG_MALFORMED, "U+0000 in a text", NULL, NULL);
	if (f->check && !f->check(v->octets)) {
		if (f->type == MST_T_STR) {
			add(&text, "\"");
			add_foreign(&text, v->octets);
			add(&text, "\" is not ");
		} else {
			add(&text, "not ");
		}
		add(&text, f->expects ? f->expects : "allowed here");
		return mst_walk_fail(w, p, v->offset, MST_MSG_INVALID, text.text, NULL, NULL);
	}
	*(struct mst_view *)slot = v->octets;
	return 0;
}

int mst_walk_put(const struct mst_walk *w, const struct mst_path *p, const struct mst_field *f,
                 const struct mst_value *v, void *slot)
{
	switch (f->type) {
	case MST_T_STR: case MST_T_BYTES: case MST_T_SECRET:
		return put_octets(w, p, f, v, slot);
	case MST_T_INT:
		if (v->number < f->min || v->number > f->max)
			return out_of_range(w, p, v->offset, "", v->number, f->min, f->max);
		*(int64_t *)slot = v->number;
		return 0;
	case MST_T_TIME: case MST_T_DURATION:
		if (v->number < 0 || v->number > MST_TIME_MAX)
			return out_of_range(w, p, v->offset, " seconds", v->number, 0, MST_TIME_MAX);
		*(int64_t *)slot = v->number;
		return 0;
	case MST_T_BOOL:
		*(bool *)slot = v->number != 0;
		return 0;
	case MST_T_ENUM:
		*(int *)slot = (int)v->number;
		return 0;
	case MST_T_OBJECT:
		break;
	}
	return MST_MSG_WRONG_TYPE;
}

int mst_walk_complete(const struct mst_walk *w, const struct mst_path *up, size_t offset,
                      const struct mst_msg *m, uint32_t has)
{
	for (size_t i = 0; i < m->n; i++) {
		struct mst_path p = { up, mst_name(m->field[i].name, w->profile), 0 };

		if ((m->field[i].flags & MST_F_REQUIRED) && !(has >> i & 1))
			return mst_walk_fail(w, &p, offset, MST_MSG_MISSING, "required: ", m->field[i].doc,
			                     NULL);
	}
	return 0;
}

int mst_walk_list_size(const struct mst_walk *w, const struct mst_path *p, size_t offset,
                       const struct mst_field *f, size_t n)
{
	if (n < f->list_min || n > f->list_max)
		return out_of_range(w, p, offset, n > f->list_max ? " or more elements" : " elements",
		                    (int64_t)n,
		                    f->list_min, f->list_max);
	return 0;
}
