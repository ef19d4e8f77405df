/*
 * Reports to the briefing nodes that gave the instructions of a run: after each of these that failed, and once at the
 * run's end. Best effort: nothing waits for a report but the end of `run --once`, and that for seconds. A report
 * says all that there is to say so far, so one that was lost is made good by the next.
 *
 * A briefing node hears of what it gave, nothing else: the failures of its own instructions, and the target only when
 * one of these succeeded. What a discovery that it named brought to light counts as its own, unless that was another
 * briefing node's word.
 *
 * Blob "briefings", so that a power cut does not lose the last report: u8 1, block16 attempt, u8 count, { block16 id,
 * block16 the instruction as a sequence of one }. Emptied when the run's end has been told.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "agent/briefing.h"
#include "proto/briefing/briefing.h"

#define BLOB "briefings"
#define TOLD_MAX 6
#define ONE_OCTETS 9216              /* an instruction with all the anchors that it may have */
#define BLOB_OCTETS (TOLD_MAX * (ONE_OCTETS + 80) + 64)
#define TELL_MS 5000                 /* to open, and to answer */

struct told {
	char id[65];
	uint8_t one[ONE_OCTETS];
	size_t one_n;
	bool owed;
};

struct agent_tell {
	struct agent *a;
	char attempt[40];
	struct told told[TOLD_MAX];
	size_t n;
	/* how far the engine had come when it was looked at last */
	char seen[40];               /* its attempt */
	unsigned runs;
	size_t reports;
	bool ended, final_owed;
	/* the report under way */
	bool busy;
	size_t at;
	struct briefing b;
	struct brief_session session;
	struct event *timer;
	struct mst_sequence sequence;
	uint8_t scratch[MST_SEQ_OCTETS], blob[BLOB_OCTETS];
	struct facts_text text[MST_BRIEF_FAILURES_MAX];
};

_Static_assert(BLOB_OCTETS <= PROV_BLOB_MAX, "fits the secure environment");

static void save(struct agent_tell *t)
{
	struct mst_writer w = mst_writer_of(t->blob, sizeof(t->blob));
	struct mst_diag d = { 0 };
	int r;

	if (t->n) {
		mst_put_u8(&w, 1);
		mst_put_block16(&w, mst_view_str(t->attempt));
		mst_put_u8(&w, (uint8_t)t->n);
	}
	for (size_t i = 0; i < t->n; i++) {
		mst_put_block16(&w, mst_view_str(t->told[i].id));
		mst_put_block16(&w, (struct mst_view){ t->told[i].one, t->told[i].one_n });
	}
	r = w.ok ? t->a->env->ops->store_blob(t->a->env, BLOB, mst_written(&w), &d) : MST_FAULT_BUG;
	if (r)
		agent_log(t->a, AGENT_WARN, "briefings-not-kept", "why", agent_why(&d, r), NULL);
}

static void load(struct agent_tell *t)
{
	struct mst_diag d = { 0 };
	struct mst_reader r;
	size_t n = 0, count;

	if (t->a->env->ops->load_blob(t->a->env, BLOB, t->blob, sizeof(t->blob), &n, &d) != 0 || !n)
		return;
	r = mst_reader_of((struct mst_view){ t->blob, n });
	if (mst_read_u8(&r) != 1 || !mst_view_to_str(mst_read_block16(&r), t->attempt, sizeof(t->attempt)))
		return;
	count = mst_read_u8(&r);
	for (size_t i = 0; r.ok && i < count && i < TOLD_MAX; i++) {
		struct mst_view id = mst_read_block16(&r), one = mst_read_block16(&r);

		if (!r.ok || !mst_view_to_str(id, t->told[i].id, sizeof(t->told[i].id)) || one.n > ONE_OCTETS)
			break;
		memcpy(t->told[i].one, one.p, one.n);
		t->told[i].one_n = one.n;
		t->n = i + 1;
	}
	/* Had the end been told, nothing would lie here. */
	t->final_owed = t->n > 0;
}

/* ---- whose instructions were these? ----------------------------------------------------------------- */

struct owners { int at[PROV_DEPTH_MAX + 2]; size_t briefings; };

/* Walks the run's reports in order; `o->at[depth]` is who gave the instructions of that depth, or -1. */
static void owners_begin(struct owners *o)
{
	for (size_t i = 0; i < MST_COUNT(o->at); i++)
		o->at[i] = -1;
	o->briefings = 0;
}

static int owner_of(const struct owners *o, const struct prov_report *r)
{
	return r->depth < MST_COUNT(o->at) ? o->at[r->depth] : -1;
}

static void owners_pass(struct owners *o, const struct prov_report *r)
{
	if (r->kind != MST_INSTR_DISCOVERY || r->reason != PROV_OK || r->depth + 1u >= MST_COUNT(o->at))
		return;
	o->at[r->depth + 1] = r->method == MST_METHOD_BBN ? (int)o->briefings++ : o->at[r->depth];
}

void tell_briefed(struct agent *a, const struct mst_instruction *i, const char *id)
{
	struct agent_tell *t = a->tell;
	const struct prov_report *r;
	size_t n = prov_reports(a->prov, &r);
	struct mst_writer w;
	struct owners o;
	struct told *x;

	owners_begin(&o);
	for (size_t k = 0; k < n; k++)
		owners_pass(&o, &r[k]);
	if (!i || o.briefings >= TOLD_MAX || prov_reports_lost(a->prov))
		return;
	/* What lies from here on is of an earlier run, or of before a power cut. */
	x = &t->told[o.briefings];
	memset(x, 0, sizeof(*x));
	t->n = o.briefings + 1;
	snprintf(t->attempt, sizeof(t->attempt), "%s", prov_attempt(a->prov));
	snprintf(x->id, sizeof(x->id), "%s", id);
	t->sequence = (struct mst_sequence){ .has = 1u << MST_SQ_VERSION | 1u << MST_SQ_INSTRUCTIONS, .version = 1,
					     .n_instructions = 1, .instructions = { *i } };
	w = mst_writer_of(x->one, sizeof(x->one));
	mst_sequence_write_cbor(&t->sequence, &w);
	x->one_n = w.ok ? w.n : 0;
	save(t);
}

/* ---- one report ------------------------------------------------------------------------------------- */

static void pump(struct agent_tell *t);

static void rest(struct agent_tell *t)
{
	brief_session_close(&t->session);
	event_del(t->timer);
	t->busy = false;
}

static bool anything_owed(const struct agent_tell *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->told[i].owed)
			return true;
	return false;
}

static void over(struct agent_tell *t)
{
	struct agent *a = t->a;
	const struct mst_failure *f = briefing_failure(&t->b);
	bool done = briefing_state(&t->b) == BRIEFING_DONE;

	if (done)
		record_arrow(a, t->attempt, "bbn.report", t->b.host);
	if (done)
		agent_log(a, AGENT_INFO, "briefing-told", "at", t->b.host, "briefing", t->told[t->at].id, "attempt", t->attempt, NULL);
	else
		agent_log(a, AGENT_WARN, "briefing-not-told", "at", t->b.host, "reason", prov_reason_text(f->reason), "detail",
			  f->detail, "attempt", t->attempt, NULL);
	rest(t);
	if (done)
		agent_point(a, "briefing-reported");
	pump(t);
	agent_turn(a);
}

static void go_on(struct agent_tell *t)
{
	struct timeval tv;
	mst_ms left;

	if (briefing_want(&t->b) == BRIEFING_WANT_SEND) {
		if (brief_session_send(&t->session, &t->b))
			briefing_sent(&t->b);
		else
			briefing_lost(&t->b, PROV_INTERNAL, "the report could not be sent", agent_now());
	}
	if (briefing_want(&t->b) == BRIEFING_WANT_NOTHING) {
		over(t);
		return;
	}
	left = briefing_deadline(&t->b) - agent_now();
	left = left > 0 ? left : 0;
	tv = (struct timeval){ .tv_sec = left / 1000, .tv_usec = (left % 1000) * 1000 };
	evtimer_add(t->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct agent_tell *t = arg;

	(void)fd;
	(void)what;
	briefing_tick(&t->b, agent_now());
	go_on(t);
}

static void on_open(void *owner, const struct mst_peer *peer)
{
	struct agent_tell *t = owner;

	(void)peer;
	briefing_opened(&t->b, agent_now());
	go_on(t);
}

static void on_response(void *owner, const struct mst_http_msg *m)
{
	struct agent_tell *t = owner;

	briefing_feed(&t->b, m, agent_now());
	go_on(t);
}

static void on_end(void *owner, enum mst_tls_end why, const char *detail)
{
	char text[MST_DIALOG_DETAIL];
	struct agent_tell *t = owner;

	session_detail(text, sizeof(text), why, detail);
	briefing_lost(&t->b, session_reason(why), text, agent_now());
	go_on(t);
}

static const struct brief_session_ops ops = { on_open, on_response, on_end };

/* The failures of this briefing's instructions, out of the record, which knows the steps as well. */
static uint16_t failures(struct agent_tell *t, struct mst_brief_report *q, bool *ret_its_success)
{
	struct agent *a = t->a;
	const json_t *all = json_object_get(a->record, "reports");
	json_t *its = json_array();
	const struct prov_report *r;
	size_t n = prov_reports(a->prov, &r), found;
	struct owners o;

	owners_begin(&o);
	for (size_t k = 0; k < n; k++) {
		if (owner_of(&o, &r[k]) == (int)t->at) {
			json_array_append(its, json_array_get(all, k));
			*ret_its_success |= r[k].kind == MST_INSTR_BOOTSTRAP && r[k].reason == PROV_OK;
		}
		owners_pass(&o, &r[k]);
	}
	found = facts_failures(its, t->text, MST_COUNT(t->text), q->failures, MST_BRIEF_FAILURES_MAX);
	json_decref(its);
	return (uint16_t)found;
}

static bool begin(struct agent_tell *t, struct mst_diag *d)
{
	struct agent *a = t->a;
	struct told *x = &t->told[t->at];
	struct mst_arena arena = mst_arena_of(t->scratch, sizeof(t->scratch));
	struct mst_brief_report q = {
		.has = 1u << MST_BR_VERSION | 1u << MST_BR_ATTEMPT | 1u << MST_BR_DONE | 1u << MST_BR_ENROLLED, .version = 1,
		.attempt = mst_view_str(t->attempt), .done = t->ended, .enrolled = t->ended && prov_state(a->prov) == PROV_ENROLLED,
	};
	struct briefing_config c = { .cbor = a->cfg.briefing_format == AGENT_BRIEF_CBOR, .open_ms = TELL_MS, .answer_ms = TELL_MS };
	bool its_success = false;

	record_take(a);
	q.n_failures = failures(t, &q, &its_success);
	if (q.n_failures)
		q.has |= 1u << MST_BR_FAILURES;
	if (q.enrolled && its_success && agent_target(&a->active)[0]) {
		q.has |= 1u << MST_BR_TARGET;
		q.target = mst_view_str(agent_target(&a->active));
	}
	if (!x->one_n || mst_sequence_read_cbor((struct mst_view){ x->one, x->one_n }, &arena, &t->sequence, d))
		return false;
	c.uri = t->sequence.instructions[0].uri;
	return briefing_report(&t->b, &c, x->id, &q, agent_now(), d) &&
	       brief_session_open(a, &t->sequence.instructions[0], &t->b, TELL_MS, TELL_MS, &ops, t, &t->session, d) == 0;
}

/* The next report that is owed; when there is none and the run's end was told, nothing is kept for later. */
static void pump(struct agent_tell *t)
{
	struct mst_diag d = { 0 };

	while (!t->busy && anything_owed(t)) {
		t->at = 0;
		while (!t->told[t->at].owed)
			t->at++;
		t->told[t->at].owed = false;
		t->busy = begin(t, &d);
		if (t->busy)
			evtimer_add(t->timer, &(struct timeval){ .tv_sec = TELL_MS / 1000 });
		else
			agent_log(t->a, AGENT_WARN, "briefing-not-told", "briefing", t->told[t->at].id, "reason", d.text, NULL);
	}
	if (!t->busy && t->final_owed && t->ended) {
		t->final_owed = false;
		t->n = 0;
		save(t);
	}
}

/* ---- following the engine --------------------------------------------------------------------------- */

static void forget(struct agent_tell *t)
{
	if (t->busy)
		rest(t);
	t->n = 0;
	t->final_owed = false;
}

static void look(struct agent_tell *t)
{
	struct agent *a = t->a;
	const struct prov_report *r;
	size_t n = prov_reports(a->prov, &r);
	enum prov_state s = prov_state(a->prov);
	bool ended = s == PROV_ENROLLED || s == PROV_WAITING, new_run = t->runs != prov_runs(a->prov) || strcmp(t->seen, prov_attempt(a->prov));
	struct owners o;

	if (new_run) {
		snprintf(t->seen, sizeof(t->seen), "%s", prov_attempt(a->prov));
		t->runs = prov_runs(a->prov);
		t->reports = 0;
		t->ended = false;
	}
	owners_begin(&o);
	for (size_t k = 0; k < n; k++) {
		int owner = owner_of(&o, &r[k]);

		if (k >= t->reports && owner >= 0 && (size_t)owner < t->n && r[k].reason != PROV_OK)
			t->told[owner].owed = true;
		owners_pass(&o, &r[k]);
	}
	t->reports = n;
	if (!ended || t->ended)
		return;
	t->ended = true;
	/* Those of an earlier run stand behind; this run had nothing of them. */
	if (t->n > o.briefings)
		t->n = o.briefings;
	for (size_t k = 0; k < t->n; k++)
		t->told[k].owed = true;
	t->final_owed = t->final_owed || t->n > 0;
}

void tell_follow(struct agent *a)
{
	struct agent_tell *t = a->tell;

	if (!t || !prov_attempt(a->prov)[0])
		return;
	/* A trigger began something else: what was before is nobody's business any more. */
	if (t->attempt[0] && strcmp(t->attempt, prov_attempt(a->prov))) {
		forget(t);
		t->attempt[0] = '\0';
	}
	look(t);
	pump(t);
}

bool tell_busy(const struct agent *a)
{
	return a->tell && (a->tell->busy || anything_owed(a->tell));
}

int tell_open(struct agent *a)
{
	struct agent_tell *t = calloc(1, sizeof(*t));

	if (!t)
		return MST_FAULT_MEMORY;
	t->a = a;
	t->timer = evtimer_new(a->base, on_timer, t);
	a->tell = t;
	if (!t->timer)
		return MST_FAULT_MEMORY;
	load(t);
	return 0;
}

void tell_close(struct agent *a)
{
	struct agent_tell *t = a->tell;

	a->tell = NULL;
	if (!t)
		return;
	brief_session_close(&t->session);
	if (t->timer)
		event_free(t->timer);
	free(t);
}
