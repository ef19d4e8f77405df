/* Any octets as a path or a message of the SBI: what is taken can be written, and reads back as the same. The first octet, a to j, says as what. */
#include <stdlib.h>

#include "codec/gba-sbi.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define OCTETS 65536

static struct mst_guss guss;

static int zn_answer(struct mst_view in, struct mst_arena *a, struct mst_key *k, struct mst_writer *w, struct mst_writer *filled, struct mst_diag *d)
{
	struct mst_sbi_hole hole[MST_SBI_HOLES];
	struct mst_zn_answer m;
	int o = mst_zn_answer_read(in, a, &m, &guss, k, d);

	if (!o) {
		size_t holes = mst_zn_answer_write(&m, w, hole);

		mst_sbi_fill(mst_written(w), hole, holes, mst_key_view(k), filled);
	}
	return o;
}

static int zh_answer(enum mst_sbi_call c, struct mst_view in, struct mst_arena *a, struct mst_key *k, struct mst_writer *w, struct mst_writer *filled,
		     struct mst_diag *d)
{
	struct mst_sbi_hole hole[MST_SBI_HOLES];
	struct mst_zh_answer m;
	int o = mst_zh_answer_read(c, in, a, &m, k, d);

	if (!o) {
		size_t holes = mst_zh_answer_write(c, &m, w, hole);

		mst_sbi_fill(mst_written(w), hole, holes, mst_key_view(k), filled);
	}
	return o;
}

static int path(struct mst_view in, struct mst_writer *w)
{
	struct mst_sbi_route r;
	int o = mst_sbi_route(in, &r);

	if (!o)
		mst_sbi_put_path(w, &r);
	return o;
}

static int asked(enum mst_sbi_call c, struct mst_view in, struct mst_arena *a, struct mst_writer *w, struct mst_diag *d)
{
	struct mst_zn_ask zn;
	struct mst_zh_ask zh;
	int o = c == MST_SBI_ZN_INFO ? mst_zn_ask_read(in, a, &zn, d) : mst_zh_ask_read(c, in, a, &zh, d);

	if (!o && c == MST_SBI_ZN_INFO)
		mst_zn_ask_write(&zn, w);
	else if (!o)
		mst_zh_ask_write(c, &zh, w);
	return o;
}

static int settings(bool list, struct mst_view in, struct mst_arena *a, struct mst_writer *w, struct mst_diag *d)
{
	int o = list ? mst_uss_list_read_json(in, a, &guss, d) : mst_guss_read_json(in, a, &guss, d);

	if (!o && list)
		mst_uss_list_write_json(&guss, w);
	else if (!o)
		mst_guss_write_json(&guss, w);
	return o;
}

static int problem(struct mst_view in, struct mst_arena *a, struct mst_writer *w, struct mst_diag *d)
{
	struct mst_problem m;
	int o = mst_problem_read(in, a, &m, d);

	if (!o)
		mst_msg_write_json(&mst_problem_msg, MST_PROFILE_LONG, &m, w);
	return o;
}

/* There and back into text[8 * OCTETS]; an empty view: refused. */
static struct mst_view once(int kind, struct mst_view in, uint8_t *text)
{
	static uint8_t room[OCTETS];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_writer w = mst_writer_of(text, 4 * OCTETS), f = mst_writer_of(text + 4 * OCTETS, 4 * OCTETS);
	struct mst_diag d = { 0 };
	struct mst_key k = { 0 };
	int o = 0;

	switch (kind) {
	case 'a': o = path(in, &w); break;
	case 'b': o = asked(MST_SBI_ZN_INFO, in, &a, &w, &d); break;
	case 'c': o = asked(MST_SBI_ZH_AUTH, in, &a, &w, &d); break;
	case 'd': o = asked(MST_SBI_UDM_AV, in, &a, &w, &d); break;
	case 'e': o = zn_answer(in, &a, &k, &w, &f, &d); break;
	case 'f': o = zh_answer(MST_SBI_ZH_AUTH, in, &a, &k, &w, &f, &d); break;
	case 'g': o = zh_answer(MST_SBI_UDM_AV, in, &a, &k, &w, &f, &d); break;
	case 'h': o = settings(false, in, &a, &w, &d); break;
	case 'i': o = settings(true, in, &a, &w, &d); break;
	case 'j': o = problem(in, &a, &w, &d); break;
	default: return MST_VIEW_NONE;
	}
	if (o < 0 || (o && (k.n || (kind != 'a' && !d.text[0]))) || (!o && (!w.ok || !w.n || !f.ok)))
		abort();
	return o ? MST_VIEW_NONE : f.n ? mst_written(&f) : mst_written(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t text[2][8 * OCTETS];
	struct mst_view first, second;

	if (!n || n > OCTETS / 2)
		return 0;
	first = once(p[0], (struct mst_view){ p + 1, n - 1 }, text[0]);
	if (!first.n)
		return 0;
	second = once(p[0], first, text[1]);
	if (!mst_view_eq(first, second))
		abort();
	return 0;
}
