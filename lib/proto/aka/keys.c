/* Subscriber keys: which lengths there are, and the way from OP or TOP to what is kept. */
#include "proto/aka/functions.h"

#include <string.h>

enum field { K, MAC, RES, CK, IK, TIMES };

/* Bit n/4 of `lengths`: n octets are possible. */
#define OCTETS(n) (1u << (n) / 4)
static const struct { const char *name; unsigned milenage, tuak; const char *milenage_text, *tuak_text; } field[] = {
	[K] = { "k", OCTETS(16), OCTETS(16) | OCTETS(32), "16 octets with Milenage", "16 or 32 octets with TUAK" },
	[MAC] = { "mac", OCTETS(8), OCTETS(8) | OCTETS(16) | OCTETS(32), "8 octets with Milenage", "8, 16 or 32 octets with TUAK" },
	[RES] = { "res", OCTETS(4) | OCTETS(8), OCTETS(4) | OCTETS(8) | OCTETS(16) | OCTETS(32), "4 to 8 octets with Milenage",
		  "4, 8, 16 or 32 octets with TUAK" },
	[CK] = { "ck", OCTETS(16), OCTETS(16) | OCTETS(32), "16 octets with Milenage", "16 or 32 octets with TUAK" },
	[IK] = { "ik", OCTETS(16), OCTETS(16) | OCTETS(32), "16 octets with Milenage", "16 or 32 octets with TUAK" },
};

const char *aka_algorithm_text(enum aka_algorithm a)
{
	return a == AKA_MILENAGE ? "milenage" : a == AKA_TUAK ? "tuak" : "?";
}

static bool possible(const struct aka_keys *k, enum field f, uint8_t n)
{
	unsigned lengths = k->algorithm == AKA_MILENAGE ? field[f].milenage : field[f].tuak;

	/* Milenage's RES may be cut anywhere: TS 35.206 leaves it to the operator */
	if (f == RES && k->algorithm == AKA_MILENAGE)
		return n >= 4 && n <= 8;
	return n <= AKA_LONG && n % 4 == 0 && (lengths & OCTETS(n)) && n;
}

int aka_keys_check(const struct aka_keys *k, struct mst_diag *d)
{
	const uint8_t n[] = { [K] = k->k_n, [MAC] = k->mac_n, [RES] = k->res_n, [CK] = k->ck_n, [IK] = k->ik_n };

	if (k->algorithm != AKA_MILENAGE && k->algorithm != AKA_TUAK) {
		mst_diag_set(d, 0, "algorithm", "unknown; one of milenage, tuak", NULL);
		return AKA_BAD_KEYS;
	}
	for (enum field f = K; f <= IK; f++)
		if (!possible(k, f, n[f])) {
			mst_diag_set(d, 0, field[f].name, "wrong length; ",
				     k->algorithm == AKA_MILENAGE ? field[f].milenage_text : field[f].tuak_text, NULL);
			return AKA_BAD_KEYS;
		}
	if (k->algorithm == AKA_TUAK && !k->times) {
		mst_diag_set(d, 0, "times", "0 permutations; 1 to 255 with TUAK, usually 1", NULL);
		return AKA_BAD_KEYS;
	}
	return 0;
}

static size_t top_octets(enum aka_algorithm a)
{
	return a == AKA_MILENAGE ? 16 : 32;
}

int aka_keys_set(struct aka_keys *ret_k, enum aka_algorithm a, struct mst_view k, struct mst_view top)
{
	int r;

	*ret_k = (struct aka_keys){ .algorithm = a, .k_n = (uint8_t)k.n, .mac_n = AKA_MAC, .res_n = 8, .ck_n = 16, .ik_n = 16, .times = 1 };
	if (k.n > AKA_LONG || (top.n && top.n != top_octets(a)))
		return AKA_BAD_KEYS;
	r = aka_keys_check(ret_k, NULL);
	if (r)
		return r;
	memcpy(ret_k->k, k.p, k.n);
	if (top.n)
		memcpy(ret_k->top, top.p, top.n);
	return 0;
}

int aka_keys_derive_top(struct mst_crypto *c, struct aka_keys *k, struct mst_view op)
{
	int r = aka_keys_check(k, NULL);

	if (r || op.n != top_octets(k->algorithm))
		return AKA_BAD_KEYS;
	if (k->algorithm == AKA_MILENAGE)
		return aka_milenage_opc(c, k->k, op.p, k->top);
	aka_tuak_topc(k, op.p, k->top);
	return 0;
}

void aka_keys_wipe(struct aka_keys *k)
{
	mst_wipe(k, sizeof(*k));
}

int aka_compute(struct mst_crypto *c, const struct aka_keys *k, const uint8_t rnd[AKA_RAND], const uint8_t sqn[AKA_SQN],
		const uint8_t amf[AKA_AMF], unsigned want, struct aka_out *ret_o)
{
	const struct aka_input in = { rnd, sqn, amf };
	int r = aka_keys_check(k, NULL);

	if (r)
		return r;
	if ((want & (AKA_WANT_F1 | AKA_WANT_F1S)) && (!sqn || !amf))
		return MST_FAULT_BUG;
	if (k->algorithm == AKA_MILENAGE)
		return aka_milenage(c, k, &in, want, ret_o);
	aka_tuak(k, &in, want, ret_o);
	return 0;
}
