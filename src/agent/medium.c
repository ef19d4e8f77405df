/*
 * Reading from a medium that anybody may have prepared: a name that is a link, a pipe, a device node or larger than it
 * may be is refused before it is opened for reading. What is in the file is judged elsewhere, by its signature.
 */
#include "agent/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse(struct mst_diag *d, int outcome, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return outcome;
}

/* Found, not opened: O_PATH does not touch what the name stands for. No component of the path may be a link. */
static int find_fd(const char *path)
{
	const struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS |
										  RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static int slurp(int fd, uint8_t **ret_p, size_t *ret_n)
{
	uint8_t *p = malloc(MST_CMS_MAX + 1);
	ssize_t r = p ? 1 : -1;
	size_t n = 0;

	while (r > 0 && n <= MST_CMS_MAX) {
		r = read(fd, p + n, MST_CMS_MAX + 1 - n);
		if (r < 0 && errno == EINTR)
			r = 1;
		else if (r > 0)
			n += (size_t)r;
	}
	if (r == 0) {
		*ret_p = p;
		*ret_n = n;
		return 0;
	}
	free(p);
	return !p ? MST_FAULT_MEMORY : r < 0 ? MST_FAULT_IO : MST_FAULT_SPACE;
}

int medium_read(const char *path, uint8_t **ret_p, size_t *ret_n, struct mst_diag *d)
{
	char again[40];
	int found = find_fd(path), fd, r;
	struct stat st;

	if (found < 0)
		return refuse(d, BUNDLE_UNREADABLE, path, errno == ELOOP ? "a symbolic link is in the way" : strerror(errno));
	if (fstat(found, &st) || !S_ISREG(st.st_mode)) {
		close(found);
		return refuse(d, BUNDLE_UNREADABLE, path, S_ISLNK(st.st_mode) ? "a symbolic link is in the way" : "not a regular file");
	}
	if (st.st_size > MST_CMS_MAX) {
		close(found);
		return refuse(d, BUNDLE_OVERSIZED, path, "more than 49152 octets");
	}
	/* the very file that was looked at, whatever the name says by now */
	snprintf(again, sizeof(again), "/proc/self/fd/%d", found);
	fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	r = fd < 0 ? MST_FAULT_IO : slurp(fd, ret_p, ret_n);
	if (r == MST_FAULT_SPACE)
		r = refuse(d, BUNDLE_OVERSIZED, path, "more than 49152 octets");
	else if (r == MST_FAULT_IO)
		r = refuse(d, BUNDLE_UNREADABLE, path, strerror(errno));
	if (fd >= 0)
		close(fd);
	close(found);
	return r;
}

static bool matches(const struct agent_config *cfg, const char *dir)
{
	for (size_t i = 0; i < cfg->n_media; i++)
		if (fnmatch(cfg->media[i], dir, FNM_PATHNAME) == 0)
			return true;
	return false;
}

/* Some directory above it is a medium's. */
static bool lies_on_medium(const struct agent_config *cfg, const char *path)
{
	char *dir = strdup(path), *slash;
	bool held = !dir;

	while (dir && !held && (slash = strrchr(dir, '/')) != NULL && slash != dir) {
		*slash = '\0';
		held = matches(cfg, dir);
	}
	free(dir);
	return held;
}

bool medium_holds(const struct agent_config *cfg, const char *path)
{
	char *real = realpath(path, NULL);
	bool held = lies_on_medium(cfg, path) || (real && lies_on_medium(cfg, real));

	free(real);
	return held;
}

static bool is_there(const char *path, dev_t device)
{
	struct stat st;

	return lstat(path, &st) == 0 && (!device || st.st_dev == device);
}

size_t medium_find(const struct agent_config *cfg, const char *name, dev_t device, char **ret_path, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < cfg->n_media; i++) {
		glob_t g = { 0 };

		if (glob(cfg->media[i], GLOB_ONLYDIR, NULL, &g) == 0) {
			for (size_t k = 0; k < g.gl_pathc && n < max; k++) {
				char *path = NULL;

				if (asprintf(&path, "%s/%s", g.gl_pathv[k], name) < 0)
					continue;
				if (is_there(path, device))
					ret_path[n++] = path;
				else
					free(path);
			}
		}
		globfree(&g);
	}
	return n;
}
