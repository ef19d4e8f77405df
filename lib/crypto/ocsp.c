#include "crypto/ocsp.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "crypto/pki-internal.h"

/* --- requests --- */

static int refuse(struct mst_diag *d, const char *field, const char *why)
{
	mst_diag_set(d, 0, field, why, NULL);
	return MST_PKI_MALFORMED;
}

/* The CertID that our CA's certificates have under that hash is the same but for the serial number. */
static int issued_by(OCSP_CERTID *id, X509 *ca, bool *ret_yes)
{
	static const int known[] = { NID_sha1, NID_sha256, NID_sha384, NID_sha512 };
	ASN1_OBJECT *name = NULL;
	OCSP_CERTID *mine;
	size_t i = 0;

	*ret_yes = false;
	if (!OCSP_id_get0_info(NULL, &name, NULL, NULL, id))
		return MST_FAULT_CRYPTO;
	while (i < MST_COUNT(known) && OBJ_obj2nid(name) != known[i])
		i++;
	if (i == MST_COUNT(known))
		return 0;
	mine = OCSP_cert_to_id(EVP_get_digestbynid(known[i]), NULL, ca);
	if (!mine)                      /* never "not ours" for a lack of memory: that would be told as unknown */
		return MST_FAULT_MEMORY;
	*ret_yes = !OCSP_id_issuer_cmp(mine, id);
	OCSP_CERTID_free(mine);
	return 0;
}

/* As pki-info.c spells them. What is negative or longer than any of ours has none. 0, or a fault. */
static int serial_text(OCSP_CERTID *id, char out[64])
{
	ASN1_INTEGER *serial = NULL;
	BIGNUM *n;
	char *hex;

	out[0] = '\0';
	if (!OCSP_id_get0_info(NULL, NULL, NULL, &serial, id))
		return MST_FAULT_CRYPTO;
	if (ASN1_STRING_length(serial) > 31)
		return 0;
	n = ASN1_INTEGER_to_BN(serial, NULL);
	hex = n ? BN_bn2hex(n) : NULL;
	if (hex && !BN_is_negative(n) && !mst_view_to_str(mst_view_str(hex), out, 64))
		out[0] = '\0';
	BN_free(n);
	if (!hex)
		return MST_FAULT_MEMORY;
	OPENSSL_free(hex);
	return 0;
}

static OCSP_CERTID *id_of(const struct mst_ocsp_id *id)
{
	const unsigned char *p = id->der;
	OCSP_CERTID *c = id->n && id->n <= MST_OCSP_ID_MAX ? d2i_OCSP_CERTID(NULL, &p, id->n) : NULL;

	if (c && p != id->der + id->n) {
		OCSP_CERTID_free(c);
		c = NULL;
	}
	return c;
}

static int read_asked(OCSP_ONEREQ *one, X509 *ca, struct mst_ocsp_asked *ret_a, struct mst_diag *d)
{
	OCSP_CERTID *id = OCSP_onereq_get0_id(one), *again;
	unsigned char *p = ret_a->id.der;
	int n = i2d_OCSP_CERTID(id, NULL), r;

	if (OCSP_ONEREQ_get_ext_by_critical(one, 1, -1) >= 0)
		return refuse(d, "singleRequestExtensions", "critical, and not known here");
	if (n <= 0 || n > MST_OCSP_ID_MAX)
		return refuse(d, "reqCert", "longer than any hash makes it");
	ret_a->id.n = (uint16_t)i2d_OCSP_CERTID(id, &p);
	/* the library takes parameters of the hash that it does not read again: found by fuzz-ocsp */
	again = id_of(&ret_a->id);
	OCSP_CERTID_free(again);
	if (!again)
		return refuse(d, "reqCert", "its hash has parameters that are no DER");
	r = issued_by(id, ca, &ret_a->ours);
	return r ? r : serial_text(id, ret_a->serial);
}

/* RFC 9654 2.1: an OCTET STRING of 1 to 128 octets inside the extension's own. */
static int read_nonce(X509_EXTENSION *e, struct mst_ocsp_request *ret_q, struct mst_diag *d)
{
	const ASN1_OCTET_STRING *outer = X509_EXTENSION_get_data(e);
	const unsigned char *p = ASN1_STRING_get0_data(outer), *end = p + ASN1_STRING_length(outer);
	ASN1_OCTET_STRING *inner = d2i_ASN1_OCTET_STRING(NULL, &p, ASN1_STRING_length(outer));
	int n = inner ? ASN1_STRING_length(inner) : 0, r = 0;

	if (ret_q->n_nonce || p != end || n < 1 || n > MST_OCSP_NONCE_MAX)
		r = refuse(d, "nonce", "one OCTET STRING of 1 to 128 octets is wanted");
	else {
		memcpy(ret_q->nonce, ASN1_STRING_get0_data(inner), (size_t)n);
		ret_q->n_nonce = (size_t)n;
	}
	ASN1_OCTET_STRING_free(inner);
	return r;
}

static int read_extensions(OCSP_REQUEST *q, struct mst_ocsp_request *ret_q, struct mst_diag *d)
{
	int r = 0;

	for (int i = 0; i < OCSP_REQUEST_get_ext_count(q) && !r; i++) {
		X509_EXTENSION *e = OCSP_REQUEST_get_ext(q, i);

		if (OBJ_obj2nid(X509_EXTENSION_get_object(e)) == NID_id_pkix_OCSP_Nonce)
			r = read_nonce(e, ret_q, d);
		else if (X509_EXTENSION_get_critical(e))
			r = refuse(d, "requestExtensions", "critical, and not known here");
	}
	return r;
}

static int read_request(OCSP_REQUEST *q, X509 *ca, struct mst_ocsp_request *ret_q, struct mst_diag *d)
{
	int n = OCSP_request_onereq_count(q), r = 0;

	if (n < 1 || n > MST_OCSP_ASKED_MAX)
		return refuse(d, "requestList", "1 to 8 certificates are wanted");
	ret_q->n = (size_t)n;
	for (int i = 0; i < n && !r; i++)
		r = read_asked(OCSP_request_onereq_get0(q, i), ca, &ret_q->asked[i], d);
	return r ? r : read_extensions(q, ret_q, d);
}

int mst_ocsp_request_read(struct mst_view der, struct mst_view ca_der, struct mst_ocsp_request *ret_q, struct mst_diag *d)
{
	const unsigned char *p = der.p;
	X509 *ca = pki_issuer(ca_der);
	OCSP_REQUEST *q = der.n && der.n <= MST_OCSP_REQUEST_MAX ? d2i_OCSP_REQUEST(NULL, &p, (long)der.n) : NULL;
	int r;

	memset(ret_q, 0, sizeof(*ret_q));
	if (!ca)
		r = MST_FAULT_CRYPTO;
	else if (!q || p != der.p + der.n)
		r = refuse(d, "request", "not one DER OCSPRequest of at most 2048 octets");
	else
		r = read_request(q, ca, ret_q, d);
	OCSP_REQUEST_free(q);
	X509_free(ca);
	ERR_clear_error();
	return r;
}

/* --- answers --- */

static int first_serial(X509 *ca, const struct mst_ocsp_answer *a, char ret_serial[64])
{
	bool ours = false;
	int r = 0;

	for (size_t i = 0; i < a->n && i < MST_OCSP_ASKED_MAX && !r && !ours; i++) {
		OCSP_CERTID *id = id_of(&a->single[i].id);

		r = id ? issued_by(id, ca, &ours) : MST_PKI_MALFORMED;
		if (!r && ours)
			r = serial_text(id, ret_serial);
		OCSP_CERTID_free(id);
	}
	if (!r && ours && !ret_serial[0])
		memcpy(ret_serial, "none", sizeof("none"));
	return r ? r : ours ? 0 : MST_PKI_MALFORMED;
}

int mst_ocsp_first_serial(struct mst_view ca_der, const struct mst_ocsp_answer *a, char ret_serial[64])
{
	X509 *ca = pki_issuer(ca_der);
	int r = ca ? first_serial(ca, a, ret_serial) : MST_FAULT_CRYPTO;

	X509_free(ca);
	ERR_clear_error();
	return r;
}

static int add(OCSP_BASICRESP *b, const struct mst_ocsp_single *s, X509 *ca, ASN1_TIME *from, ASN1_TIME *to)
{
	OCSP_CERTID *id = id_of(&s->id);
	ASN1_TIME *when = NULL;
	int reason = s->status == MST_OCSP_REVOKED && s->reason ? s->reason : OCSP_REVOKED_STATUS_NOSTATUS, r;
	bool ours = false;

	r = id ? issued_by(id, ca, &ours) : MST_PKI_MALFORMED;
	if (!r && ((s->status != MST_OCSP_UNKNOWN && !ours) || (unsigned)s->status > MST_OCSP_UNKNOWN || s->reason < 0 || s->reason == 7 ||
		   s->reason > 10))
		r = MST_PKI_MALFORMED;
	if (!r && s->status == MST_OCSP_REVOKED) {
		when = ASN1_TIME_new();
		r = !when ? MST_FAULT_MEMORY : pki_time_put(when, s->revoked) ? 0 : MST_PKI_MALFORMED;
	}
	if (!r && !OCSP_basic_add1_status(b, id, (int)s->status, reason, when, from, to))
		r = MST_FAULT_CRYPTO;
	ASN1_TIME_free(when);
	OCSP_CERTID_free(id);
	return r;
}

static int fill(OCSP_BASICRESP *b, const struct mst_ocsp_answer *a, X509 *ca)
{
	ASN1_TIME *from = ASN1_TIME_new(), *to = ASN1_TIME_new();
	uint8_t nonce[MST_OCSP_NONCE_MAX];
	int r = b && from && to ? 0 : MST_FAULT_MEMORY;

	if (!r && (a->n < 1 || a->n > MST_OCSP_ASKED_MAX || a->n_nonce > MST_OCSP_NONCE_MAX || a->next_update <= a->this_update ||
		   !pki_time_put(from, a->this_update) || !pki_time_put(to, a->next_update)))
		r = MST_PKI_MALFORMED;
	for (size_t i = 0; !r && i < a->n; i++)
		r = add(b, &a->single[i], ca, from, to);
	if (!r && a->n_nonce) {
		memcpy(nonce, a->nonce, a->n_nonce);        /* the library wants it writable */
		r = OCSP_basic_add1_nonce(b, nonce, (int)a->n_nonce) ? 0 : MST_FAULT_CRYPTO;
	}
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	return r;
}

/* The library writes what it has, also when something could not be made: read it as a client does. */
static bool is_whole(const uint8_t *der, int n, size_t singles)
{
	const unsigned char *p = der;
	OCSP_RESPONSE *whole = d2i_OCSP_RESPONSE(NULL, &p, n);
	OCSP_BASICRESP *b = whole ? OCSP_response_get1_basic(whole) : NULL;
	const ASN1_OCTET_STRING *by_key = NULL;
	const X509_NAME *by_name = NULL;
	bool ok = b && p == der + n && OCSP_resp_count(b) == (int)singles && sk_X509_num(OCSP_resp_get0_certs(b)) == 1 &&
		  OCSP_resp_get0_id(b, &by_key, &by_name) && by_key;

	OCSP_BASICRESP_free(b);
	OCSP_RESPONSE_free(whole);
	return ok;
}

static int write_out(OCSP_BASICRESP *b, size_t singles, uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	OCSP_RESPONSE *whole = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, b);
	int n = whole ? i2d_OCSP_RESPONSE(whole, NULL) : 0, r = MST_FAULT_CRYPTO;
	unsigned char *p = ret_der;

	if (n > 0 && (size_t)n > cap)
		r = MST_PKI_NO_ROOM;
	else if (n > 0 && i2d_OCSP_RESPONSE(whole, &p) == n && is_whole(ret_der, n, singles)) {
		*ret_n = (size_t)n;
		r = 0;
	}
	OCSP_RESPONSE_free(whole);
	return r;
}

int mst_ocsp_response_make(struct mst_view pkcs8, struct mst_view signer_der, struct mst_view ca_der,
			   const struct mst_ocsp_answer *a, uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	X509 *ca = pki_issuer(ca_der), *signer = pki_x509(signer_der);
	EVP_PKEY *key = pki_signing_pkey(pkcs8);
	OCSP_BASICRESP *b = OCSP_BASICRESP_new();
	int r = ca && signer && key ? fill(b, a, ca) : MST_FAULT_CRYPTO;

	/* the responder is named by its key: RFC 6960 4.2.2.3, and shorter */
	if (!r && !OCSP_basic_sign(b, signer, key, EVP_sha256(), NULL, OCSP_RESPID_KEY))
		r = MST_FAULT_CRYPTO;
	if (!r)
		r = write_out(b, a->n, ret_der, cap, ret_n);
	OCSP_BASICRESP_free(b);
	EVP_PKEY_free(key);
	X509_free(signer);
	X509_free(ca);
	ERR_clear_error();
	return r;
}

void mst_ocsp_error_put(enum mst_ocsp_error e, struct mst_writer *w)
{
	/* OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED } */
	static const uint8_t head[] = { 0x30, 0x03, 0x0a, 0x01 };

	mst_put(w, (struct mst_view){ head, sizeof(head) });
	mst_put_u8(w, (uint8_t)e);
}
