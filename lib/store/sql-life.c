/* What the clock asks for, and whose a node was. */
#include "store/sql.h"

int sq_sub_due(struct mst_store *s, mst_time now, size_t limit, int (*each)(void *, const struct mst_subscription *), void *arg)
{
	struct mst_subscription row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_SUB_DUE,
			     "SELECT " SQ_SUB_NAMES " FROM subscription WHERE due IS NOT NULL AND due <= ?1 ORDER BY due LIMIT ?2",
			     SQ_ARGS(SQ_I(now), SQ_I(sq_limit(limit))));

	while (!r && sq_iter_next(&it, SQ_COLS(sq_sub_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_cred_due(struct mst_store *s, enum mst_role role, mst_time now, size_t limit,
		int (*each)(void *, const struct mst_credential *), void *arg)
{
	struct mst_credential row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_CRED_DUE,
			     "SELECT " SQ_CRED_NAMES
			     " FROM credential WHERE role = ?1 AND due IS NOT NULL AND due <= ?2 ORDER BY due LIMIT ?3",
			     SQ_ARGS(SQ_I(role), SQ_I(now), SQ_I(sq_limit(limit))));

	while (!r && sq_iter_next(&it, SQ_COLS(sq_cred_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_node_due(struct mst_store *s, mst_time now, size_t limit, int (*each)(void *, const struct mst_node *), void *arg)
{
	struct mst_node row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_NODE_DUE,
			     "SELECT " SQ_NODE_NAMES " FROM node WHERE leave_by <> 0 AND leave_by <= ?1 ORDER BY leave_by LIMIT ?2",
			     SQ_ARGS(SQ_I(now), SQ_I(sq_limit(limit))));

	while (!r && sq_iter_next(&it, SQ_COLS(sq_node_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

struct yes { int yes; };
static const struct sq_col yes_cols[] = { SQ_COL(SQ_INT, struct yes, yes) };

int sq_any_due(struct mst_store *s, mst_time now, bool *ret_yes)
{
	struct yes y = { 0 };
	/* a credential's index begins with the role, so each role is looked at by itself */
	int r = sq_one(sq_of(s), SQ_ANY_DUE,
		       "SELECT EXISTS (SELECT 1 FROM subscription WHERE due IS NOT NULL AND due <= ?1)"
		       " OR EXISTS (SELECT 1 FROM credential WHERE role = ?2 AND due IS NOT NULL AND due <= ?1)"
		       " OR EXISTS (SELECT 1 FROM credential WHERE role = ?3 AND due IS NOT NULL AND due <= ?1)"
		       " OR EXISTS (SELECT 1 FROM node WHERE leave_by <> 0 AND leave_by <= ?1)"
		       " OR EXISTS (SELECT 1 FROM gba_run WHERE until <= ?1) OR EXISTS (SELECT 1 FROM gba_session WHERE expires <= ?1)"
		       " OR EXISTS (SELECT 1 FROM gba_lock WHERE forget <= ?1)",
		       SQ_ARGS(SQ_I(now), SQ_I(MST_ROLE_MEF), SQ_I(MST_ROLE_MAF)), SQ_COLS(yes_cols), &y);

	*ret_yes = !r && y.yes;
	return r > 0 ? MST_FAULT_BUG : r;
}

#define PAST_NAMES "node, last, at, sp_fqdn"
#define P(t, m) SQ_COL(t, struct mst_node_past, m)
static const struct sq_col past_cols[] = { P(SQ_I64, node), P(SQ_I64, last), P(SQ_I64, at), P(SQ_TEXT, sp_fqdn) };

int sq_past_put(struct mst_store *s, const struct mst_node_past *r)
{
	return sq_put(sq_of(s), SQ_PAST_PUT, "INSERT INTO node_past (" PAST_NAMES ") VALUES (?1, ?2, ?3, ?4)", NULL, 0,
		      SQ_COLS(past_cols), r);
}

int sq_past_find(struct mst_store *s, int64_t node, uint64_t seq, struct mst_node_past *ret)
{
	return sq_one(sq_of(s), SQ_PAST_FIND,
		      "SELECT " PAST_NAMES " FROM node_past WHERE node = ?1 AND last >= ?2 ORDER BY last LIMIT 1",
		      SQ_ARGS(SQ_I(node), SQ_I(seq)), SQ_COLS(past_cols), ret);
}

int sq_past_last(struct mst_store *s, int64_t node, struct mst_node_past *ret)
{
	return sq_one(sq_of(s), SQ_PAST_LAST, "SELECT " PAST_NAMES " FROM node_past WHERE node = ?1 ORDER BY last DESC LIMIT 1",
		      SQ_ARGS(SQ_I(node)), SQ_COLS(past_cols), ret);
}
