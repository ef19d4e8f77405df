/*
 * How the write-ahead log is written. SQLite writes the head and the page of each frame apart, some forty small writes for a group.
 * Here what follows on one another is gathered and goes out as one, at the latest before the sync that makes a commit durable: no
 * reader looks at those frames before, and after a crash they are as good as not written (synchronous = FULL).
 *
 * So something waits only during a transaction of ours, while nobody else may write the log. It is not written by reading, for at the
 * end of a transaction that was rolled back SQLite reads when others may write again: lite_wal_forget() throws away what is left of it.
 * A write that fails is told late, but to the same transaction, and it costs that one as it would have at once.
 *
 * Only the log: every other file is that of the system's VFS.
 */
#include "store/sqlite-db.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_MAX (16 * (4096 + 24))         /* sixteen frames of the usual page */

struct wal {
	sqlite3_file base;
	sqlite3_file *real;                   /* directly behind this struct */
	uint8_t *b;                           /* GATHER_MAX */
	int n;                                /* octets that wait, … */
	sqlite3_int64 at;                     /* … and where they belong */
};

static sqlite3_vfs vfs, *below;

static struct wal *wal_of(sqlite3_file *f)
{
	return (struct wal *)f;
}

static int flush(struct wal *w)
{
	int n = w->n;

	w->n = 0;
	return n ? w->real->pMethods->xWrite(w->real, w->b, n, w->at) : SQLITE_OK;
}

static int wal_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	struct wal *w = wal_of(f);
	int rc = at != w->at + w->n || n > GATHER_MAX - w->n ? flush(w) : SQLITE_OK;

	if (rc != SQLITE_OK)
		return rc;
	if (n > GATHER_MAX)
		return w->real->pMethods->xWrite(w->real, p, n, at);
	if (!w->n)
		w->at = at;
	memcpy(w->b + w->n, p, (size_t)n);
	w->n += n;
	return SQLITE_OK;
}

static int wal_sync(sqlite3_file *f, int flags)
{
	struct wal *w = wal_of(f);
	int rc = flush(w);

	return rc == SQLITE_OK ? w->real->pMethods->xSync(w->real, flags) : rc;
}

/* What waits is newer than what the file has there, if anything. */
static int wal_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	struct wal *w = wal_of(f);
	sqlite3_int64 from = at > w->at ? at : w->at, to = at + n < w->at + w->n ? at + n : w->at + w->n;
	int rc = SQLITE_OK;

	if (from > at || to < at + n)
		rc = w->real->pMethods->xRead(w->real, p, n, at);
	if (from >= to)
		return rc;
	if (rc == SQLITE_IOERR_SHORT_READ && to == at + n)
		rc = SQLITE_OK;
	if (rc == SQLITE_OK)
		memcpy((uint8_t *)p + (from - at), w->b + (from - w->at), (size_t)(to - from));
	return rc;
}

/* Nobody shortens or measures the log while something waits. */
static int wal_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	return wal_of(f)->real->pMethods->xTruncate(wal_of(f)->real, n);
}

static int wal_size(sqlite3_file *f, sqlite3_int64 *n)
{
	return wal_of(f)->real->pMethods->xFileSize(wal_of(f)->real, n);
}

static int wal_close(sqlite3_file *f)
{
	free(wal_of(f)->b);
	return wal_of(f)->real->pMethods->xClose(wal_of(f)->real);
}

static int wal_lock(sqlite3_file *f, int l)
{
	return wal_of(f)->real->pMethods->xLock(wal_of(f)->real, l);
}

static int wal_unlock(sqlite3_file *f, int l)
{
	return wal_of(f)->real->pMethods->xUnlock(wal_of(f)->real, l);
}

static int wal_reserved(sqlite3_file *f, int *r)
{
	return wal_of(f)->real->pMethods->xCheckReservedLock(wal_of(f)->real, r);
}

static int wal_control(sqlite3_file *f, int op, void *arg)
{
	return wal_of(f)->real->pMethods->xFileControl(wal_of(f)->real, op, arg);
}

static int wal_sector(sqlite3_file *f)
{
	return wal_of(f)->real->pMethods->xSectorSize(wal_of(f)->real);
}

static int wal_caps(sqlite3_file *f)
{
	return wal_of(f)->real->pMethods->xDeviceCharacteristics(wal_of(f)->real);
}

static const sqlite3_io_methods methods = {
	.iVersion = 1, .xClose = wal_close, .xRead = wal_read, .xWrite = wal_write, .xTruncate = wal_truncate, .xSync = wal_sync,
	.xFileSize = wal_size, .xLock = wal_lock, .xUnlock = wal_unlock, .xCheckReservedLock = wal_reserved, .xFileControl = wal_control,
	.xSectorSize = wal_sector, .xDeviceCharacteristics = wal_caps,
};

static int open_file(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
	struct wal *w = wal_of(f);
	int rc;

	(void)v;
	if (!(flags & SQLITE_OPEN_WAL))
		return below->xOpen(below, name, f, flags, ret_flags);
	*w = (struct wal){ .real = (sqlite3_file *)(w + 1), .b = malloc(GATHER_MAX) };
	rc = w->b ? below->xOpen(below, name, w->real, flags, ret_flags) : SQLITE_NOMEM;
	if (rc == SQLITE_OK)
		w->base.pMethods = &methods;
	else
		free(w->b);
	return rc;
}

/* Before the library's first use in this process, or not at all: it counts what it allocates under a lock, for nobody here. */
static void install(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	below = sqlite3_vfs_find(NULL);
	if (!below)
		return;
	vfs = *below;
	vfs.zName = "muster";
	vfs.szOsFile = (int)sizeof(struct wal) + below->szOsFile;
	vfs.xOpen = open_file;
	sqlite3_vfs_register(&vfs, 0);
}

void lite_wal_forget(sqlite3 *db)
{
	sqlite3_file *f = NULL;

	if (sqlite3_file_control(db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &f) == SQLITE_OK && f && f->pMethods == &methods)
		wal_of(f)->n = 0;
}

static void on_rollback(void *db)
{
	lite_wal_forget(db);
}

int lite_wal_open(const char *path, sqlite3 **ret_db)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	int rc;

	(void)pthread_once(&once, install);
	rc = sqlite3_open_v2(path, ret_db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs.zName);
	if (rc == SQLITE_OK)
		(void)sqlite3_rollback_hook(*ret_db, on_rollback, *ret_db);
	return rc;
}
