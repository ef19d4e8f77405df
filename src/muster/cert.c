#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cert.h"
#include "muster.h"

#define PEM_MAX 16384

int cert_write_pem(const char *path, const char *label, struct mst_view der, unsigned mode)
{
	uint8_t pem[PEM_MAX];
	struct mst_writer w = mst_writer_of(pem, sizeof(pem));
	int r;

	mst_pem_put(&w, label, der);
	r = w.ok ? write_file(path, pem, w.n, mode) : -1;
	mst_wipe(pem, sizeof(pem));
	return r < 0 ? EXIT_FAULT : EXIT_DONE;
}

static int read_pem(const char *path, const char *label, uint8_t *ret, size_t cap, size_t *ret_n)
{
	size_t size = 0, at = 0;
	char *text = read_file(path, &size);
	struct mst_diag d = { 0 };
	int r;

	if (!text)
		return EXIT_FAULT;
	r = mst_pem_next((struct mst_view){ (uint8_t *)text, size }, &at, label, ret, cap, ret_n, &d);
	mst_wipe(text, size);
	free(text);
	if (r != 0 || *ret_n == 0) {
		complain("%s holds no good %s%s%s", path, label, d.text[0] ? ": " : "", d.text);
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

int cert_read(const char *path, uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	return read_pem(path, "CERTIFICATE", ret_der, cap, ret_n);
}

int key_read(const char *path, uint8_t *ret_pkcs8, size_t cap, size_t *ret_n)
{
	return read_pem(path, "PRIVATE KEY", ret_pkcs8, cap, ret_n);
}

static void ca_paths(const char *dir, const char *name, char cert[4096], char key[4096])
{
	char file[512];

	snprintf(file, sizeof(file), "%s.pem", name);
	path_join(cert, 4096, dir, file);
	snprintf(file, sizeof(file), "%s.key", name);
	path_join(key, 4096, dir, file);
}

/* The key if there is one, and the leaf before its issuer if there is one, as TLS wants a chain: both files, or none. */
static int write_pair(const char *key_path, struct mst_view pkcs8, const char *cert_path, struct mst_view leaf, struct mst_view issuer)
{
	uint8_t key[PEM_MAX], chain[PEM_MAX];
	struct mst_writer k = mst_writer_of(key, sizeof(key)), c = mst_writer_of(chain, sizeof(chain));
	struct mst_file f[MST_FILES_TOGETHER];
	size_t n = 0;
	int r;

	if (pkcs8.n) {
		mst_pem_put(&k, "PRIVATE KEY", pkcs8);
		f[n++] = (struct mst_file){ .path = key_path, .content = mst_written(&k), .mode = 0600 };
	}
	mst_pem_put(&c, "CERTIFICATE", leaf);
	if (issuer.n)
		mst_pem_put(&c, "CERTIFICATE", issuer);
	f[n++] = (struct mst_file){ .path = cert_path, .content = mst_written(&c), .mode = 0644 };
	r = k.ok && c.ok ? write_files(f, n) : -1;
	mst_wipe(key, sizeof(key));
	return r < 0 ? EXIT_FAULT : EXIT_DONE;
}

int ca_create(const char *dir, const char *name, const char *common_name, int64_t days, const char *permitted_dns)
{
	struct mst_cert_spec spec = { .role = MST_CERT_CA, .path_len = -1 };
	struct mst_local_signer signer = { 0 };
	uint8_t pkcs8[MST_PKEY_MAX], spki[256], der[MST_CERT_MAX];
	char cert_path[4096], key_path[4096];
	size_t n_key = 0, n_spki = 0, n = 0;
	int r = EXIT_FAULT;

	ca_paths(dir, name, cert_path, key_path);
	if (access(cert_path, F_OK) == 0 || access(key_path, F_OK) == 0) {
		complain("%s is there already; a CA is never overwritten", cert_path);
		return EXIT_REFUSED;
	}
	snprintf(spec.common_name, sizeof(spec.common_name), "%s", common_name);
	spec.not_before = wall_clock() - 60;
	spec.not_after = spec.not_before + days * 86400;
	if (permitted_dns)
		spec.permitted_dns[spec.n_permitted_dns++] = permitted_dns;
	if (mst_pkey_generate(pkcs8, sizeof(pkcs8), &n_key) == 0 &&
	    mst_pkey_public((struct mst_view){ pkcs8, n_key }, spki, sizeof(spki), &n_spki) == 0 &&
	    mst_local_signer_init(&signer, (struct mst_view){ pkcs8, n_key }) == 0 &&
	    mst_cert_issue(mst_crypto_openssl(), &signer.signer, MST_VIEW_NONE, (struct mst_view){ spki, n_spki }, &spec, der,
	                   sizeof(der), &n) == 0)
		r = EXIT_DONE;
	else
		complain("the CA could not be made");
	if (r == EXIT_DONE)
		r = write_pair(key_path, (struct mst_view){ pkcs8, n_key }, cert_path, (struct mst_view){ der, n }, MST_VIEW_NONE);
	mst_local_signer_deinit(&signer);
	mst_wipe(pkcs8, sizeof(pkcs8));
	return r;
}

int ca_open(struct ca *ca, const char *dir, const char *name)
{
	uint8_t pkcs8[MST_PKEY_MAX];
	char key_path[4096];
	size_t n_key = 0;
	int r;

	*ca = (struct ca){ 0 };
	ca_paths(dir, name, ca->cert_path, key_path);
	r = cert_read(ca->cert_path, ca->der, sizeof(ca->der), &ca->n);
	if (r != EXIT_DONE)
		return r;
	r = key_read(key_path, pkcs8, sizeof(pkcs8), &n_key);
	if (r == EXIT_DONE && mst_local_signer_init(&ca->signer, (struct mst_view){ pkcs8, n_key }) != 0) {
		complain("%s holds no usable P-256 key", key_path);
		r = EXIT_REFUSED;
	}
	mst_wipe(pkcs8, sizeof(pkcs8));
	return r;
}

void ca_close(struct ca *ca)
{
	mst_local_signer_deinit(&ca->signer);
}

static int write_issued(const char *prefix, struct mst_view pkcs8, struct mst_view leaf, struct mst_view issuer)
{
	char key_path[4096], cert_path[4096];

	snprintf(key_path, sizeof(key_path), "%s.key", prefix);
	snprintf(cert_path, sizeof(cert_path), "%s.pem", prefix);
	return write_pair(key_path, pkcs8, cert_path, leaf, issuer);
}

int issue_files(issue_fn *issue, void *arg, struct mst_view issuer, const struct mst_cert_spec *spec, const char *prefix)
{
	uint8_t pkcs8[MST_PKEY_MAX], spki[256], der[MST_CERT_MAX];
	size_t n_key = 0, n_spki = 0, n = 0;
	int r = EXIT_FAULT;

	if (mst_pkey_generate(pkcs8, sizeof(pkcs8), &n_key) == 0 &&
	    mst_pkey_public((struct mst_view){ pkcs8, n_key }, spki, sizeof(spki), &n_spki) == 0 &&
	    issue(arg, (struct mst_view){ spki, n_spki }, spec, der, sizeof(der), &n) == 0)
		r = write_issued(prefix, (struct mst_view){ pkcs8, n_key }, (struct mst_view){ der, n }, issuer);
	else
		complain("the certificate for %s could not be issued: its dates or names do not fit its issuer's (look at both with "
		         "muster cert show, and at the clock)", spec->common_name);
	mst_wipe(pkcs8, sizeof(pkcs8));
	return r;
}

static int issue_by_ca(void *arg, struct mst_view spki, const struct mst_cert_spec *spec, uint8_t *ret_der, size_t cap, size_t *ret_n)
{
	struct ca *ca = arg;

	return mst_cert_issue(mst_crypto_openssl(), &ca->signer.signer, (struct mst_view){ ca->der, ca->n }, spki, spec, ret_der, cap,
	                      ret_n);
}

int ca_issue_files(struct ca *ca, const struct mst_cert_spec *spec, const char *prefix)
{
	return issue_files(issue_by_ca, ca, (struct mst_view){ ca->der, ca->n }, spec, prefix);
}

static int request_names(const char *path, const struct mst_csr_info *i, struct mst_cert_spec *spec)
{
	if (i->n_san == 0 || i->foreign_names || i->asks_ca || i->asks_other_usage) {
		complain("%s: asks for %s", path, i->asks_ca ? "a CA" : i->asks_other_usage ? "another usage than that of a node" :
			 i->n_san ? "names that no node has" : "no name; subjectAltName is wanted");
		return EXIT_REFUSED;
	}
	memcpy(spec->san, i->san, sizeof(spec->san));
	spec->n_san = i->n_san;
	if (!spec->common_name[0])
		snprintf(spec->common_name, sizeof(spec->common_name), "%.120s", i->san[0].value);
	return EXIT_DONE;
}

int ca_sign_request(struct ca *ca, const char *request, struct mst_cert_spec *spec, const char *prefix)
{
	static struct mst_csr_info info;
	uint8_t csr[MST_CSR_MAX], der[MST_CERT_MAX];
	struct mst_diag d = { 0 };
	size_t n = 0;
	int r = read_pem(request, "CERTIFICATE REQUEST", csr, sizeof(csr), &n);

	if (r != EXIT_DONE)
		return r;
	r = mst_csr_info((struct mst_view){ csr, n }, &info, &d);
	if (r) {
		complain("%s: %s", request, r == MST_PKI_BAD_SIGNATURE ? "is not signed with its own key" :
			 r == MST_PKI_WEAK_KEY ? "its key is none on P-256" : d.text[0] ? d.text : "is no certification request");
		return EXIT_REFUSED;
	}
	r = request_names(request, &info, spec);
	if (r != EXIT_DONE)
		return r;
	if (issue_by_ca(ca, (struct mst_view){ info.spki, info.n_spki }, spec, der, sizeof(der), &n) == 0)
		return write_issued(prefix, MST_VIEW_NONE, (struct mst_view){ der, n }, (struct mst_view){ ca->der, ca->n });
	complain("the certificate for %s could not be issued: its dates or names do not fit its issuer's (look at it with muster cert show)",
		 spec->common_name);
	return EXIT_REFUSED;
}

bool anchor_text(const char *given, char out[2 * MST_SHA256_LEN + 1])
{
	static struct mst_cert_info info;
	struct mst_writer w = mst_writer_of(out, 2 * MST_SHA256_LEN + 1);
	uint8_t der[MST_CERT_MAX];
	size_t n = 0;

	if (strcmp(given, "any") == 0 || strcmp(given, "none") == 0 || (strlen(given) == 64 && strspn(given, "0123456789abcdefABCDEF") == 64)) {
		memcpy(out, given, strlen(given) + 1);
		return true;
	}
	if (cert_read(given, der, sizeof(der), &n) != EXIT_DONE)
		return false;
	if (mst_cert_info((struct mst_view){ der, n }, &info, NULL) != 0) {
		complain("%s: holds no certificate of our profile", given);
		return false;
	}
	mst_put_hex(&w, (struct mst_view){ info.sha256, sizeof(info.sha256) });
	mst_put_nul(&w);
	return true;
}
