/* GBA over the SBI: worked vectors (spec gba 12.1, 17), what is refused and why, and a stranger (jansson) who agrees. */
#include "tests/support/cm.h"

#include <jansson.h>

#include "base/text.h"
#include "codec/gba-sbi.h"

#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org"
#define RND "23553cbe9637a89d218ae64dae47bf35"
#define AUTN "55f328b43577b9b94a9ffac354dfafb3"
#define RES "a54211d5e3ba50bf"
#define CK "b40ba9a3c58b2a05bbf0d987b21bf8cb"
#define IK "f769bcd751044604127672711c6d3441"
#define KS_NAF "78f2b6a4ad54d801e18bf8307636d04558cf2f83a6bf1f88a1d75a70a4550ec0"
#define KS_INT "5afa4478bb25f29aa87a068174036eaaec26b4e59f066230c489dbade4d1f5b3"
#define ZN_ASK "{\"btId\":\"" BTID "\",\"nafId\":{\"nafFqdn\":\"maf.sp.example\",\"uaSecProtId\":\"01000100ae\"}}"
#define ZN_ANSWER "{\"meKeyMaterial\":\"" KS_NAF "\",\"keyExpiryTime\":\"2030-01-01T00:00:00Z\",\"gbaType\":\"3G_GBA\",\"impi\":\"" IMPI "\"}"
#define AV "{\"rand\":\"" RND "\",\"xres\":\"" RES "\",\"autn\":\"" AUTN "\",\"ck\":\"" CK "\",\"ik\":\"" IK "\"}"
#define USS "{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"sip:device1@sp.example\"}],\"nafGroup\":\"m2m\"}}"
#define USS2 "{\"uss\":{\"gsId\":4294967295,\"gsType\":1,\"ueIds\":[{\"ueId\":\"a\"},{\"ueId\":\"b\"}],\"flags\":[{\"flag\":1},{\"flag\":2}]," \
	     "\"keyChoice\":\"UICC_BASED_KEY\"}}"
#define GUSS "{\"guss\":{\"bsfInfo\":{\"uiccType\":\"GBA_U\",\"lifeTime\":86400},\"ussList\":[" USS "," USS2 "]}}"

static uint8_t room[MST_SBI_ARENA], out[32768], filled[32768];
static struct mst_guss guss;

static struct mst_arena arena(void)
{
	return mst_arena_of(room, sizeof(room));
}

static void is(struct mst_view v, const char *s)
{
	assert_true(v.n == strlen(s) && !memcmp(v.p, s, v.n));
}

static void is_hex(const uint8_t *p, size_t n, const char *hex)
{
	uint8_t b[64];
	size_t got;

	assert_true(mst_hex_decode(mst_view_str(hex), b, sizeof(b), &got));
	assert_int_equal(got, n);
	assert_memory_equal(p, b, n);
}

static void stranger_agrees(struct mst_view json, const char *with)
{
	json_t *a = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, NULL), *b = json_loads(with, 0, NULL);

	assert_non_null(a);
	assert_non_null(b);
	assert_true(json_equal(a, b));
	json_decref(a);
	json_decref(b);
}

static void zn_as_worked_out(void **state)
{
	struct mst_arena a = arena();
	struct mst_writer w = mst_writer_of(out, sizeof(out)), f = mst_writer_of(filled, sizeof(filled));
	struct mst_sbi_hole hole[MST_SBI_HOLES];
	struct mst_zn_answer z, mine = { .has_expiry = true, .expiry = INT64_C(1893456000), .type = MST_GBA_3G, .impi = MST_VIEW_LIT(IMPI) };
	struct mst_key secret;
	struct mst_zn_ask q;
	struct mst_diag d;

	(void)state;
	assert_int_equal(mst_zn_ask_read(MST_VIEW_LIT(ZN_ASK), &a, &q, &d), 0);
	is(q.btid, BTID);
	is(q.naf_fqdn, "maf.sp.example");
	is_hex(q.ua, sizeof(q.ua), "01000100AE");
	assert_true(!q.in_card_aware && !q.n_gsids);
	mst_zn_ask_write(&q, &w);
	is(mst_written(&w), ZN_ASK);
	q.in_card_aware = true;
	q.n_gsids = 2;
	q.gsid[1] = UINT32_MAX;
	w = mst_writer_of(out, sizeof(out));
	mst_zn_ask_write(&q, &w);
	stranger_agrees(mst_written(&w), "{\"gsIds\":[0,4294967295],\"gbaUAware\":true,\"btId\":\"" BTID
			"\",\"nafId\":{\"uaSecProtId\":\"01000100ae\",\"nafFqdn\":\"maf.sp.example\"}}");

	a = arena();
	assert_int_equal(mst_zn_answer_read(MST_VIEW_LIT(ZN_ANSWER), &a, &z, &guss, &secret, &d), 0);
	is_hex(secret.b, secret.n, KS_NAF);
	assert_true(!z.has_int && z.has_expiry && z.expiry == mine.expiry && !z.has_created && z.type == MST_GBA_3G && z.uss->n == 0);
	is(z.impi, IMPI);
	w = mst_writer_of(out, sizeof(out));
	mst_put_str(&w, "");
	assert_int_equal(mst_zn_answer_write(&mine, &w, hole), 1);
	mst_sbi_fill(mst_written(&w), hole, 1, mst_key_view(&secret), &f);
	is(mst_written(&f), ZN_ANSWER);
}

/* Both keys of GBA_U, settings, and a name that looks like the place of a key. */
static void zn_with_everything(void **state)
{
	static const char nasty[] = "\"meKeyMaterial\":\"";
	struct mst_arena a = arena();
	struct mst_writer w = mst_writer_of(out, sizeof(out)), f = mst_writer_of(filled, sizeof(filled));
	struct mst_sbi_hole hole[MST_SBI_HOLES];
	struct mst_zn_answer mine = { .has_int = true, .has_created = true, .created = 0, .uss = &guss }, z;
	struct mst_key secret = { .n = 64 }, back;
	static struct mst_guss g;
	struct mst_diag d;
	size_t n;

	(void)state;
	assert_true(mst_hex_decode(MST_VIEW_LIT(KS_NAF KS_INT), secret.b, sizeof(secret.b), &n));
	guss = (struct mst_guss){ .n = 1 };
	guss.uss[0] = (struct mst_uss){ .gsid = 7, .id = { MST_VIEW_LIT(nasty) }, .n_ids = 1, .key_choice = MST_KEY_CHOICE_BOTH };
	assert_int_equal(mst_zn_answer_write(&mine, &w, hole), 2);
	assert_true(hole[0].at < hole[1].at && hole[1].from == 32);
	mst_sbi_fill(mst_written(&w), hole, 2, mst_key_view(&secret), &f);
	stranger_agrees(mst_written(&f), "{\"meKeyMaterial\":\"" KS_NAF "\",\"uiccKeyMaterial\":\"" KS_INT "\",\"bootstrappingInfoCreationTime\":"
			"\"1970-01-01T00:00:00Z\",\"ussList\":[{\"uss\":{\"gsId\":7,\"gsType\":0,\"ueIds\":[{\"ueId\":\"\\\"meKeyMaterial\\\":\\\"\"}],"
			"\"keyChoice\":\"ME_UICC_BASED_KEYS\"}}]}");
	assert_int_equal(mst_zn_answer_read(mst_written(&f), &a, &z, &g, &back, &d), 0);
	assert_true(z.has_int && mst_ct_equal(mst_key_view(&back), mst_key_view(&secret)));
	is(g.uss[0].id[0], nasty);
	assert_int_equal(g.uss[0].key_choice, MST_KEY_CHOICE_BOTH);
	/* a secret that is too short, and holes out of order */
	f = mst_writer_of(filled, sizeof(filled));
	mst_sbi_fill(mst_written(&w), hole, 2, mst_view_sub(mst_key_view(&secret), 0, 63), &f);
	assert_false(f.ok);
	f = mst_writer_of(filled, sizeof(filled));
	hole[1].at = hole[0].at - 1;
	mst_sbi_fill(mst_written(&w), hole, 2, mst_key_view(&secret), &f);
	assert_false(f.ok);
}

static void zh_as_worked_out(void **state)
{
	static const char *const answer[] = { [MST_SBI_ZH_AUTH] = "{\"3gAkaAv\":" AV ",\"impi\":\"" IMPI "\"}", [MST_SBI_UDM_AV] = "{\"3gAkaAv\":" AV "}" };
	static const char *const plain[] = { [MST_SBI_ZH_AUTH] = "{\"authenticationScheme\":\"DIGEST_AKAV1_MD5\"}",
					     [MST_SBI_UDM_AV] = "{\"authType\":\"DIGEST_AKAV1_MD5\"}" };
	static const enum mst_sbi_call call[] = { MST_SBI_ZH_AUTH, MST_SBI_UDM_AV };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct mst_arena a = arena();
		struct mst_writer w = mst_writer_of(out, sizeof(out)), f = mst_writer_of(filled, sizeof(filled));
		struct mst_sbi_hole hole[MST_SBI_HOLES];
		struct mst_zh_answer z;
		struct mst_key secret;
		struct mst_zh_ask q;
		struct mst_diag d;

		assert_int_equal(mst_zh_ask_read(call[i], mst_view_str(plain[call[i]]), &a, &q, &d), 0);
		assert_false(q.resync);
		mst_zh_ask_write(call[i], &q, &w);
		is(mst_written(&w), plain[call[i]]);
		assert_int_equal(mst_zh_answer_read(call[i], mst_view_str(answer[call[i]]), &a, &z, &secret, &d), 0);
		assert_int_equal(z.xres_n, 8);
		is_hex(secret.b, secret.n, RES CK IK);
		is_hex(z.rnd, 16, RND);
		is_hex(z.autn, 16, AUTN);
		w = mst_writer_of(out, sizeof(out));
		assert_int_equal(mst_zh_answer_write(call[i], &z, &w, hole), 3);
		assert_false(mst_view_find(mst_written(&w), 'x') == w.n);
		mst_sbi_fill(mst_written(&w), hole, 3, mst_key_view(&secret), &f);
		is(mst_written(&f), answer[call[i]]);
	}
}

static void zh_resynchronises(void **state)
{
	struct mst_arena a = arena();
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_zh_ask q;
	struct mst_diag d;

	(void)state;
	assert_int_equal(mst_zh_ask_read(MST_SBI_ZH_AUTH, MST_VIEW_LIT("{\"supportedFeatures\":\"F\",\"authenticationScheme\":\"DIGEST_AKAV1_MD5\","
		"\"resynchronizationInfo\":{\"rand\":\"" RND "\",\"auts\":\"BA853F3C121CB55EDB820040AB41\"}}"), &a, &q, &d), 0);
	assert_true(q.resync);
	is_hex(q.rnd, 16, RND);
	is_hex(q.auts, 14, "ba853f3c121cb55edb820040ab41");
	mst_zh_ask_write(MST_SBI_ZH_AUTH, &q, &w);
	stranger_agrees(mst_written(&w), "{\"authenticationScheme\":\"DIGEST_AKAV1_MD5\",\"resynchronizationInfo\":{\"rand\":\"" RND
			"\",\"auts\":\"ba853f3c121cb55edb820040ab41\"}}");
}

static void settings_both_ways(void **state)
{
	struct mst_arena a = arena();
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_diag d;

	(void)state;
	assert_int_equal(mst_guss_read_json(MST_VIEW_LIT(GUSS), &a, &guss, &d), 0);
	assert_true(guss.in_card && guss.lifetime == 86400 && guss.n == 2 && !guss.impi.n);
	is(guss.uss[0].id[0], "sip:device1@sp.example");
	is(guss.uss[0].naf_group, "m2m");
	assert_true(guss.uss[1].gsid == UINT32_MAX && guss.uss[1].n_ids == 2 && guss.uss[1].n_flags == 2 && guss.uss[1].flag[1] == 2);
	assert_int_equal(guss.uss[1].key_choice, MST_KEY_CHOICE_UICC);
	mst_guss_write_json(&guss, &w);
	is(mst_written(&w), GUSS);
	stranger_agrees(mst_written(&w), GUSS);
	w = mst_writer_of(out, sizeof(out));
	mst_uss_list_write_json(&guss, &w);
	is(mst_written(&w), "{\"ussList\":[" USS "," USS2 "]}");
	assert_int_equal(mst_uss_list_read_json(mst_written(&w), &a, &guss, &d), 0);
	assert_true(guss.n == 2 && !guss.in_card && !guss.lifetime);
	assert_int_equal(mst_guss_read_json(MST_VIEW_LIT("{\"guss\":{\"later\":[{}]},\"more\":1}"), &a, &guss, &d), 0);
	assert_true(!guss.n && !guss.in_card && !guss.lifetime);
	/* one more than there may be, and a text that is none */
	guss = (struct mst_guss){ .n = MST_USS_MAX + 1 };
	w = mst_writer_of(out, sizeof(out));
	mst_guss_write_json(&guss, &w);
	assert_false(w.ok);
	guss = (struct mst_guss){ .lifetime = -1 };
	w = mst_writer_of(out, sizeof(out));
	mst_guss_write_json(&guss, &w);
	assert_false(w.ok);
}

enum kind { K_ZN_ASK, K_ZN_ANSWER, K_ZH_ASK, K_ZH_ANSWER, K_GUSS, K_LIST, K_PROBLEM };

static int read_kind(enum kind k, const char *json, struct mst_diag *d)
{
	struct mst_arena a = arena();
	struct mst_view in = mst_view_str(json);
	struct mst_zn_answer za;
	struct mst_zh_answer ha;
	struct mst_problem p;
	struct mst_zn_ask zq;
	struct mst_zh_ask hq;
	struct mst_key s;

	memset(d, 0, sizeof(*d));
	switch (k) {
	case K_ZN_ASK: return mst_zn_ask_read(in, &a, &zq, d);
	case K_ZN_ANSWER: return mst_zn_answer_read(in, &a, &za, &guss, &s, d);
	case K_ZH_ASK: return mst_zh_ask_read(MST_SBI_ZH_AUTH, in, &a, &hq, d);
	case K_ZH_ANSWER: return mst_zh_answer_read(MST_SBI_ZH_AUTH, in, &a, &ha, &s, d);
	case K_GUSS: return mst_guss_read_json(in, &a, &guss, d);
	case K_LIST: return mst_uss_list_read_json(in, &a, &guss, d);
	case K_PROBLEM: return mst_problem_read(in, &a, &p, d);
	}
	return -1;
}

#define NAF(f, u) "{\"btId\":\"b\",\"nafId\":{\"nafFqdn\":" f ",\"uaSecProtId\":" u "}}"
#define ONE(x) "{\"ussList\":[{\"uss\":{" x "}}]}"
#define UES "\"ueIds\":[{\"ueId\":\"a\"}]"

static void what_is_wrong_is_named(void **state)
{
	static const struct { enum kind k; int outcome; const char *json, *field; } row[] = {
		{ K_ZN_ASK, MST_MSG_MALFORMED, "{", "" },
		{ K_ZN_ASK, MST_MSG_TRAILING, ZN_ASK "x", "" },
		{ K_ZN_ASK, MST_MSG_MISSING, "{\"btId\":\"b\"}", "nafId" },
		{ K_ZN_ASK, MST_MSG_INVALID, "{\"btId\":\"b b\"}", "btId" },
		{ K_ZN_ASK, MST_MSG_INVALID, NAF("\"-\"", "\"0100000007\""), "nafId.nafFqdn" },
		{ K_ZN_ASK, MST_MSG_INVALID, NAF("\"a.b\"", "\"010000000g\""), "nafId.uaSecProtId" },
		{ K_ZN_ASK, MST_MSG_OUT_OF_RANGE, NAF("\"a.b\"", "\"01000000\""), "nafId.uaSecProtId" },
		{ K_ZN_ASK, MST_MSG_DUPLICATE, "{\"btId\":\"b\",\"btId\":\"b\"}", "btId" },
		{ K_ZN_ASK, MST_MSG_OUT_OF_RANGE, "{\"btId\":\"b\",\"gsIds\":[]}", "gsIds" },
		{ K_ZN_ASK, MST_MSG_OUT_OF_RANGE, "{\"gsIds\":[4294967296]}", "gsIds[0]" },
		{ K_ZN_ANSWER, MST_MSG_MISSING, "{\"impi\":\"i\"}", "meKeyMaterial" },
		{ K_ZN_ANSWER, MST_MSG_INVALID, "{\"meKeyMaterial\":\"" KS_NAF "\",\"keyExpiryTime\":\"2030-01-01T00:00:00\"}", "" },
		{ K_ZN_ANSWER, MST_MSG_INVALID, "{\"meKeyMaterial\":\"" KS_NAF "\",\"keyExpiryTime\":\"2030-01-01T00:00:00+25:00\"}", "keyExpiryTime" },
		{ K_ZN_ANSWER, MST_MSG_UNKNOWN_VALUE, "{\"gbaType\":\"4G\"}", "gbaType" },
		{ K_ZH_ASK, MST_MSG_UNKNOWN_VALUE, "{\"authenticationScheme\":\"DIGEST_HTTP\"}", "authenticationScheme" },
		{ K_ZH_ASK, MST_MSG_MISSING, "{\"authenticationScheme\":\"DIGEST_AKAV1_MD5\",\"resynchronizationInfo\":{}}", "resynchronizationInfo.rand" },
		{ K_ZH_ASK, MST_MSG_OUT_OF_RANGE, "{\"resynchronizationInfo\":{\"rand\":\"00\"}}", "resynchronizationInfo.rand" },
		{ K_ZH_ANSWER, MST_MSG_MISSING, "{\"digestAuth\":{}}", "3gAkaAv" },
		{ K_ZH_ANSWER, MST_MSG_OUT_OF_RANGE, "{\"3gAkaAv\":{\"xres\":\"00\"}}", "3gAkaAv.xres" },
		{ K_GUSS, MST_MSG_MISSING, "{}", "guss" },
		{ K_GUSS, MST_MSG_UNKNOWN_VALUE, "{\"guss\":{\"bsfInfo\":{\"uiccType\":\"X\"}}}", "guss.bsfInfo.uiccType" },
		{ K_LIST, MST_MSG_MISSING, "{\"ussList\":[{}]}", "ussList[0].uss" },
		{ K_LIST, MST_MSG_MISSING, ONE("\"gsId\":1,\"gsType\":0"), "ussList[0].uss.ueIds" },
		{ K_LIST, MST_MSG_OUT_OF_RANGE, ONE("\"gsId\":-1"), "ussList[0].uss.gsId" },
		{ K_LIST, MST_MSG_OUT_OF_RANGE, ONE("\"ueIds\":[]"), "ussList[0].uss.ueIds" },
		{ K_LIST, MST_MSG_WRONG_TYPE, ONE(UES ",\"flags\":[1]"), "ussList[0].uss.flags[0]" },
		{ K_LIST, MST_MSG_INVALID, ONE("\"nafGroup\":\"\xe2\x80\xae\""), "ussList[0].uss.nafGroup" },
		{ K_PROBLEM, MST_MSG_WRONG_TYPE, "{\"status\":\"404\"}", "status" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_diag d;

		assert_int_equal(read_kind(row[i].k, row[i].json, &d), row[i].outcome);
		if (row[i].field[0])
			assert_string_equal(d.field, row[i].field);
		assert_true(d.text[0]);
	}
}

/* Wherever the wrong digit stands: no word repeats the others, and no key is left. */
static void no_digit_is_told(void **state)
{
	static const char good[] = "{\"3gAkaAv\":" AV "}", zn[] = "{\"meKeyMaterial\":\"" KS_NAF "\",\"uiccKeyMaterial\":\"" KS_INT "\"}";
	static const char *const secret[] = { RES, CK, IK, KS_NAF, KS_INT };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(secret); i++) {
		const char *from = i < 3 ? good : zn;
		char json[512];
		struct mst_arena a = arena();
		struct mst_zn_answer za;
		struct mst_zh_answer ha;
		struct mst_diag d = { 0 };
		struct mst_key k;
		char *at;
		int r;

		memcpy(json, from, strlen(from) + 1);
		at = strstr(json, secret[i]);
		assert_non_null(at);
		at[3] = 'g';
		r = i < 3 ? mst_zh_answer_read(MST_SBI_ZH_AUTH, mst_view_str(json), &a, &ha, &k, &d) :
			    mst_zn_answer_read(mst_view_str(json), &a, &za, &guss, &k, &d);
		assert_int_equal(r, MST_MSG_INVALID);
		assert_int_equal(k.n, 0);
		for (size_t j = 0; j < sizeof(k.b); j++)
			assert_int_equal(k.b[j], 0);
		at[3] = '\0';
		assert_null(strstr(d.text, at));
		assert_true(d.field[0]);
	}
}

static void times_with_offsets(void **state)
{
	static const struct { const char *text; mst_time t; } row[] = {
		{ "2030-01-01T00:00:00Z", 1893456000 }, { "2030-01-01T00:00:00.123456Z", 1893456000 },
		{ "2030-01-01T01:30:00+01:30", 1893456000 }, { "2029-12-31T14:00:00.5-10:00", 1893456000 }, { "1970-01-01T00:00:00+00:00", 0 },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_arena a = arena();
		char json[256];
		struct mst_zn_answer z;
		struct mst_key k;
		struct mst_diag d = { 0 };

		snprintf(json, sizeof(json), "{\"meKeyMaterial\":\"%s\",\"keyExpiryTime\":\"%s\"}", KS_NAF, row[i].text);
		assert_int_equal(mst_zn_answer_read(mst_view_str(json), &a, &z, &guss, &k, &d), 0);
		assert_true(z.has_expiry && z.expiry == row[i].t);
	}
}

static void paths(void **state)
{
	static const struct { const char *path; enum mst_sbi_call call; enum mst_sbi_ue kind; const char *ue; } good[] = {
		{ "/nbsp-gba/v1/bootstrapping-info-retrieval", MST_SBI_ZN_INFO, 0, "" },
		{ "/nhss-gba-ueau/v1/impi-001010000000001%40ims.mnc001.mcc001.3gppnetwork.org/security-information/generate-auth-data", MST_SBI_ZH_AUTH,
		  MST_SBI_UE_IMPI, IMPI },
		{ "/nhss-gba-sdm/v1/imsi-001010000000001/subscriber-data", MST_SBI_ZH_SDM, MST_SBI_UE_IMSI, "001010000000001" },
		{ "/nudm-ueau/v1/imsi-001010000000001/gba-security-information/generate-av", MST_SBI_UDM_AV, MST_SBI_UE_IMSI, "001010000000001" },
		{ "/nhss-gba-sdm/v1/impu-sip%3Aa%2Fb%25%40x.y/subscriber-data", MST_SBI_ZH_SDM, MST_SBI_UE_IMPU, "sip:a/b%@x.y" },
		{ "/nhss-gba-sdm/v1/msisdn-491701234567/subscriber-data", MST_SBI_ZH_SDM, MST_SBI_UE_MSISDN, "491701234567" },
	};
	static const struct { const char *path; int outcome; } bad[] = {
		{ "", MST_SBI_NO_SUCH }, { "/", MST_SBI_NO_SUCH }, { "/nbsp-gba/v1/bootstrapping-info-retrieval/", MST_SBI_NO_SUCH },
		{ "/nbsp-gba/v2/bootstrapping-info-retrieval", MST_SBI_NO_SUCH }, { "/nhss-gba-sdm/v1/imsi-00101/other", MST_SBI_NO_SUCH },
		{ "/nhss-gba-sdm/v1/subscriber-data", MST_SBI_NO_SUCH }, { "/nhss-gba-sdm/v1//subscriber-data", MST_SBI_BAD_UE },
		{ "/nhss-gba-sdm/v1/imsi-0010/subscriber-data", MST_SBI_BAD_UE }, { "/nhss-gba-sdm/v1/imsi-00101x/subscriber-data", MST_SBI_BAD_UE },
		{ "/nhss-gba-sdm/v1/impi-/subscriber-data", MST_SBI_BAD_UE }, { "/nhss-gba-sdm/v1/impi-a%00b/subscriber-data", MST_SBI_BAD_UE },
		{ "/nhss-gba-sdm/v1/impi-a%4/subscriber-data", MST_SBI_BAD_UE }, { "/nhss-gba-sdm/v1/extid-a/subscriber-data", MST_SBI_BAD_UE },
		{ "/nhss-gba-sdm/v1/impi-a/b/subscriber-data", MST_SBI_NO_SUCH },
	};
	struct mst_sbi_route r;
	char longest[400];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(good); i++) {
		struct mst_writer w = mst_writer_of(out, sizeof(out));

		assert_int_equal(mst_sbi_route(mst_view_str(good[i].path), &r), 0);
		assert_true(r.call == good[i].call && r.kind == good[i].kind);
		assert_string_equal(r.ue_id, good[i].ue);
		mst_sbi_put_path(&w, &r);
		is(mst_written(&w), good[i].path);
	}
	for (size_t i = 0; i < MST_COUNT(bad); i++)
		assert_int_equal(mst_sbi_route(mst_view_str(bad[i].path), &r), bad[i].outcome);
	assert_int_equal(mst_sbi_route(MST_VIEW_LIT("/nhss-gba-sdm/v1/imsi-00101/subscriber-data?x=/y"), &r), 0);
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "/nhss-gba-sdm/v1/impi-", 22);
	memcpy(longest + sizeof(longest) - 17, "/subscriber-data", 17);
	assert_int_equal(mst_sbi_route(mst_view_str(longest), &r), MST_SBI_BAD_UE);
	assert_string_equal(mst_sbi_method(MST_SBI_ZH_SDM), "GET");
	assert_string_equal(mst_sbi_method(MST_SBI_ZN_INFO), "POST");
}

static void problems(void **state)
{
	struct mst_arena a = arena();
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_problem p;
	struct mst_diag d;

	(void)state;
	mst_problem_write(&w, 404, "Not Found", "no such \"B-TID\"", "CONTEXT_NOT_FOUND");
	stranger_agrees(mst_written(&w), "{\"title\":\"Not Found\",\"status\":404,\"detail\":\"no such \\\"B-TID\\\"\",\"cause\":\"CONTEXT_NOT_FOUND\"}");
	assert_int_equal(mst_problem_read(mst_written(&w), &a, &p, &d), 0);
	assert_true(p.has == 15 && p.status == 404);
	is(p.detail, "no such \"B-TID\"");
	w = mst_writer_of(out, sizeof(out));
	mst_problem_write(&w, 503, "Busy", "\x1b[2J", NULL);
	is(mst_written(&w), "{\"title\":\"Busy\",\"status\":503}");
	assert_int_equal(mst_problem_read(MST_VIEW_LIT("{\"type\":\"about:blank\",\"invalidParams\":[]}"), &a, &p, &d), 0);
	assert_int_equal(p.has, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zn_as_worked_out), cmocka_unit_test(zn_with_everything), cmocka_unit_test(zh_as_worked_out),
		cmocka_unit_test(zh_resynchronises), cmocka_unit_test(settings_both_ways), cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(no_digit_is_told), cmocka_unit_test(times_with_offsets), cmocka_unit_test(paths), cmocka_unit_test(problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
