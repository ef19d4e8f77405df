/*
 * HTTP/1.1 parsing by llhttp behind the strict layer (dependencies.md 2): no bare LF, no blank before a
 * colon, no folded header, Host required, limits on header count and octets and on the body; then the
 * message is a struct mst_http_msg (codec/primitive.h).
 */
#ifndef MST_TRANSPORT_HTTP_H
#define MST_TRANSPORT_HTTP_H

#include "codec/primitive.h"

enum mst_http_outcome {
	MST_HTTP_MORE = 1,        /* feed more */
	MST_HTTP_BAD,             /* answer with `status` (400, 413, 414, 431, 505 …) and close */
};

/* http10: requests of HTTP/1.0 are taken, too, each with a Host and for one answer. */
struct mst_http_limits { size_t header_octets, body_octets; bool http10; };

struct mst_http_parser;       /* heap; one per connection */
MST_MUST_CHECK int mst_http_parser_new(bool response, const struct mst_http_limits *l, struct mst_http_parser **ret);
struct mst_http_parser *mst_http_parser_free(struct mst_http_parser *p);      /* wipes its buffer */
/*
 * Feed octets; *ret_used says how many were taken (stops after a complete message, for pipelining).
 * 0 = a whole message stands in *mst_http_message() until mst_http_parser_next().
 */
MST_MUST_CHECK int mst_http_parser_feed(struct mst_http_parser *p, struct mst_view in, size_t *ret_used,
                                        int *ret_status, struct mst_diag *d);
/* The peer closed: 0 when that completes a response without length; MST_HTTP_BAD when mid-message; MORE when idle. */
MST_MUST_CHECK int mst_http_parser_eof(struct mst_http_parser *p);
const struct mst_http_msg *mst_http_message(const struct mst_http_parser *p);
bool mst_http_keep_alive(const struct mst_http_parser *p);
bool mst_http_expects_continue(const struct mst_http_parser *p);
bool mst_http_idle(const struct mst_http_parser *p);       /* nothing of a message has arrived */
bool mst_http_in_body(const struct mst_http_parser *p);    /* the headers are through, the body is not */
size_t mst_http_body_held(const struct mst_http_parser *p); /* octets of a body that have arrived */
void mst_http_body_wipe(struct mst_http_parser *p);        /* of a whole message; its length stays */
void mst_http_parser_next(struct mst_http_parser *p);      /* wipe and be ready for the next message */
#define MST_HTTP_ROOM_KEPT 8192u                           /* octets that a parser keeps for the next message, at most */
size_t mst_http_room(const struct mst_http_parser *p);     /* octets that it has now */

/* Rules that HTTP/2 has as well. */
bool mst_http_host_good(struct mst_view host);             /* a host, or a host and a port (RFC 9112 3.2) */
bool mst_http_method_known(struct mst_view method);

#endif
