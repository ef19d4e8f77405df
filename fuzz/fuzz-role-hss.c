/*
 * A request → the HSS with the real keeper, over a real store. "b" is its BSF, others are strangers; with "r" the content is RAND and a number,
 * and the request a resynchronisation with the AUTS that this card would make. Whatever comes: no vector without a new number, no number
 * without a vector, none below what the card has said, nothing for strangers.
 */
#include "fuzz-sbi.h"

#include <stdlib.h>

#include "codec/gba-sbi.h"
#include "role/test-hss-rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct mst_sim fresh;
static bool is_up;

static void tidy(void)
{
	(void)hss_down(NULL);
}

/* The SIM as it was at the beginning: its number may not go back, so it is made anew. */
static struct mst_sim begin_anew(void)
{
	struct mst_sim row = hss_row();

	if (mst_store_begin(est_rig.store) || mst_store_sim_delete(est_rig.store, row.id) || mst_store_sim_insert(est_rig.store, &fresh) ||
	    mst_store_commit(est_rig.store))
		abort();
	return hss_row();
}

/* RAND and the card's number of the input; the number. */
static int64_t resynchronise(struct mst_request *q)
{
	struct mst_reader r = mst_reader_of(q->content);
	struct mst_view rnd = mst_read(&r, AKA_RAND);
	int64_t ms = mst_read_u32(&r);
	uint8_t auts[AKA_AUTS];

	ms = ms << 16 | mst_read_u16(&r);
	if (!mst_read_end(&r))
		return -1;
	if (aka_auts_make(est_rig.crypto, &hss_sim.keys, rnd.p, (uint64_t)ms, auts))
		abort();
	q->to = MST_VIEW_LIT(HSS_AUTH);
	q->content = mst_view_str(hss_resync_ask(rnd.p, auts));
	return ms;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_sim before, after;
	struct mst_request q;
	int64_t ms = -1;
	bool vector;
	char who;
	int rsc;

	if (!is_up) {
		hss_up(NULL);
		fresh = hss_row();
		is_up = !atexit(tidy);
	}
	if (n > MST_SBI_ARENA || !sbi_request((struct mst_view){ p, n }, &who, &q))
		return 0;
	if (who == 'r')
		ms = resynchronise(&q);
	before = begin_anew();
	hss_prepare(who == 'b' || who == 'r' ? HSS_BSF : "naf.sp.example.com", q.op, "", "");
	if (who == 'p')
		est_rig.x.peer.how = MST_AUTH_PSK;
	est_rig.x.request = q;
	rsc = rig_handle(&est_rig, MST_ROLE_HSS);
	after = hss_row();
	vector = rsc == 200 && q.op == MST_OP_CREATE;
	if (rsc < 200 || rsc > 599 || !est_rig.a.content.n || (rsc == 200 && who != 'b' && who != 'r'))
		abort();
	if ((after.sqn > before.sqn) != vector || after.sqn < before.sqn || after.vectors != before.vectors + vector)
		abort();
	if (vector != (est_rig.a.parcel.n_fills > 0) || (vector && after.sqn <= ms))
		abort();
	if ((rsc == 200) == mst_view_eq_str(mst_view_str(est_rig.a.media), MST_SBI_PROBLEM))
		abort();
	return 0;
}
