/* What is told of which certificate (TS-0003 8.1.2.2, RFC 6960). A signature needs the authorisation that is made in answer() here. */
#include "role/ocsp/ocsp.h"

#include "role/authorise.h"

static void refuse(struct ocsp_verdict *v, int status, const char *say)
{
	v->status = status;
	v->say = say;
}

/* "unknown" is said of what is not on record, too: nobody has it from us that it is good (RFC 6960 2.2). */
static void tell(const struct mst_ocsp_asked *asked, bool found, const struct mst_cert_row *row, struct mst_ocsp_single *ret)
{
	ret->id = asked->id;
	ret->status = MST_OCSP_UNKNOWN;
	if (!asked->ours || !found)
		return;
	ret->status = row->revoked ? MST_OCSP_REVOKED : MST_OCSP_GOOD;
	ret->revoked = row->revoked;
	ret->reason = row->revoked ? row->reason : 0;
}

static void answer(const struct ocsp_call *c, const struct ocsp_records *r, const struct mst_role_conf *conf, const char *to,
		   mst_time now, struct ocsp_verdict *v)
{
	const char *first = "";
	bool ours = false;

	for (size_t i = c->q.n; i-- > 0;) {
		tell(&c->q.asked[i], r->of[i].found, &r->of[i].row, &v->answer.single[i]);
		if (c->q.asked[i].ours) {
			ours = true;
			first = c->q.asked[i].serial;
		}
	}
	v->status = 200;
	if (!ours) {
		v->error = MST_OCSP_UNAUTHORIZED;       /* RFC 6960 2.3: nothing can be said here of any of them */
		return;
	}
	v->answer.n = c->q.n;
	memcpy(v->answer.nonce, c->q.nonce, sizeof(v->answer.nonce));
	v->answer.n_nonce = c->q.n_nonce;
	v->answer.this_update = now;
	v->answer.next_update = now + conf->validity;
	v->leave = mst_authorise_status(*first ? first : "none", *to ? to : "somebody");
}

void ocsp_decide(const struct ocsp_call *c, const struct ocsp_records *r, const struct mst_role_conf *conf, const char *to,
		 mst_time now, struct ocsp_verdict *v)
{
	memset(v, 0, sizeof(*v));
	if (!c->path_fits)
		refuse(v, 404, "no such place; see ocsp.base in musterd.conf(5)");
	else if (c->op != MST_OP_RETRIEVE && c->op != MST_OP_CREATE)
		refuse(v, 405, "GET or POST is taken (RFC 6960 appendix A)");
	else if (!c->media_fits)
		refuse(v, 415, "application/ocsp-request is taken");
	else if (c->end) {
		v->status = 200;
		v->error = MST_OCSP_MALFORMED_REQUEST;
	} else
		answer(c, r, conf, to, now, v);
}
