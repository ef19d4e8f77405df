/* SIMs. */
#include "store/sql.h"

#define SIM_COLS                                                                                             \
	"id, imsi, impi, msisdn, algorithm, key, amf, sqn, ind, state, reason, node, uicc, lifetime, "       \
	"naf_group, gsid, created, changed, vectors, vector_at, paced, key_choice"
#define M(t, m) SQ_COL(t, struct mst_sim, m)
static const struct sq_col sim_cols[] = {
	M(SQ_ID_OR_NULL, id),
	M(SQ_TEXT, imsi),
	M(SQ_TEXT, impi),
	M(SQ_TEXT_OR_NULL, msisdn),
	SQ_COL_MAX(struct mst_sim, algorithm, 2),
	M(SQ_WRAPPED, key),
	SQ_COL_MAX(struct mst_sim, amf, 0xffff),
	M(SQ_I64, sqn),
	SQ_COL_MAX(struct mst_sim, ind, 31),
	SQ_COL_MAX(struct mst_sim, state, MST_SIM_SUSPENDED),
	M(SQ_TEXT, reason),
	M(SQ_ID_OR_NULL, node),
	SQ_COL_MAX(struct mst_sim, uicc, MST_SIM_GBA_U),
	M(SQ_I64, lifetime),
	M(SQ_TEXT, naf_group),
	M(SQ_I64, gsid),
	M(SQ_I64, created),
	M(SQ_I64, changed),
	M(SQ_I64, vectors),
	M(SQ_I64, vector_at),
	M(SQ_I64, paced),
	SQ_COL_MAX(struct mst_sim, key_choice, MST_KEY_CHOICE_BOTH),
};

int sq_sim_insert(struct mst_store *s, struct mst_sim *r)
{
	struct mst_sim row = *r;
	int rc;

	row.id = 0;
	rc = sq_put_new(sq_of(s), SQ_SIM_INSERT,
			"INSERT INTO sim (" SIM_COLS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
			"?17, ?18, ?19, ?20, ?21, ?22)", SQ_COLS(sim_cols), &row, &row.id);
	if (!rc)
		r->id = row.id;
	return rc;
}

/* What it is called stays: of two that differ in the capitals of their realms one is written as somebody typed it (0021). */
int sq_sim_update(struct mst_store *s, const struct mst_sim *r)
{
	return sq_put(sq_of(s), SQ_SIM_UPDATE,
		      "UPDATE sim SET imsi = ?2, msisdn = ?4, algorithm = ?5, key = ?6, amf = ?7, sqn = ?8, ind = ?9, state = ?10, "
		      "reason = ?11, node = ?12, uicc = ?13, lifetime = ?14, naf_group = ?15, gsid = ?16, created = ?17, changed = ?18, "
		      "vectors = ?19, vector_at = ?20, paced = ?21, key_choice = ?22 WHERE id = ?1",
		      NULL, 0, SQ_COLS(sim_cols), r);
}

/*
 * For each vector: the indexes of its names stay as they are, so their pages are not written. The condition, and not the
 * trigger, which lets an equal number pass (other changes to the row leave it as it is), keeps two vectors from having one.
 */
int sq_sim_number(struct mst_store *s, const struct mst_sim *r)
{
	return sq_run(sq_of(s), SQ_SIM_NUMBER, "UPDATE sim SET sqn = ?2, vectors = ?3, vector_at = ?4, paced = ?5 WHERE id = ?1 AND sqn < ?2",
		      SQ_ARGS(SQ_I(r->id), SQ_I(r->sqn), SQ_I(r->vectors), SQ_I(r->vector_at), SQ_I(r->paced)));
}

int sq_sim_delete(struct mst_store *s, int64_t id)
{
	return sq_run(sq_of(s), SQ_SIM_DELETE, "DELETE FROM sim WHERE id = ?1", SQ_ARGS(SQ_I(id)));
}

int sq_sim_find(struct mst_store *s, enum mst_sim_name by, const char *name, struct mst_sim *ret)
{
	static const struct { enum sq_slot slot; const char *sql; } way[] = {
		[MST_SIM_BY_IMSI] = { SQ_SIM_BY_IMSI, "SELECT " SIM_COLS " FROM sim WHERE imsi = ?1" },
		[MST_SIM_BY_IMPI] = { SQ_SIM_BY_IMPI, "SELECT " SIM_COLS " FROM sim WHERE impi = ?1" },
		[MST_SIM_BY_MSISDN] = { SQ_SIM_BY_MSISDN, "SELECT " SIM_COLS " FROM sim WHERE msisdn = ?1" },
	};

	return sq_one(sq_of(s), way[by].slot, way[by].sql, SQ_ARGS(SQ_S(name)), SQ_COLS(sim_cols), ret);
}

int sq_sim_of_node(struct mst_store *s, int64_t node, struct mst_sim *ret)
{
	return sq_one(sq_of(s), SQ_SIM_OF_NODE, "SELECT " SIM_COLS " FROM sim WHERE node = ?1", SQ_ARGS(SQ_I(node)), SQ_COLS(sim_cols),
		      ret);
}

int sq_sim_list(struct mst_store *s, const struct mst_sim_filter *f, int (*each)(void *, const struct mst_sim *), void *arg)
{
	static const char all[] = "SELECT " SIM_COLS " FROM sim WHERE id > ?1 ORDER BY id LIMIT ?2";
	static const char in_state[] = "SELECT " SIM_COLS " FROM sim WHERE state = ?3 AND id > ?1 ORDER BY id LIMIT ?2";
	const struct sq_arg arg_of[] = { SQ_I(f->after), SQ_I(sq_limit(f->limit)), SQ_I(f->state) };
	bool any = f->state < 0;
	struct sq_iter it;
	struct mst_sim row;
	int r = sq_iter_open(&it, sq_of(s), any ? SQ_SIM_LIST : SQ_SIM_IN_STATE, any ? all : in_state, arg_of, any ? 2 : 3);

	while (!r && sq_iter_next(&it, SQ_COLS(sim_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}
