/*
 * Keys that this node shares with others through its MAF (TS-0003 8.8.2.7 to 8.8.2.10, 8.2.2.3) or its MEF (8.3.5.2.7 to
 * 8.3.5.2.10; `key … --mef`), for its applications: `muster-agent connect`, `accept` and `key` ask for them on the control socket. The agent is the one
 * that authenticates to the MAF; the root credential stays here, and only the key that was asked for leaves.
 *
 * A key that this node registered is kept, sealed as the credentials are, until its lifetime is over: another connection
 * to the same peer needs no MAF (lesson 2). A key that somebody else registered is not kept: each handshake asks the MAF, so
 * that what was revoked there is revoked here at once.
 */
#ifndef AGENT_KEYS_H
#define AGENT_KEYS_H

#include "agent/agent.h"
#include "proto/saef/saef.h"

#define KEYS_KEPT_MAX 16
#define KEYS_JOBS_MAX 16                     /* going on at one time */
#define KEYS_LIFETIME_S 86400                /* proposed when nobody says how long */

struct bufferevent;

struct kept_key {
	char key_id[MST_ID_MAX];             /* RelativeKeyID@MAF-FQDN */
	char targets[1024];                  /* one a line */
	int64_t suid;
	bool derived;                        /* of the MEF's exporter: made for its one target (TS-0003 10.3.7) */
	mst_time until;
	struct mst_key key;
};

struct agent_keys {
	struct key_job *job;
	struct proc_job *procs;              /* registrations, and keys at the MEF (job.h); counted with the others */
	unsigned jobs;
	bool loaded;
	struct kept_key kept[KEYS_KEPT_MAX];
	size_t n_kept;
};

/*
 * A question of control.c, `op` one of: saef-connect, saef-accept, key-list, key-register, key-retrieve, key-update,
 * key-delete, reg-…; all but the first two with "mef": true at the MEF. The answer; NULL: it comes later, by keys_answer() below, to `to`; to agent_told() when that is NULL.
 */
json_t *keys_ask(struct agent *a, struct bufferevent *to, const json_t *q);
/* The same instead of running, as agent_check(); NULL after a fault. */
json_t *agent_keys(struct agent *a, const json_t *q);
/* a->keys is there; false: no memory. */
bool keys_ready(struct agent *a);
/* Is it one of ours? */
bool keys_op(const char *op);
/* Whoever asked has gone. */
void keys_forget(struct agent *a, const struct bufferevent *to);
void keys_close(struct agent *a);

/* keys-mef.c. One question to the MEF, as keys_ask(). */
json_t *keys_mef_ask(struct agent *a, struct bufferevent *to, enum mmaf_job job, const json_t *q);
/* keys-cse.c. A question of connect or accept, when the root credential is Kpsa. Always at once. */
json_t *keys_cse_ask(struct agent *a, bool connect, const json_t *q);
/* regs.c: registrations, `op` one of reg-new, reg-show, reg-update, reg-delete; as keys_ask(). */
bool regs_op(const char *op);
json_t *regs_ask(struct agent *a, struct bufferevent *to, const json_t *q);

/* keys.c, for both. Texts are borrowed from `q`; a list that is none, or is longer than `max`: false. */
const char *keys_text(const json_t *q, const char *member);
bool keys_list_of(const json_t *q, const char *member, const char **out, size_t max, size_t *ret_n);
mst_time keys_end_of(const struct agent *a, const json_t *q, int64_t otherwise);
void keys_join(const char *const *targets, size_t n, char *out, size_t cap);
json_t *keys_refusal(enum saef_outcome o, const char *detail);
json_t *keys_bad(const char *field, const char *text);
json_t *keys_failed(const struct mst_failure *f);
json_t *keys_ok(json_t *o);
void keys_put_key(json_t *o, const struct mst_key *k);
/* It went well: what is kept follows. Wipes the key in `k`; takes what an update left out from the kept one. */
json_t *keys_done(struct agent *a, enum mmaf_job job, struct kept_key *k, const char *source, bool new_targets);
void keys_tell(struct agent *a, struct bufferevent *to, json_t *answer);

/* control.c: the answer to a question that took its time. */
void control_answer(struct agent *a, struct bufferevent *to, const json_t *answer);

/* keys-kept.c. What is on the disk wins: loaded on the first use. */
void kept_load(struct agent *a);
/* Durable when it returns 0; the one that ends first gives way. 0, a secenv outcome or a fault. */
MST_MUST_CHECK int kept_put(struct agent *a, const struct kept_key *k);
MST_MUST_CHECK int kept_drop(struct agent *a, const char *key_id);
struct kept_key *kept_find(struct agent *a, const char *key_id);
/* For a connection to this peer, good for some time still; NULL: none. */
struct kept_key *kept_for(struct agent *a, const char *peer);
json_t *kept_json(const struct kept_key *k);         /* without the key */

#endif
