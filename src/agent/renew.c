/*
 * The registrations behind the credential, at the MEF and at the MAF, are prolonged before they end (TS-0003 8.3.5.2.5, 8.8.2.5): an
 * update of expirationTime, no new key. What to make of the answer is lib/enrolee/renewal.h; where it is refused the node enrols
 * again, as it does before the key's own end. An update that was done but not kept here is done again: it says the same.
 */
#include "agent/inside.h"
#include "agent/job.h"

#include <string.h>

#include "enrolee/renewal.h"

enum { MEF, MAF };
static const char *const at_name[] = { "mef", "maf" };
static const char *const reg_words[] = { "registration at the MEF", "registration at the MAF" };

struct renewal {
	struct proc_job p;                   /* first */
	char id[MST_ID_MAX], attempt[33];    /* of the credential that it is for */
};

static const struct renewal *of(const struct proc_job *p)
{
	return (const struct renewal *)(const void *)p;
}

static struct mst_reg_term *term(struct mst_root_cred *c, int at)
{
	return at == MAF ? &c->maf_reg : &c->mef_reg;
}

static const char *reg_id(const struct mst_root_cred *c, int at)
{
	return at == MAF ? c->maf_reg_id : c->mef_reg_id;
}

static void plan(struct agent *a, int at)
{
	const struct mst_reg_term *t = term(&a->active, at);

	/* a MEF behind an operator's BSF is visited by bootstrapping anew: the key of its session ends with the B-TID */
	a->reg[at].at = at == MEF && a->active.method == MST_METHOD_GBA ? MST_NEVER :
			mst_reg_renew_at(t, a->active.not_after, agent_random(a));
	a->reg[at].hold = 0;
}

void renew_plan(struct agent *a)
{
	for (int at = MEF; at <= MAF; at++)
		plan(a, at);
}

void renew_learned(struct agent *a, bool maf, const char *id, mst_time until)
{
	int at = maf ? MAF : MEF;
	struct mst_reg_term *t = term(&a->active, at);
	struct mst_diag d = { 0 };
	int r;

	if (!a->has_active || !until || until == t->until || strcmp(id, reg_id(&a->active, at)))
		return;
	*t = (struct mst_reg_term){ agent_utc(a), until };
	a->active.generation++;
	plan(a, at);
	agent_point(a, "reg-renewed");
	r = inside_store_active(a, &d);
	if (r)       /* what is on the disk ends sooner: after a start it is asked for again */
		agent_log(a, AGENT_ERROR, "registration-not-kept", "at", at_name[at], "why", r > 0 ? d.text : mst_fault_text(r), NULL);
}

static void say_until(struct agent *a, const char *what, mst_time until)
{
	char text[32] = "until ";
	struct mst_writer w = mst_writer_of(text + 6, sizeof(text) - 6);

	mst_put_timestamp(&w, until);
	mst_put_nul(&w);
	once_did(a, true, what, w.ok ? text : "");
}

/* Refused, or nobody answered until it had ended. A run that waits for its next try is an enrolment already, and keeps its pace. */
static void give_up(struct agent *a, int at, const char *why)
{
	agent_log(a, AGENT_WARN, "registration-not-renewed", "at", at_name[at], "why", why, "then", "enrolling anew", NULL);
	a->reg[at].hold = agent_now() + RENEW_RETRY_S * 1000;
	if (agent_mode(a) == AGENT_ENROLLED)
		agent_renew(a);
	else
		upkeep_wanted(a);
}

static void over(struct proc_job *p)
{
	const struct procedure_result *x = &p->proc.result;
	const struct mst_failure *f = procedure_failure(&p->proc);
	bool done = procedure_end(&p->proc) == PROCEDURE_DONE;
	struct agent *a = p->a;
	int at = p->maf ? MAF : MEF;
	struct mst_reg_term *t = term(&a->active, at);

	a->reg[at].runs = false;
	/* another credential has come meanwhile, or is coming */
	if (!a->has_active || strcmp(of(p)->id, reg_id(&a->active, at)) || strcmp(of(p)->attempt, a->active.attempt))
		return;
	/* TS-0003 8.8.2.5: the MAF may give another KmID with an update; that one is proven by an enrolment */
	if (done && x->km_id[0] && strcmp(x->km_id, a->active.key_id)) {
		give_up(a, at, "the MAF assigned another KmID");
		return;
	}
	switch (mst_reg_judge(t, done ? PROV_OK : f->reason, x->expires, agent_utc(a))) {
	case MST_REG_KEPT:
		renew_learned(a, p->maf, of(p)->id, x->expires);
		agent_log(a, AGENT_INFO, "registration-renewed", "at", at_name[at], "id", of(p)->id, NULL);
		say_until(a, reg_words[at], x->expires);
		return;
	case MST_REG_AGAIN:
		a->reg[at].hold = agent_now() + mst_reg_wait(t, agent_utc(a)) * 1000;
		agent_log(a, AGENT_WARN, "registration-not-renewed", "at", at_name[at], "why", f->detail, "then", "trying again", NULL);
		once_did(a, false, reg_words[at], f->detail);
		return;
	case MST_REG_ENROL:
		give_up(a, at, done ? "it was given no later end" : f->detail);
		return;
	}
}

static const struct proc_job_ops ops = { .size = sizeof(struct renewal), .over = over };

static void start(struct agent *a, int at)
{
	const struct mst_reg_term *t = term(&a->active, at);
	struct proc_job *p = proc_job_new(a, NULL, &ops, NULL);
	struct renewal *w = (struct renewal *)(void *)p;
	struct procedure_config c;
	struct mst_diag d = { 0 };

	if (p && proc_job_dial(p, at == MAF, &d)) {
		memcpy(w->id, reg_id(&a->active, at), sizeof(w->id));
		memcpy(w->attempt, a->active.attempt, sizeof(w->attempt));
		c = proc_job_config(p, PROCEDURE_REG_UPDATE);
		c.id = w->id;
		c.expires = a->active.not_after;
		a->reg[at].runs = procedure_init(&p->proc, &c, agent_now(), &d) && proc_job_open(p, &d);
	}
	if (a->reg[at].runs)
		return;
	if (p)
		proc_job_free(p);
	a->reg[at].hold = agent_now() + mst_reg_wait(t, agent_utc(a)) * 1000;
	agent_log(a, AGENT_WARN, "registration-not-renewed", "at", at_name[at], "why", d.text[0] ? d.text : "too much is going on", "then",
		  "trying again", NULL);
	once_did(a, false, reg_words[at], d.text);
}

/* A registration is prolonged beside a run that waits, too (agent_lives()): it may wait for the MEF for days, while the MAF is there. */
static bool reg_waits(const struct agent *a, int at)
{
	return reg_id(&a->active, at)[0] && !a->reg[at].runs;
}

/*
 * The root key, also one that has ended before anything was done about it: the node was asleep, or its clock was set. What holds its
 * renewal up until then; MST_NEVER: something else is going on.
 */
static mst_ms key_hold(const struct agent *a, enum policy_upkeep how)
{
	return !a->has_active || how == POLICY_LATER ? MST_NEVER : how == POLICY_RUN ? a->renew_hold : a->keep_hold;
}

bool renew_tick(struct agent *a)
{
	enum policy_upkeep how;

	for (int at = MEF; at <= MAF && agent_lives(a); at++)
		if (reg_waits(a, at) && agent_utc(a) >= a->reg[at].at && agent_now() >= a->reg[at].hold)
			start(a, at);
	how = policy_upkeep(agent_phase(a), a->errand != AGENT_NO_ERRAND);
	if (agent_now() < key_hold(a, how) || agent_utc(a) < a->renew_at)
		return false;
	if (how == POLICY_RUN)
		agent_renew(a);
	else
		upkeep_start(a);
	return true;
}

static mst_ms due(const struct agent *a, mst_time at, mst_ms hold)
{
	mst_time left = at - agent_utc(a);
	mst_ms when;

	if (left >= 3600 || hold == MST_NEVER)   /* no end among it; who waits looks again within the hour */
		return MST_NEVER;
	when = agent_now() + (left > 0 ? left : 0) * 1000;
	return when > hold ? when : hold;
}

mst_ms renew_deadline(const struct agent *a)
{
	mst_ms first = due(a, a->renew_at, key_hold(a, policy_upkeep(agent_phase(a), a->errand != AGENT_NO_ERRAND)));

	for (int at = MEF; at <= MAF && agent_lives(a); at++) {
		mst_ms when = reg_waits(a, at) ? due(a, a->reg[at].at, a->reg[at].hold) : MST_NEVER;

		first = when < first ? when : first;
	}
	return first;
}

bool renew_running(const struct agent *a)
{
	return a->reg[MEF].runs || a->reg[MAF].runs;
}
