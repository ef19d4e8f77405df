/* SignedData in one profile (cms.h). The library's reader is lenient, so the octets are looked at first. */
#include "crypto/cms.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <string.h>

#include "crypto/pki-internal.h"
#include "crypto/pki-x509.h"

#define DEPTH_MAX 24

const char *mst_cms_outcome_text(int outcome)
{
	static const char *const text[] = { "good", "malformed", "oversized", "unsigned", "wrongly-signed", "signer-untrusted",
					    "signer-expired", "signer-not-yet-valid", "wrong-purpose" };

	return outcome >= 0 && (size_t)outcome < MST_COUNT(text) ? text[outcome] : "fault";
}

static int say(struct mst_diag *d, int outcome, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return outcome;
}

/* Octets -------------------------------------------------------------------------------------------- */

/* Definite, in the shortest form; false otherwise, or when it goes beyond `end`. */
static bool der_length(struct mst_view v, size_t *at, size_t end, size_t *ret_n)
{
	size_t n, octets;

	if (*at >= end)
		return false;
	n = v.p[(*at)++];
	if (n >= 0x80) {
		octets = n & 0x7f;
		if (octets == 0 || octets > 3 || octets > end - *at || v.p[*at] == 0)
			return false;
		for (n = 0; octets; octets--)
			n = n << 8 | v.p[(*at)++];
		if (n < 0x80)
			return false;
	}
	*ret_n = n;
	return n <= end - *at;
}

/* One object of definite lengths all the way down, strings in one piece, nothing behind it. */
static bool der_strict(struct mst_view v)
{
	size_t end[DEPTH_MAX + 1] = { v.n }, depth = 0, at = 0, n = 0;

	do {
		uint8_t tag;

		if (at >= end[depth])
			return false;
		tag = v.p[at++];
		/* a long tag, or a string in pieces: neither occurs in what we read */
		if ((tag & 0x1f) == 0x1f || tag == 0x24 || !der_length(v, &at, end[depth], &n))
			return false;
		if (depth == 0 && at + n != v.n)
			return false;
		if (tag & 0x20) {
			if (depth == DEPTH_MAX)
				return false;
			end[++depth] = at + n;
		} else {
			at += n;
		}
		while (depth && at == end[depth])
			depth--;
	} while (depth);
	return at == v.n;
}

/* Purpose -------------------------------------------------------------------------------------------- */

/* Does it list our use? *ret_limited: it has a list at all. */
static bool has_use(const X509 *x, bool *ret_limited)
{
	EXTENDED_KEY_USAGE *e = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	ASN1_OBJECT *want = OBJ_txt2obj(MST_EKU_BUNDLE, 1);
	bool found = false;

	*ret_limited = e != NULL;
	for (int i = 0; want && i < sk_ASN1_OBJECT_num(e); i++)
		found |= OBJ_cmp(sk_ASN1_OBJECT_value(e, i), want) == 0;
	ASN1_OBJECT_free(want);
	sk_ASN1_OBJECT_pop_free(e, ASN1_OBJECT_free);
	return found;
}

static const char *purpose_of_leaf(X509 *leaf)
{
	uint32_t usage = X509_get_key_usage(leaf);
	EVP_PKEY *k = X509_get0_pubkey(leaf);
	bool limited;
	char group[32];

	if (X509_get_extension_flags(leaf) & EXFLAG_CA)
		return "the signer's certificate is a CA's";
	if (!has_use(leaf, &limited))
		return "the signer's certificate is not for signing bundles (its extended key usage lacks " MST_EKU_BUNDLE ")";
	if (usage == UINT32_MAX || !(usage & KU_DIGITAL_SIGNATURE))
		return "the signer's keyUsage lacks digitalSignature";
	if (!k || EVP_PKEY_get_base_id(k) != EVP_PKEY_EC || !EVP_PKEY_get_group_name(k, group, sizeof(group), NULL) ||
	    OBJ_txt2nid(group) != NID_X9_62_prime256v1)
		return "the signer's key is not on the curve P-256";
	return NULL;
}

/* Path ----------------------------------------------------------------------------------------------- */

static const struct { int x509, outcome; } path_outcome[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED, MST_CMS_EXPIRED },
	{ X509_V_ERR_CERT_NOT_YET_VALID, MST_CMS_NOT_YET_VALID },
};

static int forgive_early(int ok, X509_STORE_CTX *x)
{
	return ok || X509_STORE_CTX_get_error(x) == X509_V_ERR_CERT_NOT_YET_VALID;
}

static X509_STORE *store_of(const struct mst_cms_trust *t)
{
	X509_STORE *s = X509_STORE_new();

	for (size_t i = 0; s && i < t->n_anchors; i++) {
		X509 *x = pki_x509(t->anchors[i]);

		/* one that cannot be read is no anchor; who configured it was told when it was loaded */
		if (x && X509_STORE_add_cert(s, x) != 1)
			ERR_clear_error();
		X509_free(x);
	}
	return s;
}

static int judge_chain(STACK_OF(X509) *chain, struct mst_cms_signer *s, struct mst_diag *d)
{
	int n = sk_X509_num(chain);
	unsigned int size = sizeof(s->anchor_sha256);
	const char *why = n > 0 ? purpose_of_leaf(sk_X509_value(chain, 0)) : "no path";
	bool limited;

	if (why)
		return say(d, MST_CMS_WRONG_PURPOSE, "signer", why);
	s->not_after = MST_NEVER;
	for (int i = 0; i < n; i++) {
		X509 *x = sk_X509_value(chain, i);
		mst_time end;

		if (!pki_time_get(X509_get0_notAfter(x), &end))
			return say(d, MST_CMS_MALFORMED, "validity", "not a time");
		s->not_after = end < s->not_after ? end : s->not_after;
		/* the anchor was chosen by hand; what it has certified may be narrower */
		if (i > 0 && i + 1 < n && !has_use(x, &limited) && limited)
			return say(d, MST_CMS_WRONG_PURPOSE, "signer", "a CA in the path is not for signers of bundles");
	}
	return X509_digest(sk_X509_value(chain, n - 1), EVP_sha256(), s->anchor_sha256, &size) ? 0 : MST_FAULT_CRYPTO;
}

static int check_path(X509 *leaf, STACK_OF(X509) *beside, const struct mst_cms_trust *t, struct mst_cms_signer *s,
		      struct mst_diag *d)
{
	X509_STORE *store = store_of(t);
	X509_STORE_CTX *x = X509_STORE_CTX_new();
	int r = MST_FAULT_MEMORY, code;

	if (!store || !x || !X509_STORE_CTX_init(x, store, leaf, beside))
		goto out;
	/* a path to one of the anchors and nowhere else, be it a root or not */
	X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(x), X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_depth(X509_STORE_CTX_get0_param(x), MST_CMS_CERTS_MAX);
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(x), 2);
	X509_STORE_CTX_set_time(x, 0, (time_t)(t->now ? t->now : t->floor));
	if (!t->now)
		X509_STORE_CTX_set_verify_cb(x, forgive_early);
	if (X509_verify_cert(x) == 1) {
		r = judge_chain(X509_STORE_CTX_get0_chain(x), s, d);
		goto out;
	}
	code = X509_STORE_CTX_get_error(x);
	r = code == X509_V_ERR_OUT_OF_MEM ? MST_FAULT_MEMORY : MST_CMS_UNTRUSTED;
	for (size_t i = 0; i < MST_COUNT(path_outcome); i++)
		if (path_outcome[i].x509 == code)
			r = path_outcome[i].outcome;
	if (r > 0)
		(void)say(d, r, "signer", X509_verify_cert_error_string(code));
out:
	X509_STORE_CTX_free(x);
	X509_STORE_free(store);
	return r;
}

/* Opening -------------------------------------------------------------------------------------------- */

struct opening {
	CMS_ContentInfo *cms;
	STACK_OF(X509) *certs;
	BIO *out;
};

static void opening_deinit(struct opening *o)
{
	BIO_free(o->out);
	sk_X509_pop_free(o->certs, X509_free);
	CMS_ContentInfo_free(o->cms);
	ERR_clear_error();
}

static int read_envelope(struct mst_view v, struct opening *o, struct mst_diag *d)
{
	const unsigned char *p = v.p;
	STACK_OF(X509_CRL) *crls;
	ASN1_OCTET_STRING **content;

	if (v.n > MST_CMS_MAX)
		return say(d, MST_CMS_OVERSIZED, "", "more than 49152 octets");
	if (!der_strict(v))
		return say(d, MST_CMS_MALFORMED, "", "not one DER object (a length is indefinite or wrong, or something follows)");
	o->cms = d2i_CMS_ContentInfo(NULL, &p, (long)v.n);
	if (!o->cms || p != v.p + v.n)
		return say(d, MST_CMS_MALFORMED, "", "not CMS");
	if (OBJ_obj2nid(CMS_get0_type(o->cms)) != NID_pkcs7_signed)
		return say(d, MST_CMS_UNSIGNED, "contentType", "not SignedData");
	if (OBJ_obj2nid(CMS_get0_eContentType(o->cms)) != NID_pkcs7_data)
		return say(d, MST_CMS_MALFORMED, "eContentType", "not id-data");
	content = CMS_get0_content(o->cms);
	if (!content || !*content)
		return say(d, MST_CMS_MALFORMED, "eContent", "the content is not in it (a detached signature)");
	crls = CMS_get1_crls(o->cms);
	if (crls) {
		sk_X509_CRL_pop_free(crls, X509_CRL_free);
		return say(d, MST_CMS_MALFORMED, "crls", "revocation lists have no place here");
	}
	o->certs = CMS_get1_certs(o->cms);
	if (sk_X509_num(o->certs) > MST_CMS_CERTS_MAX)
		return say(d, MST_CMS_OVERSIZED, "certificates", "more than 6");
	return 0;
}

/* Exactly one, with the algorithms of the profile, and its certificate here. */
static int find_signer(struct opening *o, X509 **ret_leaf, struct mst_diag *d)
{
	STACK_OF(CMS_SignerInfo) *all = CMS_get0_SignerInfos(o->cms);
	CMS_SignerInfo *si = sk_CMS_SignerInfo_num(all) == 1 ? sk_CMS_SignerInfo_value(all, 0) : NULL;
	X509_ALGOR *digest = NULL, *signature = NULL;

	if (sk_CMS_SignerInfo_num(all) < 1)
		return say(d, MST_CMS_UNSIGNED, "signerInfos", "nobody has signed");
	if (!si)
		return say(d, MST_CMS_MALFORMED, "signerInfos", "more than one signer");
	if (CMS_signed_get_attr_count(si) <= 0)
		return say(d, MST_CMS_MALFORMED, "signedAttrs", "missing");
	if (CMS_unsigned_get_attr_count(si) > 0)
		return say(d, MST_CMS_MALFORMED, "unsignedAttrs", "have no place here");
	if (CMS_set1_signers_certs(o->cms, NULL, 0) != 1)
		return say(d, MST_CMS_UNTRUSTED, "certificates", "the signer's certificate is not in it");
	CMS_SignerInfo_get0_algs(si, NULL, ret_leaf, &digest, &signature);
	if (!*ret_leaf || !digest || OBJ_obj2nid(digest->algorithm) != NID_sha256)
		return say(d, MST_CMS_MALFORMED, "digestAlgorithm", "not SHA-256");
	/* also an RSA signer comes here: it can be no bundle's */
	if (!signature || OBJ_obj2nid(signature->algorithm) != NID_ecdsa_with_SHA256)
		return say(d, MST_CMS_MALFORMED, "signatureAlgorithm", "not ecdsa-with-SHA256");
	return 0;
}

int mst_cms_open(struct mst_view cms, const struct mst_cms_trust *t, uint8_t *out, size_t cap, size_t *ret_n,
		 struct mst_cms_signer *ret_s, struct mst_diag *d)
{
	MST_CLEANUP(opening_deinit) struct opening o = { 0 };
	struct mst_cms_signer s = { 0 };
	X509 *leaf = NULL;
	char *p = NULL;
	long n;
	int r = read_envelope(cms, &o, d);

	if (!r)
		r = find_signer(&o, &leaf, d);
	if (!r)
		r = check_path(leaf, o.certs, t, &s, d);
	if (!r && mst_cert_info_x509(leaf, &s.cert, d))
		r = say(d, MST_CMS_MALFORMED, "signer", "its certificate cannot be read");
	if (r)
		return r;
	o.out = BIO_new(BIO_s_mem());
	if (!o.out)
		return MST_FAULT_MEMORY;
	/* the path is judged above: here only digest and signature */
	if (CMS_verify(o.cms, NULL, NULL, NULL, o.out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1)
		return say(d, MST_CMS_WRONGLY_SIGNED, "signature", "does not fit the content");
	n = BIO_get_mem_data(o.out, &p);
	if (n < 0 || (size_t)n > cap)
		return MST_FAULT_SPACE;
	if (n)
		memcpy(out, p, (size_t)n);
	*ret_n = (size_t)n;
	*ret_s = s;
	return 0;
}

size_t mst_cms_certs(struct mst_view cms, uint8_t *storage, size_t cap, struct mst_view *ret_certs, size_t max)
{
	MST_CLEANUP(opening_deinit) struct opening o = { 0 };
	size_t n = 0, used = 0;

	if (read_envelope(cms, &o, NULL))
		return 0;
	for (int i = 0; i < sk_X509_num(o.certs) && n < max; i++) {
		unsigned char *p = storage + used;
		int size = i2d_X509(sk_X509_value(o.certs, i), NULL);

		if (size <= 0 || (size_t)size > cap - used)
			break;
		ret_certs[n++] = (struct mst_view){ p, (size_t)size };
		used += (size_t)i2d_X509(sk_X509_value(o.certs, i), &p);
	}
	return n;
}

/* Making --------------------------------------------------------------------------------------------- */

struct making {
	CMS_ContentInfo *cms;
	X509 *leaf;
	EVP_PKEY *key;
	BIO *in;
};

static void making_deinit(struct making *m)
{
	BIO_free(m->in);
	EVP_PKEY_free(m->key);
	X509_free(m->leaf);
	CMS_ContentInfo_free(m->cms);
	ERR_clear_error();
}

static int seal_parts(struct making *m, const struct mst_view *certs, size_t n_certs, struct mst_diag *d)
{
	const unsigned flags = CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL;

	m->cms = CMS_sign(NULL, NULL, NULL, m->in, flags);
	if (!m->cms || !CMS_add1_signer(m->cms, m->leaf, m->key, EVP_sha256(), flags))
		return MST_FAULT_CRYPTO;
	for (size_t i = 1; i < n_certs; i++) {
		X509 *x = pki_x509(certs[i]);
		int ok = x && CMS_add1_cert(m->cms, x);

		X509_free(x);
		if (!ok)
			return say(d, MST_CMS_MALFORMED, "chain", "a certificate cannot be read, or is there twice");
	}
	return CMS_final(m->cms, m->in, NULL, flags) ? 0 : MST_FAULT_CRYPTO;
}

int mst_cms_seal(struct mst_view content, const struct mst_view *certs, size_t n_certs, struct mst_view pkcs8, uint8_t *out,
		 size_t cap, size_t *ret_n, struct mst_diag *d)
{
	MST_CLEANUP(making_deinit) struct making m = { 0 };
	const char *why;
	unsigned char *p = out;
	int n, r;

	if (!n_certs || n_certs > MST_CMS_CERTS_MAX)
		return say(d, MST_CMS_OVERSIZED, "certificates", "1 to 6 of them");
	if (content.n > MST_CMS_MAX)
		return say(d, MST_CMS_OVERSIZED, "content", "more than 49152 octets");
	m.leaf = pki_x509(certs[0]);
	m.key = pki_private(pkcs8);
	if (!m.leaf || !m.key || X509_check_private_key(m.leaf, m.key) != 1)
		return say(d, MST_CMS_MALFORMED, "signer", "key and certificate cannot be read, or do not belong together");
	why = purpose_of_leaf(m.leaf);
	if (why)
		return say(d, MST_CMS_WRONG_PURPOSE, "signer", why);
	m.in = BIO_new_mem_buf(content.n ? (const void *)content.p : "", (int)content.n);
	if (!m.in)
		return MST_FAULT_MEMORY;
	r = seal_parts(&m, certs, n_certs, d);
	if (r)
		return r;
	n = i2d_CMS_ContentInfo(m.cms, NULL);
	if (n <= 0)
		return MST_FAULT_CRYPTO;
	if ((size_t)n > cap || n > MST_CMS_MAX)
		return say(d, MST_CMS_OVERSIZED, "", "the envelope has more than 49152 octets");
	*ret_n = (size_t)i2d_CMS_ContentInfo(m.cms, &p);
	return 0;
}
