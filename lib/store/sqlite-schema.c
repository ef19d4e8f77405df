/*
 * SQLite: the file is claimed, the migrations are applied in one transaction. Afterwards the schema is compared, text by text, with what the same migrations make
 * in an empty database: a table changed by other hands, or a missing trigger of the audit log, is
 * refused instead of used.
 */
#include "store/migration.h"
#include "store/sqlite-db.h"

#include <stdio.h>
#include <string.h>

#define APPLICATION_ID 0x4d535452 /* "MSTR" */

static int exec(struct sq *q, const char *sql)
{
	int rc = sqlite3_exec(lite_of(q)->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : lite_fault(q, rc);
}

static const struct sq_col number_col[] = { { SQ_I64, 0, 0 } };

static int number(struct sq *q, const char *sql, int64_t *ret_n)
{
	return sq_one(q, SQ_NO_SLOT, sql, NULL, 0, SQ_COLS(number_col), ret_n);
}

/* A file that is not ours is left as it is. */
static int claim(struct sq *q, struct mst_diag *d)
{
	int64_t id, tables;
	char sql[64];
	int r = number(q, "PRAGMA application_id", &id);

	if (!r)
		r = number(q, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r)
		return r;
	if (id == APPLICATION_ID)
		return 0;
	if (id || tables) {
		mst_diag_set(d, 0, "store",
			     "the file is a database of another program; name a file of muster's, or one "
			     "that does not exist",
			     NULL);
		return MST_FAULT_CONFIG;
	}
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", APPLICATION_ID);
	r = exec(q, sql);
	return r ? r
		 : exec(q, "CREATE TABLE IF NOT EXISTS schema_version (number INTEGER PRIMARY KEY, name TEXT "
			   "NOT NULL) STRICT");
}

static int migrate(struct sq *q, struct mst_diag *d)
{
	int r = claim(q, d);

	return r ? r : sq_migrate(q, mst_sqlite_migrations, mst_sqlite_migrations_n, exec, d);
}

struct schema_row {
	char name[64], sql[4096];
};
static const struct sq_col schema_cols[] = { SQ_COL(SQ_TEXT, struct schema_row, name),
					     SQ_COL(SQ_TEXT, struct schema_row, sql) };
#define SCHEMA_SQL                                                                                           \
	"SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE "   \
	"'\\' ORDER BY name"

static int compare(struct sq *have, struct sq *want, struct mst_diag *d)
{
	struct schema_row a, b;
	struct sq_iter ia, ib;
	bool more_a = false, more_b = false, same = true;
	int r = sq_iter_open(&ia, have, SQ_NO_SLOT, SCHEMA_SQL, NULL, 0);
	int rb = sq_iter_open(&ib, want, SQ_NO_SLOT, SCHEMA_SQL, NULL, 0);

	r = r ? r : rb;
	while (!r && same) {
		more_a = sq_iter_next(&ia, SQ_COLS(schema_cols), &a);
		more_b = sq_iter_next(&ib, SQ_COLS(schema_cols), &b);
		if (!more_a && !more_b)
			break;
		same = more_a && more_b && !strcmp(a.name, b.name) && !strcmp(a.sql, b.sql);
	}
	r = sq_iter_close(&ia, r);
	r = sq_iter_close(&ib, r);
	if (r || same)
		return r;
	mst_diag_set(d, 0, "store", "the schema was changed by other hands at \"", more_b ? b.name : a.name,
		     "\"; restore the database from a backup", NULL);
	return MST_FAULT_CORRUPT;
}

static int check(struct sq *q, struct mst_diag *d)
{
	struct lite want = { .q.db = q->db };
	int rc = sqlite3_open_v2(":memory:", &want.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	int r = rc == SQLITE_OK ? migrate(&want.q, d) : MST_FAULT_MEMORY;

	if (!r)
		r = compare(q, &want.q, d);
	sqlite3_close(want.db);
	return r;
}

int lite_schema(struct lite *l, struct mst_diag *d)
{
	/* Immediate: of two programs that start on a new file, one makes the schema and the other finds it. */
	int r = exec(&l->q, "BEGIN IMMEDIATE");

	if (r)
		return r;
	r = migrate(&l->q, d);
	if (!r)
		r = exec(&l->q, "COMMIT");
	if (r) {
		if (!sqlite3_get_autocommit(l->db))
			(void)sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
		return r;
	}
	return check(&l->q, d);
}
