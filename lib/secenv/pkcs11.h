/*
 * A PKCS#11 token as the secure environment: a smart card, a secure element, an HSM (OASIS PKCS #11 2.40), through p11-kit.
 *
 * The store's key is HMAC-SHA-256 of a salt under a secret key that the token made (CKA_SENSITIVE, not CKA_EXTRACTABLE); key
 * pairs are made in it the same way. All objects are private ones: without the PIN they are not even seen. Changes of the store
 * are counted in a data object. What a token has to have: CKM_EC_KEY_PAIR_GEN and CKM_ECDSA with P-256,
 * CKM_GENERIC_SECRET_KEY_GEN, CKM_SHA256_HMAC; one that lacks one of them says so as MST_SECENV_NOT_OFFERED.
 */
#ifndef MST_SECENV_PKCS11_H
#define MST_SECENV_PKCS11_H

#include "secenv/secenv.h"

struct mst_secenv_pkcs11 {
	const char *module;     /* a library's path; "" = every one that p11-kit knows */
	const char *token;      /* its label */
	const char *pin_file;   /* the user's PIN */
};
/* 0, MST_SECENV_ABSENT, MST_SECENV_REFUSED, MST_SECENV_LOCKOUT, or a fault. The strings are copied. */
MST_MUST_CHECK int mst_secenv_pkcs11_open(const struct mst_secenv_pkcs11 *cfg, struct mst_crypto *c, struct secenv_root **ret,
					  struct mst_diag *d);

#endif
