/*
 * Where are these octets?  scan NEEDLES TARGET …
 *
 * NEEDLES: lines "NAME HEX", octets of 8 or more; many may have one name. TARGET: "pid:N", all memory of a process that can
 * be written, or was, or is shared (a debugger's means, so root), or a file. A line for each hit, "TARGET NAME at OFFSET flags …", where flags are
 * the kernel's for those pages: lo = locked, dd = in no core. And "TARGET searched N octets". Overlapping windows of one key
 * that is there once are told once.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (1u << 20)
#define OVERLAP 256
#define PAGE 4096u

struct needle { char name[48]; uint8_t b[OVERLAP]; size_t n; int next; };
static struct needle *needle;
static size_t n_needles;
static int first[1 << 16];
static const char *last_name;
static uint64_t last_end;

static unsigned key_of(const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return (x * UINT32_C(2654435761)) >> 16;
}

static void fail(const char *what)
{
	fprintf(stderr, "scan: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void load(const char *path)
{
	static char line[1024];
	size_t cap = 0;
	FILE *f = fopen(path, "r");

	memset(first, -1, sizeof(first));
	if (!f)
		fail(path);
	while (fgets(line, sizeof(line), f)) {
		char *hex = strchr(line, ' ');
		struct needle *k;

		if (n_needles == cap && !(needle = realloc(needle, (cap = 2 * cap + 64) * sizeof(*needle))))
			fail("memory");
		k = &needle[n_needles];
		memset(k, 0, sizeof(*k));
		if (!hex)
			fail("a line without octets");
		*hex++ = 0;
		snprintf(k->name, sizeof(k->name), "%.47s", line);
		for (int x, y; k->n < sizeof(k->b) && (x = digit(hex[0])) >= 0 && (y = digit(hex[1])) >= 0; hex += 2)
			k->b[k->n++] = (uint8_t)(x << 4 | y);
		if (k->n < 8)
			fail("a needle of less than 8 octets");
		k->next = first[key_of(k->b)];
		first[key_of(k->b)] = (int)n_needles++;
	}
	fclose(f);
}

/* No needle begins with four of them: most of memory is done with. */
static bool zeros_are_passed_over(void)
{
	static const uint8_t zeros[4];
	int k = first[key_of(zeros)];

	while (k >= 0 && memcmp(needle[k].b, zeros, sizeof(zeros)))
		k = needle[k].next;
	return k < 0;
}

static void look(const char *target, const uint8_t *b, size_t n, size_t usable, uint64_t base, const char *flags)
{
	static const uint8_t zeros[8];
	const bool passed_over = zeros_are_passed_over();

	for (size_t i = 0; i < usable && i + 4 <= n; i++) {
		if (passed_over && i + sizeof(zeros) <= n && !memcmp(b + i, zeros, sizeof(zeros))) {
			i += sizeof(zeros) - 4;
			continue;
		}
		for (int k = first[key_of(b + i)]; k >= 0; k = needle[k].next) {
			if (i + needle[k].n > n || memcmp(b + i, needle[k].b, needle[k].n))
				continue;
			if (last_name && !strcmp(last_name, needle[k].name) && base + i < last_end) {
				last_end = base + i + needle[k].n;
				continue;
			}
			last_name = needle[k].name;
			last_end = base + i + needle[k].n;
			printf("%s %s at %" PRIx64 " flags%s\n", target, needle[k].name, base + i, flags);
		}
	}
}

/* From `from` to `to`; what cannot be read is not there. */
static uint64_t search(const char *target, int fd, uint64_t from, uint64_t to, const char *flags)
{
	static uint8_t b[PIECE + OVERLAP];
	uint64_t done = 0;

	last_name = NULL;
	for (uint64_t at = from, step; at < to; at += step) {
		size_t want = to - at < sizeof(b) ? (size_t)(to - at) : sizeof(b);
		ssize_t got = pread(fd, b, want, (off_t)at);

		if (got <= 0 && to == UINT64_MAX)
			break;
		/* a page of a mapping that is not there: what is behind it may be */
		step = got <= 0 ? PAGE : to != UINT64_MAX && (size_t)got < want ? (size_t)got : PIECE;
		if (got <= 0)
			continue;
		look(target, b, (size_t)got, step, at, flags);
		done += (size_t)got < step ? (size_t)got : step;
	}
	return done;
}

static uint64_t process(const char *target, const char *pid)
{
	char path[64], line[512], flags[256] = "";
	uint64_t from = 0, to = 0, done = 0, own;
	bool wanted = false;
	FILE *f;
	int mem;

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%s/smaps", pid);
	f = fopen(path, "r");
	if (mem < 0 || !f)
		fail(path);
	while (fgets(line, sizeof(line), f)) {
		char may[5];
		uint64_t a, z;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &a, &z, may) == 3) {
			from = a;
			to = z;
			wanted = may[0] == 'r' && (may[1] == 'w' || may[3] == 's');
		} else if (sscanf(line, "Anonymous: %" SCNu64, &own) == 1) {
			wanted = wanted || own;
		} else if (!strncmp(line, "VmFlags:", 8) && wanted) {
			snprintf(flags, sizeof(flags), "%.*s", (int)strcspn(line + 8, "\n"), line + 8);
			done += search(target, mem, from, to, flags);
		}
	}
	fclose(f);
	close(mem);
	return done;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	load(argv[1]);
	for (int i = 2; i < argc; i++) {
		uint64_t done;

		if (!strncmp(argv[i], "pid:", 4)) {
			done = process(argv[i], argv[i] + 4);
		} else {
			int fd = open(argv[i], O_RDONLY | O_CLOEXEC);

			if (fd < 0)
				fail(argv[i]);
			done = search(argv[i], fd, 0, UINT64_MAX, "");
			close(fd);
		}
		printf("%s searched %" PRIu64 " octets\n", argv[i], done);
	}
	return 0;
}
