/* The name of a CSE that a node had with its former provider, and by which it is known still: when it is another's, and what is ended by it. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "role/admin/test-store.h"

#define NOW 1795212591
#define GRACE 3600
#define NODE "/v1/nodes/urn%3Aa%3A1"
#define OLD "//a.example.com/CSE1"

static struct { char dir[64]; struct mst_store *s; struct mst_role_conf conf; mst_time now; int64_t node; } f;
static char room[MST_ANSWER_MAX + 1];

static void ask(const char *target, const char *body, int rsc)
{
	struct mst_role_env env = { .store = f.s, .conf = &f.conf, .now = f.now };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .peer = { .how = MST_AUTH_LOCAL, .uid = geteuid() },
				  .request = { .op = MST_OP_CREATE, .to = mst_view_str(target), .content = mst_view_str(body) } };
	struct mst_answer a = test_admin_ask(&env, &x, rsc / 1000 == 2, room);

	if (a.rsc != rsc)
		fail_msg("%s %s: %d instead of %d: %s", target, body, a.rsc, rsc, room);
}

static bool said(const char *what)
{
	return strstr(room, what) != NULL;
}

static int64_t number_of(const char *node_id)
{
	struct mst_node n;

	assert_int_equal(mst_store_node_find(f.s, node_id, &n), 0);
	return n.id;
}

/* One that is known by its M2M-Node-ID and by its owner's certificate, which names the CSE. */
static int up(void **state)
{
	char body[300];

	(void)state;
	memset(&f, 0, sizeof(f));
	f.now = NOW;
	test_store_open(f.dir, "names", &f.s);
	f.conf.makers.n = 1;
	f.conf.provider[0] = (struct mst_provider){ "a.example.com", 4711 };
	f.conf.n_provider = 1;
	for (const char *sp = "abc"; *sp; sp++) {
		snprintf(body, sizeof(body), "{\"id\":\"sub-%c\",\"spFQDN\":\"%c.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"20271121T000000\"}", *sp, *sp);
		ask("/v1/subscriptions", body, 2001);
	}
	ask("/v1/nodes", "{\"nodeID\":\"urn:a:1\",\"cseID\":\"" OLD "\",\"subscription\":\"sub-a\",\"identities\":["
	    "{\"kind\":\"node\",\"value\":\"urn:a:1\"},{\"kind\":\"cse\",\"value\":\"" OLD "\"}]}", 2001);
	f.node = number_of("urn:a:1");
	return 0;
}

static int down(void **state)
{
	(void)state;
	test_store_close(f.dir, f.s);
	return 0;
}

static void moves(const char *sub, const char *cse_id)
{
	char body[300];

	snprintf(body, sizeof(body), "{\"reason\":\"sold\",\"subscription\":\"%s\",\"cseID\":\"%s\",\"grace\":%d}", sub, cse_id, GRACE);
	ask(NODE "/move", body, 2000);
}

static const char replacement[] = "{\"nodeID\":\"urn:a:9\",\"cseID\":\"" OLD "\",\"subscription\":\"sub-a\"}";

/* When the grace is over the name is its provider's to give, as the manual says; until then it is said when that is. */
static void free_when_the_grace_is_over(void **state)
{
	(void)state;
	moves("sub-b", "//b.example.com/CSE1");
	f.now = NOW + GRACE - 1;
	ask("/v1/nodes", replacement, 4105);
	assert_true(said("\"field\":\"cseID\"") && said("until 20261120T") && said("it is urn:a:1"));
	ask("/v1/providers/a.example.com/nodes", replacement, 4105);
	assert_true(said("until 20261120T") && !said("urn:a:1"));
	f.now = NOW + GRACE;
	/* but no certificate with that name is another node's: the first one has it */
	ask("/v1/nodes", "{\"nodeID\":\"urn:a:9\",\"subscription\":\"sub-a\",\"identities\":[{\"kind\":\"cse\",\"value\":\"" OLD "\"}]}", 4105);
	assert_true(said("identities[0]") && said("from before it moved"));
	ask("/v1/providers/a.example.com/nodes", replacement, 2001);
	assert_int_equal(number_of(OLD), number_of("urn:a:9"));
	/* and who has left it does not have it back */
	ask(NODE "/move", "{\"reason\":\"back\",\"subscription\":\"sub-a\",\"cseID\":\"" OLD "\"}", 4105);
}

/* It is the node's own where it is with the provider whose name that is: never moved, within the provider, or back again. */
static void its_own(void **state)
{
	(void)state;
	ask(NODE "/move", "{\"reason\":\"name\",\"subscription\":\"sub-a\",\"cseID\":\"//a.example.com/CSE7\",\"grace\":1}", 2000);
	f.now = NOW + 9;
	ask("/v1/nodes", replacement, 4105);
	assert_true(said("known by this name"));
	moves("sub-b", "//b.example.com/CSE1");
	moves("sub-a", "//a.example.com/CSE7");
	f.now = NOW + 2 * GRACE;
	ask("/v1/nodes", replacement, 4105);
	assert_true(said("known by this name"));
	/* two providers away it is as far as one */
	moves("sub-b", "//b.example.com/CSE1");
	moves("sub-c", "//c.example.com/CSE1");
	f.now += GRACE;
	ask("/v1/nodes", replacement, 2001);
}

/*
 * The certificate of a CSE shows its public domain name (TS-0001 6.5.1.1), and that is how an owner enters it; in it case does not count. Such a name is left
 * as well as that of kind cse. What it has of its maker is no name of a provider's, and stays its own.
 */
static void free_as_its_certificate_shows_it(void **state)
{
	static const struct { const char *kind, *value, *anew; bool left; } rows[] = {
		{ "fqdn", "cse2.a.example.com", "//a.example.com/CSE2", true }, { "fqdn", "CSE3.A.example.com", "//a.example.com/cse3", true },
		{ "cse", "//a.example.com/cse4", "//a.example.com/CSE4", true }, { "fqdn", "dev5.maker.example.org", "//maker.example.org/DEV5", false },
		{ "fqdn", "cse6.b.example.com", "//b.example.com/CSE6", false }, { "fqdn", "cse7.c.example.com", "//c.example.com/CSE7", false },
	};
	char body[300], target[64];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		f.now = NOW + (mst_time)i * 2 * GRACE;
		snprintf(body, sizeof(body), "{\"nodeID\":\"urn:b:%zu\",\"cseID\":\"//a.example.com/X%zu\",\"subscription\":\"sub-a\",\"identities\":["
			 "{\"kind\":\"node\",\"value\":\"urn:b:%zu\"},{\"kind\":\"%s\",\"value\":\"%s\"}]}", i, i, i, rows[i].kind, rows[i].value);
		ask("/v1/nodes", body, 2001);
		snprintf(body, sizeof(body), "{\"nodeID\":\"urn:c:%zu\",\"cseID\":\"%s\"}", i, rows[i].anew);
		ask("/v1/nodes", body, 4105);
		assert_true(said("\"field\":\"cseID\"") && said("in which case does not count") && !said("until"));
		snprintf(target, sizeof(target), "/v1/nodes/urn%%3Ab%%3A%zu/move", i);
		ask(target, "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"grace\":3600}", 2000);
		ask("/v1/nodes", body, 4105);
		assert_true(rows[i].left ? said("until 202611") && said("it is urn:b:") : said("in which case does not count") && !said("until"));
		if (rows[i].left) {
			ask("/v1/providers/a.example.com/nodes", body, 4000);     /* of no subscription */
			snprintf(body, sizeof(body), "{\"nodeID\":\"urn:c:%zu\",\"cseID\":\"%s\",\"subscription\":\"sub-a\"}", i, rows[i].anew);
			ask("/v1/providers/a.example.com/nodes", body, 4105);
			assert_true(said("until 202611") && !said("urn:b:"));
		}
		f.now += GRACE;
		ask("/v1/nodes", body, rows[i].left ? 2001 : 4105);
		/* no certificate that shows it is another node's: the first one has it */
		snprintf(body, sizeof(body), "{\"nodeID\":\"urn:d:%zu\",\"identities\":[{\"kind\":\"cse\",\"value\":\"%s\"}]}", i, rows[i].anew);
		ask("/v1/nodes", body, 4105);
		assert_true(said("identities[0]"));
	}
}

/* Of two nodes that have left one name, in two spellings, each has its time. */
static void the_longest_grace_counts(void **state)
{
	static const char anew[] = "{\"nodeID\":\"urn:a:9\",\"cseID\":\"//a.example.com/CSE8\",\"subscription\":\"sub-a\"}";
	struct mst_identity row;
	char body[300];

	(void)state;
	/* from before two names of one public name were refused: a row each, as the store has them */
	for (int i = 0; i < 2; i++) {
		snprintf(body, sizeof(body), "{\"nodeID\":\"urn:e:%d\",\"subscription\":\"sub-a\"}", i);
		ask("/v1/nodes", body, 2001);
		row = (struct mst_identity){ .kind = i ? MST_ID_CSE_ABS : MST_ID_FQDN, .node = number_of(i ? "urn:e:1" : "urn:e:0") };
		snprintf(row.value, sizeof(row.value), "%s", i ? "//a.example.com/cse8" : "cse8.a.example.com");
		assert_int_equal(mst_store_begin(f.s), 0);
		assert_int_equal(mst_store_identity_put(f.s, &row), 0);
		assert_int_equal(mst_store_commit(f.s), 0);
		snprintf(body, sizeof(body), "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"grace\":%d}", i ? GRACE : 9);
		ask(i ? "/v1/nodes/urn%3Ae%3A1/move" : "/v1/nodes/urn%3Ae%3A0/move", body, 2000);
	}
	f.now = NOW + 9;
	ask("/v1/nodes", anew, 4105);
	assert_true(said("until 20261120T") && said("it is urn:e:1"));
	f.now = NOW + GRACE;
	ask("/v1/nodes", anew, 2001);
}

static void give_km(const char *key_id, const char *client)
{
	struct mst_credential c = { .purpose = MST_PURPOSE_KM, .key = { { 7 }, 1 }, .state = MST_CRED_ACTIVE, .created = NOW, .expires = NOW + 99 * GRACE };

	snprintf(c.key_id, sizeof(c.key_id), "%s", key_id);
	snprintf(c.client_id, sizeof(c.client_id), "%s", client);
	assert_int_equal(mst_store_cred_put(f.s, MST_ROLE_MAF, &c, true), 0);
}

static bool works(const char *key_id)
{
	struct mst_credential c;

	assert_int_equal(mst_store_cred_get(f.s, MST_ROLE_MAF, key_id, &c), 0);
	return c.state != MST_CRED_REVOKED;
}

/* What a MAF has by that name alone, as of a foreign MEF's enrolee, is whose name it is. */
static void a_revocation_ends_nothing_of_the_next(void **state)
{
	(void)state;
	moves("sub-b", "//b.example.com/CSE1");
	f.now = NOW + GRACE;
	ask("/v1/nodes", replacement, 2001);
	give_km("1@maf.example.com", OLD);
	give_km("2@maf.example.com", "//b.example.com/CSE1");
	ask(NODE "/revoke", "{\"reason\":\"stolen\"}", 2000);
	assert_true(works("1@maf.example.com") && !works("2@maf.example.com"));
	ask("/v1/nodes/urn%3Aa%3A9/revoke", "{\"reason\":\"stolen\"}", 2000);
	assert_false(works("1@maf.example.com"));
}

/* While nobody else is called so it is reached by it as before. */
static void a_revocation_ends_what_it_has_by_it(void **state)
{
	(void)state;
	moves("sub-b", "//b.example.com/CSE1");
	f.now = NOW + GRACE;
	give_km("1@maf.example.com", OLD);
	ask(NODE "/revoke", "{\"reason\":\"stolen\"}", 2000);
	assert_false(works("1@maf.example.com"));
	/* what is revoked has nothing that works */
	ask("/v1/nodes", replacement, 2001);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(free_when_the_grace_is_over), T(its_own), T(free_as_its_certificate_shows_it),
		T(the_longest_grace_counts), T(a_revocation_ends_nothing_of_the_next),
		T(a_revocation_ends_what_it_has_by_it) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("admin: names", tests, NULL, NULL);
}
