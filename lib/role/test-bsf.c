/*
 * Role bsf with the real keeper over a real store: what an HSS may answer, what strangers may do, what ends by the clock, what a store
 * that fails leaves behind. The wire is tests/scenario/test_bsf.py's.
 */
#include "role/test-bsf-rig.h"

#include <stdio.h>

#include "base/text.h"
#include "role/bsf/bsf.h"
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
	assert_int_equal(mst_channel_open(&g.zn, g.c, MST_USE_NAF_KEYS, &g.a.parcel.sealed, &got), 0);
	assert_true(mst_hex_decode(MST_VIEW_LIT("78f2b6a4ad54d801e18bf8307636d04558cf2f83a6bf1f88a1d75a70a4550ec0"), want, sizeof(want), &n));
	assert_memory_equal(got.b, want, 32);
	assert_int_equal(got.n, 32);
	/* in GBA context the card gets AUTN*, and a NAF that can do with both keys has them */
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("\"uiccType\":\"GBA_U\"", ""), 1), 401);
	assert_null(strstr(g.a.headers, "VfMotDV3ublKn/rDVN+vsw"));
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
		g.now += BSF_HELD_S;
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
		g.now += BSF_HELD_S;
	}
	assert_int_equal(sessions(), 0);
	/* RAND again while the session of it lasts */
	bootstrap(GUSS("", ""), 0);
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 503);
	assert_int_equal(sessions(), 1);
}

static int briefed(void *arg, const struct mst_briefing *b)
{
	(void)b;
	++*(int *)arg;
	return 0;
}

/* What is kept of a stranger's questions is bounded for a subscriber, and not for each spelling of its realm. */
static void briefings_of_one(void **state)
{
	static const char *const name[] = { IMPI, "001010000000001@IMS.mnc001.mcc001.3gppnetwork.org" };
	char first[400];
	int n = 0;

	(void)state;
	for (uint8_t i = 0; i < BSF_BRIEFINGS_OF_ONE + 2; i++) {
		g.name = name[i % 2];
		g.now++;
		snprintf(first, sizeof(first), "Digest username=\"%s\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\"", g.name);
		assert_int_equal(ub(first), -1);
		assert_int_equal(hss(GUSS("", ""), i), 401);
		assert_int_equal(ub(answer(NULL)), 200);
	}
	assert_int_equal(mst_store_briefing_list(g.store, &(struct mst_briefing_filter){ .limit = 100 }, briefed, &n), 0);
	assert_int_equal(n, BSF_BRIEFINGS_OF_ONE);
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
		g.now += BSF_HELD_S;
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
	g.now += 43200;                        /* half of bsf.lifetime */
	assert_int_equal(ub(late), -1);
	assert_int_equal(hss(GUSS("\"lifeTime\":600", ""), 1), 401);
	assert_non_null(strstr(g.a.headers, "stale=true"));
	snprintf(late, sizeof(late), "%s", answer(NULL));
	assert_int_equal(ub(late), 200);
	/* the same answer again has the same session for as long as bsf.challenge_lifetime says */
	g.now += 59;
	assert_int_equal(ub(late), 200);
	assert_int_equal(sessions(), 1);
	g.now -= 59;
	/* min(GUSS, setting) */
	assert_int_equal(mst_store_gba_session_get(g.store, "IlU8vpY3qJ0hiuZNrke/NQ==@" BSF, &s), 0);
	assert_int_equal(s.session.expires, g.now + 600);
	assert_int_equal(zn("maf.sp.example", ASK("IlU8vpY3qJ0hiuZNrke/NQ==@" BSF, "maf.sp.example", "")), 200);
	bootstrap(GUSS("\"lifeTime\":9999999", ""), 2);
	assert_int_equal(mst_store_gba_session_get(g.store, "IVU8vpY3qJ0hiuZNrke/NQ==@" BSF, &s), 0);
	assert_int_equal(s.session.expires, g.now + 86400);
	/* however little a foreign HSS says */
	bootstrap(GUSS("\"lifeTime\":5", ""), 3);
	assert_int_equal(mst_store_gba_session_get(g.store, "IFU8vpY3qJ0hiuZNrke/NQ==@" BSF, &s), 0);
	assert_int_equal(s.session.expires, g.now + 5);
	g.now += 600;
	assert_int_equal(zn("maf.sp.example", ASK("IlU8vpY3qJ0hiuZNrke/NQ==@" BSF, "maf.sp.example", "")), 404);
	assert_true(g.a.event_only);         /* a stranger at the NAF can bring it about */
	e = bsf_env();
	assert_int_equal(mst_store_begin(g.store), 0);
	assert_int_equal(mst_role_bsf.clock(&e, &c), 0);
	assert_int_equal(mst_store_commit(g.store), 0);
	assert_int_equal(sessions(), 1);
	assert_false(challenge_kept(NONCE));
	/* its vector once more: wrong of the HSS, and the card would not take it, but nothing of it is in use any more */
	bootstrap(GUSS("", ""), 1);
	assert_int_equal(sessions(), 2);
}

static void guess(int times)
{
	for (int i = 0; i < times; i++) {
		assert_int_equal(ub(FIRST), 401);
		assert_int_equal(ub(answer("guess")), 403);
	}
}

static void lock_out_ends_by_time(void **state)
{
	(void)state;
	g.res_n = 7;                           /* whoever may go on guessing finds it in the end */
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 10), 401);
	guess(3);
	assert_int_equal(ub(FIRST), 403);
	assert_int_equal(g.a.retry_after, 300);
	g.now += 299;
	assert_int_equal(ub(FIRST), 403);
	g.now += 1;
	/* and what was wrong before does not count any more; a right answer clears what counts */
	guess(2);
	assert_int_equal(ub(FIRST), 401);
	assert_int_equal(ub(answer(NULL)), 200);
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 40), 401);
	guess(2);
	/* switched off */
	g.conf.gba.lock_after = 0;
	guess(9);
	assert_int_equal(ub(FIRST), 401);
	assert_int_equal(ub(answer(NULL)), 200);
}

static void from(int i)
{
	static char address[40];

	if (i & 1)
		snprintf(address, sizeof(address), "192.0.2.%d:41000", i % 250);
	else
		snprintf(address, sizeof(address), "[2001:db8:1:%x::1]:5", (unsigned)i);
	g.from = address;
}

/* From however many addresses: the subscriber's next vector costs the HSS one, and waits for it. */
static void a_stranger_uses_up_one_vector(void **state)
{
	static const struct mst_fetch_result no = { .end = MST_FETCH_REFUSED };

	(void)state;
	g.conf.gba.lock_after = 5;
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 60), 401);
	for (int i = 0; i < 120; i++) {
		from(i);
		assert_int_equal(ub(FIRST), 401);
		assert_false(g.a.event_only);         /* nothing is told that there must be room for */
		if (i % 3 == 0)
			assert_int_equal(ub(answer("guess")), 403);
		if (i % 3 == 1) {
			assert_int_equal(ub(forged_auts()), -1);
			assert_true(g.a.fetch.resync);
			assert_int_equal(turn(&mst_role_bsf, &no), 403);
		}
		g.now += 240;                  /* more than any challenge waits for its answer */
	}
	/* the subscriber, at last: it gets that challenge and answers it */
	g.from = "198.51.100.1:9";
	assert_int_equal(ub(FIRST), 401);
	assert_int_equal(ub(answer(NULL)), 200);
	assert_int_equal(sessions(), 1);
	/* and the next one is as new as ever */
	assert_int_equal(ub(FIRST), -1);
}

/* At the same time: what another one's question has brought meanwhile is everybody's, whatever the own one brings. */
static void one_vector_for_all_who_ask_at_once(void **state)
{
	static const struct mst_fetch_result busy = { .end = MST_FETCH_BUSY, .retry_after = 10 };

	(void)state;
	for (int i = 0; i < 40; i++) {
		from(i);
		assert_int_equal(ub(FIRST), -1);
	}
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	for (int i = 1; i < 40; i++) {
		from(i);
		assert_int_equal(ub(FIRST), 401);
		assert_non_null(strstr(g.a.headers, "nonce=\"" NONCE "\""));
		/* its fetch was under way: a vector of its own is not kept, none is no reason to refuse */
		if (i & 1)
			assert_int_equal(hss(GUSS("", ""), (uint8_t)i), 401);
		else
			assert_int_equal(turn(&mst_role_bsf, &busy), 401);
		assert_non_null(strstr(g.a.headers, "nonce=\"" NONCE "\""));
	}
	assert_int_equal(ub(answer(NULL)), 200);
}

/* Its name is the asker's: who asked first, by IMPI, does not decide how the subscriber calls itself. */
static void whose_name_stands_in_the_answer(void **state)
{
	static const char tmpi[] = "7g8A0RHDuCXlCTm8IzQ29xYou4F13lIQ@tmpi.bsf.3gppnetwork.org";
	static const char *const first = "Digest username=\"7g8A0RHDuCXlCTm8IzQ29xYou4F13lIQ@tmpi.bsf.3gppnetwork.org\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\"";
	struct mst_gba_tmpi t = { .impi = IMPI, .made = NOW };

	(void)state;
	MST_STR_SET(t.tmpi, tmpi);
	assert_int_equal(mst_store_begin(g.store), 0);
	assert_int_equal(mst_store_gba_tmpi_put(g.store, &t), 0);
	assert_int_equal(mst_store_commit(g.store), 0);
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	assert_int_equal(ub(first), 401);
	g.name = "somebody@else";
	assert_int_equal(ub(answer(NULL)), 403);
	assert_int_equal(ub(first), 401);
	g.name = tmpi;
	assert_int_equal(ub(answer(NULL)), 200);
}

/* A genuine AUTS brings a vector in place of the one before, and is good once. */
static void a_card_that_is_ahead(void **state)
{
	static struct mst_gba_run was;
	char text[sizeof(g.text)];

	(void)state;
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	snprintf(text, sizeof(text), "%s", forged_auts());
	assert_int_equal(ub(text), -1);
	assert_true(g.a.fetch.resync);
	assert_int_equal(hss(GUSS("", ""), 1), 401);
	assert_null(strstr(g.a.headers, "nonce=\"" NONCE "\""));
	assert_int_equal(mst_store_gba_run_get(g.store, NONCE, &was), 0);
	assert_true(was.run.state == GBA_RUN_SPENT && was.run.until == g.now + 60);
	/* again, by whoever has seen it: that one waits already */
	assert_int_equal(ub(text), 401);
	assert_null(strstr(g.a.headers, "nonce=\"" NONCE "\""));
	assert_non_null(strstr(g.a.headers, "stale=true"));
	assert_int_equal(ub(answer(NULL)), 200);
}

static int change(void *arg, const struct mst_wrapped_row *r)
{
	*(struct mst_wrapped_row *)arg = *r;
	return 1;
}

/* After a store was brought back beside another keeper, say: who cannot be judged is not told for hours that he is wrong. */
static void a_vector_that_cannot_be_opened(void **state)
{
	struct mst_wrapped_row row;

	(void)state;
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	assert_int_equal(mst_store_wrapped_list(g.store, MST_WRAPPED_AV, 0, 1, change, &row), 1);
	row.key.b[row.key.n - 1] ^= 1;
	assert_int_equal(mst_store_begin(g.store), 0);
	assert_int_equal(mst_store_wrapped_put(g.store, MST_WRAPPED_AV, row.row, &row.key), 0);
	assert_int_equal(mst_store_commit(g.store), 0);
	assert_int_equal(ub(answer(NULL)), 503);
	assert_int_equal(g.a.retry_after, 1);
	bootstrap(GUSS("", ""), 1);
}

/* What a vector's settings say is never older than bsf.lifetime, however long it has waited. */
static void what_waited_has_less_before_it(void **state)
{
	static struct mst_gba_session s;

	(void)state;
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	g.now += 43199;
	assert_int_equal(ub(FIRST), 401);
	assert_int_equal(ub(answer(NULL)), 200);
	assert_int_equal(mst_store_gba_session_get(g.store, BTID, &s), 0);
	assert_int_equal(s.session.expires, NOW + 86400 + 60);
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 1), 401);
	g.now += 43200;
	assert_int_equal(ub(FIRST), -1);
}

/* Answers that are wrong count where they come from: there nothing is taken for a while, elsewhere it is. */
static void a_stranger_keeps_nobody_out(void **state)
{
	static const char *const same[] = { "[2001:db8:1:2::1]:5", "[2001:db8:1:2:ffff::9%eth0]:77" }, *const other[] = { "192.0.2.7:41000", "[2001:db8:1:3::1]:5" };

	(void)state;
	g.res_n = 4;
	g.from = same[0];
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 80), 401);
	for (uint8_t i = 0; i < 3; i++) {
		assert_int_equal(ub(FIRST), 401);
		assert_int_equal(ub(answer("guess")), 403);
	}
	assert_int_equal(ub(FIRST), 403);
	g.from = other[0];
	assert_int_equal(ub(FIRST), 401);
	assert_int_equal(ub(answer(NULL)), 200);
	g.from = other[1];
	bootstrap(GUSS("", ""), 91);
	g.from = same[1];
	assert_int_equal(ub(FIRST), 403);
	g.from = NULL;
}

/*
 * Who knows an IMSI and shares the subscriber's address (a network that translates addresses) cannot keep it out by answers that are wrong: RES
 * of 8 octets is found by nobody. What costs the HSS waits all the same.
 */
static void a_neighbour_keeps_nobody_out(void **state)
{
	struct mst_gba_lock l;

	(void)state;
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	guess(3);
	/* more of them bring no events that there must be room for, and no longer time */
	g.now += 100;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ub(FIRST), 401);
		assert_int_equal(ub(answer("guess")), 403);
		assert_int_equal(g.a.retry_after, 200);
		assert_true(g.a.event_only);
	}
	assert_int_equal(mst_store_gba_lock_get(g.store, IMPI, "", &l), 0);
	assert_true(l.wrong == 3 && l.until == NOW + 300);
	assert_int_equal(ub(FIRST), 401);
	assert_int_equal(ub(forged_auts()), 403);
	assert_int_equal(g.a.retry_after, 200);
	/* the subscriber */
	assert_int_equal(ub(FIRST), 401);
	assert_int_equal(ub(answer(NULL)), 200);
	assert_int_equal(mst_store_gba_lock_get(g.store, IMPI, "", &l), MST_STORE_NONE);
	/* and with no challenge that waits there is no new one meanwhile */
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 1), 401);
	g.now += 43100;
	guess(3);
	g.now += 101;
	assert_int_equal(ub(FIRST), 403);
	assert_int_equal(g.a.retry_after, 199);
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

static int lost(struct mst_store *s, const struct gba_run *r)
{
	(void)s;
	(void)r;
	return MST_STORE_NONE;
}

/* Two engines have the same answer in hand, and the other one was faster: this one gives nothing. */
static void who_comes_second_has_nothing(void **state)
{
	const struct mst_store_ops *as_it_is = g.store->ops;
	struct mst_store_ops second = *as_it_is;

	(void)state;
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	second.gba_run_settle = lost;
	g.store->ops = &second;
	assert_int_equal(ub(answer(NULL)), 403);
	assert_int_equal(sessions(), 0);
	g.store->ops = as_it_is;
	assert_int_equal(ub(g.text), 200);
}

/* The realm of an IMPI is a domain name: in whichever case it is said, it is this subscriber, with one challenge and one count of guesses. */
static void one_subscriber_however_its_realm_is_written(void **state)
{
	static const char shouted[] = "001010000000001@IMS.mnc001.MCC001.3gppnetwork.org";
	static const char first[] = "Digest username=\"001010000000001@IMS.mnc001.MCC001.3gppnetwork.org\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\"";
	static const char other[] = "Digest username=\"a" IMPI "\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\"";
	static const char shouted_other[] = "Digest username=\"A" IMPI "\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\"";
	static struct mst_gba_session s;

	(void)state;
	g.res_n = 7;
	/* the HSS is asked as it was said, whatever that tells it */
	assert_int_equal(ub(first), -1);
	assert_string_equal(g.a.fetch.ue_id, shouted);
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	assert_int_equal(ub(FIRST), 401);
	assert_non_null(strstr(g.a.headers, "nonce=\"" NONCE "\""));
	assert_int_equal(ub(answer("guess")), 403);
	g.name = shouted;
	assert_int_equal(ub(first), 401);
	assert_int_equal(ub(answer("guess")), 403);
	g.name = NULL;
	assert_int_equal(ub(FIRST), 401);
	assert_int_equal(ub(answer("guess")), 403);
	assert_int_equal(ub(first), 403);
	assert_int_equal(g.a.retry_after, 300);
	g.now += 300;
	/* the keys are derived of the name that the one has who has answered */
	assert_int_equal(ub(first), 401);
	assert_int_equal(ub(answer(NULL)), 200);
	assert_int_equal(mst_store_gba_session_get(g.store, BTID, &s), 0);
	assert_string_equal(s.session.impi, IMPI);
	assert_int_equal(ub(g.text), 200);           /* lost on its way, and said again */
	assert_int_equal(sessions(), 1);
	/* before the @ it is another one */
	assert_int_equal(ub(other), -1);
	assert_int_equal(hss(GUSS("", ""), 1), 401);
	assert_int_equal(ub(shouted_other), -1);
}

/* A vector that came and is lost has cost the HSS a number: the same question again does not cost it another one at once. */
static void a_vector_that_cannot_be_used_is_not_asked_for_again(void **state)
{
	static const char shouted[] = "Digest username=\"001010000000001@IMS.mnc001.mcc001.3gppnetwork.org\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\"";
	static const char other[] = "Digest username=\"a" IMPI "\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\"";
	struct mst_fetch_result f;

	(void)state;
	for (int i = 0; i < 9; i++, g.now += 3600) {
		from(i);
		assert_int_equal(ub(FIRST), -1);
		f = from_hss(i == 0 ? "" : i == 1 ? "{\"guss\":7}" : GUSS("", ""), 0);
		if (i == 2)
			f.xres_n = 3;
		if (i == 3)
			f.key.b[f.key.n - 1] ^= 1;
		if (i == 4)
			g.conf.gba.amf_any = false;
		if (i > 4)                   /* the connector says what it was: not to be read, or with settings that do not come */
			f = (struct mst_fetch_result){ .end = i == 5 ? MST_FETCH_MALFORMED : i == 6 ? MST_FETCH_BUSY : i == 7 ? MST_FETCH_REFUSED :
					MST_FETCH_UNTRUSTED, .xres_n = i == 5 ? 0 : 8, .retry_after = i == 6 ? 600 : 0 };
		assert_int_equal(turn(&mst_role_bsf, &f), i == 7 ? 403 : 503);
		g.conf.gba.amf_any = true;
		/* from wherever, in whatever spelling */
		from(i + 100);
		assert_int_equal(ub(FIRST), 503);
		assert_int_equal(g.a.retry_after, 10);
		assert_true(g.a.event_only);
		g.now += 9;
		assert_int_equal(ub(shouted), 503);
		assert_int_equal(g.a.retry_after, 1);
		assert_int_equal(ub(other), -1);
		g.now += 1;
		assert_int_equal(ub(FIRST), -1);
	}
	/* RAND again while the session of it lasts */
	bootstrap(GUSS("", ""), 0);
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 503);
	assert_int_equal(ub(FIRST), 503);
	/* a clock that was set back is no reason to refuse */
	g.now -= 1;
	assert_int_equal(ub(FIRST), -1);
	g.from = NULL;
}

/* An HSS that gave no vector may be asked again: it is the HSS's to say for how long it has none. */
static void what_cost_no_vector_may_be_asked_for_again(void **state)
{
	static const enum mst_fetch_end end[] = { MST_FETCH_UNKNOWN, MST_FETCH_REFUSED, MST_FETCH_BUSY, MST_FETCH_UNREACHABLE, MST_FETCH_UNTRUSTED };
	struct mst_fetch_result f;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(end); i++) {
		assert_int_equal(ub(FIRST), -1);
		f = (struct mst_fetch_result){ .end = end[i] };
		assert_int_equal(turn(&mst_role_bsf, &f), end[i] == MST_FETCH_UNKNOWN || end[i] == MST_FETCH_REFUSED ? 403 : 503);
	}
	assert_int_equal(ub(FIRST), -1);
}

/* A genuine AUTS that somebody says again costs no more than a first message; another one is another question, and nobody else's matter. */
static void an_unusable_vector_after_an_auts(void **state)
{
	char text[sizeof(g.text)], *at;

	(void)state;
	assert_int_equal(ub(FIRST), -1);
	assert_int_equal(hss(GUSS("", ""), 0), 401);
	snprintf(text, sizeof(text), "%s", forged_auts());
	assert_int_equal(ub(text), -1);
	assert_int_equal(hss("", 1), 503);
	from(1);
	assert_int_equal(ub(text), 503);
	assert_int_equal(g.a.retry_after, 10);
	/* the challenge waits as before */
	assert_int_equal(ub(FIRST), 401);
	assert_non_null(strstr(g.a.headers, "nonce=\"" NONCE "\""));
	at = strstr(text, "auts=\"A");
	assert_non_null(at);
	at[6] = 'B';
	assert_int_equal(ub(text), -1);
	assert_true(g.a.fetch.resync);
	assert_int_equal(hss(GUSS("", ""), 2), 401);
	/* with a challenge that is over it is a first message, whatever AUTS goes with it */
	assert_int_equal(ub(answer(NULL)), 200);
	assert_int_equal(ub(text), -1);
	assert_false(g.a.fetch.resync);
	assert_int_equal(hss("", 3), 503);
	at[6] = 'C';
	assert_int_equal(ub(text), 503);
	assert_int_equal(ub(FIRST), 503);
	g.from = NULL;
}

/* What is remembered is bounded: what was noted last stays. */
static void many_unusable_vectors(void **state)
{
	char text[300];

	(void)state;
	for (int i = 0; i < BSF_HELD_MAX + 50; i++) {
		snprintf(text, sizeof(text), "Digest username=\"%d%s\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\"", i, IMPI);
		g.now = NOW + i / 300;
		assert_int_equal(ub(text), -1);
		assert_int_equal(hss("", 0), 503);
		assert_int_equal(ub(text), 503);
	}
	snprintf(text, sizeof(text), "Digest username=\"%d%s\", realm=\"" BSF "\", nonce=\"\", uri=\"/\", response=\"\"", 60, IMPI);
	assert_int_equal(ub(text), 503);
	assert_int_equal(ub(FIRST), -1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bsf_up, bsf_down)
	const struct CMUnitTest t[] = {
		T(the_worked_values), T(what_an_hss_may_say), T(briefings_of_one), T(an_hss_that_gives_vectors_of_another_kind), T(what_ends_by_the_clock), T(lock_out_ends_by_time),
		T(a_stranger_uses_up_one_vector), T(one_vector_for_all_who_ask_at_once), T(whose_name_stands_in_the_answer),
		T(a_card_that_is_ahead), T(a_vector_that_cannot_be_opened), T(what_waited_has_less_before_it), T(a_stranger_keeps_nobody_out),
		T(a_neighbour_keeps_nobody_out), T(a_store_that_fails), T(who_comes_second_has_nothing),
		T(one_subscriber_however_its_realm_is_written), T(a_vector_that_cannot_be_used_is_not_asked_for_again),
		T(what_cost_no_vector_may_be_asked_for_again), T(an_unusable_vector_after_an_auts), T(many_unusable_vectors),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
