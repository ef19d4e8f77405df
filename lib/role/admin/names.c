/*
 * What a node may be called (TS-0001 7.1): M2M-Node-ID, CSE-ID and AE-ID are names of one node each, whichever of the three a name is for it.
 * The public domain name of a CSE is one, too. A MAF keys all that it has on the name that its client had, so a name that a node has left is
 * not free before that is over.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"
#include "role/name.h"

struct called { enum mst_id_kind kind; const char *field, *name; };

static int refuse(int *ret_rsc, struct mst_diag *d, const char *field, const char *text)
{
	*ret_rsc = MST_RSC_CONFLICT;
	mst_diag_set(d, 0, field, text, NULL);
	return ADMIN_REFUSED;
}

static int taken(const struct admin *q, const struct called *c, const struct mst_node *other, int *ret_rsc, struct mst_diag *d)
{
	if (q->sp[0])   /* whose, is nobody's business */
		return refuse(ret_rsc, d, "nodeID", "this name, or the CSE-ID or AE-ID, is not free; ask the installation's operator");
	if (c->kind == MST_ID_NODE && !strcmp(c->name, other->node_id))
		return refuse(ret_rsc, d, c->field, "a node with this M2M-Node-ID exists already");
	if (c->kind == MST_ID_CSE_ABS && !strcmp(c->name, other->cse_id))
		return refuse(ret_rsc, d, c->field, "another node has this CSE-ID; each CSE-ID is given once");
	return refuse(ret_rsc, d, c->field, "another node is called this; each name is given once, as whatever it is");
}

static int until_then(struct admin *q, const struct called *c, int64_t by, mst_time when, int *ret_rsc, struct mst_diag *d)
{
	struct mst_node other = { .node_id = "" };
	char until[32];
	struct mst_writer w = mst_writer_of(until, sizeof(until));
	int r = q->sp[0] ? 0 : mst_store_node_get(q->env->store, by, &other);

	if (r < 0)
		return r;
	mst_put_timestamp(&w, when);
	mst_put_nul(&w);
	*ret_rsc = MST_RSC_CONFLICT;
	mst_diag_set(d, 0, c->field, "what another node has by this name from before works until ", until, ": give another name, or wait",
		     other.node_id[0] ? "; it is " : "", other.node_id, NULL);
	return ADMIN_REFUSED;
}

/*
 * A node is known by this name: `text` says it. One that has left it with its former provider is called so no more (identify.c: leave_names), so the name
 * is free when the grace of its move is over; its certificate proves nobody as soon as another is called so. 0: free.
 */
static int is_known_by(struct admin *q, const struct mst_identity *i, const struct called *c, const char *text, int *ret_rsc, struct mst_diag *d)
{
	struct mst_subscription sub;
	struct mst_node other;
	bool left = false;
	int r = mst_store_node_get(q->env->store, i->node, &other);

	if (!r)
		r = other.sub_id[0] ? mst_store_sub_get(q->env->store, other.sub_id, &sub) : MST_STORE_NONE;
	if (!r)
		r = mst_name_left(q->env->store, &other, sub.sp_fqdn, i->kind, i->value, &left);
	if (r < 0)
		return r;
	if (!left)
		return refuse(ret_rsc, d, q->sp[0] ? "nodeID" : c->field, text);
	return other.leave_by > q->env->now ? until_then(q, c, other.id, other.leave_by, ret_rsc, d) : 0;
}

/* Is there another node of this name, or one that proves it with a certificate, and so may be what it was called? */
static int has_owner(struct admin *q, int64_t node, const struct called *c, int *ret_rsc, struct mst_diag *d)
{
	static const enum mst_id_kind kinds[] = { MST_ID_NODE, MST_ID_CSE_ABS, MST_ID_AE_ABS };
	struct mst_identity identity;
	struct mst_node other;
	int r = mst_store_node_find(q->env->store, c->name, &other);

	if (r < 0)
		return r;
	/* an M2M-Node-ID from before in the form of a CSE-ID names nobody */
	if (!r && other.id != node && mst_node_id_counts(&other, c->name))
		return taken(q, c, &other, ret_rsc, d);
	for (size_t i = mst_name_of_entity(c->name); i < MST_COUNT(kinds); i++) {
		r = mst_store_identity_get(q->env->store, kinds[i], c->name, &identity);
		if (!r && identity.node != node)
			r = is_known_by(q, &identity, c, "another node is known by this name; a name belongs to one node", ret_rsc, d);
		if (r < 0 || r == ADMIN_REFUSED)
			return r;
	}
	return 0;
}

static const char in_certificates[] = "in certificates another node is known by this name, in which case does not count there; a name belongs to one node";

bool admin_domain_of(enum mst_id_kind kind, const char *value, char out[MST_ID_MAX])
{
	char name[MST_ID_MAX];

	if (kind == MST_ID_CSE_ABS)
		return mst_cse_public_name(mst_view_str(value), name) && mst_id_normalise(MST_ID_FQDN, mst_view_str(name), out);
	return kind == MST_ID_FQDN && mst_id_normalise(kind, mst_view_str(value), out);
}

/* For whom is it asked: for a node that is to be called so (`c`), or for one that is to prove it (NULL), which no node that shows it leaves free. */
struct shown {
	struct admin *q;
	int64_t node;
	const char *name;
	const struct called *c;
	int *ret_rsc;
	struct mst_diag *d;
};

static int called_so(const struct shown *s)
{
	return s->c ? refuse(s->ret_rsc, s->d, s->q->sp[0] ? "nodeID" : s->c->field, in_certificates) : ADMIN_REFUSED;
}

/* The name itself is has_owner's, and the table's of names: here it is what is spelled in another way. */
static int shown_by(void *arg, const struct mst_identity *i)
{
	struct shown *s = arg;

	if (i->node == s->node || !strcmp(i->value, s->name))
		return 0;
	return s->c ? is_known_by(s->q, i, s->c, in_certificates, s->ret_rsc, s->d) : ADMIN_REFUSED;
}

/*
 * In certificates a CSE is its public domain name (TS-0001 6.5.1.1), in which case does not count. Does another node show this one: as
 * a CSE-ID, as one that its certificate names, or as an FQDN? 0 no, ADMIN_REFUSED, or a fault.
 */
static int is_shown(struct shown *shown, enum mst_id_kind kind)
{
	struct mst_store *s = shown->q->env->store;
	char domain[MST_ID_MAX], cse[MST_ID_MAX];
	struct mst_identity i;
	struct mst_node other;
	int r;

	if (!admin_domain_of(kind, shown->name, domain))
		return 0;
	r = mst_store_identity_get(s, MST_ID_FQDN, domain, &i);
	r = r == MST_STORE_NONE ? 0 : r ? r : shown_by(shown, &i);
	if (r || !mst_cse_of_public_name(domain, cse))
		return r;
	r = mst_store_node_of_cse(s, cse, shown->node, &other);
	if (r <= 0)
		return r ? r : called_so(shown);
	return mst_store_identity_of_cse(s, cse, shown_by, shown);
}

/* What another node has by this name at a MEF or a MAF, and until when. */
struct held { int64_t node, by; mst_time now, until; };

static void hold(struct held *h, int64_t node, mst_time until)
{
	/* a client of which the registry knew nothing may well be this one */
	if (!node || node == h->node || until <= h->now || until <= h->until)
		return;
	h->by = node;
	h->until = until;
}

static int hold_cred(void *arg, const struct mst_credential *c)
{
	if (c->state != MST_CRED_REVOKED)
		hold(arg, c->node, c->expires);
	return 0;
}

static int hold_reg(void *arg, const struct mst_registration *r)
{
	hold(arg, r->node, r->expires);
	return 0;
}

static int is_held(struct admin *q, int64_t node, const struct called *c, int *ret_rsc, struct mst_diag *d)
{
	static const enum mst_role roles[] = { MST_ROLE_MEF, MST_ROLE_MAF };
	struct held h = { .node = node, .now = q->env->now };
	int r = 0;

	for (size_t i = 0; i < MST_COUNT(roles) && r >= 0; i++) {
		r = mst_store_cred_list(q->env->store, roles[i], c->name, hold_cred, &h);
		if (r >= 0)
			r = mst_store_reg_of_client(q->env->store, roles[i], c->name, hold_reg, &h);
	}
	return r < 0 ? r : h.until ? until_then(q, c, h.by, h.until, ret_rsc, d) : 0;
}

int admin_names_free(struct admin *q, const struct mst_node *n, const struct mst_node *was, int *ret_rsc, struct mst_diag *d)
{
	const struct called call[] = { { MST_ID_NODE, "nodeID", n->node_id }, { MST_ID_CSE_ABS, "cseID", n->cse_id }, { MST_ID_AE_ABS, "aeID", n->ae_id } };
	const char *const had[] = { was ? was->node_id : "", was ? was->cse_id : "", was ? was->ae_id : "" };
	int r = 0;

	for (size_t i = 0; i < MST_COUNT(call) && !r; i++) {
		if (!call[i].name[0] || !strcmp(call[i].name, had[i]))
			continue;
		r = has_owner(q, n->id, &call[i], ret_rsc, d);
		if (!r)
			r = is_shown(&(struct shown){ q, n->id, call[i].name, &call[i], ret_rsc, d }, call[i].kind);
		if (!r)
			r = is_held(q, n->id, &call[i], ret_rsc, d);
	}
	return r;
}

int admin_identity_free(struct admin *q, const struct mst_identity *i, bool *ret_free)
{
	struct shown shown = { .q = q, .node = i->node, .name = i->value };
	struct mst_node other;
	int r = i->kind == MST_ID_NODE || i->kind == MST_ID_CSE_ABS || i->kind == MST_ID_AE_ABS ?
		mst_store_node_find(q->env->store, i->value, &other) : MST_STORE_NONE;

	*ret_free = r || other.id == i->node || !mst_node_id_counts(&other, i->value);
	if (r < 0 || !*ret_free)
		return r < 0 ? r : 0;
	r = is_shown(&shown, i->kind);
	*ret_free = !r;
	return r < 0 ? r : 0;
}
