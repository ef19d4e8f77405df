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

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = { T(the_mefs_answer), T(the_key_is_the_nodes), T(the_bsfs_answer) };

	return cmocka_run_group_tests_name("moved", tests, NULL, NULL);
}
