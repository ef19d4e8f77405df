#include "crypto/heap.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/secret.h"

static _Atomic size_t unlocked;
static _Atomic int why_unlocked;

void mst_heap_lock(const void *p, size_t n)
{
	if (mlock(p, n) == 0)
		return;
	why_unlocked = errno;
	unlocked += n;
}

size_t mst_heap_unlocked(int *ret_errno)
{
	*ret_errno = why_unlocked;
	return unlocked;
}

void mst_heap_free(void *p)
{
	if (p)
		mst_wipe(p, malloc_usable_size(p));
	free(p);
}

void *mst_heap_realloc(void *p, size_t n)
{
	size_t had = p ? malloc_usable_size(p) : 0;
	void *q;

	if (!n) {
		mst_heap_free(p);
		return NULL;
	}
	if (n <= had)
		return p;
	q = malloc(n);
	if (!q)
		return NULL;
	if (had)
		memcpy(q, p, had);
	mst_heap_free(p);
	return q;
}

/* As OpenSSL wants it: it says where in itself it asks. */
static void ossl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	mst_heap_free(p);
}

/* Its own malloc() and realloc() stay: what holds secrets it grows by clearing what it leaves. */
bool mst_heap_openssl(void)
{
	return CRYPTO_set_mem_functions(NULL, NULL, ossl_free) == 1;
}
