/* Requests over CoAP: one confirmable message, one answer that fits in a datagram. The codec is not the daemon's. */
#include <string.h>

#include "load.h"

#define CHANGED 0x44                    /* 2.04, RFC 7252 12.1.2 */
#define HEAD 5                          /* with a token of one octet: there is one request in a session */
#define TOKEN 0x77

/* Uri-Path, Content-Format and Accept: JSON (RFC 7252 5.10, 12.3). */
static const unsigned char options[] = "\xb8" "briefing" "\x11\x32" "\x51\x32" "\xff";

size_t load_coap_request(const struct load *l, unsigned step, char *out, size_t cap)
{
	bool bare = l->kind == LOAD_COAP || l->kind == LOAD_COAP_PSK;
	size_t k = HEAD;

	if (step)
		return 0;
	memcpy(out, (const unsigned char[]){ 0x41, 2, 0x12, 0x34, TOKEN }, HEAD);
	if (bare)
		return k;
	memcpy(out + k, options, sizeof(options) - 1);
	k += sizeof(options) - 1;
	return k + load_question(out + k, cap - k);
}

/* The payload, or NULL; what an option holds is of no interest but that Block2 says there is more. */
static const char *payload(const char *in, size_t size, size_t *ret_n, bool *ret_more)
{
	const unsigned char *p = (const unsigned char *)in;
	size_t at = HEAD, number = 0;

	*ret_more = false;
	while (at < size && p[at] != 0xff) {
		size_t delta = p[at] >> 4, n = p[at] & 15;

		at++;
		if (delta == 13)
			delta += at < size ? p[at++] : 0u;
		if (n == 13)
			n += at < size ? p[at++] : 0u;
		if (delta > 13 + 255 || delta == 14 || n > size - at)
			return NULL;
		number += delta;
		if (number == 23 && n && p[at + n - 1] & 8)
			*ret_more = true;
		at += n;
	}
	*ret_n = at < size ? size - at - 1 : 0;
	return at < size ? in + at + 1 : in + size;
}

enum load_answer load_coap_check(const struct load *l, const char *in, size_t size, char why[160])
{
	const unsigned char *p = (const unsigned char *)in;
	const char *body;
	bool more;

	/* something else's, or an empty acknowledgement: the answer comes by itself */
	if (size < HEAD || (p[0] & 0xcf) != 0x41 || p[4] != TOKEN)
		return LOAD_MORE;
	if (p[1] != CHANGED) {
		snprintf(why, 160, "not 2.04: %u.%02u", p[1] >> 5u, p[1] & 31u);
		return LOAD_BAD;
	}
	if (l->kind == LOAD_COAP || l->kind == LOAD_COAP_PSK)
		return LOAD_GOOD;
	body = payload(in, size, &size, &more);
	if (body && !more && load_briefing(l, body, size))
		return LOAD_GOOD;
	snprintf(why, 160, "no briefing%s", more ? " in one piece" : "");
	return LOAD_BAD;
}
