/*
 * One session: handshake → (suspended) → open → gone. A datagram, a timer or the owner's answer goes in; then everything
 * that follows from it is done at once, for a datagram leaves or is lost, and nobody waits for a socket.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/address.h"
#include "transport/coap-int.h"

#define PATIENCE_MS 1000             /* with the owner, before a request is acknowledged by itself: half of COAP_ACK_MS */
#define TURN_MS 20
#define FETCH_MS 2000                /* for the next block of an answer, when the session is to end */
#define IDLE_LOOK 64                 /* messages in one datagram's turn at most */

static uint8_t *take_room(void *arg, size_t n)
{
	struct mst_coap_conn *c = arg;
	struct mst_coap_server *s = c->s;
	size_t *own = &s->origin[c->origin].held, most = s->limits.held_octets;
	uint8_t *p = NULL;

	/* who has much gets no more of what is left, but everybody something while there is any */
	if (s->held + n <= most && (!*own || *own + n <= most / 4 || s->held + n <= most / 2))
		p = malloc(n);
	if (!p) {
		s->stats.refused++;
		return NULL;
	}
	s->held += n;
	*own += n;
	return p;
}

static void give_room(void *arg, uint8_t *p, size_t n)
{
	struct mst_coap_conn *c = arg;

	mst_wipe(p, n);
	free(p);
	c->s->held -= n;
	c->s->origin[c->origin].held -= n;
}

static void on_timer(evutil_socket_t fd, short what, void *arg);

static void ask_now(void *arg, const char *identity)
{
	struct mst_coap_conn *c = arg;

	c->known = true;
	c->s->ops->on_psk(c->s->owner, c, identity);
}

int coap_conn_new(struct mst_coap_server *s, struct mst_coap_conn **ret)
{
	struct mst_coap_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return MST_FAULT_MEMORY;
	c->s = s;
	c->pipe = (struct dtls_pipe){ .fd = s->fd, .secret = s->secret };
	if (tls_session_init_pipe(&c->t, &c->pipe, s->tls) < 0) {
		tls_session_deinit(&c->t);
		free(c);
		return MST_FAULT_MEMORY;
	}
	c->t.psk_on = s->ops->on_psk != NULL;
	c->t.ask = ask_now;
	c->t.ask_arg = c;
	event_assign(&c->timer, s->base, -1, 0, on_timer, c);
	*ret = c;
	return 0;
}

static void tell_close(struct mst_coap_conn *c)
{
	bool pending = c->pending;

	if (c->pending)
		c->s->outstanding--;
	c->pending = false;
	if (c->known && c->s->ops->on_close)
		c->s->ops->on_close(c->s->owner, c, pending);
	c->known = false;
}

/* Whoever sends what cannot be a request is somebody that the owner should hear of. */
static void tell_refused(struct mst_coap_conn *c, const struct coap_refusal *r)
{
	char why[sizeof(r->why.field) + sizeof(r->why.text) + 4];

	if (!r || !c->s->ops->on_refused)
		return;
	snprintf(why, sizeof(why), "%s%s%s", r->why.field, r->why.field[0] ? ": " : "", r->why.text);
	c->s->ops->on_refused(c->s->owner, c, r->code ? mst_coap_status_of(r->code, true) : 0, why);
}

static void take_stats(struct mst_coap_conn *c)
{
	c->s->stats.repeated += c->coap.stats.repeated - c->told.repeated;
	c->s->stats.resent += c->coap.stats.resent - c->told.resent;
	c->told = c->coap.stats;
}

void coap_conn_drop(struct mst_coap_conn *c, bool say_bye)
{
	if (c->state == COAP_CONN_OPEN && !c->ours)
		tell_refused(c, coap_server_broken_off(&c->coap));
	tell_close(c);
	if (c->state != COAP_CONN_PROBE) {
		coap_server_forget(c);
		take_stats(c);
		coap_server_deinit(&c->coap);
	}
	if (say_bye && c->state == COAP_CONN_OPEN)
		tls_session_bye(&c->t, true);
	c->state = COAP_CONN_GONE;
	event_del(&c->timer);
	tls_session_deinit(&c->t);
	dtls_pipe_drop(&c->pipe);
	mst_wipe(c, sizeof(*c));
	free(c);
}

static bool fail_handshake(struct mst_coap_conn *c)
{
	c->s->stats.handshake_failures++;
	if (c->s->ops->on_handshake_failed)
		c->s->ops->on_handshake_failed(c->s->owner, &c->t.peer, c->t.end, c->t.detail);
	/* a peer whose handshake is over by now would wait for an answer */
	tls_session_bye(&c->t, true);
	coap_conn_drop(c, false);
	return false;
}

bool coap_conn_idle(const struct mst_coap_conn *c)
{
	return c->state == COAP_CONN_OPEN && !c->running && !c->pending && c->coap.state == COAP_SERVER_IDLE && !c->coap.resend.on;
}

/* Its certificate was judged by settings that have been replaced, or long ago. */
static bool outlived(const struct mst_coap_conn *c)
{
	return (c->t.ctx != c->s->tls && !c->spared) || c->s->draining || coap_clock() - c->since > c->s->limits.session_ms;
}

static bool may_end(const struct mst_coap_conn *c)
{
	return (c->closing || outlived(c)) && coap_conn_idle(c) && (coap_server_idle(&c->coap) || coap_clock() - c->used >= FETCH_MS);
}

/* ---- time -------------------------------------------------------------------------------------------- */

static mst_ms sooner(mst_ms a, mst_ms b)
{
	return a < b ? a : b;
}

static void set_timer(struct mst_coap_conn *c)
{
	mst_ms now = coap_clock(), at = MST_NEVER, dtls;
	struct timeval tv;

	if (c->state == COAP_CONN_OPEN) {
		at = sooner(coap_server_deadline(&c->coap), c->pending ? c->until : c->used + c->s->limits.idle_ms);
		/* one that is not idle ends when it is: a time that has passed would be asked again and again until then */
		if ((c->closing || outlived(c)) && coap_conn_idle(c))
			at = sooner(at, c->used + FETCH_MS);
	} else {
		dtls = c->state == COAP_CONN_HANDSHAKE ? dtls_timer_in(&c->t) : -1;
		at = c->again ? now + TURN_MS : dtls >= 0 ? sooner(c->until, now + dtls) : c->until;
	}
	at = at > now ? at - now : 0;
	tv = (struct timeval){ at / 1000, (at % 1000) * 1000 };
	event_add(&c->timer, &tv);
}

/* ---- the owner --------------------------------------------------------------------------------------- */

static void flush(struct mst_coap_conn *c)
{
	struct mst_view v;
	size_t n;

	while ((v = coap_server_send(&c->coap)).n)
		if (tls_write(&c->t, v.p, v.n, &n) == TLS_END)
			return;
}

static uint32_t by_chance(void)
{
	uint32_t x;

	evutil_secure_rng_get_bytes(&x, sizeof(x));
	return x;
}

static void answer(struct mst_coap_conn *c, const struct mst_coap_result *r)
{
	struct coap_answer a = { .code = r->status >= 1000 ? mst_coap_code_of_rsc(r->status, c->get) : mst_coap_code_of(r->status, c->get),
				 .max_age = r->retry_after, .body = r->content };

	a.has_format = r->media && r->content.n && mst_coap_format_of(mst_view_str(r->media), &a.format);
	a.option = r->params ? r->params->option : NULL;
	a.n_option = r->params ? r->params->n : 0;
	coap_server_answer(&c->coap, &a, coap_clock(), by_chance());
}

static void put_off(struct mst_coap_conn *c, unsigned seconds)
{
	answer(c, &(struct mst_coap_result){ .status = 503, .retry_after = seconds });
}

static bool read_request(const struct mst_coap_conn *c, const struct coap_request *q, struct mst_arena *arena, struct mst_http_msg *m, struct mst_diag *d)
{
	const char *host = c->t.peer.sni[0] ? c->t.peer.sni : c->s->host;
	enum mst_coap_dialect x = c->coap.cfg.dialect;

	return x == MST_COAP_BARE ? mst_coap_request_as_http(q->m, q->body, host, arena, m, d) :
	                            mst_coap_primitive_as_http(q->m, q->body, host, x, arena, m, d);
}

static void ask_owner(struct mst_coap_conn *c, const struct coap_request *q)
{
	uint8_t scratch[2048];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_http_msg m;
	struct mst_diag d = { 0 };

	c->get = q->m->code == MST_COAP_GET;
	if (!read_request(c, q, &arena, &m, &d)) {
		struct coap_refusal no = { .code = MST_COAP_BAD_REQUEST, .why = d };

		tell_refused(c, &no);
		answer(c, &(struct mst_coap_result){ .status = 400, .content = mst_view_str(d.text) });
		return;
	}
	/* what was going on is served, and no more: whoever keeps it busy would keep a session whose trust has ended */
	if (c->last && (c->closing || outlived(c))) {
		put_off(c, 1);
		return;
	}
	c->asked = true;
	c->spared = false;
	c->last = c->closing || outlived(c);
	if (c->s->outstanding >= c->s->limits.requests) {
		c->s->stats.refused++;
		put_off(c, 1);
		return;
	}
	c->s->outstanding++;
	c->s->stats.requests++;
	c->pending = true;
	c->until = coap_clock() + c->s->limits.answer_ms;
	c->s->ops->on_request(c->s->owner, c, &m);
}

static void used_now(struct mst_coap_conn *c)
{
	c->used = coap_clock();
	coap_server_used(c);
}

static bool step_open(struct mst_coap_conn *c)
{
	struct mst_coap_msg m;
	struct coap_request q;
	enum tls_io io;
	bool good = false;
	size_t n;

	for (int i = 0; i < IDLE_LOOK; i++) {
		uint64_t bad = c->coap.stats.malformed;

		io = tls_read(&c->t, c->s->buf, sizeof(c->s->buf), &n);
		if (io == TLS_WANT_READ || io == TLS_WANT_WRITE)
			break;
		if (io != TLS_DONE) {
			coap_conn_drop(c, true);
			return false;
		}
		if (coap_server_feed(&c->coap, (struct mst_view){ c->s->buf, n }, coap_clock(), &m, &q))
			ask_owner(c, &q);
		mst_wipe(c->s->buf, n);
		tell_refused(c, coap_server_refused(&c->coap));
		flush(c);
		good = good || bad == c->coap.stats.malformed;
	}
	/* neither what opens as no record nor what is no message keeps a session from giving way: the first is anybody's */
	if (good)
		used_now(c);
	return true;
}

/* ---- the handshake ----------------------------------------------------------------------------------- */

static bool opened(struct mst_coap_conn *c)
{
	struct coap_server_config cfg = { .body_max = c->s->limits.body_octets, .szx = MST_COAP_SZX_MAX, .patience_ms = PATIENCE_MS,
					  .first_id = (uint16_t)by_chance(), .dialect = c->s->dialect };

	/* before it is open, mst_coap_server_cut() alone would have it end */
	if (c->closing)
		tls_session_cut(&c->t);
	if (c->closing || (c->t.ctx != c->s->tls && !(c->spared = tls_judge_again(&c->t, c->s->tls))))
		return fail_handshake(c);       /* the settings have changed meanwhile */
	coap_server_queue(c, COAP_Q_OPEN);
	c->s->stats.handshakes++;
	coap_server_init(&c->coap, &cfg, &(struct coap_room){ take_room, give_room, c });
	c->state = COAP_CONN_OPEN;
	c->used = c->since = coap_clock();
	c->known = true;
	return true;
}

static bool step_handshake(struct mst_coap_conn *c)
{
	c->again = false;
	switch (tls_handshake(&c->t)) {
	case TLS_DONE:
		return opened(c);
	case TLS_WANT_KEY:
		c->state = COAP_CONN_SUSPENDED;
		c->known = true;
		c->s->ops->on_psk(c->s->owner, c, c->t.peer.psk_identity);
		return c->state == COAP_CONN_SUSPENDED || step_handshake(c);     /* it was answered at once */
	case TLS_WANT_TURN:
		c->again = true;
		return true;
	case TLS_WANT_READ:
	case TLS_WANT_WRITE:
		return true;
	case TLS_END:
	default:
		return fail_handshake(c);
	}
}

/* Everything that can be done now. The last thing a function does with `c`, which may be gone after it. */
static void run(struct mst_coap_conn *c)
{
	bool there = true;

	c->running = true;
	do {
		enum coap_conn_state was = c->state;

		if (c->state == COAP_CONN_HANDSHAKE)
			there = step_handshake(c);
		else if (c->state == COAP_CONN_OPEN)
			there = step_open(c);
		if (there && c->state == was && (was == COAP_CONN_SUSPENDED || c->again || !dtls_pipe_waits(&c->pipe)))
			break;
	} while (there);
	if (!there)
		return;
	c->running = false;
	if (c->pipe.now.n) {
		/* its turn comes when the key has been found */
		(void)dtls_pipe_keep(&c->pipe, c->pipe.now);
		c->pipe.now = MST_VIEW_NONE;
	}
	if (may_end(c))
		coap_conn_drop(c, true);
	else
		set_timer(c);
}

void coap_conn_start(struct mst_coap_conn *c, const struct dtls_hello *h)
{
	c->since = c->used = coap_clock();
	c->until = c->since + c->s->limits.handshake_ms;
	memcpy(c->random, h->random, sizeof(c->random));
	c->state = COAP_CONN_HANDSHAKE;
	coap_server_queue(c, COAP_Q_HANDSHAKE);
	run(c);
}

void coap_conn_feed(struct mst_coap_conn *c, struct mst_view datagram)
{
	/* those before it come first */
	if (c->pipe.first || c->state == COAP_CONN_SUSPENDED)
		(void)dtls_pipe_keep(&c->pipe, datagram);
	else
		c->pipe.now = datagram;
	run(c);
}

/* An answer that was not made in time, or a peer that is not there any more. */
static bool time_out(struct mst_coap_conn *c, mst_ms now)
{
	if (c->state == COAP_CONN_OPEN && c->pending && now >= c->until) {
		/* the owner learns by on_close that its answer came too late */
		tell_close(c);
		put_off(c, 5);
		flush(c);
		c->known = c->closing = c->last = true;
		return false;
	}
	if (c->state == COAP_CONN_OPEN && !c->pending && now - c->used >= c->s->limits.idle_ms) {
		coap_conn_drop(c, true);
		return true;
	}
	if (c->state == COAP_CONN_OPEN || now < c->until)
		return false;
	/* a record that does not open is dropped in silence (RFC 6347 4.1.2.7): a wrong key shows as this, and as nothing else */
	if (c->t.psk_answered)
		tls_session_end(&c->t, MST_TLS_PSK_REFUSED, "%s", c->t.psk_known ? "no proof of the key in time; identity known, key wrong, or the peer has gone" :
		                "identity unknown");
	else
		tls_session_end(&c->t, MST_TLS_TIMEOUT, "%s", c->state == COAP_CONN_SUSPENDED ? "handshake: no answer about the key in time" :
		                "handshake not finished in time");
	(void)fail_handshake(c);
	return true;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct mst_coap_conn *c = arg;
	mst_ms now = coap_clock();

	(void)fd;
	(void)what;
	c->running = true;
	if (time_out(c, now))
		return;
	if (c->state == COAP_CONN_OPEN) {
		coap_server_tick(&c->coap, now);
		tell_refused(c, coap_server_refused(&c->coap));
		flush(c);
	} else if (c->state == COAP_CONN_HANDSHAKE && !c->t.suspended && !dtls_timer(&c->t)) {
		tls_session_end(&c->t, MST_TLS_TIMEOUT, "the peer does not answer, however often the handshake is repeated");
		(void)fail_handshake(c);
		return;
	}
	run(c);
}

void coap_conn_drain(struct mst_coap_conn *c, bool cut)
{
	c->closing = true;
	c->last = c->last || cut || c->coap.state != COAP_SERVER_TAKING;        /* who was cut off gets nothing back by a reload */
	if (may_end(c))
		coap_conn_drop(c, true);
	else if (!c->running)
		set_timer(c);
}

bool coap_conn_spare(struct mst_coap_conn *c)
{
	if (c->state != COAP_CONN_OPEN || c->asked || c->closing)
		return false;
	c->spared = tls_judge_again(&c->t, c->s->tls);
	c->t.end = MST_TLS_OPEN;        /* also without mercy it ends in order */
	return c->spared;
}

/* ---- from the owner ---------------------------------------------------------------------------------- */

const struct mst_peer *mst_coap_conn_peer(const struct mst_coap_conn *c)
{
	return &c->t.peer;
}

void *mst_coap_conn_data(const struct mst_coap_conn *c)
{
	return c->data;
}

void mst_coap_conn_set_data(struct mst_coap_conn *c, void *data)
{
	c->data = data;
}

void mst_coap_conn_set_whose(struct mst_coap_conn *c, const struct mst_whose *whose)
{
	c->whose = *whose;
}

uint64_t mst_coap_conn_id(const struct mst_coap_conn *c)
{
	return c->id;
}

enum mst_coap_dialect mst_coap_conn_dialect(const struct mst_coap_conn *c)
{
	return c->coap.cfg.dialect;
}

int mst_coap_conn_export(struct mst_coap_conn *c, const char *label, uint8_t *out, size_t n)
{
	return tls_export(&c->t, label, out, n);
}

/* No callback comes from inside a call of the owner: the loop does it. */
static void wake(struct mst_coap_conn *c)
{
	struct timeval at_once = { 0, 0 };

	if (!c->running)
		event_add(&c->timer, &at_once);
}

void mst_coap_conn_psk(struct mst_coap_conn *c, const struct mst_key *k)
{
	tls_session_key(&c->t, k);
	if (c->state != COAP_CONN_SUSPENDED)
		return;
	c->state = COAP_CONN_HANDSHAKE;
	wake(c);
}

void mst_coap_conn_busy(struct mst_coap_conn *c, const char *detail)
{
	if (c->state != COAP_CONN_SUSPENDED)
		return;
	tls_session_end(&c->t, MST_TLS_BUSY, "%s", detail);
	c->until = coap_clock();
	wake(c);
}

void mst_coap_conn_answer(struct mst_coap_conn *c, const struct mst_coap_result *r)
{
	if (c->state != COAP_CONN_OPEN || !c->pending)
		return;
	c->s->outstanding--;
	c->pending = false;
	answer(c, r);
	flush(c);
	used_now(c);
	wake(c);
}
