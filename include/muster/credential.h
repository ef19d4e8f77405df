/*
 * A root credential: what an enrolment leaves in the slot "active". For the programs that use it: they authenticate to the
 * MAF with key and key identifier (TLS-PSK), register with the registrar, and look when it ends. A key of method gba is for one suite
 * (TS 33.220 H.3): TLS 1.2 with TLS_PSK_WITH_AES_128_CBC_SHA256.
 */
#ifndef MUSTER_CREDENTIAL_H
#define MUSTER_CREDENTIAL_H

#include <muster/enrolee.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MUSTER_CREDENTIAL_SIZE 8192
struct muster_credential { uint64_t opaque[MUSTER_CREDENTIAL_SIZE / sizeof(uint64_t)]; };

/* Read a slot's record. False, and nothing is in `c`, when it is no record or a damaged one. Nothing is borrowed. */
bool muster_credential_read(struct muster_credential *c, const void *record, size_t n);
void muster_credential_wipe(struct muster_credential *c);

enum muster_text {
	/*
	 * KmID: the psk_identity for the MAF; KeID while the enrolment is not through. Of method gba it is the bare B-TID: where muster_card.separator
	 * was given the identity is "3GPP-bootstrapping", that octet and the B-TID.
	 */
	MUSTER_KEY_ID,
	MUSTER_NODE_ID,              /* M2M-Node-ID */
	MUSTER_CSE_ID,               /* SP-relative or absolute; "" for a node without a CSE */
	MUSTER_AE_ID,
	MUSTER_REGISTRAR_CSE_ID,
	MUSTER_REGISTRAR_POA,        /* the first point of access */
	MUSTER_MAF_FQDN, MUSTER_MAF_URI,     /* "" when the key is for a CSE (Kpsa): that is the registrar */
	MUSTER_MEF_FQDN, MUSTER_MEF_URI,
	MUSTER_ADMIN_FQDN,           /* administrating stakeholder */
	MUSTER_ATTEMPT,              /* the attempt that produced it: 32 hex digits */
	MUSTER_TEXT_COUNT_           /* grows */
};
/* "" when it was not told; never NULL. Borrowed from `c`. */
const char *muster_credential_text(const struct muster_credential *c, enum muster_text what);
const unsigned char *muster_credential_key(const struct muster_credential *c);       /* Km, MUSTER_KEY_LEN octets; borrowed */
bool muster_credential_confirmed(const struct muster_credential *c);     /* it has authenticated at least once */
int64_t muster_credential_obtained(const struct muster_credential *c);
int64_t muster_credential_until(const struct muster_credential *c);
/* Counts up with every change of a slot: who keeps a copy compares it. */
uint64_t muster_credential_generation(const struct muster_credential *c);
/* When to enrol again: after 80 % of its life, spread by 32 random bits so that a fleet does not come back together. */
int64_t muster_credential_renew_at(const struct muster_credential *c, uint32_t random);

#ifdef __cplusplus
}
#endif
#endif
