/*
 * Borrowed bytes and a bounds-checked cursor over them.
 *
 * A view never owns what it points to; the function that hands one out says until when it is good.
 * A reader latches its first failure, so a parser reads like the format and is checked once at the end.
 */
#ifndef MST_BASE_VIEW_H
#define MST_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mst_view {
	const uint8_t *p;
	size_t n;
};

#define MST_VIEW_NONE ((struct mst_view){ NULL, 0 })
/* A string literal or an array, without its terminating NUL. */
#define MST_VIEW_LIT(s) ((struct mst_view){ (const uint8_t *)(s), sizeof(s) - 1 })

struct mst_view mst_view_str(const char *s);        /* NULL gives the empty view */
bool mst_view_eq(struct mst_view a, struct mst_view b);      /* not for secrets: see mst_ct_equal */
bool mst_view_eq_str(struct mst_view a, const char *s);
bool mst_view_eq_nocase(struct mst_view a, struct mst_view b);   /* ASCII letters only */
bool mst_view_starts(struct mst_view v, const char *prefix);
bool mst_view_ends(struct mst_view v, const char *suffix);
/* Part of `v` from `at`, at most `n` octets; out of range gives a shorter or empty view. */
struct mst_view mst_view_sub(struct mst_view v, size_t at, size_t n);
/* Index of the first octet `c`, or v.n when there is none. */
size_t mst_view_find(struct mst_view v, uint8_t c);
/* Copy as a C string into `out[cap]`. False, and out = "", when it does not fit or holds a NUL. */
bool mst_view_to_str(struct mst_view v, char *out, size_t cap);

struct mst_reader {
	const uint8_t *p;
	size_t left;
	bool ok;
};

struct mst_reader mst_reader_of(struct mst_view v);
struct mst_view mst_read(struct mst_reader *r, size_t n);
uint8_t mst_read_u8(struct mst_reader *r);
uint16_t mst_read_u16(struct mst_reader *r);        /* big endian, all of them */
uint32_t mst_read_u32(struct mst_reader *r);
uint64_t mst_read_u64(struct mst_reader *r);
/* A u16 (u32) length followed by that many octets. */
struct mst_view mst_read_block16(struct mst_reader *r);
struct mst_view mst_read_block32(struct mst_reader *r);
/* True when everything was read and nothing failed. */
bool mst_read_end(const struct mst_reader *r);

#endif
