/*
 * What the two readers of messages share (msg-json.c, msg-cbor.c): where in the message we are, how a
 * refusal is worded, and the last step of every value: limits, then the struct. Internal to lib/codec.
 */
#ifndef MST_CODEC_WALK_H
#define MST_CODEC_WALK_H

#include "codec/msg.h"

struct mst_path {
	const struct mst_path *up;
	const char *name;               /* NULL: an element of the list `up` */
	unsigned index;
};

struct mst_walk {
	struct mst_arena *arena;
	struct mst_diag *d;             /* may be NULL */
	enum mst_profile profile;
};

/* A decoded value: `octets` for STR, BYTES, SECRET; `number` for the others. */
struct mst_value {
	size_t offset;
	struct mst_view octets;
	int64_t number;
};

/* Explain and return `outcome`. */
int mst_walk_fail(const struct mst_walk *w, const struct mst_path *p, size_t offset, int outcome,
                  const char *a, const char *b, const char *c);
int mst_walk_wrong_type(const struct mst_walk *w, const struct mst_path *p, size_t offset,
                        const struct mst_field *f, bool json, const char *found);
int mst_walk_unknown_value(const struct mst_walk *w, const struct mst_path *p, size_t offset,
                           const struct mst_field *f, struct mst_view found);
/* Limits and the field's own check, then into `slot`. 0 or an outcome. */
int mst_walk_put(const struct mst_walk *w, const struct mst_path *p, const struct mst_field *f,
                 const struct mst_value *v, void *slot);
/* Every required member there? 0 or MST_MSG_MISSING. */
int mst_walk_complete(const struct mst_walk *w, const struct mst_path *up, size_t offset,
                      const struct mst_msg *m, uint32_t has);
int mst_walk_list_size(const struct mst_walk *w, const struct mst_path *p, size_t offset,
                       const struct mst_field *f, size_t n);

const struct mst_enum_value *mst_enum_by_text(const struct mst_enum_table *t, struct mst_view text);
const struct mst_enum_value *mst_enum_by_value(const struct mst_enum_table *t, int64_t value);

/* Access to a struct through its table. */
void *mst_field_slot(const struct mst_field *f, void *msg, size_t i);
const void *mst_field_slot_const(const struct mst_field *f, const void *msg, size_t i);
uint16_t *mst_field_count(const struct mst_field *f, void *msg);
size_t mst_field_elements(const struct mst_field *f, const void *msg);  /* 1 for what is no list */
int64_t mst_field_number(const struct mst_field *f, const void *slot);  /* INT, TIME, DURATION, ENUM, BOOL */

#endif
