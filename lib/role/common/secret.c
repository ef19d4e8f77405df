/*
 * Handshakes with a maker's secret, for every role that takes them. The peer may not learn whether an identity is unknown
 * or its key wrong (lesson 21), neither from the answer nor from its time. So a lookup writes nothing, who is
 * unknown causes the same questions to store and keeper as who is known, and the operator's event is made when the
 * handshake has failed: mst_role_handshake_failed().
 */
#include "role/common/common.h"

#include <string.h>

/* 0 with `cred`, MST_STORE_NONE, or a fault. */
static int find(struct mst_role_env *env, const char *identity, struct mst_credential *cred)
{
	char id[MST_ID_MAX];

	if (!mst_id_normalise(MST_ID_KEY, mst_view_str(identity), id))
		MST_STR_SET(id, "");
	return mst_store_cred_get(env->store, MST_ROLE_SECRETS, id, cred);
}

static int skip(void *arg, const struct mst_identity *row)
{
	(void)arg;
	(void)row;
	return 0;
}

/* What a known node's records would have taken, and its key at the keeper. */
static int as_long(struct mst_role_env *env)
{
	static _Thread_local struct mst_node node;
	static _Thread_local struct mst_subscription sub;
	struct mst_wrapped nobodys;
	int r = mst_store_node_get(env->store, 0, &node);

	if (r >= 0)
		r = mst_store_identity_list(env->store, 0, skip, NULL);
	if (r >= 0)
		r = mst_store_sub_get(env->store, "", &sub);
	return r < 0 ? r : env->keeper->ops->create(env->keeper, MST_PURPOSE_KPM, "nobody", &nobodys);
}

int mst_role_secret_standing(struct mst_role_env *env, enum mst_role role, const char *identity, struct mst_release *ret,
                             struct mst_whose *ret_whose, const char **ret_why)
{
	static _Thread_local struct mst_who owner;
	struct mst_peer p = { .how = MST_AUTH_PSK };
	struct mst_credential cred;
	int known = find(env, identity, &cred), r;

	if (known < 0)
		return known;
	memset(&owner, 0, sizeof(owner));
	if (!known) {
		MST_STR_SET(p.psk_identity, identity);
		r = mst_role_identify(env, role, &p, &owner);
		if (r)
			return r;
	}
	r = mst_role_whose(&owner, ret_whose);
	if (r)
		return r;
	return mst_decide_secret(known ? NULL : &cred, &owner, env->now, ret, ret_why) ? 0 : MST_PSK_UNKNOWN;
}

int mst_role_secret_lookup(struct mst_role_env *env, enum mst_role role, const struct mst_psk_ask *q, struct mst_psk_answer *a)
{
	const char *why;
	int r;

	memset(a, 0, sizeof(*a));
	r = mst_role_secret_standing(env, role, q->identity, &a->release, &a->whose, &why);
	if (r == MST_PSK_UNKNOWN) {
		int e = as_long(env);

		return e < 0 ? e : r;
	}
	return r;
}
