/* Certification requests, RFC 2986 in the profile of TS-0003 10.1.4. */
#include <string.h>

#include <openssl/err.h>

#include "crypto/pki-internal.h"
#include "crypto/pki-x509.h"
#include "crypto/request.h"

static int refuse(struct mst_diag *d, const char *field, const char *why, int r)
{
	mst_diag_set(d, 0, field, why, NULL);
	return r;
}

static bool hash(struct mst_view v, uint8_t out[MST_SHA256_LEN])
{
	return !mst_crypto_openssl()->ops->sha256(mst_crypto_openssl(), v, out);
}

static bool hash_name(const X509_NAME *n, uint8_t out[MST_SHA256_LEN])
{
	unsigned char *der = NULL;
	int k = i2d_X509_NAME(n, &der);
	bool ok = k > 0 && hash((struct mst_view){ der, (size_t)k }, out);

	OPENSSL_free(der);
	return ok;
}

static X509_REQ *read_whole(struct mst_view der)
{
	const unsigned char *p = der.p;
	X509_REQ *q = der.n && der.n <= MST_CSR_MAX ? d2i_X509_REQ(NULL, &p, (long)der.n) : NULL;

	if (q && p != der.p + der.n) {
		X509_REQ_free(q);
		q = NULL;
	}
	ERR_clear_error();
	return q;
}

/* Key and proof that its holder asks. */
static int read_key(X509_REQ *q, struct mst_csr_info *i, struct mst_diag *d)
{
	unsigned char *spki = NULL;
	int n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(q), &spki);
	struct mst_view v = { spki, n > 0 ? (size_t)n : 0 };
	bool good = pki_spki_is_p256(v);
	EVP_PKEY *k;

	if (good)
		memcpy(i->spki, v.p, i->n_spki = v.n);
	OPENSSL_free(spki);
	k = good ? X509_REQ_get0_pubkey(q) : NULL;
	if (!k)
		return refuse(d, "subjectPublicKeyInfo", "not a P-256 key with an uncompressed point (TS-0003 10.1.1)", MST_PKI_WEAK_KEY);
	if (X509_REQ_get_signature_nid(q) != NID_ecdsa_with_SHA256)
		return refuse(d, "signatureAlgorithm", "not ECDSA with SHA-256", MST_PKI_BAD_SIGNATURE);
	if (X509_REQ_verify(q, k) != 1)
		return refuse(d, "signature", "not made with the key that the request holds", MST_PKI_BAD_SIGNATURE);
	return 0;
}

/* The attribute at most once, and in it one value. */
static bool one_value(X509_REQ *q, int nid, ASN1_TYPE **ret_v)
{
	int at = X509_REQ_get_attr_by_NID(q, nid, -1);
	X509_ATTRIBUTE *a;

	*ret_v = NULL;
	if (at < 0)
		return true;
	a = X509_REQ_get_attr(q, at);
	if (X509_REQ_get_attr_by_NID(q, nid, at) >= 0 || X509_ATTRIBUTE_count(a) != 1)
		return false;
	*ret_v = X509_ATTRIBUTE_get0_type(a, 0);
	return true;
}

static int read_challenge(X509_REQ *q, struct mst_csr_info *i, struct mst_diag *d)
{
	ASN1_TYPE *v;
	struct mst_view text;

	if (!one_value(q, NID_pkcs9_challengePassword, &v))
		return refuse(d, "challengePassword", "more than one", MST_PKI_MALFORMED);
	if (!v)
		return 0;
	if (v->type != V_ASN1_PRINTABLESTRING && v->type != V_ASN1_UTF8STRING && v->type != V_ASN1_IA5STRING)
		return refuse(d, "challengePassword", "not a text", MST_PKI_MALFORMED);
	text = (struct mst_view){ ASN1_STRING_get0_data(v->value.asn1_string), (size_t)ASN1_STRING_length(v->value.asn1_string) };
	i->has_challenge = true;
	/* what is longer than any of ours is a wrong one, not a malformed request */
	(void)mst_view_to_str(mst_view_sub(text, 0, text.n < MST_CHALLENGE_MAX ? text.n : 0), i->challenge, sizeof(i->challenge));
	return 0;
}

/* -1: absent; -2: there twice; otherwise it cannot be read. */
static bool absent(int crit)
{
	ERR_clear_error();
	return crit == -1;
}

static int read_extensions(STACK_OF(X509_EXTENSION) *x, struct mst_csr_info *i, struct mst_diag *d)
{
	struct mst_cert_info names = { 0 };
	GENERAL_NAMES *san;
	BASIC_CONSTRAINTS *basic;
	EXTENDED_KEY_USAGE *usage;
	int crit = -1, r = 0;

	san = X509V3_get_d2i(x, NID_subject_alt_name, &crit, NULL);
	if (!san && !absent(crit))
		return refuse(d, "subjectAltName", "cannot be read, or there are two", MST_PKI_MALFORMED);
	if (san) {
		r = pki_names_read(san, &names, d);
		i->foreign_names = (size_t)sk_GENERAL_NAME_num(san) != names.n_san;
		memcpy(i->san, names.san, sizeof(i->san));
		i->n_san = names.n_san;
		GENERAL_NAMES_free(san);
	}
	basic = r ? NULL : X509V3_get_d2i(x, NID_basic_constraints, &crit, NULL);
	if (basic)
		i->asks_ca = basic->ca != 0;
	else if (!r && !absent(crit))
		r = refuse(d, "basicConstraints", "cannot be read, or there are two", MST_PKI_MALFORMED);
	BASIC_CONSTRAINTS_free(basic);
	usage = r ? NULL : X509V3_get_d2i(x, NID_ext_key_usage, &crit, NULL);
	for (int k = 0; usage && k < sk_ASN1_OBJECT_num(usage); k++)
		i->asks_other_usage |= OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, k)) != NID_client_auth;
	if (!usage && !r && !absent(crit))
		r = refuse(d, "extendedKeyUsage", "cannot be read, or there are two", MST_PKI_MALFORMED);
	EXTENDED_KEY_USAGE_free(usage);
	return r;
}

static int read_names(X509_REQ *q, struct mst_csr_info *i, struct mst_diag *d)
{
	const X509_NAME *subject = X509_REQ_get_subject_name(q);
	STACK_OF(X509_EXTENSION) *x;
	ASN1_TYPE *v;
	int r;

	i->has_subject = X509_NAME_entry_count(subject) > 0;
	if (i->has_subject && !hash_name(subject, i->subject_sha256))
		return MST_FAULT_CRYPTO;
	if (!one_value(q, NID_ext_req, &v))
		return refuse(d, "extensionRequest", "more than one", MST_PKI_MALFORMED);
	if (!v)
		return 0;
	x = X509_REQ_get_extensions(q);
	if (!x)
		return refuse(d, "extensionRequest", "cannot be read", MST_PKI_MALFORMED);
	r = read_extensions(x, i, d);
	sk_X509_EXTENSION_pop_free(x, X509_EXTENSION_free);
	return r;
}

int mst_csr_info(struct mst_view der, struct mst_csr_info *ret_i, struct mst_diag *d)
{
	struct mst_csr_info i = { 0 };
	X509_REQ *q = read_whole(der);
	int r;

	if (!q)
		return refuse(d, "request", "not one PKCS #10 request, DER, of at most 2048 octets", MST_PKI_MALFORMED);
	r = X509_REQ_get_version(q) == X509_REQ_VERSION_1 ? 0 : refuse(d, "version", "not 1", MST_PKI_MALFORMED);
	if (!r)
		r = read_key(q, &i, d);
	if (!r)
		r = read_challenge(q, &i, d);
	if (!r)
		r = read_names(q, &i, d);
	if (!r && !hash(der, i.sha256))
		r = MST_FAULT_CRYPTO;
	X509_REQ_free(q);
	ERR_clear_error();
	if (!r)
		*ret_i = i;
	return r;
}

/* extensionRequest with the one name; NULL on failure, *ret_r says which. */
static STACK_OF(X509_EXTENSION) *name_extension(const struct mst_san *san, int *ret_r)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	STACK_OF(X509_EXTENSION) *x = NULL;

	*ret_r = names ? pki_names_put(names, san) : MST_FAULT_MEMORY;
	if (!*ret_r && X509V3_add1_i2d(&x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1)
		*ret_r = MST_FAULT_CRYPTO;
	GENERAL_NAMES_free(names);
	if (*ret_r) {
		sk_X509_EXTENSION_pop_free(x, X509_EXTENSION_free);
		return NULL;
	}
	return x;
}

int pki_name_extension(const struct mst_san *san, unsigned char **ret_der, size_t *ret_n)
{
	int r = 0, n;
	STACK_OF(X509_EXTENSION) *x = name_extension(san, &r);

	if (!x)
		return r;
	*ret_der = NULL;
	n = i2d_X509_EXTENSIONS(x, ret_der);
	sk_X509_EXTENSION_pop_free(x, X509_EXTENSION_free);
	if (n <= 0)
		return MST_FAULT_CRYPTO;
	*ret_n = (size_t)n;
	return 0;
}

int mst_csr_make(struct mst_signer *s, struct mst_view spki, const struct mst_san *san, const char *challenge,
		 uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	const unsigned char *p = spki.p;
	X509_REQ *q = X509_REQ_new();
	EVP_PKEY *k = pki_spki_is_p256(spki) ? d2i_PUBKEY(NULL, &p, (long)spki.n) : NULL;
	STACK_OF(X509_EXTENSION) *x = NULL;
	unsigned char *tbs = NULL;
	int n = 0, r = k ? 0 : MST_PKI_WEAK_KEY;

	if (!r)
		x = name_extension(san, &r);
	if (!r && (!q || !X509_REQ_set_version(q, X509_REQ_VERSION_1) || !X509_REQ_set_pubkey(q, k) || !X509_REQ_add_extensions(q, x) ||
		   (challenge && !X509_REQ_add1_attr_by_NID(q, NID_pkcs9_challengePassword, MBSTRING_ASC,
							    (const unsigned char *)challenge, -1))))
		r = MST_FAULT_CRYPTO;
	if (!r) {
		n = i2d_re_X509_REQ_tbs(q, &tbs);
		r = n > 0 ? pki_sign(s, (struct mst_view){ tbs, (size_t)n }, k, ret_der, cap, ret_n) : MST_FAULT_CRYPTO;
	}
	OPENSSL_free(tbs);
	sk_X509_EXTENSION_pop_free(x, X509_EXTENSION_free);
	EVP_PKEY_free(k);
	X509_REQ_free(q);
	ERR_clear_error();
	return r;
}

int mst_cert_subject_sha256(struct mst_view der, uint8_t ret[MST_SHA256_LEN])
{
	X509 *x = pki_x509(der);
	int r = !x ? MST_PKI_MALFORMED : hash_name(X509_get_subject_name(x), ret) ? 0 : MST_FAULT_CRYPTO;

	X509_free(x);
	return r;
}

int mst_ca_until(struct mst_view ca_der, mst_time *ret_t)
{
	X509 *ca = pki_issuer(ca_der);
	bool ok = ca && pki_time_get(X509_get0_notAfter(ca), ret_t);

	X509_free(ca);
	return ok ? 0 : MST_PKI_MALFORMED;
}

static int permitted(X509 *x, const X509 *ca)
{
	int critical = -1, verdict;
	NAME_CONSTRAINTS *nc = X509_get_ext_d2i(ca, NID_name_constraints, &critical, NULL);

	if (!nc)                        /* none, or none that can be read */
		return critical == -1 ? 0 : MST_FAULT_CRYPTO;
	verdict = NAME_CONSTRAINTS_check(x, nc);
	if (verdict == X509_V_OK)
		verdict = NAME_CONSTRAINTS_check_CN(x, nc);
	NAME_CONSTRAINTS_free(nc);
	return verdict == X509_V_OK ? 0 : verdict == X509_V_ERR_OUT_OF_MEM ? MST_FAULT_MEMORY : MST_PKI_NOT_SIGNED;
}

int mst_cert_permitted(struct mst_view der, struct mst_view ca_der, struct mst_cert_info *ret_i)
{
	X509 *x = pki_x509(der), *ca = pki_issuer(ca_der);
	int r = x && ca ? mst_cert_info_x509(x, ret_i, NULL) : MST_PKI_MALFORMED;

	if (!r)
		r = permitted(x, ca);
	X509_free(ca);
	X509_free(x);
	ERR_clear_error();
	return r;
}

bool mst_cert_fits(struct mst_view der, struct mst_view ca_der)
{
	X509 *x = pki_x509(der), *ca = pki_x509(ca_der);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	bool ok = x && ca && store && c && X509_STORE_add_cert(store, ca) == 1 && X509_STORE_CTX_init(c, store, x, NULL) == 1;

	if (ok) {
		X509_STORE_CTX_set_flags(c, X509_V_FLAG_NO_CHECK_TIME);
		ok = X509_verify_cert(c) == 1;
	}
	X509_STORE_CTX_free(c);
	X509_STORE_free(store);
	X509_free(ca);
	X509_free(x);
	ERR_clear_error();
	return ok;
}
