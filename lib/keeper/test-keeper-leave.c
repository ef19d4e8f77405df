/* Four eyes: who can make up what one person asked for, and another one's yes; and what that is good for. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "keeper/keeper.h"

#define NOW INT64_C(1800000000)
#define EXPIRES 3600
#define ROTATE "POST /v1/keeper/rotate\n{}"
#define ACCEPT "POST /v1/events/accept\n{\"reason\":\"x\"}"
#define OTHER "POST /v1/certificates/AB/revoke\n{}"

enum { ANNA = 1301, BERT = 1302, CARL = 1400 };

static const struct mst_channel local = { .id = 1, .key = { 1 } }, mef = { .id = 2, .key = { 2 } }, made_up = { .id = 1, .key = { 3 } };
static struct mst_crypto *c;
static struct mst_keeper *k;
static char top[64], dir[96];
static mst_ms clock_ms;

static mst_ms now_ms(void)
{
	return clock_ms;
}

static void open_it(void)
{
	static const struct mst_keeper_limit none[MST_RATE__COUNT];
	const struct mst_four_eyes four = { MST_GUARD_ROTATE | MST_GUARD_ACCEPT, EXPIRES, { ANNA, BERT }, 2 };

	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	assert_int_equal(mst_keeper_local_channel(k, local.id, local.key, MST_DUTY_ADMIN), 0);
	assert_int_equal(mst_keeper_local_channel(k, mef.id, mef.key, MST_DUTY__ALL & ~MST_DUTY_ADMIN), 0);
	mst_keeper_local_limits(k, none, now_ms);
	mst_keeper_local_four_eyes(k, &four);
}

static int set_up(void **state)
{
	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", NOW, c, NULL), 0);
	clock_ms = 1000;
	open_it();
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	k->ops->close(k);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

/* What `by` says over that channel at `when`, as the keeper hears it at `heard`. */
static struct mst_said say(const struct mst_channel *ch, uint32_t by, mst_time when, mst_time heard, const char *request, struct mst_wrapped *room)
{
	assert_int_equal(mst_statement_make(ch, c, by, when, mst_view_str(request), room), 0);
	return (struct mst_said){ ch->id, { room->b, room->n }, mst_view_str(request), heard };
}

static struct mst_ticket asked(uint32_t by, const char *request)
{
	struct mst_wrapped room;
	struct mst_said q = say(&local, by, NOW, NOW, request, &room);
	struct mst_ticket t;

	assert_int_equal(k->ops->leave_ask(k, &q, &t), 0);
	assert_true(t.uid == by && t.when == NOW);
	return t;
}

static void yes_text(const struct mst_ticket *t, const char *request, char out[160])
{
	char hex[2 * MST_SHA256_LEN + 1];
	uint8_t sum[MST_SHA256_LEN];
	struct mst_writer w = mst_writer_of(hex, sizeof(hex));

	assert_int_equal(mst_ticket_digest(c, t->uid, t->when, t->nonce, mst_view_str(request), sum), 0);
	mst_put_hex(&w, (struct mst_view){ sum, sizeof(sum) });
	mst_put_nul(&w);
	snprintf(out, 160, "POST /v1/approvals/7/give\n{\"digest\":\"%s\"}", hex);
}

static int given_at(const struct mst_channel *ch, uint32_t by, mst_time when, const struct mst_ticket *t, const char *shown, const char *request)
{
	struct mst_wrapped room;
	char text[160];
	struct mst_said yes;

	yes_text(t, shown, text);
	yes = say(ch, by, when, when, text, &room);
	return k->ops->leave_give(k, &yes, mst_view_str(request), &t->wrapped);
}

static int given(uint32_t by, const struct mst_ticket *t, const char *request)
{
	return given_at(&local, by, NOW + 60, t, request, request);
}

static int rotate(void)
{
	uint32_t gen;

	return k->ops->rotate(k, &gen);
}

static int accept_log(void)
{
	static uint64_t seq;
	struct mst_log_seal s = { .seq = seq + 1, .when = NOW };

	seq++;
	return k->ops->seal_log(k, &s, true);
}

static void two_persons_and_once(void **state)
{
	struct mst_ticket t = asked(ANNA, ROTATE), u;

	(void)state;
	assert_int_equal(rotate(), MST_KEEPER_LEAVE);
	assert_int_equal(given(ANNA, &t, ROTATE), MST_KEEPER_SAME);
	assert_int_equal(given(CARL, &t, ROTATE), MST_KEEPER_DENIED);
	assert_int_equal(rotate(), MST_KEEPER_LEAVE);
	assert_int_equal(given(BERT, &t, ROTATE), 0);
	/* to this, not to something else */
	assert_int_equal(accept_log(), MST_KEEPER_LEAVE);
	t = asked(ANNA, ROTATE);
	u = asked(ANNA, OTHER);
	assert_int_equal(given(BERT, &t, ROTATE), 0);
	assert_int_equal(rotate(), 0);
	/* what was asked before it is over, while the generation before is still there: one yes, one new key, whatever the store says */
	assert_int_equal(given(BERT, &t, ROTATE), MST_KEEPER_FORGED);
	assert_int_equal(given(BERT, &u, OTHER), MST_KEEPER_FORGED);
	/* that it rotates already is another refusal than no yes */
	assert_int_equal(rotate(), MST_KEEPER_DENIED);
	assert_int_equal(k->ops->retire(k, 1), 0);
	assert_int_equal(rotate(), MST_KEEPER_LEAVE);
	/* nor with the same yes, nor with a new one for the same ticket */
	assert_int_equal(given(BERT, &t, ROTATE), MST_KEEPER_FORGED);           /* its generation is gone */
	t = asked(ANNA, ACCEPT);
	assert_int_equal(given(BERT, &t, ACCEPT), 0);
	assert_int_equal(accept_log(), 0);
	assert_int_equal(given(BERT, &t, ACCEPT), MST_KEEPER_DENIED);
	assert_int_equal(accept_log(), MST_KEEPER_LEAVE);
	/* what is sealed as always needs nobody */
	assert_int_equal(k->ops->seal_log(k, &(struct mst_log_seal){ .seq = 1000, .when = NOW }, false), 0);
	/* who may not say yes may not ask either */
	t = asked(CARL, ROTATE);
	assert_int_equal(given(BERT, &t, ROTATE), MST_KEEPER_DENIED);
}

static void a_yes_is_good_for_moments(void **state)
{
	struct mst_ticket t = asked(ANNA, ROTATE);

	(void)state;
	assert_int_equal(given(BERT, &t, ROTATE), 0);
	clock_ms += 30001;
	assert_int_equal(rotate(), MST_KEEPER_LEAVE);
	t = asked(ANNA, ROTATE);
	assert_int_equal(given_at(&local, BERT, NOW + EXPIRES + 1, &t, ROTATE, ROTATE), MST_KEEPER_DENIED);
	assert_int_equal(given_at(&local, BERT, NOW + EXPIRES, &t, ROTATE, ROTATE), 0);
	assert_int_equal(rotate(), 0);
}

static void content_is_bound(void **state)
{
	struct mst_ticket t = asked(ANNA, OTHER), r = asked(ANNA, ROTATE);
	struct mst_wrapped room;
	struct mst_said yes;
	char text[160];

	(void)state;
	/* the request was changed after it was asked for, with the yes to either of the two */
	assert_int_equal(given_at(&local, BERT, NOW, &t, OTHER, ROTATE), MST_KEEPER_FORGED);
	assert_int_equal(given_at(&local, BERT, NOW, &t, ROTATE, ROTATE), MST_KEEPER_FORGED);
	/* another ticket's yes; the same person's same request, asked twice, are two */
	yes_text(&r, ROTATE, text);
	yes = say(&local, BERT, NOW, NOW, text, &room);
	assert_int_equal(k->ops->leave_give(k, &yes, mst_view_str(OTHER), &t.wrapped), MST_KEEPER_FORGED);
	t = asked(ANNA, ROTATE);
	assert_int_equal(k->ops->leave_give(k, &yes, mst_view_str(ROTATE), &t.wrapped), MST_KEEPER_FORGED);
	assert_int_equal(k->ops->leave_give(k, &yes, mst_view_str(ROTATE), &r.wrapped), 0);
	/* a no with the digest in its words is no yes */
	yes_text(&t, ROTATE, text);
	memcpy(text, "POST /v1/approvals/refuse\n", strlen("POST /v1/approvals/refuse\n"));
	yes = say(&local, BERT, NOW, NOW, text, &room);
	assert_int_equal(k->ops->leave_give(k, &yes, mst_view_str(ROTATE), &t.wrapped), MST_KEEPER_FORGED);
	/* a digest in something that is no yes */
	yes_text(&t, ROTATE, text);
	memcpy(text + strlen("POST /v1/"), "eventsxyz", 9);
	yes = say(&local, BERT, NOW, NOW, text, &room);
	assert_int_equal(k->ops->leave_give(k, &yes, mst_view_str(ROTATE), &t.wrapped), MST_KEEPER_FORGED);
}

/* An engine that was taken over has no channel of people, another listener has none either, and what was said once is not said again. */
static void nobody_makes_it_up(void **state)
{
	struct mst_ticket t = asked(ANNA, ROTATE), own;
	struct mst_wrapped room, key;
	struct mst_said q = say(&mef, ANNA, NOW, NOW, ROTATE, &room);

	(void)state;
	assert_int_equal(k->ops->leave_ask(k, &q, &own), MST_KEEPER_DENIED);
	assert_int_equal(given_at(&mef, BERT, NOW, &t, ROTATE, ROTATE), MST_KEEPER_DENIED);
	q = say(&made_up, ANNA, NOW, NOW, ROTATE, &room);
	assert_int_equal(k->ops->leave_ask(k, &q, &own), MST_KEEPER_FORGED);
	assert_int_equal(given_at(&made_up, BERT, NOW, &t, ROTATE, ROTATE), MST_KEEPER_FORGED);
	q.from = 9;
	assert_int_equal(k->ops->leave_ask(k, &q, &own), MST_KEEPER_NO_CHANNEL);
	/* of another request, of another time, and a key in its place */
	q = say(&local, ANNA, NOW, NOW, OTHER, &room);
	q.request = mst_view_str(ROTATE);
	assert_int_equal(k->ops->leave_ask(k, &q, &own), MST_KEEPER_FORGED);
	for (int late = -1; late < 2; late += 2) {
		q = say(&local, ANNA, NOW, NOW + late * 121, ROTATE, &room);
		assert_int_equal(k->ops->leave_ask(k, &q, &own), MST_KEEPER_FORGED);
	}
	assert_int_equal(mst_channel_seal(&local, c, MST_PURPOSE_KPM, &(struct mst_key){ .n = 44 }, &key), 0);
	q = (struct mst_said){ local.id, { key.b, key.n }, mst_view_str(ROTATE), NOW };
	assert_int_equal(k->ops->leave_ask(k, &q, &own), MST_KEEPER_FORGED);
	/* and a statement is no key */
	q = say(&local, ANNA, NOW, NOW, ROTATE, &room);
	assert_int_equal(k->ops->wrap(k, local.id, q.statement, MST_PURPOSE_KPM, "x", &key), MST_KEEPER_FORGED);
	/* a ticket is nothing that is wrapped for another use, nor the other way round */
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KPM, "four eyes", &key), 0);
	own = t;
	own.wrapped = key;
	assert_int_equal(given(BERT, &own, ROTATE), MST_KEEPER_FORGED);
	own.wrapped = t.wrapped;
	own.wrapped.b[own.wrapped.n - 1] ^= 1;
	assert_int_equal(given(BERT, &own, ROTATE), MST_KEEPER_FORGED);
}

/* The power goes: what was asked for is still there, a yes from before is not. */
static void across_a_restart(void **state)
{
	static const uint8_t fresh[32] = { 9 };
	struct mst_ticket t = asked(ANNA, ROTATE), u = asked(BERT, ACCEPT);
	struct mst_channel next = { .id = 1, .key = { 9 } };

	(void)state;
	assert_int_equal(given(ANNA, &u, ACCEPT), 0);
	k->ops->close(k);
	open_it();
	assert_int_equal(mst_keeper_local_channel(k, 1, fresh, MST_DUTY_ADMIN), 0);
	assert_int_equal(accept_log(), MST_KEEPER_LEAVE);
	assert_int_equal(given(ANNA, &u, ACCEPT), MST_KEEPER_FORGED);           /* said over a channel that is no more */
	assert_int_equal(given_at(&next, BERT, NOW + 60, &t, ROTATE, ROTATE), 0);
	assert_int_equal(rotate(), 0);
}

static int stands(const struct mst_channel *ch, mst_time when, const char *request)
{
	struct mst_wrapped room;
	struct mst_said q = say(ch, CARL, when, when, request, &room);

	return k->ops->leave_own(k, &q);
}

/* One person's word for another audit log, which is asked for with four eyes off, too: an engine that was taken over has none. */
static void one_stands_for_the_log(void **state)
{
	struct mst_wrapped room;
	struct mst_said q;

	(void)state;
	assert_int_equal(stands(&local, NOW, ACCEPT), MST_KEEPER_LEAVE);
	mst_keeper_local_four_eyes(k, &(struct mst_four_eyes){ 0 });
	assert_int_equal(accept_log(), MST_KEEPER_LEAVE);
	assert_int_equal(stands(&mef, NOW, ACCEPT), MST_KEEPER_DENIED);
	assert_int_equal(stands(&made_up, NOW, ACCEPT), MST_KEEPER_FORGED);
	assert_int_equal(stands(&local, NOW, ROTATE), MST_KEEPER_DENIED);
	assert_int_equal(stands(&local, NOW, OTHER), MST_KEEPER_DENIED);
	assert_int_equal(accept_log(), MST_KEEPER_LEAVE);
	q = say(&local, CARL, NOW, NOW, ACCEPT, &room);
	assert_int_equal(k->ops->leave_own(k, &q), 0);
	assert_int_equal(accept_log(), 0);
	/* once, and it is not said again while it is fresh */
	assert_int_equal(accept_log(), MST_KEEPER_LEAVE);
	assert_int_equal(k->ops->leave_own(k, &q), MST_KEEPER_FORGED);
	assert_int_equal(accept_log(), MST_KEEPER_LEAVE);
	/* for moments */
	assert_int_equal(stands(&local, NOW + 1, ACCEPT), 0);
	clock_ms += 30001;
	assert_int_equal(accept_log(), MST_KEEPER_LEAVE);
}

static void off(void **state)
{
	struct mst_ticket t = asked(ANNA, OTHER);

	(void)state;
	mst_keeper_local_four_eyes(k, &(struct mst_four_eyes){ 0 });
	assert_int_equal(given(BERT, &t, OTHER), MST_KEEPER_DENIED);
	assert_int_equal(rotate(), 0);
	assert_int_equal(accept_log(), MST_KEEPER_LEAVE);
}

/* The people are others from one moment to the next: also for what was asked for, and for a yes that was given and not used. */
static void other_people(void **state)
{
	const struct mst_four_eyes four = { MST_GUARD_ROTATE | MST_GUARD_ACCEPT, EXPIRES, { ANNA, CARL }, 2 };
	struct mst_ticket t = asked(ANNA, ROTATE), of_bert = asked(BERT, OTHER), other = asked(ANNA, OTHER);

	(void)state;
	assert_int_equal(given(BERT, &t, ROTATE), 0);
	mst_keeper_local_four_eyes(k, &four);
	assert_int_equal(rotate(), MST_KEEPER_LEAVE);
	assert_int_equal(given(BERT, &other, OTHER), MST_KEEPER_DENIED);
	assert_int_equal(given(ANNA, &of_bert, OTHER), MST_KEEPER_DENIED);
	assert_int_equal(given(CARL, &of_bert, OTHER), MST_KEEPER_DENIED);
	assert_int_equal(given(CARL, &other, OTHER), 0);
	t = asked(ANNA, ROTATE);
	assert_int_equal(given(CARL, &t, ROTATE), 0);
	/* the same people again take nothing back */
	mst_keeper_local_four_eyes(k, &four);
	assert_int_equal(rotate(), 0);
}

static void used_ones_fill_up(void **state)
{
	struct mst_ticket t;
	int r = 0;

	(void)state;
	for (int i = 0; i < 64; i++) {
		t = asked(ANNA, OTHER);
		assert_int_equal(given(BERT, &t, OTHER), 0);
	}
	t = asked(ANNA, OTHER);
	r = given(BERT, &t, OTHER);
	assert_int_equal(r, MST_KEEPER_BUSY);
	/* those that would have ended by now make room */
	t = asked(ANNA, OTHER);
	assert_int_equal(given_at(&local, BERT, NOW + EXPIRES, &t, OTHER, OTHER), MST_KEEPER_BUSY);
}

static struct mst_ticket asked_at(uint32_t by, mst_time when, const char *request)
{
	struct mst_wrapped room;
	struct mst_said q = say(&local, by, when, when, request, &room);
	struct mst_ticket t;

	assert_int_equal(k->ops->leave_ask(k, &q, &t), 0);
	return t;
}

/* The time that comes with a call is the engine's: one that was taken over says once more what was said long ago, when its use is forgotten. */
static void an_old_yes_is_not_said_again(void **state)
{
	struct mst_ticket t = asked(ANNA, ACCEPT), later;
	struct mst_wrapped room, ask;
	struct mst_said yes, old = say(&local, ANNA, NOW, NOW, ROTATE, &ask);
	char text[160];

	(void)state;
	yes_text(&t, ACCEPT, text);
	yes = say(&local, BERT, NOW + 60, NOW + 60, text, &room);
	assert_int_equal(k->ops->leave_give(k, &yes, mst_view_str(ACCEPT), &t.wrapped), 0);
	assert_int_equal(accept_log(), 0);
	later = asked_at(ANNA, NOW + EXPIRES + 300, OTHER);
	assert_int_equal(given_at(&local, BERT, NOW + EXPIRES + 300, &later, OTHER, OTHER), 0);
	assert_int_equal(k->ops->leave_give(k, &yes, mst_view_str(ACCEPT), &t.wrapped), MST_KEEPER_FORGED);
	yes.now = NOW + EXPIRES + 300;
	assert_int_equal(k->ops->leave_give(k, &yes, mst_view_str(ACCEPT), &t.wrapped), MST_KEEPER_FORGED);
	assert_int_equal(accept_log(), MST_KEEPER_LEAVE);
	assert_int_equal(k->ops->leave_ask(k, &old, &later), MST_KEEPER_FORGED);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = { T(two_persons_and_once), T(a_yes_is_good_for_moments), T(content_is_bound), T(nobody_makes_it_up),
					    T(across_a_restart), T(one_stands_for_the_log), T(off), T(other_people), T(used_ones_fill_up), T(an_old_yes_is_not_said_again) };

	return cmocka_run_group_tests_name("keeper-leave", tests, NULL, NULL);
}
