#include "secenv/private.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char list_name[] = "system.posix_acl_access";

struct list { struct posix_acl_xattr_header head; struct posix_acl_xattr_entry e[8]; };

/* The list's n octets: its owner and one reader, and that one is `reader` unless anyone will do. */
static bool names_one(const struct list *acl, ssize_t n, bool any_reader, uid_t reader)
{
	size_t readers = 0;

	if (n < (ssize_t)sizeof(acl->head) || acl->head.a_version != POSIX_ACL_XATTR_VERSION)
		return false;
	for (size_t i = 0; i < ((size_t)n - sizeof(acl->head)) / sizeof(acl->e[0]); i++) {
		const struct posix_acl_xattr_entry *e = &acl->e[i];

		if (e->e_tag == ACL_USER_OBJ || e->e_tag == ACL_MASK || !e->e_perm)
			continue;
		if (e->e_tag != ACL_USER || e->e_perm != ACL_READ || (!any_reader && e->e_id != reader))
			return false;
		readers++;
	}
	return readers == 1;
}

bool mst_is_private(int fd, const struct stat *st)
{
	struct list acl;

	if (!(st->st_mode & 077))
		return true;
	return !(st->st_mode & 007) && names_one(&acl, fgetxattr(fd, list_name, &acl, sizeof(acl)), false, geteuid());
}

const char *mst_private_distrust(int fd)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return "not a regular file";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "belongs to neither root nor this program's user";
	return mst_is_private(fd, &st) ? NULL : "may be read or changed by others; chmod 600";
}

bool mst_is_private_file(const char *path, const struct stat *st, bool any_reader)
{
	struct list acl;

	if (!(st->st_mode & 077))
		return true;
	return !(st->st_mode & 007) && names_one(&acl, getxattr(path, list_name, &acl, sizeof(acl)), any_reader, geteuid());
}
