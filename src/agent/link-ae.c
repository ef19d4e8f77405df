/*
 * `muster-agent register-ae`: an AE of this node at its registrar CSE (Mca), over HTTPS with a pre-shared key: one that the MAF gives
 * to both (TS-0003 8.2.2.3, as `connect`), or one that was put there by hand (Kpsa, 8.2.2.1). TD_M2M_SE_01 of TS-0013 8.4.
 */
#include "agent/link.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/secret-text.h"
#include "crypto/heap.h"
#include "proto/registrar/registrar.h"
#include "proto/saef/saef.h"

struct ae {
	const struct agent_config *cfg;
	const struct link_ae_options *o;
	struct event_base *base;
	struct mst_tls_ctx *tls;
	struct mst_client *client;
	struct enrolee_peer at;
	char uri[MST_ID_MAX], path[MST_ID_MAX + 8], host[MST_ID_MAX + 8] /* with the port, where that is not https's */, identity[MST_ID_MAX], attempt[33];
	struct mst_key key;
	int suite;                           /* the key is for this suite alone; 0: any */
	struct registrar r;
};

static void turn(struct ae *x)
{
	const struct mst_request *q = registrar_request(&x->r);

	if (q && session_send(x->client, q, x->host))
		registrar_sent(&x->r);
	else if (q)
		registrar_lost(&x->r, PROV_INTERNAL, "the request could not be sent");
	if (registrar_end(&x->r) != REGISTRAR_RUNS)
		event_base_loopbreak(x->base);
}

static void on_open(void *owner, struct mst_client *c)
{
	(void)c;
	turn(owner);
}

static void on_response(void *owner, struct mst_client *c, const struct mst_http_msg *m)
{
	struct ae *x = owner;
	struct mst_response a;
	struct mst_diag d = { 0 };

	(void)c;
	if (session_answer(m, &a, &d) == 0)
		registrar_feed(&x->r, &a);
	else
		registrar_garbage(&x->r, d.text);
	turn(x);
}

static void on_end(void *owner, struct mst_client *c, enum mst_tls_end why, const char *detail)
{
	struct ae *x = owner;
	char text[MST_DIALOG_DETAIL];

	(void)c;
	session_detail(text, sizeof(text), why, detail);
	registrar_lost(&x->r, session_reason(why), text);
	event_base_loopbreak(x->base);
}

static const struct mst_client_ops ops = { on_open, on_response, on_end, NULL };

/* Kpsa from a file: in the encoding for secrets, or its octets as they are for a registrar that has a key of another kind. */
static bool read_key(struct ae *x)
{
	char words[AGENT_PATH_MAX + 160];
	struct mst_diag d = { 0 };
	uint8_t *p = NULL;
	size_t n = 0;
	int r = agent_read_secret(x->o->psk_file, &p, &n, &d);

	if (!r && x->o->psk_raw ? !n || !mst_key_set(&x->key, (struct mst_view){ p, n }) :
				  !r && mst_secret_read((struct mst_view){ p, n }, &x->key, &d)) {
		fprintf(stderr, "%s: %s\n", x->o->psk_file, x->o->psk_raw ? "expected 1 to 64 octets" : d.text);
		r = 1;
	} else if (r) {
		fprintf(stderr, "%s\n", agent_file_words(words, sizeof(words), x->o->psk_file, &d, r));
	}
	if (p)
		mst_wipe(p, n);
	free(p);
	if (!r && x->key.n < MST_SECRET_MIN)
		fprintf(stderr, "%s: shorter than %d octets: for a laboratory, not for service\n", x->o->psk_file, MST_SECRET_MIN);
	return !r && mst_copy_text(x->identity, sizeof(x->identity), x->o->psk_identity);
}

static const char *text_of(const json_t *o, const char *member)
{
	const char *s = json_string_value(json_object_get(o, member));

	return s ? s : "";
}

/* For the registrar of this node's credential, of the MAF or Kpsa itself; and where that is, if nobody says. */
static int ask_key(struct ae *x)
{
	json_t *q = json_pack("{s:s, s:s, s:b, s:I}", "op", "saef-connect", "peer", "", "fresh", false, "seconds", (json_int_t)0);
	json_t *answer = link_ask(x->cfg, q, x->o->json);
	struct mst_diag d = { 0 };
	char csi[MST_ID_MAX];
	int code = LINK_DONE;

	if (!answer) {
		fprintf(stderr, "the agent gave no answer, and the state cannot be opened\n");
		return LINK_FAULT;
	}
	if (!json_is_true(json_object_get(answer, "ok")))
		code = link_refused(answer);
	else if (!mst_copy_text(x->identity, sizeof(x->identity), text_of(answer, "identity")) ||
		 mst_secret_read(mst_view_str(text_of(answer, "key")), &x->key, &d))
		code = LINK_FAULT;
	else if (!x->uri[0] && !mst_copy_text(x->uri, sizeof(x->uri), text_of(answer, "poa")))
		code = LINK_FAULT;
	x->suite = (int)json_integer_value(json_object_get(answer, "suite"));
	/* a CSE's resource id is its SP-relative CSE-ID (TS-0001 7.2); TS-0009 writes that "/~/CSE-ID" */
	if (code == LINK_DONE && mst_id_from_param(MST_ID_CSE_ABS, mst_view_str(text_of(answer, "peer")), csi))
		snprintf(x->path, sizeof(x->path), "/~%s", csi);
	json_decref(answer);
	return code;
}

static int told(const struct ae *x)
{
	const struct registrar_result *r = &x->r.result;
	const struct mst_failure *f = registrar_failure(&x->r);
	bool done = registrar_end(&x->r) == REGISTRAR_DONE;
	json_t *o;

	if (!x->o->json) {
		if (done)
			printf("%s  registered at %s%s as %s\n", r->ae_id, x->at.host, x->path, r->name[0] ? r->name : r->id);
		else
			fprintf(stderr, "%s: %s%s%s\n", prov_reason_text(f->reason), status_words(f->reason), f->detail[0] ? ": " : "", f->detail);
		return done ? LINK_DONE : LINK_REFUSED;
	}
	o = done ? json_pack("{s:b, s:s, s:o, s:o, s:o, s:s, s:o}", "ok", true, "aeID", r->ae_id, "id", status_text(r->id), "name", status_text(r->name),
			     "until", r->expires ? status_time(r->expires) : json_null(), "at", x->at.host, "path", status_text(x->path)) :
		   json_pack("{s:b, s:s, s:s, s:o, s:i}", "ok", false, "outcome", prov_reason_text(f->reason), "words", status_words(f->reason), "detail",
			     status_text(f->detail), "RSC", f->rsc);
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
	return done ? LINK_DONE : LINK_REFUSED;
}

static int make_tls(struct ae *x, struct mst_diag *d)
{
	struct mst_tls_config c = { .datagram = true, .profile = (enum mst_tls_profile)x->cfg->tls_profile, .allow_psk = true };

	if (!x->at.coap)
		return link_tls(x->cfg, false, x->suite, &x->tls, d);
	if (!x->suite)
		return mst_tls_ctx_new(&c, &x->tls, d);
	/* TS 33.220 H.3: a NAF key is for one suite, and that is one of TLS here */
	fprintf(stderr, "the key for this registrar comes from the operator's BSF and is used over HTTPS; its point of access is coaps\n");
	return MST_FAULT_CONFIG;
}

static int go(struct ae *x)
{
	struct registrar_config rc = { .base = x->path, .from = x->o->ae_id ? x->o->ae_id : "C", .attempt = x->attempt, .app_id = x->o->app_id,
				       .release = "3", .answer_ms = x->cfg->answer_timeout * 1000 };
	struct mst_client_config cc = { .host = x->at.host, .port = x->at.port, .server_name = x->at.host,
					.connect_to = agent_config_route(x->cfg, x->at.host, x->at.port), .psk = &x->key, .psk_identity = x->identity,
					.limits = { .header_octets = 16384, .body_octets = 65536 }, .connect_ms = x->cfg->open_timeout * 1000,
					.handshake_ms = x->cfg->open_timeout * 1000, .answer_ms = x->cfg->answer_timeout * 1000 };
	struct mst_quirks quirks = agent_config_quirks(x->cfg);
	struct mst_diag d = { 0 };

	cc.dialect = x->at.coap ? mst_coap_onem2m(quirks.coap_early) : MST_COAP_BARE;
	if (!registrar_init(&x->r, &rc, agent_now(), &d)) {
		fprintf(stderr, "%s: %s\n", d.field, d.text);
		return LINK_USAGE;
	}
	snprintf(x->host, sizeof(x->host), x->at.port == 443 ? "%s" : "%s:%u", x->at.host, x->at.port);
	x->base = event_base_new();
	if (!x->base || make_tls(x, &d))
		return LINK_FAULT;
	cc.base = x->base;
	cc.tls = x->tls;
	if (mst_client_new(&cc, &ops, x, &x->client))
		return LINK_FAULT;
	event_base_dispatch(x->base);
	return told(x);
}

/* An AE that registers is its own attempt: a number that nobody else has. */
static bool make_attempt(struct ae *x)
{
	struct mst_writer w = mst_writer_of(x->attempt, sizeof(x->attempt));
	uint8_t b[16];

	if (mst_crypto_openssl()->ops->random(mst_crypto_openssl(), b, sizeof(b)))
		return false;
	mst_put_hex(&w, (struct mst_view){ b, sizeof(b) });
	mst_put_nul(&w);
	mst_ascii_lower(x->attempt);
	return w.ok;
}

int link_ae(const struct agent_config *cfg, const struct link_ae_options *o)
{
	struct ae *x = mst_heap_locked(sizeof(*x));
	int code = LINK_USAGE;

	if (!x || !make_attempt(x)) {
		free(x);
		return LINK_FAULT;
	}
	x->cfg = cfg;
	x->o = o;
	if (!o->app_id || !o->psk_identity != !o->psk_file || (o->psk_raw && !o->psk_file) || (o->psk_file && !o->uri)) {
		fprintf(stderr, "muster-agent register-ae: --app-id ID is needed; --psk-identity and --psk-file go together, and want the registrar's URI\n");
		goto out;
	}
	if (o->uri && (!mst_copy_text(x->uri, sizeof(x->uri), o->uri) || !enrolee_peer_of(mst_view_str(x->uri), &x->at))) {
		fprintf(stderr, "%s: expected https://FQDN[:PORT][/PATH], or coaps\n", o->uri);
		goto out;
	}
	code = o->psk_file ? (read_key(x) ? LINK_DONE : LINK_REFUSED) : ask_key(x);
	if (code == LINK_DONE && !o->uri && !enrolee_peer_of(mst_view_str(x->uri), &x->at)) {
		fprintf(stderr, "the provider has named no point of access of the registrar that is https://FQDN[:PORT][/PATH] or coaps; say where it is\n");
		code = LINK_REFUSED;
	}
	if (code == LINK_DONE && x->at.path[0])
		(void)mst_copy_text(x->path, sizeof(x->path), x->at.path);
	if (code == LINK_DONE)
		code = go(x);
out:
	mst_client_free(x->client);
	mst_tls_ctx_free(x->tls);
	if (x->base)
		event_base_free(x->base);
	mst_wipe(x, sizeof(*x));
	free(x);
	return code;
}
