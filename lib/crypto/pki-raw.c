/* ECDSA P-256 signatures in their short form, r || s: what fits into one SMS (codec/trigger.h). */
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>

#include "crypto/pki-internal.h"

#define HALF (MST_RAW_SIGNATURE / 2)

static bool raw_of_der(struct mst_view der, uint8_t ret_sig[MST_RAW_SIGNATURE])
{
	const unsigned char *p = der.p;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)der.n);
	bool ok = s && p == der.p + der.n && BN_bn2binpad(ECDSA_SIG_get0_r(s), ret_sig, HALF) == HALF &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(s), ret_sig + HALF, HALF) == HALF;

	ECDSA_SIG_free(s);
	ERR_clear_error();
	return ok;
}

int mst_raw_sign(struct mst_crypto *c, struct mst_signer *s, struct mst_view message,
		 uint8_t ret_sig[MST_RAW_SIGNATURE])
{
	uint8_t digest[MST_SHA256_LEN], der[128];
	size_t n = 0;
	int r = c->ops->sha256(c, message, digest);

	if (!r)
		r = s->sign(s, digest, der, sizeof(der), &n);
	if (r)
		return r < 0 ? r : MST_PKI_NOT_SIGNED;
	return raw_of_der((struct mst_view){ der, n }, ret_sig) ? 0 : MST_FAULT_CRYPTO;
}

static int der_of_raw(const uint8_t sig[MST_RAW_SIGNATURE], unsigned char **ret_der)
{
	BIGNUM *r = BN_bin2bn(sig, HALF, NULL), *s = BN_bin2bn(sig + HALF, HALF, NULL);
	ECDSA_SIG *e = ECDSA_SIG_new();
	int n = 0;

	if (r && s && e && ECDSA_SIG_set0(e, r, s)) {
		r = s = NULL;                   /* they are the signature's now */
		n = i2d_ECDSA_SIG(e, ret_der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(e);
	return n;
}

int mst_raw_verify(struct mst_crypto *c, struct mst_view spki, struct mst_view message,
		   const uint8_t sig[MST_RAW_SIGNATURE])
{
	uint8_t digest[MST_SHA256_LEN];
	const unsigned char *p = spki.p;
	unsigned char *der = NULL;
	EVP_PKEY_CTX *x = NULL;
	EVP_PKEY *k;
	int n, r = c->ops->sha256(c, message, digest);

	if (r)
		return r;
	if (!pki_spki_is_p256(spki))
		return MST_PKI_WEAK_KEY;
	k = d2i_PUBKEY(NULL, &p, (long)spki.n);
	if (!k) {
		ERR_clear_error();
		return MST_PKI_MALFORMED;
	}
	n = der_of_raw(sig, &der);
	x = EVP_PKEY_CTX_new(k, NULL);
	if (n <= 0 || !x || EVP_PKEY_verify_init(x) <= 0)
		r = MST_FAULT_CRYPTO;
	else if (EVP_PKEY_verify(x, der, (size_t)n, digest, sizeof(digest)) != 1)
		r = MST_PKI_BAD_SIGNATURE;
	EVP_PKEY_CTX_free(x);
	EVP_PKEY_free(k);
	OPENSSL_free(der);
	ERR_clear_error();
	return r;
}
