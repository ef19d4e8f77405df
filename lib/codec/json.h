/*
 * Strict JSON (RFC 8259), pulled token by token. Refuses what different parsers read differently: byte
 * order marks, ill-formed UTF-8, lone surrogates, U+0000, and anything after the end. Numbers keep apart
 * "not an integer" and "integer, but larger than int64_t", so that the caller can say which.
 */
#ifndef MST_CODEC_JSON_H
#define MST_CODEC_JSON_H

#include "base/attr.h"
#include "base/writer.h"

enum mst_json_token {
	MST_JSON_ERROR,         /* `error` and `why` tell; every further call gives it again */
	MST_JSON_END,           /* the one value was read and nothing but blanks follow */
	MST_JSON_OBJECT,
	MST_JSON_OBJECT_END,
	MST_JSON_ARRAY,
	MST_JSON_ARRAY_END,
	MST_JSON_NAME,          /* `text`; the value follows */
	MST_JSON_STRING,        /* `text` */
	MST_JSON_NUMBER,        /* `integer`, `fits`, `number` */
	MST_JSON_TRUE,
	MST_JSON_FALSE,
	MST_JSON_NULL,
};

struct mst_json {
	struct mst_view in;
	size_t at;
	struct mst_arena *arena;        /* for texts with escapes only */
	unsigned depth;
	uint32_t objects;               /* bit d: level d is an object */
	int expect;
	/* the token */
	size_t start;                   /* where it begins */
	struct mst_view text;           /* unescaped */
	int64_t number;
	bool integer, fits;
	int error;                      /* enum mst_msg_outcome */
	const char *why;                /* "trailing comma" */
};

struct mst_json mst_json_of(struct mst_view in, struct mst_arena *arena);
enum mst_json_token mst_json_next(struct mst_json *j);
/* `first` was just returned: go on to the end of that value. False on error. */
MST_MUST_CHECK bool mst_json_skip(struct mst_json *j, enum mst_json_token first);
const char *mst_json_token_text(enum mst_json_token t);        /* "an object" */

/* A quoted string; ill-formed UTF-8 and U+0000 latch `w`. */
void mst_json_put_string(struct mst_writer *w, struct mst_view text);

#endif
