/*
 * What the keeper does with a subscriber's vector and with Ks, once they are unwrapped: the secret half of Ub and Zn
 * (proto/gba/bsf.h). No state, nothing kept.
 */
#ifndef MST_KEEPER_GBA_H
#define MST_KEEPER_GBA_H

#include "keeper/keeper.h"
#include "proto/gba/bsf.h"

/* `av` is XRES || CK || IK; no such thing is FORGED. Each: 0, an mst_keeper_outcome, or a fault; results on 0 only. */
MST_MUST_CHECK int keeper_ub_star(struct mst_crypto *c, const struct mst_key *av, uint8_t autn[GBA_AUTN]);
MST_MUST_CHECK int keeper_ub(struct mst_crypto *c, const struct mst_key *av, const char *btid, const struct mst_ub *q, struct mst_key *ret_ks,
			     struct mst_ub_answer *ret_a);
/* Ks_(ext_)NAF, and behind it Ks_int_NAF with `in_card`. DENIED for names that no key is made of. */
MST_MUST_CHECK int keeper_naf_keys(struct mst_crypto *c, const struct mst_key *ks, const char *btid, const char *impi, struct mst_view naf_id,
				   bool in_card, struct mst_key *ret_keys);
/* RAND, which the B-TIDs of our own BSF begin with. */
MST_MUST_CHECK bool keeper_btid_rand(const char *btid, uint8_t ret_rnd[GBA_RAND]);

#endif
