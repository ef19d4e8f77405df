/* The keeper in another process: client and decoder. */
#include <stdlib.h>
#include <string.h>

#include "keeper/keeper-wire.h"

enum call { CALL_WRAP = 1, CALL_CREATE, CALL_RELEASE, CALL_DERIVE, CALL_SIGN, CALL_CA_CERT, CALL_TRIGGER, CALL_DIFFERS, CALL_STATUS };

static void put_text(struct mst_writer *w, const char *s)
{
	mst_put_block16(w, mst_view_str(s));
}

static void get_text(struct mst_reader *r, char *out, size_t cap)
{
	if (!mst_view_to_str(mst_read_block16(r), out, cap))
		r->ok = false;
}

static void put_wrapped(struct mst_writer *w, const struct mst_wrapped *k)
{
	mst_put_block16(w, (struct mst_view){ k->b, k->n });
}

static void get_wrapped(struct mst_reader *r, struct mst_wrapped *k)
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

static int get_small(struct mst_reader *r, int last)
{
	int x = mst_read_u8(r);

	if (x > last)
		r->ok = false;
	return r->ok ? x : 0;
}

static void put_authorisation(struct mst_writer *w, const struct mst_authorisation *a)
{
	mst_put_u8(w, (uint8_t)a->what);
	put_text(w, a->key_id);
	put_text(w, a->to);
	mst_put_u64(w, a->event);
}

static void get_authorisation(struct mst_reader *r, struct mst_authorisation *a)
{
	static const int last = MST_AUTH_STATUS;

	memset(a, 0, sizeof(*a));
	switch (get_small(r, last)) {
	case MST_AUTH_RELEASE: a->what = MST_AUTH_RELEASE; break;
	case MST_AUTH_SIGN: a->what = MST_AUTH_SIGN; break;
	case MST_AUTH_TRIGGER: a->what = MST_AUTH_TRIGGER; break;
	case MST_AUTH_STATUS: a->what = MST_AUTH_STATUS; break;
	default: a->what = MST_AUTH_NOTHING; break;
	}
	get_text(r, a->key_id, sizeof(a->key_id));
	get_text(r, a->to, sizeof(a->to));
	a->event = mst_read_u64(r);
}

/* --- asking --- */

struct remote {
	struct mst_keeper keeper;         /* first: cast back and forth */
	struct mst_keeper_caller caller;
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
	if (!mst_read_end(&r) || (rc && v.n) || v.n > cap || rc > MST_KEEPER_SAME ||
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
	uint8_t b[8];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_put_u8(&w, CALL_CA_CERT);
	return ask(k, &w, ret_der, cap, ret_n);
}

static int remote_trigger(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *wr,
			  enum mst_key_purpose p, const char *key_id, const char *node_id, struct mst_view body,
			  uint8_t ret_mac[MST_TRIGGER_MAC])
{
	uint8_t b[MST_KEEPER_WIRE_MAX], mac[MST_TRIGGER_MAC];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	size_t n = 0;
	int r;

	mst_put_u8(&w, CALL_TRIGGER);
	put_authorisation(&w, a);
	put_wrapped(&w, wr);
	mst_put_u8(&w, (uint8_t)p);
	put_text(&w, key_id);
	put_text(&w, node_id);
	mst_put_block16(&w, body);
	r = ask(k, &w, mac, sizeof(mac), &n);
	if (!r && n != sizeof(mac))
		r = MST_FAULT_BUG;
	if (!r)
		memcpy(ret_mac, mac, sizeof(mac));
	return r;
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

static void remote_close(struct mst_keeper *k)
{
	free(k);
}

static const struct mst_keeper_ops remote_ops = {
	.name = "remote", .wrap = remote_wrap, .create = remote_create, .release = remote_release,
	.differs = remote_differs, .derive = remote_derive, .sign = remote_sign, .ca_cert = remote_ca_cert, .trigger = remote_trigger,
	.status = remote_status, .close = remote_close,
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

/* --- answering --- */

struct answer { uint8_t b[4096]; size_t n; int rc; };

static bool serve_wrap(struct mst_keeper *k, struct mst_reader *r, struct answer *a, bool create)
{
	uint32_t from = create ? 0 : mst_read_u32(r);
	struct mst_view sealed = create ? MST_VIEW_NONE : mst_read_block16(r);
	enum mst_key_purpose p = (enum mst_key_purpose)get_small(r, MST_PURPOSE_KM);
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
	p = (enum mst_key_purpose)get_small(r, MST_PURPOSE_KM);
	get_text(r, id, sizeof(id));
	how = (enum mst_derive_how)get_small(r, MST_DERIVE_USAGE);
	suid = mst_read_u8(r);
	get_text(r, target, sizeof(target));
	if (derive) {
		new_p = (enum mst_key_purpose)get_small(r, MST_PURPOSE_KM);
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
	p = (enum mst_key_purpose)get_small(r, MST_PURPOSE_KM);
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
	p = (enum mst_key_purpose)get_small(r, MST_PURPOSE_KM);
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
	default: break;
	}
	mst_put_u32(answer, (uint32_t)(int32_t)a.rc);
	mst_put_block16(answer, (struct mst_view){ a.b, a.rc ? 0 : a.n });
	return good;
}
