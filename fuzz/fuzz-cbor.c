/* Any octets as each CBOR message: one message, one encoding, so what is accepted is written as it came. */
#include <stdlib.h>

#include "codec/cbor.h"
#include "codec/resources.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static union {
	struct mst_client_reg r;
	struct mst_key_reg k;
	struct mst_fetched f;
	struct mst_client_cmd c;
	struct mst_client_cfg g;
} msg;
static uint8_t out[65536];

static void message(const struct mst_msg *m, struct mst_view in, bool exact)
{
	struct mst_arena none = mst_arena_of(NULL, 0);
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_diag d = { 0 };
	int o = mst_msg_read_cbor(m, in, &none, &msg, &d);

	if (o && !d.text[0])
		abort();
	if (o)
		return;
	mst_msg_write_cbor(m, &msg, &w);
	if (!w.ok || (exact && !mst_view_eq(mst_written(&w), in)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	/* open tables forget members, so they are not written as they came */
	static const struct { const struct mst_msg *m; bool exact; } table[] = {
		{ &mst_mef_client_reg_msg, true }, { &mst_key_reg_msg, true }, { &mst_fetched_msg, true },
		{ &mst_client_cmd_msg, false }, { &mst_mef_client_cfg_msg, false },
	};
	struct mst_view in = { p, n };
	struct mst_cbor c = mst_cbor_of(in);

	if (n > 16384)
		return 0;
	while (c.at < n && mst_cbor_next(&c) != MST_CBOR_ERROR)
		if (c.at > n || c.at <= c.start)
			abort();
	c = mst_cbor_of(in);
	if (mst_cbor_skip(&c, mst_cbor_next(&c), 8) && c.at > n)
		abort();
	for (size_t i = 0; i < MST_COUNT(table); i++)
		message(table[i].m, in, table[i].exact);
	return 0;
}
