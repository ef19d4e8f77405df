/*
 * Owner's rules (architecture 3.4): which nodes get which instructions. Ours, not oneM2M's. One table each, read as
 * JSON (files that people write, the admin API) and as CBOR (as they are stored).
 *
 * A rule is `when` (all members that are present must hold; a list holds when one of its elements does) and `then`
 * (instructions, or a refusal in words). The rules of an installation are a list in order, and the first that holds
 * decides. What a rule's name is to people its place in the list is to the machine; the place stands in no file.
 *
 * Text patterns are exact, octet by octet, or end in `*` and are then a beginning: "north*". Beginnings (…Prefix) need
 * no star. The beginning of an M2M Device ID ends between two of its numbers.
 *
 * Facts are all that a rule may look at. They are a message as well, so that a briefing's can be stored and judged
 * again by other rules later (`muster rule replay`).
 */
#ifndef MST_CODEC_RULE_H
#define MST_CODEC_RULE_H

#include "codec/briefing.h"

#define MST_RULE_NAME_MAX 64
#define MST_RULE_OCTETS 12288           /* largest encoded rule: what it says fits into a sequence, as JSON too */
#define MST_RULE_LIST_MAX 16
#define MST_RULE_POINTS_MAX 64
#define MST_RULE_INSTRUCTIONS_MAX MST_SEQ_MAX
#define MST_RULE_VALID_FOR 86400        /* of the instructions, when the rule says nothing: seconds */
#define MST_FACTS_OCTETS 16384          /* largest encoded facts */

/* How the node proved who it is. */
enum mst_rule_auth { MST_RULE_AUTH_NONE = 1, MST_RULE_AUTH_CERT = 2, MST_RULE_AUTH_PSK = 3, MST_RULE_AUTH_GBA = 4 /* by its SIM, at the BSF */ };
extern const struct mst_enum_table mst_rule_auth_table;
/* Whose word about the place counts. Absent: the registry's where it has one, else the node's. */
enum mst_rule_place { MST_RULE_PLACE_REGISTRY = 1, MST_RULE_PLACE_NODE = 2 };
/* In whose order the instructions go out. */
enum mst_rule_order { MST_RULE_ORDER_OWNER = 1, MST_RULE_ORDER_NODE = 2 };

struct mst_rule_circle {
	uint32_t has;
	int64_t latitude, longitude;    /* 1e-7 degree */
	int64_t radius;                 /* metres, on a sphere of 6371008.8 m */
};
enum { MST_RC_LATITUDE, MST_RC_LONGITUDE, MST_RC_RADIUS };

/* Corners in order, the last is joined to the first. Lines are straight in degrees, take the shorter way round the
 * earth, and span less than 180 degrees of longitude. A ring round the earth holds the pole that is nearer to it. */
struct mst_rule_point {
	uint32_t has;
	int64_t latitude, longitude;
};
enum { MST_RP_LATITUDE, MST_RP_LONGITUDE };

/* Serial numbers from..to, both included. Both of digits: by value. Else both of one length, octet by octet, and only
 * serial numbers of that length. */
struct mst_rule_range {
	uint32_t has;
	struct mst_view from, to;
};
enum { MST_RR_FROM, MST_RR_TO };

/* One of the node's failures is all of this. */
struct mst_rule_failed {
	uint32_t has;
	struct mst_view reason;         /* pattern */
	int method;                     /* enum mst_method */
	struct mst_view resource;       /* beginning */
};
enum { MST_RX_REASON, MST_RX_METHOD, MST_RX_RESOURCE };

struct mst_rule_when {
	uint32_t has;
	struct mst_rule_circle circle;
	struct mst_rule_point polygon[MST_RULE_POINTS_MAX];
	uint16_t n_polygon;
	/* Circle and polygon: the middle of the stated place must be inside; its accuracy counts only with this: metres at
	 * the most, and a place without accuracy does not hold. */
	int64_t max_accuracy;
	int place_from;                 /* enum mst_rule_place */
	struct mst_view sites[MST_RULE_LIST_MAX], cells[MST_RULE_LIST_MAX];     /* patterns */
	uint16_t n_sites, n_cells;
	/* SHA-256 (64 hex digits) of the anchor that the node's path ended at, or a pattern of its subject's text */
	struct mst_view issuers[MST_RULE_LIST_MAX];
	uint16_t n_issuers;
	struct mst_rule_range serials;
	struct mst_view node_prefixes[MST_RULE_LIST_MAX], device_prefixes[MST_RULE_LIST_MAX], imsi_prefixes[MST_RULE_LIST_MAX];
	uint16_t n_node_prefixes, n_device_prefixes, n_imsi_prefixes;
	bool stated;                    /* names that the node only stated are good enough for the prefixes */
	struct mst_view makers[MST_RULE_LIST_MAX], models[MST_RULE_LIST_MAX], batches[MST_RULE_LIST_MAX];       /* patterns */
	struct mst_view subscriptions[MST_RULE_LIST_MAX];
	uint16_t n_makers, n_models, n_batches, n_subscriptions;
	struct mst_rule_failed failed;
	int authentication[4];          /* enum mst_rule_auth */
	uint16_t n_authentication;
	int methods[MST_BRIEF_METHODS_MAX];     /* the node can do one of these */
	uint16_t n_methods;
};
enum { MST_RW_CIRCLE, MST_RW_POLYGON, MST_RW_MAX_ACCURACY, MST_RW_PLACE_FROM, MST_RW_SITES, MST_RW_CELLS, MST_RW_ISSUERS,
       MST_RW_SERIALS, MST_RW_NODES, MST_RW_DEVICES, MST_RW_IMSIS, MST_RW_STATED, MST_RW_MAKERS, MST_RW_MODELS,
       MST_RW_BATCHES, MST_RW_SUBSCRIPTIONS, MST_RW_FAILED, MST_RW_AUTHENTICATION, MST_RW_METHODS };

/*
 * Either instructions or a refusal. Instructions are written as in a sequence, but what a bootstrap for a MAF leaves
 * out of target, adminFQDN and mafURI is the node's subscription's; so one rule serves many subscriptions.
 */
struct mst_rule_then {
	uint32_t has;
	struct mst_view deny;           /* for people */
	struct mst_instruction instructions[MST_RULE_INSTRUCTIONS_MAX];
	uint16_t n_instructions;
	int64_t valid_for;              /* seconds */
	int order;                      /* enum mst_rule_order */
};
enum { MST_RT_DENY, MST_RT_INSTRUCTIONS, MST_RT_VALID_FOR, MST_RT_ORDER };

struct mst_rule {
	uint32_t has;
	struct mst_view name;           /* unique in the set */
	struct mst_view note;           /* for people */
	bool disabled;
	bool open;                      /* "public": may serve nodes that did not authenticate; no other rule does */
	mst_time valid_from, valid_until;       /* until: no longer from then on */
	struct mst_rule_when when;      /* absent: every node */
	struct mst_rule_then then;
};
enum { MST_RU_NAME, MST_RU_NOTE, MST_RU_DISABLED, MST_RU_PUBLIC, MST_RU_FROM, MST_RU_UNTIL, MST_RU_WHEN, MST_RU_THEN };
extern const struct mst_msg mst_rule_msg;

/* Read and validate, rules between fields included. An arena of MST_RULE_OCTETS is enough. enum mst_msg_outcome. */
MST_MUST_CHECK int mst_rule_read_json(struct mst_view in, struct mst_arena *a, struct mst_rule *ret_r, struct mst_diag *d);
MST_MUST_CHECK int mst_rule_read_cbor(struct mst_view in, struct mst_arena *a, struct mst_rule *ret_r, struct mst_diag *d);
MST_MUST_CHECK int mst_rule_check(const struct mst_rule *r, struct mst_diag *d);
void mst_rule_write_json(const struct mst_rule *r, struct mst_writer *w);
void mst_rule_write_cbor(const struct mst_rule *r, struct mst_writer *w);

struct mst_rule_facts {
	uint32_t has;
	mst_time now;
	int auth;                       /* enum mst_rule_auth */
	/* Names, in canonical spelling; *_proven: the session or the registry says so, not only the node. */
	struct mst_view node_id, device_id, imsi;
	bool node_proven, device_proven, imsi_proven;
	struct mst_view issuer;         /* auth CERT: SHA-256 of the anchor, 32 octets … */
	struct mst_view issuer_name;    /* … and its subject's text */
	/* The registry's word, where it has one, else the node's. */
	struct mst_view maker, model, serial, batch, firmware;
	struct mst_view subscription, sp, maf, maf_uri;         /* the node's subscription and what it says */
	struct mst_location place;      /* registry: set by a technician */
	struct mst_location location;   /* the node's statement */
	int methods[MST_BRIEF_METHODS_MAX];
	uint16_t n_methods;
	struct mst_view transports[MST_BRIEF_TRANSPORTS_MAX];
	uint16_t n_transports;
	struct mst_brief_failure failures[MST_BRIEF_FAILURES_MAX];
	uint16_t n_failures;
	struct mst_view attempt;
	bool unknown;                   /* it proved who it is, but nobody has made it known: public rules only */
};
enum { MST_FA_NOW, MST_FA_AUTH, MST_FA_NODE, MST_FA_DEVICE, MST_FA_IMSI, MST_FA_NODE_PROVEN, MST_FA_DEVICE_PROVEN,
       MST_FA_IMSI_PROVEN, MST_FA_ISSUER, MST_FA_ISSUER_NAME, MST_FA_MAKER, MST_FA_MODEL, MST_FA_SERIAL, MST_FA_BATCH,
       MST_FA_FIRMWARE, MST_FA_SUBSCRIPTION, MST_FA_SP, MST_FA_MAF, MST_FA_MAF_URI, MST_FA_PLACE, MST_FA_LOCATION,
       MST_FA_METHODS, MST_FA_TRANSPORTS, MST_FA_FAILURES, MST_FA_ATTEMPT, MST_FA_UNKNOWN };
/* Absent members are as if unknown. Arena and octets: MST_FACTS_OCTETS. Who fills one in by hand sets views, numbers
 * and `has` of what it gives; mst_rule_facts_mark() sets `has` by what is not empty (now and auth always). */
extern const struct mst_msg mst_rule_facts_msg;
MST_MUST_CHECK int mst_rule_facts_read_json(struct mst_view in, struct mst_arena *a, struct mst_rule_facts *ret_f, struct mst_diag *d);
MST_MUST_CHECK int mst_rule_facts_read_cbor(struct mst_view in, struct mst_arena *a, struct mst_rule_facts *ret_f, struct mst_diag *d);
void mst_rule_facts_mark(struct mst_rule_facts *f);
void mst_rule_facts_write_json(const struct mst_rule_facts *f, struct mst_writer *w);
void mst_rule_facts_write_cbor(const struct mst_rule_facts *f, struct mst_writer *w);
/* What a node's question adds to the facts: methods, transports, failures, place, and the names and words that are not
 * in `f` yet (as stated). Views are the ask's. */
void mst_rule_facts_ask(struct mst_rule_facts *f, const struct mst_brief_ask *ask);

#endif
