/*
 * Shared by fuzz-role-hss and fuzz-role-zn: the input is one request of the SBI, "<who> <method> <path>\n<content>". Of `who`, the
 * lower case sends JSON; which peer the letter is, the target says.
 */
#ifndef FUZZ_SBI_H
#define FUZZ_SBI_H

#include "codec/primitive.h"

/* False when it is no such line. The views point into the input. */
static inline bool sbi_request(struct mst_view in, char *who, struct mst_request *q)
{
	static const struct { const char *method; enum mst_op op; } table[] = {
		{ "POST", MST_OP_CREATE }, { "GET", MST_OP_RETRIEVE }, { "PUT", MST_OP_UPDATE }, { "DELETE", MST_OP_DELETE },
	};
	struct mst_view line = mst_view_sub(in, 0, mst_view_find(in, '\n')), rest = mst_view_sub(line, 2, line.n);
	struct mst_view method = mst_view_sub(rest, 0, mst_view_find(rest, ' '));

	if (line.n < 3)
		return false;
	*who = (char)(line.p[0] | 0x20);
	*q = (struct mst_request){ .to = mst_view_sub(rest, method.n + 1, rest.n), .content = mst_view_sub(in, line.n + 1, in.n),
				   .media = line.p[0] & 0x20 ? MST_VIEW_LIT("application/json") : MST_VIEW_LIT("text/plain") };
	for (size_t i = 0; i < MST_COUNT(table); i++)
		if (mst_view_eq_str(method, table[i].method)) {
			q->op = table[i].op;
			return true;
		}
	return false;
}

#endif
