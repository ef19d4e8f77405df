/* /v1/events and /v1/status */
#include <string.h>

#include "base/text.h"

#include "role/admin/admin.h"

enum { EV_AFTER, EV_NODE, EV_ATTEMPT, EV_WHAT, EV_ROLE, EV_SINCE, EV_LIMIT, EV_APPROVAL };

#define DAY INT64_C(86400)          /* what is shown without leave where a copy wants two persons */

#define NO_NODE (-1)
#define SCANNED_MOST 5000          /* of others, in one page of a provider's */

struct event_page {
	struct admin *q;
	size_t scanned;
	json_t *list;
	size_t size, left;
	mst_time open_since;               /* of what is older only number and hash are told */
	uint64_t last;
	bool more;
};

/* Enough to see that the chain is whole (muster audit verify). */
static json_t *withheld(const struct mst_event *e)
{
	char hex[2 * MST_SHA256_LEN + 1];
	struct mst_writer w = mst_writer_of(hex, sizeof(hex));

	mst_put_hex(&w, (struct mst_view){ e->hash, sizeof(e->hash) });
	mst_put_nul(&w);
	return json_pack("{s:I, s:o, s:s, s:s, s:s, s:b}", "seq", (json_int_t)e->seq, "when", admin_json_time(e->when), "hash", hex, "what", "-", "why",
			 "older than a day: a copy wants a second person (four_eyes.export)", "withheld", 1);
}

static int keep_event(void *arg, const struct mst_event *e)
{
	struct event_page *p = arg;
	bool own;
	json_t *j;
	int r = admin_owns_event(p->q, e, &own);

	if (r)
		return r;
	if (!own) {
		/* a page has an end, whatever of others lies in between */
		p->more = ++p->scanned > SCANNED_MOST;
		p->last = e->seq;
		return p->more;
	}
	if (!p->left || p->size > ADMIN_ANSWER_FULL) {
		p->more = true;
		return 1;
	}
	j = e->when < p->open_since ? withheld(e) : admin_json_event(e);
	p->size += j ? admin_json_size(j) : 0;
	p->left--;
	p->last = e->seq;
	return json_array_append_new(p->list, j) ? MST_FAULT_MEMORY : 0;
}

/* 0, or a fault; *ret_ok false with `d` when a parameter is wrong. A node that does not exist has no events.
 */
static int event_filter(struct admin *q, struct mst_event_filter *f, bool *ret_ok, struct mst_diag *d)
{
	struct mst_node n;
	uint64_t limit = 0;
	int r = 0;

	*ret_ok = false;
	*f = (struct mst_event_filter){ .attempt = q->param[EV_ATTEMPT],
					.what_prefix = q->param[EV_WHAT],
					.role = q->param[EV_ROLE] };
	if (!admin_number("after", q->param[EV_AFTER], 0, INT64_MAX, &f->after, d) ||
	    !admin_number("limit", q->param[EV_LIMIT], ADMIN_PAGE, ADMIN_PAGE_MAX, &limit, d))
		return 0;
	f->limit = (size_t)limit;
	if (q->param[EV_SINCE][0] && !mst_parse_timestamp(mst_view_str(q->param[EV_SINCE]), &f->since)) {
		mst_diag_set(d, 0, "since", "expected a UTC time like 20270131T235959", NULL);
		return 0;
	}
	if (q->param[EV_NODE][0]) {
		r = admin_find_node(q, q->param[EV_NODE], &n);
		if (r == MST_STORE_NONE && q->sp[0]) {
			/* as for a node of another provider: whether that exists is not told either */
			n.id = NO_NODE;
			r = 0;
		}
		if (r == MST_STORE_NONE)
			mst_diag_set(
				d, 0, "node",
				"there is no such node; expected an M2M-Node-ID, a CSE-ID, an AE-ID or a node's number",
				NULL);
		if (r)
			return r < 0 ? r : 0;
		f->node = n.id;
	}
	*ret_ok = true;
	return 0;
}

int admin_event_list(struct admin *q)
{
	struct event_page p = { 0 };
	struct mst_event_anchor anchor;
	struct mst_event_filter f;
	struct mst_diag d;
	uint64_t newest;
	bool ok, all = true;
	int r = event_filter(q, &f, &ok, &d);

	if (!r && ok) {
		d.text[0] = '\0';
		r = admin_export_allowed(q, q->param[EV_APPROVAL], &all, &d);
		ok = !d.text[0];
	}
	if (r)
		return r;
	if (!ok)
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	/* Before the list: what is written in between then comes with the next page. */
	r = mst_store_event_last(q->env->store, &newest);
	if (!r)
		r = mst_store_event_anchor(q->env->store, &anchor);
	if (r)
		return r;
	p = (struct event_page){ .q = q, .list = json_array(), .left = f.limit, .open_since = all ? 0 : q->env->now - DAY };
	/* which of the withheld ones a filter picks out would tell what they are, and a provider's name is one */
	if ((f.node || *f.attempt || *f.what_prefix || *f.role || q->sp[0]) && f.since < p.open_since)
		f.since = p.open_since;
	f.limit = q->sp[0] ? 0 : f.limit + 1;
	r = mst_store_event_list(q->env->store, &f, keep_event, &p);
	if (r < 0) {
		json_decref(p.list);
		return r;
	}
	/* Where to go on: behind this page, or when it was the last one behind everything that was looked at.
	 */
	return admin_answer(q, MST_RSC_OK,
			    json_pack("{s:o, s:o, s:I}", "anchor", admin_json_anchor(&anchor), "events", p.list, "last",
				      (json_int_t)(p.more             ? p.last
						   : newest > f.after ? newest
								      : f.after)));
}

int admin_status(struct admin *q)
{
	int64_t count[MST_NODE_RELEASED + 1];
	json_t *nodes, *roles;
	struct mst_event_span log;
	int64_t wild = 0;
	int r = mst_store_node_count(q->env->store, count);

	if (!r)
		r = mst_store_event_span(q->env->store, &log);
	if (!r)
		r = mst_store_identity_count_wild(q->env->store, &wild);
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
			    json_pack("{s:s, s:o, s:o, s:o, s:i, s:I, s:I, s:I, s:o*, s:I, s:I, s:I}", "version",
				      MST_VERSION, "roles", roles, "nodes", nodes, "time",
				      admin_json_time(q->env->now), "schema", mst_store_version(q->env->store),
				      "lastEvent", (json_int_t)log.last, "firstEvent", (json_int_t)log.first,
				      "events", (json_int_t)(log.last ? log.last - log.first + 1 : 0), "oldestEvent",
				      log.oldest > 0 ? admin_json_time(log.oldest) : NULL, "storeOctets",
				      (json_int_t)log.octets, "makers", (json_int_t)(q->env->conf ? q->env->conf->makers.n : 0),
				      "unboundNames", (json_int_t)wild));
}
