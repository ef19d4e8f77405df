/* What the files of the store share (store.c, keys.c, key-file.c). */
#ifndef MST_SECENV_STORE_H
#define MST_SECENV_STORE_H

#include "secenv/root.h"
#include "secenv/sealed.h"

struct file_env {
	struct mst_secenv env;
	struct secenv_root *root;
	struct sealed s;
	int lock;
	uint8_t file[2];        /* by enum mst_slot: number of the credential file, or NO_FILE */
	uint64_t count;         /* of changes, where the root counts */
	uint8_t mark[2][SEALED_MARK];   /* of each credential file there; zeros: none */
	uint8_t cred[MST_ROOT_CRED_MAX];
};

/* The key file: 32 octets that are the store's key, or a record that names its back end. */
#define KEY_FILE_MAX (ROOT_RECORD_MAX + 64u)
/* What is in one: 0, CORRUPT, or a fault; *ret_record is within `v`. And the way back. */
MST_MUST_CHECK int key_file_parse(struct mst_crypto *c, struct mst_view v, const char *path, enum mst_secenv_kind *ret_kind,
				  struct mst_view *ret_record, struct mst_diag *d);
MST_MUST_CHECK int key_file_put(struct mst_crypto *c, enum mst_secenv_kind kind, struct mst_view record, struct mst_writer *w);
/* 0, NONE, CORRUPT, or a fault. *ret_record is within `b`. */
MST_MUST_CHECK int key_file_read(struct secenv_port *p, struct mst_crypto *c, const char *path, uint8_t b[KEY_FILE_MAX],
				 enum mst_secenv_kind *ret_kind, struct mst_view *ret_record, struct mst_diag *d);
/* Whole or not at all. */
MST_MUST_CHECK int key_file_write(struct secenv_port *p, struct mst_crypto *c, const char *path, enum mst_secenv_kind kind,
				  struct mst_view record, struct mst_diag *d);

/* Keys (keys.c), as in struct mst_secenv_ops. */
int keys_make(struct mst_secenv *s, struct mst_secenv_key *ret_k, struct mst_diag *d);
int keys_public(struct mst_secenv *s, const struct mst_secenv_key *k, uint8_t *ret_spki, size_t cap, size_t *ret_n, struct mst_diag *d);
int keys_sign(struct mst_secenv *s, const struct mst_secenv_key *k, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap,
	      size_t *ret_n, struct mst_diag *d);
int keys_erase(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_diag *d);
int keys_import(struct mst_secenv *s, struct mst_view secret, struct mst_secenv_key *ret_k, struct mst_diag *d);
int keys_hmac(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_view message, uint8_t out[MST_SHA256_LEN], struct mst_diag *d);
int keys_seal(struct mst_secenv *s, const char *purpose, struct mst_view v, struct mst_writer *w, struct mst_diag *d);
int keys_unseal(struct mst_secenv *s, const char *purpose, struct mst_view box, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d);
int keys_attest(struct mst_secenv *s, const struct mst_secenv_key *k, struct mst_view nonce, struct mst_writer *w, struct mst_diag *d);

#endif
