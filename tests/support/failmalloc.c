#include "tests/support/failmalloc.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* glibc's own, under the names that it exports for this. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t m);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static struct failmalloc own, *at = &own;
static void (*told)(void);
static atomic_long outstanding;
static struct range { uintptr_t from, to; } spared[16];
static unsigned n_spared;
static bool trace;

static bool is_spared(void *caller)
{
	for (unsigned i = 0; i < n_spared; i++)
		if ((uintptr_t)caller >= spared[i].from && (uintptr_t)caller < spared[i].to)
			return true;
	return false;
}

static bool fails(void *caller)
{
	unsigned long n, first;

	if (!atomic_load(&at->armed) || is_spared(caller))
		return false;
	n = (unsigned long)atomic_fetch_add(&at->count, 1) + 1;
	first = atomic_load(&at->fail_at);
	if (!first || n < first || (n > first && !atomic_load(&at->lasting)))
		return false;
	if (told)
		told();
	if (trace) {
		void *frame[32];

		atomic_store(&at->armed, false);
		backtrace_symbols_fd(frame, backtrace(frame, 32), STDERR_FILENO);
		atomic_store(&at->armed, true);
	}
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	void *p = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);

	atomic_fetch_add(&outstanding, p ? 1 : 0);
	return p;
}

void *calloc(size_t n, size_t m)
{
	void *p = fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, m);

	atomic_fetch_add(&outstanding, p ? 1 : 0);
	return p;
}

void *realloc(void *old, size_t n)
{
	void *p = fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, n);

	if (!old && p)
		atomic_fetch_add(&outstanding, 1);
	else if (old && !n && !p)
		atomic_fetch_sub(&outstanding, 1);
	return p;
}

static char *copy(const char *s, void *caller)
{
	size_t n = strlen(s) + 1;
	char *p = fails(caller) ? NULL : __libc_malloc(n);

	atomic_fetch_add(&outstanding, p ? 1 : 0);
	return p ? memcpy(p, s, n) : NULL;
}

/* By themselves, so that the caller counts and not the C library; the second is what some headers make of it. */
char *strdup(const char *s)
{
	return copy(s, __builtin_return_address(0));
}

char *__strdup(const char *s);
char *__strdup(const char *s)
{
	return copy(s, __builtin_return_address(0));
}

void free(void *p)
{
	atomic_fetch_sub(&outstanding, p ? 1 : 0);
	__libc_free(p);
}

void failmalloc_arm(unsigned long n)
{
	atomic_store(&at->count, 0);
	atomic_store(&at->fail_at, (unsigned)n);
	atomic_store(&at->armed, true);
}

bool failmalloc_disarm(void)
{
	atomic_store(&at->armed, false);
	return atomic_load(&at->count) >= atomic_load(&at->fail_at);
}

unsigned long failmalloc_count(void)
{
	return atomic_load(&at->count);
}

void failmalloc_by(struct failmalloc *state, void (*tell)(void))
{
	at = state;
	told = tell;
}

long failmalloc_outstanding(void)
{
	return atomic_load(&outstanding);
}

static int spare(struct dl_phdr_info *o, size_t n, void *name)
{
	(void)n;
	if (!o->dlpi_name || !strstr(o->dlpi_name, name))
		return 0;
	for (unsigned i = 0; i < o->dlpi_phnum && n_spared < sizeof(spared) / sizeof(spared[0]); i++)
		if (o->dlpi_phdr[i].p_type == PT_LOAD) {
			spared[n_spared].from = o->dlpi_addr + o->dlpi_phdr[i].p_vaddr;
			spared[n_spared].to = spared[n_spared].from + o->dlpi_phdr[i].p_memsz;
			n_spared++;
		}
	return 0;
}

void failmalloc_spare(const char *name)
{
	dl_iterate_phdr(spare, (void *)(uintptr_t)name);
}

__attribute__((constructor)) static void from_environment(void)
{
	const char *nth = getenv("MST_FAIL_AT"), *list = getenv("MST_FAIL_SPARE");
	char name[64];

	for (size_t n; list && *list; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		snprintf(name, sizeof(name), "%.*s", (int)n, list);
		failmalloc_spare(name);
	}
	trace = getenv("MST_FAIL_TRACE");
	if (nth)
		failmalloc_arm(strtoul(nth, NULL, 10));
}

__attribute__((destructor)) static void report(void)
{
	const char *to = getenv("MST_FAIL_REPORT");
	char text[32];
	int fd, n;

	if (!to)
		return;
	n = snprintf(text, sizeof(text), "%u\n", atomic_load(&at->count));
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write(fd, text, (size_t)n) != n)
		_exit(99);
	close(fd);
}
