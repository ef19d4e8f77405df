#include "base/text.h"

#include "base/secret.h"

/* Without a table or a branch, for keys are written so, too: 7 are from '9' to 'A'. */
static uint8_t hex_digit(unsigned x)
{
	return (uint8_t)('0' + x + (((9 - x) >> 8) & 7));
}

/* The same of base64: from 'Z' to 'a', from 'z' to '0', from '9' to '+', from '+' to '/'. */
static uint8_t b64_digit(unsigned x)
{
	return (uint8_t)('A' + x + (((25 - x) >> 8) & 6) - (((51 - x) >> 8) & 75) - (((61 - x) >> 8) & 15) + (((62 - x) >> 8) & 3));
}

void mst_put_hex(struct mst_writer *w, struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++) {
		mst_put_u8(w, hex_digit(v.p[i] >> 4));
		mst_put_u8(w, hex_digit(v.p[i] & 15));
	}
}

void mst_put_hex_lower(struct mst_writer *w, struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++) {
		mst_put_u8(w, hex_digit(v.p[i] >> 4) | 0x20);
		mst_put_u8(w, hex_digit(v.p[i] & 15) | 0x20);
	}
}

void mst_put_base64(struct mst_writer *w, struct mst_view v)
{
	for (size_t i = 0; i < v.n; i += 3) {
		size_t left = v.n - i;
		uint32_t x = (uint32_t)v.p[i] << 16;

		if (left > 1)
			x |= (uint32_t)v.p[i + 1] << 8;
		if (left > 2)
			x |= v.p[i + 2];
		mst_put_u8(w, b64_digit(x >> 18));
		mst_put_u8(w, b64_digit(x >> 12 & 63));
		mst_put_u8(w, left > 1 ? b64_digit(x >> 6 & 63) : '=');
		mst_put_u8(w, left > 2 ? b64_digit(x & 63) : '=');
	}
}

static bool unreserved(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

void mst_put_percent(struct mst_writer *w, struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (unreserved(v.p[i])) {
			mst_put_u8(w, v.p[i]);
			continue;
		}
		mst_put_u8(w, '%');
		mst_put_hex(w, (struct mst_view){ v.p + i, 1 });
	}
}

/* 1 or 0, without a branch. */
static unsigned within(unsigned x, unsigned first, unsigned last)
{
	return ~((x - first) | (last - x)) >> (8 * sizeof(x) - 1);
}

unsigned mst_hex_digit(uint8_t c)
{
	unsigned low = c | 0x20U, number = within(c, '0', '9'), letter = within(low, 'a', 'f');

	return ((c - (unsigned)'0') & (0 - number)) | ((low - 'a' + 10) & (0 - letter)) | (1 - (number | letter)) << 4;
}

/* What was found out of secrets is none itself: that all are digits, where the text ends. */
static bool is(uint8_t c, uint8_t what)
{
	return mst_ct_equal((struct mst_view){ &c, 1 }, (struct mst_view){ &what, 1 });
}

bool mst_hex_decode(struct mst_view in, uint8_t *out, size_t cap, size_t *ret_n)
{
	uint8_t wrong = 0;

	if (in.n % 2 || in.n / 2 > cap)
		return false;
	for (size_t i = 0; i < in.n; i += 2) {
		unsigned h = mst_hex_digit(in.p[i]), l = mst_hex_digit(in.p[i + 1]);

		wrong |= (uint8_t)(h | l) & MST_HEX_NONE;
		out[i / 2] = (uint8_t)(h << 4 | (l & 15));
	}
	if (!is(wrong, 0))
		return false;
	*ret_n = in.n / 2;
	return true;
}

#define B64_NONE 64u             /* it is no digit */

static unsigned b64_value(uint8_t c)
{
	unsigned upper = within(c, 'A', 'Z'), lower = within(c, 'a', 'z'), number = within(c, '0', '9'), plus = within(c, '+', '+'), slash = within(c, '/', '/');

	return ((c - (unsigned)'A') & (0 - upper)) | ((c - (unsigned)'a' + 26) & (0 - lower)) | ((c - (unsigned)'0' + 52) & (0 - number)) | (62 & (0 - plus)) |
	       (63 & (0 - slash)) | ((1 - (upper | lower | number | plus | slash)) * B64_NONE);
}

/* Where '=' stands says how long it is, and nothing else of it. */
bool mst_base64_decode(struct mst_view in, uint8_t *out, size_t cap, size_t *ret_n)
{
	size_t pad = 0, n = 0;
	unsigned wrong = 0;

	if (in.n % 4)
		return false;
	if (in.n && is(in.p[in.n - 1], '='))
		pad = is(in.p[in.n - 2], '=') ? 2 : 1;
	if (in.n / 4 * 3 - pad > cap)
		return false;
	for (size_t i = 0; i < in.n; i += 4) {
		size_t left = i + 4 == in.n ? 4 - pad : 4;
		uint32_t x = 0;

		for (size_t j = 0; j < 4; j++) {
			unsigned v = j < left ? b64_value(in.p[i + j]) : 0;

			wrong |= v & B64_NONE;
			x = x << 6 | (v & 63);
		}
		/* one spelling per value: the bits under the padding are zero */
		wrong |= x & ((1u << (8 * (4 - left))) - 1);
		for (size_t j = 0; j + 1 < left; j++)
			out[n++] = (uint8_t)(x >> (16 - 8 * j));
	}
	if (!is((uint8_t)(wrong | wrong >> 8), 0))
		return false;
	*ret_n = n;
	return true;
}

bool mst_percent_decode(struct mst_view in, uint8_t *out, size_t cap, size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = in.p[i];

		if (c == '%') {
			size_t one;

			if (in.n - i < 3 || !mst_hex_decode((struct mst_view){ in.p + i + 1, 2 }, &c, 1, &one))
				return false;
			i += 2;
		}
		if (n == cap)
			return false;
		out[n++] = c;
	}
	*ret_n = n;
	return true;
}

/* Length of the well-formed sequence at `p`, or 0 (Unicode table 3-7). */
static size_t utf8_step(const uint8_t *p, size_t left)
{
	uint8_t c = p[0], lo = 0x80, hi = 0xbf;
	size_t n;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		n = 2;
	else if (c >= 0xe0 && c <= 0xef)
		n = 3;
	else if (c >= 0xf0 && c <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > left)
		return 0;
	lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : lo;
	hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : hi;
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool mst_utf8_valid(struct mst_view v)
{
	for (size_t i = 0; i < v.n;) {
		size_t step = utf8_step(v.p + i, v.n - i);

		if (!step)
			return false;
		i += step;
	}
	return true;
}

void mst_utf8_mend(char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0, step; i < n; i += step ? step : 1) {
		step = utf8_step((const uint8_t *)text + i, n - i);
		if (!step)
			text[i] = '?';
	}
}

size_t mst_plain_step(const uint8_t *p, size_t left)
{
	size_t n = utf8_step(p, left);

	if (n == 1)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0 ? 0 :                       /* U+0080 to U+009F */
		       p[0] == 0xd8 && p[1] == 0x9c ? 0 : 2;                   /* U+061C */
	if (n == 3 && p[0] == 0xe2 && p[1] == 0x80)
		return (p[2] >= 0xa8 && p[2] <= 0xae) || p[2] == 0x8e || p[2] == 0x8f ? 0 : 3;  /* U+2028 to U+202E, U+200E, U+200F */
	if (n == 3 && p[0] == 0xe2 && p[1] == 0x81)
		return p[2] >= 0xa6 && p[2] <= 0xa9 ? 0 : 3;                   /* U+2066 to U+2069 */
	return n;
}

bool mst_text_plain(struct mst_view v)
{
	for (size_t i = 0, step; i < v.n; i += step) {
		step = mst_plain_step(v.p + i, v.n - i);
		if (!step)
			return false;
	}
	return true;
}

bool mst_printable_ascii(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x21 || v.p[i] > 0x7e)
			return false;
	return true;
}

bool mst_parse_dec(struct mst_view v, uint64_t max, uint64_t *ret_x)
{
	uint64_t x = 0;

	if (v.n == 0 || (v.n > 1 && v.p[0] == '0'))
		return false;
	for (size_t i = 0; i < v.n; i++) {
		uint8_t d = (uint8_t)(v.p[i] - '0');

		if (d > 9 || x > (UINT64_MAX - d) / 10)
			return false;
		x = x * 10 + d;
	}
	if (x > max)
		return false;
	*ret_x = x;
	return true;
}

void mst_ascii_lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + 32);
}
