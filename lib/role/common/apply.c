/* Verdict → store and audit log, inside the engine's transaction. */
#include "role/common/common.h"

#include <stdio.h>
#include <string.h>

/* What a peer sent may stand in the log, but only as printable text. */
static void clean(char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			*s = '?';
}

static int put_event(struct mst_role_env *env, enum mst_role role, const char *what, int64_t node, const char *who,
                     const char *attempt, int rsc, const char *why, uint64_t *ret_seq)
{
	struct mst_event e = { .when = env->now, .outcome = rsc, .node = node };
	int r;

	snprintf(e.role, sizeof(e.role), "%s", mst_role_name[role]);
	snprintf(e.what, sizeof(e.what), "%s.%s", mst_role_name[role], what);
	snprintf(e.who, sizeof(e.who), "%s", who);
	snprintf(e.attempt, sizeof(e.attempt), "%s", attempt);
	snprintf(e.why, sizeof(e.why), "%s", why);
	clean(e.who);
	clean(e.attempt);
	clean(e.why);
	r = mst_store_event_append(env->store, &e);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	if (ret_seq)
		*ret_seq = e.seq;
	return 0;
}

int mst_role_event(struct mst_role_env *env, enum mst_role role, const char *what, const struct mst_who *w,
                   const char *who, const char *attempt, int rsc, const char *why, uint64_t *ret_seq)
{
	return put_event(env, role, what, w && w->has_node ? w->node.id : 0, who, attempt, rsc, why, ret_seq);
}

static int must(int r)
{
	return r > 0 ? MST_FAULT_BUG : r;
}

static struct mst_view wrapped_view(const struct mst_wrapped *w)
{
	return (struct mst_view){ w->b, w->n <= sizeof(w->b) ? w->n : 0 };
}

/* 0, MST_KEEPER_FORGED when a seal does not verify, or a fault. */
static int wrap(struct mst_role_env *env, const struct mst_exchange *x, const struct mst_who *w, enum mst_wrap how,
                enum mst_key_purpose p, const char *key_id, struct mst_wrapped *ret)
{
	struct mst_keeper *k = env->keeper;

	switch (how) {
	case MST_WRAP_NONE:
		return 0;
	case MST_WRAP_EXPORT:
		return k->ops->wrap(k, x->channel, wrapped_view(p == MST_PURPOSE_KE ? &x->export_key : &x->export_reg), p, key_id, ret);
	case MST_WRAP_KEY_VALUE:
		return k->ops->wrap(k, x->channel, wrapped_view(&x->key_value), p, key_id, ret);
	case MST_WRAP_AGAIN:
		return k->ops->derive(k, &w->cred.key, w->cred.purpose, w->cred.key_id, MST_DERIVE_NONE, 0, "", p, key_id, ret);
	}
	return MST_FAULT_BUG;
}

struct secrets { struct mst_role_env *env; const struct mst_exchange *x; };

static int unlike_secret(void *arg, const struct mst_credential *c)
{
	struct secrets *s = arg;
	struct mst_keeper *k = s->env->keeper;

	if (c->purpose != MST_PURPOSE_KPM)
		return 0;
	return k->ops->differs(k, s->x->channel, wrapped_view(&s->x->key_value), &c->key, c->purpose, c->key_id);
}

/* Lesson 26: the secret a node was born with proves it to those who bring it into service, and is no service key. */
static int no_secret(struct mst_role_env *env, const struct mst_exchange *x, const struct mst_who *w)
{
	struct secrets s = { env, x };

	return w->has_node ? mst_store_cred_of_node(env->store, MST_ROLE_SECRETS, w->node.id, unlike_secret, &s) : 0;
}

static int wrap_keys(struct mst_role_env *env, enum mst_role role, const struct mst_exchange *x, const struct mst_who *w, struct mst_verdict *v)
{
	char key_id[MST_ID_MAX];
	int r = wrap(env, x, w, v->wrap_cred, v->cred.purpose, v->cred.key_id, &v->cred.key);

	if (r || v->wrap_keyreg == MST_WRAP_NONE)
		return r;
	if (!mst_key_id_join(v->keyreg.rel_key_id, env->conf->fqdn, key_id))
		return MST_FAULT_BUG;
	if (v->wrap_keyreg == MST_WRAP_KEY_VALUE)
		r = no_secret(env, x, w);
	return r ? r : wrap(env, x, w, v->wrap_keyreg, mst_decide_keyreg_purpose(env->conf, role, &v->keyreg), key_id, &v->keyreg.key);
}

/* What hangs on a registration goes with it; when it is only replaced, a key assigned by it stays with the client. */
static int drop_reg(struct mst_role_env *env, enum mst_role role, const struct mst_verdict *v)
{
	struct mst_registration old;
	int r;

	if (v->put_reg) {
		r = mst_store_reg_get(env->store, role, v->drop_reg, &old);
		if (r)
			return must(r);
		old.key_id[0] = 0;
		r = mst_store_reg_put(env->store, role, &old);
		if (r)
			return must(r);
	}
	return must(mst_store_reg_delete(env->store, role, v->drop_reg));
}

struct left { const char *now_called; char reg[64]; };

static int find_left(void *arg, const struct mst_registration *r)
{
	struct left *l = arg;

	if (!strcmp(r->client_id, l->now_called))
		return 0;
	MST_STR_SET(l->reg, r->reg_id);
	return 1;
}

/* Registrations of the node under other names than its credential's, with the keys that others might still fetch. */
static int drop_left(struct mst_role_env *env, enum mst_role role, const struct mst_verdict *v)
{
	for (;;) {
		struct left l = { .now_called = v->active.client_id };
		int r = mst_store_reg_of_node(env->store, role, v->node.id, find_left, &l);

		if (r < 0 || !l.reg[0])
			return r < 0 ? r : 0;
		r = must(mst_store_reg_delete(env->store, role, l.reg));
		if (r)
			return r;
	}
}

/* A credential of a MEF goes with whatever was registered from it: Ke must not live on under another name. */
static int drop_cred(struct mst_role_env *env, enum mst_role role, const char *key_id)
{
	struct mst_view rel, fqdn;
	struct mst_keyreg k;
	char text[MST_ID_MAX];
	int r = mst_store_cred_delete(env->store, role, key_id);

	if (r < 0 || role != MST_ROLE_MEF)
		return r < 0 ? r : 0;
	if (!mst_key_id_split(mst_view_str(key_id), &rel, &fqdn) || !mst_view_to_str(rel, text, sizeof(text)))
		return 0;
	r = mst_store_keyreg_get(env->store, role, text, &k);
	if (r == 0 && k.exporter)
		r = mst_store_keyreg_delete(env->store, role, text);
	return r < 0 ? r : 0;
}

static int revoke_cred(struct mst_role_env *env, enum mst_role role, const char *key_id)
{
	struct mst_credential c;
	int r = mst_store_cred_get(env->store, role, key_id, &c);

	if (r)
		return r < 0 ? r : 0;
	c.state = MST_CRED_REVOKED;
	return must(mst_store_cred_put(env->store, role, &c, false));
}

static int apply_keys(struct mst_role_env *env, enum mst_role role, const struct mst_verdict *v)
{
	int r = 0;

	for (size_t i = 0; !r && i < v->n_drop; i++)
		r = drop_cred(env, role, v->drop[i]);
	if (!r && v->revoke[0])
		r = revoke_cred(env, role, v->revoke);
	if (!r && v->put_cred)
		r = must(mst_store_cred_put(env->store, role, &v->cred, v->insert_cred));
	if (!r && (v->activate || v->used))
		r = must(mst_store_cred_put(env->store, role, &v->active, false));
	if (!r && v->delete_keyreg) {
		r = mst_store_keyreg_delete(env->store, role, v->keyreg.rel_key_id);
		r = r < 0 ? r : 0;      /* it may have gone with its credential */
	}
	if (!r && v->stale_keyreg[0]) {
		r = mst_store_keyreg_delete(env->store, role, v->stale_keyreg);
		r = r < 0 ? r : 0;
	}
	if (!r && v->put_keyreg)
		r = must(mst_store_keyreg_put(env->store, role, &v->keyreg, v->insert_keyreg));
	return r;
}

static int apply_effect(struct mst_role_env *env, enum mst_role role, const struct mst_verdict *v)
{
	int r = 0;

	if (v->drop_reg[0])
		r = drop_reg(env, role, v);
	if (!r && v->left)
		r = drop_left(env, role, v);
	if (!r && v->put_reg)
		r = must(mst_store_reg_put(env->store, role, &v->reg));
	if (!r)
		r = apply_keys(env, role, v);
	if (!r && v->put_out)
		r = must(mst_store_command_update(env->store, &v->out));
	if (!r && v->put_give)
		r = must(mst_store_command_update(env->store, &v->give));
	for (size_t i = 0; !r && i < v->n_step; i++)
		r = must(mst_store_command_step_add(env->store, &v->step[i]));
	if (!r && v->put_node)
		r = must(mst_store_node_touch(env->store, &v->node));
	return r;
}

int mst_role_apply(const struct mst_role_twin *t, struct mst_role_env *env, const struct mst_exchange *x,
                   const struct mst_who *w, struct mst_verdict *v)
{
	const char *who = w->id[0] ? w->id : w->claim[0] ? w->claim : x->peer.address;
	bool refused = v->rsc >= MST_RSC_BAD_REQUEST;
	char what[40], why[256];
	int r = 0;

	if (!refused) {
		/* before anything is written, so that a forged seal leaves nothing behind */
		r = wrap_keys(env, t->role, x, w, v);
		if (r == MST_KEEPER_SAME) {
			mst_refuse(v, MST_RSC_BAD_REQUEST, "keyValue is not taken: a key of its own is wanted for each use",
			           "keyValue is the secret that the node's maker gave it: nothing was stored");
			refused = true;
			r = 0;
		} else if (r > 0) {
			mst_refuse(v, MST_RSC_INTERNAL, "", r == MST_KEEPER_FORGED ?
			           "the seal of the session's key does not verify: nothing was stored" :
			           "the keeper does not take the session's key: nothing was stored");
			refused = true;
			r = 0;
		}
	}
	if (!r && !refused)
		r = apply_effect(env, t->role, v);
	if (r)
		return r;
	snprintf(what, sizeof(what), "%s", refused ? "refused" : v->what);
	snprintf(why, sizeof(why), "%s%s%s", refused ? v->what : "", refused ? ": " : "", v->why);
	/* about whom: the enrolee whose key a MAF fetched, not the MAF */
	r = put_event(env, t->role, what, !refused && v->put_node ? v->node.id : w->has_node ? w->node.id : 0, who, x->attempt,
	              v->rsc, why, &v->release.authorisation.event);
	if (!r && !refused && v->activate)
		r = mst_role_event(env, t->role, "activated", w, v->active.key_id, x->attempt, v->rsc,
		                   v->revoke[0] ? "first use; the key before it is revoked" : "first use", NULL);
	return r;
}

int mst_role_refused(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p, const char *attempt, int status,
                     const char *why)
{
	static _Thread_local struct mst_who w;
	char text[300];
	int r = mst_role_identify(env, role, p, &w);

	if (r)
		return r;
	snprintf(text, sizeof(text), "request: %s from %s", why, p->address);
	return mst_role_event(env, role, "refused", &w, w.id[0] ? w.id : w.claim[0] ? w.claim : p->address, attempt, status, text, NULL);
}
