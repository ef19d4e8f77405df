/*
 * oneM2M primitives over CoAP (TS-0008 6.2.2 to 6.2.4, spec 8.4), both ways, in the words of HTTP where those serve (codec/coap-map.h): what
 * reads a primitive of TS-0009 reads one of TS-0008 without knowing. PURE.
 */
#ifndef MST_CODEC_COAP_M2M_H
#define MST_CODEC_COAP_M2M_H

#include "codec/coap-map.h"

#define MST_COAP_PARAMS_MAX 12       /* of one message, and segments of the place of what was created */
#define MST_COAP_PARAMS_ROOM 24      /* octets of numbers among them */

/* Code of an answer: TS-0008 6.2.4, where it is not that of the HTTP status (TS-0009 6.3.2). `get`: to a Retrieve. */
uint8_t mst_coap_code_of_rsc(int rsc, bool get);

/* As mst_coap_request_as_http(), and with the parameters as headers, the resource type in Content-Type. */
MST_MUST_CHECK bool mst_coap_primitive_as_http(const struct mst_coap_msg *m, struct mst_view body, const char *host, enum mst_coap_dialect x,
					       struct mst_arena *scratch, struct mst_http_msg *ret_m, struct mst_diag *d);
/* Parameters of an answer, added to what mst_coap_reply_as_http() made of the rest. */
MST_MUST_CHECK bool mst_coap_params_as_http(const struct mst_coap_option *o, size_t n, enum mst_coap_dialect x, struct mst_arena *scratch,
					    struct mst_http_msg *m);

/* What a primitive adds to a message: its parameters as options, in no order. Views into the primitive, `room` and scratch. */
struct mst_coap_params { struct mst_coap_option option[MST_COAP_PARAMS_MAX]; size_t n; uint8_t room[MST_COAP_PARAMS_ROOM]; };
/* False: it cannot be said so. */
MST_MUST_CHECK bool mst_coap_of_response(const struct mst_response *a, enum mst_coap_dialect x, struct mst_arena *scratch, struct mst_coap_params *ret_p);

struct mst_coap_primitive {
	uint8_t code;
	struct mst_view path;            /* percent-encoded */
	bool has_format;
	uint16_t format, accept;         /* accept: 0xffff = none */
	struct mst_coap_params params;
};
MST_MUST_CHECK bool mst_coap_of_request(const struct mst_request *q, enum mst_coap_dialect x, struct mst_arena *scratch, struct mst_coap_primitive *ret_p);

#endif
