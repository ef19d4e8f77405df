/*
 * What a back end of the secure environment costs a handshake: one signature with the certificate's key, or the root credential out
 * of its slot. Prints one JSON object, milliseconds, the median of ROUNDS:
 *
 *   sign     key_sign, as TLS asks for it
 *   unseal   load of the active slot, with the look at the device's counter where there is one
 *   open     the store from nothing to ready, with the device's connection
 *   store    a root credential into its slot, durable and counted
 *   kek      the key that a record of the back end's is good for, from nothing: as the keeper has its key-encryption key, once a start
 *
 *   key-cost file|secret|tpm|pkcs11|card ROUNDS
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "secenv/root.h"
#include "secenv/test-device.h"

#define ROUNDS_MAX 1000

enum what { SIGN, UNSEAL, OPEN, STORE, KEK, WHAT__COUNT };
static const char *const name[WHAT__COUNT] = { "sign", "unseal", "open", "store", "kek" };

static char dir[96], key_file[96];
static struct mst_secenv_key key;

static struct mst_secenv *open_store(void)
{
	struct secenv_root *root = NULL;
	struct mst_secenv *s = NULL;
	struct mst_diag d = { 0 };
	int r = device_root(&root, &d);

	if (!r)
		r = mst_secenv_open(dir, key_file, root, mst_crypto_openssl(), &s, &d);
	if (r) {
		fprintf(stderr, "%s: %s\n", d.field, d.text);
		exit(1);
	}
	return s;
}

static uint8_t record[ROOT_RECORD_MAX];
static struct mst_writer kek;

/* Bound; its key had again; and gone. */
static int of_record(enum what what)
{
	struct secenv_root *root = NULL;
	struct mst_diag d = { 0 };
	uint8_t k[32];
	int r = device_root(&root, &d);

	if (r)
		return r;
	if (what == STORE)
		r = root->ops->bind(root, &kek, k, &d);
	else if (what == KEK)
		r = root->ops->unlock(root, mst_written(&kek), k, &d);
	else if (root->ops->unbind)
		r = root->ops->unbind(root, mst_written(&kek), &d);
	root->ops->free(root);
	return r;
}

static int once(struct mst_secenv **s, enum what what)
{
	static struct mst_root_cred c;
	uint8_t digest[MST_SHA256_LEN] = { 1 }, sig[128];
	size_t n = 0;

	switch (what) {
	case SIGN: return (*s)->ops->key_sign(*s, &key, digest, sig, sizeof(sig), &n, NULL);
	case UNSEAL: return (*s)->ops->load(*s, MST_SLOT_ACTIVE, &c, NULL);
	case OPEN:
		(*s)->ops->close(*s);
		*s = open_store();
		return 0;
	case STORE:
		c.key.n = MST_KEY_LEN;
		return (*s)->ops->store(*s, MST_SLOT_ACTIVE, &c, NULL);
	case KEK: return of_record(KEK);
	case WHAT__COUNT: break;
	}
	return MST_FAULT_BUG;
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

int main(int argc, char **argv)
{
	static double took[WHAT__COUNT][ROUNDS_MAX];
	size_t rounds = argc > 2 ? (size_t)atoi(argv[2]) : 0;
	char top[64] = "/tmp/mst-key-cost-XXXXXX", cmd[128];
	struct mst_secenv *s;
	int r;

	if (!rounds || rounds > ROUNDS_MAX || !mkdtemp(top)) {
		fprintf(stderr, "usage: key-cost file|secret|tpm|pkcs11|card ROUNDS\n");
		return 2;
	}
	snprintf(dir, sizeof(dir), "%s/state", top);
	snprintf(key_file, sizeof(key_file), "%s/state.key", top);
	device_start(argv[1]);
	s = open_store();
	r = s->ops->key_make(s, &key, NULL);
	if (!r)
		r = once(&s, STORE);
	kek = mst_writer_of(record, sizeof(record));
	if (!r)
		r = of_record(STORE);
	for (size_t i = 0; !r && i < rounds; i++) {
		for (enum what w = SIGN; !r && w < WHAT__COUNT; w++) {
			double t = milliseconds();

			r = once(&s, w);
			took[w][i] = milliseconds() - t;
		}
	}
	if (!r)
		r = of_record(WHAT__COUNT);
	s->ops->close(s);
	device_stop();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	if (system(cmd) || r) {
		fprintf(stderr, "key-cost: %d\n", r);
		return 1;
	}
	printf("{\"backend\": \"%s\"", argv[1]);
	for (enum what w = SIGN; w < WHAT__COUNT; w++) {
		qsort(took[w], rounds, sizeof(took[w][0]), by_time);
		printf(", \"%s\": %.3f", name[w], took[w][rounds / 2]);
	}
	printf("}\n");
	return 0;
}
