#include <errno.h>
#include <event2/event_struct.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum state { CONNECTING, HANDSHAKE, SENDING, RECEIVING, LEAVING };

struct conn {
	struct load *l;
	struct load_node *node;
	enum state state;
	struct event io;
	short want;
	int fd;
	SSL *ssl;                   /* NULL: in clear */
	struct timespec start;
	unsigned step;
	unsigned tries;             /* over datagrams: how often nothing came for a second */
	size_t out_n, in_n;
	char out[2048], in[8192];
};

static void fill_up(struct load *l);

static double ms_since(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - t->tv_sec) * 1e3 + (double)(now.tv_nsec - t->tv_nsec) / 1e6;
}

static void leave(struct conn *c, const char *why)
{
	struct load *l = c->l;

	if (!why) {
		l->ms[l->done] = ms_since(&c->start);
		l->done++;
	} else if (l->failed++ < 5) {
		fprintf(stderr, "load-client: %s: %s\n", c->node->id, why);
	}
	if (c->want)
		event_del(&c->io);
	SSL_free(c->ssl);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
	l->open--;
	fill_up(l);
}

static void on_io(evutil_socket_t fd, short what, void *arg);

static void want(struct conn *c, short what)
{
	static const struct timeval patience = { 15, 0 }, turn = { 1, 0 };

	if (c->want == what)
		return;
	if (c->want)
		event_del(&c->io);
	c->want = what;
	event_assign(&c->io, c->l->base, c->fd, (short)(what | EV_PERSIST), on_io, c);
	event_add(&c->io, load_datagrams(c->l->kind) ? &turn : &patience);
}

/* Not ready: wait; of a socket in clear. */
static bool wait_or_leave_clear(struct conn *c, ssize_t r, short what, const char *text)
{
	char why[200];

	if (r < 0 && (errno == EAGAIN || errno == EINTR)) {
		want(c, what);
		return false;
	}
	snprintf(why, sizeof(why), "%s: %s", text, r < 0 ? strerror(errno) : "closed by the server");
	leave(c, why);
	return false;
}

/* Not ready: wait. Anything else is the end, and `text` says of what. */
static bool wait_or_leave(struct conn *c, int r, const char *text)
{
	char why[200];
	int e = SSL_get_error(c->ssl, r);

	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
		want(c, e == SSL_ERROR_WANT_READ ? EV_READ : EV_WRITE);
		return false;
	}
	if (e == SSL_ERROR_SSL)
		snprintf(why, sizeof(why), "%s: %s", text, ERR_reason_error_string(ERR_peek_error()));
	else
		snprintf(why, sizeof(why), "%s: %s", text,
			 e == SSL_ERROR_SYSCALL && errno ? strerror(errno) : "closed by the server");
	ERR_clear_error();
	leave(c, why);
	return false;
}

/* Exporter output of this session: relative key id and Ke (spec 3.2). */
static bool export(struct conn *c)
{
	static const char digits[] = "0123456789ABCDEF", label[] = MST_LABEL_BOOTSTRAP;
	uint8_t out[MST_EXPORT_LEN], rel[MST_REL_ID_LEN];
	char *p = c->node->key_id;

	if (SSL_export_keying_material(c->ssl, out, sizeof(out), label, sizeof(label) - 1, NULL, 0, 0) != 1)
		return false;
	mst_export_split(out, rel, &c->node->ke);
	for (size_t i = 0; i < sizeof(rel); i++) {
		*p++ = digits[rel[i] >> 4];
		*p++ = digits[rel[i] & 15];
	}
	snprintf(p, sizeof(c->node->key_id) - 2 * sizeof(rel), "@%s", c->l->server_name);
	return true;
}

static bool attach(struct conn *c, const struct sockaddr_in *to)
{
	BIO_ADDR *peer;
	BIO *b;

	if (!load_datagrams(c->l->kind))
		return SSL_set_fd(c->ssl, c->fd) == 1;
	peer = BIO_ADDR_new();
	b = BIO_new_dgram(c->fd, BIO_NOCLOSE);
	if (!peer || !b || !BIO_ADDR_rawmake(peer, AF_INET, &to->sin_addr, sizeof(to->sin_addr), to->sin_port)) {
		BIO_ADDR_free(peer);
		BIO_free(b);
		return false;
	}
	(void)BIO_ctrl_set_connected(b, peer);
	BIO_ADDR_free(peer);
	SSL_set_bio(c->ssl, b, b);
	return true;
}

/* 0, or -1 with nothing left behind. */
static int dial(struct conn *c, const struct sockaddr_in *to, bool tls)
{
	int on = 1;

	c->state = CONNECTING;
	c->fd = socket(AF_INET, (load_datagrams(c->l->kind) ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -1;
	c->ssl = tls ? SSL_new(c->l->ssl) : NULL;
	if (!load_datagrams(c->l->kind))
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if ((!tls || (c->ssl && load_session(c->l, c->ssl, c->node) == 0 && attach(c, to))) &&
	    (connect(c->fd, (const struct sockaddr *)to, sizeof(*to)) == 0 || errno == EINPROGRESS))
		return 0;
	SSL_free(c->ssl);
	close(c->fd);
	return -1;
}

/* Ub is over: on with the MAF, by the key that it gave. */
static bool hop(struct conn *c)
{
	event_del(&c->io);
	c->want = 0;
	close(c->fd);
	if (dial(c, &c->l->maf_to, true) < 0) {
		c->fd = -1;
		c->ssl = NULL;
		leave(c, "cannot dial the MAF");
		return false;
	}
	want(c, EV_WRITE);
	return false;
}

/* The next request, or good-bye. */
static bool next_step(struct conn *c)
{
	c->in_n = 0;
	if (c->l->kind == LOAD_GBA && c->step == LOAD_UB_STEPS && !c->ssl)
		return hop(c);
	c->out_n = load_request(c->l, c->node, c->step, c->out, sizeof(c->out));
	c->state = c->out_n ? SENDING : LEAVING;
	if (c->state != LEAVING)
		return true;
	if (c->l->kind == LOAD_EST && c->step < 2) {
		leave(c, "no request for a certificate could be made");
		return false;
	}
	if (!c->ssl) {
		leave(c, c->step == LOAD_UB_STEPS ? NULL : "no request could be made");
		return false;
	}
	SSL_shutdown(c->ssl);
	if (c->step == 0 && !load_datagrams(c->l->kind))
		return true; /* nothing was answered yet: the server's own end tells whether it was content */
	leave(c, NULL);
	return false;
}

static bool handshake(struct conn *c)
{
	int r;

	ERR_clear_error();
	errno = 0;
	r = SSL_do_handshake(c->ssl);
	if (r != 1)
		return wait_or_leave(c, r, "handshake");
	if ((c->l->kind == LOAD_MEF || c->l->kind == LOAD_MEF_PSK) && !export(c)) {
		leave(c, "exporter");
		return false;
	}
	return next_step(c);
}

static bool send_request(struct conn *c)
{
	int r;

	if (!c->ssl) {
		/* far smaller than what an empty socket takes */
		ssize_t n = send(c->fd, c->out, c->out_n, MSG_NOSIGNAL);

		if (n != (ssize_t)c->out_n)
			return wait_or_leave_clear(c, n < 0 ? n : 0, EV_WRITE, "write");
		c->state = RECEIVING;
		return true;
	}
	ERR_clear_error();
	r = SSL_write(c->ssl, c->out, (int)c->out_n);
	if (r <= 0)
		return wait_or_leave(c, r, "write");
	c->state = RECEIVING;
	return true;
}

static bool receive(struct conn *c)
{
	char why[160];
	int r;

	ERR_clear_error();
	errno = 0;
	if (load_datagrams(c->l->kind))
		c->in_n = 0;         /* each is a message */
	if (!c->ssl)
		r = (int)recv(c->fd, c->in + c->in_n, sizeof(c->in) - c->in_n, 0);
	else
		r = SSL_read(c->ssl, c->in + c->in_n, (int)(sizeof(c->in) - c->in_n));
	if (r <= 0)
		return c->ssl ? wait_or_leave(c, r, "read") : wait_or_leave_clear(c, r, EV_READ, "read");
	c->in_n += (size_t)r;
	switch (load_check(c->l, c->node, c->step, c->in, c->in_n, why)) {
	case LOAD_GOOD:
		c->step++;
		return next_step(c);
	case LOAD_MORE:
		if (c->in_n < sizeof(c->in))
			return true;
		leave(c, "the answer is too long");
		return false;
	case LOAD_BAD:
	default:
		leave(c, why);
		return false;
	}
}

/* Handshake only: with TLS 1.3 a refusal comes after our part is done, so wait for an orderly end. */
static bool wait_for_end(struct conn *c)
{
	char octet;
	int r, e;

	ERR_clear_error();
	errno = 0;
	r = SSL_read(c->ssl, &octet, 1);
	e = r > 0 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, r);
	if (e == SSL_ERROR_WANT_READ)
		return wait_or_leave(c, r, "end");
	if (e == SSL_ERROR_ZERO_RETURN ||
	    (e == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
		ERR_clear_error();
		leave(c, NULL);
		return false;
	}
	return r > 0 ? true : wait_or_leave(c, r, "after the handshake");
}

static bool step(struct conn *c)
{
	int e = 0;
	socklen_t n = sizeof(e);

	switch (c->state) {
	case CONNECTING:
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &n) || e) {
			leave(c, strerror(e));
			return false;
		}
		if (!c->ssl)
			return next_step(c);
		c->state = HANDSHAKE;
		return true;
	case HANDSHAKE:
		return handshake(c);
	case SENDING:
		return send_request(c);
	case RECEIVING:
		return receive(c);
	case LEAVING:
	default:
		return wait_for_end(c);
	}
}

/* A datagram may have been lost. */
static bool once_more(struct conn *c)
{
	if (!load_datagrams(c->l->kind) || ++c->tries > 15)
		return false;
	if (c->state == HANDSHAKE)
		(void)DTLSv1_handle_timeout(c->ssl);
	else if (c->state == RECEIVING)
		c->state = SENDING;
	return true;
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	if (what & EV_TIMEOUT && !once_more(c)) {
		leave(c, "no answer within 15 s");
		return;
	}
	while (step(c))
		;
}

static int start(struct load *l, unsigned job)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return -1;
	c->l = l;
	c->node = &l->node[job % l->nodes];
	clock_gettime(CLOCK_MONOTONIC, &c->start);
	if (dial(c, &l->to, l->kind != LOAD_UB && l->kind != LOAD_GBA) < 0) {
		free(c);
		return -1;
	}
	l->open++;
	want(c, EV_WRITE);
	return 0;
}

static void fill_up(struct load *l)
{
	while (!l->out_of_time && l->next < l->end && l->open < l->concurrency)
		if (start(l, l->next++) < 0 && l->failed++ < 5)
			fprintf(stderr, "load-client: cannot open a session: %s\n", strerror(errno));
	if (l->open == 0)
		event_base_loopbreak(l->base);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct load *l = arg;

	(void)fd;
	(void)what;
	l->out_of_time = true;
	event_base_loopbreak(l->base);
}

void load_run(struct load *l, unsigned from, unsigned to)
{
	struct event *deadline = event_new(l->base, -1, 0, on_deadline, l);
	struct timeval t = { (time_t)l->seconds, 0 };

	l->next = from;
	l->end = to;
	l->done = l->failed = 0;
	event_add(deadline, &t);
	fill_up(l);
	if (l->open)
		event_base_dispatch(l->base);
	/* what did not come to its end in time is a failure too; the process is about to leave */
	l->failed = to - from - l->done;
	event_free(deadline);
}
