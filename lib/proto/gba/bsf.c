#include "proto/gba/bsf.h"

#include <string.h>

#include "base/text.h"

#define TMPI_TOKEN "3gpp-gba-tmpi"

void gba_run_wipe(struct gba_run *r)
{
	mst_wipe(r, sizeof(*r));
}

void gba_session_wipe(struct gba_session *s)
{
	mst_wipe(s, sizeof(*s));
}

void gba_naf_keys_wipe(struct gba_naf_keys *k)
{
	mst_wipe(k, sizeof(*k));
}

const char *gba_judgement_text(enum gba_judgement j)
{
	static const char *const text[GBA_JUDGE__COUNT] = {
		[GBA_JUDGE_GRANTED] = "granted", [GBA_JUDGE_REPEATED] = "repeated", [GBA_JUDGE_RESYNC] = "resynchronisation",
		[GBA_JUDGE_RESYNC_LIMIT] = "resynchronisation-limit",
		[GBA_JUDGE_WRONG] = "wrong-res", [GBA_JUDGE_STALE] = "stale-nonce", [GBA_JUDGE_MISMATCH] = "mismatch",
	};

	return (unsigned)j < GBA_JUDGE__COUNT ? text[j] : "?";
}

static struct mst_view str(const char *s)
{
	return mst_view_str(s);
}

static bool names_token(struct mst_view v)
{
	for (; v.n; v = mst_view_sub(v, 1, v.n))
		if (mst_view_starts(v, TMPI_TOKEN))
			return true;
	return false;
}

/* --- requests --- */

static int bad(int status, int *ret_status, struct mst_diag *d, const char *field, const char *text)
{
	*ret_status = status;
	mst_diag_set(d, 0, field, text, NULL);
	return GBA_BAD;
}

static const struct mst_http_header *authorization_header(const struct mst_http_msg *m, size_t *ret_count)
{
	const struct mst_http_header *found = NULL;

	*ret_count = 0;
	for (size_t i = 0; i < m->n; i++)
		if (mst_view_eq_nocase(m->header[i].name, MST_VIEW_LIT("Authorization"))) {
			found = &m->header[i];
			++*ret_count;
		}
	return found;
}

int gba_ask_read(const struct mst_http_msg *m, const char *realm, struct gba_ask *ret_a, int *ret_status, struct mst_diag *d)
{
	struct gba_ask a = { .kind = GBA_ASK_ANONYMOUS, .body = m->body, .tmpi_ue = names_token(mst_http_find(m, "User-Agent")) };
	const struct mst_http_header *h;
	size_t count;

	if (!mst_view_eq_str(m->method, "GET"))
		return bad(405, ret_status, d, "method", "only GET is for bootstrapping");
	h = authorization_header(m, &count);
	if (count > 1)
		return bad(400, ret_status, d, "Authorization", "stands twice");
	if (h) {
		*ret_status = 400;
		if (gba_authorization_read(h->value, &a.auth, d))
			return GBA_BAD;
		if (!mst_view_eq_nocase(a.auth.realm, str(realm)))
			return bad(400, ret_status, d, "realm", "not this BSF's");
		if (!mst_view_eq(a.auth.uri, m->target))
			return bad(400, ret_status, d, "uri", "not the target of this request");
		if (a.auth.username.n >= MST_ID_MAX || !mst_printable_ascii(a.auth.username))
			return bad(400, ret_status, d, "username", "not an identity");
		a.kind = gba_is_first(&a.auth) ? GBA_ASK_FIRST : a.auth.has_auts ? GBA_ASK_RESYNC : GBA_ASK_RESPONSE;
		a.with_tmpi = gba_is_tmpi(a.auth.username);
	}
	*ret_a = a;
	return 0;
}

/* --- challenges --- */

int gba_run_open(struct mst_crypto *c, const struct gba_run_config *cfg, const struct aka_vector *v, const char *impi, const struct gba_ask *a,
		 const uint8_t opaque[GBA_OPAQUE], mst_time now, struct gba_run *ret_r)
{
	struct mst_writer n = mst_writer_of(ret_r->nonce, sizeof(ret_r->nonce)), o = mst_writer_of(ret_r->opaque, sizeof(ret_r->opaque));
	uint8_t raw[GBA_RAND + GBA_AUTN];
	int r = 0;

	*ret_r = (struct gba_run){ .state = GBA_RUN_OPEN, .algorithm = cfg->algorithm, .qop = cfg->auth_only ? GBA_QOP_AUTH : GBA_QOP_AUTH_INT,
				   .in_card = cfg->in_card, .tmpi_ue = a->tmpi_ue, .xres_n = v->xres_n, .resyncs = cfg->resyncs,
				   .until = now + (cfg->seconds ? cfg->seconds : GBA_RUN_SECONDS) };
	if ((cfg->algorithm != GBA_AKAV1_MD5 && cfg->algorithm != GBA_AKAV2_MD5) || v->xres_n < 4 || v->xres_n > 32 || v->ck_n != 16 ||
	    v->ik_n != 16 || !mst_view_to_str(str(impi), ret_r->impi, sizeof(ret_r->impi)) ||
	    !mst_view_to_str(a->auth.username, ret_r->username, sizeof(ret_r->username)) || a->kind == GBA_ASK_ANONYMOUS ||
	    !mst_printable_ascii(str(impi)) || !impi[0])
		return GBA_BAD;
	memcpy(raw, v->rnd, GBA_RAND);
	memcpy(raw + GBA_RAND, v->autn, GBA_AUTN);
	if (cfg->in_card)
		r = gba_autn_star(c, v->ik, raw + GBA_RAND);
	if (r)
		return r;
	memcpy(ret_r->rnd, v->rnd, GBA_RAND);
	memcpy(ret_r->xres, v->xres, v->xres_n);
	memcpy(ret_r->ck, v->ck, 16);
	memcpy(ret_r->ik, v->ik, 16);
	mst_put_base64(&n, (struct mst_view){ raw, sizeof(raw) });
	mst_put_nul(&n);
	mst_put_hex(&o, (struct mst_view){ opaque, GBA_OPAQUE });
	mst_put_nul(&o);
	return n.ok && o.ok ? 0 : MST_FAULT_BUG;
}

/* The digest that `a` should carry, but for method and body. */
static struct gba_digest digest_of(const struct gba_run *r, const struct gba_authorization *a)
{
	return (struct gba_digest){ .algorithm = r->algorithm, .qop = r->qop, .username = str(r->username), .realm = a->realm, .nonce = str(r->nonce),
				    .nc = a->nc, .cnonce = a->cnonce, .uri = a->uri };
}

static int with_password(struct mst_crypto *c, const struct gba_run *r, struct gba_digest *g, uint8_t room[GBA_PASSWORD_MAX])
{
	size_t n = 0;
	int ret = gba_password(c, r->algorithm, (struct mst_view){ r->xres, r->xres_n }, (struct mst_view){ r->ik, 16 },
			       (struct mst_view){ r->ck, 16 }, room, &n);

	g->password = (struct mst_view){ room, n };
	return ret;
}

/* Everything that an answer to this challenge says again, or may not change; algorithm it may leave out (RFC 2617 3.2.2).
 * NULL, or the field that is not so. */
static const char *strange(const struct gba_run *r, const struct gba_ask *a, const char *realm)
{
	const struct gba_authorization *z = &a->auth;

	return !mst_view_eq_str(z->nonce, r->nonce)		       ? "nonce" :
	       !mst_view_eq_str(z->username, r->username)	       ? "username" :
	       !mst_view_eq_nocase(z->realm, str(realm))	       ? "realm" :
	       !mst_view_eq_str(z->opaque, r->opaque)		       ? "opaque" :
	       z->has_algorithm && z->algorithm != r->algorithm	       ? "algorithm" :
	       z->qop != r->qop					       ? "qop" :
	       !mst_view_eq_str(z->nc, "00000001")		       ? "nc" : NULL;
}

static bool same_as_granted(const struct gba_run *r, const struct gba_ask *a)
{
	return a->kind == GBA_ASK_RESPONSE && mst_ct_equal(a->auth.response, str(r->response)) && mst_view_eq_str(a->auth.cnonce, r->cnonce) &&
	       mst_view_eq_str(a->auth.nc, r->nc);
}

static int judge_open(struct mst_crypto *c, struct gba_run *r, const struct gba_ask *a, enum gba_judgement *ret_j)
{
	struct gba_digest g = digest_of(r, &a->auth);
	uint8_t room[GBA_PASSWORD_MAX];
	int ret = a->kind == GBA_ASK_RESYNC ? 0 : with_password(c, r, &g, room);

	g.method = str("GET");
	g.body = a->body;
	if (!ret)
		ret = gba_digest_check(c, &g, a->auth.response);
	mst_wipe(room, sizeof(room));
	if (ret < 0)
		return ret;
	/* the nonce is used up, whatever was said with it: no second guess */
	r->state = GBA_RUN_SPENT;
	*ret_j = ret ? GBA_JUDGE_WRONG : a->kind != GBA_ASK_RESYNC ? GBA_JUDGE_GRANTED :
		 r->resyncs < GBA_RESYNCS_MAX ? GBA_JUDGE_RESYNC : GBA_JUDGE_RESYNC_LIMIT;
	if (*ret_j == GBA_JUDGE_GRANTED) {
		if (!mst_view_to_str(a->auth.response, r->response, sizeof(r->response)) || !mst_view_to_str(a->auth.cnonce, r->cnonce, sizeof(r->cnonce)) ||
		    !mst_view_to_str(a->auth.nc, r->nc, sizeof(r->nc)))
			return MST_FAULT_BUG;
		r->state = GBA_RUN_GRANTED;
	}
	return 0;
}

int gba_run_judge(struct mst_crypto *c, struct gba_run *r, const struct gba_ask *a, const char *realm, mst_time now, enum gba_judgement *ret_j,
		  struct mst_diag *d)
{
	const char *field = a->kind == GBA_ASK_RESPONSE || a->kind == GBA_ASK_RESYNC ? strange(r, a, realm) : "nonce";

	*ret_j = GBA_JUDGE_MISMATCH;
	if (field) {
		mst_diag_set(d, 0, field, "not as in the challenge", NULL);
		return 0;
	}
	*ret_j = GBA_JUDGE_STALE;
	if (now >= r->until || r->state == GBA_RUN_SPENT)
		return 0;
	if (r->state == GBA_RUN_GRANTED) {
		if (same_as_granted(r, a))
			*ret_j = GBA_JUDGE_REPEATED;
		return 0;
	}
	return judge_open(c, r, a, ret_j);
}

/* --- sessions --- */

int gba_session_open(struct mst_crypto *c, const struct gba_run *r, const char *bsf, int64_t lifetime, mst_time now, struct gba_session *ret_s)
{
	int ret = 0;

	*ret_s = (struct gba_session){ .in_card = r->in_card, .created = now };
	if (r->state != GBA_RUN_GRANTED)
		return MST_FAULT_BUG;
	if (!gba_btid_make(r->rnd, str(bsf), ret_s->btid))
		return GBA_BAD;
	memcpy(ret_s->impi, r->impi, sizeof(ret_s->impi));
	memcpy(ret_s->rnd, r->rnd, GBA_RAND);
	gba_ks(r->ck, r->ik, ret_s->ks);
	lifetime = lifetime < GBA_LIFETIME_MIN ? GBA_LIFETIME_MIN : lifetime > GBA_LIFETIME_MAX ? GBA_LIFETIME_MAX : lifetime;
	ret_s->expires = now + lifetime;
	/* a UE with GBA_U has no Ks to make one from */
	if (r->tmpi_ue && !r->in_card)
		ret = gba_tmpi(c, ret_s->ks, ret_s->rnd, str(ret_s->impi), str(bsf), ret_s->tmpi);
	return ret;
}

int gba_session_keys(struct mst_crypto *c, const struct gba_session *s, struct mst_view naf_id, mst_time now, struct gba_naf_keys *ret_k)
{
	int r;

	*ret_k = (struct gba_naf_keys){ .expires = s->expires };
	if (now >= s->expires)
		return GBA_EXPIRED;
	r = gba_ks_naf(c, GBA_KEY_ME, s->ks, s->rnd, str(s->impi), naf_id, &ret_k->me);
	if (!r && s->in_card)
		r = gba_ks_naf(c, GBA_KEY_INT, s->ks, s->rnd, str(s->impi), naf_id, &ret_k->uicc);
	if (r)
		gba_naf_keys_wipe(ret_k);
	return r == GBA_BAD_NAME ? GBA_BAD : r;
}

/* --- answers --- */

static const char *reason(int status)
{
	static const struct { int status; const char *text; } row[] = {
		{ 200, "OK" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 429, "Too Many Requests" }, { 500, "Internal Server Error" }, { 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < MST_COUNT(row); i++)
		if (row[i].status == status)
			return row[i].text;
	return "Refused";
}

static void put_status(struct mst_writer *w, int status)
{
	mst_put_str(w, "HTTP/1.1 ");
	mst_put_dec(w, status);
	mst_put_str(w, " ");
	mst_put_str(w, reason(status));
	mst_put_str(w, "\r\n");
}

void gba_put_401(const struct gba_run *r, const char *realm, bool stale, struct mst_writer *w)
{
	const struct gba_challenge g = { .realm = str(realm), .nonce = str(r->nonce), .opaque = str(r->opaque), .has_opaque = true, .stale = stale,
					 .algorithm = r->algorithm, .qops = (unsigned)r->qop };

	put_status(w, 401);
	mst_put_str(w, "WWW-Authenticate: ");
	gba_put_challenge(w, &g);
	mst_put_str(w, "\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n");
}

static int put_auth_info(struct mst_crypto *c, const struct gba_run *r, const struct gba_ask *a, struct mst_view body, struct mst_writer *w)
{
	struct gba_digest g = digest_of(r, &a->auth);
	struct gba_auth_info i = { .cnonce = a->auth.cnonce, .nc = a->auth.nc, .nonce = str(r->nonce), .opaque = str(r->opaque), .qop = r->qop };
	uint8_t room[GBA_PASSWORD_MAX];
	char hex[GBA_DIGEST_HEX];
	int ret = with_password(c, r, &g, room);

	g.body = body;                       /* and no method: RFC 2617 3.2.3 */
	if (!ret)
		ret = gba_digest(c, &g, hex);
	mst_wipe(room, sizeof(room));
	if (ret)
		return ret;
	i.rspauth = str(hex);
	mst_put_str(w, "Authentication-Info: ");
	gba_put_auth_info(w, &i);
	mst_put_str(w, "\r\n");
	return 0;
}

int gba_put_200(struct mst_crypto *c, const struct gba_run *r, const struct gba_session *s, const struct gba_ask *a,
		const struct gba_briefing *briefing, bool server_tmpi, mst_time now, struct mst_writer *w)
{
	const struct gba_briefing none = { .instructions = MST_VIEW_NONE }, *b = briefing ? briefing : &none;
	const struct mst_bsf_info info = { str(s->btid), s->expires, now, b->instructions, b->configuration };
	size_t head = w->n, at;
	struct mst_view body;
	int ret;

	if (r->state != GBA_RUN_GRANTED)
		return MST_FAULT_BUG;
	/* the body is written first, to be hashed where it will not stay */
	mst_bsf_info_write(&info, w);
	if (!w->ok)
		return 0;
	body = (struct mst_view){ w->p + head, w->n - head };
	at = w->n;
	put_status(w, 200);
	ret = put_auth_info(c, r, a, body, w);
	mst_put_str(w, "Expires: ");
	mst_put_http_date(w, s->expires);
	mst_put_str(w, server_tmpi ? "\r\nServer: " TMPI_TOKEN : "");
	mst_put_str(w, "\r\nCache-Control: no-store\r\nContent-Type: " MST_BSF_INFO_MEDIA "\r\nContent-Length: ");
	mst_put_dec(w, (int64_t)body.n);
	mst_put_str(w, "\r\n\r\n");
	mst_put(w, body);
	if (ret || !w->ok)
		return ret;
	memmove(w->p + head, w->p + at, w->n - at);
	w->n -= at - head;
	return 0;
}

void gba_put_refusal(int status, int retry_after, const char *text, struct mst_writer *w)
{
	put_status(w, status);
	if (retry_after > 0) {
		mst_put_str(w, "Retry-After: ");
		mst_put_dec(w, retry_after);
		mst_put_str(w, "\r\n");
	}
	mst_put_str(w, "Content-Type: text/plain\r\nContent-Length: ");
	mst_put_dec(w, (int64_t)strlen(text) + 1);
	mst_put_str(w, "\r\n\r\n");
	mst_put_str(w, text);
	mst_put_str(w, "\n");
}
