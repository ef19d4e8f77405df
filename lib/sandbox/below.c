/* sandbox.h: what lies below a directory, by what the kernel goes through when a path is opened. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

static bool is_below(const char *real, const char *dir)
{
	size_t n = dir[1] ? strlen(dir) : 0;     /* the root */

	return strncmp(real, dir, n) == 0 && (!real[n] || real[n] == '/');
}

#define LINKS_MOST 40                        /* path_resolution(7) */

/* A way that is gone: where one is, without links, and what is ahead. */
struct way {
	char at[PATH_MAX], ahead[PATH_MAX];
	int links;
};

static bool begin(struct way *w, const char *path)
{
	w->links = 0;
	w->at[0] = '\0';
	if (*path != '/' && !realpath(".", w->at))
		return false;
	w->at[0] = w->at[0] && w->at[1] ? w->at[0] : '\0';    /* the root is nothing before a slash */
	return snprintf(w->ahead, sizeof(w->ahead), "%s", path) < (int)sizeof(w->ahead);
}

/* A link stands for what it says: that is ahead now, before the rest. */
static bool follow(struct way *w, const char *says, const char *rest)
{
	char ahead[PATH_MAX];

	if (++w->links > LINKS_MOST || snprintf(ahead, sizeof(ahead), "%s/%s", says, rest) >= (int)sizeof(ahead))
		return false;
	memcpy(w->ahead, ahead, sizeof(ahead));
	if (*says == '/')
		w->at[0] = '\0';
	return true;
}

/* Where one is, with `name` behind it, or what that link says. False: there is no such thing. */
static bool enter(struct way *w, const char *name, const char *rest)
{
	char there[PATH_MAX], says[PATH_MAX];
	ssize_t n;

	if (!strcmp(name, ".."))
		*(strrchr(w->at, '/') ? strrchr(w->at, '/') : w->at) = '\0';
	if (!*name || !strcmp(name, ".") || !strcmp(name, "..")) {
		memmove(w->ahead, rest, strlen(rest) + 1);
		return true;
	}
	if (snprintf(there, sizeof(there), "%s/%s", w->at, name) >= (int)sizeof(there))
		return false;
	n = readlink(there, says, sizeof(says) - 1);
	if (n >= 0) {
		says[n] = '\0';
		return follow(w, says, rest);
	}
	memcpy(w->at, there, sizeof(there));
	memmove(w->ahead, rest, strlen(rest) + 1);
	return errno == EINVAL;                 /* there, and no link */
}

/*
 * Link by link, and not where realpath() ends: each directory in which a name is looked up counts, since who may write there has another
 * file in its place.
 */
bool mst_path_leads(const char *path, const char *dir)
{
	char real_dir[PATH_MAX], name[PATH_MAX];
	struct way w;

	if (!realpath(dir, real_dir) || !begin(&w, path))
		return false;
	while (*w.ahead) {
		size_t n = strcspn(w.ahead, "/");

		memcpy(name, w.ahead, n);
		name[n] = '\0';
		if (n && is_below(w.at, real_dir))
			return true;
		if (!enter(&w, name, w.ahead + n + (w.ahead[n] == '/')))
			return false;
	}
	return is_below(w.at, real_dir);
}
