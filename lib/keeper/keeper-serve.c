/* The keeper behind a link: who answers. */
#include "keeper/wire.h"


struct answer { uint8_t b[4096]; size_t n; int rc; };

static bool serve_wrap(struct mst_keeper *k, struct mst_reader *r, struct answer *a, bool create)
{
	uint32_t from = create ? 0 : mst_read_u32(r);
	struct mst_view sealed = create ? MST_VIEW_NONE : mst_read_block16(r);
	enum mst_key_purpose p = (enum mst_key_purpose)get_small(r, MST_PURPOSE__COUNT - 1);
	struct mst_wrapped w = { 0 };
	char id[MST_ID_MAX];

	get_text(r, id, sizeof(id));
	if (!mst_read_end(r) || p == MST_PURPOSE_NONE)
		return false;
	a->rc = create ? k->ops->create(k, p, id, &w) : k->ops->wrap(k, from, sealed, p, id, &w);
	memcpy(a->b, w.b, w.n);
	a->n = w.n;
	return true;
}

static bool serve_release(struct mst_keeper *k, struct mst_reader *r, struct answer *a, bool derive)
{
	struct mst_authorisation au = { 0 };
	char id[MST_ID_MAX], target[MST_ID_MAX], new_id[MST_ID_MAX] = "";
	enum mst_key_purpose p, new_p = MST_PURPOSE_NONE;
	struct mst_wrapped w, out = { 0 };
	enum mst_derive_how how;
	uint32_t to = 0;
	int suid;

	if (!derive)
		get_authorisation(r, &au);
	get_wrapped(r, &w);
	p = (enum mst_key_purpose)get_small(r, MST_PURPOSE__COUNT - 1);
	get_text(r, id, sizeof(id));
	how = (enum mst_derive_how)get_small(r, MST_DERIVE_USAGE);
	suid = mst_read_u8(r);
	get_text(r, target, sizeof(target));
	if (derive) {
		new_p = (enum mst_key_purpose)get_small(r, MST_PURPOSE__COUNT - 1);
		get_text(r, new_id, sizeof(new_id));
	} else {
		to = mst_read_u32(r);
	}
	if (!mst_read_end(r) || p == MST_PURPOSE_NONE || (derive && new_p == MST_PURPOSE_NONE))
		return false;
	a->rc = derive ? k->ops->derive(k, &w, p, id, how, suid, target, new_p, new_id, &out)
	               : k->ops->release(k, &au, &w, p, id, how, suid, target, to, &out);
	memcpy(a->b, out.b, out.n);
	a->n = out.n;
	return true;
}

static bool serve_differs(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	uint32_t from = mst_read_u32(r);
	struct mst_view sealed = mst_read_block16(r);
	enum mst_key_purpose p;
	char id[MST_ID_MAX];
	struct mst_wrapped w;

	get_wrapped(r, &w);
	p = (enum mst_key_purpose)get_small(r, MST_PURPOSE__COUNT - 1);
	get_text(r, id, sizeof(id));
	if (!mst_read_end(r) || p == MST_PURPOSE_NONE)
		return false;
	a->rc = k->ops->differs(k, from, sealed, &w, p, id);
	return true;
}

static bool serve_sign(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	struct mst_authorisation au;
	struct mst_view tbs;

	get_authorisation(r, &au);
	tbs = mst_read_block16(r);
	if (!mst_read_end(r) || !tbs.n || tbs.n > MST_TBS_MAX)
		return false;
	a->rc = k->ops->sign(k, &au, tbs, a->b, sizeof(a->b), &a->n);
	return true;
}

static bool serve_ca_cert(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	if (!mst_read_end(r))
		return false;
	a->rc = k->ops->ca_cert(k, a->b, sizeof(a->b), &a->n);
	return true;
}

static bool serve_trigger(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	char key_id[MST_ID_MAX], node_id[MST_ID_MAX];
	struct mst_authorisation au;
	enum mst_key_purpose p;
	struct mst_wrapped w;
	struct mst_view body;

	get_authorisation(r, &au);
	get_wrapped(r, &w);
	p = (enum mst_key_purpose)get_small(r, MST_PURPOSE__COUNT - 1);
	get_text(r, key_id, sizeof(key_id));
	get_text(r, node_id, sizeof(node_id));
	body = mst_read_block16(r);
	if (!mst_read_end(r) || p == MST_PURPOSE_NONE || !body.n || body.n > MST_TRIGGER_MAX)
		return false;
	a->rc = k->ops->trigger(k, &au, &w, p, key_id, node_id, body, a->b);
	a->n = MST_TRIGGER_MAC;
	return true;
}

static mst_time get_time(struct mst_reader *r)
{
	uint64_t t = mst_read_u64(r);

	if (t > (uint64_t)MST_NEVER)
		r->ok = false;
	return r->ok ? (mst_time)t : 0;
}

static void get_octets(struct mst_reader *r, uint8_t *out, size_t cap, size_t *ret_n)
{
	struct mst_view v = mst_read_block16(r);

	*ret_n = 0;
	if (v.n > cap) {
		r->ok = false;
		return;
	}
	if (v.n)
		memcpy(out, v.p, v.n);
	*ret_n = v.n;
}

static bool serve_status(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	struct mst_authorisation au;
	struct mst_ocsp_answer s = { .n = 0 };
	size_t n;

	get_authorisation(r, &au);
	s.n = (size_t)get_small(r, MST_OCSP_ASKED_MAX);
	for (size_t i = 0; i < s.n; i++) {
		struct mst_ocsp_single *one = &s.single[i];

		get_octets(r, one->id.der, sizeof(one->id.der), &n);
		one->id.n = (uint16_t)n;
		one->status = (enum mst_ocsp_status)get_small(r, MST_OCSP_UNKNOWN);
		one->revoked = get_time(r);
		one->reason = get_small(r, 10);
	}
	get_octets(r, s.nonce, sizeof(s.nonce), &s.n_nonce);
	s.this_update = get_time(r);
	s.next_update = get_time(r);
	if (!mst_read_end(r) || !s.n)
		return false;
	a->rc = k->ops->status(k, &au, &s, a->b, sizeof(a->b), &a->n);
	return true;
}

static bool get_fixed(struct mst_reader *r, uint8_t *out, size_t n)
{
	struct mst_view v = mst_read(r, n);

	if (r->ok)
		memcpy(out, v.p, n);
	return r->ok;
}

static bool serve_vector(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	struct mst_writer w = mst_writer_of(a->b, sizeof(a->b));
	struct mst_authorisation au;
	struct mst_wrapped sim;
	struct mst_vector v = { .xres_n = 0 };
	char id[MST_ID_MAX];
	uint8_t amf[2];
	uint64_t sqn;
	uint32_t to;

	get_authorisation(r, &au);
	get_wrapped(r, &sim);
	get_text(r, id, sizeof(id));
	sqn = mst_read_u64(r);
	if (!get_fixed(r, amf, sizeof(amf)))
		return false;
	to = mst_read_u32(r);
	if (!mst_read_end(r))
		return false;
	a->rc = k->ops->aka_vector(k, &au, &sim, id, sqn, amf, to, &v);
	mst_put(&w, (struct mst_view){ v.rnd, sizeof(v.rnd) });
	mst_put(&w, (struct mst_view){ v.autn, sizeof(v.autn) });
	mst_put_u8(&w, v.xres_n);
	put_wrapped(&w, &v.sealed);
	a->n = w.n;
	return true;
}

static bool serve_resync(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	struct mst_writer w = mst_writer_of(a->b, sizeof(a->b));
	struct mst_authorisation au;
	struct mst_wrapped sim;
	uint8_t rnd[16], auts[14];
	char id[MST_ID_MAX];
	uint64_t sqn = 0;

	get_authorisation(r, &au);
	get_wrapped(r, &sim);
	get_text(r, id, sizeof(id));
	if (!get_fixed(r, rnd, sizeof(rnd)) || !get_fixed(r, auts, sizeof(auts)) || !mst_read_end(r))
		return false;
	a->rc = k->ops->aka_resync(k, &au, &sim, id, rnd, auts, &sqn);
	mst_put_u64(&w, sqn);
	a->n = w.n;
	return true;
}

static bool serve_star(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	struct mst_wrapped av;
	char btid[MST_ID_MAX];

	get_wrapped(r, &av);
	get_text(r, btid, sizeof(btid));
	if (!get_fixed(r, a->b, GBA_AUTN) || !mst_read_end(r))
		return false;
	a->rc = k->ops->gba_star(k, &av, btid, a->b);
	a->n = GBA_AUTN;
	return true;
}

static bool serve_ub(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	struct mst_writer w = mst_writer_of(a->b, sizeof(a->b));
	struct mst_authorisation au;
	struct mst_ub_answer out = { .ks.n = 0 };
	char btid[MST_ID_MAX], impi[MST_ID_MAX];
	struct mst_wrapped av;
	struct mst_ub q;

	get_authorisation(r, &au);
	get_wrapped(r, &av);
	get_text(r, btid, sizeof(btid));
	memset(&q, 0, sizeof(q));
	q.claim.algorithm = (enum gba_algorithm)get_small(r, GBA_ALGORITHM__COUNT - 1);
	q.claim.qop = (enum gba_qop)get_small(r, GBA_QOP_AUTH_INT);
	for (size_t i = 0; i < UB_TEXTS; i++) {
		struct mst_view v = mst_read_block16(r);

		if (v.n > GBA_VALUE_MAX)
			r->ok = false;
		*ub_text(&q, i) = v;
	}
	get_text(r, impi, sizeof(impi));
	q.impi = impi;
	q.tmpi = get_small(r, 1);
	q.body = mst_read_block16(r);
	if (!mst_read_end(r) || q.body.n > MST_BSF_INFO_OCTETS)
		return false;
	a->rc = k->ops->gba_answer(k, &au, &av, btid, &q, &out);
	put_wrapped(&w, &out.ks);
	put_text(&w, out.tmpi);
	put_text(&w, out.rspauth);
	a->n = w.n;
	return true;
}

static bool serve_naf_keys(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	struct mst_authorisation au;
	struct mst_wrapped ks, out = { .n = 0 };
	char btid[MST_ID_MAX], impi[MST_ID_MAX];
	struct mst_view naf_id;
	bool in_card;
	uint32_t to;

	get_authorisation(r, &au);
	get_wrapped(r, &ks);
	get_text(r, btid, sizeof(btid));
	get_text(r, impi, sizeof(impi));
	naf_id = mst_read_block16(r);
	in_card = get_small(r, 1);
	to = mst_read_u32(r);
	if (!mst_read_end(r) || naf_id.n > GBA_NAF_ID_MAX)
		return false;
	a->rc = k->ops->gba_naf_keys(k, &au, &ks, btid, impi, naf_id, in_card, to, &out);
	memcpy(a->b, out.b, out.n);
	a->n = out.n;
	return true;
}

static bool serve_gba_trigger(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	struct mst_authorisation au;
	struct mst_wrapped ks;
	char btid[MST_ID_MAX], impi[MST_ID_MAX], naf[MST_ID_MAX], node_id[MST_ID_MAX];
	struct mst_gba_trigger q = { .btid = btid, .impi = impi, .naf_fqdn = naf, .node_id = node_id };

	get_authorisation(r, &au);
	get_wrapped(r, &ks);
	get_text(r, btid, sizeof(btid));
	get_text(r, impi, sizeof(impi));
	get_text(r, naf, sizeof(naf));
	get_text(r, node_id, sizeof(node_id));
	q.body = mst_read_block16(r);
	if (!mst_read_end(r) || !q.body.n || q.body.n > MST_TRIGGER_MAX)
		return false;
	a->rc = k->ops->gba_trigger(k, &au, &ks, &q, a->b);
	a->n = MST_TRIGGER_MAC;
	return true;
}

static bool serve_seal(struct mst_keeper *k, struct mst_reader *r, struct answer *a, bool last)
{
	struct mst_writer w = mst_writer_of(a->b, sizeof(a->b));
	struct mst_log_seal s = { .seq = 0 };
	bool anew = false;

	if (!last) {
		get_seal(r, &s);
		anew = get_small(r, 1);
	}
	if (!mst_read_end(r) || (!last && !s.seq))
		return false;
	a->rc = last ? k->ops->last_seal(k, &s) : k->ops->seal_log(k, &s, anew);
	put_seal(&w, &s);
	a->n = w.n;
	return true;
}

/* Generations of the key-encryption key. */
static bool serve_rotation(struct mst_keeper *k, struct mst_reader *r, struct answer *a, enum keeper_call call)
{
	struct mst_writer w = mst_writer_of(a->b, sizeof(a->b));
	struct mst_keeper_generations g = { 0 };
	uint32_t gen = call == CALL_RETIRE ? mst_read_u32(r) : 0;

	if (!mst_read_end(r))
		return false;
	if (call == CALL_GENERATIONS)
		a->rc = k->ops->generations(k, &g);
	else
		a->rc = call == CALL_ROTATE ? k->ops->rotate(k, &g.now) : k->ops->retire(k, gen);
	mst_put_u32(&w, g.now);
	mst_put_u32(&w, g.before);
	mst_put_u32(&w, g.kind);
	mst_put(&w, (struct mst_view){ g.mark, sizeof(g.mark) });
	a->n = w.n;
	return true;
}

static bool serve_rewrap(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	struct mst_wrapped w, out = { .n = 0 };
	enum mst_key_purpose p;
	char id[MST_ID_MAX];

	get_wrapped(r, &w);
	p = (enum mst_key_purpose)get_small(r, MST_PURPOSE__COUNT - 1);
	get_text(r, id, sizeof(id));
	if (!mst_read_end(r) || p == MST_PURPOSE_NONE)
		return false;
	a->rc = k->ops->rewrap(k, &w, p, id, &out);
	memcpy(a->b, out.b, out.n);
	a->n = out.n;
	return true;
}

static bool serve_rates(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	struct mst_writer w = mst_writer_of(a->b, sizeof(a->b));
	struct mst_keeper_rates s;

	if (!mst_read_end(r))
		return false;
	a->rc = k->ops->rates(k, &s);
	for (size_t i = 0; !a->rc && i < MST_RATE__COUNT; i++) {
		const struct mst_keeper_rate_state *x = &s.of[i];
		const uint32_t v[] = { x->minute, x->peak, x->alarms, x->limited, x->ago, x->limit.alarm, x->limit.most, x->spent };

		for (size_t j = 0; j < MST_COUNT(v); j++)
			mst_put_u32(&w, v[j]);
	}
	a->n = w.n;
	return true;
}

static bool serve_ca_state(struct mst_keeper *k, struct mst_reader *r, struct answer *a)
{
	struct mst_writer w = mst_writer_of(a->b, sizeof(a->b));
	struct mst_keeper_ca s = { .kind = 0 };

	if (!mst_read_end(r))
		return false;
	a->rc = k->ops->ca_state(k, &s);
	mst_put_u32(&w, s.kind);
	mst_put_u8(&w, s.away);
	mst_put_u32(&w, s.times);
	put_text(&w, s.why);
	a->n = w.n;
	return true;
}

static bool serve_leave(struct mst_keeper *k, struct mst_reader *r, struct answer *a, enum keeper_call call)
{
	struct mst_writer w = mst_writer_of(a->b, sizeof(a->b));
	struct mst_ticket t = { .uid = 0 };
	struct mst_view request = MST_VIEW_NONE;
	bool give = call == CALL_LEAVE_GIVE;
	struct mst_said q;

	get_said(r, &q);
	if (give) {
		request = mst_read_block16(r);
		get_wrapped(r, &t.wrapped);
	}
	if (!mst_read_end(r) || request.n > MST_SAID_MAX)
		return false;
	if (call == CALL_LEAVE_ASK)
		a->rc = k->ops->leave_ask(k, &q, &t);
	else
		a->rc = give ? k->ops->leave_give(k, &q, request, &t.wrapped) : k->ops->leave_own(k, &q);
	if (call != CALL_LEAVE_ASK)
		return true;
	mst_put_u32(&w, t.uid);
	mst_put_u64(&w, (uint64_t)t.when);
	mst_put(&w, (struct mst_view){ t.nonce, sizeof(t.nonce) });
	put_wrapped(&w, &t.wrapped);
	a->n = w.n;
	return true;
}

bool mst_keeper_serve(struct mst_keeper *k, struct mst_view question, struct mst_writer *answer)
{
	struct mst_reader r = mst_reader_of(question);
	struct answer a = { .rc = MST_KEEPER_DENIED };
	bool good = false;

	switch (mst_read_u8(&r)) {
	case CALL_WRAP: good = serve_wrap(k, &r, &a, false); break;
	case CALL_CREATE: good = serve_wrap(k, &r, &a, true); break;
	case CALL_RELEASE: good = serve_release(k, &r, &a, false); break;
	case CALL_DERIVE: good = serve_release(k, &r, &a, true); break;
	case CALL_DIFFERS: good = serve_differs(k, &r, &a); break;
	case CALL_SIGN: good = serve_sign(k, &r, &a); break;
	case CALL_CA_CERT: good = serve_ca_cert(k, &r, &a); break;
	case CALL_TRIGGER: good = serve_trigger(k, &r, &a); break;
	case CALL_STATUS: good = serve_status(k, &r, &a); break;
	case CALL_VECTOR: good = serve_vector(k, &r, &a); break;
	case CALL_RESYNC: good = serve_resync(k, &r, &a); break;
	case CALL_STAR: good = serve_star(k, &r, &a); break;
	case CALL_UB: good = serve_ub(k, &r, &a); break;
	case CALL_NAF_KEYS: good = serve_naf_keys(k, &r, &a); break;
	case CALL_GBA_TRIGGER: good = serve_gba_trigger(k, &r, &a); break;
	case CALL_SEAL_LOG: good = serve_seal(k, &r, &a, false); break;
	case CALL_LAST_SEAL: good = serve_seal(k, &r, &a, true); break;
	case CALL_GENERATIONS: good = serve_rotation(k, &r, &a, CALL_GENERATIONS); break;
	case CALL_ROTATE: good = serve_rotation(k, &r, &a, CALL_ROTATE); break;
	case CALL_RETIRE: good = serve_rotation(k, &r, &a, CALL_RETIRE); break;
	case CALL_RATES: good = serve_rates(k, &r, &a); break;
	case CALL_LEAVE_ASK: good = serve_leave(k, &r, &a, CALL_LEAVE_ASK); break;
	case CALL_LEAVE_GIVE: good = serve_leave(k, &r, &a, CALL_LEAVE_GIVE); break;
	case CALL_LEAVE_OWN: good = serve_leave(k, &r, &a, CALL_LEAVE_OWN); break;
	case CALL_CA_STATE: good = serve_ca_state(k, &r, &a); break;
	case CALL_REWRAP: good = serve_rewrap(k, &r, &a); break;
	default: break;
	}
	mst_put_u32(answer, (uint32_t)(int32_t)a.rc);
	mst_put_block16(answer, (struct mst_view){ a.b, a.rc ? 0 : a.n });
	return good;
}
