/* The MAF's decisions on plain structs, and default deny over both roles. */
#include "role/test-world.h"

static void maf_enrolment(void **state)
{
	static struct world o;

	(void)state;
	maf_world(&o, MST_CALL_REGISTER, true);
	assert_int_equal(run(&o), 2001);
	assert_string_equal(o.v.cred.key_id, "5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A@maf.example.com");
	assert_string_equal(o.v.cred.via, KEID);
	assert_int_equal(o.v.wrap_cred, MST_WRAP_AGAIN);
	assert_int_equal(o.v.cred.expires, NOW + 30 * DAY);     /* TS-0003 10.7 */
	assert_int_equal(o.v.reg.expires, NOW + 30 * DAY);
	assert_true(o.v.show & BIT(MST_CR_KMID));
	assert_string_equal(o.v.reg.key_id, o.v.cred.key_id);
	assert_false(o.v.activate);     /* a KeID session proves nothing about the KmID */

	/* the answer was lost; again in a session of the same KeID: the same KmID (lesson 10) */
	add_other(&o, o.v.cred.key_id, KEID, MST_CRED_PENDING, NOW);
	o.r.has_reg = true;
	o.r.reg = o.v.reg;
	memset(o.chance.b, 0x11, sizeof(o.chance.b));
	assert_int_equal(run(&o), 2001);
	assert_string_equal(o.v.reg.key_id, "5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A@maf.example.com");
	assert_false(o.v.put_cred);

	/* update in a KeID session is also a way to a KmID: 8.8.2.5 */
	maf_world(&o, MST_CALL_REG_SET, true);
	assert_int_equal(run(&o), 2004);
	assert_true(o.v.show & BIT(MST_CR_KMID));
	assert_true(o.v.insert_cred);
}

static void maf_first_use(void **state)
{
	static struct world o;

	(void)state;
	maf_world(&o, MST_CALL_REG_GET, false);
	add_other(&o, "AA@maf.example.com", "x@mef.example.com", MST_CRED_REVOKED, NOW - 900);
	add_other(&o, "BB@maf.example.com", "y@mef.example.com", MST_CRED_ACTIVE, NOW - 800);
	add_other(&o, "CC@maf.example.com", "z@mef.example.com", MST_CRED_PENDING, NOW - 700);
	add_other(&o, KEID, "mef.example.com", MST_CRED_PENDING, NOW - 100);
	add_other(&o, KMID, KEID, MST_CRED_PENDING, NOW - 100);
	add_other(&o, "DD@maf.example.com", "w@mef.example.com", MST_CRED_PENDING, NOW - 50);
	assert_int_equal(run(&o), 2000);
	assert_true(o.v.activate);
	assert_string_equal(o.v.active.key_id, KMID);
	assert_int_equal(o.v.active.state, MST_CRED_ACTIVE);
	assert_string_equal(o.v.revoke, "BB@maf.example.com");
	assert_int_equal(o.v.n_drop, 3);
	assert_string_equal(o.v.drop[0], "AA@maf.example.com");
	assert_string_equal(o.v.drop[1], "CC@maf.example.com");
	assert_string_equal(o.v.drop[2], KEID);

	assert_int_equal(o.v.node.state, MST_NODE_ENROLLED);
	/* in one second: the order in which they were made decides */
	for (size_t i = 0; i < o.r.n_other; i++)
		o.r.other[i].created = o.w.cred.created;
	assert_int_equal(run(&o), 2000);
	assert_string_equal(o.v.revoke, "BB@maf.example.com");
	/* already active: nothing to do; refused: nothing happens (lesson 4) */
	o.w.cred.state = MST_CRED_ACTIVE;
	assert_int_equal(run(&o), 2000);
	assert_false(o.v.activate);
	o.w.cred.state = MST_CRED_PENDING;
	o.r.has_reg = false;
	assert_int_equal(run(&o), 4004);
	assert_true(no_effect(&o.v));
}

/* 28 digits */
#define REL_TAIL "212121212121212121212121212121"

static void maf_lookup(void **state)
{
	static struct mst_maf_lookup l;
	static struct world o;
	struct mst_credential c;

	(void)state;
	maf_world(&o, MST_CALL_REG_GET, false);
	c = o.w.cred;
	mst_maf_decide_lookup(KMID, &c, &o.w, &o.conf, NOW, &l);
	assert_int_equal(l.outcome, 0);
	assert_true(l.release.wanted && l.release.authorisation.what == MST_AUTH_RELEASE);
	assert_string_equal(l.release.key_id, KMID);

	/* the operator is told them apart, the peer is not */
	c.state = MST_CRED_REVOKED;
	mst_maf_decide_lookup(KMID, &c, &o.w, &o.conf, NOW, &l);
	assert_int_equal(l.outcome, MST_PSK_UNKNOWN);
	assert_non_null(strstr(l.why, "revoked"));
	assert_false(l.release.wanted);
	c = o.w.cred;
	mst_maf_decide_lookup(KMID, &c, &o.w, &o.conf, c.expires, &l);
	assert_int_equal(l.outcome, MST_PSK_UNKNOWN);
	assert_non_null(strstr(l.why, "expired"));
	o.w.node.state = MST_NODE_SUSPENDED;
	mst_maf_decide_lookup(KMID, &c, &o.w, &o.conf, NOW, &l);
	assert_int_equal(l.outcome, MST_PSK_UNKNOWN);
	assert_non_null(strstr(l.why, "suspended"));
	mst_maf_decide_lookup(KMID, NULL, NULL, &o.conf, NOW, &l);
	assert_int_equal(l.outcome, MST_PSK_UNKNOWN);
	assert_non_null(strstr(l.why, "unknown"));
	mst_maf_decide_lookup("AA@mef.evil.example", NULL, NULL, &o.conf, NOW, &l);
	assert_int_equal(l.outcome, MST_PSK_UNKNOWN);
	assert_non_null(strstr(l.why, "no MEF"));

	mst_maf_decide_lookup(KEID, NULL, NULL, &o.conf, NOW, &l);
	assert_int_equal(l.outcome, MST_PSK_FETCH);
	assert_string_equal(l.fetch.path, "/fetchCredentials/" REL "%40mef.example.com/21");
	assert_string_equal(l.fetch.from, "maf.example.com");
	assert_string_equal(l.fetch.server_name, "mef.example.com");
	o.conf.mef[0].quirks.hex_lower = true;
	o.conf.mef[0].quirks.names = MST_PROFILE_TS0032;
	mst_maf_decide_lookup("0A" REL_TAIL "@mef.example.com", NULL, NULL, &o.conf, NOW, &l);
	assert_string_equal(l.fetch.path, "/fetchCredentials/0a" REL_TAIL "%40mef.example.com/21");
	assert_int_equal(l.fetch.names, MST_PROFILE_TS0032);
	o.conf.mef[0].quirks.hex_lower = false;
	o.conf.mef[0].quirks.km = MST_KM_REGISTERED;
	mst_maf_decide_lookup(KEID, NULL, NULL, &o.conf, NOW, &l);
	assert_true(l.outcome == MST_PSK_FETCH && l.fetch.registered);
	assert_string_equal(l.fetch.path, "/MEFBase/" REL);
}

/* KeIDs that a MEF gave are its word, in handshakes and in sessions that are open; a KmID is this MAF's, and in use maybe. */
static void a_mef_that_is_taken_out(void **state)
{
	static const struct { const char *mef, *sp, *why; } row[] = {
		{ "mef.example.com", NULL, NULL }, { "mef.example.com", "SP.example.com", NULL },
		{ NULL, NULL, "no MEF" }, { "mef.example.net", NULL, "no MEF" }, { "mef.example.com", "sp.example.net", "maf.mefs.sps" },
	};
	static const enum mst_call_what calls[] = { MST_CALL_REGISTER, MST_CALL_REG_GET, MST_CALL_KEY_GET };
	static struct mst_maf_lookup l;
	static struct world o;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row) * 2; i++) {
		bool keid = i % 2;
		const char *why = keid ? row[i / 2].why : NULL;

		for (size_t k = 0; k < MST_COUNT(calls); k++) {
			maf_world(&o, calls[k], keid);
			o.conf.n_mef = row[i / 2].mef != NULL;
			MST_STR_SET(o.conf.mef[0].fqdn, row[i / 2].mef ? row[i / 2].mef : "");
			o.conf.mef[0].n_sp = row[i / 2].sp != NULL;
			MST_STR_SET(o.conf.mef[0].sp[0], row[i / 2].sp ? row[i / 2].sp : "");
			assert_int_equal(run(&o) == MST_RSC_NO_PRIVILEGE && o.v.close && no_effect(&o.v), why != NULL);
			assert_true(!why || strstr(o.v.why, why));
		}
		mst_maf_decide_lookup(o.w.cred.key_id, &o.w.cred, &o.w, &o.conf, NOW, &l);
		assert_int_equal(l.outcome, why ? MST_PSK_UNKNOWN : 0);
		assert_int_equal(l.release.wanted, !why);
		assert_true(!why || strstr(l.why, why));
	}
	/* a B-TID that could be a KeID, whose BSF was taken out: no BSF makes one by the standard (TS 33.220 4.5.2), and one that was taken over may */
	maf_world(&o, MST_CALL_REG_GET, true);
	MST_STR_SET(o.w.cred.key_id, "x@bsf.example.com");
	MST_STR_SET(o.w.cred.via, "ua:01000100AE@bsf.example.com");
	mst_maf_decide_lookup(o.w.cred.key_id, &o.w.cred, &o.w, &o.conf, NOW, &l);
	assert_int_equal(l.outcome, MST_PSK_UNKNOWN);
	assert_non_null(strstr(l.why, "no BSF"));
	assert_int_equal(run(&o), MST_RSC_NO_PRIVILEGE);
	/* one that was assigned when this MAF had another name is none of a MEF's */
	maf_world(&o, MST_CALL_REG_GET, false);
	MST_STR_SET(o.conf.fqdn, "maf.example.net");
	mst_maf_decide_lookup(KMID, &o.w.cred, &o.w, &o.conf, NOW, &l);
	assert_int_equal(l.outcome, 0);
}

static void maf_fetched(void **state)
{
	static struct mst_fetch_result got;
	static struct world o;
	struct mst_credential c;
	const char *what;
	char why[200];

	(void)state;
	maf_world(&o, MST_CALL_REG_GET, true);
	got.end = MST_FETCH_OK;
	got.lifetime = NOW + 9;
	got.key.n = 60;
	MST_STR_SET(got.enrolee_id, "//sp.example.com/CSE0001");
	assert_true(mst_maf_decide_fetched(KEID, &got, &o.w, &o.conf, NOW, &c, &what, why));
	assert_string_equal(c.client_id, "//sp.example.com/CSE0001");
	assert_string_equal(c.via, "mef.example.com");
	assert_int_equal(c.expires, NOW + 9);
	assert_int_equal(c.state, MST_CRED_PENDING);

	got.lifetime = NOW;
	assert_false(mst_maf_decide_fetched(KEID, &got, &o.w, &o.conf, NOW, &c, &what, why));
	got.lifetime = NOW + 9;
	got.enrolee_id[0] = 0;
	assert_false(mst_maf_decide_fetched(KEID, &got, &o.w, &o.conf, NOW, &c, &what, why));
	MST_STR_SET(got.enrolee_id, "//sp.example.com/CSE0001");
	o.w.node.state = MST_NODE_REVOKED;
	assert_false(mst_maf_decide_fetched(KEID, &got, &o.w, &o.conf, NOW, &c, &what, why));
	assert_non_null(strstr(why, "revoked"));
	o.w.node.state = MST_NODE_KNOWN;
	got.end = MST_FETCH_UNREACHABLE;
	assert_false(mst_maf_decide_fetched(KEID, &got, &o.w, &o.conf, NOW, &c, &what, why));
	assert_non_null(strstr(why, "not reachable"));
	got.end = MST_FETCH_OK;
	assert_false(mst_maf_decide_fetched("A@other.example.com", &got, &o.w, &o.conf, NOW, &c, &what, why));
}

/* A MEF vouches for the clients of the providers that are listed for it, and for nobody else's. */
static void maf_vouching(void **state)
{
	static const struct { const char *listed[2], *enrolee; bool good; } row[] = {
		{ { NULL }, "//sp.example.com/CSE0001", true },
		{ { NULL }, "urn:dev:ops:1", true },
		{ { "sp.example.com" }, "//sp.example.com/CSE0001", true },
		{ { "sp.example.com" }, "//SP.example.com/CSE0001", true },
		{ { "other.example.com", "sp.example.com" }, "//sp.example.com/CSE1/C19", true },
		{ { "other.example.com" }, "//sp.example.com/CSE0001", false },
		{ { "example.com" }, "//sp.example.com/CSE0001", false },
		{ { "sp.example.com" }, "//sp.example.com.evil.example/CSE0001", false },
		{ { "sp.example.com" }, "//sp.example.comCSE0001", false },
		{ { "sp.example.com" }, "/sp.example.com/CSE0001", false },
		{ { "sp.example.com" }, "sp.example.com", false },
		{ { "sp.example.com" }, "urn:dev:ops:1", false },
		{ { "sp.example.com" }, "//", false },
	};
	static struct mst_fetch_result got;
	static struct world o;
	struct mst_credential c;
	const char *what;
	char why[200];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		maf_world(&o, MST_CALL_REG_GET, true);
		got.end = MST_FETCH_OK;
		got.lifetime = NOW + 9;
		got.key.n = 60;
		MST_STR_SET(got.enrolee_id, row[i].enrolee);
		for (size_t k = 0; k < 2 && row[i].listed[k]; k++)
			MST_STR_SET(o.conf.mef[0].sp[o.conf.mef[0].n_sp++], row[i].listed[k]);
		if (mst_maf_decide_fetched(KEID, &got, &o.w, &o.conf, NOW, &c, &what, why) != row[i].good)
			fail_msg("%s listed, %s", row[i].listed[0], row[i].enrolee);
		if (!row[i].good) {
			assert_string_equal(what, "vouch-refused");
			assert_non_null(strstr(why, "maf.mefs"));
		}
	}
}

/* No key leaves for what it is not, and no fetch goes out for what names nobody. */
static void maf_lookup_of_others(void **state)
{
	static struct mst_maf_lookup l;
	static struct world o;
	struct mst_credential c;

	(void)state;
	maf_world(&o, MST_CALL_REG_GET, false);
	for (enum mst_key_purpose p = MST_PURPOSE_KPM; p < MST_PURPOSE__COUNT; p++) {
		c = o.w.cred;
		c.purpose = p;
		mst_maf_decide_lookup(KMID, &c, &o.w, &o.conf, NOW, &l);
		assert_int_equal(l.release.wanted, p == MST_PURPOSE_KM);
		assert_int_equal(l.outcome, p == MST_PURPOSE_KM ? 0 : MST_PSK_UNKNOWN);
		if (p != MST_PURPOSE_KM)
			assert_non_null(strstr(l.why, "not for this use"));
	}
	mst_maf_decide_lookup("nobody", NULL, NULL, &o.conf, NOW, &l);
	assert_true(l.outcome == MST_PSK_UNKNOWN && !l.fetch.uri[0]);
	assert_non_null(strstr(l.why, "no key identifier"));
}

/* What a MEF's answer lacks, or says too much of; and no key lasts beyond the subscription (TS-0003 10.7). */
static void maf_fetched_bounds(void **state)
{
	static struct mst_fetch_result got;
	static struct world o;
	struct mst_credential c;
	const char *what;
	char why[200];

	(void)state;
	maf_world(&o, MST_CALL_REG_GET, true);
	got = (struct mst_fetch_result){ .end = MST_FETCH_OK, .lifetime = NOW + 400 * DAY };
	MST_STR_SET(got.enrolee_id, "//sp.example.com/CSE0001");
	assert_false(mst_maf_decide_fetched(KEID, &got, &o.w, &o.conf, NOW, &c, &what, why));
	assert_non_null(strstr(why, "no key"));
	got.key.n = 60;
	assert_true(mst_maf_decide_fetched(KEID, &got, &o.w, &o.conf, NOW, &c, &what, why));
	assert_true(c.expires == o.w.sub.not_after && c.expires < got.lifetime);
	o.w.has_sub = o.w.has_node = false;          /* a client of another installation: its MEF's word alone */
	assert_true(mst_maf_decide_fetched(KEID, &got, &o.w, &o.conf, NOW, &c, &what, why));
	assert_true(c.expires == got.lifetime && !c.node);
	MST_STR_SET(got.enrolee_id, "//sp.example.com/CSE\x1b[2J");
	assert_false(mst_maf_decide_fetched(KEID, &got, &o.w, &o.conf, NOW, &c, &what, why));
	assert_non_null(strstr(why, "no enrolee"));
}

/*
 * A registration with another stakeholder than the client's provider: the root key was not made for it, and is neither named in it
 * nor dies with it. After a move that is what the one with the former provider is.
 */
static void maf_beside(void **state)
{
	static struct world o;

	(void)state;
	/* with its provider: the key goes back, what came of the same enrolment with it */
	maf_world(&o, MST_CALL_REG_DELETE, false);
	MST_STR_SET(o.w.cred.via, KEID);
	add_other(&o, KEID, "mef.example.com", MST_CRED_ACTIVE, NOW - 100);
	add_other(&o, KMID, KEID, MST_CRED_ACTIVE, NOW - 100);
	assert_int_equal(run(&o), 2002);
	assert_true(o.v.n_drop == 2 && !strcmp(o.v.drop[0], KMID) && !strcmp(o.v.drop[1], KEID));
	/* the registration names another key of this client than the session's: both go */
	MST_STR_SET(o.r.reg.key_id, "EE@maf.example.com");
	assert_int_equal(run(&o), 2002);
	assert_true(o.v.n_drop == 3 && !strcmp(o.v.drop[0], "EE@maf.example.com") && !strcmp(o.v.drop[2], KMID));
	/* the node has moved to another provider: this one is the former's, and the new key lives */
	MST_STR_SET(o.r.reg.key_id, KMID);
	MST_STR_SET(o.w.sub.sp_fqdn, "new.example.com");
	assert_int_equal(run(&o), 2002);
	assert_string_equal(o.v.drop_reg, "reg-1");
	assert_int_equal(o.v.n_drop, 0);
	/* letters' case is no other provider */
	MST_STR_SET(o.w.sub.sp_fqdn, "SP.Example.com");
	assert_int_equal(run(&o), 2002);
	assert_int_equal(o.v.n_drop, 2);
	/* of whom no subscription is known there is none beside */
	o.w.has_sub = o.w.has_node = false;
	o.w.kind = MST_WHO_CLIENT;
	assert_int_equal(run(&o), 2002);
	assert_int_equal(o.v.n_drop, 2);
	/* registering: the key's name goes into the one with the provider alone */
	for (int other = 0; other < 2; other++) {
		maf_world(&o, MST_CALL_REGISTER, false);
		o.conf.n_stakeholder = 1;
		MST_STR_SET(o.conf.stakeholder[0], "mte.example.com");
		if (other)
			o.c.reg.admin_fqdn = V("mte.example.com");
		assert_int_equal(run(&o), 2001);
		assert_string_equal(o.v.reg.key_id, other ? "" : KMID);
		assert_false(o.v.insert_cred);
	}
}

/* After a move what the node had from its former provider is not what a first use replaces: it goes, but is not taken for the old key. */
static void maf_first_use_after_a_move(void **state)
{
	static struct world o;

	(void)state;
	maf_world(&o, MST_CALL_REG_GET, false);
	o.w.cred.state = MST_CRED_PENDING;
	add_other(&o, "FF@maf.example.com", "x@mef.example.com", MST_CRED_ACTIVE, NOW - 900);
	o.r.other[0].elsewhere = true;
	add_other(&o, "BB@maf.example.com", "y@mef.example.com", MST_CRED_ACTIVE, NOW - 800);
	add_other(&o, KMID, KEID, MST_CRED_PENDING, NOW - 100);
	assert_int_equal(run(&o), 2000);
	assert_string_equal(o.v.revoke, "BB@maf.example.com");
	assert_true(o.v.n_drop == 1 && !strcmp(o.v.drop[0], "FF@maf.example.com"));
}

/* --- default deny: every operation, both roles, every kind of caller --- */

static bool may_release(enum mst_role role, enum mst_call_what what, enum mst_who_kind kind)
{
	return (role == MST_ROLE_MEF && what == MST_CALL_FETCH && kind == MST_WHO_MAF) ||
	       (role == MST_ROLE_MEF && what == MST_CALL_KEY_GET && kind == MST_WHO_MAF) ||
	       (what == MST_CALL_KEY_GET && (kind == MST_WHO_NODE || (role == MST_ROLE_MAF && kind == MST_WHO_CLIENT)));
}

/* TS-0003 8.8.2.7 (spec 5.3, 5.4): which SUIDs, how many targets of which kind, whose key it is. */
static void maf_key_registration(void **state)
{
	static const struct { int suid; uint16_t n; const char *target[3]; int rsc; } cases[] = {
		{ 32, 1, { "//sp.example.com/CSE2" }, 2001 },
		{ 32, 1, { "//SP.example.com/CSE2" }, 2001 },
		{ 33, 1, { "//sp.example.com/S98821" }, 2001 },
		{ 34, 1, { "//sp.example.com/CSE2" }, 2001 },
		{ 34, 3, { "//sp.example.com/CSE2", "//sp.example.com/S1", "//other.example/CSE9" }, 2001 },
		{ 35, 2, { "//sp.example.com/CSE2", "//sp.example.com/CSE3" }, 2001 },
		{ 32, 2, { "//sp.example.com/CSE2", "//sp.example.com/CSE3" }, 4000 },
		{ 33, 2, { "//sp.example.com/CSE2", "//sp.example.com/CSE3" }, 4000 },
		{ 32, 1, { "/CSE2" }, 4000 },
		{ 32, 1, { "maf.example.com" }, 4000 },
		{ 32, 0, { NULL }, 4000 },
		{ 34, 0, { NULL }, 4000 },
		{ 21, 1, { "//sp.example.com/CSE2" }, 4000 },
		{ 31, 1, { "//sp.example.com/CSE2" }, 4000 },
		{ 36, 1, { "//sp.example.com/CSE2" }, 4000 },
	};
	static struct world o;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		maf_world(&o, MST_CALL_KEY_REGISTER, false);
		o.r.has_cred = false;
		o.c.key.suid = cases[i].suid;
		o.c.key.n_targets = cases[i].n;
		for (size_t t = 0; t < cases[i].n; t++)
			o.c.key.targets[t] = V(cases[i].target[t]);
		if (!cases[i].n)
			o.c.key.has &= ~BIT(MST_KR_TARGETS);
		if (run(&o) != cases[i].rsc)
			fail_msg("case %zu: %d %s", i, o.v.rsc, o.v.why);
		if (o.v.rsc != 2001) {
			assert_true(no_effect(&o.v));
			continue;
		}
		/* Kc of this session, kept as it is; never in this answer */
		assert_true(o.v.keyreg.exporter && o.v.wrap_keyreg == MST_WRAP_EXPORT && !o.v.put_cred);
		assert_string_equal(o.v.keyreg.rel_key_id, REL);
		assert_false(o.v.release.wanted || (o.v.show & BIT(MST_KR_KEY)));
	}
}

static void maf_key_lifetime_and_room(void **state)
{
	static struct world o;

	(void)state;
	maf_world(&o, MST_CALL_KEY_REGISTER, false);
	o.r.has_cred = false;
	o.c.key.suid = 32;
	o.c.key.targets[0] = V("//sp.example.com/CSE2");
	o.c.key.et = NOW + 900 * DAY;
	o.w.cred.expires = NOW + 3 * DAY;
	assert_int_equal(run(&o), 2001);
	assert_int_equal(o.v.keyreg.expires, NOW + 3 * DAY);    /* TS-0003 10.7: not beyond Km */
	/* the second of one session, and without any export */
	o.r.has_keyreg = true;
	assert_int_equal(run(&o), 4105);
	o.r.has_keyreg = false;
	o.c.has_export = false;
	assert_int_equal(run(&o), 5000);
	/* a client that keeps registering: a limit of what lives, and what has ended makes room */
	o.c.has_export = true;
	o.r.n_keyregs = 32;
	assert_int_equal(run(&o), 4105);
	o.r.n_keyregs = 31;
	MST_STR_SET(o.r.stale_keyreg, "0F");
	assert_int_equal(run(&o), 2001);
	assert_string_equal(o.v.stale_keyreg, "0F");
	/* not registered here, or not any more: 8.8.2.7's precondition */
	o.r.reg.expires = NOW;
	assert_int_equal(run(&o), 4004);
	o.r.has_reg = false;
	assert_int_equal(run(&o), 4004);
	assert_true(no_effect(&o.v));
}

/* 8.8.2.8: the authenticated identity is on the list, whatever it calls itself. */
static void maf_key_retrieval(void **state)
{
	static struct world o;

	(void)state;
	maf_world(&o, MST_CALL_KEY_GET, false);
	o.r.has_cred = false;
	o.r.keyreg.suid = 32;
	o.r.keyreg.key.n = 40;
	MST_STR_SET(o.r.keyreg.client_id, "//sp.example.com/CSE0009");
	MST_STR_SET(o.r.keyreg.targets, "//sp.example.com/CSE0001");
	assert_int_equal(run(&o), 2000);
	assert_true(o.v.release.wanted && o.v.release.authorisation.what == MST_AUTH_RELEASE);
	assert_int_equal(o.v.release.how, MST_DERIVE_NONE);
	assert_string_equal(o.v.release.key_id, REL "@maf.example.com");
	assert_int_equal(o.v.show, BIT(MST_KR_ET) | BIT(MST_KR_SOURCE) | BIT(MST_KR_ADMIN) | BIT(MST_KR_SUID) | BIT(MST_KR_KEY));
	/* a prefix, a suffix, another case of the name: not the same name */
	for (size_t i = 0; i < 3; i++) {
		static const char *const other[] = { "//sp.example.com/CSE00011", "//sp.example.com/CSE000", "//sp.example.com/cse0001" };

		MST_STR_SET(o.r.keyreg.targets, other[i]);
		assert_int_equal(run(&o), 4103);
		assert_true(no_effect(&o.v) && !o.v.release.wanted);
	}
	/* the source does not get its own key back: it is no target */
	MST_STR_SET(o.r.keyreg.client_id, "//sp.example.com/CSE0001");
	assert_int_equal(run(&o), 4103);
	MST_STR_SET(o.r.keyreg.targets, "//sp.example.com/CSE2\n//sp.example.com/CSE0001");
	assert_int_equal(run(&o), 2000);
	o.r.owner.node.state = MST_NODE_REVOKED;
	assert_int_equal(run(&o), 4103);
	o.r.owner.node.state = MST_NODE_ENROLLED;
	o.r.owner.sub.state = MST_SUB_SUSPENDED;
	assert_int_equal(run(&o), 4128);
	o.r.owner.sub.state = MST_SUB_ACTIVE;
	o.r.keyreg.expires = NOW;
	assert_int_equal(run(&o), 4004);
	o.r.has_keyreg = false;
	assert_int_equal(run(&o), 4004);
}

static void maf_key_update(void **state)
{
	static struct world o;

	(void)state;
	maf_world(&o, MST_CALL_KEY_SET, false);
	o.r.has_cred = false;
	o.r.keyreg.suid = 34;
	o.c.key.has = BIT(MST_KR_TARGETS) | BIT(MST_KR_LBL);
	o.c.key.targets[0] = V("//sp.example.com/CSE2");
	o.c.key.targets[1] = V("//sp.example.com/CSE3");
	o.c.key.n_targets = 2;
	o.c.key.lbl[0] = V("a");
	o.c.key.n_lbl = 1;
	assert_int_equal(run(&o), 2004);
	assert_string_equal(o.v.keyreg.targets, "//sp.example.com/CSE2\n//sp.example.com/CSE3");
	assert_string_equal(o.v.keyreg.labels, "a");
	assert_int_equal(o.v.show, BIT(MST_KR_TARGETS) | BIT(MST_KR_LBL));      /* only what was asked for */
	o.r.keyreg.suid = 32;
	assert_int_equal(run(&o), 4000);
	/* an update may make it longer, but never beyond the key that authenticates */
	o.c.key.has = BIT(MST_KR_ET);
	o.c.key.et = NOW + 900 * DAY;
	assert_int_equal(run(&o), 2004);
	assert_int_equal(o.v.keyreg.expires, o.w.cred.expires);
	o.c.key.has = 0;
	assert_int_equal(run(&o), 4000);
	o.c.key.has = BIT(MST_KR_ET);
	o.r.reg.node = 8;
	assert_int_equal(run(&o), 4103);
}

static void default_deny(void **state)
{
	static struct world o;
	unsigned released = 0;

	(void)state;
	for (int role = 0; role < 2; role++)
		for (int what = 0; what < MST_CALL__COUNT; what++)
			for (int kind = MST_WHO_NOBODY; kind <= MST_WHO_CLIENT; kind++) {
				enum mst_role as = role ? MST_ROLE_MAF : MST_ROLE_MEF;

				if (role)
					maf_world(&o, (enum mst_call_what)what, false);
				else
					mef_world(&o, (enum mst_call_what)what);
				/* the most generous records: everything there, and the caller listed */
				mst_str_set(o.r.keyreg.targets, sizeof(o.r.keyreg.targets), "maf.example.com\n//sp.example.com/CSE0001");
				if (kind == MST_WHO_MAF)
					maf_who(&o.w);
				else
					node_who(&o.w);
				o.w.kind = (enum mst_who_kind)kind;
				o.c.from = V(kind == MST_WHO_MAF ? "maf.example.com" : "/CSE0001");
				run(&o);
				if (o.v.release.wanted || o.v.release.authorisation.what != MST_AUTH_NOTHING) {
					if (!may_release(as, (enum mst_call_what)what, (enum mst_who_kind)kind))
						fail_msg("role %d call %d kind %d released a key", role, what, kind);
					released++;
				}
				if (kind == MST_WHO_NOBODY)
					assert_true(o.v.rsc == 4103 && no_effect(&o.v));
				assert_true(o.v.rsc > 0);
			}
	/* fetch by a MAF; retrieval by a listed target: MAF or node at the MEF, node or client at the MAF */
	assert_int_equal(released, 5);
}

static void target_names(void **state)
{
	char out[MST_ID_MAX];

	(void)state;
	assert_true(mst_target_fqdn("MAF.example.com", out));
	assert_string_equal(out, "maf.example.com");
	assert_true(mst_target_fqdn("//sp.example.com/CSE0001", out));
	assert_string_equal(out, "CSE0001.sp.example.com");
	assert_true(mst_target_fqdn("//sp.example.com/CSE1/C19", out));
	assert_string_equal(out, "C19.CSE1.sp.example.com");
	assert_false(mst_target_fqdn("urn:dev:ops:1", out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maf_enrolment), cmocka_unit_test(maf_first_use), cmocka_unit_test(maf_lookup), cmocka_unit_test(a_mef_that_is_taken_out),
		cmocka_unit_test(maf_lookup_of_others), cmocka_unit_test(maf_fetched), cmocka_unit_test(maf_fetched_bounds),
		cmocka_unit_test(maf_vouching), cmocka_unit_test(maf_beside), cmocka_unit_test(maf_first_use_after_a_move), cmocka_unit_test(default_deny), cmocka_unit_test(target_names),
		cmocka_unit_test(maf_key_registration), cmocka_unit_test(maf_key_lifetime_and_room), cmocka_unit_test(maf_key_retrieval),
		cmocka_unit_test(maf_key_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
