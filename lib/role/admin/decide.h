/* Decisions of the admin role: pure functions over records, request and time. */
#ifndef MST_ROLE_ADMIN_DECIDE_H
#define MST_ROLE_ADMIN_DECIDE_H

#include "server/exchange.h"

#define ADMIN_REVOKED_MAX 900   /* entries of the revocation list: MST_TBS_MAX holds them */
#define ADMIN_REVOKED_OURS 100  /* of them for the installation's own alone, where providers have people of their own */

enum admin_verdict {
	ADMIN_DONE,      /* apply what was filled in */
	ADMIN_UNCHANGED, /* it is so already: a repeated request gets the same answer (lesson 10) */
	ADMIN_REFUSED,   /* `d` says why; *ret_rsc is the status */
};

/* A new node; `sub` is its subscription's record, NULL when it names none. */
enum admin_verdict admin_decide_node(struct mst_node *n, const struct mst_subscription *sub, mst_time now,
				     int *ret_rsc, struct mst_diag *d);
/*
 * act: "revoke", "release", "suspend", "resume", "reenrol". `seconds`: of a release, how long what the node has still works; of a
 * reenrol, how long the window is open. `has_key`: of a resume, the node holds a key that it used. `by`: who asks. What the installation
 * has suspended its provider's people neither resume nor release, as they could let it back then; NO_PRIVILEGE says so.
 */
enum admin_verdict admin_decide_node_act(struct mst_node *n, const char *act, const char *reason, int64_t seconds, bool has_key, enum mst_by by,
					 mst_time now, int *ret_rsc, struct mst_diag *d);
/* To another subscription, under `to`'s names. `sub` is it, NULL when there is none. `grace`: how long what it had still works. */
enum admin_verdict admin_decide_move(struct mst_node *n, const struct mst_node *to, const struct mst_subscription *sub,
				     int64_t grace, const char *reason, mst_time now, int *ret_rsc, struct mst_diag *d);
/*
 * Was the certificate made for what the node was before: with another provider (`past`, its last one; NULL: none), or under a
 * name that it has no more? It ends with the time that a move left.
 */
bool admin_cert_former(const struct mst_node *n, const struct mst_node_past *past, const struct mst_cert_row *r);
/*
 * What the clock says of a subscription whose `due` has come: the event, "" when it was told already. *ret_over: its nodes'
 * commands end, some at each `due`; the caller sets that to 0 when none is left.
 */
const char *admin_decide_sub_clock(struct mst_subscription *r, mst_time now, bool *ret_over);
enum admin_verdict admin_decide_sub(struct mst_subscription *r, mst_time now, int *ret_rsc,
				    struct mst_diag *d);
/* Its end, later than it was: also of one that has expired, whose nodes may go on then. */
enum admin_verdict admin_decide_extend(struct mst_subscription *r, mst_time until, mst_time now, int *ret_rsc, struct mst_diag *d);
/* act: "suspend", "resume", "end". An end is due at once, for what is open still (as by the clock). `by` as of a node. */
enum admin_verdict admin_decide_sub_act(struct mst_subscription *r, const char *act, enum mst_by by, mst_time now,
					int *ret_rsc, struct mst_diag *d);

/* Is it good for anything that a revocation would end? For its renewal a while after its end, too (mef.est_grace). */
bool admin_cert_works(const struct mst_cert_row *r, const struct mst_role_conf *conf, mst_time now);
/* The same, or does it only say which name its node may be certified by again (mef/est.h, has_name)? However long ago it has ended. */
bool admin_cert_counts(const struct mst_cert_row *r, const struct mst_role_conf *conf, mst_time now);
/* `r` is the certificate's record, revoked or not; `reason` of RFC 5280 5.3.1. That the list is full is no reason to refuse: the MEF and
 * OCSP read the record. */
enum admin_verdict admin_decide_revoke(struct mst_cert_row *r, int reason, const struct mst_role_conf *conf, mst_time now, int *ret_rsc,
				       struct mst_diag *d);
/*
 * Has the list room for one more, of a node with that provider ("": of none)? Asked of those that are revoked in the order in which they were: what
 * stands on a list never gives way to what comes later. Providers whose people may revoke have equal shares.
 */
struct admin_listing { size_t n, of[MST_PROVIDERS_MAX]; };
bool admin_decide_listed(struct admin_listing *l, const struct mst_role_conf *conf, const char *sp_fqdn);
/* A request for a certificate, of that node. act: "approve", "reject" */
enum admin_verdict admin_decide_certreq(struct mst_certreq *r, const struct mst_node *of, const char *act, const char *reason, mst_time now,
					int *ret_rsc, struct mst_diag *d);
/* A new SIM, in `node` or in none (NULL). Who it is and what it may is in *s. */
enum admin_verdict admin_decide_sim(struct mst_sim *s, const struct mst_node *node, mst_time now, int *ret_rsc, struct mst_diag *d);
/* Into a node that has none, or out of its node (NULL). */
enum admin_verdict admin_decide_sim_bind(struct mst_sim *s, const struct mst_node *node, mst_time now, int *ret_rsc, struct mst_diag *d);
/* act: "suspend", "resume" */
enum admin_verdict admin_decide_sim_act(struct mst_sim *s, const char *act, const char *reason, mst_time now);
#define ADMIN_COMMANDS_MAX 64           /* of a node that have not ended, and as many that have */

/* A command for nodes as it was asked for; "" and 0: not said. */
struct admin_command_input {
	char class_text[16];
	char subject[16], uri[MST_ID_MAX];        /* cert-prov: node, cse, ae; estBaseURI. dev-cfg: deviceConfigURI of another server */
	char path[129], type[32];                 /* mo-node: objectPath, and objectTypeID by its name */
	int64_t suid;
	char target[MST_ID_MAX], admin_fqdn[MST_ID_MAX];
	const char *objects;                      /* dev-cfg: the document, found good; NULL: none */
};
/* `sub`: the node's subscription, or NULL; `open`: how many commands of it have not ended. */
enum admin_verdict admin_decide_command(const struct mst_node *n, const struct mst_subscription *sub, const struct admin_command_input *in,
					const struct mst_role_conf *conf, size_t open, mst_time now, struct mst_command *ret,
					int *ret_rsc, struct mst_diag *d);
enum admin_verdict admin_decide_cancel(struct mst_command *m, mst_time now, int *ret_rsc, struct mst_diag *d);
/* When the list says that it was made and how long it is good; and the keeper's leave to sign it. */
struct mst_authorisation admin_decide_list(mst_time now, struct mst_list *l);

/* Can a trigger be authenticated with it now? A root credential that is in use, or a maker's secret. */
bool admin_trigger_key(const struct mst_credential *c, mst_time now);
/* With a key of this session? Not when the card keeps Ks: its node cannot make the key without asking the card. */
bool admin_trigger_session(const struct mst_gba_session *s, mst_time now);
/* The subscriber's settings have the service, and only with the card's key (keyChoice UICC_BASED_KEY): a trigger is made with the ME's. */
bool admin_trigger_wants_card(const struct mst_guss *g, int64_t gsid);
/*
 * A trigger for the node. The counter is larger than any before and begins as the time of day, so that a store that was
 * restored from a backup does not fall behind its nodes. `key_id` NULL: there is no key.
 */
enum admin_trigger_by { ADMIN_BY_KEY /* that there is */, ADMIN_BY_SESSION, ADMIN_BY_CARD /* which cannot be */, ADMIN_BY_SIGNER };
struct admin_trigger_verdict { char key_id[MST_ID_MAX]; uint64_t counter; struct mst_authorisation authorisation; };
enum admin_verdict admin_decide_trigger(const struct mst_node *n, enum admin_trigger_by by, const char *key_id,
					uint64_t last, mst_time now, struct admin_trigger_verdict *ret_v, int *ret_rsc,
					struct mst_diag *d);

#endif
