/* The keeper in another process: who asks. */
#include <stdlib.h>

#include "crypto/pki.h"
#include "keeper/wire.h"

struct remote {
	struct mst_keeper keeper;         /* first: cast back and forth */
	struct mst_keeper_caller caller;
	uint8_t ca[MST_CERT_MAX];         /* the CA's certificate: the same for as long as the keeper runs, and often asked for */
	size_t ca_n;
};

/* Answer: i32 result, then on 0 the octets. */
static int ask(struct mst_keeper *k, const struct mst_writer *q, uint8_t *out, size_t cap, size_t *ret_n)
{
	struct remote *m = (struct remote *)(void *)k;
	uint8_t buf[MST_KEEPER_WIRE_MAX];
	struct mst_reader r;
	struct mst_view v;
	size_t n;
	int rc;

	if (!q->ok)
		return MST_FAULT_BUG;
	rc = m->caller.call(m->caller.arg, mst_written(q), buf, sizeof(buf), &n);
	if (rc < 0)
		return rc;
	r = mst_reader_of((struct mst_view){ buf, n });
	rc = (int)(int32_t)mst_read_u32(&r);
	v = mst_read_block16(&r);
	if (!mst_read_end(&r) || (rc && v.n) || v.n > cap || rc > MST_KEEPER_LEAVE ||
	    rc < MST_FAULT_CLOSED)
		return MST_FAULT_BUG;
	if (rc)
		return rc;
	if (v.n)
		memcpy(out, v.p, v.n);
	*ret_n = v.n;
	return 0;
}

static int ask_wrapped(struct mst_keeper *k, const struct mst_writer *q, struct mst_wrapped *ret_w)
{
	struct mst_wrapped w = { 0 };
	size_t n;
	int r = ask(k, q, w.b, sizeof(w.b), &n);

	if (r)
		return r;
	w.n = (uint16_t)n;
	*ret_w = w;
	return 0;
}

static int remote_wrap(struct mst_keeper *k, uint32_t from, struct mst_view sealed, enum mst_key_purpose p,
                       const char *key_id, struct mst_wrapped *ret_w)
{
	uint8_t b[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, CALL_WRAP);
	mst_put_u32(&w, from);
	mst_put_block16(&w, sealed);
	mst_put_u8(&w, (uint8_t)p);
	put_text(&w, key_id);
	return ask_wrapped(k, &w, ret_w);
}

static int remote_create(struct mst_keeper *k, enum mst_key_purpose p, const char *key_id,
			 struct mst_wrapped *ret_w)
{
	uint8_t b[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, CALL_CREATE);
	mst_put_u8(&w, (uint8_t)p);
	put_text(&w, key_id);
	return ask_wrapped(k, &w, ret_w);
}

static int remote_release(struct mst_keeper *k, const struct mst_authorisation *a,
			  const struct mst_wrapped *wr, enum mst_key_purpose p, const char *key_id,
			  enum mst_derive_how how, int suid, const char *target, uint32_t to,
			  struct mst_wrapped *ret_sealed)
{
	uint8_t b[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, CALL_RELEASE);
	put_authorisation(&w, a);
	put_wrapped(&w, wr);
	mst_put_u8(&w, (uint8_t)p);
	put_text(&w, key_id);
	mst_put_u8(&w, (uint8_t)how);
	mst_put_u8(&w, (uint8_t)suid);
	put_text(&w, target);
	mst_put_u32(&w, to);
	return suid < 0 || suid > 255 ? MST_FAULT_BUG : ask_wrapped(k, &w, ret_sealed);
}

static int remote_differs(struct mst_keeper *k, uint32_t from, struct mst_view sealed, const struct mst_wrapped *wr,
                          enum mst_key_purpose p, const char *key_id)
{
	uint8_t b[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	size_t n;

	mst_put_u8(&w, CALL_DIFFERS);
	mst_put_u32(&w, from);
	mst_put_block16(&w, sealed);
	put_wrapped(&w, wr);
	mst_put_u8(&w, (uint8_t)p);
	put_text(&w, key_id);
	return ask(k, &w, NULL, 0, &n);
}

static int remote_derive(struct mst_keeper *k, const struct mst_wrapped *wr, enum mst_key_purpose p,
			 const char *key_id, enum mst_derive_how how, int suid, const char *target,
			 enum mst_key_purpose new_p, const char *new_key_id, struct mst_wrapped *ret_w)
{
	uint8_t b[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, CALL_DERIVE);
	put_wrapped(&w, wr);
	mst_put_u8(&w, (uint8_t)p);
	put_text(&w, key_id);
	mst_put_u8(&w, (uint8_t)how);
	mst_put_u8(&w, (uint8_t)suid);
	put_text(&w, target);
	mst_put_u8(&w, (uint8_t)new_p);
	put_text(&w, new_key_id);
	return suid < 0 || suid > 255 ? MST_FAULT_BUG : ask_wrapped(k, &w, ret_w);
}

static int remote_sign(struct mst_keeper *k, const struct mst_authorisation *a, struct mst_view tbs,
		       uint8_t *ret_sig, size_t cap, size_t *ret_n)
{
	uint8_t b[MST_KEEPER_SIGN_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, CALL_SIGN);
	put_authorisation(&w, a);
	mst_put_block16(&w, tbs);
	return ask(k, &w, ret_sig, cap, ret_n);
}

static int remote_ca_cert(struct mst_keeper *k, uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	struct remote *m = (struct remote *)(void *)k;
	uint8_t b[8];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	int r = 0;

	mst_put_u8(&w, CALL_CA_CERT);
	if (!m->ca_n)
		r = ask(k, &w, m->ca, sizeof(m->ca), &m->ca_n);
	if (r)
		return r;
	if (m->ca_n > cap)
		return MST_FAULT_BUG;
	memcpy(ret_der, m->ca, m->ca_n);
	*ret_n = m->ca_n;
	return 0;
}

void mst_keeper_remote_renewed(struct mst_keeper *k)
{
	((struct remote *)(void *)k)->ca_n = 0;
}

static int ask_mac(struct mst_keeper *k, struct mst_writer *w, uint8_t ret_mac[MST_TRIGGER_MAC])
{
	uint8_t mac[MST_TRIGGER_MAC];
	size_t n = 0;
	int r = ask(k, w, mac, sizeof(mac), &n);

	if (!r && n != sizeof(mac))
		r = MST_FAULT_BUG;
	if (!r)
		memcpy(ret_mac, mac, sizeof(mac));
	return r;
}

static int remote_trigger(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *wr,
			  enum mst_key_purpose p, const char *key_id, const char *node_id, struct mst_view body,
			  uint8_t ret_mac[MST_TRIGGER_MAC])
{
	uint8_t b[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, CALL_TRIGGER);
	put_authorisation(&w, a);
	put_wrapped(&w, wr);
	mst_put_u8(&w, (uint8_t)p);
	put_text(&w, key_id);
	put_text(&w, node_id);
	mst_put_block16(&w, body);
	return ask_mac(k, &w, ret_mac);
}

static int remote_status(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_ocsp_answer *s, uint8_t *ret_der,
			 size_t cap, size_t *ret_n)
{
	uint8_t b[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	if (s->n > MST_OCSP_ASKED_MAX || s->n_nonce > MST_OCSP_NONCE_MAX)
		return MST_FAULT_BUG;
	mst_put_u8(&w, CALL_STATUS);
	put_authorisation(&w, a);
	mst_put_u8(&w, (uint8_t)s->n);
	for (size_t i = 0; i < s->n; i++) {
		mst_put_block16(&w, (struct mst_view){ s->single[i].id.der, s->single[i].id.n });
		mst_put_u8(&w, (uint8_t)s->single[i].status);
		mst_put_u64(&w, (uint64_t)s->single[i].revoked);
		mst_put_u8(&w, (uint8_t)s->single[i].reason);
	}
	mst_put_block16(&w, (struct mst_view){ s->nonce, s->n_nonce });
	mst_put_u64(&w, (uint64_t)s->this_update);
	mst_put_u64(&w, (uint64_t)s->next_update);
	return ask(k, &w, ret_der, cap, ret_n);
}

static int remote_aka_vector(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *sim, const char *key_id,
			     uint64_t sqn, const uint8_t amf[2], uint32_t to, struct mst_vector *ret_v)
{
	uint8_t b[MST_KEEPER_WIRE_MAX], got[2 * 16 + 1 + 2 + MST_WRAPPED_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_vector v = { .xres_n = 0 };
	struct mst_reader in;
	struct mst_view rnd, autn;
	size_t n = 0;
	int r;

	mst_put_u8(&w, CALL_VECTOR);
	put_authorisation(&w, a);
	put_wrapped(&w, sim);
	put_text(&w, key_id);
	mst_put_u64(&w, sqn);
	mst_put(&w, (struct mst_view){ amf, 2 });
	mst_put_u32(&w, to);
	r = ask(k, &w, got, sizeof(got), &n);
	if (r)
		return r;
	in = mst_reader_of((struct mst_view){ got, n });
	rnd = mst_read(&in, sizeof(v.rnd));
	autn = mst_read(&in, sizeof(v.autn));
	v.xres_n = mst_read_u8(&in);
	get_wrapped(&in, &v.sealed);
	if (!mst_read_end(&in))
		return MST_FAULT_BUG;
	memcpy(v.rnd, rnd.p, sizeof(v.rnd));
	memcpy(v.autn, autn.p, sizeof(v.autn));
	*ret_v = v;
	return 0;
}

static int remote_aka_resync(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *sim, const char *key_id,
			     const uint8_t rnd[16], const uint8_t auts[14], uint64_t *ret_sqn_ms)
{
	uint8_t b[MST_KEEPER_WIRE_MAX], got[8];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_reader in;
	size_t n = 0;
	int r;

	mst_put_u8(&w, CALL_RESYNC);
	put_authorisation(&w, a);
	put_wrapped(&w, sim);
	put_text(&w, key_id);
	mst_put(&w, (struct mst_view){ rnd, 16 });
	mst_put(&w, (struct mst_view){ auts, 14 });
	r = ask(k, &w, got, sizeof(got), &n);
	if (r)
		return r;
	in = mst_reader_of((struct mst_view){ got, n });
	*ret_sqn_ms = mst_read_u64(&in);
	return mst_read_end(&in) ? 0 : MST_FAULT_BUG;
}

static int remote_gba_star(struct mst_keeper *k, const struct mst_wrapped *av, const char *btid, uint8_t autn[GBA_AUTN])
{
	uint8_t b[MST_KEEPER_WIRE_MAX], got[GBA_AUTN];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	size_t n = 0;
	int r;

	mst_put_u8(&w, CALL_STAR);
	put_wrapped(&w, av);
	put_text(&w, btid);
	mst_put(&w, (struct mst_view){ autn, GBA_AUTN });
	r = ask(k, &w, got, sizeof(got), &n);
	if (!r && n != sizeof(got))
		r = MST_FAULT_BUG;
	if (!r)
		memcpy(autn, got, sizeof(got));
	return r;
}

static int remote_gba_answer(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *av, const char *btid,
			     const struct mst_ub *q, struct mst_ub_answer *ret_a)
{
	uint8_t b[MST_KEEPER_SIGN_MAX], got[sizeof(struct mst_ub_answer) + 16];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_ub_answer out = { .ks.n = 0 };
	struct mst_ub copy = *q;
	struct mst_reader in;
	size_t n = 0;
	int r;

	mst_put_u8(&w, CALL_UB);
	put_authorisation(&w, a);
	put_wrapped(&w, av);
	put_text(&w, btid);
	mst_put_u8(&w, (uint8_t)q->claim.algorithm);
	mst_put_u8(&w, (uint8_t)q->claim.qop);
	for (size_t i = 0; i < UB_TEXTS; i++)
		mst_put_block16(&w, *ub_text(&copy, i));
	put_text(&w, q->impi);
	mst_put_u8(&w, q->tmpi);
	mst_put_block16(&w, q->body);
	r = ask(k, &w, got, sizeof(got), &n);
	if (r)
		return r;
	in = mst_reader_of((struct mst_view){ got, n });
	get_wrapped(&in, &out.ks);
	get_text(&in, out.tmpi, sizeof(out.tmpi));
	get_text(&in, out.rspauth, sizeof(out.rspauth));
	if (!mst_read_end(&in))
		return MST_FAULT_BUG;
	*ret_a = out;
	return 0;
}

static int remote_gba_naf_keys(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *ks, const char *btid,
			       const char *impi, struct mst_view naf_id, bool in_card, uint32_t to, struct mst_wrapped *ret_sealed)
{
	uint8_t b[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, CALL_NAF_KEYS);
	put_authorisation(&w, a);
	put_wrapped(&w, ks);
	put_text(&w, btid);
	put_text(&w, impi);
	mst_put_block16(&w, naf_id);
	mst_put_u8(&w, in_card);
	mst_put_u32(&w, to);
	return ask_wrapped(k, &w, ret_sealed);
}

static int remote_gba_trigger(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *ks,
			      const struct mst_gba_trigger *q, uint8_t ret_mac[MST_TRIGGER_MAC])
{
	uint8_t b[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, CALL_GBA_TRIGGER);
	put_authorisation(&w, a);
	put_wrapped(&w, ks);
	put_text(&w, q->btid);
	put_text(&w, q->impi);
	put_text(&w, q->naf_fqdn);
	put_text(&w, q->node_id);
	mst_put_block16(&w, q->body);
	return ask_mac(k, &w, ret_mac);
}

static int ask_seal(struct mst_keeper *k, const struct mst_writer *q, struct mst_log_seal *ret_s)
{
	uint8_t b[256];
	struct mst_log_seal s;
	struct mst_reader rd;
	size_t n = 0;
	int r = ask(k, q, b, sizeof(b), &n);

	if (r)
		return r;
	rd = mst_reader_of((struct mst_view){ b, n });
	get_seal(&rd, &s);
	if (!mst_read_end(&rd))
		return MST_FAULT_BUG;
	*ret_s = s;
	return 0;
}

static int remote_seal_log(struct mst_keeper *k, struct mst_log_seal *s, bool anew)
{
	uint8_t b[256];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_log_seal got;
	int r;

	mst_put_u8(&w, CALL_SEAL_LOG);
	put_seal(&w, s);
	mst_put_u8(&w, anew);
	r = ask_seal(k, &w, &got);
	if (r)
		return r;
	if (got.seq != s->seq || got.when != s->when || memcmp(got.hash, s->hash, sizeof(got.hash)) != 0)
		return MST_FAULT_BUG;
	*s = got;
	return 0;
}

static int remote_last_seal(struct mst_keeper *k, struct mst_log_seal *ret_s)
{
	uint8_t b[8];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, CALL_LAST_SEAL);
	return ask_seal(k, &w, ret_s);
}

static int ask_generations(struct mst_keeper *k, enum keeper_call call, uint32_t gen, struct mst_keeper_generations *ret)
{
	uint8_t q[8], b[64];
	struct mst_writer w = mst_writer_of(q, sizeof(q));
	struct mst_keeper_generations g;
	struct mst_reader rd;
	struct mst_view mark;
	size_t n = 0;
	int r;

	mst_put_u8(&w, (uint8_t)call);
	if (call == CALL_RETIRE)
		mst_put_u32(&w, gen);
	r = ask(k, &w, b, sizeof(b), &n);
	if (r)
		return r;
	rd = mst_reader_of((struct mst_view){ b, n });
	g.now = mst_read_u32(&rd);
	g.before = mst_read_u32(&rd);
	g.kind = mst_read_u32(&rd);
	mark = mst_read(&rd, sizeof(g.mark));
	if (!mst_read_end(&rd))
		return MST_FAULT_BUG;
	memcpy(g.mark, mark.p, sizeof(g.mark));
	*ret = g;
	return 0;
}

static int remote_generations(struct mst_keeper *k, struct mst_keeper_generations *ret)
{
	return ask_generations(k, CALL_GENERATIONS, 0, ret);
}

static int remote_rotate(struct mst_keeper *k, uint32_t *ret_gen)
{
	struct mst_keeper_generations g;
	int r = ask_generations(k, CALL_ROTATE, 0, &g);

	if (!r)
		*ret_gen = g.now;
	return r;
}

static int remote_retire(struct mst_keeper *k, uint32_t gen)
{
	struct mst_keeper_generations g;

	return ask_generations(k, CALL_RETIRE, gen, &g);
}

static int remote_rewrap(struct mst_keeper *k, const struct mst_wrapped *wr, enum mst_key_purpose p, const char *key_id, struct mst_wrapped *ret_w)
{
	uint8_t b[MST_KEEPER_WIRE_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, CALL_REWRAP);
	put_wrapped(&w, wr);
	mst_put_u8(&w, (uint8_t)p);
	put_text(&w, key_id);
	return ask_wrapped(k, &w, ret_w);
}

static int remote_rates(struct mst_keeper *k, struct mst_keeper_rates *ret)
{
	uint8_t q[8], b[64 * MST_RATE__COUNT];
	struct mst_writer w = mst_writer_of(q, sizeof(q));
	struct mst_keeper_rates s;
	struct mst_reader rd;
	size_t n = 0;
	int r;

	mst_put_u8(&w, CALL_RATES);
	r = ask(k, &w, b, sizeof(b), &n);
	if (r)
		return r;
	rd = mst_reader_of((struct mst_view){ b, n });
	for (size_t i = 0; i < MST_RATE__COUNT; i++) {
		struct mst_keeper_rate_state *x = &s.of[i];
		uint32_t *const v[] = { &x->minute, &x->peak, &x->alarms, &x->limited, &x->ago, &x->limit.alarm, &x->limit.most,
					&x->spent };

		for (size_t j = 0; j < MST_COUNT(v); j++)
			*v[j] = mst_read_u32(&rd);
	}
	if (!mst_read_end(&rd))
		return MST_FAULT_BUG;
	*ret = s;
	return 0;
}

static int remote_ca_state(struct mst_keeper *k, struct mst_keeper_ca *ret)
{
	uint8_t q[8], b[sizeof(struct mst_keeper_ca) + 16];
	struct mst_writer w = mst_writer_of(q, sizeof(q));
	struct mst_keeper_ca s;
	struct mst_reader rd;
	size_t n = 0;
	int r;

	mst_put_u8(&w, CALL_CA_STATE);
	r = ask(k, &w, b, sizeof(b), &n);
	if (r)
		return r;
	rd = mst_reader_of((struct mst_view){ b, n });
	s.kind = mst_read_u32(&rd);
	s.away = get_small(&rd, 1);
	s.times = mst_read_u32(&rd);
	get_text(&rd, s.why, sizeof(s.why));
	if (!mst_read_end(&rd))
		return MST_FAULT_BUG;
	*ret = s;
	return 0;
}

#define SAID_MAX (2 * MST_SAID_MAX + 1024)
static int remote_leave_ask(struct mst_keeper *k, const struct mst_said *q, struct mst_ticket *ret_t)
{
	uint8_t b[SAID_MAX], got[256];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_ticket t = { .uid = 0 };
	struct mst_reader rd;
	struct mst_view nonce;
	uint64_t when;
	size_t n = 0;
	int r;

	mst_put_u8(&w, CALL_LEAVE_ASK);
	put_said(&w, q);
	r = ask(k, &w, got, sizeof(got), &n);
	if (r)
		return r;
	rd = mst_reader_of((struct mst_view){ got, n });
	t.uid = mst_read_u32(&rd);
	when = mst_read_u64(&rd);
	nonce = mst_read(&rd, sizeof(t.nonce));
	get_wrapped(&rd, &t.wrapped);
	if (!mst_read_end(&rd) || when > (uint64_t)MST_NEVER)
		return MST_FAULT_BUG;
	t.when = (mst_time)when;
	memcpy(t.nonce, nonce.p, sizeof(t.nonce));
	*ret_t = t;
	return 0;
}

static int remote_leave_give(struct mst_keeper *k, const struct mst_said *yes, struct mst_view request, const struct mst_wrapped *ticket)
{
	uint8_t b[SAID_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	size_t n;

	mst_put_u8(&w, CALL_LEAVE_GIVE);
	put_said(&w, yes);
	mst_put_block16(&w, request);
	put_wrapped(&w, ticket);
	return ask(k, &w, NULL, 0, &n);
}

static int remote_leave_own(struct mst_keeper *k, const struct mst_said *q)
{
	uint8_t b[SAID_MAX];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	size_t n;

	mst_put_u8(&w, CALL_LEAVE_OWN);
	put_said(&w, q);
	return ask(k, &w, NULL, 0, &n);
}

static void remote_close(struct mst_keeper *k)
{
	free(k);
}

static const struct mst_keeper_ops remote_ops = {
	.name = "remote", .wrap = remote_wrap, .create = remote_create, .release = remote_release,
	.differs = remote_differs, .derive = remote_derive, .sign = remote_sign, .ca_cert = remote_ca_cert, .trigger = remote_trigger,
	.status = remote_status, .aka_vector = remote_aka_vector, .aka_resync = remote_aka_resync, .gba_star = remote_gba_star, .gba_answer = remote_gba_answer,
	.gba_naf_keys = remote_gba_naf_keys, .gba_trigger = remote_gba_trigger, .seal_log = remote_seal_log, .last_seal = remote_last_seal,
	.generations = remote_generations, .rotate = remote_rotate, .rewrap = remote_rewrap, .retire = remote_retire, .rates = remote_rates,
	.ca_state = remote_ca_state, .leave_ask = remote_leave_ask, .leave_give = remote_leave_give, .leave_own = remote_leave_own,
	.close = remote_close,
};

int mst_keeper_remote_new(const struct mst_keeper_caller *caller, struct mst_keeper **ret_k)
{
	struct remote *m = calloc(1, sizeof(*m));

	if (!m)
		return MST_FAULT_MEMORY;
	m->keeper.ops = &remote_ops;
	m->caller = *caller;
	*ret_k = &m->keeper;
	return 0;
}
