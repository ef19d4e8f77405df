/*
 * What a process gives up before it hears from its first peer (architecture 5.3). One file per mechanism
 * and a null one; sanitizer builds take the null seccomp and Landlock, whose run-time needs more.
 */
#ifndef MST_SERVER_SANDBOX_H
#define MST_SERVER_SANDBOX_H

#include "base/attr.h"
#include "server/frame.h"

enum mst_sandbox_outcome { MST_SANDBOX_ABSENT = 1 };    /* this kernel or build has no such thing */

struct mst_sandbox_path { const char *path; bool write; };
struct mst_sandbox_ask {
	enum mst_process kind;
	const struct mst_sandbox_path *path;     /* all that may still be opened */
	size_t n;
};

struct mst_sandbox_mechanism {
	const char *name;
	int (*apply)(const struct mst_sandbox_ask *a);     /* 0, ABSENT, or a fault */
};
extern const struct mst_sandbox_mechanism mst_sandbox_limits;     /* no_new_privs, no core, not dumpable */
extern const struct mst_sandbox_mechanism mst_sandbox_landlock;
extern const struct mst_sandbox_mechanism mst_sandbox_seccomp;
/* All of them in the right order; NULL-terminated. */
extern const struct mst_sandbox_mechanism *const mst_sandbox_all[];

#endif
