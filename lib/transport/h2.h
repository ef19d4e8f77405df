/*
 * One HTTP/2 session (RFC 9113), either side, by libnghttp2: octets in, octets out, no socket and no clock. conn-h2.c and
 * client-h2.c drive it. Messages are what they are in HTTP/1.1: a struct mst_http_msg in, whole HTTP/1.1 octets out,
 * which are taken apart here; so nobody above knows which version carried them.
 *
 * What a peer can make us keep or do is bounded: streams, octets and number of header fields, octets of a body, frames that
 * bring no message forward, streams that end before their time (rapid reset, and what makes us reset them). The library's
 * memory is wiped when it is given back.
 */
#ifndef MST_TRANSPORT_H2_H
#define MST_TRANSPORT_H2_H

#include "base/fault.h"
#include "base/time.h"
#include "transport/http.h"

#define H2_RESETS_MAX 100               /* streams that ended badly, less those that ended well */
#define H2_QUIET_MAX 1024               /* frames since a message was complete */

struct h2;
struct h2_stream {
	struct h2 *h;
	struct h2_stream *next, **link;
	int32_t id;
	void *data;                     /* the owner's */
	mst_ms due;                     /* the owner's: when it has waited too long */
	bool headers_done, complete, answered, refused;
	/* what came */
	uint8_t *buf;
	size_t cap, n, fields, field_octets, body_at;
	struct { size_t at, n, value_at, value_n; } field[MST_HTTP_HEADERS_MAX];
	struct { size_t at, n; } method, path, authority;
	int status;
	/* what goes out */
	uint8_t *out;
	size_t out_n, out_at;
};

struct h2_ops {
	void (*on_begin)(void *owner, struct h2_stream *s);             /* server: a request begins */
	void (*on_headers)(void *owner, struct h2_stream *s);           /* its header is whole, a body follows */
	void (*on_message)(void *owner, struct h2_stream *s, const struct mst_http_msg *m);    /* borrowed until the stream is gone */
	/* It is none that is taken. Server: to be answered with `status`. Client: the stream ends. */
	void (*on_bad)(void *owner, struct h2_stream *s, int status, const char *field, const char *why);
	/* The stream is over, for whatever reason; it is freed after this. `unseen`: the peer has not looked at the request. */
	void (*on_gone)(void *owner, struct h2_stream *s, bool unseen);
};

struct h2_limits { bool server; unsigned streams; struct mst_http_limits http; };

/* Callbacks come from h2_feed(), h2_pull() and h2_free() (on_gone). */
MST_MUST_CHECK int h2_new(const struct h2_limits *l, const struct h2_ops *ops, void *owner, struct h2 **ret);
struct h2 *h2_free(struct h2 *h);
/* False: this is no HTTP/2, or there is no memory; nothing but closing is left. `d` says why. */
MST_MUST_CHECK bool h2_feed(struct h2 *h, struct mst_view in, struct mst_diag *d);
/* Octets to be sent, good until the next call of h2_pull(); empty: none now. False as h2_feed(). */
MST_MUST_CHECK bool h2_pull(struct h2 *h, struct mst_view *ret);
/* They have been taken over, and may hold keys: the library's own copy, which it keeps as long as the session, is wiped. */
void h2_pulled(struct mst_view pulled);
bool h2_over(const struct h2 *h);               /* neither side has anything to say any more */
const char *h2_why(const struct h2 *h);         /* the reason why we ended it; "" when we did not */
/* Server: an answer, as HTTP/1.1 octets. 0 or a fault. */
MST_MUST_CHECK int h2_answer(struct h2_stream *s, struct mst_view octets);
/* Client: a request; on 0 *ret_s is its stream. */
MST_MUST_CHECK int h2_ask(struct h2 *h, struct mst_view octets, struct h2_stream **ret_s);
unsigned h2_room(const struct h2 *h);           /* client: how many more the server takes now */
void h2_reset(struct h2_stream *s);             /* give it up (CANCEL); on_gone follows */
void h2_goodbye(struct h2 *h);                  /* no new streams; those that run go on */
void h2_calm(struct h2 *h, const char *why);    /* end it all: ENHANCE_YOUR_CALM */
struct h2_stream *h2_streams(const struct h2 *h);
size_t h2_held(const struct h2 *h);             /* octets of messages whose streams are not over; their memory is twice that at most, or 1 KiB each */
void h2_forget(struct h2_stream *s);            /* what came of it is of no use any more; with `refused` nothing more is kept */

#endif
