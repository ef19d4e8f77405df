#include "cut.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cm.h"

static volatile struct { unsigned n; bool answered, done, stays; } *shared;
static pid_t child;

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	assert_true(strlen(path) < sizeof(a.sun_path));
	strcpy(a.sun_path, path);
	return a;
}

static bool pass(int from, int to)
{
	char b[65536];
	ssize_t n = read(from, b, sizeof(b));

	return n > 0 && send(to, b, (size_t)n, MSG_NOSIGNAL) == n;
}

/* What is said in one go is one time: it is written in one piece when it is short. */
static bool one_connection(int store, int server)
{
	struct pollfd f[2] = { { .fd = store, .events = POLLIN }, { .fd = server, .events = POLLIN } };

	while (poll(f, 2, -1) > 0) {
		if (f[1].revents && !pass(server, store))
			return true;
		if (!f[0].revents)
			continue;
		if (shared->n && --shared->n == 0) {
			shared->done = true;
			if (shared->answered && pass(store, server))
				(void)poll(&f[1], 1, 5000);
			return true;
		}
		if (!pass(store, server))
			return true;
	}
	return false;
}

static void serve(int fd, const char *to)
{
	struct sockaddr_un a = address(to);

	for (;;) {
		int store = accept(fd, NULL, NULL), server = socket(AF_UNIX, SOCK_STREAM, 0);

		if (store < 0 || server < 0 || connect(server, (struct sockaddr *)&a, sizeof(a)) || !one_connection(store, server) ||
		    (shared->stays && shared->done))
			_exit(1);
		close(store);
		close(server);
	}
}

void cut_start(const char *at, const char *to)
{
	struct sockaddr_un a = address(at);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(fd >= 0 && shared != MAP_FAILED);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 5), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		serve(fd, to);
	close(fd);
}

void cut_end(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

void cut_at(unsigned n, bool answered)
{
	shared->done = false;
	shared->answered = answered;
	shared->n = n;
}

void cut_stays(void)
{
	shared->stays = true;
}

void cut_never(void)
{
	shared->n = 0;
}

bool cut_done(void)
{
	return shared->done;
}
