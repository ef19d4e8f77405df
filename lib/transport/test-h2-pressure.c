/* HTTP/2: what one session holds of the room that all share, and of the places. */
#include "tests/support/cm.h"

#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "transport/server-int.h"
#include "transport/test-rig.h"

#define ASKS 8

/* What is asked: `left` octets are sent, and then nothing before `ends`. */
struct ask { int32_t id; size_t left, content; bool ends, again; int status; };

/* A session of the library at 127.0.0.<last>, which does what no good client would. */
struct peer {
	struct rig *r;
	struct tls_session t;
	nghttp2_session *ng;
	struct ask ask[ASKS];
	unsigned n, answers, refused;           /* headers of answers; of those 503 */
	bool over;
};

static struct ask *ask_of(struct peer *p, int32_t id)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->ask[i].id == id)
			return &p->ask[i];
	return NULL;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *f, const uint8_t *name, size_t n, const uint8_t *value, size_t m,
		     uint8_t flags, void *arg)
{
	struct peer *p = arg;
	struct ask *a = ask_of(p, f->hd.stream_id);

	(void)ng;
	(void)flags;
	assert_non_null(a);
	if (n == 7 && !memcmp(name, ":status", 7) && m == 3) {
		a->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + value[2] - '0';
		p->answers++;
		p->refused += a->status == 503;
	}
	a->again = a->again || (n == 11 && !memcmp(name, "retry-after", 11));
	return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *octets, size_t n, void *arg)
{
	(void)ng;
	(void)flags;
	(void)octets;
	ask_of(arg, id)->content += n;
	return 0;
}

static ssize_t content(nghttp2_session *ng, int32_t id, uint8_t *out, size_t n, uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct ask *a = source->ptr;

	(void)ng;
	(void)id;
	(void)arg;
	if (!a->left && !a->ends)
		return NGHTTP2_ERR_DEFERRED;
	if (n > a->left)
		n = a->left;
	memset(out, 'x', n);
	a->left -= n;
	if (!a->left && a->ends)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* What it has to say is said, and what has come is read. False: the connection is over. */
static bool talk(struct peer *p)
{
	uint8_t in[16384];
	enum tls_io io;
	size_t n;

	for (;;) {
		const uint8_t *out;
		ssize_t m = nghttp2_session_mem_send(p->ng, &out);

		if (m <= 0)
			break;
		while (!p->over && (io = tls_write(&p->t, out, (size_t)m, &n)) != TLS_DONE) {
			p->over = io == TLS_END;
			rig_turn(p->r);
		}
		if (p->over)
			return false;
		assert_int_equal(n, m);
	}
	rig_turn(p->r);
	while ((io = tls_read(&p->t, in, sizeof(in), &n)) == TLS_DONE)
		(void)!nghttp2_session_mem_recv(p->ng, in, n);
	p->over = io == TLS_END;
	return !p->over;
}

static void until(struct peer *p, const unsigned *what, unsigned n)
{
	time_t late = time(NULL) + 60;

	while (*what < n && time(NULL) < late && talk(p))
		;
	if (*what < n)
		fail_msg("%u of %u came; the connection is %s", *what, n, p->over ? "over" : "open");
}

static void until_held(struct peer *p, size_t n)
{
	time_t late = time(NULL) + 60;

	while (p->r->server->held < n && time(NULL) < late && talk(p))
		;
	assert_true(p->r->server->held >= n);
}

/* False: the server has no place for it. `window`: what it takes of an answer's content before it says more. */
static bool peer_new(struct peer *p, struct rig *r, unsigned last, uint32_t window)
{
	nghttp2_settings_entry e = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window };
	nghttp2_session_callbacks *cb;
	time_t late = time(NULL) + 60;
	struct mst_tls_ctx *ctx;
	enum tls_io io;
	int fd;

	memset(p, 0, sizeof(*p));
	p->r = r;
	fd = rig_dial_from(r, last);
	evutil_make_socket_nonblocking(fd);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)), 0);
	assert_int_equal(mst_tls_ctx_new(&r->client_config, &ctx, NULL), 0);
	assert_int_equal(tls_session_init(&p->t, fd, ctx), 0);
	mst_tls_ctx_free(ctx);
	assert_int_equal(tls_session_expect(&p->t, "mef.example.com", NULL, 0), 0);
	assert_int_equal(tls_session_offer_h2(&p->t), 0);
	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	assert_int_equal(nghttp2_session_client_new(&p->ng, cb, p), 0);
	nghttp2_session_callbacks_del(cb);
	assert_int_equal(nghttp2_submit_settings(p->ng, 0, &e, 1), 0);
	while ((io = tls_handshake(&p->t)) != TLS_DONE && io != TLS_END && time(NULL) < late)
		rig_turn(r);
	assert_true(io == TLS_DONE || io == TLS_END);
	return io == TLS_DONE && p->t.h2 && talk(p);
}

static void peer_end(struct peer *p)
{
	nghttp2_session_del(p->ng);
	tls_session_deinit(&p->t);              /* closes it */
}

#define NV(n, v) { (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), sizeof(n) - 1, sizeof(v) - 1, 0 }

static struct ask *post(struct peer *p, size_t n, bool ends)
{
	const nghttp2_nv nv[] = { NV(":method", "POST"), NV(":scheme", "https"), NV(":authority", "mef.example.com"), NV(":path", "/x") };
	struct ask *a = &p->ask[p->n++];
	nghttp2_data_provider from = { .source = { .ptr = a }, .read_callback = content };

	assert_true(p->n <= ASKS);
	*a = (struct ask){ .left = n, .ends = ends };
	a->id = nghttp2_submit_request(p->ng, NULL, nv, MST_COUNT(nv), &from, NULL);
	assert_true(a->id > 0);
	while (a->left && talk(p))
		;
	(void)!talk(p);
	return a;
}

static void end(struct peer *p, struct ask *a)
{
	a->ends = true;
	assert_int_equal(nghttp2_session_resume_data(p->ng, a->id), 0);
}

static void start(struct rig *r)
{
	r->server_config.h2 = true;
	r->server_config.allow_psk = false;
	rig_start(r);
}

/*
 * A session with many contents that never end: those beyond its share are to come again, the last ones first, as soon as they are beyond it.
 * There is room for others in either version, one message of more than a quarter included; those that were in time are served.
 */
static void contents_that_never_end(void **state)
{
	char *octets = calloc(1, 10000);
	struct peer much, other;
	struct rig r;
	int n;

	(void)state;
	assert_non_null(octets);
	rig_init(&r);
	r.limits.held_octets = 32768;
	start(&r);
	assert_true(peer_new(&much, &r, 2, 65535));
	for (unsigned i = 0; i < ASKS; i++) {
		post(&much, 6000, false);
		assert_true(r.server->held <= 16384);
	}
	until(&much, &much.refused, ASKS - 2);
	for (unsigned i = 0; i < ASKS; i++)
		assert_true(i < 2 ? !much.ask[i].status : much.ask[i].status == 503 && much.ask[i].again);
	assert_int_equal(mst_server_stats(r.server).refused, ASKS - 2);
	assert_true(r.server->held >= 12000 && r.server->held <= 16384 && !r.requests);
	n = snprintf(octets, 1000, "POST / HTTP/1.1\r\nHost: mef.example.com\r\nContent-Length: 9000\r\n\r\n");
	memset(octets + n, 'x', 9000);
	r.send_on_open = octets;
	rig_connect(&r);
	rig_until(&r, &r.responses);
	assert_int_equal(r.status, 200);
	assert_true(peer_new(&other, &r, 3, 65535));
	post(&other, 9000, true);
	until(&other, &other.answers, 1);
	assert_int_equal(other.ask[0].status, 200);
	for (unsigned i = 0; i < 2; i++)
		end(&much, &much.ask[i]);
	until(&much, &much.answers, ASKS);
	assert_true(much.ask[0].status == 200 && much.ask[1].status == 200);
	peer_end(&much);
	peer_end(&other);
	rig_deinit(&r);
	free(octets);
}

/* What was answered, or belongs to a session that is over, is held no more: a session may idle long. */
static void account_is_true(void **state)
{
	static const uint8_t wrong[] = { 0, 0, 1, 0, 0, 0, 0, 0, 0, 'x' };      /* DATA of stream 0 (RFC 9113 6.1) */
	struct peer p;
	struct rig r;
	size_t n;

	(void)state;
	rig_init(&r);
	start(&r);
	assert_true(peer_new(&p, &r, 2, 65535));
	post(&p, 3000, true);
	until(&p, &p.answers, 1);
	assert_int_equal(p.ask[0].status, 200);
	assert_true(!r.server->held && mst_server_open(r.server) == 1);
	post(&p, 3000, false);
	until_held(&p, 3000);
	assert_int_equal(tls_write(&p.t, wrong, sizeof(wrong), &n), TLS_DONE);
	while (talk(&p))
		;
	assert_true(!r.server->held && mst_server_open(r.server) == 1);         /* it lingers a little */
	peer_end(&p);
	rig_deinit(&r);
}

/* Nor is what came too late, though the peer does not take what it is told. */
static void too_late_is_forgotten(void **state)
{
	struct peer p;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.body_ms = 50;
	start(&r);
	assert_true(peer_new(&p, &r, 2, 0));
	post(&p, 3000, false);
	until(&p, &p.answers, 1);
	assert_true(p.ask[0].status == 408 && !p.ask[0].content);
	assert_true(!r.server->held && mst_server_open(r.server) == 1);
	peer_end(&p);
	rig_deinit(&r);
}

/* Nor does a session that is cut get anything more done by what it had begun to say. */
static void cut_in_the_middle_of_a_content(void **state)
{
	struct peer p;
	struct rig r;

	(void)state;
	rig_init(&r);
	start(&r);
	assert_true(peer_new(&p, &r, 2, 65535));
	post(&p, 3000, false);
	until_held(&p, 3000);
	mst_conn_set_whose(r.server->conns, &(struct mst_whose){ 7, 70 });
	mst_server_cut(r.server, &(struct mst_whose){ .one = 7 });
	end(&p, &p.ask[0]);
	until(&p, &p.answers, 1);
	assert_true(p.refused == 1 && p.ask[0].again && !r.requests);
	while (talk(&p))
		;
	peer_end(&p);
	rig_deinit(&r);
}

/* As over HTTP/1.1: an answer that is being made is never taken away, one that nobody reads is when there is no other place. */
static void answers_nobody_takes(void **state)
{
	struct peer p[3], more;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.per_peer = 3;
	r.hold_answer = true;
	start(&r);
	for (unsigned i = 0; i < MST_COUNT(p); i++) {
		assert_true(peer_new(&p[i], &r, 2, 0));
		post(&p[i], 10, true);
		until(&p[i], &r.requests, i + 1);
	}
	assert_false(peer_new(&more, &r, 2, 0));
	peer_end(&more);
	assert_int_equal(r.closed, 0);
	mst_conn_answer(r.conn, mst_view_str(r.answer), false);
	until(&p[2], &p[2].answers, 1);
	assert_true(p[2].ask[0].status == 200 && !p[2].ask[0].content && !r.closed);
	r.hold_answer = false;
	assert_true(peer_new(&more, &r, 2, 65535));
	post(&more, 10, true);
	until(&more, &more.answers, 1);
	while (talk(&p[2]))
		;
	assert_true(talk(&p[0]) && talk(&p[1]) && !r.closed_pending && mst_server_open(r.server) == 3);
	peer_end(&more);
	for (unsigned i = 0; i < MST_COUNT(p); i++)
		peer_end(&p[i]);
	rig_deinit(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents_that_never_end),
		cmocka_unit_test(account_is_true),
		cmocka_unit_test(too_late_is_forgotten),
		cmocka_unit_test(cut_in_the_middle_of_a_content),
		cmocka_unit_test(answers_nobody_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
