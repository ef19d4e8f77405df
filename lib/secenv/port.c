#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "secenv/sealed.h"

static int real_open(struct secenv_port *p, int dir, const char *name, int flags, mode_t mode)
{
	(void)p;
	return openat(dir, name, flags, mode);
}

static ssize_t real_read(struct secenv_port *p, int fd, void *b, size_t n)
{
	(void)p;
	return read(fd, b, n);
}

static struct dirent *real_readdir(struct secenv_port *p, DIR *d)
{
	(void)p;
	errno = 0;
	return readdir(d);
}

static ssize_t real_write(struct secenv_port *p, int fd, const void *b, size_t n)
{
	(void)p;
	return write(fd, b, n);
}

static int real_fsync(struct secenv_port *p, int fd)
{
	(void)p;
	return fsync(fd);
}

static int real_rename(struct secenv_port *p, int dir, const char *from, const char *to)
{
	(void)p;
	return renameat(dir, from, dir, to);
}

static int real_unlink(struct secenv_port *p, int dir, const char *name)
{
	(void)p;
	return unlinkat(dir, name, 0);
}

static int real_link(struct secenv_port *p, int dir, const char *from, const char *to)
{
	(void)p;
	return linkat(dir, from, dir, to, 0);
}

struct secenv_port *secenv_port_real(void)
{
	static struct secenv_port port = { real_open, real_read, real_readdir, real_write, real_fsync, real_rename, real_unlink, real_link };

	return &port;
}

int secenv_os_outcome(struct mst_diag *d, const char *what)
{
	int e = errno;

	mst_diag_set(d, 0, what, strerror(e), NULL);
	errno = e;
	return e == ENOSPC || e == EDQUOT ? MST_SECENV_FULL : MST_FAULT_IO;
}

static int write_all(struct secenv_port *p, int fd, struct mst_view v)
{
	for (size_t at = 0; at < v.n;) {
		ssize_t n = p->write(p, fd, v.p + at, v.n - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n ? errno : EIO;
			return -1;
		}
		at += (size_t)n;
	}
	return p->fsync(p, fd);
}

/*
 * A file of its own, whatever stands there: what a cut left, or what somebody else who may write beside a key file has put there, to read
 * what is written into it. The name stays the one that mst_secenv_move() clears away.
 */
static int open_fresh(struct secenv_port *p, int dir, const char *name)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, fd = p->open(p, dir, name, flags, 0600);

	if (fd >= 0 || errno != EEXIST || p->unlink(p, dir, name))
		return fd;
	return p->open(p, dir, name, flags, 0600);
}

int secenv_write_file(struct secenv_port *p, int dir, const char *name, struct mst_view v, struct mst_diag *d)
{
	char fresh[NAME_MAX + 16];       /* whole: cut off it might be the name of the file itself, which has to stay until then */
	int fd, r, e;

	snprintf(fresh, sizeof(fresh), "%s.new", name);
	fd = open_fresh(p, dir, fresh);
	if (fd < 0)
		return secenv_os_outcome(d, name);
	r = write_all(p, fd, v);
	e = errno;
	if (close(fd) && !r) {
		r = -1;
		e = errno;
	}
	errno = e;
	if (!r)
		r = p->rename(p, dir, fresh, name);
	if (r) {
		r = secenv_os_outcome(d, name);
		e = errno;
		(void)p->unlink(p, dir, fresh);
		errno = e;
		return r;
	}
	/* The new name is there; without this a power cut could still take it back. Never "full, nothing
	 * changed". */
	if (p->fsync(p, dir)) {
		(void)secenv_os_outcome(d, name);
		return MST_FAULT_IO;
	}
	return 0;
}

int secenv_write_path(struct secenv_port *p, const char *path, struct mst_view v, struct mst_diag *d)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	int fd, r;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
	fd = p->open(p, AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return secenv_os_outcome(d, path);
	r = secenv_write_file(p, fd, slash ? slash + 1 : path, v, d);
	close(fd);
	return r;
}
