/*
 * The store (architecture 5.4): typed records, one key each, all access O(log n). sqlite.c here; a second
 * database later passes the same contract suite (tests/contract).
 *
 * Transactions: mst_store_begin … mst_store_commit bound a *group* of decisions (one fsync). Inside it
 * every decision is bracketed by mark … release, or undo, so that one that fails leaves nothing behind.
 * Nothing is promised to a peer before commit has returned 0.
 *
 * Roles share the code, never each other's rows: registration, keyreg and credential take the role as the
 * first part of the key. Strings are NUL-terminated copies, compared octet by octet as given: whoever
 * calls brings identifiers in their canonical spelling (mst_id_normalise).
 *
 * Faults: the database full gives MST_FAULT_SPACE, damaged MST_FAULT_CORRUPT, anything else that failed
 * MST_FAULT_STORE; mst_store_error() has the words. When a fault has cost the whole group, every further
 * call in it and its commit give the fault again, until mst_store_rollback(). A write outside a group is a
 * group of its own. Marks nest once: a mark inside a mark is the deepest.
 *
 * A reference to a row that does not exist (a node's subscription, an identity's node, a keyreg's
 * registration) gives MST_STORE_NONE. Lists come in the order of their key; `limit` 0 means all; an `each`
 * that returns other than 0 ends the list, and the list returns that. `each` may read the store, and may
 * write it too, but which of its own new rows the list then shows is not promised.
 */
#ifndef MST_STORE_STORE_H
#define MST_STORE_STORE_H

#include "codec/ident.h"
#include "codec/rule.h"
#include "codec/guss.h"
#include "keeper/keeper.h"
#include "proto/gba/bsf.h"

enum mst_role { MST_ROLE_NONE, MST_ROLE_BBN, MST_ROLE_MEF, MST_ROLE_MAF, MST_ROLE_BSF, MST_ROLE_HSS, MST_ROLE_ADMIN, MST_ROLE_GATEWAY, MST_ROLE_OCSP, MST_ROLE_ZN /* the BSF's face towards NAFs */, MST_ROLE__COUNT };
extern const char *const mst_role_name[MST_ROLE__COUNT];

enum mst_store_outcome { MST_STORE_NONE = 1 /* no such row */, MST_STORE_EXISTS /* key taken */ };

struct mst_store;
/* url: "sqlite:/path/file.db", or "postgresql:" and a connection string of libpq. Creates and migrates. *ret_s NULL on failure, `d` says why. */
MST_MUST_CHECK int mst_store_open(const char *url, struct mst_store **ret_s, struct mst_diag *d);
/* Could this be opened, as far as its words tell? */
MST_MUST_CHECK int mst_store_check(const char *url, struct mst_diag *d);
/* The database's file, or NULL when it is a server: then other programs may write to it, too. */
const char *mst_store_file(const char *url);
/* What a process that uses it must still be allowed to: each time that it connects. */
struct mst_store_needs {
	char reads[5][256];               /* files, … */
	bool secret[5];                   /* … that nobody else may read */
	size_t n_reads;
	uint16_t port[16];                /* TCP */
	size_t n_ports;
	bool local;                       /* a local socket */
};
void mst_store_needs(const char *url, struct mst_store_needs *ret);
struct mst_store *mst_store_close(struct mst_store *s);
int mst_store_version(struct mst_store *s);                       /* number of the last migration */
/* Words for the last fault, for the log: what the database said. "" when there was none. */
const char *mst_store_error(struct mst_store *s);
/*
 * The last fault cost a group that had done nothing wrong: the connection was lost, or another program was in its way. Nothing of it
 * remains, and the same decisions may be made again at once, from what is stored now.
 */
bool mst_store_may_repeat(struct mst_store *s);
/* The commit that failed was asked for, and the database did not come back to tell: the group is whole or absent, and nobody here knows which. */
bool mst_store_in_doubt(struct mst_store *s);
/* Are the files still where they were opened, is there a server? 0, or MST_FAULT_STORE with words. begin and commit look, too. */
MST_MUST_CHECK int mst_store_present(struct mst_store *s);

MST_MUST_CHECK int mst_store_begin(struct mst_store *s);
MST_MUST_CHECK int mst_store_commit(struct mst_store *s);         /* durable when 0; a fault leaves nothing of the group */
void mst_store_rollback(struct mst_store *s);
MST_MUST_CHECK int mst_store_mark(struct mst_store *s);
MST_MUST_CHECK int mst_store_release(struct mst_store *s);
void mst_store_undo(struct mst_store *s);
/* Tests: fail the n-th write step from now (0 = off). Steps are begin, commit, mark, release and each write. */
void mst_store_fail_at(struct mst_store *s, unsigned n);

/* --- provider's registry (admin role writes, mef and maf read) --- */

/* On whose word? What nobody wrote down is the installation's. */
enum mst_by { MST_BY_INSTALLATION, MST_BY_PROVIDER };
extern const char *const mst_by_name[];

enum mst_sub_state { MST_SUB_ACTIVE, MST_SUB_SUSPENDED, MST_SUB_ENDED };
extern const char *const mst_sub_state_name[];
struct mst_subscription {
	char id[MST_ID_MAX];              /* M2M-Sub-ID: never on a wire towards a node */
	char sp_fqdn[MST_ID_MAX];         /* service provider = administrating stakeholder (adminFQDN) */
	char maf_fqdn[MST_ID_MAX], maf_uri[MST_ID_MAX];
	char registrar_cse_id[MST_ID_MAX], registrar_poa[MST_ID_MAX];
	mst_time not_before, not_after;
	int64_t key_lifetime;             /* seconds; bound of every key besides not_after */
	enum mst_sub_state state;
	mst_time created, changed;
	mst_time due;                     /* the clock's next word about it; 0 = none */
	enum mst_by suspended_by;         /* SUSPENDED */
};
int mst_store_sub_put(struct mst_store *s, const struct mst_subscription *r, bool insert);  /* insert: EXISTS; update: NONE */
int mst_store_sub_get(struct mst_store *s, const char *id, struct mst_subscription *ret);
int mst_store_sub_list(struct mst_store *s, const char *after, size_t limit,
                       int (*each)(void *arg, const struct mst_subscription *r), void *arg);
/* One of that provider's, whichever. */
int mst_store_sub_of_sp(struct mst_store *s, const char *sp_fqdn, struct mst_subscription *ret);

/*
 * A number that stands for an M2M-Sub-ID where that need not be known (listeners); never 0 or less. By a digest, so that no provider
 * can make a subscription that has the number of another's. 0 or a fault.
 */
MST_MUST_CHECK int mst_sub_number(const char *id, int64_t *ret);

/* Life of a node (architecture 4). */
enum mst_node_state { MST_NODE_KNOWN, MST_NODE_BRIEFED, MST_NODE_ENROLLING, MST_NODE_ENROLLED, MST_NODE_EXPIRING,
                      MST_NODE_SUSPENDED, MST_NODE_REVOKED, MST_NODE_RELEASED };
extern const char *const mst_node_state_name[];
struct mst_node {
	int64_t id;                       /* ours; given by insert */
	char node_id[MST_ID_MAX];         /* M2M-Node-ID, unique */
	char cse_id[MST_ID_MAX];          /* absolute, assigned by the provider, unique; may be empty */
	char ae_id[MST_ID_MAX];           /* absolute, too; may be empty */
	char sub_id[MST_ID_MAX];          /* "" = no subscription yet */
	char maker[64], model[64], serial[64], batch[64];
	enum mst_node_state state;
	char reason[128];                 /* of the last transition */
	mst_time created, changed, last_seen;
	char attempt[33];                 /* last attempt id seen */
	char last_step[32];               /* last arrow that worked: "mef-register", "maf-enrol" … */
	mst_time leave_by;                /* RELEASED: what it has works until then; else what is left of before a move; 0 = no more */
	enum mst_by suspended_by;         /* SUSPENDED */
	mst_time reenrol_until;           /* the operator lets it enrol anew; 0 = no window is open */
};
int mst_store_node_insert(struct mst_store *s, struct mst_node *r);           /* sets r->id; EXISTS */
int mst_store_node_update(struct mst_store *s, const struct mst_node *r);
/* Only what the node's own doing changes: state, reason, changed, last_seen, attempt, last_step, reenrol_until. Who it
 * is stays as stored, whatever *r says. */
int mst_store_node_touch(struct mst_store *s, const struct mst_node *r);
int mst_store_node_get(struct mst_store *s, int64_t id, struct mst_node *ret);
/* By what the identifier is: "//…" is a CSE-ID, else an AE-ID, and an M2M-Node-ID only where no node has it as either. That no two have an
 * AE-ID is checked by who gives it (lib/role/admin/names.c); of two from before that was so, the older. */
int mst_store_node_find(struct mst_store *s, const char *name, struct mst_node *ret);
/* One that has this CSE-ID in whatever case, other than `but` (0: any): so it has the same public domain name (TS-0001 6.5.1.1), if any. */
int mst_store_node_of_cse(struct mst_store *s, const char *cse_id, int64_t but, struct mst_node *ret);
struct mst_node_filter { int state /* -1 any */; const char *sub_id, *maker; int64_t after; size_t limit; const char *sp_fqdn /* NULL, "": any */; };
int mst_store_node_list(struct mst_store *s, const struct mst_node_filter *f, int (*each)(void *, const struct mst_node *), void *arg);
int mst_store_node_count(struct mst_store *s, int64_t ret_by_state[MST_NODE_RELEASED + 1]);   /* kept as counters, O(1) */

/* By which authenticated names a node is known: exact match of (kind, value). The path must have ended at `anchor`;
 * mst_anchor_any = at any one configured; mst_anchor_none = at none: the node has no certificate; all zero = bound to none (rows from before 0002): good with one maker only. */
extern const uint8_t mst_anchor_any[MST_SHA256_LEN], mst_anchor_none[MST_SHA256_LEN];
struct mst_identity { enum mst_id_kind kind; char value[MST_ID_MAX]; uint8_t anchor[MST_SHA256_LEN]; int64_t node; };
int mst_store_identity_put(struct mst_store *s, const struct mst_identity *r);      /* EXISTS when it names another node */
int mst_store_identity_get(struct mst_store *s, enum mst_id_kind kind, const char *value, struct mst_identity *ret);
/* CSE-IDs that are that one in whatever case. */
int mst_store_identity_of_cse(struct mst_store *s, const char *cse_id, int (*each)(void *, const struct mst_identity *), void *arg);
/* Names that are good under any anchor, or bound to none. */
int mst_store_identity_count_wild(struct mst_store *s, int64_t *ret_n);
int mst_store_identity_list(struct mst_store *s, int64_t node, int (*each)(void *, const struct mst_identity *), void *arg);

/* How a node is reached from outside: pushed triggers (codec/trigger.h). The counter of a node never goes back. */
#define MST_NUMBER_MAX 24
struct mst_reach { int64_t node; char number[MST_NUMBER_MAX] /* "+491701234567", may be "" */; uint64_t counter; mst_time triggered; };
int mst_store_reach_put(struct mst_store *s, const struct mst_reach *r);            /* upsert; NONE: no such node */
int mst_store_reach_get(struct mst_store *s, int64_t node, struct mst_reach *ret);

/* --- per role --- */

struct mst_registration {
	char reg_id[64];                  /* "reg-0007…": random, unguessable */
	char client_id[MST_ID_MAX];       /* authenticated identity, absolute */
	char admin_fqdn[MST_ID_MAX];
	int64_t node;                     /* 0 when the client is no node (a MAF at the MEF) */
	char key_id[MST_ID_MAX];          /* MEF: KeID of the session that registered last; MAF: assigned KmID */
	char labels[512];                 /* one per line */
	mst_time created, modified, expires;
	char last_cmd[32]; int last_cmd_status;
};
/* Unique by (role, client_id, admin_fqdn) and by (role, reg_id). */
int mst_store_reg_put(struct mst_store *s, enum mst_role role, const struct mst_registration *r);   /* upsert by reg_id; EXISTS */
int mst_store_reg_get(struct mst_store *s, enum mst_role role, const char *reg_id, struct mst_registration *ret);
int mst_store_reg_find(struct mst_store *s, enum mst_role role, const char *client_id, const char *admin_fqdn, struct mst_registration *ret);
/* And its keyregs and credentials: those whose `via` is the registration, and the one named by `key_id`. */
int mst_store_reg_delete(struct mst_store *s, enum mst_role role, const char *reg_id);
int mst_store_reg_of_node(struct mst_store *s, enum mst_role role, int64_t node,
                          int (*each)(void *, const struct mst_registration *), void *arg);
/* Of one client, with whatever stakeholder. */
int mst_store_reg_of_client(struct mst_store *s, enum mst_role role, const char *client_id,
                            int (*each)(void *, const struct mst_registration *), void *arg);

struct mst_keyreg {
	char rel_key_id[MST_ID_MAX];      /* unique per role */
	char reg_id[64];
	char client_id[MST_ID_MAX], admin_fqdn[MST_ID_MAX];
	int suid;
	char targets[1024];               /* one per line */
	char labels[512];
	struct mst_wrapped key;           /* purpose KEYREG, or n = 0: the exporter key stored as credential */
	bool exporter;
	uint64_t session;                 /* connection that made it, 0 = own key value */
	mst_time created, modified, expires;
};
/* insert: EXISTS when the key is taken; update: NONE when there is no such row. So for credentials. */
int mst_store_keyreg_put(struct mst_store *s, enum mst_role role, const struct mst_keyreg *r, bool insert);
int mst_store_keyreg_get(struct mst_store *s, enum mst_role role, const char *rel_key_id, struct mst_keyreg *ret);
int mst_store_keyreg_delete(struct mst_store *s, enum mst_role role, const char *rel_key_id);
int mst_store_keyreg_list(struct mst_store *s, enum mst_role role, const char *reg_id, int (*each)(void *, const struct mst_keyreg *), void *arg);

enum mst_cred_state { MST_CRED_PENDING /* not yet used */, MST_CRED_ACTIVE, MST_CRED_REVOKED };
struct mst_credential {
	char key_id[MST_ID_MAX];          /* KeID, KmID, KpmID; unique per role; key part compares as canonical text */
	enum mst_key_purpose purpose;
	struct mst_wrapped key;
	char client_id[MST_ID_MAX];       /* whose key it is: enrolee's absolute id */
	char via[MST_ID_MAX];             /* MAF: MEF it came from, KeID it replaces; MEF: reg_id */
	int64_t node;                     /* 0 when unknown here */
	enum mst_cred_state state;
	mst_time created, expires, last_used;
	mst_time due;                     /* the clock's next word about it; 0 = none */
};
int mst_store_cred_put(struct mst_store *s, enum mst_role role, const struct mst_credential *r, bool insert);
int mst_store_cred_get(struct mst_store *s, enum mst_role role, const char *key_id, struct mst_credential *ret);
int mst_store_cred_delete(struct mst_store *s, enum mst_role role, const char *key_id);
/* Of one client, oldest first. */
int mst_store_cred_list(struct mst_store *s, enum mst_role role, const char *client_id, int (*each)(void *, const struct mst_credential *), void *arg);
int mst_store_cred_of_node(struct mst_store *s, enum mst_role role, int64_t node,
                           int (*each)(void *, const struct mst_credential *), void *arg);

/* --- what the clock does: rows whose `due` has come, the longest due first, `limit` at most --- */
int mst_store_sub_due(struct mst_store *s, mst_time now, size_t limit, int (*each)(void *, const struct mst_subscription *), void *arg);
int mst_store_cred_due(struct mst_store *s, enum mst_role role, mst_time now, size_t limit,
                       int (*each)(void *, const struct mst_credential *), void *arg);
/* Nodes whose leave_by has come. */
int mst_store_node_due(struct mst_store *s, mst_time now, size_t limit, int (*each)(void *, const struct mst_node *), void *arg);
/* Is there any of these? Three looks into an index. */
int mst_store_any_due(struct mst_store *s, mst_time now, bool *ret_yes);

/* Whose a node was (admin): its events up to `last` are that provider's. */
struct mst_node_past { int64_t node; int64_t last; mst_time at; char sp_fqdn[MST_ID_MAX]; };
int mst_store_past_put(struct mst_store *s, const struct mst_node_past *r);          /* EXISTS; NONE: no such node */
/* The one that an event of the node belongs to; NONE: the provider that the node has now. */
int mst_store_past_find(struct mst_store *s, int64_t node, uint64_t seq, struct mst_node_past *ret);
int mst_store_past_last(struct mst_store *s, int64_t node, struct mst_node_past *ret);

/* Certificates that were revoked (for the CRL) and issued. */
struct mst_cert_row { char serial[64]; char subject[MST_ID_MAX]; int64_t node; mst_time issued, expires, revoked; int reason; };
int mst_store_cert_put(struct mst_store *s, const struct mst_cert_row *r);
int mst_store_cert_get(struct mst_store *s, const char *serial, struct mst_cert_row *ret);
int mst_store_cert_list_revoked(struct mst_store *s, mst_time now, int (*each)(void *, const struct mst_cert_row *), void *arg);

/* Octets of those that we issued, so that a repeated request gets the same one (lesson 11), and a session that shows one
 * is known by its hash. */
#define MST_CERT_STORED_MAX 2048
struct mst_cert_der { char serial[64]; uint8_t sha256[MST_SHA256_LEN]; struct { uint16_t n; uint8_t b[MST_CERT_STORED_MAX]; } der; };
int mst_store_cert_der_put(struct mst_store *s, const struct mst_cert_der *r);       /* EXISTS; NONE without its certificate */
int mst_store_cert_der_get(struct mst_store *s, const char *serial, struct mst_cert_der *ret);
int mst_store_cert_der_find(struct mst_store *s, const uint8_t sha256[MST_SHA256_LEN], struct mst_cert_der *ret);
int mst_store_cert_of_node(struct mst_store *s, int64_t node, int (*each)(void *, const struct mst_cert_row *), void *arg);
/* Certificates of a node that ended before `before` are forgotten. */
int mst_store_cert_forget(struct mst_store *s, int64_t node, mst_time before);

enum mst_certreq_state { MST_CERTREQ_PENDING, MST_CERTREQ_APPROVED, MST_CERTREQ_REJECTED, MST_CERTREQ_ISSUED };
extern const char *const mst_certreq_state_name[];
struct mst_certreq {
	int64_t id;                       /* ours; given by insert */
	int64_t node;
	uint8_t csr_sha256[MST_SHA256_LEN];      /* unique per node */
	char subject[MST_ID_MAX];
	enum mst_certreq_state state;
	bool renewal;
	char serial[64];                  /* ISSUED: of the certificate */
	mst_time asked, decided;
	char reason[128];
};
int mst_store_certreq_insert(struct mst_store *s, struct mst_certreq *r);            /* sets r->id; EXISTS */
int mst_store_certreq_update(struct mst_store *s, const struct mst_certreq *r);
int mst_store_certreq_get(struct mst_store *s, int64_t id, struct mst_certreq *ret);
int mst_store_certreq_find(struct mst_store *s, int64_t node, const uint8_t csr_sha256[MST_SHA256_LEN], struct mst_certreq *ret);
/* All of one state, or of any (-1), those after id `after`. */
int mst_store_certreq_list(struct mst_store *s, int state, int64_t after, size_t limit,
                           int (*each)(void *, const struct mst_certreq *), void *arg);
/* Only the newest `keep` of a node stay. */
int mst_store_certreq_trim(struct mst_store *s, int64_t node, size_t keep);

struct mst_challenge { int64_t node; char value[65]; mst_time made; };
int mst_store_challenge_put(struct mst_store *s, const struct mst_challenge *r);     /* upsert; NONE without its node */
int mst_store_challenge_get(struct mst_store *s, int64_t node, struct mst_challenge *ret);

enum mst_command_state { MST_COMMAND_WAITING, MST_COMMAND_ISSUED, MST_COMMAND_ENDED, MST_COMMAND_CANCELLED };
extern const char *const mst_command_state_name[];
/* A command for a node (TS-0003 8.3.9): class and its arguments as 12.4.5 and following have them. */
struct mst_command {
	int64_t id, node;
	int class_id;                     /* enum mst_cmd_class */
	int64_t number;                   /* arguments: below */
	char uri[MST_ID_MAX];
	int64_t kind;
	char subject[MST_ID_MAX];
	enum mst_command_state state;
	char reg_id[64], cmd_id[32];      /* ISSUED: where and as what */
	int64_t status;                   /* ENDED: cmdStatusCode of the client */
	mst_time created, issued, ended;
	char target[MST_ID_MAX];          /* targetID: AE or CSE that the node's client serves; "" = not said */
	char admin_fqdn[MST_ID_MAX];      /* only to registrations with this stakeholder; "" = to any */
};
/*
 * CERT_PROV: number = certProvProtocolID, uri, kind = certSubjectType, subject = certSubjectID.
 * DEV_CFG: uri = deviceConfigURI. MO_NODE: uri = objectPath, number = objectTypeID, kind = SUID or 0.
 */
int mst_store_command_insert(struct mst_store *s, struct mst_command *r);            /* sets r->id; NONE without its node */
int mst_store_command_update(struct mst_store *s, const struct mst_command *r);
int mst_store_command_get(struct mst_store *s, int64_t id, struct mst_command *ret);
/* The oldest of a node that is to be issued to a registration with that stakeholder: one that is waiting, or whose
 * registration is gone. And the one that was issued under a registration as `cmd_id`, if it has not ended. */
int mst_store_command_next(struct mst_store *s, enum mst_role role, int64_t node, const char *admin_fqdn, struct mst_command *ret);
int mst_store_command_issued(struct mst_store *s, int64_t node, const char *reg_id, const char *cmd_id, struct mst_command *ret);
/* Only the newest `keep` of those of a node that have ended stay, and with them their steps. */
int mst_store_command_trim(struct mst_store *s, int64_t node, size_t keep);

enum mst_command_step_what { MST_STEP_ADDED, MST_STEP_ISSUED, MST_STEP_REISSUED, MST_STEP_REPORTED, MST_STEP_CANCELLED,
			     MST_STEP_LATE /* a report after it was cancelled */ };
extern const char *const mst_command_step_name[];
/* What became of a command. The same again (a command given again and again) is counted, not written again. */
struct mst_command_step {
	int64_t command;
	mst_time at;                      /* the last time */
	enum mst_command_step_what what;
	char cmd_id[32];
	int64_t status;                   /* cmdStatusCode that went either way */
	int64_t times;
};
int mst_store_command_step_add(struct mst_store *s, const struct mst_command_step *r);    /* NONE without its command */
int mst_store_command_step_list(struct mst_store *s, int64_t command, int (*each)(void *, const struct mst_command_step *),
				void *arg);

/* Management objects for a node, as JSON (codec/managed.h). */
#define MST_DEVICE_CONFIG_MAX 12288
struct mst_device_config { int64_t node; char admin_fqdn[MST_ID_MAX]; char content[MST_DEVICE_CONFIG_MAX]; mst_time changed; };
int mst_store_device_config_put(struct mst_store *s, const struct mst_device_config *r);  /* upsert; NONE without its node */
int mst_store_device_config_get(struct mst_store *s, int64_t node, const char *admin_fqdn, struct mst_device_config *ret);
int mst_store_device_config_drop(struct mst_store *s, int64_t node);                 /* of every stakeholder; NONE: there was none */
/* node 0: of all; those after id `after`. */
int mst_store_command_list(struct mst_store *s, int64_t node, int64_t after, size_t limit,
                           int (*each)(void *, const struct mst_command *), void *arg);
/* Those that have not ended, of all nodes of a subscription. */
int mst_store_command_open(struct mst_store *s, const char *sub_id, size_t limit, int (*each)(void *, const struct mst_command *),
                           void *arg);

/* --- bbn --- */

/* Where a node is, as people said it (architecture 3.4). What a node says of itself stays in its briefings. */
struct mst_place {
	int64_t node;
	int has;                          /* bits MST_LO_… of codec/briefing.h */
	int64_t latitude, longitude, accuracy;
	char cell[49], site[65];
	char who[MST_ID_MAX];             /* who said so */
	mst_time at;
};
int mst_store_place_put(struct mst_store *s, const struct mst_place *r);      /* upsert; NONE: no such node */
int mst_store_place_get(struct mst_store *s, int64_t node, struct mst_place *ret);
int mst_store_place_delete(struct mst_store *s, int64_t node);                /* NONE when there was none */

/* What a node asked, and what it was told; unique by id and by (who, attempt, ask). */
struct mst_facts_octets { uint16_t n; uint8_t b[MST_FACTS_OCTETS]; };
struct mst_answer_octets { uint16_t n; uint8_t b[MST_SEQ_OCTETS]; };
enum mst_briefing_state { MST_BRIEFING_OPEN, MST_BRIEFING_ENROLLED, MST_BRIEFING_FAILED };
extern const char *const mst_briefing_state_name[];
struct mst_briefing {
	char id[33];
	int64_t node;                     /* 0: authenticated, but nobody of the registry */
	char who[MST_ID_MAX];             /* whose it is: only who proves the same may report */
	char attempt[33];
	uint8_t ask[MST_SHA256_LEN];      /* of what was asked, in CBOR */
	mst_time at, until;
	char rule[65];                    /* id of the rule that matched; "" = none */
	int64_t rules_version;
	int outcome;                      /* 0 = instructions; else enum mst_brief_why */
	struct mst_facts_octets facts;    /* CBOR: what the rules were asked about */
	struct mst_answer_octets answer;  /* CBOR: the sequence */
	char reported[33];                /* attempt that was reported on last */
	enum mst_briefing_state state;    /* of that attempt */
	int failures;                     /* of that attempt, told to the operator already */
	int reports;                      /* that said something new, of all attempts */
	mst_time report_at;
	char target[MST_ID_MAX];          /* enrolled: with whom */
};
int mst_store_briefing_put(struct mst_store *s, const struct mst_briefing *r);       /* upsert by id; EXISTS: question taken */
int mst_store_briefing_delete(struct mst_store *s, const char *id);
int mst_store_briefing_get(struct mst_store *s, const char *id, struct mst_briefing *ret);
int mst_store_briefing_find(struct mst_store *s, const char *who, const char *attempt, const uint8_t ask[MST_SHA256_LEN],
                            struct mst_briefing *ret);
/* Newest first. node 0 = any; since 0 = all. */
struct mst_briefing_filter { int64_t node; mst_time since; size_t limit; };
int mst_store_briefing_list(struct mst_store *s, const struct mst_briefing_filter *f,
                            int (*each)(void *, const struct mst_briefing *), void *arg);
/* Bounded growth (lesson 17): of `who` only the `most` newest stay, and a few of those older than `before` go, whose ever. */
int mst_store_briefing_prune(struct mst_store *s, const char *who, size_t most, mst_time before);

/*
 * --- bsf and zn: Ub and Zn (TS 33.220); nobody else reads them ---
 *
 * A challenge is settled once, whichever engine comes first. Several engines have a PostgreSQL database; SQLite has one.
 * All of it is found by mst_id_impi() of the IMPI: one subscriber, however its realm is written. Challenges and locks are kept by
 * it; sessions and TMPIs have the IMPI as their node says it, since keys are derived of that.
 */
#define MST_GBA_RUNS_OF_ONE 16            /* challenges of one subscriber to one origin that are kept at a time */
#define MST_GBA_ORIGIN_MAX 48             /* where a request came from: an address of IPv4, or the first 64 bits of one of IPv6 */
#define MST_GBA_SESSIONS_OF_ONE 4         /* and sessions: the newest */
struct mst_gba_run {
	struct gba_run run;               /* unique by nonce */
	struct mst_wrapped av;            /* purpose AV, bound to the B-TID that it would give */
	char guss[MST_GUSS_OCTETS + 1];   /* subscriber data as the HSS gave it, JSON */
	char origin[MST_GBA_ORIGIN_MAX];
};
/* EXISTS: the nonce is taken, or there is a session of this RAND. Of the subscriber's others of this origin the oldest may go. */
int mst_store_gba_run_insert(struct mst_store *s, const struct mst_gba_run *r);
int mst_store_gba_run_get(struct mst_store *s, const char *nonce, struct mst_gba_run *ret);
/* The newest of its challenges that is OPEN, wherever it went. NONE. */
int mst_store_gba_run_waiting(struct mst_store *s, const char *impi, mst_time now, struct mst_gba_run *ret);
/* State, end, name and answer of one that is OPEN in the store. NONE: it is not there, or somebody else has settled it. */
int mst_store_gba_run_settle(struct mst_store *s, const struct gba_run *r);

struct mst_gba_session {
	struct gba_session session;       /* unique by btid; tmpi is not read back */
	struct mst_wrapped ks;            /* purpose KS, bound to the B-TID */
	char guss[MST_GUSS_OCTETS + 1];
	char briefing[33];                /* id of what the node was told with it; "" = nothing */
	mst_time used;                    /* by a NAF, the last time; 0 = not yet */
};
int mst_store_gba_session_insert(struct mst_store *s, const struct mst_gba_session *r);      /* EXISTS; the oldest of the subscriber may go */
int mst_store_gba_session_get(struct mst_store *s, const char *btid, struct mst_gba_session *ret);
/* The one that this subscriber bootstrapped last. NONE. */
int mst_store_gba_session_newest(struct mst_store *s, const char *impi, struct mst_gba_session *ret);
int mst_store_gba_session_used(struct mst_store *s, const char *btid, mst_time now);
/* By B-TID, those after `after`. `impi` NULL: of all. */
int mst_store_gba_session_list(struct mst_store *s, const char *impi, const char *after, size_t limit,
			       int (*each)(void *, const struct mst_gba_session *), void *arg);
int mst_store_gba_session_delete(struct mst_store *s, const char *btid);                     /* NONE */

struct mst_gba_tmpi { char impi[MST_ID_MAX], tmpi[MST_ID_MAX]; mst_time made; };
int mst_store_gba_tmpi_put(struct mst_store *s, const struct mst_gba_tmpi *r);               /* takes the place of the older */
int mst_store_gba_tmpi_get(struct mst_store *s, const char *tmpi, struct mst_gba_tmpi *ret);

struct mst_gba_lock { char impi[MST_ID_MAX], origin[MST_GBA_ORIGIN_MAX]; int wrong; mst_time until, forget; };
int mst_store_gba_lock_put(struct mst_store *s, const struct mst_gba_lock *r);               /* upsert */
/* `origin` NULL: the one of all that lasts longest. */
int mst_store_gba_lock_get(struct mst_store *s, const char *impi, const char *origin, struct mst_gba_lock *ret);
int mst_store_gba_lock_delete(struct mst_store *s, const char *impi, const char *origin);                        /* NONE */

/* What has ended goes, `limit` rows of each table at most. How many went in all. */
int mst_store_gba_sweep(struct mst_store *s, mst_time now, size_t limit, unsigned *ret_n);
/* Sessions, challenges, TMPI and lock of one subscriber, or (NULL) of all. How many sessions went. */
int mst_store_gba_flush(struct mst_store *s, const char *impi, mst_time now, int64_t *ret_sessions);
/* Another number after each flush of this subscriber, or of all, within an hour: for who has something of it on its way. */
int mst_store_gba_flushed(struct mst_store *s, const char *impi, int64_t *ret_n);

/* --- hss (admin writes, hss reads and counts) --- */

/*
 * A SIM and what its subscriber may (GUSS, TS 29.109 annex A). It goes with a node, one SIM a node. `sqn` is the highest number
 * that was given out in a vector, of whatever index; the store refuses an update in which it falls (MST_FAULT_BUG).
 */
#define MST_IMSI_MAX 16
enum mst_sim_state { MST_SIM_ACTIVE, MST_SIM_SUSPENDED };
enum mst_sim_uicc { MST_SIM_GBA_ME, MST_SIM_GBA_U };
extern const char *const mst_sim_state_name[], *const mst_sim_uicc_name[];
struct mst_sim {
	int64_t id;                       /* ours; given by insert */
	char imsi[MST_IMSI_MAX];          /* 6 to 15 digits, unique; what the key is bound to */
	char impi[MST_ID_MAX];            /* unique; kept and found by mst_id_impi() of it, as challenges are */
	char msisdn[MST_NUMBER_MAX];      /* digits, unique; "" = none */
	int algorithm;                    /* enum aka_algorithm, for people; the key knows it itself */
	struct mst_wrapped key;           /* purpose SIM */
	int amf;                          /* separation bit 0 */
	int64_t sqn;
	int ind;                          /* of the numbers of this domain (TS 33.102 C.3) */
	enum mst_sim_state state;
	char reason[128];                 /* of the last change of state */
	int64_t node;                     /* 0: none yet */
	enum mst_sim_uicc uicc;
	int64_t lifetime;                 /* of its keys, seconds; 0 = as the BSF has it */
	char naf_group[64];               /* "" = none */
	int64_t gsid;                     /* of the service that its settings are for */
	enum mst_key_choice key_choice;   /* which key that service is to have */
	mst_time created, changed;
	int64_t vectors;                  /* how many were given out */
	mst_time vector_at;
	mst_time paced;                   /* of the limit: when all that were given out will be paid for */
};
int mst_store_sim_insert(struct mst_store *s, struct mst_sim *r);                    /* sets r->id; EXISTS; NONE: no such node */
/* Only what a vector changes: sqn, vectors, vector_at, paced. NONE: no such SIM, or the number is not above the one stored. */
int mst_store_sim_number(struct mst_store *s, const struct mst_sim *r);
int mst_store_sim_update(struct mst_store *s, const struct mst_sim *r);              /* all but the IMPI; EXISTS: another name or the node is taken; NONE */
int mst_store_sim_delete(struct mst_store *s, int64_t id);
enum mst_sim_name { MST_SIM_BY_IMSI, MST_SIM_BY_IMPI, MST_SIM_BY_MSISDN };
int mst_store_sim_find(struct mst_store *s, enum mst_sim_name by, const char *name, struct mst_sim *ret);
int mst_store_sim_of_node(struct mst_store *s, int64_t node, struct mst_sim *ret);
/* Of one state or of any (-1), those after id `after`. */
struct mst_sim_filter { int state; int64_t after; size_t limit; };
int mst_store_sim_list(struct mst_store *s, const struct mst_sim_filter *f, int (*each)(void *, const struct mst_sim *), void *arg);

/* --- owner's rules (admin writes, bbn and bsf read) --- */

/*
 * Each change makes a new version of the set, within the group that makes it: mst_store_rules_next() gives the number,
 * then rules end and are put with it. Nothing is changed in place, so earlier versions can be listed until pruned.
 */
struct mst_rules_version {
	int64_t version;                  /* 1, 2, 3 …; 0: there has never been a rule */
	uint64_t tick;                    /* of this store's handle: the same version with the same tick is the same set, also
	                                   * when a group that had changed it was rolled back */
	mst_time at;
	char who[MST_ID_MAX];
	char what[256];                   /* in words */
};
struct mst_rule_octets { uint16_t n; uint8_t b[MST_RULE_OCTETS]; };
struct mst_rule_row {
	char name[MST_RULE_NAME_MAX + 1]; /* unique among those that stand */
	int64_t place;                    /* order, unique likewise; > 0; gaps are left for what comes between */
	int64_t since, until;             /* versions; until 0: it stands now */
	struct mst_rule_octets cbor;
};
int mst_store_rules_version(struct mst_store *s, struct mst_rules_version *ret);     /* the newest; 0 or a fault */
int mst_store_rules_next(struct mst_store *s, struct mst_rules_version *v);          /* sets v->version */
/* Newest first, those before `before` (0: all). */
int mst_store_rules_versions(struct mst_store *s, int64_t before, size_t limit,
                             int (*each)(void *, const struct mst_rules_version *), void *arg);
/* Forget versions before `oldest`. */
int mst_store_rules_prune(struct mst_store *s, int64_t oldest);
int mst_store_rule_put(struct mst_store *s, const struct mst_rule_row *row);         /* EXISTS: name or place is taken */
int mst_store_rule_end(struct mst_store *s, const char *name, int64_t version);      /* NONE */
int mst_store_rule_get(struct mst_store *s, const char *name, struct mst_rule_row *ret);     /* that stands now; NONE */
/* As of a version (0: now), in order, those whose place is after `after`. */
int mst_store_rule_list(struct mst_store *s, int64_t version, int64_t after, size_t limit,
                        int (*each)(void *, const struct mst_rule_row *), void *arg);

/*
 * --- audit log: append-only, without gaps, entries chain by hash; only its beginning can be given up ---
 *
 * Canonical text of an entry: nine lines "name=value\n" in this order: seq, at, role, what, node, who,
 * attempt, outcome, why. Numbers in decimal; texts percent-encoded (all but RFC 3986 unreserved), so no
 * value can imitate a line. hash = SHA-256(hash of the entry before || text); before the first are 32
 * zero octets.
 */
struct mst_event {
	uint64_t seq;                     /* given by append: 1, 2, 3 … */
	mst_time when;
	char role[12];
	char what[40];                    /* "mef.registered", "handshake.failed", "node.revoked" */
	int64_t node;
	char who[MST_ID_MAX];             /* authenticated identity, or the operator */
	char attempt[33];
	int outcome;                      /* RSC, or 0 */
	char why[256];
	uint8_t hash[MST_SHA256_LEN];
};
int mst_store_event_append(struct mst_store *s, struct mst_event *e);      /* sets seq, hash */
/*
 * NULL, "" and 0 in a filter mean any. Ascending by seq, those after `after`. By what no index serves nothing is picked out here: a log of
 * millions would be walked in one go.
 */
struct mst_event_filter { uint64_t after; int64_t node; const char *attempt; size_t limit; };
int mst_store_event_list(struct mst_store *s, const struct mst_event_filter *f, int (*each)(void *, const struct mst_event *), void *arg);
int mst_store_event_last(struct mst_store *s, uint64_t *ret_seq);          /* number of the newest, 0 = none */
/* Number and hash of the newest. */
struct mst_event_head { uint64_t seq; uint8_t hash[MST_SHA256_LEN]; };
int mst_store_event_head(struct mst_store *s, struct mst_event_head *ret);
/* Walk the chain from its anchor: 0, or MST_FAULT_CORRUPT with the first bad seq. An end cut off under a running
 * program is noticed by that program; a beginning that is absent must be told by an entry that is there. */
int mst_store_event_verify(struct mst_store *s, uint64_t *ret_bad);
/*
 * The same a piece at a time: from the entry `at` (seq 0, or before the anchor: from the anchor on), `limit` entries at most. `at` becomes
 * the last good one, `entries` is how many there were, `end` whether it is the log's. MST_FAULT_CORRUPT with `bad`.
 */
struct mst_event_walk { struct mst_event_head at; size_t limit; uint64_t entries, bad; bool end; };
MST_MUST_CHECK int mst_store_event_walk(struct mst_store *s, struct mst_event_walk *w);
/* The same, with how many good entries it saw. Either pointer may be NULL. */
int mst_store_event_check(struct mst_store *s, uint64_t *ret_entries, uint64_t *ret_bad);
/* hash = SHA-256(prev || canonical text of *e), whose own `hash` is not read: for whoever verifies a copy. */
MST_MUST_CHECK int mst_event_hash(const uint8_t prev[MST_SHA256_LEN], const struct mst_event *e,
                                  uint8_t ret_hash[MST_SHA256_LEN]);

/*
 * Retention (lesson 17). The anchor is the last entry that was removed: the chain is verified from its hash on.
 * Removing, moving the anchor and the entry that tells so (`told`: "audit.shortened") are one group, so at every
 * moment either the entries are there or another one says which they were.
 */
struct mst_event_anchor { uint64_t seq /* 0: nothing was ever removed */; uint8_t hash[MST_SHA256_LEN]; uint64_t told; };
MST_MUST_CHECK int mst_store_event_anchor(struct mst_store *s, struct mst_event_anchor *ret);
/* Are these the words of an entry that tells of that anchor? For whoever verifies a copy. */
bool mst_event_tells(const struct mst_event *e, const struct mst_event_anchor *a);
struct mst_event_span { uint64_t first, last /* 0, 0: empty */; mst_time oldest, newest; uint64_t octets /* of the whole store */; };
MST_MUST_CHECK int mst_store_event_span(struct mst_store *s, struct mst_event_span *ret);
/*
 * Give up a beginning of the log: entries that are older than `before` (0 = none for age) up to the first that is
 * not, or that are more than the newest `most` (0 = any number may stay); at most `chunk` in one call, never the
 * newest, and none behind `sealed` (0 = there is no seal): the last seal's entry, or the anchor as which it goes, has to be there. MST_STORE_NONE when there are none. Each is verified first: what does not fit its hash is evidence,
 * MST_FAULT_CORRUPT, and stays. `now` is the time of the entry that tells; *ret_told receives it. Not inside a group.
 */
struct mst_event_limit { mst_time before, now; uint64_t most; size_t chunk; uint64_t sealed; };
MST_MUST_CHECK int mst_store_event_shorten(struct mst_store *s, const struct mst_event_limit *k, struct mst_event *ret_told);

/* Seals (keeper.h), of entries that are there, or that the anchor stands for; the newest MST_SEALS_KEPT stay. Ascending, those after `after`. */
#define MST_SEALS_KEPT 100
MST_MUST_CHECK int mst_store_seal_put(struct mst_store *s, const struct mst_log_seal *r);          /* EXISTS */
MST_MUST_CHECK int mst_store_seal_list(struct mst_store *s, uint64_t after, int (*each)(void *, const struct mst_log_seal *), void *arg);
/* What the log says of an entry: 0 (it has this hash, or the anchor says so), MST_STORE_NONE (it was given up, nobody can say),
 * MST_FAULT_CORRUPT (it is missing, or has another). */
MST_MUST_CHECK int mst_store_event_is(struct mst_store *s, const struct mst_event_head *h);

/* --- what waits for a second person (decision 0035) --- */

enum mst_approval_state { MST_APPROVAL_WAITS, MST_APPROVAL_DONE, MST_APPROVAL_REFUSED, MST_APPROVAL_OVER };
struct mst_said_text { uint16_t n; uint8_t b[MST_SAID_MAX]; };
struct mst_approval {
	int64_t id;                       /* rises, and is never given twice */
	enum mst_approval_state state;
	int64_t asked_by;                 /* user id */
	mst_time asked, expires;
	uint8_t nonce[MST_TICKET_NONCE];
	struct mst_wrapped ticket;
	struct mst_said_text request;     /* mst_put_said() */
	int64_t by;                       /* who ended it, when, and what came of it (an RSC) */
	mst_time ended;
	int64_t outcome;
	char reason[128];
};
MST_MUST_CHECK int mst_store_approval_insert(struct mst_store *s, struct mst_approval *r);        /* id is written */
MST_MUST_CHECK int mst_store_approval_update(struct mst_store *s, const struct mst_approval *r);  /* state, by, ended, outcome, reason; NONE */
MST_MUST_CHECK int mst_store_approval_get(struct mst_store *s, int64_t id, struct mst_approval *ret);
/* In order; `waits`: only those that still wait. */
MST_MUST_CHECK int mst_store_approval_list(struct mst_store *s, bool waits, int64_t after, size_t limit, int (*each)(void *, const struct mst_approval *), void *arg);
MST_MUST_CHECK int mst_store_approval_forget(struct mst_store *s, mst_time before);               /* ended before that */

/* --- every key that the keeper has wrapped, for wrapping anew (decision 0027) --- */

enum mst_wrapped_part { MST_WRAPPED_CREDENTIAL, MST_WRAPPED_KEYREG, MST_WRAPPED_SIM, MST_WRAPPED_KS, MST_WRAPPED_AV, MST_WRAPPED__COUNT };
struct mst_wrapped_row {
	int64_t row;                      /* the order; and which, for put */
	enum mst_role role;               /* CREDENTIAL, KEYREG */
	enum mst_key_purpose purpose;     /* CREDENTIAL */
	bool exporter;                    /* KEYREG */
	char key_id[MST_ID_MAX];          /* rel_key_id, IMSI, B-TID; AV: its nonce */
	struct mst_wrapped key;           /* n = 0: the row has none */
};
MST_MUST_CHECK int mst_store_wrapped_list(struct mst_store *s, enum mst_wrapped_part p, int64_t after, size_t limit,
					  int (*each)(void *, const struct mst_wrapped_row *), void *arg);
/* Nothing but the key changes. NONE: the row is gone. */
MST_MUST_CHECK int mst_store_wrapped_put(struct mst_store *s, enum mst_wrapped_part p, int64_t row, const struct mst_wrapped *key);
/*
 * That row's key wrapped with the generation in use, by whichever name and purpose its table binds into it; as the keeper's `rewrap`. `fqdn` is of
 * the row's role here (KEYREG, AV: the BSF); "" when that is not played here: FORGED then. AV: SAME also for one that nobody can answer any more.
 */
MST_MUST_CHECK int mst_wrapped_anew(struct mst_keeper *k, enum mst_wrapped_part p, const struct mst_wrapped_row *r, const char *fqdn, struct mst_wrapped *ret_w);
/* How many keys there are, in all parts, that do not begin with that (mst_wrapped_head() of the generation in use). By indices: it may be asked inside of a group. */
MST_MUST_CHECK int mst_store_wrapped_others(struct mst_store *s, const uint8_t head[MST_WRAPPED_HEAD], int64_t *ret_n);
/* How far the wrapping anew is: everything before `after` of `part` (MST_WRAPPED__COUNT: the end) has that generation, of the key with that mark. */
struct mst_rotation {
	int64_t generation, part, after, rows, changed, bad /* that nobody can open */;
	char bad_key[MST_ID_MAX];
	mst_time begun;
	uint8_t mark[MST_GENERATION_MARK];
	mst_time kept_until;              /* the one before stays until then; 0: not every key is wrapped anew yet */
	int64_t given_up;                 /* of `bad`, by an operator */
	int64_t stays;                    /* keys that this pass saw and left as they are: nobody can open them, or nobody needs them */
};
/* It is a rotation to this very key: else its place says nothing. */
bool mst_rotation_fits(const struct mst_rotation *r, const struct mst_keeper_generations *g);
MST_MUST_CHECK int mst_store_rotation_put(struct mst_store *s, const struct mst_rotation *r);
MST_MUST_CHECK int mst_store_rotation_get(struct mst_store *s, struct mst_rotation *ret);       /* NONE: there never was one */
/*
 * Has no other program this store open? Inside a group; when it says true none can open it before the group ends. A program whose
 * connection was lost is not seen: it finds its way back barred when another one has begun a rotation meanwhile (decision 0038).
 */
MST_MUST_CHECK int mst_store_alone(struct mst_store *s, bool *ret);

#endif
