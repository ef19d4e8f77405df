/* A rule in a line, for lists. */
#include <string.h>

#include "rule.h"

struct words {
	char *text;
	size_t cap, n;
};

static void say_more(struct words *w, const char *s)
{
	size_t n = strlen(s), left = w->cap - 1 - w->n;

	n = n < left ? n : left;
	memcpy(w->text + w->n, s, n);
	w->n += n;
	w->text[w->n] = '\0';
}

static void say_degrees(struct words *w, json_int_t x)
{
	char text[32];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "%s%lld.%07lld", x < 0 ? "-" : "", (long long)(x < 0 ? -x : x) / 10000000,
	                     (long long)(x < 0 ? -x : x) % 10000000);
	while (text[n - 1] == '0' && text[n - 2] != '.')
		text[--n] = '\0';
	say_more(w, text);
}

static json_int_t int_of(const json_t *j, const char *name)
{
	return json_integer_value(json_object_get(j, name));
}

static void say_value(struct words *w, const char *name, const json_t *v)
{
	char number[32];
	json_t *one;
	size_t i;

	if (strcmp(name, "circle") == 0) {
		say_degrees(w, int_of(v, "latitude"));
		say_more(w, ",");
		say_degrees(w, int_of(v, "longitude"));
		snprintf(number, sizeof(number), ",%lldm", (long long)int_of(v, "radius"));
		say_more(w, number);
	} else if (strcmp(name, "polygon") == 0) {
		snprintf(number, sizeof(number), "of %zu corners", json_array_size(v));
		say_more(w, number);
	} else if (strcmp(name, "serials") == 0) {
		say_more(w, text_of(v, "from"));
		say_more(w, "..");
		say_more(w, text_of(v, "to"));
	} else if (strcmp(name, "failed") == 0) {
		say_more(w, *text_of(v, "reason") ? text_of(v, "reason") : "before");
		say_more(w, *text_of(v, "method") ? " " : "");
		say_more(w, text_of(v, "method"));
		say_more(w, *text_of(v, "resource") ? " " : "");
		say_more(w, text_of(v, "resource"));
	} else if (json_is_array(v)) {
		json_array_foreach((json_t *)v, i, one) {
			say_more(w, i ? "|" : "");
			say_more(w, json_string_value(one) ? json_string_value(one) : "?");
		}
	} else if (json_is_integer(v)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
		say_more(w, number);
	} else if (json_is_string(v)) {
		say_more(w, json_string_value(v));
	}
}

const char *rule_when_words(const json_t *rule)
{
	static const struct { const char *member, *word; } known[] = {
		{ "sites", "site" }, { "cells", "cell" }, { "circle", "circle" }, { "polygon", "polygon" }, { "maxAccuracy", "accuracy" },
		{ "placeFrom", "place from" }, { "makers", "maker" }, { "models", "model" }, { "batches", "batch" }, { "serials", "serial" },
		{ "nodePrefixes", "node" }, { "devicePrefixes", "device" }, { "imsiPrefixes", "imsi" }, { "stated", "as stated" },
		{ "issuers", "issuer" }, { "subscriptions", "subscription" }, { "failed", "failed" }, { "authentication", "by" },
		{ "methods", "can" },
	};
	static char text[1024];
	struct words w = { text, sizeof(text), 0 };
	const json_t *when = json_object_get(rule, "when");

	text[0] = '\0';
	for (size_t i = 0; i < MST_COUNT(known); i++) {
		const json_t *v = json_object_get(when, known[i].member);

		if (!v)
			continue;
		say_more(&w, w.n ? ", " : "");
		say_more(&w, known[i].word);
		say_more(&w, json_is_boolean(v) ? "" : " ");
		say_value(&w, known[i].member, v);
	}
	return *text ? text : "every node";
}

const char *rule_then_words(const json_t *rule)
{
	static char text[1024];
	struct words w = { text, sizeof(text), 0 };
	const json_t *then = json_object_get(rule, "then"), *in;
	size_t i;

	text[0] = '\0';
	if (json_object_get(then, "deny")) {
		say_more(&w, "deny: ");
		say_more(&w, text_of(then, "deny"));
	}
	json_array_foreach(json_object_get(then, "instructions"), i, in) {
		say_more(&w, i ? "; " : "");
		say_more(&w, text_of(in, "method"));
		say_more(&w, " ");
		say_more(&w, text_of(in, "uri"));
		if (*text_of(in, "target")) {
			say_more(&w, " for ");
			say_more(&w, text_of(in, "target"));
		}
	}
	return text;
}
