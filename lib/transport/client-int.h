/* Inside the client: the machine (client.c) and its HTTP/2 (client-h2.c). */
#ifndef MST_TRANSPORT_CLIENT_INT_H
#define MST_TRANSPORT_CLIENT_INT_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "transport/client.h"
#include "transport/coap-client.h"
#include "transport/h2.h"
#include "transport/tls-int.h"

enum client_state { START, RESOLVING, CONNECTING, HANDSHAKE, IDLE, SENDING, RECEIVING, H2, CLOSING, ENDED };

struct mst_client {
	struct event_base *base;
	struct mst_tls_ctx *ctx;
	const struct mst_client_ops *ops;
	void *owner;
	enum client_state state;
	struct event io, deadline;
	short want;
	char host[256], path[108], server_name[MST_ID_MAX], identity[MST_ID_MAX];
	uint16_t port;
	struct mst_key *psk;            /* in locked pages, until the handshake is done */
	struct mst_view *pin;
	size_t n_pin;
	struct mst_http_limits limits;
	mst_ms connect_ms, handshake_ms, answer_ms;
	struct lookup *lookup;
	struct addrinfo *list, *at;
	struct tls_session t;
	struct mst_http_parser *http;
	unsigned streams;               /* HTTP/2 is offered, with so many */
	struct h2 *h2;
	struct mst_coap_client *coap;   /* then nothing of the rest is used but `ops`, `state` and how it is left */
	uint64_t asked;                 /* HTTP/1.1: number of the request that runs; 0: none, or mst_client_send() made it */
	uint64_t last_asked;
	const struct mst_client_proof_ops *proof;
	void *proof_arg;
	uint8_t *kept;                  /* with a proof: the request as its owner gave it, until it is answered */
	size_t kept_n;
	uint8_t *out;
	size_t out_n, out_at;
	bool opened, running, freed, retry, good_bye, proven;
	enum mst_tls_end why;           /* of the last address that failed */
	char detail[TLS_DETAIL_MAX];
	uint8_t buf[16384];
};

/* client.c, for client-h2.c */
void client_want(struct mst_client *c, short what);
void client_wake(struct mst_client *c);
void client_deadline(struct mst_client *c, mst_ms ms);
bool client_end(struct mst_client *c, enum mst_tls_end why, const char *detail);
/* After a callback, which may have freed it: then it goes now. */
void client_left(struct mst_client *c);
/* client-coap.c, for client.c */
MST_MUST_CHECK int client_coap_begin(struct mst_client *c, const struct mst_client_config *cfg);
/* client-h2.c, for client.c */
mst_ms client_clock(void);
MST_MUST_CHECK int client_h2_begin(struct mst_client *c);
bool client_h2_step(struct mst_client *c);
bool client_h2_timeout(struct mst_client *c);
void client_h2_end(struct mst_client *c);

#endif
