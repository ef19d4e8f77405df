/* Inside the CoAP server: endpoint (coap-server.c) and session (coap-conn.c). */
#ifndef MST_TRANSPORT_COAP_INT_H
#define MST_TRANSPORT_COAP_INT_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "proto/coap/coap.h"
#include "transport/busy.h"
#include "transport/coap-server.h"
#include "transport/dtls-int.h"

#define COAP_SHARES 1024             /* a power of two */
#define COAP_EPOCH_MS 60000          /* a cookie is good for one to two of these: as long as a client goes on with its hello */

/* Sessions by what they are in: those that shake hands, and those that are open, each by its last use. */
enum coap_queue { COAP_Q_NONE, COAP_Q_HANDSHAKE, COAP_Q_OPEN, COAP_Q__COUNT };
/* … and each of these twice: of all peers, and of the peer's address. */
enum coap_ring { COAP_ALL, COAP_ORIGIN, COAP_RING__COUNT };
struct coap_ends { struct mst_coap_conn *oldest, *newest; };
struct coap_origin { struct coap_ends ends[COAP_Q__COUNT]; unsigned n[COAP_Q__COUNT]; size_t held; };
#define COAP_GREEDY 4                /* addresses with more than a quarter; there are three at most */

enum coap_conn_state { COAP_CONN_PROBE, COAP_CONN_HANDSHAKE, COAP_CONN_SUSPENDED, COAP_CONN_OPEN, COAP_CONN_GONE };

struct mst_coap_conn {
	struct mst_coap_server *s;
	struct mst_coap_conn *next;          /* of the same hash */
	enum coap_queue queue;
	struct mst_coap_conn *older[COAP_RING__COUNT], *newer[COAP_RING__COUNT];
	uint64_t id;
	void *data;
	struct mst_whose whose;
	enum coap_conn_state state;
	struct event timer;
	struct dtls_pipe pipe;
	struct tls_session t;
	struct coap_server coap;
	uint8_t random[DTLS_RANDOM];         /* of the ClientHello that began this */
	mst_ms since, used, until;           /* until: of the handshake, or of the answer */
	unsigned origin;
	bool known, pending, running, get, again, closing;
	bool ours;                           /* we end it: the peer has broken nothing off */
	bool asked;                          /* for something, once at least */
	bool spared;                         /* outlived, but it may ask once: see coap_conn_spare() */
	bool last;                           /* when it is to end: the request that was going on has come, there is no other */
	struct coap_stats told;              /* as far as it is in the endpoint's */
};

struct mst_coap_server {
	struct event_base *base;
	struct mst_tls_ctx *tls;
	struct mst_coap_limits limits;
	const struct mst_coap_ops *ops;
	void *owner;
	char host[MST_ID_MAX];
	enum mst_coap_dialect dialect;
	int fd;
	struct event io;
	bool draining;
	struct mst_coap_conn **hash;
	size_t n_hash;                       /* a power of two */
	struct mst_coap_conn *probe;
	struct coap_ends ends[COAP_Q__COUNT];
	unsigned n[COAP_Q__COUNT];
	struct coap_origin origin[COAP_SHARES];
	unsigned greedy[COAP_Q__COUNT][COAP_GREEDY];      /* those that may have more than their share: see coap_server_queue() */
	uint64_t seed;
	unsigned outstanding;
	size_t held;
	uint8_t secret[DTLS_COOKIE];
	struct mst_coap_server_stats stats;
	struct busy busy;
	uint8_t buf[DTLS_TAKEN];
};

/* A session that nobody has proved an address for yet. */
MST_MUST_CHECK int coap_conn_new(struct mst_coap_server *s, struct mst_coap_conn **ret);
/* Its address is proven, and it is in the tables: the handshake goes on. */
void coap_conn_start(struct mst_coap_conn *c, const struct dtls_hello *h);
void coap_conn_feed(struct mst_coap_conn *c, struct mst_view datagram);
/* End when nothing is going on, else after it; `cut`: a request that is still coming in, in blocks, is nothing that goes on. */
void coap_conn_drain(struct mst_coap_conn *c, bool cut);
/* There are other settings. One that has not asked yet, and whose certificate they take too, may ask once. False: drain it. */
bool coap_conn_spare(struct mst_coap_conn *c);
void coap_conn_drop(struct mst_coap_conn *c, bool say_bye);
bool coap_conn_idle(const struct mst_coap_conn *c);
/* coap-server.c: out of the tables; into another queue; to the end of its queue, for those that idle longest give way. */
void coap_server_forget(struct mst_coap_conn *c);
void coap_server_queue(struct mst_coap_conn *c, enum coap_queue q);
void coap_server_used(struct mst_coap_conn *c);
mst_ms coap_clock(void);

#endif
