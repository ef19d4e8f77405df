/*
 * What a modem says after a command, "C" for AT+CSIM or another letter for one that wants no line: however it comes in pieces, it is
 * read to the same end, and what is taken for the card's answer is one.
 */
#include <stdlib.h>
#include <string.h>

#include "secenv/at.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* In pieces of that size; the first end that comes, and what was answered. */
static enum mst_at_end read_in_pieces(struct mst_at *a, bool csim, struct mst_view in, size_t piece)
{
	enum mst_at_end end = MST_AT_MORE;

	memset(a, 0, sizeof(*a));
	mst_at_expect(a, csim ? "+CSIM:" : NULL);
	while (end == MST_AT_MORE && in.n) {
		size_t room = sizeof(a->held) - a->n_held, k = in.n < piece ? in.n : piece;

		k = k < room ? k : room;
		if (!k)
			abort();
		memcpy(a->held + a->n_held, in.p, k);
		a->n_held += k;
		in = mst_view_sub(in, k, in.n);
		end = mst_at_read(a);
	}
	return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const size_t piece[] = { 1, 7, MST_AT_LINE };
	static struct mst_at first, a;
	uint8_t apdu[MST_APDU_ANSWER_MAX];
	enum mst_at_end end = MST_AT_MORE, now;
	size_t got = 0;

	if (!n)
		return 0;
	for (size_t i = 0; i < MST_COUNT(piece); i++) {
		now = read_in_pieces(&a, p[0] == 'C', (struct mst_view){ p + 1, n - 1 }, piece[i]);
		if (i && (now != end || strcmp(a.answer, first.answer) != 0))
			abort();
		end = now;
		first = a;
	}
	if (end == MST_AT_OK && mst_at_csim(a.answer, apdu, &got) && (got < 2 || got > sizeof(apdu) || p[0] != 'C'))
		abort();
	return 0;
}
