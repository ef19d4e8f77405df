/* Any octets as an instruction sequence, in both encodings; what one takes, the other takes too. */
#include <stdlib.h>

#include "codec/instr.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct mst_sequence seq, again;
static uint8_t arena[MST_SEQ_OCTETS], arena2[65536], out[65536], out2[65536];

static void other_way(void)
{
	struct mst_arena a = mst_arena_of(arena2, sizeof(arena2));
	struct mst_writer json = mst_writer_of(out, sizeof(out)), cbor = mst_writer_of(out2, sizeof(out2));

	mst_sequence_write_json(&seq, &json);
	mst_sequence_write_cbor(&seq, &cbor);
	if (!cbor.ok)
		abort();
	if (json.ok && json.n <= MST_SEQ_OCTETS && mst_sequence_read_json(mst_written(&json), &a, &again,
		NULL))
		abort();
	if (cbor.n <= MST_SEQ_OCTETS && mst_sequence_read_cbor(mst_written(&cbor), &a, &again, NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view in = { p, n };
	struct mst_arena a = mst_arena_of(arena, sizeof(arena));
	struct mst_diag d = { 0 };
	int o = mst_sequence_read_json(in, &a, &seq, &d);

	/* the arena of the header's promise is never too small */
	if ((o && !d.text[0]) || (o == MST_MSG_TOO_LARGE && n <= MST_SEQ_OCTETS))
		abort();
	if (!o)
		other_way();
	a.n = 0;
	o = mst_sequence_read_cbor(in, &a, &seq, &d);
	if ((o && !d.text[0]) || a.n)
		abort();
	if (!o)
		other_way();
	return 0;
}
