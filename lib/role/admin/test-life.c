/* What operators may decide of the life of a node and a subscription: every act from every state. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <string.h>

#include "role/admin/decide.h"

#define NOW 1800000000
#define DAY 86400

/* To which state, 0 for "nothing changes", - for refused. */
static void acts(void **state)
{
	static const char *const names[] = { "revoke", "release", "release+", "suspend", "resume", "reenrol" };
	static const char *const rows[MST_NODE_RELEASED + 1] = {
		/*                      revoke release release+ suspend resume reenrol */
		[MST_NODE_KNOWN]     = "v r r s 0 k", [MST_NODE_BRIEFED] = "v r r s 0 b", [MST_NODE_ENROLLING] = "v r r s 0 e",
		[MST_NODE_ENROLLED]  = "v r r s 0 E", [MST_NODE_EXPIRING] = "v r r s 0 x",
		[MST_NODE_SUSPENDED] = "v r r 0 E -", [MST_NODE_REVOKED] = "0 r - - - k", [MST_NODE_RELEASED] = "v 0 0 - - k",
	};
	static const char letters[] = { [MST_NODE_KNOWN] = 'k', [MST_NODE_BRIEFED] = 'b', [MST_NODE_ENROLLING] = 'e', [MST_NODE_ENROLLED] = 'E',
					[MST_NODE_EXPIRING] = 'x', [MST_NODE_SUSPENDED] = 's', [MST_NODE_REVOKED] = 'v', [MST_NODE_RELEASED] = 'r' };

	(void)state;
	for (int s = 0; s <= MST_NODE_RELEASED; s++)
		for (size_t a = 0; a < 6; a++) {
			struct mst_node n = { .state = (enum mst_node_state)s };
			struct mst_diag d = { 0 };
			bool plus = strlen(names[a]) == 8;
			char act[16];
			int rsc = 0;
			enum admin_verdict v;

			snprintf(act, sizeof(act), "%.7s", names[a]);
			v = admin_decide_node_act(&n, act, "why", plus || a == 5 ? 100 : 0, true, MST_BY_INSTALLATION, NOW, &rsc, &d);
			char got = v == ADMIN_REFUSED ? '-' : v == ADMIN_UNCHANGED ? '0' : letters[n.state];

			if (got != rows[s][2 * a])
				fail_msg("%s from %s: %c instead of %c", names[a], mst_node_state_name[s], got, rows[s][2 * a]);
			assert_true(v != ADMIN_REFUSED || (rsc && d.text[0]));
			assert_int_equal(n.leave_by, v == ADMIN_DONE && plus ? NOW + 100 : 0);
			assert_int_equal(n.reenrol_until, v == ADMIN_DONE && a == 5 ? NOW + 100 : 0);
		}
}

/* Time to leave can be made less, and what is dead already gets none. */
static void grace(void **state)
{
	struct mst_node n = { .state = MST_NODE_ENROLLED };
	struct mst_diag d;
	int rsc;

	(void)state;
	assert_int_equal(admin_decide_node_act(&n, "release", "a", 100, true, MST_BY_INSTALLATION, NOW, &rsc, &d), ADMIN_DONE);
	assert_int_equal(admin_decide_node_act(&n, "release", "b", 10, true, MST_BY_INSTALLATION, NOW, &rsc, &d), ADMIN_DONE);
	assert_int_equal(n.leave_by, NOW + 10);
	assert_int_equal(admin_decide_node_act(&n, "suspend", "c", 0, true, MST_BY_INSTALLATION, NOW, &rsc, &d), ADMIN_REFUSED);
	assert_non_null(strstr(d.text, "release it again without a grace"));
	assert_int_equal(admin_decide_node_act(&n, "release", "c", 0, true, MST_BY_INSTALLATION, NOW, &rsc, &d), ADMIN_DONE);
	assert_int_equal(n.leave_by, 0);
	assert_int_equal(admin_decide_node_act(&n, "release", "d", 10, true, MST_BY_INSTALLATION, NOW, &rsc, &d), ADMIN_UNCHANGED);
	n.state = MST_NODE_SUSPENDED;
	assert_int_equal(admin_decide_node_act(&n, "resume", "e", 0, false, MST_BY_INSTALLATION, NOW, &rsc, &d), ADMIN_DONE);
	assert_int_equal(n.state, MST_NODE_KNOWN);
	assert_int_equal(admin_decide_node_act(&n, "reenrol", "f", 0, false, MST_BY_INSTALLATION, NOW, &rsc, &d), ADMIN_REFUSED);
}

/* Each act of either from each that may have suspended it: what comes of it, and whose it is then. */
static void who_suspended_it(void **state)
{
	static const struct { const char *act; enum mst_by was, by; enum admin_verdict v; enum mst_node_state then; enum mst_by whose; } rows[] = {
		{ "suspend", MST_BY_INSTALLATION, MST_BY_INSTALLATION, ADMIN_UNCHANGED, MST_NODE_SUSPENDED, MST_BY_INSTALLATION },
		{ "suspend", MST_BY_INSTALLATION, MST_BY_PROVIDER, ADMIN_UNCHANGED, MST_NODE_SUSPENDED, MST_BY_INSTALLATION },
		{ "suspend", MST_BY_PROVIDER, MST_BY_INSTALLATION, ADMIN_DONE, MST_NODE_SUSPENDED, MST_BY_INSTALLATION },
		{ "suspend", MST_BY_PROVIDER, MST_BY_PROVIDER, ADMIN_UNCHANGED, MST_NODE_SUSPENDED, MST_BY_PROVIDER },
		{ "resume", MST_BY_INSTALLATION, MST_BY_INSTALLATION, ADMIN_DONE, MST_NODE_ENROLLED, MST_BY_INSTALLATION },
		{ "resume", MST_BY_INSTALLATION, MST_BY_PROVIDER, ADMIN_REFUSED, MST_NODE_SUSPENDED, MST_BY_INSTALLATION },
		{ "resume", MST_BY_PROVIDER, MST_BY_INSTALLATION, ADMIN_DONE, MST_NODE_ENROLLED, MST_BY_INSTALLATION },
		{ "resume", MST_BY_PROVIDER, MST_BY_PROVIDER, ADMIN_DONE, MST_NODE_ENROLLED, MST_BY_INSTALLATION },
		{ "release", MST_BY_INSTALLATION, MST_BY_INSTALLATION, ADMIN_DONE, MST_NODE_RELEASED, MST_BY_INSTALLATION },
		{ "release", MST_BY_INSTALLATION, MST_BY_PROVIDER, ADMIN_REFUSED, MST_NODE_SUSPENDED, MST_BY_INSTALLATION },
		{ "release", MST_BY_PROVIDER, MST_BY_PROVIDER, ADMIN_DONE, MST_NODE_RELEASED, MST_BY_INSTALLATION },
		{ "revoke", MST_BY_INSTALLATION, MST_BY_PROVIDER, ADMIN_DONE, MST_NODE_REVOKED, MST_BY_INSTALLATION },
		{ "reenrol", MST_BY_INSTALLATION, MST_BY_PROVIDER, ADMIN_REFUSED, MST_NODE_SUSPENDED, MST_BY_INSTALLATION },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_node n = { .state = MST_NODE_SUSPENDED, .suspended_by = rows[i].was };
		struct mst_diag d;
		int rsc = 0;

		assert_int_equal(admin_decide_node_act(&n, rows[i].act, "x", strcmp(rows[i].act, "reenrol") ? 0 : 100, true, rows[i].by, NOW, &rsc, &d), rows[i].v);
		if (n.state != rows[i].then || n.suspended_by != rows[i].whose)
			fail_msg("row %zu: %s by %s", i, mst_node_state_name[n.state], mst_by_name[n.suspended_by]);
	}
}

static void extending(void **state)
{
	struct mst_subscription r = { .not_before = NOW, .not_after = NOW + 160 * DAY, .key_lifetime = 160 * DAY };
	struct mst_diag d;
	bool over;
	int rsc;

	(void)state;
	assert_int_equal(admin_decide_extend(&r, r.not_after, NOW, &rsc, &d), ADMIN_UNCHANGED);
	assert_int_equal(admin_decide_extend(&r, r.not_after - 1, NOW, &rsc, &d), ADMIN_REFUSED);
	assert_int_equal(admin_decide_extend(&r, NOW + 320 * DAY, NOW + 1, &rsc, &d), ADMIN_DONE);
	assert_true(r.not_after == NOW + 320 * DAY && r.key_lifetime == 320 * DAY && r.due == NOW + 313 * DAY);
	r.key_lifetime = 90 * DAY;              /* somebody said so */
	assert_int_equal(admin_decide_extend(&r, NOW + 400 * DAY, NOW + 500 * DAY, &rsc, &d), ADMIN_REFUSED);
	assert_int_equal(admin_decide_extend(&r, NOW + 600 * DAY, NOW + 500 * DAY, &rsc, &d), ADMIN_DONE);
	assert_int_equal(r.key_lifetime, 90 * DAY);
	assert_string_equal(admin_decide_sub_clock(&r, NOW + 593 * DAY, &over), "subscription.expiring");
	assert_true(!over && r.due == r.not_after);
	assert_string_equal(admin_decide_sub_clock(&r, NOW + 600 * DAY, &over), "subscription.expired");
	assert_true(over && r.due == NOW + 600 * DAY + 1);
	assert_string_equal(admin_decide_sub_clock(&r, NOW + 600 * DAY + 1, &over), "");       /* once */
	assert_true(over && r.due == NOW + 600 * DAY + 2);
	r.state = MST_SUB_ENDED;
	assert_string_equal(admin_decide_sub_clock(&r, NOW, &over), "");
	assert_true(over);
	assert_int_equal(admin_decide_extend(&r, NOW + 900 * DAY, NOW, &rsc, &d), ADMIN_REFUSED);
}

/* What an operator types of the node's names is the name whatever the case of its FQDN (spec 1.3); the node is told the registry's spelling. */
static void who_a_command_is_for(void **state)
{
	static const struct { const char *target, *is; } rows[] = {
		{ "", "" }, { "//sp.example.com/CSE1", "//sp.example.com/CSE1" }, { "//SP.Example.com/CSE1", "//sp.example.com/CSE1" },
		{ "//SP.example.com/S7", "//sp.example.com/S7" }, { "//sp.example.com/cse1", NULL }, { "//sp.example.com/s7", NULL },
		{ "//other.example.com/CSE1", NULL }, { "urn:n:1", NULL },
	};
	static const struct mst_node n = { .id = 1, .node_id = "urn:n:1", .cse_id = "//sp.example.com/CSE1", .ae_id = "//sp.example.com/S7" };
	static const struct mst_role_conf conf;
	static struct mst_command m;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct admin_command_input in = { .class_text = "mo-node", .path = "reg/auth", .type = "trustAnchorCred" };
		struct mst_diag d = { 0 };
		int rsc = 0;

		snprintf(in.target, sizeof(in.target), "%s", rows[i].target);
		if (admin_decide_command(&n, NULL, &in, &conf, 0, NOW, &m, &rsc, &d) != (rows[i].is ? ADMIN_DONE : ADMIN_REFUSED))
			fail_msg("%s: %d %s: %s", rows[i].target, rsc, d.field, d.text);
		if (rows[i].is)
			assert_string_equal(m.target, rows[i].is);
		else
			assert_string_equal(d.field, "target");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(acts), cmocka_unit_test(grace), cmocka_unit_test(who_suspended_it), cmocka_unit_test(extending),
					    cmocka_unit_test(who_a_command_is_for) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("admin: life", tests, NULL, NULL);
}
