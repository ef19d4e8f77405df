/* Datagrams: UDP on one configured address, and a local socket for helpers of other users. Never an answer. */
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/door.h"
#include "transport/server.h"

#define AT_ONCE 64                   /* datagrams before the other events get their turn */
#define ROOM (MST_DEVICE_TRIGGER_MAX + 1)

struct door_sockets {
	struct agent *agent;
	struct { int fd; struct event *ev; } way[2];
	size_t n;
	int local;                           /* of `path`; -1 */
	char path[108];
};

static bool parse(const char *text, struct sockaddr_storage *ret_a, int *ret_n)
{
	*ret_n = sizeof(*ret_a);
	memset(ret_a, 0, sizeof(*ret_a));
	if (evutil_parse_sockaddr_port(text, (struct sockaddr *)ret_a, ret_n))
		return false;
	return ret_a->ss_family == AF_INET ? ((struct sockaddr_in *)(void *)ret_a)->sin_port != 0
					   : ((struct sockaddr_in6 *)(void *)ret_a)->sin6_port != 0;
}

bool door_address_good(const char *text)
{
	struct sockaddr_storage a;
	int n;

	return parse(text, &a, &n);
}

static void on_datagram(evutil_socket_t fd, short what, void *arg)
{
	struct door_sockets *s = arg;
	/* each way has tokens of its own: a flood from the network does not close the local one, nor the other way round */
	enum trigger_source from = fd == s->local ? TRIGGER_SOCKET : TRIGGER_DATAGRAM;
	uint8_t b[ROOM];

	(void)what;
	for (unsigned i = 0; i < AT_ONCE; i++) {
		struct mst_diag d = { 0 };
		ssize_t n = recv(fd, b, sizeof(b), MSG_DONTWAIT);

		if (n < 0)
			break;
		(void)door_push(s->agent, (struct mst_view){ b, (size_t)n }, from, &d);
	}
	agent_turn(s->agent);
}

/* Takes fd over. */
static int watch(struct door_sockets *s, int fd)
{
	struct event *ev = event_new(s->agent->base, fd, EV_READ | EV_PERSIST, on_datagram, s);

	s->way[s->n].fd = fd;
	s->way[s->n++].ev = ev;
	return ev && !event_add(ev, NULL) ? 0 : MST_FAULT_MEMORY;
}

static int refuse(struct agent *a, const char *where, int fd)
{
	int code = errno;

	if (fd >= 0)
		close(fd);
	return door_lacks(a, "address", where, strerror(code)) ? 0 : MST_FAULT_CONFIG;
}

static int open_udp(struct door_sockets *s, const char *text)
{
	struct sockaddr_storage to;
	bool ahead = false;
	int n, fd;

	if (!parse(text, &to, &n)) {
		errno = EINVAL;
		return refuse(s->agent, text, -1);
	}
	fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || mst_bind_ahead(fd, (struct sockaddr *)&to, (socklen_t)n, &ahead))
		return refuse(s->agent, text, fd);
	if (ahead)
		agent_log(s->agent, AGENT_WARN, "door-waits", "address", text, "why", "no interface has that address yet; it is heard once one has it", NULL);
	return watch(s, fd);
}

/* Only a socket is replaced, and only one that nobody answers on: the lock is that of `run`, and this may lie anywhere. false: errno. */
static bool make_room(const struct sockaddr_un *un)
{
	struct stat st;
	int fd, why;

	if (lstat(un->sun_path, &st))
		return errno == ENOENT;
	fd = S_ISSOCK(st.st_mode) ? socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
	why = fd < 0 || !connect(fd, (const struct sockaddr *)un, sizeof(*un)) ? EADDRINUSE : errno;
	if (fd >= 0)
		close(fd);
	if (why == ECONNREFUSED)
		return !unlink(un->sun_path);
	errno = why;
	return false;
}

/* Open to every local user: what comes in has to prove itself. */
static int open_local(struct door_sockets *s, const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	mode_t old;
	int fd, r;

	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return refuse(s->agent, path, -1);
	}
	memcpy(un.sun_path, path, strlen(path) + 1);
	if (!make_room(&un))
		return refuse(s->agent, path, -1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	old = umask(0111);
	r = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&un, sizeof(un));
	umask(old);
	if (r)
		return refuse(s->agent, path, fd);
	memcpy(s->path, un.sun_path, sizeof(s->path));
	s->local = fd;
	return watch(s, fd);
}

int door_sockets_open(struct agent *a, struct door_sockets **ret_s)
{
	struct door_sockets *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return MST_FAULT_MEMORY;
	s->agent = a;
	s->local = -1;
	*ret_s = s;
	if (a->cfg.trigger_listen[0])
		r = open_udp(s, a->cfg.trigger_listen);
	if (!r && a->cfg.trigger_socket[0])
		r = open_local(s, a->cfg.trigger_socket);
	return r;
}

struct door_sockets *door_sockets_close(struct door_sockets *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->n; i++) {
		if (s->way[i].ev)
			event_free(s->way[i].ev);
		close(s->way[i].fd);
	}
	if (s->path[0])
		unlink(s->path);
	free(s);
	return NULL;
}
