/* stream.h. The machine runs from the loop only; a call of the owner's leaves a note and wakes it. */
#include "transport/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/address.h"
#include "transport/resolve.h"
#include "transport/tls-int.h"
#include "transport/watch.h"

#define TURN_MS 20
#define LOOK_MS 1000                 /* between two looks whether a peer that sends no more is there at all */

enum state { START, RESOLVING, CONNECTING, HANDSHAKE, SUSPENDED, OPEN, ENDED };

struct mst_stream {
	struct event_base *base;
	struct mst_tls_ctx *ctx;
	const struct mst_stream_ops *ops;
	void *owner;
	enum state state;
	struct event io, timer;
	short want;
	bool running, freed, greeted;
	bool paused, eof, finish, finished, full;    /* full: the owner waits for room */
	bool read_wants_write;
	mst_ms connect_ms, handshake_ms;
	char host[256], identity[MST_ID_MAX];
	uint16_t port;
	struct mst_key *psk;            /* as in client.c */
	struct lookup *lookup;
	struct addrinfo *list, *at;
	struct tls_session t;
	char detail[TLS_DETAIL_MAX];
	uint8_t *out;
	size_t out_n;
	uint8_t in[16384];
};

static void run(struct mst_stream *s);

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run(arg);
}

static void watch(struct mst_stream *s, int fd, short what)
{
	s->want = watch_socket(&s->io, s->base, fd, what, on_event, s);
}

static void want(struct mst_stream *s, short what)
{
	if (s->want != what)
		watch(s, s->t.fd, what);
}

static void wake(struct mst_stream *s)
{
	if (!s->running && s->state != ENDED)
		event_active(&s->io, EV_TIMEOUT, 0);
}

static void deadline(struct mst_stream *s, mst_ms ms)
{
	struct timeval t = { ms / 1000, (ms % 1000) * 1000 };

	event_add(&s->timer, &t);
}

static bool end(struct mst_stream *s, enum mst_tls_end why, const char *detail)
{
	char text[TLS_DETAIL_MAX];

	if (s->state == ENDED)
		return false;
	snprintf(text, sizeof(text), "%s", detail);
	event_del(&s->io);
	event_del(&s->timer);
	s->state = ENDED;
	tls_session_bye(&s->t, true);
	tls_session_deinit(&s->t);
	s->want = 0;
	if (!s->freed)
		s->ops->on_end(s->owner, s, why, text);
	return false;
}

/* --- connecting --- */

static bool next_address(struct mst_stream *s, enum mst_tls_end why, const char *detail)
{
	snprintf(s->detail, sizeof(s->detail), "%s", detail);
	event_del(&s->io);
	s->want = 0;
	tls_session_deinit(&s->t);
	s->at = s->at ? s->at->ai_next : NULL;
	if (!s->at)
		return end(s, why, s->detail);
	s->state = START;
	return true;
}

/* A peer whose host is gone, or that has closed both directions, shows by its kernel's answers. */
static void keep_alive(int fd)
{
	static const struct { int level, name, value; } options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 }, { IPPROTO_TCP, TCP_KEEPIDLE, 15 }, { IPPROTO_TCP, TCP_KEEPINTVL, 5 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 4 }, { IPPROTO_TCP, TCP_NODELAY, 1 },
	};

	for (size_t i = 0; i < MST_COUNT(options); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(options[i].value));
}

static bool dial(struct mst_stream *s, const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;
	struct sockaddr_storage a = { 0 };

	if (fd < 0)
		return next_address(s, MST_TLS_UNREACHABLE, strerrordesc_np(errno));
	r = tls_session_init(&s->t, fd, s->ctx);
	if (r == 0)
		r = tls_session_expect(&s->t, s->host, NULL, 0);
	if (r == 0)
		r = tls_session_use_psk(&s->t, s->identity, s->psk);
	if (r)
		return end(s, MST_TLS_PROTOCOL, "cannot make a TLS session");
	memcpy(&a, ai->ai_addr, ai->ai_addrlen < sizeof(a) ? ai->ai_addrlen : sizeof(a));
	address_text(&a, s->t.peer.address, sizeof(s->t.peer.address));
	keep_alive(fd);
	s->state = CONNECTING;
	deadline(s, s->connect_ms);
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return true;
	if (errno != EINPROGRESS)
		return next_address(s, MST_TLS_UNREACHABLE, strerrordesc_np(errno));
	want(s, EV_WRITE);
	return false;
}

static bool step_start(struct mst_stream *s)
{
	if (s->at)
		return dial(s, s->at);
	s->list = s->at = lookup_numeric(s->host, s->port);
	if (s->list)
		return true;
	if (lookup_start(s->host, s->port, &s->lookup) < 0)
		return end(s, MST_TLS_NAME_UNKNOWN, "cannot start the resolver");
	s->state = RESOLVING;
	deadline(s, s->connect_ms);
	watch(s, lookup_fd(s->lookup), EV_READ);
	return false;
}

static bool step_resolving(struct mst_stream *s)
{
	struct lookup *l = s->lookup;
	uint8_t octet;
	int code;

	if (read(lookup_fd(l), &octet, 1) != 1)
		return false;
	event_del(&s->io);
	s->want = 0;
	s->lookup = NULL;
	s->list = s->at = lookup_take(l, &code);
	if (!s->list)
		return end(s, MST_TLS_NAME_UNKNOWN, gai_strerror(code));
	s->state = START;
	return true;
}

static bool step_connecting(struct mst_stream *s)
{
	struct sockaddr_storage a;
	int e = 0;
	socklen_t n = sizeof(e), m = sizeof(a);

	if (getsockopt(s->t.fd, SOL_SOCKET, SO_ERROR, &e, &n) || e)
		return next_address(s, MST_TLS_UNREACHABLE, strerrordesc_np(e ? e : errno));
	if (getpeername(s->t.fd, (struct sockaddr *)&a, &m))
		return false;           /* not yet */
	s->state = HANDSHAKE;
	deadline(s, s->handshake_ms);
	return true;
}

/* --- handshake --- */

static bool step_handshake(struct mst_stream *s)
{
	struct timeval turn = { 0, TURN_MS * 1000 };
	enum tls_io io = tls_handshake(&s->t);

	if (s->t.hello && !s->greeted) {
		s->greeted = true;
		deadline(s, s->handshake_ms);
	}
	switch (io) {
	case TLS_DONE:
		s->state = OPEN;
		tls_psk_forget(&s->psk);
		event_del(&s->timer);
		s->ops->on_open(s->owner, s);
		return !s->freed;
	case TLS_WANT_READ: want(s, EV_READ); return false;
	case TLS_WANT_WRITE: want(s, EV_WRITE); return false;
	case TLS_WANT_KEY:
		want(s, 0);
		s->state = SUSPENDED;
		s->ops->on_psk(s->owner, s, s->t.peer.psk_identity);
		return !s->freed && s->state == HANDSHAKE;
	case TLS_WANT_TURN:
		want(s, 0);
		s->want = -1;
		event_assign(&s->io, s->base, s->t.fd, 0, on_event, s);
		event_add(&s->io, &turn);
		return false;
	case TLS_END: break;
	}
	return end(s, s->t.end, s->t.detail);
}

/* Where a handshake cannot be suspended: called from inside it, and answered before it returns. */
static void ask_now(void *arg, const char *identity)
{
	struct mst_stream *s = arg;

	s->ops->on_psk(s->owner, s, identity);
}

/* --- octets --- */

static void dropped(struct mst_stream *s, size_t n)
{
	memmove(s->out, s->out + n, s->out_n - n);
	s->out_n -= n;
	mst_wipe(s->out + s->out_n, n);
}

/* False: it has ended, or was freed. */
static bool push(struct mst_stream *s, bool *ret_blocked)
{
	while (s->out_n) {
		size_t n;
		enum tls_io io = tls_write(&s->t, s->out, s->out_n, &n);

		if (io == TLS_WANT_READ || io == TLS_WANT_WRITE) {
			*ret_blocked = true;
			return true;
		}
		if (io != TLS_DONE)
			return end(s, s->t.end, s->t.detail);
		dropped(s, n);
	}
	if (s->full) {
		s->full = false;
		s->ops->on_room(s->owner, s);
		if (s->freed || s->state != OPEN)
			return false;
	}
	if (s->finish && !s->finished && !s->out_n) {
		*ret_blocked = tls_half_close(&s->t) == TLS_WANT_WRITE;
		s->finished = !*ret_blocked;
	}
	return true;
}

static bool pull(struct mst_stream *s)
{
	s->read_wants_write = false;
	while (!s->paused && !s->eof) {
		size_t n;
		enum tls_io io = tls_read(&s->t, s->in, sizeof(s->in), &n);

		if (io == TLS_WANT_READ || io == TLS_WANT_WRITE) {
			s->read_wants_write = io == TLS_WANT_WRITE;
			return true;
		}
		if (io == TLS_DONE) {
			s->ops->on_data(s->owner, s, (struct mst_view){ s->in, n });
			mst_wipe(s->in, n);
		} else if (s->t.end == MST_TLS_CLOSED) {
			s->eof = true;
			s->t.end = MST_TLS_OPEN;         /* one direction only: ours goes on */
			s->t.detail[0] = '\0';
			deadline(s, LOOK_MS);
			s->ops->on_eof(s->owner, s);
		} else {
			return end(s, s->t.end, s->t.detail);
		}
		if (s->freed || s->state != OPEN)
			return false;
	}
	return true;
}

static bool step_open(struct mst_stream *s)
{
	bool blocked = false;

	if (!pull(s))
		return false;
	do {
		if (!push(s, &blocked))
			return false;
	} while (!blocked && s->out_n);          /* on_room may have written more */
	if (s->eof && s->finished)
		return end(s, MST_TLS_CLOSED, "both sides have said good-bye");
	want(s, (short)((!s->paused && !s->eof ? EV_READ : 0) | (blocked || s->read_wants_write ? EV_WRITE : 0)));
	return false;
}

static bool step(struct mst_stream *s)
{
	switch (s->state) {
	case START: return step_start(s);
	case RESOLVING: return step_resolving(s);
	case CONNECTING: return step_connecting(s);
	case HANDSHAKE: return step_handshake(s);
	case OPEN: return step_open(s);
	case SUSPENDED:
	case ENDED: break;
	}
	return false;
}

static void destroy(struct mst_stream *s)
{
	event_del(&s->io);
	event_del(&s->timer);
	if (s->lookup)
		lookup_abandon(s->lookup);
	if (s->state != ENDED)
		tls_session_deinit(&s->t);
	if (s->list)
		freeaddrinfo(s->list);
	mst_wipe(s->out, MST_STREAM_ROOM);
	free(s->out);
	mst_tls_ctx_free(s->ctx);
	tls_psk_forget(&s->psk);
	mst_wipe(s, sizeof(*s));
	free(s);
}

static void leave(struct mst_stream *s)
{
	s->running = false;
	if (s->freed)
		destroy(s);
}

static void run(struct mst_stream *s)
{
	s->running = true;
	while (!s->freed && step(s))
		;
	leave(s);
}

/* The peer has said good-bye. Is its socket still there to take what we send? */
static bool is_gone(const struct mst_stream *s)
{
	struct tcp_info i = { 0 };
	socklen_t n = sizeof(i);

	return getsockopt(s->t.fd, IPPROTO_TCP, TCP_INFO, &i, &n) == 0 && i.tcpi_state == TCP_CLOSE;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct mst_stream *s = arg;
	bool more = false;

	(void)fd;
	(void)what;
	s->running = true;
	switch (s->state) {
	case RESOLVING: (void)end(s, MST_TLS_NAME_UNKNOWN, "name not resolved in time"); break;
	case CONNECTING: more = next_address(s, MST_TLS_UNREACHABLE, "no answer in time"); break;
	case SUSPENDED:
		if (s->t.end == MST_TLS_BUSY)
			(void)end(s, MST_TLS_BUSY, s->t.detail);
		else
			(void)end(s, MST_TLS_TIMEOUT, "handshake: no answer about the key in time");
		break;
	case OPEN:
		if (is_gone(s))
			(void)end(s, s->out_n ? MST_TLS_TRUNCATED : MST_TLS_CLOSED, "the peer has closed the connection");
		else
			deadline(s, LOOK_MS);
		break;
	case START:
	case HANDSHAKE: (void)end(s, MST_TLS_TIMEOUT, "handshake not finished in time"); break;
	case ENDED: break;
	}
	while (more && !s->freed)
		more = step(s);
	leave(s);
}

/* --- the owner's calls --- */

static int make(const struct mst_stream_config *cfg, const struct mst_stream_ops *ops, void *owner, struct mst_stream **ret)
{
	struct mst_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return MST_FAULT_MEMORY;
	s->out = malloc(MST_STREAM_ROOM);
	if (!s->out) {
		free(s);
		return MST_FAULT_MEMORY;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	s->base = cfg->base;
	s->ops = ops;
	s->owner = owner;
	s->ctx = tls_ctx_ref(cfg->tls);
	s->t.fd = -1;
	s->connect_ms = cfg->connect_ms ? cfg->connect_ms : 10000;
	s->handshake_ms = cfg->handshake_ms ? cfg->handshake_ms : 30000;
	event_assign(&s->io, s->base, -1, 0, on_event, s);
	event_assign(&s->timer, s->base, -1, 0, on_timer, s);
	*ret = s;
	return 0;
}

int mst_stream_connect(const struct mst_stream_config *cfg, const struct mst_stream_ops *ops, void *owner, struct mst_stream **ret)
{
	struct mst_stream *s;
	int r = make(cfg, ops, owner, &s);

	if (r)
		return r;
	if (!cfg->psk || !cfg->psk->n || !cfg->psk_identity || !cfg->host || !*cfg->host ||
	    !mst_view_to_str(mst_view_str(cfg->host), s->host, sizeof(s->host)) ||
	    !mst_view_to_str(mst_view_str(cfg->psk_identity), s->identity, sizeof(s->identity))) {
		s->state = ENDED;
		destroy(s);
		return MST_FAULT_CONFIG;
	}
	s->port = cfg->port;
	if (!tls_psk_keep(&s->psk, cfg->psk)) {
		s->state = ENDED;
		destroy(s);
		return MST_FAULT_MEMORY;
	}
	wake(s);
	*ret = s;
	return 0;
}

int mst_stream_accept(const struct mst_stream_config *cfg, int fd, const struct mst_stream_ops *ops, void *owner,
                      struct mst_stream **ret)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);
	struct mst_stream *s;
	int r = make(cfg, ops, owner, &s);

	if (r) {
		close(fd);
		return r;
	}
	r = tls_session_init(&s->t, fd, s->ctx);
	if (r) {
		destroy(s);
		return r;
	}
	if (getpeername(fd, (struct sockaddr *)&a, &n) == 0)
		address_text(&a, s->t.peer.address, sizeof(s->t.peer.address));
	keep_alive(fd);
	s->t.psk_on = true;
	s->t.ask = ask_now;
	s->t.ask_arg = s;
	s->state = HANDSHAKE;
	deadline(s, cfg->hello_ms ? cfg->hello_ms : 5000);
	wake(s);
	*ret = s;
	return 0;
}

struct mst_stream *mst_stream_free(struct mst_stream *s)
{
	if (!s)
		return NULL;
	s->freed = true;
	if (!s->running)
		destroy(s);
	return NULL;
}

void mst_stream_psk(struct mst_stream *s, const struct mst_key *k)
{
	if (s->state == ENDED)
		return;
	tls_session_key(&s->t, k);
	if (s->state != SUSPENDED)
		return;
	s->state = HANDSHAKE;
	wake(s);
}

void mst_stream_busy(struct mst_stream *s, const char *detail)
{
	if (s->state != SUSPENDED)
		return;
	tls_session_end(&s->t, MST_TLS_BUSY, "%s", detail);
	deadline(s, 0);
}

size_t mst_stream_room(const struct mst_stream *s)
{
	return s->state == OPEN && !s->finish ? MST_STREAM_ROOM - s->out_n : 0;
}

size_t mst_stream_write(struct mst_stream *s, struct mst_view octets)
{
	size_t room = mst_stream_room(s), n = octets.n < room ? octets.n : room;

	memcpy(s->out + s->out_n, octets.p, n);
	s->out_n += n;
	s->full = true;
	wake(s);
	return n;
}

void mst_stream_finish(struct mst_stream *s)
{
	s->finish = true;
	wake(s);
}

void mst_stream_pause(struct mst_stream *s, bool paused)
{
	s->paused = paused;
	wake(s);
}

bool mst_stream_greeted(const struct mst_stream *s)
{
	return s->greeted;
}

const struct mst_peer *mst_stream_peer(const struct mst_stream *s)
{
	return &s->t.peer;
}

const char *mst_stream_suite(const struct mst_stream *s)
{
	return s->state == OPEN ? SSL_get_cipher_name(s->t.ssl) : "";
}

const char *mst_stream_version(const struct mst_stream *s)
{
	return s->state == OPEN ? SSL_get_version(s->t.ssl) : "";
}
