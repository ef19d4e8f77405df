#include "init-place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster.h"

#define LAST "musterd.conf"
#define BESIDE ".making-"              /* and six that mkdtemp() chooses */

bool place_is_units(const char *dir)
{
	struct stat is, units;

	return strcmp(dir, UNIT_DIR) == 0 || (stat(dir, &is) == 0 && stat(UNIT_DIR, &units) == 0 && is.st_dev == units.st_dev && is.st_ino == units.st_ino);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_all(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Not there, or an empty directory; `mine`: but for what is being built in it. */
static bool place_free(const char *dir, bool mine)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool half = false;
	int n = 0;

	if (!d && errno == ENOENT && access(dir, F_OK) < 0 && readlink(dir, &(char){ 0 }, 1) < 0)
		return true;
	if (!d) {
		complain("%s: %s; init wants a new or empty directory", dir, errno == ENOENT ? "a link to nowhere" : strerror(errno));
		return false;
	}
	while ((e = readdir(d))) {
		bool making = strcmp(e->d_name, HALF_MADE) == 0;

		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !(mine && making);
		half |= making && !mine;
	}
	closedir(d);
	if (half)
		complain("%s: is not empty, and no installation: with %s in it, it is half made, by an init that has not ended, or that runs now. "
			 "Nothing there is in use: if no init runs, empty the directory, and begin again", dir, HALF_MADE);
	else if (n)
		complain("%s: is not empty; init wants a new or empty directory", dir);
	return n == 0;
}

/* A directory that something else is mounted on cannot be replaced by another one. */
static bool mounted(const char *dir)
{
	struct stat st, above;
	char path[4200];

	snprintf(path, sizeof(path), "%.4000s/..", dir);
	return stat(dir, &st) == 0 && stat(path, &above) == 0 && st.st_dev != above.st_dev;
}

/* `why`: what kept it from being made beside the place. */
static int begin_inside(struct place *p, const char *why)
{
	struct stat st;

	if (stat(p->dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
		complain("cannot make the directory %s: %s; make an empty directory %s first that belongs to this user, or name another one", p->building, why, p->dir);
		return EXIT_FAULT;
	}
	p->inside = true;
	snprintf(p->building, sizeof(p->building), "%.4000s/" HALF_MADE, p->dir);
	if (chmod(p->dir, 0700) == 0 && mkdir(p->building, 0700) == 0) {
		if (place_free(p->dir, true))           /* what another one has made since we looked stays */
			return EXIT_DONE;
		rmdir(p->building);
		return EXIT_REFUSED;
	}
	if (errno == EEXIST && !place_free(p->dir, false))
		return EXIT_REFUSED;
	complain("cannot make the directory %s: %s", p->building, strerror(errno));
	return EXIT_FAULT;
}

/* Locked for as long as it is open; -1: there is somebody who has done that, or it cannot be opened. */
static int lock_directory(const char *path, bool wait)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) == 0)
		return fd;
	close(fd);
	return -1;
}

/* What one that died has left beside the place has keys in it, and is nobody else's to remove. */
static void tell_of_dead(const char *dir)
{
	const char *slash = strrchr(dir, '/'), *name = slash ? slash + 1 : dir;
	char above[4200], path[4500];
	struct dirent *e;
	DIR *d;

	snprintf(above, sizeof(above), "%.*s", slash ? (int)(slash - dir + 1) : 1, slash ? dir : ".");
	d = opendir(above);
	while (d && (e = readdir(d))) {
		size_t n = strlen(name);
		int fd;

		if (strncmp(e->d_name, name, n) != 0 || strncmp(e->d_name + n, BESIDE, strlen(BESIDE)) != 0 || strlen(e->d_name) != n + strlen(BESIDE) + 6)
			continue;
		snprintf(path, sizeof(path), "%.*s%.255s", (int)(name - dir), dir, e->d_name);
		fd = lock_directory(path, false);
		if (fd < 0)
			continue;
		complain("%s: is left of an init that was ended, and may have keys in it that nothing uses: remove it", path);
		close(fd);
	}
	if (d)
		closedir(d);
}

int place_begin(struct place *p, const char *dir)
{
	*p = (struct place){ .dir = dir, .lock = -1 };
	tell_of_dead(dir);
	if (!place_free(dir, false))
		return EXIT_REFUSED;
	snprintf(p->building, sizeof(p->building), "%.4000s" BESIDE "XXXXXX", dir);
	if (mounted(dir))
		return begin_inside(p, "a file system of its own is mounted there");
	if (mkdtemp(p->building)) {
		p->lock = lock_directory(p->building, true);
		return EXIT_DONE;
	}
	if (errno == EACCES || errno == EPERM || errno == EROFS)
		return begin_inside(p, strerror(errno));
	complain("cannot make the directory %s: %s", p->building, strerror(errno));
	return EXIT_FAULT;
}

/* rename(2) replaces a file, but no directory that has something in it. 0, or an errno. */
static int move_one(const struct place *p, const char *name)
{
	char from[4500], to[4300];
	struct stat st;

	snprintf(from, sizeof(from), "%s/%.255s", p->building, name);
	snprintf(to, sizeof(to), "%.4000s/%.255s", p->dir, name);
	if (lstat(from, &st) < 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return rename(from, to) < 0 ? errno : 0;
	return link(from, to) < 0 ? errno : 0;
}

static int save_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int why = fd < 0 || fsync(fd) < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return why;
}

static int not_dots(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strcmp(e->d_name, LAST) != 0;
}

static int explain(const struct place *p, int why)
{
	bool taken = why == EEXIST || why == ENOTEMPTY || why == ENOTDIR;

	complain("%s: %s", p->dir, taken ? "something was put there meanwhile; init never overwrites" : strerror(why));
	return taken ? EXIT_REFUSED : EXIT_FAULT;
}

/* All that was made, and the configuration when the rest is safe; or nothing of it. */
static int move_out(const struct place *p)
{
	struct dirent **list = NULL;
	char path[4300];
	int n = scandir(p->building, &list, not_dots, alphasort), done = 0, why = n < 0 ? errno : 0;

	while (done < n && !(why = move_one(p, list[done]->d_name)))
		done++;
	why = why ? why : save_directory(p->dir);
	why = why ? why : move_one(p, LAST);
	while (why && done-- > 0) {
		snprintf(path, sizeof(path), "%.4000s/%.255s", p->dir, list[done]->d_name);
		remove_all(path);
	}
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	if (why)
		return explain(p, why);
	(void)save_directory(p->dir);
	return EXIT_DONE;
}

int place_end(struct place *p, int r)
{
	if (r == EXIT_DONE && p->inside)
		r = move_out(p);
	else if (r == EXIT_DONE)
		r = rename(p->building, p->dir) < 0 ? explain(p, errno) : EXIT_DONE;
	if (r != EXIT_DONE || p->inside)
		remove_all(p->building);
	if (p->lock >= 0)
		close(p->lock);
	return r;
}
