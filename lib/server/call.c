/* A blocking question and answer over a socketpair, with a deadline. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "keeper/keeper-wire.h"
#include "server/link.h"

struct mst_call { const struct mst_call_way *way; int fd, timeout_ms; uint64_t id; bool dead; uint8_t buf[MST_FRAME_HEAD + MST_KEEPER_SIGN_MAX]; };

const struct mst_call_way mst_call_keeper = { MST_PROC_ENGINE, MST_PROC_KEEPER, MST_FRAME_KEEPER_CALL };
const struct mst_call_way mst_call_signer = { MST_PROC_KEEPER, MST_PROC_SIGNER, MST_FRAME_SIGN };

int mst_call_new(const struct mst_call_way *way, int fd, int timeout_ms, struct mst_call **ret)
{
	struct mst_call *c = calloc(1, sizeof(*c));
	int flags = fcntl(fd, F_GETFL);

	if (!c)
		return MST_FAULT_MEMORY;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		free(c);
		return MST_FAULT_IO;
	}
	c->way = way;
	c->fd = fd;
	c->timeout_ms = timeout_ms;
	*ret = c;
	return 0;
}

struct mst_call *mst_call_free(struct mst_call *c)
{
	if (c) {
		close(c->fd);
		mst_wipe(c->buf, sizeof(c->buf));
		free(c);
	}
	return NULL;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_for(const struct mst_call *c, short what, int64_t deadline)
{
	for (;;) {
		struct pollfd p = { c->fd, what, 0 };
		int64_t left = deadline - now_ms();
		int r = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (r > 0)
			return 0;
		if (r == 0)
			return MST_FAULT_IO;
		if (errno != EINTR)
			return MST_FAULT_IO;
	}
}

/* Did the socket only ask for patience? Then 0 when it is ready again. */
static int after(const struct mst_call *c, short what, int64_t deadline)
{
	if (errno == EAGAIN || errno == EINTR)
		return wait_for(c, what, deadline);
	return errno == EPIPE || errno == ECONNRESET ? MST_FAULT_CLOSED : MST_FAULT_IO;
}

static int say(const struct mst_call *c, size_t n, int64_t deadline)
{
	int r = 0;

	for (size_t at = 0; at < n && !r;) {
		ssize_t k = send(c->fd, c->buf + at, n - at, MSG_NOSIGNAL);

		if (k >= 0)
			at += (size_t)k;
		else
			r = after(c, POLLOUT, deadline);
	}
	return r;
}

/* One frame into c->buf, in as few reads as it comes; it is never there at once. Nothing may follow it, for nothing was asked. */
static int hear(struct mst_call *c, int64_t deadline, size_t *ret_n)
{
	size_t have = 0, all = sizeof(c->buf);
	int r = wait_for(c, POLLIN, deadline);

	while (!r && have < all) {
		ssize_t k = recv(c->fd, c->buf + have, sizeof(c->buf) - have, 0);

		if (k < 0) {
			r = after(c, POLLIN, deadline);
			continue;
		}
		if (k == 0)
			return MST_FAULT_CLOSED;
		have += (size_t)k;
		if (have < 4)
			continue;
		all = ((size_t)c->buf[0] << 24 | (size_t)c->buf[1] << 16 | (size_t)c->buf[2] << 8 | c->buf[3]) + 4;
		if (all < MST_FRAME_HEAD || all > sizeof(c->buf) || have > all)
			return MST_FAULT_BUG;
	}
	*ret_n = all;
	return r;
}

static int exchange(struct mst_call *c, struct mst_view question, uint8_t *answer, size_t cap, size_t *ret_n)
{
	int64_t deadline = now_ms() + c->timeout_ms;
	struct mst_writer w = mst_writer_of(c->buf, sizeof(c->buf));
	struct mst_frame f;
	size_t used, n = 0;
	int r;

	mst_frame_put(&w, c->way->ask, ++c->id, question);
	if (!w.ok)
		return MST_FAULT_BUG;
	r = say(c, w.n, deadline);
	if (!r)
		r = hear(c, deadline, &n);
	if (r)
		return r;
	if (mst_frame_get((struct mst_view){ c->buf, n }, n - 4, &f, &used) ||
	    !mst_permitted(c->way->peer, c->way->self, f.type, MST_PHASE_RUNNING) || f.id != c->id ||
	    f.payload.n > cap)
		return MST_FAULT_BUG;
	if (f.payload.n)
		memcpy(answer, f.payload.p, f.payload.n);
	*ret_n = f.payload.n;
	return 0;
}

int mst_call(struct mst_call *c, struct mst_view question, uint8_t *answer, size_t cap, size_t *ret_n)
{
	int r;

	if (!c || c->dead)
		return MST_FAULT_CLOSED;
	r = exchange(c, question, answer, cap, ret_n);
	/* after any fault question and answer may no longer pair up */
	c->dead = r < 0;
	return r;
}
