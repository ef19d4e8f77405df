#include "tests/support/failcall.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/attr.h"

enum kind {
	K_NONE, K_OPEN, K_FOPEN, K_FREAD, K_READ, K_PREAD, K_WRITE, K_PWRITE, K_LOG, K_SYNC, K_TRUNCATE, K_RENAME, K_LINK, K_UNLINK, K_MKDIR,
	K_STAT, K_ACCESS, K_OPENDIR, K_READDIR, K_CHMOD, K_FLOCK, K_LOCK, K_DUP, K_FCNTL, K_MMAP, K_MLOCK, K_SOCKET, K_CONNECT, K_BIND, K_LISTEN, K_ACCEPT,
	K_SOCKOPT, K_SOCKNAME, K_SEND, K_RECV, K_SENDMSG, K_RECVMSG, K_PAIR, K_PIPE, K_EPOLL, K_EVENTFD, K_TIMERFD, K_WAIT, K_RANDOM, K_FORK, K_THREAD, K__COUNT,
};

static const char *const names[K__COUNT] = {
	"", "open", "fopen", "fread", "read", "pread", "write", "pwrite", "log", "fsync", "ftruncate", "rename", "link", "unlink", "mkdir",
	"stat", "access", "opendir", "readdir", "chmod", "flock", "lock", "dup", "fcntl", "mmap", "mlock", "socket", "connect", "bind", "listen", "accept",
	"sockopt", "sockname", "send", "recv", "sendmsg", "recvmsg", "socketpair", "pipe", "epoll_ctl", "eventfd", "timerfd", "epoll_wait", "getrandom", "fork",
	"pthread",
};

#define MARKS 4096
enum mark { FD_FILE, FD_SOCKET, FD_OTHER };

static struct failcall_page nobody, *page = &nobody;
static uint8_t marks[MARKS];
static char handed_preload[1100], handed_dir[1100], handed_spare[256];
static const char *spared;

static void mark(int fd, enum mark what)
{
	if (fd >= 0 && fd < MARKS)
		marks[fd] = (uint8_t)what;
}

static enum kind of(int fd, enum kind file, enum kind socket)
{
	enum mark m = fd >= 0 && fd < MARKS ? (enum mark)marks[fd] : FD_FILE;

	return m == FD_FILE ? (fd == STDERR_FILENO && file == K_WRITE ? K_LOG : file) : m == FD_SOCKET ? socket : K_NONE;
}

/* Nothing here allocates, or calls what may fail. */
static void tell(void)
{
	void *frame[24];
	size_t used = 0;
	int n;

	if (atomic_fetch_add(&page->hits, 1))
		return;
	atomic_store(&page->pid, (unsigned)getpid());
	n = backtrace(frame, 24);
	for (int i = 2; i < n && used < sizeof(page->trace) - 1; i++) {
		const char *name = "?";
		Dl_info where;
		int k;

		if (!dladdr(frame[i], &where))
			continue;
		if (where.dli_fname)
			name = strrchr(where.dli_fname, '/') ? strrchr(where.dli_fname, '/') + 1 : where.dli_fname;
		k = snprintf(page->trace + used, sizeof(page->trace) - used, "%s+0x%zx ", name,
			     (size_t)((uintptr_t)frame[i] - (uintptr_t)where.dli_fbase));
		used += k > 0 ? (size_t)k : 0;
	}
}

/* Code that is not ours, though it runs in the same process: looked for each time, for a module comes late. */
static bool is_spared(void *caller)
{
	char name[64];
	Dl_info where;

	if (!spared || !dladdr(caller, &where) || !where.dli_fname)
		return false;
	for (const char *list = spared; *list; list += strspn(list, " ")) {
		size_t n = strcspn(list, " ");

		snprintf(name, sizeof(name), "%.*s", (int)n, list);
		if (strstr(where.dli_fname, name))
			return true;
		list += n;
	}
	return false;
}

/* Whether this call, one more of its kind, is to fail; errno is set then, to 0 where it is to do half. */
static bool fails_for(void *caller, enum kind kind)
{
	unsigned n, at;

	if (!atomic_load(&page->armed) || kind == K_NONE || is_spared(caller))
		return false;
	n = atomic_fetch_add(&page->calls[kind].count, 1) + 1;
	at = atomic_load(&page->at);
	if (atomic_load(&page->kind) != kind || !at || n < at || (n > at && !atomic_load(&page->lasting)))
		return false;
	tell();
	errno = (int)atomic_load(&page->error);
	return true;
}

#define fails(KIND) fails_for(__builtin_return_address(0), KIND)

/* What is to be done nevertheless: half of it. A connection that is said to be lost is lost. */
static bool half(int fd, size_t *n)
{
	int error = errno;

	if (error == ECONNRESET || error == EPIPE)
		shutdown(fd, SHUT_RDWR);
	errno = error;
	if (error != FAILCALL_SHORT)
		return false;
	*n = (*n + 1) / 2;
	return true;
}

/* One function of the C library, under its name in there: NEXT is it. */
#define NEXT(RET, NAME, SYMBOL, PARAMS)                                        \
	RET NAME PARAMS __asm__(#SYMBOL);                                      \
	static RET(*next_##NAME(void)) PARAMS                                  \
	{                                                                      \
		static RET(*f) PARAMS;                                         \
		if (!f)                                                        \
			f = (RET(*) PARAMS)(uintptr_t)dlsym(RTLD_NEXT, #SYMBOL); \
		return f;                                                      \
	}                                                                      \
	RET NAME PARAMS

/* One that fails as a whole, with BAD. */
#define FAIL(KIND, RET, BAD, NAME, SYMBOL, PARAMS, ARGS)       \
	NEXT(RET, NAME, SYMBOL, PARAMS)                        \
	{                                                      \
		return fails(KIND) ? (BAD) : next_##NAME() ARGS; \
	}

/* One that makes a descriptor of this sort. */
#define MAKES(KIND, MARK, NAME, SYMBOL, PARAMS, ARGS)          \
	NEXT(int, NAME, SYMBOL, PARAMS)                        \
	{                                                      \
		int made = fails(KIND) ? -1 : next_##NAME() ARGS; \
		mark(made, MARK);                              \
		return made;                                   \
	}

/* One that moves octets, of which there are N. */
#define MOVES(FILE_KIND, SOCKET_KIND, NAME, SYMBOL, PARAMS, ARGS)                    \
	NEXT(ssize_t, NAME, SYMBOL, PARAMS)                                          \
	{                                                                            \
		if (fails(of(fd, FILE_KIND, SOCKET_KIND)) && !half(fd, &n))            \
			return -1;                                                   \
		return next_##NAME() ARGS;                                           \
	}

MAKES(K_OPEN, FD_FILE, my_open, open, (const char *path, int flags, mode_t mode), (path, flags, mode))
MAKES(K_OPEN, FD_FILE, my_open64, open64, (const char *path, int flags, mode_t mode), (path, flags, mode))
MAKES(K_OPEN, FD_FILE, my_openat, openat, (int at, const char *path, int flags, mode_t mode), (at, path, flags, mode))
MAKES(K_OPEN, FD_FILE, my_openat64, openat64, (int at, const char *path, int flags, mode_t mode), (at, path, flags, mode))
FAIL(K_FOPEN, FILE *, NULL, my_fopen, fopen, (const char *path, const char *mode), (path, mode))
FAIL(K_FOPEN, FILE *, NULL, my_fopen64, fopen64, (const char *path, const char *mode), (path, mode))
FAIL(K_FREAD, size_t, 0, my_fread, fread, (void *p, size_t size, size_t n, FILE *f), (p, size, n, f))
MOVES(K_READ, K_RECV, my_read, read, (int fd, void *p, size_t n), (fd, p, n))
MOVES(K_PREAD, K_NONE, my_pread64, pread64, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
MOVES(K_WRITE, K_SEND, my_write, write, (int fd, const void *p, size_t n), (fd, p, n))
MOVES(K_PWRITE, K_NONE, my_pwrite64, pwrite64, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
MOVES(K_NONE, K_SEND, my_send, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
MOVES(K_NONE, K_SEND, my_sendto, sendto, (int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t len),
      (fd, p, n, flags, to, len))
MOVES(K_NONE, K_RECV, my_recv, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
MOVES(K_NONE, K_RECV, my_recvfrom, recvfrom, (int fd, void *p, size_t n, int flags, struct sockaddr *from, socklen_t *len),
      (fd, p, n, flags, from, len))
FAIL(K_SYNC, int, -1, my_fsync, fsync, (int fd), (fd))
FAIL(K_SYNC, int, -1, my_fdatasync, fdatasync, (int fd), (fd))
FAIL(K_TRUNCATE, int, -1, my_ftruncate64, ftruncate64, (int fd, off_t n), (fd, n))
FAIL(K_RENAME, int, -1, my_rename, rename, (const char *from, const char *to), (from, to))
FAIL(K_RENAME, int, -1, my_renameat, renameat, (int at, const char *from, int there, const char *to), (at, from, there, to))
FAIL(K_LINK, int, -1, my_linkat, linkat, (int at, const char *from, int there, const char *to, int flags), (at, from, there, to, flags))
FAIL(K_UNLINK, int, -1, my_unlink, unlink, (const char *path), (path))
FAIL(K_UNLINK, int, -1, my_unlinkat, unlinkat, (int at, const char *path, int flags), (at, path, flags))
FAIL(K_MKDIR, int, -1, my_mkdir, mkdir, (const char *path, mode_t mode), (path, mode))
FAIL(K_STAT, int, -1, my_stat, stat, (const char *path, struct stat *st), (path, st))
FAIL(K_STAT, int, -1, my_stat64, stat64, (const char *path, struct stat *st), (path, st))
FAIL(K_STAT, int, -1, my_lstat64, lstat64, (const char *path, struct stat *st), (path, st))
FAIL(K_STAT, int, -1, my_fstat, fstat, (int fd, struct stat *st), (fd, st))
FAIL(K_STAT, int, -1, my_fstat64, fstat64, (int fd, struct stat *st), (fd, st))
FAIL(K_STAT, int, -1, my_fstatat64, fstatat64, (int at, const char *path, struct stat *st, int flags), (at, path, st, flags))
FAIL(K_ACCESS, int, -1, my_access, access, (const char *path, int mode), (path, mode))
FAIL(K_OPENDIR, void *, NULL, my_opendir, opendir, (const char *path), (path))
FAIL(K_OPENDIR, void *, NULL, my_fdopendir, fdopendir, (int fd), (fd))
FAIL(K_READDIR, void *, NULL, my_readdir64, readdir64, (void *d), (d))
FAIL(K_CHMOD, int, -1, my_chmod, chmod, (const char *path, mode_t mode), (path, mode))
FAIL(K_CHMOD, int, -1, my_fchmod, fchmod, (int fd, mode_t mode), (fd, mode))
FAIL(K_FLOCK, int, -1, my_flock, flock, (int fd, int what), (fd, what))
FAIL(K_MMAP, void *, MAP_FAILED, my_mmap, mmap, (void *p, size_t n, int prot, int flags, int fd, off_t at), (p, n, prot, flags, fd, at))
FAIL(K_MMAP, void *, MAP_FAILED, my_mmap64, mmap64, (void *p, size_t n, int prot, int flags, int fd, off_t at),
     (p, n, prot, flags, fd, at))
FAIL(K_MLOCK, int, -1, my_mlock, mlock, (const void *p, size_t n), (p, n))
MAKES(K_SOCKET, FD_SOCKET, my_socket, socket, (int domain, int type, int protocol), (domain, type, protocol))
FAIL(K_CONNECT, int, -1, my_connect, connect, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n))
FAIL(K_BIND, int, -1, my_bind, bind, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n))
FAIL(K_LISTEN, int, -1, my_listen, listen, (int fd, int n), (fd, n))
MAKES(K_ACCEPT, FD_SOCKET, my_accept, accept, (int fd, struct sockaddr *from, socklen_t *n), (fd, from, n))
MAKES(K_ACCEPT, FD_SOCKET, my_accept4, accept4, (int fd, struct sockaddr *from, socklen_t *n, int flags), (fd, from, n, flags))
FAIL(K_SOCKOPT, int, -1, my_setsockopt, setsockopt, (int fd, int level, int name, const void *p, socklen_t n), (fd, level, name, p, n))
FAIL(K_SOCKOPT, int, -1, my_getsockopt, getsockopt, (int fd, int level, int name, void *p, socklen_t *n), (fd, level, name, p, n))
FAIL(K_SOCKNAME, int, -1, my_getsockname, getsockname, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
FAIL(K_SOCKNAME, int, -1, my_getpeername, getpeername, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
FAIL(K_SENDMSG, ssize_t, -1, my_sendmsg, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
FAIL(K_EPOLL, int, -1, my_epoll_ctl, epoll_ctl, (int ep, int op, int fd, void *ev), (ep, op, fd, ev))
FAIL(K_WAIT, int, -1, my_epoll_wait, epoll_wait, (int ep, void *ev, int n, int ms), (ep, ev, n, ms))
FAIL(K_WAIT, int, -1, my_poll, poll, (struct pollfd *p, nfds_t n, int ms), (p, n, ms))
MAKES(K_EPOLL, FD_OTHER, my_epoll_create1, epoll_create1, (int flags), (flags))
MAKES(K_EVENTFD, FD_OTHER, my_eventfd, eventfd, (unsigned n, int flags), (n, flags))
MAKES(K_TIMERFD, FD_OTHER, my_timerfd_create, timerfd_create, (int clock, int flags), (clock, flags))
FAIL(K_TIMERFD, int, -1, my_timerfd_settime, timerfd_settime, (int fd, int flags, const struct itimerspec *a, struct itimerspec *b), (fd, flags, a, b))
FAIL(K_RANDOM, ssize_t, -1, my_getrandom, getrandom, (void *p, size_t n, unsigned flags), (p, n, flags))
FAIL(K_RANDOM, int, -1, my_getentropy, getentropy, (void *p, size_t n), (p, n))
FAIL(K_FORK, pid_t, -1, my_fork, fork, (void), ())
FAIL(K_THREAD, int, (int)atomic_load(&page->error), my_pthread_create, pthread_create,
     (void *ret, const void *how, void *(*f)(void *), void *arg), (ret, how, f, arg))

NEXT(ssize_t, my_writev, writev, (int fd, const struct iovec *v, int n))
{
	if (!fails(of(fd, K_WRITE, K_SEND)))
		return next_my_writev()(fd, v, n);
	return errno == FAILCALL_SHORT ? next_my_write()(fd, v->iov_base, (v->iov_len + 1) / 2) : -1;
}

NEXT(ssize_t, my_readv, readv, (int fd, const struct iovec *v, int n))
{
	if (!fails(of(fd, K_READ, K_RECV)))
		return next_my_readv()(fd, v, n);
	return errno == FAILCALL_SHORT ? next_my_read()(fd, v->iov_base, (v->iov_len + 1) / 2) : -1;
}

/* Descriptors that came with it are sockets: others are not handed on. */
NEXT(ssize_t, my_recvmsg, recvmsg, (int fd, struct msghdr *m, int flags))
{
	ssize_t n = fails(K_RECVMSG) ? -1 : next_my_recvmsg()(fd, m, flags);

	for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		for (size_t i = 0; c->cmsg_type == SCM_RIGHTS && CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(got));
			mark(got, FD_SOCKET);
		}
	return n;
}

static int pair(int r, const int fd[2], enum mark what)
{
	if (r)
		return r;
	mark(fd[0], what);
	mark(fd[1], what);
	return 0;
}

NEXT(int, my_socketpair, socketpair, (int domain, int type, int protocol, int fd[2]))
{
	return pair(fails(K_PAIR) ? -1 : next_my_socketpair()(domain, type, protocol, fd), fd, FD_SOCKET);
}

NEXT(int, my_pipe2, pipe2, (int fd[2], int flags))
{
	return pair(fails(K_PIPE) ? -1 : next_my_pipe2()(fd, flags), fd, FD_OTHER);
}

NEXT(int, my_fcntl64, fcntl64, (int fd, int what, uintptr_t arg))
{
	bool copies = what == F_DUPFD || what == F_DUPFD_CLOEXEC, locks = what == F_SETLK || what == F_SETLKW;
	/* no kernel refuses to give a lock back, and nobody could go on then */
	bool unlocks = locks && ((const struct flock *)arg)->l_type == F_UNLCK;
	int r = fails(copies ? K_DUP : unlocks ? K_NONE : locks ? K_LOCK : K_FCNTL) ? -1 : next_my_fcntl64()(fd, what, arg);

	if (copies && r >= 0)
		mark(r, fd >= 0 && fd < MARKS ? (enum mark)marks[fd] : FD_FILE);
	return r;
}

NEXT(int, my_execve, execve, (const char *path, char *const *argv, char *const *env))
{
	char *more[512];
	size_t n = 0;

	for (; env && env[n] && n < MST_COUNT(more) - 4; n++)
		more[n] = env[n];
	if (*handed_dir) {
		more[n++] = handed_preload;
		more[n++] = handed_dir;
		if (*handed_spare)
			more[n++] = handed_spare;
	}
	more[n] = NULL;
	return next_my_execve()(path, argv, more);
}

static const char *name_of(int argc, char **argv)
{
	const char *name = argc && strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argc ? argv[0] : "";

	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "--name=", 7))
			name = argv[i] + 7;
	return name;
}

__attribute__((constructor)) static void begin(int argc, char **argv, char **env)
{
	const char *dir = getenv("MST_FAULT_DIR"), *self = getenv("LD_PRELOAD"), *spare = getenv("MST_FAIL_SPARE");
	void *frame[4], *shared;
	char path[1100];
	struct stat st;
	int fd;

	(void)env;
	if (!dir || !self)
		return;
	for (int i = 0; i < 256; i++)
		if (!fstat(i, &st))
			mark(i, S_ISSOCK(st.st_mode) ? FD_SOCKET : S_ISREG(st.st_mode) || i == STDERR_FILENO ? FD_FILE : FD_OTHER);
	snprintf(handed_preload, sizeof(handed_preload), "LD_PRELOAD=%s", self);
	snprintf(handed_dir, sizeof(handed_dir), "MST_FAULT_DIR=%s", dir);
	if (spare)
		snprintf(handed_spare, sizeof(handed_spare), "MST_FAIL_SPARE=%s", spare);
	spared = getenv("MST_FAULT_SPARE");
	snprintf(path, sizeof(path), "%s/%s", dir, name_of(argc, argv));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	shared = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared == MAP_FAILED)
		return;
	(void)backtrace(frame, 4);      /* what it loads, it loads here */
	for (int i = 0; i < K__COUNT; i++)
		snprintf(((struct failcall_page *)shared)->calls[i].name, sizeof(page->calls[i].name), "%s", names[i]);
	page = shared;
#ifndef MST_SANITIZED
	/* they do not look at what they get (libconfig 1.5, libseccomp 2.5) */
	failmalloc_spare("libconfig");
	failmalloc_spare("libseccomp");
	/* one failure while OpenSSL 3.0 begins, and it is no use any more in this process; connections are made by one that has not used it yet */
	if (!strcmp(name_of(argc, argv), "connector")) {
		failmalloc_spare("libcrypto");
		failmalloc_spare("libssl");
	}
	failmalloc_by(&page->memory, tell);
#endif
}
