/* Flags of `muster rule add` and `edit`: the common cases without writing JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cert.h"
#include "rule.h"

static json_t *copy_part(const char *p, size_t n)
{
	json_t *j = json_stringn(p, n);

	if (!j)
		out_of_memory();
	return j;
}

/* "a,b" as a list. */
static json_t *list_of(const char *text)
{
	json_t *list = json_array();

	for (;;) {
		size_t n = strcspn(text, ",");

		json_array_append_new(list, copy_part(text, n));
		if (!text[n])
			return list;
		text += n + 1;
	}
}

/* 52.52 or -0.1276 as 1e-7 degree; *end is what follows. */
static bool degrees(const char *text, const char **end, json_int_t *ret)
{
	bool minus = *text == '-';
	json_int_t x = 0, unit = 10000000;
	const char *p = text + minus;
	int whole = 0;

	for (; *p >= '0' && *p <= '9' && whole < 4; p++, whole++)
		x = x * 10 + (*p - '0');
	x *= unit;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9' && unit > 1; p++)
			x += (*p - '0') * (unit /= 10);
	*end = p;
	*ret = minus ? -x : x;
	return whole > 0;
}

static bool point(const char *text, const char **end, json_int_t *lat, json_int_t *lon)
{
	return degrees(text, end, lat) && **end == ',' && degrees(*end + 1, end, lon);
}

static json_t *circle(const char *text)
{
	json_int_t lat, lon;
	const char *p;
	char *end;
	double r;

	if (!point(text, &p, &lat, &lon) || *p != ',')
		return NULL;
	r = strtod(p + 1, &end);
	if (strcmp(end, "km") == 0)
		r *= 1000;
	else if (*end && strcmp(end, "m") != 0)
		return NULL;
	if (!(r >= 1 && r < 1e8))
		return NULL;
	return json_pack("{s:I,s:I,s:I}", "latitude", lat, "longitude", lon, "radius", (json_int_t)(r + 0.5));
}

static json_t *polygon(const char *text)
{
	json_t *list = json_array();
	json_int_t lat, lon;

	while (point(text, &text, &lat, &lon)) {
		json_array_append_new(list, json_pack("{s:I,s:I}", "latitude", lat, "longitude", lon));
		if (!*text)
			return list;
		if (*text++ != ' ')
			break;
	}
	json_decref(list);
	return NULL;
}

static json_t *range(const char *text)
{
	const char *dots = strstr(text, "..");

	if (!dots || dots == text || !dots[2])
		return NULL;
	return json_pack("{s:o,s:s}", "from", copy_part(text, (size_t)(dots - text)), "to", dots + 2);
}

static json_t *failed(const char *text)
{
	return json_pack("{s:s}", "reason", text);
}

static json_t *text_value(const char *text)
{
	return json_string(text);
}

static json_t *number(const char *text)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	return *text && !*end ? json_integer(n) : NULL;
}

static json_t *date(const char *text)
{
	char stamp[16];

	return date_from(text, stamp) ? json_string(stamp) : NULL;
}

/* As xs:duration. */
static json_t *duration(const char *text)
{
	json_int_t seconds = duration_from(text);
	char out[32];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	mst_put_duration(&w, seconds);
	mst_put_nul(&w);
	return seconds ? json_string(out) : NULL;
}

enum part { TOP, WHEN, THEN };
/* Flags with a value that become one member. */
static const struct {
	const char *flag;
	enum part part;
	const char *member;
	json_t *(*make)(const char *text);
	const char *expects;
} members[] = {
	{ "note", TOP, "note", text_value, "text" },
	{ "from", TOP, "validFrom", date, "a date like " DATE_FORMS },
	{ "until", TOP, "validUntil", date, "a date like " DATE_FORMS },
	{ "circle", WHEN, "circle", circle, "LATITUDE,LONGITUDE,RADIUS, like 52.52,13.405,500m or 52.52,13.405,2km" },
	{ "polygon", WHEN, "polygon", polygon, "corners, like \"52.5,13.3 52.5,13.5 52.6,13.4\"" },
	{ "max-accuracy", WHEN, "maxAccuracy", number, "metres" },
	{ "place-from", WHEN, "placeFrom", text_value, "registry or node" },
	{ "site", WHEN, "sites", list_of, "site labels" },
	{ "cell", WHEN, "cells", list_of, "cells" },
	{ "serials", WHEN, "serials", range, "FIRST..LAST" },
	{ "node-prefix", WHEN, "nodePrefixes", list_of, "beginnings" },
	{ "device-prefix", WHEN, "devicePrefixes", list_of, "beginnings" },
	{ "imsi-prefix", WHEN, "imsiPrefixes", list_of, "beginnings" },
	{ "maker", WHEN, "makers", list_of, "makers" },
	{ "model", WHEN, "models", list_of, "models" },
	{ "batch", WHEN, "batches", list_of, "batches" },
	{ "subscription", WHEN, "subscriptions", list_of, "subscriptions" },
	{ "failed", WHEN, "failed", failed, "a reason" },
	{ "auth", WHEN, "authentication", list_of, "cert, psk, gba, none" },
	{ "can", WHEN, "methods", list_of, "methods" },
	{ "deny", THEN, "deny", text_value, "text" },
	{ "valid-for", THEN, "validFor", duration, "a duration, " DURATION_FORMS },
	{ "order", THEN, "order", text_value, "owner or node" },
};

struct action {
	const char *method, *mef, *sp, *maf, *maf_uri, *cse, *anchor, *redirect, *label;
};

static bool add_anchor(const char *path, json_t *to)
{
	uint8_t der[MST_CERT_MAX];
	char text[MST_CERT_MAX * 4 / 3 + 8];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	size_t n;

	if (cert_read(path, der, sizeof(der), &n))
		return false;
	mst_put_base64(&w, (struct mst_view){ der, n });
	mst_put_nul(&w);
	json_object_set_new(to, "anchors", json_pack("[s]", text));
	return true;
}

static void put(json_t *to, const char *name, const char *value)
{
	if (value)
		json_object_set_new(to, name, json_string(value));
}

/* --method cert,psk with one MEF is one instruction a method; --redirect is one of its own, behind them. */
static int add_instructions(const struct action *a, json_t *then)
{
	json_t *list = json_array(), *methods = list_of(a->method ? a->method : "cert"), *one, *in;
	bool good = true;
	size_t i;

	json_array_foreach(methods, i, one) {
		if (!a->mef)
			break;
		in = json_pack("{s:s,s:O,s:s}", "kind", "bootstrap", "method", one, "uri", a->mef);
		put(in, "target", a->cse ? a->cse : a->maf);
		if (a->cse)
			json_object_set_new(in, "SUID", json_integer(MST_SUID_KPSA));
		put(in, "adminFQDN", a->sp);
		put(in, "mafURI", a->maf_uri);
		put(in, "label", a->label);
		good = good && (!a->anchor || add_anchor(a->anchor, in));
		json_array_append_new(list, in);
	}
	json_decref(methods);
	if (a->redirect) {
		in = json_pack("{s:s,s:s,s:s}", "kind", "discovery", "method", "bbn", "uri", a->redirect);
		put(in, "label", a->label);
		good = good && (!a->anchor || add_anchor(a->anchor, in));
		json_array_append_new(list, in);
	}
	if (json_array_size(list))
		json_object_set(then, "instructions", list);
	json_decref(list);
	return good ? 0 : -1;
}

/* An issuer is a certificate's file, its SHA-256, or a subject's text. */
static bool add_issuer(const char *given, json_t *when)
{
	char text[2 * MST_SHA256_LEN + 1];
	size_t n = strlen(given);

	if (n > 4 && strcmp(given + n - 4, ".pem") == 0) {
		if (!anchor_text(given, text))
			return false;
		given = text;
	}
	json_object_set_new(when, "issuers", json_pack("[s]", given));
	return true;
}

int rule_flags_take(struct rule_flags *f, int argc, char **argv)
{
	const char *value[MST_COUNT(members)] = { NULL }, *issuer = NULL;
	struct action a = { NULL };
	bool stated = false, open = false, disabled = false;
	struct opt opts[MST_COUNT(members) + 17];
	const struct opt more[] = {
		{ "file", &f->file, NULL }, { "before", &f->before, NULL }, { "after", &f->after, NULL },
		{ "position", &f->position, NULL }, { "issuer", &issuer, NULL }, { "stated", NULL, &stated },
		{ "public", NULL, &open }, { "disabled", NULL, &disabled }, { "method", &a.method, NULL },
		{ "mef-uri", &a.mef, NULL }, { "sp", &a.sp, NULL }, { "maf", &a.maf, NULL }, { "maf-uri", &a.maf_uri, NULL }, { "cse", &a.cse, NULL },
		{ "anchor", &a.anchor, NULL }, { "redirect", &a.redirect, NULL }, { "label", &a.label, NULL },
	};

	_Static_assert(MST_COUNT(more) == 17, "room above");
	*f = (struct rule_flags){ json_object(), json_object(), json_object(), NULL, NULL, NULL, NULL };
	for (size_t i = 0; i < MST_COUNT(members); i++)
		opts[i] = (struct opt){ members[i].flag, &value[i], NULL };
	memcpy(opts + MST_COUNT(members), more, sizeof(more));
	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	for (size_t i = 0; i < MST_COUNT(members) && argc >= 0; i++) {
		json_t *part = members[i].part == TOP ? f->top : members[i].part == WHEN ? f->when : f->then;
		json_t *made = value[i] ? members[i].make(value[i]) : NULL;

		if (made)
			json_object_set_new(part, members[i].member, made);
		else if (value[i])
			return usage_error(NULL, "--%s %s: expected %s", members[i].flag, value[i], members[i].expects), -1;
	}
	if (argc < 0)
		return -1;
	if (a.cse && (a.maf || a.maf_uri || !a.method || strcmp(a.method, "gba")))
		return usage_error(NULL, "--cse goes with --method gba, and without --maf and --maf-uri: the node then has a key with that CSE alone"), -1;
	if (!a.mef && (a.method || a.sp || a.maf || a.maf_uri || a.cse))
		return usage_error(NULL, "--method, --sp, --maf, --maf-uri and --cse belong to a bootstrap: --mef-uri URI (or the BSF's) is missing"), -1;
	if (a.anchor && !a.mef && !a.redirect)
		return usage_error(NULL, "--anchor authenticates the peer of --mef-uri or --redirect; one of these is missing"), -1;
	if (add_instructions(&a, f->then) || (issuer && !add_issuer(issuer, f->when)))
		return -1;
	if (stated)
		json_object_set_new(f->when, "stated", json_true());
	if (open)
		json_object_set_new(f->top, "public", json_true());
	if (disabled)
		json_object_set_new(f->top, "disabled", json_true());
	return argc;
}

void rule_flags_free(struct rule_flags *f)
{
	json_decref(f->top);
	json_decref(f->when);
	json_decref(f->then);
}

bool rule_flags_any(const struct rule_flags *f)
{
	return json_object_size(f->top) + json_object_size(f->when) + json_object_size(f->then) > 0;
}

static void lay_over(json_t *rule, const char *part, json_t *members_of_part)
{
	json_t *old = json_object_get(rule, part);

	if (!json_object_size(members_of_part))
		return;
	if (json_is_object(old))
		json_object_update(old, members_of_part);
	else
		json_object_set(rule, part, members_of_part);
}

void rule_flags_apply(const struct rule_flags *f, json_t *rule)
{
	json_t *then = json_object_get(rule, "then");

	/* the one takes the place of the other */
	if (json_object_get(f->then, "deny"))
		json_object_del(rule, "then");
	else if (json_object_get(f->then, "instructions"))
		json_object_del(then, "deny");
	json_object_update(rule, f->top);
	lay_over(rule, "when", f->when);
	lay_over(rule, "then", f->then);
}

bool rule_flags_place(const struct rule_flags *f, json_t *body)
{
	json_t *n = f->position ? number(f->position) : NULL;

	if (f->position && !n) {
		usage_error(NULL, "--position %s: expected a number; 1 is first", f->position);
		return false;
	}
	if (n)
		json_object_set_new(body, "position", n);
	put(body, "before", f->before);
	put(body, "after", f->after);
	return true;
}

static bool add_rules(json_t *j, json_t *list, json_int_t *ret_set)
{
	json_t *rules = json_object_get(j, "rules"), *rule = json_object_get(j, "rule"), *one;
	size_t i;

	if (ret_set && json_is_integer(json_object_get(j, "set")))
		*ret_set = json_integer_value(json_object_get(j, "set"));
	if (json_is_object(j) && !rules && !rule)
		return json_array_append(list, j) == 0;
	if (json_is_object(rule))
		return json_array_append(list, rule) == 0;
	rules = rules ? rules : j;
	if (!json_is_array(rules))
		return false;
	json_array_foreach(rules, i, one)
		if (!json_is_object(one) || !add_rules(one, list, NULL))
			return false;
	return true;
}

bool rule_file_read(const char *path, json_t *list, json_int_t *ret_set)
{
	json_error_t e;
	size_t n;
	char *text = read_file(path, &n);
	json_t *j;
	bool good;

	if (ret_set)
		*ret_set = 0;
	if (!text)
		return false;
	j = mst_json_read(text, n, JSON_REJECT_DUPLICATES, &e);
	free(text);
	if (!j) {
		complain("%s:%d: column %d: %s; expected a rule in JSON", path, e.line, e.column, e.text);
		return false;
	}
	good = add_rules(j, list, ret_set);
	json_decref(j);
	if (!good)
		complain("%s: expected a rule (an object), or a list of rules", path);
	return good;
}
