/* PostgreSQL: the connection, and commands in batches over it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "store/pg.h"

#define ANSWER_MS 30000         /* longer than any wait of the server's own, below */

/*
 * How long a group waits for the one before it; and after which silence the server ends a group whose program hangs or is cut
 * off, so that the others go on. What is acknowledged is on the disk, whatever the server's own setting is.
 */
static const char session[] = "SET lock_timeout = 5000; SET idle_in_transaction_session_timeout = 10000; SET statement_timeout = 20000;"
			      "SET bytea_output = hex; SET standard_conforming_strings = on;"
			      "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
			      "SELECT pg_advisory_lock_shared(" PG_PRESENCE ")";

int64_t pg_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The library's words have several lines. */
void pg_say(struct pg *p, const char *words)
{
	size_t n = 0;

	for (; *words && n < sizeof(p->q.error) - 1; words++)
		if ((uint8_t)*words >= ' ' || (words[1] && p->q.error[n ? n - 1 : 0] != ' '))
			p->q.error[n++] = (uint8_t)*words < ' ' ? ' ' : *words;
	p->q.error[n] = '\0';
}

static int gone(struct pg *p, const char *words)
{
	pg_say(p, words);
	pq.PQfinish(p->c);
	p->c = NULL;
	p->n_batch = 0;
	memset(p->prepared, 0, sizeof(p->prepared));
	if (p->q.in_group) {
		p->q.lost = MST_FAULT_STORE;
		p->q.may_repeat = true;
	}
	return MST_FAULT_STORE;
}

/* What was said there while nobody listened: that it ends, perhaps. */
static bool works(struct pg *p)
{
	struct pollfd f = { .fd = p->c ? pq.PQsocket(p->c) : -1, .events = POLLIN };

	if (!p->c || pq.PQstatus(p->c) != CONNECTION_OK)
		return false;
	return poll(&f, 1, 0) <= 0 || (pq.PQconsumeInput(p->c) && pq.PQstatus(p->c) == CONNECTION_OK);
}

/* What the server remarks is nobody's concern. */
static void ignore(void *arg, const PGresult *r)
{
	(void)arg;
	(void)r;
}

/* A key that was there when the store was opened, or that we have put there. The marks of versions that had none say nothing. */
static bool known(const struct pg *p, const char *mark)
{
	static const uint8_t none[MST_GENERATION_MARK];
	uint8_t there[MST_GENERATION_MARK];
	size_t n = 0;

	if (!memcmp(p->q.mark[0], none, sizeof(none)) || !mst_hex_decode(mst_view_str(mark), there, sizeof(there), &n) || n != sizeof(there))
		return true;
	return !memcmp(there, p->q.mark[0], n) || !memcmp(there, p->q.mark[1], n);
}

/* Who was cut off while another one made a new key would write under a key that is to be destroyed (decision 0038). */
static int look_who_rotated(struct pg *p)
{
	PGresult *r = pq.PQexec(p->c, "SELECT coalesce(max(generation), 0)::text, coalesce(max(encode(mark, 'hex')), '') FROM rotation");
	bool good = r && pq.PQresultStatus(r) == PGRES_TUPLES_OK && pq.PQntuples(r) == 1;
	int64_t there = good ? strtoll(pq.PQgetvalue(r, 0, 0), NULL, 10) : 0;
	bool other = good && there == p->q.generation && !known(p, pq.PQgetvalue(r, 0, 1));

	pq.PQclear(r);
	if (!good)
		return gone(p, pq.PQerrorMessage(p->c));
	if (there > p->q.generation || other)
		return gone(p, "another musterd made a new key-encryption key meanwhile; copy its keeper's directory to here, and start again");
	return 0;
}

static int set_up(struct pg *p)
{
	PGresult *r = pq.PQexec(p->c, session);
	bool good = r && (pq.PQresultStatus(r) == PGRES_TUPLES_OK || pq.PQresultStatus(r) == PGRES_COMMAND_OK);

	pq.PQclear(r);
	if (good && p->opened && look_who_rotated(p))
		return MST_FAULT_STORE;
	if (!good || pq.PQsetnonblocking(p->c, 1) || !pq.PQenterPipelineMode(p->c))
		return gone(p, pq.PQerrorMessage(p->c));
	return 0;
}

int pg_connect(struct pg *p)
{
	int r;

	if (works(p))
		return 0;
	if (p->c)
		(void)gone(p, pq.PQerrorMessage(p->c));
	if (pg_now() < p->again_at)
		return MST_FAULT_STORE;
	r = pg_dial(p, !p->opened);
	if (r)
		return r;
	(void)pq.PQsetNoticeReceiver(p->c, ignore, NULL);
	r = set_up(p);
	if (r)
		p->again_at = pg_now() + PG_AGAIN_MS;
	return r;
}

/* `?7` is `$7` here. */
static bool in_its_words(const char *sql, char *out, size_t cap)
{
	size_t n = strlen(sql);

	if (n >= cap)
		return false;
	for (size_t i = 0; i <= n; i++)
		out[i] = sql[i] == '?' ? '$' : sql[i];
	return true;
}

int pg_add(struct pg *p, enum sq_slot slot, const char *sql, const struct pg_params *a)
{
	static const struct pg_params none;
	char name[16], text[3072];
	int ok = 1;

	a = a ? a : &none;
	if (!p->c)
		return MST_FAULT_STORE;
	if (p->n_batch + 2 > PG_BATCH)
		return MST_FAULT_BUG;
	snprintf(name, sizeof(name), "s%d", (int)slot);
	if ((slot == SQ_NO_SLOT || !p->prepared[slot]) && !in_its_words(sql, text, sizeof(text)))
		return MST_FAULT_BUG;
	if (slot != SQ_NO_SLOT && !p->prepared[slot]) {
		ok = pq.PQsendPrepare(p->c, name, text, a->n, a->type);
		p->batch[p->n_batch++] = slot;
	}
	if (ok)
		ok = slot == SQ_NO_SLOT ? pq.PQsendQueryParams(p->c, text, a->n, a->type, a->value, a->len, a->format, 1)
					: pq.PQsendQueryPrepared(p->c, name, a->n, a->value, a->len, a->format, 1);
	p->batch[p->n_batch++] = SQ_NO_SLOT;
	return ok ? 0 : gone(p, pq.PQerrorMessage(p->c));
}

static bool is_state(const char *have, const char *one)
{
	return !strncmp(have, one, strlen(one));
}

static int outcome_of(struct pg *p, const PGresult *r)
{
	static const struct { const char *state; int outcome; bool repeat; } row[] = {
		{ "23505", MST_STORE_EXISTS, false },
		{ "23503", MST_STORE_NONE, false },
		{ "23", MST_FAULT_BUG, false },         /* a check of our own schema said no, … */
		{ "P0001", MST_FAULT_BUG, false },      /* … or a trigger */
		{ "22", MST_FAULT_BUG, false },
		{ "42", MST_FAULT_BUG, false },
		{ "40", MST_FAULT_STORE, true },        /* not to be serialised, or a deadlock: nobody's mistake */
		{ "53100", MST_FAULT_SPACE, false },
		{ "53200", MST_FAULT_MEMORY, false },
		{ "XX001", MST_FAULT_CORRUPT, false },
		{ "XX002", MST_FAULT_CORRUPT, false },
		{ "57P0", MST_FAULT_STORE, true },      /* the server ends */
		{ "25006", MST_FAULT_STORE, true },     /* it is no primary any more */
	};
	const char *state = pq.PQresultErrorField(r, PG_DIAG_SQLSTATE), *words = pq.PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	state = state ? state : "";
	pg_say(p, words ? words : pq.PQresultErrorMessage(r));
	for (size_t i = 0; i < MST_COUNT(row); i++)
		if (is_state(state, row[i].state)) {
			p->q.may_repeat = row[i].repeat && p->q.in_group;
			return row[i].outcome;
		}
	return MST_FAULT_STORE;
}

/* The next thing that the server says; false when nothing will come any more. NULL: the end of what one command gives. */
static bool hear(struct pg *p, int64_t until, PGresult **ret)
{
	int left = 1;

	*ret = NULL;
	while (left || pq.PQisBusy(p->c)) {
		struct pollfd f = { .fd = pq.PQsocket(p->c), .events = POLLIN };
		int64_t ms = until - pg_now();

		left = pq.PQflush(p->c);
		if (left < 0)
			return false;
		if (!left && !pq.PQisBusy(p->c))
			break;
		f.events = (short)(POLLIN | (left ? POLLOUT : 0));
		if (ms <= 0 || (poll(&f, 1, (int)ms) < 0 && errno != EINTR))
			return false;
		if (f.revents & ~POLLOUT && !pq.PQconsumeInput(p->c))
			return false;
	}
	*ret = pq.PQgetResult(p->c);
	return true;
}

/* What became of one command. */
static bool take(struct pg *p, unsigned at, int *outcome, PGresult *r)
{
	ExecStatusType s = pq.PQresultStatus(r);

	if (s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK) {
		p->prepared[p->batch[at]] = p->batch[at] != SQ_NO_SLOT;
		return true;
	}
	if (s == PGRES_FATAL_ERROR && !*outcome)
		*outcome = outcome_of(p, r);
	return false;
}

int pg_end(struct pg *p, unsigned keep, PGresult **ret)
{
	int64_t until = pg_now() + ANSWER_MS;
	unsigned n = p->n_batch, own = 0;
	PGresult *r = NULL;
	int outcome = 0;

	*ret = NULL;
	p->n_batch = 0;
	if (!p->c)
		return MST_FAULT_STORE;
	if (!pq.PQpipelineSync(p->c))
		return gone(p, pq.PQerrorMessage(p->c));
	for (unsigned i = 0; i < n; i++) {
		bool mine = p->batch[i] == SQ_NO_SLOT && own++ == keep;

		if (!hear(p, until, &r) || !r || pq.PQstatus(p->c) != CONNECTION_OK)
			break;
		if (take(p, i, &outcome, r) && mine)
			*ret = r;
		else
			pq.PQclear(r);
		if (!hear(p, until, &r) || r)
			break;
		if (i + 1 == n && hear(p, until, &r) && r && pq.PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
			pq.PQclear(r);
			return outcome;
		}
	}
	if (*ret != r)
		pq.PQclear(r);
	pq.PQclear(*ret);
	*ret = NULL;
	return gone(p, p->c && *pq.PQerrorMessage(p->c) ? pq.PQerrorMessage(p->c) : "the database does not answer");
}

int pg_do(struct pg *p, const char *sql)
{
	PGresult *none;
	int r = pg_add(p, SQ_NO_SLOT, sql, NULL);

	r = r ? r : pg_end(p, PG_BATCH, &none);
	return r > 0 ? MST_FAULT_BUG : r;
}
