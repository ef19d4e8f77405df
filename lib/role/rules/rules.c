/* The owner's rules between the store and a role's decision: compiled once, and again when they have changed. */
#include "role/rules/rules.h"

#include <stdlib.h>

#include "base/fault.h"
#include "role/rules/rule-cache.h"

int mst_role_rules(struct mst_role_env *env, const struct mst_rule_set **ret_set, int64_t *ret_version)
{
	struct mst_rule_cache *c = *env->state;

	if (!c)
		*env->state = c = calloc(1, sizeof(*c));
	return c ? mst_rule_cache_get(c, env->store, ret_set, ret_version) : MST_FAULT_MEMORY;
}

void mst_role_rules_forget(void *state)
{
	mst_rule_cache_deinit(state);
	free(state);
}
