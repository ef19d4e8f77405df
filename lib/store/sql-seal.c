/* Seals of the audit log, and whether an entry is the one that was sealed. */
#include <string.h>

#include "store/sql.h"

static const struct sq_col seal_cols[] = { SQ_COL(SQ_I64, struct mst_log_seal, seq), SQ_COL(SQ_HASH, struct mst_log_seal, hash),
					   SQ_COL(SQ_I64, struct mst_log_seal, when), SQ_COL(SQ_FIXED, struct mst_log_seal, sig) };

int sq_seal_put(struct mst_store *s, const struct mst_log_seal *r)
{
	struct sq *q = sq_of(s);
	int e = sq_put(q, SQ_SEAL_PUT, "INSERT INTO event_seal (seq, hash, at, signature) VALUES (?1, ?2, ?3, ?4)", NULL, 0, SQ_COLS(seal_cols), r);

	if (e)
		return e;
	e = sq_run(q, SQ_NO_SLOT, "DELETE FROM event_seal WHERE seq < (SELECT min(seq) FROM (SELECT seq FROM event_seal ORDER BY seq DESC LIMIT ?1) AS newest)",
		   SQ_ARGS(SQ_I(MST_SEALS_KEPT)));
	return e > 0 ? 0 : e;
}

int sq_seal_list(struct mst_store *s, uint64_t after, int (*each)(void *, const struct mst_log_seal *), void *arg)
{
	struct mst_log_seal row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), SQ_SEAL_LIST, "SELECT seq, hash, at, signature FROM event_seal WHERE seq > ?1 ORDER BY seq",
			     SQ_ARGS(SQ_I(after)));

	while (!r && sq_iter_next(&it, SQ_COLS(seal_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

struct one_hash { uint8_t hash[MST_SHA256_LEN]; };
static const struct sq_col hash_col[] = { SQ_COL(SQ_HASH, struct one_hash, hash) };

int sq_event_is(struct mst_store *s, const struct mst_event_head *h)
{
	struct sq *q = sq_of(s);
	struct mst_event_anchor anchor;
	struct one_hash have;
	int r = sq_event_anchor(s, &anchor);

	if (r)
		return r;
	if (h->seq < anchor.seq)
		return MST_STORE_NONE;
	if (h->seq == anchor.seq)
		memcpy(have.hash, anchor.hash, sizeof(have.hash));
	else
		r = sq_one(q, SQ_NO_SLOT, "SELECT hash FROM event WHERE seq = ?1", SQ_ARGS(SQ_I(h->seq)), SQ_COLS(hash_col), &have);
	if (r < 0)
		return r;
	return r || memcmp(have.hash, h->hash, sizeof(have.hash)) != 0 ? sq_corrupt(q, "audit log: an entry that was sealed is missing, or another one") : 0;
}
