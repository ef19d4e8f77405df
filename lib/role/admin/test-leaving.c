/*
 * Commands and management objects of a node whose registration ends: cancelled and dropped with it, in the same
 * transaction, each with an event that says why; what had ended before and what is another node's stays.
 */
#include "role/admin/test-leaving.h"

static int keep_step(void *arg, const struct mst_command_step *s)
{
	*(struct mst_command_step *)arg = *s;
	return 0;
}

static void revoked(void **state)
{
	struct mst_command_step s = { 0 };
	struct fix *f = *state;

	/* one transaction: what is undone has cancelled nothing */
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/revoke", "{\"reason\":\"stolen\"}", 2000, false);
	states(f, OPEN / 2, OPEN / 2, 0);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/revoke", "{\"reason\":\"stolen\"}", 2000, true);
	states(f, 0, 0, OPEN);
	told(f, "the node is revoked: stolen");
	assert_int_equal(mst_store_command_step_list(f->s, f->ended + 1, keep_step, &s), 0);
	assert_true(s.what == MST_STEP_CANCELLED && s.at == NOW);
	/* and none comes after: a second end has nothing to tell */
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/release", "{\"reason\":\"gone\"}", 2000, true);
	told(f, "the node is revoked: stolen");
}

/* With time to leave it keeps its registration, and its commands; both end together. */
static void released(void **state)
{
	struct fix *f = *state;
	struct mst_role_env env = env_of(f, NOW + 60);
	struct mst_clocked c = { 0 };

	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/release", "{\"reason\":\"sold\",\"grace\":60}", 2000, true);
	states(f, OPEN / 2, OPEN / 2, 0);
	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(admin_clock(&env, &c), 0);
	assert_int_equal(mst_store_commit(f->s), 0);
	assert_int_equal(c.nodes_gone, 1);
	states(f, 0, 0, OPEN);
	told(f, "the node is released: its time to leave is over");
}

static void released_at_once(void **state)
{
	struct fix *f = *state;

	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/release", "{\"reason\":\"sold\"}", 2000, true);
	states(f, 0, 0, OPEN);
	told(f, "the node is released: sold");
}

static void suspended(void **state)
{
	struct fix *f = *state;

	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/suspend", "{\"reason\":\"unpaid\"}", 2000, true);
	states(f, OPEN / 2, OPEN / 2, 0);
}

/* The old provider's people see why; the new one's see nothing of it. */
static void moved(void **state)
{
	struct fix *f = *state;

	f->conf.provider[0] = (struct mst_provider){ "a.example.com", 4711 };
	f->conf.provider[1] = (struct mst_provider){ "b.example.com", 4712 };
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move",
	    "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE7\",\"grace\":3600}", 2000, true);
	states(f, 0, 0, OPEN);
	told(f, "the node has moved away: sold");
	ask(f, MST_OP_RETRIEVE, "/v1/providers/a.example.com/events?what=command.cancelled", "", 2000, true);
	assert_int_equal(times("the node has moved away: sold"), OPEN);
	ask(f, MST_OP_RETRIEVE, "/v1/providers/b.example.com/events?node=urn%3Aa%3A1", "", 2000, true);
	assert_true(times("node.moved") == 1 && times("command.cancelled") == 0 && times("device-config.dropped") == 0);
}

static void give_cert(struct fix *f, const char *serial, const char *subject, mst_time issued)
{
	struct mst_cert_row r = { .node = f->node, .issued = issued, .expires = NOW + 9999999 };

	snprintf(r.serial, sizeof(r.serial), "%s", serial);
	snprintf(r.subject, sizeof(r.subject), "%s", subject);
	assert_int_equal(mst_store_cert_put(f->s, &r), 0);
}

static bool good(struct fix *f, const char *serial)
{
	struct mst_cert_row r;

	assert_int_equal(mst_store_cert_get(f->s, serial, &r), 0);
	return !r.revoked;
}

/*
 * A node that may not go back to what it was born with (last_resort) has nothing but its certificate for the MEF: that works
 * for the grace that was given, as the old root key does, and ends then; what the new provider gave it stays.
 */
static void certificates_stay_for_the_grace(void **state)
{
	static const char move[] = "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE7\",\"grace\":3600}";
	struct fix *f = *state;

	give_cert(f, "01", "cse1.a.example.com", NOW - 99);
	give_cert(f, "02", "urn:a:1", NOW - 99);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move", move, 2000, true);
	assert_true(good(f, "01") && good(f, "02"));
	assert_true(times("\"leaveBy\":\"") == 1);
	give_cert(f, "03", "cse7.b.example.com", NOW + 5);
	give_cert(f, "04", "urn:a:1", NOW + 5);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/suspend", "{\"reason\":\"unpaid\"}", 2000, true);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/resume", "{\"reason\":\"paid\"}", 2000, true);
	ask(f, MST_OP_RETRIEVE, "/v1/events?what=node.suspended", "", 2000, true);
	assert_true(times("may stay") == 0);
	clock_says(f, NOW + 3599);
	assert_true(good(f, "01") && good(f, "02"));
	clock_says(f, NOW + 3600);
	assert_true(!good(f, "01") && !good(f, "02") && good(f, "03") && good(f, "04"));
	ask(f, MST_OP_RETRIEVE, "/v1/nodes/urn%3Aa%3A1", "", 2000, true);
	assert_true(times("\"state\":\"known\"") == 1 && times("\"leaveBy\":\"") == 0);
	ask(f, MST_OP_RETRIEVE, "/v1/events?what=node.gone", "", 2000, true);
	assert_true(times("node.gone") == 0);
}

/* Once more before that, let go, or let back: what was to end in that time ends with it. */
static void a_second_move_ends_what_was_left(void **state)
{
	static const char *const next[][2] = {
		{ "move", "{\"reason\":\"again\",\"subscription\":\"sub-a\",\"cseID\":\"//a.example.com/CSE9\",\"grace\":86400}" },
		{ "release", "{\"reason\":\"gone\",\"grace\":86400}" },
		{ "revoke", "{\"reason\":\"stolen\"}" },
	};
	struct fix *f = *state;
	char path[64], body[200];

	for (size_t i = 0; i < 3; i++) {
		char serial[8];

		snprintf(serial, sizeof(serial), "1%zu", i);
		snprintf(body, sizeof(body), "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE%zu\",\"grace\":3600}", i + 20);
		f->now += 10;
		give_cert(f, serial, "urn:a:1", f->now - 1);
		ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move", body, 2000, true);
		assert_true(good(f, serial));
		snprintf(path, sizeof(path), "/v1/nodes/urn%%3Aa%%3A1/%s", next[i][0]);
		ask(f, MST_OP_CREATE, path, next[i][1], 2000, true);
		assert_false(good(f, serial));
	}
}

/* Within one provider: what names the node as it is called now has nothing to end for. */
static void a_move_within_a_provider(void **state)
{
	struct fix *f = *state;

	ask(f, MST_OP_CREATE, "/v1/subscriptions", "{\"id\":\"sub-a2\",\"spFQDN\":\"a.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"20271121T000000\"}", 2001, true);
	give_cert(f, "01", "cse1.a.example.com", NOW - 99);
	give_cert(f, "02", "urn:a:1", NOW - 99);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move", "{\"reason\":\"tariff\",\"subscription\":\"sub-a2\",\"cseID\":\"//a.example.com/CSE1\",\"grace\":60}", 2000, true);
	clock_says(f, NOW + 60);
	assert_true(good(f, "01") && good(f, "02"));
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move", "{\"reason\":\"tariff\",\"subscription\":\"sub-a\",\"cseID\":\"//a.example.com/CSE8\",\"grace\":60}", 2000, true);
	clock_says(f, NOW + 59);
	assert_true(good(f, "01") && good(f, "02"));
	clock_says(f, NOW + 60);
	assert_true(!good(f, "01") && good(f, "02"));
}

static mst_time reg_ends(struct fix *f, const char *id)
{
	struct mst_registration g;
	struct mst_keyreg k;

	assert_int_equal(mst_store_reg_get(f->s, MST_ROLE_MAF, id, &g), 0);
	assert_int_equal(mst_store_keyreg_get(f->s, MST_ROLE_MAF, id, &k), 0);
	assert_true(g.expires == k.expires);
	return g.expires;
}

/* What it registered at the MAF under the name that it leaves works as long as its keys by that name; under one that it keeps, on. */
static void registrations_stay_for_the_grace(void **state)
{
	struct fix *f = *state;
	char id[16];

	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "r%02d", i);
		give_reg(f, id, "//a.example.com/CSE1", f->node, NOW + 999999);
	}
	give_reg(f, "own", "urn:a:1", f->node, NOW + 999999);
	give_reg(f, "short", "//a.example.com/CSE0", f->node, NOW + 60);
	give_reg(f, "theirs", "//a.example.com/CSE2", f->other, NOW + 999999);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move",
	    "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE7\",\"grace\":3600}", 2000, true);
	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "r%02d", i);
		assert_int_equal(reg_ends(f, id), NOW + 3600);
	}
	assert_int_equal(reg_ends(f, "own"), NOW + 999999);
	assert_int_equal(reg_ends(f, "short"), NOW + 60);
	assert_int_equal(reg_ends(f, "theirs"), NOW + 999999);
}

/* What a MAF has of it from before the registry knew it has its name alone, which says nothing any more after a move: it becomes its own. */
static void what_the_maf_has_by_its_name_alone(void **state)
{
	struct mst_credential c;
	struct mst_registration g;
	struct fix *f = *state;
	char id[32];

	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "%02d@maf.example.com", i);
		give_cred(f, id, i % 2 ? "//a.example.com/CSE1" : "urn:a:1", 0, NOW + 999999);
	}
	give_cred(f, "other@maf.example.com", "//a.example.com/CSE3", 0, NOW + 999999);
	give_reg(f, "r01", "//a.example.com/CSE1", 0, NOW + 999999);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move",
	    "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE7\",\"grace\":3600}", 2000, true);
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "%02d@maf.example.com", i);
		assert_int_equal(mst_store_cred_get(f->s, MST_ROLE_MAF, id, &c), 0);
		assert_true(c.node == f->node && c.expires == NOW + 3600);
	}
	assert_int_equal(mst_store_cred_get(f->s, MST_ROLE_MAF, "other@maf.example.com", &c), 0);
	assert_true(!c.node && c.expires == NOW + 999999);
	assert_int_equal(mst_store_reg_get(f->s, MST_ROLE_MAF, "r01", &g), 0);
	assert_true(g.node == f->node && g.expires == NOW + 3600);
}

#define FLEET 150                    /* more than a look of the clock ends */

static unsigned open_of_fleet(struct fix *f)
{
	int n[4] = { 0 };

	for (int i = 0; i < FLEET; i++) {
		char id[16];

		snprintf(id, sizeof(id), "urn:f:%d", i);
		assert_int_equal(mst_store_command_list(f->s, node_of(f, id), 0, 0, count, n), 0);
	}
	return (unsigned)(n[MST_COMMAND_WAITING] + n[MST_COMMAND_ISSUED]);
}

/* One command each for a fleet of the subscription, and one for a node of another's. */
static void give_fleet(struct fix *f)
{
	ask(f, MST_OP_CREATE, "/v1/subscriptions", "{\"id\":\"sub-f\",\"spFQDN\":\"f.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"20271121T000000\"}", 2001, true);
	assert_int_equal(mst_store_begin(f->s), 0);
	for (int i = 0; i < FLEET; i++) {
		struct mst_node n = { .sub_id = "sub-f", .created = NOW };

		snprintf(n.node_id, sizeof(n.node_id), "urn:f:%d", i);
		assert_int_equal(mst_store_node_insert(f->s, &n), 0);
		(void)add(f, n.id, i % 2 ? MST_COMMAND_ISSUED : MST_COMMAND_WAITING);
	}
	assert_int_equal(mst_store_commit(f->s), 0);
}

/* Nobody is to fetch them any more: all of them end, a batch at a time, and each is told. */
static void a_subscription_ends(void **state)
{
	struct fix *f = *state;
	struct mst_command m;
	unsigned before;

	give_fleet(f);
	ask(f, MST_OP_CREATE, "/v1/subscriptions/sub-f/end", "{\"reason\":\"unpaid\"}", 2000, true);
	before = open_of_fleet(f);
	assert_true(before && before < FLEET);
	for (int i = 1; i < 9 && open_of_fleet(f); i++)
		clock_says(f, NOW + i);
	assert_int_equal(open_of_fleet(f), 0);
	ask(f, MST_OP_RETRIEVE, "/v1/events?what=command.cancelled&limit=500", "", 2000, true);
	assert_int_equal(times("subscription sub-f has ended"), FLEET);
	ask(f, MST_OP_RETRIEVE, "/v1/events?what=subscription.ended", "", 2000, true);
	assert_int_equal(times("sub-f: unpaid"), 1);
	/* another's is untouched, and nothing is left to do */
	assert_true(mst_store_command_get(f->s, f->theirs, &m) == 0 && m.state == MST_COMMAND_WAITING);
	clock_says(f, NOW + 99);
	ask(f, MST_OP_RETRIEVE, "/v1/events?what=subscription.&limit=500", "", 2000, true);
	assert_int_equal(times("sub-f: unpaid"), 1);
	assert_int_equal(times("subscription.expir"), 0);
}

static void a_subscription_expires(void **state)
{
	struct fix *f = *state;
	struct mst_subscription r;

	give_fleet(f);
	assert_int_equal(mst_store_sub_get(f->s, "sub-f", &r), 0);
	for (int i = 0; i < 9; i++)
		clock_says(f, r.not_after + i);
	assert_int_equal(open_of_fleet(f), 0);
	ask(f, MST_OP_RETRIEVE, "/v1/events?what=command.cancelled&limit=500", "", 2000, true);
	assert_int_equal(times("subscription sub-f has expired"), FLEET);
	ask(f, MST_OP_RETRIEVE, "/v1/events?what=subscription.expired&limit=500", "", 2000, true);
	assert_int_equal(times("\"why\":\"sub-f\""), 1);
	/* with a later end it goes on */
	assert_true(mst_store_sub_get(f->s, "sub-f", &r) == 0 && r.due == 0);
}

/* Open sessions end with what they were opened under: one word for a whole subscription, at once or by the clock. */
static void sessions_end(void **state)
{
	struct fix *f = *state;
	struct mst_subscription r;
	int64_t a, b, again;

	assert_true(mst_sub_number("sub-a", &a) == 0 && mst_sub_number("sub-b", &b) == 0 && mst_sub_number("sub-a", &again) == 0);
	assert_true(a > 0 && b > 0 && a != b && a == again);
	ask(f, MST_OP_CREATE, "/v1/subscriptions/sub-a/suspend", "{\"reason\":\"unpaid\"}", 2000, true);
	assert_true(cut.group == a && !cut.one);
	ask(f, MST_OP_CREATE, "/v1/subscriptions/sub-a/suspend", "{\"reason\":\"unpaid\"}", 2000, true);
	assert_true(cut.group == a && !cut.one);     /* the first word may be lost, with the engine or its database */
	ask(f, MST_OP_CREATE, "/v1/subscriptions/sub-a/resume", "{\"reason\":\"paid\"}", 2000, true);
	assert_true(!cut.group && !cut.one);
	ask(f, MST_OP_CREATE, "/v1/subscriptions/sub-a/resume", "{\"reason\":\"paid\"}", 2000, true);
	assert_true(!cut.group && !cut.one);
	for (int i = 0; i < 2; i++) {
		ask(f, MST_OP_CREATE, "/v1/subscriptions/sub-a/end", "{\"reason\":\"unpaid\"}", 2000, true);
		assert_true(cut.group == a && !cut.one);
	}
	for (int i = 0; i < 2; i++) {
		ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/suspend", "{\"reason\":\"unpaid\"}", 2000, true);
		assert_true(cut.one == f->node && !cut.group);
	}
	for (int i = 0; i < 2; i++) {
		ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/resume", "{\"reason\":\"paid\"}", 2000, true);
		assert_true(!cut.group && !cut.one);
	}
	/* its open session is of the subscription that it leaves */
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move",
	    "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE7\",\"grace\":3600}", 2000, true);
	assert_true(cut.one == f->node && !cut.group);
	assert_int_equal(mst_store_sub_get(f->s, "sub-b", &r), 0);
	clock_says(f, r.not_after - 1);
	assert_int_equal(clocked.subs_ended, 0);
	clock_says(f, r.not_after);
	assert_true(clocked.subs_ended == 1 && clocked.over[0] == b);
	clock_says(f, r.not_after + 1);
	assert_int_equal(clocked.subs_ended, 0);
}

/* Engine or database may be gone between the commit and the word to the listeners: who says it again, since open sessions did not end, is heard. */
static void sessions_end_when_it_is_said_again(void **state)
{
	static const struct { const char *act, *body; bool ends; } said[] = {
		{ "suspend", "{\"reason\":\"unpaid\"}", true },
		{ "release", "{\"reason\":\"sold\",\"grace\":60}", false },      /* what it has works until then */
		{ "release", "{\"reason\":\"sold\"}", true },
		{ "revoke", "{\"reason\":\"stolen\"}", true },
	};
	struct fix *f = *state;
	char path[80];

	for (size_t i = 0; i < MST_COUNT(said); i++)
		for (int again = 0; again < 2; again++) {
			snprintf(path, sizeof(path), "/v1/nodes/urn%%3Aa%%3A1/%s", said[i].act);
			ask(f, MST_OP_CREATE, path, said[i].body, 2000, true);
			assert_true(!cut.group && cut.one == (said[i].ends ? f->node : 0));
		}
}

static int count_requests(void *arg, const struct mst_certreq *r)
{
	(void)r;
	++*(int *)arg;
	return 0;
}

/* What the people of one provider have approved, or are asked, is nothing to those of the next. */
static void requests_stay_with_their_provider(void **state)
{
	struct mst_certreq r = { .subject = "urn:a:1", .asked = NOW - 9 };
	struct fix *f = *state;
	int n = 0;

	for (int i = 0; i <= MST_CERTREQ_ISSUED; i++) {
		r.node = f->node;
		r.state = (enum mst_certreq_state)i;
		r.csr_sha256[0] = (uint8_t)i;
		assert_int_equal(mst_store_certreq_insert(f->s, &r), 0);
	}
	r.node = f->other;
	assert_int_equal(mst_store_certreq_insert(f->s, &r), 0);
	ask(f, MST_OP_CREATE, "/v1/subscriptions", "{\"id\":\"sub-a2\",\"spFQDN\":\"a.example.com\",\"mafFQDN\":\"maf.example.com\",\"notAfter\":\"20271121T000000\"}", 2001, true);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move", "{\"reason\":\"tariff\",\"subscription\":\"sub-a2\",\"cseID\":\"//a.example.com/CSE1\"}", 2000, true);
	assert_int_equal(mst_store_certreq_list(f->s, -1, 0, 100, count_requests, &n), 0);
	assert_int_equal(n, 5);
	ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/move", "{\"reason\":\"sold\",\"subscription\":\"sub-b\",\"cseID\":\"//b.example.com/CSE7\"}", 2000, true);
	n = 0;
	assert_int_equal(mst_store_certreq_list(f->s, -1, 0, 100, count_requests, &n), 0);
	assert_int_equal(n, 1);
}

static int count_all(struct fix *f)
{
	int n = 0;

	assert_int_equal(mst_store_certreq_list(f->s, -1, 0, 100, count_requests, &n), 0);
	return n;
}

/* A yes was for the node that it was then: one that is let back is asked for anew, and while it is not nobody says yes. */
static void requests_end_with_their_node(void **state)
{
	static const char *const act[][2] = { { "revoke", "" }, { "release", "" }, { "release", ",\"grace\":3600" } };
	struct mst_certreq r = { .subject = "urn:a:1", .asked = NOW - 9 };
	struct fix *f = *state;
	char path[80], body[80];

	r.node = f->other;
	assert_int_equal(mst_store_certreq_insert(f->s, &r), 0);
	r.node = f->node;
	for (size_t i = 0; i < MST_COUNT(act); i++) {
		for (r.state = MST_CERTREQ_PENDING; r.state <= MST_CERTREQ_APPROVED; r.state++) {
			r.csr_sha256[0] = (uint8_t)r.state;
			assert_int_equal(mst_store_certreq_insert(f->s, &r), 0);
		}
		ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/suspend", "{\"reason\":\"x\"}", 2000, true);
		ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/resume", "{\"reason\":\"x\"}", 2000, true);
		assert_int_equal(count_all(f), 3);
		snprintf(path, sizeof(path), "/v1/nodes/urn%%3Aa%%3A1/%s", act[i][0]);
		snprintf(body, sizeof(body), "{\"reason\":\"x\"%s}", act[i][1]);
		ask(f, MST_OP_CREATE, path, body, 2000, true);
		assert_int_equal(count_all(f), 1);
		/* of before an update */
		r.state = MST_CERTREQ_PENDING;
		assert_int_equal(mst_store_certreq_insert(f->s, &r), 0);
		snprintf(path, sizeof(path), "/v1/certificate-requests/%lld/approve", (long long)r.id);
		ask(f, MST_OP_CREATE, path, "{}", 4105, true);
		assert_non_null(strstr(room, i ? "is released" : "is revoked"));
		ask(f, MST_OP_CREATE, "/v1/nodes/urn%3Aa%3A1/reenrol", "{\"reason\":\"x\",\"window\":3600}", 2000, true);
		ask(f, MST_OP_CREATE, path, "{}", 2000, true);
		assert_int_equal(mst_store_certreq_trim(f->s, f->node, 0), 0);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(revoked), T(released), T(released_at_once), T(suspended), T(moved),
		T(certificates_stay_for_the_grace), T(a_second_move_ends_what_was_left),
		T(a_move_within_a_provider), T(requests_stay_with_their_provider), T(requests_end_with_their_node),
		T(a_subscription_ends), T(a_subscription_expires), T(sessions_end), T(sessions_end_when_it_is_said_again), T(registrations_stay_for_the_grace),
		T(what_the_maf_has_by_its_name_alone) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("admin: leaving", tests, NULL, NULL);
}
