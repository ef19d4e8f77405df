#include "transport/resolve.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"

struct lookup {
	char host[256], service[8];
	int pipe[2];
	pthread_t thread;
	atomic_int leaving;             /* thread and owner each say once that they are done: the second frees */
	struct addrinfo *list;
	int code;
};

/*
 * RFC 6761 6.3: these names are this machine, whatever a hosts file or a name server says, and no name server is
 * asked. So a machine without /etc/hosts has them, too.
 */
static bool is_local(const char *host)
{
	static const char name[] = "localhost";
	size_t n = strlen(host);

	n -= n && host[n - 1] == '.';
	if (n < sizeof(name) - 1 || strncasecmp(host + n - (sizeof(name) - 1), name, sizeof(name) - 1) != 0)
		return false;
	return n == sizeof(name) - 1 || host[n - sizeof(name)] == '.';
}

static struct addrinfo *find(const char *host, const char *service, int flags, int *ret_code)
{
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC, .ai_flags = flags | AI_NUMERICSERV };
	struct addrinfo *list = NULL;

	/* without a host: the loopback addresses */
	*ret_code = getaddrinfo(is_local(host) ? NULL : host, service, &hint, &list);
	return *ret_code ? NULL : list;
}

struct addrinfo *lookup_numeric(const char *host, uint16_t port)
{
	char service[8];
	int code;

	snprintf(service, sizeof(service), "%u", port);
	return find(host, service, AI_NUMERICHOST, &code);
}

static void destroy(struct lookup *l)
{
	if (l->list)
		freeaddrinfo(l->list);
	close(l->pipe[0]);
	close(l->pipe[1]);
	free(l);
}

static void *work(void *arg)
{
	struct lookup *l = arg;

	l->list = find(l->host, l->service, 0, &l->code);
	(void)!write(l->pipe[1], "", 1);
	if (atomic_fetch_add(&l->leaving, 1) == 1)
		destroy(l);
	return NULL;
}

int lookup_start(const char *host, uint16_t port, struct lookup **ret)
{
	struct lookup *l = calloc(1, sizeof(*l));
	sigset_t all, old;
	int r;

	if (!l)
		return MST_FAULT_MEMORY;
	if (!mst_view_to_str(mst_view_str(host), l->host, sizeof(l->host)) || pipe2(l->pipe, O_CLOEXEC | O_NONBLOCK)) {
		free(l);
		return MST_FAULT_IO;
	}
	snprintf(l->service, sizeof(l->service), "%u", port);
	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&l->thread, NULL, work, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		destroy(l);
		return MST_FAULT_MEMORY;
	}
	*ret = l;
	return 0;
}

int lookup_fd(const struct lookup *l)
{
	return l->pipe[0];
}

struct addrinfo *lookup_take(struct lookup *l, int *ret_code)
{
	struct addrinfo *list;

	pthread_join(l->thread, NULL);
	list = l->list;
	l->list = NULL;
	*ret_code = l->code;
	destroy(l);
	return list;
}

void lookup_abandon(struct lookup *l)
{
	pthread_detach(l->thread);
	if (atomic_fetch_add(&l->leaving, 1) == 1)
		destroy(l);
}
