/* Enrolment with the secret that a node's maker gave it (TS-0003 8.3.2.1), at the MEF as a listener sees it. */
#include "role/test-rig.h"

#include <stdio.h>
#include <string.h>

#include "role/common/common.h"

#define KPM_ID "sensor-7@mef.example.com"
#define KM_ID "22222222222222222222222222222222@maf.example.com"
#define REG "{\"sec:mefClientReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\"}}"
#define KEY "{\"sec:symmKeyReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":21," \
	    "\"targetIDs\":[\"maf.example.com\"]}}"
#define VALUE "{\"sec:symmKeyReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":24," \
	      "\"targetIDs\":[\"//sp.example.com/CSE0002\"]}}"

static struct rig r;
static char before[65536], after[65536];

static void put_secret(enum mst_cred_state state, mst_time expires)
{
	struct mst_credential c = { .key_id = KPM_ID, .purpose = MST_PURPOSE_KPM, .state = state, .expires = expires,
				    .client_id = RIG_CSE, .node = r.node };
	struct mst_wrapped sealed = rig_seal(0x42, MST_PURPOSE_KPM);
	struct mst_credential had;
	bool there = mst_store_cred_get(r.store, MST_ROLE_SECRETS, KPM_ID, &had) == 0;

	assert_int_equal(r.keeper->ops->wrap(r.keeper, RIG_CHANNEL, (struct mst_view){ sealed.b, sealed.n }, c.purpose, c.key_id, &c.key), 0);
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_cred_put(r.store, MST_ROLE_SECRETS, &c, !there), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

static int up(void **state)
{
	(void)state;
	rig_up(&r);
	put_secret(MST_CRED_ACTIVE, MST_NEVER);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_down(&r);
	return 0;
}

static int enrol(const char *identity)
{
	rig_peer_psk(&r, identity);
	return rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, 0xa1, REG);
}

/* What the operator reads when a handshake with this identity has failed. */
static const char *told_by(const struct mst_role_ops *role, const char *identity, enum mst_tls_end why, const char *detail)
{
	static struct mst_event e;
	struct mst_role_env env = rig_env(&r, role->role);

	rig_peer_psk(&r, identity);
	assert_int_equal(role->handshake_failed(&env, &r.x.peer, why, detail), 0);
	assert_true(rig_last_event(&r, &e));
	assert_string_equal(e.what, role->role == MST_ROLE_MEF ? "mef.handshake-failed" : "maf.handshake-failed");
	assert_string_equal(e.who, identity);
	return e.why;
}

static const char *told(const char *identity)
{
	return told_by(&mst_role_mef, identity, MST_TLS_PSK_REFUSED, "");
}

static void enrolled(void **state)
{
	char ri[64], reg[128], path[160];
	struct mst_psk_answer a;
	struct mst_node n;

	(void)state;
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, "sensor-7@MEF.example.com", &a), 0);
	assert_true(a.release.wanted);
	assert_int_equal(a.release.purpose, MST_PURPOSE_KPM);
	assert_string_equal(a.release.authorisation.key_id, KPM_ID);
	assert_string_equal(a.release.authorisation.to, RIG_CSE);
	assert_int_equal(enrol(KPM_ID), 2001);
	assert_non_null(strstr(r.text, "\"clientID\":\"//sp.example.com/CSE0001\""));
	snprintf(reg, sizeof(reg), "/MEFBase/%s", rig_member(&r, "ri", ri, sizeof(ri)));
	snprintf(path, sizeof(path), "%s/cfg", reg);
	rig_peer_psk(&r, KPM_ID);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, path, "/CSE0001", 0, 0, NULL), 2000);
	assert_non_null(strstr(r.text, "\"mafFQDN\":\"maf.example.com\""));
	rig_peer_psk(&r, KPM_ID);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", "/CSE0001", MST_TY_SYMM_KEY_REG, 0xa1, KEY), 2001);
	/* the same registration however the node proves itself: by certificate it goes on where it is */
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, reg, "/CSE0001", 0, 0, NULL), 2000);
	/* the key is Ke of the session, and the MAF gets one made from it */
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/fetchCredentials/A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1@mef.example.com/21",
	                        "maf.example.com", 0, 0, NULL), 2000);
	assert_true(r.has_handed);
	assert_int_not_equal(r.handed[0], 0x42);
	assert_int_equal(mst_store_node_get(r.store, r.node, &n), 0);
	assert_int_equal(n.state, MST_NODE_ENROLLING);
	/* lesson 25: who the channel says it is, not who From says */
	rig_peer_psk(&r, KPM_ID);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, reg, "/CSE0009", 0, 0, NULL), MST_RSC_NOT_AUTHENTICATED);
	/* and the secret is none of the MAF's keys */
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MAF, KPM_ID, &a), MST_PSK_FETCH);
	assert_false(a.release.wanted);
}

/* Lesson 21: the peer learns nothing, not even from the work that was done; the operator learns all. */
static void not_told_apart(void **state)
{
	struct mst_psk_answer a;
	unsigned asked = r.created;
	struct mst_event first, e;

	(void)state;
	assert_int_equal(enrol(KPM_ID), 2001);
	assert_true(rig_last_event(&r, &first));
	rig_fingerprint(&r, before, sizeof(before));
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, KPM_ID, &a), 0);
	assert_true(a.release.wanted);                           /* one question to the keeper, after the lookup */
	assert_int_equal(r.created, asked);
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, "sensor-8@mef.example.com", &a), MST_PSK_UNKNOWN);
	assert_false(a.release.wanted);
	assert_int_equal(r.created, asked + 1);                  /* and one here, in its place */
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, "no identifier", &a), MST_PSK_UNKNOWN);
	assert_int_equal(r.created, asked + 2);
	rig_fingerprint(&r, after, sizeof(after));
	assert_string_equal(before, after);
	assert_true(rig_last_event(&r, &e));
	assert_int_equal(e.seq, first.seq);                      /* neither writes, so neither waits for the disk */

	assert_non_null(strstr(told(KPM_ID), "identity known, key wrong"));
	assert_non_null(strstr(told("sensor-8@mef.example.com"), "identity unknown"));
	put_secret(MST_CRED_REVOKED, MST_NEVER);
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, KPM_ID, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(told(KPM_ID), "its secret is revoked"));
	assert_int_equal(enrol(KPM_ID), MST_RSC_NO_PRIVILEGE);   /* a session that was open when it was revoked */
	put_secret(MST_CRED_ACTIVE, RIG_NOW);
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, KPM_ID, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(told(KPM_ID), "its secret has expired"));
}

/* Lesson 27: each method by itself. */
static void switches(void **state)
{
	struct mst_event e;

	(void)state;
	r.mef_conf.no_node_certs = true;
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, 0xa2, REG), MST_RSC_NO_PRIVILEGE);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "mef.node_certificates"));
	assert_int_equal(enrol(KPM_ID), 2001);
	/* MAFs have certificates all the same */
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/fetchCredentials/A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1@mef.example.com/21",
	                        "maf.example.com", 0, 0, NULL), 2000);
}

static const char *last_why(void)
{
	static struct mst_event e;

	assert_true(rig_last_event(&r, &e));
	return e.why;
}

/* Nor does a BSF, for whose B-TIDs handshakes by key go on, leave a door open for secrets: in a new session, or in one from before. */
static void switched_off_beside_a_bsf(void **state)
{
	struct mst_psk_answer a;
	unsigned asked = r.created;

	(void)state;
	r.mef_conf.n_bsf = 1;
	strcpy(r.mef_conf.bsf[0].fqdn, "bsf.operator.example");
	strcpy(r.mef_conf.bsf[0].domain[0], "bsf.mnc001.mcc001.pub.3gppnetwork.org");
	r.mef_conf.bsf[0].n_domain = 1;
	r.mef_conf.no_secrets = true;
	rig_fingerprint(&r, before, sizeof(before));
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, KPM_ID, &a), MST_PSK_UNKNOWN);
	assert_false(a.release.wanted);
	assert_int_equal(r.created, asked + 1);                  /* as of one that is not known */
	assert_non_null(strstr(told(KPM_ID), "mef.psk"));
	assert_int_equal(enrol(KPM_ID), MST_RSC_NO_PRIVILEGE);
	assert_non_null(strstr(last_why(), "mef.psk"));
	rig_fingerprint(&r, after, sizeof(after));
	assert_string_equal(before, after);
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, "x@bsf.mnc001.mcc001.pub.3gppnetwork.org", &a), MST_PSK_FETCH);
	r.mef_conf.no_secrets = false;
	assert_int_equal(enrol(KPM_ID), 2001);
}

/* A session from before is nobody's there, so public rules alone answer it. */
static void switched_off_at_the_briefing_node(void **state)
{
	static struct mst_who w;
	struct mst_role_env env = rig_env(&r, MST_ROLE_BBN);
	struct mst_psk_answer a;

	(void)state;
	rig_peer_psk(&r, KPM_ID);
	for (int off = 0; off < 2; off++) {
		r.bbn_conf.no_secrets = off;
		assert_int_equal(rig_lookup_at(&r, MST_ROLE_BBN, KPM_ID, &a), off ? MST_PSK_UNKNOWN : 0);
		assert_int_equal(mst_role_identify(&env, MST_ROLE_BBN, &r.x.peer, &w), 0);
		assert_int_equal(w.kind, off ? MST_WHO_NOBODY : MST_WHO_NODE);
		assert_int_equal(strstr(w.why, "bbn.psk") != NULL, off);
	}
}

/* Entered as a node without a certificate: no maker's CA can make one for it, and it has no other way in. */
static void no_certificate(void **state)
{
	struct mst_identity i = { .kind = MST_ID_NODE, .value = RIG_NODE, .node = r.node };
	struct mst_event e;

	(void)state;
	memcpy(i.anchor, mst_anchor_none, sizeof(i.anchor));
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_identity_put(r.store, &i), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, 0xa2, REG), MST_RSC_NO_PRIVILEGE);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "without a certificate"));
	assert_int_equal(enrol(KPM_ID), 2001);
}

/* Lesson 26: not as a registered key either, by whichever way the node has authenticated. */
static int register_value(enum mst_role role, uint8_t fill)
{
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	r.x.role = role;
	r.x.channel = RIG_CHANNEL;
	r.x.has_key_value = true;
	r.x.key_value = rig_seal(fill, MST_PURPOSE_KEYREG);
	r.x.request = (struct mst_request){ .op = MST_OP_CREATE, .to = mst_view_str("/MEFBase"), .from = mst_view_str("/CSE0001"),
		.rqi = mst_view_str("r"), .rvi = mst_view_str("3"), .ty = MST_TY_SYMM_KEY_REG, .content = mst_view_str(VALUE),
		.media = mst_view_str("application/json") };
	return rig_handle(&r, role);
}

static void no_service_key(void **state)
{
	struct mst_event e;

	(void)state;
	assert_int_equal(enrol(KPM_ID), 2001);
	rig_fingerprint(&r, before, sizeof(before));
	assert_int_equal(register_value(MST_ROLE_MEF, 0x42), MST_RSC_BAD_REQUEST);
	rig_fingerprint(&r, after, sizeof(after));
	assert_string_equal(before, after);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "the secret that the node's maker gave it"));
	assert_int_equal(register_value(MST_ROLE_MEF, 0x43), 2001);
	/* one that is no longer good is still known to the maker */
	put_secret(MST_CRED_REVOKED, MST_NEVER);
	assert_int_equal(register_value(MST_ROLE_MEF, 0x42), MST_RSC_BAD_REQUEST);
}

/* A suspended subscription: the handshake tells nothing of it, the answer is that of every node. */
static void suspended(void **state)
{
	struct mst_subscription s;
	struct mst_psk_answer a;

	(void)state;
	assert_int_equal(mst_store_sub_get(r.store, "sub-secret", &s), 0);
	s.state = MST_SUB_SUSPENDED;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_sub_put(r.store, &s, false), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, KPM_ID, &a), 0);
	rig_fingerprint(&r, before, sizeof(before));
	assert_int_equal(enrol(KPM_ID), MST_RSC_SUBSCRIPTION_NOT_ESTABLISHED);
	rig_fingerprint(&r, after, sizeof(after));
	assert_string_equal(before, after);
}

/* A node that is suspended, or whose secret is revoked. */
static void ends(void)
{
	struct mst_node n;

	assert_int_equal(mst_store_node_get(r.store, r.node, &n), 0);
	n.state = MST_NODE_SUSPENDED;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_update(r.store, &n), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	put_secret(MST_CRED_REVOKED, MST_NEVER);
}

/*
 * The key was right, and whose it is was cut off before the handshake was over: by a move or a release with a grace the key stands, so nothing is wrong with
 * it; else it is said why it does not.
 */
static void cut_off(void **state)
{
	static const struct { const struct mst_role_ops *role; const char *identity, *why; } rows[] = {
		{ &mst_role_mef, KPM_ID, "its secret is revoked" }, { &mst_role_maf, KM_ID, "the node is suspended" },
	};
	struct mst_credential km = { .key_id = KM_ID, .purpose = MST_PURPOSE_KM, .key = { { 7 }, 1 }, .state = MST_CRED_ACTIVE, .created = RIG_NOW,
				     .expires = RIG_NOW + RIG_DAY, .client_id = RIG_CSE, .node = r.node };
	const char *why;

	(void)state;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_cred_put(r.store, MST_ROLE_MAF, &km, true), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	for (int over = 0; over < 2; over++) {
		for (size_t i = 0; i < MST_COUNT(rows); i++) {
			why = told_by(rows[i].role, rows[i].identity, MST_TLS_CUT, "the key was right");
			assert_true(strstr(why, "cut off") == why && !strstr(why, "wrong") && !strstr(why, "check"));
			assert_non_null(strstr(why, ": the key was right from [::1]:4712; what to do: nothing, if it was meant: a node whose secret was replaced needs the new one"));
			assert_int_equal(strstr(why, rows[i].why) != NULL, over);
			/* one that has not shown the key is told as ever */
			why = told_by(rows[i].role, rows[i].identity, MST_TLS_PSK_REFUSED, "");
			assert_non_null(strstr(why, over ? rows[i].why : "identity known, key wrong"));
		}
		ends();
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = { T(enrolled), T(not_told_apart), T(switches), T(switched_off_beside_a_bsf),
					    T(switched_off_at_the_briefing_node), T(no_certificate), T(no_service_key), T(suspended), T(cut_off) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
