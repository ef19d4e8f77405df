#include "proto/gba/ua-client.h"

#include <string.h>

#include "base/text.h"

#define CHALLENGES 2                         /* for one request: the first, and one whose nonce was too old */
#define TOKEN "3gpp-gba"                     /* TS 24.109 E.3: this UE can do GBA_ME */

bool gba_client_init(struct gba_client *c, struct mst_crypto *crypto, const char *naf, struct mst_view btid, const struct mst_key *key)
{
	struct mst_writer w = mst_writer_of(c->password, sizeof(c->password));

	memset(c, 0, sizeof(*c));
	c->crypto = crypto;
	mst_put_base64(&w, mst_key_view(key));
	mst_put_nul(&w);
	return w.ok && key->n && btid.n && mst_view_to_str(btid, c->btid, sizeof(c->btid)) && mst_view_to_str(mst_view_str(naf), c->naf, sizeof(c->naf));
}

void gba_client_deinit(struct gba_client *c)
{
	mst_wipe(c, sizeof(*c));
}

/* --- requests --- */

/* Views of a whole request. */
struct parts { struct mst_view method, target, first_line /* with its end */, rest, body; };

static bool split(struct mst_view q, struct parts *ret)
{
	size_t line = mst_view_find(q, '\n'), a = mst_view_find(q, ' '), b, i;

	if (line >= q.n || a >= line)
		return false;
	ret->first_line = mst_view_sub(q, 0, line + 1);
	ret->rest = mst_view_sub(q, line + 1, q.n);
	ret->method = mst_view_sub(q, 0, a);
	b = mst_view_find(mst_view_sub(q, a + 1, line - a - 1), ' ');
	ret->target = mst_view_sub(q, a + 1, b);
	for (i = line; i + 3 <= q.n && memcmp(q.p + i, "\n\r\n", 3) != 0;)
		i++;
	if (i + 3 > q.n)
		return false;
	ret->body = mst_view_sub(q, i + 3, q.n);
	return ret->method.n && ret->target.n && a + 1 + b < line;
}

/* What is hashed: for the request with its method, for rspauth with none (RFC 2617 3.2.3). */
static struct gba_digest terms(const struct gba_client *c, struct mst_view method, struct mst_view body)
{
	return (struct gba_digest){ .algorithm = c->algorithm, .qop = c->qop, .username = mst_view_str(c->btid), .realm = mst_view_str(c->realm),
				    .nonce = mst_view_str(c->nonce), .nc = mst_view_str(c->nc), .cnonce = mst_view_str(c->cnonce),
				    .uri = mst_view_str(c->uri), .password = mst_view_str(c->password), .method = method, .body = body };
}

static bool put_proof(struct gba_client *c, const struct parts *p, const uint8_t *cnonce, struct mst_writer *w)
{
	struct mst_writer nc = mst_writer_of(c->nc, sizeof(c->nc)), t = mst_writer_of(c->cnonce, sizeof(c->cnonce));
	struct gba_authorization a = { .has_opaque = c->has_opaque, .has_algorithm = true, .algorithm = c->algorithm, .qop = c->qop };
	uint8_t count[4];
	struct mst_writer n = mst_writer_of(count, sizeof(count));
	struct gba_digest g;
	char hex[GBA_DIGEST_HEX];

	mst_put_u32(&n, ++c->count);         /* never one twice for a nonce */
	mst_put_hex(&nc, mst_written(&n));
	mst_put_nul(&nc);
	mst_put_hex(&t, (struct mst_view){ cnonce, GBA_CLIENT_CNONCE });
	mst_put_nul(&t);
	mst_ascii_lower(c->nc);
	mst_ascii_lower(c->cnonce);
	g = terms(c, p->method, p->body);
	if (gba_digest(c->crypto, &g, hex))
		return false;
	a.username = g.username;
	a.realm = g.realm;
	a.nonce = g.nonce;
	a.uri = g.uri;
	a.cnonce = g.cnonce;
	a.nc = g.nc;
	a.opaque = mst_view_str(c->opaque);
	a.response = mst_view_str(hex);
	mst_put_str(w, "Authorization: ");
	gba_put_authorization(w, &a);
	mst_put_str(w, "\r\n");
	return w->ok;
}

bool gba_client_request(struct gba_client *c, struct mst_view request, const uint8_t cnonce[GBA_CLIENT_CNONCE], struct mst_writer *w)
{
	struct parts p;

	c->proved = false;
	if (!split(request, &p) || !mst_view_to_str(p.target, c->uri, sizeof(c->uri)))
		return false;
	mst_put(w, p.first_line);
	mst_put_str(w, "User-Agent: " TOKEN "\r\n");
	if (c->challenged && !put_proof(c, &p, cnonce, w))
		return false;
	c->proved = c->challenged;
	mst_put(w, p.rest);
	return w->ok;
}

/* --- answers --- */

/* What a peer said is shown as plain text on one line. */
static enum gba_client_end ended(struct gba_client *c, enum gba_client_end end, const char *words, const char *more)
{
	struct mst_writer w = mst_writer_of(c->detail, sizeof(c->detail) - 1);
	const char *part[] = { words, more };

	for (size_t i = 0; i < 2; i++)
		for (const char *p = part[i]; *p && w.n < w.cap; p++)
			mst_put_u8(&w, *p < 0x20 || *p > 0x7e ? '?' : (uint8_t)*p);
	c->detail[w.n] = 0;
	c->challenged = false;
	return end;
}

/* Is our kind of key among what the realm names for that very host? */
static bool realm_is_ours(struct mst_view realm, struct mst_view host, bool *ret_other_key)
{
	enum gba_hint hint;

	*ret_other_key = false;
	while (realm.n) {
		size_t end = mst_view_find(realm, ';');

		if (gba_realm_for(mst_view_sub(realm, 0, end), host, &hint)) {
			if (hint == GBA_HINT_ME)
				return true;
			*ret_other_key = true;
		}
		realm = mst_view_sub(realm, end + 1, realm.n);
	}
	return false;
}

static bool keep(char *to, struct mst_view v)
{
	return mst_view_to_str(v, to, GBA_VALUE_MAX + 1);
}

static enum gba_client_end on_challenge(struct gba_client *c, const struct mst_http_msg *m, bool proved)
{
	struct gba_challenge ch;
	struct mst_diag d = { 0 };
	bool other_key;
	int r = gba_challenge_pick(m, 1u << GBA_MD5 | 1u << GBA_SHA256, &ch, &d);

	if (r == GBA_END)
		return ended(c, GBA_CLIENT_BAD, "the NAF offers no Digest of MD5 or SHA-256", "");
	if (r)
		return ended(c, GBA_CLIENT_BAD, "the NAF's challenge: ", d.text);
	if (!realm_is_ours(ch.realm, mst_view_str(c->naf), &other_key))
		return ended(c, GBA_CLIENT_BAD, other_key ? "the NAF asks for a key that stays in the card alone (3GPP-bootstrapping-uicc), or for none of a SIM" :
			     "the challenge is not of realm 3GPP-bootstrapping@", other_key ? "" : c->naf);
	if (proved && !ch.stale)
		return ended(c, GBA_CLIENT_REFUSED, "the NAF does not take the B-TID with its key: unknown, or ended", "");
	if (!ch.qops)
		return ended(c, GBA_CLIENT_BAD, "the NAF's challenge has no qop", "");
	if (c->challenges++ >= CHALLENGES)
		return ended(c, GBA_CLIENT_BAD, "the NAF calls each nonce of its own too old", "");
	if (!keep(c->realm, ch.realm) || !keep(c->nonce, ch.nonce) || !keep(c->opaque, ch.opaque))
		return ended(c, GBA_CLIENT_BAD, "the challenge is longer than can be kept", "");
	c->has_opaque = ch.has_opaque;
	c->algorithm = ch.algorithm;
	c->qop = gba_qop_choose(ch.qops);
	c->count = 0;
	c->challenged = true;
	return GBA_CLIENT_AGAIN;
}

/* It must speak of this request, in this protection: auth for auth-int would leave the body out. 0, GBA_MISMATCH or a fault. */
static int check_info(struct gba_client *c, struct mst_view v, struct mst_view body)
{
	struct gba_digest g = terms(c, MST_VIEW_NONE, body);
	struct gba_auth_info i;
	struct mst_diag d = { 0 };
	int r = gba_auth_info_read(v, &i, &d);

	if (r)
		return r;
	if (i.qop != c->qop || !mst_view_eq_str(i.nc, c->nc) || !mst_view_eq_str(i.cnonce, c->cnonce) ||
	    (i.nonce.n && !mst_view_eq_str(i.nonce, c->nonce)))
		return GBA_MISMATCH;
	r = gba_digest_check(c->crypto, &g, i.rspauth);
	if (!r && i.nextnonce.n && keep(c->nonce, i.nextnonce))
		c->count = 0;
	return r;
}

enum gba_client_end gba_client_answer(struct gba_client *c, const struct mst_http_msg *m)
{
	struct mst_view info = mst_http_find(m, "Authentication-Info");
	bool proved = c->proved;
	int r = 0;

	c->proved = false;
	if (m->status == 401 && mst_http_find(m, "WWW-Authenticate").n)
		return on_challenge(c, m, proved);
	c->challenges = 0;
	if (!proved && m->status < 300)
		return ended(c, GBA_CLIENT_NOT_PROVEN, "the server took a request without asking for the key", "");
	if (proved && info.n)
		r = check_info(c, info, m->body);
	if (r)
		return ended(c, r < 0 ? GBA_CLIENT_FAULT : GBA_CLIENT_NOT_PROVEN, r < 0 ? "the crypto library failed" : "the answer is not the NAF's (rspauth)", "");
	return GBA_CLIENT_TAKE;
}
