/*
 * Deterministic CBOR (RFC 8949 4.2.1) of the few kinds that messages use: integers, byte and text
 * strings, arrays, maps, booleans, null. Definite lengths and shortest heads only, so that a message has
 * one encoding and a signature or a hash over it means one thing.
 */
#ifndef MST_CODEC_CBOR_H
#define MST_CODEC_CBOR_H

#include "base/attr.h"
#include "base/writer.h"

enum mst_cbor_item {
	MST_CBOR_ERROR,         /* `error` and `why` tell; every further call gives it again */
	MST_CBOR_INT,           /* `fits`, `number` */
	MST_CBOR_BYTES,         /* `bytes` */
	MST_CBOR_TEXT,          /* `bytes`, UTF-8 */
	MST_CBOR_ARRAY,         /* `count` items follow */
	MST_CBOR_MAP,           /* `count` pairs follow; their order is the caller's to check */
	MST_CBOR_FALSE,
	MST_CBOR_TRUE,
	MST_CBOR_NULL,
};

struct mst_cbor {
	struct mst_view in;
	size_t at;
	/* the item */
	size_t start;
	int64_t number;
	bool fits;              /* in an int64_t */
	size_t count;
	struct mst_view bytes;
	int error;              /* enum mst_msg_outcome, 0 = none so far */
	const char *why;
};

struct mst_cbor mst_cbor_of(struct mst_view in);
enum mst_cbor_item mst_cbor_next(struct mst_cbor *c);
/* `first` was just returned: go on to the end of that item, which may hold `levels` further levels. */
MST_MUST_CHECK bool mst_cbor_skip(struct mst_cbor *c, enum mst_cbor_item first, unsigned levels);
const char *mst_cbor_item_text(enum mst_cbor_item t);  /* "a map" */

void mst_cbor_put_int(struct mst_writer *w, int64_t x);
void mst_cbor_put_bytes(struct mst_writer *w, struct mst_view v);
/* ill-formed UTF-8 and U+0000 latch `w` */
void mst_cbor_put_text(struct mst_writer *w, struct mst_view v);
void mst_cbor_put_bool(struct mst_writer *w, bool x);
void mst_cbor_put_array(struct mst_writer *w, size_t count);
void mst_cbor_put_map(struct mst_writer *w, size_t count);

#endif
