/* Call → the records it is judged by. Reads only. */
#include <string.h>

#include "role/bbn/bbn.h"

static int found(int r, bool *ret)
{
	*ret = r == 0;
	return r < 0 ? r : 0;
}

/* The subject of the anchor is for the owner's rules, which may name it instead of its hash. */
static void issuer_name(const struct mst_makers *m, const struct mst_peer *p, char out[128])
{
	for (size_t i = 0; i < m->n; i++)
		if (!memcmp(m->sha256[i], p->anchor_sha256, MST_SHA256_LEN))
			memcpy(out, m->subject[i], sizeof(m->subject[i]));
}

int bbn_load(struct mst_role_env *env, const struct mst_exchange *x, const struct bbn_call *c, const struct mst_who *w,
	     struct bbn_records *r)
{
	int e;

	memset(r, 0, sizeof(*r));
	r->peer = &x->peer;
	if (x->peer.how == MST_AUTH_CERT)
		issuer_name(&env->conf->makers, &x->peer, r->issuer_name);
	bbn_whose(w, &x->peer, r->who);
	if (c->what == BBN_REPORT)
		return found(mst_store_briefing_get(env->store, c->id, &r->briefing), &r->has_briefing);
	e = mst_role_rules(env, &r->rules, &r->rules_version);
	if (!e && w->has_node)
		e = found(mst_store_place_get(env->store, w->node.id, &r->place), &r->has_place);
	if (!e && r->who[0])
		e = found(mst_store_briefing_find(env->store, r->who, c->attempt, c->sha256, &r->briefing), &r->has_briefing);
	return e;
}
