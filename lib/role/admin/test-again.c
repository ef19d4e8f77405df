/*
 * What the operator revokes, seen from the node: a name other than its first, which it was certified by at his command, it is certified by
 * again at the MEF without another command until he says otherwise. MEF and administration over one store, with the real keeper.
 */
#include "role/admin/admin.h"
#include "role/test-est-rig.h"

#include <stdio.h>
#include <unistd.h>

#define NODE_CERTS "/v1/nodes/urn%3Adev%3Aops%3A1-a-7/certificates/revoke"
#define AE "//sp.example.com/S01"

static char said[MST_ANSWER_MAX + 1];

static int admin(const char *to)
{
	struct mst_role_env env = { .store = est_rig.store, .keeper = est_rig.keeper, .crypto = est_rig.crypto, .conf = &est_rig.mef_conf,
				    .now = est_rig.now };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .peer = { .how = MST_AUTH_LOCAL, .uid = geteuid() },
				  .request = { .op = MST_OP_CREATE, .to = mst_view_str(to), .content = MST_VIEW_LIT("{\"reason\":1}") } };
	struct mst_answer a = { .content = mst_writer_of((uint8_t *)said, MST_ANSWER_MAX) };

	assert_int_equal(mst_store_begin(est_rig.store), 0);
	assert_int_equal(mst_role_admin.handle(&env, &x, &a), 0);
	assert_int_equal(mst_store_commit(est_rig.store), 0);
	said[a.content.n] = 0;
	return a.rsc;
}

static int revoke_one(const struct est_cert *c)
{
	char to[160];

	snprintf(to, sizeof(to), "/v1/certificates/%s/revoke", c->i.serial);
	return admin(to);
}

static bool revoked(const struct est_cert *c)
{
	struct mst_cert_row row;

	assert_int_equal(mst_store_cert_get(est_rig.store, c->i.serial, &row), 0);
	return row.revoked;
}

/* The next certificate by that name, with the node's secret. */
static struct est_cert again(struct est_party *key, const struct mst_san *san)
{
	assert_int_equal(est_asks_again(true, key, san), MST_RSC_OK);
	return est_got();
}

static void not_again(const struct mst_san *san)
{
	struct mst_event e;

	assert_int_equal(est_asks_again(true, &est_k1, san), MST_RSC_BAD_REQUEST);
	assert_true(rig_last_event(&est_rig, &e) && strstr(e.why, "muster command cert-prov"));
}

/* At the operator's command, which ends. */
static struct est_cert commanded(int64_t kind, const char *subject, const struct mst_san *san)
{
	int64_t id = est_command(kind, subject);
	struct est_cert c = again(&est_k1, san);

	est_end_command(id);
	return c;
}

/* The node's, renewed when eight tenths of it were over, and over itself: on record, since it ended after the last one was issued. */
static void renewed(const struct mst_san *node, struct est_cert *ret_first, struct est_cert *ret_second)
{
	est_give_secret();
	*ret_first = commanded(1, RIG_NODE, node);
	est_rig.now += 72 * RIG_DAY;
	*ret_second = again(&est_k2, node);
	est_rig.now += 19 * RIG_DAY;
}

static void a_node_loses_its_name(void **state)
{
	struct mst_san node = est_san_of(MST_ID_NODE, RIG_NODE);
	struct est_cert first, second;

	(void)state;
	renewed(&node, &first, &second);
	assert_int_equal(admin(NODE_CERTS), MST_RSC_OK);
	assert_true(strstr(said, first.i.serial) && strstr(said, second.i.serial));
	assert_true(revoked(&first) && revoked(&second));
	not_again(&node);
	/* until the operator says it again */
	(void)commanded(1, RIG_NODE, &node);
	(void)again(&est_k2, &node);
}

/* The one that is over is nobody's to use, so he need not know of it. */
static void the_last_one_decides(void **state)
{
	struct mst_san node = est_san_of(MST_ID_NODE, RIG_NODE);
	struct est_cert first, second;

	(void)state;
	renewed(&node, &first, &second);
	assert_int_equal(revoke_one(&second), MST_RSC_OK);
	assert_false(revoked(&first));
	not_again(&node);
}

/* None is left that works, and what is on record still says the name: he can take that back, by its number or the node's. */
static void where_all_have_ended(void **state)
{
	struct mst_san node = est_san_of(MST_ID_NODE, RIG_NODE);
	struct est_cert one;

	(void)state;
	est_give_secret();
	for (int by_number = 0; by_number < 2; by_number++) {
		one = commanded(1, RIG_NODE, &node);
		est_rig.now += 91 * RIG_DAY;
		assert_int_equal(by_number ? revoke_one(&one) : admin(NODE_CERTS), MST_RSC_OK);
		assert_non_null(strstr(said, one.i.serial));
		assert_true(revoked(&one));
		not_again(&node);
	}
	/* where no certificates are given there is nothing to take back */
	one = commanded(1, RIG_NODE, &node);
	est_rig.now += 91 * RIG_DAY;
	est_rig.mef_conf.est.on = false;
	assert_int_equal(revoke_one(&one), MST_RSC_CONFLICT);
}

/* Each by its own last one, in whatever order they came. */
static void one_name_says_nothing_of_another(void **state)
{
	struct mst_san node = est_san_of(MST_ID_NODE, RIG_NODE), ae = est_san_of(MST_ID_AE_ABS, AE);
	struct est_cert n[2], a[2];
	struct mst_node row;

	(void)state;
	est_give_secret();
	assert_int_equal(mst_store_node_get(est_rig.store, est_rig.node, &row), 0);
	snprintf(row.ae_id, sizeof(row.ae_id), AE);
	assert_int_equal(mst_store_node_update(est_rig.store, &row), 0);
	n[0] = commanded(1, RIG_NODE, &node);
	a[0] = commanded(3, AE, &ae);
	for (int i = 0; i < 2; i++) {
		n[1] = again(&est_k2, &node);
		a[1] = again(&est_k2, &ae);
		est_rig.now++;
	}
	assert_int_equal(revoke_one(&a[0]), MST_RSC_OK);
	(void)again(&est_k1, &ae);
	assert_int_equal(revoke_one(&n[1]), MST_RSC_OK);
	not_again(&node);
	(void)again(&est_k1, &ae);
	assert_false(revoked(&n[0]));
}

/* Whose command it came of is not with whom the node is now: the new provider's people say what it is certified by. */
static void a_former_provider_says_nothing(void **state)
{
	struct mst_san node = est_san_of(MST_ID_NODE, RIG_NODE), cse = est_san_of(MST_ID_FQDN, "cse0001.sp.example.com");
	struct mst_node_past past = { .node = est_rig.node, .sp_fqdn = "former.example.com" };

	(void)state;
	est_give_secret();
	(void)commanded(1, RIG_NODE, &node);
	est_rig.now += 10;
	(void)again(&est_k2, &node);
	past.at = est_rig.now;      /* in the same second it is taken for one of before, as by the end of the time that a move leaves */
	assert_int_equal(mst_store_past_put(est_rig.store, &past), 0);
	est_rig.now += 10;
	not_again(&node);
	(void)again(&est_k2, &cse);
	(void)commanded(1, RIG_NODE, &node);
	(void)again(&est_k2, &node);
}

#define T(f) cmocka_unit_test_setup_teardown(f, est_up, est_down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(a_node_loses_its_name), T(the_last_one_decides), T(where_all_have_ended), T(one_name_says_nothing_of_another),
					    T(a_former_provider_says_nothing) };

	return cmocka_run_group_tests_name("again", tests, NULL, NULL);
}
