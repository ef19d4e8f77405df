/* Seals of the audit log as text, and whose they are (keeper.h, doc/audit-log.md). */
#include <string.h>

#include "base/text.h"
#include "crypto/pki.h"
#include "keeper/keeper.h"

static void put_hex(struct mst_writer *w, const char *name, const uint8_t *p, size_t n)
{
	char hex[2 * MST_LOG_SEAL_SIG + 1];
	struct mst_writer h = mst_writer_of(hex, sizeof(hex));

	mst_put_hex(&h, (struct mst_view){ p, n });
	mst_put_nul(&h);
	mst_ascii_lower(hex);
	mst_put_str(w, name);
	mst_put_str(w, hex);
}

void mst_log_seal_put(struct mst_writer *w, const struct mst_log_seal *s, bool whole)
{
	mst_put_str(w, "muster audit seal 1\nseq=");
	mst_put_dec(w, (int64_t)s->seq);
	put_hex(w, "\nhash=", s->hash, sizeof(s->hash));
	mst_put_str(w, "\nat=");
	mst_put_dec(w, s->when);
	mst_put_u8(w, '\n');
	if (!whole)
		return;
	put_hex(w, "signature=", s->sig, sizeof(s->sig));
	mst_put_u8(w, '\n');
}

/* "name=" and what follows it up to the end of the line. */
static struct mst_view take_line(struct mst_view *text, const char *name)
{
	const size_t n = strlen(name), end = mst_view_find(*text, '\n');
	struct mst_view line = mst_view_sub(*text, 0, end < text->n ? end : 0);

	*text = mst_view_sub(*text, line.n + 1, text->n);
	return line.n >= n && memcmp(line.p, name, n) == 0 ? mst_view_sub(line, n, line.n) : MST_VIEW_NONE;
}

static bool take_hex(struct mst_view v, uint8_t *out, size_t want)
{
	size_t n = 0;

	return mst_hex_decode(v, out, want, &n) && n == want;
}

static int64_t take_number(struct mst_view v)
{
	int64_t x = 0;

	for (size_t i = 0; i < v.n && i < 18; i++)
		x = v.p[i] >= '0' && v.p[i] <= '9' ? x * 10 + (v.p[i] - '0') : x;
	return x;
}

/* What does not come out again as it went in is none: one spelling each. */
bool mst_log_seal_read(struct mst_view text, struct mst_log_seal *ret_s)
{
	uint8_t again[MST_LOG_SEAL_TEXT];
	struct mst_writer w = mst_writer_of(again, sizeof(again));
	struct mst_log_seal s = { .seq = 0 };
	struct mst_view left = text;

	(void)take_line(&left, "muster audit seal 1");
	s.seq = (uint64_t)take_number(take_line(&left, "seq="));
	if (!s.seq || !take_hex(take_line(&left, "hash="), s.hash, sizeof(s.hash)))
		return false;
	s.when = take_number(take_line(&left, "at="));
	if (!take_hex(take_line(&left, "signature="), s.sig, sizeof(s.sig)))
		return false;
	mst_log_seal_put(&w, &s, true);
	if (!w.ok || !mst_view_eq(mst_written(&w), text))
		return false;
	*ret_s = s;
	return true;
}

int mst_log_seal_check(struct mst_crypto *c, struct mst_view ca_der, const struct mst_log_seal *s)
{
	uint8_t spki[128], text[MST_LOG_SEAL_TEXT];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	size_t n = 0;
	int r = mst_cert_public(ca_der, spki, sizeof(spki), &n);

	mst_log_seal_put(&w, s, false);
	if (r)
		return r;
	return w.ok ? mst_raw_verify(c, (struct mst_view){ spki, n }, mst_written(&w), s->sig) : MST_FAULT_BUG;
}
