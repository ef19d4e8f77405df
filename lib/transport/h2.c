#include "transport/h2.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"

struct h2 {
	nghttp2_session *ng;
	struct h2_limits limits;
	const struct h2_ops *ops;
	void *owner;
	struct h2_stream *streams;
	struct mst_http_parser *taker;          /* takes what we send apart */
	unsigned resets, quiet;
	bool said_goodbye, freeing;
	const char *why;
};

/* --- memory of the library: bodies with keys pass through it --- */

#define HEAD 16

static void *take(size_t n, void *arg)
{
	uint8_t *p = n < SIZE_MAX - HEAD ? malloc(n + HEAD) : NULL;

	(void)arg;
	if (!p)
		return NULL;
	memcpy(p, &n, sizeof(n));
	return p + HEAD;
}

static void give(void *ptr, void *arg)
{
	uint8_t *p = ptr;
	size_t n;

	(void)arg;
	if (!p)
		return;
	memcpy(&n, p - HEAD, sizeof(n));
	mst_wipe(p, n);
	free(p - HEAD);
}

static void *take_zero(size_t k, size_t n, void *arg)
{
	void *p = n && k > SIZE_MAX / n ? NULL : take(k * n, arg);

	if (p)
		memset(p, 0, k * n);
	return p;
}

static void *take_more(void *ptr, size_t n, void *arg)
{
	uint8_t *p = take(n, arg);
	size_t old = 0;

	if (!p)
		return NULL;
	if (ptr)
		memcpy(&old, (uint8_t *)ptr - HEAD, sizeof(old));
	if (ptr)
		memcpy(p, ptr, old < n ? old : n);
	give(ptr, arg);
	return p;
}

/* --- streams --- */

static void wipe_free(uint8_t *p, size_t n)
{
	if (p)
		mst_wipe(p, n);
	free(p);
}

static struct h2_stream *stream_new(struct h2 *h, int32_t id)
{
	struct h2_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->h = h;
	s->id = id;
	s->next = h->streams;
	s->link = &h->streams;
	if (s->next)
		s->next->link = &s->next;
	h->streams = s;
	return s;
}

static void stream_wipe(struct h2_stream *s)
{
	wipe_free(s->buf, s->cap);
	wipe_free(s->out, s->out_n);
	free(s);
}

static void stream_free(struct h2_stream *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	stream_wipe(s);
}

/* Grows by copying: realloc would leave the old octets behind. */
static bool keep(struct h2_stream *s, const uint8_t *p, size_t n)
{
	size_t cap = s->cap ? s->cap : 1024;
	uint8_t *b;

	if (s->n + n > s->cap) {
		while (cap < s->n + n)
			cap *= 2;
		b = malloc(cap);
		if (!b)
			return false;
		if (s->n)
			memcpy(b, s->buf, s->n);
		wipe_free(s->buf, s->cap);
		s->buf = b;
		s->cap = cap;
	}
	if (n)
		memcpy(s->buf + s->n, p, n);
	s->n += n;
	return true;
}

void h2_forget(struct h2_stream *s)
{
	wipe_free(s->buf, s->cap);
	s->buf = NULL;
	s->cap = s->n = s->fields = s->field_octets = s->body_at = 0;
	memset(&s->method, 0, sizeof(s->method));
	memset(&s->path, 0, sizeof(s->path));
	memset(&s->authority, 0, sizeof(s->authority));
}

static void refuse(struct h2_stream *s, int status, const char *field, const char *why)
{
	if (s->refused)
		return;
	s->refused = true;
	h2_forget(s);
	s->h->ops->on_bad(s->h->owner, s, status, field, why);
}

static struct mst_view part(const struct h2_stream *s, size_t at, size_t n)
{
	return n ? (struct mst_view){ s->buf + at, n } : MST_VIEW_NONE;
}

static struct mst_view field_of(const struct h2_stream *s, const char *name)
{
	for (size_t i = 0; i < s->fields; i++)
		if (mst_view_eq_str(part(s, s->field[i].at, s->field[i].n), name))
			return part(s, s->field[i].value_at, s->field[i].value_n);
	return MST_VIEW_NONE;
}

/* What the library has not looked at: the same rules as for HTTP/1.1. */
static bool request_good(struct h2_stream *s, struct mst_view *ret_host)
{
	struct mst_view host = part(s, s->authority.at, s->authority.n), header = field_of(s, "host"), path = part(s, s->path.at, s->path.n);

	if (!mst_http_method_known(part(s, s->method.at, s->method.n))) {
		refuse(s, 501, "method", "one of GET, POST, PUT, DELETE");
		return false;
	}
	if (!host.n)
		host = header;
	if (!mst_http_host_good(host) || (header.n && !mst_view_eq_nocase(host, header))) {
		refuse(s, 400, ":authority", "want one host or host:port");
		return false;
	}
	/* the library lets octets above ASCII pass, which no start line of HTTP/1.1 may hold */
	if (!mst_view_starts(path, "/") || !mst_printable_ascii(path)) {
		refuse(s, 400, ":path", "want a path from the root, of ASCII alone");
		return false;
	}
	*ret_host = host;
	return true;
}

static void message_complete(struct h2_stream *s)
{
	struct h2 *h = s->h;
	struct mst_http_msg m = { .status = s->status };

	s->complete = true;
	if (s->refused)
		return;
	h->quiet = 0;
	if (h->limits.server) {
		struct mst_view host;

		if (!request_good(s, &host))
			return;
		m.method = part(s, s->method.at, s->method.n);
		m.target = part(s, s->path.at, s->path.n);
		m.header[m.n++] = (struct mst_http_header){ MST_VIEW_LIT("Host"), host };
	}
	for (size_t i = 0; i < s->fields && m.n < MST_HTTP_HEADERS_MAX; i++) {
		struct mst_view name = part(s, s->field[i].at, s->field[i].n);

		if (!h->limits.server || !mst_view_eq_str(name, "host"))
			m.header[m.n++] = (struct mst_http_header){ name, part(s, s->field[i].value_at, s->field[i].value_n) };
	}
	m.body = part(s, s->body_at, s->n - s->body_at);
	h->ops->on_message(h->owner, s, &m);
}

/* --- what the library tells --- */

static struct h2_stream *stream_of(nghttp2_session *ng, int32_t id)
{
	return nghttp2_session_get_stream_user_data(ng, id);
}

/* Frames that bring nothing forward: floods of pings, settings, priorities, empty data. */
static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *arg)
{
	struct h2 *h = arg;

	(void)ng;
	if (hd->type != NGHTTP2_DATA || hd->length < 16)
		h->quiet++;
	if (h->quiet > H2_QUIET_MAX)
		h2_calm(h, "frames that bring no message forward");
	return 0;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *f, void *arg)
{
	struct h2 *h = arg;
	struct h2_stream *s = stream_of(ng, f->hd.stream_id);

	if (s) {
		if (s->headers_done && h->limits.server)
			refuse(s, 400, "trailer", "trailers are not taken");
		return 0;
	}
	if (!h->limits.server || h->why)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	s = stream_new(h, f->hd.stream_id);
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (nghttp2_session_set_stream_user_data(ng, f->hd.stream_id, s)) {
		stream_free(s);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	h->ops->on_begin(h->owner, s);
	return 0;
}

static bool pseudo(struct h2_stream *s, struct mst_view name, size_t at, size_t n)
{
	if (mst_view_eq_str(name, ":method")) {
		s->method.at = at;
		s->method.n = n;
	} else if (mst_view_eq_str(name, ":path")) {
		s->path.at = at;
		s->path.n = n;
	} else if (mst_view_eq_str(name, ":authority")) {
		s->authority.at = at;
		s->authority.n = n;
	} else if (mst_view_eq_str(name, ":status")) {
		s->status = 0;
		for (size_t i = 0; i < n && i < 3; i++)
			s->status = s->status * 10 + (s->buf[at + i] - '0');      /* three digits: the library has looked */
	}
	return name.n && name.p[0] == ':';
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *f, const uint8_t *name, size_t n_name, const uint8_t *value,
		     size_t n_value, uint8_t flags, void *arg)
{
	struct h2 *h = arg;
	struct h2_stream *s = stream_of(ng, f->hd.stream_id);
	size_t at;

	(void)flags;
	if (!s || s->refused || s->headers_done)
		return 0;
	s->field_octets += n_name + n_value + 32;               /* as SETTINGS_MAX_HEADER_LIST_SIZE counts */
	if (s->field_octets > h->limits.http.header_octets || s->fields == MST_HTTP_HEADERS_MAX - 1) {
		refuse(s, 431, "header", "longer than allowed");
		return 0;
	}
	at = s->n;
	if (!keep(s, name, n_name) || !keep(s, value, n_value)) {
		refuse(s, 503, "message", "no memory");
		return 0;
	}
	if (pseudo(s, (struct mst_view){ name, n_name }, at + n_name, n_value))
		return 0;
	s->field[s->fields].at = at;
	s->field[s->fields].n = n_name;
	s->field[s->fields].value_at = at + n_name;
	s->field[s->fields].value_n = n_value;
	s->fields++;
	return 0;
}

/* What may not stand in a field (RFC 9113 8.2.1). The library leaves the field out: another message than a reader before us saw. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *f, nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
	struct h2_stream *s = stream_of(ng, f->hd.stream_id);

	(void)name;
	(void)value;
	(void)flags;
	(void)arg;
	if (s && !s->headers_done)
		refuse(s, 400, "header", "holds an octet that is not allowed");
	return 0;
}

static void headers_whole(struct h2_stream *s, bool ends)
{
	struct h2 *h = s->h;

	if (s->headers_done)
		return;
	if (!h->limits.server && s->status / 100 == 1) {        /* not the answer yet */
		h2_forget(s);
		return;
	}
	s->headers_done = true;
	s->body_at = s->n;
	if (!ends && !s->refused)
		h->ops->on_headers(h->owner, s);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *f, void *arg)
{
	struct h2_stream *s = stream_of(ng, f->hd.stream_id);
	bool ends = f->hd.flags & NGHTTP2_FLAG_END_STREAM;

	(void)arg;
	if (!s || (f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA))
		return 0;
	if (f->hd.type == NGHTTP2_HEADERS)
		headers_whole(s, ends);
	if (ends && s->headers_done && !s->complete)
		message_complete(s);
	return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *arg)
{
	struct h2 *h = arg;
	struct h2_stream *s = stream_of(ng, id);

	(void)flags;
	if (!s || s->refused || !s->headers_done)
		return 0;
	if (s->n - s->body_at + n > h->limits.http.body_octets)
		refuse(s, 413, "body", "longer than allowed");
	else if (!keep(s, p, n))
		refuse(s, 503, "message", "no memory");
	return 0;
}

/* Answered before the request was whole: the rest of that is of no interest. */
static int on_sent(nghttp2_session *ng, const nghttp2_frame *f, void *arg)
{
	struct h2 *h = arg;
	struct h2_stream *s = stream_of(ng, f->hd.stream_id);

	if (s && h->limits.server && !s->complete && (f->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
	    (f->hd.type == NGHTTP2_DATA || f->hd.type == NGHTTP2_HEADERS))
		(void)nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, f->hd.stream_id, NGHTTP2_NO_ERROR);
	return 0;
}

static int on_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
	struct h2 *h = arg;
	struct h2_stream *s = stream_of(ng, id);

	if (!s)
		return 0;
	if (code != NGHTTP2_NO_ERROR)
		h->resets++;
	else if (h->resets)
		h->resets--;
	h->ops->on_gone(h->owner, s, code == NGHTTP2_REFUSED_STREAM);
	stream_free(s);
	if (h->limits.server && h->resets > H2_RESETS_MAX)
		h2_calm(h, "streams that end before their time");
	return 0;
}

static nghttp2_session_callbacks *callbacks(void)
{
	nghttp2_session_callbacks *cb;

	if (nghttp2_session_callbacks_new(&cb))
		return NULL;
	nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(cb, on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	return cb;
}

/* --- life --- */

static int settings(struct h2 *h)
{
	nghttp2_settings_entry e[] = {
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h->limits.http.header_octets },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h->limits.server ? h->limits.streams : 0 },
	};

	return nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, e, sizeof(e) / sizeof(e[0])) ? MST_FAULT_MEMORY : 0;
}

static int session_new(struct h2 *h)
{
	nghttp2_mem memory = { NULL, take, give, take_zero, take_more };      /* copied */
	nghttp2_session_callbacks *cb = callbacks();
	nghttp2_option *o = NULL;
	int r = cb ? nghttp2_option_new(&o) : NGHTTP2_ERR_NOMEM;

	if (!r) {
		nghttp2_option_set_peer_max_concurrent_streams(o, h->limits.streams);
		nghttp2_option_set_no_closed_streams(o, 1);
		nghttp2_option_set_max_outbound_ack(o, 64);
		r = h->limits.server ? nghttp2_session_server_new3(&h->ng, cb, h, o, &memory) :
				       nghttp2_session_client_new3(&h->ng, cb, h, o, &memory);
	}
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(cb);
	return r ? MST_FAULT_MEMORY : settings(h);
}

int h2_new(const struct h2_limits *l, const struct h2_ops *ops, void *owner, struct h2 **ret)
{
	static const struct mst_http_limits any = { .header_octets = 65536, .body_octets = SIZE_MAX / 2 };
	struct h2 *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return MST_FAULT_MEMORY;
	h->limits = *l;
	h->ops = ops;
	h->owner = owner;
	r = mst_http_parser_new(l->server, &any, &h->taker);
	if (!r)
		r = session_new(h);
	if (r) {
		h2_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

struct h2 *h2_free(struct h2 *h)
{
	if (!h)
		return NULL;
	h->freeing = true;
	for (struct h2_stream *s = h->streams, *next; s; s = next) {
		next = s->next;
		h->ops->on_gone(h->owner, s, false);
		stream_wipe(s);
	}
	h->streams = NULL;
	nghttp2_session_del(h->ng);
	mst_http_parser_free(h->taker);
	free(h);
	return NULL;
}

bool h2_feed(struct h2 *h, struct mst_view in, struct mst_diag *d)
{
	ssize_t n = nghttp2_session_mem_recv(h->ng, in.p, in.n);

	if (n >= 0 && (size_t)n == in.n)
		return true;
	mst_diag_set(d, 0, "HTTP/2", n < 0 ? nghttp2_strerror((int)n) : "octets that are not understood", (const char *)NULL);
	return false;
}

bool h2_pull(struct h2 *h, struct mst_view *ret)
{
	const uint8_t *p = NULL;
	ssize_t n = nghttp2_session_mem_send(h->ng, &p);

	*ret = n > 0 ? (struct mst_view){ p, (size_t)n } : MST_VIEW_NONE;
	return n >= 0;
}

/* From our own allocator, see session_new(); sent frames are not looked at again. */
void h2_pulled(struct mst_view pulled)
{
	mst_wipe((void *)(uintptr_t)pulled.p, pulled.n);
}

bool h2_over(const struct h2 *h)
{
	return (!nghttp2_session_want_read(h->ng) && !nghttp2_session_want_write(h->ng)) ||
	       (h->said_goodbye && !h->streams && !nghttp2_session_want_write(h->ng));
}

const char *h2_why(const struct h2 *h)
{
	return h->why ? h->why : "";
}

/* --- what we say --- */

static ssize_t read_out(nghttp2_session *ng, int32_t id, uint8_t *out, size_t n, uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct h2_stream *s = source->ptr;
	size_t left = s->out_n - s->out_at;

	(void)ng;
	(void)id;
	(void)arg;
	if (n > left)
		n = left;
	memcpy(out, s->out + s->out_at, n);
	mst_wipe(s->out + s->out_at, n);
	s->out_at += n;
	if (s->out_at == s->out_n)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_nv nv(struct mst_view name, struct mst_view value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n, value.n, NGHTTP2_NV_FLAG_NONE };
}

/* What belongs to a connection of HTTP/1.1 (RFC 9113 8.2.2). */
static bool of_connection(struct mst_view name)
{
	static const char *const gone[] = { "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "host" };

	for (size_t i = 0; i < MST_COUNT(gone); i++)
		if (mst_view_eq_nocase(name, mst_view_str(gone[i])))
			return true;
	return false;
}

static size_t fields(const struct mst_http_msg *m, bool server, uint8_t status[3], nghttp2_nv out[MST_HTTP_HEADERS_MAX + 4])
{
	size_t n = 0;

	for (size_t i = 0, unit = 100; server && i < 3; i++, unit /= 10)
		status[i] = (uint8_t)('0' + (size_t)m->status / unit % 10);
	if (server) {
		out[n++] = nv(MST_VIEW_LIT(":status"), (struct mst_view){ status, 3 });
	} else {
		out[n++] = nv(MST_VIEW_LIT(":method"), m->method);
		out[n++] = nv(MST_VIEW_LIT(":scheme"), MST_VIEW_LIT("https"));
		out[n++] = nv(MST_VIEW_LIT(":authority"), mst_http_find(m, "Host"));
		out[n++] = nv(MST_VIEW_LIT(":path"), m->target);
	}
	for (size_t i = 0; i < m->n; i++)
		if (!of_connection(m->header[i].name))
			out[n++] = nv(m->header[i].name, m->header[i].value);
	return n;
}

static bool keep_out(struct h2_stream *s, struct mst_view body)
{
	s->out = malloc(body.n ? body.n : 1);
	if (!s->out)
		return false;
	if (body.n)
		memcpy(s->out, body.p, body.n);
	s->out_n = body.n;
	return true;
}

/* `s` with an answer, or as a new request. */
static int submit(struct h2_stream *s, const struct mst_http_msg *m)
{
	struct h2 *h = s->h;
	nghttp2_data_provider body = { .source = { .ptr = s }, .read_callback = read_out };
	nghttp2_nv field[MST_HTTP_HEADERS_MAX + 4];
	uint8_t status[3];
	size_t n = fields(m, h->limits.server, status, field);
	int r;

	if (!keep_out(s, m->body))
		return MST_FAULT_MEMORY;
	if (h->limits.server) {
		r = nghttp2_submit_response(h->ng, s->id, field, n, m->body.n ? &body : NULL);
	} else {
		r = nghttp2_submit_request(h->ng, NULL, field, n, m->body.n ? &body : NULL, s);
		s->id = r;
	}
	return r < 0 ? MST_FAULT_MEMORY : 0;
}

static int send_octets(struct h2_stream *s, struct mst_view octets)
{
	struct mst_http_parser *p = s->h->taker;
	struct mst_diag d = { 0 };
	size_t used;
	int status, r;

	r = mst_http_parser_feed(p, octets, &used, &status, &d);
	if (r == MST_HTTP_MORE && s->h->limits.server)
		r = mst_http_parser_eof(p);
	r = r ? MST_FAULT_BUG : submit(s, mst_http_message(p));
	mst_http_parser_next(p);
	return r;
}

int h2_answer(struct h2_stream *s, struct mst_view octets)
{
	if (s->answered)
		return MST_FAULT_BUG;
	s->answered = true;
	return send_octets(s, octets);
}

int h2_ask(struct h2 *h, struct mst_view octets, struct h2_stream **ret_s)
{
	struct h2_stream *s;
	int r;

	if (!h2_room(h))
		return MST_FAULT_BUG;
	s = stream_new(h, 0);
	r = s ? send_octets(s, octets) : MST_FAULT_MEMORY;
	if (r && s)
		stream_free(s);
	if (!r)
		*ret_s = s;
	return r;
}

unsigned h2_room(const struct h2 *h)
{
	unsigned most = nghttp2_session_get_remote_settings(h->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), n = 0;

	if (most > h->limits.streams)
		most = h->limits.streams;
	for (const struct h2_stream *s = h->streams; s; s = s->next)
		n++;
	return h->said_goodbye || h->why || !nghttp2_session_check_request_allowed(h->ng) || n >= most ? 0 : most - n;
}

void h2_reset(struct h2_stream *s)
{
	(void)nghttp2_submit_rst_stream(s->h->ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
}

void h2_goodbye(struct h2 *h)
{
	if (h->said_goodbye)
		return;
	h->said_goodbye = true;
	(void)nghttp2_submit_goaway(h->ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->ng), NGHTTP2_NO_ERROR, NULL, 0);
}

void h2_calm(struct h2 *h, const char *why)
{
	if (h->why || h->freeing)
		return;
	h->why = why;
	(void)nghttp2_session_terminate_session(h->ng, NGHTTP2_ENHANCE_YOUR_CALM);
}

struct h2_stream *h2_streams(const struct h2 *h)
{
	return h->streams;
}

size_t h2_held(const struct h2 *h)
{
	size_t n = 0;

	for (const struct h2_stream *s = h->streams; s; s = s->next)
		n += s->n;
	return n;
}
