/*
 * What a store is bound to: the one part that differs from back end to back end. It gives the store its key, and does
 * inside of the device what the device can do; what it leaves NULL is done in memory (keys.c).
 */
#ifndef MST_SECENV_ROOT_H
#define MST_SECENV_ROOT_H

#include "secenv/secenv.h"

#define ROOT_RECORD_MAX 1024u           /* what the key file holds for a back end */
#define ROOT_PIN_MAX 64u

struct secenv_root;
struct secenv_root_ops {
	enum mst_secenv_kind kind;
	struct mst_secenv_offers offers;
	/* First octet of the keys that it makes; below it and 0x30 are keys.c's. */
	uint8_t tag;
	/* A new store: what its key file is to hold, and its key. */
	int (*bind)(struct secenv_root *r, struct mst_writer *record, uint8_t ret_key[32], struct mst_diag *d);
	/* The key again. CORRUPT: the record is none of this back end's. */
	int (*unlock)(struct secenv_root *r, struct mst_view record, uint8_t ret_key[32], struct mst_diag *d);
	/* What bind left in the device goes with the store; gone is done. After unlock, or with the record alone. */
	int (*unbind)(struct secenv_root *r, struct mst_view record, struct mst_diag *d);
	/* A counter that only goes up, of this store, in the device. */
	int (*counter)(struct secenv_root *r, uint64_t *ret_n, struct mst_diag *d);
	int (*advance)(struct secenv_root *r, struct mst_diag *d);
	/* As in struct mst_secenv_ops. */
	int (*key_make)(struct secenv_root *r, struct mst_secenv_key *ret_k, struct mst_diag *d);
	int (*key_public)(struct secenv_root *r, const struct mst_secenv_key *k, uint8_t *ret_spki, size_t cap, size_t *ret_n, struct mst_diag *d);
	int (*key_sign)(struct secenv_root *r, const struct mst_secenv_key *k, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap,
			size_t *ret_n, struct mst_diag *d);
	int (*key_erase)(struct secenv_root *r, const struct mst_secenv_key *k, struct mst_diag *d);
	int (*secret_import)(struct secenv_root *r, struct mst_view secret, struct mst_secenv_key *ret_k, struct mst_diag *d);
	int (*secret_hmac)(struct secenv_root *r, const struct mst_secenv_key *k, struct mst_view message, uint8_t out[MST_SHA256_LEN],
			   struct mst_diag *d);
	int (*attest)(struct secenv_root *r, const struct mst_secenv_key *k, struct mst_view nonce, struct mst_writer *w, struct mst_diag *d);
	void (*free)(struct secenv_root *r);
};
struct secenv_root { const struct secenv_root_ops *ops; };

/*
 * Does the device do what is wanted of it? KEYS: a key pair is made, signs, and goes again. STORE: a store is bound to it, with its secret, an HMAC
 * and the counter, and unbound. It leaves nothing behind, unless it is cut off: then what a half-made store leaves.
 */
enum { ROOT_KEYS = 1, ROOT_STORE = 2 };
MST_MUST_CHECK int secenv_root_try(struct secenv_root *r, unsigned what, struct mst_diag *d);
/* Does it open the store of that key file? Nothing is made or counted, and whoever has the store open is not disturbed. Also NONE, OTHER. */
MST_MUST_CHECK int secenv_root_opens(struct secenv_root *r, const char *key_file, struct mst_crypto *c, struct mst_diag *d);

/* Roots whose objects have names (root-named.c). The store's key is the device's HMAC of this message. */
#define ROOT_ID 16u
#define ROOT_SALT 16u
#define ROOT_STORE_MESSAGE 64u
struct mst_view secenv_store_message(struct mst_view salt, uint8_t b[ROOT_STORE_MESSAGE]);
/* Their record: version, id, salt. `what`: "a token". */
void secenv_named_record(struct mst_writer *record, uint8_t version, const uint8_t id[ROOT_ID], const uint8_t salt[ROOT_SALT]);
MST_MUST_CHECK bool secenv_named_record_read(struct mst_view record, uint8_t version, uint8_t id[ROOT_ID], struct mst_view *ret_salt, const char *what,
					     struct mst_diag *d);
/* Their keys: tag, id. NULL with `d`: no such name. */
void secenv_name_key(struct mst_secenv_key *k, uint8_t tag, const uint8_t id[ROOT_ID]);
const uint8_t *secenv_id_of(const struct mst_secenv_key *k, uint8_t tag, struct mst_diag *d);

/* A secret of a person or a machine from a file: at most `cap` octets, the last line feed not counted. REFUSED with `d`:
 * not there, empty, too long, or readable by others. */
MST_MUST_CHECK int secenv_read_secret(const char *path, uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d);
/* r || s of 32 octets each, as devices give it, to DER. False: no such numbers, or no room. */
MST_MUST_CHECK bool secenv_signature(const uint8_t rs[64], uint8_t *out, size_t cap, size_t *ret_n);
/* The public key of a point's coordinates. */
MST_MUST_CHECK int secenv_spki(const uint8_t xy[64], uint8_t *ret_spki, size_t cap, size_t *ret_n);

#endif
