/*
 * Admin API (doc/openapi.yaml): provider's registry and audit log over HTTP with JSON, on a local socket.
 * Order of every request: may this peer ask → route → decode → load → decide (pure) → apply with its audit
 * event in the same transaction → encode.
 *
 * The M2M-Sub-ID appears here and never towards nodes.
 */
#ifndef MST_ROLE_ADMIN_ADMIN_H
#define MST_ROLE_ADMIN_ADMIN_H

#include "jansson/read.h"
#include "server/exchange.h"

extern const struct mst_role_ops mst_role_admin;

#define ADMIN_PARAMS_MAX     8
#define ADMIN_IMPORT_MAX     1000
#define ADMIN_PAGE           100
#define ADMIN_PAGE_MAX       500
/* Rows that a list looks at in one request, whoever asks and whatever of them is listed: it holds up everybody else meanwhile. */
#define ADMIN_LOOKED_MOST    1000
#define ADMIN_IDENTITIES_MAX 8
/* A page ends early when it is this long; well below MST_ANSWER_MAX. */
#define ADMIN_ANSWER_FULL (180 * 1024)

/* One request. */
struct admin {
	struct mst_role_env *env;
	struct mst_answer *a;
	const struct mst_exchange *x;
	char who[MST_ID_MAX];                     /* "uid 0": into every event */
	char sp[MST_ID_MAX];                      /* provider whose people ask; "" = the installation's own (scope.c) */
	char path[2048];                          /* without the provider's part */
	char id[MST_ID_MAX];                      /* {id} of the path */
	char param[ADMIN_PARAMS_MAX][MST_ID_MAX]; /* query, in the order of the route's names; "" = absent */
	json_t *body;                             /* POST: an object */
	const char *act;                          /* last word of the route */
	bool approved;                            /* a second person has said yes */
};

/* May a provider's people take this way (scope.c)? What is not said is not theirs. */
enum admin_scope {
	ADMIN_WHOLE,     /* the installation's own only */
	ADMIN_OWN_NODE,  /* {id} is a node of theirs */
	ADMIN_OWN_SUB,   /* {id} is a subscription of theirs */
	ADMIN_OWN_CERT,  /* {id} is the serial of a node's certificate */
	ADMIN_OWN_ASKED, /* {id} is a node's request for a certificate */
	ADMIN_OWN_CMD,   /* {id} is a command for a node */
	ADMIN_OWN_LIST,  /* the handler looks at each row */
};

/* Handlers answer in q->a; they return 0 or a fault. */
struct admin_route {
	enum mst_op op;
	const char *path; /* "/v1/nodes/{id}/revoke" */
	int (*handle)(struct admin *q);
	const char *act;
	const char *param[ADMIN_PARAMS_MAX];
	enum admin_scope scope;
	enum mst_four four;                       /* may want a second person, by four_eyes; where it has to be looked at first what
						     would be done to whom the handler asks (est.c, life.c) */
};
extern const struct admin_route admin_routes[];
extern const size_t admin_routes_n;

/* Answers. admin_answer takes `j` over, NULL meaning no memory. */
int admin_answer(struct admin *q, int rsc, json_t *j);
int admin_refuse(struct admin *q, int rsc, const struct mst_diag *d);
/* A provider's people would have lifted what the installation has suspended: told to it (`what`-refused), and to them. */
int admin_refuse_act(struct admin *q, int rsc, const char *what, int64_t node, const char *subject, const struct mst_diag *d);
/* On whose word is this? */
enum mst_by admin_by(const struct admin *q);
json_t *admin_error(const struct mst_diag *d);
/* Into the audit log, in the transaction of the change. */
int admin_event(struct admin *q, const char *what, int64_t node, const char *why);
/* A number in the query: false, and `d` filled, when it is none. "" gives `none`. */
bool admin_number(const char *name, const char *text, uint64_t none, uint64_t max, uint64_t *ret_x,
		  struct mst_diag *d);

int admin_node_add(struct admin *q);
int admin_node_import(struct admin *q);
int admin_node_list(struct admin *q);
int admin_node_show(struct admin *q);
int admin_node_act(struct admin *q);
int admin_node_move(struct admin *q);
int admin_node_bind(struct admin *q);
int admin_cert_revoke(struct admin *q);
int admin_node_number(struct admin *q);
int admin_node_trigger(struct admin *q);
int admin_node_place(struct admin *q);
int admin_node_unplace(struct admin *q);
int admin_node_secret(struct admin *q);
int admin_sim_add(struct admin *q);
int admin_sim_import(struct admin *q);
int admin_sim_list(struct admin *q);
int admin_gba_list(struct admin *q);
int admin_gba_flush(struct admin *q);
int admin_sim_show(struct admin *q);
int admin_sim_bind(struct admin *q);
int admin_sim_act(struct admin *q);
int admin_sim_remove(struct admin *q);
int admin_sub_add(struct admin *q);
int admin_sub_list(struct admin *q);
int admin_sub_show(struct admin *q);
int admin_sub_act(struct admin *q);
int admin_sub_extend(struct admin *q);
int admin_certreq_list(struct admin *q);
int admin_certreq_act(struct admin *q);
int admin_node_certs(struct admin *q);
int admin_node_certs_revoke(struct admin *q);
int admin_serial_revoke(struct admin *q);
int admin_cert_prov(struct admin *q);
int admin_command_add(struct admin *q);
int admin_command_list(struct admin *q);
int admin_command_all(struct admin *q);
int admin_command_show(struct admin *q);
int admin_command_cancel(struct admin *q);
int admin_rule_add(struct admin *q);
int admin_rule_list(struct admin *q);
int admin_rule_show(struct admin *q);
int admin_rule_edit(struct admin *q);
int admin_rule_move(struct admin *q);
int admin_rule_switch(struct admin *q);
int admin_rule_delete(struct admin *q);
int admin_rule_versions(struct admin *q);
int admin_rule_rollback(struct admin *q);
int admin_rule_check(struct admin *q);
int admin_rule_try(struct admin *q);
int admin_rule_replay(struct admin *q);
int admin_event_list(struct admin *q);
int admin_event_verify(struct admin *q);
int admin_keeper_show(struct admin *q);
int admin_keeper_dead(struct admin *q);
int admin_keeper_rotate(struct admin *q);
int admin_keeper_finish(struct admin *q);
int admin_seal_list(struct admin *q);
int admin_seal_now(struct admin *q);
int admin_seal_accept(struct admin *q);
int admin_status(struct admin *q);
int admin_approval_list(struct admin *q);
int admin_approval_show(struct admin *q);
int admin_approval_give(struct admin *q);
int admin_approval_refuse(struct admin *q);
int admin_event_export(struct admin *q);

/* Does it want a second person, and nobody has said yes yet (admin.c)? */
bool admin_wants_second(const struct admin *q, enum mst_four of);
/* approvals.c. It waits now for a second person. */
int admin_four_ask(struct admin *q);
/* The same for what is done to this node: 0, it may go on; 1, it waits, or was refused since it names the node by what may be another's when
 * the yes comes; or a fault. */
int admin_four_node(struct admin *q, const struct mst_node *n);
/* Nor for more than that: only if certificates that we issued to it would end for good, of all or (`former`) of those from before it was this
 * (revoke.c). */
int admin_four_certs(struct admin *q, const struct mst_node *n, const struct mst_node *former, const struct mst_node_past *past);
bool admin_four_person(const struct mst_role_conf *c, uint32_t uid);
/* May all of the log be read? *ret_all; `d` filled when the approval named is none. 0 or a fault. */
int admin_export_allowed(struct admin *q, const char *approval, bool *ret_all, struct mst_diag *d);
/* admin.c: one request from its beginning; q->who of an approved one stays. */
int admin_serve(struct admin *q, const struct mst_exchange *x);

/* certs.c: the list of our CA, for the engine. */
int admin_list(struct mst_role_env *env, struct mst_list *l);

/* Node by M2M-Node-ID, CSE-ID, AE-ID or number: 0, MST_STORE_NONE, or a fault. */
int admin_find_node(struct admin *q, const char *id, struct mst_node *ret);
/* Certificates that are revoked and have not ended: how many the list has, and for how many there is no room. `serial` may be NULL. */
struct admin_revoked { size_t listed, unlisted; bool has /* `serial` is listed */; };
MST_MUST_CHECK int admin_revoked_count(struct mst_role_env *env, const char *serial, struct admin_revoked *ret);
/* Revoke the certificate of that record (certs.c), told when the list has no room for it: 0 (also when it is there already); ADMIN_REFUSED with *ret_rsc and `d`; or
 * a fault. */
int admin_revoke_row(struct admin *q, struct mst_cert_row *row, int reason, int *ret_rsc, struct mst_diag *d);
int admin_no_such_node(struct admin *q);
/*
 * names.c. May the node have the names that it is to have, beside those that it has (`was`; NULL: it is new)? 0; ADMIN_REFUSED with *ret_rsc and
 * `d`, which says until when where a name will be free by itself; or a fault.
 */
int admin_names_free(struct admin *q, const struct mst_node *n, const struct mst_node *was, int *ret_rsc, struct mst_diag *d);
/* No other node is called what this one proves, nor shows it in its certificates: 0 and *ret_free, or a fault. */
int admin_identity_free(struct admin *q, const struct mst_identity *i, bool *ret_free);
/* As which FQDN a certificate shows a name: an FQDN itself, a CSE-ID as its public domain name. In lower case; false: as none. */
bool admin_domain_of(enum mst_id_kind kind, const char *value, char out[MST_ID_MAX]);
/* The node with all that belongs to it. */
int admin_answer_node(struct admin *q, int rsc, const struct mst_node *n);
/* sims.c: the node's SIM, when it has one, as member "sim"; 0 or a fault. */
int admin_put_sim(struct admin *q, int64_t node, json_t *j);
/* What its SIM has bootstrapped with the BSF here; 0 or a fault. */
int admin_end_gba(struct admin *q, int64_t node);
/* sims.c: by IMSI, IMPI or number. 0, NONE, or a fault. */
int admin_find_sim(struct admin *q, const char *name, struct mst_sim *ret);
/* life.c: what ends by itself, for the engine. */
int admin_clock(struct mst_role_env *env, struct mst_clocked *c);
/* What it enrolled with: registrations and keys of the MEF, under the names of `n` (revoke.c). */
int admin_end_enrolment(struct admin *q, const struct mst_node *n);
/* Certificates that it has from before it moved. */
int admin_end_former_certs(struct admin *q, const struct mst_node *n);
/*
 * Whoever was to fetch it has no registration any more: commands that have not ended are cancelled and management objects
 * dropped, each with an event that says why (commands.c).
 */
int admin_end_commands(struct admin *q, int64_t node, const char *why);
/* Of all nodes of a subscription that is over, a batch: *ret_more, there may be others (commands.c). */
int admin_end_sub_commands(struct admin *q, const struct mst_subscription *r, bool *ret_more);
/* scope.c. Is it theirs? Always when the installation's own people ask. 0 and *ret_own, or a fault. */
int admin_owns_node(struct admin *q, const struct mst_node *n, bool *ret_own);
/* What was made for the node at that time: theirs when the node is, and was then. */
int admin_owns_since(struct admin *q, int64_t node, mst_time at, bool *ret_own);
int admin_owns_node_id(struct admin *q, int64_t id, bool *ret_own);
bool admin_owns_sub(const struct admin *q, const struct mst_subscription *r);
int admin_owns_event(struct admin *q, const struct mst_event *e, bool *ret_own);
struct admin_node_input;
/*
 * What proves where a node comes from (CAs of its names, its secret) goes with it to another provider. So a provider's people
 * set none of it: they could be the node there.
 */
bool admin_origin_good(const struct admin *q, const struct admin_node_input *in, struct mst_diag *d);
/* A new node, its names and its subscription are the provider's own: 0; ADMIN_REFUSED, and `d` says why; or a fault. */
int admin_new_node_good(struct admin *q, const struct admin_node_input *in, const struct mst_subscription *sub, struct mst_diag *d);
/* What a node that moves is to be called is no MAF's name; one that it has already may be. False: `d` says why not. */
bool admin_moved_name_good(const struct admin *q, const struct mst_node *n, const struct mst_node *was, struct mst_diag *d);
/* Who asks, and for whom; "/v1/providers/{sp}/x" becomes "/v1/x". False: nobody who may. */
bool admin_own_people(const struct admin *q, const struct mst_peer *p);
bool admin_scope_take(struct admin *q, const struct mst_peer *p, struct mst_view *path);
/* May this way be taken? 0 yes; 1 answered already; or a fault. */
int admin_scope_check(struct admin *q, const struct admin_route *route);
/* Everything that the node could still authenticate with is over at env->now (revoke.c). */
int admin_end_credentials(struct admin *q, const struct mst_node *n);

/* decode.c: bodies to records. False with `d` naming the member and what would be right. */
struct admin_node_input {
	struct mst_node node;
	char anchor[2 * MST_SHA256_LEN + 1];      /* of every name that brings none of its own */
	struct mst_identity identity[ADMIN_IDENTITIES_MAX];
	size_t n;
};
/* "any", or 64 hex digits. */
bool admin_decode_anchor(const char *field, const char *text, uint8_t ret[MST_SHA256_LEN], struct mst_diag *d);
bool admin_decode_bind(const json_t *j, uint8_t ret[MST_SHA256_LEN], struct mst_diag *d);
bool admin_decode_node(const json_t *j, struct admin_node_input *ret, struct mst_diag *d);
bool admin_decode_number(const json_t *j, char ret[MST_NUMBER_MAX], struct mst_diag *d);
struct admin_trigger_input {
	int what, method;                         /* enum mst_trigger_what; enum mst_method, 0 = no instruction */
	char what_text[16], method_text[8], uri[128], target[128], admin_fqdn[MST_ID_MAX], payload[MST_TRIGGER_MAX];
	char signer[2 * MST_TRIGGER_HINT + 1];    /* hint of the public key, hex; "" = the node's own key */
	uint8_t signer_hint[MST_TRIGGER_HINT];
	char key_text[16];
	bool gba;                                 /* key: with the session at the BSF, whatever else there is */
	int64_t window;
	char via[16], to[64];                     /* for the audit log: how it is going to be sent */
};
/* "secret" as the listener leaves it: sealed, or why it is none. */
struct admin_sim_input { struct mst_sim sim; struct mst_wrapped sealed; char node[MST_ID_MAX]; };
bool admin_decode_sim(const json_t *j, const struct mst_role_conf *conf, struct admin_sim_input *ret, struct mst_diag *d);
bool admin_decode_sim_bind(const json_t *j, bool bind, char ret_node[MST_ID_MAX], struct mst_diag *d);
bool admin_decode_trigger(const json_t *j, struct admin_trigger_input *ret, struct mst_diag *d);
bool admin_decode_sub(const json_t *j, struct mst_subscription *ret, struct mst_diag *d);
bool admin_decode_reason(const json_t *j, bool required, char ret[128], struct mst_diag *d);
/* Which request for a certificate is meant, beside its number: "" where that is not said. */
struct admin_certreq_input { char reason[128], node[MST_ID_MAX], sha256[2 * MST_SHA256_LEN + 1]; };
bool admin_decode_certreq(const json_t *j, bool reason_required, struct admin_certreq_input *ret, struct mst_diag *d);
/* Reason, and of a release "grace", of a reenrol "window", in seconds. */
bool admin_decode_act(const json_t *j, const char *act, char ret_reason[128], int64_t *ret_seconds, struct mst_diag *d);
struct admin_move_input { struct mst_node as; /* sub_id, cse_id, ae_id */ int64_t grace; char reason[128]; };
bool admin_decode_move(const json_t *j, struct admin_move_input *ret, struct mst_diag *d);
bool admin_decode_extend(const json_t *j, mst_time *ret_until, struct mst_diag *d);
bool admin_decode_cert(const json_t *j, struct mst_view *ret_pem, int *ret_reason, struct mst_diag *d);
bool admin_decode_revoke(const json_t *j, int *ret_reason, struct mst_diag *d);
struct admin_command_input;
bool admin_decode_cert_prov(const json_t *j, struct admin_command_input *ret, struct mst_diag *d);
/* *ret_nodes and *ret_objects are borrowed from `j`; objects NULL: there are none. */
bool admin_decode_command(const json_t *j, struct admin_command_input *ret, json_t **ret_nodes, json_t **ret_objects, struct mst_diag *d);
bool admin_decode_rows(const json_t *j, json_t **ret_rows, struct mst_diag *d);

/* encode.c: NULL when there is no memory. */
json_t *admin_json_node(const struct mst_node *n);
json_t *admin_json_sub(const struct mst_subscription *r);
json_t *admin_json_identity(const struct mst_identity *r);
json_t *admin_json_reg(enum mst_role role, const struct mst_registration *r);
json_t *admin_json_cred(enum mst_role role, const struct mst_credential *r);
json_t *admin_json_place(const struct mst_place *r);
json_t *admin_json_briefing(const struct mst_briefing *r);
json_t *admin_json_event(const struct mst_event *e);
/* "number", "triggered" into a node's object; 0 or a fault. */
int admin_put_reach(json_t *node, const struct mst_reach *r);
json_t *admin_json_anchor(const struct mst_event_anchor *a);
json_t *admin_json_cert(const struct mst_cert_row *r);
json_t *admin_json_time(mst_time t);
size_t admin_json_size(const json_t *j);

#endif
