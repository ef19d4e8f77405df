/*
 * Certification requests (PKCS #10, RFC 2986) and the two containers that EST carries (RFC 7030): the attributes
 * that a server wants in a request, and bags of certificates ("certs-only" CMS, RFC 5652 with no signer). Both
 * ends are here, so that they cannot drift apart. OpenSSL types stay inside; everything is DER.
 */
#ifndef MST_CRYPTO_REQUEST_H
#define MST_CRYPTO_REQUEST_H

#include "crypto/pki.h"

#define MST_CSR_MAX 2048             /* octets of a request that is read: one key, one name, no more */
#define MST_CHALLENGE_MAX 65         /* text of a challengePassword with its NUL; RFC 2985: up to 255, ours are short */
#define MST_BAG_CERTS 8              /* certificates of a bag */
#define MST_BAG_MAX 16384
#define MST_SPKI_MAX 128

/* What a request says; its signature has been verified with its own key (proof of possession). */
struct mst_csr_info {
	struct mst_san san[MST_SANS_MAX];
	size_t n_san;
	bool foreign_names;          /* there are names of forms that we certify nobody by */
	bool has_challenge;
	char challenge[MST_CHALLENGE_MAX];
	bool asks_ca, asks_other_usage;  /* basicConstraints with cA; extendedKeyUsage other than clientAuth */
	bool has_subject;
	uint8_t subject_sha256[MST_SHA256_LEN];  /* of the subject's DER, when there is one */
	uint8_t spki[MST_SPKI_MAX];
	size_t n_spki;
	uint8_t sha256[MST_SHA256_LEN];  /* of the whole request */
};
/*
 * Read a request: one DER object of at most MST_CSR_MAX octets. 0, MST_PKI_MALFORMED, MST_PKI_WEAK_KEY (not P-256 with
 * an uncompressed point), MST_PKI_BAD_SIGNATURE (by another key, or not ECDSA with SHA-256), MST_PKI_NO_ROOM.
 */
MST_MUST_CHECK int mst_csr_info(struct mst_view der, struct mst_csr_info *ret_i, struct mst_diag *d);

/* Make one. `challenge` may be NULL. The signer's key is the one in `spki`. 0 or an mst_pki_outcome. */
MST_MUST_CHECK int mst_csr_make(struct mst_signer *s, struct mst_view spki, const struct mst_san *san, const char *challenge,
                                uint8_t *ret_der, size_t cap, size_t *ret_n);

/* What the subject of a certificate hashes to, to be compared with mst_csr_info.subject_sha256. */
MST_MUST_CHECK int mst_cert_subject_sha256(struct mst_view der, uint8_t ret[MST_SHA256_LEN]);
/* When does that CA end? For one that is asked of again and again. 0 or MST_PKI_MALFORMED. */
MST_MUST_CHECK int mst_ca_until(struct mst_view ca_der, mst_time *ret_t);
/* mst_cert_info of what that CA has just made, and whether its name constraints let it (spec 2.5.4): 0, MST_PKI_NOT_SIGNED for
 * no, MST_PKI_MALFORMED, or a fault. The signature itself is not looked at. */
MST_MUST_CHECK int mst_cert_permitted(struct mst_view der, struct mst_view ca_der, struct mst_cert_info *ret_i);
/* Would a relying party accept it under that CA: signature, time of the CA, name constraints (spec 2.5.4)? */
bool mst_cert_fits(struct mst_view der, struct mst_view ca_der);

/*
 * CSR attributes (RFC 7030 4.5.2): challengePassword and extensionRequest with the subjectAltName, both with the value
 * that the request must have (RFC 8951 3.2), P-256, ecdsa-with-SHA256.
 */
struct mst_csr_attrs { struct mst_san san; char challenge[MST_CHALLENGE_MAX]; bool has_san, has_challenge; };
MST_MUST_CHECK int mst_csr_attrs_make(const struct mst_csr_attrs *a, uint8_t *ret_der, size_t cap, size_t *ret_n);
/* Attributes that are not understood are passed over. 0 or MST_PKI_MALFORMED. */
MST_MUST_CHECK int mst_csr_attrs_read(struct mst_view der, struct mst_csr_attrs *ret_a);

/* A bag of certificates. */
MST_MUST_CHECK int mst_bag_make(const struct mst_view *cert, size_t n, uint8_t *ret_der, size_t cap, size_t *ret_n);
/* The certificates of a bag, one after another in `out`, each found again by its view. 0, MST_PKI_MALFORMED (none counts
 * as that), MST_PKI_NO_ROOM. */
struct mst_bag { struct mst_view cert[MST_BAG_CERTS]; size_t n; };
MST_MUST_CHECK int mst_bag_read(struct mst_view der, uint8_t *out, size_t cap, struct mst_bag *ret_b);

#endif
