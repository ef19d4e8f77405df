/*
 * One session to one server. The machine runs from the loop only; a call of the owner leaves a note and
 * wakes it, so no callback ever comes from inside a call.
 */
#include "transport/client-int.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/address.h"
#include "transport/resolve.h"
#include "transport/watch.h"

static void run(struct mst_client *c);

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run(arg);
}

static void watch(struct mst_client *c, int fd, short what)
{
	c->want = watch_socket(&c->io, c->base, fd, what, on_event, c);
}

void client_want(struct mst_client *c, short what)
{
	if (c->want != what)
		watch(c, c->t.fd, what);
}

void client_wake(struct mst_client *c)
{
	if (!c->running)
		event_active(&c->io, EV_TIMEOUT, 0);
}

void client_deadline(struct mst_client *c, mst_ms ms)
{
	struct timeval t = { ms / 1000, (ms % 1000) * 1000 };

	event_add(&c->deadline, &t);
}

/* The session is over; the owner hears it once. */
bool client_end(struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	char text[TLS_DETAIL_MAX];

	if (c->state == ENDED)
		return false;
	snprintf(text, sizeof(text), "%s", detail);
	event_del(&c->io);
	event_del(&c->deadline);
	c->proven = c->coap ? mst_coap_client_proven(c->coap) : c->opened || tls_server_proven(&c->t);
	c->state = ENDED;
	c->coap = mst_coap_client_free(c->coap);
	client_h2_end(c);
	c->good_bye = c->t.end == MST_TLS_CLOSED;
	tls_session_bye(&c->t, true);
	tls_session_deinit(&c->t);
	c->want = 0;
	if (c->ops->on_end && !c->freed)
		c->ops->on_end(c->owner, c, why, text);
	return false;
}

static bool end_as_session(struct mst_client *c)
{
	return client_end(c, c->t.end, c->t.detail);
}

/* This address gave nothing: the next one, or the end with what the last one said (lesson 8). */
static bool next_address(struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	c->why = why;
	snprintf(c->detail, sizeof(c->detail), "%s", detail);
	event_del(&c->io);
	c->want = 0;
	tls_session_deinit(&c->t);
	c->at = c->at ? c->at->ai_next : NULL;
	if (!c->at)
		return client_end(c, c->why, c->detail);
	c->state = START;
	return true;
}

static int open_session(struct mst_client *c, int fd)
{
	int r = tls_session_init(&c->t, fd, c->ctx);

	if (r == 0 && c->ctx)
		r = tls_session_expect(&c->t, c->server_name[0] ? c->server_name : NULL, c->pin, c->n_pin);
	if (r == 0 && c->ctx && c->streams)
		r = tls_session_offer_h2(&c->t);
	if (r == 0 && c->psk)
		r = tls_session_use_psk(&c->t, c->identity, c->psk);
	return r;
}

static bool dial(struct mst_client *c, const struct sockaddr *a, socklen_t n)
{
	int on = 1, fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage ss = { 0 };

	if (fd < 0)
		return next_address(c, MST_TLS_UNREACHABLE, strerrordesc_np(errno));
	if (open_session(c, fd) < 0)
		return client_end(c, MST_TLS_PROTOCOL, "cannot make a TLS session");
	memcpy(&ss, a, n < sizeof(ss) ? n : sizeof(ss));
	address_text(&ss, c->t.peer.address, sizeof(c->t.peer.address));
	if (a->sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->state = CONNECTING;
	client_deadline(c, c->connect_ms);
	if (connect(fd, a, n) == 0)
		return true;
	if (errno != EINPROGRESS)
		return next_address(c, MST_TLS_UNREACHABLE, strerrordesc_np(errno));
	client_want(c, EV_WRITE);
	return false;
}

static bool step_start(struct mst_client *c)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (c->path[0]) {
		memcpy(un.sun_path, c->path, sizeof(un.sun_path));
		return dial(c, (struct sockaddr *)&un, sizeof(un));
	}
	if (c->at)
		return dial(c, c->at->ai_addr, c->at->ai_addrlen);
	c->list = lookup_numeric(c->host, c->port);
	c->at = c->list;
	if (c->list)
		return true;
	if (lookup_start(c->host, c->port, &c->lookup) < 0)
		return client_end(c, MST_TLS_NAME_UNKNOWN, "cannot start the resolver");
	c->state = RESOLVING;
	client_deadline(c, c->connect_ms);
	watch(c, lookup_fd(c->lookup), EV_READ);
	return false;
}

static bool step_resolving(struct mst_client *c)
{
	struct lookup *l = c->lookup;
	int code;
	uint8_t octet;

	if (read(lookup_fd(l), &octet, 1) != 1)
		return false;
	event_del(&c->io);
	c->want = 0;
	c->lookup = NULL;
	c->list = c->at = lookup_take(l, &code);
	if (!c->list)
		return client_end(c, MST_TLS_NAME_UNKNOWN, gai_strerror(code));
	c->state = START;
	return true;
}

static bool step_connecting(struct mst_client *c)
{
	struct sockaddr_storage a;
	int e = 0;
	socklen_t n = sizeof(e), m = sizeof(a);

	if (getsockopt(c->t.fd, SOL_SOCKET, SO_ERROR, &e, &n) || e)
		return next_address(c, MST_TLS_UNREACHABLE, strerrordesc_np(e ? e : errno));
	if (getpeername(c->t.fd, (struct sockaddr *)&a, &m))
		return errno == ENOTCONN ? false /* not yet */ : next_address(c, MST_TLS_UNREACHABLE, strerrordesc_np(errno));
	c->state = HANDSHAKE;
	client_deadline(c, c->handshake_ms);
	return true;
}

static bool step_handshake(struct mst_client *c)
{
	enum tls_io io = tls_handshake(&c->t);

	if (io == TLS_WANT_READ || io == TLS_WANT_WRITE) {
		client_want(c, io == TLS_WANT_READ ? EV_READ : EV_WRITE);
		return false;
	}
	if (io != TLS_DONE) {
		/* what the server is does not change with its address; whether it answers may */
		if (c->t.end == MST_TLS_TRUNCATED) {
			char text[TLS_DETAIL_MAX];

			snprintf(text, sizeof(text), "during the handshake: %.150s", c->t.detail);
			return next_address(c, c->t.end, text);
		}
		return end_as_session(c);
	}
	c->state = IDLE;
	c->opened = true;
	event_del(&c->deadline);
	if (c->t.h2 && client_h2_begin(c))
		return client_end(c, MST_TLS_BUSY, "no memory");
	tls_psk_forget(&c->psk);           /* for that one handshake; the session has keys of its own now */
	if (c->ops->on_open)
		c->ops->on_open(c->owner, c);
	return true;
}

static bool step_sending(struct mst_client *c)
{
	while (c->out_at < c->out_n) {
		size_t n;
		enum tls_io io = tls_write(&c->t, c->out + c->out_at, c->out_n - c->out_at, &n);

		if (io == TLS_WANT_READ || io == TLS_WANT_WRITE) {
			client_want(c, io == TLS_WANT_READ ? EV_READ : EV_WRITE);
			return false;
		}
		if (io != TLS_DONE) {
			/* an early refusal may be waiting to be read */
			if (c->t.ssl && c->t.end != MST_TLS_TRUNCATED)
				return end_as_session(c);
			break;
		}
		c->out_at += n;
	}
	mst_wipe(c->out, c->out_n);
	free(c->out);
	c->out = NULL;
	c->out_n = c->out_at = 0;
	c->state = RECEIVING;
	return true;
}

static void forget_kept(struct mst_client *c)
{
	mst_wipe(c->kept, c->kept_n);
	free(c->kept);
	c->kept = NULL;
	c->kept_n = 0;
}

/* On its way: with its proof, when there is somebody who makes one. */
static int queue(struct mst_client *c, struct mst_view octets)
{
	size_t cap = octets.n + (c->proof ? MST_CLIENT_PROOF_OCTETS : 0);
	struct mst_writer w;
	bool fits;

	c->out = malloc(cap);
	if (!c->out)
		return MST_FAULT_MEMORY;
	c->out_n = cap;
	w = mst_writer_of(c->out, cap);
	fits = !c->proof || c->proof->put(c->proof_arg, octets, &w);
	if (!c->proof)
		mst_put(&w, octets);
	if (!fits || !w.ok) {
		mst_wipe(c->out, c->out_n);
		free(c->out);
		c->out = NULL;
		c->out_n = 0;
		return MST_FAULT_BUG;
	}
	c->out_n = w.n;
	c->out_at = 0;
	c->state = SENDING;
	client_deadline(c, c->answer_ms);
	return 0;
}

/* True: the answer is the owner's. False: it is settled here, and *ret says whether the machine goes on. */
static bool proof_takes(struct mst_client *c, size_t more, bool *ret)
{
	const char *detail = "";
	bool again = false;
	enum mst_tls_end end = c->proof->judge(c->proof_arg, mst_http_message(c->http), &again, &detail);

	if (end == MST_TLS_OPEN && !again) {
		forget_kept(c);
		return true;
	}
	if (end != MST_TLS_OPEN) {
		*ret = client_end(c, end, detail);
	} else if (more) {
		*ret = client_end(c, MST_TLS_PROTOCOL, "octets after the response");
	} else if (!mst_http_keep_alive(c->http)) {
		*ret = client_end(c, MST_TLS_PROTOCOL, "the server closes after its challenge, whose answer belongs into the same session");
	} else {
		mst_http_parser_next(c->http);
		*ret = queue(c, (struct mst_view){ c->kept, c->kept_n }) == 0 || client_end(c, MST_TLS_PROTOCOL, "the challenge cannot be answered");
	}
	return false;
}

static bool response_ready(struct mst_client *c, size_t more)
{
	bool keep = mst_http_keep_alive(c->http), goes_on;
	uint64_t asked = c->asked;

	event_del(&c->deadline);
	if (c->proof && !proof_takes(c, more, &goes_on))
		return goes_on;
	c->state = IDLE;
	c->asked = 0;
	if (asked)
		c->ops->on_answer(c->owner, c, asked, mst_http_message(c->http), MST_TLS_OPEN, "");
	else if (c->ops->on_response)
		c->ops->on_response(c->owner, c, mst_http_message(c->http));
	if (c->freed || c->state == CLOSING)
		return !c->freed;
	mst_http_parser_next(c->http);
	if (more)
		return client_end(c, MST_TLS_PROTOCOL, "octets after the response");
	if (!keep)
		return client_end(c, MST_TLS_CLOSED, "the server closes after this response");
	return true;
}

static bool feed(struct mst_client *c, size_t n)
{
	struct mst_diag d = { 0 };
	char text[TLS_DETAIL_MAX];
	int status, r;
	size_t used;

	if (c->state == IDLE)
		return client_end(c, MST_TLS_PROTOCOL, "octets without a request");
	r = mst_http_parser_feed(c->http, (struct mst_view){ c->buf, n }, &used, &status, &d);
	if (r == MST_HTTP_BAD) {
		snprintf(text, sizeof(text), "malformed response: %.60s: %.100s", d.field, d.text);
		return client_end(c, status == 413 ? MST_TLS_TOO_LARGE : MST_TLS_PROTOCOL, text);
	}
	return r == 0 ? response_ready(c, n - used) : true;
}

bool mst_client_good_bye(const struct mst_client *c)
{
	return c->good_bye;
}

bool mst_client_proven(const struct mst_client *c)
{
	return c->proven;
}

static bool peer_closed(struct mst_client *c)
{
	char text[TLS_DETAIL_MAX];

	if (c->state == IDLE)
		return end_as_session(c);
	if (c->t.end == MST_TLS_CLOSED && mst_http_parser_eof(c->http) == 0)
		return response_ready(c, 0);
	if (c->t.end != MST_TLS_CLOSED && c->t.end != MST_TLS_TRUNCATED)
		return end_as_session(c);
	snprintf(text, sizeof(text), "before the whole response: %.150s", c->t.detail);
	return client_end(c, MST_TLS_TRUNCATED, text);
}

/* Also while idle: the server's good-bye, or its refusal of our certificate (TLS 1.3), comes unasked. */
static bool step_reading(struct mst_client *c)
{
	size_t n;
	enum tls_io io = tls_read(&c->t, c->buf, sizeof(c->buf), &n);
	bool more;

	if (io == TLS_WANT_READ || io == TLS_WANT_WRITE) {
		client_want(c, io == TLS_WANT_READ ? EV_READ : EV_WRITE);
		return false;
	}
	if (io != TLS_DONE)
		return peer_closed(c);
	more = feed(c, n);
	mst_wipe(c->buf, n);
	return more;
}

static bool step(struct mst_client *c)
{
	switch (c->state) {
	case START:
		return step_start(c);
	case RESOLVING:
		return step_resolving(c);
	case CONNECTING:
		return step_connecting(c);
	case HANDSHAKE:
		return step_handshake(c);
	case SENDING:
		return step_sending(c);
	case IDLE:
	case RECEIVING:
		return step_reading(c);
	case H2:
		return client_h2_step(c);
	case CLOSING:
		return client_end(c, MST_TLS_CLOSED, "closed by us");
	case ENDED:
	default:
		return false;
	}
}

static void destroy(struct mst_client *c)
{
	event_del(&c->io);
	event_del(&c->deadline);
	if (c->lookup)
		lookup_abandon(c->lookup);
	(void)mst_coap_client_free(c->coap);
	client_h2_end(c);
	if (c->state != ENDED) {
		tls_session_bye(&c->t, true);
		tls_session_deinit(&c->t);
	}
	if (c->list)
		freeaddrinfo(c->list);
	mst_http_parser_free(c->http);
	mst_wipe(c->out, c->out_n);
	free(c->out);
	forget_kept(c);
	if (c->proof)
		c->proof->free(c->proof_arg);
	for (size_t i = 0; i < c->n_pin; i++)
		free((void *)(uintptr_t)c->pin[i].p);
	free(c->pin);
	mst_tls_ctx_free(c->ctx);
	tls_psk_forget(&c->psk);
	mst_wipe(c, sizeof(*c));
	free(c);
}

void client_left(struct mst_client *c)
{
	c->running = false;
	if (c->freed)
		destroy(c);
}

static void run(struct mst_client *c)
{
	c->running = true;
	while (!c->freed && step(c))
		;
	client_left(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct mst_client *c = arg;

	(void)fd;
	(void)what;
	c->running = true;
	if ((c->state == H2 && client_h2_timeout(c)) || (c->state == CONNECTING && next_address(c, MST_TLS_UNREACHABLE, "no answer in time")) ||
	    (c->state == HANDSHAKE && next_address(c, MST_TLS_TIMEOUT, "handshake not finished in time"))) {
		run(c);
	} else {
		if (c->state != ENDED && c->state != H2)
			(void)client_end(c, MST_TLS_TIMEOUT, c->state == RESOLVING ? "name not resolved in time" :
			          "no whole response in time");
		client_left(c);
	}
}

static int copy_pins(struct mst_client *c, const struct mst_client_config *cfg)
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

static int where(struct mst_client *c, const struct mst_client_config *cfg)
{
	const char *to = cfg->connect_to && *cfg->connect_to ? cfg->connect_to : NULL;

	c->port = cfg->port;
	if (to && mst_view_starts(mst_view_str(to), "unix:"))
		return mst_view_to_str(mst_view_str(to + 5), c->path, sizeof(c->path)) ? 0 : MST_FAULT_CONFIG;
	if (to)
		return address_split(to, c->host, sizeof(c->host), &c->port) ? 0 : MST_FAULT_CONFIG;
	if (cfg->host && mst_view_starts(mst_view_str(cfg->host), "unix:"))
		return mst_view_to_str(mst_view_str(cfg->host + 5), c->path, sizeof(c->path)) ? 0 : MST_FAULT_CONFIG;
	return cfg->host && mst_view_to_str(mst_view_str(cfg->host), c->host, sizeof(c->host)) && *c->host ? 0 :
	       MST_FAULT_CONFIG;
}

static int fill(struct mst_client *c, const struct mst_client_config *cfg)
{
	int r = where(c, cfg);

	/* plain text leaves the host only where somebody said so */
	if (r == 0 && !cfg->tls && !c->path[0] && !cfg->clear)
		r = MST_FAULT_CONFIG;
	/* somebody has to be expected: a name, a key that was pinned, or the shared key itself */
	if (r == 0 && cfg->tls && !cfg->server_name && !cfg->n_pins && !cfg->psk)
		r = MST_FAULT_CONFIG;
	if (r == 0 && cfg->server_name && !mst_view_to_str(mst_view_str(cfg->server_name), c->server_name, sizeof(c->server_name)))
		r = MST_FAULT_CONFIG;
	if (r == 0 && cfg->psk && (!cfg->psk_identity || !cfg->psk->n || !*cfg->psk_identity ||
	                           !mst_view_to_str(mst_view_str(cfg->psk_identity), c->identity, sizeof(c->identity))))
		r = MST_FAULT_CONFIG;
	if (r == 0 && cfg->psk && !tls_psk_keep(&c->psk, cfg->psk))
		r = MST_FAULT_MEMORY;
	if (r == 0)
		r = copy_pins(c, cfg);
	if (r == 0)
		r = mst_http_parser_new(true, &cfg->limits, &c->http);
	return r;
}

int mst_client_new(const struct mst_client_config *cfg, const struct mst_client_ops *ops, void *owner, struct mst_client **ret)
{
	struct mst_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		if (cfg->proof)
			cfg->proof->free(cfg->proof_arg);
		return MST_FAULT_MEMORY;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	c->base = cfg->base;
	c->ops = ops;
	c->owner = owner;
	c->ctx = cfg->tls ? tls_ctx_ref(cfg->tls) : NULL;
	c->t.fd = -1;
	c->connect_ms = cfg->connect_ms ? cfg->connect_ms : 10000;
	c->handshake_ms = cfg->handshake_ms ? cfg->handshake_ms : 15000;
	c->answer_ms = cfg->answer_ms ? cfg->answer_ms : 30000;
	c->streams = cfg->streams;
	c->limits = cfg->limits;
	c->proof = cfg->proof;
	c->proof_arg = cfg->proof_arg;
	event_assign(&c->io, c->base, -1, 0, on_event, c);
	event_assign(&c->deadline, c->base, -1, 0, on_deadline, c);
	if (cfg->proof && (cfg->streams || cfg->dialect != MST_COAP_BARE))
		r = MST_FAULT_CONFIG;
	else
		r = cfg->dialect == MST_COAP_BARE ? fill(c, cfg) : client_coap_begin(c, cfg);
	if (r < 0) {
		destroy(c);
		return r;
	}
	if (!c->coap)
		client_wake(c);
	*ret = c;
	return 0;
}

int mst_client_send(struct mst_client *c, struct mst_view octets)
{
	int r;

	if (c->state != IDLE || !c->opened || octets.n == 0)
		return MST_FAULT_BUG;
	if (c->proof) {
		forget_kept(c);
		c->kept = malloc(octets.n);
		if (!c->kept)
			return MST_FAULT_MEMORY;
		memcpy(c->kept, octets.p, octets.n);
		c->kept_n = octets.n;
	}
	r = queue(c, octets);
	if (!r)
		client_wake(c);
	return r;
}

int mst_client_request(struct mst_client *c, const struct mst_request *q, const char *host)
{
	uint8_t octets[MST_CLIENT_PRIMITIVE];
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));
	int r = MST_FAULT_BUG;

	if (c->coap)
		return mst_coap_client_primitive(c->coap, q);
	mst_request_to_http(q, mst_view_str(host), &w);
	if (w.ok)
		r = mst_client_send(c, mst_written(&w));
	mst_wipe(octets, sizeof(octets));
	return r;
}

int mst_client_ask(struct mst_client *c, struct mst_view octets, uint64_t *ret_id)
{
	struct h2_stream *s;
	int r;

	if (c->state == H2) {
		r = h2_ask(c->h2, octets, &s);
		if (r)
			return r;
		s->due = client_clock() + c->answer_ms;
		*ret_id = (uint64_t)s->id;
		client_wake(c);
		return 0;
	}
	r = mst_client_send(c, octets);
	if (!r)
		*ret_id = c->asked = ++c->last_asked;
	return r;
}

unsigned mst_client_room(const struct mst_client *c)
{
	return c->state == H2 ? h2_room(c->h2) : c->state == IDLE && c->opened ? 1 : 0;
}

bool mst_client_is_h2(const struct mst_client *c)
{
	return c->h2;
}

void mst_client_close(struct mst_client *c)
{
	if (c->state == ENDED)
		return;
	c->state = CLOSING;
	client_wake(c);
}

int mst_client_export(struct mst_client *c, const char *label, uint8_t *out, size_t n)
{
	if (c->coap)
		return mst_coap_client_export(c->coap, label, out, n);
	return c->state == ENDED ? MST_FAULT_BUG : tls_export(&c->t, label, out, n);
}

const struct mst_peer *mst_client_peer(const struct mst_client *c)
{
	return c->coap ? mst_coap_client_peer(c->coap) : &c->t.peer;
}

struct mst_client *mst_client_free(struct mst_client *c)
{
	if (!c)
		return NULL;
	c->freed = true;
	if (!c->running)
		destroy(c);
	return NULL;
}
