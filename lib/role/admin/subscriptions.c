/* /v1/subscriptions */
#include <stdio.h>
#include <string.h>

#include "role/admin/admin.h"
#include "role/admin/decide.h"

int admin_sub_add(struct admin *q)
{
	struct mst_subscription sub;
	struct mst_diag d = { 0 };
	int rsc = MST_RSC_BAD_REQUEST, r;

	if (!admin_decode_sub(q->body, &sub, &d) ||
	    admin_decide_sub(&sub, q->env->now, &rsc, &d) == ADMIN_REFUSED)
		return admin_refuse(q, rsc, &d);
	if (!admin_owns_sub(q, &sub)) {
		mst_diag_set(&d, 0, "spFQDN", "expected this provider's own", NULL);
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	}
	r = mst_store_sub_put(q->env->store, &sub, true);
	if (r == MST_STORE_EXISTS) {
		mst_diag_set(&d, 0, "id", "a subscription with this M2M-Sub-ID exists already", NULL);
		return admin_refuse(q, MST_RSC_CONFLICT, &d);
	}
	if (!r)
		r = admin_event(q, "subscription.added", 0, sub.id);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	return admin_answer(q, MST_RSC_CREATED, admin_json_sub(&sub));
}

enum { SUB_AFTER, SUB_LIMIT };

struct sub_page {
	struct admin *q;
	json_t *list;
	size_t size, left, looked;
	char last[MST_ID_MAX];
	bool more;
};

static int keep_sub(void *arg, const struct mst_subscription *r)
{
	struct sub_page *p = arg;
	bool own = admin_owns_sub(p->q, r);
	json_t *j;

	p->more = p->looked++ == ADMIN_LOOKED_MOST || (own && (!p->left || p->size > ADMIN_ANSWER_FULL));
	if (p->more)
		return 1;
	memcpy(p->last, r->id, sizeof(p->last));
	if (!own)
		return 0;
	j = admin_json_sub(r);
	p->size += j ? admin_json_size(j) : 0;
	p->left--;
	return json_array_append_new(p->list, j) ? MST_FAULT_MEMORY : 0;
}

int admin_sub_list(struct admin *q)
{
	struct sub_page p = { .q = q };
	struct mst_diag d;
	uint64_t limit;
	json_t *j;
	int r;

	if (!admin_number("limit", q->param[SUB_LIMIT], ADMIN_PAGE, ADMIN_PAGE_MAX, &limit, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	p.list = json_array();
	p.left = (size_t)limit;
	r = mst_store_sub_list(q->env->store, q->param[SUB_AFTER], q->sp[0] ? ADMIN_LOOKED_MOST + 1 : (size_t)limit + 1, keep_sub, &p);
	if (r < 0) {
		json_decref(p.list);
		return r;
	}
	j = json_pack("{s:o}", "subscriptions", p.list);
	if (p.more && json_object_set_new(j, "next", json_string(p.last))) {
		json_decref(j);
		j = NULL;
	}
	return admin_answer(q, MST_RSC_OK, j);
}

static int no_such_sub(struct admin *q)
{
	struct mst_diag d;

	mst_diag_set(&d, 0, "id", "there is no such subscription; expected its M2M-Sub-ID", NULL);
	return admin_refuse(q, MST_RSC_NOT_FOUND, &d);
}

int admin_sub_show(struct admin *q)
{
	struct mst_subscription sub;
	int r = mst_store_sub_get(q->env->store, q->id, &sub);

	return r < 0 ? r : r ? no_such_sub(q) : admin_answer(q, MST_RSC_OK, admin_json_sub(&sub));
}

/* A later end. */
int admin_sub_extend(struct admin *q)
{
	struct mst_subscription sub;
	struct mst_diag d = { 0 };
	mst_time until;
	char why[300], stamp[20] = "";
	struct mst_writer w = mst_writer_of(stamp, sizeof(stamp));
	int rsc, r;

	if (!admin_decode_extend(q->body, &until, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = mst_store_sub_get(q->env->store, q->id, &sub);
	if (r)
		return r < 0 ? r : no_such_sub(q);
	switch (admin_decide_extend(&sub, until, q->env->now, &rsc, &d)) {
	case ADMIN_REFUSED:
		return admin_refuse(q, rsc, &d);
	case ADMIN_UNCHANGED:
		return admin_answer(q, MST_RSC_OK, admin_json_sub(&sub));
	case ADMIN_DONE:
		break;
	}
	mst_put_timestamp(&w, until);
	mst_put_nul(&w);
	snprintf(why, sizeof(why), "%.200s: until %s", sub.id, stamp);
	r = mst_store_sub_put(q->env->store, &sub, false);
	if (!r)
		r = admin_event(q, "subscription.extended", 0, why);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	return admin_answer(q, MST_RSC_OK, admin_json_sub(&sub));
}

/* Said again, too: see life.c. */
static int cut_open(struct admin *q, const struct mst_subscription *sub)
{
	return sub->state == MST_SUB_ACTIVE ? 0 : mst_sub_number(sub->id, &q->a->cut.group);
}

/* suspend, resume, end: what it means for nodes is decided when they come; open sessions end, and what waits for them with it. */
int admin_sub_act(struct admin *q)
{
	static const char *const what[] = { "subscription.resumed", "subscription.suspended",
					    "subscription.ended" };
	struct mst_subscription sub;
	struct mst_diag d = { 0 };
	char reason[128], why[256];
	bool more = false;
	int rsc, r;

	if (!admin_decode_reason(q->body, false, reason, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = mst_store_sub_get(q->env->store, q->id, &sub);
	if (r)
		return r < 0 ? r : no_such_sub(q);
	switch (admin_decide_sub_act(&sub, q->act, admin_by(q), q->env->now, &rsc, &d)) {
	case ADMIN_REFUSED:
		return rsc == MST_RSC_NO_PRIVILEGE ? admin_refuse_act(q, rsc, "subscription", 0, sub.id, &d) : admin_refuse(q, rsc, &d);
	case ADMIN_UNCHANGED:
		r = cut_open(q, &sub);
		return r ? r : admin_answer(q, MST_RSC_OK, admin_json_sub(&sub));
	case ADMIN_DONE:
		break;
	}
	snprintf(why, sizeof(why), "%.120s%s%s", sub.id, reason[0] ? ": " : "", reason);
	r = admin_event(q, what[sub.state], 0, why);
	if (!r && sub.state == MST_SUB_ENDED)
		r = admin_end_sub_commands(q, &sub, &more);
	if (sub.state == MST_SUB_ENDED && !more)
		sub.due = 0;
	if (!r)
		r = mst_store_sub_put(q->env->store, &sub, false);
	if (!r)
		r = cut_open(q, &sub);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	return admin_answer(q, MST_RSC_OK, admin_json_sub(&sub));
}
