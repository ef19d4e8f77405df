/*
 * Is this pushed trigger to be followed (codec/trigger.h, lesson 30)? PURE: octets, time and keys in; a verdict out.
 *
 *   size, form            the table, the text form                          oversized, malformed, unsigned
 *   whose                 hints of node and key                             for another node, not for a key of ours
 *   counter, window       against what is kept                              replayed, expired, from the future
 *   tokens                a bucket a source for MACs, one for signatures    rate
 *   MAC or signature                                                        forged
 *   tokens                one bucket for what is followed                   rate
 *
 * Everything before the first bucket is a comparison of a few octets, so a flood costs counters only. The sources have
 * buckets each, so that a flood through one does not close the others; and a source has one for MACs, which are cheap
 * and so many that forged ones do not crowd out a good one, and one for signatures, which are dear. Nothing is answered to the sender, whatever
 * the verdict: the order of the checks tells nobody anything but the node's own operator.
 *
 * The counter is kept before the effect: after TRIGGER_ACCEPTED the shell makes trigger_kept_put() durable, says
 * trigger_kept() or trigger_not_kept(), and only then does what is asked. A power cut between loses a hint; none is
 * followed twice.
 *
 * Time: while the node does not know it (0), only the counter counts: a clock at 1970 must not lock a node out, and
 * what an old trigger could do at most is a run that the counter then forbids to repeat.
 */
#ifndef MST_PROTO_TRIGGER_H
#define MST_PROTO_TRIGGER_H

#include "base/time.h"
#include "codec/ident.h"
#include "codec/trigger.h"
#include "crypto/derive.h"

#define TRIGGER_NODES_MAX 3          /* names of this node */
#define TRIGGER_KEYS_MAX 10
#define TRIGGER_KEPT_MAX 12          /* counters, of keys that were there once too */
#define TRIGGER_LAST_MAX 8           /* refusals remembered */
#define TRIGGER_BLOB_MAX (2 + TRIGGER_KEPT_MAX * (MST_SHA256_LEN + 8))
#define TRIGGER_SKEW 300             /* seconds by which two good clocks may differ */

enum trigger_verdict {
	TRIGGER_ACCEPTED,
	TRIGGER_MALFORMED,
	TRIGGER_OVERSIZED,
	TRIGGER_UNSIGNED,            /* no tag, or a bare device trigger where that is not trusted */
	TRIGGER_FORGED,
	TRIGGER_EXPIRED,
	TRIGGER_EARLY,               /* made in the future: one of two clocks is wrong */
	TRIGGER_REPLAYED,
	TRIGGER_OTHER_NODE,
	TRIGGER_OTHER_KEY,
	TRIGGER_RATE,
	TRIGGER_NOT_KEPT,            /* the counter could not be made durable, or what was kept is damaged */
	TRIGGER_WRONG_PURPOSE,       /* a device trigger for something else than enrolmentRequest */
	TRIGGER_UNKNOWN_MEF,         /* a device trigger to a MEF that nothing here is configured for */
	TRIGGER_UNUSABLE,            /* good, but there is nothing here that it could begin */
	TRIGGER_INTERNAL,
	TRIGGER_VERDICT__COUNT
};
const char *trigger_verdict_text(enum trigger_verdict v);    /* "wrong-mac": for status and tests */
const char *trigger_verdict_words(enum trigger_verdict v);   /* for people */

enum trigger_source { TRIGGER_SMS, TRIGGER_DATAGRAM, TRIGGER_MM, TRIGGER_PUSH, TRIGGER_SOCKET, TRIGGER_SOURCE__COUNT };
const char *trigger_source_text(enum trigger_source s);      /* "sms", "datagram", "mm", "push", "socket" */
/* False when there is no such word. */
MST_MUST_CHECK bool trigger_source_of(const char *word, enum trigger_source *ret_s);

/* So many at once, then one in this time. */
struct trigger_rate { unsigned burst; mst_ms every; };

struct trigger_config {
	struct mst_crypto *crypto;
	/* Checks a signature: 0, positive = it does not fit, or a fault. */
	int (*verify)(struct mst_crypto *c, struct mst_view spki, struct mst_view message,
		      const uint8_t sig[MST_TRIGGER_SIGNATURE]);
	struct trigger_rate macs, signatures;    /* checked, for one source */
	struct trigger_rate runs;                /* triggers followed: those that prove themselves, and bare ones as many */
	bool bare_from_push;         /* local helpers may hand in device triggers without a frame */
};

struct trigger_bucket { unsigned tokens; mst_ms at; };

struct trigger_key {
	bool signature;
	uint8_t hint[MST_TRIGGER_HINT];
	struct mst_key mac;
	uint8_t spki[96];
	size_t spki_n;
	uint8_t id[MST_SHA256_LEN];  /* under which its counter is kept */
};

struct trigger_refusal { mst_time when; enum trigger_source source; enum trigger_verdict verdict; char detail[96]; };

struct trigger {
	struct trigger_config cfg;
	char node[TRIGGER_NODES_MAX][MST_ID_MAX];
	uint8_t node_hint[TRIGGER_NODES_MAX][MST_TRIGGER_HINT];
	size_t n_nodes;
	struct trigger_key key[TRIGGER_KEYS_MAX];
	size_t n_keys;
	struct { uint8_t id[MST_SHA256_LEN]; uint64_t counter; } kept[TRIGGER_KEPT_MAX];
	size_t n_kept;
	bool damaged;                /* what was kept does not check: nothing can be told from a replay */
	size_t moved;                /* 1 + index of the counter that waits for being kept, 0 = none */
	uint64_t before;             /* its value, to go back to */
	struct trigger_bucket macs[TRIGGER_SOURCE__COUNT], signatures[TRIGGER_SOURCE__COUNT], runs, bare;
	uint64_t count[TRIGGER_VERDICT__COUNT];
	struct trigger_refusal last[TRIGGER_LAST_MAX];
	size_t n_last, next_last;
};

void trigger_init(struct trigger *t, const struct trigger_config *c, mst_ms now);
void trigger_deinit(struct trigger *t);      /* wipes */

/* What was kept before; empty = nothing yet. Damage is not "nothing": until a new blob can be trusted every trigger
 * is TRIGGER_NOT_KEPT. False then. */
bool trigger_kept_load(struct trigger *t, struct mst_view blob);
void trigger_kept_put(const struct trigger *t, struct mst_writer *w);
void trigger_kept(struct trigger *t);
void trigger_not_kept(struct trigger *t);

/* Names and keys anew; counters stay. */
void trigger_forget_keys(struct trigger *t);
/* All: 0, 1 when there is no room or it cannot be one, or a fault. */
MST_MUST_CHECK int trigger_add_node(struct trigger *t, const char *node_id);
/* `key_id` enters the key (crypto/derive.h) and its hint in the canonical spelling, in which the server has it. */
MST_MUST_CHECK int trigger_add_root(struct trigger *t, const struct mst_key *root, const char *key_id);
/* By what has one spelling: a B-TID, or what gba_trigger_id() makes of one. */
MST_MUST_CHECK int trigger_add_opaque(struct trigger *t, const struct mst_key *root, const char *id);
MST_MUST_CHECK int trigger_add_signer(struct trigger *t, struct mst_view spki);

/* What an accepted trigger wants. Views are borrowed from the input, or from `room`. */
struct trigger_order {
	int what;                    /* enum mst_trigger_what */
	bool bare;                   /* a device trigger without a frame: nothing to keep */
	struct mst_trigger trigger;  /* not when bare */
	struct mst_view payload;     /* MST_TRIGGER_ONEM2M */
	uint8_t room[MST_TRIGGER_MAX];
};
/* `utc` 0 = not known. */
enum trigger_verdict trigger_take(struct trigger *t, struct mst_view in, enum trigger_source s, mst_ms now, mst_time utc,
				  struct trigger_order *ret_o);
/* It was accepted, but could not be followed: counted as this instead. */
void trigger_failed(struct trigger *t, enum trigger_source s, enum trigger_verdict why, const char *detail, mst_time utc);

/*
 * A device trigger (spec 7.4) becomes one instruction, for a MEF that an instruction of `known` names already:
 * target, stakeholder, anchors and pins are that one's, so no device trigger can bring trust with it. Port and path
 * are the trigger's. ACCEPTED, MALFORMED, WRONG_PURPOSE or UNKNOWN_MEF. Texts go into `a` (2048 octets are enough).
 */
enum trigger_verdict trigger_from_device(struct mst_view payload, const struct mst_sequence *known, size_t n_known,
					 struct mst_arena *a, struct mst_sequence *ret_s, struct mst_diag *d);

#endif
