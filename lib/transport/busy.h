/*
 * Peers that are turned away for want of places or of memory. Their owner hears of the first at once, and of those of the second that follows
 * together at its end: a flood of peers becomes no flood of words, and the last of them is not left out.
 */
#ifndef MST_TRANSPORT_BUSY_H
#define MST_TRANSPORT_BUSY_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "transport/tls.h"

/* As on_handshake_failed of both kinds of server: MST_TLS_BUSY, and "WHY THE LAST ONE; N refused". NULL: nobody listens. */
typedef void (*busy_tell)(void *owner, const struct mst_peer *peer, enum mst_tls_end why, const char *detail);

struct busy {
	busy_tell tell;
	void *owner;
	struct event second;            /* pending: the owner has heard something, and hears the rest at its end */
	unsigned n;                     /* turned away, and not told of */
	const char *what;
	struct mst_peer last;           /* its address is all that is known; here, so that it takes no memory when there is none */
};

/* Zeroes it. */
void busy_init(struct busy *b, struct event_base *base, busy_tell tell, void *owner);
/* `what` lives for ever, or as long as the server. */
void busy_report(struct busy *b, const char *address, const char *what);
/* What has not been told is not told any more. Of one that was never initialised, too. */
void busy_deinit(struct busy *b);

#endif
