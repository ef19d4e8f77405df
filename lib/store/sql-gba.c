/* What a BSF keeps. */
#include "store/sql.h"

/* --- challenges --- */

#define RUN_COLS                                                                                             \
	"nonce, impi, username, opaque, rand, algorithm, qop, state, in_card, tmpi_ue, resyncs, until, "     \
	"response, cnonce, nc, av, guss, origin"
#define R(t, m) SQ_COL(t, struct mst_gba_run, m)
static const struct sq_col run_cols[] = {
	R(SQ_TEXT, run.nonce),
	R(SQ_TEXT, run.impi),
	R(SQ_TEXT, run.username),
	R(SQ_TEXT, run.opaque),
	R(SQ_FIXED, run.rnd),
	SQ_COL_MAX(struct mst_gba_run, run.algorithm, GBA_ALGORITHM__COUNT - 1),
	SQ_COL_MAX(struct mst_gba_run, run.qop, GBA_QOP_AUTH_INT),
	SQ_COL_MAX(struct mst_gba_run, run.state, GBA_RUN_SPENT),
	R(SQ_BOOL, run.in_card),
	R(SQ_BOOL, run.tmpi_ue),
	SQ_COL_MAX(struct mst_gba_run, run.resyncs, GBA_RESYNCS_MAX),
	R(SQ_I64, run.until),
	R(SQ_TEXT, run.response),
	R(SQ_TEXT, run.cnonce),
	R(SQ_TEXT, run.nc),
	R(SQ_WRAPPED, av),
	R(SQ_TEXT, guss),
	R(SQ_TEXT, origin),
};
_Static_assert(sizeof(enum gba_run_state) == sizeof(int) && sizeof(unsigned) == sizeof(int), "as SQ_ENUM reads them");

int sq_gba_run_insert(struct mst_store *s, const struct mst_gba_run *r)
{
	/* RAND makes the B-TID, so an HSS that gives one twice gives two keys one name */
	int e = sq_put(sq_of(s), SQ_GBA_RUN_INSERT,
		       "INSERT INTO gba_run (" RUN_COLS ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18"
		       " WHERE NOT EXISTS (SELECT 1 FROM gba_session WHERE btid >= substr(?1, 1, 21) AND btid < substr(?1, 1, 21) || '~'"
		       " AND rand = ?5)",
		       NULL, 0, SQ_COLS(run_cols), r);

	if (e)
		return e == MST_STORE_NONE ? MST_STORE_EXISTS : e;
	e = sq_run(sq_of(s), SQ_GBA_RUN_CROWD,
		   "DELETE FROM gba_run WHERE rowid IN"
		   " (SELECT rowid FROM gba_run WHERE impi = ?1 AND origin = ?2 ORDER BY until DESC, rowid DESC LIMIT " SQ_ALL " OFFSET ?3)",
		   SQ_ARGS(SQ_S(r->run.impi), SQ_S(r->origin), SQ_I(MST_GBA_RUNS_OF_ONE)));
	return e < 0 ? e : 0;
}

int sq_gba_run_get(struct mst_store *s, const char *nonce, struct mst_gba_run *ret)
{
	return sq_one(sq_of(s), SQ_GBA_RUN_GET, "SELECT " RUN_COLS " FROM gba_run WHERE nonce = ?1", SQ_ARGS(SQ_S(nonce)),
		      SQ_COLS(run_cols), ret);
}

int sq_gba_run_waiting(struct mst_store *s, const char *impi, mst_time now, struct mst_gba_run *ret)
{
	return sq_one(sq_of(s), SQ_GBA_RUN_WAITING,
		      "SELECT " RUN_COLS " FROM gba_run WHERE impi = ?1 AND until > ?2 AND state = 0 ORDER BY until DESC, rowid DESC LIMIT 1",
		      SQ_ARGS(SQ_S(impi), SQ_I(now)), SQ_COLS(run_cols), ret);
}

int sq_gba_run_settle(struct mst_store *s, const struct gba_run *r)
{
	return sq_run(sq_of(s), SQ_GBA_RUN_SETTLE,
		      "UPDATE gba_run SET state = ?2, response = ?3, cnonce = ?4, nc = ?5, until = ?6, username = ?7 WHERE nonce = ?1 AND state = 0",
		      SQ_ARGS(SQ_S(r->nonce), SQ_I(r->state), SQ_S(r->response), SQ_S(r->cnonce), SQ_S(r->nc), SQ_I(r->until), SQ_S(r->username)));
}

/* --- sessions --- */

#define SESSION_COLS "btid, impi, rand, in_card, created, expires, ks, guss, briefing, used"
#define S(t, m)	     SQ_COL(t, struct mst_gba_session, m)
static const struct sq_col session_cols[] = {
	S(SQ_TEXT, session.btid),  S(SQ_TEXT, session.impi),	S(SQ_FIXED, session.rnd),
	S(SQ_BOOL, session.in_card), S(SQ_I64, session.created), S(SQ_I64, session.expires),
	S(SQ_WRAPPED, ks),	   S(SQ_TEXT, guss),		S(SQ_TEXT, briefing),
	S(SQ_I64, used),
};

int sq_gba_session_insert(struct mst_store *s, const struct mst_gba_session *r)
{
	char subscriber[MST_ID_MAX];
	int e;

	mst_id_impi(r->session.impi, subscriber);
	e = sq_put(sq_of(s), SQ_GBA_SESSION_INSERT,
		   "INSERT INTO gba_session (subscriber, " SESSION_COLS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
		   SQ_ARGS(SQ_S(subscriber)), SQ_COLS(session_cols), r);
	if (e)
		return e;
	e = sq_run(sq_of(s), SQ_GBA_SESSION_CROWD,
		   "DELETE FROM gba_session WHERE rowid IN"
		   " (SELECT rowid FROM gba_session WHERE subscriber = ?1 ORDER BY created DESC, rowid DESC LIMIT " SQ_ALL " OFFSET ?2)",
		   SQ_ARGS(SQ_S(subscriber), SQ_I(MST_GBA_SESSIONS_OF_ONE)));
	return e < 0 ? e : 0;
}

int sq_gba_session_get(struct mst_store *s, const char *btid, struct mst_gba_session *ret)
{
	return sq_one(sq_of(s), SQ_GBA_SESSION_GET, "SELECT " SESSION_COLS " FROM gba_session WHERE btid = ?1",
		      SQ_ARGS(SQ_S(btid)), SQ_COLS(session_cols), ret);
}

/* Two may be of the same second: the later one has the larger rowid. */
int sq_gba_session_newest(struct mst_store *s, const char *subscriber, struct mst_gba_session *ret)
{
	return sq_one(sq_of(s), SQ_GBA_SESSION_NEWEST,
		      "SELECT " SESSION_COLS " FROM gba_session WHERE subscriber = ?1 ORDER BY created DESC, rowid DESC LIMIT 1", SQ_ARGS(SQ_S(subscriber)),
		      SQ_COLS(session_cols), ret);
}

int sq_gba_session_used(struct mst_store *s, const char *btid, mst_time now)
{
	return sq_run(sq_of(s), SQ_GBA_SESSION_USED, "UPDATE gba_session SET used = ?2 WHERE btid = ?1",
		      SQ_ARGS(SQ_S(btid), SQ_I(now)));
}

int sq_gba_session_list(struct mst_store *s, const char *subscriber, const char *after, size_t limit,
			int (*each)(void *, const struct mst_gba_session *), void *arg)
{
	static const char all[] = "SELECT " SESSION_COLS " FROM gba_session WHERE btid > ?1 ORDER BY btid LIMIT ?2";
	static const char of_one[] = "SELECT " SESSION_COLS " FROM gba_session WHERE btid > ?1 AND subscriber = ?3 ORDER BY btid LIMIT ?2";
	static _Thread_local struct mst_gba_session row;
	struct sq_iter it;
	int r = sq_iter_open(&it, sq_of(s), subscriber ? SQ_GBA_SESSION_LIST_ONE : SQ_GBA_SESSION_LIST, subscriber ? of_one : all,
			     (const struct sq_arg[]){ SQ_S(after), SQ_I(sq_limit(limit)), SQ_S(subscriber ? subscriber : "") }, subscriber ? 3 : 2);

	while (!r && sq_iter_next(&it, SQ_COLS(session_cols), &row))
		r = each(arg, &row);
	return sq_iter_close(&it, r);
}

int sq_gba_session_delete(struct mst_store *s, const char *btid)
{
	return sq_run(sq_of(s), SQ_GBA_SESSION_DELETE, "DELETE FROM gba_session WHERE btid = ?1", SQ_ARGS(SQ_S(btid)));
}

/* --- TMPI --- */

#define T(t, m) SQ_COL(t, struct mst_gba_tmpi, m)
static const struct sq_col tmpi_cols[] = { T(SQ_TEXT, impi), T(SQ_TEXT, tmpi), T(SQ_I64, made) };

int sq_gba_tmpi_put(struct mst_store *s, const struct mst_gba_tmpi *r)
{
	char subscriber[MST_ID_MAX];

	mst_id_impi(r->impi, subscriber);
	return sq_put(sq_of(s), SQ_GBA_TMPI_PUT,
		      "INSERT INTO gba_tmpi (subscriber, impi, tmpi, made) VALUES (?1, ?2, ?3, ?4)"
		      " ON CONFLICT (subscriber) DO UPDATE SET impi = excluded.impi, tmpi = excluded.tmpi, made = excluded.made",
		      SQ_ARGS(SQ_S(subscriber)), SQ_COLS(tmpi_cols), r);
}

int sq_gba_tmpi_get(struct mst_store *s, const char *tmpi, struct mst_gba_tmpi *ret)
{
	return sq_one(sq_of(s), SQ_GBA_TMPI_GET, "SELECT impi, tmpi, made FROM gba_tmpi WHERE tmpi = ?1", SQ_ARGS(SQ_S(tmpi)),
		      SQ_COLS(tmpi_cols), ret);
}

/* --- who guessed wrong --- */

#define LOCK_COLS "impi, origin, wrong, until, forget"
#define L(t, m) SQ_COL(t, struct mst_gba_lock, m)
static const struct sq_col lock_cols[] = { L(SQ_TEXT, impi), L(SQ_TEXT, origin), L(SQ_INT, wrong), L(SQ_I64, until), L(SQ_I64, forget) };

int sq_gba_lock_put(struct mst_store *s, const struct mst_gba_lock *r)
{
	return sq_put(sq_of(s), SQ_GBA_LOCK_PUT,
		      "INSERT INTO gba_lock (impi, origin, wrong, until, forget) VALUES (?1, ?2, ?3, ?4, ?5)"
		      " ON CONFLICT (impi, origin) DO UPDATE SET wrong = excluded.wrong, until = excluded.until, forget = excluded.forget",
		      NULL, 0, SQ_COLS(lock_cols), r);
}

int sq_gba_lock_get(struct mst_store *s, const char *impi, const char *origin, struct mst_gba_lock *ret)
{
	static const char of_one[] = "SELECT " LOCK_COLS " FROM gba_lock WHERE impi = ?1 AND origin = ?2";
	static const char longest[] = "SELECT " LOCK_COLS " FROM gba_lock WHERE impi = ?1 ORDER BY until DESC, wrong DESC, origin LIMIT 1";

	return sq_one(sq_of(s), origin ? SQ_GBA_LOCK_GET : SQ_GBA_LOCK_LONGEST, origin ? of_one : longest,
		      (const struct sq_arg[]){ SQ_S(impi), SQ_S(origin ? origin : "") }, origin ? 2 : 1, SQ_COLS(lock_cols), ret);
}

int sq_gba_lock_delete(struct mst_store *s, const char *impi, const char *origin)
{
	return sq_run(sq_of(s), SQ_GBA_LOCK_DELETE, "DELETE FROM gba_lock WHERE impi = ?1 AND origin = ?2", SQ_ARGS(SQ_S(impi), SQ_S(origin)));
}

/* --- what ends --- */

int sq_gba_sweep(struct mst_store *s, mst_time now, size_t limit, unsigned *ret_n)
{
	static const struct { enum sq_slot slot; const char *sql; } row[] = {
		{ SQ_GBA_SWEEP_RUN, "DELETE FROM gba_run WHERE nonce IN (SELECT nonce FROM gba_run WHERE until <= ?1 ORDER BY until LIMIT ?2)" },
		{ SQ_GBA_SWEEP_SESSION,
		  "DELETE FROM gba_session WHERE btid IN (SELECT btid FROM gba_session WHERE expires <= ?1 ORDER BY expires LIMIT ?2)" },
		{ SQ_GBA_SWEEP_LOCK, "DELETE FROM gba_lock WHERE (impi, origin) IN (SELECT impi, origin FROM gba_lock WHERE forget <= ?1 ORDER BY forget LIMIT ?2)" },
		/* with the others, whenever one of those ends */
		{ SQ_GBA_SWEEP_FLUSH, "DELETE FROM gba_flush WHERE impi IN (SELECT impi FROM gba_flush WHERE n + 3600 <= ?1 LIMIT ?2)" },
	};
	unsigned n = 0;

	for (size_t i = 0; i < MST_COUNT(row); i++) {
		int r = sq_run(sq_of(s), row[i].slot, row[i].sql, SQ_ARGS(SQ_I(now), SQ_I(sq_limit(limit))));

		if (r < 0)
			return r;
		n += r ? 0 : (unsigned)sq_of(s)->changes;
	}
	*ret_n = n;
	return 0;
}

/* Later than every one before it. */
static int note_flush(struct mst_store *s, const char *key, mst_time now)
{
	return sq_run(sq_of(s), SQ_NO_SLOT,
		      "INSERT INTO gba_flush (impi, n) VALUES (?1, ?2)"
		      " ON CONFLICT (impi) DO UPDATE SET n = CASE WHEN gba_flush.n < excluded.n THEN excluded.n ELSE gba_flush.n + 1 END",
		      SQ_ARGS(SQ_S(key), SQ_I(now)));
}

int sq_gba_flush(struct mst_store *s, const char *subscriber, mst_time now, int64_t *ret_sessions)
{
	static const char *const all[] = { "DELETE FROM gba_run", "DELETE FROM gba_tmpi", "DELETE FROM gba_lock", "DELETE FROM gba_session" };
	static const char *const of_one[] = { "DELETE FROM gba_run WHERE impi = ?1", "DELETE FROM gba_tmpi WHERE subscriber = ?1",
					      "DELETE FROM gba_lock WHERE impi = ?1", "DELETE FROM gba_session WHERE subscriber = ?1" };
	int64_t n = 0;

	for (size_t i = 0; i < MST_COUNT(all); i++) {
		int r = sq_run(sq_of(s), SQ_NO_SLOT, (subscriber ? of_one : all)[i], (const struct sq_arg[]){ SQ_S(subscriber) }, subscriber ? 1 : 0);

		if (r < 0)
			return r;
		n = r ? 0 : sq_of(s)->changes;
	}
	*ret_sessions = n;
	return note_flush(s, subscriber ? subscriber : "", now);
}

int sq_gba_flushed(struct mst_store *s, const char *impi, int64_t *ret_n)
{
	static const struct sq_col number[] = { { SQ_I64, 0, 0 } };

	return sq_one(sq_of(s), SQ_GBA_FLUSHED, "SELECT coalesce(max(CASE WHEN impi = '' THEN 0 ELSE n END), 0) + coalesce(max(CASE WHEN impi = '' THEN n ELSE 0 END), 0)"
		      " FROM gba_flush WHERE impi IN (?1, '')", SQ_ARGS(SQ_S(impi)),
		      SQ_COLS(number), ret_n);
}
