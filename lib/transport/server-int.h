/* Inside the server: endpoint (server.c) and connection (conn.c). */
#ifndef MST_TRANSPORT_SERVER_INT_H
#define MST_TRANSPORT_SERVER_INT_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "transport/busy.h"
#include "transport/h2.h"
#include "transport/server.h"
#include "transport/tls-int.h"

#define SHARES 1024                     /* a power of two */
#define CONN_READ_MAX 16384             /* one TLS record */

struct mst_server {
	struct event_base *base;
	struct mst_tls_ctx *tls;
	struct mst_server_limits limits;
	const struct mst_server_ops *ops;
	void *owner;
	int fd;
	struct event accept, resume;
	bool draining, local;
	struct mst_conn *conns;
	unsigned handshaking, outstanding;
	unsigned share[SHARES];         /* handshakes that run, by their peer's address (hashed with `seed`) */
	unsigned open_of[SHARES];       /* connections likewise */
	size_t held_of[SHARES];         /* and octets of bodies */
	uint64_t seed;
	size_t held;                    /* octets of bodies in all connections */
	struct mst_server_stats stats;
	struct busy busy;
	uint8_t buf[CONN_READ_MAX];     /* of the connection that reads just now; wiped after it */
};

enum conn_state {
	CONN_HANDSHAKE,
	CONN_SUSPENDED,                 /* the owner looks for a key */
	CONN_READING,
	CONN_WAITING,                   /* the owner has the request; input waits in the socket */
	CONN_WRITING,
	CONN_H2,                        /* HTTP/2: what its streams do is in conn-h2.c */
	CONN_CLOSING,                   /* bye was said; what still comes is thrown away */
	CONN_GONE,
};

struct mst_conn {
	struct mst_server *s;
	struct mst_conn *next, **link;
	uint64_t id;
	void *data;
	enum conn_state state;
	struct event io, deadline;
	short want;
	struct tls_session *t;          /* a stream's: of the connection that it belongs to */
	struct mst_http_parser *http;
	uint8_t *left;                  /* octets after the message that is being answered */
	size_t left_n;
	uint8_t *out;
	size_t out_n, out_at, drained;
	mst_ms since;
	size_t held, longest;           /* octets of bodies that are not yet answered, and those of the longest */
	unsigned origin;                /* in `share` and its like */
	/* HTTP/2. A request of a stream is a connection to the owner: `up` is the real one, and only state, data, pending and
	 * known are of use beside it. */
	struct h2 *h2;
	struct mst_conn *up;
	struct h2_stream *stream;
	mst_ms quiet_until, blocked_until;
	struct mst_whose whose;         /* as the owner says */
	bool cut;                       /* it is to end, as soon as what the owner has is answered; what the peer had only begun to say is none */
	bool spared;                    /* outlived, but it may ask once: see conn_spare() */
	bool greeted, running, known, pending, close_after, interim, continued, was_idle, in_body, handshaking, served;
};

/* conn.c, for conn-h2.c */
#define CONN_REFUSAL_MAX 768
void conn_want(struct mst_conn *c, short what);
void conn_wake(struct mst_conn *c);
void conn_deadline(struct mst_conn *c, mst_ms ms);
void conn_tell_close(struct mst_conn *c);
void conn_tell_refused(struct mst_conn *c, int status, const char *field, const char *text);
void conn_begin_close(struct mst_conn *c);
bool conn_outlived(const struct mst_conn *c);
/* What waits to be sent or read, in memory of its own. NULL: there is none, which the owner is told. */
uint8_t *conn_copy(struct mst_conn *c, struct mst_view v);
/* A whole message in out[CONN_REFUSAL_MAX]; its length. */
size_t conn_refusal(struct mst_conn *c, int status, const char *extra, const struct mst_diag *d, char *out, size_t cap);
/* conn-h2.c, for conn.c */
MST_MUST_CHECK int conn_h2_begin(struct mst_conn *c);
bool conn_h2_step(struct mst_conn *c);
void conn_h2_timeout(struct mst_conn *c);
void conn_h2_drain(struct mst_conn *c);
void conn_h2_end(struct mst_conn *c);
int conn_h2_rank(const struct mst_conn *c);            /* who is taken first: as rank() of server.c */
void conn_h2_answer(struct mst_conn *stream, struct mst_view octets, bool close_it);

/* Takes the accepted `fd` over. 0 or a fault. */
int conn_new(struct mst_server *s, int fd, const char *address, struct mst_conn **ret);
void conn_start(struct mst_conn *c);
/* Drain: close when idle, else after what is going on. */
void conn_drain(struct mst_conn *c);
/* There are other settings. One that has not asked yet, and whose certificate they take too, may ask once: to its peer an end now
 * would be a failure, for it cannot know that nothing was done. False: it is to be drained. */
bool conn_spare(struct mst_conn *c);
void conn_drop(struct mst_conn *c);
/* Monotonic, milliseconds. */
mst_ms server_clock(void);
/* Somebody at `address` is not served because there is no memory: told as who is refused at the door is. */
void server_no_memory(struct mst_server *s, const char *address);
/* A connection has ended: there is room again. */
void server_room(struct mst_server *s);
/* What all connections together hold of bodies that are not yet answered is bounded: this one holds `n` octets, `longest` of them of one. */
void server_hold(struct mst_conn *c, size_t n, size_t longest);
/* May it hold that? Room is free until half is taken; then an address gets no more than a quarter in several bodies. */
bool server_may_hold(const struct mst_conn *c);

#endif
