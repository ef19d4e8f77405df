/* Decisions of a NAF. PURE. */
#include "role/common/naf.h"

#include <string.h>

#include "codec/gba-sbi.h"
#include "role/authorise.h"

/* --- identities --- */

static const struct mst_bsf_link *bsf_of(const struct mst_role_conf *conf, struct mst_view domain)
{
	for (size_t i = 0; i < conf->n_bsf; i++)
		for (size_t j = 0; j < conf->bsf[i].n_domain; j++)
			if (mst_view_eq_nocase(domain, mst_view_str(conf->bsf[i].domain[j])))
				return &conf->bsf[i];
	return NULL;
}

bool mst_naf_domain(const struct mst_role_conf *conf, struct mst_view domain)
{
	return bsf_of(conf, domain) != NULL;
}

enum mst_naf_identity mst_naf_of(const struct mst_role_conf *conf, const char *identity, uint16_t suite, struct mst_naf *ret,
				 const char **ret_why)
{
	enum gba_hint hint;
	struct mst_view btid = gba_psk_identity_btid(mst_view_str(identity), &hint);

	memset(ret, 0, sizeof(*ret));
	*ret_why = "";
	if (!conf->n_bsf || (hint == GBA_HINT_BARE && !btid.n))
		return MST_NAF_NOT;
	ret->bsf = bsf_of(conf, gba_btid_domain(btid));
	ret->ua = suite ? gba_ua_tls(suite) : gba_ua_tls13;
	if (!ret->bsf && hint == GBA_HINT_BARE)
		return MST_NAF_NOT;
	if (!mst_id_normalise(MST_ID_BTID, btid, ret->btid))
		*ret_why = "no B-TID stands in the identity";
	else if (!ret->bsf)
		*ret_why = "the B-TID is of no BSF that is configured here (bsfs, domains)";
	else if (hint == GBA_HINT_UICC)
		*ret_why = "keys that stay in the card (3GPP-bootstrapping-uicc) are not taken here";
	else
		return MST_NAF_BTID;
	return MST_NAF_REFUSED;
}

bool mst_naf_key_name(const struct mst_role_conf *conf, const char *identity, char out[MST_ID_MAX])
{
	struct mst_naf n;
	const char *why;

	switch (mst_naf_of(conf, identity, 0, &n, &why)) {
	case MST_NAF_NOT: return mst_id_normalise(MST_ID_KEY, mst_view_str(identity), out);
	case MST_NAF_BTID:
		memcpy(out, n.btid, sizeof(n.btid));
		return true;
	case MST_NAF_REFUSED: break;
	}
	return false;
}

/* What `via` says of such a credential: "ua:01000100AE@bsf.example.com". No key identifier and no FQDN has a colon. */
static const char mark[] = "ua:";

static bool put_via(const struct mst_naf *n, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);

	mst_put_str(&w, mark);
	gba_put_ua(&w, &n->ua);
	mst_put_str(&w, "@");
	mst_put_str(&w, n->bsf->fqdn);
	mst_put_nul(&w);
	return w.ok;
}

bool mst_naf_cred(const char *via, struct gba_ua *ret_ua, struct mst_view *ret_bsf)
{
	struct mst_view v = mst_view_str(via);
	size_t at = mst_view_find(v, '@');

	if (!mst_view_starts(v, mark) || at >= v.n)
		return false;
	*ret_bsf = mst_view_sub(v, at + 1, v.n);
	return gba_ua_parse(mst_view_sub(v, sizeof(mark) - 1, at - (sizeof(mark) - 1)), ret_ua);
}

/* --- handshakes --- */

void mst_naf_release(const struct mst_credential *cred, struct mst_release *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->wanted = true;
	ret->key = cred->key;
	ret->purpose = cred->purpose;
	MST_STR_SET(ret->key_id, cred->key_id);
	MST_STR_SET(ret->target, cred->client_id);
	ret->how = MST_DERIVE_NONE;
	ret->authorisation = mst_authorise_release(cred->key_id, cred->client_id);
}

static void fill_fetch(const struct mst_naf *n, const struct mst_role_conf *conf, struct mst_fetch *f)
{
	f->kind = MST_FETCH_ZN;
	f->binding = n->bsf->binding;
	MST_STR_SET(f->uri, n->bsf->uri);
	MST_STR_SET(f->server_name, n->bsf->fqdn);
	MST_STR_SET(f->connect_to, n->bsf->connect_to);
	MST_STR_SET(f->from, conf->fqdn);
	MST_STR_SET(f->btid, n->btid);
	MST_STR_SET(f->naf_fqdn, conf->fqdn);
	f->ua = n->ua;
}

void mst_naf_decide_lookup(const struct mst_naf *n, const struct mst_credential *cred, const struct mst_who *owner,
			   enum mst_key_purpose purpose, const struct mst_role_conf *conf, mst_time now, struct mst_naf_lookup *ret)
{
	struct mst_view bsf;
	struct gba_ua ua;

	memset(ret, 0, sizeof(*ret));
	ret->why = NULL;
	if (cred && (cred->purpose != purpose || !mst_naf_cred(cred->via, &ua, &bsf)))
		ret->why = "a key of another kind has that identifier";
	else if (cred && cred->state == MST_CRED_REVOKED)
		ret->why = "the key is revoked: it was replaced, or its client de-registered";
	else if (cred && cred->expires <= now)
		ret->why = "the key of that B-TID has ended; the node has to bootstrap anew (Ub)";
	else if (cred)
		(void)mst_decide_standing(owner, now, &ret->why);
	if (ret->why) {
		ret->outcome = MST_PSK_UNKNOWN;
		return;
	}
	/* another suite, another key: the one that is kept is of no use, and stays (it may be proved any time) */
	if (cred && !memcmp(&ua, &n->ua, sizeof(ua))) {
		mst_naf_release(cred, &ret->release);
		return;
	}
	fill_fetch(n, conf, &ret->fetch);
	ret->outcome = MST_PSK_FETCH;
}

/* --- what the BSF says --- */

static const char *const fetch_end[MST_FETCH__COUNT] = {
	[MST_FETCH_OK] = "given",
	[MST_FETCH_UNKNOWN] = "the BSF does not know the B-TID, or its key has ended; the node has to bootstrap anew (Ub)",
	[MST_FETCH_REFUSED] = "the BSF gives us no key of this subscriber: see bsf.nafs there, and the USS of the subscriber",
	[MST_FETCH_UNREACHABLE] = "the BSF is not reachable",
	[MST_FETCH_UNTRUSTED] = "the BSF could not prove who it is: see bsfs and bsf_anchors here",
	[MST_FETCH_MALFORMED] = "the BSF's answer is malformed",
	[MST_FETCH_BUSY] = "the BSF is busy, or too many requests to it are waiting",
	[MST_FETCH_REVOKED] = "the BSF's certificate is revoked",
	[MST_FETCH_LIST_STALE] = "no current revocation list to judge the BSF's certificate by (require_bsf_crl)",
};

/* A CSE-ID or AE-ID says whose it is; of an M2M-Node-ID the subscription does. */
static bool may_vouch(const struct mst_bsf_link *bsf, const char *enrolee, const struct mst_who *owner)
{
	struct mst_view v = mst_view_str(enrolee), sp = mst_view_sub(v, 2, v.n);

	if (mst_view_starts(v, "//"))
		sp = mst_view_sub(sp, 0, mst_view_find(sp, '/'));
	else
		sp = owner->has_sub ? mst_view_str(owner->sub.sp_fqdn) : MST_VIEW_NONE;
	for (size_t i = 0; i < bsf->n_sp && sp.n; i++)
		if (mst_id_equal(MST_ID_FQDN, sp, mst_view_str(bsf->sp[i])))
			return true;
	return !bsf->n_sp;
}

bool mst_naf_decide_fetched(const struct mst_naf *n, const struct mst_fetch_result *got, const char *uid, const struct mst_who *owner,
			    enum mst_key_purpose purpose, mst_time now, struct mst_credential *ret_cred, char ret_why[200])
{
	struct mst_credential c = { .purpose = purpose, .state = MST_CRED_PENDING, .created = now };
	struct mst_writer w = mst_writer_of(ret_why, 200);
	const char *why = NULL;

	if (got->end != MST_FETCH_OK) {
		mst_put_str(&w, (unsigned)got->end < MST_FETCH__COUNT ? fetch_end[got->end] : "the BSF gave no key");
		mst_put_str(&w, got->detail[0] ? ": " : "");
		mst_put(&w, mst_view_sub(mst_view_str(got->detail), 0, 198 - w.n));
		mst_put_nul(&w);
		return false;
	}
	if (!got->lifetime)
		why = "the BSF does not say when the key ends, so that it could be used for ever";
	else if (got->lifetime <= now)
		why = "the BSF gave a key that has ended";
	else if (!got->key.n || got->has_int)
		why = "the BSF's answer held no key, or one that was not asked for";
	else if (!uid[0])
		why = "the BSF named no enrolee";
	else if (!may_vouch(n->bsf, uid, owner))
		why = "the BSF vouches for a client of a provider that is not in bsfs.sps";
	else if (!put_via(n, c.via))
		why = "the BSF's name is too long";
	else if (purpose == MST_PURPOSE_KPM && owner->kind != MST_WHO_NODE)
		why = "the BSF names an enrolee that is no node here (muster node add)";
	else
		(void)mst_decide_standing(owner, now, &why);
	if (why) {
		mst_str_set(ret_why, 200, why);
		return false;
	}
	MST_STR_SET(c.key_id, n->btid);
	MST_STR_SET(c.client_id, uid);
	c.node = owner->has_node ? owner->node.id : 0;
	c.expires = got->lifetime;
	if (owner->has_sub && owner->sub.not_after < c.expires)
		c.expires = owner->sub.not_after;
	*ret_cred = c;
	return true;
}

/* --- USSs --- */

/* Of several identifiers one that names a CSE is best, then an AE, then whatever stands first. */
static int rank(struct mst_view v)
{
	return mst_id_valid(MST_ID_CSE_ABS, v) ? 3 : mst_id_valid(MST_ID_AE_ABS, v) ? 2 : mst_id_valid(MST_ID_NODE, v) ? 1 : 0;
}

const char *mst_naf_uid(struct mst_view uss_list, char ret_uid[MST_ID_MAX])
{
	uint8_t scratch[4096];
	struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));
	const struct mst_uss *ours = NULL;
	struct mst_diag d = { 0 };
	struct mst_guss g;
	int best = 0;

	ret_uid[0] = '\0';
	if (!uss_list.n)
		return "the BSF told no USS of this subscriber, so nobody knows who it is: give it one with GSID 1000001 at the HSS";
	memset(&g, 0, sizeof(g));
	if (mst_uss_list_read_json(uss_list, &a, &g, &d))
		return "the BSF's list of USSs is malformed";
	for (size_t i = 0; i < g.n; i++) {
		if (g.uss[i].gsid != MST_NAF_GSID)
			continue;
		if (ours)
			return "the BSF told two USSs of GSID 1000001; one is wanted";
		ours = &g.uss[i];
	}
	if (!ours)
		return "the BSF told no USS of GSID 1000001 of this subscriber, so nobody knows who it is: give it one at the HSS";
	if (ours->key_choice == MST_KEY_CHOICE_UICC)
		return "the USS of GSID 1000001 wants the card's key for this service (UICC_BASED_KEY), and TLS runs with the ME's here";
	for (size_t i = 0; i < ours->n_ids; i++) {
		int r = rank(ours->id[i]);

		if (r > best && mst_view_to_str(ours->id[i], ret_uid, MST_ID_MAX))
			best = r;
	}
	mst_id_enrolee(ret_uid, ret_uid);
	return best ? NULL : "no usable identifier (CSE-ID, AE-ID, M2M-Node-ID) stands in the USS of GSID 1000001";
}
