/*
 * Identifiers of spec 1.3 to 1.5: parse, validate, normalise, print. All results are ASCII, so the
 * NFKC normalisation that TS-0003 10.3 asks before a derivation is the identity on them; anything
 * non-ASCII is refused where a derivation would use it.
 */
#ifndef MST_CODEC_IDENT_H
#define MST_CODEC_IDENT_H

#include "base/attr.h"
#include "base/view.h"
#include "base/writer.h"

#define MST_ID_MAX 256          /* octets of the longest identifier, with its NUL */

enum mst_id_kind {
	MST_ID_NONE,
	MST_ID_FQDN,            /* maf.example.com: MAF-ID, MEF-ID, adminFQDN. Lower-cased when normalised */
	MST_ID_SP,              /* //sp.example.com */
	MST_ID_CSE_REL,         /* /CSE0001 */
	MST_ID_CSE_ABS,         /* //sp.example.com/CSE0001 */
	MST_ID_AE_STEM,         /* C190XX7T or S190XX7T */
	MST_ID_AE_REL,          /* /CSE0001/C190XX7T or /S190XX7T */
	MST_ID_AE_ABS,          /* //sp.example.com/S98821, //sp.example.com/CSE0001/C19 */
	MST_ID_NODE,            /* M2M-Node-ID: urn:… or any printable ASCII; TS-0004 T6.3.3-1 */
	MST_ID_DEVICE,          /* M2M Device ID: dotted OID; TS-0001 annex H */
	MST_ID_KEY,             /* relative@FQDN: KpmID, KmID, KpsaID, KeID, Key Identifier */
	MST_ID_REL_KEY,         /* sec:relKeyID: A-Z a-z 0-9 . _ - */
	MST_ID_CREDENTIAL,      /* Credential-ID: "10-thiskey@mymef.com" */
	MST_ID_PUBLIC_KEY,      /* ni:///sha-256;… RFC 6920, spec 2.5.5 */
	MST_ID_BTID,            /* B-TID of GBA (TS 33.220): opaque, case-sensitive; something@something, printable, nothing to escape */
	MST_ID_KM,              /* KmID, KpsaID, KeID in whatever framework: a key identifier, or a B-TID (TS-0003 8.3.2.3) */
};
const char *mst_id_kind_text(enum mst_id_kind k);   /* "absolute CSE-ID" */

/* True when `v` is a well-formed identifier of that kind (case as given). */
bool mst_id_valid(enum mst_id_kind k, struct mst_view v);
/*
 * The canonical spelling: FQDN parts in lower case, hex relative key ids in upper case, the rest as it
 * is. NUL-terminated in `out`. False when it is not valid or does not fit.
 */
MST_MUST_CHECK bool mst_id_normalise(enum mst_id_kind k, struct mst_view v, char out[MST_ID_MAX]);
/* An enrolee as a MEF, a BSF or an HSS names it, for who looks for it and keeps it: an absolute CSE-ID or AE-ID in its canonical
 * spelling, anything else as it is. `out` may be `id`. */
void mst_id_enrolee(const char *id, char out[MST_ID_MAX]);
/* Of one enrolee? A CSE-ID or AE-ID by what it means (the FQDN in it has no case, the rest has), anything else to the octet; "" is nobody. */
bool mst_id_enrolee_equal(struct mst_view a, const char *b);
/* A subscriber's IMPI for who looks for it: user@realm with the realm, a domain name (TS 23.003 13.3), in lower case. `out` may be `id`. */
void mst_id_impi(const char *id, char out[MST_ID_MAX]);
/* Of one subscriber, however their realms are written? */
bool mst_id_impi_equal(struct mst_view a, const char *b);
/* Same identifier? Compares canonical spellings; invalid identifiers equal nothing. */
bool mst_id_equal(enum mst_id_kind k, struct mst_view a, struct mst_view b);

/* Borrowed parts of a key identifier: relative part before, FQDN after the last `@`. */
MST_MUST_CHECK bool mst_key_id_split(struct mst_view id, struct mst_view *ret_rel, struct mst_view *ret_fqdn);
/* KeID and Key Identifier from exporter output (TS-0003 10.3.4, 10.3.5): hex "@" lower-case FQDN. */
MST_MUST_CHECK bool mst_key_id_make(const uint8_t rel[16], struct mst_view fqdn, char out[MST_ID_MAX]);

/* The same id as a peer wants it: a hexBinary relative part in lower or upper case (quirk hex_lower, spec 1.4). `id`
 * is a key identifier or only its relative part; out[MST_ID_MAX] may be `id`. */
void mst_key_id_spell(const char *id, bool lower, char *out);

/* Credential-ID (spec 1.4): type 10..55 of sec:credIDTypeID, and the value after "-". */
MST_MUST_CHECK bool mst_credential_id_split(struct mst_view id, int *ret_type, struct mst_view *ret_value);
MST_MUST_CHECK bool mst_credential_id_make(int type, struct mst_view value, char out[MST_ID_MAX]);
bool mst_credential_type_known(int type);
enum { MST_SUID_KM = 21 /* provisioned, shared with a MAF */, MST_SUID_KPSA = 22 /* provisioned, for security between two (SAEF) */ };
bool mst_suid_known(int suid);                       /* spec 1.5; 20, 30, 31 do not exist */
const char *mst_suid_text(int suid);

/* Public domain name of a CSE (TS-0001 6.5.1.1): "CSE0001.sp.example.com" from "//sp.example.com/CSE0001".
 * Only LDH CSE-IDs have one; false otherwise. */
MST_MUST_CHECK bool mst_cse_public_name(struct mst_view abs_cse_id, char out[MST_ID_MAX]);
/* The other way round; as a CSE-ID keeps its case and a domain name does not, the name of every CSE-ID that is this one in some case. */
MST_MUST_CHECK bool mst_cse_of_public_name(const char *fqdn, char out[MST_ID_MAX]);
/* The From parameter of an entity (TS-0001 7.2): stem of an AE-ID, SP-relative CSE-ID, FQDN as it is. */
MST_MUST_CHECK bool mst_id_from_param(enum mst_id_kind k, struct mst_view abs, char out[MST_ID_MAX]);
/*
 * Does `from` (X-M2M-Origin) name the entity whose authenticated absolute identifier is `abs`?
 * The one function for every role (lesson 25). Accepts the relative forms that spec 1.3 allows, and of a CSE the public domain name: who has
 * nothing but its certificate knows itself by that.
 */
bool mst_from_matches(struct mst_view from, enum mst_id_kind k, struct mst_view abs);

#endif
