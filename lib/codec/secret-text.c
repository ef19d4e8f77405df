#include "codec/secret-text.h"

#include "base/text.h"

static int refuse(struct mst_key *k, struct mst_diag *d, const char *what)
{
	mst_key_wipe(k);
	mst_diag_set(d, 0, "secret", what, "; expected 16 to 64 octets in hex, then = and the check code, like "
		     "0123-4567-89AB-CDEF-FEDC-BA98-7654-3210=296E", NULL);
	return MST_FAULT_CONFIG;
}

uint16_t mst_secret_check(const struct mst_key *k)
{
	unsigned crc = 0xffff;

	for (size_t i = 0; i < k->n; i++) {
		crc ^= (unsigned)k->b[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
	}
	return (uint16_t)crc;
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int mst_secret_digits(struct mst_view v, uint8_t *out, size_t cap)
{
	size_t n = 0;
	bool apart = true;        /* none may stand in front */

	for (size_t i = 0; i < v.n; i++) {
		int x = digit(v.p[i]);

		if (x < 0 && ((v.p[i] != '-' && v.p[i] != ' ') || apart))
			return -1;
		apart = x < 0;
		if (apart)
			continue;
		if (n == 2 * cap)
			return -1;
		out[n / 2] = (uint8_t)(n % 2 ? out[n / 2] | x : x << 4);
		n++;
	}
	return apart ? -1 : (int)n;
}

int mst_secret_read(struct mst_view text, struct mst_key *ret_k, struct mst_diag *d)
{
	uint8_t check[2];
	size_t eq;
	int n;

	while (text.n && blank(text.p[text.n - 1]))
		text.n--;
	while (text.n && blank(text.p[0]))
		text = mst_view_sub(text, 1, text.n - 1);
	eq = mst_view_find(text, '=');
	mst_key_wipe(ret_k);
	n = mst_secret_digits(mst_view_sub(text, 0, eq), ret_k->b, MST_KEY_MAX);
	if (n < 0)
		return refuse(ret_k, d, "is not in hex, or too long");
	if (n % 2 || n < 2 * MST_SECRET_MIN)
		return refuse(ret_k, d, n % 2 ? "is half an octet short" : "is too short");
	ret_k->n = (size_t)n / 2;
	if (eq == text.n)
		return refuse(ret_k, d, "has no check code");
	if (mst_secret_digits(mst_view_sub(text, eq + 1, text.n), check, sizeof(check)) != 4)
		return refuse(ret_k, d, "has a check code that is not four hex digits");
	if ((check[0] << 8 | check[1]) != mst_secret_check(ret_k))
		return refuse(ret_k, d, "does not fit its check code: a digit is wrong or missing");
	return 0;
}

void mst_secret_write(const struct mst_key *k, struct mst_writer *w)
{
	uint16_t crc = mst_secret_check(k);

	for (size_t i = 0; i < k->n; i++) {
		if (i && i % 2 == 0)
			mst_put_u8(w, '-');
		mst_put_hex(w, (struct mst_view){ k->b + i, 1 });
	}
	mst_put_u8(w, '=');
	mst_put_hex(w, (struct mst_view){ (const uint8_t[]){ (uint8_t)(crc >> 8), (uint8_t)crc }, 2 });
}
