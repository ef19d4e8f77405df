/* Call → the records it is judged by. Reads only. */
#include "role/common/common.h"

#include <string.h>

/* Those that tell how the client is enrolled: of all that it has, so that no number of other keys hides them. */
static void keep_enrolment(struct mst_records *r, const struct mst_cred_brief *b)
{
	if (b->purpose != MST_PURPOSE_KE)
		return;
	if (b->last_used && (!r->has_given || b->created >= r->given.created)) {
		r->has_given = true;
		r->given = *b;
	}
	if (r->has_reg && !strcmp(r->reg.key_id, b->key_id)) {
		r->has_current = true;
		r->current = *b;
	}
}

/* The newest credentials of the client, oldest first. */
static int add_other(void *arg, const struct mst_credential *c)
{
	struct mst_records *r = arg;
	struct mst_cred_brief b = { .purpose = c->purpose, .state = c->state, .created = c->created, .expires = c->expires,
				    .last_used = c->last_used };
	size_t at;

	MST_STR_SET(b.key_id, c->key_id);
	MST_STR_SET(b.via, c->via);
	keep_enrolment(r, &b);
	if (r->n_other == MST_OTHER_CREDS) {
		if (b.created < r->other[0].created)
			return 0;
		memmove(&r->other[0], &r->other[1], (MST_OTHER_CREDS - 1) * sizeof(r->other[0]));
		r->n_other--;
	}
	for (at = r->n_other; at > 0 && r->other[at - 1].created > b.created; at--)
		r->other[at] = r->other[at - 1];
	r->other[at] = b;
	r->n_other++;
	return 0;
}

struct elsewhere { struct mst_records *r; const char *now_called; };

static int add_elsewhere(void *arg, const struct mst_credential *c)
{
	struct elsewhere *e = arg;
	struct mst_cred_brief *b;

	if (!strcmp(c->client_id, e->now_called) || e->r->n_other == MST_OTHER_CREDS)
		return 0;
	b = &e->r->other[e->r->n_other++];
	*b = (struct mst_cred_brief){ .purpose = c->purpose, .state = c->state, .created = c->created, .elsewhere = true };
	MST_STR_SET(b->key_id, c->key_id);
	MST_STR_SET(b->via, c->via);
	return 0;
}

struct count { struct mst_records *r; mst_time now; };

static int count_keyreg(void *arg, const struct mst_keyreg *k)
{
	struct count *c = arg;

	if (k->expires > c->now)
		c->r->n_keyregs++;
	else if (!c->r->stale_keyreg[0])
		MST_STR_SET(c->r->stale_keyreg, k->rel_key_id);
	if (k->exporter && k->suid != 21 && k->expires > c->now && c->r->n_lasting < MST_KEYREGS_MAX &&
	    strlen(k->rel_key_id) < sizeof(c->r->lasting[0])) {
		MST_STR_SET(c->r->lasting[c->r->n_lasting], k->rel_key_id);
		c->r->n_lasting++;
	}
	return 0;
}

static int found(int r, bool *ret)
{
	*ret = r == 0;
	return r < 0 ? r : 0;
}

static int load_reg_of(struct mst_role_env *env, const struct mst_call *c, const struct mst_who *w, struct mst_view admin,
                       struct mst_records *r)
{
	char fqdn[MST_ID_MAX];

	if (!mst_id_normalise(MST_ID_FQDN, admin, fqdn))
		return 0;
	return found(mst_store_reg_find(env->store, c->role, w->id, fqdn, &r->reg), &r->has_reg);
}

static int load_cred(struct mst_role_env *env, const struct mst_call *c, const char *key_id, struct mst_records *r)
{
	return found(mst_store_cred_get(env->store, c->role, key_id, &r->cred), &r->has_cred);
}

static int load_keyreg(struct mst_role_env *env, const struct mst_call *c, const char *rel, struct mst_records *r)
{
	return found(mst_store_keyreg_get(env->store, c->role, rel, &r->keyreg), &r->has_keyreg);
}

/* A key registration by its id, the registration it hangs on, and the session key behind it. */
static int load_key(struct mst_role_env *env, const struct mst_call *c, struct mst_records *r)
{
	char key_id[MST_ID_MAX];
	int e = load_keyreg(env, c, c->id, r);

	if (e || !r->has_keyreg)
		return e;
	e = found(mst_store_reg_get(env->store, c->role, r->keyreg.reg_id, &r->reg), &r->has_reg);
	if (e)
		return e;
	if (r->keyreg.exporter && mst_key_id_join(c->id, env->conf->fqdn, key_id))
		e = load_cred(env, c, key_id, r);
	if (e)
		return e;
	return mst_role_client(env, r->keyreg.client_id, r->has_reg ? r->reg.node : 0, &r->owner);
}

static int load_session(struct mst_role_env *env, const struct mst_call *c, struct mst_records *r)
{
	struct count count = { r, env->now };
	int e = 0;

	if (c->has_export) {
		e = load_cred(env, c, c->key_id, r);
		if (!e)
			e = load_keyreg(env, c, c->rel_key, r);
	}
	if (!e && r->has_reg)
		e = mst_store_keyreg_list(env->store, c->role, r->reg.reg_id, count_keyreg, &count);
	return e < 0 ? e : 0;
}

static int load_fetch(struct mst_role_env *env, const struct mst_call *c, struct mst_records *r)
{
	struct mst_view rel, fqdn;
	char text[MST_ID_MAX];
	int e = load_cred(env, c, c->id, r);

	if (e || !r->has_cred)
		return e;
	if (mst_key_id_split(mst_view_str(c->id), &rel, &fqdn) && mst_view_to_str(rel, text, sizeof(text)))
		e = load_keyreg(env, c, text, r);
	if (!e)
		e = found(mst_store_reg_get(env->store, c->role, r->cred.via, &r->reg), &r->has_reg);
	if (e)
		return e;
	e = mst_role_client(env, r->cred.client_id, r->cred.node, &r->owner);
	return e ? e : mst_store_cred_list(env->store, c->role, r->cred.client_id, add_other, r);
}

static int load_commands(struct mst_role_env *env, const struct mst_call *c, struct mst_records *r)
{
	int e = found(mst_store_command_issued(env->store, r->reg.node, r->reg.reg_id, r->reg.last_cmd, &r->out), &r->has_out);

	return e ? e : found(mst_store_command_next(env->store, c->role, r->reg.node, r->reg.admin_fqdn, &r->next), &r->has_next);
}

static int load_objects(struct mst_role_env *env, const struct mst_call *c, const struct mst_who *w, struct mst_records *r)
{
	int e = found(mst_store_reg_find(env->store, c->role, w->id, c->id, &r->reg), &r->has_reg);

	if (e || !w->has_node)
		return e;
	return found(mst_store_device_config_get(env->store, w->node.id, c->id, &r->objects), &r->has_objects);
}

int mst_role_load(const struct mst_role_twin *t, struct mst_role_env *env, const struct mst_call *c,
                  const struct mst_who *w, struct mst_records *r)
{
	int e = 0;

	(void)t;
	switch (c->what) {
	case MST_CALL_REGISTER:
		e = load_reg_of(env, c, w, c->reg.admin_fqdn, r);
		if (!e)
			e = load_session(env, c, r);
		break;
	case MST_CALL_KEY_REGISTER:
		e = load_reg_of(env, c, w, c->key.admin_fqdn, r);
		if (!e)
			e = load_session(env, c, r);
		break;
	case MST_CALL_REG_GET:
	case MST_CALL_REG_SET:
	case MST_CALL_REG_DELETE:
	case MST_CALL_CFG_GET:
		e = found(mst_store_reg_get(env->store, c->role, c->id, &r->reg), &r->has_reg);
		break;
	case MST_CALL_CMD_GET:
	case MST_CALL_CMD_SET:
		e = found(mst_store_reg_get(env->store, c->role, c->id, &r->reg), &r->has_reg);
		if (!e && r->has_reg && r->reg.node)
			e = load_commands(env, c, r);
		break;
	case MST_CALL_KEY_GET:
	case MST_CALL_KEY_SET:
	case MST_CALL_KEY_DELETE:
		e = load_key(env, c, r);
		break;
	case MST_CALL_FETCH:
		return load_fetch(env, c, r);
	case MST_CALL_OBJECTS_GET:
		return load_objects(env, c, w, r);
	case MST_CALL_NONE:
	case MST_CALL__COUNT:
		break;
	}
	if (e)
		return e;
	/* at a MEF a retrieval touches the owner's credentials, otherwise it is the caller's own that may */
	e = mst_store_cred_list(env->store, c->role, c->role == MST_ROLE_MEF && c->what == MST_CALL_KEY_GET && r->has_keyreg ?
	                        r->keyreg.client_id : w->id, add_other, r);
	if (e >= 0 && c->role == MST_ROLE_MAF && w->has_node && w->has_cred && w->cred.state == MST_CRED_PENDING)
		e = mst_store_cred_of_node(env->store, c->role, w->node.id, add_elsewhere, &(struct elsewhere){ r, w->id });
	return e < 0 ? e : 0;
}
