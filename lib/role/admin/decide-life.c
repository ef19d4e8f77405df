/* Decisions about the life of a node and a subscription (architecture 4). PURE. */
#include "codec/ident.h"
#include "codec/primitive.h"
#include "role/admin/decide.h"
#include "role/life.h"
#include "role/name.h"

static enum admin_verdict refuse(int rsc, int *ret_rsc, struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	*ret_rsc = rsc;
	return ADMIN_REFUSED;
}

static enum admin_verdict to(struct mst_node *n, enum mst_node_state state, const char *reason, mst_time now)
{
	n->state = state;
	n->suspended_by = MST_BY_INSTALLATION;
	n->changed = now;
	memset(n->reason, 0, sizeof(n->reason));
	(void)mst_view_to_str(mst_view_sub(mst_view_str(reason), 0, sizeof(n->reason) - 1), n->reason, sizeof(n->reason));
	return ADMIN_DONE;
}

static enum admin_verdict revoke(struct mst_node *n, const char *reason, mst_time now)
{
	if (n->state == MST_NODE_REVOKED)
		return ADMIN_UNCHANGED;
	n->leave_by = n->reenrol_until = 0;
	return to(n, MST_NODE_REVOKED, reason, now);
}

/* Said again with less time it takes time away; with more it gives none to what is dead already. */
static enum admin_verdict release(struct mst_node *n, const char *reason, int64_t grace, mst_time now, int *ret_rsc,
				  struct mst_diag *d)
{
	mst_time by = grace ? now + grace : 0;

	if (n->state == MST_NODE_RELEASED && (!n->leave_by || n->leave_by == by))
		return ADMIN_UNCHANGED;
	if (n->state == MST_NODE_REVOKED && grace)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "grace", "the node is revoked: it has nothing that still works");
	n->leave_by = by;
	n->reenrol_until = 0;
	return to(n, MST_NODE_RELEASED, reason, now);
}

/* Where both have said so, the installation's word counts. */
static bool stands(enum mst_by suspended_by, enum mst_by by)
{
	return suspended_by == MST_BY_INSTALLATION || by == MST_BY_PROVIDER;
}

static enum admin_verdict suspend(struct mst_node *n, const char *reason, enum mst_by by, mst_time now, int *ret_rsc, struct mst_diag *d)
{
	if (n->state == MST_NODE_SUSPENDED && stands(n->suspended_by, by))
		return ADMIN_UNCHANGED;
	if (n->state == MST_NODE_RELEASED && n->leave_by > now)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the node is leaving; release it again without a grace to end that at once");
	if (n->state == MST_NODE_REVOKED || n->state == MST_NODE_RELEASED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the node is revoked or released; there is nothing to suspend");
	to(n, MST_NODE_SUSPENDED, reason, now);
	n->suspended_by = by;
	return ADMIN_DONE;
}

/* Perhaps stolen, and stopped by who runs the whole (lesson 12): neither at once nor by a release is it let back. */
static bool not_theirs(const struct mst_node *n, const char *act, enum mst_by by)
{
	return n->state == MST_NODE_SUSPENDED && n->suspended_by == MST_BY_INSTALLATION && by == MST_BY_PROVIDER &&
	       (!strcmp(act, "resume") || !strcmp(act, "release"));
}

static enum admin_verdict resume(struct mst_node *n, const char *reason, bool has_key, mst_time now, int *ret_rsc,
				 struct mst_diag *d)
{
	if (n->state == MST_NODE_REVOKED || n->state == MST_NODE_RELEASED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the node is revoked or released; muster node reenrol lets it back");
	if (n->state != MST_NODE_SUSPENDED)
		return ADMIN_UNCHANGED;
	return to(n, has_key ? MST_NODE_ENROLLED : MST_NODE_KNOWN, reason, now);
}

/* Lesson 12: enrolling anew after a reset, a theft or a return is the operator's decision, and has an end. */
static enum admin_verdict reenrol(struct mst_node *n, const char *reason, int64_t window, mst_time now, int *ret_rsc,
				  struct mst_diag *d)
{
	if (window < 1)
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "window", "expected seconds, more than none");
	if (n->state == MST_NODE_SUSPENDED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the node is suspended; resume it first");
	n->reenrol_until = now + window;
	if (n->state == MST_NODE_RELEASED)
		n->leave_by = 0;
	if (n->state == MST_NODE_REVOKED || n->state == MST_NODE_RELEASED)
		return to(n, MST_NODE_KNOWN, reason, now);
	return ADMIN_DONE;
}

enum admin_verdict admin_decide_node_act(struct mst_node *n, const char *act, const char *reason, int64_t seconds, bool has_key, enum mst_by by,
					 mst_time now, int *ret_rsc, struct mst_diag *d)
{
	if (not_theirs(n, act, by))
		return refuse(MST_RSC_NO_PRIVILEGE, ret_rsc, d, "id",
			      "the installation's own people suspended it, and they alone lift that: ask its operator");
	if (!strcmp(act, "revoke"))
		return revoke(n, reason, now);
	if (!strcmp(act, "release"))
		return release(n, reason, seconds, now, ret_rsc, d);
	if (!strcmp(act, "suspend"))
		return suspend(n, reason, by, now, ret_rsc, d);
	if (!strcmp(act, "resume"))
		return resume(n, reason, has_key, now, ret_rsc, d);
	return reenrol(n, reason, seconds, now, ret_rsc, d);
}

static void take_id(char out[MST_ID_MAX], const char *id)
{
	memset(out, 0, MST_ID_MAX);
	(void)mst_view_to_str(mst_view_str(id), out, MST_ID_MAX);
}

/* A new name is of the provider's whose node it will be; any other could be the name of somebody else's, now or later. */
static bool own_name(const char *had, const char *name, const struct mst_subscription *sub)
{
	return !name[0] || !strcmp(had, name) || mst_name_of_realm(name, sub->sp_fqdn);
}

enum admin_verdict admin_decide_move(struct mst_node *n, const struct mst_node *as, const struct mst_subscription *sub,
				     int64_t grace, const char *reason, mst_time now, int *ret_rsc, struct mst_diag *d)
{
	if (!sub)
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "subscription", "there is no such subscription; add it first");
	if (sub->state == MST_SUB_ENDED || sub->not_after <= now)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "subscription", "this subscription has ended; name another one");
	if (n->state == MST_NODE_REVOKED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the node is revoked; muster node reenrol lets it back first");
	if (n->state == MST_NODE_SUSPENDED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the node is suspended; resume it first");
	if (!strcmp(n->sub_id, sub->id) && !strcmp(n->cse_id, as->cse_id) && !strcmp(n->ae_id, as->ae_id))
		return ADMIN_UNCHANGED;
	if (!own_name(n->cse_id, as->cse_id, sub))
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "cseID", "expected one of the subscription's provider, like //sp.example.com/CSE01");
	if (!own_name(n->ae_id, as->ae_id, sub))
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "aeID", "expected one of the subscription's provider, like //sp.example.com/S01");
	if (mst_name_of_entity(n->node_id) && !as->cse_id[0] && !as->ae_id[0])
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "cseID",
			      "the node's M2M-Node-ID is in the form of a CSE-ID, so that alone it would be called as another may be: give a CSE-ID");
	take_id(n->sub_id, sub->id);
	take_id(n->cse_id, as->cse_id);
	take_id(n->ae_id, as->ae_id);
	n->leave_by = now + grace;      /* the certificates that it had; its keys have an end of their own */
	n->reenrol_until = 0;
	return to(n, MST_NODE_KNOWN, reason, now);
}

bool admin_cert_former(const struct mst_node *n, const struct mst_node_past *past, const struct mst_cert_row *r)
{
	char public[MST_ID_MAX];

	/* one of the same second as the move is taken for one of before: who has lost it too early renews it */
	if (past && r->issued <= past->at)
		return true;
	if (n->cse_id[0] && mst_cse_public_name(mst_view_str(n->cse_id), public) &&
	    mst_id_equal(MST_ID_FQDN, mst_view_str(public), mst_view_str(r->subject)))
		return false;
	return !mst_id_equal(MST_ID_NODE, mst_view_str(n->node_id), mst_view_str(r->subject)) &&
	       !mst_id_equal(MST_ID_AE_ABS, mst_view_str(n->ae_id), mst_view_str(r->subject));
}

enum admin_verdict admin_decide_extend(struct mst_subscription *r, mst_time until, mst_time now, int *ret_rsc, struct mst_diag *d)
{
	if (r->state == MST_SUB_ENDED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "this subscription has ended for good; add a new one");
	if (until == r->not_after)
		return ADMIN_UNCHANGED;
	if (until < r->not_after || until <= now)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "notAfter", "expected a later end than it has; suspend or end it to stop it");
	/* a key lifetime that nobody gave is the subscription's own length */
	if (r->key_lifetime == r->not_after - r->not_before)
		r->key_lifetime = until - r->not_before;
	r->not_after = until;
	r->changed = now;
	r->due = mst_life_warn_at(r->not_before, until);
	return ADMIN_DONE;
}

const char *admin_decide_sub_clock(struct mst_subscription *r, mst_time now, bool *ret_over)
{
	/* beyond its end: that was told, and what was open is being ended */
	bool told = r->state == MST_SUB_ENDED || r->due > r->not_after, over = told || r->not_after <= now;

	*ret_over = over;
	r->due = over ? now + 1 : r->not_after;
	return told ? "" : over ? "subscription.expired" : "subscription.expiring";
}
