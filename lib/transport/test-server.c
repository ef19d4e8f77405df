#include "tests/support/cm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "transport/server-int.h"
#include "transport/test-rig.h"

#define GET "GET /a HTTP/1.1\r\nHost: mef.example.com\r\n\r\n"

/* Plain HTTP over TCP: what the machine does is the same, and a raw socket can misbehave as it likes. */
static void plain(struct rig *r)
{
	rig_init(r);
	memset(&r->server_config, 0, sizeof(r->server_config));
}

static void put(int fd, const char *s)
{
	assert_int_equal(send(fd, s, strlen(s), MSG_NOSIGNAL), strlen(s));
}

/* Turn the loop and collect from a raw socket until `want` has come or the peer has closed; NULL = until closed. */
static const char *collect(struct rig *r, int fd, const char *want)
{
	static char buf[65536];
	size_t n = 0;
	time_t until = time(NULL) + 60;

	buf[0] = '\0';
	while (time(NULL) < until) {
		ssize_t k;

		event_base_loop(r->base, EVLOOP_NONBLOCK);
		k = recv(fd, buf + n, sizeof(buf) - 1 - n, MSG_DONTWAIT);
		if (k == 0 || (k < 0 && errno != EAGAIN))
			return want ? "closed" : buf;
		n += k > 0 ? (size_t)k : 0;
		buf[n] = '\0';
		if (want && strstr(buf, want))
			return buf;
	}
	fail_msg("no \"%s\" in \"%s\"", want ? want : "close", buf);
	return NULL;
}

static void starts(const char *got, const char *want)
{
	if (strncmp(got, want, strlen(want)))
		fail_msg("got \"%s\", want \"%s\"", got, want);
}

static void keep_alive_and_pipeline(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	plain(&r);
	r.hold_answer = true;
	rig_start(&r);
	fd = rig_dial(&r);
	put(fd, "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HT");
	rig_until(&r, &r.requests);
	rig_turn(&r);
	/* one outstanding: the next one waits */
	assert_int_equal(r.requests, 1);
	assert_string_equal(r.target, "/1");
	assert_string_equal(r.body, "abc");
	mst_conn_answer(r.conn, mst_view_str("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n1"), false);
	starts(collect(&r, fd, "\r\n\r\n1"), "HTTP/1.1 200");
	rig_until_n(&r, &r.requests, 2);
	assert_string_equal(r.target, "/2");
	mst_conn_answer(r.conn, mst_view_str("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n2"), false);
	collect(&r, fd, "\r\n\r\n2");
	put(fd, "TP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	rig_until_n(&r, &r.requests, 3);
	assert_string_equal(r.target, "/3");
	assert_false(mst_conn_keep_alive(r.conn));
	mst_conn_answer(r.conn, mst_view_str("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n3"), false);
	starts(collect(&r, fd, NULL), "HTTP/1.1 200");
	assert_int_equal(r.closed, 1);
	assert_int_equal(r.closed_pending, 0);
	close(fd);
	rig_deinit(&r);
}

static void refusals(void **state)
{
	static const struct { const char *in, *out; } row[] = {
		{ "GET / HTTP/1.1\n\n", "HTTP/1.1 400 \r\n" },
		{ "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 \r\n" },
		{ "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 \r\n" },
		{ "POST / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 411 \r\n" },
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\nmore", "HTTP/1.1 413 \r\n" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct rig r;
		const char *got;
		int fd;

		plain(&r);
		rig_start(&r);
		fd = rig_dial(&r);
		put(fd, row[i].in);
		got = collect(&r, fd, "\n");
		starts(got, row[i].out);
		assert_non_null(strstr(got, "Connection: close"));
		assert_int_equal(r.requests, 0);
		close(fd);
		rig_deinit(&r);
	}
}

/* Who sends more than the largest body that a setting allows, and listens only afterwards (as curl does), is told what is wrong and not just cut off. */
static void too_much_is_told(void **state)
{
	static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n";
	char piece[16000];
	struct rig r;
	int fd;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	plain(&r);
	rig_start(&r);
	fd = rig_dial(&r);
	put(fd, head);
	for (size_t n = 0; n < 400000; n += sizeof(piece)) {
		for (int turn = 0; turn < 8; turn++)
			event_base_loop(r.base, EVLOOP_NONBLOCK);
		assert_int_equal(send(fd, piece, sizeof(piece), MSG_NOSIGNAL), sizeof(piece));
	}
	starts(collect(&r, fd, "\n"), "HTTP/1.1 413 ");
	close(fd);
	rig_deinit(&r);
}

/* Every state ends by itself (lesson 7). */
static void deadlines(void **state)
{
	static const struct { const char *in, *out; } row[] = {
		{ "", "" },                                                             /* idle: closed without a word */
		{ "GET / HTT", "HTTP/1.1 408 \r\n" },                                   /* slow header */
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", "HTTP/1.1 408 \r\n" },  /* slow body */
		{ GET, "HTTP/1.1 503 \r\nRetry-After: 5\r\n" },                         /* the owner does not answer */
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct rig r;
		int fd;

		plain(&r);
		r.hold_answer = true;
		r.limits.idle_ms = r.limits.header_ms = r.limits.body_ms = r.limits.answer_ms = 100;
		rig_start(&r);
		fd = rig_dial(&r);
		put(fd, row[i].in);
		starts(collect(&r, fd, NULL), row[i].out);
		assert_int_equal(r.closed, 1);
		assert_int_equal(r.closed_pending, i == 3);
		assert_int_equal(mst_server_stats(r.server).timeouts, 1);
		close(fd);
		rig_deinit(&r);
	}
}

/* The peer reads nothing: the answer does not stay for ever. */
static void slow_reader(void **state)
{
	struct rig r;
	static char big[8 << 20];
	int fd;

	(void)state;
	plain(&r);
	r.hold_answer = true;
	r.limits.write_ms = 200;
	rig_start(&r);
	fd = rig_dial(&r);
	put(fd, GET);
	rig_until(&r, &r.requests);
	memset(big, 'x', sizeof(big));
	mst_conn_answer(r.conn, (struct mst_view){ (uint8_t *)big, sizeof(big) }, false);
	rig_until(&r, &r.closed);
	assert_int_equal(mst_server_open(r.server), 0);
	close(fd);
	rig_deinit(&r);
}

static void half_closed(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	plain(&r);
	r.hold_answer = true;
	rig_start(&r);
	fd = rig_dial(&r);
	put(fd, GET);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	rig_until(&r, &r.requests);
	rig_turn(&r);
	mst_conn_answer(r.conn, mst_view_str(r.answer), false);
	starts(collect(&r, fd, NULL), "HTTP/1.1 200");
	rig_until(&r, &r.closed);
	close(fd);
	rig_deinit(&r);
}

static void expect_continue(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	plain(&r);
	rig_start(&r);
	fd = rig_dial(&r);
	put(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	starts(collect(&r, fd, "\r\n\r\n"), "HTTP/1.1 100 \r\n\r\n");
	put(fd, "ab");
	starts(collect(&r, fd, "ok"), "HTTP/1.1 200");
	assert_string_equal(r.body, "ab");
	close(fd);
	rig_deinit(&r);
}

/* Lesson 18: beyond capacity refused early, what was taken is completed */
static void admission(void **state)
{
	enum { FLOOD = 8 };
	struct rig r;
	int a, b, c;

	(void)state;
	plain(&r);
	r.limits.connections = 2;
	r.limits.requests = 1;
	r.hold_answer = true;
	rig_start(&r);
	a = rig_dial(&r);
	put(a, GET);
	rig_until(&r, &r.requests);
	b = rig_dial(&r);
	put(b, GET);
	starts(collect(&r, b, "\r\n\r\n"), "HTTP/1.1 503 \r\nRetry-After: 1\r\n");
	/* when there is room again, on the connection that was refused as well */
	r.limits.requests = 2;
	mst_server_set_limits(r.server, &r.limits);
	put(b, GET);
	rig_until_n(&r, &r.requests, 2);
	c = rig_dial(&r);
	rig_until(&r, &r.failed);
	assert_int_equal(r.server_end, MST_TLS_BUSY);
	starts(collect(&r, c, NULL), "HTTP/1.1 503 \r\nRetry-After: 1\r\n");
	close(c);
	/* the flood is counted, not told one by one, but once in a second that this takes */
	for (int i = 0; i < FLOOD; i++) {
		if (i)
			close(c);
		c = rig_dial(&r);
		starts(collect(&r, c, NULL), "HTTP/1.1 503");
	}
	assert_in_range(r.failed, 1, FLOOD);
	assert_int_equal(mst_server_stats(r.server).refused, 2 + FLOOD);
	mst_conn_answer(r.conn, mst_view_str(r.answer), false);
	starts(collect(&r, b, "ok"), "HTTP/1.1 200");
	close(a);
	close(b);
	close(c);
	rig_deinit(&r);
}

static void handshake_limits(void **state)
{
	struct rig r;
	int fd[3];

	(void)state;
	rig_init(&r);
	r.limits.handshakes = 2;
	r.limits.handshake_ms = 1500;
	rig_start(&r);
	for (int i = 0; i < 3; i++) {
		fd[i] = rig_dial(&r);
		rig_turn(&r);
	}
	rig_until(&r, &r.failed);
	assert_int_equal(r.server_end, MST_TLS_BUSY);
	assert_int_equal(mst_server_open(r.server), 2);
	/* the silent two run out of time, and leave room */
	rig_until_n(&r, &r.failed, 3);
	assert_int_equal(r.server_end, MST_TLS_TIMEOUT);
	rig_connect(&r);
	rig_until(&r, &r.responses);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	rig_deinit(&r);
}

static void broken_handshakes(void **state)
{
	static const struct { const char *in; enum mst_tls_end end; } row[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", MST_TLS_PROTOCOL },
		{ "\x16\x03\x01\x02\x00\x01", MST_TLS_TRUNCATED },
		{ "", MST_TLS_TRUNCATED },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff", MST_TLS_PROTOCOL },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct rig r;
		int fd;

		rig_init(&r);
		rig_start(&r);
		fd = rig_dial(&r);
		put(fd, i == 1 ? "\x16\x03\x01\x02" : row[i].in);
		if (row[i].end == MST_TLS_TRUNCATED)
			assert_int_equal(shutdown(fd, SHUT_WR), 0);
		rig_until(&r, &r.failed);
		if (r.server_end != row[i].end)
			fail_msg("%zu: %s (%s)", i, mst_tls_end_text(r.server_end), r.server_detail);
		starts(r.failed_peer.address, "127.0.0.1:");
		close(fd);
		rig_deinit(&r);
	}
}

static void drains(void **state)
{
	struct rig r;
	int idle, busy;

	(void)state;
	plain(&r);
	r.hold_answer = true;
	rig_start(&r);
	idle = rig_dial(&r);
	busy = rig_dial(&r);
	put(busy, GET);
	rig_until(&r, &r.requests);
	rig_until_n(&r, &r.done, 2);
	mst_server_drain(r.server);
	assert_string_equal(collect(&r, idle, NULL), "");
	assert_false(mst_conn_keep_alive(r.conn));
	mst_conn_answer(r.conn, mst_view_str(r.answer), false);
	starts(collect(&r, busy, NULL), "HTTP/1.1 200");
	close(idle);
	close(busy);
	for (int i = 0; mst_server_open(r.server) && i < 1000; i++)
		event_base_loop(r.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(mst_server_open(r.server), 0);
	rig_deinit(&r);
}

/* What it had begun to say before it was cut is no request any more. */
static void cut_in_the_middle_of_a_request(void **state)
{
	struct mst_conn *c;
	struct rig r;
	int fd;

	(void)state;
	plain(&r);
	rig_start(&r);
	fd = rig_dial(&r);
	put(fd, "GET /a HTTP/1.1\r\nHo");
	while (!(c = r.server->conns) || mst_http_idle(c->http))
		event_base_loop(r.base, EVLOOP_ONCE);
	mst_conn_set_whose(c, &(struct mst_whose){ 7, 70 });
	mst_server_cut(r.server, &(struct mst_whose){ .one = 7 });
	assert_int_equal(mst_server_open(r.server), 1);
	put(fd, "st: mef.example.com\r\n\r\n");
	starts(collect(&r, fd, NULL), "HTTP/1.1 503");
	assert_int_equal(r.requests, 0);
	close(fd);
	rig_deinit(&r);
}

/* New certificate for new connections; an idle old one is closed, the client opens another (lesson 29) */
static void reloads(void **state)
{
	struct rig_cert *cert = calloc(1, sizeof(*cert));
	struct mst_tls_ctx *ctx;
	struct rig r;
	uint8_t before[32];

	(void)state;
	assert_non_null(cert);
	rig_init(&r);
	rig_start(&r);
	rig_connect(&r);
	rig_until(&r, &r.responses);
	memcpy(before, r.client_peer.cert.sha256, 32);
	rig_cert(cert, &rig_pki()->root, MST_CERT_SERVER, MST_ID_FQDN, "mef.example.com", -10, 1000);
	r.server_config.chain_pem = mst_view_str(cert->pem);
	r.server_config.key_pkcs8 = rig_key(cert);
	assert_int_equal(mst_tls_ctx_new(&r.server_config, &ctx, NULL), 0);
	mst_server_reload(r.server, ctx);
	mst_tls_ctx_free(ctx);
	rig_until(&r, &r.ended);
	assert_int_equal(r.client_end, MST_TLS_CLOSED);
	rig_connect(&r);
	rig_until_n(&r, &r.responses, 2);
	assert_memory_not_equal(before, r.client_peer.cert.sha256, 32);
	rig_deinit(&r);
	free(cert);
}

/* No descriptor left: connections wait, nothing spins, nothing is lost */
static void out_of_descriptors(void **state)
{
	struct rlimit old, few;
	struct rig r;
	int fd, spare[256], n = 0;
	unsigned turns = 0;
	time_t until;

	(void)state;
	plain(&r);
	rig_start(&r);
	fd = rig_dial(&r);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 200;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (n < 256 && (spare[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	rig_until(&r, &r.failed);
	assert_int_equal(r.server_end, MST_TLS_BUSY);
	for (until = time(NULL) + 2; time(NULL) < until; turns++)
		event_base_loop(r.base, EVLOOP_ONCE);
	assert_true(turns < 100);
	while (n)
		close(spare[--n]);
	put(fd, GET);
	starts(collect(&r, fd, "ok"), "HTTP/1.1 200");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	close(fd);
	rig_deinit(&r);
}

/* Gotcha 5: without it TLS 1.3 shows stalls of 40 ms */
static void no_delay(void **state)
{
	struct rig r;
	int on = 0;
	socklen_t n = sizeof(on);

	(void)state;
	rig_init(&r);
	r.hold_answer = true;
	rig_start(&r);
	rig_connect(&r);
	rig_until(&r, &r.requests);
	assert_int_equal(getsockopt(r.conn->t->fd, IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
	assert_int_not_equal(on, 0);
	rig_deinit(&r);
}

static void many(void **state)
{
	enum { N = 100 };
	struct rig r;
	int fd[N];

	(void)state;
	plain(&r);
	rig_start(&r);
	for (int i = 0; i < N; i++)
		fd[i] = rig_dial(&r);
	for (size_t k = 0; k < sizeof(GET) - 1; k++)
		for (int i = 0; i < N; i++) {
			assert_int_equal(send(fd[i], &GET[k], 1, MSG_NOSIGNAL), 1);
			if (i % 16 == 0)
				event_base_loop(r.base, EVLOOP_NONBLOCK);
		}
	for (int i = 0; i < N; i++) {
		starts(collect(&r, fd[i], "ok"), "HTTP/1.1 200");
		close(fd[i]);
	}
	assert_int_equal(r.requests, N);
	rig_deinit(&r);
}

struct crowd {
	struct mst_conn *conn[64];
	unsigned asked, answered, done, opened, ended;
	struct mst_key key;
};

static void crowd_psk(void *owner, struct mst_conn *c, const char *identity)
{
	struct crowd *w = owner;

	assert_true(w->asked < 64);
	/* who it is comes along to the very connection: the index is in the identity */
	mst_conn_set_data(c, w);
	w->conn[strtoul(identity, NULL, 10)] = c;
	w->asked++;
	if (TLS_NO_FIBRES)
		mst_conn_psk(c, &w->key);
}

static void crowd_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	struct crowd *w = owner;

	(void)m;
	assert_ptr_equal(mst_conn_data(c), w);
	assert_ptr_equal(w->conn[strtoul(mst_conn_peer(c)->psk_identity, NULL, 10)], c);
	w->answered++;
	mst_conn_answer(c, mst_view_str("HTTP/1.1 204 \r\n\r\n"), true);
}

static void crowd_close(void *owner, struct mst_conn *c, bool pending)
{
	(void)owner;
	(void)c;
	(void)pending;
}

static void crowd_open(void *owner, struct mst_client *c)
{
	((struct crowd *)owner)->opened++;
	assert_int_equal(mst_client_send(c, mst_view_str(GET)), 0);
}

static void crowd_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	(void)c;
	if (why != MST_TLS_CLOSED)
		fail_msg("%s", detail);
	((struct crowd *)owner)->ended++;
}

/* Many handshakes wait for keys at once, are answered in another order, and none is mixed up (lesson 13's rule) */
static void many_suspended(void **state)
{
	enum { N = 60 };
	static const struct mst_server_ops ops = { .on_request = crowd_request, .on_psk = crowd_psk, .on_close = crowd_close };
	static const struct mst_client_ops cops = { .on_open = crowd_open, .on_end = crowd_end };
	struct mst_client *client[N];
	struct mst_tls_ctx *ctx[3];
	struct crowd w = { .asked = 0 };
	struct mst_diag d;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	assert_true(mst_key_set(&w.key, MST_VIEW_LIT("0123456789abcdef")));
	r.client_config.chain_pem = MST_VIEW_NONE;
	for (int i = 0; i < 3; i++) {
		r.client_config.profile = i ? MST_TLS_ONEM2M : MST_TLS_MODERN;
		assert_int_equal(mst_tls_ctx_new(i < 2 ? &r.client_config : &r.server_config, &ctx[i], &d), 0);
	}
	assert_int_equal(mst_listen("127.0.0.1:0", false, &fd, &r.port, &d), 0);
	assert_int_equal(mst_server_new(r.base, fd, ctx[2], NULL, &ops, &w, &r.server), 0);
	for (int i = 0; i < N; i++) {
		char identity[40];
		struct mst_client_config to = { .base = r.base, .tls = ctx[i % 2], .host = "127.0.0.1", .port = r.port,
			.server_name = "mef.example.com", .psk = &w.key, .psk_identity = identity, .limits = { 1024, 1024 } };

		snprintf(identity, sizeof(identity), "%d@mef.example.com", i);
		assert_int_equal(mst_client_new(&to, &cops, &w, &client[i]), 0);
	}
	rig_until_n(&r, &w.asked, N);
	assert_true(w.opened == 0 || TLS_NO_FIBRES);
	for (int i = 0; i < N && !TLS_NO_FIBRES; i++)
		mst_conn_psk(w.conn[i * 37 % N], &w.key);
	rig_until_n(&r, &w.ended, N);
	assert_int_equal(w.answered, N);
	for (int i = 0; i < N; i++)
		mst_client_free(client[i]);
	for (int i = 0; i < 3; i++)
		mst_tls_ctx_free(ctx[i]);
	rig_deinit(&r);
}

static void local_peer(void **state)
{
	char path[64], address[80];
	struct mst_diag d = { 0 };
	struct rig r;
	struct stat st;
	int fd, again;
	uint16_t port;

	(void)state;
	plain(&r);
	snprintf(path, sizeof(path), "/tmp/mst-test-%d.sock", (int)getpid());
	snprintf(address, sizeof(address), "unix:%s", path);
	assert_int_equal(mst_listen(address, false, &fd, &port, &d), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* somebody listens: not replaced; a stale one is */
	assert_int_equal(mst_listen(address, false, &again, &port, &d), MST_FAULT_IO);
	close(fd);
	assert_int_equal(mst_listen(address, false, &fd, &port, &d), 0);
	r.client_to.host = address;
	r.client_to.server_name = NULL;
	rig_plain_server(&r, fd);
	rig_connect(&r);
	rig_until(&r, &r.responses);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.server_peer.how, MST_AUTH_LOCAL);
	assert_int_equal(r.server_peer.uid, getuid());
	rig_deinit(&r);
	unlink(path);
}

static void addresses(void **state)
{
	static const char *const bad[] = { "", "host", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "[::1", "[::1]", ":80",
		"127.0.0.1:1x", "unix:" };
	struct mst_diag d;
	uint16_t port, same;
	int fd, two;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		memset(&d, 0, sizeof(d));
		assert_int_equal(mst_listen(bad[i], false, &fd, &port, &d), MST_FAULT_CONFIG);
		assert_true(d.text[0]);
	}
	assert_int_equal(mst_listen("[::1]:0", false, &fd, &port, &d), 0);
	assert_true(port);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	/* several listeners share a port, when asked */
	assert_int_equal(mst_listen("127.0.0.1:0", true, &fd, &port, &d), 0);
	{
		char text[40];

		snprintf(text, sizeof(text), "127.0.0.1:%u", port);
		assert_int_equal(mst_listen(text, true, &two, &same, &d), 0);
		assert_int_equal(port, same);
		close(two);
		assert_int_equal(mst_listen(text, false, &two, &same, &d), MST_FAULT_IO);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keep_alive_and_pipeline),
		cmocka_unit_test(refusals),
		cmocka_unit_test(too_much_is_told),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(slow_reader),
		cmocka_unit_test(half_closed),
		cmocka_unit_test(expect_continue),
		cmocka_unit_test(admission),
		cmocka_unit_test(handshake_limits),
		cmocka_unit_test(broken_handshakes),
		cmocka_unit_test(drains),
		cmocka_unit_test(cut_in_the_middle_of_a_request),
		cmocka_unit_test(reloads),
		cmocka_unit_test(out_of_descriptors),
		cmocka_unit_test(no_delay),
		cmocka_unit_test(many),
		cmocka_unit_test(many_suspended),
		cmocka_unit_test(local_peer),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
