/* Everything that a BSF must not take. */
#include "proto/gba/test-world.h"

/* --- what a BSF does not take --- */

#define AUTH(user, rlm, nonce, uri, rest) "Digest username=\"" user "\", realm=\"" rlm "\", nonce=\"" nonce "\", uri=\"" uri "\"" rest
#define FIRST AUTH(IMPI, BSF, "", "/", ", response=\"\"")

static void requests_that_are_none(void **state)
{
	static const struct { const char *text; int status; const char *field; enum gba_ask_kind kind; } row[] = {
		{ "GET / HTTP/1.1\r\nAuthorization: " FIRST "\r\n\r\n", 0, "", GBA_ASK_FIRST },
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, "", GBA_ASK_ANONYMOUS },
		{ "POST / HTTP/1.1\r\nAuthorization: " FIRST "\r\n\r\n", 405, "method", 0 },
		{ "GET / HTTP/1.1\r\nAuthorization: " FIRST "\r\nAuthorization: " FIRST "\r\n\r\n", 400, "Authorization", 0 },
		{ "GET / HTTP/1.1\r\nAuthorization: Basic eA==\r\n\r\n", 400, "header", 0 },
		{ "GET /x HTTP/1.1\r\nAuthorization: " FIRST "\r\n\r\n", 400, "uri", 0 },
		{ "GET / HTTP/1.1\r\nAuthorization: " AUTH(IMPI, "other", "", "/", ", response=\"\"") "\r\n\r\n", 400, "realm", 0 },
		{ "GET / HTTP/1.1\r\nAuthorization: " AUTH("a b", BSF, "", "/", ", response=\"\"") "\r\n\r\n", 400, "username", 0 },
		{ "GET / HTTP/1.1\r\nAuthorization: " AUTH("7g8A0RHDuCXlCTm8IzQ29xYou4F13lIQ@tmpi.bsf.3gppnetwork.org", BSF, "", "/", ", response=\"\"") "\r\n\r\n",
		  0, "tmpi", GBA_ASK_FIRST },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		static struct message x;
		struct gba_ask a;
		struct mst_diag d = { 0 };
		int status = 0, r;

		split(&x, mst_view_str(row[i].text));
		r = gba_ask_read(&x.m, BSF, &a, &status, &d);
		assert_int_equal(r, row[i].status ? GBA_BAD : 0);
		if (r) {
			assert_int_equal(status, row[i].status);
			assert_string_equal(d.field, row[i].field);
		} else {
			assert_int_equal(a.kind, row[i].kind);
			assert_int_equal(a.with_tmpi, !strcmp(row[i].field, "tmpi"));
		}
	}
}

/* A right answer to a challenge that stands, ready to be changed. */
static struct world *answered(struct gba_ask *a)
{
	struct world *w = world_new();
	struct mst_diag d = { 0 };
	int status;

	start(w);
	assert_true(step(w) && step(w));
	split(&w->request, gba_ue_request(&w->ue));
	assert_int_equal(gba_ask_read(&w->request.m, BSF, a, &status, &d), 0);
	assert_int_equal(a->kind, GBA_ASK_RESPONSE);
	return w;
}

enum tamper { T_NONE, T_NONCE, T_USER, T_REALM, T_OPAQUE, T_NO_ALGORITHM, T_ALGORITHM, T_QOP, T_NC, T_URI, T_CNONCE, T_RESPONSE, T_BODY, T_FIRST, T_LATE, T_USED,
	      T_AUTS, T__COUNT };
static const struct { const char *what, *field; enum gba_judgement want; enum gba_run_state then; } bsf_row[T__COUNT] = {
	[T_NONE] = { "nothing", "", GBA_JUDGE_GRANTED, GBA_RUN_GRANTED },
	[T_NONCE] = { "another nonce", "nonce", GBA_JUDGE_MISMATCH, GBA_RUN_OPEN },
	[T_USER] = { "another name", "username", GBA_JUDGE_MISMATCH, GBA_RUN_OPEN },
	[T_REALM] = { "another realm", "realm", GBA_JUDGE_MISMATCH, GBA_RUN_OPEN },
	[T_OPAQUE] = { "another opaque", "opaque", GBA_JUDGE_MISMATCH, GBA_RUN_OPEN },
	[T_NO_ALGORITHM] = { "no algorithm, which may be", "", GBA_JUDGE_GRANTED, GBA_RUN_GRANTED },
	[T_ALGORITHM] = { "another algorithm", "algorithm", GBA_JUDGE_MISMATCH, GBA_RUN_OPEN },
	[T_QOP] = { "another qop", "qop", GBA_JUDGE_MISMATCH, GBA_RUN_OPEN },
	[T_NC] = { "another nc", "nc", GBA_JUDGE_MISMATCH, GBA_RUN_OPEN },
	[T_URI] = { "another uri", "", GBA_JUDGE_WRONG, GBA_RUN_OPEN },
	[T_CNONCE] = { "another cnonce", "", GBA_JUDGE_WRONG, GBA_RUN_OPEN },
	[T_RESPONSE] = { "a wrong RES", "", GBA_JUDGE_WRONG, GBA_RUN_OPEN },
	[T_BODY] = { "a body that was not hashed", "", GBA_JUDGE_WRONG, GBA_RUN_OPEN },
	[T_FIRST] = { "no answer at all", "nonce", GBA_JUDGE_MISMATCH, GBA_RUN_OPEN },
	[T_LATE] = { "too late", "", GBA_JUDGE_STALE, GBA_RUN_OPEN },
	[T_USED] = { "a nonce that was used up", "", GBA_JUDGE_STALE, GBA_RUN_SPENT },
	/* the response with RES is not the one that goes with AUTS */
	[T_AUTS] = { "AUTS put beside an answer", "", GBA_JUDGE_WRONG, GBA_RUN_OPEN },
};

static void tamper(struct world *w, struct gba_ask *a, enum tamper t)
{
	struct gba_authorization *z = &a->auth;

	switch (t) {
	case T_NONCE: z->nonce = MST_VIEW_LIT("x"); break;
	case T_USER: z->username = MST_VIEW_LIT("other@x"); break;
	case T_REALM: z->realm = MST_VIEW_LIT("x"); break;
	case T_OPAQUE: z->opaque = MST_VIEW_LIT("x"); break;
	case T_NO_ALGORITHM:
		z->has_algorithm = false;
		z->algorithm = GBA_MD5;              /* what the reader makes of it */
		break;
	case T_ALGORITHM: z->algorithm = GBA_MD5; break;
	case T_QOP: z->qop = GBA_QOP_AUTH; break;
	case T_NC: z->nc = MST_VIEW_LIT("00000002"); break;
	case T_URI: z->uri = MST_VIEW_LIT("/x"); break;
	case T_CNONCE: z->cnonce = MST_VIEW_LIT("x"); break;
	case T_RESPONSE: z->response = MST_VIEW_LIT("00000000000000000000000000000000"); break;
	case T_BODY: a->body = MST_VIEW_LIT("x"); break;
	case T_FIRST: a->kind = GBA_ASK_FIRST; break;
	case T_LATE: w->now += GBA_RUN_SECONDS; break;
	case T_USED: w->run.state = GBA_RUN_SPENT; break;
	case T_AUTS: a->kind = GBA_ASK_RESYNC; break;
	case T_NONE: case T__COUNT: break;
	}
}

static void answers_that_are_none(void **state)
{
	(void)state;
	for (enum tamper t = T_NONE; t < T__COUNT; t++) {
		struct gba_ask a;
		struct world *w = answered(&a);
		struct gba_run before = w->run;
		enum gba_judgement j;
		struct mst_diag d = { 0 };

		tamper(w, &a, t);
		j = judge(w, &a, &d);
		if (j != bsf_row[t].want)
			print_message("# %s: %s\n", bsf_row[t].what, gba_judgement_text(j));
		assert_int_equal(j, bsf_row[t].want);
		assert_int_equal(w->run.state, bsf_row[t].then);
		assert_string_equal(d.field, bsf_row[t].field);
		before.state = w->run.state;
		if (j != GBA_JUDGE_GRANTED)
			assert_memory_equal(&before, &w->run, sizeof(before));
		/* anybody can guess: the right one is taken after a wrong one */
		if (j == GBA_JUDGE_WRONG) {
			struct world *again = answered(&a);

			j = judge(w, &a, &d);
			assert_int_equal(j, GBA_JUDGE_GRANTED);
			world_free(again);
		}
		world_free(w);
	}
}

/* After success another answer with the same nonce, right or wrong, gets nothing. */
static void a_nonce_is_good_once(void **state)
{
	struct gba_ask a;
	struct world *w = answered(&a);
	struct gba_ask other = a;
	enum gba_judgement j;

	(void)state;
	j = judge(w, &a, NULL);
	assert_int_equal(j, GBA_JUDGE_GRANTED);
	other.auth.cnonce = MST_VIEW_LIT("another");
	j = judge(w, &other, NULL);
	assert_int_equal(j, GBA_JUDGE_STALE);
	other = a;
	other.auth.response = MST_VIEW_LIT("00000000000000000000000000000000");
	j = judge(w, &other, NULL);
	assert_int_equal(j, GBA_JUDGE_STALE);
	other = a;
	other.kind = GBA_ASK_RESYNC;
	j = judge(w, &other, NULL);
	assert_int_equal(j, GBA_JUDGE_STALE);
	j = judge(w, &a, NULL);
	assert_int_equal(j, GBA_JUDGE_REPEATED);
	world_free(w);
}

static void forged_auts(void **state)
{
	struct world *w = world_new();

	(void)state;
	aka_usim_accept(&w->card, 0x777776);
	start(w);
	assert_true(step(w));
	{
		struct gba_card_answer a = { .auts = { 1, 2, 3 } };
		uint64_t before = w->last;

		gba_ue_card(&w->ue, GBA_CARD_SYNC, &a, cnonce, 0);
		assert_true(step(w));
		assert_int_equal(w->answer.m.status, 403);
		assert_int_equal(w->last, before);
		assert_int_equal(w->run.state, GBA_RUN_OPEN);
		assert_int_equal(w->ue.failure, GBA_FAIL_REFUSED);
	}
	world_free(w);
}

/* A UE that goes on asking for another vector costs the HSS two and no more. */
static void resynchronisations_have_a_limit(void **state)
{
	(void)state;
	for (unsigned done_before = 0; done_before <= GBA_RESYNCS_MAX; done_before++) {
		struct world *w = world_new();
		struct gba_ask a;
		enum gba_judgement j;
		struct mst_diag d = { 0 };
		int status;

		w->rc.resyncs = done_before;
		aka_usim_accept(&w->card, 0x777776);
		start(w);
		assert_true(step(w) && step(w));
		split(&w->request, gba_ue_request(&w->ue));
		assert_int_equal(gba_ask_read(&w->request.m, BSF, &a, &status, &d), 0);
		assert_int_equal(a.kind, GBA_ASK_RESYNC);
		j = judge(w, &a, &d);
		assert_int_equal(j, done_before < GBA_RESYNCS_MAX ? GBA_JUDGE_RESYNC : GBA_JUDGE_RESYNC_LIMIT);
		assert_int_equal(w->run.state, done_before < GBA_RESYNCS_MAX ? GBA_RUN_OPEN : GBA_RUN_SPENT);
		assert_string_equal(gba_judgement_text(GBA_JUDGE_RESYNC_LIMIT), "resynchronisation-limit");
		world_free(w);
	}
}

static void sessions_end(void **state)
{
	static const struct { int64_t asked, given; } row[] = { { 0, GBA_LIFETIME_MIN }, { -5, GBA_LIFETIME_MIN }, { 86400, 86400 }, { INT64_MAX, GBA_LIFETIME_MAX } };
	struct gba_ask a;
	struct world *w = answered(&a);
	struct gba_naf_keys k;

	(void)state;
	assert_int_equal(judge(w, &a, NULL), GBA_JUDGE_GRANTED);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		assert_true(gba_session_open(&w->run, BSF, row[i].asked, NOW, &w->session));
		assert_int_equal(w->session.expires, NOW + row[i].given);
	}
	assert_false(gba_session_open(&w->run, "no name", 60, NOW, &w->session));
	open_session(w, 60);
	assert_int_equal(gba_naf_keys_make(c, w->ks, w->session.rnd, mst_view_str(IMPI), MST_VIEW_LIT("maf.example.com"), false, &k), GBA_BAD);
	assert_int_equal(k.me.n, 0);
	world_free(w);
}

static void what_cannot_be_opened(void **state)
{
	static const struct gba_ask first = { .kind = GBA_ASK_FIRST, .auth = { .username = MST_VIEW_LIT(IMPI) } };
	struct world *w = world_new();
	struct aka_vector v = vector(w);
	uint8_t b[GBA_AV_MAX + 1] = { 0 };
	struct gba_av av;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct gba_run_config rc = w->rc;
		struct gba_ask a = first;

		if (i == 2)
			rc.algorithm = GBA_MD5;
		if (i == 3)
			a.kind = GBA_ASK_ANONYMOUS;
		assert_int_equal(gba_run_open(&rc, v.rnd, v.autn, i == 1 ? "" : IMPI, &a, opaque, NOW, &w->run), i ? GBA_BAD : 0);
	}
	for (size_t n = 0; n <= sizeof(b); n++)
		assert_int_equal(gba_av_read((struct mst_view){ b, n }, &av), n >= 36 && n <= 64);
	world_free(w);
}

static void answers_that_do_not_fit(void **state)
{
	struct gba_ask a;
	struct world *w = answered(&a);
	uint8_t room[900];

	(void)state;
	assert_int_equal(judge(w, &a, NULL), GBA_JUDGE_GRANTED);
	open_session(w, 60);
	for (size_t cap = 0; cap <= sizeof(room); cap += 50) {
		struct mst_writer out = mst_writer_of(room, cap);

		assert_int_equal(gba_put_200(c, &w->run, &w->av, &w->session, &a, NULL, true, NOW, &out), 0);
		assert_false(out.ok);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(requests_that_are_none), cmocka_unit_test(answers_that_are_none), cmocka_unit_test(a_nonce_is_good_once),
		cmocka_unit_test(forged_auts), cmocka_unit_test(resynchronisations_have_a_limit), cmocka_unit_test(sessions_end), cmocka_unit_test(what_cannot_be_opened),
		cmocka_unit_test(answers_that_do_not_fit),
	};

	c = mst_crypto_openssl();
	return cmocka_run_group_tests(t, NULL, NULL);
}
