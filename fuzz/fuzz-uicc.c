/* Whatever a card answers: every decoder, and what EF_GBABP holds reads back as it was written. */
#include <stdlib.h>

#include "codec/uicc.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void inside(struct mst_view whole, struct mst_view part)
{
	if (part.n && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
		abort();
}

static void gbabp(struct mst_view in)
{
	struct mst_uicc_gbabp b, again;
	uint8_t room[1024];
	struct mst_writer w = mst_writer_of(room, sizeof(room));

	if (mst_uicc_gbabp_read(in, &b, NULL))
		return;
	inside(in, b.challenge);
	inside(in, b.btid);
	inside(in, b.lifetime);
	mst_uicc_gbabp_write(&b, &w);
	if (!w.ok)
		return;
	if (mst_uicc_gbabp_read(mst_written(&w), &again, NULL) || !mst_view_eq(again.challenge, b.challenge) || !mst_view_eq(again.btid, b.btid) ||
	    !mst_view_eq(again.lifetime, b.lifetime))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct mst_view in = { p, n };
	struct mst_uicc_auth a;
	struct mst_uicc_fcp f;
	struct mst_diag d = { 0 };
	struct mst_view v;
	char imsi[MST_UICC_IMSI_MAX];
	int digits = 0;

	for (int context = MST_UICC_3G; context <= MST_UICC_GBA; context += MST_UICC_GBA - MST_UICC_3G) {
		int r = mst_uicc_auth_read(in, (enum mst_uicc_context)context, &a, &d);

		if (r && !d.text[0])
			abort();
		if (!r && !(a.auts.n == MST_UICC_AUTS) == !a.res.n)
			abort();
		if (!r) {
			inside(in, a.res);
			inside(in, a.auts);
			inside(in, a.ik);
		}
	}
	if (!mst_uicc_fcp_read(in, &f, NULL))
		inside(in, f.aid);
	if (!mst_uicc_dir_read(in, &v, NULL)) {
		inside(in, v);
		if (mst_uicc_is_usim(v) + mst_uicc_is_isim(v) + mst_uicc_is_csim(v) > 1)
			abort();
	}
	if (!mst_uicc_impi_read(in, &v, NULL))
		inside(in, v);
	if (!mst_uicc_naf_read(in, &v, NULL))
		inside(in, v);
	if (!mst_uicc_imsi_read(in, imsi, NULL) && (!imsi[0] || imsi[MST_UICC_IMSI_MAX - 1]))
		abort();
	if (!mst_uicc_ad_read(in, &digits, NULL) && digits != 2 && digits != 3)
		abort();
	(void)mst_uicc_service(in, n ? p[0] : 1);
	gbabp(in);
	return 0;
}
