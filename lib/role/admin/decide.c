#include "role/admin/decide.h"

#include "codec/primitive.h"
#include "role/authorise.h"
#include "role/life.h"

#define SKEW 60                 /* seconds by which another host's clock may be behind */

static enum admin_verdict refuse(int rsc, int *ret_rsc, struct mst_diag *d, const char *field,
				 const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	*ret_rsc = rsc;
	return ADMIN_REFUSED;
}

static void set_text(char *out, size_t cap, const char *text)
{
	memset(out, 0, cap);
	(void)mst_view_to_str(mst_view_sub(mst_view_str(text), 0, cap - 1), out, cap);
}

enum admin_verdict admin_decide_node(struct mst_node *n, const struct mst_subscription *sub, mst_time now,
				     int *ret_rsc, struct mst_diag *d)
{
	if (n->sub_id[0] && !sub)
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "subscription",
			      "there is no such subscription; add it first");
	if (sub && sub->state == MST_SUB_ENDED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "subscription",
			      "this subscription has ended; name another one");
	n->state = MST_NODE_KNOWN;
	set_text(n->reason, sizeof(n->reason), "added");
	n->created = now;
	n->changed = now;
	return ADMIN_DONE;
}

enum admin_verdict admin_decide_sub(struct mst_subscription *r, mst_time now, int *ret_rsc,
				    struct mst_diag *d)
{
	if (!r->not_before)
		r->not_before = now;
	if (r->not_after <= r->not_before)
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "notAfter", "expected a time after notBefore");
	/* Without one of its own a key lives as long as the subscription at most. */
	if (!r->key_lifetime)
		r->key_lifetime = r->not_after - r->not_before;
	r->state = MST_SUB_ACTIVE;
	r->created = now;
	r->changed = now;
	r->due = mst_life_warn_at(r->not_before, r->not_after);
	return ADMIN_DONE;
}

enum admin_verdict admin_decide_sub_act(struct mst_subscription *r, const char *act, enum mst_by by, mst_time now,
					int *ret_rsc, struct mst_diag *d)
{
	enum mst_sub_state to = !strcmp(act, "suspend")  ? MST_SUB_SUSPENDED
				: !strcmp(act, "resume") ? MST_SUB_ACTIVE
							 : MST_SUB_ENDED;
	bool others = r->state == MST_SUB_SUSPENDED && r->suspended_by != by;

	if (others && by == MST_BY_PROVIDER && to == MST_SUB_ACTIVE)
		return refuse(MST_RSC_NO_PRIVILEGE, ret_rsc, d, "id",
			      "the installation's own people suspended it, and they alone lift that: ask its operator");
	/* where both have suspended it, the installation's word counts */
	if (r->state == to && !(others && by == MST_BY_INSTALLATION))
		return ADMIN_UNCHANGED;
	if (r->state == MST_SUB_ENDED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id",
			      "this subscription has ended for good; add a new one");
	r->state = to;
	r->suspended_by = to == MST_SUB_SUSPENDED ? by : MST_BY_INSTALLATION;
	r->changed = now;
	if (to == MST_SUB_ENDED)
		r->due = now;
	return ADMIN_DONE;
}

bool admin_cert_works(const struct mst_cert_row *r, const struct mst_role_conf *conf, mst_time now)
{
	int64_t grace = conf && conf->est.on ? conf->est.grace : 0;

	return !r->revoked && now - grace < r->expires;
}

bool admin_cert_counts(const struct mst_cert_row *r, const struct mst_role_conf *conf, mst_time now)
{
	return admin_cert_works(r, conf, now) || (!r->revoked && r->node && conf && conf->est.on);
}

/* The first entry of that provider, whose people may be several. */
static size_t provider_at(const struct mst_role_conf *conf, const char *sp_fqdn)
{
	size_t i = 0;

	while (i < conf->n_provider && !mst_id_equal(MST_ID_FQDN, mst_view_str(conf->provider[i].sp), mst_view_str(sp_fqdn)))
		i++;
	return i;
}

bool admin_decide_listed(struct admin_listing *l, const struct mst_role_conf *conf, const char *sp_fqdn)
{
	size_t at = conf ? provider_at(conf, sp_fqdn) : 0, providers = 0;

	if (l->n >= ADMIN_REVOKED_MAX)
		return false;
	if (conf && at < conf->n_provider) {
		for (size_t i = 0; i < conf->n_provider; i++)
			providers += provider_at(conf, conf->provider[i].sp) == i;
		/* one at least: that at `at`, or another of its name */
		if (providers && l->of[at] >= (ADMIN_REVOKED_MAX - ADMIN_REVOKED_OURS) / providers)
			return false;
		l->of[at]++;
	}
	l->n++;
	return true;
}

enum admin_verdict admin_decide_revoke(struct mst_cert_row *r, int reason, const struct mst_role_conf *conf, mst_time now, int *ret_rsc,
				       struct mst_diag *d)
{
	if (r->revoked)
		return ADMIN_UNCHANGED;
	if (!admin_cert_counts(r, conf, now))
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "certificate", "it has expired; nobody accepts it anyway");
	r->revoked = now;
	r->reason = reason;
	return ADMIN_DONE;
}

struct mst_authorisation admin_decide_list(mst_time now, struct mst_list *l)
{
	l->made = now - SKEW;
	l->until = now + l->lifetime;
	return mst_authorise_sign(MST_KEEPER_CRL, "crl.file");
}

bool admin_trigger_key(const struct mst_credential *c, mst_time now)
{
	return (c->purpose == MST_PURPOSE_KM || c->purpose == MST_PURPOSE_KPM) && c->state == MST_CRED_ACTIVE && c->key.n &&
	       (!c->expires || c->expires > now);
}

bool admin_trigger_session(const struct mst_gba_session *s, mst_time now)
{
	return s->session.expires > now && !s->session.in_card && s->ks.n;
}

bool admin_trigger_wants_card(const struct mst_guss *g, int64_t gsid)
{
	bool card = false;

	for (size_t i = 0; i < g->n; i++) {
		if (g->uss[i].gsid != gsid)
			continue;
		if (g->uss[i].key_choice != MST_KEY_CHOICE_UICC)
			return false;
		card = true;
	}
	return card;
}

enum admin_verdict admin_decide_trigger(const struct mst_node *n, enum admin_trigger_by by, const char *key_id,
					uint64_t last, mst_time now, struct admin_trigger_verdict *ret_v, int *ret_rsc,
					struct mst_diag *d)
{
	bool signed_ = by == ADMIN_BY_SIGNER;

	memset(ret_v, 0, sizeof(*ret_v));
	/* one that may stay for a while is told to look where it is to go */
	if (n->state == MST_NODE_REVOKED || (n->state == MST_NODE_RELEASED && !mst_life_leaving(n, now)))
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "this node was revoked or released; it is not called back");
	if (by == ADMIN_BY_CARD)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "key",
			      "the subscriber's settings (GUSS) want the card's key for the service (UICC_BASED_KEY), and a trigger is made with the "
			      "ME's; sign it (muster trigger --signer)");
	if (by == ADMIN_BY_SESSION && !key_id)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "key",
			      "this node's SIM has no session at the BSF here with Ks in the node, or bsf.trigger_naf is not set");
	if (!signed_ && !key_id)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id",
			      "no key of this node is in use here that a trigger could be made with; sign it (muster trigger "
			      "--signer)");
	ret_v->counter = last + 1 > (uint64_t)now ? last + 1 : (uint64_t)now;
	if (ret_v->counter > (uint64_t)MST_TRIGGER_COUNTER_MAX)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "this node's counter is used up");
	if (!signed_) {
		memcpy(ret_v->key_id, key_id, strlen(key_id) + 1);
		ret_v->authorisation = mst_authorise_trigger(key_id, n->node_id);
	}
	return ADMIN_DONE;
}
