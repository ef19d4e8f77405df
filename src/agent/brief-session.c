#include <string.h>

#include "agent/briefing.h"
#include "agent/inside.h"
#include "agent/lan.h"

/* "node-7@bbn.example.com" is shared with that briefing node alone; an identity without a name goes to whoever asks. */
static bool secret_is_for(const struct agent *a, const char *host)
{
	const char *at = strrchr(a->cfg.psk_identity, '@');

	return a->has_secret && (!at || !strcasecmp(at + 1, host));
}

/* TLS or DTLS. With the node's secret its server is proven by it, and nothing else counts. */
static int open_tls(struct agent *a, const struct mst_instruction *i, bool psk, bool coap, struct mst_tls_ctx **ret, struct mst_diag *d)
{
	bool own = i->n_anchors || i->n_pins, cert = a->chain_n && a->key.n && !psk;
	struct mst_tls_config c = {
		.datagram = coap,
		.profile = (enum mst_tls_profile)a->cfg.tls_profile,
		.require_ems = true,
		.allow_psk = psk,
		.chain_pem = { (const uint8_t *)a->chain_pem, cert ? a->chain_n : 0 },
		.now = session_utc,
		.now_arg = a,
		.clock_floor = agent_floor(a),
	};

	if (!psk) {
		c.anchors = own ? i->anchors : a->anchors;
		c.n_anchors = own ? i->n_anchors : a->n_anchors;
	}
	return cert ? inside_tls(a, &a->key, &c, ret, d) : mst_tls_ctx_new(&c, ret, d);
}

/* --- the two transports, as one --- */

static void http_open(void *owner, struct mst_client *c)
{
	struct brief_session *s = owner;

	s->ops->on_open(s->owner, mst_client_peer(c));
}

static void http_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct brief_session *s = owner;

	(void)c;
	s->ops->on_response(s->owner, m);
}

static void http_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct brief_session *s = owner;

	(void)c;
	s->ops->on_end(s->owner, why, detail);
}

static void coap_open(void *owner, struct mst_coap_client *c)
{
	struct brief_session *s = owner;

	s->ops->on_open(s->owner, mst_coap_client_peer(c));
}

static void coap_response(void *owner, struct mst_coap_client *c, const struct mst_http_msg *m)
{
	struct brief_session *s = owner;

	(void)c;
	s->ops->on_response(s->owner, m);
}

static void coap_end(void *owner, struct mst_coap_client *c, enum mst_tls_end why, const char *detail)
{
	struct brief_session *s = owner;

	(void)c;
	s->ops->on_end(s->owner, why, detail);
}

static const struct mst_client_ops http_ops = { http_open, http_response, http_end };
static const struct mst_coap_client_ops coap_ops = { coap_open, coap_response, coap_end };

int brief_session_open(struct agent *a, const struct mst_instruction *i, const struct briefing *b, mst_ms open_ms, mst_ms answer_ms,
		       const struct brief_session_ops *ops, void *owner, struct brief_session *ret_s, struct mst_diag *d)
{
	const char *route = agent_config_route(&a->cfg, b->host, b->port);
	bool psk = !a->chain_n && secret_is_for(a, b->host);
	struct mst_key secret = { .n = 0 };
	struct mst_client_config c = {
		.base = a->base, .host = b->host, .port = b->port, .server_name = b->host,
		.connect_to = route ? route : lan_route(a, b->host, b->port),
		.psk = psk ? &secret : NULL, .psk_identity = psk ? a->cfg.psk_identity : NULL,
		.limits = { .header_octets = 16384, .body_octets = 65536 },
		.connect_ms = open_ms, .handshake_ms = open_ms, .answer_ms = answer_ms,
		.pins = i->pins, .n_pins = psk ? 0 : i->n_pins,
	};
	int r;

	/* so that the session can still say why it came to nothing, before the machine's own time is over */
	if (b->coap)
		c.handshake_ms = open_ms * 9 / 10;
	*ret_s = (struct brief_session){ .as = psk ? "psk" : a->chain_n ? "certificate" : "stranger", .ops = ops, .owner = owner };
	r = psk && !b->coap ? 0 : open_tls(a, i, psk, b->coap, &ret_s->tls, d);
	if (!r && psk) {
		r = inside_secret(a, &secret, d);
		r = r > 0 ? MST_FAULT_CONFIG : r;
	}
	if (r) {
		ret_s->tls = mst_tls_ctx_free(ret_s->tls);
		return r;
	}
	c.tls = ret_s->tls ? ret_s->tls : a->tls_psk;
	r = b->coap ? mst_coap_client_new(&c, &coap_ops, ret_s, &ret_s->coap) : mst_client_new(&c, &http_ops, ret_s, &ret_s->client);
	mst_key_wipe(&secret);
	if (r)
		ret_s->tls = mst_tls_ctx_free(ret_s->tls);
	return r;
}

bool brief_session_send(struct brief_session *s, const struct briefing *b)
{
	uint8_t octets[BRIEFING_REQUEST];
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));

	if (s->coap)
		return mst_coap_client_post(s->coap, b->path, briefing_media(b), briefing_media(b), (struct mst_view){ b->content, b->content_n }) == 0;
	briefing_request(b, &w);
	return w.ok && mst_client_send(s->client, mst_written(&w)) == 0;
}

void brief_session_close(struct brief_session *s)
{
	s->client = mst_client_free(s->client);
	s->coap = mst_coap_client_free(s->coap);
	s->tls = mst_tls_ctx_free(s->tls);
}
