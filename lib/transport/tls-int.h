/*
 * Inside lib/transport: the context and one session over one socket, as the pumps of server and client
 * drive it. OpenSSL's types stop here.
 */
#ifndef MST_TRANSPORT_TLS_INT_H
#define MST_TRANSPORT_TLS_INT_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/secret.h"
#include "transport/tls.h"

#define TLS_EXPORT_KEPT 48
#define TLS_DETAIL_MAX 192
/* Suspended handshakes at one time and thread; each holds a fibre's stack. */
#define TLS_JOBS_MAX 1024

/* ThreadSanitizer does not follow OpenSSL's fibres; the others do. */
#if defined(__SANITIZE_THREAD__)
#define TLS_NO_FIBRES 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TLS_NO_FIBRES 1
#endif
#endif
#ifndef TLS_NO_FIBRES
#define TLS_NO_FIBRES 0
#endif

/* A path that was found good. Refusals are never kept (lesson 3). */
struct verdict {
	bool set;
	uint8_t leaf[MST_SHA256_LEN], anchor[MST_SHA256_LEN];
	mst_time not_before, not_after;         /* of the whole path, and of the lists when they are required */
};
#define TLS_VERDICTS 1024                       /* a power of two */

struct mst_tls_ctx {
	unsigned refs;
	SSL_CTX *ssl;
	X509_CRL **crl;
	size_t n_crl;
	X509 **crl_issuer;                      /* whose lists must be here */
	size_t n_crl_issuer;
	struct verdict *verdict;                /* TLS_VERDICTS of them, by leaf */
	uint64_t verdict_hits;
	char (*name)[MST_ID_MAX];
	size_t n_names;
	int64_t expired_grace;
	bool server, datagram, require_crl, require_client_cert, allow_psk, require_sni, require_ems, synchronous_psk, fibres;
	enum mst_tls_profile profile;
	uint16_t psk_suite;
	mst_time (*now)(void *arg);
	void *now_arg;
	mst_time clock_floor;
};

struct mst_tls_ctx *tls_ctx_ref(struct mst_tls_ctx *c);
/* The suites of the context's profile, OpenSSL's names, for PSK or for certificates. */
const char *tls_suites(const struct mst_tls_ctx *c, bool psk);
/* What a client's session with a PSK offers of TLS 1.2, or of DTLS. */
const char *tls_psk_suites(const struct mst_tls_ctx *c);
/* The time that validity is judged by. True: the clock is unset, and this is the floor (lesson 15). */
bool tls_judge_time(const struct mst_tls_ctx *c, mst_time *ret_now);

enum tls_io {
	TLS_DONE,
	TLS_WANT_READ,
	TLS_WANT_WRITE,
	TLS_WANT_KEY,           /* suspended: answer with tls_session_key(), then call again */
	TLS_WANT_TURN,          /* no fibre free: call again a little later */
	TLS_END,                /* t->end and t->detail say why */
};

struct dtls_pipe;

struct tls_session {
	int fd;                                 /* owned; -1 when closed, and over datagrams */
	struct dtls_pipe *pipe;                 /* datagrams go through it (dtls-int.h); the owner's */
	SSL *ssl;                               /* NULL: plain */
	struct mst_tls_ctx *ctx;
	struct mst_peer peer;
	enum mst_tls_end end;
	char detail[TLS_DETAIL_MAX];
	/* server, PSK */
	void (*ask)(void *arg, const char *identity);   /* only where a handshake cannot be suspended */
	void *ask_arg;
	bool hello;                             /* a whole ClientHello has come */
	bool h2;                                /* HTTP/2 was agreed upon (ALPN) */
	bool psk_on, psk_asked, psk_waiting, psk_answered, psk_known, suspended;
	struct mst_key *psk;                    /* in locked pages, for the handshake; NULL: none */
	/* The export that was asked for last: every Create of a session wants the same one. Beside the library's
	 * own secret, from which it comes, and wiped with the session. */
	const char *exported_label;             /* borrowed: labels are constants */
	size_t n_exported;
	uint8_t *exported;                      /* TLS_EXPORT_KEPT, in locked pages */
	/* client */
	bool psk_sent;                          /* the identity is on its way; in TLS 1.3 from the beginning, in 1.2 behind the suite's choice */
	const char *psk_identity;               /* these are borrowed from the client */
	const char *expect_name;
	const struct mst_view *pin;
	size_t n_pin;
	X509 *leaf;                             /* what the peer showed, good or not */
	bool names_read;                        /* t->peer.cert is filled from it */
};

/* Takes `fd` over, also on failure. `ctx` NULL: plain. */
MST_MUST_CHECK int tls_session_init(struct tls_session *t, int fd, struct mst_tls_ctx *ctx);
/* Over datagrams: `pipe` stays the owner's, and lives longer. */
MST_MUST_CHECK int tls_session_init_pipe(struct tls_session *t, struct dtls_pipe *pipe, struct mst_tls_ctx *ctx);
/* Client, before the handshake: what the server must prove. Borrowed until the session ends. */
MST_MUST_CHECK int tls_session_expect(struct tls_session *t, const char *server_name, const struct mst_view *pin,
                                      size_t n_pin);
/* Client, before the handshake: offer HTTP/2 beside HTTP/1.1. */
MST_MUST_CHECK int tls_session_offer_h2(struct tls_session *t);
MST_MUST_CHECK int tls_session_use_psk(struct tls_session *t, const char *identity, const struct mst_key *k);
/* Server: answer the question that suspended the handshake; NULL = unknown identity. */
void tls_session_key(struct tls_session *t, const struct mst_key *k);

enum tls_io tls_handshake(struct tls_session *t);
/* Client, in a handshake: is what is still missing the server's Finished alone? Then the server has shown that it has its key; before, anybody
 * could have said what came. Up to TLS 1.2; in 1.3 the handshake ends with that proof. */
bool tls_server_proven(const struct tls_session *t);
enum tls_io tls_read(struct tls_session *t, uint8_t *out, size_t cap, size_t *ret_n);
enum tls_io tls_write(struct tls_session *t, const uint8_t *p, size_t n, size_t *ret_n);
/* Say good-bye (close_notify). `stays`: FIN too, for what the peer still sends is drained from `fd`; else it is closed next. */
void tls_session_bye(struct tls_session *t, bool stays);
/* The same while reading goes on. WANT_WRITE: not out yet, call again. */
enum tls_io tls_half_close(struct tls_session *t);
/* Close and wipe, in every state. */
void tls_session_deinit(struct tls_session *t);
MST_MUST_CHECK int tls_export(struct tls_session *t, const char *label, uint8_t *out, size_t n);

/* Latch why the session ended; the first reason stays. */
void tls_session_end(struct tls_session *t, enum mst_tls_end e, const char *fmt, ...) MST_PRINTF(3, 4);
/* As MST_TLS_CUT, in the same words whatever carries the session. */
void tls_session_cut(struct tls_session *t);

/* Fill t->peer.cert from what the peer showed; false when there is nothing or it cannot be read. */
bool tls_read_names(struct tls_session *t);

/* tls-verify.c */
int tls_verify_cb(X509_STORE_CTX *x, void *ctx);
/* Server, after the handshake: is what the peer showed good under `by` too, whose lists and anchors are newer than those that it
 * was judged by? Whoever showed nothing is. False: t->end says why. */
MST_MUST_CHECK bool tls_judge_again(struct tls_session *t, struct mst_tls_ctx *by);
/* tls-psk.c. A key in locked pages, once there is one; false: no room. It goes with tls_psk_forget(). */
MST_MUST_CHECK bool tls_psk_keep(struct mst_key **at, const struct mst_key *k);
void tls_psk_forget(struct mst_key **at);
uint16_t tls_suite_number(const SSL_CIPHER *c);
unsigned int tls_psk_server_cb(SSL *ssl, const char *identity, unsigned char *psk, unsigned int max);
int tls_psk_find_cb(SSL *ssl, const unsigned char *identity, size_t n, SSL_SESSION **ret);
unsigned int tls_psk_client_cb(SSL *ssl, const char *hint, char *identity, unsigned int max_identity,
                               unsigned char *psk, unsigned int max_psk);
int tls_psk_use_cb(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *idlen, SSL_SESSION **ret);
/* tls-end.c: fill t->end from the library's error queue, which is emptied. */
void tls_end_from_library(struct tls_session *t, int ssl_error, int saved_errno);
/* tls-pin.c: is the SHA-256 of a public key named by one of these ni: URIs (RFC 6920, spec 2.5.5)? */
bool tls_pin_matches(const uint8_t spki_sha256[MST_SHA256_LEN], const struct mst_view *pin, size_t n);

#endif
