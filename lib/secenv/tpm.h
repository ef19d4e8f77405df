/*
 * A TPM 2.0 as the secure environment, through ESAPI of tpm2-tss (TCG: TPM 2.0 Library, parts 1 to 3; Provisioning Guidance).
 *
 * The store's key is HMAC-SHA-256 of a salt under a key that the TPM made and that never leaves it (fixedTPM, fixedParent,
 * sensitiveDataOrigin); so are the private keys of certificates. All of them are children of a storage key that is made anew from
 * the owner's seed each time (the template of the guidance for ECC P-256, no authorisation): clearing the TPM makes them worthless.
 * With PCRs they serve only while these hold what they held when the key was made; with a PIN only with it, under the
 * TPM's protection against guessing. Whatever passes between process and TPM and is secret, PIN and HMACs, goes encrypted.
 *
 * Changes of the store are counted in the TPM (an NV counter of its own in the owner's range, no authorisation to read or step). Its index
 * goes into the store's key: another counter is that of no store.
 * Nothing stays loaded: what an operation needs it loads and flushes, so that three slots are enough without a resource manager.
 */
#ifndef MST_SECENV_TPM_H
#define MST_SECENV_TPM_H

#include "secenv/secenv.h"

struct mst_secenv_tpm {
	const char *tcti;       /* "device:/dev/tpmrm0", "swtpm:host=127.0.0.1,port=2321"; "" = what tpm2-tss finds by itself */
	const char *pin_file;   /* "" = none */
	uint32_t pcrs;          /* of the SHA-256 bank, bit 0 for PCR 0; 0 = none */
};
/* 0, MST_SECENV_ABSENT, MST_SECENV_REFUSED (the PIN's file), or a fault. The strings are copied. */
MST_MUST_CHECK int mst_secenv_tpm_open(const struct mst_secenv_tpm *cfg, struct mst_crypto *c, struct secenv_root **ret, struct mst_diag *d);
/* Of a root that mst_secenv_tpm_open() gave: has the owner hierarchy a password? One command that needs none. True: told. */
bool mst_secenv_tpm_owned(struct secenv_root *root, struct mst_diag *d);
/* What an operation of it refused: MST_SECENV_OWNED, or MST_SECENV_REFUSED, the PIN. */
int mst_secenv_tpm_judge(struct secenv_root *root, struct mst_diag *d);

/*
 * What attest() writes: three blocks (u16 length each). TPMS_ATTEST of TPM2_Certify with the caller's nonce as qualifyingData;
 * r || s of 64 octets over its SHA-256; SubjectPublicKeyInfo of the attestation key, a restricted signing key under the
 * endorsement hierarchy that is the same until the TPM's endorsement seed is changed. Whether to trust that key is the reader's
 * decision (its maker's EK certificate, or having seen it at home).
 */
#endif
