/* Handshakes with a maker's secret, for every role that takes them; handshake.c says what a look-up may not tell. */
#include "role/common/common.h"

#include <string.h>

const char *mst_role_no_secrets(enum mst_role role)
{
	return role == MST_ROLE_BBN ? "the briefing node takes no makers' secrets (bbn.psk)" : "the MEF takes no makers' secrets (mef.psk)";
}

/* 0 with `cred`, MST_STORE_NONE, or a fault. */
static int find(struct mst_role_env *env, const char *identity, struct mst_credential *cred)
{
	char id[MST_ID_MAX];

	if (!mst_id_normalise(MST_ID_KEY, mst_view_str(identity), id))
		MST_STR_SET(id, "");
	return mst_store_cred_get(env->store, MST_ROLE_SECRETS, id, cred);
}

/* 0, MST_PSK_UNKNOWN with the reason, or a fault. */
static int standing(struct mst_role_env *env, enum mst_role role, const char *identity, struct mst_release *ret, struct mst_whose *ret_whose,
		    const char **ret_why, bool *ret_known)
{
	static _Thread_local struct mst_who owner;
	struct mst_peer p = { .how = MST_AUTH_PSK };
	struct mst_credential cred;
	/* where none is taken all are as one that is not known, in what is asked for it, too */
	int none = find(env, env->conf->no_secrets ? "" : identity, &cred), r;

	if (none < 0)
		return none;
	*ret_known = !none;
	memset(&owner, 0, sizeof(owner));
	if (!none) {
		MST_STR_SET(p.psk_identity, identity);
		r = mst_role_identify(env, role, &p, &owner);
		if (r)
			return r;
	}
	r = mst_role_whose(&owner, ret_whose);
	if (r)
		return r;
	return mst_decide_secret(none ? NULL : &cred, &owner, env->now, ret, ret_why) ? 0 : MST_PSK_UNKNOWN;
}

int mst_role_secret_lookup(struct mst_role_env *env, enum mst_role role, const struct mst_psk_ask *q, struct mst_psk_answer *a)
{
	struct mst_credential again;
	const char *why;
	bool known;
	int r;

	memset(a, 0, sizeof(*a));
	r = standing(env, role, q->identity, &a->release, &a->whose, &why, &known);
	if (r == MST_PSK_UNKNOWN) {
		/* of who is known the row was read once more, to identify him */
		int e = known ? 0 : find(env, "", &again);

		if (e >= 0)
			e = mst_role_as_long(env, MST_ROLE_ASKS, true);
		return e ? e : r;
	}
	return r;
}

int mst_role_secret_hint(struct mst_role_env *env, enum mst_role role, const char *identity, struct mst_psk_hint *ret)
{
	struct mst_release unused;
	struct mst_whose whose;
	char id[MST_ID_MAX];
	const char *why = "";
	bool known;
	int r;

	if (!mst_id_normalise(MST_ID_KEY, mst_view_str(identity), id))
		return 0;
	r = standing(env, role, identity, &unused, &whose, &why, &known);
	if (r < 0)
		return r;
	ret->given = !r && !env->conf->no_secrets;
	MST_STR_SET(ret->why, env->conf->no_secrets ? mst_role_no_secrets(role) : r ? why : "identity known, key wrong");
	return 0;
}
