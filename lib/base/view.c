#include "base/view.h"

#include <string.h>

struct mst_view mst_view_str(const char *s)
{
	return (struct mst_view){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

bool mst_view_eq(struct mst_view a, struct mst_view b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool mst_view_eq_str(struct mst_view a, const char *s)
{
	return mst_view_eq(a, mst_view_str(s));
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool mst_view_eq_nocase(struct mst_view a, struct mst_view b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool mst_view_starts(struct mst_view v, const char *prefix)
{
	struct mst_view p = mst_view_str(prefix);

	return v.n >= p.n && mst_view_eq((struct mst_view){ v.p, p.n }, p);
}

bool mst_view_ends(struct mst_view v, const char *suffix)
{
	struct mst_view s = mst_view_str(suffix);

	return v.n >= s.n && (s.n == 0 || mst_view_eq((struct mst_view){ v.p + (v.n - s.n), s.n }, s));
}

struct mst_view mst_view_sub(struct mst_view v, size_t at, size_t n)
{
	if (at >= v.n)
		return MST_VIEW_NONE;
	if (n > v.n - at)
		n = v.n - at;
	return (struct mst_view){ v.p + at, n };
}

size_t mst_view_find(struct mst_view v, uint8_t c)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] == c)
			return i;
	return v.n;
}

bool mst_view_to_str(struct mst_view v, char *out, size_t cap)
{
	if (cap == 0)
		return false;
	out[0] = '\0';
	if (v.n >= cap || mst_view_find(v, 0) != v.n)
		return false;
	if (v.n)
		memcpy(out, v.p, v.n);
	out[v.n] = '\0';
	return true;
}

struct mst_reader mst_reader_of(struct mst_view v)
{
	return (struct mst_reader){ v.p, v.n, true };
}

struct mst_view mst_read(struct mst_reader *r, size_t n)
{
	struct mst_view v = { r->p, n };

	if (!r->ok || r->left < n) {
		r->ok = false;
		return MST_VIEW_NONE;
	}
	r->left -= n;
	r->p = n ? r->p + n : r->p;
	return v;
}

static uint64_t read_be(struct mst_reader *r, size_t n)
{
	struct mst_view v = mst_read(r, n);
	uint64_t x = 0;

	for (size_t i = 0; i < v.n; i++)
		x = x << 8 | v.p[i];
	return x;
}

uint8_t mst_read_u8(struct mst_reader *r) { return (uint8_t)read_be(r, 1); }
uint16_t mst_read_u16(struct mst_reader *r) { return (uint16_t)read_be(r, 2); }
uint32_t mst_read_u32(struct mst_reader *r) { return (uint32_t)read_be(r, 4); }
uint64_t mst_read_u64(struct mst_reader *r) { return read_be(r, 8); }

struct mst_view mst_read_block16(struct mst_reader *r)
{
	return mst_read(r, mst_read_u16(r));
}

struct mst_view mst_read_block32(struct mst_reader *r)
{
	return mst_read(r, mst_read_u32(r));
}

bool mst_read_end(const struct mst_reader *r)
{
	return r->ok && !r->left;
}
