#include "role/common/common.h"

#include <string.h>

#include "role/life.h"

const char *const mst_call_name[MST_CALL__COUNT] = {
	[MST_CALL_NONE] = "refused",
	[MST_CALL_REGISTER] = "register",
	[MST_CALL_REG_GET] = "registration",
	[MST_CALL_REG_SET] = "update",
	[MST_CALL_REG_DELETE] = "deregister",
	[MST_CALL_CFG_GET] = "config",
	[MST_CALL_CMD_GET] = "command",
	[MST_CALL_CMD_SET] = "command-status",
	[MST_CALL_KEY_REGISTER] = "key-register",
	[MST_CALL_KEY_GET] = "key-retrieve",
	[MST_CALL_KEY_SET] = "key-update",
	[MST_CALL_KEY_DELETE] = "key-deregister",
	[MST_CALL_FETCH] = "fetch",
	[MST_CALL_OBJECTS_GET] = "objects",
};

void mst_verdict_init(struct mst_verdict *v, const struct mst_call *c)
{
	memset(v, 0, sizeof(*v));
	v->what = mst_call_name[c->what];
	v->fetch = c->what == MST_CALL_FETCH;
}

void mst_refuse(struct mst_verdict *v, int rsc, const char *say, const char *why)
{
	const char *what = v->what;
	bool fetch = v->fetch;

	/* No bad request changes state: whatever was decided before is gone. */
	memset(v, 0, sizeof(*v));
	v->what = what;
	v->fetch = fetch;
	v->body = fetch ? MST_BODY_FETCHED : MST_BODY_NONE;
	v->rsc = rsc;
	MST_STR_SET(v->say, say);
	MST_STR_SET(v->why, why && why[0] ? why : say);
}

bool mst_decide_claims(const struct mst_who *w, struct mst_view from)
{
	for (size_t i = 0; i < w->n_name; i++)
		if (mst_from_matches(from, w->name[i].kind, mst_view_str(w->name[i].value)))
			return true;
	return false;
}

static int subscription_standing(const struct mst_subscription *s, mst_time now, const char **ret_why)
{
	if (s->state == MST_SUB_SUSPENDED)
		*ret_why = "the subscription is suspended";
	else if (s->state == MST_SUB_ENDED)
		*ret_why = "the subscription has ended";
	else if (now < s->not_before)
		*ret_why = "the subscription has not begun";
	else if (now >= s->not_after)
		*ret_why = "the subscription has expired";
	else
		return 0;
	return MST_RSC_SUBSCRIPTION_NOT_ESTABLISHED;
}

static const char *const node_refused[MST_NODE_RELEASED + 1] = {
	[MST_NODE_REVOKED] = "the node is revoked",
	[MST_NODE_RELEASED] = "the node was released to another provider",
};

int mst_decide_standing(const struct mst_who *w, mst_time now, const char **ret_why)
{
	if (w->kind == MST_WHO_NOBODY) {
		*ret_why = w->why;
		return MST_RSC_NO_PRIVILEGE;
	}
	/* as a suspended subscription: nothing is lost, the node waits */
	if (w->has_node && w->node.state == MST_NODE_SUSPENDED) {
		*ret_why = "the node is suspended";
		return MST_RSC_SUBSCRIPTION_NOT_ESTABLISHED;
	}
	if (w->has_node && node_refused[w->node.state] && !mst_life_leaving(&w->node, now)) {
		*ret_why = node_refused[w->node.state];
		return MST_RSC_NO_PRIVILEGE;
	}
	if (w->has_node && !w->has_sub) {
		*ret_why = "the node has no subscription";
		return MST_RSC_SUBSCRIPTION_NOT_ESTABLISHED;
	}
	return w->has_sub ? subscription_standing(&w->sub, now, ret_why) : 0;
}

bool mst_decide_sim(const struct mst_sim *s, const struct mst_who *w, mst_time now, char ret_why[200])
{
	struct mst_writer o = mst_writer_of(ret_why, 200);
	const char *why = "";

	if (s->state == MST_SIM_SUSPENDED) {
		mst_put_str(&o, "the SIM is suspended: ");
		why = s->reason;
	} else if (!s->node) {
		why = "the SIM goes with no node (muster sim bind)";
	} else if (!mst_decide_standing(w, now, &why)) {
		return true;
	}
	mst_put_str(&o, why);
	mst_put_nul(&o);
	return false;
}

/* Default deny: a MAF is no enrolee, it only gets keys, and from a MEF; clients by key are a MAF's. */
static bool kind_may(const struct mst_call *c, enum mst_who_kind kind)
{
	switch (kind) {
	case MST_WHO_NODE: return true;
	case MST_WHO_MAF: return c->role == MST_ROLE_MEF && (c->what == MST_CALL_FETCH || c->what == MST_CALL_KEY_GET);
	case MST_WHO_CLIENT: return c->role == MST_ROLE_MAF;
	case MST_WHO_NOBODY: break;
	}
	return false;
}

bool mst_decide_admit(const struct mst_who *w, const struct mst_call *c, mst_time now, struct mst_verdict *v)
{
	const char *why = "";
	int rsc;

	if (w->kind == MST_WHO_NOBODY) {
		/* the same words for every reason: what a peer may not learn it does not learn */
		mst_refuse(v, MST_RSC_NO_PRIVILEGE, "not known here", w->why);
		v->close = true;
		return false;
	}
	/* TS-0004 8.2.2: From is mandatory except in a first registration, which a repetition also is */
	if (!c->from.n && c->what != MST_CALL_REGISTER) {
		mst_refuse(v, MST_RSC_BAD_REQUEST, "From is missing", NULL);
		return false;
	}
	if (c->from.n && !mst_decide_claims(w, c->from)) {
		mst_refuse(v, MST_RSC_NOT_AUTHENTICATED, "From is not the authenticated identity",
		           "From names somebody else than the channel's identity");
		return false;
	}
	rsc = mst_decide_standing(w, now, &why);
	if (rsc) {
		mst_refuse(v, rsc, rsc == MST_RSC_NO_PRIVILEGE ? "not permitted" : "no valid subscription", why);
		v->close = true;
		return false;
	}
	if (!kind_may(c, w->kind)) {
		mst_refuse(v, MST_RSC_NO_PRIVILEGE, "not permitted", "no operation for this kind of client");
		return false;
	}
	return true;
}

/* TS-0003 8.3.5.1: a client registers with each administrating stakeholder apart. */
bool mst_decide_stakeholder(const struct mst_role_conf *conf, const struct mst_who *w, const char *admin_fqdn)
{
	struct mst_view admin = mst_view_str(admin_fqdn);

	if (!w->has_sub || mst_id_equal(MST_ID_FQDN, admin, mst_view_str(w->sub.sp_fqdn)))
		return true;
	for (size_t i = 0; i < conf->n_stakeholder; i++)
		if (mst_id_equal(MST_ID_FQDN, admin, mst_view_str(conf->stakeholder[i])))
			return true;
	return false;
}

mst_time mst_decide_expiry(const struct mst_who *w, const struct mst_role_conf *conf, mst_time asked, mst_time now)
{
	mst_time t = asked;

	if (w->has_sub && w->sub.not_after < t)
		t = w->sub.not_after;
	if (w->has_sub && w->sub.key_lifetime > 0 && now + w->sub.key_lifetime < t)
		t = now + w->sub.key_lifetime;
	if (conf->reg_lifetime > 0 && now + conf->reg_lifetime < t)
		t = now + conf->reg_lifetime;
	/* nothing outlives the key that authenticated it (TS-0003 10.7) */
	if (w->has_cred && w->cred.expires < t)
		t = w->cred.expires;
	return t;
}

void mst_decide_drop(struct mst_verdict *v, const char *key_id)
{
	if (v->n_drop < MST_DROPS)
		mst_str_set(v->drop[v->n_drop++], MST_ID_MAX, key_id);
}

void mst_decide_step(struct mst_verdict *v, const struct mst_who *w, const struct mst_call *c, const char *step, mst_time now)
{
	if (!w->has_node)
		return;
	v->put_node = true;
	v->node = w->node;
	v->node.last_seen = now;
	MST_STR_SET(v->node.last_step, step);
	if (c->attempt[0])
		MST_STR_SET(v->node.attempt, c->attempt);
}

bool mst_lines_join(const struct mst_view *v, size_t n, char *out, size_t cap)
{
	struct mst_writer w = mst_writer_of(out, cap);

	for (size_t i = 0; i < n; i++) {
		if (!v[i].n || mst_view_find(v[i], '\n') < v[i].n)
			return false;
		if (i)
			mst_put_u8(&w, '\n');
		mst_put(&w, v[i]);
	}
	mst_put_nul(&w);
	return w.ok;
}

size_t mst_lines_split(const char *lines, struct mst_view *out, size_t cap)
{
	struct mst_view rest = mst_view_str(lines);
	size_t n = 0;

	while (rest.n && n < cap) {
		size_t end = mst_view_find(rest, '\n');

		out[n++] = mst_view_sub(rest, 0, end);
		rest = mst_view_sub(rest, end + 1, rest.n);
	}
	return n;
}

bool mst_lines_has(const char *lines, const char *one)
{
	struct mst_view v[MST_TARGETS_MAX];
	size_t n = mst_lines_split(lines, v, MST_TARGETS_MAX);

	for (size_t i = 0; i < n; i++)
		if (mst_view_eq_str(v[i], one))
			return true;
	return false;
}

bool mst_target_fqdn(const char *target, char out[MST_ID_MAX])
{
	struct mst_view t = mst_view_str(target), rest, sp;
	struct mst_writer w = mst_writer_of(out, MST_ID_MAX);
	size_t end;

	if (mst_id_valid(MST_ID_FQDN, t))
		return mst_id_normalise(MST_ID_FQDN, t, out);
	if (mst_cse_public_name(t, out))
		return true;
	/* an AE: its path, innermost first, before the provider's domain (spec 3.4, ours) */
	if (!mst_id_valid(MST_ID_AE_ABS, t))
		return false;
	rest = mst_view_sub(t, 2, t.n);
	sp = mst_view_sub(rest, 0, mst_view_find(rest, '/'));
	rest = mst_view_sub(rest, sp.n + 1, rest.n);
	end = mst_view_find(rest, '/');
	if (end < rest.n) {
		mst_put(&w, mst_view_sub(rest, end + 1, rest.n));
		mst_put_u8(&w, '.');
	}
	mst_put(&w, mst_view_sub(rest, 0, end));
	mst_put_u8(&w, '.');
	mst_put(&w, sp);
	mst_put_nul(&w);
	return w.ok;
}

bool mst_key_id_join(const char *rel, const char *fqdn, char out[MST_ID_MAX])
{
	char id[MST_ID_MAX];
	struct mst_writer w = mst_writer_of(id, sizeof(id));

	mst_put_str(&w, rel);
	mst_put_u8(&w, '@');
	mst_put_str(&w, fqdn);
	return w.ok && mst_id_normalise(MST_ID_KEY, mst_written(&w), out);
}

const char *mst_decide_clock(struct mst_credential *k, mst_time now)
{
	bool ended = k->expires <= now;

	if (k->state == MST_CRED_REVOKED) {
		k->due = 0;
		return "";
	}
	k->due = ended ? 0 : k->expires;
	return ended ? "key-ended" : "key-ending";
}

bool mst_decide_clock_node(struct mst_node *n, const struct mst_credential *k, mst_time now)
{
	if (k->purpose != MST_PURPOSE_KM || (n->state != MST_NODE_ENROLLED && n->state != MST_NODE_EXPIRING))
		return false;
	n->state = MST_NODE_EXPIRING;
	n->changed = now;
	mst_str_set(n->reason, sizeof(n->reason), k->expires <= now ? "its key has ended, and it has not renewed it" :
		    "its key ends soon, and it has not renewed it");
	return true;
}
