/* What EST carries: attributes for requests (RFC 7030 4.5.2, RFC 8951) and bags of certificates (4.1.3). */
#include <string.h>

#include <openssl/err.h>
#include <openssl/pkcs7.h>

#include "crypto/pki-internal.h"
#include "crypto/request.h"

static bool push_attr(ASN1_SEQUENCE_ANY *seq, X509_ATTRIBUTE *a)
{
	ASN1_TYPE *t = ASN1_TYPE_new();
	ASN1_STRING *s = ASN1_STRING_new();
	unsigned char *der = NULL;
	int n = a ? i2d_X509_ATTRIBUTE(a, &der) : 0;

	X509_ATTRIBUTE_free(a);
	if (n > 0 && t && s && ASN1_STRING_set(s, der, n)) {
		ASN1_TYPE_set(t, V_ASN1_SEQUENCE, s);
		s = NULL;
		if (sk_ASN1_TYPE_push(seq, t) > 0) {
			OPENSSL_free(der);
			return true;
		}
	}
	OPENSSL_free(der);
	ASN1_STRING_free(s);
	ASN1_TYPE_free(t);
	return false;
}

static bool push_oid(ASN1_SEQUENCE_ANY *seq, int nid)
{
	ASN1_TYPE *t = ASN1_TYPE_new();

	if (t)
		ASN1_TYPE_set(t, V_ASN1_OBJECT, OBJ_nid2obj(nid));
	if (t && sk_ASN1_TYPE_push(seq, t) > 0)
		return true;
	ASN1_TYPE_free(t);
	return false;
}

static int fill(ASN1_SEQUENCE_ANY *seq, const struct mst_csr_attrs *a)
{
	unsigned char *ext = NULL;
	size_t n = 0;
	int r = a->has_san ? pki_name_extension(&a->san, &ext, &n) : 0;
	bool ok = !r;

	if (ok && a->has_challenge)
		ok = push_attr(seq, X509_ATTRIBUTE_create_by_NID(NULL, NID_pkcs9_challengePassword, MBSTRING_ASC, a->challenge, -1));
	if (ok && a->has_san)
		ok = push_attr(seq, X509_ATTRIBUTE_create_by_NID(NULL, NID_ext_req, V_ASN1_SEQUENCE, ext, (int)n));
	if (ok)
		ok = push_attr(seq, X509_ATTRIBUTE_create_by_NID(NULL, NID_X9_62_id_ecPublicKey, V_ASN1_OBJECT,
								 OBJ_nid2obj(NID_X9_62_prime256v1), -1));
	ok = ok && push_oid(seq, NID_ecdsa_with_SHA256);
	OPENSSL_free(ext);
	return r ? r : ok ? 0 : MST_FAULT_MEMORY;
}

static int give(const unsigned char *der, int n, uint8_t *out, size_t cap, size_t *ret_n)
{
	if (n <= 0)
		return MST_FAULT_MEMORY;
	if ((size_t)n > cap)
		return MST_PKI_NO_ROOM;
	memcpy(out, der, (size_t)n);
	*ret_n = (size_t)n;
	return 0;
}

int mst_csr_attrs_make(const struct mst_csr_attrs *a, uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	ASN1_SEQUENCE_ANY *seq = sk_ASN1_TYPE_new_null();
	unsigned char *der = NULL;
	int r = seq ? fill(seq, a) : MST_FAULT_MEMORY;

	if (!r) {
		int len = i2d_ASN1_SEQUENCE_ANY(seq, &der);      /* sets der: not beside its use */

		r = give(der, len, ret_der, cap, ret_n);
	}
	OPENSSL_free(der);
	sk_ASN1_TYPE_pop_free(seq, ASN1_TYPE_free);
	ERR_clear_error();
	return r;
}

static void take_challenge(const ASN1_TYPE *v, struct mst_csr_attrs *a)
{
	if (v->type != V_ASN1_PRINTABLESTRING && v->type != V_ASN1_UTF8STRING && v->type != V_ASN1_IA5STRING)
		return;
	a->has_challenge = mst_view_to_str((struct mst_view){ ASN1_STRING_get0_data(v->value.asn1_string),
							      (size_t)ASN1_STRING_length(v->value.asn1_string) },
					   a->challenge, sizeof(a->challenge));
}

/* The first name that is one of ours. */
static int take_name(const ASN1_TYPE *v, struct mst_csr_attrs *a)
{
	struct mst_cert_info names = { 0 };
	STACK_OF(X509_EXTENSION) *x;
	const unsigned char *p;
	GENERAL_NAMES *san;
	int r = 0;

	if (v->type != V_ASN1_SEQUENCE)         /* an OID alone, as RFC 7030 had it: a wish without a value */
		return 0;
	p = ASN1_STRING_get0_data(v->value.sequence);
	x = d2i_X509_EXTENSIONS(NULL, &p, ASN1_STRING_length(v->value.sequence));
	if (!x)
		return MST_PKI_MALFORMED;
	san = X509V3_get_d2i(x, NID_subject_alt_name, NULL, NULL);
	if (san)
		r = pki_names_read(san, &names, NULL);
	if (!r && names.n_san) {
		a->san = names.san[0];
		a->has_san = true;
	}
	GENERAL_NAMES_free(san);
	sk_X509_EXTENSION_pop_free(x, X509_EXTENSION_free);
	return r;
}

static int take(const ASN1_TYPE *t, struct mst_csr_attrs *a)
{
	X509_ATTRIBUTE *attr;
	const unsigned char *p;
	ASN1_TYPE *v;
	int nid, r = 0;

	if (t->type == V_ASN1_OBJECT)
		return 0;
	if (t->type != V_ASN1_SEQUENCE)
		return MST_PKI_MALFORMED;
	p = ASN1_STRING_get0_data(t->value.sequence);
	attr = d2i_X509_ATTRIBUTE(NULL, &p, ASN1_STRING_length(t->value.sequence));
	if (!attr)
		return MST_PKI_MALFORMED;
	nid = OBJ_obj2nid(X509_ATTRIBUTE_get0_object(attr));
	v = X509_ATTRIBUTE_get0_type(attr, 0);
	if (v && nid == NID_pkcs9_challengePassword)
		take_challenge(v, a);
	else if (v && nid == NID_ext_req)
		r = take_name(v, a);
	X509_ATTRIBUTE_free(attr);
	return r;
}

int mst_csr_attrs_read(struct mst_view der, struct mst_csr_attrs *ret_a)
{
	const unsigned char *p = der.p;
	ASN1_SEQUENCE_ANY *seq = der.n && der.n <= MST_CSR_MAX ? d2i_ASN1_SEQUENCE_ANY(NULL, &p, (long)der.n) : NULL;
	struct mst_csr_attrs a = { .has_san = false };
	int r = seq && p == der.p + der.n ? 0 : MST_PKI_MALFORMED;

	for (int i = 0; !r && i < sk_ASN1_TYPE_num(seq); i++)
		r = take(sk_ASN1_TYPE_value(seq, i), &a);
	sk_ASN1_TYPE_pop_free(seq, ASN1_TYPE_free);
	ERR_clear_error();
	if (!r)
		*ret_a = a;
	return r;
}

int mst_bag_make(const struct mst_view *cert, size_t n, uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	PKCS7 *p7 = PKCS7_new();
	unsigned char *der = NULL;
	int r = p7 && PKCS7_set_type(p7, NID_pkcs7_signed) && PKCS7_content_new(p7, NID_pkcs7_data) ? 0 : MST_FAULT_MEMORY;

	/* no content: what is signed is nothing, by nobody */
	if (!r)
		PKCS7_set_detached(p7, 1);
	for (size_t i = 0; !r && i < n; i++) {
		X509 *x = pki_x509(cert[i]);

		r = !x ? MST_PKI_MALFORMED : PKCS7_add_certificate(p7, x) ? 0 : MST_FAULT_MEMORY;
		X509_free(x);
	}
	if (!r) {
		int len = i2d_PKCS7(p7, &der);

		r = give(der, len, ret_der, cap, ret_n);
	}
	OPENSSL_free(der);
	PKCS7_free(p7);
	ERR_clear_error();
	return r;
}

static int keep(X509 *x, uint8_t *out, size_t cap, size_t *at, struct mst_bag *b)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der), r = 0;

	if (n <= 0)
		r = MST_FAULT_MEMORY;
	else if (b->n == MST_BAG_CERTS || (size_t)n > cap - *at)
		r = MST_PKI_NO_ROOM;
	if (!r) {
		memcpy(out + *at, der, (size_t)n);
		b->cert[b->n++] = (struct mst_view){ out + *at, (size_t)n };
		*at += (size_t)n;
	}
	OPENSSL_free(der);
	return r;
}

int mst_bag_read(struct mst_view der, uint8_t *out, size_t cap, struct mst_bag *ret_b)
{
	const unsigned char *p = der.p;
	PKCS7 *p7 = der.n && der.n <= MST_BAG_MAX ? d2i_PKCS7(NULL, &p, (long)der.n) : NULL;
	struct mst_bag b = { .n = 0 };
	size_t at = 0;
	int r = p7 && p == der.p + der.n && PKCS7_type_is_signed(p7) && p7->d.sign ? 0 : MST_PKI_MALFORMED;

	for (int i = 0; !r && i < sk_X509_num(p7->d.sign->cert); i++)
		r = keep(sk_X509_value(p7->d.sign->cert, i), out, cap, &at, &b);
	if (!r && !b.n)
		r = MST_PKI_MALFORMED;
	PKCS7_free(p7);
	ERR_clear_error();
	if (!r)
		*ret_b = b;
	return r;
}
