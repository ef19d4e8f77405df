/*
 * Roles bsf and zn with the real keeper over a real store: what an HSS may answer, what ends by the clock, what a store that
 * fails leaves behind, and which NAF has keys for whom. The wire is tests/scenario/test_bsf.py's.
 */
#include "role/test-bsf-rig.h"

#include <stdio.h>

#include "base/text.h"
#include "store/ops.h"

static void the_worked_values(void **state)
{
	uint8_t want[32];
	struct mst_key got;
	size_t n;

	(void)state;
	assert_int_equal(ub(FIRST), -1);
	assert_true(g.a.fetch.kind == MST_FETCH_ZH && !g.a.fetch.resync);
	assert_string_equal(g.a.fetch.ue_id, IMPI);
	assert_string_equal(g.a.fetch.server_name, "hss.example.com");
	assert_int_equal(hss(GUSS("", ",\"nafGroup\":\"m2m\""), 0), 401);
	assert_non_null(strstr(g.a.headers, "nonce=\"" NONCE "\""));
	assert_int_equal(ub(answer(NULL)), 200);
	assert_non_null(strstr(g.a.headers, "rspauth=\""));
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "maf.sp.example", "")), 200);
	assert_false(g.a.event_only);
	assert_int_equal(g.a.parcel.n_fills, 1);
	assert_int_equal(mst_channel_open(&g.zn, g.c, &g.a.parcel.sealed, &got), 0);
	assert_true(mst_hex_decode(MST_VIEW_LIT("78f2b6a4ad54d801e18bf8307636d04558cf2f83a6bf1f88a1d75a70a4550ec0"), want, sizeof(want), &n));
	assert_memory_equal(got.b, want, 32);
	assert_int_equal(got.n, 32);
	/* in GBA context the card gets AUTN*, and a NAF that can do with both keys has them */
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("\"uiccType\":\"GBA_U\"", ""), 1), 401);
	assert_null(strstr(g.a.headers, "VfMotDV3ublKn/rDVN+vsw"));
}

static mst_ms no_time(void)
{
	return 1;
}

/* keeper_limits: a NAF that asks for one key too many in a minute is told to come again. */
static void more_keys_than_the_keeper_lets_go(void **state)
{
	struct mst_keeper_limit limit[MST_RATE__COUNT] = { [MST_RATE_NAF_KEYS] = { 0, 1 } };

	(void)state;
	bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
	mst_keeper_local_limits(g.keeper, limit, no_time);
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "maf.sp.example", "")), 200);
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "maf.sp.example", "")), 503);
	assert_int_equal(g.a.retry_after, MST_KEEPER_BUSY_SECONDS);
	assert_int_equal(g.a.parcel.n_fills, 0);
	limit[MST_RATE_NAF_KEYS].most = 0;
	mst_keeper_local_limits(g.keeper, limit, no_time);
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "maf.sp.example", "")), 200);
}

static void what_an_hss_may_say(void **state)
{
	static const struct { enum mst_fetch_end end; int retry, status, want_retry; } row[] = {
		{ MST_FETCH_UNKNOWN, 0, 403, 0 }, { MST_FETCH_REFUSED, 0, 403, 0 }, { MST_FETCH_BUSY, 77, 503, 77 }, { MST_FETCH_BUSY, 0, 503, 10 },
		{ MST_FETCH_UNREACHABLE, 0, 503, 10 }, { MST_FETCH_UNTRUSTED, 0, 503, 10 }, { MST_FETCH_MALFORMED, 0, 503, 10 },
		{ MST_FETCH_REVOKED, 0, 503, 10 }, { MST_FETCH_LIST_STALE, 0, 503, 10 },
	};
	struct mst_fetch_result f;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		assert_int_equal(ub(FIRST), -1);
		f = (struct mst_fetch_result){ .end = row[i].end, .retry_after = row[i].retry };
		assert_int_equal(turn(&mst_role_bsf, &f), row[i].status);
		assert_int_equal(g.a.retry_after, row[i].want_retry);
		assert_string_equal(g.a.headers, "");
	}
	/* a vector that is none, a seal that is not the connector's, settings that are none: its fault, and nothing is kept */
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ub(FIRST), -1);
		f = from_hss(i == 0 ? "" : i == 1 ? "{\"guss\":7}" : GUSS("", ""), 0);
		if (i == 2)
			f.xres_n = 3;
		if (i == 3)
			f.key.b[f.key.n - 1] ^= 1;
		if (i == 4)
			f.channel = 2;                 /* that process has no vectors to give */
		assert_int_equal(turn(&mst_role_bsf, &f), 503);
		assert_false(challenge_kept(NONCE));
	}
	assert_int_equal(sessions(), 0);
	/* RAND again while the session of it lasts */
	bootstrap(GUSS("", ""), 0);
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 503);
	assert_int_equal(sessions(), 1);
}

static int why(void *arg, const struct mst_event *e)
{
	snprintf(arg, 260, "%s", e->why);
	return 0;
}

/* A vector for EPS or 5G would have the BSF hold what opens those (TS 33.102 annex H): an HSS that gives one is at fault. */
static void an_hss_that_gives_vectors_of_another_kind(void **state)
{
	const struct mst_event_filter bsf = { .limit = 10 };
	char text[260] = "";
	struct mst_fetch_result f;

	(void)state;
	g.conf.gba.amf_any = false;
	for (int card = 0; card < 2; card++) {
		assert_int_equal(ub(FIRST), -1);
		assert_int_equal(hss(card ? GUSS("\"uiccType\":\"GBA_U\"", "") : GUSS("", ""), 0), 503);
		assert_int_equal(g.a.retry_after, 10);
		assert_false(challenge_kept(NONCE));
		assert_int_equal(mst_store_event_list(g.store, &bsf, why, text), 0);
		assert_non_null(strstr(text, "AMF b9b9"));
		assert_non_null(strstr(text, "bsf.hss.amf"));
	}
	/* the same with the bit clear */
	assert_int_equal(ub(FIRST), -1);
	f = from_hss(GUSS("", ""), 0);
	f.autn[6] &= 0x7f;
	assert_int_equal(turn(&mst_role_bsf, &f), 401);
}

static void what_ends_by_the_clock(void **state)
{
	static struct mst_gba_session s;
	struct mst_clocked c = { 0 };
	struct mst_role_env e;
	char late[sizeof(g.text)];

	(void)state;
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("\"lifeTime\":600", ""), 0), 401);
	snprintf(late, sizeof(late), "%s", answer(NULL));
	g.now += 60;
	assert_int_equal(ub(late), -1);
	assert_int_equal(hss(GUSS("\"lifeTime\":600", ""), 1), 401);
	assert_non_null(strstr(g.a.headers, "stale=true"));
	assert_int_equal(ub(answer(NULL)), 200);
	/* min(GUSS, setting) */
	assert_int_equal(mst_store_gba_session_get(g.store, "IlU8vpY3qJ0hiuZNrke/NQ==@" BSF, &s), 0);
	assert_int_equal(s.session.expires, g.now + 600);
	assert_int_equal(zn("maf.sp.example", ASK("IlU8vpY3qJ0hiuZNrke/NQ==@" BSF, "maf.sp.example", "")), 200);
	bootstrap(GUSS("\"lifeTime\":9999999", ""), 2);
	assert_int_equal(mst_store_gba_session_get(g.store, "IVU8vpY3qJ0hiuZNrke/NQ==@" BSF, &s), 0);
	assert_int_equal(s.session.expires, g.now + 86400);
	g.now += 600;
	assert_int_equal(zn("maf.sp.example", ASK("IlU8vpY3qJ0hiuZNrke/NQ==@" BSF, "maf.sp.example", "")), 404);
	assert_true(g.a.event_only);         /* a stranger at the NAF can bring it about */
	e = env();
	assert_int_equal(mst_store_begin(g.store), 0);
	assert_int_equal(mst_role_bsf.clock(&e, &c), 0);
	assert_int_equal(mst_store_commit(g.store), 0);
	assert_int_equal(sessions(), 1);
	assert_false(challenge_kept(NONCE));
	/* its vector once more: wrong of the HSS, and the card would not take it, but nothing of it is in use any more */
	bootstrap(GUSS("", ""), 1);
	assert_int_equal(sessions(), 2);
}

static void lock_out_ends_by_time(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 3; i++) {
		assert_int_equal(ub(FIRST), -1);
		assert_int_equal(hss(GUSS("", ""), (uint8_t)(10 + i)), 401);
		assert_int_equal(ub(answer("guess")), 403);
	}
	assert_int_equal(ub(FIRST), 403);
	assert_int_equal(g.a.retry_after, 300);
	g.now += 299;
	assert_int_equal(ub(FIRST), 403);
	g.now += 1;
	/* and what was wrong before does not count any more; a right answer clears what counts */
	for (uint8_t i = 0; i < 2; i++) {
		assert_int_equal(ub(FIRST), -1);
		assert_int_equal(hss(GUSS("", ""), (uint8_t)(20 + i)), 401);
		assert_int_equal(ub(answer("guess")), 403);
	}
	bootstrap(GUSS("", ""), 30);
	for (uint8_t i = 0; i < 2; i++) {
		assert_int_equal(ub(FIRST), -1);
		assert_int_equal(hss(GUSS("", ""), (uint8_t)(40 + i)), 401);
		assert_int_equal(ub(answer("guess")), 403);
	}
	assert_int_equal(ub(FIRST), -1);
	/* switched off */
	g.conf.gba.lock_after = 0;
	for (uint8_t i = 0; i < 9; i++) {
		assert_int_equal(ub(FIRST), -1);
		assert_int_equal(hss(GUSS("", ""), (uint8_t)(50 + i)), 401);
		assert_int_equal(ub(answer("guess")), 403);
	}
	assert_int_equal(ub(FIRST), -1);
}

/* Whoever knows an IMSI and nothing else, at an address of his own. */
static void a_stranger_keeps_nobody_out(void **state)
{
	static const char *const same[] = { "[2001:db8:1:2::1]:5", "[2001:db8:1:2:ffff::9%eth0]:77" }, *const other[] = { "192.0.2.7:41000", "[2001:db8:1:3::1]:5" };

	(void)state;
	/* challenges that nobody answers */
	for (uint8_t i = 0; i < 5; i++) {
		g.from = same[i & 1];
		assert_int_equal(ub(FIRST), -1);
		assert_int_equal(hss(GUSS("", ""), (uint8_t)(60 + i)), 401);
	}
	assert_int_equal(ub(FIRST), 503);
	assert_true(g.a.retry_after > 0 && g.a.event_only);
	g.from = other[0];
	bootstrap(GUSS("", ""), 70);
	/* answers that are wrong, the AUTS of nobody's card among them */
	g.now += 61;
	for (uint8_t i = 0; i < 3; i++) {
		g.from = same[0];
		assert_int_equal(ub(FIRST), -1);
		assert_int_equal(hss(GUSS("", ""), (uint8_t)(80 + i)), 401);
		assert_int_equal(ub(answer("guess")), 403);
	}
	assert_int_equal(ub(FIRST), 403);
	for (size_t i = 0; i < MST_COUNT(other); i++) {
		g.from = other[i];
		bootstrap(GUSS("", ""), (uint8_t)(90 + i));
	}
	g.from = same[1];
	assert_int_equal(ub(FIRST), 403);
	g.from = NULL;
}

/* Whatever step of the store fails, the exchange is undone as a whole, and the same again succeeds. */
static void a_store_that_fails(void **state)
{
	char text[sizeof(g.text)];
	bool done = false;
	unsigned at;

	(void)state;
	for (at = 1; !done; at++) {
		assert_int_equal(ub(FIRST), -1);
		mst_store_fail_at(g.store, at);
		done = hss(GUSS("", ""), 0) == 401;
		mst_store_fail_at(g.store, 0);
		assert_int_equal(challenge_kept(NONCE), done);
	}
	assert_true(at > 3);
	snprintf(text, sizeof(text), "%s", answer(NULL));
	for (at = 1, done = false; !done; at++) {
		mst_store_fail_at(g.store, at);
		done = ub(text) == 200;
		mst_store_fail_at(g.store, 0);
		assert_int_equal(sessions(), done);
	}
	assert_true(at > 5);
}

static void which_naf_has_a_key_for_whom(void **state)
{
	static const struct { const char *who, *ask; int status; } row[] = {
		{ "maf.sp.example", ASK(BTID, "maf.sp.example", ""), 200 },
		{ "MAF.SP.example", ASK(BTID, "Maf.sp.example", ""), 200 },
		{ "maf.sp.example", ASK(BTID, "in-cse.sp.example", ""), 200 },
		{ "maf.sp.example", ASK(BTID, "maf.sp.example", ",\"gsIds\":[1000001,2]"), 200 },
		{ "maf.sp.example", ASK(BTID, "maf.sp.example", ",\"gsIds\":[2]"), 403 },
		{ "maf.sp.example", ASK(BTID, "other.sp.example", ""), 403 },
		{ "in-cse.sp.example", ASK(BTID, "in-cse.sp.example", ""), 403 },      /* its own name, but in no group */
		{ "evil.example", ASK(BTID, "maf.sp.example", ""), 403 },
		{ "maf.sp.example", ASK("x@" BSF, "maf.sp.example", ""), 404 },
		{ "maf.sp.example", "{}", 400 },
		{ "maf.sp.example", "", 400 },
		{ "maf.sp.example", "{\"btId\":\"" BTID "\",\"nafId\":{\"nafFqdn\":\"maf.sp.example\",\"uaSecProtId\":\"0000000001\"}}", 400 },
	};

	(void)state;
	bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		int r = zn(row[i].who, row[i].ask);

		if (r != row[i].status)
			print_message("# %s: %s: %d\n", row[i].who, row[i].ask, r);
		assert_int_equal(r, row[i].status);
		assert_int_equal(g.a.parcel.n_fills, r == 200);
		if (r != 200)
			assert_string_equal(g.a.media, MST_SBI_PROBLEM);
	}
	/* who has shown no certificate has no name */
	g.x.peer.how = MST_AUTH_PSK;
	g.x.request.content = MST_VIEW_LIT(ASK(BTID, "maf.sp.example", ""));
	assert_int_equal(turn(&mst_role_zn, NULL), 403);
}

static int lost(struct mst_store *s, const struct gba_run *r)
{
	(void)s;
	(void)r;
	return MST_STORE_NONE;
}

/* Two engines have the same answer in hand, and the other one was faster: this one gives its verdict and asks nobody. */
static void who_comes_second_asks_nobody(void **state)
{
	static const uint8_t auts[14] = { 1 };
	const struct mst_store_ops *as_it_is = g.store->ops;
	struct mst_store_ops second = *as_it_is;
	char text[1024], b64[32], *at;
	struct mst_writer w = mst_writer_of(b64, sizeof(b64));

	(void)state;
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	/* AUTS goes with a digest that has no password */
	snprintf(text, sizeof(text), "%s", answer(""));
	mst_put_base64(&w, (struct mst_view){ auts, sizeof(auts) });
	mst_put_nul(&w);
	at = text + strlen(text);
	snprintf(at, sizeof(text) - (size_t)(at - text), ", auts=\"%s\"", b64);
	second.gba_run_settle = lost;
	g.store->ops = &second;
	assert_int_equal(ub(text), 403);
	assert_false(g.a.wants_fetch);
	g.store->ops = as_it_is;
	assert_int_equal(ub(text), -1);
}

/* Ks_NAF says enough: who the subscriber is at the operator, only a NAF hears that is meant to (bsf.nafs.impi). */
static void who_hears_the_private_identity(void **state)
{
	(void)state;
	bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "in-cse.sp.example", "")), 200);
	assert_null(strstr((const char *)g.content, "impi"));
	g.conf.gba.naf[0].impi = true;
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "in-cse.sp.example", "")), 200);
	assert_non_null(strstr((const char *)g.content, "\"impi\":\"" IMPI "\""));
	/* a NAF that shows no name of these settings, though the subscriber lets it in */
	g.now += 61;
	bootstrap(GUSS("", ""), 1);
	assert_int_equal(zn("free.sp.example", ASK("IlU8vpY3qJ0hiuZNrke/NQ==@" BSF, "free.sp.example", "")), 200);
	assert_null(strstr((const char *)g.content, "impi"));
}

/*
 * Which key the operator wants for the service (keyChoice, TS 29.309): Ks_int_NAF alone means none, where there is none or the
 * NAF could not use it; and a NAF that is to have the ME's does not get the card's.
 */
static void which_of_the_two_keys_the_settings_let_go(void **state)
{
	static const struct { const char *choice; bool in_card, aware; int status; size_t keys; } row[] = {
		{ "", true, true, 200, 2 }, { "", true, false, 200, 1 }, { "", false, true, 200, 1 }, { "", false, false, 200, 1 },
		{ "ME", true, true, 200, 1 }, { "ME", true, false, 200, 1 }, { "ME", false, true, 200, 1 }, { "ME", false, false, 200, 1 },
		{ "UICC", true, true, 200, 2 }, { "UICC", true, false, 403, 0 }, { "UICC", false, true, 403, 0 }, { "UICC", false, false, 403, 0 },
		{ "BOTH", true, true, 200, 2 }, { "BOTH", true, false, 200, 1 }, { "BOTH", false, true, 200, 1 }, { "BOTH", false, false, 200, 1 },
	};
	static const struct { const char *is, *text; } choice[] = {
		{ "", "" }, { "ME", ",\"keyChoice\":\"ME_BASED_KEY\"" }, { "UICC", ",\"keyChoice\":\"UICC_BASED_KEY\"" },
		{ "BOTH", ",\"keyChoice\":\"ME_UICC_BASED_KEYS\"" },
	};
	char guss[1024];
	int64_t n;

	(void)state;
	g.conf.gba.brief = false;       /* a briefing would outlive its session here, and each has the same name */
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		const char *text = NULL;

		for (size_t k = 0; k < MST_COUNT(choice); k++)
			if (!strcmp(choice[k].is, row[i].choice))
				text = choice[k].text;
		assert_non_null(text);
		/* another service besides, with nothing said of keys */
		snprintf(guss, sizeof(guss), "{\"guss\":{\"bsfInfo\":{\"uiccType\":\"%s\"},\"ussList\":[{\"uss\":{\"gsId\":7,\"gsType\":0,\"ueIds\":"
			 "[{\"ueId\":\"x\"}]}},{\"uss\":{\"gsId\":1000001,\"gsType\":0,\"ueIds\":[{\"ueId\":\"x\"}]%s}}]}}",
			 row[i].in_card ? "GBA_U" : "GBA", text);
		bootstrap(guss, 0);
		assert_int_equal(zn("maf.sp.example", row[i].aware ? ASK(BTID, "maf.sp.example", ",\"gbaUAware\":true") :
				    ASK(BTID, "maf.sp.example", "")), row[i].status);
		assert_int_equal(g.a.parcel.n_fills, row[i].keys);
		/* who takes them sees what is wanted */
		assert_int_equal(row[i].status == 200 && row[i].choice[0], !!memmem(g.content, g.a.content.n, "keyChoice", 9));
		if (row[i].status != 200) {
			/* the other service is had, and a word of the first is not said with it */
			assert_int_equal(zn("maf.sp.example", ASK(BTID, "maf.sp.example", ",\"gsIds\":[1000001,7]")), 200);
			assert_int_equal(g.a.parcel.n_fills, 1);
			assert_null(memmem(g.content, g.a.content.n, "1000001", 7));
		}
		assert_int_equal(mst_store_begin(g.store), 0);
		assert_int_equal(mst_store_gba_flush(g.store, NULL, &n), 0);
		assert_int_equal(mst_store_commit(g.store), 0);
		assert_int_equal(n, 1);
	}
}

/* Who has those can send nodes anywhere: a NAF whose certificate happens to have the name is not thereby the trigger server. */
static void keys_of_triggers_are_for_whom_they_were_given_to(void **state)
{
#define CALL(naf) "{\"btId\":\"" BTID "\",\"nafId\":{\"nafFqdn\":\"" naf "\",\"uaSecProtId\":\"FF00000001\"}}"
	(void)state;
	bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
	MST_STR_SET(g.conf.gba.trigger_naf, "maf.sp.example");
	assert_int_equal(zn("maf.sp.example", CALL("Maf.sp.example")), 403);
	assert_int_equal(g.a.parcel.n_fills, 0);
	assert_int_equal(zn("maf.sp.example", ASK(BTID, "maf.sp.example", "")), 200);
	/* bsf.nafs.names has it: somebody meant it */
	MST_STR_SET(g.conf.gba.trigger_naf, "in-cse.sp.example");
	assert_int_equal(zn("maf.sp.example", CALL("in-cse.sp.example")), 200);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest t[] = { T(the_worked_values), T(more_keys_than_the_keeper_lets_go), T(what_an_hss_may_say), T(an_hss_that_gives_vectors_of_another_kind),
					T(what_ends_by_the_clock), T(lock_out_ends_by_time), T(a_stranger_keeps_nobody_out),
					T(a_store_that_fails), T(which_naf_has_a_key_for_whom), T(who_hears_the_private_identity), T(who_comes_second_asks_nobody),
				       T(keys_of_triggers_are_for_whom_they_were_given_to),
				       T(which_of_the_two_keys_the_settings_let_go) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
