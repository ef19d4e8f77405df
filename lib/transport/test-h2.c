/*
 * HTTP/2: our client and our server over TLS, several requests at a time; and a server that a raw session of the library
 * talks to, which does what no good client would.
 */
#include "tests/support/cm.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "transport/client-int.h"
#include "transport/server-int.h"
#include "transport/test-rig.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: mef.example.com\r\n\r\n"
#define MANY 8

/* --- both ends --- */

struct two {
	struct rig r;
	struct mst_client *client;
	bool h2;
	unsigned opened, answers, none, ends;
	uint64_t last;
	int status;
	char body[200];
	enum mst_tls_end why, end;
	/* what the server has been asked, not yet answered */
	struct mst_conn *held[MANY];
	char target[MANY][40];
	unsigned n_held, closed, pending, refused;
	int refused_status;
	bool hold;
};

static void on_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	struct two *t = owner;
	char out[200];
	int n;

	t->r.requests++;
	assert_int_equal(mst_conn_peer(c)->how, MST_AUTH_CERT);
	assert_true(mst_view_eq_str(mst_http_find(m, "host"), "mef.example.com"));
	if (t->hold) {
		assert_true(t->n_held < MANY);
		mst_conn_set_data(c, t);
		snprintf(t->target[t->n_held], sizeof(t->target[0]), "%.*s", (int)m->target.n, (const char *)m->target.p);
		t->held[t->n_held++] = c;
		return;
	}
	n = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%.*s",
		     m->body.n + m->target.n, (int)m->target.n, (const char *)m->target.p);
	memcpy(out + n, m->body.n ? m->body.p : (const uint8_t *)"", m->body.n);
	mst_conn_answer(c, (struct mst_view){ (uint8_t *)out, (size_t)n + m->body.n }, false);
}

static void on_close(void *owner, struct mst_conn *c, bool pending)
{
	struct two *t = owner;

	t->closed++;
	t->pending += pending;
	for (unsigned i = 0; i < t->n_held; i++)
		if (t->held[i] == c)
			t->held[i] = NULL;
}

static void on_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail)
{
	(void)owner;
	(void)peer;
	(void)why;
	(void)detail;
}

static void on_refused(void *owner, struct mst_conn *c, int status, const char *why)
{
	struct two *t = owner;

	(void)c;
	(void)why;
	t->refused++;
	t->refused_status = status;
}

static const struct mst_server_ops server_ops = { .on_request = on_request, .on_close = on_close, .on_handshake_failed = on_failed,
						   .on_refused = on_refused };

static void on_open(void *owner, struct mst_client *c)
{
	struct two *t = owner;

	t->opened++;
	t->h2 = mst_client_is_h2(c);
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct two *t = owner;

	(void)c;
	(void)detail;
	t->ends++;
	t->end = why;
}

static void on_answer(void *owner, struct mst_client *c, uint64_t id, const struct mst_http_msg *m, enum mst_tls_end why, const char *detail)
{
	struct two *t = owner;

	(void)c;
	t->last = id;
	t->answers++;
	t->none += !m;
	t->why = why;
	assert_true(m || detail[0]);
	t->status = m ? m->status : 0;
	snprintf(t->body, sizeof(t->body), "%.*s", m ? (int)m->body.n : 0, m && m->body.n ? (const char *)m->body.p : "");
}

static const struct mst_client_ops client_ops = { .on_open = on_open, .on_end = on_end, .on_answer = on_answer };

static void start(struct two *t, bool server_h2)
{
	struct mst_diag d = { 0 };
	struct mst_tls_ctx *ctx = NULL;
	int fd;

	t->r.server_config.h2 = server_h2;
	t->r.server_config.allow_psk = false;
	assert_int_equal(mst_listen("127.0.0.1:0", false, &fd, &t->r.port, &d), 0);
	assert_int_equal(mst_tls_ctx_new(&t->r.server_config, &ctx, &d), 0);
	assert_int_equal(mst_server_new(t->r.base, fd, ctx, &t->r.limits, &server_ops, t, &t->r.server), 0);
	mst_tls_ctx_free(ctx);
	assert_int_equal(mst_tls_ctx_new(&t->r.client_config, &t->r.client_to.tls, &d), 0);
	t->r.client_to.port = t->r.port;
}

static void open_client(struct two *t, unsigned streams)
{
	t->r.client_to.streams = streams;
	assert_int_equal(mst_client_new(&t->r.client_to, &client_ops, t, &t->client), 0);
	rig_until_n(&t->r, &t->opened, t->opened + 1);
}

static void stop(struct two *t)
{
	mst_client_free(t->client);
	rig_deinit(&t->r);
	free(t);
}

static struct two *two(void)
{
	struct two *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	rig_init(&t->r);
	return t;
}

static void answer(struct two *t, unsigned i)
{
	char out[200];

	snprintf(out, sizeof(out), "HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: %zu\r\n\r\n%s", strlen(t->target[i]), t->target[i]);
	mst_conn_answer(t->held[i], mst_view_str(out), false);
}

/* What came is in no order. */
static unsigned held(const struct two *t, const char *target)
{
	unsigned i = 0;

	while (i < t->n_held && strcmp(t->target[i], target))
		i++;
	assert_true(i < t->n_held);
	return i;
}

static uint64_t ask(struct two *t, const char *octets)
{
	uint64_t id = 0;

	assert_int_equal(mst_client_ask(t->client, mst_view_str(octets), &id), 0);
	return id;
}

/* Asked in one order, answered in another, one never. */
static void answers_in_any_order(void **state)
{
	struct two *t = two();
	uint64_t a, c;

	(void)state;
	t->hold = true;
	start(t, true);
	open_client(t, 16);
	assert_true(t->h2);
	a = ask(t, GET("/a"));
	ask(t, "POST /b HTTP/1.1\r\nHost: mef.example.com\r\nContent-Length: 3\r\n\r\nabc");
	c = ask(t, GET("/c"));
	rig_until_n(&t->r, &t->n_held, 3);
	/* one connection to whoever counts them */
	assert_true(mst_conn_id(t->held[0]) == mst_conn_id(t->held[2]) && mst_server_open(t->r.server) == 1);
	answer(t, held(t, "/c"));
	rig_until_n(&t->r, &t->answers, 1);
	assert_true(t->last == c && t->status == 201);
	assert_string_equal(t->body, "/c");
	answer(t, held(t, "/a"));
	rig_until_n(&t->r, &t->answers, 2);
	assert_true(t->last == a);
	assert_true(mst_conn_keep_alive(t->held[held(t, "/b")]));
	t->client = mst_client_free(t->client);
	rig_until_n(&t->r, &t->pending, 1);       /* the owner hears that nobody waits any more */
	stop(t);
}

/* A server without it, and one whose suite does not allow it: HTTP/1.1, for the same calls. */
static void falls_back(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct two *t = two();

		if (i)
			t->r.client_config.profile = MST_TLS_ONEM2M;    /* TLS 1.2 with CBC */
		start(t, i == 1);
		open_client(t, 16);
		assert_false(t->h2);
		assert_int_equal(mst_client_room(t->client), 1);
		assert_int_equal(ask(t, "POST /x HTTP/1.1\r\nHost: mef.example.com\r\nContent-Length: 1\r\n\r\n!"), 1);
		assert_int_equal(mst_client_room(t->client), 0);
		rig_until(&t->r, &t->answers);
		assert_true(t->last == 1 && t->status == 200 && t->why == MST_TLS_OPEN);
		assert_string_equal(t->body, "/x!");
		stop(t);
	}
}

static void old_client_new_server(void **state)
{
	struct two *t = two();

	(void)state;
	start(t, true);
	open_client(t, 0);
	assert_false(t->h2);
	ask(t, GET("/old"));
	rig_until(&t->r, &t->answers);
	assert_string_equal(t->body, "/old");
	stop(t);
}

/* A body of 200 KiB up: windows open as it is taken; and one that is too long, and a header that is. */
static void long_bodies(void **state)
{
	static char octets[300 * 1024];
	struct two *t = two();
	int n;

	(void)state;
	t->hold = true;
	start(t, true);
	open_client(t, 4);
	n = snprintf(octets, sizeof(octets), "POST /long HTTP/1.1\r\nHost: mef.example.com\r\nContent-Length: %d\r\n\r\n", 200 * 1024);
	memset(octets + n, 'x', 200 * 1024);
	ask(t, octets);
	rig_until_n(&t->r, &t->n_held, 1);
	answer(t, 0);
	rig_until_n(&t->r, &t->answers, 1);
	assert_int_equal(t->status, 201);
	n = snprintf(octets, sizeof(octets), "POST /long HTTP/1.1\r\nHost: mef.example.com\r\nContent-Length: %d\r\n\r\n", 280 * 1024);
	memset(octets + n, 'x', 280 * 1024);
	octets[n + 280 * 1024] = '\0';
	ask(t, octets);
	rig_until_n(&t->r, &t->answers, 2);
	assert_true(t->status == 413 && t->refused && t->refused_status == 413);
	n = snprintf(octets, sizeof(octets), "GET / HTTP/1.1\r\nHost: mef.example.com\r\nX-Long: ");
	memset(octets + n, 'x', 20000);
	memcpy(octets + n + 20000, "\r\n\r\n", 5);
	ask(t, octets);
	rig_until_n(&t->r, &t->answers, 3);
	assert_true(t->status == 431 && t->refused_status == 431);
	/* and the session is still good */
	ask(t, GET("/after"));
	rig_until_n(&t->r, &t->n_held, 2);
	stop(t);
}

/* New settings: what runs is answered, then the session ends; what is asked meanwhile is told that nobody has looked at it. */
static void drains(void **state)
{
	struct two *t = two();

	(void)state;
	t->hold = true;
	start(t, true);
	open_client(t, 8);
	ask(t, GET("/1"));
	rig_until_n(&t->r, &t->n_held, 1);
	mst_server_drain(t->r.server);
	while (mst_client_room(t->client))              /* until GOAWAY has come */
		event_base_loop(t->r.base, EVLOOP_ONCE);
	assert_false(mst_conn_keep_alive(t->held[0]));
	answer(t, 0);
	rig_until(&t->r, &t->answers);
	assert_int_equal(t->status, 201);
	rig_until(&t->r, &t->ends);
	assert_int_equal(t->end, MST_TLS_CLOSED);
	while (mst_server_open(t->r.server))
		event_base_loop(t->r.base, EVLOOP_ONCE);
	stop(t);
}

static void the_role_ends_it(void **state)
{
	struct two *t = two();

	(void)state;
	t->hold = true;
	start(t, true);
	open_client(t, 8);
	ask(t, GET("/1"));
	ask(t, GET("/2"));
	rig_until_n(&t->r, &t->n_held, 2);
	mst_conn_answer(t->held[0], MST_VIEW_LIT("HTTP/1.1 403 \r\nContent-Length: 0\r\n\r\n"), true);
	rig_until_n(&t->r, &t->answers, 1);
	assert_true(t->status == 403 && !t->ends);
	answer(t, 1);
	rig_until_n(&t->r, &t->answers, 2);
	rig_until(&t->r, &t->ends);
	stop(t);
}

/* Each limit of the server in turn. */
static void servers_limits(void **state)
{
	struct two *t = two();

	(void)state;
	t->hold = true;
	t->r.limits.requests = 1;
	t->r.limits.answer_ms = 100;
	t->r.limits.idle_ms = 100;
	t->r.limits.first_ms = 60000;
	start(t, true);
	open_client(t, 8);
	ask(t, GET("/1"));
	ask(t, GET("/2"));
	rig_until_n(&t->r, &t->answers, 1);
	assert_int_equal(t->status, 503);               /* no room for the second */
	rig_until_n(&t->r, &t->answers, 2);
	assert_int_equal(t->status, 503);               /* and none that answers the first in time */
	assert_true(t->pending);
	rig_until(&t->r, &t->ends);                     /* idle */
	assert_int_equal(t->end, MST_TLS_CLOSED);
	stop(t);
}

static void clients_limits(void **state)
{
	struct two *t = two();
	uint64_t id;

	(void)state;
	t->hold = true;
	t->r.client_to.answer_ms = 100;
	t->r.client_to.limits.body_octets = 10;
	start(t, true);
	open_client(t, 2);
	id = ask(t, GET("/slow"));
	rig_until_n(&t->r, &t->answers, 1);
	assert_true(t->last == id && t->none == 1 && t->why == MST_TLS_TIMEOUT);
	rig_until_n(&t->r, &t->pending, 1);             /* the server hears of it */
	t->hold = false;
	/* another, with time */
	t->client = mst_client_free(t->client);
	t->r.client_to.answer_ms = 0;
	open_client(t, 2);
	ask(t, GET("/more-than-ten"));
	rig_until_n(&t->r, &t->answers, 2);
	assert_true(t->none == 2 && t->why == MST_TLS_TOO_LARGE);
	ask(t, GET("/good"));
	rig_until_n(&t->r, &t->answers, 3);
	assert_int_equal(t->status, 200);
	assert_int_equal(mst_client_room(t->client), 2);
	stop(t);
}

/* --- a raw session --- */

struct raw {
	nghttp2_session *ng;
	struct h2 *h;
	unsigned requests, bad, gone;
	int bad_status, status;
	uint32_t goaway;
	bool got_goaway, answer;
	struct h2_stream *last;
	char target[64], body[64];
};

static void raw_begin(void *owner, struct h2_stream *s) { (void)owner; (void)s; }

static void raw_message(void *owner, struct h2_stream *s, const struct mst_http_msg *m)
{
	struct raw *r = owner;

	r->requests++;
	r->last = s;
	snprintf(r->target, sizeof(r->target), "%.*s", (int)m->target.n, (const char *)m->target.p);
	snprintf(r->body, sizeof(r->body), "%.*s", (int)m->body.n, m->body.n ? (const char *)m->body.p : "");
	if (r->answer)
		assert_int_equal(h2_answer(s, MST_VIEW_LIT("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok")), 0);
}

static void raw_bad(void *owner, struct h2_stream *s, int status, const char *field, const char *why)
{
	struct raw *r = owner;
	char out[80];

	assert_true(field[0] && why[0]);
	r->bad++;
	r->bad_status = status;
	snprintf(out, sizeof(out), "HTTP/1.1 %d \r\nContent-Length: 0\r\n\r\n", status);
	assert_int_equal(h2_answer(s, mst_view_str(out)), 0);
}

static void raw_gone(void *owner, struct h2_stream *s, bool unseen)
{
	struct raw *r = owner;

	(void)unseen;
	if (r->last == s)
		r->last = NULL;
	r->gone++;
}

static const struct h2_ops raw_ops = { raw_begin, raw_begin, raw_message, raw_bad, raw_gone };

static int raw_frame(nghttp2_session *ng, const nghttp2_frame *f, void *arg)
{
	struct raw *r = arg;

	(void)ng;
	if (f->hd.type == NGHTTP2_GOAWAY) {
		r->got_goaway = true;
		r->goaway = f->goaway.error_code;
	}
	return 0;
}

static int raw_header(nghttp2_session *ng, const nghttp2_frame *f, const uint8_t *name, size_t n, const uint8_t *value, size_t m,
		      uint8_t flags, void *arg)
{
	struct raw *r = arg;

	(void)ng;
	(void)f;
	(void)flags;
	if (n == 7 && !memcmp(name, ":status", 7) && m == 3)
		r->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + value[2] - '0';
	return 0;
}

/* `lax`: the client does not look at what it sends. */
static void raw_start(struct raw *r, unsigned streams)
{
	struct h2_limits l = { .server = true, .streams = streams, .http = { 2048, 4096, false } };
	nghttp2_session_callbacks *cb;

	memset(r, 0, sizeof(*r));
	r->answer = true;
	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, raw_frame);
	nghttp2_session_callbacks_set_on_header_callback(cb, raw_header);
	assert_int_equal(nghttp2_session_client_new(&r->ng, cb, r), 0);
	nghttp2_session_callbacks_del(cb);
	assert_int_equal(nghttp2_submit_settings(r->ng, 0, NULL, 0), 0);
	assert_int_equal(h2_new(&l, &raw_ops, r, &r->h), 0);
}

/* What one has to say to the other, until both are silent. False: the server takes no more. */
static bool raw_talk(struct raw *r)
{
	bool more = true, good = true;

	while (more && good) {
		const uint8_t *p;
		ssize_t n = nghttp2_session_mem_send(r->ng, &p);
		struct mst_view v;

		more = n > 0;
		if (n > 0)
			good = h2_feed(r->h, (struct mst_view){ p, (size_t)n }, NULL);
		while (good && h2_pull(r->h, &v) && v.n) {
			more = true;
			(void)!nghttp2_session_mem_recv(r->ng, v.p, v.n);
		}
	}
	return good;
}

static void raw_stop(struct raw *r)
{
	nghttp2_session_del(r->ng);
	h2_free(r->h);
}

#define NV(n, v) { (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), sizeof(n) - 1, sizeof(v) - 1, 0 }

static int32_t raw_get(struct raw *r)
{
	const nghttp2_nv nv[] = { NV(":method", "GET"), NV(":scheme", "https"), NV(":authority", "a"), NV(":path", "/x") };

	return nghttp2_submit_request(r->ng, NULL, nv, 4, NULL, NULL);
}

static void what_is_no_request(void **state)
{
	static const nghttp2_nv row[][5] = {
		{ NV(":method", "GET"), NV(":scheme", "https"), NV(":authority", "a b"), NV(":path", "/"), NV("a", "b") },
		{ NV(":method", "GET"), NV(":scheme", "https"), NV(":authority", "a"), NV(":path", "/"), NV("host", "b") },
		{ NV(":method", "TRACE"), NV(":scheme", "https"), NV(":authority", "a"), NV(":path", "/"), NV("a", "b") },
		{ NV(":method", "OPTIONS"), NV(":scheme", "https"), NV(":authority", "a"), NV(":path", "*"), NV("a", "b") },
		/* what HTTP/1.1 refuses, and the library passes or leaves out (RFC 9113 8.2.1) */
		{ NV(":method", "GET"), NV(":scheme", "https"), NV(":authority", "a"), NV(":path", "/\xbc"), NV("a", "b") },
		{ NV(":method", "GET"), NV(":scheme", "https"), NV(":authority", "a"), NV(":path", "/"), NV("a", "b\1") },
		{ NV(":method", "GET"), NV(":scheme", "https"), NV(":authority", "a"), NV(":path", "/"), NV("a b", "c") },
	};
	static const int status[] = { 0 /* the library ends the stream */, 400, 501, 400, 400, 400, 400 };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct raw r;

		raw_start(&r, 4);
		assert_true(nghttp2_submit_request(r.ng, NULL, row[i], 5, NULL, NULL) > 0);
		assert_true(raw_talk(&r));
		assert_true(!r.requests && r.bad == (status[i] != 0) && r.bad_status == status[i] && r.status == status[i] && r.gone == 1);
		/* the next one is served */
		assert_true(raw_get(&r) > 0 && raw_talk(&r));
		assert_true(r.requests == 1 && r.status == 200);
		raw_stop(&r);
	}
}

/* Requests that are taken back before they are answered. */
static void rapid_reset(void **state)
{
	struct raw r;
	unsigned n = 0;

	(void)state;
	raw_start(&r, 1000);
	r.answer = false;
	while (!r.got_goaway && n < 10 * H2_RESETS_MAX) {
		int32_t id = raw_get(&r);

		if (id < 0 || !raw_talk(&r))
			break;
		assert_int_equal(nghttp2_submit_rst_stream(r.ng, 0, id, NGHTTP2_CANCEL), 0);
		(void)!raw_talk(&r);
		n++;
	}
	assert_true(r.got_goaway && r.goaway == NGHTTP2_ENHANCE_YOUR_CALM);
	assert_true(n <= H2_RESETS_MAX + 1);
	assert_true(h2_why(r.h)[0] && h2_over(r.h));
	raw_stop(&r);
}

/* Who resets some and takes the answers of others goes on. */
static void some_resets_are_good(void **state)
{
	struct raw r;

	(void)state;
	raw_start(&r, 100);
	for (unsigned i = 0; i < 4 * H2_RESETS_MAX; i++) {
		int32_t id;

		r.answer = i % 2;
		id = raw_get(&r);
		assert_true(id > 0 && raw_talk(&r));
		if (!r.answer)
			assert_int_equal(nghttp2_submit_rst_stream(r.ng, 0, id, NGHTTP2_CANCEL), 0);
		assert_true(raw_talk(&r));
	}
	assert_false(r.got_goaway);
	assert_int_equal(r.gone, 4 * H2_RESETS_MAX);
	raw_stop(&r);
}

static void floods(void **state)
{
	static const uint8_t ping[17] = { 0, 0, 8, 6 }, settings[9] = { 0, 0, 0, 4 }, priority[14] = { 0, 0, 5, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 9 };
	static const struct { const uint8_t *p; size_t n; } row[] = { { ping, 17 }, { settings, 9 }, { priority, 14 } };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct raw r;
		unsigned n = 0;

		raw_start(&r, 4);
		assert_true(raw_talk(&r));
		while (!h2_why(r.h)[0] && n < 4 * H2_QUIET_MAX) {
			struct mst_view v;

			n++;
			if (!h2_feed(r.h, (struct mst_view){ row[i].p, row[i].n }, NULL))
				break;
			while (h2_pull(r.h, &v) && v.n)
				(void)!nghttp2_session_mem_recv(r.ng, v.p, v.n);
		}
		assert_true(n <= H2_QUIET_MAX + 2 && h2_over(r.h));
		raw_stop(&r);
	}
}

/* A header block without an end: the library's bound, below ours. And what is no HTTP/2 at all. */
static void endless_header(void **state)
{
	static const uint8_t headers[] = { 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82 }, more[] = { 0, 0, 1, 9, 0, 0, 0, 0, 1, 0x84 };
	struct mst_diag d = { 0 };
	struct raw r;
	unsigned n = 0;

	(void)state;
	raw_start(&r, 4);
	assert_true(raw_talk(&r));
	assert_true(h2_feed(r.h, (struct mst_view){ headers, sizeof(headers) }, NULL));
	while (n < 2 * H2_QUIET_MAX && !h2_over(r.h)) {
		struct mst_view v;

		n++;
		if (!h2_feed(r.h, (struct mst_view){ more, sizeof(more) }, NULL))
			break;
		while (h2_pull(r.h, &v) && v.n)
			;
	}
	assert_true(n < 2 * H2_QUIET_MAX && !r.requests);
	raw_stop(&r);
	raw_start(&r, 4);
	assert_false(h2_feed(r.h, MST_VIEW_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &d));
	assert_true(d.text[0]);
	raw_stop(&r);
}

/* More streams than it was told. */
static void too_many_streams(void **state)
{
	struct raw r;

	(void)state;
	raw_start(&r, 2);
	r.answer = false;
	assert_true(raw_talk(&r));
	for (int i = 0; i < 5; i++)
		assert_true(raw_get(&r) > 0);
	assert_true(raw_talk(&r));
	assert_int_equal(r.requests, 2);        /* the library keeps the others back */
	assert_int_equal(h2_answer(r.last, MST_VIEW_LIT("HTTP/1.1 204 \r\n\r\n")), 0);
	assert_true(raw_talk(&r));
	assert_int_equal(r.requests, 3);
	assert_int_equal(r.status, 204);
	raw_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_in_any_order), cmocka_unit_test(falls_back), cmocka_unit_test(old_client_new_server),
		cmocka_unit_test(long_bodies), cmocka_unit_test(drains), cmocka_unit_test(the_role_ends_it), cmocka_unit_test(servers_limits),
		cmocka_unit_test(clients_limits), cmocka_unit_test(what_is_no_request), cmocka_unit_test(rapid_reset),
		cmocka_unit_test(some_resets_are_good), cmocka_unit_test(floods), cmocka_unit_test(endless_header),
		cmocka_unit_test(too_many_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
