/*
 * The strict layer of HTTP/1.1, before llhttp on servers and by itself on devices (http-read.h): walks the
 * same octets, octet by octet, refuses what others let pass
 * (blank before a colon, folded lines, chunk extensions, trailers, lone CR or LF anywhere in the framing)
 * and knows by itself where a header section or a chunked body ends. llhttp must agree, so that
 * no message can be longer for one reader than for another.
 */
#ifndef MST_CODEC_HTTP_SCAN_H
#define MST_CODEC_HTTP_SCAN_H

#include "base/view.h"

struct scan {
	int state;
	bool first_line, blank;
	size_t total, line, blanks, target, spaces;     /* head */
	uint64_t left, body;                            /* chunk, whole body */
	unsigned digits;
};

struct scan_limits { size_t head, target; uint64_t body; };

/* Why the scan refuses: HTTP status and words; 0 = it does not. */
struct scan_bad { int status; const char *field, *text; };

/* Take octets of a header section (with start line). Returns how many; *ret_done after the empty line. */
size_t scan_head(struct scan *s, struct mst_view in, const struct scan_limits *l, bool *ret_done, struct scan_bad *b);
/* Take octets of a chunked body, to the end of its last chunk. */
void scan_chunks_begin(struct scan *s);
size_t scan_chunks(struct scan *s, struct mst_view in, const struct scan_limits *l, bool *ret_done, struct scan_bad *b);

#endif
