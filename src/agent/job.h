/*
 * One procedure with MEF or MAF in a session of its own, asked for by somebody on the control socket (keys.h): registrations
 * (regs.c) and keys at the MEF (keys-mef.c); or by the agent itself (renew.c). With the MEF under the trust of the instruction that led there (origin.c).
 */
#ifndef AGENT_JOB_H
#define AGENT_JOB_H

#include "agent/keys.h"
#include "proto/procedure/procedure.h"

struct proc_job;
struct proc_job_ops {
	size_t size;                         /* of the whole job; wiped at its end */
	/* The session is open, the procedure not begun. False: it was lost. NULL: nothing to do. */
	bool (*opened)(struct proc_job *j, struct mst_client *c);
	json_t *(*ended)(struct proc_job *j);
	/* Instead of an answer: of a job of the agent's own (renew.c), for whom nobody waits. However it ended. */
	void (*over)(struct proc_job *j);
};

struct proc_job {
	const struct proc_job_ops *ops;
	struct proc_job *next;
	struct agent *a;
	struct bufferevent *to;
	json_t *q;                           /* texts are borrowed from it */
	bool maf;
	char from[MST_ID_MAX], attempt[33];
	struct mst_quirks quirks;
	struct enrolee_peer at;
	struct mst_tls_ctx *tls;
	struct session_pins pins;
	struct procedure proc;
	struct mst_client *client;
	struct event *timer;
};

/* In order: make it, say whom it speaks to, fill the procedure, open the session. NULL: too many, or no memory. */
struct proc_job *proc_job_new(struct agent *a, struct bufferevent *to, const struct proc_job_ops *ops, const json_t *q);
MST_MUST_CHECK bool proc_job_dial(struct proc_job *j, bool maf, struct mst_diag *d);
/* What every procedure is given. */
struct procedure_config proc_job_config(const struct proc_job *j, enum procedure_what what);
MST_MUST_CHECK bool proc_job_open(struct proc_job *j, struct mst_diag *d);
void proc_job_free(struct proc_job *j);
/* Those of `to`, or all, end without an answer. */
void proc_job_forget(struct agent *a, const struct bufferevent *to, bool all);

#endif
