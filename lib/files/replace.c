#include "files/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BESIDE_MAX (MST_FILES_PATH + 16)

static int write_all(int fd, struct mst_view v)
{
	while (v.n) {
		ssize_t w = write(fd, v.p, v.n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		v = mst_view_sub(v, (size_t)w, v.n);
	}
	return 0;
}

/* As a file that is made by open(2) gets it. */
static mode_t masked(unsigned mode)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	return mode & ~mask;
}

static void directory_of(const char *path, char dir[MST_FILES_PATH])
{
	const char *slash = strrchr(path, '/');

	snprintf(dir, MST_FILES_PATH, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
}

/* `old`: what stat(2) said of the file that is there, or NULL. */
static int give_away(int fd, const struct mst_file *f, const struct stat *old)
{
	char dir[MST_FILES_PATH];
	struct stat st;

	if (!f->same_owner || geteuid() != 0)
		return 0;
	directory_of(f->path, dir);
	if (!old && stat(dir, &st))
		return -1;
	return fchown(fd, old ? old->st_uid : st.st_uid, old ? old->st_gid : st.st_gid);
}

/* 0 with the name of what was written in `beside`; -1 with errno, and that name or "". */
static int write_beside(const struct mst_file *f, char beside[BESIDE_MAX])
{
	const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
	struct stat st;
	bool there;
	int fd, bad;

	errno = ENAMETOOLONG;
	if (strlen(f->path) >= MST_FILES_PATH)
		return -1;
	there = stat(f->path, &st) == 0;
	errno = EISDIR;                                          /* here, before another file is in its place */
	if (there && S_ISDIR(st.st_mode))
		return -1;
	snprintf(beside, BESIDE_MAX, "%.*s.%.200s.XXXXXX", (int)(name - f->path), f->path, name);
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0) {
		*beside = '\0';
		return -1;
	}
	bad = give_away(fd, f, there ? &st : NULL) || fchmod(fd, masked(f->mode)) || write_all(fd, f->content) || fsync(fd) ? errno : 0;
	if (close(fd) && !bad)
		bad = errno;
	errno = bad;
	return bad ? -1 : 0;
}

/* The new name is there; without this a power cut could still take it back. */
static int sync_directory(const char *path)
{
	char dir[MST_FILES_PATH];
	int fd, bad;

	directory_of(path, dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES ? 0 : -1;                 /* one may write there without the right to read it */
	bad = fsync(fd) && errno != EINVAL ? errno : 0;          /* EINVAL: of a file system that does not do this */
	close(fd);
	errno = bad;
	return bad ? -1 : 0;
}

enum way_back { NONE, TAKE_AWAY, EXCHANGE };

/* Into its place; the old one is beside until the others are in theirs. 0, or -1 with errno. */
static int place(const char *path, char *beside, enum way_back *ret_back)
{
	*ret_back = EXCHANGE;
	if (!renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_EXCHANGE))
		return 0;
	if (errno != ENOENT && errno != EINVAL && errno != ENOSYS)
		return -1;
	*ret_back = errno == ENOENT ? TAKE_AWAY : NONE;          /* there was none, or this file system cannot exchange names */
	if (rename(beside, path))
		return -1;
	*beside = '\0';
	return 0;
}

/* All, or those before the one that is refused go back. 0, or an errno of file[*ret_at]. */
static int place_all(const struct mst_file *file, size_t n, char beside[][BESIDE_MAX], size_t *ret_at)
{
	enum way_back back[MST_FILES_TOGETHER];
	size_t at = 0;
	int e;

	while (at + 1 < n && !place(file[at].path, beside[at], &back[at]))
		at++;
	*ret_at = at;
	if (at + 1 == n && !rename(beside[at], file[at].path)) {         /* nothing is left to be refused behind it */
		*beside[at] = '\0';
		return 0;
	}
	e = errno;
	while (at--)
		if (back[at] == TAKE_AWAY)
			(void)unlink(file[at].path);
		else if (back[at] == EXCHANGE && renameat2(AT_FDCWD, beside[at], AT_FDCWD, file[at].path, RENAME_EXCHANGE))
			*beside[at] = '\0';                             /* the old one: it stays there */
	return e;
}

int mst_files_replace(const struct mst_file *file, size_t n, size_t *ret_at, bool *ret_placed)
{
	char beside[MST_FILES_TOGETHER][BESIDE_MAX] = { "" };
	size_t at = 0;
	int e;

	*ret_placed = false;
	while (at < n && !write_beside(&file[at], beside[at]))
		at++;
	*ret_at = at;
	e = at < n ? errno : place_all(file, n, beside, ret_at);
	*ret_placed = !e;
	for (size_t i = 0; i < n && !e; i++) {
		*ret_at = i;
		e = sync_directory(file[i].path) ? errno : 0;
	}
	for (size_t i = 0; i < n; i++)          /* what was before goes last: until all are sure to be there it is a way back */
		if (*beside[i])
			unlink(beside[i]);
	return e;
}
