/* The life of nodes and subscriptions: what operators decide of it, and what the clock does (architecture 4). */
#include <stdio.h>
#include <string.h>

#include "role/admin/admin.h"
#include "role/admin/decide.h"
#include "role/name.h"

static int uses_key(void *arg, const struct mst_credential *c)
{
	bool *has = arg;

	*has = *has || (c->purpose == MST_PURPOSE_KM && c->state == MST_CRED_ACTIVE);
	return 0;
}

/* What it has works until `by` and not longer: its keys of the MAF end then, and their end is told. */
struct shorten { mst_time by; struct mst_credential k[16]; size_t n; };

static int keep_long(void *arg, const struct mst_credential *c)
{
	struct shorten *s = arg;

	if (c->state != MST_CRED_REVOKED && c->expires > s->by)
		s->k[s->n++] = *c;
	return s->n == MST_COUNT(s->k);
}

static int end_keys_by(struct admin *q, int64_t node, mst_time by)
{
	struct shorten s;
	int r;

	do {
		s = (struct shorten){ .by = by };
		r = mst_store_cred_of_node(q->env->store, MST_ROLE_MAF, node, keep_long, &s);
		for (size_t i = 0; i < s.n && r >= 0; i++) {
			s.k[i].expires = by;
			s.k[i].due = s.k[i].due ? by : 0;
			r = mst_store_cred_put(q->env->store, MST_ROLE_MAF, &s.k[i], false);
		}
	} while (r >= 0 && s.n == MST_COUNT(s.k));
	return r < 0 ? r : 0;
}

/* A MAF knew it by name alone while it was in no registry: before it is called something else that becomes the node's own. */
struct nameless { struct mst_credential k[8]; struct mst_registration r[8]; size_t n; };

static int keep_nameless_cred(void *arg, const struct mst_credential *c)
{
	struct nameless *s = arg;

	if (!c->node)
		s->k[s->n++] = *c;
	return s->n == MST_COUNT(s->k);
}

static int keep_nameless_reg(void *arg, const struct mst_registration *r)
{
	struct nameless *s = arg;

	if (!r->node)
		s->r[s->n++] = *r;
	return s->n == MST_COUNT(s->r);
}

static int own_creds(struct admin *q, int64_t node, const char *name)
{
	struct nameless s;
	int r;

	do {
		s.n = 0;
		r = mst_store_cred_list(q->env->store, MST_ROLE_MAF, name, keep_nameless_cred, &s);
		for (size_t i = 0; i < s.n && r >= 0; i++) {
			s.k[i].node = node;
			r = mst_store_cred_put(q->env->store, MST_ROLE_MAF, &s.k[i], false);
		}
	} while (r >= 0 && s.n == MST_COUNT(s.k));
	return r < 0 ? r : 0;
}

static int own_regs(struct admin *q, int64_t node, const char *name)
{
	struct nameless s;
	int r;

	do {
		s.n = 0;
		r = mst_store_reg_of_client(q->env->store, MST_ROLE_MAF, name, keep_nameless_reg, &s);
		for (size_t i = 0; i < s.n && r >= 0; i++) {
			s.r[i].node = node;
			r = mst_store_reg_put(q->env->store, MST_ROLE_MAF, &s.r[i]);
		}
	} while (r >= 0 && s.n == MST_COUNT(s.r));
	return r < 0 ? r : 0;
}

static int own_nameless(struct admin *q, const struct mst_node *was)
{
	const char *const name[] = { mst_node_id_counts(was, was->node_id) ? was->node_id : "", was->cse_id, was->ae_id };
	int r = 0;

	for (size_t i = 0; i < MST_COUNT(name) && !r; i++) {
		if (!name[i][0])
			continue;
		r = own_creds(q, was->id, name[i]);
		if (!r)
			r = own_regs(q, was->id, name[i]);
	}
	return r;
}

/* So does what it registered there under a name that it has no more, and others may fetch: nobody else can be called that before. */
struct shorten_regs { const struct mst_node *as; mst_time by; struct mst_registration r[8]; size_t n; };
struct shorten_keyregs { mst_time by; struct mst_keyreg k[8]; size_t n; };

static int keep_long_reg(void *arg, const struct mst_registration *r)
{
	struct shorten_regs *s = arg;
	const struct mst_node *n = s->as;

	if (r->expires > s->by && strcmp(r->client_id, n->cse_id) && strcmp(r->client_id, n->ae_id) && strcmp(r->client_id, n->node_id))
		s->r[s->n++] = *r;
	return s->n == MST_COUNT(s->r);
}

static int keep_long_keyreg(void *arg, const struct mst_keyreg *k)
{
	struct shorten_keyregs *s = arg;

	if (k->expires > s->by)
		s->k[s->n++] = *k;
	return s->n == MST_COUNT(s->k);
}

static int end_keyregs_by(struct admin *q, const char *reg_id, mst_time by)
{
	struct shorten_keyregs s;
	int r;

	do {
		s = (struct shorten_keyregs){ .by = by };
		r = mst_store_keyreg_list(q->env->store, MST_ROLE_MAF, reg_id, keep_long_keyreg, &s);
		for (size_t i = 0; i < s.n && r >= 0; i++) {
			s.k[i].expires = by;
			r = mst_store_keyreg_put(q->env->store, MST_ROLE_MAF, &s.k[i], false);
		}
	} while (r >= 0 && s.n == MST_COUNT(s.k));
	return r < 0 ? r : 0;
}

static int end_regs_by(struct admin *q, const struct mst_node *as, mst_time by)
{
	struct shorten_regs s;
	int r;

	do {
		s = (struct shorten_regs){ .as = as, .by = by };
		r = mst_store_reg_of_node(q->env->store, MST_ROLE_MAF, as->id, keep_long_reg, &s);
		for (size_t i = 0; i < s.n && r >= 0; i++) {
			s.r[i].expires = by;
			r = mst_store_reg_put(q->env->store, MST_ROLE_MAF, &s.r[i]);
			if (r >= 0)
				r = end_keyregs_by(q, s.r[i].reg_id, by);
		}
	} while (r >= 0 && s.n == MST_COUNT(s.r));
	return r < 0 ? r : 0;
}

static const struct { const char *act, *event; } words[] = {
	{ "revoke", "node.revoked" }, { "release", "node.released" }, { "suspend", "node.suspended" }, { "resume", "node.resumed" },
	{ "reenrol", "node.reenrol-open" },
};

static int tell_act(struct admin *q, const struct mst_node *n, const char *reason)
{
	bool leaving = n->state == MST_NODE_RELEASED && n->leave_by;
	mst_time until = leaving ? n->leave_by : n->reenrol_until;
	const char *event = "";
	char why[200];
	struct mst_writer w = mst_writer_of(why, sizeof(why));

	for (size_t i = 0; i < MST_COUNT(words); i++)
		if (!strcmp(words[i].act, q->act))
			event = words[i].event;
	mst_put_str(&w, reason);
	if (until) {
		mst_put_str(&w, leaving ? "; may stay until " : "; window until ");
		mst_put_timestamp(&w, until);
	}
	mst_put_nul(&w);
	return admin_event(q, event, n->id, why);
}

/* With its registrations goes what waited for them; what its SIM has bootstrapped would be good again as soon as the node is let back. */
static int end_all(struct admin *q, const struct mst_node *n, const char *reason)
{
	int r = admin_end_credentials(q, n);
	char why[200];

	if (!r)
		r = admin_end_gba(q, n->id);
	snprintf(why, sizeof(why), "the node is %s: %s", mst_node_state_name[n->state], reason);
	return r ? r : admin_end_commands(q, n->id, why);
}

/* An open session would be told at its next request only. Said again, too: the first word is lost when engine or database go behind the commit. */
static void cut_open(struct admin *q, const struct mst_node *n)
{
	if (n->state == MST_NODE_SUSPENDED || n->state == MST_NODE_REVOKED || (n->state == MST_NODE_RELEASED && !n->leave_by))
		q->a->cut.one = n->id;
}

static int apply_act(struct admin *q, const struct mst_node *was, const struct mst_node *n, const char *reason)
{
	int r = mst_store_node_update(q->env->store, n);

	/* nothing is certified any more, and what was approved was so of the node that it was: let back, it asks anew */
	if (!r && (n->state == MST_NODE_REVOKED || n->state == MST_NODE_RELEASED))
		r = mst_store_certreq_trim(q->env->store, n->id, 0);
	/* the time that a move left is over when another begins */
	if (!r && was->leave_by && was->state != MST_NODE_RELEASED && n->leave_by != was->leave_by)
		r = admin_end_former_certs(q, n);
	if (!r && n->state == MST_NODE_RELEASED && n->leave_by)
		r = end_keys_by(q, n->id, n->leave_by);
	else if (!r && (n->state == MST_NODE_REVOKED || n->state == MST_NODE_RELEASED))
		r = end_all(q, n, reason);
	cut_open(q, n);
	return r ? r : tell_act(q, n, reason);
}

/* revoke, release, suspend, resume, reenrol */
int admin_node_act(struct admin *q)
{
	struct mst_diag d = { 0 };
	int64_t seconds = 0;
	bool has_key = false;
	char reason[128];
	struct mst_node was, n;
	int rsc, r;

	if (!admin_decode_act(q->body, q->act, reason, &seconds, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = admin_find_node(q, q->id, &n);
	if (r)
		return r < 0 ? r : admin_no_such_node(q);
	if (q->sp[0] && n.state == MST_NODE_REVOKED && strcmp(q->act, "revoke") != 0) {
		/* perhaps stolen, and revoked by who runs the whole (lesson 12); one that is released could be let back then */
		mst_diag_set(&d, 0, "id", "a revoked node is let back by the installation's own people alone", NULL);
		return admin_refuse(q, MST_RSC_NO_PRIVILEGE, &d);
	}
	r = mst_store_cred_of_node(q->env->store, MST_ROLE_MAF, n.id, uses_key, &has_key);
	if (r < 0)
		return r;
	was = n;
	switch (admin_decide_node_act(&n, q->act, reason, seconds, has_key, admin_by(q), q->env->now, &rsc, &d)) {
	case ADMIN_REFUSED:
		return rsc == MST_RSC_NO_PRIVILEGE ? admin_refuse_act(q, rsc, "node", n.id, "", &d) : admin_refuse(q, rsc, &d);
	case ADMIN_UNCHANGED:
		cut_open(q, &n);
		return admin_answer_node(q, MST_RSC_OK, &n);
	case ADMIN_DONE:
		break;
	}
	/* with a grace the clock does the same, later */
	r = n.state == MST_NODE_REVOKED || n.state == MST_NODE_RELEASED ? admin_four_certs(q, &n, NULL, NULL) : 0;
	if (r > 0)
		return 0;
	if (!r)
		r = apply_act(q, &was, &n, reason);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	return admin_answer_node(q, MST_RSC_OK, &n);
}

/* --- to another subscription --- */

/* What is over when it is with `now_with`: 0, NONE when it stays with its provider or had none, or a fault. */
static int past_of(struct admin *q, const struct mst_node *was, const struct mst_subscription *now_with, struct mst_node_past *ret)
{
	struct mst_subscription sub;
	int r = was->sub_id[0] ? mst_store_sub_get(q->env->store, was->sub_id, &sub) : MST_STORE_NONE;

	if (!r && !strcmp(sub.sp_fqdn, now_with->sp_fqdn))
		r = MST_STORE_NONE;
	if (r)
		return r;
	*ret = (struct mst_node_past){ .node = was->id, .at = q->env->now };
	memcpy(ret->sp_fqdn, sub.sp_fqdn, sizeof(ret->sp_fqdn));
	return 0;
}

static int past(struct admin *q, const struct mst_node *was, const struct mst_subscription *now_with)
{
	struct mst_node_past p;
	uint64_t last;
	int r = past_of(q, was, now_with, &p);

	if (r)
		return r < 0 ? r : 0;
	r = mst_store_event_last(q->env->store, &last);
	p.last = (int64_t)last;
	r = r ? r : mst_store_past_put(q->env->store, &p);
	/* whom the people of the one have approved, those of the next have not */
	if (!r)
		r = mst_store_certreq_trim(q->env->store, was->id, 0);
	return r > 0 ? MST_FAULT_BUG : r;
}

/* A move ends certificates, too: at its grace's end those of a former provider or name, at once what the move before it has left. */
static int four_move(struct admin *q, const struct mst_node *was, const struct mst_node *n, const struct mst_subscription *sub)
{
	struct mst_node_past p, last;
	int has_last = mst_store_past_last(q->env->store, was->id, &last), has_p = past_of(q, was, sub, &p), r;

	if (has_last < 0 || has_p < 0)
		return has_last < 0 ? has_last : has_p;
	r = admin_four_certs(q, n, n, !has_p ? &p : !has_last ? &last : NULL);
	return r || !was->leave_by ? r : admin_four_certs(q, n, was, has_last ? NULL : &last);
}

static int apply_move(struct admin *q, const struct mst_node *was, const struct mst_node *n, const struct mst_subscription *sub,
		      int64_t grace, const char *reason)
{
	char why[400];
	int r;

	snprintf(why, sizeof(why), "%.120s", reason);
	r = admin_event(q, "node.moved-away", n->id, why);
	/* still the old one's to see, so before its past ends */
	snprintf(why, sizeof(why), "the node has moved away: %.120s", reason);
	if (!r)
		r = admin_end_commands(q, n->id, why);
	if (!r && was->leave_by)
		r = admin_end_former_certs(q, was);
	if (!r)
		r = past(q, was, sub);
	/* enrolment with the old one ends at once; its keys at the MAF when the new one is in use, or the time is over; its
	   certificates then, with which it may have to come to the MEF for the new one */
	if (!r)
		r = admin_end_enrolment(q, was);
	/* what it has bootstrapped is how it would enrol: by that it has the old one's name */
	if (!r)
		r = admin_end_gba(q, n->id);
	if (!r)
		r = own_nameless(q, was);
	if (!r)
		r = end_keys_by(q, n->id, q->env->now + grace);
	if (!r)
		r = end_regs_by(q, n, q->env->now + grace);
	if (!r)
		r = mst_store_node_update(q->env->store, n);
	if (r)
		return r;
	/* what it has open is of the subscription that it has left: a cut of that one, or of its new one, must not miss it */
	q->a->cut.one = n->id;
	snprintf(why, sizeof(why), "to subscription %.120s: %.120s", sub->id, reason);
	return admin_event(q, "node.moved", n->id, why);
}

int admin_node_move(struct admin *q)
{
	struct admin_move_input in;
	struct mst_subscription sub;
	struct mst_node was, n;
	struct mst_diag d = { 0 };
	int rsc, r, known;

	if (!admin_decode_move(q->body, &in, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = admin_find_node(q, q->id, &was);
	if (r)
		return r < 0 ? r : admin_no_such_node(q);
	known = mst_store_sub_get(q->env->store, in.as.sub_id, &sub);
	if (known < 0)
		return known;
	n = was;
	switch (admin_decide_move(&n, &in.as, known ? NULL : &sub, in.grace, in.reason, q->env->now, &rsc, &d)) {
	case ADMIN_REFUSED:
		return admin_refuse(q, rsc, &d);
	case ADMIN_UNCHANGED:
		return admin_answer_node(q, MST_RSC_OK, &n);
	case ADMIN_DONE:
		break;
	}
	if (!admin_moved_name_good(q, &n, &was, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = admin_names_free(q, &n, &was, &rsc, &d);
	if (r)
		return r < 0 ? r : admin_refuse(q, rsc, &d);
	r = four_move(q, &was, &n, &sub);
	if (r > 0)
		return 0;
	if (!r)
		r = apply_move(q, &was, &n, &sub, in.grace, in.reason);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	return admin_answer_node(q, MST_RSC_OK, &n);
}

/* --- the clock --- */

struct due_subs { struct mst_subscription r[MST_CLOCK_BATCH]; size_t n; };
struct due_nodes { struct mst_node r[MST_CLOCK_BATCH]; size_t n; };

static int keep_sub(void *arg, const struct mst_subscription *r)
{
	struct due_subs *b = arg;

	b->r[b->n++] = *r;
	return 0;
}

static int keep_node(void *arg, const struct mst_node *r)
{
	struct due_nodes *b = arg;

	b->r[b->n++] = *r;
	return 0;
}

static int sub_clock(struct admin *q, struct mst_subscription *r, struct mst_clocked *c)
{
	bool over, more = false;
	const char *what = admin_decide_sub_clock(r, q->env->now, &over);
	int e = *what ? admin_event(q, what, 0, r->id) : 0;

	if (!e && over)
		e = admin_end_sub_commands(q, r, &more);
	if (over && !more)
		r->due = 0;
	if (!e && *what && over)
		e = mst_sub_number(r->id, &c->over[c->subs_ended++]);
	c->subs_near += *what && !over;
	c->more = c->more || more;
	return e ? e : mst_store_sub_put(q->env->store, r, false);
}

static int node_clock(struct admin *q, struct mst_node *n, struct mst_clocked *c)
{
	int r;

	n->leave_by = 0;
	r = mst_store_node_update(q->env->store, n);
	if (!r && n->state != MST_NODE_RELEASED)
		return admin_end_former_certs(q, n);
	if (!r)
		r = end_all(q, n, "its time to leave is over");
	c->gone[c->nodes_gone++] = n->id;
	return r ? r : admin_event(q, "node.gone", n->id, "released, and its time to leave is over");
}

int admin_clock(struct mst_role_env *env, struct mst_clocked *c)
{
	static _Thread_local struct due_subs subs;
	static _Thread_local struct due_nodes nodes;
	struct mst_answer a = { 0 };
	struct admin q = { .env = env, .a = &a, .who = "clock" };
	int r;

	subs.n = nodes.n = 0;
	r = mst_store_sub_due(env->store, env->now, MST_CLOCK_BATCH, keep_sub, &subs);
	for (size_t i = 0; i < subs.n && !r; i++)
		r = sub_clock(&q, &subs.r[i], c);
	if (!r)
		r = mst_store_node_due(env->store, env->now, MST_CLOCK_BATCH, keep_node, &nodes);
	for (size_t i = 0; i < nodes.n && !r; i++)
		r = node_clock(&q, &nodes.r[i], c);
	c->revoked = c->revoked || a.revoked;
	c->more = c->more || subs.n == MST_CLOCK_BATCH || nodes.n == MST_CLOCK_BATCH;
	return r > 0 ? MST_FAULT_BUG : r;
}
