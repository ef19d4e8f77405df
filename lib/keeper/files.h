/* The keeper's files: kek.key (32 octets), ca.key (PKCS#8 sealed by it), ca.pem. Inside lib/keeper only. */
#ifndef MST_KEEPER_FILES_H
#define MST_KEEPER_FILES_H

#include "crypto/pki.h"
#include "keeper/keeper.h"

#define KEK_LEN 32

struct keeper_files {
	uint8_t kek[KEK_LEN];
	uint8_t ca_key[MST_PKEY_MAX];
	size_t n_ca_key;
	uint8_t ca_der[MST_CERT_MAX];
	size_t n_ca_der;
};

/* A key for one use out of the key-encryption key: HMAC-SHA-256(KEK, label). */
MST_MUST_CHECK int keeper_subkey(struct mst_crypto *c, const uint8_t kek[KEK_LEN], const char *label,
				 uint8_t out[KEK_LEN]);
/* 0, MST_FAULT_CONFIG (missing, open to others), MST_FAULT_CORRUPT, or another fault; explained in `d`. */
MST_MUST_CHECK int keeper_files_read(const char *dir, struct mst_crypto *c, struct keeper_files *ret_f, int *ret_dir,
				     struct mst_diag *d);
/* A file of the directory that others may read: 0, 1 when there is none, or a fault. */
MST_MUST_CHECK int keeper_file_read(int dir, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d);
/* Written beside, on the disk, and renamed: at every moment the old one or the new. `d` may be NULL. */
MST_MUST_CHECK int keeper_file_replace(int dir, const char *name, unsigned mode, struct mst_view v, struct mst_diag *d);

#endif
