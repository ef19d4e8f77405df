/*
 * The owner's rules as they stand in the store, compiled. Asked in every transaction; builds only when they have
 * changed, and reads one row otherwise. One cache for one store handle.
 */
#ifndef MST_ROLE_RULES_RULE_CACHE_H
#define MST_ROLE_RULES_RULE_CACHE_H

#include "role/rules/rule.h"
#include "store/store.h"

struct mst_rule_cache {
	struct mst_rule_set *set;       /* NULL: not asked yet */
	int64_t version;
	uint64_t tick;
};

/* Good until the next call. 0 or a fault; rules that do not read as rules are MST_FAULT_CORRUPT. */
MST_MUST_CHECK int mst_rule_cache_get(struct mst_rule_cache *c, struct mst_store *s, const struct mst_rule_set **ret_set,
				      int64_t *ret_version);
void mst_rule_cache_deinit(struct mst_rule_cache *c);

/* A set as of some version (0: now), without a cache. The caller frees it. */
MST_MUST_CHECK int mst_rule_set_load(struct mst_store *s, int64_t version, struct mst_rule_set **ret_set);

#endif
