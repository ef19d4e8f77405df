/*
 * Four eyes (decision 0035): what one person asked for is done when another one has said yes to exactly that. Who they are is told by the local
 * listener, which knows it of the kernel, in statements that it seals for the keeper: an engine that was taken over can make none up, nor can any
 * other listener. What was asked for is kept as a ticket, wrapped as keys are, so that it outlives every process; a yes is good for moments only,
 * and for one use. To stand for another audit log wants a person's word also where four eyes are off, since nothing else than a person's
 * word tells a log that was brought back from one that an engine which was taken over has cut off.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "keeper/local.h"

#define FRESH 120                        /* seconds between listener and keeper */
#define ARMED_MS 30000                   /* how long a yes is good for the keeper's own operations */
#define STATEMENT (4 + 8 + MST_SHA256_LEN)
#define TICKET (STATEMENT + MST_TICKET_NONCE)
#define ID "four eyes"
#define TICKET_PURPOSE MST_PURPOSE_NONE  /* which no key has: it is none, and no other call opens it */

#define ACCEPT "POST /v1/events/accept\n"
/* Operations of the keeper itself, by the request that stands for them. */
static const struct { const char *request; enum keeper_guarded op; } own[] = {
	{ "POST /v1/keeper/rotate\n", KEEPER_ROTATE }, { ACCEPT, KEEPER_ACCEPT },
};

void mst_put_said(struct mst_writer *w, struct mst_view target, struct mst_view body)
{
	mst_put_str(w, "POST ");
	mst_put(w, target);
	mst_put_u8(w, '\n');
	mst_put(w, body);
}

int mst_statement_make(const struct mst_channel *ch, struct mst_crypto *c, uint32_t uid, mst_time when, struct mst_view request, struct mst_wrapped *ret_s)
{
	struct mst_key k = { .n = STATEMENT };
	struct mst_writer w = mst_writer_of(k.b, sizeof(k.b));
	uint8_t sum[MST_SHA256_LEN];
	int r = c->ops->sha256(c, request, sum);

	mst_put_u32(&w, uid);
	mst_put_u64(&w, (uint64_t)when);
	mst_put(&w, (struct mst_view){ sum, sizeof(sum) });
	if (!r)
		r = channel_seal(ch, CHANNEL_STATEMENT, 0, c, &k, ret_s);
	mst_key_wipe(&k);
	return r;
}

struct said { uint32_t uid; mst_time when; uint8_t sum[MST_SHA256_LEN]; };

static void read_said(const uint8_t b[STATEMENT], struct said *ret)
{
	struct mst_reader rd = mst_reader_of((struct mst_view){ b, STATEMENT });

	ret->uid = mst_read_u32(&rd);
	ret->when = (mst_time)mst_read_u64(&rd);
	memcpy(ret->sum, mst_read(&rd, MST_SHA256_LEN).p, MST_SHA256_LEN);
}

/* Said by the process where people ask, just now, of this request? 0, FORGED, NO_CHANNEL, DENIED, or a fault. */
static int hear(struct local *l, const struct mst_said *q, struct mst_key *k, struct said *ret)
{
	const struct mst_channel *ch = keeper_channel_of(l, q->from);
	uint8_t sum[MST_SHA256_LEN];
	int r;

	if (!ch)
		return MST_KEEPER_NO_CHANNEL;
	if (!(ch->duties & MST_DUTY_ADMIN))
		return MST_KEEPER_DENIED;
	r = channel_open(ch, CHANNEL_STATEMENT, 0, l->c, q->statement, k);
	if (!r && k->n != STATEMENT)
		r = MST_KEEPER_FORGED;
	if (!r)
		r = l->c->ops->sha256(l->c, q->request, sum);
	if (r)
		return r > 0 ? MST_KEEPER_FORGED : r;
	read_said(k->b, ret);
	if (memcmp(sum, ret->sum, sizeof(sum)) != 0 || q->now - ret->when > FRESH || ret->when - q->now > FRESH)
		return MST_KEEPER_FORGED;
	/* `now` is what the engine says; that time goes on is what the listener says. What it said long before its last word is not said again. */
	if (ret->when < l->heard - FRESH)
		return MST_KEEPER_FORGED;
	if (ret->when > l->heard)
		l->heard = ret->when;
	return 0;
}

int mst_ticket_digest(struct mst_crypto *c, uint32_t uid, mst_time when, const uint8_t nonce[MST_TICKET_NONCE], struct mst_view request,
		      uint8_t ret[MST_SHA256_LEN])
{
	uint8_t b[160], sum[MST_SHA256_LEN];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	int r = c->ops->sha256(c, request, sum);

	mst_put_str(&w, "muster approval 1\nuid=");
	mst_put_dec(&w, uid);
	mst_put_str(&w, "\nat=");
	mst_put_dec(&w, when);
	mst_put_str(&w, "\nnonce=");
	mst_put_hex(&w, (struct mst_view){ nonce, MST_TICKET_NONCE });
	mst_put_str(&w, "\nrequest=");
	mst_put_hex(&w, (struct mst_view){ sum, sizeof(sum) });
	mst_put_u8(&w, '\n');
	return r ? r : w.ok ? c->ops->sha256(c, mst_written(&w), ret) : MST_FAULT_BUG;
}

int keeper_leave_ask(struct mst_keeper *k, const struct mst_said *q, struct mst_ticket *ret_t)
{
	struct local *l = keeper_of(k);
	struct mst_ticket t = { .wrapped.n = 0 };
	struct mst_key key = { .n = 0 };
	struct said s;
	int r = hear(l, q, &key, &s);

	if (!r)
		r = l->c->ops->random(l->c, t.nonce, sizeof(t.nonce));
	if (!r) {
		memcpy(key.b + STATEMENT, t.nonce, sizeof(t.nonce));
		key.n = TICKET;
		t.uid = s.uid;
		t.when = s.when;
		r = keeper_wrap(l, &key, TICKET_PURPOSE, ID, &t.wrapped);
	}
	mst_key_wipe(&key);
	if (!r)
		*ret_t = t;
	return r > 0 ? keeper_refuse(l, (enum mst_keeper_outcome)r) : r;
}

/* Used ones are remembered for as long as a yes to them could be heard; with no room for another nothing is said yes to. */
static int use(struct local *l, const uint8_t nonce[MST_TICKET_NONCE], mst_time until)
{
	struct keeper_used *free_one = NULL;

	for (size_t i = 0; i < MST_COUNT(l->used); i++) {
		struct keeper_used *u = &l->used[i];

		if (u->until && memcmp(u->nonce, nonce, MST_TICKET_NONCE) == 0)
			return MST_KEEPER_DENIED;
		if (u->until < l->heard - FRESH && !free_one)
			free_one = u;
	}
	if (!free_one)
		return MST_KEEPER_BUSY;
	memcpy(free_one->nonce, nonce, MST_TICKET_NONCE);
	free_one->until = until;
	return 0;
}

/* The yes names this ticket and no other: its digest stands in it, in hex. */
static bool names(struct mst_view yes, const uint8_t digest[MST_SHA256_LEN])
{
	char hex[2 * MST_SHA256_LEN + 1];
	struct mst_writer w = mst_writer_of(hex, sizeof(hex));
	size_t line = mst_view_find(yes, '\n');

	mst_put_hex(&w, (struct mst_view){ digest, MST_SHA256_LEN });
	mst_put_nul(&w);
	for (size_t i = 0; i + 2 * MST_SHA256_LEN <= yes.n; i++)
		if (memcmp(yes.p + i, hex, 2 * MST_SHA256_LEN) == 0)
			return mst_view_starts(yes, "POST /v1/approvals/") && line < i && mst_view_ends(mst_view_sub(yes, 0, line), "/give");
	return false;
}

/* The next one of these is let through. */
static void arm(struct local *l, struct mst_view request)
{
	for (size_t i = 0; i < MST_COUNT(own); i++)
		if (mst_view_starts(request, own[i].request)) {
			l->armed = own[i].op;
			l->armed_until = l->now ? l->now() + ARMED_MS : ARMED_MS;
		}
}

static bool is_person(const struct local *l, uint32_t uid)
{
	for (size_t i = 0; i < l->four.n_people; i++)
		if (l->four.people[i] == uid)
			return true;
	return !l->four.n_people;
}

static int judge(struct local *l, const struct mst_said *yes, const struct said *by, struct mst_view request, const struct mst_key *ticket)
{
	uint8_t sum[MST_SHA256_LEN], digest[MST_SHA256_LEN];
	struct said asked;
	int r;

	read_said(ticket->b, &asked);
	r = l->c->ops->sha256(l->c, request, sum);
	if (!r)
		r = mst_ticket_digest(l->c, asked.uid, asked.when, ticket->b + STATEMENT, request, digest);
	if (r)
		return r;
	if (memcmp(sum, asked.sum, sizeof(sum)) != 0 || !names(yes->request, digest))
		return MST_KEEPER_FORGED;
	if (asked.uid == by->uid)
		return MST_KEEPER_SAME;
	if (!is_person(l, asked.uid) || !is_person(l, by->uid) || by->when - asked.when > l->four.expires || asked.when - by->when > FRESH)
		return MST_KEEPER_DENIED;
	return use(l, ticket->b + STATEMENT, asked.when + l->four.expires);
}

int keeper_leave_give(struct mst_keeper *k, const struct mst_said *yes, struct mst_view request, const struct mst_wrapped *ticket)
{
	struct local *l = keeper_of(k);
	struct mst_key said = { .n = 0 }, t = { .n = 0 };
	struct said by;
	int r = l->four.expires ? hear(l, yes, &said, &by) : MST_KEEPER_DENIED;

	/* of the generation in use: the yes that has made a new one is none to another, even when the power went before the store knew of it */
	if (!r && mst_wrapped_generation(ticket) != l->wrap[0].gen)
		r = MST_KEEPER_FORGED;
	if (!r)
		r = keeper_unwrap(l, ticket, TICKET_PURPOSE, ID, &t);
	if (!r)
		r = t.n == TICKET ? judge(l, yes, &by, request, &t) : MST_KEEPER_FORGED;
	if (!r)
		arm(l, request);
	mst_key_wipe(&said);
	mst_key_wipe(&t);
	return r > 0 ? keeper_refuse(l, (enum mst_keeper_outcome)r) : r;
}

int keeper_leave_own(struct mst_keeper *k, const struct mst_said *q)
{
	struct local *l = keeper_of(k);
	struct mst_key key = { .n = 0 };
	struct said by;
	int r = hear(l, q, &key, &by);

	if (!r && !mst_view_starts(q->request, ACCEPT))
		r = MST_KEEPER_DENIED;
	if (!r && l->four.guards & MST_GUARD_ACCEPT)
		r = MST_KEEPER_LEAVE;
	/* An engine that was taken over says again what it has heard, for as long as it is fresh. */
	if (!r && by.when <= l->stood)
		r = MST_KEEPER_FORGED;
	if (!r) {
		l->stood = by.when;
		arm(l, q->request);
	}
	mst_key_wipe(&key);
	return r > 0 ? keeper_refuse(l, (enum mst_keeper_outcome)r) : r;
}

bool keeper_allowed(struct local *l, enum keeper_guarded op)
{
	bool armed = l->armed == op && (l->now ? l->now() : 0) <= l->armed_until;

	if (op != KEEPER_ACCEPT && !(l->four.guards & (1u << op)))
		return true;
	if (armed)
		l->armed = KEEPER_NOTHING;
	return armed;
}

void mst_keeper_local_four_eyes(struct mst_keeper *k, const struct mst_four_eyes *f)
{
	struct local *l = keeper_of(k);

	/* who said yes a moment ago may be nobody any more */
	if (l->four.n_people != f->n_people || memcmp(l->four.people, f->people, f->n_people * sizeof(f->people[0])) != 0)
		l->armed = KEEPER_NOTHING;
	l->four = *f;
}
