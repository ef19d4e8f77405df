/*
 * What a SIM knows and its operator keeps: K, and OPc or TOPc, as people write it and as octets between processes. PURE.
 *
 *   milenage:465B-5CE8-B199-B49F-AA5F-0A2E-E238-A6BC:opc:CD63-CB71-954A-9F4E-48A5-994E-37A0-2BAF=6D51
 *   tuak:ABAB-…:topc:BD04-…:res16:times2=1234
 *
 * Algorithm; K in hex; `opc` or `op` with Milenage, `topc` or `top` with TUAK; that value in hex. Then what is not usual: `resN`, the
 * octets of RES (8), and `timesN`, TUAK's permutations (1). Then `=` and the check code of the octets of K and of the value
 * behind it, one after the other, made as that of a maker's secret (codec/secret-text.h): lesson 21, found where it is typed.
 * OP and TOP are the operator's one value for all of its SIMs: the keeper makes OPc or TOPc from it and keeps only that.
 */
#ifndef MST_PROTO_AKA_SIM_H
#define MST_PROTO_AKA_SIM_H

#include "proto/aka/aka.h"

#define AKA_SIM_TEXT_MAX 256         /* NUL included */
#define AKA_SIM_OCTETS_MAX (4 + 2 * AKA_LONG)
#define AKA_SIM_RES_MAX 16           /* TS 29.562: xres has 4 to 16 octets */

struct aka_sim {
	struct aka_keys keys;        /* MAC 8, CK and IK 16: Ks of GBA has 32 octets */
	bool is_op;                  /* keys.top is OP or TOP, not yet what is to be kept */
};
void aka_sim_wipe(struct aka_sim *s);

/* 0, or MST_FAULT_CONFIG: the reason in `d`, no digit of a key among it, and *ret_s wiped. Blanks and line ends around do not count. */
MST_MUST_CHECK int aka_sim_read(struct mst_view text, struct aka_sim *ret_s, struct mst_diag *d);
void aka_sim_write(const struct aka_sim *s, struct mst_writer *w);

/* AKA_SIM_OCTETS_MAX at most. */
void aka_sim_pack(const struct aka_sim *s, struct mst_writer *w);
/* False, and *ret_s wiped, for octets that aka_sim_pack() does not make of keys that there are. */
MST_MUST_CHECK bool aka_sim_unpack(struct mst_view v, struct aka_sim *ret_s);

#endif
