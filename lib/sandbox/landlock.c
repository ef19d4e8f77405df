/*
 * Landlock: files by name, TCP by direction, signals and abstract sockets by who began them. Raw system calls, and numbers
 * of our own: Debian 12's headers know its second version, its users' kernels may have a later one. What a kernel does not
 * know yet is not asked of it; the system call filter refuses most of that once more.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

#define BIT(n) (UINT64_C(1) << (n))
#define READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define READ_DIR LANDLOCK_ACCESS_FS_READ_DIR
#define WRITE_FILE LANDLOCK_ACCESS_FS_WRITE_FILE
#define MAKE (LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define TRUNCATE BIT(14)
#define IOCTL_DEVICE BIT(15)
#define TCP_BIND BIT(0)
#define TCP_CONNECT BIT(1)
#define RULE_PORT 2
#define SCOPE_ABSTRACT BIT(0)
#define SCOPE_SIGNAL BIT(1)

struct ruleset { uint64_t fs, net, scope; };

/* All that a version knows: what is not granted then is refused. `n`: octets of the attributes that it reads. */
static const struct { struct ruleset all; size_t n; } version[] = {
	{ { 0, 0, 0 }, 0 },
	{ { BIT(13) - 1, 0, 0 }, 8 },
	{ { BIT(14) - 1, 0, 0 }, 8 },                                      /* 2: moving to another directory */
	{ { BIT(15) - 1, 0, 0 }, 8 },                                      /* 3: truncating */
	{ { BIT(15) - 1, TCP_BIND | TCP_CONNECT, 0 }, 16 },                /* 4: TCP */
	{ { BIT(16) - 1, TCP_BIND | TCP_CONNECT, 0 }, 16 },                /* 5: ioctl() of devices */
	{ { BIT(16) - 1, TCP_BIND | TCP_CONNECT, SCOPE_ABSTRACT | SCOPE_SIGNAL }, 24 },
};

/* Where the link leads: the directory to allow, or the file. False: it is no link, or does not leave its directory. */
static bool target_of(const char *path, bool device, char out[PATH_MAX])
{
	const char *end = strrchr(path, '/');
	char *slash;
	struct stat st;
	size_t n;

	if (!end || lstat(path, &st) || !S_ISLNK(st.st_mode) || !realpath(path, out))
		return false;
	slash = strrchr(out, '/');
	n = (size_t)(slash - out);
	/* devices come and go, and udev's links lead upwards; otherwise that directory, or one above it, would be more than is asked for */
	if (!device && n <= (size_t)(end - path) && memcmp(path, out, n) == 0 && path[n] == '/')
		return false;
	if (n && (device || memchr(out + 1, '/', n - 1)))
		*slash = '\0';
	return true;
}

static int allow(int set, const struct mst_sandbox_path *p, uint64_t known)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = READ_FILE };
	char target[PATH_MAX];
	struct stat st;
	int r;

	if (p->may & MST_PATH_TARGET && !target_of(p->path, p->may & MST_PATH_DEVICE, target))
		return 0;
	rule.parent_fd = open(p->may & MST_PATH_TARGET ? target : p->path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return 0;        /* what is not there cannot be opened either */
	if (p->may & MST_PATH_WRITE)
		rule.allowed_access |= WRITE_FILE | TRUNCATE;
	if (p->may & MST_PATH_PUT)
		rule.allowed_access = WRITE_FILE | TRUNCATE;
	if (p->may & MST_PATH_DEVICE)
		rule.allowed_access |= IOCTL_DEVICE;
	if (!fstat(rule.parent_fd, &st) && S_ISDIR(st.st_mode))
		rule.allowed_access |= READ_DIR | (p->may & (MST_PATH_WRITE | MST_PATH_PUT) ? MAKE : 0);
	rule.allowed_access &= known;
	r = (int)syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return r ? MST_FAULT_IO : 0;
}

static int allow_port(int set, uint16_t port)
{
	struct { uint64_t access, port; } rule = { TCP_CONNECT, port };

	return syscall(SYS_landlock_add_rule, set, RULE_PORT, &rule, 0) ? MST_FAULT_IO : 0;
}

bool mst_sandbox_alone(void)
{
	struct stat st;

	return !stat("/proc/self/task", &st) && st.st_nlink == 3;      /* ".", itself in its parent, and one for each thread */
}

const char *mst_sandbox_fault(int r)
{
	return r == MST_SANDBOX_THREADS ? "a library, of PKCS#11 maybe, has begun a thread, which would stay outside" : "could not be applied";
}

static int apply(const struct mst_sandbox_ask *a)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset s;
	size_t n;
	int set, r = 0;

	if (v < 1)
		return MST_SANDBOX_ABSENT;
	if (!mst_sandbox_alone())
		return MST_SANDBOX_THREADS;
	if (v >= (long)MST_COUNT(version))
		v = (long)MST_COUNT(version) - 1;
	s = version[v].all;
	n = version[v].n;
	/* any port, or those that are named, or none at all */
	s.net &= ~((a->connects ? TCP_CONNECT : 0) | (a->listens ? TCP_BIND : 0));
	s.scope &= ~(a->abstract ? SCOPE_ABSTRACT : 0);
	set = (int)syscall(SYS_landlock_create_ruleset, &s, n, 0);
	if (set < 0)
		return MST_FAULT_IO;
	for (size_t i = 0; i < mst_sandbox_n_names && !r && a->usual & (MST_USUAL_NAMES | MST_USUAL_LOADS); i++)
		r = allow(set, &mst_sandbox_names[i], s.fs);
	for (size_t i = 0; i < a->n && !r; i++)
		r = allow(set, &a->path[i], s.fs);
	for (size_t i = 0; i < a->n_ports && !r && s.net & TCP_CONNECT; i++)
		r = allow_port(set, a->port[i]);
	if (!r && syscall(SYS_landlock_restrict_self, set, 0))
		r = MST_FAULT_IO;
	close(set);
	return r;
}

const struct mst_sandbox_mechanism mst_sandbox_landlock = { "landlock", apply };
