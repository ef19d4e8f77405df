/* Every key that the keeper has wrapped, in whichever table; and how far its wrapping anew is. */
#include <string.h>

#include "store/sql.h"

/* Which rows' keys begin otherwise; those that have none begin with nothing. The words of the index's own expression, so that it serves. */
#define OTHERS(table, key)                                                                                                          \
	"SELECT count(*) FROM " table " WHERE (substr(" key ", 1, 3) > substr(?1, 1, 0) AND substr(" key ", 1, 3) < substr(?1, 1, 3))" \
	" OR substr(" key ", 1, 3) > substr(?1, 1, 3)"

/* `rowid` is the order; a role and a purpose of its own where the table has them. */
static const struct { const char *list, *put, *others; enum sq_slot list_slot, put_slot, others_slot; } part[MST_WRAPPED__COUNT] = {
	[MST_WRAPPED_CREDENTIAL] = { "SELECT rowid, role, purpose, 0, key_id, key FROM credential WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
				     "UPDATE credential SET key = ?2 WHERE rowid = ?1", OTHERS("credential", "key"), SQ_WRAPPED_CREDENTIALS, SQ_WRAPPED_CREDENTIAL, SQ_WRAPPED_CREDENTIAL_OTHERS },
	[MST_WRAPPED_KEYREG] = { "SELECT rowid, role, 0, exporter, rel_key_id, key FROM keyreg WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
				 "UPDATE keyreg SET key = ?2 WHERE rowid = ?1", OTHERS("keyreg", "key"), SQ_WRAPPED_KEYREGS, SQ_WRAPPED_KEYREG, SQ_WRAPPED_KEYREG_OTHERS },
	[MST_WRAPPED_SIM] = { "SELECT id, 0, 0, 0, imsi, key FROM sim WHERE id > ?1 ORDER BY id LIMIT ?2",
			      "UPDATE sim SET key = ?2 WHERE id = ?1", OTHERS("sim", "key"), SQ_WRAPPED_SIMS, SQ_WRAPPED_SIM, SQ_WRAPPED_SIM_OTHERS },
	[MST_WRAPPED_KS] = { "SELECT rowid, 0, 0, 0, btid, ks FROM gba_session WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
			     "UPDATE gba_session SET ks = ?2 WHERE rowid = ?1", OTHERS("gba_session", "ks"), SQ_WRAPPED_KSS, SQ_WRAPPED_KS, SQ_WRAPPED_KS_OTHERS },
	[MST_WRAPPED_AV] = { "SELECT rowid, 0, 0, 0, nonce, av FROM gba_run WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
			     "UPDATE gba_run SET av = ?2 WHERE rowid = ?1", OTHERS("gba_run", "av"), SQ_WRAPPED_AVS, SQ_WRAPPED_AV, SQ_WRAPPED_AV_OTHERS },
};

#define W(t, m) SQ_COL(t, struct mst_wrapped_row, m)
static const struct sq_col row_cols[] = { W(SQ_I64, row),     SQ_COL_MAX(struct mst_wrapped_row, role, MST_ROLE__COUNT - 1),
					  SQ_COL_MAX(struct mst_wrapped_row, purpose, MST_PURPOSE__COUNT - 1),
					  W(SQ_BOOL, exporter), W(SQ_TEXT, key_id), W(SQ_WRAPPED, key) };

int sq_wrapped_list(struct mst_store *s, enum mst_wrapped_part p, int64_t after, size_t limit,
		    int (*each)(void *, const struct mst_wrapped_row *), void *arg)
{
	struct mst_wrapped_row row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), part[p].list_slot, part[p].list, SQ_ARGS(SQ_I(after), SQ_I(sq_limit(limit))));

	while (!r && sq_iter_next(&it, SQ_COLS(row_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

static const struct sq_col key_col[] = { { SQ_WRAPPED, 0, sizeof(struct mst_wrapped) } };

int sq_wrapped_put(struct mst_store *s, enum mst_wrapped_part p, int64_t row, const struct mst_wrapped *key)
{
	return sq_put(sq_of(s), part[p].put_slot, part[p].put, SQ_ARGS(SQ_I(row)), SQ_COLS(key_col), key);
}

static const struct sq_col count_col[] = { { SQ_I64, 0, 0 } };

int sq_wrapped_others(struct mst_store *s, const uint8_t head[MST_WRAPPED_HEAD], int64_t *ret_n)
{
	uint8_t longer[MST_SHA256_LEN] = { 0 };          /* as parameters are; the statements take what they want of it */
	int64_t n = 0, all = 0;
	int r = 0;

	memcpy(longer, head, MST_WRAPPED_HEAD);
	for (size_t p = 0; !r && p < MST_WRAPPED__COUNT; p++) {
		r = sq_one(sq_of(s), part[p].others_slot, part[p].others, SQ_ARGS(SQ_H(longer)), SQ_COLS(count_col), &n);
		all += n;
	}
	if (!r)
		*ret_n = all;
	return r > 0 ? MST_FAULT_BUG : r;
}

#define R(t, m) SQ_COL(t, struct mst_rotation, m)
static const struct sq_col rotation_cols[] = { R(SQ_I64, generation), R(SQ_I64, part), R(SQ_I64, after), R(SQ_I64, rows), R(SQ_I64, changed),
					       R(SQ_I64, bad), R(SQ_TEXT, bad_key), R(SQ_I64, begun), R(SQ_FIXED, mark),
					       R(SQ_I64, kept_until), R(SQ_I64, given_up), R(SQ_I64, stays) };

int sq_rotation_put(struct mst_store *s, const struct mst_rotation *r)
{
	struct sq *q = sq_of(s);

	/* even when it does not last: what another program put in its place is no greater then, and what was there may be there again */
	q->generation = r->generation > q->generation ? r->generation : q->generation;
	if (memcmp(q->mark[0], r->mark, sizeof(r->mark)) != 0) {
		memcpy(q->mark[1], q->mark[0], sizeof(r->mark));
		memcpy(q->mark[0], r->mark, sizeof(r->mark));
	}
	return sq_put(q, SQ_ROTATION_PUT,
		      "INSERT INTO rotation (id, generation, part, after, rows, changed, bad, bad_key, begun, mark, kept_until, given_up, stays)"
		      " VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
		      " ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, part = excluded.part, after = excluded.after,"
		      " rows = excluded.rows, changed = excluded.changed, bad = excluded.bad, bad_key = excluded.bad_key, begun = excluded.begun, mark = excluded.mark,"
		      " kept_until = excluded.kept_until, given_up = excluded.given_up, stays = excluded.stays",
		      NULL, 0, SQ_COLS(rotation_cols), r);
}

int sq_rotation_get(struct mst_store *s, struct mst_rotation *ret)
{
	return sq_one(sq_of(s), SQ_ROTATION_GET, "SELECT generation, part, after, rows, changed, bad, bad_key, begun, mark, kept_until, given_up, stays FROM rotation WHERE id = 1", NULL, 0,
		      SQ_COLS(rotation_cols), ret);
}

int sq_alone(struct mst_store *s, bool *ret)
{
	struct sq *q = sq_of(s);

	*ret = true;
	return q->db->alone ? q->db->alone(q, ret) : 0;
}
