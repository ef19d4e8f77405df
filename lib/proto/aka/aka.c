#include "proto/aka/aka.h"

#include <string.h>


static void hidden_sqn(uint8_t out[AKA_SQN], const uint8_t sqn[AKA_SQN], const uint8_t ak[AKA_AK])
{
	for (size_t i = 0; i < AKA_SQN; i++)
		out[i] = sqn[i] ^ ak[i];
}

static bool same_mac(const uint8_t *a, const uint8_t *b)
{
	return mst_ct_equal((struct mst_view){ a, AKA_MAC }, (struct mst_view){ b, AKA_MAC });
}

void aka_vector_wipe(struct aka_vector *v)
{
	mst_wipe(v, sizeof(*v));
}

void aka_answer_wipe(struct aka_answer *a)
{
	mst_wipe(a, sizeof(*a));
}

int aka_vector_make(struct mst_crypto *c, const struct aka_keys *k, const uint8_t rnd[AKA_RAND], uint64_t sqn,
		    const uint8_t amf[AKA_AMF], struct aka_vector *ret_v)
{
	struct aka_out o;
	uint8_t s[AKA_SQN];
	int r;

	if (sqn > AKA_SQN_MAX)
		return MST_FAULT_BUG;
	if (k->mac_n != AKA_MAC)
		return AKA_BAD_KEYS;
	aka_sqn_put(sqn, s);
	r = aka_compute(c, k, rnd, s, amf, AKA_WANT_F1 | AKA_WANT_F2345, &o);
	if (!r) {
		*ret_v = (struct aka_vector){ .xres_n = k->res_n, .ck_n = k->ck_n, .ik_n = k->ik_n };
		memcpy(ret_v->rnd, rnd, AKA_RAND);
		hidden_sqn(ret_v->autn, s, o.ak);
		memcpy(ret_v->autn + AKA_SQN, amf, AKA_AMF);
		memcpy(ret_v->autn + AKA_SQN + AKA_AMF, o.mac_a, AKA_MAC);
		memcpy(ret_v->xres, o.res, k->res_n);
		memcpy(ret_v->ck, o.ck, k->ck_n);
		memcpy(ret_v->ik, o.ik, k->ik_n);
	}
	mst_wipe(&o, sizeof(o));
	return r;
}

int aka_auts_make(struct mst_crypto *c, const struct aka_keys *k, const uint8_t rnd[AKA_RAND], uint64_t sqn_ms,
		  uint8_t ret_auts[AKA_AUTS])
{
	static const uint8_t amf[AKA_AMF];
	struct aka_out o;
	uint8_t s[AKA_SQN];
	int r;

	if (sqn_ms > AKA_SQN_MAX)
		return MST_FAULT_BUG;
	if (k->mac_n != AKA_MAC)
		return AKA_BAD_KEYS;
	aka_sqn_put(sqn_ms, s);
	r = aka_compute(c, k, rnd, s, amf, AKA_WANT_F1S | AKA_WANT_F5S, &o);
	if (!r) {
		hidden_sqn(ret_auts, s, o.ak_s);
		memcpy(ret_auts + AKA_SQN, o.mac_s, AKA_MAC);
	}
	mst_wipe(&o, sizeof(o));
	return r;
}

int aka_auts_check(struct mst_crypto *c, const struct aka_keys *k, const uint8_t rnd[AKA_RAND], const uint8_t auts[AKA_AUTS],
		   uint64_t *ret_sqn_ms)
{
	static const uint8_t amf[AKA_AMF];
	struct aka_out o;
	uint8_t s[AKA_SQN];
	int r;

	if (k->mac_n != AKA_MAC)
		return AKA_BAD_KEYS;
	r = aka_compute(c, k, rnd, NULL, NULL, AKA_WANT_F5S, &o);
	if (!r) {
		hidden_sqn(s, auts, o.ak_s);
		r = aka_compute(c, k, rnd, s, amf, AKA_WANT_F1S, &o);
	}
	if (!r) {
		if (same_mac(o.mac_s, auts + AKA_SQN))
			*ret_sqn_ms = aka_sqn_get(s);
		else
			r = AKA_MAC_FAILURE;
	}
	mst_wipe(&o, sizeof(o));
	return r;
}

/* Once MAC is known to be right; the answer is in `o`. */
static int judge(struct mst_crypto *c, const struct aka_keys *k, struct aka_usim *u, const uint8_t rnd[AKA_RAND], uint64_t sqn,
		 struct aka_answer *ret_a)
{
	int r;

	if (aka_usim_fresh(u, sqn)) {
		aka_usim_accept(u, sqn);
		return 0;
	}
	r = aka_auts_make(c, k, rnd, u->highest, ret_a->auts);
	return r ? r : AKA_SYNC_FAILURE;
}

int aka_usim_run(struct mst_crypto *c, const struct aka_keys *k, struct aka_usim *u, const uint8_t rnd[AKA_RAND],
		 const uint8_t autn[AKA_AUTN], struct aka_answer *ret_a)
{
	struct aka_out o;
	uint8_t s[AKA_SQN];
	int r;

	*ret_a = (struct aka_answer){ 0 };
	if (k->mac_n != AKA_MAC)
		return AKA_BAD_KEYS;
	if (u->ind_bits > AKA_IND_BITS)
		return MST_FAULT_BUG;
	r = aka_compute(c, k, rnd, NULL, NULL, AKA_WANT_F2345, &o);
	if (!r) {
		hidden_sqn(s, autn, o.ak);
		r = aka_compute(c, k, rnd, s, autn + AKA_SQN, AKA_WANT_F1, &o);
	}
	if (!r && !same_mac(o.mac_a, autn + AKA_SQN + AKA_AMF))
		r = AKA_MAC_FAILURE;
	if (!r)
		r = judge(c, k, u, rnd, aka_sqn_get(s), ret_a);
	if (!r) {
		ret_a->res_n = k->res_n;
		ret_a->ck_n = k->ck_n;
		ret_a->ik_n = k->ik_n;
		memcpy(ret_a->res, o.res, k->res_n);
		memcpy(ret_a->ck, o.ck, k->ck_n);
		memcpy(ret_a->ik, o.ik, k->ik_n);
	}
	mst_wipe(&o, sizeof(o));
	return r;
}
