/* What the requests about owner's rules share (rules.c, rules-change.c, rules-check.c, rules-try.c). */
#ifndef MST_ROLE_ADMIN_RULES_H
#define MST_ROLE_ADMIN_RULES_H

#include "role/admin/admin.h"
#include "role/rules/rule-cache.h"

/* Versions of the set that can be looked at and gone back to. */
#define ADMIN_RULE_VERSIONS 200

/* A rule as it came, and as it is stored. */
struct admin_rule {
	struct mst_rule rule;
	uint8_t scratch[MST_RULE_OCTETS];
	struct mst_rule_octets cbor;
	char name[MST_RULE_NAME_MAX + 1];
};
bool admin_rule_decode(const json_t *j, struct admin_rule *ret, struct mst_diag *d);
/* NULL: no memory. */
json_t *admin_rule_json(struct mst_view cbor);
/* Only members of `known` (NULL-terminated): else false, and `d` says which there are. */
bool admin_only(const json_t *j, const char *const *known, struct mst_diag *d);
/* The set of the request is the one that stands: 0 and *ret_v; 1 answered already; a fault. */
int admin_rules_current(struct admin *q, struct mst_rules_version *ret_v);
int admin_no_such_rule(struct admin *q);

/* The names in order. */
struct admin_order {
	struct admin_slot {
		char name[MST_RULE_NAME_MAX + 1];
		int64_t place;
	} *e;
	size_t n, cap;
};
int admin_order_load(struct admin *q, struct admin_order *ret_o);
void admin_order_free(struct admin_order *o);
/* Index of a name, o->n when there is none. */
size_t admin_order_find(const struct admin_order *o, const char *name);
/* Where `before`, `after` or `position` of the body wants it; none of them: at the end. */
bool admin_order_slot(const json_t *body, const struct admin_order *o, size_t *ret_slot, struct mst_diag *d);

/*
 * The set that a request is about: what stands, or with the body's `rules` laid over it (the same name replaces, others
 * go where `before`, `after` or `position` says), or these alone (`only`). 0; 1 answered already; a fault.
 */
struct admin_candidate {
	struct mst_view *cbor;          /* each malloc'ed */
	size_t n, cap;
	int64_t version;
	struct mst_rule_set *set;
	bool given;                     /* the body had rules of its own */
};
int admin_candidate_load(struct admin *q, struct admin_candidate *ret_c);
void admin_candidate_free(struct admin_candidate *c);

#endif
