/*
 * A node that is revoked or released loses what it could still authenticate with, in the same transaction:
 * credentials of MEF and MAF become revoked, registrations and registered keys end now. The rows stay, so
 * that a later attempt with them is refused by name, not as unknown.
 */
#include <string.h>

#include "role/admin/admin.h"
#include "role/admin/decide.h"
#include "role/common/common.h"
#include "role/name.h"

#define BATCH 8

/* Rows that still stand, a batch at a time: what a list shows is changed only after the list. */
struct standing {
	mst_time now;
	int64_t of;          /* only what is this node's or, as far as is known here, no node's; 0: any */
	size_t n;
	union {
		struct mst_credential cred[BATCH];
		struct mst_registration reg[BATCH];
		struct mst_keyreg keyreg[BATCH];
	};
};

static int keep_cred(void *arg, const struct mst_credential *r)
{
	struct standing *s = arg;

	if (r->state != MST_CRED_REVOKED && (!s->of || !r->node || r->node == s->of))
		s->cred[s->n++] = *r;
	return s->n == BATCH;
}

static int keep_reg(void *arg, const struct mst_registration *r)
{
	struct standing *s = arg;

	if (r->expires > s->now)
		s->reg[s->n++] = *r;
	return s->n == BATCH;
}

static int keep_keyreg(void *arg, const struct mst_keyreg *r)
{
	struct standing *s = arg;

	if (r->expires > s->now)
		s->keyreg[s->n++] = *r;
	return s->n == BATCH;
}

/* By node when `client` is NULL. Of that name, what another node has stays: a name is given anew, and a node may have been called as another is. */
static int end_creds(struct admin *q, enum mst_role role, int64_t node, const char *client)
{
	struct mst_store *st = q->env->store;
	struct standing s;
	int r;

	do {
		s = (struct standing){ .now = q->env->now, .of = node };
		r = client ? mst_store_cred_list(st, role, client, keep_cred, &s)
			   : mst_store_cred_of_node(st, role, node, keep_cred, &s);
		for (size_t i = 0; i < s.n && r >= 0; i++) {
			s.cred[i].state = MST_CRED_REVOKED;
			r = mst_store_cred_put(st, role, &s.cred[i], false);
		}
	} while (r >= 0 && s.n == BATCH);
	return r < 0 ? r : 0;
}

static int end_keyregs(struct admin *q, enum mst_role role, const char *reg_id)
{
	struct standing s;
	int r;

	do {
		s = (struct standing){ .now = q->env->now };
		r = mst_store_keyreg_list(q->env->store, role, reg_id, keep_keyreg, &s);
		for (size_t i = 0; i < s.n && r >= 0; i++) {
			s.keyreg[i].expires = s.keyreg[i].modified = q->env->now;
			r = mst_store_keyreg_put(q->env->store, role, &s.keyreg[i], false);
		}
	} while (r >= 0 && s.n == BATCH);
	return r < 0 ? r : 0;
}

static int end_reg(struct admin *q, enum mst_role role, struct mst_registration *g)
{
	int r;

	g->expires = g->modified = q->env->now;
	r = mst_store_reg_put(q->env->store, role, g);
	return r < 0 ? r : end_keyregs(q, role, g->reg_id);
}

static int end_regs(struct admin *q, enum mst_role role, int64_t node)
{
	struct standing s;
	int r;

	do {
		s = (struct standing){ .now = q->env->now };
		r = mst_store_reg_of_node(q->env->store, role, node, keep_reg, &s);
		for (size_t i = 0; i < s.n && r >= 0; i++)
			r = end_reg(q, role, &s.reg[i]);
	} while (r >= 0 && s.n == BATCH);
	return r < 0 ? r : 0;
}

/* A role that runs where the registry was not at hand knows the client by name only. */
static int end_by_name(struct admin *q, enum mst_role role, int64_t node, const char *client, const char *admin_fqdn)
{
	struct mst_registration g;
	int r = end_creds(q, role, node, client);

	if (r || !*admin_fqdn)
		return r;
	r = mst_store_reg_find(q->env->store, role, client, admin_fqdn, &g);
	if (!r && g.expires > q->env->now && (!g.node || g.node == node))
		r = end_reg(q, role, &g);
	return r < 0 ? r : 0;
}

struct names {
	const struct mst_node *of;
	char name[ADMIN_IDENTITIES_MAX + 3][MST_ID_MAX];
	size_t n;
};

/* What its certificate calls it still may be given anew when it has moved: by such a name nothing is ended that could be the other's. */
static int drop_others(struct admin *q, struct names *names, size_t own)
{
	struct mst_identity i = { .kind = MST_ID_CSE_ABS, .node = names->of->id };
	size_t n = own;

	for (size_t k = own; k < names->n; k++) {
		bool is_free;
		int r;

		memcpy(i.value, names->name[k], sizeof(i.value));
		r = admin_identity_free(q, &i, &is_free);
		if (r)
			return r;
		if (is_free)
			memmove(names->name[n++], names->name[k], sizeof(names->name[k]));
	}
	names->n = n;
	return 0;
}

static int keep_name(void *arg, const struct mst_identity *r)
{
	struct names *names = arg;

	if (names->n < MST_COUNT(names->name) && (r->kind != MST_ID_NODE || mst_node_id_counts(names->of, r->value)))
		memcpy(names->name[names->n++], r->value, sizeof(r->value));
	return 0;
}

struct certs {
	struct mst_cert_row *row;
	size_t cap, n;
	mst_time now;
	const struct mst_role_conf *conf;
	const struct mst_node *former;       /* only what it had before it was this; NULL: all */
	const struct mst_node_past *past;
};

static int keep_cert(void *arg, const struct mst_cert_row *r)
{
	struct certs *c = arg;

	if (admin_cert_works(r, c->conf, c->now) && c->n < c->cap && (!c->former || admin_cert_former(c->former, c->past, r)))
		c->row[c->n++] = *r;
	return 0;
}

/* Certificates that we issued to it, however many: also those that are good for nothing but their renewal. */
static int end_certs(struct admin *q, int64_t node, const struct mst_node *former, const struct mst_node_past *past)
{
	struct mst_cert_row row[16];
	struct certs c;
	struct mst_diag d = { 0 };
	int rsc, r;

	do {
		c = (struct certs){ row, MST_COUNT(row), 0, q->env->now, q->env->conf, former, past };
		r = mst_store_cert_of_node(q->env->store, node, keep_cert, &c);
		for (size_t i = 0; i < c.n && !r; i++)
			r = admin_revoke_row(q, &row[i], 0, &rsc, &d);
	} while (!r && c.n == c.cap);
	return r < 0 ? r : r ? MST_FAULT_BUG : 0;
}

/*
 * Revoked is revoked: that is what wants a second person, whatever it is called. What has no certificate to lose is done at once, and so is a
 * suspension, which stops a stolen node as fast and can be taken back.
 */
int admin_four_certs(struct admin *q, const struct mst_node *n, const struct mst_node *former, const struct mst_node_past *past)
{
	struct mst_cert_row row;
	struct certs c = { &row, 1, 0, q->env->now, q->env->conf, former, past };
	int r = mst_store_cert_of_node(q->env->store, n->id, keep_cert, &c);

	return r < 0 ? r : c.n ? admin_four_node(q, n) : 0;
}

int admin_end_former_certs(struct admin *q, const struct mst_node *n)
{
	struct mst_node_past past;
	int r = mst_store_past_last(q->env->store, n->id, &past);

	return r < 0 ? r : end_certs(q, n->id, n, r ? NULL : &past);
}

static int end_of_roles(struct admin *q, const struct mst_node *n, const enum mst_role *roles, size_t n_roles)
{
	const char *const own[] = { mst_node_id_counts(n, n->node_id) ? n->node_id : "", n->cse_id, n->ae_id };
	struct mst_subscription sub = { .sp_fqdn = "" };
	struct names names = { .of = n };
	size_t n_own;
	int r = 0;

	for (size_t i = 0; i < MST_COUNT(own); i++)
		if (*own[i])
			memcpy(names.name[names.n++], own[i], MST_ID_MAX);
	n_own = names.n;
	if (n->sub_id[0])
		r = mst_store_sub_get(q->env->store, n->sub_id, &sub);
	if (r >= 0)
		r = mst_store_identity_list(q->env->store, n->id, keep_name, &names);
	if (r >= 0)
		r = drop_others(q, &names, n_own);
	for (size_t i = 0; i < n_roles && r >= 0; i++) {
		r = end_creds(q, roles[i], n->id, NULL);
		if (!r)
			r = end_regs(q, roles[i], n->id);
		for (size_t k = 0; k < names.n && !r; k++)
			r = end_by_name(q, roles[i], n->id, names.name[k], sub.sp_fqdn);
	}
	return r < 0 ? r : 0;
}

int admin_end_credentials(struct admin *q, const struct mst_node *n)
{
	static const enum mst_role roles[] = { MST_ROLE_MEF, MST_ROLE_MAF };
	int r = end_of_roles(q, n, roles, MST_COUNT(roles));

	if (r >= 0)
		r = end_certs(q, n->id, NULL, NULL);
	/* one that was let go may still ask where to go now; one that is revoked shows its secret in vain */
	if (r >= 0 && n->state == MST_NODE_REVOKED)
		r = end_creds(q, MST_ROLE_SECRETS, n->id, NULL);
	return r < 0 ? r : 0;
}

int admin_end_enrolment(struct admin *q, const struct mst_node *n)
{
	static const enum mst_role mef = MST_ROLE_MEF;

	return end_of_roles(q, n, &mef, 1);
}
