/*
 * Memory that is wiped when it is given back, for libraries that take functions for that (jansson, libevent): keys pass
 * through texts and buffers of theirs. Set before the first use of the library.
 */
#ifndef MST_CRYPTO_HEAP_H
#define MST_CRYPTO_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * For OpenSSL as well, whose decoders and sessions leave copies of keys in what they free: first of all in a program, before
 * any other call of OpenSSL. False, and nothing has changed, when it is too late for that.
 */
bool mst_heap_openssl(void);

/*
 * Memory for keys: kept out of swap, where the limits allow it. What could not be is counted in octets for the whole process, with the last errno,
 * so that a program tells it; nothing is refused for it.
 */
void mst_heap_lock(const void *p, size_t n);
size_t mst_heap_unlocked(int *ret_errno);

/* What malloc() gave, or NULL. */
void mst_heap_free(void *p);
/* Where it has to move, nothing stays behind. */
void *mst_heap_realloc(void *p, size_t n);

#endif
