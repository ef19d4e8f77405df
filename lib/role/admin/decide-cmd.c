/* Decisions about commands for nodes (TS-0003 8.3.9). PURE. */
#include "base/text.h"
#include "codec/managed.h"
#include "codec/primitive.h"
#include "role/admin/decide.h"

static enum admin_verdict refuse(int rsc, int *ret_rsc, struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	*ret_rsc = rsc;
	return ADMIN_REFUSED;
}

/* A command and what is wrong with it: all that the classes share. */
struct work { const struct mst_node *n; const struct admin_command_input *in; const struct mst_role_conf *conf; struct mst_command *m; int *rsc; struct mst_diag *d; };

static bool bad(struct work *w, int rsc, const char *field, const char *text)
{
	(void)refuse(rsc, w->rsc, w->d, field, text);
	return false;
}

/* What a class takes nothing of is not left out silently. */
static bool only(struct work *w, bool subject, bool uri, bool object, bool objects)
{
	const struct admin_command_input *in = w->in;

	if (!subject && in->subject[0])
		return bad(w, MST_RSC_BAD_REQUEST, "subject", "belongs to cert-prov");
	if (!uri && in->uri[0])
		return bad(w, MST_RSC_BAD_REQUEST, "uri", "belongs to cert-prov and dev-cfg");
	if (!object && (in->path[0] || in->type[0] || in->suid))
		return bad(w, MST_RSC_BAD_REQUEST, in->path[0] ? "path" : in->type[0] ? "type" : "SUID", "belongs to mo-node");
	if (!objects && in->objects)
		return bad(w, MST_RSC_BAD_REQUEST, "objects", "belongs to dev-cfg");
	return true;
}

static bool cert_prov(struct work *w)
{
	static const char *const kinds[] = { "", "node", "cse", "ae" };
	const struct mst_node *n = w->n;
	const char *const ids[] = { "", n->node_id, n->cse_id, n->ae_id };
	const char *uri = w->in->uri[0] ? w->in->uri : w->conf->est.uri;
	int kind = n->cse_id[0] ? 2 : n->ae_id[0] ? 3 : 1;

	if (!only(w, true, true, false, false))
		return false;
	if (w->in->subject[0]) {
		for (kind = 3; kind && strcmp(w->in->subject, kinds[kind]); kind--)
			;
		if (!kind)
			return bad(w, MST_RSC_BAD_REQUEST, "subject", "expected node, cse or ae");
	}
	if (!ids[kind][0])
		return bad(w, MST_RSC_CONFLICT, "subject", "the node has no identifier of that kind");
	if (!*uri)
		return bad(w, MST_RSC_CONFLICT, "uri", "there is no MEF in this installation; say where EST is");
	w->m->class_id = MST_CMD_CERT_PROV;
	w->m->number = 1;        /* certProvProtocolID: EST. SCEP is not offered */
	w->m->kind = kind;
	if (!mst_view_to_str(mst_view_str(uri), w->m->uri, sizeof(w->m->uri)))
		return bad(w, MST_RSC_BAD_REQUEST, "uri", "longer than 255 octets");
	(void)mst_view_to_str(mst_view_str(ids[kind]), w->m->subject, sizeof(w->m->subject));
	return true;
}

static bool dev_cfg(struct work *w)
{
	struct mst_writer out = mst_writer_of(w->m->uri, sizeof(w->m->uri));
	struct mst_view uri;
	int64_t protocol;

	if (!only(w, false, true, false, true))
		return false;
	w->m->class_id = MST_CMD_DEV_CFG;
	if (!w->in->objects == !w->in->uri[0])
		return bad(w, MST_RSC_BAD_REQUEST, "objects", "give the objects themselves, or uri: where a device management server is; not both");
	if (w->in->uri[0]) {
		if (!mst_device_config_split(mst_view_str(w->in->uri), &protocol, &uri) || protocol < 1 || protocol > 4)
			return bad(w, MST_RSC_BAD_REQUEST, "uri",
				   "expected devMgmtID:URI with 1 OMA DM 1.3, 2 OMA DM 2.0, 3 LwM2M, 4 TR-069, like 3:coaps://dm.example.com");
		mst_put_str(&out, w->in->uri);
		mst_put_nul(&out);
		return true;
	}
	if (!w->conf->objects_uri[0])
		return bad(w, MST_RSC_CONFLICT, "objects", "there is no MEF in this installation to fetch them from");
	if (!w->m->admin_fqdn[0])
		return bad(w, MST_RSC_CONFLICT, "adminFQDN", "the node has no subscription; say with which stakeholder it is registered");
	mst_put_dec(&out, MST_DEV_MGMT_OURS);
	mst_put_str(&out, ":");
	mst_put_str(&out, w->conf->objects_uri);
	mst_put_str(&out, w->m->admin_fqdn);
	mst_put_nul(&out);
	return out.ok || bad(w, MST_RSC_CONFLICT, "adminFQDN", "the URI would be longer than 255 octets");
}

static bool mo_node(struct work *w)
{
	static const struct { int64_t id, mgmt; } types[] = {
		{ 1, MST_MGMT_AUTH_PROFILE }, { 2, MST_MGMT_TRUST_ANCHOR }, { 3, MST_MGMT_MAF_REG },
	};
	size_t i = 0;

	if (!only(w, false, false, true, false))
		return false;
	w->m->class_id = MST_CMD_MO_NODE;
	if (!w->in->path[0] || !mst_printable_ascii(mst_view_str(w->in->path)) || strchr(w->in->path, ' '))
		return bad(w, MST_RSC_BAD_REQUEST, "path", "expected the path of a management object, like registrar/auth");
	while (i < MST_COUNT(types) && strcmp(mst_mgmt_text(types[i].mgmt), w->in->type))
		i++;
	if (i == MST_COUNT(types))
		return bad(w, MST_RSC_BAD_REQUEST, "type", "expected authenticationProfile, trustAnchorCred or MAFClientRegCfg");
	if (types[i].id != 1 && w->in->suid)
		return bad(w, MST_RSC_BAD_REQUEST, "SUID", "belongs to authenticationProfile (TS-0003 12.4.10)");
	if (types[i].id == 1 && (w->in->suid < 10 || w->in->suid > 45 || !mst_suid_known((int)w->in->suid)))
		return bad(w, MST_RSC_BAD_REQUEST, "SUID", "expected the SUID of the profile, like 22");
	w->m->number = types[i].id;
	w->m->kind = w->in->suid;
	(void)mst_view_to_str(mst_view_str(w->in->path), w->m->uri, sizeof(w->m->uri));
	return true;
}

static bool stakeholder(struct work *w, const struct mst_subscription *sub)
{
	const char *admin = w->in->admin_fqdn[0] ? w->in->admin_fqdn : sub ? sub->sp_fqdn : "";
	bool known = !sub || mst_id_equal(MST_ID_FQDN, mst_view_str(admin), mst_view_str(sub->sp_fqdn));

	for (size_t i = 0; i < w->conf->n_stakeholder; i++)
		known = known || mst_id_equal(MST_ID_FQDN, mst_view_str(admin), mst_view_str(w->conf->stakeholder[i]));
	if (!known)
		return bad(w, MST_RSC_CONFLICT, "adminFQDN", "neither the node's provider nor one of mef.stakeholders");
	return !*admin || mst_id_normalise(MST_ID_FQDN, mst_view_str(admin), w->m->admin_fqdn) ||
	       bad(w, MST_RSC_BAD_REQUEST, "adminFQDN", "expected an FQDN");
}

/* Which of the node's two names that is, in the spelling in which the node was told it: it may compare octets. */
static bool target(const struct mst_node *n, const char *said, char ret[MST_ID_MAX])
{
	const char *ids[] = { n->cse_id, n->ae_id };

	for (size_t i = 0; i < MST_COUNT(ids); i++)
		if (mst_id_enrolee_equal(mst_view_str(said), ids[i]))
			return mst_view_to_str(mst_view_str(ids[i]), ret, MST_ID_MAX);
	return false;
}

enum admin_verdict admin_decide_command(const struct mst_node *n, const struct mst_subscription *sub, const struct admin_command_input *in,
					const struct mst_role_conf *conf, size_t open, mst_time now, struct mst_command *ret,
					int *ret_rsc, struct mst_diag *d)
{
	static const struct { const char *text; bool (*make)(struct work *w); } classes[] = {
		{ "cert-prov", cert_prov }, { "dev-cfg", dev_cfg }, { "mo-node", mo_node },
	};
	struct work w = { n, in, conf, ret, ret_rsc, d };
	size_t i = 0;

	memset(ret, 0, sizeof(*ret));
	ret->node = n->id;
	ret->created = now;
	while (i < MST_COUNT(classes) && strcmp(classes[i].text, in->class_text))
		i++;
	if (i == MST_COUNT(classes))
		return refuse(MST_RSC_BAD_REQUEST, ret_rsc, d, "class", "expected cert-prov, dev-cfg or mo-node");
	if (n->state == MST_NODE_REVOKED || n->state == MST_NODE_RELEASED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the node is revoked or released; it takes no commands");
	if (open >= ADMIN_COMMANDS_MAX)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "64 commands wait for the node already; cancel some");
	if (in->target[0] && !target(n, in->target, ret->target))
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "target", "expected the CSE-ID or AE-ID of the node (targetID)");
	return stakeholder(&w, sub) && classes[i].make(&w) ? ADMIN_DONE : ADMIN_REFUSED;
}

enum admin_verdict admin_decide_cancel(struct mst_command *m, mst_time now, int *ret_rsc, struct mst_diag *d)
{
	if (m->state == MST_COMMAND_CANCELLED)
		return ADMIN_UNCHANGED;
	if (m->state == MST_COMMAND_ENDED)
		return refuse(MST_RSC_CONFLICT, ret_rsc, d, "id", "the node has carried it out or refused it already");
	m->state = MST_COMMAND_CANCELLED;
	m->ended = now;
	return ADMIN_DONE;
}
