#include "secenv/card.h"

#include <string.h>

#include "base/fault.h"
#include "base/text.h"

/* --- one command and its answer, whichever way the card hands it over --- */

static bool ends_in_le(struct mst_view command)
{
	return command.n == 5 || (command.n > 5 && command.n == 6 + (size_t)command.p[4]);
}

/* 61xx: xx octets wait for GET RESPONSE. 6Cxx: ask again with Le = xx. Both are T=0's way; T=1 answers at once. */
int mst_card_exchange(struct mst_card_port *p, struct mst_view command, uint8_t out[MST_APDU_ANSWER_MAX], struct mst_view *ret_data,
		      unsigned *ret_sw, struct mst_diag *d)
{
	uint8_t again[MST_APDU_MAX];
	struct mst_view next = command;

	if (!p->t1 && command.n > 5 && ends_in_le(command))
		next.n--;
	for (int step = 0; step < 4; step++) {
		struct mst_writer w = mst_writer_of(again, sizeof(again));
		size_t n = 0;
		unsigned sw;
		int r = p->ops->transmit(p, next, out, &n, d);

		if (r)
			return r;
		if (n < 2) {
			mst_diag_set(d, 0, p->ops->name, "an answer without a status word", NULL);
			return MST_CARD_ODD;
		}
		sw = (unsigned)out[n - 2] << 8 | out[n - 1];
		if (sw >> 8 == 0x61 || sw >> 8 == 0x9f) {
			mst_uicc_command(&w, MST_INS_GET_RESPONSE, 0, 0, MST_VIEW_NONE, (int)(sw & 0xff));
			next = mst_written(&w);
		} else if (sw >> 8 == 0x6c && ends_in_le(next)) {
			memmove(again, next.p, next.n);
			again[next.n - 1] = (uint8_t)sw;
			next = (struct mst_view){ again, next.n };
		} else {
			*ret_data = (struct mst_view){ out, n - 2 };
			*ret_sw = sw;
			return 0;
		}
	}
	mst_diag_set(d, 0, p->ops->name, "the card goes on saying that an answer waits", NULL);
	return MST_CARD_ODD;
}

/* Four digits, as everybody writes files and status words. */
static void put_number(struct mst_writer *w, const char *before, unsigned x)
{
	const uint8_t b[2] = { (uint8_t)(x >> 8), (uint8_t)x };

	mst_put_str(w, before);
	mst_put_hex(w, (struct mst_view){ b, sizeof(b) });
	mst_put_nul(w);
}

/* What a status word means where nothing better is known. */
static int refused(const char *what, unsigned sw, struct mst_diag *d)
{
	static const struct { unsigned sw; int outcome; const char *words; } known[] = {
		{ MST_SW_NO_PIN, MST_CARD_PIN, "the PIN is needed" },
		{ MST_SW_BLOCKED, MST_CARD_PIN_WRONG, "the PIN is blocked: unblock it with the PUK, in a telephone for example" },
		{ MST_SW_MAC, MST_CARD_MAC, "MAC incorrect: the challenge is not from the network that the card belongs to, or the keys differ" },
		{ MST_SW_NO_CONTEXT, MST_CARD_NO_GBA, "the card does no GBA" },
		{ MST_SW_NO_INS, MST_CARD_NO_GBA, "the card does not know the instruction" },
		{ MST_SW_WRONG_P1P2, MST_CARD_NO_GBA, "the card does not know this context" },
		{ MST_SW_CONDITIONS, MST_CARD_NO_KEY, "conditions of use not satisfied: no bootstrapping came before" },
		{ MST_SW_STALE_KEY, MST_CARD_NO_KEY, "the card's key is not fresh" },
		{ MST_SW_NO_FILE, MST_CARD_NO_APP, "no such file or application" },
		{ MST_SW_NO_DATA, MST_CARD_NO_KEY, "the card has no such data" },
	};
	char text[40];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	for (size_t i = 0; i < MST_COUNT(known); i++)
		if (known[i].sw == sw) {
			mst_diag_set(d, 0, what, known[i].words, NULL);
			return known[i].outcome;
		}
	put_number(&w, "the card answered ", sw);
	mst_diag_set(d, 0, what, text, NULL);
	return MST_CARD_ODD;
}

/* Positive outcomes of decoders become ours. */
static int odd(int malformed)
{
	return malformed > 0 ? MST_CARD_ODD : malformed;
}

static int run(struct mst_card_port *p, const char *what, uint8_t ins, uint8_t p1, uint8_t p2, struct mst_view data, int le,
	       uint8_t out[MST_APDU_ANSWER_MAX], struct mst_view *ret_data, struct mst_diag *d)
{
	uint8_t b[MST_APDU_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	unsigned sw = 0;
	int r;

	mst_uicc_command(&w, ins, p1, p2, data, le);
	if (!w.ok)
		return MST_FAULT_BUG;
	r = mst_card_exchange(p, mst_written(&w), out, ret_data, &sw, d);
	if (r)
		return r;
	return sw == MST_SW_OK ? 0 : refused(what, sw, d);
}

/* --- files --- */

static int select_file(struct mst_card_port *p, unsigned file, struct mst_uicc_fcp *ret_f, uint8_t out[MST_APDU_ANSWER_MAX],
		       struct mst_diag *d)
{
	const uint8_t id[2] = { (uint8_t)(file >> 8), (uint8_t)file };
	struct mst_view v;
	char what[24];
	struct mst_writer w = mst_writer_of(what, sizeof(what));
	int r;

	put_number(&w, "SELECT ", file);
	r = run(p, what, MST_INS_SELECT, 0, 4, (struct mst_view){ id, 2 }, 0, out, &v, d);
	return r ? r : odd(mst_uicc_fcp_read(v, ret_f, d));
}

/* A transparent file of at most `cap` octets; what is longer is cut there. */
static int read_file(struct mst_card_port *p, unsigned file, uint8_t *room, size_t cap, struct mst_view *ret_v, struct mst_diag *d)
{
	uint8_t out[MST_APDU_ANSWER_MAX];
	struct mst_uicc_fcp f;
	struct mst_view v;
	size_t n = 0;
	char what[24];
	struct mst_writer w = mst_writer_of(what, sizeof(what));
	int r = select_file(p, file, &f, out, d);

	if (r)
		return r;
	put_number(&w, "EF ", file);
	while (n < f.size && n < cap) {
		size_t want = f.size - n < cap - n ? f.size - n : cap - n;

		if (want > 255)
			want = 255;
		r = run(p, what, MST_INS_READ_BINARY, (uint8_t)(n >> 8 & 0x7f), (uint8_t)n, MST_VIEW_NONE, (int)want, out, &v, d);
		if (r)
			return r;
		if (v.n == 0 || v.n > want) {
			mst_diag_set(d, 0, what, "the card gave another number of octets than asked for", NULL);
			return MST_CARD_ODD;
		}
		memcpy(room + n, v.p, v.n);
		n += v.n;
	}
	*ret_v = (struct mst_view){ room, n };
	return 0;
}

/* --- the application --- */

static bool wanted(enum mst_card_app want, struct mst_view aid, enum mst_card_app *ret_app)
{
	if (mst_uicc_is_isim(aid) && want != MST_CARD_USIM) {
		*ret_app = MST_CARD_ISIM;
		return true;
	}
	if (mst_uicc_is_usim(aid) && want != MST_CARD_ISIM) {
		*ret_app = MST_CARD_USIM;
		return true;
	}
	return false;
}

/*
 * Why there is nothing to select. 3GPP2's CSIM is told by its name and left alone, since what a bootstrap needs of it is not known (decision 0015):
 * beside a USIM or an ISIM it does not matter, and a card with nothing else is of no use here.
 */
static const char *nothing_to_select(enum mst_card_app want, bool csim_only)
{
	static const char *const words[] = {
		[MST_CARD_ANY] = "the card has neither a USIM nor an ISIM application",
		[MST_CARD_USIM] = "the card has no USIM application",
		[MST_CARD_ISIM] = "the card has no ISIM application",
	};

	return csim_only ? "the card has a CSIM and neither a USIM nor an ISIM; this program cannot speak with a CSIM" : words[want];
}

/* EF_DIR lists the applications; with ANY the ISIM wins, wherever it stands (33.220 4.4.8 leaves it to the UE). */
static int find_app(struct mst_card *c, enum mst_card_app want, struct mst_diag *d)
{
	static const uint8_t mf[2] = { 0x3f, 0x00 };
	uint8_t out[MST_APDU_ANSWER_MAX];
	struct mst_uicc_fcp f;
	struct mst_view v, aid;
	bool csim = false, others = false;
	uint8_t record;
	int r = run(c->port, "SELECT MF", MST_INS_SELECT, 0, 4, (struct mst_view){ mf, 2 }, 0, out, &v, d);

	if (!r)
		r = select_file(c->port, MST_EF_DIR, &f, out, d);
	if (r)
		return r;
	record = f.record;
	for (unsigned i = 1; i < 255; i++) {
		uint8_t b[MST_APDU_MAX];
		struct mst_writer w = mst_writer_of(b, sizeof(b));
		enum mst_card_app app;
		unsigned sw = 0;

		mst_uicc_command(&w, MST_INS_READ_RECORD, (uint8_t)i, 4, MST_VIEW_NONE, record);
		r = mst_card_exchange(c->port, mst_written(&w), out, &v, &sw, d);
		if (r)
			return r;
		if (sw == MST_SW_NO_RECORD)
			break;
		if (sw != MST_SW_OK)
			return refused("EF_DIR", sw, d);
		r = mst_uicc_dir_read(v, &aid, d);
		if (r)
			return odd(r);
		csim |= mst_uicc_is_csim(aid);
		others |= mst_uicc_is_usim(aid) || mst_uicc_is_isim(aid);
		if (wanted(want, aid, &app) && (c->n_aid == 0 || app == MST_CARD_ISIM)) {
			c->app = app;
			c->n_aid = aid.n;
			memcpy(c->aid, aid.p, aid.n);
		}
	}
	if (c->n_aid == 0) {
		mst_diag_set(d, 0, "EF_DIR", nothing_to_select(want, csim && !others), NULL);
		return MST_CARD_NO_APP;
	}
	return 0;
}

static int verify_pin(struct mst_card *c, struct mst_view pin, struct mst_diag *d)
{
	uint8_t b[MST_APDU_MAX], out[MST_APDU_ANSWER_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_view v;
	unsigned sw = 0;
	char text[64];
	struct mst_writer said = mst_writer_of(text, sizeof(text));
	int r;

	if (pin.n == 0) {
		mst_diag_set(d, 0, "PIN", "the card's PIN is switched on and none is configured", NULL);
		return MST_CARD_PIN;
	}
	if (!mst_uicc_verify_pin(&w, pin)) {
		mst_diag_set(d, 0, "PIN", "must be 4 to 8 digits", NULL);
		return MST_CARD_PIN_WRONG;
	}
	r = mst_card_exchange(c->port, mst_written(&w), out, &v, &sw, d);
	mst_wipe(b, sizeof(b));
	if (r || sw == MST_SW_OK)
		return r;
	if (sw >> 4 == 0x63c) {
		mst_put_str(&said, "the card refused it; ");
		mst_put_dec(&said, sw & 0xf);
		mst_put_str(&said, " more tries before it is blocked");
		mst_put_nul(&said);
		mst_diag_set(d, 0, "PIN", text, NULL);
		return MST_CARD_PIN_WRONG;
	}
	return refused("PIN", sw, d);
}

static int read_usim(struct mst_card *c, struct mst_diag *d)
{
	uint8_t room[64];
	struct mst_view v;
	int r = read_file(c->port, MST_EF_IMSI, room, sizeof(room), &v, d);

	if (!r)
		r = odd(mst_uicc_imsi_read(v, c->imsi, d));
	if (!r)
		r = read_file(c->port, MST_EF_AD, room, sizeof(room), &v, d);
	if (!r)
		r = odd(mst_uicc_ad_read(v, &c->mnc_digits, d));
	if (!r)
		r = read_file(c->port, MST_EF_UST, room, sizeof(room), &v, d);
	if (!r)
		c->gba = mst_uicc_service(v, MST_UST_GBA);
	return r;
}

static int read_isim(struct mst_card *c, struct mst_diag *d)
{
	uint8_t room[260];
	struct mst_view v, impi;
	int r = read_file(c->port, MST_EF_IMPI, room, sizeof(room), &v, d);

	if (!r)
		r = odd(mst_uicc_impi_read(v, &impi, d));
	if (!r && !mst_view_to_str(impi, c->impi, sizeof(c->impi))) {
		mst_diag_set(d, 0, "EF_IMPI", "the private identity is longer than 255 characters", NULL);
		r = MST_CARD_ODD;
	}
	if (!r)
		r = read_file(c->port, MST_EF_IST, room, sizeof(room), &v, d);
	if (!r)
		c->gba = mst_uicc_service(v, MST_IST_GBA);
	return r;
}

int mst_card_open(struct mst_card *ret_c, struct mst_card_port *p, enum mst_card_app want, struct mst_view pin, struct mst_diag *d)
{
	struct mst_card c = { .port = p };
	uint8_t out[MST_APDU_ANSWER_MAX];
	struct mst_view v = MST_VIEW_NONE;
	struct mst_uicc_fcp f;
	int r = find_app(&c, want, d);

	if (!r)
		r = run(p, "SELECT application", MST_INS_SELECT, 4, 4, (struct mst_view){ c.aid, c.n_aid }, 0, out, &v, d);
	if (!r)
		r = odd(mst_uicc_fcp_read(v, &f, d));
	if (!r && f.pin)
		r = verify_pin(&c, pin, d);
	if (!r)
		r = c.app == MST_CARD_USIM ? read_usim(&c, d) : read_isim(&c, d);
	if (!r)
		*ret_c = c;
	return r;
}

/* --- AUTHENTICATE --- */

void mst_card_aka_wipe(struct mst_card_aka *a)
{
	mst_wipe(a, sizeof(*a));
}

int mst_card_authenticate(struct mst_card *c, enum mst_uicc_context context, const uint8_t challenge[MST_UICC_RAND],
			  const uint8_t autn[MST_UICC_AUTN], struct mst_card_aka *ret_a, struct mst_diag *d)
{
	uint8_t b[MST_APDU_MAX], out[MST_APDU_ANSWER_MAX] = { 0 };
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_uicc_auth a = { 0 };
	struct mst_view v;
	unsigned sw = 0;
	int r;

	mst_wipe(ret_a, sizeof(*ret_a));
	mst_uicc_authenticate(&w, context, (struct mst_view){ challenge, MST_UICC_RAND }, (struct mst_view){ autn, MST_UICC_AUTN });
	r = mst_card_exchange(c->port, mst_written(&w), out, &v, &sw, d);
	if (!r && sw != MST_SW_OK)
		r = refused("AUTHENTICATE", sw, d);
	if (!r)
		r = odd(mst_uicc_auth_read(v, context, &a, d));
	if (!r && a.auts.n != 0) {
		memcpy(ret_a->auts, a.auts.p, a.auts.n);
		mst_diag_set(d, 0, "AUTHENTICATE", "the network's sequence number is stale; the card asks for resynchronisation", NULL);
		r = MST_CARD_STALE;
	} else if (!r) {
		memcpy(ret_a->res, a.res.p, a.res.n);
		ret_a->n_res = a.res.n;
		if (a.ck.n != 0) {
			memcpy(ret_a->ck, a.ck.p, sizeof(ret_a->ck));
			memcpy(ret_a->ik, a.ik.p, sizeof(ret_a->ik));
		}
	}
	mst_wipe(out, sizeof(out));
	return r;
}

int mst_card_derive_naf(struct mst_card *c, struct mst_view naf_id, struct mst_view impi, struct mst_key *ret_key, struct mst_diag *d)
{
	uint8_t b[MST_APDU_MAX], out[MST_APDU_ANSWER_MAX] = { 0 };
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_view v, key;
	unsigned sw = 0;
	int r;

	mst_key_wipe(ret_key);
	mst_uicc_derive_naf(&w, naf_id, impi);
	if (!w.ok) {
		mst_diag_set(d, 0, "NAF_Id", "NAF_Id and IMPI are too long for a card: together at most 252 octets", NULL);
		return MST_CARD_ODD;
	}
	r = mst_card_exchange(c->port, mst_written(&w), out, &v, &sw, d);
	if (!r && sw != MST_SW_OK)
		r = refused("NAF derivation", sw, d);
	if (!r)
		r = odd(mst_uicc_naf_read(v, &key, d));
	if (!r && !mst_key_set(ret_key, key))
		r = MST_FAULT_BUG;
	mst_wipe(out, sizeof(out));
	return r;
}

/* --- EF_GBABP --- */

static unsigned gbabp_file(const struct mst_card *c)
{
	return c->app == MST_CARD_ISIM ? MST_EF_GBABP_ISIM : MST_EF_GBABP_USIM;
}

int mst_card_read_gbabp(struct mst_card *c, uint8_t room[512], struct mst_uicc_gbabp *ret_b, struct mst_diag *d)
{
	struct mst_view v;
	int r = read_file(c->port, gbabp_file(c), room, 512, &v, d);

	return r ? r : odd(mst_uicc_gbabp_read(v, ret_b, d));
}

int mst_card_note_btid(struct mst_card *c, struct mst_view btid, struct mst_view lifetime, struct mst_diag *d)
{
	uint8_t room[512], text[512], out[MST_APDU_ANSWER_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_uicc_fcp f;
	struct mst_uicc_gbabp b;
	struct mst_view v;
	int r = mst_card_read_gbabp(c, room, &b, d);

	if (r)
		return r;
	b.btid = btid;
	b.lifetime = lifetime;
	mst_uicc_gbabp_write(&b, &w);
	r = select_file(c->port, gbabp_file(c), &f, out, d);
	if (r)
		return r;
	if (!w.ok || w.n > f.size) {
		mst_diag_set(d, 0, "EF_GBABP", "B-TID and lifetime do not fit into the card's file", NULL);
		return MST_CARD_ODD;
	}
	for (size_t at = 0; at < w.n && !r; at += 255)
		r = run(c->port, "EF_GBABP", MST_INS_UPDATE_BINARY, (uint8_t)(at >> 8), (uint8_t)at, mst_view_sub(mst_written(&w), at, 255), -1, out, &v, d);
	return r;
}
