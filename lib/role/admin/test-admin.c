/* Every path of the admin API, good and bad: what it answers, what it changes, what it writes into the audit
 * log. */
#include "tests/support/cm.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "role/admin/admin.h"
#include "role/admin/test-store.h"

#define NOW 1795212591 /* 20261120T220951 */

struct fix {
	char dir[64];
	struct mst_store *s;
	struct mst_role_conf conf;
	int fault;
};

static uint8_t answer_room[MST_ANSWER_MAX];

/* A keeper that has sealed nothing. */
static int last_seal(struct mst_keeper *k, struct mst_log_seal *ret)
{
	(void)k;
	*ret = (struct mst_log_seal){ .seq = 0 };
	return 0;
}

static const struct mst_keeper_ops keeper_ops = { .name = "seals", .last_seal = last_seal };
static struct mst_keeper keeper = { &keeper_ops };

/* As the engine does it: a group, a mark around the decision, undo on a fault. The answer as JSON, or NULL on
 * a fault. */
static json_t *call_as(struct fix *f, uint32_t uid, enum mst_op op, const char *target, const char *body,
		       int *ret_rsc)
{
	struct mst_role_env env = { .store = f->s, .keeper = &keeper, .conf = &f->conf, .now = NOW };
	struct mst_exchange x = {
		.role = MST_ROLE_ADMIN,
		.peer = { .how = MST_AUTH_LOCAL, .uid = uid },
		.request = { .op = op, .to = mst_view_str(target), .content = mst_view_str(body) }
	};
	struct mst_answer a = { .content = mst_writer_of(answer_room, sizeof(answer_room)) };
	json_t *j;
	int r = mst_store_begin(f->s);

	if (!r)
		r = mst_store_mark(f->s);
	if (!r) {
		r = mst_role_admin.handle(&env, &x, &a);
		if (!r)
			r = mst_store_release(f->s);
		else
			mst_store_undo(f->s);
		if (!r)
			r = mst_store_commit(f->s);
	}
	if (r)
		mst_store_rollback(f->s);
	f->fault = r;
	*ret_rsc = r ? 0 : a.rsc;
	if (r)
		return NULL;
	j = json_loadb((const char *)a.content.p, a.content.n, 0, NULL);
	assert_non_null(j);
	return j;
}

static json_t *call(struct fix *f, enum mst_op op, const char *target, const char *body, int *ret_rsc)
{
	return call_as(f, geteuid(), op, target, body, ret_rsc);
}

static void must(struct fix *f, enum mst_op op, const char *target, const char *body, int rsc)
{
	int got;
	json_t *j = call(f, op, target, body, &got);

	if (got != rsc)
		fail_msg("%s: %d instead of %d", target, got, rsc);
	json_decref(j);
}

#define SUB                                                                                                  \
	"{\"id\":\"contract-1\",\"spFQDN\":\"SP.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":" \
	"\"20271121T000000\"}"
#define ANCHOR "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	test_store_open(f->dir, "admin", &f->s);
	f->conf.makers.n = 1;
	memset(f->conf.makers.sha256[0], 0xab, MST_SHA256_LEN);
	f->conf.roles_played = 1u << MST_ROLE_MEF | 1u << MST_ROLE_ADMIN;
	must(f, MST_OP_CREATE, "/v1/subscriptions", SUB, 2001);
	must(f, MST_OP_CREATE, "/v1/nodes",
	     "{\"nodeID\":\"urn:a\",\"cseID\":\"//SP.example.com/"
	     "CSE1\",\"subscription\":\"contract-1\",\"maker\":\"acme\","
	     "\"identities\":[{\"kind\":\"node\",\"value\":\"urn:a\"},{\"kind\":\"fqdn\",\"value\":\"A."
	     "example.com\",\"anchor\":\"" ANCHOR "\"}]}",
	     2001);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fix *f = *state;

	test_store_close(f->dir, f->s);
	free(f);
	return 0;
}

static uint64_t last_event(struct fix *f)
{
	uint64_t seq;

	assert_int_equal(mst_store_event_last(f->s, &seq), 0);
	return seq;
}

enum { C = MST_OP_CREATE, R = MST_OP_RETRIEVE, U = MST_OP_UPDATE, D = MST_OP_DELETE };
struct row {
	int op;
	const char *target, *body;
	int rsc;
	const char *part; /* in the answer */
	int events;       /* written */
};

static const struct row rows[] = {
	/* nodes */
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:b\"}", 2001,
	  "\"identities\":[{\"kind\":\"node\",\"value\":\"urn:b\",\"anchor\":\"abababab", 1 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:c\",\"cseID\":\"\",\"batch\":null}", 2001, "\"state\":\"known\"",
	  1 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:b\"}", 4105, "\"field\":\"nodeID\"", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"cseID\":\"//sp.EXAMPLE.com/CSE1\"}", 4105,
	  "\"field\":\"cseID\"", 0 },
	{ C, "/v1/nodes",
	  "{\"nodeID\":\"urn:d\",\"identities\":[{\"kind\":\"fqdn\",\"value\":\"d.example.com\"},{\"kind\":"
	  "\"fqdn\",\"value\":\"a.EXAMPLE.com\"}]}",
	  4105, "\"field\":\"identities[1]\"", 0 },
	{ C, "/v1/nodes", "{}", 4000, "\"field\":\"nodeID\",\"text\":\"expected a valid M2M-Node-ID", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"subscription\":\"no id\"}", 4000,
	  "\"field\":\"subscription\",\"text\":\"expected an M2M-Sub-ID", 0 },
	{ C, "/v1/nodes", "", 4000, "\"field\":\"nodeID\"", 0 },
	{ C, "/v1/nodes", "[]", 4000, "expected a JSON object", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\"", 4000, "goes wrong at line 1", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\"} x", 4000, "\"field\":\"body\"", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"nodeID\":\"urn:e\"}", 4000, "\"field\":\"body\"", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"with blank\"}", 4000, "\"field\":\"nodeID\"", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":7}", 4000, "\"field\":\"nodeID\"", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"nodeId\":\"x\"}", 4000,
	  "\"field\":\"nodeId\",\"text\":\"unknown member; known are nodeID, cseID", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"cseID\":\"CSE1\"}", 4000, "like //sp.example.com/CSE0001",
	  0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"aeID\":\"S1\"}", 4000, "\"field\":\"aeID\"", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"subscription\":\"nothing\"}", 4000,
	  "\"field\":\"subscription\"", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"maker\":\"a\\u0007b\"}", 4000, "\"field\":\"maker\"", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"maker\":\"a\\u009b2Jb\"}", 4000, "\"field\":\"maker\"", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"model\":\"a\\u202eb\"}", 4000, "\"field\":\"model\"", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"serial\":\"a\\u2028b\"}", 4000, "\"field\":\"serial\"", 0 },
	{ C, "/v1/nodes",
	  "{\"nodeID\":\"urn:d\",\"serial\":"
	  "\"1234567890123456789012345678901234567890123456789012345678901234\"}",
	  4000, "1 to 63 octets", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"identities\":[]}", 4000, "1 to 8 identities", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"identities\":[{\"kind\":\"imei\",\"value\":\"1\"}]}", 4000,
	  "\"field\":\"identities[0].kind\",\"text\":\"expected one of fqdn, node, device, cse, ae", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"identities\":[{\"kind\":\"fqdn\",\"value\":\"-bad-\"}]}",
	  4000, "identities[0].value", 0 },
	{ C, "/v1/nodes",
	  "{\"nodeID\":\"urn:d\",\"identities\":[{\"kind\":\"fqdn\",\"value\":\"d.example.com\",\"anchor\":"
	  "\"12\"}]}",
	  4000, "64 hex digits", 0 },
	{ C, "/v1/nodes",
	  "{\"nodeID\":\"urn:d\",\"identities\":[{\"kind\":\"fqdn\",\"value\":\"d.example.com\"},{\"kind\":"
	  "\"fqdn\",\"value\":\"D.example.com\"}]}",
	  4000, "\"field\":\"identities[1]\",\"text\":\"expected each name once", 0 },
	{ C, "/v1/nodes?x=1", "{\"nodeID\":\"urn:d\"}", 4000, "unknown parameter", 0 },
	{ R, "/v1/nodes", "", 2000, "\"nodeID\":\"urn:a\",\"cseID\":\"//sp.example.com/CSE1\"", 0 },
	{ R, "/v1/nodes?state=known&subscription=contract-1&maker=acme&after=0&limit=5", "", 2000,
	  "\"nodes\":[{\"id\":1", 0 },
	{ R, "/v1/nodes?maker=none", "", 2000, "{\"nodes\":[]}", 0 },
	{ R, "/v1/nodes?limit=1", "", 2000, "\"next\":1", 0 },
	{ R, "/v1/nodes?state=lost", "", 4000, "expected one of known, briefed", 0 },
	{ R, "/v1/nodes?limit=0", "", 4000, "\"field\":\"limit\",\"text\":\"expected a number from 1 to 500",
	  0 },
	{ R, "/v1/nodes?limit=501", "", 4000, "\"field\":\"limit\"", 0 },
	{ R, "/v1/nodes?after=-1", "", 4000, "\"field\":\"after\"", 0 },
	{ R, "/v1/nodes?limit=1&limit=2", "", 4000, "expected once", 0 },
	{ R, "/v1/nodes?maker=%zz", "", 4000, "\"field\":\"maker\"", 0 },
	{ R, "/v1/nodes?color=red", "", 4000, "known here are: state, subscription, maker, after, limit", 0 },
	{ R, "/v1/nodes/urn%3Aa", "", 2000, "\"anchor\":\"00112233445566778899aabbccddeeff", 0 },
	{ R, "/v1/nodes/%2F%2Fsp.example.com%2FCSE1", "", 2000, "\"nodeID\":\"urn:a\"", 0 },
	{ R, "/v1/nodes/%2F%2FSP.example.com%2FCSE1", "", 2000, "\"nodeID\":\"urn:a\"", 0 },
	{ R, "/v1/nodes/1", "", 2000, "\"nodeID\":\"urn:a\"", 0 },
	{ R, "/v1/nodes/99", "", 4004, "there is no such node", 0 },
	{ R, "/v1/nodes/%ff", "", 4000, "\"field\":\"id\"", 0 },
	{ R, "/v1/nodes/", "", 4004, "\"field\":\"path\"", 0 },
	{ D, "/v1/nodes/1", "", 4005, "\"field\":\"method\"", 0 },
	{ U, "/v1/nodes", "", 4005, "\"field\":\"method\"", 0 },
	{ C, "/v1/nodes/1/revoke", "{}", 4000, "\"field\":\"reason\"", 0 },
	{ C, "/v1/nodes/1/revoke", "{\"reason\":\"\"}", 4000, "\"field\":\"reason\"", 0 },
	{ C, "/v1/nodes/1/revoke", "{\"why\":\"stolen\"}", 4000, "\"field\":\"why\"", 0 },
	{ C, "/v1/nodes/99/revoke", "{\"reason\":\"stolen\"}", 4004, "\"field\":\"id\"", 0 },
	{ R, "/v1/nodes/1/revoke", "", 4004, "no such node", 0 },
	{ C, "/v1/nodes/urn%3Aa/revoke", "{\"reason\":\"stolen\"}", 2000,
	  "\"state\":\"revoked\",\"reason\":\"stolen\"", 1 },
	{ C, "/v1/nodes/urn%3Aa/revoke", "{\"reason\":\"again\"}", 2000, "\"reason\":\"stolen\"", 0 },
	{ C, "/v1/nodes/1/release", "{\"reason\":\"found\"}", 2000,
	  "\"state\":\"released\",\"reason\":\"found\"", 1 },
	{ C, "/v1/nodes/1/release", "{\"reason\":\"found\"}", 2000, "\"state\":\"released\"", 0 },
	{ C, "/v1/nodes/99/release", "{\"reason\":\"found\"}", 4004, "\"field\":\"id\"", 0 },
	/* import */
	{ C, "/v1/nodes/import", "{}", 4000, "\"field\":\"rows\"", 0 },
	{ C, "/v1/nodes/import", "{\"rows\":[]}", 4000, "1 to 1000 rows", 0 },
	{ C, "/v1/nodes/import", "{\"rows\":{}}", 4000, "\"field\":\"rows\"", 0 },
	{ C, "/v1/nodes/import", "{\"rows\":[{\"nodeID\":\"urn:i1\"}],\"x\":1}", 4000, "\"field\":\"x\"", 0 },
	{ C, "/v1/nodes/import",
	  "{\"rows\":[{\"nodeID\":\"urn:i1\"},7,{\"nodeID\":\"urn:i1\"},{\"nodeID\":\"urn:i2\","
	  "\"identities\":"
	  "[{\"kind\":\"fqdn\",\"value\":\"i.example.com\"},{\"kind\":\"node\",\"value\":\"urn:i1\"}]},{"
	  "\"nodeID\":\"urn:i2\"}]}",
	  2000,
	  "{\"rows\":[{\"row\":0,\"ok\":true,\"id\":4},{\"row\":1,\"ok\":false,\"error\":{\"field\":\"\","
	  "\"text\":\"expected a JSON object\"}},"
	  "{\"row\":2,\"ok\":false,\"error\":{\"field\":\"nodeID\",\"text\":\"a node with this M2M-Node-ID "
	  "exists already\"}},"
	  "{\"row\":3,\"ok\":false,\"error\":{\"field\":\"identities[1]\",",
	  2 },
	/* the name that a refused row had brought is free */
	{ C, "/v1/nodes",
	  "{\"nodeID\":\"urn:i3\",\"identities\":[{\"kind\":\"fqdn\",\"value\":\"i.example.com\"}]}", 2001,
	  "i.example.com", 1 },
	/* subscriptions */
	{ C, "/v1/subscriptions",
	  "{\"id\":\"s2\",\"spFQDN\":\"sp.example.com\",\"mafFQDN\":\"maf.example.com\",\"mafURI\":\"https://"
	  "maf.example.com:8444\","
	  "\"registrarCSE\":\"//sp.example.com/in\",\"registrarPoA\":\"https://"
	  "in.example.com\",\"notBefore\":\"20260101T000000\","
	  "\"notAfter\":\"20280101T000000\",\"keyLifetime\":\"P90D\"}",
	  2001, "\"keyLifetime\":7776000,\"state\":\"active\"", 1 },
	{ C, "/v1/subscriptions",
	  "{\"id\":\"s3\",\"spFQDN\":\"sp.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":"
	  "\"20261120T221051\",\"keyLifetime\":9}",
	  2001, "\"mafURI\":\"https://maf.example.com\",\"notBefore\":\"20261120T220951\"", 1 },
	{ C, "/v1/subscriptions", SUB, 4105, "\"field\":\"id\"", 0 },
	{ C, "/v1/subscriptions", "{\"id\":\"s4\"}", 4000, "\"field\":\"spFQDN\"", 0 },
	{ C, "/v1/subscriptions",
	  "{\"id\":\"s4\",\"spFQDN\":\"sp.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":"
	  "\"20201120T221051\"}",
	  4000, "expected a time after notBefore", 0 },
	{ C, "/v1/subscriptions",
	  "{\"id\":\"s4\",\"spFQDN\":\"sp.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"2027-"
	  "01-01\"}",
	  4000, "\"field\":\"notAfter\"", 0 },
	{ C, "/v1/subscriptions",
	  "{\"id\":\"s4\",\"spFQDN\":\"sp.example.com\",\"mafFQDN\":\"10.0.0.1\",\"notAfter\":"
	  "\"20280101T000000\"}",
	  4000, "like maf.example.com", 0 },
	{ C, "/v1/subscriptions",
	  "{\"id\":\"s4\",\"spFQDN\":\"sp.example.com\",\"mafFQDN\":\"m.example.com\",\"notAfter\":"
	  "\"20280101T000000\",\"keyLifetime\":0}",
	  4000, "\"field\":\"keyLifetime\"", 0 },
	{ C, "/v1/subscriptions",
	  "{\"id\":\"s4\",\"spFQDN\":\"sp.example.com\",\"mafFQDN\":\"m.example.com\",\"notAfter\":"
	  "\"20280101T000000\",\"mafURI\":\"maf\"}",
	  4000, "\"field\":\"mafURI\"", 0 },
	{ R, "/v1/subscriptions", "", 2000,
	  "{\"subscriptions\":[{\"id\":\"contract-1\",\"spFQDN\":\"sp.example.com\"", 0 },
	{ R, "/v1/subscriptions?after=contract-1&limit=1", "", 2000, "\"next\":\"s2\"", 0 },
	{ R, "/v1/subscriptions?limit=x", "", 4000, "\"field\":\"limit\"", 0 },
	{ R, "/v1/subscriptions/s2", "", 2000, "\"registrarCSE\":\"//sp.example.com/in\"", 0 },
	{ R, "/v1/subscriptions/none", "", 4004, "\"field\":\"id\"", 0 },
	{ C, "/v1/subscriptions/s2/suspend", "{\"reason\":\"bill\"}", 2000, "\"state\":\"suspended\"", 1 },
	{ C, "/v1/subscriptions/s2/suspend", "", 2000, "\"state\":\"suspended\"", 0 },
	{ C, "/v1/subscriptions/s2/resume", "{}", 2000, "\"state\":\"active\"", 1 },
	{ C, "/v1/subscriptions/s2/resume", "{}", 2000, "\"state\":\"active\"", 0 },
	{ C, "/v1/subscriptions/s2/end", "{\"reason\":7}", 4000, "\"field\":\"reason\"", 0 },
	{ C, "/v1/subscriptions/s2/end", "{}", 2000, "\"state\":\"ended\"", 1 },
	{ C, "/v1/subscriptions/s2/end", "{}", 2000, "\"state\":\"ended\"", 0 },
	{ C, "/v1/subscriptions/s2/resume", "{}", 4105, "ended for good", 0 },
	{ C, "/v1/subscriptions/s2/suspend", "{}", 4105, "ended for good", 0 },
	{ C, "/v1/subscriptions/none/end", "{}", 4004, "\"field\":\"id\"", 0 },
	{ C, "/v1/subscriptions/none/suspend", "{}", 4004, "\"field\":\"id\"", 0 },
	{ C, "/v1/subscriptions/none/resume", "{}", 4004, "\"field\":\"id\"", 0 },
	{ C, "/v1/nodes", "{\"nodeID\":\"urn:d\",\"subscription\":\"s2\"}", 4105,
	  "\"field\":\"subscription\"", 0 },
	/* events and status */
	{ R, "/v1/events?limit=1", "", 2000,
	  "\"events\":[{\"seq\":1,\"when\":\"20261120T220951\",\"role\":\"admin\",\"what\":\"subscription."
	  "added\",\"who\":\"uid ",
	  0 },
	{ R, "/v1/events?limit=1", "", 2000, "\"last\":1}", 0 },
	{ R, "/v1/events?node=urn%3Aa&what=node.re&role=admin&since=20261120T220951&after=1", "", 2000,
	  "\"what\":\"node.revoked\",\"node\":1", 0 },
	{ R, "/v1/events?attempt=none", "", 2000, "\"events\":[],\"more\":false,\"last\":", 0 },
	{ R, "/v1/events?node=none", "", 4000, "\"field\":\"node\"", 0 },
	{ R, "/v1/events?since=yesterday", "", 4000, "\"field\":\"since\"", 0 },
	{ R, "/v1/events?after=x", "", 4000, "\"field\":\"after\"", 0 },
	{ R, "/v1/events/verify", "", 2000, "{\"ok\":true,\"entries\":", 0 },
	{ R, "/v1/events/verify?limit=1", "", 2000, "{\"ok\":true,\"entries\":1,\"at\":{\"seq\":1,", 0 },
	{ R, "/v1/events/verify?limit=0", "", 4000, "\"field\":\"limit\"", 0 },
	{ R, "/v1/events/verify?after=1", "", 4000, "\"field\":\"hash\"", 0 },
	{ R, "/v1/events/verify?after=1&hash=00", "", 4000, "\"field\":\"hash\"", 0 },
	{ R, "/v1/events/verify?after=1&hash=0000000000000000000000000000000000000000000000000000000000000000", "", 2000, "\"firstBad\":2", 0 },
	{ R, "/v1/events/seals", "", 2000, "\"fits\":true,\"seals\":[]", 0 },
	{ R, "/v1/events/seals?after=x", "", 4000, "\"field\":\"after\"", 0 },
	{ C, "/v1/events/seal", "{}", 2000, "{\"head\":{\"seq\":", 0 },
	{ C, "/v1/events/accept", "{}", 4000, "\"field\":\"reason\"", 0 },
	{ C, "/v1/events/accept", "{\"reason\":\"x\"}", 4105, "there is nothing to accept", 0 },
	{ C, "/v1/events/verify", "", 4005, "\"field\":\"method\"", 0 },
	{ R, "/v1/status", "", 2000, "\"roles\":[\"mef\",\"admin\"],\"nodes\":{\"known\":5,\"briefed\":0",
	  0 },
	{ R, "/v1/status?verbose=1", "", 4000, "known here are: none", 0 },
	{ R, "/v2/status", "", 4004, "\"field\":\"path\"", 0 },
	{ R, "", "", 4004, "\"field\":\"path\"", 0 },
};

static void every_path(void **state)
{
	struct fix *f = *state;

	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		const struct row *w = &rows[i];
		uint64_t before = last_event(f);
		int rsc;
		json_t *j = call(f, (enum mst_op)w->op, w->target, w->body, &rsc);
		char *text = json_dumps(j, JSON_COMPACT);

		if (rsc != w->rsc || !strstr(text, w->part) || last_event(f) - before != (uint64_t)w->events)
			fail_msg("row %zu %s %s: %d, %llu events, %s", i, w->target, w->body, rsc,
				 (unsigned long long)(last_event(f) - before), text);
		if (rsc >= 4000)
			assert_true(json_string_length(json_object_get(json_object_get(j, "error"), "text")) >
				    10);
		free(text);
		json_decref(j);
	}
}

/* Only root and the daemon's own user; the attempt is written down. */
static void strangers(void **state)
{
	struct fix *f = *state;
	uint64_t before = last_event(f);
	int rsc;

	json_decref(call_as(f, geteuid() + 1, MST_OP_RETRIEVE, "/v1/status", "", &rsc));
	assert_int_equal(rsc, MST_RSC_NO_PRIVILEGE);
	assert_int_equal(last_event(f), before + 1);
	json_decref(call_as(f, 0, MST_OP_RETRIEVE, "/v1/status", "", &rsc));
	assert_int_equal(rsc, MST_RSC_OK);
}

static int keep_revoked(void *arg, const struct mst_event *e)
{
	if (!strcmp(e->what, "node.revoked"))
		*(struct mst_event *)arg = *e;
	return 0;
}

static struct mst_credential cred(const char *id, const char *client, int64_t node)
{
	struct mst_credential c = { .purpose = MST_PURPOSE_KM,
				    .key = { .n = 4 },
				    .node = node,
				    .state = MST_CRED_ACTIVE,
				    .expires = MST_NEVER };

	snprintf(c.key_id, sizeof(c.key_id), "%s", id);
	snprintf(c.client_id, sizeof(c.client_id), "%s", client);
	return c;
}

static void give_credentials(struct mst_store *s)
{
	static const enum mst_role roles[] = { MST_ROLE_MEF, MST_ROLE_MAF };
	struct mst_registration by_node = { .reg_id = "reg-1",
					    .client_id = "//sp.example.com/CSE1",
					    .admin_fqdn = "other.example.com",
					    .node = 1,
					    .expires = MST_NEVER };
	struct mst_registration by_name = { .reg_id = "reg-2",
					    .client_id = "a.example.com",
					    .admin_fqdn = "sp.example.com",
					    .expires = MST_NEVER };
	struct mst_registration other = { .reg_id = "reg-3",
					  .client_id = "//sp.example.com/CSE2",
					  .admin_fqdn = "sp.example.com",
					  .node = 2,
					  .expires = MST_NEVER };
	struct mst_keyreg k = { .rel_key_id = "R1", .reg_id = "reg-1", .suid = 21, .expires = MST_NEVER };
	char id[32];

	for (size_t i = 0; i < MST_COUNT(roles); i++) {
		struct mst_credential c;

		assert_int_equal(mst_store_reg_put(s, roles[i], &by_node), 0);
		assert_int_equal(mst_store_reg_put(s, roles[i], &by_name), 0);
		assert_int_equal(mst_store_reg_put(s, roles[i], &other), 0);
		assert_int_equal(mst_store_keyreg_put(s, roles[i], &k, true), 0);
		for (int n = 0; n < 20; n++) { /* more than one batch */
			snprintf(id, sizeof(id), "K%d@maf.example.com", n);
			c = cred(id, "//sp.example.com/CSE1", 1);
			assert_int_equal(mst_store_cred_put(s, roles[i], &c, true), 0);
		}
		c = cred("BYNAME@maf.example.com", "a.example.com", 0);
		assert_int_equal(mst_store_cred_put(s, roles[i], &c, true), 0);
		c = cred("OTHER@maf.example.com", "//sp.example.com/CSE2", 2);
		assert_int_equal(mst_store_cred_put(s, roles[i], &c, true), 0);
	}
}

static void check_credentials(struct mst_store *s, bool revoked)
{
	static const enum mst_role roles[] = { MST_ROLE_MEF, MST_ROLE_MAF };
	enum mst_cred_state expected = revoked ? MST_CRED_REVOKED : MST_CRED_ACTIVE;
	mst_time end = revoked ? NOW : MST_NEVER;
	struct mst_registration g;
	struct mst_credential c;
	struct mst_keyreg k;
	char id[32];

	for (size_t i = 0; i < MST_COUNT(roles); i++) {
		for (int n = 0; n < 20; n++) {
			snprintf(id, sizeof(id), "K%d@maf.example.com", n);
			assert_int_equal(mst_store_cred_get(s, roles[i], id, &c), 0);
			assert_int_equal(c.state, expected);
		}
		assert_int_equal(mst_store_cred_get(s, roles[i], "BYNAME@maf.example.com", &c), 0);
		assert_int_equal(c.state, expected);
		assert_int_equal(mst_store_reg_get(s, roles[i], "reg-1", &g), 0);
		assert_true(g.expires == end);
		assert_int_equal(mst_store_reg_get(s, roles[i], "reg-2", &g), 0);
		assert_true(g.expires == end);
		assert_int_equal(mst_store_keyreg_get(s, roles[i], "R1", &k), 0);
		assert_true(k.expires == end);
		/* another node's stay */
		assert_int_equal(mst_store_cred_get(s, roles[i], "OTHER@maf.example.com", &c), 0);
		assert_int_equal(c.state, MST_CRED_ACTIVE);
		assert_int_equal(mst_store_reg_get(s, roles[i], "reg-3", &g), 0);
		assert_true(g.expires == MST_NEVER);
	}
}

/* A revoked node has nothing left in either role; each of its steps failing leaves everything as it was. */
static void revoke_ends_credentials(void **state)
{
	struct fix *f = *state;
	struct mst_event e = { .seq = 0 };
	struct mst_node n;
	json_t *j = NULL;
	unsigned at;
	int rsc;

	must(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:b\"}", 2001);
	give_credentials(f->s);
	for (at = 1; !j; at++) {
		mst_store_fail_at(f->s, at);
		j = call(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa/revoke", "{\"reason\":\"stolen\"}", &rsc);
		mst_store_fail_at(f->s, 0);
		assert_int_equal(f->fault, j ? 0 : MST_FAULT_STORE);
		check_credentials(f->s, j != NULL);
		assert_int_equal(mst_store_node_get(f->s, 1, &n), 0);
		assert_int_equal(n.state, j ? MST_NODE_REVOKED : MST_NODE_KNOWN);
		assert_int_equal(last_event(f), j ? 4 : 3);
	}
	assert_true(at > 50);
	assert_int_equal(json_array_size(json_object_get(j, "credentials")), 40);
	assert_int_equal(json_array_size(json_object_get(j, "registrations")), 2);
	json_decref(j);
	assert_int_equal(mst_store_event_list(f->s, &(struct mst_event_filter){ 0 }, keep_revoked, &e), 0);
	assert_int_equal(e.node, 1);
	assert_string_equal(e.why, "stolen");
	assert_int_equal(strncmp(e.who, "uid ", 4), 0);
}

/* A thousand rows that are wrong in the longest way still have their answers in one. */
static void import_of_bad_rows_fits(void **state)
{
	struct fix *f = *state;
	json_t *list = json_array(), *body, *j;
	char *text;
	int rsc;

	for (int i = 0; i < 1000; i++)
		json_array_append_new(list, json_pack("{s:s, s:i}", "nodeID", "urn:x",
						      "AbcdefghijklmnopqrstuvwxyZ12345", i));
	body = json_pack("{s:O}", "rows", list);
	text = json_dumps(body, 0);
	j = call(f, MST_OP_CREATE, "/v1/nodes/import", text, &rsc);
	assert_int_equal(rsc, MST_RSC_OK);
	assert_int_equal(json_array_size(json_object_get(j, "rows")), 1000);
	json_decref(j);
	free(text);
	json_array_append_new(list, json_object());
	text = json_dumps(body, 0);
	j = call(f, MST_OP_CREATE, "/v1/nodes/import", text, &rsc);
	assert_int_equal(rsc, MST_RSC_BAD_REQUEST);
	json_decref(j);
	free(text);
	json_decref(body);
	json_decref(list);
}

/* A fault in the middle of an import: nothing of it stays, and the next request works. */
static void import_with_a_fault(void **state)
{
	struct fix *f = *state;
	int64_t n[MST_NODE_RELEASED + 1];
	json_t *j = NULL;
	int rsc;

	for (unsigned at = 1; !j; at++) {
		assert_int_equal(mst_store_node_count(f->s, n), 0);
		assert_int_equal(n[MST_NODE_KNOWN], 1);
		mst_store_fail_at(f->s, at);
		j = call(f, MST_OP_CREATE, "/v1/nodes/import",
			 "{\"rows\":[{\"nodeID\":\"urn:1\"},{\"nodeID\":\"urn:a\"},{\"nodeID\":\"urn:2\"}]}",
			 &rsc);
		mst_store_fail_at(f->s, 0);
	}
	json_decref(j);
	assert_int_equal(mst_store_node_count(f->s, n), 0);
	assert_int_equal(n[MST_NODE_KNOWN], 3);
}

/* Pages in order until there is no next one, each node once; events likewise, with `last` as the cursor to
 * follow. */
static void paging_and_following(void **state)
{
	struct fix *f = *state;
	json_int_t after = 0, seen = 0;
	char target[64], body[64];
	json_t *j;
	int rsc;

	for (int i = 0; i < 25; i++) {
		snprintf(body, sizeof(body), "{\"nodeID\":\"urn:n%d\"}", i);
		must(f, MST_OP_CREATE, "/v1/nodes", body, 2001);
	}
	do {
		snprintf(target, sizeof(target), "/v1/nodes?limit=7&after=%lld", (long long)after);
		j = call(f, MST_OP_RETRIEVE, target, "", &rsc);
		seen += (json_int_t)json_array_size(json_object_get(j, "nodes"));
		after = json_integer_value(json_object_get(j, "next"));
		json_decref(j);
	} while (after);
	assert_int_equal(seen, 26);
	for (seen = after = 0;; seen++) {
		json_t *e;

		snprintf(target, sizeof(target), "/v1/events?limit=1&what=node.&after=%lld",
			 (long long)after);
		j = call(f, MST_OP_RETRIEVE, target, "", &rsc);
		e = json_array_get(json_object_get(j, "events"), 0);
		after = json_integer_value(json_object_get(j, "last"));
		if (e)
			assert_true(json_integer_value(json_object_get(e, "seq")) <= after);
		json_decref(j);
		if (!e)
			break;
	}
	assert_int_equal(seen, 26);
	assert_int_equal((uint64_t)after, last_event(f));
	must(f, MST_OP_CREATE, "/v1/nodes/1/revoke", "{\"reason\":\"x\"}", 2000);
	snprintf(target, sizeof(target), "/v1/events?after=%lld", (long long)after);
	j = call(f, MST_OP_RETRIEVE, target, "", &rsc);
	assert_int_equal(json_array_size(json_object_get(j, "events")), 1);
	json_decref(j);
}

/* Entries from before the store mended them: it writes none such any more, so they are put beside it. */
static void put_old_events(struct fix *f, int64_t first, unsigned n)
{
	char path[96], sql[1024], ff[2 * (MST_ID_MAX - 1) + 1] = "";
	sqlite3 *db;

	memset(ff, 'f', sizeof(ff) - 1);
	snprintf(path, sizeof(path), "%s/t.db", f->dir);
	snprintf(sql, sizeof(sql), "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %u) "
		 "INSERT INTO event (seq, at, role, what, who, attempt, outcome, why, hash) SELECT %lld + i, %d, 'mef', 'mef.refused', "
		 "CAST(x'%s' AS TEXT), '', 0, printf('%%.*c', 250, '\"'), zeroblob(32) FROM n", n - 1, (long long)first, NOW, ff);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Long events end a page early instead of overflowing the answer; what is no UTF-8 does not break the JSON. */
static void long_events(void **state)
{
	struct fix *f = *state;
	json_int_t after = 2, seen = 0, mended = 0, old = 0;
	char target[64];
	json_t *j, *one;
	size_t at;
	int rsc;

	for (int i = 0; i < 400; i++) {
		struct mst_event e = { .when = NOW, .role = "mef", .what = "mef.refused" };

		memset(e.who, i % 2 ? '\x01' : '\xff', sizeof(e.who) - 1);
		memset(e.why, '"', sizeof(e.why) - 1);
		assert_int_equal(mst_store_event_append(f->s, &e), 0);
	}
	put_old_events(f, (int64_t)last_event(f) + 1, 200);
	for (int pages = 0; seen < 600; pages++) {
		assert_true(pages < 20);
		snprintf(target, sizeof(target), "/v1/events?limit=500&after=%lld", (long long)after);
		j = call(f, MST_OP_RETRIEVE, target, "", &rsc);
		assert_non_null(j);
		assert_true(json_array_size(json_object_get(j, "events")) > 0);
		json_array_foreach(json_object_get(j, "events"), at, one) {
			const char *octets = json_string_value(json_object_get(one, "whoOctets")), *who = json_string_value(json_object_get(one, "who"));

			/* a copy can be verified only with what was hashed */
			if (octets)
				assert_true(*who == '?' && strspn(octets, "f") == 2 * (MST_ID_MAX - 1) && !octets[2 * (MST_ID_MAX - 1)]);
			else if (*who == '?')
				assert_true(strspn(who, "?") == MST_ID_MAX - 1 && !who[MST_ID_MAX - 1]);
			else
				assert_int_equal(*who, '\x01');
			old += octets != NULL;
			mended += !octets && *who == '?';
			seen++;
		}
		after = json_integer_value(json_object_get(j, "last"));
		json_decref(j);
	}
	assert_int_equal(seen, 600);
	assert_true(mended == 200 && old == 200);
}

/* Among several makers' CAs nobody guesses which one may sign a node's name. */
static void a_name_is_bound_to_a_maker(void **state)
{
	static const char two[] = "{\"nodeID\":\"urn:n\",\"anchor\":\"" ANCHOR "\",\"identities\":[{\"kind\":\"node\",\"value\":\"urn:n\"},"
				  "{\"kind\":\"fqdn\",\"value\":\"n.example.com\",\"anchor\":\"any\"}]}";
	struct fix *f = *state;
	struct mst_identity i;
	int64_t wild = -1;

	/* no CA at all, as where nodes come by their SIMs: no certificate is the node's, also not of a maker who comes later */
	f->conf.makers.n = 0;
	must(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:sim\"}", 2001);
	assert_int_equal(mst_store_identity_get(f->s, MST_ID_NODE, "urn:sim", &i), 0);
	assert_memory_equal(i.anchor, mst_anchor_none, sizeof(i.anchor));
	f->conf.makers.n = 2;
	must(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:m\"}", 4000);
	must(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:m\",\"anchor\":\"acme\"}", 4000);
	must(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:m\",\"anchor\":\"0000000000000000000000000000000000000000000000000000000000000000\"}", 4000);
	assert_int_equal(mst_store_identity_get(f->s, MST_ID_NODE, "urn:m", &i), MST_STORE_NONE);
	must(f, MST_OP_CREATE, "/v1/nodes", two, 2001);
	assert_int_equal(mst_store_identity_get(f->s, MST_ID_NODE, "urn:n", &i), 0);
	assert_int_equal(i.anchor[1], 0x11);
	assert_int_equal(mst_store_identity_get(f->s, MST_ID_FQDN, "n.example.com", &i), 0);
	assert_memory_equal(i.anchor, mst_anchor_any, sizeof(i.anchor));
	assert_int_equal(mst_store_identity_count_wild(f->s, &wild), 0);
	assert_int_equal(wild, 1);
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3An/bind", "{}", 4000);
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3Anone/bind", "{\"anchor\":\"any\"}", 4004);
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3An/bind", "{\"anchor\":\"" ANCHOR "\"}", 2000);
	assert_int_equal(mst_store_identity_get(f->s, MST_ID_FQDN, "n.example.com", &i), 0);
	assert_int_equal(i.anchor[1], 0x11);
	assert_int_equal(mst_store_identity_count_wild(f->s, &wild), 0);
	assert_int_equal(wild, 0);
	/* a node that has a secret and no certificate: nobody's certificate names it */
	must(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:s\",\"anchor\":\"none\"}", 2001);
	assert_int_equal(mst_store_identity_get(f->s, MST_ID_NODE, "urn:s", &i), 0);
	assert_memory_equal(i.anchor, mst_anchor_none, sizeof(i.anchor));
	assert_int_equal(mst_store_identity_count_wild(f->s, &wild), 0);
	assert_int_equal(wild, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(every_path),
		T(strangers),
		T(revoke_ends_credentials),
		T(import_of_bad_rows_fits),
		T(import_with_a_fault),
		T(paging_and_following),
		T(long_events),
		T(a_name_is_bound_to_a_maker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
