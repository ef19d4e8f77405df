/* Between a store and its server: a connection that is cut where the test wants it. */
#ifndef TESTS_CONTRACT_CUT_H
#define TESTS_CONTRACT_CUT_H

#include <stdbool.h>

/* A process of its own that listens at `at`, a local socket, and passes everything on to the one at `to`. */
void cut_start(const char *at, const char *to);
void cut_end(void);
/*
 * The n-th time from now that the store says something , the connection ends: before the server hears it, or after the
 * server has answered and before the store hears that. Later connections are good.
 */
void cut_at(unsigned n, bool answered);
/* The next cut is for good: nobody is there to connect to again. */
void cut_stays(void);
void cut_never(void);
/* Has it happened? */
bool cut_done(void);

#endif
