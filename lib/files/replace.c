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

int mst_files_replace(const struct mst_file *file, size_t n, size_t *ret_at, bool *ret_placed)
{
	char beside[MST_FILES_TOGETHER][BESIDE_MAX] = { "" };
	size_t at = 0;
	int e;

	*ret_placed = false;
	while (at < n && !write_beside(&file[at], beside[at]))
		at++;
	if (at == n)
		for (at = 0; at < n && !rename(beside[at], file[at].path); at++)
			*beside[at] = '\0';
	e = errno;
	for (size_t i = 0; i < n; i++)
		if (*beside[i])
			unlink(beside[i]);
	*ret_at = at;
	if (at < n)
		return e;
	*ret_placed = true;
	for (*ret_at = 0; *ret_at < n; (*ret_at)++)
		if (sync_directory(file[*ret_at].path))
			return errno;
	return 0;
}
