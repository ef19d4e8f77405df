/* SQLite: the file, opened and looked after; transactions. Statements are in sqlite-row.c. */
#include "store/sqlite-db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 5000

/* Immediate: waiting for another writer happens here, where nothing has been decided yet. */
static const char *const words[] = {
	[SQ_BEGIN] = "BEGIN IMMEDIATE",		[SQ_COMMIT] = "COMMIT",		  [SQ_ROLLBACK] = "ROLLBACK",
	[SQ_MARK] = "SAVEPOINT decision",	[SQ_MARK_2] = "SAVEPOINT part",	  [SQ_RELEASE] = "RELEASE decision",
	[SQ_RELEASE_2] = "RELEASE part",	[SQ_UNDO] = "ROLLBACK TO decision", [SQ_UNDO_2] = "ROLLBACK TO part",
};

/*
 * An open file outlives its name: SQLite would go on committing into files that nobody can find again. The
 * names must still lead to what was opened.
 */
static int present(struct sq *q)
{
	struct lite *l = lite_of(q);
	const char *path = sqlite3_db_filename(l->db, "main");
	char wal[4096];
	struct stat st;
	bool same = path && !stat(path, &st) && st.st_ino == l->file && st.st_dev == l->dev;

	snprintf(wal, sizeof(wal), "%s-wal", path ? path : "");
	if (same && !stat(wal, &st)) {
		if (!l->wal)
			l->wal = st.st_ino;
		same = st.st_ino == l->wal;
	} else if (l->wal) {
		same = false;
	}
	if (same)
		return 0;
	snprintf(q->error, sizeof(q->error), "%.80s was removed or replaced under the running program; stop it, bring "
		 "the files back from the backup, start again", path ? path : "");
	return MST_FAULT_STORE;
}

static int control(struct sq *q, enum sq_slot slot)
{
	int r;

	if (slot == SQ_ROLLBACK && sqlite3_get_autocommit(lite_of(q)->db))
		return 0;
	r = lite_put(q, slot, words[slot], NULL, 0, NULL, 0, NULL, NULL);
	r = r > 0 ? 0 : r; /* "nothing changed" means nothing here */
	if (!r && slot == SQ_BEGIN)
		lite_wal_forget(lite_of(q)->db);        /* of nobody's by now */
	return r || slot != SQ_COMMIT ? r : present(q);         /* durable only where somebody will find it */
}

static const struct sq_col number_col[] = { { SQ_I64, 0, 0 } };

static int octets(struct sq *q, uint64_t *ret)
{
	uint64_t pages = 0, page = 0;
	int r = sq_one(q, SQ_NO_SLOT, "PRAGMA page_count", NULL, 0, SQ_COLS(number_col), &pages);

	if (!r)
		r = sq_one(q, SQ_NO_SLOT, "PRAGMA page_size", NULL, 0, SQ_COLS(number_col), &page);
	*ret = pages * page;
	return r;
}

static struct mst_store *close_file(struct sq *q)
{
	struct lite *l = lite_of(q);

	for (size_t i = 0; i < SQ__COUNT; i++)
		sqlite3_finalize(l->stmt[i]);
	sqlite3_close(l->db);
	free(l);
	return NULL;
}

static const char *const text[SQ_TEXT__COUNT] = {
	/* the words of the index's own condition, so that it serves */
	[SQ_TEXT_IDENTITY_WILD] = "SELECT 0, count(*) FROM identity WHERE anchor IN"
				  " (x'0000000000000000000000000000000000000000000000000000000000000000',"
				  " x'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF')",
};

static const struct sq_driver driver = {
	.text = text, .put = lite_put, .open = lite_open, .next = lite_next, .shut = lite_shut, .control = control, .present = present,
	.octets = octets, .close = close_file,
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

static int set_up(struct lite *l)
{
	/* FULL: what commit has acknowledged outlives a power cut. DEFENSIVE, trusted_schema: the file is
	 * data. */
	static const char pragmas[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA "
				      "foreign_keys = ON; PRAGMA recursive_triggers = ON;"
				      "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA "
				      "temp_store = MEMORY; PRAGMA cache_size = -4096;";
	int rc;

	sqlite3_extended_result_codes(l->db, 1);
	sqlite3_busy_timeout(l->db, BUSY_MS);
	sqlite3_db_config(l->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	rc = sqlite3_exec(l->db, pragmas, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : lite_fault(&l->q, rc);
}

static void explain(struct lite *l, const char *path, int r, struct mst_diag *d)
{
	if (d && d->text[0])
		return;
	if (r == MST_FAULT_CORRUPT)
		mst_diag_set(d, 0, "store", path, " is damaged or no database (", l->q.error,
			     "); restore it from a backup, it was left as it is", NULL);
	else if (l->db && (sqlite3_errcode(l->db) & 0xff) == SQLITE_BUSY)
		mst_diag_set(d, 0, "store", path,
			     " is in use by another program that does not let go; stop it and try again",
			     NULL);
	else
		mst_diag_set(d, 0, "store", path, ": ", l->q.error[0] ? l->q.error : mst_fault_text(r), NULL);
}

int mst_store_sqlite_open(const char *rest, struct mst_store **ret_s, struct mst_diag *d)
{
	struct stat st;
	struct lite *l;
	int rc, r = prepare_file(rest, d);

	if (r)
		return r;
	l = calloc(1, sizeof(*l));
	if (!l)
		return MST_FAULT_MEMORY;
	l->q.base.ops = &sq_ops;
	l->q.db = &driver;
	rc = lite_wal_open(rest, &l->db);
	r = rc == SQLITE_OK ? 0 : lite_fault(&l->q, rc);
	/* the library is content with that, and then nothing can be changed for as long as it is open */
	if (!r && sqlite3_db_readonly(l->db, "main")) {
		mst_diag_set(d, 0, "store", rest, " can be read, but not written: chown it to the daemon's user; on a medium that is read only it cannot be kept", NULL);
		r = MST_FAULT_CONFIG;
	}
	r = r ? r : set_up(l);
	if (!r && !stat(rest, &st)) {
		l->dev = st.st_dev;
		l->file = st.st_ino;
	}
	if (!r)
		r = lite_schema(l, d);
	if (!r)
		r = sq_event_reload(&l->q);
	if (r) {
		explain(l, rest, r, d);
		close_file(&l->q);
		return r > 0 ? MST_FAULT_CORRUPT : r;
	}
	*ret_s = &l->q.base;
	return 0;
}
