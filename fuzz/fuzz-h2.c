/*
 * Any octets as what a client sends to our HTTP/2 server: the first octet is the size of the pieces, the second says whether it is
 * answered at once, then come frames behind a preface that we write. Whatever comes: every stream that begins ends, once; what is
 * asked is within the limits, and written as HTTP/1.1 it is the same message, to the octet where it ends; and the session says
 * good-bye or goes on, but answers nothing that was not asked.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define HEADER_OCTETS 512
#define BODY_OCTETS 1024
#define STREAMS 4

struct world { unsigned begun, gone, asked; bool at_once; struct h2_stream *later[64]; unsigned n_later; };

static void on_begin(void *owner, struct h2_stream *s)
{
	struct world *w = owner;

	(void)s;
	w->begun++;
}

static void on_headers(void *owner, struct h2_stream *s)
{
	(void)owner;
	if (s->refused)
		abort();
}

static void answer(struct h2_stream *s)
{
	static const char octets[] = "HTTP/1.1 200 \r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
	int r = h2_answer(s, MST_VIEW_LIT(octets));

	if (r && r != MST_FAULT_MEMORY)
		abort();
}

static bool is_named(const struct mst_http_header *h, const char *name)
{
	return mst_view_eq_nocase(h->name, mst_view_str(name));
}

static void put_header(struct mst_writer *w, struct mst_view name, struct mst_view value)
{
	mst_put(w, name);
	mst_put_str(w, ": ");
	mst_put(w, value);
	mst_put_str(w, "\r\n");
}

static void put_as_http1(struct mst_writer *w, const struct mst_http_msg *m)
{
	mst_put(w, m->method);
	mst_put_str(w, " ");
	mst_put(w, m->target);
	mst_put_str(w, " HTTP/1.1\r\n");
	for (size_t i = 0; i < m->n; i++)
		/* in HTTP/2 the frames say how long it is, and a length beside them agrees; nobody is asked to wait for a word to go on */
		if (!is_named(&m->header[i], "content-length") && !is_named(&m->header[i], "expect"))
			put_header(w, m->header[i].name, m->header[i].value);
	mst_put_str(w, "content-length: ");
	mst_put_dec(w, (int64_t)m->body.n);
	mst_put_str(w, "\r\n\r\n");
	mst_put(w, m->body);
}

/* What came over HTTP/2, before a server of HTTP/1.1 (a proxy's way): no other message, and no second one behind it. */
static void as_http1(const struct mst_http_msg *m)
{
	static const struct mst_http_limits limits = { 4096, BODY_OCTETS };
	uint8_t octets[8192];
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));
	const struct mst_http_msg *h;
	struct mst_http_parser *p;
	size_t used, k = 0;
	int status;

	put_as_http1(&w, m);
	if (!w.ok || mst_http_parser_new(false, &limits, &p))
		abort();
	if (mst_http_parser_feed(p, mst_written(&w), &used, &status, NULL) || used != w.n)
		abort();
	h = mst_http_message(p);
	if (!mst_view_eq(h->method, m->method) || !mst_view_eq(h->target, m->target) || !mst_view_eq(h->body, m->body))
		abort();
	for (size_t i = 0; i < m->n; i++)
		if (!is_named(&m->header[i], "content-length") && !is_named(&m->header[i], "expect")) {
			if (k == h->n || !mst_view_eq(h->header[k].name, m->header[i].name) || !mst_view_eq(h->header[k].value, m->header[i].value))
				abort();
			k++;
		}
	if (k + 1 != h->n)
		abort();
	mst_http_parser_free(p);
}

static void on_message(void *owner, struct h2_stream *s, const struct mst_http_msg *m)
{
	struct world *w = owner;
	size_t octets = 0;

	for (size_t i = 0; i < m->n; i++) {
		octets += m->header[i].name.n + m->header[i].value.n;
		if (m->header[i].name.n && m->header[i].name.p[0] == ':')
			abort();
	}
	if (m->n > MST_HTTP_HEADERS_MAX || octets > HEADER_OCTETS || m->body.n > BODY_OCTETS || !m->target.n || m->target.p[0] != '/' ||
	    !mst_http_method_known(m->method) || !mst_http_host_good(mst_http_find(m, "host")))
		abort();
	as_http1(m);
	w->asked++;
	if (w->at_once || w->n_later == MST_COUNT(w->later))
		answer(s);
	else
		w->later[w->n_later++] = s;
}

static void on_bad(void *owner, struct h2_stream *s, int status, const char *field, const char *why)
{
	(void)owner;
	if (status < 400 || status > 599 || !*field || !*why)
		abort();
	answer(s);
}

static void on_gone(void *owner, struct h2_stream *s, bool unseen)
{
	struct world *w = owner;

	(void)unseen;
	w->gone++;
	for (unsigned i = 0; i < w->n_later; i++)
		if (w->later[i] == s)
			w->later[i] = NULL;
}

static const struct h2_ops ops = { on_begin, on_headers, on_message, on_bad, on_gone };

static bool pull(struct h2 *h)
{
	struct mst_view v;

	for (int i = 0; i < 4096; i++) {
		if (!h2_pull(h, &v))
			return false;
		if (!v.n)
			return true;
	}
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	struct h2_limits l = { .server = true, .streams = STREAMS, .http = { HEADER_OCTETS, BODY_OCTETS, false } };
	struct world w = { .at_once = n > 1 && p[1] & 1 };
	struct mst_diag d = { 0 };
	struct h2 *h;
	bool good;

	if (n < 3 || n > 65536)
		return 0;
	if (h2_new(&l, &ops, &w, &h))
		abort();
	good = h2_feed(h, (struct mst_view){ preface, sizeof(preface) - 1 }, &d) && pull(h);
	if (!good)
		abort();
	for (size_t at = 2, step = p[0] ? p[0] : 65536; good && at < n && !h2_over(h); at += step) {
		good = h2_feed(h, mst_view_sub((struct mst_view){ p, n }, at, step), &d) && pull(h);
		for (unsigned i = 0; i < w.n_later; i++)
			if (w.later[i] && !w.later[i]->answered)
				answer(w.later[i]);
		w.n_later = 0;
		good = good && pull(h);
		if (h2_held(h) > (size_t)(w.begun - w.gone) * (HEADER_OCTETS + BODY_OCTETS))
			abort();
	}
	if (!good && !d.text[0])
		d.text[0] = '?';
	h2_goodbye(h);
	(void)pull(h);
	h2_free(h);
	if (w.begun != w.gone || w.asked > w.begun)
		abort();
	return 0;
}
