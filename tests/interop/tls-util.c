#include "tests/interop/tls-util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(2);
}

/* Files of the command line: they stay until the end. */
struct mst_view perf_file(const char *path)
{
	static uint8_t room[8][65536];
	static unsigned used;
	FILE *f = fopen(path, "rb");
	uint8_t *p = used < MST_COUNT(room) ? room[used++] : NULL;
	size_t n;

	if (!f || !p)
		die(path, "cannot read");
	n = fread(p, 1, 65535, f);
	fclose(f);
	p[n] = 0;
	return (struct mst_view){ p, n };
}

void perf_psk(struct perf_tls *t, const char *path)
{
	struct mst_view v = perf_file(path);
	size_t colon = mst_view_find(v, ':'), n;
	uint8_t key[MST_KEY_MAX];

	while (v.n && v.p[v.n - 1] <= ' ')
		v.n--;
	if (!mst_view_to_str(mst_view_sub(v, 0, colon), t->psk_identity, sizeof(t->psk_identity)) ||
	    !mst_hex_decode(mst_view_sub(v, colon + 1, v.n), key, sizeof(key), &n) ||
	    !mst_key_set(&t->psk, (struct mst_view){ key, n }))
		die(path, "want identity:hex");
}

static struct mst_view block(const char *path, struct mst_view pem, size_t *at, const char *label, size_t cap)
{
	static uint8_t room[20][MST_CERT_MAX];
	static unsigned used;
	uint8_t *p = used < MST_COUNT(room) && cap <= sizeof(room[0]) ? room[used++] : NULL;
	size_t n = 0;

	if (!p || mst_pem_next(pem, at, label, p, cap, &n, NULL))
		die(path, "not PEM");
	return (struct mst_view){ p, n };
}

void perf_key(struct perf_tls *t, const char *path)
{
	size_t at = 0;

	t->config.key_pkcs8 = block(path, perf_file(path), &at, "PRIVATE KEY", MST_PKEY_MAX);
}

void perf_anchors(struct perf_tls *t, const char *path)
{
	static struct mst_view anchor[16];
	struct mst_view pem = perf_file(path);
	size_t at = 0;

	t->config.anchors = anchor;
	while (t->config.n_anchors < MST_COUNT(anchor)) {
		struct mst_view v = block(path, pem, &at, "CERTIFICATE", MST_CERT_MAX);

		if (v.n == 0)
			return;
		anchor[t->config.n_anchors++] = v;
	}
}

bool perf_profile(struct perf_tls *t, const char *name)
{
	for (int i = MST_TLS_ONEM2M; i <= MST_TLS_BOTH; i++)
		if (!strcmp(name, mst_tls_profile_name[i])) {
			t->config.profile = (enum mst_tls_profile)i;
			return true;
		}
	return false;
}

struct mst_tls_ctx *perf_ctx(const struct perf_tls *t)
{
	struct mst_tls_ctx *c;
	struct mst_diag d = { 0 };

	if (mst_tls_ctx_new(&t->config, &c, &d))
		die(d.field, d.text);
	return c;
}
