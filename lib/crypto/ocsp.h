/*
 * Certificate status online, RFC 6960 with the nonce of RFC 9654: reading requests and making answers about what one CA has
 * issued. OpenSSL's OCSP types stay inside.
 */
#ifndef MST_CRYPTO_OCSP_H
#define MST_CRYPTO_OCSP_H

#include "base/diag.h"
#include "base/time.h"
#include "base/writer.h"
#include "crypto/crypto.h"

#define MST_OCSP_REQUEST_MAX 2048
#define MST_OCSP_RESPONSE_MAX 4096
#define MST_OCSP_ASKED_MAX 8          /* certificates of one request; RFC 9654 and RFC 5019 clients ask for one */
#define MST_OCSP_ID_MAX 192           /* a CertID by SHA-512 */
#define MST_OCSP_NONCE_MAX 128        /* RFC 9654 2.1 */

/* A CertID as it came: an answer repeats it octet by octet. */
struct mst_ocsp_id { uint16_t n; uint8_t der[MST_OCSP_ID_MAX]; };

struct mst_ocsp_asked {
	struct mst_ocsp_id id;
	bool ours;                    /* issued by the CA given, by name and key, as far as the hashes tell */
	char serial[64];              /* hex as in mst_cert_info; "" when no certificate of ours could have it */
};
struct mst_ocsp_request {
	struct mst_ocsp_asked asked[MST_OCSP_ASKED_MAX];
	size_t n;                     /* 1 at least */
	uint8_t nonce[MST_OCSP_NONCE_MAX];
	size_t n_nonce;               /* 0: none came */
};

/*
 * 0, or MST_PKI_MALFORMED (`d` says what): not one DER OCSPRequest, nothing or more than MST_OCSP_ASKED_MAX asked, a nonce of
 * another length than 1 to 128, a critical extension that is not known. A signature of the requestor is not looked at.
 */
MST_MUST_CHECK int mst_ocsp_request_read(struct mst_view der, struct mst_view ca_der, struct mst_ocsp_request *ret_q,
					 struct mst_diag *d);

enum mst_ocsp_status { MST_OCSP_GOOD, MST_OCSP_REVOKED, MST_OCSP_UNKNOWN };      /* the tags of CertStatus */
struct mst_ocsp_single {
	struct mst_ocsp_id id;
	enum mst_ocsp_status status;
	mst_time revoked;             /* REVOKED */
	int reason;                   /* REVOKED: RFC 5280 5.3.1; 0 is left out */
};
struct mst_ocsp_answer {
	struct mst_ocsp_single single[MST_OCSP_ASKED_MAX];
	size_t n;
	uint8_t nonce[MST_OCSP_NONCE_MAX];
	size_t n_nonce;
	mst_time this_update, next_update;
};

/*
 * A whole OCSPResponse, signed by the key in `pkcs8`, whose certificate is in it. 0, or MST_PKI_MALFORMED when something is out
 * of its range, or GOOD or REVOKED is said of a certificate of another CA than that of `ca_der`.
 */
MST_MUST_CHECK int mst_ocsp_response_make(struct mst_view pkcs8, struct mst_view signer_der, struct mst_view ca_der,
					  const struct mst_ocsp_answer *a, uint8_t *ret_der, size_t cap, size_t *ret_n);

/* The serial number, as in mst_ocsp_asked, of the first certificate in an answer that is that CA's; "none" when it could have none. 0, MST_PKI_MALFORMED: none
 * is, or a fault. */
MST_MUST_CHECK int mst_ocsp_first_serial(struct mst_view ca_der, const struct mst_ocsp_answer *a, char ret_serial[64]);

/* OCSPResponseStatus of answers that say nothing of any certificate, and are not signed. */
enum mst_ocsp_error { MST_OCSP_NO_ERROR, MST_OCSP_MALFORMED_REQUEST, MST_OCSP_INTERNAL_ERROR, MST_OCSP_TRY_LATER,
                      MST_OCSP_SIG_REQUIRED = 5, MST_OCSP_UNAUTHORIZED };
void mst_ocsp_error_put(enum mst_ocsp_error e, struct mst_writer *w);

#endif
