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

/* Is that one DER object and nothing behind it? The certificates of a bag are ours, so that is all that has to be asked. */
static bool is_object(struct mst_view v)
{
	const unsigned char *p = v.p;
	int tag, class;
	long len;

	return v.n && v.n <= MST_CERT_MAX && !(ASN1_get_object(&p, &len, &tag, &class, (long)v.n) & 0x80) && tag == V_ASN1_SEQUENCE &&
	       p + len == v.p + v.n;
}

/* A SET OF is in the order of its octets (X.690 11.6). */
static bool before(struct mst_view a, struct mst_view b)
{
	int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return c < 0 || (c == 0 && a.n < b.n);
}

/* RFC 5652, RFC 7030 4.1.3: signed data of nothing, by nobody; by hand, for the library reads each certificate to write it. */
int mst_bag_make(const struct mst_view *cert, size_t n, uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	/* version 1, no digest algorithms, id-data without content; and behind the certificates no signers */
	static const uint8_t head[] = { 0x02, 0x01, 0x01, 0x31, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01 };
	static const uint8_t oid[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02 };
	static const uint8_t none[] = { 0x31, 0x00 };
	const size_t fixed = sizeof(head) + sizeof(none);
	struct mst_view in[MST_BAG_CERTS];
	struct mst_writer w = mst_writer_of(ret_der, cap);
	size_t all = 0, set, data;

	if (n > MST_BAG_CERTS)
		return MST_PKI_NO_ROOM;
	for (size_t i = 0; i < n; i++) {
		size_t at = i;

		if (!is_object(cert[i]))
			return MST_PKI_MALFORMED;
		for (; at && before(cert[i], in[at - 1]); at--)
			in[at] = in[at - 1];
		in[at] = cert[i];
		all += cert[i].n;
	}
	set = n ? all + pki_header_size(all) : 0;
	data = fixed + set + pki_header_size(fixed + set);
	pki_put_header(&w, 0x30, sizeof(oid) + data + pki_header_size(data));
	mst_put(&w, (struct mst_view){ oid, sizeof(oid) });
	pki_put_header(&w, 0xa0, data);
	pki_put_header(&w, 0x30, fixed + set);
	mst_put(&w, (struct mst_view){ head, sizeof(head) });
	if (n)
		pki_put_header(&w, 0xa0, all);
	for (size_t i = 0; i < n; i++)
		mst_put(&w, in[i]);
	mst_put(&w, (struct mst_view){ none, sizeof(none) });
	if (w.ok)
		*ret_n = w.n;
	return w.ok ? 0 : MST_PKI_NO_ROOM;
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
