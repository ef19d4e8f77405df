/*
 * The runs before the last one: what began each, when it began and ended, how, and why its instructions failed. A
 * person who comes to a device that has tried all night sees the night, not its last minute. Bounded twice: so many
 * runs, so many reasons of each. Words and remedies follow from the reason, so they are not kept.
 */
#include "agent/agent.h"

#include <stdlib.h>
#include <string.h>

#include "codec/walk.h"

#define BLOB "attempts"
#define BLOB_MAX 60000
#define RUNS_MAX 8
#define REPORTS_MAX 16

void history_load(struct mst_secenv *env, json_t *record)
{
	char *text = malloc(BLOB_MAX);
	struct mst_diag d = { 0 };
	json_t *all = NULL;
	size_t n = 0;

	if (text && env->ops->load_blob(env, BLOB, (uint8_t *)text, BLOB_MAX, &n, &d) == 0)
		all = mst_json_read(text, n, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	if (!json_is_array(all)) {
		json_decref(all);
		all = json_array();
	}
	json_object_set_new(record, "history", all);
}

void history_save(struct agent *a)
{
	json_t *all = json_object_get(a->record, "history");
	struct mst_diag d = { 0 };
	char *text;
	int r;

	if (!json_is_true(json_object_get(a->record, "pushed")))
		return;
	while ((text = json_dumps(all, JSON_COMPACT)) != NULL && strlen(text) > BLOB_MAX) {
		free(text);
		json_array_remove(all, 0);
	}
	r = text ? a->env->ops->store_blob(a->env, BLOB, mst_view_str(text), &d) : MST_FAULT_MEMORY;
	free(text);
	if (r)
		agent_log(a, AGENT_WARN, "history-not-saved", "why", r > 0 ? d.text : mst_fault_text(r), NULL);
	json_object_del(a->record, "pushed");
}

static void copy(json_t *to, const json_t *from, const char *const *members, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_t *v = json_object_get(from, members[i]);

		if (v)
			json_object_set_new(to, members[i], json_deep_copy(v));
	}
}

static json_t *brief(const json_t *record)
{
	static const char *const of_run[] = { "attempt", "trigger", "joined", "run", "when", "ended", "outcome" };
	static const char *const of_report[] = { "resource", "method", "reason", "step", "detail", "when" };
	const json_t *reports = json_object_get(record, "reports");
	size_t n = json_array_size(reports), from = n > REPORTS_MAX ? n - REPORTS_MAX : 0;
	json_t *run = json_object(), *list = json_array();

	copy(run, record, of_run, MST_COUNT(of_run));
	for (size_t i = from; i < n; i++) {
		json_t *one = json_object();

		copy(one, json_array_get(reports, i), of_report, MST_COUNT(of_report));
		json_array_append_new(list, one);
	}
	json_object_set_new(run, "reports", list);
	return run;
}

void history_push(json_t *record, json_t *old)
{
	json_t *all = json_incref(json_object_get(old, "history"));
	const char *attempt = json_string_value(json_object_get(old, "attempt"));

	if (!json_is_array(all)) {
		json_decref(all);
		all = json_array();
	}
	if (attempt && *attempt) {
		/* Whatever it was doing, something else began instead. */
		if (!json_object_get(old, "outcome"))
			json_object_set_new(old, "outcome", json_string("replaced"));
		json_array_append_new(all, brief(old));
		if (json_array_size(all) > RUNS_MAX)
			json_array_remove(all, 0);
		json_object_set_new(record, "pushed", json_true());
	}
	json_object_set_new(record, "history", all);
}

enum prov_reason record_reason_of(const char *text)
{
	for (int r = PROV_OK; text && r < PROV_REASON__COUNT; r++)
		if (!strcmp(text, prov_reason_text((enum prov_reason)r)))
			return (enum prov_reason)r;
	return PROV_INTERNAL;
}

static int method_of(const char *text)
{
	const struct mst_enum_value *v = mst_enum_by_text(&mst_method_table, mst_view_str(text ? text : ""));

	return v ? v->value : 0;
}

static void explain(json_t *run)
{
	json_t *r;
	size_t i;

	record_words(json_object_get(run, "reports"), "step");
	json_array_foreach(json_object_get(run, "reports"), i, r) {
		enum prov_reason why = record_reason_of(json_string_value(json_object_get(r, "reason")));

		json_object_set_new(r, "words", json_string(status_words(why)));
		json_object_set_new(r, "remedy", json_string(status_remedy(why, method_of(json_string_value(json_object_get(r, "method"))))));
	}
	if (!json_object_get(run, "outcome"))
		json_object_set_new(run, "outcome", json_string("running"));
	if (!json_object_get(run, "ended"))
		json_object_set_new(run, "ended", json_null());
	if (!json_object_get(run, "joined"))
		json_object_set_new(run, "joined", json_array());
}

json_t *history_json(const json_t *record)
{
	const json_t *old = json_object_get(record, "history");
	const char *attempt = json_string_value(json_object_get(record, "attempt"));
	json_t *all = json_array();

	if (attempt && *attempt)
		json_array_append_new(all, brief(record));
	for (size_t i = json_array_size(old); i > 0; i--)
		json_array_append_new(all, json_deep_copy(json_array_get(old, i - 1)));
	for (size_t i = 0; i < json_array_size(all); i++)
		explain(json_array_get(all, i));
	return all;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s && *s ? s : "-";
}

/* The last of its reasons that is none of success. */
static const json_t *last_failure(const json_t *run)
{
	const json_t *all = json_object_get(run, "reports");

	for (size_t i = json_array_size(all); i > 0; i--)
		if (strcmp(text_of(json_array_get(all, i - 1), "reason"), prov_reason_text(PROV_OK)))
			return json_array_get(all, i - 1);
	return NULL;
}

void history_print(FILE *out, const json_t *status)
{
	const json_t *run;
	size_t i;

	json_array_foreach((json_t *)json_object_get(status, "attempts"), i, run) {
		const json_t *f = strcmp(text_of(run, "outcome"), "enrolled") ? last_failure(run) : NULL;

		fprintf(out, "%-13s %s  %-9s %s (%s)", i ? "" : "attempts", text_of(run, "when"), text_of(run, "outcome"),
			text_of(run, "attempt"), text_of(run, "trigger"));
		if (f)
			fprintf(out, "  %s: %s", text_of(f, "reason"), text_of(f, "resource"));
		fputc('\n', out);
	}
}
