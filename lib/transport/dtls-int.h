/*
 * DTLS 1.2 (RFC 6347) over sockets of ours: datagrams go into a session and come out of it through a pipe, which knows the
 * peer's address and the address that it spoke to. The library's own datagram BIO wants a connected socket for each peer.
 */
#ifndef MST_TRANSPORT_DTLS_INT_H
#define MST_TRANSPORT_DTLS_INT_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/time.h"
#include "transport/tls-int.h"

/*
 * A datagram of ours, DTLS and all: IPv6 lets 1280 octets pass everywhere (RFC 8200 5), less 48 of IP and UDP. CoAP's 1152
 * (RFC 7252 4.6) and a record's 77 at most (CBC) fit.
 */
#define DTLS_MTU 1232
#define DTLS_TAKEN 16640             /* of a peer who knows better what its network lets pass: a record and its frame */
#define DTLS_QUEUE 8                 /* datagrams that wait for a session whose key is looked for */
#define DTLS_QUEUE_OCTETS 8192
#define DTLS_COOKIE 32
#define DTLS_RANDOM 32

struct dtls_packet { struct dtls_packet *next; size_t n; uint8_t b[]; };

/* The local end of a datagram, so that the answer leaves from where the question went. */
struct dtls_local { int family; union { struct in_addr v4; struct { struct in6_addr addr; unsigned index; } v6; } at; };

struct dtls_pipe {
	int fd;                              /* not ours */
	bool connected;                      /* read from it; else packets are handed in */
	bool dead;                           /* nothing goes out any more, nothing comes in */
	struct sockaddr_storage peer;
	socklen_t peer_n;
	struct dtls_local local;
	struct mst_view now;                 /* the datagram at hand, borrowed */
	struct dtls_packet *first, **last;   /* those that had to wait */
	size_t count, octets;
	const uint8_t *secret;               /* of cookies; 32 octets, the endpoint's */
	uint64_t epoch;                      /* of the secret: cookies live for two */
	int error;                           /* errno of the socket, when that ended it */
};

/* tls-ctx.c: cookies, no questions about the MTU. */
void dtls_ctx_set(SSL_CTX *ssl);
/* tls-session.c */
int dtls_attach(SSL *ssl, struct dtls_pipe *p);

/* For later: false when there is no more room, which is a loss like any other. */
bool dtls_pipe_keep(struct dtls_pipe *p, struct mst_view datagram);
void dtls_pipe_drop(struct dtls_pipe *p);
/* Is there something for the session to read? */
bool dtls_pipe_waits(const struct dtls_pipe *p);

/* What a datagram to a server is, by its first record, before anything is spent on it. */
struct dtls_hello { uint16_t seq; const uint8_t *random; };
bool dtls_is_hello(struct mst_view datagram, struct dtls_hello *ret_h);

/*
 * A stranger's ClientHello (RFC 6347 4.2.1): answered with a cookie, and nothing kept. 1: it brought a good one, and the
 * handshake may go on in this session; 0: not yet; negative: the session cannot be used any more.
 */
int dtls_listen(struct tls_session *t);

/* When the library wants dtls_timer(), from now; -1 = not at all. */
mst_ms dtls_timer_in(const struct tls_session *t);
/* Sends the last flight again (RFC 6347 4.2.4). False: that was too often. */
bool dtls_timer(struct tls_session *t);

/* recvmsg() and sendmsg() with the local address. recv: octets, 0 for one to be thrown away, or -1 with errno. */
ssize_t dtls_recv(int fd, uint8_t *out, size_t cap, struct sockaddr_storage *ret_peer, socklen_t *ret_n, struct dtls_local *ret_local);

#endif
