/* /v1/rules: looking at owner's rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "role/admin/rules.h"

bool admin_rule_decode(const json_t *j, struct admin_rule *ret, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(ret->scratch, sizeof(ret->scratch));
	struct mst_writer w = mst_writer_of(ret->cbor.b, sizeof(ret->cbor.b));
	char text[MST_RULE_OCTETS + 1];
	size_t n;

	if (!json_is_object(j)) {
		mst_diag_set(d, 0, "rule", "expected a JSON object: an owner's rule", NULL);
		return false;
	}
	n = json_dumpb(j, text, sizeof(text), JSON_COMPACT);
	if (n > sizeof(text))
		n = sizeof(text); /* too large by one is too large */
	if (mst_rule_read_json((struct mst_view){ (const uint8_t *)text, n }, &a, &ret->rule, d))
		return false;
	mst_rule_write_cbor(&ret->rule, &w);
	if (!w.ok || !mst_view_to_str(ret->rule.name, ret->name, sizeof(ret->name))) {
		mst_diag_set(d, 0, "rule", "too large; use fewer instructions or anchors", NULL);
		return false;
	}
	ret->cbor.n = (uint16_t)w.n;
	/* the texts stay: CBOR and scratch are the caller's, `text` is not */
	a.n = 0;
	return mst_rule_read_cbor(mst_written(&w), &a, &ret->rule, d) == 0;
}

json_t *admin_rule_json(struct mst_view cbor)
{
	static _Thread_local char text[2 * MST_RULE_OCTETS];
	static _Thread_local uint8_t scratch[MST_RULE_OCTETS];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_rule rule;

	if (mst_rule_read_cbor(cbor, &a, &rule, NULL))
		return NULL;
	mst_rule_write_json(&rule, &w);
	return w.ok ? mst_json_read(text, w.n, 0, NULL) : NULL;
}

bool admin_only(const json_t *j, const char *const *known, struct mst_diag *d)
{
	char all[120] = "";
	const char *name;
	size_t at = 0;
	json_t *v;

	for (size_t i = 0; known[i] && at < sizeof(all); i++)
		at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s", i ? ", " : "", known[i]);
	json_object_foreach((json_t *)j, name, v)
	{
		size_t i = 0;

		while (known[i] && strcmp(known[i], name))
			i++;
		if (!known[i]) {
			mst_diag_set(d, 0, "body", "unknown member; known are ", all, NULL);
			return false;
		}
	}
	return true;
}

int admin_rules_current(struct admin *q, struct mst_rules_version *ret_v)
{
	json_t *set = json_object_get(q->body, "set");
	char now[24], had[24];
	struct mst_diag d;
	int r = mst_store_rules_version(q->env->store, ret_v);

	if (r || !set)
		return r;
	if (json_is_integer(set) && json_integer_value(set) == ret_v->version)
		return 0;
	if (!json_is_integer(set)) {
		mst_diag_set(&d, 0, "set", "expected the number of the set that you have looked at", NULL);
		r = admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
		return r ? r : 1;
	}
	snprintf(now, sizeof(now), "%lld", (long long)ret_v->version);
	snprintf(had, sizeof(had), "%lld", (long long)json_integer_value(set));
	mst_diag_set(&d, 0, "set", "the rules have been changed meanwhile: this is set ", now, ", you have looked at ", had,
		     "; look again, then decide", NULL);
	r = admin_refuse(q, MST_RSC_CONFLICT, &d);
	return r ? r : 1;
}

int admin_no_such_rule(struct admin *q)
{
	struct mst_diag d;

	mst_diag_set(&d, 0, "id", "there is no rule of this name", NULL);
	return admin_refuse(q, MST_RSC_NOT_FOUND, &d);
}

/* --- the order --- */

static int keep_slot(void *arg, const struct mst_rule_row *row)
{
	struct admin_order *o = arg;

	if (o->n == o->cap) {
		size_t cap = o->cap * 2 + 64;
		void *p = reallocarray(o->e, cap, sizeof(*o->e));

		if (!p)
			return MST_FAULT_MEMORY;
		o->e = p;
		o->cap = cap;
	}
	memcpy(o->e[o->n].name, row->name, sizeof(row->name));
	o->e[o->n++].place = row->place;
	return 0;
}

int admin_order_load(struct admin *q, struct admin_order *ret_o)
{
	int r;

	*ret_o = (struct admin_order){ NULL, 0, 0 };
	r = mst_store_rule_list(q->env->store, 0, 0, 0, keep_slot, ret_o);
	if (r)
		admin_order_free(ret_o);
	return r;
}

void admin_order_free(struct admin_order *o)
{
	free(o->e);
	o->e = NULL;
	o->n = 0;
}

size_t admin_order_find(const struct admin_order *o, const char *name)
{
	size_t i = 0;

	while (i < o->n && strcmp(o->e[i].name, name))
		i++;
	return i;
}

bool admin_order_slot(const json_t *body, const struct admin_order *o, size_t *ret_slot, struct mst_diag *d)
{
	const json_t *before = json_object_get(body, "before"), *after = json_object_get(body, "after"),
		     *position = json_object_get(body, "position");
	const json_t *rule = before ? before : after;
	size_t i;

	if ((before != NULL) + (after != NULL) + (position != NULL) > 1) {
		mst_diag_set(d, 0, "position", "expected one of before, after and position", NULL);
		return false;
	}
	*ret_slot = o->n;
	if (position) {
		json_int_t p = json_is_integer(position) ? json_integer_value(position) : 0;

		if (p < 1) {
			mst_diag_set(d, 0, "position", "expected a number; 1 is first", NULL);
			return false;
		}
		*ret_slot = (size_t)p - 1 < o->n ? (size_t)p - 1 : o->n;
		return true;
	}
	if (!rule)
		return true;
	i = json_is_string(rule) ? admin_order_find(o, json_string_value(rule)) : o->n;
	if (i == o->n) {
		mst_diag_set(d, 0, before ? "before" : "after", "expected the name of another rule of the set", NULL);
		return false;
	}
	*ret_slot = before ? i : i + 1;
	return true;
}

/* --- list and show --- */

enum { RULES_SET, RULES_AFTER, RULES_LIMIT };

struct rule_page {
	json_t *list;
	size_t size, left, at, after;
	bool more;
};

static int keep_rule(void *arg, const struct mst_rule_row *row)
{
	struct rule_page *p = arg;
	json_t *j;

	if (++p->at <= p->after)
		return 0;
	if (!p->left || p->size > ADMIN_ANSWER_FULL) {
		p->more = true;
		return 1;
	}
	j = json_pack("{s:I, s:o}", "position", (json_int_t)p->at, "rule",
		      admin_rule_json((struct mst_view){ row->cbor.b, row->cbor.n }));
	p->size += j ? admin_json_size(j) : 0;
	p->left--;
	return json_array_append_new(p->list, j) ? MST_FAULT_MEMORY : 0;
}

int admin_rule_list(struct admin *q)
{
	struct rule_page p = { 0 };
	struct mst_rules_version v;
	uint64_t limit, after, set;
	struct mst_diag d;
	json_t *j;
	int r;

	if (!admin_number("limit", q->param[RULES_LIMIT], ADMIN_PAGE, ADMIN_PAGE_MAX, &limit, &d) ||
	    !admin_number("after", q->param[RULES_AFTER], 0, MST_RULES_MAX, &after, &d) ||
	    !admin_number("set", q->param[RULES_SET], 0, INT64_MAX, &set, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = mst_store_rules_version(q->env->store, &v);
	if (r)
		return r;
	if (set > (uint64_t)v.version) {
		mst_diag_set(&d, 0, "set", "there is no set of this number yet", NULL);
		return admin_refuse(q, MST_RSC_NOT_FOUND, &d);
	}
	p.list = json_array();
	p.left = (size_t)limit;
	p.after = (size_t)after;
	r = mst_store_rule_list(q->env->store, (int64_t)set, 0, 0, keep_rule, &p);
	if (r < 0) {
		json_decref(p.list);
		return r;
	}
	j = json_pack("{s:I, s:o}", "set", (json_int_t)(set ? (int64_t)set : v.version), "rules", p.list);
	if (p.more && json_object_set_new(j, "next", json_integer((json_int_t)p.at - 1))) {
		json_decref(j);
		j = NULL;
	}
	return admin_answer(q, MST_RSC_OK, j);
}

int admin_rule_show(struct admin *q)
{
	struct mst_rules_version v;
	struct mst_rule_row row;
	struct admin_order o;
	size_t at;
	int r = mst_store_rule_get(q->env->store, q->id, &row);

	if (r)
		return r < 0 ? r : admin_no_such_rule(q);
	r = mst_store_rules_version(q->env->store, &v);
	if (!r)
		r = admin_order_load(q, &o);
	if (r)
		return r;
	at = admin_order_find(&o, q->id);
	admin_order_free(&o);
	return admin_answer(q, MST_RSC_OK, json_pack("{s:I, s:I, s:o}", "set", (json_int_t)v.version, "position",
						     (json_int_t)at + 1, "rule",
						     admin_rule_json((struct mst_view){ row.cbor.b, row.cbor.n })));
}

static int keep_version(void *arg, const struct mst_rules_version *v)
{
	return json_array_append_new(arg, json_pack("{s:I, s:o, s:s, s:s}", "set", (json_int_t)v->version, "at",
						    admin_json_time(v->at), "who", v->who, "what", v->what))
		       ? MST_FAULT_MEMORY
		       : 0;
}

int admin_rule_versions(struct admin *q)
{
	json_t *list = json_array();
	int r = mst_store_rules_versions(q->env->store, 0, ADMIN_RULE_VERSIONS, keep_version, list);

	if (r) {
		json_decref(list);
		return r;
	}
	return admin_answer(q, MST_RSC_OK, json_pack("{s:o}", "sets", list));
}
