/* The owner's rules between the store and the decision: compiled once, and again when they have changed. */
#include <stdlib.h>

#include "base/fault.h"
#include "role/bbn/bbn.h"
#include "role/bbn/rule-cache.h"

int bbn_rules(struct mst_role_env *env, const struct mst_rule_set **ret_set, int64_t *ret_version)
{
	struct mst_rule_cache *c = *env->state;

	if (!c)
		*env->state = c = calloc(1, sizeof(*c));
	return c ? mst_rule_cache_get(c, env->store, ret_set, ret_version) : MST_FAULT_MEMORY;
}

void bbn_forget(void *state)
{
	mst_rule_cache_deinit(state);
	free(state);
}
