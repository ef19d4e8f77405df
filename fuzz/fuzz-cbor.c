/*
 * Any octets as CBOR: taken by us where libcbor takes them and they are in the one encoding that we take, as the same tree. And as
 * each CBOR message: one message, one encoding, so what is accepted is written as it came.
 */
#include <cbor.h>
#include <stdlib.h>

#include "base/text.h"
#include "codec/cbor.h"
#include "codec/resources.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static union {
	struct mst_client_reg r;
	struct mst_key_reg k;
	struct mst_fetched f;
	struct mst_client_cmd c;
	struct mst_client_cfg g;
} msg;
static uint8_t out[65536];

static void message(const struct mst_msg *m, struct mst_view in, bool exact)
{
	struct mst_arena none = mst_arena_of(NULL, 0);
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_diag d = { 0 };
	int o = mst_msg_read_cbor(m, in, &none, &msg, &d);

	if (o && !d.text[0])
		abort();
	if (o)
		return;
	mst_msg_write_cbor(m, &msg, &w);
	if (!w.ok || (exact && !mst_view_eq(mst_written(&w), in)))
		abort();
}

/* Octets of an item's head in its shortest form, with the argument `x`. */
static size_t head(uint64_t x)
{
	return x < 24 ? 1 : x <= UINT8_MAX ? 2 : x <= UINT16_MAX ? 3 : x <= UINT32_MAX ? 5 : 9;
}

/*
 * Octets that `v` takes in the encoding of RFC 8949 4.2.1, added to `*at`; false for what no message of ours has in it. libcbor says
 * not how long a head was, so the sum tells: as long as what came, or that was not the shortest.
 */
static bool ours_too(const cbor_item_t *v, size_t *at, unsigned levels)
{
	size_t n;

	switch (cbor_typeof(v)) {
	case CBOR_TYPE_UINT: case CBOR_TYPE_NEGINT:
		*at += head(cbor_get_int(v));
		return true;
	case CBOR_TYPE_BYTESTRING:
		*at += head(cbor_bytestring_length(v)) + cbor_bytestring_length(v);
		return cbor_bytestring_is_definite(v);
	case CBOR_TYPE_STRING:
		*at += head(cbor_string_length(v)) + cbor_string_length(v);
		return cbor_string_is_definite(v) && mst_utf8_valid((struct mst_view){ cbor_string_handle(v), cbor_string_length(v) });
	case CBOR_TYPE_ARRAY:
		n = cbor_array_size(v);
		*at += head(n);
		for (size_t i = 0; i < n; i++)
			if (!levels || !ours_too(cbor_array_handle(v)[i], at, levels - 1))
				return false;
		return levels && cbor_array_is_definite(v);
	case CBOR_TYPE_MAP:
		n = cbor_map_size(v);
		*at += head(n);
		for (size_t i = 0; i < n; i++)
			if (!levels || !ours_too(cbor_map_handle(v)[i].key, at, levels - 1) || !ours_too(cbor_map_handle(v)[i].value, at, levels - 1))
				return false;
		return levels && cbor_map_is_definite(v);
	case CBOR_TYPE_FLOAT_CTRL:
		*at += 1;
		return cbor_float_get_width(v) == CBOR_FLOAT_0 && (cbor_is_bool(v) || cbor_is_null(v));
	case CBOR_TYPE_TAG: break;
	}
	return false;
}

static bool same(struct mst_cbor *c, const cbor_item_t *v)
{
	switch (mst_cbor_next(c)) {
	case MST_CBOR_INT:
		return cbor_is_int(v) && c->fits == (cbor_get_int(v) <= INT64_MAX) &&
		       (!c->fits || c->number == (cbor_isa_negint(v) ? -1 - (int64_t)cbor_get_int(v) : (int64_t)cbor_get_int(v)));
	case MST_CBOR_BYTES: return cbor_isa_bytestring(v) && mst_view_eq(c->bytes, (struct mst_view){ cbor_bytestring_handle(v), cbor_bytestring_length(v) });
	case MST_CBOR_TEXT: return cbor_isa_string(v) && mst_view_eq(c->bytes, (struct mst_view){ cbor_string_handle(v), cbor_string_length(v) });
	case MST_CBOR_ARRAY:
		if (!cbor_isa_array(v) || c->count != cbor_array_size(v))
			return false;
		for (size_t i = 0; i < cbor_array_size(v); i++)
			if (!same(c, cbor_array_handle(v)[i]))
				return false;
		return true;
	case MST_CBOR_MAP:
		if (!cbor_isa_map(v) || c->count != cbor_map_size(v))
			return false;
		for (size_t i = 0; i < cbor_map_size(v); i++)
			if (!same(c, cbor_map_handle(v)[i].key) || !same(c, cbor_map_handle(v)[i].value))
				return false;
		return true;
	case MST_CBOR_FALSE: return cbor_is_bool(v) && !cbor_get_bool(v);
	case MST_CBOR_TRUE: return cbor_is_bool(v) && cbor_get_bool(v);
	case MST_CBOR_NULL: return cbor_is_null(v);
	case MST_CBOR_ERROR: break;
	}
	return false;
}

#define LEVELS 8

/* libcbor makes room for as many items as a head says, before it looks for them: nothing for it where a head lies, be it far behind. */
static bool counts_are_plausible(struct mst_view in)
{
	struct cbor_decoder_result r;

	for (size_t at = 0; at < in.n; at += r.read) {
		uint8_t major = in.p[at] >> 5, info = in.p[at] & 31;
		size_t octets = info < 24 ? 0 : info < 28 ? (size_t)1 << (info - 24) : 0;
		uint64_t x = info;

		r = cbor_stream_decode(in.p + at, in.n - at, &cbor_empty_callbacks, NULL);
		if (r.status != CBOR_DECODER_FINISHED || !r.read)
			return true;    /* libcbor stops here, too */
		if (major < 2 || major > 5 || !octets)
			continue;
		x = 0;
		for (size_t i = 1; i <= octets; i++)
			x = x << 8 | in.p[at + i];
		if (x > in.n)
			return false;
	}
	return true;
}

static void against_libcbor(struct mst_view in)
{
	struct mst_cbor c = mst_cbor_of(in);
	bool ours = mst_cbor_skip(&c, mst_cbor_next(&c), LEVELS);
	struct cbor_load_result r = { 0 };
	cbor_item_t *theirs;
	size_t n = 0;

	if (!counts_are_plausible(in))
		return;
	theirs = in.n ? cbor_load(in.p, in.n, &r) : NULL;
	if (ours != (theirs && ours_too(theirs, &n, LEVELS) && n == r.read))
		abort();
	if (ours) {
		c = mst_cbor_of(in);
		if (!same(&c, theirs) || c.at != r.read)
			abort();
	}
	if (theirs)
		cbor_decref(&theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	/* open tables forget members, so they are not written as they came */
	static const struct { const struct mst_msg *m; bool exact; } table[] = {
		{ &mst_mef_client_reg_msg, true }, { &mst_key_reg_msg, true }, { &mst_fetched_msg, true },
		{ &mst_client_cmd_msg, false }, { &mst_mef_client_cfg_msg, false },
	};
	struct mst_view in = { p, n };
	struct mst_cbor c = mst_cbor_of(in);

	if (n > 16384)
		return 0;
	while (c.at < n && mst_cbor_next(&c) != MST_CBOR_ERROR)
		if (c.at > n || c.at <= c.start)
			abort();
	against_libcbor(in);
	for (size_t i = 0; i < MST_COUNT(table); i++)
		message(table[i].m, in, table[i].exact);
	return 0;
}
