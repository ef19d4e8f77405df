/*
 * Inside of the databases that speak SQL: statements by slot, rows by column tables. SQL stands next to the code that
 * binds it, in the file of its table family (sql-*.c), in the words that both know: `?1` for the first parameter, upserts by
 * ON CONFLICT, octets compared as they are. What only one knows is in its driver (struct sq_driver): sqlite-*.c, pg-*.c.
 */
#ifndef MST_STORE_SQL_H
#define MST_STORE_SQL_H

#include "store/ops.h"

/* One prepared statement each, made when first used; from BEGIN to UNDO_2 a driver has words of its own. */
enum sq_slot {
	SQ_NO_SLOT, /* prepared for one use */
	SQ_BEGIN,
	SQ_COMMIT,
	SQ_ROLLBACK,
	SQ_MARK,
	SQ_MARK_2,
	SQ_RELEASE,
	SQ_RELEASE_2,
	SQ_UNDO,
	SQ_UNDO_2,
	SQ_SUB_INSERT,
	SQ_SUB_UPDATE,
	SQ_SUB_GET,
	SQ_SUB_LIST,
	SQ_SUB_BY_SP,
	SQ_NODE_INSERT,
	SQ_NODE_UPDATE,
	SQ_NODE_SEEN,
	SQ_NODE_MOVED,
	SQ_NODE_GET,
	SQ_NODE_BY_NODE_ID,
	SQ_NODE_BY_CSE_ID,
	SQ_NODE_BY_AE_ID,
	SQ_NODE_OF_CSE,
	SQ_NODE_COUNT,
	SQ_IDENTITY_PUT,
	SQ_IDENTITY_GET,
	SQ_IDENTITY_LIST,
	SQ_IDENTITY_OF_CSE,
	SQ_IDENTITY_WILD,
	SQ_REACH_PUT,
	SQ_REACH_GET,
	SQ_SIM_INSERT,
	SQ_SIM_UPDATE,
	SQ_SIM_NUMBER,
	SQ_SIM_DELETE,
	SQ_SIM_BY_IMSI,
	SQ_SIM_BY_IMPI,
	SQ_SIM_BY_MSISDN,
	SQ_SIM_OF_NODE,
	SQ_SIM_LIST,
	SQ_SIM_IN_STATE,
	SQ_REG_PUT,
	SQ_REG_GET,
	SQ_REG_FIND,
	SQ_REG_DELETE,
	SQ_REG_OF_NODE,
	SQ_REG_OF_CLIENT,
	SQ_KEYREG_INSERT,
	SQ_KEYREG_UPDATE,
	SQ_KEYREG_GET,
	SQ_KEYREG_DELETE,
	SQ_KEYREG_LIST,
	SQ_CRED_INSERT,
	SQ_CRED_UPDATE,
	SQ_CRED_GET,
	SQ_CRED_DELETE,
	SQ_CRED_LIST,
	SQ_CRED_OF_NODE,
	SQ_SUB_DUE,
	SQ_CRED_DUE,
	SQ_NODE_DUE,
	SQ_ANY_DUE,
	SQ_PAST_PUT,
	SQ_PAST_FIND,
	SQ_PAST_LAST,
	SQ_CERT_PUT,
	SQ_CERT_GET,
	SQ_CERT_REVOKED,
	SQ_CERT_OF_NODE,
	SQ_CERT_FORGET,
	SQ_DER_PUT,
	SQ_DER_GET,
	SQ_DER_FIND,
	SQ_CERTREQ_INSERT,
	SQ_CERTREQ_UPDATE,
	SQ_CERTREQ_GET,
	SQ_CERTREQ_FIND,
	SQ_CERTREQ_LIST,
	SQ_CERTREQ_IN_STATE,
	SQ_CERTREQ_TRIM,
	SQ_CHALLENGE_PUT,
	SQ_CHALLENGE_GET,
	SQ_COMMAND_INSERT,
	SQ_COMMAND_UPDATE,
	SQ_COMMAND_GET,
	SQ_COMMAND_NEXT,
	SQ_COMMAND_ISSUED,
	SQ_COMMAND_LIST,
	SQ_COMMAND_OF_NODE,
	SQ_COMMAND_OPEN,
	SQ_COMMAND_TRIM,
	SQ_STEP_AGAIN,
	SQ_STEP_INSERT,
	SQ_STEP_LIST,
	SQ_DEVCFG_PUT,
	SQ_DEVCFG_GET,
	SQ_DEVCFG_DROP,
	SQ_PLACE_PUT,
	SQ_PLACE_GET,
	SQ_PLACE_DELETE,
	SQ_BRIEFING_PUT,
	SQ_BRIEFING_DELETE,
	SQ_BRIEFING_GET,
	SQ_BRIEFING_FIND,
	SQ_BRIEFING_LIST,
	SQ_BRIEFING_LIST_NODE,
	SQ_BRIEFING_EXPIRE,
	SQ_BRIEFING_CROWD,
	SQ_GBA_RUN_INSERT,
	SQ_GBA_RUN_CROWD,
	SQ_GBA_RUN_GET,
	SQ_GBA_RUN_WAITING,
	SQ_GBA_RUN_SETTLE,
	SQ_GBA_SESSION_INSERT,
	SQ_GBA_SESSION_CROWD,
	SQ_GBA_SESSION_GET, SQ_GBA_SESSION_NEWEST,
	SQ_GBA_SESSION_USED,
	SQ_GBA_SESSION_LIST,
	SQ_GBA_SESSION_LIST_ONE,
	SQ_GBA_SESSION_DELETE,
	SQ_GBA_TMPI_PUT,
	SQ_GBA_TMPI_GET,
	SQ_GBA_LOCK_PUT,
	SQ_GBA_LOCK_GET,
	SQ_GBA_LOCK_LONGEST,
	SQ_GBA_LOCK_DELETE,
	SQ_GBA_SWEEP_RUN,
	SQ_GBA_SWEEP_SESSION,
	SQ_GBA_SWEEP_LOCK,
	SQ_GBA_SWEEP_FLUSH,
	SQ_GBA_FLUSHED,
	SQ_RULES_VERSION,
	SQ_RULES_NEXT,
	SQ_RULES_VERSIONS,
	SQ_RULES_PRUNE,
	SQ_RULES_FORGET,
	SQ_RULE_PUT,
	SQ_RULE_END,
	SQ_RULE_GET,
	SQ_RULE_LIST,
	SQ_RULE_LIST_AT,
	SQ_EVENT_APPEND,
	SQ_EVENT_LAST,
	SQ_EVENT_WALK,
	SQ_EVENT_GET,
	SQ_WRAPPED_CREDENTIALS, SQ_WRAPPED_CREDENTIAL, SQ_WRAPPED_CREDENTIAL_OTHERS,
	SQ_WRAPPED_KEYREGS, SQ_WRAPPED_KEYREG, SQ_WRAPPED_KEYREG_OTHERS,
	SQ_WRAPPED_SIMS, SQ_WRAPPED_SIM, SQ_WRAPPED_SIM_OTHERS,
	SQ_WRAPPED_KSS, SQ_WRAPPED_KS, SQ_WRAPPED_KS_OTHERS,
	SQ_WRAPPED_AVS, SQ_WRAPPED_AV, SQ_WRAPPED_AV_OTHERS,
	SQ_APPROVAL_INSERT, SQ_APPROVAL_UPDATE, SQ_APPROVAL_GET, SQ_APPROVAL_LIST, SQ_APPROVAL_WAITING, SQ_APPROVAL_FORGET,
	SQ_ROTATION_PUT, SQ_ROTATION_GET,
	SQ_SEAL_PUT,
	SQ_SEAL_LIST,
	SQ_EVENT_ANCHOR,
	SQ_EVENT_OLDEST,
	SQ__COUNT
};

#define SQ_DEPTH 2 /* marks inside each other */

/* End of the audit chain. */
struct sq_head {
	uint64_t seq;
	uint8_t hash[MST_SHA256_LEN];
};

struct sq {
	struct mst_store base;
	const struct sq_driver *db;
	bool in_group;
	int lost; /* the fault that has cost the whole group, or 0 */
	unsigned depth;
	struct sq_head head, saved[1 + SQ_DEPTH]; /* at begin, at each mark */
	unsigned fail_at;
	uint64_t rules_tick; /* counts changes of the rules here, and their undoing */
	bool rules_dirty;    /* changed in this group */
	bool may_repeat;     /* the group was lost by no fault of its own */
	bool in_doubt;       /* its commit was asked for, and nobody knows */
	int settle_ms;       /* how long that is looked for */
	int64_t changes;     /* rows that the last write changed */
	int64_t generation;  /* of the rotation that was last seen or begun from here */
	uint8_t mark[2][MST_GENERATION_MARK]; /* of its key, and of the one before */
	char error[200];
};

/* What a column holds and where it goes in the C struct. */
enum sq_type {
	SQ_TEXT,         /* char[cap] */
	SQ_TEXT_OR_NULL, /* the same, "" is NULL */
	SQ_ENUM,         /* int or enum, 0..cap */
	SQ_INT,          /* int */
	SQ_I64,          /* int64_t, uint64_t */
	SQ_ID_OR_NULL,   /* int64_t, 0 is NULL */
	SQ_BOOL,
	SQ_HASH,    /* uint8_t[32] */
	SQ_FIXED,   /* uint8_t[cap], always all of it */
	SQ_WRAPPED, /* struct mst_wrapped */
	SQ_OCTETS,  /* struct { uint16_t n; uint8_t b[cap - 2]; } */
};
struct sq_col {
	enum sq_type type;
	size_t at, cap;
};
#define SQ_COL(t, s, m)                                                                                      \
	{                                                                                                    \
		t, offsetof(s, m), sizeof(((s *)0)->m)                                                       \
	}
#define SQ_COL_MAX(s, m, most)                                                                               \
	{                                                                                                    \
		SQ_ENUM, offsetof(s, m), most                                                                \
	}

/* A parameter: text, or a number. */
struct sq_arg {
	const uint8_t *hash; /* MST_SHA256_LEN octets */
	const char *s;
	int64_t i;
};
#define SQ_S(x)                                                                                              \
	{                                                                                                    \
		.s = (x)                                                                                     \
	}
#define SQ_H(x)                                                                                              \
	{                                                                                                    \
		.hash = (x)                                                                                  \
	}
#define SQ_I(x)                                                                                              \
	{                                                                                                    \
		.i = (int64_t)(x)                                                                            \
	}
#define SQ_ARGS(...)                                                                                         \
	(const struct sq_arg[]){ __VA_ARGS__ },                                                              \
		sizeof((const struct sq_arg[]){ __VA_ARGS__ }) / sizeof(struct sq_arg)
#define SQ_COLS(c) (c), sizeof(c) / sizeof((c)[0])

/* Words that the databases do not share. */
enum sq_text { SQ_TEXT_IDENTITY_WILD, SQ_TEXT__COUNT };

struct sq_iter {
	struct sq *q;
	void *st;            /* the driver's */
	int at;
	bool own;
	int fault;
};

/* What a database must be able to do below the SQL. `put` gives the new row's id when `ret_id` is not NULL. */
struct sq_driver {
	bool own_groups;     /* a write outside a group needs a group around it */
	const char *const *text;
	int (*put)(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *lead, size_t n_lead, const struct sq_col *col,
		   size_t n_col, const void *row, int64_t *ret_id);
	int (*open)(struct sq_iter *it, enum sq_slot slot, const char *sql, const struct sq_arg *arg, size_t n_arg);
	bool (*next)(struct sq_iter *it, const struct sq_col *col, size_t n_col, void *ret);
	void (*shut)(struct sq_iter *it);
	int (*control)(struct sq *q, enum sq_slot slot); /* SQ_BEGIN … SQ_UNDO_2; after ROLLBACK there is no transaction */
	int (*present)(struct sq *q);
	int (*octets)(struct sq *q, uint64_t *ret);      /* that all of it takes */
	int (*alone)(struct sq *q, bool *ret);           /* NULL: nobody else can be here */
	struct mst_store *(*close)(struct sq *q);
};

static inline struct sq *sq_of(struct mst_store *s)
{
	return (struct sq *)s;
}

/* A fault of our own finding: the row does not check. */
int sq_corrupt(struct sq *q, const char *what);
/* The injected fault, or the one that has cost the group; 0 to go on. */
int sq_may_write(struct sq *q);

/*
 * Write: `lead` is bound first, then the columns of `row`. 0, MST_STORE_EXISTS (a key is taken),
 * MST_STORE_NONE (nothing was changed, or a referenced row is absent), or a fault.
 */
int sq_put(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *lead, size_t n_lead,
	   const struct sq_col *col, size_t n_col, const void *row);
/* An insert, whose first column is an id that the database gives. */
int sq_put_new(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_col *col, size_t n_col, const void *row, int64_t *ret_id);
/* A statement without columns to bind. */
int sq_run(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *arg, size_t n_arg);
/* One row, or MST_STORE_NONE. `ret` is written only when the row checks. */
int sq_one(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *arg, size_t n_arg,
	   const struct sq_col *col, size_t n_col, void *ret);

/*
 * Many rows:
 *     r = sq_iter_open(&it, …);
 *     while (!r && sq_iter_next(&it, cols, n, &row))
 *             r = each(arg, &row);
 *     return sq_iter_close(&it, r);
 */
int sq_iter_open(struct sq_iter *it, struct sq *q, enum sq_slot slot, const char *sql,
		 const struct sq_arg *arg, size_t n_arg);
bool sq_iter_next(struct sq_iter *it, const struct sq_col *col, size_t n_col, void *ret);
int sq_iter_close(struct sq_iter *it, int r);

/* "LIMIT" without one, in words of both databases. */
#define SQ_ALL "9223372036854775807"
static inline int64_t sq_limit(size_t limit)
{
	return limit && limit < (size_t)INT64_MAX ? (int64_t)limit : INT64_MAX;
}

/* Table families. */
int sq_sub_put(struct mst_store *s, const struct mst_subscription *r, bool insert);
int sq_sub_get(struct mst_store *s, const char *id, struct mst_subscription *ret);
int sq_sub_list(struct mst_store *s, const char *after, size_t limit,
		int (*each)(void *, const struct mst_subscription *), void *arg);
int sq_sub_of_sp(struct mst_store *s, const char *sp_fqdn, struct mst_subscription *ret);
int sq_node_insert(struct mst_store *s, struct mst_node *r);
int sq_node_update(struct mst_store *s, const struct mst_node *r);
int sq_node_touch(struct mst_store *s, const struct mst_node *r);
int sq_node_get(struct mst_store *s, int64_t id, struct mst_node *ret);
int sq_node_find(struct mst_store *s, const char *id, struct mst_node *ret);
int sq_node_of_cse(struct mst_store *s, const char *cse_id, int64_t but, struct mst_node *ret);
int sq_node_list(struct mst_store *s, const struct mst_node_filter *f,
		 int (*each)(void *, const struct mst_node *), void *arg);
int sq_node_count(struct mst_store *s, int64_t ret_by_state[MST_NODE_RELEASED + 1]);
/* The columns of these rows, for sql-life.c. */
#define SQ_SUB_NAMES                                                                                         \
	"id, sp_fqdn, maf_fqdn, maf_uri, registrar_cse_id, registrar_poa, not_before, not_after, "           \
	"key_lifetime, state, created, changed, due, suspended_by"
#define SQ_NODE_NAMES                                                                                        \
	"id, node_id, cse_id, ae_id, sub_id, maker, model, serial, batch, state, reason, created, changed, " \
	"last_seen, attempt, last_step, leave_by, suspended_by, reenrol_until"
#define SQ_CRED_NAMES "key_id, purpose, key, client_id, via, node, state, created, expires, last_used, due"
#define SQ_SUB_COLS_N 14
#define SQ_NODE_COLS_N 19
#define SQ_CRED_COLS_N 11
extern const struct sq_col sq_sub_cols[SQ_SUB_COLS_N], sq_node_cols[SQ_NODE_COLS_N], sq_cred_cols[SQ_CRED_COLS_N];
int sq_sub_due(struct mst_store *s, mst_time now, size_t limit, int (*each)(void *, const struct mst_subscription *), void *arg);
int sq_cred_due(struct mst_store *s, enum mst_role role, mst_time now, size_t limit,
		int (*each)(void *, const struct mst_credential *), void *arg);
int sq_node_due(struct mst_store *s, mst_time now, size_t limit, int (*each)(void *, const struct mst_node *), void *arg);
int sq_any_due(struct mst_store *s, mst_time now, bool *ret_yes);
int sq_past_put(struct mst_store *s, const struct mst_node_past *r);
int sq_past_find(struct mst_store *s, int64_t node, uint64_t seq, struct mst_node_past *ret);
int sq_past_last(struct mst_store *s, int64_t node, struct mst_node_past *ret);
int sq_identity_put(struct mst_store *s, const struct mst_identity *r);
int sq_identity_get(struct mst_store *s, enum mst_id_kind kind, const char *value, struct mst_identity *ret);
int sq_identity_of_cse(struct mst_store *s, const char *cse_id, int (*each)(void *, const struct mst_identity *), void *arg);
int sq_identity_count_wild(struct mst_store *s, int64_t *ret_n);
int sq_identity_list(struct mst_store *s, int64_t node, int (*each)(void *, const struct mst_identity *),
		     void *arg);

int sq_reach_put(struct mst_store *s, const struct mst_reach *r);
int sq_reach_get(struct mst_store *s, int64_t node, struct mst_reach *ret);

int sq_sim_insert(struct mst_store *s, struct mst_sim *r);
int sq_sim_update(struct mst_store *s, const struct mst_sim *r);
int sq_sim_number(struct mst_store *s, const struct mst_sim *r);
int sq_sim_delete(struct mst_store *s, int64_t id);
int sq_sim_find(struct mst_store *s, enum mst_sim_name by, const char *name, struct mst_sim *ret);
int sq_sim_of_node(struct mst_store *s, int64_t node, struct mst_sim *ret);
int sq_sim_list(struct mst_store *s, const struct mst_sim_filter *f, int (*each)(void *, const struct mst_sim *), void *arg);

int sq_reg_put(struct mst_store *s, enum mst_role role, const struct mst_registration *r);
int sq_reg_get(struct mst_store *s, enum mst_role role, const char *reg_id, struct mst_registration *ret);
int sq_reg_find(struct mst_store *s, enum mst_role role, const char *client_id, const char *admin_fqdn,
		struct mst_registration *ret);
int sq_reg_delete(struct mst_store *s, enum mst_role role, const char *reg_id);
int sq_reg_of_node(struct mst_store *s, enum mst_role role, int64_t node,
		   int (*each)(void *, const struct mst_registration *), void *arg);
int sq_reg_of_client(struct mst_store *s, enum mst_role role, const char *client_id,
		     int (*each)(void *, const struct mst_registration *), void *arg);
int sq_keyreg_put(struct mst_store *s, enum mst_role role, const struct mst_keyreg *r, bool insert);
int sq_keyreg_get(struct mst_store *s, enum mst_role role, const char *rel_key_id, struct mst_keyreg *ret);
int sq_keyreg_delete(struct mst_store *s, enum mst_role role, const char *rel_key_id);
int sq_keyreg_list(struct mst_store *s, enum mst_role role, const char *reg_id,
		   int (*each)(void *, const struct mst_keyreg *), void *arg);
int sq_cred_put(struct mst_store *s, enum mst_role role, const struct mst_credential *r, bool insert);
int sq_cred_get(struct mst_store *s, enum mst_role role, const char *key_id, struct mst_credential *ret);
int sq_cred_delete(struct mst_store *s, enum mst_role role, const char *key_id);
int sq_cred_list(struct mst_store *s, enum mst_role role, const char *client_id,
		 int (*each)(void *, const struct mst_credential *), void *arg);
int sq_cred_of_node(struct mst_store *s, enum mst_role role, int64_t node,
		    int (*each)(void *, const struct mst_credential *), void *arg);
int sq_cert_put(struct mst_store *s, const struct mst_cert_row *r);
int sq_cert_get(struct mst_store *s, const char *serial, struct mst_cert_row *ret);
int sq_cert_list_revoked(struct mst_store *s, mst_time now, int (*each)(void *, const struct mst_cert_row *),
			 void *arg);

int sq_cert_der_put(struct mst_store *s, const struct mst_cert_der *r);
int sq_cert_der_get(struct mst_store *s, const char *serial, struct mst_cert_der *ret);
int sq_cert_der_find(struct mst_store *s, const uint8_t sha256[MST_SHA256_LEN], struct mst_cert_der *ret);
int sq_cert_of_node(struct mst_store *s, int64_t node, int (*each)(void *, const struct mst_cert_row *), void *arg);
int sq_cert_forget(struct mst_store *s, int64_t node, mst_time before);
int sq_certreq_insert(struct mst_store *s, struct mst_certreq *r);
int sq_certreq_update(struct mst_store *s, const struct mst_certreq *r);
int sq_certreq_get(struct mst_store *s, int64_t id, struct mst_certreq *ret);
int sq_certreq_find(struct mst_store *s, int64_t node, const uint8_t csr_sha256[MST_SHA256_LEN], struct mst_certreq *ret);
int sq_certreq_list(struct mst_store *s, int state, int64_t after, size_t limit, int (*each)(void *, const struct mst_certreq *), void *arg);
int sq_certreq_trim(struct mst_store *s, int64_t node, size_t keep);
int sq_challenge_put(struct mst_store *s, const struct mst_challenge *r);
int sq_challenge_get(struct mst_store *s, int64_t node, struct mst_challenge *ret);
int sq_command_insert(struct mst_store *s, struct mst_command *r);
int sq_command_update(struct mst_store *s, const struct mst_command *r);
int sq_command_get(struct mst_store *s, int64_t id, struct mst_command *ret);
int sq_command_next(struct mst_store *s, enum mst_role role, int64_t node, const char *admin_fqdn, struct mst_command *ret);
int sq_command_issued(struct mst_store *s, int64_t node, const char *reg_id, const char *cmd_id, struct mst_command *ret);
int sq_command_trim(struct mst_store *s, int64_t node, size_t keep);
int sq_command_step_add(struct mst_store *s, const struct mst_command_step *r);
int sq_command_step_list(struct mst_store *s, int64_t command, int (*each)(void *, const struct mst_command_step *), void *arg);
int sq_device_config_put(struct mst_store *s, const struct mst_device_config *r);
int sq_device_config_get(struct mst_store *s, int64_t node, const char *admin_fqdn, struct mst_device_config *ret);
int sq_device_config_drop(struct mst_store *s, int64_t node);
int sq_command_list(struct mst_store *s, int64_t node, int64_t after, size_t limit, int (*each)(void *, const struct mst_command *), void *arg);
int sq_command_open(struct mst_store *s, const char *sub_id, size_t limit, int (*each)(void *, const struct mst_command *), void *arg);

int sq_place_put(struct mst_store *s, const struct mst_place *r);
int sq_place_get(struct mst_store *s, int64_t node, struct mst_place *ret);
int sq_place_delete(struct mst_store *s, int64_t node);
int sq_briefing_put(struct mst_store *s, const struct mst_briefing *r);
int sq_briefing_delete(struct mst_store *s, const char *id);
int sq_briefing_get(struct mst_store *s, const char *id, struct mst_briefing *ret);
int sq_briefing_find(struct mst_store *s, const char *who, const char *attempt, const uint8_t ask[MST_SHA256_LEN],
		     struct mst_briefing *ret);
int sq_briefing_list(struct mst_store *s, const struct mst_briefing_filter *f,
		     int (*each)(void *, const struct mst_briefing *), void *arg);
int sq_briefing_prune(struct mst_store *s, const char *who, size_t most, mst_time before);

int sq_gba_run_insert(struct mst_store *s, const struct mst_gba_run *r);
int sq_gba_run_waiting(struct mst_store *s, const char *impi, mst_time now, struct mst_gba_run *ret);
int sq_gba_run_get(struct mst_store *s, const char *nonce, struct mst_gba_run *ret);
int sq_gba_run_settle(struct mst_store *s, const struct gba_run *r);
int sq_gba_session_insert(struct mst_store *s, const struct mst_gba_session *r);
int sq_gba_session_get(struct mst_store *s, const char *btid, struct mst_gba_session *ret);
int sq_gba_session_newest(struct mst_store *s, const char *subscriber, struct mst_gba_session *ret);
int sq_gba_session_used(struct mst_store *s, const char *btid, mst_time now);
int sq_gba_session_list(struct mst_store *s, const char *subscriber, const char *after, size_t limit,
		        int (*each)(void *, const struct mst_gba_session *), void *arg);
int sq_gba_session_delete(struct mst_store *s, const char *btid);
int sq_gba_tmpi_put(struct mst_store *s, const struct mst_gba_tmpi *r);
int sq_gba_tmpi_get(struct mst_store *s, const char *tmpi, struct mst_gba_tmpi *ret);
int sq_gba_lock_put(struct mst_store *s, const struct mst_gba_lock *r);
int sq_gba_lock_get(struct mst_store *s, const char *impi, const char *origin, struct mst_gba_lock *ret);
int sq_gba_lock_delete(struct mst_store *s, const char *impi, const char *origin);
int sq_gba_sweep(struct mst_store *s, mst_time now, size_t limit, unsigned *ret_n);
int sq_gba_flush(struct mst_store *s, const char *subscriber, mst_time now, int64_t *ret_sessions);
int sq_gba_flushed(struct mst_store *s, const char *impi, int64_t *ret_n);

int sq_rules_version(struct mst_store *s, struct mst_rules_version *ret);
int sq_rules_next(struct mst_store *s, struct mst_rules_version *v);
int sq_rules_versions(struct mst_store *s, int64_t before, size_t limit,
		      int (*each)(void *, const struct mst_rules_version *), void *arg);
int sq_rules_prune(struct mst_store *s, int64_t oldest);
int sq_rule_put(struct mst_store *s, const struct mst_rule_row *row);
int sq_rule_end(struct mst_store *s, const char *name, int64_t version);
int sq_rule_get(struct mst_store *s, const char *name, struct mst_rule_row *ret);
int sq_rule_list(struct mst_store *s, int64_t version, int64_t after, size_t limit,
		 int (*each)(void *, const struct mst_rule_row *), void *arg);

int sq_event_reload(struct sq *q); /* end of the chain from the table */
int sq_event_append(struct mst_store *s, struct mst_event *e);
int sq_event_list(struct mst_store *s, const struct mst_event_filter *f,
		  int (*each)(void *, const struct mst_event *), void *arg);
int sq_event_last(struct mst_store *s, uint64_t *ret_seq);
int sq_event_head(struct mst_store *s, struct mst_event_head *ret);
int sq_event_walk(struct mst_store *s, struct mst_event_walk *w);
int sq_event_is(struct mst_store *s, const struct mst_event_head *h);
int sq_wrapped_list(struct mst_store *s, enum mst_wrapped_part p, int64_t after, size_t limit,
		    int (*each)(void *, const struct mst_wrapped_row *), void *arg);
int sq_wrapped_put(struct mst_store *s, enum mst_wrapped_part p, int64_t row, const struct mst_wrapped *key);
int sq_wrapped_others(struct mst_store *s, const uint8_t head[MST_WRAPPED_HEAD], int64_t *ret_n);
int sq_approval_insert(struct mst_store *s, struct mst_approval *r);
int sq_approval_update(struct mst_store *s, const struct mst_approval *r);
int sq_approval_get(struct mst_store *s, int64_t id, struct mst_approval *ret);
int sq_approval_list(struct mst_store *s, bool waits, int64_t after, size_t limit, int (*each)(void *, const struct mst_approval *), void *arg);
int sq_approval_forget(struct mst_store *s, mst_time before);
int sq_rotation_put(struct mst_store *s, const struct mst_rotation *r);
int sq_rotation_get(struct mst_store *s, struct mst_rotation *ret);
int sq_alone(struct mst_store *s, bool *ret);
int sq_seal_put(struct mst_store *s, const struct mst_log_seal *r);
int sq_seal_list(struct mst_store *s, uint64_t after, int (*each)(void *, const struct mst_log_seal *), void *arg);
int sq_event_anchor(struct mst_store *s, struct mst_event_anchor *ret);
int sq_event_span(struct mst_store *s, struct mst_event_span *ret);
int sq_event_shorten(struct mst_store *s, const struct mst_event_limit *k, struct mst_event *ret_told);

extern const struct mst_store_ops sq_ops;
/* Number of the last migration, or a fault. */
int sq_schema_version(struct sq *q);
/* Numbered migrations in order, each with its row in schema_version, which is there; in a transaction of the caller. */
struct mst_migration;
MST_MUST_CHECK int sq_migrate(struct sq *q, const struct mst_migration *m, int n, int (*exec)(struct sq *q, const char *sql), struct mst_diag *d);

int sq_begin(struct mst_store *s);
int sq_commit(struct mst_store *s);
void sq_rollback(struct mst_store *s);

#endif
