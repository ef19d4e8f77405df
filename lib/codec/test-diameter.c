/* Zh and Zn over Diameter: what is written reads back, and what is wrong is said in a form that can be answered. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../tests/support/cm.h"
#include "codec/diameter.h"

#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define BTID "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org"

/* gba.md 17: published test set 1 of TS 35.207, and keys made from it for this B-TID */
static const uint8_t rnd[16] = "\x23\x55\x3c\xbe\x96\x37\xa8\x9d\x21\x8a\xe6\x4d\xae\x47\xbf\x35";
static const uint8_t autn[16] = "\x55\xf3\x28\xb4\x35\x77\xb9\xb9\x4a\x9f\xfa\xc3\x54\xdf\xaf\xb3";
static const uint8_t auts[14] = "\xba\x85\x3f\x3c\x12\x1c\xb5\x5e\xdb\x82\x00\x40\xab\x41";
static const uint8_t xres[8] = "\xa5\x42\x11\xd5\xe3\xba\x50\xbf";
static const uint8_t ck[16] = "\xb4\x0b\xa9\xa3\xc5\x8b\x2a\x05\xbb\xf0\xd9\x87\xb2\x1b\xf8\xcb";
static const uint8_t ik[16] = "\xf7\x69\xbc\xd7\x51\x04\x46\x04\x12\x76\x72\x71\x1c\x6d\x34\x41";
static const uint8_t naf_key[32] = "\x78\xf2\xb6\xa4\xad\x54\xd8\x01\xe1\x8b\xf8\x30\x77\x36\xd0\x45"
				   "\x58\xcf\x2f\x83\xa6\xbf\x1f\x88\xa1\xd7\x5a\x70\xa4\x55\x0e\xc0";
static const uint8_t ua[5] = "\x01\x00\x01\x00\xae";

#define V(a) ((struct mst_view){ a, sizeof(a) })

struct box { uint8_t b[4096]; struct mst_writer w; struct mst_dm m; struct mst_dm_fault f; };

static void begin(struct box *x, uint32_t command, uint32_t application, bool request)
{
	x->w = mst_writer_of(x->b, sizeof(x->b));
	mst_dm_put_header(&x->w, command, application, request);
	mst_dm_put(&x->w, 263, mst_view_str("naf.example;1;2"));
	mst_dm_put(&x->w, 264, mst_view_str("naf.example"));
	mst_dm_put(&x->w, 296, mst_view_str("example"));
}

static int end(struct box *x)
{
	mst_dm_finish(&x->w);
	assert_true(x->w.ok);
	return mst_dm_read(mst_written(&x->w), &x->m, &x->f);
}

static void questions(void **state)
{
	struct mst_dm_mar mar = { mst_view_str("home.example"), mst_view_str("hss.home.example"), mst_view_str(IMPI), rnd, auts };
	struct mst_dm_bir bir = { mst_view_str("home.example"), { NULL, 0 }, mst_view_str(BTID), mst_view_str("maf.sp.example"), ua, true };
	static struct box x;

	(void)state;
	begin(&x, 303, MST_DM_ZH, true);
	mst_dm_put_mar(&x.w, &mar);
	assert_int_equal(end(&x), 0);
	assert_true(x.m.request && mst_view_eq_str(x.m.impi, IMPI) && mst_view_eq_str(x.m.destination_host, "hss.home.example"));
	assert_int_equal(x.m.authorization.n, 30);
	assert_memory_equal(x.m.authorization.p, rnd, 16);
	assert_memory_equal(x.m.authorization.p + 16, auts, 14);
	mar.rnd = NULL;
	begin(&x, 303, MST_DM_ZH, true);
	mst_dm_put_mar(&x.w, &mar);
	assert_int_equal(end(&x), 0);
	assert_int_equal(x.m.authorization.n, 0);
	begin(&x, 310, MST_DM_ZN, true);
	mst_dm_put_bir(&x.w, &bir);
	assert_int_equal(end(&x), 0);
	assert_true(mst_view_eq_str(x.m.btid, BTID) && x.m.in_card_aware == 1 && x.m.naf_id.n == 14 + 5);
	assert_memory_equal(x.m.naf_id.p + 14, ua, 5);
}

static void answers(void **state)
{
	struct mst_dm_maa maa = { mst_view_str(IMPI), V(rnd), V(autn), V(xres), V(ck), V(ik), mst_view_str("<guss/>") };
	struct mst_dm_bia bia = { .impi = mst_view_str(IMPI), .me_key = V(naf_key), .expiry = 1893456000, .created = 1764332000 };
	static struct box x;

	(void)state;
	begin(&x, 303, MST_DM_ZH, false);
	mst_dm_put_maa(&x.w, &maa);
	assert_int_equal(end(&x), 0);
	assert_int_equal(x.m.result, 2001);
	assert_memory_equal(x.m.authenticate.p, rnd, 16);
	assert_memory_equal(x.m.authenticate.p + 16, autn, 16);
	assert_true(mst_view_eq(x.m.authorization, V(xres)) && mst_view_eq(x.m.ck, V(ck)) && mst_view_eq(x.m.ik, V(ik)));
	assert_true(mst_view_eq_str(x.m.guss, "<guss/>"));
	begin(&x, 310, MST_DM_ZN, false);
	mst_dm_put_bia(&x.w, &bia);
	assert_int_equal(end(&x), 0);
	assert_true(mst_view_eq(x.m.me_key, V(naf_key)) && !x.m.uicc_key.n);
	assert_int_equal(mst_dm_time(x.m.expiry), 1893456000);
	assert_int_equal(mst_dm_time(x.m.created), 1764332000);
	/* a BSF that keeps the IMPI to itself */
	bia.impi = MST_VIEW_NONE;
	begin(&x, 310, MST_DM_ZN, false);
	mst_dm_put_bia(&x.w, &bia);
	assert_int_equal(end(&x), 0);
	assert_int_equal(x.m.impi.n, 0);
	bia.expiry = 4102444800 + INT64_C(3600) * 24 * 365 * 10;     /* 2110: NTP has no such time here */
	begin(&x, 310, MST_DM_ZN, false);
	mst_dm_put_bia(&x.w, &bia);
	assert_false(x.w.ok);
}

static void refusals(void **state)
{
	static const struct { uint32_t result; bool experimental; } row[] = {
		{ 5401, true }, { 5402, true }, { 5403, true }, { 5005, false }, { 3004, false }, { 5012, false } };
	static struct box x;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		begin(&x, 310, MST_DM_ZN, false);
		mst_dm_put_refusal(&x.w, MST_DM_ZN, row[i].result, NULL, "no");
		assert_int_equal(end(&x), 0);
		assert_int_equal(x.m.result, row[i].result);
		assert_int_equal(x.m.experimental, row[i].experimental);
		assert_non_null(mst_dm_result_text(x.m.result, x.m.experimental));
	}
}

static void times(void **state)
{
	static const struct { mst_time t; uint32_t ntp; } row[] = {
		{ 0, 2208988800u }, { 1893456000, 4102444800u }, { 2085978495, 4294967295u }, { 2085978496, 0 }, { 2200000000, 114021504 } };
	uint32_t ntp;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		assert_int_equal(mst_dm_time(row[i].ntp), row[i].t);
		assert_true(mst_dm_ntp(row[i].t, &ntp));
		assert_int_equal(ntp, row[i].ntp);
	}
	assert_false(mst_dm_ntp(INT64_C(253402300799), &ntp));
}

/* One BIR or MAR with something wrong: which result, about which AVP. */
static void expect(struct box *x, uint32_t result, uint32_t about)
{
	assert_int_equal(end(x), MST_DM_BAD);
	assert_int_equal(x->f.result, result);
	assert_int_equal(x->f.avp ? x->f.avp->code : 0, about);
	assert_true(x->f.text[0]);
}

static void put_bir(struct box *x, unsigned leave_out)
{
	size_t at;

	begin(x, 310, MST_DM_ZN, true);
	at = mst_dm_open(&x->w, 260);
	mst_dm_put_u32(&x->w, 266, MST_DM_3GPP);
	mst_dm_put_u32(&x->w, 258, leave_out == 258 ? MST_DM_ZH : MST_DM_ZN);
	mst_dm_close(&x->w, at);
	if (leave_out != 283)
		mst_dm_put(&x->w, 283, mst_view_str("home.example"));
	if (leave_out != 401)
		mst_dm_put(&x->w, 401, mst_view_str(BTID));
	if (leave_out != 402)
		mst_dm_put(&x->w, 402, mst_view_str("maf.sp.example-----"));
}

static void wrong(void **state)
{
	static const unsigned missing[] = { 283, 401, 402 };
	static struct box x;
	uint8_t m_bit[12] = { 0, 0, 0x7f, 0xff, 0x40, 0, 0, 12 };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(missing); i++) {
		put_bir(&x, missing[i]);
		expect(&x, MST_DM_MISSING_AVP, missing[i]);
	}
	put_bir(&x, 258);
	expect(&x, MST_DM_INVALID_AVP_VALUE, 260);
	put_bir(&x, 0);
	mst_dm_put(&x.w, 401, mst_view_str(BTID));
	expect(&x, MST_DM_TOO_MANY_AVPS, 401);
	put_bir(&x, 401);
	mst_dm_put(&x.w, 401, mst_view_str("a\nb@c"));
	expect(&x, MST_DM_INVALID_AVP_VALUE, 401);
	put_bir(&x, 402);
	mst_dm_put(&x.w, 402, mst_view_str("short"));
	expect(&x, MST_DM_INVALID_AVP_LENGTH, 402);
	put_bir(&x, 0);
	mst_put(&x.w, V(m_bit));
	expect(&x, MST_DM_AVP_UNSUPPORTED, 0);
	m_bit[4] = 0;                          /* without M it is passed over */
	put_bir(&x, 0);
	mst_put(&x.w, V(m_bit));
	assert_int_equal(end(&x), 0);
	m_bit[7] = 7;
	put_bir(&x, 0);
	mst_put(&x.w, V(m_bit));
	expect(&x, MST_DM_INVALID_AVP_LENGTH, 0);
	m_bit[7] = 16;
	put_bir(&x, 0);
	mst_put(&x.w, V(m_bit));
	expect(&x, MST_DM_INVALID_AVP_LENGTH, 0);
	begin(&x, 310, MST_DM_ZH, true);
	expect(&x, MST_DM_APPLICATION_UNSUPPORTED, 0);
	put_bir(&x, 0);
	mst_dm_finish(&x.w);
	assert_int_equal(mst_dm_read(mst_view_sub(mst_written(&x.w), 0, x.w.n - 4), &x.m, &x.f), MST_DM_BAD);
}

static void wrong_answers(void **state)
{
	static const uint8_t many_octets[17];
	struct mst_dm_maa maa = { mst_view_str(IMPI), V(rnd), V(autn), V(many_octets), V(ck), V(ik), { NULL, 0 } };
	static struct box x;
	size_t at;

	(void)state;
	begin(&x, 303, MST_DM_ZH, false);      /* says success and brings nothing */
	mst_dm_put_u32(&x.w, 268, 2001);
	expect(&x, MST_DM_MISSING_AVP, 612);
	begin(&x, 303, MST_DM_ZH, false);
	mst_dm_put_maa(&x.w, &maa);
	expect(&x, MST_DM_INVALID_AVP_VALUE, 610);
	begin(&x, 310, MST_DM_ZN, false);
	expect(&x, MST_DM_MISSING_AVP, 268);
	begin(&x, 310, MST_DM_ZN, false);
	mst_dm_put_refusal(&x.w, MST_DM_ZN, 5403, NULL, "");
	mst_dm_put_u32(&x.w, 268, 2001);
	expect(&x, MST_DM_AVP_NOT_ALLOWED, 297);
	begin(&x, 310, MST_DM_ZN, false);
	at = mst_dm_open(&x.w, 297);
	mst_dm_put_u32(&x.w, 266, 9);          /* somebody else's 5403 */
	mst_dm_put_u32(&x.w, 298, 5403);
	mst_dm_close(&x.w, at);
	expect(&x, MST_DM_INVALID_AVP_VALUE, 297);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions), cmocka_unit_test(answers), cmocka_unit_test(refusals), cmocka_unit_test(times),
		cmocka_unit_test(wrong), cmocka_unit_test(wrong_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
