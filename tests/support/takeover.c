/*
 * Somebody has taken a process over: system calls are made in it, by its own thread, inside its own sandbox, as code of an
 * intruder would make them. A debugger's means (root, x86-64); nothing of it is in the programs.
 *
 *   takeover PID          a line is read for each call, and one is answered:
 *     openat -100 s:/etc/passwd 0        numbers, texts, h:HEX octets, z:N octets of zero
 *     i386:getpid, x32:getpid            by another way into the same kernel, as programs of 32 bits take it; numbers only
 *     = -13                              what it gave, or "= killed 31", the signal of which the process died
 *     peek 16                            the last z: buffer's first octets, in hexadecimal digits
 * The process goes on as if nothing had been when the input ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRATCH 8192

static pid_t pid;
static int mem;
static struct user_regs_struct saved;
static uint8_t under[SCRATCH], now[SCRATCH];
/* Ways in: how calls are named there, and the instruction. */
static struct way { const char *prefix; uint32_t arch; uint8_t instruction[2]; uint64_t at; } ways[] = {
	{ "i386:", SCMP_ARCH_X86, { 0xcd, 0x80 }, 0 }, { "x32:", SCMP_ARCH_X32, { 0x0f, 0x05 }, 0 }, { "", SCMP_ARCH_X86_64, { 0x0f, 0x05 }, 0 },
};
static uint64_t scratch;
static size_t used, buffer;

static void fail(const char *what)
{
	fprintf(stderr, "takeover: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Those two octets in code that is mapped anyway: whose they are is no matter. */
static uint64_t find(const uint8_t instruction[2])
{
	char line[512], path[64];
	uint8_t page[4096];
	uint64_t from, to, found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "r");
	while (f && !found && fgets(line, sizeof(line), f)) {
		if (!strstr(line, " r-xp ") || !strstr(line, "/lib") || sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) != 2)
			continue;
		for (uint64_t p = from; p < to && !found; p += sizeof(page)) {
			if (pread(mem, page, sizeof(page), (off_t)p) != sizeof(page))
				break;
			for (size_t i = 0; i + 1 < sizeof(page) && !found; i++)
				if (!memcmp(page + i, instruction, 2))
					found = p + i;
		}
	}
	if (f)
		fclose(f);
	if (!found)
		fail("no such instruction");
	return found;
}

/* At a call's beginning or end, or where it was when we came: 0; or the signal that it died of. Others are delivered. */
static int stopped(void)
{
	int status, how;

	for (;;) {
		if (waitpid(pid, &status, __WALL) < 0)
			fail("waitpid");
		if (WIFSIGNALED(status))
			return WTERMSIG(status);
		if (WIFEXITED(status))
			return 255;
		how = status >> 16 ? SIGTRAP | 0x80 : WSTOPSIG(status);
		if (how == (SIGTRAP | 0x80))
			return 0;
		if (ptrace(PTRACE_SYSCALL, pid, 0, how) && errno != ESRCH)
			fail("its signal");
	}
}

static void attach(void)
{
	char path[64];

	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) || ptrace(PTRACE_INTERRUPT, pid, 0, 0))
		fail("attach");
	if (stopped())
		fail("it is gone");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0 || ptrace(PTRACE_GETREGS, pid, 0, &saved))
		fail(path);
	scratch = (saved.rsp - 2 * SCRATCH) & ~UINT64_C(4095);
	if (pread(mem, under, SCRATCH, (off_t)scratch) != SCRATCH)
		fail("no room on its stack");
}

/* As the kernel would have done it: what was interrupted begins again. */
static void leave(void)
{
	long long r = (long long)saved.rax;

	if ((long long)saved.orig_rax >= 0 && (r == -512 || r == -513 || r == -514 || r == -516)) {
		saved.rax = r == -516 ? 219 : saved.orig_rax;
		saved.rip -= 2;
	}
	saved.orig_rax = (unsigned long long)-1;
	if (pwrite(mem, under, SCRATCH, (off_t)scratch) == SCRATCH && !ptrace(PTRACE_SETREGS, pid, 0, &saved) &&
	    !ptrace(PTRACE_DETACH, pid, 0, 0))
		return;
	/* somebody else may have ended it meanwhile, because of what was done in it */
	if (ptrace(PTRACE_GETREGS, pid, 0, &saved) == 0 || errno != ESRCH)
		fail("leave");
}

static uint64_t octets(const char *hex, size_t zeros)
{
	uint64_t at = scratch + used;
	size_t n = zeros;

	for (; !zeros && hex[2 * n] && hex[2 * n + 1] && used + n < SCRATCH; n++) {
		unsigned b;

		if (sscanf(hex + 2 * n, "%2x", &b) != 1)
			fail("octets");
		now[used + n] = (uint8_t)b;
	}
	if (used + n + 16 > SCRATCH)
		fail("too much");
	used += (n + 15) & ~(size_t)15;
	return at;
}

static uint64_t value(const char *word)
{
	uint64_t at = scratch + used;
	size_t n = strlen(word);

	if (!strncmp(word, "h:", 2))
		return octets(word + 2, 0);
	if (!strncmp(word, "z:", 2)) {
		buffer = used;
		return octets("", strtoul(word + 2, NULL, 0));
	}
	if (strncmp(word, "s:", 2))
		return (uint64_t)strtoll(word, NULL, 0);
	if (used + n + 16 > SCRATCH)
		fail("too much");
	memcpy(now + used, word + 2, n - 1);
	used += (n + 15) & ~(size_t)15;
	return at;
}

/* A filter that kills has the call end first, with the signal waiting. */
static int dies(void)
{
	char path[64], line[256];
	uint64_t waiting = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		(void)!sscanf(line, "SigPnd: %" SCNx64, &waiting);
	if (f)
		fclose(f);
	return waiting >> (SIGSYS - 1) & 1;
}

/* Somebody else has ended it meanwhile, because of what was done in it: the signal. */
static int gone(const char *what)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, pid, 0, &r) == 0 || errno != ESRCH)
		fail(what);
	return stopped();
}

static int call(char **word, size_t n, long long *ret)
{
	struct user_regs_struct r = saved;
	unsigned long long a[6] = { 0 };
	struct way *way = ways;
	int number, dead;

	while (strncmp(word[0], way->prefix, strlen(way->prefix)))
		way++;
	number = seccomp_syscall_resolve_name_arch(way->arch, word[0] + strlen(way->prefix));
	if (number < 0)
		fail(word[0]);
	used = 0;
	memset(now, 0, sizeof(now));
	for (size_t i = 1; i < n && i <= 6; i++)
		a[i - 1] = value(word[i]);
	if (pwrite(mem, now, SCRATCH, (off_t)scratch) != SCRATCH)
		return gone("its stack");
	way->at = way->at ? way->at : find(way->instruction);
	r.rip = way->at;
	r.rsp = scratch;
	r.rax = (unsigned long long)number;
	r.orig_rax = (unsigned long long)-1;
	r.rdi = a[0], r.rsi = a[1], r.rdx = a[2], r.r10 = a[3], r.r8 = a[4], r.r9 = a[5];
	if (way->arch == SCMP_ARCH_X86)
		r.rbx = a[0], r.rcx = a[1], r.rdx = a[2], r.rsi = a[3], r.rdi = a[4], r.rbp = a[5];
	if (ptrace(PTRACE_SETREGS, pid, 0, &r))
		return gone("its registers");
	for (int half = 0; half < 2; half++) {
		if (ptrace(PTRACE_SYSCALL, pid, 0, 0) && errno != ESRCH)        /* dead already: stopped() tells of what */
			fail("its call");
		dead = stopped();
		if (dead)
			return dead;
	}
	if (dies())
		return ptrace(PTRACE_SYSCALL, pid, 0, 0) ? SIGSYS : stopped();
	if (ptrace(PTRACE_GETREGS, pid, 0, &r))
		return gone("its registers");
	*ret = (long long)r.rax;
	return 0;
}

static void peek(size_t n)
{
	uint8_t b[SCRATCH];

	if (n > SCRATCH - buffer || pread(mem, b, n, (off_t)(scratch + buffer)) != (ssize_t)n)
		fail("its stack");
	printf("= ");
	for (size_t i = 0; i < n; i++)
		printf("%02x", b[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	static char line[3 * SCRATCH];
	int dead = 0;

	if (argc != 2)
		return 2;
	pid = (pid_t)strtol(argv[1], NULL, 10);
	attach();
	printf("= attached\n");
	fflush(stdout);
	while (!dead && fgets(line, sizeof(line), stdin)) {
		char *word[8], *state = NULL;
		long long got = 0;
		size_t n = 0;

		for (char *w = strtok_r(line, " \n", &state); w && n < 8; w = strtok_r(NULL, " \n", &state))
			word[n++] = w;
		if (!n)
			continue;
		if (!strcmp(word[0], "peek") && n == 2) {
			peek(strtoul(word[1], NULL, 0));
		} else {
			dead = call(word, n, &got);
			if (dead)
				printf("= killed %d\n", dead);
			else
				printf("= %lld\n", got);
		}
		fflush(stdout);
	}
	if (!dead)
		leave();
	return 0;
}
