/*
 * Owner's rules at work (architecture 3.4; formats in codec/rule.h, choices in doc/decisions/0009): a set of rules
 * compiled once and never changed, the decision, the answer that a rule gives, and words about it all.
 *
 *   set  = mst_rule_set_build(the rules as CBOR, in order)            allocates
 *   mst_rule_decide(set, facts, &match)                               pure: no allocation, clock or I/O
 *   mst_rule_answer(&match, facts, arena, &rule, &sequence, …)        pure: negotiates methods, fills in
 *
 * First match wins. An index finds the few rules that can hold at all, so ten thousand rules cost little more than ten;
 * what it finds equals what trying one rule after the other would (a test holds both against each other).
 *
 * A rule that is not `public` never serves a node that did not authenticate, nor one that nobody has made known.
 */
#ifndef MST_ROLE_RULES_RULE_H
#define MST_ROLE_RULES_RULE_H

#include "codec/rule.h"

#define MST_RULES_MAX 20000

struct mst_rule_set;

/*
 * `cbor[i]` is a whole rule (mst_rule_write_cbor), the first comes first. The set keeps copies. 0, a positive outcome
 * (enum mst_msg_outcome) with *ret_bad the place of the rule that is not one, or has a name twice, and `d` the words;
 * or a fault. `ret_bad` and `d` may be NULL.
 */
MST_MUST_CHECK int mst_rule_set_build(const struct mst_view *cbor, size_t n, struct mst_rule_set **ret_set,
				      size_t *ret_bad, struct mst_diag *d);
struct mst_rule_set *mst_rule_set_free(struct mst_rule_set *set);       /* NULL is fine; returns NULL */
size_t mst_rule_set_size(const struct mst_rule_set *set);
/* Borrowed from the set. Out of range: empty. */
struct mst_view mst_rule_set_name(const struct mst_rule_set *set, size_t place);
struct mst_view mst_rule_set_cbor(const struct mst_rule_set *set, size_t place);

struct mst_rule_match {
	size_t place;                   /* 0: first */
	struct mst_view name;           /* borrowed from the set, as is … */
	struct mst_view cbor;           /* … the rule itself */
};
enum mst_rule_outcome {
	MST_RULE_NONE = 1,              /* no rule holds: MST_BRIEF_NO_RULE, or as the next one to whom that is no business of */
	MST_RULE_NONE_PUBLIC,           /* a rule would hold, had the node authenticated (or been made known): MST_BRIEF_NOT_AUTHENTICATED */
	MST_RULE_DENIED,                /* answer: the rule refuses; its text is in rule->then.deny */
	MST_RULE_NO_METHOD,             /* answer: the node can do nothing of what the rule says */
	MST_RULE_NO_SUBSCRIPTION,       /* answer: the rule leaves the target to a subscription, and the node has none */
};
/* 0 and *ret_m, MST_RULE_NONE or MST_RULE_NONE_PUBLIC. */
MST_MUST_CHECK int mst_rule_decide(const struct mst_rule_set *set, const struct mst_rule_facts *f,
				   struct mst_rule_match *ret_m);
/* The same, one rule after the other: what the index is tested against. */
MST_MUST_CHECK int mst_rule_decide_linear(const struct mst_rule_set *set, const struct mst_rule_facts *f,
					  struct mst_rule_match *ret_m);

/*
 * What the rule says to this node: instructions that it can do (method and transport), in the owner's order or the
 * node's, completed from its subscription, valid until facts->now and the rule's time. `id` (the briefing's) becomes the
 * sequence's. Views live in the arena (MST_RULE_OCTETS is enough), in `m`, `f` and `id`.
 * 0, MST_RULE_DENIED, MST_RULE_NO_METHOD, MST_RULE_NO_SUBSCRIPTION (with *ret_rule read and words in `d`); a fault.
 */
MST_MUST_CHECK int mst_rule_answer(const struct mst_rule_match *m, const struct mst_rule_facts *f, struct mst_view id,
				   struct mst_arena *a, struct mst_rule *ret_rule, struct mst_sequence *ret_s,
				   struct mst_diag *d);
/* The same for a rule that was read already. */
MST_MUST_CHECK int mst_rule_apply(const struct mst_rule *rule, const struct mst_rule_facts *f, struct mst_view id,
				  struct mst_sequence *ret_s, struct mst_diag *d);

/* --- words --- */

#define MST_RULE_WORDS_MAX 512
struct mst_rule_verdict {
	size_t place;
	struct mst_view name;
	bool holds;                     /* the first that does decides */
	const char *words;              /* "holds: site north-1 is like north*, maker is acme" · "no: site is south-2, wanted north*" */
};
/* Each rule in order, also those after the one that decides and those switched off. Other than 0 from `each` ends it
 * and is returned. */
int mst_rule_explain(const struct mst_rule_set *set, const struct mst_rule_facts *f,
		     int (*each)(void *arg, const struct mst_rule_verdict *v), void *arg);

#endif
