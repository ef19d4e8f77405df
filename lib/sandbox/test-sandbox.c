/*
 * The mechanisms by themselves, each in a process of its own: what is listed works, what is not is refused, every call on
 * the list of deadly ones kills, and threads that begin later are confined as well.
 */
#include "tests/support/cm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

#define MINE 1u
#define OTHERS 2u
static const struct mst_sandbox_call calls[] = {
	{ MINE, SCMP_SYS(exit_group), 0, NULL }, { MINE, SCMP_SYS(exit), 0, NULL }, { MINE, SCMP_SYS(munmap), 0, NULL },
	{ MINE, SCMP_SYS(mmap), MST_ARGS_DATA, NULL }, { MINE, SCMP_SYS(mprotect), MST_ARGS_DATA, NULL },
	{ MINE, SCMP_SYS(clone), MST_ARGS_THREAD, NULL }, { MINE, SCMP_SYS(clone3), MST_ARGS_UNKNOWN, NULL },
	{ MINE, SCMP_SYS(futex), 0, NULL }, { MINE, SCMP_SYS(set_robust_list), 0, NULL }, { MINE, SCMP_SYS(rseq), 0, NULL },
	{ MINE, SCMP_SYS(rt_sigprocmask), 0, NULL }, { MINE, SCMP_SYS(madvise), 0, NULL }, { MINE, SCMP_SYS(brk), 0, NULL },
	{ MINE, SCMP_SYS(tgkill), MST_ARGS_SELF, NULL }, { MINE, SCMP_SYS(kill), MST_ARGS_SELF, NULL }, { MINE, SCMP_SYS(getpid), 0, NULL },
	{ MINE, SCMP_SYS(prlimit64), MST_ARGS_LOOK, NULL }, { MINE, SCMP_SYS(prctl), MST_ARGS_NAME, NULL },
	{ MINE, SCMP_SYS(socket), MST_ARGS_LOCAL, NULL }, { MINE, SCMP_SYS(fcntl), MST_ARGS_FILE, NULL }, { MINE, SCMP_SYS(close), 0, NULL },
	{ MINE, SCMP_SYS(sendto), MST_ARGS_SEND, NULL }, { MINE, SCMP_SYS(sendmsg), MST_ARGS_SEND, NULL }, { MINE, SCMP_SYS(sendmmsg), MST_ARGS_SEND, NULL },
	{ MINE, SCMP_SYS(shutdown), MST_ARGS_OUTWARD, NULL }, { MINE, SCMP_SYS(ioctl), MST_ARGS_DEVICE, NULL },
	{ OTHERS, SCMP_SYS(getppid), 0, NULL },
};
static const struct mst_sandbox_ask listed = { .who = MINE, .call = calls, .n_calls = MST_COUNT(calls) };

/* What a child that did `go` ended with: its exit status, or 1000 and a signal. */
static int in_child(void (*go)(int arg), int arg)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		go(arg);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void confine(void)
{
	if (mst_sandbox_limits.apply(&listed) || mst_sandbox_seccomp.apply(&listed))
		_exit(98);
}

static void call_deadly(int number)
{
	confine();
	syscall(number, -1, 0, 0, 0, 0, 0);
}

static void deadly_kill(void **state)
{
	size_t n = 0;

	(void)state;
	for (; mst_sandbox_deadly[n] != -1; n++)
		if (in_child(call_deadly, mst_sandbox_deadly[n]) != 1000 + SIGSYS)
			fail_msg("%d does not kill", mst_sandbox_deadly[n]);
	assert_true(n > 20);
}

/* Who begins others: each of these kills, in what is begun, too; and what those need until their own list comes is left. */
static void begin_confined(void)
{
	if (mst_sandbox_limits.apply(NULL) || mst_sandbox_outlaw.apply(NULL))
		_exit(98);
}

static void call_outlaw(int number)
{
	pid_t pid;
	int status;

	begin_confined();
	pid = fork();
	if (pid == 0) {
		syscall(number, -1, 0, 0, 0, 0, 0);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		_exit(97);
	syscall(number, -1, 0, 0, 0, 0, 0);
}

static void make_a_world(int flag)
{
	begin_confined();
	syscall(SYS_clone, (unsigned long)flag | SIGCHLD, 0, 0, 0, 0);
}

#define WANT(what) do { if (!(what)) _exit(__LINE__ % 90 + 1); } while (0)
#define REFUSED(what) WANT((what) == -1 && errno == EPERM)

static void begin_others(int listed_too)
{
	char program[] = "/bin/true";
	char *argv[] = { program, NULL }, *none[] = { NULL };
	pid_t pid;
	int status;

	begin_confined();
	if (listed_too)
		confine();
	else
		WANT(setgid(getgid()) == 0 && setuid(getuid()) == 0);
	REFUSED(syscall(SYS_settimeofday, NULL, NULL));
	REFUSED(syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0));
	WANT(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
	if (listed_too)
		_exit(0);
	pid = fork();
	if (pid == 0) {
		execve(program, argv, none);
		_exit(97);
	}
	WANT(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	_exit(0);
}

static void who_begins_others(void **state)
{
	static const int worlds[] = { CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP };
	size_t n = 0;

	(void)state;
	for (; mst_sandbox_outlaws[n] != -1; n++)
		if (in_child(call_outlaw, mst_sandbox_outlaws[n]) != 1000 + SIGSYS)
			fail_msg("%d does not kill", mst_sandbox_outlaws[n]);
	assert_true(n > 20);
	for (size_t i = 0; i < MST_COUNT(worlds); i++)
		if (in_child(make_a_world, worlds[i]) != 1000 + SIGSYS)
			fail_msg("%x makes a world", (unsigned)worlds[i]);
	assert_int_equal(in_child(begin_others, 0), 0);
	assert_int_equal(in_child(begin_others, 1), 0);
}

static void *in_thread(void *arg)
{
	errno = 0;
	*(bool *)arg = syscall(SYS_getppid) == -1 && errno == EPERM;
	return NULL;
}

#define UPPER (1L << 32)         /* half of a register that the kernel does not look at */

/* Sending, in each of its calls, with the flag by which it is connect(); and shutting what would be heard. */
static void look_at_sending(int fd)
{
	static const long good[] = { 0, UPPER, MSG_NOSIGNAL, UPPER | MSG_DONTWAIT }, bad[] = { MSG_FASTOPEN, UPPER | MSG_FASTOPEN, MSG_FASTOPEN | MSG_NOSIGNAL };

	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		REFUSED(syscall(SYS_sendto, fd, "", 1L, bad[i], NULL, 0L));
		REFUSED(syscall(SYS_sendmsg, fd, NULL, bad[i]));
		REFUSED(syscall(SYS_sendmmsg, fd, NULL, 1L, bad[i]));
	}
	for (size_t i = 0; i < MST_COUNT(good); i++) {
		WANT(syscall(SYS_sendto, -1, "", 1L, good[i], NULL, 0L) == -1 && errno == EBADF);
		WANT(syscall(SYS_sendmsg, -1, NULL, good[i]) == -1 && errno == EBADF);
		WANT(syscall(SYS_sendmmsg, -1, NULL, 1L, good[i]) == -1 && errno == EBADF);
	}
	REFUSED(syscall(SYS_shutdown, fd, (long)SHUT_RD));
	REFUSED(syscall(SYS_shutdown, fd, UPPER | SHUT_RDWR));
	WANT(syscall(SYS_shutdown, -1, (long)SHUT_WR) == -1 && errno == EBADF);
	WANT(syscall(SYS_shutdown, -1, UPPER | SHUT_WR) == -1 && errno == EBADF);
}

static long ask_a_device(unsigned long number)
{
	errno = 0;
	return syscall(SYS_ioctl, -1, number, 0L);
}

/* Every number that differs by a bit or two from one that types into terminals, and their whole neighbourhood. */
static void look_at_devices(int arg)
{
	static const unsigned long refused[] = { TIOCCONS, TIOCSETD, 0x4b47, 0x4b49, 0x4bfb, 0x4b00 };
	const unsigned long kills[] = { TIOCSTI, TIOCLINUX };

	(void)arg;
	confine();
	for (size_t i = 0; i < MST_COUNT(refused); i++) {
		REFUSED(ask_a_device(refused[i]));
		REFUSED(ask_a_device(refused[i] | ULONG_MAX << 32));
	}
	for (size_t i = 0; i < MST_COUNT(kills); i++)
		for (unsigned a = 0; a < 32; a++)
			for (unsigned b = 0; b < 32; b++) {
				unsigned long n = kills[i] ^ 1UL << a ^ (a == b ? 0 : 1UL << b);

				if (n != TIOCSTI && n != TIOCLINUX && n != TIOCCONS && n != TIOCSETD && n >> 8 != 0x4b)
					WANT(ask_a_device(n) == -1 && errno == EBADF && ask_a_device(n | ULONG_MAX << 32) == -1 && errno == EBADF);
			}
	for (unsigned long n = 0x5400; n < 0x5500; n++)
		if (n != TIOCSTI && n != TIOCLINUX && n != TIOCCONS && n != TIOCSETD)
			WANT(ask_a_device(n) == -1 && errno == EBADF);
	_exit(0);
}

static void type_into(int number)
{
	confine();
	(void)ask_a_device((unsigned long)number);
}

static void type_into_by_64_bits(int number)
{
	confine();
	(void)ask_a_device((unsigned long)number | UPPER);
}

static void terminals(void **state)
{
	(void)state;
	assert_int_equal(in_child(look_at_devices, 0), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(in_child(type_into, i ? TIOCSTI : TIOCLINUX), 1000 + SIGSYS);
		assert_int_equal(in_child(type_into_by_64_bits, i ? TIOCSTI : TIOCLINUX), 1000 + SIGSYS);
	}
}

static void look_at_calls(int arg)
{
	struct { uint64_t soft, hard; } limit = { 0, 0 };
	bool confined = false;
	pthread_t t;
	int fd;

	(void)arg;
	WANT(getppid() > 0);
	confine();
	REFUSED(syscall(SYS_getppid));                                      /* another's row */
	REFUSED(syscall(SYS_getuid));
	REFUSED(syscall(SYS_fork));
	REFUSED(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	WANT(syscall(SYS_clone3, 0, 0) == -1 && errno == ENOSYS);
	WANT(kill(getpid(), 0) == 0);
	REFUSED(kill(1, 0));
	REFUSED(kill(-1, 0));
	WANT(syscall(SYS_prlimit64, 0, 7, NULL, &limit) == 0);
	REFUSED(syscall(SYS_prlimit64, 0, 7, &limit, NULL));
	REFUSED(syscall(SYS_prlimit64, 1, 7, NULL, &limit));
	REFUSED(syscall(SYS_prctl, 4, 1, 0, 0, 0));                         /* dumpable */
	WANT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	WANT(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EPERM);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	WANT(fd >= 0 && fcntl(fd, F_GETFL) >= 0);
	REFUSED(fcntl(fd, F_SETOWN, 1));
	look_at_sending(fd);
	REFUSED(socket(AF_INET, SOCK_STREAM, 0));
	WANT(pthread_create(&t, NULL, in_thread, &confined) == 0 && pthread_join(t, NULL) == 0 && confined);
	_exit(0);
}

static int go[2];

/* Has begun before, as one of a library's; looks when it is told to. */
static void *early(void *arg)
{
	char b;

	if (read(go[0], &b, 1) != 1)
		return NULL;
	return in_thread(arg);
}

static void look_at_an_early_thread(int landlock)
{
	bool confined = false;
	pthread_t t;
	int r;

	WANT(pipe(go) == 0 && pthread_create(&t, NULL, early, &confined) == 0);
	WANT(!mst_sandbox_alone());
	/* files are given up by each thread for itself: not at all, then */
	r = landlock ? mst_sandbox_landlock.apply(&listed) : 0;
	WANT(r == 0 || r == MST_SANDBOX_ABSENT || r == MST_SANDBOX_THREADS);
	WANT(!landlock || syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1 || r == MST_SANDBOX_THREADS);
	WANT(open("/etc/passwd", O_RDONLY) >= 0);
	WANT(mst_sandbox_limits.apply(&listed) == 0);
	if (!landlock) {
		const struct mst_sandbox_ask both = { .usual = MST_USUAL_RUN, .who = MINE, .call = calls, .n_calls = MST_COUNT(calls) };

		WANT(mst_sandbox_seccomp.apply(&both) == 0);
		WANT(write(go[1], "", 1) == 1 && pthread_join(t, NULL) == 0 && confined);
	}
	_exit(0);
}

static void a_thread_that_was_there(void **state)
{
	(void)state;
	assert_true(mst_sandbox_alone());
	assert_int_equal(in_child(look_at_an_early_thread, 0), 0);
	assert_int_equal(in_child(look_at_an_early_thread, 1), 0);
}

#ifdef __x86_64__
/* The same kernel by the ways in of programs of 32 bits, where calls have other numbers: getpid(), which is on the list above. */
static long by_i386(void)
{
	long r = 20;

	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	return r;
}

static long by_x32(void)
{
	return syscall(0x40000000 | SYS_getpid);
}

static long (*const ways[])(void) = { by_i386, by_x32 };

static void *calls_by(void *way)
{
	(*(long (*const *)(void))way)();
	return NULL;
}

/* 0: nobody is confined; 1: as each process; 2: as who begins others. Another thread calls: it must not die alone. */
static void call_by(int way, int confined)
{
	pthread_t t;

	if (confined)
		(confined == 1 ? confine : begin_confined)();
	WANT(pthread_create(&t, NULL, calls_by, (void *)(uintptr_t)&ways[way]) == 0 && pthread_join(t, NULL) == 0);
	_exit(0);
}

static void call_free(int way) { call_by(way, 0); }
static void call_listed(int way) { call_by(way, 1); }
static void call_beginning(int way) { call_by(way, 2); }

static void another_way_into_the_kernel(void **state)
{
	(void)state;
	for (int way = 0; way < (int)MST_COUNT(ways); way++) {
		int is_there = in_child(call_free, way);

		/* a kernel without programs of i386 has no such way; of x32 the filter hears nevertheless */
		assert_true(is_there == 0 || (way == 0 && is_there == 1000 + SIGSEGV));
		assert_int_equal(in_child(call_listed, way), is_there ? is_there : 1000 + SIGSYS);
		assert_int_equal(in_child(call_beginning, way), is_there ? is_there : 1000 + SIGSYS);
	}
}
#endif

static void what_is_listed_and_what_is_not(void **state)
{
	(void)state;
	assert_int_equal(in_child(look_at_calls, 0), 0);
}

static char dir[] = "/tmp/mst-sandbox-XXXXXX";

static int path_in(const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, flags | O_CLOEXEC, 0600);
}

static void look_at_files(int port)
{
	char readable[64], writable[64], puttable[64], linked[64], up[64];
	const struct mst_sandbox_path path[] = { { readable, MST_PATH_READ }, { writable, MST_PATH_WRITE }, { puttable, MST_PATH_PUT },
		{ linked, MST_PATH_READ | MST_PATH_TARGET }, { up, MST_PATH_READ | MST_PATH_TARGET },
		{ "/nowhere/at/all", MST_PATH_READ | MST_PATH_TARGET }, { "/nowhere/at/all", MST_PATH_READ } };
	const struct mst_sandbox_ask ask = { .who = MINE, .path = path, .n = MST_COUNT(path), .connects = false };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = (in_port_t)port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int r, fd = socket(AF_INET, SOCK_STREAM, 0);

	snprintf(readable, sizeof(readable), "%s/r", dir);
	snprintf(writable, sizeof(writable), "%s/w", dir);
	snprintf(puttable, sizeof(puttable), "%s/p", dir);
	snprintf(linked, sizeof(linked), "%s/r/link", dir);              /* to t/now, which is replaced by another one, say t/new */
	snprintf(up, sizeof(up), "%s/r/up", dir);                        /* to out: no reason to open all that is there */
	WANT(mst_sandbox_limits.apply(&ask) == 0);
	r = mst_sandbox_landlock.apply(&ask);
	if (r == MST_SANDBOX_ABSENT)
		_exit(70);
	WANT(r == 0);
	WANT(path_in("r/file", O_RDONLY) >= 0);
	WANT(path_in("r/file", O_RDWR) == -1 && errno == EACCES);
	WANT(path_in("r/new", O_WRONLY | O_CREAT) == -1 && errno == EACCES);
	WANT(path_in("w/file", O_RDWR | O_TRUNC) >= 0);
	WANT(path_in("w/new", O_WRONLY | O_CREAT) >= 0);
	WANT(path_in("p/new", O_WRONLY | O_CREAT) >= 0);
	WANT(path_in("p/file", O_WRONLY | O_TRUNC) >= 0);
	WANT(path_in("p/file", O_RDONLY) == -1 && errno == EACCES);
	WANT(path_in("p", O_RDONLY | O_DIRECTORY) >= 0);
	WANT(path_in("r/link", O_RDONLY) >= 0);
	WANT(path_in("t/new", O_RDONLY) >= 0);
	WANT(path_in("t/new", O_RDWR) == -1 && errno == EACCES);
	WANT(path_in("r/up", O_RDONLY) == -1 && errno == EACCES);
	WANT(path_in("out", O_RDONLY) == -1 && errno == EACCES);
	WANT(open("/etc/passwd", O_RDONLY) == -1 && errno == EACCES);
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 4)           /* before that, the list of calls alone refuses */
		WANT(connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 && errno == EACCES);
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 6)
		WANT(kill(getppid(), 0) == -1 && errno == EPERM);
	_exit(0);
}

static void what_is_named_and_what_is_not(void **state)
{
	static const char *const made[] = { "r/file", "w/file", "p/file", "t/now", "t/new", "out" };
	int r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (const char *const *d = (const char *const[]){ "r", "w", "p", "t", NULL }; *d; d++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", dir, *d);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	for (size_t i = 0; i < MST_COUNT(made); i++)
		assert_return_code(close(path_in(made[i], O_WRONLY | O_CREAT)), errno);
	for (size_t i = 0; i < 2; i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/r/%s", dir, i ? "up" : "link");
		assert_int_equal(symlink(i ? "../out" : "../t/now", path), 0);
	}
	r = in_child(look_at_files, htons(9));
	/* a kernel without Landlock says so, and nothing else: the daemon logs it */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
		assert_int_equal(r, 70);
	else
		assert_int_equal(r, 0);
}

static void the_null_one_is_absent(void **state)
{
	(void)state;
	assert_int_equal(mst_sandbox_null.apply(&listed), MST_SANDBOX_ABSENT);
	assert_ptr_equal(mst_sandbox_all[0], &mst_sandbox_limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(deadly_kill), cmocka_unit_test(who_begins_others), cmocka_unit_test(a_thread_that_was_there), cmocka_unit_test(what_is_listed_and_what_is_not),
		cmocka_unit_test(terminals),
#ifdef __x86_64__
		cmocka_unit_test(another_way_into_the_kernel),
#endif
		cmocka_unit_test(what_is_named_and_what_is_not), cmocka_unit_test(the_null_one_is_absent) };

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
