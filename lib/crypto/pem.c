/*
 * PEM, RFC 7468, strict where it matters: labels match, base64 has one spelling, no encapsulated headers.
 * Text outside of the blocks is for people and is passed over.
 */
#include <string.h>

#include "base/text.h"
#include "crypto/pki.h"

#define LINE 64u                /* characters a line holds when we write */
#define LINE_MAX_IN 76u         /* and at most when we read */

void mst_pem_put(struct mst_writer *w, const char *label, struct mst_view der)
{
	mst_put_str(w, "-----BEGIN ");
	mst_put_str(w, label);
	mst_put_str(w, "-----\n");
	for (size_t i = 0; i < der.n; i += LINE / 4 * 3) {
		mst_put_base64(w, mst_view_sub(der, i, LINE / 4 * 3));
		mst_put_u8(w, '\n');
	}
	mst_put_str(w, "-----END ");
	mst_put_str(w, label);
	mst_put_str(w, "-----\n");
}

/* One line without its end; both ends of line are fine. */
struct lines { struct mst_view in; size_t at, number, start; };

static bool next_line(struct lines *l, struct mst_view *ret_line)
{
	struct mst_view rest = mst_view_sub(l->in, l->at, l->in.n), line;

	if (rest.n == 0)
		return false;
	line = mst_view_sub(rest, 0, mst_view_find(rest, '\n'));
	l->start = l->at;
	l->at += line.n < rest.n ? line.n + 1 : line.n;
	l->number++;
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	*ret_line = line;
	return true;
}

static int refuse(const struct lines *l, struct mst_diag *d, const char *why)
{
	char number[24];
	struct mst_writer w = mst_writer_of(number, sizeof(number));

	mst_put_str(&w, "line ");
	mst_put_dec(&w, (int64_t)l->number);
	mst_put_nul(&w);
	mst_diag_set(d, l->start, number, why, NULL);
	return MST_PKI_MALFORMED;
}

static bool is_edge(struct mst_view line)
{
	return mst_view_starts(line, "-----");
}

/* "-----BEGIN label-----" or END; the label, or false. */
static bool edge(struct mst_view line, const char *word, struct mst_view *ret_label)
{
	size_t n = mst_view_str(word).n;

	if (!mst_view_starts(line, word) || !mst_view_ends(line, "-----") || line.n < n + 6)
		return false;
	*ret_label = mst_view_sub(line, n, line.n - n - 5);
	return mst_view_find(*ret_label, '-') == ret_label->n;
}

/* The lines of one block, after its BEGIN. Decodes into `out` when that is wanted, else only checks. */
static int read_block(struct lines *l, struct mst_view label, bool wanted, uint8_t *out, size_t cap,
		      size_t *ret_n, struct mst_diag *d)
{
	struct mst_view line, end;
	size_t width = 0, n = 0, got;
	uint8_t octet[LINE_MAX_IN];
	bool last = false;

	while (next_line(l, &line)) {
		if (is_edge(line)) {
			if (!edge(line, "-----END ", &end) || !mst_view_eq(end, label))
				return refuse(l, d, "expected the END line of the same label");
			if (n == 0)
				return refuse(l, d, "empty block");
			*ret_n = wanted ? n : 0;
			return 0;
		}
		if (mst_view_find(line, ':') < line.n)
			return refuse(l, d,
				      "encrypted keys and other headers are not read; use an unencrypted "
				      "PKCS#8 key, mode 0600");
		if (last || line.n == 0 || line.n > LINE_MAX_IN || (width && line.n > width))
			return refuse(l, d,
				      "lines of a block are of one length, at most 76 characters; only the "
				      "last may be shorter");
		last = width && line.n < width;
		width = width ? width : line.n;
		if (!mst_base64_decode(line, octet, sizeof(octet), &got))
			return refuse(l, d, "not base64");
		last = last || line.p[line.n - 1] == '=';
		if (wanted && got > cap - n) {
			mst_wipe(octet, sizeof(octet));
			return refuse(l, d, "block too long");
		}
		if (wanted)
			memcpy(out + n, octet, got);
		mst_wipe(octet, sizeof(octet));
		n += got;
	}
	return refuse(l, d, "file ends inside a block");
}

int mst_pem_next(struct mst_view pem, size_t *at, const char *label, uint8_t *out, size_t cap, size_t *ret_n,
		 struct mst_diag *d)
{
	struct lines l = { .in = pem };
	struct mst_view line, found;
	size_t n = 0;

	/* lines are counted from the start of the file, wherever reading goes on */
	while (l.at < *at && next_line(&l, &line))
		;
	while (next_line(&l, &line)) {
		bool wanted;
		int r;

		if (!is_edge(line))
			continue;
		if (!edge(line, "-----BEGIN ", &found))
			return refuse(&l, d, "expected a BEGIN line");
		wanted = mst_view_eq_str(found, label);
		r = read_block(&l, found, wanted, out, cap, &n, d);
		if (r)
			return r;
		if (wanted) {
			*at = l.at;
			*ret_n = n;
			return 0;
		}
	}
	*at = l.at;
	*ret_n = 0;
	return 0;
}
