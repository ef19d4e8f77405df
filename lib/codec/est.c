#include "codec/est.h"

#include "base/text.h"

const char *const mst_est_name[MST_EST__COUNT] = {
	[MST_EST_NONE] = "none",
	[MST_EST_CACERTS] = "cacerts",
	[MST_EST_CSRATTRS_GET] = "csrattrs",
	[MST_EST_ENROLL] = "simpleenroll",
	[MST_EST_REENROLL] = "simplereenroll",
	[MST_EST_SERVERKEYGEN] = "serverkeygen",
	[MST_EST_FULLCMC] = "fullcmc",
};

const char *const mst_est_method[MST_EST__COUNT] = {
	[MST_EST_NONE] = "",
	[MST_EST_CACERTS] = "GET",
	[MST_EST_CSRATTRS_GET] = "GET",
	[MST_EST_ENROLL] = "POST",
	[MST_EST_REENROLL] = "POST",
	[MST_EST_SERVERKEYGEN] = "POST",
	[MST_EST_FULLCMC] = "POST",
};

enum mst_est_op mst_est_op_of(struct mst_view path)
{
	static const char prefix[] = MST_EST_PATH "/";

	if (!mst_view_starts(path, prefix))
		return MST_EST_NONE;
	path = mst_view_sub(path, sizeof(prefix) - 1, path.n);
	for (int i = MST_EST_NONE + 1; i < MST_EST__COUNT; i++)
		if (mst_view_eq_str(path, mst_est_name[i]))
			return (enum mst_est_op)i;
	return MST_EST_NONE;
}

bool mst_est_media_is(struct mst_view media, const char *name)
{
	struct mst_view bare = mst_view_sub(media, 0, mst_view_find(media, ';'));

	while (bare.n && (bare.p[bare.n - 1] == ' ' || bare.p[bare.n - 1] == '\t'))
		bare.n--;
	return mst_view_eq_nocase(bare, mst_view_str(name));
}

void mst_est_put_base64(struct mst_writer *w, struct mst_view v)
{
	mst_put_base64(w, v);
}

bool mst_est_get_base64(struct mst_view in, uint8_t *out, size_t cap, size_t *ret_n)
{
	char quad[4];
	size_t k = 0, n = 0, m;
	bool ended = false;

	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\r' || in.p[i] == '\n' || in.p[i] == ' ' || in.p[i] == '\t')
			continue;
		if (ended)
			return false;
		quad[k++] = (char)in.p[i];
		if (k < sizeof(quad))
			continue;
		k = 0;
		ended = quad[3] == '=';
		if (n >= cap || !mst_base64_decode((struct mst_view){ (const uint8_t *)quad, sizeof(quad) }, out + n, cap - n, &m))
			return false;
		n += m;
	}
	*ret_n = n;
	return k == 0 && n > 0;
}
