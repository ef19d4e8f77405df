/* The briefing node over a real store: what is asked in octets, what is answered, what stays, what the operator reads. */
#include "role/bbn/bbn.h"
#include "role/test-rig.h"

#include <stdio.h>

#include "base/text.h"

#define A1 "0123456789abcdef0123456789abcdef"
#define A2 "11111111111111111111111111111111"
#define ASK(attempt) "{\"version\":1,\"attempt\":\"" attempt "\",\"methods\":[\"cert\",\"bbn\"]}"
#define INSTRUCTION "{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.example.com:8443\",\"label\":\"to the MEF\"}"
#define RULE(name, more) "{\"name\":\"" name "\"," more "\"then\":{\"instructions\":[" INSTRUCTION "]}}"
#define OPEN "{\"name\":\"open\",\"public\":true,\"when\":{\"models\":[\"open\"]},\"then\":{\"instructions\":[{\"kind\":\"discovery\"," \
	"\"method\":\"bbn\",\"uri\":\"https://owner.example.com/briefing\"}]}}"

static struct rig g;
static char before[65536], after[65536];

static void put_rule(const char *json, int64_t place)
{
	rig_rule(&g, json, place);
}

static int ask_as(enum mst_op op, const char *to, const char *media, const char *accept, struct mst_view content)
{
	return rig_brief(&g, op, to, media, accept, content);
}

static int ask(const char *content)
{
	return ask_as(MST_OP_CREATE, "/briefing", "application/json", "", mst_view_str(content));
}

static int report(const char *id, const char *content)
{
	char to[100];

	snprintf(to, sizeof(to), "/briefing/%s/report", id);
	return ask_as(MST_OP_CREATE, to, "application/json", "", mst_view_str(content));
}

static void node_peer(void)
{
	rig_peer_cert(&g, MST_ID_NODE, RIG_NODE);
	memset(g.x.peer.anchor_sha256, 0xcc, MST_SHA256_LEN);
	memset(g.x.peer.cert.spki_sha256, 0x77, MST_SHA256_LEN);
}

static void stranger_peer(void)
{
	memset(&g.x, 0, sizeof(g.x));
	snprintf(g.x.peer.address, sizeof(g.x.peer.address), "[::1]:4713");
}

static void say_event(char out[640])
{
	struct mst_event e;

	assert_true(rig_last_event(&g, &e));
	snprintf(out, 640, "%s %s %s %d %s", e.what, e.who, e.attempt, e.outcome, e.why);
}

static int up(void **state)
{
	(void)state;
	rig_up(&g);
	node_peer();
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_down(&g);
	return 0;
}

static void briefed_and_again(void **state)
{
	struct mst_node n;
	struct mst_briefing b;
	char id[64], again[64], text[640];

	(void)state;
	put_rule(RULE("all", ""), 10);
	assert_int_equal(ask(ASK(A1)), MST_RSC_OK);
	assert_string_equal(g.a.media, "application/json");
	rig_member(&g, "id", id, sizeof(id));
	assert_int_equal(strlen(id), 32);
	assert_non_null(strstr(g.text, "\"serverTime\":\""));
	assert_non_null(strstr(g.text, "\"target\":\"maf.example.com\""));
	assert_null(strstr(g.text, "sub-secret"));              /* the M2M-Sub-ID never goes to a node */
	assert_int_equal(mst_store_node_get(g.store, g.node, &n), 0);
	assert_int_equal(n.state, MST_NODE_BRIEFED);
	assert_string_equal(n.attempt, A1);
	say_event(text);
	assert_non_null(strstr(text, "bbn.briefed //sp.example.com/CSE0001 " A1 " 2000 rule all, briefing "));

	/* lesson 10, also when the rules have changed and in the other encoding */
	put_rule(RULE("first", ""), 5);
	rig_fingerprint(&g, before, sizeof(before));
	assert_int_equal(ask(ASK(A1)), MST_RSC_OK);
	assert_string_equal(rig_member(&g, "id", again, sizeof(again)), id);
	assert_int_equal(ask_as(MST_OP_CREATE, "/briefing", "application/json; charset=utf-8", "application/cbor", mst_view_str(ASK(A1))), MST_RSC_OK);
	assert_string_equal(g.a.media, "application/cbor");
	rig_fingerprint(&g, after, sizeof(after));
	assert_string_equal(before, after);

	/* another attempt is judged anew */
	assert_int_equal(ask(ASK(A2)), MST_RSC_OK);
	assert_string_not_equal(rig_member(&g, "id", again, sizeof(again)), id);
	assert_int_equal(mst_store_briefing_get(g.store, again, &b), 0);
	assert_string_equal(b.rule, "first");
	assert_int_equal(b.rules_version, 2);
}

/* Both encodings of one question are one question, and the CBOR answer says what the JSON answer says. */
static void cbor(void **state)
{
	static struct mst_brief_ask q;
	static struct mst_brief_answer a;
	static uint8_t room[MST_SEQ_OCTETS], octets[1024];
	struct mst_arena arena = mst_arena_of(room, sizeof(room));
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));
	char id[64];

	(void)state;
	put_rule(RULE("all", ""), 10);
	assert_int_equal(mst_msg_read_json(&mst_brief_ask_msg, MST_PROFILE_LONG, mst_view_str(ASK(A1)), &arena, &q, NULL), 0);
	mst_msg_write_cbor(&mst_brief_ask_msg, &q, &w);
	assert_int_equal(ask(ASK(A1)), MST_RSC_OK);
	rig_member(&g, "id", id, sizeof(id));
	assert_int_equal(ask_as(MST_OP_CREATE, "/briefing", "application/cbor", "*/*", mst_written(&w)), MST_RSC_OK);
	assert_string_equal(g.a.media, "application/cbor");
	arena = mst_arena_of(room, sizeof(room));
	assert_int_equal(mst_msg_read_cbor(&mst_brief_answer_msg, mst_written(&g.a.content), &arena, &a, NULL), 0);
	assert_int_equal(mst_brief_answer_check(&a, NULL), 0);
	assert_true(mst_view_eq_str(a.sequence.id, id));
	assert_int_equal(a.server_time, RIG_NOW);
}

static void reports(void **state)
{
	char id[64], text[640], to[512];

	(void)state;
	put_rule(RULE("all", ""), 10);
	assert_int_equal(ask(ASK(A1)), MST_RSC_OK);
	rig_member(&g, "id", id, sizeof(id));
	snprintf(to, sizeof(to), "{\"version\":1,\"attempt\":\"%s\",\"done\":false,\"enrolled\":false,\"failures\":[{\"resource\":"
		 "\"https://mef.example.com\",\"method\":\"cert\",\"reason\":\"refused\",\"step\":\"mef-register\",\"detail\":\"4103\"}]}", A1);
	assert_int_equal(report(id, to), 204);
	assert_int_equal(g.a.content.n, 0);
	say_event(text);
	assert_non_null(strstr(text, "bbn.step-failed //sp.example.com/CSE0001 " A1 " 0 cert https://mef.example.com: refused at mef-register (4103)"));

	/* again: nothing changes, and nothing is told twice */
	rig_fingerprint(&g, before, sizeof(before));
	assert_int_equal(report(id, to), 204);
	rig_fingerprint(&g, after, sizeof(after));
	assert_string_equal(before, after);
	snprintf(to, sizeof(to), "{\"version\":1,\"attempt\":\"%s\",\"done\":true,\"enrolled\":true,\"target\":\"maf.example.com\"}", A1);
	assert_int_equal(report(id, to), 204);
	say_event(text);
	assert_non_null(strstr(text, "bbn.enrolled //sp.example.com/CSE0001 " A1 " 0 with maf.example.com"));

	/* somebody else's briefing */
	rig_peer_cert(&g, MST_ID_NODE, "urn:dev:ops:1-a-8");
	memset(g.x.peer.cert.spki_sha256, 0x11, MST_SHA256_LEN);
	rig_fingerprint(&g, before, sizeof(before));
	assert_int_equal(report(id, to), MST_RSC_NOT_FOUND);
	assert_non_null(strstr(g.text, "\"why\":\"mismatch\""));
	rig_fingerprint(&g, after, sizeof(after));
	assert_string_equal(before, after);
	say_event(text);
	assert_non_null(strstr(text, "bbn.refused"));
	assert_non_null(strstr(text, "another node's briefing"));
}

static void bad_input(void **state)
{
	static const struct { const char *name; enum mst_op op; const char *to, *media, *accept, *content; int rsc; const char *says; } rows[] = {
		{ "path", MST_OP_CREATE, "/brief", "application/json", "", ASK(A1), MST_RSC_NOT_FOUND, "path" },
		{ "path behind", MST_OP_CREATE, "/briefing/x", "application/json", "", ASK(A1), MST_RSC_NOT_FOUND, "path" },
		{ "id too short", MST_OP_CREATE, "/briefing/0123/report", "application/json", "", "{}", MST_RSC_NOT_FOUND, "path" },
		{ "id with capitals", MST_OP_CREATE, "/briefing/0123456789ABCDEF0123456789abcdef/report", "application/json", "", "{}", MST_RSC_NOT_FOUND, "path" },
		{ "GET", MST_OP_RETRIEVE, "/briefing", "", "", "", MST_RSC_OPERATION_NOT_ALLOWED, "POST" },
		{ "no media type", MST_OP_CREATE, "/briefing", "", "", ASK(A1), MST_RSC_UNSUPPORTED_MEDIA_TYPE, "application/cbor" },
		{ "XML", MST_OP_CREATE, "/briefing", "application/xml", "", ASK(A1), MST_RSC_UNSUPPORTED_MEDIA_TYPE, "application/cbor" },
		{ "Accept", MST_OP_CREATE, "/briefing", "application/json", "text/html", ASK(A1), MST_RSC_NOT_ACCEPTABLE, "Accept" },
		{ "Accept nothing", MST_OP_CREATE, "/briefing", "application/json", "application/json;q=0, application/cbor;q=0.0, */*", ASK(A1), MST_RSC_NOT_ACCEPTABLE, "Accept" },
		{ "empty", MST_OP_CREATE, "/briefing", "application/json", "", "", MST_RSC_BAD_REQUEST, "" },
		{ "no JSON", MST_OP_CREATE, "/briefing", "application/json", "", "{\"version\":1", MST_RSC_BAD_REQUEST, "" },
		{ "JSON as CBOR", MST_OP_CREATE, "/briefing", "application/cbor", "application/json", ASK(A1), MST_RSC_BAD_REQUEST, "" },
		{ "no attempt", MST_OP_CREATE, "/briefing", "application/json", "", "{\"version\":1,\"methods\":[\"cert\"]}", MST_RSC_BAD_REQUEST, "attempt" },
		{ "version", MST_OP_CREATE, "/briefing", "application/json", "", "{\"version\":2,\"attempt\":\"" A1 "\",\"methods\":[\"cert\"]}", MST_RSC_BAD_REQUEST, "version" },
		{ "method", MST_OP_CREATE, "/briefing", "application/json", "", "{\"version\":1,\"attempt\":\"" A1 "\",\"methods\":[\"magic\"]}", MST_RSC_BAD_REQUEST, "methods" },
		{ "method twice", MST_OP_CREATE, "/briefing", "application/json", "", "{\"version\":1,\"attempt\":\"" A1 "\",\"methods\":[\"cert\",\"cert\"]}", MST_RSC_BAD_REQUEST, "methods" },
		{ "half a place", MST_OP_CREATE, "/briefing", "application/json", "", "{\"version\":1,\"attempt\":\"" A1 "\",\"methods\":[\"cert\"],\"location\":{\"latitude\":1}}", MST_RSC_BAD_REQUEST, "longitude" },
		{ "unknown member", MST_OP_CREATE, "/briefing", "application/json", "", "{\"version\":1,\"attempt\":\"" A1 "\",\"methods\":[\"cert\"],\"rule\":\"all\"}", MST_RSC_BAD_REQUEST, "rule" },
		{ "another node", MST_OP_CREATE, "/briefing", "application/json", "", "{\"version\":1,\"attempt\":\"" A1 "\",\"methods\":[\"cert\"],\"nodeID\":\"urn:dev:ops:1-a-8\"}", MST_RSC_NO_PRIVILEGE, "mismatch" },
		{ "report on nothing", MST_OP_CREATE, "/briefing/" A1 "/report", "application/json", "", "{\"version\":1,\"attempt\":\"" A1 "\",\"done\":true,\"enrolled\":false}", MST_RSC_NOT_FOUND, "mismatch" },
		{ "report without done", MST_OP_CREATE, "/briefing/" A1 "/report", "application/json", "", "{\"version\":1,\"attempt\":\"" A1 "\",\"enrolled\":false}", MST_RSC_BAD_REQUEST, "done" },
	};
	static char long_one[MST_BRIEF_OCTETS + 2];
	struct mst_event e;

	(void)state;
	put_rule(RULE("all", ""), 10);
	rig_fingerprint(&g, before, sizeof(before));
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		int rsc = ask_as(rows[i].op, rows[i].to, rows[i].media, rows[i].accept, mst_view_str(rows[i].content));

		if (rsc != rows[i].rsc || !strstr(g.text, rows[i].says) || !strstr(g.text, "\"why\":\""))
			fail_msg("%s: %d, %s", rows[i].name, rsc, g.text);
		assert_true(rig_last_event(&g, &e));
		assert_string_equal(e.what, "bbn.refused");
		assert_int_equal(e.outcome, rsc);
	}
	memset(long_one, ' ', sizeof(long_one) - 1);
	assert_int_equal(ask(long_one), 413);
	rig_fingerprint(&g, after, sizeof(after));
	assert_string_equal(before, after);
	assert_int_equal(ask(ASK(A1)), MST_RSC_OK);             /* and the next one is served */
}

static void nobody_knows_it(void **state)
{
	struct mst_identity i = { .kind = MST_ID_NODE, .value = "urn:dev:ops:1-b-1" };
	struct mst_briefing b;
	char id[64];

	(void)state;
	put_rule(RULE("all", ""), 10);
	rig_peer_cert(&g, MST_ID_NODE, "urn:dev:ops:1-a-9");
	memset(g.x.peer.cert.spki_sha256, 0x11, MST_SHA256_LEN);
	assert_int_equal(ask(ASK(A1)), MST_RSC_NO_PRIVILEGE);
	assert_non_null(strstr(g.text, "\"why\":\"unknown-node\""));
	assert_int_equal(g.a.retry_after, 3600);
	put_rule(OPEN, 20);
	assert_int_equal(ask("{\"version\":1,\"attempt\":\"" A2 "\",\"methods\":[\"bbn\"],\"model\":\"open\"}"), MST_RSC_OK);
	rig_member(&g, "id", id, sizeof(id));
	assert_int_equal(mst_store_briefing_get(g.store, id, &b), 0);
	assert_int_equal(b.node, 0);
	assert_true(!strncmp(b.who, "key 1111", 8));

	/* a name that the registry has under another maker's CA is no name */
	memset(i.anchor, 0xdd, sizeof(i.anchor));
	i.node = g.node;
	assert_int_equal(mst_store_identity_put(g.store, &i), 0);
	g.bbn_conf.makers.n = 2;
	rig_peer_cert(&g, MST_ID_NODE, "urn:dev:ops:1-b-1");
	assert_int_equal(ask("{\"version\":1,\"attempt\":\"" A2 "\",\"methods\":[\"bbn\"],\"model\":\"open\"}"), MST_RSC_NO_PRIVILEGE);
	assert_non_null(strstr(g.text, "\"why\":\"unknown-node\""));
}

static void strangers(void **state)
{
	static const char question[] = "{\"version\":1,\"attempt\":\"" A1 "\",\"methods\":[\"bbn\"],\"model\":\"open\",\"nodeID\":\"" RIG_NODE "\"}";
	char id[64], again[64];

	(void)state;
	put_rule(RULE("all", ""), 10);
	put_rule(OPEN, 20);
	stranger_peer();
	rig_fingerprint(&g, before, sizeof(before));
	assert_int_equal(ask(question), MST_RSC_NO_PRIVILEGE);
	g.bbn_conf.strangers = true;
	assert_int_equal(ask(ASK(A1)), MST_RSC_NO_PRIVILEGE);
	assert_non_null(strstr(g.text, "\"why\":\"not-authenticated\""));
	assert_int_equal(ask(question), MST_RSC_OK);
	rig_member(&g, "id", id, sizeof(id));
	assert_int_equal(ask(question), MST_RSC_OK);
	assert_string_equal(rig_member(&g, "id", again, sizeof(again)), id);
	assert_int_equal(report(id, "{\"version\":1,\"attempt\":\"" A1 "\",\"done\":true,\"enrolled\":false}"), MST_RSC_NO_PRIVILEGE);
	rig_fingerprint(&g, after, sizeof(after));
	assert_string_equal(before, after);                     /* no unauthenticated byte changes durable state */
}

/* The listener's word, when a handshake with a key has failed. */
static void failed(const char *identity, char text[640])
{
	struct mst_role_env env = rig_env(&g, MST_ROLE_BBN);

	rig_peer_psk(&g, identity);
	assert_int_equal(mst_role_bbn.handshake_failed(&env, &g.x.peer, MST_TLS_PSK_REFUSED, ""), 0);
	say_event(text);
}

static void by_secret(void **state)
{
	struct mst_credential c = { .key_id = "sensor-7@bbn.example.com", .purpose = MST_PURPOSE_KPM, .state = MST_CRED_ACTIVE,
				    .expires = MST_NEVER, .client_id = RIG_CSE };
	struct mst_wrapped sealed = rig_seal(0x42, c.purpose);
	struct mst_psk_answer a;
	char text[640];

	(void)state;
	put_rule(RULE("all", "\"when\":{\"authentication\":[\"psk\"]},"), 10);
	c.node = g.node;
	assert_int_equal(g.keeper->ops->wrap(g.keeper, RIG_CHANNEL, (struct mst_view){ sealed.b, sealed.n }, c.purpose, c.key_id, &c.key), 0);
	assert_int_equal(mst_store_cred_put(g.store, MST_ROLE_BBN, &c, true), 0);
	assert_int_equal(rig_lookup_at(&g, MST_ROLE_BBN, "sensor-7@BBN.example.com", &a), 0);
	assert_true(a.release.wanted);
	assert_int_equal(a.release.purpose, MST_PURPOSE_KPM);
	rig_peer_psk(&g, "sensor-7@bbn.example.com");
	assert_int_equal(ask(ASK(A1)), MST_RSC_OK);

	/* unknown, not an identifier, revoked: one outcome, and words for the operator alone */
	assert_int_equal(rig_lookup_at(&g, MST_ROLE_BBN, "sensor-8@bbn.example.com", &a), MST_PSK_UNKNOWN);
	failed("sensor-8@bbn.example.com", text);
	assert_non_null(strstr(text, "bbn.handshake-failed sensor-8@bbn.example.com"));
	assert_non_null(strstr(text, "identity unknown"));
	failed(c.key_id, text);
	assert_non_null(strstr(text, "identity known, key wrong"));
	assert_int_equal(rig_lookup_at(&g, MST_ROLE_BBN, "nonsense", &a), MST_PSK_UNKNOWN);
	c.state = MST_CRED_REVOKED;
	assert_int_equal(mst_store_cred_put(g.store, MST_ROLE_BBN, &c, false), 0);
	assert_int_equal(rig_lookup_at(&g, MST_ROLE_BBN, c.key_id, &a), MST_PSK_UNKNOWN);
	assert_false(a.release.wanted);
	failed(c.key_id, text);
	assert_non_null(strstr(text, "revoked"));
	rig_peer_psk(&g, c.key_id);
	assert_int_equal(ask(ASK(A2)), MST_RSC_NO_PRIVILEGE);
}

static int count(void *arg, const struct mst_briefing *b)
{
	(void)b;
	++*(size_t *)arg;
	return 0;
}

/* Lesson 17: a node that asks for ever, and nodes that are gone. */
static void bounded(void **state)
{
	char content[160];
	size_t n = 0;

	(void)state;
	put_rule(RULE("all", ""), 10);
	for (int i = 0; i < 3 * BBN_OF_ONE; i++) {
		snprintf(content, sizeof(content), "{\"version\":1,\"attempt\":\"%032x\",\"methods\":[\"cert\"]}", i);
		assert_int_equal(ask(content), MST_RSC_OK);
	}
	assert_true(mst_store_briefing_list(g.store, &(struct mst_briefing_filter){ 0 }, count, &n) >= 0);
	assert_int_equal(n, BBN_OF_ONE);
	g.now += 31 * RIG_DAY;
	for (int i = 0; i < 2; i++) {
		snprintf(content, sizeof(content), "{\"version\":1,\"attempt\":\"%032x\",\"methods\":[\"cert\"]}", 1000 + i);
		assert_int_equal(ask(content), MST_RSC_OK);
	}
	n = 0;
	assert_true(mst_store_briefing_list(g.store, &(struct mst_briefing_filter){ 0 }, count, &n) >= 0);
	assert_int_equal(n, 2);
}

/* A fault at each write leaves nothing, and the same question is answered afterwards. */
static void store_fails(void **state)
{
	int rsc = MST_FAULT_STORE;

	(void)state;
	put_rule(RULE("all", ""), 10);
	rig_fingerprint(&g, before, sizeof(before));
	for (unsigned at = 1; rsc < 0 && at < 40; at++) {
		mst_store_fail_at(g.store, at);
		rsc = ask(ASK(A1));
		mst_store_fail_at(g.store, 0);
		if (rsc >= 0)
			break;
		rig_fingerprint(&g, after, sizeof(after));
		assert_string_equal(before, after);
	}
	assert_int_equal(rsc, MST_RSC_OK);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(briefed_and_again), T(cbor), T(reports), T(bad_input), T(nobody_knows_it), T(strangers), T(by_secret), T(bounded),
		T(store_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
