/*
 * What a process gives up before it hears from its first peer (architecture 5.3, decision 0029). One file for each
 * mechanism and a null one, which stands for what a kernel or a build does not have: sanitizers' run-times make
 * system calls and open files of their own. What is given up comes never back, also not in threads that begin later.
 * Threads that run already, as a library's may, are held to the list of calls, but Landlock takes files from the calling one alone: with another
 * one it is refused.
 *
 * The lists are the callers': const tables with a reason for everything that tests do not show (tools/record-calls).
 */
#ifndef MST_SANDBOX_SANDBOX_H
#define MST_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"

enum mst_sandbox_outcome {
	MST_SANDBOX_ABSENT = 1,          /* this kernel or build has no such thing */
	MST_SANDBOX_THREADS = -1000      /* another thread runs, which would keep what this one gives up */
};
/* Is this thread the only one? False also when nobody knows: there is no /proc. */
MST_MUST_CHECK bool mst_sandbox_alone(void);
/* For people: what was negative. */
const char *mst_sandbox_fault(int r);

/* What may be done with a file, or with everything below a directory. */
enum {
	MST_PATH_READ = 1,
	MST_PATH_WRITE = 2,              /* files and sockets made, changed, renamed and removed; implies READ */
	MST_PATH_DEVICE = 4,             /* ioctl() */
	MST_PATH_PUT = 8,                /* a directory: files made, written, renamed and removed, but none is read */
	/*
	 * Not the path, which is a symbolic link or nothing is allowed at all, but the directory of what it leads to, since that
	 * may be replaced by another file; directly below the root it is the file alone (/run and /tmp are everybody's), but for DEVICE.
	 */
	MST_PATH_TARGET = 16,
};
struct mst_sandbox_path { const char *path; unsigned may; };

/*
 * Does `path` lead through that directory, or to it or something in it, with all symbolic links on its way? Who may write there has another file in its place, and who may
 * read there has it. Looked at as far as we get: behind what is not there is nothing, and a directory that we may not search keeps us from what is in it, also from
 * where its links lead.
 */
MST_MUST_CHECK bool mst_path_leads(const char *path, const char *dir);

/* With which arguments. Several rows of one call add up. */
enum mst_sandbox_args {
	MST_ARGS_ANY,
	MST_ARGS_SELF,                   /* the first is this process */
	MST_ARGS_THREAD,                 /* clone: a thread, never a process */
	MST_ARGS_LOOK,                   /* prlimit64: of this process, and sets nothing */
	MST_ARGS_NAME,                   /* prctl: a thread's name */
	MST_ARGS_DATA,                   /* mmap, mprotect: not executable */
	MST_ARGS_CODE,                   /* mmap: executable, but not writable: a library that is loaded late */
	MST_ARGS_INET,                   /* socket: AF_INET, AF_INET6, TCP and UDP by those names: Landlock takes MPTCP for no TCP */
	MST_ARGS_LOCAL,                  /* socket, socketpair: AF_UNIX */
	MST_ARGS_INET_STREAM,            /* socket: AF_INET, AF_INET6, TCP only */
	MST_ARGS_LOCAL_STREAM,           /* socket: AF_UNIX, streams only */
	MST_ARGS_ROUTES,                 /* socket: AF_NETLINK: which addresses has this host? */
	MST_ARGS_OPTION,                 /* setsockopt: buffers, deadlines, what is said of a peer; no filters, devices, marks, other protocols */
	/*
	 * sendto, sendmsg, sendmmsg: not with MSG_FASTOPEN, which is connect() on any socket of TCP that is not connected (one that listened, after
	 * shutdown()), and which Landlock does not see.
	 */
	MST_ARGS_SEND,
	MST_ARGS_OUTWARD,                /* shutdown: of what is sent, so that a socket that listens goes on listening */
	MST_ARGS_DEVICE,                 /* ioctl: whatever a device is asked, but nothing that types into a terminal or changes what its keys say, which kills */
	MST_ARGS_PENDING,                /* ioctl: how much is there to read? */
	MST_ARGS_FILE,                   /* fcntl: descriptors, flags and locks, no signals to anybody */
	MST_ARGS_UNKNOWN                 /* fails as on a kernel without it, so that the C library takes the older one */
};
struct mst_sandbox_call {
	unsigned who;                    /* bits of the caller's own choice */
	int call;                        /* SCMP_SYS(…) */
	enum mst_sandbox_args args;
	const char *why;                 /* NULL: recorded in tests */
};

/* What many want alike (usual.c), besides their own rows: bits for mst_sandbox_ask.usual, and `who` there. */
enum {
	MST_USUAL_RUN = 1,               /* memory, time, a loop of events, the end */
	MST_USUAL_PEERS = 2,             /* sockets that are there are used */
	MST_USUAL_NAMES = 4,             /* names are looked up, in a thread: with the files for it, and sockets of the Internet */
	MST_USUAL_LOADS = 8,             /* only what NAMES has of threads, files and libraries that are loaded late: no socket */
	/*
	 * Local sockets. No mechanism here sees to which one: every service of this machine that its user may speak to, so only who has one to ask
	 * for this. Who listens at one should know whom not to believe.
	 */
	MST_USUAL_LOCAL = 16,
};
extern const struct mst_sandbox_call mst_sandbox_usual[];
extern const size_t mst_sandbox_n_usual;
extern const struct mst_sandbox_path mst_sandbox_names[];        /* of MST_USUAL_NAMES, MST_USUAL_LOADS */
extern const size_t mst_sandbox_n_names;

struct mst_sandbox_ask {
	unsigned usual;
	unsigned who;                            /* rows with one of these bits */
	const struct mst_sandbox_call *call;
	size_t n_calls;
	const struct mst_sandbox_path *path;     /* all that may still be opened by name */
	size_t n;
	bool connects, listens;                  /* TCP: may begin a connection, may take an address */
	const uint16_t *port;                    /* … or may begin one to these only */
	size_t n_ports;
	bool abstract;                           /* abstract local sockets of others */
};

struct mst_sandbox_mechanism {
	const char *name;
	int (*apply)(const struct mst_sandbox_ask *a);     /* 0, ABSENT, THREADS, or a fault */
};
extern const struct mst_sandbox_mechanism mst_sandbox_limits;     /* no_new_privs, no core, not dumpable */
extern const struct mst_sandbox_mechanism mst_sandbox_landlock;
extern const struct mst_sandbox_mechanism mst_sandbox_seccomp;
/*
 * Not one of mst_sandbox_all, but for who begins other programs, which inherit it: what none of them has a use for. After the limits. In a sanitizer's
 * build it is the null one.
 */
extern const struct mst_sandbox_mechanism mst_sandbox_outlaw;
extern const struct mst_sandbox_mechanism *const mst_sandbox_begins;
extern const struct mst_sandbox_mechanism mst_sandbox_null;       /* ABSENT, always */
/* All of them in the right order; NULL-terminated. */
extern const struct mst_sandbox_mechanism *const mst_sandbox_all[];

/* What kills who tries: nobody here has a use for it. Ended by -1. For seccomp.c and its test. */
extern const int mst_sandbox_deadly[];
/* … and of those who begin others. */
extern const int mst_sandbox_outlaws[];
/* A filter of libseccomp, to which `r` says whether it is whole, takes hold, and is given up: what apply() returns. For the mechanisms alone. */
int mst_sandbox_load(void *filter, int r);
/* Which argument of clone() its flags are: clone(2), "C library/kernel differences". For the mechanisms alone. */
#if defined(__s390__) || defined(__cris__)
#define MST_SANDBOX_CLONE_FLAGS 1
#else
#define MST_SANDBOX_CLONE_FLAGS 0
#endif

#endif
