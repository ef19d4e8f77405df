/*
 * The crypto port on OpenSSL 3. Algorithms are fetched once a process: an implicit fetch at every call
 * costs more than hashing a short message does.
 */
#include "crypto/crypto.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

static struct {
	EVP_MD *sha256;
	EVP_CIPHER *gcm;
	EVP_MAC *hmac;
	EVP_MAC_CTX *hmac_sha256;       /* template to copy, digest chosen */
} alg;
static CRYPTO_ONCE alg_once = CRYPTO_ONCE_STATIC_INIT;

static void drop_algorithms(void)
{
	EVP_MAC_CTX_free(alg.hmac_sha256);
	EVP_MAC_free(alg.hmac);
	EVP_CIPHER_free(alg.gcm);
	EVP_MD_free(alg.sha256);
	alg.hmac_sha256 = NULL;
	alg.hmac = NULL;
	alg.gcm = NULL;
	alg.sha256 = NULL;
}

static void fetch_algorithms(void)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	alg.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	alg.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	alg.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	alg.hmac_sha256 = alg.hmac ? EVP_MAC_CTX_new(alg.hmac) : NULL;
	if (!alg.sha256 || !alg.gcm || !alg.hmac_sha256 || !EVP_MAC_CTX_set_params(alg.hmac_sha256, params)) {
		drop_algorithms();
		return;
	}
	OPENSSL_atexit(drop_algorithms);
}

static bool ready(void)
{
	return CRYPTO_THREAD_run_once(&alg_once, fetch_algorithms) && alg.hmac_sha256;
}

static int ossl_random(struct mst_crypto *c, uint8_t *out, size_t n)
{
	(void)c;
	return n <= INT_MAX && RAND_bytes(out, (int)n) == 1 ? 0 : MST_FAULT_CRYPTO;
}

static int ossl_sha256(struct mst_crypto *c, struct mst_view msg, uint8_t out[MST_SHA256_LEN])
{
	unsigned n = 0;

	(void)c;
	if (!ready() || !EVP_Digest(msg.p, msg.n, out, &n, alg.sha256, NULL) || n != MST_SHA256_LEN)
		return MST_FAULT_CRYPTO;
	return 0;
}

static int ossl_hmac(struct mst_crypto *c, struct mst_view key, struct mst_view msg,
		     uint8_t out[MST_SHA256_LEN])
{
	static const uint8_t nothing;
	EVP_MAC_CTX *m;
	size_t n = 0;
	bool ok;

	(void)c;
	m = ready() ? EVP_MAC_CTX_dup(alg.hmac_sha256) : NULL;
	if (!m)
		return MST_FAULT_CRYPTO;
	/* a NULL key would mean "keep the one you have" */
	ok = EVP_MAC_init(m, key.n ? key.p : &nothing, key.n, NULL) &&
	     (!msg.n || EVP_MAC_update(m, msg.p, msg.n)) && EVP_MAC_final(m, out, &n, MST_SHA256_LEN) &&
	     n == MST_SHA256_LEN;
	EVP_MAC_CTX_free(m);
	return ok ? 0 : MST_FAULT_CRYPTO;
}

static int ossl_seal(struct mst_crypto *c, const uint8_t key[32], const uint8_t nonce[MST_AEAD_NONCE],
                     struct mst_view aad, struct mst_view in, uint8_t *out)
{
	EVP_CIPHER_CTX *x;
	int n = 0, m = 0;
	bool ok;

	(void)c;
	if (in.n > INT_MAX - MST_AEAD_TAG || aad.n > INT_MAX)
		return MST_FAULT_MEMORY;
	x = ready() ? EVP_CIPHER_CTX_new() : NULL;
	if (!x)
		return MST_FAULT_CRYPTO;
	/* 12 octets is this mode's own nonce length */
	ok = EVP_EncryptInit_ex2(x, alg.gcm, key, nonce, NULL) &&
	     (!aad.n || EVP_EncryptUpdate(x, NULL, &m, aad.p, (int)aad.n)) &&
	     (!in.n || EVP_EncryptUpdate(x, out, &n, in.p, (int)in.n)) && (size_t)n == in.n &&
	     EVP_EncryptFinal_ex(x, out + n, &m) && m == 0 &&
	     EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, MST_AEAD_TAG, out + n);
	EVP_CIPHER_CTX_free(x);
	return ok ? 0 : MST_FAULT_CRYPTO;
}

static int ossl_open(struct mst_crypto *c, const uint8_t key[32], const uint8_t nonce[MST_AEAD_NONCE],
                     struct mst_view aad, struct mst_view in, uint8_t *out)
{
	EVP_CIPHER_CTX *x;
	uint8_t tag[MST_AEAD_TAG];
	int n = 0, m = 0, r = MST_FAULT_CRYPTO;
	size_t len;

	(void)c;
	if (in.n < MST_AEAD_TAG)
		return MST_CRYPTO_FORGED;
	len = in.n - MST_AEAD_TAG;
	if (len > INT_MAX || aad.n > INT_MAX)
		return MST_FAULT_MEMORY;
	for (size_t i = 0; i < MST_AEAD_TAG; i++)
		tag[i] = in.p[len + i];
	x = ready() ? EVP_CIPHER_CTX_new() : NULL;
	if (!x)
		return MST_FAULT_CRYPTO;
	if (EVP_DecryptInit_ex2(x, alg.gcm, key, nonce, NULL) &&
	    (!aad.n || EVP_DecryptUpdate(x, NULL, &m, aad.p, (int)aad.n)) &&
	    (!len || EVP_DecryptUpdate(x, out, &n, in.p, (int)len)) && (size_t)n == len &&
	    EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, MST_AEAD_TAG, tag)) {
		/* the tag is checked only here; what came out before is not to be seen when it is wrong */
		r = EVP_DecryptFinal_ex(x, tag, &m) ? 0 : MST_CRYPTO_FORGED;
	}
	if (r)
		mst_wipe(out, len);
	EVP_CIPHER_CTX_free(x);
	return r;
}

/*
 * What AKA and HTTP Digest need is fetched apart from the rest and only when it is asked for: a library whose policy has
 * no MD5 is good for everything else.
 */
static struct {
	EVP_CIPHER *aes;
	EVP_MD *hash[2];
} old;
static CRYPTO_ONCE old_once = CRYPTO_ONCE_STATIC_INIT;

static void drop_old(void)
{
	EVP_CIPHER_free(old.aes);
	EVP_MD_free(old.hash[MST_OLD_MD5]);
	EVP_MD_free(old.hash[MST_OLD_SHA1]);
	old.aes = NULL;
	old.hash[MST_OLD_MD5] = old.hash[MST_OLD_SHA1] = NULL;
}

static void fetch_old(void)
{
	old.aes = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	old.hash[MST_OLD_MD5] = EVP_MD_fetch(NULL, "MD5", NULL);
	old.hash[MST_OLD_SHA1] = EVP_MD_fetch(NULL, "SHA1", NULL);
	OPENSSL_atexit(drop_old);
}

static struct mst_aes *ossl_aes_new(struct mst_crypto *c, const uint8_t key[16])
{
	EVP_CIPHER_CTX *x;

	(void)c;
	x = CRYPTO_THREAD_run_once(&old_once, fetch_old) && old.aes ? EVP_CIPHER_CTX_new() : NULL;
	if (x && !EVP_EncryptInit_ex2(x, old.aes, key, NULL, NULL)) {
		EVP_CIPHER_CTX_free(x);
		x = NULL;
	}
	return (struct mst_aes *)x;
}

static int ossl_aes_run(struct mst_aes *a, const uint8_t *in, uint8_t *out, size_t blocks)
{
	int n = 0;

	if (blocks > INT_MAX / MST_AES_BLOCK)
		return MST_FAULT_MEMORY;
	/* encryption holds no whole block back, so padding (which turning off costs more than a block) never comes into it */
	if (!EVP_EncryptUpdate((EVP_CIPHER_CTX *)a, out, &n, in, (int)(blocks * MST_AES_BLOCK)) || (size_t)n != blocks * MST_AES_BLOCK)
		return MST_FAULT_CRYPTO;
	return 0;
}

static void ossl_aes_free(struct mst_aes *a)
{
	EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *)a);       /* wipes the key schedule */
}

static int ossl_old_hash(struct mst_crypto *c, enum mst_old_hash which, struct mst_view msg, uint8_t *out)
{
	unsigned n = 0, want = which == MST_OLD_MD5 ? MST_MD5_LEN : MST_SHA1_LEN;

	(void)c;
	if (!CRYPTO_THREAD_run_once(&old_once, fetch_old) || !old.hash[which] ||
	    !EVP_Digest(msg.p, msg.n, out, &n, old.hash[which], NULL) || n != want)
		return MST_FAULT_CRYPTO;
	return 0;
}

static const struct mst_crypto_ops ossl_ops = {
	.name = "openssl", .random = ossl_random, .sha256 = ossl_sha256, .hmac_sha256 = ossl_hmac,
	.seal = ossl_seal, .open = ossl_open, .aes_new = ossl_aes_new,
	.aes_run = ossl_aes_run, .aes_free = ossl_aes_free, .old_hash = ossl_old_hash,
};

struct mst_crypto *mst_crypto_openssl(void)
{
	static struct mst_crypto c = { &ossl_ops };

	return &c;
}
