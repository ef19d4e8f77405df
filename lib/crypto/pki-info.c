/* Reading certificates and to-be-signed parts. */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>

#include "crypto/pki-internal.h"
#include "crypto/pki-x509.h"

/* The library reads more than DER: one certificate in two spellings would have two fingerprints, and a handshake tells of one. */
static bool is_der(X509 *x, struct mst_view der)
{
	unsigned char *again = NULL;
	int n = i2d_X509(x, &again);
	bool same = n > 0 && mst_view_eq(der, (struct mst_view){ again, (size_t)n });

	OPENSSL_free(again);
	return same;
}

X509 *pki_x509(struct mst_view der)
{
	const unsigned char *p = der.p;
	X509 *x;

	if (der.n == 0 || der.n > MST_CERT_MAX)
		return NULL;
	x = d2i_X509(NULL, &p, (long)der.n);
	if (x && !is_der(x, der)) {
		X509_free(x);
		x = NULL;
	}
	ERR_clear_error();
	return x;
}

X509 *pki_issuer(struct mst_view der)
{
	static _Thread_local struct { uint8_t der[MST_CERT_MAX]; size_t n; X509 *x; } last;
	X509 *x;

	if (last.x && mst_view_eq(der, (struct mst_view){ last.der, last.n }) && X509_up_ref(last.x))
		return last.x;
	x = pki_x509(der);
	/* with all that is asked of an issuer read once */
	if (!x || X509_check_ca(x) != 1 || !X509_up_ref(x))
		return x;
	X509_free(last.x);
	last.x = x;
	last.n = der.n;
	memcpy(last.der, der.p, der.n);
	return x;
}

X509_CRL *pki_crl(struct mst_view der)
{
	const unsigned char *p = der.p;
	X509_CRL *x = der.n && der.n <= MST_CRL_MAX ? d2i_X509_CRL(NULL, &p, (long)der.n) : NULL;

	if (x && p != der.p + der.n) {
		X509_CRL_free(x);
		x = NULL;
	}
	ERR_clear_error();
	return x;
}

bool pki_time_get(const ASN1_TIME *t, mst_time *ret_t)
{
	struct tm tm = { 0 };
	struct mst_civil c;
	mst_time x;

	if (!t || !ASN1_TIME_to_tm(t, &tm)) {
		ERR_clear_error();
		return false;
	}
	c =
		(struct mst_civil){ tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
				    tm.tm_hour,        tm.tm_min,     tm.tm_sec };
	x = mst_time_from_civil(&c);
	*ret_t = x >= MST_TIME_MAX ? MST_NEVER : x;
	return true;
}

/* For people: RFC 2253 order, control characters escaped; cut when it does not fit, empty when it cannot be told.
 * False when memory was short. */
static bool name_text(const X509_NAME *n, char *out, size_t cap)
{
	BIO *b = BIO_new(BIO_s_mem());
	bool ok = b && X509_NAME_print_ex(b, n, 0, XN_FLAG_RFC2253) >= 0;
	int len = ok ? BIO_read(b, out, (int)cap - 1) : 0;

	out[len > 0 ? len : 0] = '\0';
	BIO_free(b);
	return ok || (b && ERR_GET_REASON(ERR_peek_last_error()) != ERR_R_MALLOC_FAILURE);
}

static bool serial_text(const X509 *x, char out[64])
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *hex = n && !BN_is_negative(n) ? BN_bn2hex(n) : NULL;
	bool ok = hex && mst_view_to_str(mst_view_str(hex), out, 64);

	OPENSSL_free(hex);
	BN_free(n);
	return ok;
}

static bool hash_spki(const X509 *x, uint8_t out[MST_SHA256_LEN])
{
	unsigned char *spki = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
	bool ok = n > 0 && !mst_crypto_openssl()->ops->sha256(mst_crypto_openssl(),
							      (struct mst_view){ spki, (size_t)n }, out);

	OPENSSL_free(spki);
	return ok;
}

#define TOO_LONG "not one DER certificate of at most 4096 octets"

static int refuse(struct mst_diag *d, const char *field, const char *why)
{
	mst_diag_set(d, 0, field, why, NULL);
	return MST_PKI_MALFORMED;
}

static int read_info(X509 *x, struct mst_cert_info *i, struct mst_diag *d)
{
	uint32_t flags = X509_get_extension_flags(x);

	if (X509_get_version(x) != X509_VERSION_3)
		return refuse(d, "version", "not an X.509 version 3 certificate");
	if (flags & EXFLAG_INVALID)
		return refuse(d, "extensions", "an extension cannot be read, or is there twice");
	if (!pki_time_get(X509_get0_notBefore(x), &i->not_before) ||
	    !pki_time_get(X509_get0_notAfter(x), &i->not_after))
		return refuse(d, "validity", "not a time");
	if (!serial_text(x, i->serial))
		return refuse(d, "serialNumber", "negative or too long");
	if (!name_text(X509_get_subject_name(x), i->subject, sizeof(i->subject)) ||
	    !name_text(X509_get_issuer_name(x), i->issuer, sizeof(i->issuer)))
		return MST_FAULT_MEMORY;
	i->is_ca = (flags & EXFLAG_CA) != 0;
	if (!hash_spki(x, i->spki_sha256))
		return refuse(d, "subjectPublicKeyInfo", "cannot be read");
	return pki_names_get(x, i, d);
}

int mst_cert_info(struct mst_view der, struct mst_cert_info *ret_i, struct mst_diag *d)
{
	struct mst_cert_info i = { 0 };
	X509 *x = pki_x509(der);
	int r;

	if (!x)
		return refuse(d, "certificate", TOO_LONG);
	r = mst_crypto_openssl()->ops->sha256(mst_crypto_openssl(), der, i.sha256) ? MST_FAULT_CRYPTO : 0;
	r = r ? r : read_info(x, &i, d);
	X509_free(x);
	ERR_clear_error();
	if (!r)
		*ret_i = i;
	return r;
}

int mst_cert_info_x509(X509 *x, struct mst_cert_info *ret_i, struct mst_diag *d)
{
	struct mst_cert_info i = { 0 };
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der), r;

	if (n <= 0 || n > MST_CERT_MAX) {
		OPENSSL_free(der);
		ERR_clear_error();
		return refuse(d, "certificate", TOO_LONG);
	}
	r = mst_crypto_openssl()->ops->sha256(mst_crypto_openssl(), (struct mst_view){ der, (size_t)n }, i.sha256) ?
	    MST_FAULT_CRYPTO : 0;
	OPENSSL_free(der);
	r = r ? r : read_info(x, &i, d);
	ERR_clear_error();
	if (!r)
		*ret_i = i;
	return r;
}

/* A stand-in for the signature, so that the library's own reader takes the to-be-signed part. */
static const uint8_t no_signature[] = { 0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01 };

/* Every extended usage counts, known to the library or not: another one, too, when they cannot be read. */
static void read_usage(const X509 *x, struct mst_tbs_info *t)
{
	EXTENDED_KEY_USAGE *e = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);

	t->other_usage = !e;
	for (int i = 0; e && i < sk_ASN1_OBJECT_num(e); i++) {
		int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(e, i));

		t->server = t->server || nid == NID_server_auth;
		t->other_usage = t->other_usage || (nid != NID_server_auth && nid != NID_client_auth);
	}
	EXTENDED_KEY_USAGE_free(e);
}

/* Whatever somebody may take it for. After `cert` is read. */
static void read_other_names(const X509 *x, struct mst_tbs_info *t)
{
	const X509_NAME *subject = X509_get_subject_name(x);
	int n = X509_NAME_entry_count(subject);
	const X509_NAME_ENTRY *e = n == 1 ? X509_NAME_get_entry(subject, 0) : NULL;
	const ASN1_STRING *s = e && OBJ_obj2nid(X509_NAME_ENTRY_get_object(e)) == NID_commonName ? X509_NAME_ENTRY_get_data(e) : NULL;
	struct mst_view v = s ? (struct mst_view){ ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) } : MST_VIEW_NONE;
	bool text = s && (ASN1_STRING_type(s) == V_ASN1_UTF8STRING || ASN1_STRING_type(s) == V_ASN1_PRINTABLESTRING);
	GENERAL_NAMES *g = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

	t->other_names = (n && (!text || !mst_view_to_str(v, t->common_name, sizeof(t->common_name)))) || (size_t)(g ? sk_GENERAL_NAME_num(g) : 0) != t->cert.n_san;
	GENERAL_NAMES_free(g);
}

int mst_tbs_info(struct mst_view tbs, struct mst_view issuer_der, struct mst_tbs_info *ret_t,
		 struct mst_diag *d)
{
	struct mst_tbs_info t = { 0 };
	static const struct mst_view sig = { no_signature, sizeof(no_signature) };
	uint8_t der[MST_CRL_MAX];
	const X509_NAME *issuer = NULL;
	X509 *ca = pki_issuer(issuer_der), *x = NULL;
	X509_CRL *crl = NULL;
	size_t n;
	int r = MST_PKI_MALFORMED;

	if (!ca || !pki_assemble(tbs, sig, der, sizeof(der), &n)) {
		mst_diag_set(d, 0, "tbs", ca ? "too long" : "no issuer", NULL);
		X509_free(ca);
		return MST_PKI_MALFORMED;
	}
	x = pki_x509((struct mst_view){ der, n });
	if (x) {
		issuer = X509_get_issuer_name(x);
		read_usage(x, &t);
		r = read_info(x, &t.cert, d);
		if (!r)
			read_other_names(x, &t);
	} else {
		crl = pki_crl((struct mst_view){ der, n });
		if (crl) {
			issuer = X509_CRL_get_issuer(crl);
			r = pki_time_get(X509_CRL_get0_lastUpdate(crl), &t.list_from) &&
			    (!X509_CRL_get0_nextUpdate(crl) || pki_time_get(X509_CRL_get0_nextUpdate(crl), &t.list_until)) ? 0 : MST_PKI_MALFORMED;
		} else {
			mst_diag_set(d, 0, "tbs", "neither a certificate nor a revocation list", NULL);
		}
		t.is_crl = true;
	}
	if (!r) {
		t.issued_by = X509_NAME_cmp(issuer, X509_get_subject_name(ca)) == 0;
		*ret_t = t;
	}
	X509_CRL_free(crl);
	X509_free(x);
	X509_free(ca);
	ERR_clear_error();
	return r;
}
