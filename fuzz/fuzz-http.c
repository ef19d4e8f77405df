/*
 * HTTP messages, requests and responses (first octet), at once and in pieces of a size that the second octet
 * says: both must end the same way, with the same message. A request that is taken, put into frames by our client of HTTP/2,
 * is the same message for our server of HTTP/2.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transport/client.h"
#include "transport/h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct run { int r, status; size_t used, headers, body; uint32_t sum; };

static uint32_t add(uint32_t h, struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		h = (h ^ v.p[i]) * 16777619u;
	return h;
}

static void must(bool x)
{
	if (!x)
		abort();
}

/* --- by way of HTTP/2 --- */

struct way { const struct mst_http_msg *m; unsigned arrived; };

/* RFC 9113 8.2.2: of the connection, not of the message; the Host goes before all. */
static bool goes_on(const struct mst_http_header *h)
{
	static const char *const stays[] = { "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "host" };

	for (size_t i = 0; i < MST_COUNT(stays); i++)
		if (mst_view_eq_nocase(h->name, mst_view_str(stays[i])))
			return false;
	return true;
}

static void arrives(void *owner, struct h2_stream *s, const struct mst_http_msg *got)
{
	struct way *w = owner;
	const struct mst_http_msg *m = w->m;
	size_t k = 1;

	(void)s;
	must(mst_view_eq(got->method, m->method) && mst_view_eq(got->target, m->target) && mst_view_eq(got->body, m->body));
	must(mst_view_eq(got->header[0].value, mst_http_find(m, "Host")));
	for (size_t i = 0; i < m->n; i++)
		if (goes_on(&m->header[i])) {
			must(k < got->n && mst_view_eq_nocase(got->header[k].name, m->header[i].name));
			must(mst_view_eq(got->header[k].value, m->header[i].value));
			k++;
		}
	must(k == got->n);
	w->arrived++;
}

static void begins(void *owner, struct h2_stream *s) { (void)owner; (void)s; }
static void answered(void *owner, struct h2_stream *s, const struct mst_http_msg *m) { (void)owner; (void)s; (void)m; }
static void refused(void *owner, struct h2_stream *s, int status, const char *field, const char *why)
{
	(void)owner; (void)s; (void)status; (void)field; (void)why;
	abort();
}
static void gone(void *owner, struct h2_stream *s, bool unseen) { (void)owner; (void)s; (void)unseen; }

static bool pass(struct h2 *from, struct h2 *to)
{
	struct mst_view v;
	bool any = false;

	for (;; any = true) {
		must(h2_pull(from, &v));
		if (!v.n)
			return any;
		must(h2_feed(to, v, NULL));
	}
}

static void over_http2(const struct mst_http_msg *m, struct mst_view octets)
{
	static const struct h2_ops client_ops = { begins, begins, answered, refused, gone }, server_ops = { begins, begins, arrives, refused, gone };
	struct h2_limits l = { false, 1, { 65536, 65536, false } };
	struct way w = { m, 0 };
	struct h2 *client, *server;
	struct h2_stream *s;

	must(h2_new(&l, &client_ops, &w, &client) == 0);
	l.server = true;
	must(h2_new(&l, &server_ops, &w, &server) == 0);
	while (pass(client, server) || pass(server, client))
		;
	must(h2_ask(client, octets, &s) == 0);
	while (pass(client, server) || pass(server, client))
		;
	must(w.arrived == 1);
	h2_free(client);
	h2_free(server);
}

/* What is not of our client's: the whole URI or a * for a path, and more headers than the Host leaves room for. */
static bool goes_over_http2(const struct mst_http_msg *m)
{
	return m->target.n && m->target.p[0] == '/' && m->n < MST_HTTP_HEADERS_MAX - 4;
}

/* --- in HTTP/1.1 --- */

static struct run once(bool response, struct mst_view in, size_t step)
{
	static const struct mst_http_limits limits = { 2048, 4096 };
	struct run x = { .r = MST_HTTP_MORE };
	struct mst_http_parser *h;

	if (mst_http_parser_new(response, &limits, &h))
		abort();
	while (x.used < in.n && x.r == MST_HTTP_MORE) {
		size_t used = 0;

		x.r = mst_http_parser_feed(h, mst_view_sub(in, x.used, step), &used, &x.status, NULL);
		x.used += used;
	}
	if (x.r == MST_HTTP_MORE)
		x.r = mst_http_parser_eof(h) == 0 ? 0 : MST_HTTP_MORE;
	if (x.r == 0) {
		const struct mst_http_msg *m = mst_http_message(h);

		x.headers = m->n;
		x.body = m->body.n;
		x.sum = add(add(2166136261u, m->target), m->body);
		for (size_t i = 0; i < m->n; i++)
			x.sum = add(add(x.sum, m->header[i].name), m->header[i].value);
		if (!response && step == in.n && goes_over_http2(m))
			over_http2(m, mst_view_sub(in, 0, x.used));
	}
	mst_http_parser_free(h);
	return x;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view in = { p + 2, n - 2 };
	struct run a, b;

	if (n < 3)
		return 0;
	a = once(p[0] & 1, in, in.n);
	b = once(p[0] & 1, in, (size_t)p[1] % 16 + 1);
	if (a.r != b.r || (a.r == 0 && (a.used != b.used || a.headers != b.headers || a.body != b.body || a.sum != b.sum)))
		abort();
	return 0;
}
