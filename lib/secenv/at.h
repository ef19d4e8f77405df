/*
 * What a modem says on its AT port (3GPP TS 27.007): octets in, the end of a command out. No port and no clock: card-at.c has both.
 * Lines end in CR, LF or both; unsolicited ones between are passed over, but not for ever.
 */
#ifndef MST_SECENV_AT_H
#define MST_SECENV_AT_H

#include "codec/uicc.h"

#define MST_AT_LINE 640          /* +CSIM: 516,"…": 516 hex digits and its words */
#define MST_AT_LINES 64          /* unsolicited lines between a command and its answer */

enum mst_at_end {
	MST_AT_MORE,             /* not yet */
	MST_AT_OK,
	MST_AT_REFUSED,          /* ERROR, or +CME ERROR */
	MST_AT_TOO_LONG,         /* a line that no answer has */
	MST_AT_TALKS,            /* lines and lines, and no end */
};

struct mst_at {
	char held[MST_AT_LINE];  /* received and not yet taken as a line; the caller puts what comes behind it. Full, and no line: TOO_LONG */
	size_t n_held;
	char answer[MST_AT_LINE];/* the last line that begins with `want`, without its end; "" when there was none */
	const char *want;        /* NULL: none */
	unsigned lines;
};

/* A command is sent: its answer is what comes from now on, behind what is held. */
void mst_at_expect(struct mst_at *a, const char *want);
/* The end, as far as it has come. After an end that is not MORE, expect the next. */
enum mst_at_end mst_at_read(struct mst_at *a);
/* The APDU in a line `+CSIM: length,"hex"` (27.007 8.17). Quotes may be missing, as some modems
 * have it; false: no APDU. */
MST_MUST_CHECK bool mst_at_csim(const char *line, uint8_t out[MST_APDU_ANSWER_MAX], size_t *ret_n);

#endif
