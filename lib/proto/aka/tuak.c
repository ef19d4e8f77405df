/* TUAK (TS 35.231 clause 6). Every string stands in the state with its octets reversed, and is read reversed. */
#include "proto/aka/functions.h"

#include <string.h>

#include "proto/aka/keccak.h"

enum place { AT_TOP = 0, AT_INSTANCE = 32, AT_NAME = 33, AT_RAND = 40, AT_AMF = 56, AT_SQN = 58, AT_KEY = 64, AT_PAD = 96, AT_LAST = 135 };
enum place_out { FROM_FIRST = 0, FROM_CK = 32, FROM_IK = 64, FROM_AK = 96 };
enum instance { I_TOPC = 0x00, I_F1 = 0x00, I_F1S = 0x80, I_F2345 = 0x40, I_F5S = 0xc0 };
enum instance_bit { I_K_256 = 0x01, I_IK_256 = 0x02, I_CK_256 = 0x04 };

static void put(uint8_t *to, const uint8_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = v[n - 1 - i];
}

/* Bits 3 to 5 of INSTANCE: the length of MAC or RES; 0 for the shortest RES. */
static unsigned length_bits(size_t octets)
{
	return octets == 8 ? 0x08 : octets == 16 ? 0x10 : octets == 32 ? 0x20 : 0x00;
}

/* `in` NULL: everything but TOP and the key is zero (TOPc). SQN and AMF belong to f1 and f1* only. */
static void run(uint8_t s[AKA_KECCAK_OCTETS], const struct aka_keys *k, const uint8_t *top, unsigned instance,
		const struct aka_input *in, bool with_sqn)
{
	memset(s, 0, AKA_KECCAK_OCTETS);
	put(s + AT_TOP, top, AKA_LONG);
	s[AT_INSTANCE] = (uint8_t)(instance | (k->k_n == 32 ? I_K_256 : 0));
	put(s + AT_NAME, (const uint8_t *)"TUAK1.0", 7);
	if (in)
		put(s + AT_RAND, in->rnd, AKA_RAND);
	if (in && with_sqn) {
		put(s + AT_AMF, in->amf, AKA_AMF);
		put(s + AT_SQN, in->sqn, AKA_SQN);
	}
	put(s + AT_KEY, k->k, k->k_n);
	s[AT_PAD] = 0x1f;
	s[AT_LAST] = 0x80;
	aka_keccak(s, k->times);
}

void aka_tuak_topc(const struct aka_keys *k, const uint8_t op[AKA_LONG], uint8_t ret_topc[AKA_LONG])
{
	uint8_t s[AKA_KECCAK_OCTETS];

	run(s, k, op, I_TOPC, NULL, false);
	put(ret_topc, s + FROM_FIRST, AKA_LONG);
	mst_wipe(s, sizeof(s));
}

void aka_tuak(const struct aka_keys *k, const struct aka_input *in, unsigned want, struct aka_out *o)
{
	uint8_t s[AKA_KECCAK_OCTETS];

	if (want & AKA_WANT_F1) {
		run(s, k, k->top, I_F1 | length_bits(k->mac_n), in, true);
		put(o->mac_a, s + FROM_FIRST, k->mac_n);
	}
	if (want & AKA_WANT_F1S) {
		run(s, k, k->top, I_F1S | length_bits(k->mac_n), in, true);
		put(o->mac_s, s + FROM_FIRST, k->mac_n);
	}
	if (want & AKA_WANT_F2345) {
		unsigned bits = length_bits(k->res_n) | (k->ck_n == 32 ? I_CK_256 : 0u) | (k->ik_n == 32 ? I_IK_256 : 0u);

		run(s, k, k->top, I_F2345 | bits, in, false);
		put(o->res, s + FROM_FIRST, k->res_n);
		put(o->ck, s + FROM_CK, k->ck_n);
		put(o->ik, s + FROM_IK, k->ik_n);
		put(o->ak, s + FROM_AK, AKA_AK);
	}
	if (want & AKA_WANT_F5S) {
		run(s, k, k->top, I_F5S, in, false);
		put(o->ak_s, s + FROM_AK, AKA_AK);
	}
	mst_wipe(s, sizeof(s));
}
