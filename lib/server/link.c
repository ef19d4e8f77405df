#include "server/link.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK (64 * 1024)
#define FDS_MAX 8
#define FRAMES_A_TURN 256
#define FRAMES_AT_ONCE 16             /* frames in one system call */
#define GATHER_MAX (64 * 1024)        /* octets that wait for the end of a turn */

struct chunk { struct chunk *next; int fd; size_t n, at; uint8_t b[]; };

struct mst_link {
	struct mst_link_config c;
	const struct mst_link_ops *ops;
	void *owner;
	enum mst_phase phase;
	bool down, down_told, freed;
	bool broke;                   /* what came was not permitted, or no frame */
	unsigned busy;                /* depth of callbacks: free waits for them */
	const char *why;
	/* what waits to be sent (socket), or to be taken by the other end (memory) */
	struct chunk *head, **tail;
	size_t queued;
	struct event *read_event, *write_event, *down_event;
	struct event *flush_event;    /* NULL: frames go out at once */
	int fd;                       /* -1: in memory */
	uint8_t *in;
	size_t in_n, in_cap;
	int fds[FDS_MAX];
	unsigned n_fds;
	struct mst_link *other;       /* memory: the other end, NULL when it is gone */
};

static void link_dispose(struct mst_link *l)
{
	struct chunk *c;

	while ((c = l->head)) {
		l->head = c->next;
		if (c->fd >= 0)
			close(c->fd);
		mst_wipe(c->b, c->n);
		free(c);
	}
	if (l->in)
		mst_wipe(l->in, l->in_cap);
	free(l->in);
	for (unsigned i = 0; i < l->n_fds; i++)
		close(l->fds[i]);
	free(l);
}

static void leave(struct mst_link *l)
{
	if (!--l->busy && l->freed)
		link_dispose(l);
}

static void go_down(struct mst_link *l, const char *why)
{
	if (l->down)
		return;
	l->down = true;
	l->why = why;
	if (l->read_event)
		event_del(l->read_event);
	if (l->write_event)
		event_del(l->write_event);
	if (l->flush_event)
		event_del(l->flush_event);
	event_active(l->down_event, EV_TIMEOUT, 1);
	if (l->other) {       /* the far end learns it too, as with a closed socket */
		struct mst_link *o = l->other;

		l->other = NULL;
		o->other = NULL;
		go_down(o, "closed");
	}
}

/* Not by the other end's end: it does not know, and neither gets another link while both live. */
static void lose(struct mst_link *l, const char *why)
{
	l->broke = true;
	go_down(l, why);
}

bool mst_link_broke(const struct mst_link *l)
{
	return l->broke;
}

static void violate(struct mst_link *l, const char *what, enum mst_frame_type t)
{
	if (l->c.violations)
		(*l->c.violations)++;
	if (l->c.log)
		mst_log(l->c.log, MST_LOG_ERROR, "a frame that is not permitted; link dropped", "what", what,
			"frame", t < MST_FRAME__COUNT ? mst_frame_name[t] : "?", "peer",
			mst_process_name[l->c.peer], NULL);
	lose(l, what);
}

static void on_down_event(evutil_socket_t fd, short what, void *arg)
{
	struct mst_link *l = arg;

	(void)fd;
	(void)what;
	if (l->down_told)
		return;
	l->down_told = true;
	l->busy++;
	if (l->ops && l->ops->on_down)
		l->ops->on_down(l->owner, l, l->why);
	leave(l);
}

/* One whole frame for the owner; false when the link went down or was freed. */
static bool deliver(struct mst_link *l, const struct mst_frame *f)
{
	int fd = -1;

	if (!mst_permitted(l->c.peer, l->c.self, f->type, l->phase)) {
		violate(l, "received against the permit table", f->type);
		return false;
	}
	if (f->type == MST_FRAME_LINK && l->n_fds) {
		fd = l->fds[0];
		memmove(l->fds, l->fds + 1, --l->n_fds * sizeof(l->fds[0]));
	}
	l->ops->on_frame(l->owner, l, f, fd);
	return !l->freed && !l->down;
}

static void take_frames(struct mst_link *l)
{
	size_t at = 0;

	for (;;) {
		struct mst_frame f;
		size_t used;
		int r = mst_frame_get((struct mst_view){ l->in + at, l->in_n - at }, l->c.frame_max, &f,
				      &used);

		if (r == MST_FRAME_BAD)
			violate(l, "no frame", MST_FRAME__COUNT);
		if (r)
			break;
		if (!deliver(l, &f))
			break;
		at += used;
	}
	if (l->freed || l->down)
		return;
	if (at) {
		memmove(l->in, l->in + at, l->in_n - at);
		mst_wipe(l->in + (l->in_n - at), at); /* sealed keys only, and the channel keys of CHANNEL */
		l->in_n -= at;
	}
}

static bool grow(struct mst_link *l, size_t want)
{
	uint8_t *p;
	size_t cap = l->in_cap ? l->in_cap : READ_CHUNK;

	while (cap < want)
		cap *= 2;
	if (cap == l->in_cap)
		return true;
	p = malloc(cap);
	if (!p)
		return false;
	if (l->in) {
		memcpy(p, l->in, l->in_n);
		mst_wipe(l->in, l->in_cap);
		free(l->in);
	}
	l->in = p;
	l->in_cap = cap;
	return true;
}

/* What came along with the octets just read. */
static void take_fds(struct mst_link *l, struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			/* only the supervisor passes sockets */
			if (l->n_fds < FDS_MAX && l->c.peer == MST_PROC_SUPERVISOR)
				l->fds[l->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct mst_link *l = arg;
	union { char b[CMSG_SPACE(sizeof(int) * FDS_MAX)]; struct cmsghdr align; } ctl;
	struct iovec v;
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl.b, .msg_controllen = sizeof(ctl.b)
	};
	ssize_t n;

	(void)what;
	l->busy++;
	if (!grow(l, l->in_n + READ_CHUNK)) {
		lose(l, "no memory");
		leave(l);
		return;
	}
	v.iov_base = l->in + l->in_n;
	v.iov_len = l->in_cap - l->in_n;
	n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n > 0) {
		take_fds(l, &m);
		l->in_n += (size_t)n;
		take_frames(l);
	} else if (n == 0) {
		go_down(l, "closed");
	} else if (errno == ECONNRESET) {
		go_down(l, "closed");
	} else if (errno != EAGAIN && errno != EINTR) {
		lose(l, strerror(errno));
	}
	leave(l);
}

static void pop(struct mst_link *l)
{
	struct chunk *c = l->head;

	l->head = c->next;
	if (!l->head)
		l->tail = &l->head;
	mst_wipe(c->b, c->n);
	free(c);
}

/* Up to FRAMES_AT_ONCE frames; one with a descriptor goes alone. *ret_all: octets that were tried. */
static ssize_t send_frames(struct mst_link *l, size_t *ret_all)
{
	union { char b[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } ctl;
	struct iovec v[FRAMES_AT_ONCE];
	struct msghdr m = { .msg_iov = v };

	*ret_all = 0;
	for (struct chunk *c = l->head; c && m.msg_iovlen < FRAMES_AT_ONCE && (c == l->head || c->fd < 0); c = c->next) {
		v[m.msg_iovlen++] = (struct iovec){ c->b + c->at, c->n - c->at };
		*ret_all += c->n - c->at;
		if (c->fd >= 0)
			break;
	}
	if (l->head->fd >= 0) {
		struct cmsghdr *h;

		memset(&ctl, 0, sizeof(ctl));
		m.msg_control = ctl.b;
		m.msg_controllen = sizeof(ctl.b);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &l->head->fd, sizeof(int));
	}
	return sendmsg(l->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* False: nothing more goes out now. */
static bool send_some(struct mst_link *l)
{
	size_t all, n;
	ssize_t k = send_frames(l, &all);

	if (k < 0) {
		if (errno == EPIPE || errno == ECONNRESET)
			go_down(l, "closed");
		else if (errno != EAGAIN && errno != EINTR)
			lose(l, strerror(errno));
		return false;
	}
	if (l->head->fd >= 0) {
		close(l->head->fd);
		l->head->fd = -1;
	}
	l->queued -= (size_t)k;
	for (n = (size_t)k; n;) {
		struct chunk *c = l->head;
		size_t left = c->n - c->at;

		if (n < left) {
			c->at += n;
			break;
		}
		n -= left;
		pop(l);
	}
	return (size_t)k == all;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct mst_link *l = arg;

	(void)fd;
	(void)what;
	while (!l->down && l->head && send_some(l))
		;
	/* what is queued would lie there for good */
	if (!l->down && l->head && event_add(l->write_event, NULL))
		lose(l, "it cannot be watched");
}

/* The first frame of a turn waits for the others. By a timer: an event made active at a higher priority would end the turn. */
static void flush_later(struct mst_link *l)
{
	static const struct timeval at_once;

	if (l->queued > GATHER_MAX)
		mst_link_flush(l);
	else if (!l->head->next && event_add(l->flush_event, &at_once))
		mst_link_flush(l);
}

/* In memory: this end's turn to take what the other one has queued. */
static void on_queued(evutil_socket_t fd, short what, void *arg)
{
	struct mst_link *l = arg;
	unsigned turns = 0;

	(void)fd;
	(void)what;
	l->busy++;
	while (!l->freed && !l->down && l->other && l->other->head && turns++ < FRAMES_A_TURN) {
		struct chunk *c = l->other->head;
		struct mst_frame f;
		size_t used;

		l->other->queued -= c->n;
		l->other->head = c->next;
		if (!c->next)
			l->other->tail = &l->other->head;
		if (mst_frame_get((struct mst_view){ c->b, c->n }, l->c.frame_max, &f, &used) || used != c->n)
			violate(l, "no frame", MST_FRAME__COUNT);
		else
			(void)deliver(l, &f);
		mst_wipe(c->b, c->n);
		free(c);
	}
	if (!l->freed && !l->down && l->other && l->other->head)
		event_active(l->read_event, EV_TIMEOUT, 1);
	leave(l);
}

static struct mst_link *make(const struct mst_link_config *c, int fd)
{
	struct mst_link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->c = *c;
	l->fd = fd;
	l->tail = &l->head;
	l->down_event = event_new(c->base, -1, 0, on_down_event, l);
	l->read_event = event_new(c->base, fd, fd < 0 ? 0 : EV_READ | EV_PERSIST,
				  fd < 0 ? on_queued : on_readable, l);
	if (fd >= 0)
		l->write_event = event_new(c->base, fd, EV_WRITE, on_writable, l);
	if (fd >= 0 && c->gather)
		l->flush_event = event_new(c->base, -1, 0, on_writable, l);
	if (!l->down_event || !l->read_event || (fd >= 0 && (!l->write_event || (c->gather && !l->flush_event)))) {
		l->fd = -1;          /* not taken over */
		(void)mst_link_free(l);
		return NULL;
	}
	event_priority_set(l->read_event, c->priority);
	event_priority_set(l->down_event, c->priority);
	if (l->flush_event)
		event_priority_set(l->flush_event, c->priority);
	return l;
}

int mst_link_socket(const struct mst_link_config *c, int fd, const struct mst_link_ops *ops, void *owner,
		    struct mst_link **ret_l)
{
	int flags = fcntl(fd, F_GETFL);
	struct mst_link *l;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return MST_FAULT_IO;
	l = make(c, fd);
	if (!l)
		return MST_FAULT_MEMORY;
	mst_link_owner(l, ops, owner);
	if (event_add(l->read_event, NULL)) {
		l->fd = -1;          /* not taken over */
		(void)mst_link_free(l);
		return MST_FAULT_IO;
	}
	*ret_l = l;
	return 0;
}

int mst_link_memory(const struct mst_link_config *a, const struct mst_link_config *b, struct mst_link **ret_a,
		    struct mst_link **ret_b)
{
	struct mst_link *x = make(a, -1), *y = make(b, -1);

	if (!x || !y) {
		(void)mst_link_free(x);
		(void)mst_link_free(y);
		return MST_FAULT_MEMORY;
	}
	x->other = y;
	y->other = x;
	*ret_a = x;
	*ret_b = y;
	return 0;
}

void mst_link_owner(struct mst_link *l, const struct mst_link_ops *ops, void *owner)
{
	l->ops = ops;
	l->owner = owner;
}

int mst_link_send_fd(struct mst_link *l, enum mst_frame_type type, uint64_t id, struct mst_view payload,
		     int fd)
{
	size_t n = MST_FRAME_HEAD + payload.n;
	struct mst_writer w;
	struct chunk *c;

	if (l->down)
		return MST_FAULT_CLOSED;
	if (!mst_permitted(l->c.self, l->c.peer, type, l->phase)) {
		violate(l, "sent against the permit table", type);
		l->broke = false;
		return MST_LINK_FORBIDDEN;
	}
	if (n - 4 > l->c.frame_max || l->queued + n > l->c.queue_max)
		return MST_LINK_FULL;
	c = malloc(sizeof(*c) + n);
	if (!c)
		return MST_FAULT_MEMORY;
	*c = (struct chunk){ .fd = -1, .n = n };
	if (fd >= 0 && (c->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0) {
		free(c);
		return MST_FAULT_IO;
	}
	w = mst_writer_of(c->b, n);
	mst_frame_put(&w, type, id, payload);
	*l->tail = c;
	l->tail = &c->next;
	l->queued += n;
	if (l->fd < 0 && l->other)
		event_active(l->other->read_event, EV_TIMEOUT, 1);
	else if (l->flush_event)
		flush_later(l);
	else if (l->fd >= 0)
		mst_link_flush(l);
	return 0;
}

int mst_link_send(struct mst_link *l, enum mst_frame_type type, uint64_t id, struct mst_view payload)
{
	return mst_link_send_fd(l, type, id, payload, -1);
}

void mst_link_flush(struct mst_link *l)
{
	if (l->fd >= 0)
		on_writable(l->fd, EV_WRITE, l);
}

void mst_link_phase(struct mst_link *l, enum mst_phase p)
{
	l->phase = p;
}

size_t mst_link_queued(const struct mst_link *l)
{
	return l->queued;
}

struct mst_link *mst_link_free(struct mst_link *l)
{
	if (!l || l->freed)
		return NULL;
	if (!l->down && l->head)
		mst_link_flush(l);
	l->freed = true;
	if (l->other) {
		l->other->other = NULL;
		go_down(l->other, "closed");
		l->other = NULL;
	}
	if (l->read_event)
		event_free(l->read_event);
	if (l->write_event)
		event_free(l->write_event);
	if (l->down_event)
		event_free(l->down_event);
	if (l->flush_event)
		event_free(l->flush_event);
	l->read_event = l->write_event = l->down_event = l->flush_event = NULL;
	if (l->fd >= 0)
		close(l->fd);
	if (!l->busy)
		link_dispose(l);
	return NULL;
}
