/* PURE. Which NAF has keys for whom. */
#include <string.h>

#include "role/authorise.h"
#include "role/zn/zn.h"

static void refuse(struct zn_verdict *v, int status, const char *cause, const char *say, const char *why)
{
	static const struct { int status; const char *title; } row[] = {
		{ 400, "Bad Request" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" }, { 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
	};

	v->status = status;
	v->title = "Refused";
	for (size_t i = 0; i < MST_COUNT(row); i++)
		if (row[i].status == status)
			v->title = row[i].title;
	v->cause = cause;
	MST_STR_SET(v->say, say);
	MST_STR_SET(v->why, why ? why : say);
}

static bool same(const char *a, const char *b)
{
	return mst_id_equal(MST_ID_FQDN, mst_view_str(a), mst_view_str(b));
}

/* The settings of the NAF that this certificate names, and which of its names that is. */
static const struct mst_naf_link *settings_of(const struct mst_peer *p, const struct mst_gba_conf *b, const char **ret_name)
{
	for (size_t k = 0; k < b->n_naf; k++)
		for (size_t i = 0; i < p->cert.n_san; i++)
			if (p->cert.san[i].kind == MST_ID_FQDN && same(p->cert.san[i].value, b->naf[k].fqdn)) {
				*ret_name = b->naf[k].fqdn;
				return &b->naf[k];
			}
	return NULL;
}

static bool given(const struct mst_naf_link *n, const char *name)
{
	for (size_t i = 0; n && i < n->n_names; i++)
		if (same(n->name[i], name))
			return true;
	return false;
}

/* The key by which muster trigger calls nodes: a name in a certificate does not give it, only who wrote bsf.nafs. */
static bool calls_nodes(const struct zn_call *q, const struct mst_gba_conf *b)
{
	return b->trigger_naf[0] && same(q->naf, b->trigger_naf) && !memcmp(q->ask.ua, gba_ua_trigger.b, GBA_UA);
}

/* Does the NAF own the name that it asks a key for (TS 33.220 4.5.3)? */
static bool owns(const struct mst_peer *p, const struct mst_naf_link *n, const char *name, const char **ret_who)
{
	if (p->how != MST_AUTH_CERT)
		return false;
	for (size_t i = 0; i < p->cert.n_san; i++)
		if (p->cert.san[i].kind == MST_ID_FQDN) {
			if (!(*ret_who)[0])
				*ret_who = p->cert.san[i].value;
			if (same(p->cert.san[i].value, name))
				return true;
		}
	return given(n, name);
}

static bool wanted(const struct mst_zn_ask *q, const struct mst_gba_conf *b, uint32_t gsid)
{
	for (size_t i = 0; i < q->n_gsids; i++)
		if (q->gsid[i] == gsid)
			return true;
	return !q->n_gsids && gsid == (uint32_t)b->gsid;
}

static bool in_group(const struct mst_naf_link *n, struct mst_view group)
{
	if (!group.n)
		return true;
	for (size_t i = 0; n && i < n->n_groups; i++)
		if (mst_view_eq_str(group, n->group[i]))
			return true;
	return false;
}

/* What the HSS here says of the subscriber now. */
static bool served(const struct zn_records *r, mst_time now, struct zn_verdict *v)
{
	char why[200];

	if (!r->has_sim || mst_decide_sim(&r->sim, &r->who, now, why))
		return true;
	refuse(v, 403, "NAF_NOT_AUTHORIZED", "this subscriber is not served now", why);
	return false;
}

static bool called(const struct mst_node *n, struct mst_view name)
{
	return mst_id_equal(MST_ID_CSE_ABS, name, mst_view_str(n->cse_id)) || mst_id_equal(MST_ID_AE_ABS, name, mst_view_str(n->ae_id)) ||
	       mst_view_eq_str(name, n->node_id);
}

/*
 * The settings are of the bootstrapping, and say who the subscriber is at a NAF (TS-0003 8.3.2.3). What a node is not called any more may be
 * another's, or of a provider that it has left: of a SIM of this installation's it is known.
 */
static bool named_as_now(const struct zn_records *r, struct zn_verdict *v)
{
	for (size_t i = 0; r->has_sim && i < r->guss.n; i++) {
		const struct mst_uss *u = &r->guss.uss[i];

		for (size_t k = 0; u->gsid == (uint32_t)r->sim.gsid && k < u->n_ids; k++)
			if (!called(&r->who.node, u->id[k])) {
				refuse(v, 403, "NAF_NOT_AUTHORIZED", "this subscriber has to bootstrap anew",
				       "its node is not called any more what it was when it bootstrapped: it has moved, and bootstraps anew (Ub)");
				return false;
			}
	}
	return true;
}

/*
 * What the NAF may see of the subscriber's settings: none, no key. The answer always has the ME's key (TS 29.309), so a service
 * that is to have the card's alone is only for a NAF that gets that one with it, and is told which it is to use.
 */
static bool admit(const struct zn_call *q, const struct zn_records *r, const struct mst_gba_conf *b, const struct mst_naf_link *n, struct zn_verdict *v)
{
	bool both = r->session.session.in_card && q->ask.in_card_aware, any = false, card = false;

	for (size_t i = 0; i < r->guss.n; i++) {
		if (!wanted(&q->ask, b, r->guss.uss[i].gsid))
			continue;
		any = true;
		if (!in_group(n, r->guss.uss[i].naf_group))
			continue;
		if (r->guss.uss[i].key_choice == MST_KEY_CHOICE_UICC && !both) {
			card = true;
			continue;
		}
		v->in_card = v->in_card || (both && r->guss.uss[i].key_choice != MST_KEY_CHOICE_ME);
		v->uss.uss[v->uss.n++] = r->guss.uss[i];
	}
	if (v->uss.n)
		return true;
	refuse(v, 403, "NAF_NOT_AUTHORIZED", "this subscriber is not for this NAF",
	       card && !r->session.session.in_card ? "the subscriber's settings (GUSS) want the card's key for the service (UICC_BASED_KEY), and the session has none (GBA_ME)" :
	       card ? "the subscriber's settings (GUSS) want the card's key for the service (UICC_BASED_KEY), which the NAF says that it cannot use" :
	       any ? "the NAF is in none of the groups that the subscriber's settings (GUSS) name for the service" :
		     "the subscriber's settings (GUSS) have nothing for the service");
	return false;
}

void zn_decide(const struct zn_call *q, const struct zn_records *r, const struct mst_role_conf *conf, mst_time now, struct zn_verdict *v)
{
	const char *name = "";
	const struct mst_naf_link *n;

	memset(v, 0, sizeof(*v));
	v->who = "";
	n = settings_of(r->peer, &conf->gba, &name);
	v->who = name;
	if (q->status) {
		refuse(v, q->status, q->status == 501 ? "NOT_IMPLEMENTED" : "INVALID_MSG_FORMAT", q->words, NULL);
		return;
	}
	if (!owns(r->peer, n, q->naf, &v->who)) {
		refuse(v, 403, "NAF_NOT_AUTHORIZED", "nafFqdn: not yours", "it asks for a name that is neither in its certificate nor given to it (bsf.nafs)");
		return;
	}
	if (calls_nodes(q, &conf->gba) && !given(n, q->naf)) {
		refuse(v, 403, "NAF_NOT_AUTHORIZED", "nafId: not for you", "it asks for the key of triggers (bsf.trigger_naf), which bsf.nafs does not give it by names");
		return;
	}
	if (!r->has_session || r->session.session.expires <= now) {
		refuse(v, 404, "BTID_UNKNOWN", "btId: unknown or expired",
		       r->has_session ? "the session has expired" : "no session has this B-TID");
		return;
	}
	if (!served(r, now, v) || !named_as_now(r, v) || !admit(q, r, &conf->gba, n, v))
		return;
	v->status = 200;
	v->impi = n && n->impi;
	v->leave = mst_authorise_release(r->session.session.btid, q->naf);
}
