/* The local page's server, its one-time code and its sessions: page.h. */
#include "agent/page.h"
#include "agent/place.h"
#include "agent/refused.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "crypto/pki.h"
#include "transport/address.h"

#define OUT_MAX (96 * 1024)
#define TYPED "what was typed on the page"

struct agent_page {
	struct mst_server *server;
	struct mst_page_door door;
	const struct mst_http_msg *asked;    /* what is answered now */
	uint16_t port;
	bool tls;
	char host[128];                  /* as in setting `page` */
	char why[256];                   /* there is no server: an enrolled node goes on without */
	char certificate[3 * MST_SHA256_LEN];    /* its SHA-256, for people */
	uint8_t out[OUT_MAX];
};

/* --- answers --- */

static void answer(struct agent *a, struct mst_conn *c, int status, const char *media, struct mst_view body)
{
	mst_page_answer(c, &(struct mst_page_answer){ status, media, body }, a->page->out, OUT_MAX);
}

static void answer_json(struct agent *a, struct mst_conn *c, int status, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	answer(a, c, text ? status : 500, "application/json", mst_view_str(text ? text : "{}"));
	free(text);
	json_decref(o);
}

static void refuse(struct agent *a, struct mst_conn *c, int status, const char *field, const char *text)
{
	answer_json(a, c, status, json_pack("{s:b, s:{s:s, s:s}}", "ok", 0, "error", "field", field, "text", text));
}

/* --- requests --- */

static void do_session(struct agent *a, struct mst_conn *c, const json_t *q)
{
	const char *code = json_string_value(json_object_get(q, "code"));
	char body[80];

	if (!code) {
		refuse(a, c, 400, "code", "is missing");
		return;
	}
	if (!mst_page_code_is(&a->page->door, mst_conn_peer(c), code, agent_now())) {
		agent_log(a, AGENT_WARN, "page-code-refused", "peer", mst_conn_peer(c)->address, NULL);
		refuse(a, c, 403, "code", mst_page_may_guess(&a->page->door, mst_conn_peer(c)) ? "is not right" :
		       "is used up, too old or was guessed too often; muster-agent page on the device gives a new one");
		return;
	}
	if (!mst_page_begin(&a->page->door, a->crypto, agent_now(), body)) {
		refuse(a, c, 500, "", "no randomness");
		return;
	}
	agent_log(a, AGENT_INFO, "page-opened", "peer", mst_conn_peer(c)->address, NULL);
	answer(a, c, 200, "application/json", mst_view_str(body));
	mst_wipe(body, sizeof(body));
}

static void do_trigger(struct agent *a, struct mst_conn *c, const json_t *q)
{
	const json_t *text = json_object_get(q, "text");
	uint8_t *cbor = malloc(MST_SEQ_OCTETS);
	struct mst_diag d = { 0 };
	size_t n = 0;
	int r = cbor ? 0 : PROV_INTERNAL;

	if (!r && text)
		r = page_text_to_cbor(mst_view_str(json_string_value(text)), cbor, MST_SEQ_OCTETS, &n, &d);
	if (!r)
		r = text ? agent_trigger(a, (struct mst_view){ cbor, n }, "page", &d) : agent_trigger_file(a, "page", &d);
	free(cbor);
	/* Who stands in front of it is told at once; the operator with the next question to a briefing node (facts.c). */
	if (r >= 0 && text)
		refused_note(a, REFUSED_PAGE, TYPED, (enum prov_reason)r, &d);
	if (r) {
		const char *words = d.text[0] ? d.text : r > 0 ? status_words((enum prov_reason)r) : mst_fault_text(r);

		if (r > 0 && text)
			agent_log(a, AGENT_WARN, "page-text-refused", "reason", prov_reason_text((enum prov_reason)r), "field", d.field, "detail", words, NULL);
		refuse(a, c, 400, d.field, words);
		return;
	}
	agent_log(a, AGENT_INFO, "triggered", "by", "page", "attempt", prov_attempt(a->prov), NULL);
	answer_json(a, c, 200, json_pack("{s:b, s:s}", "ok", 1, "attempt", prov_attempt(a->prov)));
}

/* Where the phone is, there is the device: what a technician sets on the spot. */
static void do_place(struct agent *a, struct mst_conn *c, const json_t *q)
{
	struct agent_place said = { 0 }, all;
	struct mst_diag d = { 0 };
	int r = place_from_json(q, &said, &d) ? 0 : PROV_MALFORMED;

	all = place_merged(&a->place, &said);        /* a site that was set before stays, where only a position is said */
	if (!r)
		r = agent_set_place(a, &all, &d);
	if (r)
		refuse(a, c, 400, d.field, d.text[0] ? d.text : r > 0 ? status_words((enum prov_reason)r) : mst_fault_text(r));
	else
		answer_json(a, c, 200, json_pack("{s:b}", "ok", 1));
}

static void do_leave(struct agent *a, struct mst_conn *c, const json_t *q)
{
	(void)q;
	mst_page_leave(&a->page->door, a->page->asked, agent_now());
	agent_log(a, AGENT_INFO, "page-left", "peer", mst_conn_peer(c)->address, NULL);
	answer_json(a, c, 200, json_pack("{s:b}", "ok", 1));
}

/* What may be asked, and with what. */
static const struct page_op {
	const char *method, *path;
	bool open;                           /* without a session */
	void (*run)(struct agent *a, struct mst_conn *c, const json_t *q);
} ops[] = {
	{ "POST", "/session", true, do_session },
	{ "POST", "/trigger", false, do_trigger },
	{ "POST", "/place", false, do_place },
	{ "POST", "/leave", false, do_leave },
};

static void run_op(struct agent *a, struct mst_conn *c, const struct page_op *op, const struct mst_http_msg *m)
{
	json_error_t e;
	json_t *q;

	if (!mst_page_is_json(m)) {
		refuse(a, c, 415, "Content-Type", "application/json expected");
		return;
	}
	a->page->asked = m;
	q = mst_json_read((const char *)m->body.p, m->body.n, JSON_REJECT_DUPLICATES, &e);
	if (json_is_object(q))
		op->run(a, c, q);
	else
		refuse(a, c, !q && mst_json_no_memory(&e) ? 503 : 400, "", q ? "a JSON object expected" : e.text);
	json_decref(q);
	a->page->asked = NULL;
}

static void route(struct agent *a, struct mst_conn *c, const struct mst_http_msg *m)
{
	struct mst_view target = m->target;
	bool get = mst_view_eq_str(m->method, "GET"), told = mst_page_at_path(&a->page->door, &target);

	if (!told && mst_view_ends(target, "/session")) {
		refuse(a, c, 404, "", "open the address that muster-agent page shows; the code is taken there only");
		return;
	}
	if (mst_page_serve_file(c, m->method, target, mst_page_files, mst_page_n_files, a->page->out, OUT_MAX))
		return;
	for (size_t i = 0; i < MST_COUNT(ops); i++) {
		if (!mst_view_eq_str(target, ops[i].path) || !mst_view_eq_str(m->method, ops[i].method))
			continue;
		if (ops[i].open || mst_page_in_session(&a->page->door, m, agent_now()))
			run_op(a, c, &ops[i], m);
		else
			refuse(a, c, 401, "code", "enter the one-time code first");
		return;
	}
	if (!mst_page_in_session(&a->page->door, m, agent_now()))
		refuse(a, c, 401, "code", "enter the one-time code first");
	else if (get && mst_view_eq_str(target, "/status"))
		answer_json(a, c, 200, status_json(a));
	else
		refuse(a, c, 404, "", "there is no such thing here");
}

static void on_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	struct agent *a = owner;

	if (mst_page_host_is_local(mst_http_find(m, "Host")))
		route(a, c, m);
	else
		refuse(a, c, 421, "Host", "use the device's address, localhost or a name under .local");
	agent_turn(a);
}

/* Who is in a session has then typed too much; of others nobody hears. */
static void on_refused(void *owner, struct mst_conn *c, int status, const char *why)
{
	struct agent *a = owner;
	struct mst_diag d = { 0 };

	(void)c;
	if (status != 413 || !mst_page_somebody(&a->page->door, agent_now()))
		return;
	mst_diag_set(&d, 0, "", why, NULL);
	refused_note(a, REFUSED_PAGE, TYPED, PROV_OVERSIZED, &d);
}

static void on_handshake_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail)
{
	agent_log(owner, AGENT_DEBUG, "page-handshake", "peer", peer->address, "end", mst_tls_end_text(why), "detail",
		  detail ? detail : "", NULL);
}

static void on_close(void *owner, struct mst_conn *c, bool pending)
{
	(void)owner;
	(void)c;
	(void)pending;
}

/* --- start and end --- */

static bool loopback(const char *host)
{
	return !strncmp(host, "127.", 4) || !strcmp(host, "::1") || !strcmp(host, "localhost");
}

/* Nobody has certified this key: the fingerprint that `muster-agent page` shows is what a careful person compares. */
static int own_tls(struct agent *a, struct mst_tls_ctx **ret)
{
	struct mst_cert_spec spec = { .role = MST_CERT_SERVER, .common_name = "muster-agent", .n_san = 1,
				      .not_before = agent_utc(a) - 86400, .not_after = agent_utc(a) + 366 * 86400 };
	struct mst_tls_config t = { .server = true, .profile = MST_TLS_MODERN };
	uint8_t key[MST_PKEY_MAX], spki[256], der[MST_CERT_MAX], sum[MST_SHA256_LEN], pem[2 * MST_CERT_MAX];
	struct mst_writer w = mst_writer_of(pem, sizeof(pem));
	struct mst_local_signer signer = { 0 };
	size_t key_n = 0, spki_n = 0, der_n = 0;
	struct mst_diag d = { 0 };
	int r = mst_pkey_generate(key, sizeof(key), &key_n);

	spec.san[0].kind = MST_ID_FQDN;
	snprintf(spec.san[0].value, sizeof(spec.san[0].value), "muster-agent.local");
	r = r ? r : mst_pkey_public((struct mst_view){ key, key_n }, spki, sizeof(spki), &spki_n);
	r = r ? r : mst_local_signer_init(&signer, (struct mst_view){ key, key_n });
	if (!r)
		r = mst_cert_issue(a->crypto, &signer.signer, (struct mst_view){ 0 }, (struct mst_view){ spki, spki_n }, &spec,
				   der, sizeof(der), &der_n);
	r = r ? r : a->crypto->ops->sha256(a->crypto, (struct mst_view){ der, der_n }, sum);
	if (!r) {
		mst_pem_put(&w, "CERTIFICATE", (struct mst_view){ der, der_n });
		for (size_t i = 0; i < MST_SHA256_LEN; i++)
			snprintf(a->page->certificate + 3 * i, 4, "%02X%s", sum[i], i + 1 < MST_SHA256_LEN ? ":" : "");
		t.chain_pem = mst_written(&w);
		t.key_pkcs8 = (struct mst_view){ key, key_n };
		r = mst_tls_ctx_new(&t, ret, &d);
	}
	if (signer.pkey)
		mst_local_signer_deinit(&signer);
	mst_wipe(key, sizeof(key));
	return r > 0 ? MST_FAULT_CRYPTO : r;
}

/* Who is enrolled goes on without a page (lesson 2); who is not may have no other way in, and says it by ending. */
static int failed(struct agent *a, const char *why, int r)
{
	agent_log(a, a->has_active ? AGENT_WARN : AGENT_ERROR, "page", "address", a->cfg.page, "why", why, "then", a->has_active ?
		  "the agent goes on without it until it is started again" : "the agent ends", NULL);
	snprintf(a->page->why, sizeof(a->page->why), "%s", why);
	return a->has_active ? 0 : r > 0 ? MST_FAULT_CONFIG : r;
}

int page_open(struct agent *a)
{
	static const struct mst_server_ops server_ops = { .on_request = on_request, .on_close = on_close,
							  .on_handshake_failed = on_handshake_failed, .on_refused = on_refused };
	struct mst_server_limits l = mst_server_limits_default;
	struct mst_tls_ctx *tls = NULL;
	struct mst_diag d = { 0 };
	struct agent_page *p;
	bool ahead;
	int fd = -1, r;

	if (!a->cfg.page[0] || a->once)
		return 0;
	p = a->page = calloc(1, sizeof(*p));
	if (!p)
		return MST_FAULT_MEMORY;
	if (!address_split(a->cfg.page, p->host, sizeof(p->host), &p->port))
		return failed(a, "\"host:port\" expected", MST_FAULT_CONFIG);
	p->tls = !loopback(p->host);
	r = p->tls ? own_tls(a, &tls) : mst_page_make_path(&p->door, a->crypto) ? 0 : MST_FAULT_CRYPTO;
	r = r ? r : mst_listen_ahead(a->cfg.page, &fd, &p->port, &ahead, &d);
	if (!r) {
		/* One technician, a browser with half a dozen connections; whoever only holds some keeps nobody out. */
		l.connections = 16;
		l.per_peer = 8;
		l.first_ms = l.header_ms = l.handshake_ms = 5000;
		l.http = (struct mst_http_limits){ .header_octets = 8192, .body_octets = 2 * MST_SEQ_OCTETS };
		r = mst_server_new(a->base, fd, tls, &l, &server_ops, a, &p->server);
	}
	if (tls)
		mst_tls_ctx_free(tls);           /* the server has its own reference */
	if (r)
		return failed(a, d.text[0] ? d.text : mst_fault_text(r), r);
	agent_log(a, ahead ? AGENT_WARN : AGENT_INFO, ahead ? "page-waits" : "page-listens", "address", a->cfg.page, ahead ? "why" : NULL,
		  "no interface has that address yet; the page is there once one has it", NULL);
	return 0;
}

void page_close(struct agent *a)
{
	if (!a->page)
		return;
	if (a->page->server)
		mst_server_free(a->page->server);
	mst_wipe(a->page, sizeof(*a->page));
	free(a->page);
	a->page = NULL;
}

json_t *page_code(struct agent *a)
{
	char url[200];
	const struct agent_page *p = a->page;
	bool v6;

	if (p && !p->server)
		return json_pack("{s:b, s:{s:s, s:o}}", "ok", 0, "error", "field", "page", "text", status_text(p->why));
	if (!p)
		return json_pack("{s:b, s:{s:s, s:s}}", "ok", 0, "error", "field", "page", "text",
				 "is not set; in muster-agent.conf: page = \"127.0.0.1:8480\";");
	if (!mst_page_fresh_code(&a->page->door, a->crypto, agent_now()))
		return json_pack("{s:b, s:{s:s, s:s}}", "ok", 0, "error", "field", "", "text", "no randomness");
	v6 = strchr(p->host, ':') != NULL;
	snprintf(url, sizeof(url), "http%s://%s%s%s:%u/%s%s", p->tls ? "s" : "", v6 ? "[" : "", p->host, v6 ? "]" : "", p->port,
		 p->door.path, p->door.path[0] ? "/" : "");
	return json_pack("{s:b, s:s, s:s, s:i, s:s}", "ok", 1, "url", url, "code", p->door.code, "seconds", MST_PAGE_CODE_SECONDS,
			 "certificate", p->certificate);
}
