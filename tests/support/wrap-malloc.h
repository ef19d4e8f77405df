/*
 * One allocation fails, or all from it on, also in a sanitized program, whose allocator failmalloc.h cannot stand before: those that the program's own objects
 * make, with link_args '-Wl,--wrap=malloc,--wrap=realloc'. For one test file in a program.
 */
#ifndef TESTS_SUPPORT_WRAP_MALLOC_H
#define TESTS_SUPPORT_WRAP_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

static unsigned long taken, fail_at;    /* 0: none fails */
static bool lasting;

static bool fails(void)
{
	taken++;
	return fail_at && (taken == fail_at || (lasting && taken > fail_at));
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

#endif
