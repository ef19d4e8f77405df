/* From the store's rows to a set. */
#include "role/rules/rule-cache.h"

#include <stdlib.h>
#include <string.h>

struct rows {
	uint8_t *octets;
	size_t n_octets, cap_octets;
	struct mst_view *view;  /* p is NULL until all octets are there: they may move; n is right */
	size_t n, cap;
};

static bool room(void **p, size_t *cap, size_t need, size_t size)
{
	size_t more = *cap * 2 + need;
	void *q;

	if (need <= *cap)
		return true;
	q = reallocarray(*p, more, size);
	if (!q)
		return false;
	*p = q;
	*cap = more;
	return true;
}

static int keep(void *arg, const struct mst_rule_row *row)
{
	struct rows *k = arg;

	if (!room((void **)&k->octets, &k->cap_octets, k->n_octets + row->cbor.n, 1) ||
	    !room((void **)&k->view, &k->cap, k->n + 1, sizeof(*k->view)))
		return MST_FAULT_MEMORY;
	memcpy(k->octets + k->n_octets, row->cbor.b, row->cbor.n);
	k->n_octets += row->cbor.n;
	k->view[k->n++] = (struct mst_view){ NULL, row->cbor.n };
	return 0;
}

int mst_rule_set_load(struct mst_store *s, int64_t version, struct mst_rule_set **ret_set)
{
	struct rows k = { 0 };
	size_t at = 0;
	int r = mst_store_rule_list(s, version, 0, 0, keep, &k);

	for (size_t i = 0; i < k.n; i++) {
		k.view[i].p = k.octets + at;
		at += k.view[i].n;
	}
	if (!r)
		r = mst_rule_set_build(k.view, k.n, ret_set, NULL, NULL);
	free(k.octets);
	free(k.view);
	return r > 0 ? MST_FAULT_CORRUPT : r;
}

int mst_rule_cache_get(struct mst_rule_cache *c, struct mst_store *s, const struct mst_rule_set **ret_set, int64_t *ret_version)
{
	struct mst_rules_version v;
	struct mst_rule_set *set;
	int r = mst_store_rules_version(s, &v);

	if (r)
		return r;
	if (!c->set || c->version != v.version || c->tick != v.tick) {
		r = mst_rule_set_load(s, 0, &set);
		if (r)
			return r;
		mst_rule_set_free(c->set);
		*c = (struct mst_rule_cache){ set, v.version, v.tick };
	}
	*ret_set = c->set;
	*ret_version = c->version;
	return 0;
}

void mst_rule_cache_deinit(struct mst_rule_cache *c)
{
	c->set = mst_rule_set_free(c->set);
}
