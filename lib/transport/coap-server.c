#include "transport/coap-server.h"

#include <errno.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transport/address.h"
#include "transport/coap-int.h"

#define AT_ONCE 64

static uint64_t last_id = UINT64_C(1) << 63;       /* of every endpoint here */
#define GIVE_WAY_LOOK 32

mst_ms coap_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (mst_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- addresses --------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
}

static uint64_t hash_of(const struct mst_coap_server *s, const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *six = (const void *)a;
	const struct sockaddr_in *four = (const void *)a;
	uint64_t v[2] = { 0 };

	if (a->ss_family == AF_INET) {
		v[0] = (uint64_t)four->sin_addr.s_addr << 16 | four->sin_port;
	} else {
		memcpy(v, &six->sin6_addr, sizeof(v));
		v[1] ^= (uint64_t)six->sin6_port << 32 ^ six->sin6_scope_id;
	}
	return mix(mix(mix(s->seed, v[0]), v[1]), s->seed);
}

static bool same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port && a6->sin6_scope_id == b6->sin6_scope_id && !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr));
}

static struct mst_coap_conn **bucket(struct mst_coap_server *s, const struct sockaddr_storage *a)
{
	return &s->hash[(hash_of(s, a) >> 20) & (s->n_hash - 1)];
}

static struct mst_coap_conn *find(struct mst_coap_server *s, const struct sockaddr_storage *a)
{
	struct mst_coap_conn *c = *bucket(s, a);

	while (c && !same(&c->pipe.peer, a))
		c = c->next;
	return c;
}

static unsigned origin_of(const struct mst_coap_server *s, const struct sockaddr_storage *a)
{
	return (unsigned)(mix(s->seed, address_origin(a)) >> 40) & (COAP_SHARES - 1);
}

/* ---- the tables -------------------------------------------------------------------------------------- */

/* Half of the sessions at most: what is never finished must not turn out all who have proved who they are. */
static unsigned most_handshakes(const struct mst_coap_server *s)
{
	unsigned half = s->limits.sessions / 2 ? s->limits.sessions / 2 : 1;

	return s->limits.handshakes < half ? s->limits.handshakes : half;
}

/* What an address has without giving way: a quarter. */
static unsigned fair(const struct mst_coap_server *s, enum coap_queue q)
{
	unsigned all = q == COAP_Q_HANDSHAKE ? most_handshakes(s) : s->limits.sessions;

	return all / 4 ? all / 4 : 1;
}

/* The address that has most, if that is more than its share. No walk over sessions: a stranger's ClientHello costs this. */
static struct coap_origin *greedy(struct mst_coap_server *s, enum coap_queue q)
{
	struct coap_origin *most = NULL;

	for (int i = 0; i < COAP_GREEDY; i++) {
		struct coap_origin *o = &s->origin[s->greedy[q][i]];

		if (o->n[q] > fair(s, q) && (!most || o->n[q] > most->n[q]))
			most = o;
	}
	return most;
}

/* It has one more. Three can have more than a quarter each, so that one of four places is free, or its own. */
static void note_greedy(struct mst_coap_server *s, enum coap_queue q, unsigned origin)
{
	unsigned *place = NULL;

	if (s->origin[origin].n[q] <= fair(s, q))
		return;
	for (int i = 0; i < COAP_GREEDY; i++) {
		unsigned *g = &s->greedy[q][i];

		if (*g == origin)
			return;
		if (s->origin[*g].n[q] <= fair(s, q))
			place = g;
	}
	if (place)
		*place = origin;
}

static struct coap_ends *ends_of(const struct mst_coap_conn *c, enum coap_ring r)
{
	return r == COAP_ALL ? &c->s->ends[c->queue] : &c->s->origin[c->origin].ends[c->queue];
}

static void unlink_use(struct mst_coap_conn *c)
{
	for (int r = 0; r < COAP_RING__COUNT; r++) {
		struct coap_ends *e = ends_of(c, (enum coap_ring)r);

		*(c->older[r] ? &c->older[r]->newer[r] : &e->oldest) = c->newer[r];
		*(c->newer[r] ? &c->newer[r]->older[r] : &e->newest) = c->older[r];
	}
}

static void link_use(struct mst_coap_conn *c)
{
	for (int r = 0; r < COAP_RING__COUNT; r++) {
		struct coap_ends *e = ends_of(c, (enum coap_ring)r);

		c->newer[r] = NULL;
		c->older[r] = e->newest;
		*(c->older[r] ? &c->older[r]->newer[r] : &e->oldest) = c;
		e->newest = c;
	}
}

void coap_server_used(struct mst_coap_conn *c)
{
	unlink_use(c);
	link_use(c);
}

static void leave_queue(struct mst_coap_conn *c)
{
	if (c->queue == COAP_Q_NONE)
		return;
	unlink_use(c);
	c->s->n[c->queue]--;
	c->s->origin[c->origin].n[c->queue]--;
	c->queue = COAP_Q_NONE;
}

void coap_server_queue(struct mst_coap_conn *c, enum coap_queue q)
{
	leave_queue(c);
	c->queue = q;
	c->s->n[q]++;
	c->s->origin[c->origin].n[q]++;
	link_use(c);
	note_greedy(c->s, q, c->origin);
}

void coap_server_forget(struct mst_coap_conn *c)
{
	struct mst_coap_conn **at = bucket(c->s, &c->pipe.peer);

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	leave_queue(c);
	c->s->stats.open--;
}

static void enter(struct mst_coap_conn *c)
{
	struct mst_coap_conn **at = bucket(c->s, &c->pipe.peer);

	c->next = *at;
	*at = c;
	c->s->stats.open++;
}

/* ---- who may come in --------------------------------------------------------------------------------- */

static void report_busy(struct mst_coap_server *s, const struct sockaddr_storage *a, const char *what)
{
	char address[sizeof(s->busy.last.address)];

	s->stats.refused++;
	address_text(a, address, sizeof(address));
	busy_report(&s->busy, address, what);
}

/* The one that has idled longest; when none idles, one that waits for its peer. Not one whose answer is being made. */
static struct mst_coap_conn *who_idles(const struct coap_ends *e, enum coap_ring r)
{
	struct mst_coap_conn *c = e->oldest, *waits = NULL;

	for (int i = 0; c && i < GIVE_WAY_LOOK; i++, c = c->newer[r]) {
		if (coap_conn_idle(c))
			return c;
		if (!waits && !c->running && !c->pending)
			waits = c;
	}
	return waits;
}

/* A peer that comes back makes a new session: a key is proven in a fraction of a second. */
static bool evict(struct mst_coap_server *s, unsigned origin)
{
	struct coap_origin *own = &s->origin[origin], *much = greedy(s, COAP_Q_OPEN);
	struct mst_coap_conn *c = NULL;

	if (own->n[COAP_Q_OPEN] >= fair(s, COAP_Q_OPEN)) {
		c = who_idles(&own->ends[COAP_Q_OPEN], COAP_ORIGIN);
	} else {
		c = much ? who_idles(&much->ends[COAP_Q_OPEN], COAP_ORIGIN) : NULL;
		c = c ? c : who_idles(&s->ends[COAP_Q_OPEN], COAP_ALL);
	}
	if (!c)
		return false;
	s->stats.evicted++;
	c->ours = true;
	coap_conn_drop(c, true);
	return true;
}

/* The oldest handshake of an address that has more than `own` and one, looked for in few of them. */
static struct mst_coap_conn *of_who_has_more(const struct mst_coap_server *s, unsigned own)
{
	struct mst_coap_conn *c = s->ends[COAP_Q_HANDSHAKE].oldest;

	for (int i = 0; c && i < GIVE_WAY_LOOK; i++, c = c->newer[COAP_ALL])
		if (!c->running && s->origin[c->origin].n[COAP_Q_HANDSHAKE] > own + 1)
			return c;
	return NULL;
}

/*
 * Every handshake's place is taken: the oldest of an address that has more than its share gives way to one that has not; where none has
 * more, as with four that have a quarter each, one of who has more than that one would have then.
 */
static bool hand_on(struct mst_coap_server *s, unsigned origin)
{
	struct coap_origin *much = greedy(s, COAP_Q_HANDSHAKE);
	unsigned own = s->origin[origin].n[COAP_Q_HANDSHAKE];
	struct mst_coap_conn *c = much ? much->ends[COAP_Q_HANDSHAKE].oldest : of_who_has_more(s, own);

	if (own >= fair(s, COAP_Q_HANDSHAKE))
		return false;
	while (c && c->running)
		c = c->newer[COAP_ORIGIN];
	if (!c)
		return false;
	s->stats.handshake_failures++;
	coap_conn_drop(c, false);
	return true;
}

/* `old`: who begins anew leaves the places that it has, and nobody else need give way for it. */
static bool have_place(struct mst_coap_server *s, const struct mst_coap_conn *old, const struct sockaddr_storage *a, unsigned origin)
{
	bool handshakes = old && old->queue == COAP_Q_HANDSHAKE;

	if (!handshakes && s->n[COAP_Q_HANDSHAKE] >= most_handshakes(s) && !hand_on(s, origin)) {
		report_busy(s, a, "too many handshakes");
		return false;
	}
	if (!old && s->stats.open >= s->limits.sessions && !evict(s, origin)) {
		report_busy(s, a, "too many sessions");
		return false;
	}
	return true;
}

/*
 * A ClientHello of nobody that we know, or of one who begins anew (RFC 6347 4.2.8): the session that is there stays until
 * the new one has returned its cookie and has a place.
 */
static void stranger(struct mst_coap_server *s, struct mst_coap_conn *old, const struct sockaddr_storage *a, socklen_t n,
		     const struct dtls_local *local, struct mst_view datagram, const struct dtls_hello *h)
{
	struct mst_coap_conn *c = s->probe;
	unsigned origin = origin_of(s, a);
	int r;

	if (s->draining || (!c && coap_conn_new(s, &s->probe) < 0))
		return;
	c = s->probe;
	c->pipe.peer = *a;
	c->pipe.peer_n = n;
	c->pipe.local = *local;
	c->pipe.epoch = (uint64_t)(coap_clock() / COAP_EPOCH_MS) + 1;
	c->pipe.now = datagram;
	r = dtls_listen(&c->t);
	if (r < 0) {
		s->probe = NULL;
		coap_conn_drop(c, false);
	}
	s->stats.cookies += r == 0;
	if (r <= 0)
		return;
	s->probe = NULL;
	if (!have_place(s, old, a, origin)) {
		coap_conn_drop(c, false);
		return;
	}
	if (old)
		coap_conn_drop(old, false);
	s->stats.accepted++;
	c->id = ++last_id;
	c->origin = origin;
	address_text(a, c->t.peer.address, sizeof(c->t.peer.address));
	enter(c);
	coap_conn_start(c, h);
}

static void on_datagram(struct mst_coap_server *s, const struct sockaddr_storage *a, socklen_t n, const struct dtls_local *local,
			struct mst_view datagram)
{
	struct mst_coap_conn *c = find(s, a);
	struct dtls_hello h;
	bool hello = dtls_is_hello(datagram, &h);

	/* a repetition of the hello that began it belongs to the session */
	if (hello && (!c || memcmp(h.random, c->random, sizeof(c->random)) || !h.seq))
		stranger(s, c, a, n, local, datagram, &h);
	else if (c)
		coap_conn_feed(c, datagram);
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
	struct mst_coap_server *s = arg;

	(void)what;
	for (int i = 0; i < AT_ONCE; i++) {
		static _Thread_local uint8_t in[DTLS_TAKEN];
		struct sockaddr_storage a;
		struct dtls_local local;
		socklen_t n = 0;
		ssize_t k = dtls_recv(fd, in, sizeof(in), &a, &n, &local);

		if (k < 0 && errno != EINTR && errno != ECONNREFUSED)
			return;
		if (k > 0 && (a.ss_family == AF_INET || a.ss_family == AF_INET6))
			on_datagram(s, &a, n, &local, (struct mst_view){ in, (size_t)k });
	}
}

/* ---- life -------------------------------------------------------------------------------------------- */

int mst_coap_server_new(struct event_base *base, int fd, struct mst_tls_ctx *tls, const char *host, const struct mst_coap_limits *l,
			const struct mst_coap_ops *ops, void *owner, struct mst_coap_server **ret)
{
	struct mst_coap_server *s = calloc(1, sizeof(*s));

	if (!s) {
		close(fd);
		return MST_FAULT_MEMORY;
	}
	s->base = base;
	s->fd = fd;
	s->tls = tls_ctx_ref(tls);
	snprintf(s->host, sizeof(s->host), "%s", host);
	s->limits = *l;
	s->ops = ops;
	s->owner = owner;
	for (s->n_hash = 64; s->n_hash < l->sessions; s->n_hash *= 2)
		;
	s->hash = calloc(s->n_hash, sizeof(struct mst_coap_conn *));
	evutil_secure_rng_get_bytes(&s->seed, sizeof(s->seed));
	evutil_secure_rng_get_bytes(s->secret, sizeof(s->secret));
	event_assign(&s->io, base, fd, EV_READ | EV_PERSIST, on_io, s);
	busy_init(&s->busy, base, ops->on_handshake_failed, owner);
	if (!s->hash || event_add(&s->io, NULL)) {
		mst_coap_server_free(s);
		return MST_FAULT_MEMORY;
	}
	*ret = s;
	return 0;
}

void mst_coap_server_speak(struct mst_coap_server *s, enum mst_coap_dialect x)
{
	s->dialect = x;
}

static void drop_probe(struct mst_coap_server *s)
{
	if (s->probe)
		coap_conn_drop(s->probe, false);
	s->probe = NULL;
}

static void drain_all(struct mst_coap_server *s)
{
	for (struct mst_coap_conn *c = s->ends[COAP_Q_OPEN].oldest, *next; c; c = next) {
		next = c->newer[COAP_ALL];
		coap_conn_drain(c, false);
	}
}

void mst_coap_server_reload(struct mst_coap_server *s, struct mst_tls_ctx *tls)
{
	struct mst_tls_ctx *old = s->tls;

	drop_probe(s);
	s->tls = tls_ctx_ref(tls);
	mst_tls_ctx_free(old);
	/* a certificate that has been revoked must not live on in a kept session (TS-0003 8.1.2.5) */
	for (struct mst_coap_conn *c = s->ends[COAP_Q_OPEN].oldest, *next; c; c = next) {
		next = c->newer[COAP_ALL];
		if (!coap_conn_spare(c))
			coap_conn_drain(c, false);
	}
}

void mst_coap_server_cut(struct mst_coap_server *s, const struct mst_whose *whose)
{
	for (int q = COAP_Q_HANDSHAKE; q < COAP_Q__COUNT; q++)
		for (struct mst_coap_conn *c = s->ends[q].oldest, *next; c; c = next) {
			next = c->newer[COAP_ALL];
			if (mst_whose_in(&c->whose, whose))
				coap_conn_drain(c, true);
		}
}

void mst_coap_server_set_limits(struct mst_coap_server *s, const struct mst_coap_limits *l)
{
	unsigned sessions = s->limits.sessions;

	s->limits = *l;
	s->limits.sessions = sessions;
}

/* The socket stays open: what is going on needs it. */
void mst_coap_server_drain(struct mst_coap_server *s)
{
	s->draining = true;
	drop_probe(s);
	drain_all(s);
}

unsigned mst_coap_server_open(const struct mst_coap_server *s)
{
	return s->stats.open;
}

struct mst_coap_server *mst_coap_server_free(struct mst_coap_server *s)
{
	if (!s)
		return NULL;
	drop_probe(s);
	for (int q = COAP_Q_HANDSHAKE; q < COAP_Q__COUNT; q++)
		while (s->ends[q].oldest) {
			s->ends[q].oldest->ours = true;
			coap_conn_drop(s->ends[q].oldest, true);
		}
	event_del(&s->io);
	busy_deinit(&s->busy);
	close(s->fd);
	mst_tls_ctx_free(s->tls);
	free(s->hash);
	mst_wipe(s, sizeof(*s));
	free(s);
	return NULL;
}

struct mst_coap_server_stats mst_coap_server_stats(const struct mst_coap_server *s)
{
	return s->stats;
}
