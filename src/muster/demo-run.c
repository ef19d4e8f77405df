#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo.h"

#define READY_MS 30000
#define FIRST_PORT 10240u
#define PORTS 2048u             /* those of the tests begin after them: tests/support/waiting.py */

/* Beside this program, in the build tree's places, or on the PATH. */
static bool find_program(const char *name, const char *bin, const char *tree, char out[4096])
{
	char self[4096], *dir;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (bin) {
		path_join(out, 4096, bin, name);
		return access(out, X_OK) == 0;
	}
	self[n > 0 ? n : 0] = '\0';
	dir = dirname(self);
	if (access(path_join(out, 4096, dir, name), X_OK) == 0)
		return true;
	snprintf(out, 4096, "%.3800s/../%s/%s", dir, tree, name);
	return access(out, X_OK) == 0;
}

int demo_find_programs(struct demo *d, const char *bin)
{
	if (find_program("musterd", bin, "musterd", d->musterd) && find_program("muster-agent", bin, "agent", d->agent) &&
	    find_program("muster-naf", bin, "naf", d->naf))
		return EXIT_DONE;
	complain("musterd, muster-agent or muster-naf is not beside this program; give their directory with --bin");
	return EXIT_FAULT;
}

static bool port_is_free(unsigned port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

/* From below those that the kernel gives to whoever asks for any: what is free now is so when the daemons begin to listen, seconds later.
 * Where to look first is by chance, so that two demos do not ask for the same ones. */
bool demo_free_ports(unsigned *port, size_t n)
{
	uint16_t at;
	size_t k = 0;

	if (getrandom(&at, sizeof(at), 0) != (ssize_t)sizeof(at))
		return false;
	for (unsigned i = 0; i < PORTS && k < n; i++) {
		port[k] = FIRST_PORT + (at + i) % PORTS;
		k += port_is_free(port[k]);
	}
	return k == n;
}

pid_t demo_spawn(const char *program, const char *const argv[], char *const env[], const char *log)
{
	posix_spawn_file_actions_t fa;
	pid_t pid = -1;
	int r;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	posix_spawn_file_actions_adddup2(&fa, STDOUT_FILENO, STDERR_FILENO);
	/* posix_spawn takes char * for history's sake; it writes to none of them */
	r = posix_spawn(&pid, program, &fa, NULL, (char *const *)(uintptr_t)argv, env);
	posix_spawn_file_actions_destroy(&fa);
	if (r == 0)
		return pid;
	complain("cannot start %s: %s", program, strerror(r));
	return -1;
}

int demo_socket(const char *path, int type)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		complain("the directory's name is too long for a socket; use a shorter --dir");
		return -1;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	complain("cannot listen on %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The daemon says READY=1 to the socket named in NOTIFY_SOCKET, as it does to systemd. */
static int wait_ready(const struct demo_house *h, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[512];

	for (;;) {
		ssize_t n;
		int r = poll(&p, 1, READY_MS);

		if (r < 0 && errno == EINTR)
			continue;
		n = r > 0 ? recv(fd, text, sizeof(text) - 1, 0) : -1;
		if (n < 0)
			break;
		text[n] = '\0';
		if (strstr(text, "READY=1"))
			return EXIT_DONE;
	}
	complain("musterd did not come up; its log: %s/musterd.log", h->dir);
	return EXIT_FAULT;
}

static int start_house(const struct demo *d, struct demo_house *h)
{
	char conf[4096], log[4096], ready[4096], variable[4200], path[256];
	const char *const argv[] = { d->musterd, "-c", conf, NULL };
	char *const env[] = { variable, path, NULL };
	int fd, r;

	path_join(conf, sizeof(conf), h->dir, "musterd.conf");
	path_join(log, sizeof(log), h->dir, "musterd.log");
	path_join(ready, sizeof(ready), h->dir, "ready.sock");
	snprintf(variable, sizeof(variable), "NOTIFY_SOCKET=%s", ready);
	snprintf(path, sizeof(path), "PATH=/usr/bin:/bin");
	fd = demo_socket(ready, SOCK_DGRAM);
	if (fd < 0)
		return EXIT_FAULT;
	h->daemon = demo_spawn(d->musterd, argv, env, log);
	r = h->daemon > 0 ? wait_ready(h, fd) : EXIT_FAULT;
	close(fd);
	unlink(ready);
	return r;
}

int demo_start(struct demo *d)
{
	int r = EXIT_DONE;

	for (size_t i = 0; r == EXIT_DONE && i < DEMO_HOUSES; i++)
		r = start_house(d, &d->house[i]);
	return r;
}

static void stop(pid_t *pid)
{
	if (*pid > 0)
		while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
			;
	*pid = 0;
}

void demo_stop(struct demo *d)
{
	pid_t *all[DEMO_HOUSES + 2] = { &d->cse.naf, &d->cse.stand_in };

	for (size_t i = 0; i < DEMO_HOUSES; i++)
		all[2 + i] = &d->house[i].daemon;
	for (size_t i = 0; i < MST_COUNT(all); i++)
		if (*all[i] > 0)
			kill(*all[i], SIGTERM);
	for (size_t i = 0; i < MST_COUNT(all); i++)
		stop(all[i]);
}

/* One of the daemons has ended: nobody stays to be waited for under its number. */
static bool daemon_ended(struct demo *d, pid_t pid)
{
	for (size_t i = 0; i < DEMO_HOUSES; i++) {
		if (d->house[i].daemon != pid)
			continue;
		complain("musterd ended; its log: %s/musterd.log", d->house[i].dir);
		d->house[i].daemon = 0;
		return true;
	}
	return false;
}

pid_t demo_agent(const struct demo *d, size_t number, const char *verb, const char *arg)
{
	char dir[4096], conf[4096], log[4096];
	const char *const argv[] = { d->agent, "-c", conf, verb, arg, NULL };

	demo_node_dir(d, number, dir);
	path_join(conf, sizeof(conf), dir, "muster-agent.conf");
	path_join(log, sizeof(log), dir, "agent.log");
	return demo_spawn(d->agent, argv, environ, log);
}

/* A few at a time, as many as there are cores to serve them. */
int demo_enrol(struct demo *d, bool ends)
{
	size_t next = 1, running = 0, done = 0, all = ends ? d->ending : d->nodes - d->ending;

	while (done < all) {
		int status;
		pid_t pid;

		for (; next <= d->nodes && running < DEMO_AT_ONCE; next++) {
			if (demo_ends(d, next) != ends)
				continue;
			if (demo_agent(d, next, "run", "--once") < 0)
				return EXIT_FAULT;
			running++;
		}
		pid = waitpid(-1, &status, 0);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0 || daemon_ended(d, pid))
			return EXIT_FAULT;
		running--;
		done++;
		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE)
			d->enrolled++;
		else
			d->refused++;
		progress(d->m, "enrolling", done, all);
	}
	return EXIT_DONE;
}
