/* The set that a request about rules is about: what stands, or what might. */
#include <stdlib.h>
#include <string.h>

#include "role/admin/rules.h"

static bool push(struct admin_candidate *c, size_t slot, struct mst_view cbor)
{
	uint8_t *copy = malloc(cbor.n + 1);

	if (copy && c->n == c->cap) {
		size_t cap = c->cap * 2 + 64;
		void *p = reallocarray(c->cbor, cap, sizeof(*c->cbor));

		if (!p) {
			free(copy);
			return false;
		}
		c->cbor = p;
		c->cap = cap;
	}
	if (!copy)
		return false;
	if (cbor.n)
		memcpy(copy, cbor.p, cbor.n);
	memmove(c->cbor + slot + 1, c->cbor + slot, (c->n - slot) * sizeof(*c->cbor));
	c->cbor[slot].p = copy;
	c->cbor[slot].n = cbor.n;
	c->n++;
	return true;
}

static void drop(struct mst_view *v)
{
	free((void *)(uintptr_t)v->p);
	*v = MST_VIEW_NONE;
}

static int keep(void *arg, const struct mst_rule_row *row)
{
	struct admin_candidate *c = arg;

	return push(c, c->n, (struct mst_view){ row->cbor.b, row->cbor.n }) ? 0 : MST_FAULT_MEMORY;
}

/* 1: answered. */
static int refuse(struct admin *q, int rsc, const struct mst_diag *d)
{
	int r = admin_refuse(q, rsc, d);

	return r ? r : 1;
}

static int refuse_rule(struct admin *q, size_t i, const struct mst_diag *d)
{
	struct mst_diag more;
	char field[96];

	snprintf(field, sizeof(field), "rules[%zu]%s%.70s", i, d->field[0] ? "." : "", d->field);
	mst_diag_set(&more, 0, field, d->text, NULL);
	return refuse(q, MST_RSC_BAD_REQUEST, &more);
}

/* Same name: in its place. New: where the body says, one behind the other. */
static int lay_over(struct admin *q, const json_t *rules, struct admin_candidate *c, struct admin_order *o)
{
	struct admin_rule in;
	struct mst_diag d;
	size_t slot, i, at;
	const json_t *one;

	if (!admin_order_slot(q->body, o, &slot, &d))
		return refuse(q, MST_RSC_BAD_REQUEST, &d);
	json_array_foreach((json_t *)rules, i, one)
	{
		struct mst_view cbor;

		if (!admin_rule_decode(one, &in, &d))
			return refuse_rule(q, i, &d);
		cbor = (struct mst_view){ in.cbor.b, in.cbor.n };
		at = json_is_true(json_object_get(q->body, "only")) ? o->n : admin_order_find(o, in.name);
		if (at == o->n) {
			if (c->n >= MST_RULES_MAX || !push(c, slot, cbor))
				return MST_FAULT_MEMORY;
			slot++;
			continue;
		}
		/* later ones have moved by what was put before them */
		at += c->n - o->n > 0 && at >= slot - (c->n - o->n) ? c->n - o->n : 0;
		drop(&c->cbor[at]);
		if (!push(c, at, cbor))
			return MST_FAULT_MEMORY;
		memmove(c->cbor + at + 1, c->cbor + at + 2, (c->n - at - 2) * sizeof(*c->cbor));
		c->n--;
	}
	return 0;
}

static int compile(struct admin *q, struct admin_candidate *c)
{
	struct mst_diag d = { 0 };
	size_t bad = 0;
	int r = mst_rule_set_build(c->cbor, c->n, &c->set, &bad, &d);

	return r > 0 ? refuse_rule(q, bad, &d) : r;
}

int admin_candidate_load(struct admin *q, struct admin_candidate *ret_c)
{
	const json_t *rules = json_object_get(q->body, "rules"), *only = json_object_get(q->body, "only");
	struct mst_rules_version v;
	struct admin_order o = { 0 };
	struct mst_diag d;
	int r;

	*ret_c = (struct admin_candidate){ .given = rules != NULL };
	if ((rules && !json_is_array(rules)) || (only && !json_is_boolean(only)) || (json_is_true(only) && !rules)) {
		mst_diag_set(&d, 0, "rules", "expected a list of rules; only: true or false, with rules", NULL);
		return refuse(q, MST_RSC_BAD_REQUEST, &d);
	}
	r = mst_store_rules_version(q->env->store, &v);
	ret_c->version = v.version;
	if (!r && !json_is_true(only)) {
		r = mst_store_rule_list(q->env->store, 0, 0, 0, keep, ret_c);
		if (!r)
			r = admin_order_load(q, &o);
	}
	if (!r && rules)
		r = lay_over(q, rules, ret_c, &o);
	if (!r)
		r = compile(q, ret_c);
	admin_order_free(&o);
	if (r)
		admin_candidate_free(ret_c);
	return r;
}

void admin_candidate_free(struct admin_candidate *c)
{
	for (size_t i = 0; i < c->n; i++)
		drop(&c->cbor[i]);
	free(c->cbor);
	c->cbor = NULL;
	c->n = c->cap = 0;
	c->set = mst_rule_set_free(c->set);
}
