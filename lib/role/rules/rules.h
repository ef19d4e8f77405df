/* The owner's rules for roles that brief nodes: bbn, bsf. */
#ifndef MST_ROLE_RULES_RULES_H
#define MST_ROLE_RULES_RULES_H

#include "role/role.h"
#include "role/rules/rule.h"

/* As they stand in the store; kept between requests in *env->state, where such a role has nothing else, and built anew when
 * they have changed. *ret_set is good until the next call. 0 or a fault. */
MST_MUST_CHECK int mst_role_rules(struct mst_role_env *env, const struct mst_rule_set **ret_set, int64_t *ret_version);
/* A role's .forget. */
void mst_role_rules_forget(void *state);

#endif
