/*
 * CoAP client over DTLS 1.2 on libevent_core, the counterpart of client.h: resolves, tries each address, hands-shakes, sends one
 * question at a time. An answer is told in HTTP's words (codec/coap-map.h). A lost datagram is sent again; every step has a
 * deadline.
 */
#ifndef MST_TRANSPORT_COAP_CLIENT_H
#define MST_TRANSPORT_COAP_CLIENT_H

#include "transport/client.h"

struct mst_coap_client;

struct mst_coap_client_ops {
	void (*on_open)(void *owner, struct mst_coap_client *c);
	/* A whole answer; borrowed until the callback returns. */
	void (*on_response)(void *owner, struct mst_coap_client *c, const struct mst_http_msg *m);
	/* The session ended; nothing more will be called. */
	void (*on_end)(void *owner, struct mst_coap_client *c, enum mst_tls_end why, const char *detail);
};

/* `cfg`: as for mst_client_new(); `tls` made with `datagram`; limits.body_octets bounds an answer. connect_ms is not used:
 * whether somebody is there shows in the handshake, and all addresses share handshake_ms. */
MST_MUST_CHECK int mst_coap_client_new(const struct mst_client_config *cfg, const struct mst_coap_client_ops *ops, void *owner,
				       struct mst_coap_client **ret);
/* A primitive (TS-0008), with the numbers that the configuration says; its answer has the headers of TS-0009. */
MST_MUST_CHECK int mst_coap_client_primitive(struct mst_coap_client *c, const struct mst_request *q);
/* POST to an absolute path. Media types that have a Content-Format (RFC 7252 12.3); the content is copied. */
MST_MUST_CHECK int mst_coap_client_post(struct mst_coap_client *c, const char *path, const char *media, const char *accept, struct mst_view content);
bool mst_coap_client_proven(const struct mst_coap_client *c);         /* as mst_client_proven() */
const struct mst_peer *mst_coap_client_peer(const struct mst_coap_client *c);
MST_MUST_CHECK int mst_coap_client_export(struct mst_coap_client *c, const char *label, uint8_t *out, size_t n);
/* Says good-bye; allowed inside callbacks; no further callback. */
struct mst_coap_client *mst_coap_client_free(struct mst_coap_client *c);

#endif
