/* Query plans: nothing that is asked by key walks a table, and no list sorts or looks for its rows one by one. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "contract.h"
#include "store/sqlite-db.h"

struct plans {
	char sql[104][1024];
	size_t n;
};

static int remember(unsigned what, void *arg, void *st, void *x)
{
	struct plans *p = arg;
	const char *text = sqlite3_sql(st);

	(void)what;
	(void)x;
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->sql[i], text))
			return 0;
	assert_true(p->n < MST_COUNT(p->sql) && strlen(text) < sizeof(p->sql[0]));
	strcpy(p->sql[p->n++], text);
	return 0;
}

static int no_sub(void *a, const struct mst_subscription *r)
{
	(void)a;
	(void)r;
	return 0;
}
static int no_node(void *a, const struct mst_node *r)
{
	(void)a;
	(void)r;
	return 0;
}
static int no_identity(void *a, const struct mst_identity *r)
{
	(void)a;
	(void)r;
	return 0;
}
static int no_reg(void *a, const struct mst_registration *r)
{
	(void)a;
	(void)r;
	return 0;
}
static int no_keyreg(void *a, const struct mst_keyreg *r)
{
	(void)a;
	(void)r;
	return 0;
}
static int no_cred(void *a, const struct mst_credential *r)
{
	(void)a;
	(void)r;
	return 0;
}
static int no_cert(void *a, const struct mst_cert_row *r)
{
	(void)a;
	(void)r;
	return 0;
}
static int no_command(void *a, const struct mst_command *r)
{
	(void)a;
	(void)r;
	return 0;
}
static int no_request(void *a, const struct mst_certreq *r)
{
	(void)a;
	(void)r;
	return 0;
}
static int no_sim(void *a, const struct mst_sim *r)
{
	(void)a;
	(void)r;
	return 0;
}
static int no_approval(void *a, const struct mst_approval *r)
{
	(void)a;
	(void)r;
	return 0;
}
static int no_event(void *a, const struct mst_event *r)
{
	(void)a;
	(void)r;
	return 0;
}

/* Lists a page at a time: all, and those of one node or in one state. */
static void use_lists(struct mst_store *s)
{
	for (int i = 0; i < 2; i++) {
		struct mst_sim_filter sims = { .state = i - 1, .after = 1, .limit = 5 };

		assert_int_equal(mst_store_command_list(s, i * 1001, 1, 5, no_command, NULL), 0);
		assert_int_equal(mst_store_certreq_list(s, i - 1, 1, 5, no_request, NULL), 0);
		assert_int_equal(mst_store_sim_list(s, &sims, no_sim, NULL), 0);
		assert_int_equal(mst_store_approval_list(s, i, 1, 5, no_approval, NULL), 0);
	}
}

static void use_everything(struct mst_store *s)
{
	struct mst_subscription sub = make_sub(1);
	struct mst_keyreg keyreg = make_keyreg(1, 1);
	struct mst_credential cred = make_cred(1);
	struct mst_registration reg;
	struct mst_node node;
	struct mst_cert_row cert;
	struct mst_identity id;
	static const uint8_t head[MST_WRAPPED_HEAD] = { 2, 0, 2 };
	int64_t n[MST_NODE_RELEASED + 1];
	uint64_t last;
	struct mst_event_limit shorten = { .most = 1, .chunk = 2 };
	struct mst_event_span span;
	struct mst_event told;

	assert_int_equal(group_of_one(s, 1), 0);
	assert_int_equal(read_decision(s, 1), 1);
	assert_int_equal(mst_store_sub_put(s, &sub, false), 0);
	assert_int_equal(mst_store_sub_list(s, NULL, 5, no_sub, NULL), 0);
	assert_int_equal(mst_store_sub_of_sp(s, sub.sp_fqdn, &sub), 0);
	assert_int_equal(mst_store_node_get(s, 1, &node), 0);
	assert_int_equal(mst_store_node_find(s, node.cse_id, &node), 0);
	assert_int_equal(mst_store_node_find(s, node.ae_id, &node), 0);
	assert_int_equal(mst_store_node_of_cse(s, node.cse_id, 0, &node), 0);
	for (int i = 0; i < 8; i++) {
		struct mst_node_filter f = { i & 1 ? 0 : -1, i & 2 ? "sub-0001" : NULL,
					     i & 4 ? "maker-1" : NULL, 0, 5 };

		assert_int_equal(mst_store_node_list(s, &f, no_node, NULL), 0);
	}
	assert_int_equal(mst_store_node_count(s, n), 0);
	assert_int_equal(mst_store_identity_get(s, MST_ID_NODE, node.node_id, &id), 0);
	assert_int_equal(mst_store_identity_list(s, 1, no_identity, NULL), 0);
	assert_int_equal(mst_store_identity_of_cse(s, node.cse_id, no_identity, NULL), 0);
	assert_int_equal(mst_store_reg_find(s, MST_ROLE_MEF, "client-1", "admin1.example.com", &reg), 0);
	assert_int_equal(mst_store_reg_of_node(s, MST_ROLE_MEF, 1001, no_reg, NULL), 0);
	assert_int_equal(mst_store_reg_of_client(s, MST_ROLE_MEF, "client-1", no_reg, NULL), 0);
	assert_int_equal(mst_store_keyreg_put(s, MST_ROLE_MEF, &keyreg, false), 0);
	assert_int_equal(mst_store_keyreg_list(s, MST_ROLE_MEF, "reg-0001", no_keyreg, NULL), 0);
	assert_int_equal(mst_store_keyreg_delete(s, MST_ROLE_MEF, keyreg.rel_key_id), 0);
	assert_int_equal(mst_store_cred_put(s, MST_ROLE_MEF, &cred, false), 0);
	assert_int_equal(mst_store_cred_list(s, MST_ROLE_MEF, "client-1", no_cred, NULL), 0);
	assert_int_equal(mst_store_cred_of_node(s, MST_ROLE_MEF, 1001, no_cred, NULL), 0);
	assert_int_equal(mst_store_cred_delete(s, MST_ROLE_MEF, cred.key_id), 0);
	assert_int_equal(mst_store_reg_delete(s, MST_ROLE_MEF, "reg-0001"), 0);
	assert_int_equal(mst_store_cert_get(s, make_cert(1).serial, &cert), 0);
	assert_int_equal(mst_store_cert_list_revoked(s, 5, no_cert, NULL), 0);
	for (int i = 0; i < 4; i++) {
		struct mst_event_filter f = { .after = 1,
					      .node = i & 1,
					      .attempt = i & 2 ? "a" : NULL,
					      .limit = 5 };

		assert_int_equal(mst_store_event_list(s, &f, no_event, NULL), 0);
	}
	use_lists(s);
	assert_int_equal(mst_store_wrapped_others(s, head, &n[0]), 0);
	assert_int_equal(mst_store_event_last(s, &last), 0);
	assert_int_equal(mst_store_event_span(s, &span), 0);
	for (int i = 2; i < 5; i++)
		assert_int_equal(group_of_one(s, i), 0);
	assert_int_equal(mst_store_event_shorten(s, &shorten, &told), 0);
	assert_int_equal(mst_store_event_verify(s, &last), 0);
}

static int judge_plan(void *arg, int n, char **value, char **name)
{
	(void)name;
	/* the eight counters are read as a whole on purpose */
	if (n == 4 && strstr(value[3], "SCAN") && strcmp(value[3], "SCAN node_count"))
		fail_msg("%s: %s", (char *)arg, value[3]);
	if (n == 4 && strstr(value[3], "TEMP B-TREE"))
		fail_msg("%s sorts: %s", (char *)arg, value[3]);
	/* from some row on, and something else is wanted of it: most of those that are looked at may be left out, and no LIMIT ends it */
	if (n == 4 && strstr(value[3], "(rowid>?)") && strstr(arg, " AND "))
		fail_msg("%s looks for its rows one by one: %s", (char *)arg, value[3]);
	return 0;
}

static void keyed_access_only(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	sqlite3 *db = lite_of(sq_of(s))->db;
	static struct plans plans;
	static const char *const inside[] = {
		/* statements of triggers and cascades */
		"DELETE FROM credential WHERE role = 1 AND via = 'x' AND via <> ''",
		"DELETE FROM credential WHERE role = 1 AND key_id = 'x'",
		"DELETE FROM keyreg WHERE role = 1 AND reg_id = 'x'",
		"UPDATE node_count SET n = n + 1 WHERE state = 1",
		"SELECT coalesce(max(seq), 0) + 1 FROM event",
	};
	char text[1100];
	size_t explained = 0;

	sqlite3_trace_v2(db, SQLITE_TRACE_STMT, remember, &plans);
	use_everything(s);
	sqlite3_trace_v2(db, 0, NULL, NULL);
	for (size_t i = 0; i < plans.n + MST_COUNT(inside); i++) {
		const char *one = i < plans.n ? plans.sql[i] : inside[i - plans.n];

		if (!strncmp(one, "BEGIN", 5) || !strcmp(one, "COMMIT") || strstr(one, "SAVEPOINT") ||
		    !strncmp(one, "RELEASE", 7))
			continue;
		snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", one);
		assert_int_equal(sqlite3_exec(db, text, judge_plan, text, NULL), SQLITE_OK);
		explained++;
	}
	assert_true(explained > 45);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keyed_access_only, contract_set_up, contract_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
