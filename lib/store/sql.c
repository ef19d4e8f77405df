/* The store in SQL: groups and marks, the same for every database. Rows are in sql-*.c, what a database does its own way in its driver. */
#include "store/migration.h"
#include "store/sql.h"

#include <stdio.h>

static void forget(struct sq *q)
{
	q->rules_dirty = false;
	q->in_group = false;
	q->lost = 0;
	q->depth = 0;
}

int sq_may_write(struct sq *q)
{
	if (q->lost)
		return q->lost;
	if (q->fail_at && --q->fail_at == 0) {
		snprintf(q->error, sizeof(q->error), "injected fault");
		return MST_FAULT_STORE;
	}
	return 0;
}

int sq_corrupt(struct sq *q, const char *what)
{
	snprintf(q->error, sizeof(q->error), "stored row does not check: %s", what);
	return MST_FAULT_CORRUPT;
}

static int control(struct sq *q, enum sq_slot slot)
{
	int r = sq_may_write(q);

	return r ? r : q->db->control(q, slot);
}

int sq_begin(struct mst_store *s)
{
	struct sq *q = sq_of(s);
	int r;

	if (q->in_group)
		return MST_FAULT_BUG;
	q->may_repeat = q->in_doubt = false;
	r = q->db->present(q);
	r = r ? r : control(q, SQ_BEGIN);
	if (r)
		return r;
	q->in_group = true;
	/* Another program may have written since: the chain continues from what is there now. */
	r = sq_event_reload(q);
	q->saved[0] = q->head;
	if (r)
		sq_rollback(s);
	return r;
}

void sq_rollback(struct mst_store *s)
{
	struct sq *q = sq_of(s);

	if (!q->in_group)
		return;
	/* The way out is not a write step: no injected fault, and it must run after a lost group too. */
	(void)q->db->control(q, SQ_ROLLBACK);
	q->head = q->saved[0];
	q->rules_tick += q->rules_dirty;
	forget(q);
}

int sq_commit(struct mst_store *s)
{
	struct sq *q = sq_of(s);
	int r;

	if (!q->in_group)
		return MST_FAULT_BUG;
	r = q->depth ? MST_FAULT_BUG : control(q, SQ_COMMIT);
	if (r) {
		sq_rollback(s);
		return r;
	}
	forget(q);
	return 0;
}

static int sq_mark(struct mst_store *s)
{
	static const enum sq_slot slot[SQ_DEPTH] = { SQ_MARK, SQ_MARK_2 };
	struct sq *q = sq_of(s);
	int r;

	if (!q->in_group || q->depth == SQ_DEPTH)
		return MST_FAULT_BUG;
	r = control(q, slot[q->depth]);
	if (!r)
		q->saved[++q->depth] = q->head;
	return r;
}

static int sq_release(struct mst_store *s)
{
	static const enum sq_slot slot[SQ_DEPTH] = { SQ_RELEASE, SQ_RELEASE_2 };
	struct sq *q = sq_of(s);
	int r;

	if (!q->in_group || !q->depth)
		return MST_FAULT_BUG;
	r = control(q, slot[q->depth - 1]);
	if (!r)
		q->depth--;
	return r;
}

/* Back to the mark, and the mark is gone. If even that fails the group is lost. */
static void sq_undo(struct mst_store *s)
{
	static const enum sq_slot slot[SQ_DEPTH] = { SQ_UNDO, SQ_UNDO_2 };
	struct sq *q = sq_of(s);
	unsigned fail_at = q->fail_at;
	int r;

	if (!q->in_group || !q->depth)
		return;
	q->fail_at = 0;
	r = control(q, slot[q->depth - 1]);
	q->head = q->saved[q->depth];
	q->rules_tick += q->rules_dirty;
	if (!r)
		r = sq_release(s);
	q->fail_at = fail_at;
	if (r) {
		q->depth--;
		q->lost = r;
	}
}

static void sq_fail_at(struct mst_store *s, unsigned n)
{
	sq_of(s)->fail_at = n;
}

static int sq_version(struct mst_store *s)
{
	return sq_schema_version(sq_of(s));
}

static bool sq_may_repeat(struct mst_store *s)
{
	return sq_of(s)->may_repeat;
}

static bool sq_in_doubt(struct mst_store *s)
{
	return sq_of(s)->in_doubt;
}

static const char *sq_error(struct mst_store *s)
{
	return sq_of(s)->error;
}

static int sq_present(struct mst_store *s)
{
	return sq_of(s)->db->present(sq_of(s));
}

static struct mst_store *sq_close(struct mst_store *s)
{
	sq_rollback(s);
	return sq_of(s)->db->close(sq_of(s));
}

/* --- statements --- */

static int put(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *lead, size_t n_lead, const struct sq_col *col,
	       size_t n_col, const void *row, int64_t *ret_id)
{
	int r;

	if (q->in_group || !q->db->own_groups) {
		r = sq_may_write(q);
		return r ? r : q->db->put(q, slot, sql, lead, n_lead, col, n_col, row, ret_id);
	}
	r = sq_begin(&q->base);
	if (r)
		return r;
	r = put(q, slot, sql, lead, n_lead, col, n_col, row, ret_id);
	if (!r)
		return sq_commit(&q->base);
	sq_rollback(&q->base);
	return r;
}

int sq_put(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *lead, size_t n_lead, const struct sq_col *col,
	   size_t n_col, const void *row)
{
	return put(q, slot, sql, lead, n_lead, col, n_col, row, NULL);
}

int sq_put_new(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_col *col, size_t n_col, const void *row, int64_t *ret_id)
{
	return put(q, slot, sql, NULL, 0, col, n_col, row, ret_id);
}

int sq_run(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *arg, size_t n_arg)
{
	return put(q, slot, sql, arg, n_arg, NULL, 0, NULL, NULL);
}

int sq_iter_open(struct sq_iter *it, struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *arg, size_t n_arg)
{
	*it = (struct sq_iter){ .q = q };
	return q->lost ? q->lost : q->db->open(it, slot, sql, arg, n_arg);
}

bool sq_iter_next(struct sq_iter *it, const struct sq_col *col, size_t n_col, void *ret)
{
	return it->q->db->next(it, col, n_col, ret);
}

int sq_iter_close(struct sq_iter *it, int r)
{
	if (it->st)
		it->q->db->shut(it);
	return r ? r : it->fault;
}

int sq_one(struct sq *q, enum sq_slot slot, const char *sql, const struct sq_arg *arg, size_t n_arg, const struct sq_col *col,
	   size_t n_col, void *ret)
{
	struct sq_iter it;
	int r = sq_iter_open(&it, q, slot, sql, arg, n_arg);

	if (!r && !sq_iter_next(&it, col, n_col, ret) && !it.fault)
		r = MST_STORE_NONE;
	return sq_iter_close(&it, r);
}

/* --- schema --- */

static const struct sq_col number_col[] = { { SQ_I64, 0, 0 } };

int sq_schema_version(struct sq *q)
{
	int64_t n = 0;
	int r = sq_one(q, SQ_NO_SLOT, "SELECT coalesce(max(number), 0) FROM schema_version", NULL, 0, SQ_COLS(number_col), &n);

	return r ? r : (int)n;
}

static int apply(struct sq *q, const struct mst_migration *m, int (*exec)(struct sq *q, const char *sql))
{
	int r = exec(q, m->sql);

	if (r)
		return r;
	return q->db->put(q, SQ_NO_SLOT, "INSERT INTO schema_version (number, name) VALUES (?1, ?2)", SQ_ARGS(SQ_I(m->number), SQ_S(m->name)), NULL,
			  0, NULL, NULL);
}

int sq_migrate(struct sq *q, const struct mst_migration *m, int n, int (*exec)(struct sq *q, const char *sql), struct mst_diag *d)
{
	int version = sq_schema_version(q), last = m[n - 1].number, r = version < 0 ? version : 0;
	char have[16], know[16];

	if (version > last) {
		snprintf(have, sizeof(have), "%d", version);
		snprintf(know, sizeof(know), "%d", last);
		mst_diag_set(d, 0, "store", "the database has schema ", have, ", this program knows up to ", know,
			     "; use the newer program that made it", NULL);
		return MST_FAULT_CONFIG;
	}
	for (int i = 0; i < n && !r; i++)
		if (m[i].number > version)
			r = apply(q, &m[i], exec);
	return r;
}

const struct mst_store_ops sq_ops = {
	.close = sq_close,
	.version = sq_version,
	.error = sq_error,
	.may_repeat = sq_may_repeat,
	.in_doubt = sq_in_doubt,
	.present = sq_present,
	.begin = sq_begin,
	.commit = sq_commit,
	.rollback = sq_rollback,
	.mark = sq_mark,
	.release = sq_release,
	.undo = sq_undo,
	.fail_at = sq_fail_at,
	.sub_put = sq_sub_put,
	.sub_get = sq_sub_get,
	.sub_list = sq_sub_list,
	.sub_of_sp = sq_sub_of_sp,
	.node_insert = sq_node_insert,
	.node_update = sq_node_update,
	.node_touch = sq_node_touch,
	.node_get = sq_node_get,
	.node_find = sq_node_find,
	.node_of_cse = sq_node_of_cse,
	.node_list = sq_node_list,
	.node_count = sq_node_count,
	.identity_put = sq_identity_put,
	.identity_get = sq_identity_get,
	.identity_of_cse = sq_identity_of_cse,
	.identity_list = sq_identity_list,
	.reach_put = sq_reach_put,
	.reach_get = sq_reach_get,
	.sim_insert = sq_sim_insert,
	.sim_update = sq_sim_update,
	.sim_number = sq_sim_number,
	.sim_delete = sq_sim_delete,
	.sim_find = sq_sim_find,
	.sim_of_node = sq_sim_of_node,
	.sim_list = sq_sim_list,
	.identity_count_wild = sq_identity_count_wild,
	.reg_put = sq_reg_put,
	.reg_get = sq_reg_get,
	.reg_find = sq_reg_find,
	.reg_delete = sq_reg_delete,
	.reg_of_node = sq_reg_of_node,
	.reg_of_client = sq_reg_of_client,
	.keyreg_put = sq_keyreg_put,
	.keyreg_get = sq_keyreg_get,
	.keyreg_delete = sq_keyreg_delete,
	.keyreg_list = sq_keyreg_list,
	.cred_put = sq_cred_put,
	.cred_get = sq_cred_get,
	.cred_delete = sq_cred_delete,
	.cred_list = sq_cred_list,
	.cred_of_node = sq_cred_of_node,
	.sub_due = sq_sub_due,
	.cred_due = sq_cred_due,
	.node_due = sq_node_due,
	.any_due = sq_any_due,
	.past_put = sq_past_put,
	.past_find = sq_past_find,
	.past_last = sq_past_last,
	.cert_put = sq_cert_put,
	.cert_get = sq_cert_get,
	.cert_list_revoked = sq_cert_list_revoked,
	.cert_der_put = sq_cert_der_put,
	.cert_der_get = sq_cert_der_get,
	.cert_der_find = sq_cert_der_find,
	.cert_of_node = sq_cert_of_node,
	.cert_forget = sq_cert_forget,
	.certreq_insert = sq_certreq_insert,
	.certreq_update = sq_certreq_update,
	.certreq_get = sq_certreq_get,
	.certreq_find = sq_certreq_find,
	.certreq_list = sq_certreq_list,
	.certreq_trim = sq_certreq_trim,
	.challenge_put = sq_challenge_put,
	.challenge_get = sq_challenge_get,
	.command_insert = sq_command_insert,
	.command_update = sq_command_update,
	.command_get = sq_command_get,
	.command_next = sq_command_next,
	.command_issued = sq_command_issued,
	.command_list = sq_command_list,
	.command_open = sq_command_open,
	.command_trim = sq_command_trim,
	.command_step_add = sq_command_step_add,
	.command_step_list = sq_command_step_list,
	.device_config_put = sq_device_config_put,
	.device_config_get = sq_device_config_get,
	.device_config_drop = sq_device_config_drop,
	.place_put = sq_place_put,
	.place_get = sq_place_get,
	.place_delete = sq_place_delete,
	.briefing_put = sq_briefing_put,
	.briefing_delete = sq_briefing_delete,
	.briefing_get = sq_briefing_get,
	.briefing_find = sq_briefing_find,
	.briefing_list = sq_briefing_list,
	.briefing_prune = sq_briefing_prune,
	.gba_run_insert = sq_gba_run_insert,
	.gba_run_get = sq_gba_run_get,
	.gba_run_waiting = sq_gba_run_waiting,
	.gba_run_settle = sq_gba_run_settle,
	.gba_session_insert = sq_gba_session_insert,
	.gba_session_get = sq_gba_session_get,
	.gba_session_newest = sq_gba_session_newest,
	.gba_session_used = sq_gba_session_used,
	.gba_session_list = sq_gba_session_list,
	.gba_session_delete = sq_gba_session_delete,
	.gba_tmpi_put = sq_gba_tmpi_put,
	.gba_tmpi_get = sq_gba_tmpi_get,
	.gba_lock_put = sq_gba_lock_put,
	.gba_lock_get = sq_gba_lock_get,
	.gba_lock_delete = sq_gba_lock_delete,
	.gba_sweep = sq_gba_sweep,
	.gba_flush = sq_gba_flush,
	.gba_flushed = sq_gba_flushed,
	.rules_version = sq_rules_version,
	.rules_next = sq_rules_next,
	.rules_versions = sq_rules_versions,
	.rules_prune = sq_rules_prune,
	.rule_put = sq_rule_put,
	.rule_end = sq_rule_end,
	.rule_get = sq_rule_get,
	.rule_list = sq_rule_list,
	.event_append = sq_event_append,
	.event_list = sq_event_list,
	.event_last = sq_event_last,
	.event_head = sq_event_head,
	.event_walk = sq_event_walk,
	.event_is = sq_event_is,
	.wrapped_list = sq_wrapped_list,
	.wrapped_put = sq_wrapped_put,
	.wrapped_others = sq_wrapped_others,
	.approval_insert = sq_approval_insert,
	.approval_update = sq_approval_update,
	.approval_get = sq_approval_get,
	.approval_list = sq_approval_list,
	.approval_forget = sq_approval_forget,
	.rotation_put = sq_rotation_put,
	.rotation_get = sq_rotation_get,
	.alone = sq_alone,
	.seal_put = sq_seal_put,
	.seal_list = sq_seal_list,
	.event_anchor = sq_event_anchor,
	.event_span = sq_event_span,
	.event_shorten = sq_event_shorten,
};
