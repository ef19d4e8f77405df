#include "csv.h"

#include <stdbool.h>
#include <string.h>

void csv_start(struct csv *c, char *text, size_t n)
{
	*c = (struct csv){ .p = text, .end = text + n, .start = text, .next_line = 1 };
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		c->p += 3;               /* spreadsheets like to begin with a byte order mark */
}

/* Skip to the end of a record that went wrong, so that the next one is read from its start. */
static void skip_line(struct csv *c)
{
	while (c->p < c->end && *c->p != '\n')
		c->p++;
}

/* May this stand behind a closing quote? */
static bool ends_cell(const char *p, const char *end)
{
	return p == end || *p == ',' || *p == '\n' || (*p == '\r' && (p + 1 == end || p[1] == '\n'));
}

static char *quoted_cell(struct csv *c)
{
	char *start = ++c->p, *to = start;

	for (;;) {
		if (c->p == c->end) {
			c->error = "a quoted cell does not end";
			return start;
		}
		if (*c->p == '"') {
			c->p++;
			if (c->p == c->end || *c->p != '"')
				break;
		} else if (*c->p == '\n') {
			c->next_line++;
		}
		*to++ = *c->p++;
	}
	if (!ends_cell(c->p, c->end))
		c->error = "text after a closing quote";
	*to = '\0';
	return start;
}

static char *plain_cell(struct csv *c)
{
	char *start = c->p;

	while (c->p < c->end && *c->p != ',' && *c->p != '\n') {
		if (*c->p == '"' || *c->p == '\0')
			c->error = "a quote or NUL inside an unquoted cell";
		c->p++;
	}
	return start;
}

/* Ends the cell at c->p with a NUL and steps over the separator. True when another cell follows. */
static bool end_cell(struct csv *c, bool quoted)
{
	char at = c->p < c->end ? *c->p : '\n';

	if (!quoted && c->p > c->cell[0] && c->p[-1] == '\r')
		c->p[-1] = '\0';
	if (quoted && at == '\r') {
		c->p++;
		at = c->p < c->end ? *c->p : '\n';
	}
	if (c->p < c->end)
		*c->p++ = '\0';
	if (at == '\n')
		c->next_line++;
	return at == ',';
}

size_t csv_next(struct csv *c)
{
	size_t n = 0;
	bool more = true;

	c->error = NULL;
	while (c->p < c->end && (*c->p == '\n' || *c->p == '\r'))
		c->next_line += *c->p++ == '\n';
	c->start = c->p;
	if (c->p >= c->end)
		return 0;
	c->line = c->next_line;
	while (more) {
		bool quoted = c->p < c->end && *c->p == '"';
		char *cell = quoted ? quoted_cell(c) : plain_cell(c);

		if (n < CSV_COLUMNS)
			c->cell[n++] = cell;
		else
			c->error = "too many cells";
		if (c->error)
			skip_line(c);
		more = end_cell(c, quoted) && !c->error;
	}
	return n;
}

static const char *closing_quote(const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p != '"')
			continue;
		if (p + 1 == end || p[1] != '"')
			return p;
		p++;
	}
	return NULL;
}

/* Behind the record that begins at `p`, as csv_next() reads it: one that is bad ends with its line, too. */
static const char *past_record(const char *p, const char *end)
{
	for (size_t n = 0;; n++) {
		bool bad = n >= CSV_COLUMNS, quoted = p < end && *p == '"';

		if (quoted) {
			const char *q = closing_quote(p + 1, end);

			p = q ? q + 1 : end;
			bad |= !q || !ends_cell(p, end);
		}
		for (; !quoted && p < end && *p != ',' && *p != '\n'; p++)
			bad |= *p == '"' || *p == '\0';
		while (bad && p < end && *p != '\n')
			p++;
		p += quoted && p < end && *p == '\r';
		if (p == end || *p++ == '\n')
			return p;
	}
}

size_t csv_count(const struct csv *c)
{
	const char *p = c->p;
	size_t n = 0;

	for (;;) {
		while (p < c->end && (*p == '\n' || *p == '\r'))
			p++;
		if (p >= c->end)
			return n;
		p = past_record(p, c->end);
		n++;
	}
}

void csv_put(FILE *f, const char *s)
{
	if (!strpbrk(s, ",\"\r\n")) {
		fputs(s, f);
		return;
	}
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"')
			fputc('"', f);
		fputc(*s, f);
	}
	fputc('"', f);
}
