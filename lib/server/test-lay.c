/*
 * Lays out an installation for tests in an empty directory: keeper, one CA, certificates for MEF, MAF and a
 * node, all made now. `test-lay DIR` ; no private key is ever part of the sources.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "crypto/pki.h"
#include "keeper/keeper.h"

#define DAY 86400

static const char *dir;
static uint8_t ca_key[MST_PKEY_MAX], ca_der[MST_CERT_MAX];
static size_t ca_key_n, ca_n;

static void die(const char *what)
{
	fprintf(stderr, "test-lay: %s\n", what);
	exit(1);
}

static void put_file(const char *name, const char *label, struct mst_view der, mode_t mode)
{
	char path[1024], pem[8192];
	struct mst_writer w = mst_writer_of(pem, sizeof(pem));
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	mst_pem_put(&w, label, der);
	f = fopen(path, "w");
	if (!f || chmod(path, mode) || fwrite(pem, 1, w.n, f) != w.n || fclose(f))
		die(path);
}

static void issue(const char *name, enum mst_cert_role role, enum mst_id_kind kind, const char *value, const char *key_name)
{
	struct mst_cert_spec spec = { .role = role, .n_san = value ? 1 : 0, .not_before = time(NULL) - DAY,
		.not_after = time(NULL) + 30 * DAY, .path_len = -1 };
	uint8_t key[MST_PKEY_MAX], spki[512], der[MST_CERT_MAX];
	struct mst_local_signer s;
	size_t key_n = 0, spki_n = 0, n = 0;

	snprintf(spec.common_name, sizeof(spec.common_name), "%s", value ? value : "test CA");
	if (value) {
		spec.san[0].kind = kind;
		snprintf(spec.san[0].value, sizeof(spec.san[0].value), "%s", value);
	}
	if (mst_pkey_generate(key, sizeof(key), &key_n) ||
	    mst_pkey_public((struct mst_view){ key, key_n }, spki, sizeof(spki), &spki_n))
		die("key");
	if (!value) {
		memcpy(ca_key, key, key_n);
		ca_key_n = key_n;
	}
	if (mst_local_signer_init(&s, (struct mst_view){ ca_key, ca_key_n }) ||
	    mst_cert_issue(mst_crypto_openssl(), &s.signer, (struct mst_view){ ca_der, ca_n }, (struct mst_view){ spki, spki_n },
	                   &spec, der, sizeof(der), &n))
		die(name);
	mst_local_signer_deinit(&s);
	if (!value) {
		memcpy(ca_der, der, n);
		ca_n = n;
	}
	put_file(name, "CERTIFICATE", (struct mst_view){ der, n }, 0644);
	if (key_name)
		put_file(key_name, "PRIVATE KEY", (struct mst_view){ key, key_n }, 0600);
	mst_wipe(key, sizeof(key));
}

int main(int argc, char **argv)
{
	static const char *const sub[] = { "anchors", "crls", "tls", "store", "run" };
	struct mst_diag d = { 0 };
	char path[1024];

	if (argc != 2)
		die("usage: test-lay DIR");
	dir = argv[1];
	for (size_t i = 0; i < MST_COUNT(sub); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, sub[i]);
		if (mkdir(path, 0700))
			die(path);
	}
	snprintf(path, sizeof(path), "%s/keeper", dir);
	if (mst_keeper_create_files(path, "test keeper", time(NULL), mst_crypto_openssl(), &d))
		die(d.text);
	issue("anchors/ca.pem", MST_CERT_CA, MST_ID_NONE, NULL, NULL);
	issue("tls/mef.pem", MST_CERT_BOTH, MST_ID_FQDN, "mef.example.com", "tls/mef.key");
	issue("tls/maf.pem", MST_CERT_BOTH, MST_ID_FQDN, "maf.example.com", "tls/maf.key");
	issue("tls/other.pem", MST_CERT_BOTH, MST_ID_FQDN, "mef.example.com", "tls/other.key");
	issue("node.pem", MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:test-1", "node.key");
	return 0;
}
