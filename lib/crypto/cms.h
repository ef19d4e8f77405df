/*
 * A message that its signer has put into an envelope: CMS SignedData (RFC 5652) with the content and the
 * signer's certificates inside. One profile, ours, and nothing around it is understood:
 *
 *   DER throughout (no indefinite length), id-data, content attached, exactly one SignerInfo with signed
 *   attributes, SHA-256, ECDSA on P-256, certificates of the path inside, no revocation lists.
 *
 * The signer's certificate must be made for this: extended key usage MST_EKU_BUNDLE, keyUsage with
 * digitalSignature, no CA. A CA below the anchor that limits its own extended key usage must name it too.
 * "Any extended key usage" does not count: a node's or a server's TLS certificate signs nothing here.
 */
#ifndef MST_CRYPTO_CMS_H
#define MST_CRYPTO_CMS_H

#include "crypto/pki.h"

/* Ours: signs bundles of instructions; an arc under 2.25 (X.667). */
#define MST_EKU_BUNDLE "2.25.332743496640212524003548769682711799525"

#define MST_CMS_MAX 49152            /* a whole envelope */
#define MST_CMS_CERTS_MAX 6          /* in one envelope */

enum mst_cms_outcome {
	MST_CMS_MALFORMED = 1,       /* not DER, not this profile */
	MST_CMS_OVERSIZED,
	MST_CMS_UNSIGNED,            /* no signature at all: another kind of CMS, or no SignerInfo */
	MST_CMS_WRONGLY_SIGNED,      /* content or attributes are not what was signed */
	MST_CMS_UNTRUSTED,           /* no path to an anchor */
	MST_CMS_EXPIRED,             /* signer or its CA */
	MST_CMS_NOT_YET_VALID,
	MST_CMS_WRONG_PURPOSE,       /* a certificate, but not for this */
};
/* Constant, hyphenated, for logs and status: "wrongly-signed". "fault" for a fault. */
const char *mst_cms_outcome_text(int outcome);

struct mst_cms_trust {
	const struct mst_view *anchors;      /* DER */
	size_t n_anchors;
	mst_time now;                        /* 0: the clock is unset; then … */
	mst_time floor;                      /* … "has ended" is judged by this, "not yet" by nothing (lesson 15) */
};

struct mst_cms_signer {
	struct mst_cert_info cert;
	mst_time not_after;                  /* the earliest end in the path */
	uint8_t anchor_sha256[MST_SHA256_LEN];
};

/*
 * Open an envelope: on 0 the content is in `out` and `ret_s` says who signed. An outcome explains itself in `d`; nothing
 * of the content is given out then. MST_FAULT_SPACE: the content does not fit into `cap`.
 */
MST_MUST_CHECK int mst_cms_open(struct mst_view cms, const struct mst_cms_trust *t, uint8_t *out, size_t cap, size_t *ret_n,
				struct mst_cms_signer *ret_s, struct mst_diag *d);

/*
 * The certificates inside, unverified: so that a person can look at an envelope whose signer nobody vouches for. As
 * many as fit; returns how many views were filled, into `storage`. 0 also when it cannot be read.
 */
size_t mst_cms_certs(struct mst_view cms, uint8_t *storage, size_t cap, struct mst_view *ret_certs, size_t max);

/*
 * Make one. certs[0] is the signer's, the others are put in beside it (the path, without the anchor). 0,
 * MST_CMS_MALFORMED (key or certificate unusable, or not of one pair), MST_CMS_WRONG_PURPOSE,
 * MST_CMS_OVERSIZED.
 */
MST_MUST_CHECK int mst_cms_seal(struct mst_view content, const struct mst_view *certs, size_t n_certs, struct mst_view pkcs8,
				uint8_t *out, size_t cap, size_t *ret_n, struct mst_diag *d);

#endif
