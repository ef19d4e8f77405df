/* The conversation with a card, against one that says what the test wrote down. */
#include "tests/support/cm.h"

#include "base/fault.h"
#include "base/text.h"
#include "secenv/card.h"

struct line { const char *command, *answer; };       /* hex; an answer of NULL is a transport that fails */

struct script {
	struct mst_card_port port;
	const struct line *lines;
	size_t n, at;
};

static int play(struct mst_card_port *p, struct mst_view command, uint8_t *out, size_t *ret_n, struct mst_diag *d)
{
	struct script *s = (struct script *)p;
	uint8_t want[MST_APDU_MAX];
	size_t n = 0;

	assert_true(s->at < s->n);
	assert_true(mst_hex_decode(mst_view_str(s->lines[s->at].command), want, sizeof(want), &n));
	assert_int_equal(command.n, n);
	assert_memory_equal(command.p, want, n);
	if (!s->lines[s->at].answer) {
		mst_diag_set(d, 0, "script", "the card is gone", NULL);
		return MST_CARD_NO_CARD;
	}
	assert_true(mst_hex_decode(mst_view_str(s->lines[s->at].answer), out, MST_APDU_ANSWER_MAX, ret_n));
	s->at++;
	return 0;
}

static const struct mst_card_port_ops script_ops = { "script", play, NULL };

static struct script script(const struct line *lines, size_t n, bool t1)
{
	return (struct script){ { &script_ops, t1 }, lines, n, 0 };
}

#define USIM "a0000000871002ff49ff0589"
#define ISIM "a0000000871004ff49ff0589"
#define FCP_APP(pin) "621a82027821840c" USIM "c60690" "01" pin "830101"
#define FCP_FILE(size) "620882024121800200" size

/* T=0, no PIN, only a USIM. */
static const struct line plain[] = {
	{ "00a40004023f00", "611a" }, { "00c000001a", FCP_APP("00") "9000" },
	{ "00a40004022f00", "610d" }, { "00c000000d", "620b820542210026028002004c9000" },
	{ "00b2010426", "61124f0c" USIM "50025553" "ffffffffffffffffffffffffffffffffffff9000" },
	{ "00b2020426", "6a83" },
	{ "00a404040c" USIM, "611c" }, { "00c000001c", FCP_APP("00") "9000" },
	{ "00a40004026f07", "610a" }, { "00c000000a", FCP_FILE("09") "9000" }, { "00b0000009", "0809101000000000109000" },
	{ "00a40004026fad", "610a" }, { "00c000000a", FCP_FILE("04") "9000" }, { "00b0000004", "6c04" }, { "00b0000004", "000000029000" },
	{ "00a40004026f38", "610a" }, { "00c000000a", FCP_FILE("09") "9000" }, { "00b0000009", "0000000000000000089000" },
};

static void a_usim_over_t0(void **state)
{
	struct script s = script(plain, MST_COUNT(plain), false);
	struct mst_diag d = { 0 };
	struct mst_card c;

	(void)state;
	assert_int_equal(mst_card_open(&c, &s.port, MST_CARD_ANY, MST_VIEW_NONE, &d), 0);
	assert_int_equal(s.at, s.n);
	assert_int_equal(c.app, MST_CARD_USIM);
	assert_string_equal(c.imsi, "001010000000001");
	assert_int_equal(c.mnc_digits, 2);
	assert_true(c.gba);
}

/* Whatever step the card goes away at, it is said and nothing is taken for an identity. */
static void a_card_that_goes_away(void **state)
{
	struct line lines[MST_COUNT(plain)];

	(void)state;
	for (size_t at = 0; at < MST_COUNT(plain); at++) {
		struct script s = script(lines, MST_COUNT(plain), false);
		struct mst_diag d = { 0 };
		struct mst_card c = { .imsi = "untouched" };

		memcpy(lines, plain, sizeof(plain));
		lines[at].answer = NULL;
		assert_int_equal(mst_card_open(&c, &s.port, MST_CARD_USIM, MST_VIEW_NONE, &d), MST_CARD_NO_CARD);
		assert_int_equal(s.at, at);
		assert_string_equal(d.text, "the card is gone");
		assert_string_equal(c.imsi, "untouched");
		lines[at].answer = "6f00";
		s = script(lines, MST_COUNT(plain), false);
		assert_int_equal(mst_card_open(&c, &s.port, MST_CARD_USIM, MST_VIEW_NONE, &d), MST_CARD_ODD);
		assert_non_null(strstr(d.text, "6F00"));
	}
}

static void an_isim_wins_and_t1_answers_at_once(void **state)
{
	static const struct line lines[] = {
		{ "00a40004023f0000", FCP_APP("00") "9000" }, { "00a40004022f0000", "620b820542210010028002004c9000" },
		{ "00b2010410", "610e4f0c" ISIM "ffff9000" }, { "00b2020410", "610e4f0c" USIM "ffff9000" }, { "00b2030410", "6a83" },
		{ "00a404040c" ISIM "00", "621a82027821840c" ISIM "c60690" "0100830101" "9000" },
		{ "00a40004026f0200", FCP_FILE("07") "9000" }, { "00b0000007", "80056140622e639000" },
		{ "00a40004026f0700", FCP_FILE("01") "9000" }, { "00b0000001", "019000" },
	};
	struct script s = script(lines, MST_COUNT(lines), true);
	struct mst_diag d = { 0 };
	struct mst_card c;

	(void)state;
	assert_int_equal(mst_card_open(&c, &s.port, MST_CARD_ANY, MST_VIEW_NONE, &d), 0);
	assert_int_equal(s.at, s.n);
	assert_int_equal(c.app, MST_CARD_ISIM);
	assert_string_equal(c.impi, "a@b.c");
	assert_false(c.gba);
}

#define DIR(aid) "610e4f0c" aid "ffff9000"
#define CSIM "a0000003431002ff49ff0589"
#define STRANGER "a0000003439902ff49ff0589"

/*
 * TS-0003 8.1.3 names the CSIM, too: a card with nothing else is told apart from one that is empty or blocked, and from one whose USIM is not the
 * application that is wanted. The CSIM itself is sent no command.
 */
static void nothing_to_select(void **state)
{
	static const struct { enum mst_card_app want; const char *first, *second, *words; } rows[] = {
		{ MST_CARD_ANY, DIR(STRANGER), "6a83", "the card has neither a USIM nor an ISIM application" },
		{ MST_CARD_ANY, DIR(CSIM), "6a83", "cannot speak with a CSIM" },
		{ MST_CARD_USIM, DIR(CSIM), "6a83", "cannot speak with a CSIM" },
		{ MST_CARD_ISIM, DIR(STRANGER), DIR(CSIM), "cannot speak with a CSIM" },
		{ MST_CARD_ISIM, DIR(CSIM), DIR(USIM), "the card has no ISIM application" },
		{ MST_CARD_USIM, DIR(ISIM), DIR(CSIM), "the card has no USIM application" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		const struct line lines[] = {
			{ "00a40004023f0000", FCP_APP("00") "9000" }, { "00a40004022f0000", "620b820542210010028002004c9000" },
			{ "00b2010410", rows[i].first }, { "00b2020410", rows[i].second }, { "00b2030410", "6a83" },
		};
		struct script s = script(lines, MST_COUNT(lines), true);
		struct mst_diag d = { 0 };
		struct mst_card c = { .imsi = "untouched" };

		assert_int_equal(mst_card_open(&c, &s.port, rows[i].want, MST_VIEW_NONE, &d), MST_CARD_NO_APP);
		assert_int_equal(s.at, strcmp(rows[i].second, "6a83") ? 5 : 4);
		assert_string_equal(d.field, "EF_DIR");
		assert_non_null(strstr(d.text, rows[i].words));
		assert_string_equal(c.imsi, "untouched");
	}
}

/* Wherever in EF_DIR it stands, a CSIM takes nothing from the USIM or ISIM beside it. */
static void a_csim_beside_others(void **state)
{
	static const struct { enum mst_card_app want, app; const char *first, *second; } rows[] = {
		{ MST_CARD_ANY, MST_CARD_USIM, DIR(CSIM), DIR(USIM) }, { MST_CARD_USIM, MST_CARD_USIM, DIR(USIM), DIR(CSIM) },
		{ MST_CARD_ANY, MST_CARD_ISIM, DIR(CSIM), DIR(ISIM) }, { MST_CARD_ISIM, MST_CARD_ISIM, DIR(ISIM), DIR(CSIM) },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		bool usim = rows[i].app == MST_CARD_USIM;
		const struct line lines[] = {
			{ "00a40004023f0000", FCP_APP("00") "9000" }, { "00a40004022f0000", "620b820542210010028002004c9000" },
			{ "00b2010410", rows[i].first }, { "00b2020410", rows[i].second }, { "00b2030410", "6a83" },
			{ usim ? "00a404040c" USIM "00" : "00a404040c" ISIM "00", FCP_APP("00") "9000" },
			{ usim ? "00a40004026f0700" : "00a40004026f0200", usim ? FCP_FILE("09") "9000" : FCP_FILE("07") "9000" },
			{ usim ? "00b0000009" : "00b0000007", usim ? "0809101000000000109000" : "80056140622e639000" },
			{ usim ? "00a40004026fad00" : "00a40004026f0700", usim ? FCP_FILE("04") "9000" : FCP_FILE("01") "9000" },
			{ usim ? "00b0000004" : "00b0000001", usim ? "000000029000" : "029000" },
			{ "00a40004026f3800", FCP_FILE("09") "9000" }, { "00b0000009", "0000000000000000089000" },
		};
		struct script s = script(lines, usim ? MST_COUNT(lines) : MST_COUNT(lines) - 2, true);
		struct mst_diag d = { 0 };
		struct mst_card c;

		assert_int_equal(mst_card_open(&c, &s.port, rows[i].want, MST_VIEW_NONE, &d), 0);
		assert_int_equal(s.at, s.n);
		assert_int_equal(c.app, rows[i].app);
		assert_string_equal(usim ? c.imsi : c.impi, usim ? "001010000000001" : "a@b.c");
		assert_true(c.gba);
	}
}

static void the_pin(void **state)
{
	static const struct { const char *pin, *answer; int outcome; const char *words; } rows[] = {
		{ "", NULL, MST_CARD_PIN, "none is configured" }, { "12x4", NULL, MST_CARD_PIN_WRONG, "4 to 8 digits" },
		{ "1234", "63c2", MST_CARD_PIN_WRONG, "2 more tries" }, { "1234", "6983", MST_CARD_PIN_WRONG, "PUK" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct line lines[9];
		struct script s = script(lines, rows[i].answer ? 9 : 8, false);
		struct mst_diag d = { 0 };
		struct mst_card c;

		memcpy(lines, plain, sizeof(lines));
		lines[7].answer = FCP_APP("80") "9000";
		lines[8] = (struct line){ "002000010831323334ffffffff", rows[i].answer };
		assert_int_equal(mst_card_open(&c, &s.port, MST_CARD_ANY, mst_view_str(rows[i].pin), &d), rows[i].outcome);
		assert_non_null(strstr(d.text, rows[i].words));
		assert_int_equal(s.at, s.n);    /* never tried a second time */
	}
}

static void what_authenticate_says(void **state)
{
	static const struct { const char *answer; int outcome; } rows[] = {
		{ "db08a54211d5e3ba50bf9000", 0 }, { "dc0e451e8beca41a80125eca8884b56a9000", MST_CARD_STALE }, { "9862", MST_CARD_MAC },
		{ "9864", MST_CARD_NO_GBA }, { "6d00", MST_CARD_NO_GBA }, { "6a86", MST_CARD_NO_GBA }, { "6982", MST_CARD_PIN },
		{ "6985", MST_CARD_NO_KEY }, { "db089000", MST_CARD_ODD }, { "6f00", MST_CARD_ODD }, { "90", MST_CARD_ODD }, { "6123", MST_CARD_ODD },
	};
	static const uint8_t zeros[16];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		const struct line lines[] = {
			{ "0088008423dd10" "00000000000000000000000000000000" "10" "00000000000000000000000000000000", rows[i].answer },
			{ "00c0000023", "6123" }, { "00c0000023", "6123" }, { "00c0000023", "6123" },
		};
		bool loops = !strcmp(rows[i].answer, "6123");
		struct script s = script(lines, loops ? 4 : 1, false);
		struct mst_card c = { .port = &s.port };
		struct mst_card_aka a;
		struct mst_diag d = { 0 };

		assert_int_equal(mst_card_authenticate(&c, MST_UICC_GBA, zeros, zeros, &a, &d), rows[i].outcome);
		assert_int_equal(s.at, s.n);
		assert_int_equal(a.n_res, rows[i].outcome ? 0 : 8);
		if (rows[i].outcome)
			assert_true(d.text[0]);
		if (rows[i].outcome == MST_CARD_STALE)
			assert_int_equal(a.auts[13], 0x6a);
	}
}

/* A file of more than 255 octets is read and written in pieces; what does not fit is refused before anything is written. */
static void gbabp(void **state)
{
	static const struct line lines[] = {
		{ "00a40004026fd6", "610a" }, { "00c000000a", FCP_FILE("30") "9000" },
		{ "00b0000030", "1023553cbe9637a89d218ae64dae47bf35ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff9000" },
		{ "00a40004026fd6", "610a" }, { "00c000000a", FCP_FILE("30") "9000" },
		{ "00d600002c1023553cbe9637a89d218ae64dae47bf350578406273661432303330" "2d30312d30315430303a30303a30305a", "9000" },
		{ "00a40004026fd6", "610a" }, { "00c000000a", FCP_FILE("30") "9000" },
		{ "00b0000030", "1023553cbe9637a89d218ae64dae47bf35ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff9000" },
		{ "00a40004026fd6", "610a" }, { "00c000000a", FCP_FILE("30") "9000" },
	};
	struct script s = script(lines, MST_COUNT(lines), false);
	struct mst_card c = { .port = &s.port, .app = MST_CARD_USIM };
	struct mst_diag d = { 0 };

	(void)state;
	assert_int_equal(mst_card_note_btid(&c, MST_VIEW_LIT("x@bsf"), MST_VIEW_LIT("2030-01-01T00:00:00Z"), &d), 0);
	assert_int_equal(mst_card_note_btid(&c, MST_VIEW_LIT("a-name-that-is-too-long@bsf"), MST_VIEW_LIT("2030-01-01T00:00:00Z"), &d), MST_CARD_ODD);
	assert_non_null(strstr(d.text, "do not fit"));
	assert_int_equal(s.at, s.n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_usim_over_t0), cmocka_unit_test(a_card_that_goes_away), cmocka_unit_test(an_isim_wins_and_t1_answers_at_once),
		cmocka_unit_test(nothing_to_select), cmocka_unit_test(a_csim_beside_others), cmocka_unit_test(the_pin), cmocka_unit_test(what_authenticate_says), cmocka_unit_test(gbabp),
	};

	return cmocka_run_group_tests_name("card", tests, NULL, NULL);
}
