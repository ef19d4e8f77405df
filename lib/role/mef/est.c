#include "role/mef/est.h"

#include <stdio.h>

#include "keeper/signer.h"

/* --- octets → call --- */

static void decode_csr(const struct mst_exchange *x, struct est_call *c)
{
	uint8_t der[MST_CSR_MAX];
	struct mst_diag d = { 0 };
	size_t n = 0;

	c->media_fits = mst_est_media_is(x->request.media, MST_EST_PKCS10);
	if (!c->media_fits)
		return;
	c->csr_end = MST_PKI_MALFORMED;
	if (!x->request.content.n)
		snprintf(c->csr_why, sizeof(c->csr_why), "there is no content; a PKCS #10 request in base64 is wanted");
	else if (x->request.content.n > MST_EST_BODY_MAX || !mst_est_get_base64(x->request.content, der, sizeof(der), &n))
		snprintf(c->csr_why, sizeof(c->csr_why), "the content is no base64 of at most 2048 octets");
	else
		c->csr_end = mst_csr_info((struct mst_view){ der, n }, &c->csr, &d);
	if (d.field[0])
		snprintf(c->csr_why, sizeof(c->csr_why), "%.40s: %.100s", d.field, d.text);
}

static int decode(const struct mst_exchange *x, struct est_call *c)
{
	memset(c, 0, sizeof(*c));
	c->op = mst_est_op_of(x->request.to);
	c->method_fits = c->op == MST_EST_NONE || x->request.op == (mst_est_method[c->op][0] == 'G' ? MST_OP_RETRIEVE : MST_OP_CREATE);
	if (c->method_fits && (c->op == MST_EST_ENROLL || c->op == MST_EST_REENROLL))
		decode_csr(x, c);
	return c->csr_end < 0 ? c->csr_end : 0;
}

/* --- call → records --- */

static int must(int r)
{
	return r > 0 ? MST_FAULT_BUG : r;
}

static int found(int r, bool *ret)
{
	*ret = r == 0;
	return r < 0 ? r : 0;
}

struct of_node { mst_time now, since; const char *name; struct est_records *r; };

static int look_at_cert(void *arg, const struct mst_cert_row *row)
{
	struct of_node *f = arg;

	f->r->live += !row->revoked && row->expires > f->now;
	/* They come in the order in which they were issued, and the last one says it: one before that has ended is revoked by nobody. */
	if (!strcmp(row->subject, f->name))
		f->r->has_name = !row->revoked && row->issued > f->since;
	return 0;
}

struct finding { const struct mst_role_conf *conf; const struct mst_who *w; struct est_records *r; };

/* A CERT_PROV that the client works on, or that it will be given next. */
static int keep_command(void *arg, const struct mst_command *m)
{
	struct finding *f = arg;

	if (!f->r->has_command && est_command_fits(f->conf, f->w, m)) {
		f->r->has_command = true;
		f->r->command = *m;
	}
	return 0;
}

/* When the node came to the provider that it has now; 0: it has had no other. What was issued until then was under another one. */
static int load_since(struct mst_role_env *env, const struct mst_who *w, mst_time *ret_since)
{
	struct mst_node_past past;
	int e = mst_store_past_last(env->store, w->node.id, &past);

	*ret_since = e ? 0 : past.at;
	return e < 0 ? e : 0;
}

static int load_former(struct mst_role_env *env, const struct mst_who *w, mst_time since, struct est_records *r)
{
	struct mst_cert_row row;
	int e = since ? mst_store_cert_get(env->store, w->cert_serial, &row) : 0;

	r->own_former = since && !e && row.issued <= since;
	return e < 0 ? e : 0;
}

static int load_own(struct mst_role_env *env, const struct mst_who *w, const struct mst_exchange *x, mst_time since, struct est_records *r)
{
	struct mst_cert_der der;
	int e;

	if (!w->cert_serial[0] || !x->peer.cert.n_san)
		return 0;
	e = mst_store_cert_der_get(env->store, w->cert_serial, &der);
	if (e)
		return e < 0 ? e : 0;
	r->has_own = true;
	r->own_san = x->peer.cert.san[0];
	r->own_until = x->peer.cert.not_after;
	e = mst_cert_subject_sha256((struct mst_view){ der.der.b, der.der.n }, r->own_subject_sha256);
	return e > 0 ? MST_FAULT_CORRUPT : e ? e : load_former(env, w, since, r);
}

static int load_request(struct mst_role_env *env, const struct mst_who *w, const struct est_call *c, struct est_records *r)
{
	int e = found(mst_store_certreq_find(env->store, w->node.id, c->csr.sha256, &r->req), &r->has_req);

	if (!e && r->has_req && r->req.state == MST_CERTREQ_ISSUED)
		e = found(mst_store_cert_get(env->store, r->req.serial, &r->issued), &r->has_issued);
	return e;
}

static int load(struct mst_role_env *env, const struct est_call *c, const struct mst_who *w, const struct mst_exchange *x,
		struct mst_view ca, struct est_records *r)
{
	bool asks = (c->op == MST_EST_ENROLL || c->op == MST_EST_REENROLL) && !c->csr_end && c->media_fits;
	struct of_node own = { env->now, 0, asks && c->csr.n_san == 1 ? c->csr.san[0].value : "", r };
	struct finding f = { env->conf, w, r };
	int e;

	memset(r, 0, sizeof(*r));
	if (w->kind != MST_WHO_NODE)
		return 0;
	r->shown_until = x->peer.how == MST_AUTH_CERT ? x->peer.cert.not_after : 0;
	e = load_since(env, w, &own.since);
	if (!e)
		e = load_own(env, w, x, own.since, r);
	if (!e)
		e = found(mst_store_challenge_get(env->store, w->node.id, &r->challenge), &r->has_challenge);
	if (!e)
		e = mst_store_command_list(env->store, w->node.id, 0, 0, keep_command, &f);
	if (!e)
		e = mst_store_cert_of_node(env->store, w->node.id, look_at_cert, &own);
	if (!e && asks)
		e = load_request(env, w, c, r);
	return e ? e : must(mst_ca_until(ca, &r->ca_until));
}

/* --- verdict → store, and the certificate --- */

static void refused_after_all(struct est_verdict *v, int rsc, const char *say, const char *why)
{
	const char *what = v->what;

	memset(v, 0, sizeof(*v));
	v->what = what;
	v->rsc = rsc;
	MST_STR_SET(v->say, say);
	MST_STR_SET(v->why, why);
}

/* Later is another matter than never (RFC 7030 4.2.3). */
static void said_no(struct est_verdict *v, int outcome)
{
	static const struct { int outcome, status, retry; const char *why; } row[] = {
		{ MST_KEEPER_BUSY, 503, MST_KEEPER_BUSY_SECONDS, "more certificates than keeper_limits.certificates_most" },
		{ MST_KEEPER_AWAY, 503, MST_KEEPER_AWAY_SECONDS, "the device with the CA's key does not sign; muster doctor says why" },
		{ MST_KEEPER_DENIED, MST_RSC_NO_PRIVILEGE, 0, "the keeper certifies no name of a server in musterd.conf, and nobody beyond mef.est_lifetime" },
	};

	for (size_t i = 0; i < MST_COUNT(row); i++) {
		if (row[i].outcome != outcome)
			continue;
		refused_after_all(v, row[i].status, row[i].retry ? "come again later" : "this CA does not certify that", row[i].why);
		v->retry_after = row[i].retry;
		return;
	}
	refused_after_all(v, MST_RSC_INTERNAL, "", "the keeper's CA did not make the certificate");
}

/* 0 with the certificate made and checked, or v has become a refusal; or a fault. */
static int make(struct mst_role_env *env, const struct est_call *c, struct mst_view ca, struct est_verdict *v, struct mst_cert_der *ret)
{
	struct mst_cert_spec spec = { .role = MST_CERT_CLIENT, .n_san = 1, .not_before = env->now - 60, .not_after = v->until,
				      .path_len = -1 };
	struct mst_keeper_signer k = mst_keeper_signer_of(env->keeper, &v->leave);
	struct mst_cert_info info;
	struct mst_view der;
	size_t n = 0;
	int r;

	spec.san[0] = v->san;
	spec.ocsp_uri = env->conf->est.ocsp[0] ? env->conf->est.ocsp : NULL;
	if (strlen(v->san.value) <= 64)        /* ub-common-name; for people, who look there first */
		MST_STR_SET(spec.common_name, v->san.value);
	r = mst_store_event_last(env->store, &v->leave.event);
	v->leave.event++;
	if (!r)
		r = mst_cert_issue(env->crypto, &k.signer, ca, (struct mst_view){ c->csr.spki, c->csr.n_spki }, &spec, ret->der.b,
				   sizeof(ret->der.b), &n);
	if (r > 0) {
		said_no(v, k.outcome);
		return 0;
	}
	ret->der.n = (uint16_t)n;
	der = (struct mst_view){ ret->der.b, n };
	r = r ? r : mst_cert_permitted(der, ca, &info);
	if (r && r != MST_PKI_NOT_SIGNED)
		return must(r);
	if (r) {
		refused_after_all(v, MST_RSC_NOT_FOUND, "this CA cannot certify the name",
				  "the name constraints of the keeper's CA do not permit the name (spec 2.5.4)");
		return 0;
	}
	MST_STR_SET(ret->serial, info.serial);
	memcpy(ret->sha256, info.sha256, sizeof(ret->sha256));
	return 0;
}

static int put_issued(struct mst_role_env *env, const struct mst_who *w, struct est_verdict *v, const struct mst_cert_der *der)
{
	struct mst_cert_row row = { .node = w->node.id, .issued = env->now, .expires = v->until };
	int r = mst_store_cert_forget(env->store, w->node.id, env->now - env->conf->est.grace);

	MST_STR_SET(row.serial, der->serial);
	MST_STR_SET(row.subject, v->san.value);
	if (!r)
		r = must(mst_store_cert_put(env->store, &row));
	if (!r)
		r = must(mst_store_cert_der_put(env->store, der));
	MST_STR_SET(v->req.serial, der->serial);
	snprintf(v->why, sizeof(v->why), "%.100s, serial %.64s", v->san.value, der->serial);
	return r;
}

static int put_request(struct mst_role_env *env, const struct mst_who *w, struct est_verdict *v)
{
	int r = 0;

	if (v->put_challenge)
		r = must(mst_store_challenge_put(env->store, &v->challenge));
	if (!r && v->insert_req) {
		r = must(mst_store_certreq_insert(env->store, &v->req));
		if (!r)
			r = mst_store_certreq_trim(env->store, w->node.id, EST_REQUESTS_MAX);
	}
	if (!r && v->update_req)
		r = must(mst_store_certreq_update(env->store, &v->req));
	return r;
}

static int tell(struct mst_role_env *env, const struct mst_exchange *x, const struct mst_who *w, const struct est_verdict *v)
{
	bool refused = v->rsc >= MST_RSC_BAD_REQUEST;
	char why[256];

	snprintf(why, sizeof(why), "%s%s%s", refused ? v->what : "", refused ? ": " : "", v->why);
	return mst_role_event(env, MST_ROLE_MEF, refused ? "refused" : v->body == EST_BODY_ISSUE ? "certificate" : v->what, w,
			      w->id[0] ? w->id : w->claim[0] ? w->claim : x->peer.address, x->attempt, v->rsc, why, NULL);
}

static int apply(struct mst_role_env *env, const struct mst_exchange *x, const struct est_call *c, const struct mst_who *w,
		 struct mst_view ca, struct est_verdict *v, struct mst_cert_der *der)
{
	int r = 0;

	if (v->body == EST_BODY_ISSUE)
		r = make(env, c, ca, v, der);
	else if (v->body == EST_BODY_AGAIN)
		r = must(mst_store_cert_der_get(env->store, v->req.serial, der));
	if (!r && v->body == EST_BODY_ISSUE)
		r = put_issued(env, w, v, der);
	if (!r)
		r = put_request(env, w, v);
	return r ? r : tell(env, x, w, v);
}

/* --- verdict → octets --- */

static int put_bag(struct mst_view cert, struct mst_answer *a)
{
	uint8_t der[MST_CERT_MAX + 512];
	size_t n = 0;
	int r = mst_bag_make(&cert, 1, der, sizeof(der), &n);

	a->media = MST_EST_CERTS_ONLY;
	mst_est_put_base64(&a->content, (struct mst_view){ der, n });
	return must(r);
}

static int put_attrs(const struct est_verdict *v, struct mst_answer *a)
{
	struct mst_csr_attrs attrs = { .san = v->san, .has_san = true, .has_challenge = true };
	uint8_t der[1024];
	size_t n = 0;
	int r;

	MST_STR_SET(attrs.challenge, v->challenge.value);
	r = mst_csr_attrs_make(&attrs, der, sizeof(der), &n);
	a->media = MST_EST_CSRATTRS;
	mst_est_put_base64(&a->content, (struct mst_view){ der, n });
	return must(r);
}

static int encode(const struct est_verdict *v, struct mst_view ca, const struct mst_cert_der *der, struct mst_answer *a)
{
	a->rsc = v->rsc;
	a->retry_after = v->retry_after;
	a->content.n = 0;
	switch (v->body) {
	case EST_BODY_CACERTS: return put_bag(ca, a);
	case EST_BODY_ATTRS: return put_attrs(v, a);
	case EST_BODY_AGAIN:
	case EST_BODY_ISSUE: return put_bag((struct mst_view){ der->der.b, der->der.n }, a);
	case EST_BODY_WAIT:
	case EST_BODY_NONE: break;
	}
	a->media = "text/plain";
	if (v->body == EST_BODY_WAIT)       /* without content: Bouncy Castle's client takes none with a 202 */
		return 0;
	mst_put_str(&a->content, v->say);
	mst_put_str(&a->content, "\n");
	return a->content.ok ? 0 : MST_FAULT_MEMORY;
}

struct work {
	struct est_call call;
	struct mst_who who;
	struct est_records records;
	struct est_verdict verdict;
	struct mst_chance chance;
	struct mst_cert_der der;
	uint8_t ca[MST_CERT_MAX];
};

int est_handle(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a)
{
	static _Thread_local struct work k;
	struct mst_view ca = { k.ca, 0 };
	int r = mst_role_identify_lapsed(env, MST_ROLE_MEF, &x->peer, &k.who);

	if (!r)
		r = decode(x, &k.call);
	if (!r)
		r = must(env->keeper->ops->ca_cert(env->keeper, k.ca, sizeof(k.ca), &ca.n));
	if (!r)
		r = load(env, &k.call, &k.who, x, ca, &k.records);
	if (!r)
		r = env->crypto->ops->random(env->crypto, k.chance.b, sizeof(k.chance.b));
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	r = mst_role_whose(&k.who, &a->whose);
	if (r)
		return r;
	est_decide(&k.call, &k.who, &k.records, env->conf, env->now, &k.chance, &k.verdict);
	r = apply(env, x, &k.call, &k.who, ca, &k.verdict, &k.der);
	return r ? r : encode(&k.verdict, ca, &k.der, a);
}
