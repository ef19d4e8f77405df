/*
 * /v1/sims: the operator's SIMs. They are the installation's own, whatever provider a node belongs to. A key comes sealed by the listener
 * (lib/server/listener-sims.c), goes wrapped into the store, and is never given back.
 */
#include <stdio.h>
#include <string.h>

#include "proto/aka/aka.h"
#include "proto/gba/keys.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"

static json_t *sim_json(struct admin *q, const struct mst_sim *s)
{
	char sqn[16];
	struct mst_node n;
	const char *node = s->node && !mst_store_node_get(q->env->store, s->node, &n) ? n.node_id : "";
	json_t *j;

	snprintf(sqn, sizeof(sqn), "%012llx", (unsigned long long)s->sqn);
	j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:I, s:o, s:o, s:I}", "imsi", s->imsi, "impi", s->impi, "state",
		      mst_sim_state_name[s->state], "reason", s->reason, "node", node, "algorithm",
		      aka_algorithm_text((enum aka_algorithm)s->algorithm), "ind", s->ind, "sqn", sqn, "uiccType",
		      s->uicc == MST_SIM_GBA_U ? "GBA_U" : "GBA", "gsid", (json_int_t)s->gsid, "created", admin_json_time(s->created), "changed",
		      admin_json_time(s->changed), "vectors", (json_int_t)s->vectors);
	snprintf(sqn, sizeof(sqn), "%04X", (unsigned)s->amf);
	if (!j || json_object_set_new(j, "amf", json_string(sqn)) ||
	    (s->msisdn[0] && json_object_set_new(j, "msisdn", json_string(s->msisdn))) ||
	    (s->lifetime && json_object_set_new(j, "lifetime", json_integer(s->lifetime))) ||
	    (s->naf_group[0] && json_object_set_new(j, "nafGroup", json_string(s->naf_group))) ||
	    (s->key_choice != MST_KEY_CHOICE_NONE &&
	     json_object_set_new(j, "keyChoice", json_string(mst_enum_text(&mst_key_choice_table, (int)s->key_choice)))) ||
	    (s->vector_at && json_object_set_new(j, "vectorAt", admin_json_time(s->vector_at)))) {
		json_decref(j);
		return NULL;
	}
	return j;
}

int admin_put_sim(struct admin *q, int64_t node, json_t *j)
{
	struct mst_sim s;
	int r = mst_store_sim_of_node(q->env->store, node, &s);

	if (r)
		return r < 0 ? r : 0;
	return json_object_set_new(j, "sim", sim_json(q, &s)) ? MST_FAULT_MEMORY : 0;
}

static int say(int rsc, int *ret_rsc, struct mst_diag *d, const char *field, const char *text)
{
	*ret_rsc = rsc;
	mst_diag_set(d, 0, field, text, NULL);
	return ADMIN_REFUSED;
}

/* Which of its names is taken already. */
static int say_taken(struct admin *q, const struct mst_sim *s, int *ret_rsc, struct mst_diag *d)
{
	static const struct { enum mst_sim_name by; const char *field, *text; } name[] = {
		{ MST_SIM_BY_IMSI, "imsi", "a SIM with this IMSI exists already" },
		{ MST_SIM_BY_IMPI, "impi", "another SIM has this IMPI" },
		{ MST_SIM_BY_MSISDN, "msisdn", "another SIM has this number" },
	};
	const char *const value[] = { s->imsi, s->impi, s->msisdn };
	struct mst_sim other;

	for (size_t i = 0; i < MST_COUNT(name); i++) {
		int r = value[i][0] ? mst_store_sim_find(q->env->store, name[i].by, value[i], &other) : MST_STORE_NONE;

		if (r < 0)
			return r;
		if (!r && other.id != s->id)
			return say(MST_RSC_CONFLICT, ret_rsc, d, name[i].field, name[i].text);
	}
	return say(MST_RSC_CONFLICT, ret_rsc, d, "node", "the node has a SIM already; unbind that one first");
}

/* *ret_node is filled when the input names one. 0, ADMIN_REFUSED or a fault. */
static int find_node(struct admin *q, const char *name, struct mst_node *ret_node, int *ret_rsc, struct mst_diag *d)
{
	int r = name[0] ? admin_find_node(q, name, ret_node) : 0;

	if (r <= 0)
		return r;
	return say(MST_RSC_NOT_FOUND, ret_rsc, d, "node", "there is no such node; expected an M2M-Node-ID, a CSE-ID, an AE-ID or a node's number");
}

static int store_new(struct admin *q, struct admin_sim_input *in, int *ret_rsc, struct mst_diag *d)
{
	struct mst_keeper *k = q->env->keeper;
	int r = k->ops->wrap(k, q->x->channel, (struct mst_view){ in->sealed.b, in->sealed.n }, MST_PURPOSE_SIM, in->sim.imsi, &in->sim.key);

	if (r > 0)
		return say(MST_RSC_BAD_REQUEST, ret_rsc, d, "secret", "the keeper does not take it; give it as text, as muster(1) has it");
	if (!r)
		r = mst_store_sim_insert(q->env->store, &in->sim);
	if (r == MST_STORE_EXISTS)
		return say_taken(q, &in->sim, ret_rsc, d);
	if (!r)
		r = admin_event(q, "sim.added", in->sim.node, in->sim.imsi);
	return r > 0 ? MST_FAULT_BUG : r;
}

/* 0, ADMIN_REFUSED (rsc and d filled; rows may have been written: undo), or a fault. */
static int add(struct admin *q, const json_t *j, struct admin_sim_input *in, int *ret_rsc, struct mst_diag *d)
{
	struct mst_node n;
	int r;

	*ret_rsc = MST_RSC_BAD_REQUEST;
	if (!admin_decode_sim(j, q->env->conf, in, d))
		return ADMIN_REFUSED;
	r = find_node(q, in->node, &n, ret_rsc, d);
	if (r)
		return r;
	if (admin_decide_sim(&in->sim, in->node[0] ? &n : NULL, q->env->now, ret_rsc, d) == ADMIN_REFUSED)
		return ADMIN_REFUSED;
	return store_new(q, in, ret_rsc, d);
}

/* With a mark of its own, so that a refusal half way leaves nothing. */
static int add_marked(struct admin *q, const json_t *j, struct admin_sim_input *in, int *ret_rsc, struct mst_diag *d)
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

int admin_sim_add(struct admin *q)
{
	struct admin_sim_input in;
	struct mst_diag d = { 0 };
	int rsc = MST_RSC_INTERNAL, r = add_marked(q, q->body, &in, &rsc, &d);

	if (r < 0)
		return r;
	if (r)
		return admin_refuse(q, rsc, &d);
	snprintf(q->a->location, sizeof(q->a->location), "/v1/sims/%s", in.sim.imsi);
	return admin_answer(q, MST_RSC_CREATED, sim_json(q, &in.sim));
}

/* Every row gets an answer; a bad one does not stop the good ones. */
int admin_sim_import(struct admin *q)
{
	struct admin_sim_input in;
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
		one = r < 0 ? NULL : r ? json_pack("{s:i, s:b, s:o}", "row", (int)i, "ok", 0, "error", admin_error(&d))
				       : json_pack("{s:i, s:b, s:s}", "row", (int)i, "ok", 1, "imsi", in.sim.imsi);
		if (json_array_append_new(answers, one)) {
			json_decref(answers);
			return r < 0 ? r : MST_FAULT_MEMORY;
		}
	}
	return admin_answer(q, MST_RSC_OK, json_pack("{s:o}", "rows", answers));
}

enum { SIM_STATE, SIM_AFTER, SIM_LIMIT };
struct sim_page {
	struct admin *q;
	json_t *list;
	size_t size, left;
	int64_t last;
	bool more;
};

static int keep_sim(void *arg, const struct mst_sim *s)
{
	struct sim_page *p = arg;
	json_t *j;

	if (!p->left || p->size > ADMIN_ANSWER_FULL) {
		p->more = true;
		return 1;
	}
	j = sim_json(p->q, s);
	p->size += j ? admin_json_size(j) : 0;
	p->left--;
	p->last = s->id;
	return json_array_append_new(p->list, j) ? MST_FAULT_MEMORY : 0;
}

static bool sim_filter(struct admin *q, struct mst_sim_filter *f, struct mst_diag *d)
{
	const char *state = q->param[SIM_STATE];
	uint64_t after = 0, limit = 0;

	*f = (struct mst_sim_filter){ .state = -1 };
	for (int i = MST_SIM_ACTIVE; i <= MST_SIM_SUSPENDED; i++)
		if (!strcmp(mst_sim_state_name[i], state))
			f->state = i;
	if (*state && f->state < 0) {
		mst_diag_set(d, 0, "state", "expected one of active, suspended", NULL);
		return false;
	}
	if (!admin_number("after", q->param[SIM_AFTER], 0, INT64_MAX, &after, d) ||
	    !admin_number("limit", q->param[SIM_LIMIT], ADMIN_PAGE, ADMIN_PAGE_MAX, &limit, d))
		return false;
	f->after = (int64_t)after;
	f->limit = (size_t)limit;
	return true;
}

int admin_sim_list(struct admin *q)
{
	struct mst_sim_filter f;
	struct sim_page p;
	struct mst_diag d;
	json_t *j;
	int r;

	if (!sim_filter(q, &f, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	p = (struct sim_page){ .q = q, .list = json_array(), .left = f.limit };
	f.limit++;
	r = mst_store_sim_list(q->env->store, &f, keep_sim, &p);
	if (r < 0) {
		json_decref(p.list);
		return r;
	}
	j = json_pack("{s:o}", "sims", p.list);
	if (p.more && json_object_set_new(j, "next", json_integer(p.last))) {
		json_decref(j);
		j = NULL;
	}
	return admin_answer(q, MST_RSC_OK, j);
}

int admin_find_sim(struct admin *q, const char *name, struct mst_sim *ret)
{
	int r = mst_store_sim_find(q->env->store, strchr(name, '@') ? MST_SIM_BY_IMPI : MST_SIM_BY_IMSI, name, ret);

	return r == MST_STORE_NONE ? mst_store_sim_find(q->env->store, MST_SIM_BY_MSISDN, name, ret) : r;
}

/* The one of the path: 0; 1 answered already; or a fault. */
static int take_sim(struct admin *q, struct mst_sim *ret)
{
	struct mst_diag d;
	int r = admin_find_sim(q, q->id, ret);

	if (r <= 0)
		return r;
	mst_diag_set(&d, 0, "id", "there is no such SIM; expected its IMSI, IMPI or number", NULL);
	r = admin_refuse(q, MST_RSC_NOT_FOUND, &d);
	return r ? r : 1;
}

int admin_sim_show(struct admin *q)
{
	struct mst_sim s;
	int r = take_sim(q, &s);

	return r ? r < 0 ? r : 0 : admin_answer(q, MST_RSC_OK, sim_json(q, &s));
}

static int changed(struct admin *q, const struct mst_sim *s, const char *what, int64_t node, const char *reason)
{
	char why[200];
	int r;

	snprintf(why, sizeof(why), "%s%s%s", s->imsi, reason[0] ? ": " : "", reason);
	r = mst_store_sim_update(q->env->store, s);
	if (!r)
		r = admin_event(q, what, node, why);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	return admin_answer(q, MST_RSC_OK, sim_json(q, s));
}

/* What the BSF here has of it says which node it is, and a key can be had with that until it ends. A foreign BSF is not reached. */
static int end_gba(struct admin *q, const struct mst_sim *s)
{
	int64_t n;

	return mst_store_gba_flush(q->env->store, s->impi, q->env->now, &n);
}

int admin_end_gba(struct admin *q, int64_t node)
{
	struct mst_sim s;
	int r = mst_store_sim_of_node(q->env->store, node, &s);

	return r ? r < 0 ? r : 0 : end_gba(q, &s);
}

/* bind, unbind */
int admin_sim_bind(struct admin *q)
{
	bool bind = !strcmp(q->act, "bind");
	char name[MST_ID_MAX] = "";
	struct mst_sim s, there;
	struct mst_diag d = { 0 };
	struct mst_node n = { .id = 0 };
	int64_t was;
	int rsc = MST_RSC_BAD_REQUEST, r;

	if (!admin_decode_sim_bind(q->body, bind, name, &d))
		return admin_refuse(q, rsc, &d);
	r = take_sim(q, &s);
	if (r)
		return r < 0 ? r : 0;
	r = find_node(q, name, &n, &rsc, &d);
	if (r)
		return r < 0 ? r : admin_refuse(q, rsc, &d);
	was = s.node;
	switch (admin_decide_sim_bind(&s, bind ? &n : NULL, q->env->now, &rsc, &d)) {
	case ADMIN_REFUSED: return admin_refuse(q, rsc, &d);
	case ADMIN_UNCHANGED: return admin_answer(q, MST_RSC_OK, sim_json(q, &s));
	case ADMIN_DONE: break;
	}
	r = bind ? mst_store_sim_of_node(q->env->store, n.id, &there) : MST_STORE_NONE;
	if (r < 0)
		return r;
	if (!r) {
		(void)say(MST_RSC_CONFLICT, &rsc, &d, "node", "the node has a SIM already; unbind that one first");
		return admin_refuse(q, rsc, &d);
	}
	r = end_gba(q, &s);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	return changed(q, &s, bind ? "sim.bound" : "sim.unbound", bind ? s.node : was, "");
}

/* suspend, resume */
int admin_sim_act(struct admin *q)
{
	struct mst_diag d = { 0 };
	char reason[128];
	struct mst_sim s;
	int r;

	if (!admin_decode_reason(q->body, true, reason, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = take_sim(q, &s);
	if (r)
		return r < 0 ? r : 0;
	if (admin_decide_sim_act(&s, q->act, reason, q->env->now) == ADMIN_UNCHANGED)
		return admin_answer(q, MST_RSC_OK, sim_json(q, &s));
	return changed(q, &s, s.state == MST_SIM_SUSPENDED ? "sim.suspended" : "sim.resumed", s.node, reason);
}

/* For good: its key and the number that was given out last are forgotten. */
int admin_sim_remove(struct admin *q)
{
	struct mst_diag d = { 0 };
	char reason[128], why[200];
	struct mst_sim s;
	json_t *j;
	int r;

	if (!admin_decode_reason(q->body, true, reason, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = take_sim(q, &s);
	if (r)
		return r < 0 ? r : 0;
	j = sim_json(q, &s);
	snprintf(why, sizeof(why), "%s, last number %012llx: %s", s.imsi, (unsigned long long)s.sqn, reason);
	r = mst_store_sim_delete(q->env->store, s.id);
	if (!r)
		r = end_gba(q, &s);
	if (!r)
		r = admin_event(q, "sim.removed", s.node, why);
	if (r) {
		json_decref(j);
		return r < 0 ? r : MST_FAULT_BUG;
	}
	return admin_answer(q, MST_RSC_OK, j);
}
