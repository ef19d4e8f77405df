/* Seals of the audit log as text, and whose they are (keeper.h, doc/audit-log.md). */
#include <stdio.h>
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

bool mst_log_seal_read(struct mst_view text, struct mst_log_seal *ret_s)
{
	char in[MST_LOG_SEAL_TEXT], hash[2 * MST_SHA256_LEN + 1], sig[2 * MST_LOG_SEAL_SIG + 1];
	uint8_t again[MST_LOG_SEAL_TEXT];
	struct mst_writer w = mst_writer_of(again, sizeof(again));
	struct mst_log_seal s = { .seq = 0 };
	unsigned long long seq;
	long long at;
	size_t n_hash = 0, n_sig = 0;

	/* NOLINTNEXTLINE(cert-err34-c): what does not come out again as it went in is refused below */
	if (!mst_view_to_str(text, in, sizeof(in)) || sscanf(in, "muster audit seal 1\nseq=%19llu\nhash=%64[0-9a-f]\nat=%18lld\nsignature=%128[0-9a-f]\n",
							     &seq, hash, &at, sig) != 4 ||
	    !mst_hex_decode(mst_view_str(hash), s.hash, sizeof(s.hash), &n_hash) || n_hash != sizeof(s.hash) ||
	    !mst_hex_decode(mst_view_str(sig), s.sig, sizeof(s.sig), &n_sig) || n_sig != sizeof(s.sig))
		return false;
	s.seq = seq;
	s.when = at;
	mst_log_seal_put(&w, &s, true);
	if (!w.ok || !s.seq || s.seq > INT64_MAX || s.when < 0 || !mst_view_eq(mst_written(&w), text))
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
