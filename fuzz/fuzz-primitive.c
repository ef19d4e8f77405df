/*
 * Any octets as an HTTP message: first line, header lines `name: value`, empty line, body. What is taken
 * as a request is written and taken again, and nothing that is written grows a header line.
 */
#include <stdlib.h>

#include "codec/primitive.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct mst_view line_of(struct mst_view *rest)
{
	struct mst_view line = mst_view_sub(*rest, 0, mst_view_find(*rest, '\n'));

	*rest = mst_view_sub(*rest, line.n + 1, rest->n);
	return line;
}

static struct mst_http_msg parse(struct mst_view in)
{
	struct mst_http_msg m = { 0 };
	struct mst_view line = line_of(&in);
	size_t sp = mst_view_find(line, ' ');

	m.method = mst_view_sub(line, 0, sp);
	m.target = mst_view_sub(line, sp + 1, line.n);
	m.status = line.n > 2 ? line.p[0] * 3 : 200;
	for (line = line_of(&in); line.n && m.n < MST_HTTP_HEADERS_MAX; line = line_of(&in)) {
		size_t colon = mst_view_find(line, ':');

		m.header[m.n].name = mst_view_sub(line, 0, colon);
		m.header[m.n++].value = mst_view_sub(line, colon + 1, line.n);
	}
	m.body = in;
	return m;
}

static void written_again(struct mst_request q)
{
	static uint8_t out[65536];
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	size_t lines = 0, allowed = 11;

	mst_request_to_http(&q, mst_view_str("h"), &w);
	for (size_t i = 0; w.ok && i + q.content.n < w.n; i++)
		lines += out[i] == '\n';
	if (lines > allowed)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t scratch[16384];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	struct mst_http_msg m = parse((struct mst_view){ p, n });
	struct mst_request q;
	struct mst_response r;
	struct mst_diag d = { 0 };
	int rsc = 0;

	if (mst_request_from_http(&m, &a, &q, &rsc, &d)) {
		if (rsc < 4000 || !d.text[0])
			abort();
	} else {
		if (!q.to.n || q.to.p[0] != '/' || !q.rqi.n)
			abort();
		written_again(q);
	}
	m.status = 200;
	if (!mst_response_from_http(&m, &r, &d) && (r.rsc < 1000 || r.retry_after < 0))
		abort();
	return 0;
}
