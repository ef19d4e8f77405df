/*
 * Any octets as an HTTP message: first line, header lines `name: value`, empty line, body. What is taken
 * as a request or as a response is written and taken again, and says the same; nothing that is written grows a header line.
 */
#include <stdlib.h>

#include "codec/primitive.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct mst_view line_of(struct mst_view *rest)
{
	struct mst_view line = mst_view_sub(*rest, 0, mst_view_find(*rest, '\n'));

	*rest = mst_view_sub(*rest, line.n + 1, rest->n);
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static struct mst_http_msg parse(struct mst_view in)
{
	struct mst_http_msg m = { 0 };
	struct mst_view line = line_of(&in);
	size_t sp = mst_view_find(line, ' ');

	m.method = mst_view_sub(line, 0, sp);
	m.target = mst_view_sub(line, sp + 1, line.n);
	if (mst_view_ends(m.target, " HTTP/1.1"))
		m.target.n -= 9;
	m.status = line.n > 2 ? line.p[0] * 3 : 200;
	for (line = line_of(&in); line.n && m.n < MST_HTTP_HEADERS_MAX; line = line_of(&in)) {
		size_t colon = mst_view_find(line, ':');

		m.header[m.n].name = mst_view_sub(line, 0, colon);
		m.header[m.n++].value = mst_view_sub(line, colon + 1, line.n);
	}
	m.body = in;
	return m;
}

static void must(bool x)
{
	if (!x)
		abort();
}

static uint8_t out[65536];

static struct mst_http_msg written(const struct mst_writer *w, size_t content)
{
	size_t lines = 0, allowed = 11;

	for (size_t i = 0; i + content < w->n; i++)
		lines += w->p[i] == '\n';
	must(lines <= allowed);
	return parse(mst_written(w));
}

static void request_again(struct mst_request q)
{
	static uint8_t scratch[16384];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_http_msg m;
	struct mst_request r;
	int rsc;

	mst_request_to_http(&q, mst_view_str("h"), &w);
	if (!w.ok)
		return;         /* an Accept that no parser gives: control characters */
	m = written(&w, q.content.n);
	must(mst_request_from_http(&m, &a, &r, &rsc, NULL) == 0);
	must(r.op == q.op && r.ty == q.ty && mst_view_eq(r.to, q.to) && mst_view_eq(r.from, q.from) && mst_view_eq(r.rqi, q.rqi));
	must(mst_view_eq(r.rvi, q.rvi) && mst_view_eq(r.vsi, q.vsi) && mst_view_eq(r.accept, q.accept));
	must(mst_view_eq(r.media, q.media) && mst_view_eq(r.content, q.content));
}

static void response_again(struct mst_response s)
{
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_http_msg m;
	struct mst_response r;

	mst_response_to_http(&s, true, &w);
	/* a success that is not in the table is taken, but none that we send: it has no status */
	if (!w.ok || (s.rsc < 4000 && mst_rsc_http(s.rsc) >= 300))
		return;
	m = written(&w, s.content.n);
	m.status = mst_rsc_http(s.rsc);
	must(mst_response_from_http(&m, &r, NULL) == 0);
	must(r.rsc == s.rsc && r.retry_after == s.retry_after && mst_view_eq(r.rqi, s.rqi) && mst_view_eq(r.rvi, s.rvi));
	must(mst_view_eq(r.location, s.location) && mst_view_eq(r.media, s.media) && mst_view_eq(r.content, s.content));
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
		request_again(q);
	}
	m.status = 200;
	if (!mst_response_from_http(&m, &r, &d)) {
		must(r.rsc >= 1000 && r.retry_after >= 0);
		response_again(r);
	}
	return 0;
}
