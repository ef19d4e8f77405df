/*
 * Handshakes with a pre-shared key, for every role that takes them. The peer may not learn whether an identity is unknown or its key wrong
 * (lesson 21), neither from the answer nor from its time. So a look-up writes nothing when it refuses, it asks store and keeper the same
 * questions whoever is looked up, and the operator's event is made when the handshake has failed, with the reason found out anew.
 */
#include "role/common/common.h"

#include <stdio.h>
#include <string.h>

static int skip(void *arg, const struct mst_identity *row)
{
	(void)arg;
	(void)row;
	return 0;
}

int mst_role_as_long(struct mst_role_env *env, unsigned left, bool refused)
{
	static _Thread_local struct mst_node node;
	static _Thread_local struct mst_subscription sub;
	struct mst_wrapped nobodys;
	int r = 0;

	if (left > 2)
		r = mst_store_node_get(env->store, 0, &node);
	if (r >= 0 && left > 1)
		r = mst_store_identity_list(env->store, 0, skip, NULL);
	if (r >= 0 && left)
		r = mst_store_sub_get(env->store, "", &sub);
	if (r >= 0 && refused)
		r = env->keeper->ops->create(env->keeper, MST_PURPOSE_KPM, "nobody", &nobodys);
	return r < 0 ? r : 0;
}

unsigned mst_role_left(const struct mst_credential *cred, const struct mst_who *owner)
{
	unsigned asked = owner->has_node ? 2u + owner->has_sub : 0;

	/* a key that was given when its client was no node here: looked for by name, by that of a CSE in three places */
	if (cred && !cred->node)
		asked += !strncmp(cred->client_id, "//", 2) && !owner->has_node ? 3 : 1;
	return !cred ? MST_ROLE_ASKS : asked < MST_ROLE_ASKS ? MST_ROLE_ASKS - asked : 0;
}

int mst_role_handshake_failed(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p,
                              enum mst_tls_end why, const char *detail, mst_psk_hint_fn *hint_of)
{
	static _Thread_local struct mst_psk_hint hint;
	const char *who = p->how == MST_AUTH_PSK || p->psk_identity[0] ? p->psk_identity :
	                  p->cert.n_san ? p->cert.san[0].value : p->cert.subject;
	/* with the key proven; by a move or a release with a grace the key stands (life.c), and then there is no more to say */
	bool cut = why == MST_TLS_CUT;
	char text[256], remedy[128];
	size_t at;
	int n;

	memset(&hint, 0, sizeof(hint));
	if ((why == MST_TLS_PSK_REFUSED || cut) && hint_of) {
		int r = hint_of(env, p, &hint);

		if (r)
			return r;
	}
	if (cut && hint.given)
		hint.why[0] = 0;
	n = snprintf(text, sizeof(text), "%s%s%s%s%s from %s", mst_tls_end_text(why), hint.why[0] ? "; " : "", hint.why, detail && detail[0] ? ": " : "",
	             detail ? detail : "", p->address);
	for (size_t i = 0; i < p->cert.n_san && n > 0 && (size_t)n < sizeof(text); i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%s", i ? ", " : "; names ", p->cert.san[i].value);
	/* lesson 20: what to do stands where the operator looks; a peer's long names may not push it out */
	snprintf(remedy, sizeof(remedy), "; what to do: %s", mst_tls_end_remedy(why));
	at = n > 0 && (size_t)n + strlen(remedy) < sizeof(text) ? (size_t)n : sizeof(text) - 1 - strlen(remedy);
	snprintf(text + at, sizeof(text) - at, "%s", remedy);
	return mst_role_event(env, role, "handshake-failed", &hint.owner, who[0] ? who : p->address, "", 0, text, NULL);
}
