#include "jansson/read.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* More than what is read can take: for each octet of the text (an empty object in a list is the dearest, 69), for what is nested as deep as the
 * library lets it, and the growth of the tables of both. It is a mapping; pages of it are there only when they are needed. */
#define PER_OCTET ((size_t)128)
#define AT_LEAST ((size_t)1 << 20)
/* Texts that want more than this are of operators' tools, which may end where a daemon may not. */
#define AT_MOST ((size_t)128 << 20)

struct reserve { uint8_t *p; size_t n, used; };
static _Thread_local struct reserve *now;
static void (*give_back)(void *) = free;

static void *take(size_t n)
{
	void *p = malloc(n);

	if (p || !now)
		return p;
	if (n > now->n - now->used)
		abort();             /* what would come of it is worse */
	p = now->p + now->used;
	n = (n + 15) & ~(size_t)15;
	now->used = n < now->n - now->used ? now->used + n : now->n;
	return p;
}

static void give(void *p)
{
	if (!now || (uint8_t *)p < now->p || (uint8_t *)p >= now->p + now->n)
		give_back(p);
}

void mst_json_begin(void (*back)(void *))
{
	give_back = back;
	json_set_alloc_funcs(take, give);
}

bool mst_json_no_memory(const json_error_t *e)
{
	return json_error_code(e) == json_error_out_of_memory;
}

static json_t *no_memory(json_error_t *e)
{
	*e = (json_error_t){ .line = -1, .column = -1 };
	snprintf(e->text, sizeof(e->text) - 1, "no memory");
	e->text[sizeof(e->text) - 1] = (char)json_error_out_of_memory;
	return NULL;
}

json_t *mst_json_read(const char *text, size_t n, size_t flags, json_error_t *ret_e)
{
	struct reserve r = { .n = n < (AT_MOST - AT_LEAST) / PER_OCTET ? AT_LEAST + n * PER_OCTET : AT_MOST };
	json_error_t mine = { .line = -1 }, *e = ret_e ? ret_e : &mine;
	json_t *j;
	void *p = mmap(NULL, r.n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return no_memory(e);
	r.p = p;
	now = &r;
	j = json_loadb(text, n, flags, e);
	if (r.used) {
		json_decref(j);
		j = no_memory(e);
	}
	now = NULL;
	munmap(r.p, r.n);
	return j;
}
