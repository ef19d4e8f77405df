#include "agent/test-mock.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/resources.h"
#include "tests/support/hold-port.h"

#define CHECK(x)                                                                                             \
	do {                                                                                                 \
		if (!(x)) {                                                                                  \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                              \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

static void answer(struct mst_conn *c, const struct mst_request *q, int rsc, const char *json)
{
	struct mst_response a = { .rsc = rsc, .rqi = q->rqi, .rvi = q->rvi, .content = mst_view_str(json),
	                          .media = *json ? MST_VIEW_LIT("application/json") : MST_VIEW_NONE };
	uint8_t octets[8192];
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));

	mst_response_to_http(&a, true, &w);
	CHECK(w.ok);
	mst_conn_answer(c, mst_written(&w), false);
}

/* Reads the primitive; false when it was answered already (refused by script). */
static bool request(struct mst_conn *c, const struct mst_http_msg *h, struct mst_request *q,
		    char from[MST_ID_MAX], int refuse)
{
	static uint8_t scratch[4096];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	struct mst_diag d = { 0 };
	int rsc = 0;

	CHECK(mst_request_from_http(h, &a, q, &rsc, &d) == 0);
	CHECK(mst_view_to_str(q->from, from, MST_ID_MAX));
	if (refuse)
		answer(c, q, refuse, "");
	return !refuse;
}

static const char *no_more(void)
{
	return "{\"sec:mefClientCmd\":{\"cmdID\":\"c-9\",\"cmdStatusCode\":10,\"cmdDescription\":{"
	       "\"cmdClassID\":0,"
	       "\"cmdArgs\":{\"noMoreCmdArgs\":{\"retryDuration\":\"P1D\"}}}}}";
}

static void stamp(char out[32], int ahead)
{
	time_t t = time(NULL) + ahead;
	struct tm tm;

	CHECK(gmtime_r(&t, &tm));
	strftime(out, 32, "%Y%m%dT%H%M%S", &tm);
}

static void register_client(struct mock *m, struct mst_conn *c, const struct mst_request *q)
{
	uint8_t out[MST_EXPORT_LEN], rel[MST_REL_ID_LEN];

	CHECK(mst_conn_export(c, MST_LABEL_BOOTSTRAP, out, sizeof(out)) == 0);
	mst_export_split(out, rel, &m->ke);
	CHECK(mst_key_id_make(rel, MST_VIEW_LIT("mef.example.com"), m->ke_id));
	answer(c, q, MST_RSC_CREATED,
	       "{\"sec:mefClientReg\":{\"ri\":\"reg-1\",\"et\":\"20991231T000000\",\"adminFQDN\":\"sp."
	       "example.com\","
	       "\"clientID\":\"//sp.example.com/C1\"}}");
}

static void register_key(struct mock *m, struct mst_conn *c, const struct mst_request *q)
{
	struct mock_key *k = &m->key[m->n_keys];
	char json[1024], until[32] = "20990101T000000";

	CHECK(m->n_keys < MOCK_KEYS);
	if (m->key_seconds)
		stamp(until, m->key_seconds);
	memcpy(k->ke_id, m->ke_id, sizeof(k->ke_id));
	CHECK(mst_derive_usage(mst_crypto_openssl(), &m->ke, 21, MST_VIEW_LIT("maf.example.com"), &k->km) ==
	      0);
	m->n_keys++;
	snprintf(json, sizeof(json),
		 "{\"sec:symmKeyReg\":{\"relativeKeyID\":\"%.32s\",\"et\":\"%s\",\"sourceClientID\":"
		 "\"//sp.example.com/C1\",\"adminFQDN\":\"sp.example.com\",\"SUID\":21,"
		 "\"targetIDs\":[\"maf.example.com\"]}}",
		 m->ke_id, until);
	answer(c, q, MST_RSC_CREATED, json);
}

static void configuration(struct mock *m, struct mst_conn *c, const struct mst_request *q)
{
	char json[1024], now[32];

	stamp(now, 0);
	snprintf(json, sizeof(json),
		 "{\"sec:mefClientCfg\":{\"nodeID\":\"urn:dev:ops:32473-1-2\",\"cseID\":\"//sp.example.com/"
		 "C1\","
		 "\"registrarCSEID\":\"//sp.example.com/"
		 "in\",\"mafFQDN\":\"maf.example.com\",\"mafURI\":\"https://maf.example.com:%u\","
		 "\"serverTime\":\"%s\"}}",
		 m->maf_port, now);
	answer(c, q, MST_RSC_OK, json);
}

static void commands(struct mock *m, struct mst_conn *c, const struct mst_request *q)
{
	if (q->op == MST_OP_UPDATE) {
		m->reported_41 += strstr((const char *)q->content.p, "\"cmdStatusCode\":41") != NULL;
		answer(c, q, MST_RSC_UPDATED, no_more());
	} else if (m->command && !m->commanded) {
		m->commanded = true;
		answer(c, q, MST_RSC_OK,
		       "{\"sec:mefClientCmd\":{\"cmdID\":\"c-1\",\"cmdStatusCode\":10,\"cmdDescription\":{"
		       "\"cmdClassID\":7,\"cmdArgs\":{\"futureArgs\":{}}}}}");
	} else {
		answer(c, q, MST_RSC_OK, no_more());
	}
}

/* Read back by the node itself (spec 4.5): unknown is 4004. */
static void read_back(struct mock *m, struct mst_conn *c, const struct mst_request *q)
{
	m->asked++;
	if (m->mef_forgets)
		answer(c, q, m->mef_forgets, "");
	else
		answer(c, q, MST_RSC_OK,
		       "{\"sec:mefClientReg\":{\"ri\":\"reg-1\",\"et\":\"20991231T000000\",\"adminFQDN\":\"sp."
		       "example.com\",\"clientID\":\"//sp.example.com/C1\"}}");
}

/* expirationTime alone, as 8.3.5.2.5 and 8.8.2.5 want it; the answer echoes it and nothing else. */
static void update(struct mock *m, struct mst_conn *c, const struct mst_request *q, int at)
{
	char json[256], until[32] = "20980601T000000", sent[256];

	m->updates[at]++;
	CHECK(mst_view_to_str(q->content, sent, sizeof(sent)));
	CHECK(strstr(sent, "\"et\":\"") && !strstr(sent, "adminFQDN"));
	if (m->update_seconds)
		stamp(until, m->update_seconds);
	snprintf(json, sizeof(json), "{\"sec:%sClientReg\":{\"et\":\"%s\"}}", at ? "maf" : "mef", until);
	answer(c, q, m->update_refused[at] ? m->update_refused[at] : MST_RSC_UPDATED, m->update_refused[at] ? "" : json);
}

static void on_mef(void *owner, struct mst_conn *c, const struct mst_http_msg *h)
{
	struct mock *m = owner;
	struct mst_request q;

	m->mef_requests++;
	if (!request(c, h, &q, m->from[0], m->mef_refuses))
		return;
	mst_view_to_str(q.vsi, m->vsi, sizeof(m->vsi));
	if (q.op == MST_OP_CREATE && q.ty == MST_TY_MEF_CLIENT_REG)
		register_client(m, c, &q);
	else if (q.op == MST_OP_CREATE && q.ty == MST_TY_SYMM_KEY_REG)
		register_key(m, c, &q);
	else if (mst_view_eq_str(q.to, "/MEFBase/reg-1/cmd"))
		commands(m, c, &q);
	else if (mst_view_eq_str(q.to, "/MEFBase/reg-1/cfg"))
		configuration(m, c, &q);
	else if (q.op == MST_OP_UPDATE && mst_view_eq_str(q.to, "/MEFBase/reg-1"))
		update(m, c, &q, 0);
	else if (q.op == MST_OP_RETRIEVE && mst_view_eq_str(q.to, "/MEFBase/reg-1"))
		read_back(m, c, &q);
	else
		answer(c, &q, MST_RSC_NOT_FOUND, "");
}

static struct mock_key *by_identity(struct mock *m, const char *id)
{
	for (size_t i = 0; i < m->n_keys; i++) {
		if (!strcmp(m->key[i].ke_id, id) || !strcmp(m->key[i].km_id, id))
			return &m->key[i];
	}
	return NULL;
}

const struct mock_key *mock_find(const struct mock *m, const char *km_id)
{
	for (size_t i = 0; i < m->n_keys; i++) {
		if (*km_id && !strcmp(m->key[i].km_id, km_id))
			return &m->key[i];
	}
	return NULL;
}

static void on_psk(void *owner, struct mst_conn *c, const char *identity)
{
	struct mock_key *k = by_identity(owner, identity);

	mst_conn_psk(c, k ? &k->km : NULL);
}

static void on_maf(void *owner, struct mst_conn *c, const struct mst_http_msg *h)
{
	struct mock *m = owner;
	struct mock_key *k = by_identity(m, mst_conn_peer(c)->psk_identity);
	struct mst_request q;
	char json[1024];

	m->maf_requests++;
	CHECK(k);
	if (!request(c, h, &q, m->from[1], m->maf_forgets))
		return;
	if (q.op == MST_OP_UPDATE) {
		update(m, c, &q, 1);
		return;
	}
	/* Repeated in a session of the same KeID: the same KmID (lesson 10). */
	if (q.op == MST_OP_CREATE && !k->km_id[0])
		snprintf(k->km_id, sizeof(k->km_id), "km-%zu@maf.example.com", (size_t)(k - m->key));
	if (q.op == MST_OP_RETRIEVE)
		k->confirmed = !strcmp(mst_conn_peer(c)->psk_identity, k->km_id);
	snprintf(json, sizeof(json),
		 "{\"sec:mafClientReg\":{\"ri\":\"r%zu\",\"et\":\"20980101T000000\",\"adminFQDN\":\"sp."
		 "example.com\","
		 "\"clientID\":\"//sp.example.com/C1\",\"assignedSymmKeyID\":\"%.200s\"}}",
		 (size_t)(k - m->key), k->km_id);
	answer(c, &q, q.op == MST_OP_CREATE ? MST_RSC_CREATED : MST_RSC_OK, json);
}

static void on_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail)
{
	(void)peer;
	(void)why;
	(void)detail;
	((struct mock *)owner)->handshake_failures++;
}

static void on_close(void *owner, struct mst_conn *c, bool pending)
{
	(void)owner;
	(void)c;
	(void)pending;
}

static const struct mst_server_ops mef_ops = { on_mef, NULL, on_failed, on_close, NULL };
static const struct mst_server_ops maf_ops = { on_maf, on_psk, on_failed, on_close, NULL };

/* Keys and files ------------------------------------------------------------------------------------- */

static void write_pem(const char *path, const char *label, struct mst_view der)
{
	uint8_t pem[8192];
	struct mst_writer w = mst_writer_of(pem, sizeof(pem));
	FILE *f = fopen(path, "w");

	mst_pem_put(&w, label, der);
	CHECK(f && w.ok && !fchmod(fileno(f), 0600) && fwrite(pem, 1, w.n, f) == w.n && !fclose(f));
}

static void issue(struct mock *m, enum mst_cert_role role, enum mst_id_kind kind, const char *name,
		  uint8_t *key, size_t *key_n, uint8_t *der, size_t *der_n)
{
	struct mst_cert_spec s = { .role = role,
				   .n_san = 1,
				   .not_before = time(NULL) - 86400,
				   .not_after = time(NULL) + 86400 * 365 };
	uint8_t spki[256];
	size_t n;

	snprintf(s.common_name, sizeof(s.common_name), "%.100s", name);
	s.san[0].kind = kind;
	snprintf(s.san[0].value, sizeof(s.san[0].value), "%s", name);
	CHECK(mst_pkey_generate(key, MST_PKEY_MAX, key_n) == 0);
	CHECK(mst_pkey_public((struct mst_view){ key, *key_n }, spki, sizeof(spki), &n) == 0);
	CHECK(mst_cert_issue(mst_crypto_openssl(), &m->ca_signer.signer, (struct mst_view){ m->ca, m->ca_n },
	                     (struct mst_view){ spki, n }, &s, der, MST_CERT_MAX, der_n) == 0);
}

static void make_ca(struct mock *m)
{
	struct mst_cert_spec s = { .role = MST_CERT_CA,
				   .common_name = "test CA",
				   .not_before = time(NULL) - 86400,
				   .not_after = time(NULL) + 86400 * 3650,
				   .path_len = -1 };
	uint8_t spki[256];
	size_t n;

	CHECK(mst_pkey_generate(m->ca_key, sizeof(m->ca_key), &m->ca_key_n) == 0);
	CHECK(mst_local_signer_init(&m->ca_signer, (struct mst_view){ m->ca_key, m->ca_key_n }) == 0);
	CHECK(mst_pkey_public((struct mst_view){ m->ca_key, m->ca_key_n }, spki, sizeof(spki), &n) == 0);
	CHECK(mst_cert_issue(mst_crypto_openssl(), &m->ca_signer.signer, MST_VIEW_NONE,
			     (struct mst_view){ spki, n }, &s, m->ca, sizeof(m->ca), &m->ca_n) == 0);
}

static struct mst_tls_ctx *server_tls(struct mock *m, const char *name, bool psk)
{
	uint8_t key[MST_PKEY_MAX], der[MST_CERT_MAX], pem[8192];
	size_t key_n, der_n;
	struct mst_writer w = mst_writer_of(pem, sizeof(pem));
	struct mst_view anchor = { m->ca, m->ca_n };
	struct mst_tls_config c = { .server = true,
				    .profile = MST_TLS_BOTH,
				    .anchors = &anchor,
				    .n_anchors = 1,
				    .require_client_cert = true,
				    .allow_psk = psk,
				    .require_sni = true,
				    .names = &name,
				    .n_names = 1 };
	struct mst_tls_ctx *ctx = NULL;
	struct mst_diag d = { 0 };

	issue(m, MST_CERT_SERVER, MST_ID_FQDN, name, key, &key_n, der, &der_n);
	mst_pem_put(&w, "CERTIFICATE", (struct mst_view){ der, der_n });
	c.chain_pem = mst_written(&w);
	c.key_pkcs8 = (struct mst_view){ key, key_n };
	if (mst_tls_ctx_new(&c, &ctx, &d)) {
		fprintf(stderr, "%s: %s\n", d.field, d.text);
		abort();
	}
	return ctx;
}

static void serve(struct mock *m, struct mst_tls_ctx *tls, const struct mst_server_ops *ops, uint16_t *port,
		  struct mst_server **ret)
{
	char address[64];
	struct mst_diag d = { 0 };
	int fd;

	snprintf(address, sizeof(address), "127.0.0.1:%u", *port);
	CHECK(mst_listen(address, true, &fd, port, &d) == 0);
	CHECK(mst_server_new(m->base, fd, tls, &mst_server_limits_default, ops, m, ret) == 0);
}

void mock_mef_up(struct mock *m)
{
	serve(m, m->mef_tls, &mef_ops, &m->mef_port, &m->mef);
}

void mock_mef_down(struct mock *m)
{
	m->mef = mst_server_free(m->mef);
}

void mock_up(struct mock *m)
{
	mock_mef_up(m);
	serve(m, m->maf_tls, &maf_ops, &m->maf_port, &m->maf);
}

void mock_down(struct mock *m)
{
	mock_mef_down(m);
	m->maf = mst_server_free(m->maf);
}

/* Somebody on the path ------------------------------------------------------------------------------- */

/* Needs nothing but the path: an alert before the handshake's end is proven by nobody (RFC 8446 6, 5246 7.2). */
static void on_hello(struct bufferevent *b, void *arg)
{
	struct mock *m = arg;
	const uint8_t record[] = { 21, 3, 3, 0, 2, 2, m->alert };
	struct evbuffer *in = bufferevent_get_input(b);

	evbuffer_drain(in, evbuffer_get_length(in));
	m->forged++;
	CHECK(bufferevent_write(b, record, sizeof(record)) == 0);
}

static void on_caller(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int n, void *arg)
{
	struct mock *m = arg;

	(void)l;
	(void)from;
	(void)n;
	if (m->forged_to)
		bufferevent_free(m->forged_to);
	m->forged_to = bufferevent_socket_new(m->base, fd, BEV_OPT_CLOSE_ON_FREE);
	CHECK(m->forged_to);
	bufferevent_setcb(m->forged_to, on_hello, NULL, NULL, m);
	CHECK(bufferevent_enable(m->forged_to, EV_READ | EV_WRITE) == 0);
}

static void end_forger(struct mock *m)
{
	if (m->forged_to)
		bufferevent_free(m->forged_to);
	if (m->forger)
		evconnlistener_free(m->forger);
	m->forged_to = NULL;
	m->forger = NULL;
}

void mock_forge(struct mock *m, uint8_t alert)
{
	char address[64];
	struct mst_diag d = { 0 };
	int fd;

	m->alert = alert;
	if (m->forger)
		return;
	m->maf = mst_server_free(m->maf);
	snprintf(address, sizeof(address), "127.0.0.1:%u", m->maf_port);
	CHECK(mst_listen(address, true, &fd, &m->maf_port, &d) == 0);
	m->forger = evconnlistener_new(m->base, on_caller, m, LEV_OPT_CLOSE_ON_FREE, 0, fd);
	CHECK(m->forger);
}

void mock_honest(struct mock *m)
{
	end_forger(m);
	serve(m, m->maf_tls, &maf_ops, &m->maf_port, &m->maf);
}

struct mock *mock_new(void)
{
	struct mock *m = calloc(1, sizeof(*m));
	uint8_t key[MST_PKEY_MAX], der[MST_CERT_MAX];
	size_t key_n, der_n;
	char path[192];

	CHECK(m);
	snprintf(m->dir, sizeof(m->dir), "/tmp/mst-agent-XXXXXX");
	CHECK(mkdtemp(m->dir));
	m->base = event_base_new();
	CHECK(m->base);
	make_ca(m);
	issue(m, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:32473-1-2", key, &key_n, der, &der_n);
	snprintf(path, sizeof(path), "%s/node.pem", m->dir);
	write_pem(path, "CERTIFICATE", (struct mst_view){ der, der_n });
	snprintf(path, sizeof(path), "%s/node.key", m->dir);
	write_pem(path, "PRIVATE KEY", (struct mst_view){ key, key_n });
	snprintf(path, sizeof(path), "%s/anchors.pem", m->dir);
	write_pem(path, "CERTIFICATE", (struct mst_view){ m->ca, m->ca_n });
	/* A second CA, which nobody here uses: for the case of a wrong anchor. */
	issue(m, MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:32473-9-9", key, &key_n, der, &der_n);
	snprintf(path, sizeof(path), "%s/other.pem", m->dir);
	write_pem(path, "CERTIFICATE", (struct mst_view){ der, der_n });
	m->mef_tls = server_tls(m, "mef.example.com", false);
	m->maf_tls = server_tls(m, "maf.example.com", true);
	mock_up(m);
	m->held[0] = hold_port(m->mef_port);
	m->held[1] = hold_port(m->maf_port);
	CHECK(m->held[0] >= 0 && m->held[1] >= 0);
	return m;
}

void mock_free(struct mock *m)
{
	char command[256];

	end_forger(m);
	mock_down(m);
	close(m->held[0]);
	close(m->held[1]);
	mst_tls_ctx_free(m->mef_tls);
	mst_tls_ctx_free(m->maf_tls);
	mst_local_signer_deinit(&m->ca_signer);
	event_base_free(m->base);
	snprintf(command, sizeof(command), "rm -rf '%s'", m->dir);
	CHECK(system(command) == 0);
	free(m);
}

const char *mock_instruction(const struct mock *m)
{
	static char json[512];

	snprintf(json, sizeof(json),
		 "{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.example.com:%u\","
		 "\"target\":\"maf.example.com\",\"adminFQDN\":\"sp.example.com\"}",
		 m->mef_port);
	return json;
}

const char *mock_instruction_anchored(const struct mock *m)
{
	static char json[2048];
	uint8_t b64[1500];
	struct mst_writer w = mst_writer_of(b64, sizeof(b64));

	mst_put_base64(&w, (struct mst_view){ m->ca, m->ca_n });
	mst_put_nul(&w);
	CHECK(w.ok);
	snprintf(json, sizeof(json),
		 "{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.example.com:%u\","
		 "\"anchors\":[\"%s\"],\"target\":\"maf.example.com\",\"adminFQDN\":\"sp.example.com\"}",
		 m->mef_port, (const char *)b64);
	return json;
}

const char *mock_config(struct mock *m, const char *name, const char *instructions, const char *extra)
{
	static char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.json", m->dir, name);
	f = fopen(path, "w");
	CHECK(f && fprintf(f, "{\"version\":1,\"instructions\":[%s]}\n", instructions) > 0 &&
	      !fchmod(fileno(f), 0600) && !fclose(f));
	snprintf(path, sizeof(path), "%s/%s.conf", m->dir, name);
	f = fopen(path, "w");
	CHECK(f &&
	      fprintf(f,
		      "state = \"%s-state\";\nkey_file = \"%s.key\";\ncertificate = \"node.pem\";\nkey = "
		      "\"node.key\";\n"
		      "bootstrap = \"%s.json\";\nrun = \"%s-run\";\nconnect_to = ( { name = "
		      "\"mef.example.com:%u\"; address = \"127.0.0.1:%u\"; },"
		      "\n  { name = \"maf.example.com:%u\"; address = \"127.0.0.1:%u\"; } );\n%s%s",
		      name, name, name, name, m->mef_port, m->mef_port, m->maf_port, m->maf_port,
		      strstr(extra, "anchors") ? "" : "anchors = \"anchors.pem\";\n", extra) > 0 &&
	      !fclose(f));
	return path;
}
