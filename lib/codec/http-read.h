/*
 * One HTTP/1.1 response, read into storage that the caller gives: what a device needs and no more. PURE, no allocation;
 * the strict layer of servers (http-scan.h) decides what a message is, and where it ends.
 * Limits: header section and body together as much as the storage holds, MST_HTTP_HEADERS_MAX headers.
 */
#ifndef MST_CODEC_HTTP_READ_H
#define MST_CODEC_HTTP_READ_H

#include "codec/http-scan.h"
#include "codec/primitive.h"

enum mst_http_read_outcome {
	MST_HTTP_READ_MORE = 1,      /* feed more */
	MST_HTTP_READ_BAD,           /* not a response, or more than the storage holds; `d` says why */
};

struct mst_http_read {
	uint8_t *buf;                /* the caller's */
	size_t cap, n;
	size_t body;                 /* where it begins */
	uint64_t left;
	struct scan scan;
	struct scan_bad bad;
	enum { MST_HTTP_READ_HEAD, MST_HTTP_READ_LENGTH, MST_HTTP_READ_CHUNKS, MST_HTTP_READ_TO_END, MST_HTTP_READ_DONE } phase;
};

/* Ready for a response. The storage stays where it is until the message has been used. */
void mst_http_read_begin(struct mst_http_read *r, uint8_t *buf, size_t cap);
/*
 * Take octets; *ret_used says how many (what follows a whole message is left). Interim responses (1xx) are passed over.
 * 0: the message stands in *ret_m, views into the storage.
 */
MST_MUST_CHECK int mst_http_read_feed(struct mst_http_read *r, struct mst_view in, size_t *ret_used, struct mst_http_msg *ret_m,
				      struct mst_diag *d);
/* The peer closed in good order: 0 when that ends a response without a length. */
MST_MUST_CHECK int mst_http_read_end(struct mst_http_read *r, struct mst_http_msg *ret_m, struct mst_diag *d);

#endif
