#include <string.h>

#include "base/writer.h"
#include "transport/tls-int.h"

/* The algorithms of spec 2.5.5, and how many octets of the SHA-256 each keeps. */
static const struct { const char *prefix; size_t octets; } form[] = {
	{ "ni:///sha-256;", 32 }, { "ni:///sha-256-128;", 16 }, { "ni:///sha-256-120;", 15 },
};

static int digit64url(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* base64url without padding; one spelling per value (spare bits are zero). */
static bool decode(struct mst_view v, uint8_t *out, size_t cap, size_t *ret_n)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		int d = digit64url(v.p[i]);

		if (d < 0)
			return false;
		bits = (bits << 6 | (uint32_t)d) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			if (n == cap)
				return false;
			out[n++] = (uint8_t)(bits >> have);
		}
	}
	*ret_n = n;
	return have < 6 && (bits & ((1u << have) - 1)) == 0;
}

static bool one_matches(const uint8_t sha256[MST_SHA256_LEN], struct mst_view pin)
{
	uint8_t hash[MST_SHA256_LEN];
	size_t n;

	for (size_t i = 0; i < MST_COUNT(form); i++)
		if (mst_view_starts(pin, form[i].prefix))
			return decode(mst_view_sub(pin, strlen(form[i].prefix), pin.n), hash, sizeof(hash), &n) &&
			       n == form[i].octets && !memcmp(hash, sha256, n);
	return false;
}

bool tls_pin_matches(const uint8_t spki_sha256[MST_SHA256_LEN], const struct mst_view *pin, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (one_matches(spki_sha256, pin[i]))
			return true;
	return false;
}
