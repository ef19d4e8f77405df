#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/heap.h"
#include "crypto/pki-x509.h"
#include "transport/dtls-int.h"

void tls_session_end(struct tls_session *t, enum mst_tls_end e, const char *fmt, ...)
{
	va_list ap;

	if (t->end != MST_TLS_OPEN)
		return;
	t->end = e;
	va_start(ap, fmt);
	vsnprintf(t->detail, sizeof(t->detail), fmt, ap);
	va_end(ap);
}

static int begin(struct tls_session *t, struct mst_tls_ctx *ctx)
{
	t->ctx = tls_ctx_ref(ctx);
	t->ssl = SSL_new(ctx->ssl);
	if (!t->ssl || SSL_set_app_data(t->ssl, t) != 1 || (t->pipe ? dtls_attach(t->ssl, t->pipe) : SSL_set_fd(t->ssl, t->fd)) != 1)
		return MST_FAULT_MEMORY;
	if (ctx->server)
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	if (ctx->server && ctx->allow_psk && !ctx->synchronous_psk)
		SSL_set_mode(t->ssl, SSL_MODE_ASYNC);
	/* Buffers are given back while a connection idles (finish() says so). During the handshake that would be
	 * 17 KiB wiped, freed and taken again for each record. */
	SSL_clear_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
	return 0;
}

int tls_session_init(struct tls_session *t, int fd, struct mst_tls_ctx *ctx)
{
	memset(t, 0, sizeof(*t));
	t->fd = fd;
	return ctx ? begin(t, ctx) : 0;
}

int tls_session_init_pipe(struct tls_session *t, struct dtls_pipe *pipe, struct mst_tls_ctx *ctx)
{
	memset(t, 0, sizeof(*t));
	t->fd = -1;
	t->pipe = pipe;
	return ctx->datagram ? begin(t, ctx) : MST_FAULT_BUG;
}

static bool is_address(const char *s)
{
	uint8_t buf[16];

	return inet_pton(AF_INET, s, buf) == 1 || inet_pton(AF_INET6, s, buf) == 1;
}

int tls_session_expect(struct tls_session *t, const char *server_name, const struct mst_view *pin, size_t n_pin)
{
	t->expect_name = server_name;
	t->pin = pin;
	t->n_pin = n_pin;
	/* RFC 6066 3: no addresses in SNI */
	if (server_name && !is_address(server_name) && SSL_set_tlsext_host_name(t->ssl, server_name) != 1)
		return MST_FAULT_CRYPTO;
	return 0;
}

int tls_session_offer_h2(struct tls_session *t)
{
	static const unsigned char offer[] = "\x02h2\x08http/1.1";

	return SSL_set_alpn_protos(t->ssl, offer, sizeof(offer) - 1) == 0 ? 0 : MST_FAULT_MEMORY;
}

static bool h2_was_agreed(const struct tls_session *t)
{
	const unsigned char *p = NULL;
	unsigned n = 0;

	SSL_get0_alpn_selected(t->ssl, &p, &n);
	return n == 2 && !memcmp(p, "h2", 2);
}

int tls_session_use_psk(struct tls_session *t, const char *identity, const struct mst_key *k)
{
	if (!tls_psk_keep(&t->psk, k))
		return MST_FAULT_MEMORY;
	t->psk_identity = identity;
	SSL_set_psk_client_callback(t->ssl, tls_psk_client_cb);
	SSL_set_psk_use_session_callback(t->ssl, tls_psk_use_cb);
	return SSL_set_cipher_list(t->ssl, tls_psk_suites(t->ctx)) == 1 ? 0 : MST_FAULT_CRYPTO;
}

bool tls_read_names(struct tls_session *t)
{
	if (!t->names_read && t->leaf)
		t->names_read = mst_cert_info_x509(t->leaf, &t->peer.cert, NULL) == 0;
	return t->names_read;
}

/* Gotchas 2 and 3: OpenSSL's own idea of "verified" and of the identity does not tell; look at the session. */
static bool psk_was_used(const struct tls_session *t)
{
	if (SSL_version(t->ssl) == TLS1_3_VERSION)
		return SSL_session_reused(t->ssl);
	return SSL_CIPHER_get_auth_nid(SSL_get_current_cipher(t->ssl)) == NID_auth_psk;
}

/* In TLS 1.3 the library's session holds the pre-shared key itself as its secret, for as long as the connection lasts; what
 * is derived from then on comes from elsewhere. */
static void forget_key(SSL *ssl)
{
	static const unsigned char nothing[MST_KEY_MAX];
	SSL_SESSION *s = SSL_get_session(ssl);
	size_t n = s ? SSL_SESSION_get_master_key(s, NULL, 0) : 0;

	if (n && n <= sizeof(nothing))
		(void)SSL_SESSION_set1_master_key(s, nothing, n);
}

static void settle_identity(struct tls_session *t)
{
	struct mst_peer *p = &t->peer;

	/* an external PSK has one Ua identifier for all suites of TLS 1.3 (TS 33.220 H.3) */
	p->suite = SSL_version(t->ssl) != TLS1_3_VERSION || !psk_was_used(t) ? tls_suite_number(SSL_get_current_cipher(t->ssl)) : 0;
	if (psk_was_used(t)) {
		p->how = MST_AUTH_PSK;
		if (t->psk_identity && !mst_view_to_str(mst_view_str(t->psk_identity), p->psk_identity, sizeof(p->psk_identity)))
			p->psk_identity[0] = '\0';
	} else if (t->leaf && tls_read_names(t)) {
		p->how = MST_AUTH_CERT;
	}
	if (p->how != MST_AUTH_PSK)
		p->psk_identity[0] = '\0';
	tls_psk_forget(&t->psk);
	if (p->how == MST_AUTH_PSK && SSL_version(t->ssl) == TLS1_3_VERSION)
		forget_key(t->ssl);
}

static enum tls_io finish(struct tls_session *t)
{
	/* the fibre is needed for the handshake only */
	SSL_clear_mode(t->ssl, SSL_MODE_ASYNC);
	SSL_set_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
	settle_identity(t);
	t->h2 = h2_was_agreed(t);
	if (t->ctx->require_ems && SSL_version(t->ssl) != TLS1_3_VERSION && SSL_get_extms_support(t->ssl) != 1)
		tls_session_end(t, MST_TLS_PROTOCOL, "the peer lacks the extended master secret (RFC 7627)");
	else if (t->psk_identity && t->peer.how != MST_AUTH_PSK)
		tls_session_end(t, MST_TLS_PSK_REFUSED, "the server did not take the key");
	else if (t->leaf && t->peer.how == MST_AUTH_ANONYMOUS)
		tls_session_end(t, MST_TLS_BAD_CERTIFICATE, "the peer's certificate cannot be read");
	else if (t->ctx->server ? t->ctx->require_client_cert && t->peer.how == MST_AUTH_ANONYMOUS :
	         t->peer.how == MST_AUTH_ANONYMOUS)
		tls_session_end(t, MST_TLS_NO_CERTIFICATE, "the peer showed neither certificate nor key");
	return t->end == MST_TLS_OPEN ? TLS_DONE : TLS_END;
}

/* What the library's return value asks of the pump. */
static enum tls_io outcome(struct tls_session *t, int r)
{
	int saved = errno, e = SSL_get_error(t->ssl, r);

	t->suspended = e == SSL_ERROR_WANT_ASYNC;
	switch (e) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_WANT_ASYNC:
		return t->psk_waiting ? TLS_WANT_KEY : TLS_WANT_TURN;
	case SSL_ERROR_WANT_ASYNC_JOB:
		return TLS_WANT_TURN;
	default:
		tls_end_from_library(t, e, saved);
		return TLS_END;
	}
}

/* A callback may give it a key (tls-psk.c), or one did in a step before. */
static int step(struct tls_session *t)
{
	int r;

	mst_heap_keys(t->psk);
	r = SSL_do_handshake(t->ssl);
	mst_heap_keys(false);
	return r;
}

enum tls_io tls_handshake(struct tls_session *t)
{
	int r;

	if (!t->ssl)
		return TLS_DONE;
	ERR_clear_error();
	errno = 0;
	r = step(t);
	if (r == 1) {
		t->suspended = false;
		return finish(t);
	}
	if (SSL_get_error(t->ssl, r) == SSL_ERROR_SSL) {
		enum tls_io io = outcome(t, r);

		(void)tls_read_names(t);        /* whoever it was: for the event */
		return io;
	}
	return outcome(t, r);
}

bool tls_server_proven(const struct tls_session *t)
{
	return t->ssl && SSL_get_state(t->ssl) == TLS_ST_CW_FINISHED;
}

static enum tls_io plain_outcome(struct tls_session *t, ssize_t n, enum tls_io again)
{
	if (n == 0)
		tls_session_end(t, MST_TLS_CLOSED, "closed by the peer");
	else if (errno == EAGAIN || errno == EINTR)
		return again;
	else
		tls_session_end(t, MST_TLS_TRUNCATED, "%s", strerrordesc_np(errno));
	return TLS_END;
}

enum tls_io tls_read(struct tls_session *t, uint8_t *out, size_t cap, size_t *ret_n)
{
	int r;

	*ret_n = 0;
	if (!t->ssl) {
		ssize_t n = recv(t->fd, out, cap, 0);

		if (n <= 0)
			return plain_outcome(t, n, TLS_WANT_READ);
		*ret_n = (size_t)n;
		return TLS_DONE;
	}
	ERR_clear_error();
	errno = 0;
	r = SSL_read_ex(t->ssl, out, cap, ret_n);
	return r == 1 ? TLS_DONE : outcome(t, r);
}

enum tls_io tls_write(struct tls_session *t, const uint8_t *p, size_t n, size_t *ret_n)
{
	int r;

	*ret_n = 0;
	if (!t->ssl) {
		ssize_t k = send(t->fd, p, n, MSG_NOSIGNAL);

		if (k < 0)
			return plain_outcome(t, k, TLS_WANT_WRITE);
		*ret_n = (size_t)k;
		return TLS_DONE;
	}
	ERR_clear_error();
	errno = 0;
	r = SSL_write_ex(t->ssl, p, n, ret_n);
	return r == 1 ? TLS_DONE : outcome(t, r);
}

void tls_session_bye(struct tls_session *t, bool stays)
{
	if (t->fd < 0 && !t->pipe)
		return;
	ERR_clear_error();
	/* after a fatal error, or before the end of the handshake, the library forbids it: alerts are out already */
	if (t->ssl && !t->suspended && SSL_is_init_finished(t->ssl) &&
	    (t->end == MST_TLS_OPEN || t->end == MST_TLS_CLOSED || t->end == MST_TLS_CUT || t->end == MST_TLS_TIMEOUT))
		(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	if (stays && t->fd >= 0)
		(void)shutdown(t->fd, SHUT_WR);
}

enum tls_io tls_half_close(struct tls_session *t)
{
	int r;

	ERR_clear_error();
	r = SSL_shutdown(t->ssl);
	if (r < 0 && SSL_get_error(t->ssl, r) == SSL_ERROR_WANT_WRITE)
		return TLS_WANT_WRITE;
	ERR_clear_error();
	(void)shutdown(t->fd, SHUT_WR);
	return TLS_DONE;
}

void tls_session_deinit(struct tls_session *t)
{
	/* A suspended fibre must run to its end before its session may go (gotcha 4). It gets a key that fails,
	 * and the socket is dead already, so that the peer sees nothing of it. */
	if (t->ssl && t->suspended) {
		if (t->pipe)
			t->pipe->dead = true;
		else
			(void)shutdown(t->fd, SHUT_WR);          /* a listener may shut no more than that (sandbox/usual.c) */
		tls_session_key(t, NULL);
		for (int r = -1; t->suspended;) {
			ERR_clear_error();
			r = step(t);
			t->suspended = r != 1 && SSL_get_error(t->ssl, r) == SSL_ERROR_WANT_ASYNC;
		}
	}
	SSL_free(t->ssl);
	ERR_clear_error();
	X509_free(t->leaf);
	mst_tls_ctx_free(t->ctx);
	if (t->fd >= 0)
		close(t->fd);
	tls_psk_forget(&t->psk);
	mst_heap_give(t->exported);
	mst_wipe(t, sizeof(*t));
	t->fd = -1;
}

int tls_export(struct tls_session *t, const char *label, uint8_t *out, size_t n)
{
	if (!t->ssl || !SSL_is_init_finished(t->ssl))
		return MST_FAULT_BUG;
	if (t->exported_label && t->n_exported == n && !strcmp(t->exported_label, label)) {
		memcpy(out, t->exported, n);
		return 0;
	}
	/* RFC 5705 without context: oneM2M names none (TS-0003 10.3.1) */
	if (SSL_export_keying_material(t->ssl, out, n, label, strlen(label), NULL, 0, 0) != 1) {
		mst_wipe(out, n);
		return MST_FAULT_CRYPTO;
	}
	if (!t->exported)
		t->exported = mst_heap_take(TLS_EXPORT_KEPT);
	if (t->exported && n <= TLS_EXPORT_KEPT) {
		memcpy(t->exported, out, n);
		t->n_exported = n;
		t->exported_label = label;
	}
	return 0;
}
