/* Decisions about requests for certificates. PURE. */
#include "codec/primitive.h"
#include "role/admin/decide.h"

static enum admin_verdict refuse(int rsc, int *ret_rsc, struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	*ret_rsc = rsc;
	return ADMIN_REFUSED;
}

enum admin_verdict admin_decide_certreq(struct mst_certreq *r, const struct mst_node *of, const char *act, const char *reason, mst_time now,
					int *ret_rsc, struct mst_diag *d)
{
	enum mst_certreq_state to = !strcmp(act, "approve") ? MST_CERTREQ_APPROVED : MST_CERTREQ_REJECTED;

	if (r->state == to || (to == MST_CERTREQ_APPROVED && r->state == MST_CERTREQ_ISSUED))
		return ADMIN_UNCHANGED;
	if (r->state == MST_CERTREQ_ISSUED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the certificate is issued already; revoke it instead");
	/* the yes would hold as soon as it is let back, which is another question */
	if (to == MST_CERTREQ_APPROVED && of->state == MST_NODE_REVOKED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the node is revoked; it asks anew when it is let back");
	if (to == MST_CERTREQ_APPROVED && of->state == MST_NODE_RELEASED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the node is released; it asks anew when it is let back");
	r->state = to;
	r->decided = now;
	memset(r->reason, 0, sizeof(r->reason));
	(void)mst_view_to_str(mst_view_sub(mst_view_str(reason), 0, sizeof(r->reason) - 1), r->reason, sizeof(r->reason));
	return ADMIN_DONE;
}
