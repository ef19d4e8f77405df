/*
 * HTTPS (and, on unix sockets, HTTP) server on libevent_core with our own TLS pump: non-blocking, one
 * state machine per connection, every state with a deadline, bounded memory.
 *
 * The owner gives callbacks; a request is answered later, by id, in any order between connections.
 */
#ifndef MST_TRANSPORT_SERVER_H
#define MST_TRANSPORT_SERVER_H

#include <sys/socket.h>

#include "transport/http.h"
#include "transport/tls.h"

struct event_base;
struct mst_server;                   /* one listening endpoint */
struct mst_conn;                     /* one connection; valid until on_close returns */

struct mst_server_limits {
	unsigned connections;        /* beyond: accepted and closed at once, counted */
	/*
	 * Of one address; 0: no bound, but when all are taken who has most gives way to others, who has a quarter gives way to itself,
	 * and nobody whose answer is being made. With it, a new connection that has no place takes that of the one that has waited
	 * longest: of its own address when that has its share, else of any. Who has never completed a request gives way
	 * before who has and is idle, and before who does not read its answer.
	 */
	unsigned per_peer;
	unsigned handshakes;         /* running at the same time */
	unsigned requests;           /* outstanding with the owner: beyond 503 + Retry-After */
	struct mst_http_limits http;
	unsigned streams;            /* HTTP/2, when the TLS settings offer it (tls.h): requests of one connection at a time */
	size_t held_octets;          /* of bodies, in all connections together: beyond 503 + Retry-After */
	mst_ms hello_ms;             /* until the first message of a handshake is complete */
	mst_ms session_ms;           /* the longest that a connection is kept */
	mst_ms first_ms;             /* idle before the first request; 0: as idle_ms */
	mst_ms handshake_ms, header_ms, body_ms, idle_ms, answer_ms, write_ms;
};
extern const struct mst_server_limits mst_server_limits_default;

/* What ended a handshake or connection, for log, metrics and operator events. */
struct mst_server_ops {
	/* A whole request arrived. Borrowed until the request is answered. Answer with mst_conn_answer(). */
	void (*on_request)(void *owner, struct mst_conn *c, const struct mst_http_msg *m);
	/* A PSK identity came in a handshake, which is suspended until mst_conn_psk() is called (from inside
	 * this callback, or later). NULL: no PSK. */
	void (*on_psk)(void *owner, struct mst_conn *c, const char *identity);
	/* The handshake failed (never reached on_request). `peer` may be partly filled. */
	void (*on_handshake_failed)(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail);
	/* The connection is going away; forget it. `pending`: a request was not yet answered. */
	void (*on_close)(void *owner, struct mst_conn *c, bool pending);
	void (*on_handshake_done)(void *owner, struct mst_conn *c);     /* may be NULL */
	/* A request that never reached on_request was refused with this HTTP status, or broke off (0). May be NULL. */
	void (*on_refused)(void *owner, struct mst_conn *c, int status, const char *why);
	/* Content for such an answer, as the owner's peers expect it, and header lines of theirs; returns its media type. NULL: plain text. */
	const char *(*refusal)(void *owner, int status, const struct mst_diag *d, struct mst_writer *lines, struct mst_writer *w);
	/* A local peer, with the process id that it connected by: false turns it away, without a word. NULL: all are let in. */
	bool (*lets_in)(void *owner, uint32_t pid);
};

/* `fd`: a listening socket of mst_listen(), taken over. `tls` NULL: plain HTTP, for unix sockets and loopback metrics. */
MST_MUST_CHECK int mst_server_new(struct event_base *base, int fd, struct mst_tls_ctx *tls,
                                  const struct mst_server_limits *l, const struct mst_server_ops *ops, void *owner,
                                  struct mst_server **ret);
/* For new connections. Others end after what is going on; one that has not asked yet may ask once, if its certificate is good by the
 * new settings too. */
void mst_server_reload(struct mst_server *s, struct mst_tls_ctx *tls);
/* Connections of that one, or that group, end: idle ones now, others after the answer that is being made. What is not all there yet gets none (503),
 * nor does a handshake that is not over come to an end. */
void mst_server_cut(struct mst_server *s, const struct mst_whose *whose);
void mst_server_set_limits(struct mst_server *s, const struct mst_server_limits *l);    /* from the next step of each connection */
void mst_server_drain(struct mst_server *s);        /* stop accepting; idle connections close, busy ones finish */
unsigned mst_server_open(const struct mst_server *s);
struct mst_server *mst_server_free(struct mst_server *s);                /* drops everything at once */
struct mst_server_stats { uint64_t accepted, refused, handshakes, handshake_failures, h2 /* sessions */, requests, answers, timeouts; unsigned open; };
struct mst_server_stats mst_server_stats(const struct mst_server *s);

const struct mst_peer *mst_conn_peer(const struct mst_conn *c);
void *mst_conn_data(const struct mst_conn *c);
void mst_conn_set_data(struct mst_conn *c, void *data);
/* Whose connection it has turned out to be, for mst_server_cut(). */
void mst_conn_set_whose(struct mst_conn *c, const struct mst_whose *whose);
uint64_t mst_conn_id(const struct mst_conn *c);     /* unique in this process: the session id */
/* RFC 5705 without context on the finished session. MST_FAULT_BUG on a plain connection. */
MST_MUST_CHECK int mst_conn_export(struct mst_conn *c, const char *label, uint8_t *out, size_t n);
/* Resume a suspended handshake: with the key, or NULL for "unknown identity", which then fails exactly as a
 * wrong key does (a random key is used). */
void mst_conn_psk(struct mst_conn *c, const struct mst_key *k);
/* Give up a suspended handshake for a reason of our own: the connection ends without a verdict on the key, and
 * on_handshake_failed is told MST_TLS_BUSY with this text. */
void mst_conn_busy(struct mst_conn *c, const char *detail);
/* The body of the outstanding request is passed on: here it is wiped, however long the answer takes. What HTTP/2 brought stays. */
void mst_conn_body_done(struct mst_conn *c);
/* Answer the outstanding request with whole HTTP/1.1 octets (copied). `close` ends the connection after it. With HTTP/2 each
 * request is a mst_conn of its own to the owner, all with the id and the peer of their connection. False: there is no memory, and the
 * connection ends without the answer. */
bool mst_conn_answer(struct mst_conn *c, struct mst_view octets, bool close);
bool mst_conn_keep_alive(const struct mst_conn *c);

/* Listening socket on "host:port", "[v6]:port", or "unix:/path" (0600-ish by umask, stale file replaced).
 * O_CLOEXEC, non-blocking, SO_REUSEPORT when asked; port 0 = any, *ret_port says which. */
MST_MUST_CHECK int mst_listen(const char *address, bool reuseport, int *ret_fd, uint16_t *ret_port, struct mst_diag *d);
/* The same of a "host:port" that no interface has yet: *ret_ahead, and it is heard there once one has it. */
MST_MUST_CHECK int mst_listen_ahead(const char *address, int *ret_fd, uint16_t *ret_port, bool *ret_ahead, struct mst_diag *d);
/* bind(), also to an address that no interface has yet: *ret_ahead. */
MST_MUST_CHECK int mst_bind_ahead(int fd, const struct sockaddr *a, socklen_t n, bool *ret_ahead);

#endif
