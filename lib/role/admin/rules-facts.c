/* What the rules would be asked about a node: what it said when it asked last, the registry's word, the request's own. */
#include <stdlib.h>
#include <string.h>

#include "role/admin/rules-facts.h"

static void assume(struct mst_rule_facts *f)
{
	static const int methods[] = { MST_METHOD_CERT, MST_METHOD_PSK, MST_METHOD_GBA, MST_METHOD_BBN };

	*f = (struct mst_rule_facts){ .auth = MST_RULE_AUTH_CERT, .n_methods = MST_COUNT(methods) };
	memcpy(f->methods, methods, sizeof(methods));
}

static int keep_briefing(void *arg, const struct mst_briefing *b)
{
	struct admin_facts *k = arg;

	k->asked = true;
	k->octets = b->facts;
	return 0;
}

/* What it said last; a record that does not read as facts is one of another program. */
static int last_words(struct admin *q, struct admin_facts *k)
{
	struct mst_briefing_filter f = { .node = k->node.id, .limit = 1 };
	struct mst_arena a = mst_arena_of(k->scratch, sizeof(k->scratch));
	int r = mst_store_briefing_list(q->env->store, &f, keep_briefing, k);

	if (r)
		return r;
	if (k->asked && mst_rule_facts_read_cbor((struct mst_view){ k->octets.b, k->octets.n }, &a, &k->facts, NULL))
		k->asked = false;
	if (!k->asked)
		assume(&k->facts);
	return 0;
}

static int keep_identity(void *arg, const struct mst_identity *i)
{
	static const uint8_t none[MST_SHA256_LEN];
	struct admin_facts *k = arg;

	if (i->kind == MST_ID_DEVICE && !k->device[0])
		memcpy(k->device, i->value, sizeof(k->device));
	if (memcmp(i->anchor, none, sizeof(none)) && memcmp(i->anchor, mst_anchor_any, sizeof(none)) &&
	    memcmp(i->anchor, mst_anchor_none, sizeof(none))) {
		memcpy(k->issuer, i->anchor, sizeof(k->issuer));
		k->has_issuer = true;
	}
	return 0;
}

static void issuer_says(struct admin *q, struct admin_facts *k)
{
	const struct mst_makers *m = q->env->conf ? &q->env->conf->makers : NULL;

	if (!k->has_issuer || k->facts.auth != MST_RULE_AUTH_CERT || k->facts.issuer.n)
		return;
	k->facts.issuer = (struct mst_view){ k->issuer, sizeof(k->issuer) };
	for (size_t i = 0; m && i < m->n; i++)
		if (!memcmp(m->sha256[i], k->issuer, sizeof(k->issuer)))
			k->facts.issuer_name = mst_view_str(m->subject[i]);
}

static void registry_says(struct admin_facts *k)
{
	struct mst_rule_facts *f = &k->facts;
	const struct mst_node *n = &k->node;

	f->node_id = mst_view_str(n->node_id);
	f->node_proven = f->auth != MST_RULE_AUTH_NONE;
	f->unknown = false;
	if (k->device[0]) {
		f->device_id = mst_view_str(k->device);
		f->device_proven = f->node_proven;
	}
	if (n->maker[0])
		f->maker = mst_view_str(n->maker);
	if (n->model[0])
		f->model = mst_view_str(n->model);
	if (n->serial[0])
		f->serial = mst_view_str(n->serial);
	if (n->batch[0])
		f->batch = mst_view_str(n->batch);
	f->subscription = f->sp = f->maf = f->maf_uri = MST_VIEW_NONE;
	if (k->has_sub) {
		f->subscription = mst_view_str(k->sub.id);
		f->sp = mst_view_str(k->sub.sp_fqdn);
		f->maf = mst_view_str(k->sub.maf_fqdn);
		f->maf_uri = mst_view_str(k->sub.maf_uri);
	}
	f->place = (struct mst_location){ 0 };
	if (k->has_place)
		f->place = (struct mst_location){ (uint32_t)k->place.has, k->place.latitude, k->place.longitude, k->place.accuracy,
						  mst_view_str(k->place.cell), mst_view_str(k->place.site) };
}

static int found(int r, bool *ret)
{
	*ret = r == 0;
	return r < 0 ? r : 0;
}

static int load_node(struct admin *q, const char *id, struct admin_facts *k)
{
	int r = admin_find_node(q, id, &k->node);

	if (r)
		return r;
	r = last_words(q, k);
	if (!r)
		r = mst_store_identity_list(q->env->store, k->node.id, keep_identity, k);
	/* of a node that was let go the subscription says nothing any more */
	if (!r && k->node.sub_id[0] && k->node.state != MST_NODE_RELEASED)
		r = found(mst_store_sub_get(q->env->store, k->node.sub_id, &k->sub), &k->has_sub);
	if (!r)
		r = found(mst_store_place_get(q->env->store, k->node.id, &k->place), &k->has_place);
	if (r)
		return r;
	registry_says(k);
	issuer_says(q, k);
	return 0;
}

json_t *admin_facts_json(const struct mst_rule_facts *f)
{
	static _Thread_local char text[2 * MST_FACTS_OCTETS];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	mst_rule_facts_write_json(f, &w);
	return w.ok ? mst_json_read(text, w.n, 0, NULL) : NULL;
}

/* The request's own facts go over what is known; null takes a fact away. */
static bool overlay(struct admin_facts *k, const json_t *own, struct mst_diag *d)
{
	json_t *all = admin_facts_json(&k->facts), *v;
	struct mst_arena a = mst_arena_of(k->scratch2, sizeof(k->scratch2));
	const char *name;
	size_t n;

	json_object_foreach((json_t *)own, name, v)
	{
		if (json_is_null(v))
			json_object_del(all, name);
		else
			json_object_set(all, name, v);
	}
	n = json_dumpb(all, k->text, sizeof(k->text), JSON_COMPACT);
	json_decref(all);
	if (!n || n > sizeof(k->text)) {
		mst_diag_set(d, 0, "facts", "too large", NULL);
		return false;
	}
	return mst_rule_facts_read_json((struct mst_view){ (const uint8_t *)k->text, n }, &a, &k->facts, d) == 0;
}

int admin_facts_load(struct admin *q, struct admin_facts *k)
{
	const json_t *node = json_object_get(q->body, "node"), *own = json_object_get(q->body, "facts");
	struct mst_diag d = { 0 };
	int r = 0;

	memset(k, 0, sizeof(*k));
	if ((node && !json_is_string(node)) || (own && !json_is_object(own)) || (!node && !own)) {
		mst_diag_set(&d, 0, node ? "node" : "facts", "expected a node (text), facts (an object), or both", NULL);
		r = admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
		return r ? r : 1;
	}
	if (node)
		r = load_node(q, json_string_value(node), k);
	else
		assume(&k->facts);
	if (r < 0)
		return r;
	if (r > 0) {
		mst_diag_set(&d, 0, "node", "there is no such node; expected its M2M-Node-ID, CSE-ID, AE-ID or number", NULL);
		r = admin_refuse(q, MST_RSC_NOT_FOUND, &d);
		return r ? r : 1;
	}
	k->facts.now = q->env->now;
	mst_rule_facts_mark(&k->facts);
	if (own && !overlay(k, own, &d)) {
		r = admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
		return r ? r : 1;
	}
	return 0;
}
