/*
 * What is shown in certificates: no two nodes have one public domain name (TS-0001 6.5.1.1), no provider's people enter what is below
 * another provider's, and nobody enters what would take a server's place.
 */
#include "tests/support/cm.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "role/admin/test-store.h"

#define NOW 1795212591
#define OP "/v1/providers/example.com"

struct fix {
	char dir[64];
	struct mst_store *s;
	struct mst_role_conf conf;
};

static char room[MST_ANSWER_MAX + 1];

static void must(struct fix *f, const char *target, const char *body, int rsc, const char *text)
{
	struct mst_role_env env = { .store = f->s, .conf = &f->conf, .now = NOW };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .peer = { .how = MST_AUTH_LOCAL, .uid = geteuid() },
				  .request = { .op = MST_OP_CREATE, .to = mst_view_str(target), .content = mst_view_str(body) } };
	struct mst_answer a = test_admin_ask(&env, &x, true, room);

	if (a.rsc != rsc || (text && !strstr(room, text)))
		fail_msg("%s %s: %d instead of %d %s: %s", target, body, a.rsc, rsc, text ? text : "", room);
}

static bool names_server(const void *arg, const char *name)
{
	(void)arg;
	return !strcasecmp(name, "maf.example.com") || !strcasecmp(name, "naf.example.com") || !strcasecmp(name, "naf2.example.com");
}

static int set_up(void **state)
{
	static const char *const sps[] = { "example.com", "a.example.com", "late.example.com" };
	struct fix *f = calloc(1, sizeof(*f));
	char body[200];

	test_store_open(f->dir, "names", &f->s);
	f->conf.makers.n = 1;
	for (size_t i = 0; i < MST_COUNT(sps); i++) {
		snprintf(body, sizeof(body), "{\"id\":\"%s\",\"spFQDN\":\"%s\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"20271121T000000\"}", sps[i], sps[i]);
		must(f, "/v1/subscriptions", body, 2001, NULL);
	}
	/* of one the people are named, of another there is a subscription */
	f->conf.provider[0] = (struct mst_provider){ "example.com", 4711 };
	f->conf.provider[1] = (struct mst_provider){ "b.example.com", 4712 };
	f->conf.n_provider = 2;
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

/* A node "urn:NUMBER", with that CSE-ID or "", known by that name or by its M2M-Node-ID. */
static void add(struct fix *f, const char *in, const char *cse, const char *kind, const char *value, int rsc, const char *text)
{
	static int number;
	char body[400];
	int n = snprintf(body, sizeof(body), "{\"nodeID\":\"urn:%d\",\"subscription\":\"example.com\",\"cseID\":\"%s\"", ++number, cse);

	if (*kind)
		n += snprintf(body + n, sizeof(body) - (size_t)n, ",\"identities\":[{\"kind\":\"%s\",\"value\":\"%s\"}]", kind, value);
	snprintf(body + n, sizeof(body) - (size_t)n, "}");
	must(f, in, body, rsc, text);
}

static void one_public_name(void **state)
{
	static const struct { const char *had_cse, *had_kind, *had, *cse, *kind, *value, *field; } rows[] = {
		{ "//example.com/CSE1", "", "", "//example.com/cse1", "", "", "cseID" },
		{ "//example.com/CSE2", "", "", "", "fqdn", "cse2.example.com", "identities[0]" },
		{ "//example.com/CSE3", "", "", "", "cse", "//example.com/cSE3", "identities[0]" },
		{ "", "fqdn", "cse4.example.com", "//example.com/CSE4", "", "", "cseID" },
		{ "", "fqdn", "cse5.example.com", "", "cse", "//example.com/CSE5", "identities[0]" },
		{ "", "cse", "//example.com/CSE6", "//example.com/cse6", "", "", "cseID" },
		{ "", "cse", "//example.com/CSE7", "", "cse", "//example.com/cse7", "identities[0]" },
		{ "", "cse", "//example.com/CSE8", "", "fqdn", "cse8.example.com", "identities[0]" },
	};
	struct fix *f = *state;
	char text[64];

	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		snprintf(text, sizeof(text), "\"field\":\"%s\"", rows[i].field);
		add(f, "/v1/nodes", rows[i].had_cse, rows[i].had_kind, rows[i].had, 2001, NULL);
		add(f, "/v1/nodes", rows[i].cse, rows[i].kind, rows[i].value, 4105, text);
		/* a provider's people are told no more than of any name */
		add(f, OP "/nodes", rows[i].cse, rows[i].kind, rows[i].value, 4105, rows[i].cse[0] ? "\"field\":\"nodeID\"" : text);
	}
	/* its own, in all forms; what is no domain name is in no certificate */
	add(f, "/v1/nodes", "//example.com/CSE9", "fqdn", "cse9.example.com", 2001, NULL);
	add(f, "/v1/nodes", "//example.com/CSE10", "cse", "//example.com/cse10", 2001, NULL);
	add(f, "/v1/nodes", "//example.com/CSE_1", "cse", "//example.com/CSE_1", 2001, NULL);
	add(f, "/v1/nodes", "//example.com/cse_1", "cse", "//example.com/cse_1", 2001, NULL);
	add(f, "/v1/nodes", "//other.example.com/CSE1", "fqdn", "cse1.other.example.com", 2001, NULL);
	/* by a move, too; but its own in another spelling */
	must(f, "/v1/nodes/%2F%2Fexample.com%2FCSE9/move", "{\"reason\":\"x\",\"subscription\":\"a.example.com\",\"cseID\":\"//a.example.com/CSE9\"}", 2000, NULL);
	must(f, "/v1/nodes/%2F%2Fother.example.com%2FCSE1/move", "{\"reason\":\"x\",\"subscription\":\"a.example.com\",\"cseID\":\"//a.example.com/cse9\"}", 4105,
	     "\"field\":\"cseID\"");
	must(f, "/v1/nodes/%2F%2Fa.example.com%2FCSE9/move", "{\"reason\":\"x\",\"subscription\":\"example.com\",\"cseID\":\"//example.com/cse9\"}", 2000, NULL);
}

/* Strictly apart (decision 0019), also where one's FQDN is above the other's. */
static void below_another_provider(void **state)
{
	static const struct { const char *cse, *kind, *value; int rsc; } rows[] = {
		{ "", "fqdn", "cse1.a.example.com", 4000 }, { "", "fqdn", "x.y.a.example.com", 4000 }, { "", "fqdn", "a.example.com", 4000 },
		{ "", "fqdn", "cse1.b.example.com", 4000 }, { "", "cse", "//example.com/B", 4000 }, { "//example.com/A", "", "", 4000 },
		{ "//a.example.com/CSE1", "", "", 4000 }, { "", "fqdn", "c.example.com", 2001 }, { "", "fqdn", "aa.example.com", 2001 },
		{ "", "fqdn", "example.com", 2001 }, { "//example.com/AA", "cse", "//example.com/AA", 4105 }, { "//example.com/AB", "cse", "//example.com/AB", 2001 },
	};
	struct fix *f = *state;

	for (size_t i = 0; i < MST_COUNT(rows); i++)
		add(f, OP "/nodes", rows[i].cse, rows[i].kind, rows[i].value, rows[i].rsc, NULL);
	/* the installation's people enter what they say; the other's own people what is theirs */
	add(f, "/v1/nodes", "", "fqdn", "x.a.example.com", 2001, NULL);
	must(f, "/v1/providers/a.example.com/nodes", "{\"nodeID\":\"urn:a\",\"subscription\":\"a.example.com\",\"identities\":[{\"kind\":\"fqdn\",\"value\":\"cse1.a.example.com\"}]}", 2001, NULL);
}

/* A MAF's certificate that names a node, too, is nobody's at the MEF; a server that is a CSE may be a node, but not on a provider's word. */
static void servers(void **state)
{
	struct fix *f = *state;

	f->conf.names_server = names_server;
	f->conf.n_maf = 1;
	memcpy(f->conf.maf_fqdn[0], "maf.example.com", sizeof("maf.example.com"));
	add(f, "/v1/nodes", "", "fqdn", "maf.example.com", 4000, "\"field\":\"identities[0]\"");
	add(f, "/v1/nodes", "", "cse", "//example.com/MAF", 4000, "\"field\":\"identities[0]\"");
	add(f, OP "/nodes", "", "fqdn", "maf.example.com", 4000, "\"field\":\"identities[0]\"");
	add(f, OP "/nodes", "", "fqdn", "NAF.example.com", 4000, "\"field\":\"identities[0]\"");
	add(f, "/v1/nodes", "", "fqdn", "naf.example.com", 2001, NULL);
	add(f, OP "/nodes", "", "fqdn", "maf2.example.com", 2001, NULL);
	/* what it is called counts as what proves it: est would certify that name, and find_identity() takes it for the same CSE */
	add(f, "/v1/nodes", "//example.com/Maf", "", "", 4000, "\"field\":\"cseID\"");
	add(f, OP "/nodes", "//example.com/MAF", "", "", 4000, "\"field\":\"cseID\"");
	add(f, OP "/nodes", "", "cse", "//example.com/MAF", 4000, "\"field\":\"identities[0]\"");
	add(f, OP "/nodes", "", "cse", "//example.com/naf2", 4000, "\"field\":\"identities[0]\"");
	add(f, OP "/nodes", "//example.com/NAF2", "", "", 4000, "\"field\":\"cseID\"");
	must(f, "/v1/nodes/import", "{\"rows\":[{\"nodeID\":\"urn:x\",\"cseID\":\"//example.com/MAF\"}]}", 2000, "\"field\":\"cseID\"");
	add(f, "/v1/nodes", "//example.com/NAF2", "", "", 2001, NULL);
}

/* Nor does a move make a MAF of a node; one that was called so before the MAF was there may move, and leave that name. */
static void servers_by_a_move(void **state)
{
	static const char to_maf[] = "{\"reason\":\"x\",\"subscription\":\"example.com\",\"cseID\":\"//example.com/MAF\"}";
	struct fix *f = *state;

	add(f, "/v1/nodes", "//example.com/MAF", "", "", 2001, NULL);
	f->conf.n_maf = 1;
	memcpy(f->conf.maf_fqdn[0], "maf.example.com", sizeof("maf.example.com"));
	must(f, "/v1/nodes/%2F%2Fexample.com%2FMAF/move", "{\"reason\":\"x\",\"subscription\":\"example.com\",\"cseID\":\"//example.com/MAF\","
	     "\"aeID\":\"//example.com/S1\"}", 2000, NULL);
	must(f, "/v1/nodes/%2F%2Fexample.com%2FMAF/move", "{\"reason\":\"x\",\"subscription\":\"a.example.com\",\"cseID\":\"//a.example.com/CSE1\"}", 2000, NULL);
	add(f, "/v1/nodes", "//example.com/CSE1", "", "", 2001, NULL);
	must(f, "/v1/nodes/%2F%2Fexample.com%2FCSE1/move", to_maf, 4000, "\"field\":\"cseID\"");
	must(f, "/v1/nodes/%2F%2Fa.example.com%2FCSE1/move", to_maf, 4000, "\"field\":\"cseID\"");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = { T(one_public_name), T(below_another_provider), T(servers), T(servers_by_a_move) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("admin: names", tests, NULL, NULL);
}
