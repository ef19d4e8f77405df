/* SQLite: statements and rows: binding and reading by column tables, result codes to faults. */
#include "store/sqlite-db.h"

#include <stdio.h>
#include <string.h>

static int outcome_of(struct sq *q, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return MST_FAULT_SPACE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return MST_FAULT_CORRUPT;
	case SQLITE_NOMEM:
		return MST_FAULT_MEMORY;
	case SQLITE_CONSTRAINT:
		if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
		    rc == SQLITE_CONSTRAINT_ROWID)
			return MST_STORE_EXISTS;
		if (rc == SQLITE_CONSTRAINT_FOREIGNKEY)
			return MST_STORE_NONE;
		return MST_FAULT_BUG; /* a check or trigger of our own schema said no */
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return MST_FAULT_BUG;
	default:
		(void)q;
		return MST_FAULT_STORE;
	}
}

/* SQLite ends a transaction by itself when it runs out of memory or space, even while it only reads: what was
 * written next would be outside of it, and stay. */
static void look_for_end(struct sq *q, int fault)
{
	if (q->in_group && !q->lost && sqlite3_get_autocommit(lite_of(q)->db))
		q->lost = fault;
}

int lite_fault(struct sq *q, int rc)
{
	int r = outcome_of(q, rc);

	if (r >= 0)
		return r;
	snprintf(q->error, sizeof(q->error), "%s (SQLite result %d)",
		 lite_of(q)->db ? sqlite3_errmsg(lite_of(q)->db) : sqlite3_errstr(rc), rc);
	look_for_end(q, r);
	return r;
}

/*
 * The statement of a slot; a second one for this use only when the first is in the middle of a list.
 * `sql` is the same text for a slot each time.
 */
static int take(struct lite *l, enum sq_slot slot, const char *sql, sqlite3_stmt **ret_st, bool *ret_own)
{
	bool own = slot == SQ_NO_SLOT || (l->stmt[slot] && sqlite3_stmt_busy(l->stmt[slot]));
	sqlite3_stmt *st = own ? NULL : l->stmt[slot];
	int rc;

	if (!st) {
		rc = sqlite3_prepare_v3(l->db, sql, -1, own ? 0 : SQLITE_PREPARE_PERSISTENT, &st, NULL);
		if (rc != SQLITE_OK)
			return lite_fault(&l->q, rc);
		if (!own)
			l->stmt[slot] = st;
	}
	*ret_st = st;
	*ret_own = own;
	return 0;
}

static void give_back(struct sq *q, sqlite3_stmt *st, bool own)
{
	if (own) {
		sqlite3_finalize(st);
	} else {
		sqlite3_reset(st);
		sqlite3_clear_bindings(st);
	}
	look_for_end(q, MST_FAULT_MEMORY);
}

static int bind_args(sqlite3_stmt *st, const struct sq_arg *arg, size_t n)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
		rc = arg[i].hash ? sqlite3_bind_blob(st, (int)i + 1, arg[i].hash, MST_SHA256_LEN, SQLITE_STATIC)
		     : arg[i].s  ? sqlite3_bind_text(st, (int)i + 1, arg[i].s, -1, SQLITE_STATIC)
				 : sqlite3_bind_int64(st, (int)i + 1, arg[i].i);
	return rc;
}

static int bind_col(sqlite3_stmt *st, int at, const struct sq_col *c, const void *row)
{
	const void *p = (const uint8_t *)row + c->at;
	const struct mst_wrapped *w = p;

	switch (c->type) {
	case SQ_TEXT_OR_NULL:
		if (!*(const char *)p)
			return sqlite3_bind_null(st, at);
		/* fall through */
	case SQ_TEXT:
		return sqlite3_bind_text(st, at, p, (int)strnlen(p, c->cap), SQLITE_STATIC);
	case SQ_ENUM:
	case SQ_INT:
		return sqlite3_bind_int(st, at, *(const int *)p);
	case SQ_ID_OR_NULL:
		if (!*(const int64_t *)p)
			return sqlite3_bind_null(st, at);
		/* fall through */
	case SQ_I64:
		return sqlite3_bind_int64(st, at, *(const int64_t *)p);
	case SQ_BOOL:
		return sqlite3_bind_int(st, at, *(const bool *)p);
	case SQ_HASH:
		return sqlite3_bind_blob(st, at, p, MST_SHA256_LEN, SQLITE_STATIC);
	case SQ_FIXED:
		return sqlite3_bind_blob(st, at, p, (int)c->cap, SQLITE_STATIC);
	case SQ_WRAPPED:
		if (w->n > sizeof(w->b))
			return SQLITE_MISUSE;
		return sqlite3_bind_blob(st, at, w->b, w->n, SQLITE_STATIC);
	case SQ_OCTETS:
		if (*(const uint16_t *)p > c->cap - sizeof(uint16_t))
			return SQLITE_MISUSE;
		return sqlite3_bind_blob(st, at, (const uint8_t *)p + sizeof(uint16_t), *(const uint16_t *)p, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

int lite_put(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *lead, size_t n_lead, const struct sq_col *col, size_t n_col,
	     const void *row, int64_t *ret_id)
{
	sqlite3 *db = lite_of(q)->db;
	sqlite3_stmt *st = NULL;
	bool own = false;
	int rc, r = take(lite_of(q), slot, sql, &st, &own);

	if (r)
		return r;
	rc = bind_args(st, lead, n_lead);
	for (size_t i = 0; i < n_col && rc == SQLITE_OK; i++)
		rc = bind_col(st, (int)(n_lead + i) + 1, &col[i], row);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	q->changes = sqlite3_changes(db);
	if (rc == SQLITE_DONE)
		r = sqlite3_stmt_readonly(st) || q->changes ? 0 : MST_STORE_NONE;
	else
		r = lite_fault(q, rc == SQLITE_ROW ? SQLITE_MISUSE : rc);
	give_back(q, st, own);
	if (!r && ret_id)
		*ret_id = sqlite3_last_insert_rowid(db);
	return r;
}

/* Does the stored value fit the C member? Nothing is cut or converted in silence. */
static bool col_checks(sqlite3_stmt *st, int at, const struct sq_col *c)
{
	int type = sqlite3_column_type(st, at);
	int64_t i;

	switch (c->type) {
	case SQ_TEXT_OR_NULL:
		if (type == SQLITE_NULL)
			return true;
		/* fall through */
	case SQ_TEXT:
		return type == SQLITE_TEXT && sqlite3_column_text(st, at) &&
		       (size_t)sqlite3_column_bytes(st, at) < c->cap &&
		       strlen((const char *)sqlite3_column_text(st, at)) ==
			       (size_t)sqlite3_column_bytes(st, at);
	case SQ_ENUM:
	case SQ_INT:
	case SQ_BOOL:
		i = sqlite3_column_int64(st, at);
		return type == SQLITE_INTEGER && i == (int)i &&
		       (c->type == SQ_INT || (i >= 0 && i <= (c->type == SQ_BOOL ? 1 : (int64_t)c->cap)));
	case SQ_ID_OR_NULL:
		return type == SQLITE_NULL || type == SQLITE_INTEGER;
	case SQ_I64:
		return type == SQLITE_INTEGER;
	case SQ_HASH:
		return type == SQLITE_BLOB && sqlite3_column_bytes(st, at) == MST_SHA256_LEN;
	case SQ_FIXED:
		return type == SQLITE_BLOB && (size_t)sqlite3_column_bytes(st, at) == c->cap;
	case SQ_WRAPPED:
		return type == SQLITE_BLOB && sqlite3_column_bytes(st, at) <= MST_WRAPPED_MAX;
	case SQ_OCTETS:
		return type == SQLITE_BLOB && (size_t)sqlite3_column_bytes(st, at) <= c->cap - sizeof(uint16_t);
	}
	return false;
}

static void col_copy(sqlite3_stmt *st, int at, const struct sq_col *c, void *row)
{
	void *p = (uint8_t *)row + c->at;
	struct mst_wrapped *w = p;
	const void *text;
	size_t n;

	switch (c->type) {
	case SQ_TEXT_OR_NULL:
	case SQ_TEXT:
		memset(p, 0, c->cap);
		text = sqlite3_column_text(st, at);
		n = (size_t)sqlite3_column_bytes(st, at);
		if (text && n)
			memcpy(p, text, n);
		break;
	case SQ_ENUM:
	case SQ_INT:
		*(int *)p = sqlite3_column_int(st, at);
		break;
	case SQ_ID_OR_NULL:
	case SQ_I64:
		*(int64_t *)p = sqlite3_column_int64(st, at);
		break;
	case SQ_BOOL:
		*(bool *)p = sqlite3_column_int(st, at) != 0;
		break;
	case SQ_HASH:
		memcpy(p, sqlite3_column_blob(st, at), MST_SHA256_LEN);
		break;
	case SQ_FIXED:
		memcpy(p, sqlite3_column_blob(st, at), c->cap);
		break;
	case SQ_WRAPPED:
		memset(w, 0, sizeof(*w));
		n = (size_t)sqlite3_column_bytes(st, at);
		if (n)
			memcpy(w->b, sqlite3_column_blob(st, at), n);
		w->n = (uint16_t)n;
		break;
	case SQ_OCTETS:
		memset(p, 0, c->cap);
		n = (size_t)sqlite3_column_bytes(st, at);
		if (n)
			memcpy((uint8_t *)p + sizeof(uint16_t), sqlite3_column_blob(st, at), n);
		*(uint16_t *)p = (uint16_t)n;
		break;
	}
}

int lite_open(struct sq_iter *it, enum sq_slot slot, const char *sql, const struct sq_arg *arg, size_t n_arg)
{
	sqlite3_stmt *st = NULL;
	int rc, r = take(lite_of(it->q), slot, sql, &st, &it->own);

	if (r)
		return r;
	it->st = st;
	rc = bind_args(st, arg, n_arg);
	return rc == SQLITE_OK ? 0 : lite_fault(it->q, rc);
}

/* Reading a column may want memory; the row is not whole then. */
static bool no_memory(struct sq *q)
{
	return sqlite3_errcode(lite_of(q)->db) == SQLITE_NOMEM && lite_fault(q, SQLITE_NOMEM);
}

bool lite_next(struct sq_iter *it, const struct sq_col *col, size_t n_col, void *ret)
{
	sqlite3_stmt *st = it->st;
	int rc = sqlite3_step(st);

	if (rc == SQLITE_DONE)
		return false;
	if (rc != SQLITE_ROW) {
		it->fault = lite_fault(it->q, rc);
		return false;
	}
	for (size_t i = 0; i < n_col; i++)
		if (!col_checks(st, (int)i, &col[i])) {
			it->fault = no_memory(it->q) ? MST_FAULT_MEMORY : sq_corrupt(it->q, sqlite3_column_name(st, (int)i));
			return false;
		}
	for (size_t i = 0; i < n_col; i++)
		col_copy(st, (int)i, &col[i], ret);
	if (no_memory(it->q))
		it->fault = MST_FAULT_MEMORY;
	return !it->fault;
}

void lite_shut(struct sq_iter *it)
{
	give_back(it->q, it->st, it->own);
}
