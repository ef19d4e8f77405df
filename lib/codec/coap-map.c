#include "codec/coap-map.h"

#include "base/text.h"

/* The first row of a status is the one that answers it; the first of a code is what it is read as. */
static const struct { int status; uint8_t code; } codes[] = {
	{ 200, MST_COAP_CHANGED }, { 204, MST_COAP_CHANGED }, { 200, MST_COAP_CONTENT }, { 201, MST_COAP_CREATED }, { 200, MST_COAP_DELETED },
	{ 202, MST_COAP_CHANGED }, { 400, MST_COAP_BAD_REQUEST }, { 401, MST_COAP_CODE(4, 1) }, { 400, MST_COAP_BAD_OPTION },
	{ 403, MST_COAP_CODE(4, 3) }, { 404, MST_COAP_CODE(4, 4) }, { 405, MST_COAP_CODE(4, 5) }, { 406, MST_COAP_CODE(4, 6) },
	{ 408, MST_COAP_INCOMPLETE }, { 409, MST_COAP_CODE(4, 9) }, { 412, MST_COAP_CODE(4, 12) }, { 413, MST_COAP_TOO_LARGE },
	{ 415, MST_COAP_CODE(4, 15) }, { 422, MST_COAP_CODE(4, 22) }, { 429, MST_COAP_CODE(4, 29) }, { 500, MST_COAP_INTERNAL },
	{ 501, MST_COAP_CODE(5, 1) }, { 502, MST_COAP_CODE(5, 2) }, { 503, MST_COAP_UNAVAILABLE }, { 504, MST_COAP_CODE(5, 4) },
	{ 505, MST_COAP_NO_PROXY },
};

uint8_t mst_coap_code_of(int status, bool get)
{
	if (get && status == 200)
		return MST_COAP_CONTENT;
	for (size_t i = 0; i < MST_COUNT(codes); i++)
		if (codes[i].status == status)
			return codes[i].code;
	return status < 400 ? MST_COAP_CHANGED : status < 500 ? MST_COAP_BAD_REQUEST : MST_COAP_INTERNAL;
}

int mst_coap_status_of(uint8_t code, bool content)
{
	if (code == MST_COAP_CHANGED)
		return content ? 200 : 204;
	for (size_t i = 0; i < MST_COUNT(codes); i++)
		if (codes[i].code == code)
			return codes[i].status;
	/* RFC 7252 5.9: an unknown code is as the first of its class */
	return mst_coap_is_response(code) ? (code >> 5) * 100 : 0;
}

/* RFC 7252 12.3; of oneM2M those that are read over HTTP as well (TS-0008 6.2.2.2) */
static const struct { uint16_t format; const char *media; } formats[] = {
	{ MST_COAP_JSON, "application/json" }, { MST_COAP_CBOR, "application/cbor" }, { 0, "text/plain" },
	{ 10001, "application/vnd.onem2m-res+json" }, { 10010, "application/vnd.onem2m-res+cbor" },
	{ 10003, "application/vnd.onem2m-ntfy+json" }, { 10011, "application/vnd.onem2m-ntfy+cbor" },
};

const char *mst_coap_media(uint16_t format)
{
	for (size_t i = 0; i < MST_COUNT(formats); i++)
		if (formats[i].format == format)
			return formats[i].media;
	return NULL;
}

bool mst_coap_format_of(struct mst_view media, uint16_t *ret_format)
{
	media = mst_view_sub(media, 0, mst_view_find(media, ';'));
	for (size_t i = 0; i < MST_COUNT(formats); i++)
		if (mst_view_eq_nocase(media, mst_view_str(formats[i].media))) {
			*ret_format = formats[i].format;
			return true;
		}
	return false;
}

static bool refuse(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, (const char *)NULL);
	return false;
}

struct pen { struct mst_arena *a; struct mst_writer w; };

static struct pen begin(struct mst_arena *a)
{
	return (struct pen){ a, mst_writer_of(a->p + a->n, a->cap - a->n) };
}

static bool finish(struct pen *p, struct mst_view *ret_v)
{
	*ret_v = mst_written(&p->w);
	p->a->n += p->w.n;
	return p->w.ok;
}

static void add(struct mst_http_msg *m, const char *name, struct mst_view value)
{
	m->header[m->n++] = (struct mst_http_header){ mst_view_str(name), value };
}

/* A format without a name here stands there by its number, which no role takes. */
static bool add_format(struct mst_http_msg *h, const char *name, const struct mst_coap_msg *m, uint16_t number, struct mst_arena *a)
{
	uint16_t format = (uint16_t)mst_coap_uint_of(m, number, 0);
	const char *media = mst_coap_media(format);
	struct pen p = begin(a);
	struct mst_view v;

	if (!mst_coap_find(m, number))
		return true;
	mst_put_str(&p.w, media ? media : "coap-content-format/");
	if (!media)
		mst_put_dec(&p.w, format);
	if (!finish(&p, &v))
		return false;
	add(h, name, v);
	return true;
}

/* RFC 7252 6.5: what may stand in a query does so as it is, "rt=3", but an ampersand, which parts one argument from the next. */
static void put_argument(struct mst_writer *w, struct mst_view v)
{
	static const char as_it_is[] = "!$'()*+,;=:@/?";

	for (size_t i = 0; i < v.n; i++)
		if (mst_view_find(MST_VIEW_LIT(as_it_is), v.p[i]) < sizeof(as_it_is) - 1)
			mst_put_u8(w, v.p[i]);
		else
			mst_put_percent(w, mst_view_sub(v, i, 1));
}

static bool put_target(const struct mst_coap_msg *m, struct mst_arena *a, struct mst_view *ret_v)
{
	struct pen p = begin(a);
	bool any = false, query = false;

	for (size_t i = 0; i < m->n; i++) {
		const struct mst_coap_option *o = &m->option[i];

		if (o->number == MST_COAP_URI_PATH) {
			mst_put_str(&p.w, "/");
			mst_put_percent(&p.w, o->value);
			any = true;
		} else if (o->number == MST_COAP_URI_QUERY) {
			mst_put_str(&p.w, any ? "" : "/");
			mst_put_str(&p.w, query ? "&" : "?");
			put_argument(&p.w, o->value);
			any = query = true;
		}
	}
	if (!any)
		mst_put_str(&p.w, "/");
	return finish(&p, ret_v);
}

static bool put_host(const struct mst_coap_msg *m, const char *host, struct mst_arena *a, struct mst_view *ret_v)
{
	const struct mst_coap_option *h = mst_coap_find(m, MST_COAP_URI_HOST);
	struct mst_view v = h ? h->value : mst_view_str(host);
	uint32_t port = mst_coap_uint_of(m, MST_COAP_URI_PORT, 0);
	struct pen p = begin(a);

	if (!mst_printable_ascii(v))
		return false;
	mst_put(&p.w, v);
	if (port) {
		mst_put_str(&p.w, ":");
		mst_put_dec(&p.w, port);
	}
	return finish(&p, ret_v);
}

bool mst_coap_request_as_http(const struct mst_coap_msg *m, struct mst_view body, const char *host, struct mst_arena *scratch,
			      struct mst_http_msg *ret_m, struct mst_diag *d)
{
	static const char *const methods[] = { [MST_COAP_GET] = "GET", [MST_COAP_POST] = "POST", [MST_COAP_PUT] = "PUT", [MST_COAP_DELETE] = "DELETE" };
	struct mst_view v;

	memset(ret_m, 0, sizeof(*ret_m));
	/* FETCH and PATCH (RFC 8132) are methods, and none of those that are taken */
	ret_m->method = mst_view_str(m->code < MST_COUNT(methods) && methods[m->code] ? methods[m->code] : "FETCH");
	ret_m->body = body;
	if (!put_target(m, scratch, &ret_m->target))
		return refuse(d, "Uri-Path", "too long");
	if (!put_host(m, host, scratch, &v))
		return refuse(d, "Uri-Host", "no host's name");
	add(ret_m, "Host", v);
	if (!add_format(ret_m, "Content-Type", m, MST_COAP_CONTENT_FORMAT, scratch) || !add_format(ret_m, "Accept", m, MST_COAP_ACCEPT, scratch))
		return refuse(d, "Content-Format", "no room for it");
	return true;
}

bool mst_coap_reply_as_http(const struct mst_coap_reply *a, struct mst_arena *scratch, struct mst_http_msg *ret_m)
{
	const char *media = a->has_format ? mst_coap_media(a->format) : NULL;
	struct pen p = begin(scratch);
	struct mst_view v;

	memset(ret_m, 0, sizeof(*ret_m));
	ret_m->status = mst_coap_status_of(a->code, a->body.n);
	ret_m->body = a->body;
	if (!ret_m->status)
		return false;
	if (a->body.n)
		add(ret_m, "Content-Type", mst_view_str(media ? media : "text/plain"));
	/* RFC 7252 5.9.3.4, RFC 8516 4: when to come again. What an answer that succeeded says is how long it may be kept. */
	if (ret_m->status < 400 || !a->has_max_age)
		return true;
	mst_put_dec(&p.w, a->max_age);
	if (!finish(&p, &v))
		return false;
	add(ret_m, "Retry-After", v);
	return true;
}
