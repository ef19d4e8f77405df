/*
 * /v1/approvals: what one person asked for waits here until another one has said yes to exactly that (decision 0035). Who they are, that it is
 * that content, and that it is done once, is judged by the keeper; here is what waits, for whom to see, and what is carried out then.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "role/admin/admin.h"

#define WAITING_MOST 32                  /* below what the keeper remembers */
#define KEPT (INT64_C(30) * 86400)       /* seconds that one that has ended is shown; the audit log has it anyway */

static const char *const state_name[] = { "waiting", "done", "refused", "expired" };

/* "POST /v1/x", and what follows it. */
static struct mst_view line_of(const struct mst_approval *r)
{
	struct mst_view v = { r->request.b, r->request.n };

	return mst_view_sub(v, 0, mst_view_find(v, '\n'));
}

static struct mst_view body_of(const struct mst_approval *r)
{
	return mst_view_sub((struct mst_view){ r->request.b, r->request.n }, line_of(r).n + 1, r->request.n);
}

static json_t *approval_json(const struct mst_approval *r)
{
	char hex[2 * MST_TICKET_NONCE + 1];
	struct mst_writer w = mst_writer_of(hex, sizeof(hex));
	struct mst_view line = line_of(r), body = body_of(r);
	json_t *j;

	mst_put_hex(&w, (struct mst_view){ r->nonce, sizeof(r->nonce) });
	mst_put_nul(&w);
	/* the body as text, since it is this text that is said yes to */
	j = json_pack("{s:I, s:s, s:I, s:I, s:o, s:o, s:s, s:o, s:o}", "id", (json_int_t)r->id, "state", state_name[r->state], "askedBy", (json_int_t)r->asked_by,
		      "at", (json_int_t)r->asked, "asked", admin_json_time(r->asked), "expires", admin_json_time(r->expires), "nonce", hex, "request",
		      json_stringn((const char *)line.p, line.n), "body", json_stringn((const char *)body.p, body.n));
	if (j && r->state != MST_APPROVAL_WAITS)
		json_object_update_new(j, json_pack("{s:I, s:o, s:I, s:s}", "endedBy", (json_int_t)r->by, "ended", admin_json_time(r->ended), "outcome",
						    (json_int_t)r->outcome, "reason", r->reason));
	return j;
}

static int refuse(struct admin *q, int rsc, const char *field, const char *text)
{
	struct mst_diag d;

	mst_diag_set(&d, 0, field, text, NULL);
	return admin_refuse(q, rsc, &d);
}

static int tell(struct admin *q, const struct mst_approval *r, const char *what, const char *more)
{
	struct mst_view line = line_of(r);
	char why[256];

	snprintf(why, sizeof(why), "%lld: %.*s, asked for by uid %lld%s%.60s", (long long)r->id, (int)(line.n < 100 ? line.n : 100), (const char *)line.p,
		 (long long)r->asked_by, *more ? ": " : "", more);
	return admin_event(q, what, 0, why);
}

static int end(struct admin *q, struct mst_approval *r, enum mst_approval_state state, int outcome, const char *reason)
{
	r->state = state;
	r->by = q->x->peer.uid;
	r->ended = q->env->now;
	r->outcome = outcome;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	return mst_store_approval_update(q->env->store, r);
}

/* --- asking --- */

bool admin_four_person(const struct mst_role_conf *c, uint32_t uid)
{
	for (size_t i = 0; c && i < c->four.n_people; i++)
		if (c->four.people[i] == uid)
			return true;
	return false;
}

struct waiting { struct admin *q; struct mst_approval over[WAITING_MOST], same; struct mst_view request; size_t n, n_over; uint32_t generation; };

/*
 * Has it waited too long, or is there another key-encryption key since? The keeper takes no yes to what it wrapped with the one before: else a yes
 * to a new key could count for the next one, too.
 */
static bool over(struct mst_approval *r, mst_time now, uint32_t generation)
{
	bool rotated = mst_wrapped_generation(&r->ticket) < generation;

	if (r->expires >= now && !rotated)
		return false;
	r->state = MST_APPROVAL_OVER;
	r->ended = r->expires < now ? r->expires : now;
	if (rotated)
		snprintf(r->reason, sizeof(r->reason), "%s", "a new key-encryption key is in use since it was asked for; ask for it anew");
	return true;
}

static int end_over(struct admin *q, const struct mst_approval *r)
{
	int e = mst_store_approval_update(q->env->store, r);

	return e ? e : tell(q, r, "approval.expired", r->reason);
}

static int generation_in_use(struct admin *q, uint32_t *ret)
{
	struct mst_keeper_generations g;
	int r = q->env->keeper->ops->generations(q->env->keeper, &g);

	*ret = g.now;
	return r;
}

static int look_waiting(void *arg, const struct mst_approval *r)
{
	struct waiting *w = arg;

	struct mst_approval row = *r;

	if (over(&row, w->q->env->now, w->generation)) {
		if (w->n_over < WAITING_MOST)
			w->over[w->n_over++] = row;
		return 0;
	}
	w->n++;
	if (r->asked_by == w->q->x->peer.uid && w->request.n && mst_view_eq(w->request, (struct mst_view){ r->request.b, r->request.n }))
		w->same = *r;
	return 0;
}

/* What has waited too long is over. */
static int sweep(struct admin *q, struct waiting *w)
{
	int r = generation_in_use(q, &w->generation);

	if (!r)
		r = mst_store_approval_list(q->env->store, true, 0, 2 * WAITING_MOST, look_waiting, w);
	for (size_t i = 0; !r && i < w->n_over; i++)
		r = end_over(q, &w->over[i]);
	if (!r && w->n_over)
		r = mst_store_approval_forget(q->env->store, q->env->now - KEPT);
	return r;
}

static int answer_waiting(struct admin *q, const struct mst_approval *r)
{
	return admin_answer(q, MST_RSC_ACCEPTED, json_pack("{s:o}", "approval", approval_json(r)));
}

static int put(struct admin *q, struct mst_view request)
{
	struct mst_said said = { q->x->channel, { q->x->said.b, q->x->said.n }, request, q->env->now };
	struct mst_approval row = { .state = MST_APPROVAL_WAITS, .expires = q->env->now + q->env->conf->four.expires };
	struct mst_ticket t;
	int r = q->env->keeper->ops->leave_ask(q->env->keeper, &said, &t);

	if (r > 0)
		return refuse(q, MST_RSC_CONFLICT, "", "the keeper does not take it that you asked; was musterd restarted, or the clock set? Try again; when the clock was set back, restart musterd first");
	if (r)
		return r;
	row.asked_by = t.uid;
	row.asked = t.when;
	memcpy(row.nonce, t.nonce, sizeof(row.nonce));
	row.ticket = t.wrapped;
	memcpy(row.request.b, request.p, request.n);
	row.request.n = (uint16_t)request.n;
	r = mst_store_approval_insert(q->env->store, &row);
	if (!r)
		r = tell(q, &row, "approval.asked", "");
	return r ? r : answer_waiting(q, &row);
}

int admin_four_ask(struct admin *q)
{
	static _Thread_local struct waiting w;
	uint8_t text[MST_SAID_MAX];
	struct mst_writer t = mst_writer_of(text, sizeof(text));
	int r;

	if (!admin_four_person(q->env->conf, q->x->peer.uid))
		return refuse(q, MST_RSC_NO_PRIVILEGE, "", "this wants two of four_eyes.people (musterd.conf), and you are none of them");
	mst_put_said(&t, q->x->request.to, q->x->request.content);
	if (!t.ok || !q->x->said.n)
		return refuse(q, MST_RSC_BAD_REQUEST, "body", "longer than what can wait for a second person");
	memset(&w, 0, sizeof(w));
	w.q = q;
	w.request = mst_written(&t);
	r = sweep(q, &w);
	if (r)
		return r > 0 ? MST_FAULT_BUG : r;
	if (w.same.id)
		return answer_waiting(q, &w.same);
	if (w.n >= WAITING_MOST)
		return refuse(q, MST_RSC_CONFLICT, "", "too much waits for a second person already (muster approve list)");
	return put(q, mst_written(&t));
}

int admin_four_node(struct admin *q, const struct mst_node *n)
{
	bool second = admin_wants_second(q, MST_FOUR_CERTIFICATES);
	char text[MST_ID_MAX + 160];
	int r;

	if (!second && !q->approved)
		return 0;
	if (!strcmp(q->id, n->node_id)) {
		r = second ? admin_four_ask(q) : 0;
		return r || !second ? r : 1;
	}
	/* a CSE-ID is given anew when a node moves, and a node may be called what is another one's number */
	snprintf(text, sizeof(text), "a second person says yes to it, so name the node by what will never be another's, its M2M-Node-ID: %s", n->node_id);
	r = refuse(q, MST_RSC_BAD_REQUEST, "id", text);
	return r ? r : 1;
}

/* --- looking --- */

enum { AP_STATE, AP_AFTER, AP_LIMIT };

struct page { json_t *list; int64_t last; size_t left, size; bool more; };

static int keep(void *arg, const struct mst_approval *r)
{
	struct page *p = arg;
	json_t *j;

	if (!p->left || p->size > ADMIN_ANSWER_FULL) {
		p->more = true;
		return 1;
	}
	p->left--;
	p->last = r->id;
	j = approval_json(r);
	p->size += j ? admin_json_size(j) : 0;
	return json_array_append_new(p->list, j) ? MST_FAULT_MEMORY : 0;
}

int admin_approval_list(struct admin *q)
{
	static _Thread_local struct waiting w;
	struct page p = { .list = NULL };
	uint64_t after, limit;
	struct mst_diag d;
	int r;

	if (q->param[AP_STATE][0] && strcmp(q->param[AP_STATE], "waiting"))
		return refuse(q, MST_RSC_BAD_REQUEST, "state", "expected waiting, or nothing for all");
	if (!admin_number("after", q->param[AP_AFTER], 0, INT64_MAX, &after, &d) || !admin_number("limit", q->param[AP_LIMIT], ADMIN_PAGE, ADMIN_PAGE_MAX, &limit, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	memset(&w, 0, sizeof(w));
	w.q = q;
	r = sweep(q, &w);
	if (r)
		return r > 0 ? MST_FAULT_BUG : r;
	p = (struct page){ .list = json_array(), .left = (size_t)limit, .last = (int64_t)after };
	r = mst_store_approval_list(q->env->store, q->param[AP_STATE][0] != 0, (int64_t)after, (size_t)limit + 1, keep, &p);
	if (r < 0) {
		json_decref(p.list);
		return r;
	}
	return admin_answer(q, MST_RSC_OK, json_pack("{s:o, s:o*}", "approvals", p.list, "next", p.more ? json_integer((json_int_t)p.last) : NULL));
}

/* 0, 1: answered, or a fault. */
static int find(struct admin *q, struct mst_approval *ret)
{
	uint64_t id;
	int r = mst_parse_dec(mst_view_str(q->id), INT64_MAX, &id) ? mst_store_approval_get(q->env->store, (int64_t)id, ret) : MST_STORE_NONE;

	if (r <= 0)
		return r;
	r = refuse(q, MST_RSC_NOT_FOUND, "id", "there is no such request; expected its number (muster approve list)");
	return r ? r : 1;
}

int admin_approval_show(struct admin *q)
{
	struct mst_approval row;
	int r = find(q, &row);

	return r ? r < 0 ? r : 0 : admin_answer(q, MST_RSC_OK, approval_json(&row));
}

/* --- yes and no --- */

/* It waits still: else answered. 0, 1, or a fault. */
static int find_waiting(struct admin *q, struct mst_approval *ret)
{
	uint32_t generation;
	char text[256];
	int r = find(q, ret);

	if (!r && ret->state == MST_APPROVAL_WAITS) {
		r = generation_in_use(q, &generation);
		if (!r && over(ret, q->env->now, generation))
			r = end_over(q, ret);
		r = r > 0 ? MST_FAULT_BUG : r;
	}
	if (r || ret->state == MST_APPROVAL_WAITS)
		return r;
	snprintf(text, sizeof(text), "it does not wait any more: it is %s%s%s", state_name[ret->state], ret->reason[0] ? ": " : "", ret->reason);
	r = refuse(q, MST_RSC_CONFLICT, "id", text);
	return r ? r : 1;
}

static int said_no(struct admin *q, const struct mst_approval *row, int outcome)
{
	static const struct { int outcome, rsc; const char *what, *text; } table[] = {
		{ MST_KEEPER_SAME, MST_RSC_NO_PRIVILEGE, "approval.same-person", "you asked for it yourself; a second person has to say yes" },
		{ MST_KEEPER_FORGED, MST_RSC_CONFLICT, "approval.mismatch", "this is not what was asked for: another content, the request was changed, or the clock was set back (then refuse it, restart musterd, and ask anew)" },
		{ MST_KEEPER_DENIED, MST_RSC_CONFLICT, "approval.denied", "the keeper does not take it: too late, one of you is not of four_eyes.people, or used already (then refuse it, and ask anew)" },
		{ MST_KEEPER_BUSY, MST_RSC_CONFLICT, "approval.denied", "the keeper remembers too many that were used; try again later" },
	};
	size_t i = 0;
	int r;

	while (i + 1 < MST_COUNT(table) && table[i].outcome != outcome)
		i++;
	r = tell(q, row, table[i].what, "");
	return r ? r : refuse(q, table[i].rsc, "", table[i].text);
}

/* As who asked would have had it done. */
static int carry_out(struct admin *q, struct mst_approval *row)
{
	struct mst_exchange x = *q->x;
	struct mst_view line = line_of(row);
	struct admin again = { .env = q->env, .a = q->a, .x = &x, .approved = true };
	int r;

	x.request.to = mst_view_sub(line, strlen("POST "), line.n);
	x.request.content = body_of(row);
	x.http_query = MST_VIEW_NONE;
	x.said.n = 0;
	x.peer.uid = (uint32_t)row->asked_by;
	snprintf(again.who, sizeof(again.who), "uid %lld, yes by uid %u", (long long)row->asked_by, q->x->peer.uid);
	r = admin_serve(&again, &x);
	json_decref(again.body);
	if (!r && q->a->rsc != row->outcome)
		r = end(q, row, MST_APPROVAL_DONE, q->a->rsc, "");
	return r;
}

int admin_approval_give(struct admin *q)
{
	static _Thread_local struct mst_approval row;
	uint8_t text[MST_SAID_MAX];
	struct mst_writer t = mst_writer_of(text, sizeof(text));
	const char *digest = json_string_value(json_object_get(q->body, "digest"));
	struct mst_said yes = { q->x->channel, { q->x->said.b, q->x->said.n }, MST_VIEW_NONE, q->env->now };
	int r;

	if (!digest || strlen(digest) != 2 * MST_SHA256_LEN || json_object_size(q->body) != 1)
		return refuse(q, MST_RSC_BAD_REQUEST, "digest", "expected 64 hex digits in upper case: the digest of what you were shown (muster approve give)");
	r = find_waiting(q, &row);
	if (r)
		return r < 0 ? r : 0;
	if (!admin_four_person(q->env->conf, q->x->peer.uid))
		return refuse(q, MST_RSC_NO_PRIVILEGE, "", "only four_eyes.people (musterd.conf) say yes");
	mst_put_said(&t, q->x->request.to, q->x->request.content);
	yes.request = mst_written(&t);
	r = q->env->keeper->ops->leave_give(q->env->keeper, &yes, (struct mst_view){ row.request.b, row.request.n }, &row.ticket);
	if (r)
		return r > 0 ? said_no(q, &row, r) : r;
	r = end(q, &row, MST_APPROVAL_DONE, 0, "");
	if (!r)
		r = tell(q, &row, "approval.given", "");
	return r ? r : carry_out(q, &row);
}

int admin_approval_refuse(struct admin *q)
{
	struct mst_approval row;
	struct mst_diag d;
	char reason[128];
	int r;

	if (!admin_decode_reason(q->body, true, reason, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = find_waiting(q, &row);
	if (!r)
		r = end(q, &row, MST_APPROVAL_REFUSED, 0, reason);
	if (!r)
		r = tell(q, &row, "approval.refused", reason);
	return r ? r < 0 ? r : 0 : admin_answer(q, MST_RSC_OK, approval_json(&row));
}

/* --- a copy of the audit log --- */

#define EXPORT_TIME 3600

/* Where nobody has to be asked whoever reads the log may copy it, and nothing is told of that. */
int admin_event_export(struct admin *q)
{
	int r = q->approved ? admin_event(q, "audit.export", 0, "a copy of the audit log") : 0;

	return r ? r : admin_answer(q, MST_RSC_OK, json_pack("{s:b}", "ok", 1));
}

int admin_export_allowed(struct admin *q, const char *approval, bool *ret_all, struct mst_diag *d)
{
	struct mst_approval row;
	uint64_t id;
	int r;

	/* a provider's own people see what is theirs; whoever of the installation speaks in its name sees as much as under their own */
	*ret_all = !(q->env->conf->four.of & (1u << MST_FOUR_EXPORT)) || (q->sp[0] && !admin_own_people(q, &q->x->peer));
	if (*ret_all || !*approval)
		return 0;
	r = mst_parse_dec(mst_view_str(approval), INT64_MAX, &id) ? mst_store_approval_get(q->env->store, (int64_t)id, &row) : MST_STORE_NONE;
	if (r < 0)
		return r;
	*ret_all = !r && row.state == MST_APPROVAL_DONE && row.asked_by == q->x->peer.uid && row.outcome == MST_RSC_OK &&
		   mst_view_eq_str(line_of(&row), "POST /v1/events/export") && q->env->now - row.ended <= EXPORT_TIME;
	if (!*ret_all)
		mst_diag_set(d, 0, "approval", "is none of yours for a copy of the audit log that was given within the last hour", NULL);
	return 0;
}
