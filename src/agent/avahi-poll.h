/* Avahi's event interface on libevent. */
#ifndef AGENT_AVAHI_POLL_H
#define AGENT_AVAHI_POLL_H

#include <avahi-common/watch.h>

struct event_base;

/* Fill in `ret_p`, which lives as long as the client that uses it. */
void avahi_poll_on(struct event_base *base, AvahiPoll *ret_p);

#endif
