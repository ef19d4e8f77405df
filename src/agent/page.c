/* The local page's server, its one-time code and its sessions: page.h. */
#include "agent/page.h"
#include "agent/place.h"
#include "agent/refused.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "base/text.h"
#include "crypto/pki.h"
#include "transport/address.h"
#include "transport/server.h"

#define GUESSES 5                        /* from one address; then a new code is needed there … */
#define GUESSERS 8                       /* … and everywhere, when so many addresses guess: 40 guesses of 2^40 */
#define SESSION_SECONDS 900              /* without a request */
#define SESSIONS 4
#define TOKEN_LEN 32                     /* hex digits */
#define OUT_MAX (96 * 1024)
#define COOKIE "muster="
#define TYPED "what was typed on the page"

struct page_session { char token[TOKEN_LEN + 1]; mst_ms until; };

struct agent_page {
	struct mst_server *server;
	bool tls;
	uint16_t port;
	char host[128];                  /* as in setting `page` */
	char certificate[3 * MST_SHA256_LEN];    /* its SHA-256, for people */
	char code[PAGE_CODE_LEN + 1];
	mst_ms code_until;
	struct { char address[64]; unsigned wrong; } guesser[GUESSERS];
	size_t n_guessers;
	struct page_session session[SESSIONS];
	uint8_t out[OUT_MAX];
};

/* --- code and sessions --- */

/* No I, L, O, U: nobody reads them wrong (Crockford's base 32). */
static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static bool fresh_code(struct agent *a)
{
	uint8_t b[PAGE_CODE_LEN];

	if (a->crypto->ops->random(a->crypto, b, sizeof(b)))
		return false;
	for (size_t i = 0; i < sizeof(b); i++)
		a->page->code[i] = letters[b[i] % 32];
	a->page->n_guessers = 0;
	a->page->code_until = agent_now() + PAGE_CODE_SECONDS * 1000;
	mst_wipe(b, sizeof(b));
	return true;
}

static void drop_code(struct agent_page *p)
{
	mst_wipe(p->code, sizeof(p->code));
}

/* As people type it: small letters, blanks and hyphens, O for 0, I and L for 1. */
static void code_spelling(const char *typed, char out[PAGE_CODE_LEN + 1])
{
	size_t n = 0;

	memset(out, 0, PAGE_CODE_LEN + 1);
	for (; *typed && n < PAGE_CODE_LEN; typed++) {
		char c = *typed >= 'a' && *typed <= 'z' ? (char)(*typed - 'a' + 'A') : *typed;

		if (c == ' ' || c == '-')
			continue;
		out[n++] = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
	}
}

/* How often this address has guessed wrong; NULL when there is no room for one more. Its port says nothing. */
static unsigned *wrong_from(struct agent_page *p, const struct mst_peer *peer)
{
	char host[sizeof(p->guesser[0].address)] = "";
	uint16_t port;
	size_t i = 0;

	if (!address_split(peer->address, host, sizeof(host), &port))
		host[0] = '\0';
	while (i < p->n_guessers && strcmp(p->guesser[i].address, host) != 0)
		i++;
	if (i == GUESSERS)
		return NULL;
	if (i == p->n_guessers) {
		memcpy(p->guesser[i].address, host, sizeof(host));
		p->guesser[i].wrong = 0;
		p->n_guessers++;
	}
	return &p->guesser[i].wrong;
}

/* Whoever guesses takes the code away from himself, not from the technician: not before many do it together. */
static bool code_is(struct agent_page *p, const struct mst_peer *peer, const char *typed)
{
	unsigned *wrong = wrong_from(p, peer);
	char spelt[PAGE_CODE_LEN + 1];
	bool good;

	if (!p->code[0] || agent_now() >= p->code_until || !wrong) {
		drop_code(p);
		return false;
	}
	if (*wrong >= GUESSES)
		return false;
	code_spelling(typed, spelt);
	good = mst_ct_equal((struct mst_view){ (uint8_t *)spelt, PAGE_CODE_LEN },
			    (struct mst_view){ (uint8_t *)p->code, PAGE_CODE_LEN });
	mst_wipe(spelt, sizeof(spelt));
	if (good)
		drop_code(p);
	else
		++*wrong;
	return good;
}

static bool may_guess(struct agent_page *p, const struct mst_peer *peer)
{
	const unsigned *wrong = wrong_from(p, peer);

	return p->code[0] && wrong && *wrong < GUESSES;
}

static struct page_session *begin_session(struct agent *a)
{
	struct page_session *s = &a->page->session[0];
	struct mst_writer w;
	uint8_t b[TOKEN_LEN / 2];

	for (size_t i = 1; i < SESSIONS; i++)
		if (a->page->session[i].until < s->until)
			s = &a->page->session[i];        /* unused, or the one that was silent longest */
	if (a->crypto->ops->random(a->crypto, b, sizeof(b)))
		return NULL;
	w = mst_writer_of(s->token, sizeof(s->token));
	mst_put_hex(&w, (struct mst_view){ b, sizeof(b) });
	mst_put_nul(&w);
	s->until = agent_now() + SESSION_SECONDS * 1000;
	return s;
}

static bool in_session(struct agent *a, const struct mst_http_msg *m)
{
	struct mst_view token = { 0 };
	bool good = false;

	/* other services of this host share its cookies, whatever their port: ours is the one of exactly this name */
	for (struct mst_view rest = mst_http_find(m, "Cookie"); rest.n && !token.n;) {
		size_t end = mst_view_find(rest, ';');
		struct mst_view one = mst_view_sub(rest, 0, end);

		rest = mst_view_sub(rest, end + 1, rest.n);
		while (one.n && one.p[0] == ' ')
			one = mst_view_sub(one, 1, one.n);
		if (mst_view_starts(one, COOKIE) && one.n == strlen(COOKIE) + TOKEN_LEN)
			token = mst_view_sub(one, strlen(COOKIE), TOKEN_LEN);
	}
	for (size_t i = 0; token.n && i < SESSIONS; i++) {
		struct page_session *s = &a->page->session[i];

		if (s->until > agent_now() && mst_ct_equal(token, (struct mst_view){ (uint8_t *)s->token, TOKEN_LEN })) {
			s->until = agent_now() + SESSION_SECONDS * 1000;
			good = true;
		}
	}
	return good;
}

/*
 * A name in Host that is not this device's is somebody else's page in the technician's browser, which has made its
 * name point here. An address or a local name cannot be that.
 */
static bool host_is_local(struct mst_view host)
{
	char text[300], whole[304], name[300];
	uint16_t port;

	if (!mst_view_to_str(host, text, sizeof(text)) || !*text)
		return false;
	snprintf(whole, sizeof(whole), "%s%s", text, !strchr(text, ':') || text[strlen(text) - 1] == ']' ? ":80" : "");
	if (!address_split(whole, name, sizeof(name), &port))
		return false;
	return !strcasecmp(name, "localhost") || mst_view_ends(mst_view_str(name), ".local") ||
	       strspn(name, "0123456789.") == strlen(name) || strchr(name, ':');
}

/* --- answers --- */

#define SAFE "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "        \
	"img-src 'self' data: blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'\r\n"                      \
	"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n"                      \
	"Cross-Origin-Opener-Policy: same-origin\r\n"

static void answer(struct agent *a, struct mst_conn *c, int status, const char *media, struct mst_view body,
		   const char *more)
{
	struct mst_writer w = mst_writer_of(a->page->out, OUT_MAX);
	bool keep = mst_conn_keep_alive(c);
	char head[1024];

	snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\n" SAFE "%s%s%s%sContent-Length: %zu\r\n%s\r\n", status,
		 status < 300 ? "OK" : "Refused", more, media ? "Content-Type: " : "", media ? media : "", media ? "\r\n" : "",
		 body.n, keep ? "" : "Connection: close\r\n");
	mst_put_str(&w, head);
	mst_put(&w, body);
	mst_conn_answer(c, mst_written(&w), !keep);
}

static void answer_json(struct agent *a, struct mst_conn *c, int status, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	answer(a, c, text ? status : 500, "application/json", mst_view_str(text ? text : "{}"), "");
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
	struct page_session *s;
	char cookie[160];

	if (!code) {
		refuse(a, c, 400, "code", "is missing");
		return;
	}
	if (!code_is(a->page, mst_conn_peer(c), code)) {
		agent_log(a, AGENT_WARN, "page-code-refused", "peer", mst_conn_peer(c)->address, NULL);
		refuse(a, c, 403, "code", may_guess(a->page, mst_conn_peer(c)) ? "is not right" :
		       "is used up, too old or was guessed too often; muster-agent page on the device gives a new one");
		return;
	}
	s = begin_session(a);
	if (!s) {
		refuse(a, c, 500, "", "no randomness");
		return;
	}
	agent_log(a, AGENT_INFO, "page-opened", "peer", mst_conn_peer(c)->address, NULL);
	snprintf(cookie, sizeof(cookie), "Set-Cookie: " COOKIE "%s; HttpOnly; SameSite=Strict; Path=/%s\r\n", s->token,
		 a->page->tls ? "; Secure" : "");
	answer(a, c, 204, NULL, (struct mst_view){ 0 }, cookie);
	mst_wipe(cookie, sizeof(cookie));
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

/* What may be asked, and with what. */
static const struct page_op {
	const char *method, *path;
	bool open;                           /* without a session */
	void (*run)(struct agent *a, struct mst_conn *c, const json_t *q);
} ops[] = {
	{ "POST", "/session", true, do_session },
	{ "POST", "/trigger", false, do_trigger },
	{ "POST", "/place", false, do_place },
};

static void run_op(struct agent *a, struct mst_conn *c, const struct page_op *op, const struct mst_http_msg *m)
{
	json_error_t e;
	json_t *q;

	/* A form of another site cannot send this type without asking first; nobody answers that question. */
	if (!mst_view_starts(mst_http_find(m, "Content-Type"), "application/json")) {
		refuse(a, c, 415, "Content-Type", "application/json expected");
		return;
	}
	q = json_loadb((const char *)m->body.p, m->body.n, JSON_REJECT_DUPLICATES, &e);
	if (json_is_object(q))
		op->run(a, c, q);
	else
		refuse(a, c, 400, "", q ? "a JSON object expected" : e.text);
	json_decref(q);
}

static void route(struct agent *a, struct mst_conn *c, const struct mst_http_msg *m)
{
	bool get = mst_view_eq_str(m->method, "GET");

	for (size_t i = 0; get && i < page_n_files; i++) {
		if (mst_view_eq_str(m->target, page_files[i].path)) {
			answer(a, c, 200, page_files[i].media, (struct mst_view){ page_files[i].p, page_files[i].n }, "");
			return;
		}
	}
	for (size_t i = 0; i < MST_COUNT(ops); i++) {
		if (!mst_view_eq_str(m->target, ops[i].path) || !mst_view_eq_str(m->method, ops[i].method))
			continue;
		if (ops[i].open || in_session(a, m))
			run_op(a, c, &ops[i], m);
		else
			refuse(a, c, 401, "code", "enter the one-time code first");
		return;
	}
	if (!in_session(a, m))
		refuse(a, c, 401, "code", "enter the one-time code first");
	else if (get && mst_view_eq_str(m->target, "/status"))
		answer_json(a, c, 200, status_json(a));
	else
		refuse(a, c, 404, "", "there is no such thing here");
}

static void on_request(void *owner, struct mst_conn *c, const struct mst_http_msg *m)
{
	struct agent *a = owner;

	if (host_is_local(mst_http_find(m, "Host")))
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
	bool somebody = false;

	(void)c;
	for (size_t i = 0; i < SESSIONS; i++)
		somebody |= a->page->session[i].until > agent_now();
	if (status != 413 || !somebody)
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

int page_open(struct agent *a)
{
	static const struct mst_server_ops server_ops = { .on_request = on_request, .on_close = on_close,
							  .on_handshake_failed = on_handshake_failed, .on_refused = on_refused };
	struct mst_server_limits l = mst_server_limits_default;
	struct mst_tls_ctx *tls = NULL;
	struct mst_diag d = { 0 };
	struct agent_page *p;
	int fd = -1, r;

	if (!a->cfg.page[0] || a->once)
		return 0;
	p = a->page = calloc(1, sizeof(*p));
	if (!p)
		return MST_FAULT_MEMORY;
	if (!address_split(a->cfg.page, p->host, sizeof(p->host), &p->port)) {
		agent_log(a, AGENT_ERROR, "page", "address", a->cfg.page, "why", "\"host:port\" expected", NULL);
		return MST_FAULT_CONFIG;
	}
	p->tls = !loopback(p->host);
	r = p->tls ? own_tls(a, &tls) : 0;
	r = r ? r : mst_listen(a->cfg.page, false, &fd, &p->port, &d);
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
		agent_log(a, AGENT_ERROR, "page", "address", a->cfg.page, "why", d.text[0] ? d.text : mst_fault_text(r), NULL);
	else
		agent_log(a, AGENT_INFO, "page-listens", "address", a->cfg.page, NULL);
	return r > 0 ? MST_FAULT_CONFIG : r;
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

	if (!p || !p->server)
		return json_pack("{s:b, s:{s:s, s:s}}", "ok", 0, "error", "field", "page", "text",
				 "is not set; in muster-agent.conf: page = \"127.0.0.1:8480\";");
	if (!fresh_code(a))
		return json_pack("{s:b, s:{s:s, s:s}}", "ok", 0, "error", "field", "", "text", "no randomness");
	v6 = strchr(p->host, ':') != NULL;
	snprintf(url, sizeof(url), "http%s://%s%s%s:%u/", p->tls ? "s" : "", v6 ? "[" : "", p->host, v6 ? "]" : "", p->port);
	return json_pack("{s:b, s:s, s:s, s:i, s:s}", "ok", 1, "url", url, "code", p->code, "seconds", PAGE_CODE_SECONDS,
			 "certificate", p->certificate);
}
