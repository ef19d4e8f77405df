/* A key of a secret that people chose (RFC 7914): slow on purpose, 16 MiB and some 50 ms. */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/crypto.h"

int mst_stretch(struct mst_view secret, struct mst_view salt, uint8_t ret_key[32])
{
	if (EVP_PBE_scrypt((const char *)secret.p, secret.n, salt.p, salt.n, 1u << 14, 8, 1, 0, ret_key, 32) == 1)
		return 0;
	ERR_clear_error();
	return MST_FAULT_CRYPTO;
}
