/* What every database must do for a BSF: each nonce once, sessions until they end, several BSFs beside each other. */
#include "contract.h"

#include <stdio.h>

#include "base/text.h"

#define IMPI "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
#define BSF "bsf.example.com"

static struct mst_store *of(void **state)
{
	return ((struct fix *)*state)->s;
}

static void put_rand(int i, uint8_t out[GBA_RAND])
{
	memset(out, 0, GBA_RAND);
	out[0] = (uint8_t)i;
	out[1] = (uint8_t)(i >> 8);
	out[GBA_RAND - 1] = 7;
}

static struct mst_wrapped make_sealed(int i)
{
	struct mst_wrapped w = { .n = MST_WRAPPED_MAX };

	memset(w.b, i, sizeof(w.b));
	return w;
}

static struct mst_gba_run *make_run(int i)
{
	static struct mst_gba_run r;
	uint8_t raw[GBA_RAND + GBA_AUTN] = { 0 };
	struct mst_writer w = mst_writer_of(r.run.nonce, sizeof(r.run.nonce));

	memset(&r, 0, sizeof(r));
	put_rand(i, r.run.rnd);
	memcpy(raw, r.run.rnd, GBA_RAND);
	mst_put_base64(&w, (struct mst_view){ raw, sizeof(raw) });
	mst_put_nul(&w);
	snprintf(r.run.impi, sizeof(r.run.impi), "%s", IMPI);
	snprintf(r.run.username, sizeof(r.run.username), "tmpi-%d@tmpi.bsf.3gppnetwork.org", i);
	snprintf(r.run.opaque, sizeof(r.run.opaque), "%032x", i);
	r.run.algorithm = GBA_AKAV2_MD5;
	r.run.qop = GBA_QOP_AUTH_INT;
	r.run.in_card = i & 1;
	r.run.tmpi_ue = true;
	r.run.resyncs = GBA_RESYNCS_MAX;
	r.run.until = 1000 + i;
	r.av = make_sealed(i);
	memset(r.guss, 'g', sizeof(r.guss) - 1);
	return &r;
}

static struct mst_gba_session *make_session(int i)
{
	static struct mst_gba_session r;

	memset(&r, 0, sizeof(r));
	put_rand(i, r.session.rnd);
	assert_true(gba_btid_make(r.session.rnd, mst_view_str(BSF), r.session.btid));
	snprintf(r.session.impi, sizeof(r.session.impi), "%s", IMPI);
	r.session.in_card = i & 1;
	r.session.created = 100 + i;
	r.session.expires = 2000 + i;
	r.ks = make_sealed(i);
	snprintf(r.guss, sizeof(r.guss), "{\"guss\":{}}");
	snprintf(r.briefing, sizeof(r.briefing), "%032x", i);
	return &r;
}

static void challenges(void **state)
{
	static struct mst_gba_run a, got;
	struct mst_store *s = of(state);

	a = *make_run(1);
	assert_int_equal(mst_store_gba_run_get(s, a.run.nonce, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_run_settle(s, &a.run), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_run_insert(s, &a), 0);
	assert_int_equal(mst_store_gba_run_insert(s, &a), MST_STORE_EXISTS);
	assert_int_equal(mst_store_gba_run_get(s, a.run.nonce, &got), 0);
	assert_memory_equal(&a, &got, sizeof(a));
	/* one answer for each nonce: whoever settles it first */
	a.run.state = GBA_RUN_GRANTED;
	a.run.until -= 7;
	memset(a.run.username, 0, sizeof(a.run.username));
	snprintf(a.run.username, sizeof(a.run.username), "by-this-name");
	snprintf(a.run.response, sizeof(a.run.response), "%032d", 5);
	memset(a.run.cnonce, 'c', GBA_VALUE_MAX);
	snprintf(a.run.nc, sizeof(a.run.nc), "00000001");
	assert_int_equal(mst_store_gba_run_settle(s, &a.run), 0);
	assert_int_equal(mst_store_gba_run_get(s, a.run.nonce, &got), 0);
	assert_memory_equal(&a, &got, sizeof(a));
	a.run.state = GBA_RUN_SPENT;
	assert_int_equal(mst_store_gba_run_settle(s, &a.run), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_run_get(s, a.run.nonce, &got), 0);
	assert_int_equal(got.run.state, GBA_RUN_GRANTED);
}

static void challenges_wait_where_they_went(void **state)
{
	static struct mst_gba_run r;
	struct mst_store *s = of(state);

	for (int i = 1; i <= MST_GBA_RUNS_OF_ONE + 2; i++) {
		r = *make_run(i);
		snprintf(r.origin, sizeof(r.origin), i == 1 ? "2001:db8::" : "192.0.2.1");
		assert_int_equal(mst_store_gba_run_insert(s, &r), 0);
	}
	/* what comes from elsewhere pushes none of them out */
	assert_int_equal(mst_store_gba_run_get(s, make_run(1)->run.nonce, &r), 0);
	assert_string_equal(r.origin, "2001:db8::");
	assert_int_equal(mst_store_gba_run_get(s, make_run(2)->run.nonce, &r), MST_STORE_NONE);
	/* which one waits: the newest that is open, wherever it went */
	for (int i = MST_GBA_RUNS_OF_ONE + 2; i > 2; i--) {
		struct mst_gba_run want = *make_run(i);

		assert_int_equal(mst_store_gba_run_waiting(s, IMPI, 1000 + i, &r), MST_STORE_NONE);
		assert_int_equal(mst_store_gba_run_waiting(s, IMPI, 999 + i, &r), 0);
		snprintf(want.origin, sizeof(want.origin), "192.0.2.1");
		assert_memory_equal(&want, &r, sizeof(r));
		r.run.state = i & 1 ? GBA_RUN_SPENT : GBA_RUN_GRANTED;
		assert_int_equal(mst_store_gba_run_settle(s, &r.run), 0);
	}
	assert_int_equal(mst_store_gba_run_waiting(s, IMPI, 0, &r), 0);
	assert_string_equal(r.origin, "2001:db8::");
	assert_int_equal(mst_store_gba_run_waiting(s, "somebody", 0, &r), MST_STORE_NONE);
}

/* An HSS that gives a RAND twice: also after the challenge of it is gone, while the session of it lasts. */
static void a_rand_is_good_once(void **state)
{
	struct mst_store *s = of(state);

	assert_int_equal(mst_store_gba_session_insert(s, make_session(1)), 0);
	assert_int_equal(mst_store_gba_run_insert(s, make_run(1)), MST_STORE_EXISTS);
	assert_int_equal(mst_store_gba_run_insert(s, make_run(2)), 0);
	assert_int_equal(mst_store_gba_session_delete(s, make_session(1)->session.btid), 0);
	assert_int_equal(mst_store_gba_run_insert(s, make_run(1)), 0);
}

static int count(void *arg, const struct mst_gba_session *r)
{
	(void)r;
	++*(int *)arg;
	return 0;
}

static int count_of(struct mst_store *s, const char *impi)
{
	int n = 0;

	assert_int_equal(mst_store_gba_session_list(s, impi, "", 0, count, &n), 0);
	return n;
}

static void sessions(void **state)
{
	static struct mst_gba_session a, got;
	struct mst_store *s = of(state);
	int n = 0;

	a = *make_session(1);
	assert_int_equal(mst_store_gba_session_get(s, a.session.btid, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_session_insert(s, &a), 0);
	assert_int_equal(mst_store_gba_session_insert(s, &a), MST_STORE_EXISTS);
	assert_int_equal(mst_store_gba_session_get(s, a.session.btid, &got), 0);
	assert_memory_equal(&a, &got, sizeof(a));
	assert_int_equal(mst_store_gba_session_used(s, a.session.btid, 77), 0);
	assert_int_equal(mst_store_gba_session_used(s, "none", 77), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_session_get(s, a.session.btid, &got), 0);
	assert_int_equal(got.used, 77);
	for (int i = 2; i < 10; i++) {
		assert_int_equal(mst_store_gba_session_insert(s, make_session(i)), 0);
		a = *make_session(100 + i);
		snprintf(a.session.impi, sizeof(a.session.impi), "other-%d", i);
		assert_int_equal(mst_store_gba_session_insert(s, &a), 0);
	}
	/* the newest of a subscriber stay, and nobody else's go */
	assert_int_equal(count_of(s, IMPI), MST_GBA_SESSIONS_OF_ONE);
	assert_int_equal(count_of(s, NULL), MST_GBA_SESSIONS_OF_ONE + 8);
	assert_int_equal(mst_store_gba_session_get(s, make_session(9)->session.btid, &got), 0);
	assert_int_equal(mst_store_gba_session_get(s, make_session(1)->session.btid, &got), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_session_list(s, NULL, "", 3, count, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(mst_store_gba_session_delete(s, make_session(9)->session.btid), 0);
	assert_int_equal(mst_store_gba_session_delete(s, make_session(9)->session.btid), MST_STORE_NONE);
}

/* Of two in the same second it is the later one, whatever they are called. */
static void the_newest_session(void **state)
{
	static const int order[2][2] = { { 1, 2 }, { 2, 1 } };
	static struct mst_gba_session a, got;
	struct mst_store *s = of(state);

	assert_int_equal(mst_store_gba_session_newest(s, IMPI, &got), MST_STORE_NONE);
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 2; k++) {
			a = *make_session(order[i][k] + 10 * i);
			snprintf(a.session.impi, sizeof(a.session.impi), "one-%d", i);
			a.session.created = 500;
			assert_int_equal(mst_store_gba_session_insert(s, &a), 0);
		}
		assert_int_equal(mst_store_gba_session_newest(s, a.session.impi, &got), 0);
		assert_string_equal(a.session.btid, got.session.btid);
		assert_memory_equal(&a.ks, &got.ks, sizeof(a.ks));
		a = *make_session(5 + 10 * i);
		snprintf(a.session.impi, sizeof(a.session.impi), "one-%d", i);
		a.session.created = 499;
		assert_int_equal(mst_store_gba_session_insert(s, &a), 0);
		assert_int_equal(mst_store_gba_session_newest(s, a.session.impi, &got), 0);
		assert_int_equal(got.session.created, 500);
	}
}

static void names_and_guesses(void **state)
{
	struct mst_gba_tmpi t = { .impi = IMPI, .tmpi = "a@tmpi", .made = 5 }, got_t;
	struct mst_gba_lock l = { .impi = IMPI, .wrong = 3, .until = 50, .forget = 60 }, got_l;
	struct mst_store *s = of(state);

	assert_int_equal(mst_store_gba_tmpi_get(s, "a@tmpi", &got_t), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_tmpi_put(s, &t), 0);
	assert_int_equal(mst_store_gba_tmpi_get(s, "a@tmpi", &got_t), 0);
	assert_string_equal(got_t.impi, IMPI);
	snprintf(t.tmpi, sizeof(t.tmpi), "b@tmpi");
	assert_int_equal(mst_store_gba_tmpi_put(s, &t), 0);
	assert_int_equal(mst_store_gba_tmpi_get(s, "a@tmpi", &got_t), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_tmpi_get(s, "b@tmpi", &got_t), 0);
	/* another subscriber's, by chance of one in 2^192 or by somebody's doing */
	snprintf(t.impi, sizeof(t.impi), "other");
	assert_int_equal(mst_store_gba_tmpi_put(s, &t), MST_STORE_EXISTS);
	assert_int_equal(mst_store_gba_lock_get(s, IMPI, NULL, &got_l), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_lock_put(s, &l), 0);
	l.wrong = 4;
	assert_int_equal(mst_store_gba_lock_put(s, &l), 0);
	assert_int_equal(mst_store_gba_lock_get(s, IMPI, NULL, &got_l), 0);
	assert_string_equal(got_l.impi, IMPI);
	assert_true(got_l.wrong == 4 && got_l.until == 50 && got_l.forget == 60);
	/* each place by itself */
	snprintf(l.origin, sizeof(l.origin), "192.0.2.1");
	l.until = 70;
	assert_int_equal(mst_store_gba_lock_put(s, &l), 0);
	assert_int_equal(mst_store_gba_lock_get(s, IMPI, "", &got_l), 0);
	assert_int_equal(got_l.until, 50);
	assert_int_equal(mst_store_gba_lock_get(s, IMPI, "192.0.2.1", &got_l), 0);
	assert_true(got_l.until == 70 && !strcmp(got_l.origin, "192.0.2.1"));
	assert_int_equal(mst_store_gba_lock_get(s, IMPI, "192.0.2.2", &got_l), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_lock_get(s, IMPI, NULL, &got_l), 0);
	assert_int_equal(got_l.until, 70);
	assert_int_equal(mst_store_gba_lock_delete(s, IMPI, "192.0.2.1"), 0);
	assert_int_equal(mst_store_gba_lock_delete(s, IMPI, ""), 0);
	assert_int_equal(mst_store_gba_lock_delete(s, IMPI, ""), MST_STORE_NONE);
}

/* The sessions and the TMPI of one subscriber are found, counted together and flushed, and have the IMPI as it was said. */
static void sessions_in_any_spelling(void **state)
{
	static const char *const said[] = { "u@IMS.Example.com", "u@ims.example.com", "u@IMS.EXAMPLE.com" };
	struct mst_gba_tmpi t = { .made = 5 }, got_t;
	static struct mst_gba_session e, got;
	struct mst_store *s = of(state);
	int64_t n;

	for (int i = 0; i < MST_GBA_SESSIONS_OF_ONE + 2; i++) {
		e = *make_session(i);
		snprintf(e.session.impi, sizeof(e.session.impi), "%s", said[i % 3]);
		assert_int_equal(mst_store_gba_session_insert(s, &e), 0);
		snprintf(t.impi, sizeof(t.impi), "%s", said[i % 3]);
		snprintf(t.tmpi, sizeof(t.tmpi), "%d@tmpi", i);
		assert_int_equal(mst_store_gba_tmpi_put(s, &t), 0);
	}
	e = *make_session(100);
	snprintf(e.session.impi, sizeof(e.session.impi), "U@ims.example.com");
	assert_int_equal(mst_store_gba_session_insert(s, &e), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(count_of(s, said[i]), MST_GBA_SESSIONS_OF_ONE);
		assert_int_equal(mst_store_gba_session_newest(s, said[i], &got), 0);
		assert_string_equal(got.session.impi, said[(MST_GBA_SESSIONS_OF_ONE + 1) % 3]);
	}
	assert_int_equal(mst_store_gba_tmpi_get(s, "0@tmpi", &got_t), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_tmpi_get(s, t.tmpi, &got_t), 0);
	assert_string_equal(got_t.impi, t.impi);
	assert_int_equal(mst_store_gba_flush(s, said[1], 5000, &n), 0);
	assert_int_equal(n, MST_GBA_SESSIONS_OF_ONE);
	assert_int_equal(mst_store_gba_tmpi_get(s, t.tmpi, &got_t), MST_STORE_NONE);
	assert_int_equal(count_of(s, NULL), 1);
}

/* One subscriber, however the realm of its IMPI is written: its challenges and locks are found, and flushed. */
static void one_subscriber_in_any_spelling(void **state)
{
	static const char shouted[] = "u@IMS.Example.com", *const said[] = { "u@ims.example.com", "u@IMS.EXAMPLE.com" };
	struct mst_gba_lock l = { .origin = "192.0.2.1", .wrong = 3, .until = 50, .forget = 60 }, got_l;
	static struct mst_gba_run r, got;
	struct mst_store *s = of(state);
	int64_t n;

	snprintf(l.impi, sizeof(l.impi), "%s", shouted);
	for (size_t i = 0; i < 2; i++) {
		r = *make_run(1);
		snprintf(r.run.impi, sizeof(r.run.impi), "%s", shouted);
		assert_int_equal(mst_store_gba_run_insert(s, &r), 0);
		assert_string_equal(r.run.impi, shouted);
		assert_int_equal(mst_store_gba_lock_put(s, &l), 0);
		assert_int_equal(mst_store_gba_run_waiting(s, said[i], 0, &got), 0);
		assert_string_equal(got.run.nonce, r.run.nonce);
		assert_string_equal(got.run.impi, said[0]);
		assert_int_equal(mst_store_gba_lock_get(s, said[i], "192.0.2.1", &got_l), 0);
		assert_int_equal(mst_store_gba_lock_get(s, said[i], NULL, &got_l), 0);
		assert_int_equal(mst_store_gba_run_waiting(s, "U@ims.example.com", 0, &got), MST_STORE_NONE);
		if (i)
			assert_int_equal(mst_store_gba_lock_delete(s, said[i], "192.0.2.1"), 0);
		assert_int_equal(mst_store_gba_flush(s, said[i], 5000, &n), 0);
		assert_int_equal(mst_store_gba_run_waiting(s, shouted, 0, &got), MST_STORE_NONE);
		assert_int_equal(mst_store_gba_lock_get(s, shouted, NULL, &got_l), MST_STORE_NONE);
	}
}

static void what_ends_goes_in_pieces(void **state)
{
	static struct mst_gba_session e;
	static struct mst_gba_run r;
	struct mst_store *s = of(state);
	bool due = true;
	unsigned n;

	assert_int_equal(mst_store_any_due(s, 5000, &due), 0);
	assert_false(due);
	for (int i = 1; i <= 5; i++) {
		struct mst_gba_lock l = { .forget = 1000 + i };

		e = *make_session(i);
		snprintf(e.session.impi, sizeof(e.session.impi), "%d", i);
		assert_int_equal(mst_store_gba_session_insert(s, &e), 0);
		r = *make_run(100 + i);
		r.run.until = 1000 + i;
		assert_int_equal(mst_store_gba_run_insert(s, &r), 0);
		snprintf(l.impi, sizeof(l.impi), "%d", i);
		assert_int_equal(mst_store_gba_lock_put(s, &l), 0);
	}
	assert_int_equal(mst_store_any_due(s, 1000, &due), 0);
	assert_false(due);
	assert_int_equal(mst_store_any_due(s, 1001, &due), 0);
	assert_true(due);
	assert_int_equal(mst_store_gba_sweep(s, 1003, 2, &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(mst_store_gba_sweep(s, 1003, 2, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(mst_store_gba_sweep(s, 1003, 2, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(mst_store_gba_run_get(s, r.run.nonce, &r), 0);
	assert_int_equal(count_of(s, NULL), 5);
	assert_int_equal(mst_store_gba_sweep(s, 2005, 100, &n), 0);
	assert_int_equal(n, 9);
	assert_int_equal(mst_store_any_due(s, 5000, &due), 0);
	assert_false(due);
}

static void flushing(void **state)
{
	struct mst_gba_tmpi t = { .impi = IMPI, .tmpi = "a@tmpi" };
	struct mst_gba_lock l = { .impi = IMPI, .wrong = 3 };
	static struct mst_gba_session e;
	static struct mst_gba_run r;
	struct mst_store *s = of(state);
	int64_t n = 9;

	r = *make_run(50);
	for (int i = 1; i <= 3; i++) {
		e = *make_session(i);
		if (i == 3)
			snprintf(e.session.impi, sizeof(e.session.impi), "other");
		assert_int_equal(mst_store_gba_session_insert(s, &e), 0);
	}
	assert_int_equal(mst_store_gba_run_insert(s, &r), 0);
	assert_int_equal(mst_store_gba_tmpi_put(s, &t), 0);
	assert_int_equal(mst_store_gba_lock_put(s, &l), 0);
	assert_int_equal(mst_store_gba_flush(s, "nobody", 5000, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(mst_store_gba_flush(s, IMPI, 5000, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(count_of(s, NULL), 1);
	assert_int_equal(mst_store_gba_run_get(s, r.run.nonce, &r), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_tmpi_get(s, "a@tmpi", &t), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_lock_get(s, IMPI, NULL, &l), MST_STORE_NONE);
	assert_int_equal(mst_store_gba_flush(s, NULL, 5000, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(count_of(s, NULL), 0);
}

static int64_t flushed(struct mst_store *s, const char *impi)
{
	int64_t n = -1;

	assert_int_equal(mst_store_gba_flushed(s, impi, &n), 0);
	return n;
}

/* Each flush has another number, also of one second, and of all for everybody; also when the clock was set back. */
static void flushes_are_counted(void **state)
{
	struct mst_store *s = of(state);
	unsigned swept;
	int64_t n, was = flushed(s, IMPI), of_other = flushed(s, "other");

	assert_int_equal(was, 0);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(mst_store_gba_flush(s, i & 1 ? NULL : IMPI, i < 6 ? 4102444800 : 5, &n), 0);
		assert_true(flushed(s, IMPI) > was);
		assert_int_equal(flushed(s, "other") != of_other, i & 1);
		was = flushed(s, IMPI);
		of_other = flushed(s, "other");
	}
	assert_int_equal(mst_store_gba_sweep(s, 4102444800 + 3599, 100, &swept), 0);
	assert_int_equal(flushed(s, IMPI), was);
	assert_int_equal(mst_store_gba_sweep(s, 4102444800 + 3700, 100, &swept), 0);
	assert_int_equal(swept, 2);
	assert_int_equal(flushed(s, IMPI), 0);
}

/* Two BSFs on one store: an answer that reaches both is taken by one. */
static void two_at_one_store(void **state)
{
	struct fix *f = *state;
	static struct mst_gba_run a, b;
	struct mst_store *other;

	assert_int_equal(mst_store_open(f->url, &other, NULL), 0);
	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(mst_store_gba_run_insert(f->s, make_run(1)), 0);
	assert_int_equal(mst_store_commit(f->s), 0);
	/* the challenge of one is answered at the other */
	assert_int_equal(mst_store_begin(other), 0);
	assert_int_equal(mst_store_gba_run_get(other, make_run(1)->run.nonce, &a), 0);
	a.run.state = GBA_RUN_GRANTED;
	assert_int_equal(mst_store_gba_run_settle(other, &a.run), 0);
	assert_int_equal(mst_store_gba_session_insert(other, make_session(1)), 0);
	assert_int_equal(mst_store_commit(other), 0);
	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(mst_store_gba_run_get(f->s, make_run(1)->run.nonce, &b), 0);
	assert_int_equal(b.run.state, GBA_RUN_GRANTED);
	assert_int_equal(mst_store_gba_run_settle(f->s, &b.run), MST_STORE_NONE);
	assert_int_equal(mst_store_commit(f->s), 0);
	assert_int_equal(count_of(f->s, IMPI), 1);
	(void)mst_store_close(other);
}

/* A fault anywhere leaves nothing of a decision. */
static void nothing_half(void **state)
{
	struct mst_store *s = of(state);

	for (unsigned at = 1; at < 20; at++) {
		struct mst_gba_tmpi t = { .impi = IMPI, .tmpi = "a@tmpi" };
		static struct mst_gba_run run;
		int r;

		run = *make_run((int)at);
		mst_store_fail_at(s, at);
		r = mst_store_begin(s);
		if (!r)
			r = mst_store_gba_run_insert(s, &run);
		run.run.state = GBA_RUN_GRANTED;
		if (!r)
			r = mst_store_gba_run_settle(s, &run.run);
		if (!r)
			r = mst_store_gba_session_insert(s, make_session((int)at));
		if (!r)
			r = mst_store_gba_tmpi_put(s, &t);
		r = r ? r : mst_store_commit(s);
		mst_store_fail_at(s, 0);
		if (!r)
			return;
		mst_store_rollback(s);
		assert_int_equal(mst_store_gba_run_get(s, run.run.nonce, &run), MST_STORE_NONE);
		assert_int_equal(count_of(s, NULL), 0);
	}
	fail_msg("more steps than there are");
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, contract_set_up, contract_tear_down)
	const struct CMUnitTest t[] = { T(challenges), T(challenges_wait_where_they_went), T(a_rand_is_good_once), T(sessions), T(the_newest_session), T(names_and_guesses), T(what_ends_goes_in_pieces),
					T(one_subscriber_in_any_spelling), T(sessions_in_any_spelling), T(flushing), T(flushes_are_counted), T(two_at_one_store), T(nothing_half) };

	contract_prefix = argc > 1 ? argv[1] : "sqlite:";
	return cmocka_run_group_tests(t, NULL, NULL);
}
