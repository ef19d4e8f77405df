/* SQLite backend: opening, groups and marks. Rows are in sqlite-registry.c, sqlite-role.c, sqlite-event.c. */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 5000

static int run_control(struct sq *q, enum sq_slot slot, const char *sql)
{
	int r = sq_run(q, slot, sql, NULL, 0);

	return r > 0 ? 0 : r; /* "nothing changed" means nothing here */
}

static void forget(struct sq *q)
{
	q->rules_dirty = false;
	q->in_group = false;
	q->lost = 0;
	q->depth = 0;
}

/*
 * An open file outlives its name: SQLite would go on committing into files that nobody can find again. The
 * names must still lead to what was opened.
 */
static int sq_present(struct mst_store *s)
{
	struct sq *q = sq_of(s);
	const char *path = sqlite3_db_filename(q->db, "main");
	char wal[4096];
	struct stat st;
	bool same = path && !stat(path, &st) && st.st_ino == q->file && st.st_dev == q->dev;

	snprintf(wal, sizeof(wal), "%s-wal", path ? path : "");
	if (same && !stat(wal, &st)) {
		if (!q->wal)
			q->wal = st.st_ino;
		same = st.st_ino == q->wal;
	} else if (q->wal) {
		same = false;
	}
	if (same)
		return 0;
	snprintf(q->error, sizeof(q->error), "%.80s was removed or replaced under the running program; stop it, bring "
		 "the files back from the backup, start again", path ? path : "");
	return MST_FAULT_STORE;
}

int sq_begin(struct mst_store *s)
{
	struct sq *q = sq_of(s);
	int r;

	if (q->in_group)
		return MST_FAULT_BUG;
	r = sq_present(s);
	if (r)
		return r;
	/* Immediate: waiting for another writer happens here, where nothing has been decided yet. */
	r = run_control(q, SQ_BEGIN, "BEGIN IMMEDIATE");
	if (r)
		return r;
	q->in_group = true;
	sq_wal_forget(q->db);           /* of nobody's by now */
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
	if (!sqlite3_get_autocommit(q->db)) {
		unsigned fail_at = q->fail_at;

		/* The way out is not a write step: no injected fault, and it must run after a lost group too.
		 */
		q->fail_at = 0;
		q->lost = 0;
		(void)run_control(q, SQ_ROLLBACK, "ROLLBACK");
		q->fail_at = fail_at;
	}
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
	r = q->depth ? MST_FAULT_BUG : run_control(q, SQ_COMMIT, "COMMIT");
	if (r) {
		sq_rollback(s);
		return r;
	}
	forget(q);
	return sq_present(s);   /* durable only where somebody will find it */
}

static int sq_mark(struct mst_store *s)
{
	static const enum sq_slot slot[SQ_DEPTH] = { SQ_MARK, SQ_MARK_2 };
	static const char *const sql[SQ_DEPTH] = { "SAVEPOINT decision", "SAVEPOINT part" };
	struct sq *q = sq_of(s);
	int r;

	if (!q->in_group || q->depth == SQ_DEPTH)
		return MST_FAULT_BUG;
	r = run_control(q, slot[q->depth], sql[q->depth]);
	if (!r)
		q->saved[++q->depth] = q->head;
	return r;
}

static int sq_release(struct mst_store *s)
{
	static const enum sq_slot slot[SQ_DEPTH] = { SQ_RELEASE, SQ_RELEASE_2 };
	static const char *const sql[SQ_DEPTH] = { "RELEASE decision", "RELEASE part" };
	struct sq *q = sq_of(s);
	int r;

	if (!q->in_group || !q->depth)
		return MST_FAULT_BUG;
	r = run_control(q, slot[q->depth - 1], sql[q->depth - 1]);
	if (!r)
		q->depth--;
	return r;
}

/* Back to the mark, and the mark is gone. If even that fails the group is lost. */
static void sq_undo(struct mst_store *s)
{
	static const enum sq_slot slot[SQ_DEPTH] = { SQ_UNDO, SQ_UNDO_2 };
	static const char *const sql[SQ_DEPTH] = { "ROLLBACK TO decision", "ROLLBACK TO part" };
	struct sq *q = sq_of(s);
	unsigned fail_at = q->fail_at;
	int r;

	if (!q->in_group || !q->depth)
		return;
	q->fail_at = 0;
	r = run_control(q, slot[q->depth - 1], sql[q->depth - 1]);
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

static const char *sq_error(struct mst_store *s)
{
	return sq_of(s)->error;
}

static struct mst_store *sq_close(struct mst_store *s)
{
	struct sq *q = sq_of(s);

	sq_rollback(s);
	for (size_t i = 0; i < SQ__COUNT; i++)
		sqlite3_finalize(q->stmt[i]);
	sqlite3_close(q->db);
	free(q);
	return NULL;
}

static const struct mst_store_ops sqlite_ops = {
	.close = sq_close,
	.version = sq_version,
	.error = sq_error,
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
	.node_insert = sq_node_insert,
	.node_update = sq_node_update,
	.node_touch = sq_node_touch,
	.node_get = sq_node_get,
	.node_find = sq_node_find,
	.node_list = sq_node_list,
	.node_count = sq_node_count,
	.identity_put = sq_identity_put,
	.identity_get = sq_identity_get,
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
	.approval_insert = sq_approval_insert,
	.approval_update = sq_approval_update,
	.approval_get = sq_approval_get,
	.approval_list = sq_approval_list,
	.approval_forget = sq_approval_forget,
	.rotation_put = sq_rotation_put,
	.rotation_get = sq_rotation_get,
	.seal_put = sq_seal_put,
	.seal_list = sq_seal_list,
	.event_anchor = sq_event_anchor,
	.event_span = sq_event_span,
	.event_shorten = sq_event_shorten,
};

/*
 * A new file is ours alone (0600; -wal and -shm take after it). An empty file beside a write-ahead log is
 * a database whose head was cut off, not a new one.
 */
static int prepare_file(const char *path, struct mst_diag *d)
{
	struct stat st, wal;
	char name[4096];
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno != EEXIST || stat(path, &st)) {
		mst_diag_set(d, 0, "store", "cannot create ", path, ": ", strerror(errno), NULL);
		return MST_FAULT_IO;
	}
	if (!S_ISREG(st.st_mode)) {
		mst_diag_set(d, 0, "store", path, " is no regular file", NULL);
		return MST_FAULT_CONFIG;
	}
	snprintf(name, sizeof(name), "%s-wal", path);
	if (!st.st_size && !stat(name, &wal) && wal.st_size) {
		mst_diag_set(d, 0, "store", path,
			     " is empty but has a write-ahead log: it was cut off; restore it from a backup",
			     NULL);
		return MST_FAULT_CORRUPT;
	}
	return 0;
}

static int set_up(struct sq *q)
{
	/* FULL: what commit has acknowledged outlives a power cut. DEFENSIVE, trusted_schema: the file is
	 * data. */
	static const char pragmas[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA "
				      "foreign_keys = ON; PRAGMA recursive_triggers = ON;"
				      "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA "
				      "temp_store = MEMORY; PRAGMA cache_size = -4096;";
	int rc;

	sqlite3_extended_result_codes(q->db, 1);
	sqlite3_busy_timeout(q->db, BUSY_MS);
	sqlite3_db_config(q->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	rc = sqlite3_exec(q->db, pragmas, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : sq_fault(q, rc);
}

static void explain(struct sq *q, const char *path, int r, struct mst_diag *d)
{
	if (d && d->text[0])
		return;
	if (r == MST_FAULT_CORRUPT)
		mst_diag_set(d, 0, "store", path, " is damaged or no database (", q->error,
			     "); restore it from a backup, it was left as it is", NULL);
	else if (q->db && (sqlite3_errcode(q->db) & 0xff) == SQLITE_BUSY)
		mst_diag_set(d, 0, "store", path,
			     " is in use by another program that does not let go; stop it and try again",
			     NULL);
	else
		mst_diag_set(d, 0, "store", path, ": ", q->error[0] ? q->error : mst_fault_text(r), NULL);
}

int mst_store_sqlite_open(const char *rest, struct mst_store **ret_s, struct mst_diag *d)
{
	struct stat st;
	struct sq *q;
	int rc, r = prepare_file(rest, d);

	if (r)
		return r;
	q = calloc(1, sizeof(*q));
	if (!q)
		return MST_FAULT_MEMORY;
	q->base.ops = &sqlite_ops;
	rc = sq_wal_open(rest, &q->db);
	r = rc == SQLITE_OK ? set_up(q) : sq_fault(q, rc);
	if (!r && !stat(rest, &st)) {
		q->dev = st.st_dev;
		q->file = st.st_ino;
	}
	if (!r)
		r = sq_schema(q, d);
	if (!r)
		r = sq_event_reload(q);
	if (r) {
		explain(q, rest, r, d);
		sq_close(&q->base);
		return r > 0 ? MST_FAULT_CORRUPT : r;
	}
	*ret_s = &q->base;
	return 0;
}
