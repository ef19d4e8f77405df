/*
 * The engine: everything that arrived since its last turn is decided in one store transaction
 * (engine-group.c). Links have priority 0 in the loop and the turn 1, so a turn begins only when nothing
 * more can be read: the group grows with the load by itself.
 */
#include <event2/event.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/pki.h"
#include "keeper/keeper-wire.h"
#include "server/engine-internal.h"

#define KEEPER_MS 5000              /* longer than it waits for a signer */
#define FOLLOWERS_MAX 15            /* exchanges that wait for one vector besides the one that asked; the others come again in a second */

struct mst_link *engine_link(struct engine *e, unsigned client, uint32_t gen)
{
	return client < ENGINE_CLIENTS && e->client[client].gen == gen ? e->client[client].l : NULL;
}

static void wake(struct engine *e)
{
	if (e->head && e->u.started)
		event_active(e->turn, EV_TIMEOUT, 1);
}

/* All zero; NULL: no memory, and the log says so. */
static void *room(struct engine *e, size_t n)
{
	void *p = calloc(1, n);

	if (!p)
		mst_log(&e->u.log, MST_LOG_WARNING, "no memory for what was asked; it is refused as when too much is asked", NULL);
	return p;
}

static bool enqueue(struct engine *e, enum work_kind kind, unsigned client, uint64_t id,
		    struct mst_view payload)
{
	struct work *w;

	if (kind != WORK_FETCHED && !engine_has_room(e, client))
		return false;
	w = room(e, sizeof(*w) + payload.n);
	if (!w)
		return false;
	w->kind = kind;
	w->client = client;
	w->gen = client < ENGINE_CLIENTS ? e->client[client].gen : 0;
	w->id = id;
	w->n = payload.n;
	if (payload.n)
		memcpy(w->b, payload.p, payload.n);
	*e->tail = w;
	e->tail = &w->next;
	e->queued++;
	if (client < ENGINE_CLIENTS)
		e->client[client].queued++;
	wake(e);
	return true;
}

static struct work *dequeue(struct engine *e)
{
	struct work *w = e->head;

	if (w) {
		e->head = w->next;
		if (!e->head)
			e->tail = &e->head;
		e->queued--;
		if (w->client < ENGINE_CLIENTS && e->client[w->client].gen == w->gen)
			e->client[w->client].queued--;
	}
	return w;
}

static void work_free(struct work *w)
{
	free(w->content);
	free(w->fetch);
	mst_wipe(w->b, w->n);
	free(w);
}

static void finish_drain(struct engine *e)
{
	if (e->u.draining && !e->head && !e->fetches)
		mst_unit_done(&e->u);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct engine *e = arg;
	struct work *group[4096];
	size_t n = 0, most = (size_t)e->u.conf->limits.group;

	(void)fd;
	(void)what;
	while (n < most && n < MST_COUNT(group) && e->head)
		group[n++] = dequeue(e);
	if (n)
		engine_group(e, group, n);
	for (size_t i = 0; i < n; i++)
		work_free(group[i]);
	engine_crl(e);
	if (e->seal_wanted)
		engine_seal(e);
	wake(e);
	finish_drain(e);
}

/* --- what other servers must be asked for --- */

struct pending_fetch *engine_fetch_find(struct engine *e, uint64_t id)
{
	struct pending_fetch *p = e->fetches;

	while (p && p->id != id)
		p = p->next;
	return p;
}

static bool add_waiter(struct engine *e, struct pending_fetch *p, unsigned client, uint32_t gen, uint64_t id)
{
	struct waiter *t = room(e, sizeof(*t));

	if (!t)
		return false;
	*t = (struct waiter){ p->waiters, client, gen, id };
	p->waiters = t;
	return true;
}

static struct mst_link *asker(struct engine *e, enum mst_process by)
{
	for (size_t i = 0; i < ENGINE_CLIENTS; i++)
		if (e->client[i].l && e->client[i].who.peer == by)
			return e->client[i].l;
	return NULL;
}

/* A result, for who asked and for who follows him: in this order, so that these see what he has stored. */
static void answered(struct engine *e, struct pending_fetch *p, unsigned client, struct mst_view payload)
{
	if (!p->answered)
		p->answered = enqueue(e, WORK_FETCHED, client, p->id, payload);
	for (struct pending_fetch *f = e->fetches; f; f = f->next)
		if (f->follows == p->id && !f->answered)
			f->answered = enqueue(e, WORK_FETCHED, client, f->id, payload);
}

/* An end that the connector did not give: it is gone, full, or silent. */
static void fetch_give_up(struct engine *e, struct pending_fetch *p, enum mst_fetch_end end,
			  const char *detail)
{
	struct mst_fetch_result r = { .end = end };
	struct mst_writer w = mst_writer_of(e->out, MST_FRAME_MAX);

	if (p->answered)
		return;
	snprintf(r.detail, sizeof(r.detail), "%s", detail);
	mst_put_fetch_result(&w, &r);
	answered(e, p, ENGINE_CLIENTS, mst_written(&w));
}

void engine_reply(struct engine *e, struct mst_link *l, enum mst_frame_type type, uint64_t id, struct mst_view payload)
{
	static const uint8_t wait[4] = { 0, 0, 0, 1 };
	bool busy = type == MST_FRAME_BUSY;
	int r = mst_link_send(l, type, id, busy ? (struct mst_view){ wait, 4 } : payload);

	if (r && !busy && mst_link_send(l, MST_FRAME_BUSY, id, (struct mst_view){ wait, 4 }) == 0)
		busy = true;
	e->u.m.v[MST_M_BUSY] += busy;
	/* a full link is load, and one that is closed is told of by who closed it */
	if (r == MST_FAULT_MEMORY)
		mst_log(&e->u.log, MST_LOG_WARNING, "no memory for an answer; who asked is told to come again", NULL);
}

void engine_psk_busy(struct engine *e, unsigned client, uint32_t gen, uint64_t id)
{
	struct mst_link *l = engine_link(e, client, gen);

	if (l)
		engine_reply(e, l, MST_FRAME_BUSY, id, MST_VIEW_NONE);
}

static void pending_free(struct pending_fetch *p)
{
	for (struct waiter *t = p->waiters, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	if (p->exchange)
		mst_wipe(p->exchange, p->n_exchange);
	free(p->exchange);
	free(p);
}

/* Into the table. From here it ends with a result, be it one that we make. */
static void fetch_add(struct engine *e, struct pending_fetch *p, const struct mst_fetch *f)
{
	p->by = f->kind != MST_FETCH_KEY && f->binding == MST_BIND_DIAMETER ? MST_PROC_DIAMETER : MST_PROC_CONNECTOR;
	p->kind = f->kind;
	p->ua = f->ua;
	memcpy(p->server, f->server_name, sizeof(p->server));
	p->id = ++e->next_fetch;
	p->deadline = mst_now_ms() + (e->u.conf->limits.fetch + 1) * 1000;
	p->next = e->fetches;
	e->fetches = p;
	e->n_fetches++;
}

/* And out to the connector; `f` is for it. */
static void fetch_send(struct engine *e, struct pending_fetch *p, struct mst_fetch *f)
{
	struct mst_writer out = mst_writer_of(e->out, MST_FRAME_MAX);
	struct mst_link *l;

	fetch_add(e, p, f);
	l = asker(e, p->by);
	e->u.m.v[MST_M_FETCHES]++;
	mst_put_fetch(&out, f);
	if (!l)
		fetch_give_up(e, p, MST_FETCH_BUSY, p->by == MST_PROC_DIAMETER ? "no process to ask with by Diameter; is there a group diameter?" :
			      "no connector to ask with");
	else if (!out.ok || mst_link_send(l, MST_FRAME_FETCH, p->id, mst_written(&out)))
		fetch_give_up(e, p, MST_FETCH_BUSY, "the process that asks takes no more, or there is no memory");
}

static bool same_question(const struct pending_fetch *p, const struct mst_psk_ask *q, const struct mst_fetch *f)
{
	return !p->exchange && !p->answered && p->role == q->role && p->kind == f->kind && !strcmp(p->ask.identity, q->identity) &&
	       (f->kind != MST_FETCH_ZN || !memcmp(&p->ua, &f->ua, sizeof(p->ua)));
}

void engine_fetch_start(struct engine *e, const struct work *w, const struct mst_psk_ask *q)
{
	struct pending_fetch *p = e->fetches;
	uint64_t origin = engine_origin(q->address);

	if (engine_known_unknown(e, q)) {
		engine_psk_unknown(e, w->client, w->gen, w->id);
		return;
	}
	/* two handshakes for one identity ask once: lesson 13 */
	while (p && !same_question(p, q, w->fetch))
		p = p->next;
	if (p) {
		if (!add_waiter(e, p, w->client, w->gen, w->id))
			engine_psk_busy(e, w->client, w->gen, w->id);
		return;
	}
	p = engine_has_place(e, w->fetch, origin) ? room(e, sizeof(*p)) : NULL;
	if (!p || !add_waiter(e, p, w->client, w->gen, w->id)) {
		free(p);
		engine_psk_busy(e, w->client, w->gen, w->id);
		return;
	}
	p->role = q->role;
	p->origin = origin;
	p->ask = *q;
	memcpy(p->about, q->identity, sizeof(p->about));
	fetch_send(e, p, w->fetch);
}

static bool same_vector(const struct pending_fetch *p, const struct pending_fetch *q)
{
	return p->vector.any == q->vector.any && p->vector.mark == q->vector.mark && p->vector.resync == q->vector.resync && !memcmp(p->vector.rnd, q->vector.rnd, sizeof(p->vector.rnd)) &&
	       !memcmp(p->vector.auts, q->vector.auts, sizeof(p->vector.auts));
}

/* The question for this very vector that is under way, and how many wait for it besides its asker. */
static struct pending_fetch *leader_of(struct engine *e, const struct pending_fetch *q, const char *server, size_t *ret_n)
{
	struct pending_fetch *found = NULL;

	for (struct pending_fetch *p = e->fetches; p && q->vector.any; p = p->next)
		if (!p->follows && p->role == q->role && same_vector(p, q) && !strcmp(p->about, q->about) && !strcmp(p->server, server))
			found = p;
	*ret_n = 0;
	for (struct pending_fetch *p = e->fetches; p && found; p = p->next)
		*ret_n += p->follows == found->id;
	return found;
}

/* Whoever asks for one subscriber again and again must not take everybody's places. */
static size_t followers_most(const struct engine *e)
{
	size_t most = (size_t)e->u.conf->limits.fetches / 4;

	return most < FOLLOWERS_MAX ? most : FOLLOWERS_MAX;
}

static uint64_t origin_of(struct mst_view exchange)
{
	struct mst_exchange x;

	return mst_get_exchange(exchange, &x) ? engine_origin(x.peer.address) : 0;
}

bool engine_suspend(struct engine *e, const struct waiter *who, struct mst_view exchange, struct mst_fetch *f, unsigned asked)
{
	uint64_t origin = origin_of(exchange);
	struct pending_fetch *p = engine_has_place(e, f, origin) ? room(e, sizeof(*p)) : NULL, *leader;
	size_t n;

	if (!p)
		return false;
	p->origin = origin;
	p->asked = asked + 1;
	p->role = f->role;
	snprintf(p->about, sizeof(p->about), "%.255s", f->kind == MST_FETCH_ZH ? f->ue_id : f->kind == MST_FETCH_ZN ? f->btid : f->path);
	p->vector.any = f->kind == MST_FETCH_ZH;
	p->vector.mark = f->mark;
	if (p->vector.any && f->resync) {
		p->vector.resync = true;
		memcpy(p->vector.rnd, f->rnd, sizeof(p->vector.rnd));
		memcpy(p->vector.auts, f->auts, sizeof(p->vector.auts));
	}
	leader = leader_of(e, p, f->server_name, &n);
	/* what came is in the queue, and was not looked at when this one was decided: so that is done once more, behind it */
	if (leader && leader->answered && !asked) {
		pending_free(p);
		return enqueue(e, WORK_EXCHANGE, who->client, who->id, exchange);
	}
	p->exchange = leader && n >= followers_most(e) ? NULL : room(e, exchange.n);
	if (!p->exchange || !add_waiter(e, p, who->client, who->gen, who->id)) {
		pending_free(p);
		return false;
	}
	memcpy(p->exchange, exchange.p, exchange.n);
	p->n_exchange = exchange.n;
	if (leader && !leader->answered) {
		fetch_add(e, p, f);
		p->follows = leader->id;
		p->deadline = leader->deadline;
	} else {
		fetch_send(e, p, f);
	}
	return true;
}

void engine_fetch_end(struct engine *e, struct pending_fetch *p)
{
	struct pending_fetch **at = &e->fetches;

	while (*at && *at != p)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = p->next;
	e->n_fetches--;
	pending_free(p);
}

/* By whom: MST_PROC__COUNT = anybody. */
static void fetches_all(struct engine *e, enum mst_process by, mst_ms now, enum mst_fetch_end end, const char *detail)
{
	for (struct pending_fetch *p = e->fetches; p; p = p->next)
		if (now >= p->deadline && (by == MST_PROC__COUNT || p->by == by))
			fetch_give_up(e, p, end, detail);
}

/* --- links --- */

static void on_frame(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	struct engine *e = owner;
	struct pending_fetch *p;
	unsigned i = 0;

	(void)fd;
	while (i < ENGINE_CLIENTS && e->client[i].l != l)
		i++;
	switch ((int)f->type) {
	case MST_FRAME_EXCHANGE:
	case MST_FRAME_PSK_ASK:
		if (!enqueue(e, f->type == MST_FRAME_PSK_ASK ? WORK_PSK : WORK_EXCHANGE, i, f->id, f->payload))
			engine_reply(e, l, MST_FRAME_BUSY, f->id, MST_VIEW_NONE);
		break;
	case MST_FRAME_HANDSHAKE_FAILED:
		if (!engine_counts_only(e, i, f->payload))
			(void)enqueue(e, WORK_HANDSHAKE, i, 0, f->payload);
		break;
	case MST_FRAME_REFUSED:
		(void)enqueue(e, WORK_REFUSED, i, 0, f->payload);
		break;
	case MST_FRAME_FETCH_RESULT:
		p = engine_fetch_find(e, f->id);
		if (p && !p->answered && i < ENGINE_CLIENTS && e->client[i].who.peer == p->by)
			answered(e, p, i, f->payload);
		break;
	default:
		break;
	}
}

/* A process without its link serves nobody, and one that was taken over should not stay: the supervisor begins another one. */
static void have_ended(struct engine *e, uint32_t channel)
{
	uint8_t b[4];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u32(&w, channel);
	if (mst_link_send(e->u.control, MST_FRAME_VIOLATION, 0, mst_written(&w)))
		mst_log(&e->u.log, MST_LOG_ERROR, "the supervisor cannot be told of a process that is to end", "remedy", "restart musterd", NULL);
}

void engine_tell_violation(struct engine *e, const struct mst_link_frame *who)
{
	have_ended(e, who->channel);
}

static void on_down(void *owner, struct mst_link *l, const char *why)
{
	struct engine *e = owner;

	for (size_t i = 0; i < ENGINE_CLIENTS; i++) {
		struct engine_client *c = &e->client[i];

		if (c->l != l)
			continue;
		/* one that ended, orderly or not, is the supervisor's to tell; here only what it cannot know */
		mst_log(&e->u.log, strcmp(why, "closed") ? MST_LOG_WARNING : MST_LOG_DEBUG, "a process is gone",
			"peer", mst_process_name[c->who.peer], "role", mst_role_name[c->who.role], "why", why,
			NULL);
		if (mst_link_broke(l))
			engine_tell_violation(e, &c->who);
		c->l = NULL;
		fetches_all(e, c->who.peer, MST_NEVER, MST_FETCH_BUSY, "the process that asked was restarted");
	}
	(void)mst_link_free(l);
}

static const struct mst_link_ops ops = { on_frame, on_down };

static int call_keeper(void *arg, struct mst_view question, uint8_t *answer, size_t cap, size_t *ret_n)
{
	struct engine *e = arg;
	int r = mst_call(e->call, question, answer, cap, ret_n);

	if (!r || !e->call)
		return r;
	/* questions and answers may not pair up any more */
	mst_log(&e->u.log, MST_LOG_ERROR, "the keeper has not answered; it is given up, and the next one waited for", "why", mst_fault_text(r), NULL);
	e->call = mst_call_free(e->call);
	/* one that lives without a link is of no use, and may hang for ever and learn nothing; one that has ended has had this number alone */
	have_ended(e, e->keeper_number);
	return r;
}

static int attach_keeper(struct engine *e, uint32_t number, int fd)
{
	struct mst_keeper_caller caller = { call_keeper, e };
	struct mst_call *c;
	int r = mst_call_new(&mst_call_keeper, fd, KEEPER_MS, &c);

	if (r) {
		close(fd);
		return r;
	}
	e->call = mst_call_free(e->call);
	e->call = c;
	e->keeper_number = number;
	memset(&e->rates, 0, sizeof(e->rates));      /* its counts begin at none */
	if (e->own_keeper)
		mst_keeper_remote_renewed(e->keeper);
	if (e->keeper)
		return 0;
	e->own_keeper = true;
	return mst_keeper_remote_new(&caller, &e->keeper);
}

static int engine_attach(struct mst_unit *u, const struct mst_link_frame *who, struct mst_link *l, int fd)
{
	struct engine *e = (struct engine *)(void *)u;

	if (!l)
		return who->peer == MST_PROC_KEEPER ? attach_keeper(e, who->channel, fd) : MST_FAULT_BUG;
	for (size_t i = 0; i < ENGINE_CLIENTS; i++)
		if (!e->client[i].l) {
			e->client[i] = (struct engine_client){ l, *who, ++e->next_gen, 0 };
			mst_link_owner(l, &ops, e);
			return 0;
		}
	(void)mst_link_free(l);
	return MST_FAULT_MEMORY;
}

void mst_engine_keeper(struct mst_unit *engine, struct mst_keeper *k)
{
	((struct engine *)(void *)engine)->keeper = k;
}

/* --- life --- */

static bool names_server(const void *arg, const char *name)
{
	const struct mst_unit *u = arg;

	return mst_conf_names_server(u->conf, name);
}

static int take_roles(struct engine *e)
{
	for (mst_role_table t = e->u.roles; *t; t++) {
		struct mst_role_conf *rc = calloc(1, sizeof(*rc));

		if (!rc)
			return MST_FAULT_MEMORY;
		mst_conf_role_conf(e->u.conf, (*t)->role, rc);
		for (size_t i = 0; i < rc->n_maf; i++)
			memcpy(rc->maf_anchor[i], e->u.maf_anchor, sizeof(rc->maf_anchor[i]));
		rc->makers = e->u.makers;
		rc->names_server = names_server;
		rc->names = &e->u;
		free(e->role_conf[(*t)->role]);
		e->role_conf[(*t)->role] = rc;
	}
	return 0;
}

/*
 * A wake-up does not interrupt whoever has the processor: under load on few cores the listeners then go on
 * until they wait themselves, and the group that is decided and made durable in one go is as large as what they
 * had to say. An idle machine is as quick as before. Without it only speed is lost.
 */
static void yield_to_listeners(const struct mst_unit *u)
{
	struct sched_param p = { 0 };

	if (u->own_process && sched_setscheduler(0, SCHED_BATCH, &p))
		mst_log(&u->log, MST_LOG_DEBUG, "not scheduled as a batch process", "why", strerror(errno), NULL);
}

static void on_rotate(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	engine_rotate(arg);
}

static int engine_start(struct mst_unit *u, struct mst_diag *d)
{
	struct engine *e = (struct engine *)(void *)u;
	const char *which = "";
	int r;

	e->tail = e->head ? e->tail : &e->head;
	r = mst_crypto_self_test(u->crypto, &which);
	if (r) {
		mst_diag_set(d, 0, "self test", which, ": the crypto library gives a wrong answer", NULL);
		return r;
	}
	r = mst_unit_gba_test(u, d);
	if (r)
		return r;
	if (!e->keeper) {
		mst_diag_set(d, 0, "keeper", "no link to the keeper", NULL);
		return MST_FAULT_BUG;
	}
	mst_ec_fast_install();          /* certificates are read and made here, too */
	e->scratch = malloc(MST_ANSWER_MAX);
	e->turn = event_new(u->base, -1, 0, on_turn, e);
	e->rotate_timer = event_new(u->base, -1, 0, on_rotate, e);
	if (!e->scratch || !e->turn || !e->rotate_timer)
		return MST_FAULT_MEMORY;
	event_priority_set(e->turn, 1);
	event_priority_set(e->rotate_timer, 1);
	yield_to_listeners(u);
	r = take_roles(e);
	r = r ? r : mst_store_open(u->conf->store, &e->store, d);
	r = r ? r : engine_rotate_start(e, d);
	r = r ? r : engine_crl_start(e);
	if (r && e->store && d && !d->text[0] && *mst_store_error(e->store))
		mst_diag_set(d, 0, "store", mst_store_error(e->store), NULL);
	engine_life_start(e);
	if (!r)
		event_active(e->turn, EV_TIMEOUT, 1);
	return r;
}

static int engine_reload(struct mst_unit *u, struct mst_diag *d)
{
	struct engine *e = (struct engine *)(void *)u;

	(void)d;
	e->audit_at = 0;
	e->seal_at = 0;
	/* the list of now may be another file, which lacks what the one before had, or was to have */
	if (u->conf->crl.file[0] && !u->m.v[MST_M_STORE_GONE])
		(void)!engine_crl_start(e);
	return take_roles(e);
}

/* The supervisor takes readiness from the gauge; the log has it once. */
static void look_at_store(struct engine *e)
{
	bool gone = mst_store_present(e->store) != 0;

	if (gone && !e->u.m.v[MST_M_STORE_GONE])
		mst_log(&e->u.log, MST_LOG_ERROR, "the store is gone; nothing is decided any more", "why",
			mst_store_error(e->store), NULL);
	if (!gone && e->u.m.v[MST_M_STORE_GONE])
		mst_log(&e->u.log, MST_LOG_INFO, "the store is back", NULL);
	e->u.m.v[MST_M_STORE_GONE] = gone;
}

static void engine_tick(struct mst_unit *u)
{
	struct engine *e = (struct engine *)(void *)u;

	u->m.v[MST_M_QUEUE] = e->queued;
	look_at_store(e);
	fetches_all(e, MST_PROC__COUNT, mst_now_ms(), MST_FETCH_UNREACHABLE, "no answer in time");
	if (u->m.v[MST_M_STORE_GONE])
		return;                  /* told once; the clock's own work waits until it is back */
	engine_tell_untold(e);
	engine_life(e);
	engine_tell_reload(e);
	engine_tell_lost(e);
	engine_crl(e);
	engine_keep_audit(e);
	engine_seal(e);
	engine_rates(e);
	if (!event_pending(e->rotate_timer, EV_TIMEOUT, NULL))
		engine_rotate(e);
}

static void engine_drain(struct mst_unit *u)
{
	finish_drain((struct engine *)(void *)u);
}

static void engine_stop(struct mst_unit *u)
{
	struct engine *e = (struct engine *)(void *)u;
	struct work *w;

	while ((w = dequeue(e)))
		work_free(w);
	while (e->fetches)
		engine_fetch_end(e, e->fetches);
	for (size_t i = 0; i < ENGINE_CLIENTS; i++)
		(void)mst_link_free(e->client[i].l);
	for (mst_role_table t = u->roles; *t; t++)
		if ((*t)->forget && e->role_state[(*t)->role])
			(*t)->forget(e->role_state[(*t)->role]);
	for (size_t i = 0; i < MST_ROLE__COUNT; i++)
		free(e->role_conf[i]);
	if (e->turn)
		event_free(e->turn);
	if (e->rotate_timer)
		event_free(e->rotate_timer);
	if (e->own_keeper)
		e->keeper->ops->close(e->keeper);
	e->call = mst_call_free(e->call);
	if (e->store)
		mst_store_close(e->store);
	free(e->scratch);
	free(e->out);
}

static int engine_attach_first(struct mst_unit *u, const struct mst_link_frame *who, struct mst_link *l,
			       int fd)
{
	struct engine *e = (struct engine *)(void *)u;

	if (!e->tail)
		e->tail = &e->head;
	if (!e->out && !(e->out = malloc(MST_FRAME_MAX)))
		return MST_FAULT_MEMORY;
	return engine_attach(u, who, l, fd);
}

const struct mst_unit_ops mst_engine_unit = {
	.kind = MST_PROC_ENGINE, .size = sizeof(struct engine), .raw_peer = MST_PROC_KEEPER,
	.start = engine_start, .reload = engine_reload, .attach = engine_attach_first, .drain = engine_drain,
	.tick = engine_tick, .reload_failed = engine_reload_failed, .stop = engine_stop,
};
