/* Sessions with a MEF or a MAF: trust settings, dialling, and the words for how they end. */
#include "agent/agent.h"

#include <string.h>

#include "agent/card.h"
#include "agent/inside.h"
#include "agent/session-digest.h"
#include "base/text.h"

/* TLS judges validity by what we know of the time; 0 while that is nothing but a floor (lesson 15). */
mst_time session_utc(void *arg)
{
	struct agent *a = arg;

	mst_clock_judges(&a->clock);
	return agent_utc_or_0(a);
}

/* A certificate that a MEF gave proves this node to that one; another MEF is shown the initial one. */
static bool our_mef(const struct agent *a, const struct mst_instruction *i)
{
	struct enrolee_peer mef;

	return !i || !a->has_active || !enrolee_peer_of(i->uri, &mef) || !strcmp(mef.host, a->active.mef_fqdn);
}

int session_tls_mef(struct agent *a, const struct mst_instruction *i, bool coap, struct mst_tls_ctx **ret, struct session_pins *ret_pins,
		    struct mst_diag *d)
{
	bool own = i && (i->n_anchors || i->n_pins);
	const struct own_cert *cert = our_mef(a, i) ? own_choice(a) : NULL;
	uint8_t pem[2 * MST_CERT_MAX];
	struct mst_writer w = mst_writer_of(pem, sizeof(pem));
	struct mst_tls_config c = {
		.datagram = coap,
		.profile = (enum mst_tls_profile)a->cfg.tls_profile,
		.require_ems = true,
		.chain_pem = { (const uint8_t *)a->chain_pem, a->chain_n },
		/* An instruction's anchors and pins replace ours: it says what authenticates that peer
		   (architecture 3.1). */
		.anchors = own ? i->anchors : a->anchors,
		.n_anchors = own ? i->n_anchors : a->n_anchors,
		.now = session_utc,
		.now_arg = a,
		.clock_floor = agent_floor(a),
	};

	if (cert) {
		mst_pem_put(&w, "CERTIFICATE", (struct mst_view){ cert->der, cert->der_n });
		c.chain_pem = mst_written(&w);
	}
	memset(ret_pins, 0, sizeof(*ret_pins));
	for (size_t n = 0; own && n < i->n_pins; n++) {
		if (!mst_view_to_str(i->pins[n], ret_pins->text[n], sizeof(ret_pins->text[n])))
			return MST_FAULT_BUG;                /* the decoder allows no longer ones */
		ret_pins->v[n] = mst_view_str(ret_pins->text[n]);
		ret_pins->n++;
	}
	return w.ok ? inside_tls(a, cert ? &cert->key : &a->key, &c, ret, d) : MST_FAULT_BUG;
}

uint32_t agent_bootstrap_methods(const struct agent *a)
{
	return (a->chain_n && a->key.n ? UINT32_C(1) << MST_METHOD_CERT : 0) |
	       (a->has_secret && a->cfg.psk_identity[0] ? UINT32_C(1) << MST_METHOD_PSK : 0) |
	       (card_there(&a->cfg) ? UINT32_C(1) << MST_METHOD_GBA : 0);
}

int session_tls_psk(struct agent *a, bool coap, struct mst_tls_ctx **ret, struct mst_diag *d)
{
	struct mst_tls_config c = {
		.datagram = coap,
		.profile = (enum mst_tls_profile)a->cfg.tls_profile, .require_ems = true, .allow_psk = true,
		.now = session_utc, .now_arg = a, .clock_floor = agent_utc(a),
	};

	return mst_tls_ctx_new(&c, ret, d);
}

/* The TLS settings for a key that belongs to that Ua protocol. Borrowed; NULL after a fault. */
static struct mst_tls_ctx *tls_for(struct agent *a, const uint8_t *ua)
{
	uint16_t suite = card_suite(ua);
	bool digest = card_digest(ua);
	struct mst_tls_config c = {
		.profile = (enum mst_tls_profile)a->cfg.tls_profile, .require_ems = true, .allow_psk = !digest,
		.now = session_utc, .now_arg = a, .clock_floor = agent_floor(a), .psk_suite = digest ? 0 : suite, .cert_suite = digest ? suite : 0,
		.anchors = a->anchors, .n_anchors = digest ? a->n_anchors : 0,
	};
	struct mst_diag d = { 0 };
	int r;

	if (!suite)
		return NULL;
	if (a->tls_naf && a->tls_naf_suite == suite && !digest)      /* anchors and the time may be others now */
		return a->tls_naf;
	a->tls_naf = mst_tls_ctx_free(a->tls_naf);
	a->tls_naf_suite = suite;
	r = mst_tls_ctx_new(&c, &a->tls_naf, &d);
	if (r) {
		agent_log(a, AGENT_ERROR, "tls", "why", agent_why(&d, r), NULL);
		a->tls_naf = NULL;
	}
	return a->tls_naf;
}

int session_open_maf(struct agent *a, void *owner, const struct enrolee_peer *at, const struct mst_root_cred *c, const struct mst_client_ops *ops,
		     struct mst_client **ret)
{
	struct mst_quirks q = agent_config_quirks(&a->cfg);
	bool naf = mst_is_naf_key(c);
	char identity[MST_ID_MAX];
	struct mst_writer w = mst_writer_of(identity, sizeof(identity));
	struct mst_diag d = { 0 };
	struct mst_key key;
	int r;

	if (naf) {
		gba_put_psk_identity(&w, GBA_HINT_ME, agent_config_separator(&a->cfg), mst_view_str(c->key_id));
		mst_put_nul(&w);
	} else {
		mst_key_id_spell(c->key_id, q.hex_lower, identity);
	}
	if (!w.ok)
		return MST_FAULT_CRYPTO;
	r = inside_root_key(a, c, &key, &d);
	if (!r)
		r = session_open_key(a, owner, at, naf ? c->ua : NULL, &key, identity, ops, ret);
	mst_key_wipe(&key);
	return r;
}

int session_open_mef(struct agent *a, void *owner, const struct enrolee_peer *at, struct mst_tls_ctx *tls, const struct session_pins *pins,
		     const struct mst_client_ops *ops, struct mst_client **ret)
{
	struct mst_diag d = { 0 };
	struct mst_key secret;
	int r;

	if (tls)
		return session_open(a, owner, at, tls, pins, NULL, NULL, ops, ret);
	r = inside_secret(a, &secret, &d);
	if (!r)
		r = session_open(a, owner, at, NULL, NULL, &secret, a->cfg.psk_identity, ops, ret);
	mst_key_wipe(&secret);
	return r;
}

static struct mst_client_config client_config(struct agent *a, const struct enrolee_peer *at, struct mst_tls_ctx *tls)
{
	struct mst_quirks q = agent_config_quirks(&a->cfg);

	return (struct mst_client_config){
		.base = a->base,
		.tls = tls ? tls : at->coap ? a->dtls_psk : a->tls_psk,
		.dialect = at->coap ? mst_coap_onem2m(q.coap_early) : MST_COAP_BARE,
		.host = at->host,
		.port = at->port,
		.server_name = at->host,
		.connect_to = agent_config_route(&a->cfg, at->host, at->port),
		.limits = { .header_octets = 16384, .body_octets = 65536 },
		.connect_ms = a->cfg.open_timeout * 1000,
		/* silence over datagrams says something about the key: before the enrolee's own time is over, which says nothing */
		.handshake_ms = a->cfg.open_timeout * (at->coap ? 900 : 1000),
		.answer_ms = a->cfg.answer_timeout * 1000,
	};
}

int session_open(struct agent *a, void *owner, const struct enrolee_peer *at, struct mst_tls_ctx *tls, const struct session_pins *pins,
		 const struct mst_key *psk, const char *psk_identity, const struct mst_client_ops *ops, struct mst_client **ret)
{
	struct mst_client_config c = client_config(a, at, tls);

	c.psk = psk;
	c.psk_identity = psk_identity;
	c.pins = pins ? pins->v : NULL;
	c.n_pins = pins ? pins->n : 0;
	return mst_client_new(&c, ops, owner, ret);
}

int session_open_key(struct agent *a, void *owner, const struct enrolee_peer *at, const uint8_t *ua, const struct mst_key *key,
		     const char *identity, const struct mst_client_ops *ops, struct mst_client **ret)
{
	struct mst_tls_ctx *tls = ua ? tls_for(a, ua) : NULL;
	struct mst_client_config c;
	int r;

	if (ua && (!tls || at->coap))
		return MST_FAULT_CRYPTO;
	if (!ua || !card_digest(ua))
		return session_open(a, owner, at, tls, NULL, key, identity, ops, ret);
	c = client_config(a, at, tls);
	r = session_digest(a->crypto, at->host, identity, key, &c);
	return r ? r : mst_client_new(&c, ops, owner, ret);
}

mst_time session_speaks_until(const struct mst_peer *p)
{
	return p->how == MST_AUTH_CERT ? p->cert.not_after : p->how == MST_AUTH_PSK ? MST_TIME_MAX : 0;
}

/*
 * How a session ended, as a reason. What we could not verify is "untrusted"; what the peer did not take
 * of ours is "not authenticated"; only an answer inside a session can say "unknown" (lesson 6).
 */
enum prov_reason session_reason(enum mst_tls_end why)
{
	switch (why) {
	case MST_TLS_OPEN: return PROV_INTERNAL;
	case MST_TLS_CLOSED:
	case MST_TLS_CUT:
	case MST_TLS_TRUNCATED:
	case MST_TLS_UNREACHABLE:
	case MST_TLS_NAME_UNKNOWN: return PROV_UNREACHABLE;
	case MST_TLS_SILENT:
	case MST_TLS_TIMEOUT: return PROV_TIMEOUT;
	case MST_TLS_NO_COMMON_SUITE: return PROV_UNSUPPORTED;
	case MST_TLS_NO_CERTIFICATE: return PROV_NOT_AUTHENTICATED;
	/* As likely our clock as their certificate: a reason of its own, so that the remedy names it. */
	case MST_TLS_EXPIRED: return PROV_EXPIRED;
	case MST_TLS_NOT_YET_VALID: return PROV_NOT_YET_VALID;
	case MST_TLS_UNTRUSTED:
	case MST_TLS_REVOKED:
	case MST_TLS_CRL_STALE:
	case MST_TLS_BAD_CERTIFICATE:
	case MST_TLS_WRONG_NAME:
	case MST_TLS_NO_SNI: /* who answers there serves another name: not the one we mean */
		return PROV_UNTRUSTED;
	case MST_TLS_PSK_REFUSED:
	case MST_TLS_ALERT: return PROV_NOT_AUTHENTICATED;
	case MST_TLS_PROTOCOL: return PROV_MALFORMED;
	case MST_TLS_TOO_LARGE: return PROV_OVERSIZED;
	case MST_TLS_BUSY: return PROV_BUSY;
	}
	return PROV_INTERNAL;
}

enum prov_reason session_root_reason(enum mst_tls_end why)
{
	return why == MST_TLS_SILENT ? PROV_NOT_AUTHENTICATED : session_reason(why);
}

void session_detail(char *out, size_t cap, enum mst_tls_end why, const char *detail)
{
	snprintf(out, cap, "%s%s%s", mst_tls_end_text(why), detail && *detail ? ": " : "",
		 detail ? detail : "");
}

bool session_send(struct mst_client *c, const struct mst_request *q, const char *host)
{
	return mst_client_request(c, q, host) == 0;
}

int session_answer(const struct mst_http_msg *m, struct mst_response *ret_a, struct mst_diag *d)
{
	return mst_answer_from_http(m, ret_a, d);
}
