#include <openssl/async.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "transport/dtls-int.h"

const char *const mst_tls_profile_name[] = { "onem2m", "modern", "both" };

/*
 * Suites by name, never by OpenSSL's aliases: "TLSv1.2" leaves out ECDHE-PSK-AES128-CBC-SHA256
 * (dependencies: gotcha 6). The mandatory ones of spec 2.5.2 and 2.5.3 for TLS are
 * TLS_PSK_WITH_AES_128_CBC_SHA256 and TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256; the CCM_8 ones are DTLS's.
 */
#define CERT_MANDATORY "ECDHE-ECDSA-AES128-SHA256"
#define PSK_MANDATORY "PSK-AES128-CBC-SHA256"
#define CERT_MODERN "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384"
#define PSK_MODERN "ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES128-CBC-SHA256"
/* For a NAF (TS 33.222 5.4): a key of GBA is for one suite (TS 33.220 H.3), and a node that has it for this one has no other.
 * Without forward secrecy, which is why "modern" does without it; last, so that whoever was served before it has what it had. */
#define PSK_NAF "PSK-AES128-GCM-SHA256"
/* SHA-256 first and by server preference: an external PSK belongs to SHA-256, and with another hash the
 * handshake would silently fall back to certificates (gotcha 1). */
#define SUITES_13 "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_256_GCM_SHA384"

/* TLS_PSK_WITH_AES_128_CCM_8 and TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 (spec 2.5.2, 2.5.3; RFC 7252 9.1.3) */
#define CERT_DATAGRAM "ECDHE-ECDSA-AES128-CCM8"
#define PSK_DATAGRAM "PSK-AES128-CCM8"

static const struct { const char *cert, *psk, *dtls_cert, *dtls_psk; int max; } profile_table[] = {
	[MST_TLS_ONEM2M] = { CERT_MANDATORY, PSK_MANDATORY, CERT_DATAGRAM, PSK_DATAGRAM, TLS1_2_VERSION },
	[MST_TLS_MODERN] = { CERT_MODERN, PSK_MODERN, CERT_MODERN, PSK_MODERN, TLS1_3_VERSION },
	[MST_TLS_BOTH] = { CERT_MODERN ":" CERT_MANDATORY, PSK_MODERN ":" PSK_MANDATORY ":" PSK_NAF, CERT_MODERN ":" CERT_DATAGRAM,
	                   PSK_MODERN ":" PSK_DATAGRAM, TLS1_3_VERSION },
};

const char *tls_suites(const struct mst_tls_ctx *c, bool psk)
{
	if (c->datagram)
		return psk ? profile_table[c->profile].dtls_psk : profile_table[c->profile].dtls_cert;
	return psk ? profile_table[c->profile].psk : profile_table[c->profile].cert;
}

/* IANA number, and the library's name; of TLS. TLS_PSK_WITH_AES_128_CCM_8 (C0A8) is DTLS's, where it is the one PSK suite of oneM2M. */
struct suite { uint16_t suite; const char *name; };
static const struct suite psk_suite_table[] = {
	{ 0x00ae, PSK_MANDATORY }, { 0x00a8, PSK_NAF }, { 0xc037, "ECDHE-PSK-AES128-CBC-SHA256" }, { MST_TLS_PSK_13, NULL },
};

static const struct suite cert_suite_table[] = { { 0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256" }, { 0xc023, CERT_MANDATORY } };

static const struct suite *find_suite(const struct suite *v, size_t n, uint16_t suite)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].suite == suite)
			return &v[i];
	return NULL;
}

bool mst_tls_psk_suite_known(uint16_t suite)
{
	return find_suite(psk_suite_table, MST_COUNT(psk_suite_table), suite);
}

bool mst_tls_cert_suite_known(uint16_t suite)
{
	return find_suite(cert_suite_table, MST_COUNT(cert_suite_table), suite);
}

const char *tls_psk_suites(const struct mst_tls_ctx *c)
{
	const struct suite *s = find_suite(psk_suite_table, MST_COUNT(psk_suite_table), c->psk_suite);

	return s && s->name ? s->name : tls_suites(c, true);
}

bool tls_judge_time(const struct mst_tls_ctx *c, mst_time *ret_now)
{
	mst_time t = c->now ? c->now(c->now_arg) : (mst_time)time(NULL);

	*ret_now = t < c->clock_floor ? c->clock_floor : t;
	return t < c->clock_floor;
}

/* Refuse with the library's own words behind ours. */
static int refuse(struct mst_diag *d, const char *field, const char *text)
{
	unsigned long e = ERR_peek_last_error();
	const char *why = e ? ERR_reason_error_string(e) : NULL;

	mst_diag_set(d, 0, field, text, why ? ": " : "", why ? why : "", (const char *)NULL);
	ERR_clear_error();
	return MST_FAULT_CONFIG;
}

static int use_chain(SSL_CTX *ssl, struct mst_view pem, struct mst_diag *d)
{
	BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x;
	int n = 0, ok = 1;

	if (!b)
		return MST_FAULT_MEMORY;
	while (ok == 1 && (x = PEM_read_bio_X509(b, NULL, NULL, NULL))) {
		ok = n ? (int)SSL_CTX_add1_chain_cert(ssl, x) : SSL_CTX_use_certificate(ssl, x);
		X509_free(x);
		n++;
	}
	BIO_free(b);
	if (ok != 1)
		return refuse(d, "certificate", "cannot be used");
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return refuse(d, "certificate", "not a PEM certificate chain");
	ERR_clear_error();
	return n ? 0 : refuse(d, "certificate", "no certificate in it; want PEM, own certificate first");
}

static int use_key(SSL_CTX *ssl, const struct mst_tls_config *cfg, EVP_PKEY *foreign, struct mst_diag *d)
{
	const unsigned char *p = cfg->key_pkcs8.p;
	EVP_PKEY *k = foreign ? foreign : d2i_AutoPrivateKey(NULL, &p, (long)cfg->key_pkcs8.n);
	int ok = k ? SSL_CTX_use_PrivateKey(ssl, k) : 0;

	if (!foreign)
		EVP_PKEY_free(k);
	if (ok != 1)
		return refuse(d, "key", "cannot be used with the certificate");
	return 0;
}

static int add_anchors(SSL_CTX *ssl, const struct mst_tls_config *cfg, struct mst_diag *d)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);

	/* an anchor is whatever was configured, be it self-signed or not: nothing else ends a path */
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
	for (size_t i = 0; i < cfg->n_anchors; i++) {
		const unsigned char *p = cfg->anchors[i].p;
		X509 *x = d2i_X509(NULL, &p, (long)cfg->anchors[i].n);
		int ok = x && X509_STORE_add_cert(store, x);

		if (ok && cfg->server)
			ok = SSL_CTX_add_client_CA(ssl, x);
		X509_free(x);
		if (!ok)
			return refuse(d, "anchors", "not a DER certificate");
	}
	return 0;
}

static int add_crls(struct mst_tls_ctx *c, const struct mst_tls_config *cfg, struct mst_diag *d)
{
	c->crl = calloc(cfg->n_crls ? cfg->n_crls : 1, sizeof(c->crl[0]));   /* NOLINT(bugprone-sizeof-expression): an array of pointers */
	if (!c->crl)
		return MST_FAULT_MEMORY;
	for (size_t i = 0; i < cfg->n_crls; i++) {
		const unsigned char *p = cfg->crls[i].p;

		c->crl[i] = d2i_X509_CRL(NULL, &p, (long)cfg->crls[i].n);
		if (!c->crl[i])
			return refuse(d, "crls", "not a DER revocation list");
		c->n_crl++;
	}
	return 0;
}

static int add_names(struct mst_tls_ctx *c, const struct mst_tls_config *cfg, struct mst_diag *d)
{
	c->name = calloc(cfg->n_names ? cfg->n_names : 1, sizeof(*c->name));
	if (!c->name)
		return MST_FAULT_MEMORY;
	for (size_t i = 0; i < cfg->n_names; i++)
		if (!mst_view_to_str(mst_view_str(cfg->names[i]), c->name[c->n_names++], sizeof(*c->name)))
			return refuse(d, "names", "a served name is too long");
	if (cfg->require_sni && !cfg->n_names)
		return refuse(d, "names", "require_sni needs the names that are served");
	return 0;
}

/* Spec 2.5.1: SNI carries the authority. The name is kept for events even when it is refused. */
static int sni_cb(SSL *ssl, int *alert, void *arg)
{
	struct mst_tls_ctx *c = arg;
	struct tls_session *t = SSL_get_app_data(ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (name && !mst_view_to_str(mst_view_str(name), t->peer.sni, sizeof(t->peer.sni)))
		t->peer.sni[0] = '\0';
	for (size_t i = 0; name && i < c->n_names; i++)
		if (mst_view_eq_nocase(mst_view_str(name), mst_view_str(c->name[i])))
			return SSL_TLSEXT_ERR_OK;
	if (!c->require_sni)
		return name && c->n_names == 0 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
	if (name)
		tls_session_end(t, MST_TLS_NO_SNI, "server name \"%.100s\" is not served here", t->peer.sni);
	else
		tls_session_end(t, MST_TLS_NO_SNI, "no server name in the ClientHello");
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool offers(const unsigned char *in, unsigned n, const char *name)
{
	size_t want = strlen(name);

	for (unsigned i = 0; i < n && in[i] < n - i; i += in[i] + 1u)
		if (in[i] == want && !memcmp(in + i + 1, name, want))
			return true;
	return false;
}

/* The suite is chosen by now. HTTP/2 wants an AEAD one (RFC 9113 9.2.2); with another, HTTP/1.1 is spoken. */
static int alpn_cb(SSL *ssl, const unsigned char **out, unsigned char *n_out, const unsigned char *in, unsigned n, void *arg)
{
	static const char h2[] = "h2", h1[] = "http/1.1";
	const SSL_CIPHER *suite = SSL_get_pending_cipher(ssl);
	bool fits = suite && SSL_CIPHER_is_aead(suite) && offers(in, n, h2);

	(void)arg;
	if (!fits && !offers(in, n, h1))
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = (const unsigned char *)(fits ? h2 : h1);
	*n_out = (unsigned char)strlen(fits ? h2 : h1);
	return SSL_TLSEXT_ERR_OK;
}

static int hello_cb(SSL *ssl, int *alert, void *arg)
{
	struct tls_session *t = SSL_get_app_data(ssl);

	(void)alert;
	(void)arg;
	t->hello = true;
	return SSL_CLIENT_HELLO_SUCCESS;
}

static int set_suites(struct mst_tls_ctx *c, const struct mst_tls_config *cfg)
{
	char list[512];
	bool cert = !cfg->server || cfg->chain_pem.n, psk = cfg->server && cfg->allow_psk;
	int least = cfg->psk_suite == MST_TLS_PSK_13 ? TLS1_3_VERSION : TLS1_2_VERSION;
	int most = !cfg->psk_suite && !cfg->cert_suite ? profile_table[cfg->profile].max : least;
	const struct suite *one = find_suite(cert_suite_table, MST_COUNT(cert_suite_table), cfg->cert_suite);

	if (c->datagram)
		least = most = DTLS1_2_VERSION;

	/* PSK first: whoever offers it has a key. A client's session with a PSK narrows its list itself. */
	snprintf(list, sizeof(list), "%s%s%s", psk ? tls_suites(c, true) : "", psk && cert ? ":" : "",
	         !cert ? "" : one ? one->name : tls_suites(c, false));
	return SSL_CTX_set_cipher_list(c->ssl, list) == 1 && SSL_CTX_set_ciphersuites(c->ssl, SUITES_13) == 1 &&
	       SSL_CTX_set1_groups_list(c->ssl, "X25519:P-256") == 1 &&
	       SSL_CTX_set1_sigalgs_list(c->ssl, "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512") == 1 &&
	       SSL_CTX_set_min_proto_version(c->ssl, least) == 1 &&
	       SSL_CTX_set_max_proto_version(c->ssl, most) == 1;
}

static void set_server(struct mst_tls_ctx *c, const struct mst_tls_config *cfg)
{
	int verify = SSL_VERIFY_NONE;

	if (cfg->require_client_cert)
		verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	else if (cfg->n_anchors)
		verify = SSL_VERIFY_PEER;
	SSL_CTX_set_verify(c->ssl, verify, NULL);
	SSL_CTX_set_client_hello_cb(c->ssl, hello_cb, NULL);
	SSL_CTX_set_tlsext_servername_callback(c->ssl, sni_cb);
	SSL_CTX_set_tlsext_servername_arg(c->ssl, c);
	if (cfg->h2)
		SSL_CTX_set_alpn_select_cb(c->ssl, alpn_cb, NULL);
	if (!cfg->allow_psk)
		return;
	SSL_CTX_set_psk_server_callback(c->ssl, tls_psk_server_cb);
	if (!c->datagram)
		SSL_CTX_set_psk_find_session_callback(c->ssl, tls_psk_find_cb);
}

static int set_policy(struct mst_tls_ctx *c, const struct mst_tls_config *cfg, struct mst_diag *d)
{
	SSL_CTX_set_options(c->ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
	                            SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_CLEANSE_PLAINTEXT);
	SSL_CTX_clear_options(c->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_LEGACY_SERVER_CONNECT |
	                              SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
	if (c->datagram)
		dtls_ctx_set(c->ssl);
	/* NO_AUTO_CHAIN: what is sent is the chain file and nothing else. Otherwise the library looks for the path
	 * of our own certificate among the anchors, and verifies it, in every handshake. */
	SSL_CTX_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                         SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(c->ssl, 0);
	SSL_CTX_set_max_cert_list(c->ssl, 32 * 1024);
	SSL_CTX_set_cert_verify_callback(c->ssl, tls_verify_cb, c);
	if (!set_suites(c, cfg))
		return refuse(d, "profile", "the TLS library refuses it");
	/* an external PSK is a session to the library, and belongs to a context (TLS 1.3) */
	if (cfg->server && SSL_CTX_set_session_id_context(c->ssl, (const unsigned char *)"muster", 6) != 1)
		return MST_FAULT_CRYPTO;
	if (cfg->server)
		set_server(c, cfg);
	else
		SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	if (cfg->server && cfg->psk_hint && SSL_CTX_use_psk_identity_hint(c->ssl, cfg->psk_hint) != 1)
		return refuse(d, "psk_hint", "cannot be used");
	return 0;
}

/* The fibres of this thread: bounded, whatever number of servers runs in it (gotcha 4), and gone with the last. */
static _Thread_local unsigned fibre_users;

static int fibres_begin(struct mst_tls_ctx *c)
{
	if (fibre_users == 0 && !ASYNC_init_thread(TLS_JOBS_MAX, 0))
		return MST_FAULT_CRYPTO;
	fibre_users++;
	c->fibres = true;
	return 0;
}

static void fibres_end(struct mst_tls_ctx *c)
{
	if (c->fibres && --fibre_users == 0)
		ASYNC_cleanup_thread();
}

static int check(const struct mst_tls_config *cfg, struct mst_diag *d)
{
	if (cfg->allow_raw_keys)
		return refuse(d, "allow_raw_keys", "raw public keys (RFC 7250) need OpenSSL 3.2 or newer; this is "
		              OPENSSL_VERSION_TEXT);
	if (cfg->resumption)
		return refuse(d, "resumption", "not supported: every session is a full handshake");
	if ((unsigned)cfg->profile >= MST_COUNT(profile_table))
		return refuse(d, "profile", "unknown; one of onem2m, modern, both");
	if (cfg->psk_suite && (cfg->server || !mst_tls_psk_suite_known(cfg->psk_suite)))
		return refuse(d, "psk_suite", "none that is known, or not of a client");
	if (cfg->cert_suite && (cfg->server || cfg->datagram || cfg->psk_suite || !mst_tls_cert_suite_known(cfg->cert_suite)))
		return refuse(d, "cert_suite", "none that is known, or not of a client, or beside psk_suite");
	if (cfg->server && !cfg->chain_pem.n && !cfg->allow_psk)
		return refuse(d, "certificate", "a server without PSK needs one");
	if (cfg->chain_pem.n && !cfg->key_pkcs8.n && !cfg->foreign)
		return refuse(d, "key", "missing; the certificate needs its private key");
	return 0;
}

static int add_crl_issuers(struct mst_tls_ctx *c, const struct mst_tls_config *cfg, struct mst_diag *d)
{
	c->crl_issuer = calloc(cfg->n_crl_issuers ? cfg->n_crl_issuers : 1, sizeof(c->crl_issuer[0]));   /* NOLINT(bugprone-sizeof-expression): an array of pointers */
	if (!c->crl_issuer)
		return MST_FAULT_MEMORY;
	for (size_t i = 0; i < cfg->n_crl_issuers; i++) {
		const unsigned char *p = cfg->crl_issuers[i].p;

		c->crl_issuer[i] = d2i_X509(NULL, &p, (long)cfg->crl_issuers[i].n);
		if (!c->crl_issuer[i])
			return refuse(d, "require_crl_of", "not a DER certificate");
		c->n_crl_issuer++;
	}
	return 0;
}

static int fill(struct mst_tls_ctx *c, const struct mst_tls_config *cfg, EVP_PKEY *foreign, struct mst_diag *d)
{
	int r = set_policy(c, cfg, d);

	if (r == 0 && cfg->chain_pem.n)
		r = use_chain(c->ssl, cfg->chain_pem, d);
	if (r == 0 && cfg->chain_pem.n)
		r = use_key(c->ssl, cfg, foreign, d);
	if (r == 0)
		r = add_anchors(c->ssl, cfg, d);
	if (r == 0)
		r = add_crls(c, cfg, d);
	if (r == 0)
		r = add_crl_issuers(c, cfg, d);
	if (r == 0)
		r = add_names(c, cfg, d);
	return r;
}

static int make(const struct mst_tls_config *cfg, EVP_PKEY *foreign, struct mst_tls_ctx **ret, struct mst_diag *d)
{
	struct mst_tls_ctx *c;
	int r = check(cfg, d);

	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return MST_FAULT_MEMORY;
	c->refs = 1;
	c->server = cfg->server;
	c->datagram = cfg->datagram;
	c->profile = cfg->profile;
	c->psk_suite = cfg->psk_suite;
	c->require_crl = cfg->require_crl;
	c->require_client_cert = cfg->require_client_cert;
	c->allow_psk = cfg->allow_psk;
	c->require_sni = cfg->require_sni;
	c->require_ems = cfg->require_ems;
	c->expired_grace = cfg->server ? cfg->expired_grace : 0;
	c->synchronous_psk = cfg->synchronous_psk || TLS_NO_FIBRES;
	c->now = cfg->now;
	c->now_arg = cfg->now_arg;
	c->clock_floor = cfg->clock_floor;
	c->verdict = calloc(TLS_VERDICTS, sizeof(*c->verdict));
	c->ssl = SSL_CTX_new(cfg->datagram ? (cfg->server ? DTLS_server_method() : DTLS_client_method()) :
	                     cfg->server ? TLS_server_method() : TLS_client_method());
	r = c->ssl && c->verdict ? fill(c, cfg, foreign, d) : MST_FAULT_MEMORY;
	if (r == 0 && cfg->server && cfg->allow_psk && !c->synchronous_psk)
		r = fibres_begin(c);
	if (r < 0) {
		mst_tls_ctx_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int mst_tls_ctx_new(const struct mst_tls_config *cfg, struct mst_tls_ctx **ret, struct mst_diag *d)
{
	EVP_PKEY *foreign = cfg->foreign ? mst_foreign_pkey(cfg->foreign) : NULL;
	int r = cfg->foreign && !foreign ? refuse(d, "key", "is no key on P-256") : make(cfg, foreign, ret, d);

	EVP_PKEY_free(foreign);          /* a context that uses it has its own reference */
	return r;
}

struct mst_tls_ctx *tls_ctx_ref(struct mst_tls_ctx *c)
{
	c->refs++;
	return c;
}

struct mst_tls_ctx *mst_tls_ctx_free(struct mst_tls_ctx *c)
{
	if (!c || --c->refs)
		return NULL;
	for (size_t i = 0; i < c->n_crl; i++)
		X509_CRL_free(c->crl[i]);
	free(c->crl);
	for (size_t i = 0; i < c->n_crl_issuer; i++)
		X509_free(c->crl_issuer[i]);
	free(c->crl_issuer);
	free(c->name);
	free(c->verdict);
	SSL_CTX_free(c->ssl);
	fibres_end(c);
	free(c);
	return NULL;
}

uint64_t mst_tls_ctx_verdict_hits(const struct mst_tls_ctx *c)
{
	return c->verdict_hits;
}
