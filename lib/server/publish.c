/*
 * The briefing node on the LAN (architecture 3.4): while the daemon is ready, avahi-publish tells whoever browses
 * _muster-bbn._tcp where it is, and whoever browses _muster-bbn._udp where it speaks CoAP. A program of its own, because the supervisor speaks to nobody and no other process
 * of ours needs the system's bus. That it cannot be started or ends is told and tried again; nothing else hangs on it.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
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

static const struct { const char *type; int socket; } services[] = {
	{ "_muster-bbn._tcp", SOCK_STREAM }, { "_muster-bbn._udp", SOCK_DGRAM },
};

static bool is_of(int fd, int type)
{
	socklen_t n = sizeof(int);
	int is = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &is, &n) && is == type;
}

/* 0: it does not listen for such. */
static uint16_t bound_port(const struct supervisor *s, int type)
{
	union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } a;
	socklen_t n = sizeof(a);

	memset(&a, 0, sizeof(a));
	for (size_t i = 0; i < s->n; i++) {
		const struct child *c = &s->child[i];

		for (size_t k = 0; c->role == MST_ROLE_BBN && k < c->n_sockets; k++)
			if (is_of(c->socket[k], type) && !getsockname(c->socket[k], &a.any, &n))
				return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
	}
	return 0;
}

static void start_one(struct publish *p);

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	start_one(arg);
}

static void later(struct publish *p)
{
	const struct timeval t = { AGAIN_SECONDS, 0 };

	if (!p->again)
		p->again = evtimer_new(p->s->base, on_again, p);
	if (p->again)
		evtimer_add(p->again, &t);
}

/*
 * In the new process. The bus's address is the one thing of the environment that it needs. It begins when `gate` closes: by then the local listener knows
 * that it is no administrator.
 */
static void become(const struct supervisor *s, char *const argv[], pid_t parent, const int gate[2])
{
	char bus[512], nothing;
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	char *env[] = { bus, NULL };

	snprintf(bus, sizeof(bus), "DBUS_SYSTEM_BUS_ADDRESS=%s", address ? address : "unix:path=/run/dbus/system_bus_socket");
	if (s->conf->processes != MST_CONF_SINGLE && mst_privilege_drop(&s->privilege))
		_exit(3);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(gate[1]);
	while (read(gate[0], &nothing, 1) < 0 && errno == EINTR)
		;
	if (getppid() != parent)
		_exit(3);
	execve(PROGRAM, argv, env);
	_exit(127);
}

static void start_one(struct publish *p)
{
	struct supervisor *s = p->s;
	const struct mst_conf_role *r = &s->conf->bbn;
	uint16_t at = bound_port(s, services[p - s->publish].socket);
	char port[8], fqdn[MST_ID_MAX + 8], path[sizeof(r->base) + 8], name[sizeof(r->publish)];
	char program[] = "avahi-publish", service[] = "-s", ended[] = "--", type[24];
	char *argv[] = { program, service, ended, name, type, port, fqdn, path, NULL };
	pid_t parent = getpid();
	int gate[2];

	if (!r->present || !r->publish[0] || !at || p->pid > 0 || s->stopping)
		return;
	snprintf(name, sizeof(name), "%s", r->publish);
	snprintf(type, sizeof(type), "%s", services[p - s->publish].type);
	snprintf(port, sizeof(port), "%u", at);
	snprintf(fqdn, sizeof(fqdn), "fqdn=%s", r->fqdn);
	snprintf(path, sizeof(path), "path=%s", r->base);
	p->is_old = false;
	p->since = mst_now_ms();
	if (pipe2(gate, O_CLOEXEC)) {
		later(p);
		return;
	}
	p->pid = fork();
	if (p->pid == 0)
		become(s, argv, parent, gate);
	if (p->pid > 0)
		pids_began(s, p->pid);
	close(gate[0]);
	close(gate[1]);
	if (p->pid > 0)
		mst_log(&s->log, MST_LOG_INFO, "told on the LAN", "service", type, "name", name, "port", port, NULL);
	else
		later(p);
}

void publish_start(struct supervisor *s)
{
	for (size_t i = 0; i < MST_COUNT(s->publish); i++) {
		s->publish[i].s = s;
		start_one(&s->publish[i]);
	}
}

static void one_ended(struct publish *p, int status)
{
	struct supervisor *s = p->s;

	p->pid = 0;
	if (s->stopping || !s->conf->bbn.publish[0])
		return;
	if (p->is_old) {
		start_one(p);
		return;
	}
	if (mst_now_ms() - p->since > STEADY_MS)
		p->failures = 0;
	mst_log(&s->log, p->failures++ ? MST_LOG_DEBUG : MST_LOG_WARNING, "not told on the LAN; tried again", "why",
		WIFEXITED(status) && WEXITSTATUS(status) == 127 ? PROGRAM " is not there; install avahi-utils"
								 : "avahi-publish ended; is avahi-daemon running?", NULL);
	later(p);
}

bool publish_ended(struct supervisor *s, pid_t pid, int status)
{
	for (size_t i = 0; i < MST_COUNT(s->publish); i++)
		if (pid > 0 && s->publish[i].pid == pid) {
			pids_ended(s, pid);
			one_ended(&s->publish[i], status);
			return true;
		}
	return false;
}

/* What is told is in its arguments: another one tells what is new. One that waits to be tried again takes that by itself. */
void publish_reloaded(struct supervisor *s, const struct mst_conf *was)
{
	if (!strcmp(was->bbn.fqdn, s->conf->bbn.fqdn) && !strcmp(was->bbn.base, s->conf->bbn.base))
		return;
	for (size_t i = 0; i < MST_COUNT(s->publish); i++) {
		struct publish *p = &s->publish[i];

		p->is_old = p->pid > 0;
		if (p->is_old)
			kill(p->pid, SIGTERM);
	}
}

void publish_stop(struct supervisor *s)
{
	for (size_t i = 0; i < MST_COUNT(s->publish); i++) {
		struct publish *p = &s->publish[i];

		if (p->pid > 0)
			kill(p->pid, SIGTERM);
		if (p->again)
			event_free(p->again);
		p->again = NULL;
	}
}
