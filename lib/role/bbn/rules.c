/* The owner's rules between the store and the decision. */
#include "role/bbn/bbn.h"

int bbn_rules(struct mst_role_env *env, const struct mst_rule_set **ret_set, int64_t *ret_version)
{
	(void)env;
	*ret_set = NULL;
	*ret_version = 0;
	return 0;
}
