/* Groups, decisions that fail, commits that fail, keys that another server is asked for. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cm.h"

#include "server/test-engine-rig.h"

static void one_commit(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 64; i++)
		ask(i, "/good", MST_ROLE_MEF);
	assert_int_equal(t.answers, 0);
	turn();
	assert_int_equal(t.answers, 64);
	assert_int_equal(t.engine->m.v[MST_M_COMMITS], 1);
	assert_int_equal(t.engine->m.v[MST_M_DECISIONS], 64);
	assert_int_equal(events("/good"), 64);
	assert_int_equal(mst_store_event_verify(t.fail_store, &(uint64_t){ 0 }), 0);
}

static void failing_decision(void **state)
{
	(void)state;
	ask(1, "/good", MST_ROLE_MEF);
	ask(2, "/fault", MST_ROLE_MEF);
	ask(3, "/large", MST_ROLE_MEF);
	ask(4, "/good", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.answers, 4);
	assert_int_equal(t.rsc[1], MST_RSC_OK);
	assert_int_equal(t.rsc[2], MST_RSC_INTERNAL);
	assert_int_equal(t.rsc[3], MST_RSC_INTERNAL);
	assert_int_equal(t.rsc[4], MST_RSC_OK);
	assert_int_equal(t.engine->m.v[MST_M_COMMITS], 1);
	assert_int_equal(events("/fault"), 0);         /* it wrote before it failed: nothing remains */
	assert_int_equal(events("/large"), 0);
	assert_int_equal(events("/good"), 2);
}

/* The n-th write step fails, for every n: each request is answered, an error means nothing was stored, and
 * nothing is stored without a good answer. */
static void failing_store(void **state)
{
	unsigned errors = 0;

	(void)state;
	for (unsigned n = 1; n <= 12; n++) {
		unsigned good = 0, before;
		char path[24];

		snprintf(path, sizeof(path), "/sweep-%02u", n);
		before = t.answers;
		t.fail_at = n;
		for (unsigned i = 1; i <= 3; i++)
			ask(i, path, MST_ROLE_MEF);
		turn();
		mst_store_fail_at(t.fail_store, 0);
		assert_int_equal(t.answers - before, 3);
		for (unsigned i = 1; i <= 3; i++)
			good += t.rsc[i] == MST_RSC_OK;
		errors += 3 - good;
		assert_int_equal(events(path), good);
	}
	assert_true(errors > 0);
	assert_int_equal(mst_store_event_verify(t.fail_store, &(uint64_t){ 0 }), 0);
}

static void key_after_commit(void **state)
{
	(void)state;
	ask(1, "/key", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.rsc[1], MST_RSC_OK);
	assert_int_equal(t.releases, 1);
	assert_int_equal(t.released_to[0], CHANNEL);   /* not what the listener claimed */
}

static void queue_is_bounded(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 250; i++)
		ask(i, "/good", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.answers + t.busy, 250);
	assert_true(t.busy >= 50 && t.answers >= 200);
}

static void foreign_role(void **state)
{
	(void)state;
	ask(1, "/good", MST_ROLE_ADMIN);
	turn();
	assert_int_equal(t.answers, 0);
	assert_null(t.listener);                        /* dropped */
	assert_int_equal(t.engine->m.v[MST_M_VIOLATIONS], 1);
}

/* A BSF asks for whoever wants something of it: what a stranger can have refused there stays as little as what it can have refused
 * itself, and pushes nothing out of the audit log. Answers stay, and what counts. */
static void refusals_for_others_are_bounded(void **state)
{
	static const enum mst_auth how[] = { MST_AUTH_ANONYMOUS, MST_AUTH_CERT };
	struct engine *e = (struct engine *)(void *)t.engine;
	mst_ms begun = mst_now_ms();
	unsigned told = 0;

	(void)state;
	for (unsigned k = 0; k < MST_COUNT(how); k++) {
		t.how = how[k];
		for (unsigned i = 1; i <= 150; i++)
			ask(i, "/no", MST_ROLE_MEF);
		turn();
		for (unsigned i = 1; i <= 150; i++)
			assert_int_equal(t.rsc[i], 404);
		/* 100 at once and 5 a second, however slow this machine is */
		assert_in_range(events("/no") - told, 0, (k ? 1 : 101) + 5 * (mst_now_ms() - begun + 999) / 1000);
		told = events("/no");
	}
	assert_int_equal(t.answers, 300);
	assert_true(told >= 100);
	for (unsigned i = 1; i <= 150; i++)
		ask(i, "/good", MST_ROLE_MEF);
	turn();
	assert_int_equal(events("/good"), 150);
	/* counted, and told together when it is time */
	assert_true(e->untold[UNTOLD_OTHERS][MST_ROLE_MEF] || events("mef.refused"));
	assert_true(e->untold[UNTOLD_STRANGERS][MST_ROLE_MEF] || events("mef.strangers"));
	assert_int_equal(mst_store_event_verify(t.fail_store, &(uint64_t){ 0 }), 0);
}

static void psk(void **state)
{
	(void)state;
	ask_psk(1, "known");
	ask_psk(2, "stranger");
	turn();
	assert_int_equal(t.psk_known, 1);
	assert_int_equal(t.psk_unknown, 1);
	assert_int_equal(t.releases, 1);
}

static void send_fetched(enum mst_fetch_end end)
{
	uint8_t b[1024];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_fetch_result r = { .end = end, .rsc = 2000 };

	r.key.n = end == MST_FETCH_OK;
	mst_put_fetch_result(&w, &r);
	assert_int_equal(mst_link_send(t.connector, MST_FRAME_FETCH_RESULT, t.fetch_id, mst_written(&w)), 0);
}

static void answer_fetch(enum mst_fetch_end end)
{
	send_fetched(end);
	turn();
}

/* What is decided again with its group is decided once where that reaches beyond the store, and counted once. */
static void decided_again(void **state)
{
	uint64_t commits;

	(void)state;
	ask_psk(9, "fetch1");
	turn();
	assert_int_equal(t.fetches, 1);
	commits = t.engine->m.v[MST_M_COMMITS];
	send_fetched(MST_FETCH_UNREACHABLE);
	ask(1, "/good", MST_ROLE_MEF);
	ask(2, "/fault", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.engine->m.v[MST_M_COMMITS], commits + 1);
	assert_int_equal(t.engine->m.v[MST_M_FETCHES_FAILED], 1);
	((struct engine *)(void *)t.engine)->marked_left = 0;
	ask_local(3, "/rotate");
	ask(4, "/good", MST_ROLE_MEF);
	ask(5, "/fault", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.commands, 1);
	assert_int_equal(t.rsc[3], MST_RSC_OK);
	assert_int_equal(t.rsc[5], MST_RSC_INTERNAL);
	assert_int_equal(events("/rotate"), 1);
	assert_int_equal(events("/good"), 2);
	assert_int_equal(events("/fault"), 0);
}

static void fetch_collapses(void **state)
{
	(void)state;
	ask_psk(1, "fetch-a");
	turn();
	ask_psk(2, "fetch-a");
	turn();
	assert_int_equal(t.fetches, 1);                 /* lesson 13 */
	assert_int_equal(t.psk_known + t.psk_unknown, 0);
	answer_fetch(MST_FETCH_OK);
	assert_int_equal(t.psk_known, 2);
	answer_fetch(MST_FETCH_OK);                     /* a second answer finds nobody */
	assert_int_equal(t.psk_known, 2);
	ask_psk(3, "fetch-a");
	turn();
	assert_int_equal(t.fetches, 2);
	answer_fetch(MST_FETCH_UNKNOWN);
	assert_int_equal(t.psk_unknown, 1);
	assert_int_equal(events("unknown"), 1);
}

/* Remembered for a moment and in memory only: lesson 3 */
static void unknown_for_a_moment(void **state)
{
	struct engine *e = (struct engine *)(void *)t.engine;

	(void)state;
	ask_psk(1, "fetch-c");
	turn();
	answer_fetch(MST_FETCH_UNKNOWN);
	assert_int_equal(t.psk_unknown, 1);
	ask_psk(2, "fetch-c");
	turn();
	assert_int_equal(t.fetches, 1);
	assert_int_equal(t.psk_unknown, 2);
	ask_psk(3, "fetch-d");
	turn();
	assert_int_equal(t.fetches, 2);
	answer_fetch(MST_FETCH_UNREACHABLE);            /* is no verdict */
	for (size_t i = 0; i < UNKNOWN_MAX; i++)
		e->unknown[i].until -= e->unknown[i].until ? UNKNOWN_MS : 0;
	ask_psk(4, "fetch-c");
	ask_psk(5, "fetch-d");
	turn();
	assert_int_equal(t.fetches, 4);
}

/* One server's keys are asked for by many: another's still find a place, and the rest is told "busy" at once. */
static void fetches_are_shared_out(void **state)
{
	struct engine *e = (struct engine *)(void *)t.engine;
	char id[16];

	(void)state;
	e->role_conf[MST_ROLE_MEF]->n_mef = 2;
	for (unsigned i = 0; i < 10; i++) {
		snprintf(id, sizeof(id), "fetchA-%u", i);
		ask_psk(i, id);
	}
	turn();
	assert_int_equal(t.fetches, 4);
	assert_int_equal(t.busy, 6);
	ask_psk(10, "fetchB");
	turn();
	assert_int_equal(t.fetches, 5);
	assert_int_equal(t.psk_unknown, 0);             /* busy is not unknown: lesson 6 */
}

/* A stranger names keys of a slow server, or subscribers, one after the other: places for the questions of other addresses stay free. */
static void an_address_asks_its_share(void **state)
{
	static const char *const from[] = { "192.0.2.1", "192.0.2.2", "[2001:db8::1]", "[2001:db8::2]" };
	struct engine *e = (struct engine *)(void *)t.engine;
	unsigned before;
	char id[16];

	(void)state;
	e->u.conf->limits.fetches = 16;
	e->role_conf[MST_ROLE_MEF]->n_mef = 2;
	for (unsigned k = 0; k < 3; k++) {
		before = t.fetches;
		for (unsigned i = 0; i < 8; i++) {
			snprintf(t.address, sizeof(t.address), "%s:%u", from[k + (k == 2 && i % 2)], 1000 + i);
			snprintf(id, sizeof(id), "fetchA-%u-%u", k, i);
			if (k == 1)                     /* exchanges likewise */
				ask(10 * k + i, "/wants", MST_ROLE_MEF);
			else
				ask_psk(10 * k + i, id);
		}
		turn();
		/* half of a server's eight while nobody else asks, then a quarter each (the second one asks another server) */
		assert_int_equal(t.fetches - before, k == 2 ? 2 : 4);
	}
	assert_int_equal(t.psk_unknown, 0);
}

/* One listener is flooded: the others, and above all the operator, find room in the queue. */
static void the_queue_is_shared(void **state)
{
	struct mst_link *other = attach(MST_PROC_LISTENER, MST_ROLE_MEF, CHANNEL), *more[4];
	unsigned good = 0;

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		ask(i, "/good", MST_ROLE_MEF);
	for (unsigned i = 400; i < 420; i++)
		ask_on(other, i, "/good", MST_ROLE_MEF);
	ask_local(450, "/revoke");
	turn();
	assert_int_equal(t.rsc[450], MST_RSC_OK);
	for (unsigned i = 400; i < 420; i++)
		good += t.rsc[i] == MST_RSC_OK;
	assert_int_equal(good, 20);
	assert_in_range(t.busy, 100, 299);              /* of the flood; and what was taken was decided */
	assert_int_equal(t.answers + t.busy, 321);
	/* and the room is there again */
	t.busy = 0;
	for (unsigned i = 0; i < 100; i++)
		ask(i, "/good", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.busy, 0);
	/* all are flooded, and the queue is full */
	for (unsigned k = 0; k < MST_COUNT(more); k++)
		more[k] = attach(MST_PROC_LISTENER, MST_ROLE_MEF, CHANNEL);
	for (unsigned i = 0; i < 250; i++) {
		ask(i, "/good", MST_ROLE_MEF);
		for (unsigned k = 0; k < MST_COUNT(more); k++)
			ask_on(more[k], i, "/good", MST_ROLE_MEF);
	}
	t.answers = 0;
	ask_local(451, "/revoke");
	turn();
	assert_int_equal(t.answers, 400 + 1);
	assert_int_equal(t.rsc[451], MST_RSC_OK);
	for (unsigned k = 0; k < MST_COUNT(more); k++)
		mst_link_free(more[k]);
	mst_link_free(other);
}

static int find_more(void *arg, const struct mst_event *e)
{
	if (strncmp(e->what, "mef.psk-refused", strlen("mef.psk-refused")) != 0)
		return 0;
	return sscanf(e->why, "%u more", (unsigned *)arg) == 1 ? 0 : MST_FAULT_BUG;
}

/* Somebody guesses identities: the audit log tells of some one by one, and of how many there were. */
static void guesses_are_counted(void **state)
{
	struct mst_event_filter f = { .after = 0 };
	struct engine *e = (struct engine *)(void *)t.engine;
	unsigned more = 0, told;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		ask_psk(i, "stranger");
		if (i % 100 == 99)
			turn();
	}
	assert_int_equal(t.psk_unknown, 1000);
	assert_int_equal(events(""), 0);                /* a refusal waits for no disk, and has nothing undone: so it takes as long as a key */
	assert_int_equal(e->marked_left, 0);
	for (unsigned i = 0; i < 1000; i++) {
		tell_failed(MST_TLS_PSK_REFUSED);
		if (i % 100 == 99)
			turn();
	}
	told = events("psk");
	assert_true(told >= 90 && told < 200);
	t.engine->ops->tick(t.engine);
	assert_int_equal(mst_store_event_list(t.fail_store, &f, find_more, &more), 0);
	assert_int_equal(told + more, 1000);
	t.engine->ops->tick(t.engine);
	assert_int_equal(events("mef.psk-refused"), 1);
	ask(1, "/good", MST_ROLE_MEF);                  /* what is no guess is not touched */
	turn();
	tell_failed(MST_TLS_EXPIRED);
	turn();
	assert_int_equal(t.rsc[1], MST_RSC_OK);
	assert_int_equal(events("/good"), 1);
	assert_int_equal(events("handshake"), 1);
	/* one that finds no room in the queue is counted as well */
	assert_int_equal(e->untold[UNTOLD_PSK][MST_ROLE_MEF], 0);
	e->may[MST_ROLE_MEF].tokens = 1000;
	for (unsigned i = 0; i < 400; i++)
		ask(i, "/good", MST_ROLE_MEF);
	for (unsigned i = 0; i < 50; i++)
		tell_failed(MST_TLS_PSK_REFUSED);
	told = events("psk");
	turn();
	assert_true(e->untold[UNTOLD_PSK][MST_ROLE_MEF] > 0);
	assert_int_equal(events("psk") - told + e->untold[UNTOLD_PSK][MST_ROLE_MEF], 50);
}

/*
 * A handshake that another server's word refused is one, though it is told twice: what that server said, and that the handshake failed. One that ends
 * without a verdict never fails for its key, so it is counted where its event is left out.
 */
static void refused_elsewhere_counts_once(void **state)
{
	struct engine *e = (struct engine *)(void *)t.engine;

	(void)state;
	e->may[MST_ROLE_MEF].at = mst_now_ms();
	e->may[MST_ROLE_MEF].tokens = -1000;            /* no room for any event */
	ask_psk(1, "fetch-a");
	turn();
	send_fetched(MST_FETCH_REFUSED);
	turn();
	assert_int_equal(t.psk_unknown, 1);
	assert_int_equal(events("refused"), 0);
	assert_int_equal(e->untold[UNTOLD_PSK][MST_ROLE_MEF], 0);
	tell_failed(MST_TLS_PSK_REFUSED);
	turn();
	assert_int_equal(events("psk"), 0);
	assert_int_equal(e->untold[UNTOLD_PSK][MST_ROLE_MEF], 1);
	ask_psk(2, "fetch-b");
	turn();
	send_fetched(MST_FETCH_LIST_STALE);
	turn();
	assert_int_equal(t.busy, 1);
	assert_int_equal(events("list-stale"), 0);
	assert_int_equal(e->untold[UNTOLD_PSK][MST_ROLE_MEF], 2);
}

/* What strangers do at one role, and be it that they ask for status as they may, does not hide who guesses at another. */
static void each_role_is_told_of(void **state)
{
	struct engine *e = (struct engine *)(void *)t.engine;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		n += engine_may_tell(e, MST_ROLE_OCSP, UNTOLD_STRANGERS);
	assert_in_range(n, 100, 110);
	ask_psk(1, "stranger");
	tell_failed(MST_TLS_PSK_REFUSED);
	turn();
	assert_int_equal(events("psk"), 1);
}

static int find_shortened(void *arg, const struct mst_event *e)
{
	if (!strncmp(e->what, "audit.", strlen("audit.")))
		*(struct mst_event *)arg = *e;
	return 0;
}

static void append_old(unsigned n, mst_time when)
{
	assert_int_equal(mst_store_begin(t.fail_store), 0);
	for (unsigned i = 0; i < n; i++) {
		struct mst_event e = { .when = when, .role = "mef", .what = "old" };

		assert_int_equal(mst_store_event_append(t.fail_store, &e), 0);
	}
	assert_int_equal(mst_store_commit(t.fail_store), 0);
}

/* The audit log's beginning goes piece by piece, when a look at it is due; what is left verifies. */
static void audit_log_is_shortened(void **state)
{
	struct engine *e = (struct engine *)(void *)t.engine;
	struct mst_conf *conf = (struct mst_conf *)t.engine->conf;
	struct mst_event_filter f = { .after = 0 };
	mst_time now = (mst_time)time(NULL);
	struct mst_event told;

	(void)state;
	ask(1, "/good", MST_ROLE_MEF);
	turn();
	conf->audit = (struct mst_conf_audit){ 0 };
	append_old(AUDIT_PIECE + 50, now - 3000);
	t.engine->ops->tick(t.engine);
	assert_int_equal(events("audit."), 0);          /* for ever */
	assert_int_equal(t.engine->m.v[MST_M_AUDIT_EVENTS], AUDIT_PIECE + 51);
	assert_true(t.engine->m.v[MST_M_STORE_OCTETS] > 4096);
	conf->audit.keep = 60;
	t.engine->ops->tick(t.engine);
	assert_int_equal(events("audit."), 0);          /* it was looked at, and a reload has not come */
	assert_int_equal(t.engine->ops->reload(t.engine, &(struct mst_diag){ 0 }), 0);
	t.engine->ops->tick(t.engine);
	assert_int_equal(events("audit."), 0);          /* the newest is old itself: is it the clock? */
	assert_int_equal(events("/good"), 1);           /* and the first one is young */
	conf->audit.max_events = AUDIT_PIECE + 50;
	e->audit_at = 0;
	t.engine->ops->tick(t.engine);
	assert_int_equal(events("/good"), 0);
	ask(1, "/good", MST_ROLE_MEF);
	turn();
	for (unsigned pieces = 2; pieces <= 3; pieces++) {
		t.engine->ops->tick(t.engine);
		assert_int_equal(events("audit."), pieces);
	}
	t.engine->ops->tick(t.engine);
	assert_int_equal(events("audit."), 3);
	assert_int_equal(events("old"), 0);
	assert_int_equal(mst_store_event_list(t.fail_store, &f, find_shortened, &told), 0);
	assert_non_null(strstr(told.why, "removed up to 1051, hash "));
	assert_int_equal(mst_store_event_verify(t.fail_store, &(uint64_t){ 0 }), 0);
	/* full: it is told in the log and tried again in an hour, and nothing else suffers */
	append_old(10, now - 3000);
	ask(2, "/good", MST_ROLE_MEF);
	turn();
	e->audit_at = 0;
	conf->audit.max_events = 2;
	mst_store_fail_at(e->store, 2);
	t.engine->ops->tick(t.engine);
	assert_true(e->audit_at > mst_now_ms());
	assert_int_equal(events("audit."), 3);
	ask(3, "/good", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.rsc[3], MST_RSC_OK);
}

/* Retention seals before it removes, and goes no further than what is sealed: what proves that a log is another one stays. */
static void what_is_sealed_is_not_given_up(void **state)
{
	struct engine *e = (struct engine *)(void *)t.engine;
	struct mst_conf *conf = (struct mst_conf *)t.engine->conf;
	struct mst_event_anchor anchor;
	struct mst_event_head head;
	uint64_t to;

	(void)state;
	ask(1, "/good", MST_ROLE_MEF);
	turn();
	append_old(20, 1);
	assert_int_equal(mst_store_event_head(t.fail_store, &head), 0);
	t.sealed.seq = head.seq;
	memcpy(t.sealed.hash, head.hash, sizeof(head.hash));
	append_old(20, 1);
	conf->audit = (struct mst_conf_audit){ .max_events = 5 };        /* sealed by nobody's clock */
	e->audit_at = 0;
	t.engine->ops->tick(t.engine);
	assert_true(t.sealed.seq >= head.seq + 20);
	assert_int_equal(mst_store_event_anchor(t.fail_store, &anchor), 0);
	assert_true(anchor.seq > head.seq && anchor.seq <= t.sealed.seq);
	/* now the log is another one than the keeper says */
	t.sealed.hash[0] ^= 1;
	to = t.sealed.seq;
	append_old(40, 1);
	for (unsigned i = 0; i < 3; i++) {
		e->audit_at = 0;
		t.engine->ops->tick(t.engine);
		assert_int_equal(t.engine->m.v[MST_M_AUDIT_MISMATCH], 1);
	}
	assert_int_equal(t.sealed.seq, to);
	assert_int_equal(mst_store_event_anchor(t.fail_store, &anchor), 0);
	assert_true(anchor.seq <= to);
	assert_int_equal(events("audit.mismatch"), 1);
	t.sealed.seq = 0;
}

/* A locked or full store is asked once for a group, not once for each of its members. */
static void store_is_busy(void **state)
{
	(void)state;
	t.fail_at = 3;
	for (unsigned i = 1; i <= 64; i++)
		ask(i, "/good", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.answers, 64);
	assert_int_equal(t.engine->m.v[MST_M_COMMITS_FAILED], 1);
	for (unsigned i = 1; i <= 64; i++)
		assert_int_equal(t.rsc[i], MST_RSC_INTERNAL);
	assert_int_equal(events("/good"), 0);
	/* not ready until something is stored again, for which nobody has to ask */
	assert_int_equal(t.engine->m.v[MST_M_STORE_FAILING], 1);
	mst_store_fail_at(t.fail_store, 1);
	t.engine->ops->tick(t.engine);
	assert_int_equal(t.engine->m.v[MST_M_STORE_FAILING], 1);
	assert_int_equal(events("server.decisions-lost"), 0);
	t.engine->ops->tick(t.engine);
	assert_int_equal(t.engine->m.v[MST_M_STORE_FAILING], 0);
	assert_int_equal(events("server.decisions-lost"), 1);
}

static void connector_goes(void **state)
{
	(void)state;
	ask_psk(1, "fetch-b");
	turn();
	t.connector = mst_link_free(t.connector);
	turn();
	assert_int_equal(t.psk_unknown, 1);
	assert_int_equal(events("busy"), 1);
}

/* A whole subscription, however many nodes it has: one word to each listener, after the commit; none when that fails. */
static void a_subscription_is_cut(void **state)
{
	struct mst_link *second = attach(MST_PROC_LISTENER, MST_ROLE_MEF, CHANNEL + 1);

	(void)state;
	ask(1, "/seen", MST_ROLE_MEF);
	turn();
	assert_true(t.answer.whose.one == 3 && t.answer.whose.group == 30 && !t.cuts);
	t.fail_at = 1;
	ask(2, "/suspend", MST_ROLE_MEF);
	turn();
	assert_int_equal(t.cuts, 0);
	ask(3, "/suspend", MST_ROLE_MEF);
	turn();
	assert_true(t.rsc[3] == MST_RSC_OK && t.cuts == 2 && t.cut.group == 30 && !t.cut.one);
	mst_link_free(second);
}

/* The same by the clock, which nobody asks: a node and a subscription. */
static void the_clock_cuts(void **state)
{
	(void)state;
	t.engine->ops->tick(t.engine);
	turn();
	assert_int_equal(t.cuts, 0);
	ask(1, "/due", MST_ROLE_MEF);
	turn();
	t.fail_at = 1;
	t.engine->ops->tick(t.engine);
	turn();
	assert_int_equal(t.cuts, 0);
	t.engine->ops->tick(t.engine);
	turn();
	assert_true(t.cuts == 2 && t.cut.group == 30 && !t.cut.one);
}

/* Who waits for an answer that does not go hears that we are busy, which does; a process that cannot be told which sessions end, ends. */
static void what_does_not_go(void **state)
{
	struct mst_link *narrow;

	(void)state;
	t.queue_max = MST_FRAME_HEAD + 4;         /* busy, and nothing else */
	narrow = attach(MST_PROC_LISTENER, MST_ROLE_MEF, CHANNEL);
	t.queue_max = 0;
	ask_on(narrow, 1, "/good", MST_ROLE_MEF);
	turn();
	assert_true(t.answers == 0 && t.busy == 1 && t.engine->m.v[MST_M_BUSY] == 1);
	assert_int_equal(events("/good"), 1);
	assert_int_equal(t.violations, 0);
	ask(2, "/suspend", MST_ROLE_MEF);
	turn();
	assert_true(t.rsc[2] == MST_RSC_OK && t.cuts == 1 && t.violations == 1);
	mst_link_free(narrow);
}

static void drains(void **state)
{
	(void)state;
	ask(1, "/good", MST_ROLE_MEF);
	assert_int_equal(mst_link_send(t.control, MST_FRAME_DRAIN, 0, MST_VIEW_NONE), 0);
	turn();
	assert_int_equal(t.answers, 1);
	assert_true(t.engine->done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(one_commit), T(failing_decision), T(failing_store), T(key_after_commit), T(queue_is_bounded), T(foreign_role),
		T(refusals_for_others_are_bounded), T(psk), T(fetch_collapses), T(decided_again),
		T(unknown_for_a_moment), T(fetches_are_shared_out), T(an_address_asks_its_share), T(the_queue_is_shared), T(guesses_are_counted),
		T(refused_elsewhere_counts_once), T(each_role_is_told_of),
		T(audit_log_is_shortened), T(what_is_sealed_is_not_given_up), T(store_is_busy), T(connector_goes), T(a_subscription_is_cut), T(the_clock_cuts), T(what_does_not_go),
		T(drains),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
