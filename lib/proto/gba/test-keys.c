/* Keys and names of GBA against worked values (names as in TS 23.003, annexes B and H of TS 33.220). */
#include "tests/support/cm.h"

#include "base/text.h"
#include "proto/gba/digest.h"
#include "proto/gba/keys.h"

#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define BSF "bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@" BSF

static struct mst_crypto *c;
static uint8_t ck[16], ik[16], ks[GBA_KS], rnd[GBA_RAND];

static struct mst_view hex(const char *s, uint8_t *out, size_t cap)
{
	size_t n;

	assert_true(mst_hex_decode(mst_view_str(s), out, cap, &n));
	return (struct mst_view){ out, n };
}

static void is(const uint8_t *got, size_t n, const char *want)
{
	uint8_t b[64];

	assert_int_equal(hex(want, b, sizeof(b)).n, n);
	assert_memory_equal(got, b, n);
}

static const struct { const char *fqdn, *ua, *ext, *in; } naf[] = {
	{ "mef.sp.example", "01000100ae",
	  "6aa69249e8d7ab28aeb9ddf96d6a4444b0690b79534e4a3d755a0590493890dc",
	  "03d06324af1380e9061c42c4f5a42c3d319c03c4ffaf80824934c5a9e568c65f" },
	{ "mef.sp.example", "01000100a8",
	  "81ef2628cfa8c7d561305719927f4abae1f06b8c78ae2b95c1bceaaa8f77363f",
	  "72b0a65b6beadeb41ed5f08b17bd212eed549993df63d43135701e24f21a6eb6" },
	{ "mef.sp.example", "010001c0a8",
	  "b5b14d0eb8ad2bb2c2da65779d932ee45d887d806b2cbdf63fd9e7b152968e71",
	  "b2f53fbf7da61bb06cdada5eec5c1615ac6f7e603576ce3f81ac58c2dc7869a1" },
	{ "mef.sp.example", "010001c037",
	  "0069fe00dadd1c541a98e9aa2bad05a08d2fb025e2077a8313d0cdf95d2df0f0",
	  "4667e0339cd630f3e5dc44603a130122fcac43c21e825187f8f6123728e2f41f" },
	{ "mef.sp.example", "010001d001",
	  "c1b3ad2518bd7c4464847a6af1861bb03bd19e758ae05ea517363c859e8a76d4",
	  "2a2f0b409238cd33184cffea72abb1befb3e44ec83b15aa10862b610d9cc024f" },
	{ "mef.sp.example", "0100000002",
	  "1bc6f2b47aa7d05dc86bc0e159ddd05deff965b1b3b754b436fc137358926c6d",
	  "301ccdecdcc77b0bbff879a9e0b1f217dd7b6c77c1bdcc6ceb274e30ae39187c" },
	{ "mef.sp.example", "0100000007",
	  "fd27b89f2ea3c2f03bc8c52614df4ee6cf09582e0c4e994ae940442d68af340a",
	  "0a0909e4b6367c2fa1fc33c5f6d24ca87b43a2f4b1dca006069ec14e3a8d87b6" },
	{ "mef.sp.example", "0000000000",
	  "b173acdd2c3c01334fe4bd6f1ccb669c54b7122e10cbdd5f5049719273a14234",
	  "fb6ec009be52a027ed6a8cd8e69616ff90b2f7b0bb2fb3780d3a25636e8e56b1" },
	{ "mef.sp.example", "ff00000001",
	  "269e9a6ff6d9ba59c810f2b5b87e5d954f67443d307b77888895888f9e5a2020",
	  "a12bd8c3b0623fb4044b26638dcdd223f732791f3e6a5ee5533840d3532546bd" },
	{ "maf.sp.example", "01000100ae",
	  "78f2b6a4ad54d801e18bf8307636d04558cf2f83a6bf1f88a1d75a70a4550ec0",
	  "5afa4478bb25f29aa87a068174036eaaec26b4e59f066230c489dbade4d1f5b3" },
	{ "maf.sp.example", "010001c0a8",
	  "a39d0a19e7c14dd45c79a8bbee1f594a9b8190dea463d6c397b65a9f2b25c6eb",
	  "b728c37bc76c19d5b01f3776459b066a37cdda194a51aee8549c70dcee7f8318" },
	{ "maf.sp.example", "0100000007",
	  "c74e85dfc9aefce01caf93d44722258feda7b3796a24eea2897b221e5bbdb66f",
	  "45fe5be0f9dffb614a5dfb1ad14edfa3d3e1b5b4029a5744da09577dffa8a186" },
	{ "in-cse.sp.example", "01000100ae",
	  "a5a9f284ef8886ab78298e7cbb386585ad7564b40d73dc02e92a97d4bd5716d5",
	  "69357d5324a0eafdc2549d362d8f4819b1ca4d9e23d9e87cfa7ba4c99f5b695c" },
	{ "in-cse.sp.example", "010001c0a8",
	  "3b9f113422db6a0f4271e0a7cff23cc7f82789dc1b0fcd78c5daa9524eee2491",
	  "ff4cb4e08d4848eb003c57b8ef3d1785cbe07a9a4b0a4a4f6781c75b9ae793a0" },
	{ "in-cse.sp.example", "0100000007",
	  "d9a90c71d27e44bc4b70010e24bc49d0b6cc62849e309004dbb316dd6a28db41",
	  "24a8c206b46347c5b2aaf1031518e81e2e89ca87893bba5e81ada0da56cc9c62" },
};

static void naf_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < MST_COUNT(naf); i++) {
		uint8_t id[GBA_NAF_ID_MAX];
		struct mst_key k;
		struct gba_ua ua;
		size_t n;

		assert_true(gba_ua_parse(mst_view_str(naf[i].ua), &ua));
		assert_true(gba_naf_id(mst_view_str(naf[i].fqdn), &ua, id, &n));
		assert_int_equal(gba_ks_naf(c, GBA_KEY_ME, ks, rnd, MST_VIEW_LIT(IMPI), (struct mst_view){ id, n }, &k), 0);
		is(k.b, k.n, naf[i].ext);
		assert_int_equal(gba_ks_naf(c, GBA_KEY_INT, ks, rnd, MST_VIEW_LIT(IMPI), (struct mst_view){ id, n }, &k), 0);
		is(k.b, k.n, naf[i].in);
	}
}

/* The octets of S themselves (B.2, trap 8): through a port that shows what it is asked. */
static uint8_t seen[256];
static size_t seen_n;
static int seeing(struct mst_crypto *x, struct mst_view key, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	(void)x;
	(void)key;
	assert_true(msg.n <= sizeof(seen));
	memcpy(seen, msg.p, msg.n);
	seen_n = msg.n;
	memset(out, 1, MST_SHA256_LEN);
	return 0;
}

static void what_is_hashed(void **state)
{
	static const struct mst_crypto_ops ops = { .name = "seeing", .hmac_sha256 = seeing };
	struct mst_crypto s = { &ops };
	const struct gba_ua ua = gba_ua_tls(0x00ae);
	uint8_t id[GBA_NAF_ID_MAX], want[128];
	struct mst_key k;
	struct mst_view v;
	size_t n;

	(void)state;
	assert_true(gba_naf_id(MST_VIEW_LIT("mef.sp.example"), &ua, id, &n));
	assert_int_equal(gba_ks_naf(&s, GBA_KEY_ME, ks, rnd, MST_VIEW_LIT(IMPI), (struct mst_view){ id, n }, &k), 0);
	v = hex("016762612d6d65000623553cbe9637a89d218ae64dae47bf350010"
		"30303130313030303030303030303140696d732e6d6e633030312e6d63633030312e336770706e6574776f726b2e6f72670031"
		"6d65662e73702e6578616d706c6501000100ae0013", want, sizeof(want));
	assert_int_equal(seen_n, 99);
	assert_int_equal(v.n, 99);
	assert_memory_equal(seen, want, 99);
}

/* What HMAC and SHA-1 give on the way to what we keep part of. */
static uint8_t given[MST_SHA256_LEN];
static int noting_hmac(struct mst_crypto *x, struct mst_view key, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	int r = c->ops->hmac_sha256(c, key, msg, out);

	(void)x;
	memcpy(given, out, MST_SHA256_LEN);
	return r;
}

static int noting_hash(struct mst_crypto *x, enum mst_old_hash which, struct mst_view v, uint8_t *out)
{
	int r = c->ops->old_hash(c, which, v, out);

	(void)x;
	assert_int_equal(which, MST_OLD_SHA1);
	memcpy(given, out, MST_SHA1_LEN);
	return r;
}

/* 17.3 and 17.1: the whole output of the KDF, of which TMPI is the first 24 octets; and SHA-1(IK), of which MAC* has the first 8. */
static void on_the_way(void **state)
{
	static const struct mst_crypto_ops ops = { .name = "noting", .hmac_sha256 = noting_hmac, .old_hash = noting_hash };
	struct mst_crypto s = { &ops };
	uint8_t autn[GBA_AUTN];
	char out[MST_ID_MAX];

	(void)state;
	assert_int_equal(gba_tmpi(&s, ks, rnd, MST_VIEW_LIT(IMPI), MST_VIEW_LIT(BSF), out), 0);
	is(given, sizeof(given), "ee0f00d111c3b825e50939bc233436f71628bb8175de5210ccc3338ad35f544d");
	(void)hex("55f328b43577b9b94a9ffac354dfafb3", autn, sizeof(autn));
	assert_int_equal(gba_autn_star(&s, ik, autn), 0);
	is(given, MST_SHA1_LEN, "c6e0c5ce26e01df79dd7d8b826a7259b13a7e09a");
	is(autn + 8, 8, "8c7f3f0d723fb244");
}

static void tmpi(void **state)
{
	char out[MST_ID_MAX];

	(void)state;
	assert_int_equal(gba_tmpi(c, ks, rnd, MST_VIEW_LIT(IMPI), MST_VIEW_LIT(BSF), out), 0);
	assert_string_equal(out, "7g8A0RHDuCXlCTm8IzQ29xYou4F13lIQ@tmpi.bsf.3gppnetwork.org");
	assert_true(gba_is_tmpi(mst_view_str(out)));
	assert_false(gba_is_tmpi(MST_VIEW_LIT(IMPI)));
	assert_false(gba_is_tmpi(MST_VIEW_LIT("user@tmpi.bsf.3gppnetwork.org")));
	assert_false(gba_is_tmpi(MST_VIEW_LIT("@tmpi.bsf.3gppnetwork.org")));
	assert_int_equal(gba_tmpi(c, ks, rnd, MST_VIEW_LIT(""), MST_VIEW_LIT(BSF), out), GBA_BAD_NAME);
	assert_int_equal(gba_tmpi(c, ks, rnd, MST_VIEW_LIT(IMPI), MST_VIEW_LIT("b\xc3\xa4"), out), GBA_BAD_NAME);
}

static void autn_star(void **state)
{
	uint8_t autn[GBA_AUTN];

	(void)state;
	(void)hex("55f328b43577b9b94a9ffac354dfafb3", autn, sizeof(autn));
	assert_int_equal(gba_autn_star(c, ik, autn), 0);
	is(autn, 16, "55f328b43577b9b98c7f3f0d723fb244");
	assert_int_equal(gba_autn_star(c, ik, autn), 0);
	is(autn, 16, "55f328b43577b9b94a9ffac354dfafb3");
	/* 17.5: SQN 42, AMF 8000 */
	(void)hex("aa689c6483328000d34dfe2d1fde0bfa", autn, sizeof(autn));
	assert_int_equal(gba_autn_star(c, ik, autn), 0);
	assert_int_equal(gba_autn_star(c, ik, autn), 0);
	is(autn, 16, "aa689c6483328000d34dfe2d1fde0bfa");
}

/* 17.6: the same KDF makes the keys of GBA_Digest and AKMA, should they ever be wanted. */
static void the_same_kdf_elsewhere(void **state)
{
	uint8_t ha1[16], extract[48], out[32], resp[16], kausf[32], kakma[32], id[GBA_NAF_ID_MAX];
	const struct gba_ua ua = gba_ua_tls(0x00ae);
	struct mst_view p[3], supi = MST_VIEW_LIT("imsi-001010000000001");
	size_t n;

	(void)state;
	(void)hex("d01b3bddfb0ce488e6e97db71839a6e4", ha1, sizeof(ha1));
	(void)hex("00112233445566778899aabbccddeeff", resp, sizeof(resp));
	for (size_t i = 0; i < sizeof(extract); i++)
		extract[i] = (uint8_t)i;
	memcpy(kausf, extract, sizeof(kausf));
	p[0] = MST_VIEW_LIT("GBA_Digest_RESP");
	p[1] = (struct mst_view){ extract, sizeof(extract) };
	assert_int_equal(gba_kdf(c, (struct mst_view){ ha1, 16 }, 1, p, 2, out), 0);
	is(out, 32, "e5d645df5b80673c786484d9102fac19392ea35613fb715c98ac08501aa0e967");
	p[0] = MST_VIEW_LIT("GBA_Digest_Ks");
	p[2] = (struct mst_view){ resp, sizeof(resp) };
	assert_int_equal(gba_kdf(c, (struct mst_view){ ha1, 16 }, 1, p, 3, out), 0);
	is(out, 32, "31a54f91417d6d9c1ebc8a2e13285f3da75f39784454e6fd7ac8bfb13b1e2729");
	p[0] = MST_VIEW_LIT("AKMA");
	p[1] = supi;
	assert_int_equal(gba_kdf(c, (struct mst_view){ kausf, 32 }, 0x80, p, 2, kakma), 0);
	is(kakma, 32, "84edc04fc5dd17bafc6faf001218e9945a4fd10a66dde6f9ce312b6a496298f4");
	p[0] = MST_VIEW_LIT("A-TID");
	assert_int_equal(gba_kdf(c, (struct mst_view){ kausf, 32 }, 0x81, p, 2, out), 0);
	is(out, 32, "022cc670fdbf59ae222472183abe2d94c890b3a692d07927201c9a3392a275bf");
	assert_true(gba_naf_id(MST_VIEW_LIT("maf.sp.example"), &ua, id, &n));
	p[0] = (struct mst_view){ id, n };
	assert_int_equal(gba_kdf(c, (struct mst_view){ kakma, 32 }, 0x82, p, 1, out), 0);
	is(out, 32, "51111094553c121cc60aef90f7feb6fab4bd1066cf6489e537ae160a48f92a54");
	assert_int_equal(gba_kdf(c, (struct mst_view){ kakma, 32 }, 0x82, p, 9, out), MST_FAULT_BUG);
	p[0] = (struct mst_view){ extract, 48 };
	p[0].n = 48;
	{
		static const uint8_t big[1024];

		p[0] = (struct mst_view){ big, sizeof(big) };
		assert_int_equal(gba_kdf(c, (struct mst_view){ kakma, 32 }, 0x82, p, 1, out), MST_FAULT_MEMORY);
	}
}

static void naf_ids_that_are_none(void **state)
{
	static const struct gba_ua odd = { { 0, 0, 0, 0, 1 } };
	struct mst_key k;
	struct mst_view fqdn;
	struct gba_ua ua;
	uint8_t id[GBA_NAF_ID_MAX];
	size_t n;

	(void)state;
	assert_false(gba_naf_id(MST_VIEW_LIT(""), &gba_ua_default, id, &n));
	assert_false(gba_naf_id(MST_VIEW_LIT("maf .example"), &gba_ua_default, id, &n));
	assert_false(gba_naf_id(MST_VIEW_LIT("maf.example.com"), &odd, id, &n));
	assert_false(gba_naf_id_split(MST_VIEW_LIT("\x01\0\0\0\2"), &fqdn, &ua));
	assert_int_equal(gba_ks_naf(c, GBA_KEY_ME, ks, rnd, MST_VIEW_LIT(IMPI), MST_VIEW_LIT("maf.example.com\0\0\0\0\1"), &k), GBA_BAD_NAME);
	assert_int_equal(gba_ks_naf(c, GBA_KEY_ME, ks, rnd, MST_VIEW_LIT("m\xc3\xa4x@x"), MST_VIEW_LIT("maf.example.com\0\0\0\0\0"), &k), GBA_BAD_NAME);
	assert_int_equal(k.n, 0);
	assert_int_equal(gba_ks_naf(c, GBA_KEY_ME, ks, rnd, MST_VIEW_LIT(IMPI), MST_VIEW_LIT("maf.example.com\0\0\0\0\0"), &k), 0);
}

static void ua_identifiers(void **state)
{
	static const struct { const char *hex, *words; } row[] = {
		{ "0000000000", "default" }, { "0000000001", NULL }, { "0100000002", "HTTP Digest" }, { "0100000007", "TLS 1.3 with shared key" },
		{ "0100000100", "TMPI" }, { "01000100ae", "TLS with shared key, or Digest in TLS" }, { "010001c0a8", "TLS with shared key, or Digest in TLS" },
		{ "01000200AE", "TLS with shared key, in a browser" }, { "0300000001", "OMA" }, { "ff00000001", "private" }, { "0500000000", "unknown organisation" },
	};
	static const char *const bad[] = { "", "01000100", "01000100ae00", "01000100ag", "0000000001", "01 00 01 00 ae" };
	struct gba_ua u;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		uint8_t b[GBA_UA];

		memcpy(u.b, hex(row[i].hex, b, sizeof(b)).p, GBA_UA);
		if (!row[i].words) {
			assert_null(gba_ua_words(&u));
			continue;
		}
		assert_string_equal(gba_ua_words(&u), row[i].words);
		assert_true(gba_ua_parse(mst_view_str(row[i].hex), &u));
	}
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_false(gba_ua_parse(mst_view_str(bad[i]), &u));
	u = gba_ua_tls(0xc0a8);
	is(u.b, GBA_UA, "010001c0a8");
}

static void names_from_imsi_and_impi(void **state)
{
	static const struct { const char *imsi; unsigned mnc; const char *impi, *bsf; } row[] = {
		{ "001010000000001", 2, IMPI, BSF },
		{ "310410123456789", 3, "310410123456789@ims.mnc410.mcc310.3gppnetwork.org", "bsf.mnc410.mcc310.pub.3gppnetwork.org" },
		{ "234150", 2, "234150@ims.mnc015.mcc234.3gppnetwork.org", "bsf.mnc015.mcc234.pub.3gppnetwork.org" },
	};
	static const struct { const char *impi, *bsf; } isim[] = {
		{ "234150999999999@ims.mnc015.mcc234.3gppnetwork.org", "bsf.ims.mnc015.mcc234.pub.3gppnetwork.org" },
		{ "234150999999999@IMS.MNC015.MCC234.3GPPNETWORK.ORG", "bsf.ims.mnc015.mcc234.pub.3gppnetwork.org" },
		{ "234150999999999@ims.mnc015.mcc234.3gppnetwork.ORG", "bsf.ims.mnc015.mcc234.pub.3gppnetwork.org" },
		{ "user@operator.com", "bsf.operator.com" }, { "User@Operator.COM", "bsf.operator.com" },
		{ "a@b@operator.com", "bsf.operator.com" },
		{ "user@3gppnetwork.org", "bsf.3gppnetwork.org" },
		{ "user@", NULL }, { "user", NULL }, { "@operator.com", NULL }, { "user@oper ator.com", NULL },
	};
	char out[MST_ID_MAX];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		assert_true(gba_impi_of_imsi(mst_view_str(row[i].imsi), row[i].mnc, out));
		assert_string_equal(out, row[i].impi);
		assert_true(gba_bsf_of_imsi(mst_view_str(row[i].imsi), row[i].mnc, out));
		assert_string_equal(out, row[i].bsf);
	}
	assert_false(gba_impi_of_imsi(MST_VIEW_LIT("00101"), 2, out));
	assert_false(gba_impi_of_imsi(MST_VIEW_LIT("0010100000000012"), 2, out));
	assert_false(gba_impi_of_imsi(MST_VIEW_LIT("00101000000000x"), 2, out));
	assert_false(gba_bsf_of_imsi(MST_VIEW_LIT("001010000000001"), 4, out));
	for (size_t i = 0; i < MST_COUNT(isim); i++) {
		assert_int_equal(gba_bsf_of_impi(mst_view_str(isim[i].impi), out), isim[i].bsf != NULL);
		if (isim[i].bsf)
			assert_string_equal(out, isim[i].bsf);
	}
}

static void btid(void **state)
{
	char out[MST_BTID_MAX], long_name[260];

	(void)state;
	assert_true(gba_btid_make(rnd, MST_VIEW_LIT(BSF), out));
	assert_string_equal(out, BTID);
	assert_int_equal(strlen(out), 62);
	assert_true(mst_view_eq_str(gba_btid_domain(mst_view_str(out)), BSF));
	assert_int_equal(gba_btid_domain(MST_VIEW_LIT("no-at")).n, 0);
	assert_int_equal(gba_btid_domain(MST_VIEW_LIT("at-the-end@")).n, 0);
	memset(long_name, 'a', sizeof(long_name));
	long_name[259] = 0;
	assert_false(gba_btid_make(rnd, mst_view_str(long_name), out));
	assert_false(gba_btid_make(rnd, MST_VIEW_LIT(""), out));
}

static void psk_identities(void **state)
{
	static const struct { const char *identity, *btid; enum gba_hint hint; } row[] = {
		{ BTID, BTID, GBA_HINT_BARE },
		{ "3GPP-bootstrapping;" BTID, BTID, GBA_HINT_ME },
		{ "3GPP-bootstrapping." BTID, BTID, GBA_HINT_ME },
		{ "3GPP-bootstrapping:" BTID, BTID, GBA_HINT_ME },
		{ "3GPP-bootstrapping," BTID, BTID, GBA_HINT_ME },
		{ "3GPP-bootstrapping" BTID, BTID, GBA_HINT_ME },
		{ "3GPP-bootstrapping-uicc;" BTID, BTID, GBA_HINT_UICC },
		{ "3GPP-bootstrapping-digest;" BTID, BTID, GBA_HINT_DIGEST },
		{ "0123ABCD@mef.example.com", "0123ABCD@mef.example.com", GBA_HINT_BARE },
		{ "", "", GBA_HINT_BARE },
		{ "3GPP-bootstrapping", "", GBA_HINT_ME },
		{ "3GPP-bootstrapping;", "", GBA_HINT_ME },
		{ "3GPP-bootstrapping;no-domain", "", GBA_HINT_ME },
		{ "3GPP-bootstrapping; " BTID, "", GBA_HINT_ME },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		enum gba_hint h;
		char out[128];
		struct mst_writer w = mst_writer_of(out, sizeof(out));
		struct mst_view v = gba_psk_identity_btid(mst_view_str(row[i].identity), &h);

		assert_true(mst_view_eq_str(v, row[i].btid));
		assert_int_equal(h, row[i].hint);
		gba_put_psk_identity(&w, h, ';', MST_VIEW_LIT(BTID));
		assert_true(mst_view_eq_str(gba_psk_identity_btid(mst_written(&w), &h), BTID));
		assert_int_equal(h, row[i].hint);
	}
}

static void realms(void **state)
{
	static const struct { const char *realm, *host; bool ours; enum gba_hint hint; } row[] = {
		{ "3GPP-bootstrapping@mef.sp.example", "mef.sp.example", true, GBA_HINT_ME },
		{ "3GPP-bootstrapping-uicc@h.example", "h.example", true, GBA_HINT_UICC },
		{ "3GPP-bootstrapping-uicc@h.example;3GPP-bootstrapping@H.example", "h.example", true, GBA_HINT_UICC },
		{ "other;3GPP-bootstrapping@h.example", "h.example", true, GBA_HINT_ME },
		{ "3GPP-bootstrapping@evil.example", "mef.sp.example", false, 0 },
		{ "3GPP-bootstrapping@", "", false, 0 },
		{ "3GPP-bootstrapping", "mef.sp.example", false, 0 },
		{ "3GPP-bootstrappingx@h", "h", false, 0 },
		{ "", "h", false, 0 },
		{ ";;", "h", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		enum gba_hint h = GBA_HINT_BARE;

		assert_int_equal(gba_realm_for(mst_view_str(row[i].realm), mst_view_str(row[i].host), &h), row[i].ours);
		assert_int_equal(h, row[i].ours ? row[i].hint : GBA_HINT_BARE);
	}
}

/* --- start-up --- */

static int lie;
static int lying_hash(struct mst_crypto *x, enum mst_old_hash which, struct mst_view msg, uint8_t *out)
{
	int r = c->ops->old_hash(c, which, msg, out);

	(void)x;
	out[3] ^= lie == 1 + (int)which;
	return r;
}

static int lying_hmac(struct mst_crypto *x, struct mst_view key, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	int r = c->ops->hmac_sha256(c, key, msg, out);

	(void)x;
	out[31] ^= lie == 3;
	return r;
}

static void known_answers(void **state)
{
	static const struct mst_crypto_ops ops = { .name = "liar", .hmac_sha256 = lying_hmac, .old_hash = lying_hash };
	static const char *const says[] = { NULL, "MD5", "SHA-1", "Ks_NAF" };
	struct mst_crypto l = { &ops };
	const char *which;

	(void)state;
	assert_int_equal(gba_self_test(c, &which), 0);
	assert_null(which);
	for (lie = 0; lie < 4; lie++) {
		assert_int_equal(gba_self_test(&l, &which), lie ? MST_FAULT_CRYPTO : 0);
		if (lie)
			assert_non_null(strstr(which, says[lie]));
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(naf_keys), cmocka_unit_test(what_is_hashed), cmocka_unit_test(on_the_way), cmocka_unit_test(tmpi), cmocka_unit_test(autn_star),
		cmocka_unit_test(the_same_kdf_elsewhere), cmocka_unit_test(naf_ids_that_are_none), cmocka_unit_test(ua_identifiers),
		cmocka_unit_test(names_from_imsi_and_impi), cmocka_unit_test(btid), cmocka_unit_test(psk_identities),
		cmocka_unit_test(realms), cmocka_unit_test(known_answers),
	};

	c = mst_crypto_openssl();
	(void)hex("b40ba9a3c58b2a05bbf0d987b21bf8cb", ck, sizeof(ck));
	(void)hex("f769bcd751044604127672711c6d3441", ik, sizeof(ik));
	(void)hex("23553cbe9637a89d218ae64dae47bf35", rnd, sizeof(rnd));
	gba_ks(ck, ik, ks);
	return cmocka_run_group_tests(t, NULL, NULL);
}
