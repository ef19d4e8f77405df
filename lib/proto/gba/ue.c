#include "proto/gba/ue.h"

#include <string.h>

#include "base/text.h"
#include "proto/aka/aka.h"

#define TMPI_TOKEN "3gpp-gba-tmpi"
#define ANSWER_MS 15000
#define RESYNCS 2
#define STALES 1

const char *gba_ue_state_text(enum gba_ue_state s)
{
	static const char *const text[GBA_UE_STATE__COUNT] = {
		[GBA_UE_ASKING] = "asking for a challenge", [GBA_UE_CARD] = "asking the card",    [GBA_UE_ANSWERING] = "answering the challenge",
		[GBA_UE_RESYNCING] = "resynchronising",     [GBA_UE_DONE] = "done",               [GBA_UE_LATER] = "asked to come later",
		[GBA_UE_FAILED] = "failed",
	};

	return (unsigned)s < GBA_UE_STATE__COUNT ? text[s] : "?";
}

const char *gba_failure_text(enum gba_failure f)
{
	static const char *const text[GBA_FAIL__COUNT] = {
		[GBA_FAIL_NONE] = "none", [GBA_FAIL_UNREACHABLE] = "unreachable", [GBA_FAIL_IDENTITY] = "unknown-identity",
		[GBA_FAIL_REFUSED] = "refused", [GBA_FAIL_NETWORK] = "network-authentication", [GBA_FAIL_AMF] = "wrong-amf",
		[GBA_FAIL_SYNC] = "synchronisation", [GBA_FAIL_CARD] = "card", [GBA_FAIL_PROTOCOL] = "protocol",
		[GBA_FAIL_RSPAUTH] = "wrong-rspauth", [GBA_FAIL_INTERNAL] = "internal",
	};

	return (unsigned)f < GBA_FAIL__COUNT ? text[f] : "?";
}

void gba_context_wipe(struct gba_context *x)
{
	mst_wipe(x, sizeof(*x));
}

void gba_ue_deinit(struct gba_ue *u)
{
	mst_wipe(u, sizeof(*u));
}

static void forget_secrets(struct gba_ue *u)
{
	mst_wipe(u->password, sizeof(u->password));
	mst_key_wipe(&u->result.ks);
	u->password_n = 0;
}

/* What a peer said is shown as plain text on one line. */
static void failed(struct gba_ue *u, enum gba_failure f, const char *a, const char *b)
{
	struct mst_writer w = mst_writer_of(u->detail, sizeof(u->detail) - 1);
	const char *part[] = { a, b };

	for (size_t i = 0; i < 2; i++)
		for (const char *p = part[i]; p && *p && w.n < w.cap; p++)
			mst_put_u8(&w, *p < 0x20 || *p > 0x7e ? '?' : (uint8_t)*p);
	u->detail[w.n] = 0;
	u->state = GBA_UE_FAILED;
	u->failure = f;
	u->to_send = false;
	forget_secrets(u);
}

static bool copy(char *to, size_t cap, const char *from)
{
	return mst_view_to_str(mst_view_str(from), to, cap);
}

static struct mst_view str(const char *s)
{
	return mst_view_str(s);
}

/* --- requests --- */

static void put_request(struct gba_ue *u, const struct gba_authorization *a, enum gba_ue_state next, mst_ms now)
{
	struct mst_writer w = mst_writer_of(u->out, sizeof(u->out));

	mst_put_str(&w, "GET ");
	mst_put_str(&w, u->path);
	mst_put_str(&w, " HTTP/1.1\r\nHost: ");
	mst_put_str(&w, u->host);
	mst_put_str(&w, "\r\nUser-Agent: ");
	mst_put_str(&w, u->agent);
	if (!u->cfg.no_tmpi)
		mst_put_str(&w, "; " TMPI_TOKEN);
	mst_put_str(&w, "\r\nAccept: */*\r\nAuthorization: ");
	gba_put_authorization(&w, a);
	mst_put_str(&w, "\r\n\r\n");
	if (!w.ok) {
		failed(u, GBA_FAIL_INTERNAL, "the request does not fit, or a name cannot stand in it", "");
		return;
	}
	u->out_n = w.n;
	u->to_send = true;
	u->state = next;
	u->deadline = now + u->cfg.answer_ms;
}

static const char *identity(const struct gba_ue *u)
{
	return u->with_tmpi ? u->tmpi : u->impi;
}

static void ask(struct gba_ue *u, mst_ms now)
{
	/* TS 24.109 A.3: nonce and response are there, and empty. Before the first challenge the realm is the BSF's name */
	const struct gba_authorization a = { .username = str(identity(u)), .realm = str(u->bsf), .nonce = str(""), .uri = str(u->path),
					     .response = str("") };

	put_request(u, &a, GBA_UE_ASKING, now);
}

/* Response to the challenge that stands; the empty password goes with AUTS (RFC 3310 3.4). */
static void answer(struct gba_ue *u, const uint8_t *auts, mst_ms now)
{
	struct gba_authorization a = {
		.username = str(identity(u)), .realm = str(u->realm), .nonce = str(u->nonce), .uri = str(u->path), .cnonce = str(u->cnonce),
		.nc = str("00000001"), .opaque = str(u->opaque), .has_opaque = u->has_opaque, .has_algorithm = true,
		.algorithm = u->algorithm, .qop = u->qop, .has_auts = auts != NULL,
	};
	const struct gba_digest g = { .algorithm = u->algorithm, .qop = u->qop, .username = a.username, .realm = a.realm, .nonce = a.nonce,
				      .nc = a.nc, .cnonce = a.cnonce, .uri = a.uri, .method = str("GET"),
				      .password = { u->password, auts ? 0 : u->password_n } };
	char hex[GBA_DIGEST_HEX];

	if (gba_digest(u->cfg.crypto, &g, hex)) {
		failed(u, GBA_FAIL_INTERNAL, "the crypto library failed", "");
		return;
	}
	a.response = str(hex);
	if (auts)
		memcpy(a.auts, auts, sizeof(a.auts));
	put_request(u, &a, auts ? GBA_UE_RESYNCING : GBA_UE_ANSWERING, now);
}

bool gba_ue_init(struct gba_ue *u, const struct gba_ue_config *c, mst_ms now)
{
	*u = (struct gba_ue){ .cfg = *c, .with_tmpi = c->tmpi && *c->tmpi };
	u->cfg.answer_ms = c->answer_ms ? c->answer_ms : ANSWER_MS;
	u->cfg.resyncs = c->resyncs ? c->resyncs : RESYNCS;
	if (!copy(u->impi, sizeof(u->impi), c->impi) || !copy(u->tmpi, sizeof(u->tmpi), c->tmpi ? c->tmpi : "") ||
	    !copy(u->host, sizeof(u->host), c->host) || !copy(u->bsf, sizeof(u->bsf), c->bsf ? c->bsf : c->host) ||
	    !copy(u->path, sizeof(u->path), c->path ? c->path : "/") || !copy(u->agent, sizeof(u->agent), c->agent) ||
	    !u->impi[0] || u->path[0] != '/' || !u->agent[0] || !mst_printable_ascii(str(u->impi)) || !mst_printable_ascii(str(u->tmpi)) ||
	    !mst_printable_ascii(str(u->host)) || !mst_printable_ascii(str(u->path)) || !mst_text_plain(str(u->agent)))
		return false;
	ask(u, now);
	return u->state == GBA_UE_ASKING;
}

struct mst_view gba_ue_request(const struct gba_ue *u)
{
	return u->to_send ? (struct mst_view){ u->out, u->out_n } : MST_VIEW_NONE;
}

void gba_ue_sent(struct gba_ue *u)
{
	u->to_send = false;
}

/* --- the challenge --- */

static bool keep(char *to, struct mst_view v)
{
	return mst_view_to_str(v, to, GBA_VALUE_MAX + 1);
}

/* RAND and AUTN out of the nonce; what stands behind them is the server's own (RFC 3310 3.2). */
static bool take_nonce(struct gba_ue *u, struct mst_view nonce)
{
	uint8_t raw[GBA_VALUE_MAX];
	size_t n;

	if (!mst_base64_decode(nonce, raw, sizeof(raw), &n) || n < GBA_RAND + GBA_AUTN)
		return false;
	memcpy(u->rnd, raw, GBA_RAND);
	memcpy(u->autn, raw + GBA_RAND, GBA_AUTN);
	return true;
}

static void on_challenge(struct gba_ue *u, const struct mst_http_msg *m)
{
	unsigned algorithms = 1u << GBA_AKAV1_MD5 | (u->cfg.akav2 ? 1u << GBA_AKAV2_MD5 : 0u);
	struct gba_challenge c;
	struct mst_diag d = { 0 };
	int r = gba_challenge_pick(m, algorithms, &c, &d);

	if (r == GBA_END) {
		failed(u, GBA_FAIL_PROTOCOL, "the BSF offers no Digest AKA", "");
	} else if (r) {
		failed(u, GBA_FAIL_PROTOCOL, "the BSF's challenge: ", d.text);
	} else if (u->cfg.bsf && !mst_view_eq_nocase(c.realm, str(u->bsf))) {
		failed(u, GBA_FAIL_PROTOCOL, "the challenge is of another realm than ", u->bsf);
	} else if (!keep(u->realm, c.realm) || !keep(u->nonce, c.nonce) || !keep(u->opaque, c.opaque)) {
		failed(u, GBA_FAIL_PROTOCOL, "the challenge is longer than can be kept", "");
	} else if (!take_nonce(u, c.nonce)) {
		failed(u, GBA_FAIL_PROTOCOL, "the nonce is not RAND and AUTN in base64", "");
	} else if (u->cfg.strict_amf && aka_amf_separated(u->autn)) {
		char amf[5];
		struct mst_writer w = mst_writer_of(amf, sizeof(amf));

		mst_put_hex(&w, (struct mst_view){ u->autn + AKA_SQN, AKA_AMF });
		mst_put_nul(&w);
		mst_ascii_lower(amf);
		failed(u, GBA_FAIL_AMF, "the challenge is for another kind of access: AMF ", amf);
	} else {
		u->has_opaque = c.has_opaque;
		u->algorithm = c.algorithm;
		u->qop = gba_qop_choose(c.qops);
		u->state = GBA_UE_CARD;
	}
}

struct gba_ue_challenge gba_ue_challenge(const struct gba_ue *u)
{
	return (struct gba_ue_challenge){ u->rnd, u->autn };
}

static void card_ok(struct gba_ue *u, const struct gba_card_answer *a, mst_ms now)
{
	const struct mst_view res = { a->res, a->res_n }, ck = { a->ck, 16 }, ik = { a->ik, 16 };

	/* AKAv2's password needs the keys that a card with GBA_U keeps */
	if (u->algorithm == GBA_AKAV2_MD5 && !a->has_keys) {
		failed(u, GBA_FAIL_PROTOCOL, "AKAv2 was asked for, but the card keeps CK and IK", "");
		return;
	}
	if (a->res_n < 4 || a->res_n > 32 ||
	    gba_password(u->cfg.crypto, u->algorithm, res, ik, ck, u->password, &u->password_n)) {
		failed(u, GBA_FAIL_INTERNAL, "the card's RES cannot be used", "");
		return;
	}
	u->result.in_card = !a->has_keys;
	if (a->has_keys) {
		gba_ks(a->ck, a->ik, u->result.ks.b);
		u->result.ks.n = GBA_KS;
	}
	answer(u, NULL, now);
}

void gba_ue_card(struct gba_ue *u, enum gba_card what, const struct gba_card_answer *a, const uint8_t cnonce[GBA_CNONCE], mst_ms now)
{
	struct mst_writer w = mst_writer_of(u->cnonce, sizeof(u->cnonce));

	if (u->state != GBA_UE_CARD)
		return;
	mst_put_hex(&w, (struct mst_view){ cnonce, GBA_CNONCE });
	mst_put_nul(&w);
	mst_ascii_lower(u->cnonce);
	switch (what) {
	case GBA_CARD_OK:
		card_ok(u, a, now);
		break;
	case GBA_CARD_SYNC:
		if (u->resyncs++ < u->cfg.resyncs)
			answer(u, a->auts, now);
		else
			failed(u, GBA_FAIL_SYNC, "the card's sequence numbers and the network's do not meet", "");
		break;
	case GBA_CARD_MAC:
		failed(u, GBA_FAIL_NETWORK, "the challenge is not from the card's network (MAC failure)", "");
		break;
	case GBA_CARD_FAILED:
		failed(u, GBA_FAIL_CARD, a && a->words ? a->words : "the card failed", "");
		break;
	}
}

/* --- answers --- */

static bool same_str(struct mst_view v, const char *s)
{
	return mst_view_eq_str(v, s);
}

/* 0, GBA_END when there is none, GBA_BAD or GBA_MISMATCH. */
static int check_rspauth(struct gba_ue *u, const struct mst_http_msg *m)
{
	struct mst_view v = mst_http_find(m, "Authentication-Info");
	struct gba_digest g = { .algorithm = u->algorithm, .qop = u->qop, .username = str(identity(u)), .realm = str(u->realm),
				.nonce = str(u->nonce), .nc = str("00000001"), .cnonce = str(u->cnonce), .uri = str(u->path),
				.password = { u->password, u->password_n }, .body = m->body };
	struct gba_auth_info i;
	struct mst_diag d = { 0 };
	int r;

	if (!v.n)
		return GBA_END;
	r = gba_auth_info_read(v, &i, &d);
	if (r)
		return r;
	/* it must speak of this request, in this protection: auth for auth-int would leave the body out */
	if (i.qop != u->qop || (i.qop && (!same_str(i.nc, "00000001") || !same_str(i.cnonce, u->cnonce))) ||
	    (i.nonce.n && !same_str(i.nonce, u->nonce)) || (i.opaque.n && !same_str(i.opaque, u->opaque)))
		return GBA_MISMATCH;
	return gba_digest_check(u->cfg.crypto, &g, i.rspauth);
}

/* The body of an answer with qop auth, or without one, is not under rspauth: it may say B-TID and lifetime, no more. */
static bool body_is_authentic(const struct gba_ue *u, bool rspauth)
{
	return rspauth && u->qop == GBA_QOP_AUTH_INT;
}

static void take_info(struct gba_ue *u, const struct mst_http_msg *m, bool authentic, mst_time utc)
{
	struct gba_context *x = &u->result;
	struct mst_bsf_info i = { 0 };
	struct mst_diag d = { 0 };
	mst_time now;
	int r = u->cfg.read_with ? u->cfg.read_with(u->cfg.read_ctx, m->body, &u->cfg.info, &i, &d) : u->cfg.read_info(m->body, &u->cfg.info, &i, &d);

	if (r) {
		failed(u, r > 0 ? GBA_FAIL_PROTOCOL : GBA_FAIL_INTERNAL, "the BSF's answer: ", d.text);
		return;
	}
	if (mst_bsf_info_wrong(&i) || !copy(x->impi, sizeof(x->impi), u->impi) || !mst_view_to_str(i.btid, x->btid, sizeof(x->btid))) {
		failed(u, GBA_FAIL_PROTOCOL, "the BSF's answer has no B-TID that can be used", "");
		return;
	}
	memcpy(x->rnd, u->rnd, GBA_RAND);
	x->authenticated = authentic;
	x->expires = i.lifetime;
	/* the BSF's own clock is best; a clock of ours that says "expired already" is more likely wrong than the BSF is */
	now = i.current_time ? i.current_time : utc;
	x->remaining = now && i.lifetime > now ? i.lifetime - now : -1;
	if (i.current_time && i.lifetime <= i.current_time) {
		failed(u, GBA_FAIL_PROTOCOL, "the BSF gave a key that has ended by its own clock", "");
		return;
	}
	x->bsf_time = authentic ? i.current_time : 0;
	x->instructions = authentic ? i.instructions : MST_VIEW_NONE;
	x->configuration = authentic ? i.configuration : MST_VIEW_NONE;
	x->tmpi[0] = 0;
	if (u->bsf_tmpi && !u->cfg.no_tmpi && x->ks.n &&
	    gba_tmpi(u->cfg.crypto, x->ks.b, x->rnd, str(x->impi), gba_btid_domain(i.btid), x->tmpi))
		x->tmpi[0] = 0;
	u->state = GBA_UE_DONE;
}

static void on_granted(struct gba_ue *u, const struct mst_http_msg *m, mst_time utc)
{
	int r = check_rspauth(u, m);

	if (r == GBA_END && !u->cfg.without_rspauth)
		failed(u, GBA_FAIL_RSPAUTH, "the BSF does not prove itself (no rspauth)", "");
	else if (r < 0)
		failed(u, GBA_FAIL_INTERNAL, "the crypto library failed", "");
	else if (r && r != GBA_END)
		failed(u, GBA_FAIL_RSPAUTH, "the answer is not the BSF's (rspauth)", "");
	else
		take_info(u, m, body_is_authentic(u, r == 0), utc);
	mst_wipe(u->password, sizeof(u->password));
	u->password_n = 0;
}

static void on_unauthorized(struct gba_ue *u, const struct mst_http_msg *m)
{
	struct gba_challenge c;
	struct mst_diag d = { 0 };

	if (u->state != GBA_UE_ANSWERING) {
		on_challenge(u, m);
		return;
	}
	/* RES was right but the nonce too old: once more (RFC 2617 3.2.1); otherwise RES was wrong */
	forget_secrets(u);
	if (gba_challenge_pick(m, 1u << GBA_AKAV1_MD5 | 1u << GBA_AKAV2_MD5, &c, &d) == 0 && c.stale && u->stales++ < STALES)
		on_challenge(u, m);
	else
		failed(u, GBA_FAIL_REFUSED, "the BSF does not take the card's RES", "");
}

static void on_refused(struct gba_ue *u, const struct mst_http_msg *m)
{
	char status[24];
	struct mst_writer w = mst_writer_of(status, sizeof(status));
	uint64_t after = 0;

	mst_put_dec(&w, m->status);
	mst_put_nul(&w);
	if (m->status == 503 || m->status == 429) {
		struct mst_view v = mst_http_find(m, "Retry-After");

		u->retry_after = mst_parse_dec(v, GBA_RETRY_MAX, &after) ? (int64_t)after : 0;
		forget_secrets(u);
		u->state = GBA_UE_LATER;
	} else if ((m->status == 403 || m->status == 404) && u->state == GBA_UE_ASKING) {
		failed(u, GBA_FAIL_IDENTITY, "the BSF does not know this subscriber: ", status);
	} else {
		failed(u, GBA_FAIL_REFUSED, "the BSF refused: ", status);
	}
}

void gba_ue_feed(struct gba_ue *u, const struct mst_http_msg *m, mst_ms now, mst_time utc)
{
	if (u->state != GBA_UE_ASKING && u->state != GBA_UE_ANSWERING && u->state != GBA_UE_RESYNCING)
		return;
	u->to_send = false;
	for (struct mst_view v = mst_http_find(m, "Server"); v.n; v = mst_view_sub(v, 1, v.n))
		u->bsf_tmpi |= mst_view_starts(v, TMPI_TOKEN);
	if (m->status == 401)
		on_unauthorized(u, m);
	else if (m->status == 200 && u->state == GBA_UE_ANSWERING)
		on_granted(u, m, utc);
	else if (u->state == GBA_UE_ASKING && u->with_tmpi && m->status >= 400 && m->status < 500 && m->status != 429) {
		u->with_tmpi = false;        /* the BSF has forgotten who that was */
		ask(u, now);
	} else {
		on_refused(u, m);
	}
}

void gba_ue_lost(struct gba_ue *u, const char *detail)
{
	if (!gba_ue_ended(u))
		failed(u, GBA_FAIL_UNREACHABLE, "the connection to the BSF ended: ", detail);
}

void gba_ue_tick(struct gba_ue *u, mst_ms now)
{
	if (!gba_ue_ended(u) && u->state != GBA_UE_CARD && now >= u->deadline)
		failed(u, GBA_FAIL_UNREACHABLE, "no answer from the BSF in time", "");
}

bool gba_ue_ended(const struct gba_ue *u)
{
	return u->state == GBA_UE_DONE || u->state == GBA_UE_LATER || u->state == GBA_UE_FAILED;
}
