#include "codec/http-scan.h"

#include <string.h>

enum { LINE_START, START_LINE, NAME, VALUE, LINE_END,
       SIZE, SIZE_END, DATA, DATA_CR, DATA_LF, LAST_CR, LAST_LF };

static bool is_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void bad(struct scan_bad *b, int status, const char *field, const char *text)
{
	*b = (struct scan_bad){ status, field, text };
}

static int line_start(struct scan *s, uint8_t c, struct scan_bad *b)
{
	s->line = 0;
	s->blank = c == '\r';
	if (c == '\r')
		return LINE_END;
	if (c == '\n')
		bad(b, 400, "line end", "line feed without carriage return");
	else if (c == ' ' || c == '\t')
		bad(b, 400, "header", "folded or indented line; put the header on one line");
	else if (s->first_line && (c < 0x21 || c > 0x7e))
		bad(b, 400, "start line", "not HTTP");
	else if (!s->first_line && !is_token(c))
		bad(b, 400, "header", "a name must come first");
	return s->first_line ? START_LINE : NAME;
}

static int start_line(struct scan *s, uint8_t c, const struct scan_limits *l, struct scan_bad *b)
{
	if (c == '\r')
		return LINE_END;
	if (c == ' ' && ++s->spaces == 2 && s->target == 0)
		bad(b, 400, "start line", "two blanks where one belongs");
	else if (c == ' ')
		return START_LINE;
	else if (c == '\n')
		bad(b, 400, "line end", "line feed without carriage return");
	/* a reason phrase of a response may hold more than ASCII */
	else if (c < 0x21 || c == 0x7f || (c > 0x7f && s->spaces < 2))
		bad(b, 400, "start line", "octet not allowed");
	else if (s->spaces == 1 && ++s->target > l->target)
		bad(b, 414, "target", "longer than allowed");
	return START_LINE;
}

static int name(uint8_t c, struct scan_bad *b)
{
	if (c == ':')
		return VALUE;
	if (c == ' ' || c == '\t')
		bad(b, 400, "header", "blank before the colon");
	else if (!is_token(c))
		bad(b, 400, "header", c == '\n' ? "line feed without carriage return" : "name holds an octet that is not allowed");
	return NAME;
}

static int value(uint8_t c, struct scan_bad *b)
{
	if (c == '\r')
		return LINE_END;
	if (c == '\n')
		bad(b, 400, "line end", "line feed without carriage return");
	else if ((c < 0x20 && c != '\t') || c == 0x7f)
		bad(b, 400, "header", "value holds a control character");
	return VALUE;
}

/* After CR. True: that was the empty line that ends the section. */
static bool line_end(struct scan *s, uint8_t c, struct scan_bad *b)
{
	s->state = LINE_START;
	if (c != '\n') {
		bad(b, 400, "line end", "carriage return without line feed");
		return false;
	}
	if (!s->blank) {
		s->first_line = false;
		return false;
	}
	if (!s->first_line)
		return true;
	/* RFC 9112 2.2: an empty line before the request line is forgiven; a row of them is not */
	if (++s->blanks > 1)
		bad(b, 400, "start line", "empty lines instead of a message");
	return false;
}

size_t scan_head(struct scan *s, struct mst_view in, const struct scan_limits *l, bool *ret_done, struct scan_bad *b)
{
	*ret_done = false;
	if (s->total == 0)
		*s = (struct scan){ .state = LINE_START, .first_line = true };
	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = in.p[i];

		if (++s->total > l->head)
			bad(b, s->first_line && s->spaces == 1 ? 414 : 431, "header", "section longer than allowed");
		else if (s->state == LINE_START)
			s->state = line_start(s, c, b);
		else if (s->state == START_LINE)
			s->state = start_line(s, c, l, b);
		else if (s->state == NAME)
			s->state = name(c, b);
		else if (s->state == VALUE)
			s->state = value(c, b);
		else if (line_end(s, c, b)) {
			*ret_done = true;
			return i + 1;
		}
		if (b->status)
			return i;
	}
	return in.n;
}

void scan_chunks_begin(struct scan *s)
{
	s->state = SIZE;
	s->digits = 0;
	s->left = s->body = 0;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int chunk_size(struct scan *s, uint8_t c, const struct scan_limits *l, struct scan_bad *b)
{
	int d = hex(c);

	if (d >= 0 && s->digits < 8) {
		s->digits++;
		s->left = s->left << 4 | (unsigned)d;
		return SIZE;
	}
	if (c != '\r' || !s->digits) {
		bad(b, 400, "chunk", c == ';' ? "chunk extensions are not taken" : "malformed chunk size");
		return SIZE;
	}
	s->body += s->left;
	if (s->body > l->body)
		bad(b, 413, "body", "longer than allowed");
	return SIZE_END;
}

/* One octet that has to be CR or LF; the next state when it is. */
static int want(uint8_t c, uint8_t right, int next, const char *text, struct scan_bad *b)
{
	if (c != right)
		bad(b, 400, "chunk", text);
	return next;
}

size_t scan_chunks(struct scan *s, struct mst_view in, const struct scan_limits *l, bool *ret_done, struct scan_bad *b)
{
	*ret_done = false;
	for (size_t i = 0; i < in.n && !b->status; i++) {
		uint8_t c = in.p[i];

		if (s->state == SIZE) {
			s->state = chunk_size(s, c, l, b);
		} else if (s->state == SIZE_END) {
			s->state = want(c, '\n', s->left ? DATA : LAST_CR, "size line does not end with CR LF", b);
		} else if (s->state == DATA) {
			uint64_t take = in.n - i < s->left ? in.n - i : s->left;

			s->left -= take;
			i += (size_t)take - 1;
			s->state = s->left ? DATA : DATA_CR;
		} else if (s->state == DATA_CR) {
			s->state = want(c, '\r', DATA_LF, "longer than its size says", b);
		} else if (s->state == DATA_LF) {
			s->state = want(c, '\n', SIZE, "does not end with CR LF", b);
			s->digits = 0;
			s->left = 0;
		} else if (s->state == LAST_CR) {
			s->state = want(c, '\r', LAST_LF, "trailers are not taken", b);
		} else {
			s->state = want(c, '\n', SIZE, "does not end with CR LF", b);
			*ret_done = !b->status;
			return i + 1;
		}
	}
	return in.n;
}
