/*
 * What is wanted alike by everything that has a loop, peers or names to look up. A row without a reason was recorded in one of those
 * processes at least (tools/record-calls compares); one with a reason is there for a path that no test takes, or another C library.
 */
#include <seccomp.h>

#include "sandbox/sandbox.h"

#define RUN MST_USUAL_RUN
#define PEERS MST_USUAL_PEERS
#define NAMES MST_USUAL_NAMES
#define LOCAL MST_USUAL_LOCAL
#define LOADS (MST_USUAL_NAMES | MST_USUAL_LOADS)

const struct mst_sandbox_call mst_sandbox_usual[] = {
	/* memory, time, the loop, the end */
	{ RUN, SCMP_SYS(brk), 0, NULL },
	{ RUN, SCMP_SYS(mmap), MST_ARGS_DATA, NULL },
	{ RUN, SCMP_SYS(munmap), 0, NULL },
	{ RUN, SCMP_SYS(mremap), 0, "realloc() of what is large" },
	{ RUN, SCMP_SYS(mprotect), MST_ARGS_DATA, NULL },
	{ RUN, SCMP_SYS(madvise), 0, NULL },
	{ RUN, SCMP_SYS(mlock), 0, NULL },                                /* keys are kept out of swap */
	{ RUN, SCMP_SYS(munlock), 0, "keys are kept out of swap" },
	{ RUN, SCMP_SYS(futex), 0, NULL },
	{ RUN, SCMP_SYS(getrandom), 0, NULL },                           /* OpenSSL seeds itself again */
	{ RUN, SCMP_SYS(getpid), 0, NULL },
	{ RUN, SCMP_SYS(clock_gettime), 0, "where the vDSO has no clock" },
	{ RUN, SCMP_SYS(gettimeofday), 0, "where the vDSO has no clock" },
	{ RUN, SCMP_SYS(time), 0, "where the vDSO has no clock" },
	{ RUN, SCMP_SYS(epoll_wait), 0, NULL },
	{ RUN, SCMP_SYS(epoll_pwait), 0, "epoll_wait() of other machines" },
	{ RUN, SCMP_SYS(epoll_pwait2), 0, "epoll_wait() of later libevents" },
	{ RUN, SCMP_SYS(epoll_ctl), 0, NULL },
	{ RUN, SCMP_SYS(fcntl), MST_ARGS_FILE, NULL },
	{ RUN, SCMP_SYS(close), 0, NULL },
	{ RUN, SCMP_SYS(read), 0, NULL },
	{ RUN, SCMP_SYS(write), 0, NULL },
	{ RUN, SCMP_SYS(writev), 0, NULL },
	{ RUN, SCMP_SYS(restart_syscall), 0, "the kernel's own" },
	{ RUN, SCMP_SYS(exit_group), 0, NULL },
	/* an assertion, or a point of the power-cut tests, ends this process and no other */
	{ RUN, SCMP_SYS(tgkill), MST_ARGS_SELF, NULL },                  /* abort() */
	{ RUN, SCMP_SYS(kill), MST_ARGS_SELF, NULL },
	{ RUN, SCMP_SYS(gettid), 0, "abort()" },
	{ RUN, SCMP_SYS(rt_sigprocmask), 0, NULL },
	{ RUN, SCMP_SYS(rt_sigaction), 0, NULL },
	{ RUN, SCMP_SYS(rt_sigreturn), 0, NULL },
	/* peers: sockets that are there */
	{ PEERS, SCMP_SYS(setsockopt), MST_ARGS_OPTION, NULL },
	{ PEERS, SCMP_SYS(getsockopt), 0, NULL },
	{ PEERS, SCMP_SYS(getsockname), 0, NULL },
	{ PEERS, SCMP_SYS(getpeername), 0, NULL },
	{ PEERS, SCMP_SYS(sendto), MST_ARGS_SEND, NULL },
	{ PEERS, SCMP_SYS(recvfrom), 0, NULL },
	{ PEERS, SCMP_SYS(readv), 0, NULL },
	{ PEERS, SCMP_SYS(ioctl), MST_ARGS_PENDING, NULL },
	{ PEERS, SCMP_SYS(shutdown), MST_ARGS_OUTWARD, NULL },
	/*
	 * The way out to names: the resolver with its thread, its modules, its datagrams. Modules that would ask a daemon (nscd, resolved) by a local
	 * socket have none, and give way to the next one: files, and DNS. Nor does getaddrinfo() learn by AF_NETLINK which addresses this host has: it takes
	 * it for one that has both kinds.
	 */
	{ NAMES, SCMP_SYS(socket), MST_ARGS_INET, NULL },
	{ NAMES | LOCAL, SCMP_SYS(connect), 0, NULL },
	{ NAMES, SCMP_SYS(sendmsg), MST_ARGS_SEND, NULL },               /* the resolver */
	{ NAMES, SCMP_SYS(recvmsg), 0, "the resolver" },
	{ NAMES, SCMP_SYS(sendmmsg), MST_ARGS_SEND, NULL },              /* the resolver asks for two families at once */
	{ NAMES, SCMP_SYS(recvmmsg), 0, "the resolver" },
	{ LOADS, SCMP_SYS(poll), 0, NULL },                              /* the resolver waits */
	{ LOADS, SCMP_SYS(ppoll), 0, "the resolver waits" },
	{ LOADS, SCMP_SYS(clock_nanosleep), 0, NULL },                   /* the resolver */
	{ LOADS, SCMP_SYS(uname), 0, NULL },                             /* the resolver */
	{ LOADS, SCMP_SYS(sysinfo), 0, "the resolver" },
	{ LOADS, SCMP_SYS(clone), MST_ARGS_THREAD, NULL },               /* a thread; who is told that there is no clone3() */
	{ LOADS, SCMP_SYS(clone3), MST_ARGS_UNKNOWN, NULL },
	{ LOADS, SCMP_SYS(rseq), 0, NULL },
	{ LOADS, SCMP_SYS(set_robust_list), 0, NULL },
	{ LOADS, SCMP_SYS(sched_getaffinity), 0, NULL },                 /* a thread's stack */
	{ LOADS, SCMP_SYS(sched_yield), 0, "a thread" },
	{ LOADS, SCMP_SYS(prctl), MST_ARGS_NAME, "a thread's name" },
	{ LOADS, SCMP_SYS(exit), 0, NULL },
	{ LOADS, SCMP_SYS(pipe2), 0, NULL },
	{ LOADS, SCMP_SYS(eventfd2), 0, "threads wake one another" },
	{ NAMES, SCMP_SYS(socketpair), MST_ARGS_LOCAL_STREAM, "threads wake one another" },      /* an end of another kind could be connected anew */
	{ LOADS, SCMP_SYS(openat), 0, NULL },                            /* which file is Landlock's business */
	{ LOADS, SCMP_SYS(newfstatat), 0, NULL },
	{ LOADS, SCMP_SYS(fstat), 0, "newfstatat() of older C libraries" },
	{ LOADS, SCMP_SYS(lseek), 0, NULL },                             /* stdio */
	{ LOADS, SCMP_SYS(mmap), MST_ARGS_CODE, NULL },                  /* modules of the name service; the end of a thread */
	{ LOADS, SCMP_SYS(pread64), 0, "the head of a library" },
	{ LOADS, SCMP_SYS(getdents64), 0, NULL },                        /* modules of the name service, and of PKCS#11 */
	{ LOADS, SCMP_SYS(access), 0, NULL },                            /* modules of the name service */
	{ LOADS, SCMP_SYS(faccessat), 0, "access() of other machines" },
	{ LOADS, SCMP_SYS(faccessat2), 0, "access() of other machines" },
	/* services of this machine: nothing here sees which ones */
	{ LOCAL, SCMP_SYS(socket), MST_ARGS_LOCAL, NULL },
};
const size_t mst_sandbox_n_usual = MST_COUNT(mst_sandbox_usual);

/* The resolver: its files, the stub's, modules of the name service, and libraries that are loaded late. */
const struct mst_sandbox_path mst_sandbox_names[] = {
	{ "/etc/hosts", MST_PATH_READ },
	{ "/etc/host.conf", MST_PATH_READ },
	{ "/etc/nsswitch.conf", MST_PATH_READ },
	{ "/etc/resolv.conf", MST_PATH_READ },
	{ "/etc/resolv.conf", MST_PATH_READ | MST_PATH_TARGET },         /* in /run/connman, say */
	{ "/etc/gai.conf", MST_PATH_READ },
	{ "/etc/services", MST_PATH_READ },
	{ "/etc/ld.so.cache", MST_PATH_READ },
	{ "/run/systemd/resolve", MST_PATH_READ },
	{ "/run/resolvconf", MST_PATH_READ },
	{ "/run/NetworkManager", MST_PATH_READ },
	{ "/usr/lib", MST_PATH_READ },
	{ "/lib", MST_PATH_READ },
	{ "/usr/lib64", MST_PATH_READ },                                 /* of other distributions */
};
const size_t mst_sandbox_n_names = MST_COUNT(mst_sandbox_names);
