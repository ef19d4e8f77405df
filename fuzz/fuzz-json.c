/* Any octets as each JSON message: what is accepted is written, read and written again alike. */
#include <stdlib.h>

#include "codec/instr.h"
#include "codec/json.h"
#include "codec/resources.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static union {
	struct mst_client_reg r;
	struct mst_key_reg k;
	struct mst_fetched f;
	struct mst_client_cmd c;
	struct mst_client_cfg g;
} msg, again;
static uint8_t arena[65536], out[65536], out2[65536];

static void tokens(struct mst_view in)
{
	struct mst_arena a = mst_arena_of(arena, sizeof(arena));
	struct mst_json j = mst_json_of(in, &a);
	enum mst_json_token t;
	size_t last = 0;

	do {
		a.n = 0;
		t = mst_json_next(&j);
		if (j.start > in.n || j.at > in.n || (t != MST_JSON_ERROR && j.start < last))
			abort();
		last = j.start;
	} while (t != MST_JSON_END && t != MST_JSON_ERROR);
}

static void message(const struct mst_msg *m, struct mst_view in)
{
	struct mst_arena a = mst_arena_of(arena, sizeof(arena)), b;
	struct mst_writer w = mst_writer_of(out, sizeof(out)), w2 = mst_writer_of(out2, sizeof(out2));
	struct mst_diag d = { 0 };
	int o = mst_msg_read_json(m, MST_PROFILE_LONG, in, &a, &msg, &d);

	if (o && !d.text[0])
		abort();
	if (o)
		return;
	mst_msg_write_json(m, MST_PROFILE_LONG, &msg, &w);
	if (!w.ok)
		return;         /* escapes make it longer than the storage */
	b = mst_arena_of(arena + a.n, sizeof(arena) - a.n);
	if (mst_msg_read_json(m, MST_PROFILE_LONG, mst_written(&w), &b, &again, NULL))
		abort();
	mst_msg_write_json(m, MST_PROFILE_LONG, &again, &w2);
	if (!mst_view_eq(mst_written(&w), mst_written(&w2)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct mst_msg *const table[] = {
		&mst_mef_client_reg_msg, &mst_key_reg_msg, &mst_fetched_msg, &mst_client_cmd_msg,
			&mst_mef_client_cfg_msg,
	};
	struct mst_view in = { p, n };

	if (n > 16384)
		return 0;
	tokens(in);
	for (size_t i = 0; i < MST_COUNT(table); i++)
		message(table[i], in);
	return 0;
}
