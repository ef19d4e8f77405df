/*
 * HTTP messages, requests and responses (first octet), at once and in pieces of a size that the second octet
 * says: both must end the same way, with the same message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transport/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct run { int r, status; size_t used, headers, body; uint32_t sum; };

static uint32_t add(uint32_t h, struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		h = (h ^ v.p[i]) * 16777619u;
	return h;
}

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
