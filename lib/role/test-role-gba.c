/* MAF and MEF as a NAF of GBA (TS 33.220, TS 33.222; TS-0003 8.3.2.3): what a handshake with a B-TID gets, and what remains of it. */
#include "role/test-rig.h"

#include <stdio.h>
#include <string.h>

#include "role/common/naf.h"

#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define BTID_2 "AAAAvpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define PREFIXED "3GPP-bootstrapping;" BTID
#define USS(id) LIST("{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"" id "\"}]}}")
#define LIST(of) "{\"ussList\":[" of "]}"
#define REG "{\"sec:mafClientReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\"}}"
#define MEF_REG "{\"sec:mefClientReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\"}}"

static struct rig r;

static void one_bsf(struct mst_role_conf *c)
{
	c->n_bsf = 1;
	strcpy(c->bsf[0].fqdn, "bsf.operator.example");
	strcpy(c->bsf[0].uri, "https://bsf.operator.example:8448");
	strcpy(c->bsf[0].domain[0], "bsf.mnc001.mcc001.pub.3gppnetwork.org");
	c->bsf[0].n_domain = 1;
}

static int up(void **state)
{
	(void)state;
	rig_up(&r);
	r.suite = 0x00ae;
	one_bsf(&r.maf_conf);
	one_bsf(&r.mef_conf);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_down(&r);
	return 0;
}

static struct mst_fetch_result given(enum mst_role role, uint8_t fill, const char *uss)
{
	return (struct mst_fetch_result){ .end = MST_FETCH_OK, .key = rig_seal(fill, mst_naf_purpose(role)), .channel = RIG_CHANNEL, .lifetime = RIG_NOW + RIG_DAY,
					  .text = mst_view_str(uss) };
}

static const char *last_why(const char *what)
{
	static struct mst_event e;

	assert_true(rig_last_event(&r, &e));
	assert_string_equal(e.what, what);
	return e.why;
}

static int first_key(const char *identity, const char *uss)
{
	struct mst_fetch_result got = given(MST_ROLE_MAF, 7, uss);
	struct mst_psk_answer a;

	assert_int_equal(rig_lookup(&r, identity, &a), MST_PSK_FETCH);
	return rig_fetched(&r, identity, &got, &a);
}

/* --- PURE: identities and USSs --- */

static void identities(void **state)
{
	static const struct { const char *identity; enum mst_naf_identity is; const char *why; } row[] = {
		{ BTID, MST_NAF_BTID, "" }, { PREFIXED, MST_NAF_BTID, "" }, { "3GPP-bootstrapping." BTID, MST_NAF_BTID, "" },
		{ "3GPP-bootstrapping" BTID, MST_NAF_BTID, "" }, { "x@BSF.mnc001.mcc001.pub.3gppnetwork.org", MST_NAF_BTID, "" },
		{ "3GPP-bootstrapping-uicc;" BTID, MST_NAF_REFUSED, "stay in the card" },
		{ "3GPP-bootstrapping;a@elsewhere.example", MST_NAF_REFUSED, "of no BSF that is configured" },
		{ "3GPP-bootstrapping;", MST_NAF_REFUSED, "no B-TID stands in" }, { "3GPP-bootstrapping;x", MST_NAF_REFUSED, "no B-TID stands in" },
		{ "a@elsewhere.example", MST_NAF_NOT, "" }, { "thiskey@mef.example.com", MST_NAF_NOT, "" }, { "nonsense", MST_NAF_NOT, "" },
	};
	struct mst_naf n;
	const char *why;
	char id[MST_ID_MAX];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		if (mst_naf_of(&r.maf_conf, row[i].identity, 0xae, &n, &why) != row[i].is || !strstr(why, row[i].why))
			fail_msg("%s: %s", row[i].identity, why);
	}
	/* TS 33.220 H.3: the suite in TLS 1.2, one of its own in TLS 1.3 */
	assert_int_equal(mst_naf_of(&r.maf_conf, PREFIXED, 0xc037, &n, &why), MST_NAF_BTID);
	assert_memory_equal(n.ua.b, "\x01\x00\x01\xc0\x37", 5);
	assert_int_equal(mst_naf_of(&r.maf_conf, PREFIXED, 0, &n, &why), MST_NAF_BTID);
	assert_memory_equal(n.ua.b, "\x01\x00\x00\x00\x07", 5);
	assert_string_equal(n.btid, BTID);
	assert_true(mst_naf_key_name(&r.maf_conf, PREFIXED, id));
	assert_string_equal(id, BTID);
	assert_true(mst_naf_key_name(&r.maf_conf, "ThisKey@MEF.example.com", id));
	assert_string_equal(id, "ThisKey@mef.example.com");
	r.maf_conf.n_bsf = 0;
	assert_int_equal(mst_naf_of(&r.maf_conf, PREFIXED, 0xae, &n, &why), MST_NAF_NOT);
}

#define CHOICE(choice) LIST("{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"urn:a\"}],\"keyChoice\":\"" choice "\"}}")
static void who_it_is(void **state)
{
	static const struct { const char *list, *uid, *why; } row[] = {
		{ USS("//sp.example.com/CSE0001"), "//sp.example.com/CSE0001", NULL },
		{ LIST("{\"uss\":{\"gsId\":1,\"gsType\":0,\"ueIds\":[{\"ueId\":\"x\"}]}},{\"uss\":{\"ueIds\":[{\"ueId\":\"urn:a\"},"
		       "{\"ueId\":\"//sp.x/CSE/C1\"},{\"ueId\":\"//sp.x/CSE\"}],\"flags\":[{\"flag\":2}],\"gsId\":1000001,\"gsType\":0}}"),
		  "//sp.x/CSE", NULL },
		{ USS("urn:a"), "urn:a", NULL }, { USS("//SP.example.com/CSE1"), "//sp.example.com/CSE1", NULL },
		{ "", "", "told no USS" }, { LIST(""), "", "no USS of GSID" },
		{ LIST("{\"uss\":{\"gsId\":7,\"gsType\":0,\"ueIds\":[{\"ueId\":\"x\"}]}}"), "", "no USS of GSID" },
		{ USS("a b"), "", "no usable identifier" },
		{ "[]", "", "malformed" }, { LIST("1"), "", "malformed" }, { LIST("{\"uss\":1}"), "", "malformed" },
		{ USS("urn:a") "x", "", "malformed" }, { "{\"ussList\":[", "", "malformed" },
		{ LIST("{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"urn:a\"}]}},"
		       "{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"urn:b\"}]}}"), "", "two USSs" },
		/* TLS runs with the key of the ME here: a service for which the operator wants the card's has none */
		{ CHOICE("UICC_BASED_KEY"), "", "UICC_BASED_KEY" },
		{ CHOICE("ME_BASED_KEY"), "urn:a", NULL },
		{ CHOICE("ME_UICC_BASED_KEYS"), "urn:a", NULL },
	};
	char uid[MST_ID_MAX];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		const char *why = mst_naf_uid(mst_view_str(row[i].list), uid);

		if (strcmp(uid, row[i].uid) || !why != !row[i].why || (why && !strstr(why, row[i].why)))
			fail_msg("%s: \"%s\" %s", row[i].list, uid, why ? why : "");
	}
}

/* --- the MAF --- */

static void enrolled_at_once(void **state)
{
	struct mst_psk_answer a;
	struct mst_fetch_result got = given(MST_ROLE_MAF, 7, USS(RIG_CSE));
	char id[MST_ID_MAX], ri[64], reg[128];
	struct mst_credential c;
	struct mst_node n;

	(void)state;
	assert_int_equal(rig_lookup(&r, PREFIXED, &a), MST_PSK_FETCH);
	assert_int_equal(a.fetch.kind, MST_FETCH_ZN);
	assert_string_equal(a.fetch.btid, BTID);
	assert_string_equal(a.fetch.naf_fqdn, "maf.example.com");
	assert_string_equal(a.fetch.server_name, "bsf.operator.example");
	assert_memory_equal(a.fetch.ua.b, "\x01\x00\x01\x00\xae", 5);
	assert_false(a.fetch.in_card_aware);
	assert_int_equal(rig_fetched(&r, PREFIXED, &got, &a), 0);
	assert_true(a.release.wanted && a.release.purpose == MST_PURPOSE_KM);
	assert_string_equal(a.release.authorisation.to, RIG_CSE);
	assert_string_equal(last_why("maf.fetched"), "the BSF gave the key of an enrolee");
	/* KmID := B-TID, and it is the node from its first word on */
	rig_peer_psk(&r, PREFIXED);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, 0x21, REG), 2001);
	assert_string_equal(rig_member(&r, "assignedSymmKeyID", id, sizeof(id)), BTID);
	snprintf(reg, sizeof(reg), "/MAFBase/%s", rig_member(&r, "ri", ri, sizeof(ri)));
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, BTID, &c), 0);
	assert_int_equal(c.state, MST_CRED_ACTIVE);
	assert_string_equal(c.via, "ua:01000100AE@bsf.operator.example");
	assert_int_equal(mst_store_node_get(r.store, r.node, &n), 0);
	assert_int_equal(n.state, MST_NODE_ENROLLED);
	/* later handshakes, by whichever spelling: nobody is asked */
	assert_int_equal(rig_lookup(&r, BTID, &a), 0);
	assert_true(a.release.wanted);
	rig_peer_psk(&r, BTID);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, reg, "/CSE0001", 0, 0, NULL), 2000);
	/* lesson 25 */
	rig_peer_psk(&r, BTID);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, reg, "/CSE0009", 0, 0, NULL), MST_RSC_NOT_AUTHENTICATED);
	/* the next B-TID takes the place of this one at its first use */
	got = given(MST_ROLE_MAF, 8, USS(RIG_CSE));
	assert_int_equal(rig_fetched(&r, BTID_2, &got, &a), 0);
	rig_peer_psk(&r, BTID_2);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, 0x22, REG), 2001);
	assert_string_equal(rig_member(&r, "assignedSymmKeyID", id, sizeof(id)), BTID_2);
	assert_int_equal(rig_lookup(&r, BTID, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(rig_failed(&r, MST_ROLE_MAF, BTID).why, "revoked"));
	rig_peer_psk(&r, BTID);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, reg, "/CSE0001", 0, 0, NULL), MST_RSC_NO_PRIVILEGE);
}

/* The key is another for each suite: what is kept is used for its own alone, and what was proved is not pushed out. */
static void another_suite(void **state)
{
	struct mst_fetch_result got = given(MST_ROLE_MAF, 9, USS(RIG_CSE));
	struct mst_psk_answer a;
	struct mst_credential c;

	(void)state;
	assert_int_equal(first_key(BTID, USS(RIG_CSE)), 0);
	r.suite = 0xc037;
	assert_int_equal(rig_lookup(&r, BTID, &a), MST_PSK_FETCH);
	assert_memory_equal(a.fetch.ua.b, "\x01\x00\x01\xc0\x37", 5);
	assert_int_equal(rig_fetched(&r, BTID, &got, &a), 0);           /* nobody has proved the other one */
	assert_int_equal(rig_lookup(&r, BTID, &a), 0);
	rig_peer_psk(&r, BTID);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, 0x21, REG), 2001);
	r.suite = 0xae;
	assert_int_equal(rig_lookup(&r, BTID, &a), MST_PSK_FETCH);
	got = given(MST_ROLE_MAF, 7, USS(RIG_CSE));
	assert_int_equal(rig_fetched(&r, BTID, &got, &a), 0);
	assert_true(a.release.wanted);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, BTID, &c), 0);
	assert_string_equal(c.via, "ua:010001C037@bsf.operator.example");
	r.suite = 0xc037;
	assert_int_equal(rig_lookup(&r, BTID, &a), 0);
}

static void it_ends(void **state)
{
	struct mst_psk_answer a;

	(void)state;
	assert_int_equal(first_key(BTID, USS(RIG_CSE)), 0);
	r.now = RIG_NOW + RIG_DAY - 1;
	assert_int_equal(rig_lookup(&r, BTID, &a), 0);
	r.now = RIG_NOW + RIG_DAY;
	assert_int_equal(rig_lookup(&r, BTID, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(rig_failed(&r, MST_ROLE_MAF, BTID).why, "bootstrap anew"));
	rig_peer_psk(&r, BTID);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, 0x21, REG), MST_RSC_NO_PRIVILEGE);
}

/* Each end with words of its own; of those that say nothing about the key the peer is told nothing. */
static void refusals(void **state)
{
	static const struct { enum mst_fetch_end end; int outcome; const char *why; } row[] = {
		{ MST_FETCH_UNKNOWN, MST_PSK_UNKNOWN, "bootstrap anew" }, { MST_FETCH_REFUSED, MST_PSK_UNKNOWN, "bsf.nafs" },
		{ MST_FETCH_UNREACHABLE, MST_PSK_BUSY, "not reachable" }, { MST_FETCH_UNTRUSTED, MST_PSK_UNKNOWN, "bsf_anchors" },
		{ MST_FETCH_MALFORMED, MST_PSK_UNKNOWN, "malformed" }, { MST_FETCH_BUSY, MST_PSK_BUSY, "busy" },
		{ MST_FETCH_REVOKED, MST_PSK_UNKNOWN, "revoked" }, { MST_FETCH_LIST_STALE, MST_PSK_BUSY, "revocation list" },
	};
	static char before[65536], after[65536];
	struct mst_fetch_result got;
	struct mst_psk_answer a;

	(void)state;
	rig_fingerprint(&r, before, sizeof(before));
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		got = (struct mst_fetch_result){ .end = row[i].end, .detail = "the detail" };
		assert_int_equal(rig_fetched(&r, BTID, &got, &a), row[i].outcome);
		if (!strstr(last_why("maf.psk-refused"), row[i].why) || !strstr(last_why("maf.psk-refused"), "the detail"))
			fail_msg("%s", last_why("maf.psk-refused"));
		assert_false(a.release.wanted);
	}
	got = given(MST_ROLE_MAF, 7, LIST(""));
	assert_int_equal(rig_fetched(&r, BTID, &got, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("maf.psk-refused"), "at the HSS"));
	got = given(MST_ROLE_MAF, 7, USS(RIG_CSE));
	got.lifetime = RIG_NOW;
	assert_int_equal(rig_fetched(&r, BTID, &got, &a), MST_PSK_UNKNOWN);
	got = given(MST_ROLE_MAF, 7, USS(RIG_CSE));
	got.has_int = true;
	assert_int_equal(rig_fetched(&r, BTID, &got, &a), MST_PSK_UNKNOWN);
	got = given(MST_ROLE_MAF, 7, USS(RIG_CSE));
	got.key.b[3] ^= 1;
	assert_int_equal(rig_fetched(&r, BTID, &got, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("maf.psk-refused"), "seal"));
	assert_int_equal(rig_lookup(&r, "3GPP-bootstrapping;a@elsewhere.example", &a), MST_PSK_UNKNOWN);
	assert_int_equal(rig_lookup(&r, "3GPP-bootstrapping-uicc;" BTID, &a), MST_PSK_UNKNOWN);
	rig_fingerprint(&r, after, sizeof(after));
	assert_string_equal(before, after);             /* nothing of all this remains */
}

static void put_node_state(enum mst_node_state s)
{
	struct mst_node n;

	assert_int_equal(mst_store_node_get(r.store, r.node, &n), 0);
	n.state = s;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_update(r.store, &n), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

/* A node that may not be served is not let in by its SIM either, before and after. */
static void standing(void **state)
{
	struct mst_psk_answer a;

	(void)state;
	put_node_state(MST_NODE_SUSPENDED);
	assert_int_equal(first_key(BTID, USS(RIG_CSE)), MST_PSK_UNKNOWN);
	put_node_state(MST_NODE_KNOWN);
	assert_int_equal(first_key(BTID, USS(RIG_CSE)), 0);
	put_node_state(MST_NODE_REVOKED);
	assert_int_equal(rig_lookup(&r, BTID, &a), MST_PSK_UNKNOWN);
	rig_peer_psk(&r, BTID);
	assert_true(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, 0x21, REG) >= 4000);
}

/* Whoever vouches for a client that uses another's key takes it over; a BSF's list of providers is one more bound. */
static void who_vouches(void **state)
{
	struct mst_credential c = { .key_id = "k@maf.example.com", .purpose = MST_PURPOSE_KM, .client_id = RIG_CSE, .via = "ke@mef.example.com",
				    .state = MST_CRED_ACTIVE, .created = RIG_NOW, .expires = RIG_NOW + RIG_DAY, .node = r.node };

	(void)state;
	r.maf_conf.bsf[0].n_sp = 1;
	strcpy(r.maf_conf.bsf[0].sp[0], "other.example.com");
	assert_int_equal(first_key(BTID, USS(RIG_CSE)), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("maf.psk-refused"), "bsfs.sps"));
	assert_int_equal(first_key(BTID_2, USS(RIG_NODE)), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("maf.psk-refused"), "bsfs.sps"));
	strcpy(r.maf_conf.bsf[0].sp[0], "SP.example.com");
	/* a node that has an M2M-Node-ID and no other name is its subscription's provider's; one that nobody knows is nobody's */
	assert_int_equal(first_key(BTID_2, USS("urn:dev:ops:00004C-nobody-000404")), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("maf.psk-refused"), "bsfs.sps"));
	assert_int_equal(first_key(BTID_2, USS(RIG_NODE)), 0);
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_cred_put(r.store, MST_ROLE_MAF, &c, true), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	assert_int_equal(first_key(BTID, USS(RIG_CSE)), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("maf.psk-refused"), "somebody else vouched"));
	c.expires = RIG_NOW;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_cred_put(r.store, MST_ROLE_MAF, &c, false), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	assert_int_equal(first_key(BTID, USS(RIG_CSE)), 0);
	/* and a B-TID does not change hands */
	{
		struct mst_fetch_result got = given(MST_ROLE_MAF, 7, USS("//sp.example.com/CSE0002"));
		struct mst_psk_answer a;

		assert_int_equal(rig_fetched(&r, BTID, &got, &a), MST_PSK_UNKNOWN);
		assert_non_null(strstr(last_why("maf.psk-refused"), "another enrolee"));
	}
}

static void put_cred(enum mst_role role, const struct mst_credential *c, bool insert)
{
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_cred_put(r.store, role, c, insert), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

/* The other way round: the one MEF of an installation takes no client over that uses a key of a BSF. */
static void a_mef_takes_nobody_over(void **state)
{
	struct mst_fetch_result got = { .end = MST_FETCH_OK, .rsc = 2000, .channel = RIG_CHANNEL, .lifetime = RIG_NOW + RIG_DAY, .key = rig_seal(9, MST_PURPOSE_KM) };
	struct mst_psk_answer a;
	char keid[MST_ID_MAX];

	(void)state;
	snprintf(got.enrolee_id, sizeof(got.enrolee_id), "%s", RIG_CSE);
	assert_int_equal(first_key(BTID, USS(RIG_CSE)), 0);
	rig_id(9, "mef.example.com", keid);
	assert_int_equal(rig_fetched(&r, keid, &got, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("maf.psk-refused"), "or a BSF"));
	r.now = RIG_NOW + RIG_DAY;
	got.lifetime = r.now + RIG_DAY;
	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
}

/* By whichever of its names the BSF calls it: it is the node whose key is in use. */
static void by_another_name(void **state)
{
	struct mst_credential c = { .key_id = "k@maf.example.com", .purpose = MST_PURPOSE_KM, .client_id = RIG_CSE, .via = "ke@mef.example.com",
				    .state = MST_CRED_ACTIVE, .created = RIG_NOW, .expires = RIG_NOW + RIG_DAY, .node = r.node };

	(void)state;
	put_cred(MST_ROLE_MAF, &c, true);
	assert_int_equal(first_key(BTID, USS(RIG_NODE)), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("maf.psk-refused"), "somebody else vouched"));
	c.state = MST_CRED_REVOKED;
	put_cred(MST_ROLE_MAF, &c, false);
	assert_int_equal(first_key(BTID, USS(RIG_NODE)), 0);
}

static int64_t put_ae(const char *ae)
{
	struct mst_node n = { .node_id = "urn:ae", .sub_id = "sub-secret", .created = RIG_NOW };

	snprintf(n.ae_id, sizeof(n.ae_id), "%s", ae);
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_insert(r.store, &n), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	return n.id;
}

/* A node may have an AE-ID and no CSE-ID: by that BSF and MEF name it, in whatever spelling of its realm, and it is judged as what it is. */
static void an_ae_is_a_node(void **state)
{
	static const char keid[] = "00112233445566778899AABBCCDDEEFF@mef.example.com";
	struct mst_fetch_result got = given(MST_ROLE_MAF, 7, USS("//SP.example.com/S7"));
	int64_t node = put_ae("//sp.example.com/S7");
	struct mst_psk_answer a;
	struct mst_credential c;
	struct mst_node n;

	(void)state;
	assert_int_equal(rig_fetched(&r, PREFIXED, &got, &a), 0);
	assert_int_equal(a.whose.one, node);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, BTID, &c), 0);
	assert_true(c.node == node);
	assert_string_equal(c.client_id, "//sp.example.com/S7");
	rig_peer_psk(&r, PREFIXED);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "S7", MST_TY_MAF_CLIENT_REG, 0x21, REG), 2001);
	assert_true(mst_store_node_get(r.store, node, &n) == 0 && n.state == MST_NODE_ENROLLED);
	n.state = MST_NODE_SUSPENDED;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_update(r.store, &n), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	assert_int_equal(rig_lookup(&r, PREFIXED, &a), MST_PSK_UNKNOWN);
	c.state = MST_CRED_REVOKED;
	put_cred(MST_ROLE_MAF, &c, false);
	/* so by a MEF */
	got = (struct mst_fetch_result){ .end = MST_FETCH_OK, .key = rig_seal(8, MST_PURPOSE_KM), .channel = RIG_CHANNEL, .lifetime = RIG_NOW + RIG_DAY,
					 .enrolee_id = "//SP.Example.com/S7" };
	assert_int_equal(rig_fetched(&r, keid, &got, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("maf.psk-refused"), "suspended"));
	n.state = MST_NODE_KNOWN;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_update(r.store, &n), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
	assert_int_equal(a.whose.one, node);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, keid, &c), 0);
	assert_true(c.node == node);
	assert_string_equal(c.client_id, "//sp.example.com/S7");
}

/* At a MEF: a node with a secret of its maker's is not taken over by who runs a BSF, unless the operator said that it may speak for it. */
static void a_secret_is_not_taken_over(void **state)
{
	struct mst_credential c = { .key_id = "sensor-7@mef.example.com", .purpose = MST_PURPOSE_KPM, .client_id = RIG_CSE,
				    .state = MST_CRED_ACTIVE, .created = RIG_NOW, .expires = MST_NEVER, .node = r.node };
	struct mst_fetch_result got = given(MST_ROLE_MEF, 7, USS(RIG_CSE));
	struct mst_psk_answer a;

	(void)state;
	put_cred(MST_ROLE_SECRETS, &c, true);
	for (size_t i = 0; i < 2; i++) {
		got = given(MST_ROLE_MEF, 7, i ? USS(RIG_NODE) : USS(RIG_CSE));
		assert_int_equal(rig_fetched_at(&r, MST_ROLE_MEF, PREFIXED, &got, &a), MST_PSK_UNKNOWN);
		assert_false(a.release.wanted);
		assert_non_null(strstr(last_why("mef.psk-refused"), "bsfs.sps"));
	}
	r.mef_conf.bsf[0].n_sp = 1;
	strcpy(r.mef_conf.bsf[0].sp[0], "other.example.com");
	assert_int_equal(rig_fetched_at(&r, MST_ROLE_MEF, PREFIXED, &got, &a), MST_PSK_UNKNOWN);
	strcpy(r.mef_conf.bsf[0].sp[0], "sp.example.com");
	got = given(MST_ROLE_MEF, 7, USS(RIG_CSE));
	assert_int_equal(rig_fetched_at(&r, MST_ROLE_MEF, PREFIXED, &got, &a), 0);
	/* a secret that is revoked is nobody's any more */
	c.state = MST_CRED_REVOKED;
	put_cred(MST_ROLE_SECRETS, &c, false);
	r.mef_conf.bsf[0].n_sp = 0;
	got = given(MST_ROLE_MEF, 8, USS(RIG_CSE));
	assert_int_equal(rig_fetched_at(&r, MST_ROLE_MEF, BTID_2, &got, &a), 0);
	/* and of two BSFs the second does not take what came by the first, which ends by itself */
	strcpy(r.mef_conf.bsf[0].fqdn, "bsf.elsewhere.example");
	got = given(MST_ROLE_MEF, 9, USS(RIG_CSE));
	assert_int_equal(rig_fetched_at(&r, MST_ROLE_MEF, "x" BTID, &got, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("mef.psk-refused"), "somebody else vouched"));
	r.now = RIG_NOW + RIG_DAY;
	got = given(MST_ROLE_MEF, 9, USS(RIG_CSE));
	got.lifetime += RIG_DAY;
	assert_int_equal(rig_fetched_at(&r, MST_ROLE_MEF, "x" BTID, &got, &a), 0);
}

static int count(void *arg, const struct mst_credential *c)
{
	(void)c;
	(*(unsigned *)arg)++;
	return 0;
}

/* A node that bootstraps again and again and never comes leaves two keys at most. */
static void bounded(void **state)
{
	char id[MST_ID_MAX];
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 6; i++) {
		r.now++;
		snprintf(id, sizeof(id), "%c" BTID, 'a' + i);
		assert_int_equal(first_key(id, USS(RIG_CSE)), 0);
	}
	assert_int_equal(mst_store_cred_list(r.store, MST_ROLE_MAF, RIG_CSE, count, &n), 0);
	assert_int_equal(n, 2);
}

/* --- the MEF: the older arrangement --- */

static void in_place_of_a_secret(void **state)
{
	struct mst_fetch_result got = given(MST_ROLE_MEF, 7, USS(RIG_CSE));
	struct mst_role_env env = rig_env(&r, MST_ROLE_MEF);
	struct mst_psk_answer a;

	(void)state;
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, PREFIXED, &a), MST_PSK_FETCH);
	assert_string_equal(a.fetch.naf_fqdn, "mef.example.com");
	assert_int_equal(rig_fetched_at(&r, MST_ROLE_MEF, PREFIXED, &got, &a), 0);
	assert_int_equal(a.release.purpose, MST_PURPOSE_KPM);
	assert_string_equal(a.release.authorisation.to, RIG_CSE);
	rig_peer_psk(&r, PREFIXED);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, 0xa1, MEF_REG), 2001);
	assert_non_null(strstr(r.text, "\"clientID\":\"//sp.example.com/CSE0001\""));
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, BTID, &a), 0);
	/* the MEF hands out what came of the session, never this key itself */
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/fetchCredentials/" BTID "/21", "maf.example.com", 0, 0, NULL), MST_RSC_NOT_FOUND);
	assert_false(r.has_handed);
	/* an enrolee that is no node here is nobody, and each failure is told */
	got = given(MST_ROLE_MEF, 7, USS("//sp.example.com/CSE0404"));
	assert_int_equal(rig_fetched_at(&r, MST_ROLE_MEF, BTID_2, &got, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(last_why("mef.psk-refused"), "muster node add"));
	rig_peer_psk(&r, BTID);
	assert_int_equal(mst_role_mef.handshake_failed(&env, &r.x.peer, MST_TLS_PSK_REFUSED, ""), 0);
	assert_non_null(strstr(last_why("mef.handshake-failed"), "B-TID known, key wrong"));
	/* its key was right, and this end cut it off */
	assert_int_equal(mst_role_mef.handshake_failed(&env, &r.x.peer, MST_TLS_CUT, "the key was right"), 0);
	assert_true(strstr(last_why("mef.handshake-failed"), "the key was right") && !strstr(last_why("mef.handshake-failed"), "wrong"));
	r.now = RIG_NOW + RIG_DAY;
	assert_int_equal(rig_lookup_at(&r, MST_ROLE_MEF, BTID, &a), MST_PSK_UNKNOWN);
	rig_peer_psk(&r, BTID);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, 0xa2, MEF_REG), MST_RSC_NO_PRIVILEGE);
	/* a reload may take the BSF away while it is asked */
	r.mef_conf.n_bsf = 0;
	got = given(MST_ROLE_MEF, 7, USS(RIG_CSE));
	assert_int_equal(rig_fetched_at(&r, MST_ROLE_MEF, BTID_2, &got, &a), MST_PSK_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(identities), T(who_it_is), T(enrolled_at_once), T(another_suite), T(it_ends), T(refusals), T(standing), T(who_vouches), T(a_mef_takes_nobody_over),
		T(by_another_name), T(an_ae_is_a_node), T(a_secret_is_not_taken_over), T(bounded), T(in_place_of_a_secret),
	};

	return cmocka_run_group_tests_name("gba", tests, NULL, NULL);
}
