/* What nodes asked and were told, and where they stand. */
#include "store/sql.h"

#include <string.h>

#define PRUNE_AT_ONCE 8 /* a few at each briefing: no pause, and more than come in */

#define PLACE_COLS "node, has, latitude, longitude, accuracy, cell, site, who, at"
#define P(t, m)    SQ_COL(t, struct mst_place, m)
static const struct sq_col place_cols[] = {
	P(SQ_I64, node),      P(SQ_INT, has),   P(SQ_I64, latitude), P(SQ_I64, longitude),
	P(SQ_I64, accuracy),  P(SQ_TEXT, cell), P(SQ_TEXT, site),    P(SQ_TEXT, who),
	P(SQ_I64, at),
};

int sq_place_put(struct mst_store *s, const struct mst_place *r)
{
	return sq_put(sq_of(s), SQ_PLACE_PUT,
		      "INSERT INTO place (" PLACE_COLS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		      " ON CONFLICT (node) DO UPDATE SET has = excluded.has, latitude = excluded.latitude,"
		      " longitude = excluded.longitude, accuracy = excluded.accuracy, cell = excluded.cell,"
		      " site = excluded.site, who = excluded.who, at = excluded.at",
		      NULL, 0, SQ_COLS(place_cols), r);
}

int sq_place_get(struct mst_store *s, int64_t node, struct mst_place *ret)
{
	return sq_one(sq_of(s), SQ_PLACE_GET, "SELECT " PLACE_COLS " FROM place WHERE node = ?1",
		      SQ_ARGS(SQ_I(node)), SQ_COLS(place_cols), ret);
}

int sq_place_delete(struct mst_store *s, int64_t node)
{
	return sq_run(sq_of(s), SQ_PLACE_DELETE, "DELETE FROM place WHERE node = ?1", SQ_ARGS(SQ_I(node)));
}

#define BRIEFING_COLS                                                                                        \
	"id, node, who, attempt, ask, at, until, rule, rules_version, outcome, facts, answer, reported, "    \
	"state, failures, reports, report_at, target"
#define B(t, m) SQ_COL(t, struct mst_briefing, m)
static const struct sq_col briefing_cols[] = {
	B(SQ_TEXT, id),
	B(SQ_ID_OR_NULL, node),
	B(SQ_TEXT, who),
	B(SQ_TEXT, attempt),
	B(SQ_HASH, ask),
	B(SQ_I64, at),
	B(SQ_I64, until),
	B(SQ_TEXT, rule),
	B(SQ_I64, rules_version),
	B(SQ_INT, outcome),
	B(SQ_OCTETS, facts),
	B(SQ_OCTETS, answer),
	B(SQ_TEXT, reported),
	SQ_COL_MAX(struct mst_briefing, state, MST_BRIEFING_FAILED),
	B(SQ_INT, failures),
	B(SQ_INT, reports),
	B(SQ_I64, report_at),
	B(SQ_TEXT, target),
};

int sq_briefing_put(struct mst_store *s, const struct mst_briefing *r)
{
	/* What was asked and answered never changes under an id; only how it went does. */
	return sq_put(sq_of(s), SQ_BRIEFING_PUT,
		      "INSERT INTO briefing (" BRIEFING_COLS
		      ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
		      " ON CONFLICT (id) DO UPDATE SET reported = excluded.reported, state = excluded.state,"
		      " failures = excluded.failures, reports = excluded.reports, report_at = excluded.report_at,"
		      " target = excluded.target",
		      NULL, 0, SQ_COLS(briefing_cols), r);
}

int sq_briefing_delete(struct mst_store *s, const char *id)
{
	return sq_run(sq_of(s), SQ_BRIEFING_DELETE, "DELETE FROM briefing WHERE id = ?1", SQ_ARGS(SQ_S(id)));
}

int sq_briefing_get(struct mst_store *s, const char *id, struct mst_briefing *ret)
{
	return sq_one(sq_of(s), SQ_BRIEFING_GET, "SELECT " BRIEFING_COLS " FROM briefing WHERE id = ?1",
		      SQ_ARGS(SQ_S(id)), SQ_COLS(briefing_cols), ret);
}

/* An argument is text or a number, so the hash is compared here: an attempt asks few different questions. */
int sq_briefing_find(struct mst_store *s, const char *who, const char *attempt,
		     const uint8_t ask[MST_SHA256_LEN], struct mst_briefing *ret)
{
	struct sq_iter it;
	bool found = false;
	int r = sq_iter_open(&it, sq_of(s), SQ_BRIEFING_FIND,
			     "SELECT " BRIEFING_COLS " FROM briefing WHERE who = ?1 AND attempt = ?2 ORDER BY ask",
			     SQ_ARGS(SQ_S(who), SQ_S(attempt)));

	while (!r && !found && sq_iter_next(&it, SQ_COLS(briefing_cols), ret))
		found = !memcmp(ret->ask, ask, MST_SHA256_LEN);
	r = sq_iter_close(&it, r);
	return r ? r : found ? 0 : MST_STORE_NONE;
}

int sq_briefing_list(struct mst_store *s, const struct mst_briefing_filter *f,
		     int (*each)(void *, const struct mst_briefing *), void *arg)
{
	static const char all[] = "SELECT " BRIEFING_COLS
				  " FROM briefing WHERE at >= ?1 ORDER BY at DESC, rowid DESC LIMIT ?2";
	static const char of_node[] = "SELECT " BRIEFING_COLS
				      " FROM briefing WHERE at >= ?1 AND node = ?3 ORDER BY at DESC, rowid DESC LIMIT ?2";
	struct mst_briefing row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), f->node ? SQ_BRIEFING_LIST_NODE : SQ_BRIEFING_LIST,
			     f->node ? of_node : all,
			     (const struct sq_arg[]){ SQ_I(f->since), SQ_I(sq_limit(f->limit)), SQ_I(f->node) },
			     f->node ? 3 : 2);

	while (!r && sq_iter_next(&it, SQ_COLS(briefing_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_briefing_prune(struct mst_store *s, const char *who, size_t most, mst_time before)
{
	int r = sq_run(sq_of(s), SQ_BRIEFING_CROWD,
		       "DELETE FROM briefing WHERE who = ?1 AND id NOT IN"
		       " (SELECT id FROM briefing WHERE who = ?1 ORDER BY at DESC, rowid DESC LIMIT ?2)",
		       SQ_ARGS(SQ_S(who), SQ_I(most)));

	if (r < 0)
		return r;
	r = sq_run(sq_of(s), SQ_BRIEFING_EXPIRE,
		   "DELETE FROM briefing WHERE id IN (SELECT id FROM briefing WHERE at < ?1 ORDER BY at LIMIT ?2)",
		   SQ_ARGS(SQ_I(before), SQ_I(PRUNE_AT_ONCE)));
	return r < 0 ? r : 0;
}
