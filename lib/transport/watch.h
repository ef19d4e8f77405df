/* Waiting for a socket. */
#ifndef TRANSPORT_WATCH_H
#define TRANSPORT_WATCH_H

#include <event2/event.h>
#include <event2/event_struct.h>

#define WATCH_AGAIN_MS 20
#define WATCH_POLLED (-1)       /* what no real wish is equal to: the next one is made anew */

/*
 * `io` waits for `what` from now on (0: for nothing). Where the kernel cannot watch one more (no memory, a limit) its owner is woken
 * every moment and tries for itself, and watches again when it wants something next. Returns what it waits for.
 */
static inline short watch_socket(struct event *io, struct event_base *base, int fd, short what, event_callback_fn f, void *arg)
{
	const struct timeval again = { 0, WATCH_AGAIN_MS * 1000 };

	event_del(io);
	event_assign(io, base, fd, (short)(what | EV_PERSIST), f, arg);
	if (!what || !event_add(io, NULL))
		return what;
	event_assign(io, base, -1, EV_PERSIST, f, arg);
	event_add(io, &again);
	return WATCH_POLLED;
}

#endif
