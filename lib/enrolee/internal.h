/* Shared by the files of the enrolee. */
#ifndef MST_ENROLEE_INTERNAL_H
#define MST_ENROLEE_INTERNAL_H

#include "enrolee/enrolee.h"

/* The sooner of two ends, of which 0 means "not said". */
mst_time enrolee_sooner(mst_time a, mst_time b);
/* Km for our target by the peer's quirk (spec 3.4); as mst_derive_usage(). */
MST_MUST_CHECK int enrolee_derive(struct enrolee *e, struct mst_key *ret_km);
/* From the MEF machine's result; false when a text is too long. */
MST_MUST_CHECK bool enrolee_make_credential(struct enrolee *e, mst_time utc);
MST_MUST_CHECK bool enrolee_keep_anchors(struct enrolee *e);

/* gba.c. The credential of a run with the BSF itself, without its key; false with `d`. */
MST_MUST_CHECK bool enrolee_make_gba(struct enrolee *e, const struct gba_context *x, mst_time utc, struct mst_diag *d);
/* The key is Kpsa, for a CSE: there is no MAF in this enrolment. */
bool enrolee_for_cse(const struct enrolee *e);
/* Whom the NAF key is for: the MAF or CSE, or the MEF that stands before an operator's BSF. */
const char *enrolee_naf_fqdn(const struct enrolee *e);
MST_MUST_CHECK bool enrolee_put_naf(struct enrolee *e, const struct gba_context *x);
MST_MUST_CHECK int enrolee_derive_naf(struct enrolee *e, const struct gba_context *x, struct mst_key *ret_key);
/* As it is sent in TLS: bare, or with the prefix of TS 33.222 and the separator of the settings. */
MST_MUST_CHECK bool enrolee_spell_btid(const struct enrolee *e, const char *btid, char out[MST_ID_MAX]);

MST_MUST_CHECK bool enrolee_take_instruction(struct enrolee *e, const struct mst_instruction *i,
					     const char *attempt);
/* Is there anything left to do with that slot; does it belong to the instruction taken? */
bool enrolee_usable(const struct mst_root_cred *p, mst_time utc);
bool enrolee_fits(const struct enrolee *e, const struct mst_root_cred *p);

#endif
