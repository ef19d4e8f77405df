#include "tests/support/cm.h"

#include "transport/test-rig.h"
#include "transport/server-int.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "crypto/derive.h"

static void spki_of(const struct rig_cert *c, uint8_t *spki, size_t *n)
{
	assert_int_equal(mst_pkey_public((struct mst_view){ c->key, c->n_key }, spki, 256, n), 0);
}

static void issue(struct rig_cert *c, const struct rig_cert *issuer, const struct mst_cert_spec *spec)
{
	struct mst_local_signer s;
	struct mst_writer w;
	uint8_t spki[256];
	size_t n;

	assert_int_equal(mst_pkey_generate(c->key, sizeof(c->key), &c->n_key), 0);
	spki_of(c, spki, &n);
	assert_int_equal(mst_local_signer_init(&s, rig_key(issuer ? issuer : c)), 0);
	assert_int_equal(mst_cert_issue(mst_crypto_openssl(), &s.signer, issuer ? rig_der(issuer) : MST_VIEW_NONE,
	                                (struct mst_view){ spki, n }, spec, c->der, sizeof(c->der), &c->n), 0);
	mst_local_signer_deinit(&s);
	w = mst_writer_of(c->pem, sizeof(c->pem) - 1);
	mst_pem_put(&w, "CERTIFICATE", rig_der(c));
	if (issuer)
		mst_pem_put(&w, "CERTIFICATE", rig_der(issuer));
	assert_true(w.ok);
	c->pem[w.n] = '\0';
}

void rig_ca(struct rig_cert *c, const char *cn, const struct rig_cert *issuer)
{
	struct mst_cert_spec spec = { .role = MST_CERT_CA, .path_len = -1, .not_before = time(NULL) - 86400 * 400,
	                              .not_after = time(NULL) + 86400 * 400 };

	snprintf(spec.common_name, sizeof(spec.common_name), "%s", cn);
	issue(c, issuer, &spec);
}

void rig_cert(struct rig_cert *c, const struct rig_cert *issuer, enum mst_cert_role role, enum mst_id_kind kind,
              const char *name, mst_time from, mst_time until)
{
	struct mst_cert_spec spec = { .role = role, .n_san = 1, .path_len = -1, .not_before = time(NULL) + from,
	                              .not_after = time(NULL) + until };

	snprintf(spec.common_name, sizeof(spec.common_name), "test");
	spec.san[0].kind = kind;
	snprintf(spec.san[0].value, sizeof(spec.san[0].value), "%s", name);
	issue(c, issuer, &spec);
}

size_t rig_crl(uint8_t *out, size_t cap, const struct rig_cert *issuer, const struct rig_cert *revoked, mst_time from, mst_time until)
{
	struct mst_local_signer s;
	struct mst_cert_info *info = calloc(1, sizeof(*info));
	struct mst_revoked entry = { .when = time(NULL) + from, .reason = 0 };
	size_t n;

	assert_non_null(info);
	if (revoked) {
		assert_int_equal(mst_cert_info(rig_der(revoked), info, NULL), 0);
		memcpy(entry.serial, info->serial, sizeof(entry.serial));
	}
	free(info);
	assert_int_equal(mst_local_signer_init(&s, rig_key(issuer)), 0);
	assert_int_equal(mst_crl_issue(&s.signer, rig_der(issuer), &entry, revoked != NULL, 1, time(NULL) + from,
	                               time(NULL) + until, out, cap, &n), 0);
	mst_local_signer_deinit(&s);
	return n;
}

struct mst_view rig_der(const struct rig_cert *c)
{
	return (struct mst_view){ c->der, c->n };
}

struct mst_view rig_key(const struct rig_cert *c)
{
	return (struct mst_view){ c->key, c->n_key };
}

const struct rig_pki *rig_pki(void)
{
	static struct rig_pki p;
	static bool made;

	if (!made) {
		mst_ec_fast_install();
		rig_ca(&p.root, "Root", NULL);
		rig_ca(&p.other_root, "Other", NULL);
		rig_cert(&p.server, &p.root, MST_CERT_SERVER, MST_ID_FQDN, "mef.example.com", -3600, 86400);
		rig_cert(&p.client, &p.root, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:123456-thing-1", -3600, 86400);
	}
	made = true;
	return &p;
}

static void on_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	struct rig *r = owner;

	r->conn = c;
	r->requests++;
	r->server_peer = *mst_conn_peer(c);
	snprintf(r->target, sizeof(r->target), "%.*s", (int)m->target.n, m->target.n ? (const char *)m->target.p : "");
	snprintf(r->body, sizeof(r->body), "%.*s", (int)m->body.n, m->body.n ? (const char *)m->body.p : "");
	if (r->server_peer.how != MST_AUTH_LOCAL && r->server_config.server)
		assert_int_equal(mst_conn_export(c, MST_LABEL_BOOTSTRAP, r->server_export, 48), 0);
	if (!r->hold_answer)
		mst_conn_answer(c, mst_view_str(r->answer), false);
}

static void on_psk(void *owner, struct mst_conn *c, const char *identity)
{
	struct rig *r = owner;

	r->conn = c;
	r->psk_asked++;
	snprintf(r->asked, sizeof(r->asked), "%s", identity);
	r->asked_suite = mst_conn_peer(c)->suite;
	if (!r->hold_psk)
		mst_conn_psk(c, r->identity && !strcmp(identity, r->identity) ? &r->key : NULL);
}

static void on_handshake_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail)
{
	struct rig *r = owner;

	r->failed++;
	r->server_end = why;
	r->failed_peer = *peer;
	snprintf(r->server_detail, sizeof(r->server_detail), "%s", detail);
}

static void on_close(void *owner, struct mst_conn *c, bool pending)
{
	struct rig *r = owner;

	if (r->conn == c)
		r->conn = NULL;
	r->closed++;
	r->closed_pending += pending;
}

static void on_handshake_done(void *owner, struct mst_conn *c)
{
	struct rig *r = owner;

	r->done++;
	r->server_peer = *mst_conn_peer(c);
}

static const struct mst_server_ops with_psk = { on_request, on_psk, on_handshake_failed, on_close, on_handshake_done };
static const struct mst_server_ops without_psk = { on_request, NULL, on_handshake_failed, on_close, on_handshake_done };

static void on_open(void *owner, struct mst_client *c)
{
	struct rig *r = owner;

	r->opened++;
	r->client_peer = *mst_client_peer(c);
	if (r->client_to.tls)
		assert_int_equal(mst_client_export(c, MST_LABEL_BOOTSTRAP, r->client_export, 48), 0);
	if (r->send_on_open)
		assert_int_equal(mst_client_send(c, mst_view_str(r->send_on_open)), 0);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct rig *r = owner;

	(void)c;
	r->responses++;
	r->status = m->status;
	snprintf(r->response, sizeof(r->response), "%.*s", (int)m->body.n, m->body.n ? (const char *)m->body.p : "");
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct rig *r = owner;

	r->ended++;
	r->client_end = why;
	r->client_proven = mst_client_proven(c);
	snprintf(r->client_detail, sizeof(r->client_detail), "%s", detail);
}

static const struct mst_client_ops client_ops = { on_open, on_response, on_end };

void rig_init(struct rig *r)
{
	static const char *const served[] = { "mef.example.com" };
	static struct mst_view anchors[1];
	const struct rig_pki *p = rig_pki();

	memset(r, 0, sizeof(*r));
	anchors[0] = rig_der(&p->root);
	r->base = event_base_new();
	assert_non_null(r->base);
	r->server_config = (struct mst_tls_config){ .server = true, .profile = MST_TLS_BOTH,
		.chain_pem = mst_view_str(p->server.pem), .key_pkcs8 = rig_key(&p->server), .anchors = anchors, .n_anchors = 1,
		.require_client_cert = true, .allow_psk = true, .names = served, .n_names = 1 };
	r->client_config = (struct mst_tls_config){ .profile = MST_TLS_BOTH, .chain_pem = mst_view_str(p->client.pem),
		.key_pkcs8 = rig_key(&p->client), .anchors = anchors, .n_anchors = 1 };
	r->limits = mst_server_limits_default;
	r->client_to = (struct mst_client_config){ .base = r->base, .host = "127.0.0.1", .server_name = "mef.example.com",
		.limits = { 16384, 65536 } };
	snprintf(r->answer, sizeof(r->answer), "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok");
	r->send_on_open = "GET /hello HTTP/1.1\r\nHost: mef.example.com\r\n\r\n";
	r->identity = "known@mef.example.com";
	assert_true(mst_key_set(&r->key, MST_VIEW_LIT("0123456789abcdef0123456789abcdef")));
}

/* By this one the shares of 127.0.0.1 to 32 are apart; one in a thousand of others lets two of them be one. */
#define SEED 1

void rig_start(struct rig *r)
{
	struct mst_diag d = { 0 };
	struct mst_tls_ctx *ctx = NULL;
	int fd, e = mst_listen("127.0.0.1:0", false, &fd, &r->port, &d);

	assert_int_equal(e, 0);
	if (r->server_config.server) {
		e = mst_tls_ctx_new(&r->server_config, &ctx, &d);
		if (e)
			fail_msg("%s: %s", d.field, d.text);
	}
	assert_int_equal(mst_server_new(r->base, fd, ctx, &r->limits, r->no_psk ? &without_psk : &with_psk, r, &r->server), 0);
	r->server->seed = SEED;
	mst_tls_ctx_free(ctx);
	r->client_to.port = r->port;
}

void rig_plain_server(struct rig *r, int fd)
{
	assert_int_equal(mst_server_new(r->base, fd, NULL, &r->limits, &without_psk, r, &r->server), 0);
	r->server->seed = SEED;
}

void rig_connect(struct rig *r)
{
	struct mst_diag d = { 0 };
	struct mst_tls_ctx *ctx = r->client_to.tls;

	if (!ctx && r->server_config.server) {
		int e = mst_tls_ctx_new(&r->client_config, &ctx, &d);

		if (e)
			fail_msg("%s: %s", d.field, d.text);
		r->client_to.tls = ctx;
	}
	r->client = mst_client_free(r->client);
	assert_int_equal(mst_client_new(&r->client_to, &client_ops, r, &r->client), 0);
}

static void too_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

void rig_until_n(struct rig *r, const unsigned *what, unsigned n)
{
	bool late = false;
	struct event *e = evtimer_new(r->base, too_late, &late);
	struct timeval t = { 60, 0 };

	assert_non_null(e);
	evtimer_add(e, &t);
	while (*what < n && !late)
		event_base_loop(r->base, EVLOOP_ONCE);
	event_free(e);
	if (late)
		fail_msg("nothing happened; server: %d %s, client: %d %s", r->server_end, r->server_detail, r->client_end,
		         r->client_detail);
}

void rig_until(struct rig *r, const unsigned *what)
{
	rig_until_n(r, what, 1);
}

void rig_turn(struct rig *r)
{
	for (int i = 0; i < 4; i++)
		event_base_loop(r->base, EVLOOP_NONBLOCK);
}

static void moment(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

void rig_wait(struct rig *r)
{
	struct event *e = evtimer_new(r->base, moment, NULL);
	struct timeval t = { 0, 5000 };

	assert_non_null(e);
	evtimer_add(e, &t);
	event_base_loop(r->base, EVLOOP_ONCE);
	event_free(e);
}

int rig_dial(struct rig *r)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(r->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

int rig_dial_from(struct rig *r, unsigned last)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(r->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
			   from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000 | last) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	rig_turn(r);
	return fd;
}

void rig_deinit(struct rig *r)
{
	mst_client_free(r->client);
	mst_server_free(r->server);
	mst_tls_ctx_free(r->client_to.tls);
	event_base_free(r->base);
}
