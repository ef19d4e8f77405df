/*
 * The briefing node on the LAN (architecture 3.4): while the daemon is ready, avahi-publish tells whoever browses
 * _muster-bbn._tcp where it is. A program of its own, because the supervisor speaks to nobody and no other process
 * of ours needs the system's bus. That it cannot be started or ends is told and tried again; nothing else hangs on it.
 */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/supervisor-internal.h"

#define PROGRAM "/usr/bin/avahi-publish"
#define AGAIN_SECONDS 10
#define STEADY_MS 60000          /* what ran so long had been there; its end is news */

static uint16_t bound_port(const struct supervisor *s)
{
	union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } a;
	socklen_t n = sizeof(a);

	memset(&a, 0, sizeof(a));
	for (size_t i = 0; i < s->n; i++) {
		const struct child *c = &s->child[i];

		if (c->role != MST_ROLE_BBN || !c->n_sockets || getsockname(c->socket[0], &a.any, &n))
			continue;
		return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
	}
	return 0;
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	publish_start(arg);
}

static void later(struct supervisor *s)
{
	const struct timeval t = { AGAIN_SECONDS, 0 };

	if (!s->publish_again)
		s->publish_again = evtimer_new(s->base, on_again, s);
	if (s->publish_again)
		evtimer_add(s->publish_again, &t);
}

/* In the new process. The bus's address is the one thing of the environment that it needs. */
static void become(const struct supervisor *s, char *const argv[], pid_t parent)
{
	char bus[512];
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	char *env[] = { bus, NULL };

	snprintf(bus, sizeof(bus), "DBUS_SYSTEM_BUS_ADDRESS=%s", address ? address : "unix:path=/run/dbus/system_bus_socket");
	if (s->conf->processes != MST_CONF_SINGLE && mst_privilege_drop(&s->privilege))
		_exit(3);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(3);
	execve(PROGRAM, argv, env);
	_exit(127);
}

void publish_start(struct supervisor *s)
{
	const struct mst_conf_role *r = &s->conf->bbn;
	char port[8], fqdn[MST_ID_MAX + 8], path[sizeof(r->base) + 8], name[sizeof(r->publish)];
	char program[] = "avahi-publish", service[] = "-s", ended[] = "--", type[] = "_muster-bbn._tcp";
	char *argv[] = { program, service, ended, name, type, port, fqdn, path, NULL };
	pid_t parent = getpid();

	if (!r->present || !r->publish[0] || s->publish_pid > 0 || s->stopping)
		return;
	snprintf(name, sizeof(name), "%s", r->publish);
	snprintf(port, sizeof(port), "%u", bound_port(s));
	snprintf(fqdn, sizeof(fqdn), "fqdn=%s", r->fqdn);
	snprintf(path, sizeof(path), "path=%s", r->base);
	s->publish_since = mst_now_ms();
	s->publish_pid = fork();
	if (s->publish_pid == 0)
		become(s, argv, parent);
	if (s->publish_pid > 0)
		mst_log(&s->log, MST_LOG_INFO, "told on the LAN", "service", type, "name", name, "port", port, NULL);
	else
		later(s);
}

bool publish_ended(struct supervisor *s, pid_t pid, int status)
{
	if (pid != s->publish_pid)
		return false;
	s->publish_pid = 0;
	if (s->stopping || !s->conf->bbn.publish[0])
		return true;
	if (mst_now_ms() - s->publish_since > STEADY_MS)
		s->publish_failures = 0;
	mst_log(&s->log, s->publish_failures++ ? MST_LOG_DEBUG : MST_LOG_WARNING, "not told on the LAN; tried again", "why",
		WIFEXITED(status) && WEXITSTATUS(status) == 127 ? PROGRAM " is not there; install avahi-utils"
								 : "avahi-publish ended; is avahi-daemon running?", NULL);
	later(s);
	return true;
}

void publish_stop(struct supervisor *s)
{
	if (s->publish_pid > 0)
		kill(s->publish_pid, SIGTERM);
	if (s->publish_again)
		event_free(s->publish_again);
	s->publish_again = NULL;
}
