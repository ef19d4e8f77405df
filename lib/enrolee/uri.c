#include "enrolee/uri.h"

#include "base/text.h"

static bool path_ok(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '?' || v.p[i] == '#')
			return false;
	}
	return !v.n || mst_printable_ascii(v);
}

bool enrolee_uri_parse(struct mst_view v, struct enrolee_uri *ret_u)
{
	static const char scheme[] = "https://";
	struct mst_view rest, authority, path, host, port;
	struct enrolee_uri u = { .port = 443 };
	uint64_t number;
	size_t slash, colon;

	if (v.n < sizeof(scheme) - 1 ||
	    !mst_view_eq_nocase(mst_view_sub(v, 0, sizeof(scheme) - 1), mst_view_str(scheme)))
		return false;
	rest = mst_view_sub(v, sizeof(scheme) - 1, v.n);
	slash = mst_view_find(rest, '/');
	authority = mst_view_sub(rest, 0, slash);
	path = mst_view_sub(rest, slash, rest.n);
	colon = mst_view_find(authority, ':');
	host = mst_view_sub(authority, 0, colon);
	if (colon < authority.n) {
		port = mst_view_sub(authority, colon + 1, authority.n);
		if (!mst_parse_dec(port, UINT16_MAX, &number) || !number)
			return false;
		u.port = (uint16_t)number;
	}
	while (path.n && path.p[path.n - 1] == '/')
		path.n--;
	if (!mst_id_normalise(MST_ID_FQDN, host, u.host) || !path_ok(path) ||
	    !mst_view_to_str(path, u.path, sizeof(u.path)))
		return false;
	*ret_u = u;
	return true;
}
