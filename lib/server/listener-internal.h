/* Between listener.c (life, engine's answers), listener-http.c (requests, mapping) and listener-line.c (who is at the other end). */
#ifndef MST_SERVER_LISTENER_INTERNAL_H
#define MST_SERVER_LISTENER_INTERNAL_H

#include "server/unit.h"
#include "transport/coap-server.h"
#include "transport/server.h"

/* Where a request came from and its answer goes: a connection of HTTP, or a session of CoAP. */
struct line { struct mst_conn *http; struct mst_coap_conn *coap; };

enum slot_kind { SLOT_FREE, SLOT_REQUEST, SLOT_PSK, SLOT__COUNT };

/* Something the engine owes an answer for. Its number on the wire is gen << 32 | index. */
struct slot {
	enum slot_kind kind;
	uint32_t gen;
	int next_free;
	struct line line;
	const struct mst_role_ops *role;
	bool plain;                       /* no primitive */
	mst_ms since;
	struct mst_view rqi, rvi;         /* borrowed from the request: good until it is answered */
	struct mst_psk_ask ask;           /* PSK: asked again when the engine was restarted */
};

struct endpoint {
	struct listener *l;
	const struct mst_role_ops *role;  /* NULL: metrics */
	struct mst_server *server;        /* one of the two */
	struct mst_coap_server *coap;
};

struct listener {
	struct mst_unit u;                /* first */
	struct mst_link *engine;
	struct mst_tls_ctx *tls, *dtls;   /* dtls: only where CoAP is listened for */
	struct endpoint endpoint[MST_UNIT_SOCKETS];
	size_t n_endpoints;
	/* requests first, then suspended handshakes: neither takes the other's room */
	struct slot *slot;
	size_t n_slots, used[SLOT__COUNT];
	int first_free[SLOT__COUNT];
	uint32_t next_gen;
	uint8_t *out;                     /* MST_FRAME_MAX: frames and HTTP messages are built here */
	uint8_t *text;                    /* metrics' text */
	size_t n_text;
	bool ready, unready_draining;
	struct event *poll;               /* while draining */
	double tokens;                    /* handshake failures that may still be reported this second */
	mst_ms tokens_at;
};

extern const struct mst_server_ops listener_role_ops, listener_psk_ops, listener_metrics_ops;
extern const struct mst_coap_ops listener_coap_ops, listener_coap_psk_ops;

/* listener-line.c */
const struct mst_peer *line_peer(struct line n);
uint64_t line_id(struct line n);
void *line_data(struct line n);
void line_set_data(struct line n, void *data);
void line_psk(struct line n, const struct mst_key *k);
void line_psk_busy(struct line n, const char *detail);
MST_MUST_CHECK int line_export(struct line n, const char *label, uint8_t *out, size_t len);

struct slot *slot_take(struct listener *l, enum slot_kind kind, struct line line);
void slot_free(struct listener *l, struct slot *s);
uint64_t slot_id(const struct listener *l, const struct slot *s);
void listener_ask_psk(struct listener *l, struct slot *s);

/* Answers. */
void listener_busy(struct line n, unsigned seconds);
void listener_answer(struct listener *l, struct slot *s, struct mst_answer_frame *a);
/* Refused here, before the engine. */
void listener_refuse(struct listener *l, struct line n, const struct slot *s, int rsc, const struct mst_diag *why);

/* What an endpoint's peers do, however they came. */
void listener_request(struct endpoint *e, struct line n, const struct mst_http_msg *m);
void listener_psk(struct endpoint *e, struct line n, const char *identity);
void listener_handshake_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail);

#endif
