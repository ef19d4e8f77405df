/* P-256 keys: making them, their public half, and a signer from one in memory. */
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>

#include "crypto/heap.h"
#include "crypto/pki-internal.h"

/* SubjectPublicKeyInfo up to and with the 0x04 of an uncompressed point; 64 octets follow. */
static const uint8_t p256_spki_head[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
	0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};

bool pki_spki_is_p256(struct mst_view spki)
{
	return spki.n == sizeof(p256_spki_head) + 64 &&
	       memcmp(spki.p, p256_spki_head, sizeof(p256_spki_head)) == 0;
}

static int give(struct mst_view v, uint8_t *out, size_t cap, size_t *ret_n)
{
	if (v.n > cap)
		return MST_PKI_NO_ROOM;
	memcpy(out, v.p, v.n);
	*ret_n = v.n;
	return 0;
}

/* Not EVP_EC_gen(): that speaks to providers only, and ec-fast.c puts a method before them. */
static EVP_PKEY *generate(void)
{
	EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY *k = NULL;

	if (!x || EVP_PKEY_keygen_init(x) <= 0 ||
	    EVP_PKEY_CTX_set_ec_paramgen_curve_nid(x, NID_X9_62_prime256v1) <= 0 ||
	    EVP_PKEY_CTX_set_ec_param_enc(x, OPENSSL_EC_NAMED_CURVE) <= 0 || EVP_PKEY_keygen(x, &k) <= 0)
		k = NULL;
	EVP_PKEY_CTX_free(x);
	return k;
}

int mst_pkey_generate(uint8_t *ret_pkcs8, size_t cap, size_t *ret_n)
{
	EVP_PKEY *k = generate();
	PKCS8_PRIV_KEY_INFO *p8 = k ? EVP_PKEY2PKCS8(k) : NULL;
	unsigned char *der = NULL;
	int n = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : 0, r = MST_FAULT_CRYPTO;

	if (n > 0)
		r = give((struct mst_view){ der, (size_t)n }, ret_pkcs8, cap, ret_n);
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	PKCS8_PRIV_KEY_INFO_free(p8);
	EVP_PKEY_free(k);
	return r;
}

EVP_PKEY *pki_private(struct mst_view pkcs8)
{
	const unsigned char *p = pkcs8.p;
	PKCS8_PRIV_KEY_INFO *p8;
	EVP_PKEY *k = NULL;

	if (pkcs8.n == 0 || pkcs8.n > MST_PKEY_MAX)
		return NULL;
	mst_heap_keys(true);             /* decoders take copies */
	p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.n);
	if (p8 && p == pkcs8.p + pkcs8.n)
		k = EVP_PKCS82PKEY(p8);
	PKCS8_PRIV_KEY_INFO_free(p8);
	mst_heap_keys(false);
	ERR_clear_error();
	return k;
}

static int public_of(EVP_PKEY *k, uint8_t *ret_spki, size_t cap, size_t *ret_n)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(k, &der), r = MST_FAULT_CRYPTO;

	if (n > 0) {
		struct mst_view v = { der, (size_t)n };

		r = pki_spki_is_p256(v) ? give(v, ret_spki, cap, ret_n) : MST_PKI_WEAK_KEY;
	}
	OPENSSL_free(der);
	return r;
}

int mst_pkey_public(struct mst_view pkcs8, uint8_t *ret_spki, size_t cap, size_t *ret_n)
{
	EVP_PKEY *k = pki_private(pkcs8);
	int r = k ? public_of(k, ret_spki, cap, ret_n) : MST_PKI_MALFORMED;

	EVP_PKEY_free(k);
	return r;
}

int mst_cert_public(struct mst_view der, uint8_t *ret_spki, size_t cap, size_t *ret_n)
{
	X509 *x = pki_x509(der);
	unsigned char *spki = NULL;
	int n = x ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki) : 0, r = MST_PKI_MALFORMED;

	if (n > 0)
		r = give((struct mst_view){ spki, (size_t)n }, ret_spki, cap, ret_n);
	OPENSSL_free(spki);
	X509_free(x);
	return r;
}

static int local_sign(struct mst_signer *s, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap,
		      size_t *ret_n)
{
	return pki_signing_key_use(s->ctx, digest, out, cap, ret_n);
}

/* Why a key is none to sign with. */
static int no_signer(struct mst_view pkcs8)
{
	EVP_PKEY *k = pki_private(pkcs8);
	uint8_t spki[128];
	size_t n;
	int r = k ? public_of(k, spki, sizeof(spki), &n) : MST_PKI_MALFORMED;

	EVP_PKEY_free(k);
	return r ? r : MST_FAULT_MEMORY;
}

int mst_local_signer_init(struct mst_local_signer *s, struct mst_view pkcs8)
{
	void *k = pki_signing_key(pkcs8);

	if (!k)
		return no_signer(pkcs8);
	*s = (struct mst_local_signer){ .signer = { .sign = local_sign, .ctx = k }, .pkey = k };
	return 0;
}

void mst_local_signer_deinit(struct mst_local_signer *s)
{
	pki_signing_key_free(s->pkey);
	*s = (struct mst_local_signer){ 0 };
}
