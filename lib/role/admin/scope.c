/*
 * Several providers on one installation, strictly apart (architecture 4; doc/decisions/0019). A provider's people see its
 * subscriptions, the nodes that these cover now, and the events of the time in which the nodes were theirs. What is another's
 * is answered as what does not exist. Owner's rules, places, briefings and the installation itself are not theirs.
 *
 * Whose people ask is told by the user id that the kernel gives; the installation's own people may ask in a provider's name
 * (muster --provider), and are held to the same.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"
#include "role/name.h"

#define PREFIX "/v1/providers/"
#define DIGITS 12               /* with as many an M2M-Node-ID is nobody's number: those of IMEIs and EUIs are longer */
#define BELOW 8                 /* labels of a name before its provider's FQDN: each is looked for */

bool admin_own_people(const struct admin *q, const struct mst_peer *p)
{
	return p->uid == 0 || p->uid == (uint32_t)geteuid() || admin_four_person(q->env->conf, p->uid);
}

/* For which provider may this user ask? With none named: the first that it is of. */
static bool of_provider(struct admin *q, const struct mst_peer *p)
{
	const struct mst_role_conf *c = q->env->conf;

	for (size_t i = 0; c && i < c->n_provider; i++) {
		if (c->provider[i].uid != p->uid)
			continue;
		if (!q->sp[0])
			memcpy(q->sp, c->provider[i].sp, sizeof(q->sp));
		if (mst_id_equal(MST_ID_FQDN, mst_view_str(q->sp), mst_view_str(c->provider[i].sp)))
			return true;
	}
	return false;
}

bool admin_scope_take(struct admin *q, const struct mst_peer *p, struct mst_view *path)
{
	struct mst_view rest, sp;

	if (p->how != MST_AUTH_LOCAL || p->uid == MST_UID_NOBODY)
		return false;
	if (mst_view_starts(*path, PREFIX)) {
		rest = mst_view_sub(*path, strlen(PREFIX), path->n);
		sp = mst_view_sub(rest, 0, mst_view_find(rest, '/'));
		rest = mst_view_sub(rest, sp.n, rest.n);
		/* the rest begins with a slash, and "/v1" stands before it: the same octets as if nobody had been named */
		if (!mst_id_normalise(MST_ID_FQDN, sp, q->sp) || rest.n < 2 || rest.n + 3 >= sizeof(q->path))
			return false;
		memcpy(q->path, "/v1", 3);
		memcpy(q->path + 3, rest.p, rest.n);
		*path = (struct mst_view){ (const uint8_t *)q->path, rest.n + 3 };
	}
	if (!admin_own_people(q, p) && !of_provider(q, p))
		return false;
	if (q->sp[0] && !q->approved)
		snprintf(q->who, sizeof(q->who), "uid %u for %.200s", p->uid, q->sp);
	return true;
}

bool admin_owns_sub(const struct admin *q, const struct mst_subscription *r)
{
	return !q->sp[0] || mst_id_equal(MST_ID_FQDN, mst_view_str(q->sp), mst_view_str(r->sp_fqdn));
}

static int owns_sub_id(struct admin *q, const char *id, bool *ret_own)
{
	struct mst_subscription sub;
	int r = *id ? mst_store_sub_get(q->env->store, id, &sub) : MST_STORE_NONE;

	*ret_own = !r && admin_owns_sub(q, &sub);
	return r < 0 ? r : 0;
}

int admin_owns_node(struct admin *q, const struct mst_node *n, bool *ret_own)
{
	*ret_own = true;
	return q->sp[0] ? owns_sub_id(q, n->sub_id, ret_own) : 0;
}

int admin_owns_node_id(struct admin *q, int64_t id, bool *ret_own)
{
	struct mst_node n;
	int r = mst_store_node_get(q->env->store, id, &n);

	*ret_own = false;
	return r < 0 ? r : r ? 0 : admin_owns_node(q, &n, ret_own);
}

int admin_owns_since(struct admin *q, int64_t node, mst_time at, bool *ret_own)
{
	struct mst_node_past past;
	int r;

	*ret_own = true;
	if (!q->sp[0])
		return 0;
	r = admin_owns_node_id(q, node, ret_own);
	if (r || !*ret_own)
		return r;
	r = mst_store_past_last(q->env->store, node, &past);
	*ret_own = r || at >= past.at;
	return r < 0 ? r : 0;
}

/* "//other.example.com/CSE1": a name that the node had, or has, with somebody else. */
static bool name_of_other(const struct admin *q, const char *who)
{
	return !strncmp(who, "//", 2) && !mst_name_of_realm(who, q->sp);
}

/* An event of the time in which the node is the provider's; of the certificates that end in it, those that it got in that time. */
static int owns_now(struct admin *q, const struct mst_event *e, bool *ret_own)
{
	static const char before[] = ", serial ";
	const char *serial = NULL;
	struct mst_cert_row row;
	int r;

	/* the last: what stands before it is a name, and may be any text */
	for (const char *at = e->why; !strcmp(e->what, "certificate.revoked") && (at = strstr(at, before)); at++)
		serial = at + strlen(before);
	if (!serial)
		return admin_owns_node_id(q, e->node, ret_own);
	r = mst_store_cert_get(q->env->store, serial, &row);
	return r ? r < 0 ? r : 0 : admin_owns_since(q, row.node, row.issued, ret_own);
}

/*
 * What is said of a node that is a provider's to know: what MEF and MAF did, and what was done by hand. Briefing node, BSF, Zn and HSS speak of
 * rules, of briefings and of SIMs, which are the owner's and the operator's, by their names and numbers; and so do some of an operator's acts.
 */
static bool for_providers(const struct mst_event *e)
{
	static const char *const roles[] = { "mef", "maf", "admin" }, *const not_theirs[] = { "sim.", "node.place" };
	bool good = false;

	for (size_t i = 0; i < MST_COUNT(roles); i++)
		good = good || !strcmp(e->role, roles[i]);
	for (size_t i = 0; i < MST_COUNT(not_theirs); i++)
		good = good && strncmp(e->what, not_theirs[i], strlen(not_theirs[i])) != 0;
	return good;
}

int admin_owns_event(struct admin *q, const struct mst_event *e, bool *ret_own)
{
	struct mst_node_past past;
	char id[MST_ID_MAX];
	const char *end;
	int r;

	*ret_own = !q->sp[0];
	if (*ret_own)
		return 0;
	if (e->node) {
		if (!for_providers(e) || name_of_other(q, e->who))
			return 0;
		r = mst_store_past_find(q->env->store, e->node, e->seq, &past);
		if (r < 0)
			return r;
		if (r)
			return owns_now(q, e, ret_own);
		*ret_own = mst_id_equal(MST_ID_FQDN, mst_view_str(q->sp), mst_view_str(past.sp_fqdn));
		return 0;
	}
	if (strncmp(e->what, "subscription.", strlen("subscription.")))
		return 0;
	/* "sub-1", or "sub-1: why" */
	end = strstr(e->why, ": ");
	snprintf(id, sizeof(id), "%.*s", end ? (int)(end - e->why) : (int)sizeof(id) - 1, e->why);
	return owns_sub_id(q, id, ret_own);
}

static bool wrong(struct mst_diag *d, const char *field, const char *text)
{
	mst_diag_set(d, 0, field, text, NULL);
	return false;
}

static int is_provider(struct admin *q, const char *fqdn, bool *ret_yes)
{
	const struct mst_role_conf *c = q->env->conf;
	struct mst_subscription sub;
	int r;

	*ret_yes = false;
	for (size_t i = 0; c && i < c->n_provider && !*ret_yes; i++)
		*ret_yes = !strcmp(c->provider[i].sp, fqdn);
	if (*ret_yes)
		return 0;
	r = mst_store_sub_of_sp(q->env->store, fqdn, &sub);
	*ret_yes = !r;
	return r < 0 ? r : 0;
}

/* Below its FQDN a name is the provider's own; but another's FQDN may be below it, too, and what is below that is the other's. */
static int domain_good(struct admin *q, const char *domain, bool *ret_good)
{
	const char *at = domain, *dot;
	bool others = false;
	int r = 0;

	*ret_good = false;
	for (int i = 0; strcmp(at, q->sp) && !others && !r; i++, at = dot + 1) {
		dot = strchr(at, '.');
		if (!dot || i == BELOW)
			return 0;
		r = is_provider(q, at, &others);
	}
	*ret_good = !others;
	return r;
}

/* A name in somebody else's realm would be taken from whoever it belongs to. 0, ADMIN_REFUSED with `d`, or a fault. */
static int name_good(struct admin *q, enum mst_id_kind kind, const char *name, const char *field, const char *expected, struct mst_diag *d)
{
	bool good = (kind != MST_ID_CSE_ABS && kind != MST_ID_AE_ABS) || !name_of_other(q, name);
	char domain[MST_ID_MAX];
	int r = good && admin_domain_of(kind, name, domain) ? domain_good(q, domain, &good) : 0;

	if (r || good)
		return r;
	wrong(d, field, expected);
	return ADMIN_REFUSED;
}

bool admin_origin_good(const struct admin *q, const struct admin_node_input *in, struct mst_diag *d)
{
	static const uint8_t not_said[MST_SHA256_LEN];

	for (size_t i = 0; i < in->n && q->sp[0]; i++)
		if (memcmp(in->identity[i].anchor, not_said, sizeof(not_said)) && memcmp(in->identity[i].anchor, mst_anchor_none, MST_SHA256_LEN))
			return wrong(d, "anchor", "is the installation's people's to say, as it stays with a node that moves: leave it "
				     "out; they bind the name (muster node bind)");
	return true;
}

/* For everybody: a name must not be what names another node, whether there is one today or not. */
static bool node_ids_good(const struct admin_node_input *in, struct mst_diag *d)
{
	static const char entity[] = "in the form of a CSE-ID or AE-ID it may be the node's own one only; expected one like urn:dev:ops:32473-sensor-1";
	const char *id = in->node.node_id;
	char field[32];

	if (!mst_node_id_counts(&in->node, id))
		return wrong(d, "nodeID", entity);
	if (strlen(id) < DIGITS && strspn(id, "0123456789") == strlen(id))
		return wrong(d, "nodeID", "so few digits are a node's number here; expected 12 of them at least, or one like urn:dev:ops:32473-sensor-1");
	for (size_t i = 0; i < in->n; i++) {
		snprintf(field, sizeof(field), "identities[%zu]", i);
		if (in->identity[i].kind == MST_ID_NODE && !mst_node_id_counts(&in->node, in->identity[i].value))
			return wrong(d, field, entity);
	}
	return true;
}

/*
 * What names a MAF is nobody's at the MEF when it names a node, too. Another server may be a node, as a CSE that is a NAF is; but that is not a provider's
 * people's to say. What a CSE is called counts as what proves it: a certificate shows either as that domain name (TS-0001 6.5.1.1).
 */
static bool server_good(const struct admin *q, enum mst_id_kind kind, const char *name, const char *field, struct mst_diag *d)
{
	const struct mst_role_conf *c = q->env->conf;
	char domain[MST_ID_MAX];

	if (!c || !admin_domain_of(kind, name, domain))
		return true;
	for (size_t k = 0; k < c->n_maf; k++)
		if (mst_id_equal(MST_ID_FQDN, mst_view_str(domain), mst_view_str(c->maf_fqdn[k])))
			return wrong(d, field, "that is a MAF's name (mef.mafs); a certificate that names a node and a MAF is neither's");
	if (q->sp[0] && c->names_server && c->names_server(c->names, domain))
		return wrong(d, field, "that is a server's name here; the installation's people enter it, if it is a node's");
	return true;
}

static bool servers_good(const struct admin *q, const struct admin_node_input *in, struct mst_diag *d)
{
	char field[32];

	if (!server_good(q, MST_ID_CSE_ABS, in->node.cse_id, "cseID", d))
		return false;
	for (size_t i = 0; i < in->n; i++) {
		snprintf(field, sizeof(field), "identities[%zu]", i);
		if (!server_good(q, in->identity[i].kind, in->identity[i].value, field, d))
			return false;
	}
	return true;
}

bool admin_moved_name_good(const struct admin *q, const struct mst_node *n, const struct mst_node *was, struct mst_diag *d)
{
	return !strcmp(n->cse_id, was->cse_id) || server_good(q, MST_ID_CSE_ABS, n->cse_id, "cseID", d);
}

static int names_good(struct admin *q, const struct admin_node_input *in, struct mst_diag *d)
{
	const struct mst_node *n = &in->node;
	char field[32];
	int r = name_good(q, MST_ID_CSE_ABS, n->cse_id, "cseID", "expected one of this provider's, like //sp.example.com/CSE01", d);

	if (!r)
		r = name_good(q, MST_ID_AE_ABS, n->ae_id, "aeID", "expected one of this provider's, like //sp.example.com/S01", d);
	for (size_t i = 0; i < in->n && !r; i++) {
		snprintf(field, sizeof(field), "identities[%zu]", i);
		r = name_good(q, in->identity[i].kind, in->identity[i].value, field, "expected a name in this provider's own realm", d);
	}
	return r;
}

int admin_new_node_good(struct admin *q, const struct admin_node_input *in, const struct mst_subscription *sub, struct mst_diag *d)
{
	if (!node_ids_good(in, d) || !servers_good(q, in, d))
		return ADMIN_REFUSED;
	if (!q->sp[0])
		return 0;
	if (!sub || !admin_owns_sub(q, sub)) {
		wrong(d, "subscription", "expected a subscription of this provider");
		return ADMIN_REFUSED;
	}
	return names_good(q, in, d);
}

static int refuse(struct admin *q, int rsc, const char *field, const char *text)
{
	struct mst_diag d = { 0 };
	int r;

	mst_diag_set(&d, 0, field, text, NULL);
	r = admin_refuse(q, rsc, &d);
	return r ? r : 1;
}

static int check_node(struct admin *q)
{
	struct mst_node n;
	bool own = false;
	int r = admin_find_node(q, q->id, &n);

	if (!r)
		r = admin_owns_node(q, &n, &own);
	if (r < 0 || own)
		return r < 0 ? r : 0;
	r = admin_no_such_node(q);
	return r ? r : 1;
}

static int check_cert(struct admin *q)
{
	struct mst_cert_row row;
	bool own = false;
	int r;

	for (char *p = q->id; *p; p++)
		if (*p >= 'a' && *p <= 'f')
			*p = (char)(*p - 'a' + 'A');
	r = strlen(q->id) < sizeof(row.serial) ? mst_store_cert_get(q->env->store, q->id, &row) : MST_STORE_NONE;
	if (!r && row.node)
		r = admin_owns_since(q, row.node, row.issued, &own);
	if (r < 0 || own)
		return r < 0 ? r : 0;
	return refuse(q, MST_RSC_NOT_FOUND, "id", "there is no such certificate");
}

static int check_asked(struct admin *q)
{
	struct mst_certreq row;
	uint64_t id;
	bool own = false;
	int r = mst_parse_dec(mst_view_str(q->id), INT64_MAX, &id) ? mst_store_certreq_get(q->env->store, (int64_t)id, &row) : MST_STORE_NONE;

	if (!r)
		r = admin_owns_since(q, row.node, row.asked, &own);
	if (r < 0 || own)
		return r < 0 ? r : 0;
	return refuse(q, MST_RSC_NOT_FOUND, "id", "there is no such request");
}

static int check_command(struct admin *q)
{
	struct mst_command row;
	uint64_t id;
	bool own = false;
	int r = mst_parse_dec(mst_view_str(q->id), INT64_MAX, &id) ? mst_store_command_get(q->env->store, (int64_t)id, &row) : MST_STORE_NONE;

	if (!r)
		r = admin_owns_since(q, row.node, row.created, &own);
	if (r < 0 || own)
		return r < 0 ? r : 0;
	return refuse(q, MST_RSC_NOT_FOUND, "id", "there is no such command; expected its number (muster command list)");
}

static int check_sub(struct admin *q)
{
	bool own;
	int r = owns_sub_id(q, q->id, &own);

	if (r || own)
		return r;
	return refuse(q, MST_RSC_NOT_FOUND, "id", "there is no such subscription; expected its M2M-Sub-ID");
}

int admin_scope_check(struct admin *q, const struct admin_route *route)
{
	if (!q->sp[0])
		return 0;
	switch (route->scope) {
	case ADMIN_OWN_LIST: return 0;
	case ADMIN_OWN_NODE: return check_node(q);
	case ADMIN_OWN_SUB: return check_sub(q);
	case ADMIN_OWN_CERT: return check_cert(q);
	case ADMIN_OWN_ASKED: return check_asked(q);
	case ADMIN_OWN_CMD: return check_command(q);
	case ADMIN_WHOLE: break;
	}
	return refuse(q, MST_RSC_NO_PRIVILEGE, "path", "this is for the people of the installation, not for those of one provider");
}
