/* /v1/rules: changing them. Each change is a new version of the set, with who made it and what it was in words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "role/admin/rules.h"

/* Between neighbours in the stored order, so that a change writes one row. */
#define GAP (INT64_C(1) << 20)

static int refuse(struct admin *q, int rsc, const char *field, const char *text)
{
	struct mst_diag d;

	mst_diag_set(&d, 0, field, text, NULL);
	return admin_refuse(q, rsc, &d);
}

/* A new version, and the audit log's line about it. What is cut at its end loses no whole character. */
static int start_change(struct admin *q, const char *event, const char *name, const char *words, int64_t *ret_version)
{
	struct mst_rules_version v = { .at = q->env->now };
	size_t n;
	int r;

	memcpy(v.who, q->who, sizeof(v.who));
	snprintf(v.what, sizeof(v.what), "%s %s%s%s", event, name, *name && *words ? ": " : "", words);
	for (n = strlen(v.what); n && !mst_utf8_valid(mst_view_str(v.what)); v.what[--n] = '\0')
		;
	r = mst_store_rules_next(q->env->store, &v);
	if (!r)
		r = admin_event(q, event, 0, v.what + strlen(event) + 1);
	*ret_version = v.version;
	return r > 0 ? MST_FAULT_BUG : r;
}

/* At the end of a change: growth is bounded (lesson 17). */
static int forget_old(struct admin *q, int64_t version)
{
	return version > ADMIN_RULE_VERSIONS ? mst_store_rules_prune(q->env->store, version - ADMIN_RULE_VERSIONS + 1) : 0;
}

struct renumber {
	struct admin *q;
	struct admin_order *o;
	size_t at;
	int64_t version;
};

static int put_again(void *arg, const struct mst_rule_row *row)
{
	struct renumber *k = arg;
	struct mst_rule_row again;
	int r;

	if (k->at == k->o->n || strcmp(row->name, k->o->e[k->at].name))
		return 0;
	again = *row;
	again.since = k->version;
	again.until = 0;
	again.place = k->o->e[k->at].place = (int64_t)(k->at + 1) * GAP;
	k->at++;
	r = mst_store_rule_put(k->q->env->store, &again);
	return r > 0 ? MST_FAULT_BUG : r;
}

/* No room between two: all get new numbers. `o` has all that stand. */
static int renumber(struct admin *q, struct admin_order *o, int64_t version)
{
	struct renumber k = { q, o, 0, version };
	int r = 0;

	for (size_t i = 0; i < o->n && !r; i++)
		r = mst_store_rule_end(q->env->store, o->e[i].name, version);
	if (!r)
		r = mst_store_rule_list(q->env->store, version - 1, 0, 0, put_again, &k);
	return r > 0 ? MST_FAULT_BUG : r;
}

static int put_at(struct admin *q, struct admin_order *o, size_t slot, int64_t version, const char *name,
		  const struct mst_rule_octets *cbor)
{
	struct mst_rule_row row = { .since = version, .cbor = *cbor };
	int r = 0;

	for (int pass = 0; pass < 2 && !r; pass++) {
		int64_t low = slot ? o->e[slot - 1].place : 0, high = slot < o->n ? o->e[slot].place : low + 2 * GAP;

		row.place = low + (high - low) / 2;
		if (row.place > low)
			break;
		r = renumber(q, o, version);
	}
	snprintf(row.name, sizeof(row.name), "%s", name);
	if (!r)
		r = mst_store_rule_put(q->env->store, &row);
	return r > 0 ? MST_FAULT_BUG : r;
}

static int answer_rule(struct admin *q, int rsc, int64_t version, size_t slot, const struct mst_rule_octets *cbor)
{
	return admin_answer(q, rsc, json_pack("{s:I, s:I, s:o}", "set", (json_int_t)version, "position", (json_int_t)slot + 1,
					      "rule", admin_rule_json((struct mst_view){ cbor->b, cbor->n })));
}

static int add(struct admin *q, struct admin_rule *in, struct admin_order *o)
{
	struct mst_diag d;
	int64_t version;
	size_t slot;
	int r;

	if (admin_order_find(o, in->name) < o->n)
		return refuse(q, MST_RSC_CONFLICT, "name", "a rule of this name exists already; edit it, or give another name");
	if (o->n >= MST_RULES_MAX)
		return refuse(q, MST_RSC_CONFLICT, "rule", "there are 20000 rules already, which is all that there may be");
	if (!admin_order_slot(q->body, o, &slot, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = start_change(q, "rule.added", in->name, "", &version);
	if (!r)
		r = put_at(q, o, slot, version, in->name, &in->cbor);
	if (!r)
		r = forget_old(q, version);
	return r ? r : answer_rule(q, MST_RSC_CREATED, version, slot, &in->cbor);
}

int admin_rule_add(struct admin *q)
{
	static const char *const known[] = { "rule", "set", "before", "after", "position", NULL };
	struct mst_rules_version v;
	struct admin_rule in;
	struct admin_order o;
	struct mst_diag d;
	int r;

	if (!admin_only(q->body, known, &d) || !admin_rule_decode(json_object_get(q->body, "rule"), &in, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = admin_rules_current(q, &v);
	if (r)
		return r < 0 ? r : 0;
	r = admin_order_load(q, &o);
	if (r)
		return r;
	r = add(q, &in, &o);
	admin_order_free(&o);
	return r;
}

/* --- what is different, in words: `when.sites ["a"] → ["b"]; note gone` --- */

struct words {
	char text[200];
	size_t n;
};

static void say(struct words *w, const char *s)
{
	size_t n = strlen(s), left = sizeof(w->text) - 1 - w->n;

	n = n < left ? n : left;
	memcpy(w->text + w->n, s, n);
	w->n += n;
	w->text[w->n] = '\0';
}

static void say_value(struct words *w, const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	size_t n = text ? strlen(text) : 0;

	if (n > 60) { /* anchors and whole instructions are too much for a line */
		n = 60;
		while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
		text[n] = '\0';
	}
	say(w, text ? text : "?");
	say(w, n == 60 ? "…" : "");
	free(text);
}

static void diff(struct words *w, const char *path, const json_t *a, const json_t *b)
{
	const char *name;
	char inner[96];
	json_t *v;

	json_object_foreach((json_t *)a, name, v)
	{
		const json_t *other = json_object_get(b, name);

		snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", name);
		if (json_equal(v, other))
			continue;
		if (json_is_object(v) && json_is_object(other)) {
			diff(w, inner, v, other);
			continue;
		}
		say(w, w->n ? "; " : "");
		say(w, inner);
		say(w, other ? " " : " gone");
		if (other) {
			say_value(w, v);
			say(w, " → ");
			say_value(w, other);
		}
	}
	json_object_foreach((json_t *)b, name, v)
	{
		if (json_object_get(a, name))
			continue;
		snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", name);
		say(w, w->n ? "; " : "");
		say(w, inner);
		say(w, " now ");
		say_value(w, v);
	}
}

/* Put `cbor` in the place of the rule of q->id. */
static int replace(struct admin *q, const char *event, const char *words, const struct mst_rule_row *old, const char *name,
		   const struct mst_rule_octets *cbor)
{
	struct mst_rule_row row = { .place = old->place, .cbor = *cbor };
	struct admin_order o;
	size_t at;
	int64_t version;
	int r = admin_order_load(q, &o);

	if (r)
		return r;
	at = admin_order_find(&o, q->id);
	admin_order_free(&o);
	r = start_change(q, event, q->id, words, &version);
	if (!r)
		r = mst_store_rule_end(q->env->store, q->id, version);
	row.since = version;
	snprintf(row.name, sizeof(row.name), "%s", name);
	if (!r)
		r = mst_store_rule_put(q->env->store, &row);
	if (!r)
		r = forget_old(q, version);
	if (r)
		return r > 0 ? MST_FAULT_BUG : r;
	return answer_rule(q, MST_RSC_OK, version, at, cbor);
}

/* The rule of the path, in the set that the caller has looked at. 0; 1 answered; a fault. */
static int find(struct admin *q, const char *const *known, struct mst_rules_version *v, struct mst_rule_row *ret)
{
	struct mst_diag d;
	int r;

	if (!admin_only(q->body, known, &d)) {
		r = admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
		return r ? r : 1;
	}
	r = admin_rules_current(q, v);
	if (r)
		return r;
	r = mst_store_rule_get(q->env->store, q->id, ret);
	if (r <= 0)
		return r;
	r = admin_no_such_rule(q);
	return r ? r : 1;
}

/* It is so already: a repeated request gets the same answer and changes nothing (lesson 10). */
static int unchanged(struct admin *q, const struct mst_rules_version *v, const struct mst_rule_row *row)
{
	struct admin_order o;
	size_t at;
	int r = admin_order_load(q, &o);

	if (r)
		return r;
	at = admin_order_find(&o, row->name);
	admin_order_free(&o);
	return answer_rule(q, MST_RSC_OK, v->version, at, &row->cbor);
}

int admin_rule_edit(struct admin *q)
{
	static const char *const known[] = { "rule", "set", NULL };
	struct mst_rule_row old, other;
	struct mst_rules_version v;
	struct words w = { .n = 0 };
	struct admin_rule in;
	struct mst_diag d;
	json_t *a, *b;
	int r = find(q, known, &v, &old);

	if (r)
		return r < 0 ? r : 0;
	if (!admin_rule_decode(json_object_get(q->body, "rule"), &in, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	if (in.cbor.n == old.cbor.n && !memcmp(in.cbor.b, old.cbor.b, in.cbor.n))
		return unchanged(q, &v, &old);
	r = strcmp(in.name, q->id) ? mst_store_rule_get(q->env->store, in.name, &other) : MST_STORE_NONE;
	if (r < 0)
		return r;
	if (!r)
		return refuse(q, MST_RSC_CONFLICT, "name", "another rule has this name");
	a = admin_rule_json((struct mst_view){ old.cbor.b, old.cbor.n });
	b = admin_rule_json((struct mst_view){ in.cbor.b, in.cbor.n });
	diff(&w, "", a, b);
	json_decref(a);
	json_decref(b);
	return replace(q, "rule.edited", w.text, &old, in.name, &in.cbor);
}

/* enable, disable */
int admin_rule_switch(struct admin *q)
{
	static const char *const known[] = { "set", NULL };
	bool off = !strcmp(q->act, "disable");
	struct mst_rules_version v;
	struct mst_rule_octets cbor;
	struct mst_writer w = mst_writer_of(cbor.b, sizeof(cbor.b));
	uint8_t scratch[MST_RULE_OCTETS];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	struct mst_rule_row old;
	struct mst_rule rule;
	int r = find(q, known, &v, &old);

	if (r)
		return r < 0 ? r : 0;
	if (mst_rule_read_cbor((struct mst_view){ old.cbor.b, old.cbor.n }, &a, &rule, NULL))
		return MST_FAULT_CORRUPT;
	if (rule.disabled == off)
		return unchanged(q, &v, &old);
	rule.disabled = off;
	rule.has &= ~(UINT32_C(1) << MST_RU_DISABLED);
	rule.has |= (uint32_t)off << MST_RU_DISABLED;
	mst_rule_write_cbor(&rule, &w);
	if (!w.ok)
		return refuse(q, MST_RSC_CONFLICT, "rule", "as large as a rule may be already; make it smaller first");
	cbor.n = (uint16_t)w.n;
	return replace(q, off ? "rule.disabled" : "rule.enabled", "", &old, old.name, &cbor);
}

static int move(struct admin *q, const struct mst_rules_version *v, const struct mst_rule_row *row, struct admin_order *o)
{
	size_t at = admin_order_find(o, row->name), slot;
	char words[64];
	struct mst_diag d;
	int64_t version;
	int r;

	memmove(o->e + at, o->e + at + 1, (o->n - at - 1) * sizeof(*o->e));
	o->n--;
	if (!admin_order_slot(q->body, o, &slot, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	if (slot == at)
		return unchanged(q, v, row);
	snprintf(words, sizeof(words), "from %zu to %zu", at + 1, slot + 1);
	r = start_change(q, "rule.moved", row->name, words, &version);
	if (!r)
		r = mst_store_rule_end(q->env->store, row->name, version);
	if (!r)
		r = put_at(q, o, slot, version, row->name, &row->cbor);
	if (!r)
		r = forget_old(q, version);
	if (r)
		return r > 0 ? MST_FAULT_BUG : r;
	return answer_rule(q, MST_RSC_OK, version, slot, &row->cbor);
}

int admin_rule_move(struct admin *q)
{
	static const char *const known[] = { "set", "before", "after", "position", NULL };
	struct mst_rules_version v;
	struct mst_rule_row row;
	struct admin_order o;
	int r = find(q, known, &v, &row);

	if (r)
		return r < 0 ? r : 0;
	if (json_object_size(q->body) - (json_object_get(q->body, "set") != NULL) == 0)
		return refuse(q, MST_RSC_BAD_REQUEST, "position", "expected before, after or position: where to");
	r = admin_order_load(q, &o);
	if (r)
		return r;
	r = move(q, &v, &row, &o);
	admin_order_free(&o);
	return r;
}

int admin_rule_delete(struct admin *q)
{
	static const char *const known[] = { "set", NULL };
	struct mst_rules_version v;
	struct mst_rule_row row;
	int64_t version;
	int r = find(q, known, &v, &row);

	if (r)
		return r < 0 ? r : 0;
	r = start_change(q, "rule.deleted", row.name, "", &version);
	if (!r)
		r = mst_store_rule_end(q->env->store, row.name, version);
	if (!r)
		r = forget_old(q, version);
	if (r)
		return r > 0 ? MST_FAULT_BUG : r;
	return admin_answer(q, MST_RSC_OK, json_pack("{s:I, s:s}", "set", (json_int_t)version, "deleted", row.name));
}

/* --- back to an earlier set --- */

struct revive {
	struct admin *q;
	int64_t version;
	size_t n;
};

static int put_back(void *arg, const struct mst_rule_row *row)
{
	struct revive *k = arg;
	struct mst_rule_row again = *row;
	int r;

	again.since = k->version;
	again.until = 0;
	again.place = (int64_t)++k->n * GAP;
	r = mst_store_rule_put(k->q->env->store, &again);
	return r > 0 ? MST_FAULT_BUG : r;
}

struct known_version {
	int64_t version;
	bool found;
};

static int seek_version(void *arg, const struct mst_rules_version *v)
{
	struct known_version *k = arg;

	k->found = k->found || v->version == k->version;
	return 0;
}

static int go_back(struct admin *q, int64_t to)
{
	struct revive k = { .q = q };
	struct admin_order o;
	char words[32];
	int r = admin_order_load(q, &o);

	if (r)
		return r;
	snprintf(words, sizeof(words), "to set %lld", (long long)to);
	r = start_change(q, "rules.rolled-back", "", words, &k.version);
	for (size_t i = 0; i < o.n && !r; i++)
		r = mst_store_rule_end(q->env->store, o.e[i].name, k.version);
	if (!r)
		r = mst_store_rule_list(q->env->store, to, 0, 0, put_back, &k);
	if (!r)
		r = forget_old(q, k.version);
	admin_order_free(&o);
	if (r)
		return r > 0 ? MST_FAULT_BUG : r;
	return admin_answer(q, MST_RSC_OK, json_pack("{s:I, s:I}", "set", (json_int_t)k.version, "rules", (json_int_t)k.n));
}

int admin_rule_rollback(struct admin *q)
{
	static const char *const known[] = { "to", "set", NULL };
	const json_t *to = json_object_get(q->body, "to");
	struct known_version k = { .version = json_integer_value(to) };
	struct mst_rules_version v;
	struct mst_diag d;
	int r;

	if (!admin_only(q->body, known, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = admin_rules_current(q, &v);
	if (r)
		return r < 0 ? r : 0;
	r = mst_store_rules_versions(q->env->store, 0, 0, seek_version, &k);
	if (r)
		return r;
	if (!json_is_integer(to) || !k.found)
		return refuse(q, json_is_integer(to) ? MST_RSC_NOT_FOUND : MST_RSC_BAD_REQUEST, "to",
			      "expected the number of an earlier set that is still kept");
	if (k.version == v.version)
		return admin_answer(q, MST_RSC_OK, json_pack("{s:I}", "set", (json_int_t)v.version));
	return go_back(q, k.version);
}
