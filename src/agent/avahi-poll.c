#include "agent/avahi-poll.h"

#include <event2/event.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>

/*
 * libevent cannot wait for an error alone, so POLLERR and POLLHUP come to Avahi as readability, which its
 * reader then finds out by itself.
 */
struct AvahiWatch {
	struct event_base *base;
	struct event *e;
	int fd;
	AvahiWatchEvent happened;
	AvahiWatchCallback callback;
	void *arg;
};

struct AvahiTimeout {
	struct event *e;
	AvahiTimeoutCallback callback;
	void *arg;
};

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	AvahiWatch *w = arg;

	w->happened = (AvahiWatchEvent)((what & EV_READ ? POLLIN : 0) | (what & EV_WRITE ? POLLOUT : 0));
	w->callback(w, fd, w->happened, w->arg);
}

static short wanted(AvahiWatchEvent e)
{
	return (short)(EV_PERSIST | (e & AVAHI_WATCH_IN ? EV_READ : 0) | (e & AVAHI_WATCH_OUT ? EV_WRITE : 0));
}

static AvahiWatch *watch_new(const AvahiPoll *api, int fd, AvahiWatchEvent e, AvahiWatchCallback cb, void *arg)
{
	AvahiWatch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	*w = (AvahiWatch){ .base = api->userdata, .fd = fd, .callback = cb, .arg = arg };
	w->e = event_new(w->base, fd, wanted(e), on_watch, w);
	if (!w->e || event_add(w->e, NULL)) {
		if (w->e)
			event_free(w->e);
		free(w);
		return NULL;
	}
	return w;
}

static void watch_update(AvahiWatch *w, AvahiWatchEvent e)
{
	/* Out of memory cannot be told here; the discovery's deadline ends what is then deaf. */
	event_del(w->e);
	if (!event_assign(w->e, w->base, w->fd, wanted(e), on_watch, w))
		event_add(w->e, NULL);
}

static AvahiWatchEvent watch_get_events(AvahiWatch *w)
{
	return w->happened;
}

static void watch_free(AvahiWatch *w)
{
	event_free(w->e);
	free(w);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	AvahiTimeout *t = arg;

	(void)fd;
	(void)what;
	t->callback(t, t->arg);
}

/* Avahi's times are absolute. */
static void timeout_update(AvahiTimeout *t, const struct timeval *at)
{
	struct timeval now, left = { 0, 0 };
	int64_t us;

	event_del(t->e);
	if (!at)
		return;
	gettimeofday(&now, NULL);
	us = (int64_t)(at->tv_sec - now.tv_sec) * 1000000 + (at->tv_usec - now.tv_usec);
	if (us > 0)
		left = (struct timeval){ .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
	event_add(t->e, &left);
}

static AvahiTimeout *timeout_new(const AvahiPoll *api, const struct timeval *at, AvahiTimeoutCallback cb, void *arg)
{
	AvahiTimeout *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (AvahiTimeout){ .callback = cb, .arg = arg };
	t->e = evtimer_new((struct event_base *)api->userdata, on_timeout, t);
	if (!t->e) {
		free(t);
		return NULL;
	}
	timeout_update(t, at);
	return t;
}

static void timeout_free(AvahiTimeout *t)
{
	event_free(t->e);
	free(t);
}

void avahi_poll_on(struct event_base *base, AvahiPoll *ret_p)
{
	*ret_p = (AvahiPoll){
		.userdata = base,
		.watch_new = watch_new, .watch_update = watch_update, .watch_get_events = watch_get_events,
		.watch_free = watch_free,
		.timeout_new = timeout_new, .timeout_update = timeout_update, .timeout_free = timeout_free,
	};
}
