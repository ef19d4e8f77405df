/*
 * Bytes into caller's storage, with a latched overflow: write the whole message, check `ok` once.
 * After an overflow nothing more is written and `n` stays where it was.
 */
#ifndef MST_BASE_WRITER_H
#define MST_BASE_WRITER_H

#include "base/view.h"

struct mst_writer {
	uint8_t *p;
	size_t cap;
	size_t n;
	bool ok;
};

struct mst_writer mst_writer_of(void *p, size_t cap);
/* What was written so far; empty after an overflow. Borrowed from the storage. */
struct mst_view mst_written(const struct mst_writer *w);

void mst_put(struct mst_writer *w, struct mst_view v);
void mst_put_str(struct mst_writer *w, const char *s);
void mst_put_u8(struct mst_writer *w, uint8_t x);
void mst_put_u16(struct mst_writer *w, uint16_t x);   /* big endian, all of them */
void mst_put_u32(struct mst_writer *w, uint32_t x);
void mst_put_u64(struct mst_writer *w, uint64_t x);
void mst_put_block16(struct mst_writer *w, struct mst_view v);   /* u16 length, then the octets */
void mst_put_block32(struct mst_writer *w, struct mst_view v);
void mst_put_dec(struct mst_writer *w, int64_t x);               /* decimal digits */
/* Reserve `n` octets to fill in later; NULL after an overflow. */
uint8_t *mst_put_space(struct mst_writer *w, size_t n);
/* A NUL that is not counted in `n`, so that the storage reads as a C string. Latches when full. */
void mst_put_nul(struct mst_writer *w);

/*
 * Scratch storage for what a decoder must unescape or convert: handed out from the front, given
 * back all at once by setting n = 0. Never grows.
 */
struct mst_arena {
	uint8_t *p;
	size_t cap;
	size_t n;
};

struct mst_arena mst_arena_of(void *p, size_t cap);
uint8_t *mst_arena_take(struct mst_arena *a, size_t n);          /* NULL when full; not aligned */

#endif
