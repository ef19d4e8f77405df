#include "server/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int mst_privilege_find(const char *user, struct mst_privilege *ret_p)
{
	const struct passwd *w = *user ? getpwnam(user) : NULL;
	struct mst_privilege p = { 0 };

	if (*user && (!w || !w->pw_uid))
		return MST_FAULT_CONFIG;
	if (w && !geteuid())
		p = (struct mst_privilege){ .drop = true, .uid = w->pw_uid, .gid = w->pw_gid };
	p.root = !geteuid();
	*ret_p = p;
	return 0;
}

/* Permitted and effective become `keep`; what is not permitted can never come back. */
static int set_caps(uint64_t keep)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	for (int i = 0; i < 2; i++)
		d[i].effective = d[i].permitted = (uint32_t)(keep >> (32 * i));
	return syscall(SYS_capset, &h, d) ? MST_FAULT_IO : 0;
}

int mst_privilege_drop(const struct mst_privilege *p)
{
	gid_t group[2] = { p->gid };
	size_t n = p->drop;
	struct stat st;

	/* not without CAP_SETPCAP; then no_new_privs holds alone, by which a program gets nothing back */
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && (p->drop || errno != EPERM))
			return MST_FAULT_IO;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		return MST_FAULT_IO;
	if (p->root && p->device && !stat(p->device, &st))
		group[n++] = st.st_gid;
	if (!p->drop)
		return (n && setgroups(n, group)) || set_caps(0) ? MST_FAULT_IO : 0;
	if (setgroups(n, group) || setresgid(p->gid, p->gid, p->gid) || setresuid(p->uid, p->uid, p->uid))
		return MST_FAULT_IO;
	if (set_caps(0) || setuid(0) == 0 || setgid(0) == 0)
		return MST_FAULT_IO;
	return 0;
}

int mst_privilege_reduce(void)
{
	static const int keep[] = { CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL, CAP_DAC_OVERRIDE };
	uint64_t caps = 0;

	for (size_t i = 0; i < MST_COUNT(keep); i++)
		caps |= UINT64_C(1) << keep[i];
	return set_caps(caps);
}
