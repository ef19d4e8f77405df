/*
 * PostgreSQL: the schema is made or brought up to date in one transaction, and its tables, indexes, triggers and functions are
 * looked at: what they were when the last migration had run is kept beside its number. A table changed by other hands, or a
 * trigger of the audit log that is off, is refused instead of used.
 */
#include <stdio.h>
#include <string.h>

#include "store/migration.h"
#include "store/pg.h"

/* Several statements. Before the connection is used for batches, and afterwards again. */
static int exec(struct sq *q, const char *sql)
{
	struct pg *p = pg_of(q);
	PGresult *r;
	int fault;

	if (!p->c || !pq.PQexitPipelineMode(p->c) || pq.PQsetnonblocking(p->c, 0))
		return MST_FAULT_STORE;
	r = pq.PQexec(p->c, sql);
	fault = r && (pq.PQresultStatus(r) == PGRES_COMMAND_OK || pq.PQresultStatus(r) == PGRES_TUPLES_OK) ? 0 : MST_FAULT_STORE;
	if (fault)
		snprintf(q->error, sizeof(q->error), "%s", r && pq.PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) ?
			 pq.PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : "the connection was lost");
	pq.PQclear(r);
	if (pq.PQstatus(p->c) != CONNECTION_OK || pq.PQsetnonblocking(p->c, 1) || !pq.PQenterPipelineMode(p->c))
		return MST_FAULT_STORE;
	return fault;
}

/* Numbers and names only, so that another version of the server writes them in the same way. */
#define FINGERPRINT                                                                                                        \
	"SELECT 1, md5(coalesce(string_agg(line, ' ' ORDER BY line COLLATE \"C\"), '')) FROM ("                            \
	"SELECT 'column ' || c.relname || ' ' || a.attname || ' ' || a.atttypid || ' ' || a.attnotnull AS line"            \
	" FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"               \
	" WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_version'"     \
	" UNION ALL SELECT 'index ' || c.relname || ' ' || i.indkey::text || ' ' || i.indisunique || ' ' || i.indisvalid"  \
	" FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relnamespace = current_schema()::regnamespace"   \
	" UNION ALL SELECT 'rule ' || k.conname || ' ' || k.contype::text || ' ' || coalesce(k.conkey::text, '')"          \
	" || ' ' || k.convalidated FROM pg_constraint k WHERE k.connamespace = current_schema()::regnamespace"             \
	" AND k.contype IN ('p', 'u', 'f', 'c')"                                                                           \
	" UNION ALL SELECT 'trigger ' || t.tgname || ' ' || c.relname || ' ' || t.tgtype || ' ' || t.tgenabled::text"      \
	" || ' ' || f.prosrc || ' ' || encode(t.tgargs, 'hex')"                                                            \
	" FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc f ON f.oid = t.tgfoid"                       \
	" WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal) AS lines"

struct print { int64_t number; char text[40]; };
static const struct sq_col print_cols[] = { SQ_COL(SQ_I64, struct print, number), SQ_COL(SQ_TEXT, struct print, text) };

static const char ours[] = "CREATE TABLE IF NOT EXISTS schema_version (number BIGINT PRIMARY KEY, name TEXT NOT NULL,"
			   " fingerprint TEXT NOT NULL DEFAULT '')";

/* A database of another program is left as it is. */
static int claim(struct sq *q, struct mst_diag *d)
{
	struct print other;
	int r = sq_one(q, SQ_NO_SLOT, "SELECT 1, min(relname::text) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
		       " HAVING count(*) > 0 AND count(*) FILTER (WHERE relname = 'schema_version') = 0", NULL, 0, SQ_COLS(print_cols), &other);

	if (r != MST_STORE_NONE && r != 0 && r != MST_FAULT_CORRUPT)
		return r;
	if (r != MST_STORE_NONE) {
		mst_diag_set(d, 0, "store", "the database has tables of another program; name one of muster's, or an empty one", NULL);
		return MST_FAULT_CONFIG;
	}
	return exec(q, ours);
}

static int look(struct sq *q, int before, struct mst_diag *d)
{
	struct print have, want = { .text = "" };
	int now = sq_schema_version(q);
	int r = now < 0 ? now : sq_one(q, SQ_NO_SLOT, FINGERPRINT, NULL, 0, SQ_COLS(print_cols), &have);

	if (!r && now != before)
		r = q->db->put(q, SQ_NO_SLOT, "UPDATE schema_version SET fingerprint = ?2 WHERE number = ?1", SQ_ARGS(SQ_I(now), SQ_S(have.text)),
			       NULL, 0, NULL, NULL);
	if (!r)
		r = sq_one(q, SQ_NO_SLOT, "SELECT number, fingerprint FROM schema_version WHERE number = ?1", SQ_ARGS(SQ_I(now)), SQ_COLS(print_cols),
			   &want);
	if (r || !strcmp(have.text, want.text))
		return r;
	mst_diag_set(d, 0, "store", "the schema was changed by other hands; restore the database from a backup", NULL);
	return MST_FAULT_CORRUPT;
}

static int bring_up(struct sq *q, struct mst_diag *d)
{
	int before, r = claim(q, d);

	/* of two programs that start on a new database one makes the schema, and the other waits and finds it */
	r = r ? r : exec(q, "LOCK TABLE schema_version IN ACCESS EXCLUSIVE MODE");
	before = r ? r : sq_schema_version(q);
	r = before < 0 ? before : 0;
	r = r ? r : sq_migrate(q, mst_pg_migrations, mst_pg_migrations_n, exec, d);
	r = r ? r : look(q, before, d);
	/* names of stores that were opened long ago */
	return r ? r : exec(q, "DELETE FROM store_group WHERE at < extract(epoch FROM now()) - 86400");
}

int pg_schema(struct pg *p, struct mst_diag *d)
{
	int r = MST_FAULT_STORE;

	/* the second time for whoever made its table at the same moment as another */
	for (int i = 0; i < 2 && r == MST_FAULT_STORE && p->c && !d->text[0]; i++) {
		/* the table of a fleet is not changed in the time that an enrolment may take; how long a lock is waited for stays as it is */
		r = exec(&p->q, "BEGIN; SET LOCAL statement_timeout = 0");
		r = r ? r : bring_up(&p->q, d);
		r = r ? r : exec(&p->q, "COMMIT");
		if (r && p->c && pq.PQtransactionStatus(p->c) != PQTRANS_IDLE)
			(void)!exec(&p->q, "ROLLBACK");
	}
	return r;
}
