/* The MEF (TS-0003 8.3): RSPF by certificate and by pre-provisioned symmetric key; certificate provisioning. */
#include "crypto/derive.h"
#include "role/common/naf.h"
#include "role/mef/decide.h"
#include "role/mef/est.h"

static const struct mst_role_twin twin = {
	.role = MST_ROLE_MEF,
	.reg_msg = &mst_mef_client_reg_msg,
	.cfg_msg = &mst_mef_client_cfg_msg,
	.reg_ty = MST_TY_MEF_CLIENT_REG,
	.commands = true,
	.fetch = true,
	.decide = mst_mef_decide,
};

static int handle(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a)
{
	return x->plain ? est_handle(env, x, a) : mst_role_handle(&twin, env, x, a);
}

static int psk_lookup(struct mst_role_env *env, const struct mst_psk_ask *q, struct mst_psk_answer *a)
{
	struct mst_naf naf;
	const char *why;

	switch (mst_naf_of(env->conf, q->identity, q->suite, &naf, &why)) {
	case MST_NAF_BTID: return mst_naf_lookup(env, MST_ROLE_MEF, &naf, a);
	case MST_NAF_REFUSED: return mst_naf_nobody(env, MST_ROLE_MEF, a);
	case MST_NAF_NOT: break;
	}
	return mst_role_secret_lookup(env, q, a);
}

static int fetched(struct mst_role_env *env, const struct mst_psk_ask *q, const struct mst_fetch_result *got, struct mst_psk_answer *a)
{
	struct mst_naf naf;
	const char *why;

	if (mst_naf_of(env->conf, q->identity, q->suite, &naf, &why) == MST_NAF_BTID)
		return mst_naf_fetched(env, MST_ROLE_MEF, &naf, q, got, a);
	/* a reload took the BSF away meanwhile */
	return mst_naf_refused(env, MST_ROLE_MEF, q, why[0] ? why : "the B-TID is of no BSF that is configured here (bsfs, domains)");
}

static int clock_look(struct mst_role_env *env, struct mst_clocked *c)
{
	return mst_role_clock(env, MST_ROLE_MEF, c);
}

static int hint(struct mst_role_env *env, const struct mst_peer *p, struct mst_psk_hint *ret)
{
	bool one = false;
	int r = mst_naf_hint(env, MST_ROLE_MEF, p, ret, &one);

	return r || one ? r : mst_role_secret_hint(env, MST_ROLE_MEF, p->psk_identity, ret);
}

static int handshake_failed(struct mst_role_env *env, const struct mst_peer *p, enum mst_tls_end why, const char *detail)
{
	return mst_role_handshake_failed(env, MST_ROLE_MEF, p, why, detail, hint);
}

static int refused(struct mst_role_env *env, const struct mst_peer *p, const char *attempt, int status, const char *why)
{
	return mst_role_refused(env, MST_ROLE_MEF, p, attempt, status, why);
}

const struct mst_role_ops mst_role_mef = {
	.role = MST_ROLE_MEF,
	.export_label = MST_LABEL_BOOTSTRAP,     /* spec 3.2: for registered keys as well */
	.primitives = true,
	.plain_prefix = MST_EST_PATH "/",
	.client_cert_required = true,
	.psk = true,
	.handle = handle,
	.psk_lookup = psk_lookup,
	.fetched = fetched,
	.handshake_failed = handshake_failed,
	.refused = refused,
	.clock = clock_look,
};
