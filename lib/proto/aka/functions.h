/* The two sets of functions behind aka_compute(); keys are checked already. */
#ifndef MST_PROTO_AKA_FUNCTIONS_H
#define MST_PROTO_AKA_FUNCTIONS_H

#include "proto/aka/aka.h"

struct aka_input { const uint8_t *rnd, *sqn, *amf; };

int aka_milenage(struct mst_crypto *c, const struct aka_keys *k, const struct aka_input *in, unsigned want, struct aka_out *o);
int aka_milenage_opc(struct mst_crypto *c, const uint8_t k[16], const uint8_t op[16], uint8_t ret_opc[16]);
void aka_tuak(const struct aka_keys *k, const struct aka_input *in, unsigned want, struct aka_out *o);
void aka_tuak_topc(const struct aka_keys *k, const uint8_t op[AKA_LONG], uint8_t ret_topc[AKA_LONG]);

#endif
