#include "codec/cbor.h"

#include "base/text.h"
#include "codec/msg.h"

enum major { UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };

#define SIMPLE_FALSE 20u
#define SIMPLE_TRUE 21u
#define SIMPLE_NULL 22u
#define INDEFINITE 31u

struct mst_cbor mst_cbor_of(struct mst_view in)
{
	return (struct mst_cbor){ .in = in };
}

static enum mst_cbor_item fail(struct mst_cbor *c, int error, const char *why)
{
	c->error = error;
	c->why = why;
	return MST_CBOR_ERROR;
}

static enum mst_cbor_item malformed(struct mst_cbor *c, const char *why)
{
	return fail(c, MST_MSG_MALFORMED, why);
}

/* The head: major type and argument, in its shortest form. */
static bool read_head(struct mst_cbor *c, enum major *ret_major, uint64_t *ret_arg)
{
	struct mst_reader r = mst_reader_of(mst_view_sub(c->in, c->at, c->in.n));
	uint8_t first = mst_read_u8(&r), info = first & 31;
	uint64_t arg = info, least = 0;

	if (info > 27) {
		(void)malformed(c, info == INDEFINITE ? "indefinite length" : "reserved head");
		return false;
	}
	switch (info) {
	case 24: arg = mst_read_u8(&r); least = 24; break;
	case 25: arg = mst_read_u16(&r); least = UINT64_C(1) << 8; break;
	case 26: arg = mst_read_u32(&r); least = UINT64_C(1) << 16; break;
	case 27: arg = mst_read_u64(&r); least = UINT64_C(1) << 32; break;
	default: break;
	}
	if (!r.ok) {
		(void)malformed(c, "cut short");
		return false;
	}
	if (arg < least && first >> 5 != SIMPLE) {
		(void)malformed(c, "number not in its shortest form");
		return false;
	}
	c->at = c->in.n - r.left;
	*ret_major = (enum major)(first >> 5);
	*ret_arg = arg;
	return true;
}

static enum mst_cbor_item read_octets(struct mst_cbor *c, uint64_t n, enum mst_cbor_item kind)
{
	if (n > c->in.n - c->at)
		return malformed(c, "cut short");
	c->bytes = (struct mst_view){ c->in.p + c->at, (size_t)n };
	c->at += (size_t)n;
	if (kind == MST_CBOR_TEXT && !mst_utf8_valid(c->bytes))
		return malformed(c, "text is not UTF-8");
	return kind;
}

/* Each item takes an octet at least: a larger count is a lie, and would cost time. */
static enum mst_cbor_item read_count(struct mst_cbor *c, uint64_t n, uint64_t octets_each,
                                     enum mst_cbor_item kind)
{
	if (n > (c->in.n - c->at) / octets_each)
		return malformed(c, "cut short");
	c->count = (size_t)n;
	return kind;
}

static enum mst_cbor_item read_int(struct mst_cbor *c, uint64_t arg, bool negative)
{
	c->fits = arg <= INT64_MAX;
	c->number = !c->fits ? 0 : negative ? -1 - (int64_t)arg : (int64_t)arg;
	return MST_CBOR_INT;
}

enum mst_cbor_item mst_cbor_next(struct mst_cbor *c)
{
	enum major major = UINT;
	uint64_t arg = 0;

	if (c->error)
		return MST_CBOR_ERROR;
	c->start = c->at;
	if (!read_head(c, &major, &arg))
		return MST_CBOR_ERROR;
	switch (major) {
	case UINT: return read_int(c, arg, false);
	case NEGATIVE: return read_int(c, arg, true);
	case BYTES: return read_octets(c, arg, MST_CBOR_BYTES);
	case TEXT: return read_octets(c, arg, MST_CBOR_TEXT);
	case ARRAY: return read_count(c, arg, 1, MST_CBOR_ARRAY);
	case MAP: return read_count(c, arg, 2, MST_CBOR_MAP);
	case TAG: return malformed(c, "tag");
	case SIMPLE: break;
	}
	if (c->at - c->start > 1)
		return malformed(c, "floating point or unknown simple value");
	switch (arg) {
	case SIMPLE_FALSE: return MST_CBOR_FALSE;
	case SIMPLE_TRUE: return MST_CBOR_TRUE;
	case SIMPLE_NULL: return MST_CBOR_NULL;
	default: return malformed(c, "floating point or unknown simple value");
	}
}

bool mst_cbor_skip(struct mst_cbor *c, enum mst_cbor_item first, unsigned levels)
{
	uint64_t items;

	if (first == MST_CBOR_ERROR)
		return false;
	if (first != MST_CBOR_ARRAY && first != MST_CBOR_MAP)
		return true;
	if (!levels)
		return fail(c, MST_MSG_DEPTH_EXCEEDED, "nested deeper than 8 levels"), false;
	items = first == MST_CBOR_MAP ? (uint64_t)c->count * 2 : c->count;
	for (uint64_t i = 0; i < items; i++)
		if (!mst_cbor_skip(c, mst_cbor_next(c), levels - 1))
			return false;
	return true;
}

const char *mst_cbor_item_text(enum mst_cbor_item t)
{
	switch (t) {
	case MST_CBOR_INT: return "a number";
	case MST_CBOR_BYTES: return "a byte string";
	case MST_CBOR_TEXT: return "a text";
	case MST_CBOR_ARRAY: return "an array";
	case MST_CBOR_MAP: return "a map";
	case MST_CBOR_FALSE: case MST_CBOR_TRUE: return "true or false";
	case MST_CBOR_NULL: return "null";
	case MST_CBOR_ERROR: break;
	}
	return "an error";
}

static void put_head(struct mst_writer *w, enum major major, uint64_t arg)
{
	uint8_t top = (uint8_t)((unsigned)major << 5);

	if (arg < 24) {
		mst_put_u8(w, (uint8_t)(top | arg));
	} else if (arg <= UINT8_MAX) {
		mst_put_u8(w, top | 24);
		mst_put_u8(w, (uint8_t)arg);
	} else if (arg <= UINT16_MAX) {
		mst_put_u8(w, top | 25);
		mst_put_u16(w, (uint16_t)arg);
	} else if (arg <= UINT32_MAX) {
		mst_put_u8(w, top | 26);
		mst_put_u32(w, (uint32_t)arg);
	} else {
		mst_put_u8(w, top | 27);
		mst_put_u64(w, arg);
	}
}

void mst_cbor_put_int(struct mst_writer *w, int64_t x)
{
	if (x < 0)
		put_head(w, NEGATIVE, (uint64_t)(-1 - x));
	else
		put_head(w, UINT, (uint64_t)x);
}

void mst_cbor_put_bytes(struct mst_writer *w, struct mst_view v)
{
	put_head(w, BYTES, v.n);
	mst_put(w, v);
}

void mst_cbor_put_text(struct mst_writer *w, struct mst_view v)
{
	if (!mst_utf8_valid(v) || mst_view_find(v, 0) < v.n)
		w->ok = false;
	put_head(w, TEXT, v.n);
	mst_put(w, v);
}

void mst_cbor_put_bool(struct mst_writer *w, bool x)
{
	put_head(w, SIMPLE, x ? SIMPLE_TRUE : SIMPLE_FALSE);
}

void mst_cbor_put_array(struct mst_writer *w, size_t count)
{
	put_head(w, ARRAY, count);
}

void mst_cbor_put_map(struct mst_writer *w, size_t count)
{
	put_head(w, MAP, count);
}
