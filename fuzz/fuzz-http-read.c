/*
 * A device's reader of responses: in one piece and in pieces of a size that the first octet says, with the same end; and where
 * the servers' parser takes the same octets for a whole response, it reads the same message. What one takes the other takes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/http-read.h"
#include "transport/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct run { int r, status; size_t used, headers; uint32_t sum; };

static uint32_t add(uint32_t h, struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		h = (h ^ v.p[i]) * 16777619u;
	return h * 31 + (uint32_t)v.n;
}

static void note(struct run *x, const struct mst_http_msg *m)
{
	x->status = m->status;
	x->headers = m->n;
	x->sum = add(2166136261u, m->body);
	for (size_t i = 0; i < m->n; i++)
		x->sum = add(add(x->sum, m->header[i].name), m->header[i].value);
}

static struct run ours(struct mst_view in, size_t step)
{
	struct run x = { .r = MST_HTTP_READ_MORE };
	uint8_t *storage = malloc(4096);
	struct mst_http_read r;
	struct mst_http_msg m;

	mst_http_read_begin(&r, storage, 4096);
	while (x.used < in.n && x.r == MST_HTTP_READ_MORE) {
		size_t used = 0;

		x.r = mst_http_read_feed(&r, mst_view_sub(in, x.used, step), &used, &m, NULL);
		x.used += used;
	}
	if (x.r == MST_HTTP_READ_MORE)
		x.r = mst_http_read_end(&r, &m, NULL);
	if (x.r == 0)
		note(&x, &m);
	free(storage);
	return x;
}

static struct run theirs(struct mst_view in)
{
	static const struct mst_http_limits limits = { 4096, 4096 };
	struct mst_http_parser *h;
	struct run x = { 0 };
	int status;

	if (mst_http_parser_new(true, &limits, &h))
		abort();
	x.r = mst_http_parser_feed(h, in, &x.used, &status, NULL);
	if (x.r == MST_HTTP_MORE)
		x.r = mst_http_parser_eof(h);
	if (x.r == 0)
		note(&x, mst_http_message(h));
	mst_http_parser_free(h);
	return x;
}

/* A digit or more behind a zero, and blanks: the parser reads the number, a device takes none with a zero before it. */
static bool zero_first(struct mst_view v)
{
	while (v.n && (*v.p == ' ' || *v.p == '\t'))
		v = mst_view_sub(v, 1, v.n);
	return v.n > 1 && v.p[0] == '0' && v.p[1] >= '0' && v.p[1] <= '9';
}

/* llhttp overlooks a coding with a tab behind it, which http.c refuses for that, and refuses such a length itself. */
static bool tab_behind(struct mst_view v)
{
	while (v.n && (*v.p == ' ' || *v.p == '\t'))
		v = mst_view_sub(v, 1, v.n);
	while (v.n && *v.p != ' ' && *v.p != '\t' && *v.p != '\r')
		v = mst_view_sub(v, 1, v.n);
	while (v.n && *v.p == ' ')
		v = mst_view_sub(v, 1, v.n);
	return v.n && *v.p == '\t';
}

static bool anywhere(struct mst_view in, const char *header, bool (*is)(struct mst_view value))
{
	size_t n = mst_view_str(header).n;

	for (size_t i = 0; i + n < in.n; i++)
		if (mst_view_eq_nocase(mst_view_sub(in, i, n), mst_view_str(header)) && is(mst_view_sub(in, i + n, in.n)))
			return true;
	return false;
}

/* What is taken by one alone, and why. */
static bool is_known(struct run ours, struct mst_view in)
{
	if (ours.r == 0)
		return anywhere(in, "transfer-encoding:", tab_behind) || anywhere(in, "content-length:", tab_behind);
	/* the storage of a device is for header and body together */
	return in.n > 4000 || anywhere(in, "content-length:", zero_first);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct run a, b, c;

	if (n < 2)
		return 0;
	a = ours((struct mst_view){ p + 1, n - 1 }, n - 1);
	b = ours((struct mst_view){ p + 1, n - 1 }, (size_t)p[0] % 16 + 1);
	c = theirs((struct mst_view){ p + 1, n - 1 });
	if (a.r != b.r || (a.r == 0 && (a.used != b.used || a.status != b.status || a.headers != b.headers || a.sum != b.sum)))
		abort();
	if (a.r == 0 && c.r == 0 && (a.used != c.used || a.status != c.status || a.headers != c.headers || a.sum != c.sum))
		abort();
	if ((a.r == 0) != (c.r == 0) && !is_known(a, (struct mst_view){ p + 1, n - 1 }))
		abort();
	return 0;
}
