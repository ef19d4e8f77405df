/*
 * A PKCS#11 token as the secure environment: a smart card, a secure element, an HSM (OASIS PKCS #11 2.40), through p11-kit.
 *
 * The store's key is HMAC-SHA-256 of a salt under a secret key that the token made (CKA_SENSITIVE, not CKA_EXTRACTABLE); key
 * pairs are made in it the same way. All objects are private ones: without the PIN they are not even seen (public halves where the
 * token can; those of before are taken if they are the only ones of their name). Changes of the store
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

/* A URI's token, module-path and pin-source, into `buf`. False: explained. What else it says has no meaning for a key that is to be made. */
struct mst_secenv_place;
MST_MUST_CHECK bool mst_secenv_pkcs11_uri(const char *uri, char *buf, struct mst_secenv_place *p, struct mst_diag *d);
/* The tokens of every module that p11-kit knows. 0, or MST_SECENV_NONE. */
MST_MUST_CHECK int mst_secenv_pkcs11_tokens(void (*each)(void *arg, const char *label, bool initialised), void *arg, struct mst_diag *d);

#endif
