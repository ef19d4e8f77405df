/* AKA by the keys of a SIM (TS 33.102 6.3): vectors for GBA, and what a genuine AUTS says. K goes nowhere else. */
#include <string.h>

#include "keeper/local.h"
#include "proto/aka/sim.h"

/* 0, FORGED or a fault; *ret_s is the caller's to wipe. */
static int open_sim(struct local *l, const struct mst_wrapped *w, const char *key_id, struct aka_sim *ret_s)
{
	struct mst_key key = { .n = 0 };
	int r = keeper_unwrap(l, w, MST_PURPOSE_SIM, key_id, &key);

	if (!r && (!aka_sim_unpack(mst_key_view(&key), ret_s) || ret_s->is_op))
		r = MST_KEEPER_FORGED;
	mst_key_wipe(&key);
	return r;
}

int keeper_sim_take(struct mst_crypto *c, struct mst_key *k)
{
	struct mst_writer w = mst_writer_of(k->b, sizeof(k->b));
	uint8_t op[AKA_LONG];
	struct aka_sim s;
	int r = 0;

	if (!aka_sim_unpack(mst_key_view(k), &s))
		return MST_KEEPER_DENIED;
	if (s.is_op) {
		memcpy(op, s.keys.top, sizeof(op));
		r = aka_keys_derive_top(c, &s.keys, (struct mst_view){ op, s.keys.algorithm == AKA_MILENAGE ? 16 : AKA_LONG });
		s.is_op = false;
	}
	if (!r) {
		aka_sim_pack(&s, &w);
		k->n = w.n;
		r = w.ok ? 0 : MST_FAULT_BUG;
	}
	mst_wipe(op, sizeof(op));
	aka_sim_wipe(&s);
	return r > 0 ? MST_KEEPER_DENIED : r;
}

/* XRES || CK || IK, for that channel. */
static int seal_av(struct local *l, const struct mst_channel *ch, const struct aka_vector *v, struct mst_wrapped *ret)
{
	struct mst_key av = { .n = 0 };
	struct mst_writer w = mst_writer_of(av.b, sizeof(av.b));
	int r;

	mst_put(&w, (struct mst_view){ v->xres, v->xres_n });
	mst_put(&w, (struct mst_view){ v->ck, v->ck_n });
	mst_put(&w, (struct mst_view){ v->ik, v->ik_n });
	av.n = w.n;
	r = w.ok ? keeper_seal_for(l, ch, MST_PURPOSE_AV, &av, ret) : MST_FAULT_BUG;
	mst_key_wipe(&av);
	return r;
}

static int make_vector(struct local *l, const struct aka_keys *keys, uint64_t sqn, const uint8_t amf[2], const struct mst_channel *ch,
		       struct mst_vector *ret_v)
{
	uint8_t rnd[AKA_RAND];
	struct aka_vector v;
	struct mst_vector out;
	int r = l->c->ops->random(l->c, rnd, sizeof(rnd));

	memset(&out, 0, sizeof(out));
	if (r)
		return r;
	r = aka_vector_make(l->c, keys, rnd, sqn, amf, &v);
	if (r)
		return r > 0 ? MST_KEEPER_FORGED : r;
	memcpy(out.rnd, v.rnd, sizeof(out.rnd));
	memcpy(out.autn, v.autn, sizeof(out.autn));
	out.xres_n = v.xres_n;
	r = seal_av(l, ch, &v, &out.sealed);
	aka_vector_wipe(&v);
	if (!r)
		*ret_v = out;
	return r;
}

int keeper_aka_vector(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *sim, const char *key_id,
		      uint64_t sqn, const uint8_t amf[2], uint32_t to, struct mst_vector *ret_v)
{
	struct local *l = keeper_of(k);
	const struct mst_channel *ch = keeper_channel_of(l, to);
	struct aka_sim s;
	int r;

	if (!keeper_id_usable(key_id) || !keeper_authorised(a, MST_AUTH_VECTOR, key_id) || sqn > AKA_SQN_MAX || amf[0] & AKA_AMF_SEPARATION)
		return keeper_refuse(l, MST_KEEPER_DENIED);
	if (!ch)
		return keeper_refuse(l, MST_KEEPER_NO_CHANNEL);
	if (!keeper_gets(MST_PURPOSE_AV, ch))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	r = keeper_rate_ask(l, MST_RATE_VECTORS);
	if (r)
		return r;
	r = open_sim(l, sim, key_id, &s);
	if (!r) {
		r = make_vector(l, &s.keys, sqn, amf, ch, ret_v);
		aka_sim_wipe(&s);
	}
	l->counts.vectors += !r;
	if (!r)
		keeper_rate_count(l, MST_RATE_VECTORS);
	l->counts.refused += r > 0;
	return r;
}

int keeper_aka_resync(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *sim, const char *key_id,
		      const uint8_t rnd[16], const uint8_t auts[14], uint64_t *ret_sqn_ms)
{
	struct local *l = keeper_of(k);
	struct aka_sim s;
	int r;

	if (!keeper_id_usable(key_id) || !keeper_authorised(a, MST_AUTH_VECTOR, key_id))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	r = open_sim(l, sim, key_id, &s);
	if (!r) {
		r = aka_auts_check(l->c, &s.keys, rnd, auts, ret_sqn_ms);
		r = r > 0 ? MST_KEEPER_FORGED : r;
		aka_sim_wipe(&s);
	}
	l->counts.resyncs += !r;
	l->counts.refused += r > 0;
	return r;
}
