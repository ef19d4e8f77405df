/* Kind est: attributes, then a certificate (RFC 7030). The request is built of what the attributes say, by OpenSSL. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define PATH "/.well-known/est/"

static size_t get(const struct load *l, char *out, size_t cap)
{
	int n = snprintf(out, cap, "GET " PATH "csrattrs HTTP/1.1\r\nHost: %s\r\n\r\n", l->server_name);

	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

/* Attributes with values (RFC 8951 3.2) go into the request as they are; plain identifiers say of what kind the key is to be. */
static bool take_attributes(X509_REQ *q, const unsigned char *p, long n)
{
	const unsigned char *end;
	int tag, class;
	long len;

	if (ASN1_get_object(&p, &len, &tag, &class, n) & 0x80 || tag != V_ASN1_SEQUENCE)
		return false;
	for (end = p + len; p < end;) {
		const unsigned char *at = p, *body = p;
		X509_ATTRIBUTE *a;

		if (ASN1_get_object(&body, &len, &tag, &class, end - p) & 0x80)
			return false;
		p = body + len;
		if (tag != V_ASN1_SEQUENCE)
			continue;
		a = d2i_X509_ATTRIBUTE(NULL, &at, p - at);
		if (a) {
			int nid = OBJ_obj2nid(X509_ATTRIBUTE_get0_object(a));

			if ((nid == NID_pkcs9_challengePassword || nid == NID_ext_req) && X509_REQ_add1_attr(q, a) != 1)
				return false;
			X509_ATTRIBUTE_free(a);
		}
	}
	return true;
}

/* By hand: the library's own signing of requests cannot work with the quick way to curves that this program installs. */
static bool sign(X509_REQ *q, EVP_PKEY *key)
{
	unsigned char *tbs = NULL, digest[EVP_MAX_MD_SIZE], sig[128];
	unsigned digest_n = 0;
	size_t n = sizeof(sig);
	EVP_PKEY_CTX *x = EVP_PKEY_CTX_new(key, NULL);
	X509_ALGOR *alg = X509_ALGOR_new();
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	int len = i2d_re_X509_REQ_tbs(q, &tbs);
	bool ok = len > 0 && x && alg && bits && EVP_Digest(tbs, (size_t)len, digest, &digest_n, EVP_sha256(), NULL) == 1 &&
		  EVP_PKEY_sign_init(x) > 0 && EVP_PKEY_sign(x, sig, &n, digest, digest_n) > 0 &&
		  X509_ALGOR_set0(alg, OBJ_nid2obj(NID_ecdsa_with_SHA256), V_ASN1_UNDEF, NULL) && X509_REQ_set1_signature_algo(q, alg) &&
		  ASN1_BIT_STRING_set(bits, sig, (int)n);

	if (ok) {
		bits->flags = (bits->flags & ~0x07L) | ASN1_STRING_FLAG_BITS_LEFT;      /* no unused bits */
		X509_REQ_set0_signature(q, bits);
		bits = NULL;
	}
	ASN1_BIT_STRING_free(bits);
	X509_ALGOR_free(alg);
	EVP_PKEY_CTX_free(x);
	OPENSSL_free(tbs);
	return ok;
}

/* With the node's own key: who measures the server need not make another one each time. A new signature makes it a new request. */
static size_t request(const struct load *l, const struct load_node *n, char *out, size_t cap)
{
	unsigned char *der = NULL;
	char text[2048];
	X509_REQ *q = X509_REQ_new();
	int len = 0, size = 0;

	if (q && X509_REQ_set_pubkey(q, n->pkey) && take_attributes(q, n->attrs, (long)n->n_attrs) && sign(q, n->pkey))
		len = i2d_X509_REQ(q, &der);
	if (len > 0 && len < 1500) {
		size = EVP_EncodeBlock((unsigned char *)text, der, len);
		size = snprintf(out, cap,
				"POST " PATH "simpleenroll HTTP/1.1\r\nHost: %s\r\nContent-Type: application/pkcs10\r\n"
				"Content-Transfer-Encoding: base64\r\nContent-Length: %d\r\n\r\n%s", l->server_name, size, text);
	}
	OPENSSL_free(der);
	X509_REQ_free(q);
	ERR_clear_error();
	return size > 0 && (size_t)size < cap ? (size_t)size : 0;
}

size_t load_est_request(const struct load *l, const struct load_node *n, unsigned step, char *out, size_t cap)
{
	return step == 0 ? get(l, out, cap) : step == 1 ? request(l, n, out, cap) : 0;
}

/* One certificate, and for this key. */
static bool is_certificate(const struct load_node *n, const unsigned char *der, int len)
{
	PKCS7 *p = d2i_PKCS7(NULL, &der, len);
	STACK_OF(X509) *certs = p && PKCS7_type_is_signed(p) ? p->d.sign->cert : NULL;
	bool good = sk_X509_num(certs) == 1 && ASN1_STRING_cmp(X509_get0_pubkey_bitstr(sk_X509_value(certs, 0)), X509_get0_pubkey_bitstr(n->cert)) == 0;

	PKCS7_free(p);
	ERR_clear_error();
	return good;
}

bool load_est_check(struct load_node *n, unsigned step, const char *body, size_t length)
{
	unsigned char der[6144];
	int len = length && length % 4 == 0 && length < 8000 ? EVP_DecodeBlock(der, (const unsigned char *)body, (int)length) : -1;

	for (size_t i = 1; len > 0 && i <= 2 && body[length - i] == '='; i++)
		len--;
	if (len <= 0)
		return false;
	if (step)
		return is_certificate(n, der, len);
	if ((size_t)len > sizeof(n->attrs))
		return false;
	memcpy(n->attrs, der, (size_t)len);
	n->n_attrs = (size_t)len;
	return true;
}
