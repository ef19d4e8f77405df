/* Verdict → store and audit log, inside the engine's transaction. */
#include <stdio.h>
#include <string.h>

#include "role/bbn/bbn.h"

static int must(int r)
{
	return r > 0 ? MST_FAULT_BUG : r;
}

static int store(struct mst_role_env *env, const struct bbn_verdict *v)
{
	int r = 0;

	if (v->drop[0])
		r = must(mst_store_briefing_delete(env->store, v->drop));
	if (!r && v->put_briefing)
		r = must(mst_store_briefing_put(env->store, &v->briefing));
	if (!r && v->put_briefing)
		r = mst_store_briefing_prune(env->store, v->briefing.who, BBN_OF_ONE, env->now - env->conf->keep);
	if (!r && v->put_node)
		r = must(mst_store_node_touch(env->store, &v->node));
	return r;
}

static int tell(struct mst_role_env *env, const char *what, const struct mst_who *w, const char *who, const char *attempt, int rsc,
		const char *why)
{
	return mst_role_event(env, MST_ROLE_BBN, what, w, who, attempt, rsc, why, NULL);
}

#define TEXT(v) (int)(v).n, (v).n ? (const char *)(v).p : ""

/* One event a failed instruction, so that the arrows of all servers stand in one list: `muster events --attempt`. */
static int tell_failures(struct mst_role_env *env, const struct bbn_call *c, const struct mst_who *w, const char *who,
			 const struct bbn_verdict *v)
{
	char why[256];
	int r = 0;

	for (size_t i = v->tell_from; i < v->tell_to && !r; i++) {
		const struct mst_brief_failure *f = &c->report.failures[i];
		bool method = f->has >> MST_BF_METHOD & 1;

		snprintf(why, sizeof(why), "%s%s%.*s: %.*s%s%.*s%s%.*s%s", method ? mst_enum_text(&mst_method_table, f->method) : "",
			 method && f->resource.n ? " " : "", TEXT(f->resource), TEXT(f->reason), f->step.n ? " at " : "",
			 TEXT(f->step), f->detail.n ? " (" : "", TEXT(f->detail), f->detail.n ? ")" : "");
		r = tell(env, "step-failed", w, who, c->attempt, 0, why);
	}
	if (r || !v->ended)
		return r;
	if (v->briefing.state == MST_BRIEFING_ENROLLED)
		snprintf(why, sizeof(why), "%s%.220s", v->briefing.target[0] ? "with " : "", v->briefing.target);
	else
		snprintf(why, sizeof(why), "%d of the instructions failed", v->briefing.failures);
	return tell(env, v->briefing.state == MST_BRIEFING_ENROLLED ? "enrolled" : "gave-up", w, who, c->attempt, 0, why);
}

static bool said_before(const struct mst_brief_failure *all, size_t n, struct mst_view reason)
{
	bool so = false;

	for (size_t i = 0; i < n; i++)
		so |= mst_view_eq(all[i].reason, reason);
	return so;
}

/* What went wrong at the node before it asked, for who reads the events: the last thing, and of all others the reasons, each once. */
static void put_before(struct mst_writer *w, const struct bbn_call *c)
{
	const struct mst_brief_failure *all = c->ask.failures;
	size_t n = c->what == BBN_BRIEF ? c->ask.n_failures : 0;
	const char *between = "; earlier: ";

	if (!n)
		return;
	mst_put_str(w, "; before: ");
	mst_put(w, all[n - 1].resource);
	mst_put_str(w, all[n - 1].resource.n ? ": " : "");
	mst_put(w, all[n - 1].reason);
	for (size_t i = 0; i + 1 < n && w->n + strlen(between) + all[i].reason.n < w->cap; i++) {
		if (said_before(all, i, all[i].reason))
			continue;
		mst_put_str(w, between);
		mst_put(w, all[i].reason);
		between = ", ";
	}
}

int bbn_apply(struct mst_role_env *env, const struct mst_exchange *x, const struct bbn_call *c, const struct mst_who *w,
	      struct bbn_verdict *v)
{
	const char *who = w->id[0] ? w->id : w->claim[0] ? w->claim : x->peer.address;
	bool refused = v->why != 0;
	char why[256], before[200] = "";
	struct mst_writer b = mst_writer_of(before, sizeof(before) - 1);
	int r = store(env, v);

	if (r)
		return r;
	if (v->mute)
		return 0;
	if (c->what == BBN_REPORT && !refused) {
		if (v->tell_to <= v->tell_from && !v->ended)
			return tell(env, "report", w, who, c->attempt, v->rsc, "under way");
		return tell_failures(env, c, w, who, v);
	}
	put_before(&b, c);
	snprintf(why, sizeof(why), "%s%s%.*s%s", refused ? v->what : "", refused ? ": " : "",
		 (int)(220 - (b.ok ? b.n : 0)), v->text, b.ok ? before : "");
	return tell(env, refused ? "refused" : v->what, w, who, c->attempt, v->rsc, why);
}
