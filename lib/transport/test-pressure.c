/* Who gets a place when there are not enough, and how long a place may be kept. */
#include "tests/support/cm.h"

#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport/server-int.h"
#include "transport/test-rig.h"

/* Silence is ended soon, although a handshake that waits for a key may take long. */
static void silent_peer(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	r.limits.handshake_ms = 600 * 1000;
	r.limits.hello_ms = 50;
	rig_start(&r);
	fd = rig_dial(&r);
	rig_until(&r, &r.failed);
	assert_int_equal(r.server_end, MST_TLS_TIMEOUT);
	close(fd);
	if (!TLS_NO_FIBRES) {
		r.hold_psk = true;
		r.limits.hello_ms = 1000;       /* enough for a client on a busy machine to say hello */
		mst_server_set_limits(r.server, &r.limits);
		r.client_to.psk = &r.key;
		r.client_to.psk_identity = r.identity;
		rig_connect(&r);
		rig_until(&r, &r.psk_asked);
		for (int i = 0; i < 110; i++) {         /* past the first deadline: it has said hello */
			struct timeval t = { 0, 10000 };

			event_base_loopexit(r.base, &t);
			event_base_dispatch(r.base);
		}
		assert_int_equal(r.failed, 1);
		mst_conn_psk(r.conn, &r.key);
		rig_until(&r, &r.responses);
	}
	rig_deinit(&r);
}

/* All places are taken by those who say nothing: the oldest of them gives way. */
static void silent_crowd(void **state)
{
	struct rig r;
	int fd[12];

	(void)state;
	rig_init(&r);
	r.limits.handshakes = 4;
	r.limits.hello_ms = r.limits.handshake_ms = 600 * 1000;
	rig_start(&r);
	for (unsigned i = 0; i < MST_COUNT(fd); i++)
		fd[i] = rig_dial_from(&r, 1 + i % 3);
	RIG_UNTIL(&r, r.server->handshaking == 4);
	rig_connect(&r);
	rig_until(&r, &r.responses);
	assert_int_equal(r.status, 200);
	for (unsigned i = 0; i < MST_COUNT(fd); i++)
		close(fd[i]);
	rig_deinit(&r);
}

#if !TLS_NO_FIBRES
/* One address holds every place with handshakes that wait for keys: another address still gets one of them. */
static void fair_share(void **state)
{
	static const struct mst_client_ops cops = { 0 };
	struct mst_client *client[4];
	unsigned told;
	struct rig r;
	int other, mine;

	(void)state;
	rig_init(&r);
	r.limits.handshakes = 4;
	r.hold_psk = true;
	rig_start(&r);
	assert_int_equal(mst_tls_ctx_new(&r.client_config, &r.client_to.tls, NULL), 0);
	r.client_to.psk = &r.key;
	r.client_to.psk_identity = r.identity;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(mst_client_new(&r.client_to, &cops, &r, &client[i]), 0);
	rig_until_n(&r, &r.psk_asked, 4);
	other = rig_dial_from(&r, 2);
	rig_until(&r, &r.closed);
	assert_int_equal(r.closed, 1);
	assert_int_equal(r.server->handshaking, 4);
	assert_int_equal(r.server_end, MST_TLS_BUSY);
	/* the greedy one gets nothing back */
	told = r.failed;
	mine = rig_dial_from(&r, 1);
	RIG_UNTIL(&r, mst_server_stats(r.server).refused == 2);
	assert_int_equal(r.closed, 1);
	/* and is told of, though it was in the same second and nobody comes after it */
	rig_until_n(&r, &r.failed, told + 1);
	assert_int_equal(strncmp(r.failed_peer.address, "127.0.0.1:", 10), 0);
	assert_string_equal(r.server_detail, "too many handshakes; 1 refused");
	for (unsigned i = 0; i < 4; i++)
		mst_client_free(client[i]);
	close(mine);
	close(other);
	rig_deinit(&r);
}

#endif

/* A handshake that goes no further than its first message. */
struct half { struct tls_session t; int fd; };

static void half_from(struct rig *r, struct half *h, struct mst_tls_ctx *ctx, unsigned last)
{
	h->fd = rig_dial_from(r, last);
	evutil_make_socket_nonblocking(h->fd);
	assert_int_equal(tls_session_init(&h->t, h->fd, ctx), 0);
	(void)!tls_handshake(&h->t);
	rig_turn(r);
}

static void half_end(struct half *h)
{
	tls_session_deinit(&h->t);              /* closes it */
}

/* Four addresses have a quarter each, so none has more than its share: a fifth one still gets a place, of one of them. */
static void quarters(void **state)
{
	struct mst_tls_ctx *ctx;
	struct half half[16];
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.handshakes = 16;
	r.limits.hello_ms = r.limits.handshake_ms = 600 * 1000;
	rig_start(&r);
	assert_int_equal(mst_tls_ctx_new(&r.client_config, &ctx, NULL), 0);
	for (unsigned i = 0; i < MST_COUNT(half); i++)
		half_from(&r, &half[i], ctx, 2 + i % 4);
	RIG_UNTIL(&r, r.server->handshaking == 16);
	assert_int_equal(mst_server_stats(r.server).refused, 0);
	rig_connect(&r);
	rig_until(&r, &r.responses);
	assert_int_equal(r.status, 200);
	for (unsigned i = 0; i < MST_COUNT(half); i++)
		half_end(&half[i]);
	mst_tls_ctx_free(ctx);
	rig_deinit(&r);
}

/* One address has all places with handshakes that go no further, another opens connections without end and says nothing: the first has
 * most and gives way, and who has only just come and computes what to say first is let speak. */
static void slow_to_speak(void **state)
{
	struct mst_tls_ctx *ctx;
	struct half half[16], slow;
	time_t until = time(NULL) + 60;
	enum tls_io io;
	int fd[12];
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.handshakes = 16;
	r.limits.hello_ms = r.limits.handshake_ms = 600 * 1000;
	rig_start(&r);
	assert_int_equal(mst_tls_ctx_new(&r.client_config, &ctx, NULL), 0);
	for (unsigned i = 0; i < MST_COUNT(half); i++)
		half_from(&r, &half[i], ctx, 2);
	slow.fd = rig_dial_from(&r, 3);
	for (unsigned i = 0; i < MST_COUNT(fd); i++)
		fd[i] = rig_dial_from(&r, 4);
	RIG_UNTIL(&r, r.server->handshaking == 16);
	evutil_make_socket_nonblocking(slow.fd);
	assert_int_equal(tls_session_init(&slow.t, slow.fd, ctx), 0);
	assert_int_equal(tls_session_expect(&slow.t, "mef.example.com", NULL, 0), 0);
	while ((io = tls_handshake(&slow.t)) != TLS_DONE && io != TLS_END && time(NULL) < until)
		rig_turn(&r);
	assert_int_equal(io, TLS_DONE);
	for (unsigned i = 0; i < MST_COUNT(half); i++)
		half_end(&half[i]);
	half_end(&slow);
	for (unsigned i = 0; i < MST_COUNT(fd); i++)
		close(fd[i]);
	mst_tls_ctx_free(ctx);
	rig_deinit(&r);
}

#if !TLS_NO_FIBRES
/* Its key is being looked for, and the peer leaves: nobody waits any more. */
static void suspended_leaves(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.hold_psk = true;
	r.client_to.psk = &r.key;
	r.client_to.psk_identity = r.identity;
	rig_start(&r);
	rig_connect(&r);
	rig_until(&r, &r.psk_asked);
	r.client = mst_client_free(r.client);
	rig_until(&r, &r.closed);
	assert_int_equal(r.server_end, MST_TLS_TRUNCATED);
	assert_int_equal(mst_server_open(r.server), 0);
	rig_deinit(&r);
}

#endif

static void new_trust(struct rig *r)
{
	struct mst_tls_ctx *ctx;

	assert_int_equal(mst_tls_ctx_new(&r->server_config, &ctx, NULL), 0);
	mst_server_reload(r->server, ctx);
	mst_tls_ctx_free(ctx);
}

/* A certificate is revoked while its session is open: it asks nothing more in it. */
static void revoked_in_session(void **state)
{
	static uint8_t octets[2048];
	struct mst_view crl = { octets, rig_crl(octets, sizeof(octets), &rig_pki()->root, &rig_pki()->client, -10, 1000) };

	(void)state;
	for (int busy = 0; busy < 2; busy++) {
		struct rig r;

		rig_init(&r);
		r.hold_answer = busy;
		rig_start(&r);
		rig_connect(&r);
		rig_until(&r, busy ? &r.requests : &r.responses);
		r.server_config.crls = &crl;
		r.server_config.n_crls = 1;
		new_trust(&r);
		if (busy) {                     /* what was under way is answered, and then it is over */
			assert_false(mst_conn_keep_alive(r.conn));
			mst_conn_answer(r.conn, mst_view_str(r.answer), false);
			rig_until(&r, &r.responses);
		}
		rig_until(&r, &r.ended);
		assert_int_equal(r.client_end, MST_TLS_CLOSED);
		assert_int_equal(r.requests, 1);
		rig_connect(&r);
		rig_until(&r, &r.failed);
		assert_int_equal(r.server_end, MST_TLS_REVOKED);
		rig_deinit(&r);
	}
}

static void old_session(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.session_ms = -1;
	rig_start(&r);
	rig_connect(&r);
	rig_until(&r, &r.ended);
	assert_int_equal(r.responses, 1);
	assert_int_equal(r.client_end, MST_TLS_CLOSED);
	rig_deinit(&r);
}

static void put(int fd, const char *s)
{
	assert_int_equal(send(fd, s, strlen(s), MSG_NOSIGNAL), strlen(s));
}

/* Each body is short enough, all of them together are not. */
static void bodies_together(void **state)
{
	char part[701], got[200] = "";
	struct rig r;
	int fd[3];

	(void)state;
	rig_init(&r);
	memset(&r.server_config, 0, sizeof(r.server_config));
	r.limits.held_octets = 1500;
	rig_start(&r);
	memset(part, 'x', 700);
	part[700] = '\0';
	for (int i = 0; i < 3; i++) {
		fd[i] = rig_dial_from(&r, 1 + (unsigned)i);
		put(fd[i], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 800\r\n\r\n");
		put(fd[i], part);
		RIG_UNTIL(&r, i == 2 || r.server->held == 700 * ((size_t)i + 1));
	}
	RIG_UNTIL(&r, got[0] || recv(fd[2], got, sizeof(got) - 1, MSG_DONTWAIT) > 0);
	if (strncmp(got, "HTTP/1.1 503 \r\nRetry-After: 1\r\n", 31))
		fail_msg("got \"%s\"", got);
	close(fd[2]);
	/* and the room is given back: with the two that were in time as with the refused one */
	part[100] = '\0';
	put(fd[0], part);
	put(fd[1], part);
	rig_until_n(&r, &r.requests, 2);
	RIG_UNTIL(&r, r.server->held == 0);
	close(fd[0]);
	close(fd[1]);
	rig_deinit(&r);
}

/* One address sends many contents and ends none: there is room for those of others, and for one of its own again when it has ended some. */
static void bodies_of_one(void **state)
{
	char part[701];
	struct rig r;
	int fd[8], other;

	(void)state;
	rig_init(&r);
	memset(&r.server_config, 0, sizeof(r.server_config));
	r.limits.held_octets = 4000;
	rig_start(&r);
	memset(part, 'x', 700);
	part[700] = '\0';
	for (unsigned i = 0; i < MST_COUNT(fd); i++) {
		fd[i] = rig_dial_from(&r, 2);
		put(fd[i], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 800\r\n\r\n");
		put(fd[i], part);
		RIG_UNTIL(&r, mst_server_stats(r.server).refused + r.server->held / 700 == i + 1);
	}
	assert_int_equal(r.requests, 0);
	other = rig_dial_from(&r, 1);
	put(other, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1400\r\n\r\n");
	put(other, part);
	rig_turn(&r);
	put(other, part);
	RIG_UNTIL(&r, r.requests == 1);
	part[100] = '\0';
	put(fd[0], part);
	RIG_UNTIL(&r, r.requests == 2);
	close(other);
	for (unsigned i = 0; i < MST_COUNT(fd); i++)
		close(fd[i]);
	RIG_UNTIL(&r, mst_server_open(r.server) == 0);
	assert_int_equal(r.server->held, 0);
	for (unsigned i = 0; i < SHARES; i++)
		assert_int_equal(r.server->held_of[i] + r.server->open_of[i], 0);
	rig_deinit(&r);
}

static void plain(struct rig *r)
{
	rig_init(r);
	memset(&r->server_config, 0, sizeof(r->server_config));
	r->limits.connections = 6;
	r->limits.per_peer = 3;
	r->limits.first_ms = r->limits.header_ms = r->limits.idle_ms = 600 * 1000;
	rig_start(r);
}

/* Turn until an answer or the end of the connection has come. */
static bool answered(struct rig *r, int fd)
{
	char got[200] = "";
	time_t until = time(NULL) + 60;
	ssize_t n = -1;

	while (n < 0 && time(NULL) < until) {
		event_base_loop(r->base, EVLOOP_NONBLOCK);
		n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	}
	assert_true(n >= 0 || time(NULL) < until);
	return n > 0 && !strncmp(got, "HTTP/1.1 200", 12);
}

#define ASK "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

/* Every place is held by who says nothing, or half a request: the next one that asks is answered, from an address of
 * its own and from the same. */
static void idle_crowd(void **state)
{
	int fd[12], asks;
	struct rig r;

	(void)state;
	plain(&r);
	for (unsigned i = 0; i < MST_COUNT(fd); i++) {
		fd[i] = rig_dial_from(&r, 2 + i % 3);
		if (i % 2)
			put(fd[i], "GET / HT");
		rig_turn(&r);
	}
	RIG_UNTIL(&r, mst_server_open(r.server) == 6);
	for (unsigned last = 1; last <= 4; last++) {
		asks = rig_dial_from(&r, last);
		put(asks, ASK);
		assert_true(answered(&r, asks));
		assert_true(mst_server_open(r.server) <= 6);
		close(asks);
		rig_turn(&r);
	}
	for (unsigned i = 0; i < MST_COUNT(fd); i++)
		close(fd[i]);
	rig_deinit(&r);
}

/* One address takes no more than its share; who asked before, from elsewhere, keeps its connection through all that. */
static void share_of_one(void **state)
{
	int fd[20], mine;
	struct rig r;

	(void)state;
	plain(&r);
	mine = rig_dial_from(&r, 1);
	put(mine, ASK);
	assert_true(answered(&r, mine));
	for (unsigned i = 0; i < MST_COUNT(fd); i++)
		fd[i] = rig_dial_from(&r, 2);
	RIG_UNTIL(&r, mst_server_open(r.server) == 4);
	put(mine, ASK);
	assert_true(answered(&r, mine));
	/* and from many addresses: those that never asked go first, the oldest before the others */
	for (unsigned i = 0; i < MST_COUNT(fd); i++) {
		close(fd[i]);
		rig_turn(&r);
		fd[i] = rig_dial_from(&r, 3 + i);
	}
	RIG_UNTIL(&r, mst_server_open(r.server) == 6);
	put(mine, ASK);
	assert_true(answered(&r, mine));
	put(fd[19], ASK);
	assert_true(answered(&r, fd[19]));
	for (unsigned i = 0; i < MST_COUNT(fd); i++)
		close(fd[i]);
	close(mine);
	rig_deinit(&r);
}

/* Where no address has a bound of its own, one that has every connection gives some to others as soon as they want them, and gets none of theirs. */
static void connections_of_one(void **state)
{
	int fd[20], mine, other;
	struct rig r;

	(void)state;
	plain(&r);
	r.limits.per_peer = 0;
	mst_server_set_limits(r.server, &r.limits);
	mine = rig_dial_from(&r, 1);
	put(mine, ASK);
	assert_true(answered(&r, mine));
	for (unsigned i = 0; i < MST_COUNT(fd); i++) {
		fd[i] = rig_dial_from(&r, 2);
		if (i % 2)
			put(fd[i], "GET / HT");
		rig_turn(&r);
	}
	RIG_UNTIL(&r, mst_server_open(r.server) == 6);
	other = rig_dial_from(&r, 3);
	put(other, ASK);
	assert_true(answered(&r, other));
	put(mine, ASK);
	assert_true(answered(&r, mine));
	assert_int_equal(mst_server_open(r.server), 6);
	/* the operator is told whose it was */
	RIG_UNTIL(&r, r.failed);
	assert_int_equal(r.server_end, MST_TLS_BUSY);
	assert_int_equal(strncmp(r.failed_peer.address, "127.0.0.2:", 10), 0);
	for (unsigned i = 0; i < MST_COUNT(fd); i++)
		close(fd[i]);
	close(other);
	close(mine);
	rig_deinit(&r);
}

/* Answers that are being made, and answers that nobody reads: the first are never taken away, the second when there is no
 * other place. */
static void busy_crowd(void **state)
{
	static char big[8 << 20];
	int fd[3], asks;
	struct rig r;

	(void)state;
	plain(&r);
	r.hold_answer = true;
	for (unsigned i = 0; i < MST_COUNT(fd); i++) {
		fd[i] = rig_dial_from(&r, 2);
		put(fd[i], ASK);
		rig_until_n(&r, &r.requests, i + 1);
	}
	asks = rig_dial_from(&r, 2);
	assert_false(answered(&r, asks));
	close(asks);
	snprintf(big, sizeof(big), "HTTP/1.1 200 \r\nContent-Length: %zu\r\n\r\n", sizeof(big));
	mst_conn_answer(r.conn, (struct mst_view){ (const uint8_t *)big, sizeof(big) }, false);
	rig_turn(&r);
	r.hold_answer = false;
	asks = rig_dial_from(&r, 2);
	put(asks, ASK);
	assert_true(answered(&r, asks));
	assert_int_equal(r.closed, 1);
	close(asks);
	for (unsigned i = 0; i < MST_COUNT(fd); i++)
		close(fd[i]);
	rig_deinit(&r);
}

/* Who never asks is sent away sooner than who may ask again. */
static void first_request_soon(void **state)
{
	struct rig r;
	int never, once;

	(void)state;
	plain(&r);
	once = rig_dial_from(&r, 1);
	put(once, ASK);
	assert_true(answered(&r, once));
	r.limits.first_ms = 50;
	mst_server_set_limits(r.server, &r.limits);
	never = rig_dial_from(&r, 1);
	rig_until(&r, &r.closed);
	assert_false(answered(&r, never));
	put(once, ASK);
	assert_true(answered(&r, once));
	assert_int_equal(r.closed, 1);
	close(never);
	close(once);
	rig_deinit(&r);
}

/* A CA's own certificate is nobody's identity, though a path to an anchor exists. */
static void ca_as_client(void **state)
{
	struct rig_cert *ca = calloc(1, sizeof(*ca));
	struct rig r;

	(void)state;
	assert_non_null(ca);
	rig_ca(ca, "maker's sub-CA", &rig_pki()->root);
	rig_init(&r);
	r.client_config.chain_pem = mst_view_str(ca->pem);
	r.client_config.key_pkcs8 = rig_key(ca);
	rig_start(&r);
	rig_connect(&r);
	rig_until(&r, &r.failed);
	assert_int_equal(r.server_end, MST_TLS_BAD_CERTIFICATE);
	assert_int_equal(r.requests, 0);
	rig_deinit(&r);
	free(ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_peer),
		cmocka_unit_test(silent_crowd),
#if !TLS_NO_FIBRES                      /* where nothing is ever suspended */
		cmocka_unit_test(fair_share),
		cmocka_unit_test(suspended_leaves),
#endif
		cmocka_unit_test(quarters),
		cmocka_unit_test(slow_to_speak),
		cmocka_unit_test(revoked_in_session),
		cmocka_unit_test(old_session),
		cmocka_unit_test(bodies_together),
		cmocka_unit_test(bodies_of_one),
		cmocka_unit_test(idle_crowd),
		cmocka_unit_test(share_of_one),
		cmocka_unit_test(connections_of_one),
		cmocka_unit_test(busy_crowd),
		cmocka_unit_test(first_request_soon),
		cmocka_unit_test(ca_as_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
