/* A node that has moved to another provider: who it is at MEF and MAF, by what it had, and what is on its way meanwhile. */
#include "role/test-rig.h"

#include <stdio.h>
#include <string.h>

#include "role/common/common.h"

#define OLD "//old.example.com/CSE1"
#define BSF "bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@" BSF
#define REGISTER(ty) "{\"sec:" ty "\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\"}}"
#define MEF_REG REGISTER("mefClientReg")
#define MAF_REG REGISTER("mafClientReg")
#define KEY_REG(suid, target) "{\"sec:symmKeyReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":" suid ",\"targetIDs\":[\"" target "\"]}}"

static struct rig r;

static int up(void **state) { (void)state; rig_up(&r); return 0; }
static int down(void **state) { (void)state; rig_down(&r); return 0; }

static const char *last_why(const char *what)
{
	static struct mst_event e;

	assert_true(rig_last_event(&r, &e));
	assert_string_equal(e.what, what);
	return e.why;
}

/* --- what is on its way while it moves --- */

static struct mst_fetch_result given(uint8_t fill)
{
	struct mst_fetch_result got = { .end = MST_FETCH_OK, .rsc = 2000, .channel = RIG_CHANNEL, .lifetime = RIG_NOW + 100 * RIG_DAY };

	got.key = rig_seal(fill, MST_PURPOSE_KM);
	MST_STR_SET(got.enrolee_id, RIG_CSE);
	return got;
}

/* Up to the MEF's answer, which is on its way. */
static void asked_for(uint8_t fill, char keid[MST_ID_MAX])
{
	struct mst_psk_answer a;
	char path[400];

	rig_id(fill, "mef.example.com", keid);
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, fill, MEF_REG), 2001);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", "/CSE0001", MST_TY_SYMM_KEY_REG, fill, KEY_REG("21", "maf.example.com")), 2001);
	assert_int_equal(rig_lookup(&r, keid, &a), MST_PSK_FETCH);
	snprintf(path, sizeof(path), "/fetchCredentials/%s/21", keid);
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, path, "maf.example.com", 0, 0, NULL), 2000);
}

/* As muster node move leaves it; `keid` NULL: nothing of the MEF's. */
static void is_called(const char *cse_id, const char *keid)
{
	struct mst_credential ke;
	struct mst_node n;

	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_get(r.store, r.node, &n), 0);
	MST_STR_SET(n.cse_id, cse_id);
	assert_int_equal(mst_store_node_update(r.store, &n), 0);
	if (keid) {
		assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MEF, keid, &ke), 0);
		ke.state = MST_CRED_REVOKED;
		assert_int_equal(mst_store_cred_put(r.store, MST_ROLE_MEF, &ke, false), 0);
	}
	assert_int_equal(mst_store_commit(r.store), 0);
}

/* The MEF's answer names the node as it was called. Kept by that alone it would be no node's, and whose the name is next. */
static void the_mefs_answer(void **state)
{
	struct mst_fetch_result got = given(0x51);
	struct mst_psk_answer a;
	struct mst_credential c;
	char keid[MST_ID_MAX];

	(void)state;
	asked_for(0x51, keid);
	is_called("//sp.example.com/CSE0009", keid);
	assert_int_equal(rig_fetched(&r, keid, &got, &a), MST_PSK_UNKNOWN);
	assert_false(a.release.wanted);
	assert_non_null(strstr(last_why("maf.psk-refused"), "while the MEF was asked"));
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, keid, &c), MST_STORE_NONE);
}

/* Of a MEF of ours it is known whose key it is, however the node is called meanwhile; of another one the name is all there is. */
static void the_key_is_the_nodes(void **state)
{
	struct mst_fetch_result got = given(0x52);
	struct mst_psk_answer a;
	struct mst_credential c;
	char keid[MST_ID_MAX];

	(void)state;
	asked_for(0x52, keid);
	is_called("//sp.example.com/CSE0009", NULL);
	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, keid, &c), 0);
	assert_int_equal(c.node, r.node);
	MST_STR_SET(r.maf_conf.mef[1].fqdn, "mef.elsewhere.example");
	r.maf_conf.n_mef = 2;
	MST_STR_SET(got.enrolee_id, "//elsewhere.example/CSE1");
	assert_int_equal(rig_fetched(&r, "5353@mef.elsewhere.example", &got, &a), 0);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, "5353@mef.elsewhere.example", &c), 0);
	assert_int_equal(c.node, 0);
}

static void put_session(const char *btid)
{
	struct mst_gba_session s = { .session = { .created = RIG_NOW, .expires = RIG_NOW + RIG_DAY }, .ks = { { 1 }, 1 }, .guss = "{}" };

	MST_STR_SET(s.session.btid, btid);
	MST_STR_SET(s.session.impi, "001010000000001@ims.mnc001.mcc001.3gppnetwork.org");
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_gba_session_insert(r.store, &s), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

/* A move ends what the SIM has bootstrapped, also what the BSF of this installation has just given. */
static void the_bsfs_answer(void **state)
{
	static const char uss[] = "{\"ussList\":[{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"" RIG_CSE "\"}]}}]}";
	struct mst_fetch_result got = given(0x54);
	struct mst_psk_answer a;
	struct mst_credential c;

	(void)state;
	r.suite = 0x00ae;
	r.maf_conf.n_bsf = 1;
	MST_STR_SET(r.maf_conf.bsf[0].fqdn, BSF);
	MST_STR_SET(r.maf_conf.bsf[0].domain[0], BSF);
	r.maf_conf.bsf[0].n_domain = 1;
	got.text = mst_view_str(uss);
	MST_STR_SET(r.maf_conf.own_bsf, BSF);
	assert_int_equal(rig_lookup(&r, BTID, &a), MST_PSK_FETCH);
	assert_int_equal(rig_fetched(&r, BTID, &got, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("maf.psk-refused"), "while the BSF was asked"));
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, BTID, &c), MST_STORE_NONE);
	put_session(BTID);
	assert_int_equal(rig_fetched(&r, BTID, &got, &a), 0);
	/* of somebody else's BSF nothing is here that could have ended */
	MST_STR_SET(r.maf_conf.own_bsf, "bsf.elsewhere.example");
	assert_int_equal(rig_fetched(&r, "AAAAvpY3qJ0hiuZNrke/NQ==@" BSF, &got, &a), 0);
}

/* --- what it was called with its former provider --- */

#define OTHER "urn:dev:ops:1-a-8"

static int64_t add_node(const char *node_id, const char *cse_id)
{
	struct mst_node n = { .state = MST_NODE_KNOWN, .created = RIG_NOW };
	struct mst_identity i = { .kind = MST_ID_NODE };

	MST_STR_SET(n.node_id, node_id);
	MST_STR_SET(n.cse_id, cse_id);
	MST_STR_SET(n.sub_id, "sub-secret");
	MST_STR_SET(i.value, node_id);
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_insert(r.store, &n), 0);
	i.node = n.id;
	assert_int_equal(mst_store_identity_put(r.store, &i), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	return n.id;
}

static void known_as(enum mst_id_kind kind, const char *name)
{
	struct mst_identity i = { .kind = kind, .node = r.node };

	MST_STR_SET(i.value, name);
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_identity_put(r.store, &i), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

static void was_with_until(const char *sp_fqdn, int64_t event)
{
	struct mst_node_past p = { .node = r.node, .last = event, .at = RIG_NOW };

	MST_STR_SET(p.sp_fqdn, sp_fqdn);
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_past_put(r.store, &p), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

static void was_with(const char *sp_fqdn) { was_with_until(sp_fqdn, 1); }
static void later_with(const char *sp_fqdn) { was_with_until(sp_fqdn, 2); }

static void give_km(const char *key_id, const char *client, int64_t node)
{
	struct mst_credential c = { .purpose = MST_PURPOSE_KM, .key = { { 7 }, 1 }, .node = node, .state = MST_CRED_ACTIVE, .created = RIG_NOW,
				    .expires = RIG_NOW + RIG_DAY };

	MST_STR_SET(c.key_id, key_id);
	MST_STR_SET(c.client_id, client);
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_cred_put(r.store, MST_ROLE_MAF, &c, true), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

/* Another node registers keys for whom this one was: `path` of both roles. */
static void keys_for_old(char mef[128], char maf[128])
{
	int64_t other = add_node(OTHER, "//sp.example.com/CSE0002");

	rig_peer_cert(&r, MST_ID_NODE, OTHER);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", OTHER, MST_TY_MEF_CLIENT_REG, 0x61, MEF_REG), 2001);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", OTHER, MST_TY_SYMM_KEY_REG, 0x61, KEY_REG("22", OLD)), 2001);
	mst_str_set(mef, 128, r.a.location);
	give_km("61@maf.example.com", "//sp.example.com/CSE0002", other);
	rig_peer_psk(&r, "61@maf.example.com");
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0002", MST_TY_MAF_CLIENT_REG, 0x62, MAF_REG), 2001);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0002", MST_TY_SYMM_KEY_REG, 0x62, KEY_REG("32", OLD)), 2001);
	mst_str_set(maf, 128, r.a.location);
}

static int by_cert(const char *path, enum mst_id_kind kind, const char *name, const char *from)
{
	rig_peer_cert(&r, kind, name);
	return rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, path, from, 0, 0, NULL);
}

static int by_km(const char *path, const char *key_id, const char *from)
{
	rig_peer_psk(&r, key_id);
	return rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, path, from, 0, 0, NULL);
}

/*
 * What its certificate proves stays with it (decision 0025), and says who it is, also in From where that certificate is shown: an agent says
 * there what stands in it. But what is for that name is its former provider's, and not for this node any more.
 */
static void no_target_by_what_it_was(void **state)
{
	char mef[128], maf[128];

	(void)state;
	known_as(MST_ID_CSE_ABS, OLD);           /* its owner's certificate names the CSE that it was */
	keys_for_old(mef, maf);
	give_km("new@maf.example.com", RIG_CSE, r.node);
	give_km("old@maf.example.com", OLD, r.node);
	/* it has not moved: so its owner wanted it */
	assert_int_equal(by_cert(mef, MST_ID_CSE_ABS, OLD, OLD), 2000);
	assert_int_equal(by_cert(mef, MST_ID_NODE, RIG_NODE, OLD), 2000);
	assert_int_equal(by_km(maf, "new@maf.example.com", OLD), 2000);
	was_with("old.example.com");
	assert_int_equal(by_cert(mef, MST_ID_CSE_ABS, OLD, OLD), 4103);
	assert_non_null(strstr(last_why("mef.refused"), "not on the target list"));
	assert_int_equal(by_cert(mef, MST_ID_CSE_ABS, OLD, RIG_CSE), 4103);
	assert_int_equal(by_cert(mef, MST_ID_NODE, RIG_NODE, RIG_CSE), 4103);
	assert_int_equal(by_cert(mef, MST_ID_NODE, RIG_NODE, OLD), 4106);
	assert_int_equal(by_km(maf, "new@maf.example.com", RIG_CSE), 4103);
	assert_int_equal(by_km(maf, "new@maf.example.com", OLD), 4106);
	/* for the grace it is with its old key what it was */
	assert_int_equal(by_km(maf, "old@maf.example.com", OLD), 2000);
	/* and it enrols with that certificate, as what it is now */
	rig_peer_cert(&r, MST_ID_CSE_ABS, OLD);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", OLD, MST_TY_MEF_CLIENT_REG, 0x63, MEF_REG), 2001);
	assert_non_null(strstr(r.text, "\"clientID\":\"" RIG_CSE "\""));
}

/* With the provider that it came back to the name is its own again. */
static void with_whom_it_came_back_to(void **state)
{
	(void)state;
	known_as(MST_ID_CSE_ABS, "//sp.example.com/CSE0003");
	was_with("old.example.com");
	give_km("new@maf.example.com", RIG_CSE, r.node);
	assert_int_equal(by_km("/MAFBase/0011", "new@maf.example.com", "//sp.example.com/CSE0003"), 4004);
}

/* When another node is called so a certificate with that name is nobody's: neither is taken for the other. */
static void the_name_is_given_anew(void **state)
{
	(void)state;
	known_as(MST_ID_CSE_ABS, OLD);
	was_with("old.example.com");
	add_node(OTHER, OLD);
	assert_int_equal(by_cert("/MEFBase/0011", MST_ID_CSE_ABS, OLD, OLD), 4103);
	assert_non_null(strstr(last_why("mef.refused"), "another node is called so"));
	/* nor does the public name of that CSE (TS-0001 6.5.1.1), whatever it is bound as */
	assert_int_equal(by_cert("/MEFBase/0011", MST_ID_FQDN, "CSE1.old.example.com", OLD), 4103);
	known_as(MST_ID_FQDN, "cse1.old.example.com");
	assert_int_equal(by_cert("/MEFBase/0011", MST_ID_FQDN, "CSE1.old.example.com", OLD), 4103);
	assert_non_null(strstr(last_why("mef.refused"), "another node is called so"));
	rig_peer_cert(&r, MST_ID_CSE_ABS, OLD);
	r.x.peer.cert.san[1].kind = MST_ID_NODE;
	MST_STR_SET(r.x.peer.cert.san[1].value, OTHER);
	r.x.peer.cert.n_san = 2;
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", OTHER, MST_TY_MEF_CLIENT_REG, 0x64, MEF_REG), 2001);
	assert_non_null(strstr(r.text, "\"clientID\":\"" OLD "\""));
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, 0x65, MEF_REG), 2001);
	assert_non_null(strstr(r.text, "\"clientID\":\"" RIG_CSE "\""));
}

/* Its public domain name is left as its CSE-ID is, where it is of a provider that it has left; what is its maker's, its owner's or its provider's is its own. */
static void its_public_name_is_left(void **state)
{
	static const struct { const char *fqdn; bool left; } rows[] = {
		{ "cse1.old.example.com", true }, { "cse2.old.example.com", true }, { "cse2.older.example.com", true },
		{ "dev1.maker.example.org", false }, { "cse1.sp.example.com", false }, { "cse1.a.old.example.com", false },
	};

	(void)state;
	give_km("new@maf.example.com", RIG_CSE, r.node);
	give_km("old@maf.example.com", OLD, r.node);
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		known_as(MST_ID_FQDN, rows[i].fqdn);
		/* it has not moved: so its owner wanted it */
		assert_int_equal(by_km("/MAFBase/0011", "new@maf.example.com", rows[i].fqdn), 4004);
	}
	was_with("older.example.com");
	later_with("old.example.com");
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		assert_int_equal(by_km("/MAFBase/0011", "new@maf.example.com", rows[i].fqdn), rows[i].left ? 4106 : 4004);
		/* all that some nodes know of themselves is what stands in the certificate that they show */
		assert_int_equal(by_cert("/MEFBase/0011", MST_ID_FQDN, rows[i].fqdn, rows[i].fqdn), 4004);
	}
	/* for the grace it is with its old key what it was, however that is written */
	assert_int_equal(by_km("/MAFBase/0011", "old@maf.example.com", "cse1.old.example.com"), 4004);
	assert_int_equal(by_km("/MAFBase/0011", "old@maf.example.com", "cse2.old.example.com"), 4106);
}

/* Its maker's secret goes with it, for who it is now. The look-up for a handshake looks through no names, and what it has left is no name of the session's either. */
static void by_its_makers_secret(void **state)
{
	struct mst_credential c = { .key_id = "dev1@maker.example", .purpose = MST_PURPOSE_KPM, .key = { { 7 }, 1 }, .node = r.node, .state = MST_CRED_ACTIVE,
				    .created = RIG_NOW, .expires = MST_NEVER, .client_id = OLD };
	struct mst_psk_answer a;

	(void)state;
	known_as(MST_ID_CSE_ABS, OLD);
	known_as(MST_ID_FQDN, "cse1.old.example.com");
	known_as(MST_ID_FQDN, "dev1.maker.example");
	was_with("old.example.com");
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_cred_put(r.store, MST_ROLE_SECRETS, &c, true), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, c.key_id, &a), 0);
	assert_string_equal(a.release.target, RIG_CSE);
	assert_int_equal(a.whose.one, r.node);
	rig_peer_psk(&r, c.key_id);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/0011", OLD, 0, 0, NULL), 4106);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/0011", "cse1.old.example.com", 0, 0, NULL), 4106);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/0011", "dev1.maker.example", 0, 0, NULL), 4004);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/0011", RIG_CSE, 0, 0, NULL), 4004);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = { T(the_mefs_answer), T(the_key_is_the_nodes), T(the_bsfs_answer),
		T(no_target_by_what_it_was), T(with_whom_it_came_back_to), T(the_name_is_given_anew),
		T(its_public_name_is_left), T(by_its_makers_secret) };

	return cmocka_run_group_tests_name("moved", tests, NULL, NULL);
}
