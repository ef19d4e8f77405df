/*
 * A handshake with a pre-shared key tells its peer nothing of the identity by the time that it takes (lesson 21): a look-up asks of store and
 * keeper the same, whoever is looked up, and writes nothing when it refuses. The operator is told when the handshake has failed, and why.
 */
#include "role/test-rig.h"

#include <sqlite3.h>
#include <string.h>

#include "role/common/common.h"

#define KMID "00112233445566778899AABBCCDDEEFF@maf.example.com"
#define KEID "00112233445566778899AABBCCDDEEFF@mef.example.com"
#define KPM_ID "sensor-7@mef.example.com"
#define DOMAIN "bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@" DOMAIN
#define VIA "ua:01000100AE@bsf.operator.example"
#define ALONE "//sp.example.com/CSE0008"
#define ELSEWHERE "//elsewhere.example/CSE0001"

static struct rig r;
static unsigned statements;

/* --- what is asked of the store, at its lowest --- */

static int begun(unsigned what, void *arg, void *statement, void *text)
{
	(void)what;
	(void)arg;
	(void)statement;
	(void)text;
	statements++;
	return 0;
}

static int watch(sqlite3 *db, const char **error, const struct sqlite3_api_routines *api)
{
	(void)error;
	(void)api;
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, begun, NULL);
}

static void one_bsf(struct mst_role_conf *c)
{
	c->n_bsf = 1;
	strcpy(c->bsf[0].fqdn, "bsf.operator.example");
	strcpy(c->bsf[0].uri, "https://bsf.operator.example:8448");
	strcpy(c->bsf[0].domain[0], DOMAIN);
	c->bsf[0].n_domain = 1;
}

/* The name that its maker gave it, which is of no provider's realm, and the providers that it was with. */
static void by_its_maker(void)
{
	struct mst_identity name = { .kind = MST_ID_FQDN, .value = "dev5.maker.example", .node = r.node };

	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_identity_put(r.store, &name), 0);
	for (int64_t i = 1; i <= 2; i++)
		assert_int_equal(mst_store_past_put(r.store, &(struct mst_node_past){ .node = r.node, .last = i, .at = RIG_NOW, .sp_fqdn = "before.example" }), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

static int up(void **state)
{
	(void)state;
	assert_int_equal(sqlite3_auto_extension((void (*)(void))watch), SQLITE_OK);
	rig_up(&r);
	by_its_maker();
	r.suite = 0x00ae;
	one_bsf(&r.maf_conf);
	one_bsf(&r.mef_conf);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_down(&r);
	sqlite3_reset_auto_extension();
	return 0;
}

/* --- who is looked up --- */

enum owner { NODE, NO_SUBSCRIPTION, NO_NODE, NO_NODE_BY_URN };

static int64_t without_a_subscription(void)
{
	struct mst_node n = { .node_id = "urn:dev:ops:1-a-8", .cse_id = ALONE, .state = MST_NODE_KNOWN, .created = RIG_NOW };

	if (!mst_store_node_find(r.store, ALONE, &n))
		return n.id;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_insert(r.store, &n), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	return n.id;
}

static void put(enum mst_role role, const char *key_id, enum mst_key_purpose purpose, enum owner owner, enum mst_cred_state state, mst_time expires)
{
	static const char *const names[] = { [NODE] = RIG_CSE, [NO_SUBSCRIPTION] = ALONE, [NO_NODE] = ELSEWHERE, [NO_NODE_BY_URN] = "urn:dev:ops:1-a-9" };
	struct mst_credential c = { .purpose = purpose, .state = state, .expires = expires, .created = RIG_NOW,
				    .node = owner == NODE ? r.node : owner == NO_SUBSCRIPTION ? without_a_subscription() : 0 }, had;
	struct mst_wrapped sealed = rig_seal(0x42, purpose);
	bool there = mst_store_cred_get(r.store, role, key_id, &had) == 0;

	memcpy(c.client_id, names[owner], strlen(names[owner]) + 1);
	memcpy(c.key_id, key_id, strlen(key_id) + 1);
	if (strstr(key_id, DOMAIN))
		strcpy(c.via, VIA);
	assert_int_equal(r.keeper->ops->wrap(r.keeper, RIG_CHANNEL, (struct mst_view){ sealed.b, sealed.n }, purpose, key_id, &c.key), 0);
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_cred_put(r.store, role, &c, !there), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

static void set_node(enum mst_node_state s)
{
	struct mst_node n;

	assert_int_equal(mst_store_node_get(r.store, r.node, &n), 0);
	n.state = s;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_update(r.store, &n), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

/* --- what it took --- */

/* With what is stored and told as it was; the keeper's one question is for a key that is given, which the engine asks after the group, or nobody's. */
static unsigned took(enum mst_role role, const char *identity, int outcome)
{
	static char before[65536], after[65536];
	struct mst_event first = { .seq = 0 }, last = { .seq = 0 };
	struct mst_psk_answer a;
	unsigned asked = r.created, n;

	(void)rig_last_event(&r, &first);
	rig_fingerprint(&r, before, sizeof(before));
	statements = 0;
	if (rig_lookup_at(&r, role, identity, &a) != outcome)
		fail_msg("%s", identity);
	n = statements;
	rig_fingerprint(&r, after, sizeof(after));
	assert_string_equal(before, after);
	(void)rig_last_event(&r, &last);
	if (last.seq != first.seq)
		fail_msg("%s: told before its handshake has failed: %s", identity, last.why);
	assert_true(a.release.wanted == !outcome);
	if (r.created - asked + a.release.wanted != 1)
		fail_msg("%s: %u questions to the keeper", identity, r.created - asked + a.release.wanted);
	assert_true(n > 2);                                      /* BEGIN, COMMIT */
	return n;
}

static void like(unsigned n, enum mst_role role, const char *identity, int outcome, const char *what)
{
	unsigned m = took(role, identity, outcome);

	if (m != n)
		fail_msg("%s, %s: %u statements, and not %u", identity, what, m, n);
}

static void why(enum mst_role role, const char *identity, const char *words, int64_t node)
{
	struct mst_event e = rig_failed(&r, role, identity);

	if (!strstr(e.why, words) || e.node != node)
		fail_msg("%s: node %lld, %s", identity, (long long)e.node, e.why);
}

/* --- the MAF --- */

static void of_a_maf(void **state)
{
	unsigned n;

	(void)state;
	put(MST_ROLE_MAF, KMID, MST_PURPOSE_KM, NODE, MST_CRED_ACTIVE, RIG_NOW + RIG_DAY);
	put(MST_ROLE_MAF, KEID, MST_PURPOSE_KM, NODE, MST_CRED_PENDING, RIG_NOW + RIG_DAY);
	n = took(MST_ROLE_MAF, KMID, 0);
	like(n, MST_ROLE_MAF, KEID, 0, "a KeID");
	like(n, MST_ROLE_MAF, "A0" KMID, MST_PSK_UNKNOWN, "unknown");
	like(n, MST_ROLE_MAF, "no identifier", MST_PSK_UNKNOWN, "none");
	like(n, MST_ROLE_MAF, "x@mef.evil.example", MST_PSK_UNKNOWN, "of a MEF that is not ours");
	why(MST_ROLE_MAF, KMID, "identity known, key wrong", 0);
	why(MST_ROLE_MAF, "A0" KMID, "unknown key identifier of this MAF", 0);
	why(MST_ROLE_MAF, "no identifier\x01", "the identity is no key identifier", 0);
	why(MST_ROLE_MAF, "x@mef.evil.example", "names no MEF that is configured here", 0);
	put(MST_ROLE_MAF, KMID, MST_PURPOSE_KM, NODE, MST_CRED_REVOKED, RIG_NOW + RIG_DAY);
	like(n, MST_ROLE_MAF, KMID, MST_PSK_UNKNOWN, "revoked");
	why(MST_ROLE_MAF, KMID, "the key is revoked", r.node);
	put(MST_ROLE_MAF, KMID, MST_PURPOSE_KM, NODE, MST_CRED_ACTIVE, RIG_NOW);
	like(n, MST_ROLE_MAF, KMID, MST_PSK_UNKNOWN, "expired");
	why(MST_ROLE_MAF, KMID, "the key has expired", r.node);
	put(MST_ROLE_MAF, KMID, MST_PURPOSE_KPM, NODE, MST_CRED_ACTIVE, RIG_NOW + RIG_DAY);
	like(n, MST_ROLE_MAF, KMID, MST_PSK_UNKNOWN, "of another use");
	why(MST_ROLE_MAF, KMID, "not for this use", r.node);
	set_node(MST_NODE_SUSPENDED);
	like(n, MST_ROLE_MAF, KEID, MST_PSK_UNKNOWN, "suspended");
	why(MST_ROLE_MAF, KEID, "suspended", r.node);
}

/* A client may be in no registry here, or a node without a subscription. */
static void whosever_it_is(void **state)
{
	static const enum owner owners[] = { NODE, NO_SUBSCRIPTION, NO_NODE, NO_NODE_BY_URN };
	static const struct { enum mst_role role; const char *id; enum mst_key_purpose purpose; } kinds[] = {
		{ MST_ROLE_MAF, KMID, MST_PURPOSE_KM }, { MST_ROLE_MAF, BTID, MST_PURPOSE_KM }, { MST_ROLE_MEF, BTID, MST_PURPOSE_KPM },
	};

	(void)state;
	for (size_t k = 0; k < MST_COUNT(kinds); k++) {
		unsigned n = 0, m;

		for (size_t i = 0; i < MST_COUNT(owners); i++) {
			put(kinds[k].role, kinds[k].id, kinds[k].purpose, owners[i], MST_CRED_ACTIVE, RIG_NOW + RIG_DAY);
			m = took(kinds[k].role, kinds[k].id, owners[i] == NO_SUBSCRIPTION ? MST_PSK_UNKNOWN : 0);
			if (n && m != n)
				fail_msg("%s of owner %zu: %u statements, and not %u", kinds[k].id, i, m, n);
			n = m;
			put(kinds[k].role, kinds[k].id, kinds[k].purpose, owners[i], MST_CRED_REVOKED, RIG_NOW + RIG_DAY);
			like(n, kinds[k].role, kinds[k].id, MST_PSK_UNKNOWN, "revoked");
		}
		if (k + 1 < MST_COUNT(kinds)) {
			rig_down(&r);
			up(NULL);
		}
	}
}

/* --- B-TIDs --- */

static void of_gba(enum mst_role role, enum mst_key_purpose purpose)
{
	unsigned n;

	put(role, BTID, purpose, NODE, MST_CRED_ACTIVE, RIG_NOW + RIG_DAY);
	n = took(role, BTID, 0);
	like(n, role, "3GPP-bootstrapping;a@elsewhere.example", MST_PSK_UNKNOWN, "of a BSF that is not ours");
	like(n, role, "3GPP-bootstrapping-uicc;" BTID, MST_PSK_UNKNOWN, "of the card");
	why(role, BTID, "B-TID known, key wrong", 0);
	why(role, "x" BTID, "B-TID unknown", 0);
	why(role, "3GPP-bootstrapping;a@elsewhere.example", "of no BSF that is configured here", 0);
	why(role, "3GPP-bootstrapping-uicc;" BTID, "stay in the card", 0);
	put(role, BTID, purpose, NODE, MST_CRED_REVOKED, RIG_NOW + RIG_DAY);
	like(n, role, BTID, MST_PSK_UNKNOWN, "revoked");
	why(role, BTID, "the key is revoked", r.node);
	put(role, BTID, purpose, NODE, MST_CRED_ACTIVE, RIG_NOW);
	like(n, role, BTID, MST_PSK_UNKNOWN, "ended");
	why(role, "3GPP-bootstrapping;" BTID, "bootstrap anew", r.node);
	put(role, BTID, purpose, NODE, MST_CRED_ACTIVE, RIG_NOW + RIG_DAY);
	set_node(MST_NODE_REVOKED);
	like(n, role, BTID, MST_PSK_UNKNOWN, "of a node that is revoked");
	why(role, BTID, "revoked", r.node);
}

static void btids_at_a_maf(void **state)
{
	(void)state;
	of_gba(MST_ROLE_MAF, MST_PURPOSE_KM);
}

static void btids_at_a_mef(void **state)
{
	(void)state;
	of_gba(MST_ROLE_MEF, MST_PURPOSE_KPM);
}

/* --- makers' secrets --- */

static void of_makers(void **state)
{
	static const enum mst_role roles[] = { MST_ROLE_MEF, MST_ROLE_BBN };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(roles); i++) {
		unsigned n;

		put(MST_ROLE_SECRETS, KPM_ID, MST_PURPOSE_KPM, NODE, MST_CRED_ACTIVE, MST_NEVER);
		n = took(roles[i], KPM_ID, 0);
		like(n, roles[i], "sensor-8@mef.example.com", MST_PSK_UNKNOWN, "unknown");
		like(n, roles[i], "no identifier", MST_PSK_UNKNOWN, "none");
		put(MST_ROLE_SECRETS, KPM_ID, MST_PURPOSE_KPM, NODE, MST_CRED_REVOKED, MST_NEVER);
		like(n, roles[i], KPM_ID, MST_PSK_UNKNOWN, "revoked");
		put(MST_ROLE_SECRETS, KPM_ID, MST_PURPOSE_KPM, NODE, MST_CRED_ACTIVE, RIG_NOW);
		like(n, roles[i], KPM_ID, MST_PSK_UNKNOWN, "expired");
		put(MST_ROLE_SECRETS, KPM_ID, MST_PURPOSE_KPM, NO_SUBSCRIPTION, MST_CRED_ACTIVE, MST_NEVER);
		like(n, roles[i], KPM_ID, 0, "of a node without a subscription");
		put(MST_ROLE_SECRETS, KPM_ID, MST_PURPOSE_KPM, NODE, MST_CRED_ACTIVE, MST_NEVER);
		r.mef_conf.no_secrets = r.bbn_conf.no_secrets = true;
		like(n, roles[i], KPM_ID, MST_PSK_UNKNOWN, "switched off");
		r.mef_conf.no_secrets = r.bbn_conf.no_secrets = false;
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = { T(of_a_maf), T(whosever_it_is), T(btids_at_a_maf), T(btids_at_a_mef), T(of_makers) };

	return cmocka_run_group_tests_name("alike", tests, NULL, NULL);
}
