/*
 * A name's addresses, found by a thread of its own, so that a slow resolver never stops the loop. The loop
 * learns it through a pipe. "localhost", and names below it, are the loopback addresses (RFC 6761 6.3). A look-up that nobody waits for any more ends by itself.
 */
#ifndef MST_TRANSPORT_RESOLVE_H
#define MST_TRANSPORT_RESOLVE_H

#include <netdb.h>

#include "base/attr.h"
#include "base/view.h"

struct lookup;

/* The descriptor becomes readable when it is done. */
MST_MUST_CHECK int lookup_start(const char *host, uint16_t port, struct lookup **ret);
int lookup_fd(const struct lookup *l);
/* After it is done: addresses in the resolver's order (RFC 6724), both families; the caller frees them with freeaddrinfo().
 * NULL, and *ret_code of getaddrinfo(), when there are none. Frees the look-up. */
struct addrinfo *lookup_take(struct lookup *l, int *ret_code);
void lookup_abandon(struct lookup *l);
/* At once, without a resolver: the host is a number. NULL when it is not. */
struct addrinfo *lookup_numeric(const char *host, uint16_t port);

#endif
