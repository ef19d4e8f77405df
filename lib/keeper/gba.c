#include "keeper/gba.h"

#include <string.h>

#include "base/text.h"

static struct mst_view str(const char *s)
{
	return mst_view_str(s);
}

bool keeper_btid_rand(const char *btid, uint8_t ret_rnd[GBA_RAND])
{
	uint8_t rnd[GBA_RAND];
	char again[MST_BTID_MAX];
	struct mst_view all = str(btid), domain = gba_btid_domain(all);
	size_t n = 0;

	if (!domain.n || domain.n + 1 >= all.n || !mst_base64_decode(mst_view_sub(all, 0, all.n - domain.n - 1), rnd, sizeof(rnd), &n) ||
	    n != GBA_RAND || !gba_btid_make(rnd, domain, again) || strcmp(again, btid) != 0)
		return false;
	memcpy(ret_rnd, rnd, GBA_RAND);
	return true;
}

int keeper_ub_star(struct mst_crypto *c, const struct mst_key *av, uint8_t autn[GBA_AUTN])
{
	struct gba_av v;
	int r;

	if (!gba_av_read(mst_key_view(av), &v))
		return MST_KEEPER_FORGED;
	r = gba_autn_star(c, v.ik, autn);
	gba_av_wipe(&v);
	return r;
}

static int answer(struct mst_crypto *c, const struct gba_av *v, const char *btid, const struct mst_ub *q, struct mst_key *ks,
		  struct mst_ub_answer *a)
{
	uint8_t rnd[GBA_RAND];
	int r;

	if (!keeper_btid_rand(btid, rnd))
		return MST_KEEPER_DENIED;
	/* a message of Ub has no body */
	r = gba_prove(c, v, &q->claim, MST_VIEW_NONE);
	if (r)
		return r > 0 ? MST_KEEPER_FORGED : r;
	r = gba_rspauth(c, v, &q->claim, q->body, a->rspauth);
	ks->n = GBA_KS;
	gba_ks(v->ck, v->ik, ks->b);
	if (!r && q->tmpi) {
		r = gba_tmpi(c, ks->b, rnd, str(q->impi), gba_btid_domain(str(btid)), a->tmpi);
		r = r > 0 ? MST_KEEPER_DENIED : r;
	}
	return r;
}

int keeper_ub(struct mst_crypto *c, const struct mst_key *av, const char *btid, const struct mst_ub *q, struct mst_key *ret_ks,
	      struct mst_ub_answer *ret_a)
{
	struct mst_ub_answer a = { .ks.n = 0 };
	struct mst_key ks = { .n = 0 };
	struct gba_av v;
	int r;

	if (!gba_av_read(mst_key_view(av), &v))
		return MST_KEEPER_FORGED;
	r = answer(c, &v, btid, q, &ks, &a);
	if (!r) {
		*ret_ks = ks;
		*ret_a = a;
	}
	gba_av_wipe(&v);
	mst_key_wipe(&ks);
	return r;
}

int keeper_naf_keys(struct mst_crypto *c, const struct mst_key *ks, const char *btid, const char *impi, struct mst_view naf_id, bool in_card,
		    struct mst_key *ret_keys)
{
	struct gba_naf_keys k;
	uint8_t rnd[GBA_RAND];
	int r;

	if (ks->n != GBA_KS)
		return MST_KEEPER_FORGED;
	if (!keeper_btid_rand(btid, rnd))
		return MST_KEEPER_DENIED;
	r = gba_naf_keys_make(c, ks->b, rnd, str(impi), naf_id, in_card, &k);
	if (r)
		return r > 0 ? MST_KEEPER_DENIED : r;
	ret_keys->n = k.me.n + k.uicc.n;
	memcpy(ret_keys->b, k.me.b, k.me.n);
	memcpy(ret_keys->b + k.me.n, k.uicc.b, k.uicc.n);
	gba_naf_keys_wipe(&k);
	return 0;
}
