/* What every database must do: places of nodes, briefings, and how these are kept few. */
#include "contract.h"

#include <stdio.h>

#define SAME(a, b) assert_memory_equal(&(a), &(b), sizeof(a))

static struct mst_briefing make_briefing(int i)
{
	static struct mst_briefing b;

	memset(&b, 0, sizeof(b));
	snprintf(b.id, sizeof(b.id), "%032x", i);
	b.node = i % 3;
	snprintf(b.who, sizeof(b.who), "node %d", i % 3);
	snprintf(b.attempt, sizeof(b.attempt), "%032x", 7 * i);
	memset(b.ask, i, sizeof(b.ask));
	b.at = 1000 + i;
	b.until = 90000 + i;
	snprintf(b.rule, sizeof(b.rule), "rule-%d", i);
	b.rules_version = i;
	b.outcome = i % 2;
	b.facts.n = 100;
	memset(b.facts.b, i, 100);
	b.answer.n = MST_SEQ_OCTETS;
	memset(b.answer.b, 0xff - i, MST_SEQ_OCTETS);
	return b;
}

static void places(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_place p = { .node = 1, .has = 31, .latitude = -900000000, .longitude = 1800000000, .accuracy = 40000000,
			       .cell = "262-01-1-2", .site = "north", .who = "uid 0", .at = 5 }, got = { 0 };
	struct mst_subscription sub = make_sub(1);
	struct mst_node n = make_node(1);

	assert_int_equal(mst_store_place_put(s, &p), MST_STORE_NONE);   /* no such node */
	assert_int_equal(mst_store_sub_put(s, &sub, true), 0);
	assert_int_equal(mst_store_node_insert(s, &n), 0);
	p.node = n.id;
	assert_int_equal(mst_store_place_get(s, n.id, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_place_put(s, &p), 0);
	assert_int_equal(mst_store_place_get(s, n.id, &got), 0);
	SAME(p, got);
	p.has = 16;
	snprintf(p.site, sizeof(p.site), "south");
	assert_int_equal(mst_store_place_put(s, &p), 0);
	assert_int_equal(mst_store_place_get(s, n.id, &got), 0);
	SAME(p, got);
	assert_int_equal(mst_store_place_delete(s, n.id), 0);
	assert_int_equal(mst_store_place_delete(s, n.id), MST_STORE_NONE);
	assert_int_equal(mst_store_place_get(s, n.id, &got), MST_STORE_NONE);
}

static void briefings(void **state)
{
	static struct mst_briefing a, b, got;
	struct mst_store *s = ((struct fix *)*state)->s;

	a = make_briefing(1);
	assert_int_equal(mst_store_briefing_get(s, a.id, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_briefing_find(s, a.who, a.attempt, a.ask, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_briefing_put(s, &a), 0);
	assert_int_equal(mst_store_briefing_get(s, a.id, &got), 0);
	SAME(a, got);
	memset(&got, 0, sizeof(got));
	assert_int_equal(mst_store_briefing_find(s, a.who, a.attempt, a.ask, &got), 0);
	SAME(a, got);

	/* the same question has one row, and is told apart by each of its parts */
	b = a;
	snprintf(b.id, sizeof(b.id), "other");
	assert_int_equal(mst_store_briefing_put(s, &b), MST_STORE_EXISTS);
	b.ask[31] ^= 1;
	assert_int_equal(mst_store_briefing_put(s, &b), 0);
	assert_int_equal(mst_store_briefing_find(s, b.who, b.attempt, b.ask, &got), 0);
	assert_string_equal(got.id, "other");
	assert_int_equal(mst_store_briefing_find(s, "node 9", b.attempt, b.ask, &got), MST_STORE_NONE);

	/* how it went changes, what was said does not */
	b = a;
	snprintf(b.reported, sizeof(b.reported), "%032x", 5);
	b.state = MST_BRIEFING_ENROLLED;
	b.failures = 3;
	b.reports = 2;
	b.report_at = 77;
	snprintf(b.target, sizeof(b.target), "maf.example.com");
	assert_int_equal(mst_store_briefing_put(s, &b), 0);
	assert_int_equal(mst_store_briefing_get(s, a.id, &got), 0);
	SAME(b, got);
	b.answer.n = 1;
	assert_int_equal(mst_store_briefing_put(s, &b), 0);
	assert_int_equal(mst_store_briefing_get(s, a.id, &got), 0);
	assert_int_equal(got.answer.n, MST_SEQ_OCTETS);
	assert_int_equal(mst_store_briefing_delete(s, a.id), 0);
	assert_int_equal(mst_store_briefing_delete(s, a.id), MST_STORE_NONE);
}

struct seen { int n; char first[33]; };

static int see(void *arg, const struct mst_briefing *b)
{
	struct seen *s = arg;

	if (!s->n++)
		memcpy(s->first, b->id, sizeof(s->first));
	return 0;
}

static struct seen list(struct mst_store *s, int64_t node, mst_time since, size_t limit)
{
	struct mst_briefing_filter f = { .node = node, .since = since, .limit = limit };
	struct seen seen = { 0 };

	assert_int_equal(mst_store_briefing_list(s, &f, see, &seen), 0);
	return seen;
}

static void listed_and_pruned(void **state)
{
	static struct mst_briefing b;
	struct mst_store *s = ((struct fix *)*state)->s;
	struct seen seen;

	for (int i = 1; i <= 30; i++) {
		b = make_briefing(i);
		assert_int_equal(mst_store_briefing_put(s, &b), 0);
	}
	seen = list(s, 0, 0, 0);
	assert_int_equal(seen.n, 30);
	assert_string_equal(seen.first, "0000000000000000000000000000001e");       /* newest first */
	assert_int_equal(list(s, 2, 0, 0).n, 10);
	assert_int_equal(list(s, 2, 1020, 0).n, 4);
	assert_int_equal(list(s, 0, 0, 7).n, 7);

	/* of one whose, only the newest; of all, some that are old */
	assert_int_equal(mst_store_briefing_prune(s, "node 2", 3, 0), 0);
	seen = list(s, 2, 0, 0);
	assert_int_equal(seen.n, 3);
	assert_string_equal(seen.first, "0000000000000000000000000000001d");
	assert_int_equal(list(s, 0, 0, 0).n, 23);
	assert_int_equal(mst_store_briefing_prune(s, "nobody", 3, 2000), 0);
	assert_int_equal(list(s, 0, 0, 0).n, 15);       /* eight at a time: no pause */
	for (int i = 0; i < 3; i++)
		assert_int_equal(mst_store_briefing_prune(s, "nobody", 3, 2000), 0);
	assert_int_equal(list(s, 0, 0, 0).n, 0);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, contract_set_up, contract_tear_down)
	const struct CMUnitTest tests[] = { T(places), T(briefings), T(listed_and_pruned) };

	contract_prefix = argc > 1 ? argv[1] : "sqlite:";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
