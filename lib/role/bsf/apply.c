/* Verdict → store and audit log, inside the engine's transaction. */
#include "role/bsf/bsf.h"

#include <stdio.h>

static int must(int r)
{
	return r > 0 ? MST_FAULT_BUG : r;
}

/* Somebody else has settled it between our reading and now: only with a store that does not serialise its groups. */
static int settle(struct mst_role_env *env, struct bsf_verdict *v)
{
	int e = v->settle_run ? mst_store_gba_run_settle(env->store, v->put_run ? &v->spent : &v->run.run) : 0;

	if (e != MST_STORE_NONE)
		return e;
	v->put_run = v->challenge = v->put_session = v->put_lock = v->drop_lock = v->granted = false;
	v->next = BSF_ANSWER;
	v->status = 403;
	v->what = "refused";
	MST_STR_SET(v->say, "this challenge was answered already");
	MST_STR_SET(v->why, v->say);
	return 0;
}

/* An HSS that gives a RAND twice: two keys would have one name (spec gba 4). */
static int challenge(struct mst_role_env *env, struct bsf_verdict *v)
{
	int e = mst_store_gba_run_insert(env->store, &v->run);

	if (e != MST_STORE_EXISTS)
		return must(e);
	v->challenge = false;
	v->hold = true;
	v->status = 503;
	v->retry = 10;
	v->what = "refused";
	MST_STR_SET(v->say, "try again later");
	MST_STR_SET(v->why, "the HSS gave a RAND that is in use: it must never give one twice");
	return 0;
}

static int session(struct mst_role_env *env, struct bsf_verdict *v, struct bsf_briefing *b)
{
	struct mst_gba_tmpi t = { .made = env->now };
	int e;

	if (b->put)
		MST_STR_SET(v->session.briefing, b->row.id);
	e = must(mst_store_gba_session_insert(env->store, &v->session));
	if (!e && v->session.session.tmpi[0]) {
		MST_STR_SET(t.impi, v->session.session.impi);
		MST_STR_SET(t.tmpi, v->session.session.tmpi);
		e = must(mst_store_gba_tmpi_put(env->store, &t));
	}
	if (!e && b->put)
		e = must(mst_store_briefing_put(env->store, &b->row));
	if (!e && b->put)
		e = mst_store_briefing_prune(env->store, b->row.who, BSF_BRIEFINGS_OF_ONE, env->now - env->conf->keep);
	if (!e && b->put_node)
		e = must(mst_store_node_touch(env->store, &b->who.node));
	return e;
}

static int tell(struct mst_role_env *env, const struct mst_exchange *x, const struct bsf_call *q, const struct bsf_records *r,
		const struct bsf_verdict *v, const struct bsf_briefing *b)
{
	const char *who = r->impi[0] ? r->impi : q->username[0] ? q->username : x->peer.address;
	char why[256];

	if (!v->what)
		return 0;
	if (v->granted)
		snprintf(why, sizeof(why), "%.110s%s%.120s", v->session.session.btid, b->text[0] ? "; " : "", b->text);
	else
		snprintf(why, sizeof(why), "%.180s from %.63s", v->why, x->peer.address);
	return mst_role_event(env, MST_ROLE_BSF, v->what, v->granted && b->known ? &b->who : NULL, who, q->attempt, v->status, why, NULL);
}

int bsf_apply(struct mst_role_env *env, const struct mst_exchange *x, const struct bsf_call *q, const struct bsf_records *r,
	      struct bsf_verdict *v, struct bsf_briefing *b)
{
	int e = settle(env, v);

	if (!e && v->put_run)
		e = challenge(env, v);
	if (!e && v->put_session)
		e = session(env, v, b);
	if (!e && v->put_lock)
		e = must(mst_store_gba_lock_put(env->store, &v->lock));
	if (!e && v->drop_lock) {
		e = mst_store_gba_lock_delete(env->store, r->lock.impi, r->lock.origin);
		e = e > 0 ? 0 : e;
	}
	return e ? e : tell(env, x, q, r, v, b);
}
