/* The audit log. The database refuses gaps and changes, and deletions behind the anchor (sql/). */
#include "base/text.h"
#include "store/sql.h"

#include <stdio.h>
#include <string.h>

#define EVENT_COLS "seq, at, role, what, node, who, attempt, outcome, why, hash"
#define E(t, m)    SQ_COL(t, struct mst_event, m)
static const struct sq_col event_cols[] = {
	E(SQ_I64, seq),  E(SQ_I64, when),     E(SQ_TEXT, role),   E(SQ_TEXT, what), E(SQ_ID_OR_NULL, node),
	E(SQ_TEXT, who), E(SQ_TEXT, attempt), E(SQ_INT, outcome), E(SQ_TEXT, why),  E(SQ_HASH, hash),
};
static const struct sq_col head_cols[] = { SQ_COL(SQ_I64, struct sq_head, seq),
					   SQ_COL(SQ_HASH, struct sq_head, hash) };

static int read_head(struct sq *q, struct sq_head *ret)
{
	int r = sq_one(q, SQ_EVENT_LAST,
		       "SELECT seq, hash FROM event WHERE seq = (SELECT max(seq) FROM event)", NULL, 0,
		       SQ_COLS(head_cols), ret);

	if (r != MST_STORE_NONE)
		return r;
	*ret = (struct sq_head){ 0 };
	return 0;
}

int sq_event_reload(struct sq *q)
{
	return read_head(q, &q->head);
}

static int append(struct sq *q, struct mst_event *e)
{
	struct mst_event row = *e;
	int r;

	row.seq = q->head.seq + 1;
	/* who writes an entry cuts what does not fit, perhaps within a character, which PostgreSQL takes from nobody; before it is hashed */
	mst_utf8_mend(row.role);
	mst_utf8_mend(row.what);
	mst_utf8_mend(row.who);
	mst_utf8_mend(row.attempt);
	mst_utf8_mend(row.why);
	r = mst_event_hash(q->head.hash, &row, row.hash);
	if (!r)
		r = sq_put(q, SQ_EVENT_APPEND,
			   "INSERT INTO event (" EVENT_COLS
			   ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
			   NULL, 0, SQ_COLS(event_cols), &row);
	if (r)
		return r > 0 ? MST_FAULT_BUG : r;
	q->head.seq = row.seq;
	memcpy(q->head.hash, row.hash, sizeof(row.hash));
	*e = row;
	return 0;
}

int sq_event_append(struct mst_store *s, struct mst_event *e)
{
	struct sq *q = sq_of(s);
	struct mst_event row = *e;
	int r;

	if (q->in_group)
		return append(q, e);
	/* On its own it is a group of one: the end of the chain must be read under the lock. */
	r = sq_begin(s);
	if (r)
		return r;
	r = append(q, &row);
	if (r) {
		sq_rollback(s);
		return r;
	}
	r = sq_commit(s);
	if (!r)
		*e = row;
	return r;
}

/* Each of the four texts is served by an index, so no more entries are looked at than the limit says. */
int sq_event_list(struct mst_store *s, const struct mst_event_filter *f,
		  int (*each)(void *, const struct mst_event *), void *arg)
{
	bool attempt = f->attempt && *f->attempt;
	struct sq_arg arg_of[4] = { SQ_I(f->after), SQ_I(sq_limit(f->limit)) };
	size_t n = 2;
	char sql[300];
	struct mst_event row;
	struct sq_iter it;
	int at = snprintf(sql, sizeof(sql), "SELECT " EVENT_COLS " FROM event WHERE seq > ?1");
	int r;

/* NOLINTBEGIN(bugprone-macro-parentheses): `value` is an initialiser in braces */
#define WHERE(on, text, value)                                                                               \
	if (on) {                                                                                            \
		arg_of[n++] = (struct sq_arg)value;                                                          \
		at += snprintf(sql + at, sizeof(sql) - (size_t)at, text, (int)n);                            \
	}
/* NOLINTEND(bugprone-macro-parentheses) */
	WHERE(f->node, " AND node = ?%d AND node IS NOT NULL", SQ_I(f->node))
	WHERE(attempt, " AND attempt = ?%d AND attempt <> ''", SQ_S(f->attempt))
#undef WHERE
	snprintf(sql + at, sizeof(sql) - (size_t)at, " ORDER BY seq LIMIT ?2");
	r = sq_iter_open(&it, sq_of(s), SQ_NO_SLOT, sql, arg_of, n);
	while (!r && sq_iter_next(&it, SQ_COLS(event_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_event_last(struct mst_store *s, uint64_t *ret_seq)
{
	struct sq_head head;
	int r = read_head(sq_of(s), &head);

	if (!r)
		*ret_seq = head.seq;
	return r;
}

static const struct sq_col anchor_cols[] = { SQ_COL(SQ_I64, struct mst_event_anchor, seq),
					     SQ_COL(SQ_HASH, struct mst_event_anchor, hash),
					     SQ_COL(SQ_I64, struct mst_event_anchor, told) };

int sq_event_anchor(struct mst_store *s, struct mst_event_anchor *ret)
{
	struct sq *q = sq_of(s);
	int r = sq_one(q, SQ_EVENT_ANCHOR, "SELECT seq, hash, told FROM event_anchor WHERE id = 1", NULL, 0,
		       SQ_COLS(anchor_cols), ret);

	return r == MST_STORE_NONE ? sq_corrupt(q, "audit log: its anchor is missing") : r;
}

/* Does the entry follow on that one? *at becomes the entry. */
static int follow(struct sq *q, struct sq_head *at, const struct mst_event *row)
{
	uint8_t hash[MST_SHA256_LEN];
	int r = mst_event_hash(at->hash, row, hash);

	if (!r && (row->seq != at->seq + 1 || memcmp(hash, row->hash, sizeof(hash))))
		r = sq_corrupt(q, "audit log: hash or number of an entry");
	if (r)
		return r;
	at->seq = row->seq;
	memcpy(at->hash, hash, sizeof(hash));
	return 0;
}

static struct sq_head head_of(const struct mst_event_anchor *a)
{
	struct sq_head h = { .seq = a->seq };

	memcpy(h.hash, a->hash, sizeof(h.hash));
	return h;
}

/* One more than `limit`, to see whether it is the end. */
static int walk(struct sq_iter *it, struct sq *q, const struct sq_head *from, size_t limit)
{
	return sq_iter_open(it, q, SQ_EVENT_WALK,
			    "SELECT " EVENT_COLS " FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
			    SQ_ARGS(SQ_I(from->seq), SQ_I(sq_limit(limit ? limit + 1 : 0))));
}

int sq_event_head(struct mst_store *s, struct mst_event_head *ret)
{
	struct sq_head h;
	int r = read_head(sq_of(s), &h);

	if (r)
		return r;
	ret->seq = h.seq;
	memcpy(ret->hash, h.hash, sizeof(ret->hash));
	return 0;
}

static int one_event(struct sq *q, uint64_t seq, struct mst_event *ret)
{
	return sq_one(q, SQ_EVENT_GET, "SELECT " EVENT_COLS " FROM event WHERE seq = ?1", SQ_ARGS(SQ_I(seq)), SQ_COLS(event_cols), ret);
}

/* A beginning that is absent must be told by an entry that is there; the walk checks that entry's own hash. */
static int beginning_is_told(struct sq *q, const struct mst_event_anchor *anchor)
{
	struct mst_event row;
	int r = anchor->seq ? one_event(q, anchor->told, &row) : 0;

	if (r == MST_STORE_NONE || (!r && anchor->seq && !mst_event_tells(&row, anchor)))
		return sq_corrupt(q, "audit log: its beginning is missing, and no entry tells so");
	return r;
}

int sq_event_walk(struct mst_store *s, struct mst_event_walk *w)
{
	struct sq *q = sq_of(s);
	struct mst_event_anchor anchor;
	struct mst_event row;
	struct sq_iter it;
	struct sq_head at;
	uint64_t from;
	int r = sq_event_anchor(s, &anchor);

	w->entries = 0;
	w->end = false;
	if (r)
		return r;
	at = head_of(&anchor);
	if (w->at.seq > anchor.seq) {
		at.seq = w->at.seq;
		memcpy(at.hash, w->at.hash, sizeof(at.hash));
	}
	from = at.seq;
	r = walk(&it, q, &at, w->limit);
	w->end = true;
	while (!r && sq_iter_next(&it, SQ_COLS(event_cols), &row)) {
		if (w->limit && at.seq - from == w->limit) {
			w->end = false;
			break;
		}
		r = follow(q, &at, &row);
	}
	r = sq_iter_close(&it, r);
	if (!r)
		r = beginning_is_told(q, &anchor);
	/* What this program has seen must still be there; another may have written more. */
	if (!r && w->end && at.seq < q->head.seq)
		r = sq_corrupt(q, "audit log: its end is missing");
	w->bad = r == MST_FAULT_CORRUPT ? at.seq + 1 : 0;
	w->entries = at.seq - from;
	w->at.seq = at.seq;
	memcpy(w->at.hash, at.hash, sizeof(w->at.hash));
	return r;
}

static const struct sq_col span_cols[] = { SQ_COL(SQ_I64, struct mst_event_span, first),
					   SQ_COL(SQ_I64, struct mst_event_span, oldest) };
static const struct sq_col last_cols[] = { SQ_COL(SQ_I64, struct mst_event_span, last),
					   SQ_COL(SQ_I64, struct mst_event_span, newest) };

int sq_event_span(struct mst_store *s, struct mst_event_span *ret)
{
	struct mst_event_span span = { 0 };
	struct sq *q = sq_of(s);
	int r = sq_one(q, SQ_EVENT_OLDEST, "SELECT seq, at FROM event WHERE seq = (SELECT min(seq) FROM event)", NULL, 0,
		       SQ_COLS(span_cols), &span);

	if (!r)
		r = sq_one(q, SQ_NO_SLOT, "SELECT seq, at FROM event WHERE seq = (SELECT max(seq) FROM event)", NULL, 0,
			   SQ_COLS(last_cols), &span);
	if (r >= 0)
		r = q->db->octets(q, &span.octets);
	if (!r)
		*ret = span;
	return r;
}

/* How far the beginning may go: *ret_end is the anchor as it was when nothing may. */
static int find_beginning(struct sq *q, const struct mst_event_anchor *from, const struct mst_event_limit *k,
			  struct sq_head *ret_end)
{
	uint64_t surplus = k->most && q->head.seq - from->seq > k->most ? q->head.seq - k->most : 0;
	uint64_t end = q->head.seq - from->seq > k->chunk ? from->seq + k->chunk : q->head.seq - 1;
	struct sq_head at = head_of(from);
	struct mst_event row;
	struct sq_iter it;
	int r;

	if (k->sealed && end > k->sealed)
		end = k->sealed;
	*ret_end = at;
	if (q->head.seq <= from->seq + 1)
		return 0;
	r = walk(&it, q, &at, k->chunk);
	while (!r && at.seq < end && sq_iter_next(&it, SQ_COLS(event_cols), &row)) {
		if (row.seq > surplus && row.when >= k->before)
			break;
		r = follow(q, &at, &row);
	}
	r = sq_iter_close(&it, r);
	if (!r)
		*ret_end = at;
	return r;
}

static int give_up(struct sq *q, const struct mst_event_limit *k, struct mst_event *told)
{
	struct mst_event_anchor anchor;
	struct sq_head gone;
	uint64_t n;
	int r = sq_event_anchor(&q->base, &anchor);

	if (!r)
		r = find_beginning(q, &anchor, k, &gone);
	if (r)
		return r;
	n = gone.seq - anchor.seq;
	if (!n)
		return MST_STORE_NONE;
	anchor = (struct mst_event_anchor){ .seq = gone.seq, .told = q->head.seq + 1 };
	memcpy(anchor.hash, gone.hash, sizeof(anchor.hash));
	mst_event_shortened(&anchor, n, k->now, told);
	r = append(q, told);
	if (!r)
		r = sq_put(q, SQ_NO_SLOT, "UPDATE event_anchor SET seq = ?1, hash = ?2, told = ?3 WHERE id = 1",
			   NULL, 0, SQ_COLS(anchor_cols), &anchor);
	if (!r)
		r = sq_run(q, SQ_NO_SLOT, "DELETE FROM event WHERE seq <= ?1", SQ_ARGS(SQ_I(gone.seq)));
	return r > 0 ? MST_FAULT_BUG : r;
}

int sq_event_shorten(struct mst_store *s, const struct mst_event_limit *k, struct mst_event *ret_told)
{
	struct mst_event told;
	int r = sq_begin(s);

	if (r)
		return r;
	r = give_up(sq_of(s), k, &told);
	if (r) {
		sq_rollback(s);
		return r;
	}
	r = sq_commit(s);
	if (!r)
		*ret_told = told;
	return r;
}
