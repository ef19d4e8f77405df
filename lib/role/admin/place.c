/* What an operator tells of one node for its briefings: where it stands, and the secret that its maker gave it. */
#include <stdio.h>
#include <string.h>

#include "codec/briefing.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"
#include "role/common/common.h"

/* --- place --- */

/* The same table, limits and words as in a node's own question. */
static bool decode_place(const json_t *j, struct mst_place *ret, struct mst_diag *d)
{
	char text[1024];
	uint8_t room[512];
	size_t n = json_dumpb(j, text, sizeof(text), JSON_COMPACT);
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_location l;

	if (!n || n > sizeof(text)) {
		mst_diag_set(d, 0, "", "expected latitude, longitude, accuracy, site, cell; this is too long", NULL);
		return false;
	}
	if (mst_msg_read_json(&mst_location_msg, MST_PROFILE_LONG, (struct mst_view){ (const uint8_t *)text, n }, &a, &l, d) ||
	    mst_location_check(&l, d))
		return false;
	if (!l.has) {
		mst_diag_set(d, 0, "", "expected latitude and longitude (1e-7 degree), a site or a cell", NULL);
		return false;
	}
	memset(ret, 0, sizeof(*ret));
	ret->has = (int)l.has;
	ret->latitude = l.latitude;
	ret->longitude = l.longitude;
	ret->accuracy = l.accuracy;
	return mst_view_to_str(l.cell, ret->cell, sizeof(ret->cell)) && mst_view_to_str(l.site, ret->site, sizeof(ret->site));
}

static void put_degrees(struct mst_writer *w, int64_t x)
{
	char part[16];
	int64_t whole = x < 0 ? -x : x;

	mst_put_str(w, x < 0 ? "-" : "");
	mst_put_dec(w, whole / MST_DEGREE);
	snprintf(part, sizeof(part), ".%07lld", (long long)(whole % MST_DEGREE));
	mst_put_str(w, part);
}

static void put_place(struct mst_writer *w, const struct mst_place *p)
{
	if (p->has >> MST_LO_LATITUDE & 1) {
		put_degrees(w, p->latitude);
		mst_put_str(w, ",");
		put_degrees(w, p->longitude);
	}
	if (p->has >> MST_LO_ACCURACY & 1) {
		mst_put_str(w, ",");
		mst_put_dec(w, p->accuracy);
	}
	if (p->site[0]) {
		mst_put_str(w, w->n ? " site " : "site ");
		mst_put_str(w, p->site);
	}
	if (p->cell[0]) {
		mst_put_str(w, w->n ? " cell " : "cell ");
		mst_put_str(w, p->cell);
	}
	mst_put_nul(w);
}

static int tell_place(struct admin *q, const struct mst_node *n, const char *what, const struct mst_place *p)
{
	char why[256] = "";
	struct mst_writer w = mst_writer_of(why, sizeof(why));

	put_place(&w, p);
	return admin_event(q, what, n->id, why);
}

/* By the same person, whenever. */
static bool same_place(const struct mst_place *a, const struct mst_place *b)
{
	return a->has == b->has && a->latitude == b->latitude && a->longitude == b->longitude && a->accuracy == b->accuracy &&
	       !strcmp(a->cell, b->cell) && !strcmp(a->site, b->site) && !strcmp(a->who, b->who);
}

int admin_node_place(struct admin *q)
{
	struct mst_place p, had;
	struct mst_diag d = { 0 };
	struct mst_node n;
	int r;

	if (!decode_place(q->body, &p, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = admin_find_node(q, q->id, &n);
	if (r)
		return r < 0 ? r : admin_no_such_node(q);
	r = mst_store_place_get(q->env->store, n.id, &had);
	if (r < 0)
		return r;
	p.node = n.id;
	p.at = q->env->now;
	memcpy(p.who, q->who, sizeof(p.who));
	if (r == 0 && same_place(&p, &had))     /* said again: nothing changes (lesson 10) */
		return admin_answer_node(q, MST_RSC_OK, &n);
	r = mst_store_place_put(q->env->store, &p);
	if (!r)
		r = tell_place(q, &n, "node.placed", &p);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	return admin_answer_node(q, MST_RSC_OK, &n);
}

int admin_node_unplace(struct admin *q)
{
	struct mst_place had;
	struct mst_node n;
	int r = admin_find_node(q, q->id, &n);

	if (r)
		return r < 0 ? r : admin_no_such_node(q);
	r = mst_store_place_get(q->env->store, n.id, &had);
	if (r < 0)
		return r;
	if (r == 0) {
		r = mst_store_place_delete(q->env->store, n.id);
		if (!r)
			r = tell_place(q, &n, "node.place-cleared", &had);
		if (r)
			return r < 0 ? r : MST_FAULT_BUG;
	}
	return admin_answer_node(q, MST_RSC_OK, &n);
}

/* --- the maker's secret --- */

/* Without a word from the operator the identity is the M2M-Node-ID, with what may not stand there replaced. */
static bool secret_identity(struct admin *q, const struct mst_node *n, char out[MST_ID_MAX], struct mst_diag *d)
{
	const char *fqdn = q->env->conf ? q->env->conf->secret_fqdn : "", *given = q->param[0];
	char id[2 * MST_ID_MAX];
	size_t at = strlen(n->node_id);

	if (given[0]) {
		if (mst_id_normalise(MST_ID_KEY, mst_view_str(given), out))
			return true;
		mst_diag_set(d, 0, "identity", "expected a key identifier, like node-7@bbn.example.com", NULL);
		return false;
	}
	if (!fqdn[0]) {
		mst_diag_set(d, 0, "identity", "neither a briefing node nor a MEF is configured here, so expected an identity, like "
			     "node-7@bbn.example.com", NULL);
		return false;
	}
	for (size_t i = 0; i < at; i++) {
		char c = n->node_id[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_';

		id[i] = good ? c : '-';
	}
	snprintf(id + at, sizeof(id) - at, "@%s", fqdn);
	if (mst_id_normalise(MST_ID_KEY, mst_view_str(id), out))
		return true;
	mst_diag_set(d, 0, "identity", "the M2M-Node-ID cannot be made into one; give it, like node-7@bbn.example.com", NULL);
	return false;
}

struct old_secrets {
	char id[8][MST_ID_MAX];
	size_t n;
	const char *but;
};

static int keep_old(void *arg, const struct mst_credential *c)
{
	struct old_secrets *o = arg;

	if (c->purpose == MST_PURPOSE_KPM && strcmp(c->key_id, o->but) && o->n < MST_COUNT(o->id))
		memcpy(o->id[o->n++], c->key_id, sizeof(c->key_id));
	return 0;
}

/* A node was born with one secret; under another identity it would have two. *ret_n: so many it had. */
static int drop_old(struct admin *q, int64_t node, const char *but, size_t *ret_n)
{
	struct old_secrets o = { .but = but };
	int r = mst_store_cred_of_node(q->env->store, MST_ROLE_SECRETS, node, keep_old, &o);

	for (size_t i = 0; i < o.n && r >= 0; i++)
		r = mst_store_cred_delete(q->env->store, MST_ROLE_SECRETS, o.id[i]);
	*ret_n = o.n;
	return r < 0 ? r : 0;
}

static int refuse_secret(struct admin *q, int rsc, const char *field, const char *text)
{
	struct mst_diag d = { 0 };

	mst_diag_set(&d, 0, field, text, NULL);
	return admin_refuse(q, rsc, &d);
}

/*
 * Lesson 26, the other way round: a key that the node has registered for a use is no secret that it was born with. 0,
 * MST_KEEPER_SAME, or a fault.
 */
struct unlike { struct admin *q; enum mst_role role; const char *fqdn; };

static int unlike_key(void *arg, const struct mst_keyreg *k)
{
	struct unlike *u = arg;
	struct mst_keeper *keeper = u->q->env->keeper;
	const struct mst_exchange *x = u->q->x;
	char id[2 * MST_ID_MAX], key_id[MST_ID_MAX];

	/* one that was made with an exporter is ours, and nobody could have given it in */
	if (k->exporter || !k->key.n)
		return 0;
	snprintf(id, sizeof(id), "%s@%s", k->rel_key_id, u->fqdn);
	if (!mst_id_normalise(MST_ID_KEY, mst_view_str(id), key_id))
		return MST_FAULT_BUG;
	return keeper->ops->differs(keeper, x->channel, (struct mst_view){ x->key_value.b, x->key_value.n }, &k->key, MST_PURPOSE_KEYREG,
				    key_id);
}

static int unlike_keys_of(void *arg, const struct mst_registration *g)
{
	struct unlike *u = arg;

	return mst_store_keyreg_list(u->q->env->store, u->role, g->reg_id, unlike_key, u);
}

static int no_service_key(struct admin *q, int64_t node)
{
	static const enum mst_role roles[2] = { MST_ROLE_MEF, MST_ROLE_MAF };
	int r = 0;

	for (size_t i = 0; i < MST_COUNT(roles) && !r; i++) {
		struct unlike u = { q, roles[i], q->env->conf ? q->env->conf->own_fqdn[i] : "" };

		if (u.fqdn[0])
			r = mst_store_reg_of_node(q->env->store, roles[i], node, unlike_keys_of, &u);
	}
	return r;
}

static int store_secret(struct admin *q, const struct mst_node *n, const char *id, bool insert)
{
	const struct mst_exchange *x = q->x;
	struct mst_keeper *k = q->env->keeper;
	struct mst_credential c = { .purpose = MST_PURPOSE_KPM, .node = n->id, .state = MST_CRED_ACTIVE,
				    .created = q->env->now, .expires = MST_NEVER };
	size_t dropped = 0;
	int r;

	memcpy(c.key_id, id, sizeof(c.key_id));
	memcpy(c.client_id, n->cse_id[0] ? n->cse_id : n->ae_id[0] ? n->ae_id : n->node_id, sizeof(c.client_id));
	r = no_service_key(q, n->id);
	if (r == MST_KEEPER_SAME)
		return refuse_secret(q, MST_RSC_BAD_REQUEST, "body", "this key is registered for a use already; the secret that a node is born with "
				     "is another one");
	if (!r)
		r = k->ops->wrap(k, x->channel, (struct mst_view){ x->key_value.b, x->key_value.n }, MST_PURPOSE_KPM, id, &c.key);
	if (r > 0)
		return refuse_secret(q, MST_RSC_INTERNAL, "", "the keeper does not take the secret; nothing was changed");
	if (!r)
		r = mst_store_cred_put(q->env->store, MST_ROLE_SECRETS, &c, insert);
	if (!r)
		r = drop_old(q, n->id, id, &dropped);
	/* a session by the old one would be taken for one by this, since it is found by the identity alone */
	if (!insert || dropped)
		q->a->cut.one = n->id;
	if (!r)
		r = admin_event(q, "node.secret-set", n->id, id);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	return admin_answer(q, MST_RSC_OK, json_pack("{s:s, s:s}", "nodeID", n->node_id, "identity", id));
}

int admin_node_secret(struct admin *q)
{
	struct mst_credential had;
	char id[MST_ID_MAX] = "";
	struct mst_diag d = { 0 };
	struct mst_node n;
	int r = admin_find_node(q, q->id, &n);

	if (r)
		return r < 0 ? r : admin_no_such_node(q);
	if (!q->x->has_key_value)
		return refuse_secret(q, MST_RSC_BAD_REQUEST, "body", "expected a secret of 16 to 64 octets with its check code");
	if (!secret_identity(q, &n, id, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	if (n.state == MST_NODE_REVOKED)
		return refuse_secret(q, MST_RSC_CONFLICT, "id", "the node is revoked; a secret would be of no use");
	r = mst_store_cred_get(q->env->store, MST_ROLE_SECRETS, id, &had);
	if (r < 0)
		return r;
	if (!r && had.node != n.id)
		return refuse_secret(q, MST_RSC_CONFLICT, "identity", "is the identity of another node's secret; give another with --identity");
	return store_secret(q, &n, id, r != 0);
}
