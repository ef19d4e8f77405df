/* Rows of the roles: registrations, registered keys, credentials, certificates. */
#include "store/sql.h"

#define REG_COLS                                                                                             \
	"reg_id, client_id, admin_fqdn, node, key_id, labels, created, modified, expires, last_cmd, "        \
	"last_cmd_status"
#define R(t, m) SQ_COL(t, struct mst_registration, m)
static const struct sq_col reg_cols[] = {
	R(SQ_TEXT, reg_id), R(SQ_TEXT, client_id), R(SQ_TEXT, admin_fqdn),     R(SQ_ID_OR_NULL, node),
	R(SQ_TEXT, key_id), R(SQ_TEXT, labels),    R(SQ_I64, created),         R(SQ_I64, modified),
	R(SQ_I64, expires), R(SQ_TEXT, last_cmd),  R(SQ_INT, last_cmd_status),
};

int sq_reg_put(struct mst_store *s, enum mst_role role, const struct mst_registration *r)
{
	return sq_put(
		sq_of(s), SQ_REG_PUT,
		"INSERT INTO registration (role, " REG_COLS
		") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
		" ON CONFLICT (role, reg_id) DO UPDATE SET client_id = excluded.client_id, admin_fqdn = "
		"excluded.admin_fqdn,"
		" node = excluded.node, key_id = excluded.key_id, labels = excluded.labels, created = "
		"excluded.created,"
		" modified = excluded.modified, expires = excluded.expires, last_cmd = excluded.last_cmd,"
		" last_cmd_status = excluded.last_cmd_status",
		SQ_ARGS(SQ_I(role)), SQ_COLS(reg_cols), r);
}

int sq_reg_get(struct mst_store *s, enum mst_role role, const char *reg_id, struct mst_registration *ret)
{
	return sq_one(sq_of(s), SQ_REG_GET,
		      "SELECT " REG_COLS " FROM registration WHERE role = ?1 AND reg_id = ?2",
		      SQ_ARGS(SQ_I(role), SQ_S(reg_id)), SQ_COLS(reg_cols), ret);
}

int sq_reg_find(struct mst_store *s, enum mst_role role, const char *client_id, const char *admin_fqdn,
		struct mst_registration *ret)
{
	return sq_one(sq_of(s), SQ_REG_FIND,
		      "SELECT " REG_COLS
		      " FROM registration WHERE role = ?1 AND client_id = ?2 AND admin_fqdn = ?3",
		      SQ_ARGS(SQ_I(role), SQ_S(client_id), SQ_S(admin_fqdn)), SQ_COLS(reg_cols), ret);
}

int sq_reg_delete(struct mst_store *s, enum mst_role role, const char *reg_id)
{
	return sq_run(sq_of(s), SQ_REG_DELETE, "DELETE FROM registration WHERE role = ?1 AND reg_id = ?2",
		      SQ_ARGS(SQ_I(role), SQ_S(reg_id)));
}

int sq_reg_of_node(struct mst_store *s, enum mst_role role, int64_t node,
		   int (*each)(void *, const struct mst_registration *), void *arg)
{
	struct mst_registration row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_REG_OF_NODE,
			     "SELECT " REG_COLS
			     " FROM registration WHERE role = ?1 AND node = ?2 ORDER BY rowid",
			     SQ_ARGS(SQ_I(role), SQ_I(node)));

	while (!r && sq_iter_next(&it, SQ_COLS(reg_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_reg_of_client(struct mst_store *s, enum mst_role role, const char *client_id,
		     int (*each)(void *, const struct mst_registration *), void *arg)
{
	struct mst_registration row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_REG_OF_CLIENT,
			     "SELECT " REG_COLS
			     " FROM registration WHERE role = ?1 AND client_id = ?2 ORDER BY admin_fqdn",
			     SQ_ARGS(SQ_I(role), SQ_S(client_id)));

	while (!r && sq_iter_next(&it, SQ_COLS(reg_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

#define KEYREG_COLS                                                                                          \
	"rel_key_id, reg_id, client_id, admin_fqdn, suid, targets, labels, key, exporter, session, "         \
	"created, modified, expires"
#define K(t, m) SQ_COL(t, struct mst_keyreg, m)
static const struct sq_col keyreg_cols[] = {
	K(SQ_TEXT, rel_key_id), K(SQ_TEXT, reg_id),  K(SQ_TEXT, client_id), K(SQ_TEXT, admin_fqdn),
	K(SQ_INT, suid),        K(SQ_TEXT, targets), K(SQ_TEXT, labels),    K(SQ_WRAPPED, key),
	K(SQ_BOOL, exporter),   K(SQ_I64, session),  K(SQ_I64, created),    K(SQ_I64, modified),
	K(SQ_I64, expires),
};

int sq_keyreg_put(struct mst_store *s, enum mst_role role, const struct mst_keyreg *r, bool insert)
{
	static const char add[] = "INSERT INTO keyreg (role, " KEYREG_COLS
				  ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
	static const char change[] = "UPDATE keyreg SET reg_id = ?3, client_id = ?4, admin_fqdn = ?5, suid = "
				     "?6, targets = ?7, labels = ?8, key = ?9,"
				     " exporter = ?10, session = ?11, created = ?12, modified = ?13, expires "
				     "= ?14 WHERE role = ?1 AND rel_key_id = ?2";

	return sq_put(sq_of(s), insert ? SQ_KEYREG_INSERT : SQ_KEYREG_UPDATE, insert ? add : change,
		      SQ_ARGS(SQ_I(role)), SQ_COLS(keyreg_cols), r);
}

int sq_keyreg_get(struct mst_store *s, enum mst_role role, const char *rel_key_id, struct mst_keyreg *ret)
{
	return sq_one(sq_of(s), SQ_KEYREG_GET,
		      "SELECT " KEYREG_COLS " FROM keyreg WHERE role = ?1 AND rel_key_id = ?2",
		      SQ_ARGS(SQ_I(role), SQ_S(rel_key_id)), SQ_COLS(keyreg_cols), ret);
}

int sq_keyreg_delete(struct mst_store *s, enum mst_role role, const char *rel_key_id)
{
	return sq_run(sq_of(s), SQ_KEYREG_DELETE, "DELETE FROM keyreg WHERE role = ?1 AND rel_key_id = ?2",
		      SQ_ARGS(SQ_I(role), SQ_S(rel_key_id)));
}

int sq_keyreg_list(struct mst_store *s, enum mst_role role, const char *reg_id,
		   int (*each)(void *, const struct mst_keyreg *), void *arg)
{
	struct mst_keyreg row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_KEYREG_LIST,
			     "SELECT " KEYREG_COLS
			     " FROM keyreg WHERE role = ?1 AND reg_id = ?2 ORDER BY rowid",
			     SQ_ARGS(SQ_I(role), SQ_S(reg_id)));

	while (!r && sq_iter_next(&it, SQ_COLS(keyreg_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

#define CRED_COLS SQ_CRED_NAMES
#define C(t, m)   SQ_COL(t, struct mst_credential, m)
const struct sq_col sq_cred_cols[SQ_CRED_COLS_N] = {
	C(SQ_TEXT, key_id),
	SQ_COL_MAX(struct mst_credential, purpose, MST_PURPOSE_KM),
	C(SQ_WRAPPED, key),
	C(SQ_TEXT, client_id),
	C(SQ_TEXT, via),
	C(SQ_ID_OR_NULL, node),
	SQ_COL_MAX(struct mst_credential, state, MST_CRED_REVOKED),
	C(SQ_I64, created),
	C(SQ_I64, expires),
	C(SQ_I64, last_used),
	C(SQ_ID_OR_NULL, due),
};

int sq_cred_put(struct mst_store *s, enum mst_role role, const struct mst_credential *r, bool insert)
{
	static const char add[] = "INSERT INTO credential (role, " CRED_COLS
				  ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
	static const char change[] = "UPDATE credential SET purpose = ?3, key = ?4, client_id = ?5, via = "
				     "?6, node = ?7, state = ?8, created = ?9,"
				     " expires = ?10, last_used = ?11, due = ?12 WHERE role = ?1 AND key_id = ?2";

	return sq_put(sq_of(s), insert ? SQ_CRED_INSERT : SQ_CRED_UPDATE, insert ? add : change,
		      SQ_ARGS(SQ_I(role)), SQ_COLS(sq_cred_cols), r);
}

int sq_cred_get(struct mst_store *s, enum mst_role role, const char *key_id, struct mst_credential *ret)
{
	return sq_one(sq_of(s), SQ_CRED_GET,
		      "SELECT " CRED_COLS " FROM credential WHERE role = ?1 AND key_id = ?2",
		      SQ_ARGS(SQ_I(role), SQ_S(key_id)), SQ_COLS(sq_cred_cols), ret);
}

int sq_cred_delete(struct mst_store *s, enum mst_role role, const char *key_id)
{
	return sq_run(sq_of(s), SQ_CRED_DELETE, "DELETE FROM credential WHERE role = ?1 AND key_id = ?2",
		      SQ_ARGS(SQ_I(role), SQ_S(key_id)));
}

static int list_creds(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *arg,
		      size_t n_arg, int (*each)(void *, const struct mst_credential *), void *each_arg)
{
	struct mst_credential row;
	struct sq_iter it;
	int r = sq_iter_open(&it, q, slot, sql, arg, n_arg);

	while (!r && sq_iter_next(&it, SQ_COLS(sq_cred_cols), &row))
		r = each(each_arg, &row);
	return sq_iter_close(&it, r);
}

int sq_cred_list(struct mst_store *s, enum mst_role role, const char *client_id,
		 int (*each)(void *, const struct mst_credential *), void *arg)
{
	return list_creds(sq_of(s), SQ_CRED_LIST,
			  "SELECT " CRED_COLS
			  " FROM credential WHERE role = ?1 AND client_id = ?2 ORDER BY rowid",
			  SQ_ARGS(SQ_I(role), SQ_S(client_id)), each, arg);
}

int sq_cred_of_node(struct mst_store *s, enum mst_role role, int64_t node,
		    int (*each)(void *, const struct mst_credential *), void *arg)
{
	return list_creds(sq_of(s), SQ_CRED_OF_NODE,
			  "SELECT " CRED_COLS " FROM credential WHERE role = ?1 AND node = ?2 ORDER BY rowid",
			  SQ_ARGS(SQ_I(role), SQ_I(node)), each, arg);
}

#define CERT_COLS "serial, subject, node, issued, expires, revoked, reason"
#define X(t, m)   SQ_COL(t, struct mst_cert_row, m)
static const struct sq_col cert_cols[] = {
	X(SQ_TEXT, serial), X(SQ_TEXT, subject), X(SQ_ID_OR_NULL, node), X(SQ_I64, issued),
	X(SQ_I64, expires), X(SQ_I64, revoked),  X(SQ_INT, reason),
};

int sq_cert_put(struct mst_store *s, const struct mst_cert_row *r)
{
	return sq_put(sq_of(s), SQ_CERT_PUT,
		      "INSERT INTO certificate (" CERT_COLS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
		      " ON CONFLICT (serial) DO UPDATE SET subject = excluded.subject, node = excluded.node, "
		      "issued = excluded.issued,"
		      " expires = excluded.expires, revoked = excluded.revoked, reason = excluded.reason",
		      NULL, 0, SQ_COLS(cert_cols), r);
}

int sq_cert_get(struct mst_store *s, const char *serial, struct mst_cert_row *ret)
{
	return sq_one(sq_of(s), SQ_CERT_GET, "SELECT " CERT_COLS " FROM certificate WHERE serial = ?1",
		      SQ_ARGS(SQ_S(serial)), SQ_COLS(cert_cols), ret);
}

/* An expired certificate leaves the list: nobody accepts it anyway. */
int sq_cert_list_revoked(struct mst_store *s, mst_time now, int (*each)(void *, const struct mst_cert_row *),
			 void *arg)
{
	struct mst_cert_row row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_CERT_REVOKED,
			     "SELECT " CERT_COLS
			     " FROM certificate WHERE revoked <> 0 AND expires > ?1 ORDER BY expires, rowid",
			     SQ_ARGS(SQ_I(now)));

	while (!r && sq_iter_next(&it, SQ_COLS(cert_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_cert_of_node(struct mst_store *s, int64_t node, int (*each)(void *, const struct mst_cert_row *), void *arg)
{
	struct mst_cert_row row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_CERT_OF_NODE,
			     "SELECT " CERT_COLS " FROM certificate WHERE node = ?1 ORDER BY issued, rowid", SQ_ARGS(SQ_I(node)));

	while (!r && sq_iter_next(&it, SQ_COLS(cert_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}
