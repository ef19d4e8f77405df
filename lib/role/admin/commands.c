/* Commands for nodes (TS-0003 8.3.9): given to one or many, listed with what became of them, taken back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/managed.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"

static json_t *when(mst_time t)
{
	return t ? admin_json_time(t) : json_null();
}

static const char *type_text(const struct mst_command *m)
{
	static const int64_t types[] = { 0, MST_MGMT_AUTH_PROFILE, MST_MGMT_TRUST_ANCHOR, MST_MGMT_MAF_REG };

	return m->class_id == MST_CMD_MO_NODE && m->number > 0 && m->number < 4 ? mst_mgmt_text(types[m->number]) : "";
}

static json_t *json_command(struct admin *q, const struct mst_command *m)
{
	static const char *const kinds[] = { "", "node", "cse", "ae" };
	bool cert = m->class_id == MST_CMD_CERT_PROV, object = m->class_id == MST_CMD_MO_NODE;
	struct mst_node n;

	return json_pack("{s:I, s:o, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:o}", "id", (json_int_t)m->id,
			 "node", mst_store_node_get(q->env->store, m->node, &n) ? json_null() : json_string(n.node_id), "class", m->class_id,
			 "name", mst_cmd_class_text(m->class_id), "state", mst_command_state_name[m->state], "uri", object ? "" : m->uri,
			 "subjectType", cert && m->kind > 0 && m->kind < 4 ? kinds[m->kind] : "", "subject", m->subject, "path", object ? m->uri : "",
			 "type", type_text(m), "SUID", (json_int_t)(object ? m->kind : 0), "target", m->target, "adminFQDN", m->admin_fqdn, "cmdID",
			 m->cmd_id, "status", (json_int_t)m->status, "words", m->status ? mst_cmd_status_text(m->status) : "", "created",
			 admin_json_time(m->created), "issued", when(m->issued), "ended", when(m->ended));
}

static int no_such(struct admin *q)
{
	struct mst_diag d;

	mst_diag_set(&d, 0, "id", "there is no such command; expected its number (muster command list)", NULL);
	return admin_refuse(q, MST_RSC_NOT_FOUND, &d);
}

/* --- adding --- */

static int count_open(void *arg, const struct mst_command *m)
{
	*(size_t *)arg += m->state == MST_COMMAND_WAITING || m->state == MST_COMMAND_ISSUED;
	return 0;
}

static int add_step(struct admin *q, const struct mst_command *m, enum mst_command_step_what what)
{
	struct mst_command_step s = { .command = m->id, .at = q->env->now, .what = what };

	snprintf(s.cmd_id, sizeof(s.cmd_id), "%s", m->cmd_id);
	return mst_store_command_step_add(q->env->store, &s);
}

static int put_objects(struct admin *q, const struct mst_command *m, const char *content)
{
	static _Thread_local struct mst_device_config c;

	c.node = m->node;
	c.changed = q->env->now;
	snprintf(c.admin_fqdn, sizeof(c.admin_fqdn), "%s", m->admin_fqdn);
	snprintf(c.content, sizeof(c.content), "%s", content);
	return mst_store_device_config_put(q->env->store, &c);
}

static void words_of(const struct mst_command *m, char *out, size_t cap)
{
	const char *what = m->class_id == MST_CMD_CERT_PROV ? m->subject : m->uri;

	snprintf(out, cap, "%s, %.160s (command %lld)", mst_cmd_class_text(m->class_id), what, (long long)m->id);
}

/* One command for one node: 0 with *ret, ADMIN_REFUSED with *ret_rsc and `d`, or a fault. */
static int add_one(struct admin *q, const char *id, const struct admin_command_input *in, struct mst_command *ret, int *ret_rsc,
		   struct mst_diag *d)
{
	struct mst_subscription sub;
	struct mst_node n;
	char why[256];
	size_t open = 0;
	bool own = true;
	int r = admin_find_node(q, id, &n), s;

	if (!r)
		r = admin_owns_node(q, &n, &own);
	if (r || !own) {
		mst_diag_set(d, 0, "id", "there is no such node; expected an M2M-Node-ID, a CSE-ID or a node's number", NULL);
		*ret_rsc = MST_RSC_NOT_FOUND;
		return r < 0 ? r : ADMIN_REFUSED;
	}
	s = n.sub_id[0] ? mst_store_sub_get(q->env->store, n.sub_id, &sub) : MST_STORE_NONE;
	if (s < 0)
		return s;
	r = mst_store_command_list(q->env->store, n.id, 0, 0, count_open, &open);
	if (r < 0)
		return r;
	if (admin_decide_command(&n, s ? NULL : &sub, in, q->env->conf, open, q->env->now, ret, ret_rsc, d) == ADMIN_REFUSED)
		return ADMIN_REFUSED;
	r = mst_store_command_insert(q->env->store, ret);
	if (!r)
		r = mst_store_command_trim(q->env->store, n.id, ADMIN_COMMANDS_MAX);
	if (!r)
		r = add_step(q, ret, MST_STEP_ADDED);
	if (!r && in->objects)
		r = put_objects(q, ret, in->objects);
	words_of(ret, why, sizeof(why));
	if (!r)
		r = admin_event(q, "command.added", n.id, why);
	return r > 0 ? MST_FAULT_BUG : r;
}

int admin_cert_prov(struct admin *q)
{
	struct admin_command_input in;
	struct mst_diag d = { 0 };
	struct mst_command m = { 0 };
	int rsc = MST_RSC_BAD_REQUEST, r;

	if (!admin_decode_cert_prov(q->body, &in, &d))
		return admin_refuse(q, rsc, &d);
	r = add_one(q, q->id, &in, &m, &rsc, &d);
	return r < 0 ? r : r ? admin_refuse(q, rsc, &d) : admin_answer(q, MST_RSC_CREATED, json_command(q, &m));
}

/*
 * The document as nodes will be given it. What is written here is read back by the same table there, so nothing that a
 * node could not read ever waits for one.
 */
static bool make_document(const json_t *objects, char out[MST_DEVICE_CONFIG_MAX], struct mst_diag *d)
{
	json_t *whole = json_pack("{s:O}", "objects", objects);
	char *text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
	struct mst_objects *o = calloc(1, sizeof(*o));
	uint8_t *room = malloc(MST_OBJECTS_OCTETS);
	struct mst_arena arena = mst_arena_of(room, room ? MST_OBJECTS_OCTETS : 0);
	struct mst_writer w = mst_writer_of(out, MST_DEVICE_CONFIG_MAX);
	bool good = false;

	if (text && o && room && strlen(text) < MST_OBJECTS_OCTETS &&
	    mst_msg_read_json(&mst_objects_msg, MST_PROFILE_LONG, mst_view_str(text), &arena, o, d) == 0 && mst_objects_check(o, true, d) == 0) {
		mst_msg_write_json(&mst_objects_msg, MST_PROFILE_LONG, o, &w);
		mst_put_nul(&w);
		good = w.ok;
	}
	if (!good && !d->text[0])
		mst_diag_set(d, 0, "objects", "longer than 12287 octets", NULL);
	json_decref(whole);
	free(text);
	free(o);
	free(room);
	return good;
}

/* All or none: the place of the bad one is told. */
static int add_all(struct admin *q, const json_t *nodes, const struct admin_command_input *in, json_t *list, int *ret_rsc, struct mst_diag *d)
{
	struct mst_command m = { 0 };
	json_t *one;
	size_t i;

	json_array_foreach((json_t *)nodes, i, one) {
		const char *id = json_string_value(one);
		char field[96];
		int r;

		if (!id) {
			mst_diag_set(d, 0, "nodes", "expected identifiers of nodes, as texts", NULL);
			*ret_rsc = MST_RSC_BAD_REQUEST;
			return ADMIN_REFUSED;
		}
		r = add_one(q, id, in, &m, ret_rsc, d);
		if (r == ADMIN_REFUSED && json_array_size(nodes) > 1) {
			snprintf(field, sizeof(field), "nodes[%zu].%.60s", i, d->field);
			memcpy(d->field, field, sizeof(d->field));
		}
		if (r)
			return r;
		if (json_array_append_new(list, json_command(q, &m)))
			return MST_FAULT_MEMORY;
	}
	return 0;
}

int admin_command_add(struct admin *q)
{
	static _Thread_local char document[MST_DEVICE_CONFIG_MAX];
	json_t *nodes = NULL, *objects = NULL, *list;
	struct admin_command_input in;
	struct mst_diag d = { 0 };
	int rsc = MST_RSC_BAD_REQUEST, r;

	if (!admin_decode_command(q->body, &in, &nodes, &objects, &d) || (objects && !make_document(objects, document, &d)))
		return admin_refuse(q, rsc, &d);
	in.objects = objects ? document : NULL;
	list = json_array();
	r = mst_store_mark(q->env->store);
	if (!r) {
		r = add_all(q, nodes, &in, list, &rsc, &d);
		if (!r)
			r = mst_store_release(q->env->store);
		if (r)
			mst_store_undo(q->env->store);
	}
	if (!r)
		return admin_answer(q, MST_RSC_CREATED, json_pack("{s:o}", "commands", list));
	json_decref(list);
	return r < 0 ? r : admin_refuse(q, rsc, &d);
}

/* --- looking --- */

struct list { struct admin *q; json_t *j; size_t left, size, looked; int64_t last; bool more; };

static int keep_command(void *arg, const struct mst_command *m)
{
	struct list *l = arg;
	bool own = false;
	json_t *j;
	int r = 0;

	l->more = l->looked++ == ADMIN_LOOKED_MOST;
	if (!l->more)
		r = admin_owns_since(l->q, m->node, m->created, &own);
	l->more = l->more || (own && (!l->left || l->size > ADMIN_ANSWER_FULL));
	if (r || l->more)
		return r ? r : 1;
	l->last = m->id;
	if (!own)
		return 0;
	l->left--;
	j = json_command(l->q, m);
	l->size += j ? admin_json_size(j) : 0;
	return json_array_append_new(l->j, j) ? MST_FAULT_MEMORY : 0;
}

static int list_commands(struct admin *q, int64_t node)
{
	enum { AFTER, LIMIT };
	struct list l = { .q = q };
	uint64_t after, limit;
	struct mst_diag d;
	json_t *j;
	int r;

	if (!admin_number("after", q->param[AFTER], 0, INT64_MAX, &after, &d) ||
	    !admin_number("limit", q->param[LIMIT], ADMIN_PAGE, ADMIN_PAGE_MAX, &limit, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	l.j = json_array();
	l.left = (size_t)limit;
	r = mst_store_command_list(q->env->store, node, (int64_t)after, q->sp[0] ? ADMIN_LOOKED_MOST + 1 : (size_t)limit + 1, keep_command, &l);
	if (r < 0) {
		json_decref(l.j);
		return r;
	}
	j = json_pack("{s:o}", "commands", l.j);
	if (j && l.more && json_object_set_new(j, "next", json_integer(l.last))) {
		json_decref(j);
		j = NULL;
	}
	return admin_answer(q, MST_RSC_OK, j);
}

int admin_command_list(struct admin *q)
{
	struct mst_node n;
	int r = admin_find_node(q, q->id, &n);

	return r < 0 ? r : r ? admin_no_such_node(q) : list_commands(q, n.id);
}

int admin_command_all(struct admin *q)
{
	return list_commands(q, 0);
}

static int keep_step(void *arg, const struct mst_command_step *s)
{
	json_t *j = json_pack("{s:o, s:s, s:s, s:I, s:s, s:I}", "at", admin_json_time(s->at), "what", mst_command_step_name[s->what], "cmdID",
			      s->cmd_id, "status", (json_int_t)s->status, "words", s->status ? mst_cmd_status_text(s->status) : "", "times",
			      (json_int_t)s->times);

	return json_array_append_new(arg, j) ? MST_FAULT_MEMORY : 0;
}

static int find(struct admin *q, struct mst_command *ret)
{
	uint64_t id;

	return mst_parse_dec(mst_view_str(q->id), INT64_MAX, &id) ? mst_store_command_get(q->env->store, (int64_t)id, ret) : MST_STORE_NONE;
}

static int answer_one(struct admin *q, const struct mst_command *m)
{
	json_t *j = json_command(q, m), *steps = json_array();
	int r = mst_store_command_step_list(q->env->store, m->id, keep_step, steps);

	if (r < 0 || json_object_set_new(j, "history", steps)) {
		json_decref(j);
		return r < 0 ? r : MST_FAULT_MEMORY;
	}
	return admin_answer(q, MST_RSC_OK, j);
}

int admin_command_show(struct admin *q)
{
	struct mst_command m;
	int r = find(q, &m);

	return r < 0 ? r : r ? no_such(q) : answer_one(q, &m);
}

static int put_cancelled(struct admin *q, const struct mst_command *m, const char *reason)
{
	char why[400];
	int r = mst_store_command_update(q->env->store, m);

	snprintf(why, sizeof(why), "%s, command %lld%s%.300s", mst_cmd_class_text(m->class_id), (long long)m->id, reason[0] ? ": " : "", reason);
	if (!r)
		r = add_step(q, m, MST_STEP_CANCELLED);
	return r ? r : admin_event(q, "command.cancelled", m->node, why);
}

/* One that is out may be carried out all the same: its report is then written down and changes nothing. */
int admin_command_cancel(struct admin *q)
{
	struct mst_diag d = { 0 };
	struct mst_command m;
	char reason[128];
	int rsc, r;

	if (!admin_decode_reason(q->body, false, reason, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = find(q, &m);
	if (r)
		return r < 0 ? r : no_such(q);
	switch (admin_decide_cancel(&m, q->env->now, &rsc, &d)) {
	case ADMIN_REFUSED: return admin_refuse(q, rsc, &d);
	case ADMIN_UNCHANGED: return answer_one(q, &m);
	case ADMIN_DONE: break;
	}
	r = put_cancelled(q, &m, reason);
	return r ? (r < 0 ? r : MST_FAULT_BUG) : answer_one(q, &m);
}

/* Open ones, a batch at a time: what a list shows is changed only after the list. */
struct open_ones { struct mst_command m[16]; size_t n; };

static int keep_open(void *arg, const struct mst_command *m)
{
	struct open_ones *o = arg;

	if (m->state == MST_COMMAND_WAITING || m->state == MST_COMMAND_ISSUED)
		o->m[o->n++] = *m;
	return o->n == MST_COUNT(o->m);
}

static int end_them(struct admin *q, struct open_ones *o, const char *why)
{
	struct mst_diag d;
	int rsc, r = 0;

	for (size_t i = 0; i < o->n && !r; i++)
		if (admin_decide_cancel(&o->m[i], q->env->now, &rsc, &d) == ADMIN_DONE)
			r = put_cancelled(q, &o->m[i], why);
	return r;
}

int admin_end_commands(struct admin *q, int64_t node, const char *why)
{
	struct open_ones o;
	int64_t after = 0;
	int r;

	do {
		o.n = 0;
		r = mst_store_command_list(q->env->store, node, after, 0, keep_open, &o);
		if (r >= 0)
			r = end_them(q, &o, why);
		after = o.n ? o.m[o.n - 1].id : 0;
	} while (r >= 0 && o.n == MST_COUNT(o.m));
	if (r >= 0)
		r = mst_store_device_config_drop(q->env->store, node);
	if (!r)
		r = admin_event(q, "device-config.dropped", node, why);
	return r < 0 ? r : 0;
}

int admin_end_sub_commands(struct admin *q, const struct mst_subscription *r, bool *ret_more)
{
	struct open_ones o;
	char why[300];
	int e = 0;

	snprintf(why, sizeof(why), "subscription %.200s has %s", r->id, r->state == MST_SUB_ENDED ? "ended" : "expired");
	*ret_more = true;
	for (size_t done = 0; done < MST_CLOCK_BATCH && *ret_more && e >= 0; done += MST_COUNT(o.m)) {
		o.n = 0;
		e = mst_store_command_open(q->env->store, r->id, MST_COUNT(o.m), keep_open, &o);
		if (e >= 0)
			e = end_them(q, &o, why);
		*ret_more = o.n == MST_COUNT(o.m);
	}
	return e < 0 ? e : e > 0 ? MST_FAULT_BUG : 0;
}
