/* The transport port: our TLS profile over one blocking session. */
#include <stdio.h>
#include <string.h>

#include "port/openssl-port.h"

/* What we could not verify is "untrusted"; what the peer did not take of ours is "not authenticated" (lesson 6). */
static enum muster_reason reason_of(enum mst_tls_end why)
{
	switch (why) {
	case MST_TLS_OPEN: return MUSTER_INTERNAL;
	case MST_TLS_CLOSED:
	case MST_TLS_CUT:
	case MST_TLS_TRUNCATED:
	case MST_TLS_UNREACHABLE:
	case MST_TLS_NAME_UNKNOWN: return MUSTER_UNREACHABLE;
	case MST_TLS_SILENT:
	case MST_TLS_TIMEOUT: return MUSTER_TIMEOUT;
	case MST_TLS_NO_COMMON_SUITE: return MUSTER_UNSUPPORTED;
	case MST_TLS_EXPIRED: return MUSTER_EXPIRED;
	case MST_TLS_NOT_YET_VALID: return MUSTER_NOT_YET_VALID;
	case MST_TLS_UNTRUSTED:
	case MST_TLS_REVOKED:
	case MST_TLS_CRL_STALE:
	case MST_TLS_BAD_CERTIFICATE:
	case MST_TLS_WRONG_NAME:
	case MST_TLS_NO_SNI: return MUSTER_UNTRUSTED;
	case MST_TLS_NO_CERTIFICATE:
	case MST_TLS_PSK_REFUSED:
	case MST_TLS_ALERT: return MUSTER_NOT_AUTHENTICATED;
	case MST_TLS_PROTOCOL: return MUSTER_MALFORMED;
	case MST_TLS_TOO_LARGE: return MUSTER_OVERSIZED;
	case MST_TLS_BUSY: return MUSTER_BUSY;
	}
	return MUSTER_INTERNAL;
}

static enum muster_reason failed(enum mst_tls_end why, const char *what, char *detail)
{
	port_say(detail, mst_tls_end_text(why), what);
	return reason_of(why);
}

static mst_time judge_time(void *arg)
{
	return ((struct muster_openssl *)arg)->utc;
}

/* The trust settings of one session: an instruction's anchors and pins replace those of the device. */
static int context(struct muster_openssl *o, const struct muster_session *s, struct mst_tls_ctx **ret, char *detail)
{
	struct mst_view anchors[PORT_ANCHORS_MAX];
	struct mst_tls_config c = {
		.profile = MST_TLS_BOTH, .require_ems = true, .allow_psk = s->auth == MUSTER_AUTH_PSK, .now = judge_time, .now_arg = o,
		.clock_floor = s->utc, .psk_suite = (uint16_t)s->suite,
	};
	struct mst_diag d = { 0 };
	int r;

	if (s->auth == MUSTER_AUTH_CERTIFICATE) {
		bool own = !s->n_anchors && !s->n_pins;

		for (size_t i = 0; i < s->n_anchors && i < PORT_ANCHORS_MAX; i++)
			anchors[i] = (struct mst_view){ s->anchors[i].p, s->anchors[i].n };
		c.anchors = own ? o->anchors : anchors;
		c.n_anchors = own ? o->n_anchors : s->n_anchors < PORT_ANCHORS_MAX ? s->n_anchors : PORT_ANCHORS_MAX;
		c.chain_pem = (struct mst_view){ o->chain, o->chain_n };
		c.key_pkcs8 = (struct mst_view){ o->pkcs8, o->pkcs8_n };
	}
	/* 0: below the floor, so validity is judged as with a clock that is not set (lesson 15) */
	o->utc = s->utc_is_set ? s->utc : 0;
	r = mst_tls_ctx_new(&c, ret, &d);
	if (r)
		port_say(detail, d.field, d.text[0] ? d.text : r < 0 ? mst_fault_text(r) : "TLS settings that cannot be used");
	return r;
}

static void shut(void *ctx)
{
	struct muster_openssl *o = ctx;

	o->session = mst_blocking_free(o->session);
}

static enum muster_reason open_session(void *ctx, const struct muster_session *s, unsigned char exported[MUSTER_EXPORT_LEN], int64_t ms,
				       char *detail)
{
	struct muster_openssl *o = ctx;
	struct mst_view pins[PORT_PINS_MAX];
	struct mst_blocking_config c = { .host = s->host, .port = s->port, .address = o->cfg.address, .pins = pins };
	char why_text[MST_BLOCKING_DETAIL] = "";
	enum mst_tls_end why = MST_TLS_OPEN;
	struct mst_key psk = { 0 };
	int r;

	shut(o);
	for (; c.n_pins < s->n_pins && c.n_pins < PORT_PINS_MAX; c.n_pins++)
		pins[c.n_pins] = mst_view_str(s->pins[c.n_pins]);
	if (s->auth == MUSTER_AUTH_PSK && mst_key_set(&psk, (struct mst_view){ s->psk.p, s->psk.n })) {
		c.psk = &psk;
		c.psk_identity = s->psk_identity;
	}
	if (s->auth != MUSTER_AUTH_NONE && context(o, s, &c.tls, detail))
		return MUSTER_INTERNAL;
	r = mst_blocking_open(&c, ms, &o->session, &why, why_text);
	mst_tls_ctx_free(c.tls);
	mst_key_wipe(&psk);
	if (r > 0)
		return failed(why, why_text, detail);
	if (!r && s->export_label)
		r = mst_blocking_export(o->session, s->export_label, exported, MUSTER_EXPORT_LEN);
	if (r)
		port_say(detail, "session", mst_fault_text(r));
	return r ? MUSTER_INTERNAL : MUSTER_OK;
}

static enum muster_reason over(struct muster_openssl *o, char *detail)
{
	const char *what = "";
	enum mst_tls_end why = mst_blocking_end(o->session, &what);

	return failed(why, what, detail);
}

static enum muster_reason write_some(void *ctx, const void *octets, size_t n, size_t *ret_n, int64_t ms, char *detail)
{
	struct muster_openssl *o = ctx;

	*ret_n = 0;
	if (!o->session)
		return MUSTER_INTERNAL;
	return mst_blocking_write(o->session, (struct mst_view){ octets, n }, ms, ret_n) ? over(o, detail) : MUSTER_OK;
}

static enum muster_reason read_some(void *ctx, void *out, size_t cap, size_t *ret_n, int64_t ms, char *detail)
{
	struct muster_openssl *o = ctx;

	*ret_n = 0;
	if (!o->session)
		return MUSTER_INTERNAL;
	return mst_blocking_read(o->session, out, cap, ms, ret_n) ? over(o, detail) : MUSTER_OK;
}

struct muster_transport port_transport(struct muster_openssl *o)
{
	return (struct muster_transport){ o, open_session, write_some, read_some, shut };
}
