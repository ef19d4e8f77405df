/*
 * Memory that is wiped when it is given back, for libraries that take functions for that (jansson, libevent): keys pass
 * through texts and buffers of theirs. Set before the first use of the library.
 */
#ifndef MST_CRYPTO_HEAP_H
#define MST_CRYPTO_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/*
 * For OpenSSL as well, whose decoders and sessions leave copies of keys in what they free: first of all in a program, before
 * any other call of OpenSSL. False, and nothing has changed, when it is too late for that.
 */
bool mst_heap_openssl(void);

/*
 * OpenSSL 3.0 looks for each algorithm when it is wanted first, and if there is no memory in that moment it may hold it for missing from then
 * on: no handshake succeeds any more. Once before threads; then the other one says whether it has lacked memory since it was asked last.
 */
void mst_heap_watch(void);
bool mst_heap_lacked(void);

/*
 * Locked pages, in no core, between two that nobody may touch: OpenSSL's secure heap. From then on the private numbers of its
 * keys are there, of certificates and of each handshake: one of 32 octets for as long as a session of TLS 1.3 lasts, so they are as
 * many as there may be `sessions`. Once in a process; false with errno: it may not lock that much, and nothing has changed.
 * Under a sanitizer they are ordinary memory, and so they are before.
 */
bool mst_heap_lock(size_t sessions);
/* Octets that this takes. */
size_t mst_heap_room(size_t sessions);

/*
 * Between true and false what this thread takes for OpenSSL is taken from those pages, as long as half of them is free: while it
 * works on a key that it has no such place for itself, as it does for pre-shared keys and for what decoders copy.
 */
void mst_heap_keys(bool at_work);

/* Room for a key there, all zero; NULL: none is left. It is wiped when it is given back. */
void mst_heap_give(void *p);
MST_GIVEN_TO(mst_heap_give) void *mst_heap_take(size_t n);

/*
 * Of what lies among other things: the pages that it is on are locked and in no core from now on, for good, since others may have
 * something there, too. False with errno: they may be swapped out.
 */
bool mst_heap_pages(const void *p, size_t n);
/* Room of malloc() for what has keys in it, all zero, on such pages; NULL: no memory. Its owner wipes it before it is given to free(). */
void *mst_heap_locked(size_t n);
/* How many octets of the two could not be locked so far, with the last errno; for a program that goes on without, and tells it. */
size_t mst_heap_unlocked(int *ret_errno);

/* What malloc() gave, or NULL. */
void mst_heap_free(void *p);
/* Where it has to move, nothing stays behind. */
void *mst_heap_realloc(void *p, size_t n);

/*
 * Wipes what functions that have returned may have left on the stack, below its caller: 32 KiB. A library that is not bound at its start
 * (jansson) has all registers put there at the first call of each function, with whatever a copy or a search for a blank had in them.
 */
void mst_heap_below(void);

#endif
