/* Milenage (TS 35.206 clause 4) with the standard r and c, the only ones that are supported. */
#include "proto/aka/functions.h"

#include <string.h>

#define BLOCK MST_AES_BLOCK

/* OUT1 to OUT5: which outputs need it, the left rotation r in octets, the last octet of c. */
static const struct { unsigned for_want; uint8_t turn, last; } step[5] = {
	{ AKA_WANT_F1 | AKA_WANT_F1S, 8, 0x00 }, { AKA_WANT_F2345, 0, 0x01 }, { AKA_WANT_F2345, 4, 0x02 },
	{ AKA_WANT_F2345, 8, 0x04 },             { AKA_WANT_F5S, 12, 0x08 },
};

static void mix(uint8_t out[BLOCK], const uint8_t a[BLOCK], const uint8_t b[BLOCK])
{
	for (size_t i = 0; i < BLOCK; i++)
		out[i] = a[i] ^ b[i];
}

/* rot(v, 8 * turn), toward the most significant bit. */
static void turned(uint8_t out[BLOCK], const uint8_t v[BLOCK], size_t turn)
{
	for (size_t i = 0; i < BLOCK; i++)
		out[i] = v[(i + turn) % BLOCK];
}

/* What goes into AES for OUT(i + 1). */
static void prepare(uint8_t out[BLOCK], size_t i, const uint8_t temp[BLOCK], const uint8_t opc[BLOCK], const struct aka_input *in)
{
	uint8_t v[BLOCK];

	if (i == 0) {
		for (size_t half = 0; half < BLOCK; half += BLOCK / 2) {
			memcpy(v + half, in->sqn, AKA_SQN);
			memcpy(v + half + AKA_SQN, in->amf, AKA_AMF);
		}
		mix(v, v, opc);
		turned(out, v, step[i].turn);
		mix(out, out, temp);
	} else {
		mix(v, temp, opc);
		turned(out, v, step[i].turn);
	}
	out[BLOCK - 1] ^= step[i].last;
	mst_wipe(v, sizeof(v));
}

static void hand_out(size_t i, const uint8_t b[BLOCK], struct aka_out *o)
{
	switch (i) {
	case 0:
		memcpy(o->mac_a, b, AKA_MAC);
		memcpy(o->mac_s, b + AKA_MAC, AKA_MAC);
		break;
	case 1:
		memcpy(o->ak, b, AKA_AK);
		memcpy(o->res, b + 8, 8);
		break;
	case 2: memcpy(o->ck, b, BLOCK); break;
	case 3: memcpy(o->ik, b, BLOCK); break;
	default: memcpy(o->ak_s, b, AKA_AK); break;
	}
}

static int all_steps(struct mst_crypto *c, struct mst_aes *aes, const struct aka_keys *k, const struct aka_input *in, unsigned want,
		     struct aka_out *o)
{
	uint8_t temp[BLOCK], b[MST_COUNT(step) * BLOCK];
	size_t n = 0;
	int r;

	mix(temp, in->rnd, k->top);
	r = c->ops->aes_run(aes, temp, temp, 1);
	/* everything else needs TEMP only */
	for (size_t i = 0; !r && i < MST_COUNT(step); i++)
		if (step[i].for_want & want)
			prepare(b + BLOCK * n++, i, temp, k->top, in);
	if (!r)
		r = c->ops->aes_run(aes, b, b, n);
	n = 0;
	for (size_t i = 0; !r && i < MST_COUNT(step); i++)
		if (step[i].for_want & want) {
			uint8_t *block = b + BLOCK * n++;

			mix(block, block, k->top);
			hand_out(i, block, o);
		}
	mst_wipe(temp, sizeof(temp));
	mst_wipe(b, sizeof(b));
	return r;
}

int aka_milenage(struct mst_crypto *c, const struct aka_keys *k, const struct aka_input *in, unsigned want, struct aka_out *o)
{
	struct mst_aes *aes = c->ops->aes_new(c, k->k);
	int r = aes ? all_steps(c, aes, k, in, want, o) : MST_FAULT_CRYPTO;

	c->ops->aes_free(aes);
	return r;
}

int aka_milenage_opc(struct mst_crypto *c, const uint8_t k[16], const uint8_t op[16], uint8_t ret_opc[16])
{
	struct mst_aes *aes = c->ops->aes_new(c, k);
	uint8_t e[BLOCK];
	int r = aes ? c->ops->aes_run(aes, op, e, 1) : MST_FAULT_CRYPTO;

	if (!r)
		mix(ret_opc, e, op);
	mst_wipe(e, sizeof(e));
	c->ops->aes_free(aes);
	return r;
}
