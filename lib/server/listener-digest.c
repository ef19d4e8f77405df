/*
 * Ua by HTTPS with Digest (TS 33.222 5.3, TS 24.109 5; spec gba 10.1, 10.2): where BSFs are configured, a client that has shown neither
 * certificate nor key is not let in before it has answered a challenge with its B-TID and the key of its SIM.
 *
 * The key is asked for as for a handshake with that identity, so that all that is true of those is true here: the BSF, the cache,
 * node and subscription. Each request is proved by itself; the nonce is the connection's, and inside TLS nobody can repeat one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/heap.h"
#include "server/listener-internal.h"

#define NONCE_HEX 32
#define PREFIX "3GPP-bootstrapping"

struct digest {
	struct endpoint *endpoint;
	const struct mst_http_msg *msg;      /* borrowed until it is answered, as what `a` points into */
	struct gba_authorization a;
	char identity[MST_ID_MAX];           /* as in a handshake */
	struct mst_key key;                  /* once it has come: for rspauth */
	bool waiting;
};

void listener_digest_free(struct slot *s)
{
	if (!s->digest)
		return;
	mst_heap_give(s->digest);
	s->digest = NULL;
}

int listener_digest_start(struct listener *l, struct mst_diag *d)
{
	const char *which = "";
	int r = gba_self_test(l->u.crypto, &which);

	if (r) {
		mst_diag_set(d, 0, "self test", which, ": the crypto library gives a wrong answer; bsfs cannot be used with it", NULL);
		return r < 0 ? r : MST_FAULT_CRYPTO;
	}
	return l->u.crypto->ops->random(l->u.crypto, l->nonce_key, sizeof(l->nonce_key));
}

static const struct mst_conf_role *naf_of(const struct listener *l, const struct endpoint *e)
{
	const struct mst_conf_role *r = e->role && e->role->primitives ? mst_conf_role(l->u.conf, e->role->role) : NULL;

	return r && r->n_bsfs ? r : NULL;
}

/* Nobody else can know it, and it is another on each connection. */
static bool nonce_of(struct listener *l, struct mst_conn *c, char out[NONCE_HEX + 1])
{
	uint8_t id[8], mac[MST_SHA256_LEN];
	struct mst_writer w = mst_writer_of(id, sizeof(id)), t = mst_writer_of(out, NONCE_HEX + 1);
	int r;

	mst_put_u64(&w, mst_conn_id(c));
	r = l->u.crypto->ops->hmac_sha256(l->u.crypto, (struct mst_view){ l->nonce_key, sizeof(l->nonce_key) }, mst_written(&w), mac);
	mst_put_hex(&t, (struct mst_view){ mac, NONCE_HEX / 2 });
	mst_put_nul(&t);
	return !r && t.ok;
}

static void realm_of(const struct mst_conf_role *r, char out[MST_ID_MAX + sizeof(PREFIX) + 1])
{
	snprintf(out, MST_ID_MAX + sizeof(PREFIX) + 1, PREFIX "@%s", r->fqdn);
}

static void challenge(struct listener *l, struct endpoint *e, struct mst_conn *c, const char *nonce, bool stale)
{
	char realm[MST_ID_MAX + sizeof(PREFIX) + 1], lines[1024];
	struct mst_writer w = mst_writer_of(lines, sizeof(lines)), out = mst_writer_of(l->out, MST_FRAME_MAX);
	struct gba_challenge ch = { .nonce = mst_view_str(nonce), .algorithm = GBA_MD5, .qops = GBA_QOP_AUTH | GBA_QOP_AUTH_INT, .stale = stale };

	realm_of(naf_of(l, e), realm);
	ch.realm = mst_view_str(realm);
	mst_put_str(&w, "WWW-Authenticate: ");
	gba_put_challenge(&w, &ch);
	mst_put_str(&w, "\r\n");
	mst_put_nul(&w);
	listener_put_plain(&out, 401, "text/plain", w.ok ? lines : "", MST_VIEW_LIT("a certificate, a pre-shared key, or bootstrapping (3GPP GBA) and this challenge\n"), 0, mst_conn_keep_alive(c));
	mst_conn_answer(c, mst_written(&out), !mst_conn_keep_alive(c));
}

/* NULL, or why the answer to the challenge is none, for the operator. A first message answers none yet. */
static const char *read_answer(const struct mst_conf_role *r, const struct mst_http_msg *m, struct digest *g, struct mst_diag *d)
{
	char realm[MST_ID_MAX + sizeof(PREFIX) + 1];
	struct mst_view v;
	int n;

	if (!listener_only_one(m, "Authorization", &v))
		return "Authorization stands there twice";
	if (gba_authorization_read(v, &g->a, d))
		return d->text;
	if (gba_is_first(&g->a))
		return NULL;
	realm_of(r, realm);
	if (!mst_view_eq_str(g->a.realm, realm))
		return "the realm is not ours";
	if (!mst_view_eq(g->a.uri, m->target))
		return "the uri is not that of the request";
	if (g->a.algorithm != GBA_MD5 || g->a.qop == GBA_QOP_NONE || g->a.has_auts)
		return "MD5 with qop auth or auth-int was asked for";
	n = snprintf(g->identity, sizeof(g->identity), PREFIX ";%.*s", (int)g->a.username.n, (const char *)g->a.username.p);
	return n > 0 && (size_t)n < sizeof(g->identity) ? NULL : "the B-TID is too long";
}

bool listener_digest(struct endpoint *e, struct mst_conn *c, const struct mst_http_msg *m)
{
	struct listener *l = e->l;
	const struct mst_conf_role *r = naf_of(l, e);
	char nonce[NONCE_HEX + 1];
	struct mst_diag d = { 0 };
	const char *why = NULL;
	struct digest *g;
	struct slot *s;

	if (!r || mst_conn_peer(c)->how != MST_AUTH_ANONYMOUS)
		return false;
	s = l->engine ? slot_take(l, SLOT_REQUEST, line_http(c)) : NULL;
	g = s ? mst_heap_take(sizeof(*g)) : NULL;      /* a key comes into it */
	if (!g || !nonce_of(l, c, nonce)) {
		mst_heap_give(g);
		if (s)
			slot_free(l, s);
		listener_busy(line_http(c), 1);
		return true;
	}
	s->digest = g;
	s->role = e->role;
	g->endpoint = e;
	g->msg = m;
	if (mst_http_find(m, "Authorization").n)
		why = read_answer(r, m, g, &d);
	if (!mst_http_find(m, "Authorization").n || why || !mst_view_eq_str(g->a.nonce, nonce)) {
		bool stale = !why && g->a.nonce.n;

		if (why)
			listener_tell_refused(l, e->role, mst_conn_peer(c), "", 401, why);
		slot_free(l, s);
		challenge(l, e, c, nonce, stale);
		return true;
	}
	g->waiting = true;
	s->ask.role = e->role->role;
	s->ask.channel = l->u.channel.id;
	memcpy(s->ask.identity, g->identity, sizeof(s->ask.identity));
	memcpy(s->ask.address, mst_conn_peer(c)->address, sizeof(s->ask.address));
	s->ask.suite = mst_conn_peer(c)->suite;
	listener_ask_key(l, s);
	return true;
}

static struct gba_digest terms(const struct digest *g, struct mst_writer *password)
{
	mst_put_base64(password, mst_key_view(&g->key));
	return (struct gba_digest){ .algorithm = g->a.algorithm, .qop = g->a.qop, .username = g->a.username, .realm = g->a.realm,
				    .nonce = g->a.nonce, .nc = g->a.nc, .cnonce = g->a.cnonce, .uri = g->a.uri,
				    .password = mst_written(password) };
}

/* As a handshake with that identity that has failed: the engine finds out why there was no key. */
static void tell_unknown(const struct digest *g, const struct mst_peer *peer)
{
	struct mst_peer p = *peer;

	p.how = MST_AUTH_PSK;
	memcpy(p.psk_identity, g->identity, sizeof(p.psk_identity));
	listener_handshake_failed(g->endpoint, &p, MST_TLS_PSK_REFUSED, "HTTP Digest");
}

bool listener_digest_key(struct listener *l, struct slot *s, const struct mst_key *k)
{
	struct digest *g = s->digest;
	struct mst_conn *c = s->line.http;
	char text[2 * MST_KEY_MAX], nonce[NONCE_HEX + 1] = "";
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct gba_digest t;
	int r;

	if (!g || !g->waiting)
		return false;
	g->waiting = false;
	/* unknown and wrong look alike, and take as long (lesson 21): nobody's key is looked at, and is never right */
	g->key = k ? *k : (struct mst_key){ .n = MST_KEY_LEN };
	t = terms(g, &w);
	t.method = g->msg->method;
	t.body = g->msg->body;
	r = gba_digest_check(l->u.crypto, &t, g->a.response);
	mst_wipe(text, sizeof(text));
	if (k && !r) {
		listener_request(g->endpoint, s->line, g->msg, s);
		return true;
	}
	if (k)
		listener_tell_refused(l, s->role, mst_conn_peer(c), "", 401, "the B-TID is known, and the Digest is not made with its key");
	else
		tell_unknown(g, mst_conn_peer(c));
	if (nonce_of(l, c, nonce)) {
		struct endpoint *e = g->endpoint;

		slot_free(l, s);
		challenge(l, e, c, nonce, false);
	} else {
		slot_free(l, s);
		listener_busy(line_http(c), 1);
	}
	return true;
}

/* Whoever has answered the challenge is, for this request, as if it had come with that key. */
void listener_digest_peer(const struct slot *s, struct mst_peer *p)
{
	if (!s->digest)
		return;
	p->how = MST_AUTH_PSK;
	memcpy(p->psk_identity, s->digest->identity, sizeof(p->psk_identity));
}

void listener_digest_info(struct listener *l, const struct slot *s, struct mst_view content, struct mst_writer *w)
{
	const struct digest *g = s->digest;
	char text[2 * MST_KEY_MAX], hex[GBA_DIGEST_HEX];
	struct mst_writer p = mst_writer_of(text, sizeof(text));
	struct gba_auth_info i;
	struct gba_digest t;

	if (!g)
		return;
	t = terms(g, &p);
	t.body = content;
	if (!gba_digest(l->u.crypto, &t, hex)) {
		i = (struct gba_auth_info){ .rspauth = mst_view_str(hex), .cnonce = g->a.cnonce, .nc = g->a.nc, .qop = g->a.qop };
		mst_put_str(w, "Authentication-Info: ");
		gba_put_auth_info(w, &i);
		mst_put_str(w, "\r\n");
	}
	mst_wipe(text, sizeof(text));
}
