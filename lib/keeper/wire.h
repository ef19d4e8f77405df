/* What both ends of the keeper's wire share. Inside lib/keeper only. */
#ifndef MST_KEEPER_WIRE_INT_H
#define MST_KEEPER_WIRE_INT_H

#include <string.h>

#include "keeper/keeper-wire.h"

enum keeper_call {
	CALL_WRAP = 1, CALL_CREATE, CALL_RELEASE, CALL_DERIVE, CALL_SIGN, CALL_CA_CERT, CALL_TRIGGER, CALL_DIFFERS, CALL_STATUS,
	CALL_VECTOR, CALL_RESYNC, CALL_STAR, CALL_UB, CALL_NAF_KEYS, CALL_GBA_TRIGGER, CALL_SEAL_LOG, CALL_LAST_SEAL, CALL_GENERATIONS, CALL_ROTATE, CALL_REWRAP, CALL_RETIRE,
	CALL_RATES, CALL_CA_STATE, CALL_LEAVE_ASK, CALL_LEAVE_GIVE, CALL_LEAVE_OWN,
};

static inline void put_text(struct mst_writer *w, const char *s)
{
	mst_put_block16(w, mst_view_str(s));
}

static inline void get_text(struct mst_reader *r, char *out, size_t cap)
{
	if (!mst_view_to_str(mst_read_block16(r), out, cap))
		r->ok = false;
}

static inline void put_wrapped(struct mst_writer *w, const struct mst_wrapped *k)
{
	mst_put_block16(w, (struct mst_view){ k->b, k->n });
}

static inline void get_wrapped(struct mst_reader *r, struct mst_wrapped *k)
{
	struct mst_view v = mst_read_block16(r);

	memset(k, 0, sizeof(*k));
	if (v.n > sizeof(k->b)) {
		r->ok = false;
		return;
	}
	if (v.n)
		memcpy(k->b, v.p, v.n);
	k->n = (uint16_t)v.n;
}

static inline void put_seal(struct mst_writer *w, const struct mst_log_seal *s)
{
	mst_put_u64(w, s->seq);
	mst_put(w, (struct mst_view){ s->hash, sizeof(s->hash) });
	mst_put_u64(w, (uint64_t)s->when);
	mst_put(w, (struct mst_view){ s->sig, sizeof(s->sig) });
}

static inline void get_seal(struct mst_reader *r, struct mst_log_seal *s)
{
	struct mst_view hash, sig;
	uint64_t when;

	memset(s, 0, sizeof(*s));
	s->seq = mst_read_u64(r);
	hash = mst_read(r, sizeof(s->hash));
	when = mst_read_u64(r);
	sig = mst_read(r, sizeof(s->sig));
	if (s->seq > INT64_MAX || when > (uint64_t)MST_NEVER)
		r->ok = false;
	if (!r->ok)
		return;
	memcpy(s->hash, hash.p, sizeof(s->hash));
	s->when = (mst_time)when;
	memcpy(s->sig, sig.p, sizeof(s->sig));
}

static inline int get_small(struct mst_reader *r, int last)
{
	int x = mst_read_u8(r);

	if (x > last)
		r->ok = false;
	return r->ok ? x : 0;
}

static inline void put_authorisation(struct mst_writer *w, const struct mst_authorisation *a)
{
	mst_put_u8(w, (uint8_t)a->what);
	put_text(w, a->key_id);
	put_text(w, a->to);
	mst_put_u64(w, a->event);
}

static inline void get_authorisation(struct mst_reader *r, struct mst_authorisation *a)
{
	static const int last = MST_AUTH_BOOTSTRAP;

	memset(a, 0, sizeof(*a));
	switch (get_small(r, last)) {
	case MST_AUTH_RELEASE: a->what = MST_AUTH_RELEASE; break;
	case MST_AUTH_SIGN: a->what = MST_AUTH_SIGN; break;
	case MST_AUTH_TRIGGER: a->what = MST_AUTH_TRIGGER; break;
	case MST_AUTH_STATUS: a->what = MST_AUTH_STATUS; break;
	case MST_AUTH_VECTOR: a->what = MST_AUTH_VECTOR; break;
	case MST_AUTH_BOOTSTRAP: a->what = MST_AUTH_BOOTSTRAP; break;
	default: a->what = MST_AUTH_NOTHING; break;
	}
	get_text(r, a->key_id, sizeof(a->key_id));
	get_text(r, a->to, sizeof(a->to));
	a->event = mst_read_u64(r);
}

static inline void put_said(struct mst_writer *w, const struct mst_said *q)
{
	mst_put_u32(w, q->from);
	mst_put_u64(w, (uint64_t)q->now);
	mst_put_block16(w, q->statement);
	mst_put_block16(w, q->request);
}

static inline void get_said(struct mst_reader *r, struct mst_said *q)
{
	uint64_t now;

	q->from = mst_read_u32(r);
	now = mst_read_u64(r);
	q->statement = mst_read_block16(r);
	q->request = mst_read_block16(r);
	if (now > (uint64_t)MST_NEVER || q->request.n > MST_SAID_MAX)
		r->ok = false;
	q->now = r->ok ? (mst_time)now : 0;
}

/* The texts of an answer on Ub, in the order in which they travel. */
#define UB_TEXTS 7
static inline struct mst_view *ub_text(struct mst_ub *q, size_t i)
{
	struct mst_view *const at[UB_TEXTS] = { &q->claim.username, &q->claim.realm, &q->claim.nonce, &q->claim.nc, &q->claim.cnonce,
						&q->claim.uri, &q->claim.response };

	return at[i];
}

#endif
