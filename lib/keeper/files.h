/* The keeper's files: kek.key and its successors (kek.h), ca.key (PKCS#8 sealed by one of them), ca.pem. Inside lib/keeper only. */
#ifndef MST_KEEPER_FILES_H
#define MST_KEEPER_FILES_H

#include "crypto/pki.h"
#include "keeper/kek.h"
#include "keeper/keeper.h"

struct keeper_files {
	struct keeper_kek kek[KEKS_MAX];     /* the newest first */
	size_t n_kek;
	uint32_t ca_gen;                     /* the generation that ca.key is sealed by */
	uint32_t ca_kind;                    /* 0: ca_key is the key, else a device of that kind has it, and ca_key is what it knows it by */
	uint8_t ca_key[MST_PKEY_MAX];
	size_t n_ca_key;
	uint8_t ca_der[MST_CERT_MAX];
	size_t n_ca_der;
};

/* 0, MST_FAULT_CONFIG (missing, open to others), MST_FAULT_CORRUPT, or another fault; explained in `d`. */
MST_MUST_CHECK int keeper_files_read(const char *dir, const struct mst_keeper_device *dev, struct mst_crypto *c, struct keeper_files *ret_f,
				     int *ret_dir, struct mst_diag *d);
/* ca.key anew, sealed by that generation. */
MST_MUST_CHECK int keeper_ca_seal(int dir, struct mst_crypto *c, const struct keeper_kek *k, struct keeper_files *f, struct mst_diag *d);
int keeper_os_fault(struct mst_diag *d, const char *what);
/* A file that nobody else may read. */
MST_MUST_CHECK int keeper_secret_read(int dir, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d);
/* A file of the directory that others may read: 0, 1 when there is none, or a fault. */
MST_MUST_CHECK int keeper_file_read(int dir, const char *name, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d);
/* Written beside, on the disk, and renamed: at every moment the old one or the new. `d` may be NULL. */
MST_MUST_CHECK int keeper_file_replace(int dir, const char *name, unsigned mode, struct mst_view v, struct mst_diag *d);

#endif
