/*
 * System calls by kind of process. What is not listed fails with EPERM; what only an intruder would try
 * kills the process.
 */
#include <errno.h>
#include <seccomp.h>
#include <stddef.h>

#include "server/sandbox.h"

#define ALL 0xffu
#define LIS (1u << MST_PROC_LISTENER)
#define CON (1u << MST_PROC_CONNECTOR)
#define ENG (1u << MST_PROC_ENGINE)
#define KEE (1u << MST_PROC_KEEPER)
#define DIA (1u << MST_PROC_DIAMETER)
#define NET (CON | DIA)

static const struct { unsigned who; int call; } permit[] = {
	/* memory, time, signals, the loop */
	{ ALL, SCMP_SYS(read) }, { ALL, SCMP_SYS(write) }, { ALL, SCMP_SYS(writev) }, { ALL, SCMP_SYS(close) },
	{ ALL, SCMP_SYS(brk) }, { ALL, SCMP_SYS(mmap) }, { ALL, SCMP_SYS(munmap) }, { ALL, SCMP_SYS(mremap) },
	{ ALL, SCMP_SYS(mprotect) }, { ALL, SCMP_SYS(madvise) }, { ALL, SCMP_SYS(futex) }, { ALL, SCMP_SYS(getrandom) },
	{ ALL, SCMP_SYS(clock_gettime) }, { ALL, SCMP_SYS(gettimeofday) }, { ALL, SCMP_SYS(clock_nanosleep) },
	{ ALL, SCMP_SYS(nanosleep) }, { ALL, SCMP_SYS(rt_sigaction) }, { ALL, SCMP_SYS(rt_sigprocmask) },
	{ ALL, SCMP_SYS(rt_sigreturn) }, { ALL, SCMP_SYS(sigaltstack) }, { ALL, SCMP_SYS(restart_syscall) },
	{ ALL, SCMP_SYS(exit) }, { ALL, SCMP_SYS(exit_group) }, { ALL, SCMP_SYS(getpid) }, { ALL, SCMP_SYS(gettid) },
	{ ALL, SCMP_SYS(tgkill) }, { ALL, SCMP_SYS(getuid) }, { ALL, SCMP_SYS(geteuid) }, { ALL, SCMP_SYS(getgid) },
	{ ALL, SCMP_SYS(getegid) }, { ALL, SCMP_SYS(uname) }, { ALL, SCMP_SYS(sched_yield) }, { ALL, SCMP_SYS(rseq) },
	{ ALL, SCMP_SYS(set_robust_list) }, { ALL, SCMP_SYS(prctl) }, { ALL, SCMP_SYS(sysinfo) },
	{ ALL, SCMP_SYS(sched_getaffinity) }, { ALL, SCMP_SYS(prlimit64) },
	{ ALL, SCMP_SYS(epoll_create1) }, { ALL, SCMP_SYS(epoll_ctl) }, { ALL, SCMP_SYS(epoll_wait) },
	{ ALL, SCMP_SYS(epoll_pwait) }, { ALL, SCMP_SYS(epoll_pwait2) }, { ALL, SCMP_SYS(poll) }, { ALL, SCMP_SYS(ppoll) },
	{ ALL, SCMP_SYS(eventfd2) }, { ALL, SCMP_SYS(pipe2) }, { ALL, SCMP_SYS(timerfd_create) },
	{ ALL, SCMP_SYS(timerfd_settime) }, { ALL, SCMP_SYS(fcntl) }, { ALL, SCMP_SYS(fstat) },
	{ ALL, SCMP_SYS(newfstatat) }, { ALL, SCMP_SYS(lseek) },
	/* the links */
	{ ALL, SCMP_SYS(sendmsg) }, { ALL, SCMP_SYS(recvmsg) }, { ALL, SCMP_SYS(sendto) }, { ALL, SCMP_SYS(recvfrom) },
	{ ALL, SCMP_SYS(shutdown) }, { ALL, SCMP_SYS(getsockopt) },
	/* files: which ones is Landlock's business; the keeper's are in its directory */
	{ LIS | NET | ENG | KEE, SCMP_SYS(openat) }, { LIS | NET | ENG, SCMP_SYS(open) }, { LIS | NET | ENG, SCMP_SYS(access) },
	{ LIS | NET | ENG, SCMP_SYS(stat) }, { LIS | NET | ENG, SCMP_SYS(lstat) }, { LIS | NET | ENG, SCMP_SYS(statx) },
	{ LIS | NET | ENG, SCMP_SYS(pread64) }, { LIS | NET | ENG, SCMP_SYS(ioctl) },
	/* peers */
	{ LIS | DIA, SCMP_SYS(accept4) }, { LIS | DIA, SCMP_SYS(accept) }, { DIA, SCMP_SYS(listen) },
	{ DIA, SCMP_SYS(pselect6) }, { DIA, SCMP_SYS(select) },
	{ LIS | NET, SCMP_SYS(getsockname) }, { LIS | NET, SCMP_SYS(getpeername) }, { LIS | NET, SCMP_SYS(setsockopt) },
	{ LIS | NET, SCMP_SYS(readv) }, { LIS | NET, SCMP_SYS(sendmmsg) },
	/* the way out, and the resolver with its thread */
	{ NET, SCMP_SYS(socket) }, { NET, SCMP_SYS(connect) }, { NET, SCMP_SYS(bind) }, { NET, SCMP_SYS(clone) },
	{ NET, SCMP_SYS(clone3) }, { NET, SCMP_SYS(socketpair) }, { NET, SCMP_SYS(recvmmsg) }, { NET, SCMP_SYS(getdents64) },
	{ NET | LIS, SCMP_SYS(set_tid_address) }, { NET, SCMP_SYS(pipe) },
	/* the database */
	{ ENG, SCMP_SYS(pwrite64) }, { ENG | KEE, SCMP_SYS(fsync) }, { ENG, SCMP_SYS(fdatasync) }, { ENG, SCMP_SYS(ftruncate) },
	{ ENG, SCMP_SYS(unlink) }, { ENG | KEE, SCMP_SYS(unlinkat) }, { KEE, SCMP_SYS(renameat) }, { KEE, SCMP_SYS(renameat2) }, { ENG, SCMP_SYS(fallocate) }, { ENG, SCMP_SYS(getcwd) },
	{ ENG, SCMP_SYS(readlink) }, { ENG, SCMP_SYS(fchmod) }, { ENG, SCMP_SYS(fchown) }, { ENG, SCMP_SYS(msync) },
	{ ENG, SCMP_SYS(mkdir) }, { ENG, SCMP_SYS(statfs) }, { ENG, SCMP_SYS(fstatfs) }, { ENG, SCMP_SYS(pwritev) },
	/* locked memory */
	{ ALL, SCMP_SYS(mlock) }, { ALL, SCMP_SYS(mlock2) }, { ALL, SCMP_SYS(munlock) },
};

/* kill: a process may end itself by a signal (the crash hooks of tests), nobody else. */
static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(bpf), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(kexec_load), SCMP_SYS(mount),
	SCMP_SYS(pivot_root), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(keyctl), SCMP_SYS(add_key),
};

static int apply(const struct mst_sandbox_ask *a)
{
	scmp_filter_ctx f;
	int r = 0;

#ifdef MST_SANITIZED
	return MST_SANDBOX_ABSENT;
#endif
	f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!f)
		return MST_FAULT_MEMORY;
	for (size_t i = 0; i < MST_COUNT(permit) && !r; i++)
		if (permit[i].who & (1u << a->kind))
			r = seccomp_rule_add(f, SCMP_ACT_ALLOW, permit[i].call, 0);
	for (size_t i = 0; i < MST_COUNT(deadly) && !r; i++)
		r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	if (!r)
		r = seccomp_load(f);
	seccomp_release(f);
	if (r == -EINVAL || r == -EOPNOTSUPP)
		return MST_SANDBOX_ABSENT;
	return r ? MST_FAULT_IO : 0;
}

const struct mst_sandbox_mechanism mst_sandbox_seccomp = { "seccomp", apply };
