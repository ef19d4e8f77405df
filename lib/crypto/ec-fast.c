/*
 * The way around OpenSSL 3.0's decoder (dependencies.md 1). The library decodes the public key of every
 * certificate through OSSL_DECODER, which it sets up anew each time, unless an ENGINE offers a method for
 * that kind of key; then it takes the old direct path. So: an engine in this process whose only content is
 * a copy of the built-in method. Nothing else changes; test-ec-fast.c compares both ways.
 *
 * The only file that uses the deprecated interfaces. Calling mst_ec_fast_install() is the switch.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/pki.h"

static EVP_PKEY_METHOD *copy;           /* owned by the engine once it is added */
static bool installed;

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
