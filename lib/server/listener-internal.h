/* Between listener.c (life, engine's answers), listener-http.c (requests, mapping), listener-answer.c
 * (what goes out) and listener-line.c (who is at the other end). */
#ifndef MST_SERVER_LISTENER_INTERNAL_H
#define MST_SERVER_LISTENER_INTERNAL_H

#include "proto/gba/digest.h"
#include "server/unit.h"
#include "transport/coap-server.h"
#include "transport/server.h"

/* Where a request came from and its answer goes: a connection of HTTP, or a session of CoAP. */
struct line { struct mst_conn *http; struct mst_coap_conn *coap; };
static inline struct line line_http(struct mst_conn *c) { return (struct line){ .http = c }; }

enum slot_kind { SLOT_FREE, SLOT_REQUEST, SLOT_PSK, SLOT__COUNT };

/* Something the engine owes an answer for. Its number on the wire is gen << 32 | index. */
struct digest;
struct slot {
	enum slot_kind kind;
	uint32_t gen;
	int next_free;
	struct line line;
	const struct mst_role_ops *role;
	bool plain;                       /* no primitive */
	mst_ms since;
	char rqi[129], rvi[3];            /* of the request, for its answer */
	struct digest *digest;            /* REQUEST: of a client that proves itself by Digest (listener-digest.c); else NULL */
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
	enum mst_ready ready;
	struct mst_pids own;              /* the local one: whom it turns away */
	struct event *poll;               /* while draining */
	uint8_t nonce_key[32];            /* of challenges */
	double tokens;                    /* handshake failures that may still be reported this second */
	mst_ms tokens_at;
};

extern const struct mst_server_ops listener_role_ops, listener_psk_ops, listener_metrics_ops;
extern const struct mst_coap_ops listener_coap_ops, listener_coap_psk_ops;

/* --- listener-line.c --- */
const struct mst_peer *line_peer(struct line n);
uint64_t line_id(struct line n);
void line_set_data(struct line n, void *data);
void line_set_whose(struct line n, const struct mst_whose *whose);
void line_body_done(struct line n);      /* the body of its request is passed on */
void line_psk(struct line n, const struct mst_key *k);
void line_psk_busy(struct line n, const char *detail);
MST_MUST_CHECK int line_export(struct line n, const char *label, uint8_t *out, size_t len);

struct slot *slot_take(struct listener *l, enum slot_kind kind, struct line n);
void slot_free(struct listener *l, struct slot *s);
uint64_t slot_id(const struct listener *l, const struct slot *s);
/* A question to the engine, of this slot. False: it cannot be asked now; the log tells of it when there was no memory. */
MST_MUST_CHECK bool listener_ask(struct listener *l, const struct slot *s, enum mst_frame_type type, const struct mst_writer *w);
void listener_ask_psk(struct listener *l, struct slot *s);

/* Answers. `more`: header lines, or "". */
void listener_put_plain(struct mst_writer *w, int status, const char *media, const char *more, struct mst_view body, int retry,
			bool keep);
void listener_put_primitive(struct mst_writer *w, const struct slot *s, const struct mst_answer_frame *a, const char *more,
			    struct mst_view content, bool keep);
void listener_busy(struct line n, unsigned seconds);
void listener_answer(struct listener *l, struct slot *s, struct mst_answer_frame *a);
/* Over CoAP: `s` is what it was before it was free. */
void listener_answer_coap(struct line n, const struct slot *s, const struct mst_answer_frame *a, struct mst_view content);
/* A's content as it goes out to who asked by that slot, with the secrets in their places; borrowed from `a` or written into `body`. False: it cannot be. */
MST_MUST_CHECK bool listener_content(struct listener *l, const struct slot *s, const struct mst_answer_frame *a, struct mst_writer *body,
				     struct mst_view *ret);
/* listener-sims.c: the keys of SIMs in what people give in, sealed for the keeper; into `out`. 0, or a status and `d`. */
bool listener_is_sims(struct mst_view path);
MST_MUST_CHECK int listener_seal_sims(struct listener *l, struct mst_view content, struct mst_writer *out, struct mst_diag *d);
/* Refused here, before the engine. */
void listener_refuse(struct listener *l, struct line n, const struct slot *s, int rsc, const struct mst_diag *why);

/* --- listener-http.c --- */
/* `s` NULL: one is taken. */
void listener_request(struct endpoint *e, struct line n, const struct mst_http_msg *m, struct slot *s);
/* False: it is there twice; which of them would count? */
MST_MUST_CHECK bool listener_only_one(const struct mst_http_msg *m, const char *name, struct mst_view *ret);
/* An event for the operator, while there is room for it. */
void listener_tell_refused(struct listener *l, const struct mst_role_ops *role, const struct mst_peer *peer, const char *attempt, int status,
			   const char *why);
/* … of what never became a request. */
void listener_refused(struct endpoint *e, const struct mst_peer *peer, int status, const char *why);
void listener_psk(struct endpoint *e, struct line n, const char *identity);
void listener_handshake_failed(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail);

/* --- listener-digest.c: Ua by HTTPS and Digest --- */
MST_MUST_CHECK int listener_digest_start(struct listener *l, struct mst_diag *d);
/* True: the request is taken care of. */
bool listener_digest(struct endpoint *e, struct mst_conn *c, const struct mst_http_msg *m);
/* The key has come, or is unknown (NULL). False: it was not for a Digest. */
bool listener_digest_key(struct listener *l, struct slot *s, const struct mst_key *k);
void listener_digest_peer(const struct slot *s, struct mst_peer *p);
/* Authentication-Info, a header line, for an answer with that content. */
void listener_digest_info(struct listener *l, const struct slot *s, struct mst_view content, struct mst_writer *w);
void listener_digest_free(struct slot *s);
/* Ask the engine for the key of s->ask. */
void listener_ask_key(struct listener *l, struct slot *s);

#endif
