/* Preloaded into musterd, for a test: OpenSSL's digests are computed wrongly, one bit of each. */
#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdint.h>

int EVP_Digest(const void *data, size_t n, unsigned char *md, unsigned *ret_n, const EVP_MD *type, ENGINE *engine)
{
	int (*real)(const void *, size_t, unsigned char *, unsigned *, const EVP_MD *, ENGINE *) =
		(int (*)(const void *, size_t, unsigned char *, unsigned *, const EVP_MD *, ENGINE *))(uintptr_t)dlsym(RTLD_NEXT, "EVP_Digest");
	int ok = real ? real(data, n, md, ret_n, type, engine) : 0;

	if (ok)
		md[0] ^= 1;
	return ok;
}
