/*
 * Messages are tables (architecture 5.5): each message is described once as a const table of fields,
 * and one walker reads and writes it as JSON and as CBOR. Schema, documentation and fuzz dictionaries
 * are generated from the same tables.
 *
 * Struct convention: the first member of every message struct is `uint32_t has`; bit i is set when
 * row i of its table was present (readers set it; writers write exactly the rows whose bit is set).
 * So optional members need no sentinel. Strings and octets are views: into the input where the text
 * stands there as it is, else into the caller's arena (unescaped, base64-decoded).
 *
 * Strict always: UTF-8, no duplicate member, no trailing octets, depth <= MST_MSG_DEPTH, integers only
 * where an integer is meant; unknown members are refused unless the table says `open`. CBOR is
 * deterministic: integer keys ascending, definite lengths, shortest heads; it has no root member.
 */
#ifndef MST_CODEC_MSG_H
#define MST_CODEC_MSG_H

#include "base/diag.h"
#include "base/time.h"
#include "base/writer.h"
#include "codec/names.h"

#define MST_MSG_DEPTH 8
#define MST_MSG_FIELDS_MAX 32

enum mst_type {
	MST_T_STR,        /* struct mst_view, UTF-8; max = octets */
	MST_T_BYTES,      /* struct mst_view; base64 in JSON, byte string in CBOR; max = octets */
	MST_T_INT,        /* int64_t, min..max */
	MST_T_BOOL,       /* bool */
	MST_T_TIME,       /* mst_time; m2m:timestamp in JSON, integer seconds in CBOR */
	MST_T_DURATION,   /* int64_t seconds; xs:duration in JSON, integer seconds in CBOR */
	MST_T_ENUM,       /* int; text in JSON and a small integer in CBOR, through `values` */
	MST_T_OBJECT,     /* the struct of `sub` in place */
	MST_T_SECRET,     /* as BYTES; never printed by diagnostics, writers' schema says writeOnly */
};

struct mst_enum_value { const char *text; int value; };
struct mst_enum_table { const char *what; const struct mst_enum_value *v; size_t n; };

struct mst_msg;

#define MST_F_REQUIRED 1u
/* array in the struct: `offset` is its first element, `count` its uint16_t length */
#define MST_F_LIST 2u

struct mst_field {
	enum mst_name name;
	int key;                          /* CBOR map key (small integer, unique in the message) */
	enum mst_type type;
	unsigned flags;
	size_t offset;                    /* in the struct */
	size_t count;                     /* LIST: offset of the uint16_t element count */
	size_t stride;                    /* LIST: size of one element */
	uint16_t list_min, list_max;      /* LIST: how many elements are allowed */
	int64_t min, max;                 /* INT: range; STR, BYTES: octets */
	const struct mst_enum_table *values;
	const struct mst_msg *sub;
	const char *doc;                  /* one line: meaning and clause, for schema and reference */
	/* Further check of one value after type and range (an FQDN, a URI, …); true = good. May be NULL. */
	bool (*check)(struct mst_view v);
	const char *expects;              /* what `check` wants, for the error text: "an FQDN" */
};

struct mst_msg {
	const char *what;                 /* "instruction sequence"; used in errors and schema titles */
	/* resource root member (MST_N_MEF_CLIENT_REG), or MST_N_NONE: bare */
	enum mst_name root;
	bool open;                        /* unknown members are skipped instead of refused */
	size_t size;                      /* sizeof the struct */
	const struct mst_field *field;
	size_t n;
	const char *doc;
};

enum mst_msg_outcome {
	MST_MSG_MALFORMED = 1,    /* not JSON / not CBOR */
	MST_MSG_TRAILING,         /* octets after the end */
	MST_MSG_DEPTH_EXCEEDED,
	MST_MSG_TOO_LARGE,        /* the whole message, or what it needs of the arena */
	MST_MSG_DUPLICATE,        /* the same member twice */
	MST_MSG_UNKNOWN_FIELD,
	MST_MSG_MISSING,          /* a required member is absent */
	MST_MSG_WRONG_TYPE,
	MST_MSG_OUT_OF_RANGE,     /* a number or length outside its limits, a list too short or too long */
	MST_MSG_UNKNOWN_VALUE,    /* not one of the enumeration's values */
	MST_MSG_INVALID,          /* the field's own check refused it, or a rule between fields */
};
const char *mst_msg_outcome_text(int outcome);   /* short, constant: "duplicate member" */

/*
 * Read one whole message. On 0 every byte of `ret` is written (absent members zero); on an outcome
 * `ret` is zeroed and `d` (may be NULL) names field, place and what would be right.
 * Views in `ret` live as long as `in` and the arena's storage.
 */
MST_MUST_CHECK int mst_msg_read_json(const struct mst_msg *m, enum mst_profile p, struct mst_view in,
                                     struct mst_arena *a, void *ret, struct mst_diag *d);
MST_MUST_CHECK int mst_msg_read_cbor(const struct mst_msg *m, struct mst_view in,
                                     struct mst_arena *a, void *ret, struct mst_diag *d);
/* Write. Overflow latches in `w`. JSON is compact; CBOR is deterministic (RFC 8949 4.2). */
void mst_msg_write_json(const struct mst_msg *m, enum mst_profile p, const void *msg, struct mst_writer *w);
void mst_msg_write_cbor(const struct mst_msg *m, const void *msg, struct mst_writer *w);

/* Text of an enumeration's value, "?" when it has none. */
const char *mst_enum_text(const struct mst_enum_table *t, int value);

/* Row shorthands. S = struct type, m = member. */
#define MST_ROW(NAME, KEY, TYPE, FLAGS, S, m, MIN, MAX, DOC, ...) \
	{ .name = MST_N_##NAME, .key = KEY, .type = MST_T_##TYPE, .flags = FLAGS, \
	  .offset = offsetof(S, m), .min = MIN, .max = MAX, .doc = DOC, ##__VA_ARGS__ }
#define MST_ROW_LIST(NAME, KEY, TYPE, FLAGS, S, m, nm, LMIN, LMAX, MIN, MAX, DOC, ...) \
	{ .name = MST_N_##NAME, .key = KEY, .type = MST_T_##TYPE, .flags = (FLAGS) | MST_F_LIST, \
	  .offset = offsetof(S, m), .count = offsetof(S, nm), .stride = sizeof(((S *)0)->m[0]), \
	  .list_min = LMIN, .list_max = LMAX, .min = MIN, .max = MAX, .doc = DOC, ##__VA_ARGS__ }

#endif
