/*
 * Two providers on one installation: every way of the admin API is tried in the name of one of them, with what belongs to the
 * other. Nothing of the other is told, nothing changes.
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "role/admin/admin.h"
#include "role/admin/test-store.h"

#define NOW 1795212591
#define A "/v1/providers/a.example.com"
#define B "/v1/providers/b.example.com"

struct fix {
	char dir[64];
	struct mst_store *s;
	struct mst_role_conf conf;
	int64_t node_a, node_b, asked_b, command_b;
};

static uint8_t room[MST_ANSWER_MAX + 1];

/* The answer's text stands in `room`. */
static int ask_as(struct fix *f, uint32_t uid, enum mst_op op, const char *target, const char *body)
{
	struct mst_role_env env = { .store = f->s, .conf = &f->conf, .now = NOW };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .peer = { .how = MST_AUTH_LOCAL, .uid = uid },
				  .request = { .op = op, .to = mst_view_str(target), .content = mst_view_str(body) } };
	struct mst_answer a = { .content = mst_writer_of(room, sizeof(room) - 1) };

	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(mst_role_admin.handle(&env, &x, &a), 0);
	assert_int_equal(mst_store_commit(f->s), 0);
	room[a.content.n] = 0;
	return a.rsc;
}

static int ask(struct fix *f, enum mst_op op, const char *target, const char *body)
{
	return ask_as(f, geteuid(), op, target, body);
}

static void must(struct fix *f, enum mst_op op, const char *target, const char *body, int rsc)
{
	int got = ask(f, op, target, body);

	if (got != rsc)
		fail_msg("%s: %d instead of %d: %s", target, got, rsc, room);
}

static bool told(const char *text)
{
	return strstr((const char *)room, text) != NULL;
}

static const char *node_body(char out[300], const char *x)
{
	snprintf(out, 300, "{\"nodeID\":\"urn:%s:1\",\"cseID\":\"//%s.example.com/CSE1\",\"subscription\":\"sub-%s\",\"maker\":\"maker-%s\"}", x, x, x, x);
	return out;
}

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	char body[300];
	struct mst_node n;
	struct mst_cert_row cert = { .serial = "0B0B", .subject = "urn:b:1", .issued = NOW, .expires = NOW + 9999 };
	struct mst_command cmd = { .class_id = 1, .uri = "https://b.example.com", .created = NOW };
	struct mst_certreq req = { .subject = "urn:b:1", .asked = NOW };

	test_store_open(f->dir, "scope", &f->s);
	f->conf.makers.n = 1;
	f->conf.provider[0] = (struct mst_provider){ "a.example.com", 4711 };
	f->conf.provider[1] = (struct mst_provider){ "b.example.com", 4712 };
	f->conf.n_provider = 2;
	for (const char *x = "ab"; *x; x++) {
		char name[2] = { *x, 0 };

		snprintf(body, sizeof(body), "{\"id\":\"sub-%s\",\"spFQDN\":\"%s.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"20271121T000000\"}",
			 name, name);
		must(f, MST_OP_CREATE, "/v1/subscriptions", body, 2001);
		must(f, MST_OP_CREATE, "/v1/nodes", node_body(body, name), 2001);
	}
	assert_int_equal(mst_store_node_find(f->s, "urn:a:1", &n), 0);
	f->node_a = n.id;
	assert_int_equal(mst_store_node_find(f->s, "urn:b:1", &n), 0);
	f->node_b = cert.node = req.node = n.id;
	assert_int_equal(mst_store_cert_put(f->s, &cert), 0);
	assert_int_equal(mst_store_certreq_insert(f->s, &req), 0);
	f->asked_b = req.id;
	cmd.node = n.id;
	assert_int_equal(mst_store_command_insert(f->s, &cmd), 0);
	f->command_b = cmd.id;
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

/* Bodies that would do, were it not for whose it is. */
static const struct { const char *path, *body; } bodies[] = {
	{ "/v1/nodes", NULL },          /* filled in below */
	{ "/v1/nodes/import", "{\"rows\":[{\"nodeID\":\"urn:new:9\",\"subscription\":\"sub-b\"}]}" },
	{ "/v1/nodes/{id}/reenrol", "{\"reason\":\"x\",\"window\":60}" },
	{ "/v1/nodes/{id}/move", "{\"reason\":\"x\",\"subscription\":\"sub-a\"}" },
	{ "/v1/nodes/{id}/bind", "{\"anchor\":\"any\"}" },
	{ "/v1/nodes/{id}/number", "{\"number\":\"+491701234567\"}" },
	{ "/v1/nodes/{id}/trigger", "{\"what\":\"run\",\"signer\":\"00112233\"}" },
	{ "/v1/nodes/{id}/place", "{\"site\":\"north\"}" },
	{ "/v1/nodes/{id}/secret", "{}" },
	{ "/v1/nodes/{id}/commands/cert-prov", "{\"uri\":\"https://mef.example.com/.well-known/est\"}" },
	{ "/v1/nodes/{id}/certificates/revoke", "{}" },
	{ "/v1/commands", "{\"class\":\"cert-prov\",\"nodes\":[\"urn:b:1\"],\"uri\":\"https://mef.example.com/.well-known/est\"}" },
	{ "/v1/certificates/{id}/revoke", "{}" },
	{ "/v1/subscriptions", "{\"id\":\"sub-9\",\"spFQDN\":\"b.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"20271121T000000\"}" },
	{ "/v1/subscriptions/{id}/extend", "{\"notAfter\":\"20281121T000000\"}" },
};

static const char *body_of(const char *path)
{
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		if (!strcmp(bodies[i].path, path) && bodies[i].body)
			return bodies[i].body;
	if (!strcmp(path, "/v1/nodes"))
		return "{\"nodeID\":\"urn:new:8\",\"subscription\":\"sub-b\"}";
	return "{\"reason\":\"x\"}";
}

/* What {id} may be of the other's: every name that it has. */
static size_t ids_of(struct fix *f, const char *path, char out[4][64])
{
	bool node = !strncmp(path, "/v1/nodes/{id}", 14);

	snprintf(out[0], 64, "%s", !strncmp(path, "/v1/subscriptions", 17) ? "sub-b" : !strncmp(path, "/v1/certificates/", 17) ? "0B0B" : "urn%3Ab%3A1");
	snprintf(out[1], 64, "%lld", (long long)(node ? f->node_b : !strncmp(path, "/v1/commands", 12) ? f->command_b : f->asked_b));
	snprintf(out[2], 64, "%s", "%2F%2Fb.example.com%2FCSE1");
	snprintf(out[3], 64, "%s", "0b0b");
	return 4;
}

static void nothing_of_b(const char *way)
{
	if (told("b.example.com") || told("urn:b") || told("sub-b") || told("maker-b"))
		fail_msg("%s tells of the other provider: %s", way, room);
}

static void try_one(struct fix *f, const struct admin_route *r, const char *id)
{
	char path[300], *at;
	const char *open = strstr(r->path, "{id}");
	uint64_t before = last_event(f);
	int rsc;

	snprintf(path, sizeof(path), A "%.*s%s%s", (int)(open ? open - r->path - 3 : (long)strlen(r->path) - 3), r->path + 3, open ? id : "",
		 open ? open + 4 : "");
	rsc = ask(f, r->op, path, r->op == MST_OP_CREATE ? body_of(r->path) : "");
	if (open || r->scope == ADMIN_WHOLE)
		assert_true(rsc >= 4000);
	nothing_of_b(path);
	at = r->scope == ADMIN_WHOLE ? NULL : strstr(path, "/import");
	if (last_event(f) != before || (at && !told("\"ok\":false")))
		fail_msg("%s changed something: %d %s", path, rsc, room);
}

static void every_way(void **state)
{
	struct fix *f = *state;
	char ids[4][64];

	for (size_t i = 0; i < admin_routes_n; i++) {
		size_t n = strstr(admin_routes[i].path, "{id}") ? ids_of(f, admin_routes[i].path, ids) : 1;

		for (size_t k = 0; k < n; k++)
			try_one(f, &admin_routes[i], ids[k]);
	}
}

/* Without the prefix the user id decides; with another's name it does not help. */
static void by_user(void **state)
{
	struct fix *f = *state;

	assert_int_equal(ask_as(f, 4711, MST_OP_RETRIEVE, "/v1/nodes", ""), 2000);
	assert_true(told("urn:a:1"));
	nothing_of_b("by uid");
	assert_int_equal(ask_as(f, 4711, MST_OP_RETRIEVE, A "/subscriptions", ""), 2000);
	assert_true(told("sub-a"));
	nothing_of_b("by uid and name");
	assert_int_equal(ask_as(f, 4711, MST_OP_RETRIEVE, B "/nodes", ""), 4103);
	nothing_of_b("another's name");
	assert_int_equal(ask_as(f, 4711, MST_OP_RETRIEVE, "/v1/status", ""), 4103);
	assert_int_equal(ask_as(f, 4799, MST_OP_RETRIEVE, "/v1/nodes", ""), 4103);
	assert_int_equal(ask_as(f, 4711, MST_OP_RETRIEVE, "/v1/providers/a.example.com/v1/nodes", ""), 4004);
	assert_int_equal(ask_as(f, 4711, MST_OP_RETRIEVE, "/v1/providers//nodes", ""), 4103);
}

/* The number of everybody whom the kernel does not map is nobody's, whatever stands in the configuration; root's and the next number are. */
static void nobody_is_anybody(void **state)
{
	struct fix *f = *state;

	struct mst_role_conf was = f->conf;

	f->conf.provider[0].uid = f->conf.four.people[0] = MST_UID_NOBODY;
	f->conf.four.people[1] = MST_UID_NOBODY - 1;
	f->conf.four.n_people = 2;
	assert_int_equal(ask_as(f, MST_UID_NOBODY, MST_OP_RETRIEVE, "/v1/nodes", ""), 4103);
	assert_int_equal(ask_as(f, MST_UID_NOBODY, MST_OP_RETRIEVE, A "/nodes", ""), 4103);
	assert_int_equal(ask_as(f, MST_UID_NOBODY - 1, MST_OP_RETRIEVE, "/v1/nodes", ""), 2000);
	assert_int_equal(ask_as(f, 0, MST_OP_RETRIEVE, "/v1/nodes", ""), 2000);
	f->conf = was;
}

static void own_work(void **state)
{
	struct fix *f = *state;

	must(f, MST_OP_RETRIEVE, A "/nodes/urn%3Aa%3A1", "", 2000);
	must(f, MST_OP_CREATE, A "/nodes/urn%3Aa%3A1/suspend", "{\"reason\":\"x\"}", 2000);
	must(f, MST_OP_CREATE, A "/nodes/urn%3Aa%3A1/resume", "{\"reason\":\"x\"}", 2000);
	/* who may revoke may not undo what the installation's own people have revoked */
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/revoke", "{\"reason\":\"stolen\"}", 2000);
	must(f, MST_OP_CREATE, A "/nodes/urn%3Aa%3A1/reenrol", "{\"reason\":\"x\",\"window\":60}", 4103);
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/reenrol", "{\"reason\":\"found\",\"window\":60}", 2000);
	must(f, MST_OP_CREATE, A "/subscriptions/sub-a/extend", "{\"notAfter\":\"20281121T000000\"}", 2000);
	must(f, MST_OP_CREATE, A "/nodes", "{\"nodeID\":\"urn:a:2\",\"cseID\":\"//a.example.com/CSE2\",\"subscription\":\"sub-a\"}", 2001);
	/* a name of the other's realm, and one that is taken */
	must(f, MST_OP_CREATE, A "/nodes", "{\"nodeID\":\"urn:a:3\",\"cseID\":\"//b.example.com/CSE3\",\"subscription\":\"sub-a\"}", 4000);
	must(f, MST_OP_CREATE, A "/nodes",
	     "{\"nodeID\":\"urn:a:4\",\"subscription\":\"sub-a\",\"identities\":[{\"kind\":\"cse\",\"value\":\"//b.example.com/CSE1\"}]}", 4000);
	must(f, MST_OP_CREATE, A "/nodes",
	     "{\"nodeID\":\"urn:a:4\",\"subscription\":\"sub-a\",\"identities\":[{\"kind\":\"fqdn\",\"value\":\"cse1.b.example.com\"}]}", 4000);
	must(f, MST_OP_CREATE, A "/nodes",
	     "{\"nodeID\":\"urn:a:4\",\"subscription\":\"sub-a\",\"identities\":[{\"kind\":\"fqdn\",\"value\":\"evila.example.com\"}]}", 4000);
	must(f, MST_OP_CREATE, A "/nodes",
	     "{\"nodeID\":\"urn:a:4\",\"subscription\":\"sub-a\",\"identities\":[{\"kind\":\"cse\",\"value\":\"//a.example.com/CSE4\"},"
	     "{\"kind\":\"fqdn\",\"value\":\"cse4.a.example.com\"}]}", 2001);
	must(f, MST_OP_CREATE, A "/nodes", "{\"nodeID\":\"urn:b:1\",\"subscription\":\"sub-a\"}", 4105);
	assert_true(told("not free"));
	must(f, MST_OP_RETRIEVE, A "/events", "", 2000);
	assert_true(told("node.suspended") && told("subscription.extended") && told("for a.example.com"));
	nothing_of_b("own events");
}

/*
 * What proves where a node comes from stays with it when it goes to another provider; so it is not the provider's people's to
 * say: who could give a name to a CA of his choice, or store a secret, could be the node at the next one.
 */
static void origin(void **state)
{
	static const char anchored[] = "{\"nodeID\":\"urn:a:o%d\",\"subscription\":\"sub-a\",\"anchor\":\"%s\"}";
	static const char hex[] = "1111111111111111111111111111111111111111111111111111111111111111";
	struct fix *f = *state;
	struct mst_identity had, now;
	uint64_t before;
	char body[200];

	f->conf.makers.sha256[0][0] = 7;
	assert_int_equal(mst_store_identity_get(f->s, MST_ID_NODE, "urn:a:1", &had), 0);
	before = last_event(f);
	must(f, MST_OP_CREATE, A "/nodes/urn%3Aa%3A1/bind", "{\"anchor\":\"any\"}", 4103);
	assert_true(told("people of the installation"));
	must(f, MST_OP_CREATE, A "/nodes/urn%3Aa%3A1/secret", "{}", 4103);
	assert_true(told("people of the installation"));
	assert_int_equal(ask_as(f, 4711, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/bind", "{\"anchor\":\"any\"}"), 4103);
	assert_int_equal(ask_as(f, 4711, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/secret", "{}"), 4103);
	snprintf(body, sizeof(body), anchored, 1, "any");
	must(f, MST_OP_CREATE, A "/nodes", body, 4103);
	assert_true(told("\"field\":\"anchor\"") && told("muster node bind"));
	snprintf(body, sizeof(body), anchored, 1, hex);
	must(f, MST_OP_CREATE, A "/nodes", body, 4103);
	must(f, MST_OP_CREATE, A "/nodes",
	     "{\"nodeID\":\"urn:a:o1\",\"subscription\":\"sub-a\",\"identities\":[{\"kind\":\"fqdn\",\"value\":\"o1.a.example.com\",\"anchor\":\"any\"}]}", 4103);
	must(f, MST_OP_CREATE, A "/nodes/import", "{\"rows\":[{\"nodeID\":\"urn:a:o1\",\"subscription\":\"sub-a\",\"anchor\":\"any\"}]}", 2000);
	assert_true(told("\"ok\":false") && told("\"anchor\""));
	assert_int_equal(last_event(f), before);
	assert_int_equal(mst_store_identity_get(f->s, MST_ID_NODE, "urn:a:1", &now), 0);
	assert_memory_equal(now.anchor, had.anchor, sizeof(had.anchor));
	/* the maker that the installation has; among several nobody's certificate, until its people have said whose */
	must(f, MST_OP_CREATE, A "/nodes", "{\"nodeID\":\"urn:a:o2\",\"subscription\":\"sub-a\"}", 2001);
	assert_int_equal(mst_store_identity_get(f->s, MST_ID_NODE, "urn:a:o2", &now), 0);
	assert_int_equal(now.anchor[0], 7);
	f->conf.makers.n = 2;
	must(f, MST_OP_CREATE, A "/nodes", "{\"nodeID\":\"urn:a:o3\",\"subscription\":\"sub-a\"}", 2001);
	assert_int_equal(mst_store_identity_get(f->s, MST_ID_NODE, "urn:a:o3", &now), 0);
	assert_memory_equal(now.anchor, mst_anchor_none, sizeof(now.anchor));
	snprintf(body, sizeof(body), anchored, 4, "none");
	must(f, MST_OP_CREATE, A "/nodes", body, 2001);
	/* the installation's own people */
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3Ao3/bind", "{\"anchor\":\"any\"}", 2000);
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3Ao3/secret", "{}", 4000);
	assert_true(told("expected a secret"));
	snprintf(body, sizeof(body), anchored, 5, hex);
	must(f, MST_OP_CREATE, "/v1/nodes", body, 2001);
	f->conf.makers.n = 1;
}

static void add_cred(struct fix *f, enum mst_role role, const char *key_id, int64_t node)
{
	struct mst_credential c = { .purpose = MST_PURPOSE_KE, .client_id = "//b.example.com/CSE1", .node = node, .state = MST_CRED_ACTIVE,
				    .created = NOW, .expires = NOW + 9999 };

	snprintf(c.key_id, sizeof(c.key_id), "%s", key_id);
	assert_int_equal(mst_store_cred_put(f->s, role, &c, true), 0);
}

static bool stands(struct fix *f, enum mst_role role, const char *key_id)
{
	struct mst_credential c;

	assert_int_equal(mst_store_cred_get(f->s, role, key_id, &c), 0);
	return c.state == MST_CRED_ACTIVE;
}

static void refused_name(struct fix *f, const char *body, const char *field)
{
	uint64_t before = last_event(f);
	char rows[400];

	must(f, MST_OP_CREATE, A "/nodes", body, 4000);
	assert_true(told(field));
	must(f, MST_OP_CREATE, "/v1/nodes", body, 4000);
	assert_true(told(field));
	snprintf(rows, sizeof(rows), "{\"rows\":[%s]}", body);
	must(f, MST_OP_CREATE, A "/nodes/import", rows, 2000);
	assert_true(told("\"ok\":false") && told(field));
	must(f, MST_OP_CREATE, "/v1/nodes/import", rows, 2000);
	assert_true(told("\"ok\":false") && told(field));
	assert_int_equal(last_event(f), before);
}

/* An M2M-Node-ID may be any text; not what names another's CSE or node, by whatever way it comes. */
static void names_of_others(void **state)
{
	struct fix *f = *state;

	refused_name(f, "{\"nodeID\":\"//b.example.com/CSE1\",\"subscription\":\"sub-a\"}", "\"field\":\"nodeID\"");
	refused_name(f, "{\"nodeID\":\"//b.example.com/C1\",\"subscription\":\"sub-a\"}", "\"field\":\"nodeID\"");
	refused_name(f, "{\"nodeID\":\"//a.example.com/CSE8\",\"cseID\":\"//a.example.com/CSE9\",\"subscription\":\"sub-a\"}",
		     "\"field\":\"nodeID\"");
	refused_name(f, "{\"nodeID\":\"urn:a:9\",\"subscription\":\"sub-a\",\"identities\":[{\"kind\":\"node\",\"value\":\"//b.example.com/CSE1\"}]}",
		     "\"field\":\"identities[0]\"");
	refused_name(f, "{\"nodeID\":\"17\",\"subscription\":\"sub-a\"}", "\"field\":\"nodeID\"");
	/* TS-0001 7.1.5 lets both be the same; an IMEI is no number of ours; others are whatever makers make of them */
	must(f, MST_OP_CREATE, A "/nodes", "{\"nodeID\":\"//a.example.com/CSE6\",\"cseID\":\"//a.example.com/CSE6\",\"subscription\":\"sub-a\"}", 2001);
	must(f, MST_OP_CREATE, A "/nodes", "{\"nodeID\":\"490154203237518\",\"subscription\":\"sub-a\"}", 2001);
	must(f, MST_OP_CREATE, A "/nodes", "{\"nodeID\":\"/SN 17\",\"subscription\":\"sub-a\"}", 4000);
	must(f, MST_OP_CREATE, A "/nodes", "{\"nodeID\":\"/SN-17\",\"subscription\":\"sub-a\"}", 2001);
	/* what one is called and what another's certificate says are one kind of name, whichever is there first */
	must(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:b:2\",\"subscription\":\"sub-b\",\"identities\":[{\"kind\":\"fqdn\",\"value\":\"n2.b.example.com\"}]}", 2001);
	must(f, MST_OP_CREATE, A "/nodes", "{\"nodeID\":\"urn:a:9\",\"subscription\":\"sub-a\",\"identities\":[{\"kind\":\"node\",\"value\":\"urn:b:2\"}]}", 4105);
	assert_true(told("\"field\":\"identities[0]\""));
	must(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:b:3\",\"subscription\":\"sub-b\",\"identities\":[{\"kind\":\"node\",\"value\":\"urn:x:3\"}]}", 2001);
	must(f, MST_OP_CREATE, A "/nodes", "{\"nodeID\":\"urn:x:3\",\"subscription\":\"sub-a\",\"identities\":[{\"kind\":\"fqdn\",\"value\":\"n3.a.example.com\"}]}", 4105);
	assert_true(told("\"field\":\"nodeID\"") && told("belongs to one node"));
	/* where it goes it is not called as another may be */
	must(f, MST_OP_CREATE, "/v1/nodes/%2F%2Fa.example.com%2FCSE6/move", "{\"reason\":\"x\",\"subscription\":\"sub-b\"}", 4000);
	assert_true(told("\"field\":\"cseID\""));
}

/* One that was given such a name before that was refused: its end is its own, and what is another's by that name is found by it. */
static void names_from_before(void **state)
{
	struct mst_node bad = { .node_id = "//b.example.com/CSE1", .cse_id = "//a.example.com/CSE7", .sub_id = "sub-a" }, number = { .sub_id = "sub-a" }, n;
	struct mst_identity i = { .kind = MST_ID_NODE, .value = "//b.example.com/CSE1" };
	struct fix *f = *state;
	char path[128];

	assert_int_equal(mst_store_node_insert(f->s, &bad), 0);
	i.node = bad.id;
	assert_int_equal(mst_store_identity_put(f->s, &i), 0);
	assert_int_equal(mst_store_node_find(f->s, "//b.example.com/CSE1", &n), 0);
	assert_int_equal(n.id, f->node_b);
	add_cred(f, MST_ROLE_MEF, "11111111111111111111111111111111@mef.example.com", f->node_b);
	add_cred(f, MST_ROLE_MAF, "22222222222222222222222222222222@maf.example.com", 0);
	add_cred(f, MST_ROLE_MAF, "33333333333333333333333333333333@maf.example.com", bad.id);
	snprintf(path, sizeof(path), A "/nodes/%lld/revoke", (long long)bad.id);
	must(f, MST_OP_CREATE, path, "{\"reason\":\"x\"}", 2000);
	assert_true(stands(f, MST_ROLE_MEF, "11111111111111111111111111111111@mef.example.com"));
	assert_true(stands(f, MST_ROLE_MAF, "22222222222222222222222222222222@maf.example.com"));
	assert_false(stands(f, MST_ROLE_MAF, "33333333333333333333333333333333@maf.example.com"));
	/* neither of the two whom digits can mean: not one's node by another's M2M-Node-ID */
	snprintf(number.node_id, sizeof(number.node_id), "%lld", (long long)f->node_b);
	assert_int_equal(mst_store_node_insert(f->s, &number), 0);
	snprintf(path, sizeof(path), "/v1/nodes/%lld/suspend", (long long)f->node_b);
	must(f, MST_OP_CREATE, path, "{\"reason\":\"x\"}", 4004);
	/* all that B's has, also where it is known by its name only */
	must(f, MST_OP_CREATE, B "/nodes/%2F%2Fb.example.com%2FCSE1/revoke", "{\"reason\":\"x\"}", 2000);
	assert_false(stands(f, MST_ROLE_MEF, "11111111111111111111111111111111@mef.example.com"));
	assert_false(stands(f, MST_ROLE_MAF, "22222222222222222222222222222222@maf.example.com"));
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3Ab%3A1/reenrol", "{\"reason\":\"x\",\"window\":60}", 2000);
}

/* Out of "revoked" no way leads by a provider's people, at once or by a detour; saying it again is no way. */
static void revoked_stays(void **state)
{
	static const struct { const char *act, *body; } ways[] = {
		{ "release", "{\"reason\":\"x\"}" }, { "release", "{\"reason\":\"x\",\"grace\":60}" }, { "suspend", "{\"reason\":\"x\"}" },
		{ "resume", "{\"reason\":\"x\"}" }, { "reenrol", "{\"reason\":\"x\",\"window\":60}" },
	};
	struct fix *f = *state;
	struct mst_node n;
	char path[128];

	for (int by_own = 0; by_own < 2; by_own++) {
		must(f, MST_OP_CREATE, by_own ? "/v1/nodes/urn%3Aa%3A1/revoke" : A "/nodes/urn%3Aa%3A1/revoke", "{\"reason\":\"stolen\"}", 2000);
		for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
			snprintf(path, sizeof(path), A "/nodes/urn%%3Aa%%3A1/%s", ways[i].act);
			must(f, MST_OP_CREATE, path, ways[i].body, 4103);
			assert_true(told("own people alone"));
		}
		assert_int_equal(mst_store_node_get(f->s, f->node_a, &n), 0);
		assert_int_equal(n.state, MST_NODE_REVOKED);
		must(f, MST_OP_CREATE, A "/nodes/urn%3Aa%3A1/revoke", "{\"reason\":\"stolen\"}", 2000);
		must(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/release", "{\"reason\":\"back\"}", 2000);
		must(f, MST_OP_CREATE, A "/nodes/urn%3Aa%3A1/reenrol", "{\"reason\":\"x\",\"window\":60}", 2000);
	}
}

static int keep_event(void *arg, const struct mst_event *e)
{
	*(struct mst_event *)arg = *e;
	return 0;
}

/* Refused, told to who asked and to the audit log, and nothing else. */
static void not_theirs(struct fix *f, const char *target, const char *body, const char *what)
{
	uint64_t before = last_event(f);
	struct mst_event_filter filter = { .after = before, .limit = 9 };
	struct mst_event e = { 0 };

	must(f, MST_OP_CREATE, target, body, 4103);
	assert_true(told("the installation's own people suspended it") && told("ask its operator"));
	assert_int_equal(last_event(f), before + 1);
	assert_int_equal(mst_store_event_list(f->s, &filter, keep_event, &e), 0);
	assert_string_equal(e.what, what);
	assert_true(strstr(e.why, "suspended by the installation") && strstr(e.who, "for a.example.com"));
}

static void node_is(struct fix *f, enum mst_node_state state, const char *by)
{
	struct mst_node n;
	char words[40];

	assert_int_equal(mst_store_node_get(f->s, f->node_a, &n), 0);
	assert_int_equal(n.state, state);
	must(f, MST_OP_RETRIEVE, A "/nodes/urn%3Aa%3A1", "", 2000);
	snprintf(words, sizeof(words), "\"suspendedBy\":\"%s\"", by);
	assert_int_equal(told(words), *by != 0);
	assert_int_equal(told("suspendedBy"), *by != 0);
}

#define NODE "/nodes/urn%3Aa%3A1"
#define X "{\"reason\":\"x\"}"

/* What stops a stolen node at once is not lifted by its provider's people, at once or by a detour. */
static void suspended_by_the_installation(void **state)
{
	struct fix *f = *state;

	must(f, MST_OP_CREATE, "/v1" NODE "/suspend", X, 2000);
	node_is(f, MST_NODE_SUSPENDED, "installation");
	for (int i = 0; i < 2; i++) {
		not_theirs(f, A NODE "/resume", X, "node.resume-refused");
		not_theirs(f, A NODE "/release", X, "node.release-refused");
		not_theirs(f, A NODE "/release", "{\"reason\":\"x\",\"grace\":60}", "node.release-refused");
		must(f, MST_OP_CREATE, A NODE "/reenrol", "{\"reason\":\"x\",\"window\":60}", 4105);
		node_is(f, MST_NODE_SUSPENDED, "installation");
		/* both: the installation's counts */
		must(f, MST_OP_CREATE, A NODE "/suspend", X, 2000);
	}
	must(f, MST_OP_CREATE, "/v1" NODE "/resume", X, 2000);
	node_is(f, MST_NODE_KNOWN, "");
	/* stricter is nobody's to refuse */
	must(f, MST_OP_CREATE, "/v1" NODE "/suspend", X, 2000);
	must(f, MST_OP_CREATE, A NODE "/revoke", X, 2000);
	node_is(f, MST_NODE_REVOKED, "");
	must(f, MST_OP_CREATE, "/v1" NODE "/reenrol", "{\"reason\":\"x\",\"window\":60}", 2000);
}

static void suspended_by_its_provider(void **state)
{
	struct fix *f = *state;
	uint64_t before;

	must(f, MST_OP_CREATE, A NODE "/suspend", X, 2000);
	node_is(f, MST_NODE_SUSPENDED, "provider");
	must(f, MST_OP_CREATE, A NODE "/resume", X, 2000);
	node_is(f, MST_NODE_KNOWN, "");
	must(f, MST_OP_CREATE, A NODE "/suspend", X, 2000);
	must(f, MST_OP_CREATE, "/v1" NODE "/resume", X, 2000);
	node_is(f, MST_NODE_KNOWN, "");
	/* both, in the other order: that it is the installation's now is an event of its own, once */
	must(f, MST_OP_CREATE, A NODE "/suspend", X, 2000);
	before = last_event(f);
	must(f, MST_OP_CREATE, "/v1" NODE "/suspend", "{\"reason\":\"stolen\"}", 2000);
	must(f, MST_OP_CREATE, "/v1" NODE "/suspend", "{\"reason\":\"stolen\"}", 2000);
	assert_int_equal(last_event(f), before + 1);
	node_is(f, MST_NODE_SUSPENDED, "installation");
	assert_true(told("stolen"));
	not_theirs(f, A NODE "/resume", X, "node.resume-refused");
	must(f, MST_OP_CREATE, "/v1" NODE "/resume", X, 2000);
	must(f, MST_OP_CREATE, A NODE "/suspend", X, 2000);
	must(f, MST_OP_CREATE, A NODE "/release", X, 2000);
	node_is(f, MST_NODE_RELEASED, "");
	must(f, MST_OP_CREATE, A NODE "/reenrol", "{\"reason\":\"x\",\"window\":60}", 2000);
	node_is(f, MST_NODE_KNOWN, "");
}

static void sub_is(struct fix *f, enum mst_sub_state state, const char *by)
{
	struct mst_subscription sub;
	char words[40];

	assert_int_equal(mst_store_sub_get(f->s, "sub-a", &sub), 0);
	assert_int_equal(sub.state, state);
	must(f, MST_OP_RETRIEVE, A "/subscriptions/sub-a", "", 2000);
	snprintf(words, sizeof(words), "\"suspendedBy\":\"%s\"", by);
	assert_int_equal(told(words), *by != 0);
	assert_int_equal(told("suspendedBy"), *by != 0);
}

/* The same of a subscription, which stops all nodes of it. */
static void a_suspended_subscription(void **state)
{
	struct fix *f = *state;

	must(f, MST_OP_CREATE, A "/subscriptions/sub-a/suspend", X, 2000);
	sub_is(f, MST_SUB_SUSPENDED, "provider");
	must(f, MST_OP_CREATE, A "/subscriptions/sub-a/resume", X, 2000);
	sub_is(f, MST_SUB_ACTIVE, "");
	must(f, MST_OP_CREATE, A "/subscriptions/sub-a/suspend", X, 2000);
	must(f, MST_OP_CREATE, "/v1/subscriptions/sub-a/suspend", X, 2000);
	for (int i = 0; i < 2; i++) {
		sub_is(f, MST_SUB_SUSPENDED, "installation");
		not_theirs(f, A "/subscriptions/sub-a/resume", X, "subscription.resume-refused");
		must(f, MST_OP_CREATE, A "/subscriptions/sub-a/suspend", X, 2000);
		must(f, MST_OP_CREATE, A "/subscriptions/sub-a/extend", i ? "{\"notAfter\":\"20291121T000000\"}" : "{\"notAfter\":\"20281121T000000\"}", 2000);
	}
	must(f, MST_OP_CREATE, "/v1/subscriptions/sub-a/resume", X, 2000);
	sub_is(f, MST_SUB_ACTIVE, "");
	must(f, MST_OP_CREATE, "/v1/subscriptions/sub-a/suspend", X, 2000);
	must(f, MST_OP_CREATE, A "/subscriptions/sub-a/end", X, 2000);
	sub_is(f, MST_SUB_ENDED, "");
}

/* Whether a node exists with somebody else is not told by asking for its events. */
static void no_oracle(void **state)
{
	static char other[sizeof(room)];
	struct fix *f = *state;

	must(f, MST_OP_RETRIEVE, A "/events?node=urn%3Ab%3A1", "", 2000);
	memcpy(other, room, sizeof(other));
	must(f, MST_OP_RETRIEVE, A "/events?node=urn%3Anobody", "", 2000);
	assert_string_equal((char *)room, other);
	must(f, MST_OP_RETRIEVE, "/v1/events?node=urn%3Anobody", "", 4000);
}

/* A node that moves takes its past along for nobody. */
static void moved(void **state)
{
	struct mst_cert_row cert = { .serial = "0A0A", .subject = "urn:a:1", .issued = NOW - 9, .expires = NOW + 9999 };
	struct mst_certreq req = { .subject = "urn:a:1", .asked = NOW - 9 };
	struct fix *f = *state;
	char path[128];

	cert.node = req.node = f->node_a;
	assert_int_equal(mst_store_cert_put(f->s, &cert), 0);
	assert_int_equal(mst_store_certreq_insert(f->s, &req), 0);
	/* under a name of the new provider's, and of no third one */
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move", "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//c.example.com/CSE7\"}", 4000);
	assert_true(told("\"field\":\"cseID\""));
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move", "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"aeID\":\"//a.example.com/C7\"}", 4000);
	assert_true(told("\"field\":\"aeID\""));
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move",
	     "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE7\",\"grace\":3600}", 2000);
	must(f, MST_OP_RETRIEVE, A "/nodes/urn%3Aa%3A1", "", 4004);
	must(f, MST_OP_RETRIEVE, A "/events", "", 2000);
	assert_true(told("node.added") && told("node.moved-away") && !told("\"node.moved\""));
	nothing_of_b("events of the past");
	must(f, MST_OP_RETRIEVE, B "/nodes/urn%3Aa%3A1", "", 2000);
	/* what it had with the one before is not the new one's to see or to decide */
	must(f, MST_OP_CREATE, B "/certificates/0A0A/revoke", "{}", 4004);
	/* nor with all the others that it has: those end that are the new one's */
	cert = (struct mst_cert_row){ .serial = "0C0C", .subject = "urn:a:1", .node = f->node_a, .issued = NOW + 1, .expires = NOW + 9999 };
	assert_int_equal(mst_store_cert_put(f->s, &cert), 0);
	must(f, MST_OP_CREATE, B "/nodes/urn%3Aa%3A1/certificates/revoke", "{}", 2000);
	assert_true(told("0C0C") && !told("0A0A"));
	assert_true(mst_store_cert_get(f->s, "0A0A", &cert) == 0 && !cert.revoked);
	assert_true(mst_store_cert_get(f->s, "0C0C", &cert) == 0 && cert.revoked);
	snprintf(path, sizeof(path), B "/certificate-requests/%lld/approve", (long long)req.id);
	must(f, MST_OP_CREATE, path, "{}", 4004);
	must(f, MST_OP_RETRIEVE, B "/events?node=urn%3Aa%3A1", "", 2000);
	assert_true(told("\"node.moved\"") && !told("node.added") && !told("node.suspended") && !told("moved-away"));
	/* one of the former's that ends all the same is not told to the new one */
	must(f, MST_OP_CREATE, "/v1/certificates/0A0A/revoke", "{}", 2000);
	must(f, MST_OP_RETRIEVE, B "/events?what=certificate.revoked", "", 2000);
	assert_true(told("0C0C") && !told("0A0A"));
	must(f, MST_OP_RETRIEVE, "/v1/events?what=certificate.revoked", "", 2000);
	assert_true(told("0A0A"));
	/* said again: nothing changes */
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move",
	     "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE7\"}", 2000);
	must(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move", "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE1\"}", 4105);
}

static void tell(struct fix *f, const char *role, const char *what, const char *who, const char *why)
{
	struct mst_event e = { .when = NOW, .node = f->node_a };

	snprintf(e.role, sizeof(e.role), "%s", role);
	snprintf(e.what, sizeof(e.what), "%s", what);
	snprintf(e.who, sizeof(e.who), "%s", who);
	snprintf(e.why, sizeof(e.why), "%s", why);
	assert_int_equal(mst_store_event_append(f->s, &e), 0);
}

/* Of its own nodes a provider's people are told what MEF, MAF and operators did; SIMs, owner's rules and places are not theirs. */
static void of_its_own_nodes(void **state)
{
	static const char *const roles[] = { "bbn", "hss", "bsf", "zn", "ocsp", "server" };
	struct fix *f = *state;
	char what[40];

	assert_int_equal(mst_store_begin(f->s), 0);
	for (size_t i = 0; i < MST_COUNT(roles); i++) {
		snprintf(what, sizeof(what), "%s.secret", roles[i]);
		tell(f, roles[i], what, "001010000000001@ims.example", "rule of-the-owner");
	}
	tell(f, "bsf", "bsf.bootstrapped", "001010000000001@ims.example", "I1U8@bsf.example; rule of-the-owner, briefing 17");
	tell(f, "admin", "sim.bound", "uid 0", "001010000000001");
	tell(f, "admin", "node.placed", "uid 0", "site of-the-owner");
	tell(f, "admin", "node.place-cleared", "uid 0", "site of-the-owner");
	tell(f, "admin", "node.told-a", "uid 0", "");
	tell(f, "mef", "mef.told-a", "urn:a:1", "");
	tell(f, "maf", "maf.told-a", "urn:a:1", "");
	assert_int_equal(mst_store_commit(f->s), 0);
	must(f, MST_OP_RETRIEVE, A "/events?node=urn%3Aa%3A1", "", 2000);
	assert_true(told("node.told-a") && told("mef.told-a") && told("maf.told-a"));
	if (told("001010000000001") || told("of-the-owner") || told(".secret"))
		fail_msg("the operator's is told: %s", room);
	must(f, MST_OP_RETRIEVE, "/v1/events?node=urn%3Aa%3A1", "", 2000);
	assert_true(told("bsf.bootstrapped") && told("sim.bound") && told("node.placed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way),
		cmocka_unit_test(by_user),
		cmocka_unit_test(nobody_is_anybody),
		cmocka_unit_test(own_work),
		cmocka_unit_test(origin),
		cmocka_unit_test(names_of_others),
		cmocka_unit_test(names_from_before),
		cmocka_unit_test(revoked_stays),
		cmocka_unit_test(suspended_by_the_installation),
		cmocka_unit_test(suspended_by_its_provider),
		cmocka_unit_test(no_oracle),
		cmocka_unit_test(of_its_own_nodes),
		cmocka_unit_test(moved),
		cmocka_unit_test(a_suspended_subscription),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("scope", tests, set_up, tear_down);
}
