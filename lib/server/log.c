#include "server/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"

#define LINE_MAX_OCTETS 4096
#define VALUE_MAX 1024
#define PAIRS_MAX 16

static const char *const level_name[] = { "error", "warning", "info", "debug" };

struct mst_log mst_log_of(int fd, bool json, enum mst_log_level level, const char *process)
{
	struct mst_log l = { .fd = fd, .json = json, .level = level };

	snprintf(l.process, sizeof(l.process), "%s", process);
	return l;
}

static void put_time(struct mst_writer *w, int64_t when)
{
	struct mst_civil c;
	char text[48];

	mst_civil_from_time(when / 1000000000, &c);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour,
		 c.minute, c.second, (int)(when / 1000000 % 1000));
	mst_put_str(w, text);
}

/* Quoted, with everything escaped that is not plain printable text; JSON strings are the same form. */
static void put_quoted(struct mst_writer *w, const char *s)
{
	size_t n = strnlen(s, VALUE_MAX);
	char esc[8];

	mst_put_str(w, "\"");
	for (size_t i = 0, step; i < n; i += step) {
		const uint8_t *p = (const uint8_t *)s + i;

		step = mst_plain_step(p, n - i);
		if (!step) {
			/* octet by octet: what stands there need not be a character at all */
			snprintf(esc, sizeof(esc), "\\u%04x", *p);
			mst_put_str(w, esc);
			step = 1;
			continue;
		}
		if (*p == '"' || *p == '\\')
			mst_put_str(w, "\\");
		mst_put(w, (struct mst_view){ p, step });
	}
	mst_put_str(w, "\"");
}

static bool plain(const char *s)
{
	if (!*s || strlen(s) > 200)
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
		      strchr("._-:/@+[]", *s)))
			return false;
	return true;
}

void mst_log_line(const struct mst_log *l, int64_t when, enum mst_log_level level, const char *what,
                  const struct mst_log_pair *pair, size_t n, struct mst_writer *w)
{
	if (l->json) {
		mst_put_str(w, "{\"time\":\"");
		put_time(w, when);
		mst_put_str(w, "\",\"level\":\"");
		mst_put_str(w, level_name[level]);
		mst_put_str(w, "\",\"process\":");
		put_quoted(w, l->process);
		mst_put_str(w, ",\"message\":");
		put_quoted(w, what);
	} else {
		put_time(w, when);
		mst_put_str(w, " ");
		mst_put_str(w, level_name[level]);
		mst_put_str(w, " ");
		mst_put_str(w, l->process);
		mst_put_str(w, ": ");
		mst_put_str(w, what);
	}
	for (size_t i = 0; i < n; i++) {
		mst_put_str(w, l->json ? ",\"" : " ");
		mst_put_str(w, pair[i].key);
		mst_put_str(w, l->json ? "\":" : "=");
		if (!l->json && plain(pair[i].value))
			mst_put_str(w, pair[i].value);
		else
			put_quoted(w, pair[i].value);
	}
	mst_put_str(w, l->json ? "}\n" : "\n");
}

void mst_log(const struct mst_log *l, enum mst_log_level level, const char *what, ...)
{
	char line[LINE_MAX_OCTETS];
	struct mst_writer w = mst_writer_of(line, sizeof(line));
	struct mst_log_pair pair[PAIRS_MAX];
	struct timespec ts = { 0 };
	int keep = errno;
	size_t n = 0;
	va_list ap;

	if (l->fd < 0 || level > l->level)
		return;
	va_start(ap, what);
	for (const char *k = va_arg(ap, const char *); k; k = va_arg(ap, const char *)) {
		const char *v = va_arg(ap, const char *);

		if (v && *v && n < PAIRS_MAX)
			pair[n++] = (struct mst_log_pair){ k, v };
	}
	va_end(ap);
	clock_gettime(CLOCK_REALTIME, &ts);
	mst_log_line(l, (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec, level, what, pair, n, &w);
	if (!w.ok) {          /* too long: the sentence alone still says what happened */
		w = mst_writer_of(line, sizeof(line));
		mst_log_line(l, (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec, level, what, pair, 0, &w);
	}
	if (write(l->fd, line, w.n) < 0) {
		/* nobody reads our errors: there is no better place to say so */
	}
	errno = keep;
}
