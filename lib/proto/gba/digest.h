/*
 * HTTP Digest as 3GPP uses it (RFC 2617, RFC 3310, RFC 4169, RFC 7616; TS 24.109 4 and 5): the three headers, strictly read
 * and written, and what client and server compute. PURE.
 *
 * Reading: a parameter stands at most once; unknown ones are skipped; known ones are printable ASCII without quote and
 * backslash (what enters a hash must have one spelling), at most GBA_VALUE_MAX octets; nc, qop, algorithm and stale with or
 * without quotes. Views are borrowed from the header.
 */
#ifndef MST_PROTO_GBA_DIGEST_H
#define MST_PROTO_GBA_DIGEST_H

#include "base/diag.h"
#include "codec/primitive.h"
#include "crypto/crypto.h"

#define GBA_HEADER_MAX 4096
#define GBA_VALUE_MAX 512
#define GBA_PASSWORD_MAX 64
#define GBA_DIGEST_HEX 65            /* of the longest hash, with its NUL */
#define GBA_AUTS 14

enum gba_outcome {
	GBA_BAD = 1,                 /* malformed: `d` says what, and what would be right */
	GBA_END,                     /* no further challenge, or none that is supported */
	GBA_MISMATCH,                /* well-formed, and wrong */
	GBA_EXPIRED,
};

enum gba_algorithm { GBA_MD5, GBA_AKAV1_MD5, GBA_AKAV2_MD5, GBA_SHA256, GBA_ALGORITHM__COUNT, GBA_UNKNOWN_ALGORITHM };
const char *gba_algorithm_text(enum gba_algorithm a);        /* "AKAv1-MD5" */
enum gba_qop { GBA_QOP_NONE = 0, GBA_QOP_AUTH = 1, GBA_QOP_AUTH_INT = 2 };  /* bits where several are offered */
const char *gba_qop_text(enum gba_qop q);                    /* "auth-int" */

/* --- WWW-Authenticate --- */
struct gba_challenge {
	struct mst_view realm, nonce, opaque;        /* opaque: `has_opaque` tells an empty one from none */
	bool has_opaque, stale;
	enum gba_algorithm algorithm;                /* GBA_UNKNOWN_ALGORITHM: somebody else's */
	unsigned qops;                               /* those of ours that are offered; 0 = the parameter is missing */
	bool qop_unknown;                            /* the parameter is there, with nothing that we know */
};
/* Next Digest challenge of one header value; others are skipped. `*rest` moves on. 0, GBA_END, GBA_BAD. */
MST_MUST_CHECK int gba_challenge_next(struct mst_view *rest, struct gba_challenge *ret_c, struct mst_diag *d);
/* The first challenge of all WWW-Authenticate headers whose algorithm is among `algorithms` (bits 1 << enum) and whose
 * qop can be answered. 0, GBA_END, GBA_BAD. */
MST_MUST_CHECK int gba_challenge_pick(const struct mst_http_msg *m, unsigned algorithms, struct gba_challenge *ret_c, struct mst_diag *d);
void gba_put_challenge(struct mst_writer *w, const struct gba_challenge *c); /* the value, without the header's name */
enum gba_qop gba_qop_choose(unsigned qops);          /* auth-int before auth before none */

/* --- Authorization --- */
struct gba_authorization {
	struct mst_view username, realm, nonce, uri, response, cnonce, opaque, nc;
	bool has_opaque, has_algorithm, has_auts;
	enum gba_algorithm algorithm;
	enum gba_qop qop;
	uint8_t auts[GBA_AUTS];
};
/* True for a first message: nonce and response are there and empty (TS 24.109 A.3). It has no nc, cnonce or qop: what it said is dropped. */
bool gba_is_first(const struct gba_authorization *a);
MST_MUST_CHECK int gba_authorization_read(struct mst_view v, struct gba_authorization *ret_a, struct mst_diag *d);
void gba_put_authorization(struct mst_writer *w, const struct gba_authorization *a);

/* --- Authentication-Info --- */
struct gba_auth_info {
	struct mst_view rspauth, cnonce, nc, nonce, nextnonce, opaque;
	enum gba_qop qop;
};
MST_MUST_CHECK int gba_auth_info_read(struct mst_view v, struct gba_auth_info *ret_i, struct mst_diag *d);
void gba_put_auth_info(struct mst_writer *w, const struct gba_auth_info *i);

/* --- the computation --- */
struct gba_digest {
	enum gba_algorithm algorithm;
	enum gba_qop qop;
	struct mst_view username, realm, nonce, nc, cnonce, uri;
	struct mst_view password;    /* octets: RES itself with AKAv1, text with the others; empty for a message with auts */
	struct mst_view method;      /* "GET"; empty for rspauth (RFC 2617 3.2.3) */
	struct mst_view body;        /* auth-int: exactly as sent */
};
/* Lower-case hex with its NUL. 0 or a fault. */
MST_MUST_CHECK int gba_digest(struct mst_crypto *c, const struct gba_digest *g, char ret_hex[GBA_DIGEST_HEX]);
/* 0, GBA_MISMATCH (in constant time), or a fault. */
MST_MUST_CHECK int gba_digest_check(struct mst_crypto *c, const struct gba_digest *g, struct mst_view claimed);

/*
 * The password that AKA gives (RFC 3310 3.3, RFC 4169 3): `ik` and `ck` are of AKAv2 only, 16 octets each. RES of 4 to 32
 * octets. 0 or a fault.
 */
MST_MUST_CHECK int gba_password(struct mst_crypto *c, enum gba_algorithm a, struct mst_view res, struct mst_view ik, struct mst_view ck,
				uint8_t ret_password[GBA_PASSWORD_MAX], size_t *ret_n);
/* AKAv2's session keys (RFC 4169 3): IK or CK by which label. */
enum gba_akav2_key { GBA_AKAV2_IK, GBA_AKAV2_CK };
MST_MUST_CHECK int gba_akav2_key(struct mst_crypto *c, enum gba_akav2_key which, struct mst_view res, struct mst_view ik, struct mst_view ck,
				 uint8_t ret_key[16]);

/* Known answers (RFC 1321, FIPS 180, RFC 2202, RFC 2617; worked values of keys and digests), as aka_self_test(). */
MST_MUST_CHECK int gba_self_test(struct mst_crypto *c, const char **ret_which);

#endif
