/* Any octets as an instruction sequence, in both encodings; what one takes, the other takes too, as the same, and CBOR has one encoding of it. */
#include <stdlib.h>

#include "codec/instr.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct mst_sequence seq, again;
static uint8_t arena[MST_SEQ_OCTETS], arena2[65536], out[65536], out2[65536], out3[65536];

static bool again_is(struct mst_view cbor)
{
	struct mst_writer w = mst_writer_of(out3, sizeof(out3));

	mst_sequence_write_cbor(&again, &w);
	return w.ok && mst_view_eq(mst_written(&w), cbor);
}

static void other_way(struct mst_view came_as_cbor)
{
	struct mst_arena a = mst_arena_of(arena2, sizeof(arena2));
	struct mst_writer json = mst_writer_of(out, sizeof(out)), cbor = mst_writer_of(out2, sizeof(out2));

	mst_sequence_write_json(&seq, &json);
	mst_sequence_write_cbor(&seq, &cbor);
	if (!cbor.ok || (came_as_cbor.n && !mst_view_eq(mst_written(&cbor), came_as_cbor)))
		abort();
	if (json.ok && json.n <= MST_SEQ_OCTETS && (mst_sequence_read_json(mst_written(&json), &a, &again, NULL) || !again_is(mst_written(&cbor))))
		abort();
	if (cbor.n <= MST_SEQ_OCTETS && (mst_sequence_read_cbor(mst_written(&cbor), &a, &again, NULL) || !again_is(mst_written(&cbor))))
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
		other_way(MST_VIEW_NONE);
	a.n = 0;
	o = mst_sequence_read_cbor(in, &a, &seq, &d);
	if ((o && !d.text[0]) || a.n)
		abort();
	if (!o)
		other_way(in);
	return 0;
}
