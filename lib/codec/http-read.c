#include "codec/http-read.h"

#include "base/text.h"

void mst_http_read_begin(struct mst_http_read *r, uint8_t *buf, size_t cap)
{
	*r = (struct mst_http_read){ .buf = buf, .cap = cap };
}

static int bad(struct mst_http_read *r, struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, r->n, field, text, NULL);
	r->phase = MST_HTTP_READ_HEAD;
	r->bad.status = 400;
	return MST_HTTP_READ_BAD;
}

static struct mst_view trim(struct mst_view v)
{
	while (v.n && (*v.p == ' ' || *v.p == '\t'))
		v = mst_view_sub(v, 1, v.n);
	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	return v;
}

/* The next line, without its end; the scan has seen that there is one. */
static struct mst_view line(struct mst_view *rest)
{
	struct mst_view l = mst_view_sub(*rest, 0, mst_view_find(*rest, '\r'));

	*rest = mst_view_sub(*rest, l.n + 2, rest->n);
	return l;
}

/* "HTTP/1.1 200 OK"; the reason phrase may be left out with or without its blank (TS-0009 6.3.3). */
static bool read_status(struct mst_view l, int *ret_status)
{
	uint64_t status;

	if (!mst_view_starts(l, "HTTP/1.") || l.n < 12 || (l.p[7] != '0' && l.p[7] != '1') || l.p[8] != ' ' || (l.n > 12 && l.p[12] != ' ') ||
	    !mst_parse_dec(mst_view_sub(l, 9, 3), 599, &status) || status < 100)
		return false;
	*ret_status = (int)status;
	return true;
}

static int read_head(struct mst_http_read *r, struct mst_http_msg *m, struct mst_diag *d)
{
	struct mst_view rest = { r->buf, r->body }, l;

	*m = (struct mst_http_msg){ 0 };
	do
		l = line(&rest);
	while (!l.n);                           /* an empty line before the message: the scan forgives one */
	if (!read_status(l, &m->status))
		return bad(r, d, "status line", "want HTTP/1.1 and a status of three digits");
	for (l = line(&rest); l.n; l = line(&rest)) {
		size_t colon = mst_view_find(l, ':');

		if (m->n == MST_HTTP_HEADERS_MAX)
			return bad(r, d, "header", "too many headers");
		if (colon == l.n)
			return bad(r, d, "header", "no colon after the name");
		m->header[m->n++] = (struct mst_http_header){ mst_view_sub(l, 0, colon), trim(mst_view_sub(l, colon + 1, l.n)) };
	}
	return 0;
}

static unsigned count(const struct mst_http_msg *m, const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += mst_view_eq_nocase(m->header[i].name, mst_view_str(name));
	return n;
}

/* RFC 9112 6.3: one length, said once, in one way; without one the body lasts until the end of the connection. Behind a 1xx the answer follows. */
static int begin_body(struct mst_http_read *r, const struct mst_http_msg *m, struct mst_diag *d)
{
	unsigned lengths = count(m, "Content-Length"), codings = count(m, "Transfer-Encoding");
	struct mst_view coding = mst_http_find(m, "Transfer-Encoding"), length = mst_http_find(m, "Content-Length");
	bool none = m->status / 100 == 1 || m->status == 204 || m->status == 304;

	if (lengths + codings > 1)
		return bad(r, d, "Content-Length", "the length of the body is given twice");
	if (codings && !mst_view_eq_nocase(coding, MST_VIEW_LIT("chunked")))
		return bad(r, d, "Transfer-Encoding", "only chunked is known");
	if (lengths && !mst_parse_dec(length, UINT32_MAX, &r->left))
		return bad(r, d, "Content-Length", "not a decimal number");
	if (lengths && r->left > r->cap - r->n)
		return bad(r, d, "body", "longer than there is room for");
	/* they have no content (RFC 9110 15.2, 15.3.5, 15.4.5; RFC 9112 6.1), and readers do not agree on what follows one that says otherwise */
	if (none && (codings || (lengths && r->left)))
		return bad(r, d, "Content-Length", "a 1xx, 204 or 304 has no content");
	if (m->status / 100 == 1) {
		mst_http_read_begin(r, r->buf, r->cap);
		return 0;
	}
	r->phase = none || (lengths && !r->left) ? MST_HTTP_READ_DONE
		 : codings ? MST_HTTP_READ_CHUNKS : lengths ? MST_HTTP_READ_LENGTH : MST_HTTP_READ_TO_END;
	if (codings)
		scan_chunks_begin(&r->scan);
	return 0;
}

static int head_done(struct mst_http_read *r, struct mst_diag *d)
{
	struct mst_http_msg m;
	int rc;

	r->body = r->n;
	rc = read_head(r, &m, d);
	if (rc)
		return rc;
	if (m.status == 101)
		return bad(r, d, "Upgrade", "not asked for");
	return begin_body(r, &m, d);
}

/* The chunks' data in one piece. Sizes and ends were seen by the scan. */
static void join_chunks(struct mst_http_read *r)
{
	size_t at = r->body, to = at;

	for (;;) {
		size_t size = 0;

		for (; r->buf[at] != '\r'; at++) {
			uint8_t c = r->buf[at] | 0x20;

			size = size << 4 | (size_t)(c <= '9' ? (r->buf[at] - '0') : c - 'a' + 10);
		}
		at += 2;
		if (!size)
			break;
		memmove(r->buf + to, r->buf + at, size);
		to += size;
		at += size + 2;
	}
	r->n = to;
}

static int finish(struct mst_http_read *r, struct mst_http_msg *ret_m, struct mst_diag *d)
{
	int rc = read_head(r, ret_m, d);

	if (!rc)
		ret_m->body = (struct mst_view){ r->buf + r->body, r->n - r->body };
	return rc;
}

/* How many of these octets belong to the part that is being read; *ret_done when that part ends with them. */
static size_t scan_some(struct mst_http_read *r, struct mst_view in, bool *ret_done)
{
	struct scan_limits l = { r->cap, r->cap, r->cap };
	size_t n = in.n;

	if (r->phase == MST_HTTP_READ_HEAD)
		return scan_head(&r->scan, in, &l, ret_done, &r->bad);
	if (r->phase == MST_HTTP_READ_CHUNKS)
		return scan_chunks(&r->scan, in, &l, ret_done, &r->bad);
	if (r->phase == MST_HTTP_READ_LENGTH) {
		n = in.n < r->left ? in.n : (size_t)r->left;
		r->left -= n;
		*ret_done = !r->left;
	}
	return n;
}

static int feed_some(struct mst_http_read *r, struct mst_view in, size_t *ret_used, struct mst_diag *d)
{
	bool done = false;

	*ret_used = scan_some(r, in, &done);
	if (r->bad.status)
		return bad(r, d, r->bad.field, r->bad.text);
	if (*ret_used > r->cap - r->n)
		return bad(r, d, "message", "longer than there is room for");
	memcpy(r->buf + r->n, in.p, *ret_used);
	r->n += *ret_used;
	if (!done)
		return 0;
	if (r->phase == MST_HTTP_READ_HEAD)
		return head_done(r, d);
	if (r->phase == MST_HTTP_READ_CHUNKS)
		join_chunks(r);
	r->phase = MST_HTTP_READ_DONE;
	return 0;
}

int mst_http_read_feed(struct mst_http_read *r, struct mst_view in, size_t *ret_used, struct mst_http_msg *ret_m, struct mst_diag *d)
{
	int rc = r->bad.status ? bad(r, d, "message", "nothing is read after a broken one") : 0;

	*ret_used = 0;
	while (!rc && r->phase != MST_HTTP_READ_DONE && *ret_used < in.n) {
		size_t used = 0;

		rc = feed_some(r, mst_view_sub(in, *ret_used, in.n), &used, d);
		*ret_used += used;
	}
	if (rc)
		return rc;
	return r->phase == MST_HTTP_READ_DONE ? finish(r, ret_m, d) : MST_HTTP_READ_MORE;
}

int mst_http_read_end(struct mst_http_read *r, struct mst_http_msg *ret_m, struct mst_diag *d)
{
	if (r->phase != MST_HTTP_READ_TO_END || r->bad.status)
		return bad(r, d, "message", r->n ? "the connection ended in the middle of it" : "the connection ended before it");
	r->phase = MST_HTTP_READ_DONE;
	return finish(r, ret_m, d);
}
