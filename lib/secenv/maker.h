/*
 * A maker's secret (Kpm) that was taken into the secure environment, as it lies in a file: one PEM block with the label
 * MAKER_LABEL for each back end that can open it; two while a store moves (move.h).
 *
 *   version 1 | salt 16 | u16, the key as its back end gave it | u8, the identity | box: nonce 12, the secret, tag 16
 *
 * The box is AES-256-GCM under HMAC-SHA-256(key, MAKER_PURPOSE || salt), and all that stands before it is bound. The key is 32
 * octets that were imported: where there is a device, the HMAC is made in it. Nothing of this is in the store, so it is there
 * after a factory reset, as the node's initial key is.
 */
#ifndef MST_SECENV_MAKER_H
#define MST_SECENV_MAKER_H

#include "secenv/secenv.h"

#define MAKER_LABEL "MUSTER SECRET"
#define MAKER_PURPOSE "muster maker's secret 1"
#define MAKER_SALT 16u
#define MAKER_MAX (1u + MAKER_SALT + 2u + MST_SECENV_KEY_MAX + 1u + MST_ID_MAX + MST_BOX_OVERHEAD + MST_KEY_MAX)
#define MAKER_TEXT_MAX (MAKER_MAX / 48u * 65u + 65u + 2u * 32u)         /* one block, as it is written */
#define MAKER_FILE_MAX 4096u                                            /* and a file of two, with words for people around them */

/* One block, taken apart; nothing of it is proven before it has been opened. */
struct maker_box {
	uint8_t b[MAKER_MAX];
	struct mst_view head, salt, box;         /* into b */
	struct mst_secenv_key key;
	char identity[MST_ID_MAX];
};

/* Is there such a block? What is none may be the secret's own text (secret-text.h). */
bool maker_is_sealed(struct mst_view pem);
/* The next one at or after *at; ret->key.n = 0 at the end. 0, or CORRUPT with `d`. */
MST_MUST_CHECK int maker_read(struct mst_view pem, size_t *at, struct maker_box *ret, struct mst_diag *d);
/*
 * Every block is read, whether it can be opened or not, and is of that identity. 0; NONE: there is none; CORRUPT; OTHER: it is of another identity.
 * *ret_inside: what opens it is in a device, whichever block one has.
 */
MST_MUST_CHECK int maker_check(struct mst_view pem, const char *identity, bool *ret_inside, struct mst_diag *d);

/* A block for `s`, with a key that is made for it there: *ret_k, for the caller to erase if nothing comes of it. */
MST_MUST_CHECK int maker_seal(struct mst_secenv *s, struct mst_crypto *c, const char *identity, const struct mst_key *secret, struct mst_writer *pem,
			      struct mst_secenv_key *ret_k, struct mst_diag *d);
/*
 * The secret, of the block that `s` opens; the caller wipes. As maker_check(); CORRUPT also: its key is there, and it does not open; else what the
 * device said. `ret` is that block then, to be written or erased; it may be NULL.
 */
MST_MUST_CHECK int maker_open(struct mst_secenv *s, struct mst_crypto *c, struct mst_view pem, const char *identity, struct mst_key *ret_secret,
			      struct maker_box *ret, struct mst_diag *d);
/* A block as it was read. */
void maker_put(const struct maker_box *x, struct mst_writer *pem);

#endif
