/* Landlock: files by name. Raw system calls, because Debian 12's C library has no wrappers. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/sandbox.h"

#define READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define READ_DIR LANDLOCK_ACCESS_FS_READ_DIR
#define WRITE_FILE LANDLOCK_ACCESS_FS_WRITE_FILE
#define MAKE (LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* All rights of the first version, so that what is not granted is refused. */
#define ALL ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static int allow(int set, const struct mst_sandbox_path *p)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = READ_FILE };
	struct stat st;
	int r;

	rule.parent_fd = open(p->path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return 0;        /* what is not there cannot be opened either */
	if (!fstat(rule.parent_fd, &st) && S_ISDIR(st.st_mode))
		rule.allowed_access |= READ_DIR | (p->write ? MAKE : 0);
	if (p->write)
		rule.allowed_access |= WRITE_FILE;
	r = (int)syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return r ? MST_FAULT_IO : 0;
}

static int apply(const struct mst_sandbox_ask *a)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = ALL };
	int set, r = 0;

#ifdef MST_SANITIZED
	return MST_SANDBOX_ABSENT;       /* the leak checker reads /proc at exit */
#endif
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
		return MST_SANDBOX_ABSENT;
	set = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (set < 0)
		return MST_FAULT_IO;
	for (size_t i = 0; i < a->n && !r; i++)
		r = allow(set, &a->path[i]);
	if (!r && syscall(SYS_landlock_restrict_self, set, 0))
		r = MST_FAULT_IO;
	close(set);
	return r;
}

const struct mst_sandbox_mechanism mst_sandbox_landlock = { "landlock", apply };
