/* naf.h: nodes on one side, the CSE on the other. What one side does not take is not read from the other. */
#include "naf/naf.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"
#include "role/common/common.h"
#include "transport/address.h"

#define REMEMBERED 64                        /* B-TIDs that were refused */
#define REMEMBERED_S 3
#define PROXY_MAX 600
#define HELLO_MS 5000
#define HANDSHAKE_MS 20000

/* Why somebody has no place. */
enum busy { BUSY_SYSTEM, BUSY_GAVE_WAY, BUSY_ADDRESS, BUSY_ALL, BUSY__COUNT };

struct conn {
	struct naf_front *f;
	struct conn *next;
	struct mst_stream *s;
	struct bufferevent *cse;
	struct event *ends, *idle;               /* the key does; no octet passes */
	char btid[MST_ID_MAX], uid[MST_ID_MAX];
	mst_time expires;
	struct sockaddr_storage here;            /* where it came in */
	uint64_t origin;                         /* whose it is */
	bool asking, refused, opened, eof, cse_eof, deaf;        /* deaf: the CSE takes no more, but has answered */
	uint64_t sent, received;
};

struct naf_front {
	struct event_base *base;
	const struct naf_settings *s;
	struct naf_zn *zn;
	int listener;
	struct event *accepting, *resume;
	struct conn *conn;
	unsigned n;
	const struct timeval *idle;
	struct { mst_time said; unsigned n; } busy[BUSY__COUNT];
	struct { char btid[MST_ID_MAX]; mst_time at; } refused[REMEMBERED];
	size_t next_refused;
};

/* --- ends --- */

/* It is in no list any more. */
static void conn_drop(struct conn *c)
{
	naf_zn_forget(c->f->zn, c);
	mst_stream_free(c->s);
	if (c->cse)
		bufferevent_free(c->cse);
	if (c->ends)
		event_free(c->ends);
	if (c->idle)
		event_free(c->idle);
	free(c);
}

static void conn_free(struct conn *c)
{
	struct conn **p = &c->f->conn;

	while (*p && *p != c)
		p = &(*p)->next;
	if (*p)
		*p = c->next;
	c->f->n--;
	conn_drop(c);
}

static void say_closed(const struct conn *c, const char *how, const char *detail)
{
	char sent[24], received[24];

	snprintf(sent, sizeof(sent), "%llu", (unsigned long long)c->sent);
	snprintf(received, sizeof(received), "%llu", (unsigned long long)c->received);
	naf_say(c->f->s, "closed", "how", how, "enrolee", c->uid, "sent", sent, "received", received, "detail", detail, NULL);
}

static void on_key_end(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	say_closed(c, "key ended", "the node bootstraps anew");
	conn_free(c);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	say_closed(c, "idle", "nothing has passed for --idle");
	conn_free(c);
}

/* Something passes. */
static void alive(struct conn *c)
{
	(void)event_add(c->idle, c->f->idle);
}

/* --- from the CSE --- */

static void pump(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->cse);
	size_t n = evbuffer_get_length(in), room = mst_stream_room(c->s);

	n = n < room ? n : room;
	if (n) {
		n = mst_stream_write(c->s, (struct mst_view){ evbuffer_pullup(in, (ev_ssize_t)n), n });
		evbuffer_drain(in, n);
		c->sent += n;
		alive(c);
	}
	if (evbuffer_get_length(in))
		bufferevent_disable(c->cse, EV_READ);        /* until on_room */
	else if (c->cse_eof)
		mst_stream_finish(c->s);
	else
		bufferevent_enable(c->cse, EV_READ);
}

static void cse_readable(struct bufferevent *b, void *arg)
{
	(void)b;
	pump(arg);
}

/* What was waiting for the CSE has left. */
static void cse_drained(struct bufferevent *b, void *arg)
{
	struct conn *c = arg;

	alive(c);
	if (c->eof)
		(void)shutdown(bufferevent_getfd(b), SHUT_WR);
	else
		mst_stream_pause(c->s, false);
}

static void cse_event(struct bufferevent *b, short what, void *arg)
{
	struct conn *c = arg;

	if (what & BEV_EVENT_CONNECTED && c->eof && !evbuffer_get_length(bufferevent_get_output(b))) {
		(void)shutdown(bufferevent_getfd(b), SHUT_WR);
	} else if (what & BEV_EVENT_EOF) {
		c->cse_eof = true;
		pump(c);
	} else if (c->cse_eof && what & BEV_EVENT_ERROR) {
		c->deaf = true;
		mst_stream_pause(c->s, false);
	} else if (what & (BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) {
		say_closed(c, "the CSE is not there", evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
		conn_free(c);
	}
}

/* --- PROXY, version 2: who it is goes before what it says --- */

static void put_tlv(struct mst_writer *w, uint8_t type, const char *text)
{
	mst_put_u8(w, type);
	mst_put_block16(w, mst_view_str(text));
}

static void put_addresses(const struct conn *c, struct mst_writer *w)
{
	struct sockaddr_storage from = { 0 };
	int n = sizeof(from);
	bool known = evutil_parse_sockaddr_port(mst_stream_peer(c->s)->address, (struct sockaddr *)&from, &n) == 0 &&
		     from.ss_family == c->here.ss_family;

	if (known && from.ss_family == AF_INET) {
		const struct sockaddr_in *a = (const struct sockaddr_in *)&from, *b = (const struct sockaddr_in *)&c->here;

		mst_put_u8(w, 0x11);
		mst_put_block16(w, MST_VIEW_NONE);           /* the length, by the caller */
		mst_put(w, (struct mst_view){ (const uint8_t *)&a->sin_addr, 4 });
		mst_put(w, (struct mst_view){ (const uint8_t *)&b->sin_addr, 4 });
		mst_put(w, (struct mst_view){ (const uint8_t *)&a->sin_port, 2 });
		mst_put(w, (struct mst_view){ (const uint8_t *)&b->sin_port, 2 });
	} else if (known && from.ss_family == AF_INET6) {
		const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)&from, *b = (const struct sockaddr_in6 *)&c->here;

		mst_put_u8(w, 0x21);
		mst_put_block16(w, MST_VIEW_NONE);
		mst_put(w, (struct mst_view){ (const uint8_t *)&a->sin6_addr, 16 });
		mst_put(w, (struct mst_view){ (const uint8_t *)&b->sin6_addr, 16 });
		mst_put(w, (struct mst_view){ (const uint8_t *)&a->sin6_port, 2 });
		mst_put(w, (struct mst_view){ (const uint8_t *)&b->sin6_port, 2 });
	} else {
		mst_put_u8(w, 0);
		mst_put_block16(w, MST_VIEW_NONE);
	}
}

static void put_proxy(const struct conn *c, struct mst_writer *w)
{
	static const uint8_t head[] = { 0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 'Q', 'U', 'I', 'T', 0x0a, 0x21 /* version 2, PROXY */ };
	static const uint8_t client[] = { 0x01 | 0x02 /* TLS, and the peer has proven who it is */, 0, 0, 0, 0 /* verified */ };
	uint8_t b[PROXY_MAX];
	struct mst_writer tls = mst_writer_of(b, sizeof(b));

	mst_put(&tls, (struct mst_view){ client, sizeof(client) });
	put_tlv(&tls, 0x21, mst_stream_version(c->s));
	put_tlv(&tls, 0x22, c->uid);
	put_tlv(&tls, 0x23, mst_stream_suite(c->s));
	mst_put(w, (struct mst_view){ head, sizeof(head) });
	put_addresses(c, w);
	mst_put_u8(w, 0x20);
	mst_put_block16(w, mst_written(&tls));
	w->ok = w->ok && tls.ok;
	if (w->ok) {
		w->p[14] = (uint8_t)((w->n - 16) >> 8);
		w->p[15] = (uint8_t)(w->n - 16);
	}
}

/* --- the node --- */

static bool where_to(const char *to, struct sockaddr_storage *a, int *ret_n)
{
	static const char local[] = "unix:";
	struct sockaddr_un *u = (struct sockaddr_un *)a;
	const char *path = to + sizeof(local) - 1;

	memset(a, 0, sizeof(*a));
	*ret_n = sizeof(*a);
	if (strncmp(to, local, sizeof(local) - 1) != 0) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)a;

		/* the port of either family stands in the same place */
		return evutil_parse_sockaddr_port(to, (struct sockaddr *)a, ret_n) == 0 && in->sin_port;
	}
	u->sun_family = AF_UNIX;
	*ret_n = sizeof(*u);
	if (!*path || strlen(path) >= sizeof(u->sun_path))
		return false;
	MST_STR_SET(u->sun_path, path);
	return true;
}

bool naf_to_good(const char *to)
{
	struct sockaddr_storage a;
	int n;

	return where_to(to, &a, &n);
}

uint16_t naf_cse_port(const char *to)
{
	struct sockaddr_storage a;
	int n;

	return where_to(to, &a, &n) && a.ss_family != AF_UNIX ? ntohs(((const struct sockaddr_in *)&a)->sin_port) : 0;
}

static bool dial_cse(struct conn *c)
{
	struct sockaddr_storage a;
	int n;

	if (!where_to(c->f->s->to, &a, &n))
		return false;
	c->cse = bufferevent_socket_new(c->f->base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (!c->cse)
		return false;
	bufferevent_setcb(c->cse, cse_readable, cse_drained, cse_event, c);
	bufferevent_setwatermark(c->cse, EV_READ, 0, MST_STREAM_ROOM);
	return bufferevent_socket_connect(c->cse, (struct sockaddr *)&a, n) == 0 && bufferevent_enable(c->cse, EV_READ | EV_WRITE) == 0;
}

static void on_open(void *owner, struct mst_stream *s)
{
	struct conn *c = owner;
	mst_time now = (mst_time)time(NULL);
	struct timeval left = { .tv_sec = c->expires > now ? (time_t)(c->expires - now) : 0 };
	uint8_t head[PROXY_MAX];
	struct mst_writer w = mst_writer_of(head, sizeof(head));

	c->opened = true;
	naf_say(c->f->s, "open", "enrolee", c->uid, "btid", c->btid, "address", mst_stream_peer(s)->address, "version", mst_stream_version(s), "suite",
		mst_stream_suite(s), NULL);
	c->ends = evtimer_new(c->f->base, on_key_end, c);
	c->idle = evtimer_new(c->f->base, on_idle, c);
	if (c->f->s->proxy)
		put_proxy(c, &w);
	if (c->ends && event_add(c->ends, &left) == 0 && c->idle && event_add(c->idle, c->f->idle) == 0 && w.ok && dial_cse(c) && (!w.n || bufferevent_write(c->cse, head, w.n) == 0))
		return;
	say_closed(c, "the CSE is not there", evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
	conn_free(c);
}

static void on_data(void *owner, struct mst_stream *s, struct mst_view octets)
{
	struct conn *c = owner;

	if (c->deaf)
		return;
	c->received += octets.n;
	alive(c);
	bufferevent_write(c->cse, octets.p, octets.n);
	if (evbuffer_get_length(bufferevent_get_output(c->cse)) >= MST_STREAM_ROOM)
		mst_stream_pause(s, true);
}

static void on_eof(void *owner, struct mst_stream *s)
{
	struct conn *c = owner;

	(void)s;
	c->eof = true;
	if (!evbuffer_get_length(bufferevent_get_output(c->cse)))
		(void)shutdown(bufferevent_getfd(c->cse), SHUT_WR);
}

static void on_room(void *owner, struct mst_stream *s)
{
	struct conn *c = owner;

	(void)s;
	if (!c->cse)
		return;
	alive(c);
	pump(c);
}

static void on_end(void *owner, struct mst_stream *s, enum mst_tls_end why, const char *detail)
{
	struct conn *c = owner;

	(void)s;
	if (c->opened)
		say_closed(c, mst_tls_end_text(why), why == MST_TLS_CLOSED ? "" : detail);
	else if (!c->refused)
		naf_say(c->f->s, "refused", "why", why == MST_TLS_PSK_REFUSED && c->uid[0] ? "B-TID known, key wrong: another suite, name or session" :
			mst_tls_end_text(why), "btid", c->btid, "enrolee", c->uid, "address", mst_stream_peer(c->s)->address, "detail", detail, NULL);
	conn_free(c);
}

/* --- its key --- */

static void refuse(struct conn *c, const char *why, const char *identity)
{
	c->refused = true;
	naf_say(c->f->s, "refused", "why", why, "btid", c->btid[0] ? c->btid : identity, "address", mst_stream_peer(c->s)->address, NULL);
	mst_stream_psk(c->s, NULL);              /* as a wrong key (lesson 21) */
}

static void on_key(void *who, enum naf_end end, const struct naf_key *k, const char *words)
{
	struct conn *c = who;
	struct naf_front *f = c->f;

	c->asking = false;
	if (end == NAF_KEY) {
		MST_STR_SET(c->uid, k->uid);
		c->expires = k->expires;
		mst_stream_psk(c->s, &k->key);
	} else if (end == NAF_REFUSED) {
		MST_STR_SET(f->refused[f->next_refused].btid, c->btid);
		f->refused[f->next_refused].at = (mst_time)time(NULL);
		f->next_refused = (f->next_refused + 1) % REMEMBERED;
		refuse(c, words, "");
	} else {
		c->refused = true;
		naf_say(f->s, "refused", "why", words, "btid", c->btid, "address", mst_stream_peer(c->s)->address, NULL);
		mst_stream_busy(c->s, words);    /* no word about the key (lesson 6) */
	}
}

static bool refused_lately(const struct naf_front *f, const char *btid)
{
	mst_time now = (mst_time)time(NULL);

	for (size_t i = 0; i < REMEMBERED; i++)
		if (f->refused[i].at <= now && now - f->refused[i].at < REMEMBERED_S && !strcmp(f->refused[i].btid, btid))
			return true;
	return false;
}

static bool our_domain(const struct naf_settings *s, struct mst_view btid)
{
	for (size_t i = 0; i < s->n_domains; i++)
		if (mst_view_eq_nocase(gba_btid_domain(btid), mst_view_str(s->domain[i])))
			return true;
	return false;
}

/* Of these, which are few, no address has more than a quarter. */
static bool may_ask(const struct conn *c)
{
	unsigned n = 0;

	for (const struct conn *o = c->f->conn; o; o = o->next)
		n += o->asking && o->origin == c->origin;
	return n < NAF_ASKS_MAX / 4;
}

static void on_psk(void *owner, struct mst_stream *s, const char *identity)
{
	struct conn *c = owner;
	enum gba_hint hint;
	struct mst_view btid = gba_psk_identity_btid(mst_view_str(identity), &hint);
	uint16_t suite = mst_stream_peer(s)->suite;
	struct gba_ua ua = suite ? gba_ua_tls(suite) : gba_ua_tls13;

	if (!mst_id_normalise(MST_ID_BTID, btid, c->btid)) {
		refuse(c, "the identity holds no B-TID", identity);
	} else if (hint == GBA_HINT_UICC) {
		refuse(c, "keys that stay in the card (3GPP-bootstrapping-uicc) are not taken here", identity);
	} else if (!our_domain(c->f->s, btid)) {
		refuse(c, "the B-TID is of no BSF that is named here (--domain)", identity);
	} else if (refused_lately(c->f, c->btid)) {
		refuse(c, "refused a moment ago", identity);
	} else if (!may_ask(c)) {
		on_key(c, NAF_LATER, NULL, "too many handshakes of its address wait for the BSF");
	} else {
		c->asking = true;
		if (!naf_zn_ask(c->f->zn, c->btid, &ua, c->origin, on_key, c))
			on_key(c, NAF_LATER, NULL, "too many handshakes wait for the BSF, or it cannot be dialled");
	}
}

static const struct mst_stream_ops ops = { on_psk, on_open, on_data, on_eof, on_room, on_end };

/* --- places --- */

/* Told at once, then once a second with the number: a flood must not become a flood of words. */
static void say_busy(struct naf_front *f, enum busy b, const char *why, const char *address)
{
	mst_time now = (mst_time)time(NULL);
	char times[16];

	f->busy[b].n++;
	if (f->busy[b].said == now)
		return;
	snprintf(times, sizeof(times), "%u", f->busy[b].n);
	naf_say(f->s, "busy", "why", why, "address", address, "times", times, NULL);
	f->busy[b].said = now;
	f->busy[b].n = 0;
}

static bool unfinished(const struct conn *c)
{
	return !c->opened && !c->asking;
}

static int by_origin(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* How many of the handshakes that go on are of the address, other than `own`, that has most; which that is. */
static unsigned most_of_others(const struct naf_front *f, uint64_t own, uint64_t *ret_origin)
{
	uint64_t all[NAF_CONNS_MAX] = { 0 };
	unsigned n = 0, most = 0;

	for (const struct conn *c = f->conn; c && n < MST_COUNT(all); c = c->next)
		if (unfinished(c) && c->origin != own)
			all[n++] = c->origin;
	qsort(all, n, sizeof(all[0]), by_origin);
	for (unsigned i = 0, from = 0; i < n; i++) {
		from = all[i] == all[from] ? from : i;
		if (i - from < most)
			continue;
		most = i - from + 1;
		*ret_origin = all[i];
	}
	return most;
}

/*
 * A place for one more of this address, by its share and in all. Of the address that has most handshakes one gives way, be it this one;
 * where nobody has two, one of anybody: the oldest that has sent nothing yet, else the oldest. Who has proven a key never does, nor while
 * the BSF is asked, which is bounded by itself.
 */
static bool have_place(struct naf_front *f, uint64_t origin, const char *address)
{
	struct conn *silent = NULL, *greeted = NULL, *out;
	unsigned own = 0, begun = 0, most = 0;
	uint64_t from = origin;
	bool greedy, anybody;

	for (const struct conn *c = f->conn; c; c = c->next) {
		own += c->origin == origin;
		begun += c->origin == origin && unfinished(c);
	}
	greedy = own >= f->s->per_address;
	if (!greedy && f->n < NAF_CONNS_MAX)
		return true;
	most = greedy ? 0 : most_of_others(f, origin, &from);
	from = most > begun ? from : origin;
	anybody = most == 1 && !begun;
	for (struct conn *c = f->conn; c; c = c->next)       /* newest first */
		if (unfinished(c) && (anybody || c->origin == from))
			*(mst_stream_greeted(c->s) ? &greeted : &silent) = c;
	out = silent ? silent : greeted;
	if (out) {
		say_busy(f, BUSY_GAVE_WAY, "an unfinished handshake gave way to a new one", mst_stream_peer(out->s)->address);
		conn_free(out);
	} else if (greedy) {
		say_busy(f, BUSY_ADDRESS, "this address has as many connections as --per-address lets it have", address);
	} else {
		say_busy(f, BUSY_ALL, "every place is taken by a node with a key", address);
	}
	return out;
}

/* No descriptor, no memory: the nodes wait in the kernel until something is free again, without spinning. */
static void pause_accept(struct naf_front *f)
{
	static const struct timeval pause = { .tv_sec = 1 };

	say_busy(f, BUSY_SYSTEM, strerrordesc_np(errno), "");
	if (event_add(f->resume, &pause) == 0)
		(void)event_del(f->accepting);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct naf_front *f = arg;

	(void)fd;
	(void)what;
	(void)event_add(f->accepting, NULL);
}

static void admit(struct naf_front *f, int fd, const struct sockaddr_storage *from)
{
	struct mst_stream_config sc = { .base = f->base, .tls = f->s->tls, .handshake_ms = HANDSHAKE_MS,
					.hello_ms = f->s->idle_s < HELLO_MS / 1000 ? f->s->idle_s * 1000 : HELLO_MS };
	uint64_t origin = address_origin(from);
	char address[64];
	struct conn *c;
	socklen_t n = sizeof(c->here);

	address_text(from, address, sizeof(address));
	c = have_place(f, origin, address) ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		close(fd);
		return;
	}
	c->f = f;
	c->origin = origin;
	if (getsockname(fd, (struct sockaddr *)&c->here, &n))
		c->here.ss_family = AF_UNSPEC;
	c->next = f->conn;
	f->conn = c;
	f->n++;
	if (mst_stream_accept(&sc, fd, &ops, c, &c->s)) {
		c->s = NULL;
		conn_free(c);
	}
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct naf_front *f = arg;
	struct sockaddr_storage from = { 0 };
	socklen_t n = sizeof(from);
	int k = accept4(fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (k >= 0)
		admit(f, k, &from);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		pause_accept(f);
}

struct naf_front *naf_front_new(struct event_base *base, const struct naf_settings *s, struct naf_zn *z, int listener)
{
	struct timeval idle = { .tv_sec = s->idle_s };
	struct naf_front *f = calloc(1, sizeof(*f));

	if (!f) {
		close(listener);
		return NULL;
	}
	*f = (struct naf_front){ .base = base, .s = s, .zn = z, .listener = listener };
	f->accepting = event_new(base, listener, EV_READ | EV_PERSIST, on_accept, f);
	f->resume = evtimer_new(base, on_resume, f);
	f->idle = event_base_init_common_timeout(base, &idle);
	if (f->accepting && f->resume && f->idle && event_add(f->accepting, NULL) == 0)
		return f;
	return naf_front_free(f);
}

struct naf_front *naf_front_free(struct naf_front *f)
{
	struct conn *c;

	if (!f)
		return NULL;
	while ((c = f->conn) != NULL) {
		f->conn = c->next;
		conn_drop(c);
	}
	if (f->accepting)
		event_free(f->accepting);
	if (f->resume)
		event_free(f->resume);
	close(f->listener);
	free(f);
	return NULL;
}
