/*
 * The way around OpenSSL 3.0's decoder (dependencies.md 1). The library decodes the public key of every
 * certificate through OSSL_DECODER, which it sets up anew each time, unless an ENGINE offers a method for
 * that kind of key; then it takes the old direct path. So: an engine in this process with a copy of the built-in
 * method. The old path makes the key's curve anew each time, with inversions that cost a sixth of a signature's check:
 * the engine's method for reading public keys takes a copy of one that was made before. Nothing else changes;
 * test-ec-fast.c compares both ways.
 *
 * And private keys for signing: the decoder takes twenty times as long as the signature does. And keys that are not
 * here at all (mst_foreign_key): a method of signing that asks whoever has the key.
 *
 * The only file that uses the deprecated interfaces. Calling mst_ec_fast_install() is the switch for the first.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/heap.h"
#include "crypto/pki-internal.h"

static EVP_PKEY_METHOD *copy;           /* owned by the engine once it is added, as is the next */
static EVP_PKEY_ASN1_METHOD *reading;
static EC_GROUP *p256;                  /* only read, once it is made */
static bool installed;

/* A key without numbers on that curve. */
static EC_KEY *key_on(int nid)
{
	EC_GROUP *made = nid == NID_X9_62_prime256v1 && p256 ? NULL : EC_GROUP_new_by_curve_name(nid);
	const EC_GROUP *g = made ? made : nid == NID_X9_62_prime256v1 ? p256 : NULL;
	EC_KEY *k = g ? EC_KEY_new() : NULL;

	if (k && !EC_KEY_set_group(k, g)) {
		EC_KEY_free(k);
		k = NULL;
	}
	EC_GROUP_free(made);
	return k;
}

/* --- public keys: RFC 5480 2.1.1. What curve is good for what is decided elsewhere, so all that the library reads are read here --- */

static EC_KEY *key_of(int type, const void *curve)
{
	const unsigned char *p;

	if (type == V_ASN1_OBJECT)
		return key_on(OBJ_obj2nid(curve));
	if (type != V_ASN1_SEQUENCE)
		return NULL;
	p = ASN1_STRING_get0_data(curve);
	return d2i_ECParameters(NULL, &p, ASN1_STRING_length(curve));
}

static int read_public(EVP_PKEY *pkey, const X509_PUBKEY *pub)
{
	const unsigned char *p;
	const void *curve = NULL;
	int n, type = V_ASN1_UNDEF;
	X509_ALGOR *alg = NULL;
	EC_KEY *k;

	if (!X509_PUBKEY_get0_param(NULL, &p, &n, &alg, pub))
		return 0;
	X509_ALGOR_get0(NULL, &type, &curve, alg);
	k = key_of(type, curve);
	/* the point is checked to be on the curve */
	if (k && o2i_ECPublicKey(&k, &p, n) && EVP_PKEY_assign_EC_KEY(pkey, k))
		return 1;
	EC_KEY_free(k);
	return 0;
}

static int write_public(X509_PUBKEY *pub, const EVP_PKEY *pkey)
{
	const EC_KEY *k = EVP_PKEY_get0_EC_KEY(pkey);
	const EC_GROUP *g = k ? EC_KEY_get0_group(k) : NULL;
	bool named = g && EC_GROUP_get_asn1_flag(g) && EC_GROUP_get_curve_name(g);
	ASN1_STRING *numbers = g && !named ? ASN1_STRING_new() : NULL;
	unsigned char *p = NULL, *c = NULL;
	int n = 0, n_c = 0;

	if (numbers && (n_c = i2d_ECParameters(k, &c)) > 0)
		ASN1_STRING_set0(numbers, c, n_c);
	if (g && (named || n_c > 0) && (n = i2o_ECPublicKey(k, &p)) > 0 &&
	    X509_PUBKEY_set0_param(pub, OBJ_nid2obj(EVP_PKEY_EC), named ? V_ASN1_OBJECT : V_ASN1_SEQUENCE,
				   named ? (void *)OBJ_nid2obj(EC_GROUP_get_curve_name(g)) : numbers, p, n))
		return 1;
	ASN1_STRING_free(numbers);
	OPENSSL_free(p);
	return 0;
}

/* 1 the same, 0 another, -2 cannot be said */
static int compare_public(const EVP_PKEY *a, const EVP_PKEY *b)
{
	const EC_KEY *x = EVP_PKEY_get0_EC_KEY(a), *y = EVP_PKEY_get0_EC_KEY(b);
	int r = x && y && EC_KEY_get0_group(y) && EC_KEY_get0_public_key(x) && EC_KEY_get0_public_key(y) ?
		EC_POINT_cmp(EC_KEY_get0_group(y), EC_KEY_get0_public_key(x), EC_KEY_get0_public_key(y), NULL) : -1;

	return r == 0 ? 1 : r == 1 ? 0 : -2;
}

static int signature_size(const EVP_PKEY *pkey)
{
	return ECDSA_size(EVP_PKEY_get0_EC_KEY(pkey));
}

static int bits(const EVP_PKEY *pkey)
{
	const EC_KEY *k = EVP_PKEY_get0_EC_KEY(pkey);

	return k ? EC_GROUP_order_bits(EC_KEY_get0_group(k)) : 0;
}

static int reading_methods(ENGINE *e, EVP_PKEY_ASN1_METHOD **ret_m, const int **ret_nids, int nid)
{
	static const int ours[] = { EVP_PKEY_EC };

	(void)e;
	if (!ret_m) {
		*ret_nids = ours;
		return 1;
	}
	*ret_m = nid == EVP_PKEY_EC ? reading : NULL;
	return *ret_m != NULL;
}

/* Optional: without it reading only takes longer. */
static void add_reading(ENGINE *e)
{
	const EVP_PKEY_ASN1_METHOD *built_in = EVP_PKEY_asn1_find(NULL, EVP_PKEY_EC);

	p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	reading = p256 && built_in ? EVP_PKEY_asn1_new(EVP_PKEY_EC, 0, "EC", "EC keys on curves that are made once") : NULL;
	if (!reading)
		return;
	EVP_PKEY_asn1_copy(reading, built_in);
	EVP_PKEY_asn1_set_public(reading, read_public, write_public, compare_public, NULL, signature_size, bits);
	(void)(ENGINE_set_pkey_asn1_meths(e, reading_methods) && ENGINE_set_default_pkey_asn1_meths(e));
}

static int methods(ENGINE *e, EVP_PKEY_METHOD **ret_m, const int **ret_nids, int nid)
{
	static const int ours[] = { EVP_PKEY_EC };

	(void)e;
	if (!ret_m) {
		*ret_nids = ours;
		return 1;
	}
	*ret_m = nid == EVP_PKEY_EC ? copy : NULL;
	return *ret_m != NULL;
}

static bool build(void)
{
	const EVP_PKEY_METHOD *built_in = EVP_PKEY_meth_find(EVP_PKEY_EC);
	int nid, flags;
	ENGINE *e;
	bool ok;

	if (!built_in)
		return false;
	EVP_PKEY_meth_get0_info(&nid, &flags, built_in);
	copy = EVP_PKEY_meth_new(nid, flags);
	if (!copy)
		return false;
	EVP_PKEY_meth_copy(copy, built_in);
	e = ENGINE_new();
	if (!e) {
		EVP_PKEY_meth_free(copy);
		return false;
	}
	ok = ENGINE_set_id(e, "muster-ec") && ENGINE_set_name(e, "direct path for EC public keys") &&
	     ENGINE_set_pkey_meths(e, methods) && ENGINE_add(e) && ENGINE_set_default_pkey_meths(e);
	if (ok)
		add_reading(e);
	ENGINE_free(e);                 /* the library's list keeps it */
	return ok;
}

void mst_ec_fast_install(void)
{
	/* Refusal costs speed only, so it is no fault: mst_ec_fast_installed() tells. */
	if (!installed)
		installed = build();
	ERR_clear_error();
}

bool mst_ec_fast_installed(void)
{
	return installed;
}

static EC_KEY *read_private(const PKCS8_PRIV_KEY_INFO *p8)
{
	const ASN1_OBJECT *what = NULL, *curve = NULL;
	const X509_ALGOR *alg = NULL;
	const void *param = NULL;
	const unsigned char *p;
	int n, type = V_ASN1_UNDEF;
	EC_KEY *k;

	if (!PKCS8_pkey_get0(&what, &p, &n, &alg, p8) || OBJ_obj2nid(what) != NID_X9_62_id_ecPublicKey)
		return NULL;
	X509_ALGOR_get0(NULL, &type, &param, alg);
	curve = param;
	if (type != V_ASN1_OBJECT || OBJ_obj2nid(curve) != NID_X9_62_prime256v1)
		return NULL;
	k = key_on(NID_X9_62_prime256v1);
	/* what the key itself says of its curve is not to be another one */
	if (k && (!d2i_ECPrivateKey(&k, &p, n) || EC_GROUP_get_curve_name(EC_KEY_get0_group(k)) != NID_X9_62_prime256v1)) {
		EC_KEY_free(k);
		k = NULL;
	}
	return k;
}

void *pki_signing_key(struct mst_view pkcs8)
{
	const unsigned char *p = pkcs8.p;
	PKCS8_PRIV_KEY_INFO *p8;
	EC_KEY *k;

	mst_heap_keys(true);             /* as in pki_private() */
	p8 = pkcs8.n && pkcs8.n <= MST_PKEY_MAX ? d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.n) : NULL;
	k = p8 && p == pkcs8.p + pkcs8.n ? read_private(p8) : NULL;
	PKCS8_PRIV_KEY_INFO_free(p8);
	mst_heap_keys(false);
	ERR_clear_error();
	return k;
}

EVP_PKEY *pki_signing_pkey(struct mst_view pkcs8)
{
	EC_KEY *k = pki_signing_key(pkcs8);
	EVP_PKEY *p = k ? EVP_PKEY_new() : NULL;

	if (p && !EVP_PKEY_set1_EC_KEY(p, k)) {
		EVP_PKEY_free(p);
		p = NULL;
	}
	EC_KEY_free(k);
	return p;
}

int pki_signing_key_use(void *key, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap, size_t *ret_n)
{
	unsigned n = 0;

	if ((size_t)ECDSA_size(key) > cap || ECDSA_sign(0, digest, MST_SHA256_LEN, out, &n, key) != 1) {
		ERR_clear_error();
		return MST_FAULT_CRYPTO;
	}
	*ret_n = n;
	return 0;
}

void pki_signing_key_free(void *key)
{
	EC_KEY_free(key);               /* the library clears private numbers as it frees them */
}

/* Keys of others ------------------------------------------------------------------------------------- */

static EC_KEY_METHOD *foreign_method;   /* one a process, never changed once it is there */
static int foreign_slot = -1;

static ECDSA_SIG *ask_holder(const unsigned char *digest, int n, const BIGNUM *kinv, const BIGNUM *rp, EC_KEY *key)
{
	const struct mst_foreign_key *f = EC_KEY_get_ex_data(key, foreign_slot);
	uint8_t sig[128], d[MST_SHA256_LEN];
	const unsigned char *p = sig;
	size_t sig_n = 0;

	(void)kinv;
	(void)rp;
	/* ECDSA on P-256 takes the leftmost 256 bits of a longer digest (FIPS 186-4 6.4), and no holder wants another length */
	if (!f || n < MST_SHA256_LEN)
		return NULL;
	memcpy(d, digest, sizeof(d));
	return f->sign(f->ctx, d, sig, sizeof(sig), &sig_n) ? NULL : d2i_ECDSA_SIG(NULL, &p, (long)sig_n);
}

static int ask_holder_der(int type, const unsigned char *digest, int n, unsigned char *out, unsigned *ret_n, const BIGNUM *kinv,
			  const BIGNUM *rp, EC_KEY *key)
{
	ECDSA_SIG *s = ask_holder(digest, n, kinv, rp, key);
	int size = s ? i2d_ECDSA_SIG(s, NULL) : 0;

	(void)type;
	if (size > 0 && size <= ECDSA_size(key))
		*ret_n = (unsigned)i2d_ECDSA_SIG(s, &out);
	else
		size = 0;
	ECDSA_SIG_free(s);
	return size > 0;
}

static void forget(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct mst_foreign_key *f = ptr;

	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	if (f)
		f->done(f->ctx);
	free(f);
}

static bool foreign_ready(void)
{
	if (!foreign_method) {
		foreign_slot = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, forget);
		foreign_method = foreign_slot < 0 ? NULL : EC_KEY_METHOD_new(EC_KEY_OpenSSL());
		if (foreign_method)
			EC_KEY_METHOD_set_sign(foreign_method, ask_holder_der, NULL, ask_holder);
	}
	return foreign_method != NULL;
}

static EC_KEY *public_key(struct mst_view spki)
{
	EC_KEY *k = pki_spki_is_p256(spki) ? EC_KEY_new_by_curve_name(NID_X9_62_prime256v1) : NULL;
	const unsigned char *point = spki.n > 65 ? spki.p + spki.n - 65 : NULL;

	if (k && (!EC_KEY_oct2key(k, point, 65, NULL) || !EC_KEY_check_key(k))) {
		EC_KEY_free(k);
		k = NULL;
	}
	return k;
}

void *mst_foreign_pkey(const struct mst_foreign_key *f)
{
	struct mst_foreign_key *kept = malloc(sizeof(*kept));
	EC_KEY *k = foreign_ready() ? public_key(f->spki) : NULL;
	EVP_PKEY *p = k && kept ? EVP_PKEY_new() : NULL;

	if (kept) {
		*kept = *f;
		kept->spki = MST_VIEW_NONE;      /* the caller's */
	}
	if (p && EC_KEY_set_method(k, foreign_method) && EVP_PKEY_set1_EC_KEY(p, k) && EC_KEY_set_ex_data(k, foreign_slot, kept)) {
		EC_KEY_free(k);
		return p;
	}
	EVP_PKEY_free(p);
	EC_KEY_free(k);
	free(kept);
	f->done(f->ctx);
	ERR_clear_error();
	return NULL;
}
