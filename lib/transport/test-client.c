#include "tests/support/cm.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/resolve.h"
#include "transport/test-rig.h"

/* A listening socket that nobody accepts from, or that the test plays the server on. */
static int listening(uint16_t *ret_port)
{
	struct mst_diag d;
	int fd;

	assert_int_equal(mst_listen("127.0.0.1:0", false, &fd, ret_port, &d), 0);
	return fd;
}

static void expect_end(struct rig *r, enum mst_tls_end end)
{
	rig_connect(r);
	rig_until(r, &r->ended);
	if (r->client_end != end)
		fail_msg("%s (%s)", mst_tls_end_text(r->client_end), r->client_detail);
	assert_true(r->client_detail[0]);
	assert_int_equal(r->opened, 0);
}

static void unreachable(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	fd = listening(&r.client_to.port);
	close(fd);
	expect_end(&r, MST_TLS_UNREACHABLE);
	rig_deinit(&r);
}

static void name_unknown(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.client_to.host = "no-such-host.invalid";
	r.client_to.port = 1;
	expect_end(&r, MST_TLS_NAME_UNKNOWN);
	rig_deinit(&r);
	/* given up while the resolver works */
	rig_init(&r);
	r.client_to.host = "no-such-host.invalid";
	r.client_to.port = 1;
	rig_connect(&r);
	rig_turn(&r);
	rig_deinit(&r);
}

/* By name, through the resolver; and a name that has more than the one address that answers (lesson 8) */
static void by_name(void **state)
{
	static const char *const name[] = { "localhost", "LocalHost.", "any.localhost" };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(name); i++) {
		struct rig r;

		rig_init(&r);
		rig_start(&r);
		r.client_to.host = name[i];
		rig_connect(&r);
		rig_until(&r, &r.responses);
		rig_deinit(&r);
	}
}

static void dials_elsewhere(void **state)
{
	struct rig r;
	char to[40];

	(void)state;
	rig_init(&r);
	rig_start(&r);
	snprintf(to, sizeof(to), "127.0.0.1:%u", r.port);
	r.client_to.host = "mef.example.com";
	r.client_to.port = 443;
	r.client_to.connect_to = to;
	rig_connect(&r);
	rig_until(&r, &r.responses);
	/* the next request on the same session */
	assert_int_equal(mst_client_send(r.client, mst_view_str(r.send_on_open)), 0);
	assert_int_equal(mst_client_send(r.client, mst_view_str(r.send_on_open)), MST_FAULT_BUG);
	rig_until_n(&r, &r.responses, 2);
	assert_int_equal(r.opened, 1);
	mst_client_close(r.client);
	assert_int_equal(r.ended, 0);
	rig_until(&r, &r.ended);
	assert_int_equal(r.client_end, MST_TLS_CLOSED);
	assert_int_equal(mst_client_send(r.client, mst_view_str(r.send_on_open)), MST_FAULT_BUG);
	rig_until(&r, &r.closed);
	rig_deinit(&r);
}

static void silent_server(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	fd = listening(&r.client_to.port);
	r.client_to.handshake_ms = 100;
	expect_end(&r, MST_TLS_TIMEOUT);
	close(fd);
	rig_deinit(&r);

	rig_init(&r);
	r.hold_answer = true;
	r.client_to.answer_ms = 100;
	rig_start(&r);
	rig_connect(&r);
	rig_until(&r, &r.ended);
	assert_int_equal(r.client_end, MST_TLS_TIMEOUT);
	assert_int_equal(r.opened, 1);
	rig_deinit(&r);
}

/* The server plays tricks: what it sends instead of TLS, and how it goes away */
static void strange_servers(void **state)
{
	static const struct { const char *say; size_t n; enum mst_tls_end end; } row[] = {
		{ "", 0, MST_TLS_TRUNCATED }, { "HTTP/1.1 400 \r\n\r\n", 17, MST_TLS_PROTOCOL },
		{ "\x15\x03\x03\x01\x02\x02\x28", 7, MST_TLS_TRUNCATED },  /* a record cut short */
		{ "\x15\x03\x03\x00\x02\x02\x2a", 7, MST_TLS_ALERT },      /* bad_certificate, which anybody can say */
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct rig r;
		struct sockaddr_in a;
		socklen_t n = sizeof(a);
		int fd, k = -1;

		rig_init(&r);
		fd = listening(&r.client_to.port);
		rig_connect(&r);
		for (int turn = 0; turn < 1000000 && k < 0; turn++) {
			rig_turn(&r);
			k = accept(fd, (struct sockaddr *)&a, &n);
		}
		assert_true(k >= 0);
		assert_int_equal(send(k, row[i].say, row[i].n, 0), row[i].n);
		assert_int_equal(shutdown(k, SHUT_WR), 0);
		rig_until(&r, &r.ended);
		if (r.client_end != row[i].end)
			fail_msg("%zu: %s (%s)", i, mst_tls_end_text(r.client_end), r.client_detail);
		assert_false(r.client_proven);
		close(k);
		close(fd);
		rig_deinit(&r);
	}
}

static void bad_responses(void **state)
{
	static const struct { const char *answer; bool drop; enum mst_tls_end end; unsigned responses; } row[] = {
		{ "HTTP/1.1 200 \nContent-Length: 2\n\nok", false, MST_TLS_PROTOCOL, 0 },
		{ "HTTP/1.1 200 \r\nContent-Length: 99999999\r\n\r\n", false, MST_TLS_TOO_LARGE, 0 },
		{ "HTTP/1.1 200 \r\nContent-Length: 10\r\n\r\nok", true, MST_TLS_TRUNCATED, 0 },
		{ "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 \r\n", false, MST_TLS_PROTOCOL, 1 },
		{ "HTTP/1.1 200 \r\n\r\nto the end", true, MST_TLS_CLOSED, 1 },
		{ "HTTP/1.1 200 \r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false, MST_TLS_CLOSED, 1 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct rig r;

		rig_init(&r);
		r.hold_answer = true;
		rig_start(&r);
		rig_connect(&r);
		rig_until(&r, &r.requests);
		mst_conn_answer(r.conn, mst_view_str(row[i].answer), row[i].drop);
		rig_until(&r, &r.ended);
		if (r.client_end != row[i].end)
			fail_msg("%zu: %s (%s)", i, mst_tls_end_text(r.client_end), r.client_detail);
		assert_int_equal(r.responses, row[i].responses);
		rig_deinit(&r);
	}
}

/* The server vanishes without a word while its answer is awaited */
static void server_dropped(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.hold_answer = true;
	rig_start(&r);
	rig_connect(&r);
	rig_until(&r, &r.requests);
	r.server = mst_server_free(r.server);
	assert_int_equal(r.closed_pending, 1);
	rig_until(&r, &r.ended);
	assert_int_equal(r.client_end, MST_TLS_TRUNCATED);
	rig_deinit(&r);
}

/* Lesson 1: the same settings, again after any failure */
static void usable_again(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	fd = listening(&r.client_to.port);
	close(fd);
	expect_end(&r, MST_TLS_UNREACHABLE);
	rig_start(&r);
	rig_connect(&r);
	rig_until(&r, &r.responses);
	rig_deinit(&r);
}

struct suicide { struct mst_client *c; int when; unsigned done; };

static void s_open(void *owner, struct mst_client *c)
{
	struct suicide *s = owner;

	if (s->when == 0) {
		s->c = mst_client_free(c);
		s->done++;
		return;
	}
	assert_int_equal(mst_client_send(c, mst_view_str("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), 0);
}

static void s_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct suicide *s = owner;

	(void)m;
	assert_int_equal(s->when, 1);
	s->c = mst_client_free(c);
	s->done++;
}

static void s_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct suicide *s = owner;

	(void)why;
	(void)detail;
	assert_int_equal(s->when, 2);
	s->c = mst_client_free(c);
	s->done++;
}

static void freed_inside_callbacks(void **state)
{
	static const struct mst_client_ops ops = { s_open, s_response, s_end };

	(void)state;
	for (int when = 0; when < 3; when++) {
		struct suicide s = { .when = when };
		struct rig r;

		rig_init(&r);
		rig_start(&r);
		if (when == 2)
			r.client_config.n_anchors = 0;
		assert_int_equal(mst_tls_ctx_new(&r.client_config, &r.client_to.tls, NULL), 0);
		assert_int_equal(mst_client_new(&r.client_to, &ops, &s, &s.c), 0);
		rig_until(&r, &s.done);
		assert_null(s.c);
		rig_turn(&r);
		rig_deinit(&r);
	}
}

/* --- a proof for each request --- */

struct prover { unsigned put, judged, again, freed; bool refuses; enum mst_tls_end end; };

static bool prove(void *arg, struct mst_view request, struct mst_writer *w)
{
	struct prover *p = arg;

	p->put++;
	mst_put_str(w, p->put == 1 ? "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n" : "GET /proved HTTP/1.1\r\nHost: a\r\n\r\n");
	return request.n && !p->refuses;
}

static enum mst_tls_end judge(void *arg, const struct mst_http_msg *m, bool *ret_again, const char **ret_detail)
{
	struct prover *p = arg;

	assert_int_equal(m->status, 200);
	*ret_again = p->judged++ < p->again;
	*ret_detail = "judged";
	return *ret_again ? MST_TLS_OPEN : p->end;
}

static void prover_free(void *arg)
{
	struct prover *p = arg;

	p->freed++;
}

static const struct mst_client_proof_ops proof = { prove, judge, prover_free };

/* The owner has one answer, whatever it took; or the session ends as the judge says. */
static void each_request_is_proved(void **state)
{
	static const struct { unsigned again; enum mst_tls_end end; const char *target; } row[] = {
		{ 0, MST_TLS_OPEN, "/plain" }, { 1, MST_TLS_OPEN, "/proved" }, { 2, MST_TLS_OPEN, "/proved" },
		{ 1, MST_TLS_PSK_REFUSED, "/proved" }, { 0, MST_TLS_UNTRUSTED, "/plain" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct prover p = { .again = row[i].again, .end = row[i].end };
		struct rig r;

		rig_init(&r);
		r.client_to.proof = &proof;
		r.client_to.proof_arg = &p;
		rig_start(&r);
		rig_connect(&r);
		rig_until(&r, row[i].end == MST_TLS_OPEN ? &r.responses : &r.ended);
		assert_int_equal(p.put, row[i].again + 1);
		assert_int_equal(p.judged, row[i].again + 1);
		assert_int_equal(r.responses, row[i].end == MST_TLS_OPEN);
		assert_string_equal(r.target, row[i].target);
		if (row[i].end != MST_TLS_OPEN) {
			assert_int_equal(r.client_end, row[i].end);
			assert_string_equal(r.client_detail, "judged");
		}
		rig_deinit(&r);
		assert_int_equal(p.freed, 1);
	}
}

/* A challenge whose answer belongs into a session that is no more */
static void challenged_and_closed(void **state)
{
	struct prover p = { .again = 1 };
	struct rig r;

	(void)state;
	rig_init(&r);
	r.client_to.proof = &proof;
	r.client_to.proof_arg = &p;
	r.hold_answer = true;
	rig_start(&r);
	rig_connect(&r);
	rig_until(&r, &r.requests);
	mst_conn_answer(r.conn, mst_view_str("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), true);
	rig_until(&r, &r.ended);
	assert_int_equal(r.client_end, MST_TLS_PROTOCOL);
	assert_non_null(strstr(r.client_detail, "closes after its challenge"));
	assert_int_equal(r.responses, 0);
	rig_deinit(&r);
	assert_int_equal(p.freed, 1);
}

/* Neither an HTTP/2 session nor a refused setting forgets whose the proof is. */
static void a_proof_and_its_end(void **state)
{
	static const struct mst_client_ops ops = { NULL, NULL, NULL };
	struct prover p = { .again = 0 };
	struct mst_client *c;
	struct rig r;

	(void)state;
	rig_init(&r);
	assert_int_equal(mst_tls_ctx_new(&r.client_config, &r.client_to.tls, NULL), 0);
	r.client_to.proof = &proof;
	r.client_to.proof_arg = &p;
	r.client_to.streams = 4;
	assert_int_equal(mst_client_new(&r.client_to, &ops, NULL, &c), MST_FAULT_CONFIG);
	assert_int_equal(p.freed, 1);
	rig_deinit(&r);
}

/* The one suite of a client's sessions with certificates */
static void one_suite_alone(void **state)
{
	static const uint16_t suite[] = { 0xc02b, 0xc023 };
	struct mst_diag d = { 0 };
	struct rig r;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(suite); i++) {
		rig_init(&r);
		r.server_config.profile = MST_TLS_BOTH;
		r.client_config.profile = MST_TLS_BOTH;
		r.client_config.cert_suite = suite[i];
		rig_start(&r);
		rig_connect(&r);
		rig_until(&r, &r.responses);
		assert_int_equal(r.client_peer.suite, suite[i]);
		assert_int_equal(r.server_peer.suite, suite[i]);
		rig_deinit(&r);
	}
	rig_init(&r);
	r.client_config.cert_suite = 0x00ae;
	assert_int_equal(mst_tls_ctx_new(&r.client_config, &r.client_to.tls, &d), MST_FAULT_CONFIG);
	assert_string_equal(d.field, "cert_suite");
	rig_deinit(&r);
}

static void refused_settings(void **state)
{
	static const struct mst_client_ops ops = { NULL, NULL, NULL };
	struct mst_client *c;
	struct rig r;

	(void)state;
	rig_init(&r);
	assert_int_equal(mst_tls_ctx_new(&r.client_config, &r.client_to.tls, NULL), 0);
	for (int i = 0; i < 5; i++) {
		struct mst_client_config cfg = r.client_to;

		if (i == 0)
			cfg.tls = NULL;                 /* plain text leaves the host */
		else if (i == 1)
			cfg.server_name = NULL;         /* nobody expected */
		else if (i == 2)
			cfg.host = "";
		else if (i == 3)
			cfg.connect_to = "nonsense";
		else
			cfg.psk = &r.key;               /* without identity */
		assert_int_equal(mst_client_new(&cfg, &ops, NULL, &c), MST_FAULT_CONFIG);
	}
	rig_deinit(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unreachable),
		cmocka_unit_test(name_unknown),
		cmocka_unit_test(by_name),
		cmocka_unit_test(dials_elsewhere),
		cmocka_unit_test(silent_server),
		cmocka_unit_test(strange_servers),
		cmocka_unit_test(bad_responses),
		cmocka_unit_test(server_dropped),
		cmocka_unit_test(usable_again),
		cmocka_unit_test(freed_inside_callbacks),
		cmocka_unit_test(refused_settings),
		cmocka_unit_test(each_request_is_proved),
		cmocka_unit_test(challenged_and_closed),
		cmocka_unit_test(a_proof_and_its_end),
		cmocka_unit_test(one_suite_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
