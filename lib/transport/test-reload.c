/*
 * New settings while sessions are open that have not asked for anything yet: over HTTP/1.1, HTTP/2 and CoAP. Such a session may
 * ask once, if its certificate is good by the new settings too, for its peer cannot tell an end from a failure; then it is over.
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "transport/server-int.h"
#include "transport/test-coap-rig.h"
#include "transport/test-rig.h"

#define GET "GET /a HTTP/1.1\r\nHost: mef.example.com\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

enum trust { SAME, REVOKED, OTHER_ANCHOR, LIST_LACKS, BY_SECRET, TRUST__COUNT };

/* What the settings are after the reload, and what becomes of who was let in before: MST_TLS_OPEN is that it may ask. */
static const struct row { bool revoked, other_anchor, require_list, secret; enum mst_tls_end end; } row[TRUST__COUNT] = {
	[SAME] = { .end = MST_TLS_OPEN },
	[REVOKED] = { .revoked = true, .end = MST_TLS_REVOKED },
	[OTHER_ANCHOR] = { .other_anchor = true, .end = MST_TLS_UNTRUSTED },
	[LIST_LACKS] = { .require_list = true, .end = MST_TLS_CRL_STALE },
	[BY_SECRET] = { .other_anchor = true, .secret = true, .end = MST_TLS_OPEN },
};

static void change(struct mst_tls_config *c, const struct row *x)
{
	static uint8_t octets[2048];
	static struct mst_view crl[1], anchors[1];
	const struct rig_pki *p = rig_pki();

	if (x->revoked) {
		crl[0] = (struct mst_view){ octets, rig_crl(octets, sizeof(octets), &p->root, &p->client, -10, 1000) };
		c->crls = crl;
		c->n_crls = 1;
	}
	if (x->other_anchor) {
		anchors[0] = rig_der(&p->other_root);
		c->anchors = anchors;
	}
	c->require_crl = x->require_list;
}

/* --- over TCP --- */

struct two {
	struct rig r;
	unsigned opened, done, answers, ends, requests;
	enum mst_tls_end end, why;
	bool h2;
};

static void on_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	struct two *t = owner;

	(void)m;
	t->requests++;
	assert_false(mst_conn_keep_alive(c));
	mst_conn_answer(c, mst_view_str(OK), false);
}

static void on_psk(void *owner, struct mst_conn *c, const char *identity)
{
	struct two *t = owner;

	(void)identity;
	mst_conn_psk(c, &t->r.key);
}

static void on_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail)
{
	struct two *t = owner;

	assert_true(detail[0]);
	t->r.failed++;
	t->r.failed_peer = *peer;
	snprintf(t->r.server_detail, sizeof(t->r.server_detail), "%s", detail);
	t->r.server_end = why;
}

static void on_close(void *owner, struct mst_conn *c, bool pending)
{
	struct two *t = owner;

	(void)c;
	(void)pending;
	t->r.closed++;
}

static void on_done(void *owner, struct mst_conn *c)
{
	struct two *t = owner;

	(void)c;
	t->done++;
}

static const struct mst_server_ops server_ops = { on_request, on_psk, on_failed, on_close, on_done };

static void on_open(void *owner, struct mst_client *c)
{
	struct two *t = owner;

	t->opened++;
	assert_int_equal(mst_client_is_h2(c), t->h2);
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
	(void)id;
	(void)detail;
	t->answers += m && m->status == 200;
	t->why = why;
}

static const struct mst_client_ops client_ops = { .on_open = on_open, .on_end = on_end, .on_answer = on_answer };

static struct mst_tls_ctx *context(const struct mst_tls_config *c)
{
	struct mst_tls_ctx *ctx = NULL;
	struct mst_diag d = { 0 };

	if (mst_tls_ctx_new(c, &ctx, &d))
		fail_msg("%s: %s", d.field, d.text);
	return ctx;
}

static struct two *dialled(bool h2, const struct row *x)
{
	struct two *t = calloc(1, sizeof(*t));
	struct mst_tls_ctx *ctx;
	struct rig *r;
	int fd;

	assert_non_null(t);
	r = &t->r;
	t->h2 = h2;
	rig_init(r);
	r->server_config.h2 = h2;
	r->limits.first_ms = 60000;
	assert_int_equal(mst_listen("127.0.0.1:0", false, &fd, &r->port, NULL), 0);
	ctx = context(&r->server_config);
	assert_int_equal(mst_server_new(r->base, fd, ctx, &r->limits, &server_ops, t, &r->server), 0);
	mst_tls_ctx_free(ctx);
	r->client_to.port = r->port;
	r->client_to.streams = h2 ? 4 : 0;
	if (x->secret) {
		r->client_config.chain_pem = r->client_config.key_pkcs8 = MST_VIEW_NONE;
		r->client_to.psk_identity = r->identity;
		r->client_to.psk = &r->key;
	}
	r->client_to.tls = context(&r->client_config);
	assert_int_equal(mst_client_new(&r->client_to, &client_ops, t, &r->client), 0);
	return t;
}

static void reload(struct two *t, const struct row *x)
{
	struct mst_tls_ctx *ctx;

	change(&t->r.server_config, x);
	ctx = context(&t->r.server_config);
	mst_server_reload(t->r.server, ctx);
	mst_tls_ctx_free(ctx);
}

static void gone(struct two *t)
{
	rig_deinit(&t->r);
	free(t);
}

static void asks_once(struct two *t)
{
	uint64_t id;

	rig_until(&t->r, &t->opened);
	assert_int_equal(mst_client_ask(t->r.client, mst_view_str(GET), &id), 0);
	rig_until(&t->r, &t->answers);
	rig_until(&t->r, &t->ends);
	assert_int_equal(t->end, MST_TLS_CLOSED);
	assert_int_equal(t->requests, 1);
}

static void before_the_first_request(void **state)
{
	(void)state;
	for (int h2 = 0; h2 < 2; h2++)
		for (enum trust i = SAME; i < TRUST__COUNT; i++) {
			struct two *t = dialled(h2, &row[i]);

			rig_until(&t->r, &t->opened);
			rig_until(&t->r, &t->done);
			reload(t, &row[SAME]);
			reload(t, &row[i]);             /* the one before had spared it */
			if (row[i].end == MST_TLS_OPEN) {
				asks_once(t);
			} else {
				rig_until(&t->r, &t->ends);
				assert_int_equal(t->end, MST_TLS_CLOSED);
				assert_int_equal(t->requests, 0);
			}
			gone(t);
		}
}

static void during_the_handshake(void **state)
{
	(void)state;
	for (int h2 = 0; h2 < 2; h2++)
		for (enum trust i = SAME; i < TRUST__COUNT; i++) {
			struct two *t = dialled(h2, &row[i]);

			while (!mst_server_stats(t->r.server).accepted)
				event_base_loop(t->r.base, EVLOOP_ONCE);
			assert_int_equal(t->done, 0);
			reload(t, &row[i]);
			if (row[i].end == MST_TLS_OPEN) {
				asks_once(t);
			} else {
				rig_until(&t->r, &t->r.failed);
				assert_int_equal(t->r.server_end, row[i].end);
				assert_int_equal(t->requests + t->done, 0);
			}
			gone(t);
		}
}

/* It is spared by settings alone: one that is nobody's any more, and a server that ends, wait for no question. */
static void cut_and_drained(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		bool h2 = i & 1, drain = i & 2;
		struct two *t = dialled(h2, &row[SAME]);

		rig_until(&t->r, &t->opened);
		rig_until(&t->r, &t->done);
		reload(t, &row[SAME]);
		assert_int_equal(mst_server_open(t->r.server), 1);
		if (drain) {
			mst_server_drain(t->r.server);
		} else {
			t->r.server->conns->whose = (struct mst_whose){ 7, 70 };
			mst_server_cut(t->r.server, &(struct mst_whose){ .one = 7 });
		}
		rig_until(&t->r, &t->ends);
		assert_int_equal(t->requests, 0);
		gone(t);
	}
}

/* Whose key it was is known before the handshake is over: then it comes to nothing, and not to one request. */
static void cut_during_the_handshake(void **state)
{
	(void)state;
	for (int h2 = 0; h2 < 2; h2++) {
		struct two *t = dialled(h2, &row[BY_SECRET]);

		while (!mst_server_stats(t->r.server).accepted)
			event_base_loop(t->r.base, EVLOOP_ONCE);
		assert_int_equal(t->done, 0);
		t->r.server->conns->whose = (struct mst_whose){ 7, 70 };
		mst_server_cut(t->r.server, &(struct mst_whose){ .one = 7 });
		rig_until(&t->r, &t->ends);
		/* the key was proven, and this end cut it: so the roles know, and ask why from nobody who has shown nothing */
		assert_int_equal(t->r.failed, 1);
		assert_int_equal(t->r.server_end, MST_TLS_CUT);
		assert_int_equal(t->r.failed_peer.how, MST_AUTH_PSK);
		assert_non_null(strstr(t->r.server_detail, "the key was right"));
		assert_int_equal(t->end, MST_TLS_CLOSED);
		assert_int_equal(t->requests + t->done, 0);
		gone(t);
	}
}

/* --- over DTLS --- */

static void reload_coap(struct cw *w, const struct row *x)
{
	struct mst_tls_ctx *ctx;

	change(&w->sc, x);
	ctx = cw_context(&w->sc);
	mst_coap_server_reload(w->server, ctx);
	mst_tls_ctx_free(ctx);
}

static struct cw *dialled_coap(const struct row *x)
{
	struct cw *w = cw_new();

	w->no_ask = true;
	if (x->secret)
		cw_use_secret(w);
	cw_serve(w);
	cw_dial(w);
	return w;
}

static void asks_once_coap(struct cw *w)
{
	cw_until(w, &w->opened, 1);
	cw_post(w);
	cw_until(w, &w->responses, 1);
	cw_whole(w);
	cw_until(w, &w->ended, 1);
	assert_int_equal(w->client_end, MST_TLS_CLOSED);
	assert_int_equal(mst_coap_server_open(w->server), 0);
}

static void before_the_first_primitive(void **state)
{
	(void)state;
	for (enum trust i = SAME; i < TRUST__COUNT; i++) {
		struct cw *w = dialled_coap(&row[i]);

		cw_until(w, &w->opened, 1);
		while (!mst_coap_server_stats(w->server).handshakes)
			event_base_loop(w->base, EVLOOP_ONCE);
		reload_coap(w, &row[SAME]);
		reload_coap(w, &row[i]);
		if (row[i].end == MST_TLS_OPEN) {
			asks_once_coap(w);
		} else {
			cw_until(w, &w->ended, 1);
			assert_int_equal(w->client_end, MST_TLS_CLOSED);
			assert_int_equal(w->requests, 0);
		}
		cw_free(w);
	}
}

static void during_the_handshake_coap(void **state)
{
	(void)state;
	for (enum trust i = SAME; i < TRUST__COUNT; i++) {
		struct cw *w = dialled_coap(&row[i]);

		while (!w->server->n[COAP_Q_HANDSHAKE])
			event_base_loop(w->base, EVLOOP_ONCE);
		reload_coap(w, &row[i]);
		if (row[i].end == MST_TLS_OPEN) {
			asks_once_coap(w);
		} else {
			cw_until(w, &w->failed, 1);
			assert_int_equal(w->server_end, row[i].end);
			assert_int_equal(w->requests, 0);
		}
		cw_free(w);
	}
}

static void cut_during_the_handshake_coap(void **state)
{
	struct cw *w = dialled_coap(&row[BY_SECRET]);
	struct mst_coap_conn *c;

	(void)state;
	while (!w->server->n[COAP_Q_HANDSHAKE])
		event_base_loop(w->base, EVLOOP_ONCE);
	c = w->server->ends[COAP_Q_HANDSHAKE].oldest;
	w->no_ask = false;              /* it asks as soon as it is let in */
	mst_coap_conn_set_whose(c, &(struct mst_whose){ 7, 70 });
	mst_coap_server_cut(w->server, &(struct mst_whose){ .one = 7 });
	cw_until(w, &w->ended, 1);
	assert_int_equal(w->requests, 0);
	assert_int_equal(mst_coap_server_open(w->server), 0);
	/* told as over TCP: it has failed, and with the right key */
	assert_int_equal(w->failed, 1);
	assert_int_equal(w->server_end, MST_TLS_CUT);
	assert_int_equal(w->failed_peer.how, MST_AUTH_PSK);
	assert_string_equal(w->failed_peer.psk_identity, w->identity);
	assert_non_null(strstr(w->server_detail, "the key was right"));
	assert_int_equal(mst_coap_server_stats(w->server).handshake_failures, 1);
	assert_int_equal(mst_coap_server_stats(w->server).handshakes, 0);
	assert_int_equal(w->closed, 1);
	cw_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_first_request),
		cmocka_unit_test(during_the_handshake),
		cmocka_unit_test(cut_and_drained),
		cmocka_unit_test(cut_during_the_handshake),
		cmocka_unit_test(before_the_first_primitive),
		cmocka_unit_test(during_the_handshake_coap),
		cmocka_unit_test(cut_during_the_handshake_coap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
