/* How nodes are reached from outside. */
#include "store/sql.h"

#define REACH_COLS "node, number, counter, triggered"
#define R(t, m) SQ_COL(t, struct mst_reach, m)
static const struct sq_col reach_cols[] = {
	R(SQ_I64, node),
	R(SQ_TEXT, number),
	R(SQ_I64, counter),
	R(SQ_I64, triggered),
};

int sq_reach_put(struct mst_store *s, const struct mst_reach *r)
{
	return sq_put(sq_of(s), SQ_REACH_PUT,
		      "INSERT INTO node_reach (" REACH_COLS ") VALUES (?1, ?2, ?3, ?4)"
		      " ON CONFLICT (node) DO UPDATE SET number = excluded.number, counter = excluded.counter,"
		      " triggered = excluded.triggered",
		      NULL, 0, SQ_COLS(reach_cols), r);
}

int sq_reach_get(struct mst_store *s, int64_t node, struct mst_reach *ret)
{
	return sq_one(sq_of(s), SQ_REACH_GET, "SELECT " REACH_COLS " FROM node_reach WHERE node = ?1",
		      SQ_ARGS(SQ_I(node)), SQ_COLS(reach_cols), ret);
}
