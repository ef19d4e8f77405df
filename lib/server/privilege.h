/*
 * Who the processes are: nobody who hears a peer or holds a key has a capability, whoever started the daemon. When root did, a user of its own if
 * one is named. The supervisor stays root then, for files that only root may read, with the capabilities that this takes.
 */
#ifndef MST_SERVER_PRIVILEGE_H
#define MST_SERVER_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/fault.h"

struct mst_privilege {
	bool drop;                       /* another user: uid, gid */
	bool root;                       /* root started it: whoever they are then, files must be theirs */
	uid_t uid;
	gid_t gid;
	const char *device;              /* of this one's group besides, like tss of a TPM: without capabilities root is a user as any other. NULL: none */
};

/* `drop` only as root and when a user is named. 0, or MST_FAULT_CONFIG: unknown, or root itself. */
MST_MUST_CHECK int mst_privilege_find(const char *user, struct mst_privilege *ret_p);
/* For good: 0 only when there is no way back. */
MST_MUST_CHECK int mst_privilege_drop(const struct mst_privilege *p);
/* The supervisor's share: starting others as somebody else, ending them, reading what the operator owns. */
MST_MUST_CHECK int mst_privilege_reduce(void);

#endif
