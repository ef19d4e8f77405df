/*
 * Preloaded into a program, for tests: at SIGUSR2 it looks through all of the program's own writable memory (heap, stacks,
 * data) for what the files named in MST_LOOK_FOR hold, and appends one line for each to MST_LOOK_REPORT: how often it was
 * found. Each octet in those files is changed by 0x5a, so that the search itself is no finding; and what the kernel saves of
 * the processor's registers at the signal goes to a stack that is not searched.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEEDLES 8
#define NEEDLE_MAX 64
#define MASK 0x5a

static uint8_t needle[NEEDLES][NEEDLE_MAX];
static size_t length[NEEDLES], n_needles;
static char maps[1 << 18];
static const char *report;
static uint8_t own_stack[1 << 16];

static void load(void)
{
	const char *at = getenv("MST_LOOK_FOR");
	char path[512];

	n_needles = 0;
	while (at && *at && n_needles < NEEDLES) {
		size_t n = strcspn(at, ":");
		ssize_t got = -1;
		int fd;

		if (n >= sizeof(path))
			return;
		memcpy(path, at, n);
		path[n] = 0;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			got = read(fd, needle[n_needles], NEEDLE_MAX);
			close(fd);
		}
		length[n_needles++] = got > 0 ? (size_t)got : 0;
		at += n + (at[n] == ':');
	}
}

static int is_at(const volatile uint8_t *p, size_t k)
{
	for (size_t i = 0; i < length[k]; i++)
		if ((uint8_t)(p[i] ^ MASK) != needle[k][i])
			return 0;
	return 1;
}

static unsigned look_in(uintptr_t from, uintptr_t to, size_t k)
{
	unsigned found = 0;

	for (uintptr_t p = from; length[k] && p + length[k] <= to; p++)
		if (p + length[k] <= (uintptr_t)own_stack || p >= (uintptr_t)own_stack + sizeof(own_stack))
			found += (unsigned)is_at((const volatile uint8_t *)p, k);
	return found;
}

static void say(int fd, unsigned x)
{
	char text[12];
	size_t at = sizeof(text);

	text[--at] = '\n';
	do
		text[--at] = (char)('0' + x % 10);
	while (x /= 10);
	(void)!write(fd, text + at, sizeof(text) - at);
}

static void look(int sig)
{
	unsigned found[NEEDLES] = { 0 };
	size_t n = 0;
	ssize_t got;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	(void)sig;
	while (fd >= 0 && n + 1 < sizeof(maps) && (got = read(fd, maps + n, sizeof(maps) - 1 - n)) > 0)
		n += (size_t)got;
	close(fd);
	maps[n] = 0;
	load();
	for (char *line = maps; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		char *end;
		uintptr_t from = strtoul(line, &end, 16), to = strtoul(end + 1, &end, 16);

		if (strncmp(end, " rw", 3))
			continue;
		for (size_t k = 0; k < n_needles; k++)
			found[k] += look_in(from, to, k);
	}
	fd = open(report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	for (size_t k = 0; k < n_needles; k++)
		say(fd, length[k] ? found[k] : 999999);
	close(fd);
}

__attribute__((constructor)) static void begin(void)
{
	struct sigaction sa = { .sa_handler = look, .sa_flags = SA_RESTART | SA_ONSTACK };
	stack_t other = { .ss_sp = own_stack, .ss_size = sizeof(own_stack) };

	report = getenv("MST_LOOK_REPORT");
	if (report && sigaltstack(&other, NULL) == 0)
		sigaction(SIGUSR2, &sa, NULL);
}
