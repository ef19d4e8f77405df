/*
 * The URIs that name our peers: scheme://host[:port][/path][?query]. No user information, no fragment,
 * lower-case scheme, so that the host that is shown is the host that is dialled.
 */
#ifndef MST_CODEC_URI_H
#define MST_CODEC_URI_H

#include "base/attr.h"
#include "base/view.h"

enum mst_uri_host { MST_URI_FQDN, MST_URI_IPV4, MST_URI_IPV6 };

struct mst_uri_parts {
	struct mst_view scheme;         /* "https" */
	struct mst_view host;           /* as it stands there; an IPv6 address without its brackets */
	enum mst_uri_host host_kind;
	/* given, or the scheme's: https 443, coaps 5684, wss 443 (spec 8.6), http 80 */
	uint16_t port;
	struct mst_view path;           /* path and query, "" or from the first slash on */
};

/* http, https, coaps and wss only. False when it is anything else. Parts are borrowed from `v`. */
MST_MUST_CHECK bool mst_uri_split(struct mst_view v, struct mst_uri_parts *ret_u);
/* One of the space-separated `schemes`? */
bool mst_uri_scheme_in(const struct mst_uri_parts *u, const char *schemes);

#endif
