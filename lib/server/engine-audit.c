/* Retention of the audit log (musterd.conf: audit), and what the supervisor has for it. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "server/engine-internal.h"

/*
 * Age counts from the newest entry when the clock is ahead of it: a clock that jumps to a far year must not empty a
 * log to which nothing was added since.
 */
static mst_time oldest_kept(const struct mst_conf_audit *a, const struct mst_event_span *span, mst_time now)
{
	mst_time from = span->newest < now ? span->newest : now;

	return a->keep && from > a->keep ? from - a->keep : 0;
}

static void tell(struct engine *e, int r, const struct mst_event *told)
{
	char seq[24];

	snprintf(seq, sizeof(seq), "%" PRIu64, told->seq);
	if (!r)
		mst_log(&e->u.log, MST_LOG_INFO, "the audit log was shortened", "event", seq, "why", told->why, NULL);
	else if (r == MST_FAULT_CORRUPT)
		mst_log(&e->u.log, MST_LOG_ERROR,
			"the audit log is not shortened: its oldest entries do not fit their hashes", "why",
			mst_store_error(e->store), "remedy", "muster audit verify; keep the store as it is, as evidence", NULL);
	else if (r < 0)
		mst_log(&e->u.log, MST_LOG_ERROR, "the audit log could not be shortened; tried again later", "why",
			mst_store_error(e->store), NULL);
}

static int first_seal(void *arg, const struct mst_log_seal *s)
{
	*(uint64_t *)arg = s->seq;
	return 1;
}

/* Keepers of other programs on the same store have seals of their own: one of the last hundred is theirs. */
static int spare_others(const struct engine *e, uint64_t *seq)
{
	uint64_t first = *seq;
	int r = *seq && !mst_store_file(e->u.conf->store) ? mst_store_seal_list(e->store, 0, first_seal, &first) : 0;

	if (first < *seq)
		*seq = first;
	return r < 0 ? r : 0;
}

/*
 * The last entry that may go: the one that the keeper sealed last. Were it gone, nobody could tell a beginning that was given up from
 * a log that was written anew. So it is sealed first; when it must not be (the log is not the one that was sealed), what proves
 * that stays. 0: nothing was ever sealed, anything may go.
 */
static int last_to_go(struct engine *e, const struct mst_event_span *span, uint64_t *ret_seq)
{
	struct mst_log_seal last = { .seq = 0 };
	int r = e->keeper->ops->last_seal(e->keeper, &last);

	if (!r && last.seq && last.seq < span->last && !e->seal_wanted) {
		e->seal_wanted = MST_SEAL_NOW;
		engine_seal(e);
		r = e->keeper->ops->last_seal(e->keeper, &last);
	}
	*ret_seq = last.seq;
	return r ? r : spare_others(e, ret_seq);
}

void engine_keep_audit(struct engine *e)
{
	const struct mst_conf_audit *a = &e->u.conf->audit;
	struct mst_event_limit k = { .now = (mst_time)time(NULL), .chunk = AUDIT_PIECE };
	struct mst_event_span span;
	struct mst_event told = { 0 };
	int r = mst_store_event_span(e->store, &span);

	if (r < 0)
		return;
	e->u.m.v[MST_M_AUDIT_EVENTS] = span.last ? span.last - span.first + 1 : 0;
	e->u.m.v[MST_M_STORE_OCTETS] = span.octets;
	if (mst_now_ms() < e->audit_at)
		return;
	k.before = oldest_kept(a, &span, k.now);
	k.most = (uint64_t)a->max_events;
	r = k.before || k.most ? last_to_go(e, &span, &k.sealed) : MST_STORE_NONE;
	if (!r)
		r = mst_store_event_shorten(e->store, &k, &told);
	tell(e, r, &told);
	if (r)
		e->audit_at = mst_now_ms() + AUDIT_LOOK_MS;
}

void engine_tell_reload(struct engine *e)
{
	struct mst_event v = { .when = (mst_time)time(NULL), .role = "server", .what = "server.reload-failed", .who = "supervisor" };

	if (!e->reload_why[0] || mst_store_begin(e->store))
		return;
	snprintf(v.why, sizeof(v.why), "%s", e->reload_why);
	if (mst_store_event_append(e->store, &v) || mst_store_commit(e->store))
		mst_store_rollback(e->store);
	else
		e->reload_why[0] = '\0';
}

void engine_store_said(struct engine *e, int fault)
{
	if (!fault || fault == MST_FAULT_STORE || fault == MST_FAULT_SPACE)
		e->u.m.v[MST_M_STORE_FAILING] = fault == MST_FAULT_SPACE ? 2 : fault != 0;
}

/* In a transaction of its own: what only reads must not fail for want of room for this, and what only reads proves no room either. */
void engine_tell_lost(struct engine *e)
{
	struct mst_event v = { .when = (mst_time)time(NULL), .outcome = MST_RSC_INTERNAL, .role = "server",
			       .what = "server.decisions-lost", .who = "engine" };
	char since[16];
	struct mst_writer w = mst_writer_of(since, sizeof(since));
	int r = e->lost ? mst_store_begin(e->store) : 0;

	if (!e->lost)
		return;
	mst_put_timestamp(&w, e->lost_since);
	mst_put_nul(&w);
	snprintf(v.why, sizeof(v.why), e->some_in_doubt ? "%u failed since %s, and of some nobody could tell whether they are done: %s" :
		 "%u not carried out since %s, nothing of them remains: %s", e->lost,
		 w.ok ? since : "-", e->lost_why);
	if (!r) {
		r = mst_store_event_append(e->store, &v);
		r = r ? r : mst_store_commit(e->store);
		if (r)
			mst_store_rollback(e->store);
	}
	engine_store_said(e, r);
	if (!r) {
		e->lost = 0;
		e->some_in_doubt = false;
	}
}

void engine_reload_failed(struct mst_unit *u, struct mst_view why)
{
	struct engine *e = (struct engine *)(void *)u;

	(void)!mst_view_to_str(mst_view_sub(why, 0, sizeof(e->reload_why) - 1), e->reload_why, sizeof(e->reload_why));
	engine_tell_reload(e);
}
