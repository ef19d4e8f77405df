/*
 * The provisioning engine (architecture 3.2; seed P): triggering → discovery → bootstrap as a pure state
 * machine. No I/O, no clock, no allocation: the shell asks what is wanted, does it, and reports back.
 *
 *   a trigger hands in a sequence; instructions run in order; a discovery instruction is replaced by the
 *   sequence it yields; the first success ends everything; when all have failed every reason is kept.
 *   Depth <= PROV_DEPTH_MAX, no resource twice; an instruction the device cannot do is skipped before any
 *   packet leaves; progress is durable before each effect; exponential backoff with full jitter between
 *   runs, honouring Retry-After; a new trigger restarts at once.
 */
#ifndef MST_PROVISIONING_H
#define MST_PROVISIONING_H

#include "base/time.h"
#include "codec/instr.h"

#define PROV_DEPTH_MAX 3                 /* discovery inside discovery inside discovery */
#define PROV_REASONS_MAX 48              /* the first ones of a run are kept, the others counted */
#define PROV_BLOB_MAX 65536              /* durable progress; what a secure environment keeps in one blob */
#define PROV_SEQ_TOTAL 49152             /* octets of all sequences open at once (depth 0 to 3) */
#define PROV_RESOURCES_MAX 32            /* resources that yield a sequence in one run … */
#define PROV_RESOURCES_OCTETS 4096       /* … and their names together */
#define PROV_SAVE_MS 30000               /* deadline of making progress durable (lesson 7) */
#define PROV_RETRY_AFTER_MAX 604800      /* seconds; no peer can silence a device for longer than a week */

/* Why an instruction (or a run) ended. Stable words for status, events and people. */
enum prov_reason {
	PROV_OK,
	PROV_UNSUPPORTED,        /* no such credential, method or transport here; nothing was sent */
	PROV_UNREACHABLE,        /* no address answered, name unknown, connection lost */
	PROV_TIMEOUT,
	PROV_UNTRUSTED,          /* the peer could not be authenticated */
	PROV_NOT_AUTHENTICATED,  /* the peer refused our credential */
	PROV_REFUSED,            /* authenticated and refused: policy, subscription, revoked */
	PROV_UNKNOWN,            /* the peer does not know us or our registration */
	PROV_BUSY,               /* try later; Retry-After */
	PROV_MALFORMED,          /* the answer or the sequence was not understandable */
	PROV_EXPIRED,            /* instruction, sequence or credential past its end */
	PROV_NOT_YET_VALID,
	PROV_TOO_DEEP,
	PROV_LOOP,               /* a resource for the second time */
	PROV_EMPTY,              /* a discovery yielded nothing to try */
	PROV_STORAGE,            /* progress could not be made durable */
	PROV_INTERNAL,
	PROV_OVERSIZED,          /* more octets than an answer or a sequence may have */
	PROV_UNKNOWN_METHOD,     /* an instruction with a method that does not exist */
	PROV_WRONG_SERVICE,      /* the peer is who it should be, and not what was looked for: a web page, a redirection */
	/* of the subscriber's card, and of bootstrapping with it (GBA) */
	PROV_NO_READER,          /* no reader or modem, or the service that has it does not run */
	PROV_NO_CARD,            /* no card in it, or one that does not answer */
	PROV_NO_APPLICATION,     /* a card without the application that is wanted */
	PROV_CARD_PIN,           /* the card's PIN is not given, or wrong */
	PROV_CARD_SYNC,          /* card and operator do not agree on the sequence number, even after resynchronising */
	PROV_FALSE_NETWORK,      /* the challenge is not from the card's operator */
	PROV_NOT_PROVEN,         /* the BSF's answer is not protected as it must be (rspauth) */
	PROV_UNKNOWN_SUBSCRIBER, /* the BSF does not know the card's identity */
	PROV_REASON__COUNT       /* kept in progress by number: new ones at the end */
};
const char *prov_reason_text(enum prov_reason r); /* "unsupported", "not authenticated", …; never NULL */
/* What codec/msg.h said of a sequence, or of an answer with one in it (a fault: internal). */
enum prov_reason prov_reason_of(int outcome, const struct mst_diag *d);

enum prov_state {
	PROV_IDLE,               /* nothing to do (never triggered, or enrolled, or released) */
	PROV_SAVING,             /* progress is to be made durable before the next effect */
	PROV_DISCOVERING,
	PROV_BOOTSTRAPPING,
	PROV_WAITING,            /* all failed; backoff runs */
	PROV_ENROLLED,
	PROV_STATE__COUNT
};
const char *prov_state_text(enum prov_state s);         /* "idle", …; never NULL */

enum prov_event {
	PROV_EV_TRIGGER,         /* a sequence arrives */
	PROV_EV_RESUME,          /* power is back; a progress blob was found */
	PROV_EV_SAVED,
	PROV_EV_SAVE_FAILED,
	PROV_EV_DISCOVERED,      /* a sequence was yielded */
	PROV_EV_SUCCEEDED,       /* bootstrap done and confirmed */
	PROV_EV_FAILED,          /* the running instruction ended without success */
	PROV_EV_TIMER,
	PROV_EV_CREDENTIAL_LOST, /* the service said: unknown or revoked (not: unreachable, not: refused) */
	PROV_EVENT__COUNT
};

enum prov_want {
	PROV_WANT_NOTHING,       /* call prov_tick() at prov_deadline() */
	PROV_WANT_SAVE,          /* make prov_progress() durable, then prov_saved() or prov_save_failed() */
	PROV_WANT_DISCOVER,      /* carry out prov_current(), then prov_discovered() or prov_failed() */
	PROV_WANT_BOOTSTRAP,     /* carry out prov_current(), then prov_succeeded() or prov_failed() */
};

struct prov_report {             /* one per instruction tried */
	uint8_t depth, index;
	uint8_t kind, method;    /* enum mst_instr_kind, enum mst_method; 0, 0 = not about one instruction */
	enum prov_reason reason;
	mst_time when;
	char resource[96];       /* its URI, cut */
	char detail[96];         /* what the shell said */
};

struct prov_config {
	uint32_t methods;                    /* bit (1 << method) set = this device can do it now */
	mst_ms backoff_first, backoff_max;   /* ceiling of the first wait; ceiling of all waits */
	mst_ms discover_ms, bootstrap_ms;    /* deadline of one instruction (lesson 7) */
	/* Is this URI's transport in this build? true = yes. May be NULL = all. */
	bool (*can_reach)(void *arg, struct mst_view uri);
	void *arg;
};

struct prov;                             /* fields in provisioning-state.h, for storage only; do not touch */
size_t prov_size(void);                  /* octets of storage to give to prov_init, aligned for int64_t */
/*
 * The storage stays where it is: sequences are decoded in place. NULL when it is too small or not
 * aligned, or when a time in `cfg` is not positive or backoff_first > backoff_max or that > UINT32_MAX ms.
 */
struct prov *prov_init(void *storage, size_t size, const struct prov_config *cfg);
/* What the device can do changed (a SIM came or went). Counts from the next instruction on. */
void prov_set_methods(struct prov *p, uint32_t methods);

/*
 * Inputs. `now` is monotonic, `utc` is wall-clock (0 = unknown: then validity is not judged), `rnd` 32
 * random bits. An input that has no meaning in the present state changes nothing: it came too late.
 * A report about an effect must belong to the effect now wanted: compare prov_serial() when effects run
 * in the background.
 */
/*
 * Hand in a sequence. Replaces whatever runs, resets the backoff and starts at once, in every state.
 * `attempt_id` is 32 hex digits. 0, or a positive prov_reason: refused, nothing changed.
 */
MST_MUST_CHECK int prov_trigger(struct prov *p, struct mst_view sequence_cbor, const char *attempt_id,
                                mst_ms now, mst_time utc, uint32_t rnd, struct mst_diag *d);
/*
 * Go on after a power cut, from the last blob that was made durable, when nothing was triggered yet.
 * 0, or a positive prov_reason: refused, the engine is as it was.
 */
MST_MUST_CHECK int prov_resume(struct prov *p, struct mst_view blob, mst_ms now, mst_time utc, uint32_t rnd,
			       struct mst_diag *d);
void prov_saved(struct prov *p, mst_ms now, mst_time utc, uint32_t rnd);
void prov_save_failed(struct prov *p, mst_ms now, mst_time utc, uint32_t rnd);
/*
 * The discovery yielded this. 0, or a positive prov_reason when the sequence is no good: then the
 * discovery has failed with that reason and the engine has gone on; prov_failed() is not needed, and
 * does nothing.
 */
MST_MUST_CHECK int prov_discovered(struct prov *p, struct mst_view sequence_cbor, mst_ms now, mst_time utc,
				   uint32_t rnd, struct mst_diag *d);
void prov_succeeded(struct prov *p, mst_ms now, mst_time utc, uint32_t rnd);
/* `retry_after` seconds, 0 = the peer gave none. The longest of a run holds back the next run. */
void prov_failed(struct prov *p, enum prov_reason r, const char *detail, int64_t retry_after, mst_ms now,
		 mst_time utc, uint32_t rnd);
void prov_tick(struct prov *p, mst_ms now, mst_time utc, uint32_t rnd);   /* nothing before the deadline */
/*
 * The service does not know the node's credential any more, or revoked it. Starts the last trigger's
 * sequence again, under an attempt id of its own (last 8 digits from `rnd`). Only when enrolled.
 */
void prov_credential_lost(struct prov *p, mst_ms now, mst_time utc, uint32_t rnd);

/* Questions. */
enum prov_want prov_want(const struct prov *p);
uint32_t prov_serial(const struct prov *p);                      /* changes with every thing wanted */
enum prov_state prov_state(const struct prov *p);
mst_ms prov_deadline(const struct prov *p);                      /* MST_NEVER = none */
const struct mst_instruction *prov_current(const struct prov *p);/* while DISCOVER or BOOTSTRAP is wanted */
struct mst_view prov_progress(const struct prov *p);             /* while SAVE is wanted, till the next input */
const char *prov_attempt(const struct prov *p);                  /* attempt id of the running or last run */
struct mst_view prov_sequence(const struct prov *p);             /* of the last trigger, till the next input; none before one */
/* May that begin a run now, by its own words? PROV_OK, PROV_NOT_YET_VALID, PROV_EXPIRED; PROV_EMPTY: there is none. */
enum prov_reason prov_valid(const struct prov *p, mst_time utc);
size_t prov_reports(const struct prov *p, const struct prov_report **ret_first);
unsigned prov_reports_lost(const struct prov *p);                /* reports of this run that found no room */
unsigned prov_runs(const struct prov *p);                        /* runs since the trigger, for the backoff */

#endif
