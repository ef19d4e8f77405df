/* Does a rule hold for these facts? One function a kind of condition. Pure. */
#include "role/rules/rule-set.h"

#define HAS(m, row) ((m)->has >> (row)&1)

void rs_prepare(const struct mst_rule_facts *f, struct rs_facts *ret_x)
{
	*ret_x = (struct rs_facts){ .f = f, .from = { &f->place, &f->location } };
	for (size_t i = 0; i < f->n_methods; i++)
		ret_x->methods |= UINT32_C(1) << (f->methods[i] & 31);
	for (unsigned i = 0; i < 2; i++) {
		const struct mst_location *l = ret_x->from[i];

		ret_x->located[i] = HAS(l, MST_LO_LATITUDE) && HAS(l, MST_LO_LONGITUDE);
		if (ret_x->located[i])
			ret_x->at[i] = geo_vector(l->latitude, l->longitude);
	}
}

int rs_whose(const struct rs_rule *r, const struct rs_facts *x, unsigned row)
{
	bool registry = HAS(x->from[0], row), node = HAS(x->from[1], row);

	if (registry && r->place_from != MST_RULE_PLACE_NODE)
		return 0;
	return node && r->place_from != MST_RULE_PLACE_REGISTRY ? 1 : -1;
}

static struct mst_view label(const struct rs_rule *r, const struct rs_facts *x, unsigned row)
{
	int whose = rs_whose(r, x, row);

	if (whose < 0)
		return MST_VIEW_NONE;
	return row == MST_LO_SITE ? x->from[whose]->site : x->from[whose]->cell;
}

static struct mst_view name(const struct rs_rule *r, const struct rs_facts *x, struct mst_view v, bool proven)
{
	return proven || r->stated || x->as_if ? v : MST_VIEW_NONE;
}

struct mst_view rs_value(const struct rs_rule *r, const struct rs_facts *x, enum rs_list list)
{
	switch (list) {
	case RS_SITES: return label(r, x, MST_LO_SITE);
	case RS_CELLS: return label(r, x, MST_LO_CELL);
	case RS_ISSUERS: return x->f->issuer_name;
	case RS_NODES: return name(r, x, x->f->node_id, x->f->node_proven);
	case RS_DEVICES: return name(r, x, x->f->device_id, x->f->device_proven);
	case RS_IMSIS: return name(r, x, x->f->imsi, x->f->imsi_proven);
	case RS_MAKERS: return x->f->maker;
	case RS_MODELS: return x->f->model;
	case RS_BATCHES: return x->f->batch;
	case RS_SUBS: return x->f->subscription;
	case RS_LISTS: break;
	}
	return MST_VIEW_NONE;
}

bool rs_text_matches(const struct mst_rule_set *s, const struct rs_text *t, struct mst_view v)
{
	struct mst_view head = mst_view_sub(v, 0, t->n), want = rs_view(s, t);

	if (!v.n || !mst_view_eq(head, want))
		return false;
	switch ((enum rs_match)t->match) {
	case RS_EXACT:
	case RS_HASH: return v.n == t->n;
	case RS_BEGINS: return true;
	case RS_ARCS: return v.n == t->n || v.p[t->n] == '.' || (want.n && want.p[want.n - 1] == '.');
	}
	return false;
}

static bool list_holds(const struct mst_rule_set *s, const struct rs_rule *r, const struct rs_facts *x, enum rs_list l)
{
	struct mst_view v = rs_value(r, x, l);

	for (size_t i = 0; i < r->n_list[l]; i++) {
		const struct rs_text *t = &s->text[r->list[l] + i];

		if (rs_text_matches(s, t, t->match == RS_HASH ? x->f->issuer : v))
			return true;
	}
	return false;
}

static bool area_holds(const struct mst_rule_set *s, const struct rs_rule *r, const struct rs_facts *x, bool circle)
{
	int whose = rs_whose(r, x, MST_LO_LATITUDE);
	const struct mst_location *l;

	if (whose < 0 || !x->located[whose])
		return false;
	l = x->from[whose];
	if (r->has_accuracy && (!HAS(l, MST_LO_ACCURACY) || l->accuracy > r->max_accuracy))
		return false;
	if (circle)
		return geo_near(&r->centre, &x->at[whose], r->chord2);
	return geo_inside(s->corner + r->corners, r->n_corners, r->holds_north, l->latitude, l->longitude);
}

static struct mst_view without_zeros(struct mst_view v)
{
	while (v.n > 1 && v.p[0] == '0')
		v = mst_view_sub(v, 1, v.n);
	return v;
}

static int compare(struct mst_view a, struct mst_view b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n ? memcmp(a.p, b.p, a.n) : 0;
}

static bool serial_holds(const struct mst_rule_set *s, const struct rs_rule *r, struct mst_view v)
{
	struct mst_view from = rs_view(s, &r->serial_from), to = rs_view(s, &r->serial_to);

	if (!v.n)
		return false;
	if (!r->serial_digits)
		return v.n == from.n && compare(from, v) <= 0 && compare(v, to) <= 0;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	v = without_zeros(v);
	return compare(without_zeros(from), v) <= 0 && compare(v, without_zeros(to)) <= 0;
}

static bool failed_holds(const struct mst_rule_set *s, const struct rs_rule *r, const struct mst_rule_facts *f)
{
	for (size_t i = 0; i < f->n_failures; i++) {
		const struct mst_brief_failure *b = &f->failures[i];

		if ((!r->fail_method || (HAS(b, MST_BF_METHOD) && b->method == r->fail_method)) &&
		    (!r->fail_reason.n || rs_text_matches(s, &r->fail_reason, b->reason)) &&
		    (!r->fail_resource.n || rs_text_matches(s, &r->fail_resource, b->resource)))
			return true;
	}
	return false;
}

bool rs_holds(const struct mst_rule_set *s, const struct rs_rule *r, const struct rs_facts *x, enum rs_cond c)
{
	if ((unsigned)c < RS_LISTS)
		return list_holds(s, r, x, (enum rs_list)c);
	switch (c) {
	case RS_CIRCLE: return area_holds(s, r, x, true);
	case RS_POLYGON: return area_holds(s, r, x, false);
	case RS_SERIALS: return serial_holds(s, r, x->f->serial);
	case RS_FAILED: return failed_holds(s, r, x->f);
	case RS_AUTH: return x->as_if || (r->auths >> x->f->auth & 1);
	case RS_METHODS: return (r->methods & x->methods) != 0;
	case RS_DATES: return r->from <= x->f->now && x->f->now < r->until;
	case RS_CONDS: break;
	}
	return false;
}

bool rs_rule_holds(const struct mst_rule_set *s, const struct rs_rule *r, const struct rs_facts *x)
{
	for (unsigned c = 0; c < RS_CONDS; c++)
		if ((r->conds >> c & 1) && !rs_holds(s, r, x, (enum rs_cond)c))
			return false;
	return true;
}
