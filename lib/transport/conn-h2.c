/*
 * A connection that speaks HTTP/2: the same machine around it (conn.c), one state here. Each request becomes a mst_conn of its
 * own for the owner, who answers them in any order. Every stream has its deadline; the connection's own is the nearest of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "transport/server-int.h"

#define READS_AT_ONCE 8         /* then the others have their turn */

static struct mst_conn *conn_of(const struct h2_stream *s)
{
	return s->data;
}

/* A stream stays until its answer is taken, however long its owner has made that. */
int conn_h2_rank(const struct mst_conn *c)
{
	bool answered = false;

	for (const struct h2_stream *s = c->h2 ? h2_streams(c->h2) : NULL; s; s = s->next) {
		if (conn_of(s) && conn_of(s)->state == CONN_WAITING)
			return -1;
		answered = answered || s->answered;
	}
	return answered ? 2 : c->served;
}

/* --- deadlines --- */

static void due(struct h2_stream *s, mst_ms ms)
{
	s->due = server_clock() + ms;
}

static void quiet_from_now(struct mst_conn *c)
{
	c->quiet_until = server_clock() + (!c->served && c->s->limits.first_ms ? c->s->limits.first_ms : c->s->limits.idle_ms);
}

static void set_deadline(struct mst_conn *c)
{
	mst_ms now = server_clock(), next = c->blocked_until ? c->blocked_until : MST_NEVER;
	struct h2_stream *s = h2_streams(c->h2);

	if (!s && c->quiet_until < next)
		next = c->quiet_until;
	for (; s; s = s->next)
		if (s->due < next)
			next = s->due;
	conn_deadline(c, next > now ? next - now : 0);
}

/* --- requests --- */

static void hold(struct mst_conn *c)
{
	size_t longest = 0;

	for (const struct h2_stream *s = h2_streams(c->h2); s; s = s->next)
		if (s->n > longest)
			longest = s->n;
	server_hold(c, h2_held(c->h2), longest);
}

static void answer(struct mst_conn *c, struct h2_stream *s, struct mst_view octets)
{
	due(s, c->s->limits.write_ms);
	if (h2_answer(s, octets)) {
		server_no_memory(c->s, c->t->peer.address);
		h2_reset(s);            /* the peer sees the stream end and asks again */
	}
}

static void answer_ourselves(struct mst_conn *c, struct h2_stream *s, int status, const char *extra, const struct mst_diag *d)
{
	char out[CONN_REFUSAL_MAX];
	size_t n = conn_refusal(c, status, extra, d, out, sizeof(out));

	answer(c, s, (struct mst_view){ (uint8_t *)out, n });
}

/* More than may be held: it comes again. */
static void come_again(struct mst_conn *c, struct h2_stream *s)
{
	c->s->stats.refused++;
	s->refused = true;
	h2_forget(s);
	answer_ourselves(c, s, 503, "Retry-After: 1\r\n", NULL);
}

/* What still arrives is held to the same bounds, as over HTTP/1.1. The newest goes first: those that were in time come to their end. */
static void hold_to_bounds(struct mst_conn *c)
{
	hold(c);
	for (struct h2_stream *s = h2_streams(c->h2); s && !server_may_hold(c); s = s->next) {  /* newest first */
		if (!s->complete && s->n)
			come_again(c, s);
		hold(c);
	}
}

static void on_begin(void *owner, struct h2_stream *s)
{
	struct mst_conn *c = owner;

	due(s, c->s->limits.header_ms);
}

static void on_headers(void *owner, struct h2_stream *s)
{
	struct mst_conn *c = owner;

	due(s, c->s->limits.body_ms);
}

static void on_bad(void *owner, struct h2_stream *s, int status, const char *field, const char *why)
{
	struct mst_conn *c = owner;
	struct mst_diag d = { 0 };

	conn_tell_refused(c, status, field, why);
	mst_diag_set(&d, 0, field, why, (const char *)NULL);
	answer_ourselves(c, s, status, status == 503 ? "Retry-After: 1\r\n" : "", &d);
}

static void on_message(void *owner, struct h2_stream *s, const struct mst_http_msg *m)
{
	struct mst_conn *c = owner, *v;
	struct mst_server *server = c->s;

	hold(c);
	v = server->outstanding < server->limits.requests && !c->cut && server_may_hold(c) ? calloc(1, sizeof(*v)) : NULL;
	if (!v) {
		come_again(c, s);
		return;
	}
	*v = (struct mst_conn){ .s = server, .id = c->id, .state = CONN_WAITING, .t = c->t, .since = c->since, .up = c, .stream = s,
				.known = true, .pending = true };
	s->data = v;
	server->outstanding++;
	server->stats.requests++;
	c->served = true;
	c->spared = false;
	due(s, server->limits.answer_ms);
	server->ops->on_request(server->owner, v, m);
}

static void on_gone(void *owner, struct h2_stream *s, bool unseen)
{
	struct mst_conn *c = owner, *v = conn_of(s);

	(void)unseen;
	if (!s->complete && !s->refused && c->state == CONN_H2)
		conn_tell_refused(c, 0, "request", "broke off; the peer gave it up");
	if (v) {
		conn_tell_close(v);
		free(v);
	}
	s->data = NULL;
	quiet_from_now(c);
}

static const struct h2_ops ops = { on_begin, on_headers, on_message, on_bad, on_gone };

void conn_h2_answer(struct mst_conn *v, struct mst_view octets, bool close_it)
{
	struct mst_conn *c = v->up;

	if (v->state != CONN_WAITING)
		return;
	c->s->outstanding--;
	c->s->stats.answers++;
	v->pending = false;
	v->state = CONN_WRITING;
	c->close_after = c->close_after || close_it;
	answer(c, v->stream, octets);
	conn_wake(c);
}

/* --- the machine --- */

int conn_h2_begin(struct mst_conn *c)
{
	struct h2_limits l = { .server = true, .streams = c->s->limits.streams, .http = c->s->limits.http };
	int r = h2_new(&l, &ops, c, &c->h2);

	if (r) {
		tls_session_end(c->t, MST_TLS_BUSY, "no memory");
		return r;
	}
	c->state = CONN_H2;
	quiet_from_now(c);
	set_deadline(c);
	return 0;
}

static enum tls_io send_out(struct mst_conn *c)
{
	for (;;) {
		struct mst_view v;

		while (c->out_at < c->out_n) {
			size_t n;
			enum tls_io io = tls_write(c->t, c->out + c->out_at, c->out_n - c->out_at, &n);

			if (io != TLS_DONE)
				return io;
			c->out_at += n;
			c->blocked_until = 0;
		}
		mst_wipe(c->out, c->out_n);
		free(c->out);
		c->out = NULL;
		c->out_n = c->out_at = 0;
		if (!h2_pull(c->h2, &v))
			return TLS_END;
		if (!v.n)
			return TLS_DONE;
		c->out = conn_copy(c, v);
		if (!c->out)
			return TLS_END;
		c->out_n = v.n;
		h2_pulled(v);
	}
}

/* Streams end as their answers leave: what was held of them is room for others, also while nothing more comes. */
static enum tls_io flush(struct mst_conn *c)
{
	enum tls_io io = send_out(c);

	hold(c);
	return io;
}

/* Nothing is read while what we have to say does not get out: whoever does not listen is not listened to. */
static bool blocked(struct mst_conn *c, enum tls_io io)
{
	if (!c->blocked_until)
		c->blocked_until = server_clock() + c->s->limits.write_ms;
	conn_want(c, io == TLS_WANT_READ ? EV_READ : EV_WRITE);
	set_deadline(c);
	return false;
}

static bool feed(struct mst_conn *c, struct mst_view in)
{
	struct mst_diag d = { 0 };
	bool good = h2_feed(c->h2, in, &d);

	hold_to_bounds(c);
	if (!good) {
		conn_tell_refused(c, 400, d.field, d.text);
	} else if (h2_why(c->h2)[0] && !c->close_after) {
		conn_tell_refused(c, 429, "HTTP/2", h2_why(c->h2));
		c->close_after = true;
	}
	return good;
}

bool conn_h2_step(struct mst_conn *c)
{
	for (int i = 0; i < READS_AT_ONCE; i++) {
		enum tls_io io;
		size_t n;

		if (c->close_after || c->s->draining || conn_outlived(c))
			h2_goodbye(c->h2);
		io = flush(c);
		if (io == TLS_WANT_READ || io == TLS_WANT_WRITE)
			return blocked(c, io);
		if (io != TLS_DONE || h2_over(c->h2)) {
			conn_begin_close(c);
			return true;
		}
		io = tls_read(c->t, c->s->buf, sizeof(c->s->buf), &n);
		if (io == TLS_WANT_READ || io == TLS_WANT_WRITE) {
			conn_want(c, io == TLS_WANT_READ ? EV_READ : EV_WRITE);
			set_deadline(c);
			return false;
		}
		if (io != TLS_DONE) {
			conn_begin_close(c);
			return true;
		}
		if (!feed(c, (struct mst_view){ c->s->buf, n })) {
			mst_wipe(c->s->buf, n);
			(void)flush(c);
			conn_begin_close(c);
			return true;
		}
		mst_wipe(c->s->buf, n);
	}
	set_deadline(c);
	event_active(&c->io, EV_READ, 0);
	return false;
}

static void stream_timeout(struct mst_conn *c, struct h2_stream *s)
{
	struct mst_conn *v = conn_of(s);
	struct mst_diag d = { 0 };

	if (s->answered) {              /* the peer does not take it */
		h2_reset(s);
		s->due = MST_NEVER;
	} else if (v) {
		/* the owner learns by on_close that his answer came too late */
		c->s->outstanding--;
		v->state = CONN_WRITING;
		answer_ourselves(c, s, 503, "Retry-After: 5\r\n", NULL);
	} else {
		mst_diag_set(&d, 0, "request", "not complete in time", (const char *)NULL);
		conn_tell_refused(c, 408, d.field, d.text);
		s->refused = true;
		h2_forget(s);
		answer_ourselves(c, s, 408, "", &d);
	}
}

void conn_h2_timeout(struct mst_conn *c)
{
	mst_ms now = server_clock();

	if (c->blocked_until && now >= c->blocked_until) {
		conn_begin_close(c);
		return;
	}
	if (!h2_streams(c->h2) && now >= c->quiet_until)
		c->close_after = true;
	for (struct h2_stream *s = h2_streams(c->h2), *next; s; s = next) {
		next = s->next;
		if (now < s->due)
			continue;
		if (!s->headers_done)
			h2_calm(c->h2, "a header that does not end");
		stream_timeout(c, s);
	}
}

void conn_h2_drain(struct mst_conn *c)
{
	if (!c->running)
		event_active(&c->io, EV_READ, 0);       /* the next step says good-bye */
}

void conn_h2_end(struct mst_conn *c)
{
	struct h2 *h = c->h2;

	if (!h)
		return;
	c->h2 = NULL;
	h2_free(h);
	server_hold(c, 0, 0);
}
