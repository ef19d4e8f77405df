/*
 * Shared by fuzz-mmef and fuzz-mmaf: the input is what an authenticated but hostile server sends. First
 * octet: the job. Then answers, each "<status> <rsc> <rqi: = for the right one>\n<body>" and a NUL.
 */
#ifndef FUZZ_DIALOG_H
#define FUZZ_DIALOG_H

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/primitive.h"

/* Next answer as an HTTP message; false at the end. The views point into the input and `rqi`. */
static bool next_answer(struct mst_view *in, struct mst_view rqi, struct mst_http_msg *m)
{
	struct mst_view one = mst_view_sub(*in, 0, mst_view_find(*in, '\0')), line, status, rest;
	uint64_t code;

	if (!in->n)
		return false;
	*in = mst_view_sub(*in, one.n + 1, in->n);
	line = mst_view_sub(one, 0, mst_view_find(one, '\n'));
	status = mst_view_sub(line, 0, mst_view_find(line, ' '));
	rest = mst_view_sub(line, status.n + 1, line.n);
	memset(m, 0, sizeof(*m));
	m->status = mst_parse_dec(status, 999, &code) ? (int)code : 200;
	m->body = mst_view_sub(one, line.n + 1, one.n);
	m->header[m->n++] = (struct mst_http_header){ MST_VIEW_LIT("X-M2M-RSC"),
						      mst_view_sub(rest, 0, mst_view_find(rest, ' ')) };
	rest = mst_view_sub(rest, mst_view_find(rest, ' ') + 1, rest.n);
	m->header[m->n++] =
		(struct mst_http_header){ MST_VIEW_LIT("X-M2M-RI"), mst_view_eq_str(rest, "=") ? rqi : rest };
	m->header[m->n++] = (struct mst_http_header){ MST_VIEW_LIT("X-M2M-RVI"), MST_VIEW_LIT("3") };
	m->header[m->n++] =
		(struct mst_http_header){ MST_VIEW_LIT("Content-Type"), MST_VIEW_LIT("application/json") };
	return true;
}

/* What must hold whatever came: an end has its reason, a running machine a deadline. */
static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#endif
