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
#define KEK_IN_FILE 1                   /* MST_SECENV_FILE */

struct keeper_kek { uint32_t gen /* 0: none */; int kind /* 0: a file, else enum mst_secenv_kind */; uint8_t key[KEK_LEN], mark[MST_GENERATION_MARK] /* when it wraps */; };

/* A key for one use out of a key-encryption key: HMAC-SHA-256(KEK, label). */
MST_MUST_CHECK int keeper_subkey(struct mst_crypto *c, const uint8_t kek[KEK_LEN], const char *label, uint8_t out[KEK_LEN]);
/* All that are there, the newest first. 0, MST_FAULT_CONFIG, MST_FAULT_CORRUPT or another fault, explained. */
MST_MUST_CHECK int keeper_keks_read(int dir, const struct mst_keeper_device *dev, struct keeper_kek ret[KEKS_MAX], size_t *ret_n, struct mst_diag *d);
/* A new one, on the disk when this returns 0. */
MST_MUST_CHECK int keeper_kek_write(int dir, uint32_t gen, const uint8_t key[KEK_LEN], struct mst_diag *d);
/*
 * The next one, made in the device while it can be reached: the process that keeps keys reaches none later (lib/server/confine.c). What
 * the last start could not give back to it goes, too. gen 1 of `ret`: there is one, else 0.
 */
MST_MUST_CHECK int keeper_kek_spare(int dir, const struct mst_keeper_device *dev, struct mst_crypto *c, struct keeper_kek *ret, struct mst_diag *d);
/* It becomes that generation. */
MST_MUST_CHECK int keeper_kek_take_spare(int dir, uint32_t gen);
/* Written over and removed; one of a device is given back to it at the next start. */
MST_MUST_CHECK int keeper_kek_destroy(int dir, const struct keeper_kek *k, struct mst_diag *d);

#endif
