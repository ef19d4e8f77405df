/*
 * The agent's secure environment (lib/secenv/secenv.h): which back end it is, opening it, and keys that are in it
 * (decision 0026).
 *
 *   inside.c       which back end, and the store on it
 *   inside-look.c  what the machine has and is not used
 *   inside-key.c   TLS and requests with keys that are not here
 *   inside-move.c  muster-agent secenv move
 *   inside-secret.c  the maker's secret, muster-agent secenv take
 *   ctl-inside.c   muster-agent doctor, muster-agent request
 */
#ifndef AGENT_INSIDE_H
#define AGENT_INSIDE_H

#include "agent/agent.h"

#define INSIDE_REFUSED "pin.refused"     /* in the state directory: which PIN a device has refused (secenv/guard.h) */
#define INSIDE_LABEL "MUSTER KEY"        /* of a PEM file with a struct mst_secenv_key */

/* What this machine and these settings have, back end by back end. */
struct inside_offer {
	enum mst_secenv_kind kind;
	int r;                               /* 0: usable; else the outcome or fault that says why not */
	struct mst_secenv_offers offers;
	struct mst_diag d;
	const char *remedy;
};
#define INSIDE_KINDS 5
/*
 * Back ends that the settings or the machine speak of, best first, each tried: it opens the store that is bound to it, or a store and a key are made in
 * it and go again.
 */
size_t inside_offers(const struct agent_config *cfg, struct mst_crypto *c, struct inside_offer ret[INSIDE_KINDS]);
/*
 * Which one is (or will be) used, and why, in words. `known`: what inside_offers() gave; NULL: they are tried when it depends on them, as far as the
 * first that is usable. `passed`: a better one that nobody named and that is not (r != 0). 0, or an outcome with `d`.
 */
struct inside_choice { enum mst_secenv_kind kind; const char *why; struct inside_offer passed; };
MST_MUST_CHECK int inside_choose(const struct agent_config *cfg, struct mst_crypto *c, const struct inside_offer *known, size_t n_known,
				 struct inside_choice *ret, struct mst_diag *d);
/* agent_store_open(), which tells on stderr what a new store has passed over; this tells the caller (r != 0). */
MST_MUST_CHECK int inside_open(const struct agent_config *cfg, struct mst_crypto *c, struct mst_secenv **ret_s, struct inside_offer *ret_passed,
			       struct mst_diag *d);
/* The back end itself, connected, under the guard of PINs. */
MST_MUST_CHECK int inside_root(const struct agent_config *cfg, enum mst_secenv_kind kind, struct mst_crypto *c, struct secenv_root **ret,
			       struct mst_diag *d);
const char *inside_words(int r, const struct mst_diag *d);

/* A TPM 2.0 is in this machine; and: its device cannot be used by this process, with the reason. */
bool inside_tpm_there(void);
bool inside_tpm_hidden(struct mst_diag *d);
#define INSIDE_REACH_TPM "put the agent's user into the group tss, let its unit see /dev/tpmrm0 (muster-agent(1), SYSTEMD), and then: " \
			 "muster-agent secenv move tpm"
/* Which back end the store has, and what is wrong with that: {"backend", "warning"} and then "remedy"; null without a store. */
json_t *inside_status(const struct agent_config *cfg, struct mst_crypto *c);
/* The same into a->inside, and a warning into the log. Before the sandbox: it looks at devices. */
void inside_look(struct agent *a);
/* Tokens that p11-kit knows and readers, that no setting names: {"backend", "name", "remedy"} each. None is taken, or looked at, unasked. */
json_t *inside_unnamed(const struct agent_config *cfg);
/* Memory with keys in it that could not be locked: told in the log, once for what is new, and in status. */
void inside_look_memory(struct agent *a);
json_t *inside_memory(void);
void inside_print(FILE *out, const json_t *status);

/*
 * The active root credential's key lies in the store, and in memory only while somebody uses it: this takes it out of `a`,
 * and that gets it for `c`, which is a->active or another credential that has its key; the caller wipes.
 */
void inside_put_away(struct agent *a);
MST_MUST_CHECK int inside_root_key(struct agent *a, const struct mst_root_cred *c, struct mst_key *ret, struct mst_diag *d);
/* The rest of a->active has changed: it is stored with the keys that the store has. */
MST_MUST_CHECK int inside_store_active(struct agent *a, struct mst_diag *d);

/* mst_tls_ctx_new() with that key for cfg->chain_pem. The context may sign until it is freed, and not after the store is closed. */
MST_MUST_CHECK int inside_tls(struct agent *a, const struct mst_secenv_key *k, struct mst_tls_config *cfg, struct mst_tls_ctx **ret,
			      struct mst_diag *d);
/*
 * The key of a PEM file's blocks INSIDE_LABEL: while a store is moved there is one for the old back end and one for the new one, and the one that
 * this store knows is it. Without a store, and when it knows none, the last. n = 0: there is none.
 */
MST_MUST_CHECK int inside_key_of(struct mst_secenv *env, struct mst_view pem, struct mst_secenv_key *ret, struct mst_diag *d);
/*
 * The maker's secret of psk_file for a session; the caller wipes. Each time it is read anew, as it lies there or as it was taken into `env`; with
 * `env` NULL such a one is looked at and not opened. 0, INSIDE_NOT_READ, an outcome of maker_open() or a fault, with `d`; *ret_sealed: it was taken.
 */
#define INSIDE_NOT_READ 64
MST_MUST_CHECK int inside_secret_read(const struct agent_config *cfg, struct mst_secenv *env, struct mst_crypto *c, struct mst_key *ret,
				      bool *ret_sealed, struct mst_diag *d);
/* The same; what fails is told in the log, and in status. */
MST_MUST_CHECK int inside_secret(struct agent *a, struct mst_key *ret, struct mst_diag *d);
/* At the start: is there one? What a device cannot open now it may open later: that is told, and no failure. */
MST_MUST_CHECK int inside_secret_load(struct agent *a, struct mst_diag *d);
/* What the node was born with: {"setting", "kept": "clear", "sealed" or "device", "warning", "remedy"} each. */
json_t *inside_born(const struct agent_config *cfg);

/* A certification request, signed inside. */
MST_MUST_CHECK int inside_request(struct mst_secenv *env, const struct mst_secenv_key *k, const struct mst_san *san, const char *challenge,
				  uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d);

/* Commands; exit codes. */
int ctl_doctor(const struct agent_config *cfg, bool json);
/* `name` NULL: node_id of the settings. */
int ctl_request(const struct agent_config *cfg, const char *name, const char *out);
/* For commands that want the state for themselves: a descriptor that holds it; -1, and told, when an agent runs. */
int ctl_lock_state(const struct agent_config *cfg);
/* Files that this process makes its agent will be able to read; else false, and told: root does it for an agent of another user's. */
bool ctl_may_write(const struct agent_config *cfg);
/* The store to another back end (inside-move.c); without `yes` it only says what that means. */
int ctl_move(const struct agent_config *cfg, const char *to, bool yes);
/* The secret of psk_file into the store (inside-secret.c); without `yes` it only says what that means. */
int ctl_take(const struct agent_config *cfg, bool yes);
/* What a move that was cut off left is finished, before anybody opens the store. */
MST_MUST_CHECK int inside_settle(const struct agent_config *cfg, struct mst_crypto *c, struct mst_diag *d);

#endif
