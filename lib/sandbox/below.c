/* sandbox.h: what lies below a directory, by what the kernel goes through when a path is opened. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/sandbox.h"

static bool is_below(const char *real, const char *dir)
{
	size_t n = dir[1] ? strlen(dir) : 0;     /* the root */

	return strncmp(real, dir, n) == 0 && (!real[n] || real[n] == '/');
}

bool mst_path_leads(const char *path, const char *dir)
{
	char up_to[PATH_MAX], real[PATH_MAX], real_dir[PATH_MAX];
	bool leads = false;

	if (!realpath(dir, real_dir))
		return false;
	/* each of its directories, too: who may write in one of them has another file in its place */
	for (const char *p = path; *p && !leads;) {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		if (snprintf(up_to, sizeof(up_to), "%.*s", (int)(p - path), path) >= (int)sizeof(up_to) || !realpath(up_to, real))
			return false;
		leads = is_below(real, real_dir);
	}
	return leads;
}
