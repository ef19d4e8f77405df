/* What waits for a second person. */
#include "store/sql.h"

#define COLS "id, state, asked_by, asked, expires, nonce, ticket, request, by, ended, outcome, reason"
#define C(t, m) SQ_COL(t, struct mst_approval, m)
static const struct sq_col cols[] = {
	C(SQ_ID_OR_NULL, id), SQ_COL_MAX(struct mst_approval, state, MST_APPROVAL_OVER), C(SQ_I64, asked_by), C(SQ_I64, asked), C(SQ_I64, expires),
	C(SQ_FIXED, nonce), C(SQ_WRAPPED, ticket), C(SQ_OCTETS, request), C(SQ_I64, by), C(SQ_I64, ended), C(SQ_I64, outcome), C(SQ_TEXT, reason),
};

int sq_approval_insert(struct mst_store *s, struct mst_approval *r)
{
	r->id = 0;
	return sq_put_new(sq_of(s), SQ_APPROVAL_INSERT, "INSERT INTO approval (" COLS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
			  SQ_COLS(cols), r, &r->id);
}

int sq_approval_update(struct mst_store *s, const struct mst_approval *r)
{
	return sq_run(sq_of(s), SQ_APPROVAL_UPDATE, "UPDATE approval SET state = ?2, by = ?3, ended = ?4, outcome = ?5, reason = ?6 WHERE id = ?1",
		      SQ_ARGS(SQ_I(r->id), SQ_I(r->state), SQ_I(r->by), SQ_I(r->ended), SQ_I(r->outcome), SQ_S(r->reason)));
}

int sq_approval_get(struct mst_store *s, int64_t id, struct mst_approval *ret)
{
	return sq_one(sq_of(s), SQ_APPROVAL_GET, "SELECT " COLS " FROM approval WHERE id = ?1", SQ_ARGS(SQ_I(id)), SQ_COLS(cols), ret);
}

int sq_approval_list(struct mst_store *s, bool waits, int64_t after, size_t limit, int (*each)(void *, const struct mst_approval *), void *arg)
{
	static const char all[] = "SELECT " COLS " FROM approval WHERE id > ?1 ORDER BY id LIMIT ?2";
	static const char waiting[] = "SELECT " COLS " FROM approval WHERE state = 0 AND id > ?1 ORDER BY id LIMIT ?2";
	struct mst_approval row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), waits ? SQ_APPROVAL_WAITING : SQ_APPROVAL_LIST, waits ? waiting : all,
			     SQ_ARGS(SQ_I(after), SQ_I(sq_limit(limit))));

	while (!r && sq_iter_next(&it, SQ_COLS(cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_approval_forget(struct mst_store *s, mst_time before)
{
	int r = sq_run(sq_of(s), SQ_APPROVAL_FORGET, "DELETE FROM approval WHERE state <> 0 AND ended < ?1", SQ_ARGS(SQ_I(before)));

	return r > 0 ? 0 : r;
}
