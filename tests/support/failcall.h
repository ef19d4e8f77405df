/*
 * Preloaded into a program, for tests: makes the n-th call of a kind fail that the program, or a library of it, makes of the
 * C library, without making it. What fails, and what was counted, is in a page that a test shares with the process, so that it
 * can be told at any time and read after a death. MST_FAULT_DIR has a file of sizeof(struct failcall_page) zero octets for each
 * process that takes part: "musterd", "muster-agent", or the name that musterd has given to its process ("engine",
 * "listener-mef" …). Who has none is left alone. musterd's processes, which get no environment, get the two variables by
 * execve() itself, which is among what is replaced here.
 *
 * MST_FAULT_SPARE=LIBS: not calls that these shared libraries make (parts of file names): a token's module, say, which runs in the same
 * process and is not ours. Allocations are spared by MST_FAIL_SPARE (failmalloc.h), which musterd's processes get as well.
 *
 * What it does not reach: what the C library does inside another function of its own (the reading behind fread(), the memory
 * behind malloc()); those outer functions fail instead. Sockets are told from files, and what libevent wakes itself with is
 * left alone.
 */
#ifndef TESTS_SUPPORT_FAILCALL_H
#define TESTS_SUPPORT_FAILCALL_H

#include <stdatomic.h>

#include "tests/support/failmalloc.h"

#define FAILCALL_KINDS 48
#define FAILCALL_SHORT 0        /* instead of an errno: half of what was asked for is read, or written */

struct failcall_page {
	atomic_uint armed, kind, at, error, lasting, hits, pid;
	struct failmalloc memory;       /* allocations: 12 octets */
	struct {
		char name[12];
		atomic_uint count;
	} calls[FAILCALL_KINDS];
	char trace[2048];               /* who made the first that failed: module+offset, innermost first */
};

#endif
