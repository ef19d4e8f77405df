/* Whose a name is that a MAF has keys by: nobody else's before what works by it is over, and one node's, whatever it is for that. */
#include "role/admin/test-leaving.h"

/* A MAF has everything by the name of its client: one that a node has left is nobody else's before what it has by that is over. */
static void a_name_is_not_free_before_its_time(void **state)
{
	static const char again[] = "{\"nodeID\":\"urn:a:9\",\"cseID\":\"//A.example.com/CSE1\",\"subscription\":\"sub-a\"}";
	static const char as_ae[] = "{\"nodeID\":\"urn:a:9\",\"aeID\":\"//a.example.com/S1\",\"subscription\":\"sub-a\"}";
	static const char back[] = "{\"reason\":\"back\",\"subscription\":\"sub-a\",\"cseID\":\"//a.example.com/CSE1\"}";
	static const char other[] = "{\"reason\":\"x\",\"subscription\":\"sub-a\",\"cseID\":\"//a.example.com/CSE1\"}";
	struct fix *f = *state;

	f->conf.provider[0] = (struct mst_provider){ "a.example.com", 4711 };
	give_cred(f, "1@maf.example.com", "//a.example.com/CSE1", f->node, NOW + 999999);
	give_cred(f, "2@maf.example.com", "//a.example.com/S1", f->node, NOW + 60);
	give_cred(f, "3@maf.example.com", "//a.example.com/S2", 0, NOW + 60);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move",
	    "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE7\",\"grace\":3600}", 2000, true);
	ask(f, MST_OP_CREATE, "/v1/nodes", again, 4105, false);
	assert_true(times("\"field\":\"cseID\"") == 1 && times("until 20261120T") == 1 && times("it is urn:a:1") == 1);
	ask(f, MST_OP_CREATE, "/v1/providers/a.example.com/nodes", again, 4105, false);
	assert_true(times("until 20261120T") == 1 && times("urn:a:1") == 0);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A2/move", other, 4105, false);
	assert_true(times("\"field\":\"cseID\"") == 1 && times("until 20261120T") == 1);
	ask(f, MST_OP_CREATE, "/v1/nodes", as_ae, 4105, false);
	assert_true(times("\"field\":\"aeID\"") == 1);
	ask(f, MST_OP_CREATE, "/v1/nodes/import", "{\"rows\":[{\"nodeID\":\"urn:a:9\",\"cseID\":\"//a.example.com/CSE1\"}]}", 2000, false);
	assert_true(times("\"ok\":false") == 1 && times("until 20261120T") == 1);
	/* it may have it back itself; and a client of before that the registry did not know may be the one that is added now */
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move", back, 2000, false);
	ask(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:a:9\",\"aeID\":\"//a.example.com/S2\"}", 2001, false);
	/* a registration alone holds it as well */
	f->now = NOW + 60;
	ask(f, MST_OP_CREATE, "/v1/nodes", as_ae, 2001, false);
	give_reg(f, "late", "//a.example.com/S1", f->node, NOW + 90);
	ask(f, MST_OP_CREATE, "/v1/nodes", as_ae, 4105, false);
	f->now = NOW + 3599;
	ask(f, MST_OP_CREATE, "/v1/nodes", again, 4105, false);
	f->now = NOW + 3600;
	ask(f, MST_OP_CREATE, "/v1/nodes", again, 2001, true);
}

/* One node each, whatever the name is for it: else a MAF, which has the name alone, would take the one for the other. */
static void a_name_is_of_one_node(void **state)
{
#define ADD(rest, rsc) ask(f, MST_OP_CREATE, "/v1/nodes", "{\"subscription\":\"sub-a\"," rest "}", rsc, false)
	struct fix *f = *state;

	ask(f, MST_OP_CREATE, "/v1/nodes", "{\"nodeID\":\"urn:a:7\",\"aeID\":\"//a.example.com/S7\",\"subscription\":\"sub-a\","
	    "\"identities\":[{\"kind\":\"cse\",\"value\":\"//a.example.com/CSE7\"}]}", 2001, true);
	ADD("\"nodeID\":\"urn:a:8\",\"aeID\":\"//A.example.com/S7\"", 4105);
	assert_true(times("\"field\":\"aeID\"") == 1 && times("another node is called this") == 1);
	ADD("\"nodeID\":\"urn:a:8\",\"cseID\":\"//a.example.com/S7\"", 4105);
	ADD("\"nodeID\":\"//a.example.com/S7\"", 4000);
	ADD("\"nodeID\":\"//a.example.com/CSE2\"", 4000);
	/* what it proves by a certificate it may be called, now or later */
	ADD("\"nodeID\":\"urn:a:8\",\"cseID\":\"//a.example.com/CSE7\"", 4105);
	assert_true(times("\"field\":\"cseID\"") == 1 && times("known by this name") == 1);
	ADD("\"nodeID\":\"urn:a:8\",\"identities\":[{\"kind\":\"ae\",\"value\":\"//a.example.com/S7\"}]", 4105);
	ADD("\"nodeID\":\"urn:a:8\",\"identities\":[{\"kind\":\"node\",\"value\":\"urn:a:8\"},{\"kind\":\"cse\",\"value\":\"//a.example.com/CSE2\"}]", 4105);
	assert_true(times("identities[1]") == 1);
	ADD("\"nodeID\":\"urn:a:8\",\"aeID\":\"//a.example.com/S8\"", 2001);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A2/move",
	    "{\"reason\":\"x\",\"subscription\":\"sub-a\",\"cseID\":\"//a.example.com/CSE2\",\"aeID\":\"//a.example.com/S7\"}", 4105, false);
	/* its own is taken by nobody */
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A7/move", "{\"reason\":\"x\",\"subscription\":\"sub-a\",\"cseID\":\"//a.example.com/CSE7\"}", 2000, false);
	/* and by that it is found, however its realm is written */
	ask(f, MST_OP_RETRIEVE, "/v1/nodes/%2F%2FA.example.com%2FS7", "", 2000, true);
	assert_int_equal(times("\"nodeID\":\"urn:a:7\""), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(a_name_is_not_free_before_its_time), T(a_name_is_of_one_node) };

	return cmocka_run_group_tests_name("admin-held-names", tests, NULL, NULL);
}
