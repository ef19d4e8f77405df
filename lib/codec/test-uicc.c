#include "tests/support/cm.h"

#include "base/text.h"
#include "codec/uicc.h"

static uint8_t room[8][300];
static unsigned turn;

/* Good for eight calls. */
static struct mst_view hex(const char *s)
{
	uint8_t *out = room[turn++ % MST_COUNT(room)];
	size_t n = 0;

	assert_true(mst_hex_decode(mst_view_str(s), out, sizeof(room[0]), &n));
	return (struct mst_view){ out, n };
}

static void assert_hex(const struct mst_writer *w, const char *want)
{
	assert_true(w->ok);
	assert_true(mst_view_eq(mst_written(w), hex(want)));
}

/* Sheet 17.5: as exchanged with a card that was not ours. */
#define RAND "23553cbe9637a89d218ae64dae47bf35"
#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define NAF_ID "6d65662e73702e6578616d706c6501000100ae"

static void commands_of_the_sheet(void **state)
{
	uint8_t b[MST_APDU_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	(void)state;
	mst_uicc_authenticate(&w, MST_UICC_3G, hex(RAND), hex("aa689c648351800041ed662ae8c74ecd"));
	assert_hex(&w, "008800812210" RAND "10aa689c648351800041ed662ae8c74ecd00");
	w = mst_writer_of(b, sizeof(b));
	mst_uicc_authenticate(&w, MST_UICC_GBA, hex(RAND), hex("aa689c6483328000152dfba3e93e0f2d"));
	assert_hex(&w, "0088008423dd10" RAND "10aa689c6483328000152dfba3e93e0f2d00");
	w = mst_writer_of(b, sizeof(b));
	mst_uicc_derive_naf(&w, hex(NAF_ID), mst_view_str(IMPI));
	assert_hex(&w, "0088008447de13" NAF_ID "31"
		   "30303130313030303030303030303140696d732e6d6e633030312e6d63633030312e336770706e6574776f726b2e6f726700");
	w = mst_writer_of(b, sizeof(b));
	mst_uicc_command(&w, MST_INS_SELECT, 0, 4, hex("2f00"), -1);
	assert_hex(&w, "00a40004022f00");
	w = mst_writer_of(b, sizeof(b));
	mst_uicc_command(&w, MST_INS_READ_RECORD, 1, 4, MST_VIEW_NONE, 0);
	assert_hex(&w, "00b2010400");
	w = mst_writer_of(b, sizeof(b));
	assert_true(mst_uicc_verify_pin(&w, MST_VIEW_LIT("1234")));
	assert_hex(&w, "002000010831323334ffffffff");
}

static void commands_that_do_not_fit(void **state)
{
	static const uint8_t zeros[256];
	static const char *const pins[] = { "", "123", "123456789", "12a4", "12 4" };
	uint8_t b[MST_APDU_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	(void)state;
	mst_uicc_command(&w, MST_INS_SELECT, 0, 4, (struct mst_view){ zeros, 256 }, -1);
	assert_false(w.ok);
	w = mst_writer_of(b, sizeof(b));
	mst_uicc_command(&w, MST_INS_SELECT, 0, 4, (struct mst_view){ zeros, 255 }, 0);
	assert_true(w.ok && w.n == MST_APDU_MAX);
	w = mst_writer_of(b, sizeof(b));
	mst_uicc_authenticate(&w, MST_UICC_3G, (struct mst_view){ zeros, 15 }, (struct mst_view){ zeros, 16 });
	assert_false(w.ok);
	w = mst_writer_of(b, sizeof(b));
	mst_uicc_derive_naf(&w, (struct mst_view){ zeros, 200 }, (struct mst_view){ zeros, 53 });
	assert_false(w.ok);
	w = mst_writer_of(b, sizeof(b));
	mst_uicc_derive_naf(&w, (struct mst_view){ zeros, 200 }, (struct mst_view){ zeros, 52 });
	assert_true(w.ok);
	for (size_t i = 0; i < MST_COUNT(pins); i++) {
		w = mst_writer_of(b, sizeof(b));
		assert_false(mst_uicc_verify_pin(&w, mst_view_str(pins[i])));
		assert_int_equal(w.n, 0);
	}
}

static void answers_of_the_sheet(void **state)
{
	struct mst_uicc_auth a;
	struct mst_view key;

	(void)state;
	assert_int_equal(mst_uicc_auth_read(hex("db08a54211d5e3ba50bf10b40ba9a3c58b2a05bbf0d987b21bf8cb10f769bcd751044604127672711c6d3441"),
					    MST_UICC_3G, &a, NULL), 0);
	assert_true(mst_view_eq(a.res, hex("a54211d5e3ba50bf")));
	assert_true(mst_view_eq(a.ck, hex("b40ba9a3c58b2a05bbf0d987b21bf8cb")));
	assert_true(mst_view_eq(a.ik, hex("f769bcd751044604127672711c6d3441")));
	assert_int_equal(a.auts.n, 0);
	assert_int_equal(mst_uicc_auth_read(hex("dc0e451e8beca41a80125eca8884b56a"), MST_UICC_3G, &a, NULL), 0);
	assert_true(mst_view_eq(a.auts, hex("451e8beca41a80125eca8884b56a")));
	assert_int_equal(a.res.n, 0);
	assert_int_equal(mst_uicc_auth_read(hex("db08a54211d5e3ba50bf"), MST_UICC_GBA, &a, NULL), 0);
	assert_true(mst_view_eq(a.res, hex("a54211d5e3ba50bf")));
	assert_int_equal(a.ck.n, 0);
	/* a card that also gives Kc */
	assert_int_equal(mst_uicc_auth_read(hex("db04a54211d510b40ba9a3c58b2a05bbf0d987b21bf8cb10f769bcd751044604127672711c6d344108eae4be823af9a08b"),
					    MST_UICC_3G, &a, NULL), 0);
	assert_int_equal(a.res.n, 4);
	assert_int_equal(mst_uicc_naf_read(hex("db206aa69249e8d7ab28aeb9ddf96d6a4444b0690b79534e4a3d755a0590493890dc"), &key, NULL), 0);
	assert_true(mst_view_eq(key, hex("6aa69249e8d7ab28aeb9ddf96d6a4444b0690b79534e4a3d755a0590493890dc")));
}

static void answers_that_are_none(void **state)
{
	static const struct { const char *octets; enum mst_uicc_context context; const char *words; } bad[] = {
		{ "", MST_UICC_3G, "neither" }, { "da", MST_UICC_3G, "neither" }, { "db", MST_UICC_3G, "RES" },
		{ "db03a54211", MST_UICC_GBA, "RES" }, { "db11a54211d5e3ba50bfa54211d5e3ba50bf00", MST_UICC_GBA, "RES" },
		{ "db08a54211d5e3ba50", MST_UICC_GBA, "RES" }, { "db08a54211d5e3ba50bf00", MST_UICC_GBA, "more" },
		{ "db08a54211d5e3ba50bf", MST_UICC_3G, "CK and IK" },
		{ "db08a54211d5e3ba50bf0fb40ba9a3c58b2a05bbf0d987b21bf810f769bcd751044604127672711c6d3441", MST_UICC_3G, "CK and IK" },
		{ "db04a54211d510b40ba9a3c58b2a05bbf0d987b21bf8cb10f769bcd751044604127672711c6d344107eae4be823af9a0", MST_UICC_3G, "Kc" },
		{ "db04a54211d510b40ba9a3c58b2a05bbf0d987b21bf8cb10f769bcd751044604127672711c6d344108eae4be823af9a08b00", MST_UICC_3G, "more" },
		{ "dc0d451e8beca41a80125eca8884b5", MST_UICC_3G, "AUTS" }, { "dc0e451e8beca41a80125eca8884b5", MST_UICC_GBA, "AUTS" },
	};
	struct mst_uicc_auth a;
	struct mst_view key;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		struct mst_diag d = { 0 };

		assert_int_equal(mst_uicc_auth_read(hex(bad[i].octets), bad[i].context, &a, &d), MST_UICC_MALFORMED);
		assert_non_null(strstr(d.text, bad[i].words));
	}
	assert_int_equal(mst_uicc_naf_read(hex("db1f6aa69249e8d7ab28aeb9ddf96d6a4444b0690b79534e4a3d755a0590493890"), &key, NULL), MST_UICC_MALFORMED);
	assert_int_equal(mst_uicc_naf_read(hex("dc0e451e8beca41a80125eca8884b56a"), &key, NULL), MST_UICC_MALFORMED);
}

static void imsi(void **state)
{
	static const struct { const char *octets, *digits; } rows[] = {
		{ "080910100000000010", "001010000000001" }, { "089910325476981032", "901234567890123" },
		{ "0801103254769810f2", "00123456789012" },      /* an even number of digits: the last nibble is a filler */
		{ "00", NULL }, { "09", NULL }, { "080910", NULL }, { "0809101000000000a0", NULL },
		{ "080a10100000000010", NULL }, { "0309101000", NULL },
	};
	char got[MST_UICC_IMSI_MAX];
	struct mst_diag d;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		assert_int_equal(mst_uicc_imsi_read(hex(rows[i].octets), got, &d), rows[i].digits ? 0 : MST_UICC_MALFORMED);
		assert_string_equal(got, rows[i].digits ? rows[i].digits : "");
	}
}

static void files(void **state)
{
	struct mst_uicc_fcp f;
	struct mst_view v;
	int digits = 0;
	struct mst_uicc_gbabp b, again;
	uint8_t out[300];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	(void)state;
	assert_int_equal(mst_uicc_fcp_read(hex("621a82027821840ca0000000871002ff49ff0589c606900100830101"), &f, NULL), 0);
	assert_true(mst_uicc_is_usim(f.aid));
	assert_false(mst_uicc_is_isim(f.aid));
	assert_false(f.pin);
	assert_int_equal(mst_uicc_fcp_read(hex("621a82027821840ca0000000871004ff49ff0589c606900180830101"), &f, NULL), 0);
	assert_true(f.pin && mst_uicc_is_isim(f.aid));
	assert_false(mst_uicc_is_csim(f.aid));
	assert_int_equal(mst_uicc_dir_read(hex("61124f0ca0000003431002ff49ff058950024353ffff"), &v, NULL), 0);
	assert_true(mst_uicc_is_csim(v) && !mst_uicc_is_usim(v) && !mst_uicc_is_isim(v));
	/* the bit belongs to the second reference, an ADM key: no PIN of ours */
	assert_int_equal(mst_uicc_fcp_read(hex("620bc60990014083010183010a"), &f, NULL), 0);
	assert_false(f.pin);
	assert_int_equal(mst_uicc_fcp_read(hex("620b820542210026028002004c"), &f, NULL), 0);
	assert_int_equal(f.record, 0x26);
	assert_int_equal(f.size, 0x4c);
	assert_int_equal(mst_uicc_fcp_read(hex("6f00"), &f, NULL), MST_UICC_MALFORMED);
	assert_int_equal(mst_uicc_fcp_read(hex("6203820378"), &f, NULL), MST_UICC_MALFORMED);
	assert_int_equal(mst_uicc_fcp_read(hex("6203820178"), &f, NULL), MST_UICC_MALFORMED);

	assert_int_equal(mst_uicc_dir_read(hex("61124f0ca0000000871002ff49ff058950025553ffff"), &v, NULL), 0);
	assert_int_equal(v.n, 12);
	assert_int_equal(mst_uicc_dir_read(hex("ffffff"), &v, NULL), 0);
	assert_int_equal(v.n, 0);
	assert_int_equal(mst_uicc_dir_read(hex("610450025553"), &v, NULL), MST_UICC_MALFORMED);
	assert_int_equal(mst_uicc_dir_read(hex("6f00"), &v, NULL), MST_UICC_MALFORMED);

	assert_int_equal(mst_uicc_ad_read(hex("00000003"), &digits, NULL), 0);
	assert_int_equal(digits, 3);
	assert_int_equal(mst_uicc_ad_read(hex("000000"), &digits, NULL), MST_UICC_MALFORMED);
	assert_int_equal(mst_uicc_ad_read(hex("00000000"), &digits, NULL), MST_UICC_MALFORMED);

	assert_true(mst_uicc_service(hex("000000000000000008"), MST_UST_GBA));
	assert_false(mst_uicc_service(hex("0000000000000000f7"), MST_UST_GBA));
	assert_false(mst_uicc_service(hex("ffffffffffffffff"), MST_UST_GBA));
	assert_true(mst_uicc_service(hex("02"), MST_IST_GBA));
	assert_false(mst_uicc_service(hex("02"), 0));

	assert_int_equal(mst_uicc_impi_read(hex("80056140622e63ffff"), &v, NULL), 0);
	assert_true(mst_view_eq_str(v, "a@b.c"));
	assert_int_equal(mst_uicc_impi_read(hex("8005610a622e63"), &v, NULL), MST_UICC_MALFORMED);
	assert_int_equal(mst_uicc_impi_read(hex("8000"), &v, NULL), MST_UICC_MALFORMED);

	assert_int_equal(mst_uicc_gbabp_read(hex("ffffff"), &b, NULL), 0);
	assert_int_equal(b.challenge.n + b.btid.n + b.lifetime.n, 0);
	assert_int_equal(mst_uicc_gbabp_read(hex("10" RAND "ffff"), &b, NULL), 0);
	assert_int_equal(b.challenge.n, 16);
	assert_int_equal(b.btid.n, 0);
	b.btid = MST_VIEW_LIT("x@bsf");
	b.lifetime = MST_VIEW_LIT("2030-01-01T00:00:00Z");
	mst_uicc_gbabp_write(&b, &w);
	assert_true(w.ok);
	assert_int_equal(mst_uicc_gbabp_read(mst_written(&w), &again, NULL), 0);
	assert_true(mst_view_eq(again.challenge, b.challenge) && mst_view_eq(again.btid, b.btid) && mst_view_eq(again.lifetime, b.lifetime));
	assert_int_equal(mst_uicc_gbabp_read(hex("0f" RAND), &b, NULL), MST_UICC_MALFORMED);
	assert_int_equal(mst_uicc_gbabp_read(hex("10" RAND "0561"), &b, NULL), MST_UICC_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_of_the_sheet), cmocka_unit_test(commands_that_do_not_fit), cmocka_unit_test(answers_of_the_sheet),
		cmocka_unit_test(answers_that_are_none), cmocka_unit_test(imsi), cmocka_unit_test(files),
	};

	return cmocka_run_group_tests_name("uicc", tests, NULL, NULL);
}
