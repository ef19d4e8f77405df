/*
 * Method gba (TS-0003 8.3.2.3): Ke is Ks, KeID the B-TID, and Km the NAF key for the MAF's name, or Kpsa that for a CSE's. Bootstrapping
 * itself is the shell's (lib/proto/gba/ue.h and a card); here is what comes of it.
 */
#include "enrolee/internal.h"
#include "proto/gba/keys.h"

#define CONFIGURATION_OCTETS 8192            /* what its texts need while it is read */

static const struct gba_ua *ua_of(const struct enrolee *e)
{
	return &e->cfg.ua;
}

const char *enrolee_naf_fqdn(const struct enrolee *e)
{
	return e->via_mef ? e->mef.host : e->naf_said;
}

bool enrolee_for_cse(const struct enrolee *e)
{
	return e->suid == MST_SUID_KPSA;
}

static bool copy(char *to, size_t cap, struct mst_view v)
{
	return mst_view_to_str(v, to, cap);
}

static bool take_names(struct mst_root_cred *c, const struct mst_client_cfg *x)
{
	bool ok = copy(c->node_id, sizeof(c->node_id), x->node_id) && copy(c->cse_id, sizeof(c->cse_id), x->cse_id) &&
		  copy(c->ae_id, sizeof(c->ae_id), x->ae_id) &&
		  copy(c->registrar_cse_id, sizeof(c->registrar_cse_id), x->registrar_cse_id) &&
		  copy(c->maf_uri, sizeof(c->maf_uri), x->maf_uri);

	c->n_registrar_poa = x->n_registrar_poa < MST_COUNT(c->registrar_poa) ? x->n_registrar_poa : MST_COUNT(c->registrar_poa);
	for (size_t i = 0; i < c->n_registrar_poa; i++)
		ok &= copy(c->registrar_poa[i], sizeof(c->registrar_poa[i]), x->registrar_poa[i]);
	return ok;
}

/* What the BSF says of the node; its texts lie in the scratch that ends here. */
static bool take_configuration(struct enrolee *e, struct mst_view json, mst_time *ret_until, struct mst_diag *d)
{
	uint8_t scratch[CONFIGURATION_OCTETS];
	struct mst_arena arena = mst_arena_of(scratch, sizeof(scratch));
	struct mst_writer anchors = mst_writer_of(e->anchors, sizeof(e->anchors));
	struct mst_client_cfg x = { .has = 0 };

	if (json.n && mst_msg_read_json(&mst_mef_client_cfg_msg, MST_PROFILE_LONG, json, &arena, &x, d))
		return false;
	if (enrolee_for_cse(e) && x.registrar_cse_id.n && !mst_id_equal(MST_ID_CSE_ABS, x.registrar_cse_id, mst_view_str(e->target))) {
		mst_diag_set(d, 0, "registrarCSEID", "another CSE than the instruction's", NULL);
		return false;
	}
	if (!enrolee_for_cse(e) && x.maf_fqdn.n && !mst_id_equal(MST_ID_FQDN, x.maf_fqdn, mst_view_str(e->target))) {
		mst_diag_set(d, 0, "mafFQDN", "another MAF than the instruction's", NULL);
		return false;
	}
	if (!take_names(&e->cred, &x)) {
		mst_diag_set(d, 0, "", "a name is too long", NULL);
		return false;
	}
	for (size_t i = 0; i < x.n_anchors; i++)
		mst_put_block16(&anchors, x.anchors[i]);
	e->anchors_n = anchors.n;
	*ret_until = x.subscription_until;
	return anchors.ok;
}

static bool put_default_maf(struct enrolee *e)
{
	struct mst_writer w = mst_writer_of(e->cred.maf_uri, sizeof(e->cred.maf_uri));

	if (e->cred.maf_uri[0])
		return true;
	mst_put_str(&w, e->maf_uri[0] ? e->maf_uri : "https://");
	mst_put_str(&w, e->maf_uri[0] ? "" : e->target);
	mst_put_nul(&w);
	return w.ok;
}

/*
 * The CSE that the key is for is the node's registrar. First stands where it is as the NAF of its name: a point of access of that name
 * that it was told, else https on the usual port (TS-0001 6.5.1.1: the public domain name is what DNS resolves). By https alone: a NAF
 * key is for one suite of TLS (TS 33.220 H.3).
 */
static bool put_cse(struct enrolee *e)
{
	struct mst_root_cred *c = &e->cred;
	size_t at = 0, last = MST_COUNT(c->registrar_poa) - 1;
	struct enrolee_peer p;
	char poa[MST_ID_MAX];
	struct mst_writer w = mst_writer_of(poa, sizeof(poa));

	c->maf_uri[0] = '\0';
	while (at < c->n_registrar_poa && !(enrolee_https_of(mst_view_str(c->registrar_poa[at]), &p) && mst_view_eq_str(mst_view_str(p.host), e->naf)))
		at++;
	mst_put_str(&w, at < c->n_registrar_poa ? c->registrar_poa[at] : "https://");
	mst_put_str(&w, at < c->n_registrar_poa ? "" : e->naf);
	mst_put_nul(&w);
	if (at == c->n_registrar_poa && c->n_registrar_poa <= last)
		c->n_registrar_poa++;
	for (size_t i = at < last ? at : last; i > 0; i--)
		memcpy(c->registrar_poa[i], c->registrar_poa[i - 1], sizeof(poa));
	memcpy(c->registrar_poa[0], poa, sizeof(poa));
	return w.ok && mst_copy_text(c->registrar_cse_id, sizeof(c->registrar_cse_id), e->target);
}

/* A BSF that says nothing of the node (an operator's, which knows no oneM2M) leaves it with the names of its settings. */
static bool put_own_names(struct enrolee *e)
{
	struct mst_root_cred *c = &e->cred;

	if (c->cse_id[0] || c->ae_id[0] || c->node_id[0])
		return true;
	return mst_copy_text(c->cse_id, sizeof(c->cse_id), e->cfg.own_cse_id ? e->cfg.own_cse_id : "") &&
	       mst_copy_text(c->node_id, sizeof(c->node_id), e->from);
}

bool enrolee_make_gba(struct enrolee *e, const struct gba_context *x, mst_time utc, struct mst_diag *d)
{
	struct mst_root_cred *c = &e->cred;
	mst_time until = 0;
	bool ok;

	mst_root_cred_wipe(c);
	if (!take_configuration(e, x->configuration, &until, d))
		return false;
	ok = put_own_names(e) && (enrolee_for_cse(e) ? put_cse(e) : put_default_maf(e));
	c->ke = x->ks;                       /* none when the card keeps it */
	c->suid = e->suid;
	c->method = MST_METHOD_GBA;
	memcpy(c->ua, ua_of(e)->b, sizeof(c->ua));
	c->obtained = x->bsf_time > utc ? x->bsf_time : utc;
	c->not_after = enrolee_sooner(x->expires, until);
	ok &= mst_copy_text(c->ke_id, sizeof(c->ke_id), x->btid) && mst_copy_text(c->key_id, sizeof(c->key_id), x->btid) &&
	      mst_copy_text(c->admin_fqdn, sizeof(c->admin_fqdn), e->admin_fqdn) &&
	      mst_copy_text(c->mef_fqdn, sizeof(c->mef_fqdn), e->mef.host) && mst_copy_text(c->mef_uri, sizeof(c->mef_uri), e->mef_uri) &&
	      mst_copy_text(c->maf_fqdn, sizeof(c->maf_fqdn), enrolee_for_cse(e) ? "" : e->target) && mst_copy_text(c->attempt, sizeof(c->attempt), e->attempt);
	if (!ok)
		mst_diag_set(d, 0, "", "a name is too long", NULL);
	return ok;
}

/* What the key is derived for, kept for the card as well. */
bool enrolee_put_naf(struct enrolee *e, const struct gba_context *x)
{
	return gba_naf_id(mst_view_str(enrolee_naf_fqdn(e)), ua_of(e), e->naf_id, &e->naf_id_n) &&
	       mst_copy_text(e->impi, sizeof(e->impi), x->impi) && mst_copy_text(e->btid, sizeof(e->btid), x->btid);
}

int enrolee_derive_naf(struct enrolee *e, const struct gba_context *x, struct mst_key *ret_key)
{
	return gba_ks_naf(e->cfg.crypto, GBA_KEY_ME, x->ks.b, x->rnd, mst_view_str(e->impi), (struct mst_view){ e->naf_id, e->naf_id_n }, ret_key);
}

bool enrolee_spell_btid(const struct enrolee *e, const char *btid, char out[MST_ID_MAX])
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);

	gba_put_psk_identity(&w, GBA_HINT_ME, e->cfg.psk_separator, mst_view_str(btid));
	mst_put_nul(&w);
	return w.ok;
}
