/*
 * The listener: TLS and HTTP, DTLS and CoAP, on one side, the engine on the other. It holds its role's TLS key and the
 * channel key under which it seals what it exports; no long-term key, no record.
 */
#include "server/listener-internal.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

/* --- slots --- */

struct slot *slot_take(struct listener *l, enum slot_kind kind, struct line n)
{
	struct slot *s;

	if (l->first_free[kind] < 0)
		return NULL;
	s = &l->slot[l->first_free[kind]];
	l->first_free[kind] = s->next_free;
	*s = (struct slot){ .kind = kind, .gen = ++l->next_gen, .line = n, .since = mst_now_ms() };
	l->used[kind]++;
	line_set_data(n, s);
	return s;
}

void slot_free(struct listener *l, struct slot *s)
{
	enum slot_kind kind = s->kind;

	line_set_data(s->line, NULL);
	listener_digest_free(s);
	memset(s, 0, sizeof(*s));
	s->next_free = l->first_free[kind];
	l->first_free[kind] = (int)(s - l->slot);
	l->used[kind]--;
}

static void chain_slots(struct listener *l, enum slot_kind kind, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		l->slot[i].next_free = i + 1 < to ? (int)i + 1 : -1;
	l->first_free[kind] = from < to ? (int)from : -1;
}

uint64_t slot_id(const struct listener *l, const struct slot *s)
{
	return (uint64_t)s->gen << 32 | (uint64_t)(s - l->slot);
}

static struct slot *slot_find(struct listener *l, uint64_t id, enum slot_kind kind)
{
	size_t i = (size_t)(id & 0xffffffff);

	if (i >= l->n_slots || l->slot[i].gen != (uint32_t)(id >> 32) || l->slot[i].kind != kind)
		return NULL;
	return &l->slot[i];
}

/* --- the engine --- */

bool listener_ask(struct listener *l, const struct slot *s, enum mst_frame_type type, const struct mst_writer *w)
{
	int r = w->ok ? mst_link_send(l->engine, type, slot_id(l, s), mst_written(w)) : MST_LINK_FULL;

	/* a full link is load, and counted; this is a machine that wants looking at */
	if (r == MST_FAULT_MEMORY)
		mst_log(&l->u.log, MST_LOG_WARNING, "no memory for a question to the engine; who asks is told to come again", NULL);
	return !r;
}

void listener_ask_key(struct listener *l, struct slot *s)
{
	struct mst_writer w = mst_writer_of(l->out, MST_FRAME_MAX);
	struct line n = s->line;

	mst_put_psk_ask(&w, &s->ask);
	if (listener_ask(l, s, MST_FRAME_PSK_ASK, &w))
		return;
	slot_free(l, s);
	listener_busy(n, 1);
}

/* Without an engine the question waits for the next one; what cannot be asked now ends now. */
void listener_ask_psk(struct listener *l, struct slot *s)
{
	struct mst_writer w = mst_writer_of(l->out, MST_FRAME_MAX);
	struct line n = s->line;

	if (!l->engine)
		return;
	mst_put_psk_ask(&w, &s->ask);
	if (listener_ask(l, s, MST_FRAME_PSK_ASK, &w))
		return;
	slot_free(l, s);
	line_psk_busy(n, "the engine cannot be asked for the key");
}

static void answered_psk(struct listener *l, const struct mst_frame *f)
{
	struct slot *s = slot_find(l, f->id, SLOT_PSK), *digest = slot_find(l, f->id, SLOT_REQUEST);
	struct mst_psk_answer_frame a;
	struct mst_key k = { 0 };
	struct line n = { 0 };
	int r = 0;

	if ((!s && !digest) || !mst_get_psk_answer(f->payload, &a))
		return;
	if (s) {
		n = s->line;
		slot_free(l, s);
		line_set_whose(n, &a.whose);
	}
	if (a.key.n)
		r = mst_channel_open(&l->u.channel, l->u.crypto, MST_USE_HANDSHAKE, &a.key, &k);
	if (r)
		mst_log(&l->u.log, MST_LOG_ERROR, "a released key does not open", NULL);
	mst_crash_pass(&l->u.crash, MST_CRASH_PSK_BEFORE);
	if (s)
		line_psk(n, a.key.n && !r ? &k : NULL);
	else
		(void)!listener_digest_key(l, digest, a.key.n && !r ? &k : NULL);
	mst_key_wipe(&k);
}

/* Of a node, or a whole subscription, that is not served any more: nobody waits for the next request to tell it so. */
static void cut(struct listener *l, const struct mst_frame *f)
{
	struct mst_whose k;

	for (size_t i = 0; mst_get_cut(f->payload, &k) && i < l->n_endpoints; i++)
		if (l->endpoint[i].coap)
			mst_coap_server_cut(l->endpoint[i].coap, &k);
		else if (l->endpoint[i].role)
			mst_server_cut(l->endpoint[i].server, &k);
}

static void on_frame(void *owner, struct mst_link *link, const struct mst_frame *f, int fd)
{
	struct listener *l = owner;
	struct mst_answer_frame a;
	struct slot *s;

	(void)link;
	(void)fd;
	if (f->type == MST_FRAME_PSK_ANSWER) {
		answered_psk(l, f);
		return;
	}
	if (f->type == MST_FRAME_CUT) {
		cut(l, f);
		return;
	}
	s = f->type == MST_FRAME_BUSY ? slot_find(l, f->id, SLOT_PSK) : NULL;
	if (s) {
		struct line n = s->line;

		slot_free(l, s);
		line_psk_busy(n, "the key could not be looked up or released");
		return;
	}
	s = slot_find(l, f->id, SLOT_REQUEST);
	if (!s)
		return;
	if (f->type == MST_FRAME_BUSY || !mst_get_answer(f->payload, &a)) {
		struct line n = s->line;

		slot_free(l, s);
		listener_busy(n, 1);
		return;
	}
	listener_answer(l, s, &a);
}

/* The engine is gone. Requests are refused with 503, for they may or may not have been decided, and a
 * repetition gets the same answer (lesson 11). Handshakes stay suspended and ask the next engine. */
static void on_down(void *owner, struct mst_link *link, const char *why)
{
	struct listener *l = owner;

	bool broke = mst_link_broke(link);

	if (l->engine == link)
		l->engine = NULL;
	(void)mst_link_free(link);
	if (broke && l->u.own_process)
		mst_unit_done(&l->u);            /* the next one is joined to the engine anew */
	mst_log(&l->u.log, MST_LOG_WARNING, "the engine is gone", "why", why, NULL);
	for (size_t i = 0; i < l->n_slots; i++) {
		struct slot *s = &l->slot[i];
		struct line n = s->line;

		if (s->kind != SLOT_REQUEST)
			continue;
		slot_free(l, s);
		listener_busy(n, 2);
	}
}

static const struct mst_link_ops ops = { on_frame, on_down };

static int listener_attach(struct mst_unit *u, const struct mst_link_frame *who, struct mst_link *link,
			   int fd)
{
	struct listener *l = (struct listener *)(void *)u;

	if (who->peer != MST_PROC_ENGINE || fd >= 0)
		return MST_FAULT_BUG;
	if (l->engine)
		on_down(l, l->engine, "replaced");
	l->engine = link;
	mst_link_owner(link, &ops, l);
	for (size_t i = 0; i < l->n_slots; i++)
		if (l->slot[i].kind == SLOT_PSK)
			listener_ask_psk(l, &l->slot[i]);
	return 0;
}

/* --- life --- */

/* `ret_dtls` stays NULL where no CoAP is listened for. */
static int make_tls(struct listener *l, const struct mst_role_ops *role, struct mst_diag *d,
		    struct mst_tls_ctx **ret, struct mst_tls_ctx **ret_dtls)
{
	const struct mst_material *m = mst_unit_material(&l->u, role->role);
	const struct mst_conf_role *conf = mst_conf_role(l->u.conf, role->role);
	int r = m && conf ? mst_material_tls(l->u.conf, m, role, 0, ret, d) : MST_FAULT_BUG;

	*ret_dtls = NULL;
	if (r || !conf->n_coap_listen)
		return r;
	r = mst_material_tls(l->u.conf, m, role, MST_MATERIAL_DATAGRAM, ret_dtls, d);
	if (r)
		mst_tls_ctx_free(*ret);
	return r;
}

static struct mst_server_limits limits_of(const struct mst_conf *c, const struct mst_role_ops *role)
{
	struct mst_server_limits s = mst_server_limits_default;

	s.connections = (unsigned)c->limits.connections;
	s.handshakes = (unsigned)c->limits.handshakes;
	s.requests = (unsigned)c->limits.requests;
	s.http.header_octets = (size_t)c->limits.header_octets;
	s.http.body_octets = (size_t)c->limits.body_octets;
	s.http.http10 = role && role->clear;
	s.held_octets = (size_t)c->limits.bodies;
	s.hello_ms = c->limits.hello * 1000;
	s.session_ms = c->limits.session * 1000;
	s.handshake_ms = c->limits.handshake * 1000;
	s.header_ms = c->limits.header * 1000;
	s.body_ms = c->limits.body * 1000;
	s.idle_ms = c->limits.idle * 1000;
	s.answer_ms = c->limits.answer * 1000;
	s.write_ms = c->limits.write * 1000;
	return s;
}

/* The largest primitive has a key for sixteen targets; and each content in blocks holds room for the longest. */
#define COAP_PRIMITIVE 16384

static struct mst_coap_limits coap_limits_of(const struct mst_conf *c, const struct mst_role_ops *role)
{
	const struct mst_conf_limits *l = &c->limits;

	return (struct mst_coap_limits){
		.sessions = (unsigned)l->coap_sessions,
		.handshakes = (unsigned)l->handshakes,
		.requests = (unsigned)l->requests,
		.body_octets = !role ? 0 : role->content_max ? role->content_max : l->body_octets < COAP_PRIMITIVE ? (size_t)l->body_octets : COAP_PRIMITIVE,
		.held_octets = (size_t)l->bodies,
		.handshake_ms = l->handshake * 1000,
		.idle_ms = l->idle * 1000,
		.answer_ms = l->answer * 1000,
		.session_ms = l->session * 1000,
	};
}

static bool is_datagram(int fd)
{
	socklen_t n = sizeof(int);
	int type = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) && type == SOCK_DGRAM;
}

static enum mst_coap_dialect dialect_of(const struct listener *l, const struct mst_role_ops *role)
{
	return role->primitives ? mst_coap_onem2m(mst_conf_role(l->u.conf, role->role)->quirks.coap_options) : MST_COAP_BARE;
}

static int open_coap(struct listener *l, struct endpoint *e, int fd)
{
	struct mst_coap_limits lim = coap_limits_of(l->u.conf, e->role);
	int r = mst_coap_server_new(l->u.base, fd, l->dtls, mst_conf_role(l->u.conf, e->role->role)->fqdn, &lim,
				    e->role->psk ? &listener_coap_psk_ops : &listener_coap_ops, e, &e->coap);

	if (!r)
		mst_coap_server_speak(e->coap, dialect_of(l, e->role));
	return r;
}

static int open_endpoints(struct listener *l, const struct mst_role_ops *role, struct mst_diag *d)
{
	struct mst_server_limits lim = limits_of(l->u.conf, role);

	for (size_t i = 0; i < l->u.n_sockets; i++) {
		struct endpoint *e = &l->endpoint[l->n_endpoints];
		bool metrics = l->u.metrics_socket && i + 1 == l->u.n_sockets;
		int r;

		*e = (struct endpoint){ .l = l, .role = metrics ? NULL : role };
		r = e->role && l->dtls && is_datagram(l->u.socket[i]) ?
			open_coap(l, e, l->u.socket[i]) :
			mst_server_new(l->u.base, l->u.socket[i], metrics ? NULL : l->tls, &lim,
				       metrics             ? &listener_metrics_ops
				       : role && role->psk ? &listener_psk_ops
							   : &listener_role_ops,
				       e, &e->server);
		if (r) {
			mst_diag_set(d, 0, "listen", "an endpoint cannot be opened", NULL);
			return r;
		}
		l->u.socket[i] = -1;
		l->n_endpoints++;
	}
	return 0;
}

static int listener_start(struct mst_unit *u, struct mst_diag *d)
{
	struct listener *l = (struct listener *)(void *)u;
	bool local = u->role == MST_ROLE_NONE;
	const struct mst_role_ops *role = mst_unit_role(u, local ? MST_ROLE_ADMIN : u->role);
	int r;

	if (!role && !local) {
		mst_diag_set(d, 0, mst_role_name[u->role], "this build cannot play that role", NULL);
		return MST_FAULT_CONFIG;
	}
	l->n_slots = (size_t)(u->conf->limits.requests + u->conf->limits.handshakes);
	l->slot = calloc(l->n_slots, sizeof(*l->slot));
	l->out = malloc(MST_FRAME_MAX);
	if (!l->slot || !l->out)
		return MST_FAULT_MEMORY;
	chain_slots(l, SLOT_REQUEST, 0, (size_t)u->conf->limits.requests);
	chain_slots(l, SLOT_PSK, (size_t)u->conf->limits.requests, l->n_slots);
	if (!local && !role->clear) {
		mst_ec_fast_install();
		r = make_tls(l, role, d, &l->tls, &l->dtls);
		r = r ? r : role->primitives ? listener_digest_start(l, d) : 0;
		if (r)
			return r;
	}
	return open_endpoints(l, role, d);
}

static int listener_reload(struct mst_unit *u, struct mst_diag *d)
{
	struct listener *l = (struct listener *)(void *)u;
	struct mst_server_limits lim = limits_of(u->conf, mst_unit_role(u, u->role));
	struct mst_tls_ctx *tls, *dtls;
	int r;

	if (!l->tls) {
		for (size_t i = 0; i < l->n_endpoints; i++)
			mst_server_set_limits(l->endpoint[i].server, &lim);
		return 0;
	}
	r = make_tls(l, mst_unit_role(u, u->role), d, &tls, &dtls);
	if (r)
		return r;
	for (size_t i = 0; i < l->n_endpoints; i++) {
		struct endpoint *e = &l->endpoint[i];

		if (e->coap) {
			struct mst_coap_limits c = coap_limits_of(u->conf, e->role);

			mst_coap_server_set_limits(e->coap, &c);
			mst_coap_server_speak(e->coap, dialect_of(l, e->role));
			mst_coap_server_reload(e->coap, dtls);
			continue;
		}
		mst_server_set_limits(e->server, &lim);
		mst_server_reload(e->server, tls);
	}
	mst_tls_ctx_free(l->tls);
	mst_tls_ctx_free(l->dtls);
	l->tls = tls;
	l->dtls = dtls;
	return 0;
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	unsigned open = 0;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < l->n_endpoints; i++)
		if (l->endpoint[i].role)
			open += l->endpoint[i].coap ? mst_coap_server_open(l->endpoint[i].coap) : mst_server_open(l->endpoint[i].server);
	if (!open)
		mst_unit_done(&l->u);
}

static void listener_drain(struct mst_unit *u)
{
	struct listener *l = (struct listener *)(void *)u;
	struct timeval t = { 0, 20000 };

	for (size_t i = 0; i < l->n_endpoints; i++)
		if (l->endpoint[i].coap)
			mst_coap_server_drain(l->endpoint[i].coap);
		else if (l->endpoint[i].role)
			mst_server_drain(l->endpoint[i].server);
	l->poll = event_new(u->base, -1, EV_PERSIST, on_poll, l);
	if (l->poll)
		event_add(l->poll, &t);
	else
		mst_unit_done(u);
}

static void add_coap(uint64_t *v, const struct mst_coap_server *coap)
{
	struct mst_coap_server_stats s = mst_coap_server_stats(coap);

	v[MST_M_ACCEPTED] += s.accepted;
	v[MST_M_REFUSED] += s.refused;
	v[MST_M_HANDSHAKES] += s.handshakes;
	v[MST_M_HANDSHAKES_FAILED] += s.handshake_failures;
	v[MST_M_REQUESTS] += s.requests;
	v[MST_M_OPEN] += s.open;
	v[MST_M_COAP_OPEN] += s.open;
	v[MST_M_COAP_COOKIES] += s.cookies;
	v[MST_M_COAP_EVICTED] += s.evicted;
	v[MST_M_COAP_REPEATED] += s.repeated;
	v[MST_M_COAP_RESENT] += s.resent;
}

static void listener_tick(struct mst_unit *u)
{
	struct listener *l = (struct listener *)(void *)u;
	uint64_t *v = u->m.v;

	v[MST_M_ACCEPTED] = v[MST_M_REFUSED] = v[MST_M_HANDSHAKES] = v[MST_M_HANDSHAKES_FAILED] = v[MST_M_HTTP2] =
		v[MST_M_REQUESTS] = v[MST_M_OPEN] = v[MST_M_COAP_OPEN] = v[MST_M_COAP_COOKIES] = v[MST_M_COAP_EVICTED] =
		v[MST_M_COAP_REPEATED] = v[MST_M_COAP_RESENT] = 0;
	for (size_t i = 0; i < l->n_endpoints; i++) {
		struct mst_server_stats s;

		if (l->endpoint[i].coap) {
			add_coap(v, l->endpoint[i].coap);
			continue;
		}
		s = mst_server_stats(l->endpoint[i].server);

		v[MST_M_ACCEPTED] += s.accepted;
		v[MST_M_REFUSED] += s.refused;
		v[MST_M_HANDSHAKES] += s.handshakes;
		v[MST_M_HTTP2] += s.h2;
		v[MST_M_HANDSHAKES_FAILED] += s.handshake_failures;
		v[MST_M_REQUESTS] += s.requests;
		v[MST_M_OPEN] += s.open;
	}
	v[MST_M_WAITING] = l->used[SLOT_REQUEST] + l->used[SLOT_PSK];
	v[MST_M_FULL] = l->slot && (l->first_free[SLOT_REQUEST] < 0 || l->first_free[SLOT_PSK] < 0);
}

static void listener_health(struct mst_unit *u, const struct mst_health_frame *h)
{
	struct listener *l = (struct listener *)(void *)u;
	uint8_t *text = malloc(h->text.n + 1);

	l->ready = h->draining ? MST_READY_DRAINING : h->ready;
	if (!text)
		return;
	if (h->text.n)
		memcpy(text, h->text.p, h->text.n);
	free(l->text);
	l->text = text;
	l->n_text = h->text.n;
}

static void listener_pids(struct mst_unit *u, const struct mst_pids *p)
{
	((struct listener *)(void *)u)->own = *p;
}

static void listener_stop(struct mst_unit *u)
{
	struct listener *l = (struct listener *)(void *)u;

	for (size_t i = 0; i < l->n_endpoints; i++)
		if (l->endpoint[i].coap)
			(void)mst_coap_server_free(l->endpoint[i].coap);
		else
			(void)mst_server_free(l->endpoint[i].server);
	for (size_t i = 0; i < u->n_sockets; i++)
		if (u->socket[i] >= 0)
			close(u->socket[i]);
	if (l->poll)
		event_free(l->poll);
	if (l->tls)
		mst_tls_ctx_free(l->tls);
	mst_tls_ctx_free(l->dtls);
	(void)mst_link_free(l->engine);
	if (l->out)
		mst_wipe(l->out, MST_FRAME_MAX);
	free(l->out);
	free(l->slot);
	free(l->text);
}

const struct mst_unit_ops mst_listener_unit = {
	.kind = MST_PROC_LISTENER,
	.size = sizeof(struct listener),
	.start = listener_start,
	.reload = listener_reload,
	.attach = listener_attach,
	.drain = listener_drain,
	.tick = listener_tick,
	.health = listener_health,
	.pids = listener_pids,
	.stop = listener_stop,
};
