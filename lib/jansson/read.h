/*
 * Reading JSON with Jansson where memory may be short.
 *
 * Its reader does not look whether the text that it collects could grow (2.14 and before): with no memory it loses octets of a string and goes on,
 * or reads and writes past the end of it. So all that is read goes through here, where it never meets that: what malloc() does not give comes
 * out of a reserve, and what was read so is not used. tools/check-house refuses json_load*() elsewhere.
 */
#ifndef MST_JANSSON_READ_H
#define MST_JANSSON_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* Once, before threads. `give_back` is for what malloc() gave: free(), or one that wipes. */
void mst_json_begin(void (*give_back)(void *));

/* As json_loadb() with `flags`; of the caller. NULL: no JSON, or mst_json_no_memory(ret_e). `ret_e` may be NULL. */
MST_MUST_CHECK json_t *mst_json_read(const char *text, size_t n, size_t flags, json_error_t *ret_e);
bool mst_json_no_memory(const json_error_t *e);

#endif
