/*
 * Pre-shared keys in both directions and versions. On a server the key may have to come from another
 * process or host: the handshake is suspended inside the callback (OpenSSL runs it on a fibre) and the
 * pump asks the owner from the ordinary stack.
 */
#include <openssl/async.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/text.h"
#include "crypto/heap.h"
#include "transport/tls-int.h"

/* TLS_AES_128_GCM_SHA256: external keys belong to SHA-256 (RFC 8446 4.2.11) */
static const unsigned char suite_sha256[] = { 0x13, 0x01 };

uint16_t tls_suite_number(const SSL_CIPHER *c)
{
	return c ? SSL_CIPHER_get_protocol_id(c) : 0;
}

bool tls_psk_keep(struct mst_key **at, const struct mst_key *k)
{
	if (!*at)
		*at = mst_heap_take(sizeof(**at));
	if (*at)
		**at = *k;
	return *at != NULL;
}

void tls_psk_forget(struct mst_key **at)
{
	mst_heap_give(*at);
	*at = NULL;
}

void tls_session_key(struct tls_session *t, const struct mst_key *k)
{
	struct mst_key nobodys = { .n = MST_KEY_LEN };

	if (!t->psk_waiting)
		return;
	t->psk_waiting = false;
	t->psk_answered = true;
	t->psk_known = k && k->n;
	/* Unknown is a key that nobody has: to the peer the same as a wrong one, in message and alert. */
	if (!t->psk_known && RAND_bytes(nobodys.b, MST_KEY_LEN) != 1)
		nobodys.n = 0;
	if (!tls_psk_keep(&t->psk, t->psk_known ? k : &nobodys))
		t->psk_known = false;
}

/*
 * Into the library, which has copies of it: in its session (TLS 1.3), and for the master secret. What it takes from now on until
 * tls_handshake() has its step done is in locked pages. What it puts on the stack for that step it wipes itself.
 */
static unsigned give(const struct tls_session *t, unsigned char *psk, unsigned max)
{
	if (!t->psk || t->psk->n > max)
		return 0;
	mst_heap_keys(true);
	memcpy(psk, t->psk->b, t->psk->n);
	return (unsigned)t->psk->n;
}

/* t->psk for this identity, suspending as long as the answer takes. */
static void ask(struct tls_session *t, struct mst_view identity)
{
	bool first = !t->psk_asked;

	/* a HelloRetryRequest brings the same identity again; another one is not looked up in this handshake */
	if (t->psk_answered && mst_view_eq_str(identity, t->peer.psk_identity))
		return;
	t->psk_asked = t->psk_waiting = true;
	if (first && mst_printable_ascii(identity) && identity.n &&
	    mst_view_to_str(identity, t->peer.psk_identity, sizeof(t->peer.psk_identity)) && t->psk_on) {
		if (t->ctx->synchronous_psk)
			t->ask(t->ask_arg, t->peer.psk_identity);
		else
			while (t->psk_waiting && ASYNC_get_current_job())
				ASYNC_pause_job();
	}
	if (t->psk_waiting)
		tls_session_key(t, NULL);
}

unsigned int tls_psk_server_cb(SSL *ssl, const char *identity, unsigned char *psk, unsigned int max)
{
	struct tls_session *t = SSL_get_app_data(ssl);

	t->peer.suite = tls_suite_number(SSL_get_pending_cipher(ssl));
	ask(t, mst_view_str(identity));
	return give(t, psk, max);
}

static SSL_SESSION *session_with(SSL *ssl, const struct mst_key *k)
{
	const SSL_CIPHER *suite = SSL_CIPHER_find(ssl, suite_sha256);
	SSL_SESSION *s;

	mst_heap_keys(true);             /* as in give() */
	s = SSL_SESSION_new();
	if (s && suite && k && k->n && SSL_SESSION_set1_master_key(s, k->b, k->n) && SSL_SESSION_set_cipher(s, suite) &&
	    SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION))
		return s;
	SSL_SESSION_free(s);
	return NULL;
}

int tls_psk_find_cb(SSL *ssl, const unsigned char *identity, size_t n, SSL_SESSION **ret)
{
	struct tls_session *t = SSL_get_app_data(ssl);

	ask(t, (struct mst_view){ identity, n });
	*ret = session_with(ssl, t->psk);
	return *ret != NULL;
}

unsigned int tls_psk_client_cb(SSL *ssl, const char *hint, char *identity, unsigned int max_identity,
                               unsigned char *psk, unsigned int max_psk)
{
	struct tls_session *t = SSL_get_app_data(ssl);

	(void)hint;
	if (!t->psk_identity || strlen(t->psk_identity) >= max_identity)
		return 0;
	t->psk_sent = true;
	memcpy(identity, t->psk_identity, strlen(t->psk_identity) + 1);
	return give(t, psk, max_psk);
}

int tls_psk_use_cb(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *idlen, SSL_SESSION **ret)
{
	struct tls_session *t = SSL_get_app_data(ssl);

	*ret = NULL;
	*id = NULL;
	*idlen = 0;
	if (!t->psk_identity || (md && EVP_MD_get_type(md) != NID_sha256))
		return 1;
	t->psk_sent = true;
	*ret = session_with(ssl, t->psk);
	*id = (const unsigned char *)t->psk_identity;
	*idlen = strlen(t->psk_identity);
	return *ret != NULL;
}
