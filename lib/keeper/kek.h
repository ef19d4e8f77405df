/*
 * Generations of the key-encryption key, a file each: kek.key is the first, kek-N.key the Nth. One is in use; while rows are wrapped
 * anew the one before is there, too. Inside lib/keeper only.
 */
#ifndef MST_KEEPER_KEK_H
#define MST_KEEPER_KEK_H

#include "base/diag.h"
#include "crypto/crypto.h"
#include "keeper/keeper.h"

#define KEK_LEN 32
#define KEKS_MAX 2

struct keeper_kek { uint32_t gen; uint8_t key[KEK_LEN]; };

/* A key for one use out of a key-encryption key: HMAC-SHA-256(KEK, label). */
MST_MUST_CHECK int keeper_subkey(struct mst_crypto *c, const uint8_t kek[KEK_LEN], const char *label, uint8_t out[KEK_LEN]);
/* All that are there, the newest first. 0, MST_FAULT_CONFIG, MST_FAULT_CORRUPT or another fault, explained. */
MST_MUST_CHECK int keeper_keks_read(int dir, struct keeper_kek ret[KEKS_MAX], size_t *ret_n, struct mst_diag *d);
/* A new one, random, on the disk when this returns 0. */
MST_MUST_CHECK int keeper_kek_make(int dir, uint32_t gen, struct mst_crypto *c, uint8_t ret_key[KEK_LEN], struct mst_diag *d);
/* Written over and removed. */
MST_MUST_CHECK int keeper_kek_destroy(int dir, uint32_t gen, struct mst_diag *d);

#endif
