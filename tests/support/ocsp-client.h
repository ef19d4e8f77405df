/* A client of OCSP for tests, by the library's own functions: CertIDs and requests. */
#ifndef TESTS_SUPPORT_OCSP_CLIENT_H
#define TESTS_SUPPORT_OCSP_CLIENT_H

#include "tests/support/cm.h"

#include <openssl/bn.h>
#include <openssl/ocsp.h>

#include "crypto/ocsp.h"

static inline OCSP_CERTID *ocsp_client_id(struct mst_view ca, const char *serial_hex)
{
	const unsigned char *p = ca.p;
	X509 *x = d2i_X509(NULL, &p, (long)ca.n);
	ASN1_INTEGER *n;
	BIGNUM *b = NULL;
	OCSP_CERTID *id;

	assert_non_null(x);
	assert_true(BN_hex2bn(&b, serial_hex) > 0);
	n = BN_to_ASN1_INTEGER(b, NULL);
	id = OCSP_cert_id_new(EVP_sha256(), X509_get_subject_name(x), X509_get0_pubkey_bitstr(x), n);
	assert_non_null(id);
	ASN1_INTEGER_free(n);
	BN_free(b);
	X509_free(x);
	return id;
}

static inline struct mst_ocsp_id ocsp_client_cert_id(struct mst_view ca, const char *serial_hex)
{
	struct mst_ocsp_id ret = { .n = 0 };
	OCSP_CERTID *id = ocsp_client_id(ca, serial_hex);
	unsigned char *out = ret.der;

	assert_true(i2d_OCSP_CERTID(id, NULL) <= MST_OCSP_ID_MAX);
	ret.n = (uint16_t)i2d_OCSP_CERTID(id, &out);
	OCSP_CERTID_free(id);
	return ret;
}

static inline size_t ocsp_client_request(struct mst_view ca, const char *const *serial_hex, size_t n, uint8_t *ret_der, size_t cap)
{
	OCSP_REQUEST *q = OCSP_REQUEST_new();
	unsigned char nonce[16] = "0123456789abcdef", *out = ret_der;
	int len;

	for (size_t i = 0; i < n; i++)
		assert_non_null(OCSP_request_add0_id(q, ocsp_client_id(ca, serial_hex[i])));
	assert_int_equal(OCSP_request_add1_nonce(q, nonce, sizeof(nonce)), 1);
	len = i2d_OCSP_REQUEST(q, NULL);
	assert_true(len > 0 && (size_t)len <= cap);
	len = i2d_OCSP_REQUEST(q, &out);
	OCSP_REQUEST_free(q);
	return (size_t)len;
}

/* Status of the `at`th certificate in an answer (V_OCSP_CERTSTATUS_…); -1 - the response status when that is no success. */
static inline int ocsp_client_status(struct mst_view der, int at)
{
	const unsigned char *p = der.p;
	OCSP_RESPONSE *r = d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
	int s;

	assert_non_null(r);
	s = -1 - OCSP_response_status(r);
	if (s == -1) {
		OCSP_BASICRESP *b = OCSP_response_get1_basic(r);

		assert_non_null(b);
		assert_true(at < OCSP_resp_count(b));
		s = OCSP_single_get0_status(OCSP_resp_get0(b, at), NULL, NULL, NULL, NULL);
		OCSP_BASICRESP_free(b);
	}
	OCSP_RESPONSE_free(r);
	return s;
}

#endif
