/*
 * The briefing node (architecture 3.4): a node asks what to do to get into service, the owner's rules answer.
 *
 *     decode (bytes → call) → load (store → records) → decide (PURE: → verdict) → apply → encode
 *
 * Who the node is comes from the channel: its certificate, or the secret that its maker gave it. A peer that has shown
 * nothing (only with `bbn.strangers`) and one that nobody has made known are answered by public rules at the most. The
 * first leaves nothing behind but an event.
 */
#ifndef MST_ROLE_BBN_BBN_H
#define MST_ROLE_BBN_BBN_H

#include "role/common/common.h"
#include "role/rules/rules.h"

#define BBN_SCRATCH (MST_RULE_OCTETS + MST_FACTS_OCTETS + MST_SEQ_OCTETS + 8192)
#define BBN_OF_ONE 16           /* briefings kept of one node */
#define BBN_REPORTS_MAX 64      /* on one briefing that say something new */

enum bbn_what { BBN_NOTHING, BBN_BRIEF, BBN_REPORT };

struct bbn_call {
	enum bbn_what what;
	bool cbor;                      /* the answer's encoding */
	char id[33];                    /* REPORT: of the briefing */
	char attempt[33];
	uint8_t sha256[MST_SHA256_LEN]; /* of the question in CBOR, whatever it came in */
	struct mst_brief_ask ask;
	struct mst_brief_report report;
};

struct bbn_records {
	const struct mst_rule_set *rules;       /* NULL: there is none */
	int64_t rules_version;
	bool has_place, has_briefing;
	struct mst_place place;
	struct mst_briefing briefing;   /* BRIEF: of the same question; REPORT: by its id */
	const struct mst_peer *peer;    /* what the handshake proved */
	char issuer_name[128];          /* subject of the anchor that the path ended at */
	char who[MST_ID_MAX];           /* whose briefings: bbn_whose() */
};

struct bbn_verdict {
	int rsc;                        /* an RSC, or a status of HTTP where there is none (204, 413) */
	int why;                        /* refused: enum mst_brief_why */
	int retry;                      /* seconds, 0 = none */
	const char *what;               /* last word of the event */
	char say[200];                  /* to the peer */
	char text[256];                 /* to the operator */
	struct mst_rule_facts facts;    /* BRIEF: what the rules were asked about … */
	struct mst_rule rule;           /* … the one that matched … */
	struct mst_sequence sequence;   /* … and what it says to this node */
	bool mute;                      /* nothing new: no event */
	bool again;                     /* the answer is the one that stands in the records */
	/* effect */
	bool put_briefing;
	char drop[33];                  /* a briefing of the same question that no longer counts */
	struct mst_briefing briefing;   /* also the answer: .answer */
	bool put_node;
	struct mst_node node;
	size_t tell_from, tell_to;      /* REPORT: failures that are new */
	bool ended;                     /* REPORT: how it ended is new */
};

/* --- decide.c: PURE --- */
void bbn_decide(const struct bbn_call *c, const struct mst_who *w, const struct bbn_records *r, const struct mst_role_conf *conf,
		mst_time now, const struct mst_chance *chance, struct mst_arena *a, struct bbn_verdict *v);
/* "" for a stranger: nothing is kept of it. */
void bbn_whose(const struct mst_who *w, const struct mst_peer *p, char out[MST_ID_MAX]);
void bbn_refuse(struct bbn_verdict *v, int rsc, int why, const char *say, const char *text);
/* What the rules are asked about. Views into everything given. */
void bbn_facts(const struct bbn_call *c, const struct mst_who *w, const struct bbn_records *r, mst_time now,
	       struct mst_rule_facts *ret_f);
/* Does what it states of itself agree with what it proved? Else the name of the member that does not. */
const char *bbn_mismatch(const struct mst_brief_ask *q, const struct mst_who *w, const struct mst_peer *p);

/* --- shell --- */
/* 0; else a status, and `v` has the refusal. */
MST_MUST_CHECK int bbn_decode(const struct mst_role_conf *conf, const struct mst_exchange *x, struct mst_arena *a,
			      struct bbn_call *c, struct bbn_verdict *v);
MST_MUST_CHECK int bbn_load(struct mst_role_env *env, const struct mst_exchange *x, const struct bbn_call *c,
			    const struct mst_who *w, struct bbn_records *r);
MST_MUST_CHECK int bbn_apply(struct mst_role_env *env, const struct mst_exchange *x, const struct bbn_call *c,
			     const struct mst_who *w, struct bbn_verdict *v);
MST_MUST_CHECK int bbn_encode(struct mst_role_env *env, const struct bbn_call *c, const struct bbn_verdict *v,
			      const struct bbn_records *r, struct mst_arena *a, struct mst_answer *answer);

#endif
