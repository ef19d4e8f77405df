/*
 * Alarms of the keeper (keeper_limits): it counts what leaves it by the minute, the engine asks it and tells, each once. The counts
 * are the keeper's own, so an engine that has been taken over can keep silent about them but not make them smaller: it may have the keeper ended
 * (decision 0046), and the minute of the next one then counts as full (mst_keeper_local_spent).
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "server/engine-internal.h"

#define EVERY_MS 2000

static const char *const what_left[MST_RATE__COUNT] = { "makers' secrets", "keys derived of enrolment keys", "registered keys", "master credentials",
							"keys for NAFs", "vectors of AKA", "certificates", "pushed triggers" };

static int tell(struct engine *e, size_t which, const struct mst_keeper_rate_state *s, bool limited)
{
	struct mst_event v = { .when = (mst_time)time(NULL), .role = "server", .who = "keeper" };

	snprintf(v.what, sizeof(v.what), "%s", limited ? "keeper.limited" : "keeper.alarm");
	snprintf(v.why, sizeof(v.why), "%s: %" PRIu32 " in the last minute, %" PRIu32 " in the busiest; keeper_limits.%s%s is %" PRIu32 "%s", what_left[which],
		 s->minute, s->peak, mst_rate_name[which], limited ? "_most" : "", limited ? s->limit.most : s->limit.alarm,
		 s->spent ? "; a keeper has ended, and what it gave counts as all that may leave in a minute" : "");
	mst_log(&e->u.log, MST_LOG_WARNING, limited ? "the keeper refuses: more than may leave in a minute" : "much leaves the keeper", "what",
		v.why, NULL);
	return mst_store_event_append(e->store, &v);
}

/* Each outage of the device with the CA's key is told when it begins, with what to do, and when it ends. */
static int look_at_ca(struct engine *e)
{
	struct mst_event v = { .when = (mst_time)time(NULL), .role = "server", .who = "keeper" };
	struct mst_keeper_ca ca;
	int r = e->keeper->ops->ca_state(e->keeper, &ca);

	if (r || !ca.kind)
		return r;
	if (ca.away != e->ca.away || (ca.away && ca.times != e->ca.times)) {
		snprintf(v.what, sizeof(v.what), "%s", ca.away ? "keeper.ca-away" : "keeper.ca-back");
		snprintf(v.why, sizeof(v.why), "%s", ca.away ? ca.why : "the device with the CA's key signs again");
		mst_log(&e->u.log, ca.away ? MST_LOG_ERROR : MST_LOG_INFO, ca.away ? "the device with the CA's key does not sign" :
			"the device with the CA's key signs again", "why", ca.away ? ca.why : NULL, NULL);
		r = mst_store_begin(e->store);
		if (!r)
			r = mst_store_event_append(e->store, &v);
		if (!r)
			r = mst_store_commit(e->store);
		if (r)
			mst_store_rollback(e->store);
	}
	e->u.m.v[MST_M_KEEPER_CA_AWAY] = ca.away;
	if (!r)
		e->ca = ca;
	return r;
}

/* What is new. The counts of a keeper that was started again begin at none (engine.c: attach_keeper), or are noticed here. */
static uint32_t more(uint32_t now, uint32_t before)
{
	return now < before ? now : now - before;
}

void engine_rates(struct engine *e)
{
	mst_ms now = mst_now_ms();
	struct mst_keeper_rates s;
	uint64_t alarms = 0, limited = 0;
	bool open = false;
	int r;

	if (!e->u.started || e->u.draining || now < e->rates_at)
		return;
	e->rates_at = now + EVERY_MS;
	r = e->keeper->ops->rates(e->keeper, &s);
	for (size_t i = 0; !r && i < MST_RATE__COUNT; i++) {
		uint32_t a = more(s.of[i].alarms, e->rates.of[i].alarms), l = more(s.of[i].limited, e->rates.of[i].limited);

		if ((a || l) && !open)
			r = mst_store_begin(e->store);
		open = open || ((a || l) && !r);
		if (!r && a)
			r = tell(e, i, &s.of[i], false);
		if (!r && l)
			r = tell(e, i, &s.of[i], true);
		alarms += a;
		limited += l;
	}
	if (!r && open)
		r = mst_store_commit(e->store);
	if (r && open)
		mst_store_rollback(e->store);
	if (r) {                         /* told the next time */
		mst_log(&e->u.log, MST_LOG_ERROR, "what leaves the keeper cannot be looked at", "why", r < 0 ? mst_fault_text(r) : "the keeper refuses",
			NULL);
		return;
	}
	r = look_at_ca(e);
	if (r)
		mst_log(&e->u.log, MST_LOG_ERROR, "where the CA's key is cannot be looked at", "why", r < 0 ? mst_fault_text(r) : "the keeper refuses", NULL);
	e->u.m.v[MST_M_KEEPER_ALARMS] += alarms;
	e->u.m.v[MST_M_KEEPER_LIMITED] += limited;
	e->rates = s;
}
