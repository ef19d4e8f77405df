/* Dispatch of what the BSF keeps, by the IMPI that is looked for. */
#include "store/ops.h"

int mst_store_gba_run_insert(struct mst_store *s, const struct mst_gba_run *r)
{
	static _Thread_local struct mst_gba_run row;

	row = *r;
	mst_id_impi(row.run.impi, row.run.impi);
	return s->ops->gba_run_insert(s, &row);
}

int mst_store_gba_run_get(struct mst_store *s, const char *nonce, struct mst_gba_run *ret)
{
	return s->ops->gba_run_get(s, nonce, ret);
}

int mst_store_gba_run_waiting(struct mst_store *s, const char *impi, mst_time now, struct mst_gba_run *ret)
{
	char key[MST_ID_MAX];

	mst_id_impi(impi, key);
	return s->ops->gba_run_waiting(s, key, now, ret);
}

int mst_store_gba_run_settle(struct mst_store *s, const struct gba_run *r)
{
	return s->ops->gba_run_settle(s, r);
}

int mst_store_gba_session_insert(struct mst_store *s, const struct mst_gba_session *r)
{
	return s->ops->gba_session_insert(s, r);
}

int mst_store_gba_session_get(struct mst_store *s, const char *btid, struct mst_gba_session *ret)
{
	return s->ops->gba_session_get(s, btid, ret);
}

int mst_store_gba_session_newest(struct mst_store *s, const char *impi, struct mst_gba_session *ret)
{
	char key[MST_ID_MAX];

	mst_id_impi(impi, key);
	return s->ops->gba_session_newest(s, key, ret);
}

int mst_store_gba_session_used(struct mst_store *s, const char *btid, mst_time now)
{
	return s->ops->gba_session_used(s, btid, now);
}

int mst_store_gba_session_list(struct mst_store *s, const char *impi, const char *after, size_t limit,
			       int (*each)(void *, const struct mst_gba_session *), void *arg)
{
	char key[MST_ID_MAX];

	if (impi)
		mst_id_impi(impi, key);
	return s->ops->gba_session_list(s, impi ? key : NULL, after, limit, each, arg);
}

int mst_store_gba_session_delete(struct mst_store *s, const char *btid)
{
	return s->ops->gba_session_delete(s, btid);
}

int mst_store_gba_tmpi_put(struct mst_store *s, const struct mst_gba_tmpi *r)
{
	return s->ops->gba_tmpi_put(s, r);
}

int mst_store_gba_tmpi_get(struct mst_store *s, const char *tmpi, struct mst_gba_tmpi *ret)
{
	return s->ops->gba_tmpi_get(s, tmpi, ret);
}

int mst_store_gba_lock_put(struct mst_store *s, const struct mst_gba_lock *r)
{
	struct mst_gba_lock row = *r;

	mst_id_impi(row.impi, row.impi);
	return s->ops->gba_lock_put(s, &row);
}

int mst_store_gba_lock_get(struct mst_store *s, const char *impi, const char *origin, struct mst_gba_lock *ret)
{
	char key[MST_ID_MAX];

	mst_id_impi(impi, key);
	return s->ops->gba_lock_get(s, key, origin, ret);
}

int mst_store_gba_lock_delete(struct mst_store *s, const char *impi, const char *origin)
{
	char key[MST_ID_MAX];

	mst_id_impi(impi, key);
	return s->ops->gba_lock_delete(s, key, origin);
}

int mst_store_gba_sweep(struct mst_store *s, mst_time now, size_t limit, unsigned *ret_n)
{
	return s->ops->gba_sweep(s, now, limit, ret_n);
}

int mst_store_gba_flush(struct mst_store *s, const char *impi, mst_time now, int64_t *ret_sessions)
{
	char key[MST_ID_MAX];

	if (impi)
		mst_id_impi(impi, key);
	return s->ops->gba_flush(s, impi ? key : NULL, now, ret_sessions);
}

int mst_store_gba_flushed(struct mst_store *s, const char *impi, int64_t *ret_n)
{
	char key[MST_ID_MAX];

	mst_id_impi(impi, key);
	return s->ops->gba_flushed(s, key, ret_n);
}
