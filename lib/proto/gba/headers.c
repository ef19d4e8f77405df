/* WWW-Authenticate, Authorization, Authentication-Info: parameters to structs and back. */
#include "proto/gba/params.h"

#include "base/text.h"

static const char *const algorithm_text[GBA_ALGORITHM__COUNT] = {
	[GBA_MD5] = "MD5", [GBA_AKAV1_MD5] = "AKAv1-MD5", [GBA_AKAV2_MD5] = "AKAv2-MD5", [GBA_SHA256] = "SHA-256",
};

const char *gba_algorithm_text(enum gba_algorithm a)
{
	return (unsigned)a < GBA_ALGORITHM__COUNT ? algorithm_text[a] : "?";
}

const char *gba_qop_text(enum gba_qop q)
{
	return q == GBA_QOP_AUTH ? "auth" : q == GBA_QOP_AUTH_INT ? "auth-int" : "none";
}

/* Without the parameter it is MD5 (RFC 2617 3.2.1). */
static enum gba_algorithm algorithm_of(const struct gba_params *p)
{
	if (!gba_param_has(p, P_ALGORITHM))
		return GBA_MD5;
	for (enum gba_algorithm a = GBA_MD5; a < GBA_ALGORITHM__COUNT; a++)
		if (mst_view_eq_nocase(p->v[P_ALGORITHM], mst_view_str(algorithm_text[a])))
			return a;
	return GBA_UNKNOWN_ALGORITHM;
}

static size_t hash_hex(enum gba_algorithm a)
{
	return a == GBA_SHA256 ? 64 : 32;
}

/* Comma list of tokens with blanks around them. */
static unsigned qops_of(struct mst_view v)
{
	unsigned found = 0;

	while (v.n) {
		size_t comma = mst_view_find(v, ',');
		struct mst_view one = mst_view_sub(v, 0, comma);

		while (one.n && one.p[0] == ' ')
			one = mst_view_sub(one, 1, one.n);
		while (one.n && one.p[one.n - 1] == ' ')
			one.n--;
		found |= mst_view_eq_str(one, "auth") ? GBA_QOP_AUTH : mst_view_eq_str(one, "auth-int") ? GBA_QOP_AUTH_INT : 0u;
		v = mst_view_sub(v, comma + 1, v.n);
	}
	return found;
}

/* One of the two, in lower case as it enters the hash; or missing. */
static int one_qop(const struct gba_params *p, enum gba_qop *ret, struct mst_diag *d)
{
	*ret = mst_view_eq_str(p->v[P_QOP], "auth")	? GBA_QOP_AUTH :
	       mst_view_eq_str(p->v[P_QOP], "auth-int") ? GBA_QOP_AUTH_INT : GBA_QOP_NONE;
	return gba_param_has(p, P_QOP) && *ret == GBA_QOP_NONE ? gba_bad(d, "qop", "neither auth nor auth-int") : 0;
}

static int need(const struct gba_params *p, enum gba_param which, struct mst_diag *d)
{
	return gba_param_has(p, which) ? 0 : gba_bad(d, gba_param_name(which), "missing");
}

/* With a qop both, without one neither (RFC 2617 3.2.2). */
static int counted(const struct gba_params *p, enum gba_qop q, struct mst_diag *d)
{
	if (q == GBA_QOP_NONE)
		return gba_param_has(p, P_NC) || gba_param_has(p, P_CNONCE) ? gba_bad(d, "nc", "nc or cnonce without a qop") : 0;
	if (need(p, P_NC, d) || need(p, P_CNONCE, d))
		return GBA_BAD;
	if (!gba_lower_hex(p->v[P_NC], 8))
		return gba_bad(d, "nc", "not eight hex digits in lower case");
	return p->v[P_CNONCE].n ? 0 : gba_bad(d, "cnonce", "empty");
}

/* --- WWW-Authenticate --- */

static int challenge_of(const struct gba_params *p, struct gba_challenge *c, struct mst_diag *d)
{
	if (need(p, P_REALM, d) || need(p, P_NONCE, d))
		return GBA_BAD;
	*c = (struct gba_challenge){ .realm = p->v[P_REALM], .nonce = p->v[P_NONCE], .opaque = p->v[P_OPAQUE],
				     .has_opaque = gba_param_has(p, P_OPAQUE), .algorithm = algorithm_of(p),
				     .stale = mst_view_eq_nocase(p->v[P_STALE], MST_VIEW_LIT("true")), .qops = qops_of(p->v[P_QOP]) };
	c->qop_unknown = gba_param_has(p, P_QOP) && !c->qops;
	return 0;
}

int gba_challenge_next(struct mst_view *rest, struct gba_challenge *ret_c, struct mst_diag *d)
{
	if (rest->n > GBA_HEADER_MAX)
		return gba_bad(d, "header", "longer than 4096 octets");
	for (;;) {
		struct mst_view scheme;
		struct gba_params p;
		int r;

		if (!gba_scheme_read(rest, &scheme))
			return rest->n || scheme.n ? gba_bad(d, "header", "not a list of challenges") : GBA_END;
		if (!mst_view_eq_nocase(scheme, MST_VIEW_LIT("Digest"))) {
			r = gba_scheme_skip(rest, d);
			if (r)
				return r;
			continue;
		}
		r = gba_params_read(rest, true, &p, d);
		return r ? r : challenge_of(&p, ret_c, d);
	}
}

int gba_challenge_pick(const struct mst_http_msg *m, unsigned algorithms, struct gba_challenge *ret_c, struct mst_diag *d)
{
	for (size_t i = 0; i < m->n; i++) {
		struct mst_view rest = m->header[i].value;
		struct gba_challenge c = { .qops = 0 };
		int r = 0;

		if (!mst_view_eq_nocase(m->header[i].name, MST_VIEW_LIT("WWW-Authenticate")))
			continue;
		while (!(r = gba_challenge_next(&rest, &c, d)))
			if (c.algorithm < GBA_ALGORITHM__COUNT && (algorithms >> c.algorithm & 1) && !c.qop_unknown) {
				*ret_c = c;
				return 0;
			}
		if (r != GBA_END)
			return r;
	}
	return GBA_END;
}

enum gba_qop gba_qop_choose(unsigned qops)
{
	return qops & GBA_QOP_AUTH_INT ? GBA_QOP_AUTH_INT : qops & GBA_QOP_AUTH ? GBA_QOP_AUTH : GBA_QOP_NONE;
}

void gba_put_challenge(struct mst_writer *w, const struct gba_challenge *c)
{
	unsigned n = 0;

	mst_put_str(w, "Digest ");
	gba_put_quoted(w, &n, P_REALM, c->realm);
	gba_put_quoted(w, &n, P_NONCE, c->nonce);
	gba_put_plain(w, &n, P_ALGORITHM, mst_view_str(gba_algorithm_text(c->algorithm)));
	if (c->qops)
		gba_put_quoted(w, &n, P_QOP, mst_view_str(c->qops == 3 ? "auth,auth-int" : gba_qop_text((enum gba_qop)c->qops)));
	if (c->has_opaque)
		gba_put_quoted(w, &n, P_OPAQUE, c->opaque);
	if (c->stale)
		gba_put_plain(w, &n, P_STALE, MST_VIEW_LIT("true"));
}

/* --- Authorization --- */

bool gba_is_first(const struct gba_authorization *a)
{
	return !a->nonce.n && !a->response.n;
}

static int authorization_of(const struct gba_params *p, struct gba_authorization *a, struct mst_diag *d)
{
	static const enum gba_param needed[] = { P_USERNAME, P_REALM, P_NONCE, P_URI, P_RESPONSE };
	size_t n;

	for (size_t i = 0; i < MST_COUNT(needed); i++)
		if (need(p, needed[i], d))
			return GBA_BAD;
	*a = (struct gba_authorization){
		.username = p->v[P_USERNAME], .realm = p->v[P_REALM], .nonce = p->v[P_NONCE], .uri = p->v[P_URI],
		.response = p->v[P_RESPONSE], .cnonce = p->v[P_CNONCE], .opaque = p->v[P_OPAQUE], .nc = p->v[P_NC],
		.has_opaque = gba_param_has(p, P_OPAQUE), .has_algorithm = gba_param_has(p, P_ALGORITHM),
		.has_auts = gba_param_has(p, P_AUTS), .algorithm = algorithm_of(p),
	};
	if (!a->username.n)
		return gba_bad(d, "username", "empty");
	if (a->algorithm == GBA_UNKNOWN_ALGORITHM)
		return gba_bad(d, "algorithm", "unknown; one of AKAv1-MD5, AKAv2-MD5, MD5, SHA-256");
	if (one_qop(p, &a->qop, d))
		return GBA_BAD;
	if (gba_is_first(a)) {
		/* there is no challenge yet that they could count for, or that offered a qop */
		a->nc = a->cnonce = MST_VIEW_NONE;
		a->qop = GBA_QOP_NONE;
		return a->has_auts ? gba_bad(d, "auts", "without a nonce") : 0;
	}
	if (!a->nonce.n || !gba_lower_hex(a->response, hash_hex(a->algorithm)))
		return gba_bad(d, "response", "not the hash's hex digits in lower case, or without a nonce");
	if (a->has_auts && (!mst_base64_decode(p->v[P_AUTS], a->auts, sizeof(a->auts), &n) || n != sizeof(a->auts)))
		return gba_bad(d, "auts", "not 14 octets in base64");
	return counted(p, a->qop, d);
}

/* `Digest` and its parameters, nothing else. */
static int only_digest(struct mst_view v, struct gba_params *p, struct mst_diag *d)
{
	struct mst_view scheme;

	if (v.n > GBA_HEADER_MAX)
		return gba_bad(d, "header", "longer than 4096 octets");
	if (!gba_scheme_read(&v, &scheme) || !mst_view_eq_nocase(scheme, MST_VIEW_LIT("Digest")))
		return gba_bad(d, "header", "not of scheme Digest");
	return gba_params_read(&v, false, p, d);
}

int gba_authorization_read(struct mst_view v, struct gba_authorization *ret_a, struct mst_diag *d)
{
	struct gba_authorization a = { .qop = GBA_QOP_NONE };
	struct gba_params p;
	int r = only_digest(v, &p, d);

	if (!r)
		r = authorization_of(&p, &a, d);
	if (!r)
		*ret_a = a;
	return r;
}

void gba_put_authorization(struct mst_writer *w, const struct gba_authorization *a)
{
	char auts[GBA_AUTS * 2];
	struct mst_writer b = mst_writer_of(auts, sizeof(auts));
	unsigned n = 0;

	mst_put_str(w, "Digest ");
	gba_put_quoted(w, &n, P_USERNAME, a->username);
	gba_put_quoted(w, &n, P_REALM, a->realm);
	gba_put_quoted(w, &n, P_NONCE, a->nonce);
	gba_put_quoted(w, &n, P_URI, a->uri);
	if (a->qop) {
		gba_put_plain(w, &n, P_QOP, mst_view_str(gba_qop_text(a->qop)));
		gba_put_plain(w, &n, P_NC, a->nc);
		gba_put_quoted(w, &n, P_CNONCE, a->cnonce);
	}
	gba_put_quoted(w, &n, P_RESPONSE, a->response);
	if (a->has_opaque)
		gba_put_quoted(w, &n, P_OPAQUE, a->opaque);
	if (a->has_algorithm)
		gba_put_plain(w, &n, P_ALGORITHM, mst_view_str(gba_algorithm_text(a->algorithm)));
	if (a->has_auts) {
		mst_put_base64(&b, (struct mst_view){ a->auts, sizeof(a->auts) });
		gba_put_quoted(w, &n, P_AUTS, mst_written(&b));
	}
}

/* --- Authentication-Info --- */

int gba_auth_info_read(struct mst_view v, struct gba_auth_info *ret_i, struct mst_diag *d)
{
	struct gba_auth_info i;
	struct gba_params p;
	int r;

	if (v.n > GBA_HEADER_MAX)
		return gba_bad(d, "header", "longer than 4096 octets");
	r = gba_params_read(&v, false, &p, d);
	if (r)
		return r;
	i = (struct gba_auth_info){ .rspauth = p.v[P_RSPAUTH], .cnonce = p.v[P_CNONCE], .nc = p.v[P_NC], .nonce = p.v[P_NONCE],
				    .nextnonce = p.v[P_NEXTNONCE], .opaque = p.v[P_OPAQUE] };
	if (need(&p, P_RSPAUTH, d))
		return GBA_BAD;
	if (!gba_lower_hex(i.rspauth, 32) && !gba_lower_hex(i.rspauth, 64))
		return gba_bad(d, "rspauth", "not a hash's hex digits in lower case");
	r = one_qop(&p, &i.qop, d);
	if (!r)
		r = counted(&p, i.qop, d);
	if (!r)
		*ret_i = i;
	return r;
}

void gba_put_auth_info(struct mst_writer *w, const struct gba_auth_info *i)
{
	unsigned n = 0;

	if (i->qop)
		gba_put_plain(w, &n, P_QOP, mst_view_str(gba_qop_text(i->qop)));
	gba_put_quoted(w, &n, P_RSPAUTH, i->rspauth);
	if (i->qop) {
		gba_put_quoted(w, &n, P_CNONCE, i->cnonce);
		gba_put_plain(w, &n, P_NC, i->nc);
	}
	if (i->opaque.n)
		gba_put_quoted(w, &n, P_OPAQUE, i->opaque);
	if (i->nonce.n)
		gba_put_quoted(w, &n, P_NONCE, i->nonce);
	if (i->nextnonce.n)
		gba_put_quoted(w, &n, P_NEXTNONCE, i->nextnonce);
}
