/*
 * Inside of a rule set. Texts, corners and rules lie in three arrays; a rule holds places in them. Which candidates a
 * node's facts can meet at all is found by keys: each rule is filed under the keys of one of its conditions, the one
 * that the fewest rules share, or in `rest` when it has none that can be a key. Every candidate is tried, so a key that
 * two texts share costs time and changes nothing.
 */
#ifndef MST_ROLE_RULES_RULE_SET_H
#define MST_ROLE_RULES_RULE_SET_H

#include "role/rules/rule-geo.h"
#include "role/rules/rule.h"

/* Conditions that are lists of texts. */
enum rs_list {
	RS_SITES, RS_CELLS, RS_ISSUERS, RS_NODES, RS_DEVICES, RS_IMSIS, RS_MAKERS, RS_MODELS, RS_BATCHES, RS_SUBS, RS_LISTS
};
/* All conditions, in the order in which they are tried and told: the lists first. */
enum rs_cond {
	RS_CIRCLE = RS_LISTS, RS_POLYGON, RS_SERIALS, RS_FAILED, RS_AUTH, RS_METHODS, RS_DATES, RS_CONDS
};

enum rs_match { RS_EXACT, RS_BEGINS, RS_ARCS /* beginning, up to a dot */, RS_HASH /* 32 octets */ };
struct rs_text {
	uint32_t at;
	uint16_t n;
	uint16_t match; /* enum rs_match */
};

struct rs_rule {
	uint32_t conds; /* bit (1 << enum rs_cond) */
	bool disabled, open, stated;
	uint8_t place_from;
	uint8_t auths;
	uint8_t n_list[RS_LISTS], n_corners;
	bool holds_north, serial_digits, has_accuracy;
	uint32_t list[RS_LISTS]; /* first in texts */
	uint32_t corners;
	uint32_t methods;
	int32_t max_accuracy, radius;
	struct geo_corner middle;
	struct geo_vector centre;
	double chord2;
	struct rs_text serial_from, serial_to;
	struct rs_text fail_reason, fail_resource; /* n = 0: any */
	int fail_method;                           /* 0: any */
	mst_time from, until;
	struct rs_text name;
	uint32_t cbor, n_cbor;
};

/* One key and the rules filed under it, first places first. */
struct rs_bucket {
	uint64_t key;
	uint32_t at, n;
};

struct mst_rule_set {
	size_t n;
	struct rs_rule *rule;
	struct rs_text *text;
	struct geo_corner *corner;
	uint8_t *octets;
	size_t n_buckets, n_rest;
	struct rs_bucket *bucket;
	uint32_t *place, *rest;
	uint32_t levels;            /* levels of the grid in use */
	uint8_t lengths[RS_LISTS][32];  /* lengths of beginnings in use, a bit each */
};

/* Facts, prepared once for all rules. */
struct rs_facts {
	const struct mst_rule_facts *f;
	uint32_t methods;
	/* [0] the registry's, [1] the node's */
	const struct mst_location *from[2];
	bool located[2];
	struct geo_vector at[2];
	bool as_if; /* as if it had authenticated as what it says */
};
void rs_prepare(const struct mst_rule_facts *f, struct rs_facts *ret_x);
/* Which of the two places the rule looks at: bit 1 coordinates, cell, site. -1: there is none. */
int rs_whose(const struct rs_rule *r, const struct rs_facts *x, unsigned row);
/* The text that a list looks at; empty when unknown, or not proven when it must be. */
struct mst_view rs_value(const struct rs_rule *r, const struct rs_facts *x, enum rs_list list);
bool rs_holds(const struct mst_rule_set *s, const struct rs_rule *r, const struct rs_facts *x, enum rs_cond c);
bool rs_text_matches(const struct mst_rule_set *s, const struct rs_text *t, struct mst_view v);
/* All conditions and the dates; not `disabled` and not `open`. */
bool rs_rule_holds(const struct mst_rule_set *s, const struct rs_rule *r, const struct rs_facts *x);
static inline struct mst_view rs_view(const struct mst_rule_set *s, const struct rs_text *t)
{
	return (struct mst_view){ s->octets + t->at, t->n };
}

/* Keys. */
#define RS_KEY_GRID 31
uint64_t rs_key_start(unsigned kind, bool begins);
uint64_t rs_key_add(uint64_t key, uint8_t octet);
uint64_t rs_key_grid(uint64_t cell);

#endif
