#include "agent/ub.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/card.h"
#include "agent/door.h"
#include "base/text.h"
#include "crypto/heap.h"
#include "xml/xml.h"

#define TMPI_BLOB "gba-tmpi"
#define TMPI_VERSION 1
#define TMPI_MAX (2 * MST_ID_MAX + 16)
#define LAST_SECONDS 60                     /* a session that ends so soon is not begun with again */
#define INSTRUCTIONS_MS (60 * 60 * 1000)    /* the owner may say something else by then */

struct agent_ub {
	struct agent *a;
	ub_done *done;
	char uri[MST_ID_MAX];        /* "": the card says */
	struct enrolee_peer bsf;
	enum ub_for what;
	bool tls, started;           /* started: `ue` is a machine */
	bool again;                  /* … or what is kept serves once more */
	struct gba_ue ue;
	struct mst_tls_ctx *tls_ctx;
	struct session_pins pins;
	struct mst_client *client;
	bool open, waits;            /* a session; an answer in it */
	bool served;                 /* it has given an answer already: when it ends, that is no news */
	int status;                  /* of the last answer */
	struct event *timer;
	enum prov_reason reason;     /* what failed outside the machine; PROV_OK: nothing */
	char detail[MST_DIALOG_DETAIL];
	enum mst_tls_end end;
	char host[MST_ID_MAX + 8];
	uint8_t room[MST_BSF_INFO_OCTETS];
};

/* What is kept in memory of the last run, with the texts that it points to. */
struct agent_gba {
	struct gba_context x;
	char attempt[33], uri[MST_ID_MAX];
	unsigned runs;
	mst_ms at;
	uint8_t room[MST_BSF_INFO_OCTETS];
};

mst_ms ub_ms(const struct agent_config *c)
{
	/* at most two resynchronisations and one stale nonce: five answers, each with its connection, and the card as often; then
	 * what is noted in the card, and its key */
	return !card_there(c) ? 0 : 5 * (c->open_timeout + c->answer_timeout) * 1000 + 7 * c->card_timeout * 1000;
}

bool ub_running(const struct agent *a)
{
	return a->ub != NULL;
}

/* --- ends --- */

static void close_session(struct agent_ub *u)
{
	u->client = mst_client_free(u->client);
	u->open = u->waits = u->served = false;
}

static void destroy(struct agent_ub *u)
{
	if (!u)
		return;
	close_session(u);
	mst_tls_ctx_free(u->tls_ctx);
	if (u->timer)
		event_free(u->timer);
	if (u->started)
		gba_ue_deinit(&u->ue);
	mst_wipe(u, sizeof(*u));
	free(u);
}

void ub_drop(struct agent *a)
{
	struct agent_ub *u = a->ub;

	a->ub = NULL;
	if (!u)
		return;
	card_forget(a);
	destroy(u);
}

void ub_forget(struct agent *a)
{
	if (a->gba)
		mst_wipe(a->gba, sizeof(*a->gba));
	free(a->gba);
	a->gba = NULL;
}

void ub_free(struct agent *a)
{
	ub_drop(a);
	ub_forget(a);
}

/* --- what is kept --- */

static void load_tmpi(struct agent *a, const char *impi, const char *host, char out[MST_ID_MAX])
{
	uint8_t b[TMPI_MAX];
	struct mst_view whose, where, tmpi;
	struct mst_reader r;
	size_t n = 0;

	out[0] = 0;
	if (a->env->ops->load_blob(a->env, TMPI_BLOB, b, sizeof(b), &n, NULL))
		return;
	r = mst_reader_of((struct mst_view){ b, n });
	if (mst_read_u8(&r) != TMPI_VERSION)
		return;
	whose = mst_read_block16(&r);
	where = mst_read_block16(&r);
	tmpi = mst_read_block16(&r);
	if (!mst_read_end(&r) || !mst_view_eq_str(whose, impi) || !mst_view_eq_str(where, host) || !mst_view_to_str(tmpi, out, MST_ID_MAX))
		out[0] = 0;
}

/* Without one the subscriber is named once more in clear; that is all that hangs on it. */
static void keep_tmpi(struct agent *a, const struct gba_context *x, const char *host)
{
	uint8_t b[TMPI_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	char before[MST_ID_MAX];

	load_tmpi(a, x->impi, host, before);
	if (!strcmp(before, x->tmpi))
		return;
	mst_put_u8(&w, TMPI_VERSION);
	mst_put_block16(&w, mst_view_str(x->impi));
	mst_put_block16(&w, mst_view_str(host));
	mst_put_block16(&w, mst_view_str(x->tmpi));
	if (!w.ok || a->env->ops->store_blob(a->env, TMPI_BLOB, mst_written(&w), NULL))
		agent_log(a, AGENT_WARN, "tmpi-not-kept", NULL);
}

/* The texts move with the context: their arena goes. */
static void keep_context(struct agent_ub *u)
{
	const struct gba_context *x = &u->ue.result;
	struct agent *a = u->a;
	struct mst_arena room;
	uint8_t *p;

	ub_forget(a);
	a->gba = mst_heap_locked(sizeof(*a->gba));
	if (!a->gba)
		return;
	room = mst_arena_of(a->gba->room, sizeof(a->gba->room));
	a->gba->x = *x;
	a->gba->x.instructions = a->gba->x.configuration = MST_VIEW_NONE;
	if (x->instructions.n && (p = mst_arena_take(&room, x->instructions.n)) != NULL) {
		memcpy(p, x->instructions.p, x->instructions.n);
		a->gba->x.instructions = (struct mst_view){ p, x->instructions.n };
	}
	if (x->configuration.n && (p = mst_arena_take(&room, x->configuration.n)) != NULL) {
		memcpy(p, x->configuration.p, x->configuration.n);
		a->gba->x.configuration = (struct mst_view){ p, x->configuration.n };
	}
	snprintf(a->gba->attempt, sizeof(a->gba->attempt), "%s", prov_attempt(a->prov));
	snprintf(a->gba->uri, sizeof(a->gba->uri), "%s", u->uri);
	a->gba->runs = prov_runs(a->prov);
	a->gba->at = agent_now();
}

static bool same_bsf(const char *one, const char *other)
{
	struct enrolee_peer x, y;
	bool tls_x, tls_y;

	if (!*one || !*other)
		return !*one && !*other;
	return enrolee_bsf_of(mst_view_str(one), &x, &tls_x) && enrolee_bsf_of(mst_view_str(other), &y, &tls_y) && tls_x == tls_y &&
	       x.port == y.port && !strcmp(x.host, y.host) && !strcmp(x.path, y.path);
}

const struct gba_context *ub_kept(const struct agent *a, const char *uri)
{
	const struct agent_gba *g = a->gba;

	return g && !strcmp(g->attempt, prov_attempt(a->prov)) && g->runs == prov_runs(a->prov) && same_bsf(g->uri, uri) &&
	       g->x.expires > agent_utc(a) ? &g->x : NULL;
}

static bool serves(const struct agent_ub *u, const char *impi)
{
	const struct agent_gba *g = u->a->gba;

	if (!g || !same_bsf(g->uri, u->uri) || strcmp(g->x.impi, impi) != 0 || g->x.expires - LAST_SECONDS <= agent_utc(u->a))
		return false;
	return u->what == UB_KEY || (g->x.instructions.n && !strcmp(g->attempt, prov_attempt(u->a->prov)) && agent_now() - g->at < INSTRUCTIONS_MS);
}

static void serve_again(struct agent_ub *u)
{
	struct agent_gba *g = u->a->gba;
	static const struct timeval now;

	u->again = true;
	snprintf(g->attempt, sizeof(g->attempt), "%s", prov_attempt(u->a->prov));
	g->runs = prov_runs(u->a->prov);
	evtimer_add(u->timer, &now);                 /* so that nobody is told from inside his own call */
}

/* --- outcomes --- */

static enum prov_reason reason_of(const struct agent_ub *u)
{
	switch (u->ue.failure) {
	case GBA_FAIL_UNREACHABLE: return u->end == MST_TLS_OPEN ? PROV_TIMEOUT : session_reason(u->end);
	case GBA_FAIL_IDENTITY: return PROV_UNKNOWN_SUBSCRIBER;
	case GBA_FAIL_REFUSED: return u->status < 400 ? PROV_WRONG_SERVICE : PROV_REFUSED;
	case GBA_FAIL_NETWORK:
	case GBA_FAIL_AMF: return PROV_FALSE_NETWORK;
	case GBA_FAIL_SYNC: return PROV_CARD_SYNC;
	case GBA_FAIL_CARD: return u->reason;
	case GBA_FAIL_PROTOCOL: return PROV_MALFORMED;
	case GBA_FAIL_RSPAUTH: return PROV_NOT_PROVEN;
	case GBA_FAIL_NONE:
	case GBA_FAIL_INTERNAL:
	case GBA_FAIL__COUNT: break;
	}
	return PROV_INTERNAL;
}

int64_t ub_later(const struct agent_config *c, bool tls, int64_t asked)
{
	return tls || asked < c->backoff_max ? asked : c->backoff_max;
}

static struct ub_outcome outcome_of(struct agent_ub *u)
{
	struct ub_outcome o = { .reason = u->reason };
	struct agent *a = u->a;

	snprintf(o.detail, sizeof(o.detail), "%s", u->detail);
	if (u->again) {
		o.context = a->gba ? &a->gba->x : NULL;
		o.reason = a->gba ? PROV_OK : PROV_INTERNAL;
	}
	if (!u->started)
		return o;
	if (u->ue.state == GBA_UE_LATER) {
		o.reason = PROV_BUSY;
		o.retry_after = ub_later(&a->cfg, u->tls, u->ue.retry_after);
		snprintf(o.detail, sizeof(o.detail), "the BSF asks to come again later");
	} else if (u->ue.state == GBA_UE_FAILED) {
		o.reason = reason_of(u);
		snprintf(o.detail, sizeof(o.detail), "%s", u->ue.detail);
	} else if (u->ue.result.expires <= agent_utc(a)) {
		/* it would end at once; as likely it is our clock (lesson 15) */
		o.reason = PROV_EXPIRED;
		snprintf(o.detail, sizeof(o.detail), "the key that the BSF gives has ended by this node's clock");
		agent_doubt_time(a);
	} else {
		o.context = &u->ue.result;
	}
	return o;
}

static void finish(struct agent_ub *u)
{
	struct agent *a = u->a;
	struct ub_outcome o;

	/* the key proved who told the time: there is no certificate whose end would bound it */
	if (u->started && u->ue.state == GBA_UE_DONE && u->ue.result.bsf_time) {
		a->server_not_after = MST_TIME_MAX;
		agent_learn_time(a, u->ue.result.bsf_time);
	}
	o = outcome_of(u);
	a->ub = NULL;
	if (u->again && o.context) {
		agent_log(a, AGENT_INFO, "bootstrapped-already", "bsf", u->bsf.host, "btid", o.context->btid, NULL);
	} else if (o.context) {
		keep_tmpi(a, o.context, u->bsf.host);
		door_gba_keep(a, o.context);
		keep_context(u);
		if (a->gba)
			o.context = &a->gba->x;
		agent_log(a, AGENT_INFO, "bootstrapped-with-bsf", "bsf", u->bsf.host, "btid", o.context->btid, "keys",
			  o.context->in_card ? "in the card" : "in this node", "authenticated", o.context->authenticated ? "yes" : "no", NULL);
		agent_point(a, "ub-granted");
	} else {
		agent_log(a, o.reason == PROV_FALSE_NETWORK ? AGENT_ERROR : AGENT_WARN,
			  o.reason == PROV_FALSE_NETWORK ? "FALSE-NETWORK" : "bootstrapping-failed", "bsf", u->bsf.host, "reason",
			  prov_reason_text(o.reason), "detail", o.detail, "attempt", prov_attempt(a->prov), NULL);
	}
	u->done(a, &o);
	destroy(u);
	agent_turn(a);
}

/* From a timer, so that nobody is told from inside his own call. */
static void fail_soon(struct agent_ub *u, enum prov_reason r, const char *text)
{
	static const struct timeval now;

	u->reason = r;
	snprintf(u->detail, sizeof(u->detail), "%.191s", text);
	evtimer_add(u->timer, &now);
}

/* --- the dialogue --- */

static void pump(struct agent_ub *u);

static void on_open(void *owner, struct mst_client *c)
{
	struct agent_ub *u = owner;

	(void)c;
	u->open = true;
	pump(u);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct agent_ub *u = owner;

	(void)c;
	u->waits = false;
	u->served = true;
	u->status = m->status;
	gba_ue_feed(&u->ue, m, agent_now(), agent_utc_or_0(u->a));
	pump(u);
}

/* Many BSFs close after each answer; the next request then has a connection of its own. */
static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct agent_ub *u = owner;
	bool again = u->served && (why == MST_TLS_CLOSED || why == MST_TLS_TRUNCATED), idle = u->open && !u->waits;
	char text[MST_DIALOG_DETAIL];

	(void)c;
	close_session(u);
	if (idle)
		return;              /* the card is asked meanwhile, and the next request opens another one */
	if (why == MST_TLS_EXPIRED)
		agent_doubt_time(u->a);
	if (!again) {
		u->end = why;
		session_detail(text, sizeof(text), why, detail);
		gba_ue_lost(&u->ue, text);
	}
	pump(u);
}

static const struct mst_client_ops ops = { on_open, on_response, on_end };

static void connect_bsf(struct agent_ub *u)
{
	struct agent *a = u->a;
	const char *route = agent_config_route(&a->cfg, u->bsf.host, u->bsf.port);
	struct mst_client_config c = {
		.base = a->base, .tls = u->tls_ctx, .clear = !u->tls, .host = u->bsf.host, .port = u->bsf.port, .connect_to = route,
		.server_name = u->tls ? u->bsf.host : NULL, .pins = u->pins.v, .n_pins = u->pins.n,
		.limits = { .header_octets = 16384, .body_octets = MST_BSF_INFO_OCTETS },
		.connect_ms = a->cfg.open_timeout * 1000, .handshake_ms = a->cfg.open_timeout * 1000, .answer_ms = a->cfg.answer_timeout * 1000,
	};

	if (mst_client_new(&c, &ops, u, &u->client))
		gba_ue_lost(&u->ue, "the connection could not be begun");
}

static void send_request(struct agent_ub *u)
{
	if (!u->client) {
		connect_bsf(u);
		return;
	}
	if (!u->open || u->waits)
		return;
	u->waits = mst_client_send(u->client, gba_ue_request(&u->ue)) == 0;
	if (!u->waits)
		gba_ue_lost(&u->ue, "the request could not be sent");
}

static void on_card(struct agent *a, const struct card_reply *r)
{
	static const struct { int r; enum gba_card what; } means[] = {
		{ 0, GBA_CARD_OK }, { MST_CARD_STALE, GBA_CARD_SYNC }, { MST_CARD_MAC, GBA_CARD_MAC },
	};
	struct gba_card_answer answer = { .res_n = (uint8_t)r->aka.n_res, .has_keys = r->has_keys };
	enum gba_card what = GBA_CARD_FAILED;
	uint8_t cnonce[GBA_CNONCE];
	struct agent_ub *u = a->ub;
	char words[MST_DIALOG_DETAIL];

	for (size_t i = 0; i < MST_COUNT(means); i++)
		if (means[i].r == r->r)
			what = means[i].what;
	card_words(r, words, sizeof(words));
	answer.words = words;
	memcpy(answer.res, r->aka.res, sizeof(r->aka.res));
	memcpy(answer.ck, r->aka.ck, sizeof(answer.ck));
	memcpy(answer.ik, r->aka.ik, sizeof(answer.ik));
	memcpy(answer.auts, r->aka.auts, sizeof(answer.auts));
	if (what == GBA_CARD_FAILED)
		u->reason = card_reason(r->r);
	agent_point(a, "ub-card-answered");
	if (a->crypto->ops->random(a->crypto, cnonce, sizeof(cnonce))) {
		what = GBA_CARD_FAILED;
		u->reason = PROV_INTERNAL;
	}
	gba_ue_card(&u->ue, what, &answer, cnonce, agent_now());
	mst_wipe(&answer, sizeof(answer));
	pump(u);
}

static void ask_card(struct agent_ub *u)
{
	struct gba_ue_challenge x = gba_ue_challenge(&u->ue);
	struct card_question q = { .job = CARD_AUTHENTICATE };

	memcpy(q.rnd, x.rnd, sizeof(q.rnd));
	memcpy(q.autn, x.autn, sizeof(q.autn));
	agent_point(u->a, "ub-challenged");
	if (card_ask(u->a, &q, on_card)) {
		u->reason = PROV_INTERNAL;
		gba_ue_lost(&u->ue, "the card could not be asked");
		pump(u);
	}
}

/* Only for other programs that look at the card; the node itself has all of it. */
static void on_noted(struct agent *a, const struct card_reply *r)
{
	char words[MST_DIALOG_DETAIL];

	if (r->r) {
		card_words(r, words, sizeof(words));
		agent_log(a, AGENT_WARN, "card-not-noted", "why", words, NULL);
	}
	finish(a->ub);
}

static void granted(struct agent_ub *u)
{
	struct card_question q = { .job = CARD_NOTE };
	struct mst_writer w = mst_writer_of(q.lifetime, sizeof(q.lifetime));

	close_session(u);
	mst_put_datetime(&w, u->ue.result.expires);
	mst_put_nul(&w);
	memcpy(q.btid, u->ue.result.btid, sizeof(q.btid));
	if (!u->ue.result.in_card || card_ask(u->a, &q, on_noted))
		finish(u);
}

/* After every input; the last thing that a callback does with `u`. */
static void pump(struct agent_ub *u)
{
	struct timeval tv;
	mst_ms left;

	if (u->ue.state == GBA_UE_DONE) {
		granted(u);
	} else if (gba_ue_ended(&u->ue)) {
		finish(u);
	} else if (u->ue.state == GBA_UE_CARD) {
		evtimer_del(u->timer);
		ask_card(u);
	} else {
		send_request(u);
		if (gba_ue_ended(&u->ue)) {
			finish(u);
			return;
		}
		left = u->ue.deadline - agent_now();
		left = left > 0 ? left : 0;
		tv = (struct timeval){ .tv_sec = left / 1000, .tv_usec = (left % 1000) * 1000 };
		evtimer_add(u->timer, &tv);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct agent_ub *u = arg;

	(void)fd;
	(void)what;
	if (!u->started) {
		finish(u);
		return;
	}
	gba_ue_tick(&u->ue, agent_now());
	pump(u);
}

/* --- the start --- */

static bool begin(struct agent_ub *u, const struct card_reply *r)
{
	struct agent *a = u->a;
	const struct agent_config *cfg = &a->cfg;
	bool any = !strcmp(cfg->gba_realm, "any");
	char tmpi[MST_ID_MAX];
	struct gba_ue_config c = {
		.crypto = a->crypto, .read_info = mst_xml_bsf_info, .info = mst_arena_of(u->room, sizeof(u->room)), .impi = r->impi, .tmpi = tmpi,
		.host = u->host, .bsf = any ? NULL : cfg->gba_realm[0] ? cfg->gba_realm : u->bsf.host, .path = u->bsf.path[0] ? u->bsf.path : NULL,
		.agent = "muster-agent", .without_rspauth = cfg->gba_without_rspauth != 0, .strict_amf = cfg->gba_amf != 0,
		.answer_ms = (cfg->open_timeout + cfg->answer_timeout) * 1000,
	};

	snprintf(u->host, sizeof(u->host), u->bsf.port == (u->tls ? 443 : 80) ? "%s" : "%s:%u", u->bsf.host, u->bsf.port);
	load_tmpi(a, r->impi, u->bsf.host, tmpi);
	u->started = gba_ue_init(&u->ue, &c, agent_now());
	return u->started;
}

static bool find_bsf(struct agent_ub *u, const struct card_reply *r)
{
	if (!u->uri[0] && r->bsf[0])
		snprintf(u->uri, sizeof(u->uri), "http://%.240s", r->bsf);
	return enrolee_bsf_of(mst_view_str(u->uri), &u->bsf, &u->tls);
}

static void on_identity(struct agent *a, const struct card_reply *r)
{
	struct agent_ub *u = a->ub;
	char words[MST_DIALOG_DETAIL];
	bool found = !r->r && find_bsf(u, r);

	if (r->r) {
		card_words(r, words, sizeof(words));
		fail_soon(u, card_reason(r->r), words);
	} else if (!u->uri[0] && !r->bsf[0]) {
		fail_soon(u, PROV_UNSUPPORTED, "the card's names tell no BSF; set gba.bsf");
	} else if (found && serves(u, r->impi)) {
		serve_again(u);
	} else if (!found || !begin(u, r)) {
		fail_soon(u, PROV_UNSUPPORTED, "the BSF's URI or the card's identity cannot be used");
	} else {
		pump(u);
	}
}

static int trust(struct agent_ub *u, const struct mst_instruction *i, struct mst_diag *d)
{
	if (u->uri[0] && !enrolee_bsf_of(mst_view_str(u->uri), &u->bsf, &u->tls)) {
		mst_diag_set(d, 0, "uri", "not http(s)://fqdn[:port][/path]", NULL);
		return 1;
	}
	return u->uri[0] && u->tls ? session_tls_mef(u->a, i, false, &u->tls_ctx, &u->pins, d) : 0;
}

void ub_start(struct agent *a, const char *uri, const struct mst_instruction *i, enum ub_for what, ub_done *done)
{
	static const struct card_question q = { .job = CARD_IDENTITY };
	const char *where = *uri ? uri : a->cfg.gba_bsf;
	struct agent_ub *u = mst_heap_locked(sizeof(*u));
	struct ub_outcome none = { .reason = PROV_INTERNAL };
	struct mst_diag d = { 0 };
	int r;

	ub_drop(a);
	if (u)
		u->timer = evtimer_new(a->base, on_timer, u);
	if (!u || !u->timer) {
		free(u);
		done(a, &none);
		return;
	}
	a->ub = u;
	u->a = a;
	u->done = done;
	u->what = what;
	if ((size_t)snprintf(u->uri, sizeof(u->uri), "%s", where) >= sizeof(u->uri)) {
		fail_soon(u, PROV_UNSUPPORTED, "the BSF's URI is too long");
		return;
	}
	r = trust(u, i, &d);
	if (r)
		fail_soon(u, r > 0 ? PROV_UNSUPPORTED : PROV_INTERNAL, r > 0 ? d.text : mst_fault_text(r));
	else if (card_ask(a, &q, on_identity))
		fail_soon(u, PROV_INTERNAL, "the card could not be asked");
}
