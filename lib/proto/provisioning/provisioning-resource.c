/*
 * "No resource twice" (architecture 3.2): when are two names the same resource? URIs after the
 * syntax-based normalisation of RFC 3986 6.2.2 and 6.2.3, names of the DNS without case, anything else
 * as it stands. A fragment never reaches the peer, so it does not make a resource another one.
 */
#include <string.h>

#include "base/text.h"
#include "proto/provisioning/provisioning-state.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static void put_lower(struct mst_writer *w, struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		mst_put_u8(w, lower(v.p[i]));
}

static bool unreserved(uint8_t c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

/* Escapes of what needs none are undone, the others get upper-case digits. */
static void put_escapes(struct mst_writer *w, struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c;
		size_t n;

		if (v.p[i] != '%' || !mst_hex_decode(mst_view_sub(v, i + 1, 2), &c, 1, &n) || n != 1) {
			mst_put_u8(w, v.p[i]);
			continue;
		}
		if (unreserved(c)) {
			mst_put_u8(w, c);
		} else {
			mst_put_u8(w, '%');
			mst_put_hex(w, (struct mst_view){ &c, 1 });
		}
		i += 2;
	}
}

/* RFC 3986 5.2.4, for a path that begins with "/" and stands at w->p + from. */
static void remove_dots(struct mst_writer *w, size_t from)
{
	uint8_t *p = w->p + from;
	size_t n = w->n - from, out = 0;

	for (size_t i = 0; i < n;) {
		size_t seg = 1;
		bool last;

		while (i + seg < n && p[i + seg] != '/')
			seg++;
		last = i + seg == n;
		if (seg == 2 && p[i + 1] == '.') {
			if (last)
				p[out++] = '/';
		} else if (seg == 3 && p[i + 1] == '.' && p[i + 2] == '.') {
			while (out && p[--out] != '/')
				;
			if (last)
				p[out++] = '/';
		} else {
			memmove(p + out, p + i, seg);
			out += seg;
		}
		i += seg;
	}
	w->n = from + out;
}

static const struct { const char *scheme, *port; } default_port[] = {
	{ "https", "443" }, { "http", "80" }, { "coaps", "5684" }, { "coap", "5683" },
	{ "coaps+tcp", "5684" }, { "coap+tcp", "5683" }, { "wss", "443" }, { "ws", "80" },
};

/* [user@]host[:port]: host in lower case without the root's dot, port only when it is not the scheme's. */
static void put_authority(struct mst_writer *w, struct mst_view scheme, struct mst_view a)
{
	size_t at = mst_view_find(a, '@'), colon = a.n;
	struct mst_view host, port;

	if (at < a.n) {
		put_escapes(w, mst_view_sub(a, 0, at + 1));
		a = mst_view_sub(a, at + 1, a.n);
	}
	/* the last colon that is not inside an IPv6 literal */
	for (size_t i = 0; i < a.n; i++) {
		if (a.p[i] == ']')
			colon = a.n;
		else if (a.p[i] == ':')
			colon = i;
	}
	colon = colon < a.n ? colon : a.n;
	host = mst_view_sub(a, 0, colon);
	port = mst_view_sub(a, colon + 1, a.n);
	if (host.n > 1 && host.p[host.n - 1] == '.')
		host.n--;
	put_lower(w, host);
	while (port.n > 1 && port.p[0] == '0')
		port = mst_view_sub(port, 1, port.n);
	for (size_t i = 0; i < MST_COUNT(default_port); i++)
		if (mst_view_eq_str(port, default_port[i].port) &&
		    mst_view_eq_nocase(scheme, mst_view_str(default_port[i].scheme)))
			return;
	if (port.n) {
		mst_put_u8(w, ':');
		mst_put(w, port);
	}
}

static void put_uri(struct mst_writer *w, struct mst_view uri, size_t scheme_end)
{
	struct mst_view scheme = mst_view_sub(uri, 0, scheme_end);
	struct mst_view rest = mst_view_sub(uri, scheme_end + 3, uri.n);
	size_t path, query, from;

	rest.n = mst_view_find(rest, '#');
	query = mst_view_find(rest, '?');
	path = mst_view_find(mst_view_sub(rest, 0, query), '/');

	put_lower(w, scheme);
	mst_put_str(w, "://");
	put_authority(w, scheme, mst_view_sub(rest, 0, path));
	from = w->n;
	if (path == query)
		mst_put_u8(w, '/');
	else
		put_escapes(w, mst_view_sub(rest, path, query - path));
	if (w->ok)
		remove_dots(w, from);
	put_escapes(w, mst_view_sub(rest, query, rest.n));
}

static size_t find_scheme(struct mst_view name)
{
	size_t colon = mst_view_find(name, ':');

	if (!colon || !mst_view_starts(mst_view_sub(name, colon, name.n), "://"))
		return 0;
	for (size_t i = 0; i < colon; i++)
		if (!unreserved(name.p[i]) && name.p[i] != '+')
			return 0;
	return colon;
}

bool prov_normalise(int method, struct mst_view name, uint8_t out[PROV_NAME_MAX], size_t *ret_n)
{
	struct mst_writer w = mst_writer_of(out, PROV_NAME_MAX);
	size_t scheme = find_scheme(name);

	if (scheme)
		put_uri(&w, name, scheme);
	else if (method == MST_METHOD_DNS_SD || method == MST_METHOD_DNS_SRV || method == MST_METHOD_DHCP)
		put_lower(&w, name);
	else
		mst_put(&w, name);
	if (!w.ok)
		return false;
	*ret_n = w.n;
	return true;
}

/* A method's names are its own: the same word asked of DHCP and of a file are two resources. */
bool prov_resource_seen(const struct prov_resources *r, int method, struct mst_view name)
{
	struct mst_reader in = mst_reader_of((struct mst_view){ r->octets, r->n });
	uint8_t norm[PROV_NAME_MAX];
	size_t n;

	if (!prov_normalise(method, name, norm, &n))
		return false;
	for (unsigned i = 0; i < r->count; i++) {
		uint8_t m = mst_read_u8(&in);

		if (mst_view_eq(mst_read_block16(&in), (struct mst_view){ norm, n }) && m == method)
			return true;
	}
	return false;
}

bool prov_resource_fits(const struct prov_resources *r, int method, struct mst_view name)
{
	uint8_t norm[PROV_NAME_MAX];
	size_t n;

	return r->count < PROV_RESOURCES_MAX && prov_normalise(method, name, norm, &n) &&
	       n + 3 <= sizeof(r->octets) - r->n;
}

bool prov_resource_add(struct prov_resources *r, int method, struct mst_view name)
{
	struct mst_writer w = mst_writer_of(r->octets, sizeof(r->octets));
	uint8_t norm[PROV_NAME_MAX];
	size_t n;

	if (!prov_resource_fits(r, method, name) || !prov_normalise(method, name, norm, &n))
		return false;
	w.n = r->n;
	mst_put_u8(&w, (uint8_t)method);
	mst_put_block16(&w, (struct mst_view){ norm, n });
	r->n = (uint32_t)w.n;
	r->count++;
	return true;
}
