/* Contract of what the clock asks for, and of whose a node was. */
#include "tests/contract/contract.h"

#include <string.h>

struct seen { char id[8][MST_ID_MAX]; size_t n; };

static int keep(struct seen *s, const char *id)
{
	memcpy(s->id[s->n++], id, MST_ID_MAX);
	return 0;
}
static int keep_sub(void *arg, const struct mst_subscription *r) { return keep(arg, r->id); }
static int keep_cred(void *arg, const struct mst_credential *r) { return keep(arg, r->key_id); }
static int keep_node(void *arg, const struct mst_node *r) { return keep(arg, r->node_id); }

static bool any(struct mst_store *s, mst_time now)
{
	bool yes = true;

	assert_int_equal(mst_store_any_due(s, now, &yes), 0);
	return yes;
}

static void subscriptions(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_subscription a;
	struct seen seen = { .n = 0 };

	for (int i = 1; i <= 4; i++) {
		a = make_sub(i);
		a.due = i == 4 ? 0 : 1000 - 10 * i;      /* the last one has no more to say */
		assert_int_equal(mst_store_sub_put(s, &a, true), 0);
	}
	assert_false(any(s, 969));
	assert_true(any(s, 970));
	assert_int_equal(mst_store_sub_due(s, 980, 0, keep_sub, &seen), 0);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.id[0], "sub-0003");     /* the longest due first */
	assert_string_equal(seen.id[1], "sub-0002");
	seen.n = 0;
	assert_int_equal(mst_store_sub_due(s, 5000, 1, keep_sub, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(mst_store_sub_get(s, "sub-0003", &a), 0);
	assert_int_equal(a.due, 970);
	a.due = 0;
	assert_int_equal(mst_store_sub_put(s, &a, false), 0);
	assert_false(any(s, 979));
}

static void credentials(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_credential a = make_cred(1), b = make_cred(2);
	struct seen seen = { .n = 0 };

	a.due = 500;
	b.due = 400;
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MEF, &a, true), 0);
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MAF, &b, true), 0);
	assert_true(any(s, 400) && !any(s, 399));
	assert_int_equal(mst_store_cred_due(s, MST_ROLE_MEF, 450, 0, keep_cred, &seen), 0);
	assert_int_equal(seen.n, 0);                     /* each role's own */
	assert_int_equal(mst_store_cred_due(s, MST_ROLE_MAF, 450, 0, keep_cred, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.id[0], b.key_id);
	b.due = 0;
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MAF, &b, false), 0);
	assert_true(!any(s, 499) && any(s, 500));
}

static int64_t add_node(struct mst_store *s, int i, struct mst_node *n)
{
	struct mst_subscription sub = make_sub(i);

	*n = make_node(i);
	assert_int_equal(mst_store_sub_put(s, &sub, true), 0);
	assert_int_equal(mst_store_node_insert(s, n), 0);
	return n->id;
}

static void nodes(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct seen seen = { .n = 0 };
	struct mst_node n, got;

	(void)add_node(s, 1, &n);
	assert_false(any(s, MST_TIME_MAX));
	n.leave_by = 700;
	n.reenrol_until = 800;
	assert_int_equal(mst_store_node_update(s, &n), 0);
	assert_true(any(s, 700) && !any(s, 699));
	assert_int_equal(mst_store_node_due(s, 700, 0, keep_node, &seen), 0);
	assert_string_equal(seen.id[0], n.node_id);
	/* the node's own doing closes its window, and gives it no more time to leave */
	n.leave_by = 9999;
	n.reenrol_until = 0;
	assert_int_equal(mst_store_node_touch(s, &n), 0);
	assert_int_equal(mst_store_node_get(s, n.id, &got), 0);
	assert_int_equal(got.leave_by, 700);
	assert_int_equal(got.reenrol_until, 0);
}

/* Who ordered a suspension is kept with it; of a node's own doing nothing of it changes. */
static void suspended(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_subscription sub = make_sub(1), got_sub;
	struct mst_node n, got;

	(void)add_node(s, 1, &n);
	for (int by = MST_BY_PROVIDER; by >= MST_BY_INSTALLATION; by--) {
		n.state = MST_NODE_SUSPENDED;
		n.suspended_by = sub.suspended_by = (enum mst_by)by;
		assert_int_equal(mst_store_node_update(s, &n), 0);
		assert_int_equal(mst_store_sub_put(s, &sub, false), 0);
		n.suspended_by = (enum mst_by)!by;
		n.last_seen++;
		assert_int_equal(mst_store_node_touch(s, &n), 0);
		n.state = MST_NODE_KNOWN;
		assert_int_equal(mst_store_node_touch(s, &n), 0);
		assert_int_equal(mst_store_node_get(s, n.id, &got), 0);
		assert_true((int)got.suspended_by == by && got.state == MST_NODE_KNOWN && got.last_seen == n.last_seen);
		assert_int_equal(mst_store_sub_get(s, sub.id, &got_sub), 0);
		assert_int_equal(got_sub.suspended_by, by);
		assert_int_equal(got_sub.due, sub.due);
	}
	sub = make_sub(2);
	sub.suspended_by = MST_BY_PROVIDER;
	assert_int_equal(mst_store_sub_put(s, &sub, true), 0);
	assert_int_equal(mst_store_sub_get(s, sub.id, &got_sub), 0);
	assert_int_equal(got_sub.suspended_by, MST_BY_PROVIDER);
	n = make_node(2);
	n.suspended_by = MST_BY_PROVIDER;
	assert_int_equal(mst_store_node_insert(s, &n), 0);
	assert_int_equal(mst_store_node_get(s, n.id, &got), 0);
	assert_int_equal(got.suspended_by, MST_BY_PROVIDER);
}

static void past(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_node_past a = { .last = 10, .at = 100, .sp_fqdn = "a.example.com" }, b = { .last = 20, .at = 200, .sp_fqdn = "b.example.com" }, got;
	struct mst_node n;

	a.node = b.node = add_node(s, 1, &n);
	assert_int_equal(mst_store_past_last(s, n.id, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_past_put(s, &b), 0);
	assert_int_equal(mst_store_past_put(s, &a), 0);
	assert_int_equal(mst_store_past_put(s, &a), MST_STORE_EXISTS);
	assert_int_equal(mst_store_past_find(s, n.id, 10, &got), 0);
	assert_string_equal(got.sp_fqdn, "a.example.com");
	assert_int_equal(mst_store_past_find(s, n.id, 11, &got), 0);
	assert_string_equal(got.sp_fqdn, "b.example.com");
	assert_int_equal(mst_store_past_find(s, n.id, 21, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_past_last(s, n.id, &got), 0);
	assert_true(got.last == 20 && got.at == 200);
	a.node = 4711;
	assert_int_equal(mst_store_past_put(s, &a), MST_STORE_NONE);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(subscriptions, contract_set_up, contract_tear_down),
		cmocka_unit_test_setup_teardown(credentials, contract_set_up, contract_tear_down),
		cmocka_unit_test_setup_teardown(nodes, contract_set_up, contract_tear_down),
		cmocka_unit_test_setup_teardown(suspended, contract_set_up, contract_tear_down),
		cmocka_unit_test_setup_teardown(past, contract_set_up, contract_tear_down),
	};

	contract_prefix = argc > 1 ? argv[1] : "sqlite:";
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store: life", tests, NULL, NULL);
}
