/*
 * `muster-agent connect` and `accept`: MAF-based security between two nodes as a tool (TS-0003 8.2.2.3). Standard input and
 * output are piped through the secured connection; events go to standard error.
 *
 * These processes hold no root credential. For a key they ask the agent that runs on this state; when none runs, a child
 * opens the state for this one question and lets it go again.
 */
#ifndef AGENT_LINK_H
#define AGENT_LINK_H

#include "agent/agent.h"

/* Exit codes, in muster-agent(1). */
enum { LINK_DONE = 0, LINK_REFUSED = 1, LINK_USAGE = 2, LINK_FAULT = 3, LINK_BROKEN = 4 };

#define LINK_FROM_MAX 16
#define LINK_HANDSHAKES_MAX 8                /* at one time, while nobody is connected */

struct link_options {
	const char *where;                   /* connect: host:port; accept: address:port */
	const char *peer;                    /* connect: whom; NULL: the registrar */
	const char *from[LINK_FROM_MAX];     /* accept: who may; none: whoever the MAF vouches for */
	size_t n_from;
	int64_t lifetime_s;                  /* connect: of the key; 0 = as the agent says */
	int64_t wait_s;                      /* accept: for a peer; 0 = for ever */
	bool json;
};

int link_connect(const struct agent_config *cfg, const struct link_options *o);
int link_accept(const struct agent_config *cfg, const struct link_options *o);
/* The context of a session with a key of the agent's: with `suite` that one alone. */
MST_MUST_CHECK int link_tls(const struct agent_config *cfg, bool server, int suite, struct mst_tls_ctx **ret, struct mst_diag *d);
/* `muster-agent key VERB [KEYID]` (link-key.c). */
struct link_key_options {
	const char *verb, *key_id;
	const char *targets[LINK_FROM_MAX], *labels[LINK_FROM_MAX];
	size_t n_targets, n_labels;
	int64_t suid, lifetime_s;            /* 0 = not said */
	bool mef;                            /* at the MEF, not at the MAF */
	const char *value, *out;             /* files with a key: of ours to register; for the retrieved one, "-" = standard output */
	bool json;
};
int link_key(const struct agent_config *cfg, const struct link_key_options *o);
/* For link-reg.c, too: a list for a question; the words of a refusal, and the exit code for it. */
json_t *link_list_of(const char *const *v, size_t n);
int link_refused(const json_t *answer);
/* `muster-agent register VERB [ID]` (link-reg.c). */
struct link_reg_options {
	const char *verb, *id, *admin_fqdn;
	const char *const *labels;
	size_t n_labels;
	int64_t lifetime_s;                  /* 0 = not said */
	bool mef, json;
};
int link_reg(const struct agent_config *cfg, const struct link_reg_options *o);

/* `muster-agent register-ae [URI]` (link-ae.c). */
struct link_ae_options {
	const char *uri;                     /* of the registrar's CSEBase; NULL: as the provider said */
	const char *app_id, *ae_id;          /* ae_id NULL: one is to be given */
	const char *psk_identity, *psk_file; /* Kpsa; NULL: a key of the MAF */
	bool psk_raw, json;
};
int link_ae(const struct agent_config *cfg, const struct link_ae_options *o);

/* link-ask.c: one question, in a process of its own. */
struct link_ask { pid_t pid; int fd; char text[32768]; size_t n; };
/* Takes `q`. 0, or a fault; then `k->fd` becomes readable until its end. */
MST_MUST_CHECK int link_ask_start(const struct agent_config *cfg, json_t *q, bool quiet, struct link_ask *k);
/* Readable: true when it has ended, and *ret_answer is it, NULL without one. */
bool link_ask_read(struct link_ask *k, json_t **ret_answer);
void link_ask_drop(struct link_ask *k);
/* Ask and wait. */
json_t *link_ask(const struct agent_config *cfg, json_t *q, bool quiet);

#endif
