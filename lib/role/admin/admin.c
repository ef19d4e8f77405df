/* Entry of the admin role: who may ask, routes, query, body, answer. */
#include "role/admin/admin.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define NODE_PARAMS                                                                                          \
	{                                                                                                    \
		"state", "subscription", "maker", "after", "limit"                                           \
	}
#define EVENT_PARAMS                                                                                         \
	{                                                                                                    \
		"after", "node", "attempt", "what", "role", "since", "limit", "approval"                     \
	}

/* Exact paths stand before those with {id}. */
const struct admin_route admin_routes[] = {
	{ MST_OP_CREATE, "/v1/nodes", admin_node_add, NULL, { NULL }, ADMIN_OWN_LIST },
	{ MST_OP_RETRIEVE, "/v1/nodes", admin_node_list, NULL, NODE_PARAMS, ADMIN_OWN_LIST },
	{ MST_OP_CREATE, "/v1/nodes/import", admin_node_import, NULL, { NULL }, ADMIN_OWN_LIST },
	{ MST_OP_RETRIEVE, "/v1/nodes/{id}/certificates", admin_node_certs, NULL, { NULL }, ADMIN_OWN_NODE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/certificates/revoke", admin_node_certs_revoke, NULL, { NULL }, ADMIN_OWN_NODE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/commands/cert-prov", admin_cert_prov, NULL, { NULL }, ADMIN_OWN_NODE },
	{ MST_OP_RETRIEVE, "/v1/nodes/{id}/commands", admin_command_list, NULL, { "after", "limit" }, ADMIN_OWN_NODE },
	{ MST_OP_CREATE, "/v1/commands", admin_command_add, NULL, { NULL }, ADMIN_OWN_LIST },
	{ MST_OP_RETRIEVE, "/v1/commands", admin_command_all, NULL, { "after", "limit" }, ADMIN_OWN_LIST },
	{ MST_OP_CREATE, "/v1/commands/{id}/cancel", admin_command_cancel, NULL, { NULL }, ADMIN_OWN_CMD },
	{ MST_OP_RETRIEVE, "/v1/commands/{id}", admin_command_show, NULL, { NULL }, ADMIN_OWN_CMD },
	{ MST_OP_CREATE, "/v1/certificates/{id}/revoke", admin_serial_revoke, NULL, { NULL }, ADMIN_OWN_CERT, MST_FOUR_CERTIFICATES },
	{ MST_OP_RETRIEVE, "/v1/certificate-requests", admin_certreq_list, NULL, { "state", "after", "limit" }, ADMIN_OWN_LIST },
	{ MST_OP_CREATE, "/v1/certificate-requests/{id}/approve", admin_certreq_act, "approve", { NULL }, ADMIN_OWN_ASKED },
	{ MST_OP_CREATE, "/v1/certificate-requests/{id}/reject", admin_certreq_act, "reject", { NULL }, ADMIN_OWN_ASKED },
	{ MST_OP_CREATE, "/v1/nodes/{id}/revoke", admin_node_act, "revoke", { NULL }, ADMIN_OWN_NODE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/release", admin_node_act, "release", { NULL }, ADMIN_OWN_NODE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/suspend", admin_node_act, "suspend", { NULL }, ADMIN_OWN_NODE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/resume", admin_node_act, "resume", { NULL }, ADMIN_OWN_NODE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/reenrol", admin_node_act, "reenrol", { NULL }, ADMIN_OWN_NODE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/move", admin_node_move, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/bind", admin_node_bind, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/number", admin_node_number, NULL, { NULL }, ADMIN_OWN_NODE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/trigger", admin_node_trigger, NULL, { NULL }, ADMIN_OWN_NODE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/place", admin_node_place, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_DELETE, "/v1/nodes/{id}/place", admin_node_unplace, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/nodes/{id}/secret", admin_node_secret, NULL, { "identity" }, ADMIN_WHOLE },
	{ MST_OP_RETRIEVE, "/v1/nodes/{id}", admin_node_show, NULL, { NULL }, ADMIN_OWN_NODE },
	{ MST_OP_CREATE, "/v1/certificates/revoke", admin_cert_revoke, NULL, { NULL }, ADMIN_WHOLE, MST_FOUR_CERTIFICATES },
	{ MST_OP_CREATE, "/v1/sims", admin_sim_add, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_RETRIEVE, "/v1/sims", admin_sim_list, NULL, { "state", "after", "limit" }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/sims/import", admin_sim_import, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/sims/{id}/bind", admin_sim_bind, "bind", { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/sims/{id}/unbind", admin_sim_bind, "unbind", { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/sims/{id}/suspend", admin_sim_act, "suspend", { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/sims/{id}/resume", admin_sim_act, "resume", { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/sims/{id}/remove", admin_sim_remove, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_RETRIEVE, "/v1/sims/{id}", admin_sim_show, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/subscriptions", admin_sub_add, NULL, { NULL }, ADMIN_OWN_LIST },
	{ MST_OP_RETRIEVE, "/v1/subscriptions", admin_sub_list, NULL, { "after", "limit" }, ADMIN_OWN_LIST },
	{ MST_OP_CREATE, "/v1/subscriptions/{id}/extend", admin_sub_extend, NULL, { NULL }, ADMIN_OWN_SUB },
	{ MST_OP_CREATE, "/v1/subscriptions/{id}/suspend", admin_sub_act, "suspend", { NULL }, ADMIN_OWN_SUB },
	{ MST_OP_CREATE, "/v1/subscriptions/{id}/resume", admin_sub_act, "resume", { NULL }, ADMIN_OWN_SUB },
	{ MST_OP_CREATE, "/v1/subscriptions/{id}/end", admin_sub_act, "end", { NULL }, ADMIN_OWN_SUB, MST_FOUR_SUBSCRIPTIONS },
	{ MST_OP_RETRIEVE, "/v1/subscriptions/{id}", admin_sub_show, NULL, { NULL }, ADMIN_OWN_SUB },
	{ MST_OP_RETRIEVE, "/v1/gba/sessions", admin_gba_list, NULL, { "of", "after", "limit" }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/gba/flush", admin_gba_flush, NULL, { NULL }, ADMIN_WHOLE, MST_FOUR_SUBSCRIPTIONS },
	{ MST_OP_CREATE, "/v1/rules", admin_rule_add, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_RETRIEVE, "/v1/rules", admin_rule_list, NULL, { "set", "after", "limit" }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/rules/{id}/edit", admin_rule_edit, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/rules/{id}/move", admin_rule_move, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/rules/{id}/enable", admin_rule_switch, "enable", { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/rules/{id}/disable", admin_rule_switch, "disable", { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/rules/{id}/delete", admin_rule_delete, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_RETRIEVE, "/v1/rules/{id}", admin_rule_show, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_RETRIEVE, "/v1/rule-sets", admin_rule_versions, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/rule-rollback", admin_rule_rollback, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/rule-check", admin_rule_check, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/rule-try", admin_rule_try, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/rule-replay", admin_rule_replay, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_RETRIEVE, "/v1/events", admin_event_list, NULL, EVENT_PARAMS, ADMIN_OWN_LIST },
	{ MST_OP_RETRIEVE, "/v1/events/verify", admin_event_verify, NULL, { "after", "hash", "limit" }, ADMIN_WHOLE },
	{ MST_OP_RETRIEVE, "/v1/keeper", admin_keeper_show, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_RETRIEVE, "/v1/keeper/dead", admin_keeper_dead, NULL, { "part", "after" }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/keeper/rotate", admin_keeper_rotate, NULL, { NULL }, ADMIN_WHOLE, MST_FOUR_KEEPER },
	{ MST_OP_CREATE, "/v1/keeper/finish", admin_keeper_finish, NULL, { NULL }, ADMIN_WHOLE, MST_FOUR_KEEPER },
	{ MST_OP_RETRIEVE, "/v1/events/seals", admin_seal_list, NULL, { "after" }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/events/seal", admin_seal_now, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/events/accept", admin_seal_accept, NULL, { NULL }, ADMIN_WHOLE, MST_FOUR_AUDIT },
	{ MST_OP_CREATE, "/v1/events/export", admin_event_export, NULL, { NULL }, ADMIN_WHOLE, MST_FOUR_EXPORT },
	{ MST_OP_RETRIEVE, "/v1/approvals", admin_approval_list, NULL, { "state", "after", "limit" }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/approvals/{id}/give", admin_approval_give, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_CREATE, "/v1/approvals/{id}/refuse", admin_approval_refuse, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_RETRIEVE, "/v1/approvals/{id}", admin_approval_show, NULL, { NULL }, ADMIN_WHOLE },
	{ MST_OP_RETRIEVE, "/v1/status", admin_status, NULL, { NULL }, ADMIN_WHOLE },
};
const size_t admin_routes_n = MST_COUNT(admin_routes);

static int put_content(const char *p, size_t n, void *arg)
{
	mst_put(arg, (struct mst_view){ (const uint8_t *)p, n });
	return 0;
}

int admin_answer(struct admin *q, int rsc, json_t *j)
{
	if (!j)
		return MST_FAULT_MEMORY;
	q->a->rsc = rsc;
	q->a->content.n = 0;
	if (json_dump_callback(j, put_content, &q->a->content, JSON_COMPACT))
		q->a->content.ok = false;
	json_decref(j);
	return q->a->content.ok ? 0 : MST_FAULT_MEMORY;
}

json_t *admin_error(const struct mst_diag *d)
{
	/* A text cut in the middle of a character is no UTF-8. */
	json_t *field = json_string(d->field), *text = json_string(d->text);

	return json_pack("{s:o, s:o}", "field", field ? field : json_string(""), "text",
			 text ? text : json_string("not valid"));
}

int admin_refuse(struct admin *q, int rsc, const struct mst_diag *d)
{
	return admin_answer(q, rsc, json_pack("{s:o}", "error", admin_error(d)));
}

enum mst_by admin_by(const struct admin *q)
{
	return q->sp[0] ? MST_BY_PROVIDER : MST_BY_INSTALLATION;
}

int admin_refuse_act(struct admin *q, int rsc, const char *what, int64_t node, const char *subject, const struct mst_diag *d)
{
	char event[48], why[200];
	int r;

	snprintf(event, sizeof(event), "%.20s.%.10s-refused", what, q->act);
	snprintf(why, sizeof(why), "%.150s%ssuspended by the installation", subject, *subject ? ": " : "");
	r = admin_event(q, event, node, why);
	return r ? r : admin_refuse(q, rsc, d);
}

int admin_event(struct admin *q, const char *what, int64_t node, const char *why)
{
	struct mst_event e = { .when = q->env->now, .role = "admin", .node = node };

	snprintf(e.what, sizeof(e.what), "%s", what);
	snprintf(e.who, sizeof(e.who), "%s", q->who);
	snprintf(e.why, sizeof(e.why), "%s", why);
	return mst_store_event_append(q->env->store, &e);
}

bool admin_number(const char *name, const char *text, uint64_t none, uint64_t max, uint64_t *ret_x,
		  struct mst_diag *d)
{
	char most[24];

	if (!*text) {
		*ret_x = none;
		return true;
	}
	if (mst_parse_dec(mst_view_str(text), max, ret_x) && (*ret_x || !none))
		return true;
	snprintf(most, sizeof(most), "%llu", (unsigned long long)max);
	mst_diag_set(d, 0, name, "expected a number from ", none ? "1" : "0", " to ", most, NULL);
	return false;
}

/* Does `path` follow the route? *ret_id is what stands for {id}, still percent-encoded. */
static bool follows(struct mst_view path, const char *route, struct mst_view *ret_id)
{
	const char *open = strchr(route, '{');
	size_t before = open ? (size_t)(open - route) : 0, after;

	if (!open)
		return mst_view_eq_str(path, route);
	after = strlen(open) - strlen("{id}");
	if (path.n <= before + after || memcmp(path.p, route, before) ||
	    !mst_view_ends(path, open + strlen("{id}")))
		return false;
	*ret_id = mst_view_sub(path, before, path.n - before - after);
	return true;
}

static const struct admin_route *find_route(enum mst_op op, struct mst_view path, struct mst_view *ret_id,
					    bool *ret_other_op)
{
	*ret_other_op = false;
	for (size_t i = 0; i < admin_routes_n; i++) {
		if (!follows(path, admin_routes[i].path, ret_id))
			continue;
		if (admin_routes[i].op == op)
			return &admin_routes[i];
		*ret_other_op = true;
	}
	return NULL;
}

static bool decode_text(struct mst_view v, char out[MST_ID_MAX])
{
	uint8_t raw[MST_ID_MAX];
	size_t n;

	return mst_percent_decode(v, raw, sizeof(raw), &n) && mst_utf8_valid((struct mst_view){ raw, n }) &&
	       mst_view_to_str((struct mst_view){ raw, n }, out, MST_ID_MAX);
}

static bool one_param(struct admin *q, const struct admin_route *route, struct mst_view pair,
		      struct mst_diag *d)
{
	size_t eq = mst_view_find(pair, '=');
	char known[100] = "none";
	size_t at = 0;

	for (size_t i = 0; i < ADMIN_PARAMS_MAX && route->param[i]; i++) {
		at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "",
				       route->param[i]);
		if (!mst_view_eq_str(mst_view_sub(pair, 0, eq), route->param[i]))
			continue;
		if (!q->param[i][0] && decode_text(mst_view_sub(pair, eq + 1, pair.n), q->param[i]))
			return true;
		mst_diag_set(d, 0, route->param[i], "expected once, percent-encoded, at most 255 octets",
			     NULL);
		return false;
	}
	mst_diag_set(d, 0, "query", "unknown parameter; known here are: ", known, NULL);
	return false;
}

static bool read_query(struct admin *q, const struct admin_route *route, struct mst_view query,
		       struct mst_diag *d)
{
	while (query.n) {
		size_t end = mst_view_find(query, '&');

		if (end && !one_param(q, route, mst_view_sub(query, 0, end), d))
			return false;
		query = mst_view_sub(query, end + 1, query.n);
	}
	return true;
}

/* A POST without content means an empty object. 0 with the answer made, 1, or a fault. */
static int read_body(struct admin *q, struct mst_view content)
{
	json_error_t e;
	struct mst_diag d = { 0 };
	char where[64];

	q->body = content.n ? mst_json_read((const char *)content.p, content.n, JSON_REJECT_DUPLICATES, &e) : json_object();
	if (json_is_object(q->body))
		return 1;
	if (!q->body && (!content.n || mst_json_no_memory(&e)))
		return MST_FAULT_MEMORY;
	if (q->body) {
		mst_diag_set(&d, 0, "body", "expected a JSON object", NULL);
	} else {
		snprintf(where, sizeof(where), "%d, column %d", e.line, e.column);
		mst_diag_set(&d, 0, "body", "expected JSON; it goes wrong at line ", where, NULL);
	}
	return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
}

static int not_permitted(struct admin *q)
{
	struct mst_diag d;
	int r = admin_event(q, "admin.refused", 0, "not the user of this installation, nor of a provider of it");

	mst_diag_set(&d, 0, "", "only the user that runs this installation and root may ask, on the local socket, and people of "
		     "admin.providers for their provider", NULL);
	return r ? r : admin_refuse(q, MST_RSC_NO_PRIVILEGE, &d);
}

/* A provider's own people have nobody else of theirs here; the installation's, whoever they speak for, have. */
bool admin_wants_second(const struct admin *q, enum mst_four of)
{
	return of && q->env->conf && q->env->conf->four.of & (1u << of) && !q->approved && admin_own_people(q, &q->x->peer);
}

int admin_serve(struct admin *q, const struct mst_exchange *x)
{
	struct mst_view path = x->request.to, query = x->http_query, id = MST_VIEW_NONE;
	size_t mark = mst_view_find(path, '?');
	const struct admin_route *route;
	struct mst_diag d = { 0 };
	bool other_op;
	int r;

	if (!query.n)
		query = mst_view_sub(path, mark + 1, path.n);
	path = mst_view_sub(path, 0, mark);
	if (!admin_scope_take(q, &x->peer, &path))
		return not_permitted(q);
	route = find_route(x->request.op, path, &id, &other_op);
	if (!route) {
		mst_diag_set(&d, 0, other_op ? "method" : "path",
			     other_op ? "this path does not take this method"
				      : "there is nothing at this path; the API is described in openapi.yaml",
			     NULL);
		return admin_refuse(q, other_op ? MST_RSC_OPERATION_NOT_ALLOWED : MST_RSC_NOT_FOUND, &d);
	}
	if (id.n && !decode_text(id, q->id)) {
		mst_diag_set(&d, 0, "id", "expected percent-encoded text of at most 255 octets", NULL);
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	}
	q->act = route->act;
	r = admin_scope_check(q, route);
	if (r)
		return r < 0 ? r : 0;
	if (!read_query(q, route, query, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = route->op == MST_OP_CREATE ? read_body(q, x->request.content) : 1;
	if (r <= 0)
		return r;
	return admin_wants_second(q, route->four) ? admin_four_ask(q) : route->handle(q);
}

static int handle(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a)
{
	struct admin q = { .env = env, .a = a, .x = x };
	int r;

	snprintf(q.who, sizeof(q.who), "uid %u", x->peer.uid);
	r = admin_serve(&q, x);
	json_decref(q.body);
	return r;
}

/* A local socket: no certificates, no keys, no handshake that could fail. */
const struct mst_role_ops mst_role_admin = {
	.role = MST_ROLE_ADMIN,
	.primitives = false,
	.handle = handle,
	.list = admin_list,
	.clock = admin_clock,
};
