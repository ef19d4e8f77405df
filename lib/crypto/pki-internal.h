/* What the files of the X.509 part share; OpenSSL types stay behind this header. */
#ifndef MST_CRYPTO_PKI_INTERNAL_H
#define MST_CRYPTO_PKI_INTERNAL_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto/pki.h"

/* One whole DER object without anything behind it; NULL otherwise. The caller frees. */
X509 *pki_x509(struct mst_view der);
X509_CRL *pki_crl(struct mst_view der);
EVP_PKEY *pki_private(struct mst_view pkcs8);
/* The same certificate is an issuer again and again: the last one is kept, parsed. The caller frees its reference. */
X509 *pki_issuer(struct mst_view der);
/* A private key on P-256 for signing alone, by the short way (ec-fast.c); NULL when it is another, or for a lack of memory. */
void *pki_signing_key(struct mst_view pkcs8);
MST_MUST_CHECK int pki_signing_key_use(void *key, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap, size_t *ret_n);
void pki_signing_key_free(void *key);
/* The same for functions of the library that sign by themselves: they cannot with a decoded key when the copied method is in place. */
EVP_PKEY *pki_signing_pkey(struct mst_view pkcs8);

/* Spec 2.5.4: id-ecPublicKey, secp256r1, uncompressed point; there is one way to write that. */
bool pki_spki_is_p256(struct mst_view spki);

/* Names: into the SAN extension, and out of it. Both 0, MST_PKI_MALFORMED, MST_PKI_NO_ROOM or a fault. */
MST_MUST_CHECK int pki_names_put(GENERAL_NAMES *names, const struct mst_san *san);
MST_MUST_CHECK int pki_names_get(const X509 *x, struct mst_cert_info *i, struct mst_diag *d);
MST_MUST_CHECK int pki_names_read(const GENERAL_NAMES *names, struct mst_cert_info *i, struct mst_diag *d);
/* Extensions with that one alternative name, as an extensionRequest has them; the caller frees. */
MST_MUST_CHECK int pki_name_extension(const struct mst_san *san, unsigned char **ret_der, size_t *ret_n);

/* ASN.1 times; mst_time beyond 9999 is "no well-defined end", RFC 5280 4.1.2.5. */
bool pki_time_put(ASN1_TIME *t, mst_time when);
bool pki_time_get(const ASN1_TIME *t, mst_time *ret_t);

/* Tag and length of a DER object with `n` octets in it, and how many octets these take. */
void pki_put_header(struct mst_writer *w, uint8_t tag, size_t n);
size_t pki_header_size(size_t n);
/* SEQUENCE { tbs, ecdsa-with-SHA256, BIT STRING sig }. False when it does not fit. */
MST_MUST_CHECK bool pki_assemble(struct mst_view tbs, struct mst_view sig, uint8_t *ret_der, size_t cap,
				 size_t *ret_n);
/* Ask the signer, check its answer with the key that relying parties will use, assemble. */
MST_MUST_CHECK int pki_sign(struct mst_signer *s, struct mst_view tbs, EVP_PKEY *check,
                            uint8_t *ret_der, size_t cap, size_t *ret_n);
/* ecdsa-with-SHA256 into the algorithm field inside a to-be-signed part. */
bool pki_set_algorithm(const X509_ALGOR *tbs_field);

/* authorityKeyIdentifier with the issuer's key identifier; NULL on a fault. The caller frees. */
AUTHORITY_KEYID *pki_aki(const X509 *issuer);

#endif
