/*
 * For who begins others (the supervisor): a list of calls is inherited by all that it begins, and comes before theirs, so it cannot name what is allowed without naming
 * what every program and every stranger's module wants until its own list comes. It names what none of them has a use for (decision 0047). What fails below is what a
 * library may try; what an intruder alone does kills.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include "sandbox/sandbox.h"

const int mst_sandbox_outlaws[] = {
	/* looking into others' memory, and at others' files */
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(process_madvise),
	SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(open_by_handle_at),
	/* the kernel: programs and modules in it, another one, its keys, ways around lists like this one */
	SCMP_SYS(bpf), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
	SCMP_SYS(io_uring_setup), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
	/* another world */
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(fsopen), SCMP_SYS(fsmount),
	SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(mount_setattr),
	-1,
};

static const int refused[] = {
	SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime), SCMP_SYS(sethostname), SCMP_SYS(setdomainname),
	SCMP_SYS(syslog), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(swapoff), SCMP_SYS(vhangup), SCMP_SYS(fanotify_init),
};

/* Namespaces by clone(); of clone3() no list sees the arguments, and C libraries live without it. And frames of the network. */
static int by_arguments(scmp_filter_ctx f)
{
	static const unsigned worlds[] = { CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP };
	int r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	for (size_t i = 0; i < MST_COUNT(worlds) && !r; i++)
		r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
				     SCMP_CMP(MST_SANDBOX_CLONE_FLAGS, SCMP_CMP_MASKED_EQ, worlds[i], worlds[i]));
	return r ? r : seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, SCMP_CMP(0, SCMP_CMP_EQ, AF_PACKET));
}

static int apply(const struct mst_sandbox_ask *a)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int r = f ? by_arguments(f) : MST_FAULT_MEMORY;

	(void)a;
	for (size_t i = 0; mst_sandbox_outlaws[i] != -1 && !r; i++)
		if (mst_sandbox_outlaws[i] >= 0)
			r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, mst_sandbox_outlaws[i], 0);
	for (size_t i = 0; i < MST_COUNT(refused) && !r; i++)
		if (refused[i] >= 0)
			r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	return mst_sandbox_load(f, r);
}

const struct mst_sandbox_mechanism mst_sandbox_outlaw = { "outlaw", apply };
