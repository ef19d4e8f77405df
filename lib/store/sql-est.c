/* Certificates issued over EST with what leads to them. */
#include "store/sql.h"

/* --- octets of issued certificates --- */

#define DER_COLS "serial, sha256, der"
#define D(t, m)  SQ_COL(t, struct mst_cert_der, m)
static const struct sq_col der_cols[] = { D(SQ_TEXT, serial), D(SQ_HASH, sha256), D(SQ_OCTETS, der) };

int sq_cert_der_put(struct mst_store *s, const struct mst_cert_der *r)
{
	return sq_put(sq_of(s), SQ_DER_PUT, "INSERT INTO certificate_der (" DER_COLS ") VALUES (?1, ?2, ?3)", NULL, 0,
		      SQ_COLS(der_cols), r);
}

int sq_cert_der_get(struct mst_store *s, const char *serial, struct mst_cert_der *ret)
{
	return sq_one(sq_of(s), SQ_DER_GET, "SELECT " DER_COLS " FROM certificate_der WHERE serial = ?1", SQ_ARGS(SQ_S(serial)),
		      SQ_COLS(der_cols), ret);
}

int sq_cert_der_find(struct mst_store *s, const uint8_t sha256[MST_SHA256_LEN], struct mst_cert_der *ret)
{
	return sq_one(sq_of(s), SQ_DER_FIND, "SELECT " DER_COLS " FROM certificate_der WHERE sha256 = ?1", SQ_ARGS(SQ_H(sha256)),
		      SQ_COLS(der_cols), ret);
}

/* Those that are on a revocation list still stay until they have ended: `before` is never later than now. */
int sq_cert_forget(struct mst_store *s, int64_t node, mst_time before)
{
	int r = sq_run(sq_of(s), SQ_CERT_FORGET, "DELETE FROM certificate WHERE node = ?1 AND expires < ?2",
		       SQ_ARGS(SQ_I(node), SQ_I(before)));

	return r == MST_STORE_NONE ? 0 : r;
}

/* --- requests --- */

#define REQ_COLS "id, node, csr_sha256, subject, state, renewal, serial, asked, decided, reason"
#define Q(t, m)  SQ_COL(t, struct mst_certreq, m)
static const struct sq_col req_cols[] = {
	Q(SQ_ID_OR_NULL, id), Q(SQ_I64, node),     Q(SQ_HASH, csr_sha256),
	Q(SQ_TEXT, subject),  SQ_COL_MAX(struct mst_certreq, state, MST_CERTREQ_ISSUED),
	Q(SQ_BOOL, renewal),  Q(SQ_TEXT, serial),  Q(SQ_I64, asked),
	Q(SQ_I64, decided),   Q(SQ_TEXT, reason),
};

int sq_certreq_insert(struct mst_store *s, struct mst_certreq *r)
{
	struct mst_certreq row = *r;
	int rc;

	row.id = 0;
	rc = sq_put_new(sq_of(s), SQ_CERTREQ_INSERT,
			"INSERT INTO cert_request (" REQ_COLS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", SQ_COLS(req_cols), &row, &row.id);
	if (!rc)
		r->id = row.id;
	return rc;
}

int sq_certreq_update(struct mst_store *s, const struct mst_certreq *r)
{
	return sq_put(sq_of(s), SQ_CERTREQ_UPDATE,
		      "UPDATE cert_request SET node = ?2, csr_sha256 = ?3, subject = ?4, state = ?5, renewal = ?6, serial = ?7, "
		      "asked = ?8, decided = ?9, reason = ?10 WHERE id = ?1",
		      NULL, 0, SQ_COLS(req_cols), r);
}

int sq_certreq_get(struct mst_store *s, int64_t id, struct mst_certreq *ret)
{
	return sq_one(sq_of(s), SQ_CERTREQ_GET, "SELECT " REQ_COLS " FROM cert_request WHERE id = ?1", SQ_ARGS(SQ_I(id)),
		      SQ_COLS(req_cols), ret);
}

int sq_certreq_find(struct mst_store *s, int64_t node, const uint8_t csr_sha256[MST_SHA256_LEN], struct mst_certreq *ret)
{
	return sq_one(sq_of(s), SQ_CERTREQ_FIND, "SELECT " REQ_COLS " FROM cert_request WHERE node = ?1 AND csr_sha256 = ?2",
		      SQ_ARGS(SQ_I(node), SQ_H(csr_sha256)), SQ_COLS(req_cols), ret);
}

int sq_certreq_list(struct mst_store *s, int state, int64_t after, size_t limit, int (*each)(void *, const struct mst_certreq *),
		    void *arg)
{
	static const char all[] = "SELECT " REQ_COLS " FROM cert_request WHERE id > ?1 ORDER BY id LIMIT ?2";
	static const char in_state[] = "SELECT " REQ_COLS " FROM cert_request WHERE state = ?3 AND id > ?1 ORDER BY id LIMIT ?2";
	const struct sq_arg arg_of[] = { SQ_I(after), SQ_I(sq_limit(limit)), SQ_I(state) };
	bool any = state < 0;
	struct mst_certreq row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), any ? SQ_CERTREQ_LIST : SQ_CERTREQ_IN_STATE, any ? all : in_state, arg_of, any ? 2 : 3);

	while (!r && sq_iter_next(&it, SQ_COLS(req_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_certreq_trim(struct mst_store *s, int64_t node, size_t keep)
{
	int r = sq_run(sq_of(s), SQ_CERTREQ_TRIM,
		       "DELETE FROM cert_request WHERE node = ?1 AND id NOT IN"
		       " (SELECT id FROM cert_request WHERE node = ?1 ORDER BY id DESC LIMIT ?2)",
		       SQ_ARGS(SQ_I(node), SQ_I((int64_t)keep)));

	return r == MST_STORE_NONE ? 0 : r;
}

/* --- challenges --- */

#define H(t, m) SQ_COL(t, struct mst_challenge, m)
static const struct sq_col challenge_cols[] = { H(SQ_I64, node), H(SQ_TEXT, value), H(SQ_I64, made) };

int sq_challenge_put(struct mst_store *s, const struct mst_challenge *r)
{
	return sq_put(sq_of(s), SQ_CHALLENGE_PUT,
		      "INSERT INTO cert_challenge (node, value, made) VALUES (?1, ?2, ?3)"
		      " ON CONFLICT (node) DO UPDATE SET value = excluded.value, made = excluded.made",
		      NULL, 0, SQ_COLS(challenge_cols), r);
}

int sq_challenge_get(struct mst_store *s, int64_t node, struct mst_challenge *ret)
{
	return sq_one(sq_of(s), SQ_CHALLENGE_GET, "SELECT node, value, made FROM cert_challenge WHERE node = ?1", SQ_ARGS(SQ_I(node)),
		      SQ_COLS(challenge_cols), ret);
}
