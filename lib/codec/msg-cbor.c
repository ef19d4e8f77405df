/* Messages as CBOR: maps with the small integer keys of the table, ascending; no root member. */
#include <string.h>

#include "codec/cbor.h"
#include "codec/walk.h"

struct reader {
	struct mst_walk walk;
	struct mst_cbor cbor;
	unsigned depth;
};

static int read_map(struct reader *r, const struct mst_path *up, const struct mst_msg *m, void *ret);

static int syntax(struct reader *r, const struct mst_path *p)
{
	return mst_walk_fail(&r->walk, p, r->cbor.start, r->cbor.error, r->cbor.why, NULL, NULL);
}

static int enter(struct reader *r, const struct mst_path *p)
{
	if (r->depth == MST_MSG_DEPTH)
		return mst_walk_fail(&r->walk, p, r->cbor.start, MST_MSG_DEPTH_EXCEEDED,
		                     "nested deeper than 8 levels", NULL, NULL);
	r->depth++;
	return 0;
}

static int from_int(struct reader *r, const struct mst_path *p, const struct mst_field *f,
                    struct mst_value *v)
{
	uint8_t digits[24];
	struct mst_writer text = mst_writer_of(digits, sizeof(digits));

	if (!r->cbor.fits)
		return mst_walk_fail(&r->walk, p, v->offset, MST_MSG_OUT_OF_RANGE, "integer beyond 64 bits",
		                     NULL, NULL);
	v->number = r->cbor.number;
	if (f->type == MST_T_ENUM && !mst_enum_by_value(f->values, v->number)) {
		mst_put_dec(&text, v->number);
		return mst_walk_unknown_value(&r->walk, p, v->offset, f, mst_written(&text));
	}
	return 0;
}

static bool is_number(enum mst_type t)
{
	return t == MST_T_INT || t == MST_T_TIME || t == MST_T_DURATION || t == MST_T_ENUM;
}

static int read_value(struct reader *r, const struct mst_path *p, const struct mst_field *f, void *slot)
{
	enum mst_cbor_item t = mst_cbor_next(&r->cbor);
	struct mst_value v = { r->cbor.start, r->cbor.bytes, 0 };
	int o = 0;

	if (t == MST_CBOR_ERROR)
		return syntax(r, p);
	if (f->type == MST_T_OBJECT && t == MST_CBOR_MAP)
		return read_map(r, p, f->sub, slot);
	if (t == MST_CBOR_INT && is_number(f->type))
		o = from_int(r, p, f, &v);
	else if (f->type == MST_T_BOOL && (t == MST_CBOR_TRUE || t == MST_CBOR_FALSE))
		v.number = t == MST_CBOR_TRUE;
	else if (!(t == MST_CBOR_TEXT && f->type == MST_T_STR) &&
	         !(t == MST_CBOR_BYTES && (f->type == MST_T_BYTES || f->type == MST_T_SECRET)))
		o = mst_walk_wrong_type(&r->walk, p, v.offset, f, false, mst_cbor_item_text(t));
	return o ? o : mst_walk_put(&r->walk, p, f, &v, slot);
}

static int read_list(struct reader *r, const struct mst_path *p, const struct mst_field *f, void *msg)
{
	enum mst_cbor_item t = mst_cbor_next(&r->cbor);
	size_t n = r->cbor.count;
	int o;

	if (t == MST_CBOR_ERROR)
		return syntax(r, p);
	if (t != MST_CBOR_ARRAY)
		return mst_walk_fail(&r->walk, p, r->cbor.start, MST_MSG_WRONG_TYPE,
		                     "expected an array, found ",
		                     mst_cbor_item_text(t), NULL);
	o = enter(r, p);
	if (!o)
		o = mst_walk_list_size(&r->walk, p, r->cbor.start, f, n);
	for (size_t i = 0; !o && i < n; i++) {
		struct mst_path element = { p, NULL, (unsigned)i };

		o = read_value(r, &element, f, mst_field_slot(f, msg, i));
	}
	if (o)
		return o;
	r->depth--;
	*mst_field_count(f, msg) = (uint16_t)n;
	return 0;
}

/* The row of the key just read, or m->n. */
static size_t row_of(const struct reader *r, const struct mst_msg *m)
{
	size_t i = 0;

	while (i < m->n && (!r->cbor.fits || m->field[i].key != r->cbor.number))
		i++;
	return i;
}

static int read_unknown(struct reader *r, const struct mst_path *up, const struct mst_msg *m)
{
	uint8_t digits[24];
	struct mst_writer text = mst_writer_of(digits, sizeof(digits));
	struct mst_path p = { up, (const char *)digits, 0 };

	mst_put_dec(&text, r->cbor.number);
	mst_put_nul(&text);
	if (!m->open)
		return mst_walk_fail(&r->walk, &p, r->cbor.start, MST_MSG_UNKNOWN_FIELD, "no member of ",
		                     m->what, NULL);
	return mst_cbor_skip(&r->cbor, mst_cbor_next(&r->cbor), MST_MSG_DEPTH - r->depth) ? 0 : syntax(r, &p);
}

/* Keys in the order of their encodings (RFC 8949 4.2.1): 0, 1, …, then -1, -2, …. */
static bool ascends(int64_t last, int64_t key)
{
	if (last < 0 || key < 0)
		return key < 0 && (last >= 0 || key < last);
	return key > last;
}

static int read_pair(struct reader *r, const struct mst_path *up, const struct mst_msg *m, void *ret,
                     uint32_t *has,
                     int64_t *last, bool first)
{
	enum mst_cbor_item t = mst_cbor_next(&r->cbor);
	struct mst_path p = { up, NULL, 0 };
	const struct mst_field *f;
	size_t i;

	if (t == MST_CBOR_ERROR)
		return syntax(r, up);
	if (t != MST_CBOR_INT || !r->cbor.fits)
		return mst_walk_fail(&r->walk, up, r->cbor.start, MST_MSG_UNKNOWN_FIELD,
		                     "map keys are small integers, found ",
		                     mst_cbor_item_text(t), NULL);
	i = row_of(r, m);
	f = &m->field[i];
	p.name = i < m->n ? mst_name(f->name, r->walk.profile) : "";
	if ((i < m->n && (*has >> i & 1)) || (!first && *last == r->cbor.number))
		return mst_walk_fail(&r->walk, &p, r->cbor.start, MST_MSG_DUPLICATE, "given twice", NULL,
		                     NULL);
	if (!first && !ascends(*last, r->cbor.number))
		return mst_walk_fail(&r->walk, &p, r->cbor.start, MST_MSG_MALFORMED, "map keys must ascend",
		                     NULL, NULL);
	*last = r->cbor.number;
	if (i == m->n)
		return read_unknown(r, up, m);
	*has |= UINT32_C(1) << i;
	return f->flags & MST_F_LIST ? read_list(r, &p, f, ret) : read_value(r, &p, f, mst_field_slot(f, ret,
		0));
}

/* Behind the head of the map. */
static int read_map(struct reader *r, const struct mst_path *up, const struct mst_msg *m, void *ret)
{
	size_t start = r->cbor.start, n = r->cbor.count;
	uint32_t has = 0;
	int64_t last = 0;
	int o = enter(r, up);

	for (size_t i = 0; !o && i < n; i++)
		o = read_pair(r, up, m, ret, &has, &last, i == 0);
	if (o)
		return o;
	r->depth--;
	*(uint32_t *)ret = has;
	return mst_walk_complete(&r->walk, up, start, m, has);
}

static int read_message(struct reader *r, const struct mst_msg *m, void *ret)
{
	enum mst_cbor_item t = mst_cbor_next(&r->cbor);
	int o;

	if (t == MST_CBOR_ERROR)
		return syntax(r, NULL);
	if (t != MST_CBOR_MAP)
		return mst_walk_fail(&r->walk, NULL, r->cbor.start, MST_MSG_WRONG_TYPE,
		                     "expected a map, found ",
		                     mst_cbor_item_text(t), NULL);
	o = read_map(r, NULL, m, ret);
	if (!o && r->cbor.at < r->cbor.in.n)
		o = mst_walk_fail(&r->walk, NULL, r->cbor.at, MST_MSG_TRAILING, "octets after the end", NULL,
		                  NULL);
	return o;
}

int mst_msg_read_cbor(const struct mst_msg *m, struct mst_view in, struct mst_arena *a, void *ret,
                      struct mst_diag *d)
{
	struct reader r = { { a, d, MST_PROFILE_LONG }, mst_cbor_of(in), 0 };
	int o;

	memset(ret, 0, m->size);
	o = read_message(&r, m, ret);
	if (o)
		memset(ret, 0, m->size);
	return o;
}

static void write_map(const struct mst_msg *m, const void *msg, struct mst_writer *w);

static void write_value(const struct mst_field *f, const void *slot, struct mst_writer *w)
{
	switch (f->type) {
	case MST_T_STR:
		mst_cbor_put_text(w, *(const struct mst_view *)slot);
		break;
	case MST_T_BYTES: case MST_T_SECRET:
		mst_cbor_put_bytes(w, *(const struct mst_view *)slot);
		break;
	case MST_T_INT: case MST_T_TIME: case MST_T_DURATION: case MST_T_ENUM:
		mst_cbor_put_int(w, mst_field_number(f, slot));
		break;
	case MST_T_BOOL:
		mst_cbor_put_bool(w, mst_field_number(f, slot));
		break;
	case MST_T_OBJECT:
		write_map(f->sub, slot, w);
		break;
	}
}

static void write_pair(const struct mst_field *f, const void *msg, struct mst_writer *w)
{
	size_t n = mst_field_elements(f, msg);

	mst_cbor_put_int(w, f->key);
	if (f->flags & MST_F_LIST) {
		mst_cbor_put_array(w, n);
		if (n > f->list_max) {
			w->ok = false;
			return;
		}
	}
	for (size_t i = 0; i < n; i++)
		write_value(f, mst_field_slot_const(f, msg, i), w);
}

/* The present row with the smallest key above `last`, or m->n: tables need not be sorted. */
static size_t next_row(const struct mst_msg *m, uint32_t has, int64_t last)
{
	size_t best = m->n;

	for (size_t i = 0; i < m->n; i++)
		if ((has >> i & 1) && m->field[i].key > last && (best == m->n ||
		                                                 m->field[i].key < m->field[best].key))
			best = i;
	return best;
}

static void write_map(const struct mst_msg *m, const void *msg, struct mst_writer *w)
{
	uint32_t has = *(const uint32_t *)msg;
	size_t count = 0, i;

	for (i = 0; i < m->n; i++)
		count += has >> i & 1;
	mst_cbor_put_map(w, count);
	for (i = next_row(m, has, -1); i < m->n; i = next_row(m, has, m->field[i].key))
		write_pair(&m->field[i], msg, w);
}

void mst_msg_write_cbor(const struct mst_msg *m, const void *msg, struct mst_writer *w)
{
	write_map(m, msg, w);
}
