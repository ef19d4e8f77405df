/*
 * The registrations behind the credential, at the MEF and at the MAF, and those with other stakeholders that MO_NODE led to, are
 * prolonged before they end (TS-0003 8.3.5.2.5, 8.8.2.5): an update of expirationTime, no new key. What to make of the answer is lib/enrolee/renewal.h; where it is refused the node enrols
 * again, as it does before the key's own end. An update that was done but not kept here is done again: it says the same.
 */
#include "agent/inside.h"
#include "agent/job.h"

#include <stdio.h>
#include <string.h>

#include "enrolee/renewal.h"

enum { MEF, MAF, OTHERS, SLOTS = OTHERS + MANAGED_REGS };
static const char *const at_name[] = { "mef", "maf" };

/* One registration: those behind the credential, and those that the MEF's commands led to (managed.h). */
struct reg {
	const char *id, *admin;
	bool maf, other;
	struct mst_reg_term term;
	mst_time bound;                      /* no update gets it beyond that */
};

struct renewal {
	struct proc_job p;                   /* first */
	int at;
	char id[MST_ID_MAX], attempt[33];    /* of the credential that it is for */
};

static const struct renewal *of(const struct proc_job *p)
{
	return (const struct renewal *)(const void *)p;
}

/* Is the registration with a server that the credential in use is for? With one that was left nothing can be done. */
static bool reg_other(const struct agent *a, size_t i, struct reg *r)
{
	const struct mst_root_cred *c = &a->active;
	const struct managed_reg *x;

	if (!a->managed || i >= a->managed->n_regs)
		return false;
	x = &a->managed->reg[i];
	*r = (struct reg){ .id = x->id, .admin = x->admin_fqdn, .maf = x->maf, .other = true, .term = { x->since, x->until },
			   .bound = x->want ? x->want : MST_TIME_MAX };
	/* version 1 did not say at which of the two */
	if (!x->since)
		r->maf = mst_id_equal(MST_ID_FQDN, mst_view_str(x->fqdn), mst_view_str(c->maf_fqdn));
	return mst_id_equal(MST_ID_FQDN, mst_view_str(x->fqdn), mst_view_str(r->maf ? c->maf_fqdn : c->mef_fqdn)) &&
	       strcmp(x->id, r->maf ? c->maf_reg_id : c->mef_reg_id) != 0;
}

static bool reg_of(const struct agent *a, int at, struct reg *r)
{
	const struct mst_root_cred *c = &a->active;

	if (!a->has_active || at >= OTHERS)
		return a->has_active && reg_other(a, (size_t)(at - OTHERS), r);
	*r = (struct reg){ .id = at == MAF ? c->maf_reg_id : c->mef_reg_id, .admin = c->admin_fqdn, .maf = at == MAF,
			   .term = at == MAF ? c->maf_reg : c->mef_reg, .bound = c->not_after };
	return r->id[0];
}

static void plan(struct agent *a, int at, const struct reg *r)
{
	snprintf(a->reg[at].id, sizeof(a->reg[at].id), "%s", r->id);
	a->reg[at].until = r->term.until;
	/* a MEF behind an operator's BSF is visited by bootstrapping anew: the key of its session ends with the B-TID */
	a->reg[at].at = !r->maf && a->active.method == MST_METHOD_GBA ? MST_NEVER : mst_reg_renew_at(&r->term, r->bound, agent_random(a));
	a->reg[at].hold = 0;
}

/* As reg_of(), planned; false also while it is being prolonged. */
static bool reg_planned(struct agent *a, int at, struct reg *r)
{
	if (a->reg[at].runs || !reg_of(a, at, r))
		return false;
	if (strcmp(a->reg[at].id, r->id) || a->reg[at].until != r->term.until)
		plan(a, at, r);
	return true;
}

void renew_plan(struct agent *a)
{
	struct reg r;

	for (int at = MEF; at < SLOTS; at++)
		if (reg_of(a, at, &r))
			plan(a, at, &r);
}

/* Its end is known from now on; durable, or what is on the disk ends sooner: after a start it is asked for again. */
static void keep(struct agent *a, int at, const struct reg *r, mst_time until)
{
	struct mst_reg_term *t = r->maf ? &a->active.maf_reg : &a->active.mef_reg;
	struct mst_diag d = { 0 };
	bool maf = r->maf;
	int e;

	if (!r->other) {
		*t = (struct mst_reg_term){ agent_utc(a), until };
		a->active.generation++;
	}
	agent_point(a, "reg-renewed");
	e = r->other ? managed_prolonged(a, r->id, until, &d) : inside_store_active(a, &d);      /* `r` has views into what that replaces */
	if (!e)
		return;
	a->reg[at].hold = agent_now() + RENEW_RETRY_S * 1000;
	agent_log(a, AGENT_ERROR, "registration-not-kept", "at", at_name[maf], "why", e > 0 ? d.text : mst_fault_text(e), NULL);
}

void renew_learned(struct agent *a, bool maf, const char *id, mst_time until)
{
	struct reg r;

	for (int at = MEF; at < SLOTS && until; at++)
		if (reg_of(a, at, &r) && r.maf == maf && !strcmp(id, r.id) && until != r.term.until)
			keep(a, at, &r, until);
}

/* "registration with mte.example.com at the MEF" */
static void told(struct agent *a, bool good, const struct reg *r, const char *detail)
{
	char what[MST_ID_MAX + 64];

	snprintf(what, sizeof(what), "registration%s%s at the %s", r->other ? " with " : "", r->other ? r->admin : "", r->maf ? "MAF" : "MEF");
	once_did(a, good, what, detail);
}

static void prolonged(struct agent *a, int at, const struct reg *was, mst_time until)
{
	char text[32] = "until ", id[MST_ID_MAX], admin[MST_ID_MAX];
	struct reg r = *was;
	struct mst_writer w = mst_writer_of(text + 6, sizeof(text) - 6);

	mst_put_timestamp(&w, until);
	mst_put_nul(&w);
	snprintf(id, sizeof(id), "%s", was->id);
	snprintf(admin, sizeof(admin), "%s", was->admin);
	keep(a, at, was, until);     /* and with it end the texts of `was` */
	r.id = id;
	r.admin = admin;
	agent_log(a, AGENT_INFO, "registration-renewed", "at", at_name[r.maf], "id", id, "with", admin, NULL);
	told(a, true, &r, w.ok ? text : "");
}

/* Refused, or nobody answered until it had ended. A run that waits for its next try is an enrolment already, and keeps its pace. */
static void give_up(struct agent *a, int at, const struct reg *r, const char *why)
{
	agent_log(a, AGENT_WARN, "registration-not-renewed", "at", at_name[r->maf], "with", r->admin, "why", why, "then", "enrolling anew", NULL);
	a->reg[at].hold = agent_now() + RENEW_RETRY_S * 1000;
	if (agent_mode(a) == AGENT_ENROLLED)
		agent_renew(a);
	else
		upkeep_wanted(a);
}

static void again(struct agent *a, int at, const struct reg *r, const char *why)
{
	a->reg[at].hold = agent_now() + mst_reg_wait(&r->term, agent_utc(a)) * 1000;
	agent_log(a, AGENT_WARN, "registration-not-renewed", "at", at_name[r->maf], "with", r->admin, "why", why, "then", "trying again", NULL);
	told(a, false, r, why);
}

/*
 * The same of one with another stakeholder, for which nobody enrols. What is gone at the server is no registration any more: a command
 * can have it made anew. What has no later end, or is refused, hangs on something that may be moved, like a subscription's end: it is
 * looked at again half way to its end.
 */
static void other_ends(struct agent *a, int at, const struct reg *r, enum prov_reason why, const char *detail)
{
	const char *then = why == PROV_UNKNOWN ? "it is gone there, and forgotten here" : "trying again half way to its end";
	struct mst_diag d = { 0 };
	int failed;

	agent_log(a, AGENT_WARN, "registration-not-renewed", "at", at_name[r->maf], "with", r->admin, "why", detail, "then", then, NULL);
	if (why != PROV_OK)
		told(a, false, r, detail);
	a->reg[at].at = agent_utc(a) + (r->term.until - agent_utc(a)) / 2;
	a->reg[at].hold = agent_now() + RENEW_RETRY_S * 1000;
	failed = why == PROV_UNKNOWN ? managed_forget_reg(a, r->id, &d) : 0;
	if (failed)
		agent_log(a, AGENT_WARN, "managed", "why", agent_why(&d, failed), NULL);
}

static void over(struct proc_job *p)
{
	const struct procedure_result *x = &p->proc.result;
	const struct mst_failure *f = procedure_failure(&p->proc);
	bool done = procedure_end(&p->proc) == PROCEDURE_DONE;
	struct agent *a = p->a;
	int at = of(p)->at;
	struct reg r;

	a->reg[at].runs = false;
	/* another credential has come meanwhile, or is coming */
	if (!reg_of(a, at, &r) || strcmp(of(p)->id, r.id) || strcmp(of(p)->attempt, a->active.attempt))
		return;
	/* TS-0003 8.8.2.5: the MAF may give another KmID with an update; that one is proven by an enrolment */
	if (done && !r.other && x->km_id[0] && strcmp(x->km_id, a->active.key_id)) {
		give_up(a, at, &r, "the MAF assigned another KmID");
		return;
	}
	switch (mst_reg_judge(&r.term, done ? PROV_OK : f->reason, x->expires, agent_utc(a))) {
	case MST_REG_KEPT:
		prolonged(a, at, &r, x->expires);
		return;
	case MST_REG_AGAIN:
		again(a, at, &r, f->detail);
		return;
	case MST_REG_ENROL:
		if (r.other)
			other_ends(a, at, &r, done ? PROV_OK : f->reason, done ? "it was given no later end" : f->detail);
		else
			give_up(a, at, &r, done ? "it was given no later end" : f->detail);
		return;
	}
}

static const struct proc_job_ops ops = { .size = sizeof(struct renewal), .over = over };

static void start(struct agent *a, int at, const struct reg *r)
{
	struct proc_job *p = proc_job_new(a, NULL, &ops, NULL);
	struct renewal *w = (struct renewal *)(void *)p;
	struct procedure_config c;
	struct mst_diag d = { 0 };

	if (p && proc_job_dial(p, r->maf, &d)) {
		w->at = at;
		snprintf(w->id, sizeof(w->id), "%s", r->id);
		memcpy(w->attempt, a->active.attempt, sizeof(w->attempt));
		c = proc_job_config(p, PROCEDURE_REG_UPDATE);
		c.id = w->id;
		c.expires = r->bound;
		a->reg[at].runs = procedure_init(&p->proc, &c, agent_now(), &d) && proc_job_open(p, &d);
	}
	if (a->reg[at].runs)
		return;
	if (p)
		proc_job_free(p);
	again(a, at, r, d.text[0] ? d.text : "too much is going on");
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
	struct reg r;

	/* beside a run that waits, too: it may wait for the MEF for days, while the MAF is there */
	for (int at = MEF; at < SLOTS && agent_lives(a); at++)
		if (reg_planned(a, at, &r) && agent_utc(a) >= a->reg[at].at && agent_now() >= a->reg[at].hold)
			start(a, at, &r);
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

mst_ms renew_deadline(struct agent *a)
{
	struct reg r;
	mst_ms first = due(a, a->renew_at, key_hold(a, policy_upkeep(agent_phase(a), a->errand != AGENT_NO_ERRAND)));

	for (int at = MEF; at < SLOTS && agent_lives(a); at++) {
		mst_ms when = reg_planned(a, at, &r) ? due(a, a->reg[at].at, a->reg[at].hold) : MST_NEVER;

		first = when < first ? when : first;
	}
	return first;
}

bool renew_running(const struct agent *a)
{
	bool any = false;

	for (int at = MEF; at < SLOTS; at++)
		any = any || a->reg[at].runs;
	return any;
}
