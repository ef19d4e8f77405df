/* /v1/nodes */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"

static int apply_new(struct admin *q, struct admin_node_input *in, int *ret_rsc, struct mst_diag *d)
{
	char field[32];
	bool is_free = true;
	int r = admin_names_free(q, &in->node, NULL, ret_rsc, d);

	if (r)
		return r;
	r = mst_store_node_insert(q->env->store, &in->node);
	if (r == MST_STORE_EXISTS) {
		/* another host has been quicker */
		r = admin_names_free(q, &in->node, NULL, ret_rsc, d);
		return r ? r : MST_FAULT_BUG;
	}
	for (size_t i = 0; i < in->n && !r; i++) {
		in->identity[i].node = in->node.id;
		r = admin_identity_free(q, &in->identity[i], &is_free);
		if (!r)
			r = is_free ? mst_store_identity_put(q->env->store, &in->identity[i]) : MST_STORE_EXISTS;
		if (r == MST_STORE_EXISTS) {
			snprintf(field, sizeof(field), "identities[%zu]", i);
			mst_diag_set(d, 0, field,
				     "another node is known by this name, now or from before it moved: no certificate with it proves this one", NULL);
			*ret_rsc = MST_RSC_CONFLICT;
			return ADMIN_REFUSED;
		}
	}
	if (!r)
		r = admin_event(q, "node.added", in->node.id, in->node.node_id);
	return r > 0 ? MST_FAULT_BUG : r;
}

/*
 * A name has to be bound to a trust anchor. Without a word from the operator it is the maker's, when there is
 * one maker only: written down now, so that a maker who comes later cannot claim it. Where no maker's CA is trusted, as in an
 * installation for SIMs, it is no certificate's. Of a provider's people no word is taken (scope.c): among several makers the
 * name is nobody's certificate's until the installation's people have bound it.
 */
static bool bind_names(const struct admin *q, struct admin_node_input *in, struct mst_diag *d)
{
	static const uint8_t none[MST_SHA256_LEN];
	const struct mst_role_conf *conf = q->env->conf;

	for (size_t i = 0; i < in->n; i++) {
		if (memcmp(in->identity[i].anchor, none, sizeof(none)))
			continue;
		if (!conf || !conf->makers.n || (q->sp[0] && conf->makers.n != 1)) {
			memcpy(in->identity[i].anchor, mst_anchor_none, MST_SHA256_LEN);
			continue;
		}
		if (conf->makers.n != 1) {
			mst_diag_set(d, 0, "anchor", "which of the makers' CAs signs this node? expected 64 hex digits, its SHA-256",
				     " (muster: --anchor FILE), \"any\", or \"none\": no certificate", NULL);
			return false;
		}
		memcpy(in->identity[i].anchor, conf->makers.sha256[0], MST_SHA256_LEN);
	}
	return true;
}

/* 0, ADMIN_REFUSED (rsc and d filled; rows may have been written: undo), or a fault. */
static int add(struct admin *q, const json_t *j, struct admin_node_input *in, int *ret_rsc,
	       struct mst_diag *d)
{
	struct mst_subscription sub;
	bool has_sub;
	int r;

	*ret_rsc = MST_RSC_BAD_REQUEST;
	if (!admin_decode_node(j, in, d))
		return ADMIN_REFUSED;
	if (!admin_origin_good(q, in, d)) {
		*ret_rsc = MST_RSC_NO_PRIVILEGE;
		return ADMIN_REFUSED;
	}
	if (!bind_names(q, in, d))
		return ADMIN_REFUSED;
	r = in->node.sub_id[0] ? mst_store_sub_get(q->env->store, in->node.sub_id, &sub) : MST_STORE_NONE;
	if (r < 0)
		return r;
	has_sub = !r;
	r = admin_new_node_good(q, in, has_sub ? &sub : NULL, d);
	if (r)
		return r;
	if (admin_decide_node(&in->node, has_sub ? &sub : NULL, q->env->now, ret_rsc, d) == ADMIN_REFUSED)
		return ADMIN_REFUSED;
	return apply_new(q, in, ret_rsc, d);
}

/* With a mark of its own, so that a refusal half way leaves nothing. */
static int add_marked(struct admin *q, const json_t *j, struct admin_node_input *in, int *ret_rsc,
		      struct mst_diag *d)
{
	int r = mst_store_mark(q->env->store);

	if (r)
		return r;
	r = add(q, j, in, ret_rsc, d);
	if (!r)
		r = mst_store_release(q->env->store);
	if (r)
		mst_store_undo(q->env->store);
	return r;
}

static int keep_identity(void *arg, const struct mst_identity *r)
{
	return json_array_append_new(arg, admin_json_identity(r)) ? MST_FAULT_MEMORY : 0;
}

struct listing {
	struct admin *q;
	json_t *list;
	enum mst_role role;
};

static int keep_reg(void *arg, const struct mst_registration *r)
{
	struct listing *l = arg;

	if (l->q->sp[0] && !mst_id_equal(MST_ID_FQDN, mst_view_str(l->q->sp), mst_view_str(r->admin_fqdn)))
		return 0;
	return json_array_append_new(l->list, admin_json_reg(l->role, r)) ? MST_FAULT_MEMORY : 0;
}

static int keep_cred(void *arg, const struct mst_credential *r)
{
	struct listing *l = arg;

	bool own;
	int e = admin_owns_since(l->q, r->node, r->created, &own);

	if (e || !own)
		return e;
	return json_array_append_new(l->list, admin_json_cred(l->role, r)) ? MST_FAULT_MEMORY : 0;
}

static int keep_briefing(void *arg, const struct mst_briefing *r)
{
	return json_array_append_new(arg, admin_json_briefing(r)) ? MST_FAULT_MEMORY : 0;
}

/* Where it stands, and what it was told last. */
static int add_briefings(struct admin *q, int64_t node, json_t *j)
{
	struct mst_briefing_filter f = { .node = node, .limit = 4 };
	json_t *list = json_array();
	struct mst_place p;
	int r = mst_store_place_get(q->env->store, node, &p);

	if (!r && json_object_set_new(j, "place", admin_json_place(&p)))
		r = MST_FAULT_MEMORY;
	if (r >= 0)
		r = mst_store_briefing_list(q->env->store, &f, keep_briefing, list);
	if (json_object_set_new(j, "briefings", list))
		r = r ? r : MST_FAULT_MEMORY;
	return r;
}

int admin_answer_node(struct admin *q, int rsc, const struct mst_node *n)
{
	static const enum mst_role roles[] = { MST_ROLE_BBN, MST_ROLE_MEF, MST_ROLE_MAF };
	json_t *j = admin_json_node(n), *ids = json_array(), *regs = json_array(), *creds = json_array();
	int r = mst_store_identity_list(q->env->store, n->id, keep_identity, ids);
	struct mst_reach reach;

	if (!r) {
		r = mst_store_reach_get(q->env->store, n->id, &reach);
		if (!r)
			r = admin_put_reach(j, &reach);
		else if (r == MST_STORE_NONE)
			r = 0;
	}

	for (size_t i = 0; i < MST_COUNT(roles) && !r; i++) {
		struct listing l = { q, regs, roles[i] };

		r = mst_store_reg_of_node(q->env->store, roles[i], n->id, keep_reg, &l);
		l.list = creds;
		if (!r)
			r = mst_store_cred_of_node(q->env->store, roles[i], n->id, keep_cred, &l);
	}
	/* where it stands and what it was told is between it and its owner */
	if (!r && !q->sp[0])
		r = add_briefings(q, n->id, j);
	/* the SIM is the operator's */
	if (r >= 0 && !q->sp[0])
		r = admin_put_sim(q, n->id, j);
	if (json_object_set_new(j, "identities", ids) | json_object_set_new(j, "registrations", regs) |
	    json_object_set_new(j, "credentials", creds))
		r = r ? r : MST_FAULT_MEMORY;
	if (r) {
		json_decref(j);
		return r;
	}
	return admin_answer(q, rsc, j);
}

int admin_node_add(struct admin *q)
{
	struct admin_node_input in;
	struct mst_diag d = { 0 };
	int rsc = MST_RSC_INTERNAL, r = add_marked(q, q->body, &in, &rsc, &d);

	if (r < 0)
		return r;
	if (r)
		return admin_refuse(q, rsc, &d);
	snprintf(q->a->location, sizeof(q->a->location), "/v1/nodes/%lld", (long long)in.node.id);
	return admin_answer_node(q, MST_RSC_CREATED, &in.node);
}

/* Every row gets an answer; a bad one does not stop the good ones. */
int admin_node_import(struct admin *q)
{
	struct admin_node_input in;
	struct mst_diag d = { 0 };
	json_t *rows, *row, *answers;
	size_t i;

	if (!admin_decode_rows(q->body, &rows, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	answers = json_array();
	json_array_foreach(rows, i, row)
	{
		int rsc, r = add_marked(q, row, &in, &rsc, &d);
		json_t *one;

		d.text[r > 0 ? 130 : 0] = '\0'; /* 1000 answers fit into one */
		one = r < 0 ? NULL
		      : r   ? json_pack("{s:i, s:b, s:o}", "row", (int)i, "ok", 0, "error", admin_error(&d))
			    : json_pack("{s:i, s:b, s:I}", "row", (int)i, "ok", 1, "id",
					(json_int_t)in.node.id);
		if (json_array_append_new(answers, one)) {
			json_decref(answers);
			return r < 0 ? r : MST_FAULT_MEMORY;
		}
	}
	return admin_answer(q, MST_RSC_OK, json_pack("{s:o}", "rows", answers));
}

enum { NODE_STATE, NODE_SUB, NODE_MAKER, NODE_AFTER, NODE_LIMIT };

struct node_page {
	json_t *list;
	size_t size, left;
	int64_t last;
	bool more;
};

/* One more than asked for tells whether there is a next page. */
static int keep_node(void *arg, const struct mst_node *n)
{
	struct node_page *p = arg;
	json_t *j;

	if (!p->left || p->size > ADMIN_ANSWER_FULL) {
		p->more = true;
		return 1;
	}
	j = admin_json_node(n);
	p->size += j ? admin_json_size(j) : 0;
	p->left--;
	p->last = n->id;
	return json_array_append_new(p->list, j) ? MST_FAULT_MEMORY : 0;
}

static bool node_filter(struct admin *q, struct mst_node_filter *f, struct mst_diag *d)
{
	uint64_t after = 0, limit = 0;

	*f = (struct mst_node_filter){ .state = -1,
				       .sub_id = q->param[NODE_SUB],
				       .maker = q->param[NODE_MAKER] };
	for (int i = 0; i <= MST_NODE_RELEASED; i++)
		if (!strcmp(mst_node_state_name[i], q->param[NODE_STATE]))
			f->state = i;
	if (q->param[NODE_STATE][0] && f->state < 0) {
		mst_diag_set(d, 0, "state",
			     "expected one of known, briefed, enrolling, enrolled, expiring, suspended, "
			     "revoked, released",
			     NULL);
		return false;
	}
	if (!admin_number("after", q->param[NODE_AFTER], 0, INT64_MAX, &after, d) ||
	    !admin_number("limit", q->param[NODE_LIMIT], ADMIN_PAGE, ADMIN_PAGE_MAX, &limit, d))
		return false;
	f->sp_fqdn = q->sp;
	f->after = (int64_t)after;
	f->limit = (size_t)limit;
	return true;
}

int admin_node_list(struct admin *q)
{
	struct mst_node_filter f;
	struct node_page p = { 0 };
	struct mst_diag d;
	json_t *j;
	int r;

	if (!node_filter(q, &f, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	p = (struct node_page){ .list = json_array(), .left = f.limit };
	f.limit++;
	r = mst_store_node_list(q->env->store, &f, keep_node, &p);
	if (r < 0) {
		json_decref(p.list);
		return r;
	}
	j = json_pack("{s:o}", "nodes", p.list);
	if (p.more && json_object_set_new(j, "next", json_integer(p.last))) {
		json_decref(j);
		j = NULL;
	}
	return admin_answer(q, MST_RSC_OK, j);
}

int admin_find_node(struct admin *q, const char *id, struct mst_node *ret)
{
	char canonical[MST_ID_MAX];
	struct mst_node numbered;
	uint64_t number;
	int r = MST_STORE_NONE, by_number = MST_STORE_NONE;

	/* in the one spelling first: an M2M-Node-ID could be in another one */
	if (mst_id_normalise(MST_ID_CSE_ABS, mst_view_str(id), canonical) || mst_id_normalise(MST_ID_AE_ABS, mst_view_str(id), canonical))
		r = mst_store_node_find(q->env->store, canonical, ret);
	if (r == MST_STORE_NONE)
		r = mst_store_node_find(q->env->store, id, ret);
	if (r >= 0 && mst_parse_dec(mst_view_str(id), INT64_MAX, &number))
		by_number = mst_store_node_get(q->env->store, (int64_t)number, &numbered);
	if (r < 0 || by_number == MST_STORE_NONE)
		return r;
	/* one's M2M-Node-ID, given before this was refused, and another's number: whoever is meant, the wrong one could be hit */
	if (!by_number && !r && numbered.id != ret->id)
		return MST_STORE_NONE;
	if (!by_number)
		*ret = numbered;
	return by_number;
}

int admin_no_such_node(struct admin *q)
{
	struct mst_diag d;

	mst_diag_set(&d, 0, "id",
		     "there is no such node; expected an M2M-Node-ID, a CSE-ID, an AE-ID or a node's number", NULL);
	return admin_refuse(q, MST_RSC_NOT_FOUND, &d);
}

int admin_node_show(struct admin *q)
{
	struct mst_node n;
	int r = admin_find_node(q, q->id, &n);

	return r < 0 ? r : r ? admin_no_such_node(q) : admin_answer_node(q, MST_RSC_OK, &n);
}

struct binding {
	struct mst_identity row[ADMIN_IDENTITIES_MAX];
	size_t n;
};

static int keep_binding(void *arg, const struct mst_identity *r)
{
	struct binding *b = arg;

	if (b->n == ADMIN_IDENTITIES_MAX)
		return MST_FAULT_BUG;
	b->row[b->n++] = *r;
	return 0;
}

/* All names of a node to one trust anchor: when its maker has a new CA, or when nobody had said which. */
int admin_node_bind(struct admin *q)
{
	struct binding b = { .n = 0 };
	uint8_t anchor[MST_SHA256_LEN];
	struct mst_diag d = { 0 };
	char why[100] = "any trust anchor";
	struct mst_writer w = mst_writer_of(why, sizeof(why));
	struct mst_node n;
	int r;

	if (!admin_decode_bind(q->body, anchor, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = admin_find_node(q, q->id, &n);
	if (r)
		return r < 0 ? r : admin_no_such_node(q);
	r = mst_store_identity_list(q->env->store, n.id, keep_binding, &b);
	for (size_t i = 0; i < b.n && !r; i++) {
		memcpy(b.row[i].anchor, anchor, sizeof(anchor));
		r = mst_store_identity_put(q->env->store, &b.row[i]);
	}
	if (!memcmp(anchor, mst_anchor_none, sizeof(anchor))) {
		memcpy(why, "no certificate", sizeof("no certificate"));
	} else if (memcmp(anchor, mst_anchor_any, sizeof(anchor))) {
		mst_put_hex(&w, (struct mst_view){ anchor, sizeof(anchor) });
		mst_put_nul(&w);
	}
	if (!r)
		r = admin_event(q, "node.bound", n.id, why);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	return admin_answer_node(q, MST_RSC_OK, &n);
}
