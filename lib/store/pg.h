/*
 * PostgreSQL: its part of the store (sql.h, decision 0032).
 *
 * A group locks the one row of store_writer before anything is read, so all groups of all programs follow on one another as they
 * do with SQLite, and what a decision has read is still so when it commits. Commands go out in batches: one way there and back
 * each. An error ends the transaction there, so what may be refused in the ordinary course stands behind a savepoint.
 *
 * A connection that is lost before the commit was asked for costs the group (mst_store_may_repeat); one that is lost after
 * it is made again, and the number of the group is looked up in store_group.
 */
#ifndef MST_STORE_PG_H
#define MST_STORE_PG_H

#include <libpq-fe.h>

#include "store/sql.h"

#define PG_PARAMS 32
#define PG_BATCH 8
#define PG_AGAIN_MS 1000        /* between two tries to connect */
/* A lock that each connection of ours shares, one for a schema. Two numbers: "mustr", cut to 32 bits, and the schema's. */
#define PG_PRESENCE "1836413812, hashtext(current_schema())"

struct pg {
	struct sq q;
	PGconn *c;
	char *conninfo, *hosts, *addresses, *ports; /* as given; and lists of what was looked up, "" where there is nothing to look up */
	bool prepared[SQ__COUNT];
	enum sq_slot batch[PG_BATCH];               /* which slot a command of the batch prepares, or SQ_NO_SLOT */
	unsigned n_batch;
	char name[33];                              /* of this opened store */
	int64_t group;                              /* number of the last one that wrote */
	bool wrote;                                 /* in this one */
	bool opened;                                /* the schema is there, and q.generation known */
	int64_t again_at;                           /* no connection is tried before, milliseconds */
	/* one that is being made (pg-dial.c): to which host of the lists, until when, how long it is waited for, and what it waits for */
	PGconn *dial;
	size_t at_host;
	int64_t connect_ms, dial_until, patient_until;
	short dial_want;
};

/*
 * libpq is loaded by the process that uses it, when it does: linked, it would come into every process, and with it libraries of
 * LDAP, Kerberos and GnuTLS that the keeper and the listeners have nothing to do with.
 */
#define PG_FUNCTIONS(X) \
	X(PQclear) X(PQcmdStatus) X(PQcmdTuples) X(PQconnectPoll) X(PQconnectStartParams) X(PQconsumeInput) \
	X(PQenterPipelineMode) X(PQerrorMessage) X(PQexec) X(PQexitPipelineMode) X(PQfinish) X(PQflush) \
	X(PQfname) X(PQftype) X(PQgetResult) X(PQgetisnull) X(PQgetlength) X(PQgetvalue) X(PQisBusy) \
	X(PQntuples) X(PQpipelineSync) X(PQresultErrorField) X(PQresultErrorMessage) X(PQresultStatus) \
	X(PQsendPrepare) X(PQsendQueryParams) X(PQsendQueryPrepared) X(PQsetNoticeReceiver) \
	X(PQsetnonblocking) X(PQsocket) X(PQstatus) X(PQtransactionStatus)
#define PG_MEMBER(f) __typeof__(&(f)) f; /* NOLINT(bugprone-macro-parentheses): it is a name */
extern struct pg_library { PG_FUNCTIONS(PG_MEMBER) } pq;
/* pg-library.c. 0, or a fault with words. */
MST_MUST_CHECK int pg_load(struct mst_diag *d);

/* Binary, but for text. */
struct pg_params {
	int n;
	Oid type[PG_PARAMS];
	const char *value[PG_PARAMS];
	int len[PG_PARAMS], format[PG_PARAMS];
	uint8_t number[PG_PARAMS][8];
};

enum { PG_BOOL = 16, PG_BYTEA = 17, PG_INT8 = 20, PG_INT4 = 23, PG_TEXT = 25 };  /* of pg_type, for ever */

static inline struct pg *pg_of(struct sq *q)
{
	return (struct pg *)(void *)q;
}

/* --- pg-dial.c --- */

/*
 * A connection to the first host that gives one, into p->c. When it is not there in a moment MST_FAULT_STORE is returned, with words, and the next
 * calls go on with it: who decides is not kept waiting for a host that says nothing. `to_the_end`: waits until all hosts were tried.
 */
MST_MUST_CHECK int pg_dial(struct pg *p, bool to_the_end);

/* --- pg-wire.c --- */

/* Words of the library's, for people. */
void pg_say(struct pg *p, const char *words);

int64_t pg_now(void);
/* A connection, when there is none that works. MST_FAULT_STORE with words; not tried again for a moment then. */
MST_MUST_CHECK int pg_connect(struct pg *p);
/* The next command of the batch: prepared for its slot when first used, or for this once. */
MST_MUST_CHECK int pg_add(struct pg *p, enum sq_slot slot, const char *sql, const struct pg_params *a);
/*
 * The batch goes out. 0, or what became of the first command that failed: MST_STORE_EXISTS, MST_STORE_NONE (a referenced row is
 * absent) or a fault; the ones after it were not carried out. *ret is the result of command `keep`, for PQclear(); NULL when it failed.
 */
MST_MUST_CHECK int pg_end(struct pg *p, unsigned keep, PGresult **ret);
/* One command without parameters, a batch of its own. */
MST_MUST_CHECK int pg_do(struct pg *p, const char *sql);

/* --- pg-row.c --- */

MST_MUST_CHECK int pg_args(struct pg_params *a, const struct sq_arg *arg, size_t n);
int pg_put(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *lead, size_t n_lead, const struct sq_col *col, size_t n_col,
	   const void *row, int64_t *ret_id);
int pg_open(struct sq_iter *it, enum sq_slot slot, const char *sql, const struct sq_arg *arg, size_t n_arg);
bool pg_next(struct sq_iter *it, const struct sq_col *col, size_t n_col, void *ret);
void pg_shut(struct sq_iter *it);

/* --- pg-schema.c --- */

MST_MUST_CHECK int pg_schema(struct pg *p, struct mst_diag *d);

/* --- pg-where.c: what the operator wrote, and addresses --- */

/* Names are looked up here, once: a confined process cannot. */
MST_MUST_CHECK int pg_look_up(struct pg *p, struct mst_diag *d);
/* The i-th of all hosts; empty members stand as they were written. False: there are fewer. */
struct pg_host { char name[256], address[64], port[16]; };
bool pg_host(const struct pg *p, size_t i, struct pg_host *ret);

#endif
