/* A rule set from its rules: decode, lay out, file under keys. The part that allocates. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "role/rules/rule-set.h"

#define HAS(m, row) ((m)->has >> (row)&1)

/* A growing array. */
struct pile {
	void *p;
	size_t n, cap, size;
};

/* Place of `n` new elements, zeroed; NULL without memory. */
static void *grow(struct pile *a, size_t n)
{
	void *at;

	if (a->n + n > a->cap) {
		size_t cap = a->cap * 2 + n + 16;
		void *p = reallocarray(a->p, cap, a->size);

		if (!p)
			return NULL;
		a->p = p;
		a->cap = cap;
	}
	at = (uint8_t *)a->p + a->n * a->size;
	memset(at, 0, n * a->size);
	a->n += n;
	return at;
}

struct build {
	struct mst_rule_set *s;
	struct pile text, corner, octets;
	struct mst_rule rule; /* the one at hand */
	uint8_t scratch[MST_RULE_OCTETS];
	bool no_memory;
};

static uint32_t keep(struct build *b, struct mst_view v)
{
	void *at = grow(&b->octets, v.n);

	if (!at)
		b->no_memory = true;
	else if (v.n)
		memcpy(at, v.p, v.n);
	return at ? (uint32_t)(b->octets.n - v.n) : 0;
}

static struct rs_text text(struct build *b, struct mst_view v, enum rs_match match)
{
	uint32_t at = keep(b, v);

	return (struct rs_text){ at, (uint16_t)v.n, (uint16_t)match };
}

/* "north*" is a beginning. */
static struct rs_text pattern(struct build *b, struct mst_view v)
{
	bool star = v.n && v.p[v.n - 1] == '*';

	return text(b, mst_view_sub(v, 0, v.n - star), star ? RS_BEGINS : RS_EXACT);
}

static struct rs_text issuer(struct build *b, struct mst_view v)
{
	uint8_t hash[32];
	size_t n = 0;

	if (v.n == 64 && mst_hex_decode(v, hash, sizeof(hash), &n) && n == sizeof(hash))
		return text(b, (struct mst_view){ hash, n }, RS_HASH);
	return pattern(b, v);
}

static void take_lists(struct build *b, struct rs_rule *r)
{
	const struct mst_rule_when *w = &b->rule.when;
	const struct {
		const struct mst_view *v;
		uint16_t n;
		int match; /* -1: as its star says */
	} lists[RS_LISTS] = {
		[RS_SITES] = { w->sites, w->n_sites, -1 },
		[RS_CELLS] = { w->cells, w->n_cells, -1 },
		[RS_ISSUERS] = { w->issuers, w->n_issuers, RS_HASH },
		[RS_NODES] = { w->node_prefixes, w->n_node_prefixes, RS_BEGINS },
		[RS_DEVICES] = { w->device_prefixes, w->n_device_prefixes, RS_ARCS },
		[RS_IMSIS] = { w->imsi_prefixes, w->n_imsi_prefixes, RS_BEGINS },
		[RS_MAKERS] = { w->makers, w->n_makers, -1 },
		[RS_MODELS] = { w->models, w->n_models, -1 },
		[RS_BATCHES] = { w->batches, w->n_batches, -1 },
		[RS_SUBS] = { w->subscriptions, w->n_subscriptions, -1 },
	};

	for (unsigned l = 0; l < RS_LISTS; l++) {
		r->list[l] = (uint32_t)b->text.n;
		r->n_list[l] = (uint8_t)lists[l].n;
		if (lists[l].n)
			r->conds |= UINT32_C(1) << l;
		for (size_t i = 0; i < lists[l].n; i++) {
			struct mst_view v = lists[l].v[i];
			struct rs_text *t = grow(&b->text, 1);

			if (!t)
				b->no_memory = true;
			else if (lists[l].match == RS_HASH)
				*t = issuer(b, v);
			else
				*t = lists[l].match < 0 ? pattern(b, v) : text(b, v, (enum rs_match)lists[l].match);
		}
	}
}

static void take_areas(struct build *b, struct rs_rule *r)
{
	const struct mst_rule_when *w = &b->rule.when;

	r->place_from = (uint8_t)w->place_from;
	r->has_accuracy = HAS(w, MST_RW_MAX_ACCURACY);
	r->max_accuracy = (int32_t)w->max_accuracy;
	if (HAS(w, MST_RW_CIRCLE)) {
		r->conds |= UINT32_C(1) << RS_CIRCLE;
		r->middle = (struct geo_corner){ (int32_t)w->circle.latitude, (int32_t)w->circle.longitude };
		r->radius = (int32_t)w->circle.radius;
		r->centre = geo_vector(w->circle.latitude, w->circle.longitude);
		r->chord2 = geo_chord2(w->circle.radius);
	}
	if (HAS(w, MST_RW_POLYGON)) {
		struct geo_corner *c = grow(&b->corner, w->n_polygon);

		if (!c) {
			b->no_memory = true;
			return;
		}
		r->conds |= UINT32_C(1) << RS_POLYGON;
		r->corners = (uint32_t)(b->corner.n - w->n_polygon);
		r->n_corners = (uint8_t)w->n_polygon;
		for (size_t i = 0; i < w->n_polygon; i++)
			c[i] = (struct geo_corner){ (int32_t)w->polygon[i].latitude, (int32_t)w->polygon[i].longitude };
		r->holds_north = geo_holds_north(c, w->n_polygon);
	}
}

static bool all_digits(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	return v.n > 0;
}

static void take_rest(struct build *b, struct rs_rule *r)
{
	const struct mst_rule_when *w = &b->rule.when;

	if (HAS(w, MST_RW_SERIALS)) {
		r->conds |= UINT32_C(1) << RS_SERIALS;
		r->serial_digits = all_digits(w->serials.from) && all_digits(w->serials.to);
		r->serial_from = text(b, w->serials.from, RS_EXACT);
		r->serial_to = text(b, w->serials.to, RS_EXACT);
	}
	if (HAS(w, MST_RW_FAILED)) {
		r->conds |= UINT32_C(1) << RS_FAILED;
		r->fail_reason = pattern(b, w->failed.reason);
		r->fail_method = w->failed.method;
		r->fail_resource = text(b, w->failed.resource, RS_BEGINS);
	}
	for (size_t i = 0; i < w->n_authentication; i++) {
		r->conds |= UINT32_C(1) << RS_AUTH;
		r->auths |= (uint8_t)(1u << w->authentication[i]);
	}
	for (size_t i = 0; i < w->n_methods; i++) {
		r->conds |= UINT32_C(1) << RS_METHODS;
		r->methods |= UINT32_C(1) << w->methods[i];
	}
	r->stated = w->stated;
}

static void take_rule(struct build *b, struct rs_rule *r, struct mst_view cbor)
{
	const struct mst_rule *m = &b->rule;

	r->disabled = m->disabled;
	r->open = m->open;
	r->from = HAS(m, MST_RU_FROM) ? m->valid_from : INT64_MIN;
	r->until = HAS(m, MST_RU_UNTIL) ? m->valid_until : MST_NEVER;
	if (HAS(m, MST_RU_FROM) || HAS(m, MST_RU_UNTIL))
		r->conds |= UINT32_C(1) << RS_DATES;
	r->name = text(b, m->name, RS_EXACT);
	r->cbor = keep(b, cbor);
	r->n_cbor = (uint32_t)cbor.n;
	take_lists(b, r);
	take_areas(b, r);
	take_rest(b, r);
}

/* --- keys --- */

struct entry {
	uint64_t key;
	uint32_t place;
};

static uint64_t text_key(const struct mst_rule_set *s, unsigned l, const struct rs_text *t)
{
	uint64_t key = rs_key_start(l, t->match == RS_BEGINS || t->match == RS_ARCS);

	for (size_t i = 0; i < t->n; i++)
		key = rs_key_add(key, s->octets[t->at + i]);
	return key;
}

#define KEYS_MAX MST_RULE_LIST_MAX

static size_t area_keys(const struct mst_rule_set *s, const struct rs_rule *r, bool circle, uint64_t *key, unsigned *ret_level)
{
	struct geo_box b = circle ? geo_circle_box(r->middle.latitude, r->middle.longitude, r->radius)
				  : geo_polygon_box(s->corner + r->corners, r->n_corners, r->holds_north);
	unsigned level = geo_level(&b);

	*ret_level = level;
	key[0] = rs_key_grid(geo_cell(level, b.south, b.west));
	key[1] = rs_key_grid(geo_cell(level, b.north, b.west));
	key[2] = rs_key_grid(geo_cell(level, b.south, b.west + b.width));
	key[3] = rs_key_grid(geo_cell(level, b.north, b.west + b.width));
	return 4;
}

/* The keys that a rule's condition gives; 0: this kind cannot be one. */
static size_t keys_of(const struct mst_rule_set *s, const struct rs_rule *r, unsigned c, uint64_t *key)
{
	unsigned level;

	if (!(r->conds >> c & 1))
		return 0;
	if (c == RS_CIRCLE || c == RS_POLYGON)
		return area_keys(s, r, c == RS_CIRCLE, key, &level);
	if (c >= RS_LISTS)
		return 0;
	for (size_t i = 0; i < r->n_list[c]; i++)
		key[i] = text_key(s, c, &s->text[r->list[c] + i]);
	return r->n_list[c];
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static bool add_entries(struct pile *e, const struct mst_rule_set *s, size_t place, unsigned c)
{
	uint64_t key[KEYS_MAX];
	size_t n = keys_of(s, &s->rule[place], c, key);
	struct entry *at = n ? grow(e, n) : NULL;

	for (size_t i = 0; at && i < n; i++)
		at[i] = (struct entry){ key[i], (uint32_t)place };
	return !n || at;
}

static size_t first_of(const struct pile *e, uint64_t key)
{
	const struct entry *p = e->p;
	size_t low = 0, high = e->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (p[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The condition whose keys the fewest rules share; RS_CONDS: none has any. */
static unsigned best_cond(const struct mst_rule_set *s, const struct rs_rule *r, const struct pile *all)
{
	unsigned best = RS_CONDS;
	size_t least = SIZE_MAX;

	for (unsigned c = 0; c < RS_CONDS; c++) {
		uint64_t key[KEYS_MAX];
		size_t n = keys_of(s, r, c, key), shared = 0;

		for (size_t i = 0; i < n; i++)
			shared += key[i] == UINT64_MAX ? all->n : first_of(all, key[i] + 1) - first_of(all, key[i]);
		if (n && shared < least) {
			least = shared;
			best = c;
		}
	}
	return best;
}

/* Which lengths and levels a search has to look for. */
static void note_use(struct mst_rule_set *s, const struct rs_rule *r, unsigned c)
{
	uint64_t key[KEYS_MAX];
	unsigned level;

	if (c == RS_CIRCLE || c == RS_POLYGON) {
		area_keys(s, r, c == RS_CIRCLE, key, &level);
		s->levels |= UINT32_C(1) << level;
		return;
	}
	for (size_t i = 0; c < RS_LISTS && i < r->n_list[c]; i++) {
		const struct rs_text *t = &s->text[r->list[c] + i];

		if (t->match == RS_BEGINS || t->match == RS_ARCS)
			s->lengths[c][t->n / 8] |= (uint8_t)(1u << t->n % 8);
	}
}

static bool lay_buckets(struct mst_rule_set *s, struct pile *filed)
{
	struct entry *e = filed->p;
	size_t n = 0;

	if (!filed->n)
		return true;
	qsort(e, filed->n, sizeof(*e), by_key);
	s->bucket = calloc(filed->n, sizeof(*s->bucket));
	s->place = calloc(filed->n, sizeof(*s->place));
	if (!s->bucket || !s->place)
		return false;
	for (size_t i = 0; i < filed->n; i++) {
		if (i && e[i].key == e[i - 1].key && e[i].place == e[i - 1].place)
			continue;
		if (!i || e[i].key != e[i - 1].key)
			s->bucket[s->n_buckets++] = (struct rs_bucket){ e[i].key, (uint32_t)n, 0 };
		s->place[n++] = e[i].place;
		s->bucket[s->n_buckets - 1].n++;
	}
	return true;
}

static bool file_rules(struct mst_rule_set *s)
{
	struct pile all = { .size = sizeof(struct entry) }, filed = all, rest = { .size = sizeof(uint32_t) };
	bool good = true;

	for (size_t i = 0; i < s->n && good; i++)
		for (unsigned c = 0; c < RS_CONDS && good && !s->rule[i].disabled; c++)
			good = add_entries(&all, s, i, c);
	if (good && all.n)
		qsort(all.p, all.n, sizeof(struct entry), by_key);
	for (size_t i = 0; i < s->n && good; i++) {
		unsigned c = s->rule[i].disabled ? RS_CONDS : best_cond(s, &s->rule[i], &all);
		uint32_t *at;

		if (s->rule[i].disabled)
			continue;
		if (c != RS_CONDS) {
			note_use(s, &s->rule[i], c);
			good = add_entries(&filed, s, i, c);
			continue;
		}
		at = grow(&rest, 1);
		good = at != NULL;
		if (good)
			*at = (uint32_t)i;
	}
	free(all.p);
	good = good && lay_buckets(s, &filed);
	free(filed.p);
	s->rest = rest.p;
	s->n_rest = rest.n;
	return good;
}

/* --- names are unique --- */

struct named {
	const struct mst_rule_set *s;
	uint32_t place;
};

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	struct mst_view v = mst_rule_set_name(x->s, x->place), w = mst_rule_set_name(y->s, y->place);
	int order = memcmp(v.p, w.p, v.n < w.n ? v.n : w.n);

	if (order || v.n != w.n)
		return order ? order : v.n < w.n ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static int find_twins(const struct mst_rule_set *s, size_t *ret_bad, struct mst_diag *d)
{
	struct named *all = calloc(s->n + 1, sizeof(*all));
	int r = 0;

	if (!all)
		return MST_FAULT_MEMORY;
	for (size_t i = 0; i < s->n; i++)
		all[i] = (struct named){ s, (uint32_t)i };
	qsort(all, s->n, sizeof(*all), by_name);
	for (size_t i = 1; i < s->n && !r; i++)
		if (mst_view_eq(mst_rule_set_name(s, all[i - 1].place), mst_rule_set_name(s, all[i].place))) {
			*ret_bad = all[i].place;
			mst_diag_set(d, 0, "name", "another rule has this name already", NULL);
			r = MST_MSG_INVALID;
		}
	free(all);
	return r;
}

static int take_all(struct build *b, const struct mst_view *cbor, size_t n, size_t *ret_bad, struct mst_diag *d)
{
	for (size_t i = 0; i < n; i++) {
		struct mst_arena a = mst_arena_of(b->scratch, sizeof(b->scratch));
		int o = mst_rule_read_cbor(cbor[i], &a, &b->rule, d);

		if (o) {
			*ret_bad = i;
			return o;
		}
		take_rule(b, &b->s->rule[i], cbor[i]);
		if (b->no_memory || b->octets.n > UINT32_MAX / 2)
			return MST_FAULT_MEMORY;
	}
	return 0;
}

int mst_rule_set_build(const struct mst_view *cbor, size_t n, struct mst_rule_set **ret_set, size_t *ret_bad,
		       struct mst_diag *d)
{
	struct mst_rule_set *s = calloc(1, sizeof(*s));
	struct build *b = calloc(1, sizeof(*b));
	size_t bad = 0;
	int r = s && b && n <= MST_RULES_MAX ? 0 : MST_FAULT_MEMORY;

	if (!r)
		s->rule = calloc(n + 1, sizeof(*s->rule));
	if (!r && s->rule) {
		b->s = s;
		b->text.size = sizeof(struct rs_text);
		b->corner.size = sizeof(struct geo_corner);
		b->octets.size = 1;
		r = grow(&b->octets, 1) ? take_all(b, cbor, n, &bad, d) : MST_FAULT_MEMORY;
		s->n = n;
		s->text = b->text.p;
		s->corner = b->corner.p;
		s->octets = b->octets.p;
		if (!r)
			r = find_twins(s, &bad, d);
		if (!r && !file_rules(s))
			r = MST_FAULT_MEMORY;
	} else {
		r = MST_FAULT_MEMORY;
	}
	free(b);
	if (r)
		mst_rule_set_free(s);
	else
		*ret_set = s;
	if (ret_bad)
		*ret_bad = bad;
	return r;
}

struct mst_rule_set *mst_rule_set_free(struct mst_rule_set *s)
{
	if (!s)
		return NULL;
	free(s->rule);
	free(s->text);
	free(s->corner);
	free(s->octets);
	free(s->bucket);
	free(s->place);
	free(s->rest);
	free(s);
	return NULL;
}
