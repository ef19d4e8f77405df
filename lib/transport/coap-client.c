/* One session to one server. The machine runs from the loop only; a call of the owner leaves a note and wakes it. */
#include "transport/coap-client.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/coap-m2m.h"
#include "proto/coap/coap.h"
#include "transport/address.h"
#include "transport/coap-int.h"
#include "transport/resolve.h"

enum state { START, RESOLVING, HANDSHAKE, IDLE, ASKING, ENDED };

struct mst_coap_client {
	struct event_base *base;
	struct mst_tls_ctx *ctx;
	const struct mst_coap_client_ops *ops;
	void *owner;
	enum state state;
	struct event io, timer;
	char host[256], server_name[MST_ID_MAX], identity[MST_ID_MAX];
	uint16_t port, uri_port;
	enum mst_coap_dialect dialect;
	struct mst_key *psk;            /* as in client.c */
	struct mst_view *pin;
	size_t n_pin;
	mst_ms handshake_ms, answer_ms, until, give_up;
	struct lookup *lookup;
	struct addrinfo *list, *at;
	int fd;
	struct dtls_pipe pipe;
	struct tls_session t;
	struct coap_client coap;
	uint8_t *in, *out;
	size_t in_cap, n_out;
	bool running, freed, watching, opened, proven;
	char silence[TLS_DETAIL_MAX];   /* what an address before said by saying nothing, or "" */
	uint8_t buf[DTLS_TAKEN];
};

static void run(struct mst_coap_client *c);

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run(arg);
}

static void watch(struct mst_coap_client *c, int fd)
{
	if (c->watching)
		event_del(&c->io);
	event_assign(&c->io, c->base, fd, EV_READ | EV_PERSIST, on_event, c);
	c->watching = fd >= 0 && !event_add(&c->io, NULL);
}

static void wake_in(struct mst_coap_client *c, mst_ms ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	event_add(&c->timer, &tv);
}

static void set_timer(struct mst_coap_client *c)
{
	mst_ms now = coap_clock(), at = c->until, dtls = c->state == HANDSHAKE ? dtls_timer_in(&c->t) : -1;

	if (dtls >= 0 && now + dtls < at)
		at = now + dtls;
	if (c->state == ASKING && coap_client_deadline(&c->coap) < at)
		at = coap_client_deadline(&c->coap);
	if (at != MST_NEVER)
		wake_in(c, at > now ? at - now : 0);
	else
		event_del(&c->timer);
}

static void drop_session(struct mst_coap_client *c, bool bye)
{
	watch(c, -1);
	if (bye)
		tls_session_bye(&c->t, true);
	tls_session_deinit(&c->t);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* The session is over; the owner hears it once. */
static bool end(struct mst_coap_client *c, enum mst_tls_end why, const char *detail)
{
	char text[TLS_DETAIL_MAX];

	if (c->state == ENDED)
		return false;
	snprintf(text, sizeof(text), "%s", detail);
	c->proven = c->opened || tls_server_proven(&c->t);
	c->state = ENDED;
	c->until = MST_NEVER;
	drop_session(c, true);
	if (c->ops->on_end && !c->freed)
		c->ops->on_end(c->owner, c, why, text);
	return false;
}

/* This address gave nothing: the next one, or the end with what the last one said (lesson 8). */
static bool next_address(struct mst_coap_client *c, enum mst_tls_end why, const char *detail)
{
	char text[TLS_DETAIL_MAX];

	snprintf(text, sizeof(text), "%s", detail);
	if (why == MST_TLS_SILENT)
		memcpy(c->silence, text, sizeof(c->silence));
	drop_session(c, false);
	c->at = c->at ? c->at->ai_next : NULL;
	/* a server that went on as far as the key says more than an address where nobody is */
	if (!c->at)
		return c->silence[0] ? end(c, MST_TLS_SILENT, c->silence) : end(c, why, text);
	c->state = START;
	return true;
}

static int open_session(struct mst_coap_client *c)
{
	int r;

	c->pipe = (struct dtls_pipe){ .fd = c->fd, .connected = true };
	r = tls_session_init_pipe(&c->t, &c->pipe, c->ctx);
	if (r == 0)
		r = tls_session_expect(&c->t, c->server_name[0] ? c->server_name : NULL, c->pin, c->n_pin);
	if (r == 0 && c->psk)
		r = tls_session_use_psk(&c->t, c->identity, c->psk);
	return r;
}

/* All addresses together have the handshake's time: one that is silent must leave some to the next (lesson 8). */
static mst_ms share_of_time(const struct mst_coap_client *c)
{
	mst_ms now = coap_clock(), left = c->give_up > now ? c->give_up - now : 0;
	int n = 0;

	for (const struct addrinfo *ai = c->at; ai; ai = ai->ai_next)
		n++;
	return now + left / (n ? n : 1);
}

static bool step_start(struct mst_coap_client *c)
{
	struct sockaddr_storage a = { 0 };

	if (!c->at) {
		c->list = c->at = lookup_numeric(c->host, c->port);
		if (c->list)
			return true;
		if (lookup_start(c->host, c->port, &c->lookup) < 0)
			return end(c, MST_TLS_NAME_UNKNOWN, "cannot start the resolver");
		c->state = RESOLVING;
		c->until = coap_clock() + c->handshake_ms;
		watch(c, lookup_fd(c->lookup));
		return false;
	}
	c->fd = socket(c->at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || connect(c->fd, c->at->ai_addr, c->at->ai_addrlen))
		return next_address(c, MST_TLS_UNREACHABLE, strerrordesc_np(errno));
	if (open_session(c) < 0)
		return end(c, MST_TLS_PROTOCOL, "cannot make a DTLS session");
	memcpy(&a, c->at->ai_addr, c->at->ai_addrlen < sizeof(a) ? c->at->ai_addrlen : sizeof(a));
	address_text(&a, c->t.peer.address, sizeof(c->t.peer.address));
	watch(c, c->fd);
	c->state = HANDSHAKE;
	if (c->give_up == MST_NEVER)
		c->give_up = coap_clock() + c->handshake_ms;
	c->until = share_of_time(c);
	return true;
}

static bool step_resolving(struct mst_coap_client *c)
{
	struct lookup *l = c->lookup;
	uint8_t octet;
	int code;

	if (read(lookup_fd(l), &octet, 1) != 1)
		return false;
	watch(c, -1);
	c->lookup = NULL;
	c->list = c->at = lookup_take(l, &code);
	if (!c->list)
		return end(c, MST_TLS_NAME_UNKNOWN, gai_strerror(code));
	c->state = START;
	return true;
}

/* Over datagrams a wrong key is silence at both ends: what does not open is no record (RFC 6347 4.1.2.7). */
static bool silent(struct mst_coap_client *c)
{
	bool proven = c->psk && tls_server_proven(&c->t);

	return next_address(c, proven ? MST_TLS_SILENT : MST_TLS_TIMEOUT, proven ?
	                    "the server does not answer to the proof of the key; a wrong identity or key shows as this" : "handshake not finished in time");
}

static bool step_handshake(struct mst_coap_client *c)
{
	enum tls_io io = tls_handshake(&c->t);

	if (io == TLS_WANT_READ || io == TLS_WANT_WRITE)
		return false;
	if (io != TLS_DONE) {
		if (c->pipe.error)
			return next_address(c, MST_TLS_UNREACHABLE, strerrordesc_np(c->pipe.error));
		/* what the server is does not change with its address; whether it answers may */
		return c->t.end == MST_TLS_TRUNCATED ? next_address(c, c->t.end, c->t.detail) : end(c, c->t.end, c->t.detail);
	}
	c->state = IDLE;
	c->opened = true;
	c->until = MST_NEVER;
	tls_psk_forget(&c->psk);           /* for that one handshake; the session has keys of its own now */
	if (c->ops->on_open)
		c->ops->on_open(c->owner, c);
	return true;
}

static bool answered(struct mst_coap_client *c)
{
	struct mst_coap_reply a = { .code = c->coap.code, .has_format = c->coap.has_format, .has_max_age = c->coap.has_max_age,
				    .format = c->coap.format, .max_age = c->coap.max_age, .body = coap_client_body(&c->coap) };
	uint8_t scratch[1024];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	const struct coap_more *more = &c->coap.more;
	struct mst_http_msg m;

	if (!mst_coap_reply_as_http(&a, &arena, &m) ||
	    (c->coap.q.dialect != MST_COAP_BARE && !mst_coap_params_as_http(more->option, more->n, c->dialect, &arena, &m)))
		return end(c, MST_TLS_PROTOCOL, "an answer with a code or an option that is none");
	c->state = IDLE;
	c->until = MST_NEVER;
	if (c->ops->on_response)
		c->ops->on_response(c->owner, c, &m);
	return !c->freed;
}

static bool flush(struct mst_coap_client *c)
{
	struct mst_view v;
	size_t n;

	while ((v = coap_client_send(&c->coap)).n)
		if (tls_write(&c->t, v.p, v.n, &n) == TLS_END)
			return end(c, c->t.end, c->t.detail);
	return true;
}

/* Also while nothing is asked: the server's good-bye comes unasked, and so may what it repeats. */
static bool step_open(struct mst_coap_client *c)
{
	enum tls_io io = TLS_DONE;
	size_t n;

	coap_client_tick(&c->coap, coap_clock());
	if (!flush(c))
		return false;
	if (c->state == ASKING && c->coap.state == COAP_CLIENT_FAILED)
		return end(c, c->coap.why == COAP_CLIENT_SILENCE ? MST_TLS_TIMEOUT : c->coap.why == COAP_CLIENT_OVERSIZED ? MST_TLS_TOO_LARGE :
		           MST_TLS_PROTOCOL, coap_client_why_text(c->coap.why));
	if (c->state == ASKING && c->coap.state == COAP_CLIENT_DONE)
		return answered(c);
	io = tls_read(&c->t, c->buf, sizeof(c->buf), &n);
	if (io == TLS_WANT_READ || io == TLS_WANT_WRITE)
		return false;
	if (io != TLS_DONE) {
		if (c->pipe.error)
			return end(c, MST_TLS_UNREACHABLE, strerrordesc_np(c->pipe.error));
		return end(c, c->state == ASKING && c->t.end == MST_TLS_CLOSED ? MST_TLS_TRUNCATED : c->t.end, c->t.detail);
	}
	coap_client_feed(&c->coap, (struct mst_view){ c->buf, n }, coap_clock());
	mst_wipe(c->buf, n);
	return true;
}

static bool step(struct mst_coap_client *c)
{
	switch (c->state) {
	case START:
		return step_start(c);
	case RESOLVING:
		return step_resolving(c);
	case HANDSHAKE:
		return step_handshake(c);
	case IDLE:
	case ASKING:
		return step_open(c);
	case ENDED:
	default:
		return false;
	}
}

static void destroy(struct mst_coap_client *c)
{
	event_del(&c->timer);
	if (c->lookup)
		lookup_abandon(c->lookup);
	if (c->state != ENDED)
		drop_session(c, true);
	if (c->list)
		freeaddrinfo(c->list);
	for (size_t i = 0; i < c->n_pin; i++)
		free((void *)(uintptr_t)c->pin[i].p);
	free(c->pin);
	free(c->in);
	if (c->out)
		mst_wipe(c->out, c->n_out);
	free(c->out);
	mst_tls_ctx_free(c->ctx);
	tls_psk_forget(&c->psk);
	mst_wipe(c, sizeof(*c));
	free(c);
}

static void run(struct mst_coap_client *c)
{
	c->running = true;
	while (!c->freed && step(c))
		;
	c->running = false;
	if (c->freed)
		destroy(c);
	else
		set_timer(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct mst_coap_client *c = arg;

	(void)fd;
	(void)what;
	c->running = true;
	if (coap_clock() >= c->until) {
		if (c->state == HANDSHAKE)
			(void)silent(c);
		else
			(void)end(c, MST_TLS_TIMEOUT, c->state == RESOLVING ? "name not resolved in time" : "no whole answer in time");
	} else if (c->state == HANDSHAKE && !dtls_timer(&c->t)) {
		(void)silent(c);
	}
	run(c);
}

static int copy_pins(struct mst_coap_client *c, const struct mst_client_config *cfg)
{
	c->pin = calloc(cfg->n_pins ? cfg->n_pins : 1, sizeof(*c->pin));
	if (!c->pin)
		return MST_FAULT_MEMORY;
	for (size_t i = 0; i < cfg->n_pins; i++) {
		uint8_t *p = malloc(cfg->pins[i].n ? cfg->pins[i].n : 1);

		if (!p)
			return MST_FAULT_MEMORY;
		memcpy(p, cfg->pins[i].p, cfg->pins[i].n);
		c->pin[c->n_pin++] = (struct mst_view){ p, cfg->pins[i].n };
	}
	return 0;
}

static bool copy(const char *from, char *to, size_t cap)
{
	return from && *from && mst_view_to_str(mst_view_str(from), to, cap);
}

static int fill(struct mst_coap_client *c, const struct mst_client_config *cfg)
{
	const char *to = cfg->connect_to && *cfg->connect_to ? cfg->connect_to : NULL;
	uint32_t rnd;

	c->port = c->uri_port = cfg->port;
	if (!cfg->tls || (to ? !address_split(to, c->host, sizeof(c->host), &c->port) : !copy(cfg->host, c->host, sizeof(c->host))))
		return MST_FAULT_CONFIG;
	/* somebody has to be expected: a name, a key that was pinned, or the shared key itself */
	if (!cfg->server_name && !cfg->n_pins && !cfg->psk)
		return MST_FAULT_CONFIG;
	if (cfg->server_name && !copy(cfg->server_name, c->server_name, sizeof(c->server_name)))
		return MST_FAULT_CONFIG;
	if (cfg->psk && (!cfg->psk->n || !copy(cfg->psk_identity, c->identity, sizeof(c->identity))))
		return MST_FAULT_CONFIG;
	if (cfg->psk && !tls_psk_keep(&c->psk, cfg->psk))
		return MST_FAULT_MEMORY;
	c->dialect = cfg->dialect;
	c->in_cap = cfg->limits.body_octets;
	c->in = malloc(c->in_cap ? c->in_cap : 1);
	if (!c->in)
		return MST_FAULT_MEMORY;
	evutil_secure_rng_get_bytes(&rnd, sizeof(rnd));
	coap_client_init(&c->coap, c->in, c->in_cap, MST_COAP_SZX_MAX, rnd);
	return copy_pins(c, cfg);
}

int mst_coap_client_new(const struct mst_client_config *cfg, const struct mst_coap_client_ops *ops, void *owner, struct mst_coap_client **ret)
{
	struct mst_coap_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return MST_FAULT_MEMORY;
	(void)signal(SIGPIPE, SIG_IGN);
	c->base = cfg->base;
	c->ops = ops;
	c->owner = owner;
	c->ctx = cfg->tls ? tls_ctx_ref(cfg->tls) : NULL;
	c->t.fd = c->fd = -1;
	c->until = c->give_up = MST_NEVER;
	c->handshake_ms = cfg->handshake_ms ? cfg->handshake_ms : 15000;
	c->answer_ms = cfg->answer_ms ? cfg->answer_ms : 30000;
	event_assign(&c->timer, c->base, -1, 0, on_timer, c);
	r = fill(c, cfg);
	if (r < 0) {
		destroy(c);
		return r;
	}
	wake_in(c, 0);
	*ret = c;
	return 0;
}

/* `q` says what; the rest is the same for everything that is asked. */
static int ask(struct mst_coap_client *c, struct coap_question *q, struct mst_view content)
{
	if (c->state != IDLE)
		return MST_FAULT_BUG;
	if (c->out)
		mst_wipe(c->out, c->n_out);
	free(c->out);
	c->out = malloc(content.n ? content.n : 1);
	c->n_out = content.n;
	if (!c->out)
		return MST_FAULT_MEMORY;
	if (content.n)
		memcpy(c->out, content.p, content.n);
	q->host = mst_view_str(c->server_name);
	q->port = c->uri_port == 5684 ? 0 : c->uri_port;
	q->body = (struct mst_view){ c->out, content.n };
	if (!coap_client_ask(&c->coap, q, coap_clock()))
		return MST_FAULT_CONFIG;
	c->state = ASKING;
	c->until = coap_clock() + c->answer_ms;
	if (!c->running)
		wake_in(c, 0);
	return 0;
}

int mst_coap_client_post(struct mst_coap_client *c, const char *path, const char *media, const char *accept, struct mst_view content)
{
	struct coap_question q = { .code = MST_COAP_POST, .path = mst_view_str(path), .accept = 0xffff };

	q.has_format = media && mst_coap_format_of(mst_view_str(media), &q.format);
	if (accept && !mst_coap_format_of(mst_view_str(accept), &q.accept))
		return MST_FAULT_BUG;
	return ask(c, &q, content);
}

int mst_coap_client_primitive(struct mst_coap_client *c, const struct mst_request *q)
{
	uint8_t scratch[2048];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_coap_primitive p;
	struct coap_question say;

	if (c->dialect == MST_COAP_BARE || !mst_coap_of_request(q, c->dialect, &arena, &p))
		return MST_FAULT_BUG;
	say = (struct coap_question){ .code = p.code, .path = p.path, .has_format = p.has_format, .format = p.format, .accept = p.accept,
				      .option = p.params.option, .n_option = p.params.n, .dialect = c->dialect };
	return ask(c, &say, q->content);
}

bool mst_coap_client_proven(const struct mst_coap_client *c)
{
	return c->proven;
}

const struct mst_peer *mst_coap_client_peer(const struct mst_coap_client *c)
{
	return &c->t.peer;
}

int mst_coap_client_export(struct mst_coap_client *c, const char *label, uint8_t *out, size_t n)
{
	return c->state == ENDED ? MST_FAULT_BUG : tls_export(&c->t, label, out, n);
}

struct mst_coap_client *mst_coap_client_free(struct mst_coap_client *c)
{
	if (!c)
		return NULL;
	c->freed = true;
	if (!c->running)
		destroy(c);
	return NULL;
}
