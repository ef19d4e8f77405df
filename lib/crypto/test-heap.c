/* Locked pages for keys (heap.h): what gets there, what does not when there is no room, and that nothing stays behind. */
#include "tests/support/cm.h"

#include <inttypes.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "crypto/heap.h"
#include "crypto/pki-internal.h"

#ifdef MST_SANITIZED
#define LOCKED 0                        /* ordinary memory, there */
#else
#define LOCKED 1
#endif

/* OpenSSL must not be asked before it has such pages. */
static size_t used(void)
{
	return LOCKED ? CRYPTO_secure_used() : 0;
}

static int setup(void **state)
{
	(void)state;
	return mst_heap_openssl() && mst_heap_lock(1000) && mst_heap_lock(1) ? 0 : 1;
}

/* What the kernel says of the pages from `p` on; under a sanitizer nothing is locked. */
static bool is_locked(const void *p, size_t n)
{
	static char line[512];
	uintptr_t from = 0, to = 0, at = (uintptr_t)p, end = at + n;
	FILE *f = fopen("/proc/self/smaps", "re");

	assert_non_null(f);
	while (at < end && fgets(line, sizeof(line), f)) {
		(void)sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to);
		if (strncmp(line, "VmFlags:", 8) || at < from || at >= to)
			continue;
		if (!strstr(line, " dd") || (LOCKED && !strstr(line, " lo")))
			break;
		at = to;
	}
	(void)fclose(f);
	return at >= end;
}

static void room_for_keys_is_locked(void **state)
{
	enum { LONG = 3 * 4096 + 5 };
	uint8_t *p = mst_heap_locked(LONG), none[LONG] = { 0 };
	void *plain = mmap(NULL, LONG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_non_null(p);
	assert_memory_equal(p, none, LONG);
	assert_true(is_locked(p, LONG));
	assert_true(plain != MAP_FAILED);
	assert_false(is_locked(plain, LONG));
	assert_int_equal(munmap(plain, LONG), 0);
	free(p);
}

static void a_thread_at_work_on_keys_takes_from_there(void **state)
{
	void *before = OPENSSL_malloc(48), *large, *there, *after;

	(void)state;
	assert_non_null(before);
	assert_false(CRYPTO_secure_allocated(before));
	mst_heap_keys(true);
	there = OPENSSL_malloc(48);
	large = OPENSSL_malloc(4096);
	mst_heap_keys(false);
	after = OPENSSL_malloc(48);
	assert_int_equal(CRYPTO_secure_allocated(there), LOCKED);
	assert_false(CRYPTO_secure_allocated(large));
	assert_false(CRYPTO_secure_allocated(after));
	OPENSSL_free(before);
	OPENSSL_free(there);
	OPENSSL_free(large);
	OPENSSL_free(after);
}

static void what_moves_keeps_what_is_in_it(void **state)
{
	static const uint8_t twenty[20] = { 1, 2, 3, 5, 8, 13, 21 };
	uint8_t *p, *q;

	(void)state;
	mst_heap_keys(true);
	p = OPENSSL_malloc(sizeof(twenty));
	assert_non_null(p);
	memcpy(p, twenty, sizeof(twenty));
	q = OPENSSL_realloc(p, 24);              /* it has 32 */
	assert_ptr_equal(LOCKED ? p : q, q);
	p = OPENSSL_realloc(q, 900);
	mst_heap_keys(false);
	assert_non_null(p);
	assert_memory_equal(p, twenty, sizeof(twenty));
	assert_int_equal(CRYPTO_secure_allocated(p), LOCKED);
	p = OPENSSL_realloc(p, 5000);            /* out of there: as an ordinary block it goes on */
	assert_non_null(p);
	assert_memory_equal(p, twenty, sizeof(twenty));
	assert_false(CRYPTO_secure_allocated(p));
	OPENSSL_free(p);
}

/* Certificates' keys and those of handshakes have the other half, whatever is at work. */
static void half_of_it_is_for_numbers(void **state)
{
	static void *block[2000];
	size_t n = 0, there = 0;
	BIGNUM *number = BN_secure_new();

	(void)state;
	mst_heap_keys(true);
	for (; n < MST_COUNT(block) && (block[n] = OPENSSL_malloc(1000)); n++)
		there += CRYPTO_secure_allocated(block[n]) ? 1 : 0;
	mst_heap_keys(false);
	assert_int_equal(n, MST_COUNT(block));
	assert_true(LOCKED ? there > 100 && there < n : !there);
	assert_non_null(number);
	assert_true(BN_set_bit(number, 255));
	while (n)
		OPENSSL_free(block[--n]);
	BN_clear_free(number);
}

static void a_private_number_is_there(void **state)
{
	uint8_t der[MST_PKEY_MAX];
	struct mst_view v = { der, 0 };
	size_t before = used(), with;
	EVP_PKEY *k;

	(void)state;
	assert_int_equal(mst_pkey_generate(der, sizeof(der), &v.n), 0);
	k = pki_private(v);
	assert_non_null(k);
	with = used();
	assert_true(LOCKED ? with >= before + 32 : with == before);
	EVP_PKEY_free(k);
	assert_true(used() < with || !LOCKED);
}

static void room_is_zero_and_wiped(void **state)
{
	static const uint8_t zero[64];
	uint8_t *p = mst_heap_take(sizeof(zero)), *q;

	(void)state;
	assert_non_null(p);
	assert_int_equal(CRYPTO_secure_allocated(p), LOCKED);
	assert_memory_equal(p, zero, sizeof(zero));
	memset(p, 0x5a, sizeof(zero));
	mst_heap_give(p);
	mst_heap_give(NULL);
	q = mst_heap_take(sizeof(zero));
	assert_non_null(q);
	assert_memory_equal(q, zero, sizeof(zero));
	mst_heap_give(q);
}

#ifndef MST_SANITIZED                   /* which ends a program that asks for as much */
/* Room that no machine has. */
static void what_was_lacking_is_known(void **state)
{
	(void)state;
	assert_null(OPENSSL_malloc((size_t)1 << 62));
	assert_false(mst_heap_lacked());         /* nobody had asked for that */
	mst_heap_watch();
	OPENSSL_free(OPENSSL_realloc(OPENSSL_malloc(10), 20));
	assert_false(mst_heap_lacked());
	assert_null(OPENSSL_malloc((size_t)1 << 62));
	assert_true(mst_heap_lacked());
	assert_false(mst_heap_lacked());
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room_for_keys_is_locked),
		cmocka_unit_test(a_thread_at_work_on_keys_takes_from_there), cmocka_unit_test(what_moves_keeps_what_is_in_it),
		cmocka_unit_test(half_of_it_is_for_numbers),                 cmocka_unit_test(a_private_number_is_there),
		cmocka_unit_test(room_is_zero_and_wiped),
#ifndef MST_SANITIZED
		cmocka_unit_test(what_was_lacking_is_known),
#endif
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
