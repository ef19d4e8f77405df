/* The frame itself and the messages of the running service; the supervisor's are in frame-control.c. */
#include "server/frame.h"

#include <string.h>

#include "server/frame-internal.h"

const char *const mst_process_name[MST_PROC__COUNT] = { "supervisor", "listener", "connector", "engine",
							"keeper", "diameter", "signer" };

const char *const mst_frame_name[MST_FRAME__COUNT] = {
	"none",     "conf",         "material",    "channel",       "link",       "start",
	"reload",   "drain",        "health",      "ready",         "failed",     "metrics",
	"exchange", "answer",       "busy",        "psk-ask",       "psk-answer", "handshake-failed",
	"fetch",    "fetch-result", "keeper-call", "keeper-answer",
	"refused",  "crl",          "reload-failed", "cut",      "sign",       "signed",
	"violation", "pids",
};

const char *const mst_fetch_end_name[] = { "ok",        "unknown",   "refused", "unreachable",
					   "untrusted", "malformed", "busy", "revoked", "list-stale" };

void mst_frame_put(struct mst_writer *w, enum mst_frame_type type, uint64_t id, struct mst_view payload)
{
	mst_put_u32(w, (uint32_t)(MST_FRAME_HEAD - 4 + payload.n));
	mst_put_u8(w, (uint8_t)type);
	mst_put_u64(w, id);
	mst_put(w, payload);
}

int mst_frame_get(struct mst_view in, size_t max, struct mst_frame *ret_f, size_t *ret_used)
{
	struct mst_reader r = mst_reader_of(in);
	uint32_t n;
	uint8_t type;

	if (in.n < 4)
		return MST_FRAME_MORE;
	n = mst_read_u32(&r);
	if (n < MST_FRAME_HEAD - 4 || n > max)
		return MST_FRAME_BAD;
	if (in.n < 5)
		return MST_FRAME_MORE;
	type = mst_read_u8(&r);
	if (type == MST_FRAME_NONE || type >= MST_FRAME__COUNT)
		return MST_FRAME_BAD;
	if (in.n < 4 + (size_t)n)
		return MST_FRAME_MORE;
	ret_f->type = (enum mst_frame_type)type;
	ret_f->id = mst_read_u64(&r);
	ret_f->payload = mst_read(&r, n - (MST_FRAME_HEAD - 4));
	*ret_used = 4 + (size_t)n;
	return 0;
}

void mst_put_text16(struct mst_writer *w, const char *s)
{
	mst_put_block16(w, mst_view_str(s));
}

void mst_get_text16(struct mst_reader *r, char *out, size_t cap)
{
	if (!mst_view_to_str(mst_read_block16(r), out, cap))
		r->ok = false;
}

int mst_get_enum(struct mst_reader *r, int count)
{
	int x = mst_read_u8(r);

	if (x >= count)
		r->ok = false;
	return r->ok ? x : 0;
}

static bool get_bool(struct mst_reader *r)
{
	return mst_get_enum(r, 2) == 1;
}

/* Times and lifetimes as their two's complement. */
static void put_i64(struct mst_writer *w, int64_t x)
{
	mst_put_u64(w, (uint64_t)x);
}

static int64_t get_i64(struct mst_reader *r)
{
	return (int64_t)mst_read_u64(r);
}

/* Numbers of rows and digests: never negative. */
static void put_whose(struct mst_writer *w, const struct mst_whose *x)
{
	put_i64(w, x->one);
	put_i64(w, x->group);
}

static void get_whose(struct mst_reader *r, struct mst_whose *ret_x)
{
	ret_x->one = get_i64(r);
	ret_x->group = get_i64(r);
	if (ret_x->one < 0 || ret_x->group < 0)
		r->ok = false;
}

static void put_wrapped(struct mst_writer *w, const struct mst_wrapped *k)
{
	mst_put_block16(w, (struct mst_view){ k->b, k->n });
}

static void get_wrapped(struct mst_reader *r, struct mst_wrapped *ret)
{
	struct mst_view v = mst_read_block16(r);

	memset(ret, 0, sizeof(*ret));
	if (v.n > sizeof(ret->b)) {
		r->ok = false;
		return;
	}
	if (v.n)
		memcpy(ret->b, v.p, v.n);
	ret->n = (uint16_t)v.n;
}

static void get_fixed(struct mst_reader *r, uint8_t *out, size_t n)
{
	struct mst_view v = mst_read(r, n);

	if (v.n == n)
		memcpy(out, v.p, n);
}

static void put_cert(struct mst_writer *w, const struct mst_cert_info *i)
{
	mst_put_u8(w, (uint8_t)i->n_san);
	for (size_t k = 0; k < i->n_san; k++) {
		mst_put_u8(w, (uint8_t)i->san[k].kind);
		mst_put_text16(w, i->san[k].value);
	}
	mst_put_text16(w, i->subject);
	mst_put_text16(w, i->issuer);
	mst_put_text16(w, i->serial);
	mst_put(w, (struct mst_view){ i->sha256, sizeof(i->sha256) });
	mst_put(w, (struct mst_view){ i->spki_sha256, sizeof(i->spki_sha256) });
	put_i64(w, i->not_before);
	put_i64(w, i->not_after);
	mst_put_u8(w, i->is_ca);
}

static void get_cert(struct mst_reader *r, struct mst_cert_info *i)
{
	i->n_san = (size_t)mst_get_enum(r, MST_SANS_MAX + 1);
	for (size_t k = 0; k < i->n_san; k++) {
		i->san[k].kind = (enum mst_id_kind)mst_get_enum(r, MST_ID_KM + 1);
		mst_get_text16(r, i->san[k].value, sizeof(i->san[k].value));
	}
	mst_get_text16(r, i->subject, sizeof(i->subject));
	mst_get_text16(r, i->issuer, sizeof(i->issuer));
	mst_get_text16(r, i->serial, sizeof(i->serial));
	get_fixed(r, i->sha256, sizeof(i->sha256));
	get_fixed(r, i->spki_sha256, sizeof(i->spki_sha256));
	i->not_before = get_i64(r);
	i->not_after = get_i64(r);
	i->is_ca = get_bool(r);
}

static void put_peer(struct mst_writer *w, const struct mst_peer *p)
{
	mst_put_u8(w, (uint8_t)p->how);
	put_cert(w, &p->cert);
	mst_put(w, (struct mst_view){ p->anchor_sha256, sizeof(p->anchor_sha256) });
	mst_put_text16(w, p->psk_identity);
	mst_put_u32(w, p->uid);
	mst_put_u16(w, p->suite);
	mst_put_text16(w, p->sni);
	mst_put_text16(w, p->address);
}

static void get_peer(struct mst_reader *r, struct mst_peer *p)
{
	p->how = (enum mst_auth)mst_get_enum(r, MST_AUTH_LOCAL + 1);
	get_cert(r, &p->cert);
	get_fixed(r, p->anchor_sha256, sizeof(p->anchor_sha256));
	mst_get_text16(r, p->psk_identity, sizeof(p->psk_identity));
	p->uid = mst_read_u32(r);
	p->suite = mst_read_u16(r);
	mst_get_text16(r, p->sni, sizeof(p->sni));
	mst_get_text16(r, p->address, sizeof(p->address));
}

/* `attempt=` values: 32 hex digits, or nothing. They reach the log and the audit trail. */
static void get_attempt(struct mst_reader *r, char out[33])
{
	mst_get_text16(r, out, 33);
	if (out[0] && strspn(out, "0123456789abcdefABCDEF") != 32)
		r->ok = false;
}

void mst_put_exchange(struct mst_writer *w, const struct mst_exchange *x)
{
	mst_put_u8(w, (uint8_t)x->role);
	mst_put_u32(w, x->channel);
	mst_put_u64(w, x->session);
	put_peer(w, &x->peer);
	mst_put_u8(w, (uint8_t)(x->request.op | (x->plain ? 0x80 : 0)));
	mst_put_block16(w, x->request.to);
	mst_put_block16(w, x->request.from);
	mst_put_block16(w, x->request.rqi);
	mst_put_block16(w, x->request.rvi);
	mst_put_block16(w, x->request.vsi);
	mst_put_block16(w, x->request.accept);
	mst_put_block16(w, x->request.media);
	mst_put_u32(w, (uint32_t)x->request.ty);
	mst_put_block32(w, x->request.content);
	mst_put_block16(w, x->http_query);
	mst_put_u8(w, x->has_export);
	mst_put(w, (struct mst_view){ x->export_id, sizeof(x->export_id) });
	put_wrapped(w, &x->export_key);
	put_wrapped(w, &x->export_reg);
	mst_put_u8(w, x->has_key_value);
	put_wrapped(w, &x->key_value);
	mst_put_text16(w, x->attempt);
	mst_put_block16(w, x->authorization);
	mst_put_block16(w, x->user_agent);
	put_wrapped(w, &x->said);
}

bool mst_get_exchange(struct mst_view v, struct mst_exchange *ret_x)
{
	struct mst_reader r = mst_reader_of(v);
	uint32_t ty;
	uint8_t op;

	memset(ret_x, 0, sizeof(*ret_x));
	ret_x->role = (enum mst_role)mst_get_enum(&r, MST_ROLE__COUNT);
	ret_x->channel = mst_read_u32(&r);
	ret_x->session = mst_read_u64(&r);
	get_peer(&r, &ret_x->peer);
	op = mst_read_u8(&r);
	ret_x->plain = op & 0x80;
	op &= 0x7f;
	if (op > MST_OP_NOTIFY)
		r.ok = false;
	ret_x->request.op = (enum mst_op)(r.ok ? op : 0);
	ret_x->request.to = mst_read_block16(&r);
	ret_x->request.from = mst_read_block16(&r);
	ret_x->request.rqi = mst_read_block16(&r);
	ret_x->request.rvi = mst_read_block16(&r);
	ret_x->request.vsi = mst_read_block16(&r);
	ret_x->request.accept = mst_read_block16(&r);
	ret_x->request.media = mst_read_block16(&r);
	ty = mst_read_u32(&r);
	ret_x->request.ty = (int)(ty & 0x7fffffff);
	ret_x->request.content = mst_read_block32(&r);
	ret_x->http_query = mst_read_block16(&r);
	ret_x->has_export = get_bool(&r);
	get_fixed(&r, ret_x->export_id, sizeof(ret_x->export_id));
	get_wrapped(&r, &ret_x->export_key);
	get_wrapped(&r, &ret_x->export_reg);
	ret_x->has_key_value = get_bool(&r);
	get_wrapped(&r, &ret_x->key_value);
	get_attempt(&r, ret_x->attempt);
	ret_x->authorization = mst_read_block16(&r);
	ret_x->user_agent = mst_read_block16(&r);
	get_wrapped(&r, &ret_x->said);
	return mst_read_end(&r) && ty <= INT32_MAX && ret_x->role != MST_ROLE_NONE &&
	       ret_x->has_export == (ret_x->export_key.n > 0 || ret_x->export_reg.n > 0) &&
	       ret_x->has_key_value == (ret_x->key_value.n > 0);
}

static void put_parcel(struct mst_writer *w, const struct mst_parcel *p)
{
	put_wrapped(w, &p->sealed);
	mst_put_u8(w, p->n_fills);
	for (size_t i = 0; i < p->n_fills; i++) {
		mst_put_u32(w, p->fill[i].at);
		mst_put_u8(w, p->fill[i].from);
		mst_put_u8(w, p->fill[i].n);
	}
}

/* Whether the octets are inside the secret is seen when it has been opened. */
static void get_parcel(struct mst_reader *r, struct mst_parcel *p)
{
	get_wrapped(r, &p->sealed);
	p->n_fills = (uint8_t)mst_get_enum(r, MST_FILLS_MAX + 1);
	for (size_t i = 0; i < p->n_fills; i++) {
		p->fill[i].at = mst_read_u32(r);
		p->fill[i].from = mst_read_u8(r);
		p->fill[i].n = mst_read_u8(r);
		if (!p->fill[i].n || p->fill[i].from + p->fill[i].n > MST_KEY_MAX || (i && p->fill[i].at < p->fill[i - 1].at))
			r->ok = false;
	}
	if ((p->sealed.n > 0) != (p->n_fills > 0))
		r->ok = false;
}

static bool token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* What frames the message or speaks for the connection is the listener's: RFC 9112. */
bool mst_answer_headers_good(const char *lines)
{
	static const char *const ours[] = { "Connection", "Content-Length", "Content-Type", "Keep-Alive", "Retry-After", "TE",
					    "Trailer", "Transfer-Encoding", "Upgrade" };

	while (*lines) {
		size_t n = 0, v;

		while (token_char(lines[n]))
			n++;
		if (!n || lines[n] != ':' || lines[n + 1] != ' ')
			return false;
		for (size_t i = 0; i < MST_COUNT(ours); i++)
			if (mst_view_eq_nocase((struct mst_view){ (const uint8_t *)lines, n }, mst_view_str(ours[i])))
				return false;
		for (v = n + 2; lines[v] >= 0x20 && lines[v] <= 0x7e; v++)
			;
		if (lines[v] != '\r' || lines[v + 1] != '\n')
			return false;
		lines += v + 2;
	}
	return true;
}

void mst_put_answer(struct mst_writer *w, const struct mst_answer_frame *a)
{
	mst_put_u32(w, (uint32_t)a->rsc);
	mst_put_u32(w, (uint32_t)a->retry_after);
	mst_put_u8(w, a->close);
	mst_put_text16(w, a->media);
	mst_put_text16(w, a->location);
	mst_put_u8(w, a->has_key);
	put_wrapped(w, &a->key);
	mst_put_u32(w, a->at);
	put_parcel(w, &a->parcel);
	mst_put_text16(w, a->headers);
	mst_put_block32(w, a->content);
	put_whose(w, &a->whose);
}

bool mst_get_answer(struct mst_view v, struct mst_answer_frame *ret_a)
{
	struct mst_reader r = mst_reader_of(v);
	uint32_t rsc, retry;

	memset(ret_a, 0, sizeof(*ret_a));
	rsc = mst_read_u32(&r);
	retry = mst_read_u32(&r);
	ret_a->close = get_bool(&r);
	mst_get_text16(&r, ret_a->media, sizeof(ret_a->media));
	mst_get_text16(&r, ret_a->location, sizeof(ret_a->location));
	ret_a->has_key = get_bool(&r);
	get_wrapped(&r, &ret_a->key);
	ret_a->at = mst_read_u32(&r);
	get_parcel(&r, &ret_a->parcel);
	mst_get_text16(&r, ret_a->headers, sizeof(ret_a->headers));
	ret_a->content = mst_read_block32(&r);
	get_whose(&r, &ret_a->whose);
	ret_a->rsc = (int)(rsc & 0xffff);
	ret_a->retry_after = (int)(retry & 0x7fffffff);
	return mst_read_end(&r) && rsc <= 9999 && retry <= INT32_MAX && ret_a->at <= ret_a->content.n &&
	       (!ret_a->parcel.n_fills || ret_a->parcel.fill[ret_a->parcel.n_fills - 1].at <= ret_a->content.n) &&
	       ret_a->has_key == (ret_a->key.n > 0);
}

void mst_put_psk_ask(struct mst_writer *w, const struct mst_psk_ask *q)
{
	mst_put_u8(w, (uint8_t)q->role);
	mst_put_u32(w, q->channel);
	mst_put_text16(w, q->identity);
	mst_put_text16(w, q->address);
	mst_put_u16(w, q->suite);
}

bool mst_get_psk_ask(struct mst_view v, struct mst_psk_ask *ret_q)
{
	struct mst_reader r = mst_reader_of(v);

	memset(ret_q, 0, sizeof(*ret_q));
	ret_q->role = (enum mst_role)mst_get_enum(&r, MST_ROLE__COUNT);
	ret_q->channel = mst_read_u32(&r);
	mst_get_text16(&r, ret_q->identity, sizeof(ret_q->identity));
	mst_get_text16(&r, ret_q->address, sizeof(ret_q->address));
	ret_q->suite = mst_read_u16(&r);
	return mst_read_end(&r) && ret_q->role != MST_ROLE_NONE;
}

void mst_put_psk_answer(struct mst_writer *w, const struct mst_psk_answer_frame *a)
{
	put_wrapped(w, &a->key);
	put_whose(w, &a->whose);
}

bool mst_get_psk_answer(struct mst_view v, struct mst_psk_answer_frame *ret_a)
{
	struct mst_reader r = mst_reader_of(v);

	get_wrapped(&r, &ret_a->key);
	get_whose(&r, &ret_a->whose);
	return mst_read_end(&r);
}

void mst_put_cut(struct mst_writer *w, const struct mst_whose *c)
{
	put_whose(w, c);
}

bool mst_get_cut(struct mst_view v, struct mst_whose *ret_c)
{
	struct mst_reader r = mst_reader_of(v);

	get_whose(&r, ret_c);
	return mst_read_end(&r) && (ret_c->one || ret_c->group);
}

void mst_put_handshake_failed(struct mst_writer *w, const struct mst_handshake_failed *h)
{
	mst_put_u8(w, (uint8_t)h->role);
	mst_put_u8(w, (uint8_t)h->why);
	put_peer(w, &h->peer);
	mst_put_text16(w, h->detail);
}

bool mst_get_handshake_failed(struct mst_view v, struct mst_handshake_failed *ret_h)
{
	struct mst_reader r = mst_reader_of(v);

	memset(ret_h, 0, sizeof(*ret_h));
	ret_h->role = (enum mst_role)mst_get_enum(&r, MST_ROLE__COUNT);
	ret_h->why = (enum mst_tls_end)mst_get_enum(&r, MST_TLS_CUT + 1);
	get_peer(&r, &ret_h->peer);
	mst_get_text16(&r, ret_h->detail, sizeof(ret_h->detail));
	return mst_read_end(&r) && ret_h->role != MST_ROLE_NONE;
}

void mst_put_refused(struct mst_writer *w, const struct mst_refused *f)
{
	mst_put_u8(w, (uint8_t)f->role);
	mst_put_u32(w, (uint32_t)f->status);
	put_peer(w, &f->peer);
	mst_put_text16(w, f->attempt);
	mst_put_text16(w, f->why);
}

bool mst_get_refused(struct mst_view v, struct mst_refused *ret_f)
{
	struct mst_reader r = mst_reader_of(v);
	uint32_t status;

	memset(ret_f, 0, sizeof(*ret_f));
	ret_f->role = (enum mst_role)mst_get_enum(&r, MST_ROLE__COUNT);
	status = mst_read_u32(&r);
	ret_f->status = (int)(status & 0xffff);
	get_peer(&r, &ret_f->peer);
	get_attempt(&r, ret_f->attempt);
	mst_get_text16(&r, ret_f->why, sizeof(ret_f->why));
	return mst_read_end(&r) && ret_f->role != MST_ROLE_NONE && status <= 9999;      /* HTTP, or an RSC */
}

void mst_put_fetch(struct mst_writer *w, const struct mst_fetch *f)
{
	mst_put_u8(w, (uint8_t)f->kind);
	mst_put_u8(w, (uint8_t)f->binding);
	mst_put_u8(w, (uint8_t)f->role);
	mst_put_text16(w, f->uri);
	mst_put_text16(w, f->server_name);
	mst_put_text16(w, f->connect_to);
	mst_put_text16(w, f->from);
	mst_put_text16(w, f->attempt);
	switch (f->kind) {
	case MST_FETCH_KIND__COUNT: break;
	case MST_FETCH_KEY:
		mst_put_text16(w, f->path);
		mst_put_u8(w, (uint8_t)f->names);
		mst_put_u8(w, f->registered);
		break;
	case MST_FETCH_ZH:
		mst_put_text16(w, f->ue_id);
		mst_put_u8(w, f->resync);
		mst_put(w, (struct mst_view){ f->rnd, sizeof(f->rnd) });
		mst_put(w, (struct mst_view){ f->auts, sizeof(f->auts) });
		break;
	case MST_FETCH_ZN:
		mst_put_text16(w, f->btid);
		mst_put_text16(w, f->naf_fqdn);
		mst_put(w, (struct mst_view){ f->ua.b, sizeof(f->ua.b) });
		mst_put_u8(w, f->in_card_aware);
		break;
	}
}

bool mst_get_fetch(struct mst_view v, struct mst_fetch *ret_f)
{
	struct mst_reader r = mst_reader_of(v);
	bool good = false;

	memset(ret_f, 0, sizeof(*ret_f));
	ret_f->kind = (enum mst_fetch_kind)mst_get_enum(&r, MST_FETCH_KIND__COUNT);
	ret_f->binding = (enum mst_fetch_binding)mst_get_enum(&r, MST_BIND__COUNT);
	ret_f->role = (enum mst_role)mst_get_enum(&r, MST_ROLE__COUNT);
	mst_get_text16(&r, ret_f->uri, sizeof(ret_f->uri));
	mst_get_text16(&r, ret_f->server_name, sizeof(ret_f->server_name));
	mst_get_text16(&r, ret_f->connect_to, sizeof(ret_f->connect_to));
	mst_get_text16(&r, ret_f->from, sizeof(ret_f->from));
	get_attempt(&r, ret_f->attempt);
	switch (ret_f->kind) {
	case MST_FETCH_KIND__COUNT: break;
	case MST_FETCH_KEY:
		mst_get_text16(&r, ret_f->path, sizeof(ret_f->path));
		ret_f->names = (enum mst_profile)mst_get_enum(&r, MST_PROFILE__COUNT);
		ret_f->registered = get_bool(&r);
		good = ret_f->path[0] == '/';
		break;
	case MST_FETCH_ZH:
		mst_get_text16(&r, ret_f->ue_id, sizeof(ret_f->ue_id));
		ret_f->resync = get_bool(&r);
		get_fixed(&r, ret_f->rnd, sizeof(ret_f->rnd));
		get_fixed(&r, ret_f->auts, sizeof(ret_f->auts));
		good = ret_f->ue_id[0] != '\0';
		break;
	case MST_FETCH_ZN:
		mst_get_text16(&r, ret_f->btid, sizeof(ret_f->btid));
		mst_get_text16(&r, ret_f->naf_fqdn, sizeof(ret_f->naf_fqdn));
		get_fixed(&r, ret_f->ua.b, sizeof(ret_f->ua.b));
		ret_f->in_card_aware = get_bool(&r);
		good = ret_f->btid[0] && ret_f->naf_fqdn[0];
		break;
	}
	return mst_read_end(&r) && good && ret_f->role != MST_ROLE_NONE;
}

void mst_put_fetch_result(struct mst_writer *w, const struct mst_fetch_result *x)
{
	mst_put_u8(w, (uint8_t)x->end);
	mst_put_u32(w, (uint32_t)x->rsc);
	mst_put_text16(w, x->detail);
	put_wrapped(w, &x->key);
	mst_put_u32(w, x->channel);
	mst_put_text16(w, x->enrolee_id);
	put_i64(w, x->lifetime);
	mst_put(w, (struct mst_view){ x->rnd, sizeof(x->rnd) });
	mst_put(w, (struct mst_view){ x->autn, sizeof(x->autn) });
	mst_put_u8(w, x->xres_n);
	mst_put_u8(w, x->has_int);
	mst_put_text16(w, x->impi);
	mst_put_block16(w, x->text);
	mst_put_u32(w, (uint32_t)x->retry_after);
}

bool mst_get_fetch_result(struct mst_view v, struct mst_fetch_result *ret_r)
{
	struct mst_reader r = mst_reader_of(v);
	uint32_t rsc, retry;

	memset(ret_r, 0, sizeof(*ret_r));
	ret_r->end = (enum mst_fetch_end)mst_get_enum(&r, MST_FETCH__COUNT);
	rsc = mst_read_u32(&r);
	ret_r->rsc = (int)(rsc & 0xffff);
	mst_get_text16(&r, ret_r->detail, sizeof(ret_r->detail));
	get_wrapped(&r, &ret_r->key);
	ret_r->channel = mst_read_u32(&r);
	mst_get_text16(&r, ret_r->enrolee_id, sizeof(ret_r->enrolee_id));
	ret_r->lifetime = get_i64(&r);
	get_fixed(&r, ret_r->rnd, sizeof(ret_r->rnd));
	get_fixed(&r, ret_r->autn, sizeof(ret_r->autn));
	ret_r->xres_n = (uint8_t)mst_get_enum(&r, MST_KEY_MAX - 32 + 1);
	ret_r->has_int = get_bool(&r);
	mst_get_text16(&r, ret_r->impi, sizeof(ret_r->impi));
	ret_r->text = mst_read_block16(&r);
	retry = mst_read_u32(&r);
	ret_r->retry_after = (int)(retry & 0x7fffffff);
	/* only a good end carries a key, and always does */
	return mst_read_end(&r) && rsc <= 9999 && retry <= INT32_MAX && ret_r->text.n <= MST_FETCH_TEXT &&
	       (ret_r->end == MST_FETCH_OK) == (ret_r->key.n > 0);
}
