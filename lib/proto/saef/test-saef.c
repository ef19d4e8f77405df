/* MAF-based SAEF, both sides (TS-0003 8.2.2.3; conformance list 8, spec 10). */
#include "tests/support/cm.h"

#include "proto/saef/saef.h"

#define UTC 1800000000               /* 2027-01-15 */
#define REL "787C43AB32639663505A40C6B9BD6EB2"
#define ID REL "@maf.example.com"

static struct saef s;
static struct mst_quirks quirks;
static const char *const only[] = { "//sp.example.com/S5", "//sp.example.com/C1" };

static struct saef_config config(const char *who)
{
	return (struct saef_config){ .maf_fqdn = "MAF.example.com", .base = "/MAFBase", .from = who + 16, .client_id = who,
				     .admin_fqdn = "sp.example.com", .attempt = "00112233445566778899aabbccddeeff", .quirks = &quirks,
				     .answer_ms = 5000, .expires = UTC + 86400 };
}

static void answer(int rsc, const char *json)
{
	const struct mst_request *q = NULL;
	struct mst_response a = { .rsc = rsc, .rvi = MST_VIEW_LIT("3"), .content = mst_view_str(json) };

	assert_int_equal(saef_want(&s, &q), MMAF_WANT_SEND);
	a.rqi = q->rqi;
	saef_sent(&s);
	assert_int_equal(saef_want(&s, &q), MMAF_WANT_ANSWER);
	assert_true(saef_deadline(&s) == 6000);
	saef_feed(&s, &a, 1010, UTC);
}

static void open_a(void)
{
	struct saef_config c = config("//sp.example.com/C1");
	uint8_t out[48];
	struct mst_diag d = { 0 };

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)i;
	assert_true(saef_connect(&s, &c, "//SP.example.com/C2", &d));
	saef_opened(&s, out, 1000, UTC);
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
}

#define REGISTERED(targets) "{\"sec:symmKeyReg\":{\"relativeKeyID\":\"000102030405060708090A0B0C0D0E0F\",\"et\":\"20270115T090000\"," \
	"\"sourceClientID\":\"//sp.example.com/C1\",\"adminFQDN\":\"sp.example.com\",\"SUID\":32,\"targetIDs\":[\"" targets "\"]}}"

static void test_a(void **state)
{
	(void)state;
	for (int half = 0; half < 2; half++) {
		quirks.saef_psk_first_half = half;
		open_a();
		answer(2001, REGISTERED("//sp.example.com/C2"));
		assert_int_equal(saef_outcome(&s), SAEF_DONE);
		assert_string_equal(saef_link(&s)->psk_identity, "000102030405060708090A0B0C0D0E0F@maf.example.com");
		assert_string_equal(saef_link(&s)->peer, "//sp.example.com/C2");
		assert_string_equal(saef_link(&s)->credential_id, "12-000102030405060708090A0B0C0D0E0F@maf.example.com");
		/* 8.2.2.3: psk = Kc, or its first half for peers that took the general rule (spec 3.5) */
		assert_true(saef_link(&s)->psk.n == (half ? 16u : 32u));
		for (size_t i = 0; i < saef_link(&s)->psk.n; i++)
			assert_int_equal(saef_link(&s)->psk.b[i], 16 + i);
		for (size_t i = saef_link(&s)->psk.n; i < MST_KEY_MAX; i++)
			assert_int_equal(saef_link(&s)->psk.b[i], 0);
		assert_true(saef_link(&s)->until == UTC + 3600);
		assert_true(saef_deadline(&s) == MST_NEVER);
	}
	quirks.saef_psk_first_half = false;
}

#define FETCHED(source, suid, et) "{\"sec:symmKeyReg\":{\"et\":\"" et "\",\"sourceClientID\":\"" source "\",\"adminFQDN\":" \
	"\"sp.example.com\",\"SUID\":" suid ",\"keyValue\":\"DhQaGtXIQHYMyN4y4YXnlPm5hIE/RuwvL9kd+DtRzzo=\"}}"

static enum saef_outcome open_b(const char *identity, bool picky)
{
	struct saef_config c = config("//sp.example.com/C2");
	enum saef_outcome o;

	c.peers = picky ? only : NULL;
	c.n_peers = picky ? 2 : 0;
	o = saef_accept(&s, &c, identity);
	if (o == SAEF_GOING_ON)
		saef_opened(&s, NULL, 1000, UTC);
	return o;
}

static void test_b(void **state)
{
	const struct mst_request *q = NULL;

	(void)state;
	for (int picky = 0; picky < 2; picky++) {
		assert_int_equal(open_b(ID, picky), SAEF_GOING_ON);
		assert_int_equal(saef_want(&s, &q), MMAF_WANT_SEND);
		assert_true(mst_view_eq_str(q->to, "/MAFBase/" REL));
		answer(2000, FETCHED("//sp.example.com/C1", "32", "20270115T090000"));
		assert_int_equal(saef_outcome(&s), SAEF_DONE);
		assert_string_equal(saef_link(&s)->peer, "//sp.example.com/C1");
		assert_string_equal(saef_link(&s)->psk_identity, ID);
		assert_true(saef_link(&s)->psk.n == 32 && saef_link(&s)->psk.b[0] == 0x0e);
	}
	/* spec 5.5, 12: the MAF knows A by its key only */
	assert_int_equal(open_b(ID, false), SAEF_GOING_ON);
	answer(2000, FETCHED("77AA@maf.example.com", "32", "20270115T090000"));
	assert_int_equal(saef_outcome(&s), SAEF_DONE);
	assert_string_equal(saef_link(&s)->peer, "");
	assert_string_equal(saef_link(&s)->credential_id, "11-77AA@maf.example.com");
}

/* Only the MAF that we belong to is ever asked, however its name is dressed up. */
static void test_whom_to_ask(void **state)
{
	static const struct { const char *identity; enum saef_outcome o; } cases[] = {
		{ REL "@MAF.EXAMPLE.com", SAEF_GOING_ON },
		{ "x@maf.example.com", SAEF_GOING_ON },
		{ REL "@maf.evil.example", SAEF_OTHER_MAF },
		{ REL "@evil.maf.example.com", SAEF_OTHER_MAF },
		{ REL "@maf.example.com.evil.example", SAEF_OTHER_MAF },
		{ REL "@mef.example.com", SAEF_OTHER_MAF },
		{ REL "@evil.example@maf.example.com", SAEF_IDENTITY_MALFORMED },
		{ REL "@maf.example.com@evil.example", SAEF_IDENTITY_MALFORMED },
		{ REL "@maf.example.com:8443", SAEF_IDENTITY_MALFORMED },
		{ REL "@maf.example.com/x", SAEF_IDENTITY_MALFORMED },
		{ "../cfg@maf.example.com", SAEF_IDENTITY_MALFORMED },
		{ "a b@maf.example.com", SAEF_IDENTITY_MALFORMED },
		{ "@maf.example.com", SAEF_IDENTITY_MALFORMED },
		{ REL "@", SAEF_IDENTITY_MALFORMED },
		{ REL, SAEF_IDENTITY_MALFORMED },
		{ "Client_identity", SAEF_IDENTITY_MALFORMED },
		{ "", SAEF_IDENTITY_MALFORMED },
	};
	const struct mst_request *q;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		enum saef_outcome o = open_b(cases[i].identity, false);

		if (o != cases[i].o)
			fail_msg("%s: %s", cases[i].identity, saef_outcome_text(o));
		if (o != SAEF_GOING_ON) {
			assert_int_equal(saef_want(&s, &q), MMAF_WANT_NOTHING);
			/* nothing that comes later wakes it */
			saef_opened(&s, NULL, 1, UTC);
			saef_lost(&s, PROV_UNREACHABLE, "x", 1, UTC);
			saef_tick(&s, MST_NEVER, UTC);
			assert_int_equal(saef_outcome(&s), o);
		}
	}
}

static void test_outcomes(void **state)
{
	static const struct { bool b; int rsc; const char *json; enum saef_outcome o; } cases[] = {
		{ true, 4004, "", SAEF_KEY_UNKNOWN },
		{ true, 4103, "", SAEF_NOT_A_TARGET },
		{ true, 4128, "", SAEF_REFUSED },
		{ true, 4106, "", SAEF_NOT_AUTHENTICATED },
		{ true, 5000, "", SAEF_MAF_UNREACHABLE },
		{ true, 2000, "{}", SAEF_MALFORMED },
		{ true, 2000, FETCHED("//sp.example.com/C1", "32", "20270115T080000"), SAEF_KEY_ENDED },
		{ true, 2000, FETCHED("//sp.example.com/C1", "33", "20270115T090000"), SAEF_OTHER_USE },
		{ true, 2000, FETCHED("//sp.example.com/C1", "21", "20270115T090000"), SAEF_OTHER_USE },
		{ true, 2000, FETCHED("//sp.example.com/C9", "32", "20270115T090000"), SAEF_PEER_NOT_WANTED },
		{ true, 2000, FETCHED("77AA@maf.example.com", "32", "20270115T090000"), SAEF_PEER_NOT_WANTED },
		{ false, 4004, "", SAEF_NOT_REGISTERED },
		{ false, 4103, "", SAEF_REFUSED },
		{ false, 4105, "", SAEF_REFUSED },
		{ false, 2001, REGISTERED("//sp.example.com/C3"), SAEF_MALFORMED },
		{ false, 5000, "", SAEF_MAF_UNREACHABLE },
	};
	static const struct { enum prov_reason r; enum saef_outcome o; } losses[] = {
		{ PROV_UNREACHABLE, SAEF_MAF_UNREACHABLE }, { PROV_TIMEOUT, SAEF_MAF_UNREACHABLE }, { PROV_UNTRUSTED, SAEF_MAF_UNTRUSTED },
		{ PROV_NOT_AUTHENTICATED, SAEF_NOT_AUTHENTICATED }, { PROV_EXPIRED, SAEF_MAF_UNTRUSTED }, { PROV_INTERNAL, SAEF_INTERNAL },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(cases); i++) {
		if (cases[i].b)
			assert_int_equal(open_b(ID, true), SAEF_GOING_ON);
		else
			open_a();
		answer(cases[i].rsc, cases[i].json);
		if (saef_outcome(&s) != cases[i].o)
			fail_msg("case %zu: %s: %s", i, saef_outcome_text(saef_outcome(&s)), saef_detail(&s));
		assert_int_equal(saef_link(&s)->psk.n, 0);
	}
	for (size_t i = 0; i < MST_COUNT(losses); i++) {
		assert_int_equal(open_b(ID, false), SAEF_GOING_ON);
		saef_lost(&s, losses[i].r, "gone", 1010, UTC);
		assert_int_equal(saef_outcome(&s), losses[i].o);
	}
	assert_int_equal(open_b(ID, false), SAEF_GOING_ON);
	saef_tick(&s, 6000, UTC);
	assert_int_equal(saef_outcome(&s), SAEF_MAF_UNREACHABLE);
	assert_int_equal(open_b(ID, false), SAEF_GOING_ON);
	saef_garbage(&s, "no RSC", 1010, UTC);
	assert_int_equal(saef_outcome(&s), SAEF_MALFORMED);
}

/* Lesson 21: the peer cannot tell one refusal from another; only trouble of our own is shown as such. */
static void test_what_the_peer_sees(void **state)
{
	static const enum saef_outcome shown[] = { SAEF_NOT_AUTHENTICATED, SAEF_MAF_UNREACHABLE, SAEF_MAF_UNTRUSTED, SAEF_MALFORMED,
						   SAEF_NO_CREDENTIAL, SAEF_BUSY, SAEF_INTERNAL };
	unsigned n = 0;

	(void)state;
	for (int o = 0; o < SAEF_OUTCOME__COUNT; o++) {
		assert_true(saef_outcome_of(saef_outcome_text((enum saef_outcome)o)) == (enum saef_outcome)o);
		assert_true(saef_outcome_words((enum saef_outcome)o)[0]);
		n += !saef_hidden((enum saef_outcome)o);
	}
	for (size_t i = 0; i < MST_COUNT(shown); i++)
		assert_false(saef_hidden(shown[i]));
	assert_int_equal(n, MST_COUNT(shown));
	assert_int_equal(saef_outcome_of("nonsense"), SAEF_INTERNAL);
}

static void test_bad_questions(void **state)
{
	static const char *const peers[] = { "/C2", "C2", "maf.example.com", "", "urn:dev:ops:1" };
	struct saef_config c = config("//sp.example.com/C1");
	struct mst_diag d;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(peers); i++) {
		assert_false(saef_connect(&s, &c, peers[i], &d));
		assert_string_equal(d.field, "peer");
		assert_int_equal(saef_outcome(&s), SAEF_INTERNAL);
	}
	c.maf_fqdn = "";
	assert_false(saef_connect(&s, &c, "//sp.example.com/C2", &d));
	assert_int_equal(saef_accept(&s, &c, ID), SAEF_OTHER_MAF);
	/* lesson 1: usable after any of these */
	test_a(NULL);
	saef_deinit(&s);
	assert_int_equal(saef_link(&s)->psk.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a), cmocka_unit_test(test_b), cmocka_unit_test(test_whom_to_ask), cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_what_the_peer_sees), cmocka_unit_test(test_bad_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
