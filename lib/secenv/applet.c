#include "secenv/applet.h"

#include <stdio.h>
#include <string.h>

#define CLASS 0x80
#define SELECTED 0x0c            /* P2 of SELECT: no data, please */

enum { INS_HMAC = 0x2a, INS_COUNTER = 0x32, INS_MAKE = 0x46, INS_SIGN = 0x9e, INS_INFO = 0xca, INS_PUBLIC = 0xcb, INS_IMPORT = 0xdb, INS_DELETE = 0xe4 };
enum { SW_NO_ROOM = 0x6a84, SW_NO_OBJECT = MST_SW_NO_DATA, SW_THERE = 0x6a89 };

static const uint8_t aid[] = { 0xf0, 0x6d, 0x75, 0x73, 0x74, 0x65, 0x72, 0x01 };

int applet_outcome(int r)
{
	switch (r) {
	case MST_CARD_NO_READER:
	case MST_CARD_NO_CARD: return MST_SECENV_ABSENT;
	case MST_CARD_NO_APP: return MST_SECENV_NOT_OFFERED;
	case MST_CARD_PIN:
	case MST_CARD_PIN_WRONG: return MST_SECENV_REFUSED;
	default: return r < 0 ? r : MST_FAULT_CRYPTO;
	}
}

static int refused(unsigned sw, const char *doing, struct mst_diag *d)
{
	static const struct { unsigned sw; int r; const char *words; } known[] = {
		{ MST_SW_NO_PIN, MST_SECENV_REFUSED, "the card's PIN is switched on, and none is given (secenv.pin_file)" },
		{ MST_SW_BLOCKED, MST_SECENV_LOCKOUT, "the card's PIN is blocked: too many were wrong" },
		{ SW_NO_ROOM, MST_SECENV_FULL, "the card has no room for another key" },
		{ SW_NO_OBJECT, MST_SECENV_CLEARED, "the card does not have it: it was made anew, or is another one" },
		{ MST_SW_CONDITIONS, MST_SECENV_CORRUPT, "the card has it, and it is nothing that can be used so" },
		{ MST_SW_NO_FILE, MST_SECENV_NOT_OFFERED, "the card has no applet for keys" },
	};
	char text[40];

	for (size_t i = 0; i < MST_COUNT(known); i++)
		if (known[i].sw == sw) {
			mst_diag_set(d, 0, "card", doing, ": ", known[i].words, NULL);
			return known[i].r;
		}
	snprintf(text, sizeof(text), "the card answered %04X", sw & 0xffff);
	mst_diag_set(d, 0, "card", doing, ": ", text, NULL);
	return MST_FAULT_CRYPTO;
}

struct command { uint8_t class, ins, p1, p2; const uint8_t *id; struct mst_view data; };

/* One command; its answer has `want` octets, into `ret`. `ret_sw` not NULL: status words are the caller's. */
static int say(struct mst_card_port *p, const struct command *c, const char *doing, uint8_t *ret, size_t want, unsigned *ret_sw, struct mst_diag *d)
{
	uint8_t room[255], b[MST_APDU_MAX], out[MST_APDU_ANSWER_MAX] = { 0 };
	struct mst_writer body = mst_writer_of(room, sizeof(room)), w = mst_writer_of(b, sizeof(b));
	struct mst_view v = MST_VIEW_NONE;
	unsigned sw = 0;
	int r;

	if (c->id)
		mst_put(&body, (struct mst_view){ c->id, ROOT_ID });
	mst_put(&body, c->data);
	mst_uicc_command_of(&w, c->class, c->ins, c->p1, c->p2, mst_written(&body), want ? (int)want : -1);
	r = body.ok && w.ok ? mst_card_exchange(p, mst_written(&w), out, &v, &sw, d) : MST_FAULT_BUG;
	if (r > 0)
		r = applet_outcome(r);
	else if (!r && ret_sw && sw != MST_SW_OK)
		*ret_sw = sw;
	else if (!r && sw != MST_SW_OK)
		r = refused(sw, doing, d);
	else if (!r && v.n != want)
		r = refused(sw, "an answer of another length", d);
	if (!r && sw == MST_SW_OK && want)
		memcpy(ret, v.p, want);
	mst_wipe(room, sizeof(room));
	mst_wipe(b, sizeof(b));
	mst_wipe(out, sizeof(out));
	return r;
}

static int info(struct mst_card_port *p, struct applet_info *ret, struct mst_diag *d)
{
	const struct command c = { CLASS, INS_INFO, 0, 0, NULL, MST_VIEW_NONE };
	uint8_t b[4] = { 0 };
	int r = say(p, &c, "asking the applet what it is", b, sizeof(b), NULL, d);

	if (!r && b[0] != 1) {
		mst_diag_set(d, 0, "card", "its applet for keys is of a version that this program does not know", NULL);
		r = MST_SECENV_NOT_OFFERED;
	}
	*ret = (struct applet_info){ .pin = b[1] != 0, .tries = b[2], .room = b[3] };
	return r;
}

static int verify(struct mst_card_port *p, struct mst_view pin, unsigned tries, struct mst_diag *d)
{
	uint8_t b[MST_APDU_MAX], out[MST_APDU_ANSWER_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_view v;
	unsigned sw = 0;
	char text[96];
	int r;

	if (!pin.n)
		return refused(MST_SW_NO_PIN, "PIN", d);
	if (tries < 2) {
		snprintf(text, sizeof(text), "%s", tries ? "one try is left, and it is left for a person (muster-agent(1), SECURE ENVIRONMENT)" :
			 "it is blocked: too many were wrong");
		mst_diag_set(d, 0, "card", "PIN: ", text, NULL);
		return MST_SECENV_LOCKOUT;
	}
	if (!mst_uicc_verify_pin(&w, pin)) {
		mst_diag_set(d, 0, "card", "PIN: must be 4 to 8 digits", NULL);
		return MST_SECENV_UNREADY;
	}
	r = mst_card_exchange(p, mst_written(&w), out, &v, &sw, d);
	mst_wipe(b, sizeof(b));
	if (r)
		return applet_outcome(r);
	if (sw >> 4 == 0x63c) {
		snprintf(text, sizeof(text), "PIN: the card refused it; %u more tries before it is blocked", sw & 0xf);
		mst_diag_set(d, 0, "card", text, NULL);
		return MST_SECENV_REFUSED;
	}
	return sw == MST_SW_OK ? 0 : refused(sw, "PIN", d);
}

int applet_select(struct mst_card_port *p, struct mst_view pin, struct applet_info *ret_i, struct mst_diag *d)
{
	const struct command c = { 0, MST_INS_SELECT, 4, SELECTED, NULL, { aid, sizeof(aid) } };
	int r = say(p, &c, "selecting the applet", NULL, 0, NULL, d);

	if (!r)
		r = info(p, ret_i, d);
	if (!r && ret_i->pin)
		r = verify(p, pin, ret_i->tries, d);
	return r;
}

int applet_make(struct mst_card_port *p, enum applet_kind k, const uint8_t id[ROOT_ID], struct mst_diag *d)
{
	const struct command c = { CLASS, INS_MAKE, (uint8_t)k, 0, id, MST_VIEW_NONE };

	return say(p, &c, "making a key", NULL, 0, NULL, d);
}

int applet_import(struct mst_card_port *p, const uint8_t id[ROOT_ID], struct mst_view secret, struct mst_diag *d)
{
	const struct command c = { CLASS, INS_IMPORT, APPLET_SECRET, 0, id, secret };

	return say(p, &c, "taking a key in", NULL, 0, NULL, d);
}

int applet_public(struct mst_card_port *p, const uint8_t id[ROOT_ID], uint8_t ret_xy[64], struct mst_diag *d)
{
	const struct command c = { CLASS, INS_PUBLIC, 0, 0, id, MST_VIEW_NONE };

	return say(p, &c, "reading a public key", ret_xy, 64, NULL, d);
}

int applet_sign(struct mst_card_port *p, const uint8_t id[ROOT_ID], const uint8_t digest[MST_SHA256_LEN], uint8_t ret_rs[64], struct mst_diag *d)
{
	const struct command c = { CLASS, INS_SIGN, 0, 0, id, { digest, MST_SHA256_LEN } };

	return say(p, &c, "signing", ret_rs, 64, NULL, d);
}

int applet_hmac(struct mst_card_port *p, const uint8_t id[ROOT_ID], struct mst_view message, uint8_t ret[MST_SHA256_LEN], struct mst_diag *d)
{
	const struct command begin = { CLASS, INS_HMAC, 0, 0, id, MST_VIEW_NONE };
	int r = say(p, &begin, "HMAC", NULL, 0, NULL, d);
	size_t at = 0;

	for (; !r && message.n - at > 255; at += 255) {
		const struct command more = { CLASS, INS_HMAC, 1, 0, NULL, mst_view_sub(message, at, 255) };

		r = say(p, &more, "HMAC", NULL, 0, NULL, d);
	}
	if (!r) {
		const struct command last = { CLASS, INS_HMAC, 2, 0, NULL, mst_view_sub(message, at, message.n - at) };

		r = say(p, &last, "HMAC", ret, MST_SHA256_LEN, NULL, d);
	}
	return r;
}

int applet_count(struct mst_card_port *p, const uint8_t id[ROOT_ID], bool step, uint64_t *ret_n, struct mst_diag *d)
{
	const struct command c = { CLASS, INS_COUNTER, step, 0, id, MST_VIEW_NONE };
	uint8_t b[8];
	struct mst_reader rd = mst_reader_of((struct mst_view){ b, sizeof(b) });
	int r = say(p, &c, "counting", b, sizeof(b), NULL, d);

	if (!r)
		*ret_n = mst_read_u64(&rd);
	return r;
}

int applet_delete(struct mst_card_port *p, const uint8_t id[ROOT_ID], struct mst_diag *d)
{
	const struct command c = { CLASS, INS_DELETE, 0, 0, id, MST_VIEW_NONE };
	unsigned sw = MST_SW_OK;
	int r = say(p, &c, "erasing a key", NULL, 0, &sw, d);

	return r || sw == MST_SW_OK || sw == SW_NO_OBJECT ? r : refused(sw, "erasing a key", d);
}
