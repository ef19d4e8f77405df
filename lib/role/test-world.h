/* The world that the decision tables break one thing at a time. */
#ifndef MST_ROLE_TEST_WORLD_H
#define MST_ROLE_TEST_WORLD_H

#include "tests/support/cm.h"

#include "role/maf/decide.h"
#include "role/mef/decide.h"

#define NOW 1800000000
#define DAY 86400
#define BIT(i) (1u << (i))
#define KEID "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF@mef.example.com"
#define REL "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF"
#define KMID "00112233445566778899AABBCCDDEEFF@maf.example.com"

static inline struct mst_view V(const char *s) { return mst_view_str(s); }

/* One world in which everything is right; each case breaks one thing in it. */
struct world {
	struct mst_call c;
	struct mst_who w;
	struct mst_records r;
	struct mst_role_conf conf;
	struct mst_chance chance;
	struct mst_verdict v;
	mst_time now;
};

static inline void node_who(struct mst_who *w)
{
	memset(w, 0, sizeof(*w));
	w->kind = MST_WHO_NODE;
	MST_STR_SET(w->id, "//sp.example.com/CSE0001");
	w->has_node = w->has_sub = true;
	w->node.id = 7;
	MST_STR_SET(w->node.node_id, "urn:dev:ops:1-a-7");
	MST_STR_SET(w->node.cse_id, w->id);
	MST_STR_SET(w->sub.id, "sub-secret");
	MST_STR_SET(w->sub.sp_fqdn, "sp.example.com");
	MST_STR_SET(w->sub.maf_fqdn, "maf.example.com");
	w->sub.not_before = NOW - DAY;
	w->sub.not_after = NOW + 300 * DAY;
	w->sub.key_lifetime = 200 * DAY;
	w->name[0].kind = MST_ID_CSE_ABS;
	MST_STR_SET(w->name[0].value, w->id);
	w->name[1].kind = MST_ID_NODE;
	MST_STR_SET(w->name[1].value, "urn:dev:ops:1-a-7");
	w->n_name = 2;
}

static inline void maf_who(struct mst_who *w)
{
	memset(w, 0, sizeof(*w));
	w->kind = MST_WHO_MAF;
	MST_STR_SET(w->id, "maf.example.com");
	w->name[0].kind = MST_ID_FQDN;
	MST_STR_SET(w->name[0].value, w->id);
	w->n_name = 1;
}

static inline void mef_world(struct world *o, enum mst_call_what what)
{
	memset(o, 0, sizeof(*o));
	o->now = NOW;
	node_who(&o->w);
	MST_STR_SET(o->conf.fqdn, "mef.example.com");
	MST_STR_SET(o->conf.base, "/MEFBase");
	MST_STR_SET(o->conf.maf_fqdn[0], "maf.example.com");
	o->conf.n_maf = 1;
	o->conf.reg_lifetime = 365 * DAY;
	o->conf.retry_duration = DAY;
	memset(o->chance.b, 0x5a, sizeof(o->chance.b));
	o->c.what = what;
	o->c.role = MST_ROLE_MEF;
	o->c.from = V("/CSE0001");
	MST_STR_SET(o->c.attempt, "0123456789abcdef0123456789abcdef");
	o->c.has_export = true;
	MST_STR_SET(o->c.rel_key, REL);
	MST_STR_SET(o->c.key_id, KEID);
	o->c.reg.has = BIT(MST_CR_ET) | BIT(MST_CR_ADMIN);
	o->c.reg.et = NOW + 100 * DAY;
	o->c.reg.admin_fqdn = V("SP.example.com");
	o->c.key.has = BIT(MST_KR_ET) | BIT(MST_KR_ADMIN) | BIT(MST_KR_SUID) | BIT(MST_KR_TARGETS);
	o->c.key.et = NOW + 50 * DAY;
	o->c.key.admin_fqdn = V("sp.example.com");
	o->c.key.suid = 21;
	o->c.key.targets[0] = V("MAF.example.com");
	o->c.key.n_targets = 1;
	o->c.suid = 21;
	if (what != MST_CALL_REGISTER) {
		o->r.has_reg = true;
		MST_STR_SET(o->r.reg.reg_id, "reg-1");
		MST_STR_SET(o->r.reg.client_id, o->w.id);
		MST_STR_SET(o->r.reg.admin_fqdn, "sp.example.com");
		MST_STR_SET(o->r.reg.key_id, KEID);
		o->r.reg.node = 7;
		o->r.reg.created = o->r.reg.modified = NOW - DAY;
		o->r.reg.expires = NOW + 10 * DAY;
		o->r.has_cred = true;
		MST_STR_SET(o->r.cred.key_id, KEID);
		MST_STR_SET(o->r.cred.client_id, o->w.id);
		MST_STR_SET(o->r.cred.via, "reg-1");
		o->r.cred.purpose = MST_PURPOSE_KE;
		o->r.cred.created = NOW - DAY;
		o->r.cred.expires = NOW + 20 * DAY;
	}
	if (what == MST_CALL_KEY_GET || what == MST_CALL_KEY_SET || what == MST_CALL_KEY_DELETE || what == MST_CALL_FETCH) {
		o->r.has_keyreg = true;
		MST_STR_SET(o->r.keyreg.rel_key_id, REL);
		MST_STR_SET(o->r.keyreg.reg_id, "reg-1");
		MST_STR_SET(o->r.keyreg.client_id, o->w.id);
		MST_STR_SET(o->r.keyreg.admin_fqdn, "sp.example.com");
		MST_STR_SET(o->r.keyreg.targets, "maf.example.com");
		o->r.keyreg.suid = 21;
		o->r.keyreg.exporter = true;
		o->r.keyreg.expires = NOW + 5 * DAY;
		node_who(&o->r.owner);
	}
	if (what == MST_CALL_KEY_GET || what == MST_CALL_FETCH) {
		maf_who(&o->w);
		o->c.from = V("maf.example.com");
	}
	if (what == MST_CALL_REG_SET)
		o->c.reg.has = BIT(MST_CR_ET);
	if (what == MST_CALL_KEY_SET)
		o->c.key.has = BIT(MST_KR_ET);
	if (what == MST_CALL_CMD_SET) {
		MST_STR_SET(o->r.reg.last_cmd, "c-3");
		o->c.cmd.has = BIT(MST_CC_ID) | BIT(MST_CC_STATUS);
		o->c.cmd.cmd_id = V("c-3");
		o->c.cmd.status_code = MST_CMD_OK;
	}
}

static inline void maf_world(struct world *o, enum mst_call_what what, bool enrolment)
{
	mef_world(o, what);
	o->c.role = MST_ROLE_MAF;
	MST_STR_SET(o->conf.fqdn, "maf.example.com");
	MST_STR_SET(o->conf.base, "/MAFBase");
	o->conf.n_maf = 0;
	o->conf.n_mef = 1;
	MST_STR_SET(o->conf.mef[0].fqdn, "mef.example.com");
	MST_STR_SET(o->conf.mef[0].uri, "https://mef.example.com:8443");
	o->c.has_export = what == MST_CALL_KEY_REGISTER;
	node_who(&o->w);
	o->c.from = V("/CSE0001");
	o->w.has_cred = true;
	MST_STR_SET(o->w.cred.key_id, enrolment ? KEID : KMID);
	MST_STR_SET(o->w.cred.client_id, o->w.id);
	MST_STR_SET(o->w.cred.via, enrolment ? "mef.example.com" : KEID);
	o->w.cred.purpose = MST_PURPOSE_KM;
	o->w.cred.created = NOW - 100;
	o->w.cred.expires = NOW + 30 * DAY;
	o->r.has_cred = false;
	MST_STR_SET(o->r.reg.key_id, KMID);
}

static inline int run(struct world *o)
{
	mst_verdict_init(&o->v, &o->c);
	(o->c.role == MST_ROLE_MEF ? mst_mef_decide : mst_maf_decide)(&o->c, &o->w, &o->r, &o->conf, o->now, &o->chance, &o->v);
	return o->v.rsc;
}

static inline bool no_effect(const struct mst_verdict *v)
{
	return !v->drop_reg[0] && !v->put_reg && !v->put_keyreg && !v->delete_keyreg && !v->put_cred && !v->activate &&
	       !v->n_drop && !v->revoke[0] && !v->put_node && !v->release.wanted &&
	       v->release.authorisation.what == MST_AUTH_NOTHING;
}

static inline void add_other(struct world *o, const char *id, const char *via, enum mst_cred_state s, mst_time created)
{
	struct mst_cred_brief *b = &o->r.other[o->r.n_other++];

	MST_STR_SET(b->key_id, id);
	MST_STR_SET(b->via, via);
	b->purpose = o->c.role == MST_ROLE_MEF ? MST_PURPOSE_KE : MST_PURPOSE_KM;
	b->state = s;
	b->created = created;
}

#endif
