#include "transport/blocking.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transport/resolve.h"
#include "transport/tls-int.h"

struct mst_blocking {
	struct tls_session t;
	bool live, clear;                    /* clear: of `t` only fd, end and detail are in use */
};

static mst_ms clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (mst_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Ready before `until`? An interruption is no answer. */
static bool ready(int fd, short what, mst_ms until)
{
	struct pollfd p = { fd, what, 0 };

	for (;;) {
		mst_ms left = until - clock_ms();
		int r = poll(&p, 1, left > 0 ? left > 3600000 ? 3600000 : (int)left : 0);

		if (r > 0)
			return true;
		if (r == 0 && left <= 3600000)
			return false;
		if (r < 0 && errno != EINTR)
			return false;
	}
}

static struct addrinfo *find(const char *host, uint16_t port, mst_ms until, enum mst_tls_end *why, char *detail)
{
	struct addrinfo *list = lookup_numeric(host, port);
	struct lookup *l;
	uint8_t octet;
	int code;

	*why = MST_TLS_NAME_UNKNOWN;
	snprintf(detail, MST_BLOCKING_DETAIL, "cannot start the resolver");
	if (list || lookup_start(host, port, &l))
		return list;
	if (!ready(lookup_fd(l), POLLIN, until) || read(lookup_fd(l), &octet, 1) != 1) {
		lookup_abandon(l);
		*why = MST_TLS_TIMEOUT;
		snprintf(detail, MST_BLOCKING_DETAIL, "the name service did not answer in time");
		return NULL;
	}
	list = lookup_take(l, &code);
	if (!list)
		snprintf(detail, MST_BLOCKING_DETAIL, "%s", gai_strerror(code));
	return list;
}

/* A connected socket, or -1 with errno. */
static int dial(const struct addrinfo *a, mst_ms until)
{
	int on = 1, e = 0, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t n = sizeof(e);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, a->ai_addr, a->ai_addrlen) && errno != EINPROGRESS)
		e = errno;
	else if (!ready(fd, POLLOUT, until))
		e = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n))
		e = errno;
	if (!e)
		return fd;
	close(fd);
	errno = e;
	return -1;
}

/* Wait for what the session wants. False: not within the time. */
static bool wait_for(struct tls_session *t, enum tls_io io, mst_ms until)
{
	return ready(t->fd, io == TLS_WANT_WRITE ? POLLOUT : POLLIN, until);
}

static int shake_hands(struct tls_session *t, mst_ms until)
{
	for (;;) {
		enum tls_io io = tls_handshake(t);

		if (io == TLS_DONE)
			return 0;
		if (io == TLS_END)
			return 1;
		if (!wait_for(t, io, until)) {
			tls_session_end(t, MST_TLS_TIMEOUT, "the handshake did not end in time");
			return 1;
		}
	}
}

static int begin_session(struct tls_session *t, int fd, const struct mst_blocking_config *c)
{
	int r = tls_session_init(t, fd, c->tls);

	if (!r)
		r = tls_session_expect(t, c->host, c->pins, c->n_pins);
	if (!r && c->psk)
		r = tls_session_use_psk(t, c->psk_identity, c->psk);
	return r;
}

/* Every address gives up its place to the next one until a handshake has begun: then the answer counts (lesson 8). */
static int connect_any(const struct mst_blocking_config *c, struct addrinfo *list, mst_ms until, struct mst_blocking *b,
		       enum mst_tls_end *why, char *detail)
{
	int fd = -1, r;

	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = dial(a, until);
		*why = errno == ETIMEDOUT ? MST_TLS_TIMEOUT : MST_TLS_UNREACHABLE;
		if (fd < 0)
			snprintf(detail, MST_BLOCKING_DETAIL, "%s", strerrordesc_np(errno));
	}
	if (fd < 0)
		return 1;
	if (!c->tls) {
		b->clear = true;
		b->t.fd = fd;
		return 0;
	}
	b->live = true;
	r = begin_session(&b->t, fd, c);
	if (!r)
		r = shake_hands(&b->t, until);
	if (r > 0) {
		*why = b->t.end;
		snprintf(detail, MST_BLOCKING_DETAIL, "%s", b->t.detail);
	}
	return r;
}

int mst_blocking_open(const struct mst_blocking_config *c, mst_ms ms, struct mst_blocking **ret, enum mst_tls_end *ret_why, char *ret_detail)
{
	mst_ms until = clock_ms() + ms;
	struct addrinfo *list;
	struct mst_blocking *b;
	int r;

	list = find(c->address ? c->address : c->host, c->port, until, ret_why, ret_detail);
	if (!list)
		return 1;
	b = calloc(1, sizeof(*b));
	r = b ? connect_any(c, list, until, b, ret_why, ret_detail) : MST_FAULT_MEMORY;
	freeaddrinfo(list);
	if (r)
		mst_blocking_free(b);
	else
		*ret = b;
	return r;
}

int mst_blocking_export(struct mst_blocking *b, const char *label, uint8_t *out, size_t n)
{
	return tls_export(&b->t, label, out, n);
}

/* What a call on a connection in clear means. */
static enum tls_io clear_io(struct mst_blocking *b, ssize_t n, enum tls_io wants, size_t *ret_n)
{
	*ret_n = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return TLS_DONE;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return wants;
	b->t.end = n ? MST_TLS_TRUNCATED : MST_TLS_CLOSED;
	snprintf(b->t.detail, sizeof(b->t.detail), "%s", n ? strerrordesc_np(errno) : "");
	return TLS_END;
}

static enum tls_io put(struct mst_blocking *b, struct mst_view v, size_t *ret_n)
{
	return b->clear ? clear_io(b, send(b->t.fd, v.p, v.n, MSG_NOSIGNAL), TLS_WANT_WRITE, ret_n) : tls_write(&b->t, v.p, v.n, ret_n);
}

static enum tls_io get(struct mst_blocking *b, uint8_t *out, size_t cap, size_t *ret_n)
{
	return b->clear ? clear_io(b, recv(b->t.fd, out, cap, 0), TLS_WANT_READ, ret_n) : tls_read(&b->t, out, cap, ret_n);
}

int mst_blocking_write(struct mst_blocking *b, struct mst_view v, mst_ms ms, size_t *ret_n)
{
	mst_ms until = clock_ms() + ms;

	for (;;) {
		enum tls_io io = put(b, v, ret_n);

		if (io == TLS_DONE || io == TLS_END)
			return io == TLS_END;
		if (!wait_for(&b->t, io, until))
			return 0;
	}
}

int mst_blocking_read(struct mst_blocking *b, uint8_t *out, size_t cap, mst_ms ms, size_t *ret_n)
{
	mst_ms until = clock_ms() + ms;

	for (;;) {
		enum tls_io io = get(b, out, cap, ret_n);

		if (io == TLS_DONE || io == TLS_END)
			return io == TLS_END;
		if (!wait_for(&b->t, io, until))
			return 0;
	}
}

enum mst_tls_end mst_blocking_end(const struct mst_blocking *b, const char **ret_detail)
{
	*ret_detail = b->t.detail;
	return b->t.end;
}

struct mst_blocking *mst_blocking_free(struct mst_blocking *b)
{
	if (!b)
		return NULL;
	if (b->clear)
		close(b->t.fd);
	if (b->live) {
		tls_session_bye(&b->t, true);
		tls_session_deinit(&b->t);
	}
	free(b);
	return NULL;
}
