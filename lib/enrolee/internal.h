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

MST_MUST_CHECK bool enrolee_take_instruction(struct enrolee *e, const struct mst_instruction *i,
					     const char *attempt);
/* Is there anything left to do with that slot; does it belong to the instruction taken? */
bool enrolee_usable(const struct mst_root_cred *p, mst_time utc);
bool enrolee_fits(const struct enrolee *e, const struct mst_root_cred *p);

#endif
