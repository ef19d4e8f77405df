/* Answers out: as a primitive or as plain HTTP, with the secrets put into their places at the last moment. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "server/listener-internal.h"

void listener_busy(struct line n, unsigned seconds)
{
	char b[160];
	bool keep;
	int len;

	if (n.coap) {
		mst_coap_conn_answer(n.coap, &(struct mst_coap_result){ .status = 503, .retry_after = seconds });
		return;
	}
	keep = mst_conn_keep_alive(n.http);
	len = snprintf(b, sizeof(b), "HTTP/1.1 503 Service Unavailable\r\nRetry-After: %u\r\nContent-Length: 0\r\n%s\r\n", seconds,
		       keep ? "" : "Connection: close\r\n");
	mst_conn_answer(n.http, (struct mst_view){ (const uint8_t *)b, (size_t)len }, !keep);
}

static const char *status_text(int s)
{
	switch (s) {
	case 200: return "OK";
	case 201: return "Created";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 406: return "Not Acceptable";
	case 409: return "Conflict";
	case 411: return "Length Required";
	case 413: return "Content Too Large";
	case 415: return "Unsupported Media Type";
	case 429: return "Too Many Requests";
	case 501: return "Not Implemented";
	case 503: return "Service Unavailable";
	default: return s < 300 ? "OK" : s < 500 ? "Refused" : "Internal Server Error";
	}
}

void listener_put_plain(struct mst_writer *w, int status, const char *media, const char *more, struct mst_view body, int retry,
		      bool keep)
{
	char head[320];

	/* a 204 has neither content nor a length of it: RFC 9110 8.6 */
	if (status == 204)
		snprintf(head, sizeof(head), "HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\n");
	else
		snprintf(head, sizeof(head),
			 "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n",
			 status, status_text(status), media, body.n);
	mst_put_str(w, head);
	if (mst_view_starts(mst_view_str(media), "application/pkcs7-mime") || mst_view_starts(mst_view_str(media), "application/csrattrs"))
		mst_put_str(w, "Content-Transfer-Encoding: base64\r\n");       /* RFC 7030 4.1.3; RFC 8951 no longer wants it */
	if (retry) {
		snprintf(head, sizeof(head), "Retry-After: %d\r\n", retry);
		mst_put_str(w, head);
	}
	mst_put_str(w, more);
	mst_put_str(w, keep ? "\r\n" : "Connection: close\r\n\r\n");
	if (status != 204)
		mst_put(w, body);
}

void listener_put_primitive(struct mst_writer *w, const struct slot *s, const struct mst_answer_frame *a,
			    const char *more, struct mst_view content, bool keep)
{
	struct mst_response r = {
		.rsc = a->rsc, .rqi = mst_view_str(s->rqi), .rvi = mst_view_str(s->rvi), .content = content, .retry_after = a->retry_after,
		.headers = mst_view_str(more)
	};

	if (content.n)
		r.media = mst_view_str(a->media[0] ? a->media : "application/json");
	r.location = mst_view_str(a->location);
	mst_response_to_http(&r, keep, w);
}

/* A role fills one kind of key into its answers, whatever the engine says. */
static enum mst_key_use filled_by(enum mst_role r)
{
	return r == MST_ROLE_HSS ? MST_USE_VECTOR : r == MST_ROLE_ZN ? MST_USE_NAF_KEYS : MST_USE_NONE;
}

/* Secrets as hexadecimal text, each in its place. */
static bool fill(struct listener *l, const struct slot *s, const struct mst_answer_frame *a, struct mst_writer *w)
{
	const struct mst_parcel *p = &a->parcel;
	bool good = !a->has_key;
	struct mst_key k = { 0 };
	size_t at = 0;

	good = good && mst_channel_open(&l->u.channel, l->u.crypto, filled_by(s->role->role), &p->sealed, &k) == 0;
	for (size_t i = 0; i < p->n_fills && good; i++) {
		const struct mst_fill *f = &p->fill[i];

		good = (size_t)f->from + f->n <= k.n;
		mst_put(w, mst_view_sub(a->content, at, f->at - at));
		at = f->at;
		if (good)
			mst_put_hex_lower(w, (struct mst_view){ k.b + f->from, f->n });
	}
	mst_key_wipe(&k);
	mst_put(w, mst_view_sub(a->content, at, a->content.n));
	return good;
}

/* The released key's base64 text goes into the content where the role left its place. */
static bool splice(struct listener *l, const struct mst_answer_frame *a, struct mst_writer *w)
{
	struct mst_key k = { 0 };
	bool good;

	mst_put(w, mst_view_sub(a->content, 0, a->at));
	good = mst_channel_open(&l->u.channel, l->u.crypto, MST_USE_ANSWER, &a->key, &k) == 0;
	if (good)
		mst_put_base64(w, mst_key_view(&k));
	mst_key_wipe(&k);
	mst_put(w, mst_view_sub(a->content, a->at, a->content.n));
	return good;
}

bool listener_content(struct listener *l, const struct slot *s, const struct mst_answer_frame *a, struct mst_writer *body, struct mst_view *ret)
{
	*ret = a->content;
	if (!a->has_key && !a->parcel.n_fills)
		return true;
	if (!(a->parcel.n_fills ? fill(l, s, a, body) : splice(l, a, body)) || !body->ok) {
		mst_log(&l->u.log, MST_LOG_ERROR, "a released key does not open", NULL);
		return false;
	}
	*ret = mst_written(body);
	return true;
}

void listener_answer_coap(struct line n, const struct slot *s, const struct mst_answer_frame *a, struct mst_view content)
{
	struct mst_response p = { .rsc = a->rsc, .rqi = mst_view_str(s->rqi), .rvi = mst_view_str(s->rvi), .location = mst_view_str(a->location) };
	bool primitive = !s->plain && a->rsc >= 1000;
	struct mst_coap_result r = { .status = a->rsc >= 1000 && !primitive ? mst_rsc_http(a->rsc) : a->rsc,
				     .media = a->media[0] ? a->media : "application/json", .content = content,
				     .retry_after = a->retry_after > 0 ? (unsigned)a->retry_after : 0 };
	uint8_t scratch[MST_ID_MAX];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_coap_params params;

	if (primitive && mst_coap_of_response(&p, mst_coap_conn_dialect(n.coap), &arena, &params))
		r.params = &params;
	else if (primitive)
		r = (struct mst_coap_result){ .status = 500, .retry_after = 5 };
	mst_coap_conn_answer(n.coap, &r);
}

static void answer_http(struct listener *l, struct slot *s, const struct mst_answer_frame *a, struct mst_view content)
{
	struct mst_writer w = mst_writer_of(l->out, MST_FRAME_MAX / 2);
	char lines[MST_ANSWER_HEADERS + 1024];
	struct mst_writer more = mst_writer_of(lines, sizeof(lines));
	struct mst_conn *c = s->line.http;
	const char *role = mst_role_name[s->role->role];
	bool keep = mst_conn_keep_alive(c) && !a->close;

	mst_put_str(&more, a->headers);
	listener_digest_info(l, s, content, &more);
	mst_put_nul(&more);
	if (!more.ok)
		lines[0] = '\0';
	if (!s->plain && a->rsc >= 1000)
		listener_put_primitive(&w, s, a, lines, content, keep);
	else
		listener_put_plain(&w, a->rsc >= 1000 ? mst_rsc_http(a->rsc) : a->rsc,
			  a->media[0] ? a->media : "application/json", lines, content, a->retry_after, keep);
	if (!w.ok)
		mst_log(&l->u.log, MST_LOG_ERROR, "an answer cannot be written", "role", role, NULL);
	slot_free(l, s);
	if (w.ok && !mst_conn_answer(c, mst_written(&w), !keep))
		mst_log(&l->u.log, MST_LOG_WARNING, "no memory for an answer; the connection ends", "role", role, NULL);
	else if (!w.ok)
		listener_busy(line_http(c), 5);
	mst_wipe(w.p, w.n);
}

void listener_answer(struct listener *l, struct slot *s, struct mst_answer_frame *a)
{
	struct mst_writer body = mst_writer_of(l->out + MST_FRAME_MAX / 2, MST_FRAME_MAX / 2);
	struct mst_view content;
	struct line n = s->line;

	mst_crash_pass(&l->u.crash, MST_CRASH_ANSWER_BEFORE);
	mst_metrics_observe(&l->u.m, MST_H_REQUEST_SECONDS, (double)(mst_now_ms() - s->since) / 1000);
	if (!listener_content(l, s, a, &body, &content) || !mst_answer_headers_good(a->headers)) {
		*a = (struct mst_answer_frame){ .rsc = MST_RSC_INTERNAL, .retry_after = 5 };
		content = MST_VIEW_NONE;
	}
	if (a->whose.one)
		line_set_whose(n, &a->whose);
	if (n.coap) {
		struct slot was = *s;

		slot_free(l, s);
		listener_answer_coap(n, &was, a, content);
	} else {
		answer_http(l, s, a, content);
	}
	mst_wipe(body.p, body.n);
	mst_crash_pass(&l->u.crash, MST_CRASH_ANSWER_AFTER);
}
