/*
 * What does an authentication vector cost beside the AES that is in it? Milenage's f1 to f5 are five AES blocks. Prints one
 * JSON object, nanoseconds each, the median of rounds that take turns:
 *
 *   aes      its AES alone: the key set up once in a context that is there, and five blocks, a call each
 *   block    one block where the key is set up already, as `openssl speed -evp aes-128-ecb -bytes 16` counts
 *   milenage a whole vector: AUTN, XRES, CK, IK
 *   usim     the other end: check of AUTN, RES, CK, IK
 *   resync   check of an AUTS and the next number
 *   tuak     a whole vector with TUAK
 *
 *   aka-vector VECTORS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "proto/aka/aka.h"

#define ROUNDS 9

enum what { AES, BLOCK, MILENAGE, USIM, RESYNC, TUAK, WHAT__COUNT };
static const char *const name[WHAT__COUNT] = { "aes", "block", "milenage", "usim", "resync", "tuak" };

static struct mst_crypto *c;
static struct aka_keys milenage, tuak;
static const uint8_t amf[AKA_AMF];

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int aes(EVP_CIPHER_CTX *x, const EVP_CIPHER *e, unsigned blocks, bool set_up)
{
	uint8_t b[16] = { 0 };
	int n = 0, ok = 1;

	if (set_up)
		ok = EVP_EncryptInit_ex2(x, e, milenage.k, NULL, NULL);
	for (unsigned i = 0; i < blocks && ok; i++)
		ok = EVP_EncryptUpdate(x, b, &n, b, 16);
	return ok && n == 16 ? 0 : MST_FAULT_CRYPTO;
}

static int usim(uint64_t i)
{
	struct aka_usim u = { .ind_bits = 5 };
	struct aka_vector v;
	struct aka_answer a;
	static uint8_t rnd[AKA_RAND], autn[AKA_AUTN];
	static bool made;
	int r = 0;

	(void)i;
	if (!made) {
		r = aka_vector_make(c, &milenage, rnd, 0x20, amf, &v);
		memcpy(autn, v.autn, sizeof(autn));
		made = true;
	}
	return r ? r : aka_usim_run(c, &milenage, &u, rnd, autn, &a);
}

static int resync(void)
{
	static uint8_t rnd[AKA_RAND], auts[AKA_AUTS];
	static bool made;
	uint64_t ms, next;
	int r = 0;

	if (!made)
		r = aka_auts_make(c, &milenage, rnd, 0x20, auts);
	made = true;
	if (!r)
		r = aka_auts_check(c, &milenage, rnd, auts, &ms);
	return r ? r : aka_sqn_next(ms, 5, 1, &next);
}

static int one(enum what what, EVP_CIPHER_CTX *x, const EVP_CIPHER *e, uint64_t i)
{
	struct aka_vector v;
	uint8_t rnd[AKA_RAND] = { 0 };

	memcpy(rnd, &i, sizeof(i));
	switch (what) {
	case AES: return aes(x, e, 5, true);
	case BLOCK: return aes(x, e, 1, false);
	case MILENAGE: return aka_vector_make(c, &milenage, rnd, i, amf, &v);
	case USIM: return usim(i);
	case RESYNC: return resync();
	case TUAK: return aka_vector_make(c, &tuak, rnd, i, amf, &v);
	case WHAT__COUNT: break;
	}
	return MST_FAULT_BUG;
}

static int upward(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	unsigned long n = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	double took[WHAT__COUNT][ROUNDS];
	uint8_t key[32] = { 1, 2, 3 };
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	EVP_CIPHER *e = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	const char *which;

	c = mst_crypto_openssl();
	if (!n || !x || !e || aka_self_test(c, &which) ||
	    aka_keys_set(&milenage, AKA_MILENAGE, (struct mst_view){ key, 16 }, (struct mst_view){ key + 16, 16 }) ||
	    aka_keys_set(&tuak, AKA_TUAK, (struct mst_view){ key, 16 }, (struct mst_view){ key, 32 }) ||
	    !EVP_EncryptInit_ex2(x, e, key, NULL, NULL)) {
		fputs("usage: aka-vector VECTORS\n", stderr);
		return 2;
	}
	for (unsigned round = 0; round < ROUNDS; round++)
		for (enum what w = AES; w < WHAT__COUNT; w++) {
			double start = seconds();

			for (uint64_t i = 0; i < n; i++)
				if (one(w, x, e, i)) {
					fprintf(stderr, "%s failed\n", name[w]);
					return 1;
				}
			took[w][round] = (seconds() - start) / (double)n * 1e9;
		}
	printf("{");
	for (enum what w = AES; w < WHAT__COUNT; w++) {
		qsort(took[w], ROUNDS, sizeof(took[w][0]), upward);
		printf("\"%s\": %.0f, ", name[w], took[w][ROUNDS / 2]);
	}
	printf("\"vectors\": %lu}\n", n);
	EVP_CIPHER_free(e);
	EVP_CIPHER_CTX_free(x);
	return 0;
}
