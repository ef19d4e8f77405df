/* The keys themselves, with the real keeper and the real crypto: what the node computes is what the MAF gets. */
#include "role/test-rig.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "crypto/derive.h"
#include "role/common/common.h"

#define REG(ty) "{\"sec:" ty "\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\"}}"
#define KEY "{\"sec:symmKeyReg\":{\"et\":\"20280101T000000\",\"adminFQDN\":\"sp.example.com\",\"SUID\":21,\"targetIDs\":[\"maf.example.com\"]}}"

enum { CH_MEF = 1, CH_MAF, CH_CONNECTOR, CH_ALL };

static struct rig r;
static struct mst_channel channel[CH_ALL];
static const unsigned duty[CH_ALL] = { [CH_MEF] = MST_DUTY_MEF, [CH_MAF] = MST_DUTY_MAF, [CH_CONNECTOR] = MST_DUTY_CONNECTOR };
static struct mst_key ke;               /* the exporter's output: node and MEF listener have it */
static char keeper_dir[160];

static int up(void **state)
{
	struct mst_diag d = { 0 };
	int e;

	(void)state;
	rig_up(&r);
	r.crypto = mst_crypto_openssl();
	snprintf(keeper_dir, sizeof(keeper_dir), "%s/keeper", r.dir);
	e = mst_keeper_create_files(keeper_dir, "muster test CA", RIG_NOW, r.crypto, &d);
	if (!e)
		e = mst_keeper_local_open(keeper_dir, r.crypto, &r.keeper, &d);
	if (e)
		fail_msg("keeper: %d %s %s", e, d.field, d.text);
	for (uint32_t i = CH_MEF; i < CH_ALL; i++) {
		channel[i].id = i;
		assert_int_equal(r.crypto->ops->random(r.crypto, channel[i].key, sizeof(channel[i].key)), 0);
		assert_int_equal(mst_keeper_local_channel(r.keeper, i, channel[i].key, duty[i]), 0);
	}
	ke.n = MST_KEY_LEN;
	return r.crypto->ops->random(r.crypto, ke.b, ke.n);
}

static int down(void **state)
{
	DIR *dir = opendir(keeper_dir);
	struct dirent *f;
	char path[512];

	(void)state;
	r.keeper->ops->close(r.keeper);
	while (dir && (f = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", keeper_dir, f->d_name);
		if (f->d_name[0] != '.')
			unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(keeper_dir);
	rig_down(&r);
	return 0;
}

/* A request as the listener of that role makes it. */
static int request(enum mst_role role, enum mst_op op, const char *to, const char *from, int ty, const char *content)
{
	struct mst_exchange *x = &r.x;

	x->role = role;
	x->channel = role == MST_ROLE_MEF ? CH_MEF : CH_MAF;
	x->request = (struct mst_request){ .op = op, .to = mst_view_str(to), .from = mst_view_str(from), .rqi = mst_view_str("r"),
		.rvi = mst_view_str("3"), .ty = ty, .content = mst_view_str(content),
		.media = mst_view_str(content ? "application/json" : "") };
	x->has_export = op == MST_OP_CREATE;
	memset(x->export_id, 0xe1, sizeof(x->export_id));
	if (role == MST_ROLE_MEF)
		assert_int_equal(mst_channel_seal(&channel[x->channel], r.crypto, MST_PURPOSE_KE, &ke, &x->export_key), 0);
	if (role == MST_ROLE_MAF || r.mef_conf.quirks.km == MST_KM_REGISTERED)
		assert_int_equal(mst_channel_seal(&channel[x->channel], r.crypto, MST_PURPOSE_KEYREG, &ke, &x->export_reg), 0);
	return rig_handle(&r, role);
}

/* The engine after the commit, and the process at the other end. */
static int hand_over(const struct mst_release *l, uint32_t to, struct mst_key *ret)
{
	struct mst_wrapped sealed;
	int e = r.keeper->ops->release(r.keeper, &l->authorisation, &l->key, l->purpose, l->key_id, l->how, l->suid, l->target, to, &sealed);

	return e ? e : mst_channel_open(&channel[to], r.crypto, l->purpose == MST_PURPOSE_KM ? MST_USE_HANDSHAKE : MST_USE_ANSWER, &sealed, ret);
}

static void enrol_at_mef(void)
{
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(request(MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", RIG_NODE, MST_TY_MEF_CLIENT_REG, REG("mefClientReg")), 2001);
	assert_int_equal(request(MST_ROLE_MEF, MST_OP_CREATE, "/MEFBase", "/CSE0001", MST_TY_SYMM_KEY_REG, KEY), 2001);
}

static void fetch_path(char keid[MST_ID_MAX], char path[400])
{
	rig_id(0xe1, "mef.example.com", keid);
	snprintf(path, 400, "/fetchCredentials/%s/21", keid);
}

static void same_key(const struct mst_key *a, const struct mst_key *b)
{
	assert_true(mst_ct_equal(mst_key_view(a), mst_key_view(b)));
}

static void km_at_both_ends(void **state)
{
	struct mst_fetch_result got = { .end = MST_FETCH_OK, .channel = CH_CONNECTOR };
	struct mst_psk_answer a;
	struct mst_key km, k;
	char keid[MST_ID_MAX], path[400], kmid[MST_ID_MAX];

	(void)state;
	fetch_path(keid, path);
	assert_int_equal(mst_derive_usage(r.crypto, &ke, 21, mst_view_str("maf.example.com"), &km), 0);   /* the node */
	enrol_at_mef();
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(request(MST_ROLE_MEF, MST_OP_RETRIEVE, path, "maf.example.com", 0, NULL), 2000);
	assert_int_equal(hand_over(&r.a.release, CH_MEF, &k), 0);
	same_key(&k, &km);
	/* key retrieval gives the same (spec 2.7.2) */
	assert_int_equal(request(MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/E1E1E1E1E1E1E1E1E1E1E1E1E1E1E1E1", "maf.example.com", 0, NULL), 2000);
	assert_int_equal(hand_over(&r.a.release, CH_MEF, &k), 0);
	same_key(&k, &km);

	assert_int_equal(mst_channel_seal(&channel[CH_CONNECTOR], r.crypto, MST_PURPOSE_KM, &k, &got.key), 0);
	MST_STR_SET(got.enrolee_id, RIG_CSE);
	got.lifetime = RIG_NOW + RIG_DAY;
	assert_int_equal(rig_fetched(&r, keid, &got, &a), 0);
	assert_int_equal(hand_over(&a.release, CH_MAF, &k), 0);
	same_key(&k, &km);
	rig_peer_psk(&r, keid);
	assert_int_equal(request(MST_ROLE_MAF, MST_OP_CREATE, "/MAFBase", "/CSE0001", MST_TY_MAF_CLIENT_REG, REG("mafClientReg")), 2001);
	rig_member(&r, "assignedSymmKeyID", kmid, sizeof(kmid));
	assert_int_equal(rig_lookup(&r, kmid, &a), 0);
	assert_int_equal(hand_over(&a.release, CH_MAF, &k), 0);
	same_key(&k, &km);
}

static void quirks(void **state)
{
	struct mst_key want, k;
	char keid[MST_ID_MAX], path[400];

	(void)state;
	fetch_path(keid, path);
	r.mef_conf.quirks.km = MST_KM_MASTER;
	assert_int_equal(mst_derive_km(r.crypto, &ke, mst_view_str("maf.example.com"), &want), 0);
	enrol_at_mef();
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(request(MST_ROLE_MEF, MST_OP_RETRIEVE, path, "maf.example.com", 0, NULL), 2000);
	assert_int_equal(hand_over(&r.a.release, CH_MEF, &k), 0);
	same_key(&k, &want);
}

/* Quirk: the registered key, Ke itself, is Km; it leaves because it was registered, by either way. */
static void quirk_registered(void **state)
{
	struct mst_key k;
	char keid[MST_ID_MAX], path[400];

	(void)state;
	fetch_path(keid, path);
	r.mef_conf.quirks.km = MST_KM_REGISTERED;
	enrol_at_mef();
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(request(MST_ROLE_MEF, MST_OP_RETRIEVE, "/MEFBase/E1E1E1E1E1E1E1E1E1E1E1E1E1E1E1E1", "maf.example.com", 0, NULL), 2000);
	assert_int_equal(hand_over(&r.a.release, CH_MEF, &k), 0);
	same_key(&k, &ke);
	assert_int_equal(request(MST_ROLE_MEF, MST_OP_RETRIEVE, path, "maf.example.com", 0, NULL), 2000);
	assert_int_equal(hand_over(&r.a.release, CH_MEF, &k), 0);
	same_key(&k, &ke);
	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	assert_int_equal(request(MST_ROLE_MEF, MST_OP_DELETE, "/MEFBase/E1E1E1E1E1E1E1E1E1E1E1E1E1E1E1E1", "/CSE0001", 0, NULL), 2002);
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(request(MST_ROLE_MEF, MST_OP_RETRIEVE, path, "maf.example.com", 0, NULL), 4004);
}

/* A row passed off as another, a release without its authorisation, a seal of another process. */
static void tampering(void **state)
{
	struct mst_release l;
	struct mst_key k;
	char keid[MST_ID_MAX], path[400];

	(void)state;
	fetch_path(keid, path);
	enrol_at_mef();
	rig_peer_cert(&r, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(request(MST_ROLE_MEF, MST_OP_RETRIEVE, path, "maf.example.com", 0, NULL), 2000);
	l = r.a.release;
	l.how = MST_DERIVE_NONE;
	assert_int_equal(hand_over(&l, CH_MEF, &k), MST_KEEPER_DENIED);
	l = r.a.release;
	l.authorisation.what = MST_AUTH_NOTHING;
	assert_int_equal(hand_over(&l, CH_MEF, &k), MST_KEEPER_DENIED);
	l = r.a.release;
	l.purpose = MST_PURPOSE_KM;
	l.how = MST_DERIVE_NONE;
	assert_int_equal(hand_over(&l, CH_MEF, &k), MST_KEEPER_DENIED);
	assert_int_equal(hand_over(&l, CH_MAF, &k), MST_KEEPER_FORGED);
	l = r.a.release;
	l.key_id[0] ^= 1;
	l.authorisation.key_id[0] ^= 1;
	assert_int_equal(hand_over(&l, CH_MEF, &k), MST_KEEPER_FORGED);

	rig_peer_cert(&r, MST_ID_NODE, RIG_NODE);
	r.x.channel = CH_MAF;           /* says another process sealed it */
	memset(r.x.export_id, 0xe2, sizeof(r.x.export_id));
	assert_int_equal(mst_channel_seal(&channel[CH_MEF], r.crypto, MST_PURPOSE_KE, &ke, &r.x.export_key), 0);
	r.x.has_export = true;
	r.x.request = (struct mst_request){ .op = MST_OP_CREATE, .to = mst_view_str("/MEFBase"), .from = mst_view_str("/CSE0001"),
		.rqi = mst_view_str("r"), .rvi = mst_view_str("3"), .ty = MST_TY_MEF_CLIENT_REG,
		.media = mst_view_str("application/json"), .content = mst_view_str(REG("mefClientReg")) };
	assert_int_equal(rig_handle(&r, MST_ROLE_MEF), 5000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = { T(km_at_both_ends), T(quirks), T(quirk_registered), T(tampering) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
