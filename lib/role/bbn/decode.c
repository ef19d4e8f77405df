/* Bytes → call: path, media types, content. */
#include <string.h>

#include "crypto/crypto.h"
#include "role/bbn/bbn.h"

static struct mst_view trimmed(struct mst_view v)
{
	while (v.n && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = mst_view_sub(v, 1, v.n);
	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	return v;
}

/* Before the parameters. */
static struct mst_view type_of(struct mst_view v)
{
	return trimmed(mst_view_sub(v, 0, mst_view_find(v, ';')));
}

enum media { MEDIA_NONE, MEDIA_JSON, MEDIA_CBOR, MEDIA_ANY };

static enum media media_of(struct mst_view v)
{
	static const struct { const char *text; enum media media; } rows[] = {
		{ "application/json", MEDIA_JSON }, { "application/cbor", MEDIA_CBOR },
		{ "application/*", MEDIA_ANY }, { "*/*", MEDIA_ANY },
	};
	struct mst_view t = type_of(v);

	for (size_t i = 0; i < MST_COUNT(rows); i++)
		if (mst_view_eq_nocase(t, mst_view_str(rows[i].text)))
			return rows[i].media;
	return MEDIA_NONE;
}

/* "q=0", "q=0.0": not that one (RFC 9110 12.4.2). Finer weights mean nothing between two encodings of one table. */
static bool unwanted(struct mst_view v)
{
	for (size_t at = mst_view_find(v, ';'); at < v.n; at = mst_view_find(v, ';')) {
		struct mst_view q;

		v = mst_view_sub(v, at + 1, v.n);
		q = trimmed(mst_view_sub(v, 0, mst_view_find(v, ';')));
		if (q.n < 3 || (q.p[0] | 0x20) != 'q' || q.p[1] != '=')
			continue;
		q = mst_view_sub(q, 2, q.n);
		for (size_t i = 0; i < q.n; i++)
			if (q.p[i] != '0' && q.p[i] != '.')
				return false;
		return true;
	}
	return false;
}

/* The first in the list that we have; the question's own when anything will do. */
static enum media accepted(struct mst_view accept, enum media asked)
{
	bool any = !trimmed(accept).n, json = true, cbor = true;

	for (struct mst_view rest = accept; rest.n;) {
		size_t end = mst_view_find(rest, ',');
		struct mst_view one = mst_view_sub(rest, 0, end);
		enum media m = media_of(one);

		rest = mst_view_sub(rest, end + 1, rest.n);
		if (unwanted(one)) {
			json = json && m != MEDIA_JSON;
			cbor = cbor && m != MEDIA_CBOR;
		} else if (m == MEDIA_JSON || m == MEDIA_CBOR) {
			return m;
		} else {
			any = any || m == MEDIA_ANY;
		}
	}
	if (!any)
		return MEDIA_NONE;
	if (asked == MEDIA_CBOR ? cbor : json)
		return asked == MEDIA_CBOR ? MEDIA_CBOR : MEDIA_JSON;
	return json ? MEDIA_JSON : cbor ? MEDIA_CBOR : MEDIA_NONE;
}

static int refuse(struct bbn_verdict *v, int rsc, const char *say)
{
	bbn_refuse(v, rsc, MST_BRIEF_MALFORMED, say, NULL);
	return rsc;
}

static bool hex32(struct mst_view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'a' && v.p[i] <= 'f')))
			return false;
	return v.n == 32;
}

/* "<base>", or "<base>/<id>/report". */
static bool find_place(const struct mst_role_conf *conf, struct mst_view to, struct bbn_call *c)
{
	struct mst_view base = mst_view_str(conf->base), rest;

	if (!mst_view_starts(to, conf->base))
		return false;
	rest = mst_view_sub(to, base.n, to.n);
	c->what = BBN_BRIEF;
	if (!rest.n)
		return true;
	c->what = BBN_REPORT;
	return rest.n == 1 + 32 + 7 && rest.p[0] == '/' && hex32(mst_view_sub(rest, 1, 32)) &&
	       mst_view_eq_str(mst_view_sub(rest, 33, rest.n), "/report") &&
	       mst_view_to_str(mst_view_sub(rest, 1, 32), c->id, sizeof(c->id));
}

static int content_refused(struct bbn_verdict *v, int outcome, const struct mst_diag *d)
{
	char text[sizeof(v->say)];
	struct mst_writer w = mst_writer_of(text, sizeof(text) - 1);

	if (d->field[0]) {
		mst_put_str(&w, d->field);
		mst_put_str(&w, ": ");
	}
	mst_put(&w, mst_view_sub(mst_view_str(d->text), 0, w.cap - w.n));
	text[w.n] = 0;
	return refuse(v, MST_RSC_BAD_REQUEST, w.ok && w.n ? text : mst_msg_outcome_text(outcome));
}

static int read_content(struct mst_view in, bool cbor, struct mst_arena *a, struct bbn_call *c, struct bbn_verdict *v)
{
	bool report = c->what == BBN_REPORT;
	const struct mst_msg *m = report ? &mst_brief_report_msg : &mst_brief_ask_msg;
	void *ret = report ? (void *)&c->report : (void *)&c->ask;
	struct mst_diag d = { 0 };
	int r = cbor ? mst_msg_read_cbor(m, in, a, ret, &d) : mst_msg_read_json(m, MST_PROFILE_LONG, in, a, ret, &d);

	if (!r)
		r = report ? mst_brief_report_check(&c->report, &d) : mst_brief_ask_check(&c->ask, &d);
	if (r)
		return r < 0 ? r : content_refused(v, r, &d);
	return mst_view_to_str(report ? c->report.attempt : c->ask.attempt, c->attempt, sizeof(c->attempt)) ? 0 : MST_FAULT_BUG;
}

/* The same question in the other encoding is the same question. */
static int digest(struct bbn_call *c)
{
	static _Thread_local uint8_t b[2 * MST_BRIEF_OCTETS];
	struct mst_writer w = mst_writer_of(b, sizeof(b));

	mst_msg_write_cbor(&mst_brief_ask_msg, &c->ask, &w);
	return w.ok ? mst_crypto_openssl()->ops->sha256(mst_crypto_openssl(), mst_written(&w), c->sha256) : MST_FAULT_BUG;
}

int bbn_decode(const struct mst_role_conf *conf, const struct mst_exchange *x, struct mst_arena *a, struct bbn_call *c,
	       struct bbn_verdict *v)
{
	enum media in = media_of(x->request.media), out = accepted(x->request.accept, in);
	int r;

	memset(c, 0, sizeof(*c));
	memset(v, 0, sizeof(*v));
	v->what = "briefed";
	c->cbor = out == MEDIA_CBOR;
	if (!find_place(conf, x->request.to, c)) {
		c->what = BBN_NOTHING;
		return refuse(v, MST_RSC_NOT_FOUND, "there is nothing at this path");
	}
	v->what = c->what == BBN_REPORT ? "report" : "briefed";
	if (x->request.op != MST_OP_CREATE)
		return refuse(v, MST_RSC_OPERATION_NOT_ALLOWED, "POST is taken here");
	if (x->request.content.n > MST_BRIEF_OCTETS)
		return refuse(v, 413, "content: at most 8192 octets are taken");
	if (in != MEDIA_JSON && in != MEDIA_CBOR)
		return refuse(v, MST_RSC_UNSUPPORTED_MEDIA_TYPE, "Content-Type: application/json or application/cbor is taken");
	if (out == MEDIA_NONE)
		return refuse(v, MST_RSC_NOT_ACCEPTABLE, "Accept: application/json or application/cbor can be given");
	r = read_content(x->request.content, in == MEDIA_CBOR, a, c, v);
	return r || c->what != BBN_BRIEF ? r : digest(c);
}
