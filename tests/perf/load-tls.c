#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "load.h"
#include "perf.h"

/* What the session's callbacks need is reached through the session: its load and its node. */
static int load_index = -1, node_index = -1;

static struct load_node *node_of(SSL *ssl)
{
	return SSL_get_ex_data(ssl, node_index);
}

/* The whole check once; then the same octets are as good as they were a moment ago. Keeps the client light.
 */
static int verify_cb(X509_STORE_CTX *x, void *arg)
{
	struct load *l = arg;
	X509 *leaf = X509_STORE_CTX_get0_cert(x);

	if (l->server_cert && X509_cmp(l->server_cert, leaf) == 0)
		return 1;
	if (l->server_cert || X509_verify_cert(x) != 1 ||
	    X509_check_host(leaf, l->server_name, 0, 0, NULL) != 1)
		return 0;
	X509_up_ref(leaf);
	l->server_cert = leaf;
	return 1;
}

/* Bare kinds use the fixed key; briefing node and MEF are shown the maker's secret, a MAF what GBA gave; a node that enrolled uses Km = usage-constrained key of its Ke (spec 3.4.3).
 */
static size_t psk_of(SSL *ssl, unsigned char out[MST_KEY_LEN], const char **ret_identity)
{
	const struct load *l = SSL_get_ex_data(ssl, load_index);
	const struct load_node *n = node_of(ssl);
	struct mst_key km;

	if (l->kind == LOAD_PSK || l->kind == LOAD_COAP_PSK) {
		memcpy(out, PERF_PSK_KEY, MST_KEY_LEN);
		*ret_identity = PERF_PSK_IDENTITY;
		return MST_KEY_LEN;
	}
	if (l->kind == LOAD_BBN_PSK || l->kind == LOAD_BBN_COAP_PSK || l->kind == LOAD_GBA) {
		memcpy(out, n->ke.b, MST_KEY_LEN);
		*ret_identity = n->key_id;
		return MST_KEY_LEN;
	}
	if (l->kind == LOAD_MEF_PSK) {
		memcpy(out, n->kpm.b, MST_KEY_LEN);
		*ret_identity = n->kpm_id;
		return MST_KEY_LEN;
	}
	if (mst_derive_usage(mst_crypto_openssl(), &n->ke, 21, mst_view_str(l->maf), &km) != 0)
		return 0;
	memcpy(out, km.b, MST_KEY_LEN);
	mst_key_wipe(&km);
	*ret_identity = n->key_id;
	return MST_KEY_LEN;
}

static unsigned psk_12(SSL *ssl, const char *hint, char *identity, unsigned max_identity, unsigned char *psk,
		       unsigned max)
{
	unsigned char key[MST_KEY_LEN];
	const char *id;
	size_t n = psk_of(ssl, key, &id);

	(void)hint;
	if (!n || n > max || strlen(id) >= max_identity)
		return 0;
	memcpy(psk, key, n);
	memcpy(identity, id, strlen(id) + 1);
	mst_wipe(key, sizeof(key));
	return (unsigned)n;
}

static int psk_13(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_n, SSL_SESSION **ret)
{
	static const unsigned char aes128_sha256[] = { 0x13, 0x01 };
	const SSL_CIPHER *suite = SSL_CIPHER_find(ssl, aes128_sha256);
	SSL_SESSION *s = SSL_SESSION_new();
	unsigned char key[MST_KEY_LEN];
	const char *identity;
	size_t n = psk_of(ssl, key, &identity);

	(void)md;
	*ret = NULL;
	if (s && n && SSL_SESSION_set1_master_key(s, key, n) && SSL_SESSION_set_cipher(s, suite) &&
	    SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION)) {
		*ret = s;
		*id = (const unsigned char *)identity;
		*id_n = strlen(identity);
	} else {
		SSL_SESSION_free(s);
	}
	mst_wipe(key, sizeof(key));
	return *ret != NULL;
}

static bool set_up(struct load *l, SSL_CTX *c)
{
	bool psk = l->kind == LOAD_PSK || l->kind == LOAD_MAF || l->kind == LOAD_BBN_PSK || l->kind == LOAD_MEF_PSK ||
		   l->kind == LOAD_MAF_KEY || l->kind == LOAD_GBA || l->kind == LOAD_COAP_PSK || l->kind == LOAD_BBN_COAP_PSK;
	bool dtls = load_datagrams(l->kind);
	int version = dtls ? DTLS1_2_VERSION : l->tls == 12 ? TLS1_2_VERSION : TLS1_3_VERSION;

	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(c, verify_cb, l);
	if (psk && (l->tls == 12 || dtls))
		SSL_CTX_set_psk_client_callback(c, psk_12);
	if (psk && l->tls == 13 && !dtls)
		SSL_CTX_set_psk_use_session_callback(c, psk_13);
	return SSL_CTX_set_min_proto_version(c, version) && SSL_CTX_set_max_proto_version(c, version) &&
	       SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") &&
	       SSL_CTX_set1_groups_list(c, "X25519:P-256") && SSL_CTX_set1_sigalgs_list(c, "ECDSA+SHA256") &&
	       SSL_CTX_set_cipher_list(c, !psk ? "ECDHE-ECDSA-AES128-GCM-SHA256" : dtls ? "PSK-AES128-CCM8" : "PSK-AES128-CBC-SHA256") &&
	       (!l->ca || SSL_CTX_load_verify_file(c, l->ca));
}

SSL_CTX *load_context(struct load *l)
{
	SSL_CTX *c = SSL_CTX_new(load_datagrams(l->kind) ? DTLS_client_method() : TLS_client_method());

	load_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	node_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if (c && load_index >= 0 && node_index >= 0 && set_up(l, c))
		return c;
	ERR_print_errors_fp(stderr);
	SSL_CTX_free(c);
	return NULL;
}

int load_session(struct load *l, SSL *ssl, struct load_node *n)
{
	const char *name = l->kind == LOAD_GBA ? l->maf : l->server_name;

	if (!SSL_set_ex_data(ssl, load_index, l) || !SSL_set_ex_data(ssl, node_index, n) ||
	    !SSL_set_tlsext_host_name(ssl, name))
		return -1;
	if (n->cert && (SSL_use_certificate(ssl, n->cert) != 1 || SSL_use_PrivateKey(ssl, n->pkey) != 1))
		return -1;
	SSL_set_connect_state(ssl);
	return 0;
}
