/*
 * The crypto port: few, dumb operations; one file per implementation (openssl.c; a test double).
 * A struct mst_crypto is passed in, never global.
 */
#ifndef MST_CRYPTO_CRYPTO_H
#define MST_CRYPTO_CRYPTO_H

#include "base/fault.h"
#include "base/secret.h"
#include "base/writer.h"

#define MST_SHA256_LEN 32
#define MST_AEAD_NONCE 12
#define MST_AEAD_TAG 16

#define MST_AES_BLOCK 16
#define MST_MD5_LEN 16
#define MST_SHA1_LEN 20

struct mst_crypto;
struct mst_aes;                 /* the backend's */

/* What 3GPP's and the IETF's older protocols prescribe and nothing new may choose. */
enum mst_old_hash { MST_OLD_MD5, MST_OLD_SHA1 };

struct mst_crypto_ops {
	const char *name;
	/* All return 0 or a fault; open() also MST_CRYPTO_FORGED. */
	int (*random)(struct mst_crypto *c, uint8_t *out, size_t n);
	int (*sha256)(struct mst_crypto *c, struct mst_view msg, uint8_t out[MST_SHA256_LEN]);
	int (*hmac_sha256)(struct mst_crypto *c, struct mst_view key, struct mst_view msg,
			   uint8_t out[MST_SHA256_LEN]);
	/* AES-256-GCM. `out` has room for in.n + MST_AEAD_TAG (seal), in.n - MST_AEAD_TAG (open). */
	int (*seal)(struct mst_crypto *c, const uint8_t key[32], const uint8_t nonce[MST_AEAD_NONCE],
	            struct mst_view aad, struct mst_view in, uint8_t *out);
	int (*open)(struct mst_crypto *c, const uint8_t key[32], const uint8_t nonce[MST_AEAD_NONCE],
	            struct mst_view aad, struct mst_view in, uint8_t *out);
	/* AES-128 with one key, each block for itself (the kernel of Milenage). new: NULL when it fails; free wipes, and takes
	 * NULL. run: `out` may be `in`. */
	struct mst_aes *(*aes_new)(struct mst_crypto *c, const uint8_t key[16]);
	int (*aes_run)(struct mst_aes *a, const uint8_t *in, uint8_t *out, size_t blocks);
	void (*aes_free)(struct mst_aes *a);
	/* 16 or 20 octets. A fault where the library's policy has none: only programs that speak those protocols ask. */
	int (*old_hash)(struct mst_crypto *c, enum mst_old_hash which, struct mst_view msg, uint8_t *out);
};

enum mst_crypto_outcome { MST_CRYPTO_FORGED = 1 };

struct mst_crypto { const struct mst_crypto_ops *ops; };        /* first member of every backend */

/* The OpenSSL backend; a constant object without state. */
struct mst_crypto *mst_crypto_openssl(void);

/*
 * Sealed box in one piece: nonce || ciphertext || tag, with a random nonce. `aad` binds the purpose.
 * Room: MST_BOX_OVERHEAD + in.n.
 */
#define MST_BOX_OVERHEAD (MST_AEAD_NONCE + MST_AEAD_TAG)
MST_MUST_CHECK int mst_box_seal(struct mst_crypto *c, const uint8_t key[32], struct mst_view aad,
                                struct mst_view in, struct mst_writer *w);
/* 0, MST_CRYPTO_FORGED, or a fault. `out` has room for in.n - MST_BOX_OVERHEAD. */
MST_MUST_CHECK int mst_box_open(struct mst_crypto *c, const uint8_t key[32], struct mst_view aad,
                                struct mst_view in, uint8_t *out, size_t cap, size_t *ret_n);

/* scrypt (RFC 7914) with N 2^14, r 8, p 1: 32 octets of a secret that may be a person's. 0, or a fault. */
MST_MUST_CHECK int mst_stretch(struct mst_view secret, struct mst_view salt, uint8_t ret_key[32]);

/* Known answers of spec 3.7 and RFC/NIST vectors for every operation; run at start-up by every program.
 * 0, or MST_FAULT_CRYPTO with *ret_which naming the vector that failed. */
MST_MUST_CHECK int mst_crypto_self_test(struct mst_crypto *c, const char **ret_which);

#endif
