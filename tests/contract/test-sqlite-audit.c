/* What is particular to SQLite's audit log: what SQL is refused, what other hands did is found, accidents while its
 * beginning is given up. */
#include "contract.h"
#include "faulty-vfs.h"

#include "store/sqlite-db.h"

#define BEGINNING ((struct mst_event_limit){ .most = 4, .now = 7, .chunk = 100 })

/* What removes the beginning of the audit log is as whole as any decision. */
static void accident_while_shortening(enum accident what, int fault)
{
	int r = 1;

	for (unsigned n = 1; r; n++) {
		struct fix *f = contract_new();
		struct mst_event told;
		struct mst_event_span span;
		void *st = f;

		assert_true(n < 200);
		assert_int_equal(mst_store_open(f->url, &f->s, NULL), 0);
		for (int i = 1; i <= 10; i++)
			assert_int_equal(group_of_one(f->s, i), 0);
		faulty_vfs_arm(what, n);
		r = mst_store_event_shorten(f->s, &BEGINNING, &told);
		faulty_vfs_arm(ACCIDENT_NONE, 0);
		assert_true(r == 0 || r == fault);
		contract_reopen(f);
		assert_int_equal(mst_store_event_span(f->s, &span), 0);
		assert_int_equal(span.first, r ? 1 : 7);
		assert_int_equal(span.last, r ? 10 : 11);
		assert_int_equal(group_of_one(f->s, 11), 0);
		assert_int_equal(check_invariants(f->s), 11);
		contract_tear_down(&st);
	}
}

static void disk_full_while_shortening(void **state)
{
	(void)state;
	accident_while_shortening(ACCIDENT_FULL, MST_FAULT_SPACE);
}

static void medium_fails_while_shortening(void **state)
{
	(void)state;
	accident_while_shortening(ACCIDENT_IO, MST_FAULT_STORE);
}

/* The audit log refuses what SQL can be asked; what another program changes in the file is found. */
static void audit_log_only_grows(void **state)
{
	struct fix *f = *state;
	static const char *const refused[] = {
		"UPDATE event SET why = 'other' WHERE seq = 2",
		"DELETE FROM event WHERE seq = 3",
		"DELETE FROM event",
		"INSERT OR REPLACE INTO event SELECT 2, at, role, what, node, who, attempt, outcome, "
		"'other', hash FROM event WHERE seq = 2",
		"INSERT INTO event SELECT 9, at, role, what, node, who, attempt, outcome, why, hash FROM "
		"event WHERE seq = 2",
	};
	uint64_t entries = 0, bad = 0;

	for (int i = 1; i <= 5; i++) {
		struct mst_event e = make_event(i);

		assert_int_equal(mst_store_event_append(f->s, &e), 0);
	}
	for (size_t i = 0; i < MST_COUNT(refused); i++)
		assert_int_equal(sqlite3_exec(lite_of(sq_of(f->s))->db, refused[i], NULL, NULL, NULL),
				 SQLITE_CONSTRAINT_TRIGGER);
	assert_int_equal(mst_store_event_check(f->s, &entries, &bad), 0);
	assert_int_equal(entries, 5);
	by_other_hands(f->path, "DROP TRIGGER event_never_changed; UPDATE event SET why = 'other' WHERE seq = 4");
	assert_int_equal(mst_store_event_check(f->s, &entries, &bad), MST_FAULT_CORRUPT);
	assert_int_equal(entries, 3);
	assert_int_equal(bad, 4);
	by_other_hands(f->path, "DROP TRIGGER event_never_deleted; DELETE FROM event WHERE seq > 2");
	assert_int_equal(mst_store_event_check(f->s, &entries, &bad),
			 MST_FAULT_CORRUPT); /* the end is missing */
	assert_int_equal(bad, 3);
}

/* Behind the anchor nothing is deleted; an anchor that other hands moved, or a beginning that they cut off, is found. */
static void anchor_of_the_audit_log(void **state)
{
	struct fix *f = *state;
	static const char *const refused[] = {
		"DELETE FROM event WHERE seq = 7",
		"DELETE FROM event",
		"DELETE FROM event_anchor",
		"INSERT INTO event_anchor VALUES (1, 0, zeroblob(32), 0)",
		"INSERT OR REPLACE INTO event_anchor SELECT 1, 7, hash, 11 FROM event WHERE seq = 7",
		"UPDATE event_anchor SET seq = 5",
		"UPDATE event_anchor SET seq = 8",                      /* not the hash of entry 8 */
		"UPDATE event_anchor SET seq = 8, hash = (SELECT hash FROM event WHERE seq = 8), told = 10",
	};
	static const char *const cut[] = {
		/* entries cut off behind the anchor */
		"DROP TRIGGER event_never_deleted; DELETE FROM event WHERE seq < 9",
		/* the same, and the anchor moved after it; the entry that is said to tell of it tells of another */
		"DROP TRIGGER event_anchor_moves_on; UPDATE event_anchor SET seq = 8, hash = (SELECT hash FROM event "
		"WHERE seq = 8); DELETE FROM event WHERE seq < 9",
		"DROP TRIGGER event_anchor_moves_on; UPDATE event_anchor SET seq = 8, hash = (SELECT hash FROM event "
		"WHERE seq = 8), told = 12; DELETE FROM event WHERE seq < 9",
		"DROP TRIGGER event_anchor_moves_on; UPDATE event_anchor SET hash = zeroblob(32)",
		"DROP TRIGGER event_anchor_stays; DELETE FROM event_anchor",
		/* the end, with the entry that tells */
		"DROP TRIGGER event_never_deleted; DELETE FROM event WHERE seq > 9",
	};
	uint64_t entries, bad;
	struct mst_event told;
	sqlite3 *db;

	for (int i = 1; i <= 10; i++)
		assert_int_equal(group_of_one(f->s, i), 0);
	assert_int_equal(mst_store_event_shorten(f->s, &BEGINNING, &told), 0);
	assert_int_equal(told.seq, 11);
	db = lite_of(sq_of(f->s))->db;
	for (size_t i = 0; i < MST_COUNT(refused); i++)
		assert_int_equal(sqlite3_exec(db, refused[i], NULL, NULL, NULL), SQLITE_CONSTRAINT_TRIGGER);
	for (size_t i = 0; i < MST_COUNT(cut); i++) {
		assert_int_equal(sqlite3_exec(db, "SAVEPOINT forged", NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, cut[i], NULL, NULL, NULL), SQLITE_OK);
		print_message("# %s\n", cut[i]);
		assert_int_equal(mst_store_event_check(f->s, &entries, &bad), MST_FAULT_CORRUPT);
		assert_int_equal(sqlite3_exec(db, "ROLLBACK TO forged; RELEASE forged", NULL, NULL, NULL), SQLITE_OK);
	}
	assert_int_equal(mst_store_event_check(f->s, &entries, &bad), 0);
	assert_int_equal(entries, 5);
	/* what does not fit its hash is not removed */
	by_other_hands(f->path, "DROP TRIGGER event_never_changed; UPDATE event SET why = 'other' WHERE seq = 8");
	assert_int_equal(mst_store_event_shorten(f->s, &(struct mst_event_limit){ .most = 1, .chunk = 100 }, &told),
			 MST_FAULT_CORRUPT);
	assert_int_equal(mst_store_event_last(f->s, &entries), 0);
	assert_int_equal(entries, 11);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, contract_set_up, contract_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disk_full_while_shortening),
		cmocka_unit_test(medium_fails_while_shortening),
		T(audit_log_only_grows),
		T(anchor_of_the_audit_log),
	};

	faulty_vfs_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
