#include "proto/gba/bsf.h"

#include <string.h>

#include "base/text.h"

#define TMPI_TOKEN "3gpp-gba-tmpi"

void gba_av_wipe(struct gba_av *v)
{
	mst_wipe(v, sizeof(*v));
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
		[GBA_JUDGE_PROVE] = "prove",
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

int gba_run_open(const struct gba_run_config *cfg, const uint8_t rnd[GBA_RAND], const uint8_t autn[GBA_AUTN], const char *impi,
		 const struct gba_ask *a, const uint8_t opaque[GBA_OPAQUE], mst_time now, struct gba_run *ret_r)
{
	struct mst_writer n = mst_writer_of(ret_r->nonce, sizeof(ret_r->nonce)), o = mst_writer_of(ret_r->opaque, sizeof(ret_r->opaque));
	uint8_t raw[GBA_RAND + GBA_AUTN];

	*ret_r = (struct gba_run){ .state = GBA_RUN_OPEN, .algorithm = cfg->algorithm, .qop = cfg->auth_only ? GBA_QOP_AUTH : GBA_QOP_AUTH_INT,
				   .in_card = cfg->in_card, .tmpi_ue = a->tmpi_ue, .resyncs = cfg->resyncs,
				   .until = now + (cfg->seconds ? cfg->seconds : GBA_RUN_SECONDS) };
	if ((cfg->algorithm != GBA_AKAV1_MD5 && cfg->algorithm != GBA_AKAV2_MD5) || !mst_view_to_str(str(impi), ret_r->impi, sizeof(ret_r->impi)) ||
	    !mst_view_to_str(a->auth.username, ret_r->username, sizeof(ret_r->username)) || a->kind == GBA_ASK_ANONYMOUS ||
	    !mst_printable_ascii(str(impi)) || !impi[0])
		return GBA_BAD;
	memcpy(raw, rnd, GBA_RAND);
	memcpy(raw + GBA_RAND, autn, GBA_AUTN);
	memcpy(ret_r->rnd, rnd, GBA_RAND);
	mst_put_base64(&n, (struct mst_view){ raw, sizeof(raw) });
	mst_put_nul(&n);
	mst_put_hex(&o, (struct mst_view){ opaque, GBA_OPAQUE });
	mst_put_nul(&o);
	return n.ok && o.ok ? 0 : MST_FAULT_BUG;
}

/* --- the secret half --- */

bool gba_av_read(struct mst_view v, struct gba_av *ret_v)
{
	if (v.n < GBA_XRES_MIN + 32 || v.n > GBA_AV_MAX)
		return false;
	*ret_v = (struct gba_av){ .xres_n = (uint8_t)(v.n - 32) };
	memcpy(ret_v->xres, v.p, v.n - 32);
	memcpy(ret_v->ck, v.p + v.n - 32, 16);
	memcpy(ret_v->ik, v.p + v.n - 16, 16);
	return true;
}

/* The digest of a claim, but for password, method and body. */
static struct gba_digest digest_of(const struct gba_claim *q)
{
	return (struct gba_digest){ .algorithm = q->algorithm, .qop = q->qop, .username = q->username, .realm = q->realm, .nonce = q->nonce,
				    .nc = q->nc, .cnonce = q->cnonce, .uri = q->uri };
}

static int with_password(struct mst_crypto *c, const struct gba_av *v, struct gba_digest *g, uint8_t room[GBA_PASSWORD_MAX])
{
	size_t n = 0;
	int ret = gba_password(c, g->algorithm, (struct mst_view){ v->xres, v->xres_n }, (struct mst_view){ v->ik, 16 },
			       (struct mst_view){ v->ck, 16 }, room, &n);

	g->password = (struct mst_view){ room, n };
	return ret;
}

int gba_prove(struct mst_crypto *c, const struct gba_av *v, const struct gba_claim *q, struct mst_view body)
{
	struct gba_digest g = digest_of(q);
	uint8_t room[GBA_PASSWORD_MAX];
	int ret = with_password(c, v, &g, room);

	g.method = str("GET");
	g.body = body;
	if (!ret)
		ret = gba_digest_check(c, &g, q->response);
	mst_wipe(room, sizeof(room));
	return ret;
}

int gba_rspauth(struct mst_crypto *c, const struct gba_av *v, const struct gba_claim *q, struct mst_view body, char ret_hex[GBA_DIGEST_HEX])
{
	struct gba_digest g = digest_of(q);
	uint8_t room[GBA_PASSWORD_MAX];
	int ret = with_password(c, v, &g, room);

	g.body = body;                       /* and no method: RFC 2617 3.2.3 */
	if (!ret)
		ret = gba_digest(c, &g, ret_hex);
	mst_wipe(room, sizeof(room));
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

struct gba_claim gba_claim_of(const struct gba_run *r, const struct gba_ask *a)
{
	return (struct gba_claim){ .algorithm = r->algorithm, .qop = r->qop, .username = str(r->username), .realm = a->auth.realm,
				   .nonce = str(r->nonce), .nc = a->auth.nc, .cnonce = a->auth.cnonce, .uri = a->auth.uri,
				   .response = a->auth.response };
}

/* A resynchronisation is answered with an empty password (RFC 3310 3.4): it needs no secret. */
static int judge_resync(struct mst_crypto *c, struct gba_run *r, const struct gba_ask *a, enum gba_judgement *ret_j)
{
	struct gba_claim q = gba_claim_of(r, a);
	struct gba_digest g = digest_of(&q);
	int ret;

	g.method = str("GET");
	g.body = a->body;
	ret = gba_digest_check(c, &g, q.response);
	if (ret < 0)
		return ret;
	*ret_j = ret ? GBA_JUDGE_WRONG : r->resyncs < GBA_RESYNCS_MAX ? GBA_JUDGE_RESYNC : GBA_JUDGE_RESYNC_LIMIT;
	/* a card that does not settle: what comes next begins anew. Anything else anybody can say who has seen a challenge */
	if (*ret_j == GBA_JUDGE_RESYNC_LIMIT)
		r->state = GBA_RUN_SPENT;
	return 0;
}

int gba_run_match(struct mst_crypto *c, struct gba_run *r, const struct gba_ask *a, const char *realm, mst_time now, enum gba_judgement *ret_j,
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
	*ret_j = GBA_JUDGE_PROVE;
	return a->kind == GBA_ASK_RESYNC ? judge_resync(c, r, a, ret_j) : 0;
}

enum gba_judgement gba_run_proven(struct gba_run *r, const struct gba_ask *a, bool right)
{
	if (!right || !mst_view_to_str(a->auth.response, r->response, sizeof(r->response)) ||
	    !mst_view_to_str(a->auth.cnonce, r->cnonce, sizeof(r->cnonce)) || !mst_view_to_str(a->auth.nc, r->nc, sizeof(r->nc)))
		return GBA_JUDGE_WRONG;
	r->state = GBA_RUN_GRANTED;
	return GBA_JUDGE_GRANTED;
}

/* --- sessions --- */

bool gba_session_open(const struct gba_run *r, const char *bsf, int64_t lifetime, mst_time now, struct gba_session *ret_s)
{
	*ret_s = (struct gba_session){ .in_card = r->in_card, .created = now };
	if (!gba_btid_make(r->rnd, str(bsf), ret_s->btid))
		return false;
	memcpy(ret_s->impi, r->impi, sizeof(ret_s->impi));
	memcpy(ret_s->rnd, r->rnd, GBA_RAND);
	lifetime = lifetime < GBA_LIFETIME_MIN ? GBA_LIFETIME_MIN : lifetime > GBA_LIFETIME_MAX ? GBA_LIFETIME_MAX : lifetime;
	ret_s->expires = now + lifetime;
	return true;
}

int gba_naf_keys_make(struct mst_crypto *c, const uint8_t ks[GBA_KS], const uint8_t rnd[GBA_RAND], struct mst_view impi, struct mst_view naf_id,
		      bool in_card, struct gba_naf_keys *ret_k)
{
	int r;

	*ret_k = (struct gba_naf_keys){ .me.n = 0 };
	r = gba_ks_naf(c, GBA_KEY_ME, ks, rnd, impi, naf_id, &ret_k->me);
	if (!r && in_card)
		r = gba_ks_naf(c, GBA_KEY_INT, ks, rnd, impi, naf_id, &ret_k->uicc);
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

void gba_put_401_lines(const struct gba_run *r, const char *realm, bool stale, struct mst_writer *w)
{
	const struct gba_challenge g = { .realm = str(realm), .nonce = str(r->nonce), .opaque = str(r->opaque), .has_opaque = true, .stale = stale,
					 .algorithm = r->algorithm, .qops = (unsigned)r->qop };

	mst_put_str(w, "WWW-Authenticate: ");
	gba_put_challenge(w, &g);
	mst_put_str(w, "\r\n");
}

void gba_put_401(const struct gba_run *r, const char *realm, bool stale, struct mst_writer *w)
{
	put_status(w, 401);
	gba_put_401_lines(r, realm, stale, w);
	mst_put_str(w, "Cache-Control: no-store\r\nContent-Length: 0\r\n\r\n");
}

void gba_put_200_lines(const struct gba_run *r, const struct gba_session *s, const struct gba_ask *a, const char *rspauth, bool server_tmpi,
		       struct mst_writer *w)
{
	const struct gba_auth_info i = { .cnonce = a->auth.cnonce, .nc = a->auth.nc, .nonce = str(r->nonce), .opaque = str(r->opaque), .qop = r->qop,
					 .rspauth = str(rspauth) };

	mst_put_str(w, "Authentication-Info: ");
	gba_put_auth_info(w, &i);
	mst_put_str(w, "\r\nExpires: ");
	mst_put_http_date(w, s->expires);
	mst_put_str(w, server_tmpi ? "\r\nServer: " TMPI_TOKEN : "");
	mst_put_str(w, "\r\n");
}

int gba_put_200(struct mst_crypto *c, const struct gba_run *r, const struct gba_av *v, const struct gba_session *s, const struct gba_ask *a,
		const struct gba_briefing *briefing, bool server_tmpi, mst_time now, struct mst_writer *w)
{
	const struct gba_briefing none = { .instructions = MST_VIEW_NONE }, *b = briefing ? briefing : &none;
	const struct mst_bsf_info info = { str(s->btid), s->expires, now, b->instructions, b->configuration };
	const struct gba_claim q = gba_claim_of(r, a);
	size_t head = w->n, at;
	char rspauth[GBA_DIGEST_HEX];
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
	ret = gba_rspauth(c, v, &q, body, rspauth);
	if (ret)
		return ret;
	gba_put_200_lines(r, s, a, rspauth, server_tmpi, w);
	mst_put_str(w, "Cache-Control: no-store\r\nContent-Type: " MST_BSF_INFO_MEDIA "\r\nContent-Length: ");
	mst_put_dec(w, (int64_t)body.n);
	mst_put_str(w, "\r\n\r\n");
	mst_put(w, body);
	if (!w->ok)
		return 0;
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
