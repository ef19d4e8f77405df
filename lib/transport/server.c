#include "transport/server.h"

#include <errno.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport/address.h"
#include "transport/server-int.h"

#define ACCEPT_AT_ONCE 64
#define PAUSE_MS 100

const struct mst_server_limits mst_server_limits_default = {
	.connections = 4096, .handshakes = 512, .requests = 1024,
	.http = { .header_octets = 16 * 1024, .body_octets = 256 * 1024 },
	.streams = 64, .held_octets = 16 * 1024 * 1024, .hello_ms = 5000, .session_ms = 3600 * 1000,
	.handshake_ms = 15000, .header_ms = 10000, .body_ms = 20000, .idle_ms = 60000, .answer_ms = 30000,
	.write_ms = 20000,
};

mst_ms server_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (mst_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void report_busy(struct mst_server *s, const char *address, const char *what)
{
	s->stats.refused++;
	busy_report(&s->busy, address, what);
}

void server_no_memory(struct mst_server *s, const char *address)
{
	report_busy(s, address, "no memory");
}

/* Too many: say so where that is cheap, and close. */
static void refuse(struct mst_server *s, int fd, const char *address, const char *what)
{
	static const char busy[] = "HTTP/1.1 503 \r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

	if (!s->tls)
		(void)send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
	report_busy(s, address, what);
}

static unsigned origin_of(const struct mst_server *s, const struct sockaddr_storage *a)
{
	uint64_t h = (s->seed ^ address_origin(a)) * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return (unsigned)(h >> 40) & (SHARES - 1);
}

/* Whose `n` is the largest, if one less there and one more at `own` makes them more equal; SHARES: nobody's. */
static unsigned who_has_most(const unsigned n[SHARES], unsigned own)
{
	unsigned most = 0;

	for (unsigned i = 1; i < SHARES; i++)
		if (n[i] > n[most])
			most = i;
	return n[most] > n[own] + 1 ? most : SHARES;
}

static bool has_quarter(unsigned n, unsigned all)
{
	return n >= (all / 4 ? all / 4 : 1);
}

/*
 * Every place is taken. The address that has most gives way: its oldest handshake that has sent nothing yet, else its oldest. Only where
 * none has more it is the oldest silent one of anybody's: whoever opens connections and says nothing would turn out others that have
 * only just come. An address with a quarter gets no more from others.
 */
static struct mst_conn *who_gives_way(struct mst_server *s, unsigned origin)
{
	bool greedy = has_quarter(s->share[origin], s->limits.handshakes);
	unsigned from = greedy ? origin : who_has_most(s->share, origin);
	struct mst_conn *silent = NULL, *much = NULL;

	for (struct mst_conn *c = s->conns; c; c = c->next) {      /* newest first */
		if (!c->handshaking || c->running || (from < SHARES && c->origin != from))
			continue;
		if (!c->greeted)
			silent = c;
		else if (!greedy && from < SHARES)
			much = c;
	}
	return silent ? silent : much;
}

/* Who is taken first when places are handed on; -1: nobody whose answer is being made. */
static int rank(const struct mst_conn *c)
{
	switch (c->state) {
	case CONN_HANDSHAKE:
	case CONN_SUSPENDED:
	case CONN_READING:
	case CONN_CLOSING:
		return c->served ? 1 : 0;
	case CONN_WRITING:
		return 2;
	case CONN_H2:
		return conn_h2_rank(c);
	case CONN_WAITING:
	case CONN_GONE:
		break;
	}
	return -1;
}

/* Of one address, or of any (SHARES): who is taken first, the oldest before the others. */
static struct mst_conn *who_is_least(const struct mst_server *s, unsigned origin)
{
	struct mst_conn *least = NULL;

	for (struct mst_conn *c = s->conns; c; c = c->next)      /* newest first */
		if (rank(c) >= 0 && !c->running && (origin == SHARES || c->origin == origin) && (!least || rank(c) <= rank(least)))
			least = c;
	return least;
}

/* Where no address has a bound of its own: who has a quarter gets a place of its own ones, another one of those who have most. */
static bool hand_on(struct mst_server *s, unsigned origin)
{
	unsigned from = has_quarter(s->open_of[origin], s->limits.connections) ? origin : who_has_most(s->open_of, origin);
	struct mst_conn *c = from < SHARES ? who_is_least(s, from) : NULL;

	if (!c)
		return false;
	report_busy(s, c->t->peer.address, "a connection gave way to a new one");
	conn_drop(c);
	return true;
}

/* A place for one more of this address, by its share and in all. */
static bool have_place(struct mst_server *s, unsigned origin)
{
	bool greedy = s->limits.per_peer && s->open_of[origin] >= s->limits.per_peer;
	struct mst_conn *least;

	if (!greedy && s->stats.open < s->limits.connections)
		return true;
	if (!s->limits.per_peer)
		return hand_on(s, origin);
	least = who_is_least(s, greedy ? origin : SHARES);
	if (least)
		conn_drop(least);
	return least;
}

static bool make_room(struct mst_server *s, unsigned origin)
{
	struct mst_conn *c = s->tls ? who_gives_way(s, origin) : NULL;

	if (!c)
		return false;
	s->stats.handshake_failures++;
	report_busy(s, c->t->peer.address, "an unfinished handshake gave way to a new one");
	conn_drop(c);
	return true;
}

static void admit(struct mst_server *s, int fd, const struct sockaddr_storage *a)
{
	struct mst_conn *c;
	unsigned origin = origin_of(s, a);
	struct ucred u = { 0 };
	socklen_t n = sizeof(u);
	char address[64];
	bool local = a->ss_family == AF_UNIX && !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n);

	address_text(a, address, sizeof(address));
	s->stats.accepted++;
	if (a->ss_family == AF_UNIX && s->ops->lets_in && (!local || !s->ops->lets_in(s->owner, (uint32_t)u.pid))) {
		s->stats.refused++;
		close(fd);
		return;
	}
	if (!have_place(s, origin) && !make_room(s, origin)) {
		refuse(s, fd, address, "too many connections");
		return;
	}
	if (s->tls && s->handshaking >= s->limits.handshakes && !make_room(s, origin)) {
		refuse(s, fd, address, "too many handshakes");
		return;
	}
	if (conn_new(s, fd, address, &c) < 0) {
		server_no_memory(s, address);
		return;
	}
	if (local) {
		c->t->peer.how = MST_AUTH_LOCAL;
		c->t->peer.uid = u.uid;
	}
	c->origin = origin;
	s->open_of[origin]++;
	conn_start(c);
}

static void accept_again(struct mst_server *s)
{
	struct timeval t = { 0, PAUSE_MS * 1000 };

	if (event_add(&s->accept, NULL))
		event_add(&s->resume, &t);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct mst_server *s = arg;

	(void)fd;
	(void)what;
	if (!s->draining)
		accept_again(s);
}

/* No descriptor, no memory: the connections wait in the kernel until something is free again, without spinning. */
static void pause_accept(struct mst_server *s)
{
	struct timeval t = { 0, PAUSE_MS * 1000 };

	event_del(&s->accept);
	event_add(&s->resume, &t);
	report_busy(s, "", strerrordesc_np(errno));
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct mst_server *s = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_AT_ONCE && !s->draining; i++) {
		struct sockaddr_storage a = { 0 };
		socklen_t n = sizeof(a);
		int k = accept4(fd, (struct sockaddr *)&a, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (k >= 0) {
			admit(s, k, &a);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accept(s);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

void server_hold(struct mst_conn *c, size_t n, size_t longest)
{
	struct mst_server *s = c->s;

	s->held = s->held - c->held + n;
	s->held_of[c->origin] = s->held_of[c->origin] - c->held + n;
	c->held = n;
	c->longest = longest;
}

bool server_may_hold(const struct mst_conn *c)
{
	const struct mst_server *s = c->s;
	size_t most = s->limits.held_octets, own = s->held_of[c->origin];

	return s->held <= most && (s->held <= most / 2 || own <= most / 4 || own == c->longest);
}

void server_room(struct mst_server *s)
{
	if (!s->draining && event_pending(&s->resume, EV_TIMEOUT, NULL)) {
		event_del(&s->resume);
		accept_again(s);
	}
}

int mst_server_new(struct event_base *base, int fd, struct mst_tls_ctx *tls, const struct mst_server_limits *l,
                   const struct mst_server_ops *ops, void *owner, struct mst_server **ret)
{
	struct mst_server *s = calloc(1, sizeof(*s));

	if (!s) {
		close(fd);
		return MST_FAULT_MEMORY;
	}
	/* the TLS library writes without MSG_NOSIGNAL */
	(void)signal(SIGPIPE, SIG_IGN);
	s->base = base;
	s->fd = fd;
	evutil_secure_rng_get_bytes(&s->seed, sizeof(s->seed));
	s->tls = tls ? tls_ctx_ref(tls) : NULL;
	s->limits = l ? *l : mst_server_limits_default;
	s->ops = ops;
	s->owner = owner;
	event_assign(&s->accept, base, fd, EV_READ | EV_PERSIST, on_accept, s);
	event_assign(&s->resume, base, -1, 0, on_resume, s);
	busy_init(&s->busy, base, ops->on_handshake_failed, owner);
	if (event_add(&s->accept, NULL)) {
		mst_server_free(s);
		return MST_FAULT_MEMORY;
	}
	*ret = s;
	return 0;
}

void mst_server_reload(struct mst_server *s, struct mst_tls_ctx *tls)
{
	struct mst_tls_ctx *old = s->tls;

	if (!old || !tls)
		return;
	s->tls = tls_ctx_ref(tls);
	mst_tls_ctx_free(old);
	/* a certificate that has been revoked must not live on in a kept session (TS-0003 8.1.2.5) */
	for (struct mst_conn *c = s->conns, *next; c; c = next) {
		next = c->next;
		if (!conn_spare(c))
			conn_drain(c);
	}
}

void mst_server_cut(struct mst_server *s, const struct mst_whose *whose)
{
	for (struct mst_conn *c = s->conns, *next; c; c = next) {
		next = c->next;
		if (!mst_whose_in(&c->whose, whose))
			continue;
		c->cut = true;
		conn_drain(c);
	}
}

void mst_server_set_limits(struct mst_server *s, const struct mst_server_limits *l)
{
	s->limits = *l;
}

static void stop_accepting(struct mst_server *s)
{
	s->draining = true;
	event_del(&s->accept);
	event_del(&s->resume);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void mst_server_drain(struct mst_server *s)
{
	stop_accepting(s);
	for (struct mst_conn *c = s->conns, *next; c; c = next) {
		next = c->next;
		conn_drain(c);
	}
}

unsigned mst_server_open(const struct mst_server *s)
{
	return s->stats.open;
}

struct mst_server *mst_server_free(struct mst_server *s)
{
	if (!s)
		return NULL;
	stop_accepting(s);
	while (s->conns)
		conn_drop(s->conns);
	busy_deinit(&s->busy);
	mst_tls_ctx_free(s->tls);
	mst_wipe(s->buf, sizeof(s->buf));
	free(s);
	return NULL;
}

struct mst_server_stats mst_server_stats(const struct mst_server *s)
{
	return s->stats;
}

void mst_conn_body_done(struct mst_conn *c)
{
	if (c->state == CONN_WAITING && c->http)
		mst_http_body_wipe(c->http);
}
