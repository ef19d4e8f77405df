/* Streams against each other over loopback: octets both ways, ends of each direction, keys that come late or never. */
#include "tests/support/cm.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/server.h"
#include "transport/stream.h"
#include "transport/tls-int.h"

#define BIG (32 * 1024 * 1024)       /* more than a kernel takes for one connection */

struct side {
	struct mst_stream *s;
	unsigned opened, eof, ended, asked;
	enum mst_tls_end why;
	char detail[200], identity[MST_ID_MAX];
	size_t got, sent, want_send;
	uint8_t next_in, next_out;           /* octets count up, so that none is lost or doubled */
	bool finish;                         /* when everything is sent */
	bool hold;                           /* takes nothing until told */
};

static struct event_base *base;
static struct side a, b;
static struct mst_tls_ctx *ctx_a, *ctx_b;
static struct mst_key key, given;
static enum { NOW, LATER, UNKNOWN, BUSY, SILENT } answer;
static int listener;
static uint16_t port;
static struct event accepting;

static void more(struct side *me)
{
	uint8_t block[4096];

	while (me->sent < me->want_send) {
		size_t n = me->want_send - me->sent < sizeof(block) ? me->want_send - me->sent : sizeof(block), took;

		for (size_t i = 0; i < n; i++)
			block[i] = (uint8_t)(me->next_out + i);
		took = mst_stream_write(me->s, (struct mst_view){ block, n });
		me->sent += took;
		me->next_out = (uint8_t)(me->next_out + took);
		if (took < n)
			return;
	}
	if (me->finish)
		mst_stream_finish(me->s);
}

static void on_psk(void *owner, struct mst_stream *s, const char *identity)
{
	struct side *me = owner;

	me->asked++;
	snprintf(me->identity, sizeof(me->identity), "%s", identity);
	if (answer == NOW)
		mst_stream_psk(s, &given);
	if (answer == UNKNOWN)
		mst_stream_psk(s, NULL);
	if (answer == BUSY)
		mst_stream_busy(s, "nobody can say");
}

static void on_open(void *owner, struct mst_stream *s)
{
	struct side *me = owner;

	assert_true(mst_stream_suite(s)[0] && mst_stream_version(s)[0]);
	assert_string_equal(mst_stream_peer(s)->psk_identity, "0A@maf.example.com");
	me->opened++;
	more(me);
}

static void on_data(void *owner, struct mst_stream *s, struct mst_view octets)
{
	struct side *me = owner;

	(void)s;
	for (size_t i = 0; i < octets.n; i++)
		if (octets.p[i] != me->next_in++)
			fail_msg("octet %zu", me->got + i);
	me->got += octets.n;
	if (me->hold)
		mst_stream_pause(s, true);
}

static void on_eof(void *owner, struct mst_stream *s)
{
	struct side *me = owner;

	(void)s;
	me->eof++;
}

static void on_room(void *owner, struct mst_stream *s)
{
	(void)s;
	more(owner);
}

static void on_end(void *owner, struct mst_stream *s, enum mst_tls_end why, const char *detail)
{
	struct side *me = owner;

	(void)s;
	me->ended++;
	me->why = why;
	snprintf(me->detail, sizeof(me->detail), "%s", detail);
}

static const struct mst_stream_ops ops = { on_psk, on_open, on_data, on_eof, on_room, on_end };

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct mst_stream_config c = { .base = base, .tls = ctx_b, .handshake_ms = answer == SILENT ? 200 : 0 };
	int k = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	(void)arg;
	assert_true(k >= 0);
	assert_int_equal(mst_stream_accept(&c, k, &ops, &b, &b.s), 0);
}

static void late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_base_loopbreak(base);
}

/* Turn the loop until it holds; a test that hangs fails. */
#define UNTIL(cond)                                                                                                  \
	do {                                                                                                         \
		struct timeval t_ = { 60, 0 };                                                                       \
		struct event stop_;                                                                                  \
		event_assign(&stop_, base, -1, 0, late, NULL);                                                       \
		event_add(&stop_, &t_);                                                                              \
		while (!(cond) && event_pending(&stop_, EV_TIMEOUT, NULL))                                           \
			event_base_loop(base, EVLOOP_ONCE);                                                          \
		event_del(&stop_);                                                                                   \
		if (!(cond))                                                                                         \
			fail_msg("%s; a: %u %s %s, b: %u %s %s", #cond, a.ended, mst_tls_end_text(a.why), a.detail,  \
				 b.ended, mst_tls_end_text(b.why), b.detail);                                        \
	} while (0)

static void begin(enum mst_tls_profile of_a, enum mst_tls_profile of_b)
{
	struct mst_tls_config c = { .profile = of_a, .allow_psk = true }, d = { .server = true, .profile = of_b, .allow_psk = true };
	struct mst_stream_config to = { .tls = NULL, .host = "127.0.0.1", .port = port, .psk = &key, .psk_identity = "0A@maf.example.com" };
	struct mst_diag diag = { 0 };

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	key = (struct mst_key){ .n = 32, .b = { 1, 2, 3 } };
	if (!given.n)
		given = key;
	assert_int_equal(mst_tls_ctx_new(&c, &ctx_a, &diag), 0);
	assert_int_equal(mst_tls_ctx_new(&d, &ctx_b, &diag), 0);
	to.base = base;
	to.tls = ctx_a;
	assert_int_equal(mst_stream_connect(&to, &ops, &a, &a.s), 0);
}

static int finish(void **state)
{
	(void)state;
	a.s = mst_stream_free(a.s);
	b.s = mst_stream_free(b.s);
	ctx_a = mst_tls_ctx_free(ctx_a);
	ctx_b = mst_tls_ctx_free(ctx_b);
	mst_key_wipe(&given);
	answer = NOW;
	return 0;
}

static void test_both_ways(void **state)
{
	for (int p = MST_TLS_ONEM2M; p <= MST_TLS_BOTH; p++) {
		begin((enum mst_tls_profile)p, (enum mst_tls_profile)p);
		a.want_send = 3 * 4096 + 7;
		b.want_send = 5;
		a.finish = b.finish = true;
		UNTIL(a.ended && b.ended);
		assert_true(a.why == MST_TLS_CLOSED && b.why == MST_TLS_CLOSED);
		assert_true(a.got == b.want_send && b.got == a.want_send && a.eof == 1 && b.eof == 1 && b.asked == 1);
		finish(state);
	}
}

/* One direction ends; the other goes on, however long it takes (in TLS 1.2 as well). */
static void test_half_close(void **state)
{
	for (int turn = 0; turn < 4; turn++) {
		struct side *first = turn & 1 ? &a : &b, *second = turn & 1 ? &b : &a;

		begin(turn & 2 ? MST_TLS_MODERN : MST_TLS_ONEM2M, MST_TLS_BOTH);
		a.want_send = b.want_send = 10;
		first->finish = true;
		UNTIL(second->eof);
		assert_false(first->ended || second->ended);
		second->want_send = 400000;
		more(second);
		UNTIL(first->got == 400000);
		assert_false(first->ended || second->ended);
		second->finish = true;
		more(second);
		UNTIL(a.ended && b.ended);
		assert_true(a.why == MST_TLS_CLOSED && b.why == MST_TLS_CLOSED && first->eof == 1);
		assert_int_equal(second->got, 10);
		finish(state);
	}
}

/* Nobody takes: what waits is bounded. Then somebody does, and nothing was lost. */
static void test_back_pressure(void **state)
{
	size_t stuck, before = 0;

	(void)state;
	begin(MST_TLS_BOTH, MST_TLS_BOTH);
	b.hold = true;
	a.want_send = BIG;
	a.finish = true;
	UNTIL(b.got);
	stuck = b.got;
	for (int still = 0; still < 50; still++) {       /* until the kernel takes no more either */
		before = a.sent;
		event_base_loop(base, EVLOOP_NONBLOCK);
		still = a.sent == before ? still : 0;
	}
	assert_int_equal(b.got, stuck);
	assert_true(a.sent < BIG);
	b.hold = false;
	mst_stream_pause(b.s, false);
	UNTIL(b.eof);
	assert_int_equal(b.got, BIG);
	mst_stream_finish(b.s);
	UNTIL(a.ended && b.ended);
	assert_true(a.why == MST_TLS_CLOSED && b.why == MST_TLS_CLOSED);
}

/* Lesson 21: unknown and wrong are one to the peer, and two to the operator. */
static void test_wrong_and_unknown(void **state)
{
	for (int p = MST_TLS_ONEM2M; p <= MST_TLS_MODERN; p++) {
		char said[200];

		given = (struct mst_key){ .n = 32, .b = { 9 } };
		begin((enum mst_tls_profile)p, (enum mst_tls_profile)p);
		UNTIL(a.ended && b.ended);
		assert_true(a.why == MST_TLS_PSK_REFUSED && b.why == MST_TLS_PSK_REFUSED && !a.opened && !b.opened);
		assert_non_null(strstr(b.detail, "key wrong"));
		memcpy(said, a.detail, sizeof(said));
		finish(state);
		answer = UNKNOWN;
		begin((enum mst_tls_profile)p, (enum mst_tls_profile)p);
		UNTIL(a.ended && b.ended);
		assert_true(a.why == MST_TLS_PSK_REFUSED && b.why == MST_TLS_PSK_REFUSED);
		assert_non_null(strstr(b.detail, "identity unknown"));
		assert_string_equal(a.detail, said);
		assert_string_equal(b.identity, "0A@maf.example.com");
		finish(state);
	}
}

#if !TLS_NO_FIBRES
/* Trouble of our own is no verdict on the key. */
static void test_no_verdict(void **state)
{
	answer = BUSY;
	begin(MST_TLS_BOTH, MST_TLS_BOTH);
	UNTIL(a.ended && b.ended);
	assert_true(b.why == MST_TLS_BUSY && a.why == MST_TLS_TRUNCATED);
	assert_string_equal(b.detail, "nobody can say");
	finish(state);
	answer = SILENT;
	begin(MST_TLS_BOTH, MST_TLS_BOTH);
	UNTIL(a.ended && b.ended);
	assert_true(b.why == MST_TLS_TIMEOUT && a.why == MST_TLS_TRUNCATED);
}

static void test_key_comes_late(void **state)
{
	(void)state;
	answer = LATER;
	begin(MST_TLS_BOTH, MST_TLS_BOTH);
	UNTIL(b.asked);
	for (int i = 0; i < 50; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(a.opened || b.opened || a.ended || b.ended);
	mst_stream_psk(b.s, &given);
	UNTIL(a.opened && b.opened);
	assert_int_equal(b.asked, 1);
}

#endif

/* Freed while suspended, while open, twice asked to end: nothing is called afterwards. */
static void test_free_anywhere(void **state)
{
	if (!TLS_NO_FIBRES) {
		answer = LATER;
		begin(MST_TLS_BOTH, MST_TLS_BOTH);
		UNTIL(b.asked);
		b.s = mst_stream_free(b.s);
		UNTIL(a.ended);
		assert_true(a.why == MST_TLS_TRUNCATED && !b.ended);
		finish(state);
	}
	begin(MST_TLS_ONEM2M, MST_TLS_BOTH);
	UNTIL(a.opened && b.opened);
	a.s = mst_stream_free(a.s);
	UNTIL(b.ended);
	/* cut, not said good-bye: the other side must know that something may be missing */
	assert_int_equal(b.why, MST_TLS_TRUNCATED);
	assert_int_equal(b.eof, 0);
}

static void test_nobody_there(void **state)
{
	struct mst_stream_config to;

	(void)state;
	event_del(&accepting);
	close(listener);
	begin(MST_TLS_BOTH, MST_TLS_BOTH);
	UNTIL(a.ended);
	assert_int_equal(a.why, MST_TLS_UNREACHABLE);
	assert_int_equal(mst_stream_write(a.s, MST_VIEW_LIT("x")), 0);
	mst_stream_finish(a.s);
	/* without a key, without a host: never */
	to = (struct mst_stream_config){ .base = base, .tls = ctx_a, .host = "127.0.0.1", .port = port, .psk_identity = "x" };
	assert_int_equal(mst_stream_connect(&to, &ops, &b, &b.s), MST_FAULT_CONFIG);
	to.psk = &key;
	to.host = "";
	assert_int_equal(mst_stream_connect(&to, &ops, &b, &b.s), MST_FAULT_CONFIG);
	b.s = NULL;
}

static int up(void **state)
{
	struct event_config *c = event_config_new();
	struct mst_diag d = { 0 };
	int small = 65536;

	(void)state;
	/* as the programs that also watch files do */
	event_config_avoid_method(c, "epoll");
	base = event_base_new_with_config(c);
	event_config_free(c);
	assert_int_equal(mst_listen("127.0.0.1:0", false, &listener, &port, &d), 0);
	/* accepted sockets inherit it: the kernel is not to swallow all that a test sends */
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	event_assign(&accepting, base, listener, EV_READ | EV_PERSIST, on_accept, NULL);
	return event_add(&accepting, NULL);
}

static int down(void **state)
{
	(void)state;
	event_base_free(base);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_both_ways, finish),         cmocka_unit_test_teardown(test_half_close, finish),
		cmocka_unit_test_teardown(test_back_pressure, finish),     cmocka_unit_test_teardown(test_wrong_and_unknown, finish),
#if !TLS_NO_FIBRES                      /* where nothing is ever suspended */
		cmocka_unit_test_teardown(test_no_verdict, finish),        cmocka_unit_test_teardown(test_key_comes_late, finish),
#endif
		cmocka_unit_test_teardown(test_free_anywhere, finish),     cmocka_unit_test_teardown(test_nobody_there, finish),
	};

	return cmocka_run_group_tests(tests, up, down);
}
