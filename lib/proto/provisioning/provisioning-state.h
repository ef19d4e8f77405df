/*
 * Inside of the provisioning engine: its storage and the seams between its files. For the engine, its
 * tests and the diagram generator only.
 */
#ifndef MST_PROVISIONING_STATE_H
#define MST_PROVISIONING_STATE_H

#include "proto/provisioning/provisioning.h"

#define PROV_LEVELS (PROV_DEPTH_MAX + 1)
#define PROV_ARENA 1024                  /* per level, for what a decoder must convert */
#define PROV_ATTEMPT 32

/* One open sequence: its octets, and itself decoded from them (the views point into `octets`). */
struct prov_level {
	uint32_t n;
	uint8_t index;                   /* the instruction at work; == n_instructions: all tried */
	uint8_t octets[MST_SEQ_OCTETS];
	uint8_t scratch[PROV_ARENA];
	struct mst_sequence seq;
};

/* Resources that already yielded a sequence in this run: u8 method, u16 length, normalised name, … */
struct prov_resources {
	uint8_t count;
	uint32_t n;
	uint8_t octets[PROV_RESOURCES_OCTETS];
};

struct prov {
	struct prov_config cfg;
	enum prov_state state;
	enum prov_state after_save;      /* SAVING: where to go when progress is durable */
	mst_ms deadline;
	uint32_t serial;
	char attempt[PROV_ATTEMPT + 1];
	uint32_t runs;
	uint32_t retry_after;            /* longest asked for in this run, seconds */
	mst_ms wait_ms;                  /* WAITING: how long in all … */
	mst_time wait_since;             /* … counted from then; 0 = clock unknown */
	uint8_t depth;
	struct prov_level level[PROV_LEVELS];
	struct prov_resources resources;
	struct prov_report report[PROV_REASONS_MAX];
	uint32_t n_reports, reports_lost;
	uint32_t blob_n;
	uint8_t blob[PROV_BLOB_MAX];
	/* A sequence is judged here before it replaces anything. */
	struct mst_sequence trial;
	uint8_t trial_scratch[PROV_ARENA];
};

/* What came in. Only the members that the event has are set. */
struct prov_input {
	enum prov_event ev;
	struct mst_view octets;          /* TRIGGER, DISCOVERED: sequence; RESUME: blob */
	const char *attempt;             /* TRIGGER */
	enum prov_reason reason;         /* FAILED */
	const char *detail;              /* FAILED */
	int64_t retry_after;             /* FAILED */
	mst_ms now;
	mst_time utc;
	uint32_t rnd;
	struct mst_diag *d;
	enum prov_reason bad;            /* out: the input is no good, though the engine may have moved on */
};

/*
 * Returns the next state, or -(enum prov_reason): refused, and nothing was changed.
 * `to` is the set of states that `run` may return, 1 << state each; tests hold it to that.
 */
typedef int prov_handler(struct prov *p, struct prov_input *in);
struct prov_cell {
	prov_handler *run;               /* NULL: the event has no meaning here; nothing changes */
	unsigned to;
	const char *why;                 /* for the documentation made from the table */
};
const struct prov_cell *prov_cell(enum prov_state s, enum prov_event ev);
const char *prov_event_text(enum prov_event ev);

/* provisioning-run.c: the walk through the sequences */
int prov_start_run(struct prov *p, const struct prov_input *in);         /* → SAVING */
int prov_next(struct prov *p, const struct prov_input *in); /* from the instruction at work on → SAVING */
int prov_end_run(struct prov *p, const struct prov_input *in); /* sets up the wait → SAVING, then WAITING */
int prov_enter_sequence(struct prov *p, struct prov_input *in);          /* what was discovered; → SAVING */
struct mst_instruction *prov_at_work(struct prov *p);
/* 0, or why a sequence may not be used at `utc`. */
enum prov_reason prov_judge_sequence(const struct mst_sequence *s, mst_time utc, struct mst_diag *d);
/* Decode without touching a level. 0, or why it is no sequence. */
enum prov_reason prov_try_sequence(struct prov *p, struct mst_view octets, mst_time utc, struct mst_diag *d);
/* Copy and decode into level `at`, index 0. */
enum prov_reason prov_load_level(struct prov *p, unsigned at, struct mst_view octets, struct mst_diag *d);
void prov_forget(struct prov *p);        /* back to: nothing known. Keeps cfg, state and serial */

/* provisioning-report.c */
void prov_report_current(struct prov *p, enum prov_reason r, const char *detail, mst_time utc);
void prov_report_run(struct prov *p, enum prov_reason r, const char *detail, mst_time utc);
void prov_put_text(char *out, size_t cap, struct mst_view v);

/* provisioning-resource.c */
#define PROV_NAME_MAX 1024               /* twice what a sequence may hold */
MST_MUST_CHECK bool prov_normalise(int method, struct mst_view name, uint8_t out[PROV_NAME_MAX],
				   size_t *ret_n);
bool prov_resource_seen(const struct prov_resources *r, int method, struct mst_view name);
bool prov_resource_fits(const struct prov_resources *r, int method, struct mst_view name);
MST_MUST_CHECK bool prov_resource_add(struct prov_resources *r, int method, struct mst_view name);

/* provisioning-backoff.c */
mst_ms prov_ceiling(const struct prov_config *cfg, uint32_t runs);
mst_ms prov_jitter(mst_ms ceiling, uint32_t rnd);                        /* uniform in 0..ceiling */
mst_ms prov_wait(const struct prov_config *cfg, uint32_t runs, uint32_t retry_after, uint32_t rnd);
mst_ms prov_wait_left(const struct prov *p, mst_time utc, uint32_t rnd); /* after a power cut */
mst_ms prov_later(mst_ms now, mst_ms wait);                              /* never wraps, never MST_NEVER */

/* provisioning-progress.c */
void prov_progress_write(struct prov *p);
MST_MUST_CHECK bool prov_progress_read(struct prov *p, struct mst_view blob, enum prov_state *ret_state,
				       struct mst_diag *d);

#endif
