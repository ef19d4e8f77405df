/* The parts of an https URI that the enrolee needs to know; the transport has its own, fuller reader. PURE.
 */
#ifndef MST_ENROLEE_URI_H
#define MST_ENROLEE_URI_H

#include "codec/ident.h"

struct enrolee_uri {
	char host[MST_ID_MAX];       /* lower case */
	uint16_t port;               /* 443 when not said (spec 8.6) */
	char path[MST_ID_MAX];       /* without a trailing slash; "" when there is none */
};
/* "https://fqdn[:port][/path]". False for any other scheme, user info, query, fragment or IP literal. */
MST_MUST_CHECK bool enrolee_uri_parse(struct mst_view v, struct enrolee_uri *ret_u);

#endif
