/* The first rule that holds: by the index, and one after the other. Pure. */
#include "role/rules/rule-set.h"

/* FNV-1a, 64 bits: octet by octet, so that one pass gives the keys of all beginnings. */
uint64_t rs_key_add(uint64_t key, uint8_t octet)
{
	return (key ^ octet) * UINT64_C(0x100000001b3);
}

uint64_t rs_key_start(unsigned kind, bool begins)
{
	return rs_key_add(UINT64_C(0xcbf29ce484222325), (uint8_t)(kind << 1 | begins));
}

uint64_t rs_key_grid(uint64_t cell)
{
	uint64_t key = rs_key_start(RS_KEY_GRID, false);

	for (int shift = 56; shift >= 0; shift -= 8)
		key = rs_key_add(key, (uint8_t)(cell >> shift));
	return key;
}

struct search {
	const struct mst_rule_set *s;
	struct rs_facts x;
	bool stranger;      /* did not authenticate, or nobody knows it: public rules only */
	bool would;         /* another rule holds for who it says it is */
	size_t best;        /* n: none yet */
};

/* Ones that come later than the best one so far need not be tried. */
static void try_one(struct search *q, size_t place)
{
	const struct rs_rule *r = &q->s->rule[place];

	if (r->disabled)
		return;
	if (!q->stranger || r->open) {
		if (rs_rule_holds(q->s, r, &q->x))
			q->best = place;
	} else if (!q->would) {
		q->x.as_if = true;
		q->would = rs_rule_holds(q->s, r, &q->x);
		q->x.as_if = false;
	}
}

static void try_list(struct search *q, const uint32_t *place, size_t n)
{
	for (size_t i = 0; i < n && place[i] < q->best; i++)
		try_one(q, place[i]);
}

static void try_key(struct search *q, uint64_t key)
{
	const struct mst_rule_set *s = q->s;
	size_t low = 0, high = s->n_buckets;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->bucket[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < s->n_buckets && s->bucket[low].key == key)
		try_list(q, s->place + s->bucket[low].at, s->bucket[low].n);
}

static void try_text(struct search *q, enum rs_list list, struct mst_view v)
{
	uint64_t exact = rs_key_start(list, false), begins = rs_key_start(list, true);
	const uint8_t *lengths = q->s->lengths[list];

	if (!v.n)
		return;
	for (size_t i = 0;; i++) {
		if (i < 256 && (lengths[i / 8] >> (i % 8) & 1))
			try_key(q, begins);
		if (i == v.n)
			break;
		exact = rs_key_add(exact, v.p[i]);
		begins = rs_key_add(begins, v.p[i]);
	}
	try_key(q, exact);
}

static void try_places(struct search *q)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct mst_location *l = q->x.from[i];

		try_text(q, RS_SITES, l->site);
		try_text(q, RS_CELLS, l->cell);
		for (unsigned level = 0; q->x.located[i] && level < GEO_LEVELS; level++)
			if (q->s->levels >> level & 1)
				try_key(q, rs_key_grid(geo_cell(level, l->latitude, l->longitude)));
	}
}

static void search_start(struct search *q, const struct mst_rule_set *s, const struct mst_rule_facts *f)
{
	*q = (struct search){ .s = s, .best = s->n, .stranger = f->auth == MST_RULE_AUTH_NONE || f->unknown };
	rs_prepare(f, &q->x);
}

static int search_end(const struct search *q, struct mst_rule_match *ret_m)
{
	if (q->best == q->s->n)
		return q->would ? MST_RULE_NONE_PUBLIC : MST_RULE_NONE;
	*ret_m = (struct mst_rule_match){ q->best, mst_rule_set_name(q->s, q->best), mst_rule_set_cbor(q->s, q->best) };
	return 0;
}

int mst_rule_decide(const struct mst_rule_set *set, const struct mst_rule_facts *f, struct mst_rule_match *ret_m)
{
	struct search q;

	search_start(&q, set, f);
	try_list(&q, set->rest, set->n_rest);
	try_places(&q);
	try_text(&q, RS_ISSUERS, f->issuer);
	try_text(&q, RS_ISSUERS, f->issuer_name);
	try_text(&q, RS_NODES, f->node_id);
	try_text(&q, RS_DEVICES, f->device_id);
	try_text(&q, RS_IMSIS, f->imsi);
	try_text(&q, RS_MAKERS, f->maker);
	try_text(&q, RS_MODELS, f->model);
	try_text(&q, RS_BATCHES, f->batch);
	try_text(&q, RS_SUBS, f->subscription);
	return search_end(&q, ret_m);
}

int mst_rule_decide_linear(const struct mst_rule_set *set, const struct mst_rule_facts *f, struct mst_rule_match *ret_m)
{
	struct search q;

	search_start(&q, set, f);
	for (size_t i = 0; i < set->n && q.best == set->n; i++)
		try_one(&q, i);
	return search_end(&q, ret_m);
}

size_t mst_rule_set_size(const struct mst_rule_set *set)
{
	return set->n;
}

struct mst_view mst_rule_set_name(const struct mst_rule_set *set, size_t place)
{
	return place < set->n ? rs_view(set, &set->rule[place].name) : MST_VIEW_NONE;
}

struct mst_view mst_rule_set_cbor(const struct mst_rule_set *set, size_t place)
{
	const struct rs_rule *r;

	if (place >= set->n)
		return MST_VIEW_NONE;
	r = &set->rule[place];
	return (struct mst_view){ set->octets + r->cbor, r->n_cbor };
}
