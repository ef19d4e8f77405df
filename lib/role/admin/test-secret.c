/* A maker's secret that takes the place of another: what was opened with the old one ends, and nothing else does. */
#include "tests/support/cm.h"

#include <stdlib.h>
#include <unistd.h>

#include "role/admin/test-store.h"

#define NOW 1795212591

struct fix {
	char dir[64];
	struct mst_store *s;
	struct mst_role_conf conf;
	int64_t node;
};

static struct mst_whose cut;         /* that the last answer asks for */

static int wrap(struct mst_keeper *k, uint32_t from, struct mst_view sealed, enum mst_key_purpose p, const char *id, struct mst_wrapped *ret)
{
	(void)k;
	(void)id;
	assert_true(from == 9 && p == MST_PURPOSE_KPM && sealed.n == 4);
	*ret = (struct mst_wrapped){ { 7 }, 1 };
	return 0;
}

static const struct mst_keeper_ops ops = { .name = "test", .wrap = wrap };
static struct mst_keeper keeper = { &ops };

static void ask(struct fix *f, const char *target, const char *body, bool secret, int rsc)
{
	struct mst_role_env env = { .store = f->s, .conf = &f->conf, .keeper = &keeper, .now = NOW };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .channel = 9, .peer = { .how = MST_AUTH_LOCAL, .uid = geteuid() },
				  .request = { .op = MST_OP_CREATE, .to = mst_view_str(target), .content = mst_view_str(body) },
				  .has_key_value = secret, .key_value = { { 1, 2, 3, 4 }, 4 } };
	static char room[MST_ANSWER_MAX + 1];
	struct mst_answer a = test_admin_ask(&env, &x, true, room);

	if (a.rsc != rsc)
		fail_msg("%s: %d instead of %d: %s", target, a.rsc, rsc, room);
	cut = a.cut;
}

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct mst_node n;

	test_store_open(f->dir, "secret", &f->s);
	f->conf = (struct mst_role_conf){ .makers = { .n = 1 }, .secret_fqdn = "mef.example.com" };
	ask(f, "/v1/nodes", "{\"nodeID\":\"urn:n:1\"}", false, 2001);
	ask(f, "/v1/nodes", "{\"nodeID\":\"urn:n:2\"}", false, 2001);
	assert_int_equal(mst_store_node_find(f->s, "urn:n:1", &n), 0);
	f->node = n.id;
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

/* The new one has the identity of the old one, so a request in a session by the old one would be the node's. */
static void what_the_old_one_opened_ends(void **state)
{
	struct fix *f = *state;

	/* it has none yet: what it has open is by its certificate */
	ask(f, "/v1/nodes/urn%3An%3A1/secret", "{}", true, 2000);
	assert_true(!cut.one && !cut.group);
	ask(f, "/v1/nodes/urn%3An%3A1/secret", "{}", true, 2000);
	assert_true(cut.one == f->node && !cut.group);
	ask(f, "/v1/nodes/urn%3An%3A1/secret?identity=another%40mef.example.com", "{}", true, 2000);
	assert_true(cut.one == f->node && !cut.group);
	/* it is another node's, and nothing was changed */
	ask(f, "/v1/nodes/urn%3An%3A2/secret?identity=another%40mef.example.com", "{}", true, 4105);
	assert_true(!cut.one && !cut.group);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(what_the_old_one_opened_ends, set_up, tear_down) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("admin: secret", tests, NULL, NULL);
}
