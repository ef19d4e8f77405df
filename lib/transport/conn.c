/*
 * One connection: handshake → (suspended) → reading → waiting for the owner → writing → reading … → closing.
 * Every state has a deadline. The owner's calls never run the machine from inside his own call: they leave
 * a note and wake the loop.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/server-int.h"
#include "transport/watch.h"

#define LINGER_MS 1000
#define LINGER_OCTETS (512 * 1024)     /* more than limits.body_octets may be: who sent a little too much hears so */
#define TURN_MS 20

static uint64_t last_id;

static void run(struct mst_conn *c);
static bool fail_handshake(struct mst_conn *c);

static void on_io(evutil_socket_t fd, short what, void *arg)
{
	struct mst_conn *c = arg;

	(void)fd;
	if ((what & EV_CLOSED) && c->state == CONN_SUSPENDED) {
		c->running = true;
		tls_session_end(c->t, MST_TLS_TRUNCATED, "the peer left while its key was looked for");
		fail_handshake(c);
	} else if ((what & ~EV_TIMEOUT) && (c->state == CONN_WAITING || c->state == CONN_SUSPENDED)) {
		/* What it says now is read when its turn comes. Not before it speaks: few do, and each change costs two system calls. */
		conn_want(c, c->state == CONN_SUSPENDED ? EV_CLOSED : 0);
		return;
	}
	run(c);
}

void conn_want(struct mst_conn *c, short what)
{
	if (c->want == what)
		return;
	c->want = watch_socket(&c->io, c->s->base, c->t->fd, what, on_io, c);
}

/* Where a handshake may be suspended it is seen when the peer leaves meanwhile; the same from its beginning to the connection's end. */
static short want_read(const struct mst_conn *c)
{
	return c->t->psk_on ? EV_READ | EV_CLOSED : EV_READ;
}

/* Come back in a moment although nothing happens on the socket. */
static void want_turn(struct mst_conn *c)
{
	struct timeval t = { 0, TURN_MS * 1000 };

	conn_want(c, 0);
	c->want = -1;
	event_assign(&c->io, c->s->base, c->t->fd, 0, on_io, c);
	event_add(&c->io, &t);
}

void conn_wake(struct mst_conn *c)
{
	if (!c->running)
		event_active(&c->io, EV_TIMEOUT, 0);
}

void conn_deadline(struct mst_conn *c, mst_ms ms)
{
	struct timeval t = { ms / 1000, (ms % 1000) * 1000 };

	event_add(&c->deadline, &t);
}

static void end_handshake_count(struct mst_conn *c)
{
	if (c->handshaking) {
		c->s->handshaking--;
		c->s->share[c->origin]--;
	}
	c->handshaking = false;
}

/* The owner forgets it now; the socket may live on a little. */
void conn_tell_close(struct mst_conn *c)
{
	bool pending = c->pending;

	if (c->state == CONN_WAITING)
		c->s->outstanding--;
	c->pending = false;
	if (c->known && c->s->ops->on_close)
		c->s->ops->on_close(c->s->owner, c, pending);
	c->known = false;
}

static void gone(struct mst_conn *c)
{
	conn_h2_end(c);
	conn_tell_close(c);
	c->state = CONN_GONE;
}

/* Say bye, then throw away what still comes, so that no reset overtakes the last octets we sent. */
void conn_begin_close(struct mst_conn *c)
{
	bool peer_left = c->t->end == MST_TLS_CLOSED || c->t->end == MST_TLS_TRUNCATED || c->t->suspended;

	if (c->t->end == MST_TLS_BUSY && c->state != CONN_HANDSHAKE && c->state != CONN_SUSPENDED)
		server_no_memory(c->s, c->t->peer.address);     /* the library had none: of an open session nobody else tells */
	conn_h2_end(c);
	conn_tell_close(c);
	tls_session_bye(c->t, !peer_left);
	c->state = peer_left ? CONN_GONE : CONN_CLOSING;
	conn_deadline(c, LINGER_MS);
}

static bool fail_handshake(struct mst_conn *c)
{
	end_handshake_count(c);
	c->s->stats.handshake_failures++;
	if (c->s->ops->on_handshake_failed)
		c->s->ops->on_handshake_failed(c->s->owner, &c->t->peer, c->t->end, c->t->detail);
	conn_begin_close(c);
	return true;
}

static bool begin_reading(struct mst_conn *c)
{
	c->state = CONN_READING;
	c->was_idle = true;
	c->in_body = false;
	conn_deadline(c, !c->served && c->s->limits.first_ms ? c->s->limits.first_ms : c->s->limits.idle_ms);
	return true;
}

/* Who has said what it wants gets the time that a handshake with a key fetch may take. */
static void hello_came(struct mst_conn *c)
{
	if (c->greeted || !c->t->hello)
		return;
	c->greeted = true;
	conn_deadline(c, c->s->limits.handshake_ms);
}

static bool step_handshake(struct mst_conn *c)
{
	switch (tls_handshake(c->t)) {
	case TLS_DONE:
		if (c->cut)
			tls_session_cut(c->t);
		if (c->cut || (c->t->ctx != c->s->tls && !(c->spared = tls_judge_again(c->t, c->s->tls))))
			return fail_handshake(c);       /* the settings have changed meanwhile */
		end_handshake_count(c);
		c->s->stats.handshakes += c->t->ssl != NULL;
		c->s->stats.h2 += c->t->h2;
		c->known = true;
		if (!c->t->h2)
			begin_reading(c);
		else if (conn_h2_begin(c))
			return fail_handshake(c);
		if (c->s->ops->on_handshake_done)
			c->s->ops->on_handshake_done(c->s->owner, c);
		return true;
	case TLS_WANT_READ:
		hello_came(c);
		conn_want(c, want_read(c));
		return false;
	case TLS_WANT_WRITE:
		hello_came(c);
		conn_want(c, EV_WRITE);
		return false;
	case TLS_WANT_KEY:
		hello_came(c);
		conn_want(c, want_read(c));  /* nothing is read, but who has left needs no key */
		c->state = CONN_SUSPENDED;
		c->known = true;
		c->s->ops->on_psk(c->s->owner, c, c->t->peer.psk_identity);
		return c->state == CONN_HANDSHAKE;
	case TLS_WANT_TURN:
		want_turn(c);
		return false;
	case TLS_END:
	default:
		return fail_handshake(c);
	}
}

uint8_t *conn_copy(struct mst_conn *c, struct mst_view v)
{
	uint8_t *p = malloc(v.n ? v.n : 1);

	if (!p)
		server_no_memory(c->s, c->t->peer.address);
	else if (v.n)
		memcpy(p, v.p, v.n);
	return p;
}

/* Where there is no memory for it the peer sees the connection end, and asks again. */
static void begin_writing(struct mst_conn *c, struct mst_view message)
{
	c->out = conn_copy(c, message);
	c->out_n = c->out ? message.n : 0;
	c->out_at = 0;
	c->close_after = c->close_after || !c->out;
	c->state = CONN_WRITING;
	conn_deadline(c, c->s->limits.write_ms);
}

/* Answer without the owner: a refusal of the transport itself. */
size_t conn_refusal(struct mst_conn *c, int status, const char *extra, const struct mst_diag *d, char *out, size_t cap)
{
	char text[512], lines[64];
	struct mst_writer w = mst_writer_of(text, sizeof(text)), more = mst_writer_of(lines, sizeof(lines));
	const char *media = "text/plain";

	if (d && d->text[0] && c->s->ops->refusal) {
		media = c->s->ops->refusal(c->s->owner, status, d, &more, &w);
	} else if (d && d->text[0]) {
		mst_put_str(&w, d->field);
		mst_put_str(&w, d->field[0] ? ": " : "");
		mst_put_str(&w, d->text);
		mst_put_str(&w, "\n");
	}
	if (!w.ok)
		w.n = 0;
	if (!more.ok)
		more.n = 0;
	return (size_t)snprintf(out, cap, "HTTP/1.1 %d \r\n%s%.*s%s%s%sContent-Length: %zu\r\n%s\r\n%.*s", status, extra, (int)more.n, lines, w.n ? "Content-Type: " : "",
				w.n ? media : "", w.n ? "\r\n" : "", w.n, c->close_after ? "Connection: close\r\n" : "", (int)w.n, text);
}

static bool answer_ourselves(struct mst_conn *c, int status, const char *extra, const struct mst_diag *d)
{
	char head[CONN_REFUSAL_MAX];
	size_t m = conn_refusal(c, status, extra, d, head, sizeof(head));

	begin_writing(c, (struct mst_view){ (uint8_t *)head, m });
	return true;
}

/* Whoever sends what cannot be a request is somebody that the owner should hear of. */
void conn_tell_refused(struct mst_conn *c, int status, const char *field, const char *text)
{
	char why[sizeof(((struct mst_diag *)0)->field) + sizeof(((struct mst_diag *)0)->text) + 4];

	if (!c->s->ops->on_refused)
		return;
	snprintf(why, sizeof(why), "%s%s%s", field, field[0] ? ": " : "", text);
	c->s->ops->on_refused(c->s->owner, c, status, why);
}

static bool request_ready(struct mst_conn *c)
{
	struct mst_server *s = c->s;

	c->spared = false;
	c->close_after = !mst_conn_keep_alive(c);
	if (s->outstanding >= s->limits.requests || c->cut) {
		s->stats.refused++;
		return answer_ourselves(c, 503, "Retry-After: 1\r\n", NULL);
	}
	s->outstanding++;
	s->stats.requests++;
	c->served = true;
	c->pending = true;
	c->state = CONN_WAITING;
	conn_deadline(c, s->limits.answer_ms);
	s->ops->on_request(s->owner, c, mst_http_message(c->http));
	return c->state != CONN_WAITING;
}

/* Keep what came after the message until that is answered: one request at a time. */
static bool keep_left(struct mst_conn *c, struct mst_view v)
{
	uint8_t *copy = v.n ? conn_copy(c, v) : NULL;

	if (v.n && !copy)
		return false;
	mst_wipe(c->left, c->left_n);
	free(c->left);
	c->left = copy;
	c->left_n = v.n;
	return true;
}

static void move_deadline(struct mst_conn *c)
{
	if (c->was_idle && !mst_http_idle(c->http)) {
		c->was_idle = false;
		conn_deadline(c, c->s->limits.header_ms);
	}
	if (!c->in_body && mst_http_in_body(c->http)) {
		c->in_body = true;
		conn_deadline(c, c->s->limits.body_ms);
	}
}

static bool feed(struct mst_conn *c, struct mst_view in)
{
	struct mst_diag d = { 0 };
	int status = 400, r;
	size_t used;

	r = mst_http_parser_feed(c->http, in, &used, &status, &d);
	server_hold(c, mst_http_body_held(c->http), mst_http_body_held(c->http));
	if (r != MST_HTTP_BAD && !server_may_hold(c)) {
		mst_http_parser_next(c->http);          /* others need not wait until it has gone */
		server_hold(c, 0, 0);
		c->close_after = true;
		c->s->stats.refused++;
		return answer_ourselves(c, 503, "Retry-After: 1\r\n", NULL);
	}
	if (r == MST_HTTP_BAD) {
		c->close_after = true;
		conn_tell_refused(c, status, d.field, d.text);
		return answer_ourselves(c, status, "", &d);
	}
	if (!keep_left(c, mst_view_sub(in, used, in.n))) {
		conn_begin_close(c);
		return true;
	}
	if (r == 0)
		return request_ready(c);
	move_deadline(c);
	if (mst_http_expects_continue(c->http) && !c->continued) {
		c->continued = c->interim = true;
		c->out = (uint8_t *)strdup("HTTP/1.1 100 \r\n\r\n");
		c->out_n = c->out ? strlen((char *)c->out) : 0;
		c->out_at = 0;
		c->state = CONN_WRITING;
		conn_deadline(c, c->s->limits.write_ms);
	}
	return true;
}

static bool step_reading(struct mst_conn *c)
{
	uint8_t *left = c->left;
	struct mst_diag d = { 0 };
	enum tls_io io;
	size_t n;
	bool more;

	if (left) {
		n = c->left_n;
		c->left = NULL;
		c->left_n = 0;
		more = feed(c, (struct mst_view){ left, n });
		mst_wipe(left, n);
		free(left);
		return more;
	}
	io = tls_read(c->t, c->s->buf, sizeof(c->s->buf), &n);
	if (io == TLS_DONE) {
		more = feed(c, (struct mst_view){ c->s->buf, n });
		mst_wipe(c->s->buf, n);
		return more;
	}
	if (io == TLS_WANT_READ || io == TLS_WANT_WRITE) {
		conn_want(c, io == TLS_WANT_READ ? want_read(c) : EV_WRITE);
		return false;
	}
	if (!mst_http_idle(c->http) && c->t->end != MST_TLS_BUSY) {
		mst_diag_set(&d, 0, "request", "broke off; the peer ended the connection", (const char *)NULL);
		conn_tell_refused(c, 0, d.field, d.text);
	}
	conn_begin_close(c);
	return true;
}

static void drop_out(struct mst_conn *c)
{
	mst_wipe(c->out, c->out_n);
	free(c->out);
	c->out = NULL;
	c->out_n = c->out_at = 0;
}

/* Whoever it belongs to is not served any more; or its certificate was judged by settings (lists of revoked ones, anchors) that
 * have been replaced (and it was not spared), or long ago. */
bool conn_outlived(const struct mst_conn *c)
{
	return c->cut || (c->t->ctx != c->s->tls && !c->spared) || (c->t->ctx && server_clock() - c->since > c->s->limits.session_ms);
}

static bool step_writing(struct mst_conn *c)
{
	while (c->out_at < c->out_n) {
		size_t n;
		enum tls_io io = tls_write(c->t, c->out + c->out_at, c->out_n - c->out_at, &n);

		if (io == TLS_WANT_READ || io == TLS_WANT_WRITE) {
			conn_want(c, io == TLS_WANT_READ ? EV_READ : EV_WRITE);
			return false;
		}
		if (io != TLS_DONE) {
			conn_begin_close(c);
			return true;
		}
		c->out_at += n;
	}
	drop_out(c);
	if (c->interim) {
		c->interim = false;
		c->state = CONN_READING;
		conn_deadline(c, c->s->limits.body_ms);
		return true;
	}
	if (c->close_after || c->s->draining || conn_outlived(c)) {
		conn_begin_close(c);
		return true;
	}
	mst_http_parser_next(c->http);
	server_hold(c, 0, 0);
	c->continued = false;
	return begin_reading(c);
}

static bool step_closing(struct mst_conn *c)
{
	ssize_t n = recv(c->t->fd, c->s->buf, sizeof(c->s->buf), 0);

	mst_wipe(c->s->buf, n > 0 ? (size_t)n : 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		conn_want(c, EV_READ);
		return false;
	}
	c->drained += n > 0 ? (size_t)n : 0;
	if (n <= 0 || c->drained > LINGER_OCTETS)
		c->state = CONN_GONE;
	return true;
}

static bool step(struct mst_conn *c)
{
	switch (c->state) {
	case CONN_HANDSHAKE:
		return step_handshake(c);
	case CONN_READING:
		return step_reading(c);
	case CONN_WRITING:
		return step_writing(c);
	case CONN_H2:
		return conn_h2_step(c);
	case CONN_CLOSING:
		return step_closing(c);
	case CONN_SUSPENDED:
	case CONN_WAITING:
	case CONN_GONE:
	default:
		return false;
	}
}

static void conn_free(struct mst_conn *c)
{
	struct mst_server *s = c->s;

	event_del(&c->io);
	event_del(&c->deadline);
	end_handshake_count(c);
	tls_session_deinit(c->t);
	mst_http_parser_free(c->http);
	drop_out(c);
	mst_wipe(c->left, c->left_n);
	free(c->left);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	s->stats.open--;
	server_hold(c, 0, 0);
	s->open_of[c->origin]--;
	mst_wipe(c, sizeof(*c));
	free(c);
	server_room(s);
}

static void run(struct mst_conn *c)
{
	c->running = true;
	while (step(c))
		;
	c->running = false;
	if (c->state == CONN_GONE)
		conn_free(c);
}

static void time_out(struct mst_conn *c)
{
	struct mst_diag d = { 0 };

	c->s->stats.timeouts++;
	switch (c->state) {
	case CONN_HANDSHAKE:
	case CONN_SUSPENDED:
		tls_session_end(c->t, MST_TLS_TIMEOUT, "%s", c->state == CONN_SUSPENDED ?
		                "handshake: no answer about the key in time" : "handshake not finished in time");
		fail_handshake(c);
		return;
	case CONN_READING:
		c->close_after = true;
		if (mst_http_idle(c->http)) {
			conn_begin_close(c);
			return;
		}
		mst_diag_set(&d, 0, "request", "not complete in time", (const char *)NULL);
		conn_tell_refused(c, 408, d.field, d.text);
		answer_ourselves(c, 408, "", &d);
		return;
	case CONN_WAITING:
		/* the owner learns by on_close that his answer came too late */
		c->s->outstanding--;
		c->close_after = true;
		answer_ourselves(c, 503, "Retry-After: 5\r\n", NULL);
		return;
	case CONN_H2:
		conn_h2_timeout(c);
		return;
	case CONN_WRITING:
	case CONN_CLOSING:
	case CONN_GONE:
	default:
		gone(c);
		return;
	}
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct mst_conn *c = arg;

	(void)fd;
	(void)what;
	c->running = true;
	time_out(c);
	run(c);
}

/* Where a handshake cannot be suspended: called from inside it, and answered before it returns. */
static void ask_now(void *arg, const char *identity)
{
	struct mst_conn *c = arg;

	c->known = true;
	c->s->ops->on_psk(c->s->owner, c, identity);
}

int conn_new(struct mst_server *s, int fd, const char *address, struct mst_conn **ret)
{
	struct whole { struct mst_conn c; struct tls_session t; };     /* one piece, freed by its first member */
	void *whole = calloc(1, sizeof(struct whole));
	struct mst_conn *c = whole;

	if (c)
		c->t = &((struct whole *)whole)->t;
	if (!c || tls_session_init(c->t, fd, s->tls) < 0 || mst_http_parser_new(false, &s->limits.http, &c->http) < 0) {
		if (c)
			tls_session_deinit(c->t);
		else
			close(fd);
		free(c);
		return MST_FAULT_MEMORY;
	}
	c->s = s;
	c->id = ++last_id;
	c->since = server_clock();
	snprintf(c->t->peer.address, sizeof(c->t->peer.address), "%s", address);
	c->t->psk_on = s->ops->on_psk != NULL;
	if (c->t->ssl)          /* a record in one read, not its head first: before it waits for the socket, a connection always asks the library */
		SSL_set_read_ahead(c->t->ssl, 1);
	c->t->ask = ask_now;
	c->t->ask_arg = c;
	event_assign(&c->io, s->base, fd, 0, on_io, c);
	event_assign(&c->deadline, s->base, -1, 0, on_deadline, c);
	c->next = s->conns;
	c->link = &s->conns;
	if (c->next)
		c->next->link = &c->next;
	s->conns = c;
	s->stats.open++;
	*ret = c;
	return 0;
}

void conn_start(struct mst_conn *c)
{
	const struct mst_server_limits *l = &c->s->limits;

	c->state = CONN_HANDSHAKE;
	c->handshaking = c->t->ssl != NULL;
	if (c->handshaking) {
		c->s->handshaking++;
		c->s->share[c->origin]++;
	}
	conn_deadline(c, c->handshaking && l->hello_ms < l->handshake_ms ? l->hello_ms : l->handshake_ms);
	run(c);
}

void conn_drain(struct mst_conn *c)
{
	if (c->state == CONN_H2)
		conn_h2_drain(c);
	if (c->state != CONN_READING || !mst_http_idle(c->http) || c->left)
		return;
	c->running = true;
	conn_begin_close(c);
	run(c);
}

bool conn_spare(struct mst_conn *c)
{
	if ((c->state != CONN_READING && c->state != CONN_H2) || c->served || c->cut)
		return false;
	c->spared = tls_judge_again(c->t, c->s->tls);
	c->t->end = MST_TLS_OPEN;       /* also without mercy it ends in order */
	return c->spared;
}

void conn_drop(struct mst_conn *c)
{
	gone(c);
	conn_free(c);
}

const struct mst_peer *mst_conn_peer(const struct mst_conn *c)
{
	return &c->t->peer;
}

void *mst_conn_data(const struct mst_conn *c)
{
	return c->data;
}

void mst_conn_set_data(struct mst_conn *c, void *data)
{
	c->data = data;
}

void mst_conn_set_whose(struct mst_conn *c, const struct mst_whose *whose)
{
	(c->up ? c->up : c)->whose = *whose;
}

uint64_t mst_conn_id(const struct mst_conn *c)
{
	return c->id;
}

int mst_conn_export(struct mst_conn *c, const char *label, uint8_t *out, size_t n)
{
	return tls_export(c->t, label, out, n);
}

void mst_conn_psk(struct mst_conn *c, const struct mst_key *k)
{
	tls_session_key(c->t, k);
	if (c->state != CONN_SUSPENDED)
		return;
	c->state = CONN_HANDSHAKE;
	conn_wake(c);
}

void mst_conn_busy(struct mst_conn *c, const char *detail)
{
	if (c->state != CONN_SUSPENDED)
		return;
	tls_session_end(c->t, MST_TLS_BUSY, "%s", detail);
	conn_deadline(c, 0);         /* what ends a handshake that waited too long ends this one now */
}

bool mst_conn_answer(struct mst_conn *c, struct mst_view octets, bool close_it)
{
	if (c->up) {
		conn_h2_answer(c, octets, close_it);
		return true;
	}
	if (c->state != CONN_WAITING)
		return true;
	c->s->outstanding--;
	c->s->stats.answers++;
	c->pending = false;
	c->close_after = c->close_after || close_it;
	begin_writing(c, octets);
	conn_wake(c);
	return c->out != NULL;
}

bool mst_conn_keep_alive(const struct mst_conn *c)
{
	return (c->up || mst_http_keep_alive(c->http)) && !c->s->draining && !conn_outlived(c->up ? c->up : c);
}
