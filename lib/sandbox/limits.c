/* What every Linux has: no new privileges, no core dumps, nobody attaches. */
#include <sys/prctl.h>
#include <sys/resource.h>

#include "sandbox/sandbox.h"

static int apply(const struct mst_sandbox_ask *a)
{
	struct rlimit none = { 0, 0 };

	(void)a;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return MST_FAULT_IO;
	return 0;
}

const struct mst_sandbox_mechanism mst_sandbox_limits = { "limits", apply };
