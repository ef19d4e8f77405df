/* Role bsf while an operator suspends, removes and flushes: nothing of before then becomes a session. */
#include "role/test-bsf-rig.h"

#include <stdio.h>

static int why(void *arg, const struct mst_event *e)
{
	snprintf(arg, 260, "%s", e->why);
	return 0;
}

/* A challenge waits for hours: what the operator says meanwhile of SIM, node and subscription holds for it, too, and at once. */
static void a_sim_that_is_not_served_any_more(void **state)
{
	const struct mst_event_filter last = { .limit = 100 };
	char right[sizeof(g.text)], text[260] = "";

	(void)state;
	a_home("urn:n:1");
	keep_home(true);
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	snprintf(right, sizeof(right), "%s", answer(NULL));
	for (int i = 0; i < 6; i++) {
		const struct bsf_home as_it_was = home;

		switch (i) {
		case 0: home.sim.state = MST_SIM_SUSPENDED; break;
		case 1: home.sim.node = 0; break;
		case 2: home.node.state = MST_NODE_SUSPENDED; break;
		case 3: home.node.state = MST_NODE_REVOKED; break;
		case 4: home.node.state = MST_NODE_RELEASED; break;
		default: home.sub.state = MST_SUB_SUSPENDED; break;
		}
		keep_home(false);
		assert_int_equal(ub(right), 403);
		/* as when its HSS refuses, and no word of why */
		assert_int_equal(g.a.content.n, strlen("not for this identity\n"));
		assert_memory_equal(g.content, "not for this identity\n", g.a.content.n);
		assert_true(g.a.event_only);
		assert_int_equal(mst_store_event_list(g.store, &last, why, text), 0);
		assert_non_null(strstr(text, i < 1 ? "the SIM is suspended" : i < 2 ? "no node" : i < 5 ? "the node" : "the subscription"));
		assert_int_equal(sessions(), 0);
		assert_int_equal(ub(FIRST), 403);
		home = as_it_was;
		keep_home(false);
	}
	assert_int_equal(ub(FIRST), 401);
	assert_int_equal(ub(right), 200);
	/* nor is the same answer given again */
	home.sim.state = MST_SIM_SUSPENDED;
	keep_home(false);
	assert_int_equal(ub(right), 403);
	/* one that was suspended while its HSS was asked: that challenge leads nowhere */
	home.sim.state = MST_SIM_ACTIVE;
	keep_home(false);
	assert_int_equal(ub(FIRST), -1);
	home.sim.state = MST_SIM_SUSPENDED;
	keep_home(false);
	assert_int_equal(hss(GUSS("", ""), 1), 401);
	assert_int_equal(ub(answer(NULL)), 403);
	assert_int_equal(sessions(), 1);
}

static void flush(const char *impi)
{
	int64_t n;

	assert_int_equal(mst_store_begin(g.store), 0);
	assert_int_equal(mst_store_gba_flush(g.store, impi, g.now, &n), 0);
	assert_int_equal(mst_store_commit(g.store), 0);
}

/* muster gba flush, sim remove, bind, unbind, node move: what the HSS said before then, and is on its way, is ended with the rest. */
static void what_is_on_its_way_is_ended_too(void **state)
{
	static const char *const whose[] = { IMPI, NULL, "001010000000001@IMS.mnc001.mcc001.3gppnetwork.org" };
	struct mst_clocked c = { 0 };
	struct mst_role_env e;
	int64_t first;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(whose); i++) {
		/* also of the same second as the one before */
		assert_int_equal(ub(FIRST), -1);
		flush(whose[i]);
		assert_int_equal(hss(GUSS("", ""), 0), 503);
		assert_int_equal(g.a.retry_after, 1);
		assert_false(challenge_kept(NONCE));
	}
	/* at once the next one is taken; of others it is not the matter */
	assert_int_equal(ub(FIRST), -1);
	first = g.mark;
	flush("somebody@else");
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	/* after an AUTS */
	assert_int_equal(ub(forged_auts()), -1);
	assert_int_equal(g.mark, first);
	flush(IMPI);
	assert_int_equal(hss(GUSS("", ""), 1), 503);
	/* that challenge was ended, and who asked before does not take the one of who asked afterwards from it */
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 2), 401);
	g.mark = first;
	assert_int_equal(hss(GUSS("", ""), 3), 401);
	assert_int_equal(ub(answer(NULL)), 200);
	/* it is not remembered for ever */
	g.now += 3700;
	e = bsf_env();
	assert_int_equal(mst_store_begin(g.store), 0);
	assert_int_equal(mst_role_bsf.clock(&e, &c), 0);
	assert_int_equal(mst_store_commit(g.store), 0);
	assert_int_equal(mst_store_gba_flushed(g.store, IMPI, &first), 0);
	assert_int_equal(first, 0);
}

static bool told(void)
{
	static char text[sizeof(g.content) + 1];

	memcpy(text, g.content, g.a.content.n);
	text[g.a.content.n] = 0;
	assert_non_null(strstr(text, "<btid>"));
	return strstr(text, "<configuration");
}

static void keep_node(void)
{
	assert_int_equal(mst_store_begin(g.store), 0);
	assert_int_equal(mst_store_node_update(g.store, &home.node), 0);
	assert_int_equal(mst_store_commit(g.store), 0);
}

/* By a SIM of somebody else's HSS it has a B-TID all the same. What it was told once it is not told again, nor where
 * nobody is briefed any more. */
static void a_node_that_is_not_served_is_told_nothing(void **state)
{
	static const char guss[] = "{\"guss\":{\"bsfInfo\":{},\"ussList\":[{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"urn:n:1\"}]}}]}}";
	char right[sizeof(g.text)];

	(void)state;
	a_home("urn:n:1");
	assert_int_equal(mst_store_begin(g.store), 0);
	assert_int_equal(mst_store_sub_put(g.store, &home.sub, true), 0);
	assert_int_equal(mst_store_node_insert(g.store, &home.node), 0);
	assert_int_equal(mst_store_commit(g.store), 0);
	bootstrap(guss, 0);
	assert_true(told());
	snprintf(right, sizeof(right), "%s", g.text);
	assert_int_equal(ub(right), 200);
	assert_true(told());
	for (int i = 0; i < 4; i++) {
		home.node.state = i % 2 ? MST_NODE_REVOKED : MST_NODE_SUSPENDED;
		home.node.sub_id[0] = i < 2 ? 's' : 0;          /* with its subscription, and without one */
		keep_node();
		assert_int_equal(ub(right), 200);
		assert_false(told());
	}
	bootstrap(guss, 1);
	assert_false(told());
	home.node.state = MST_NODE_KNOWN;
	home.node.sub_id[0] = 's';
	keep_node();
	g.conf.gba.brief = false;
	assert_int_equal(ub(right), 200);
	assert_false(told());
	g.conf.gba.brief = true;
	assert_int_equal(ub(right), 200);
	assert_true(told());
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bsf_up, bsf_down)
	const struct CMUnitTest t[] = { T(a_sim_that_is_not_served_any_more), T(what_is_on_its_way_is_ended_too),
					T(a_node_that_is_not_served_is_told_nothing) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
