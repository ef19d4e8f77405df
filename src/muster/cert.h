/*
 * Certificates in files, for `muster cert`, `muster init` and the demo: a CA is two files, NAME.pem and
 * NAME.key (PKCS#8, 0600). Keys are made here only for tests, demos and makers who have no other tool; a
 * device with a secure element brings a request instead.
 */
#ifndef MUSTER_CERT_H
#define MUSTER_CERT_H

#include "crypto/request.h"

struct ca {
	char cert_path[4096];
	uint8_t der[MST_CERT_MAX];
	size_t n;
	struct mst_local_signer signer;
};

/* A new self-signed CA in dir/name.{pem,key}; refuses to overwrite. Exit status; explains itself. */
int ca_create(const char *dir, const char *name, const char *common_name, int64_t days, const char *permitted_dns);
int ca_open(struct ca *ca, const char *dir, const char *name);
void ca_close(struct ca *ca);
/* Key and certificate for `spec` into PREFIX.key (0600) and PREFIX.pem (leaf, then the CA). */
int ca_issue_files(struct ca *ca, const struct mst_cert_spec *spec, const char *prefix);
/* The certificate alone, for the key and the names of a request (PKCS #10) in a PEM file. `spec` has the rest. */
int ca_sign_request(struct ca *ca, const char *request, struct mst_cert_spec *spec, const char *prefix);
/* The same when only the issuing differs: `issue` signs for the public key given. */
typedef int issue_fn(void *arg, struct mst_view spki, const struct mst_cert_spec *spec, uint8_t *ret_der, size_t cap, size_t *ret_n);
int issue_files(issue_fn *issue, void *arg, struct mst_view issuer, const struct mst_cert_spec *spec, const char *prefix);
/* First certificate of a PEM file. */
int cert_read(const char *path, uint8_t *ret_der, size_t cap, size_t *ret_n);
/* A PKCS#8 key from a PEM file; wipe it. */
int key_read(const char *path, uint8_t *ret_pkcs8, size_t cap, size_t *ret_n);
/* A trust anchor as an operator names it: a certificate's file, its SHA-256 in hex, or "any". False: explained. */
bool anchor_text(const char *given, char out[2 * MST_SHA256_LEN + 1]);
int cert_write_pem(const char *path, const char *label, struct mst_view der, unsigned mode);

#endif
