/* What the rules would be asked about a node (rules-facts.c). */
#ifndef MST_ROLE_ADMIN_RULES_FACTS_H
#define MST_ROLE_ADMIN_RULES_FACTS_H

#include "role/admin/rules.h"

/* The facts, and all that their views lead to. */
struct admin_facts {
	struct mst_rule_facts facts;
	bool asked;             /* the node has asked before; else what it can do is assumed */
	bool has_sub, has_place, has_issuer;
	struct mst_node node;
	struct mst_subscription sub;
	struct mst_place place;
	char device[MST_ID_MAX];
	uint8_t issuer[MST_SHA256_LEN];
	struct mst_facts_octets octets;
	uint8_t scratch[MST_FACTS_OCTETS], scratch2[MST_FACTS_OCTETS];
	char text[MST_FACTS_OCTETS];
};
/* Of the body's `node`, `facts`, or the second over the first. 0; 1 answered already; a fault. */
int admin_facts_load(struct admin *q, struct admin_facts *k);
json_t *admin_facts_json(const struct mst_rule_facts *f);

#endif
