/* CoAP over DTLS: peers that do what our client does not. */
#include "tests/support/cm.h"

#include <arpa/inet.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "codec/coap-map.h"
#include "transport/test-coap-rig.h"

static int raw_from(const struct cw *w, const char *from)
{
	struct sockaddr_in b = { .sin_family = AF_INET };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(w->port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(inet_pton(AF_INET, from, &b.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&b, sizeof(b)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static int raw(const struct cw *w)
{
	return raw_from(w, "127.0.0.1");
}

/* A hello of our own client, caught on its way. */
static ssize_t catch_hello(struct cw *w, uint8_t *b, size_t cap)
{
	struct mst_diag d = { 0 };
	ssize_t n;
	int trap;

	assert_int_equal(mst_listen_udp("127.0.0.1:0", false, &trap, &w->to.port, &d), 0);
	cw_dial(w);
	do
		event_base_loop(w->base, EVLOOP_ONCE);
	while ((n = recv(trap, b, cap, MSG_DONTWAIT)) < 0);
	close(trap);
	w->client = mst_coap_client_free(w->client);
	w->to.port = w->port;
	return n;
}

/* Nothing is kept of who has not returned a cookie, and less goes to it than came from it. */
static void strangers_cost_nothing(void **state)
{
	struct cw *w = cw_new();
	static uint8_t hello[2048], b[4096];
	ssize_t n, k;
	size_t out = 0;
	int fd;

	(void)state;
	cw_serve(w);
	fd = raw(w);
	n = catch_hello(w, hello, sizeof(hello));
	for (int i = 0; i < 1000; i++) {
		hello[10] = (uint8_t)i;      /* of the record's number */
		assert_int_equal(send(fd, hello, (size_t)n, 0), n);
		if (i % 16 == 15)
			event_base_loop(w->base, EVLOOP_NONBLOCK);
		while ((k = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0) {
			assert_int_equal(b[0], 22);
			assert_int_equal(b[13], 3);      /* HelloVerifyRequest */
			out += (size_t)k;
		}
	}
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_true(out > 0 && out < 500 * (size_t)n);
	assert_true(mst_coap_server_stats(w->server).cookies > 500);
	assert_int_equal(mst_coap_server_open(w->server), 0);
	/* rubbish, cut hellos, records of a session that there is not: not even an answer */
	for (size_t i = 0; i < (size_t)n; i += 3) {
		(void)!send(fd, hello, i, 0);
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	}
	hello[0] = 23;
	(void)!send(fd, hello, (size_t)n, 0);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	while ((k = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0)
		assert_int_equal(b[13], 3);
	assert_int_equal(mst_coap_server_open(w->server), 0);
	assert_int_equal(w->failed, 0);
	/* a cookie of another address is none */
	w->to.port = w->port;
	cw_dial(w);
	cw_until(w, &w->responses, 1);
	close(fd);
	cw_free(w);
}

/* The same hello with the cookie that the server gives to `fd` at that time (RFC 6347 4.2.1). */
static size_t with_cookie(struct cw *w, int fd, mst_ms at, const uint8_t *hello, size_t n, uint8_t *out)
{
	struct sockaddr_storage a = { 0 };
	uint64_t epoch = (uint64_t)(at / COAP_EPOCH_MS + 1);
	uint8_t in[8 + sizeof(struct sockaddr_in)];
	size_t i = 13 + 12 + 2 + DTLS_RANDOM;
	socklen_t k = sizeof(a);
	unsigned len = DTLS_COOKIE;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &k), 0);
	for (int b = 0; b < 8; b++)
		in[b] = (uint8_t)(epoch >> (56 - 8 * b));
	memcpy(in + 8, &a, sizeof(struct sockaddr_in));
	i += 1u + hello[i];
	assert_int_equal(hello[i], 0);
	memcpy(out, hello, i);
	out[i] = DTLS_COOKIE;
	assert_non_null(HMAC(EVP_sha256(), w->server->secret, DTLS_COOKIE, in, sizeof(in), out + i + 1, &len));
	memcpy(out + i + 1 + DTLS_COOKIE, hello + i + 1, n - i - 1);
	/* lengths of record, message and fragment; each below 256 more than before */
	for (size_t at_len = 11; at_len <= 23; at_len += at_len == 11 ? 4 : 8) {
		unsigned v = (unsigned)(out[at_len] << 8 | out[at_len + 1]) + DTLS_COOKIE;

		out[at_len] = (uint8_t)(v >> 8);
		out[at_len + 1] = (uint8_t)v;
	}
	return n + DTLS_COOKIE;
}

/*
 * A cookie says that somebody is at an address. Who was there before must not have the session of the next one ended, long after,
 * and a server's flight sent there.
 */
static void a_cookie_is_soon_stale(void **state)
{
	struct cw *w = cw_new();
	static uint8_t hello[2048], b[4096];
	size_t n;
	int fd;

	(void)state;
	cw_serve(w);
	fd = raw(w);
	n = (size_t)catch_hello(w, hello, 1024);
	for (mst_ms age = 180000; age >= 0; age -= 180000) {
		size_t k = with_cookie(w, fd, coap_clock() - age, hello, n, b);
		struct mst_coap_server_stats s = mst_coap_server_stats(w->server);

		assert_int_equal(send(fd, b, k, 0), (ssize_t)k);
		while (s.cookies + s.accepted == 0 + (age ? 0u : 1u)) {
			event_base_loop(w->base, EVLOOP_ONCE);
			s = mst_coap_server_stats(w->server);
		}
		assert_int_equal(s.cookies, 1);
		assert_int_equal(s.accepted, age ? 0 : 1);
	}
	close(fd);
	cw_free(w);
}

/* A peer that does what our client does not: it asks the next before it has had the answer. */
struct rude { struct mst_tls_ctx *ctx; struct dtls_pipe pipe; struct tls_session t; uint16_t id; };

static void rude_begin(struct cw *w, struct rude *x, int fd)
{
	*x = (struct rude){ .ctx = cw_context(&w->cc), .pipe = { .fd = fd, .connected = true } };
	assert_int_equal(tls_session_init_pipe(&x->t, &x->pipe, x->ctx), 0);
	assert_int_equal(tls_session_expect(&x->t, NAME, NULL, 0), 0);
	assert_int_equal(tls_session_use_psk(&x->t, w->identity, &w->key), 0);
}

static void rude_dial(struct cw *w, struct rude *x, const char *from)
{
	time_t until = time(NULL) + 60;
	enum tls_io io = TLS_WANT_READ;

	rude_begin(w, x, raw_from(w, from));
	for (; io != TLS_DONE && time(NULL) < until; event_base_loop(w->base, EVLOOP_NONBLOCK))
		io = tls_handshake(&x->t);
	assert_int_equal(io, TLS_DONE);
}

static void rude_end(struct rude *x)
{
	tls_session_deinit(&x->t);
	close(x->pipe.fd);
	mst_tls_ctx_free(x->ctx);
}

/* As far as the server has no more room for it, or waits for the key. */
static void rude_half(struct cw *w, struct rude *x, int fd)
{
	uint64_t refused = mst_coap_server_stats(w->server).refused;
	unsigned asked = w->psk_asked;
	time_t until = time(NULL) + 60;

	rude_begin(w, x, fd);
	while (w->psk_asked == asked && mst_coap_server_stats(w->server).refused == refused && time(NULL) < until) {
		(void)!tls_handshake(&x->t);
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	}
	assert_true(time(NULL) < until);
}

static void rude_send(struct rude *x, const void *b, size_t n)
{
	size_t k;

	assert_int_equal(tls_write(&x->t, b, n, &k), TLS_DONE);
}

/* The first block of a request that goes on, or the last one. */
static void rude_block(struct rude *x, bool last)
{
	static const uint8_t filling[1024];
	const struct mst_coap_block block = { last, !last, MST_COAP_SZX_MAX };
	struct mst_coap_msg m = { .type = MST_COAP_CON, .code = MST_COAP_POST, .id = x->id++, .payload = { filling, sizeof(filling) } };
	uint8_t b[1100], room[4];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_coap_add(&m, MST_COAP_URI_PATH, MST_VIEW_LIT("b"));
	mst_coap_add_block(&m, MST_COAP_BLOCK1, &block, room);
	mst_coap_write(&m, &w);
	assert_true(w.ok);
	rude_send(x, b, w.n);
}

static void rude_ask(struct rude *x)
{
	uint8_t b[32] = { 0x40, MST_COAP_POST, (uint8_t)(x->id >> 8), (uint8_t)x->id, 0xb1, 'b' };
	size_t n;

	x->id++;
	assert_int_equal(tls_write(&x->t, b, 6, &n), TLS_DONE);
}

/* The code of the next message; 0: the server has said good-bye. */
static uint8_t rude_hear(struct cw *w, struct rude *x)
{
	time_t until = time(NULL) + 60;
	struct mst_coap_msg m;
	uint8_t b[2048];
	enum tls_io io;
	size_t n;

	for (; time(NULL) < until; event_base_loop(w->base, EVLOOP_NONBLOCK)) {
		io = tls_read(&x->t, b, sizeof(b), &n);
		if (io == TLS_END)
			return 0;
		if (io == TLS_DONE && mst_coap_read((struct mst_view){ b, n }, &m, NULL) == 0 && m.code)
			return m.code;
	}
	fail_msg("nothing was heard");
	return 0xff;
}

/* What is going on when a session is to end is served; what comes after that is not, however it is kept busy (TS-0003 8.1.2.5). */
static void an_ending_session_serves_no_more(void **state)
{
	struct cw *w = cw_new();
	struct rude x;

	(void)state;
	cw_use_secret(w);
	w->hold_answer = true;
	w->n_answer = 5000;
	cw_serve(w);
	rude_dial(w, &x, "127.0.0.1");
	rude_ask(&x);
	cw_until(w, &w->requests, 1);
	mst_coap_conn_set_whose(w->conn, &(struct mst_whose){ 7, 70 });
	mst_coap_server_cut(w->server, &(struct mst_whose){ .group = 70 });
	w->hold_answer = false;
	cw_answer(w);
	assert_int_equal(rude_hear(w, &x), MST_COAP_CHANGED);        /* more of it waits to be fetched */
	rude_ask(&x);
	assert_int_equal(rude_hear(w, &x), MST_COAP_UNAVAILABLE);
	assert_int_equal(rude_hear(w, &x), 0);
	assert_int_equal(w->requests, 1);
	assert_int_equal(mst_coap_server_open(w->server), 0);
	rude_end(&x);
	cw_free(w);
}

static void set_true(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* A session that is cut waits for the next block of a request, does nothing meanwhile, and nothing of what that asks for. */
static void an_ending_session_waits_for_blocks(void **state)
{
	const struct timeval moment = { 0, 100000 };
	struct cw *w = cw_new();
	struct mst_tls_ctx *ctx;
	bool over = false;
	unsigned turns = 0;
	struct event end;
	struct rude x;

	(void)state;
	cw_use_secret(w);
	cw_serve(w);
	rude_dial(w, &x, "127.0.0.1");
	rude_block(&x, false);
	assert_int_equal(rude_hear(w, &x), MST_COAP_CONTINUE);
	mst_coap_conn_set_whose(w->conn, &(struct mst_whose){ 7, 70 });
	w->conn->used -= 10000;              /* as if the block had come so long ago */
	mst_coap_server_cut(w->server, &(struct mst_whose){ .group = 70 });
	event_assign(&end, w->base, -1, 0, set_true, &over);
	event_add(&end, &moment);
	while (!over) {
		event_base_loop(w->base, EVLOOP_ONCE);
		turns++;
	}
	assert_in_range(turns, 1, 10);
	assert_int_equal(mst_coap_server_open(w->server), 1);
	/* what is read anew meanwhile gives it nothing back */
	ctx = cw_context(&w->sc);
	mst_coap_server_reload(w->server, ctx);
	mst_tls_ctx_free(ctx);
	assert_int_equal(mst_coap_server_open(w->server), 1);
	rude_block(&x, true);
	assert_int_equal(rude_hear(w, &x), MST_COAP_UNAVAILABLE);
	assert_int_equal(w->requests, 0);
	rude_end(&x);
	cw_free(w);
}

/* Few sessions and many handshakes: those that are never finished leave places, to others and to who comes from elsewhere. */
static void half_handshakes_take_no_session(void **state)
{
	struct mst_coap_client *half[6] = { NULL };
	struct cw *w = cw_new();
	struct rude x[2];

	(void)state;
	cw_use_secret(w);
	w->limits.sessions = 4;
	w->limits.handshake_ms = 60000;
	cw_serve(w);
	rude_dial(w, &x[0], "127.0.0.2");
	w->hold_psk = true;
	for (unsigned i = 0; i < MST_COUNT(half); i++) {
		uint64_t refused = mst_coap_server_stats(w->server).refused;

		cw_dial(w);
		half[i] = w->client;
		w->client = NULL;
		while (w->psk_asked < i + 2 && mst_coap_server_stats(w->server).refused == refused)
			event_base_loop(w->base, EVLOOP_ONCE);
	}
	w->hold_psk = false;
	rude_dial(w, &x[1], "127.0.0.3");
	for (int i = 0; i < 2; i++) {
		rude_ask(&x[i]);
		assert_int_equal(rude_hear(w, &x[i]), MST_COAP_CHANGED);
	}
	assert_int_equal(mst_coap_server_stats(w->server).evicted, 0);
	for (size_t i = 0; i < MST_COUNT(half); i++)
		mst_coap_client_free(half[i]);
	for (int i = 0; i < 2; i++)
		rude_end(&x[i]);
	cw_free(w);
}

/* Four addresses have a quarter of the handshakes each, so none has more than its share: a fifth one still gets a place, of one of them. */
static void quarters(void **state)
{
	static const char *const from[] = { "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5" };
	struct cw *w = cw_new();
	struct rude half[8], x;

	(void)state;
	cw_use_secret(w);
	w->limits.handshakes = MST_COUNT(half);
	w->limits.handshake_ms = 60000;
	cw_serve(w);
	w->hold_psk = true;
	for (size_t i = 0; i < MST_COUNT(half); i++)
		rude_half(w, &half[i], raw_from(w, from[i % MST_COUNT(from)]));
	assert_int_equal(w->psk_asked, MST_COUNT(half));
	w->hold_psk = false;
	rude_dial(w, &x, "127.0.0.6");
	rude_ask(&x);
	assert_int_equal(rude_hear(w, &x), MST_COAP_CHANGED);
	rude_end(&x);
	for (size_t i = 0; i < MST_COUNT(half); i++)
		rude_end(&half[i]);
	cw_free(w);
}

/* What the machine refuses by itself has an event of its own, and the session goes on. */
static void refusals_are_told(void **state)
{
	static const struct { const char *octets; size_t n; int status; const char *why; } rows[] = {
		{ "\x40\x02\x70\x01\xff", 5, 0, "payload: a marker, and none behind it" },
		{ "GET / HTTP/1.1\r\n\r\n", 18, 0, "option: longer than the message" },
		{ "\x80\x02\x70\x01", 4, 0, "version: not CoAP, version 1" },
		{ "\x40\x02\x70\x02\xe1\x06\xf4x", 8, 400, "option 2049: an option that cannot be taken" },
		{ "\x40\x02\x70\x03\x32\x01\x02", 7, 400, "Uri-Host: no host's name" },
		{ "\x40\x02\x70\x04\xd1\x0e\x1e", 7, 408, "Block1: not the next block of this request" },
		{ NULL, 5000, 413, "datagram: longer than is taken in one piece" },
		{ "\x40\x02\x70\x06\xd1\x0e\x0e\xffx", 9, 400, "Block1: a block of another size than it says" },
	};
	static uint8_t large[5000] = { 0x40, 2, 0x70, 5, 0xff };
	struct cw *w = cw_new();
	struct rude x;

	(void)state;
	cw_use_secret(w);
	cw_serve(w);
	rude_dial(w, &x, "127.0.0.1");
	for (unsigned i = 0; i < MST_COUNT(rows); i++) {
		rude_send(&x, rows[i].octets ? rows[i].octets : (const char *)large, rows[i].n);
		cw_until(w, &w->refused, i + 1);
		assert_string_equal(w->refused_why, rows[i].why);
		assert_int_equal(w->refused_status, rows[i].status);
		if (rows[i].status)
			assert_int_equal(mst_coap_status_of(rude_hear(w, &x), true), rows[i].status);
		rude_ask(&x);
		assert_int_equal(rude_hear(w, &x), MST_COAP_CHANGED);
		assert_int_equal(w->requests, i + 1);
	}
	/* and one that breaks off */
	rude_block(&x, false);
	assert_int_equal(rude_hear(w, &x), MST_COAP_CONTINUE);
	tls_session_bye(&x.t, true);
	cw_until(w, &w->refused, MST_COUNT(rows) + 1);
	assert_string_equal(w->refused_why, "request: broke off between two blocks");
	cw_until(w, &w->closed, 1);
	rude_end(&x);
	cw_free(w);
}

static void lives(struct cw *w, struct rude *x)
{
	rude_ask(x);
	assert_int_equal(rude_hear(w, x), MST_COAP_CHANGED);
}

/* One address may have all sessions while nobody else wants one; it takes none from others, and gives its own to them. */
static void sessions_are_shared(void **state)
{
	struct cw *w = cw_new();
	struct rude one[3], many[20];
	size_t n = 0;

	(void)state;
	cw_use_secret(w);
	w->limits.sessions = 8;
	cw_serve(w);
	rude_dial(w, &one[0], "127.0.0.2");
	while (n < 12)
		rude_dial(w, &many[n++], "127.0.0.1");
	assert_int_equal(mst_coap_server_open(w->server), 8);
	assert_int_equal(mst_coap_server_stats(w->server).evicted, 5);
	lives(w, &one[0]);
	/* nobody idles: all have begun a request and do not go on with it */
	for (size_t i = 5; i < n; i++) {
		rude_block(&many[i], false);
		assert_int_equal(rude_hear(w, &many[i]), MST_COAP_CONTINUE);
	}
	rude_block(&one[0], false);
	assert_int_equal(rude_hear(w, &one[0]), MST_COAP_CONTINUE);
	rude_dial(w, &one[1], "127.0.0.3");
	rude_dial(w, &one[2], "127.0.0.4");
	for (int i = 0; i < 3; i++)
		lives(w, &one[i]);
	assert_int_equal(rude_hear(w, &many[5]), 0);
	assert_int_equal(rude_hear(w, &many[6]), 0);
	assert_int_equal(w->refused, 0);     /* who gave way has broken nothing off */
	for (size_t i = 0; i < n; i++)
		rude_end(&many[i]);
	for (int i = 0; i < 3; i++)
		rude_end(&one[i]);
	cw_free(w);
}

/* Room for contents in blocks likewise. */
static void room_is_shared(void **state)
{
	struct cw *w = cw_new();
	struct rude many[8], other[2];

	(void)state;
	cw_use_secret(w);
	w->limits.held_octets = 8 * w->limits.body_octets;
	cw_serve(w);
	for (int i = 0; i < 8; i++) {
		rude_dial(w, &many[i], "127.0.0.1");
		rude_block(&many[i], false);
		assert_int_equal(rude_hear(w, &many[i]), i < 4 ? MST_COAP_CONTINUE : MST_COAP_UNAVAILABLE);
	}
	for (int i = 0; i < 2; i++) {
		rude_dial(w, &other[i], "127.0.0.2");
		rude_block(&other[i], false);
		assert_int_equal(rude_hear(w, &other[i]), MST_COAP_CONTINUE);
	}
	assert_int_equal(w->refused, 0);     /* busy is nobody's fault */
	/* what one gives back another of the same address may have, up to its share */
	for (int i = 0; i < 3; i++)
		lives(w, &many[i]);
	rude_block(&many[7], false);
	assert_int_equal(rude_hear(w, &many[7]), MST_COAP_CONTINUE);
	for (int i = 0; i < 8; i++)
		rude_end(&many[i]);
	for (int i = 0; i < 2; i++)
		rude_end(&other[i]);
	cw_free(w);
}

/* Who begins anew loses what it had when it gets something for it, and not before. */
static void beginning_anew_needs_a_place(void **state)
{
	struct cw *w = cw_new();
	struct rude x, anew, half[2];

	(void)state;
	cw_use_secret(w);
	w->limits.sessions = 4;              /* and two handshakes */
	w->limits.handshake_ms = 60000;
	cw_serve(w);
	rude_dial(w, &x, "127.0.0.2");
	w->hold_psk = true;
	rude_half(w, &half[0], raw_from(w, "127.0.0.3"));
	rude_half(w, &half[1], raw_from(w, "127.0.0.4"));
	rude_half(w, &anew, x.pipe.fd);
	assert_int_equal(mst_coap_server_stats(w->server).refused, 1);
	assert_int_equal(mst_coap_server_open(w->server), 3);
	lives(w, &x);
	/* with a place it is as ever; and a handshake that is begun anew has one */
	w->hold_psk = false;
	mst_coap_conn_psk(w->conn, &w->key);
	rude_end(&half[0]);
	rude_half(w, &half[0], raw_from(w, "127.0.0.5"));
	tls_session_deinit(&anew.t);
	mst_tls_ctx_free(anew.ctx);
	for (int i = 0; i < 2; i++)
		rude_end(&half[i]);
	rude_end(&x);
	cw_free(w);
}

/* What does not open is anybody's: it keeps no session from giving way. */
static void garbage_is_no_use(void **state)
{
	static const uint8_t garbage[64] = { 23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 99, 0, 51 };
	static const char *const from[] = { "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6" };
	struct cw *w = cw_new();
	struct rude x[5];

	(void)state;
	cw_use_secret(w);
	w->limits.sessions = 4;
	cw_serve(w);
	for (int i = 0; i < 4; i++)
		rude_dial(w, &x[i], from[i]);
	assert_int_equal(send(x[0].pipe.fd, garbage, sizeof(garbage), 0), sizeof(garbage));
	rude_send(&x[0], "\x50\x02\x70\x01\xff", 5);
	cw_until(w, &w->refused, 1);
	rude_dial(w, &x[4], from[4]);
	assert_int_equal(rude_hear(w, &x[0]), 0);
	for (int i = 1; i < 5; i++)
		lives(w, &x[i]);
	for (int i = 0; i < 5; i++)
		rude_end(&x[i]);
	cw_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_cost_nothing), cmocka_unit_test(a_cookie_is_soon_stale),
		cmocka_unit_test(an_ending_session_serves_no_more), cmocka_unit_test(an_ending_session_waits_for_blocks),
		cmocka_unit_test(half_handshakes_take_no_session), cmocka_unit_test(quarters),
		cmocka_unit_test(refusals_are_told), cmocka_unit_test(sessions_are_shared), cmocka_unit_test(room_is_shared),
		cmocka_unit_test(beginning_anew_needs_a_place), cmocka_unit_test(garbage_is_no_use),
	};

	return cmocka_run_group_tests_name("coap, hostile", tests, NULL, NULL);
}
