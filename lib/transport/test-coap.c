/*
 * CoAP over DTLS, server and client of ours against each other, on a good network and on a bad one. Strangers are in
 * tests/interop.
 */
#include "tests/support/cm.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport/test-coap-rig.h"
#include "transport/tls-int.h"

/* ---- tests ------------------------------------------------------------------------------------------- */

static void certificates_and_secrets_in_every_profile(void **state)
{
	(void)state;
	for (int profile = MST_TLS_ONEM2M; profile <= MST_TLS_BOTH; profile++)
		for (int psk = 0; psk < 2; psk++) {
			struct cw *w = cw_new();

			w->sc.profile = w->cc.profile = (enum mst_tls_profile)profile;
			if (psk)
				cw_use_secret(w);
			cw_serve(w);
			cw_dial(w);
			cw_until(w, &w->responses, 1);
			cw_whole(w);
			assert_string_equal(w->target, "/briefing/a%20b");
			assert_int_equal(strncmp(w->host, NAME ":", sizeof(NAME)), 0);
			assert_string_equal(w->media, "application/cbor");
			assert_string_equal(w->accept, "application/cbor");
			assert_int_equal(w->server_peer.how, psk ? MST_AUTH_PSK : MST_AUTH_CERT);
			assert_string_equal(w->server_peer.psk_identity, psk ? w->identity : "");
			assert_string_equal(w->server_peer.sni, NAME);
			assert_int_equal(w->client_peer.how, psk ? MST_AUTH_PSK : MST_AUTH_CERT);
			if (!psk)
				assert_true(mst_cert_names(&w->server_peer.cert, MST_ID_NODE, "urn:dev:ops:123456-thing-1"));
			assert_memory_equal(w->server_export, w->client_export, 48);
			assert_int_equal(mst_coap_server_stats(w->server).cookies, 1);
			cw_free(w);
		}
}

/* An answer leaves from the address that was asked, whatever the socket is bound to. */
static void on_every_address(void **state)
{
	static const struct { const char *on, *to; } rows[] = { { "0.0.0.0:0", "127.0.0.77" }, { "[::1]:0", "::1" }, { "[::]:0", "::1" } };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct cw *w = cw_new();

		w->on = rows[i].on;
		w->to.host = rows[i].to;
		cw_use_secret(w);
		cw_serve(w);
		cw_dial(w);
		cw_until(w, &w->responses, 1);
		cw_whole(w);
		cw_free(w);
	}
}

static void long_ones_both_ways(void **state)
{
	struct cw *w = cw_new();

	(void)state;
	w->n_question = 8192;
	w->n_answer = 16900;
	cw_serve(w);
	relay_start(w);
	cw_dial(w);
	cw_until(w, &w->responses, 1);
	cw_whole(w);
	/* no datagram that a network could have to cut (RFC 8200 5) */
	assert_true(w->relay.largest <= DTLS_MTU);
	assert_true(w->relay.largest > 1000);
	w->n_question = 8193;
	cw_post(w);
	cw_until(w, &w->responses, 2);
	assert_int_equal(w->status, 413);
	assert_int_equal(w->requests, 1);
	w->n_question = 1;
	w->n_answer = 16901;
	cw_post(w);
	cw_until(w, &w->ended, 1);
	assert_int_equal(w->client_end, MST_TLS_TOO_LARGE);
	cw_free(w);
}

/* The handshake as well as what comes after it. Waits for repetitions, so not for long. */
static void through_a_bad_network(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct cw *w = cw_new();

		if (!i)
			cw_use_secret(w);
		w->n_question = 3000;
		w->n_answer = 2500;
		w->to.handshake_ms = w->limits.handshake_ms = w->to.answer_ms = 50000;
		w->relay = (struct relay){ .loss = 4, .dup = 25, .turn = 40, .seed = (uint32_t)(i * 7 + 3) };
		cw_serve(w);
		relay_start(w);
		cw_dial(w);
		cw_until(w, &w->responses, 1);
		cw_whole(w);
		assert_int_equal(w->requests, 1);
		cw_free(w);
	}
}

static void a_doubled_request_is_asked_once(void **state)
{
	struct cw *w = cw_new();

	(void)state;
	cw_use_secret(w);
	w->relay.dup = 100;
	w->relay.turn = 50;
	w->relay.seed = 9;
	w->n_answer = 5000;
	cw_serve(w);
	relay_start(w);
	cw_dial(w);
	cw_until(w, &w->responses, 1);
	cw_whole(w);
	for (unsigned i = 2; i < 6; i++) {
		cw_post(w);
		cw_until(w, &w->responses, i);
		cw_whole(w);
		assert_int_equal(w->requests, i);
	}
	cw_free(w);
}

#if !TLS_NO_FIBRES
static void a_key_that_comes_late(void **state)
{
	struct cw *w;

	(void)state;
	w = cw_new();
	cw_use_secret(w);
	w->hold_psk = true;
	cw_serve(w);
	cw_dial(w);
	cw_until(w, &w->psk_asked, 1);
	/* the rest of the flight waits; the client repeats it, and that is no second question */
	for (int i = 0; i < 20; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_int_equal(w->opened, 0);
	mst_coap_conn_psk(w->conn, &w->key);
	cw_until(w, &w->responses, 1);
	cw_whole(w);
	assert_int_equal(w->psk_asked, 1);
	cw_free(w);
}

#endif

/* NOLINTBEGIN: the linker's names */
int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hint, struct addrinfo **ret);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hint, struct addrinfo **ret);
/* "two.": the server's address, and one behind it at which nobody is. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hint, struct addrinfo **ret)
{
	int r;

	if (!host || strcmp(host, "two."))
		return __real_getaddrinfo(host, service, hint, ret);
	r = __real_getaddrinfo("127.0.0.1", service, hint, ret);
	return r ? r : __real_getaddrinfo("127.0.0.77", service, hint, &(*ret)->ai_next);
}
/* NOLINTEND */

static void keys_that_are_none(void **state)
{
	static const struct { bool unknown, busy; enum mst_tls_end server; const char *detail; } rows[] = {
		{ true, false, MST_TLS_PSK_REFUSED, "identity unknown" }, { false, false, MST_TLS_PSK_REFUSED, "key wrong" },
		{ false, true, MST_TLS_BUSY, "later" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows) && !(rows[i].busy && TLS_NO_FIBRES); i++) {
		struct cw *w = cw_new();
		struct mst_key other;

		cw_use_secret(w);
		assert_true(mst_key_set(&other, MST_VIEW_LIT("another key, of the same length!")));
		w->to.psk = &other;
		w->limits.handshake_ms = 1500;       /* the rest of a handshake must have room in it, on any machine */
		w->to.handshake_ms = 2000;
		if (i == 1) {
			/* half of it for each of two addresses; what the first one was silent about is not lost by the second */
			w->to.host = "two.";
			w->to.handshake_ms = 4000;
		}
		if (rows[i].unknown)
			w->identity = "somebody@" NAME;
		w->hold_psk = rows[i].busy;
		cw_serve(w);
		cw_dial(w);
		if (rows[i].busy) {
			cw_until(w, &w->psk_asked, 1);
			mst_coap_conn_busy(w->conn, "later");
		}
		cw_until(w, &w->failed, 1);
		if (!rows[i].busy)
			cw_until(w, &w->ended, 1);
		assert_int_equal(w->server_end, rows[i].server);
		assert_non_null(strstr(w->server_detail, rows[i].detail));
		/* unknown and wrong are the same to the peer: silence */
		if (!rows[i].busy)
			assert_int_equal(w->client_end, MST_TLS_SILENT);
		assert_int_equal(w->opened, 0);
		assert_int_equal(mst_coap_server_open(w->server), 0);
		cw_free(w);
	}
}

static void certificates_that_are_refused(void **state)
{
	static struct rig_cert late, elsewhere, revoked;
	static uint8_t crl[4096];
	static struct mst_view lists[1];
	const struct rig_pki *p = rig_pki();

	(void)state;
	rig_cert(&late, &p->root, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:123456-late", -7200, -3600);
	rig_cert(&elsewhere, &p->other_root, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:123456-else", -3600, 3600);
	rig_cert(&revoked, &p->root, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:123456-gone", -3600, 3600);
	lists[0] = (struct mst_view){ crl, rig_crl(crl, sizeof(crl), &p->root, &revoked, -60, 3600) };
	for (int i = 0; i < 5; i++) {
		struct cw *w = cw_new();
		const struct rig_cert *mine = i == 0 ? &late : i == 1 ? &elsewhere : &revoked;
		static const enum mst_tls_end ends[] = { MST_TLS_EXPIRED, MST_TLS_UNTRUSTED, MST_TLS_REVOKED, MST_TLS_NO_CERTIFICATE, MST_TLS_NO_SNI };

		w->sc.crls = lists;
		w->sc.n_crls = 1;
		if (i < 3) {
			w->cc.chain_pem = mst_view_str(mine->pem);
			w->cc.key_pkcs8 = rig_key(mine);
		} else if (i == 3) {
			w->cc.chain_pem = w->cc.key_pkcs8 = MST_VIEW_NONE;
		} else {
			w->to.server_name = "other.example.com";
		}
		cw_serve(w);
		cw_dial(w);
		cw_until(w, &w->failed, 1);
		cw_until(w, &w->ended, 1);
		assert_int_equal(w->server_end, ends[i]);
		assert_int_equal(w->client_end, i == 4 ? MST_TLS_NO_SNI : MST_TLS_ALERT);
		assert_int_equal(w->requests, 0);
		cw_free(w);
	}
}

/* The server's own proof, as the client judges it. */
static void servers_that_lie(void **state)
{
	static struct rig_cert wrong_name, wrong_ca;
	const struct rig_pki *p = rig_pki();

	(void)state;
	rig_cert(&wrong_name, &p->root, MST_CERT_SERVER, MST_ID_FQDN, "liar.example.com", -3600, 3600);
	rig_cert(&wrong_ca, &p->other_root, MST_CERT_SERVER, MST_ID_FQDN, NAME, -3600, 3600);
	for (int i = 0; i < 2; i++) {
		struct cw *w = cw_new();
		const struct rig_cert *its = i ? &wrong_ca : &wrong_name;

		w->sc.chain_pem = mst_view_str(its->pem);
		w->sc.key_pkcs8 = rig_key(its);
		cw_serve(w);
		cw_dial(w);
		cw_until(w, &w->ended, 1);
		assert_int_equal(w->client_end, i ? MST_TLS_UNTRUSTED : MST_TLS_WRONG_NAME);
		assert_int_equal(w->opened, 0);
		cw_free(w);
	}
}

static void places(void **state)
{
	struct cw *w = cw_new();
	struct mst_coap_client *more[4] = { NULL };

	(void)state;
	cw_use_secret(w);
	w->limits.sessions = 3;
	w->no_ask = true;
	cw_serve(w);
	for (unsigned i = 0; i < 4; i++) {
		cw_dial(w);
		cw_until(w, &w->opened, i + 1);
		more[i] = w->client;
		w->client = NULL;
	}
	/* the first made room for the fourth, and was told so */
	cw_until(w, &w->ended, 1);
	assert_int_equal(w->client_end, MST_TLS_CLOSED);
	assert_int_equal(mst_coap_server_open(w->server), 3);
	assert_int_equal(mst_coap_server_stats(w->server).evicted, 1);
	/* who waits for an answer keeps its place */
	w->hold_answer = true;
	for (unsigned i = 1; i < 4; i++) {
		w->client = more[i];
		cw_post(w);
		cw_until(w, &w->requests, i);
	}
	w->client = NULL;
	cw_dial(w);
	cw_until(w, &w->failed, 1);
	assert_int_equal(w->server_end, MST_TLS_BUSY);
	assert_int_equal(mst_coap_server_open(w->server), 3);
	for (int i = 0; i < 4; i++)
		mst_coap_client_free(more[i]);
	cw_free(w);
}

static void time_runs_out(void **state)
{
	struct cw *w = cw_new();
	unsigned open = 0;

	(void)state;
	w->limits.answer_ms = 100;
	w->limits.idle_ms = 1500;
	w->hold_answer = true;
	cw_use_secret(w);
	cw_serve(w);
	cw_dial(w);
	cw_until(w, &w->responses, 1);
	assert_int_equal(w->status, 503);
	assert_string_equal(w->retry, "5");
	assert_int_equal(w->closed_pending, 1);
	cw_until(w, &w->ended, 1);
	/* idle: the client hears that it ends */
	w->hold_answer = false;
	w->no_ask = true;
	cw_dial(w);
	cw_until(w, &w->ended, 2);
	assert_int_equal(w->client_end, MST_TLS_CLOSED);
	if (TLS_NO_FIBRES) {
		cw_free(w);                  /* no handshake stops half-way there */
		return;
	}
	/* half a handshake: the client is cut off behind the cookie */
	w->limits.handshake_ms = 1500;
	mst_coap_server_set_limits(w->server, &w->limits);
	relay_start(w);
	w->to.handshake_ms = 1600;
	w->hold_psk = true;
	cw_dial(w);
	cw_until(w, &w->psk_asked, 3);
	w->relay.closed = true;
	cw_until(w, &w->failed, 1);
	assert_int_equal(w->server_end, MST_TLS_TIMEOUT);
	open = mst_coap_server_open(w->server);
	assert_int_equal(open, 0);
	cw_until(w, &w->ended, 3);
	/* nobody there: the port says so */
	relay_end(&w->relay);
	w->relay.port = 0;
	cw_dial(w);
	cw_until(w, &w->ended, 4);
	assert_int_equal(w->client_end, MST_TLS_UNREACHABLE);
	cw_free(w);
}

/* RFC 6347 4.2.8: the same address, and somebody who knows nothing of the session that was. */
static void begun_anew_from_the_same_address(void **state)
{
	struct cw *w = cw_new();

	(void)state;
	cw_use_secret(w);
	cw_serve(w);
	relay_start(w);              /* the server sees the relay's address, whoever dials */
	cw_dial(w);
	cw_until(w, &w->responses, 1);
	w->relay.closed = true;      /* its good-bye is lost: power cut */
	w->client = mst_coap_client_free(w->client);
	for (int i = 0; i < 5; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	w->relay.closed = false;
	assert_int_equal(mst_coap_server_open(w->server), 1);
	cw_dial(w);
	cw_until(w, &w->responses, 2);
	cw_whole(w);
	assert_int_equal(mst_coap_server_open(w->server), 1);
	assert_int_equal(w->closed, 1);
	cw_free(w);
}

static void reloaded_and_drained(void **state)
{
	struct cw *w = cw_new();
	struct mst_tls_ctx *ctx;

	(void)state;
	cw_use_secret(w);
	w->hold_answer = true;
	cw_serve(w);
	cw_dial(w);
	cw_until(w, &w->requests, 1);
	ctx = cw_context(&w->sc);
	mst_coap_server_reload(w->server, ctx);
	mst_tls_ctx_free(ctx);
	assert_int_equal(mst_coap_server_open(w->server), 1);        /* busy: after its answer */
	mst_coap_conn_set_whose(w->conn, &(struct mst_whose){ 7, 70 });
	mst_coap_server_cut(w->server, &(struct mst_whose){ .one = 8 });
	mst_coap_server_cut(w->server, &(struct mst_whose){ .one = 70, .group = 7 });
	mst_coap_server_cut(w->server, &(struct mst_whose){ 0 });
	assert_int_equal(mst_coap_server_open(w->server), 1);
	mst_coap_server_cut(w->server, &(struct mst_whose){ .one = 7 });
	assert_int_equal(mst_coap_server_open(w->server), 1);
	cw_answer(w);
	cw_until(w, &w->responses, 1);
	cw_whole(w);
	cw_until(w, &w->ended, 1);
	assert_int_equal(w->client_end, MST_TLS_CLOSED);
	cw_dial(w);
	cw_until(w, &w->requests, 2);
	mst_coap_server_drain(w->server);
	cw_answer(w);
	cw_until(w, &w->responses, 2);
	cw_until(w, &w->ended, 2);
	assert_int_equal(mst_coap_server_open(w->server), 0);
	w->to.handshake_ms = 300;
	cw_dial(w);
	cw_until(w, &w->ended, 3);
	assert_int_equal(w->client_end, MST_TLS_TIMEOUT);
	cw_free(w);
}

static void refusals_and_load(void **state)
{
	static const int statuses[] = { 400, 403, 404, 409, 413, 415, 429, 503 };
	struct cw *w = cw_new();
	unsigned n = 1;

	(void)state;
	cw_use_secret(w);
	w->answer_retry = 3600;
	cw_serve(w);
	cw_dial(w);
	cw_until(w, &w->responses, n);
	for (size_t i = 0; i < MST_COUNT(statuses); i++) {
		w->answer_status = statuses[i];
		cw_post(w);
		cw_until(w, &w->responses, ++n);
		cw_whole(w);
		assert_string_equal(w->retry, "3600");
	}
	w->answer_status = 204;
	w->n_answer = 0;
	cw_post(w);
	cw_until(w, &w->responses, ++n);
	cw_whole(w);
	/* room for blocks is bounded over all sessions, requests are too */
	w->limits.held_octets = 4000;
	w->limits.requests = 0;
	mst_coap_server_set_limits(w->server, &w->limits);
	w->n_question = 8000;
	cw_post(w);
	cw_until(w, &w->responses, ++n);
	assert_int_equal(w->status, 503);
	assert_string_equal(w->retry, "1");
	w->n_question = 8;
	cw_post(w);
	cw_until(w, &w->responses, ++n);
	assert_int_equal(w->status, 503);
	assert_int_equal(w->requests, n - 2);
	cw_free(w);
}

static void pipe_is_bounded(void **state)
{
	struct dtls_pipe p = { .fd = -1 };
	static uint8_t b[4000];

	(void)state;
	for (int i = 0; i < DTLS_QUEUE; i++)
		assert_true(dtls_pipe_keep(&p, (struct mst_view){ b, 100 }));
	assert_false(dtls_pipe_keep(&p, (struct mst_view){ b, 1 }));
	dtls_pipe_drop(&p);
	assert_true(dtls_pipe_keep(&p, (struct mst_view){ b, 4000 }));
	assert_true(dtls_pipe_keep(&p, (struct mst_view){ b, 4000 }));
	assert_false(dtls_pipe_keep(&p, (struct mst_view){ b, 4000 }));
	dtls_pipe_drop(&p);
	assert_int_equal(p.octets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_and_secrets_in_every_profile), cmocka_unit_test(on_every_address), cmocka_unit_test(long_ones_both_ways),
		cmocka_unit_test(through_a_bad_network), cmocka_unit_test(a_doubled_request_is_asked_once),
#if !TLS_NO_FIBRES                      /* where nothing is ever suspended */
		cmocka_unit_test(a_key_that_comes_late),
#endif
		cmocka_unit_test(keys_that_are_none), cmocka_unit_test(certificates_that_are_refused), cmocka_unit_test(servers_that_lie),
		cmocka_unit_test(places), cmocka_unit_test(time_runs_out), cmocka_unit_test(begun_anew_from_the_same_address), cmocka_unit_test(reloaded_and_drained),
		cmocka_unit_test(refusals_and_load), cmocka_unit_test(pipe_is_bounded),
	};

	return cmocka_run_group_tests_name("coap over dtls", tests, NULL, NULL);
}
