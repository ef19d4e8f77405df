/* Certificates of our own CA: revoking one, and the list of those that were. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/pki.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"

struct revoked { struct mst_revoked *row; size_t n; };

static int keep(void *arg, const struct mst_cert_row *r)
{
	struct revoked *l = arg;

	if (l->n == ADMIN_REVOKED_MAX)
		return MST_FAULT_MEMORY;
	if (l->row) {
		memcpy(l->row[l->n].serial, r->serial, sizeof(l->row[l->n].serial));
		l->row[l->n].when = r->revoked;
		l->row[l->n].reason = r->reason;
	}
	l->n++;
	return 0;
}

/* --- the list --- */

struct by_keeper { struct mst_keeper *keeper; struct mst_authorisation leave; int outcome; };

static int sign_by_keeper(struct mst_signer *s, struct mst_view tbs, uint8_t *out, size_t cap, size_t *ret_n)
{
	struct by_keeper *k = s->ctx;

	k->outcome = k->keeper->ops->sign(k->keeper, &k->leave, tbs, out, cap, ret_n);
	return k->outcome;
}

static int issue(struct mst_role_env *env, const struct mst_authorisation *leave, const struct revoked *rows, struct mst_list *l)
{
	struct by_keeper k = { env->keeper, *leave, 0 };
	struct mst_signer signer = { .ctx = &k, .sign_tbs = sign_by_keeper };
	uint8_t ca[MST_CERT_MAX];
	size_t n = 0;
	int r = env->keeper->ops->ca_cert(env->keeper, ca, sizeof(ca), &n);

	if (!r)
		r = mst_crl_issue(&signer, (struct mst_view){ ca, n }, rows->row, rows->n, l->number, l->made, l->until, l->der, l->cap,
				  &l->n);
	/* the device with the CA's key: not now */
	return r > 0 ? k.outcome == MST_KEEPER_AWAY ? MST_FAULT_IO : MST_FAULT_CRYPTO : r;
}

int admin_list(struct mst_role_env *env, struct mst_list *l)
{
	struct mst_event e = { .when = env->now, .role = "admin", .what = "crl.issued", .who = "engine" };
	struct revoked rows = { calloc(ADMIN_REVOKED_MAX, sizeof(struct mst_revoked)), 0 };
	struct mst_authorisation leave;
	int r = rows.row ? mst_store_cert_list_revoked(env->store, env->now, keep, &rows) : MST_FAULT_MEMORY;

	if (!r) {
		leave = admin_decide_list(env->now, l);
		snprintf(e.why, sizeof(e.why), "number %lld, %zu entries", (long long)l->number, rows.n);
		r = mst_store_event_append(env->store, &e);
		leave.event = e.seq;
	}
	if (!r)
		r = issue(env, &leave, &rows, l);
	free(rows.row);
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

int admin_revoke_row(struct admin *q, struct mst_cert_row *row, int reason, int *ret_rsc, struct mst_diag *d)
{
	struct revoked count = { NULL, 0 };
	char why[160];
	int r = mst_store_cert_list_revoked(q->env->store, q->env->now, keep, &count);

	if (r && count.n < ADMIN_REVOKED_MAX)
		return r;
	switch (admin_decide_revoke(row, reason, count.n, q->env->now, ret_rsc, d)) {
	case ADMIN_REFUSED: return ADMIN_REFUSED;
	case ADMIN_UNCHANGED: return 0;
	case ADMIN_DONE: break;
	}
	snprintf(why, sizeof(why), "%.80s, serial %.64s", row->subject, row->serial);
	r = mst_store_cert_put(q->env->store, row);
	if (!r)
		r = admin_event(q, "certificate.revoked", row->node, why);
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
