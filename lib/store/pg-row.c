/* PostgreSQL: parameters and columns. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/pg.h"

/* --- there --- */

static int add(struct pg_params *a, Oid type, const void *value, size_t len)
{
	if (a->n == PG_PARAMS)
		return MST_FAULT_BUG;
	a->type[a->n] = type;
	a->value[a->n] = value;
	a->len[a->n] = (int)len;
	a->format[a->n++] = type != PG_TEXT;
	return 0;
}

static int add_number(struct pg_params *a, int64_t x)
{
	uint64_t be = htobe64((uint64_t)x);

	if (a->n == PG_PARAMS)
		return MST_FAULT_BUG;
	memcpy(a->number[a->n], &be, sizeof(be));
	return add(a, PG_INT8, a->number[a->n], sizeof(be));
}

int pg_args(struct pg_params *a, const struct sq_arg *arg, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = arg[i].hash ? add(a, PG_BYTEA, arg[i].hash, MST_SHA256_LEN)
		    : arg[i].s  ? add(a, PG_TEXT, arg[i].s, 0)
				: add_number(a, arg[i].i);
	return r;
}

static int add_col(struct pg_params *a, const struct sq_col *c, const void *row)
{
	const void *p = (const uint8_t *)row + c->at;
	const struct mst_wrapped *w = p;

	switch (c->type) {
	case SQ_TEXT_OR_NULL:
		return add(a, PG_TEXT, *(const char *)p ? p : NULL, 0);
	case SQ_TEXT:
		return strnlen(p, c->cap) < c->cap ? add(a, PG_TEXT, p, 0) : MST_FAULT_BUG;
	case SQ_ENUM:
	case SQ_INT:
		return add_number(a, *(const int *)p);
	case SQ_ID_OR_NULL:
		return *(const int64_t *)p ? add_number(a, *(const int64_t *)p) : add(a, PG_INT8, NULL, 0);
	case SQ_I64:
		return add_number(a, *(const int64_t *)p);
	case SQ_BOOL:
		return add_number(a, *(const bool *)p);
	case SQ_HASH:
		return add(a, PG_BYTEA, p, MST_SHA256_LEN);
	case SQ_FIXED:
		return add(a, PG_BYTEA, p, c->cap);
	case SQ_WRAPPED:
		return w->n <= sizeof(w->b) ? add(a, PG_BYTEA, w->b, w->n) : MST_FAULT_BUG;
	case SQ_OCTETS:
		return *(const uint16_t *)p <= c->cap - sizeof(uint16_t)
			       ? add(a, PG_BYTEA, (const uint8_t *)p + sizeof(uint16_t), *(const uint16_t *)p) : MST_FAULT_BUG;
	}
	return MST_FAULT_BUG;
}

/* Which writes the database does not refuse in the ordinary course: an error there costs the group, and no savepoint is wanted. */
static bool is_sure(enum sq_slot slot, const char *sql)
{
	static const enum sq_slot sure[] = { SQ_EVENT_APPEND, SQ_NODE_SEEN, SQ_NODE_MOVED, SQ_GBA_RUN_SETTLE, SQ_GBA_SESSION_USED };

	for (size_t i = 0; i < MST_COUNT(sure); i++)
		if (slot == sure[i])
			return true;
	return !strncmp(sql, "DELETE", 6);
}

static int64_t number_at(const PGresult *r, int row, int col)
{
	const char *p = pq.PQgetvalue(r, row, col);
	uint64_t be8;
	uint32_t be4;

	switch (pq.PQgetlength(r, row, col)) {
	case 8: memcpy(&be8, p, 8); return (int64_t)be64toh(be8);
	case 4: memcpy(&be4, p, 4); return (int32_t)be32toh(be4);
	default: return (uint8_t)*p;
	}
}

/* The savepoint is taken back, and what was refused is only that. */
static int take_back(struct pg *p, int outcome)
{
	PGresult *none;
	int r = pg_add(p, SQ_NO_SLOT, "ROLLBACK TO write", NULL);

	r = r ? r : pg_add(p, SQ_NO_SLOT, "RELEASE write", NULL);
	r = r ? r : pg_end(p, PG_BATCH, &none);
	if (r)
		p->q.lost = r < 0 ? r : MST_FAULT_BUG;
	return r < 0 ? r : outcome;
}

static int send(struct pg *p, enum sq_slot slot, const char *sql, const struct pg_params *a, bool guarded, PGresult **ret)
{
	int r = guarded ? pg_add(p, SQ_NO_SLOT, "SAVEPOINT write", NULL) : 0;

	r = r ? r : pg_add(p, slot, sql, a);
	if (!r && guarded)
		r = pg_add(p, SQ_NO_SLOT, "RELEASE write", NULL);
	return r ? r : pg_end(p, guarded, ret);
}

int pg_put(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *lead, size_t n_lead, const struct sq_col *col, size_t n_col,
	   const void *row, int64_t *ret_id)
{
	struct pg *p = pg_of(q);
	struct pg_params a = { .n = 0 };
	bool guarded = q->in_group && !is_sure(slot, sql);
	char with_id[3072];
	PGresult *res;
	int r = pg_args(&a, lead, n_lead);

	for (size_t i = 0; i < n_col && !r; i++)
		r = add_col(&a, &col[i], row);
	if (r)
		return r;
	if (ret_id && snprintf(with_id, sizeof(with_id), "%s RETURNING id", sql) >= (int)sizeof(with_id))
		return MST_FAULT_BUG;
	p->wrote = true;
	r = send(p, slot, ret_id ? with_id : sql, &a, guarded, &res);
	if (r) {
		if (guarded && p->c && !q->lost && !q->may_repeat)
			return take_back(p, r);
		if (q->in_group && !q->lost)
			q->lost = r < 0 ? r : MST_FAULT_BUG;
		return q->in_group && r > 0 ? MST_FAULT_BUG : r;
	}
	q->changes = strtoll(pq.PQcmdTuples(res), NULL, 10);
	if (ret_id && q->changes == 1)
		*ret_id = number_at(res, 0, 0);
	pq.PQclear(res);
	return q->changes ? 0 : MST_STORE_NONE;
}

/* --- and back --- */

static bool is_number(Oid t)
{
	return t == PG_INT8 || t == PG_INT4 || t == PG_BOOL;
}

/* Does the stored value fit the C member? Nothing is cut or converted in silence. */
static bool col_checks(const PGresult *r, int row, int at, const struct sq_col *c)
{
	size_t n = (size_t)pq.PQgetlength(r, row, at);
	bool null = pq.PQgetisnull(r, row, at);
	Oid type = pq.PQftype(r, at);
	int64_t i;

	switch (c->type) {
	case SQ_TEXT_OR_NULL:
		if (null)
			return true;
		/* fall through */
	case SQ_TEXT:
		return !null && type == PG_TEXT && n < c->cap && !memchr(pq.PQgetvalue(r, row, at), 0, n);
	case SQ_ENUM:
	case SQ_INT:
	case SQ_BOOL:
		if (null || !is_number(type))
			return false;
		i = number_at(r, row, at);
		return i == (int)i && (c->type == SQ_INT || (i >= 0 && i <= (c->type == SQ_BOOL ? 1 : (int64_t)c->cap)));
	case SQ_ID_OR_NULL:
		return is_number(type);
	case SQ_I64:
		return !null && is_number(type);
	case SQ_HASH:
		return !null && type == PG_BYTEA && n == MST_SHA256_LEN;
	case SQ_FIXED:
		return !null && type == PG_BYTEA && n == c->cap;
	case SQ_WRAPPED:
		return !null && type == PG_BYTEA && n <= MST_WRAPPED_MAX;
	case SQ_OCTETS:
		return !null && type == PG_BYTEA && n <= c->cap - sizeof(uint16_t);
	}
	return false;
}

static void col_copy(const PGresult *r, int row, int at, const struct sq_col *c, void *to)
{
	const char *from = pq.PQgetvalue(r, row, at);
	size_t n = (size_t)pq.PQgetlength(r, row, at);
	void *p = (uint8_t *)to + c->at;
	struct mst_wrapped *w = p;

	switch (c->type) {
	case SQ_TEXT_OR_NULL:
	case SQ_TEXT:
		memset(p, 0, c->cap);
		memcpy(p, from, n);
		break;
	case SQ_ENUM:
	case SQ_INT:
		*(int *)p = (int)number_at(r, row, at);
		break;
	case SQ_ID_OR_NULL:
	case SQ_I64:
		*(int64_t *)p = pq.PQgetisnull(r, row, at) ? 0 : number_at(r, row, at);
		break;
	case SQ_BOOL:
		*(bool *)p = number_at(r, row, at) != 0;
		break;
	case SQ_HASH:
	case SQ_FIXED:
		memcpy(p, from, n);
		break;
	case SQ_WRAPPED:
		memset(w, 0, sizeof(*w));
		memcpy(w->b, from, n);
		w->n = (uint16_t)n;
		break;
	case SQ_OCTETS:
		memset(p, 0, c->cap);
		memcpy((uint8_t *)p + sizeof(uint16_t), from, n);
		*(uint16_t *)p = (uint16_t)n;
		break;
	}
}

static int ask(struct pg *p, enum sq_slot slot, const char *sql, const struct pg_params *a, PGresult **ret)
{
	int r = p->q.in_group ? 0 : pg_connect(p);

	r = r ? r : pg_add(p, slot, sql, a);
	return r ? r : pg_end(p, 0, ret);
}

int pg_open(struct sq_iter *it, enum sq_slot slot, const char *sql, const struct sq_arg *arg, size_t n_arg)
{
	struct sq *q = it->q;
	struct pg *p = pg_of(q);
	struct pg_params a = { .n = 0 };
	PGresult *res = NULL;
	int r = pg_args(&a, arg, n_arg);

	if (r)
		return r;
	r = ask(p, slot, sql, &a, &res);
	if (r && !p->c && !q->in_group)
		r = ask(p, slot, sql, &a, &res);       /* of a connection that had ended long ago, perhaps */
	it->st = res;
	if (r && q->in_group && !q->lost)
		q->lost = r < 0 ? r : MST_FAULT_BUG;
	return r > 0 ? MST_FAULT_BUG : r;
}

bool pg_next(struct sq_iter *it, const struct sq_col *col, size_t n_col, void *ret)
{
	const PGresult *r = it->st;
	int row = it->at++;

	if (row >= pq.PQntuples(r))
		return false;
	for (int i = 0; i < (int)n_col; i++)
		if (!col_checks(r, row, i, &col[i])) {
			it->fault = sq_corrupt(it->q, pq.PQfname(r, i));
			return false;
		}
	for (int i = 0; i < (int)n_col; i++)
		col_copy(r, row, i, &col[i], ret);
	return true;
}

void pg_shut(struct sq_iter *it)
{
	pq.PQclear(it->st);
	it->st = NULL;
}
