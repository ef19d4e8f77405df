/* GBA at the keeper: worked values of Ub and Zn (spec gba 17), and nothing of a vector or of Ks for anybody else. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "crypto/derive.h"
#include "keeper/keeper.h"

#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define BSF "bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@" BSF
#define NONCE "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="
#define AV "a54211d5e3ba50bfb40ba9a3c58b2a05bbf0d987b21bf8cbf769bcd751044604127672711c6d3441"
#define BODY "<?xml version=\"1.0\" encoding=\"UTF-8\"?><BootstrappingInfo xmlns=\"uri:3gpp-gba\"><btid>" BTID "</btid><lifetime>2030-01-01T00:00:00Z</lifetime></BootstrappingInfo>"

static struct mst_crypto *c;
static char top[64];
static struct mst_keeper *k;
static struct mst_channel connector = { .id = 1 }, zn = { .id = 2 }, others = { .id = 3 };
static struct mst_wrapped av;

static void channel(struct mst_channel *ch, unsigned duties)
{
	assert_int_equal(c->ops->random(c, ch->key, sizeof(ch->key)), 0);
	assert_int_equal(mst_keeper_local_channel(k, ch->id, ch->key, duties), 0);
}

static int give_in(const struct mst_channel *from, const char *hex, const char *id, struct mst_wrapped *ret)
{
	struct mst_wrapped sealed;
	struct mst_key key;

	assert_true(mst_hex_decode(mst_view_str(hex), key.b, sizeof(key.b), &key.n));
	assert_int_equal(mst_channel_seal(from, c, MST_PURPOSE_AV, &key, &sealed), 0);
	return k->ops->wrap(k, from->id, (struct mst_view){ sealed.b, sealed.n }, MST_PURPOSE_AV, id, ret);
}

static int set_up(void **state)
{
	char dir[96];

	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", 1800000000, c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	channel(&connector, MST_DUTY_CONNECTOR);
	channel(&zn, MST_DUTY_ZN);
	channel(&others, (unsigned)MST_DUTY__ALL & ~(unsigned)(MST_DUTY_ZN | MST_DUTY_CONNECTOR));
	assert_int_equal(give_in(&connector, AV, BTID, &av), 0);
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	k->ops->close(k);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static struct mst_authorisation leave(int what, const char *id, const char *to)
{
	struct mst_authorisation a = { .what = MST_AUTH_NOTHING };

	a.what = (__typeof__(a.what))what;
	snprintf(a.key_id, sizeof(a.key_id), "%s", id);
	snprintf(a.to, sizeof(a.to), "%s", to);
	return a;
}

/* Spec gba 17.2. */
static struct mst_ub question(void)
{
	return (struct mst_ub){ .claim = { GBA_AKAV1_MD5, GBA_QOP_AUTH_INT, MST_VIEW_LIT(IMPI), MST_VIEW_LIT(BSF), MST_VIEW_LIT(NONCE),
					   MST_VIEW_LIT("00000001"), MST_VIEW_LIT("6629fae49393a05397450978507c4ef1"), MST_VIEW_LIT("/"),
					   MST_VIEW_LIT("89908cbf89ab0dd80f68724fea78576a") },
				.impi = IMPI, .tmpi = true, .body = MST_VIEW_LIT(BODY) };
}

static void worked_values_of_ub(void **state)
{
	struct mst_authorisation a = leave(MST_AUTH_BOOTSTRAP, BTID, IMPI);
	struct mst_ub_answer got;
	struct mst_ub q = question();
	uint8_t autn[GBA_AUTN], want[GBA_AUTN];
	size_t n;

	(void)state;
	assert_int_equal(k->ops->gba_answer(k, &a, &av, BTID, &q, &got), 0);
	assert_string_equal(got.rspauth, "141c0b2712f97b8d4669e4175a24e6c5");
	assert_string_equal(got.tmpi, "7g8A0RHDuCXlCTm8IzQ29xYou4F13lIQ@tmpi.bsf.3gppnetwork.org");
	/* hex text of RES as password */
	q.claim.response = MST_VIEW_LIT("3f4cc036b41700cfa75d1d77e9db96ae");
	assert_int_equal(k->ops->gba_answer(k, &a, &av, BTID, &q, &got), MST_KEEPER_FORGED);
	/* qop auth, no TMPI */
	q = question();
	q.claim.qop = GBA_QOP_AUTH;
	q.claim.response = MST_VIEW_LIT("3e96d7cdb2f1429a638384af2f0183eb");
	q.tmpi = false;
	assert_int_equal(k->ops->gba_answer(k, &a, &av, BTID, &q, &got), 0);
	assert_string_equal(got.rspauth, "b6253251bd979343b068f8fb7f2b6179");
	assert_string_equal(got.tmpi, "");
	q = question();
	q.claim.algorithm = GBA_AKAV2_MD5;
	q.claim.response = MST_VIEW_LIT("65cd8201ea513a4114665ad8f02cad06");
	assert_int_equal(k->ops->gba_answer(k, &a, &av, BTID, &q, &got), 0);
	assert_true(mst_hex_decode(MST_VIEW_LIT("55f328b43577b9b94a9ffac354dfafb3"), autn, sizeof(autn), &n));
	assert_true(mst_hex_decode(MST_VIEW_LIT("55f328b43577b9b98c7f3f0d723fb244"), want, sizeof(want), &n));
	assert_int_equal(k->ops->gba_star(k, &av, BTID, autn), 0);
	assert_memory_equal(autn, want, sizeof(want));
	assert_int_equal(mst_keeper_local_counts(k).bootstraps, 3);
	assert_int_equal(mst_keeper_local_counts(k).refused, 1);
}

/* Spec gba 17.3. */
static void worked_values_of_zn(void **state)
{
	static const struct { const char *fqdn, *ua, *me, *in_card; } row[] = {
		{ "maf.sp.example", "01000100ae", "78f2b6a4ad54d801e18bf8307636d04558cf2f83a6bf1f88a1d75a70a4550ec0",
		  "5afa4478bb25f29aa87a068174036eaaec26b4e59f066230c489dbade4d1f5b3" },
		{ "maf.sp.example", "0100000007", "c74e85dfc9aefce01caf93d44722258feda7b3796a24eea2897b221e5bbdb66f",
		  "45fe5be0f9dffb614a5dfb1ad14edfa3d3e1b5b4029a5744da09577dffa8a186" },
		{ "mef.sp.example", "0000000000", "b173acdd2c3c01334fe4bd6f1ccb669c54b7122e10cbdd5f5049719273a14234",
		  "fb6ec009be52a027ed6a8cd8e69616ff90b2f7b0bb2fb3780d3a25636e8e56b1" },
	};
	struct mst_authorisation a = leave(MST_AUTH_BOOTSTRAP, BTID, IMPI);
	struct mst_ub_answer session;
	struct mst_ub q = question();

	(void)state;
	assert_int_equal(k->ops->gba_answer(k, &a, &av, BTID, &q, &session), 0);
	for (size_t i = 0; i < 2 * MST_COUNT(row); i++) {
		bool in_card = i & 1;
		struct mst_wrapped sealed;
		uint8_t id[GBA_NAF_ID_MAX], want[64];
		struct mst_key got;
		struct gba_ua ua;
		size_t n, m;

		a = leave(MST_AUTH_RELEASE, BTID, row[i / 2].fqdn);
		assert_true(gba_ua_parse(mst_view_str(row[i / 2].ua), &ua));
		assert_true(gba_naf_id(mst_view_str(row[i / 2].fqdn), &ua, id, &n));
		assert_int_equal(k->ops->gba_naf_keys(k, &a, &session.ks, BTID, IMPI, (struct mst_view){ id, n }, in_card, zn.id, &sealed), 0);
		assert_int_equal(mst_channel_open(&zn, c, MST_USE_NAF_KEYS, &sealed, &got), 0);
		assert_int_equal(got.n, in_card ? 64 : 32);
		assert_true(mst_hex_decode(mst_view_str(row[i / 2].me), want, 32, &m));
		assert_true(mst_hex_decode(mst_view_str(row[i / 2].in_card), want + 32, 32, &m));
		assert_memory_equal(got.b, want, got.n);
	}
	assert_int_equal(mst_keeper_local_counts(k).naf_keys, 2 * MST_COUNT(row));
}

#define NODE "urn:dev:ops:1"
#define TRIGGER_ID "trigger:" BTID

static struct mst_view trigger_body(const char *key_id, uint8_t room[MST_TRIGGER_MAX])
{
	static uint8_t hint[2][MST_TRIGGER_HINT];
	struct mst_writer w = mst_writer_of(room, MST_TRIGGER_MAX);
	struct mst_trigger t = { .has = 0x7f, .version = 1, .node = { hint[0], 4 }, .key = { hint[1], 4 }, .counter = 1, .issued = 1800000000,
				 .window = 60, .what = MST_TRIGGER_RUN };

	assert_int_equal(mst_trigger_hint(c, mst_view_str(NODE), hint[0]), 0);
	assert_int_equal(mst_trigger_hint(c, mst_view_str(key_id), hint[1]), 0);
	mst_trigger_write_body(&t, &w);
	return mst_written(&w);
}

/* Spec gba 17.3, the row of ff00000001; then the key that both ends of a trigger derive of it. */
static void a_trigger_by_the_key_of_a_naf(void **state)
{
	static const struct { const char *why; int what; const char *id, *to, *btid, *naf, *hint; int want; } row[] = {
		{ "right", MST_AUTH_TRIGGER, TRIGGER_ID, NODE, BTID, "mef.sp.example", TRIGGER_ID, 0 },
		{ "no leave", MST_AUTH_NOTHING, TRIGGER_ID, NODE, BTID, "mef.sp.example", TRIGGER_ID, MST_KEEPER_DENIED },
		{ "leave to release", MST_AUTH_RELEASE, TRIGGER_ID, NODE, BTID, "mef.sp.example", TRIGGER_ID, MST_KEEPER_DENIED },
		{ "leave for the B-TID itself", MST_AUTH_TRIGGER, BTID, NODE, BTID, "mef.sp.example", TRIGGER_ID, MST_KEEPER_DENIED },
		{ "for another node", MST_AUTH_TRIGGER, TRIGGER_ID, "urn:other", BTID, "mef.sp.example", TRIGGER_ID, MST_KEEPER_DENIED },
		{ "to be checked with another key", MST_AUTH_TRIGGER, TRIGGER_ID, NODE, BTID, "mef.sp.example", BTID, MST_KEEPER_DENIED },
		{ "no NAF", MST_AUTH_TRIGGER, TRIGGER_ID, NODE, BTID, "", TRIGGER_ID, MST_KEEPER_DENIED },
		{ "the session of another name", MST_AUTH_TRIGGER, "trigger:I1U8vpY3qJ0hiuZNrke/NQ==@bsf.other", NODE, "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.other",
		  "mef.sp.example", "trigger:I1U8vpY3qJ0hiuZNrke/NQ==@bsf.other", MST_KEEPER_FORGED },
	};
	struct mst_authorisation a = leave(MST_AUTH_BOOTSTRAP, BTID, IMPI);
	uint8_t room[MST_TRIGGER_MAX], mac[MST_TRIGGER_MAC], want[MST_TRIGGER_MAC], cover[MST_TRIGGER_COVER_MAX];
	struct mst_writer w = mst_writer_of(cover, sizeof(cover));
	struct mst_key naf = { .n = 32 }, key;
	struct mst_ub_answer session;
	struct mst_ub ub = question();
	size_t n;

	(void)state;
	assert_int_equal(k->ops->gba_answer(k, &a, &av, BTID, &ub, &session), 0);
	assert_true(mst_hex_decode(MST_VIEW_LIT("269e9a6ff6d9ba59c810f2b5b87e5d954f67443d307b77888895888f9e5a2020"), naf.b, 32, &n));
	assert_int_equal(mst_derive_trigger(c, &naf, MST_VIEW_LIT(TRIGGER_ID), &key), 0);
	mst_trigger_cover(&w, mst_view_str(NODE), trigger_body(TRIGGER_ID, room));
	assert_int_equal(mst_trigger_mac(c, &key, mst_written(&w), want), 0);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		const struct mst_gba_trigger q = { row[i].btid, IMPI, row[i].naf, NODE, trigger_body(row[i].hint, room) };
		int r;

		a = leave(row[i].what, row[i].id, row[i].to);
		memset(mac, 0, sizeof(mac));
		r = k->ops->gba_trigger(k, &a, &session.ks, &q, mac);
		if (r != row[i].want)
			print_message("# %s: %d\n", row[i].why, r);
		assert_int_equal(r, row[i].want);
		assert_true(!memcmp(mac, want, sizeof(mac)) == !r);
	}
	assert_int_equal(mst_keeper_local_counts(k).triggers, 1);
	/* octets that are no trigger get no MAC */
	a = leave(MST_AUTH_TRIGGER, TRIGGER_ID, NODE);
	assert_int_equal(k->ops->gba_trigger(k, &a, &session.ks, &(struct mst_gba_trigger){ BTID, IMPI, "mef.sp.example", NODE, MST_VIEW_LIT("x") }, mac),
			 MST_KEEPER_DENIED);
}

static void answers_that_nobody_may_have_judged(void **state)
{
	static const struct { const char *why; int what; const char *id, *to, *btid; int want; } row[] = {
		{ "no leave", MST_AUTH_NOTHING, BTID, IMPI, BTID, MST_KEEPER_DENIED },
		{ "leave to release", MST_AUTH_RELEASE, BTID, IMPI, BTID, MST_KEEPER_DENIED },
		{ "for another B-TID", MST_AUTH_BOOTSTRAP, "x@" BSF, IMPI, BTID, MST_KEEPER_DENIED },
		{ "for another subscriber", MST_AUTH_BOOTSTRAP, BTID, "other@x", BTID, MST_KEEPER_DENIED },
		{ "to nobody", MST_AUTH_BOOTSTRAP, BTID, "", BTID, MST_KEEPER_DENIED },
		{ "a B-TID that is none of ours", MST_AUTH_BOOTSTRAP, "opaque@" BSF, IMPI, "opaque@" BSF, MST_KEEPER_DENIED },
		{ "a B-TID of another RAND", MST_AUTH_BOOTSTRAP, "AAAAAAAAAAAAAAAAAAAAAA==@" BSF, IMPI, "AAAAAAAAAAAAAAAAAAAAAA==@" BSF, MST_KEEPER_DENIED },
		{ "the vector of another name", MST_AUTH_BOOTSTRAP, "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.other", IMPI, "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.other",
		  MST_KEEPER_FORGED },
	};
	static uint8_t big[MST_BSF_INFO_OCTETS + 1];
	struct mst_authorisation a;
	struct mst_ub_answer got;
	struct mst_ub q = question();
	uint8_t autn[GBA_AUTN] = { 0 };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		int r;

		a = leave(row[i].what, row[i].id, row[i].to);
		r = k->ops->gba_answer(k, &a, &av, row[i].btid, &q, &got);
		if (r != row[i].want)
			print_message("# %s: %d\n", row[i].why, r);
		assert_int_equal(r, row[i].want);
	}
	assert_int_equal(k->ops->gba_answer(k, NULL, &av, BTID, &q, &got), MST_KEEPER_DENIED);
	a = leave(MST_AUTH_BOOTSTRAP, BTID, IMPI);
	for (int i = 0; i < 5; i++) {
		q = question();
		if (i == 0)
			q.claim.algorithm = GBA_MD5;
		if (i == 1)
			q.claim.qop = GBA_QOP_NONE;
		if (i == 2)
			q.body = (struct mst_view){ big, sizeof(big) };
		if (i == 3)
			q.impi = "other@x";
		if (i == 4)
			q.claim.nonce = MST_VIEW_LIT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
		assert_int_equal(k->ops->gba_answer(k, &a, &av, BTID, &q, &got), MST_KEEPER_DENIED);
	}
	assert_int_equal(k->ops->gba_star(k, &av, "other", autn), MST_KEEPER_FORGED);
	assert_int_equal(k->ops->gba_star(k, &av, "", autn), MST_KEEPER_DENIED);
	assert_int_equal(mst_keeper_local_counts(k).bootstraps, 0);
}

/* Neither a vector nor Ks leaves by any other way, and no process but the connector and the Zn listener has to do with them. */
static void nothing_else_of_them(void **state)
{
	struct mst_authorisation a = leave(MST_AUTH_BOOTSTRAP, BTID, IMPI), rel = leave(MST_AUTH_RELEASE, BTID, "maf.sp.example");
	struct mst_view naf = { (const uint8_t *)"maf.sp.example\1\0\0\0\7", 19 }, other = { (const uint8_t *)"mef.sp.example\1\0\0\0\7", 19 };
	struct mst_wrapped w, out;
	struct mst_ub_answer s;
	struct mst_ub q = question();
	static const char *const bad[] = { "00", "a54211d5e3ba50" AV "00000000000000000000000000000000000000" };

	(void)state;
	assert_int_equal(k->ops->gba_answer(k, &a, &av, BTID, &q, &s), 0);
	for (int p = 1; p < MST_PURPOSE__COUNT; p++)
		for (uint32_t to = 1; to <= 3; to++) {
			const struct mst_wrapped *row[] = { &av, &s.ks };

			for (size_t i = 0; i < 2; i++) {
				assert_true(k->ops->release(k, &rel, row[i], (enum mst_key_purpose)p, BTID, MST_DERIVE_NONE, 0, NULL, to, &out) > 0);
				assert_true(k->ops->derive(k, row[i], (enum mst_key_purpose)p, BTID, MST_DERIVE_NONE, 0, NULL, MST_PURPOSE_KM, "x", &out) > 0);
			}
		}
	assert_int_equal(k->ops->create(k, MST_PURPOSE_AV, BTID, &out), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KS, BTID, &out), MST_KEEPER_DENIED);
	assert_int_equal(give_in(&others, AV, BTID, &out), MST_KEEPER_DENIED);
	assert_int_equal(give_in(&zn, AV, BTID, &out), MST_KEEPER_DENIED);
	/* what is no vector is found when it is to be one */
	assert_int_equal(give_in(&connector, bad[0], BTID, &w), 0);
	assert_int_equal(k->ops->gba_answer(k, &a, &w, BTID, &q, &s), MST_KEEPER_FORGED);
	assert_int_equal(k->ops->gba_answer(k, &a, &s.ks, BTID, &q, &s), MST_KEEPER_FORGED);
	/* keys for NAFs: for the one that is named, at the listener of Zn */
	assert_int_equal(k->ops->gba_naf_keys(k, &rel, &s.ks, BTID, IMPI, naf, false, connector.id, &out), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->gba_naf_keys(k, &rel, &s.ks, BTID, IMPI, naf, false, others.id, &out), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->gba_naf_keys(k, &rel, &s.ks, BTID, IMPI, naf, false, 9, &out), MST_KEEPER_NO_CHANNEL);
	assert_int_equal(k->ops->gba_naf_keys(k, &rel, &s.ks, BTID, IMPI, other, false, zn.id, &out), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->gba_naf_keys(k, &a, &s.ks, BTID, IMPI, naf, false, zn.id, &out), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->gba_naf_keys(k, &rel, &s.ks, BTID, IMPI, MST_VIEW_LIT("x"), false, zn.id, &out), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->gba_naf_keys(k, &rel, &s.ks, BTID, "", naf, false, zn.id, &out), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->gba_naf_keys(k, &rel, &av, BTID, IMPI, naf, false, zn.id, &out), MST_KEEPER_FORGED);
	assert_int_equal(k->ops->gba_naf_keys(k, &rel, &s.ks, BTID, IMPI, naf, true, zn.id, &out), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = { T(worked_values_of_ub), T(worked_values_of_zn), T(a_trigger_by_the_key_of_a_naf), T(answers_that_nobody_may_have_judged),
					    T(nothing_else_of_them) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
