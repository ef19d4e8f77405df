/* "host:port" and "[v6]:port", and their numbers for people. */
#ifndef MST_TRANSPORT_ADDRESS_H
#define MST_TRANSPORT_ADDRESS_H

#include <sys/socket.h>

#include "base/attr.h"
#include "base/view.h"

MST_MUST_CHECK bool address_split(const char *address, char *host, size_t cap, uint16_t *ret_port);
/* "127.0.0.1:80", "[::1]:80", "unix" */
void address_text(const struct sockaddr_storage *a, char *out, size_t cap);
/* Peers are told apart by address without port; an IPv6 host has a whole /64. 0: neither. */
uint64_t address_origin(const struct sockaddr_storage *a);

#endif
