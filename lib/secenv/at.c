#include "secenv/at.h"

#include <string.h>

#include "base/secret.h"
#include "base/text.h"

void mst_at_expect(struct mst_at *a, const char *want)
{
	a->want = want;
	a->lines = 0;
	mst_wipe(a->answer, sizeof(a->answer));
}

/* The next line that is not empty, without its end. */
static bool next_line(struct mst_at *a, char out[MST_AT_LINE])
{
	for (;;) {
		size_t end = 0;

		while (end < a->n_held && a->held[end] != '\r' && a->held[end] != '\n')
			end++;
		if (end == a->n_held)
			return false;
		memcpy(out, a->held, end);
		out[end] = '\0';
		a->n_held -= end + 1;
		memmove(a->held, a->held + end + 1, a->n_held);
		if (end > 0)
			return true;
	}
}

static bool starts(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

enum mst_at_end mst_at_read(struct mst_at *a)
{
	enum mst_at_end end = MST_AT_MORE;
	char line[MST_AT_LINE];

	while (end == MST_AT_MORE && next_line(a, line)) {
		if (a->want && starts(line, a->want))
			memcpy(a->answer, line, sizeof(a->answer));
		else if (!strcmp(line, "OK"))
			end = MST_AT_OK;
		else if (!strcmp(line, "ERROR") || starts(line, "+CME ERROR:"))
			end = MST_AT_REFUSED;
		if (end == MST_AT_MORE && ++a->lines == MST_AT_LINES)
			end = MST_AT_TALKS;
	}
	mst_wipe(line, sizeof(line));
	return end == MST_AT_MORE && a->n_held == sizeof(a->held) ? MST_AT_TOO_LONG : end;
}

bool mst_at_csim(const char *line, uint8_t out[MST_APDU_ANSWER_MAX], size_t *ret_n)
{
	struct mst_view v = mst_view_str(line);

	v = mst_view_sub(v, mst_view_find(v, ',') + 1, v.n);
	if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
		v = mst_view_sub(v, 1, v.n - 2);
	return mst_hex_decode(v, out, MST_APDU_ANSWER_MAX, ret_n) && *ret_n >= 2;
}
