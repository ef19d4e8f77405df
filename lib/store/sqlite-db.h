/* SQLite: its part of the store (sql.h). */
#ifndef MST_STORE_SQLITE_DB_H
#define MST_STORE_SQLITE_DB_H

#include <sqlite3.h>
#include <sys/types.h>

#include "store/sql.h"

struct lite {
	struct sq q;
	sqlite3 *db;
	sqlite3_stmt *stmt[SQ__COUNT];
	dev_t dev; /* the database file as it was opened, and its log once there is one */
	ino_t file, wal;
};

static inline struct lite *lite_of(struct sq *q)
{
	return (struct lite *)(void *)q;
}

/* Remember the words, and say which fault a result code is. */
int lite_fault(struct sq *q, int rc);
int lite_put(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *lead, size_t n_lead, const struct sq_col *col, size_t n_col,
	     const void *row, int64_t *ret_id);
int lite_open(struct sq_iter *it, enum sq_slot slot, const char *sql, const struct sq_arg *arg, size_t n_arg);
bool lite_next(struct sq_iter *it, const struct sq_col *col, size_t n_col, void *ret);
void lite_shut(struct sq_iter *it);

/* Bring the schema up to date and compare it with what the migrations make (sqlite-schema.c). */
int lite_schema(struct lite *l, struct mst_diag *d);
/* sqlite-wal.c: opens the database, with its log written in few pieces. A result of SQLite. */
MST_MUST_CHECK int lite_wal_open(const char *path, sqlite3 **ret_db);
/* Of frames that were not synced nothing is written any more. */
void lite_wal_forget(sqlite3 *db);

#endif
