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
			crc = (crc << 1 ^ (0x1021 & (0 - (crc >> 15)))) & 0xffff;
	}
	return (uint16_t)crc;
}

/* What stands where is no secret, as long as it is no digit; which digit is, and nothing branches on it. */
static bool is(const uint8_t *c, const char *among)
{
	for (; *among; among++)
		if (mst_ct_equal((struct mst_view){ c, 1 }, (struct mst_view){ (const uint8_t *)among, 1 }))
			return true;
	return false;
}

static bool blank(const uint8_t *c)
{
	return is(c, " \t\r\n");
}

int mst_secret_digits(struct mst_view v, uint8_t *out, size_t cap)
{
	static const uint8_t right = 0;
	uint8_t wrong = 0;
	size_t n = 0;
	bool apart = true;        /* none may stand in front */

	for (size_t i = 0; i < v.n; i++) {
		bool before = apart;
		unsigned x;

		apart = is(&v.p[i], "- ");
		if (apart && before)
			return -1;
		if (apart)
			continue;
		if (n == 2 * cap)
			return -1;
		x = mst_hex_digit(v.p[i]);
		wrong |= x & MST_HEX_NONE;
		out[n / 2] = (uint8_t)(n % 2 ? out[n / 2] | (x & 15) : x << 4);
		n++;
	}
	return apart || !mst_ct_equal((struct mst_view){ &wrong, 1 }, (struct mst_view){ &right, 1 }) ? -1 : (int)n;
}

int mst_secret_read(struct mst_view text, struct mst_key *ret_k, struct mst_diag *d)
{
	uint8_t check[2], want[2];
	size_t eq = 0;
	uint16_t crc;
	int n;

	while (text.n && blank(&text.p[text.n - 1]))
		text.n--;
	while (text.n && blank(&text.p[0]))
		text = mst_view_sub(text, 1, text.n - 1);
	while (eq < text.n && !is(&text.p[eq], "="))
		eq++;
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
	crc = mst_secret_check(ret_k);
	want[0] = (uint8_t)(crc >> 8);
	want[1] = (uint8_t)crc;
	if (!mst_ct_equal((struct mst_view){ check, 2 }, (struct mst_view){ want, 2 }))
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
