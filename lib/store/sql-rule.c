/* Owner's rules and the versions of their set. */
#include "store/sql.h"

#include <string.h>

#define VERSION_COLS "version, at, who, what"
#define V(t, m) SQ_COL(t, struct mst_rules_version, m)
static const struct sq_col version_cols[] = { V(SQ_I64, version), V(SQ_I64, at), V(SQ_TEXT, who), V(SQ_TEXT, what) };

#define RULE_COLS "name, place, since, until, cbor"
#define R(t, m) SQ_COL(t, struct mst_rule_row, m)
static const struct sq_col rule_cols[] = {
	R(SQ_TEXT, name), R(SQ_I64, place), R(SQ_I64, since), R(SQ_I64, until), R(SQ_OCTETS, cbor),
};

/* What has been read of the rules since this group wrote them may be undone: nobody may keep it under its number. */
static void touched(struct sq *q)
{
	q->rules_tick++;
	q->rules_dirty = true;
}

int sq_rules_version(struct mst_store *s, struct mst_rules_version *ret)
{
	struct mst_rules_version v = { 0 };
	int r = sq_one(sq_of(s), SQ_RULES_VERSION,
		       "SELECT " VERSION_COLS " FROM rules_version ORDER BY version DESC LIMIT 1", NULL, 0,
		       SQ_COLS(version_cols), &v);

	if (r < 0)
		return r;
	v.tick = sq_of(s)->rules_tick;
	*ret = v;
	return 0;
}

int sq_rules_next(struct mst_store *s, struct mst_rules_version *v)
{
	struct mst_rules_version last;
	int r = sq_rules_version(s, &last);

	if (r)
		return r;
	touched(sq_of(s));
	v->version = last.version + 1;
	v->tick = sq_of(s)->rules_tick;
	return sq_put(sq_of(s), SQ_RULES_NEXT, "INSERT INTO rules_version (" VERSION_COLS ") VALUES (?1, ?2, ?3, ?4)",
		      NULL, 0, SQ_COLS(version_cols), v);
}

int sq_rules_versions(struct mst_store *s, int64_t before, size_t limit,
		      int (*each)(void *, const struct mst_rules_version *), void *arg)
{
	struct mst_rules_version row = { 0 };
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_RULES_VERSIONS,
			     "SELECT " VERSION_COLS " FROM rules_version WHERE version < ?1 ORDER BY version DESC LIMIT ?2",
			     SQ_ARGS(SQ_I(before ? before : INT64_MAX), SQ_I(sq_limit(limit))));

	while (!r && sq_iter_next(&it, SQ_COLS(version_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_rule_put(struct mst_store *s, const struct mst_rule_row *row)
{
	touched(sq_of(s));
	return sq_put(sq_of(s), SQ_RULE_PUT, "INSERT INTO rule (" RULE_COLS ") VALUES (?1, ?2, ?3, ?4, ?5)", NULL, 0,
		      SQ_COLS(rule_cols), row);
}

int sq_rule_end(struct mst_store *s, const char *name, int64_t version)
{
	touched(sq_of(s));
	return sq_run(sq_of(s), SQ_RULE_END, "UPDATE rule SET until = ?2 WHERE name = ?1 AND until = 0",
		      SQ_ARGS(SQ_S(name), SQ_I(version)));
}

int sq_rule_get(struct mst_store *s, const char *name, struct mst_rule_row *ret)
{
	return sq_one(sq_of(s), SQ_RULE_GET, "SELECT " RULE_COLS " FROM rule WHERE name = ?1 AND until = 0",
		      SQ_ARGS(SQ_S(name)), SQ_COLS(rule_cols), ret);
}

int sq_rule_list(struct mst_store *s, int64_t version, int64_t after, size_t limit,
		 int (*each)(void *, const struct mst_rule_row *), void *arg)
{
	static const char now[] = "SELECT " RULE_COLS " FROM rule WHERE until = 0 AND place > ?1 ORDER BY place LIMIT ?2";
	static const char then[] = "SELECT " RULE_COLS " FROM rule WHERE since <= ?3 AND (until = 0 OR until > ?3)"
				   " AND place > ?1 ORDER BY place LIMIT ?2";
	struct mst_rule_row row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), version ? SQ_RULE_LIST_AT : SQ_RULE_LIST, version ? then : now,
			     (const struct sq_arg[]){ SQ_I(after), SQ_I(sq_limit(limit)), SQ_I(version) }, version ? 3 : 2);

	while (!r && sq_iter_next(&it, SQ_COLS(rule_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_rules_prune(struct mst_store *s, int64_t oldest)
{
	int r = sq_run(sq_of(s), SQ_RULES_PRUNE, "DELETE FROM rule WHERE until > 0 AND until <= ?1", SQ_ARGS(SQ_I(oldest)));

	if (r >= 0)
		r = sq_run(sq_of(s), SQ_RULES_FORGET, "DELETE FROM rules_version WHERE version < ?1", SQ_ARGS(SQ_I(oldest)));
	return r < 0 ? r : 0;
}
