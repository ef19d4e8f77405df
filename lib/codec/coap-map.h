/*
 * CoAP and HTTP, each in the other's words (RFC 8075, and TS-0008 6.2.4 for the codes of statuses): what serves over HTTP
 * serves over CoAP without knowing. PURE.
 */
#ifndef MST_CODEC_COAP_MAP_H
#define MST_CODEC_COAP_MAP_H

#include "codec/coap.h"
#include "codec/primitive.h"

#define MST_COAP_JSON 50
#define MST_COAP_CBOR 60

/* Of an answer to a POST: 200 and 204 are 2.04, told apart by their content (RFC 7252 5.8.2 has no 2.05 for it). */
uint8_t mst_coap_code_of(int status, bool get);
/* 0 when it is no answer. */
int mst_coap_status_of(uint8_t code, bool content);
/* Media type of a Content-Format, or NULL; and back, false when it has no number here. */
const char *mst_coap_media(uint16_t format);
MST_MUST_CHECK bool mst_coap_format_of(struct mst_view media, uint16_t *ret_format);

/*
 * A request, options checked already, as HTTP has it: method, target, Host, Content-Type, Accept, and `body` of it. `host` is
 * taken when the request has no Uri-Host: it went to the address where we are (RFC 7252 5.10.1). Texts are written into
 * `scratch`. False: a text that HTTP could not carry, or too long; `d` says.
 */
MST_MUST_CHECK bool mst_coap_request_as_http(const struct mst_coap_msg *m, struct mst_view body, const char *host, struct mst_arena *scratch,
					     struct mst_http_msg *ret_m, struct mst_diag *d);

/* An answer as HTTP has it: status, Content-Type, Retry-After out of Max-Age. */
struct mst_coap_reply { uint8_t code; bool has_format, has_max_age; uint16_t format; uint32_t max_age; struct mst_view body; };
MST_MUST_CHECK bool mst_coap_reply_as_http(const struct mst_coap_reply *a, struct mst_arena *scratch, struct mst_http_msg *ret_m);

#endif
