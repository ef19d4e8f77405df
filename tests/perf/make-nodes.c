/*
 * make-nodes: a maker's CA and COUNT node certificates as tools/bench needs them, in one process: anchor.pem,
 * node-%05u.pem and .key, ids.txt (M2M-Node-IDs); and server.pem and .key for the bare servers, of another CA
 * (server-ca.pem): a server that trusts its own issuer would, as the library comes, verify itself each time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/pki.h"

struct maker {
	const char *dir;
	uint8_t der[MST_CERT_MAX], key[MST_PKEY_MAX];
	size_t n, n_key;
	struct mst_local_signer signer;
};

static int put_pem(const struct maker *m, const char *name, const char *label, struct mst_view der,
		   mode_t mode)
{
	char path[4096];
	uint8_t text[2 * MST_CERT_MAX];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	int fd;
	bool ok;

	mst_pem_put(&w, label, der);
	snprintf(path, sizeof(path), "%s/%s", m->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	ok = fd >= 0 && w.ok && write(fd, text, w.n) == (ssize_t)w.n;
	if (fd >= 0)
		close(fd);
	if (!ok)
		fprintf(stderr, "make-nodes: %s: %s\n", path, strerror(errno));
	mst_wipe(text, sizeof(text));
	return ok ? 0 : -1;
}

static int make_ca(struct maker *m, const char *name, const char *file)
{
	struct mst_cert_spec spec = { .role = MST_CERT_CA, .path_len = -1 };
	uint8_t spki[MST_PKEY_MAX];
	size_t n_spki;

	snprintf(spec.common_name, sizeof(spec.common_name), "%s", name);
	spec.not_before = time(NULL) - 60;
	spec.not_after = spec.not_before + 30 * 86400;
	if (mst_pkey_generate(m->key, sizeof(m->key), &m->n_key) != 0 ||
	    mst_pkey_public((struct mst_view){ m->key, m->n_key }, spki, sizeof(spki), &n_spki) != 0 ||
	    mst_local_signer_init(&m->signer, (struct mst_view){ m->key, m->n_key }) != 0)
		return -1;
	if (mst_cert_issue(mst_crypto_openssl(), &m->signer.signer, MST_VIEW_NONE,
			   (struct mst_view){ spki, n_spki }, &spec, m->der, sizeof(m->der), &m->n) != 0)
		return -1;
	return put_pem(m, file, "CERTIFICATE", (struct mst_view){ m->der, m->n }, 0644);
}

static int make_one(struct maker *m, const char *file, enum mst_cert_role role, enum mst_id_kind kind,
		    const char *value)
{
	struct mst_cert_spec spec = {
		.role = role, .common_name = "bench", .n_san = 1, .san = { { .kind = kind } }
	};
	uint8_t key[MST_PKEY_MAX], spki[MST_PKEY_MAX], der[MST_CERT_MAX];
	size_t n_key, n_spki, n;
	char name[64];
	int r = -1;

	snprintf(spec.san[0].value, sizeof(spec.san[0].value), "%s", value);
	spec.not_before = time(NULL) - 60;
	spec.not_after = spec.not_before + 30 * 86400;
	if (mst_pkey_generate(key, sizeof(key), &n_key) != 0)
		return -1;
	if (mst_pkey_public((struct mst_view){ key, n_key }, spki, sizeof(spki), &n_spki) == 0 &&
	    mst_cert_issue(mst_crypto_openssl(), &m->signer.signer, (struct mst_view){ m->der, m->n },
			   (struct mst_view){ spki, n_spki }, &spec, der, sizeof(der), &n) == 0) {
		snprintf(name, sizeof(name), "%s.pem", file);
		r = put_pem(m, name, "CERTIFICATE", (struct mst_view){ der, n }, 0644);
		snprintf(name, sizeof(name), "%s.key", file);
		if (r == 0)
			r = put_pem(m, name, "PRIVATE KEY", (struct mst_view){ key, n_key }, 0600);
	}
	mst_wipe(key, sizeof(key));
	return r;
}

static int make_nodes(struct maker *m, unsigned count)
{
	char path[4096], id[128], file[32];
	FILE *ids;
	int r = 0;

	snprintf(path, sizeof(path), "%s/ids.txt", m->dir);
	ids = fopen(path, "wxe");
	if (!ids)
		return -1;
	for (unsigned i = 0; r == 0 && i < count; i++) {
		snprintf(id, sizeof(id), "urn:dev:ops:00004C-bench-%06u", i);
		snprintf(file, sizeof(file), "node-%05u", i);
		fprintf(ids, "%s\n", id);
		r = make_one(m, file, MST_CERT_CLIENT, MST_ID_NODE, id);
	}
	if (fclose(ids) != 0)
		r = -1;
	return r;
}

int main(int argc, char **argv)
{
	static struct maker m, server;
	unsigned long count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	int r;

	if (count == 0 || count > 100000) {
		fputs("usage: make-nodes DIR COUNT SERVER_NAME\n", stderr);
		return 2;
	}
	m.dir = server.dir = argv[1];
	mst_ec_fast_install();
	r = make_ca(&m, "bench maker", "anchor.pem");
	if (r == 0)
		r = make_ca(&server, "bench servers", "server-ca.pem");
	if (r == 0)
		r = make_one(&server, "server", MST_CERT_SERVER, MST_ID_FQDN, argv[3]);
	if (r == 0)
		r = make_nodes(&m, (unsigned)count);
	mst_local_signer_deinit(&m.signer);
	mst_local_signer_deinit(&server.signer);
	mst_wipe(m.key, sizeof(m.key));
	mst_wipe(server.key, sizeof(server.key));
	if (r < 0)
		fputs("make-nodes: failed\n", stderr);
	return r == 0 ? 0 : 3;
}
