/*
 * Any octets as each kind of identifier, and as a URI: the canonical spelling is valid, and its own. A URI that we take is one for
 * libxml2, of the same parts, and its host is an address for us where it is one for the resolver.
 */
#include <arpa/inet.h>
#include <libxml/uri.h>
#include <stdlib.h>
#include <string.h>

#include "codec/ident.h"
#include "codec/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void kind(enum mst_id_kind k, struct mst_view in)
{
	char once[MST_ID_MAX], twice[MST_ID_MAX];

	if (mst_id_normalise(k, in, once) != mst_id_valid(k, in))
		abort();
	if (!mst_id_valid(k, in))
		return;
	if (!mst_id_normalise(k, mst_view_str(once), twice) || !mst_view_eq(mst_view_str(once),
		mst_view_str(twice)) ||
	    !mst_id_equal(k, in, mst_view_str(once)))
		abort();
	if (mst_id_from_param(k, in, once) && !mst_from_matches(mst_view_str(once), k, in))
		abort();
}

/* Taken apart and put together it is the same, in its canonical spelling, which stays as it is. */
static void credential(struct mst_view in)
{
	char once[MST_ID_MAX], twice[MST_ID_MAX];
	struct mst_view who;
	int type, again;

	if (!mst_credential_id_split(in, &type, &who))
		return;
	if (!mst_credential_id_make(type, who, once) || !mst_view_eq_nocase(in, mst_view_str(once)))
		abort();
	if (!mst_credential_id_split(mst_view_str(once), &again, &who) || again != type || !mst_credential_id_make(type, who, twice) ||
	    !mst_view_eq_str(mst_view_str(once), twice))
		abort();
}

static void must(bool x)
{
	if (!x)
		abort();
}

/* inet_aton(3) is what getaddrinfo(3) asks: it takes parts left out and hexadecimal ones. */
static void host(const struct mst_uri_parts *u)
{
	char text[MST_ID_MAX];
	struct in_addr v4;

	if (u->host.n >= sizeof(text) || u->host_kind == MST_URI_IPV6)
		return;
	memcpy(text, u->host.p, u->host.n);
	text[u->host.n] = 0;
	must((u->host_kind == MST_URI_IPV4) == (inet_aton(text, &v4) == 1));
}

static void uri(struct mst_view in, const struct mst_uri_parts *u)
{
	char text[8192], *host_at;
	size_t n = 0;
	xmlURIPtr x;

	host(u);
	if (in.n >= sizeof(text))
		return;
	memcpy(text, in.p, in.n);
	text[in.n] = 0;
	x = xmlParseURIRaw(text, 1);
	must(x && x->scheme && x->server && !x->user && !x->fragment && !x->opaque);
	must(mst_view_eq_str(u->scheme, x->scheme));
	host_at = x->server + (u->host_kind == MST_URI_IPV6);
	must(strlen(x->server) == u->host.n + 2u * (u->host_kind == MST_URI_IPV6));
	must(memcmp(host_at, u->host.p, u->host.n) == 0);
	must(x->port <= 0 || x->port == u->port);
	n = (x->path ? strlen(x->path) : 0) + (x->query_raw ? 1 + strlen(x->query_raw) : 0);
	must(n == u->path.n && (!x->path || memcmp(x->path, u->path.p, strlen(x->path)) == 0));
	xmlFreeURI(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view in = { p, n }, a, b;
	char out[MST_ID_MAX];
	struct mst_uri_parts u;

	for (int k = MST_ID_NONE; k <= MST_ID_KM; k++)
		kind((enum mst_id_kind)k, in);
	if (mst_key_id_split(in, &a, &b) && a.n + b.n + 1 != n)
		abort();
	credential(in);
	if (mst_cse_public_name(in, out) && !mst_id_valid(MST_ID_FQDN, mst_view_str(out)))
		abort();
	if (mst_uri_split(in, &u)) {
		must(u.port && u.host.n);
		uri(in, &u);
	}
	return 0;
}
