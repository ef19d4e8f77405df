/*
 * A device with a subscriber's card (include/muster/card.h): Ub by lib/proto/gba, the card by lib/secenv/card.h, both in the caller's storage. What
 * the enrolee wants as "bootstrap" is here a conversation: the card says who it is, the BSF challenges, the card answers.
 */
#include "enrolee/device-card.h"

#include "base/text.h"

#define SESSION_BASE 0x80000000u         /* numbers of sessions with a BSF, apart from the enrolee's */
#define REOPENED_MAX 4

static struct device_card *card_of(const struct device *d)
{
	return d->card;
}

/* The caller's calls ------------------------------------------------------------------------------------ */

static int transmit(struct mst_card_port *p, struct mst_view command, uint8_t *out, size_t *ret_n, struct mst_diag *diag)
{
	const struct muster_card *port = &((struct device_card *)(void *)p)->port;

	*ret_n = 0;
	if (port->exchange(port->ctx, command.p, command.n, out, MUSTER_APDU_MAX, ret_n) == 0 && *ret_n <= MUSTER_APDU_MAX)
		return 0;
	mst_diag_set(diag, 0, "card", "it gives no answer", NULL);
	return MST_CARD_NO_CARD;
}

static const struct mst_card_port_ops port_ops = { .name = "card", .transmit = transmit };

static int read_info(void *ctx, struct mst_view body, struct mst_arena *a, struct mst_bsf_info *ret, struct mst_diag *diag)
{
	const struct muster_card *port = &((struct device_card *)ctx)->port;
	struct muster_bootstrapping b = { .lifetime = 0 };

	if (port->bootstrapping_info(port->ctx, body.p, body.n, a->p, a->cap, &b)) {
		mst_diag_set(diag, 0, "", "no BootstrappingInfo", NULL);
		return 1;
	}
	*ret = (struct mst_bsf_info){ .btid = { b.btid.p, b.btid.n }, .lifetime = b.lifetime, .current_time = b.current_time,
				      .configuration = { b.configuration.p, b.configuration.n } };
	return 0;
}

bool device_card_init(struct device *d, const struct muster_card *c)
{
	struct device_card *k;

	if (c->size != sizeof(*c) || !c->room || !c->exchange || !c->md5 || !c->bootstrapping_info)
		return false;
	d->card = k = (struct device_card *)(void *)c->room;
	mst_wipe(k, sizeof(*k));
	k->apdu = (struct mst_card_port){ .ops = &port_ops, .t1 = c->t1 };
	k->port = *c;
	d->crypto.card = &k->port;
	d->cfg.methods |= 1u << MST_METHOD_GBA;
	d->cfg.ua = gba_ua_tls(0x00ae);              /* TLS_PSK_WITH_AES_128_CBC_SHA256, which every MAF has (TS-0003 10.2.2) */
	d->cfg.own_cse_id = c->cse_id;
	d->cfg.psk_separator = c->separator;
	d->cfg.bootstrap_ms = 4 * (d->cfg.open_ms + d->cfg.answer_ms);
	return true;
}

void device_card_reset(struct device *d)
{
	struct device_card *k = card_of(d);

	if (!k)
		return;
	gba_ue_deinit(&k->ue);
	mst_wipe(k->info, sizeof(k->info));
	k->stage = CARD_IDLE;
	k->open = k->waits = k->served = false;
	k->reopened = 0;
	k->lost = PROV_OK;
}

/* What is wanted ---------------------------------------------------------------------------------------- */

bool device_card_talks(const struct device *d)
{
	return d->running && d->card && enrolee_want(&d->inner) == ENROLEE_WANT_BOOTSTRAP;
}

enum muster_want device_card_want(const struct device *d)
{
	const struct device_card *k = card_of(d);

	if (enrolee_want(&d->inner) == ENROLEE_WANT_NAF_KEY || k->stage != CARD_DIALOGUE || k->ue.state == GBA_UE_CARD)
		return MUSTER_WANT_CARD;
	if (!k->open)
		return MUSTER_WANT_OPEN;
	return k->waits ? MUSTER_WANT_RECEIVE : MUSTER_WANT_SEND;
}

void device_card_describe(struct device *d)
{
	struct device_card *k = card_of(d);

	d->session = (struct muster_session){ .number = SESSION_BASE + k->sessions, .auth = MUSTER_AUTH_NONE, .host = k->bsf.host, .port = k->bsf.port };
	d->out_n = d->out_sent = 0;
}

void device_card_request(struct device *d)
{
	struct mst_view q = gba_ue_request(&card_of(d)->ue);

	memcpy(d->io, q.p, q.n);                     /* GBA_REQUEST_OCTETS */
	d->out_n = q.n;
	d->out_sent = 0;
}

mst_ms device_card_deadline(const struct device *d)
{
	const struct device_card *k = card_of(d);
	mst_ms all = enrolee_deadline(&d->inner);

	return k->stage == CARD_DIALOGUE && k->ue.state != GBA_UE_CARD && k->ue.deadline < all ? k->ue.deadline : all;
}

/* How it ends ------------------------------------------------------------------------------------------- */

static enum prov_reason reason_of(const struct device_card *k)
{
	static const enum prov_reason of[GBA_FAIL__COUNT] = {
		[GBA_FAIL_UNREACHABLE] = PROV_TIMEOUT, [GBA_FAIL_IDENTITY] = PROV_UNKNOWN_SUBSCRIBER, [GBA_FAIL_REFUSED] = PROV_REFUSED,
		[GBA_FAIL_NETWORK] = PROV_FALSE_NETWORK, [GBA_FAIL_AMF] = PROV_FALSE_NETWORK, [GBA_FAIL_SYNC] = PROV_CARD_SYNC,
		[GBA_FAIL_PROTOCOL] = PROV_MALFORMED, [GBA_FAIL_RSPAUTH] = PROV_NOT_PROVEN,
	};

	if ((k->ue.failure == GBA_FAIL_UNREACHABLE || k->ue.failure == GBA_FAIL_CARD) && k->lost)
		return k->lost;
	return of[k->ue.failure] ? of[k->ue.failure] : PROV_INTERNAL;
}

/* The conversation has ended, or begins. */
void device_card_settle(struct device *d, mst_ms now, mst_time utc)
{
	struct device_card *k = card_of(d);
	mst_time t = device_utc(d, now, utc);

	if (k->stage == CARD_IDLE)
		k->stage = CARD_IDENTITY;
	if (k->stage != CARD_DIALOGUE || !gba_ue_ended(&k->ue))
		return;
	if (k->ue.state == GBA_UE_LATER) {
		d->retry_after = k->ue.retry_after > d->retry_after ? k->ue.retry_after : d->retry_after;
		enrolee_lost(&d->inner, PROV_BUSY, "the BSF asks to come again later", now, t);
	} else if (k->ue.state == GBA_UE_FAILED) {
		enrolee_lost(&d->inner, reason_of(k), k->ue.detail, now, t);
	} else if (!k->ue.result.bsf_time && mst_clock_is_set(&d->clock, utc, now) && k->ue.result.expires <= t) {
		enrolee_lost(&d->inner, PROV_EXPIRED, "the key that the BSF gives has ended by this device's clock", now, t);
	} else {
		enrolee_bootstrapped(&d->inner, &k->ue.result, now, t);
	}
	device_card_reset(d);
}

/* The connection ---------------------------------------------------------------------------------------- */

void device_card_opened(struct device *d)
{
	card_of(d)->open = true;
}

void device_card_sent(struct device *d)
{
	card_of(d)->waits = true;
}

void device_card_feed(struct device *d, const struct mst_http_msg *m, mst_ms now, mst_time utc)
{
	struct device_card *k = card_of(d);

	k->waits = false;
	k->served = true;
	gba_ue_feed(&k->ue, m, now, mst_clock_is_set(&d->clock, utc, now) ? device_utc(d, now, utc) : 0);
}

/* Many BSFs close after each answer: the next request then has a connection of its own. */
void device_card_lost(struct device *d, enum prov_reason r, const char *detail, mst_ms now, mst_time utc)
{
	struct device_card *k = card_of(d);
	bool gone = r == PROV_OK || r == PROV_UNREACHABLE, idle = k->open && !k->waits && k->stage == CARD_DIALOGUE && k->ue.state == GBA_UE_CARD;

	if (k->stage != CARD_DIALOGUE) {
		enrolee_lost(&d->inner, r ? r : PROV_NO_CARD, detail, now, device_utc(d, now, utc));
		return;
	}
	if (k->open)
		k->sessions++;
	if (gone && (idle || (k->open && k->served && k->reopened++ < REOPENED_MAX))) {
		k->open = k->waits = false;
		return;
	}
	k->open = k->waits = false;
	k->lost = r ? r : PROV_UNREACHABLE;
	gba_ue_lost(&k->ue, detail ? detail : "");
}

void device_card_tick(struct device *d, mst_ms now)
{
	struct device_card *k = card_of(d);

	if (k->stage == CARD_DIALOGUE)
		gba_ue_tick(&k->ue, now);
}

/* The card ---------------------------------------------------------------------------------------------- */

static enum prov_reason card_reason(int r)
{
	switch (r) {
	case MST_CARD_NO_READER:
	case MST_CARD_NO_CARD:
	case MST_CARD_ODD: return PROV_NO_CARD;
	case MST_CARD_NO_APP: return PROV_NO_APPLICATION;
	case MST_CARD_PIN:
	case MST_CARD_PIN_WRONG: return PROV_CARD_PIN;
	case MST_CARD_MAC: return PROV_FALSE_NETWORK;
	case MST_CARD_STALE: return PROV_CARD_SYNC;
	case MST_CARD_NO_GBA:
	case MST_CARD_NO_KEY: return PROV_UNSUPPORTED;
	default: return PROV_INTERNAL;
	}
}

static void put_words(char *out, size_t cap, const struct mst_diag *diag)
{
	struct mst_writer w = mst_writer_of(out, cap - 1);

	mst_put_str(&w, diag->field);
	mst_put_str(&w, diag->field[0] ? ": " : "");
	mst_put_str(&w, diag->text);
	out[w.n] = '\0';
}

static bool names_of(const struct device *d, const struct mst_card *c, char impi[MST_ID_MAX], char uri[2 * MST_ID_MAX])
{
	const char *said = enrolee_bsf(&d->inner);
	struct mst_writer w = mst_writer_of(uri, 2 * MST_ID_MAX);
	char host[MST_ID_MAX] = "";

	if (c->impi[0] ? !mst_copy_text(impi, MST_ID_MAX, c->impi) : !gba_impi_of_imsi(mst_view_str(c->imsi), (unsigned)c->mnc_digits, impi))
		return false;
	if (!*said)
		said = card_of(d)->port.bsf ? card_of(d)->port.bsf : "";
	if (!*said && !(c->impi[0] ? gba_bsf_of_impi(mst_view_str(impi), host) : gba_bsf_of_imsi(mst_view_str(c->imsi), (unsigned)c->mnc_digits, host)))
		return false;
	mst_put_str(&w, *said ? said : "http://");
	mst_put_str(&w, host);
	mst_put_nul(&w);
	return w.ok;
}

/* False: nobody can be asked with what the card says of itself. */
static bool begin(struct device *d, const struct mst_card *c, mst_ms now)
{
	struct device_card *k = card_of(d);
	char impi[MST_ID_MAX], uri[2 * MST_ID_MAX];
	struct mst_writer w = mst_writer_of(k->host, sizeof(k->host));
	struct gba_ue_config u = {
		.crypto = &d->crypto.base, .read_with = read_info, .read_ctx = k, .info = mst_arena_of(k->info, sizeof(k->info)), .impi = impi,
		.host = k->host, .bsf = k->bsf.host, .agent = "libmuster", .no_tmpi = true, .strict_amf = k->port.strict_amf,
		.answer_ms = d->cfg.open_ms + d->cfg.answer_ms,
	};
	bool tls;

	if (!names_of(d, c, impi, uri) || !enrolee_bsf_of(mst_view_str(uri), &k->bsf, &tls) || tls)
		return false;
	mst_put_str(&w, k->bsf.host);
	if (k->bsf.port != 80) {
		mst_put_str(&w, ":");
		mst_put_dec(&w, k->bsf.port);
	}
	mst_put_nul(&w);
	u.path = k->bsf.path[0] ? k->bsf.path : NULL;
	k->sessions++;
	k->stage = CARD_DIALOGUE;
	return w.ok && gba_ue_init(&k->ue, &u, now);
}

/* AUTN* is for the GBA context, AUTN for the other, and only the MAC tells which came (TS 33.220 5.3.2). */
static int authenticate(struct mst_card *c, const struct gba_ue_challenge *x, struct mst_card_aka *a, bool *ret_keys, struct mst_diag *diag)
{
	int r = c->gba ? mst_card_authenticate(c, MST_UICC_GBA, x->rnd, x->autn, a, diag) : MST_CARD_NO_GBA;

	*ret_keys = r == MST_CARD_MAC || r == MST_CARD_NO_GBA;
	return *ret_keys ? mst_card_authenticate(c, MST_UICC_3G, x->rnd, x->autn, a, diag) : r;
}

static void answer(struct device *d, struct mst_card *c, int r, const unsigned char random[16], mst_ms now, struct mst_diag *diag)
{
	struct device_card *k = card_of(d);
	struct gba_ue_challenge x = gba_ue_challenge(&k->ue);
	struct gba_card_answer a = { .res_n = 0 };
	struct mst_card_aka aka = { .n_res = 0 };
	char words[MST_DIALOG_DETAIL];

	if (!r)
		r = authenticate(c, &x, &aka, &a.has_keys, diag);
	put_words(words, sizeof(words), diag);
	a.words = words;
	a.res_n = (uint8_t)aka.n_res;
	memcpy(a.res, aka.res, sizeof(aka.res));
	memcpy(a.ck, aka.ck, sizeof(a.ck));
	memcpy(a.ik, aka.ik, sizeof(a.ik));
	memcpy(a.auts, aka.auts, sizeof(a.auts));
	k->lost = r ? card_reason(r) : PROV_OK;
	gba_ue_card(&k->ue, !r ? GBA_CARD_OK : r == MST_CARD_STALE ? GBA_CARD_SYNC : r == MST_CARD_MAC ? GBA_CARD_MAC : GBA_CARD_FAILED, &a, random, now);
	mst_wipe(&a, sizeof(a));
	mst_card_aka_wipe(&aka);
}

/* GBA_U. For other programs that look at the card B-TID and end are noted in it; the device itself has all of it. */
static int naf_key(struct device *d, struct mst_card *c, struct mst_key *ret, struct mst_diag *diag)
{
	const struct mst_root_cred *cred = enrolee_credential(&d->inner);
	struct enrolee_naf naf = enrolee_naf(&d->inner);
	char end[32];
	struct mst_writer w = mst_writer_of(end, sizeof(end));
	struct mst_diag none = { 0 };
	int r = mst_card_derive_naf(c, naf.naf_id, mst_view_str(naf.impi), ret, diag);

	mst_put_datetime(&w, cred->not_after);
	if (!r && cred->ke_id[0] && w.ok)
		(void)!mst_card_note_btid(c, mst_view_str(cred->ke_id), mst_written(&w), &none);
	return r;
}

void muster_use_card(struct muster_enrolee *e, const unsigned char random[16], int64_t now, int64_t utc)
{
	struct device *d = device_of(e);
	struct device_card *k = card_of(d);
	char words[MST_DIALOG_DETAIL];
	struct mst_key key = { .n = 0 };
	struct mst_diag diag = { 0 };
	struct mst_card c;
	bool derive;
	int r;

	if (muster_want(e) != MUSTER_WANT_CARD)
		return;
	derive = enrolee_want(&d->inner) == ENROLEE_WANT_NAF_KEY;
	r = mst_card_open(&c, &k->apdu, (enum mst_card_app)k->port.application, mst_view_str(k->port.pin ? k->port.pin : ""), &diag);
	if (!r && derive)
		r = naf_key(d, &c, &key, &diag);
	put_words(words, sizeof(words), &diag);
	if (!derive && k->stage == CARD_DIALOGUE)
		answer(d, &c, r, random, now, &diag);
	else if (r)
		enrolee_lost(&d->inner, card_reason(r), words, now, device_utc(d, now, utc));
	else if (derive)
		enrolee_keyed(&d->inner, &key, now, device_utc(d, now, utc));
	else if (!begin(d, &c, now))
		enrolee_lost(&d->inner, PROV_UNSUPPORTED, "the BSF's URI or the card's identity cannot be used", now, device_utc(d, now, utc));
	mst_key_wipe(&key);
	mst_wipe(&c, sizeof(c));
	device_settle(d, now, utc);
}
