/*
 * What a database must be able to do: one member for each function of store.h, same meaning. A second
 * database is another table of these and one line in store.c.
 */
#ifndef MST_STORE_OPS_H
#define MST_STORE_OPS_H

#include "store/store.h"

struct mst_store_ops {
	struct mst_store *(*close)(struct mst_store *s);
	int (*version)(struct mst_store *s);
	const char *(*error)(struct mst_store *s);
	bool (*may_repeat)(struct mst_store *s);
	bool (*in_doubt)(struct mst_store *s);
	int (*present)(struct mst_store *s);
	int (*begin)(struct mst_store *s);
	int (*commit)(struct mst_store *s);
	void (*rollback)(struct mst_store *s);
	int (*mark)(struct mst_store *s);
	int (*release)(struct mst_store *s);
	void (*undo)(struct mst_store *s);
	void (*fail_at)(struct mst_store *s, unsigned n);

	int (*sub_put)(struct mst_store *s, const struct mst_subscription *r, bool insert);
	int (*sub_get)(struct mst_store *s, const char *id, struct mst_subscription *ret);
	int (*sub_list)(struct mst_store *s, const char *after, size_t limit,
			int (*each)(void *, const struct mst_subscription *), void *arg);
	int (*sub_of_sp)(struct mst_store *s, const char *sp_fqdn, struct mst_subscription *ret);

	int (*node_insert)(struct mst_store *s, struct mst_node *r);
	int (*node_update)(struct mst_store *s, const struct mst_node *r);
	int (*node_touch)(struct mst_store *s, const struct mst_node *r);
	int (*node_get)(struct mst_store *s, int64_t id, struct mst_node *ret);
	int (*node_find)(struct mst_store *s, const char *name, struct mst_node *ret);
	int (*node_of_cse)(struct mst_store *s, const char *cse_id, int64_t but, struct mst_node *ret);
	int (*node_list)(struct mst_store *s, const struct mst_node_filter *f,
			 int (*each)(void *, const struct mst_node *), void *arg);
	int (*node_count)(struct mst_store *s, int64_t ret_by_state[MST_NODE_RELEASED + 1]);

	int (*identity_put)(struct mst_store *s, const struct mst_identity *r);
	int (*identity_get)(struct mst_store *s, enum mst_id_kind kind, const char *value,
			    struct mst_identity *ret);
	int (*identity_of_cse)(struct mst_store *s, const char *cse_id, int (*each)(void *, const struct mst_identity *), void *arg);
	int (*identity_count_wild)(struct mst_store *s, int64_t *ret_n);
	int (*identity_list)(struct mst_store *s, int64_t node,
			     int (*each)(void *, const struct mst_identity *), void *arg);

	int (*reach_put)(struct mst_store *s, const struct mst_reach *r);
	int (*reach_get)(struct mst_store *s, int64_t node, struct mst_reach *ret);

	int (*reg_put)(struct mst_store *s, enum mst_role role, const struct mst_registration *r);
	int (*reg_get)(struct mst_store *s, enum mst_role role, const char *reg_id,
		       struct mst_registration *ret);
	int (*reg_find)(struct mst_store *s, enum mst_role role, const char *client_id,
			const char *admin_fqdn, struct mst_registration *ret);
	int (*reg_delete)(struct mst_store *s, enum mst_role role, const char *reg_id);
	int (*reg_of_node)(struct mst_store *s, enum mst_role role, int64_t node,
			   int (*each)(void *, const struct mst_registration *), void *arg);
	int (*reg_of_client)(struct mst_store *s, enum mst_role role, const char *client_id,
			     int (*each)(void *, const struct mst_registration *), void *arg);

	int (*keyreg_put)(struct mst_store *s, enum mst_role role, const struct mst_keyreg *r, bool insert);
	int (*keyreg_get)(struct mst_store *s, enum mst_role role, const char *rel_key_id,
			  struct mst_keyreg *ret);
	int (*keyreg_delete)(struct mst_store *s, enum mst_role role, const char *rel_key_id);
	int (*keyreg_list)(struct mst_store *s, enum mst_role role, const char *reg_id,
			   int (*each)(void *, const struct mst_keyreg *), void *arg);

	int (*cred_put)(struct mst_store *s, enum mst_role role, const struct mst_credential *r, bool insert);
	int (*cred_get)(struct mst_store *s, enum mst_role role, const char *key_id,
			struct mst_credential *ret);
	int (*cred_delete)(struct mst_store *s, enum mst_role role, const char *key_id);
	int (*cred_list)(struct mst_store *s, enum mst_role role, const char *client_id,
			 int (*each)(void *, const struct mst_credential *), void *arg);
	int (*cred_of_node)(struct mst_store *s, enum mst_role role, int64_t node,
			    int (*each)(void *, const struct mst_credential *), void *arg);

	int (*sub_due)(struct mst_store *s, mst_time now, size_t limit, int (*each)(void *, const struct mst_subscription *), void *arg);
	int (*cred_due)(struct mst_store *s, enum mst_role role, mst_time now, size_t limit,
			int (*each)(void *, const struct mst_credential *), void *arg);
	int (*node_due)(struct mst_store *s, mst_time now, size_t limit, int (*each)(void *, const struct mst_node *), void *arg);
	int (*any_due)(struct mst_store *s, mst_time now, bool *ret_yes);
	int (*past_put)(struct mst_store *s, const struct mst_node_past *r);
	int (*past_find)(struct mst_store *s, int64_t node, uint64_t seq, struct mst_node_past *ret);
	int (*past_last)(struct mst_store *s, int64_t node, struct mst_node_past *ret);

	int (*cert_put)(struct mst_store *s, const struct mst_cert_row *r);
	int (*cert_get)(struct mst_store *s, const char *serial, struct mst_cert_row *ret);
	int (*cert_list_revoked)(struct mst_store *s, mst_time now,
				 int (*each)(void *, const struct mst_cert_row *), void *arg);

	int (*cert_der_put)(struct mst_store *s, const struct mst_cert_der *r);
	int (*cert_der_get)(struct mst_store *s, const char *serial, struct mst_cert_der *ret);
	int (*cert_der_find)(struct mst_store *s, const uint8_t sha256[MST_SHA256_LEN], struct mst_cert_der *ret);
	int (*cert_of_node)(struct mst_store *s, int64_t node, int (*each)(void *, const struct mst_cert_row *), void *arg);
	int (*cert_forget)(struct mst_store *s, int64_t node, mst_time before);
	int (*certreq_insert)(struct mst_store *s, struct mst_certreq *r);
	int (*certreq_update)(struct mst_store *s, const struct mst_certreq *r);
	int (*certreq_get)(struct mst_store *s, int64_t id, struct mst_certreq *ret);
	int (*certreq_find)(struct mst_store *s, int64_t node, const uint8_t csr_sha256[MST_SHA256_LEN], struct mst_certreq *ret);
	int (*certreq_list)(struct mst_store *s, int state, int64_t after, size_t limit, int (*each)(void *, const struct mst_certreq *),
			    void *arg);
	int (*certreq_trim)(struct mst_store *s, int64_t node, size_t keep);
	int (*challenge_put)(struct mst_store *s, const struct mst_challenge *r);
	int (*challenge_get)(struct mst_store *s, int64_t node, struct mst_challenge *ret);
	int (*command_insert)(struct mst_store *s, struct mst_command *r);
	int (*command_update)(struct mst_store *s, const struct mst_command *r);
	int (*command_get)(struct mst_store *s, int64_t id, struct mst_command *ret);
	int (*command_next)(struct mst_store *s, enum mst_role role, int64_t node, const char *admin_fqdn, struct mst_command *ret);
	int (*command_issued)(struct mst_store *s, int64_t node, const char *reg_id, const char *cmd_id, struct mst_command *ret);
	int (*command_trim)(struct mst_store *s, int64_t node, size_t keep);
	int (*command_step_add)(struct mst_store *s, const struct mst_command_step *r);
	int (*command_step_list)(struct mst_store *s, int64_t command, int (*each)(void *, const struct mst_command_step *), void *arg);
	int (*device_config_put)(struct mst_store *s, const struct mst_device_config *r);
	int (*device_config_get)(struct mst_store *s, int64_t node, const char *admin_fqdn, struct mst_device_config *ret);
	int (*device_config_drop)(struct mst_store *s, int64_t node);
	int (*command_list)(struct mst_store *s, int64_t node, int64_t after, size_t limit, int (*each)(void *, const struct mst_command *),
			    void *arg);
	int (*command_open)(struct mst_store *s, const char *sub_id, size_t limit, int (*each)(void *, const struct mst_command *), void *arg);

	int (*place_put)(struct mst_store *s, const struct mst_place *r);
	int (*place_get)(struct mst_store *s, int64_t node, struct mst_place *ret);
	int (*place_delete)(struct mst_store *s, int64_t node);
	int (*briefing_put)(struct mst_store *s, const struct mst_briefing *r);
	int (*briefing_delete)(struct mst_store *s, const char *id);
	int (*briefing_get)(struct mst_store *s, const char *id, struct mst_briefing *ret);
	int (*briefing_find)(struct mst_store *s, const char *who, const char *attempt,
			     const uint8_t ask[MST_SHA256_LEN], struct mst_briefing *ret);
	int (*briefing_list)(struct mst_store *s, const struct mst_briefing_filter *f,
			     int (*each)(void *, const struct mst_briefing *), void *arg);
	int (*briefing_prune)(struct mst_store *s, const char *who, size_t most, mst_time before);

	int (*gba_run_insert)(struct mst_store *s, const struct mst_gba_run *r);
	int (*gba_run_get)(struct mst_store *s, const char *nonce, struct mst_gba_run *ret);
	int (*gba_run_waiting)(struct mst_store *s, const char *impi, mst_time now, struct mst_gba_run *ret);
	int (*gba_run_settle)(struct mst_store *s, const struct gba_run *r);
	int (*gba_session_insert)(struct mst_store *s, const struct mst_gba_session *r);
	int (*gba_session_get)(struct mst_store *s, const char *btid, struct mst_gba_session *ret);
	int (*gba_session_newest)(struct mst_store *s, const char *impi, struct mst_gba_session *ret);
	int (*gba_session_used)(struct mst_store *s, const char *btid, mst_time now);
	int (*gba_session_list)(struct mst_store *s, const char *impi, const char *after, size_t limit,
				int (*each)(void *, const struct mst_gba_session *), void *arg);
	int (*gba_session_delete)(struct mst_store *s, const char *btid);
	int (*gba_tmpi_put)(struct mst_store *s, const struct mst_gba_tmpi *r);
	int (*gba_tmpi_get)(struct mst_store *s, const char *tmpi, struct mst_gba_tmpi *ret);
	int (*gba_lock_put)(struct mst_store *s, const struct mst_gba_lock *r);
	int (*gba_lock_get)(struct mst_store *s, const char *impi, const char *origin, struct mst_gba_lock *ret);
	int (*gba_lock_delete)(struct mst_store *s, const char *impi, const char *origin);
	int (*gba_sweep)(struct mst_store *s, mst_time now, size_t limit, unsigned *ret_n);
	int (*gba_flush)(struct mst_store *s, const char *impi, mst_time now, int64_t *ret_sessions);
	int (*gba_flushed)(struct mst_store *s, const char *impi, int64_t *ret_n);

	int (*sim_insert)(struct mst_store *s, struct mst_sim *r);
	int (*sim_update)(struct mst_store *s, const struct mst_sim *r);
	int (*sim_number)(struct mst_store *s, const struct mst_sim *r);
	int (*sim_delete)(struct mst_store *s, int64_t id);
	int (*sim_find)(struct mst_store *s, enum mst_sim_name by, const char *name, struct mst_sim *ret);
	int (*sim_of_node)(struct mst_store *s, int64_t node, struct mst_sim *ret);
	int (*sim_list)(struct mst_store *s, const struct mst_sim_filter *f, int (*each)(void *, const struct mst_sim *), void *arg);

	int (*rules_version)(struct mst_store *s, struct mst_rules_version *ret);
	int (*rules_next)(struct mst_store *s, struct mst_rules_version *v);
	int (*rules_versions)(struct mst_store *s, int64_t before, size_t limit,
			      int (*each)(void *, const struct mst_rules_version *), void *arg);
	int (*rules_prune)(struct mst_store *s, int64_t oldest);
	int (*rule_put)(struct mst_store *s, const struct mst_rule_row *row);
	int (*rule_end)(struct mst_store *s, const char *name, int64_t version);
	int (*rule_get)(struct mst_store *s, const char *name, struct mst_rule_row *ret);
	int (*rule_list)(struct mst_store *s, int64_t version, int64_t after, size_t limit,
			 int (*each)(void *, const struct mst_rule_row *), void *arg);

	int (*event_append)(struct mst_store *s, struct mst_event *e);
	int (*event_list)(struct mst_store *s, const struct mst_event_filter *f,
			  int (*each)(void *, const struct mst_event *), void *arg);
	int (*event_last)(struct mst_store *s, uint64_t *ret_seq);
	int (*event_head)(struct mst_store *s, struct mst_event_head *ret);
	int (*event_walk)(struct mst_store *s, struct mst_event_walk *w);
	int (*event_is)(struct mst_store *s, const struct mst_event_head *h);
	int (*wrapped_list)(struct mst_store *s, enum mst_wrapped_part p, int64_t after, size_t limit,
			    int (*each)(void *, const struct mst_wrapped_row *), void *arg);
	int (*wrapped_put)(struct mst_store *s, enum mst_wrapped_part p, int64_t row, const struct mst_wrapped *key);
	int (*wrapped_others)(struct mst_store *s, const uint8_t head[MST_WRAPPED_HEAD], int64_t *ret_n);
	int (*approval_insert)(struct mst_store *s, struct mst_approval *r);
	int (*approval_update)(struct mst_store *s, const struct mst_approval *r);
	int (*approval_get)(struct mst_store *s, int64_t id, struct mst_approval *ret);
	int (*approval_list)(struct mst_store *s, bool waits, int64_t after, size_t limit, int (*each)(void *, const struct mst_approval *), void *arg);
	int (*approval_forget)(struct mst_store *s, mst_time before);
	int (*rotation_put)(struct mst_store *s, const struct mst_rotation *r);
	int (*rotation_get)(struct mst_store *s, struct mst_rotation *ret);
	int (*alone)(struct mst_store *s, bool *ret);
	int (*seal_put)(struct mst_store *s, const struct mst_log_seal *r);
	int (*seal_list)(struct mst_store *s, uint64_t after, int (*each)(void *, const struct mst_log_seal *), void *arg);
	int (*event_anchor)(struct mst_store *s, struct mst_event_anchor *ret);
	int (*event_span)(struct mst_store *s, struct mst_event_span *ret);
	int (*event_shorten)(struct mst_store *s, const struct mst_event_limit *k, struct mst_event *ret_told);
};

struct mst_store {
	const struct mst_store_ops *ops;
}; /* first member of every backend */

/* Backends; `rest` is what follows "name:" in the URL. */
int mst_store_sqlite_open(const char *rest, struct mst_store **ret_s, struct mst_diag *d);
int mst_store_pg_open(const char *rest, struct mst_store **ret_s, struct mst_diag *d);
int mst_store_pg_check(const char *rest, struct mst_diag *d);
void mst_store_pg_needs(const char *rest, struct mst_store_needs *ret);

/* The entry that tells that `n` entries up to the anchor are removed. Shared by all databases, as the hash. */
void mst_event_shortened(const struct mst_event_anchor *a, uint64_t n, mst_time now, struct mst_event *ret);

#endif
