/*
 * The last run, to be told afterwards: which attempt, why it began, what became of every instruction, and
 * when each arrow ended (lesson 20). Kept in the secure environment beside the slots, written together with
 * the engine's progress, and bounded: it says what happened last, it is no log.
 */
#include "agent/bundle.h"
#include "agent/refused.h"

#include <stdlib.h>
#include <string.h>

#define BLOB "last-run"
#define BLOB_MAX 60000
#define STEPS_MAX 96
#define JOINED_MAX 8

static json_t *fresh(const char *attempt, const char *trigger, mst_time when, unsigned run)
{
	return json_pack("{s:s, s:s, s:o, s:i, s:[], s:[]}", "attempt", attempt, "trigger", trigger, "when",
			 status_time(when), "run", (int)(run & INT32_MAX), "reports", "steps");
}

/* Sealed by us; still, a record of another shape (a later version's) is no reason to stumble. */
static bool good(const json_t *o)
{
	return json_is_string(json_object_get(o, "attempt")) && json_is_string(json_object_get(o, "trigger")) &&
	       json_is_array(json_object_get(o, "reports")) && json_is_array(json_object_get(o, "steps"));
}

json_t *record_read(struct mst_secenv *env)
{
	char *text = malloc(BLOB_MAX);
	struct mst_diag d = { 0 };
	json_t *o = NULL;
	size_t n = 0;

	if (text && env->ops->load_blob(env, BLOB, (uint8_t *)text, BLOB_MAX, &n, &d) == 0)
		o = mst_json_read(text, n, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	if (!good(o)) {
		json_decref(o);
		o = fresh("", "", -1, 0);
	}
	history_load(env, o);
	return o;
}

/* Time goes on where the last arrow left it: what lies between is not known after a reboot. */
void record_load(struct agent *a)
{
	const json_t *steps;
	size_t n;

	a->record = record_read(a->env);
	steps = json_object_get(a->record, "steps");
	n = json_array_size(steps);
	a->record_base = agent_now();
	if (n)
		a->record_base -= json_integer_value(json_object_get(json_array_get(steps, n - 1), "ms"));
}

void record_begin(struct agent *a, const char *attempt, const char *trigger)
{
	json_t *old = a->record;

	a->record = fresh(attempt, trigger, agent_utc(a), prov_runs(a->prov));
	history_push(a->record, old);
	if (json_is_object(json_object_get(old, "refused")))
		json_object_set(a->record, "refused", json_object_get(old, "refused"));
	bundle_carry(a->record, old);
	json_decref(old);
	a->record_base = agent_now();
	a->record_dirty = true;
}

static bool of_this_run(const struct agent *a)
{
	const char *attempt = json_string_value(json_object_get(a->record, "attempt"));

	return attempt && !strcmp(attempt, prov_attempt(a->prov)) &&
	       json_integer_value(json_object_get(a->record, "run")) == (prov_runs(a->prov) & INT32_MAX);
}

void record_join(struct agent *a, const char *trigger)
{
	json_t *all = json_object_get(a->record, "joined");

	if (!all) {
		all = json_array();
		json_object_set_new(a->record, "joined", all);
	}
	if (json_array_size(all) < JOINED_MAX)
		json_array_append_new(all, json_string(trigger));
	a->record_dirty = true;
}

void record_end(struct agent *a, const char *outcome)
{
	json_object_set_new(a->record, "outcome", json_string(outcome));
	json_object_set_new(a->record, "ended", status_time(agent_utc(a)));
	a->record_dirty = true;
}

void record_settle(struct agent *a)
{
	enum prov_state s = prov_state(a->prov);

	if ((s == PROV_ENROLLED || s == PROV_WAITING) && of_this_run(a) && !json_object_get(a->record, "outcome"))
		record_end(a, s == PROV_ENROLLED ? "enrolled" : "failed");
}

json_t *record_failures(const struct agent *a)
{
	const json_t *history = json_object_get(a->record, "history"), *last;
	size_t n = json_array_size(history);
	json_t *all = json_array();
	const char *outcome;

	last = n ? json_array_get(history, n - 1) : NULL;
	outcome = json_string_value(json_object_get(last, "outcome"));
	if (outcome && !strcmp(outcome, "failed"))
		json_array_extend(all, json_object_get(last, "reports"));
	json_array_extend(all, json_object_get(a->record, "reports"));
	return all;
}

void record_follow(struct agent *a, const char *trigger)
{
	if (!of_this_run(a))
		record_begin(a, prov_attempt(a->prov), trigger);
}

static json_t *report_json(const struct prov_report *r)
{
	return json_pack("{s:o, s:s, s:s, s:s, s:o, s:s, s:o}", "resource", status_text(r->resource), "method",
			 mst_enum_text(&mst_method_table, r->method), "reason", prov_reason_text(r->reason),
			 "words", status_words(r->reason), "detail", status_text(r->detail), "remedy",
			 status_remedy(r->reason, r->method), "when", status_time(r->when));
}

/* What the engine reports is only added to within a run; the step is what we know beyond it. */
void record_take(struct agent *a)
{
	json_t *old = json_object_get(a->record, "reports"), *all = json_array(), *step;
	const struct prov_report *r = NULL;
	size_t n = prov_reports(a->prov, &r);

	if (!of_this_run(a) || n < json_array_size(old)) {
		json_decref(all);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		json_t *one = report_json(&r[i]);

		step = json_object_get(json_array_get(old, i), "step");
		if (step)
			json_object_set(one, "step", step);
		json_array_append_new(all, one);
	}
	json_object_set_new(a->record, "reports", all);
}

void record_step(struct agent *a)
{
	json_t *steps = json_object_get(a->record, "steps");
	enum enrolee_step now = enrolee_step(a->enrolee), before = a->doing;

	if (now == before)
		return;
	/* not of the run that waits, whose record this is */
	if (a->errand == AGENT_KEEP) {
		a->doing = now != ENROLEE_STEP_NONE || enrolee_state(a->enrolee) == ENROLEE_DONE ? now : before;
		return;
	}
	/* Ended without success: `doing` stays, it is the arrow that failed. */
	if (now == ENROLEE_STEP_NONE && enrolee_state(a->enrolee) != ENROLEE_DONE)
		return;
	a->doing = now;
	if (before == ENROLEE_STEP_NONE || json_array_size(steps) >= STEPS_MAX)
		return;
	json_array_append_new(steps, json_pack("{s:s, s:I}", "arrow", enrolee_step_text(before), "ms",
					       (json_int_t)(agent_now() - a->record_base)));
	a->record_dirty = true;
}

void record_arrow(struct agent *a, const char *attempt, const char *arrow, const char *at)
{
	json_t *steps = json_object_get(a->record, "steps");

	if (strcmp(attempt, json_string_value(json_object_get(a->record, "attempt"))) != 0 || json_array_size(steps) >= STEPS_MAX)
		return;
	json_array_append_new(steps, json_pack("{s:s, s:I, s:o}", "arrow", arrow, "ms", (json_int_t)(agent_now() - a->record_base), "at",
					       status_text(at)));
	a->record_dirty = true;
}

void record_failed(struct agent *a, size_t report, enum enrolee_step step)
{
	json_t *one;

	record_take(a);
	one = json_array_get(json_object_get(a->record, "reports"), report);
	if (one && step != ENROLEE_STEP_NONE)
		json_object_set_new(one, "step", json_string(enrolee_step_text(step)));
	a->record_dirty = true;
}

void record_report(struct agent *a, const char *resource, enum prov_reason reason, const char *detail,
		   enum enrolee_step step)
{
	struct prov_report r = { .method = MST_METHOD_CERT, .reason = reason, .when = agent_utc(a) };
	json_t *all = json_object_get(a->record, "reports"), *one;

	snprintf(r.resource, sizeof(r.resource), "%.*s", (int)sizeof(r.resource) - 1, resource);
	snprintf(r.detail, sizeof(r.detail), "%.*s", (int)sizeof(r.detail) - 1, detail);
	one = report_json(&r);
	if (step != ENROLEE_STEP_NONE)
		json_object_set_new(one, "step", json_string(enrolee_step_text(step)));
	if (json_array_size(all) >= PROV_REASONS_MAX)
		json_array_remove(all, 0);
	json_array_append_new(all, one);
	a->record_dirty = true;
}

void record_between(struct agent *a, const char *attempt, mst_time began, const char *resource, enum prov_reason reason, const char *detail,
		    enum enrolee_step step)
{
	json_t *run = fresh(attempt, "renewal", began, 1);
	json_t *whole = a->record;

	a->record = run;
	record_report(a, resource, reason, detail, step);
	record_end(a, reason == PROV_OK ? "enrolled" : "failed");
	a->record = whole;
	json_object_set(run, "history", json_object_get(whole, "history"));
	history_push(whole, run);
	json_decref(run);
}

void record_save(struct agent *a)
{
	struct mst_diag d = { 0 };
	json_t *history;
	char *text;
	int r;

	record_take(a);
	history_save(a);
	history = json_incref(json_object_get(a->record, "history"));
	json_object_del(a->record, "history");
	while ((text = json_dumps(a->record, JSON_COMPACT)) != NULL && strlen(text) > BLOB_MAX) {
		free(text);
		json_array_remove(json_object_get(a->record, "reports"), 0);
	}
	r = text ? a->env->ops->store_blob(a->env, BLOB, mst_view_str(text), &d) : MST_FAULT_MEMORY;
	free(text);
	/* Nothing hangs on it: a node enrols without being able to tell the tale. */
	if (r)
		agent_log(a, AGENT_WARN, "record-not-saved", "why", r > 0 ? d.text : mst_fault_text(r), NULL);
	json_object_set_new(a->record, "history", history ? history : json_array());
	a->record_dirty = false;
}

void record_words(json_t *all, const char *member)
{
	json_t *one;
	size_t i;

	json_array_foreach(all, i, one) {
		const char *step = json_string_value(json_object_get(one, member));

		if (step)
			json_object_set_new(one, "stepWords", json_string(enrolee_step_words(enrolee_step_of(step))));
	}
}

void record_into(json_t *status, const json_t *record)
{
	static const char *const members[] = { "attempt", "trigger", "when", "reports", "steps" };

	for (size_t i = 0; i < MST_COUNT(members); i++)
		json_object_set_new(status, members[i],
				    json_deep_copy(json_object_get(record, members[i])));
	record_words(json_object_get(status, "reports"), "step");
	record_words(json_object_get(status, "steps"), "arrow");
	json_object_set_new(status, "attempts", history_json(record));
	json_object_set_new(status, "refused", refused_json(record));
	json_object_set_new(status, "bundle", bundle_json(record));
}
