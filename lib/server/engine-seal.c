/*
 * Seals of the audit log: the keeper signs the newest entry that is on the disk, each audit.seal while there are new ones, and when an
 * operator asks. Before it does, the entry that it sealed last must still be there: a log that was cut off, written anew or brought
 * back from a backup is told, and not sealed until an operator stands for it (decision 0028).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/engine-internal.h"

#define SEAL_AGAIN_MS (60 * 1000)

static void tell_mismatch(struct engine *e, const struct mst_log_seal *s)
{
	struct mst_event v = { .when = (mst_time)time(NULL), .role = "server", .what = "audit.mismatch", .who = "engine" };
	char seq[24];

	snprintf(seq, sizeof(seq), "%" PRIu64, s->seq);
	mst_log(&e->u.log, MST_LOG_ERROR, "the audit log is not the one that the keeper sealed: entries are missing or others", "sealed", seq, "remedy",
		"muster audit verify; keep store and keeper as evidence; after a restored backup: muster audit accept", NULL);
	snprintf(v.why, sizeof(v.why), "entry %s, which the keeper sealed, is missing or another one", seq);
	if (mst_store_begin(e->store))
		return;
	if (mst_store_event_append(e->store, &v) || mst_store_commit(e->store))
		mst_store_rollback(e->store);
}

/* Is what the keeper sealed last still there? Said once, until it is again. */
static bool fits(struct engine *e, const struct mst_log_seal *last)
{
	struct mst_event_head h = { .seq = last->seq };
	int r;

	memcpy(h.hash, last->hash, sizeof(h.hash));
	r = last->seq ? mst_store_event_is(e->store, &h) : 0;
	/* retention does not go further than that entry (engine-audit.c): a beginning that is missing beyond it is somebody else's work */
	if (r == MST_STORE_NONE)
		r = MST_FAULT_CORRUPT;
	if (r == MST_FAULT_CORRUPT && !e->u.m.v[MST_M_AUDIT_MISMATCH])
		tell_mismatch(e, last);
	e->u.m.v[MST_M_AUDIT_MISMATCH] = r == MST_FAULT_CORRUPT;
	return r >= 0;
}

static int keep(struct engine *e, const struct mst_log_seal *s)
{
	int r = mst_store_begin(e->store);

	if (r)
		return r;
	r = mst_store_seal_put(e->store, s);
	if (!r)
		return mst_store_commit(e->store);
	mst_store_rollback(e->store);
	return r == MST_STORE_EXISTS ? 0 : r;
}

/* 0, 1: there is nothing to seal, or it must not be; or a fault. */
static int seal(struct engine *e, bool anew)
{
	struct mst_log_seal last, s = { .when = (mst_time)time(NULL) };
	struct mst_event_head head;
	int r = e->keeper->ops->last_seal(e->keeper, &last);

	if (!r)
		r = mst_store_event_head(e->store, &head);
	if (r)
		return r;
	if (!anew && !fits(e, &last))
		return 1;
	if (!head.seq || (head.seq == last.seq && !anew))
		return 1;
	s.seq = head.seq;
	memcpy(s.hash, head.hash, sizeof(s.hash));
	r = e->keeper->ops->seal_log(e->keeper, &s, anew);
	if (!r)
		r = keep(e, &s);
	if (!r)
		e->u.m.v[MST_M_AUDIT_SEALED] = s.seq;
	if (!r && anew)
		e->u.m.v[MST_M_AUDIT_MISMATCH] = 0;
	return r;
}

void engine_seal(struct engine *e)
{
	mst_ms now = mst_now_ms(), every = e->u.conf->audit.seal * 1000;
	bool anew = e->seal_wanted == MST_SEAL_ANEW;
	int r;

	if (!e->u.started || e->u.draining || (!e->seal_wanted && (!every || now < e->seal_at)))
		return;
	r = seal(e, anew);
	e->seal_wanted = MST_SEAL_NOT;
	e->seal_at = now + every;
	if (r < 0 || (r > 1)) {
		e->seal_at = now + SEAL_AGAIN_MS;
		mst_log(&e->u.log, MST_LOG_ERROR, "the audit log could not be sealed; tried again later", "why",
			r == MST_KEEPER_AWAY ? "the device with the CA's key does not sign" :
			r == MST_KEEPER_LEAVE ? "the word of who stands for it is older than half a minute; accept it once more" : r > 0 ? "the keeper refuses" : mst_fault_text(r), NULL);
	}
}
