/*
 * Pushed triggers: /v1/nodes/{id}/number, /v1/nodes/{id}/trigger. The counter is in the store before the trigger leaves
 * (the answer goes after the commit); the MAC is the keeper's, the key never comes here.
 *
 * Whose key: of the credential that is in use; else, or when the caller says so, of the node's session at our BSF (GBA), by a
 * NAF's name that both ends are configured for.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "codec/gba-sbi.h"
#include "crypto/derive.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"

static int no_such_node(struct admin *q)
{
	struct mst_diag d;

	mst_diag_set(&d, 0, "id", "there is no such node; expected an M2M-Node-ID, a CSE-ID, an AE-ID or a node's number", NULL);
	return admin_refuse(q, MST_RSC_NOT_FOUND, &d);
}

/* A node that was never reached has a row of nothing. */
static int get_reach(struct admin *q, const struct mst_node *n, struct mst_reach *ret)
{
	int r = mst_store_reach_get(q->env->store, n->id, ret);

	if (r == MST_STORE_NONE)
		*ret = (struct mst_reach){ .node = n->id };
	return r < 0 ? r : 0;
}

int admin_node_number(struct admin *q)
{
	char number[MST_NUMBER_MAX];
	struct mst_reach reach;
	struct mst_diag d = { 0 };
	struct mst_node n;
	int r;

	if (!admin_decode_number(q->body, number, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = admin_find_node(q, q->id, &n);
	if (r)
		return r < 0 ? r : no_such_node(q);
	r = get_reach(q, &n, &reach);
	if (r)
		return r;
	if (strcmp(reach.number, number) != 0) {
		memcpy(reach.number, number, sizeof(reach.number));
		r = mst_store_reach_put(q->env->store, &reach);
		if (!r)
			r = admin_event(q, "node.number", n.id, number[0] ? number : "none");
		if (r)
			return r < 0 ? r : MST_FAULT_BUG;
	}
	return admin_answer(q, MST_RSC_OK, json_pack("{s:s, s:s}", "nodeID", n.node_id, "number", reach.number));
}

struct newest {
	mst_time now;
	bool found, gba, card;               /* card: the session's key is none for a trigger */
	struct mst_credential cred;
	struct mst_gba_session session;      /* gba */
	char key_id[MST_ID_MAX];             /* found */
	struct mst_guss guss;                /* gba; views into `room` */
	uint8_t room[MST_SBI_ARENA];
};

static int keep_usable(void *arg, const struct mst_credential *c)
{
	struct newest *w = arg;

	if (admin_trigger_key(c, w->now) && (!w->found || c->created >= w->cred.created)) {
		w->cred = *c;
		w->found = true;
	}
	return 0;
}

/* The credential that the node uses: what the MAF knows of it; before it is enrolled, its maker's secret. */
static int find_key(struct admin *q, const struct mst_node *n, struct newest *w)
{
	static const enum mst_role roles[] = { MST_ROLE_MAF, MST_ROLE_MEF, MST_ROLE_BBN };
	int r = 0;

	for (size_t i = 0; i < MST_COUNT(roles) && !r && !w->found; i++)
		r = mst_store_cred_of_node(q->env->store, roles[i], n->id, keep_usable, w);
	if (w->found)
		memcpy(w->key_id, w->cred.key_id, sizeof(w->key_id));
	return r;
}

/* What the node's SIM bootstrapped last at our BSF, unless the operator wants another key of it for the service than we have. */
static int find_session(struct admin *q, const struct mst_node *n, struct newest *w)
{
	struct mst_arena a = mst_arena_of(w->room, sizeof(w->room));
	struct mst_sim sim;
	int r;

	if (!q->env->conf || !q->env->conf->gba.trigger_naf[0])
		return 0;
	r = mst_store_sim_of_node(q->env->store, n->id, &sim);
	if (!r && sim.state == MST_SIM_ACTIVE)
		r = mst_store_gba_session_newest(q->env->store, sim.impi, &w->session);
	else if (!r)
		r = MST_STORE_NONE;
	w->found = w->gba = !r && admin_trigger_session(&w->session, w->now) &&
			    gba_trigger_id(mst_view_str(w->session.session.btid), w->key_id);
	if (w->gba && mst_guss_read_json(mst_view_str(w->session.guss), &a, &w->guss, NULL))
		return MST_FAULT_CORRUPT;
	w->card = w->gba && admin_trigger_wants_card(&w->guss, q->env->conf->gba.gsid);
	return r < 0 ? r : 0;
}

/* Hints are views into `hint`, which has to live as long as the trigger. */
static int fill(struct admin *q, const struct admin_trigger_input *in, const struct mst_node *n,
		const struct admin_trigger_verdict *v, uint8_t hint[2][MST_TRIGGER_HINT], struct mst_trigger *t)
{
	const char *key = v->key_id;
	int r = mst_trigger_hint(q->env->crypto, mst_view_str(n->node_id), hint[0]);

	if (!r && in->signer[0])
		memcpy(hint[1], in->signer_hint, MST_TRIGGER_HINT);
	else if (!r)
		r = mst_trigger_hint(q->env->crypto, mst_view_str(key), hint[1]);
	*t = (struct mst_trigger){
		.has = 1u << MST_TR_VERSION | 1u << MST_TR_NODE | 1u << MST_TR_KEY | 1u << MST_TR_COUNTER |
		       1u << MST_TR_ISSUED | 1u << MST_TR_WINDOW | 1u << MST_TR_WHAT,
		.version = 1, .node = { hint[0], MST_TRIGGER_HINT }, .key = { hint[1], MST_TRIGGER_HINT },
		.counter = (int64_t)v->counter, .issued = q->env->now, .window = in->window, .what = in->what,
	};
	if (in->method) {
		t->has |= 1u << MST_TR_INSTRUCTION;
		t->instruction = (struct mst_trigger_instruction){
			.has = 1u << MST_TI_METHOD | 1u << MST_TI_URI | (in->target[0] ? 1u << MST_TI_TARGET : 0) |
			       (in->admin_fqdn[0] ? 1u << MST_TI_ADMIN : 0),
			.method = in->method, .uri = mst_view_str(in->uri), .target = mst_view_str(in->target),
			.admin_fqdn = mst_view_str(in->admin_fqdn),
		};
	}
	if (in->payload[0]) {
		t->has |= 1u << MST_TR_PAYLOAD;
		t->payload = mst_view_str(in->payload);
	}
	return r;
}

/* 0, positive: the keeper said no; or a fault. */
static int tag(struct admin *q, const struct admin_trigger_verdict *v, const struct newest *w, const struct mst_node *n,
	       struct mst_writer *body)
{
	const struct mst_gba_trigger t = { w->session.session.btid, w->session.session.impi, w->gba ? q->env->conf->gba.trigger_naf : "",
					   n->node_id, mst_written(body) };
	struct mst_keeper *k = q->env->keeper;
	uint8_t mac[MST_TRIGGER_MAC];
	int r = w->gba ? k->ops->gba_trigger(k, &v->authorisation, &w->session.ks, &t, mac) :
			 k->ops->trigger(k, &v->authorisation, &w->cred.key, w->cred.purpose, v->key_id, n->node_id, t.body, mac);

	if (!r)
		mst_trigger_put_tag(body, (struct mst_view){ mac, sizeof(mac) });
	return r;
}

static json_t *answer(const struct admin_trigger_input *in, const struct mst_node *n, const struct mst_trigger *t,
		      const struct admin_trigger_verdict *v, const char *number, struct mst_view octets)
{
	char code[2 * MST_TRIGGER_MAX], text[MST_TRIGGER_TEXT_MAX + 8];
	struct mst_writer c = mst_writer_of(code, sizeof(code)), w = mst_writer_of(text, sizeof(text));
	json_t *j;

	mst_put_base64(&c, octets);
	mst_put_nul(&c);
	mst_trigger_put_text(&w, octets);
	j = json_pack("{s:s, s:I, s:o, s:o, s:s, s:s, s:I}", "nodeID", n->node_id, "counter", (json_int_t)t->counter,
		      "issued", admin_json_time(t->issued), "expires", admin_json_time(t->issued + t->window),
		      in->signer[0] ? "body" : "trigger", code, "number", number, "octets", (json_int_t)octets.n);
	if (!in->signer[0] && (json_object_set_new(j, "keyID", json_string(v->key_id)) ||
			       (w.ok && json_object_set_new(j, "text", json_string(text))))) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static int refuse_at(struct admin *q, const char *field, const char *text)
{
	struct mst_diag d;

	mst_diag_set(&d, 0, field, text, NULL);
	return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
}

/* The body, before anything is written: what would not be read at the other end is not made. */
static int build(struct admin *q, const struct admin_trigger_input *in, const struct mst_trigger *t, struct mst_writer *w,
		 bool *ret_good)
{
	struct mst_diag d = { 0 };
	size_t most = MST_TRIGGER_MAX - (in->signer[0] ? MST_TRIGGER_SIGNATURE + 2 : MST_TRIGGER_MAC + 1);

	*ret_good = false;
	if (mst_trigger_check(t, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	mst_trigger_write_body(t, w);
	if (!w->ok || w->n > most)
		return refuse_at(q, in->payload[0] ? "payload" : "uri", "too long: the whole trigger must fit into 140 octets");
	*ret_good = true;
	return 0;
}

static int write_down(struct admin *q, const struct admin_trigger_input *in, const struct mst_node *n,
		      struct mst_reach *reach, const struct mst_trigger *t)
{
	char why[200];
	int r;

	reach->counter = (uint64_t)t->counter;
	reach->triggered = q->env->now;
	r = mst_store_reach_put(q->env->store, reach);
	snprintf(why, sizeof(why), "%s, counter %lld%s%s%s%s", mst_enum_text(&mst_trigger_what_table, t->what),
		 (long long)t->counter, in->via[0] ? ", via " : "", in->via, in->to[0] ? ", to " : "", in->to);
	if (!r)
		r = admin_event(q, "node.triggered", n->id, why);
	return r > 0 ? MST_FAULT_BUG : r;
}

int admin_node_trigger(struct admin *q)
{
	uint8_t octets[MST_TRIGGER_MAX + 4], hint[2][MST_TRIGGER_HINT];
	struct mst_writer w = mst_writer_of(octets, sizeof(octets));
	struct admin_trigger_input in;
	struct admin_trigger_verdict v;
	enum admin_trigger_by by;
	static _Thread_local struct newest key;     /* a session is too much for a stack; nothing of it outlives the call */
	struct mst_trigger t;
	struct mst_reach reach;
	struct mst_diag d = { 0 };
	struct mst_node n;
	bool good;
	int rsc, r;

	if (!admin_decode_trigger(q->body, &in, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = admin_find_node(q, q->id, &n);
	if (r)
		return r < 0 ? r : no_such_node(q);
	r = get_reach(q, &n, &reach);
	memset(&key, 0, sizeof(key));
	key.now = q->env->now;
	if (!r && !in.gba)
		r = find_key(q, &n, &key);
	if (!r && !key.found)
		r = find_session(q, &n, &key);
	if (r)
		return r;
	by = in.signer[0] ? ADMIN_BY_SIGNER : key.card ? ADMIN_BY_CARD : in.gba ? ADMIN_BY_SESSION : ADMIN_BY_KEY;
	if (admin_decide_trigger(&n, by, key.found ? key.key_id : NULL, reach.counter, q->env->now, &v, &rsc, &d) == ADMIN_REFUSED)
		return admin_refuse(q, rsc, &d);
	r = fill(q, &in, &n, &v, hint, &t);
	if (!r)
		r = build(q, &in, &t, &w, &good);
	if (r || !good)
		return r;
	r = in.signer[0] ? 0 : tag(q, &v, &key, &n, &w);
	if (r < 0)
		return r;
	if (r) {
		mst_diag_set(&d, 0, "id", r == MST_KEEPER_BUSY ? "more triggers in a minute than keeper_limits.triggers_most; try again in half a minute" :
			     "the keeper does not make a trigger with this node's key", NULL);
		return admin_refuse(q, MST_RSC_CONFLICT, &d);
	}
	r = write_down(q, &in, &n, &reach, &t);
	return r ? r : admin_answer(q, MST_RSC_CREATED, answer(&in, &n, &t, &v, reach.number, mst_written(&w)));
}
