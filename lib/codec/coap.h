/*
 * CoAP messages (RFC 7252 3) and blocks (RFC 7959 2.2), strict: what the RFC calls a message format error is one here,
 * and nothing is guessed. Who sends what when, and again, is proto/coap; what it means is codec/coap-map.h.
 */
#ifndef MST_CODEC_COAP_H
#define MST_CODEC_COAP_H

#include "base/attr.h"
#include "base/diag.h"
#include "base/view.h"
#include "base/writer.h"

#define MST_COAP_OPTIONS_MAX 32
#define MST_COAP_TOKEN_MAX 8
#define MST_COAP_HEADER 4

enum mst_coap_type { MST_COAP_CON, MST_COAP_NON, MST_COAP_ACK, MST_COAP_RST };

#define MST_COAP_CODE(class, detail) ((class) << 5 | (detail))
enum mst_coap_code {
	MST_COAP_EMPTY = 0,
	MST_COAP_GET = 1, MST_COAP_POST = 2, MST_COAP_PUT = 3, MST_COAP_DELETE = 4,
	MST_COAP_CREATED = MST_COAP_CODE(2, 1), MST_COAP_DELETED = MST_COAP_CODE(2, 2), MST_COAP_CHANGED = MST_COAP_CODE(2, 4),
	MST_COAP_CONTENT = MST_COAP_CODE(2, 5), MST_COAP_CONTINUE = MST_COAP_CODE(2, 31),
	MST_COAP_BAD_REQUEST = MST_COAP_CODE(4, 0), MST_COAP_BAD_OPTION = MST_COAP_CODE(4, 2), MST_COAP_INCOMPLETE = MST_COAP_CODE(4, 8),
	MST_COAP_FORBIDDEN = MST_COAP_CODE(4, 3), MST_COAP_TOO_LARGE = MST_COAP_CODE(4, 13), MST_COAP_INTERNAL = MST_COAP_CODE(5, 0), MST_COAP_UNAVAILABLE = MST_COAP_CODE(5, 3),
	MST_COAP_NO_PROXY = MST_COAP_CODE(5, 5),
};
static inline bool mst_coap_is_request(uint8_t code) { return code > 0 && code < 32; }
static inline bool mst_coap_is_response(uint8_t code) { return code >= 64 && code < 192; }

/* RFC 7252 12.2, RFC 7959 6, RFC 7641 7 */
enum mst_coap_number {
	MST_COAP_IF_MATCH = 1, MST_COAP_URI_HOST = 3, MST_COAP_ETAG = 4, MST_COAP_IF_NONE_MATCH = 5, MST_COAP_OBSERVE = 6,
	MST_COAP_URI_PORT = 7, MST_COAP_LOCATION_PATH = 8, MST_COAP_URI_PATH = 11, MST_COAP_CONTENT_FORMAT = 12,
	MST_COAP_MAX_AGE = 14, MST_COAP_URI_QUERY = 15, MST_COAP_ACCEPT = 17, MST_COAP_LOCATION_QUERY = 20,
	MST_COAP_BLOCK2 = 23, MST_COAP_BLOCK1 = 27, MST_COAP_SIZE2 = 28, MST_COAP_PROXY_URI = 35, MST_COAP_PROXY_SCHEME = 39,
	MST_COAP_SIZE1 = 60,
};

/*
 * oneM2M's parameters of a primitive are options (TS-0008 6.2.2.4). Their first numbers, from 256 upwards, said "elective" of
 * every second one; V3.7.0 (2022) has IANA's. Which of the two a peer means is a quirk, and without either they are unknown.
 */
enum mst_coap_dialect { MST_COAP_BARE, MST_COAP_ONEM2M, MST_COAP_ONEM2M_EARLY, MST_COAP_DIALECT__COUNT };
static inline enum mst_coap_dialect mst_coap_onem2m(bool early) { return early ? MST_COAP_ONEM2M_EARLY : MST_COAP_ONEM2M; }
enum mst_coap_param {
	MST_COAP_FR, MST_COAP_RQI, MST_COAP_OT, MST_COAP_RQET, MST_COAP_RSET, MST_COAP_OET, MST_COAP_RTURI, MST_COAP_EC, MST_COAP_RSC,
	MST_COAP_GID, MST_COAP_TY, MST_COAP_CTO, MST_COAP_CTS, MST_COAP_ATI, MST_COAP_RVI, MST_COAP_VSI, MST_COAP_GTM, MST_COAP_AUS,
	MST_COAP_ASRI, MST_COAP_PARAM__COUNT
};
/* The option's number; 0 where there is none. */
uint16_t mst_coap_param(enum mst_coap_dialect x, enum mst_coap_param p);

struct mst_coap_option { uint16_t number; struct mst_view value; };

struct mst_coap_msg {                         /* views are borrowed from the datagram, or from whoever builds one */
	enum mst_coap_type type;
	uint8_t code;
	uint16_t id;
	uint8_t token[MST_COAP_TOKEN_MAX];
	size_t n_token;
	struct mst_coap_option option[MST_COAP_OPTIONS_MAX];   /* in the order of their numbers */
	size_t n;
	struct mst_view payload;
};

enum mst_coap_outcome {
	MST_COAP_FOREIGN = 1,        /* another version, or too short for any: to be ignored in silence (RFC 7252 3) */
	MST_COAP_MALFORMED,          /* a message format error: type and id are filled, so that it can be reset */
};
MST_MUST_CHECK int mst_coap_read(struct mst_view datagram, struct mst_coap_msg *ret_m, struct mst_diag *d);
/* Latches `w` when options stand out of order, a token is too long, or there is no room. */
void mst_coap_write(const struct mst_coap_msg *m, struct mst_writer *w);

/* First option of that number, or NULL. */
const struct mst_coap_option *mst_coap_find(const struct mst_coap_msg *m, uint16_t number);
/*
 * RFC 7252 5.4: every critical option is known, of a length that it may have, and not repeated where it must not be; others
 * that are not so are taken out, as if they had not come. Of oneM2M's those are known that we do as they say: what asks for
 * an answer in parts, later or elsewhere (RTURI, OET, GID, CTO, CTS, EC, …) is refused, for all of them are critical.
 * False: *ret_bad is the number that cannot be taken.
 */
MST_MUST_CHECK bool mst_coap_check(struct mst_coap_msg *m, enum mst_coap_dialect x, uint16_t *ret_bad);

/* Unsigned integers in options (RFC 7252 3.2): big endian, any leading zeros, 4 octets at most. */
MST_MUST_CHECK bool mst_coap_uint(struct mst_view v, uint32_t *ret_x);
/* The same for an option that may be absent: `otherwise` then, and when it is none. */
uint32_t mst_coap_uint_of(const struct mst_coap_msg *m, uint16_t number, uint32_t otherwise);
/* Append an option behind those of lower or the same number. A full message loses it: then write() latches. */
void mst_coap_add(struct mst_coap_msg *m, uint16_t number, struct mst_view value);
/* `room` holds the shortest form until the message has been written. */
void mst_coap_add_uint(struct mst_coap_msg *m, uint16_t number, uint32_t x, uint8_t room[4]);

#define MST_COAP_SZX_MAX 6                    /* 1024 octets; 7 is reserved */
#define MST_COAP_NUM_MAX 0xfffff
struct mst_coap_block { uint32_t num; bool more; uint8_t szx; };
static inline size_t mst_coap_block_size(uint8_t szx) { return (size_t)16 << szx; }
/* False: longer than 3 octets, or with the reserved size. */
MST_MUST_CHECK bool mst_coap_block_read(struct mst_view v, struct mst_coap_block *ret_b);
void mst_coap_add_block(struct mst_coap_msg *m, uint16_t number, const struct mst_coap_block *b, uint8_t room[4]);

#endif
