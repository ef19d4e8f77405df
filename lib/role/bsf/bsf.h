/*
 * The bootstrapping server function's side of Ub (TS 33.220 4.5.2, TS 24.109 4): a UE proves by its SIM who it is, and both
 * have Ks. Plain HTTP, for whoever comes; what counts is under the digest.
 *
 *     decode → load → decide (PURE) →  an answer
 *                                   →  the HSS is asked (exchange.h: wants_fetch), and later: load → decide_fetched → apply
 *                                   →  the keeper judges RES (gba_answer), and then: decide_proof → apply
 *
 * What is secret of a vector or a session is wrapped by the keeper from the moment on at which the connector has it.
 *
 * Anybody may ask, by an IMPI that is no secret, and each vector costs the HSS. So a subscriber has one challenge at a time: it is
 * given to everybody who asks until the card has answered it (RES that is right, or an AUTS that the HSS finds genuine), and
 * nothing else uses it up. Only the subscriber itself brings about the next vector, or the time that one was kept for. Of a SIM of this
 * installation it is worth nothing while the HSS would not serve it. It is one subscriber, however the realm of its IMPI is written
 * (mst_id_impi); the HSS is asked, and keys are derived, with what was said.
 */
#ifndef MST_ROLE_BSF_BSF_H
#define MST_ROLE_BSF_BSF_H

#include "codec/gba-sbi.h"
#include "role/common/common.h"
#include "role/rules/rules.h"

/*
 * Octets of RES that nobody finds by trying: a thousand guesses a second for as long as a challenge waits at most, two days, are right once in
 * 10^11 times. TS 33.102 6.3.7 lets RES have 4 as well; there it is the lock-out that keeps guesses few.
 */
#define BSF_RES_HARD 8
#define BSF_CNONCE_MAX 128              /* of a UE: our answer says it again */
#define BSF_BRIEFINGS_OF_ONE 16         /* briefings kept of one subscriber */
#define BSF_CONFIGURATION 8192

struct bsf_call {
	int status;                     /* not 0: refused before anything is looked up, with … */
	char words[260];               /* … this */
	struct gba_ask ask;
	char username[MST_ID_MAX], attempt[33];
	char origin[MST_GBA_ORIGIN_MAX];        /* what a stranger there does is counted there */
};

struct bsf_records {
	bool has_run, has_session, has_lock, has_open, has_sim;
	bool hard;                      /* RES of the run, or of the open one, is BSF_RES_HARD octets long at least */
	mst_time held;                  /* what this very question brought could not be used: until then the HSS is not asked again */
	struct mst_gba_run run;         /* of the nonce */
	struct mst_gba_session session; /* of the run, when it was granted */
	char impi[MST_ID_MAX];          /* the run's, the TMPI's, or what it says itself; "": a TMPI that nobody knows */
	struct mst_gba_lock lock;       /* for this origin */
	int64_t flushed;                /* by which an operator's end of all that stood of it is told (mst_store_gba_flushed) */
	struct mst_gba_run open;        /* the challenge of this subscriber that waits for its answer, whoever asked for it */
	struct mst_sim sim;             /* of who was given the run, or the open one, when this installation's HSS has it; and */
	struct mst_who whose;           /* whose node it is in */
	struct mst_guss guss;           /* of the run; views into `room` */
	uint8_t room[MST_SBI_ARENA];
};

/* What a fetch brought, made ready. */
struct bsf_vector {
	enum mst_fetch_end end;
	bool lost;                      /* not OK, and yet the HSS has given one */
	int retry_after;
	char detail[160];
	bool good;                      /* OK, and what came with it can be used: else `wrong` says what cannot */
	const char *wrong;
	struct mst_wrapped av;
	uint8_t rnd[GBA_RAND], autn[GBA_AUTN];          /* AUTN* with in_card */
	bool in_card;
	struct mst_view guss;           /* JSON, as it came */
	uint8_t opaque[GBA_OPAQUE];
	int64_t asked;                  /* `flushed` when it was asked for */
};

/* What the node is told with the B-TID; brief.c. */
struct bsf_briefing {
	bool put, put_node;             /* new: `row` is to be kept */
	bool known;                     /* the subscriber is a node of the registry */
	bool named;                     /* it is not, and `who.node` has the names that its settings give it */
	bool elsewhere;                 /* the instructions lead to another MAF than that of its subscription here */
	struct mst_who who;
	struct mst_briefing row;
	char text[200];                 /* for the operator */
	uint8_t instructions[MST_SEQ_OCTETS], configuration[BSF_CONFIGURATION];
	size_t n_instructions, n_configuration;
};

enum bsf_next { BSF_ANSWER, BSF_FETCH, BSF_PROVE };
struct bsf_verdict {
	enum bsf_next next;
	int status, retry;
	bool challenge, granted;        /* which answer: 401, 200; neither: `say` */
	const char *what;               /* event; NULL: none is written */
	char say[160], why[200];        /* to the peer, to the operator */
	bool resync, stale;             /* of the vector to be fetched, of the challenge to be made */
	bool wrong;                     /* RES was */
	bool repeat;                    /* the answer was given before: the same session again */
	bool hold;                      /* the HSS has given a vector for nothing */
	struct mst_authorisation leave; /* PROVE */
	/* effect */
	bool settle_run, put_run, put_session, put_lock, drop_lock;
	struct mst_gba_run run;
	struct gba_run spent;           /* settle_run with put_run: the one before */
	struct mst_gba_session session;
	struct mst_gba_lock lock;
};

/* --- decide.c: PURE --- */
MST_MUST_CHECK int bsf_decide(struct mst_crypto *c, const struct bsf_call *q, const struct bsf_records *r, const struct mst_role_conf *conf,
			      mst_time now, struct bsf_verdict *v);
/* The keeper has spoken: 0 with `a`, or an outcome. */
void bsf_decide_proof(const struct bsf_call *q, const struct bsf_records *r, const struct mst_role_conf *conf, int outcome,
		      const struct mst_ub_answer *a, mst_time now, struct bsf_verdict *v);
MST_MUST_CHECK int bsf_decide_fetched(const struct bsf_call *q, const struct bsf_records *r, const struct mst_role_conf *conf,
				      const struct bsf_vector *f, mst_time now, struct bsf_verdict *v);
/* Which name the session of these would have. False: the BSF's own name is none. */
bool bsf_btid(const struct mst_role_conf *conf, const uint8_t rnd[GBA_RAND], char out[MST_ID_MAX]);

/*
 * held.c: what came could not be used, and has cost the HSS a vector: whoever asks the same again is told to come later, as who asked
 * first was. A question is the subscriber's name, and the AUTS with its RAND when there is one.
 */
#define BSF_HELD_S 10
#define BSF_HELD_MAX 1024
MST_MUST_CHECK int bsf_held(struct mst_role_env *env, const struct bsf_call *q, const struct bsf_records *r, mst_time *ret_until);
MST_MUST_CHECK int bsf_hold(struct mst_role_env *env, const struct bsf_call *q, const struct bsf_records *r);
/* mst_role_rules(), which wants a state of its own. */
MST_MUST_CHECK int bsf_rules(struct mst_role_env *env, const struct mst_rule_set **ret_set, int64_t *ret_version);
void bsf_forget(void *state);

/* --- shell --- */
void bsf_decode(const struct mst_role_conf *conf, const struct mst_exchange *x, struct bsf_call *q);
MST_MUST_CHECK int bsf_load(struct mst_role_env *env, const struct bsf_call *q, struct bsf_records *r);
/* New: what the owner's rules say to this subscriber. */
MST_MUST_CHECK int bsf_brief(struct mst_role_env *env, const struct bsf_call *q, const struct bsf_records *r, struct bsf_briefing *b);
/* The same as it was told before, as far as it is still kept. */
MST_MUST_CHECK int bsf_brief_again(struct mst_role_env *env, const struct bsf_records *r, struct bsf_briefing *b);
MST_MUST_CHECK int bsf_apply(struct mst_role_env *env, const struct mst_exchange *x, const struct bsf_call *q, const struct bsf_records *r,
			     struct bsf_verdict *v, struct bsf_briefing *b);

#endif
