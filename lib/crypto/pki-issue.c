/* Certificates in the profiles of spec 2.5.4. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>

#include "base/text.h"
#include "crypto/cms.h"
#include "crypto/pki-internal.h"

#define COMMON_NAME_MAX 64u     /* ub-common-name, RFC 5280 appendix A */

/* Everything that is made on the way to a certificate; one clean-up. */
struct making {
	X509 *x;
	X509 *issuer;
	EVP_PKEY *subject_key;
};

static void making_deinit(struct making *m)
{
	X509_free(m->x);
	X509_free(m->issuer);
	EVP_PKEY_free(m->subject_key);
	ERR_clear_error();
}

static bool put_ext(X509 *x, int nid, void *value, bool critical)
{
	return value && X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_DEFAULT) == 1;
}

static int set_serial(struct mst_crypto *c, X509 *x)
{
	uint8_t octet[16];
	BIGNUM *n;
	int r = c->ops->random(c, octet, sizeof(octet));

	if (r)
		return r;
	n = BN_bin2bn(octet, sizeof(octet), NULL);
	if (!n || BN_is_zero(n) || !BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)))
		r = MST_FAULT_CRYPTO;
	BN_free(n);
	return r;
}

static int set_subject(X509 *x, const struct mst_cert_spec *spec)
{
	struct mst_view cn = { (const uint8_t *)spec->common_name,
			       strnlen(spec->common_name, sizeof(spec->common_name)) };

	if (cn.n > COMMON_NAME_MAX || !mst_utf8_valid(cn))
		return MST_PKI_MALFORMED;
	if (cn.n == 0)          /* then the alternative name is critical; a CA must be nameable */
		return spec->role == MST_CERT_CA || spec->n_san == 0 ? MST_PKI_MALFORMED : 0;
	return X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8, cn.p,
					  (int)cn.n, -1, 0)
		       ? 0
		       : MST_FAULT_CRYPTO;
}

static bool put_key_usage(X509 *x, bool ca)
{
	ASN1_BIT_STRING *b = ASN1_BIT_STRING_new();
	bool ok = b && ASN1_BIT_STRING_set_bit(b, 0, 1);        /* digitalSignature: all flavours */

	if (ok && ca)
		ok = ASN1_BIT_STRING_set_bit(b, 5, 1) &&
		     ASN1_BIT_STRING_set_bit(b, 6, 1); /* keyCertSign, cRLSign */
	ok = ok && put_ext(x, NID_key_usage, b, true);
	ASN1_BIT_STRING_free(b);
	return ok;
}

static bool push_usage(EXTENDED_KEY_USAGE *e, enum mst_cert_role role)
{
	static const struct { const char *oid; enum mst_cert_role role[2]; } use[] = {
		{ "1.3.6.1.5.5.7.3.1", { MST_CERT_SERVER, MST_CERT_BOTH } },
		{ "1.3.6.1.5.5.7.3.2", { MST_CERT_CLIENT, MST_CERT_BOTH } },
		{ MST_EKU_BUNDLE, { MST_CERT_BUNDLE, MST_CERT_BUNDLE } },
		{ "1.3.6.1.5.5.7.3.9", { MST_CERT_OCSP, MST_CERT_OCSP } },
	};

	for (size_t i = 0; e && i < MST_COUNT(use); i++) {
		ASN1_OBJECT *o;

		if (role != use[i].role[0] && role != use[i].role[1])
			continue;
		o = OBJ_txt2obj(use[i].oid, 1);
		if (!o || sk_ASN1_OBJECT_push(e, o) <= 0) {
			ASN1_OBJECT_free(o);
			return false;
		}
	}
	return e != NULL;
}

static bool put_extended_usage(X509 *x, enum mst_cert_role role)
{
	EXTENDED_KEY_USAGE *e;
	bool ok;

	if (role == MST_CERT_CA)
		return true;
	e = sk_ASN1_OBJECT_new_null();
	ok = push_usage(e, role);
	/* critical for a signer of bundles: who does not know that use must not take it for another one */
	ok = ok && put_ext(x, NID_ext_key_usage, e, role == MST_CERT_BUNDLE);
	sk_ASN1_OBJECT_pop_free(e, ASN1_OBJECT_free);
	return ok;
}

static bool put_basic(X509 *x, const struct mst_cert_spec *spec)
{
	BASIC_CONSTRAINTS *b = BASIC_CONSTRAINTS_new();
	bool ok = b != NULL;

	if (ok && spec->role == MST_CERT_CA) {
		b->ca = 0xff;
		if (spec->path_len >= 0) {
			b->pathlen = ASN1_INTEGER_new();
			ok = b->pathlen && ASN1_INTEGER_set(b->pathlen, spec->path_len);
		}
	}
	ok = ok && put_ext(x, NID_basic_constraints, b, true);
	BASIC_CONSTRAINTS_free(b);
	return ok;
}

static int put_names(X509 *x, const struct mst_cert_spec *spec)
{
	GENERAL_NAMES *names;
	int r = 0;

	if (spec->n_san == 0)
		return spec->role == MST_CERT_CA || spec->role == MST_CERT_BUNDLE || spec->role == MST_CERT_OCSP ? 0 : MST_PKI_MALFORMED;
	if (spec->n_san > MST_SANS_MAX)
		return MST_PKI_NO_ROOM;
	names = sk_GENERAL_NAME_new_null();
	if (!names)
		return MST_FAULT_MEMORY;
	for (size_t i = 0; !r && i < spec->n_san; i++)
		r = pki_names_put(names, &spec->san[i]);
	if (!r && !put_ext(x, NID_subject_alt_name, names, spec->common_name[0] == '\0'))
		r = MST_FAULT_CRYPTO;
	GENERAL_NAMES_free(names);
	return r;
}

static bool permit(NAME_CONSTRAINTS *nc, int type, const char *text)
{
	GENERAL_SUBTREE *t = GENERAL_SUBTREE_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();

	if (!t || !s || !ASN1_STRING_set(s, text, -1)) {
		ASN1_IA5STRING_free(s);
		GENERAL_SUBTREE_free(t);
		return false;
	}
	GENERAL_NAME_set0_value(t->base, type, s);
	if (sk_GENERAL_SUBTREE_push(nc->permittedSubtrees, t) > 0)
		return true;
	GENERAL_SUBTREE_free(t);
	return false;
}

/* A host, or a leading dot and a domain: RFC 5280 4.2.1.10. */
static bool subtree_ok(const char *text)
{
	struct mst_view v = mst_view_str(text);

	if (v.n && v.p[0] == '.')
		v = mst_view_sub(v, 1, v.n);
	return mst_id_valid(MST_ID_FQDN, v);
}

static int put_constraints(X509 *x, const struct mst_cert_spec *spec)
{
	NAME_CONSTRAINTS *nc;
	int r = MST_FAULT_CRYPTO;
	bool ok;

	if (spec->role != MST_CERT_CA || spec->n_permitted_dns + spec->n_permitted_uri == 0)
		return 0;
	if (spec->n_permitted_dns > MST_COUNT(spec->permitted_dns) ||
	    spec->n_permitted_uri > MST_COUNT(spec->permitted_uri))
		return MST_PKI_NO_ROOM;
	nc = NAME_CONSTRAINTS_new();
	ok = nc && (nc->permittedSubtrees = sk_GENERAL_SUBTREE_new_null());
	for (size_t i = 0; ok && i < spec->n_permitted_dns; i++)
		if (!subtree_ok(spec->permitted_dns[i]))
			r = MST_PKI_MALFORMED, ok = false;
		else
			ok = permit(nc, GEN_DNS, spec->permitted_dns[i]);
	for (size_t i = 0; ok && i < spec->n_permitted_uri; i++)
		if (!subtree_ok(spec->permitted_uri[i]))
			r = MST_PKI_MALFORMED, ok = false;
		else
			ok = permit(nc, GEN_URI, spec->permitted_uri[i]);
	if (ok && put_ext(x, NID_name_constraints, nc, true))
		r = 0;
	NAME_CONSTRAINTS_free(nc);
	return r;
}

/* RFC 7093 method 1: the first 160 bits of SHA-256 over the public key's bits. */
static bool put_key_id(X509 *x)
{
	const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(x);
	uint8_t hash[MST_SHA256_LEN];
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	bool ok = id && key &&
		  !mst_crypto_openssl()->ops->sha256(
			  mst_crypto_openssl(), (struct mst_view){ key->data, (size_t)key->length }, hash) &&
		  ASN1_OCTET_STRING_set(id, hash, 20) && put_ext(x, NID_subject_key_identifier, id, false);

	ASN1_OCTET_STRING_free(id);
	return ok;
}

AUTHORITY_KEYID *pki_aki(const X509 *issuer)
{
	/* not X509_get0_subject_key_id(): that wants a finished certificate, and this may be the one in the
	 * making */
	ASN1_OCTET_STRING *id = X509_get_ext_d2i(issuer, NID_subject_key_identifier, NULL, NULL);
	AUTHORITY_KEYID *a = id ? AUTHORITY_KEYID_new() : NULL;

	if (a)
		a->keyid = id;
	else
		ASN1_OCTET_STRING_free(id);
	return a;
}

static bool put_issuer_key_id(X509 *x, const X509 *issuer)
{
	AUTHORITY_KEYID *a = pki_aki(issuer);
	bool ok = put_ext(x, NID_authority_key_identifier, a, false);

	AUTHORITY_KEYID_free(a);
	return ok;
}

static bool put_crl_uri(X509 *x, const char *uri)
{
	STACK_OF(DIST_POINT) *list = sk_DIST_POINT_new_null();
	DIST_POINT *p = DIST_POINT_new();
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();
	bool ok = list && p && g && s && ASN1_STRING_set(s, uri, -1) &&
		  (p->distpoint = DIST_POINT_NAME_new()) &&
		  (p->distpoint->name.fullname = sk_GENERAL_NAME_new_null());

	if (ok) {
		p->distpoint->type = 0;         /* fullName */
		GENERAL_NAME_set0_value(g, GEN_URI, s);
		s = NULL;
		ok = sk_GENERAL_NAME_push(p->distpoint->name.fullname, g) > 0;
		if (ok)
			g = NULL;
	}
	if (ok) {
		ok = sk_DIST_POINT_push(list, p) > 0;
		if (ok)
			p = NULL;
	}
	ok = ok && put_ext(x, NID_crl_distribution_points, list, false);
	ASN1_IA5STRING_free(s);
	GENERAL_NAME_free(g);
	DIST_POINT_free(p);
	sk_DIST_POINT_pop_free(list, DIST_POINT_free);
	return ok;
}

/* id-pkix-ocsp-nocheck, RFC 6960 4.2.2.2.1: who would tell of the one that tells? */
static bool put_nocheck(X509 *x)
{
	ASN1_NULL *nothing = ASN1_NULL_new();
	bool ok = put_ext(x, NID_id_pkix_OCSP_noCheck, nothing, false);

	ASN1_NULL_free(nothing);
	return ok;
}

static bool put_ocsp_uri(X509 *x, const char *uri)
{
	AUTHORITY_INFO_ACCESS *list = sk_ACCESS_DESCRIPTION_new_null();
	ACCESS_DESCRIPTION *one = ACCESS_DESCRIPTION_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();
	bool ok = list && one && s && ASN1_STRING_set(s, uri, -1);

	if (ok) {
		ASN1_OBJECT_free(one->method);
		one->method = OBJ_nid2obj(NID_ad_OCSP);
		GENERAL_NAME_set0_value(one->location, GEN_URI, s);
		s = NULL;
		ok = sk_ACCESS_DESCRIPTION_push(list, one) > 0;
		if (ok)
			one = NULL;
	}
	ok = ok && put_ext(x, NID_info_access, list, false);
	ASN1_IA5STRING_free(s);
	ACCESS_DESCRIPTION_free(one);
	AUTHORITY_INFO_ACCESS_free(list);
	return ok;
}

static int put_places(X509 *x, const struct mst_cert_spec *spec)
{
	const struct { const char *uri; bool (*put)(X509 *, const char *); } place[] = {
		{ spec->crl_uri, put_crl_uri }, { spec->ocsp_uri, put_ocsp_uri },
	};

	for (size_t i = 0; i < MST_COUNT(place); i++) {
		if (!place[i].uri)
			continue;
		if (!mst_printable_ascii(mst_view_str(place[i].uri)))
			return MST_PKI_MALFORMED;
		if (!place[i].put(x, place[i].uri))
			return MST_FAULT_CRYPTO;
	}
	return 0;
}

static int put_extensions(X509 *x, const X509 *issuer, const struct mst_cert_spec *spec)
{
	int r;

	if (!put_basic(x, spec) || !put_key_usage(x, spec->role == MST_CERT_CA) ||
	    !put_extended_usage(x, spec->role) || !put_key_id(x) ||
	    !put_issuer_key_id(x, issuer ? issuer : x))
		return MST_FAULT_CRYPTO;
	r = put_names(x, spec);
	if (!r)
		r = put_constraints(x, spec);
	if (!r)
		r = put_places(x, spec);
	if (!r && spec->role == MST_CERT_OCSP && !put_nocheck(x))
		r = MST_FAULT_CRYPTO;
	return r;
}

static int fill(struct mst_crypto *c, struct making *m, struct mst_view spki,
		const struct mst_cert_spec *spec)
{
	const unsigned char *p = spki.p;
	X509 *x = m->x = X509_new();
	int r;

	if (!pki_spki_is_p256(spki))
		return MST_PKI_WEAK_KEY;
	m->subject_key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	if (!m->subject_key)            /* not a point on the curve */
		return MST_PKI_WEAK_KEY;
	if (!x || !X509_set_version(x, X509_VERSION_3) || !X509_set_pubkey(x, m->subject_key) ||
	    !pki_set_algorithm(X509_get0_tbs_sigalg(x)))
		return MST_FAULT_CRYPTO;
	if (spec->not_after < spec->not_before || !pki_time_put(X509_getm_notBefore(x), spec->not_before) ||
	    !pki_time_put(X509_getm_notAfter(x), spec->not_after))
		return MST_PKI_MALFORMED;
	r = set_serial(c, x);
	if (!r)
		r = set_subject(x, spec);
	if (!r && !X509_set_issuer_name(x, X509_get_subject_name(m->issuer ? m->issuer : x)))
		r = MST_FAULT_CRYPTO;
	return r ? r : put_extensions(x, m->issuer, spec);
}

int mst_cert_issue(struct mst_crypto *c, struct mst_signer *signer, struct mst_view issuer_der,
		   struct mst_view spki, const struct mst_cert_spec *spec, uint8_t *ret_der, size_t cap,
		   size_t *ret_n)
{
	MST_CLEANUP(making_deinit) struct making m = { 0 };
	unsigned char *tbs = NULL;
	int n, r;

	if (issuer_der.n) {
		m.issuer = pki_issuer(issuer_der);
		if (!m.issuer || !(X509_get_extension_flags(m.issuer) & EXFLAG_CA))
			return MST_PKI_MALFORMED;
	}
	r = fill(c, &m, spki, spec);
	if (r)
		return r;
	n = i2d_re_X509_tbs(m.x, &tbs);
	if (n <= 0)
		return MST_FAULT_CRYPTO;
	r = pki_sign(signer, (struct mst_view){ tbs, (size_t)n },
		     m.issuer ? X509_get0_pubkey(m.issuer) : m.subject_key, ret_der,
		     cap < MST_CERT_MAX ? cap : MST_CERT_MAX, ret_n);
	OPENSSL_free(tbs);
	return r;
}
