/*
 * System calls by list. What is not listed fails with EPERM, so that a library which tries something gets an answer; what
 * only an intruder would try kills the process, and the supervisor tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

const int mst_sandbox_deadly[] = {
	/* other programs, and looking into others' memory */
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(process_madvise), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
	/* the kernel, and ways around names and filters */
	SCMP_SYS(bpf), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(io_uring_setup), SCMP_SYS(open_by_handle_at), SCMP_SYS(reboot), SCMP_SYS(swapon),
	SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
	/* another world */
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(setns), SCMP_SYS(unshare),
	/* another user */
	SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setgroups), SCMP_SYS(capset),
	-1,
};

#define ONE(call, cmp) seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 1, cmp)
#define MASKED(n, mask, is) SCMP_CMP(n, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(is))
#define EQUAL(n, is) SCMP_CMP(n, SCMP_CMP_EQ, (scmp_datum_t)(is))

/* Not F_SETOWN and F_SETSIG, by which the kernel sends signals in our name. */
static int fcntl_of_files(scmp_filter_ctx f, int call)
{
	static const int good[] = { F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_OFD_SETLK,
				    F_OFD_GETLK };
	int r = 0;

	for (size_t i = 0; i < MST_COUNT(good) && !r; i++)
		r = ONE(call, EQUAL(1, good[i]));
	return r;
}

/* Besides the kind there are only flags, not to block and to close. The protocol is the one that the kind has anyway, or named so. */
static int of_kind(scmp_filter_ctx f, int call, int family, int kind, int protocol)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 3, EQUAL(0, family), MASKED(1, ~(SOCK_NONBLOCK | SOCK_CLOEXEC), kind), EQUAL(2, protocol));
}

static int stream(scmp_filter_ctx f, int call, int family)
{
	return of_kind(f, call, family, SOCK_STREAM, 0);
}

static int internet(scmp_filter_ctx f, int call, int kind, int protocol)
{
	static const int family[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; i < MST_COUNT(family) && !r; i++) {
		r = of_kind(f, call, family[i], kind, 0);
		r = r ? r : of_kind(f, call, family[i], kind, protocol);
	}
	return r;
}

/* Of libevent, the libraries of DTLS, Diameter, PostgreSQL and D-Bus, and the resolver. */
static int usual_options(scmp_filter_ctx f, int call)
{
	static const struct { int level, name; } good[] = {
		{ SOL_SOCKET, SO_REUSEADDR }, { SOL_SOCKET, SO_REUSEPORT }, { SOL_SOCKET, SO_SNDBUF }, { SOL_SOCKET, SO_RCVBUF }, { SOL_SOCKET, SO_KEEPALIVE },
		{ SOL_SOCKET, SO_LINGER }, { SOL_SOCKET, SO_PASSCRED }, { SOL_SOCKET, SO_RCVTIMEO }, { SOL_SOCKET, SO_SNDTIMEO },
		{ IPPROTO_TCP, TCP_NODELAY }, { IPPROTO_TCP, TCP_CORK }, { IPPROTO_TCP, TCP_QUICKACK }, { IPPROTO_TCP, TCP_KEEPIDLE },
		{ IPPROTO_TCP, TCP_KEEPINTVL }, { IPPROTO_TCP, TCP_KEEPCNT }, { IPPROTO_TCP, TCP_USER_TIMEOUT },
		{ IPPROTO_IP, IP_PKTINFO }, { IPPROTO_IP, IP_MTU_DISCOVER }, { IPPROTO_IP, IP_RECVERR },
		{ IPPROTO_IPV6, IPV6_V6ONLY }, { IPPROTO_IPV6, IPV6_RECVPKTINFO }, { IPPROTO_IPV6, IPV6_MTU_DISCOVER }, { IPPROTO_IPV6, IPV6_RECVERR },
	};
	int r = 0;

	for (size_t i = 0; i < MST_COUNT(good) && !r; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 2, EQUAL(1, good[i].level), EQUAL(2, good[i].name));
	return r;
}

/*
 * Questions that no device of ours is asked. Descriptors that were there before Landlock are not its business, and the terminal from which somebody began the
 * program is one of them: what is typed there is the next command of his shell. The kernel reads 32 bits of the number.
 */
static const struct { uint32_t mask, is; bool kills; } untold[] = {
	{ UINT32_MAX, TIOCSTI, true }, { UINT32_MAX, TIOCLINUX, true },
	{ UINT32_MAX, TIOCCONS, false }, { UINT32_MAX, TIOCSETD, false },        /* a line's protocol is code in the kernel */
	{ 0xffffff00, 0x4b00, false },                                           /* a console's keys, font, mode: linux/kd.h */
};

/* All numbers with these upper bits but the untold ones: where one of those is among them, each half of them for itself. */
static int numbers_but(scmp_filter_ctx f, int call, uint32_t mask, uint32_t is)
{
	uint32_t below = mask >> 1 | UINT32_C(1) << 31;
	bool some = false;
	int r;

	for (size_t i = 0; i < MST_COUNT(untold); i++) {
		bool among = !((untold[i].is ^ is) & mask & untold[i].mask);

		if (among && !(untold[i].mask & ~mask))
			return 0;                /* all of them are */
		some = some || among;
	}
	if (!some)
		return ONE(call, MASKED(1, mask, is));
	r = numbers_but(f, call, below, is);
	return r ? r : numbers_but(f, call, below, is | (below & ~mask));
}

static int device(scmp_filter_ctx f, int call)
{
	int r = numbers_but(f, call, 0, 0);

	for (size_t i = 0; i < MST_COUNT(untold) && !r; i++)
		if (untold[i].kills)
			r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, call, 1, MASKED(1, untold[i].mask, untold[i].is));
	return r;
}

static int add(scmp_filter_ctx f, const struct mst_sandbox_call *c)
{
	int r;

	switch (c->args) {
	case MST_ARGS_ANY: return seccomp_rule_add(f, SCMP_ACT_ALLOW, c->call, 0);
	case MST_ARGS_SELF: return ONE(c->call, EQUAL(0, getpid()));
	case MST_ARGS_THREAD: return ONE(c->call, MASKED(MST_SANDBOX_CLONE_FLAGS, CLONE_THREAD | CLONE_VM | CLONE_NEWUSER | CLONE_NEWNS |
							 CLONE_NEWNET | CLONE_NEWPID, CLONE_THREAD | CLONE_VM));
	case MST_ARGS_LOOK:
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, c->call, 2, EQUAL(0, 0), EQUAL(2, 0));
		return r ? r : seccomp_rule_add(f, SCMP_ACT_ALLOW, c->call, 2, EQUAL(0, getpid()), EQUAL(2, 0));
	case MST_ARGS_NAME: return ONE(c->call, EQUAL(0, PR_SET_NAME));
	case MST_ARGS_DATA: return ONE(c->call, MASKED(2, PROT_EXEC, 0));
	case MST_ARGS_CODE: return ONE(c->call, MASKED(2, PROT_EXEC | PROT_WRITE, PROT_EXEC));
	case MST_ARGS_INET:
		r = internet(f, c->call, SOCK_STREAM, IPPROTO_TCP);
		return r ? r : internet(f, c->call, SOCK_DGRAM, IPPROTO_UDP);
	case MST_ARGS_LOCAL: return ONE(c->call, EQUAL(0, AF_UNIX));
	case MST_ARGS_INET_STREAM: return internet(f, c->call, SOCK_STREAM, IPPROTO_TCP);
	case MST_ARGS_LOCAL_STREAM: return stream(f, c->call, AF_UNIX);
	case MST_ARGS_ROUTES: return seccomp_rule_add(f, SCMP_ACT_ALLOW, c->call, 2, EQUAL(0, AF_NETLINK), EQUAL(2, NETLINK_ROUTE));
	case MST_ARGS_OPTION: return usual_options(f, c->call);
	/* the kernel looks at 32 bits of these two: the other half of the register is not compared */
	case MST_ARGS_SEND: return ONE(c->call, MASKED(c->call == SCMP_SYS(sendmsg) ? 2 : 3, MSG_FASTOPEN, 0));
	case MST_ARGS_OUTWARD: return ONE(c->call, MASKED(1, UINT32_MAX, SHUT_WR));
	case MST_ARGS_DEVICE: return device(f, c->call);
	case MST_ARGS_PENDING: return ONE(c->call, EQUAL(1, FIONREAD));
	case MST_ARGS_FILE: return fcntl_of_files(f, c->call);
	case MST_ARGS_UNKNOWN: return seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), c->call, 0);
	}
	return -EINVAL;
}

/* What this machine's kernel never had has nothing to be refused. */
static bool has(int call)
{
	return call >= 0;
}

static int add_all(scmp_filter_ctx f, const struct mst_sandbox_call *c, size_t n, unsigned who)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		if (c[i].who & who && has(c[i].call))
			r = add(f, &c[i]);
	return r;
}

/* The lists name the calls of 64-bit machines. On others malloc() itself makes calls that are not in them. */
static bool lists_fit(void)
{
	return sizeof(long) >= 8;
}

int mst_sandbox_load(void *filter, int r)
{
	scmp_filter_ctx f = filter;

	if (!f)
		return MST_FAULT_MEMORY;
	if (r) {                         /* a list that cannot be is a mistake of ours, no kernel's lack */
		seccomp_release(f);
		return MST_FAULT_BUG;
	}
	r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);      /* also for threads of libraries that were begun before */
	/* a call by another way in (i386, x32), which is in no list: the process, not the thread alone, whose others would go on trying */
	if (!r)
		r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!r)
		r = seccomp_load(f);
	seccomp_release(f);
	if (r == -EINVAL || r == -EOPNOTSUPP || r == -ENOSYS)
		return MST_SANDBOX_ABSENT;
	return r ? MST_FAULT_IO : 0;
}

static int apply(const struct mst_sandbox_ask *a)
{
	scmp_filter_ctx f;
	int r;

	if (!lists_fit())
		return MST_SANDBOX_ABSENT;
	f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!f)
		return MST_FAULT_MEMORY;
	r = add_all(f, mst_sandbox_usual, mst_sandbox_n_usual, a->usual);
	if (!r)
		r = add_all(f, a->call, a->n_calls, a->who);
	for (size_t i = 0; mst_sandbox_deadly[i] != -1 && !r; i++)
		if (has(mst_sandbox_deadly[i]))
			r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, mst_sandbox_deadly[i], 0);
	return mst_sandbox_load(f, r);
}

const struct mst_sandbox_mechanism mst_sandbox_seccomp = { "seccomp", apply };
