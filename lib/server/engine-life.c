/*
 * The clock's own decisions (architecture 4): keys and subscriptions end by themselves. A look into an index each tick; when
 * something is due the roles decide it, each in a transaction of its own, a batch at a time.
 *
 * Nothing is told in the minute after the time of day has jumped: a clock that is far ahead for once must not tell the
 * operator of a fleet that has ended. What may still be done is decided by the time of each request, here as ever.
 */
#include <time.h>

#include "server/engine-internal.h"

#define STEADY_MS 60000
#define STEP_MS 5000

void engine_life_start(struct engine *e)
{
	e->life_ahead = (int64_t)time(NULL) * 1000 - mst_now_ms();
}

static bool steady(struct engine *e, mst_ms now, mst_time utc)
{
	int64_t ahead = (int64_t)utc * 1000 - now, moved = ahead - e->life_ahead;

	if (moved > STEP_MS || moved < -STEP_MS) {
		e->life_hold = now + STEADY_MS;
		mst_log(&e->u.log, MST_LOG_WARNING, "the time of day has jumped; what ends by the clock is told a minute later", NULL);
	}
	e->life_ahead = ahead;
	return now >= e->life_hold;
}

static int look(struct engine *e, const struct mst_role_ops *role, mst_time utc, struct mst_clocked *c)
{
	struct mst_role_env env = { .store = e->store, .keeper = e->keeper, .crypto = e->u.crypto,
		.conf = e->role_conf[role->role], .now = utc, .state = &e->role_state[role->role] };
	int r = mst_store_begin(e->store);

	if (r)
		return r;
	r = role->clock(&env, c);
	if (!r) {
		mst_crash_pass(&e->u.crash, MST_CRASH_COMMIT_BEFORE);
		r = mst_store_commit(e->store);
	}
	if (!r)
		mst_crash_pass(&e->u.crash, MST_CRASH_COMMIT_AFTER);
	else
		mst_store_rollback(e->store);
	return r;
}

void engine_life(struct engine *e)
{
	mst_time utc = (mst_time)time(NULL);
	bool due = false;
	int r;

	if (!e->u.started || e->u.draining || !steady(e, mst_now_ms(), utc))
		return;
	r = mst_store_any_due(e->store, utc, &due);
	for (mst_role_table t = e->u.roles; *t && due && !r; t++) {
		struct mst_clocked c = { 0 };

		if (!(*t)->clock)
			continue;
		r = look(e, *t, utc, &c);
		if (r)
			break;
		e->u.m.v[MST_M_KEYS_ENDING] += c.keys_near;
		e->u.m.v[MST_M_KEYS_ENDED] += c.keys_ended;
		e->u.m.v[MST_M_SUBS_ENDED] += c.subs_ended;
		e->u.m.v[MST_M_NODES_GONE] += c.nodes_gone;
		e->crl_changed = e->crl_changed || c.revoked;
		for (unsigned i = 0; i < c.nodes_gone; i++)
			engine_cut(e, (struct mst_whose){ .one = c.gone[i] });
		for (unsigned i = 0; i < c.subs_ended; i++)
			engine_cut(e, (struct mst_whose){ .group = c.over[i] });
	}
	if (r)
		mst_log(&e->u.log, MST_LOG_ERROR, "what ends by the clock could not be told; tried again", "why", mst_fault_text(r), NULL);
}
