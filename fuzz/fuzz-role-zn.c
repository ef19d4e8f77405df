/*
 * A request → Zn with the real keeper, where one subscriber has bootstrapped. "m" is the MAF of its group, "c" a name that is the MAF's too, others are
 * strangers. Whatever comes: keys for the MAF alone, sealed for who hands them out, and the session stays as it is.
 */
#include "fuzz-sbi.h"

#include <stdlib.h>

#include "codec/gba-sbi.h"
#include "role/test-bsf-rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool is_up;

static void tidy(void)
{
	(void)!bsf_down(NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_request q;
	struct mst_key k = { .n = 0 };
	char who;
	int rsc;

	if (!is_up) {
		bsf_up(NULL);
		bootstrap(GUSS("", ",\"nafGroup\":\"m2m\""), 0);
		is_up = !atexit(tidy);
	}
	if (n > MST_SBI_ARENA || !sbi_request((struct mst_view){ p, n }, &who, &q))
		return 0;
	zn_prepare(who == 'm' || who == 'p' ? "maf.sp.example" : who == 'c' ? "in-cse.sp.example" : "evil.example", "");
	if (who == 'p')
		g.x.peer.how = MST_AUTH_PSK;
	g.x.request = q;
	rsc = turn(&mst_role_zn, NULL);
	if (rsc < 200 || rsc > 599 || !g.a.content.n || (rsc == 200 && who != 'm') || (rsc == 200) != (g.a.parcel.n_fills > 0) || sessions() != 1)
		abort();
	if ((rsc == 200) == mst_view_eq_str(mst_view_str(g.a.media), MST_SBI_PROBLEM))
		abort();
	if (rsc == 200 && (mst_channel_open(&g.zn, g.c, MST_USE_NAF_KEYS, &g.a.parcel.sealed, &k) || k.n != 32))
		abort();
	mst_key_wipe(&k);
	return 0;
}
