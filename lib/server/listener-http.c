/*
 * Requests in, answers out. Primitives through the codec for mef and maf, a plain mapping for admin, and
 * the three pages of the metrics endpoint.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "codec/gba-sbi.h"
#include "codec/json.h"
#include "codec/resources.h"
#include "codec/secret-text.h"
#include "crypto/derive.h"
#include "server/listener-internal.h"

#define FAILURES_A_SECOND 20.0
#define FAILURES_BURST 100.0

/* --- what the operator is told; bounded, so that a scanner cannot fill the audit log --- */

static bool may_tell(struct listener *l)
{
	mst_ms now = mst_now_ms();

	l->tokens += (double)(now - l->tokens_at) / 1000 * FAILURES_A_SECOND;
	l->tokens_at = now;
	if (l->tokens > FAILURES_BURST)
		l->tokens = FAILURES_BURST;
	if (l->tokens < 1 || !l->engine)
		return false;
	l->tokens -= 1;
	return true;
}

void listener_tell_refused(struct listener *l, const struct mst_role_ops *role, const struct mst_peer *peer,
			 const char *attempt, int status, const char *why)
{
	struct mst_refused f = { .role = role->role, .status = status, .peer = *peer };
	size_t cap = MST_ID_MAX * 32;
	uint8_t *b = may_tell(l) ? malloc(cap) : NULL;
	struct mst_writer w = mst_writer_of(b, b ? cap : 0);

	mst_log(&l->u.log, MST_LOG_INFO, "a request was refused", "peer", f.peer.address, "why", why, NULL);
	if (!b)
		return;
	snprintf(f.attempt, sizeof(f.attempt), "%s", attempt);
	snprintf(f.why, sizeof(f.why), "%.*s", (int)sizeof(f.why) - 1, why);
	mst_put_refused(&w, &f);
	if (w.ok)
		(void)!mst_link_send(l->engine, MST_FRAME_REFUSED, 0, mst_written(&w));
	free(b);
}

/* Printable, and without what JSON would read as its own. */
static void put_words(struct mst_writer *w, const char *text)
{
	for (size_t n = 0; *text && n < 200; text++, n++)
		mst_put_u8(w, *text == '"' || *text == '\\' || *text < 0x20 || *text > 0x7e ? '\'' : (uint8_t)*text);
}

/* The quirks of the role that this process listens for; of the local one, which has none, the usual. */
static enum mst_profile names_of(const struct listener *l)
{
	const struct mst_conf_role *r = mst_conf_role(l->u.conf, l->u.role);

	return r ? (enum mst_profile)r->quirks.names : MST_PROFILE_LONG;
}

static const char *refusal_media(const struct mst_role_ops *role)
{
	return role->sbi ? MST_SBI_PROBLEM : "application/json";
}

/* What a role itself would have written: m2m:dbg for primitives, a refused briefing, the operator's error object, a problem. */
static void put_refusal(const struct listener *l, const struct mst_role_ops *role, int status, const char *field, const char *text,
                        struct mst_writer *w)
{
	if (role->sbi) {
		char detail[sizeof(((struct mst_diag *)0)->field) + sizeof(((struct mst_diag *)0)->text) + 4];

		snprintf(detail, sizeof(detail), "%s%s%s", field, field[0] ? ": " : "", text);
		mst_problem_write(w, status, "The request is not taken", detail, NULL);
		return;
	}
	if (role->network) {
		mst_put_str(w, "{\"version\":1,\"why\":\"malformed\",\"text\":\"");
		put_words(w, field);
		mst_put_str(w, field[0] ? ": " : "");
		put_words(w, text);
		mst_put_str(w, "\"}");
		return;
	}
	mst_put_str(w, "{\"");
	mst_put_str(w, role->primitives ? mst_name(MST_N_DBG, names_of(l)) : "error\":{\"field");
	mst_put_str(w, "\":\"");
	put_words(w, field);
	mst_put_str(w, !role->primitives ? "\",\"text\":\"" : field[0] ? ": " : "");
	put_words(w, text);
	mst_put_str(w, role->primitives ? "\"}" : "\"}}");
}

void listener_refuse(struct listener *l, struct line n, const struct slot *s, int rsc, const struct mst_diag *why)
{
	char body[512];
	struct mst_writer w = mst_writer_of(l->out, MST_FRAME_MAX), b = mst_writer_of(body, sizeof(body));
	struct mst_answer_frame a = { .rsc = rsc };
	bool keep;

	put_refusal(l, s->role, rsc, why->field, why->text, &b);
	if (n.coap) {
		listener_answer_coap(n, s, &a, mst_written(&b));
		return;
	}
	keep = mst_conn_keep_alive(n.http);
	if (!s->plain)
		listener_put_primitive(&w, s, &a, "", mst_written(&b), keep);
	else
		listener_put_plain(&w, rsc >= 1000 ? mst_rsc_http(rsc) : rsc, refusal_media(s->role), "", mst_written(&b), 0, keep);
	mst_conn_answer(n.http, mst_written(&w), !keep);
}

/* --- requests --- */

/* X-M2M-VSI: `attempt=<32 hex digits>` joins one attempt's events on both sides (ours). */
static void take_attempt(struct mst_view vsi, char out[33])
{
	static const char key[] = "attempt=";

	out[0] = '\0';
	for (size_t i = 0; i + sizeof(key) - 1 + 32 <= vsi.n; i++) {
		struct mst_view v = mst_view_sub(vsi, i, sizeof(key) - 1 + 32);
		uint8_t bin[16];
		size_t n;

		if ((i && vsi.p[i - 1] != ' ' && vsi.p[i - 1] != ';' && vsi.p[i - 1] != ',') ||
		    !mst_view_starts(v, key))
			continue;
		v = mst_view_sub(v, sizeof(key) - 1, 32);
		if (mst_hex_decode(v, bin, sizeof(bin), &n))
			(void)mst_view_to_str(v, out, 33);
		return;
	}
}

/* TS-0003 10.3.1 ties one label to the MEF and the other to key registrations: spec 3.2, quirk mef_label. */
static const char *label_of(const struct listener *l, const struct mst_role_ops *role)
{
	return role->role == MST_ROLE_MEF && l->u.conf->mef.quirks.mef_label == MST_MEF_LABEL_CONNECTION ? MST_LABEL_CONNECTION :
	                                                                                                  role->export_label;
}

/* Ke, a key that is registered (TS-0003 10.3.5), or both where Ke itself is registered. */
static int seal_export(struct listener *l, enum mst_role role, const struct mst_key *k, struct mst_exchange *x)
{
	bool mef = role == MST_ROLE_MEF;
	int r = 0;

	if (mef)
		r = mst_channel_seal(&l->u.channel, l->u.crypto, MST_PURPOSE_KE, k, &x->export_key);
	if (!r && (!mef || l->u.conf->mef.quirks.km == MST_KM_REGISTERED))
		r = mst_channel_seal(&l->u.channel, l->u.crypto, MST_PURPOSE_KEYREG, k, &x->export_reg);
	return r;
}

/* Enrolment Key Generation (TS-0003 10.3.4): id and key of this session, the key sealed at once. */
static int take_export(struct listener *l, const struct slot *s, struct mst_exchange *x)
{
	uint8_t out[MST_EXPORT_LEN];
	struct mst_key k = { 0 };
	int r = line_export(s->line, label_of(l, s->role), out, sizeof(out));

	if (!r) {
		mst_export_split(out, x->export_id, &k);
		r = seal_export(l, s->role->role, &k, x);
		x->has_export = r == 0;
	}
	mst_key_wipe(&k);
	mst_wipe(out, sizeof(out));
	return r;
}

enum key_place { NO_KEY, KEY_MEMBER, NOT_READABLE };

/*
 * Is there a member of that name, however it is escaped and wherever it stands? A text of that name is none.
 * What is no JSON is not the engine's to see either when it could hide one.
 */
static enum key_place find_key(struct mst_view content, enum mst_profile names, struct mst_arena *a)
{
	const char *name = mst_name(MST_N_KEY_VALUE, names);
	struct mst_json j = mst_json_of(content, a);
	size_t n = strlen(name);
	enum mst_json_token t;

	while ((t = mst_json_next(&j)) != MST_JSON_END && t != MST_JSON_ERROR)
		if (t == MST_JSON_NAME && mst_view_eq_str(j.text, name))
			return KEY_MEMBER;
	for (size_t i = 0; t == MST_JSON_ERROR && i < content.n; i++)
		if (content.p[i] == '\\' || (i + n <= content.n && !memcmp(content.p + i, name, n)))
			return NOT_READABLE;
	return NO_KEY;
}

static bool may_carry_key(const struct mst_request *q)
{
	return (q->op == MST_OP_CREATE && q->ty == MST_TY_SYMM_KEY_REG) || q->op == MST_OP_UPDATE;
}

/*
 * An explicit key in a key registration (spec 4.4.1) is cut out here and goes on sealed, for the engine
 * sees no key in clear. Content that has the member elsewhere, or that cannot be read, is refused here: 0, or
 * an RSC.
 */
static int cut_key(struct listener *l, struct mst_exchange *x, struct mst_writer *rewritten)
{
	uint8_t scratch[8192];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	enum key_place place = x->request.content.n ? find_key(x->request.content, names_of(l), &a) : NO_KEY;
	struct mst_key_reg reg;
	struct mst_key k = { 0 };
	struct mst_diag d = { 0 };
	int r = 0;

	if (place != NO_KEY) {
		a = mst_arena_of(scratch, sizeof(scratch));
		if (place == NOT_READABLE || !may_carry_key(&x->request) ||
		    mst_msg_read_json(&mst_key_reg_msg, names_of(l), x->request.content, &a, &reg, &d))
			r = MST_RSC_BAD_REQUEST;
		else if (!mst_key_set(&k, reg.key_value))
			r = MST_RSC_BAD_REQUEST;
		else if (mst_channel_seal(&l->u.channel, l->u.crypto, MST_PURPOSE_KEYREG, &k, &x->key_value))
			r = MST_RSC_INTERNAL;
	}
	if (place != NO_KEY && !r) {
		x->has_key_value = true;
		reg.has &= ~(1u << MST_KR_KEY);
		mst_msg_write_json(&mst_key_reg_msg, names_of(l), &reg, rewritten);
		x->request.content = mst_written(rewritten);
		if (!rewritten->ok)
			r = MST_RSC_INTERNAL;
	}
	mst_key_wipe(&k);
	mst_wipe(scratch, sizeof(scratch));
	return r;
}

/* "mef.example.com" or "mef.example.com:8443" (RFC 9110 7.2) */
static bool names_us(struct mst_view authority, const char *fqdn)
{
	size_t colon = mst_view_find(authority, ':');
	struct mst_view port = mst_view_sub(authority, colon + (colon < authority.n), authority.n);

	for (size_t i = 0; i < port.n; i++)
		if (port.p[i] < '0' || port.p[i] > '9')
			return false;
	return port.n <= 5 && mst_view_eq_nocase(mst_view_sub(authority, 0, colon), mst_view_str(fqdn));
}

/* What is asked of somebody else is not answered here, whatever name the handshake was for. */
static bool is_for_us(struct listener *l, const struct slot *s, const struct mst_http_msg *m)
{
	const struct mst_conf_role *r = mst_conf_role(l->u.conf, s->role->role);
	struct mst_view t = m->target;
	size_t at = mst_view_starts(t, "https://") ? 8 : mst_view_starts(t, "http://") ? 7 : 0;

	if (!r || !names_us(mst_http_find(m, "Host"), r->fqdn))
		return false;
	if (!at)
		return true;
	t = mst_view_sub(t, at, t.n);
	return names_us(mst_view_sub(t, 0, mst_view_find(t, '/')), r->fqdn);
}

/* For the answer, also to a request that could not be read: nothing that a header must not hold. */
static void echo(const struct mst_http_msg *m, const char *name, char *out, size_t cap)
{
	struct mst_view v = mst_http_find(m, name);

	if (!mst_printable_ascii(v) || !mst_view_to_str(v, out, cap))
		*out = '\0';
}

/*
 * The maker's secret of a node: the whole content (codec/secret-text.h), of which only the sealed octets go on. The engine sees none
 * in clear, so whatever else stands there is refused here. 0, or a status.
 */
static int cut_secret(struct listener *l, const struct mst_http_msg *m, struct mst_exchange *x, struct mst_diag *d)
{
	struct mst_view text = m->body;
	struct mst_key k = { 0 };
	int status = 0;

	if (text.n > 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
		text = mst_view_sub(text, 1, text.n - 2);       /* as a JSON string */
	if (mst_secret_read(text, &k, d)) {
		status = 400;
	} else if (mst_channel_seal(&l->u.channel, l->u.crypto, MST_PURPOSE_KPM, &k, &x->key_value)) {
		mst_diag_set(d, 0, "content", "the secret cannot be sealed", NULL);
		status = 500;
	}
	x->has_key_value = status == 0;
	x->request.content = MST_VIEW_NONE;
	mst_key_wipe(&k);
	return status;
}

static int take_sims(struct listener *l, const struct mst_http_msg *m, struct mst_exchange *x, struct mst_writer *rewritten,
		     struct mst_diag *d)
{
	int status = m->body.n ? listener_seal_sims(l, m->body, rewritten, d) : 0;

	if (m->body.n)
		x->request.content = mst_written(rewritten);
	return status;
}

bool listener_only_one(const struct mst_http_msg *m, const char *name, struct mst_view *ret)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += mst_view_eq_nocase(m->header[i].name, mst_view_str(name));
	*ret = mst_http_find(m, name);
	return n <= 1;
}

/* What comes from far away: to whom, and how much. */
static int network_request(struct listener *l, const struct slot *s, const struct mst_http_msg *m, struct mst_exchange *x,
			   struct mst_diag *d)
{
	size_t at = mst_view_starts(m->target, "https://") ? 8 : mst_view_starts(m->target, "http://") ? 7 : 0;
	struct mst_view to = mst_view_sub(m->target, at, m->target.n);

	if (!s->role->clear && !is_for_us(l, s, m)) {
		mst_diag_set(d, 0, "Host", "is not served here; the FQDN of the URI is wanted", NULL);
		return 400;
	}
	if (m->body.n > s->role->content_max) {
		char most[24];

		snprintf(most, sizeof(most), "%zu", s->role->content_max);
		mst_diag_set(d, 0, "content", "longer than ", most, " octets", NULL);
		return 413;
	}
	x->request.to = at ? mst_view_sub(to, mst_view_find(to, '/'), to.n) : to;
	x->request.accept = mst_http_find(m, "Accept");
	if (!listener_only_one(m, "Authorization", &x->authorization)) {
		mst_diag_set(d, 0, "Authorization", "is there twice", NULL);
		return 400;
	}
	x->user_agent = mst_http_find(m, "User-Agent");
	if (s->role->sbi)                       /* our own servers tell one another which attempt it is for */
		take_attempt(mst_http_find(m, "X-M2M-VSI"), x->attempt);
	return 0;
}

/*
 * Where primitives are not spoken (admin, briefing node, below a role's plain_prefix): the method is the operation, `to` the
 * target as it stands, the query beside it.
 */
static int plain_request(struct listener *l, const struct slot *s, const struct mst_http_msg *m, struct mst_exchange *x,
			 struct mst_writer *rewritten, struct mst_diag *d)
{
	static const struct { const char *method; enum mst_op op;
	} ops[] = {
		{ "GET", MST_OP_RETRIEVE },
		{ "POST", MST_OP_CREATE },
		{ "PUT", MST_OP_UPDATE },
		{ "DELETE", MST_OP_DELETE },
	};
	size_t q = mst_view_find(m->target, '?');

	for (size_t i = 0; i < MST_COUNT(ops); i++)
		if (mst_view_eq_str(m->method, ops[i].method))
			x->request.op = ops[i].op;
	if (x->request.op == MST_OP_NONE) {
		mst_diag_set(d, 0, "method", "one of GET, POST, PUT, DELETE is wanted", NULL);
		return 405;
	}
	if (s->role->primitives && !is_for_us(l, s, m)) {
		mst_diag_set(d, 0, "Host", "is not served here; the FQDN of the URI is wanted", NULL);
		return 400;
	}
	x->request.to = m->target;
	x->http_query = mst_view_sub(m->target, q + 1, m->target.n);
	if (!listener_only_one(m, "Content-Type", &x->request.media)) {
		mst_diag_set(d, 0, "Content-Type", "is there twice", NULL);
		return 400;
	}
	x->request.content = m->body;
	if (s->role->network)
		return network_request(l, s, m, x, d);
	if (s->role->primitives || x->request.op != MST_OP_CREATE)
		return 0;
	if (mst_view_ends(mst_view_sub(m->target, 0, q), "/secret"))
		return cut_secret(l, m, x, d);
	return listener_is_sims(mst_view_sub(m->target, 0, q)) ? take_sims(l, m, x, rewritten, d) : 0;
}

static int primitive_request(struct listener *l, struct slot *s, const struct mst_http_msg *m,
			     struct mst_arena *a, struct mst_exchange *x, struct mst_writer *rewritten,
			     struct mst_diag *d)
{
	int rsc = MST_RSC_BAD_REQUEST, r;

	echo(m, "X-M2M-RI", s->rqi, sizeof(s->rqi));
	echo(m, "X-M2M-RVI", s->rvi, sizeof(s->rvi));
	/* RFC 9148 is another protocol: its messages are none of RFC 7030 */
	if (s->line.coap && s->role->plain_prefix && mst_view_starts(m->target, s->role->plain_prefix)) {
		mst_diag_set(d, 0, "To", "certificates are asked for over HTTPS alone (RFC 7030)", NULL);
		return MST_RSC_NOT_IMPLEMENTED;
	}
	if (!is_for_us(l, s, m)) {
		mst_diag_set(d, 0, "Host", "is not served here; the FQDN of the URI is wanted", NULL);
		return MST_RSC_BAD_REQUEST;
	}
	if (mst_request_from_http(m, a, &x->request, &rsc, d))
		return rsc;
	if (!mst_view_to_str(x->request.rqi, s->rqi, sizeof(s->rqi)) || !mst_view_to_str(x->request.rvi, s->rvi, sizeof(s->rvi)))
		return MST_RSC_INTERNAL;     /* longer ones have been refused */
	take_attempt(x->request.vsi, x->attempt);
	r = cut_key(l, x, rewritten);
	if (r) {
		mst_diag_set(d, 0, "keyValue", "is a member of a key registration only, and that must be readable", NULL);
		return r;
	}
	if (s->role->export_label && x->request.op == MST_OP_CREATE && x->peer.how != MST_AUTH_LOCAL &&
	    take_export(l, s, x)) {
		mst_diag_set(d, 0, "", "the session's key cannot be exported", NULL);
		return MST_RSC_INTERNAL;
	}
	return 0;
}

/* At the local socket: this process knows of the kernel who asks, and vouches for it to the keeper, which wants a person's word for some requests. */
static void say_who(struct listener *l, const struct mst_http_msg *m, struct mst_exchange *x)
{
	uint8_t text[MST_SAID_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	if (x->peer.how != MST_AUTH_LOCAL || x->role != MST_ROLE_ADMIN || x->request.op != MST_OP_CREATE)
		return;
	mst_put_said(&w, m->target, x->request.content);
	if (!w.ok || mst_statement_make(&l->u.channel, l->u.crypto, x->peer.uid, (mst_time)time(NULL), mst_written(&w), &x->said))
		x->said.n = 0;
}

void listener_request(struct endpoint *e, struct line n, const struct mst_http_msg *m, struct slot *s)
{
	struct listener *l = e->l;
	struct mst_writer w = mst_writer_of(l->out, MST_FRAME_MAX / 2);
	struct mst_writer rewritten = mst_writer_of(l->out + MST_FRAME_MAX / 2, MST_FRAME_MAX / 2);
	struct mst_exchange x = { .role = e->role->role,
				  .channel = l->u.channel.id,
				  .session = line_id(n),
				  .peer = *line_peer(n) };
	uint8_t scratch[4096];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_diag d = { 0 };
	char why[sizeof(d.field) + sizeof(d.text) + 4];
	int rsc;

	if (!s)
		s = l->engine ? slot_take(l, SLOT_REQUEST, n) : NULL;
	if (!s) {
		l->u.m.v[MST_M_BUSY]++;
		listener_busy(n, 1);
		return;
	}
	listener_digest_peer(s, &x.peer);
	mst_crash_pass(&l->u.crash, MST_CRASH_REQUEST_READ);
	s->role = e->role;
	s->plain = x.plain = !e->role->primitives || (n.http && e->role->plain_prefix && mst_view_starts(m->target, e->role->plain_prefix));
	rsc = !s->plain ? primitive_request(l, s, m, &arena, &x, &rewritten, &d) : plain_request(l, s, m, &x, &rewritten, &d);
	if (rsc) {
		struct slot copy = *s;

		copy.digest = NULL;
		slot_free(l, s);
		snprintf(why, sizeof(why), "%s%s%s", d.field, d.field[0] ? ": " : "", d.text);
		if (copy.role->primitives || copy.role->network)
			listener_tell_refused(l, copy.role, &x.peer, x.attempt, rsc, why);
		listener_refuse(l, n, &copy, rsc, &d);
		return;
	}
	say_who(l, m, &x);
	mst_put_exchange(&w, &x);
	if (!listener_ask(l, s, MST_FRAME_EXCHANGE, &w)) {
		l->u.m.v[MST_M_BUSY]++;
		slot_free(l, s);
		listener_busy(n, 1);
	} else {
		line_body_done(n);         /* a secret in it is sealed now; the engine may take its time */
	}
	mst_wipe(w.p, w.n);
	if (rewritten.n)
		mst_wipe(rewritten.p, rewritten.n);
}

static void on_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	if (!listener_digest(owner, c, m))
		listener_request(owner, line_http(c), m, NULL);
}

void listener_psk(struct endpoint *e, struct line n, const char *identity)
{
	struct listener *l = e->l;
	struct slot *s = slot_take(l, SLOT_PSK, n);
	size_t len = strlen(identity);

	if (!s) {
		line_psk_busy(n, "too many handshakes wait for a key");  /* busy is not "unknown" (lesson 6) */
		return;
	}
	if (!len || len >= sizeof(s->ask.identity)) {
		slot_free(l, s);
		line_psk(n, NULL);
		return;
	}
	s->ask.role = e->role->role;
	s->ask.channel = l->u.channel.id;
	memcpy(s->ask.identity, identity, len + 1);
	memcpy(s->ask.address, line_peer(n)->address, sizeof(s->ask.address));
	s->ask.suite = line_peer(n)->suite;
	listener_ask_psk(l, s);
}

static void on_psk(void *owner, struct mst_conn *c, const char *identity)
{
	listener_psk(owner, line_http(c), identity);
}

void listener_refused(struct endpoint *e, const struct mst_peer *peer, int status, const char *why)
{
	if (e->role->primitives || e->role->network)
		listener_tell_refused(e->l, e->role, peer, "", status, why);
}

static void on_refused(void *owner, struct mst_conn *c, int status, const char *why)
{
	listener_refused(owner, mst_conn_peer(c), status, why);
}

/* Of HTTP itself: no primitive was read, so there is no request identifier to repeat, but there is an RSC. */
static const char *refusal(void *owner, int status, const struct mst_diag *d, struct mst_writer *lines, struct mst_writer *w)
{
	const struct endpoint *e = owner;
	int rsc = e->role->primitives ? mst_http_rsc(status) : 0;

	if (rsc) {
		mst_put_str(lines, "X-M2M-RSC: ");
		mst_put_dec(lines, rsc);
		mst_put_str(lines, "\r\n");
	}
	put_refusal(e->l, e->role, status, d->field, d->text, w);
	return refusal_media(e->role);
}

void listener_handshake_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail)
{
	struct endpoint *e = owner;
	struct listener *l = e->l;
	struct mst_writer w = mst_writer_of(l->out, MST_FRAME_MAX);
	struct mst_handshake_failed h = { .role = e->role->role, .why = why, .peer = *peer };

	mst_log(&l->u.log, MST_LOG_INFO, "handshake failed", "peer", peer->address, "why",
		mst_tls_end_text(why), "detail", detail, "sni", peer->sni, "identity", peer->psk_identity,
		"remedy", mst_tls_end_remedy(why), NULL);
	/* those for their key the engine counts, which bounds their events */
	if (!l->engine || (why != MST_TLS_PSK_REFUSED && !may_tell(l)))
		return;
	snprintf(h.detail, sizeof(h.detail), "%s", detail ? detail : "");
	mst_put_handshake_failed(&w, &h);
	if (w.ok)
		(void)!mst_link_send(l->engine, MST_FRAME_HANDSHAKE_FAILED, 0, mst_written(&w));
}

static void on_close(void *owner, struct mst_conn *c, bool pending)
{
	struct slot *s = mst_conn_data(c);
	struct endpoint *e = owner;

	(void)pending;
	if (s)          /* an answer that comes later finds another generation there */
		slot_free(e->l, s);
}

/*
 * musterd's processes run as the user whose administration is. None of them has anything to ask there, so one that does is not ours any more. Its
 * pid is of when it connected; the supervisor's word about it came before it heard its first peer, by a link that goes before all sockets.
 */
static bool lets_in(void *owner, uint32_t pid)
{
	struct listener *l = ((struct endpoint *)owner)->l;
	char text[16];

	for (size_t i = 0; i < l->own.n; i++) {
		if (l->own.pid[i] != pid)
			continue;
		snprintf(text, sizeof(text), "%u", pid);
		mst_log(&l->u.log, MST_LOG_ERROR, "a process of musterd's asked for administration and was turned away; it is not ours any more", "pid", text, NULL);
		return false;
	}
	return true;
}

const struct mst_server_ops listener_role_ops = {
	.on_request = on_request,
	.lets_in = lets_in,
	.on_handshake_failed = listener_handshake_failed,
	.on_close = on_close,
	.on_refused = on_refused,
	.refusal = refusal,
};
const struct mst_server_ops listener_psk_ops = {
	.on_request = on_request,
	.on_psk = on_psk,
	.on_handshake_failed = listener_handshake_failed,
	.on_close = on_close,
	.on_refused = on_refused,
	.refusal = refusal,
};

/* --- metrics --- */

static const char *const ready_text[MST_READY__COUNT] = {
	[MST_READY_STARTING] = "not ready: a process is not up yet, or is started again; the log says why\n",
	[MST_READY_NO_ROOM] = "not ready: no room for another request or handshake\n",
	[MST_READY_STORE_GONE] = "not ready: the store was removed or replaced, or its server is away; the log says more\n",
	[MST_READY_STORE_FAILING] = "not ready: the store takes no changes; the log says why\n",
	[MST_READY_STORE_FULL] = "not ready: the store's disk is full; make room there\n",
	[MST_READY_DRAINING] = "not ready: it ends\n",
	[MST_READY_YES] = "ready\n",
};

static void on_page(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	struct endpoint *e = owner;
	struct listener *l = e->l;
	struct mst_writer w = mst_writer_of(l->out, MST_FRAME_MAX);
	bool keep = mst_conn_keep_alive(c), get = mst_view_eq_str(m->method, "GET");

	if (get && mst_view_eq_str(m->target, "/metrics"))
		listener_put_plain(&w, 200, "text/plain; version=0.0.4; charset=utf-8", "",
			  (struct mst_view){ l->text, l->n_text }, 0, keep);
	else if (get && mst_view_eq_str(m->target, "/healthz"))
		listener_put_plain(&w, 200, "text/plain", "", MST_VIEW_LIT("alive\n"), 0, keep);
	else if (get && mst_view_eq_str(m->target, "/readyz"))
		listener_put_plain(&w, l->ready == MST_READY_YES ? 200 : 503, "text/plain", "", mst_view_str(ready_text[l->ready]),
			  l->ready != MST_READY_YES, keep);
	else
		listener_put_plain(&w, get ? 404 : 405, "text/plain", "",
			  MST_VIEW_LIT("GET /metrics, /healthz or /readyz\n"), 0, keep);
	mst_conn_answer(c, mst_written(&w), !keep);
}

static void metrics_close(void *owner, struct mst_conn *c, bool pending)
{
	(void)owner;
	(void)c;
	(void)pending;
}

static void metrics_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail)
{
	(void)owner;
	(void)peer;
	(void)why;
	(void)detail;
}

const struct mst_server_ops listener_metrics_ops = {
	.on_request = on_page, .on_close = metrics_close, .on_handshake_failed = metrics_failed,
};
