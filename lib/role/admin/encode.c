/* Records to JSON. Keys never appear here: only their ids, states and dates. */
#include "role/admin/admin.h"

#include <string.h>

#include "base/text.h"

/* What came from a peer's certificate may be no UTF-8; then its foreign octets become question marks. */
static json_t *text(const char *s)
{
	char plain[1024];
	size_t n = strlen(s);

	if (mst_utf8_valid(mst_view_str(s)))
		return json_string(s);
	if (n >= sizeof(plain))
		n = sizeof(plain) - 1;
	for (size_t i = 0; i < n; i++)
		plain[i] = (char)((unsigned char)s[i] < 0x80 ? s[i] : '?');
	plain[n] = '\0';
	return json_string(plain);
}

json_t *admin_json_time(mst_time t)
{
	char out[24];
	struct mst_writer w = mst_writer_of(out, sizeof(out));

	mst_put_timestamp(&w, t);
	mst_put_nul(&w);
	return json_string(w.ok ? out : "");
}

struct object {
	json_t *j;
	bool ok;
};

static void put(struct object *o, const char *name, json_t *v)
{
	if (json_object_set_new(o->j, name, v))
		o->ok = false;
}

static void put_text(struct object *o, const char *name, const char *s)
{
	put(o, name, text(s));
}

static void put_optional(struct object *o, const char *name, const char *s)
{
	if (*s)
		put_text(o, name, s);
}

/* A time that never was, or never comes, is left out. */
static void put_time(struct object *o, const char *name, mst_time t)
{
	if (t > 0 && t <= MST_TIME_MAX)
		put(o, name, admin_json_time(t));
}

static json_t *done(struct object *o)
{
	if (o->ok)
		return o->j;
	json_decref(o->j);
	return NULL;
}

static struct object begin(void)
{
	struct object o = { json_object(), true };

	o.ok = o.j != NULL;
	return o;
}

json_t *admin_json_node(const struct mst_node *n)
{
	struct object o = begin();

	put(&o, "id", json_integer(n->id));
	put_text(&o, "nodeID", n->node_id);
	put_optional(&o, "cseID", n->cse_id);
	put_optional(&o, "aeID", n->ae_id);
	put_optional(&o, "subscription", n->sub_id);
	put_optional(&o, "maker", n->maker);
	put_optional(&o, "model", n->model);
	put_optional(&o, "serial", n->serial);
	put_optional(&o, "batch", n->batch);
	put_text(&o, "state", mst_node_state_name[n->state]);
	if (n->state == MST_NODE_SUSPENDED)
		put_text(&o, "suspendedBy", mst_by_name[n->suspended_by]);
	put_text(&o, "reason", n->reason);
	put_time(&o, "created", n->created);
	put_time(&o, "changed", n->changed);
	put_time(&o, "lastSeen", n->last_seen);
	put_optional(&o, "attempt", n->attempt);
	put_optional(&o, "lastStep", n->last_step);
	put_time(&o, "leaveBy", n->leave_by);
	put_time(&o, "reenrolUntil", n->reenrol_until);
	return done(&o);
}

int admin_put_reach(json_t *node, const struct mst_reach *r)
{
	struct object o = { node, node != NULL };

	if (!node)
		return MST_FAULT_MEMORY;
	put_optional(&o, "number", r->number);
	put_time(&o, "triggered", r->triggered);
	return o.ok ? 0 : MST_FAULT_MEMORY;
}

json_t *admin_json_sub(const struct mst_subscription *r)
{
	struct object o = begin();

	put_text(&o, "id", r->id);
	put_text(&o, "spFQDN", r->sp_fqdn);
	put_text(&o, "mafFQDN", r->maf_fqdn);
	put_text(&o, "mafURI", r->maf_uri);
	put_optional(&o, "registrarCSE", r->registrar_cse_id);
	put_optional(&o, "registrarPoA", r->registrar_poa);
	put_time(&o, "notBefore", r->not_before);
	put_time(&o, "notAfter", r->not_after);
	put(&o, "keyLifetime", json_integer(r->key_lifetime));
	put_text(&o, "state", mst_sub_state_name[r->state]);
	if (r->state == MST_SUB_SUSPENDED)
		put_text(&o, "suspendedBy", mst_by_name[r->suspended_by]);
	put_time(&o, "created", r->created);
	put_time(&o, "changed", r->changed);
	return done(&o);
}

json_t *admin_json_identity(const struct mst_identity *r)
{
	static const struct {
		enum mst_id_kind kind;
		const char *name;
	} kinds[] = {
		{ MST_ID_FQDN, "fqdn" },   { MST_ID_NODE, "node" }, { MST_ID_DEVICE, "device" },
		{ MST_ID_CSE_ABS, "cse" }, { MST_ID_AE_ABS, "ae" },
	};
	static const uint8_t none[MST_SHA256_LEN];
	struct object o = begin();
	const char *kind = mst_id_kind_text(r->kind);
	char hex[2 * MST_SHA256_LEN + 1];
	struct mst_writer w = mst_writer_of(hex, sizeof(hex));

	for (size_t i = 0; i < MST_COUNT(kinds); i++)
		if (kinds[i].kind == r->kind)
			kind = kinds[i].name;
	put_text(&o, "kind", kind);
	put_text(&o, "value", r->value);
	if (!memcmp(mst_anchor_any, r->anchor, sizeof(none))) {
		put_text(&o, "anchor", "any");
	} else if (!memcmp(mst_anchor_none, r->anchor, sizeof(none))) {
		put_text(&o, "anchor", "none");
	} else if (memcmp(none, r->anchor, sizeof(none))) {
		mst_put_hex(&w, (struct mst_view){ r->anchor, sizeof(r->anchor) });
		mst_put_nul(&w);
		mst_ascii_lower(hex);
		put_text(&o, "anchor", hex);
	}
	return done(&o);
}

json_t *admin_json_reg(enum mst_role role, const struct mst_registration *r)
{
	struct object o = begin();

	put_text(&o, "role", mst_role_name[role]);
	put_text(&o, "id", r->reg_id);
	put_text(&o, "clientID", r->client_id);
	put_text(&o, "adminFQDN", r->admin_fqdn);
	put_optional(&o, "keyID", r->key_id);
	put_time(&o, "created", r->created);
	put_time(&o, "modified", r->modified);
	put_time(&o, "expires", r->expires);
	return done(&o);
}

json_t *admin_json_cred(enum mst_role role, const struct mst_credential *r)
{
	static const char *const purpose[] = { "none", "Kpm", "Ke", "registered", "Km" };
	static const char *const state[] = { "pending", "active", "revoked" };
	struct object o = begin();

	put_text(&o, "role", mst_role_name[role]);
	put_text(&o, "keyID", r->key_id);
	put_text(&o, "purpose", purpose[r->purpose]);
	put_text(&o, "state", state[r->state]);
	put_time(&o, "created", r->created);
	put_time(&o, "expires", r->expires);
	put_time(&o, "lastUsed", r->last_used);
	return done(&o);
}

static void put_hex(struct object *o, const char *name, struct mst_view v)
{
	char hex[2 * MST_ID_MAX + 1];
	struct mst_writer w = mst_writer_of(hex, sizeof(hex));

	mst_put_hex(&w, v);
	mst_put_nul(&w);
	mst_ascii_lower(hex);
	put_text(o, name, w.ok ? hex : "");
}

static void put_hash(struct object *o, const uint8_t hash[MST_SHA256_LEN])
{
	put_hex(o, "hash", (struct mst_view){ hash, MST_SHA256_LEN });
}

/* A text with question marks in it is not what was hashed: its octets stand beside it. */
static void put_octets(struct object *o, const char *name, const char *s)
{
	if (!mst_utf8_valid(mst_view_str(s)))
		put_hex(o, name, mst_view_str(s));
}

json_t *admin_json_place(const struct mst_place *r)
{
	struct object o = begin();

	if (r->has >> MST_LO_LATITUDE & 1) {
		put(&o, "latitude", json_integer(r->latitude));
		put(&o, "longitude", json_integer(r->longitude));
	}
	if (r->has >> MST_LO_ACCURACY & 1)
		put(&o, "accuracy", json_integer(r->accuracy));
	put_optional(&o, "site", r->site);
	put_optional(&o, "cell", r->cell);
	put_text(&o, "who", r->who);
	put_time(&o, "at", r->at);
	return done(&o);
}

json_t *admin_json_briefing(const struct mst_briefing *r)
{
	struct object o = begin();

	put_text(&o, "id", r->id);
	put_text(&o, "attempt", r->attempt);
	put_time(&o, "at", r->at);
	put_text(&o, "outcome", r->outcome ? mst_brief_why_text(r->outcome) : "instructions");
	put_optional(&o, "rule", r->rule);
	if (!r->outcome) {
		put_time(&o, "until", r->until);
		put_text(&o, "state", mst_briefing_state_name[r->state]);
	}
	put_optional(&o, "reported", r->reported);
	put_optional(&o, "target", r->target);
	return done(&o);
}

json_t *admin_json_event(const struct mst_event *e)
{
	struct object o = begin();

	put(&o, "seq", json_integer((json_int_t)e->seq));
	put_time(&o, "when", e->when);
	put_text(&o, "role", e->role);
	put_text(&o, "what", e->what);
	if (e->node)
		put(&o, "node", json_integer(e->node));
	put_optional(&o, "who", e->who);
	put_optional(&o, "attempt", e->attempt);
	if (e->outcome)
		put(&o, "outcome", json_integer(e->outcome));
	put_optional(&o, "why", e->why);
	put_octets(&o, "whoOctets", e->who);
	put_octets(&o, "whyOctets", e->why);
	put_hash(&o, e->hash);
	return done(&o);
}

json_t *admin_json_anchor(const struct mst_event_anchor *a)
{
	struct object o = begin();

	put(&o, "seq", json_integer((json_int_t)a->seq));
	put_hash(&o, a->hash);
	if (a->told)
		put(&o, "told", json_integer((json_int_t)a->told));
	return done(&o);
}

size_t admin_json_size(const json_t *j)
{
	return json_dumpb(j, NULL, 0, JSON_COMPACT);
}
