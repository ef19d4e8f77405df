/* An exchange that waits for another server's answer: what is stored when, who may join, and how it ends. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cm.h"

#include "server/test-engine-rig.h"

static void result(uint64_t id, enum mst_fetch_end end)
{
	uint8_t b[1024];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_fetch_result r = { .end = end, .retry_after = end == MST_FETCH_BUSY ? 7 : 0, .xres_n = 8 };

	if (end == MST_FETCH_OK)
		r.key = (struct mst_wrapped){ { 9 }, 1 };
	mst_put_fetch_result(&w, &r);
	assert_int_equal(mst_link_send(t.diameter, MST_FRAME_FETCH_RESULT, id, mst_written(&w)), 0);
}

static void exchange_waits(void **state)
{
	(void)state;
	ask(1, "/wants", MST_ROLE_MEF);
	ask(2, "/good", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.answers, 1);                 /* others go on */
	assert_int_equal(t.fetches, 1);
	assert_true(t.fetch.kind == MST_FETCH_ZH && t.fetch.binding == MST_BIND_DIAMETER && t.fetch.role == MST_ROLE_MEF);
	assert_true(t.fetch.resync && t.fetch.rnd[0] == 1 && t.fetch.auts[0] == 2);
	assert_string_equal(t.fetch.ue_id, "first");
	assert_int_equal(events("/wants"), 1);          /* what the first half stored is durable before anybody is asked */
	result(t.fetch_id, MST_FETCH_OK);
	result(t.fetch_id, MST_FETCH_OK);               /* one that comes twice finds nobody */
	turn();
	assert_int_equal(t.answers, 2);
	assert_int_equal(t.rsc[1], 200);
	assert_true(t.answer.parcel.n_fills == 2 && t.answer.parcel.fill[1].n == 32 && t.answer.parcel.sealed.b[0] == 9);
	assert_string_equal(t.answer.headers, "Expires: never\r\n");
	assert_int_equal(t.resumed, 1);
	assert_int_equal(t.releases, 0);
}

/* Each has its own question, whoever asks the same; and neither makes the other's identity unknown. */
static void exchanges_are_not_merged(void **state)
{
	uint64_t first;

	(void)state;
	ask(1, "/wants", MST_ROLE_MEF);
	turn();
	first = t.fetch_id;
	ask(2, "/wants", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.fetches, 2);
	result(first, MST_FETCH_UNKNOWN);
	turn();
	assert_int_equal(t.rsc[1], 503);
	assert_int_equal(t.answers, 1);
	result(t.fetch_id, MST_FETCH_BUSY);
	turn();
	assert_int_equal(t.rsc[2], 503);
	assert_int_equal(t.answer.retry_after, 7);
}

/* A subscriber's vector is asked for once, however many want one meanwhile; what comes of it, good or bad, is for all of them. */
static void a_vector_is_asked_for_once(void **state)
{
	struct engine *e = (struct engine *)(void *)t.engine;
	uint64_t first;

	(void)state;
	e->u.conf->limits.fetches = 60;
	ask(1, "/wants/vector", MST_ROLE_MEF);
	turn();
	for (unsigned i = 2; i <= 40; i++)
		ask(i, "/wants/vector", MST_ROLE_MEF);
	ask(41, "/wants", MST_ROLE_MEF);               /* one after an AUTS has its own */
	turn();
	assert_int_equal(t.fetches, 2);
	assert_int_equal(t.busy, 40 - 16);              /* one subscriber takes so many places and no more */
	first = t.fetch_id;
	result(first, MST_FETCH_OK);
	turn();
	assert_int_equal(t.answers, 1);
	result(first - 16, MST_FETCH_OK);
	turn();
	assert_int_equal(t.answers, 1 + 16);
	for (unsigned i = 1; i <= 16; i++)
		assert_int_equal(t.rsc[i], 200);
	assert_null(e->fetches);
	/* one that comes together with the answer is decided again behind it */
	ask(42, "/wants/vector", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.fetches, 3);
	ask(43, "/wants/vector", MST_ROLE_MEF);
	result(t.fetch_id, MST_FETCH_OK);
	turn();
	assert_int_equal(t.rsc[42], 200);
	assert_int_equal(t.fetches, 4);
	assert_int_equal(events("/wants/vector"), 40 + 1 + 2);
	result(t.fetch_id, MST_FETCH_OK);
	turn();
	assert_int_equal(t.rsc[43], 200);
	/* nobody waits for one that is over; and a connector that goes away is an answer, too */
	ask(50, "/wants/vector", MST_ROLE_MEF);
	ask(51, "/wants/vector", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.fetches, 5);
	/* an AUTS that somebody has seen and says, too */
	ask(52, "/wants/same", MST_ROLE_MEF);
	ask(53, "/wants/same", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.fetches, 6);
	t.diameter = mst_link_free(t.diameter);
	turn();
	assert_int_equal(t.rsc[50], 503);
	assert_true(t.rsc[51] == 503 && t.rsc[52] == 503 && t.rsc[53] == 503);
	assert_null(e->fetches);
}

/* What a role marks is given back to it, and one question's answer is not another's whose mark is another. */
static void a_vector_is_not_shared_across_a_mark(void **state)
{
	uint64_t first;

	(void)state;
	t.mark = INT64_C(1) << 40;
	ask(1, "/wants/vector", MST_ROLE_MEF);
	turn();
	first = t.fetch_id;
	t.mark++;
	ask(2, "/wants/vector", MST_ROLE_MEF);
	ask(3, "/wants/vector", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.fetches, 2);
	result(first, MST_FETCH_OK);
	turn();
	assert_int_equal(t.answers, 1);
	assert_int_equal(t.given_back, INT64_C(1) << 40);
	result(t.fetch_id, MST_FETCH_OK);
	turn();
	assert_int_equal(t.answers, 3);
	assert_int_equal(t.given_back, (INT64_C(1) << 40) + 1);
}

static void exchange_asks_again(void **state)
{
	(void)state;
	ask(1, "/wants-3", MST_ROLE_MEF);
	turn();
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(t.fetches, i);
		assert_string_equal(t.fetch.ue_id, i == 1 ? "first" : "again");
		assert_int_equal(t.answers, 0);
		result(t.fetch_id, MST_FETCH_OK);
		turn();
	}
	assert_int_equal(t.rsc[1], 200);
	/* a fourth is a defect */
	t.resumed = 0;
	ask(2, "/wants-9", MST_ROLE_MEF);
	turn();
	for (unsigned i = 1; i <= 3; i++) {
		result(t.fetch_id, MST_FETCH_OK);
		turn();
	}
	assert_int_equal(t.fetches, 6);
	assert_int_equal(t.rsc[2], MST_RSC_INTERNAL);
	assert_int_equal(events("ok"), 3 + 2);          /* the last one's is undone */
}

/* No place, a defect in the second half, an asker that went away, no connector, an engine that drains. */
static void exchange_ends(void **state)
{
	struct mst_conf *conf = ((struct engine *)(void *)t.engine)->u.conf;

	(void)state;
	conf->limits.fetches = 1;
	ask(1, "/wants", MST_ROLE_MEF);
	ask(2, "/wants", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.fetches, 1);
	assert_int_equal(t.busy, 1);
	result(t.fetch_id, MST_FETCH_OK);
	turn();
	assert_int_equal(t.rsc[1], 200);
	ask(3, "/wants-fault", MST_ROLE_MEF);
	turn();
	result(t.fetch_id, MST_FETCH_OK);
	turn();
	assert_int_equal(t.rsc[3], MST_RSC_INTERNAL);
	ask(4, "/wants", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.fetches, 3);
	t.listener = mst_link_free(t.listener);
	turn();
	t.resumed = 0;
	result(t.fetch_id, MST_FETCH_OK);
	turn();
	assert_int_equal(t.resumed, 0);
	assert_null(((struct engine *)(void *)t.engine)->fetches);
	t.listener = attach(MST_PROC_LISTENER, MST_ROLE_MEF, CHANNEL);
	ask(5, "/wants", MST_ROLE_MEF);
	turn();
	assert_int_equal(mst_link_send(t.control, MST_FRAME_DRAIN, 0, MST_VIEW_NONE), 0);
	turn();
	assert_false(t.engine->done);                   /* it owes an answer */
	t.diameter = mst_link_free(t.diameter);
	turn();
	assert_int_equal(t.rsc[5], 503);
	assert_true(t.engine->done);
}

/* Handshakes for one B-TID and one suite ask once; with another suite it is another key. */
static void keys_of_one_suite(void **state)
{
	uint64_t first;

	(void)state;
	ask_psk_with(1, "zn", 0xae);
	ask_psk_with(2, "zn", 0xae);
	turn();
	assert_int_equal(t.fetches, 1);
	assert_memory_equal(t.fetch.ua.b, "\x01\x00\x01\x00\xae", GBA_UA);
	first = t.fetch_id;
	ask_psk_with(3, "zn", 0xc037);
	turn();
	assert_int_equal(t.fetches, 2);
	assert_memory_equal(t.fetch.ua.b, "\x01\x00\x01\xc0\x37", GBA_UA);
	result(first, MST_FETCH_OK);
	turn();
	assert_int_equal(t.psk_known, 2);
	result(t.fetch_id, MST_FETCH_OK);
	turn();
	assert_int_equal(t.psk_known, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(exchange_waits), T(exchanges_are_not_merged), T(a_vector_is_asked_for_once), T(a_vector_is_not_shared_across_a_mark), T(exchange_asks_again), T(exchange_ends), T(keys_of_one_suite),
	};

	return cmocka_run_group_tests_name("suspend", tests, NULL, NULL);
}
