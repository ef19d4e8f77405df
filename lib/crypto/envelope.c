#include "crypto/envelope.h"

#include <openssl/pem.h>        /* first: cms.h declares its PEM functions for those who have it only */

#include <openssl/cms.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"

static int refuse(struct mst_diag *d, const char *text)
{
	unsigned long e = ERR_peek_last_error();
	const char *why = e ? ERR_reason_error_string(e) : NULL;

	mst_diag_set(d, 0, "", text, why ? " (" : "", why ? why : "", why ? ")" : "", NULL);
	ERR_clear_error();
	return MST_FAULT_CONFIG;
}

static bool is_pem(struct mst_view v)
{
	return mst_view_starts(v, "-----BEGIN CMS-----") || mst_view_starts(v, "-----BEGIN PKCS7-----");
}

bool mst_envelope_is(struct mst_view v)
{
	return is_pem(v) || (v.n > 2 && v.p[0] == 0x30 && v.p[1] >= 0x80);
}

/* The reader of PEM lets go of its password callback before it has asked: our files have no second envelope. */
static CMS_ContentInfo *parse(struct mst_view v)
{
	BIO *b = v.n <= INT32_MAX ? BIO_new_mem_buf(v.p, (int)v.n) : NULL;
	CMS_ContentInfo *c = !b ? NULL : is_pem(v) ? PEM_read_bio_CMS(b, NULL, NULL, NULL) : d2i_CMS_bio(b, NULL);

	BIO_free(b);
	return c;
}

static int unlock(CMS_ContentInfo *c, const struct mst_envelope_key *k, struct mst_diag *d)
{
	const unsigned char *p = k->cert.p, *q = k->pkcs8.p;
	X509 *cert;
	EVP_PKEY *key;
	int ok;

	if (k->password.n) {
		ok = CMS_decrypt_set1_password(c, (unsigned char *)(uintptr_t)k->password.p, (ossl_ssize_t)k->password.n);
		return ok == 1 ? 0 : refuse(d, "does not open with this password");
	}
	cert = d2i_X509(NULL, &p, (long)k->cert.n);
	key = d2i_AutoPrivateKey(NULL, &q, (long)k->pkcs8.n);
	if (!cert || !key || X509_check_private_key(cert, key) != 1)
		ok = refuse(d, "certificate and key are not of one pair");
	else
		ok = CMS_decrypt_set1_pkey(c, key, cert) == 1 ? 0 : refuse(d, "is not encrypted to this certificate");
	X509_free(cert);
	EVP_PKEY_free(key);
	return ok;
}

static int take(BIO *out, char **ret_text, size_t *ret_n)
{
	char *p = NULL;
	long n = BIO_get_mem_data(out, &p);
	char *copy = n >= 0 ? malloc((size_t)n + 1) : NULL;

	if (!copy)
		return MST_FAULT_MEMORY;
	memcpy(copy, p, (size_t)n);
	copy[n] = '\0';
	mst_wipe(p, (size_t)n);
	*ret_text = copy;
	*ret_n = (size_t)n;
	return 0;
}

int mst_envelope_open(struct mst_view cms, const struct mst_envelope_key *k, char **ret_text, size_t *ret_n, struct mst_diag *d)
{
	CMS_ContentInfo *c = parse(cms);
	/* secure heap or not, it is wiped when it is freed */
	BIO *out = BIO_new(BIO_s_secmem());
	int nid, r;

	if (!c || !out) {
		r = refuse(d, "is no CMS message, DER or PEM");
		goto done;
	}
	nid = OBJ_obj2nid(CMS_get0_type(c));
	if (nid != NID_pkcs7_enveloped && nid != NID_id_smime_ct_authEnvelopedData) {
		r = refuse(d, "is a CMS message, but none that is encrypted");
		goto done;
	}
	r = unlock(c, k, d);
	/* one word for everything that a wrong key, padding or tag may look like */
	if (!r && CMS_decrypt(c, NULL, NULL, NULL, out, CMS_BINARY) != 1)
		r = refuse(d, "does not open: the wrong key, or the file was changed");
	if (!r)
		r = take(out, ret_text, ret_n);
done:
	BIO_free(out);
	CMS_ContentInfo_free(c);
	ERR_clear_error();
	return r;
}
