/*
 * PostgreSQL: connections are made host by host, and without waiting for one that says nothing: the engine, which decides for everybody,
 * asks again with each turn. While there is no connection whoever wants something is told so at once.
 */
#include <poll.h>

#include "store/pg.h"

#define PATIENCE_MS 800         /* so long a call waits for a connection that has just been begun: most are there by then */
#define TURN_MS 20              /* and each one after that */

static int start(struct pg *p, const struct pg_host *h)
{
	/* what the operator wrote overrides what stands before it; what is behind it is not the operator's to choose */
	const char *const key[] = { "target_session_attrs", "tcp_user_timeout", "keepalives_idle", "application_name", "passfile",
				    "dbname", "host", "hostaddr", "port", "client_encoding", "gssencmode", NULL };
	const char *value[] = { "read-write", "10000", "10", "musterd", "/nonexistent", p->conninfo, h->name, h->address, h->port, "SQL_ASCII", "disable", NULL };

	p->dial = pq.PQconnectStartParams(key, value, 1);
	p->dial_want = POLLOUT;         /* what the library says that it begins with */
	p->dial_until = pg_now() + p->connect_ms;
	p->patient_until = pg_now() + PATIENCE_MS;
	return p->dial ? 0 : MST_FAULT_MEMORY;
}

static void end(struct pg *p, const char *words)
{
	pg_say(p, words);
	pq.PQfinish(p->dial);
	p->dial = NULL;
	p->at_host++;
}

enum dialled { OPEN, FAILED, WAITS };

/* As far as it goes until then. */
static enum dialled step(struct pg *p, int64_t until)
{
	while (pq.PQstatus(p->dial) != CONNECTION_BAD) {
		struct pollfd f = { .fd = pq.PQsocket(p->dial), .events = p->dial_want };
		int64_t last = until < p->dial_until ? until : p->dial_until, left = last - pg_now();
		PostgresPollingStatusType got;

		if (poll(&f, 1, left > 0 ? (int)left : 0) <= 0) {
			if (pg_now() < p->dial_until)
				return WAITS;
			end(p, "a host does not answer in time");
			return FAILED;
		}
		got = pq.PQconnectPoll(p->dial);
		if (got == PGRES_POLLING_OK)
			return OPEN;
		if (got == PGRES_POLLING_FAILED)
			break;
		p->dial_want = got == PGRES_POLLING_READING ? POLLIN : POLLOUT;
	}
	end(p, pq.PQerrorMessage(p->dial));
	return FAILED;
}

int pg_dial(struct pg *p, bool to_the_end)
{
	int64_t turn = pg_now() + TURN_MS;
	struct pg_host h;

	for (;;) {
		enum dialled got;

		if (!p->dial && !pg_host(p, p->at_host, &h)) {
			p->at_host = 0;
			p->again_at = pg_now() + PG_AGAIN_MS;
			return MST_FAULT_STORE;
		}
		if (!p->dial && start(p, &h))
			return MST_FAULT_MEMORY;
		got = step(p, to_the_end ? p->dial_until : turn > p->patient_until ? turn : p->patient_until);
		if (got == OPEN)
			break;
		if (got == WAITS) {
			pg_say(p, "a connection to the database is being made");
			return MST_FAULT_STORE;
		}
	}
	p->c = p->dial;
	p->dial = NULL;
	p->at_host = 0;
	return 0;
}
