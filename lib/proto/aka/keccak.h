/*
 * Keccak-f[1600] (FIPS 202 3.3), the bare permutation that TUAK is made of: crypto libraries offer hashes made of it, but
 * not itself. No branch and no address depends on the state, so its time says nothing about it.
 */
#ifndef MST_PROTO_AKA_KECCAK_H
#define MST_PROTO_AKA_KECCAK_H

#include <stdint.h>

#define AKA_KECCAK_OCTETS 200

/* `times` permutations of the state, one after the other, in place. */
void aka_keccak(uint8_t state[AKA_KECCAK_OCTETS], unsigned times);

#endif
