/* Decisions about requests for certificates and commands for nodes. PURE. */
#include "codec/primitive.h"
#include "codec/resources.h"
#include "role/admin/decide.h"

static enum admin_verdict refuse(int rsc, int *ret_rsc, struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	*ret_rsc = rsc;
	return ADMIN_REFUSED;
}

enum admin_verdict admin_decide_certreq(struct mst_certreq *r, const char *act, const char *reason, mst_time now, int *ret_rsc,
					struct mst_diag *d)
{
	enum mst_certreq_state to = !strcmp(act, "approve") ? MST_CERTREQ_APPROVED : MST_CERTREQ_REJECTED;

	if (r->state == to || (to == MST_CERTREQ_APPROVED && r->state == MST_CERTREQ_ISSUED))
		return ADMIN_UNCHANGED;
	if (r->state == MST_CERTREQ_ISSUED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the certificate is issued already; revoke it instead");
	r->state = to;
	r->decided = now;
	memset(r->reason, 0, sizeof(r->reason));
	(void)mst_view_to_str(mst_view_sub(mst_view_str(reason), 0, sizeof(r->reason) - 1), r->reason, sizeof(r->reason));
	return ADMIN_DONE;
}

enum admin_verdict admin_decide_cert_prov(const struct mst_node *n, const char *subject, const char *uri, mst_time now,
					  struct mst_command *ret, int *ret_rsc, struct mst_diag *d)
{
	static const char *const kinds[] = { "", "node", "cse", "ae" };
	const char *const ids[] = { "", n->node_id, n->cse_id, n->ae_id };
	int kind = n->cse_id[0] ? 2 : n->ae_id[0] ? 3 : 1;

	if (*subject) {
		for (kind = 3; kind && strcmp(subject, kinds[kind]); kind--)
			;
		if (!kind)
			return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "subject", "expected node, cse or ae");
	}
	if (!ids[kind][0])
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "subject", "the node has no identifier of that kind");
	if (n->state == MST_NODE_REVOKED || n->state == MST_NODE_RELEASED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the node is revoked or released; it takes no commands");
	if (!*uri)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "uri", "there is no MEF in this installation; say where EST is");
	memset(ret, 0, sizeof(*ret));
	ret->node = n->id;
	ret->class_id = MST_CMD_CERT_PROV;
	ret->number = 1;        /* certProvProtocolID: EST. SCEP is not offered */
	ret->kind = kind;
	ret->created = now;
	if (!mst_view_to_str(mst_view_str(uri), ret->uri, sizeof(ret->uri)))
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "uri", "longer than 255 octets");
	(void)mst_view_to_str(mst_view_str(ids[kind]), ret->subject, sizeof(ret->subject));
	return ADMIN_DONE;
}
