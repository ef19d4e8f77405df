#include "faulty-vfs.h"

#include "tests/support/cm.h"

#include <signal.h>
#include <sqlite3.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096

static struct {
	enum accident what;
	unsigned at, calls, syncs;
} plan;

struct file {
	sqlite3_file base;
	sqlite3_file *real; /* directly behind this struct */
};

static sqlite3_vfs vfs, *below;

static sqlite3_file *real(sqlite3_file *f)
{
	return ((struct file *)f)->real;
}

/* SQLITE_OK to go on. */
static int step(sqlite3_file *f, const void *p, int n, sqlite3_int64 at, int io_error)
{
	if (plan.what == ACCIDENT_READ)
		return SQLITE_OK;
	plan.calls++;
	if (plan.what == ACCIDENT_NONE || plan.calls < plan.at)
		return SQLITE_OK;
	switch (plan.what) {
	case ACCIDENT_FULL:
		return SQLITE_FULL;
	case ACCIDENT_IO:
		return plan.calls == plan.at ? io_error : SQLITE_OK;
	case ACCIDENT_KILL_HALF:
		if (p)
			real(f)->pMethods->xWrite(real(f), p, n / 2, at);
		/* fall through */
	case ACCIDENT_KILL:
		kill(getpid(), SIGKILL);
		pause();
		break;
	case ACCIDENT_NONE: case ACCIDENT_READ:
		break;
	}
	return SQLITE_OK;
}

/* What the store writes in one piece (store/sqlite-wal.c) may still end anywhere: each page of it is a write here. */
static int x_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	int rc = SQLITE_OK;

	for (int done = 0, part; done < n && rc == SQLITE_OK; done += part) {
		const uint8_t *from = (const uint8_t *)p + done;

		part = n - done > PAGE ? PAGE : n - done;
		rc = step(f, from, part, at + done, SQLITE_IOERR_WRITE);
		if (rc == SQLITE_OK)
			rc = real(f)->pMethods->xWrite(real(f), from, part, at + done);
	}
	return rc;
}

static int x_sync(sqlite3_file *f, int flags)
{
	/* Counted and made to fail, but the disk is not asked: the accidents here are of programs, and what a program
	 * that is killed has written the kernel still has. Nothing in these tests could tell, but each would wait. */
	(void)flags;
	plan.syncs++;
	return step(f, NULL, 0, 0, SQLITE_IOERR_FSYNC);
}

static int x_close(sqlite3_file *f)
{
	return real(f)->pMethods->xClose(real(f));
}
static int x_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	if (plan.what == ACCIDENT_READ && ++plan.calls == plan.at)
		return SQLITE_IOERR_READ;
	return real(f)->pMethods->xRead(real(f), p, n, at);
}
static int x_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	return real(f)->pMethods->xTruncate(real(f), n);
}
static int x_size(sqlite3_file *f, sqlite3_int64 *n)
{
	return real(f)->pMethods->xFileSize(real(f), n);
}
static int x_lock(sqlite3_file *f, int l)
{
	return real(f)->pMethods->xLock(real(f), l);
}
static int x_unlock(sqlite3_file *f, int l)
{
	return real(f)->pMethods->xUnlock(real(f), l);
}
static int x_reserved(sqlite3_file *f, int *r)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), r);
}
static int x_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}
static int x_caps(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}
static int x_shm_map(sqlite3_file *f, int r, int n, int w, void volatile **p)
{
	return real(f)->pMethods->xShmMap(real(f), r, n, w, p);
}
static int x_shm_lock(sqlite3_file *f, int o, int n, int flags)
{
	return real(f)->pMethods->xShmLock(real(f), o, n, flags);
}
static void x_shm_barrier(sqlite3_file *f)
{
	real(f)->pMethods->xShmBarrier(real(f));
}
static int x_shm_unmap(sqlite3_file *f, int d)
{
	return real(f)->pMethods->xShmUnmap(real(f), d);
}

/* A hint of the coming size must not write behind our back. */
static int x_control(sqlite3_file *f, int op, void *arg)
{
	return op == SQLITE_FCNTL_SIZE_HINT ? SQLITE_OK : real(f)->pMethods->xFileControl(real(f), op, arg);
}

static const sqlite3_io_methods methods = {
	2,          x_close,       x_read,      x_write,   x_truncate, x_sync, x_size,
	x_lock,     x_unlock,      x_reserved,  x_control, x_sector,   x_caps, x_shm_map,
	x_shm_lock, x_shm_barrier, x_shm_unmap, NULL,      NULL,
};

static int x_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
	struct file *file = (struct file *)f;
	int rc;

	(void)v;
	file->real = (sqlite3_file *)(file + 1);
	rc = below->xOpen(below, name, file->real, flags, ret_flags);
	file->base.pMethods = rc == SQLITE_OK ? &methods : NULL;
	return rc;
}

void faulty_vfs_install(void)
{
	below = sqlite3_vfs_find(NULL);
	vfs = *below;
	vfs.zName = "faulty";
	vfs.szOsFile = (int)sizeof(struct file) + below->szOsFile;
	vfs.xOpen = x_open;
	sqlite3_vfs_register(&vfs, 1);
}

void faulty_vfs_arm(enum accident what, unsigned n)
{
	plan.what = what;
	plan.at = n;
	plan.calls = 0;
	plan.syncs = 0;
}

bool faulty_vfs_fired(void)
{
	return plan.what != ACCIDENT_NONE && plan.calls >= plan.at;
}

unsigned faulty_vfs_syncs(void)
{
	return plan.syncs;
}

void by_other_hands(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}
