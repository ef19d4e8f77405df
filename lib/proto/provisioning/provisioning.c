#include <string.h>

#include "base/text.h"
#include "proto/provisioning/provisioning-state.h"

_Static_assert(_Alignof(struct prov) <= _Alignof(max_align_t), "storage of prov_init");

/* ---- handlers: one event each; they return the next state ---------------------------------------- */

static bool attempt_good(const char *id)
{
	uint8_t octets[PROV_ATTEMPT / 2];
	size_t n;

	return id && mst_hex_decode(mst_view_str(id), octets, sizeof(octets), &n) && n == sizeof(octets);
}

static int on_trigger(struct prov *p, struct prov_input *in)
{
	enum prov_reason r;

	if (!attempt_good(in->attempt)) {
		mst_diag_set(in->d, 0, "attempt", "not an attempt id: 32 hex digits", NULL);
		return -PROV_MALFORMED;
	}
	r = prov_try_sequence(p, in->octets, in->utc, in->d);
	if (r)
		return -(int)r;
	prov_forget(p);
	memcpy(p->attempt, in->attempt, PROV_ATTEMPT);
	/* it was decoded a moment ago; should it fail all the same, the run has nothing to try */
	r = prov_load_level(p, 0, in->octets, in->d);
	if (r)
		prov_report_run(p, PROV_INTERNAL, "a sequence changed while it was read", in->utc);
	return prov_start_run(p, in);
}

static int on_resume(struct prov *p, struct prov_input *in)
{
	enum prov_state s = PROV_IDLE;

	if (!prov_progress_read(p, in->octets, &s, in->d)) {
		prov_forget(p);
		return -PROV_MALFORMED;
	}
	switch (s) {
	case PROV_WAITING:
		p->wait_ms = prov_wait_left(p, in->utc, in->rnd);
		return PROV_WAITING;
	case PROV_ENROLLED:
		return PROV_ENROLLED;
	case PROV_IDLE:
	case PROV_SAVING:
	case PROV_DISCOVERING:
	case PROV_BOOTSTRAPPING:
	case PROV_STATE__COUNT:
		break;
	}
	/* the instruction at work starts again, judged anew: the device or the date may have changed */
	return prov_next(p, in);
}

static int on_saved(struct prov *p, struct prov_input *in)
{
	(void)in;
	return (int)p->after_save;
}

/*
 * No effect without durable progress. What needs none goes on: the wait, and being enrolled: the
 * credential itself is safe in its slot, and after a power cut the last instruction is only confirmed again.
 */
static int not_saved(struct prov *p, struct prov_input *in, const char *why)
{
	prov_report_run(p, PROV_STORAGE, why, in->utc);
	if (p->after_save == PROV_ENROLLED)
		return PROV_ENROLLED;
	(void)prov_end_run(p, in);
	return PROV_WAITING;
}

static int on_save_failed(struct prov *p, struct prov_input *in)
{
	return not_saved(p, in, "progress could not be made durable");
}

static int on_save_timeout(struct prov *p, struct prov_input *in)
{
	return not_saved(p, in, "progress was not made durable in time");
}

static int on_discovered(struct prov *p, struct prov_input *in)
{
	return prov_enter_sequence(p, in);
}

static int on_succeeded(struct prov *p, struct prov_input *in)
{
	prov_report_current(p, PROV_OK, "", in->utc);
	p->depth = 0;
	p->level[0].index = 0;
	p->after_save = PROV_ENROLLED;
	return PROV_SAVING;
}

static int instruction_failed(struct prov *p, struct prov_input *in, enum prov_reason r, const char *detail)
{
	prov_report_current(p, r, detail, in->utc);
	p->level[p->depth].index++;
	return prov_next(p, in);
}

static int on_failed(struct prov *p, struct prov_input *in)
{
	enum prov_reason r = in->reason;
	int64_t s = in->retry_after < PROV_RETRY_AFTER_MAX ? in->retry_after : PROV_RETRY_AFTER_MAX;

	if (s > (int64_t)p->retry_after)
		p->retry_after = (uint32_t)s;
	if (r <= PROV_OK || r >= PROV_REASON__COUNT)
		r = PROV_INTERNAL;       /* a failure that is none */
	return instruction_failed(p, in, r, in->detail);
}

static int on_deadline(struct prov *p, struct prov_input *in)
{
	return instruction_failed(p, in, PROV_TIMEOUT, "no outcome before the deadline");
}

static int on_wait_over(struct prov *p, struct prov_input *in)
{
	return prov_start_run(p, in);
}

/* The run that follows is an attempt of its own, so that the events of the two can be told apart. */
static int on_credential_lost(struct prov *p, struct prov_input *in)
{
	struct mst_writer w = mst_writer_of(p->attempt + PROV_ATTEMPT - 8, 8);
	uint8_t r[4] = { (uint8_t)(in->rnd >> 24), (uint8_t)(in->rnd >> 16), (uint8_t)(in->rnd >> 8),
			 (uint8_t)in->rnd };

	mst_put_hex(&w, (struct mst_view){ r, sizeof(r) });
	mst_ascii_lower(p->attempt + PROV_ATTEMPT - 8);
	p->runs = 0;
	return prov_start_run(p, in);
}

/* ---- the table ----------------------------------------------------------------------------------- */

#define S(state) (1u << PROV_##state)
#define DO(fn, to, why) { fn, to, why }
#define NO(why) { NULL, 0, why }

#define NEW_RUN  DO(on_trigger, S(SAVING), "a trigger replaces whatever runs and starts at once")
#define RUNNING  NO("refused: resuming is for an engine that has nothing yet")
#define NO_SAVE  NO("late: no save is wanted")
#define NO_DISC  NO("late: no discovery is wanted")
#define NO_BOOT  NO("late: no bootstrap is wanted")
#define NO_WORK  NO("late: no instruction runs")
#define NOT_IN   NO("not enrolled, so there is no credential to lose")

static const struct prov_cell table[PROV_STATE__COUNT][PROV_EVENT__COUNT] = {
	[PROV_IDLE] = {
		[PROV_EV_TRIGGER] = NEW_RUN,
		[PROV_EV_RESUME] = DO(on_resume, S(SAVING) | S(WAITING) | S(ENROLLED),
		                      "go on where the power went; a corrupt blob changes nothing"),
		[PROV_EV_SAVED] = NO_SAVE,
		[PROV_EV_SAVE_FAILED] = NO_SAVE,
		[PROV_EV_DISCOVERED] = NO_DISC,
		[PROV_EV_SUCCEEDED] = NO_BOOT,
		[PROV_EV_FAILED] = NO_WORK,
		[PROV_EV_TIMER] = NO("there is no deadline"),
		[PROV_EV_CREDENTIAL_LOST] = NOT_IN,
	},
	[PROV_SAVING] = {
		[PROV_EV_TRIGGER] = NEW_RUN,
		[PROV_EV_RESUME] = RUNNING,
		[PROV_EV_SAVED] = DO(on_saved, S(DISCOVERING) | S(BOOTSTRAPPING) | S(WAITING) | S(ENROLLED),
		                     "progress is durable: now the effect"),
		[PROV_EV_SAVE_FAILED] = DO(on_save_failed, S(WAITING) | S(ENROLLED),
		                           "no effect without durable progress; the run starts over later"),
		[PROV_EV_DISCOVERED] = NO_DISC,
		[PROV_EV_SUCCEEDED] = NO_BOOT,
		[PROV_EV_FAILED] = NO_WORK,
		[PROV_EV_TIMER] = DO(on_save_timeout, S(WAITING) | S(ENROLLED),
		                     "a save that takes too long has failed"),
		[PROV_EV_CREDENTIAL_LOST] = NOT_IN,
	},
	[PROV_DISCOVERING] = {
		[PROV_EV_TRIGGER] = NEW_RUN,
		[PROV_EV_RESUME] = RUNNING,
		[PROV_EV_SAVED] = NO_SAVE,
		[PROV_EV_SAVE_FAILED] = NO_SAVE,
		[PROV_EV_DISCOVERED] = DO(on_discovered, S(SAVING),
		                          "the sequence runs in place; a bad one is a failed discovery"),
		[PROV_EV_SUCCEEDED] = NO_BOOT,
		[PROV_EV_FAILED] = DO(on_failed, S(SAVING), "the reason is kept; next one, or the wait"),
		[PROV_EV_TIMER] = DO(on_deadline, S(SAVING), "timeout: as failed"),
		[PROV_EV_CREDENTIAL_LOST] = NOT_IN,
	},
	[PROV_BOOTSTRAPPING] = {
		[PROV_EV_TRIGGER] = NEW_RUN,
		[PROV_EV_RESUME] = RUNNING,
		[PROV_EV_SAVED] = NO_SAVE,
		[PROV_EV_SAVE_FAILED] = NO_SAVE,
		[PROV_EV_DISCOVERED] = NO_DISC,
		[PROV_EV_SUCCEEDED] = DO(on_succeeded, S(SAVING), "the first success ends everything"),
		[PROV_EV_FAILED] = DO(on_failed, S(SAVING), "the reason is kept; next one, or the wait"),
		[PROV_EV_TIMER] = DO(on_deadline, S(SAVING), "timeout: as failed"),
		[PROV_EV_CREDENTIAL_LOST] = NOT_IN,
	},
	[PROV_WAITING] = {
		[PROV_EV_TRIGGER] = NEW_RUN,
		[PROV_EV_RESUME] = RUNNING,
		[PROV_EV_SAVED] = NO_SAVE,
		[PROV_EV_SAVE_FAILED] = NO_SAVE,
		[PROV_EV_DISCOVERED] = NO_DISC,
		[PROV_EV_SUCCEEDED] = NO_BOOT,
		[PROV_EV_FAILED] = NO_WORK,
		[PROV_EV_TIMER] = DO(on_wait_over, S(SAVING), "the trigger's sequence from its beginning"),
		[PROV_EV_CREDENTIAL_LOST] = NOT_IN,
	},
	[PROV_ENROLLED] = {
		[PROV_EV_TRIGGER] = NEW_RUN,
		[PROV_EV_RESUME] = RUNNING,
		[PROV_EV_SAVED] = NO_SAVE,
		[PROV_EV_SAVE_FAILED] = NO_SAVE,
		[PROV_EV_DISCOVERED] = NO_DISC,
		[PROV_EV_SUCCEEDED] = NO_BOOT,
		[PROV_EV_FAILED] = NO_WORK,
		[PROV_EV_TIMER] = NO("there is no deadline"),
		[PROV_EV_CREDENTIAL_LOST] = DO(on_credential_lost, S(SAVING),
		                               "unknown or revoked: the last trigger's sequence again"),
	},
};

const struct prov_cell *prov_cell(enum prov_state s, enum prov_event ev)
{
	return &table[s][ev];
}

static const char *const state_text[PROV_STATE__COUNT] = {
	"idle", "saving", "discovering", "bootstrapping", "waiting", "enrolled",
};

const char *prov_state_text(enum prov_state s)
{
	return (unsigned)s < PROV_STATE__COUNT ? state_text[s] : "?";
}

static const char *const event_text[PROV_EVENT__COUNT] = {
	"trigger", "resume", "saved", "save failed", "discovered", "succeeded", "failed", "timer",
	"credential lost",
};

const char *prov_event_text(enum prov_event ev)
{
	return (unsigned)ev < PROV_EVENT__COUNT ? event_text[ev] : "?";
}

/* Every state in which something is awaited has an end (lesson 7). */
static mst_ms deadline_of(const struct prov *p, mst_ms now)
{
	switch (p->state) {
	case PROV_SAVING:        return prov_later(now, PROV_SAVE_MS);
	case PROV_DISCOVERING:   return prov_later(now, p->cfg.discover_ms);
	case PROV_BOOTSTRAPPING: return prov_later(now, p->cfg.bootstrap_ms);
	case PROV_WAITING:       return prov_later(now, p->wait_ms);
	case PROV_IDLE:
	case PROV_ENROLLED:
	case PROV_STATE__COUNT:
		break;
	}
	return MST_NEVER;
}

/* The only place that writes the state. 0, or the reason why the input was refused. */
static int step(struct prov *p, struct prov_input *in)
{
	const struct prov_cell *c = prov_cell(p->state, in->ev);
	int next = c->run ? c->run(p, in) : -PROV_REFUSED;

	if (!c->run)
		mst_diag_set(in->d, 0, "", "not in the state \"", prov_state_text(p->state), "\": ", c->why,
			     NULL);
	if (next < 0)
		return -next;
	p->state = (enum prov_state)next;
	p->deadline = deadline_of(p, in->now);
	p->serial++;
	if (p->state == PROV_SAVING)
		prov_progress_write(p);
	return (int)in->bad;
}

/* ---- the outside --------------------------------------------------------------------------------- */

size_t prov_size(void)
{
	return sizeof(struct prov);
}

struct prov *prov_init(void *storage, size_t size, const struct prov_config *cfg)
{
	struct prov *p = storage;

	if (!p || size < sizeof(*p) || (uintptr_t)storage % _Alignof(struct prov))
		return NULL;
	if (cfg->backoff_first <= 0 || cfg->backoff_first > cfg->backoff_max ||
	    cfg->backoff_max > UINT32_MAX || cfg->discover_ms <= 0 || cfg->bootstrap_ms <= 0)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->cfg = *cfg;
	p->deadline = MST_NEVER;
	return p;
}

void prov_set_methods(struct prov *p, uint32_t methods)
{
	p->cfg.methods = methods;
}

int prov_trigger(struct prov *p, struct mst_view sequence_cbor, const char *attempt_id,
                 mst_ms now, mst_time utc, uint32_t rnd, struct mst_diag *d)
{
	struct prov_input in = { .ev = PROV_EV_TRIGGER, .octets = sequence_cbor, .attempt = attempt_id,
	                         .now = now, .utc = utc, .rnd = rnd, .d = d };

	return step(p, &in);
}

int prov_resume(struct prov *p, struct mst_view blob, mst_ms now, mst_time utc, uint32_t rnd,
                struct mst_diag *d)
{
	struct prov_input in = { .ev = PROV_EV_RESUME, .octets = blob,
	                         .now = now, .utc = utc, .rnd = rnd, .d = d };

	return step(p, &in);
}

int prov_discovered(struct prov *p, struct mst_view sequence_cbor, mst_ms now, mst_time utc, uint32_t rnd,
                    struct mst_diag *d)
{
	struct prov_input in = { .ev = PROV_EV_DISCOVERED, .octets = sequence_cbor,
	                         .now = now, .utc = utc, .rnd = rnd, .d = d };

	return step(p, &in);
}

/* Events that say nothing back: one that came too late is simply over. */
static void tell(struct prov *p, enum prov_event ev, mst_ms now, mst_time utc, uint32_t rnd)
{
	(void)step(p, &(struct prov_input){ .ev = ev, .now = now, .utc = utc, .rnd = rnd });
}

void prov_saved(struct prov *p, mst_ms now, mst_time utc, uint32_t rnd)
{
	tell(p, PROV_EV_SAVED, now, utc, rnd);
}

void prov_save_failed(struct prov *p, mst_ms now, mst_time utc, uint32_t rnd)
{
	tell(p, PROV_EV_SAVE_FAILED, now, utc, rnd);
}

void prov_succeeded(struct prov *p, mst_ms now, mst_time utc, uint32_t rnd)
{
	tell(p, PROV_EV_SUCCEEDED, now, utc, rnd);
}

void prov_failed(struct prov *p, enum prov_reason r, const char *detail, int64_t retry_after,
                 mst_ms now, mst_time utc, uint32_t rnd)
{
	struct prov_input in = { .ev = PROV_EV_FAILED, .reason = r, .detail = detail,
	                         .retry_after = retry_after, .now = now, .utc = utc, .rnd = rnd };

	(void)step(p, &in);
}

void prov_tick(struct prov *p, mst_ms now, mst_time utc, uint32_t rnd)
{
	if (now >= p->deadline)
		tell(p, PROV_EV_TIMER, now, utc, rnd);
}

void prov_credential_lost(struct prov *p, mst_ms now, mst_time utc, uint32_t rnd)
{
	tell(p, PROV_EV_CREDENTIAL_LOST, now, utc, rnd);
}

enum prov_want prov_want(const struct prov *p)
{
	switch (p->state) {
	case PROV_SAVING:        return PROV_WANT_SAVE;
	case PROV_DISCOVERING:   return PROV_WANT_DISCOVER;
	case PROV_BOOTSTRAPPING: return PROV_WANT_BOOTSTRAP;
	case PROV_IDLE:
	case PROV_WAITING:
	case PROV_ENROLLED:
	case PROV_STATE__COUNT:
		break;
	}
	return PROV_WANT_NOTHING;
}

uint32_t prov_serial(const struct prov *p) { return p->serial; }
enum prov_state prov_state(const struct prov *p) { return p->state; }
mst_ms prov_deadline(const struct prov *p) { return p->deadline; }
const char *prov_attempt(const struct prov *p) { return p->attempt; }
unsigned prov_runs(const struct prov *p) { return p->runs; }
unsigned prov_reports_lost(const struct prov *p) { return p->reports_lost; }

struct mst_view prov_sequence(const struct prov *p)
{
	return p->level[0].n ? (struct mst_view){ p->level[0].octets, p->level[0].n } : MST_VIEW_NONE;
}

enum prov_reason prov_valid(const struct prov *p, mst_time utc)
{
	return p->level[0].n ? prov_judge_sequence(&p->level[0].seq, utc, NULL) : PROV_EMPTY;
}

const struct mst_instruction *prov_current(const struct prov *p)
{
	const struct prov_level *l = &p->level[p->depth];

	if (p->state != PROV_DISCOVERING && p->state != PROV_BOOTSTRAPPING)
		return NULL;
	return &l->seq.instructions[l->index];
}

struct mst_view prov_progress(const struct prov *p)
{
	return p->state == PROV_SAVING ? (struct mst_view){ p->blob, p->blob_n } : MST_VIEW_NONE;
}

size_t prov_reports(const struct prov *p, const struct prov_report **ret_first)
{
	*ret_first = p->report;
	return p->n_reports;
}
