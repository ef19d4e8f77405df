#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/text.h"
#include "transport/address.h"
#include "transport/coap-server.h"
#include "transport/server.h"

#define BACKLOG 512

bool address_split(const char *address, char *host, size_t cap, uint16_t *ret_port)
{
	struct mst_view v = mst_view_str(address), h, p;
	uint64_t port;
	size_t at;

	if (mst_view_starts(v, "[")) {
		at = mst_view_find(v, ']');
		h = mst_view_sub(v, 1, at - 1);
		if (at == v.n)
			return false;
		at++;
	} else {
		at = mst_view_find(v, ':');
		h = mst_view_sub(v, 0, at);
	}
	if (at >= v.n || v.p[at] != ':')
		return false;
	p = mst_view_sub(v, at + 1, v.n);
	if (!mst_parse_dec(p, 65535, &port) || !mst_view_to_str(h, host, cap) || !*host)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static const char *remedy(int code)
{
	switch (code) {
	case EADDRINUSE: return "; another process listens there: stop it, or choose another port or path";
	case EACCES: return "; ports below 1024 need root or CAP_NET_BIND_SERVICE (a unit: in CapabilityBoundingSet= and AmbientCapabilities=), a path needs a writable directory";
	case EADDRNOTAVAIL: return "; no interface of this host has that address";
	case ENOENT: return "; its directory must exist";
	default: return "";
	}
}

static int refuse(struct mst_diag *d, const char *address, const char *what, int code)
{
	mst_diag_set(d, 0, address, what, ": ", code ? strerrordesc_np(code) : "want host:port, [v6]:port or unix:/path",
	             remedy(code), (const char *)NULL);
	errno = code;
	return code ? MST_FAULT_IO : MST_FAULT_CONFIG;
}

static int listen_unix(const char *path, int *ret_fd, struct mst_diag *d)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;
	int fd, saved;
	mode_t mask;

	if (!mst_view_to_str(mst_view_str(path), a.sun_path, sizeof(a.sun_path)) || !*path)
		return refuse(d, path, "socket path empty or too long", 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return refuse(d, path, "cannot make a socket", errno);
	/* only a socket is replaced, and only one that nobody answers on any more */
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode)) {
		if (!connect(fd, (struct sockaddr *)&a, sizeof(a)) || errno != ECONNREFUSED) {
			close(fd);
			return refuse(d, path, "another server listens there", EADDRINUSE);
		}
		(void)unlink(path);
	}
	mask = umask(0177);
	saved = bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, BACKLOG) ? errno : 0;
	umask(mask);
	if (saved) {
		close(fd);
		return refuse(d, path, "cannot listen", saved);
	}
	*ret_fd = fd;
	return 0;
}

/* Datagrams: the address that each came to is told, so that answers leave from it. */
static int set_datagram(int fd, int family)
{
	int on = 1;

	return family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) :
	                            setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

int mst_bind_ahead(int fd, const struct sockaddr *a, socklen_t n, bool *ret_ahead)
{
	int on = 1, r = bind(fd, a, n);

	*ret_ahead = r && errno == EADDRNOTAVAIL;
	if (!*ret_ahead)
		return r;
	if (a->sa_family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) : setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)))
		return -1;
	return bind(fd, a, n);
}

/* `ret_ahead` NULL: only what an interface has. */
static int listen_one(const struct addrinfo *ai, bool reuseport, int *ret_fd, bool *ret_ahead)
{
	int on = 1, fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool stream = ai->ai_socktype == SOCK_STREAM;

	if (fd < 0)
		return errno;
	/* on datagrams REUSEADDR would let a second server in beside us */
	if ((stream && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on))) ||
	    (reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on))) ||
	    (ai->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) ||
	    (ret_ahead ? mst_bind_ahead(fd, ai->ai_addr, ai->ai_addrlen, ret_ahead) : bind(fd, ai->ai_addr, ai->ai_addrlen)) || (stream ? listen(fd, BACKLOG) : set_datagram(fd, ai->ai_family))) {
		int saved = errno;

		close(fd);
		return saved;
	}
	/* accepted sockets inherit it: without, TLS 1.3 shows stalls of 40 ms (gotcha 5) */
	if (stream)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*ret_fd = fd;
	return 0;
}

static int listen_host(const char *address, int type, bool reuseport, int *ret_fd, uint16_t *ret_port, bool *ret_ahead, struct mst_diag *d)
{
	struct addrinfo hint = { .ai_socktype = type, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *list;
	union { struct sockaddr sa; struct sockaddr_in in; struct sockaddr_in6 in6; } a = { .in6.sin6_port = 0 };
	socklen_t n = sizeof(a);
	char host[256], service[8];
	uint16_t port;
	int fd = -1, r;

	if (!address_split(address, host, sizeof(host), &port))
		return refuse(d, address, "not an address", 0);
	snprintf(service, sizeof(service), "%u", port);
	r = getaddrinfo(strcmp(host, "*") ? host : NULL, service, &hint, &list);
	if (r) {
		mst_diag_set(d, 0, address, "cannot resolve: ", gai_strerror(r), (const char *)NULL);
		return MST_FAULT_CONFIG;
	}
	r = EADDRNOTAVAIL;
	for (struct addrinfo *ai = list; ai && r; ai = ai->ai_next)
		r = listen_one(ai, reuseport, &fd, ret_ahead);
	freeaddrinfo(list);
	if (r)
		return refuse(d, address, "cannot listen", r);
	if (getsockname(fd, &a.sa, &n)) {
		r = errno;
		close(fd);
		return refuse(d, address, "cannot listen", r);
	}
	*ret_port = ntohs(a.sa.sa_family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
	*ret_fd = fd;
	return 0;
}

int mst_listen(const char *address, bool reuseport, int *ret_fd, uint16_t *ret_port, struct mst_diag *d)
{
	if (mst_view_starts(mst_view_str(address), "unix:")) {
		*ret_port = 0;
		return listen_unix(address + 5, ret_fd, d);
	}
	return listen_host(address, SOCK_STREAM, reuseport, ret_fd, ret_port, NULL, d);
}

int mst_listen_ahead(const char *address, int *ret_fd, uint16_t *ret_port, bool *ret_ahead, struct mst_diag *d)
{
	*ret_ahead = false;
	return listen_host(address, SOCK_STREAM, false, ret_fd, ret_port, ret_ahead, d);
}

int mst_listen_udp(const char *address, bool reuseport, int *ret_fd, uint16_t *ret_port, struct mst_diag *d)
{
	return listen_host(address, SOCK_DGRAM, reuseport, ret_fd, ret_port, NULL, d);
}
