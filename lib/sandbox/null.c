/* In place of a mechanism that this build does not have, and the list of those that it has. */
#include "sandbox/sandbox.h"

static int apply(const struct mst_sandbox_ask *a)
{
	(void)a;
	return MST_SANDBOX_ABSENT;
}

const struct mst_sandbox_mechanism mst_sandbox_null = { "null", apply };

#if defined(MST_SANITIZED) || defined(MST_COVERED)
const struct mst_sandbox_mechanism *const mst_sandbox_begins = &mst_sandbox_null;
#else
const struct mst_sandbox_mechanism *const mst_sandbox_begins = &mst_sandbox_outlaw;
#endif

const struct mst_sandbox_mechanism *const mst_sandbox_all[] = {
	&mst_sandbox_limits,
#if defined(MST_SANITIZED) || defined(MST_COVERED)
	&mst_sandbox_null,               /* the leak checker reads /proc at exit, in a process of its own; gcov writes its counters then */
#else
	&mst_sandbox_landlock,
	&mst_sandbox_seccomp,
#endif
	NULL,
};
