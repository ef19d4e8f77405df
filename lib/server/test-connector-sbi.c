/*
 * The connector and a server of its own that plays HSS and BSF: what is asked, what becomes of each answer, and what happens to
 * sessions. Both on one event loop; the test is the engine.
 */
#include "tests/support/cm.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "codec/gba-sbi.h"
#include "keeper/channel.h"
#include "server/connector-internal.h"
#include "tests/support/hold-port.h"
#include "transport/test-rig.h"
#include "transport/tls-int.h"

#define HELD 64
#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define XRES "a54211d5e3ba50bf"
#define CK "b40ba9a3c58b2a05bbf0d987b21bf8cb"
#define IK "f769bcd751044604127672711c6d3441"
#define RND "23553cbe9637a89d218ae64dae47bf35"
#define AUTN "55f328b43577b9b94a9ffac354dfafb3"
#define NAF "78f2b6a4ad54d801e18bf8307636d04558cf2f83a6bf1f88a1d75a70a4550ec0"
#define INT "5afa4478bb25f29aa87a068174036eaaec26b4e59f066230c489dbade4d1f5b3"
#define VECTOR(impi) "{\"impi\":\"" impi "\",\"3gAkaAv\":{\"rand\":\"" RND "\",\"xres\":\"" XRES "\",\"autn\":\"" AUTN "\",\"ck\":\"" CK "\",\"ik\":\"" IK "\"}}"
#define USS "{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"a\"}]}}"
#define GUSS "{\"guss\":{\"bsfInfo\":{\"uiccType\":\"GBA\"},\"ussList\":[" USS "]}}"
#define JSON "Content-Type: application/json\r\n"
#define PROBLEM "Content-Type: application/problem+json\r\n"

static const struct mst_channel channel = { .id = 9, .key = { 1, 2, 3 } };

static struct {
	struct event_base *base;
	struct mst_unit *unit;
	struct mst_link *control, *engine;
	bool ready;
	/* the server */
	struct mst_server *server;
	struct mst_tls_ctx *server_tls, *client_tls;
	uint16_t port;
	int port_held;                       /* also while nobody listens */
	bool h2, hold, close_it;
	const char *head[2], *body[2];       /* to POST and to GET; "HTTP/1.1 200 \r\n" and more */
	char method[2][8], target[2][300], asked[2][400], agent[100], attempt[64];
	unsigned requests, n_held, gets;     /* gets: which of the two that are held is the GET */
	struct mst_conn *held[HELD];
	uint64_t connection[HELD];
	/* what the engine gets */
	unsigned results, good;
	struct mst_fetch_result r;
	char text[1000];
	uint64_t id;
} t;

/* --- the server --- */

static void answer(struct mst_conn *c, const char *head, const char *body)
{
	char out[3000];
	int n = snprintf(out, sizeof(out), "%sContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);

	assert_true(n > 0 && (size_t)n < sizeof(out));
	mst_conn_answer(c, (struct mst_view){ (uint8_t *)out, (size_t)n }, t.close_it);
}

static void to_str(struct mst_view v, char *out, size_t cap)
{
	assert_true(mst_view_to_str(v, out, cap));
}

static void on_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	unsigned i = mst_view_eq_str(m->method, "GET");      /* both of one question may come in any order */

	(void)owner;
	to_str(m->method, t.method[i], sizeof(t.method[i]));
	to_str(m->target, t.target[i], sizeof(t.target[i]));
	to_str(m->body, t.asked[i], sizeof(t.asked[i]));
	to_str(mst_http_find(m, "User-Agent"), t.agent, sizeof(t.agent));
	to_str(mst_http_find(m, "X-M2M-VSI"), t.attempt, sizeof(t.attempt));
	assert_true(mst_view_starts(mst_http_find(m, "Host"), "mef.example.com:"));
	t.requests++;
	if (t.hold) {
		assert_true(t.n_held < HELD);
		t.connection[t.n_held] = mst_conn_id(c);
		t.gets = i ? t.n_held : t.gets;
		t.held[t.n_held++] = c;
		return;
	}
	answer(c, t.head[i], t.body[i]);
}

static void on_close(void *owner, struct mst_conn *c, bool pending)
{
	(void)owner;
	(void)pending;
	for (unsigned i = 0; i < t.n_held; i++)
		if (t.held[i] == c)
			t.held[i] = NULL;
}

static void on_failed(void *owner, const struct mst_peer *p, enum mst_tls_end why, const char *detail)
{
	(void)owner;
	(void)p;
	(void)why;
	(void)detail;
}

static void on_done(void *owner, struct mst_conn *c)
{
	(void)owner;
	mst_conn_set_whose(c, &(struct mst_whose){ .one = 7 });
}

static const struct mst_server_ops server_ops = { .on_request = on_request, .on_close = on_close, .on_handshake_failed = on_failed,
						   .on_handshake_done = on_done };

static void serve(void)
{
	struct mst_diag d = { 0 };
	char address[32];
	int fd;

	snprintf(address, sizeof(address), "127.0.0.1:%u", t.port);
	assert_int_equal(mst_listen(address, true, &fd, &t.port, &d), 0);
	if (t.port_held < 0)
		t.port_held = hold_port(t.port);
	assert_true(t.port_held >= 0);
	assert_int_equal(mst_server_new(t.base, fd, t.server_tls, &mst_server_limits_default, &server_ops, NULL, &t.server), 0);
}

/* --- the engine --- */

static void on_frame(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	(void)owner;
	(void)l;
	(void)fd;
	if (f->type == MST_FRAME_READY)
		t.ready = true;
	if (f->type == MST_FRAME_FAILED)
		fail_msg("%.*s", (int)f->payload.n, (const char *)f->payload.p);
	if (f->type != MST_FRAME_FETCH_RESULT)
		return;
	assert_true(mst_get_fetch_result(f->payload, &t.r));
	to_str(t.r.text, t.text, sizeof(t.text));
	t.id = f->id;
	t.results++;
	t.good += t.r.end == MST_FETCH_OK;
}

static void on_down(void *owner, struct mst_link *l, const char *why)
{
	(void)owner;
	(void)why;
	if (l == t.control)
		t.control = NULL;
	if (l == t.engine)
		t.engine = NULL;
	(void)mst_link_free(l);
}

static const struct mst_link_ops ops = { on_frame, on_down };

static void start_connector(void)
{
	struct mst_link_config a = { .base = t.base, .frame_max = MST_FRAME_CONTROL_MAX, .queue_max = MST_FRAME_CONTROL_MAX, .peer = MST_PROC_CONNECTOR,
		.self = MST_PROC_SUPERVISOR }, b = a;
	struct mst_unit_setup s = { .base = t.base, .crypto = mst_crypto_openssl(), .name = "connector" };
	struct mst_conf_frame f = { .text = MST_VIEW_LIT("store = \"sqlite:m.db\"; limits = { fetch = 50; handshake = 60; }; log = { level = \"error\"; };\n"
		"hss = { fqdn = \"hss.example.com\"; listen = [\"127.0.0.1:0\"]; certificate = \"a\"; key = \"b\"; client_anchors = [\"c\"]; "
		"bsfs = [\"bsf.example.com\"]; };"), .file = "/nonexistent/musterd.conf" };
	uint8_t buf[1024];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	struct mst_link_frame who = { MST_PROC_ENGINE, MST_ROLE_NONE, 0 };
	struct mst_link *end;
	struct connector *c;

	b.self = MST_PROC_CONNECTOR;
	b.peer = MST_PROC_SUPERVISOR;
	assert_int_equal(mst_link_memory(&a, &b, &t.control, &end), 0);
	mst_link_owner(t.control, &ops, NULL);
	assert_int_equal(mst_unit_new(&mst_connector_unit, &s, end, &t.unit), 0);
	t.unit->log.fd = -1;
	mst_put_conf(&w, &f);
	assert_int_equal(mst_link_send(t.control, MST_FRAME_CONF, 0, mst_written(&w)), 0);
	assert_int_equal(mst_link_send(t.control, MST_FRAME_START, 0, MST_VIEW_NONE), 0);
	while (!t.ready)
		event_base_loop(t.base, EVLOOP_ONCE);
	t.unit->channel = channel;
	/* the trust, which a supervisor would have read from files */
	c = (struct connector *)(void *)t.unit;
	for (size_t i = 0; i < MST_ASKERS; i++)
		if (mst_askers[i].kind != MST_FETCH_KEY)
			c->tls[i] = tls_ctx_ref(t.client_tls);
	a = (struct mst_link_config){ .base = t.base, .self = MST_PROC_ENGINE, .peer = MST_PROC_CONNECTOR, .frame_max = MST_FRAME_MAX,
		.queue_max = 64 * MST_FRAME_MAX };
	b = mst_unit_link(t.unit, MST_PROC_ENGINE);
	assert_int_equal(mst_link_memory(&a, &b, &t.engine, &end), 0);
	mst_link_owner(t.engine, &ops, NULL);
	mst_link_phase(t.engine, MST_PHASE_RUNNING);
	assert_int_equal(mst_unit_attach(t.unit, &who, end), 0);
}

static int up(void **state)
{
	struct mst_diag d = { 0 };
	struct rig r;

	(void)state;
	memset(&t, 0, sizeof(t));
	t.port_held = -1;
	rig_init(&r);
	t.base = r.base;
	event_base_priority_init(t.base, 3);
	r.server_config.allow_psk = false;
	r.server_config.h2 = true;
	assert_int_equal(mst_tls_ctx_new(&r.server_config, &t.server_tls, &d), 0);
	assert_int_equal(mst_tls_ctx_new(&r.client_config, &t.client_tls, &d), 0);
	serve();
	start_connector();
	t.head[0] = t.head[1] = "HTTP/1.1 200 \r\n" JSON;
	return 0;
}

static int down(void **state)
{
	(void)state;
	mst_unit_free(t.unit);
	mst_link_free(t.control);
	mst_link_free(t.engine);
	mst_server_free(t.server);
	close(t.port_held);
	mst_tls_ctx_free(t.server_tls);
	mst_tls_ctx_free(t.client_tls);
	event_base_free(t.base);
	return 0;
}

static void without_h2(enum mst_tls_profile profile)
{
	struct mst_diag d = { 0 };
	struct rig r;

	rig_init(&r);
	r.server_config.allow_psk = false;
	r.server_config.profile = profile;
	mst_server_free(t.server);
	mst_tls_ctx_free(t.server_tls);
	assert_int_equal(mst_tls_ctx_new(&r.server_config, &t.server_tls, &d), 0);
	event_base_free(r.base);
	serve();
}

static struct mst_fetch fetch_of(enum mst_fetch_kind kind)
{
	struct mst_fetch f = { .kind = kind, .role = kind == MST_FETCH_ZH ? MST_ROLE_BSF : MST_ROLE_MAF, .server_name = "mef.example.com",
		.from = "bsf.example.com", .attempt = "00112233445566778899aabbccddeeff", .ue_id = IMPI, .btid = "b@bsf.example.com",
		.naf_fqdn = "maf.example.com", .ua = { { 1, 0, 0, 0, 7 } } };

	snprintf(f.uri, sizeof(f.uri), "https://mef.example.com:%u/root/", t.port);
	snprintf(f.connect_to, sizeof(f.connect_to), "127.0.0.1:%u", t.port);
	return f;
}

static void send_fetch(const struct mst_fetch *f, uint64_t id)
{
	uint8_t b[4096];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_fetch(&w, f);
	assert_int_equal(mst_link_send(t.engine, MST_FRAME_FETCH, id, mst_written(&w)), 0);
}

static void late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

static void until(const unsigned *what, unsigned n)
{
	bool is_late = false;
	struct event *e = evtimer_new(t.base, late, &is_late);
	struct timeval limit = { 60, 0 };

	assert_non_null(e);
	event_add(e, &limit);
	while (*what < n && !is_late)
		event_base_loop(t.base, EVLOOP_ONCE);
	event_free(e);
	if (is_late)
		fail_msg("%u of %u; last: %s", *what, n, t.r.detail);
}

static void fetch(const struct mst_fetch *f)
{
	t.requests = 0;
	send_fetch(f, 7);
	until(&t.results, t.results + 1);
	assert_int_equal(t.id, 7);
}

/* Sealed for the keeper, as it opens it. */
static void key_is(enum mst_key_purpose p, const char *hex)
{
	uint8_t want[64];
	struct mst_key k;
	size_t n;

	assert_true(mst_hex_decode(mst_view_str(hex), want, sizeof(want), &n));
	assert_int_equal(channel_open(&channel, CHANNEL_TO_KEEPER, (unsigned)p, mst_crypto_openssl(), (struct mst_view){ t.r.key.b, t.r.key.n }, &k), 0);
	assert_int_equal(k.n, n);
	assert_memory_equal(k.b, want, n);
	mst_key_wipe(&k);
}

/* One turn for both: neither waits for the other, and whichever is answered first, both count. */
static void both_at_once(void)
{
	struct mst_fetch f = fetch_of(MST_FETCH_ZH);
	unsigned results = t.results;

	for (unsigned first = 0; first < 2; first++) {
		t.hold = true;
		t.n_held = t.requests = 0;
		send_fetch(&f, 7);
		until(&t.n_held, 2);
		t.hold = false;
		for (unsigned i = 0; i < 2; i++) {
			unsigned k = first ? 1 - i : i;
			bool get = k == t.gets;

			answer(t.held[k], get ? "HTTP/1.1 200 \r\n" JSON : t.head[0], get ? GUSS : t.body[0]);
		}
		until(&t.results, ++results);
		assert_int_equal(t.r.end, MST_FETCH_OK);
		assert_string_equal(t.text, GUSS);
		key_is(MST_PURPOSE_AV, XRES CK IK);
	}
	/* no vector: its words, and not those of the settings that failed before it */
	t.hold = true;
	t.n_held = 0;
	send_fetch(&f, 7);
	until(&t.n_held, 2);
	t.hold = false;
	answer(t.held[t.gets], "HTTP/1.1 503 \r\nRetry-After: 9\r\n", "");
	answer(t.held[1 - t.gets], "HTTP/1.1 403 \r\n" PROBLEM, "{\"detail\":\"no vector\"}");
	until(&t.results, ++results);
	assert_true(t.r.end == MST_FETCH_REFUSED && t.r.rsc == 403 && !t.r.retry_after && !t.r.key.n && !t.text[0]);
	assert_non_null(strstr(t.r.detail, "no vector"));
}

static void vector_and_settings(void **state)
{
	static const uint8_t rnd[] = { 0x23, 0x55 }, autn[] = { 0x55, 0xf3 };
	struct mst_fetch f = fetch_of(MST_FETCH_ZH);

	(void)state;
	t.body[0] = VECTOR(IMPI);
	t.body[1] = "{\"guss\":{\"new\":[1],\"ussList\":[" USS "]}}";
	fetch(&f);
	assert_int_equal(t.r.end, MST_FETCH_OK);
	assert_string_equal(t.method[0], "POST");
	assert_string_equal(t.target[0], "/root/nhss-gba-ueau/v1/impi-001010000000001%40ims.mnc001.mcc001.3gppnetwork.org/security-information/generate-auth-data");
	assert_string_equal(t.asked[0], "{\"authenticationScheme\":\"DIGEST_AKAV1_MD5\"}");
	assert_string_equal(t.method[1], "GET");
	assert_string_equal(t.target[1], "/root/nhss-gba-sdm/v1/impi-001010000000001%40ims.mnc001.mcc001.3gppnetwork.org/subscriber-data");
	assert_string_equal(t.asked[1], "");
	assert_string_equal(t.agent, "GBA_BSF-bsf.example.com");
	assert_string_equal(t.attempt, "attempt=00112233445566778899aabbccddeeff");
	assert_true(t.r.xres_n == 8 && !memcmp(t.r.rnd, rnd, 2) && !memcmp(t.r.autn, autn, 2) && t.r.channel == channel.id);
	key_is(MST_PURPOSE_AV, XRES CK IK);
	/* in our own spelling */
	assert_string_equal(t.text, GUSS);
	/* the second, on the same session: after AUTS */
	f.resync = true;
	memset(f.auts, 0xab, sizeof(f.auts));
	t.head[1] = "HTTP/1.1 404 \r\n" PROBLEM;
	t.body[1] = "{}";
	fetch(&f);
	assert_int_equal(t.r.end, MST_FETCH_OK);
	assert_non_null(strstr(t.asked[0], "\"auts\":\"abababababababababababababab\""));
	assert_string_equal(t.text, "");        /* a subscriber without settings */
	assert_true(mst_server_stats(t.server).handshakes == 1 && t.requests == 2);
	both_at_once();
}

static void naf_key(void **state)
{
	struct mst_fetch f = fetch_of(MST_FETCH_ZN);

	(void)state;
	t.body[0] = "{\"meKeyMaterial\":\"" NAF "\",\"uiccKeyMaterial\":\"" INT "\",\"keyExpiryTime\":\"2030-01-01T00:00:00Z\",\"impi\":\"" IMPI
		"\",\"ussList\":[" USS "]}";
	fetch(&f);
	assert_int_equal(t.r.end, MST_FETCH_OK);
	assert_string_equal(t.target[0], "/root/nbsp-gba/v1/bootstrapping-info-retrieval");
	assert_string_equal(t.asked[0], "{\"btId\":\"b@bsf.example.com\",\"nafId\":{\"nafFqdn\":\"maf.example.com\",\"uaSecProtId\":\"0100000007\"}}");
	assert_string_equal(t.agent, "AF-bsf.example.com");
	key_is(MST_PURPOSE_KM, NAF);                            /* the other was not asked for */
	assert_true(!t.r.has_int && t.r.lifetime == 1893456000);
	assert_string_equal(t.r.impi, IMPI);
	assert_string_equal(t.text, "{\"ussList\":[" USS "]}");
	f.in_card_aware = true;
	fetch(&f);
	assert_true(t.r.has_int);
	key_is(MST_PURPOSE_KM, NAF INT);
	assert_non_null(strstr(t.asked[0], "\"gbaUAware\":true"));
	t.body[0] = "{\"meKeyMaterial\":\"" NAF "\"}";
	fetch(&f);
	assert_true(t.r.end == MST_FETCH_OK && !t.r.has_int && !t.r.lifetime && !t.r.impi[0] && !t.text[0]);
}

static void what_is_refused(void **state)
{
	static const struct { enum mst_fetch_kind kind; const char *head, *body; enum mst_fetch_end end; int retry; const char *detail; } row[] = {
		{ MST_FETCH_ZN, "HTTP/1.1 404 \r\n" PROBLEM, "{\"title\":\"Not Found\",\"cause\":\"CONTEXT_NOT_FOUND\"}", MST_FETCH_UNKNOWN, 0, "CONTEXT_NOT_FOUND: Not Found" },
		{ MST_FETCH_ZN, "HTTP/1.1 403 \r\n" PROBLEM, "{\"detail\":\"not this NAF\"}", MST_FETCH_REFUSED, 0, "status 403: not this NAF" },
		{ MST_FETCH_ZN, "HTTP/1.1 403 \r\nContent-Type: text/html\r\n", "<p>", MST_FETCH_REFUSED, 0, "status 403" },
		{ MST_FETCH_ZN, "HTTP/1.1 403 \r\n" PROBLEM, "{\"detail\":\"\x1b[2J\"}", MST_FETCH_REFUSED, 0, "status 403" },
		{ MST_FETCH_ZH, "HTTP/1.1 503 \r\nRetry-After: 17\r\n", "", MST_FETCH_BUSY, 17, "status 503" },
		{ MST_FETCH_ZH, "HTTP/1.1 429 \r\nRetry-After: Mon, 01 Jan 2030 00:00:00 GMT\r\n", "", MST_FETCH_BUSY, 0, "status 429" },
		{ MST_FETCH_ZH, "HTTP/1.1 500 \r\n", "", MST_FETCH_BUSY, 0, "status 500" },
		{ MST_FETCH_ZH, "HTTP/1.1 404 \r\n", "", MST_FETCH_UNKNOWN, 0, "status 404" },
		{ MST_FETCH_ZH, "HTTP/1.1 307 \r\nLocation: https://other.example.com/\r\n", "", MST_FETCH_MALFORMED, 0, "status 307" },
		{ MST_FETCH_ZN, "HTTP/1.1 200 \r\nContent-Type: text/plain\r\n", "{\"meKeyMaterial\":\"" NAF "\"}", MST_FETCH_MALFORMED, 0, "application/json" },
		{ MST_FETCH_ZN, "HTTP/1.1 200 \r\n" JSON, "{\"meKeyMaterial\":\"00\"}", MST_FETCH_MALFORMED, 0, "meKeyMaterial" },
		{ MST_FETCH_ZN, "HTTP/1.1 200 \r\n" JSON, "{}", MST_FETCH_MALFORMED, 0, "meKeyMaterial" },
		{ MST_FETCH_ZH, "HTTP/1.1 200 \r\n" JSON, VECTOR("another@example.com"), MST_FETCH_MALFORMED, 0, "another subscriber" },
		{ MST_FETCH_ZH, "HTTP/1.1 200 \r\n" JSON, "[]", MST_FETCH_MALFORMED, 0, "array" },
	};

	(void)state;
	t.body[1] = GUSS;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_fetch f = fetch_of(row[i].kind);

		t.head[0] = row[i].head;
		t.body[0] = row[i].body;
		fetch(&f);
		assert_int_equal(t.r.end, row[i].end);
		assert_int_equal(t.r.retry_after, row[i].retry);
		if (!strstr(t.r.detail, row[i].detail))
			fail_msg("\"%s\", not \"%s\"", t.r.detail, row[i].detail);
		assert_true(!t.r.key.n && t.requests >= 1);
	}
}

/* The vector is there, the settings are not: nothing. */
static void half_an_answer_is_none(void **state)
{
	struct mst_fetch f = fetch_of(MST_FETCH_ZH);

	(void)state;
	t.body[0] = VECTOR(IMPI);
	t.head[1] = "HTTP/1.1 503 \r\nRetry-After: 3\r\n";
	t.body[1] = "";
	fetch(&f);
	assert_true(t.r.end == MST_FETCH_BUSY && t.r.retry_after == 3 && !t.r.key.n && t.requests == 2);
	t.head[1] = "HTTP/1.1 200 \r\n" JSON;
	t.body[1] = "{\"guss\":1}";
	fetch(&f);
	assert_true(t.r.end == MST_FETCH_MALFORMED && !t.r.key.n);
}

static void many(bool h2)
{
	struct mst_fetch f = fetch_of(MST_FETCH_ZN);

	t.hold = true;
	t.body[0] = t.body[1] = "{\"meKeyMaterial\":\"" NAF "\"}";
	for (uint64_t i = 1; i <= 20; i++)
		send_fetch(&f, i);
	until(&t.n_held, h2 ? 20 : SESSIONS_PER_SERVER);
	for (unsigned i = 1; i < t.n_held; i++)
		assert_int_equal(t.connection[i] == t.connection[0], h2);
	t.hold = false;
	for (unsigned i = t.n_held; i--;)
		answer(t.held[i], t.head[0], t.body[0]);
	until(&t.results, 20);
	assert_int_equal(t.good, 20);
	assert_int_equal(mst_server_stats(t.server).handshakes, h2 ? 1 : SESSIONS_PER_SERVER);
}

static void many_on_one_session(void **state)
{
	(void)state;
	many(true);
}

static void few_on_each_of_http1(void **state)
{
	(void)state;
	without_h2(MST_TLS_BOTH);
	many(false);
}

/* More servers than there may be sessions: those that idle are no reason not to ask the next one. Of oneM2M's likewise. */
static void idle_sessions_give_way(void **state)
{
	struct connector *c = (struct connector *)(void *)t.unit;
	struct mst_fetch f = fetch_of(MST_FETCH_ZN);

	(void)state;
	t.body[0] = t.body[1] = "{\"meKeyMaterial\":\"" NAF "\"}";
	for (unsigned i = 0; i < SESSIONS_MAX + 3; i++) {
		snprintf(f.uri, sizeof(f.uri), "https://mef.example.com:%u/%u", t.port, i);
		fetch(&f);
		assert_string_equal(t.r.detail, "");
		assert_int_equal(t.r.end, MST_FETCH_OK);
	}
	/* and none had to wait until others had idled for long */
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		assert_non_null(c->sbi[i]);
	for (size_t i = 0; i < MST_ASKERS; i++)
		if (mst_askers[i].kind == MST_FETCH_KEY)
			c->tls[i] = tls_ctx_ref(t.client_tls);
	without_h2(MST_TLS_BOTH);
	f = fetch_of(MST_FETCH_KEY);
	snprintf(f.path, sizeof(f.path), "/key");
	for (unsigned i = 0; i < SESSIONS_MAX + 3; i++) {
		snprintf(f.uri, sizeof(f.uri), "https://mef.example.com:%u/%u", t.port, i);
		fetch(&f);
		assert_int_equal(t.r.end, MST_FETCH_MALFORMED);         /* it was asked: an answer of HTTP alone is none of oneM2M */
	}
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		assert_non_null(c->session[i]);
}

/* The server goes away under a kept session, and is back at once. */
static void asks_again(void **state)
{
	struct mst_fetch f = fetch_of(MST_FETCH_ZN);

	(void)state;
	t.body[0] = t.body[1] = "{\"meKeyMaterial\":\"" NAF "\"}";
	fetch(&f);
	assert_int_equal(t.r.end, MST_FETCH_OK);
	t.hold = true;
	send_fetch(&f, 8);
	until(&t.n_held, 1);
	t.hold = false;
	t.server = mst_server_free(t.server);
	serve();
	until(&t.results, 2);
	assert_int_equal(t.r.end, MST_FETCH_OK);
	/* one that ends each session with its answer */
	t.close_it = true;
	for (int i = 0; i < 3; i++) {
		fetch(&f);
		assert_int_equal(t.r.end, MST_FETCH_OK);
	}
}

/*
 * The server ends a session in order while it opens, with the request on its way. Nobody who asked us notices. In TLS 1.2 the server is
 * ready one turn before the client.
 */
static void session_ends_under_a_request(void **state)
{
	struct mst_fetch f = fetch_of(MST_FETCH_ZN);

	(void)state;
	without_h2(MST_TLS_ONEM2M);
	t.body[0] = "{\"meKeyMaterial\":\"" NAF "\"}";
	send_fetch(&f, 7);
	while (!mst_server_stats(t.server).handshakes && !t.results)
		event_base_loop(t.base, EVLOOP_ONCE);
	assert_int_equal(t.requests, 0);
	mst_server_cut(t.server, &(struct mst_whose){ .one = 7 });
	until(&t.results, 1);
	if (t.r.end != MST_FETCH_OK)
		fail_msg("%s", t.r.detail);
	assert_true(t.requests == 1 && mst_server_stats(t.server).handshakes == 2);
}

/* Our own settings change while a session opens: what waits for it goes on with the new ones. */
static void our_settings_change_under_a_handshake(void **state)
{
	struct mst_fetch f = fetch_of(MST_FETCH_ZN);
	struct connector *c = (struct connector *)(void *)t.unit;

	(void)state;
	t.body[0] = "{\"meKeyMaterial\":\"" NAF "\"}";
	send_fetch(&f, 7);
	while (!mst_server_stats(t.server).accepted && !t.results)
		event_base_loop(t.base, EVLOOP_ONCE);
	c->epoch++;
	connector_sbi_reload(c);
	until(&t.results, 1);
	assert_int_equal(t.r.end, MST_FETCH_OK);
	assert_int_equal(t.requests, 1);
}

/* Likewise with a MEF, and nothing is asked under the old ones: it may be revoked by now. */
static void trust_ends_under_a_handshake(void **state)
{
	struct mst_fetch f = fetch_of(MST_FETCH_KEY);
	struct connector *c = (struct connector *)(void *)t.unit;
	struct mst_tls_ctx *trust[] = { t.client_tls, NULL };

	(void)state;
	without_h2(MST_TLS_BOTH);
	snprintf(f.path, sizeof(f.path), "/key");
	t.body[1] = "{}";
	for (unsigned k = 0; k < MST_COUNT(trust); k++) {
		for (size_t i = 0; i < MST_ASKERS; i++)
			if (mst_askers[i].kind == MST_FETCH_KEY && !c->tls[i])
				c->tls[i] = tls_ctx_ref(t.client_tls);
		t.requests = t.results = 0;
		snprintf(f.uri, sizeof(f.uri), "https://mef.example.com:%u/%u", t.port, k);
		send_fetch(&f, 7);
		for (uint64_t n = mst_server_stats(t.server).accepted; mst_server_stats(t.server).accepted == n && !t.results;)
			event_base_loop(t.base, EVLOOP_ONCE);
		for (size_t i = 0; i < MST_ASKERS; i++)
			if (mst_askers[i].kind == MST_FETCH_KEY && !trust[k])
				c->tls[i] = mst_tls_ctx_free(c->tls[i]);
		connector_new_trust(c);
		assert_int_equal(t.requests, 0);
		until(&t.results, 1);
		assert_int_equal(t.requests, trust[k] ? 1 : 0);
		assert_int_equal(t.r.end, trust[k] ? MST_FETCH_MALFORMED : MST_FETCH_UNTRUSTED);
	}
	assert_true(mst_server_stats(t.server).accepted == 3 && mst_server_stats(t.server).handshakes == 1);
}

/* But not for ever, and not where no session was. */
static void gives_up(void **state)
{
	struct mst_fetch f = fetch_of(MST_FETCH_ZN), other = f;

	(void)state;
	t.server = mst_server_free(t.server);
	fetch(&f);
	assert_int_equal(t.r.end, MST_FETCH_UNREACHABLE);
	serve();
	strcpy(other.server_name, "other.example.com");
	fetch(&other);
	assert_int_equal(t.r.end, MST_FETCH_UNTRUSTED);
	other = f;
	strcpy(other.uri, "ftp://mef.example.com");
	fetch(&other);
	assert_int_equal(t.r.end, MST_FETCH_UNREACHABLE);
	other = f;
	other.role = MST_ROLE_HSS;              /* asks nobody */
	fetch(&other);
	assert_int_equal(t.r.end, MST_FETCH_UNTRUSTED);
	t.hold = true;
	send_fetch(&f, 9);
	until(&t.n_held, 1);
	t.server = mst_server_free(t.server);   /* the first request of a session: who knows what has become of it */
	until(&t.results, 5);
	assert_int_equal(t.r.end, MST_FETCH_UNREACHABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(vector_and_settings, up, down), cmocka_unit_test_setup_teardown(naf_key, up, down),
		cmocka_unit_test_setup_teardown(what_is_refused, up, down), cmocka_unit_test_setup_teardown(half_an_answer_is_none, up, down),
		cmocka_unit_test_setup_teardown(many_on_one_session, up, down), cmocka_unit_test_setup_teardown(few_on_each_of_http1, up, down),
		cmocka_unit_test_setup_teardown(idle_sessions_give_way, up, down),
		cmocka_unit_test_setup_teardown(asks_again, up, down), cmocka_unit_test_setup_teardown(session_ends_under_a_request, up, down),
		cmocka_unit_test_setup_teardown(our_settings_change_under_a_handshake, up, down),
		cmocka_unit_test_setup_teardown(trust_ends_under_a_handshake, up, down), cmocka_unit_test_setup_teardown(gives_up, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
