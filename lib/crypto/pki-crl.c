/* Revocation lists, RFC 5280 section 5; TS-0003 8.1.2.2 makes checking them a duty (spec 2.5.6). */
#include <openssl/bn.h>
#include <openssl/err.h>

#include "base/text.h"
#include "crypto/pki-internal.h"

static bool set_serial(X509_REVOKED *entry, const char *hex)
{
	struct mst_view v = mst_view_str(hex);
	uint8_t octet[32];
	size_t n;
	BIGNUM *b;
	ASN1_INTEGER *serial;
	bool ok;

	if (v.n == 0 || !mst_hex_decode(v, octet, sizeof(octet), &n))
		return false;
	b = BN_bin2bn(octet, (int)n, NULL);
	serial = b ? BN_to_ASN1_INTEGER(b, NULL) : NULL;
	ok = serial && X509_REVOKED_set_serialNumber(entry, serial);
	ASN1_INTEGER_free(serial);
	BN_free(b);
	return ok;
}

static bool set_reason(X509_REVOKED *entry, int reason)
{
	ASN1_ENUMERATED *e;
	bool ok;

	if (reason == 0)                /* "should be absent instead": RFC 5280 5.3.1 */
		return true;
	if (reason < 0 || reason == 7 || reason > 10)
		return false;
	e = ASN1_ENUMERATED_new();
	ok = e && ASN1_ENUMERATED_set(e, reason) &&
	     X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, e, 0, X509V3_ADD_DEFAULT) == 1;
	ASN1_ENUMERATED_free(e);
	return ok;
}

static int add_entry(X509_CRL *crl, const struct mst_revoked *r)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *when = ASN1_TIME_new();
	bool ok = entry && when && set_serial(entry, r->serial) && pki_time_put(when, r->when) &&
	          X509_REVOKED_set_revocationDate(entry, when) && set_reason(entry, r->reason);

	ASN1_TIME_free(when);
	if (ok && X509_CRL_add0_revoked(crl, entry))
		return 0;
	X509_REVOKED_free(entry);
	return MST_PKI_MALFORMED;
}

static bool set_times(X509_CRL *crl, mst_time now, mst_time next_update)
{
	ASN1_TIME *a = ASN1_TIME_new(), *b = ASN1_TIME_new();
	bool ok = a && b && next_update > now && pki_time_put(a, now) && pki_time_put(b, next_update) &&
	          X509_CRL_set1_lastUpdate(crl, a) && X509_CRL_set1_nextUpdate(crl, b);

	ASN1_TIME_free(a);
	ASN1_TIME_free(b);
	return ok;
}

static bool put_extensions(X509_CRL *crl, const X509 *issuer, int64_t number)
{
	AUTHORITY_KEYID *aki = pki_aki(issuer);
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	bool ok = n && number >= 0 && ASN1_INTEGER_set_int64(n, number) &&
		  X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, X509V3_ADD_DEFAULT) == 1 &&
		  (!aki ||
		   X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, aki, 0, X509V3_ADD_DEFAULT) == 1);

	ASN1_INTEGER_free(n);
	AUTHORITY_KEYID_free(aki);
	return ok;
}

/*
 * An empty list to start from. This library version has no way to write the algorithm into the signed
 * part of a list except its own signing, which wants the private key here; reading one that has it does.
 */
static X509_CRL *new_list(void)
{
	static const uint8_t tbs[] = {
		0x30, 0x20, 0x02, 0x01, 0x01,                           /* version 2 */
		0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
		0x30, 0x00,                                             /* issuer, to be set */
		0x17, 0x0d, '7', '0', '0', '1', '0', '1', '0', '0', '0', '0', '0', '0', 'Z',
	};
	static const uint8_t no_signature[] = { 0x30, 0x00 };
	uint8_t der[80];
	size_t n;

	if (!pki_assemble((struct mst_view){ tbs, sizeof(tbs) },
			  (struct mst_view){ no_signature, sizeof(no_signature) }, der, sizeof(der), &n))
		return NULL;
	return pki_crl((struct mst_view){ der, n });
}

static int fill(X509_CRL *crl, const X509 *ca, const struct mst_revoked *r, size_t n, int64_t number,
		mst_time now, mst_time next_update)
{
	if (!set_times(crl, now, next_update))
		return MST_PKI_MALFORMED;
	if (!X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca)) || !put_extensions(crl, ca, number))
		return MST_FAULT_CRYPTO;
	for (size_t i = 0; i < n; i++)
		if (add_entry(crl, &r[i]))
			return MST_PKI_MALFORMED;
	return X509_CRL_sort(crl) ? 0 : MST_FAULT_CRYPTO;
}

int mst_crl_issue(struct mst_signer *signer, struct mst_view issuer_der, const struct mst_revoked *r,
		  size_t n, int64_t number, mst_time now, mst_time next_update, uint8_t *ret_der, size_t cap,
		  size_t *ret_n)
{
	X509 *ca = pki_issuer(issuer_der);
	X509_CRL *crl = NULL;
	unsigned char *tbs = NULL;
	int len = 0, res = MST_PKI_MALFORMED;

	if (ca && X509_get_extension_flags(ca) & EXFLAG_CA) {
		crl = new_list();
		res = crl ? fill(crl, ca, r, n, number, now, next_update) : MST_FAULT_CRYPTO;
	}
	if (!res) {
		len = i2d_re_X509_CRL_tbs(crl, &tbs);
		res = len > 0 ? pki_sign(signer, (struct mst_view){ tbs, (size_t)len }, X509_get0_pubkey(ca),
					 ret_der, cap < MST_CRL_MAX ? cap : MST_CRL_MAX, ret_n)
			      : MST_FAULT_CRYPTO;
	}
	OPENSSL_free(tbs);
	X509_CRL_free(crl);
	X509_free(ca);
	ERR_clear_error();
	return res;
}

static bool may_sign_lists(X509 *ca)
{
	return X509_get_extension_flags(ca) & EXFLAG_CA && X509_get_key_usage(ca) & KU_CRL_SIGN;
}

static int read_info(X509_CRL *crl, X509 *ca, struct mst_crl_info *ret_i)
{
	struct mst_crl_info i = { .number = -1 };
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);

	if (number && !ASN1_INTEGER_get_int64(&i.number, number))
		i.number = -1;
	ASN1_INTEGER_free(number);
	if (!pki_time_get(X509_CRL_get0_lastUpdate(crl), &i.this_update) ||
	    (X509_CRL_get0_nextUpdate(crl) && !pki_time_get(X509_CRL_get0_nextUpdate(crl), &i.next_update)))
		return MST_PKI_MALFORMED;
	i.n = entries ? (size_t)sk_X509_REVOKED_num(entries) : 0;
	i.signed_by = ca && may_sign_lists(ca) && !X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ca)) &&
		      X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1;
	*ret_i = i;
	return 0;
}

int mst_crl_info(struct mst_view der, struct mst_view issuer_der, struct mst_crl_info *ret_i)
{
	X509_CRL *crl = pki_crl(der);
	X509 *ca = pki_x509(issuer_der);
	int r = crl ? read_info(crl, ca, ret_i) : MST_PKI_MALFORMED;

	X509_free(ca);
	X509_CRL_free(crl);
	ERR_clear_error();
	return r;
}

bool mst_cert_issued_by(struct mst_view der, struct mst_view issuer_der)
{
	X509 *x = pki_x509(der), *ca = pki_x509(issuer_der);
	bool yes = x && ca && X509_check_issued(ca, x) == X509_V_OK && X509_verify(x, X509_get0_pubkey(ca)) == 1;

	X509_free(x);
	X509_free(ca);
	ERR_clear_error();
	return yes;
}
