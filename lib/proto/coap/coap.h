/*
 * CoAP between two ends of one secured session, as two machines without clock, socket or memory of their own: who sends what
 * when, and again (RFC 7252 4), and what is longer than a datagram (RFC 7959). One exchange at a time in each direction
 * (NSTART = 1). Octets go in and come out as whole messages; after every input look at _send() and at _deadline().
 *
 *   server   a request, whole → the owner, once, however often its datagrams come → an answer, in blocks when it is long
 *   client   a request, in blocks when it is long → an answer, whole
 */
#ifndef MST_PROTO_COAP_H
#define MST_PROTO_COAP_H

#include "base/time.h"
#include "codec/coap.h"

/* RFC 7252 4.6: what is assumed to pass everywhere, 1152 octets with 1024 of them payload. */
#define COAP_DATAGRAM 1152
#define COAP_TAKEN 4096              /* of a datagram that comes: a peer may know better what its network lets pass */

/* RFC 7252 4.8 */
#define COAP_ACK_MS 2000
#define COAP_RESEND_MAX 4
#define COAP_LIFETIME_MS 247000      /* EXCHANGE_LIFETIME: so long may a datagram come again */
#define COAP_SPAN_MS 93000           /* MAX_TRANSMIT_WAIT: so long a peer may be trying */

/* Room for contents that are in several blocks. NULL: there is none now. Given back with the same size. */
struct coap_room {
	uint8_t *(*take)(void *arg, size_t n);
	void (*back)(void *arg, uint8_t *p, size_t n);
	void *arg;
};

struct coap_stats { uint64_t repeated, resent, malformed; };   /* came again; sent again; were no messages */

/* What came and is no request for the owner. `code`: what the peer was answered; 0: a reset, or nothing. */
struct coap_refusal { bool on; uint8_t code; struct mst_diag why; };

/* What is sent until it is acknowledged: RFC 7252 4.2. */
struct coap_resend { bool on; uint16_t id; mst_ms wait, at; unsigned times; };

/* ---- server ------------------------------------------------------------------------------------------ */

#define COAP_SEEN 16
#define COAP_SMALL 16

enum coap_server_state {
	COAP_SERVER_IDLE,            /* nothing going on; an answer may still have blocks to be fetched */
	COAP_SERVER_TAKING,          /* blocks of a request come in */
	COAP_SERVER_ASKED,           /* the owner has the request */
	COAP_SERVER_STATE__COUNT
};

struct coap_server_config {
	size_t body_max;             /* octets of a request */
	uint8_t szx;                 /* largest block that is sent, MST_COAP_SZX_MAX or less */
	mst_ms patience_ms;          /* with a request before an acknowledgement of its own: below COAP_ACK_MS */
	uint16_t first_id;           /* of our own messages; by chance */
	enum mst_coap_dialect dialect;
};

/* Options of an answer besides those that say how it is sent: the same with every block of it. */
#define COAP_MORE_MAX 16
#define COAP_MORE_OCTETS 512
struct coap_more { struct mst_coap_option option[COAP_MORE_MAX]; size_t n, n_text; uint8_t text[COAP_MORE_OCTETS]; };

struct coap_server {
	struct coap_server_config cfg;
	struct coap_room room;
	enum coap_server_state state;
	struct coap_stats stats;
	struct coap_refusal refused;
	struct { uint16_t id; mst_ms until; } seen[COAP_SEEN];
	unsigned at_seen, n_seen;
	/* The last reply, for whoever asks again with the same message id. */
	uint8_t reply[COAP_DATAGRAM + 64];
	size_t n_reply;
	uint16_t reply_to;
	bool replied;
	/* A reset or an empty acknowledgement is nothing to be kept. */
	uint8_t small[COAP_SMALL];
	size_t n_small;
	bool send_reply;
	struct coap_resend resend;   /* of a separate response (RFC 7252 5.2.2) */
	/* the request at work */
	enum mst_coap_type type;
	uint8_t code, token[MST_COAP_TOKEN_MAX];
	size_t n_token;
	uint16_t id, next_id;
	uint32_t key;                /* over code and options but the blocks' (RFC 7959 2.5: which blocks belong together) */
	bool acked, has_block1, has_block2;
	struct mst_coap_block block1, block2;
	mst_ms deadline;
	uint8_t *in;                 /* room for blocks that come */
	size_t n_in;
	uint8_t *out;                /* an answer that is fetched block by block */
	size_t n_out, out_cap;
	uint32_t out_key, out_tag;
	uint8_t out_code;
	bool out_has_format;
	uint16_t out_format;
	struct coap_more out_more;
	uint8_t out_szx;             /* largest block that fits beside them */
};

/* A whole request, views borrowed until the next call: options as they came, `body` joined. */
struct coap_request { const struct mst_coap_msg *m; struct mst_view body; };
struct coap_answer {
	uint8_t code;
	bool has_format;
	uint16_t format;             /* Content-Format of the body */
	uint32_t max_age;            /* seconds until it is worth asking again; 0 = not said */
	struct mst_view body;
	const struct mst_coap_option *option;        /* more of them, in no order; copied */
	size_t n_option;
};

void coap_server_init(struct coap_server *s, const struct coap_server_config *cfg, const struct coap_room *room);
void coap_server_deinit(struct coap_server *s);           /* gives room back; wipes */
/* A datagram. True: *ret_q is a request for the owner, who answers now or later; `m` is storage for it. */
MST_MUST_CHECK bool coap_server_feed(struct coap_server *s, struct mst_view datagram, mst_ms now, struct mst_coap_msg *m,
				     struct coap_request *ret_q);
/*
 * Was the last input (or the last tick) a refusal that somebody should hear of? NULL when not, and when it was asked before.
 * Being busy is none: what came was good, and may come again.
 */
const struct coap_refusal *coap_server_refused(struct coap_server *s);
/* A request of which blocks have come and which will not come to an end now: as a refusal, or NULL. */
const struct coap_refusal *coap_server_broken_off(struct coap_server *s);
/* The owner's answer to the request it was given. `rnd`: by chance, spreads repetitions. */
void coap_server_answer(struct coap_server *s, const struct coap_answer *a, mst_ms now, uint32_t rnd);
void coap_server_tick(struct coap_server *s, mst_ms now);
/* What is to be sent now; empty when nothing is. Borrowed until the next call of another function. */
struct mst_view coap_server_send(struct coap_server *s);
mst_ms coap_server_deadline(const struct coap_server *s);         /* of the next tick; MST_NEVER */
/* Nothing is going on that an end of the session would break. */
bool coap_server_idle(const struct coap_server *s);

/* ---- client ------------------------------------------------------------------------------------------ */

enum coap_client_state { COAP_CLIENT_IDLE, COAP_CLIENT_SENT, COAP_CLIENT_WAITING, COAP_CLIENT_DONE, COAP_CLIENT_FAILED, COAP_CLIENT_STATE__COUNT };

enum coap_client_why {
	COAP_CLIENT_OK, COAP_CLIENT_SILENCE,         /* nothing came, however often it was sent */
	COAP_CLIENT_RESET,                           /* the server does not take such a message */
	COAP_CLIENT_OUT_OF_STEP,                     /* blocks that do not fit together */
	COAP_CLIENT_OVERSIZED,                       /* an answer with more octets than there is room for */
};
const char *coap_client_why_text(enum coap_client_why w);

#define COAP_OPTIONS_OCTETS 768      /* a host of 255, and the rest */

struct coap_question {
	uint8_t code;
	struct mst_view host;        /* Uri-Host */
	uint16_t port;               /* Uri-Port; 0 = the scheme's */
	struct mst_view path;        /* "/briefing/x", percent-encoded; no query */
	bool has_format;
	uint16_t format, accept;     /* accept: 0xffff = none */
	struct mst_view body;        /* borrowed until the end */
	const struct mst_coap_option *option;        /* more of them, in no order; copied */
	size_t n_option;
	enum mst_coap_dialect dialect;               /* of the answer's options */
};

struct coap_client {
	enum coap_client_state state;
	enum coap_client_why why;
	struct coap_stats stats;
	struct coap_question q;
	struct mst_coap_option option[MST_COAP_OPTIONS_MAX];      /* without the blocks' */
	size_t n_option;
	uint8_t text[COAP_OPTIONS_OCTETS];
	uint8_t out[COAP_DATAGRAM + COAP_OPTIONS_OCTETS];
	size_t n_out;
	uint8_t small[COAP_SMALL];
	size_t n_small;
	bool send_out;
	struct coap_resend resend;
	uint32_t token, rnd;
	uint16_t next_id;
	uint8_t szx, szx2;
	uint32_t num;                /* of the block of the request that is out */
	mst_ms deadline;
	bool answered_separately;
	uint16_t last_separate;
	/* the answer */
	uint8_t *in;
	size_t cap, n_in;
	uint32_t num2;
	struct mst_view tag;
	uint8_t tag_octets[8];
	uint8_t code;
	bool has_format;
	uint16_t format;
	bool has_max_age;
	uint32_t max_age;
	struct coap_more more;       /* done: what the answer's first block said besides */
};

/* `in`: room for an answer. Nothing else of the machine changes between exchanges of a session. */
void coap_client_init(struct coap_client *c, uint8_t *in, size_t cap, uint8_t szx, uint32_t rnd);
/* False: the path or host is none, or too long; or an exchange is under way. */
MST_MUST_CHECK bool coap_client_ask(struct coap_client *c, const struct coap_question *q, mst_ms now);
void coap_client_feed(struct coap_client *c, struct mst_view datagram, mst_ms now);
void coap_client_tick(struct coap_client *c, mst_ms now);
struct mst_view coap_client_send(struct coap_client *c);
mst_ms coap_client_deadline(const struct coap_client *c);
/* Done: the content of the answer, in the room given. */
struct mst_view coap_client_body(const struct coap_client *c);

/* ---- both -------------------------------------------------------------------------------------------- */

/* False: no room. */
MST_MUST_CHECK bool coap_more_add(struct coap_more *x, const struct mst_coap_option *o);
/* Largest block, `szx` at most, that fits into a datagram of ours beside so many octets of other things. */
uint8_t coap_fitting(uint8_t szx, size_t octets);

void coap_resend_begin(struct coap_resend *r, uint16_t id, mst_ms now, uint32_t rnd);
/* Time for another one? False with r->on false: it was the last. */
MST_MUST_CHECK bool coap_resend_due(struct coap_resend *r, mst_ms now);

#endif
