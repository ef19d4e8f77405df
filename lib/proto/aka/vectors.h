/* Published test sets in hex: TS 35.207/35.208 (Milenage; set 19 is also RFC 9048 case 1) and TS 35.233 (TUAK). */
#ifndef MST_PROTO_AKA_VECTORS_H
#define MST_PROTO_AKA_VECTORS_H

#include "proto/aka/aka.h"

struct aka_test_set {
	const char *name;
	enum aka_algorithm algorithm;
	const char *k, *rnd, *sqn, *amf, *op, *opc, *f1, *f1s, *f2, *f3, *f4, *f5, *f5s;
	const char *autn, *auts;     /* NULL when MAC is longer than AUTN has room for; AUTS for SQN_MS = SQN */
};
#define AKA_TEST_SETS 7
extern const struct aka_test_set aka_test_set[AKA_TEST_SETS];

/* Keys of that set, with the lengths of its outputs. False: a mistake in the table. */
MST_MUST_CHECK bool aka_test_keys(const struct aka_test_set *t, struct aka_keys *ret_k);
MST_MUST_CHECK bool aka_test_octets(const char *hex, uint8_t *out, size_t cap, size_t *ret_n);
/* The `n` octets at `got` are those of `hex`, all of them. */
bool aka_test_is(const uint8_t *got, size_t n, const char *hex);

#endif
