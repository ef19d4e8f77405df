/* What must not work at MEF and MAF: each its own answer, an event for the operator, and nothing changed. */
#include "role/test-rig.h"

#include <stdio.h>

#define MEF_REG "{\"sec:mefClientReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\"}}"
#define KEY_REG "{\"sec:symmKeyReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":21%s}}"

static struct rig r;
static uint8_t fill = 0x21;             /* exporter output of the session at hand */

static int up(void **state) { (void)state; fill = 0x21; rig_up(&r); return 0; }
static int down(void **state) { (void)state; rig_down(&r); return 0; }

static void nothing_changed(const char *before, const char *what)
{
	static char after[8192];
	struct mst_event e;

	rig_fingerprint(&r, after, sizeof(after));
	assert_string_equal(before, after);
	assert_true(rig_last_event(&r, &e));
	assert_string_equal(e.what, what);
	assert_true(e.why[0] && e.who[0]);
	assert_false(r.has_handed);
}

static int mef_register(const char *from)
{
	return rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", from, MST_TY_MEF_CLIENT_REG, fill, MEF_REG);
}

static void bytes(void **state)
{
	static const struct { const char *what; enum mst_op op; const char *to; int ty; const char *content; int rsc; } rows[] = {
		{ "not JSON", MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG, "{", 4000 },
		{ "octets after the end", MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG, MEF_REG "x", 4000 },
		{ "wrong root", MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG, "{\"m2m:ae\":{}}", 4000 },
		{ "unknown member", MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG, "{\"sec:mefClientReg\":{\"x\":1}}", 4000 },
		{ "member twice", MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG,
		  "{\"sec:mefClientReg\":{\"adminFQDN\":\"a.b\",\"adminFQDN\":\"a.b\"}}", 4000 },
		{ "bad timestamp", MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG,
		  "{\"sec:mefClientReg\":{\"et\":\"tomorrow\",\"adminFQDN\":\"sp.example.com\"}}", 4000 },
		{ "missing members", MST_OP_CREATE, "/MEFBase", MST_TY_MEF_CLIENT_REG, "{\"sec:mefClientReg\":{}}", 4000 },
		{ "type of the other role", MST_OP_CREATE, "/MEFBase", MST_TY_MAF_CLIENT_REG, MEF_REG, 4000 },
		{ "type of an AE", MST_OP_CREATE, "/MEFBase", 2, MEF_REG, 4000 },
		{ "notify", MST_OP_NOTIFY, "/MEFBase", 0, "{}", 4005 },
		{ "retrieve the base", MST_OP_RETRIEVE, "/MEFBase", 0, NULL, 4005 },
		{ "create below a registration", MST_OP_CREATE, "/MEFBase/reg-1", MST_TY_MEF_CLIENT_REG, MEF_REG, 4005 },
		{ "update the configuration", MST_OP_UPDATE, "/MEFBase/reg-1/cfg", 0, MEF_REG, 4005 },
		{ "delete the command", MST_OP_DELETE, "/MEFBase/reg-1/cmd", 0, NULL, 4005 },
		{ "delete a fetched credential", MST_OP_DELETE, "/fetchCredentials/A@mef.example.com/21", 0, NULL, 4005 },
		{ "elsewhere", MST_OP_RETRIEVE, "/nowhere", 0, NULL, 4004 },
		{ "a longer base", MST_OP_RETRIEVE, "/MEFBaseX", 0, NULL, 4004 },
		{ "empty segment", MST_OP_RETRIEVE, "/MEFBase/", 0, NULL, 4004 },
		{ "too deep", MST_OP_RETRIEVE, "/MEFBase/reg-1/cfg/x", 0, NULL, 4004 },
		{ "not a key id", MST_OP_RETRIEVE, "/MEFBase/a b", 0, NULL, 4004 },
		{ "fetch without SUID", MST_OP_RETRIEVE, "/fetchCredentials/A@mef.example.com", 0, NULL, 4004 },
		{ "fetch with a word for SUID", MST_OP_RETRIEVE, "/fetchCredentials/A@mef.example.com/x", 0, NULL, 4004 },
		{ "unknown registration", MST_OP_RETRIEVE, "/MEFBase/reg-00", 0, NULL, 4004 },
		{ "unknown key", MST_OP_RETRIEVE, "/MEFBase/00", 0, NULL, 4004 },
		{ "malformed command update", MST_OP_UPDATE, "/MEFBase/reg-1/cmd", 0, "{\"sec:mefClientCmd\":{}}", 4000 },
		{ "content on a retrieve", MST_OP_RETRIEVE, "/MEFBase/reg-1", 0, "{}", 4000 },
	};
	static char before[8192];

	(void)state;
	rig_fingerprint(&r, before, sizeof(before));
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		int rsc;

		rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
		rsc = rig_do(&r, MST_ROLE_MEF, rows[i].op, rows[i].to, "/CSE0001", rows[i].ty, 0x21, rows[i].content);
		if (rsc != rows[i].rsc)
			fail_msg("%s: %d %s", rows[i].what, rsc, r.text);
		if (rows[i].op == MST_OP_NOTIFY && !strstr(r.text, "ty: missing, so this is a Notify; to Create, 65001 (sec:mefClientReg) or 65003"))
			fail_msg("%s", r.text);
		nothing_changed(before, "mef.refused");
	}
}

static void headers(void **state)
{
	static char before[8192];

	(void)state;
	rig_fingerprint(&r, before, sizeof(before));
	for (int i = 0; i < 4; i++) {
		static const int rsc[] = { 4001, 4001, 4015, 4000 };

		rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
		r.x.request = (struct mst_request){ .op = MST_OP_CREATE, .to = mst_view_str("/MEFBase"), .from = mst_view_str("/CSE0001"),
			.rqi = mst_view_str("r"), .rvi = mst_view_str("3"), .ty = MST_TY_MEF_CLIENT_REG,
			.media = mst_view_str("application/json"), .content = mst_view_str(MEF_REG) };
		if (i == 0)
			r.x.request.rvi = MST_VIEW_NONE;
		if (i == 1)
			r.x.request.rvi = mst_view_str("5");
		if (i == 2)
			r.x.request.media = mst_view_str("application/xml");
		if (i == 3)
			r.x.request.rqi = MST_VIEW_NONE;
		assert_int_equal(rig_handle(&r, MST_ROLE_MEF), rsc[i]);
		nothing_changed(before, "mef.refused");
	}
}

static void key_in_clear(void **state)
{
	static char before[8192], content[512];

	(void)state;
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(mef_register(RIG_NODE), 2001);
	rig_fingerprint(&r, before, sizeof(before));
	snprintf(content, sizeof(content), KEY_REG, ",\"keyValue\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", "/CSE0001", MST_TY_SYMM_KEY_REG, 0x21, content), 5001);
	nothing_changed(before, "mef.refused");
}

/* --- who is it --- */

static void second_node(const char *name, enum mst_id_kind kind, const uint8_t *anchor)
{
	struct mst_node n = { .state = MST_NODE_KNOWN };
	struct mst_identity i = { .kind = kind };

	snprintf(n.node_id, sizeof(n.node_id), "urn:node:%s", name);
	snprintf(n.cse_id, sizeof(n.cse_id), kind == MST_ID_FQDN ? "//sp.example.com/CSE0002" : "//sp2.example.com/CSE0009");
	snprintf(n.sub_id, sizeof(n.sub_id), "sub-secret");
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_insert(r.store, &n), 0);
	i.node = n.id;
	snprintf(i.value, sizeof(i.value), "%s", name);
	if (anchor)
		memcpy(i.anchor, anchor, sizeof(i.anchor));
	assert_int_equal(mst_store_identity_put(r.store, &i), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

static void identities(void **state)
{
	static char before[8192];
	uint8_t anchor[MST_SHA256_LEN] = { 7 };
	struct mst_event e;

	(void)state;
	second_node("dev2.example.com", MST_ID_FQDN, anchor);
	second_node("//sp2.example.com/CSE0009", MST_ID_CSE_ABS, NULL);
	rig_fingerprint(&r, before, sizeof(before));

	/* unknown name; no name; wrong anchor; nobody; a pre-shared key where none is taken */
	rig_peer_cert(&r, MST_ID_NODE, "urn:dev:ops:other");
	assert_int_equal(mef_register("urn:dev:ops:other"), 4103);
	nothing_changed(before, "mef.refused");
	rig_peer_cert(&r, MST_ID_NONE, NULL);
	assert_int_equal(mef_register(RIG_NODE), 4103);
	nothing_changed(before, "mef.refused");
	rig_peer_cert(&r, MST_ID_FQDN, "dev2.example.com");
	assert_int_equal(mef_register("//sp.example.com/CSE0002"), 4103);
	nothing_changed(before, "mef.refused");
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "anchor"));
	assert_null(strstr(r.text, "anchor"));          /* the operator's business */
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	r.x.peer.how = MST_AUTH_ANONYMOUS;
	assert_int_equal(mef_register(RIG_NODE), 4103);
	rig_peer_psk(&r, "00112233445566778899AABBCCDDEEFF@mef.example.com");
	assert_int_equal(mef_register(RIG_NODE), 4103);
	/* a certificate that names two nodes */
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	rig_peer_also(&r, MST_ID_FQDN, "CSE0009.sp2.example.com");
	assert_int_equal(mef_register(RIG_NODE), 4103);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "two nodes"));
	/* one node speaking for another (lesson 25), and in no form of its own name */
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(mef_register("/CSE0002"), 4106);
	nothing_changed(before, "mef.refused");
	assert_int_equal(mef_register("urn:dev:ops:1-a-70"), 4106);
	nothing_changed(before, "mef.refused");
}

static void identities_that_work(void **state)
{
	uint8_t anchor[MST_SHA256_LEN] = { 7 };

	(void)state;
	second_node("dev2.example.com", MST_ID_FQDN, anchor);
	rig_peer_cert(&r, MST_ID_FQDN, "DEV2.example.com");
	memcpy(r.x.peer.anchor_sha256, anchor, sizeof(anchor));
	assert_int_equal(mef_register("//sp.example.com/CSE0002"), 2001);
	/* a CSE-ID certificate: public domain name of the CSE (TS-0001 6.5.1.1) */
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_identity_put(r.store, &(struct mst_identity){ .kind = MST_ID_CSE_ABS, .value = RIG_CSE, .node = r.node }), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	fill++;
	rig_peer_cert(&r, MST_ID_FQDN, "CSE0001.sp.example.com");
	assert_int_equal(mef_register(""), 2001);
	assert_int_equal(mef_register(RIG_CSE), 2001);
	assert_int_equal(mef_register("/CSE0001"), 2001);
	assert_int_equal(mef_register("cse0001.sp.example.com"), 2001);
	assert_int_equal(mef_register(RIG_NODE), 2001);
}

static void name_it(int64_t node, enum mst_id_kind kind, const char *value, uint8_t anchor)
{
	struct mst_identity i = { .kind = kind, .anchor = { anchor }, .node = node };

	snprintf(i.value, sizeof(i.value), "%s", value);
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_identity_put(r.store, &i), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

static void call_it(int64_t node, const char *cse_id)
{
	struct mst_node n;

	assert_int_equal(mst_store_node_get(r.store, node, &n), 0);
	snprintf(n.cse_id, sizeof(n.cse_id), "%s", cse_id);
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_update(r.store, &n), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

static void shows_cse0001(int rsc, const char *why)
{
	struct mst_event e;

	rig_peer_cert(&r, MST_ID_FQDN, "CSE0001.sp.example.com");
	r.x.peer.anchor_sha256[0] = 7;
	fill++;
	assert_int_equal(mef_register(rsc == 2001 ? RIG_CSE : ""), rsc);
	assert_true(rig_last_event(&r, &e));
	assert_true(!why || strstr(e.why, why));
}

/* From before that was refused: two have one public name, by their CSE-IDs or one by an FQDN. It is whose CSE-ID it is, else nobody's. */
static void one_public_name_of_two(void **state)
{
	static const struct { enum mst_id_kind kind; const char *value; } others[] = { { MST_ID_FQDN, "cse0001.sp.example.com" }, { MST_ID_CSE_ABS, "//sp.example.com/cse0001" } };
	struct mst_node n;

	(void)state;
	second_node("//sp2.example.com/CSE0009", MST_ID_CSE_ABS, NULL);
	assert_int_equal(mst_store_node_find(r.store, "//sp2.example.com/CSE0009", &n), 0);
	for (size_t i = 0; i < MST_COUNT(others); i++) {
		/* bound to the other alone, which is not called so */
		name_it(r.node, MST_ID_CSE_ABS, RIG_CSE, 8);
		name_it(n.id, others[i].kind, others[i].value, 7);
		shows_cse0001(4103, "another node is called so");
		name_it(r.node, MST_ID_CSE_ABS, RIG_CSE, 7);
		shows_cse0001(2001, NULL);
		/* nobody is, and both are */
		call_it(r.node, "//sp.example.com/CSE1");
		shows_cse0001(4103, "two nodes");
		call_it(r.node, RIG_CSE);
		call_it(n.id, "//sp.example.com/cse0001");
		shows_cse0001(4103, "another node is called so");
		call_it(n.id, "//sp2.example.com/CSE0009");
		/* makers tell them apart */
		name_it(n.id, others[i].kind, others[i].value, 8);
		shows_cse0001(2001, NULL);
	}
}

static void bind_to(const uint8_t anchor[MST_SHA256_LEN])
{
	struct mst_identity i = { .kind = MST_ID_NODE, .value = RIG_NODE, .node = r.node };

	memcpy(i.anchor, anchor, sizeof(i.anchor));
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_identity_put(r.store, &i), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

/* Lesson 25: any maker's CA can sign any name, so among several a name counts under the one it is bound to. */
static void a_maker_cannot_name_anothers_node(void **state)
{
	static const uint8_t acme[MST_SHA256_LEN] = { 7 }, globex[MST_SHA256_LEN] = { 8 }, none[MST_SHA256_LEN];
	static char before[8192];
	struct mst_event e;

	(void)state;
	memcpy(r.mef_conf.makers.sha256[0], acme, sizeof(acme));
	r.mef_conf.makers.n = 1;
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	memcpy(r.x.peer.anchor_sha256, acme, sizeof(acme));
	assert_int_equal(mef_register(RIG_NODE), 2001);      /* bound to none, but nobody else is there */
	fill++;
	memcpy(r.mef_conf.makers.sha256[1], globex, sizeof(globex));
	r.mef_conf.makers.n = 2;
	rig_fingerprint(&r, before, sizeof(before));
	memcpy(r.x.peer.anchor_sha256, globex, sizeof(globex));
	assert_int_equal(mef_register(RIG_NODE), 4103);
	nothing_changed(before, "mef.refused");
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "muster node bind"));
	bind_to(acme);
	rig_fingerprint(&r, before, sizeof(before));
	assert_int_equal(mef_register(RIG_NODE), 4103);
	nothing_changed(before, "mef.refused");
	memcpy(r.x.peer.anchor_sha256, acme, sizeof(acme));
	assert_int_equal(mef_register(RIG_NODE), 2001);
	fill++;
	bind_to(mst_anchor_any);                             /* only when somebody said so */
	memcpy(r.x.peer.anchor_sha256, globex, sizeof(globex));
	assert_int_equal(mef_register(RIG_NODE), 2001);
	fill++;
	bind_to(none);
	assert_int_equal(mef_register(RIG_NODE), 4103);
}

/* A MAF's name in a certificate of another CA gives nothing when the configuration names the anchor. */
static void maf_anchor(void **state)
{
	struct mst_cert_row row = { .serial = "0102030405060708090A0B0C0D0E0F10", .subject = "maf.example.com", .issued = 1, .expires = MST_NEVER };
	struct mst_event e;

	(void)state;
	r.mef_conf.maf_anchor[0][0] = 9;
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/fetchCredentials/00@mef.example.com/21", "maf.example.com", 0, 0, NULL), 4103);
	assert_non_null(strstr(r.text, "\"status\":false"));
	assert_non_null(strstr(r.text, "\"errorString\""));
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "another trust anchor"));
	r.x.peer.anchor_sha256[0] = 9;
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/fetchCredentials/00@mef.example.com/21", "maf.example.com", 0, 0, NULL), 4004);
	/* one that was revoked here, whoever had it issued, is refused before any list says so, and where the list is full */
	memcpy(r.x.peer.cert.serial, row.serial, sizeof(row.serial));
	assert_int_equal(mst_store_cert_put(r.store, &row), 0);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/fetchCredentials/00@mef.example.com/21", "maf.example.com", 0, 0, NULL), 4004);
	row.revoked = row.issued + 1;
	assert_int_equal(mst_store_cert_put(r.store, &row), 0);
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/fetchCredentials/00@mef.example.com/21", "maf.example.com", 0, 0, NULL), 4103);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "the certificate is revoked"));
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

static void set_sub(enum mst_sub_state s)
{
	struct mst_subscription sub;

	assert_int_equal(mst_store_sub_get(r.store, "sub-secret", &sub), 0);
	sub.state = s;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_sub_put(r.store, &sub, false), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
}

static void standing(void **state)
{
	static char before[8192];

	(void)state;
	set_node(MST_NODE_REVOKED);
	rig_fingerprint(&r, before, sizeof(before));
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(mef_register(RIG_NODE), 4103);
	nothing_changed(before, "mef.refused");
	set_node(MST_NODE_KNOWN);
	set_sub(MST_SUB_SUSPENDED);
	rig_fingerprint(&r, before, sizeof(before));
	assert_int_equal(mef_register(RIG_NODE), 4128);
	nothing_changed(before, "mef.refused");
	set_sub(MST_SUB_ACTIVE);
	r.now = RIG_NOW + 400 * RIG_DAY;
	assert_int_equal(mef_register(RIG_NODE), 4128);
	nothing_changed(before, "mef.refused");
	r.now = RIG_NOW;
	assert_int_equal(mef_register(RIG_NODE), 2001);
	/* suspended after the registration: the MAF gets no key either, and a handshake none */
	set_sub(MST_SUB_SUSPENDED);
	rig_fingerprint(&r, before, sizeof(before));
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/fetchCredentials/21212121212121212121212121212121@mef.example.com/21",
	                        "maf.example.com", 0, 0, NULL), 4128);
	nothing_changed(before, "mef.refused");
}

/* A key for the client of a provider that this MEF does not vouch for: nothing of it is kept, and the operator is told. */
static void vouching(void **state)
{
	struct mst_fetch_result got = { .end = MST_FETCH_OK, .channel = RIG_CHANNEL, .lifetime = RIG_NOW + RIG_DAY, .enrolee_id = RIG_CSE };
	static const char keid[] = "22222222222222222222222222222222@mef.example.com";
	struct mst_psk_answer a;
	struct mst_event e;

	(void)state;
	got.key = rig_seal(0x22, MST_PURPOSE_KM);
	memcpy(r.maf_conf.mef[0].sp[0], "other.example.com", sizeof("other.example.com"));
	r.maf_conf.mef[0].n_sp = 1;
	assert_int_equal(rig_fetched(&r, keid, &got, &a), MST_PSK_UNKNOWN);
	assert_false(a.release.wanted);
	assert_true(rig_last_event(&r, &e));
	assert_string_equal(e.what, "maf.vouch-refused");
	assert_non_null(strstr(e.why, RIG_CSE));
	assert_int_equal(rig_lookup(&r, keid, &a), MST_PSK_FETCH);
	/* listed, the same is taken */
	memcpy(r.maf_conf.mef[0].sp[0], "sp.example.com", sizeof("sp.example.com"));
	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
	assert_true(a.release.wanted);
	r.maf_conf.mef[0].n_sp = 0;
}

static void handshakes(void **state)
{
	struct mst_fetch_result got = { .end = MST_FETCH_OK, .channel = RIG_CHANNEL, .lifetime = RIG_NOW + RIG_DAY, .enrolee_id = RIG_CSE };
	static const char keid[] = "21212121212121212121212121212121@mef.example.com";
	struct mst_role_env env = rig_env(&r, MST_ROLE_MAF);
	struct mst_psk_answer a;
	struct mst_event e;

	(void)state;
	/* lesson 21: told apart for the operator */
	rig_peer_psk(&r, keid);
	assert_int_equal(mst_role_maf.handshake_failed(&env, &r.x.peer, MST_TLS_PSK_REFUSED, ""), 0);
	assert_true(rig_last_event(&r, &e));
	assert_string_equal(e.what, "maf.handshake-failed");
	assert_non_null(strstr(e.why, "identity unknown"));
	/* lesson 20: and what to do about it stands beside it */
	assert_non_null(strstr(e.why, "; what to do: check key identity and key at both ends"));
	got.key = rig_seal(0x21, MST_PURPOSE_KM);
	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
	assert_int_equal(mst_role_maf.handshake_failed(&env, &r.x.peer, MST_TLS_PSK_REFUSED, ""), 0);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "key wrong"));
	assert_non_null(strstr(e.why, "[::1]:4712"));
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	env = rig_env(&r, MST_ROLE_MEF);
	/* what a stranger chose to call itself does not push the remedy out */
	for (r.x.peer.cert.n_san = 0; r.x.peer.cert.n_san < 3; r.x.peer.cert.n_san++) {
		r.x.peer.cert.san[r.x.peer.cert.n_san].kind = MST_ID_FQDN;
		memset(r.x.peer.cert.san[r.x.peer.cert.n_san].value, 'x', MST_ID_MAX - 1);
		r.x.peer.cert.san[r.x.peer.cert.n_san].value[MST_ID_MAX - 1] = 0;
	}
	assert_int_equal(mst_role_mef.handshake_failed(&env, &r.x.peer, MST_TLS_UNTRUSTED, "self-signed"), 0);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "certificate not trusted: self-signed"));
	assert_non_null(strstr(e.why, "; what to do: add the issuer's certificate to the anchors"));
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(mst_role_mef.handshake_failed(&env, &r.x.peer, MST_TLS_EXPIRED, "not after 2020"), 0);
	assert_true(rig_last_event(&r, &e));
	assert_string_equal(e.what, "mef.handshake-failed");
	assert_string_equal(e.who, RIG_NODE);
	assert_non_null(strstr(e.why, RIG_NODE));
	assert_non_null(strstr(e.why, "expired"));
	assert_non_null(strstr(e.why, "; what to do: renew the certificate; check the clock"));

	/* what a listener refused by itself is an event too, under the node's name */
	assert_int_equal(mst_role_mef.refused(&env, &r.x.peer, "", 413, "body: too long\x01"), 0);
	assert_true(rig_last_event(&r, &e));
	assert_string_equal(e.what, "mef.refused");
	assert_int_equal(e.outcome, 413);
	assert_non_null(strstr(e.why, "body: too long? from "));
	assert_string_equal(e.who, RIG_CSE);

	/* lesson 6: a MEF that cannot be asked says nothing about the key */
	got.end = MST_FETCH_UNREACHABLE;
	assert_int_equal(rig_fetched(&r, "22222222222222222222222222222222@mef.example.com", &got, &a), MST_PSK_BUSY);
	got.end = MST_FETCH_UNKNOWN;
	assert_int_equal(rig_fetched(&r, "22222222222222222222222222222222@mef.example.com", &got, &a), MST_PSK_UNKNOWN);

	/* every refused handshake is an event; the outcome is the same for all of them */
	assert_int_equal(rig_lookup(&r, "00112233445566778899AABBCCDDEEFF@maf.example.com", &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(rig_failed(&r, MST_ROLE_MAF, "00112233445566778899AABBCCDDEEFF@maf.example.com").why, "unknown key identifier"));
	assert_int_equal(rig_lookup(&r, "x@mef.evil.example", &a), MST_PSK_UNKNOWN);
	assert_int_equal(rig_lookup(&r, "no key identifier\x01", &a), MST_PSK_UNKNOWN);
	assert_string_equal(rig_failed(&r, MST_ROLE_MAF, "no key identifier\x01").who, "no key identifier?");
	r.now = RIG_NOW + 2 * RIG_DAY;
	assert_int_equal(rig_lookup(&r, keid, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(rig_failed(&r, MST_ROLE_MAF, keid).why, "expired"));
	r.now = RIG_NOW;
	set_node(MST_NODE_REVOKED);
	assert_int_equal(rig_lookup(&r, keid, &a), MST_PSK_UNKNOWN);
	assert_non_null(strstr(rig_failed(&r, MST_ROLE_MAF, keid).why, "revoked"));
	assert_false(a.release.wanted);
	/* a negative answer is never remembered (lesson 3) */
	set_node(MST_NODE_KNOWN);
	assert_int_equal(rig_lookup(&r, keid, &a), 0);
}

/* --- default deny: op × path × who, through the whole role; keys leave in the three allowed cells only --- */

struct caller { const char *name, *from; bool psk; enum mst_id_kind kind; };
static const struct caller callers[] = {
	{ NULL, "", false, MST_ID_NONE },                                     /* nobody */
	{ "urn:dev:ops:stranger", "urn:dev:ops:stranger", false, MST_ID_NODE },
	{ RIG_NODE, "/CSE0001", false, MST_ID_NODE },                         /* the owner */
	{ "dev2.example.com", "/CSE0002", false, MST_ID_FQDN },               /* another node, listed by SUID 22 */
	{ "maf.example.com", "maf.example.com", false, MST_ID_FQDN },
	{ "maf2.example.com", "maf2.example.com", false, MST_ID_FQDN },       /* a MAF that nobody named */
	{ "24242424242424242424242424242424@mef.example.com", "/CSE0001", true, MST_ID_NONE },
	{ "25252525252525252525252525252525@mef.example.com", "/CSE0002", true, MST_ID_NONE },
	{ "26262626262626262626262626262626@mef.example.com", "/CSE0003", true, MST_ID_NONE },
};

static void a_key(struct rig *q, enum mst_role role, const char *base, uint8_t with, int suid, const char *target)
{
	char content[300];

	snprintf(content, sizeof(content), "{\"sec:symmKeyReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":%d,"
	         "\"targetIDs\":[\"%s\"]}}", suid, target);
	assert_int_equal(rig_do(q, role, MST_OP_CREATE, base, "/CSE0001", MST_TY_SYMM_KEY_REG, with, content), 2001);
}

static void credential_of(const char *enrolee, uint8_t with)
{
	struct mst_fetch_result got = { .end = MST_FETCH_OK, .channel = RIG_CHANNEL, .lifetime = RIG_NOW + RIG_DAY, .key = rig_seal(with, MST_PURPOSE_KM) };
	struct mst_psk_answer a;
	char keid[MST_ID_MAX];

	snprintf(got.enrolee_id, sizeof(got.enrolee_id), "%s", enrolee);
	rig_id(with, "mef.example.com", keid);
	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
}

static void default_deny(void **state)
{
	static const char *const paths[] = {
		"/MEFBase", "/MEFBase/22222222222222222222222222222222", "/MEFBase/23232323232323232323232323232323",
		"/fetchCredentials/22222222222222222222222222222222@mef.example.com/21",
		"/fetchCredentials/22222222222222222222222222222222@mef.example.com/22",
		"/fetchCredentials/23232323232323232323232323232323@mef.example.com/22", "/fetchCredentials",
		"/MAFBase", "/MAFBase/27272727272727272727272727272727",
	};
	unsigned by_fetch = 0, by_mef = 0, by_maf = 0;

	(void)state;
	r.mef_conf.n_maf = 2;
	snprintf(r.mef_conf.maf_fqdn[1], MST_ID_MAX, "maf2.example.com");
	second_node("dev2.example.com", MST_ID_FQDN, NULL);
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(mef_register(RIG_NODE), 2001);
	a_key(&r, MST_ROLE_MEF, "/MEFBase", 0x22, 21, "maf.example.com");
	a_key(&r, MST_ROLE_MEF, "/MEFBase", 0x23, 22, "//sp.example.com/CSE0002");
	credential_of(RIG_CSE, 0x24);
	credential_of("//sp.example.com/CSE0002", 0x25);
	credential_of("//sp.example.com/CSE0003", 0x26);
	rig_peer_psk(&r, callers[6].name);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, 0,
		"{\"sec:mafClientReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\"}}"), 2001);
	a_key(&r, MST_ROLE_MAF, "/MAFBase", 0x27, 32, "//sp.example.com/CSE0003");
	r.releases = 0;
	for (size_t who = 0; who < MST_COUNT(callers); who++)
		for (size_t p = 0; p < MST_COUNT(paths); p++)
			for (int op = MST_OP_RETRIEVE; op <= MST_OP_NOTIFY + 1; op++)
				for (int role = MST_ROLE_MEF; role <= MST_ROLE_MAF; role++) {
					const struct caller *c = &callers[who];
					unsigned before = r.releases;

					if (op == MST_OP_DELETE && (who == 2 || who == 6))
						continue;       /* the owner may; it would end the table */
					if (c->psk)
						rig_peer_psk(&r, c->name);
					else
						rig_peer_cert(&r, c->kind, c->name);
					if (op > MST_OP_NOTIFY)
						r.x.peer.how = MST_AUTH_ANONYMOUS;
					rig_do(&r, (enum mst_role)role, op > MST_OP_NOTIFY ? MST_OP_RETRIEVE : (enum mst_op)op, paths[p], c->from, 0, 0, NULL);
					if (r.releases == before)
						continue;
					assert_int_equal(op, MST_OP_RETRIEVE);
					if (p == 3)
						by_fetch += role == MST_ROLE_MEF && who == 4;
					else if (role == MST_ROLE_MEF)
						by_mef += (p == 1 && who == 4) || (p == 2 && who == 3);
					else
						by_maf += p == 8 && who == 8;
				}
	assert_int_equal(by_fetch, 1);
	assert_int_equal(by_mef, 2);
	assert_int_equal(by_maf, 1);
	assert_int_equal(r.releases, 4);        /* and in no other cell */
}

/* A node of another provider, named by an M2M-Node-ID that names somebody else, as one could be before that was refused. */
static int64_t named(const char *node_id, const char *cse_id)
{
	struct mst_node n = { .state = MST_NODE_KNOWN, .sub_id = "sub-secret" };
	struct mst_identity i = { .kind = MST_ID_NODE };

	snprintf(n.node_id, sizeof(n.node_id), "%s", node_id);
	snprintf(n.cse_id, sizeof(n.cse_id), "%s", cse_id);
	snprintf(i.value, sizeof(i.value), "%s", node_id);
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_node_insert(r.store, &n), 0);
	i.node = n.id;
	assert_int_equal(mst_store_identity_put(r.store, &i), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	return n.id;
}

static void a_node_id_is_no_cse_id(void **state)
{
	struct mst_credential cred;
	struct mst_event e;
	char keid[MST_ID_MAX];
	int64_t bad;

	(void)state;
	bad = named(RIG_CSE, "//sp2.example.com/CSE0009");
	named("//sp.example.com/CSE0002", "//sp2.example.com/CSE0002");
	named("//sp.example.com/CSE0003", "");
	named("maf.example.com", "");
	/* a key that the MEF gave of the CSE is the CSE's node's */
	credential_of(RIG_CSE, 0x24);
	rig_id(0x24, "mef.example.com", keid);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, keid, &cred), 0);
	assert_int_equal(cred.node, r.node);
	/* one of a CSE that is no node's here is no node's */
	credential_of("//sp.example.com/CSE0003", 0x25);
	rig_id(0x25, "mef.example.com", keid);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, keid, &cred), 0);
	assert_int_equal(cred.node, 0);
	/* one that was taken for the other node's lets nobody in */
	rig_id(0x24, "mef.example.com", keid);
	assert_int_equal(mst_store_cred_get(r.store, MST_ROLE_MAF, keid, &cred), 0);
	cred.node = bad;
	assert_int_equal(mst_store_begin(r.store), 0);
	assert_int_equal(mst_store_cred_put(r.store, MST_ROLE_MAF, &cred, false), 0);
	assert_int_equal(mst_store_commit(r.store), 0);
	rig_peer_psk(&r, keid);
	assert_int_equal(rig_do(&r, MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, 0,
		"{\"sec:mafClientReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\"}}"), 4103);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "another node's"));
	/* neither a CSE's keys nor a MAF's are for who is called so */
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(mef_register(RIG_NODE), 2001);
	a_key(&r, MST_ROLE_MEF, "/MEFBase", 0x22, 21, "maf.example.com");
	a_key(&r, MST_ROLE_MEF, "/MEFBase", 0x23, 22, "//sp.example.com/CSE0002");
	r.releases = 0;
	rig_peer_cert(&r, MST_ID_NODE, "maf.example.com");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/22222222222222222222222222222222", "maf.example.com", 0, 0, NULL), 4103);
	rig_peer_cert(&r, MST_ID_NODE, "//sp.example.com/CSE0002");
	assert_int_equal(rig_do(&r, MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/23232323232323232323232323232323", "//sp2.example.com/CSE0002", 0, 0, NULL), 4103);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "not on the target list"));
	/* nor may it say that it is the CSE, whether it is one itself or has no other name */
	assert_int_equal(mef_register("//sp.example.com/CSE0002"), 4106);
	rig_peer_cert(&r, MST_ID_NODE, "//sp.example.com/CSE0003");
	assert_int_equal(mef_register("//sp.example.com/CSE0003"), 4103);
	assert_true(rig_last_event(&r, &e));
	assert_non_null(strstr(e.why, "form of a CSE-ID"));
	assert_int_equal(r.releases, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(bytes), T(headers), T(key_in_clear), T(identities), T(identities_that_work), T(one_public_name_of_two), T(a_maker_cannot_name_anothers_node), T(maf_anchor), T(standing),
		T(handshakes), T(vouching), T(default_deny), T(a_node_id_is_no_cse_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
