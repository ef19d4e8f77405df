/* The provider's registry: subscriptions, nodes, identities. */
#include "store/sql.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define SUB_COLS SQ_SUB_NAMES
#define S(t, m) SQ_COL(t, struct mst_subscription, m)
const struct sq_col sq_sub_cols[SQ_SUB_COLS_N] = {
	S(SQ_TEXT, id),
	S(SQ_TEXT, sp_fqdn),
	S(SQ_TEXT, maf_fqdn),
	S(SQ_TEXT, maf_uri),
	S(SQ_TEXT, registrar_cse_id),
	S(SQ_TEXT, registrar_poa),
	S(SQ_I64, not_before),
	S(SQ_I64, not_after),
	S(SQ_I64, key_lifetime),
	SQ_COL_MAX(struct mst_subscription, state, MST_SUB_ENDED),
	S(SQ_I64, created),
	S(SQ_I64, changed),
	S(SQ_ID_OR_NULL, due),
	SQ_COL_MAX(struct mst_subscription, suspended_by, MST_BY_PROVIDER),
};

int sq_sub_put(struct mst_store *s, const struct mst_subscription *r, bool insert)
{
	static const char add[] = "INSERT INTO subscription (" SUB_COLS
				  ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
	static const char change[] = "UPDATE subscription SET sp_fqdn = ?2, maf_fqdn = ?3, maf_uri = ?4, "
				     "registrar_cse_id = ?5, registrar_poa = ?6,"
				     " not_before = ?7, not_after = ?8, key_lifetime = ?9, state = ?10, "
				     "created = ?11, changed = ?12, due = ?13, suspended_by = ?14 WHERE id = ?1";

	return sq_put(sq_of(s), insert ? SQ_SUB_INSERT : SQ_SUB_UPDATE, insert ? add : change, NULL, 0,
		      SQ_COLS(sq_sub_cols), r);
}

int sq_sub_get(struct mst_store *s, const char *id, struct mst_subscription *ret)
{
	return sq_one(sq_of(s), SQ_SUB_GET, "SELECT " SUB_COLS " FROM subscription WHERE id = ?1",
		      SQ_ARGS(SQ_S(id)), SQ_COLS(sq_sub_cols), ret);
}

int sq_sub_list(struct mst_store *s, const char *after, size_t limit,
		int (*each)(void *, const struct mst_subscription *), void *arg)
{
	struct mst_subscription row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_SUB_LIST,
			     "SELECT " SUB_COLS " FROM subscription WHERE id > ?1 ORDER BY id LIMIT ?2",
			     SQ_ARGS(SQ_S(after ? after : ""), SQ_I(sq_limit(limit))));

	while (!r && sq_iter_next(&it, SQ_COLS(sq_sub_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_sub_of_sp(struct mst_store *s, const char *sp_fqdn, struct mst_subscription *ret)
{
	return sq_one(sq_of(s), SQ_SUB_BY_SP, "SELECT " SUB_COLS " FROM subscription WHERE sp_fqdn = ?1 LIMIT 1", SQ_ARGS(SQ_S(sp_fqdn)),
		      SQ_COLS(sq_sub_cols), ret);
}

#define NODE_COLS SQ_NODE_NAMES
#define N(t, m) SQ_COL(t, struct mst_node, m)
const struct sq_col sq_node_cols[SQ_NODE_COLS_N] = {
	N(SQ_ID_OR_NULL, id),       N(SQ_TEXT, node_id),
	N(SQ_TEXT_OR_NULL, cse_id), N(SQ_TEXT, ae_id),
	N(SQ_TEXT_OR_NULL, sub_id), N(SQ_TEXT, maker),
	N(SQ_TEXT, model),          N(SQ_TEXT, serial),
	N(SQ_TEXT, batch),          SQ_COL_MAX(struct mst_node, state, MST_NODE_RELEASED),
	N(SQ_TEXT, reason),         N(SQ_I64, created),
	N(SQ_I64, changed),         N(SQ_I64, last_seen),
	N(SQ_TEXT, attempt),        N(SQ_TEXT, last_step),
	N(SQ_I64, leave_by),        SQ_COL_MAX(struct mst_node, suspended_by, MST_BY_PROVIDER),
	N(SQ_I64, reenrol_until),
};

int sq_node_insert(struct mst_store *s, struct mst_node *r)
{
	struct mst_node row = *r;
	int rc;

	row.id = 0; /* bound as NULL: the database counts on */
	rc = sq_put_new(sq_of(s), SQ_NODE_INSERT,
			"INSERT INTO node (" NODE_COLS
			") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
			SQ_COLS(sq_node_cols), &row, &row.id);
	if (!rc)
		r->id = row.id;
	return rc;
}

int sq_node_update(struct mst_store *s, const struct mst_node *r)
{
	return sq_put(sq_of(s), SQ_NODE_UPDATE,
		      "UPDATE node SET node_id = ?2, cse_id = ?3, ae_id = ?4, sub_id = ?5, maker = ?6, model "
		      "= ?7, serial = ?8, batch = ?9,"
		      " state = ?10, reason = ?11, created = ?12, changed = ?13, last_seen = ?14, attempt = "
		      "?15, last_step = ?16, leave_by = ?17, suspended_by = ?18, reenrol_until = ?19 WHERE id = ?1",
		      NULL, 0, SQ_COLS(sq_node_cols), r);
}

/* A column that is named in an UPDATE costs its indices and references, whether or not it changes. */
int sq_node_touch(struct mst_store *s, const struct mst_node *r)
{
	static const char seen[] = "UPDATE node SET reason = ?11, changed = ?13, last_seen = ?14, attempt = ?15, "
				   "last_step = ?16, reenrol_until = ?19 WHERE id = ?1 AND state = ?10";
	static const char moved[] = "UPDATE node SET state = ?10, reason = ?11, changed = ?13, last_seen = ?14, "
				    "attempt = ?15, last_step = ?16, reenrol_until = ?19 WHERE id = ?1";
	int rc = sq_put(sq_of(s), SQ_NODE_SEEN, seen, NULL, 0, SQ_COLS(sq_node_cols), r);

	if (rc != MST_STORE_NONE)
		return rc;
	return sq_put(sq_of(s), SQ_NODE_MOVED, moved, NULL, 0, SQ_COLS(sq_node_cols), r);
}

int sq_node_get(struct mst_store *s, int64_t id, struct mst_node *ret)
{
	return sq_one(sq_of(s), SQ_NODE_GET, "SELECT " NODE_COLS " FROM node WHERE id = ?1",
		      SQ_ARGS(SQ_I(id)), SQ_COLS(sq_node_cols), ret);
}

static int by_node_id(struct mst_store *s, const char *id, struct mst_node *ret)
{
	return sq_one(sq_of(s), SQ_NODE_BY_NODE_ID, "SELECT " NODE_COLS " FROM node WHERE node_id = ?1",
		      SQ_ARGS(SQ_S(id)), SQ_COLS(sq_node_cols), ret);
}

int sq_node_find(struct mst_store *s, const char *id, struct mst_node *ret)
{
	int r;

	/* every CSE-ID and AE-ID in the registry is absolute */
	if (strncmp(id, "//", 2))
		return by_node_id(s, id, ret);
	r = sq_one(sq_of(s), SQ_NODE_BY_CSE_ID, "SELECT " NODE_COLS " FROM node WHERE cse_id = ?1",
		   SQ_ARGS(SQ_S(id)), SQ_COLS(sq_node_cols), ret);
	/* the words of the index's own condition, so that it serves */
	if (r == MST_STORE_NONE)
		r = sq_one(sq_of(s), SQ_NODE_BY_AE_ID,
			   "SELECT " NODE_COLS " FROM node WHERE ae_id = ?1 AND ae_id <> '' ORDER BY id LIMIT 1",
			   SQ_ARGS(SQ_S(id)), SQ_COLS(sq_node_cols), ret);
	return r == MST_STORE_NONE ? by_node_id(s, id, ret) : r;
}

/* As the indices have it. */
static const char *lower(const char *id, char out[MST_ID_MAX])
{
	snprintf(out, MST_ID_MAX, "%s", id);
	mst_ascii_lower(out);
	return out;
}

int sq_node_of_cse(struct mst_store *s, const char *cse_id, int64_t but, struct mst_node *ret)
{
	char id[MST_ID_MAX];

	return sq_one(sq_of(s), SQ_NODE_OF_CSE,
		      "SELECT " NODE_COLS " FROM node WHERE lower(cse_id) = ?1 AND cse_id IS NOT NULL AND id <> ?2 ORDER BY id LIMIT 1",
		      SQ_ARGS(SQ_S(lower(cse_id, id)), SQ_I(but)), SQ_COLS(sq_node_cols), ret);
}

/* The text is put together from constants, so that each combination of filters can use an index. */
int sq_node_list(struct mst_store *s, const struct mst_node_filter *f,
		 int (*each)(void *, const struct mst_node *), void *arg)
{
	bool sub = f->sub_id && *f->sub_id, maker = f->maker && *f->maker, sp = f->sp_fqdn && *f->sp_fqdn;
	struct mst_node row;
	struct sq_iter it;
	char sql[512];
	int r;

	snprintf(sql, sizeof(sql), "SELECT " NODE_COLS " FROM node WHERE id > ?1%s%s%s%s ORDER BY id LIMIT ?2",
		 f->state >= 0 ? " AND state = ?3" : "", sub ? " AND sub_id = ?4" : "",
		 maker ? " AND maker = ?5" : "", sp ? " AND sub_id IN (SELECT id FROM subscription WHERE sp_fqdn = ?6)" : "");
	/* Trailing parameters that the text does not name cannot be bound. */
	r = sq_iter_open(&it, sq_of(s), SQ_NO_SLOT, sql,
			 (const struct sq_arg[]){ SQ_I(f->after), SQ_I(sq_limit(f->limit)), SQ_I(f->state),
						  SQ_S(sub ? f->sub_id : ""), SQ_S(maker ? f->maker : ""), SQ_S(sp ? f->sp_fqdn : "") },
			 sp              ? 6
			 : maker         ? 5
			 : sub           ? 4
			 : f->state >= 0 ? 3
					 : 2);
	while (!r && sq_iter_next(&it, SQ_COLS(sq_node_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

struct count_row {
	int state;
	int64_t n;
};
static const struct sq_col count_cols[] = {
	SQ_COL_MAX(struct count_row, state, MST_NODE_RELEASED),
	SQ_COL(SQ_I64, struct count_row, n),
};

int sq_node_count(struct mst_store *s, int64_t ret_by_state[MST_NODE_RELEASED + 1])
{
	int64_t n[MST_NODE_RELEASED + 1] = { 0 };
	struct count_row row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_NODE_COUNT, "SELECT state, n FROM node_count", NULL, 0);

	while (!r && sq_iter_next(&it, SQ_COLS(count_cols), &row))
		n[row.state] = row.n;
	r = sq_iter_close(&it, r);
	if (!r)
		memcpy(ret_by_state, n, sizeof(n));
	return r;
}

#define IDENTITY_COLS "kind, value, anchor, node"
#define I(t, m)       SQ_COL(t, struct mst_identity, m)
static const struct sq_col identity_cols[] = {
	SQ_COL_MAX(struct mst_identity, kind, MST_ID_PUBLIC_KEY),
	I(SQ_TEXT, value),
	I(SQ_HASH, anchor),
	I(SQ_I64, node),
};

int sq_identity_put(struct mst_store *s, const struct mst_identity *r)
{
	/* The anchor of a node's own name may change; a name never moves to another node by this way. */
	int rc = sq_put(sq_of(s), SQ_IDENTITY_PUT,
			"INSERT INTO identity (" IDENTITY_COLS ") VALUES (?1, ?2, ?3, ?4)"
			" ON CONFLICT (kind, value) DO UPDATE SET anchor = excluded.anchor WHERE "
			"identity.node = excluded.node",
			NULL, 0, SQ_COLS(identity_cols), r);
	struct mst_identity have;

	if (rc != MST_STORE_NONE)
		return rc;
	/* Nothing changed: the name is another node's, or the node does not exist. */
	rc = sq_identity_get(s, r->kind, r->value, &have);
	return rc ? rc : MST_STORE_EXISTS;
}

int sq_identity_get(struct mst_store *s, enum mst_id_kind kind, const char *value, struct mst_identity *ret)
{
	return sq_one(sq_of(s), SQ_IDENTITY_GET,
		      "SELECT " IDENTITY_COLS " FROM identity WHERE kind = ?1 AND value = ?2",
		      SQ_ARGS(SQ_I(kind), SQ_S(value)), SQ_COLS(identity_cols), ret);
}

_Static_assert(MST_ID_CSE_ABS == 4, "the index has the number");
int sq_identity_of_cse(struct mst_store *s, const char *cse_id, int (*each)(void *, const struct mst_identity *), void *arg)
{
	char id[MST_ID_MAX];
	struct mst_identity row;
	struct sq_iter it;
	/* the words of the index's own condition */
	int r = sq_iter_open(&it, sq_of(s), SQ_IDENTITY_OF_CSE,
			     "SELECT " IDENTITY_COLS " FROM identity WHERE kind = 4 AND lower(value) = ?1 ORDER BY value",
			     SQ_ARGS(SQ_S(lower(cse_id, id))));

	while (!r && sq_iter_next(&it, SQ_COLS(identity_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_identity_list(struct mst_store *s, int64_t node, int (*each)(void *, const struct mst_identity *),
		     void *arg)
{
	struct mst_identity row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_IDENTITY_LIST,
			     "SELECT " IDENTITY_COLS " FROM identity WHERE node = ?1 ORDER BY kind, value",
			     SQ_ARGS(SQ_I(node)));

	while (!r && sq_iter_next(&it, SQ_COLS(identity_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_identity_count_wild(struct mst_store *s, int64_t *ret_n)
{
	static const struct sq_col cols[] = { SQ_COL(SQ_INT, struct count_row, state), SQ_COL(SQ_I64, struct count_row, n) };
	struct count_row row;
	/* the words of the index's own condition, so that it serves */
	int r = sq_one(sq_of(s), SQ_IDENTITY_WILD,
		       sq_of(s)->db->text[SQ_TEXT_IDENTITY_WILD],
		       NULL, 0, SQ_COLS(cols), &row);

	if (!r)
		*ret_n = row.n;
	return r > 0 ? MST_FAULT_BUG : r;
}
