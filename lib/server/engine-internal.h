/* Between engine.c (links, queue, fetches) and engine-group.c (decisions, transaction, answers). */
#ifndef MST_SERVER_ENGINE_INTERNAL_H
#define MST_SERVER_ENGINE_INTERNAL_H

#include "server/unit.h"

#define ENGINE_CLIENTS 64

/* Refused handshakes of a role that get an event of their own: whoever guesses identities must not fill the audit log. */
#define REFUSALS_A_SECOND 5.0
#define REFUSALS_BURST 100.0
#define REFUSALS_TOLD_MS 5000       /* and how often the number of the others is told */

enum engine_untold { UNTOLD_PSK, UNTOLD_STRANGERS, UNTOLD_OTHERS, UNTOLD__COUNT };

/* The beginning of the audit log is given up in pieces, one a tick, each a transaction of its own (lesson 17). */
#define AUDIT_PIECE 1000
#define AUDIT_LOOK_MS (3600 * 1000)

/* Keys that another server does not know, for a moment and in memory only (lesson 3). */
#define UNKNOWN_MAX 256             /* a power of two */
#define UNKNOWN_MS 3000
struct engine_unknown { enum mst_role role; char identity[MST_ID_MAX]; mst_ms until; };

enum work_kind { WORK_EXCHANGE, WORK_PSK, WORK_HANDSHAKE, WORK_REFUSED, WORK_FETCHED };

/* A listener or the connector. `gen` tells a restarted one from its predecessor in the same place. */
struct engine_client { struct mst_link *l; struct mst_link_frame who; uint32_t gen; size_t queued; };

struct work {
	struct work *next;
	enum work_kind kind;
	unsigned client;
	uint32_t gen;
	uint64_t id;
	/* what the decision gave */
	bool failed;
	bool told;                        /* there was room for its event */
	bool fetch_told;                  /* FETCHED: that nothing came has been counted */
	bool settled;                     /* failed, or leaves nothing behind: not decided again with its group */
	bool revoked;                     /* EXCHANGE: the list of our CA has changed */
	struct mst_whose whose;           /* PSK, FETCHED: key it is */
	struct mst_whose cut;             /* EXCHANGE: whose sessions end */
	enum mst_seal_wanted seal;        /* EXCHANGE */
	int counts;                       /* enum mst_metric, 0 = none */
	bool gone;                        /* FETCHED: nobody waits for the exchange any more */
	bool unknown_there;               /* FETCHED: the other server does not know the key */
	int outcome;                      /* PSK, FETCHED: 0 or enum mst_psk_outcome */
	struct mst_answer_frame answer;   /* content points into `content` */
	uint8_t *content;
	struct mst_release release;
	struct mst_fetch *fetch;          /* PSK with MST_PSK_FETCH; an exchange that wants one; else NULL */
	size_t n;
	uint8_t b[];                      /* the payload as it came */
};

struct waiter { struct waiter *next; unsigned client; uint32_t gen; uint64_t id; };

/*
 * Asked from another server: a key, for every handshake that waits for the same identity; or what one suspended exchange
 * wants, which has the one waiter. Who wants a vector of a subscriber while one is on its way is given what comes of that; after an AUTS
 * another one is wanted for each.
 */
struct pending_fetch {
	struct pending_fetch *next;
	uint64_t id;
	enum mst_role role;
	struct mst_psk_ask ask;           /* of the first waiter */
	enum mst_process by;              /* who asks for us */
	enum mst_fetch_kind kind;
	struct gba_ua ua;                 /* ZN: the key is another for each */
	struct waiter *waiters;
	uint8_t *exchange;                /* its payload, as it came; NULL: handshakes */
	size_t n_exchange;
	unsigned asked;                   /* fetches for this exchange, this one among them */
	struct { bool any, resync; uint8_t rnd[GBA_RAND], auts[GBA_AUTS]; int64_t mark; } vector;       /* ZH: which one, and the role's mark */
	uint64_t origin;                  /* the address that it is for, engine_origin() of the first waiter's */
	uint64_t follows;                 /* another one's question is asked for this exchange, too; 0: it has its own */
	char server[MST_ID_MAX];          /* who is asked */
	char about[MST_ID_MAX];           /* for people: which identity */
	mst_ms deadline;
	bool answered;                    /* its result is in the queue */
};

struct engine {
	struct mst_unit u;                /* first */
	struct mst_store *store;
	struct mst_keeper *keeper;
	struct mst_call *call;            /* to the keeper process; NULL when it is in this one */
	uint32_t keeper_number;           /* of that process */
	bool own_keeper;
	struct mst_role_conf *role_conf[MST_ROLE__COUNT];
	struct engine_client client[ENGINE_CLIENTS];
	uint32_t next_gen;
	struct work *head, **tail;
	size_t queued;
	struct event *turn;
	struct pending_fetch *fetches;
	size_t n_fetches;
	uint64_t next_fetch;
	struct engine_unknown unknown[UNKNOWN_MAX];
	struct { double tokens; mst_ms at; } may[MST_ROLE__COUNT];       /* refused handshakes and the like that may still be told one by one */
	mst_ms untold_at;
	void *role_state[MST_ROLE__COUNT];
	unsigned untold[UNTOLD__COUNT][MST_ROLE__COUNT]; /* that were not */
	int64_t life_ahead;               /* engine-life.c: milliseconds by which the time of day was ahead of the running clock */
	mst_ms life_hold;
	mst_ms audit_at;                  /* when the length of the audit log is looked at next */
	unsigned marked_left;             /* groups whose decisions get marks (engine-group.c) */
	enum mst_seal_wanted seal_wanted; /* of the audit log, by an operator */
	mst_ms seal_at;                   /* when it is sealed next */
	struct event *rotate_timer;       /* engine-rotate.c: the next piece */
	mst_ms rotate_at;                 /* not before */
	bool rotate_again;                /* all rows of this rotation were gone over anew, because some had been passed over */
	mst_time rotate_looked;           /* kept_until of the rotation whose rows were looked at once more; 0: none */
	/* keys of no generation that there is; and those that do not open all the same */
	struct { int part; int64_t after, n, foreign; bool done; char first[MST_ID_MAX], first_foreign[MST_ID_MAX]; } dead;
	struct mst_keeper_rates rates;    /* engine-rates.c: what was told of what leaves the keeper */
	mst_ms rates_at;                  /* when it is asked next */
	struct mst_keeper_ca ca;          /* what was told of the device with the CA's key */
	unsigned lost;                    /* decisions that failed; the audit log does not tell of them yet */
	mst_time lost_since;
	int lost_fault;                   /* of the last of them */
	char lost_why[160];
	bool lost_in_doubt;               /* the last of them may be done all the same */
	bool some_in_doubt;               /* one of them */
	char reload_why[256];             /* a reload that failed; the audit log does not tell of it yet */
	bool crl_changed;                 /* a certificate was revoked since the last list */
	mst_ms crl_look;                  /* when it is looked whether another program has revoked something */
	mst_ms crl_again;                 /* not tried before, after a failure */
	uint8_t *scratch;                 /* MST_ANSWER_MAX: a role writes its answer here */
	uint8_t *out;                     /* MST_FRAME_MAX: a frame's payload */
};

/* Decide, commit, answer: the whole group, whatever happens. */
void engine_group(struct engine *e, struct work **w, size_t n);
void engine_tell_violation(struct engine *e, const struct mst_link_frame *who);
struct mst_link *engine_link(struct engine *e, unsigned client, uint32_t gen);
struct pending_fetch *engine_fetch_find(struct engine *e, uint64_t id);
/* engine-share.c: is there room in the queue for one more of that client; is there a place for that question of that address? */
bool engine_has_room(const struct engine *e, unsigned client);
bool engine_has_place(const struct engine *e, const struct mst_fetch *f, uint64_t origin);
uint64_t engine_origin(const char *address);
/* That another server does not know that identity is believed for a moment. */
void engine_remember_unknown(struct engine *e, const struct mst_psk_ask *q);
bool engine_known_unknown(struct engine *e, const struct mst_psk_ask *q);
/* A handshake waits for the key of `w`'s fetch. */
void engine_fetch_start(struct engine *e, const struct work *w, const struct mst_psk_ask *q);
/* An exchange waits for it; `asked` before. False: no place, tell its asker that we are busy. */
MST_MUST_CHECK bool engine_suspend(struct engine *e, const struct waiter *who, struct mst_view exchange, struct mst_fetch *f,
				   unsigned asked);
/* To `l`, which waits for it. What does not go (no memory, a full link) is told as busy: who hears nothing waits until its deadline. Of
 * MST_FRAME_BUSY the payload is ours. */
void engine_reply(struct engine *e, struct mst_link *l, enum mst_frame_type type, uint64_t id, struct mst_view payload);
/* A handshake cannot be given its key for a reason of ours; "unknown" would be a verdict (lesson 6). */
void engine_psk_busy(struct engine *e, unsigned client, uint32_t gen, uint64_t id);
/* It is unknown, or is to look so. */
void engine_psk_unknown(struct engine *e, unsigned client, uint32_t gen, uint64_t id);
/* engine-untold.c: is there room for one more event that others bring about? It is taken. */
bool engine_room_to_tell(struct engine *e, enum mst_role role);
/* The same; if not it is counted. */
bool engine_may_tell(struct engine *e, enum mst_role role, enum engine_untold what);
/* A handshake that failed, as a listener tells it: true when it failed for its key and has no event of its own; then it is counted, and that is all. */
bool engine_counts_only(struct engine *e, unsigned client, struct mst_view payload);
/* An event for those that were counted. */
void engine_tell_untold(struct engine *e);
/* Retention of the audit log, each tick: a piece of its beginning when that is due (engine-audit.c). */
void engine_keep_audit(struct engine *e);
/* Seal the audit log when it is time for it, outside of any group (engine-seal.c). */
void engine_seal(struct engine *e);
/* Tell alarms of the keeper, outside of any group (engine-rates.c). */
void engine_rates(struct engine *e);
/* A piece of wrapping every key anew, when the keeper has two generations (engine-rotate.c). */
void engine_rotate(struct engine *e);
MST_MUST_CHECK int engine_rotate_start(struct engine *e, struct mst_diag *d);   /* is the keeper of the generation that the store is of? */
/* A configuration that was not taken over; again each tick until the log has it (engine-audit.c). */
void engine_reload_failed(struct mst_unit *u, struct mst_view why);
void engine_tell_reload(struct engine *e);
/* What came of storing something, for the gauge that readiness is taken from. */
void engine_store_said(struct engine *e, int fault);
/* An event for the decisions that failed; again each tick until the log has it, and the store thereby takes changes again. */
void engine_tell_lost(struct engine *e);
void engine_fetch_end(struct engine *e, struct pending_fetch *p);
/* Sessions of a node, or of a subscription, end at all listeners (engine-group.c): one frame each, however many there are. */
void engine_cut(struct engine *e, struct mst_whose whose);
/* engine-life.c: what ends by the clock, each tick. */
void engine_life_start(struct engine *e);
void engine_life(struct engine *e);
/* engine-crl.c: a new revocation list, if it is time for one; and at the start, whether it is because of the store. */
void engine_crl(struct engine *e);
MST_MUST_CHECK int engine_crl_start(struct engine *e);

#endif
