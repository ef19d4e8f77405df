/*
 * Each allocation of a mutual TLS session with one request, in HTTP/1.1 and in HTTP/2, fails in turn, at client and server, which stand in
 * one process: the client comes to an end, with the answer or with a reason; nobody is let in who would not be
 * otherwise; nothing is left behind; and the server serves the next one.
 */
#include "tests/support/cm.h"

#include <openssl/err.h>

#include "transport/test-rig.h"

#include "tests/support/failmalloc.h"

/* Unlike the rig's own: not every export and not every send succeeds here. */
static void on_open(void *owner, struct mst_client *c)
{
	struct rig *r = owner;

	uint64_t id;

	r->opened++;
	if (mst_client_ask(c, mst_view_str(r->send_on_open), &id)) {
		r->ended++;
		r->client = mst_client_free(c);
	}
}

static void on_answer(void *owner, struct mst_client *c, uint64_t id, const struct mst_http_msg *m, enum mst_tls_end why, const char *detail)
{
	struct rig *r = owner;

	(void)c;
	(void)id;
	(void)why;
	(void)detail;
	r->responses += m != NULL;
	r->ended += !m;
	r->status = m ? m->status : 0;
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct rig *r = owner;

	(void)c;
	(void)detail;
	r->ended++;
	r->client_end = why;
}

static const struct mst_client_ops client_ops = { on_open, NULL, on_end, on_answer };

static void session(struct rig *r)
{
	r->opened = r->responses = r->ended = 0;
	r->client = mst_client_free(r->client);
}

static void late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* Until the client has an answer or an end; false when neither comes. */
static bool finish(struct rig *r, struct event *timer, bool *is_late)
{
	struct timeval t = { 10, 0 };

	*is_late = false;
	event_add(timer, &t);
	while (!r->responses && !r->ended && !*is_late)
		event_base_loop(r->base, EVLOOP_ONCE);
	event_del(timer);
	return r->responses || r->ended;
}

/* Who must not get through gets through with no lack of memory either. */
enum who { GOOD, UNTRUSTED_SERVER, NO_CERTIFICATE, GOOD_H2 };

static void prepare(struct rig *r, enum who who, struct mst_view *anchor)
{
	rig_init(r);
	*anchor = rig_der(&rig_pki()->other_root);
	if (who == UNTRUSTED_SERVER)
		r->client_config.anchors = anchor;
	if (who == NO_CERTIFICATE)
		r->client_config.chain_pem = r->client_config.key_pkcs8 = MST_VIEW_NONE;
	if (who == GOOD_H2)
		r->server_config.h2 = true;
	rig_start(r);
	/* whatever is made once and kept is made now */
	for (int i = 0; i < 3; i++) {
		rig_connect(r);
		rig_until(r, who == GOOD || who == GOOD_H2 ? &r->responses : &r->ended);
		session(r);
	}
	r->requests = 0;
	r->client_to.streams = who == GOOD_H2 ? 4 : 0;
	r->server_config.server = false;         /* no more exports that must succeed */
}

static bool one(struct rig *r, enum who who, unsigned long n, struct event *timer, bool *is_late)
{
	uint64_t told = r->failed + mst_server_stats(r->server).refused;
	bool reached;
	int e;

	memset(&r->server_peer, 0, sizeof(r->server_peer));
	r->client_end = MST_TLS_OPEN;
	failmalloc_arm(n);
	e = mst_client_new(&r->client_to, &client_ops, r, &r->client);
	if (!e && !finish(r, timer, is_late))
		fail_msg("allocation %lu: no answer and no end", n);
	reached = failmalloc_disarm();
	if (e)
		assert_int_equal(e, MST_FAULT_MEMORY);
	/* what the server's library tells the client, the server tells its owner: at once, or counted in the next second */
	if (r->client_end == MST_TLS_ALERT && r->failed + mst_server_stats(r->server).refused == told)
		fail_msg("allocation %lu: the client was told, the server's owner was not", n);
	/* a server that has no memory for a request says so */
	if (r->responses)
		assert_true(r->status == 200 || r->status == 503);
	if (who != GOOD && who != GOOD_H2)
		assert_true(!r->requests && !r->responses);
	else if (r->server_peer.how)
		assert_true(r->server_peer.how == MST_AUTH_CERT && r->server_peer.cert.n_san == 1 &&
		            !strcmp(r->server_peer.cert.san[0].value, "urn:dev:ops:123456-thing-1"));
	return reached;
}

static void sweep(enum who who)
{
	unsigned refused = 0, done = 0;
	unsigned long n = 0;
	struct mst_view anchor;
	bool reached = true, is_late;
	struct event *timer;
	struct rig r;
	long before;

	prepare(&r, who, &anchor);
	timer = evtimer_new(r.base, late, &is_late);
	before = failmalloc_outstanding();
	while (reached) {
		reached = one(&r, who, ++n, timer, &is_late);
		done += r.responses && r.status == 200;
		refused += !r.responses || r.status != 200;
		session(&r);
		ERR_clear_error();
		/* and the next one is served */
		if (n % 16 == 0 || !reached) {
			r.client_to.streams = 0;        /* the rig's own client has HTTP/1.1 alone */
			rig_connect(&r);
			rig_until(&r, who == GOOD || who == GOOD_H2 ? &r.responses : &r.ended);
			session(&r);
			r.client_to.streams = who == GOOD_H2 ? 4 : 0;
		}
	}
	print_message("# %lu allocations: %u sessions refused, %u served, %ld blocks more than before\n", n - 1, refused, done,
	              failmalloc_outstanding() - before);
	assert_true(who == GOOD || who == GOOD_H2 ? done && refused > 20 : !done);
	/* no session leaves anything; libraries may keep a little (error strings, tables) */
	assert_true(failmalloc_outstanding() - before < 64);
	event_free(timer);
	rig_deinit(&r);
}

static void a_session(void **state) { (void)state; sweep(GOOD); }
static void a_session_of_http2(void **state) { (void)state; sweep(GOOD_H2); }
static void an_untrusted_server(void **state) { (void)state; sweep(UNTRUSTED_SERVER); }
static void a_client_without_certificate(void **state) { (void)state; sweep(NO_CERTIFICATE); }

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_session), cmocka_unit_test(a_session_of_http2), cmocka_unit_test(an_untrusted_server),
		cmocka_unit_test(a_client_without_certificate) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
