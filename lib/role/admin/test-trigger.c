/* Making triggers: who gets one, what is written down, what is refused; with the real keeper. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/derive.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"

#define NOW INT64_C(1795845926)
#define KM_ID "0123ABCD@maf.example.com"

static char dir[64];
static struct mst_store *s;
static struct mst_keeper *k;
static struct mst_node node = { .node_id = "urn:a", .state = MST_NODE_ENROLLED };
static uint8_t answer_room[MST_ANSWER_MAX];
static struct mst_role_conf conf;

static json_t *call(const char *target, const char *body, mst_time now, int *ret_rsc)
{
	struct mst_role_env env = { .store = s, .conf = &conf, .keeper = k, .crypto = mst_crypto_openssl(), .now = now };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .peer = { .how = MST_AUTH_LOCAL, .uid = (uint32_t)geteuid() },
				  .request = { .op = MST_OP_CREATE, .to = mst_view_str(target), .content = mst_view_str(body) } };
	struct mst_answer a = { .content = mst_writer_of(answer_room, sizeof(answer_room)) };

	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(mst_role_admin.handle(&env, &x, &a), 0);
	assert_int_equal(mst_store_commit(s), 0);
	*ret_rsc = a.rsc;
	return json_loadb((const char *)a.content.p, a.content.n, 0, NULL);
}

static void put_key(mst_time expires, enum mst_cred_state state, mst_time created, const char *id, enum mst_key_purpose p)
{
	struct mst_credential c = { .purpose = p, .client_id = "urn:a", .node = node.id, .state = state, .created = created,
				    .expires = expires };
	const struct mst_channel from = { .id = 1, .key = { 1 } };
	struct mst_wrapped sealed;

	snprintf(c.key_id, sizeof(c.key_id), "%s", id);
	assert_int_equal(mst_channel_seal(&from, mst_crypto_openssl(), p, &(struct mst_key){ .n = MST_KEY_LEN }, &sealed), 0);
	assert_int_equal(k->ops->wrap(k, from.id, (struct mst_view){ sealed.b, sealed.n }, p, id, &c.key), 0);
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MAF, &c, true), 0);
}

static int set_up(void **state)
{
	char path[128];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/mst-admin-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "sqlite:%s/t.db", dir);
	assert_int_equal(mst_store_open(path, &s, NULL), 0);
	snprintf(path, sizeof(path), "%s/keeper", dir);
	assert_int_equal(mst_keeper_create_files(path, "muster test CA", NOW, mst_crypto_openssl(), NULL), 0);
	assert_int_equal(mst_keeper_local_open(path, mst_crypto_openssl(), &k, NULL), 0);
	assert_int_equal(mst_keeper_local_channel(k, 1, (const uint8_t[32]){ 1 }, MST_DUTY__ALL), 0);
	node.state = MST_NODE_ENROLLED;
	assert_int_equal(mst_store_node_insert(s, &node), 0);
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	k->ops->close(k);
	mst_store_close(s);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static void counters_only_grow(void **state)
{
	/* a clock that goes back, and one that was far ahead once */
	static const struct { mst_time now; json_int_t counter; } cases[] = {
		{ NOW, NOW }, { NOW, NOW + 1 }, { NOW - 86400, NOW + 2 }, { NOW + 10, NOW + 10 }, { NOW + 1000000, NOW + 1000000 },
		{ NOW + 11, NOW + 1000001 },
	};
	struct mst_trigger t;
	struct mst_reach reach;
	uint8_t octets[MST_TRIGGER_MAX];
	struct mst_view body, tag;
	int rsc;

	(void)state;
	put_key(NOW + 90000000, MST_CRED_ACTIVE, NOW - 5, KM_ID, MST_PURPOSE_KM);
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		json_t *j = call("/v1/nodes/urn%3Aa/trigger", "{\"what\":\"run\"}", cases[i].now, &rsc);
		size_t n = 0;

		assert_int_equal(rsc, MST_RSC_CREATED);
		assert_true(json_integer_value(json_object_get(j, "counter")) == cases[i].counter);
		assert_string_equal(json_string_value(json_object_get(j, "keyID")), KM_ID);
		assert_true(mst_base64_decode(mst_view_str(json_string_value(json_object_get(j, "trigger"))), octets, sizeof(octets), &n));
		assert_int_equal(mst_trigger_read((struct mst_view){ octets, n }, &t, &body, &tag, NULL), 0);
		assert_true(t.counter == cases[i].counter && t.issued == cases[i].now && tag.n == MST_TRIGGER_MAC);
		json_decref(j);
		assert_int_equal(mst_store_reach_get(s, node.id, &reach), 0);
		assert_int_equal(reach.counter, cases[i].counter);
		assert_int_equal(reach.triggered, cases[i].now);
	}
}

static mst_ms no_time(void)
{
	return 1;
}

/* keeper_limits: the second one in a minute waits; it is no fault of the node's key, and its counter stays. */
static void more_than_the_keeper_lets_go(void **state)
{
	const struct mst_keeper_limit limit[MST_RATE__COUNT] = { [MST_RATE_TRIGGERS] = { 0, 1 } };
	struct mst_reach before, after;
	const char *text;
	json_t *j;
	int rsc;

	(void)state;
	put_key(NOW + 100, MST_CRED_ACTIVE, NOW - 3, KM_ID, MST_PURPOSE_KM);
	mst_keeper_local_limits(k, limit, no_time);
	json_decref(call("/v1/nodes/urn%3Aa/trigger", "{\"what\":\"run\"}", NOW, &rsc));
	assert_int_equal(rsc, MST_RSC_CREATED);
	assert_int_equal(mst_store_reach_get(s, node.id, &before), 0);
	j = call("/v1/nodes/urn%3Aa/trigger", "{\"what\":\"run\"}", NOW + 1, &rsc);
	text = json_string_value(json_object_get(json_object_get(j, "error"), "text"));
	assert_int_equal(rsc, MST_RSC_CONFLICT);
	assert_true(text && strstr(text, "keeper_limits.triggers_most"));
	json_decref(j);
	assert_int_equal(mst_store_reach_get(s, node.id, &after), 0);
	assert_int_equal(after.counter, before.counter);
}

static void the_key_in_use(void **state)
{
	int rsc;
	json_t *j;

	(void)state;
	json_decref(call("/v1/nodes/urn%3Aa/trigger", "{\"what\":\"run\"}", NOW, &rsc));
	assert_int_equal(rsc, MST_RSC_CONFLICT);
	put_key(NOW + 100, MST_CRED_PENDING, NOW, "pending@maf.example.com", MST_PURPOSE_KM);
	put_key(NOW - 1, MST_CRED_ACTIVE, NOW, "ended@maf.example.com", MST_PURPOSE_KM);
	put_key(NOW + 100, MST_CRED_REVOKED, NOW, "revoked@maf.example.com", MST_PURPOSE_KM);
	put_key(NOW + 100, MST_CRED_ACTIVE, NOW, "registered@maf.example.com", MST_PURPOSE_KEYREG);
	json_decref(call("/v1/nodes/urn%3Aa/trigger", "{\"what\":\"run\"}", NOW, &rsc));
	assert_int_equal(rsc, MST_RSC_CONFLICT);
	put_key(NOW + 100, MST_CRED_ACTIVE, NOW - 9, "older@maf.example.com", MST_PURPOSE_KM);
	put_key(NOW + 100, MST_CRED_ACTIVE, NOW - 3, KM_ID, MST_PURPOSE_KM);
	j = call("/v1/nodes/urn%3Aa/trigger", "{\"what\":\"run\"}", NOW, &rsc);
	assert_string_equal(json_string_value(json_object_get(j, "keyID")), KM_ID);
	json_decref(j);
	node.state = MST_NODE_REVOKED;
	assert_int_equal(mst_store_node_update(s, &node), 0);
	json_decref(call("/v1/nodes/urn%3Aa/trigger", "{\"what\":\"run\"}", NOW, &rsc));
	assert_int_equal(rsc, MST_RSC_CONFLICT);
}

/* Only while it lasts, only where the node itself can have the key; and never instead of what was asked for. */
static void the_key_of_a_session(void **state)
{
	static struct mst_gba_session g = { .session = { .expires = NOW + 1 }, .ks = { { 1 }, 1 } };
	struct admin_trigger_verdict v;
	struct mst_diag d = { 0 };
	int rsc;

	(void)state;
	assert_true(admin_trigger_session(&g, NOW));
	assert_false(admin_trigger_session(&g, NOW + 1));
	g.session.in_card = true;
	assert_false(admin_trigger_session(&g, NOW));
	assert_int_equal(admin_decide_trigger(&node, ADMIN_BY_SESSION, NULL, 0, NOW, &v, &rsc, &d), ADMIN_REFUSED);
	assert_int_equal(rsc, MST_RSC_CONFLICT);
	assert_string_equal(d.field, "key");
	assert_int_equal(admin_decide_trigger(&node, ADMIN_BY_SESSION, "trigger:b@x", 7, NOW, &v, &rsc, &d), ADMIN_DONE);
	assert_true(v.counter == NOW && v.authorisation.what == MST_AUTH_TRIGGER);
	assert_string_equal(v.authorisation.key_id, "trigger:b@x");
	assert_string_equal(v.authorisation.to, "urn:a");
	json_decref(call("/v1/nodes/urn%3Aa/trigger", "{\"what\":\"run\",\"key\":\"gba\"}", NOW, &rsc));
	assert_int_equal(rsc, MST_RSC_CONFLICT);
	json_decref(call("/v1/nodes/urn%3Aa/trigger", "{\"what\":\"run\",\"key\":\"km\"}", NOW, &rsc));
	assert_int_equal(rsc, MST_RSC_BAD_REQUEST);
	json_decref(call("/v1/nodes/urn%3Aa/trigger", "{\"what\":\"run\",\"key\":\"gba\",\"signer\":\"01020304\"}", NOW, &rsc));
	assert_int_equal(rsc, MST_RSC_BAD_REQUEST);
}

/* The keeper's half of it is test-keeper-gba's; here is who asks for it. */
static int tag_of_session(struct mst_keeper *keeper, const struct mst_authorisation *a, const struct mst_wrapped *w, const struct mst_gba_trigger *q,
			  uint8_t ret_mac[MST_TRIGGER_MAC])
{
	assert_true(keeper == k && a->what == MST_AUTH_TRIGGER && w->n == 1 && !strcmp(q->naf_fqdn, "trigger.sp.example.com"));
	memset(ret_mac, 1, MST_TRIGGER_MAC);
	return 0;
}

/* The node's SIM, and what it has bootstrapped, as an HSS has its settings: `choice` of each of its two services. */
static void put_session(const char *first, const char *second)
{
	static struct mst_gba_session g;
	struct mst_sim sim = { .imsi = "001010000000001", .impi = "a@example.com", .key = { { 7 }, 1 }, .node = node.id };

	if (mst_store_sim_find(s, MST_SIM_BY_IMSI, sim.imsi, &sim) == MST_STORE_NONE)
		assert_int_equal(mst_store_sim_insert(s, &sim), 0);
	g = (struct mst_gba_session){ .ks = { { 7 }, 1 }, .session = { .expires = NOW + 60, .btid = "b@bsf.example.com", .impi = "a@example.com" } };
	snprintf(g.guss, sizeof(g.guss),
		 "{\"guss\":{\"bsfInfo\":{\"uiccType\":\"GBA\"},\"ussList\":["
		 "{\"uss\":{\"gsId\":7,\"gsType\":0,\"ueIds\":[{\"ueId\":\"urn:a\"}]%s}},"
		 "{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"urn:a\"}]%s}}]}}", first, second);
	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(mst_store_gba_flush(s, g.session.impi, NOW, &(int64_t){ 0 }), 0);
	assert_int_equal(mst_store_gba_session_insert(s, &g), 0);
	assert_int_equal(mst_store_commit(s), 0);
}

/* TS 29.309 keyChoice: a subscriber whose service is to have the card's key alone is called with no other; the counter stays. */
static void the_key_that_the_settings_want(void **state)
{
#define ME ",\"keyChoice\":\"ME_BASED_KEY\""
#define UICC ",\"keyChoice\":\"UICC_BASED_KEY\""
#define BOTH ",\"keyChoice\":\"ME_UICC_BASED_KEYS\""
	static const struct { const char *first, *second; bool made; } row[] = {
		{ "", "", true }, { "", ME, true }, { "", BOTH, true }, { UICC, "", true }, { "", UICC, false }, { ME, UICC, false },
	};
	struct mst_keeper_ops ops = *k->ops;
	const struct mst_keeper_ops *own = k->ops;
	struct mst_reach reach;

	(void)state;
	ops.gba_trigger = tag_of_session;
	k->ops = &ops;
	conf.gba.gsid = 1000001;
	snprintf(conf.gba.trigger_naf, sizeof(conf.gba.trigger_naf), "trigger.sp.example.com");
	for (size_t i = 0; i < MST_COUNT(row); i++)
		for (int gba = 0; gba < 2; gba++) {
			uint64_t before = mst_store_reach_get(s, node.id, &reach) ? 0 : reach.counter;
			const char *text;
			json_t *j;
			int rsc;

			put_session(row[i].first, row[i].second);
			j = call("/v1/nodes/urn%3Aa/trigger", gba ? "{\"what\":\"run\",\"key\":\"gba\"}" : "{\"what\":\"run\"}", NOW, &rsc);
			text = json_string_value(json_object_get(json_object_get(j, "error"), "text"));
			if (rsc != (row[i].made ? MST_RSC_CREATED : MST_RSC_CONFLICT))
				fail_msg("%zu: %d %s", i, rsc, text ? text : "");
			assert_int_equal(row[i].made, !text);
			assert_true(row[i].made || strstr(text, "UICC_BASED_KEY"));
			assert_int_equal(mst_store_reach_get(s, node.id, &reach), 0);
			assert_int_equal(reach.counter > before, row[i].made);
			json_decref(j);
		}
	memset(&conf, 0, sizeof(conf));
	k->ops = own;
}

static void a_body_to_be_signed(void **state)
{
	struct mst_trigger t;
	uint8_t octets[MST_TRIGGER_MAX];
	size_t n = 0;
	int rsc;
	json_t *j = call("/v1/nodes/urn%3Aa/trigger", "{\"what\":\"check\",\"signer\":\"01020304\",\"window\":60}", NOW, &rsc);

	(void)state;
	assert_int_equal(rsc, MST_RSC_CREATED);
	assert_null(json_object_get(j, "trigger"));
	assert_true(mst_base64_decode(mst_view_str(json_string_value(json_object_get(j, "body"))), octets, sizeof(octets), &n));
	assert_int_equal(mst_trigger_read_body((struct mst_view){ octets, n }, &t, NULL), 0);
	assert_memory_equal(t.key.p, "\1\2\3\4", 4);
	json_decref(j);
}

static void bad_requests_change_nothing(void **state)
{
	static const struct { const char *to, *body; int rsc; const char *part; } cases[] = {
		{ "trigger", "{}", 4000, "what" },
		{ "trigger", "{\"what\":\"dance\"}", 4000, "one of run" },
		{ "trigger", "{\"what\":\"run\",\"window\":0}", 4000, "window" },
		{ "trigger", "{\"what\":\"run\",\"window\":99999999}", 4000, "31 days" },
		{ "trigger", "{\"what\":\"run\",\"method\":\"bbn\"}", 4000, "method and uri" },
		{ "trigger", "{\"what\":\"run\",\"method\":\"bbn\",\"uri\":\"b.example.com\"}", 4000, "instruction" },
		{ "trigger", "{\"what\":\"instruction\",\"method\":\"file\",\"uri\":\"/etc\"}", 4000, "one of psk" },
		{ "trigger", "{\"what\":\"instruction\"}", 4000, "instruction" },
		{ "trigger", "{\"what\":\"onem2m\"}", 4000, "payload" },
		{ "trigger", "{\"what\":\"run\",\"signer\":\"01\"}", 4000, "8 hex digits" },
		{ "trigger", "{\"what\":\"run\",\"colour\":\"red\"}", 4000, "unknown member" },
		{ "number", "{\"number\":\"12345\"}", 4000, "international" },
		{ "number", "{\"number\":\"+12a45\"}", 4000, "international" },
	};
	struct mst_reach reach;
	uint64_t before, after;

	(void)state;
	put_key(NOW + 100, MST_CRED_ACTIVE, NOW, KM_ID, MST_PURPOSE_KM);
	assert_int_equal(mst_store_event_last(s, &before), 0);
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		char path[64];
		int rsc;
		char *text;
		json_t *j;

		snprintf(path, sizeof(path), "/v1/nodes/urn%%3Aa/%s", cases[i].to);
		j = call(path, cases[i].body, NOW, &rsc);
		text = json_dumps(j, JSON_COMPACT);
		if (rsc != cases[i].rsc || !strstr(text, cases[i].part))
			fail_msg("%s: %d %s", cases[i].body, rsc, text);
		free(text);
		json_decref(j);
	}
	assert_int_equal(mst_store_event_last(s, &after), 0);
	assert_int_equal(before, after);
	assert_int_equal(mst_store_reach_get(s, node.id, &reach), MST_STORE_NONE);
}

static void numbers(void **state)
{
	struct mst_reach reach;
	uint64_t before, after;
	int rsc;

	(void)state;
	assert_int_equal(mst_store_event_last(s, &before), 0);
	for (int i = 0; i < 2; i++)
		json_decref(call("/v1/nodes/urn%3Aa/number", "{\"number\":\"+491701234567\"}", NOW, &rsc));
	assert_int_equal(rsc, MST_RSC_OK);
	assert_int_equal(mst_store_reach_get(s, node.id, &reach), 0);
	assert_string_equal(reach.number, "+491701234567");
	json_decref(call("/v1/nodes/urn%3Aa/number", "{\"number\":\"\"}", NOW, &rsc));
	assert_int_equal(mst_store_reach_get(s, node.id, &reach), 0);
	assert_string_equal(reach.number, "");
	/* a repeated request changes nothing and writes nothing */
	assert_int_equal(mst_store_event_last(s, &after), 0);
	assert_int_equal(after, before + 2);
	reach.node = 4711;
	assert_int_equal(mst_store_reach_put(s, &reach), MST_STORE_NONE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(counters_only_grow), T(the_key_in_use), T(more_than_the_keeper_lets_go), T(the_key_of_a_session), T(the_key_that_the_settings_want),
		T(a_body_to_be_signed), T(bad_requests_change_nothing), T(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
