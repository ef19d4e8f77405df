/*
 * freeDiameter and GnuTLS free what they have read, parsed and written out as it is: vectors and keys of GBA lay in free memory until
 * somebody got it again. Neither takes a function of ours for that, so what this program frees, whoever does it, is wiped here, ahead of
 * the C library's own.
 */
#include <malloc.h>
#include <stdlib.h>

#include "base/secret.h"
#include "crypto/heap.h"

/* The C library's, under the name that it exports for this. */
extern void libc_free(void *p) __asm__("__libc_free");

void free(void *p)
{
	if (p)
		mst_wipe(p, malloc_usable_size(p));
	libc_free(p);
}

void *realloc(void *p, size_t n)
{
	return mst_heap_realloc(p, n);
}
