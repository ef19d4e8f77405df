/*
 * Leaving the provider that the node was with (architecture 4, lesson 4). When a new root credential of another provider, MEF or
 * MAF is about to take the place of the one in use, that one is kept here first, sealed and durable. Only after the new
 * one has been promoted the node de-registers with the old one: at its MEF, in a session with the initial credential, and at
 * its MAF, in a session with the old key. So there is never a moment without a working credential, and a power cut at any
 * point leaves the old one in use or the new one.
 *
 * Who cannot be reached is tried again, ever more seldom, until the old credential has ended by itself. How far it has come
 * is kept with it, so that a start begins nothing anew.
 */
#include "agent/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/heap.h"

#define VERSION 2                    /* 1 had the credentials only */
#define BLOB "leaving"
#define LEAVE_MAX 2                  /* left in a hurry, twice: the older one ends by itself */
#define FIRST_S 60
#define MOST_S 86400
#define BLOB_MAX (2 + LEAVE_MAX * (MST_ROOT_CRED_MAX + 2) + 10)

enum stage { STAGE_NONE, STAGE_MEF, STAGE_MAF };

/* What is durable. */
struct kept {
	struct mst_root_cred c[LEAVE_MAX];   /* c[0] is left first */
	size_t n;
	bool mef_gone, maf_gone;             /* of c[0] */
	unsigned failures;
	mst_time next;                       /* when it is tried again; 0 = now */
};

struct agent_leave {
	struct kept kept;
	mst_ms at;                           /* `next` on the clock that nobody sets */
	enum stage stage;
	union { struct mmef mef; struct mmaf maf; } machine;
	struct mst_client *client;
	struct mst_tls_ctx *tls;
	struct session_pins pins;
	char host[MST_ID_MAX];
};

static void drive(struct agent *a);
static void next_stage(struct agent *a);

static int save(struct agent *a, struct mst_diag *d)
{
	const struct kept *l = &a->leave->kept;
	uint8_t *b = malloc(BLOB_MAX), *one = malloc(MST_ROOT_CRED_MAX);
	struct mst_writer w = mst_writer_of(b, b ? BLOB_MAX : 0);
	int r = b && one ? 0 : MST_FAULT_MEMORY;

	mst_put_u8(&w, VERSION);
	mst_put_u8(&w, (uint8_t)l->n);
	for (size_t i = 0; i < l->n && !r; i++) {
		struct mst_writer cw = mst_writer_of(one, MST_ROOT_CRED_MAX);

		r = mst_root_cred_encode(&l->c[i], &cw);
		if (!r)
			mst_put_block16(&w, mst_written(&cw));
	}
	mst_put_u8(&w, (uint8_t)(l->mef_gone | l->maf_gone << 1));
	mst_put_u8(&w, (uint8_t)(l->failures < UINT8_MAX ? l->failures : UINT8_MAX));
	mst_put_u64(&w, (uint64_t)l->next);
	if (!r)
		r = w.ok ? a->env->ops->store_blob(a->env, BLOB, mst_written(&w), d) : MST_FAULT_BUG;
	if (b)
		mst_wipe(b, BLOB_MAX);
	if (one)
		mst_wipe(one, MST_ROOT_CRED_MAX);
	free(b);
	free(one);
	return r;
}

/* How far it has come; what cannot be written now is done once more after the next start. */
static void save_or_say(struct agent *a)
{
	struct mst_diag d = { 0 };
	int r = save(a, &d);

	if (r)
		agent_log(a, AGENT_WARN, "leaving-not-saved", "why", agent_why(&d, r), NULL);
}

static void drop(struct kept *l, size_t i)
{
	if (i == 0) {
		l->c[0] = l->c[1];
		l->mef_gone = l->maf_gone = false;
		l->failures = 0;
		l->next = 0;
	}
	mst_root_cred_wipe(&l->c[1]);
	l->n--;
}

/* One of the list is done with. */
static void forget(struct agent *a, size_t i, const char *why)
{
	struct agent_leave *l = a->leave;

	agent_log(a, AGENT_INFO, "left", "provider", l->kept.c[i].admin_fqdn, "maf", l->kept.c[i].maf_fqdn, "why", why, NULL);
	drop(&l->kept, i);
	if (i == 0)
		l->at = agent_now();
	save_or_say(a);
	agent_point(a, "left");
}

/* What is kept, but for `in_use`: the power went before the new one was promoted, and the old one is in use still. */
static void read_kept(struct mst_secenv *env, const char *in_use, struct kept *out)
{
	uint8_t *b = malloc(BLOB_MAX), version, count, flags;
	bool same_first = true;              /* what is said of the first is said of that one */
	struct mst_diag d = { 0 };
	struct mst_reader r;
	size_t n = 0;

	if (b && env->ops->load_blob(env, BLOB, b, BLOB_MAX, &n, &d) == 0) {
		r = mst_reader_of((struct mst_view){ b, n });
		version = mst_read_u8(&r);
		count = version >= 1 && version <= VERSION ? mst_read_u8(&r) : 0;
		for (size_t i = 0; i < count && out->n < LEAVE_MAX; i++) {
			struct mst_view v = mst_read_block16(&r);

			out->n += r.ok && mst_root_cred_decode(v, &out->c[out->n]) && strcmp(out->c[out->n].key_id, in_use) != 0;
			same_first = same_first && out->n > 0;
		}
		if (version == VERSION && same_first) {
			flags = mst_read_u8(&r);
			out->mef_gone = r.ok && flags & 1;
			out->maf_gone = r.ok && flags & 2;
			out->failures = mst_read_u8(&r);
			out->next = (mst_time)mst_read_u64(&r);
		}
		mst_wipe(b, BLOB_MAX);
	}
	free(b);
}

/* Not the moment of the start: who comes back every hour would ask a server that is gone every hour. */
static mst_ms due_at(const struct agent *a, mst_time next)
{
	mst_time left = next - agent_utc(a);

	/* a single run is somebody's wish; and a clock that was wrong holds it up for a day at most */
	return agent_now() + (a->once || left < 0 ? 0 : left < MOST_S ? left : MOST_S) * 1000;
}

int leave_load(struct agent *a)
{
	struct agent_leave *l = a->leave = mst_heap_locked(sizeof(*l));

	if (!l)
		return MST_FAULT_MEMORY;
	read_kept(a->env, a->has_active ? a->active.key_id : "", &l->kept);
	l->at = due_at(a, l->kept.next);
	return 0;
}

static bool same_mef(const struct mst_root_cred *a, const struct mst_root_cred *b)
{
	return !strcmp(a->admin_fqdn, b->admin_fqdn) && !strcmp(a->mef_fqdn, b->mef_fqdn);
}

static bool same_maf(const struct mst_root_cred *a, const struct mst_root_cred *b)
{
	return !strcmp(a->admin_fqdn, b->admin_fqdn) && !strcmp(a->maf_fqdn, b->maf_fqdn);
}

/* Is what the pending slot holds from somebody else? */
static bool elsewhere(const struct mst_root_cred *old, const struct mst_root_cred *new)
{
	return !same_mef(old, new) || !same_maf(old, new);
}

int leave_keep(struct agent *a, struct mst_diag *d)
{
	struct kept *l = &a->leave->kept, *before;
	struct mst_key key;
	int r;

	/* with a CSE's key nothing was registered anywhere */
	if (!a->has_active || a->active.suid == MST_SUID_KPSA || !elsewhere(&a->active, &a->pending))
		return 0;
	leave_stop(a);
	if (l->n && !strcmp(l->c[l->n - 1].key_id, a->active.key_id))
		return 0;                /* an earlier promotion failed */
	before = mst_heap_locked(sizeof(*before));
	if (!before)
		return MST_FAULT_MEMORY;
	r = inside_root_key(a, &a->active, &key, d);
	if (r) {
		free(before);
		return r;
	}
	*before = *l;
	if (l->n == LEAVE_MAX)
		drop(l, 0);
	l->c[l->n] = a->active;
	l->c[l->n++].key = key;
	mst_key_wipe(&key);
	l->next = 0;
	r = save(a, d);
	if (r)
		*l = *before;
	else
		a->leave->at = agent_now();
	mst_wipe(before, sizeof(*before));
	free(before);
	if (!r)
		agent_point(a, "leaving-kept");
	return r;
}

const char *leave_attempt(const struct agent *a, size_t i)
{
	return a->leave && i < a->leave->kept.n ? a->leave->kept.c[i].attempt : NULL;
}

void leave_stop(struct agent *a)
{
	struct agent_leave *l = a->leave;

	if (!l || l->stage == STAGE_NONE)
		return;
	l->client = mst_client_free(l->client);
	l->tls = mst_tls_ctx_free(l->tls);
	mst_wipe(&l->machine, sizeof(l->machine));
	l->stage = STAGE_NONE;
}

void leave_close(struct agent *a)
{
	leave_stop(a);
	if (a->leave)
		mst_wipe(a->leave, sizeof(*a->leave));
	free(a->leave);
	a->leave = NULL;
}

/* Both were tried. */
static void round_ended(struct agent *a)
{
	struct agent_leave *l = a->leave;
	int64_t wait = FIRST_S;

	if (l->kept.mef_gone && l->kept.maf_gone) {
		forget(a, 0, "de-registered");
		return;
	}
	for (unsigned i = 0; i < l->kept.failures && wait < MOST_S; i++)
		wait *= 2;
	l->kept.failures++;
	wait = wait < MOST_S ? wait : MOST_S;
	l->at = agent_now() + wait * 500 + (mst_ms)((uint64_t)(wait * 500) * agent_random(a) >> 32);
	l->kept.next = agent_utc(a) + (l->at - agent_now()) / 1000;
	save_or_say(a);
}

static void stage_ended(struct agent *a)
{
	struct agent_leave *l = a->leave;
	enum stage was = l->stage;
	bool done = was == STAGE_MEF ? mmef_state(&l->machine.mef) == MMEF_DONE : mmaf_state(&l->machine.maf) == MMAF_DONE;
	struct mst_failure f = was == STAGE_MEF ? *mmef_failure(&l->machine.mef) : *mmaf_failure(&l->machine.maf);

	leave_stop(a);
	/* told in an authenticated session that we may not: it is over there already */
	if (f.rsc == MST_RSC_NO_PRIVILEGE)
		done = true;
	/* the MEF's word, and a MAF that does not take the key any more */
	if (was == STAGE_MAF && l->kept.mef_gone && f.reason == PROV_NOT_AUTHENTICATED)
		done = true;
	if (was == STAGE_MEF)
		l->kept.mef_gone = done;
	else
		l->kept.maf_gone = done;
	agent_log(a, done ? AGENT_INFO : AGENT_WARN, "leaving", "at", was == STAGE_MEF ? "mef" : "maf", "provider",
		  l->kept.c[0].admin_fqdn, "result", done ? "gone" : prov_reason_text(f.reason), "detail", done ? "" : f.detail, NULL);
	if (done)
		save_or_say(a);          /* it is asked no more */
	if (done)
		agent_point(a, was == STAGE_MEF ? "left-mef" : "left-maf");
	if (was == STAGE_MEF)
		next_stage(a);
	else
		round_ended(a);
}

static void lost(struct agent *a, enum prov_reason r, const char *text)
{
	if (a->leave->stage == STAGE_MEF)
		mmef_lost(&a->leave->machine.mef, r, text, agent_now(), agent_utc(a));
	else
		mmaf_lost(&a->leave->machine.maf, r, text, agent_now(), agent_utc(a));
}

static void send_one(struct agent *a, const struct mst_request *q)
{
	struct agent_leave *l = a->leave;

	if (!session_send(l->client, q, l->host))
		lost(a, PROV_INTERNAL, "the request could not be sent");
	else if (l->stage == STAGE_MEF)
		mmef_sent(&l->machine.mef);
	else
		mmaf_sent(&l->machine.maf);
}

/* True when the stage has ended. */
static bool drive_mef(struct agent *a)
{
	const struct mst_request *q = NULL;

	switch (mmef_want(&a->leave->machine.mef, &q)) {
	case MMEF_WANT_SEND: send_one(a, q); break;
	case MMEF_WANT_NOTHING: return true;
	case MMEF_WANT_SESSION:
	case MMEF_WANT_ANSWER:
	case MMEF_WANT_EXECUTE: break;
	}
	return mmef_state(&a->leave->machine.mef) == MMEF_FAILED;
}

static bool drive_maf(struct agent *a)
{
	const struct mst_request *q = NULL;

	switch (mmaf_want(&a->leave->machine.maf, &q)) {
	case MMAF_WANT_SEND: send_one(a, q); break;
	case MMAF_WANT_NOTHING: return true;
	case MMAF_WANT_SESSION:
	case MMAF_WANT_ANSWER: break;
	}
	return mmaf_state(&a->leave->machine.maf) == MMAF_FAILED;
}

static void drive(struct agent *a)
{
	if (a->leave->stage == STAGE_MEF ? drive_mef(a) : a->leave->stage == STAGE_MAF && drive_maf(a))
		stage_ended(a);
}

static void on_open(void *owner, struct mst_client *c)
{
	struct agent *a = owner;

	(void)c;
	if (a->leave->stage == STAGE_MEF)
		mmef_opened(&a->leave->machine.mef, NULL, NULL, agent_now(), agent_utc(a));
	else
		mmaf_opened(&a->leave->machine.maf, agent_now(), agent_utc(a));
	drive(a);
	agent_turn(a);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct agent *a = owner;
	struct mst_response answer;
	struct mst_diag d = { 0 };
	bool good = session_answer(m, &answer, &d) == 0;

	(void)c;
	if (a->leave->stage == STAGE_MEF && good)
		mmef_feed(&a->leave->machine.mef, &answer, agent_now(), agent_utc(a));
	else if (good)
		mmaf_feed(&a->leave->machine.maf, &answer, agent_now(), agent_utc(a));
	else
		lost(a, PROV_MALFORMED, d.text);
	drive(a);
	agent_turn(a);
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct agent *a = owner;
	char text[MST_DIALOG_DETAIL];

	(void)c;
	session_detail(text, sizeof(text), why, detail);
	lost(a, session_reason(why), text);
	drive(a);
	agent_turn(a);
}

static const struct mst_client_ops leave_ops = { on_open, on_response, on_end };

static bool open_mef(struct agent *a)
{
	struct agent_leave *l = a->leave;
	const struct mst_root_cred *c = &l->kept.c[0];
	char from[MST_ID_MAX] = "";
	struct mmef_config mc = { .job = MMEF_JOB_LEAVE, .from = a->from, .attempt = c->attempt, .reg_id = c->mef_reg_id,
				  .answer_ms = a->cfg.answer_timeout * 1000 };
	struct enrolee_peer mef;
	struct mst_diag d = { 0 };

	if (!agent_bootstrap_methods(a) || origin_open(a, c, false, &mef, &l->tls, &l->pins, &d))
		return false;
	memcpy(l->host, mef.host, sizeof(l->host));
	mc.mef_fqdn = l->host;
	mc.base = mef.path[0] ? mef.path : "/MEFBase";
	if (!a->from[0] && enrolee_maf_from(c, from))
		mc.from = from;
	return mmef_init(&l->machine.mef, &mc, &d) &&
	       session_open_mef(a, a, &mef, l->tls, &l->pins, &leave_ops, &l->client) == 0;
}

static bool open_maf(struct agent *a)
{
	struct agent_leave *l = a->leave;
	const struct mst_root_cred *c = &l->kept.c[0];
	char from[MST_ID_MAX] = "";
	struct mmaf_config mc = { .job = MMAF_JOB_LEAVE, .maf_fqdn = c->maf_fqdn, .from = from, .attempt = c->attempt,
				  .reg_id = c->maf_reg_id, .btid = mst_is_naf_key(c) ? c->key_id : NULL, .answer_ms = a->cfg.answer_timeout * 1000 };
	struct enrolee_peer maf;
	struct mst_diag d = { 0 };

	if (!enrolee_peer_of(mst_view_str(c->maf_uri), &maf) || !enrolee_maf_from(c, from))
		return false;
	mc.base = maf.path[0] ? maf.path : "/MAFBase";
	memcpy(l->host, maf.host, sizeof(l->host));
	return mmaf_init(&l->machine.maf, &mc, &d) &&
	       session_open_maf(a, a, &maf, c, &leave_ops, &l->client) == 0;
}

/* From the MEF on to the MAF; what is gone already, or cannot be begun, is passed over. */
static void next_stage(struct agent *a)
{
	struct agent_leave *l = a->leave;

	if (!l->kept.maf_gone) {
		l->stage = STAGE_MAF;
		if (open_maf(a))
			return;
		leave_stop(a);
	}
	round_ended(a);
}

bool leave_due(const struct agent *a)
{
	return a->leave && a->leave->kept.n && a->leave->stage == STAGE_NONE && agent_now() >= a->leave->at;
}

bool leave_running(const struct agent *a)
{
	return a->leave && a->leave->stage != STAGE_NONE;
}

/*
 * A node that has come back gives nothing back: a MEF answers whom it knows with the registration that it has (TS-0003 8.3.5.2), so that
 * the one that was to be given back is the one in use.
 */
static void forget_where_it_is(struct agent *a)
{
	struct kept *k = &a->leave->kept;

	for (size_t i = k->n; i-- > 0;)
		if (same_mef(&k->c[i], &a->active) && same_maf(&k->c[i], &a->active))
			forget(a, i, "the node is back there");
}

void leave_start(struct agent *a)
{
	struct agent_leave *l = a->leave;

	if (!l || l->stage != STAGE_NONE)
		return;
	forget_where_it_is(a);
	if (!leave_due(a))
		return;
	if (l->kept.c[0].not_after <= agent_utc(a)) {
		forget(a, 0, "it has ended by itself");
		return;
	}
	/* who came by GBA has no key with a MEF that it could come with again: there is nothing to give back (a BSF's session ends by itself) */
	if (l->kept.c[0].method == MST_METHOD_GBA)
		l->kept.mef_gone = true;
	/* one of the two is the same still, or again */
	l->kept.mef_gone = l->kept.mef_gone || same_mef(&l->kept.c[0], &a->active);
	l->kept.maf_gone = l->kept.maf_gone || same_maf(&l->kept.c[0], &a->active);
	if (!l->kept.mef_gone) {
		l->stage = STAGE_MEF;
		if (open_mef(a))
			return;
		leave_stop(a);
	}
	next_stage(a);
}

mst_ms leave_deadline(const struct agent *a)
{
	const struct agent_leave *l = a->leave;

	if (!l || !l->kept.n)
		return MST_NEVER;
	return l->stage == STAGE_MEF ? mmef_deadline(&l->machine.mef) : l->stage == STAGE_MAF ? mmaf_deadline(&l->machine.maf) : l->at;
}

void leave_tick(struct agent *a)
{
	struct agent_leave *l = a->leave;

	if (!leave_running(a) || agent_now() < leave_deadline(a))
		return;
	if (l->stage == STAGE_MEF)
		mmef_tick(&l->machine.mef, agent_now(), agent_utc(a));
	else
		mmaf_tick(&l->machine.maf, agent_now(), agent_utc(a));
	drive(a);
}

void leave_print(FILE *out, const json_t *list)
{
	size_t i;
	json_t *one;

	json_array_foreach((json_t *)list, i, one)
		fprintf(out, "leaving       %s (key until %s)\n", json_string_value(json_object_get(one, "adminFQDN")),
			json_string_value(json_object_get(one, "notAfter")));
}

json_t *leave_status(struct mst_secenv *env, const char *in_use)
{
	struct kept *k = mst_heap_locked(sizeof(*k));
	json_t *list = json_array();

	if (!k)
		return list;
	read_kept(env, in_use, k);
	for (size_t i = 0; i < k->n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "adminFQDN", k->c[i].admin_fqdn, "mafFQDN", k->c[i].maf_fqdn,
						      "keyID", k->c[i].key_id, "notAfter", status_time(k->c[i].not_after)));
	mst_wipe(k, sizeof(*k));
	free(k);
	return list;
}
