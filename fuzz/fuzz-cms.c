/*
 * An envelope with the anchor that is to be believed before it (length in two octets, DER, envelope), and the bundle in
 * it; then the same octets as a bundle without an envelope. What is read is written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/bundle.h"
#include "crypto/cms.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct mst_bundle bundle, again;
static uint8_t arena[MST_BUNDLE_OCTETS], arena2[65536], out[65536], content[MST_BUNDLE_OCTETS];

static void read_bundle(struct mst_view in)
{
	struct mst_arena a = mst_arena_of(arena, sizeof(arena)), a2 = mst_arena_of(arena2, sizeof(arena2));
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_diag d = { 0 };
	int o = mst_bundle_read(in, &a, &bundle, &d);

	/* the arena of the header's promise is never too small */
	if ((o && !d.text[0]) || (o == MST_MSG_TOO_LARGE && in.n <= MST_BUNDLE_OCTETS))
		abort();
	if (o)
		return;
	mst_bundle_write_cbor(&bundle, &w);
	if (!w.ok || (w.n <= MST_BUNDLE_OCTETS && mst_bundle_read_cbor(mst_written(&w), &a2, &again, NULL)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_reader r = mst_reader_of((struct mst_view){ p, n });
	struct mst_view anchor = mst_read_block16(&r), envelope = { p + (anchor.p ? anchor.n + 2 : 0), 0 }, certs[4];
	struct mst_cms_trust t = { &anchor, 1, 0, 0 };
	struct mst_cms_signer s;
	struct mst_diag d = { 0 };
	size_t size = 0;
	int o;

	read_bundle((struct mst_view){ p, n });
	envelope.n = anchor.p ? n - anchor.n - 2 : n;
	o = mst_cms_open(envelope, &t, content, sizeof(content), &size, &s, &d);
	if (o < 0 ? o != MST_FAULT_SPACE : o > 0 && !d.text[0])
		abort();
	if (!o)
		read_bundle((struct mst_view){ content, size });
	if (mst_cms_certs(envelope, out, sizeof(out), certs, MST_COUNT(certs)) > MST_COUNT(certs))
		abort();
	return 0;
}
