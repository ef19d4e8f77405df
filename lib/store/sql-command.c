/* Commands of a MEF for its clients (TS-0003 8.3.9), what became of them, and the objects that DEV_CFG leads to. */
#include "store/sql.h"

#define CMD_COLS "id, node, class, number, uri, kind, subject, state, reg_id, cmd_id, status, created, issued, ended, target, admin_fqdn"
#define C(t, m)  SQ_COL(t, struct mst_command, m)
static const struct sq_col cmd_cols[] = {
	C(SQ_ID_OR_NULL, id), C(SQ_I64, node),    C(SQ_INT, class_id), C(SQ_I64, number),
	C(SQ_TEXT, uri),      C(SQ_I64, kind),    C(SQ_TEXT, subject),
	SQ_COL_MAX(struct mst_command, state, MST_COMMAND_CANCELLED),
	C(SQ_TEXT, reg_id),   C(SQ_TEXT, cmd_id), C(SQ_I64, status),   C(SQ_I64, created),
	C(SQ_I64, issued),    C(SQ_I64, ended),   C(SQ_TEXT, target),   C(SQ_TEXT, admin_fqdn),
};

int sq_command_insert(struct mst_store *s, struct mst_command *r)
{
	struct mst_command row = *r;
	int rc;

	row.id = 0;
	rc = sq_put_new(sq_of(s), SQ_COMMAND_INSERT,
			"INSERT INTO command (" CMD_COLS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
			"?15, ?16)", SQ_COLS(cmd_cols), &row, &row.id);
	if (!rc)
		r->id = row.id;
	return rc;
}

int sq_command_update(struct mst_store *s, const struct mst_command *r)
{
	return sq_put(sq_of(s), SQ_COMMAND_UPDATE,
		      "UPDATE command SET node = ?2, class = ?3, number = ?4, uri = ?5, kind = ?6, subject = ?7, state = ?8, reg_id = ?9, "
		      "cmd_id = ?10, status = ?11, created = ?12, issued = ?13, ended = ?14, target = ?15, admin_fqdn = ?16 WHERE id = ?1",
		      NULL, 0, SQ_COLS(cmd_cols), r);
}

int sq_command_get(struct mst_store *s, int64_t id, struct mst_command *ret)
{
	return sq_one(sq_of(s), SQ_COMMAND_GET, "SELECT " CMD_COLS " FROM command WHERE id = ?1", SQ_ARGS(SQ_I(id)), SQ_COLS(cmd_cols),
		      ret);
}

int sq_command_next(struct mst_store *s, enum mst_role role, int64_t node, const char *admin_fqdn, struct mst_command *ret)
{
	return sq_one(sq_of(s), SQ_COMMAND_NEXT,
		      "SELECT " CMD_COLS " FROM command WHERE node = ?1 AND admin_fqdn IN ('', ?3) AND (state = 0 OR (state = 1 AND NOT EXISTS"
		      " (SELECT 1 FROM registration r WHERE r.role = ?2 AND r.reg_id = command.reg_id))) ORDER BY id LIMIT 1",
		      SQ_ARGS(SQ_I(node), SQ_I(role), SQ_S(admin_fqdn)), SQ_COLS(cmd_cols), ret);
}

int sq_command_issued(struct mst_store *s, int64_t node, const char *reg_id, const char *cmd_id, struct mst_command *ret)
{
	return sq_one(sq_of(s), SQ_COMMAND_ISSUED,
		      "SELECT " CMD_COLS " FROM command WHERE node = ?1 AND state IN (1, 3) AND reg_id = ?2 AND cmd_id = ?3"
		      " ORDER BY id DESC LIMIT 1",
		      SQ_ARGS(SQ_I(node), SQ_S(reg_id), SQ_S(cmd_id)), SQ_COLS(cmd_cols), ret);
}

int sq_command_trim(struct mst_store *s, int64_t node, size_t keep)
{
	int r = sq_run(sq_of(s), SQ_COMMAND_TRIM,
		       "DELETE FROM command WHERE node = ?1 AND state IN (2, 3) AND id NOT IN"
		       " (SELECT id FROM command WHERE node = ?1 AND state IN (2, 3) ORDER BY id DESC LIMIT ?2)",
		       SQ_ARGS(SQ_I(node), SQ_I(sq_limit(keep))));

	return r == MST_STORE_NONE ? 0 : r;
}

/* Two texts, since one with `?1 = 0 OR node = ?1` is served by no index. */
int sq_command_list(struct mst_store *s, int64_t node, int64_t after, size_t limit, int (*each)(void *, const struct mst_command *),
		    void *arg)
{
	static const char all[] = "SELECT " CMD_COLS " FROM command WHERE id > ?1 ORDER BY id LIMIT ?2";
	static const char of_node[] = "SELECT " CMD_COLS " FROM command WHERE node = ?3 AND id > ?1 ORDER BY id LIMIT ?2";
	const struct sq_arg arg_of[] = { SQ_I(after), SQ_I(sq_limit(limit)), SQ_I(node) };
	struct mst_command row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), node ? SQ_COMMAND_OF_NODE : SQ_COMMAND_LIST, node ? of_node : all, arg_of, node ? 3 : 2);

	while (!r && sq_iter_next(&it, SQ_COLS(cmd_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

/* By the indexes of nodes by subscription and commands by node and state. */
int sq_command_open(struct mst_store *s, const char *sub_id, size_t limit, int (*each)(void *, const struct mst_command *), void *arg)
{
	struct mst_command row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_COMMAND_OPEN,
			     "SELECT " CMD_COLS " FROM command WHERE state IN (0, 1) AND node IN (SELECT n.id FROM node n WHERE n.sub_id = ?1) LIMIT ?2",
			     SQ_ARGS(SQ_S(sub_id), SQ_I(sq_limit(limit))));

	while (!r && sq_iter_next(&it, SQ_COLS(cmd_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

/* --- steps --- */

#define STEP_COLS "command, at, what, cmd_id, status, times"
#define P(t, m)   SQ_COL(t, struct mst_command_step, m)
static const struct sq_col step_cols[] = {
	P(SQ_I64, command), P(SQ_I64, at),     SQ_COL_MAX(struct mst_command_step, what, MST_STEP_LATE),
	P(SQ_TEXT, cmd_id), P(SQ_I64, status), P(SQ_I64, times),
};

int sq_command_step_add(struct mst_store *s, const struct mst_command_step *r)
{
	struct sq *q = sq_of(s);
	struct mst_command_step row = *r;
	int rc = sq_run(q, SQ_STEP_AGAIN,
			"UPDATE command_step SET at = ?2, times = times + 1 WHERE what = ?3 AND cmd_id = ?4 AND status = ?5 AND"
			" id = (SELECT max(id) FROM command_step WHERE command = ?1)",
			SQ_ARGS(SQ_I(r->command), SQ_I(r->at), SQ_I(r->what), SQ_S(r->cmd_id), SQ_I(r->status)));

	if (rc != MST_STORE_NONE)
		return rc;
	row.times = 1;
	return sq_put(q, SQ_STEP_INSERT, "INSERT INTO command_step (" STEP_COLS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6)", NULL, 0,
		      SQ_COLS(step_cols), &row);
}

int sq_command_step_list(struct mst_store *s, int64_t command, int (*each)(void *, const struct mst_command_step *), void *arg)
{
	struct mst_command_step row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_STEP_LIST, "SELECT " STEP_COLS " FROM command_step WHERE command = ?1 ORDER BY id",
			     SQ_ARGS(SQ_I(command)));

	while (!r && sq_iter_next(&it, SQ_COLS(step_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

/* --- management objects --- */

#define D(t, m) SQ_COL(t, struct mst_device_config, m)
static const struct sq_col config_cols[] = { D(SQ_I64, node), D(SQ_TEXT, admin_fqdn), D(SQ_TEXT, content), D(SQ_I64, changed) };

int sq_device_config_put(struct mst_store *s, const struct mst_device_config *r)
{
	return sq_put(sq_of(s), SQ_DEVCFG_PUT,
		      "INSERT INTO device_config (node, admin_fqdn, content, changed) VALUES (?1, ?2, ?3, ?4)"
		      " ON CONFLICT (node, admin_fqdn) DO UPDATE SET content = excluded.content, changed = excluded.changed",
		      NULL, 0, SQ_COLS(config_cols), r);
}

int sq_device_config_get(struct mst_store *s, int64_t node, const char *admin_fqdn, struct mst_device_config *ret)
{
	return sq_one(sq_of(s), SQ_DEVCFG_GET,
		      "SELECT node, admin_fqdn, content, changed FROM device_config WHERE node = ?1 AND admin_fqdn = ?2",
		      SQ_ARGS(SQ_I(node), SQ_S(admin_fqdn)), SQ_COLS(config_cols), ret);
}

int sq_device_config_drop(struct mst_store *s, int64_t node)
{
	return sq_run(sq_of(s), SQ_DEVCFG_DROP, "DELETE FROM device_config WHERE node = ?1", SQ_ARGS(SQ_I(node)));
}
