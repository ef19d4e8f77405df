#include "codec/uri.h"

#include "base/text.h"
#include "codec/ident.h"

static const struct { const char *scheme; uint16_t port; } scheme_row[] = {
	{ "https", 443 }, { "coaps", 5684 }, { "wss", 443 }, { "http", 80 },
};

static bool ipv4_ok(struct mst_view v)
{
	size_t parts = 0;

	for (size_t at = 0; at <= v.n; parts++) {
		struct mst_view rest = mst_view_sub(v, at, v.n);
		struct mst_view part = mst_view_sub(rest, 0, mst_view_find(rest, '.'));
		uint64_t x;

		if (!mst_parse_dec(part, 255, &x))
			return false;
		at += part.n + 1;
	}
	return parts == 4;
}

/* Only what keeps the URI well-formed: whether it is an address, the resolver finds out. */
static bool ipv6_ok(struct mst_view v)
{
	size_t colons = 0;

	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		colons += c == ':';
		if (c != ':' && c != '.' && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f') &&
		    !(c >= 'A' && c <= 'F'))
			return false;
	}
	return colons >= 2 && v.n <= 45;
}

/* RFC 3986 characters of path and query, percent-encoding complete. */
static bool path_ok(struct mst_view v)
{
	static const char other[] = "-._~!$&'()*+,;=:@/?";

	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i], octet;
		size_t n;

		if (c == '%') {
			if (!mst_percent_decode(mst_view_sub(v, i, 3), &octet, 1, &n) || n != 1)
				return false;
			i += 2;
			continue;
		}
		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    mst_view_find(MST_VIEW_LIT(other), c) == sizeof(other) - 1)
			return false;
	}
	return true;
}

static bool parse_host(struct mst_view v, struct mst_uri_parts *u)
{
	u->host = v;
	if (mst_view_starts(v, "[") && mst_view_ends(v, "]")) {
		u->host = mst_view_sub(v, 1, v.n - 2);
		u->host_kind = MST_URI_IPV6;
		return ipv6_ok(u->host);
	}
	u->host_kind = ipv4_ok(v) ? MST_URI_IPV4 : MST_URI_FQDN;
	return u->host_kind == MST_URI_IPV4 || mst_id_valid(MST_ID_FQDN, v);
}

static bool parse_authority(struct mst_view v, struct mst_uri_parts *u)
{
	size_t colon = v.n;
	uint64_t port;

	while (colon > 0 && v.p[colon - 1] != ':' && v.p[colon - 1] != ']')
		colon--;
	if (colon == 0 || v.p[colon - 1] == ']')
		return parse_host(v, u);
	if (!mst_parse_dec(mst_view_sub(v, colon, v.n), 65535, &port) || port == 0)
		return false;
	u->port = (uint16_t)port;
	return parse_host(mst_view_sub(v, 0, colon - 1), u);
}

bool mst_uri_split(struct mst_view v, struct mst_uri_parts *ret_u)
{
	struct mst_uri_parts u = { .scheme = mst_view_sub(v, 0, mst_view_find(v, ':')) };
	struct mst_view rest = mst_view_sub(v, u.scheme.n, v.n);
	size_t end = 0;

	for (size_t i = 0; i < MST_COUNT(scheme_row); i++)
		if (mst_view_eq_str(u.scheme, scheme_row[i].scheme))
			u.port = scheme_row[i].port;
	if (!u.port || !mst_view_starts(rest, "://"))
		return false;
	rest = mst_view_sub(rest, 3, rest.n);
	while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
		end++;
	u.path = mst_view_sub(rest, end, rest.n);
	if (!parse_authority(mst_view_sub(rest, 0, end), &u) || !path_ok(u.path))
		return false;
	*ret_u = u;
	return true;
}

bool mst_uri_scheme_in(const struct mst_uri_parts *u, const char *schemes)
{
	struct mst_view all = mst_view_str(schemes);

	for (size_t at = 0; at < all.n;) {
		struct mst_view rest = mst_view_sub(all, at, all.n);
		struct mst_view one = mst_view_sub(rest, 0, mst_view_find(rest, ' '));

		if (mst_view_eq(one, u->scheme))
			return true;
		at += one.n + 1;
	}
	return false;
}
