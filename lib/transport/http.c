#include "transport/http.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/secret.h"
#include "codec/http-scan.h"

struct span { size_t at, n; };

struct mst_http_parser {
	llhttp_t ll;
	bool response;
	struct mst_http_limits limits;
	enum { HEAD, BODY_LENGTH, BODY_CHUNKED, BODY_TO_EOF, COMPLETE, BROKEN } phase;
	struct scan scan;
	struct scan_bad bad;
	uint64_t left;                  /* BODY_LENGTH */
	bool in_name, headers_done, ll_complete, keep_alive, expects_continue;
	/* everything of the message that is kept, in one piece; spans because it moves when it grows */
	uint8_t *buf;
	size_t cap, n;
	struct span method, target, body, name[MST_HTTP_HEADERS_MAX], value[MST_HTTP_HEADERS_MAX];
	size_t headers;
	struct mst_http_msg msg;
};

static int bad(struct mst_http_parser *p, int status, const char *field, const char *text)
{
	if (!p->bad.status)
		p->bad = (struct scan_bad){ status, field, text };
	return -1;
}

/* Grows by copying: realloc would leave the old octets behind. */
static bool room(struct mst_http_parser *p, size_t more)
{
	size_t cap = p->cap ? p->cap : 1024;
	uint8_t *b;

	if (p->n + more <= p->cap)
		return true;
	while (cap < p->n + more)
		cap *= 2;
	b = malloc(cap);
	if (!b)
		return false;
	if (p->n)
		memcpy(b, p->buf, p->n);
	mst_wipe(p->buf, p->n);
	free(p->buf);
	p->buf = b;
	p->cap = cap;
	return true;
}

static int keep(struct mst_http_parser *p, struct span *s, const char *at, size_t n)
{
	if (n == 0)
		return 0;
	if (!room(p, n))
		return bad(p, 503, "message", "no memory");
	if (s->n == 0)
		s->at = p->n;
	memcpy(p->buf + p->n, at, n);
	p->n += n;
	s->n += n;
	return 0;
}

static int on_method(llhttp_t *ll, const char *at, size_t n)
{
	struct mst_http_parser *p = ll->data;

	return keep(p, &p->method, at, n);
}

static int on_url(llhttp_t *ll, const char *at, size_t n)
{
	struct mst_http_parser *p = ll->data;

	return keep(p, &p->target, at, n);
}

static int on_header_field(llhttp_t *ll, const char *at, size_t n)
{
	struct mst_http_parser *p = ll->data;

	if (p->headers_done)
		return bad(p, 400, "trailer", "trailers are not taken");
	if (!p->in_name) {
		if (p->headers == MST_HTTP_HEADERS_MAX)
			return bad(p, 431, "header", "too many headers");
		p->headers++;
		p->in_name = true;
	}
	return keep(p, &p->name[p->headers - 1], at, n);
}

static int on_header_field_complete(llhttp_t *ll)
{
	struct mst_http_parser *p = ll->data;

	p->in_name = false;
	return 0;
}

static int on_header_value(llhttp_t *ll, const char *at, size_t n)
{
	struct mst_http_parser *p = ll->data;

	return p->headers ? keep(p, &p->value[p->headers - 1], at, n) : -1;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
	struct mst_http_parser *p = ll->data;

	if (p->body.n + n > p->limits.body_octets)
		return bad(p, 413, "body", "longer than allowed");
	return keep(p, &p->body, at, n);
}

static struct mst_view view_of(const struct mst_http_parser *p, struct span s)
{
	return s.n ? (struct mst_view){ p->buf + s.at, s.n } : MST_VIEW_NONE;
}

static struct mst_view value_of(const struct mst_http_parser *p, size_t i)
{
	struct mst_view v = view_of(p, p->value[i]);

	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	while (v.n && (*v.p == ' ' || *v.p == '\t'))
		v = mst_view_sub(v, 1, v.n);
	return v;
}

/* How many headers of that name, and the last one's value. */
static unsigned count(const struct mst_http_parser *p, const char *name, struct mst_view *ret_v)
{
	unsigned n = 0;

	*ret_v = MST_VIEW_NONE;
	for (size_t i = 0; i < p->headers; i++)
		if (mst_view_eq_nocase(view_of(p, p->name[i]), mst_view_str(name))) {
			*ret_v = value_of(p, i);
			n++;
		}
	return n;
}

bool mst_http_host_good(struct mst_view host)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]~%";

	for (size_t i = 0; i < host.n; i++)
		if (!memchr(allowed, host.p[i], sizeof(allowed) - 1))
			return false;
	return host.n && host.n <= 300;
}

/* RFC 9112 3.2: exactly one, and nothing but a host and a port in it. */
static int check_host(struct mst_http_parser *p)
{
	struct mst_view host;
	unsigned n = count(p, "host", &host);

	if (n != 1)
		return bad(p, 400, "Host", n ? "given more than once" : "missing");
	return mst_http_host_good(host) ? 0 : bad(p, 400, "Host", "want host or host:port, and no other octets");
}

/* RFC 9112 6: one length, said once, in one way. */
static int check_framing(struct mst_http_parser *p)
{
	struct mst_view length, coding;
	unsigned n_length = count(p, "content-length", &length), n_coding = count(p, "transfer-encoding", &coding);

	if (n_length > 1 || n_coding > 1 || (n_length && n_coding))
		return bad(p, 400, "Content-Length", "the length of the body is given twice");
	if (n_coding && !mst_view_eq_nocase(coding, MST_VIEW_LIT("chunked")))
		return bad(p, 501, "Transfer-Encoding", "only chunked is known");
	/* llhttp overlooks a coding with a tab behind it, and would take all that still comes for the body */
	if (n_coding && !(p->ll.flags & F_CHUNKED))
		return bad(p, 400, "Transfer-Encoding", "want \"chunked\" and no tab");
	for (size_t i = 0; i < length.n; i++)
		if (length.p[i] < '0' || length.p[i] > '9')
			return bad(p, 400, "Content-Length", "not a decimal number");
	if (n_length && length.n == 0)
		return bad(p, 400, "Content-Length", "empty");
	if (!n_coding && (p->ll.flags & F_CONTENT_LENGTH) && p->ll.content_length > p->limits.body_octets)
		return bad(p, 413, "body", "longer than allowed");
	return 0;
}

static const char *const method_name[] = { "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS" };

static size_t method_of(struct mst_view m)
{
	size_t i = 0;

	while (i < MST_COUNT(method_name) && !mst_view_eq_str(m, method_name[i]))
		i++;
	return i;
}

bool mst_http_method_known(struct mst_view method)
{
	return method_of(method) < MST_COUNT(method_name);
}

static int check_request(struct mst_http_parser *p)
{
	size_t i = method_of(view_of(p, p->method));
	struct mst_view v;

	if (i == MST_COUNT(method_name))
		return bad(p, 501, "method", "one of GET, POST, PUT, DELETE");
	if (p->ll.http_major != 1 || (p->ll.http_minor != 1 && !p->limits.http10))
		return bad(p, 505, "version", "want HTTP/1.1");
	if (p->ll.http_minor == 0 && p->ll.flags & F_CHUNKED)
		return bad(p, 400, "Transfer-Encoding", "is not of HTTP/1.0");
	if (check_host(p) || check_framing(p))
		return -1;
	if ((i == 1 || i == 2 || i == 4) && !(p->ll.flags & (F_CONTENT_LENGTH | F_CHUNKED)))
		return bad(p, 411, "Content-Length", "missing; say 0 for an empty body");
	if (count(p, "expect", &v)) {
		if (!mst_view_eq_nocase(v, MST_VIEW_LIT("100-continue")))
			return bad(p, 417, "Expect", "only 100-continue is known");
		p->expects_continue = (p->ll.flags & F_CHUNKED) || p->ll.content_length > 0;
	}
	return 0;
}

static int on_headers_complete(llhttp_t *ll)
{
	struct mst_http_parser *p = ll->data;

	p->headers_done = true;
	p->left = ll->flags & F_CONTENT_LENGTH ? ll->content_length : 0;
	if (p->response && ll->status_code == 101)
		return bad(p, 400, "Upgrade", "not asked for");
	ll->upgrade = 0;                /* no other protocol follows, whatever the peer hopes */
	if (!p->response)
		return check_request(p);
	if (ll->http_major != 1)
		return bad(p, 505, "version", "want HTTP/1.1");
	/* llhttp takes a status of any number of digits, and of none; the scan counts what stands between two blanks */
	if (p->scan.target != 3 || ll->status_code < 100 || ll->status_code > 599)
		return bad(p, 400, "status line", "want a status of three digits");
	/* as in codec/http-read.c: readers do not agree on what follows one that says otherwise, and what they skip may look like an answer */
	if ((ll->status_code / 100 == 1 || ll->status_code == 204 || ll->status_code == 304) && (ll->flags & F_CHUNKED || p->left))
		return bad(p, 400, "Content-Length", "a 1xx, 204 or 304 has no content");
	return check_framing(p);
}

static int on_message_complete(llhttp_t *ll)
{
	struct mst_http_parser *p = ll->data;

	p->ll_complete = true;
	p->keep_alive = (p->response || ll->http_minor) && llhttp_should_keep_alive(ll);
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_method = on_method,
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_field_complete = on_header_field_complete,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

void mst_http_parser_next(struct mst_http_parser *p)
{
	mst_wipe(p->buf, p->n);
	p->n = 0;
	/* what a long content took: it would stay as long as the connection, and is in nobody's account any more */
	if (p->cap > MST_HTTP_ROOM_KEPT) {
		free(p->buf);
		p->buf = NULL;
		p->cap = 0;
	}
	llhttp_init(&p->ll, p->response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
	p->ll.data = p;
	p->phase = HEAD;
	p->scan = (struct scan){ 0 };
	p->bad = (struct scan_bad){ 0 };
	p->in_name = p->headers_done = p->ll_complete = p->keep_alive = p->expects_continue = false;
	p->method = p->target = p->body = (struct span){ 0 };
	memset(p->name, 0, sizeof(p->name));
	memset(p->value, 0, sizeof(p->value));
	p->headers = 0;
	p->msg.n = 0;
}

int mst_http_parser_new(bool response, const struct mst_http_limits *l, struct mst_http_parser **ret)
{
	struct mst_http_parser *p = calloc(1, sizeof(*p));

	if (!p)
		return MST_FAULT_MEMORY;
	p->response = response;
	p->limits = *l;
	mst_http_parser_next(p);
	*ret = p;
	return 0;
}

struct mst_http_parser *mst_http_parser_free(struct mst_http_parser *p)
{
	if (!p)
		return NULL;
	mst_wipe(p->buf, p->cap);
	free(p->buf);
	mst_wipe(p, sizeof(*p));
	free(p);
	return NULL;
}

/* Give llhttp the octets that the strict layer let pass. */
static void execute(struct mst_http_parser *p, struct mst_view v)
{
	llhttp_errno_t e;

	if (v.n == 0 || p->bad.status)
		return;
	e = llhttp_execute(&p->ll, (const char *)v.p, v.n);
	if (e == HPE_OK || p->bad.status)
		return;
	if (e == HPE_PAUSED && p->ll_complete) {
		/* the end of the message in the middle of what the strict layer takes for the message */
		if ((const uint8_t *)llhttp_get_error_pos(&p->ll) != v.p + v.n)
			bad(p, 400, "framing", "ambiguous length");
		return;
	}
	bad(p, e == HPE_INVALID_VERSION ? 505 : 400, "message", llhttp_get_error_reason(&p->ll));
}

/* The strict layer sees the end of the message: llhttp must see it as well. */
static void must_be_complete(struct mst_http_parser *p)
{
	if (p->ll_complete)
		p->phase = COMPLETE;
	else
		bad(p, 400, "framing", "ambiguous length");
}

static void head_done(struct mst_http_parser *p)
{
	if (!p->headers_done) {
		bad(p, 400, "header", "not understood");
	} else if (p->ll_complete) {
		p->phase = COMPLETE;
	} else if (p->ll.flags & F_CHUNKED) {
		scan_chunks_begin(&p->scan);
		p->phase = BODY_CHUNKED;
	} else if (p->left) {
		p->phase = BODY_LENGTH;
	} else if (p->response && llhttp_message_needs_eof(&p->ll)) {
		p->phase = BODY_TO_EOF;
	} else {
		must_be_complete(p);
	}
}

static size_t feed_some(struct mst_http_parser *p, struct mst_view in)
{
	struct scan_limits l = { p->limits.header_octets, p->limits.header_octets / 2, p->limits.body_octets };
	bool done = false;
	size_t n = in.n;

	if (p->phase == HEAD) {
		n = scan_head(&p->scan, in, &l, &done, &p->bad);
		execute(p, mst_view_sub(in, 0, n));
		if (done && !p->bad.status)
			head_done(p);
	} else if (p->phase == BODY_CHUNKED) {
		n = scan_chunks(&p->scan, in, &l, &done, &p->bad);
		execute(p, mst_view_sub(in, 0, n));
		if (p->ll_complete != done && !p->bad.status)
			bad(p, 400, "framing", "ambiguous length");
		if (done && !p->bad.status)
			must_be_complete(p);
	} else if (p->phase == BODY_LENGTH) {
		n = in.n < p->left ? in.n : (size_t)p->left;
		execute(p, mst_view_sub(in, 0, n));
		p->left -= n;
		if (p->left == 0 && !p->bad.status)
			must_be_complete(p);
	} else {
		execute(p, in);
	}
	return n;
}

static void fill_message(struct mst_http_parser *p)
{
	p->msg.method = view_of(p, p->method);
	p->msg.target = view_of(p, p->target);
	p->msg.status = p->response ? p->ll.status_code : 0;
	p->msg.n = p->headers;
	for (size_t i = 0; i < p->headers; i++)
		p->msg.header[i] = (struct mst_http_header){ view_of(p, p->name[i]), value_of(p, i) };
	p->msg.body = view_of(p, p->body);
}

int mst_http_parser_feed(struct mst_http_parser *p, struct mst_view in, size_t *ret_used, int *ret_status,
                         struct mst_diag *d)
{
	*ret_used = 0;
	while (p->phase != COMPLETE && p->phase != BROKEN && *ret_used < in.n) {
		*ret_used += feed_some(p, mst_view_sub(in, *ret_used, in.n));
		if (p->bad.status)
			p->phase = BROKEN;
		/* interim responses (100 Continue) are not the answer */
		else if (p->phase == COMPLETE && p->response && p->ll.status_code / 100 == 1)
			mst_http_parser_next(p);
	}
	if (p->phase == BROKEN) {
		*ret_status = p->bad.status;
		mst_diag_set(d, p->scan.total, p->bad.field, p->bad.text ? p->bad.text : "malformed", (const char *)NULL);
		return MST_HTTP_BAD;
	}
	if (p->phase != COMPLETE)
		return MST_HTTP_MORE;
	fill_message(p);
	return 0;
}

int mst_http_parser_eof(struct mst_http_parser *p)
{
	if (p->phase == COMPLETE)
		return 0;
	if (mst_http_idle(p))
		return MST_HTTP_MORE;
	if (p->phase != BODY_TO_EOF)
		return MST_HTTP_BAD;
	p->phase = COMPLETE;
	p->keep_alive = false;
	fill_message(p);
	return 0;
}

const struct mst_http_msg *mst_http_message(const struct mst_http_parser *p)
{
	return &p->msg;
}

bool mst_http_keep_alive(const struct mst_http_parser *p)
{
	return p->keep_alive;
}

bool mst_http_expects_continue(const struct mst_http_parser *p)
{
	return p->expects_continue && p->phase != COMPLETE && p->body.n == 0;
}

bool mst_http_idle(const struct mst_http_parser *p)
{
	return p->phase == HEAD && p->scan.total == 0;
}

size_t mst_http_body_held(const struct mst_http_parser *p)
{
	return p->body.n;
}

size_t mst_http_room(const struct mst_http_parser *p)
{
	return p->cap;
}

void mst_http_body_wipe(struct mst_http_parser *p)
{
	mst_wipe(p->buf + p->body.at, p->body.n);
}

bool mst_http_in_body(const struct mst_http_parser *p)
{
	return p->headers_done && p->phase != COMPLETE && p->phase != BROKEN;
}
