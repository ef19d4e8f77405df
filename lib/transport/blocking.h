/*
 * One TLS session (or connection in clear) of a client that waits: every call returns within its milliseconds. For programs without a loop; what
 * the peer must prove, and all names and texts, as in client.h.
 */
#ifndef MST_TRANSPORT_BLOCKING_H
#define MST_TRANSPORT_BLOCKING_H

#include "transport/tls.h"

struct mst_blocking;

struct mst_blocking_config {
	struct mst_tls_ctx *tls;             /* NULL: in clear, for what is protected inside (Ub, TS 24.109) */
	const char *host;                    /* dialled, for SNI, and to be named by the certificate */
	uint16_t port;
	const char *address;                 /* dial this host instead; NULL = `host` itself */
	const struct mst_key *psk;           /* copied */
	const char *psk_identity;
	const struct mst_view *pins;         /* borrowed during the call, as all texts are */
	size_t n_pins;
};

/* Dials every address in order, hands-shakes. 0; or 1 with `why` and `detail` (MST_BLOCKING_DETAIL octets); or a fault. */
#define MST_BLOCKING_DETAIL 192
MST_MUST_CHECK int mst_blocking_open(const struct mst_blocking_config *c, mst_ms ms, struct mst_blocking **ret, enum mst_tls_end *ret_why,
				     char *ret_detail);
MST_MUST_CHECK int mst_blocking_export(struct mst_blocking *b, const char *label, uint8_t *out, size_t n);
/* 0 and *ret_n (0: nothing within `ms`), or 1 when the session has ended. */
MST_MUST_CHECK int mst_blocking_write(struct mst_blocking *b, struct mst_view v, mst_ms ms, size_t *ret_n);
MST_MUST_CHECK int mst_blocking_read(struct mst_blocking *b, uint8_t *out, size_t cap, mst_ms ms, size_t *ret_n);
enum mst_tls_end mst_blocking_end(const struct mst_blocking *b, const char **ret_detail);
/* In good order: close_notify, close. NULL is fine. */
struct mst_blocking *mst_blocking_free(struct mst_blocking *b);

#endif
