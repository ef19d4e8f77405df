/* What every database must do for the owner's rules: versions, order, history, and a cache that is never behind. */
#include "contract.h"

#include <stdio.h>

#include "role/rules/rule-cache.h"

static struct mst_rule_row make_rule(const char *name, int64_t place, int64_t since)
{
	struct mst_rule rule = { .has = 1u << MST_RU_NAME | 1u << MST_RU_THEN, .name = mst_view_str(name),
				 .then = { .has = 1u << MST_RT_DENY, .deny = MST_VIEW_LIT("no") } };
	struct mst_rule_row r = { .place = place, .since = since };
	struct mst_writer w = mst_writer_of(r.cbor.b, sizeof(r.cbor.b));

	mst_rule_write_cbor(&rule, &w);
	r.cbor.n = (uint16_t)w.n;
	snprintf(r.name, sizeof(r.name), "%s", name);
	return r;
}

static int64_t next(struct mst_store *s, const char *what)
{
	struct mst_rules_version v = { .at = 7, .who = "uid 0" };

	snprintf(v.what, sizeof(v.what), "%s", what);
	assert_int_equal(mst_store_rules_next(s, &v), 0);
	return v.version;
}

static void put(struct mst_store *s, const char *name, int64_t place, int64_t since)
{
	struct mst_rule_row r = make_rule(name, place, since);

	assert_int_equal(mst_store_rule_put(s, &r), 0);
}

static int join(void *arg, const struct mst_rule_row *r)
{
	char *text = arg;

	snprintf(text + strlen(text), 64 - strlen(text), "%s ", r->name);
	return 0;
}

static const char *names(struct mst_store *s, int64_t version, int64_t after, size_t limit)
{
	static char text[64];

	text[0] = '\0';
	assert_int_equal(mst_store_rule_list(s, version, after, limit, join, text), 0);
	return text;
}

static int join_versions(void *arg, const struct mst_rules_version *v)
{
	char *text = arg;

	snprintf(text + strlen(text), 64 - strlen(text), "%lld:%s ", (long long)v->version, v->what);
	return 0;
}

static void versions(void **state)
{
	struct fix *f = *state;
	struct mst_store *s = f->s;
	struct mst_rules_version v;
	struct mst_rule_row got = { 0 }, want = make_rule("a", 10, 1);
	char text[64] = "";

	assert_int_equal(mst_store_rules_version(s, &v), 0);
	assert_int_equal(v.version, 0);
	assert_int_equal(next(s, "one"), 1);
	put(s, "a", 10, 1);
	put(s, "b", 20, 1);
	assert_int_equal(mst_store_rule_put(s, &want), MST_STORE_EXISTS);
	want.place = 11;
	assert_int_equal(mst_store_rule_put(s, &want), MST_STORE_EXISTS);
	want = make_rule("c", 10, 1);
	assert_int_equal(mst_store_rule_put(s, &want), MST_STORE_EXISTS);
	want = make_rule("a", 10, 1);
	assert_int_equal(mst_store_rule_get(s, "a", &got), 0);
	assert_memory_equal(&got, &want, sizeof(got));
	assert_int_equal(mst_store_rule_get(s, "c", &got), MST_STORE_NONE);
	/* b goes to the front, then a goes away, then comes back in the same version that it went in */
	assert_int_equal(next(s, "two"), 2);
	assert_int_equal(mst_store_rule_end(s, "b", 2), 0);
	put(s, "b", 5, 2);
	assert_int_equal(next(s, "three"), 3);
	assert_int_equal(mst_store_rule_end(s, "a", 3), 0);
	assert_int_equal(mst_store_rule_end(s, "a", 3), MST_STORE_NONE);
	put(s, "c", 30, 3);
	contract_reopen(f);
	s = f->s;
	assert_string_equal(names(s, 0, 0, 0), "b c ");
	assert_string_equal(names(s, 3, 0, 0), "b c ");
	assert_string_equal(names(s, 2, 0, 0), "b a ");
	assert_string_equal(names(s, 1, 0, 0), "a b ");
	assert_string_equal(names(s, 1, 10, 0), "b ");
	assert_string_equal(names(s, 1, 0, 1), "a ");
	assert_string_equal(names(s, 0, 5, 5), "c ");
	assert_int_equal(mst_store_rules_version(s, &v), 0);
	assert_int_equal(v.version, 3);
	assert_int_equal(v.at, 7);
	assert_string_equal(v.who, "uid 0");
	assert_string_equal(v.what, "three");
	assert_int_equal(mst_store_rules_versions(s, 0, 2, join_versions, text), 0);
	assert_string_equal(text, "3:three 2:two ");
	text[0] = '\0';
	assert_int_equal(mst_store_rules_versions(s, 2, 0, join_versions, text), 0);
	assert_string_equal(text, "1:one ");
	/* what is forgotten takes nothing of the rest with it */
	assert_int_equal(mst_store_rules_prune(s, 2), 0);
	text[0] = '\0';
	assert_int_equal(mst_store_rules_versions(s, 0, 0, join_versions, text), 0);
	assert_string_equal(text, "3:three 2:two ");
	assert_string_equal(names(s, 0, 0, 0), "b c ");
	assert_string_equal(names(s, 2, 0, 0), "b a ");
}

static size_t cached(struct mst_rule_cache *c, struct mst_store *s, const struct mst_rule_set **ret_set)
{
	int64_t version;

	assert_int_equal(mst_rule_cache_get(c, s, ret_set, &version), 0);
	assert_int_equal(version, c->version);
	return mst_rule_set_size(*ret_set);
}

/* The number of a version that was rolled back is given again: the cache may not take the one for the other. */
static void the_cache_is_never_behind(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_rule_cache c = { 0 };
	const struct mst_rule_set *set, *same;

	assert_int_equal(cached(&c, s, &set), 0);
	assert_int_equal(mst_store_begin(s), 0);
	put(s, "a", 1, next(s, "one"));
	assert_int_equal(cached(&c, s, &set), 1);
	mst_store_rollback(s);
	assert_int_equal(cached(&c, s, &set), 0);
	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(mst_store_mark(s), 0);
	put(s, "a", 1, next(s, "one"));
	put(s, "b", 2, 1);
	assert_int_equal(cached(&c, s, &set), 2);
	mst_store_undo(s);
	put(s, "c", 3, next(s, "one"));
	assert_int_equal(cached(&c, s, &set), 1);
	assert_true(mst_view_eq_str(mst_rule_set_name(set, 0), "c"));
	assert_int_equal(mst_store_commit(s), 0);
	assert_int_equal(cached(&c, s, &set), 1);
	/* and is not built again for nothing */
	assert_int_equal(mst_store_begin(s), 0);
	assert_int_equal(cached(&c, s, &same), 1);
	assert_int_equal(mst_store_commit(s), 0);
	assert_ptr_equal(set, same);
	mst_rule_cache_deinit(&c);
}

static void rules_that_are_none(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_rule_row r = make_rule("a", 1, 1);
	struct mst_rule_cache c = { 0 };
	const struct mst_rule_set *set;
	int64_t version;

	assert_int_equal(next(s, "x"), 1);
	r.cbor.n--;
	assert_int_equal(mst_store_rule_put(s, &r), 0);
	assert_int_equal(mst_rule_cache_get(&c, s, &set, &version), MST_FAULT_CORRUPT);
	mst_rule_cache_deinit(&c);
}

/* A change that fails at any step leaves the set as it was. */
static void failure_sweep(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	unsigned at;
	int r = 1;

	assert_int_equal(next(s, "one"), 1);
	put(s, "a", 10, 1);
	for (at = 1; r; at++) {
		struct mst_rules_version v = { .at = 8, .who = "uid 0", .what = "move" };
		struct mst_rule_row row;

		mst_store_fail_at(s, at);
		r = mst_store_begin(s);
		if (!r)
			r = mst_store_rules_next(s, &v);
		if (!r)
			r = mst_store_rule_end(s, "a", v.version);
		row = make_rule("a", 5, v.version);
		if (!r)
			r = mst_store_rule_put(s, &row);
		if (!r)
			r = mst_store_rules_prune(s, 1);
		if (!r)
			r = mst_store_commit(s);
		mst_store_fail_at(s, 0);
		if (r) {
			mst_store_rollback(s);
			assert_int_equal(mst_store_rules_version(s, &v), 0);
			assert_int_equal(v.version, 1);
			assert_int_equal(mst_store_rule_get(s, "a", &row), 0);
			assert_int_equal(row.place, 10);
		}
	}
	assert_true(at > 6);
	assert_string_equal(names(s, 2, 0, 0), "a ");
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, contract_set_up, contract_tear_down)
	const struct CMUnitTest tests[] = { T(versions), T(the_cache_is_never_behind), T(rules_that_are_none), T(failure_sweep) };

	if (argc > 1)
		contract_prefix = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
