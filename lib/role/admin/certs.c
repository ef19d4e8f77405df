/* Certificates of our own CA: revoking one, and the list of those that were. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/pki.h"
#include "keeper/signer.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"

/* All that are revoked and have not ended, then those of them that the list has room for. */
struct one { struct mst_revoked r; int64_t node; };
struct revoked { struct one *row; size_t n, cap; };

static int keep(void *arg, const struct mst_cert_row *r)
{
	struct revoked *l = arg;
	struct one *o;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;

		o = realloc(l->row, cap * sizeof(*o));
		if (!o)
			return MST_FAULT_MEMORY;
		l->row = o;
		l->cap = cap;
	}
	o = &l->row[l->n++];
	memset(o, 0, sizeof(*o));
	memcpy(o->r.serial, r->serial, sizeof(o->r.serial));
	o->r.when = r->revoked;
	o->r.reason = r->reason;
	o->node = r->node;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct one *x = a, *y = b;

	return x->r.when != y->r.when ? x->r.when < y->r.when ? -1 : 1 : strcmp(x->r.serial, y->r.serial);
}

/* Whose is the node? "" when it is no node's, or nobody's. */
static int provider_of(struct mst_store *s, int64_t node, char sp[MST_ID_MAX])
{
	struct mst_subscription sub;
	struct mst_node n;
	int r = node ? mst_store_node_get(s, node, &n) : MST_STORE_NONE;

	sp[0] = 0;
	if (!r)
		r = n.sub_id[0] ? mst_store_sub_get(s, n.sub_id, &sub) : MST_STORE_NONE;
	if (!r)
		memcpy(sp, sub.sp_fqdn, sizeof(sub.sp_fqdn));
	return r < 0 ? r : 0;
}

/* Those with room come first, `*ret_n` of them. */
static int choose(struct mst_role_env *env, struct revoked *l, size_t *ret_n)
{
	struct admin_listing count = { .n = 0 };
	char sp[MST_ID_MAX] = "";
	int64_t last = 0;
	size_t n = 0;
	int r;

	if (l->n)
		qsort(l->row, l->n, sizeof(*l->row), by_time);
	for (size_t i = 0; i < l->n; i++) {
		struct one o = l->row[i];

		/* only where there are shares does it matter whose it is; those of one node often come together */
		if (env->conf && env->conf->n_provider && o.node != last) {
			r = provider_of(env->store, o.node, sp);
			if (r)
				return r;
			last = o.node;
		}
		if (!admin_decide_listed(&count, env->conf, sp))
			continue;
		l->row[i] = l->row[n];
		l->row[n++] = o;
	}
	*ret_n = n;
	return 0;
}

int admin_revoked_count(struct mst_role_env *env, const char *serial, struct admin_revoked *ret)
{
	struct revoked l = { NULL, 0, 0 };
	size_t listed = 0;
	int r = mst_store_cert_list_revoked(env->store, env->now, keep, &l);

	if (!r)
		r = choose(env, &l, &listed);
	*ret = (struct admin_revoked){ .listed = listed, .unlisted = l.n - listed };
	for (size_t i = 0; serial && i < listed; i++)
		ret->has = ret->has || !strcmp(l.row[i].r.serial, serial);
	free(l.row);
	return r;
}

/* --- the list --- */

static int issue(struct mst_role_env *env, const struct mst_authorisation *leave, const struct mst_revoked *rows, size_t n_rows,
		 struct mst_list *l)
{
	struct mst_keeper_signer k = mst_keeper_signer_of(env->keeper, leave);
	uint8_t ca[MST_CERT_MAX];
	size_t n = 0;
	int r = env->keeper->ops->ca_cert(env->keeper, ca, sizeof(ca), &n);

	if (!r)
		r = mst_crl_issue(&k.signer, (struct mst_view){ ca, n }, rows, n_rows, l->number, l->made, l->until, l->der, l->cap, &l->n);
	/* the device with the CA's key: not now */
	return r > 0 ? k.outcome == MST_KEEPER_AWAY ? MST_FAULT_IO : MST_FAULT_CRYPTO : r;
}

/* What goes on the list, in `rows`. */
static int entries(struct mst_role_env *env, struct mst_revoked rows[ADMIN_REVOKED_MAX], size_t *ret_n, size_t *ret_left_out)
{
	struct revoked all = { NULL, 0, 0 };
	int r = mst_store_cert_list_revoked(env->store, env->now, keep, &all);

	*ret_n = 0;
	if (!r)
		r = choose(env, &all, ret_n);
	for (size_t i = 0; !r && i < *ret_n; i++)
		rows[i] = all.row[i].r;
	*ret_left_out = all.n - *ret_n;
	free(all.row);
	return r;
}

int admin_list(struct mst_role_env *env, struct mst_list *l)
{
	struct mst_event e = { .when = env->now, .role = "admin", .what = "crl.issued", .who = "engine" };
	struct mst_revoked *rows = calloc(ADMIN_REVOKED_MAX, sizeof(*rows));
	struct mst_authorisation leave;
	size_t n = 0, left_out = 0;
	int r = rows ? entries(env, rows, &n, &left_out) : MST_FAULT_MEMORY;

	if (!r) {
		leave = admin_decide_list(env->now, l);
		snprintf(e.why, sizeof(e.why), left_out ? "number %lld, %zu entries; %zu that are revoked have no room on it" : "number %lld, %zu entries",
			 (long long)l->number, n, left_out);
		r = mst_store_event_append(env->store, &e);
		leave.event = e.seq;
	}
	if (!r)
		r = issue(env, &leave, rows, n, l);
	free(rows);
	return r > 0 ? MST_FAULT_BUG : r;
}

/* --- revoking --- */

/* The certificate in the request, which must be one that our CA signed. */
static bool read_cert(struct admin *q, struct mst_view pem, struct mst_cert_info *ret_i, int *ret_fault, struct mst_diag *d)
{
	uint8_t der[MST_CERT_MAX], ca[MST_CERT_MAX];
	size_t at = 0, n = 0, n_ca = 0;

	if (mst_pem_next(pem, &at, "CERTIFICATE", der, sizeof(der), &n, d) || !n ||
	    mst_cert_info((struct mst_view){ der, n }, ret_i, d)) {
		mst_diag_set(d, 0, "certificate", "expected one certificate of our profile, PEM", NULL);
		return false;
	}
	*ret_fault = q->env->keeper->ops->ca_cert(q->env->keeper, ca, sizeof(ca), &n_ca);
	if (*ret_fault)
		return false;
	if (mst_cert_issued_by((struct mst_view){ der, n }, (struct mst_view){ ca, n_ca }))
		return true;
	mst_diag_set(d, 0, "certificate", "not signed by this installation's CA; its own issuer must revoke it, and its list "
		     "belongs into mef.crls", NULL);
	return false;
}

json_t *admin_json_cert(const struct mst_cert_row *r)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:i}", "serial", r->serial, "subject", r->subject, "issued", admin_json_time(r->issued),
			 "notAfter", admin_json_time(r->expires), "revoked", r->revoked ? admin_json_time(r->revoked) : json_null(), "reason", r->reason);
}

/* Of one that the list has no room for the operator hears at once: who looks at the list alone takes it. */
static int tell_unlisted(struct admin *q, const struct mst_cert_row *row)
{
	struct admin_revoked count;
	char why[256];
	int r = row->expires > q->env->now ? admin_revoked_count(q->env, row->serial, &count) : 1;

	if (r || count.has)
		return r < 0 ? r : 0;
	snprintf(why, sizeof(why), "%.80s, serial %.64s: no room on the revocation list, or in its provider's share of it", row->subject, row->serial);
	return admin_event(q, "certificate.unlisted", row->node, why);
}

int admin_revoke_row(struct admin *q, struct mst_cert_row *row, int reason, int *ret_rsc, struct mst_diag *d)
{
	char why[160];
	int r;

	switch (admin_decide_revoke(row, reason, q->env->conf, q->env->now, ret_rsc, d)) {
	case ADMIN_REFUSED: return ADMIN_REFUSED;
	case ADMIN_UNCHANGED: return 0;
	case ADMIN_DONE: break;
	}
	snprintf(why, sizeof(why), "%.80s, serial %.64s", row->subject, row->serial);
	r = mst_store_cert_put(q->env->store, row);
	if (!r)
		r = admin_event(q, "certificate.revoked", row->node, why);
	if (!r)
		r = tell_unlisted(q, row);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	q->a->revoked = true;
	return 0;
}

int admin_cert_revoke(struct admin *q)
{
	static struct mst_cert_info info;
	struct mst_cert_row row = { .serial = "" };
	struct mst_diag d = { 0 };
	struct mst_view pem;
	int reason = 0, fault = 0, rsc = MST_RSC_BAD_REQUEST, r;

	if (!admin_decode_cert(q->body, &pem, &reason, &d) || !read_cert(q, pem, &info, &fault, &d))
		return fault ? (fault < 0 ? fault : MST_FAULT_BUG) : admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = mst_store_cert_get(q->env->store, info.serial, &row);
	if (r < 0)
		return r;
	if (r) {
		memcpy(row.serial, info.serial, sizeof(row.serial));
		snprintf(row.subject, sizeof(row.subject), "%s", info.n_san ? info.san[0].value : info.subject);
		row.issued = info.not_before;
		row.expires = info.not_after;
	}
	r = admin_revoke_row(q, &row, reason, &rsc, &d);
	return r < 0 ? r : r ? admin_refuse(q, rsc, &d) : admin_answer(q, MST_RSC_OK, admin_json_cert(&row));
}
