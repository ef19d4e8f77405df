/*
 * Why something was refused, for people: which field, where, what would be right. Filled by decoders
 * and validators next to their positive outcome; truncated rather than failed when it does not fit.
 */
#ifndef MST_BASE_DIAG_H
#define MST_BASE_DIAG_H

#include "base/view.h"

struct mst_diag {
	size_t offset;          /* octet offset in the input, when that makes sense */
	char field[96];         /* path of the field: `instructions[2].method`; "" when there is none */
	char text[256];         /* "unknown value \"pks\"; one of psk, cert, gba" */
};

/* NULL-terminated list of text pieces, joined. `d` may be NULL: then nothing is done. */
void mst_diag_set(struct mst_diag *d, size_t offset, const char *field, const char *piece, ...)
	__attribute__((sentinel));

#endif
