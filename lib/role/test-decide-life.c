/* Decisions about the life of keys and nodes at MEF and MAF, on plain structs. */
#include "role/test-world.h"

#include "role/life.h"

static int verdict(struct world *o)
{
	mst_verdict_init(&o->v, &o->c);
	mst_mef_decide(&o->c, &o->w, &o->r, &o->conf, o->now, &o->chance, &o->v);
	return o->v.rsc;
}

/* Let go with time to leave: what it has works, nothing new is given; the time over, nothing works. */
static void leaving(void **state)
{
	static const struct { enum mst_call_what what; int while_leaving; } rows[] = {
		{ MST_CALL_REGISTER, 4103 }, { MST_CALL_KEY_REGISTER, 4103 }, { MST_CALL_REG_GET, 2000 }, { MST_CALL_CFG_GET, 2000 },
		{ MST_CALL_REG_DELETE, 2002 },
	};
	struct world o;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		mef_world(&o, rows[i].what);
		o.w.node.state = MST_NODE_RELEASED;
		o.w.node.leave_by = NOW + 1;
		assert_int_equal(verdict(&o), rows[i].while_leaving);
		o.now = NOW + 1;
		assert_int_equal(verdict(&o), 4103);
		assert_true(o.v.close);
	}
}

/*
 * Lesson 12: when an enrolled node may enrol anew. `age`: of the key that its MAF was given, in tenths of its life. What the client
 * has made of its registration meanwhile does not count.
 */
static void enrolling_anew(void **state)
{
	enum { NEVER_FETCHED = 1, SAME_SESSION = 2, WINDOW = 4, KNOWN = 8, NO_KEY = 16, LEFT_LYING = 32, NO_REG = 64, MAKER = 128 };
	static const struct { int age, what; int may[3]; /* open, ended, window */ } rows[] = {
		{ 1, 0, { 1, 0, 0 } },
		{ 4, 0, { 1, 0, 0 } },
		{ 5, 0, { 1, 1, 1 } },          /* renewal */
		{ 9, 0, { 1, 1, 1 } },
		{ 10, 0, { 1, 1, 0 } },         /* it has ended: the last resort */
		{ 10, WINDOW, { 1, 1, 1 } },
		{ 1, WINDOW, { 1, 1, 1 } },
		{ 1, NEVER_FETCHED, { 1, 1, 1 } },      /* an enrolment that broke off goes on */
		{ 1, NEVER_FETCHED | LEFT_LYING, { 1, 0, 0 } },  /* one from before the enrolment that counts */
		{ 1, SAME_SESSION, { 1, 1, 1 } },
		{ 1, SAME_SESSION | MAKER, { 1, 0, 0 } },        /* which nobody can show who exported nothing */
		{ 1, KNOWN, { 1, 1, 1 } },              /* it is not enrolled */
		{ 1, NO_KEY, { 1, 0, 0 } },             /* nothing is known of its enrolment */
		{ 10, NO_KEY, { 1, 0, 0 } },
		{ 1, NO_REG, { 1, 0, 0 } },             /* it has de-registered: no other answer */
		{ 5, NO_REG, { 1, 1, 1 } },
		{ 10, NO_REG, { 1, 1, 0 } },
	};
	static const enum mst_call_what calls[] = { MST_CALL_REGISTER, MST_CALL_KEY_REGISTER };
	struct world o;

	(void)state;
	for (size_t i = 0; i < 2 * MST_COUNT(rows); i++)
		for (int policy = 0; policy < 3; policy++) {
			int what = rows[i / 2].what;

			if (what & NO_REG && i % 2)
				continue;               /* nothing hangs on none */
			mef_world(&o, calls[i % 2]);
			o.conf.reenrol = policy;
			o.w.node.state = what & KNOWN ? MST_NODE_KNOWN : MST_NODE_ENROLLED;
			o.w.node.reenrol_until = what & WINDOW ? NOW + 1 : NOW;
			o.c.has_export = !(what & MAKER);
			o.c.has_key_value = what & MAKER;       /* so that a key registration has one to register */
			o.r.has_cred = false;
			o.r.has_reg = !(what & NO_REG);
			MST_STR_SET(o.r.reg.reg_id, "reg-1");
			MST_STR_SET(o.r.reg.client_id, o.w.id);
			MST_STR_SET(o.r.reg.key_id, what & SAME_SESSION ? KEID : "B1@mef.example.com");
			o.r.reg.node = 7;
			o.r.reg.modified = NOW - 1;
			o.r.reg.expires = NOW + 1;
			o.r.has_given = !(what & NO_KEY);
			o.r.given.last_used = NOW - 5;
			o.r.given.created = NOW - rows[i / 2].age * DAY;
			o.r.given.expires = o.r.given.created + 10 * DAY;
			MST_STR_SET(o.r.given.key_id, what & NEVER_FETCHED ? "A1@mef.example.com" : o.r.reg.key_id);
			o.r.has_current = o.r.has_given && o.r.has_reg;
			o.r.current = o.r.given;
			MST_STR_SET(o.r.current.key_id, o.r.reg.key_id);
			if (what & NEVER_FETCHED) {
				o.r.current.last_used = 0;
				o.r.current.created += what & LEFT_LYING ? -1 : 1;
			}
			/* what exported nothing registers nothing, whatever is permitted */
			if (what & MAKER && !(i % 2) && policy == MST_REENROL_OPEN)
				continue;
			if ((verdict(&o) == 2001) != rows[i / 2].may[policy])
				fail_msg("row %zu, call %zu, policy %d: %d (%s)", i / 2, i % 2, policy, o.v.rsc, o.v.why);
			if (o.v.rsc != 2001)
				assert_true(o.v.rsc == 4103 && strstr(o.v.why, "muster node reenrol"));
		}
}

/* A key for another use never enrols: it may always be had, and the registration goes on naming the key that did. */
static void a_key_for_another_use(void **state)
{
	struct world o;

	(void)state;
	mef_world(&o, MST_CALL_KEY_REGISTER);
	o.conf.reenrol = MST_REENROL_WINDOW;
	o.w.node.state = MST_NODE_ENROLLED;
	o.c.key.suid = 22;
	o.c.key.targets[0] = V("//sp.example.com/CSE9");
	o.r.has_cred = false;
	MST_STR_SET(o.r.reg.key_id, "B1@mef.example.com");
	add_other(&o, "B1@mef.example.com", "reg-1", MST_CRED_PENDING, NOW - DAY);
	add_other(&o, "C1@mef.example.com", "reg-1", MST_CRED_PENDING, NOW - 9);
	add_other(&o, "C2@mef.example.com", "reg-1", MST_CRED_PENDING, NOW - 8);
	assert_int_equal(verdict(&o), 2001);
	assert_true(o.v.insert_cred && !o.v.put_reg);
	assert_int_equal(o.v.n_drop, 1);
	assert_string_equal(o.v.drop[0], "C1@mef.example.com");
}

static void the_clock(void **state)
{
	struct mst_credential k = { .purpose = MST_PURPOSE_KM, .state = MST_CRED_ACTIVE, .expires = NOW + 10, .due = NOW };
	struct mst_node n = { .state = MST_NODE_ENROLLED };

	(void)state;
	assert_string_equal(mst_decide_clock(&k, NOW), "key-ending");
	assert_int_equal(k.due, NOW + 10);
	assert_true(mst_decide_clock_node(&n, &k, NOW) && n.state == MST_NODE_EXPIRING);
	assert_string_equal(mst_decide_clock(&k, NOW + 10), "key-ended");
	assert_int_equal(k.due, 0);
	assert_true(mst_decide_clock_node(&n, &k, NOW + 10) && strstr(n.reason, "has ended"));
	k.state = MST_CRED_REVOKED;
	k.due = NOW;
	assert_string_equal(mst_decide_clock(&k, NOW), "");
	assert_int_equal(k.due, 0);
	n.state = MST_NODE_SUSPENDED;
	assert_false(mst_decide_clock_node(&n, &k, NOW));
	/* a sixteenth before the end, and no more than a week */
	assert_int_equal(mst_life_warn_at(0, 1600), 1500);
	assert_int_equal(mst_life_warn_at(0, 1000 * DAY), 993 * DAY);
	assert_int_equal(mst_life_warn_at(5, 5), 5);
}

/* The first use of a key ends what the node has from the provider that it was with before. */
static void arrived(void **state)
{
	struct world o;

	(void)state;
	mef_world(&o, MST_CALL_REG_GET);
	o.c.role = MST_ROLE_MAF;
	MST_STR_SET(o.conf.fqdn, "maf.example.com");
	o.w.has_cred = true;
	MST_STR_SET(o.w.cred.key_id, KMID);
	MST_STR_SET(o.w.cred.client_id, o.w.id);
	o.w.cred.state = MST_CRED_PENDING;
	o.w.cred.expires = NOW + 160 * DAY;
	o.w.node.reenrol_until = NOW + 100;
	o.r.n_other = 2;
	MST_STR_SET(o.r.other[0].key_id, KMID);
	MST_STR_SET(o.r.other[1].key_id, "C2@maf.example.com");
	o.r.other[1].state = MST_CRED_ACTIVE;
	o.r.other[1].elsewhere = true;
	mst_verdict_init(&o.v, &o.c);
	mst_maf_decide(&o.c, &o.w, &o.r, &o.conf, o.now, &o.chance, &o.v);
	assert_int_equal(o.v.rsc, 2000);
	assert_true(o.v.activate && o.v.active.due == NOW + 153 * DAY);
	assert_true(o.v.left);
	assert_int_equal(o.v.n_drop, 1);
	assert_string_equal(o.v.drop[0], "C2@maf.example.com");
	assert_true(o.v.put_node && !o.v.node.reenrol_until && o.v.node.state == MST_NODE_ENROLLED);
	/* a key under the name that it had before it moved, renewed on the way: it works, and nothing has arrived anywhere */
	MST_STR_SET(o.w.node.cse_id, "//east.example.com/CSE1");
	o.w.node.state = MST_NODE_KNOWN;
	o.r.other[1].elsewhere = false;
	o.r.n_other = 3;
	MST_STR_SET(o.r.other[2].key_id, "E1@maf.example.com");
	o.r.other[2].state = MST_CRED_PENDING;
	o.r.other[2].elsewhere = true;       /* the new provider's */
	mst_verdict_init(&o.v, &o.c);
	mst_maf_decide(&o.c, &o.w, &o.r, &o.conf, o.now, &o.chance, &o.v);
	assert_int_equal(o.v.rsc, 2000);
	assert_true(o.v.activate && !o.v.left && o.v.n_drop == 0);
	assert_true(!o.v.put_node || (o.v.node.state == MST_NODE_KNOWN && o.v.node.reenrol_until));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(leaving), cmocka_unit_test(enrolling_anew), cmocka_unit_test(a_key_for_another_use),
					    cmocka_unit_test(the_clock),
					    cmocka_unit_test(arrived) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
