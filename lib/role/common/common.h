/*
 * What the procedures of MEF and MAF share (TS-0003 8.3.5.2 and 8.8.2 are twins): the decoded call, who
 * makes it, the records it is judged by, and the verdict.
 *
 *     decode (bytes → call) → load (store → records) → decide (PURE: → verdict) → apply → encode
 *
 * A decide function sees nothing but its arguments; time and random octets are among them. It writes
 * only the verdict: an answer for the peer, an effect for the store, and words for the operator.
 */
#ifndef MST_ROLE_COMMON_COMMON_H
#define MST_ROLE_COMMON_COMMON_H

#include <string.h>

#include "base/text.h"
#include "codec/resources.h"
#include "role/role.h"

/* Truncates; only for texts whose room is known to do. */
static inline void mst_str_set(char *out, size_t cap, const char *s)
{
	size_t n = strlen(s);

	n = n < cap ? n : cap - 1;
	memcpy(out, s, n);
	out[n] = 0;
}
#define MST_STR_SET(array, s) mst_str_set(array, sizeof(array), s)

/* --- the call --- */

enum mst_call_what {
	MST_CALL_NONE,
	MST_CALL_REGISTER,     /* CREATE <mefClientReg>, <mafClientReg>: 8.3.5.2.3, 8.8.2.3 */
	MST_CALL_REG_GET,
	MST_CALL_REG_SET,      /* 8.3.5.2.5 */
	MST_CALL_REG_DELETE,   /* 8.3.5.2.6 */
	MST_CALL_CFG_GET,      /* 8.3.5.2.4 */
	MST_CALL_CMD_GET,      /* 8.3.9.2 */
	MST_CALL_CMD_SET,      /* 8.3.9.3 */
	MST_CALL_KEY_REGISTER, /* 8.3.5.2.7 */
	MST_CALL_KEY_GET,      /* 8.3.5.2.8 */
	MST_CALL_KEY_SET,      /* 8.3.5.2.9 */
	MST_CALL_KEY_DELETE,   /* 8.3.5.2.10 */
	MST_CALL_FETCH,        /* /fetchCredentials: 8.3.2.1 */
	MST_CALL_OBJECTS_GET,  /* management objects that DEV_CFG led to: ours (doc/decisions/0017) */
	MST_CALL__COUNT
};
extern const char *const mst_call_name[MST_CALL__COUNT];    /* last word of the operator's event */

struct mst_call {
	enum mst_call_what what;
	enum mst_role role;
	char id[MST_ID_MAX];             /* registration id, relative key id (canonical), KeID, or OBJECTS_GET: adminFQDN */
	int suid;                        /* FETCH */
	struct mst_view from;
	char attempt[33];
	uint64_t session;
	bool has_export;
	char rel_key[33];                /* exporter id, canonical hex */
	char key_id[MST_ID_MAX];         /* KeID or Key Identifier of this session: rel_key@FQDN */
	bool has_key_value;
	struct mst_client_reg reg;       /* REGISTER, REG_SET */
	struct mst_key_reg key;          /* KEY_REGISTER, KEY_SET */
	struct mst_client_cmd cmd;       /* CMD_SET */
};

/* --- who makes it --- */

enum mst_who_kind {
	MST_WHO_NOBODY,                  /* authenticated or not: no record names it */
	MST_WHO_NODE,                    /* a node of the provider's registry */
	MST_WHO_MAF,                     /* a configured MAF, by its FQDN certificate */
	MST_WHO_CLIENT,                  /* MAF client by its key; its node is not in our registry */
};
#define MST_WHO_NAMES 12
struct mst_who {
	enum mst_who_kind kind;
	char id[MST_ID_MAX];             /* absolute: CSE-ID, AE-ID, M2M-Node-ID or FQDN */
	struct mst_san name[MST_WHO_NAMES];   /* every identifier bound to it */
	size_t n_name, n_shown;          /* the last n_shown are what its certificate calls it and nobody else does: no key is for that name */
	bool has_node, has_sub, has_cred;
	struct mst_node node;
	struct mst_subscription sub;
	struct mst_credential cred;      /* PSK session: the credential that authenticated it */
	char cert_serial[64];            /* the session showed a certificate that we issued */
	bool stranger;                   /* NOBODY: it has shown nothing at all */
	bool clash;                      /* NOBODY: it names what is bound to somebody else, or two nodes */
	char claim[MST_ID_MAX];          /* what the channel proved, for the operator */
	char why[160];                   /* NOBODY: why, for the operator */
};

/* --- what is known --- */

#define MST_OTHER_CREDS 16
/* A client that keeps registering must not fill the store (lesson 17). */
#define MST_KEYREGS_MAX 32
struct mst_cred_brief {
	char key_id[MST_ID_MAX], via[MST_ID_MAX];
	enum mst_key_purpose purpose;
	enum mst_cred_state state;
	bool elsewhere;                  /* of the same node under a name that it had with another provider */
	mst_time created, expires, last_used;
};
struct mst_records {
	bool has_reg, has_keyreg, has_cred;
	struct mst_registration reg;     /* by id; for REGISTER, KEY_REGISTER by client and adminFQDN */
	struct mst_keyreg keyreg;        /* by call.id, or by the session's exporter id */
	struct mst_credential cred;      /* the session's (REGISTER, KEY_REGISTER), or the one asked for */
	struct mst_cred_brief other[MST_OTHER_CREDS];  /* the client's credentials here, oldest first; then those `elsewhere` */
	size_t n_other;
	/* MEF: the newest key of the client that a MAF was given, and the one that the registration names; whatever `other` has room for */
	bool has_given, has_current;
	struct mst_cred_brief given, current;
	/* MEF: the command that this registration was given last, unless it has ended, and the next one */
	bool has_out, has_next;
	struct mst_command out, next;
	bool has_objects;                /* OBJECTS_GET */
	struct mst_device_config objects;
	/* those of them that live on a session's key and are for somebody else than a MAF: their relative ids */
	char lasting[MST_KEYREGS_MAX][33];
	size_t n_lasting;
	size_t n_keyregs;                /* key registrations of this registration that have not ended */
	char stale_keyreg[MST_ID_MAX];   /* one that has, "" when there is none */
	struct mst_who owner;            /* KEY_GET, FETCH: whose key it is */
	struct mst_view ca;              /* DER of the CA that the configuration hands out; may be empty */
};

/* Random octets that a decision may use. */
struct mst_chance { uint8_t b[32]; };

/* --- the verdict --- */

enum mst_body { MST_BODY_NONE, MST_BODY_REG, MST_BODY_KEY, MST_BODY_FETCHED, MST_BODY_CMD, MST_BODY_CFG, MST_BODY_OBJECTS };
enum mst_wrap { MST_WRAP_NONE, MST_WRAP_EXPORT, MST_WRAP_KEY_VALUE, MST_WRAP_AGAIN /* of the session's key */ };
#define MST_DROPS (MST_OTHER_CREDS + 2)

struct mst_verdict {
	int rsc;
	char say[128];                   /* to the peer, short; "" when the status says it all */
	char why[200];                   /* to the operator */
	const char *what;                /* event: role "." what */
	bool fetch;                      /* a refusal answers with status false (spec 2.7.1) */
	bool close;                      /* its session ends with the answer: who may not be served needs none */
	/* answer */
	enum mst_body body;
	uint32_t show;                   /* members of the body: bits of `has` */
	bool wait_command;               /* REG: refer to the command child */
	struct mst_release release;
	mst_time lifetime;               /* FETCHED */
	char enrolee[MST_ID_MAX];
	char cmd_id[32]; int cmd_status; int64_t retry;
	bool gives;                      /* CMD: a command; otherwise NO_MORE_COMMANDS */
	struct mst_command give;
	/* effect; nothing is written unless rsc is a success */
	char drop_reg[64];               /* delete this registration and all that hangs on it, first */
	bool put_reg;
	struct mst_registration reg;
	bool put_keyreg, insert_keyreg, delete_keyreg;
	struct mst_keyreg keyreg;
	char stale_keyreg[MST_ID_MAX];   /* key registration that has ended and makes room */
	enum mst_wrap wrap_cred, wrap_keyreg;    /* how cred.key and keyreg.key come to be */
	bool put_cred, insert_cred;
	struct mst_credential cred;
	bool activate;                   /* the session's credential has been used: architecture 3.5 */
	bool used;                       /* the same, for a key that only leads to another: no event, nothing replaced */
	struct mst_credential active;
	char drop[MST_DROPS][MST_ID_MAX];    /* credentials that go */
	size_t n_drop;
	char revoke[MST_ID_MAX];         /* the credential that was replaced */
	bool left;                       /* all that `node` is registered with under names it had elsewhere goes, and its keys */
	bool put_out, put_give;          /* the command reported on; the one given now */
	struct mst_command out;
	struct mst_command_step step[2]; /* what became of them */
	size_t n_step;
	bool put_node;
	struct mst_node node;
};

/* --- identify.c: the channel's identity, for every role (lesson 25) --- */

/* Resolve what the handshake proved to a record. 0 or a fault; nobody is an answer too. */
MST_MUST_CHECK int mst_role_identify(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p,
                                     struct mst_who *ret);
/* The same of a session whose certificate may have ended: what it is still good for is the caller's to decide. */
MST_MUST_CHECK int mst_role_identify_lapsed(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p,
                                            struct mst_who *ret);
/* A SIM, with the node that it is in and its subscription. NONE, or a fault. */
MST_MUST_CHECK int mst_role_sim(struct mst_role_env *env, enum mst_sim_name by, const char *name, struct mst_sim *ret, struct mst_who *ret_who);
/* A client by its absolute identifier (whose key is it?), with node and subscription when known. */
MST_MUST_CHECK int mst_role_client(struct mst_role_env *env, const char *client_id, int64_t node, struct mst_who *ret);
/*
 * Whose secret it is, for a handshake's look-up, which asks the same of the store for everybody: so this looks for no names that a move has left, and
 * gives none. Who speaks in the session, and by which names, is mst_role_identify()'s to say.
 */
MST_MUST_CHECK int mst_role_secret_owner(struct mst_role_env *env, const struct mst_credential *cred, struct mst_who *ret);
/* For listeners, who end sessions when the node or its subscription is not served any more; zero for who is no node. 0 or a fault. */
MST_MUST_CHECK int mst_role_whose(const struct mst_who *w, struct mst_whose *ret);

/* --- decide.c, decide-reg.c, decide-key.c: PURE --- */

/*
 * Before anything else, the same for every role: is it somebody, does From name it (lesson 25), and may
 * it be served now? True to go on; else `v` has the refusal.
 */
bool mst_decide_admit(const struct mst_who *w, const struct mst_call *c, mst_time now, struct mst_verdict *v);
/* May this client be served at all: node and subscription. 0, or the RSC with its reason in `why`. */
int mst_decide_standing(const struct mst_who *w, mst_time now, const char **ret_why);
/* And the subscriber of a SIM of ours, whose node `w` is: else `why`, for the operator. */
bool mst_decide_sim(const struct mst_sim *s, const struct mst_who *w, mst_time now, char ret_why[200]);
bool mst_decide_claims(const struct mst_who *w, struct mst_view from);

/* The one way to refuse: `say` for the peer, `why` for the operator (NULL: the same). Forgets every effect. */
void mst_refuse(struct mst_verdict *v, int rsc, const char *say, const char *why);
void mst_verdict_init(struct mst_verdict *v, const struct mst_call *c);
/* min(asked, end of the subscription, now + its key lifetime, now + the role's registration lifetime). */
mst_time mst_decide_expiry(const struct mst_who *w, const struct mst_role_conf *conf, mst_time asked, mst_time now);
void mst_decide_drop(struct mst_verdict *v, const char *key_id);
/* The node's own record of progress: step, attempt, last seen. */
void mst_decide_step(struct mst_verdict *v, const struct mst_who *w, const struct mst_call *c, const char *step, mst_time now);

void mst_decide_register(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                         const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance,
                         struct mst_verdict *v);
void mst_decide_reg_get(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, mst_time now, struct mst_verdict *v);
void mst_decide_reg_set(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                        const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v);
void mst_decide_reg_delete(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, mst_time now, struct mst_verdict *v);
/* Does this stakeholder have this client served here: the provider of its subscription, or one that the settings name? */
bool mst_decide_stakeholder(const struct mst_role_conf *conf, const struct mst_who *w, const char *admin_fqdn);
/* The registration of the call is there, unexpired and the caller's own; else refused (4004). */
bool mst_decide_own_reg(const struct mst_who *w, const struct mst_records *r, mst_time now, struct mst_verdict *v);

void mst_decide_key_register(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                             const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance,
                             struct mst_verdict *v);
void mst_decide_key_get(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                        const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v);
void mst_decide_key_set(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                        const struct mst_role_conf *conf, mst_time now, struct mst_verdict *v);
void mst_decide_key_delete(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r, mst_time now, struct mst_verdict *v);

/*
 * MEF: keep the key of this session, Ke, as credential KeID of the registration (Enrolment Key Generation,
 * 8.3.2.1), once; older ones that nobody has fetched go, but for the newest. False when refused.
 */
bool mst_decide_session_key(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
                            const char *reg_id, mst_time expires, mst_time now, struct mst_verdict *v);

/* Lists are kept one element a line. */
bool mst_lines_join(const struct mst_view *v, size_t n, char *out, size_t cap);
bool mst_lines_has(const char *lines, const char *one);
size_t mst_lines_split(const char *lines, struct mst_view *out, size_t cap);
/* "//sp.example.com/CSE0001" → "CSE0001.sp.example.com", an FQDN → itself (spec 3.4 "open points"). */
bool mst_target_fqdn(const char *target, char out[MST_ID_MAX]);

/* relative@fqdn, with the FQDN in lower case. */
bool mst_key_id_join(const char *rel, const char *fqdn, char out[MST_ID_MAX]);

/* How a key that was made with an exporter is given to a target, by SUID and quirk (spec 3.4). */
enum mst_derive_how mst_decide_derivation(const struct mst_role_conf *conf, int suid);

/*
 * What a registered key is kept as. An exporter key at a MEF is Ke, of which the keeper lets out only derived keys;
 * but with the quirk "registered" the MAF's key is Ke itself (spec 3.2), kept then as any registered key.
 */
enum mst_key_purpose mst_decide_keyreg_purpose(const struct mst_role_conf *conf, enum mst_role role, const struct mst_keyreg *k);

/* --- shell: decode.c, load.c, apply.c, encode.c --- */

/* What a role adds to the twins. */
struct mst_role_twin {
	enum mst_role role;
	const struct mst_msg *reg_msg, *cfg_msg;
	int reg_ty;
	bool commands, fetch;
	enum mst_key_purpose session_purpose;    /* of credentials that sessions make or use */
	/* Carry on where the twins end; PURE. */
	void (*decide)(const struct mst_call *c, const struct mst_who *w, const struct mst_records *r,
	               const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance, struct mst_verdict *v);
};
MST_MUST_CHECK int mst_role_handle(const struct mst_role_twin *t, struct mst_role_env *env, const struct mst_exchange *x,
                                   struct mst_answer *a);
/* 0: *ret_c is filled; else an RSC, and `v` has the refusal. `a` keeps what was unescaped. */
MST_MUST_CHECK int mst_role_decode(const struct mst_role_twin *t, const struct mst_role_conf *conf, const struct mst_exchange *x,
                                   struct mst_arena *a, struct mst_call *ret_c, struct mst_verdict *v);
MST_MUST_CHECK int mst_role_load(const struct mst_role_twin *t, struct mst_role_env *env, const struct mst_call *c,
                                 const struct mst_who *w, struct mst_records *ret_r);
MST_MUST_CHECK int mst_role_apply(const struct mst_role_twin *t, struct mst_role_env *env, const struct mst_exchange *x,
                                  const struct mst_who *w, struct mst_verdict *v);
MST_MUST_CHECK int mst_role_encode(const struct mst_role_twin *t, const struct mst_role_conf *conf, const struct mst_records *r,
                                   mst_time now, const struct mst_who *w, const struct mst_verdict *v, struct mst_answer *a);
/* What a node needs to work (4.3.2): who it is, its registrar and MAF, `ca` (DER; may be empty) to trust in, the time. */
void mst_role_put_cfg(const struct mst_msg *m, enum mst_profile names, const struct mst_who *who, struct mst_view ca, mst_time now,
                      struct mst_writer *w);

/* --- handshake.c: pre-shared keys, and who gets none --- */

/*
 * Behind the row of a key that is looked up the store is asked for three more: the node, its names, its subscription; and the keeper for the key. What of
 * that nobody had to be asked for, because of whom the key is of or because it is of nobody, is asked for all the same: so each look-up takes as long as any
 * other. (A client that was entered as a node later than its key was given is found by its name first, which takes longer.)
 */
#define MST_ROLE_ASKS 3u
/* `left`: so many questions of the store; `refused`: the key is not given, so the keeper is asked for nobody's. 0 or a fault. */
MST_MUST_CHECK int mst_role_as_long(struct mst_role_env *env, unsigned left, bool refused);
/* What is left. `cred` NULL: there was no row; else `owner` is from mst_role_client(). */
unsigned mst_role_left(const struct mst_credential *cred, const struct mst_who *owner);

/* For the operator, once a handshake has failed: why no key was given for it, and whose it would have been; or that one was (`given`). */
struct mst_psk_hint { char why[200]; bool given; struct mst_who owner; };
typedef int mst_psk_hint_fn(struct mst_role_env *env, const struct mst_peer *p, struct mst_psk_hint *ret);      /* 0 or a fault; *ret is all zero before */
/* `hint` NULL: the role takes no keys. */
MST_MUST_CHECK int mst_role_handshake_failed(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p,
                                             enum mst_tls_end why, const char *detail, mst_psk_hint_fn *hint);

/* --- secret.c: a maker's secret, for the roles that take one --- */
/* KpmID and Kpm (spec 2.2): a node was born with one, so it is one row, whoever asks for it. */
#define MST_ROLE_SECRETS MST_ROLE_BBN
/* PURE: may the secret of this node go to the handshake that names it? `why` says to the operator why not. */
bool mst_decide_secret(const struct mst_credential *cred, const struct mst_who *owner, mst_time now, struct mst_release *ret,
                       const char **ret_why);
/* A role's psk_lookup; and its hint. */
MST_MUST_CHECK int mst_role_secret_lookup(struct mst_role_env *env, const struct mst_psk_ask *q, struct mst_psk_answer *a);
MST_MUST_CHECK int mst_role_secret_hint(struct mst_role_env *env, enum mst_role role, const char *identity, struct mst_psk_hint *ret);
/* The operator's word for mef.psk = false, bbn.psk = false (struct mst_role_conf.no_secrets). */
const char *mst_role_no_secrets(enum mst_role role);

/* A role's clock: its keys that end (clock.c). */
MST_MUST_CHECK int mst_role_clock(struct mst_role_env *env, enum mst_role role, struct mst_clocked *c);
/* PURE: what the clock says of a key whose `due` has come. The event, "" when there is none; *k is what is stored. */
const char *mst_decide_clock(struct mst_credential *k, mst_time now);
/* PURE: the same of the node whose key it is, when it is the one that it uses. False: nothing changes. */
bool mst_decide_clock_node(struct mst_node *n, const struct mst_credential *k, mst_time now);

/* One line for the operator. */
MST_MUST_CHECK int mst_role_event(struct mst_role_env *env, enum mst_role role, const char *what, const struct mst_who *w,
                                  const char *who, const char *attempt, int rsc, const char *why, uint64_t *ret_seq);
MST_MUST_CHECK int mst_role_refused(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p, const char *attempt,
                                    int status, const char *why);

#endif
