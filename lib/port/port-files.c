/* What the device was born with: certificate, key, anchors, from PEM files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "port/openssl-port.h"
#include "secenv/private.h"

#define FILE_MAX 65536

static int failed(char *detail, const char *path, const struct mst_diag *d, const char *otherwise)
{
	port_say(detail, path, d->text[0] ? d->text : otherwise);
	return -1;
}

/* A secret is no file that one waits for (a pipe). NULL with the reason in `detail`. */
static FILE *open_file(const char *path, bool secret, char *detail)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | (secret ? O_NONBLOCK : 0));
	const char *why = fd >= 0 && secret ? mst_private_distrust(fd) : NULL;
	FILE *f = fd >= 0 && !why ? fdopen(fd, "r") : NULL;

	if (!f)
		port_say(detail, path, why ? why : strerror(errno));
	if (!f && fd >= 0)
		close(fd);
	return f;
}

/* The whole file, on the heap; without a buffer in between that nobody would wipe. */
static int read_file(const char *path, bool secret, uint8_t **ret_p, size_t *ret_n, char *detail)
{
	FILE *f = open_file(path, secret, detail);
	uint8_t *p = f ? malloc(FILE_MAX) : NULL;
	size_t n;

	if (!f)
		return -1;
	if (!p) {
		port_say(detail, path, strerror(errno));
		fclose(f);
		return -1;
	}
	setvbuf(f, NULL, _IONBF, 0);
	n = fread(p, 1, FILE_MAX, f);
	if (ferror(f) || n == FILE_MAX) {
		port_say(detail, path, n == FILE_MAX ? "too large" : strerror(errno));
		mst_wipe(p, n);
		free(p);
		fclose(f);
		return -1;
	}
	fclose(f);
	*ret_p = p;
	*ret_n = n;
	return 0;
}

/* The most telling name in the certificate (spec 2.5.4). */
static bool take_name(struct muster_openssl *o, const struct mst_cert_info *i)
{
	static const enum mst_id_kind order[] = { MST_ID_NODE, MST_ID_DEVICE, MST_ID_CSE_ABS, MST_ID_AE_ABS, MST_ID_FQDN };

	for (size_t k = 0; k < MST_COUNT(order); k++)
		for (size_t s = 0; s < i->n_san; s++)
			if (i->san[s].kind == order[k])
				return mst_view_to_str(mst_view_str(i->san[s].value), o->name, sizeof(o->name));
	return false;
}

static int load_certificate(struct muster_openssl *o, char *detail)
{
	uint8_t der[MST_CERT_MAX];
	struct mst_cert_info info;
	struct mst_diag d = { 0 };
	size_t at = 0, n = 0;

	if (read_file(o->cfg.certificate, false, &o->chain, &o->chain_n, detail))
		return -1;
	if (mst_pem_next((struct mst_view){ o->chain, o->chain_n }, &at, "CERTIFICATE", der, sizeof(der), &n, &d) || !n ||
	    mst_cert_info((struct mst_view){ der, n }, &info, &d))
		return failed(detail, o->cfg.certificate, &d, "holds no certificate");
	return take_name(o, &info) ? 0 : failed(detail, o->cfg.certificate, &d, "names neither node, device, CSE, AE nor host");
}

static int load_key(struct muster_openssl *o, char *detail)
{
	struct mst_diag d = { 0 };
	size_t n, at = 0;
	uint8_t *pem;
	int r;

	if (read_file(o->cfg.key, true, &pem, &n, detail))
		return -1;
	r = mst_pem_next((struct mst_view){ pem, n }, &at, "PRIVATE KEY", o->pkcs8, sizeof(o->pkcs8), &o->pkcs8_n, &d);
	mst_wipe(pem, n);
	free(pem);
	return r || !o->pkcs8_n ? failed(detail, o->cfg.key, &d, "holds no PKCS#8 key (-----BEGIN PRIVATE KEY-----)") : 0;
}

static int load_anchors(struct muster_openssl *o, char *detail)
{
	uint8_t *pem, der[MST_CERT_MAX];
	struct mst_diag d = { 0 };
	size_t n, at = 0, der_n;
	int r = read_file(o->cfg.anchors, false, &pem, &n, detail);

	if (r)
		return -1;
	while (!(r = mst_pem_next((struct mst_view){ pem, n }, &at, "CERTIFICATE", der, sizeof(der), &der_n, &d)) && der_n) {
		uint8_t *copy = o->n_anchors < PORT_ANCHORS_MAX ? malloc(der_n) : NULL;

		if (!copy) {
			mst_diag_set(&d, 0, "", "more certificates than there is room for", NULL);
			r = -1;
			break;
		}
		memcpy(copy, der, der_n);
		o->anchor[o->n_anchors] = copy;
		o->anchors[o->n_anchors++] = (struct mst_view){ copy, der_n };
	}
	free(pem);
	return r ? failed(detail, o->cfg.anchors, &d, "malformed") : 0;
}

int port_load_identity(struct muster_openssl *o, char *detail)
{
	if (o->cfg.certificate && (load_certificate(o, detail) || load_key(o, detail)))
		return -1;
	return o->cfg.anchors ? load_anchors(o, detail) : 0;
}
