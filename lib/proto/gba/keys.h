/*
 * The key hierarchy of GBA (TS 33.220 annex B), names (TS 23.003), and Ua security protocol identifiers (annex H). PURE.
 *
 * Names enter the keys as they are spelled; they must be printable ASCII (the spec's NFKC is then the identity).
 * In oneM2M (TS-0003 8.3.2.3): Ke is Ks, KeId is the B-TID, and Km or Kpsa *is* the NAF key: there is no further derivation.
 */
#ifndef MST_PROTO_GBA_KEYS_H
#define MST_PROTO_GBA_KEYS_H

#include "codec/bsf-info.h"
#include "codec/ident.h"
#include "crypto/crypto.h"

#define GBA_RAND 16
#define GBA_AUTN 16
#define GBA_KS 32
#define GBA_UA 5
#define GBA_NAF_ID_MAX (MST_ID_MAX + GBA_UA)
#define GBA_IMSI_MAX 15

enum gba_key_outcome { GBA_BAD_NAME = 1 };

/* --- Ua security protocol identifiers --- */

struct gba_ua { uint8_t b[GBA_UA]; };
extern const struct gba_ua gba_ua_default;           /* 0000000000 */
extern const struct gba_ua gba_ua_http_digest;       /* 0100000002: TS 24.109 over plain HTTP */
extern const struct gba_ua gba_ua_tls13;             /* 0100000007: external PSK, whatever the suite */
extern const struct gba_ua gba_ua_tmpi;              /* 0100000100 */
extern const struct gba_ua gba_ua_trigger;           /* FF00000001, private: our pushed triggers (codec/trigger.h) */
/* 010001 and the suite: TLS up to 1.2, with PSK or with Digest inside (TS 33.222 5.3 and 5.4), and DTLS 1.2. */
struct gba_ua gba_ua_tls(uint16_t suite);
/* What it is for, for people; NULL when it is none that may be used (first octet 00 has one legal value). */
const char *gba_ua_words(const struct gba_ua *u);
MST_MUST_CHECK bool gba_ua_parse(struct mst_view hex, struct gba_ua *ret_u);
void gba_put_ua(struct mst_writer *w, const struct gba_ua *u);      /* ten hex digits, as the SBI has it */

/* --- keys --- */

/* S = FC || P0 || L0 || P1 || L1 …; HMAC-SHA-256 (B.2). At most 8 parameters, 1024 octets in all. */
MST_MUST_CHECK int gba_kdf(struct mst_crypto *c, struct mst_view key, uint8_t fc, const struct mst_view *p, size_t n, uint8_t out[MST_SHA256_LEN]);

void gba_ks(const uint8_t ck[16], const uint8_t ik[16], uint8_t ret_ks[GBA_KS]);
/* NAF_Id = FQDN || Ua identifier. False when the FQDN is none or does not fit. */
MST_MUST_CHECK bool gba_naf_id(struct mst_view fqdn, const struct gba_ua *ua, uint8_t out[GBA_NAF_ID_MAX], size_t *ret_n);
MST_MUST_CHECK bool gba_naf_id_split(struct mst_view naf_id, struct mst_view *ret_fqdn, struct gba_ua *ret_ua);

enum gba_key_kind {
	GBA_KEY_ME,                  /* Ks_NAF of GBA_ME, and Ks_ext_NAF of GBA_U: the same formula */
	GBA_KEY_INT,                 /* Ks_int_NAF of GBA_U */
};
/* `impi` is always the real one, also when Ub was run with a TMPI. 0, GBA_BAD_NAME or a fault. */
MST_MUST_CHECK int gba_ks_naf(struct mst_crypto *c, enum gba_key_kind kind, const uint8_t ks[GBA_KS], const uint8_t rnd[GBA_RAND],
			      struct mst_view impi, struct mst_view naf_id, struct mst_key *ret_key);
/* The identity for the next run (B.4); `bsf` is the name in the B-TID. */
MST_MUST_CHECK int gba_tmpi(struct mst_crypto *c, const uint8_t ks[GBA_KS], const uint8_t rnd[GBA_RAND], struct mst_view impi,
			    struct mst_view bsf, char ret_tmpi[MST_ID_MAX]);
bool gba_is_tmpi(struct mst_view identity);

/* GBA_U: AUTN from AUTN* and the other way round: MAC xor the first half of SHA-1(IK) (TS 33.220 5.3.2). In place. */
MST_MUST_CHECK int gba_autn_star(struct mst_crypto *c, const uint8_t ik[16], uint8_t autn[GBA_AUTN]);

/* --- names --- */

/* From an IMSI of 6 to 15 digits; `mnc_digits` 2 or 3, as EF_AD or the configuration says. */
MST_MUST_CHECK bool gba_impi_of_imsi(struct mst_view imsi, unsigned mnc_digits, char out[MST_ID_MAX]);
MST_MUST_CHECK bool gba_bsf_of_imsi(struct mst_view imsi, unsigned mnc_digits, char out[MST_ID_MAX]);
/* TS 23.003 16.2. The realm is a domain name: a card may write it in capitals, the BSF's name is in lower case. */
MST_MUST_CHECK bool gba_bsf_of_impi(struct mst_view impi, char out[MST_ID_MAX]);
/* base64(RAND)@BSF. Only a BSF makes one; to everybody else it is opaque. */
MST_MUST_CHECK bool gba_btid_make(const uint8_t rnd[GBA_RAND], struct mst_view bsf, char out[MST_BTID_MAX]);
/* RAND of one that was made so. For a BSF, of its own, and nobody else. */
MST_MUST_CHECK bool gba_btid_rand(struct mst_view btid, uint8_t ret_rnd[GBA_RAND]);
/*
 * The key id under which a session's trigger key is known at both ends: "trigger:" and the B-TID. Not the B-TID alone, which is
 * the id of another key of the same node: the root credential that it has from a MAF. False when it does not fit.
 */
MST_MUST_CHECK bool gba_trigger_id(struct mst_view btid, char out[MST_ID_MAX]);
/* The part behind the last `@`, which TMPI and routing need; empty when there is none. */
struct mst_view gba_btid_domain(struct mst_view btid);

/*
 * PSK identities on Ua (TS 33.222 5.4): "3GPP-bootstrapping" (or -uicc, -digest), one of ; . : , or nothing, then the B-TID;
 * or the bare B-TID, which oneM2M has (TS-0003: KmId = B-TID). Returns the B-TID, borrowed, or an empty view.
 */
enum gba_hint { GBA_HINT_BARE, GBA_HINT_ME, GBA_HINT_UICC, GBA_HINT_DIGEST };
struct mst_view gba_psk_identity_btid(struct mst_view identity, enum gba_hint *ret_hint);
/* `separator` 0 writes it bare. */
void gba_put_psk_identity(struct mst_writer *w, enum gba_hint h, char separator, struct mst_view btid);
/* Is GBA among the realms (separated by `;`) for this very host? A realm for another host is none (24.109 5.2). */
bool gba_realm_for(struct mst_view realm, struct mst_view host, enum gba_hint *ret_hint);

#endif
