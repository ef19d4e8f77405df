/* The MEF's decisions on plain structs: every refusal a row, every effect looked at. */
#include "role/test-world.h"

/* --- refusals: one row each --- */

typedef void breaker(struct world *o);
#define B(name, body) static void name(struct world *o) { body; }
B(b_nobody, o->w.kind = MST_WHO_NOBODY)
B(b_from_other, o->c.from = V("/CSE0002"))
B(b_from_empty, o->c.from = MST_VIEW_NONE)
B(b_node_suspended, o->w.node.state = MST_NODE_SUSPENDED)
B(b_node_revoked, o->w.node.state = MST_NODE_REVOKED)
B(b_node_released, o->w.node.state = MST_NODE_RELEASED)
B(b_sub_none, o->w.has_sub = false)
B(b_sub_suspended, o->w.sub.state = MST_SUB_SUSPENDED)
B(b_sub_ended, o->w.sub.state = MST_SUB_ENDED)
B(b_sub_early, o->w.sub.not_before = NOW + 1)
B(b_sub_late, o->w.sub.not_after = NOW)
B(b_maf_client, maf_who(&o->w); o->c.from = V("maf.example.com"))
B(b_no_et, o->c.reg.has &= ~BIT(MST_CR_ET))
B(b_no_admin, o->c.reg.has &= ~BIT(MST_CR_ADMIN))
B(b_extra, o->c.reg.has |= BIT(MST_CR_CLIENT))
B(b_past, o->c.reg.et = NOW)
B(b_admin_other, o->c.reg.admin_fqdn = V("other.example.com"))
B(b_admin_bad, o->c.reg.admin_fqdn = V("not an fqdn"))
B(b_label_bad, o->c.reg.has |= BIT(MST_CR_LBL); o->c.reg.lbl[0] = V("a\nb"); o->c.reg.n_lbl = 1)
B(b_no_export, o->c.has_export = false)
B(b_repeat, o->conf.quirks.repeat_conflicts = true; o->r.has_reg = true; o->r.reg.expires = NOW + 9)
B(b_export_taken, o->r.has_cred = true; MST_STR_SET(o->r.cred.client_id, "//sp.example.com/CSE0002"))
B(b_reg_none, o->r.has_reg = false)
B(b_reg_expired, o->r.reg.expires = NOW)
B(b_reg_other, o->r.reg.node = 8)
B(b_set_none, o->c.reg.has = 0)
B(b_set_admin, o->c.reg.has |= BIT(MST_CR_ADMIN))
B(b_k_no_et, o->c.key.has &= ~BIT(MST_KR_ET))
B(b_k_no_admin, o->c.key.has &= ~BIT(MST_KR_ADMIN))
B(b_k_no_suid, o->c.key.has &= ~BIT(MST_KR_SUID))
B(b_k_extra, o->c.key.has |= BIT(MST_KR_RELKEY))
B(b_k_clear, o->c.key.has |= BIT(MST_KR_KEY))
B(b_k_past, o->c.key.et = NOW)
B(b_k_admin_other, o->c.key.admin_fqdn = V("other.example.com"))
B(b_suid_20, o->c.key.suid = 20)
B(b_suid_26, o->c.key.suid = 26)
B(b_suid_32, o->c.key.suid = 32)
B(b_t_unknown_maf, o->c.key.targets[0] = V("maf.evil.example"))
B(b_t_cse_for_maf, o->c.key.targets[0] = V("//sp.example.com/CSE1"))
B(b_t_two, o->c.key.targets[1] = V("maf.example.com"); o->c.key.n_targets = 2)
B(b_t_zero, o->c.key.n_targets = 0)
B(b_t22_none, o->c.key.suid = 22; o->c.key.has &= ~BIT(MST_KR_TARGETS))
B(b_t22_two, o->c.key.suid = 22; o->c.key.targets[0] = o->c.key.targets[1] = V("//sp.example.com/CSE1"); o->c.key.n_targets = 2)
B(b_t22_fqdn, o->c.key.suid = 22)
B(b_t24_zero, o->c.key.suid = 24; o->c.key.n_targets = 0)
B(b_t24_two, o->c.key.suid = 24; o->c.key.targets[0] = o->c.key.targets[1] = V("//sp.example.com/CSE1"); o->c.key.n_targets = 2)
B(b_ks_two, o->r.keyreg.suid = 24; o->c.key.has = BIT(MST_KR_TARGETS); o->c.key.targets[0] = V("//sp.example.com/CSE1");
  o->c.key.targets[1] = V("//sp.example.com/CSE2"); o->c.key.n_targets = 2)
B(b_second, o->r.has_keyreg = true)
B(b_many, o->r.n_keyregs = 32)
B(b_kr_none, o->r.has_keyreg = false)
B(b_kr_expired, o->r.keyreg.expires = NOW)
B(b_kr_unlisted, MST_STR_SET(o->r.keyreg.targets, "//sp.example.com/CSE0009"))
B(b_kr_other, o->r.reg.node = 8)
B(b_owner_revoked, o->r.owner.node.state = MST_NODE_REVOKED)
B(b_owner_suspended, o->r.owner.sub.state = MST_SUB_SUSPENDED)
B(b_owner_gone, o->r.owner.kind = MST_WHO_NOBODY)
B(b_ks_none, o->c.key.has = 0)
B(b_ks_suid, o->c.key.has |= BIT(MST_KR_SUID))
B(b_f_node, node_who(&o->w); o->c.from = V("/CSE0001"))
B(b_f_none, o->r.has_cred = false)
B(b_f_revoked, o->r.cred.state = MST_CRED_REVOKED)
B(b_f_expired, o->r.cred.expires = NOW)
B(b_f_purpose, o->r.cred.purpose = MST_PURPOSE_KPM)
B(b_f_suid, o->c.suid = 22)
B(b_f_unnamed, o->r.has_keyreg = false; MST_STR_SET(o->r.owner.sub.maf_fqdn, "maf2.example.com"))
B(b_f_kr_expired, o->r.keyreg.expires = NOW; MST_STR_SET(o->r.owner.sub.maf_fqdn, "maf2.example.com"))
B(b_f_suid_bad, o->c.suid = 20)
B(b_f_quirk, o->conf.quirks.km = MST_KM_REGISTERED; o->r.has_keyreg = false)
B(b_c_no_id, o->c.cmd.has &= ~BIT(MST_CC_ID))
B(b_c_no_status, o->c.cmd.has &= ~BIT(MST_CC_STATUS))
B(b_c_issued, o->c.cmd.status_code = MST_CMD_ISSUED)
B(b_c_extra, o->c.cmd.has |= BIT(MST_CC_DESCRIPTION))

#define R_ MST_CALL_REGISTER
#define K_ MST_CALL_KEY_REGISTER
#define G_ MST_CALL_KEY_GET
#define F_ MST_CALL_FETCH
static const struct { const char *name; enum mst_call_what what; breaker *breaker; int rsc; } mef_rows[] = {
	{ "unknown identity", R_, b_nobody, 4103 },
	{ "From names somebody else (lesson 25)", R_, b_from_other, 4106 },
	{ "From names somebody else, key", K_, b_from_other, 4106 },
	{ "From names somebody else, fetch", F_, b_from_other, 4106 },
	{ "From missing on a later call", MST_CALL_CFG_GET, b_from_empty, 4000 },
	{ "node suspended", R_, b_node_suspended, 4128 },
	{ "node revoked", R_, b_node_revoked, 4103 },
	{ "node released", MST_CALL_CFG_GET, b_node_released, 4103 },
	{ "no subscription", R_, b_sub_none, 4128 },
	{ "subscription suspended", R_, b_sub_suspended, 4128 },
	{ "subscription ended", K_, b_sub_ended, 4128 },
	{ "subscription not begun", R_, b_sub_early, 4128 },
	{ "subscription expired", R_, b_sub_late, 4128 },
	{ "a MAF registers", R_, b_maf_client, 4103 },
	{ "a MAF reads a registration", MST_CALL_REG_GET, b_maf_client, 4103 },
	{ "no et", R_, b_no_et, 4000 },
	{ "no adminFQDN", R_, b_no_admin, 4000 },
	{ "assigned member given", R_, b_extra, 4000 },
	{ "et passed", R_, b_past, 4000 },
	{ "adminFQDN of another provider", R_, b_admin_other, 4103 },
	{ "adminFQDN malformed", R_, b_admin_bad, 4000 },
	{ "label with a line end", R_, b_label_bad, 4000 },
	{ "listener exported nothing", R_, b_no_export, 5000 },
	{ "quirk: registered already", R_, b_repeat, 4117 },
	{ "exporter id of another client", R_, b_export_taken, 4105 },
	{ "get: none", MST_CALL_REG_GET, b_reg_none, 4004 },
	{ "get: expired", MST_CALL_REG_GET, b_reg_expired, 4004 },
	{ "get: another's", MST_CALL_REG_GET, b_reg_other, 4004 },
	{ "cfg: expired", MST_CALL_CFG_GET, b_reg_expired, 4004 },
	{ "cfg: another's", MST_CALL_CFG_GET, b_reg_other, 4004 },
	{ "delete: another's", MST_CALL_REG_DELETE, b_reg_other, 4004 },
	{ "delete: none", MST_CALL_REG_DELETE, b_reg_none, 4004 },
	{ "update without members", MST_CALL_REG_SET, b_set_none, 4000 },
	{ "update of adminFQDN", MST_CALL_REG_SET, b_set_admin, 4000 },
	{ "update into the past", MST_CALL_REG_SET, b_past, 4000 },
	{ "update: expired", MST_CALL_REG_SET, b_reg_expired, 4004 },
	{ "update: another's", MST_CALL_REG_SET, b_reg_other, 4004 },
	{ "key: no et", K_, b_k_no_et, 4000 },
	{ "key: no adminFQDN", K_, b_k_no_admin, 4000 },
	{ "key: no SUID", K_, b_k_no_suid, 4000 },
	{ "key: assigned member given", K_, b_k_extra, 4000 },
	{ "key: value in clear", K_, b_k_clear, 5001 },
	{ "key: et passed", K_, b_k_past, 4000 },
	{ "key: another provider", K_, b_k_admin_other, 4103 },
	{ "key: SUID 20", K_, b_suid_20, 4000 },
	{ "key: SUID 26", K_, b_suid_26, 4000 },
	{ "key: SUID of a MAF", K_, b_suid_32, 4000 },
	{ "key: unknown MAF as target", K_, b_t_unknown_maf, 4103 },
	{ "key: CSE as target of SUID 21", K_, b_t_cse_for_maf, 4000 },
	{ "key: two targets for SUID 21", K_, b_t_two, 4000 },
	{ "key: empty target list", K_, b_t_zero, 4000 },
	{ "key: no target for SUID 22", K_, b_t22_none, 4000 },
	{ "key: two targets for SUID 22", K_, b_t22_two, 4000 },
	{ "key: FQDN as target of SUID 22", K_, b_t22_fqdn, 4000 },
	{ "key: empty list for SUID 24", K_, b_t24_zero, 4000 },
	{ "key: exporter key for several targets", K_, b_t24_two, 5001 },
	{ "key update: exporter key for several targets", MST_CALL_KEY_SET, b_ks_two, 5001 },
	{ "key: not registered", K_, b_reg_none, 4004 },
	{ "key: registration expired", K_, b_reg_expired, 4004 },
	{ "key: second exporter registration in one session", K_, b_second, 4105 },
	{ "key: too many", K_, b_many, 4105 },
	{ "key: listener exported nothing", K_, b_no_export, 5000 },
	{ "retrieve: none", G_, b_kr_none, 4004 },
	{ "retrieve: expired", G_, b_kr_expired, 4004 },
	{ "retrieve: target not listed", G_, b_kr_unlisted, 4103 },
	{ "retrieve: the owner itself", G_, b_f_node, 4103 },
	{ "retrieve: owner revoked", G_, b_owner_revoked, 4103 },
	{ "retrieve: owner's subscription suspended", G_, b_owner_suspended, 4128 },
	{ "retrieve: owner gone", G_, b_owner_gone, 4103 },
	{ "key update without members", MST_CALL_KEY_SET, b_ks_none, 4000 },
	{ "key update of SUID", MST_CALL_KEY_SET, b_ks_suid, 4000 },
	{ "key update: another's", MST_CALL_KEY_SET, b_kr_other, 4103 },
	{ "key update: expired", MST_CALL_KEY_SET, b_kr_expired, 4004 },
	{ "key update by a MAF", MST_CALL_KEY_SET, b_maf_client, 4103 },
	{ "key delete: another's", MST_CALL_KEY_DELETE, b_kr_other, 4103 },
	{ "key delete: none", MST_CALL_KEY_DELETE, b_kr_none, 4004 },
	{ "fetch by a node", F_, b_f_node, 4103 },
	{ "fetch: unknown KeID", F_, b_f_none, 4004 },
	{ "fetch: revoked", F_, b_f_revoked, 4004 },
	{ "fetch: expired", F_, b_f_expired, 4004 },
	{ "fetch: key of another kind", F_, b_f_purpose, 4004 },
	{ "fetch: SUID not permitted", F_, b_f_suid, 4103 },
	{ "fetch: no such SUID", F_, b_f_suid_bad, 4000 },
	{ "fetch: MAF not named", F_, b_f_unnamed, 4103 },
	{ "fetch: key registration expired", F_, b_f_kr_expired, 4103 },
	{ "fetch: quirk, but nothing registered", F_, b_f_quirk, 4004 },
	{ "fetch: owner revoked", F_, b_owner_revoked, 4103 },
	{ "fetch: owner's subscription suspended", F_, b_owner_suspended, 4128 },
	{ "command update without id", MST_CALL_CMD_SET, b_c_no_id, 4000 },
	{ "command update without status", MST_CALL_CMD_SET, b_c_no_status, 4000 },
	{ "command update with the MEF's status", MST_CALL_CMD_SET, b_c_issued, 4000 },
	{ "command update with a description", MST_CALL_CMD_SET, b_c_extra, 4000 },
	{ "command: expired", MST_CALL_CMD_GET, b_reg_expired, 4004 },
	{ "command: another's", MST_CALL_CMD_SET, b_reg_other, 4004 },
};

static void mef_refusals(void **state)
{
	static struct world o;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(mef_rows); i++) {
		mef_world(&o, mef_rows[i].what);
		assert_true(run(&o) < 4000);            /* the world itself is good */
		mef_world(&o, mef_rows[i].what);
		mef_rows[i].breaker(&o);
		if (run(&o) != mef_rows[i].rsc || !no_effect(&o.v))
			fail_msg("%s: %d (%s), effect %d", mef_rows[i].name, o.v.rsc, o.v.why, !no_effect(&o.v));
		assert_true(o.v.why[0]);
		if (mef_rows[i].what == F_)
			assert_int_equal(o.v.body, MST_BODY_FETCHED);    /* status false, errorString */
	}
}

static void register_new(void **state)
{
	static struct world o;

	(void)state;
	mef_world(&o, MST_CALL_REGISTER);
	o.c.from = MST_VIEW_NONE;       /* allowed on a registration, first or repeated */
	assert_int_equal(run(&o), 2001);
	assert_string_equal(o.v.reg.reg_id, "reg-5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a");
	assert_string_equal(o.v.reg.admin_fqdn, "sp.example.com");
	assert_string_equal(o.v.reg.client_id, "//sp.example.com/CSE0001");
	assert_int_equal(o.v.reg.expires, NOW + 100 * DAY);
	assert_true(o.v.put_cred && o.v.insert_cred && o.v.wrap_cred == MST_WRAP_EXPORT);
	assert_string_equal(o.v.cred.key_id, KEID);
	assert_string_equal(o.v.cred.via, o.v.reg.reg_id);
	assert_int_equal(o.v.cred.purpose, MST_PURPOSE_KE);
	assert_int_equal(o.v.cred.expires, o.v.reg.expires);
	assert_true(o.v.wait_command && (o.v.show & BIT(MST_CR_CH)));
	assert_true(o.v.put_node && o.v.node.state == MST_NODE_ENROLLING);
	assert_string_equal(o.v.node.last_step, "mef-register");
	assert_string_equal(o.v.node.attempt, "0123456789abcdef0123456789abcdef");
}

/* min(requested, end of subscription, now + key_lifetime, now + reg_lifetime) */
static void expiry(void **state)
{
	static const struct { mst_time asked; int64_t sub_end, key_life, reg_life, granted; } rows[] = {
		{ 100, 300, 200, 365, 100 }, { 400, 300, 350, 365, 300 }, { 400, 300, 200, 365, 200 }, { 400, 300, 200, 150, 150 },
		{ 400, 500, 0, 0, 400 },
	};
	static struct world o;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		mef_world(&o, MST_CALL_REGISTER);
		o.c.reg.et = NOW + rows[i].asked * DAY;
		o.w.sub.not_after = NOW + rows[i].sub_end * DAY;
		o.w.sub.key_lifetime = rows[i].key_life * DAY;
		o.conf.reg_lifetime = rows[i].reg_life * DAY;
		assert_int_equal(run(&o), 2001);
		assert_int_equal(o.v.reg.expires, NOW + rows[i].granted * DAY);
	}
}

/* Lessons 10 and 11: the same record, and in one session the same answer to the last second. */
static void register_again(void **state)
{
	static struct world o, first;

	(void)state;
	mef_world(&first, MST_CALL_REGISTER);
	first.c.reg.et = NOW + 1000 * DAY;
	assert_int_equal(run(&first), 2001);
	mef_world(&o, MST_CALL_REGISTER);
	o.now = NOW + 3;
	o.c.reg.et = first.c.reg.et;
	o.r.has_reg = o.r.has_cred = true;
	o.r.reg = first.v.reg;
	o.r.cred = first.v.cred;
	assert_int_equal(run(&o), 2001);
	assert_memory_equal(&o.v.reg, &first.v.reg, sizeof(o.v.reg));
	assert_false(o.v.put_cred);

	/* another session: the same record, another Ke, renewed */
	mef_world(&o, MST_CALL_REGISTER);
	o.now = NOW + 3;
	o.c.reg.et = first.c.reg.et;
	o.r.has_reg = true;
	o.r.reg = first.v.reg;
	MST_STR_SET(o.c.key_id, "B0A1A2A3A4A5A6A7A8A9AAABACADAEAF@mef.example.com");
	assert_int_equal(run(&o), 2001);
	assert_string_equal(o.v.reg.reg_id, first.v.reg.reg_id);
	assert_int_equal(o.v.reg.expires, first.v.reg.expires + 3);
	assert_true(o.v.insert_cred);
	assert_string_equal(o.v.reg.key_id, o.c.key_id);

	/* an expired record is no obstacle: a fresh one replaces it */
	mef_world(&o, MST_CALL_REGISTER);
	o.r.has_reg = true;
	o.r.reg = first.v.reg;
	MST_STR_SET(o.r.reg.reg_id, "reg-old");
	o.r.reg.expires = NOW;
	assert_int_equal(run(&o), 2001);
	assert_string_equal(o.v.drop_reg, "reg-old");
	assert_string_not_equal(o.v.reg.reg_id, "reg-old");
}

static void old_enrolment_keys_go(void **state)
{
	static struct world o;

	(void)state;
	mef_world(&o, MST_CALL_REGISTER);
	o.r.has_reg = true;
	MST_STR_SET(o.r.reg.reg_id, "reg-1");
	o.r.reg.expires = NOW + 5;
	add_other(&o, "00@mef.example.com", "reg-1", MST_CRED_ACTIVE, NOW - 9);
	add_other(&o, "01@mef.example.com", "reg-1", MST_CRED_PENDING, NOW - 5);
	add_other(&o, "02@mef.example.com", "reg-1", MST_CRED_PENDING, NOW - 4);
	add_other(&o, "03@mef.example.com", "reg-2", MST_CRED_PENDING, NOW - 8);
	assert_int_equal(run(&o), 2001);
	assert_int_equal(o.v.n_drop, 2);
	assert_string_equal(o.v.drop[0], "01@mef.example.com");
	assert_string_equal(o.v.drop[1], "00@mef.example.com");
}

static void keep_enrolled(void **state)
{
	static const struct { enum mst_node_state from, to; } rows[] = {
		{ MST_NODE_KNOWN, MST_NODE_ENROLLING }, { MST_NODE_BRIEFED, MST_NODE_ENROLLING },
		{ MST_NODE_ENROLLING, MST_NODE_ENROLLING }, { MST_NODE_EXPIRING, MST_NODE_ENROLLING },
		{ MST_NODE_ENROLLED, MST_NODE_ENROLLED },
	};
	static struct world o;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		mef_world(&o, MST_CALL_REGISTER);
		o.w.node.state = rows[i].from;
		assert_int_equal(run(&o), 2001);
		assert_int_equal(o.v.node.state, rows[i].to);
	}
}

static void update_echoes(void **state)
{
	static struct world o;

	(void)state;
	mef_world(&o, MST_CALL_REG_SET);
	assert_int_equal(run(&o), 2004);
	assert_int_equal(o.v.show, BIT(MST_CR_ET));
	assert_int_equal(o.v.reg.expires, NOW + 100 * DAY);
	mef_world(&o, MST_CALL_REG_SET);
	o.c.reg.has = BIT(MST_CR_LBL);
	o.c.reg.lbl[0] = V("site:7");
	o.c.reg.n_lbl = 1;
	assert_int_equal(run(&o), 2004);
	assert_int_equal(o.v.show, BIT(MST_CR_LBL));
	assert_string_equal(o.v.reg.labels, "site:7");
	assert_int_equal(o.v.reg.expires, NOW + 10 * DAY);
}

static void key_registration(void **state)
{
	static struct world o;

	(void)state;
	mef_world(&o, MST_CALL_KEY_REGISTER);
	assert_int_equal(run(&o), 2001);
	assert_string_equal(o.v.keyreg.rel_key_id, REL);
	assert_string_equal(o.v.keyreg.targets, "maf.example.com");
	/* Ke is kept once: the key registration of a MAF refers to the credential */
	assert_true(o.v.keyreg.exporter && o.v.wrap_keyreg == MST_WRAP_NONE);
	assert_int_equal(o.v.keyreg.key.n, 0);
	assert_false(o.v.put_cred);                                    /* Ke of this session is kept already */
	assert_int_equal(o.v.keyreg.expires, NOW + 20 * DAY);          /* no longer than Ke: TS-0003 10.7 */
	assert_false(o.v.show & BIT(MST_KR_KEY));                      /* never in this answer: 8.3.5.2.7 */
	assert_false(o.v.release.wanted);

	/* no target list: the MAF of the subscription */
	mef_world(&o, MST_CALL_KEY_REGISTER);
	o.c.key.has &= ~BIT(MST_KR_TARGETS);
	assert_int_equal(run(&o), 2001);
	assert_string_equal(o.v.keyreg.targets, "maf.example.com");

	/* registered in a session before: this session's key becomes a credential now */
	mef_world(&o, MST_CALL_KEY_REGISTER);
	o.r.has_cred = false;
	assert_int_equal(run(&o), 2001);
	assert_true(o.v.insert_cred && o.v.put_reg);
	assert_string_equal(o.v.reg.key_id, KEID);

	/* a copy of its own where another use than the MAF's, or the quirk, gives it a life of its own */
	mef_world(&o, MST_CALL_KEY_REGISTER);
	o.c.key.suid = 22;
	o.c.key.targets[0] = V("//sp.example.com/CSE1");
	assert_int_equal(run(&o), 2001);
	assert_int_equal(o.v.wrap_keyreg, MST_WRAP_EXPORT);
	mef_world(&o, MST_CALL_KEY_REGISTER);
	o.conf.quirks.km = MST_KM_REGISTERED;
	assert_int_equal(run(&o), 2001);
	assert_int_equal(o.v.wrap_keyreg, MST_WRAP_EXPORT);

	/* an explicit key, sealed: an id of ours, no exporter */
	mef_world(&o, MST_CALL_KEY_REGISTER);
	o.c.has_key_value = true;
	o.r.has_keyreg = true;          /* the session's own key may be registered as well */
	o.c.key.suid = 24;
	o.c.key.targets[0] = V("//sp.example.com/CSE1");
	o.c.key.targets[1] = V("//sp.example.com/S5");
	o.c.key.n_targets = 2;
	assert_int_equal(run(&o), 2001);
	assert_string_equal(o.v.keyreg.rel_key_id, "5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A");
	assert_int_equal(o.v.wrap_keyreg, MST_WRAP_KEY_VALUE);
	assert_false(o.v.keyreg.exporter);
	assert_string_equal(o.v.keyreg.targets, "//sp.example.com/CSE1\n//sp.example.com/S5");
}

static void key_release(void **state)
{
	static struct world o;

	(void)state;
	mef_world(&o, MST_CALL_KEY_GET);
	assert_int_equal(run(&o), 2000);
	assert_true(o.v.release.wanted && o.v.release.authorisation.what == MST_AUTH_RELEASE);
	assert_string_equal(o.v.release.authorisation.to, "maf.example.com");
	assert_string_equal(o.v.release.key_id, KEID);
	assert_int_equal(o.v.release.how, MST_DERIVE_USAGE);           /* lesson 26: never Ke itself */
	assert_string_equal(o.v.release.target, "maf.example.com");
	assert_int_equal(o.v.release.purpose, MST_PURPOSE_KE);
	assert_true(o.v.put_node && o.v.node.state == MST_NODE_KNOWN && o.v.cred.state == MST_CRED_PENDING);
	assert_false(o.v.show & BIT(MST_KR_TARGETS));
	/* the key of the registration: its own, or else the credential's, while that is good */
	memset(&o.r.keyreg.key, 0, sizeof(o.r.keyreg.key));
	o.r.cred.key.n = 61;
	memset(o.r.cred.key.b, 0xc4, 61);
	assert_int_equal(run(&o), 2000);
	assert_memory_equal(&o.v.release.key, &o.r.cred.key, sizeof(o.r.cred.key));
	o.r.cred.state = MST_CRED_REVOKED;
	assert_int_equal(run(&o), 4004);
	assert_false(o.v.release.wanted);
	mef_world(&o, MST_CALL_KEY_GET);
	o.r.keyreg.key.n = 60;
	memset(o.r.keyreg.key.b, 0x4b, 60);
	assert_int_equal(run(&o), 2000);
	assert_memory_equal(&o.v.release.key, &o.r.keyreg.key, sizeof(o.r.keyreg.key));
	o.conf.quirks.km = MST_KM_REGISTERED;
	assert_int_equal(run(&o), 2000);
	assert_int_equal(o.v.release.purpose, MST_PURPOSE_KEYREG);
	assert_int_equal(o.v.release.how, MST_DERIVE_NONE);
	o.r.keyreg.exporter = false;    /* an explicit key is given as it is */
	o.conf.quirks.km = MST_KM_USAGE_CONSTRAINED;
	assert_int_equal(run(&o), 2000);
	assert_int_equal(o.v.release.how, MST_DERIVE_NONE);
}

/* A key registration lives no longer than its client registration, and no longer than Ke did. */
static void key_bounds(void **state)
{
	static struct world o;

	(void)state;
	mef_world(&o, MST_CALL_KEY_SET);
	o.c.key.et = NOW + 100 * DAY;
	assert_int_equal(run(&o), 2004);
	assert_int_equal(o.v.keyreg.expires, NOW + 20 * DAY);           /* Ke's */
	o.r.has_cred = false;
	assert_int_equal(run(&o), 2004);
	assert_int_equal(o.v.keyreg.expires, NOW + 5 * DAY);            /* Ke is gone: what was granted with it */
	o.r.reg.expires = NOW;
	assert_int_equal(run(&o), 4004);
	assert_true(no_effect(&o.v));
}

static void fetch_release(void **state)
{
	static struct world o;

	(void)state;
	mef_world(&o, MST_CALL_FETCH);
	assert_int_equal(run(&o), 2000);
	assert_true(o.v.release.wanted && o.v.release.authorisation.what == MST_AUTH_RELEASE);
	assert_int_equal(o.v.release.how, MST_DERIVE_USAGE);
	assert_int_equal(o.v.release.suid, 21);
	assert_string_equal(o.v.release.target, "maf.example.com");
	assert_string_equal(o.v.enrolee, "//sp.example.com/CSE0001");
	assert_int_equal(o.v.lifetime, NOW + 20 * DAY);
	/* decision 0004: that a MAF asks says nothing about the node; unless nothing more will be heard */
	assert_int_equal(o.v.node.state, MST_NODE_KNOWN);
	assert_int_equal(o.v.cred.state, MST_CRED_PENDING);
	assert_int_equal(o.v.n_drop, 0);
	o.conf.maf_elsewhere = true;
	assert_int_equal(run(&o), 2000);
	assert_int_equal(o.v.node.state, MST_NODE_ENROLLED);
	o.conf.maf_elsewhere = false;
	/* the answer may be lost: the same again (lesson 10) */
	o.r.cred = o.v.cred;
	o.r.owner.node = o.v.node;
	assert_int_equal(run(&o), 2000);
	assert_true(o.v.release.wanted);
	o.conf.quirks.km = MST_KM_MASTER;
	assert_int_equal(run(&o), 2000);
	assert_int_equal(o.v.release.how, MST_DERIVE_KM);
	/* the subscription alone suffices for its own MAF */
	o.r.has_keyreg = false;
	assert_int_equal(run(&o), 2000);
	/* a key registration alone suffices too, for its SUID */
	o.r.has_keyreg = true;
	MST_STR_SET(o.r.owner.sub.maf_fqdn, "maf2.example.com");
	assert_int_equal(run(&o), 2000);
}

/* A window closes when a MAF elsewhere is first given the key that enrols, whichever way it asks, and by nothing else that it is given. */
static void a_maf_elsewhere_closes_the_window(void **state)
{
	static const enum mst_call_what ways[] = { MST_CALL_FETCH, MST_CALL_KEY_GET };
	static const struct { int suid; mst_time given; bool elsewhere, closes; } row[] = {
		{ 21, 0, true, true }, { 21, NOW - 9, true, false }, { 22, 0, true, false }, { 21, 0, false, false },
	};
	static struct world o;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(ways) * MST_COUNT(row); i++) {
		const size_t n = i / MST_COUNT(ways);

		mef_world(&o, ways[i % MST_COUNT(ways)]);
		o.conf.maf_elsewhere = row[n].elsewhere;
		o.c.suid = o.r.keyreg.suid = row[n].suid;
		o.r.cred.last_used = row[n].given;
		o.r.owner.node.state = MST_NODE_ENROLLED;
		o.r.owner.node.reenrol_until = NOW + DAY;
		assert_int_equal(run(&o), 2000);
		if ((o.v.put_node && !o.v.node.reenrol_until) != row[n].closes)
			fail_msg("%zu", i);
	}
}

/* Who is no MAF of the enrolee's gets nothing by SUID 21 alone; where the registered key is the MAF's (quirk), that very one must be there. */
static void fetch_bounds(void **state)
{
	static struct world o;

	(void)state;
	mef_world(&o, MST_CALL_FETCH);
	o.r.has_keyreg = false;
	o.r.owner.has_sub = false;           /* nobody's: no contract names a MAF */
	assert_int_equal(run(&o), 4103);
	assert_true(no_effect(&o.v));
	o.r.owner.has_sub = true;
	o.c.suid = 22;                       /* its MAF, but no key for that */
	assert_int_equal(run(&o), 4103);
	assert_true(no_effect(&o.v));
	for (int i = 0; i < 4; i++) {
		mef_world(&o, MST_CALL_FETCH);
		o.conf.quirks.km = MST_KM_REGISTERED;
		if (i == 0)
			o.r.keyreg.expires = NOW;
		else if (i == 1)
			o.r.keyreg.exporter = false;
		else if (i == 2)
			o.r.keyreg.suid = 22;
		assert_int_equal(run(&o), i == 3 ? 2000 : 4004);
		assert_true(i == 3 ? o.v.release.how == MST_DERIVE_NONE : no_effect(&o.v));
	}
}

/* 8.3.5.2.4: no configuration without node or contract behind the registration. */
static void no_configuration(void **state)
{
	static struct world o;

	(void)state;
	for (int i = 0; i < 2; i++) {
		mef_world(&o, MST_CALL_CFG_GET);
		o.w.has_sub = false;
		o.w.has_node = false;
		if (i)
			MST_STR_SET(o.r.reg.client_id, "//sp.example.com/CSE9");
		mst_verdict_init(&o.v, &o.c);
		mst_mef_decide_config(&o.c, &o.w, &o.r, o.now, &o.v);
		assert_int_equal(o.v.rsc, 4004);
		assert_true(no_effect(&o.v) && o.v.body == MST_BODY_NONE);
		assert_non_null(strstr(o.v.why, i ? "another client" : "no node or subscription"));
	}
}

static void commands(void **state)
{
	static struct world o;

	(void)state;
	mef_world(&o, MST_CALL_CMD_GET);
	assert_int_equal(run(&o), 2000);
	assert_string_equal(o.v.cmd_id, "c-1");
	assert_int_equal(o.v.cmd_status, MST_CMD_ISSUED);
	assert_int_equal(o.v.retry, DAY);
	assert_true(o.v.put_reg);
	o.r.reg = o.v.reg;              /* asked again: reissued */
	assert_int_equal(run(&o), 2000);
	assert_string_equal(o.v.cmd_id, "c-1");
	assert_int_equal(o.v.cmd_status, MST_CMD_REISSUED);

	mef_world(&o, MST_CALL_CMD_SET);
	assert_int_equal(run(&o), 2004);
	assert_string_equal(o.v.cmd_id, "c-4");
	assert_int_equal(o.v.cmd_status, MST_CMD_ISSUED);
	assert_int_equal(o.v.reg.last_cmd_status, MST_CMD_OK);
	/* the report again, because its answer was lost: ignored, the next command again (8.3.9.3) */
	o.r.reg = o.v.reg;
	assert_int_equal(run(&o), 2004);
	assert_string_equal(o.v.cmd_id, "c-4");
	assert_int_equal(o.v.cmd_status, MST_CMD_REISSUED);
	assert_false(o.v.put_reg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mef_refusals), cmocka_unit_test(register_new), cmocka_unit_test(expiry),
		cmocka_unit_test(register_again), cmocka_unit_test(old_enrolment_keys_go), cmocka_unit_test(keep_enrolled),
		cmocka_unit_test(update_echoes), cmocka_unit_test(key_registration), cmocka_unit_test(key_release),
		cmocka_unit_test(fetch_release), cmocka_unit_test(a_maf_elsewhere_closes_the_window), cmocka_unit_test(fetch_bounds), cmocka_unit_test(no_configuration), cmocka_unit_test(key_bounds), cmocka_unit_test(commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
