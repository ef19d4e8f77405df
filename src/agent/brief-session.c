#include <string.h>

#include "agent/briefing.h"
#include "agent/lan.h"

static mst_time tls_now(void *arg)
{
	return agent_utc_or_0(arg);
}

/* "node-7@bbn.example.com" is shared with that briefing node alone; an identity without a name goes to whoever asks. */
static bool secret_is_for(const struct agent *a, const char *host)
{
	const char *at = strrchr(a->cfg.psk_identity, '@');

	return a->psk.n && (!at || !strcasecmp(at + 1, host));
}

static int open_tls(struct agent *a, const struct mst_instruction *i, struct mst_tls_ctx **ret, struct mst_diag *d)
{
	bool own = i->n_anchors || i->n_pins, cert = a->chain_n && a->pkcs8_n;
	struct mst_tls_config c = {
		.profile = (enum mst_tls_profile)a->cfg.tls_profile,
		.require_ems = true,
		.chain_pem = { (const uint8_t *)a->chain_pem, cert ? a->chain_n : 0 },
		.key_pkcs8 = { a->pkcs8, cert ? a->pkcs8_n : 0 },
		.anchors = own ? i->anchors : a->anchors,
		.n_anchors = own ? i->n_anchors : a->n_anchors,
		.now = tls_now,
		.now_arg = a,
		.clock_floor = agent_utc(a),
	};

	return mst_tls_ctx_new(&c, ret, d);
}

int brief_session_open(struct agent *a, const struct mst_instruction *i, const char *host, uint16_t port, mst_ms open_ms,
		       mst_ms answer_ms, const struct mst_client_ops *ops, void *owner, struct brief_session *ret_s, struct mst_diag *d)
{
	const char *route = agent_config_route(&a->cfg, host, port);
	bool psk = !a->chain_n && secret_is_for(a, host);
	struct mst_client_config c = {
		.base = a->base, .host = host, .port = port, .server_name = host,
		.connect_to = route ? route : lan_route(a, host, port),
		.psk = psk ? &a->psk : NULL, .psk_identity = psk ? a->cfg.psk_identity : NULL,
		.limits = { .header_octets = 16384, .body_octets = 65536 },
		.connect_ms = open_ms, .handshake_ms = open_ms, .answer_ms = answer_ms,
		.pins = i->pins, .n_pins = psk ? 0 : i->n_pins,
	};
	struct brief_session s = { .as = psk ? "psk" : a->chain_n ? "certificate" : "stranger" };
	int r = psk ? 0 : open_tls(a, i, &s.tls, d);

	if (r)
		return r;
	c.tls = psk ? a->tls_psk : s.tls;
	r = mst_client_new(&c, ops, owner, &s.client);
	if (r)
		s.tls = mst_tls_ctx_free(s.tls);
	else
		*ret_s = s;
	return r;
}

void brief_session_close(struct brief_session *s)
{
	s->client = mst_client_free(s->client);
	s->tls = mst_tls_ctx_free(s->tls);
}
