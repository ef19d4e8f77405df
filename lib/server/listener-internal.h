/* Between listener.c (life, engine's answers), listener-http.c (requests, mapping) and listener-answer.c (what goes out). */
#ifndef MST_SERVER_LISTENER_INTERNAL_H
#define MST_SERVER_LISTENER_INTERNAL_H

#include "proto/gba/digest.h"
#include "server/unit.h"
#include "transport/server.h"

enum slot_kind { SLOT_FREE, SLOT_REQUEST, SLOT_PSK, SLOT__COUNT };

/* Something the engine owes an answer for. Its number on the wire is gen << 32 | index. */
struct digest;
struct slot {
	enum slot_kind kind;
	uint32_t gen;
	int next_free;
	struct mst_conn *conn;
	const struct mst_role_ops *role;
	bool plain;                       /* no primitive */
	mst_ms since;
	struct mst_view rqi, rvi;         /* borrowed from the request: good until it is answered */
	struct digest *digest;            /* REQUEST: of a client that proves itself by Digest (listener-digest.c); else NULL */
	struct mst_psk_ask ask;           /* PSK: asked again when the engine was restarted */
};

struct endpoint {
	struct listener *l;
	const struct mst_role_ops *role;  /* NULL: metrics */
	struct mst_server *server;
};

struct listener {
	struct mst_unit u;                /* first */
	struct mst_link *engine;
	struct mst_tls_ctx *tls;
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
	uint8_t nonce_key[32];            /* of challenges */
	double tokens;                    /* handshake failures that may still be reported this second */
	mst_ms tokens_at;
};

extern const struct mst_server_ops listener_role_ops, listener_psk_ops, listener_metrics_ops;

struct slot *slot_take(struct listener *l, enum slot_kind kind, struct mst_conn *c);
void slot_free(struct listener *l, struct slot *s);
uint64_t slot_id(const struct listener *l, const struct slot *s);
void listener_ask_psk(struct listener *l, struct slot *s);

/* Answers. `more`: header lines, or "". */
void listener_put_plain(struct mst_writer *w, int status, const char *media, const char *more, struct mst_view body, int retry,
			bool keep);
void listener_put_primitive(struct mst_writer *w, const struct slot *s, const struct mst_answer_frame *a, const char *more,
			    struct mst_view content, bool keep);
void listener_busy(struct mst_conn *c, unsigned seconds);
void listener_answer(struct listener *l, struct slot *s, struct mst_answer_frame *a);
/* A's content as it goes out, with the secrets in their places; borrowed from `a` or written into `body`. False: it cannot be. */
MST_MUST_CHECK bool listener_content(struct listener *l, const struct mst_answer_frame *a, struct mst_writer *body, struct mst_view *ret);
/* listener-sims.c: the keys of SIMs in what people give in, sealed for the keeper; into `out`. 0, or a status and `d`. */
bool listener_is_sims(struct mst_view path);
MST_MUST_CHECK int listener_seal_sims(struct listener *l, struct mst_view content, struct mst_writer *out, struct mst_diag *d);
/* Refused here, before the engine. */
void listener_refuse(struct listener *l, struct mst_conn *c, const struct slot *s, int rsc, const struct mst_diag *why);

/* --- listener-http.c --- */
/* `s` NULL: one is taken. */
void listener_request(struct endpoint *e, struct mst_conn *c, const struct mst_http_msg *m, struct slot *s);
/* False: it is there twice; which of them would count? */
MST_MUST_CHECK bool listener_only_one(const struct mst_http_msg *m, const char *name, struct mst_view *ret);
/* An event for the operator, while there is room for it. */
void listener_tell_refused(struct listener *l, const struct mst_role_ops *role, const struct mst_conn *c, const char *attempt, int status,
			   const char *why);

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
