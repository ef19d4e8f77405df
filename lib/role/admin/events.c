/* /v1/events and /v1/status */
#include <string.h>

#include "base/text.h"

#include "role/admin/admin.h"

enum { EV_AFTER, EV_NODE, EV_ATTEMPT, EV_WHAT, EV_ROLE, EV_SINCE, EV_LIMIT, EV_APPROVAL };

#define DAY INT64_C(86400)          /* what is shown without leave where a copy wants two persons */
#define SET_BACK INT64_C(3600)      /* by which a clock may have been set back before entries are missed (find_start) */

#define NO_NODE (-1)

/* What no index of the log serves: it is compared here, with a page of entries at most. */
struct wanted { const char *what, *role; mst_time since; };

struct event_page {
	struct admin *q;
	struct wanted want;
	json_t *list;
	size_t size, left, looked;
	mst_time open_since;               /* of what is older only number and hash are told */
	uint64_t last;                     /* looked at */
	bool more;
};

/* Enough to see that the chain is whole (muster audit verify). */
static json_t *withheld(const struct mst_event *e)
{
	struct mst_event shown = { .seq = e->seq, .when = e->when, .role = "-", .what = "-", .why = "older than a day: a copy wants a second person (four_eyes.export)" };
	json_t *j;

	memcpy(shown.hash, e->hash, sizeof(shown.hash));
	j = admin_json_event(&shown);
	if (j && !json_object_set_new(j, "withheld", json_true()))
		return j;
	json_decref(j);
	return NULL;
}

static bool is_wanted(const struct wanted *w, const struct mst_event *e)
{
	return e->when >= w->since && (!*w->role || !strcmp(e->role, w->role)) && !strncmp(e->what, w->what, strlen(w->what));
}

static int keep_event(void *arg, const struct mst_event *e)
{
	struct event_page *p = arg;
	bool own = false;
	json_t *j;
	int r = 0;

	/* a page has an end, whatever lies between two that are listed */
	p->more = p->looked++ == ADMIN_LOOKED_MOST;
	if (!p->more && is_wanted(&p->want, e))
		r = admin_owns_event(p->q, e, &own);
	p->more = p->more || (own && (!p->left || p->size > ADMIN_ANSWER_FULL));
	if (r || p->more)
		return r ? r : 1;
	p->last = e->seq;
	if (!own)
		return 0;
	j = e->when < p->open_since ? withheld(e) : admin_json_event(e);
	p->size += j ? admin_json_size(j) : 0;
	p->left--;
	return json_array_append_new(p->list, j) ? MST_FAULT_MEMORY : 0;
}

static int keep_when(void *arg, const struct mst_event *e)
{
	*(mst_time *)arg = e->when;
	return 0;
}

/*
 * The entry behind which those of a time begin, not before *at: by halving, as times rise along the log. They do not where the clock was set
 * back, so what is found is the beginning of an hour before.
 */
static int find_start(struct admin *q, mst_time since, uint64_t newest, uint64_t *at)
{
	uint64_t old = *at, young = newest, i = *at + 1;

	while (old < young) {
		struct mst_event_filter f = { .after = i - 1, .limit = 1 };
		mst_time when = 0;
		int r = mst_store_event_list(q->env->store, &f, keep_when, &when);

		if (r < 0)
			return r;
		if (when < since - SET_BACK)
			old = i;
		else
			young = i - 1;
		i = old + (young - old + 1) / 2;
	}
	*at = old;
	return 0;
}

/* Is it the provider's, or was it once? */
static int was_owned(struct admin *q, int64_t node, bool *ret_own)
{
	struct mst_node_past past = { .last = 0 };
	int r = admin_owns_node_id(q, node, ret_own);

	while (!r && !*ret_own) {
		r = mst_store_past_find(q->env->store, node, (uint64_t)past.last + 1, &past);
		*ret_own = !r && mst_id_equal(MST_ID_FQDN, mst_view_str(q->sp), mst_view_str(past.sp_fqdn));
	}
	return r < 0 ? r : 0;
}

/* 0 with the node's number, MST_STORE_NONE, or a fault. A node that does not exist has no events. */
static int node_of(struct admin *q, const char *name, int64_t *ret)
{
	bool own = true;
	struct mst_node n;
	int r = admin_find_node(q, name, &n);

	if (!r && q->sp[0])
		r = was_owned(q, n.id, &own);
	if (r == MST_STORE_NONE && q->sp[0]) {
		own = false;
		r = 0;
	}
	/* whether there is one of another provider is not told either, nor by where a page of its entries ends */
	if (!r)
		*ret = own ? n.id : NO_NODE;
	return r;
}

/* 0, or a fault; *ret_ok false with `d` when a parameter is wrong. */
static int event_filter(struct admin *q, struct mst_event_filter *f, struct wanted *w, bool *ret_ok, struct mst_diag *d)
{
	uint64_t limit = 0;
	int r;

	*ret_ok = false;
	*w = (struct wanted){ .what = q->param[EV_WHAT], .role = q->param[EV_ROLE] };
	*f = (struct mst_event_filter){ .attempt = q->param[EV_ATTEMPT] };
	if (!admin_number("after", q->param[EV_AFTER], 0, INT64_MAX, &f->after, d) ||
	    !admin_number("limit", q->param[EV_LIMIT], ADMIN_PAGE, ADMIN_PAGE_MAX, &limit, d))
		return 0;
	f->limit = (size_t)limit;
	if (q->param[EV_SINCE][0] && !mst_parse_timestamp(mst_view_str(q->param[EV_SINCE]), &w->since)) {
		mst_diag_set(d, 0, "since", "expected a UTC time like 20270131T235959", NULL);
		return 0;
	}
	r = q->param[EV_NODE][0] ? node_of(q, q->param[EV_NODE], &f->node) : 0;
	if (r == MST_STORE_NONE)
		mst_diag_set(d, 0, "node", "there is no such node; expected an M2M-Node-ID, a CSE-ID, an AE-ID or a node's number", NULL);
	*ret_ok = !r;
	return r < 0 ? r : 0;
}

/* One page, behind f->after. */
static int list_events(struct admin *q, struct mst_event_filter *f, uint64_t newest, struct event_page *p)
{
	struct mst_event_anchor anchor;
	uint64_t from;
	json_t *j;
	int r = mst_store_event_anchor(q->env->store, &anchor);

	if (r)
		return r;
	from = f->after > anchor.seq ? f->after : anchor.seq;
	if (p->want.since)
		r = find_start(q, p->want.since, newest, &from);
	if (r)
		return r;
	p->last = f->after = from;
	f->limit = q->sp[0] || p->want.since || *p->want.what || *p->want.role ? ADMIN_LOOKED_MOST + 1 : f->limit + 1;
	p->list = json_array();
	r = mst_store_event_list(q->env->store, f, keep_event, p);
	if (r < 0) {
		json_decref(p->list);
		return r;
	}
	/* Where to go on: behind this page, or when it was the last one behind everything that was looked at. */
	j = json_pack("{s:o, s:o, s:b, s:I}", "anchor", admin_json_anchor(&anchor), "events", p->list, "more", p->more, "last",
		      (json_int_t)(p->more || newest < from ? p->last : newest));
	return admin_answer(q, MST_RSC_OK, j);
}

int admin_event_list(struct admin *q)
{
	struct event_page p = { .q = q };
	struct mst_event_filter f;
	struct mst_diag d;
	uint64_t newest;
	bool ok, all = true;
	int r = event_filter(q, &f, &p.want, &ok, &d);

	if (!r && ok) {
		d.text[0] = '\0';
		r = admin_export_allowed(q, q->param[EV_APPROVAL], &all, &d);
		ok = !d.text[0];
	}
	if (r)
		return r;
	if (!ok)
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	p.left = f.limit;
	p.open_since = all ? 0 : q->env->now - DAY;
	/* which of the withheld ones a filter picks out would tell what they are, and a provider's name is one */
	if ((f.node || *f.attempt || *p.want.what || *p.want.role || q->sp[0]) && p.want.since < p.open_since)
		p.want.since = p.open_since;
	/* Before the list: what is written in between then comes with the next page. */
	r = mst_store_event_last(q->env->store, &newest);
	return r ? r : list_events(q, &f, newest, &p);
}

int admin_status(struct admin *q)
{
	int64_t count[MST_NODE_RELEASED + 1];
	json_t *nodes, *roles;
	struct admin_revoked revoked = { .listed = 0 };
	struct mst_event_span log;
	int64_t wild = 0;
	int r = mst_store_node_count(q->env->store, count);

	if (!r)
		r = mst_store_event_span(q->env->store, &log);
	if (!r)
		r = mst_store_identity_count_wild(q->env->store, &wild);
	if (!r)
		r = admin_revoked_count(q->env, NULL, &revoked);
	if (r)
		return r;
	nodes = json_object();
	roles = json_array();
	for (int i = 0; i <= MST_NODE_RELEASED; i++)
		(void)json_object_set_new(nodes, mst_node_state_name[i], json_integer(count[i]));
	for (unsigned i = MST_ROLE_BBN; i < MST_ROLE__COUNT; i++)
		if (q->env->conf && q->env->conf->roles_played & 1u << i)
			(void)json_array_append_new(roles, json_string(mst_role_name[i]));
	return admin_answer(q, MST_RSC_OK,
			    json_pack("{s:s, s:o, s:o, s:o, s:i, s:I, s:I, s:I, s:o*, s:I, s:I, s:I, s:I, s:I}", "version",
				      MST_VERSION, "roles", roles, "nodes", nodes, "time",
				      admin_json_time(q->env->now), "schema", mst_store_version(q->env->store),
				      "lastEvent", (json_int_t)log.last, "firstEvent", (json_int_t)log.first,
				      "events", (json_int_t)(log.last ? log.last - log.first + 1 : 0), "oldestEvent",
				      log.oldest > 0 ? admin_json_time(log.oldest) : NULL, "storeOctets",
				      (json_int_t)log.octets, "makers", (json_int_t)(q->env->conf ? q->env->conf->makers.n : 0),
				      "unboundNames", (json_int_t)wild, "revokedListed", (json_int_t)revoked.listed,
				      "revokedUnlisted", (json_int_t)revoked.unlisted));
}
