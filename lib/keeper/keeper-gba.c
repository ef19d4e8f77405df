/* GBA's secret half at a BSF (proto/gba/bsf.h): an answer on Ub is judged by its vector, Ks is made, NAFs get keys. */
#include <string.h>

#include "base/text.h"
#include "keeper/local.h"

static struct mst_view str(const char *s)
{
	return mst_view_str(s);
}

static bool of_nonce(struct mst_view nonce, const uint8_t rnd[GBA_RAND])
{
	uint8_t b[GBA_RAND + GBA_AUTN];
	size_t n = 0;

	return mst_base64_decode(nonce, b, sizeof(b), &n) && n == sizeof(b) && !memcmp(b, rnd, GBA_RAND);
}

/* 0, FORGED or a fault; *ret_v is the caller's to wipe. */
static int open_av(struct local *l, const struct mst_wrapped *w, const char *btid, struct gba_av *ret_v)
{
	struct mst_key key = { .n = 0 };
	int r = keeper_unwrap(l, w, MST_PURPOSE_AV, btid, &key);

	if (!r && !gba_av_read(mst_key_view(&key), ret_v))
		r = MST_KEEPER_FORGED;
	mst_key_wipe(&key);
	return r;
}

static int counted(struct local *l, int r, uint64_t *count)
{
	*count += !r;
	l->counts.refused += r > 0;
	return r;
}

int keeper_gba_star(struct mst_keeper *k, const struct mst_wrapped *w, const char *btid, uint8_t autn[GBA_AUTN])
{
	struct local *l = keeper_of(k);
	struct gba_av v;
	uint64_t unused = 0;
	int r;

	if (!keeper_id_usable(btid))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	r = open_av(l, w, btid, &v);
	if (!r) {
		r = gba_autn_star(l->c, v.ik, autn);
		gba_av_wipe(&v);
	}
	return counted(l, r, &unused);
}

static bool claim_usable(const struct gba_claim *q)
{
	return (q->algorithm == GBA_AKAV1_MD5 || q->algorithm == GBA_AKAV2_MD5) && (q->qop == GBA_QOP_AUTH || q->qop == GBA_QOP_AUTH_INT);
}

static int give_ks(struct local *l, const struct gba_av *v, const char *btid, const uint8_t rnd[GBA_RAND], const struct mst_ub *q,
		   struct mst_ub_answer *a)
{
	struct mst_key ks = { .n = GBA_KS };
	int r;

	gba_ks(v->ck, v->ik, ks.b);
	r = keeper_wrap(l, &ks, MST_PURPOSE_KS, btid, &a->ks);
	if (!r && q->tmpi) {
		r = gba_tmpi(l->c, ks.b, rnd, str(q->impi), gba_btid_domain(str(btid)), a->tmpi);
		r = r > 0 ? MST_KEEPER_DENIED : r;
	}
	mst_key_wipe(&ks);
	return r;
}

int keeper_gba_answer(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, const char *btid,
		      const struct mst_ub *q, struct mst_ub_answer *ret_a)
{
	struct local *l = keeper_of(k);
	struct mst_ub_answer out = { .ks.n = 0 };
	uint8_t rnd[GBA_RAND];
	struct gba_av v;
	int r;

	if (!keeper_id_usable(btid) || !keeper_id_usable(q->impi) || !keeper_authorised(a, MST_AUTH_BOOTSTRAP, btid) || strcmp(a->to, q->impi) != 0 ||
	    !claim_usable(&q->claim) || q->body.n > MST_BSF_INFO_OCTETS || !gba_btid_rand(str(btid), rnd) || !of_nonce(q->claim.nonce, rnd))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	r = open_av(l, w, btid, &v);
	if (!r) {
		/* a UE's message has no body */
		r = gba_prove(l->c, &v, &q->claim, MST_VIEW_NONE);
		r = r > 0 ? MST_KEEPER_FORGED : r;
		if (!r)
			r = gba_rspauth(l->c, &v, &q->claim, q->body, out.rspauth);
		if (!r)
			r = give_ks(l, &v, btid, rnd, q, &out);
		gba_av_wipe(&v);
	}
	if (!r)
		*ret_a = out;
	return counted(l, r, &l->counts.bootstraps);
}

static int naf_keys(struct local *l, const struct mst_key *ks, const uint8_t rnd[GBA_RAND], const char *impi, struct mst_view naf_id, bool in_card,
		    struct mst_key *out)
{
	struct gba_naf_keys k;
	int r = ks->n == GBA_KS ? gba_naf_keys_make(l->c, ks->b, rnd, str(impi), naf_id, in_card, &k) : MST_KEEPER_FORGED;

	if (r)
		return r > 0 && ks->n == GBA_KS ? MST_KEEPER_DENIED : r;
	out->n = k.me.n + k.uicc.n;
	memcpy(out->b, k.me.b, k.me.n);
	memcpy(out->b + k.me.n, k.uicc.b, k.uicc.n);
	gba_naf_keys_wipe(&k);
	return 0;
}

int keeper_gba_naf_keys(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, const char *btid, const char *impi,
			struct mst_view naf_id, bool in_card, uint32_t to, struct mst_wrapped *ret_sealed)
{
	struct local *l = keeper_of(k);
	const struct mst_channel *ch = keeper_channel_of(l, to);
	struct mst_key ks = { .n = 0 }, keys = { .n = 0 };
	struct mst_view fqdn;
	uint8_t rnd[GBA_RAND];
	struct gba_ua ua;
	int r;

	if (!keeper_id_usable(btid) || !keeper_id_usable(impi) || !keeper_authorised(a, MST_AUTH_RELEASE, btid) || !gba_btid_rand(str(btid), rnd) ||
	    !gba_naf_id_split(naf_id, &fqdn, &ua) || !mst_view_eq_str(fqdn, a->to))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	if (!ch)
		return keeper_refuse(l, MST_KEEPER_NO_CHANNEL);
	if (!keeper_gets(MST_PURPOSE_KS, ch))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	r = keeper_rate_ask(l, MST_RATE_NAF_KEYS);
	if (r)
		return r;
	r = keeper_unwrap(l, w, MST_PURPOSE_KS, btid, &ks);
	if (!r)
		r = naf_keys(l, &ks, rnd, impi, naf_id, in_card, &keys);
	if (!r)
		r = keeper_seal_for(l, ch, MST_PURPOSE_KS, &keys, ret_sealed);
	mst_key_wipe(&ks);
	mst_key_wipe(&keys);
	if (!r)
		keeper_rate_count(l, MST_RATE_NAF_KEYS);
	return counted(l, r, &l->counts.naf_keys);
}

/* Is it a trigger, for this node, to be checked with this key? The body itself says, not the one who asks. */
static bool may_trigger(struct local *l, const struct mst_authorisation *a, const struct mst_gba_trigger *q, char ret_id[MST_ID_MAX])
{
	return keeper_id_usable(q->btid) && keeper_id_usable(q->impi) && keeper_id_usable(q->node_id) && gba_trigger_id(str(q->btid), ret_id) &&
	       keeper_authorised(a, MST_AUTH_TRIGGER, ret_id) && !strcmp(a->to, q->node_id) && keeper_is_trigger(l, ret_id, q->body);
}

int keeper_gba_trigger(struct mst_keeper *k, const struct mst_authorisation *a, const struct mst_wrapped *w, const struct mst_gba_trigger *q,
		       uint8_t ret_mac[MST_TRIGGER_MAC])
{
	struct local *l = keeper_of(k);
	struct mst_key ks = { .n = 0 }, root = { .n = 0 };
	uint8_t rnd[GBA_RAND], naf_id[GBA_NAF_ID_MAX];
	char id[MST_ID_MAX];
	size_t n = 0;
	int r;

	if (!may_trigger(l, a, q, id) || !gba_btid_rand(str(q->btid), rnd) || !gba_naf_id(str(q->naf_fqdn), &gba_ua_trigger, naf_id, &n))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	r = keeper_rate_ask(l, MST_RATE_TRIGGERS);
	if (r)
		return r;
	r = keeper_unwrap(l, w, MST_PURPOSE_KS, q->btid, &ks);
	if (!r && ks.n != GBA_KS)
		r = MST_KEEPER_FORGED;
	if (!r)
		r = gba_ks_naf(l->c, GBA_KEY_ME, ks.b, rnd, str(q->impi), (struct mst_view){ naf_id, n }, &root);
	if (!r)
		r = keeper_trigger_mac(l, &root, id, q->node_id, q->body, ret_mac);
	mst_key_wipe(&ks);
	mst_key_wipe(&root);
	if (!r)
		keeper_rate_count(l, MST_RATE_TRIGGERS);
	return counted(l, r, &l->counts.triggers);
}
