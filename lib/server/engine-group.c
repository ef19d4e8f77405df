/*
 * One group: every decision in one transaction, one fsync, then the answers (architecture 5.2, 5.3).
 * A decision that fails is undone and the others are not; a commit that fails leaves nothing, and then each decision gets
 * its own transaction, so that one that cannot be stored does not take the others with it. A store that is
 * full or locked fails the whole group at once: trying each alone would wait as often as there are members.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/engine-internal.h"

/* A decision that only refuses, and whose event nobody has room for: undone, and it stands. */
#define UNTOLD 1

/* Asked again when its group is decided again: the room that it had is still its own. */
static bool may_tell(struct engine *e, struct work *w, enum mst_role role, enum engine_untold what)
{
	w->told = w->told || engine_may_tell(e, role, what);
	return w->told;
}

static struct mst_role_env env_of(struct engine *e, enum mst_role role)
{
	return (struct mst_role_env){ .store = e->store, .keeper = e->keeper, .crypto = e->u.crypto,
		.conf = e->role_conf[role], .now = (mst_time)time(NULL), .state = &e->role_state[role] };
}

/* A listener speaks for its own role and is its own channel, whatever it wrote; the local one is admin; the process of
 * Diameter speaks for the two that have that binding. */
static const struct mst_role_ops *role_of(struct engine *e, const struct work *w, enum mst_role claimed)
{
	const struct engine_client *c = &e->client[w->client];
	enum mst_role may = c->who.role == MST_ROLE_NONE ? MST_ROLE_ADMIN : c->who.role;

	if (c->who.peer == MST_PROC_DIAMETER)
		may = claimed == MST_ROLE_HSS ? MST_ROLE_HSS : MST_ROLE_ZN;
	return claimed == may ? mst_unit_role(&e->u, claimed) : NULL;
}

/* Not decodable, or not its own role: the process is not to be trusted any more. */
static int violation(struct engine *e, struct work *w, const char *what)
{
	struct mst_link *l = engine_link(e, w->client, w->gen);

	e->u.m.v[MST_M_VIOLATIONS]++;
	mst_log(&e->u.log, MST_LOG_ERROR, "a message that is not permitted; link dropped", "what", what,
		NULL);
	if (l) {
		engine_tell_violation(e, &e->client[w->client].who);
		e->client[w->client].l = mst_link_free(l);
	}
	return MST_FAULT_BUG;
}

static int keep_content(struct work *w, const struct mst_writer *c)
{
	free(w->content);
	w->content = malloc(c->n ? c->n : 1);
	if (!w->content)
		return MST_FAULT_MEMORY;
	if (c->n)
		memcpy(w->content, c->p, c->n);
	w->answer.content = (struct mst_view){ w->content, c->n };
	return 0;
}

static int keep_fetch(struct work *w, enum mst_role role, const struct mst_fetch *f)
{
	free(w->fetch);
	w->fetch = malloc(sizeof(*w->fetch));
	if (!w->fetch)
		return MST_FAULT_MEMORY;
	*w->fetch = *f;
	w->fetch->role = role;
	return 0;
}

/* What a role has written goes into the frame; what it wants to know first, to the connector. */
static int take_answer(struct work *w, const struct mst_role_ops *role, const struct mst_answer *a)
{
	free(w->fetch);
	w->fetch = NULL;
	w->revoked = a->revoked;
	w->cut = a->cut;
	w->answer.whose = a->whose;
	w->seal = a->seal;
	w->counts = a->counts;
	if (a->wants_fetch)
		return role->resumed ? keep_fetch(w, role->role, &a->fetch) : MST_FAULT_BUG;
	if (!a->content.ok || a->release.at > a->content.n)
		return MST_FAULT_MEMORY;
	if (a->parcel.n_fills && (a->release.wanted || a->parcel.fill[a->parcel.n_fills - 1].at > a->content.n))
		return MST_FAULT_BUG;
	w->answer.rsc = a->rsc;
	w->answer.retry_after = a->retry_after;
	w->answer.close = a->close;
	w->answer.at = (uint32_t)a->release.at;
	w->answer.parcel = a->parcel;
	w->release = a->release;
	memcpy(w->answer.location, a->location, sizeof(w->answer.location));
	memcpy(w->answer.headers, a->headers, sizeof(w->answer.headers));
	w->answer.media[0] = '\0';
	if (a->media)
		strncpy(w->answer.media, a->media, sizeof(w->answer.media) - 1);
	return keep_content(w, &a->content);
}

/* A stranger's request, or one that a stranger can bring about, which leaves no trace at all when there is no room for its event:
 * he must not choose how large the audit log is, nor push out of it what stands there. */
static bool left_out(struct engine *e, struct work *w, const struct mst_role_ops *role, const struct mst_exchange *x, const struct mst_answer *a)
{
	if (!role->network)
		return false;
	if (x->peer.how == MST_AUTH_ANONYMOUS)
		return (!role->strangers_count || a->event_only) && !may_tell(e, w, role->role, UNTOLD_STRANGERS);
	return role->for_strangers && a->event_only && !may_tell(e, w, role->role, UNTOLD_OTHERS);
}

static int decide_exchange(struct engine *e, struct work *w)
{
	struct mst_answer a = { .content = mst_writer_of(e->scratch, MST_ANSWER_MAX) };
	const struct mst_role_ops *role;
	struct mst_role_env env;
	struct mst_exchange x;
	int r;

	if (!mst_get_exchange((struct mst_view){ w->b, w->n }, &x) || !(role = role_of(e, w, x.role)))
		return violation(e, w, "exchange");
	x.channel = e->client[w->client].who.channel;
	env = env_of(e, role->role);
	r = role->handle(&env, &x, &a);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	r = take_answer(w, role, &a);
	/* a stranger's request leaves nothing but its event, and that only while there is room (decision 0010) */
	return !r && left_out(e, w, role, &x, &a) ? UNTOLD : r;
}

static int decide_psk(struct engine *e, struct work *w)
{
	const struct mst_role_ops *role;
	struct mst_psk_answer a = { 0 };
	struct mst_role_env env;
	struct mst_psk_ask q;
	int r;

	if (!mst_get_psk_ask((struct mst_view){ w->b, w->n }, &q) || !(role = role_of(e, w, q.role)) ||
	    !role->psk_lookup)
		return violation(e, w, "psk-ask");
	q.channel = e->client[w->client].who.channel;
	env = env_of(e, role->role);
	r = role->psk_lookup(&env, &q, &a);
	if (r < 0)
		return r;
	w->outcome = r;
	w->release = a.release;
	w->whose = a.whose;
	if (r == MST_PSK_FETCH && keep_fetch(w, role->role, &a.fetch))
		return MST_FAULT_MEMORY;
	/* of who is refused there is nothing to undo or to tell: his handshake fails (lesson 21) */
	return 0;
}

/* A suspended exchange goes on. Nobody to answer: nothing to decide. */
static int decide_resumed(struct engine *e, struct work *w, const struct pending_fetch *p, const struct mst_role_ops *role,
			  const struct mst_fetch_result *f)
{
	struct mst_answer a = { .content = mst_writer_of(e->scratch, MST_ANSWER_MAX) };
	struct mst_role_env env = env_of(e, p->role);
	struct mst_exchange x;
	int r;

	w->gone = !engine_link(e, p->waiters->client, p->waiters->gen);
	if (w->gone)
		return 0;
	if (!mst_get_exchange((struct mst_view){ p->exchange, p->n_exchange }, &x))
		return MST_FAULT_BUG;
	x.channel = e->client[p->waiters->client].who.channel;
	r = role->resumed(&env, &x, f, &a);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	if (a.wants_fetch && p->asked >= MST_FETCHES_AN_EXCHANGE)
		return MST_FAULT_BUG;
	r = take_answer(w, role, &a);
	return !r && left_out(e, w, role, &x, &a) ? UNTOLD : r;
}

static int decide_fetched(struct engine *e, struct work *w)
{
	struct pending_fetch *p = engine_fetch_find(e, w->id);
	const struct mst_role_ops *role = p ? mst_unit_role(&e->u, p->role) : NULL;
	struct mst_psk_answer a = { 0 };
	struct mst_fetch_result f;
	struct mst_role_env env;
	int r;

	if (!p || !role || (p->exchange ? !role->resumed : !role->fetched))
		return MST_FAULT_BUG;
	if (!mst_get_fetch_result((struct mst_view){ w->b, w->n }, &f))
		return violation(e, w, "fetch-result");
	f.channel = w->client < ENGINE_CLIENTS ? e->client[w->client].who.channel : 0;
	f.mark = p->vector.mark;
	if (f.end != MST_FETCH_OK && !w->fetch_told) {
		w->fetch_told = true;
		e->u.m.v[MST_M_FETCHES_FAILED]++;
		mst_log(&e->u.log, f.end == MST_FETCH_UNKNOWN ? MST_LOG_DEBUG : MST_LOG_WARNING, "another server did not give what was asked for", "identity",
			p->about, "end", mst_fetch_end_name[f.end], "detail", f.detail, NULL);
	}
	if (p->exchange)
		return decide_resumed(e, w, p, role, &f);
	env = env_of(e, role->role);
	r = role->fetched(&env, &p->ask, &f, &a);
	if (r < 0)
		return r;
	w->outcome = r;
	w->release = a.release;
	w->whose = a.whose;
	w->unknown_there = f.end == MST_FETCH_UNKNOWN;
	if (!r || w->told)
		return 0;
	/* a handshake that is refused is counted when it has failed, one that ends without a verdict here */
	w->told = r == MST_PSK_UNKNOWN ? engine_room_to_tell(e, role->role) : engine_may_tell(e, role->role, UNTOLD_PSK);
	return w->told ? 0 : UNTOLD;
}

bool engine_counts_only(struct engine *e, unsigned client, struct mst_view payload)
{
	struct work w = { .client = client };
	const struct mst_role_ops *role;
	struct mst_handshake_failed h;

	if (client >= ENGINE_CLIENTS || !mst_get_handshake_failed(payload, &h) || !(role = role_of(e, &w, h.role)))
		return false;
	if (h.why != MST_TLS_PSK_REFUSED)
		return false;
	if (!engine_may_tell(e, role->role, UNTOLD_PSK))
		return true;
	if (engine_has_room(e, client))
		return false;
	e->untold[UNTOLD_PSK][role->role]++;
	return true;
}

static int decide_handshake(struct engine *e, struct work *w)
{
	struct mst_handshake_failed h;
	const struct mst_role_ops *role;
	struct mst_role_env env;

	if (!mst_get_handshake_failed((struct mst_view){ w->b, w->n }, &h) || !(role = role_of(e, w, h.role)))
		return violation(e, w, "handshake-failed");
	if (!role->handshake_failed)
		return 0;
	env = env_of(e, role->role);
	return role->handshake_failed(&env, &h.peer, h.why, h.detail);
}

/* Nothing to decide, only to be told: the listener has answered already. */
static int decide_refused(struct engine *e, struct work *w)
{
	const struct mst_role_ops *role;
	struct mst_role_env env;
	struct mst_refused f;

	if (!mst_get_refused((struct mst_view){ w->b, w->n }, &f) || !(role = role_of(e, w, f.role)))
		return violation(e, w, "refused");
	if (!role->refused)
		return 0;
	env = env_of(e, role->role);
	return role->refused(&env, &f.peer, f.attempt, f.status, f.why);
}

static int decide(struct engine *e, struct work *w)
{
	switch (w->kind) {
	case WORK_EXCHANGE: return decide_exchange(e, w);
	case WORK_PSK: return decide_psk(e, w);
	case WORK_HANDSHAKE: return decide_handshake(e, w);
	case WORK_REFUSED: return decide_refused(e, w);
	case WORK_FETCHED: return decide_fetched(e, w);
	}
	return MST_FAULT_BUG;
}

/*
 * A failure cannot always be told where it happens, a full disk least of all: what could not be decided is
 * counted, and the operator's event goes into the first group that can be stored again.
 */
static void count_lost(struct engine *e, struct work **w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (w[i]->failed && !e->lost++)
			e->lost_since = (mst_time)time(NULL);
}

/* That the store is gone has been said: whoever asks meanwhile must not fill the log. */
static enum mst_log_level level_of(const struct engine *e)
{
	return e->u.m.v[MST_M_STORE_GONE] ? MST_LOG_DEBUG : MST_LOG_ERROR;
}

static void failed(struct engine *e, struct work *w, int fault)
{
	bool stores = fault == MST_FAULT_STORE || fault == MST_FAULT_SPACE || fault == MST_FAULT_CORRUPT;

	w->failed = true;
	e->lost_fault = fault;
	e->lost_in_doubt = stores && mst_store_in_doubt(e->store);
	e->some_in_doubt |= e->lost_in_doubt;
	snprintf(e->lost_why, sizeof(e->lost_why), "%s%s%s", mst_fault_text(fault), stores ? ": " : "",
	         stores ? mst_store_error(e->store) : "");
	mst_log(&e->u.log, level_of(e), e->lost_in_doubt ? "a decision is in doubt: it is done, or nothing of it remains" :
		"a decision failed; nothing of it remains", "fault", e->lost_why, NULL);
}

/* Full, locked, unreadable: nothing that another decision could do better. */
static bool of_the_store(int fault)
{
	return fault == MST_FAULT_STORE || fault == MST_FAULT_SPACE;
}

/* A member has to be undone: it is settled now, and without marks the others are decided again. */
#define AGAIN 2
/* For so many groups after that each decision gets its mark: whoever sends what is undone must not cost the others every time. */
#define MARKED_GROUPS 64
/* How often a group is decided again that the database lost by no fault of the group. */
#define REPEATS 3

/* One member of the open transaction; with `marked` it can be undone alone. 0, AGAIN, or a fault of the store. */
static int decide_one(struct engine *e, struct work *w, bool marked)
{
	int r = marked ? mst_store_mark(e->store) : 0;

	if (r)
		return r;
	w->failed = false;
	r = decide(e, w);
	mst_crash_pass(&e->u.crash, MST_CRASH_DECIDED);
	if (of_the_store(r))
		return r;
	if (!r)
		return marked ? mst_store_release(e->store) : 0;
	w->settled = true;
	if (r != UNTOLD)
		failed(e, w, r);
	if (!marked)
		return AGAIN;
	mst_store_undo(e->store);
	return 0;
}

/*
 * 0 when the group is durable. Every failed member is marked; the others were released. A mark makes the database keep each page
 * as it was before, so there is none as long as every decision stands; AGAIN: nothing of the group remains, one of it is settled.
 */
static int transact(struct engine *e, struct work **w, size_t n, bool marked)
{
	int r = mst_store_begin(e->store);

	if (r)
		return r;
	for (size_t i = 0; i < n && !r; i++)
		if (!w[i]->settled)
			r = decide_one(e, w[i], marked);
	if (r) {
		mst_store_rollback(e->store);
		return r;
	}
	mst_crash_pass(&e->u.crash, MST_CRASH_COMMIT_BEFORE);
	r = mst_store_commit(e->store);
	if (r)
		return r;
	mst_crash_pass(&e->u.crash, MST_CRASH_COMMIT_AFTER);
	return 0;
}

/* The local one serves operators. */
static bool of_an_operator(const struct engine *e, const struct work *w)
{
	const struct engine_client *c = w->client < ENGINE_CLIENTS ? &e->client[w->client] : NULL;

	return c && c->who.role == MST_ROLE_NONE && c->who.peer == MST_PROC_LISTENER;
}

/* What an operator commands may reach beyond the store, to the keeper's next generation: that is not decided again because another
 * member of its group has to be undone. */
static bool wants_marks(const struct engine *e, struct work *const *w, size_t n)
{
	bool wants = e->marked_left > 0;

	for (size_t i = 0; i < n && !wants; i++)
		wants = of_an_operator(e, w[i]);
	return wants;
}

/* A server's connection was lost, or another program was in the way: decided again, from what is stored now. */
static int transact_again(struct engine *e, struct work **w, size_t n, bool marked)
{
	int r = transact(e, w, n, marked);

	for (int i = 0; i < REPEATS && r < 0 && mst_store_may_repeat(e->store); i++) {
		for (size_t j = 0; j < n; j++)
			if (of_an_operator(e, w[j]))
				return r;
		e->u.m.v[MST_M_GROUPS_REPEATED]++;
		mst_log(&e->u.log, MST_LOG_WARNING, "the database lost a group; it is decided again", "why", mst_store_error(e->store), NULL);
		r = transact(e, w, n, marked);
	}
	return r;
}

static void transact_all(struct engine *e, struct work **w, size_t n)
{
	int r = transact_again(e, w, n, wants_marks(e, w, n));

	if (r == AGAIN) {
		e->marked_left = MARKED_GROUPS;
		r = transact_again(e, w, n, true);
	}
	if (!r) {
		e->marked_left -= e->marked_left > 0;
		e->u.m.v[MST_M_COMMITS]++;
		e->u.m.v[MST_M_DECISIONS] += n;
		mst_metrics_observe(&e->u.m, MST_H_GROUP_SIZE, (double)n);
		count_lost(e, w, n);
		return;
	}
	e->u.m.v[MST_M_COMMITS_FAILED]++;
	engine_store_said(e, r);
	mst_log(&e->u.log, level_of(e),
		n > 1 && !of_the_store(r) ? "a transaction failed; its decisions are tried one by one" : "a transaction failed",
		"fault", mst_fault_text(r), NULL);
	if (n == 1 || of_the_store(r)) {
		failed(e, w[0], r);
		for (size_t i = 1; i < n; i++)
			w[i]->failed = true;
		count_lost(e, w, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		transact_all(e, &w[i], 1);
}

/* --- after the commit --- */

static int release_to(struct engine *e, const struct mst_release *r, uint32_t channel,
		      struct mst_wrapped *ret)
{
	int rc;

	mst_crash_pass(&e->u.crash, MST_CRASH_RELEASE_BEFORE);
	rc = e->keeper->ops->release(e->keeper, &r->authorisation, &r->key, r->purpose, r->key_id, r->how,
				     r->suid, r->target, channel, ret);
	e->u.m.v[rc ? MST_M_KEEPER_REFUSED : MST_M_KEEPER_CALLS]++;
	if (rc)
		mst_log(&e->u.log, MST_LOG_ERROR, "the keeper did not release a key", "key", r->key_id, "why",
		        rc < 0 ? mst_fault_text(rc) : rc == MST_KEEPER_FORGED ?
			"it does not open: another keeper wrapped it, or it was changed; muster doctor counts such keys, and what does not come back with "
			"a backup of store and keeper has to enrol anew" :
		        rc == MST_KEEPER_DENIED ? "denied" : rc == MST_KEEPER_BUSY ? "above keeper_limits" : "no channel", NULL);
	return rc;
}

/* A peer learns that something failed; the operator's own commands say what. */
static struct mst_view words_for_operator(const struct engine *e, char *text, size_t cap)
{
	struct mst_writer w = mst_writer_of(text, cap);

	mst_put_str(&w, "{\"error\":{\"field\":\"\",\"text\":\"");
	mst_put_str(&w, e->lost_in_doubt ? "it is done, or nothing was changed; look before you do it again: " : "not carried out, nothing was changed: ");
	for (const char *p = e->lost_why; *p; p++)
		mst_put_u8(&w, *p == '"' || *p == '\\' || *p < 0x20 || *p > 0x7e ? '\'' : (uint8_t)*p);
	if (e->lost_fault == MST_FAULT_SPACE)
		mst_put_str(&w, "; make room on the disk of the store (musterd.conf: store), then do it again");
	mst_put_str(&w, "\"}}");
	return w.ok ? mst_written(&w) : MST_VIEW_NONE;
}

static void send_answer(struct engine *e, struct work *w)
{
	char text[448];
	struct mst_link *l = engine_link(e, w->client, w->gen);
	struct mst_writer out = mst_writer_of(e->out, MST_FRAME_MAX);

	if (!l)
		return;
	if (!w->failed && w->release.wanted) {
		if (release_to(e, &w->release, e->client[w->client].who.channel, &w->answer.key))
			w->failed = true;
		w->answer.has_key = !w->failed;
	}
	if (w->failed) {
		/* nothing was changed, or the change stands and a repeated request gets its answer (lesson
		 * 11) */
		w->answer = (struct mst_answer_frame){ .rsc = MST_RSC_INTERNAL, .retry_after = 5 };
		if (of_an_operator(e, w))
			w->answer.content = words_for_operator(e, text, sizeof(text));
	}
	/* an RSC, or a status of HTTP: 4xx of either is a refusal */
	e->u.m.v[w->answer.rsc < 400 || (w->answer.rsc >= 1000 && w->answer.rsc < 4000) ? MST_M_ANSWERS_OK
		 : w->answer.rsc < 500 || (w->answer.rsc >= 1000 && w->answer.rsc < 5000) ? MST_M_ANSWERS_REFUSED
		 : MST_M_ANSWERS_FAILED]++;
	mst_put_answer(&out, &w->answer);
	engine_reply(e, l, MST_FRAME_ANSWER, w->id, mst_written(&out));
}

static void send_psk(struct engine *e, unsigned client, uint32_t gen, uint64_t id,
		     const struct mst_release *r, struct mst_whose whose)
{
	struct mst_link *l = engine_link(e, client, gen);
	uint8_t b[MST_WRAPPED_MAX + 16];
	struct mst_writer out = mst_writer_of(b, sizeof(b));
	struct mst_psk_answer_frame a = { .whose = r ? whose : (struct mst_whose){ 0 } };

	if (!l)
		return;
	e->u.m.v[MST_M_PSK_ASKS]++;
	if (!r)
		e->u.m.v[MST_M_PSK_UNKNOWN]++;
	else if (release_to(e, r, e->client[client].who.channel, &a.key)) {
		engine_psk_busy(e, client, gen, id);
		return;
	}
	mst_put_psk_answer(&out, &a);
	engine_reply(e, l, MST_FRAME_PSK_ANSWER, id, mst_written(&out));
}

void engine_psk_unknown(struct engine *e, unsigned client, uint32_t gen, uint64_t id)
{
	send_psk(e, client, gen, id, NULL, (struct mst_whose){ 0 });
}

static void after_psk(struct engine *e, struct work *w)
{
	struct mst_psk_ask q;

	if (w->failed || w->outcome == MST_PSK_BUSY)
		engine_psk_busy(e, w->client, w->gen, w->id);
	else if (w->outcome == MST_PSK_FETCH && mst_get_psk_ask((struct mst_view){ w->b, w->n }, &q))
		engine_fetch_start(e, w, &q);
	else
		send_psk(e, w->client, w->gen, w->id, w->outcome ? NULL : &w->release, w->whose);
}

/* The question is durable, or there was nothing to store: now it may be asked. */
static void after_exchange(struct engine *e, struct work *w)
{
	struct waiter who = { NULL, w->client, w->gen, w->id };

	if (w->failed || !w->fetch)
		send_answer(e, w);
	else if (!engine_suspend(e, &who, (struct mst_view){ w->b, w->n }, w->fetch, 0))
		engine_psk_busy(e, who.client, who.gen, who.id);
}

static void after_resumed(struct engine *e, struct work *w, struct pending_fetch *p)
{
	struct waiter who = *p->waiters;

	w->client = who.client;
	w->gen = who.gen;
	w->id = who.id;
	if (w->failed || !w->fetch)
		send_answer(e, w);
	else if (!engine_suspend(e, &who, (struct mst_view){ p->exchange, p->n_exchange }, w->fetch, p->asked))
		engine_psk_busy(e, who.client, who.gen, who.id);
	engine_fetch_end(e, p);
}

static void after_fetched(struct engine *e, struct work *w)
{
	struct pending_fetch *p = engine_fetch_find(e, w->id);

	if (!p)
		return;
	if (p->exchange && !w->gone) {
		after_resumed(e, w, p);
		return;
	}
	if (!w->failed && !p->exchange && w->unknown_there)
		engine_remember_unknown(e, &p->ask);
	for (struct waiter *t = p->exchange ? NULL : p->waiters; t; t = t->next) {
		if (w->failed || w->outcome == MST_PSK_BUSY)
			engine_psk_busy(e, t->client, t->gen, t->id);
		else
			send_psk(e, t->client, t->gen, t->id, w->outcome ? NULL : &w->release, w->whose);
	}
	engine_fetch_end(e, p);
}

void engine_cut(struct engine *e, struct mst_whose whose)
{
	uint8_t b[24];
	struct mst_writer out = mst_writer_of(b, sizeof(b));

	mst_put_cut(&out, &whose);
	for (unsigned i = 0; i < ENGINE_CLIENTS; i++) {
		const struct engine_client *c = &e->client[i];

		/* the local one serves operators */
		if (!c->l || c->who.peer != MST_PROC_LISTENER || c->who.role == MST_ROLE_NONE || !mst_link_send(c->l, MST_FRAME_CUT, 0, mst_written(&out)))
			continue;
		/* with the process its sessions end too */
		mst_log(&e->u.log, MST_LOG_ERROR, "sessions that are to end cannot be told to their process; it is ended", "role", mst_role_name[c->who.role], NULL);
		engine_tell_violation(e, &c->who);
	}
}

void engine_group(struct engine *e, struct work **w, size_t n)
{
	size_t k = 0;

	engine_tell_lost(e);
	for (size_t i = 0; i < n; i++) {        /* whose asker is gone need not be decided */
		if (w[i]->kind != WORK_FETCHED && !engine_link(e, w[i]->client, w[i]->gen))
			w[i]->failed = true;
		else
			k++;
	}
	if (k == n)
		transact_all(e, w, n);
	else
		for (size_t i = 0; i < n; i++)
			if (!w[i]->failed)
				transact_all(e, &w[i], 1);
	for (size_t i = 0; i < n; i++) {
		e->crl_changed = e->crl_changed || (w[i]->revoked && !w[i]->failed);
		if (w[i]->seal > e->seal_wanted && !w[i]->failed)
			e->seal_wanted = w[i]->seal;
		if ((w[i]->cut.one || w[i]->cut.group) && !w[i]->failed)
			engine_cut(e, w[i]->cut);
		if (w[i]->counts && !w[i]->failed)
			e->u.m.v[w[i]->counts]++;
		switch (w[i]->kind) {
		case WORK_EXCHANGE: after_exchange(e, w[i]); break;
		case WORK_PSK: after_psk(e, w[i]); break;
		case WORK_FETCHED: after_fetched(e, w[i]); break;
		case WORK_HANDSHAKE:
		case WORK_REFUSED: break;
		}
	}
}
