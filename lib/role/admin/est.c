/* Certificates over EST seen by the operator: requests that wait, what was issued. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/resources.h"
#include "role/admin/admin.h"
#include "role/admin/decide.h"

/* What has not happened has no time. */
static json_t *when(mst_time t)
{
	return t ? admin_json_time(t) : json_null();
}

static int no_such(struct admin *q, const char *text)
{
	struct mst_diag d;

	mst_diag_set(&d, 0, "id", text, NULL);
	return admin_refuse(q, MST_RSC_NOT_FOUND, &d);
}

static int no_node(struct admin *q)
{
	return no_such(q, "there is no such node; expected an M2M-Node-ID, a CSE-ID, an AE-ID or a node's number");
}

static json_t *node_name(struct admin *q, int64_t id)
{
	struct mst_node n;

	return mst_store_node_get(q->env->store, id, &n) ? json_null() : json_string(n.node_id);
}

/* --- requests --- */

static const char *hex_of(const uint8_t sum[MST_SHA256_LEN], char ret[2 * MST_SHA256_LEN + 1])
{
	struct mst_writer w = mst_writer_of(ret, 2 * MST_SHA256_LEN + 1);

	mst_put_hex(&w, (struct mst_view){ sum, MST_SHA256_LEN });
	mst_put_nul(&w);
	return ret;
}

static json_t *json_request(struct admin *q, const struct mst_certreq *r)
{
	char hex[2 * MST_SHA256_LEN + 1];

	return json_pack("{s:I, s:o, s:s, s:s, s:s, s:b, s:s, s:o, s:o, s:s}", "id", (json_int_t)r->id, "node", node_name(q, r->node),
			 "sha256", hex_of(r->csr_sha256, hex), "subject", r->subject, "state", mst_certreq_state_name[r->state], "renewal", r->renewal, "serial", r->serial,
			 "asked", admin_json_time(r->asked), "decided", when(r->decided), "reason", r->reason);
}

struct list { struct admin *q; json_t *j; size_t left, looked; int64_t last; bool more; };

static int keep_request(void *arg, const struct mst_certreq *r)
{
	struct list *l = arg;
	bool own = false;
	int e = 0;

	l->more = l->looked++ == ADMIN_LOOKED_MOST;
	if (!l->more)
		e = admin_owns_since(l->q, r->node, r->asked, &own);
	l->more = l->more || (own && !l->left);
	if (e || l->more)
		return e ? e : 1;
	l->last = r->id;
	if (!own)
		return 0;
	l->left--;
	return json_array_append_new(l->j, json_request(l->q, r)) ? MST_FAULT_MEMORY : 0;
}

static int answer_list(struct admin *q, const char *name, struct list *l, int r)
{
	json_t *j;

	if (r < 0) {
		json_decref(l->j);
		return r;
	}
	j = json_pack("{s:o}", name, l->j);
	if (j && l->more && json_object_set_new(j, "next", json_integer(l->last))) {
		json_decref(j);
		j = NULL;
	}
	return admin_answer(q, MST_RSC_OK, j);
}

int admin_certreq_list(struct admin *q)
{
	enum { STATE, AFTER, LIMIT };
	struct list l = { .q = q };
	uint64_t after, limit;
	struct mst_diag d;
	int state = -1;

	for (int i = 0; q->param[STATE][0] && i <= MST_CERTREQ_ISSUED; i++)
		if (!strcmp(q->param[STATE], mst_certreq_state_name[i]))
			state = i;
	if (q->param[STATE][0] && state < 0) {
		mst_diag_set(&d, 0, "state", "expected pending, approved, rejected or issued", NULL);
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	}
	if (!admin_number("after", q->param[AFTER], 0, INT64_MAX, &after, &d) ||
	    !admin_number("limit", q->param[LIMIT], ADMIN_PAGE, ADMIN_PAGE_MAX, &limit, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	l.j = json_array();
	l.left = (size_t)limit;
	return answer_list(q, "requests", &l, mst_store_certreq_list(q->env->store, state, (int64_t)after,
								     q->sp[0] ? ADMIN_LOOKED_MOST + 1 : (size_t)limit + 1, keep_request, &l));
}

/*
 * A number says little of what is certified, and a yes is for what was shown. So where two persons approve, the request says which CSR of which
 * node it is, as it does whenever the asker likes, and it is compared when it is carried out. 0, 1: refused, or a fault.
 */
static int same_request(struct admin *q, const struct mst_certreq *r, const struct admin_certreq_input *in, bool two, const struct mst_node *n)
{
	struct mst_diag d = { 0 };
	char hex[2 * MST_SHA256_LEN + 1];
	int e, rsc = MST_RSC_BAD_REQUEST;

	if (two && (!in->sha256[0] || !in->node[0])) {
		mst_diag_set(&d, 0, in->sha256[0] ? "node" : "sha256", "is wanted with a number, since a second person says yes to it: node and "
			     "sha256 as the list of requests tells them", NULL);
	} else if ((in->sha256[0] && strcmp(in->sha256, hex_of(r->csr_sha256, hex))) || (in->node[0] && strcmp(in->node, n->node_id))) {
		mst_diag_set(&d, 0, "sha256", "is not that of the request with this number, or the node is not: look again (muster cert requests)", NULL);
		rsc = MST_RSC_CONFLICT;
	} else {
		return 0;
	}
	e = admin_refuse(q, rsc, &d);
	return e ? e : 1;
}

/* approve, reject */
int admin_certreq_act(struct admin *q)
{
	bool reject = !strcmp(q->act, "reject"), second = !reject && admin_wants_second(q, MST_FOUR_CERTIFICATES);
	struct admin_certreq_input in;
	const char *reason = in.reason;
	struct mst_diag d = { 0 };
	struct mst_certreq r;
	struct mst_node n = { .node_id = "" };
	char why[256];
	uint64_t id;
	int rsc, e;

	if (!admin_decode_certreq(q->body, reject, &in, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	if (!mst_parse_dec(mst_view_str(q->id), INT64_MAX, &id))
		return no_such(q, "expected the number of a request");
	e = mst_store_certreq_get(q->env->store, (int64_t)id, &r);
	if (e)
		return e < 0 ? e : no_such(q, "there is no such request");
	e = mst_store_node_get(q->env->store, r.node, &n);
	if (e < 0)
		return e;
	e = same_request(q, &r, &in, second || q->approved, &n);
	if (e)
		return e < 0 ? e : 0;
	switch (admin_decide_certreq(&r, &n, q->act, reason, q->env->now, &rsc, &d)) {
	case ADMIN_REFUSED: return admin_refuse(q, rsc, &d);
	case ADMIN_UNCHANGED: return admin_answer(q, MST_RSC_OK, json_request(q, &r));
	case ADMIN_DONE: break;
	}
	if (second)
		return admin_four_ask(q);
	snprintf(why, sizeof(why), "request %lld, %.80s%s%.120s", (long long)r.id, r.subject, reason[0] ? ": " : "", reason);
	e = mst_store_certreq_update(q->env->store, &r);
	if (!e)
		e = admin_event(q, reject ? "certificate.rejected" : "certificate.approved", r.node, why);
	if (e)
		return e < 0 ? e : MST_FAULT_BUG;
	return admin_answer(q, MST_RSC_OK, json_request(q, &r));
}

/* --- certificates of a node --- */

struct certs { struct mst_cert_row *row; size_t n, cap; };

static int keep_cert(void *arg, const struct mst_cert_row *r)
{
	struct certs *c = arg;

	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 16;
		struct mst_cert_row *more = realloc(c->row, cap * sizeof(*more));

		if (!more)
			return MST_FAULT_MEMORY;
		c->row = more;
		c->cap = cap;
	}
	c->row[c->n++] = *r;
	return 0;
}

static int answer_certs(struct admin *q, const struct certs *c)
{
	json_t *list = json_array();
	bool own;
	int r;

	for (size_t i = 0; i < c->n; i++) {
		r = admin_owns_since(q, c->row[i].node, c->row[i].issued, &own);
		if (r < 0) {
			json_decref(list);
			return r;
		}
		if (own && json_array_append_new(list, admin_json_cert(&c->row[i]))) {
			json_decref(list);
			return MST_FAULT_MEMORY;
		}
	}
	return admin_answer(q, MST_RSC_OK, json_pack("{s:o}", "certificates", list));
}

int admin_node_certs(struct admin *q)
{
	struct certs c = { NULL, 0, 0 };
	struct mst_node n;
	int r = admin_find_node(q, q->id, &n);

	if (r)
		return r < 0 ? r : no_node(q);
	r = mst_store_cert_of_node(q->env->store, n.id, keep_cert, &c);
	if (!r)
		r = answer_certs(q, &c);
	free(c.row);
	return r;
}

struct good { struct admin *q; struct certs *c; };

static int keep_good(void *arg, const struct mst_cert_row *r)
{
	struct good *g = arg;
	bool own;
	int e = 0;

	if (!admin_cert_counts(r, g->q->env->conf, g->q->env->now))
		return 0;
	/* with the provider that it has now: what it had with one before is not this one's to end, alone or with all others */
	e = admin_owns_since(g->q, r->node, r->issued, &own);
	return e || !own ? e : keep_cert(g->c, r);
}

/* All that are good for anything, if only for another certificate by their name. Those that are revoked already stay as they are. */
int admin_node_certs_revoke(struct admin *q)
{
	struct certs c = { NULL, 0, 0 }, done = { NULL, 0, 0 };
	struct mst_diag d = { 0 };
	struct mst_node n;
	int reason = 0, rsc = 0, r;

	if (!admin_decode_revoke(q->body, &reason, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = admin_find_node(q, q->id, &n);
	if (r)
		return r < 0 ? r : no_node(q);
	r = mst_store_cert_of_node(q->env->store, n.id, keep_good, &(struct good){ q, &c });
	if (!r && c.n)
		r = admin_four_node(q, &n);
	if (r) {
		free(c.row);
		return r < 0 ? r : 0;
	}
	for (size_t i = 0; i < c.n && !r; i++) {
		r = admin_revoke_row(q, &c.row[i], reason, &rsc, &d);
		if (!r)
			r = keep_cert(&done, &c.row[i]);
	}
	if (r > 0)      /* what works can be revoked */
		r = MST_FAULT_BUG;
	else if (!r)
		r = answer_certs(q, &done);
	free(c.row);
	free(done.row);
	return r;
}

int admin_serial_revoke(struct admin *q)
{
	struct mst_cert_row row;
	struct mst_diag d = { 0 };
	int reason = 0, rsc = 0, r;

	if (!admin_decode_revoke(q->body, &reason, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	for (char *p = q->id; *p; p++)
		if (*p >= 'a' && *p <= 'f')
			*p = (char)(*p - 'a' + 'A');
	r = strlen(q->id) < sizeof(row.serial) ? mst_store_cert_get(q->env->store, q->id, &row) : MST_STORE_NONE;
	if (r)
		return r < 0 ? r : no_such(q, "no certificate with that serial number was issued or revoked here; give the certificate itself");
	r = admin_revoke_row(q, &row, reason, &rsc, &d);
	return r < 0 ? r : r ? admin_refuse(q, rsc, &d) : admin_answer(q, MST_RSC_OK, admin_json_cert(&row));
}
