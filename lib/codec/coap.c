#include "codec/coap.h"

#define PAYLOAD_MARKER 0xff

/* RFC 7252 table 4 and RFC 7959 table 1: what we know, how long it may be, and whether it may stand there twice. */
static const struct { uint16_t number; bool repeatable; uint16_t least, most; } known[] = {
	{ MST_COAP_IF_MATCH, true, 0, 8 }, { MST_COAP_URI_HOST, false, 1, 255 }, { MST_COAP_ETAG, true, 1, 8 },
	{ MST_COAP_IF_NONE_MATCH, false, 0, 0 }, { MST_COAP_OBSERVE, false, 0, 3 }, { MST_COAP_URI_PORT, false, 0, 2 },
	{ MST_COAP_LOCATION_PATH, true, 0, 255 }, { MST_COAP_URI_PATH, true, 0, 255 }, { MST_COAP_CONTENT_FORMAT, false, 0, 2 },
	{ MST_COAP_MAX_AGE, false, 0, 4 }, { MST_COAP_URI_QUERY, true, 0, 255 }, { MST_COAP_ACCEPT, false, 0, 2 },
	{ MST_COAP_LOCATION_QUERY, true, 0, 255 }, { MST_COAP_BLOCK2, false, 0, 3 }, { MST_COAP_BLOCK1, false, 0, 3 },
	{ MST_COAP_SIZE2, false, 0, 4 }, { MST_COAP_PROXY_URI, false, 1, 1034 }, { MST_COAP_PROXY_SCHEME, false, 1, 255 },
	{ MST_COAP_SIZE1, false, 0, 4 },
};

/*
 * TS-0008 table 6.2.2.4.0-1, and the same before V3.7.0. Timestamps may have a fraction (TS-0004 6.3.3). Where it is taken:
 * in requests, whatever a blocking request over a session may say; in answers all but parts of a content.
 */
enum { ASKED = 1, ANSWERED = 2, EITHER = ASKED | ANSWERED };
static const struct { uint16_t number, early, least, most; int where; } onem2m[MST_COAP_PARAM__COUNT] = {
	[MST_COAP_FR] = { 279, 256, 0, 255, EITHER }, [MST_COAP_RQI] = { 283, 257, 0, 255, EITHER },
	[MST_COAP_OT] = { 259, 259, 15, 22, EITHER }, [MST_COAP_RQET] = { 291, 260, 15, 22, ASKED },
	[MST_COAP_RSET] = { 295, 261, 15, 22, EITHER }, [MST_COAP_OET] = { 299, 262, 15, 22, 0 },
	[MST_COAP_RTURI] = { 263, 263, 0, 255, 0 }, [MST_COAP_EC] = { 303, 264, 0, 1, ANSWERED },
	[MST_COAP_RSC] = { 307, 265, 0, 2, ANSWERED }, [MST_COAP_GID] = { 311, 266, 0, 255, 0 },
	[MST_COAP_TY] = { 267, 267, 0, 2, ASKED }, [MST_COAP_CTO] = { 319, 268, 0, 2, 0 },
	[MST_COAP_CTS] = { 323, 269, 0, 2, 0 }, [MST_COAP_ATI] = { 327, 270, 0, 255, ANSWERED },
	[MST_COAP_RVI] = { 271, 271, 1, 2, EITHER }, [MST_COAP_VSI] = { 331, 272, 0, 255, EITHER },
	[MST_COAP_GTM] = { 335, 273, 0, 255, 0 }, [MST_COAP_AUS] = { 339, 274, 0, 255, 0 },
	[MST_COAP_ASRI] = { 275, 275, 0, 255, ANSWERED },
};

uint16_t mst_coap_param(enum mst_coap_dialect x, enum mst_coap_param p)
{
	return x == MST_COAP_ONEM2M ? onem2m[p].number : x == MST_COAP_ONEM2M_EARLY ? onem2m[p].early : 0;
}

static int malformed(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, (const char *)NULL);
	return MST_COAP_MALFORMED;
}

/* A nibble and what extends it: 13 one octet more, 14 two more, 15 only in the payload marker. */
static bool extended(struct mst_reader *r, unsigned nibble, uint32_t *ret_x)
{
	switch (nibble) {
	case 13: *ret_x = 13u + mst_read_u8(r); return r->ok;
	case 14: *ret_x = 269u + mst_read_u16(r); return r->ok;
	case 15: return false;
	default: *ret_x = nibble; return true;
	}
}

static int read_options(struct mst_reader *r, struct mst_coap_msg *m, struct mst_diag *d)
{
	uint32_t number = 0, delta, n;

	while (r->left) {
		uint8_t head = mst_read_u8(r);

		if (head == PAYLOAD_MARKER) {
			m->payload = mst_read(r, r->left);
			return m->payload.n ? 0 : malformed(d, "payload", "a marker, and none behind it");
		}
		if (!extended(r, head >> 4, &delta) || !extended(r, head & 15, &n))
			return malformed(d, "option", "its number or length is none");
		number += delta;
		if (number > 0xffff)
			return malformed(d, "option", "its number is beyond 65535");
		if (n > r->left)
			return malformed(d, "option", "longer than the message");
		if (m->n == MST_COAP_OPTIONS_MAX)
			return malformed(d, "option", "more of them than are taken");
		m->option[m->n].number = (uint16_t)number;
		m->option[m->n++].value = mst_read(r, n);
	}
	return 0;
}

int mst_coap_read(struct mst_view datagram, struct mst_coap_msg *ret_m, struct mst_diag *d)
{
	struct mst_reader r = mst_reader_of(datagram);
	uint8_t head = mst_read_u8(&r);
	struct mst_view token;

	memset(ret_m, 0, sizeof(*ret_m));
	ret_m->type = (enum mst_coap_type)(head >> 4 & 3);
	ret_m->n_token = head & 15;
	ret_m->code = mst_read_u8(&r);
	ret_m->id = mst_read_u16(&r);
	if (!r.ok || head >> 6 != 1) {
		mst_diag_set(d, 0, "version", "not CoAP, version 1", (const char *)NULL);
		return MST_COAP_FOREIGN;
	}
	if (ret_m->n_token > MST_COAP_TOKEN_MAX)
		return malformed(d, "token", "longer than 8 octets");
	/* RFC 7252 4.1: nothing follows, not even a token */
	if (ret_m->code == MST_COAP_EMPTY && datagram.n != MST_COAP_HEADER)
		return malformed(d, "code", "an empty message with something in it");
	if (ret_m->code && !mst_coap_is_request(ret_m->code) && !mst_coap_is_response(ret_m->code))
		return malformed(d, "code", "of a reserved class");
	if (ret_m->type == MST_COAP_RST && ret_m->code)
		return malformed(d, "type", "a reset with something in it");
	if (ret_m->type == MST_COAP_ACK && mst_coap_is_request(ret_m->code))
		return malformed(d, "type", "a request in an acknowledgement");
	token = mst_read(&r, ret_m->n_token);
	if (!r.ok)
		return malformed(d, "token", "longer than the message");
	if (token.n)
		memcpy(ret_m->token, token.p, token.n);
	return read_options(&r, ret_m, d);
}

static unsigned nibble_of(uint32_t x)
{
	return x < 13 ? x : x < 269 ? 13 : 14;
}

static void put_extension(struct mst_writer *w, uint32_t x)
{
	if (x >= 269)
		mst_put_u16(w, (uint16_t)(x - 269));
	else if (x >= 13)
		mst_put_u8(w, (uint8_t)(x - 13));
}

void mst_coap_write(const struct mst_coap_msg *m, struct mst_writer *w)
{
	uint16_t last = 0;

	if (m->n_token > MST_COAP_TOKEN_MAX || m->n > MST_COAP_OPTIONS_MAX) {
		w->ok = false;
		return;
	}
	mst_put_u8(w, (uint8_t)(1 << 6 | m->type << 4 | m->n_token));
	mst_put_u8(w, m->code);
	mst_put_u16(w, m->id);
	mst_put(w, (struct mst_view){ m->token, m->n_token });
	for (size_t i = 0; i < m->n; i++) {
		const struct mst_coap_option *o = &m->option[i];
		uint32_t delta = (uint32_t)o->number - last;

		if (o->number < last || o->value.n > 0xffff) {
			w->ok = false;
			return;
		}
		mst_put_u8(w, (uint8_t)(nibble_of(delta) << 4 | nibble_of((uint32_t)o->value.n)));
		put_extension(w, delta);
		put_extension(w, (uint32_t)o->value.n);
		mst_put(w, o->value);
		last = o->number;
	}
	if (!m->payload.n)
		return;
	mst_put_u8(w, PAYLOAD_MARKER);
	mst_put(w, m->payload);
}

const struct mst_coap_option *mst_coap_find(const struct mst_coap_msg *m, uint16_t number)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->option[i].number == number)
			return &m->option[i];
	return NULL;
}

static bool fits(const struct mst_coap_msg *m, enum mst_coap_dialect x, size_t at)
{
	const struct mst_coap_option *o = &m->option[at];
	bool again = at && m->option[at - 1].number == o->number;
	int where = mst_coap_is_request(m->code) ? ASKED : ANSWERED;

	for (size_t i = 0; i < MST_COUNT(known); i++)
		if (known[i].number == o->number)
			return o->value.n >= known[i].least && o->value.n <= known[i].most && (known[i].repeatable || !again);
	for (size_t i = 0; x != MST_COAP_BARE && i < MST_COUNT(onem2m); i++)
		if (mst_coap_param(x, (enum mst_coap_param)i) == o->number)
			return o->value.n >= onem2m[i].least && o->value.n <= onem2m[i].most && onem2m[i].where & where && !again;
	return false;
}

bool mst_coap_check(struct mst_coap_msg *m, enum mst_coap_dialect x, uint16_t *ret_bad)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->option[i].number & 1 && !fits(m, x, i)) {  /* odd: critical */
			*ret_bad = m->option[i].number;
			return false;
		}
	/* what is left behind at [i - 1] is what came there, moved or not: a neighbour to judge by */
	for (size_t i = 0; i < m->n; i++)
		if (fits(m, x, i))
			m->option[n++] = m->option[i];
	m->n = n;
	return true;
}

bool mst_coap_uint(struct mst_view v, uint32_t *ret_x)
{
	uint32_t x = 0;

	if (v.n > 4)
		return false;
	for (size_t i = 0; i < v.n; i++)
		x = x << 8 | v.p[i];
	*ret_x = x;
	return true;
}

uint32_t mst_coap_uint_of(const struct mst_coap_msg *m, uint16_t number, uint32_t otherwise)
{
	const struct mst_coap_option *o = mst_coap_find(m, number);
	uint32_t x;

	return o && mst_coap_uint(o->value, &x) ? x : otherwise;
}

void mst_coap_add(struct mst_coap_msg *m, uint16_t number, struct mst_view value)
{
	size_t at = m->n;

	if (m->n >= MST_COAP_OPTIONS_MAX) {
		m->n = MST_COAP_OPTIONS_MAX + 1;
		return;
	}
	for (; at && m->option[at - 1].number > number; at--)
		m->option[at] = m->option[at - 1];
	m->option[at] = (struct mst_coap_option){ number, value };
	m->n++;
}

void mst_coap_add_uint(struct mst_coap_msg *m, uint16_t number, uint32_t x, uint8_t room[4])
{
	size_t n = 0;

	for (int shift = 24; shift >= 0; shift -= 8)
		if (n || x >> shift)
			room[n++] = (uint8_t)(x >> shift);
	mst_coap_add(m, number, (struct mst_view){ room, n });
}

bool mst_coap_block_read(struct mst_view v, struct mst_coap_block *ret_b)
{
	uint32_t x;

	if (v.n > 3 || !mst_coap_uint(v, &x) || (x & 7) > MST_COAP_SZX_MAX)
		return false;
	*ret_b = (struct mst_coap_block){ .num = x >> 4, .more = x & 8, .szx = x & 7 };
	return true;
}

void mst_coap_add_block(struct mst_coap_msg *m, uint16_t number, const struct mst_coap_block *b, uint8_t room[4])
{
	mst_coap_add_uint(m, number, b->num << 4 | (b->more ? 8u : 0u) | b->szx, room);
}
