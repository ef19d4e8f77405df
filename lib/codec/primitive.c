/* Primitives to and from HTTP messages: TS-0009, spec 8.3. */
#include "codec/primitive.h"

#include <string.h>

#include "base/text.h"
#include "codec/checks.h"

#define RQI_MAX 128u            /* limits of ours on what is echoed or stored */
#define FROM_MAX 255u
#define VSI_MAX 256u
#define TY_MAX 0x7fffffffu

static struct mst_view from(struct mst_view v, size_t at)
{
	return mst_view_sub(v, at, v.n);
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct mst_view trim(struct mst_view v)
{
	while (v.n && blank(v.p[0]))
		v = from(v, 1);
	while (v.n && blank(v.p[v.n - 1]))
		v.n--;
	return v;
}

struct mst_view mst_http_find(const struct mst_http_msg *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (mst_view_eq_nocase(m->header[i].name, mst_view_str(name)))
			return m->header[i].value;
	return MST_VIEW_NONE;
}

/* The headers that carry one parameter each; twice would leave open which one counts. */
static const char *repeated_header(const struct mst_http_msg *m)
{
	static const char *const single[] = {
		"X-M2M-Origin", "X-M2M-RI", "X-M2M-RVI", "X-M2M-RSC", "X-M2M-VSI", "Content-Type",
		"Content-Location",
	};

	for (size_t s = 0; s < MST_COUNT(single); s++) {
		size_t count = 0;

		for (size_t i = 0; i < m->n; i++)
			count += mst_view_eq_nocase(m->header[i].name, mst_view_str(single[s]));
		if (count > 1)
			return single[s];
	}
	return NULL;
}

static int bad(int *ret_rsc, int rsc, struct mst_diag *d, const char *field, const char *text)
{
	*ret_rsc = rsc;
	mst_diag_set(d, 0, field, text, NULL);
	return MST_PRIM_BAD;
}

struct media {
	struct mst_view type;
	uint64_t ty;            /* 0 = no parameter */
	bool ok;
};

/* `application/json; ty=65001; charset=utf-8`: parameters other than ty are not ours to judge. */
static struct media parse_media(struct mst_view v)
{
	size_t semi = mst_view_find(v, ';');
	struct media m = { trim(mst_view_sub(v, 0, semi)), 0, true };

	m.ok = mst_view_find(m.type, '/') < m.type.n && mst_printable_ascii(m.type) && m.type.n <= 64;
	while (semi < v.n) {
		struct mst_view rest = from(v, semi + 1);
		struct mst_view one = trim(mst_view_sub(rest, 0, mst_view_find(rest, ';')));

		semi += 1 + mst_view_find(rest, ';');
		if (!mst_view_eq_nocase(mst_view_sub(one, 0, 3), mst_view_str("ty=")))
			continue;
		if (m.ty || !mst_parse_dec(from(one, 3), TY_MAX, &m.ty) || !m.ty)
			m.ok = false;
	}
	return m;
}

/* What our roles read and write; XML is not offered (spec 8.2, TS-0004 6.7). */
static bool media_known(struct mst_view type)
{
	static const char *const known[] = {
		"application/json", "application/cbor", "application/vnd.onem2m-res+json",
		"application/vnd.onem2m-res+cbor",
		"application/vnd.onem2m-ntfy+json", "application/vnd.onem2m-ntfy+cbor",
	};

	for (size_t i = 0; i < MST_COUNT(known); i++)
		if (mst_view_eq_nocase(type, mst_view_str(known[i])))
			return true;
	return false;
}

/* `rt=3` (blocking) and any `rcn` are what we do anyway; ignoring others would change their meaning. */
static bool query_ok(struct mst_view q)
{
	for (size_t at = 0; at < q.n;) {
		struct mst_view one = mst_view_sub(q, at, mst_view_find(from(q, at), '&'));

		if (!mst_view_eq_str(one, "rt=3") &&
		    !(one.n == 5 && mst_view_starts(one, "rcn=") && one.p[4] >= '0' && one.p[4] <= '9'))
			return false;
		at += one.n + 1;
	}
	return true;
}

/* RFC 9112 3.2.2: a server takes the absolute form too. */
static struct mst_view origin_form(struct mst_view target)
{
	static const char *const scheme[] = { "https://", "http://" };

	for (size_t i = 0; i < MST_COUNT(scheme); i++)
		if (mst_view_starts(target, scheme[i])) {
			struct mst_view rest = from(target, mst_view_str(scheme[i]).n);

			return from(rest, mst_view_find(rest, '/'));
		}
	return target;
}

/* "%2F": a slash in a name, which none has (RFC 3986 2.2: another path than the one with a slash there). */
static bool has_coded_slash(struct mst_view path)
{
	for (size_t i = 0; i + 2 < path.n; i++)
		if (path.p[i] == '%' && path.p[i + 1] == '2' && (path.p[i + 2] | 0x20) == 'f')
			return true;
	return false;
}

/* The To parameter (TS-0009 6.2.2.1): percent-decoded into the arena, then the two prefixes resolved. */
static int parse_to(struct mst_view target, struct mst_arena *scratch, struct mst_view *ret_to, int *ret_rsc,
                    struct mst_diag *d)
{
	struct mst_view path = origin_form(target), to;
	size_t mark = mst_view_find(path, '?'), n;
	uint8_t *text;

	if (!query_ok(from(path, mark + 1)))
		return bad(ret_rsc, MST_RSC_NOT_IMPLEMENTED, d, "query",
		           "only rt=3 and rcn=0..9 are understood");
	path = mst_view_sub(path, 0, mark);
	if (path.n == 0 || path.p[0] != '/' || mst_view_starts(path, "//"))
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "To",
		           "request target must be a path with one leading slash");
	if (has_coded_slash(path))
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "To", "no name has a slash (%2F) in it");
	text = mst_arena_take(scratch, path.n);
	if (!text || !mst_percent_decode(path, text, path.n, &n))
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "To",
		           text ? "bad percent-encoding" : "path too long");
	to = (struct mst_view){ text, n };
	if (!mst_printable_ascii(to))
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "To",
		           "identifiers are printable ASCII without blanks");
	if (mst_view_starts(to, "/~/")) {
		to = from(to, 2);
		/* it would be written as another one's */
		if (mst_view_starts(to, "/~/") || mst_view_starts(to, "/_/"))
			return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "To", "a prefix behind a prefix, or a CSE of the name of one");
	} else if (mst_view_starts(to, "/_/")) {
		/* "/_/sp/CSE" is "//sp/CSE" */
		text[1] = '/';
		memmove(text + 2, text + 3, n - 3);
		to.n = n - 1;
	}
	*ret_to = to;
	return 0;
}

/* Method and resource type to operation (TS-0009 6.2.1); 0 or an outcome. */
static int parse_op(const struct mst_http_msg *m, const struct media *media, enum mst_op *ret_op,
                    int *ret_rsc,
                    struct mst_diag *d)
{
	static const struct { const char *method; enum mst_op op; } row[] = {
		{ "GET", MST_OP_RETRIEVE }, { "PUT", MST_OP_UPDATE }, { "DELETE", MST_OP_DELETE },
		{ "POST", MST_OP_NOTIFY },
	};
	enum mst_op op = MST_OP_NONE;

	for (size_t i = 0; i < MST_COUNT(row); i++)
		if (mst_view_eq_str(m->method, row[i].method))
			op = row[i].op;
	if (op == MST_OP_NONE)
		return bad(ret_rsc, MST_RSC_OPERATION_NOT_ALLOWED, d, "method",
		           "one of POST, GET, PUT, DELETE");
	if (op == MST_OP_NOTIFY && media->ty)
		op = MST_OP_CREATE;
	else if (media->ty)
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "Content-Type",
		           "a resource type (ty) belongs to a Create only");
	if ((op == MST_OP_RETRIEVE || op == MST_OP_DELETE) && m->body.n)
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "content", "this operation carries no content");
	if ((op == MST_OP_CREATE || op == MST_OP_UPDATE) && !m->body.n)
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "content", "this operation needs content");
	*ret_op = op;
	return 0;
}

/* From, request identifier, release version, vendor information. */
static int parse_params(const struct mst_http_msg *m, struct mst_request *q, int *ret_rsc, struct mst_diag *d)
{
	static const char *const release[] = { "2a", "3" };
	bool known = false;

	q->from = trim(mst_http_find(m, "X-M2M-Origin"));
	q->rqi = trim(mst_http_find(m, "X-M2M-RI"));
	q->rvi = trim(mst_http_find(m, "X-M2M-RVI"));
	q->vsi = trim(mst_http_find(m, "X-M2M-VSI"));
	q->accept = trim(mst_http_find(m, "Accept"));
	if (!q->rqi.n || q->rqi.n > RQI_MAX || !mst_printable_ascii(q->rqi))
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "X-M2M-RI",
		           "a request identifier of 1 to 128 printable characters");
	if (q->from.n > FROM_MAX || !mst_printable_ascii(q->from))
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "X-M2M-Origin",
		           "an identifier of up to 255 printable characters");
	if (!q->rvi.n)
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "X-M2M-RVI",
		           "a release version indicator, 2a or 3");
	for (size_t i = 0; i < MST_COUNT(release); i++)
		known |= mst_view_eq_str(q->rvi, release[i]);
	if (!known)
		return bad(ret_rsc, MST_RSC_RELEASE_NOT_SUPPORTED, d, "X-M2M-RVI", "one of 2a, 3");
	/* it goes into events and logs */
	if (q->vsi.n > VSI_MAX || !mst_check_label(q->vsi))
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "X-M2M-VSI", "at most 256 octets of text");
	return 0;
}

int mst_request_from_http(const struct mst_http_msg *m, struct mst_arena *scratch, struct mst_request *ret_q,
                          int *ret_rsc, struct mst_diag *d)
{
	struct mst_view type = mst_http_find(m, "Content-Type");
	struct media media = parse_media(type);
	struct mst_request q = { 0 };
	const char *twice = repeated_header(m);
	int r;

	if (twice)
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, twice, "header given more than once");
	r = parse_params(m, &q, ret_rsc, d);
	if (r)
		return r;
	if (type.n && !media.ok)
		return bad(ret_rsc, MST_RSC_BAD_REQUEST, d, "Content-Type", "type/subtype; ty=N");
	r = parse_op(m, &media, &q.op, ret_rsc, d);
	if (r)
		return r;
	if (m->body.n && !media_known(media.type))
		return bad(ret_rsc, MST_RSC_UNSUPPORTED_MEDIA_TYPE, d, "Content-Type",
		           "application/json or application/cbor, plain or vnd.onem2m-res");
	r = parse_to(m->target, scratch, &q.to, ret_rsc, d);
	if (r)
		return r;
	q.ty = (int)media.ty;
	q.content = m->body;
	q.media = m->body.n ? media.type : MST_VIEW_NONE;
	*ret_q = q;
	return 0;
}

int mst_response_from_http(const struct mst_http_msg *m, struct mst_response *ret_a, struct mst_diag *d)
{
	struct mst_view rsc_text = trim(mst_http_find(m, "X-M2M-RSC"));
	struct mst_view type = mst_http_find(m, "Content-Type");
	struct mst_view after = trim(mst_http_find(m, "Retry-After"));
	struct media media = parse_media(type);
	struct mst_response a = { 0 };
	const char *twice = repeated_header(m);
	uint64_t rsc, seconds;
	int ignored;

	if (twice)
		return bad(&ignored, 0, d, twice, "header given more than once");
	if (rsc_text.n != 4 || !mst_parse_dec(rsc_text, 6999, &rsc) || rsc < 1000)
		return bad(&ignored, 0, d, "X-M2M-RSC", "a response status code of four digits");
	/* the code disambiguates the status (TS-0009 6.3.2); it cannot turn a refusal into a success */
	if ((rsc < 4000) != (m->status >= 200 && m->status < 300))
		return bad(&ignored, 0, d, "X-M2M-RSC", "contradicts the HTTP status");
	a.rqi = trim(mst_http_find(m, "X-M2M-RI"));
	if (!a.rqi.n || a.rqi.n > RQI_MAX || !mst_printable_ascii(a.rqi))
		return bad(&ignored, 0, d, "X-M2M-RI", "the request identifier of the request");
	if (m->body.n && (!type.n || !media.ok))
		return bad(&ignored, 0, d, "Content-Type", "a media type, as there is content");
	a.rsc = (int)rsc;
	a.rvi = trim(mst_http_find(m, "X-M2M-RVI"));
	a.content = m->body;
	a.media = m->body.n ? media.type : MST_VIEW_NONE;
	a.location = trim(mst_http_find(m, "Content-Location"));
	/* an HTTP date needs a clock: then the caller's own backoff serves */
	if (mst_parse_dec(after, UINT64_MAX, &seconds))
		a.retry_after = seconds > INT32_MAX ? INT32_MAX : (int)seconds;
	*ret_a = a;
	return 0;
}

int mst_answer_from_http(const struct mst_http_msg *m, struct mst_response *ret_a, struct mst_diag *d)
{
	uint64_t seconds = 0;
	int r = mst_response_from_http(m, ret_a, d);

	if (r <= 0 || (m->status != 503 && m->status != 429))
		return r;
	if (!mst_parse_dec(mst_http_find(m, "Retry-After"), 86400, &seconds))
		seconds = 0;
	*ret_a = (struct mst_response){ .rsc = MST_RSC_INTERNAL, .retry_after = (int)seconds };
	return 0;
}

/* A header line; a value that could end the line early spoils the message instead. */
static void put_header(struct mst_writer *w, const char *name, struct mst_view value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < 0x20 || value.p[i] == 0x7f)
			w->ok = false;
	mst_put_str(w, name);
	mst_put_str(w, ": ");
	mst_put(w, value);
	mst_put_str(w, "\r\n");
}

static void put_header_if(struct mst_writer *w, const char *name, struct mst_view value)
{
	if (value.n)
		put_header(w, name, value);
}

static void put_header_num(struct mst_writer *w, const char *name, size_t x)
{
	mst_put_str(w, name);
	mst_put_str(w, ": ");
	mst_put_dec(w, (int64_t)x);
	mst_put_str(w, "\r\n");
}

void mst_put_to(struct mst_writer *w, struct mst_view to)
{
	if (mst_view_starts(to, "//")) {
		mst_put_str(w, "/_");
		to = from(to, 1);
	}
	for (size_t at = 0; at < to.n;) {
		struct mst_view part = mst_view_sub(to, at, mst_view_find(from(to, at), '/'));

		mst_put_percent(w, part);
		at += part.n;
		if (at < to.n)
			mst_put_u8(w, '/');
		at++;
	}
}

static const char *method_of(enum mst_op op)
{
	switch (op) {
	case MST_OP_CREATE: case MST_OP_NOTIFY: return "POST ";
	case MST_OP_RETRIEVE: return "GET ";
	case MST_OP_UPDATE: return "PUT ";
	case MST_OP_DELETE: return "DELETE ";
	case MST_OP_NONE: break;
	}
	return NULL;
}

static void put_content_type(struct mst_writer *w, struct mst_view media, int ty)
{
	mst_put_str(w, "Content-Type: ");
	if (!media.n || !mst_printable_ascii(media))
		w->ok = false;
	mst_put(w, media);
	if (ty) {
		mst_put_str(w, "; ty=");
		mst_put_dec(w, ty);
	}
	mst_put_str(w, "\r\n");
}

void mst_request_to_http(const struct mst_request *q, struct mst_view host, struct mst_writer *w)
{
	const char *method = method_of(q->op);
	bool sends = q->op == MST_OP_CREATE || q->op == MST_OP_UPDATE || q->op == MST_OP_NOTIFY;

	if (!method || !q->rqi.n || !q->to.n || q->to.p[0] != '/' ||
	    (q->op == MST_OP_CREATE) != (q->ty > 0) ||
	    (!sends && q->content.n)) {
		w->ok = false;
		return;
	}
	mst_put_str(w, method);
	mst_put_to(w, q->to);
	mst_put_str(w, " HTTP/1.1\r\n");
	put_header(w, "Host", host);
	put_header_if(w, "X-M2M-Origin", q->from);
	put_header(w, "X-M2M-RI", q->rqi);
	put_header_if(w, "X-M2M-RVI", q->rvi);
	put_header_if(w, "X-M2M-VSI", q->vsi);
	put_header_if(w, "Accept", q->accept);
	if (q->content.n)
		put_content_type(w, q->media, q->ty);
	if (sends)
		put_header_num(w, "Content-Length", q->content.n);
	mst_put_str(w, "\r\n");
	mst_put(w, q->content);
}

void mst_response_to_http(const struct mst_response *a, bool keep_alive, struct mst_writer *w)
{
	mst_put_str(w, "HTTP/1.1 ");
	mst_put_dec(w, mst_rsc_http(a->rsc));
	mst_put_str(w, " \r\n");         /* the reason phrase is left out: TS-0009 6.3.3 */
	put_header_num(w, "X-M2M-RSC", (size_t)a->rsc);
	put_header_if(w, "X-M2M-RI", a->rqi);
	put_header_if(w, "X-M2M-RVI", a->rvi);
	put_header_if(w, "Content-Location", a->location);
	if (a->retry_after > 0)
		put_header_num(w, "Retry-After", (size_t)a->retry_after);
	if (a->content.n)
		put_content_type(w, a->media, 0);
	put_header_num(w, "Content-Length", a->content.n);
	mst_put(w, a->headers);
	if (!keep_alive)
		put_header(w, "Connection", mst_view_str("close"));
	mst_put_str(w, "\r\n");
	mst_put(w, a->content);
}
