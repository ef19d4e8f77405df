/* What the MEF stage yielded, as one record for the secure environment. */
#include "crypto/derive.h"
#include "enrolee/internal.h"

bool enrolee_maf_from(const struct mst_root_cred *c, char out[MST_ID_MAX])
{
	if (c->cse_id[0])
		return mst_id_from_param(MST_ID_CSE_ABS, mst_view_str(c->cse_id), out);
	if (c->ae_id[0])
		return mst_id_from_param(MST_ID_AE_ABS, mst_view_str(c->ae_id), out);
	return c->node_id[0] && mst_copy_text(out, MST_ID_MAX, c->node_id);
}

mst_time enrolee_sooner(mst_time a, mst_time b)
{
	return !b || (a && a < b) ? a : b;
}

int enrolee_derive(struct enrolee *e, struct mst_key *ret_km)
{
	const struct mst_quirks *q = e->cfg.quirks ? e->cfg.quirks : &mst_quirks_default;
	struct mst_view maf = mst_view_str(e->target);

	switch (q->km) {
	case MST_KM_USAGE_CONSTRAINED:
		return mst_derive_usage(e->cfg.crypto, &e->cred.ke, (int)e->suid, maf, ret_km);
	case MST_KM_MASTER: return mst_derive_km(e->cfg.crypto, &e->cred.ke, maf, ret_km);
	case MST_KM_REGISTERED: *ret_km = e->cred.ke; return 0;
	}
	return MST_FAULT_BUG;
}

static bool put_default_uri(char out[MST_ID_MAX], const char *fqdn)
{
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);

	mst_put_str(&w, "https://");
	mst_put_str(&w, fqdn);
	mst_put_nul(&w);
	return w.ok;
}

/* Everything that the MEF stage yielded becomes one record: key, names, addresses, ends. */
bool enrolee_make_credential(struct enrolee *e, mst_time utc)
{
	const struct mmef_result *r = &e->machine.mef.result;
	struct mst_root_cred *c = &e->cred;
	bool ok = true;

	mst_root_cred_wipe(c);
	c->ke = *mmef_ke(&e->machine.mef);
	c->suid = e->suid;
	c->method = e->gba ? MST_METHOD_GBA : e->by_secret ? MST_METHOD_PSK : MST_METHOD_CERT;
	c->obtained = r->server_time > utc ? r->server_time : utc;
	/* a key of which no end was told ends with the registration that it was made in */
	c->not_after = enrolee_sooner(r->key_until ? r->key_until : r->reg_until, r->subscription_until);
	c->mef_reg = (struct mst_reg_term){ c->obtained, r->reg_until };
	ok &= mst_copy_text(c->ke_id, sizeof(c->ke_id), r->ke_id) &&
	      mst_copy_text(c->key_id, sizeof(c->key_id), r->ke_id);
	ok &= mst_copy_text(c->admin_fqdn, sizeof(c->admin_fqdn), r->admin_fqdn);
	ok &= mst_copy_text(c->mef_fqdn, sizeof(c->mef_fqdn), e->mef.host) &&
	      mst_copy_text(c->mef_uri, sizeof(c->mef_uri), e->mef_uri);
	ok &= mst_copy_text(c->mef_reg_id, sizeof(c->mef_reg_id), r->reg_id);
	ok &= mst_copy_text(c->maf_fqdn, sizeof(c->maf_fqdn), e->target);
	ok &= r->maf_uri[0]   ? mst_copy_text(c->maf_uri, sizeof(c->maf_uri), r->maf_uri)
	      : e->maf_uri[0] ? mst_copy_text(c->maf_uri, sizeof(c->maf_uri), e->maf_uri)
			      : put_default_uri(c->maf_uri, e->target);
	/* Without an identity from the MEF the one that our certificate proves is still ours. */
	ok &= mst_copy_text(c->node_id, sizeof(c->node_id), r->node_id[0] ? r->node_id : e->from);
	ok &= mst_copy_text(c->cse_id, sizeof(c->cse_id), r->cse_id) &&
	      mst_copy_text(c->ae_id, sizeof(c->ae_id), r->ae_id);
	ok &= mst_copy_text(c->registrar_cse_id, sizeof(c->registrar_cse_id), r->registrar_cse_id);
	c->n_registrar_poa = r->n_registrar_poa < MST_COUNT(c->registrar_poa) ? r->n_registrar_poa
									      : MST_COUNT(c->registrar_poa);
	for (size_t i = 0; i < c->n_registrar_poa; i++)
		ok &= mst_copy_text(c->registrar_poa[i], sizeof(c->registrar_poa[i]), r->registrar_poa[i]);
	ok &= mst_copy_text(c->attempt, sizeof(c->attempt), e->attempt);
	return ok;
}

bool enrolee_keep_anchors(struct enrolee *e)
{
	const struct mmef_result *r = &e->machine.mef.result;
	struct mst_writer w = mst_writer_of(e->anchors, sizeof(e->anchors));

	for (size_t i = 0; i < r->n_anchors; i++)
		mst_put_block16(&w, r->anchors[i]);
	e->anchors_n = w.n;
	return w.ok;
}
