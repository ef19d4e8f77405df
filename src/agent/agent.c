#include "agent/agent.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/briefing.h"
#include "agent/bundle.h"
#include "agent/card.h"
#include "agent/confine.h"
#include "agent/inside.h"
#include "agent/keys.h"
#include "agent/lan.h"
#include "agent/page.h"
#include "agent/place.h"
#include "agent/policy.h"
#include "agent/refused.h"
#include "agent/ub.h"
#include "base/text.h"
#include "crypto/heap.h"

/* Triggers ------------------------------------------------------------------------------------------- */

bool agent_make_attempt(struct agent *a, char out[33])
{
	struct mst_writer w = mst_writer_of(out, 33);
	uint8_t b[16];

	if (a->crypto->ops->random(a->crypto, b, sizeof(b)))
		return false;
	mst_put_hex(&w, (struct mst_view){ b, sizeof(b) });
	mst_put_nul(&w);
	mst_ascii_lower(out);
	return w.ok;
}

enum policy_phase agent_phase(const struct agent *a)
{
	return prov_want(a->prov) != PROV_WANT_NOTHING	      ? POLICY_RUNNING
	       : prov_state(a->prov) == PROV_WAITING ? POLICY_WAITING
						     : POLICY_RESTING;
}

/* Is what comes now served by what is going on already (policy.h)? `sha`: of the sequence. */
static bool joins(struct agent *a, const uint8_t sha[MST_SHA256_LEN], const char *by)
{
	if (policy_decide(agent_phase(a), !memcmp(sha, a->sequence_sha, MST_SHA256_LEN), policy_source_of(by, a->once)) == POLICY_START)
		return false;
	record_join(a, by);
	agent_log(a, AGENT_INFO, "joined", "by", by, "attempt", prov_attempt(a->prov), NULL);
	return true;
}

int agent_trigger(struct agent *a, struct mst_view cbor, const char *by, struct mst_diag *d)
{
	uint8_t sha[MST_SHA256_LEN];
	char attempt[33];

	if (!agent_make_attempt(a, attempt) || a->crypto->ops->sha256(a->crypto, cbor, sha))
		return PROV_INTERNAL;
	return joins(a, sha, by) ? 0 : agent_trigger_as(a, cbor, attempt, by, d);
}

int agent_trigger_as(struct agent *a, struct mst_view cbor, const char *attempt, const char *by, struct mst_diag *d)
{
	uint8_t sha[MST_SHA256_LEN];
	int r = a->crypto->ops->sha256(a->crypto, cbor, sha);

	if (r)
		return PROV_INTERNAL;
	r = prov_trigger(a->prov, cbor, attempt, agent_now(), agent_utc_or_0(a), agent_random(a), d);
	if (r)
		return r;
	memcpy(a->sequence_sha, sha, sizeof(sha));
	a->run_moot = false;
	a->seen_state = prov_state(a->prov);
	bundle_ended(a, attempt);        /* what earlier ones began is replaced */
	record_begin(a, attempt, by);
	/* For a boot trigger when no file is set, and a renewal when the progress is gone; what is not kept is only missed then. */
	if (a->env->ops->store_blob(a->env, "sequence", cbor, NULL))
		agent_log(a, AGENT_WARN, "sequence-not-kept", NULL);
	agent_point(a, "triggered");
	return 0;
}

int agent_trigger_file(struct agent *a, const char *by, struct mst_diag *d)
{
	uint8_t *cbor = malloc(MST_SEQ_OCTETS);
	size_t n = 0;
	bool file = a->cfg.bootstrap[0];
	int r = MST_FAULT_MEMORY;

	if (!cbor)
		return r;
	if (file)
		r = (int)agent_read_instructions(a->cfg.bootstrap, cbor, MST_SEQ_OCTETS, &n, d);
	else
		r = a->env->ops->load_blob(a->env, "sequence", cbor, MST_SEQ_OCTETS, &n, d) ? PROV_EMPTY : 0;
	if (!r)
		r = agent_trigger(a, (struct mst_view){ cbor, n }, by, d);
	free(cbor);
	if (file && !(r && access(a->cfg.bootstrap, F_OK)))      /* what is not there is no bad one */
		refused_note(a, REFUSED_FILE, a->cfg.bootstrap, (enum prov_reason)r, d);
	if (r && file)
		agent_name_file(d, a->cfg.bootstrap, r);
	else if (r && !d->text[0])
		mst_diag_set(d, 0, "bootstrap", "not set in the configuration, and no instructions are kept", NULL);
	return r;
}

void agent_trigger_or_say(struct agent *a, const char *why)
{
	struct mst_diag d = { 0 };
	/* who has been somewhere stays there, also when the file in the configuration leads, or leads by now, elsewhere */
	int r = a->has_active ? agent_again(a, why, &d) : agent_trigger_file(a, why, &d);

	if (r)
		agent_log(a, AGENT_WARN, "no-instructions", "for", why, a->has_active ? "at" : "file", d.field, "why", agent_why(&d, r), "remedy",
			  "correct the file, or run: muster-agent trigger FILE", NULL);
	else
		agent_log(a, AGENT_INFO, "triggered", "by", why, "attempt", prov_attempt(a->prov), NULL);
}

enum agent_mode agent_mode(const struct agent *a)
{
	switch (prov_state(a->prov)) {
	case PROV_SAVING:
	case PROV_DISCOVERING:
	case PROV_BOOTSTRAPPING: return AGENT_BUSY;
	case PROV_WAITING: return AGENT_WAITING;
	case PROV_IDLE:
	case PROV_ENROLLED:
	case PROV_STATE__COUNT: break;
	}
	if (a->errand != AGENT_NO_ERRAND)
		return AGENT_BUSY;
	if (a->has_active && a->active.not_after > agent_utc(a))
		return AGENT_ENROLLED;
	return a->active_damaged ? AGENT_DAMAGED : AGENT_EMPTY;
}

bool agent_lives(const struct agent *a)
{
	return a->errand == AGENT_NO_ERRAND && agent_phase(a) != POLICY_RUNNING && a->has_active && a->active.not_after > agent_utc(a);
}

/* Engine --------------------------------------------------------------------------------------------- */
static void save_progress(struct agent *a)
{
	const struct prov_report *reports;
	struct mst_diag d = { 0 };
	size_t n;
	int r;

	record_follow(a, "retry");
	record_save(a);
	r = a->env->ops->store_blob(a->env, "progress", prov_progress(a->prov), &d);
	if (r) {
		agent_log(a, AGENT_ERROR, "progress-not-saved", "why", r > 0 ? d.text : mst_fault_text(r),
			  NULL);
		prov_save_failed(a->prov, agent_now(), agent_utc_or_0(a), agent_random(a));
		/* The disk has no room for the record either; who asks now is still told. */
		n = prov_reports(a->prov, &reports);
		record_failed(a, n ? n - 1 : 0, ENROLEE_STEP_SAVE);
		return;
	}
	agent_point(a, "progress-saved");
	prov_saved(a->prov, agent_now(), agent_utc_or_0(a), agent_random(a));
}

static void log_reports(struct agent *a)
{
	const struct prov_report *r;
	size_t n = prov_reports(a->prov, &r);

	for (size_t i = 0; i < n; i++)
		agent_log(a, AGENT_WARN, "reason", "resource", r[i].resource, "reason",
			  prov_reason_text(r[i].reason), "detail", r[i].detail, "remedy",
			  status_remedy(r[i].reason, r[i].method), NULL);
}

static void stop(struct agent *a, int code)
{
	a->stop = true;
	a->exit_code = code;
	event_base_loopbreak(a->base);
}

/* The engine came to rest in a state: what does that mean for the rest of us? */
static void settled(struct agent *a)
{
	enum prov_state s = prov_state(a->prov);

	/* a run may begin and end within one turn: then the state alone shows nothing */
	if (s == a->seen_state && prov_runs(a->prov) == a->seen_runs)
		return;
	a->seen_state = s;
	a->seen_runs = prov_runs(a->prov);
	if (s == PROV_ENROLLED) {
		agent_enrolled_now(a);
		bundle_ended(a, "");
	}
	if (s == PROV_WAITING) {
		log_reports(a);
		upkeep_waits(a);
		a->failed_once = a->once;
	}
}

/* With --once: is there anything left to wait for? */
static void maybe_done(struct agent *a)
{
	enum agent_mode m = agent_mode(a);

	/* what the MEF wants done at once belongs to the run */
	if (!a->once || a->stop || tell_busy(a) || a->visit || leave_running(a) || a->errand != AGENT_NO_ERRAND || renew_running(a) ||
	    (agent_lives(a) && (visit_due(a) || leave_due(a))))
		return;
	if (a->failed_once)
		stop(a, 1);
	else if (m != AGENT_BUSY && m != AGENT_WAITING)
		stop(a, m == AGENT_ENROLLED && !once_failed(a) ? 0 : 1);
}

/* True when something was done. */
static bool engine_step(struct agent *a)
{
	if (a->errand == AGENT_KEEP && prov_want(a->prov) != PROV_WANT_NOTHING) {
		errand_drop(a);                  /* who triggers goes first; it is due again when that one waits */
		return true;
	}
	if (a->errand == AGENT_RUN &&
	    (prov_want(a->prov) != PROV_WANT_BOOTSTRAP || prov_serial(a->prov) != a->serial)) {
		errand_drop(a);                  /* the engine gave up on it, or a trigger replaced it */
		return true;
	}
	if (a->discovery &&
	    (prov_want(a->prov) != PROV_WANT_DISCOVER || prov_serial(a->prov) != a->discovery_serial)) {
		discover_drop(a);
		return true;
	}
	switch (prov_want(a->prov)) {
	case PROV_WANT_SAVE:
		save_progress(a);
		return true;
	case PROV_WANT_DISCOVER:
		if (a->discovery)
			return false;
		discover_start(a, prov_current(a->prov));
		return true;
	case PROV_WANT_BOOTSTRAP:
		if (a->errand == AGENT_RUN)
			return false;
		check_drop(a);
		if (a->has_active && (a->run_moot || !strcmp(a->active.attempt, prov_attempt(a->prov))))
			/* The power went between promoting and telling the engine: this attempt has its
			 * credential. Or an older attempt's slot came good while this one waited. */
			prov_succeeded(a->prov, agent_now(), agent_utc_or_0(a), agent_random(a));
		else
			errand_start(a, prov_current(a->prov));
		a->run_moot = false;
		return true;
	case PROV_WANT_NOTHING:
		break;
	}
	return false;
}

static bool may_try(const struct agent *a)
{
	return !a->failed_once && policy_may_try(agent_phase(a), a->errand != AGENT_NO_ERRAND);
}

static void timers(struct agent *a)
{
	mst_ms now = agent_now();

	if (a->errand != AGENT_NO_ERRAND && now >= enrolee_deadline(a->enrolee))
		enrolee_tick(a->enrolee, now, agent_utc(a));
	check_tick(a);
	if (a->visit && now >= visit_deadline(a))
		visit_tick(a);
	leave_tick(a);
	if (a->only_check)
		return;
	(void)renew_tick(a);         /* before the engine's next try: it has an end */
	if (now >= prov_deadline(a->prov) && may_try(a))
		prov_tick(a->prov, now, agent_utc_or_0(a), agent_random(a));
	if (!a->once && agent_mode(a) == AGENT_ENROLLED && !check_running(a) && now >= a->check_at)
		check_start(a);
}

#define LATE_TURNS 100
#define LATE_MS 1000

mst_ms agent_rest(struct agent *a, mst_ms left)
{
	if (left > 0) {
		a->late = 0;
		return left;
	}
	if (a->late < LATE_TURNS) {
		a->late++;
		return 1;
	}
	if (a->late++ == LATE_TURNS)
		agent_log(a, AGENT_ERROR, "timer-late", "why", "something is due and nothing begins it; it is looked at each second from now on", NULL);
	return LATE_MS;
}

static void arm(struct agent *a)
{
	mst_ms now = agent_now(), at = now + 3600 * 1000;
	struct timeval tv;

#define SOONER(t) do { mst_ms t_ = (t); if (t_ < at) at = t_; } while (0)
	if (a->errand != AGENT_NO_ERRAND)
		SOONER(enrolee_deadline(a->enrolee));
	SOONER(check_deadline(a));
	if (a->visit || agent_lives(a))
		SOONER(visit_deadline(a));
	if (leave_running(a) || (!a->visit && agent_lives(a)))
		SOONER(leave_deadline(a));
	if (may_try(a))
		SOONER(prov_deadline(a->prov));
	if (!a->only_check)
		SOONER(renew_deadline(a));
	if (agent_mode(a) == AGENT_ENROLLED && !a->once && !a->only_check && !check_running(a))
		SOONER(a->check_at);
#undef SOONER
	at = agent_rest(a, at - now);
	tv = (struct timeval){ .tv_sec = at / 1000, .tv_usec = (at % 1000) * 1000 };
	evtimer_add(a->timer, &tv);
}

/* Until everything waits. */
static void work(struct agent *a)
{
	/* Bounded: the engine reaches rest after at most its instructions; a bug must not spin. */
	for (unsigned i = 0; i < 10000 && !a->stop; i++) {
		if (a->errand != AGENT_NO_ERRAND)
			errand_drive(a);
		if (!engine_step(a) &&
		    (a->errand == AGENT_NO_ERRAND || a->errand_waits || enrolee_want(a->enrolee) == ENROLEE_WANT_ANSWER ||
		     enrolee_want(a->enrolee) == ENROLEE_WANT_OPEN))
			break;
	}
}

void agent_turn(struct agent *a)
{
	work(a);
	if (a->only_check) {
		if (!a->stop)
			arm(a);
		return;
	}
	settled(a);
	if (!a->stop && renew_tick(a)) {
		work(a);
		settled(a);
	}
	if (!a->stop && !a->visit && agent_lives(a))
		visit_start(a);
	if (!a->stop && !a->visit && agent_lives(a))
		leave_start(a);
	record_settle(a);
	tell_follow(a);
	if (a->record_dirty && a->errand == AGENT_NO_ERRAND && prov_want(a->prov) == PROV_WANT_NOTHING)
		record_save(a);
	maybe_done(a);
	if (!a->stop)
		arm(a);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	timers(arg);
	agent_turn(arg);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;

	(void)fd;
	(void)what;
	agent_log(a, AGENT_INFO, "stopping", NULL);
	stop(a, a->once ? 1 : 0);
}

/* Start and end -------------------------------------------------------------------------------------- */

static int take_lock(struct agent *a)
{
	char path[AGENT_PATH_MAX + 16];
	int r = 0;

	if (mkdir(a->cfg.run, 0700) && errno != EEXIST) {
		agent_log(a, AGENT_ERROR, "run-directory", "path", a->cfg.run, "why", strerror(errno), NULL);
		return MST_FAULT_CONFIG;
	}
	snprintf(path, sizeof(path), "%s/agent.lock", a->cfg.run);
	a->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	for (int i = 0; a->lock_fd >= 0 && (r = flock(a->lock_fd, LOCK_EX | LOCK_NB)) && errno == EWOULDBLOCK && i < 50; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);      /* commands look whether it is held */
	if (a->lock_fd < 0 || r) {
		agent_log(a, AGENT_ERROR, "locked", "path", path, "why",
			  a->lock_fd >= 0 && errno == EWOULDBLOCK ? "another agent runs on this state"
								  : strerror(errno),
			  NULL);
		return MST_FAULT_CONFIG;
	}
	return 0;
}

/* One slot: present, absent, or damaged. Damaged is never treated as absent (lesson 16). */
static int load_slot(struct agent *a, enum mst_slot slot, struct mst_root_cred *c, bool *has, bool *damaged)
{
	char text[AGENT_PATH_MAX + 192];
	struct mst_diag d = { 0 };
	int r = a->env->ops->load(a->env, slot, c, &d);

	*has = r == 0;
	*damaged = r == MST_SECENV_CORRUPT || r == MST_FAULT_CORRUPT;
	if (*damaged) {
		/* What hangs on the active one is told, not on the pending one. */
		if (!a->damage)
			a->damage = status_damage(&a->cfg, slot, &d, r);
		return 0;
	}
	if (r == 0 || r == MST_SECENV_NONE)
		return 0;
	agent_store_words(&a->cfg, &d, r, text, sizeof(text));
	agent_log(a, AGENT_ERROR, "slot-unreadable", "why", text, "remedy", agent_store_remedy(r), NULL);
	return r < 0 ? r : MST_FAULT_IO;
}

static int open_store(struct agent *a)
{
	char text[AGENT_PATH_MAX + 192];
	struct inside_offer passed;
	struct mst_diag d = { 0 };
	int r = inside_open(&a->cfg, a->crypto, &a->env, &passed, &d);

	if (r) {
		agent_store_words(&a->cfg, &d, r, text, sizeof(text));
		agent_log(a, AGENT_ERROR, "secure-environment", "why", text, "remedy", agent_store_remedy(r), NULL);
		return r < 0 ? r : MST_FAULT_CONFIG;
	}
	if (passed.r)
		agent_log(a, AGENT_WARN, "secure-environment", "passed-over", mst_secenv_kind_text(passed.kind), "why", inside_words(passed.r, &passed.d), "remedy",
			  passed.remedy, NULL);
	inside_look(a);
	r = load_slot(a, MST_SLOT_ACTIVE, &a->active, &a->has_active, &a->active_damaged);
	inside_put_away(a);
	if (!r)
		r = load_slot(a, MST_SLOT_PENDING, &a->pending, &a->has_pending, &a->pending_damaged);
	if (a->damage)
		agent_log(a, AGENT_ERROR, "damaged", "remedy", json_string_value(json_object_get(a->damage, "remedy")),
			  "slot", json_string_value(json_object_get(a->damage, "slot")), "why",
			  json_string_value(json_object_get(a->damage, "text")), NULL);
	if (!r) {
		agent_load_clock(a);
		own_load(a);
		r = managed_load(a);
	}
	if (!r) {
		visit_begin(a);
		record_load(a);
		place_load(a->env, &a->place);
		r = leave_load(a);
	}
	if (!r)
		r = bundle_load(a);
	return r;
}

static int open_engine(struct agent *a)
{
	struct prov_config c = {
		.methods = discover_methods(a),
		.backoff_first = a->cfg.backoff_first * 1000,
		.backoff_max = a->cfg.backoff_max * 1000,
		/* a session and an answer, each with a deadline of its own */
		.discover_ms = 30000 + (a->cfg.open_timeout + a->cfg.answer_timeout) * 1000 + ub_ms(&a->cfg),
		/* Four sessions and a dozen answers, each with a deadline of its own. */
		.bootstrap_ms = 4 * a->cfg.open_timeout * 1000 + 12 * a->cfg.answer_timeout * 1000 + ub_ms(&a->cfg),
	};

	a->prov_storage = mst_heap_locked(prov_size());
	a->enrolee = mst_heap_locked(sizeof(*a->enrolee));
	if (!a->prov_storage || !a->enrolee)
		return MST_FAULT_MEMORY;
	a->prov = prov_init(a->prov_storage, prov_size(), &c);
	return a->prov ? 0 : MST_FAULT_BUG;
}

static int open_loop(struct agent *a)
{
	a->base = event_base_new();
	a->timer = a->base ? evtimer_new(a->base, on_timer, a) : NULL;
	a->on_term = a->base ? evsignal_new(a->base, SIGTERM, on_signal, a) : NULL;
	a->on_int = a->base ? evsignal_new(a->base, SIGINT, on_signal, a) : NULL;
	if (!a->timer || !a->on_term || !a->on_int || event_add(a->on_term, NULL) ||
	    event_add(a->on_int, NULL))
		return MST_FAULT_MEMORY;
	return 0;
}

int agent_open(struct agent *a)
{
	char words[AGENT_PATH_MAX + 288];
	const char *which = NULL;
	struct mst_diag d = { 0 };
	int r = mst_crypto_self_test(a->crypto, &which);

	if (r) {
		agent_log(a, AGENT_ERROR, "self-test", "failed", which, NULL);
		return r;
	}
	r = card_self_test(a);
	if (!r)
		r = take_lock(a);
	if (!r)
		r = open_store(a);
	if (!r)
		r = open_engine(a);
	if (!r)
		r = open_loop(a);
	if (r)
		return r;
	/* Without an initial credential a node that is enrolled still runs (lesson 2); it cannot renew. */
	r = agent_load_identity(a, &which, &d);
	a->born = inside_born(&a->cfg);
	if (r)
		agent_log(a, a->has_active ? AGENT_WARN : AGENT_ERROR, "initial-credential", "why",
			  agent_file_words(words, sizeof(words), which, &d, r), NULL);
	if (r && !a->has_active)
		return MST_FAULT_CONFIG;
	prov_set_methods(a->prov, agent_bootstrap_methods(a) | discover_methods(a));
	r = session_tls_psk(a, false, &a->tls_psk, &d);
	r = r ? r : session_tls_psk(a, true, &a->dtls_psk, &d);
	if (r) {
		agent_log(a, AGENT_ERROR, "tls", "why", r > 0 ? d.text : mst_fault_text(r), NULL);
		return MST_FAULT_CRYPTO;
	}
	r = tell_open(a);
	if (!r)
		r = control_open(a);
	return r ? r : page_open(a);
}

/* What to do with the power back: go on where it was cut, else what the slots say, else the boot trigger. */
static void boot(struct agent *a)
{
	uint8_t *blob = malloc(PROV_BLOB_MAX);
	struct mst_diag d = { 0 };
	size_t n = 0;
	bool going = false;

	if (blob && a->env->ops->load_blob(a->env, "progress", blob, PROV_BLOB_MAX, &n, &d) == 0)
		going = prov_resume(a->prov, (struct mst_view){ blob, n }, agent_now(), agent_utc_or_0(a),
				    agent_random(a), &d) == 0;
	/* what it runs, so that the same can join it */
	if (going && a->env->ops->load_blob(a->env, "sequence", blob, PROV_BLOB_MAX, &n, &d) == 0 &&
	    a->crypto->ops->sha256(a->crypto, (struct mst_view){ blob, n }, a->sequence_sha))
		memset(a->sequence_sha, 0, sizeof(a->sequence_sha));
	free(blob);
	a->seen_state = prov_state(a->prov);
	a->seen_runs = prov_runs(a->prov);
	if (a->has_active)
		agent_enrolled_now(a);
	if (going && (a->seen_state == PROV_SAVING || a->seen_state == PROV_DISCOVERING ||
		      a->seen_state == PROV_BOOTSTRAPPING)) {
		agent_log(a, AGENT_INFO, "resuming", "attempt", prov_attempt(a->prov), NULL);
	} else if (a->has_pending) {
		errand_finish_pending(a);
	} else if (agent_mode(a) == AGENT_ENROLLED) {
		agent_log(a, AGENT_INFO, "enrolled-already", "key", a->active.key_id, "target",
			  agent_target(&a->active), NULL);
	} else if (a->active_damaged) {
		/* Told when it was found; a person decides (lesson 16). */
	} else if (a->once || prov_state(a->prov) != PROV_WAITING) {
		agent_trigger_or_say(a, "boot");
	} else {
		agent_log(a, AGENT_INFO, "waiting-still", "attempt", prov_attempt(a->prov), NULL);
	}
	agent_turn(a);
}

int agent_run(struct agent *a)
{
	if (door_open(a) || agent_confine(a))
		return 3;
	inside_look_memory(a);
	boot(a);
	if (!a->stop)
		event_base_dispatch(a->base);
	/* Only what an authenticated server told is worth keeping: a clock that was far ahead for once would
	 * else be a floor for ever, and every certificate expired (lessons 3, 15). */
	if (a->clock.told)
		agent_save_clock(a);
	if (a->record_dirty)
		record_save(a);
	return a->exit_code;
}

void agent_told(struct agent *a, json_t *verdict)
{
	control_told(a, verdict);
	if (!a->only_check) {
		json_decref(verdict);
		return;
	}
	json_decref(a->verdict);
	a->verdict = verdict;
	stop(a, 0);
}

struct agent *agent_new(const struct agent_config *cfg, bool once)
{
	struct agent *a = mst_heap_locked(sizeof(*a));       /* keys are in here: not into swap, where the limits allow it */

	if (!a)
		return NULL;
	a->cfg = *cfg;
	a->once = once;
	a->lock_fd = -1;
	a->crypto = mst_crypto_openssl();
	a->lan = calloc(LAN_FOUND_MAX, sizeof(*a->lan));
	return a->lan ? a : agent_free(a);
}

struct agent *agent_free(struct agent *a)
{
	if (!a)
		return NULL;
	if (a->enrolee)
		errand_drop(a);
	discover_drop(a);
	ub_free(a);
	card_free(a);
	visit_drop(a);
	leave_close(a);
	tell_close(a);
	a->check_asked = false;
	check_drop(a);
	keys_close(a);
	page_close(a);
	control_close(a);
	door_close(a);
	bundle_unload(a);
	json_decref(a->verdict);
	json_decref(a->damage);
	json_decref(a->inside);
	json_decref(a->born);
	json_decref(a->once_list);
	a->tls_psk = mst_tls_ctx_free(a->tls_psk);
	a->dtls_psk = mst_tls_ctx_free(a->dtls_psk);
	a->tls_naf = mst_tls_ctx_free(a->tls_naf);
	if (a->env)
		a->env->ops->close(a->env);
	for (size_t i = 0; i < a->n_anchors; i++)
		free(a->anchor[i]);
	managed_free(a);
	free(a->chain_pem);
	free(a->lan);
	json_decref(a->record);
	free(a->prov_storage);
	free(a->enrolee);
	if (a->timer)
		event_free(a->timer);
	if (a->on_term)
		event_free(a->on_term);
	if (a->on_int)
		event_free(a->on_int);
	if (a->base)
		event_base_free(a->base);
	if (a->lock_fd >= 0)
		close(a->lock_fd);
	mst_wipe(a, sizeof(*a));
	free(a);
	return NULL;
}

