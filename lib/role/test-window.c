/* mef.reenrol over a real store: what a thief of an enrolled node's initial credential tries, and what the node itself still may. */
#include "role/test-rig.h"

#include <stdio.h>

#include "role/common/common.h"

#define REG_IN(sp) "{\"sec:mefClientReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"" sp "\"}}"
#define MAF_REG "{\"sec:mafClientReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\"}}"
#define KEY_FOR(suid, target) "{\"sec:symmKeyReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":" suid \
                              ",\"targetIDs\":[\"" target "\"]}}"
#define MAF_KEY KEY_FOR("21", "maf.example.com")
#define OTHER_KEY KEY_FOR("22", "//sp.example.com/CSE9")

static struct rig r;
static char reg[128];           /* the node's registration at the MEF */
static mst_time ends;           /* of the key that it enrolled with */

static int at_mef(enum mst_op op, const char *to, int ty, uint8_t fill, const char *content)
{
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	return rig_do(&r, MST_ROLE_MEF, op, to, "/CSE0001", ty, fill, content);
}

static int registers(uint8_t fill) { return at_mef(MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG, fill, REG_IN("sp.example.com")); }
static int keys(uint8_t fill) { return at_mef(MST_OP_CREATE, "/MEFBase", MST_TY_SYMM_KEY_REG, fill, MAF_KEY); }
static int keys_other(uint8_t fill) { return at_mef(MST_OP_CREATE, "/MEFBase", MST_TY_SYMM_KEY_REG, fill, OTHER_KEY); }
static int deletes(const char *to) { return at_mef(MST_OP_DELETE, to, 0, 0, NULL); }

static int fetch(uint8_t fill)
{
	char keid[MST_ID_MAX], path[400];

	rig_id(fill, "mef.example.com", keid);
	snprintf(path, sizeof(path), "/fetchCredentials/%s/21", keid);
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	return rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, path, "maf.example.com", 0, 0, NULL);
}

static struct mst_credential key_of(uint8_t fill)
{
	struct mst_credential c;
	char keid[MST_ID_MAX];

	rig_id(fill, "mef.example.com", keid);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MEF, keid, &c), 0);
	return c;
}

/* From the key at the MEF to the first use of the one that the MAF gives. */
static void join(uint8_t fill)
{
	struct mst_fetch_result got = { .end = MST_FETCH_OK, .rsc = 2000, .channel = RIG_CHANNEL, .lifetime = key_of(fill).expires };
	char keid[MST_ID_MAX], kmid[MST_ID_MAX], ri[64], path[160];
	struct mst_psk_answer a;

	got.key = rig_seal(fill, MST_PURPOSE_KM);
	snprintf(got.enrolee_id, sizeof(got.enrolee_id), "%s", RIG_CSE);
	rig_id(fill, "mef.example.com", keid);
	assert_int_equal(fetch(fill), 2000);
	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
	rig_peer_psk(&r, keid);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, 0, MAF_REG), 2001);
	rig_member(&r, "assignedSymmKeyID", kmid, sizeof(kmid));
	snprintf(path, sizeof(path), "/MAFBase/%s", rig_member(&r, "ri", ri, sizeof(ri)));
	rig_peer_psk(&r, kmid);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, path, "/CSE0001", 0, 0, NULL), 2000);
}

static int up(void **state)
{
	struct mst_node n;
	char ri[64];

	(void)state;
	rig_up(&r);
	assert_int_equal(registers(0xa1), 2001);
	snprintf(reg, sizeof(reg), "/MEFBase/%s", rig_member(&r, "ri", ri, sizeof(ri)));
	assert_int_equal(keys(0xa1), 2001);
	join(0xa1);
	assert_int_equal(mst_store_node_get(r.store, r.node, &n), 0);
	assert_int_equal(n.state, MST_NODE_ENROLLED);
	ends = key_of(0xa1).expires;
	r.mef_conf.reenrol = MST_REENROL_WINDOW;
	r.now += RIG_DAY;
	return 0;
}

static int down(void **state) { (void)state; rig_down(&r); return 0; }

static void refused(int rsc)
{
	struct mst_event e;

	assert_int_equal(rsc, 4103);
	assert_true(rig_last_event(&r, &e) && strstr(e.why, "no window is open"));
}

static void key_without_registration(void **state)
{
	(void)state;
	refused(registers(0xb1));
	refused(keys(0xb1));
	/* a key for another use is the node's affair at any time, and no root key comes of it */
	assert_int_equal(keys_other(0xb2), 2001);
	assert_int_equal(fetch(0xb2), 4103);
	refused(registers(0xb3));
	/* nor do many of them push out what tells how it is enrolled */
	for (uint8_t i = 1; i <= 20; i++)
		assert_int_equal(keys_other((uint8_t)(0xc0 + i)), 2001);
	refused(registers(0xb4));
	assert_int_equal(fetch(0xa1), 2000);
	r.mef_conf.reenrol = MST_REENROL_OPEN;
	assert_int_equal(fetch(0xb2), 2000);
}

/* Keys for other uses that have ended do not push out the key that enrolled. */
static void keys_that_have_ended(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++, r.now += 7200) {
		char content[256];

		snprintf(content, sizeof(content), "{\"sec:symmKeyReg\":{\"et\":\"20270116T%02u0000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":22,"
			 "\"targetIDs\":[\"//sp.example.com/CSE9\"]}}", 9 + 2 * i);
		assert_int_equal(at_mef(MST_OP_CREATE, "/MEFBase", MST_TY_SYMM_KEY_REG, (uint8_t)(1 + i), content), 2001);
	}
	assert_int_equal(key_of(0xa1).state, MST_CRED_PENDING);
}

static mst_time window(mst_time until)
{
	struct mst_node n;

	assert_int_equal(mst_store_node_get(r.store, r.node, &n), 0);
	if (until) {
		n.reenrol_until = until;
		assert_int_equal(mst_store_begin(r.store), 0);
		assert_int_equal(mst_store_node_update(r.store, &n), 0);
		assert_int_equal(mst_store_commit(r.store), 0);
	}
	return n.reenrol_until;
}

/* Nothing more is heard of the node than that its MAF asks for the new key: that closes the window. */
static void its_maf_is_elsewhere(void **state)
{
	struct mst_node n;

	(void)state;
	r.mef_conf.maf_elsewhere = true;
	(void)window(r.now + RIG_DAY);
	/* not one that it had before, which a MAF that has lost it asks for again */
	assert_int_equal(fetch(0xa1), 2000);
	assert_true(window(0));
	/* nor a key for another use, nor an enrolment that has come to no key of a MAF: that may be begun again as often as it breaks off */
	assert_int_equal(keys_other(0xb0), 2001);
	assert_int_equal(registers(0xb1), 2001);
	assert_int_equal(registers(0xb2), 2001);
	assert_int_equal(keys(0xb2), 2001);
	assert_true(window(0));
	assert_int_equal(fetch(0xb2), 2000);
	assert_false(window(0));
	refused(registers(0xb3));
	refused(keys(0xb3));
	/* the answer was lost; and in a window that is opened after it this key is none of it (lesson 10) */
	assert_int_equal(fetch(0xb2), 2000);
	(void)window(r.now + RIG_DAY);
	assert_int_equal(fetch(0xb2), 2000);
	assert_true(window(0));
	/* as much of a node that is let back: it is not enrolled at that moment */
	assert_int_equal(mst_store_node_get(r.store, r.node, &n), 0);
	n.state = MST_NODE_KNOWN;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_update(r.store, &n), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	assert_int_equal(registers(0xb4), 2001);
	assert_int_equal(keys(0xb4), 2001);
	assert_int_equal(fetch(0xb4), 2000);
	assert_false(window(0));
	refused(registers(0xb5));
}

static void registration_cut_short(void **state)
{
	(void)state;
	/* RIG_NOW is 2027-01-15T08:00:00 */
	assert_int_equal(at_mef(MST_OP_UPDATE, reg, 0, 0, "{\"sec:mefClientReg\":{\"et\":\"20270116T080002\"}}"), 2004);
	r.now += 1;
	refused(registers(0xb1));
	r.now += 10;
	r.mef_conf.reenrol = MST_REENROL_ENDED;
	refused(registers(0xb1));
	r.now = RIG_NOW + (ends - RIG_NOW) / 2;
	assert_int_equal(registers(0xa2), 2001);
}

static void deregistered(void **state)
{
	struct mst_credential c;

	(void)state;
	assert_int_equal(deletes(reg), 2002);
	c = key_of(0xa1);
	assert_true(c.state == MST_CRED_REVOKED && !c.key.n && c.expires == ends);
	assert_int_equal(fetch(0xa1), 4004);
	refused(registers(0xb1));
	r.mef_conf.reenrol = MST_REENROL_ENDED;
	refused(registers(0xb1));
	/* with another stakeholder neither */
	refused(at_mef(MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG, 0xb2, REG_IN("other.example.com")));
	/* the node itself renews, as if nothing had been deleted */
	r.mef_conf.reenrol = MST_REENROL_WINDOW;
	r.now = RIG_NOW + (ends - RIG_NOW) / 2;
	assert_int_equal(registers(0xa2), 2001);
	assert_int_equal(keys(0xa2), 2001);
	join(0xa2);
	refused(registers(0xb3));
	r.now = ends - 1;               /* the new one is in the first half of its life until then */
	r.mef_conf.reenrol = MST_REENROL_ENDED;
	refused(registers(0xb3));
}

static void key_deleted(void **state)
{
	(void)state;
	assert_int_equal(deletes("/MEFBase/A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1"), 2002);
	assert_int_equal(fetch(0xa1), 4004);
	refused(registers(0xb1));
	assert_int_equal(deletes(reg), 2002);
	refused(registers(0xb1));
	r.mef_conf.reenrol = MST_REENROL_ENDED;
	refused(registers(0xb1));
	r.now = ends;
	assert_int_equal(registers(0xa2), 2001);
}

/* A renewal that is cut at any point goes on (lessons 10 and 14): between the two requests, after both, with another session each time. */
static void renewal_that_is_cut(void **state)
{
	(void)state;
	r.now = RIG_NOW + (ends - RIG_NOW) / 2;
	assert_int_equal(registers(0xa2), 2001);
	/* a new session has no second half to show any more */
	assert_int_equal(keys(0xa3), 2001);
	assert_int_equal(registers(0xa4), 2001);
	assert_int_equal(registers(0xa4), 2001);
	assert_int_equal(keys(0xa4), 2001);
	assert_int_equal(registers(0xa5), 2001);
	assert_int_equal(keys(0xa5), 2001);
	join(0xa5);
	refused(registers(0xb1));
	refused(keys(0xb1));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = { T(key_without_registration), T(keys_that_have_ended), T(its_maf_is_elsewhere), T(registration_cut_short), T(deregistered),
					    T(key_deleted), T(renewal_that_is_cut) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
