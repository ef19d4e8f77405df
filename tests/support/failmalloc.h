/*
 * Makes one allocation fail, counted from the moment it is armed. Linked into a test it stands before the C
 * library's for everything in the process; as a preloaded library it arms itself from the environment:
 *   MST_FAIL_AT=N        the N-th allocation fails (0: none, count only)
 *   MST_FAIL_SPARE=LIBS  not allocations that these shared libraries make (parts of file names)
 *   MST_FAIL_TRACE=1     say on standard error who asked for the one that fails
 *   MST_FAIL_REPORT=FILE at the end: how many allocations there were
 */
#ifndef TESTS_SUPPORT_FAILMALLOC_H
#define TESTS_SUPPORT_FAILMALLOC_H

#include <stdatomic.h>
#include <stdbool.h>

/* What is counted and what fails; another place for it may be memory that somebody else sees. */
struct failmalloc {
	atomic_bool armed, lasting;     /* lasting: what comes after the one that fails, too */
	atomic_uint count, fail_at;
};

/* From now on by `state`; tell() is called by whoever fails. */
void failmalloc_by(struct failmalloc *state, void (*tell)(void));
/* Not those of a shared library with this in its name. */
void failmalloc_spare(const char *name);
void failmalloc_arm(unsigned long n);
/* Ends it; true when the allocation has been reached. */
bool failmalloc_disarm(void);
/* How many there were while it was armed, all threads together. */
unsigned long failmalloc_count(void);
/* What is allocated and not freed. */
long failmalloc_outstanding(void);

#endif
