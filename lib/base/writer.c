#include "base/writer.h"

#include <string.h>

struct mst_writer mst_writer_of(void *p, size_t cap)
{
	return (struct mst_writer){ p, cap, 0, true };
}

struct mst_view mst_written(const struct mst_writer *w)
{
	return w->ok ? (struct mst_view){ w->p, w->n } : MST_VIEW_NONE;
}

uint8_t *mst_put_space(struct mst_writer *w, size_t n)
{
	uint8_t *at;

	if (!w->ok || n > w->cap - w->n) {
		w->ok = false;
		return NULL;
	}
	at = w->p + w->n;
	w->n += n;
	return at;
}

void mst_put(struct mst_writer *w, struct mst_view v)
{
	uint8_t *at = mst_put_space(w, v.n);

	if (at && v.n)
		memcpy(at, v.p, v.n);
}

void mst_put_str(struct mst_writer *w, const char *s)
{
	mst_put(w, mst_view_str(s));
}

static void put_be(struct mst_writer *w, uint64_t x, size_t n)
{
	uint8_t *at = mst_put_space(w, n);

	for (size_t i = 0; at && i < n; i++)
		at[i] = (uint8_t)(x >> (8 * (n - 1 - i)));
}

void mst_put_u8(struct mst_writer *w, uint8_t x) { put_be(w, x, 1); }
void mst_put_u16(struct mst_writer *w, uint16_t x) { put_be(w, x, 2); }
void mst_put_u32(struct mst_writer *w, uint32_t x) { put_be(w, x, 4); }
void mst_put_u64(struct mst_writer *w, uint64_t x) { put_be(w, x, 8); }

void mst_put_block16(struct mst_writer *w, struct mst_view v)
{
	if (v.n > UINT16_MAX)
		w->ok = false;
	mst_put_u16(w, (uint16_t)v.n);
	mst_put(w, v);
}

void mst_put_block32(struct mst_writer *w, struct mst_view v)
{
	if (v.n > UINT32_MAX)
		w->ok = false;
	mst_put_u32(w, (uint32_t)v.n);
	mst_put(w, v);
}

void mst_put_dec(struct mst_writer *w, int64_t x)
{
	uint8_t digit[20];
	uint64_t u = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
	size_t n = 0;

	if (x < 0)
		mst_put_u8(w, '-');
	do {
		digit[n++] = (uint8_t)('0' + u % 10);
		u /= 10;
	} while (u);
	while (n)
		mst_put_u8(w, digit[--n]);
}

void mst_put_nul(struct mst_writer *w)
{
	if (!w->ok || w->n == w->cap) {
		w->ok = false;
		if (w->cap)
			w->p[w->cap - 1] = 0;
		return;
	}
	w->p[w->n] = 0;
}

struct mst_arena mst_arena_of(void *p, size_t cap)
{
	return (struct mst_arena){ p, cap, 0 };
}

uint8_t *mst_arena_take(struct mst_arena *a, size_t n)
{
	uint8_t *at;

	if (n > a->cap - a->n)
		return NULL;
	at = a->p + a->n;
	a->n += n;
	return at;
}
