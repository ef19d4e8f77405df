#include "role/common/common.h"
#include "role/common/naf.h"
#include "role/name.h"

#include <stdio.h>
#include <string.h>

/*
 * The channel's identity (lesson 25): the only place that turns what a handshake proved into a record, for every
 * role. Certificate names are looked up exactly, one by one; a trust anchor that the record names must be the one
 * that the path ended at; names that point to different nodes point to nobody.
 */

static bool zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return !any;
}

static void bind(struct mst_who *w, enum mst_id_kind kind, const char *value)
{
	if (!value[0])
		return;
	for (size_t i = 0; i < w->n_name; i++)
		if (w->name[i].kind == kind && !strcmp(w->name[i].value, value))
			return;
	if (w->n_name == MST_WHO_NAMES)
		return;
	w->name[w->n_name].kind = kind;
	MST_STR_SET(w->name[w->n_name].value, value);
	w->n_name++;
}

static int bind_row(void *arg, const struct mst_identity *row)
{
	struct mst_who *w = arg;

	if (row->kind != MST_ID_NODE || mst_node_id_counts(&w->node, row->value))
		bind(w, row->kind, row->value);
	return 0;
}

static void nobody(struct mst_who *w, const char *why)
{
	char claim[MST_ID_MAX];

	memcpy(claim, w->claim, sizeof(claim));
	memset(w, 0, sizeof(*w));
	memcpy(w->claim, claim, sizeof(claim));
	MST_STR_SET(w->why, why);
}

/* A node of the registry with every identifier it may name in From, and its subscription. */
static int load_node(struct mst_role_env *env, int64_t id, struct mst_who *w)
{
	int r = mst_store_node_get(env->store, id, &w->node);

	if (r < 0)
		return r;
	if (r) {
		nobody(w, "the identity's node is gone");
		return 0;
	}
	if (!mst_node_name(&w->node)[0]) {
		nobody(w, "the node's only name is in the form of a CSE-ID that it does not have: give it one (muster node move)");
		return 0;
	}
	w->kind = MST_WHO_NODE;
	w->has_node = true;
	MST_STR_SET(w->id, mst_node_name(&w->node));
	bind(w, MST_ID_CSE_ABS, w->node.cse_id);
	bind(w, MST_ID_AE_ABS, w->node.ae_id);
	if (mst_node_id_counts(&w->node, w->node.node_id))
		bind(w, MST_ID_NODE, w->node.node_id);
	r = mst_store_identity_list(env->store, id, bind_row, w);
	if (r < 0)
		return r;
	if (!w->node.sub_id[0])
		return 0;
	r = mst_store_sub_get(env->store, w->node.sub_id, &w->sub);
	if (r < 0)
		return r;
	w->has_sub = r == 0;
	return 0;
}

/* Whose name is it, by what it says that it is? 0 in *ret_node: of nobody that is known here. */
static int node_called(struct mst_role_env *env, const char *id, int64_t *ret_node)
{
	struct mst_node found;
	int r = mst_store_node_find(env->store, id, &found);

	*ret_node = !r && mst_node_id_counts(&found, id) ? found.id : 0;
	return r < 0 ? r : 0;
}

static bool anchored(const uint8_t want[MST_SHA256_LEN], const struct mst_peer *p)
{
	return zero(want, MST_SHA256_LEN) || !memcmp(want, p->anchor_sha256, MST_SHA256_LEN);
}

/*
 * Every maker's CA could sign the name of any other maker's node: a name counts under the anchor that the operator
 * bound it to, or where he said "any". A name bound to nothing counts only while there is nothing to confuse.
 */
static bool bound(const struct mst_identity *row, const struct mst_role_conf *conf, const struct mst_peer *p, const char **ret_why)
{
	if (!memcmp(row->anchor, mst_anchor_any, MST_SHA256_LEN))
		return true;
	if (!memcmp(row->anchor, mst_anchor_none, MST_SHA256_LEN)) {
		*ret_why = "the name is known, but as one of a node without a certificate (muster node bind changes that)";
		return false;
	}
	if (zero(row->anchor, MST_SHA256_LEN)) {
		if (conf->makers.n <= 1)
			return true;
		*ret_why = "the name is bound to no trust anchor, and there are several: bind it to its maker's CA with "
		           "muster node bind NODE --anchor FILE";
		return false;
	}
	if (!memcmp(row->anchor, p->anchor_sha256, MST_SHA256_LEN))
		return true;
	*ret_why = "the name is known, but under another trust anchor";
	return false;
}

/* The node that the names of a certificate mean: those that count. `cse`: the name at hand as a CSE-ID, in lower case; "" = it is none. */
struct meant { struct mst_role_env *env; const struct mst_peer *p; const char *unbound, *others; char cse[MST_ID_MAX]; int64_t node; bool two; };

/*
 * Is another node called what the certificate says? What a node was called before it moved may be given anew, while its certificate goes on
 * saying it; from then on that name does not prove it. A name in other case is the same in a certificate of a CSE.
 */
static int is_others(struct meant *m, const struct mst_identity *row, bool *ret_yes)
{
	struct mst_node other;
	int64_t called = 0;
	int r = m->cse[0] ? mst_store_node_of_cse(m->env->store, m->cse, row->node, &other) : MST_STORE_NONE;

	*ret_yes = !r;
	if (r == MST_STORE_NONE && (row->kind == MST_ID_CSE_ABS || row->kind == MST_ID_AE_ABS)) {
		r = node_called(m->env, row->value, &called);
		*ret_yes = called && called != row->node;
	}
	return r < 0 ? r : 0;
}

static int mean(void *arg, const struct mst_identity *row)
{
	struct meant *m = arg;
	bool others;
	int r;

	if (!bound(row, m->env->conf, m->p, &m->unbound))
		return 0;
	r = is_others(m, row, &others);
	if (r)
		return r;
	if (others) {
		m->others = "the name in the certificate is bound to one node, and another node is called so (as it may be after a move): it does not prove the one";
		return 0;
	}
	m->two = m->two || (m->node && m->node != row->node);
	m->node = row->node;
	return 0;
}

/*
 * A CSE-ID certificate carries the CSE's public domain name (TS-0001 6.5.1.1): "cse1.sp.example" is "//sp.example/CSE1", or whatever it
 * is in other case. No two nodes are given one such name; of two from before, it is that one's who is called so, else nobody's.
 */
static int find_identity(struct mst_role_env *env, const struct mst_san *san, struct meant *m)
{
	char value[MST_ID_MAX];
	struct mst_identity row;
	int r;

	if (!mst_id_normalise(san->kind, mst_view_str(san->value), value))
		return 0;
	if (san->kind != MST_ID_FQDN || !mst_cse_of_public_name(value, m->cse))
		m->cse[0] = 0;
	r = mst_store_identity_get(env->store, san->kind, value, &row);
	if (!r)
		r = mean(m, &row);
	if (r >= 0 && m->cse[0])
		r = mst_store_identity_of_cse(env->store, m->cse, mean, m);
	return r < 0 ? r : 0;
}

/* Index of the configured MAF that the certificate names, or n_maf. */
static size_t maf_of(const struct mst_role_conf *conf, const struct mst_peer *p)
{
	for (size_t i = 0; i < conf->n_maf; i++)
		for (size_t j = 0; j < p->cert.n_san; j++)
			if (p->cert.san[j].kind == MST_ID_FQDN &&
			    mst_id_equal(MST_ID_FQDN, mst_view_str(p->cert.san[j].value), mst_view_str(conf->maf_fqdn[i])))
				return i;
	return conf->n_maf;
}

/*
 * A certificate that we issued over EST is known by its very octets, and so is its node: no name in it and no anchor
 * needs to be looked at. MST_STORE_NONE when it is not one of those.
 */
static int by_issued(struct mst_role_env *env, const struct mst_peer *p, struct mst_who *w)
{
	struct mst_cert_der der;
	struct mst_cert_row row;
	int known = mst_store_cert_der_find(env->store, p->cert.sha256, &der), r;

	if (known < 0)
		return known;
	/* One that we issued in another way (a server's), or whose signature somebody writes otherwise, is here by its number once it is revoked. Another
	 * CA's has ours if it wants to be refused. */
	r = mst_store_cert_get(env->store, known ? p->cert.serial : der.serial, &row);
	if (r || (known && !row.revoked))
		return r < 0 ? r : MST_STORE_NONE;
	if (row.revoked) {
		/* the list says so too, as soon as the listeners have the new one */
		nobody(w, "the certificate is revoked");
		return 0;
	}
	r = load_node(env, row.node, w);
	if (!r && w->kind == MST_WHO_NODE)
		MST_STR_SET(w->cert_serial, row.serial);
	return r;
}

static const char no_node_certs[] = "the MEF takes no certificates of nodes (mef.node_certificates)";

static int by_certificate(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p, struct mst_who *w)
{
	size_t maf = role == MST_ROLE_MEF ? maf_of(env->conf, p) : env->conf->n_maf;
	struct meant m = { .env = env, .p = p };
	const char *unbound;
	int64_t node;
	int issued = by_issued(env, p, w);

	if (issued != MST_STORE_NONE)
		return issued;

	for (size_t i = 0; i < p->cert.n_san; i++) {
		int r = find_identity(env, &p->cert.san[i], &m);

		if (r)
			return r;
	}
	if (m.two) {
		nobody(w, "the certificate names two nodes");
		w->clash = true;
		return 0;
	}
	node = m.node;
	unbound = m.others ? m.others : m.unbound;
	if (maf < env->conf->n_maf) {
		if (node)
			nobody(w, "the certificate names a node and a MAF");
		else if (!anchored(env->conf->maf_anchor[maf], p))
			nobody(w, "a MAF's name under another trust anchor");
		else if (mst_id_normalise(MST_ID_FQDN, mst_view_str(env->conf->maf_fqdn[maf]), w->id)) {
			w->kind = MST_WHO_MAF;
			bind(w, MST_ID_FQDN, w->id);
		}
		return 0;
	}
	if (node && role == MST_ROLE_MEF && env->conf->no_node_certs) {
		nobody(w, no_node_certs);
		return 0;
	}
	if (!node) {
		nobody(w, unbound ? unbound :
		       p->cert.n_san ? "no name in the certificate is known" : "the certificate holds no name");
		w->clash = unbound != NULL;
		return 0;
	}
	return load_node(env, node, w);
}

int mst_role_sim(struct mst_role_env *env, enum mst_sim_name by, const char *name, struct mst_sim *ret, struct mst_who *ret_who)
{
	int r = mst_store_sim_find(env->store, by, name, ret);

	memset(ret_who, 0, sizeof(*ret_who));
	return r || !ret->node ? r : mst_role_client(env, "", ret->node, ret_who);
}

static void bind_client(struct mst_who *w, const char *id)
{
	static const enum mst_id_kind kinds[] = { MST_ID_CSE_ABS, MST_ID_AE_ABS, MST_ID_FQDN, MST_ID_DEVICE, MST_ID_NODE };

	/* an M2M-Node-ID that looks like an FQDN is bound as what it is, and as nothing else */
	if (w->has_node && !mst_name_of_entity(id) && !strcmp(id, w->node.node_id))
		return;
	for (size_t i = 0; i < MST_COUNT(kinds); i++)
		if (mst_id_valid(kinds[i], mst_view_str(id)) && (kinds[i] != MST_ID_NODE || !mst_name_of_entity(id)))
			bind(w, kinds[i], id);
}

int mst_role_client(struct mst_role_env *env, const char *client_id, int64_t node, struct mst_who *w)
{
	int64_t called;
	int r = node ? 0 : node_called(env, client_id, &node);

	memset(w, 0, sizeof(*w));
	if (r)
		return r;
	if (node) {
		r = load_node(env, node, w);
		if (r < 0)
			return r;
	} else {
		w->kind = MST_WHO_CLIENT;
	}
	if (w->kind == MST_WHO_NOBODY)
		return 0;
	/* a key of a node by an M2M-Node-ID that is another's CSE-ID; one from before a move is not, as long as nobody else has that name */
	if (w->has_node && !strcmp(client_id, w->node.node_id) && !mst_node_id_counts(&w->node, client_id)) {
		r = node_called(env, client_id, &called);
		if (r)
			return r;
		if (called && called != node) {
			nobody(w, "its key is by a name that is another node's");
			return 0;
		}
	}
	MST_STR_SET(w->id, client_id);
	bind_client(w, client_id);
	return 0;
}

/* MAF client by its key: it is whom the MEF named when it gave the key (8.8.2.3). */
static int by_key(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p, struct mst_who *w)
{
	struct mst_credential cred;
	char id[MST_ID_MAX];
	int r;

	if (!mst_naf_key_name(env->conf, p->psk_identity, id)) {
		nobody(w, "the PSK identity is no key identifier");
		return 0;
	}
	r = mst_store_cred_get(env->store, role, id, &cred);
	if (r < 0)
		return r;
	if (r || cred.state == MST_CRED_REVOKED || cred.expires <= env->now) {
		nobody(w, r ? "the session's key is gone" : cred.expires <= env->now ? "the session's key has expired" :
		       "the session's key is revoked");
		return 0;
	}
	r = mst_role_client(env, cred.client_id, cred.node, w);
	if (r < 0)
		return r;
	MST_STR_SET(w->claim, p->psk_identity);
	w->has_cred = w->kind != MST_WHO_NOBODY;
	w->cred = cred;
	return 0;
}

/* A node at a MEF by the key of its SIM, which stands in for a maker's secret. */
static int by_sim(struct mst_role_env *env, enum mst_role role, const struct mst_naf *n, struct mst_who *w)
{
	struct mst_credential cred;
	int r = mst_store_cred_get(env->store, role, n->btid, &cred);

	if (r < 0)
		return r;
	if (r || cred.purpose != MST_PURPOSE_KPM || !cred.node || cred.state == MST_CRED_REVOKED || cred.expires <= env->now) {
		nobody(w, "the session's key is gone");
		return 0;
	}
	r = load_node(env, cred.node, w);
	if (r)
		return r;
	MST_STR_SET(w->claim, n->btid);
	return 0;
}

/* A node by the secret that its maker gave it (KpmID and Kpm: spec 2.2), which the operator brought to its record. */
static int by_secret(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p, struct mst_who *w)
{
	struct mst_credential cred;
	char id[MST_ID_MAX];
	struct mst_naf naf;
	const char *why;
	int r = MST_STORE_NONE;

	if (role == MST_ROLE_MEF && mst_naf_of(env->conf, p->psk_identity, p->suite, &naf, &why) == MST_NAF_BTID)
		return by_sim(env, role, &naf, w);
	if (env->conf->no_secrets) {
		nobody(w, mst_role_no_secrets(role));
		return 0;
	}
	if (mst_id_normalise(MST_ID_KEY, mst_view_str(p->psk_identity), id))
		r = mst_store_cred_get(env->store, MST_ROLE_SECRETS, id, &cred);
	if (r < 0)
		return r;
	if (r || cred.purpose != MST_PURPOSE_KPM || !cred.node || cred.state == MST_CRED_REVOKED || cred.expires <= env->now) {
		nobody(w, "the session's secret is gone");
		return 0;
	}
	r = load_node(env, cred.node, w);
	if (r)
		return r;
	MST_STR_SET(w->claim, p->psk_identity);
	return 0;
}

int mst_role_secret_owner(struct mst_role_env *env, const struct mst_credential *cred, struct mst_who *w)
{
	int r = 0;

	memset(w, 0, sizeof(*w));
	if (cred->node)
		r = load_node(env, cred->node, w);
	w->n_name = 0;
	return r;
}

int mst_role_identify(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p, struct mst_who *w)
{
	int r = mst_role_identify_lapsed(env, role, p, w);

	/* a listener lets one in for the sake of re-enrolment only (mef.est_grace) */
	if (!r && p->how == MST_AUTH_CERT && p->cert.not_after && p->cert.not_after <= env->now)
		nobody(w, "the certificate has expired");
	/* one of ours is shown over EST, for its renewal (RFC 7030 4.2.2), however the node enrols; it is a node's certificate for all else */
	else if (!r && role == MST_ROLE_MEF && env->conf->no_node_certs && w->cert_serial[0])
		nobody(w, no_node_certs);
	return r;
}

/* By its certificate, key or secret. */
static int proven(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p, struct mst_who *w)
{
	memset(w, 0, sizeof(*w));
	switch (p->how) {
	case MST_AUTH_CERT:
		MST_STR_SET(w->claim, p->cert.n_san ? p->cert.san[0].value : p->cert.subject);
		return by_certificate(env, role, p, w);
	case MST_AUTH_PSK:
		MST_STR_SET(w->claim, p->psk_identity);
		if (role == MST_ROLE_MAF)
			return by_key(env, role, p, w);
		if (role == MST_ROLE_BBN || role == MST_ROLE_MEF)
			return by_secret(env, role, p, w);
		nobody(w, "pre-shared keys are not taken by this role");
		return 0;
	case MST_AUTH_ANONYMOUS:
		nobody(w, "not authenticated");
		w->stranger = true;
		return 0;
	case MST_AUTH_RAW_KEY:
	case MST_AUTH_LOCAL:
		break;
	}
	nobody(w, "this kind of authentication is not taken by this role");
	return 0;
}

static bool shows(const struct mst_peer *p, const struct mst_san *name)
{
	char value[MST_ID_MAX];

	for (size_t i = 0; p->how == MST_AUTH_CERT && i < p->cert.n_san; i++) {
		const struct mst_san *san = &p->cert.san[i];

		if (san->kind == MST_ID_FQDN && name->kind == MST_ID_CSE_ABS ?
		    mst_cse_public_name(mst_view_str(name->value), value) && mst_id_equal(MST_ID_FQDN, mst_view_str(value), mst_view_str(san->value)) :
		    san->kind == name->kind && mst_id_normalise(san->kind, mst_view_str(san->value), value) && !strcmp(value, name->value))
			return true;
	}
	return false;
}

/* By the key of before, which is why it is called so: as it stands, or as certificates show a CSE. */
static bool is_called(const char *id, const struct mst_san *name)
{
	char public[MST_ID_MAX];

	return !strcmp(name->value, id) || (name->kind == MST_ID_FQDN && mst_cse_public_name(mst_view_str(id), public) &&
	       mst_id_equal(MST_ID_FQDN, mst_view_str(public), mst_view_str(name->value)));
}

/*
 * What proves a node stays with it when it moves (doc/decisions/0025), and so do the names that it had there with its former provider. Nothing is for
 * it by such a name any more. In From it may say what stands in the certificate that it shows, since that is all that some nodes know of
 * themselves; and a key of before makes it who it was, for the grace (mst_role_client).
 */
static int leave_names(struct mst_role_env *env, const struct mst_peer *p, struct mst_who *w)
{
	struct mst_san one;
	bool left;

	for (size_t i = 0; w->has_node && w->has_sub && i + w->n_shown < w->n_name;) {
		int r = mst_name_left(env->store, &w->node, w->sub.sp_fqdn, w->name[i].kind, w->name[i].value, &left);

		if (r)
			return r;
		if (!left || is_called(w->id, &w->name[i])) {
			i++;
			continue;
		}
		one = w->name[i];
		memmove(&w->name[i], &w->name[i + 1], (--w->n_name - i) * sizeof(one));
		if (shows(p, &one)) {
			w->name[w->n_name++] = one;
			w->n_shown++;
		}
	}
	return 0;
}

int mst_role_identify_lapsed(struct mst_role_env *env, enum mst_role role, const struct mst_peer *p, struct mst_who *w)
{
	int r = proven(env, role, p, w);

	return r ? r : leave_names(env, p, w);
}

int mst_role_whose(const struct mst_who *w, struct mst_whose *ret)
{
	*ret = (struct mst_whose){ .one = w->has_node ? w->node.id : 0 };
	return w->has_node && w->has_sub ? mst_sub_number(w->sub.id, &ret->group) : 0;
}
