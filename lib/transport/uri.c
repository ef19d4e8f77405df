#include <string.h>

#include "base/text.h"
#include "transport/client.h"

static bool scheme_octet(uint8_t c, bool first)
{
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

	return letter || (!first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
}

/* host, host:port, [v6], [v6]:port */
static bool authority(struct mst_view v, struct mst_uri *u)
{
	bool six = mst_view_starts(v, "[");
	size_t end = six ? mst_view_find(v, ']') : mst_view_find(v, ':');
	struct mst_view host = six ? mst_view_sub(v, 1, end - 1) : mst_view_sub(v, 0, end), rest;
	uint64_t port;

	if ((six && end == v.n) || host.n == 0 || !mst_view_to_str(host, u->host, sizeof(u->host)))
		return false;
	for (size_t i = 0; i < host.n; i++)
		if (host.p[i] == '@' || host.p[i] == '\\' || host.p[i] == '[' || host.p[i] == ']' || (host.p[i] == ':' && !six))
			return false;
	rest = mst_view_sub(v, six ? end + 1 : end, v.n);
	if (rest.n == 0)
		return true;
	if (rest.p[0] != ':' || !mst_parse_dec(mst_view_sub(rest, 1, rest.n), 65535, &port) || port == 0)
		return false;
	u->port = (uint16_t)port;
	return true;
}

bool mst_uri_parse(struct mst_view v, struct mst_uri *ret_u)
{
	struct mst_uri u = { .port = 443, .path = "/" };
	size_t colon = mst_view_find(v, ':'), slash;
	struct mst_view rest;

	if (!mst_printable_ascii(v) || !mst_view_to_str(mst_view_sub(v, 0, colon), u.scheme, sizeof(u.scheme)) || colon == 0 ||
	    mst_view_find(v, '#') != v.n)
		return false;
	for (size_t i = 0; i < colon; i++)
		if (!scheme_octet(v.p[i], i == 0))
			return false;
	mst_ascii_lower(u.scheme);
	rest = mst_view_sub(v, colon + 1, v.n);
	if (!mst_view_starts(rest, "//"))
		return false;
	rest = mst_view_sub(rest, 2, rest.n);
	slash = mst_view_find(rest, '/');
	if (mst_view_find(rest, '?') < slash || !authority(mst_view_sub(rest, 0, slash), &u))
		return false;
	if (slash < rest.n && !mst_view_to_str(mst_view_sub(rest, slash, rest.n), u.path, sizeof(u.path)))
		return false;
	*ret_u = u;
	return true;
}
