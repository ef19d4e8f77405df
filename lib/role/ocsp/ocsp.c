#include "role/ocsp/ocsp.h"

#include <string.h>

#include "base/text.h"
#include "codec/est.h"

#define MEDIA "application/ocsp-request"

/* --- octets → call --- */

static int digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 6960 A.1: the url-encoding of the base64 of the DER. 0 octets when it is no such thing. */
static struct mst_view from_path(struct mst_view text, uint8_t *out, size_t cap)
{
	uint8_t plain[MST_OCSP_REQUEST_MAX * 2];
	size_t n = 0, m = 0;

	for (size_t i = 0; i < text.n; i++) {
		int c = text.p[i];

		if (c == '%') {
			int hi = i + 2 < text.n ? digit(text.p[i + 1]) : -1, lo = i + 2 < text.n ? digit(text.p[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return MST_VIEW_NONE;
			c = hi * 16 + lo;
			i += 2;
		}
		if (n == sizeof(plain))
			return MST_VIEW_NONE;
		plain[n++] = (uint8_t)c;
	}
	return mst_base64_decode((struct mst_view){ plain, n }, out, cap, &m) ? (struct mst_view){ out, m } : MST_VIEW_NONE;
}

/* Below `base`: nothing, "/", or "/" and a request. */
static bool below(struct mst_view to, const char *base, struct mst_view *ret_rest)
{
	size_t n = strlen(base);

	while (n && base[n - 1] == '/')
		n--;
	if (to.n < n || (n && memcmp(to.p, base, n)) || (to.n > n && to.p[n] != '/'))
		return false;
	*ret_rest = mst_view_sub(to, n + 1, to.n);
	return true;
}

static int decode(const struct mst_role_conf *conf, const struct mst_exchange *x, struct mst_view ca, struct ocsp_call *c)
{
	uint8_t b[MST_OCSP_REQUEST_MAX];
	struct mst_view rest = MST_VIEW_NONE, der = x->request.content;
	bool get = x->request.op == MST_OP_RETRIEVE;

	memset(c, 0, sizeof(*c));
	c->op = x->request.op;
	c->path_fits = below(x->request.to, conf->base, &rest) && (get || !rest.n);
	c->media_fits = get || mst_est_media_is(x->request.media, MEDIA);
	if (!c->path_fits || !c->media_fits || (!get && c->op != MST_OP_CREATE))
		return 0;
	if (get)
		der = from_path(rest, b, sizeof(b));
	c->end = mst_ocsp_request_read(der, ca, &c->q, NULL);
	return c->end < 0 ? c->end : 0;
}

/* --- call → records --- */

static int load(struct mst_role_env *env, const struct ocsp_call *c, struct ocsp_records *r)
{
	memset(r, 0, sizeof(*r));
	for (size_t i = 0; i < c->q.n; i++) {
		int e;

		if (!c->q.asked[i].ours || !c->q.asked[i].serial[0])
			continue;
		e = mst_store_cert_get(env->store, c->q.asked[i].serial, &r->of[i].row);
		if (e < 0)
			return e;
		r->of[i].found = !e;
	}
	return 0;
}

/* --- verdict → octets --- */

static int encode(struct mst_role_env *env, struct ocsp_verdict *v, struct mst_answer *a)
{
	uint8_t der[MST_OCSP_RESPONSE_MAX];
	size_t n = 0;
	int r = 0;

	a->rsc = v->status;
	a->content.n = 0;
	if (v->status != 200) {
		a->media = "text/plain";
		mst_put_str(&a->content, v->say);
		mst_put_str(&a->content, "\n");
		return a->content.ok ? 0 : MST_FAULT_MEMORY;
	}
	a->media = "application/ocsp-response";
	if (!v->error)
		r = env->keeper->ops->status(env->keeper, &v->leave, &v->answer, der, sizeof(der), &n);
	if (r < 0)
		return r;
	if (v->error || r)
		mst_ocsp_error_put(v->error ? v->error : r == MST_KEEPER_AWAY ? MST_OCSP_TRY_LATER : MST_OCSP_INTERNAL_ERROR, &a->content);
	else
		mst_put(&a->content, (struct mst_view){ der, n });
	return a->content.ok ? 0 : MST_FAULT_MEMORY;
}

struct work {
	struct ocsp_call call;
	struct ocsp_records records;
	struct ocsp_verdict verdict;
	uint8_t ca[MST_CERT_MAX];
};

static int handle(struct mst_role_env *env, const struct mst_exchange *x, struct mst_answer *a)
{
	static _Thread_local struct work k;
	struct mst_view ca = { k.ca, 0 };
	int r = env->keeper->ops->ca_cert(env->keeper, k.ca, sizeof(k.ca), &ca.n);

	if (!r)
		r = decode(env->conf, x, ca, &k.call);
	if (!r)
		r = load(env, &k.call, &k.records);
	if (r)
		return r < 0 ? r : MST_FAULT_BUG;
	ocsp_decide(&k.call, &k.records, env->conf, x->peer.address, env->now, &k.verdict);
	return encode(env, &k.verdict, a);
}

const struct mst_role_ops mst_role_ocsp = {
	.role = MST_ROLE_OCSP,
	.network = true,
	.clear = true,
	.content_max = MST_OCSP_REQUEST_MAX,
	.handle = handle,
};
