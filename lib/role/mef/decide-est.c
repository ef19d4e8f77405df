/*
 * Who is given which certificate (TS-0003 8.3.6.2, RFC 7030). A signature needs the authorisation that is made in
 * issue() here and nowhere else: an operation that is recognised and not served has nothing to show to the keeper, as
 * one that is not recognised (the lesson of CVE-2026-30836).
 */
#include "role/mef/est.h"

#include "role/authorise.h"
#include "role/life.h"

#define SHORTEST 5            /* seconds; a certificate that ends sooner is no use */

static void refuse(struct est_verdict *v, int rsc, const char *say, const char *why)
{
	const char *what = v->what;

	memset(v, 0, sizeof(*v));
	v->what = what;
	v->rsc = rsc;
	MST_STR_SET(v->say, say);
	MST_STR_SET(v->why, why ? why : say);
}

bool est_subject_of(int64_t kind, const char *id, struct mst_san *ret)
{
	static const enum mst_id_kind kinds[] = { MST_ID_NONE, MST_ID_NODE, MST_ID_CSE_ABS, MST_ID_AE_ABS };
	char pub[MST_ID_MAX];

	memset(ret, 0, sizeof(*ret));
	if (kind < 1 || kind > 3 || !mst_id_normalise(kinds[kind], mst_view_str(id), ret->value))
		return false;
	ret->kind = kinds[kind];
	if (ret->kind != MST_ID_CSE_ABS)
		return true;
	/* a CSE-ID certificate carries the public domain name (TS-0001 6.5.1.1) and reads back as that */
	ret->kind = MST_ID_FQDN;
	return mst_cse_public_name(mst_view_str(id), pub) && mst_id_normalise(MST_ID_FQDN, mst_view_str(pub), ret->value);
}

bool est_subject(const struct mst_who *w, const struct est_records *r, struct mst_san *ret)
{
	if (r->has_command)
		return est_subject_of(r->command.kind, r->command.subject, ret);
	if (w->node.cse_id[0])
		return est_subject_of(2, w->node.cse_id, ret);
	if (w->node.ae_id[0])
		return est_subject_of(3, w->node.ae_id, ret);
	return est_subject_of(1, w->node.node_id, ret);
}

static bool same_san(const struct mst_san *a, const struct mst_san *b)
{
	return a->kind == b->kind && !strcmp(a->value, b->value);
}

/* Is it a name of this node still, in one of the three flavours that are provisioned? */
static bool is_of(const struct mst_who *w, const struct mst_san *san)
{
	struct mst_san s;

	return (est_subject_of(1, w->node.node_id, &s) && same_san(&s, san)) ||
	       (w->node.cse_id[0] && est_subject_of(2, w->node.cse_id, &s) && same_san(&s, san)) ||
	       (w->node.ae_id[0] && est_subject_of(3, w->node.ae_id, &s) && same_san(&s, san));
}

bool est_command_fits(const struct mst_role_conf *conf, const struct mst_who *w, const struct mst_command *m)
{
	struct mst_san s;

	if (m->admin_fqdn[0] && !mst_decide_stakeholder(conf, w, m->admin_fqdn))
		return false;
	return m->class_id == MST_CMD_CERT_PROV && (m->state == MST_COMMAND_ISSUED || m->state == MST_COMMAND_WAITING) &&
	       est_subject_of(m->kind, m->subject, &s) && is_of(w, &s);
}

/* What an expired certificate is good for, within the window: its renewal, and the attributes that this needs. */
static bool is_of_renewal(enum mst_est_op op)
{
	return op == MST_EST_REENROLL || op == MST_EST_CSRATTRS_GET || op == MST_EST_CACERTS;
}

/* The same for every operation, and before any of them: somebody, served, with a certificate that is good. */
static bool admitted(const struct est_call *c, const struct mst_who *w, const struct est_records *r,
		     const struct mst_role_conf *conf, mst_time now, struct est_verdict *v)
{
	const char *why = "";
	int rsc;

	if (!conf->est.on)
		refuse(v, MST_RSC_NOT_FOUND, "nothing is served here", "mef.est is false");
	else if (w->kind != MST_WHO_NODE || !w->has_node)
		refuse(v, MST_RSC_NO_PRIVILEGE, "not known here", w->kind == MST_WHO_NOBODY ? w->why : "no node: certificates are for nodes");
	else if (mst_life_leaving(&w->node, now))
		refuse(v, MST_RSC_NO_PRIVILEGE, "not permitted", "the node was let go: no new certificates");
	else if ((rsc = mst_decide_standing(w, now, &why)))
		refuse(v, rsc, rsc == MST_RSC_NO_PRIVILEGE ? "not permitted" : "no valid subscription", why);
	else if (!r->has_own && r->shown_until && r->shown_until <= now)
		/* the listener lets it in for the sake of ours; a maker's there is nothing to renew of */
		refuse(v, MST_RSC_NO_PRIVILEGE, "the certificate has expired", "the certificate has expired, and is none that was issued here");
	else if (r->has_own && r->own_until <= now && !is_of_renewal(c->op))
		refuse(v, MST_RSC_NO_PRIVILEGE, "the certificate has expired; only its renewal is open to it", NULL);
	else if (r->has_own && now - r->own_until > conf->est.grace)
		refuse(v, MST_RSC_NO_PRIVILEGE, "the certificate has expired", "expired, and the window for re-enrolment is over");
	else if (!c->method_fits)
		refuse(v, MST_RSC_OPERATION_NOT_ALLOWED, "this operation takes another method", NULL);
	else
		return true;
	return false;
}

/* The session shows a certificate of ours under that name, and nobody wants another: it will be renewed (RFC 7030 4.2.2). */
static bool shows(const struct mst_who *w, const struct est_records *r, const struct mst_san *san)
{
	return r->has_own && !r->has_command && same_san(&r->own_san, san) && is_of(w, san);
}

static void attributes(const struct mst_who *w, const struct est_records *r, mst_time now, const struct mst_chance *chance,
		       struct est_verdict *v)
{
	static const char digit[] = "0123456789abcdef";

	if (shows(w, r, &r->own_san)) {
		v->san = r->own_san;
	} else if (!est_subject(w, r, &v->san)) {
		refuse(v, MST_RSC_NOT_FOUND, "no identifier of this client can be certified",
		       "neither CSE-ID, AE-ID nor M2M-Node-ID of the node can stand in a certificate");
		return;
	}
	v->rsc = MST_RSC_OK;
	v->body = EST_BODY_ATTRS;
	MST_STR_SET(v->why, v->san.value);
	if (r->has_challenge && r->challenge.made <= now && now - r->challenge.made < EST_CHALLENGE_LIFE / 2) {
		v->challenge = r->challenge;
		return;
	}
	v->put_challenge = true;
	v->challenge.node = w->node.id;
	v->challenge.made = now;
	for (size_t i = 0; i < 16; i++) {
		v->challenge.value[2 * i] = digit[chance->b[i] >> 4];
		v->challenge.value[2 * i + 1] = digit[chance->b[i] & 15];
	}
}

/* The request by itself: readable, its key good, one name. */
static bool request_good(const struct est_call *c, struct est_verdict *v)
{
	const struct mst_csr_info *q = &c->csr;

	if (!c->media_fits)
		refuse(v, MST_RSC_UNSUPPORTED_MEDIA_TYPE, "application/pkcs10 is taken", NULL);
	else if (c->csr_end)
		refuse(v, MST_RSC_BAD_REQUEST, c->csr_why[0] ? c->csr_why : "not a certification request", NULL);
	else if (q->n_san != 1 || q->foreign_names)
		refuse(v, MST_RSC_BAD_REQUEST, "exactly one subjectAltName, of the form that csrattrs shows, is wanted", NULL);
	else if (q->asks_ca)
		refuse(v, MST_RSC_BAD_REQUEST, "nobody is made a CA here: basicConstraints must not say so", NULL);
	else if (q->asks_other_usage)
		refuse(v, MST_RSC_BAD_REQUEST, "extendedKeyUsage may be clientAuth only", NULL);
	else
		return true;
	return false;
}

/*
 * The session shows no certificate of ours, and the node has one for that name: one that authenticates itself by its maker's secret always comes so, and one
 * whose certificate is over or not taken. The command that it came of has ended, so nothing else says that the name is wanted (RFC 7030 4.2.2); a former provider's says nothing here. It is no
 * renewal to enrol(): an approval is asked for each time.
 */
static bool may_again(const struct est_records *r)
{
	return !r->has_own && r->has_name;
}

/* The name of the request is that of the session, in the flavour that is wanted (lesson 25), or one that it has been certified by. */
static bool name_good(const struct est_call *c, const struct mst_who *w, const struct est_records *r, struct est_verdict *v)
{
	const struct mst_san *asked = &c->csr.san[0];
	bool again = c->op == MST_EST_REENROLL;
	struct mst_san want = r->own_san;

	if (again && !r->has_own)
		refuse(v, MST_RSC_NO_PRIVILEGE, "re-enrolment needs a session with the certificate that is to be renewed", NULL);
	else if (!is_of(w, asked))
		refuse(v, MST_RSC_NOT_AUTHENTICATED, "the request does not name the authenticated identity",
		       "the request names somebody else than the session");
	else if (!again && !est_subject(w, r, &want))
		refuse(v, MST_RSC_NOT_FOUND, "no identifier of this client can be certified", NULL);
	else if (again && !same_san(asked, &want))
		refuse(v, MST_RSC_BAD_REQUEST, "the name is another than in the certificate that is renewed", NULL);
	else if (!same_san(asked, &want) && !shows(w, r, asked) && !may_again(r))
		refuse(v, MST_RSC_BAD_REQUEST, "the name is of another kind than csrattrs asks for",
		       "the name is of another kind than csrattrs asks for, and no certificate says that it is wanted: muster command cert-prov gives one");
	else if (again && c->csr.has_subject && memcmp(c->csr.subject_sha256, r->own_subject_sha256, MST_SHA256_LEN))
		refuse(v, MST_RSC_BAD_REQUEST, "the subject is another than in the certificate that is renewed", NULL);
	else
		return true;
	return false;
}

static bool challenge_good(const struct est_call *c, const struct est_records *r, mst_time now)
{
	return r->has_challenge && c->csr.has_challenge && r->challenge.made <= now && now - r->challenge.made < EST_CHALLENGE_LIFE &&
	       !strcmp(c->csr.challenge, r->challenge.value);
}

static void wait(const struct mst_role_conf *conf, struct est_verdict *v)
{
	v->rsc = MST_RSC_ACCEPTED;
	v->body = EST_BODY_WAIT;
	v->retry_after = (int)conf->est.retry;
	MST_STR_SET(v->why, "waits for the operator's approval");
}

/* A repeated request is answered from what is stored (lessons 10, 11). True when that was all. */
static bool repeated(const struct est_records *r, const struct mst_role_conf *conf, mst_time now, struct est_verdict *v)
{
	char why[200];

	if (!r->has_req)
		return false;
	switch (r->req.state) {
	case MST_CERTREQ_PENDING:
		if (!conf->est.approval)        /* the operator wants to be asked no longer */
			return false;
		wait(conf, v);
		return true;
	case MST_CERTREQ_REJECTED:
		MST_STR_SET(why, "the operator rejected the request: ");
		strncat(why, r->req.reason, sizeof(why) - strlen(why) - 1);
		refuse(v, MST_RSC_NO_PRIVILEGE, "the request was rejected", why);
		return true;
	case MST_CERTREQ_APPROVED:
		return false;
	case MST_CERTREQ_ISSUED:
		break;
	}
	if (!r->has_issued || r->issued.expires <= now)
		refuse(v, MST_RSC_BAD_REQUEST, "the certificate of this request has ended; make a new one", NULL);
	else if (r->issued.revoked)
		refuse(v, MST_RSC_NO_PRIVILEGE, "the certificate of this request was revoked; make a new key", NULL);
	else {
		v->rsc = MST_RSC_OK;
		v->body = EST_BODY_AGAIN;
		v->req = r->req;
		MST_STR_SET(v->why, "the same answer again, serial ");
		strncat(v->why, r->req.serial, sizeof(v->why) - strlen(v->why) - 1);
	}
	return true;
}

static void remember(const struct est_call *c, const struct mst_who *w, const struct est_records *r, enum mst_certreq_state s,
		     mst_time now, struct est_verdict *v)
{
	v->insert_req = !r->has_req;
	v->update_req = r->has_req;
	if (r->has_req)
		v->req = r->req;
	v->req.state = s;
	v->req.decided = s == MST_CERTREQ_PENDING ? 0 : r->req.decided ? r->req.decided : now;
	if (r->has_req)
		return;
	v->req.node = w->node.id;
	v->req.asked = now;
	v->req.renewal = c->op == MST_EST_REENROLL;
	memcpy(v->req.csr_sha256, c->csr.sha256, sizeof(v->req.csr_sha256));
	MST_STR_SET(v->req.subject, c->csr.san[0].value);
}

static mst_time earlier(mst_time a, mst_time b)
{
	return a < b ? a : b;
}

static void issue(const struct est_call *c, const struct mst_who *w, const struct est_records *r,
		  const struct mst_role_conf *conf, mst_time now, struct est_verdict *v)
{
	mst_time until = earlier(earlier(now + conf->est.lifetime, w->sub.not_after), r->ca_until);

	if (until < now + SHORTEST) {
		refuse(v, MST_RSC_SUBSCRIPTION_NOT_ESTABLISHED, "a certificate would end at once", "subscription or CA ends within seconds");
		return;
	}
	if (r->live >= EST_LIVE_MAX) {
		refuse(v, MST_RSC_NO_PRIVILEGE, "too many certificates are good at the same time",
		       "the node holds 16 certificates; revoke some with muster cert revoke NODE");
		return;
	}
	remember(c, w, r, MST_CERTREQ_ISSUED, now, v);
	v->rsc = MST_RSC_OK;
	v->body = EST_BODY_ISSUE;
	v->san = c->csr.san[0];
	v->until = until;
	v->leave = mst_authorise_sign(v->san.value, w->id);
}

static void enrol(const struct est_call *c, const struct mst_who *w, const struct est_records *r,
		  const struct mst_role_conf *conf, mst_time now, struct est_verdict *v)
{
	if (!request_good(c, v) || !name_good(c, w, r, v) || repeated(r, conf, now, v))
		return;
	if (!r->has_req && !challenge_good(c, r, now)) {
		refuse(v, MST_RSC_BAD_REQUEST, "challengePassword is not the one of csrattrs; get the attributes again", NULL);
		return;
	}
	/* who renews was approved when it enrolled, by the people of the provider that it had then */
	if (conf->est.approval && (c->op == MST_EST_ENROLL || r->own_former) && !r->has_req) {
		remember(c, w, r, MST_CERTREQ_PENDING, now, v);
		wait(conf, v);
		return;
	}
	issue(c, w, r, conf, now, v);
}

void est_decide(const struct est_call *c, const struct mst_who *w, const struct est_records *r,
		const struct mst_role_conf *conf, mst_time now, const struct mst_chance *chance, struct est_verdict *v)
{
	static const char *const what[MST_EST__COUNT] = {
		[MST_EST_NONE] = "est", [MST_EST_CACERTS] = "est-cacerts", [MST_EST_CSRATTRS_GET] = "est-csrattrs",
		[MST_EST_ENROLL] = "est-enroll", [MST_EST_REENROLL] = "est-reenroll", [MST_EST_SERVERKEYGEN] = "est-serverkeygen",
		[MST_EST_FULLCMC] = "est-fullcmc",
	};

	memset(v, 0, sizeof(*v));
	v->what = what[c->op];
	if (!admitted(c, w, r, conf, now, v))
		return;
	switch (c->op) {
	case MST_EST_CACERTS:
		v->rsc = MST_RSC_OK;
		v->body = EST_BODY_CACERTS;
		return;
	case MST_EST_CSRATTRS_GET: attributes(w, r, now, chance, v); return;
	case MST_EST_ENROLL:
	case MST_EST_REENROLL: enrol(c, w, r, conf, now, v); return;
	case MST_EST_SERVERKEYGEN:
		refuse(v, MST_RSC_NOT_IMPLEMENTED, "keys are made on the device (TS-0003 8.3.6.2); this is not served", NULL);
		return;
	case MST_EST_FULLCMC:
		refuse(v, MST_RSC_NOT_IMPLEMENTED, "full CMC is not served; use simpleenroll", NULL);
		return;
	case MST_EST_NONE:
	case MST_EST__COUNT:
		break;
	}
	refuse(v, MST_RSC_NOT_FOUND, "no such operation of EST", NULL);
}
