/* MEF and MAF over a real store: the whole enrolment, lost answers, two at once, crashes of the store. */
#include "role/test-rig.h"

#include <stdio.h>

#include "role/common/common.h"

#define REGISTER(ty) "{\"sec:" ty "\":{\"et\":\"20280101T000000\",\"lbl\":[\"site:7\"],\"adminFQDN\":\"sp.example.com\"}}"
#define MEF_REG REGISTER("mefClientReg")
#define MAF_REG REGISTER("mafClientReg")
#define KEY_REG "{\"sec:symmKeyReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":21," \
                "\"targetIDs\":[\"maf.example.com\"]}}"

static struct rig r;

static int up(void **state) { (void)state; rig_up(&r); return 0; }
static int down(void **state) { (void)state; rig_down(&r); return 0; }

static int mef_register(uint8_t fill, char reg[128])
{
	char ri[64];
	int rsc;

	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	rsc = rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, fill, MEF_REG);
	snprintf(reg, 128, "/MEFBase/%s", rig_member(&r, "ri", ri, sizeof(ri)));
	return rsc;
}

static int key_register(uint8_t fill)
{
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	return rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", "/CSE0001", MST_TY_SYMM_KEY_REG, fill, KEY_REG);
}

static int fetch(uint8_t fill)
{
	char keid[MST_ID_MAX], path[400];

	rig_id(fill, "mef.example.com", keid);
	snprintf(path, sizeof(path), "/fetchCredentials/%s/21", keid);
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	return rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, path, "maf.example.com", 0, 0, NULL);
}

static int maf_register(const char *identity, char kmid[MST_ID_MAX], char reg[128])
{
	char ri[64];
	int rsc;

	rig_peer_psk(&r, identity);
	rsc = rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, 0, MAF_REG);
	rig_member(&r, "assignedSymmKeyID", kmid, MST_ID_MAX);
	snprintf(reg, 128, "/MAFBase/%s", rig_member(&r, "ri", ri, sizeof(ri)));
	return rsc;
}

static int maf_get(const char *identity, const char *reg)
{
	rig_peer_psk(&r, identity);
	return rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, reg, "/CSE0001", 0, 0, NULL);
}

static struct mst_fetch_result given(uint8_t fill)
{
	struct mst_fetch_result got = { .end = MST_FETCH_OK, .rsc = 2000, .channel = RIG_CHANNEL, .lifetime = RIG_NOW + 100 * RIG_DAY };

	got.key = rig_seal(fill, MST_PURPOSE_KM);
	snprintf(got.enrolee_id, sizeof(got.enrolee_id), "%s", RIG_CSE);
	return got;
}

/* Up to a KmID that the node holds but has not used. */
static void enrol(uint8_t fill, char kmid[MST_ID_MAX], char maf_reg[128])
{
	struct mst_fetch_result got = given(fill);
	struct mst_psk_answer a;
	char keid[MST_ID_MAX], reg[128];

	rig_id(fill, "mef.example.com", keid);
	assert_int_equal(mef_register(fill, reg), 2001);
	assert_int_equal(key_register(fill), 2001);
	assert_int_equal(rig_lookup(&r, keid, &a), MST_PSK_FETCH);
	assert_int_equal(fetch(fill), 2000);
	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
	assert_true(a.release.wanted);
	assert_int_equal(maf_register(keid, kmid, maf_reg), 2001);
	assert_true(kmid[0]);
}

static enum mst_node_state node_state(void)
{
	struct mst_node n;

	assert_int_equal(mst_store_node_get(r.store, r.node, &n), 0);
	return n.state;
}

static void whole_enrolment(void **state)
{
	struct mst_psk_answer a;
	struct mst_credential c;
	struct mst_event e;
	char reg[128], path[160], kmid[MST_ID_MAX], again[MST_ID_MAX], maf_reg[128], keid[MST_ID_MAX];
	uint64_t bad;

	(void)state;
	rig_id(0xa1, "mef.example.com", keid);
	assert_int_equal(mef_register(0xa1, reg), 2001);
	assert_non_null(strstr(r.text, "\"clientID\":\"//sp.example.com/CSE0001\""));
	assert_non_null(strstr(r.text, "/cmd\"}]"));
	assert_string_equal(r.a.location, reg);
	assert_int_equal(node_state(), MST_NODE_ENROLLING);
	assert_true(rig_last_event(&r, &e));
	assert_string_equal(e.what, "mef.register");
	assert_string_equal(e.who, RIG_CSE);
	assert_string_equal(e.attempt, "0123456789abcdef0123456789abcdef");

	snprintf(path, sizeof(path), "%s/cmd", reg);
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, path, "/CSE0001", 0, 0, NULL), 2000);
	assert_non_null(strstr(r.text, "\"noMoreCmdArgs\":{\"retryDuration\":\"P1D\"}"));
	assert_non_null(strstr(r.text, "\"cmdStatusCode\":10"));
	snprintf(path, sizeof(path), "%s/cfg", reg);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, path, "/CSE0001", 0, 0, NULL), 2000);
	assert_non_null(strstr(r.text, "\"nodeID\":\"" RIG_NODE "\""));
	assert_non_null(strstr(r.text, "\"mafFQDN\":\"maf.example.com\""));
	assert_non_null(strstr(r.text, "\"registrarCSEID\":\"//sp.example.com/IN1\""));
	assert_non_null(strstr(r.text, "\"anchors\":"));
	assert_null(strstr(r.text, "sub-secret"));              /* TS-0001 7.1.6 */

	assert_int_equal(key_register(0xa1), 2001);
	assert_null(strstr(r.text, "keyValue"));
	assert_int_equal(r.releases, 0);
	assert_int_equal(rig_lookup(&r, keid, &a), MST_PSK_FETCH);
	assert_int_equal(fetch(0xa1), 2000);
	/* the log says whose key went out, not only to whom */
	assert_true(rig_last_event(&r, &e));
	assert_string_equal(e.what, "mef.fetch");
	assert_int_equal(e.node, r.node);
	assert_non_null(strstr(e.why, keid));
	assert_int_equal(r.releases, 1);
	assert_memory_equal(r.text + r.a.release.at - 1, "\"\"", 2);    /* where the listener writes the key */
	assert_non_null(strstr(r.text, "\"status\":true"));
	assert_non_null(strstr(r.text, "\"enroleeID\":\"//sp.example.com/CSE0001\""));
	assert_true(r.handed[0] != 0xa1 || r.handed[1] != 0xa1);        /* not Ke: lesson 26 */
	assert_int_equal(node_state(), MST_NODE_ENROLLING);

	enrol(0xa2, kmid, maf_reg);             /* a second attempt of the same node, from the start */
	assert_int_equal(rig_lookup(&r, kmid, &a), 0);
	assert_true(a.release.wanted && a.release.purpose == MST_PURPOSE_KM);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, kmid, &c), 0);
	assert_int_equal(c.state, MST_CRED_PENDING);
	assert_int_equal(maf_get(kmid, maf_reg), 2000);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, kmid, &c), 0);
	assert_int_equal(c.state, MST_CRED_ACTIVE);
	rig_id(0xa2, "mef.example.com", keid);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, keid, &c), MST_STORE_NONE);
	assert_true(rig_last_event(&r, &e));
	assert_string_equal(e.what, "maf.activated");

	/* re-enrolment: the old KmID lives until the new one is used, then it is revoked (lesson 4) */
	enrol(0xa3, again, maf_reg);
	assert_string_not_equal(again, kmid);
	assert_int_equal(rig_lookup(&r, kmid, &a), 0);
	assert_int_equal(maf_get(again, maf_reg), 2000);
	assert_int_equal(rig_lookup(&r, kmid, &a), MST_PSK_UNKNOWN);
	assert_false(a.release.wanted);
	assert_non_null(strstr(rig_failed(&r, MST_ROLE_MAF, kmid).why, "revoked"));
	assert_int_equal(maf_get(kmid, maf_reg), 4103);         /* a session that was open meanwhile */
	assert_int_equal(mst_store_event_verify(r.store, &bad), 0);
}

/* Lessons 10 and 11: every request again, as if its answer had been lost; the same answer, the same records. */
static void lost_answers(void **state)
{
	static char before[8192], after[8192], first[MST_ANSWER_MAX];
	struct mst_fetch_result got = given(0x91);
	struct mst_psk_answer a, b;
	char reg[128], kmid[MST_ID_MAX], again[MST_ID_MAX], maf_reg[128], maf_again[128], keid[MST_ID_MAX];

	(void)state;
	rig_id(0x91, "mef.example.com", keid);
	assert_int_equal(mef_register(0x91, reg), 2001);
	memcpy(first, r.text, sizeof(first));
	rig_fingerprint(&r, before, sizeof(before));
	assert_int_equal(mef_register(0x91, reg), 2001);
	assert_string_equal(r.text, first);
	rig_fingerprint(&r, after, sizeof(after));
	assert_string_equal(before, after);

	assert_int_equal(key_register(0x91), 2001);
	assert_int_equal(fetch(0x91), 2000);
	memcpy(first, r.text, sizeof(first));
	assert_int_equal(fetch(0x91), 2000);
	assert_string_equal(r.text, first);
	assert_true(r.has_handed);

	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
	assert_int_equal(rig_fetched(&r, keid, &got, &b), 0);
	assert_memory_equal(&a.release.key, &b.release.key, sizeof(a.release.key));
	assert_int_equal(rig_lookup(&r, keid, &b), 0);          /* and a handshake again needs no MEF */
	assert_memory_equal(&a.release.key, &b.release.key, sizeof(a.release.key));

	assert_int_equal(maf_register(keid, kmid, maf_reg), 2001);
	memcpy(first, r.text, sizeof(first));
	rig_fingerprint(&r, before, sizeof(before));
	assert_int_equal(maf_register(keid, again, maf_again), 2001);
	assert_string_equal(kmid, again);
	assert_string_equal(r.text, first);
	rig_fingerprint(&r, after, sizeof(after));
	assert_string_equal(before, after);
	assert_int_equal(maf_get(kmid, maf_reg), 2000);
	assert_int_equal(maf_get(kmid, maf_reg), 2000);

	/* a new connection, hence a new Ke, to the MEF: still the same record */
	r.now += 60;
	assert_int_equal(mef_register(0x92, maf_again), 2001);
	assert_string_equal(maf_again, reg);
}

/* Lesson 13: two attempts of one node at once, each with its own key; neither destroys the other before it is used. */
static void two_at_once(void **state)
{
	struct mst_fetch_result got1 = given(0x81), got2 = given(0x82);
	struct mst_psk_answer a;
	char reg1[128], reg2[128], km1[MST_ID_MAX], km2[MST_ID_MAX], ke1[MST_ID_MAX], ke2[MST_ID_MAX];

	(void)state;
	rig_id(0x81, "mef.example.com", ke1);
	rig_id(0x82, "mef.example.com", ke2);
	assert_int_equal(mef_register(0x81, reg1), 2001);
	assert_int_equal(mef_register(0x82, reg2), 2001);
	assert_string_equal(reg1, reg2);
	assert_int_equal(key_register(0x82), 2001);
	assert_int_equal(key_register(0x81), 2001);
	assert_int_equal(fetch(0x81), 2000);
	assert_int_equal(fetch(0x82), 2000);
	assert_int_equal(fetch(0x81), 2000);
	assert_int_equal(rig_fetched(&r, ke1, &got1, &a), 0);
	assert_int_equal(rig_fetched(&r, ke2, &got2, &a), 0);
	assert_int_equal(maf_register(ke1, km1, reg1), 2001);
	assert_int_equal(maf_register(ke2, km2, reg2), 2001);
	assert_string_not_equal(km1, km2);
	assert_string_equal(reg1, reg2);
	/* the one that is used wins; the other is either still good or cleanly revoked, never both gone */
	assert_int_equal(maf_get(km1, reg1), 2000);
	assert_int_equal(rig_lookup(&r, km1, &a), 0);
	assert_int_equal(rig_lookup(&r, km2, &a), 0);
	assert_int_equal(maf_get(km2, reg1), 2000);
	assert_int_equal(rig_lookup(&r, km2, &a), 0);
	assert_int_equal(rig_lookup(&r, km1, &a), MST_PSK_UNKNOWN);
}

/* Sessions that never come to an end must not fill the store (lesson 17). */
static void bounded_keys(void **state)
{
	static char before[32768];
	char reg[128];
	size_t creds = 0;

	(void)state;
	for (uint8_t i = 1; i < 40; i++) {
		struct mst_fetch_result got = given(i);
		struct mst_psk_answer a;
		char keid[MST_ID_MAX], kmid[MST_ID_MAX], maf_reg[128];

		r.now++;
		rig_id(i, "mef.example.com", keid);
		assert_int_equal(mef_register(i, reg), 2001);
		assert_int_equal(key_register(i), 2001);
		assert_int_equal(fetch(i), 2000);
		assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
		assert_int_equal(maf_register(keid, kmid, maf_reg), 2001);
	}
	rig_fingerprint(&r, before, sizeof(before));
	for (const char *p = before; (p = strstr(p, "cred ")); p++)
		creds++;
	assert_in_range(creds, 1, 8);
}

/* Who knows a KeID, but not its key, makes the MAF fetch: that moves no state and costs the node no key (decision 0004). */
static void a_fetch_proves_nothing(void **state)
{
	struct mst_psk_answer a;
	struct mst_credential c;
	char reg[128], keid[4][MST_ID_MAX], kmid[MST_ID_MAX], maf_reg[128];

	(void)state;
	for (uint8_t i = 1; i <= 3; i++) {
		struct mst_fetch_result got = given(i);

		rig_id(i, "mef.example.com", keid[i]);
		assert_int_equal(mef_register(i, reg), 2001);
		assert_int_equal(key_register(i), 2001);
		assert_int_equal(fetch(i), 2000);
		assert_int_equal(rig_fetched(&r, keid[i], &got, &a), 0);
		assert_int_equal(node_state(), MST_NODE_ENROLLING);
		assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MEF, keid[i], &c), 0);
		assert_int_equal(c.state, MST_CRED_PENDING);
		if (i != 1)
			continue;
		/* the node itself proves the first one */
		assert_int_equal(maf_register(keid[1], kmid, maf_reg), 2001);
		assert_int_equal(node_state(), MST_NODE_ENROLLING);
		assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, keid[1], &c), 0);
		assert_int_equal(c.state, MST_CRED_ACTIVE);
	}
	/* the ones that were only fetched are two at most, and it still stands */
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, keid[1], &c), 0);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, keid[3], &c), 0);
	assert_int_equal(c.state, MST_CRED_PENDING);
	rig_peer_psk(&r, kmid);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, maf_reg, "/CSE0001", 0, 0, NULL), 2000);
	assert_int_equal(node_state(), MST_NODE_ENROLLED);
}

/* Ke that is dropped lives on under no other name, whatever it was registered for. */
static void a_dropped_ke_is_gone(void **state)
{
	static const char *const body[] = {
		"{\"sec:symmKeyReg\":{\"et\":\"20270301T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":21,\"targetIDs\":[\"maf.example.com\"]}}",
		"{\"sec:symmKeyReg\":{\"et\":\"20270301T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":22,\"targetIDs\":[\"//sp.example.com/CSE2\"]}}",
	};
	struct mst_keyreg k;
	char reg[128], id[2][MST_ID_MAX];
	struct mst_view rel, fqdn;

	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		assert_int_equal(mef_register((uint8_t)(i + 1), reg), 2001);
		rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
		assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", "/CSE0001", MST_TY_SYMM_KEY_REG, (uint8_t)(i + 1), body[i]), 2001);
		rig_id((uint8_t)(i + 1), "mef.example.com", id[i]);
		assert_true(mst_key_id_split(mst_view_str(id[i]), &rel, &fqdn));
		id[i][rel.n] = 0;
		assert_int_equal(mst_store_keyreg_get(r.store, MST_ROLE_MEF, id[i], &k), 0);
	}
	for (uint8_t i = 3; i < 7; i++)
		assert_int_equal(mef_register(i, reg), 2001);
	assert_int_equal(mst_store_keyreg_get(r.store, MST_ROLE_MEF, id[0], &k), MST_STORE_NONE);
	/* one that was registered for somebody else than a MAF stays, and Ke with it, as long as it was promised */
	assert_int_equal(mst_store_keyreg_get(r.store, MST_ROLE_MEF, id[1], &k), 0);
}

/* Each MEF vouches for its own clients only. */
static void another_mef_takes_nobody_over(void **state)
{
	struct mst_fetch_result got = given(9);
	struct mst_psk_answer a;
	struct mst_event e;
	char keid[MST_ID_MAX], kmid[MST_ID_MAX], maf_reg[128];

	(void)state;
	r.maf_conf.mef[1] = r.maf_conf.mef[0];
	snprintf(r.maf_conf.mef[1].fqdn, sizeof(r.maf_conf.mef[1].fqdn), "mef.example.net");
	r.maf_conf.n_mef = 2;
	enrol(0xa1, kmid, maf_reg);
	rig_id(9, "mef.example.net", keid);
	assert_int_equal(rig_fetched(&r, keid, &got, &a), MST_PSK_UNKNOWN);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "another MEF"));
	rig_id(8, "mef.example.com", keid);
	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
}

/* Whose MEF the operator has taken out gets its keys of another: what that one vouched for, and this MAF has made no KmID of, is nobody's. */
static void a_mef_in_place_of_another(void **state)
{
	struct mst_fetch_result got = given(7);
	struct mst_psk_answer a;
	struct mst_event e;
	char keid[2][MST_ID_MAX], kmid[MST_ID_MAX], maf_reg[128];

	(void)state;
	rig_id(7, "mef.example.com", keid[0]);
	assert_int_equal(rig_fetched(&r, keid[0], &got, &a), 0);
	assert_int_equal(rig_lookup(&r, keid[0], &a), 0);
	r.maf_conf.mef[1] = r.maf_conf.mef[0];
	snprintf(r.maf_conf.mef[0].fqdn, sizeof(r.maf_conf.mef[0].fqdn), "mef.example.net");
	snprintf(r.maf_conf.mef[1].fqdn, sizeof(r.maf_conf.mef[1].fqdn), "mef.example.org");
	r.maf_conf.n_mef = 2;
	assert_int_equal(rig_lookup(&r, keid[0], &a), MST_PSK_UNKNOWN);
	assert_false(a.release.wanted);
	e = rig_failed(&r, MST_ROLE_MAF, keid[0]);
	assert_non_null(strstr(e.why, "no MEF that is configured"));
	/* a session that was open, too */
	rig_peer_psk(&r, keid[0]);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, 0, MAF_REG), MST_RSC_NO_PRIVILEGE);
	rig_id(9, "mef.example.net", keid[1]);
	got = given(9);
	assert_int_equal(rig_fetched(&r, keid[1], &got, &a), 0);
	/* its KmID goes on when that one is taken out as well, and nobody else speaks for its client */
	assert_int_equal(maf_register(keid[1], kmid, maf_reg), 2001);
	snprintf(r.maf_conf.mef[0].fqdn, sizeof(r.maf_conf.mef[0].fqdn), "mef.example.com");
	rig_peer_psk(&r, kmid);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, maf_reg, "/CSE0001", 0, 0, NULL), 2000);
	rig_id(8, "mef.example.org", keid[1]);
	got = given(8);
	assert_int_equal(rig_fetched(&r, keid[1], &got, &a), MST_PSK_UNKNOWN);
}

static void forged_seal(void **state)
{
	static char before[8192], after[8192];
	struct mst_fetch_result got = given(0x71);
	struct mst_psk_answer a;
	struct mst_event e;
	char keid[MST_ID_MAX];

	(void)state;
	rig_fingerprint(&r, before, sizeof(before));
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, 0x71, MEF_REG), 2001);
	rig_down(&r);
	rig_up(&r);
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	/* the same request with one bit of the seal changed, then sealed by another process */
	for (int how = 0; how < 2; how++) {
		struct mst_exchange *x = &r.x;

		rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
		x->channel = RIG_CHANNEL + (uint32_t)how;
		x->request = (struct mst_request){ .op = MST_OP_CREATE, .to = mst_view_str("/MEFBase"), .from = mst_view_str(RIG_NODE),
			.rqi = mst_view_str("r1"), .rvi = mst_view_str("3"), .ty = MST_TY_MEF_CLIENT_REG,
			.media = mst_view_str("application/json"), .content = mst_view_str(MEF_REG) };
		x->has_export = true;
		memset(x->export_id, 0x71, sizeof(x->export_id));
		x->export_key = rig_seal(0x71, MST_PURPOSE_KE);
		if (!how)
			x->export_key.b[37] ^= 1;
		assert_int_equal(rig_handle(&r, MST_ROLE_MEF), 5000);
		rig_fingerprint(&r, after, sizeof(after));
		assert_string_equal(before, after);
		assert_true(rig_last_event(&r, &e));
		assert_string_equal(e.what, "mef.refused");
		assert_non_null(strstr(e.why, "seal"));
	}
	rig_id(0x71, "mef.example.com", keid);
	got.key.b[7] ^= 1;
	got.key.b[37] ^= 1;
	assert_int_equal(rig_fetched(&r, keid, &got, &a), MST_PSK_UNKNOWN);
	assert_false(a.release.wanted);
	rig_fingerprint(&r, after, sizeof(after));
	assert_string_equal(before, after);
}

/* The store fails at the n-th write, for every n: nothing of the decision stays, and the same request works after. */
static void store_failures(void **state)
{
	static char before[8192], after[8192];
	struct mst_psk_answer a;
	struct mst_fetch_result got = given(0x61);
	char reg[128], keid[MST_ID_MAX], kmid[MST_ID_MAX], maf_reg[128];
	unsigned failed = 0;

	(void)state;
	rig_id(0x61, "mef.example.com", keid);
	for (unsigned step = 0; step < 3; step++) {
		int rsc = -1;

		for (unsigned n = 1; rsc < 0 && n < 50; n++) {
			rig_fingerprint(&r, before, sizeof(before));
			mst_store_fail_at(r.store, n);
			rsc = step == 0 ? mef_register(0x61, reg) : step == 1 ? key_register(0x61) : fetch(0x61);
			mst_store_fail_at(r.store, 0);
			rig_fingerprint(&r, after, sizeof(after));
			if (rsc < 0) {
				failed++;
				assert_string_equal(before, after);
			}
		}
		assert_in_range(rsc, 2000, 2001);
	}
	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
	for (unsigned n = 1; n < 50; n++) {
		int rsc;

		rig_fingerprint(&r, before, sizeof(before));
		mst_store_fail_at(r.store, n);
		rsc = maf_register(keid, kmid, maf_reg);
		mst_store_fail_at(r.store, 0);
		if (rsc == 2001)
			break;
		rig_fingerprint(&r, after, sizeof(after));
		assert_string_equal(before, after);
		failed++;
	}
	assert_true(kmid[0] && failed >= 8);
}

/* A MAF registration that ran out is renewed by its client; the key it was assigned is not lost with it. */
static void expired_maf_registration(void **state)
{
	struct mst_registration g;
	struct mst_psk_answer a;
	char kmid[MST_ID_MAX], none[MST_ID_MAX], reg[128], fresh[128];

	(void)state;
	enrol(0x51, kmid, reg);
	assert_int_equal(maf_get(kmid, reg), 2000);
	assert_int_equal(mst_store_reg_find(r.store, MST_ROLE_MAF, RIG_CSE, "sp.example.com", &g), 0);
	assert_int_equal(mst_store_begin(r.store), 0);
	g.expires = r.now;
	assert_int_equal(mst_store_reg_put(r.store, MST_ROLE_MAF, &g), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	assert_int_equal(maf_get(kmid, reg), 4004);
	assert_int_equal(maf_register(kmid, none, fresh), 2001);
	assert_string_equal(none, "");
	assert_string_not_equal(fresh, reg);
	assert_int_equal(rig_lookup(&r, kmid, &a), 0);
	assert_int_equal(maf_get(kmid, fresh), 2000);
}

/* What a node that was called so before has there stands until its end: renewed it would be that one's, with the other's key. */
static void the_record_of_who_was_called_so_before(void **state)
{
	struct mst_registration g = { .reg_id = "before", .client_id = RIG_CSE, .admin_fqdn = "sp.example.com", .key_id = "k@maf.example.com",
				      .node = r.node + 1, .created = RIG_NOW - 9, .expires = RIG_NOW + 60 }, got;
	char keid[MST_ID_MAX], kmid[MST_ID_MAX], maf_reg[128], reg[128];
	struct mst_fetch_result f = given(0x31);
	struct mst_psk_answer a;
	struct mst_event e;

	(void)state;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_reg_put(r.store, MST_ROLE_MAF, &g), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	rig_id(0x31, "mef.example.com", keid);
	assert_int_equal(mef_register(0x31, reg), 2001);
	assert_int_equal(rig_fetched(&r, keid, &f, &a), 0);
	assert_int_equal(maf_register(keid, kmid, maf_reg), MST_RSC_CONFLICT);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "another node"));
	assert_int_equal(mst_store_reg_get(r.store, MST_ROLE_MAF, "before", &got), 0);
	assert_true(got.node == g.node && got.expires == g.expires);
	assert_string_equal(got.key_id, g.key_id);
	r.now += 60;
	assert_int_equal(maf_register(keid, kmid, maf_reg), 2001);
	assert_int_equal(mst_store_reg_find(r.store, MST_ROLE_MAF, RIG_CSE, "sp.example.com", &got), 0);
	assert_true(got.node == r.node);
}

static void deregistration(void **state)
{
	static char text[8192];
	struct mst_psk_answer a;
	char kmid[MST_ID_MAX], maf_reg[128], reg[128];

	(void)state;
	enrol(0x41, kmid, maf_reg);
	assert_int_equal(maf_get(kmid, maf_reg), 2000);
	rig_peer_psk(&r, kmid);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_DELETE, maf_reg, "/CSE0001", 0, 0, NULL), 2002);
	assert_int_equal(rig_lookup(&r, kmid, &a), MST_PSK_UNKNOWN);
	assert_int_equal(mef_register(0x42, reg), 2001);
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_DELETE, reg, "/CSE0001", 0, 0, NULL), 2002);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_DELETE, reg, "/CSE0001", 0, 0, NULL), 4004);
	rig_fingerprint(&r, text, sizeof(text));
	assert_null(strstr(text, "cred "));
	assert_null(strstr(text, "reg-"));
}

/* MAF key procedures with its own label: A registers, listed B retrieves, A updates and takes it back. */
static void maf_keys(void **state)
{
	struct mst_psk_answer a;
	struct mst_fetch_result got = given(0x32);
	char km_a[MST_ID_MAX], km_b[MST_ID_MAX], reg[128], reg_b[128], path[200], ke_b[MST_ID_MAX], lower[64];

	(void)state;
	enrol(0x31, km_a, reg);
	assert_int_equal(maf_get(km_a, reg), 2000);
	/* B: not in our registry, known by what the MEF said of it */
	rig_id(0x32, "mef.example.com", ke_b);
	snprintf(got.enrolee_id, sizeof(got.enrolee_id), "//sp.example.com/CSE0002");
	assert_int_equal(rig_fetched(&r, ke_b, &got, &a), 0);
	rig_peer_psk(&r, ke_b);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0002", MST_TY_MAF_CLIENT_REG, 0, MAF_REG), 2001);
	rig_member(&r, "assignedSymmKeyID", km_b, sizeof(km_b));
	MST_STR_SET(reg_b, r.a.location);

	rig_peer_psk(&r, km_a);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_SYMM_KEY_REG, 0x33,
		"{\"sec:symmKeyReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":32,"
		"\"targetIDs\":[\"//sp.example.com/CSE0002\"]}}"), 2001);
	MST_STR_SET(path, r.a.location);
	assert_string_equal(path, "/MAFBase/33333333333333333333333333333333");
	/* the owner is no target; B is; hex in any case */
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, path, "/CSE0001", 0, 0, NULL), 4103);
	rig_peer_psk(&r, km_b);
	snprintf(lower, sizeof(lower), "/MAFBase/%s", "33333333333333333333333333333333");
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, lower, "/CSE0002", 0, 0, NULL), 2000);
	assert_true(r.has_handed && r.handed[0] == 0x33);
	assert_non_null(strstr(r.text, "\"sourceClientID\":\"//sp.example.com/CSE0001\""));
	assert_null(strstr(r.text, "targetIDs"));
	assert_memory_equal(r.text + r.a.release.at - 1, "\"\"", 2);
	/* B may not change or delete it */
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_DELETE, path, "/CSE0002", 0, 0, NULL), 4103);
	rig_peer_psk(&r, km_a);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_UPDATE, path, "/CSE0001", 0, 0,
		"{\"sec:symmKeyReg\":{\"targetIDs\":[\"//sp.example.com/CSE0003\"]}}"), 2004);
	assert_non_null(strstr(r.text, "CSE0003"));
	rig_peer_psk(&r, km_b);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_RETRIEVE, path, "/CSE0002", 0, 0, NULL), 4103);
	rig_peer_psk(&r, km_a);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_DELETE, path, "/CSE0001", 0, 0, NULL), 2002);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_DELETE, path, "/CSE0001", 0, 0, NULL), 4004);
}

/* Hex in either case names the same key; an explicit key goes its own way. */
static void mef_keys(void **state)
{
	char reg[128], rel[64], path[160];

	(void)state;
	assert_int_equal(mef_register(0xab, reg), 2001);
	assert_int_equal(key_register(0xab), 2001);
	assert_int_equal(key_register(0xab), 4105);             /* second of this session */
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/abababababababababababababababab", "maf.example.com", 0, 0, NULL), 2000);
	assert_true(r.has_handed);

	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	r.x.has_key_value = true;
	r.x.key_value = rig_seal(0x77, MST_PURPOSE_KEYREG);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", "/CSE0001", MST_TY_SYMM_KEY_REG, 0xab, KEY_REG), 2001);
	rig_member(&r, "relativeKeyID", rel, sizeof(rel));
	assert_string_not_equal(rel, "ABABABABABABABABABABABABABABABAB");
	snprintf(path, sizeof(path), "/MEFBase/%s", rel);
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, path, "maf.example.com", 0, 0, NULL), 2000);
	assert_true(r.has_handed && r.handed[0] == 0x77 && r.handed[31] == 0x77);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(whole_enrolment), T(lost_answers), T(two_at_once), T(bounded_keys), T(a_fetch_proves_nothing), T(a_dropped_ke_is_gone), T(another_mef_takes_nobody_over), T(a_mef_in_place_of_another), T(forged_seal), T(store_failures),
		T(expired_maf_registration), T(the_record_of_who_was_called_so_before), T(deregistration), T(maf_keys), T(mef_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
