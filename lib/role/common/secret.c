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

/* What a handshake with that identity may have. */
struct standing { struct mst_credential cred; struct mst_who owner; struct mst_release release; const char *why; bool known; };

/* 0, MST_PSK_UNKNOWN with the reason, or a fault. */
static int stand(struct mst_role_env *env, const char *identity, struct standing *s)
{
	int r;

	memset(s, 0, sizeof(*s));
	/* where none is taken all are as one that is not known, in what is asked for it, too */
	r = find(env, env->conf->no_secrets ? "" : identity, &s->cred);
	if (r < 0)
		return r;
	s->known = r == 0;
	r = s->known ? mst_role_secret_owner(env, &s->cred, &s->owner) : 0;
	if (r)
		return r;
	return mst_decide_secret(s->known ? &s->cred : NULL, &s->owner, env->now, &s->release, &s->why) ? 0 : MST_PSK_UNKNOWN;
}

int mst_role_secret_lookup(struct mst_role_env *env, const struct mst_psk_ask *q, struct mst_psk_answer *a)
{
	static _Thread_local struct standing s;
	int r = stand(env, q->identity, &s), e;

	memset(a, 0, sizeof(*a));
	if (r < 0)
		return r;
	e = mst_role_as_long(env, mst_role_left(s.known ? &s.cred : NULL, &s.owner), r != 0);
	if (e || r)
		return e ? e : r;
	a->release = s.release;
	return mst_role_whose(&s.owner, &a->whose);
}

int mst_role_secret_hint(struct mst_role_env *env, enum mst_role role, const char *identity, struct mst_psk_hint *ret)
{
	static _Thread_local struct standing s;
	char id[MST_ID_MAX];
	int r;

	if (!mst_id_normalise(MST_ID_KEY, mst_view_str(identity), id))
		return 0;
	r = stand(env, identity, &s);
	if (r < 0)
		return r;
	ret->given = !r && !env->conf->no_secrets;
	MST_STR_SET(ret->why, env->conf->no_secrets ? mst_role_no_secrets(role) : r ? s.why : "identity known, key wrong");
	return 0;
}
