/*
 * What certificates and revocation lists have in common: the to-be-signed part is made first, somebody
 * signs it (perhaps in another process), and the three parts are put together here by hand.
 */
#include <string.h>

#include <openssl/err.h>

#include "crypto/pki-internal.h"

/* AlgorithmIdentifier { ecdsa-with-SHA256 }, RFC 5758 3.2: no parameters. */
static const uint8_t ecdsa_sha256[] = {
	0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02
};

void pki_put_header(struct mst_writer *w, uint8_t tag, size_t n)
{
	mst_put_u8(w, tag);
	if (n < 0x80) {
		mst_put_u8(w, (uint8_t)n);
	} else if (n <= 0xff) {
		mst_put_u8(w, 0x81);
		mst_put_u8(w, (uint8_t)n);
	} else if (n <= 0xffff) {
		mst_put_u8(w, 0x82);
		mst_put_u16(w, (uint16_t)n);
	} else {
		mst_put_u8(w, 0x84);
		mst_put_u32(w, (uint32_t)n);
	}
}

size_t pki_header_size(size_t n)
{
	return n < 0x80 ? 2 : n <= 0xff ? 3 : n <= 0xffff ? 4 : 6;
}

bool pki_assemble(struct mst_view tbs, struct mst_view sig, uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	struct mst_writer w = mst_writer_of(ret_der, cap);

	if (sig.n > 120 || tbs.n > cap)
		return false;
	/* BIT STRING: header 2 (sig < 127), one octet for unused bits */
	pki_put_header(&w, 0x30, tbs.n + sizeof(ecdsa_sha256) + 3 + sig.n);
	mst_put(&w, tbs);
	mst_put(&w, (struct mst_view){ ecdsa_sha256, sizeof(ecdsa_sha256) });
	pki_put_header(&w, 0x03, sig.n + 1);
	mst_put_u8(&w, 0);
	mst_put(&w, sig);
	if (w.ok)
		*ret_n = w.n;
	return w.ok;
}

bool pki_set_algorithm(const X509_ALGOR *tbs_field)
{
	/* The library has no setter: it means this field to be written by its own signing functions only. */
	union { const X509_ALGOR *in; X509_ALGOR *out; } field = { tbs_field };

	return X509_ALGOR_set0(field.out, OBJ_nid2obj(NID_ecdsa_with_SHA256), V_ASN1_UNDEF, NULL);
}

static bool verifies(EVP_PKEY *key, struct mst_view tbs, struct mst_view sig)
{
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	bool ok = m && EVP_DigestVerifyInit(m, NULL, EVP_sha256(), NULL, key) > 0 &&
	          EVP_DigestVerify(m, sig.p, sig.n, tbs.p, tbs.n) == 1;

	EVP_MD_CTX_free(m);
	ERR_clear_error();
	return ok;
}

int pki_sign(struct mst_signer *s, struct mst_view tbs, EVP_PKEY *check, uint8_t *ret_der, size_t cap,
	     size_t *ret_n)
{
	struct mst_crypto *c = mst_crypto_openssl();
	uint8_t digest[MST_SHA256_LEN], sig[128];
	size_t n = 0;
	int r;

	if (s->sign_tbs) {
		r = s->sign_tbs(s, tbs, sig, sizeof(sig), &n);
	} else {
		r = c->ops->sha256(c, tbs, digest);
		if (!r)
			r = s->sign(s, digest, sig, sizeof(sig), &n);
	}
	if (r)
		return r < 0 ? r : MST_PKI_NOT_SIGNED;
	/* a signer with another key than the issuer's would make something that nobody accepts */
	if (!check || !verifies(check, tbs, (struct mst_view){ sig, n }))
		return MST_PKI_BAD_SIGNATURE;
	return pki_assemble(tbs, (struct mst_view){ sig, n }, ret_der, cap, ret_n) ? 0 : MST_PKI_NO_ROOM;
}

bool pki_time_put(ASN1_TIME *t, mst_time when)
{
	if (when < 0)
		return false;
	if (when > MST_TIME_MAX)
		when = MST_TIME_MAX;
	return ASN1_TIME_set(t, (time_t)when) != NULL;
}
