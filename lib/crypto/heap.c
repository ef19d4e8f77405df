#include "crypto/heap.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/secret.h"

static _Atomic size_t unlocked;
static _Atomic int why_unlocked;

static bool not_locked(size_t n)
{
	why_unlocked = errno;
	unlocked += n;
	return false;
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

/* A block that OpenSSL takes there is not larger, nor is anything that holds a key: a session of TLS has 800 octets. */
#define BLOCK_MAX 2048
#define FOR_ALL (512 * (size_t)1024)          /* certificates' keys, generators of random numbers, and work */
#define FOR_ONE ((size_t)64)

static size_t locked;                         /* octets; 0: none yet */
static _Thread_local bool keys_at_work;
static bool watched;
static _Atomic bool lacked;

/* Out of line, so that what is not watched is asked of the C library by OpenSSL itself, as far as a caller can be seen. */
static __attribute__((noinline)) void *noted(void *p, size_t n)
{
	void *q = realloc(p, n);

	if (!q && n)
		lacked = true;
	return q;
}

/* As OpenSSL wants them: it says where in itself it asks. What grows while it holds secrets it clears by itself when it moves. */
static void *ossl_malloc(size_t n, const char *file, int line)
{
	void *p = NULL;

	(void)file;
	(void)line;
	if (keys_at_work && locked && n && n <= BLOCK_MAX && CRYPTO_secure_used() < locked / 2)
		p = CRYPTO_secure_malloc(n, file, line);
	return p ? p : watched ? noted(NULL, n) : malloc(n);
}

static void ossl_free(void *p, const char *file, int line)
{
	if (p && locked && CRYPTO_secure_allocated(p))
		CRYPTO_secure_free(p, file, line);
	else
		mst_heap_free(p);
}

static void *ossl_realloc(void *p, size_t n, const char *file, int line)
{
	size_t had;
	void *q;

	if (!p || !locked || !CRYPTO_secure_allocated(p))
		return watched ? noted(p, n) : realloc(p, n);
	had = CRYPTO_secure_actual_size(p);
	if (n && n <= had)
		return p;
	q = n ? ossl_malloc(n, file, line) : NULL;
	if (q)
		memcpy(q, p, had);
	if (q || !n)
		CRYPTO_secure_free(p, file, line);
	return q;
}

bool mst_heap_openssl(void)
{
	return CRYPTO_set_mem_functions(ossl_malloc, ossl_realloc, ossl_free) == 1;
}

void mst_heap_watch(void)
{
	watched = true;
}

bool mst_heap_lacked(void)
{
	return lacked && atomic_exchange(&lacked, false);
}

size_t mst_heap_room(size_t sessions)
{
	size_t n = FOR_ALL;

	while (n < FOR_ALL + sessions * FOR_ONE)
		n *= 2;
	return n;
}

bool mst_heap_lock(size_t sessions)
{
#ifndef MST_SANITIZED   /* the leak checker follows no pointer from there, and there are no fences between blocks */
	size_t n = mst_heap_room(sessions);

	if (locked)
		return true;
	errno = ENOMEM;
	switch (CRYPTO_secure_malloc_init(n, 32)) {
	case 1:
		locked = n;
		return true;
	case 2: {                                   /* made, but not locked */
		int why = errno;

		(void)CRYPTO_secure_malloc_done();
		errno = why;
		return not_locked(n);
	}
	default:
		return not_locked(n);
	}
#else
	(void)sessions;
	return true;
#endif
}

void mst_heap_keys(bool at_work)
{
	keys_at_work = at_work;
}

bool mst_heap_pages(const void *p, size_t n)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)p / page * page;
	size_t all = ((uintptr_t)p + n - from + page - 1) / page * page;

	/* NOLINTNEXTLINE(performance-no-int-to-ptr): the beginning of its page */
	(void)madvise((void *)from, all, MADV_DONTDUMP);
	return mlock(p, n) == 0 || not_locked(n);
}

void *mst_heap_locked(size_t n)
{
	void *p = calloc(1, n);

	if (p)
		(void)mst_heap_pages(p, n);
	return p;
}

void *mst_heap_take(size_t n)
{
	return OPENSSL_secure_zalloc(n);
}

void mst_heap_give(void *p)
{
	if (p && !CRYPTO_secure_allocated(p))
		mst_wipe(p, malloc_usable_size(p));
	OPENSSL_secure_free(p);
}

/* A frame of its own, below the caller's. */
__attribute__((noinline)) void mst_heap_below(void)
{
	uint8_t room[32 * 1024];

	mst_wipe(room, sizeof(room));
}
