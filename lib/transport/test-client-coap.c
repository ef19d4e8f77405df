/* Primitives over CoAP by the client that its callers know for HTTP: asked, answered, left in every callback. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "codec/coap-m2m.h"
#include "crypto/derive.h"
#include "transport/client.h"
#include "transport/test-coap-rig.h"

struct world {
	struct cw *w;                        /* certificates, loop and limits are the rig's */
	struct mst_coap_server *server;
	struct mst_client *client;
	struct mst_client_config to;
	enum { FREE_NEVER, FREE_OPEN, FREE_RESPONSE, FREE_END } free_in;
	unsigned asked, opened, responses, ended, closed;
	bool silent, read;
	size_t n_content;                    /* of an answer */
	char content[9000];
	struct mst_request got;
	char from[64], to_path[64], rqi[16], body[9000];
	int rsc, status;
	char location[64];
	size_t n_back;
	enum mst_tls_end why;
	uint8_t here[48], there[48];
	uint64_t id;
};

static void on_request(void *owner, struct mst_coap_conn *c, const struct mst_http_msg *m)
{
	struct world *x = owner;
	uint8_t scratch[2048];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	struct mst_coap_params params;
	struct mst_response said = { .rsc = MST_RSC_CREATED, .rvi = MST_VIEW_LIT("3"), .location = MST_VIEW_LIT("/MEFBase/reg-1") };
	int rsc = 0;

	x->asked++;
	x->id = mst_coap_conn_id(c);
	assert_int_equal(mst_coap_conn_export(c, MST_LABEL_CONNECTION, x->there, sizeof(x->there)), 0);
	x->read = mst_request_from_http(m, &a, &x->got, &rsc, NULL) == 0;
	if (!x->read || x->silent)
		return;
	assert_true(mst_view_to_str(x->got.from, x->from, sizeof(x->from)) && mst_view_to_str(x->got.to, x->to_path, sizeof(x->to_path)) &&
		    mst_view_to_str(x->got.rqi, x->rqi, sizeof(x->rqi)) && mst_view_to_str(x->got.content, x->body, sizeof(x->body)));
	said.rqi = x->got.rqi;
	assert_true(mst_coap_of_response(&said, mst_coap_conn_dialect(c), &a, &params));
	mst_coap_conn_answer(c, &(struct mst_coap_result){ .status = said.rsc, .media = "application/json", .params = &params,
		.content = { (const uint8_t *)x->content, x->n_content } });
}

static void on_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail)
{
	(void)owner;
	(void)peer;
	fail_msg("%s: %s", mst_tls_end_text(why), detail);
}

static void on_close(void *owner, struct mst_coap_conn *c, bool pending)
{
	(void)c;
	(void)pending;
	((struct world *)owner)->closed++;
}

static const struct mst_coap_ops server_ops = { .on_request = on_request, .on_handshake_failed = on_failed, .on_close = on_close };

static void leave(struct world *x, int where)
{
	if ((int)x->free_in == where)
		x->client = mst_client_free(x->client);
}

static void on_open(void *owner, struct mst_client *c)
{
	struct world *x = owner;

	x->opened++;
	assert_int_equal(mst_client_peer(c)->how, MST_AUTH_CERT);
	assert_int_equal(mst_client_export(c, MST_LABEL_CONNECTION, x->here, sizeof(x->here)), 0);
	leave(x, FREE_OPEN);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct world *x = owner;
	struct mst_response a;
	struct mst_diag d = { 0 };

	(void)c;
	x->responses++;
	if (mst_answer_from_http(m, &a, &d))
		fail_msg("%s: %s", d.field, d.text);
	x->rsc = a.rsc;
	x->status = m->status;
	x->n_back = a.content.n;
	assert_true(!a.content.n || !memcmp(a.content.p, x->content, a.content.n));
	assert_true(mst_view_eq_str(a.rqi, x->rqi) && mst_view_to_str(a.location, x->location, sizeof(x->location)));
	leave(x, FREE_RESPONSE);
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct world *x = owner;

	(void)c;
	assert_non_null(detail);
	x->ended++;
	x->why = why;
	leave(x, FREE_END);
}

static const struct mst_client_ops client_ops = { .on_open = on_open, .on_response = on_response, .on_end = on_end };

static void begin(struct world *x, int free_in, enum mst_coap_dialect speaks)
{
	struct mst_tls_ctx *ctx;
	struct mst_diag d = { 0 };
	int fd;

	*x = (struct world){ .w = cw_new(), .free_in = (__typeof__(x->free_in))free_in, .n_content = 2 };
	memset(x->content, 'x', sizeof(x->content));
	assert_int_equal(mst_listen_udp("127.0.0.1:0", false, &fd, &x->w->port, &d), 0);
	ctx = cw_context(&x->w->sc);
	assert_int_equal(mst_coap_server_new(x->w->base, fd, ctx, NAME, &x->w->limits, &server_ops, x, &x->server), 0);
	mst_coap_server_speak(x->server, speaks);
	mst_tls_ctx_free(ctx);
	x->to = x->w->to;
	x->to.port = x->w->port;
	x->to.dialect = speaks;
	x->to.tls = ctx = cw_context(&x->w->cc);
	assert_int_equal(mst_client_new(&x->to, &client_ops, x, &x->client), 0);
	mst_tls_ctx_free(ctx);
}

static void end(struct world *x)
{
	mst_client_free(x->client);
	mst_coap_server_free(x->server);
	cw_free(x->w);
}

static void ask(struct world *x, struct mst_view content)
{
	struct mst_request q = { .op = MST_OP_CREATE, .to = MST_VIEW_LIT("/MEFBase"), .from = MST_VIEW_LIT("/CSE0001"), .rqi = MST_VIEW_LIT("a1"),
				 .rvi = MST_VIEW_LIT("3"), .accept = MST_VIEW_LIT("application/json"), .media = MST_VIEW_LIT("application/json"), .ty = 65001,
				 .content = content };

	assert_int_equal(mst_client_request(x->client, &q, NAME), 0);
}

static void asked_and_answered(void **state)
{
	static char long_one[5000];
	struct world x;

	(void)state;
	memset(long_one, ' ', sizeof(long_one) - 1);
	for (int early = 0; early < 2; early++) {
		begin(&x, FREE_NEVER, mst_coap_onem2m(early));
		cw_until(x.w, &x.opened, 1);
		assert_int_not_equal(mst_client_send(x.client, MST_VIEW_LIT("GET / HTTP/1.1\r\n\r\n")), 0);
		assert_int_equal(mst_client_room(x.client), 0);
		ask(&x, MST_VIEW_LIT("{}"));
		cw_until(x.w, &x.responses, 1);
		assert_true(x.rsc == 2001 && x.status == 201 && x.got.op == MST_OP_CREATE && x.got.ty == 65001);
		assert_string_equal(x.from, "/CSE0001");
		assert_string_equal(x.to_path, "/MEFBase");
		assert_string_equal(x.location, "/MEFBase/reg-1");
		assert_memory_equal(x.here, x.there, sizeof(x.here));
		x.n_content = 8000;
		ask(&x, mst_view_str(long_one));
		cw_until(x.w, &x.responses, 2);
		assert_string_equal(x.body, long_one);
		assert_int_equal(x.n_back, 8000);
		mst_client_close(x.client);
		cw_until(x.w, &x.ended, 1);
		assert_int_equal(x.why, MST_TLS_CLOSED);
		cw_until(x.w, &x.closed, 1);
		end(&x);
	}
}

static void left_in_every_callback(void **state)
{
	struct world x;

	(void)state;
	for (int where = FREE_OPEN; where <= FREE_END; where++) {
		begin(&x, where, MST_COAP_ONEM2M);
		cw_until(x.w, &x.opened, 1);
		if (where >= FREE_RESPONSE) {
			ask(&x, MST_VIEW_LIT("{}"));
			cw_until(x.w, &x.responses, 1);
		}
		if (where == FREE_END) {
			x.server = mst_coap_server_free(x.server);
			cw_until(x.w, &x.ended, 1);
		} else {
			cw_until(x.w, &x.closed, 1);
		}
		assert_null(x.client);
		end(&x);
	}
	/* and before anything has happened */
	begin(&x, FREE_NEVER, MST_COAP_ONEM2M);
	end(&x);
}

static void the_server_goes(void **state)
{
	struct world x;

	(void)state;
	begin(&x, FREE_NEVER, MST_COAP_ONEM2M);
	x.silent = true;
	cw_until(x.w, &x.opened, 1);
	ask(&x, MST_VIEW_LIT("{}"));
	cw_until(x.w, &x.asked, 1);
	x.server = mst_coap_server_free(x.server);
	cw_until(x.w, &x.ended, 1);
	assert_int_equal(x.why, MST_TLS_TRUNCATED);
	assert_int_equal(x.responses, 0);
	assert_true(mst_client_export(x.client, MST_LABEL_CONNECTION, x.here, sizeof(x.here)) < 0);
	end(&x);
}

/* What is once in a session is told apart by its number, which is of one session of the process alone. */
static void no_number_twice(void **state)
{
	struct world x[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(&x[i], FREE_NEVER, MST_COAP_ONEM2M);
		cw_until(x[i].w, &x[i].opened, 1);
		ask(&x[i], MST_VIEW_LIT("{}"));
		cw_until(x[i].w, &x[i].responses, 1);
	}
	assert_true(x[0].id && x[1].id && x[0].id != x[1].id);
	end(&x[0]);
	end(&x[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked_and_answered), cmocka_unit_test(left_in_every_callback), cmocka_unit_test(the_server_goes),
		cmocka_unit_test(no_number_twice),
	};

	return cmocka_run_group_tests_name("primitives over CoAP, client", tests, NULL, NULL);
}
