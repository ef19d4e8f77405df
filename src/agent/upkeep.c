/*
 * Life with a root credential: when it is renewed, and how (decision 0030).
 *
 * As long as nothing goes on, a renewal is a run of the engine like any other. While a run of the engine waits for its next try, the
 * credential in use is renewed between two tries, by an errand of its own to where it came from (origin.c): that run may lead to
 * another provider, which may stay away for longer than the key lives. The renewal goes first when both are due, because it has an
 * end; the run's try begins when the errand has ended, and every errand has one. Who triggers anything goes before both.
 *
 * Nothing new is durable: the errand's slots are what a power cut finds, and what is due is due again after a start.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "base/text.h"
#include "enrolee/renewal.h"

#define KEEP_MOST_S 600

struct agent_upkeep {
	struct agent_origin origin;
	struct mst_root_cred of;             /* without keys; an old origin has views into it */
	char attempt[33];
	mst_time began;
};

void agent_enrolled_now(struct agent *a)
{
	a->renew_at = mst_renew_at(a->active.obtained, a->active.not_after, agent_random(a));
	a->renew_hold = 0;
	a->keep_hold = 0;
	renew_plan(a);
	a->check_at = agent_now() + a->cfg.check_every * 1000;
	a->check_refusals = 0;
}

/* Of the last run: as the engine has it, which is what its progress has made durable; else as it was kept beside that. */
static int by_sequence(struct agent *a, const char *by, struct mst_diag *d)
{
	struct mst_view v = prov_sequence(a->prov);
	uint8_t *cbor = malloc(MST_SEQ_OCTETS);
	size_t n = 0;
	int r = PROV_EMPTY;

	if (!cbor)
		return MST_FAULT_MEMORY;
	if (v.n) {
		memcpy(cbor, v.p, v.n);              /* the engine's is there until its next input */
		n = v.n;
	}
	if (n || a->env->ops->load_blob(a->env, "sequence", cbor, MST_SEQ_OCTETS, &n, d) == 0)
		r = agent_trigger(a, (struct mst_view){ cbor, n }, by, d);
	free(cbor);
	return r;
}

/* It has no end of its own: a sequence says until when it may begin anything, not for how long the node is with whom it led to. */
static int by_origin(struct agent *a, const char *by, struct mst_diag *d)
{
	struct agent_origin *o = calloc(1, sizeof(*o));
	uint8_t *cbor = malloc(MST_SEQ_OCTETS);
	struct mst_writer w = mst_writer_of(cbor, cbor ? MST_SEQ_OCTETS : 0);
	int r = o && cbor ? origin_instruction(a, &a->active, o, d) : MST_FAULT_MEMORY;

	if (!r)
		mst_sequence_write_cbor(&o->s, &w);
	if (r > 0)
		r = PROV_STORAGE;
	else if (!r)
		r = w.ok ? agent_trigger(a, mst_written(&w), by, d) : MST_FAULT_BUG;
	free(cbor);
	free(o);
	return r;
}

int agent_again(struct agent *a, const char *by, struct mst_diag *d)
{
	int r = by_sequence(a, by, d);

	if (r <= 0)
		return r;
	agent_log(a, AGENT_INFO, "instructions-over", "for", by, "why", prov_reason_text((enum prov_reason)r), "then", "by the one that led to the key", NULL);
	*d = (struct mst_diag){ 0 };
	return by_origin(a, by, d);
}

void agent_renew(struct agent *a)
{
	a->renew_hold = agent_now() + RENEW_RETRY_S * 1000;
	agent_trigger_or_say(a, "renewal");
}

void agent_finished(struct agent *a, bool done, enum prov_reason r)
{
	if (done) {
		a->run_moot = a->finishing_first && prov_state(a->prov) == PROV_WAITING;
		agent_enrolled_now(a);
		return;
	}
	/*
	 * The MAF said "unknown" inside the session: the slot must not stand in the way of a fresh start (lesson 3).
	 * A refused handshake is nobody's word (architecture 6.2) and takes no slot away; the next run tries it, and
	 * goes to the MEF when it is refused again.
	 */
	if (r == PROV_UNKNOWN) {
		a->has_pending = false;
		mst_root_cred_wipe(&a->pending);
		if (a->env->ops->erase(a->env, MST_SLOT_PENDING, NULL))
			agent_log(a, AGENT_WARN, "pending-not-erased", NULL);
	}
	if (a->has_active)
		agent_enrolled_now(a);
	else
		agent_trigger_or_say(a, "boot");
}

void upkeep_wanted(struct agent *a)
{
	if (a->has_active && agent_utc(a) < a->renew_at)
		a->renew_at = agent_utc(a);
}

void agent_bootstrap_again(struct agent *a, const char *trigger, const char *why)
{
	agent_log(a, AGENT_WARN, trigger, "why", why, "key", a->active.key_id, NULL);
	a->run_moot = false;
	/* The slot stays: should the answer have been wrong, nothing is lost until a new one is proven. */
	if (prov_state(a->prov) == PROV_ENROLLED && prov_valid(a->prov, agent_utc_or_0(a)) == PROV_OK) {
		prov_credential_lost(a->prov, agent_now(), agent_utc_or_0(a), agent_random(a));
		record_follow(a, trigger);
		return;
	}
	agent_trigger_or_say(a, trigger);
	upkeep_wanted(a);            /* what it joined may lead elsewhere */
}

/* Between the tries of a run ---------------------------------------------------------------------------- */

static bool tried_home(const struct agent *a)
{
	return a->home.tried && a->home.run == prov_runs(a->prov) && !strcmp(a->home.attempt, prov_attempt(a->prov));
}

bool upkeep_now(struct agent *a)
{
	if (!a->has_active || policy_upkeep(agent_phase(a), a->errand != AGENT_NO_ERRAND) != POLICY_BETWEEN || tried_home(a))
		return false;
	a->keep_hold = 0;
	upkeep_wanted(a);
	return true;
}

void upkeep_tries(struct agent *a, const struct mst_instruction *i)
{
	if (!a->has_active || !mst_leads_home(i, &a->active))
		return;
	a->home.tried = true;
	a->home.run = prov_runs(a->prov);
	a->home.retry_after = 0;
	snprintf(a->home.attempt, sizeof(a->home.attempt), "%s", prov_attempt(a->prov));
}

void upkeep_run_failed(struct agent *a, int64_t retry_after)
{
	if (retry_after > a->home.retry_after)
		a->home.retry_after = retry_after;
}

/*
 * A run that was where the key came from, and failed there, is the renewal itself and keeps its pace; only a key that ends before
 * that would do is tried for more often.
 */
void upkeep_waits(struct agent *a)
{
	int64_t most = a->cfg.backoff_max > KEEP_MOST_S ? a->cfg.backoff_max : KEEP_MOST_S;

	if (a->has_active && tried_home(a))
		a->keep_hold = agent_now() + mst_key_wait(a->active.not_after, agent_utc(a), most, a->home.retry_after, agent_random(a));
}

const struct mst_instruction *upkeep_instruction(const struct agent *a)
{
	return a->upkeep ? &a->upkeep->origin.s.instructions[0] : NULL;
}

void upkeep_drop(struct agent *a)
{
	free(a->upkeep);
	a->upkeep = NULL;
}

static void failed(struct agent *a, const char *attempt, enum prov_reason r, const char *detail, int64_t retry_after)
{
	mst_ms wait = mst_key_wait(a->active.not_after, agent_utc(a), KEEP_MOST_S, retry_after, agent_random(a));

	a->keep_hold = agent_now() + wait;
	agent_log(a, AGENT_WARN, "key-not-renewed", "attempt", attempt, "reason", prov_reason_text(r), "why", detail, "then",
		  "trying again between the tries of the run that waits", NULL);
	once_did(a, false, "root key", detail);
}

void upkeep_start(struct agent *a)
{
	struct agent_upkeep *u = a->upkeep = calloc(1, sizeof(*u));
	struct mst_diag d = { 0 };
	int r = u ? 0 : MST_FAULT_MEMORY;

	if (u) {
		u->of = a->active;
		u->began = agent_utc(a);
		r = agent_make_attempt(a, u->attempt) ? origin_instruction(a, &u->of, &u->origin, &d) : MST_FAULT_CRYPTO;
	}
	if (r) {
		failed(a, "", PROV_INTERNAL, r > 0 ? d.text : mst_fault_text(r), 0);
		upkeep_drop(a);
		return;
	}
	check_drop(a);
	agent_log(a, AGENT_INFO, "renewing-between", "attempt", u->attempt, "key", a->active.key_id, "provider", a->active.admin_fqdn, NULL);
	errand_keep(a, &u->origin.s.instructions[0], u->attempt);
}

void upkeep_ended(struct agent *a, bool done, const struct mst_failure *f, enum enrolee_step step)
{
	struct agent_upkeep *u = a->upkeep;

	record_between(a, u->attempt, u->began, done ? agent_target_uri(&a->active) : u->of.mef_uri, done ? PROV_OK : f->reason, done ? "" : f->detail, step);
	if (done) {
		/* its sequence was there already, and would have ended with that */
		a->run_moot = tried_home(a) && agent_phase(a) == POLICY_WAITING;
		agent_enrolled_now(a);
	} else {
		failed(a, u->attempt, f->reason, f->detail, f->retry_after);
	}
	upkeep_drop(a);
}
