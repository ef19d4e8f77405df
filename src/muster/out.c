#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "muster.h"

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void complain(const char *fmt, ...)
{
	va_list ap;

	fputs("muster: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void out_of_memory(void)
{
	complain("out of memory; nothing was done after that");
	exit(EXIT_FAULT);
}

int print_json(json_t *j)
{
	if (!j)
		out_of_memory();
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(j);
	return EXIT_DONE;
}

const char *ink(const struct muster *m, enum colour c)
{
	static const char *const code[] = {
		[PLAIN] = "\033[0m", [RED] = "\033[31m", [GREEN] = "\033[32m", [YELLOW] = "\033[33m", [DIM] = "\033[2m",
		[BOLD] = "\033[1m",
	};

	return m->colour ? code[c] : "";
}

/* What came from a peer or a registry may stand on a terminal, but not steer it. Static ring of buffers. */
const char *shown(const char *s)
{
	static char ring[16][1200];
	static unsigned at;
	char *out = ring[at++ % MST_COUNT(ring)];
	size_t n = strlen(s), k = 0;

	for (size_t i = 0, step; i < n && k + 8 < sizeof(ring[0]); i += step) {
		step = mst_plain_step((const uint8_t *)s + i, n - i);
		if (step) {
			memcpy(out + k, s + i, step);
			k += step;
		} else {
			k += (size_t)snprintf(out + k, 8, "\\x%02x", (unsigned char)s[i]);
			step = 1;
		}
	}
	out[k] = 0;
	return out;
}

void table_row(struct table *t, size_t columns, const char *const *cell)
{
	t->columns = columns;
	t->cell = realloc(t->cell, (t->rows + 1) * columns * sizeof(*t->cell));
	if (!t->cell)
		out_of_memory();
	for (size_t i = 0; i < columns; i++) {
		char *copy = strdup(shown(cell[i] ? cell[i] : ""));

		if (!copy)
			out_of_memory();
		t->cell[t->rows * columns + i] = copy;
	}
	t->rows++;
}

/* Columns on a terminal: code points, not octets. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void table_print(const struct muster *m, struct table *t)
{
	for (size_t r = 0; r < t->rows; r++) {
		fputs(r == 0 ? ink(m, BOLD) : "", stdout);
		for (size_t c = 0; c < t->columns; c++) {
			const char *cell = t->cell[r * t->columns + c];
			size_t widest = 0;

			for (size_t i = 0; i < t->rows; i++) {
				size_t w = width_of(t->cell[i * t->columns + c]);

				widest = w > widest ? w : widest;
			}
			if (c + 1 < t->columns)
				printf("%s%*s", cell, (int)(widest - width_of(cell) + 2), "");
			else
				fputs(cell, stdout);
		}
		fputs(r == 0 ? ink(m, PLAIN) : "", stdout);
		putchar('\n');
	}
	for (size_t i = 0; i < t->rows * t->columns; i++)
		free(t->cell[i]);
	free(t->cell);
	*t = (struct table){ 0 };
}

void progress(const struct muster *m, const char *what, size_t done, size_t all)
{
	enum { WIDTH = 30 };
	char bar[WIDTH + 1];
	size_t full = all ? done * WIDTH / all : WIDTH;

	if (m->json)
		return;
	if (!m->terminal) {
		if (all && (done == all || done % (all / 10 ? all / 10 : 1) == 0))
			fprintf(stderr, "%s: %zu of %zu\n", what, done, all);
		return;
	}
	for (size_t i = 0; i < WIDTH; i++)
		bar[i] = i < full ? '#' : '.';
	bar[WIDTH] = '\0';
	fprintf(stderr, "\r%s [%s] %zu of %zu%s", what, bar, done, all, done == all ? "\n" : "");
	fflush(stderr);
}

void put_member(json_t *object, const char *key, const char *value)
{
	json_t *text = json_string(value);

	if (!text) {
		complain("%s: is no UTF-8 text", key);
		exit(EXIT_USAGE);
	}
	json_object_set_new(object, key, text);
}

const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

const char *human_time(const char *timestamp)
{
	static char ring[8][24];
	static unsigned next;
	char *out = ring[next++ % 8];
	mst_time t;

	if (!mst_parse_timestamp(mst_view_str(timestamp), &t))
		return timestamp;
	snprintf(out, sizeof(ring[0]), "%.4s-%.2s-%.2s %.2s:%.2s:%.2s", timestamp, timestamp + 4, timestamp + 6, timestamp + 9,
	         timestamp + 11, timestamp + 13);
	return out;
}

void timestamp_text(mst_time t, char out[16])
{
	struct mst_writer w = mst_writer_of(out, 16);

	mst_put_timestamp(&w, t);
	mst_put_nul(&w);
}

mst_time wall_clock(void)
{
	return (mst_time)time(NULL);
}

struct mst_writer path_start(char *out, size_t cap, const char *fixed)
{
	struct mst_writer w = mst_writer_of(out, cap);

	mst_put_str(&w, fixed);
	return w;
}

void path_piece(struct mst_writer *w, const char *id)
{
	mst_put_percent(w, mst_view_str(id));
}

void path_query(struct mst_writer *w, const char *key, const char *value)
{
	if (!*value)
		return;
	mst_put_u8(w, mst_view_find((struct mst_view){ w->p, w->n }, '?') == w->n ? '?' : '&');
	mst_put_str(w, key);
	mst_put_u8(w, '=');
	mst_put_percent(w, mst_view_str(value));
}

void path_query_number(struct mst_writer *w, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	path_query(w, key, text);
}

const char *path_end(struct mst_writer *w)
{
	mst_put_nul(w);
	if (!w->ok && w->cap)
		w->p[0] = 0;
	return (const char *)w->p;
}
