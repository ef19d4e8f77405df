/* A session that speaks HTTP/2: several requests at a time, each with a deadline of its own. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "transport/client-int.h"

mst_ms client_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (mst_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Once for each request: `data` says that it was. */
static void tell(struct mst_client *c, struct h2_stream *s, const struct mst_http_msg *m, enum mst_tls_end why, const char *detail)
{
	if (s->data || !c->h2 || c->freed || c->state != H2)
		return;
	s->data = c;
	s->due = MST_NEVER;
	c->ops->on_answer(c->owner, c, (uint64_t)s->id, m, why, detail);
}

static void on_nothing(void *owner, struct h2_stream *s)
{
	(void)owner;
	(void)s;
}

static void on_message(void *owner, struct h2_stream *s, const struct mst_http_msg *m)
{
	tell(owner, s, m, MST_TLS_OPEN, "");
}

static void on_bad(void *owner, struct h2_stream *s, int status, const char *field, const char *why)
{
	char text[TLS_DETAIL_MAX];

	snprintf(text, sizeof(text), "malformed response: %s: %s", field, why);
	h2_reset(s);
	tell(owner, s, NULL, status == 413 ? MST_TLS_TOO_LARGE : MST_TLS_PROTOCOL, text);
}

static void on_gone(void *owner, struct h2_stream *s, bool unseen)
{
	tell(owner, s, NULL, unseen ? MST_TLS_BUSY : MST_TLS_PROTOCOL,
	     unseen ? "the server does not look at it" : "the server gave the stream up");
}

static const struct h2_ops ops = { on_nothing, on_nothing, on_message, on_bad, on_gone };

int client_h2_begin(struct mst_client *c)
{
	struct h2_limits l = { .streams = c->streams, .http = c->limits };
	int r = h2_new(&l, &ops, c, &c->h2);

	if (!r)
		c->state = H2;
	return r;
}

static enum tls_io flush(struct mst_client *c)
{
	for (;;) {
		struct mst_view v;

		while (c->out_at < c->out_n) {
			size_t n;
			enum tls_io io = tls_write(&c->t, c->out + c->out_at, c->out_n - c->out_at, &n);

			if (io != TLS_DONE)
				return io;
			c->out_at += n;
		}
		mst_wipe(c->out, c->out_n);
		free(c->out);
		c->out = NULL;
		c->out_n = c->out_at = 0;
		if (!h2_pull(c->h2, &v))
			return TLS_END;
		if (!v.n)
			return TLS_DONE;
		c->out = malloc(v.n);
		if (!c->out)
			return TLS_END;
		memcpy(c->out, v.p, v.n);
		c->out_n = v.n;
		h2_pulled(v);
	}
}

static void set_deadline(struct mst_client *c)
{
	mst_ms now = client_clock(), next = MST_NEVER;

	for (struct h2_stream *s = h2_streams(c->h2); s; s = s->next)
		if (s->due < next)
			next = s->due;
	if (next == MST_NEVER)
		event_del(&c->deadline);
	else
		client_deadline(c, next > now ? next - now : 0);
}

static bool waits(struct mst_client *c, enum tls_io io)
{
	client_want(c, io == TLS_WANT_READ ? EV_READ : EV_WRITE);
	set_deadline(c);
	return false;
}

static bool ended(struct mst_client *c, const char *detail)
{
	char text[TLS_DETAIL_MAX];

	if (c->t.end == MST_TLS_OPEN)
		return client_end(c, MST_TLS_PROTOCOL, detail);
	if (!h2_streams(c->h2) || (c->t.end != MST_TLS_CLOSED && c->t.end != MST_TLS_TRUNCATED)) {
		snprintf(text, sizeof(text), "%s", c->t.detail);
		return client_end(c, c->t.end, text);
	}
	snprintf(text, sizeof(text), "before the whole response: %.150s", c->t.detail);
	return client_end(c, MST_TLS_TRUNCATED, text);
}

bool client_h2_step(struct mst_client *c)
{
	char text[TLS_DETAIL_MAX];
	struct mst_diag d = { 0 };
	enum tls_io io = flush(c);
	bool good;
	size_t n;

	if (io == TLS_WANT_READ || io == TLS_WANT_WRITE)
		return waits(c, io);
	if (io != TLS_DONE)
		return ended(c, "no memory");
	if (h2_over(c->h2))
		return h2_why(c->h2)[0] ? client_end(c, MST_TLS_PROTOCOL, h2_why(c->h2)) :
					  client_end(c, h2_streams(c->h2) ? MST_TLS_PROTOCOL : MST_TLS_CLOSED, "the session has ended");
	io = tls_read(&c->t, c->buf, sizeof(c->buf), &n);
	if (io == TLS_WANT_READ || io == TLS_WANT_WRITE)
		return waits(c, io);
	if (io != TLS_DONE)
		return ended(c, "");
	good = h2_feed(c->h2, (struct mst_view){ c->buf, n }, &d);
	mst_wipe(c->buf, n);
	if (c->freed || good)
		return !c->freed;
	(void)flush(c);
	snprintf(text, sizeof(text), "malformed response: %.60s: %.100s", d.field, d.text);
	return client_end(c, MST_TLS_PROTOCOL, text);
}

/* True: go on. */
bool client_h2_timeout(struct mst_client *c)
{
	mst_ms now = client_clock();
	struct h2_stream *s = h2_streams(c->h2);

	if (c->out_at < c->out_n)       /* it takes nothing either */
		return client_end(c, MST_TLS_TIMEOUT, "no whole response in time");
	while (s && now < s->due)
		s = s->next;
	if (s) {
		h2_reset(s);
		tell(c, s, NULL, MST_TLS_TIMEOUT, "no whole response in time");
	}
	return !c->freed;
}

void client_h2_end(struct mst_client *c)
{
	struct h2 *h = c->h2;

	c->h2 = NULL;
	h2_free(h);
}
