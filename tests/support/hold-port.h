/* A port of 127.0.0.1 that stays a test's own while its server is away: bound, so that the kernel gives it to nobody else, and not listened at, so
 * that who dials is refused. mst_listen() with `reuseport` goes beside it. */
#ifndef TESTS_SUPPORT_HOLD_PORT_H
#define TESTS_SUPPORT_HOLD_PORT_H

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

/* Negative: somebody else has it. */
static inline int hold_port(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) && !setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) &&
	    !bind(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

#endif
