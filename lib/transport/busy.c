#include "transport/busy.h"

#include <stdio.h>
#include <string.h>

static void say(struct busy *b)
{
	static const struct timeval second = { 1, 0 };
	char detail[128];

	snprintf(detail, sizeof(detail), "%s; %u refused", b->what, b->n);
	b->n = 0;
	event_add(&b->second, &second);
	b->tell(b->owner, &b->last, MST_TLS_BUSY, detail);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct busy *b = arg;

	(void)fd;
	(void)what;
	if (b->n)
		say(b);
}

void busy_init(struct busy *b, struct event_base *base, busy_tell tell, void *owner)
{
	memset(b, 0, sizeof(*b));
	b->tell = tell;
	b->owner = owner;
	event_assign(&b->second, base, -1, 0, on_second, b);
}

void busy_report(struct busy *b, const char *address, const char *what)
{
	if (!b->tell)
		return;
	b->n++;
	b->what = what;
	snprintf(b->last.address, sizeof(b->last.address), "%s", address);
	if (!event_pending(&b->second, EV_TIMEOUT, NULL))
		say(b);
}

void busy_deinit(struct busy *b)
{
	if (event_initialized(&b->second))
		event_del(&b->second);
}
