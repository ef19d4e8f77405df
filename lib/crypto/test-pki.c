/* Certificates, names and lists; the openssl command is the oracle. */
#include "tests/support/cm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/pki-x509.h"

#define NOW INT64_C(1800000000)
#define YEAR INT64_C(31536000)

struct der { uint8_t b[MST_CERT_MAX]; size_t n; };
struct party {
	uint8_t key[MST_PKEY_MAX];
	size_t n_key;
	struct mst_local_signer signer;
	uint8_t spki[128];
	size_t n_spki;
	struct der cert;
};

static struct mst_crypto *c;
static char dir[64];
static struct party ca;

static struct mst_view view(const struct der *d) { return (struct mst_view){ d->b, d->n }; }

/* Reads it from its octets and as a handshake has it: the same words, the same outcome. */
static int info_both_ways(struct mst_view der, struct mst_cert_info *ret, struct mst_diag *d)
{
	struct mst_cert_info a = { 0 }, b = { 0 };
	const unsigned char *at = der.p;
	X509 *x = d2i_X509(NULL, &at, (long)der.n);
	int r = mst_cert_info(der, &a, d);

	assert_non_null(x);
	assert_int_equal(mst_cert_info_x509(x, &b, NULL), r);
	assert_memory_equal(&a, &b, sizeof(a));
	X509_free(x);
	if (!r)
		*ret = a;
	return r;
}

static void make_key(struct party *p)
{
	assert_int_equal(mst_pkey_generate(p->key, sizeof(p->key), &p->n_key), 0);
	assert_int_equal(mst_local_signer_init(&p->signer, (struct mst_view){ p->key, p->n_key }), 0);
	assert_int_equal(
		mst_pkey_public((struct mst_view){ p->key, p->n_key }, p->spki, sizeof(p->spki), &p->n_spki),
		0);
}

static struct mst_cert_spec spec_of(enum mst_cert_role role, const char *cn)
{
	struct mst_cert_spec s = {
		.role = role, .not_before = NOW - YEAR, .not_after = NOW + YEAR, .path_len = -1
	};

	snprintf(s.common_name, sizeof(s.common_name), "%s", cn);
	return s;
}

static void add_san(struct mst_cert_spec *s, enum mst_id_kind kind, const char *value)
{
	s->san[s->n_san].kind = kind;
	snprintf(s->san[s->n_san++].value, MST_ID_MAX, "%s", value);
}

static int issue(struct party *p, const struct mst_cert_spec *s)
{
	return mst_cert_issue(c, &ca.signer.signer, view(&ca.cert), (struct mst_view){ p->spki, p->n_spki },
			      s, p->cert.b, sizeof(p->cert.b), &p->cert.n);
}

static void write_pem(const char *name, const char *label, struct mst_view der)
{
	static uint8_t buf[2 * MST_CRL_MAX];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));
	char path[128];
	FILE *f;

	mst_pem_put(&w, label, der);
	assert_true(w.ok);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(buf, 1, w.n, f), w.n);
	fclose(f);
}

/* Run the openssl command in the test's directory; output into `out`. Returns its exit status. */
static int openssl(char *out, size_t cap, const char *const *argv)
{
	int fd[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (chdir(dir) || dup2(fd[1], 1) < 0 || dup2(fd[1], 2) < 0)
			_exit(126);
		close(fd[0]);
		execvp("openssl", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(fd[1]);
	while ((got = read(fd[0], out + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
#define OPENSSL(out, ...) openssl(out, sizeof(out), (const char *const[]){ "openssl", __VA_ARGS__, NULL })
/* A fixed time, so that the test does not age: NOW */
#define AT "1800000000"

static int set_up(void **state)
{
	struct mst_cert_spec s = spec_of(MST_CERT_CA, "Test maker CA");

	(void)state;
	c = mst_crypto_openssl();
#ifdef TEST_EC_FAST
	mst_ec_fast_install();
	assert_true(mst_ec_fast_installed());
#endif
	snprintf(dir, sizeof(dir), "/tmp/mst-pki-XXXXXX");
	assert_non_null(mkdtemp(dir));
	make_key(&ca);
	s.permitted_dns[s.n_permitted_dns++] = "example.com";
	s.path_len = 0;
	assert_int_equal(mst_cert_issue(c, &ca.signer.signer, MST_VIEW_NONE,
					(struct mst_view){ ca.spki, ca.n_spki }, &s, ca.cert.b,
					sizeof(ca.cert.b), &ca.cert.n),
			 0);
	write_pem("ca.pem", "CERTIFICATE", view(&ca.cert));
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	mst_local_signer_deinit(&ca.signer);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static void openssl_accepts_our_ca_and_its_constraints(void **state)
{
	char out[8192];

	(void)state;
	assert_int_equal(OPENSSL(out, "verify", "-x509_strict", "-attime", AT, "-CAfile", "ca.pem", "ca.pem"),
			 0);
	assert_int_equal(OPENSSL(out, "x509", "-in", "ca.pem", "-noout", "-text"), 0);
	assert_non_null(strstr(out, "X509v3 Name Constraints: critical"));
	assert_non_null(strstr(out, "DNS:example.com"));
	assert_non_null(strstr(out, "CA:TRUE, pathlen:0"));
	assert_non_null(strstr(out, "Digital Signature, Certificate Sign, CRL Sign"));
	assert_non_null(strstr(out, "ASN1 OID: prime256v1"));
	assert_non_null(strstr(out, "Signature Algorithm: ecdsa-with-SHA256"));
}

static void every_flavour_is_written_and_read_back(void **state)
{
	static const struct { enum mst_id_kind kind, back; const char *value, *want, *text; } row[] = {
		{ MST_ID_FQDN, MST_ID_FQDN, "MEF.example.com", "mef.example.com", "DNS:mef.example.com" },
		{ MST_ID_CSE_ABS, MST_ID_FQDN, "//sp.example.com/CSE0001", "cse0001.sp.example.com", "DNS:" },
		{ MST_ID_AE_ABS, MST_ID_AE_ABS, "//SP.example.com/S98821", "//sp.example.com/S98821",
		  "URI:https://sp.example.com/S98821" },
		{ MST_ID_NODE, MST_ID_NODE, "urn:dev:ops:00-1", "urn:dev:ops:00-1", "URI:urn:dev:ops:00-1" },
		{ MST_ID_NODE, MST_ID_NODE, "plain-node-17", "plain-node-17",
		  "othername: 2.25.206559023643541847535815525919499007281" },
		{ MST_ID_DEVICE, MST_ID_DEVICE, "0.2.481.1.100.3030.10011", "0.2.481.1.100.3030.10011",
		  "othername: 0.2.481.1" },
	};
	struct party p = { 0 };
	char out[8192];

	(void)state;
	make_key(&p);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_cert_spec s = spec_of(MST_CERT_CLIENT, "node");
		struct mst_cert_info info;
		struct mst_diag d = { 0 };

		add_san(&s, row[i].kind, row[i].value);
		assert_int_equal(issue(&p, &s), 0);
		assert_int_equal(info_both_ways(view(&p.cert), &info, &d), 0);
		assert_int_equal(info.n_san, 1);
		assert_int_equal(info.san[0].kind, row[i].back);
		assert_string_equal(info.san[0].value, row[i].want);
		assert_false(info.is_ca);
		assert_int_equal(info.not_before, NOW - YEAR);
		assert_int_equal(info.not_after, NOW + YEAR);
		assert_string_equal(info.subject, "CN=node");
		assert_string_equal(info.issuer, "CN=Test maker CA");
		write_pem("leaf.pem", "CERTIFICATE", view(&p.cert));
		assert_int_equal(OPENSSL(out, "verify", "-x509_strict", "-purpose", "sslclient", "-attime",
					 AT, "-CAfile", "ca.pem", "leaf.pem"),
				 0);
		assert_int_equal(OPENSSL(out, "x509", "-in", "leaf.pem", "-noout", "-text"), 0);
		assert_non_null(strstr(out, row[i].text));
		assert_non_null(strstr(out, "TLS Web Client Authentication"));
		assert_null(strstr(out, "TLS Web Server Authentication"));
	}
	mst_local_signer_deinit(&p.signer);
}

static void the_issuers_constraints_hold(void **state)
{
	struct party p = { 0 };
	struct mst_cert_spec s = spec_of(MST_CERT_SERVER, "mef");
	char out[8192];

	(void)state;
	make_key(&p);
	add_san(&s, MST_ID_FQDN, "mef.elsewhere.org");
	assert_int_equal(issue(&p, &s), 0);
	write_pem("leaf.pem", "CERTIFICATE", view(&p.cert));
	assert_int_not_equal(OPENSSL(out, "verify", "-attime", AT, "-CAfile", "ca.pem", "leaf.pem"), 0);
	assert_non_null(strstr(out, "permitted subtree violation"));
	mst_local_signer_deinit(&p.signer);
}

static void a_revoked_certificate_is_on_the_list(void **state)
{
	static uint8_t crl[MST_CRL_MAX];
	struct party good = { 0 }, bad = { 0 };
	struct mst_cert_spec s = spec_of(MST_CERT_BOTH, "maf");
	struct mst_revoked r[2] = { { .when = NOW - 10, .reason = 1 },
				    { .serial = "0123", .when = NOW - 20 } };
	struct mst_cert_info info;
	struct mst_crl_info said;
	char out[8192];
	size_t n;

	(void)state;
	make_key(&good);
	make_key(&bad);
	add_san(&s, MST_ID_FQDN, "maf.example.com");
	assert_int_equal(issue(&good, &s), 0);
	assert_int_equal(issue(&bad, &s), 0);
	assert_int_equal(mst_cert_info(view(&bad.cert), &info, NULL), 0);
	memcpy(r[0].serial, info.serial, sizeof(r[0].serial));
	assert_int_equal(mst_crl_issue(&ca.signer.signer, view(&ca.cert), r, 2, 7, NOW - 5, NOW + YEAR, crl,
				       sizeof(crl), &n),
			 0);
	write_pem("crl.pem", "X509 CRL", (struct mst_view){ crl, n });
	write_pem("good.pem", "CERTIFICATE", view(&good.cert));
	write_pem("bad.pem", "CERTIFICATE", view(&bad.cert));
	assert_int_equal(OPENSSL(out, "verify", "-crl_check", "-x509_strict", "-attime", AT, "-CAfile",
				 "ca.pem", "-CRLfile", "crl.pem", "good.pem"),
			 0);
	assert_int_not_equal(OPENSSL(out, "verify", "-crl_check", "-attime", AT, "-CAfile", "ca.pem",
				     "-CRLfile", "crl.pem", "bad.pem"),
			     0);
	assert_non_null(strstr(out, "certificate revoked"));
	assert_int_equal(OPENSSL(out, "crl", "-in", "crl.pem", "-noout", "-text"), 0);
	assert_non_null(strstr(out, "Version 2 (0x1)"));
	assert_non_null(strstr(out, "X509v3 CRL Number"));
	assert_non_null(strstr(out, "Key Compromise"));
	assert_non_null(strstr(out, "Serial Number: 0123"));
	/* an empty one has no empty sequence of entries */
	assert_int_equal(mst_crl_issue(&ca.signer.signer, view(&ca.cert), NULL, 0, 8, NOW - 5, NOW + YEAR,
				       crl, sizeof(crl), &n),
			 0);
	write_pem("crl.pem", "X509 CRL", (struct mst_view){ crl, n });
	assert_int_equal(OPENSSL(out, "crl", "-in", "crl.pem", "-noout", "-text"), 0);
	assert_non_null(strstr(out, "No Revoked Certificates"));
	/* read back: what was put in, and whose word it is */
	assert_int_equal(mst_crl_info((struct mst_view){ crl, n }, view(&ca.cert), &said), 0);
	assert_true(said.signed_by && said.number == 8 && said.this_update == NOW - 5 && said.next_update == NOW + YEAR && !said.n);
	assert_int_equal(mst_crl_info((struct mst_view){ crl, n }, view(&good.cert), &said), 0);
	assert_false(said.signed_by);
	crl[n - 1] ^= 1;
	assert_true(mst_crl_info((struct mst_view){ crl, n }, view(&ca.cert), &said) || !said.signed_by);
	assert_int_equal(mst_crl_info(view(&ca.cert), view(&ca.cert), &said), MST_PKI_MALFORMED);
	assert_true(mst_cert_issued_by(view(&good.cert), view(&ca.cert)));
	assert_false(mst_cert_issued_by(view(&good.cert), view(&bad.cert)));
	assert_false(mst_cert_issued_by(MST_VIEW_NONE, view(&ca.cert)));
	mst_local_signer_deinit(&good.signer);
	mst_local_signer_deinit(&bad.signer);
}

static void bad_lists_are_refused(void **state)
{
	static uint8_t crl[MST_CRL_MAX];
	static const struct mst_revoked row[] = {
		{ "xyz", NOW, 0 }, { "", NOW, 0 },    { "123", NOW, 0 }, { "01", NOW, 7 },
		{ "01", NOW, 11 }, { "01", NOW, -1 }, { "01", -1, 0 },
	};
	size_t n;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++)
		assert_int_equal(mst_crl_issue(&ca.signer.signer, view(&ca.cert), &row[i], 1, 1, NOW, NOW + 1,
					       crl, sizeof(crl), &n),
				 MST_PKI_MALFORMED);
	assert_int_equal(
		mst_crl_issue(&ca.signer.signer, view(&ca.cert), NULL, 0, 1, NOW, NOW, crl, sizeof(crl), &n),
		MST_PKI_MALFORMED);
	assert_int_equal(mst_crl_issue(&ca.signer.signer, MST_VIEW_LIT("no"), NULL, 0, 1, NOW, NOW + 1, crl,
				       sizeof(crl), &n),
			 MST_PKI_MALFORMED);
	assert_int_equal(
		mst_crl_issue(&ca.signer.signer, view(&ca.cert), NULL, 0, 1, NOW, NOW + 1, crl, 40, &n),
		MST_PKI_NO_ROOM);
}

static void names_that_cannot_be_certified_are_refused(void **state)
{
	static const struct { enum mst_id_kind kind; const char *value; } row[] = {
		{ MST_ID_FQDN, "*.example.com" },
		{ MST_ID_FQDN, "a b" },
		{ MST_ID_FQDN, "" },
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE_1" },
		{ MST_ID_DEVICE, "2.999.1.2.3" },
		{ MST_ID_KEY, "a@b.example" },
		{ MST_ID_NONE, "x" },
		{ MST_ID_AE_ABS, "/S1" },
	};
	struct party p = { 0 };

	(void)state;
	make_key(&p);
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_cert_spec s = spec_of(MST_CERT_CLIENT, "node");

		add_san(&s, row[i].kind, row[i].value);
		assert_int_equal(issue(&p, &s), MST_PKI_MALFORMED);
	}
	mst_local_signer_deinit(&p.signer);
}

static int refuses(struct mst_signer *s, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap,
		   size_t *ret_n)
{
	(void)s, (void)digest, (void)out, (void)cap, (void)ret_n;
	return 2;
}

static void bad_specifications_and_keys_are_refused(void **state)
{
	struct party p = { 0 };
	struct mst_cert_spec s = spec_of(MST_CERT_SERVER, "x"), t;
	struct mst_signer none = { .sign = refuses };
	struct der out;
	uint8_t point[128];

	(void)state;
	make_key(&p);
	assert_int_equal(issue(&p, &s), MST_PKI_MALFORMED);             /* no name */
	add_san(&s, MST_ID_FQDN, "a.example.com");
	t = s;
	t.not_after = t.not_before - 1;
	assert_int_equal(issue(&p, &t), MST_PKI_MALFORMED);
	t = s;
	memset(t.common_name, 'x', 65);
	t.common_name[65] = '\0';
	assert_int_equal(issue(&p, &t), MST_PKI_MALFORMED);
	t = s;
	t.n_san = MST_SANS_MAX + 1;
	assert_int_equal(issue(&p, &t), MST_PKI_NO_ROOM);
	t = spec_of(MST_CERT_CA, "");
	assert_int_equal(issue(&p, &t), MST_PKI_MALFORMED);
	t = spec_of(MST_CERT_CA, "CA");
	t.permitted_dns[t.n_permitted_dns++] = "*.bad";
	assert_int_equal(issue(&p, &t), MST_PKI_MALFORMED);
	/* the signer's key is not the issuer's; the signer says no; no room */
	assert_int_equal(mst_cert_issue(c, &p.signer.signer, view(&ca.cert),
					(struct mst_view){ p.spki, p.n_spki }, &s, out.b, sizeof(out.b),
					&out.n),
			 MST_PKI_BAD_SIGNATURE);
	assert_int_equal(mst_cert_issue(c, &none, view(&ca.cert), (struct mst_view){ p.spki, p.n_spki }, &s,
					out.b, sizeof(out.b), &out.n),
			 MST_PKI_NOT_SIGNED);
	assert_int_equal(mst_cert_issue(c, &ca.signer.signer, view(&ca.cert),
					(struct mst_view){ p.spki, p.n_spki }, &s, out.b, 100, &out.n),
			 MST_PKI_NO_ROOM);
	/* a point that is not on the curve, and another length */
	memcpy(point, p.spki, p.n_spki);
	point[p.n_spki - 1] ^= 1;
	assert_int_equal(mst_cert_issue(c, &ca.signer.signer, view(&ca.cert),
					(struct mst_view){ point, p.n_spki }, &s, out.b, sizeof(out.b),
					&out.n),
			 MST_PKI_WEAK_KEY);
	assert_int_equal(mst_cert_issue(c, &ca.signer.signer, view(&ca.cert),
					(struct mst_view){ p.spki, p.n_spki - 1 }, &s, out.b, sizeof(out.b),
					&out.n),
			 MST_PKI_WEAK_KEY);
	/* a leaf is no issuer */
	assert_int_equal(issue(&p, &s), 0);
	assert_int_equal(mst_cert_issue(c, &p.signer.signer, view(&p.cert),
					(struct mst_view){ p.spki, p.n_spki }, &s, out.b, sizeof(out.b),
					&out.n),
			 MST_PKI_MALFORMED);
	mst_local_signer_deinit(&p.signer);
}

static void a_certificate_without_subject_and_without_end(void **state)
{
	struct party p = { 0 };
	struct mst_cert_spec s = spec_of(MST_CERT_CLIENT, "");
	struct mst_cert_info info;
	char out[8192];

	(void)state;
	make_key(&p);
	s.not_after = MST_NEVER;
	s.crl_uri = "http://crl.example.com/maker.crl";
	add_san(&s, MST_ID_NODE, "urn:dev:ops:1");
	assert_int_equal(issue(&p, &s), 0);
	assert_int_equal(mst_cert_info(view(&p.cert), &info, NULL), 0);
	assert_true(info.not_after == MST_NEVER);
	write_pem("leaf.pem", "CERTIFICATE", view(&p.cert));
	assert_int_equal(
		OPENSSL(out, "verify", "-x509_strict", "-attime", AT, "-CAfile", "ca.pem", "leaf.pem"), 0);
	assert_int_equal(OPENSSL(out, "x509", "-in", "leaf.pem", "-noout", "-text"), 0);
	assert_non_null(strstr(out, "X509v3 Subject Alternative Name: critical"));
	assert_non_null(strstr(out, "Dec 31 23:59:59 9999 GMT"));
	assert_non_null(strstr(out, "URI:http://crl.example.com/maker.crl"));
	mst_local_signer_deinit(&p.signer);
}

static void serials_differ_and_hashes_are_those_of_the_command(void **state)
{
	struct party p = { 0 };
	struct mst_cert_spec s = spec_of(MST_CERT_CLIENT, "n");
	struct mst_cert_info a, b;
	char out[8192], want[80];
	struct mst_writer w = mst_writer_of(want, sizeof(want));

	(void)state;
	make_key(&p);
	add_san(&s, MST_ID_NODE, "urn:dev:ops:1");
	assert_int_equal(issue(&p, &s), 0);
	assert_int_equal(mst_cert_info(view(&p.cert), &a, NULL), 0);
	assert_int_equal(issue(&p, &s), 0);
	assert_int_equal(mst_cert_info(view(&p.cert), &b, NULL), 0);
	assert_string_not_equal(a.serial, b.serial);
	assert_memory_equal(a.spki_sha256, b.spki_sha256, 32);
	write_pem("leaf.pem", "CERTIFICATE", view(&p.cert));
	assert_int_equal(OPENSSL(out, "x509", "-in", "leaf.pem", "-noout", "-serial"), 0);
	assert_non_null(strstr(out, b.serial));
	assert_int_equal(OPENSSL(out, "x509", "-in", "leaf.pem", "-outform", "DER", "-out", "leaf.der"), 0);
	assert_int_equal(OPENSSL(out, "dgst", "-sha256", "-r", "leaf.der"), 0);
	mst_put_hex(&w, (struct mst_view){ b.sha256, 32 });
	mst_put_nul(&w);
	mst_ascii_lower(want);
	assert_non_null(strstr(out, want));
	mst_local_signer_deinit(&p.signer);
}

/* What nobody of ours writes: made by the command, read by us. */
static void names_of_strangers(void **state)
{
	static const struct {
		const char *san;
		int want;
		size_t n;
		enum mst_id_kind kind;
		const char *value;
	} row[] = {
		{ "DNS:*.example.com", MST_PKI_MALFORMED, 0, MST_ID_NONE, "" },
		{ "DNS:a.example.com,DNS:*.b.example.com", MST_PKI_MALFORMED, 0, MST_ID_NONE, "" },
		{ "DNS:a_b.example.com", MST_PKI_MALFORMED, 0, MST_ID_NONE, "" },
		{ "URI:https://sp.example.com/S1", 0, 1, MST_ID_AE_ABS, "//sp.example.com/S1" },
		{ "URI:http://sp.example.com/CSE1/C1", 0, 1, MST_ID_AE_ABS, "//sp.example.com/CSE1/C1" },
		{ "URI:coaps://sp.example.com/S1", 0, 1, MST_ID_AE_ABS, "//sp.example.com/S1" },
		{ "URI://sp.example.com/S1", 0, 1, MST_ID_AE_ABS, "//sp.example.com/S1" },
		{ "URI:https://sp.example.com/S1?x=1", 0, 0, MST_ID_NONE, "" },
		{ "URI:ftp://sp.example.com/S1", 0, 0, MST_ID_NONE, "" },
		{ "URI:urn:gsma:imei:90420156-025763-0;svn=42", 0, 1, MST_ID_NODE,
		  "urn:gsma:imei:90420156-025763-0;svn=42" },
		{ "otherName:0.2.481.1;UTF8:100.3030.10011", 0, 1, MST_ID_DEVICE,
		  "0.2.481.1.100.3030.10011" },
		{ "otherName:0.2.481.1;UTF8:100.x", MST_PKI_MALFORMED, 0, MST_ID_NONE, "" },
		{ "otherName:0.2.481.1;IA5:100.3030.10011", MST_PKI_MALFORMED, 0, MST_ID_NONE, "" },
		{ "otherName:1.2.3.4;UTF8:whatever", 0, 0, MST_ID_NONE, "" },
		{ "email:a@example.com,IP:127.0.0.1", 0, 0, MST_ID_NONE, "" },
		{ "DNS:a.de,DNS:b.de,DNS:c.de,DNS:d.de,DNS:e.de,DNS:f.de,DNS:g.de,DNS:h.de,DNS:i.de",
		  MST_PKI_NO_ROOM, 0, MST_ID_NONE, "" },
	};
	char out[8192], ext[300], path[128];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct mst_cert_info info = { .n_san = 77 };
		struct mst_diag d = { 0 };
		struct der der;
		FILE *f;
		int r;

		snprintf(ext, sizeof(ext), "subjectAltName=%s", row[i].san);
		assert_int_equal(OPENSSL(out, "req", "-x509", "-newkey", "ec", "-pkeyopt",
					 "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k.pem", "-subj",
					 "/CN=stranger", "-days", "1", "-outform", "DER", "-out", "s.der",
					 "-addext", ext),
				 0);
		snprintf(path, sizeof(path), "%s/s.der", dir);
		f = fopen(path, "rb");
		assert_non_null(f);
		der.n = fread(der.b, 1, sizeof(der.b), f);
		fclose(f);
		r = info_both_ways(view(&der), &info, &d);
		if (r != row[i].want || (r == 0 && info.n_san != row[i].n))
			print_error("%s: %d %s\n", row[i].san, r, d.text);
		assert_int_equal(r, row[i].want);
		if (r) {
			assert_int_equal(info.n_san, 77);
			assert_string_equal(d.field, "subjectAltName");
			assert_string_not_equal(d.text, "");
			continue;
		}
		assert_int_equal(info.n_san, row[i].n);
		if (row[i].n) {
			assert_int_equal(info.san[0].kind, row[i].kind);
			assert_string_equal(info.san[0].value, row[i].value);
		}
	}
}

/* The octets of one name are replaced in a good certificate: the signature breaks, the reader must not be
 * fooled. */
static void an_embedded_nul_spoils_the_certificate(void **state)
{
	struct party p = { 0 };
	struct mst_cert_spec s = spec_of(MST_CERT_SERVER, "x");
	struct mst_cert_info info;
	struct mst_diag d;
	uint8_t *at;

	(void)state;
	make_key(&p);
	add_san(&s, MST_ID_FQDN, "mefQexample.com.evil.example.com");
	assert_int_equal(issue(&p, &s), 0);
	at = memmem(p.cert.b, p.cert.n, "mefqexample", 11);
	assert_non_null(at);
	at[3] = 0;
	assert_int_equal(info_both_ways(view(&p.cert), &info, &d), MST_PKI_MALFORMED);
	mst_local_signer_deinit(&p.signer);
}

static void truncated_extended_and_turned_octets_never_hurt(void **state)
{
	struct party p = { 0 };
	struct mst_cert_spec s = spec_of(MST_CERT_CLIENT, "x");
	struct mst_cert_info info;
	struct der d;

	(void)state;
	make_key(&p);
	add_san(&s, MST_ID_NODE, "urn:dev:ops:1");
	assert_int_equal(issue(&p, &s), 0);
	for (size_t n = 0; n < p.cert.n; n++)
		assert_int_equal(mst_cert_info((struct mst_view){ p.cert.b, n }, &info, NULL),
				 MST_PKI_MALFORMED);
	d = p.cert;
	d.b[d.n++] = 0;
	assert_int_equal(mst_cert_info(view(&d), &info, NULL), MST_PKI_MALFORMED);
	for (size_t i = 0; i < p.cert.n; i++) {
		d = p.cert;
		d.b[i] ^= 0xff;
		assert_true(mst_cert_info(view(&d), &info, NULL) >= 0);
	}
	/* the last bit of the signature is said not to be one, and stands there: the library reads it and would write a zero */
	d = p.cert;
	for (size_t i = d.n - 80; i < d.n; i++)
		if (d.b[i] == 3 && d.b[i + 1] == d.n - i - 2) {
			d.b[i + 2] = 1;
			d.b[d.n - 1] |= 1;
		}
	assert_int_equal(mst_cert_info(view(&d), &info, NULL), MST_PKI_MALFORMED);
	assert_memory_not_equal(d.b, p.cert.b, d.n);
	mst_local_signer_deinit(&p.signer);
}

struct seen { struct mst_tbs_info info; int r; };
static int looks(struct mst_signer *s, struct mst_view tbs, uint8_t *out, size_t cap, size_t *ret_n)
{
	struct seen *seen = s->ctx;
	uint8_t digest[MST_SHA256_LEN];

	seen->r = mst_tbs_info(tbs, view(&ca.cert), &seen->info, NULL);
	assert_int_equal(c->ops->sha256(c, tbs, digest), 0);
	return ca.signer.signer.sign(&ca.signer.signer, digest, out, cap, ret_n);
}

static void a_signer_can_see_what_it_signs(void **state)
{
	struct party p = { 0 };
	struct mst_cert_spec s = spec_of(MST_CERT_CLIENT, "x"), sub = spec_of(MST_CERT_CA, "sub");
	struct seen seen = { 0 };
	struct mst_signer signer = { .ctx = &seen, .sign_tbs = looks };
	static uint8_t crl[MST_CRL_MAX];
	struct mst_tbs_info t;
	size_t n;

	(void)state;
	make_key(&p);
	add_san(&s, MST_ID_NODE, "urn:dev:ops:1");
	assert_int_equal(mst_cert_issue(c, &signer, view(&ca.cert), (struct mst_view){ p.spki, p.n_spki }, &s,
					p.cert.b, sizeof(p.cert.b), &p.cert.n),
			 0);
	assert_int_equal(seen.r, 0);
	assert_true(seen.info.issued_by);
	assert_false(seen.info.is_crl);
	assert_false(seen.info.cert.is_ca);
	assert_string_equal(seen.info.cert.san[0].value, "urn:dev:ops:1");
	assert_int_equal(mst_cert_issue(c, &signer, view(&ca.cert), (struct mst_view){ p.spki, p.n_spki },
					&sub, p.cert.b, sizeof(p.cert.b), &p.cert.n),
			 0);
	assert_true(seen.info.cert.is_ca);
	assert_int_equal(
		mst_crl_issue(&signer, view(&ca.cert), NULL, 0, 1, NOW, NOW + 1, crl, sizeof(crl), &n), 0);
	assert_int_equal(seen.r, 0);
	assert_true(seen.info.is_crl && seen.info.issued_by);
	assert_int_equal(mst_tbs_info(MST_VIEW_LIT("garbage"), view(&ca.cert), &t, NULL), MST_PKI_MALFORMED);
	mst_local_signer_deinit(&p.signer);
}

static void private_keys_are_refused_when_they_are_not_ours(void **state)
{
	struct party p = { 0 };
	struct mst_local_signer s;
	uint8_t spki[128], small[20];
	size_t n;

	(void)state;
	make_key(&p);
	assert_int_equal(mst_pkey_public((struct mst_view){ p.key, p.n_key - 1 }, spki, sizeof(spki), &n),
			 MST_PKI_MALFORMED);
	assert_int_equal(mst_pkey_public((struct mst_view){ p.key, p.n_key }, spki, 20, &n), MST_PKI_NO_ROOM);
	assert_int_equal(mst_pkey_generate(small, sizeof(small), &n), MST_PKI_NO_ROOM);
	assert_int_equal(mst_local_signer_init(&s, MST_VIEW_LIT("nothing")), MST_PKI_MALFORMED);
	assert_int_equal(mst_cert_public(view(&ca.cert), spki, sizeof(spki), &n), 0);
	assert_memory_equal(spki, ca.spki, n);
	mst_local_signer_deinit(&p.signer);
	mst_local_signer_deinit(&p.signer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openssl_accepts_our_ca_and_its_constraints),
		cmocka_unit_test(every_flavour_is_written_and_read_back),
		cmocka_unit_test(the_issuers_constraints_hold),
		cmocka_unit_test(a_revoked_certificate_is_on_the_list),
		cmocka_unit_test(bad_lists_are_refused),
		cmocka_unit_test(names_that_cannot_be_certified_are_refused),
		cmocka_unit_test(bad_specifications_and_keys_are_refused),
		cmocka_unit_test(a_certificate_without_subject_and_without_end),
		cmocka_unit_test(serials_differ_and_hashes_are_those_of_the_command),
		cmocka_unit_test(names_of_strangers),
		cmocka_unit_test(an_embedded_nul_spoils_the_certificate),
		cmocka_unit_test(truncated_extended_and_turned_octets_never_hurt),
		cmocka_unit_test(a_signer_can_see_what_it_signs),
		cmocka_unit_test(private_keys_are_refused_when_they_are_not_ours),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
