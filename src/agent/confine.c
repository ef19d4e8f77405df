#include "agent/confine.h"

#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "sandbox/sandbox.h"

/*
 * The system calls that it keeps. A row without a reason was recorded in the scenario tests (tools/record-calls compares);
 * one with a reason is there for a path that no test takes, or another C library.
 */
#define AGT 1u
static const struct mst_sandbox_call calls[] = {
	/* memory, time, the loop, the end */
	{ AGT, SCMP_SYS(brk), 0, NULL },
	{ AGT, SCMP_SYS(mmap), MST_ARGS_DATA, NULL },
	{ AGT, SCMP_SYS(mmap), MST_ARGS_CODE, "modules of the name service; the end of a thread" },
	{ AGT, SCMP_SYS(munmap), 0, NULL },
	{ AGT, SCMP_SYS(mremap), 0, "realloc() of what is large" },
	{ AGT, SCMP_SYS(mprotect), MST_ARGS_DATA, NULL },
	{ AGT, SCMP_SYS(madvise), 0, NULL },
	{ AGT, SCMP_SYS(mlock), 0, "keys are kept out of swap" },
	{ AGT, SCMP_SYS(munlock), 0, "keys are kept out of swap" },
	{ AGT, SCMP_SYS(futex), 0, NULL },
	{ AGT, SCMP_SYS(getrandom), 0, "OpenSSL seeds itself again" },
	{ AGT, SCMP_SYS(getpid), 0, NULL },
	{ AGT, SCMP_SYS(gettid), 0, "abort()" },
	{ AGT, SCMP_SYS(getuid), 0, "D-Bus says who asks" },
	{ AGT, SCMP_SYS(geteuid), 0, "D-Bus says who asks" },
	{ AGT, SCMP_SYS(getgid), 0, "D-Bus says who asks" },
	{ AGT, SCMP_SYS(getegid), 0, "D-Bus says who asks" },
	{ AGT, SCMP_SYS(getresuid), 0, NULL },                           /* D-Bus */
	{ AGT, SCMP_SYS(getresgid), 0, "D-Bus says who asks" },
	{ AGT, SCMP_SYS(clock_gettime), 0, "where the vDSO has no clock" },
	{ AGT, SCMP_SYS(gettimeofday), 0, "where the vDSO has no clock" },
	{ AGT, SCMP_SYS(time), 0, "where the vDSO has no clock" },
	{ AGT, SCMP_SYS(clock_nanosleep), 0, "a card that is busy" },
	{ AGT, SCMP_SYS(epoll_wait), 0, NULL },
	{ AGT, SCMP_SYS(epoll_pwait), 0, "epoll_wait() of other machines" },
	{ AGT, SCMP_SYS(epoll_pwait2), 0, "epoll_wait() of later libevents" },
	{ AGT, SCMP_SYS(epoll_ctl), 0, NULL },
	{ AGT, SCMP_SYS(poll), 0, NULL },
	{ AGT, SCMP_SYS(ppoll), 0, "poll() of other machines" },
	{ AGT, SCMP_SYS(select), 0, "a serial line" },
	{ AGT, SCMP_SYS(pselect6), 0, "a serial line" },
	{ AGT, SCMP_SYS(fcntl), MST_ARGS_FILE, NULL },
	{ AGT, SCMP_SYS(close), 0, NULL },
	{ AGT, SCMP_SYS(restart_syscall), 0, "the kernel's own" },
	{ AGT, SCMP_SYS(exit_group), 0, NULL },
	{ AGT, SCMP_SYS(tgkill), MST_ARGS_SELF, "abort()" },
	{ AGT, SCMP_SYS(kill), MST_ARGS_SELF, NULL },
	{ AGT, SCMP_SYS(rt_sigprocmask), 0, NULL },
	{ AGT, SCMP_SYS(rt_sigaction), 0, NULL },
	{ AGT, SCMP_SYS(rt_sigreturn), 0, NULL },
	/* threads: names are looked up, and the card is asked, in one of their own */
	{ AGT, SCMP_SYS(clone), MST_ARGS_THREAD, NULL },
	{ AGT, SCMP_SYS(clone3), MST_ARGS_UNKNOWN, NULL },
	{ AGT, SCMP_SYS(rseq), 0, NULL },
	{ AGT, SCMP_SYS(set_robust_list), 0, NULL },
	{ AGT, SCMP_SYS(sched_getaffinity), 0, "a thread's stack" },
	{ AGT, SCMP_SYS(sched_yield), 0, "a thread" },
	{ AGT, SCMP_SYS(exit), 0, NULL },
	{ AGT, SCMP_SYS(prctl), MST_ARGS_NAME, "a thread's name" },
	{ AGT, SCMP_SYS(pipe2), 0, NULL },
	{ AGT, SCMP_SYS(eventfd2), 0, "threads wake one another" },
	{ AGT, SCMP_SYS(socketpair), MST_ARGS_LOCAL, "threads wake one another" },
	/* files: which ones is Landlock's business */
	{ AGT, SCMP_SYS(openat), 0, NULL },
	{ AGT, SCMP_SYS(openat2), 0, NULL },
	{ AGT, SCMP_SYS(newfstatat), 0, NULL },
	{ AGT, SCMP_SYS(fstat), 0, "newfstatat() of older C libraries" },
	{ AGT, SCMP_SYS(statx), 0, "newfstatat() of later C libraries" },
	{ AGT, SCMP_SYS(access), 0, "modules of the name service" },
	{ AGT, SCMP_SYS(faccessat), 0, "access() of other machines" },
	{ AGT, SCMP_SYS(faccessat2), 0, "access() of other machines" },
	{ AGT, SCMP_SYS(readlink), 0, "D-Bus" },
	{ AGT, SCMP_SYS(readlinkat), 0, "D-Bus" },
	{ AGT, SCMP_SYS(lseek), 0, "stdio" },
	{ AGT, SCMP_SYS(pread64), 0, "the head of a library" },
	{ AGT, SCMP_SYS(read), 0, NULL },
	{ AGT, SCMP_SYS(write), 0, NULL },
	{ AGT, SCMP_SYS(fsync), 0, NULL },
	{ AGT, SCMP_SYS(ftruncate), 0, NULL },                           /* a token in software */
	{ AGT, SCMP_SYS(renameat), 0, NULL },
	{ AGT, SCMP_SYS(renameat2), 0, "renameat() of other machines" },
	{ AGT, SCMP_SYS(unlink), 0, NULL },
	{ AGT, SCMP_SYS(unlinkat), 0, NULL },
	{ AGT, SCMP_SYS(getdents64), 0, "what DHCP left" },
	{ AGT, SCMP_SYS(ioctl), 0, NULL },
	{ AGT, SCMP_SYS(flock), 0, "the state's lock, when it is closed" },
	/* a module of PKCS#11 that keeps its objects in files */
	{ AGT, SCMP_SYS(rename), 0, "a module of PKCS#11" },
	{ AGT, SCMP_SYS(mkdir), 0, "a module of PKCS#11" },
	{ AGT, SCMP_SYS(ftruncate), 0, "a module of PKCS#11" },
	{ AGT, SCMP_SYS(fdatasync), 0, "a module of PKCS#11" },
	/* peers, the local page, the control socket, D-Bus */
	{ AGT, SCMP_SYS(socket), MST_ARGS_INET, NULL },
	{ AGT, SCMP_SYS(socket), MST_ARGS_LOCAL, NULL },
	{ AGT, SCMP_SYS(socket), MST_ARGS_ROUTES, "which addresses has this host?" },
	{ AGT, SCMP_SYS(connect), 0, NULL },
	{ AGT, SCMP_SYS(bind), 0, "getaddrinfo(), of AF_NETLINK" },
	{ AGT, SCMP_SYS(accept4), 0, NULL },
	{ AGT, SCMP_SYS(setsockopt), 0, NULL },
	{ AGT, SCMP_SYS(getsockopt), 0, NULL },
	{ AGT, SCMP_SYS(getsockname), 0, "the resolver" },
	{ AGT, SCMP_SYS(getpeername), 0, NULL },
	{ AGT, SCMP_SYS(readv), 0, NULL },
	{ AGT, SCMP_SYS(writev), 0, NULL },
	{ AGT, SCMP_SYS(sendto), 0, NULL },
	{ AGT, SCMP_SYS(recvfrom), 0, NULL },
	{ AGT, SCMP_SYS(sendmsg), 0, "D-Bus" },
	{ AGT, SCMP_SYS(recvmsg), 0, "D-Bus" },
	{ AGT, SCMP_SYS(sendmmsg), 0, "the resolver asks for two families at once" },
	{ AGT, SCMP_SYS(recvmmsg), 0, "the resolver" },
	{ AGT, SCMP_SYS(shutdown), 0, NULL },
	{ AGT, SCMP_SYS(uname), 0, "the resolver" },
	{ AGT, SCMP_SYS(sysinfo), 0, "the resolver" },
};

/* What may still be opened by name, besides the places that the configuration names. */
static const struct mst_sandbox_path common[] = {
	{ "/etc", MST_PATH_READ },                               /* the resolver, and D-Bus */
	{ "/etc/resolv.conf", MST_PATH_READ | MST_PATH_TARGET },         /* in /run/connman, say */
	{ "/usr/lib64", MST_PATH_READ },                         /* of other distributions */
	{ "/usr/lib", MST_PATH_READ },
	{ "/lib", MST_PATH_READ },
	{ "/usr/share/zoneinfo", MST_PATH_READ },
	{ "/run/systemd/resolve", MST_PATH_READ },
	{ "/run/resolvconf", MST_PATH_READ },
	{ "/run/NetworkManager", MST_PATH_READ },
};

/*
 * Of a file that may be replaced while the agent runs, the directory: a rule is for the file that is there now. Where it is a
 * symbolic link, as those of programs that renew certificates, also the directory that it leads to now.
 */
#define FILE_OF(m) { offsetof(struct agent_config, m), MST_PATH_READ, true }
static const struct { size_t offset; unsigned may; bool file; } named[] = {
	{ offsetof(struct agent_config, state), MST_PATH_WRITE, false },
	{ offsetof(struct agent_config, run), MST_PATH_WRITE, false },
	{ offsetof(struct agent_config, trigger_socket), MST_PATH_WRITE, true },         /* is removed at the end */
	{ offsetof(struct agent_config, card_device), MST_PATH_WRITE | MST_PATH_DEVICE, true },     /* modems come and go */
	{ offsetof(struct agent_config, secenv_device), MST_PATH_WRITE | MST_PATH_DEVICE, false },
	{ offsetof(struct agent_config, secenv_module_state), MST_PATH_WRITE | MST_PATH_DEVICE, false },
	FILE_OF(secenv_module), FILE_OF(secenv_secret), FILE_OF(secenv_pin),             /* a token that was away is logged into anew */
	FILE_OF(file), FILE_OF(key_file), FILE_OF(certificate), FILE_OF(key), FILE_OF(anchors), FILE_OF(bootstrap), FILE_OF(psk_file),
	FILE_OF(objects), FILE_OF(bundle_anchors), FILE_OF(trigger_signers), FILE_OF(card_pin_file), FILE_OF(card_key_file),
};
#undef FILE_OF

#define TEXTS (MST_COUNT(named) + AGENT_MEDIA_MAX)
#define PATHS (MST_COUNT(common) + MST_COUNT(named) + TEXTS)

struct paths { struct mst_sandbox_path v[PATHS]; char text[TEXTS][AGENT_PATH_MAX]; size_t n; };

/* Where media will be mounted: what is there now of the pattern's beginning, which is not the root. */
static void medium_of(const char *pattern, char dir[AGENT_PATH_MAX])
{
	struct stat st;
	char *slash;

	snprintf(dir, AGENT_PATH_MAX, "%s", pattern);
	dir[strcspn(dir, "*?[\\")] = '\0';
	while ((slash = strrchr(dir, '/')) != NULL && slash != dir && (!slash[1] || stat(dir, &st)))
		*slash = '\0';
}

static void collect(const struct agent_config *cfg, struct paths *p)
{
	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < MST_COUNT(common); i++)
		p->v[p->n++] = common[i];
	for (size_t i = 0; i < MST_COUNT(named); i++) {
		const char *path = (const char *)cfg + named[i].offset;
		char *slash;

		if (!*path)
			continue;
		if (named[i].file)
			p->v[p->n++] = (struct mst_sandbox_path){ path, named[i].may | MST_PATH_TARGET };
		snprintf(p->text[i], sizeof(p->text[i]), "%s", path);
		slash = named[i].file ? strrchr(p->text[i], '/') : NULL;
		if (slash)
			slash[slash == p->text[i]] = '\0';
		else if (named[i].file)
			snprintf(p->text[i], sizeof(p->text[i]), ".");
		p->v[p->n++] = (struct mst_sandbox_path){ p->text[i], named[i].may };
	}
	for (size_t i = 0; i < cfg->n_media; i++) {
		char *dir = p->text[MST_COUNT(named) + i];

		medium_of(cfg->media[i], dir);
		if (dir[0] && dir[1])
			p->v[p->n++] = (struct mst_sandbox_path){ dir, MST_PATH_READ };
	}
}

int agent_confine(struct agent *a)
{
	static struct paths p;
	struct mst_sandbox_ask ask = { .who = AGT, .call = calls, .n_calls = MST_COUNT(calls), .path = p.v, .connects = true, .abstract = true };

	if (!a->cfg.sandbox)
		return 0;
	tzset();
	collect(&a->cfg, &p);
	ask.n = p.n;
	for (size_t i = 0; mst_sandbox_all[i]; i++) {
		int r = mst_sandbox_all[i]->apply(&ask);

		if (r < 0) {
			agent_log(a, AGENT_ERROR, "sandbox", "mechanism", mst_sandbox_all[i]->name, "remedy",
				  "set sandbox = \"no\" to run without", NULL);
			return r;
		}
		agent_log(a, AGENT_DEBUG, r ? "sandbox-absent" : "sandbox", "mechanism", mst_sandbox_all[i]->name, NULL);
	}
	return 0;
}
