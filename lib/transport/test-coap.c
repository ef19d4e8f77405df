/*
 * CoAP over DTLS, server and client of ours on one loop over loopback, with a relay between them that loses, doubles and turns
 * round. Strangers are in tests/interop.
 */
#include "tests/support/cm.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "crypto/derive.h"
#include "transport/coap-client.h"
#include "transport/coap-int.h"
#include "transport/test-rig.h"

#define NAME "mef.example.com"
#define AIR 64

/* Between client and server: what the client's address is to the server is the relay's. */
struct relay {
	int in, out;
	uint16_t port;
	struct event on_in, on_out, later;
	struct sockaddr_in client;
	unsigned loss, dup, turn;            /* per cent */
	unsigned passed, lost;
	size_t largest;
	bool closed;
	uint32_t seed;
	struct { bool to_server; size_t n; uint8_t b[2048]; } air[AIR];
	size_t n_air;
};

struct cw {
	struct event_base *base;
	struct mst_tls_config sc, cc;
	struct mst_coap_limits limits;
	struct mst_coap_server *server;
	struct mst_coap_client *client;
	struct mst_client_config to;
	struct mst_coap_client_ops client_ops;
	struct relay relay;
	uint16_t port;
	struct mst_key key;
	const char *identity;
	bool hold_answer, hold_psk, no_psk, no_ask;
	struct mst_coap_conn *conn;
	unsigned requests, psk_asked, failed, closed, closed_pending, opened, responses, ended;
	enum mst_tls_end server_end, client_end;
	char server_detail[200], client_detail[200], target[200], host[100], media[64], accept[64], retry[16];
	struct mst_peer server_peer, client_peer;
	int status, answer_status;
	unsigned answer_retry;
	uint8_t question[9000], answer[17000], got[9000], back[17000];
	size_t n_question, n_answer, n_got, n_back;
	uint8_t server_export[48], client_export[48];
};

static void copy_text(char *out, size_t cap, struct mst_view v)
{
	snprintf(out, cap, "%.*s", (int)v.n, v.n ? (const char *)v.p : "");
}

static void give_answer(struct cw *w)
{
	mst_coap_conn_answer(w->conn, &(struct mst_coap_result){ .status = w->answer_status, .media = "application/cbor",
		.content = { w->answer, w->n_answer }, .retry_after = w->answer_retry });
}

static void on_request(void *owner, struct mst_coap_conn *c, const struct mst_http_msg *m)
{
	struct cw *w = owner;

	w->requests++;
	w->conn = c;
	w->server_peer = *mst_coap_conn_peer(c);
	copy_text(w->target, sizeof(w->target), m->target);
	copy_text(w->host, sizeof(w->host), mst_http_find(m, "Host"));
	copy_text(w->media, sizeof(w->media), mst_http_find(m, "Content-Type"));
	copy_text(w->accept, sizeof(w->accept), mst_http_find(m, "Accept"));
	assert_true(m->body.n <= sizeof(w->got));
	w->n_got = m->body.n;
	if (m->body.n)
		memcpy(w->got, m->body.p, m->body.n);
	assert_int_equal(mst_coap_conn_export(c, MST_LABEL_BOOTSTRAP, w->server_export, 48), 0);
	if (!w->hold_answer)
		give_answer(w);
}

static void on_psk(void *owner, struct mst_coap_conn *c, const char *identity)
{
	struct cw *w = owner;

	w->psk_asked++;
	w->conn = c;
	if (!w->hold_psk)
		mst_coap_conn_psk(c, w->identity && !strcmp(identity, w->identity) ? &w->key : NULL);
}

static void on_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail)
{
	struct cw *w = owner;

	(void)peer;
	w->failed++;
	w->server_end = why;
	snprintf(w->server_detail, sizeof(w->server_detail), "%s", detail);
}

static void on_close(void *owner, struct mst_coap_conn *c, bool pending)
{
	struct cw *w = owner;

	w->closed++;
	w->closed_pending += pending;
	if (w->conn == c)
		w->conn = NULL;
}

static const struct mst_coap_ops with_psk = { on_request, on_psk, on_failed, on_close };
static const struct mst_coap_ops without_psk = { on_request, NULL, on_failed, on_close };

static void post(struct cw *w)
{
	assert_int_equal(mst_coap_client_post(w->client, "/briefing/a%20b", "application/cbor", "application/cbor",
					      (struct mst_view){ w->question, w->n_question }), 0);
}

static void on_open(void *owner, struct mst_coap_client *c)
{
	struct cw *w = owner;

	w->opened++;
	w->client_peer = *mst_coap_client_peer(c);
	assert_int_equal(mst_coap_client_export(c, MST_LABEL_BOOTSTRAP, w->client_export, 48), 0);
	if (!w->no_ask)
		post(w);
}

static void on_response(void *owner, struct mst_coap_client *c, const struct mst_http_msg *m)
{
	struct cw *w = owner;

	(void)c;
	w->responses++;
	w->status = m->status;
	copy_text(w->retry, sizeof(w->retry), mst_http_find(m, "Retry-After"));
	assert_true(m->body.n <= sizeof(w->back));
	w->n_back = m->body.n;
	if (m->body.n)
		memcpy(w->back, m->body.p, m->body.n);
}

static void on_end(void *owner, struct mst_coap_client *c, enum mst_tls_end why, const char *detail)
{
	struct cw *w = owner;

	(void)c;
	w->ended++;
	w->client_end = why;
	snprintf(w->client_detail, sizeof(w->client_detail), "%s", detail);
}

/* ---- the relay --------------------------------------------------------------------------------------- */

static uint32_t chance(struct relay *r, uint32_t n)
{
	r->seed = r->seed * 1664525u + 1013904223u;
	return (r->seed >> 8) % n;
}

static void pass(struct relay *r, size_t at)
{
	if (r->air[at].to_server)
		(void)!send(r->out, r->air[at].b, r->air[at].n, 0);
	else
		(void)!sendto(r->in, r->air[at].b, r->air[at].n, 0, (struct sockaddr *)&r->client, sizeof(r->client));
	r->passed++;
	r->air[at] = r->air[--r->n_air];
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	(void)fd;
	(void)what;
	while (r->n_air)
		pass(r, chance(r, (uint32_t)r->n_air));
}

static void take_up(struct relay *r, bool to_server, const uint8_t *b, size_t n)
{
	const struct timeval soon = { 0, 20000 };

	r->largest = n > r->largest ? n : r->largest;
	for (unsigned copies = 1 + (chance(r, 100) < r->dup); copies; copies--) {
		if (r->closed || n > sizeof(r->air[0].b) || chance(r, 100) < r->loss || r->n_air == AIR) {
			r->lost++;
			continue;
		}
		r->air[r->n_air].to_server = to_server;
		memcpy(r->air[r->n_air].b, b, n);
		r->air[r->n_air++].n = n;
		if (chance(r, 100) >= r->turn)
			pass(r, r->n_air - 1);
		else
			event_add(&r->later, &soon);
	}
}

static void relay_in(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	uint8_t b[4096];
	socklen_t n = sizeof(r->client);
	ssize_t k;

	(void)what;
	while ((k = recvfrom(fd, b, sizeof(b), MSG_DONTWAIT, (struct sockaddr *)&r->client, &n)) > 0)
		take_up(r, true, b, (size_t)k);
}

static void relay_out(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	uint8_t b[4096];
	ssize_t k;

	(void)what;
	while ((k = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0)
		take_up(r, false, b, (size_t)k);
}

static void relay_start(struct cw *w)
{
	struct relay *r = &w->relay;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(w->port) };
	struct mst_diag d = { 0 };

	r->out = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(r->out, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(mst_listen_udp("127.0.0.1:0", false, &r->in, &r->port, &d), 0);
	event_assign(&r->on_in, w->base, r->in, EV_READ | EV_PERSIST, relay_in, r);
	event_assign(&r->on_out, w->base, r->out, EV_READ | EV_PERSIST, relay_out, r);
	event_assign(&r->later, w->base, -1, 0, on_later, r);
	event_add(&r->on_in, NULL);
	event_add(&r->on_out, NULL);
	w->to.port = r->port;
}

static void relay_end(struct relay *r)
{
	if (!r->port)
		return;
	event_del(&r->on_in);
	event_del(&r->on_out);
	event_del(&r->later);
	close(r->in);
	close(r->out);
}

/* ---- the world --------------------------------------------------------------------------------------- */

static struct cw *cw_new(void)
{
	static const char *const served[] = { NAME };
	static struct mst_view anchors[1];
	const struct rig_pki *p = rig_pki();
	struct cw *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	anchors[0] = rig_der(&p->root);
	w->base = event_base_new();
	w->sc = (struct mst_tls_config){ .server = true, .datagram = true, .profile = MST_TLS_BOTH, .chain_pem = mst_view_str(p->server.pem),
		.key_pkcs8 = rig_key(&p->server), .anchors = anchors, .n_anchors = 1, .require_client_cert = true, .allow_psk = true,
		.require_sni = true, .require_ems = true, .names = served, .n_names = 1 };
	w->cc = (struct mst_tls_config){ .datagram = true, .profile = MST_TLS_BOTH, .chain_pem = mst_view_str(p->client.pem), .require_ems = true,
		.key_pkcs8 = rig_key(&p->client), .anchors = anchors, .n_anchors = 1 };
	w->limits = (struct mst_coap_limits){ .sessions = 64, .handshakes = 16, .requests = 16, .body_octets = 8192, .held_octets = 1 << 20,
		.handshake_ms = 10000, .idle_ms = 60000, .answer_ms = 10000, .session_ms = 3600000 };
	w->to = (struct mst_client_config){ .base = w->base, .host = "127.0.0.1", .server_name = NAME, .limits = { 0, 16900, false },
		.handshake_ms = 10000, .answer_ms = 20000 };
	w->client_ops = (struct mst_coap_client_ops){ on_open, on_response, on_end };
	w->identity = "known@" NAME;
	assert_true(mst_key_set(&w->key, MST_VIEW_LIT("0123456789abcdef0123456789abcdef")));
	w->answer_status = 200;
	w->relay.seed = 1;
	for (size_t i = 0; i < sizeof(w->answer); i++)
		w->answer[i] = (uint8_t)(i * 13 + i / 200);
	for (size_t i = 0; i < sizeof(w->question); i++)
		w->question[i] = (uint8_t)(i * 7 + i / 250);
	w->n_question = 10;
	w->n_answer = 20;
	return w;
}

static struct mst_tls_ctx *context(const struct mst_tls_config *c)
{
	struct mst_tls_ctx *ctx = NULL;
	struct mst_diag d = { 0 };

	if (mst_tls_ctx_new(c, &ctx, &d))
		fail_msg("%s: %s", d.field, d.text);
	return ctx;
}

static void serve(struct cw *w)
{
	struct mst_tls_ctx *ctx = context(&w->sc);
	struct mst_diag d = { 0 };
	int fd;

	assert_int_equal(mst_listen_udp("127.0.0.1:0", false, &fd, &w->port, &d), 0);
	assert_int_equal(mst_coap_server_new(w->base, fd, ctx, NAME, &w->limits, w->no_psk ? &without_psk : &with_psk, w, &w->server), 0);
	mst_tls_ctx_free(ctx);
	w->to.port = w->port;
}

static void dial(struct cw *w)
{
	w->to.tls = context(&w->cc);
	w->client = mst_coap_client_free(w->client);
	assert_int_equal(mst_coap_client_new(&w->to, &w->client_ops, w, &w->client), 0);
	mst_tls_ctx_free(w->to.tls);
	w->to.tls = NULL;
}

static void until_n(struct cw *w, const unsigned *what, unsigned n)
{
	time_t until = time(NULL) + 60;

	while (*what < n) {
		if (time(NULL) > until)
			fail_msg("waited for in vain; server: %u \"%s\", client: %u \"%s\"", w->server_end, w->server_detail, w->client_end, w->client_detail);
		event_base_loop(w->base, EVLOOP_ONCE);
	}
}

/* The client ends; the server hears of it. */
static void cw_free(struct cw *w)
{
	mst_coap_client_free(w->client);
	mst_coap_server_free(w->server);
	relay_end(&w->relay);
	event_base_free(w->base);
	free(w);
}

static void whole(const struct cw *w)
{
	assert_int_equal(w->status, w->answer_status);
	assert_int_equal(w->n_got, w->n_question);
	assert_memory_equal(w->got, w->question, w->n_question);
	assert_int_equal(w->n_back, w->n_answer);
	assert_memory_equal(w->back, w->answer, w->n_answer);
}

static void use_secret(struct cw *w)
{
	w->to.psk = &w->key;
	w->to.psk_identity = w->identity;
	w->cc.chain_pem = w->cc.key_pkcs8 = MST_VIEW_NONE;
}

/* ---- tests ------------------------------------------------------------------------------------------- */

static void certificates_and_secrets_in_every_profile(void **state)
{
	(void)state;
	for (int profile = MST_TLS_ONEM2M; profile <= MST_TLS_BOTH; profile++)
		for (int psk = 0; psk < 2; psk++) {
			struct cw *w = cw_new();

			w->sc.profile = w->cc.profile = (enum mst_tls_profile)profile;
			if (psk)
				use_secret(w);
			serve(w);
			dial(w);
			until_n(w, &w->responses, 1);
			whole(w);
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

static void long_ones_both_ways(void **state)
{
	struct cw *w = cw_new();

	(void)state;
	w->n_question = 8192;
	w->n_answer = 16900;
	serve(w);
	relay_start(w);
	dial(w);
	until_n(w, &w->responses, 1);
	whole(w);
	/* no datagram that a network could have to cut (RFC 8200 5) */
	assert_true(w->relay.largest <= DTLS_MTU);
	assert_true(w->relay.largest > 1000);
	w->n_question = 8193;
	post(w);
	until_n(w, &w->responses, 2);
	assert_int_equal(w->status, 413);
	assert_int_equal(w->requests, 1);
	w->n_question = 1;
	w->n_answer = 16901;
	post(w);
	until_n(w, &w->ended, 1);
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
			use_secret(w);
		w->n_question = 3000;
		w->n_answer = 2500;
		w->to.handshake_ms = w->limits.handshake_ms = w->to.answer_ms = 50000;
		w->relay = (struct relay){ .loss = 4, .dup = 25, .turn = 40, .seed = (uint32_t)(i * 7 + 3) };
		serve(w);
		relay_start(w);
		dial(w);
		until_n(w, &w->responses, 1);
		whole(w);
		assert_int_equal(w->requests, 1);
		cw_free(w);
	}
}

static void a_doubled_request_is_asked_once(void **state)
{
	struct cw *w = cw_new();

	(void)state;
	use_secret(w);
	w->relay.dup = 100;
	w->relay.turn = 50;
	w->relay.seed = 9;
	w->n_answer = 5000;
	serve(w);
	relay_start(w);
	dial(w);
	until_n(w, &w->responses, 1);
	whole(w);
	for (unsigned i = 2; i < 6; i++) {
		post(w);
		until_n(w, &w->responses, i);
		whole(w);
		assert_int_equal(w->requests, i);
	}
	cw_free(w);
}

static void a_key_that_comes_late(void **state)
{
	struct cw *w = cw_new();

	(void)state;
	use_secret(w);
	w->hold_psk = true;
	serve(w);
	dial(w);
	until_n(w, &w->psk_asked, 1);
	/* the rest of the flight waits; the client repeats it, and that is no second question */
	for (int i = 0; i < 20; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_int_equal(w->opened, 0);
	mst_coap_conn_psk(w->conn, &w->key);
	until_n(w, &w->responses, 1);
	whole(w);
	assert_int_equal(w->psk_asked, 1);
	cw_free(w);
}

static void keys_that_are_none(void **state)
{
	static const struct { bool unknown, busy; enum mst_tls_end server; const char *detail; } rows[] = {
		{ true, false, MST_TLS_PSK_REFUSED, "identity unknown" }, { false, false, MST_TLS_PSK_REFUSED, "key wrong" },
		{ false, true, MST_TLS_BUSY, "later" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct cw *w = cw_new();
		struct mst_key other;

		use_secret(w);
		assert_true(mst_key_set(&other, MST_VIEW_LIT("another key, of the same length!")));
		w->to.psk = &other;
		w->limits.handshake_ms = 1500;       /* the rest of a handshake must have room in it, on any machine */
		w->to.handshake_ms = 2000;
		if (rows[i].unknown)
			w->identity = "somebody@" NAME;
		w->hold_psk = rows[i].busy;
		serve(w);
		dial(w);
		if (rows[i].busy) {
			until_n(w, &w->psk_asked, 1);
			mst_coap_conn_busy(w->conn, "later");
		}
		until_n(w, &w->failed, 1);
		if (!rows[i].busy)
			until_n(w, &w->ended, 1);
		assert_int_equal(w->server_end, rows[i].server);
		assert_non_null(strstr(w->server_detail, rows[i].detail));
		/* unknown and wrong are the same to the peer: silence */
		if (!rows[i].busy)
			assert_int_equal(w->client_end, MST_TLS_TIMEOUT);
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
		serve(w);
		dial(w);
		until_n(w, &w->failed, 1);
		until_n(w, &w->ended, 1);
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
		serve(w);
		dial(w);
		until_n(w, &w->ended, 1);
		assert_int_equal(w->client_end, i ? MST_TLS_UNTRUSTED : MST_TLS_WRONG_NAME);
		assert_int_equal(w->opened, 0);
		cw_free(w);
	}
}

static int raw(const struct cw *w)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(w->port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
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
	serve(w);
	fd = raw(w);
	/* a hello of our own client, caught on its way */
	w->to.port = 0;
	{
		struct mst_diag d = { 0 };
		int trap;

		assert_int_equal(mst_listen_udp("127.0.0.1:0", false, &trap, &w->to.port, &d), 0);
		dial(w);
		do
			event_base_loop(w->base, EVLOOP_ONCE);
		while ((n = recv(trap, hello, sizeof(hello), MSG_DONTWAIT)) < 0);
		close(trap);
	}
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
	dial(w);
	until_n(w, &w->responses, 1);
	close(fd);
	cw_free(w);
}

static void places(void **state)
{
	struct cw *w = cw_new();
	struct mst_coap_client *more[4] = { NULL };

	(void)state;
	use_secret(w);
	w->limits.sessions = 3;
	w->no_ask = true;
	serve(w);
	for (unsigned i = 0; i < 4; i++) {
		dial(w);
		until_n(w, &w->opened, i + 1);
		more[i] = w->client;
		w->client = NULL;
	}
	/* the first made room for the fourth, and was told so */
	until_n(w, &w->ended, 1);
	assert_int_equal(w->client_end, MST_TLS_CLOSED);
	assert_int_equal(mst_coap_server_open(w->server), 3);
	assert_int_equal(mst_coap_server_stats(w->server).evicted, 1);
	/* who waits for an answer keeps its place */
	w->hold_answer = true;
	for (unsigned i = 1; i < 4; i++) {
		w->client = more[i];
		post(w);
		until_n(w, &w->requests, i);
	}
	w->client = NULL;
	dial(w);
	until_n(w, &w->failed, 1);
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
	use_secret(w);
	serve(w);
	dial(w);
	until_n(w, &w->responses, 1);
	assert_int_equal(w->status, 503);
	assert_string_equal(w->retry, "5");
	assert_int_equal(w->closed_pending, 1);
	until_n(w, &w->ended, 1);
	/* idle: the client hears that it ends */
	w->hold_answer = false;
	w->no_ask = true;
	dial(w);
	until_n(w, &w->ended, 2);
	assert_int_equal(w->client_end, MST_TLS_CLOSED);
	/* half a handshake: the client is cut off behind the cookie */
	w->limits.handshake_ms = 1500;
	mst_coap_server_set_limits(w->server, &w->limits);
	relay_start(w);
	w->to.handshake_ms = 1600;
	w->hold_psk = true;
	dial(w);
	until_n(w, &w->psk_asked, 3);
	w->relay.closed = true;
	until_n(w, &w->failed, 1);
	assert_int_equal(w->server_end, MST_TLS_TIMEOUT);
	open = mst_coap_server_open(w->server);
	assert_int_equal(open, 0);
	until_n(w, &w->ended, 3);
	/* nobody there: the port says so */
	relay_end(&w->relay);
	w->relay.port = 0;
	dial(w);
	until_n(w, &w->ended, 4);
	assert_int_equal(w->client_end, MST_TLS_UNREACHABLE);
	cw_free(w);
}

/* RFC 6347 4.2.8: the same address, and somebody who knows nothing of the session that was. */
static void begun_anew_from_the_same_address(void **state)
{
	struct cw *w = cw_new();

	(void)state;
	use_secret(w);
	serve(w);
	relay_start(w);              /* the server sees the relay's address, whoever dials */
	dial(w);
	until_n(w, &w->responses, 1);
	w->relay.closed = true;      /* its good-bye is lost: power cut */
	w->client = mst_coap_client_free(w->client);
	for (int i = 0; i < 5; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	w->relay.closed = false;
	assert_int_equal(mst_coap_server_open(w->server), 1);
	dial(w);
	until_n(w, &w->responses, 2);
	whole(w);
	assert_int_equal(mst_coap_server_open(w->server), 1);
	assert_int_equal(w->closed, 1);
	cw_free(w);
}

static void reloaded_and_drained(void **state)
{
	struct cw *w = cw_new();
	struct mst_tls_ctx *ctx;

	(void)state;
	use_secret(w);
	w->hold_answer = true;
	serve(w);
	dial(w);
	until_n(w, &w->requests, 1);
	ctx = context(&w->sc);
	mst_coap_server_reload(w->server, ctx);
	mst_tls_ctx_free(ctx);
	assert_int_equal(mst_coap_server_open(w->server), 1);        /* busy: after its answer */
	give_answer(w);
	until_n(w, &w->responses, 1);
	whole(w);
	until_n(w, &w->ended, 1);
	assert_int_equal(w->client_end, MST_TLS_CLOSED);
	dial(w);
	until_n(w, &w->requests, 2);
	mst_coap_server_drain(w->server);
	give_answer(w);
	until_n(w, &w->responses, 2);
	until_n(w, &w->ended, 2);
	assert_int_equal(mst_coap_server_open(w->server), 0);
	w->to.handshake_ms = 300;
	dial(w);
	until_n(w, &w->ended, 3);
	assert_int_equal(w->client_end, MST_TLS_TIMEOUT);
	cw_free(w);
}

static void refusals_and_load(void **state)
{
	static const int statuses[] = { 400, 403, 404, 409, 413, 415, 429, 503 };
	struct cw *w = cw_new();
	unsigned n = 1;

	(void)state;
	use_secret(w);
	w->answer_retry = 3600;
	serve(w);
	dial(w);
	until_n(w, &w->responses, n);
	for (size_t i = 0; i < MST_COUNT(statuses); i++) {
		w->answer_status = statuses[i];
		post(w);
		until_n(w, &w->responses, ++n);
		whole(w);
		assert_string_equal(w->retry, "3600");
	}
	w->answer_status = 204;
	w->n_answer = 0;
	post(w);
	until_n(w, &w->responses, ++n);
	whole(w);
	/* room for blocks is bounded over all sessions, requests are too */
	w->limits.held_octets = 4000;
	w->limits.requests = 0;
	mst_coap_server_set_limits(w->server, &w->limits);
	w->n_question = 8000;
	post(w);
	until_n(w, &w->responses, ++n);
	assert_int_equal(w->status, 503);
	assert_string_equal(w->retry, "1");
	w->n_question = 8;
	post(w);
	until_n(w, &w->responses, ++n);
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
		cmocka_unit_test(certificates_and_secrets_in_every_profile), cmocka_unit_test(long_ones_both_ways),
		cmocka_unit_test(through_a_bad_network), cmocka_unit_test(a_doubled_request_is_asked_once), cmocka_unit_test(a_key_that_comes_late),
		cmocka_unit_test(keys_that_are_none), cmocka_unit_test(certificates_that_are_refused), cmocka_unit_test(servers_that_lie),
		cmocka_unit_test(strangers_cost_nothing), cmocka_unit_test(places), cmocka_unit_test(time_runs_out),
		cmocka_unit_test(begun_anew_from_the_same_address), cmocka_unit_test(reloaded_and_drained), cmocka_unit_test(refusals_and_load),
		cmocka_unit_test(pipe_is_bounded),
	};

	return cmocka_run_group_tests_name("coap over dtls", tests, NULL, NULL);
}
