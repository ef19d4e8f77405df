/* Inside the server: endpoint (server.c) and connection (conn.c). */
#ifndef MST_TRANSPORT_SERVER_INT_H
#define MST_TRANSPORT_SERVER_INT_H

#include <event2/event.h>
#include <event2/event_struct.h>

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
	uint64_t seed;
	size_t held;                    /* octets of bodies in all connections */
	struct mst_server_stats stats;
	mst_ms busy_said;               /* the last time that refusals were reported, and how many since */
	unsigned busy;
	uint8_t buf[CONN_READ_MAX];     /* of the connection that reads just now; wiped after it */
};

enum conn_state {
	CONN_HANDSHAKE,
	CONN_SUSPENDED,                 /* the owner looks for a key */
	CONN_READING,
	CONN_WAITING,                   /* the owner has the request; input waits in the socket */
	CONN_WRITING,
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
	struct tls_session t;
	struct mst_http_parser *http;
	uint8_t *left;                  /* octets after the message that is being answered */
	size_t left_n;
	uint8_t *out;
	size_t out_n, out_at, drained;
	mst_ms since;
	size_t held;
	unsigned origin;                /* in `share` */
	bool greeted, running, known, pending, close_after, interim, continued, was_idle, in_body, handshaking, served;
};

/* Takes the accepted `fd` over. 0 or a fault. */
int conn_new(struct mst_server *s, int fd, const char *address, struct mst_conn **ret);
void conn_start(struct mst_conn *c);
/* Drain: close when idle, else after what is going on. */
void conn_drain(struct mst_conn *c);
void conn_drop(struct mst_conn *c);
/* Monotonic, milliseconds. */
mst_ms server_clock(void);
/* A connection has ended: there is room again. */
void server_room(struct mst_server *s);

#endif
