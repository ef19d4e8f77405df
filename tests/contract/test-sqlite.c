/* What is particular to SQLite: accidents at each write and sync, damaged and foreign files, size. */
#include "base/text.h"
#include "contract.h"
#include "faulty-vfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/migration.h"
#include "store/sqlite-db.h"

/* The medium is full or fails at the n-th write or sync: the fault is told, the group is gone as a whole, the
 * store can be used again, also by the next program. */
static void accident_at_each_write(enum accident what, int fault)
{
	int r = 1;

	for (unsigned n = 1; r; n++) {
		struct fix *f = contract_new();
		void *st = f;

		assert_true(n < 200);
		assert_int_equal(mst_store_open(f->url, &f->s, NULL), 0);
		assert_int_equal(group_of_one(f->s, 1), 0);
		faulty_vfs_arm(what, n);
		r = group_of_one(f->s, 2);
		faulty_vfs_arm(ACCIDENT_NONE, 0);
		assert_true(r == 0 || r == fault);
		if (r)
			assert_true(strlen(mst_store_error(f->s)) > 0);
		assert_int_equal(read_decision(f->s, 2), !r);
		assert_int_equal(check_invariants(f->s), r ? 1 : 2);
		contract_reopen(f);
		assert_int_equal(read_decision(f->s, 2), !r);
		assert_int_equal(group_of_one(f->s, 3), 0);
		assert_int_equal(check_invariants(f->s), r ? 2 : 3);
		contract_tear_down(&st);
	}
}

/* rm store/muster.db*, or another file put in its place: nothing is acknowledged any more. */
static void removed_or_replaced(void **state)
{
	static const char *const suffix[] = { "", "-wal" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct fix *f = contract_new();
		char path[600], aside[640];
		void *st = f;
		FILE *other;

		assert_int_equal(mst_store_open(f->url, &f->s, NULL), 0);
		assert_int_equal(group_of_one(f->s, 1), 0);
		assert_int_equal(mst_store_present(f->s), 0);
		snprintf(path, sizeof(path), "%s%s", strchr(f->url, ':') + 1, suffix[i % 2]);
		snprintf(aside, sizeof(aside), "%s.aside", path);
		assert_int_equal(mst_store_begin(f->s), 0);
		assert_int_equal(write_decision(f->s, 2), 0);
		assert_int_equal(rename(path, aside), 0);
		if (i >= 2) {
			other = fopen(path, "w");
			assert_non_null(other);
			assert_int_equal(fclose(other), 0);
		}
		assert_int_equal(mst_store_commit(f->s), MST_FAULT_STORE);
		assert_non_null(strstr(mst_store_error(f->s), "was removed or replaced"));
		assert_int_equal(mst_store_present(f->s), MST_FAULT_STORE);
		assert_int_equal(group_of_one(f->s, 3), MST_FAULT_STORE);
		assert_int_equal(rename(aside, path), 0);        /* and it is found again */
		assert_int_equal(group_of_one(f->s, 4), 0);
		contract_tear_down(&st);
	}
}

static void disk_full(void **state)
{
	(void)state;
	accident_at_each_write(ACCIDENT_FULL, MST_FAULT_SPACE);
}

static void medium_fails(void **state)
{
	(void)state;
	accident_at_each_write(ACCIDENT_IO, MST_FAULT_STORE);
}

/*
 * The same where it is read: while the database is opened, and in the group after it, when nothing is in memory yet. Nobody takes
 * a database that cannot be read for a new one. What SQLite can do without is no accident.
 */
static void medium_cannot_be_read(void **state)
{
	bool fired = true;

	(void)state;
	for (unsigned n = 1; fired; n++) {
		struct mst_diag d = { 0 };
		struct fix *f = contract_new();
		void *st = f;
		int r;

		assert_true(n < 400);
		assert_int_equal(mst_store_open(f->url, &f->s, NULL), 0);
		assert_int_equal(group_of_one(f->s, 1), 0);
		f->s = mst_store_close(f->s);
		faulty_vfs_arm(ACCIDENT_READ, n);
		r = mst_store_open(f->url, &f->s, &d);
		if (r) {
			assert_true(r < 0 && d.text[0]);
			assert_null(f->s);
		} else {
			r = group_of_one(f->s, 2);
			assert_true(r == 0 || r == MST_FAULT_STORE);
			if (r)
				assert_true(strlen(mst_store_error(f->s)) > 0);
		}
		fired = faulty_vfs_fired();
		faulty_vfs_arm(ACCIDENT_NONE, 0);
		if (f->s)
			assert_int_equal(read_decision(f->s, 2), !r);
		contract_reopen(f);
		assert_int_equal(read_decision(f->s, 1), 1);
		assert_int_equal(read_decision(f->s, 2), !r);
		assert_int_equal(group_of_one(f->s, 3), 0);
		assert_int_equal(check_invariants(f->s), r ? 2 : 3);
		contract_tear_down(&st);
		assert_true(fired || n > 10);
	}
}

/* A group that is larger than the cache spills into the log before commit; full then costs the whole group,
 * and nothing later in it may be written on its own. */
static void full_in_the_middle_of_a_group(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	int r = 0, i;

	assert_int_equal(sqlite3_exec(lite_of(sq_of(s))->db, "PRAGMA cache_size = 5", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(mst_store_begin(s), 0);
	faulty_vfs_arm(ACCIDENT_FULL, 1);
	for (i = 1; i < 200 && !r; i++)
		r = write_decision(s, i);
	assert_int_equal(r, MST_FAULT_SPACE);
	faulty_vfs_arm(ACCIDENT_NONE, 0);
	mst_store_undo(s);
	if (sq_of(s)->lost) {
		struct mst_event e = make_event(1);

		assert_int_equal(mst_store_event_append(s, &e), MST_FAULT_SPACE);
		assert_int_equal(mst_store_mark(s), MST_FAULT_SPACE);
		assert_int_equal(mst_store_node_get(s, 1, &(struct mst_node){ 0 }), MST_FAULT_SPACE);
	}
	mst_store_rollback(s);
	assert_int_equal(check_invariants(s), 0);
	assert_int_equal(group_of_one(s, 1), 0);
	assert_int_equal(check_invariants(s), 1);
}

static int64_t number(const char *path, const char *sql)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t n;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* What a large group has put into the log, or only wanted to, is read by itself, and is nobody's when the group is rolled back:
 * another program writes its own there. */
static void large_groups_and_others(void **state)
{
	struct fix *f = *state;
	const char *path = strchr(f->url, ':') + 1;

	assert_int_equal(sqlite3_exec(lite_of(sq_of(f->s))->db, "PRAGMA cache_size = 5", NULL, NULL, NULL), SQLITE_OK);
	for (int round = 0; round < 4; round++) {
		int first = 1 + 100 * round;

		assert_int_equal(mst_store_begin(f->s), 0);
		for (int i = first; i < first + 40; i++)
			assert_int_equal(write_decision(f->s, i), 0);
		assert_int_equal(mst_store_mark(f->s), 0);
		for (int i = first + 40; i < first + 80; i++)
			assert_int_equal(write_decision(f->s, i), 0);
		mst_store_undo(f->s);
		for (int i = first; i < first + 80; i++)
			assert_int_equal(read_decision(f->s, i), i < first + 40);
		if (round % 2) {
			assert_int_equal(mst_store_commit(f->s), 0);
			continue;
		}
		mst_store_rollback(f->s);
		by_other_hands(path, "UPDATE node SET model = 'of others'");
		assert_int_equal(check_invariants(f->s), 40 * (round / 2));
		assert_int_equal(number(path, "SELECT count(*) FROM node WHERE model = 'of others'"), 40 * (round / 2));
	}
	assert_int_equal(number(path, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
	contract_reopen(f);
	assert_int_equal(check_invariants(f->s), 80);
	assert_int_equal(number(path, "SELECT count(*) FROM node WHERE model = 'of others'"), 40);
}

/* A commit is durable by one sync, for one decision or for many; without a commit nothing is synced. */
static void one_sync_a_group(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;

	for (int n = 1; n <= 10; n += 9) {
		faulty_vfs_arm(ACCIDENT_NONE, 0);
		assert_int_equal(mst_store_begin(s), 0);
		for (int i = 0; i < n; i++)
			assert_int_equal(write_decision(s, 100 * n + i), 0);
		assert_int_equal(faulty_vfs_syncs(), 0);
		assert_int_equal(mst_store_commit(s), 0);
		assert_int_equal(faulty_vfs_syncs(), 1);
	}
}

static void overwrite(const char *path, off_t at, const void *p, size_t n)
{
	int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, n, at), (ssize_t)n);
	close(fd);
}

static void expect_refused(struct fix *f, int fault, const char *word)
{
	struct stat before, after;
	struct mst_store *s = NULL;
	struct mst_diag d;

	assert_int_equal(stat(f->path, &before), 0);
	assert_int_equal(mst_store_open(f->url, &s, &d), fault);
	assert_null(s);
	print_message("# %s\n", d.text);
	assert_non_null(strstr(d.text, word));
	/* left as it is */
	assert_int_equal(stat(f->path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void damaged_files(void **state)
{
	struct fix *f = *state;
	char junk[4096];

	memset(junk, 0xa5, sizeof(junk));
	assert_int_equal(group_of_one(f->s, 1), 0);
	f->s = mst_store_close(f->s);
	overwrite(f->path, 0, junk, 16);
	expect_refused(f, MST_FAULT_CORRUPT, "damaged");
	overwrite(f->path, 0, "SQLite format 3", 16);
	contract_reopen(f);
	f->s = mst_store_close(f->s);
	overwrite(f->path, 100, junk, 3000); /* page of the schema */
	expect_refused(f, MST_FAULT_CORRUPT, "damaged");
}

static void damaged_page_of_rows(void **state)
{
	struct fix *f = *state;
	struct mst_node got;
	struct stat st;
	char junk[4096];
	int r = 0;

	for (int i = 1; i <= 50; i++)
		assert_int_equal(group_of_one(f->s, i), 0);
	f->s = mst_store_close(f->s);
	memset(junk, 0xa5, sizeof(junk));
	assert_int_equal(stat(f->path, &st), 0);
	/* all pages but the first few, which hold the schema */
	for (off_t at = 16 * 4096; at < st.st_size; at += 4096)
		overwrite(f->path, at, junk, sizeof(junk));
	if (!mst_store_open(f->url, &f->s, NULL))
		for (int i = 1; i <= 50 && !r; i++)
			r = mst_store_node_find(f->s, make_node(i).node_id, &got);
	else
		r = MST_FAULT_CORRUPT;
	assert_int_equal(r, MST_FAULT_CORRUPT); /* never "no such node" */
}

static void cut_off_file(void **state)
{
	struct fix *f = *state;
	char wal[200];
	int fd;

	f->s = mst_store_close(f->s);
	assert_int_equal(truncate(f->path, 0), 0);
	snprintf(wal, sizeof(wal), "%s-wal", f->path);
	fd = open(wal, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	expect_refused(f, MST_FAULT_CORRUPT, "cut off");
}

static void foreign_and_newer_schemas(void **state)
{
	struct fix *f = *state;

	assert_int_equal(mst_store_version(f->s), mst_sqlite_migrations_n);
	f->s = mst_store_close(f->s);
	by_other_hands(f->path, "INSERT INTO schema_version VALUES (9999, 'of tomorrow')");
	expect_refused(f, MST_FAULT_CONFIG, "schema 9999");
	by_other_hands(f->path, "DELETE FROM schema_version WHERE number = 9999; DROP TRIGGER event_never_deleted");
	expect_refused(f, MST_FAULT_CORRUPT, "event_never_deleted");
	by_other_hands(f->path, "CREATE TRIGGER event_never_deleted BEFORE DELETE ON event BEGIN SELECT 1; END");
	expect_refused(f, MST_FAULT_CORRUPT, "event_never_deleted");
	by_other_hands(f->path, "PRAGMA application_id = 4711");
	expect_refused(f, MST_FAULT_CONFIG, "another program");
}

/* A store from before 0015 keeps its requests under their numbers, and gives none of these again. */
static void requests_from_before_0015(void **state)
{
	struct fix *f = *state;
	struct mst_node n = make_node(1);
	struct mst_certreq r = { .subject = "urn:new" };
	char sql[200];

	n.sub_id[0] = 0;
	assert_int_equal(mst_store_node_insert(f->s, &n), 0);
	f->s = mst_store_close(f->s);
	by_other_hands(f->path, "DROP TABLE cert_request; DROP INDEX command_in_order; DROP INDEX sim_by_state; DROP INDEX approval_in_order; DROP INDEX node_by_ae_id;"
		       " ALTER TABLE node DROP COLUMN suspended_by; ALTER TABLE subscription DROP COLUMN suspended_by; DROP TABLE gba_flush;" CONTRACT_BACK_0022
		       " ALTER TABLE rotation DROP COLUMN mark; ALTER TABLE rotation DROP COLUMN kept_until; ALTER TABLE rotation DROP COLUMN given_up;"
		       " DELETE FROM sqlite_sequence WHERE name = 'cert_request'; DELETE FROM schema_version WHERE number >= 15");
	for (int i = 0; mst_sqlite_migrations[i].number < 15; i++) {
		const char *was = strstr(mst_sqlite_migrations[i].sql, "CREATE TABLE cert_request"), *end = was ? strstr(was, "STRICT;") : NULL;
		char *text = end ? strndup(was, (size_t)(end - was) + strlen("STRICT;")) : NULL;

		if (text)
			by_other_hands(f->path, text);
		free(text);
	}
	by_other_hands(f->path, "CREATE INDEX cert_request_by_state ON cert_request (state)");
	snprintf(sql, sizeof(sql), "INSERT INTO cert_request VALUES (7, %lld, zeroblob(32), 'urn:old', 1, 0, '', 5, 6, 'because')", (long long)n.id);
	by_other_hands(f->path, sql);
	contract_reopen(f);
	assert_int_equal(mst_store_version(f->s), mst_sqlite_migrations_n);
	assert_int_equal(mst_store_certreq_get(f->s, 7, &r), 0);
	assert_true(r.node == n.id && r.state == MST_CERTREQ_APPROVED && r.asked == 5 && r.decided == 6 && !strcmp(r.reason, "because"));
	assert_int_equal(mst_store_certreq_trim(f->s, n.id, 0), 0);
	r = (struct mst_certreq){ .node = n.id, .subject = "urn:new" };
	assert_int_equal(mst_store_certreq_insert(f->s, &r), 0);
	assert_int_equal(r.id, 8);
}

/* Nobody wrote down who had ordered it: it is the installation's, so that no provider lifts what may not be its own. */
static void suspended_before_0019(void **state)
{
	struct fix *f = *state;
	struct mst_subscription sub = make_sub(1);
	struct mst_node n = make_node(1);

	n.state = MST_NODE_SUSPENDED;
	n.suspended_by = sub.suspended_by = MST_BY_PROVIDER;
	assert_int_equal(mst_store_sub_put(f->s, &sub, true), 0);
	assert_int_equal(mst_store_node_insert(f->s, &n), 0);
	f->s = mst_store_close(f->s);
	by_other_hands(f->path, "ALTER TABLE node DROP COLUMN suspended_by; ALTER TABLE subscription DROP COLUMN suspended_by; DROP TABLE gba_flush;" CONTRACT_BACK_0022
		       " DELETE FROM schema_version WHERE number >= 19");
	contract_reopen(f);
	assert_int_equal(mst_store_version(f->s), mst_sqlite_migrations_n);
	assert_int_equal(mst_store_node_get(f->s, n.id, &n), 0);
	assert_true(n.state == MST_NODE_SUSPENDED && n.suspended_by == MST_BY_INSTALLATION);
	/* and since 0024 it is found by its CSE-ID in whatever case, though it was there before */
	mst_ascii_lower(n.cse_id);
	assert_int_equal(mst_store_node_of_cse(f->s, n.cse_id, 0, &n), 0);
	assert_int_equal(mst_store_sub_get(f->s, sub.id, &sub), 0);
	assert_true(sub.state == MST_SUB_SUSPENDED && sub.suspended_by == MST_BY_INSTALLATION);
}

static void by_hand(const struct fix *f, const char *sql)
{
	by_other_hands(f->path, sql);
}

static void realms_before_0021(void **state)
{
	contract_realms_before_0021(*state, by_hand);
}

static void database_of_another_program(void **state)
{
	struct fix *f = contract_new();
	void *st = f;

	(void)state;
	by_other_hands(f->path, "CREATE TABLE notes (text TEXT)");
	expect_refused(f, MST_FAULT_CONFIG, "another program");
	contract_tear_down(&st);
}

static void column_added_by_hand(void **state)
{
	struct fix *f = *state;

	f->s = mst_store_close(f->s);
	by_other_hands(f->path, "ALTER TABLE node ADD COLUMN mine TEXT");
	expect_refused(f, MST_FAULT_CORRUPT, "\"node\"");
}

static void only_the_owner_reads_it(void **state)
{
	struct fix *f = *state;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* A stored value that does not fit is a fault, not another value. */
static void rows_that_do_not_check(void **state)
{
	struct fix *f = *state;
	static const char *const change[] = {
		"UPDATE node SET maker = printf('%.*c', 64, 'x')",
		"UPDATE node SET maker = 'a' || char(0) || 'b'",
		"UPDATE node SET state = 8",
		"UPDATE credential SET key = zeroblob(161)",
		"UPDATE credential SET purpose = 5",
	};
	struct mst_node node;
	struct mst_credential cred;

	for (size_t i = 0; i < MST_COUNT(change); i++) {
		int n = (int)i + 1, bad;

		assert_int_equal(group_of_one(f->s, n), 0);
		(void)sqlite3_exec(lite_of(sq_of(f->s))->db, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL);
		assert_int_equal(sqlite3_exec(lite_of(sq_of(f->s))->db, change[i], NULL, NULL, NULL), SQLITE_OK);
		bad = mst_store_node_find(f->s, make_node(n).node_id, &node);
		bad = bad ? bad : mst_store_cred_get(f->s, MST_ROLE_MEF, make_cred(n).key_id, &cred);
		assert_int_equal(bad, MST_FAULT_CORRUPT);
		assert_non_null(strstr(mst_store_error(f->s), "does not check"));
		(void)sqlite3_exec(lite_of(sq_of(f->s))->db,
				   "UPDATE node SET maker = '', state = 0; UPDATE credential SET purpose = "
				   "1, key = zeroblob(1)",
				   NULL, NULL, NULL);
	}
}

/* 100,000 nodes: memory stays within the cache's bound, and opening reads as many pages as for an empty
 * store. */
static void large_fleet(void **state)
{
	struct fix *f = *state;
	int small = 0, large = 0, high;
	int64_t n[MST_NODE_RELEASED + 1];
	struct mst_node got;

	contract_reopen(f);
	sqlite3_db_status(lite_of(sq_of(f->s))->db, SQLITE_DBSTATUS_CACHE_MISS, &small, &high, 0);
	(void)sqlite3_memory_highwater(1);
	for (int i = 0; i < 100000; i++) {
		struct mst_node a = make_node(i);
		struct mst_identity id = { .kind = MST_ID_NODE };

		memcpy(id.value, a.node_id, sizeof(id.value));
		if (i % 1000 == 0)
			assert_int_equal(mst_store_begin(f->s), 0);
		assert_int_equal(mst_store_node_insert(f->s, &a), 0);
		id.node = a.id;
		assert_int_equal(mst_store_identity_put(f->s, &id), 0);
		if (i % 1000 == 999)
			assert_int_equal(mst_store_commit(f->s), 0);
	}
	print_message("# most memory in SQLite: %lld octets\n", (long long)sqlite3_memory_highwater(0));
	assert_true(sqlite3_memory_highwater(0) < 10 * 1024 * 1024);
	contract_reopen(f);
	sqlite3_db_status(lite_of(sq_of(f->s))->db, SQLITE_DBSTATUS_CACHE_MISS, &large, &high, 0);
	print_message("# pages read by opening: %d empty, %d with 100,000 nodes\n", small, large);
	assert_true(large <= small + 2);
	assert_int_equal(mst_store_node_count(f->s, n), 0);
	assert_int_equal(n[MST_NODE_KNOWN], 100000);
	assert_int_equal(mst_store_node_find(f->s, make_node(77777).cse_id, &got), 0);
	assert_int_equal(check_invariants(f->s), 100000);
}

/* Another program that does not let go gives a clear refusal at begin, after the busy time. */
static void busy_is_told(void **state)
{
	struct fix *f = *state;
	struct mst_store *s = NULL;
	struct mst_diag d;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_busy_timeout(lite_of(sq_of(f->s))->db, 20);
	assert_int_equal(mst_store_begin(f->s), MST_FAULT_STORE);
	assert_non_null(strstr(mst_store_error(f->s), "locked"));
	assert_int_equal(mst_store_open(f->url, &s, &d), MST_FAULT_STORE);
	assert_non_null(strstr(d.text, "in use by another program"));
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(group_of_one(f->s, 1), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, contract_set_up, contract_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(removed_or_replaced),
		cmocka_unit_test(disk_full),
		cmocka_unit_test(medium_fails),
		cmocka_unit_test(medium_cannot_be_read),
		T(full_in_the_middle_of_a_group),
		T(large_groups_and_others),
		T(one_sync_a_group),
		T(damaged_files),
		T(damaged_page_of_rows),
		T(cut_off_file),
		T(foreign_and_newer_schemas),
		T(requests_from_before_0015), T(suspended_before_0019), T(realms_before_0021),
		cmocka_unit_test(database_of_another_program),
		T(column_added_by_hand),
		T(only_the_owner_reads_it),
		T(rows_that_do_not_check),
		T(large_fleet),
		T(busy_is_told),
	};

	faulty_vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
