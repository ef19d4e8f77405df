#include "agent/refused.h"

#include <stdio.h>
#include <string.h>

#include "proto/briefing/briefing.h"

#define MEMBER "refused"

static const char *const by_text[REFUSED_BY__COUNT] = {
	[REFUSED_FILE] = "file", [REFUSED_CONTROL] = "control", [REFUSED_PAGE] = "page",
};

static const char *text_of(const json_t *one, const char *name)
{
	const char *s = json_string_value(json_object_get(one, name));

	return s ? s : "";
}

static json_t *make(const struct agent *a, const char *what, enum prov_reason why, const struct mst_diag *d)
{
	char words[AGENT_PATH_MAX + 8], resource[AGENT_PATH_MAX + 8], detail[160];

	snprintf(words, sizeof(words), "%s%s%s", d->field, d->field[0] ? ": " : "", d->text);
	briefing_plain(detail, sizeof(detail), mst_view_str(words));
	snprintf(words, sizeof(words), "%s%s", what[0] == '/' ? "file " : "", what);
	briefing_plain(resource, sizeof(resource), mst_view_str(words));
	return json_pack("{s:s, s:s, s:s, s:o, s:b, s:b}", "resource", resource, "reason", prov_reason_text(why), "detail", detail, "when",
			 status_time(agent_utc_or_0(a)), "open", 1, "untold", 1);
}

/* The same again, as a renewal that is tried every hour finds it: nothing to be written, nothing to be told anew. */
static bool same(const json_t *one, const json_t *other)
{
	return json_is_true(json_object_get(one, "open")) && !strcmp(text_of(one, "resource"), text_of(other, "resource")) &&
	       !strcmp(text_of(one, "reason"), text_of(other, "reason")) && !strcmp(text_of(one, "detail"), text_of(other, "detail"));
}

void refused_note(struct agent *a, enum refused_by by, const char *what, enum prov_reason why, const struct mst_diag *d)
{
	json_t *all = json_object_get(a->record, MEMBER), *one = json_object_get(all, by_text[by]);

	if (!why) {
		if (!one || json_is_false(json_object_get(one, "open")))
			return;
		if (json_is_true(json_object_get(one, "untold")))
			json_object_set_new(one, "open", json_false());
		else
			json_object_del(all, by_text[by]);
	} else {
		json_t *now = make(a, what, why, d);

		if (one && same(one, now)) {
			json_decref(now);
			return;
		}
		if (!all) {
			all = json_object();
			json_object_set_new(a->record, MEMBER, all);
		}
		json_object_set_new(all, by_text[by], now);
	}
	a->record_dirty = true;
}

void refused_untold(const struct agent *a, json_t *all)
{
	const json_t *kept = json_object_get(a->record, MEMBER), *one;

	for (size_t i = 0; i < REFUSED_BY__COUNT; i++) {
		one = json_object_get(kept, by_text[i]);
		if (json_is_true(json_object_get(one, "untold")))
			json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:O}", "resource", text_of(one, "resource"), "reason", text_of(one, "reason"),
							     "detail", text_of(one, "detail"), "when", json_object_get(one, "when")));
	}
}

void refused_told(struct agent *a)
{
	json_t *kept = json_object_get(a->record, MEMBER), *one;

	for (size_t i = 0; i < REFUSED_BY__COUNT; i++) {
		one = json_object_get(kept, by_text[i]);
		if (!one || json_is_false(json_object_get(one, "untold")))
			continue;
		if (json_is_true(json_object_get(one, "open")))
			json_object_set_new(one, "untold", json_false());
		else
			json_object_del(kept, by_text[i]);
		a->record_dirty = true;
	}
}

json_t *refused_json(const json_t *record)
{
	const json_t *kept = json_object_get(record, MEMBER), *one;
	json_t *all = json_array();

	for (size_t i = 0; i < REFUSED_BY__COUNT; i++) {
		enum prov_reason why;

		one = json_object_get(kept, by_text[i]);
		if (!json_is_true(json_object_get(one, "open")))
			continue;
		why = record_reason_of(text_of(one, "reason"));
		json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O}", "by", by_text[i], "resource", text_of(one, "resource"),
						     "reason", text_of(one, "reason"), "words", status_words(why), "detail", text_of(one, "detail"),
						     "remedy", status_remedy(why, MST_METHOD_FILE), "when", json_object_get(one, "when")));
	}
	return all;
}

void refused_print(FILE *out, const json_t *status)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)json_object_get(status, "refused"), i, one)
		fprintf(out, "%-13s %s: %s%s%s%s\n  what to do: %s\n", i ? "" : "refused", text_of(one, "resource"), text_of(one, "words"),
			*text_of(one, "detail") ? " (" : "", text_of(one, "detail"), *text_of(one, "detail") ? ")" : "", text_of(one, "remedy"));
}
