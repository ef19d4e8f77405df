/* Certification requests and what EST carries; the openssl command is the oracle. */
#include "tests/support/cm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/request.h"

#define NOW INT64_C(1800000000)
#define YEAR INT64_C(31536000)

struct party {
	uint8_t key[MST_PKEY_MAX], spki[MST_SPKI_MAX], cert[MST_CERT_MAX];
	size_t n_key, n_spki, n_cert;
	struct mst_local_signer signer;
};

static char dir[64];
static struct party ca, node;

static void make_key(struct party *p)
{
	assert_int_equal(mst_pkey_generate(p->key, sizeof(p->key), &p->n_key), 0);
	assert_int_equal(mst_local_signer_init(&p->signer, (struct mst_view){ p->key, p->n_key }), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ p->key, p->n_key }, p->spki, sizeof(p->spki), &p->n_spki), 0);
}

static void issue(struct party *p, const struct mst_cert_spec *s, bool self)
{
	assert_int_equal(mst_cert_issue(mst_crypto_openssl(), self ? &p->signer.signer : &ca.signer.signer,
					self ? MST_VIEW_NONE : (struct mst_view){ ca.cert, ca.n_cert },
					(struct mst_view){ p->spki, p->n_spki }, s, p->cert, sizeof(p->cert), &p->n_cert), 0);
}

static struct mst_san san_of(enum mst_id_kind kind, const char *value)
{
	struct mst_san s = { .kind = kind };

	snprintf(s.value, sizeof(s.value), "%s", value);
	return s;
}

static int set_up(void **state)
{
	struct mst_cert_spec s = { .role = MST_CERT_CA, .common_name = "CA", .not_before = NOW - YEAR, .not_after = NOW + YEAR,
				   .path_len = 0, .permitted_dns = { "sp.example.com" }, .n_permitted_dns = 1 };
	struct mst_cert_spec n = { .role = MST_CERT_CLIENT, .common_name = "node", .not_before = NOW, .not_after = NOW + YEAR,
				   .n_san = 1 };

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/mst-csr-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	make_key(&ca);
	make_key(&node);
	issue(&ca, &s, true);
	n.san[0] = san_of(MST_ID_FQDN, "cse1.sp.example.com");
	issue(&node, &n, false);
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	mst_local_signer_deinit(&ca.signer);
	mst_local_signer_deinit(&node.signer);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static void put_file(const char *name, struct mst_view v)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(v.p, 1, v.n, f), v.n);
	fclose(f);
}

static size_t get_file(const char *name, uint8_t *out, size_t cap)
{
	char path[128];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(out, 1, cap, f);
	fclose(f);
	return n;
}

/* In the directory; what it says on both outputs. */
static int run(const char *command, char *out, size_t cap)
{
	char cmd[1200];
	size_t n = 0;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "cd %s && (%s) 2>&1", dir, command);
	f = popen(cmd, "r");
	assert_non_null(f);
	while (n < cap - 1) {
		size_t k = fread(out + n, 1, cap - 1 - n, f);

		if (!k)
			break;
		n += k;
	}
	out[n] = 0;
	return pclose(f);
}

static void says(const char *command, const char *part)
{
	char out[16384];
	int r = run(command, out, sizeof(out));

	if (r || !strstr(out, part))
		fail_msg("%s: %d, not \"%s\" in: %s", command, r, part, out);
}

/* Ours, read by openssl, for each flavour that a node may have (TS-0003 10.1.4). */
static void openssl_reads_our_requests(void **state)
{
	static const struct { enum mst_id_kind kind; const char *value, *text; enum mst_id_kind back; } rows[] = {
		{ MST_ID_CSE_ABS, "//sp.example.com/CSE1", "DNS:CSE1.sp.example.com", MST_ID_FQDN },
		{ MST_ID_AE_ABS, "//sp.example.com/S98821", "URI:https://sp.example.com/S98821", MST_ID_AE_ABS },
		{ MST_ID_NODE, "urn:dev:ops:1-2-3", "URI:urn:dev:ops:1-2-3", MST_ID_NODE },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_san san = san_of(rows[i].kind, rows[i].value);
		struct mst_csr_info info;
		uint8_t der[MST_CSR_MAX];
		size_t n;

		assert_int_equal(mst_csr_make(&node.signer.signer, (struct mst_view){ node.spki, node.n_spki }, &san, "tell-me-9",
					      der, sizeof(der), &n), 0);
		put_file("a.csr", (struct mst_view){ der, n });
		says("openssl req -inform DER -in a.csr -noout -verify", "verify OK");
		says("openssl req -inform DER -in a.csr -noout -text", rows[i].text);
		says("openssl req -inform DER -in a.csr -noout -text", "challengePassword        :tell-me-9");
		assert_int_equal(mst_csr_info((struct mst_view){ der, n }, &info, NULL), 0);
		assert_int_equal(info.n_san, 1);
		assert_int_equal(info.san[0].kind, rows[i].back);
		assert_true(info.has_challenge && !strcmp(info.challenge, "tell-me-9"));
		assert_false(info.has_subject || info.foreign_names || info.asks_ca || info.asks_other_usage);
		assert_int_equal(info.n_spki, node.n_spki);
		assert_memory_equal(info.spki, node.spki, node.n_spki);
	}
}

static int read_made(const char *command, struct mst_csr_info *ret, struct mst_diag *d)
{
	uint8_t der[8192] = { 0 };
	char out[4096];
	size_t n;

	memset(d, 0, sizeof(*d));
	if (run(command, out, sizeof(out)))
		fail_msg("%s: %s", command, out);
	n = get_file("b.csr", der, sizeof(der));
	return mst_csr_info((struct mst_view){ der, n }, ret, d);
}

#define EC "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout b.key -outform DER -out b.csr -subj /CN=x "

/* Foreign requests: what is read, and each refusal by its reason. */
static void foreign_requests_are_judged(void **state)
{
	static const struct { const char *command; int r; const char *field; } rows[] = {
		{ EC "-addext subjectAltName=DNS:cse1.sp.example.com", 0, "" },
		{ EC "-addext subjectAltName=DNS:cse1.sp.example.com -sha384", MST_PKI_BAD_SIGNATURE, "signatureAlgorithm" },
		{ EC "-addext subjectAltName=DNS:*.sp.example.com", MST_PKI_MALFORMED, "subjectAltName" },
		{ "openssl req -new -newkey rsa:2048 -nodes -keyout b.key -outform DER -out b.csr -subj /CN=x", MST_PKI_WEAK_KEY,
		  "subjectPublicKeyInfo" },
		{ "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout b.key -outform DER -out b.csr -subj /CN=x",
		  MST_PKI_WEAK_KEY, "subjectPublicKeyInfo" },
		{ "openssl req -new -newkey ed25519 -nodes -keyout b.key -outform DER -out b.csr -subj /CN=x", MST_PKI_WEAK_KEY,
		  "subjectPublicKeyInfo" },
	};
	struct mst_csr_info info;
	struct mst_diag d;

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		int r = read_made(rows[i].command, &info, &d);

		if (r != rows[i].r || strcmp(d.field, rows[i].field))
			fail_msg("%s: %d, %s: %s", rows[i].command, r, d.field, d.text);
	}
	assert_int_equal(read_made(EC "-addext subjectAltName=DNS:cse1.sp.example.com,IP:10.0.0.1 -addext basicConstraints=CA:TRUE "
				   "-addext extendedKeyUsage=serverAuth", &info, &d), 0);
	assert_true(info.has_subject && info.foreign_names && info.asks_ca && info.asks_other_usage && !info.has_challenge);
	assert_int_equal(read_made(EC "-addext extendedKeyUsage=clientAuth -addext basicConstraints=CA:FALSE", &info, &d), 0);
	assert_false(info.asks_ca || info.asks_other_usage || info.n_san);
}

/* A request is nobody's when one octet of it is another. */
static void a_broken_request_is_refused(void **state)
{
	struct mst_san san = san_of(MST_ID_NODE, "urn:dev:ops:1");
	uint8_t der[MST_CSR_MAX + 1] = { 0 };
	struct mst_csr_info info;
	size_t n;

	(void)state;
	assert_int_equal(mst_csr_make(&node.signer.signer, (struct mst_view){ node.spki, node.n_spki }, &san, NULL, der, sizeof(der), &n),
			 0);
	for (size_t i = 0; i < n; i++) {
		der[i] ^= 0x04;
		assert_true(mst_csr_info((struct mst_view){ der, n }, &info, NULL) > 0);
		der[i] ^= 0x04;
	}
	assert_int_equal(mst_csr_info((struct mst_view){ der, n }, &info, NULL), 0);
	assert_int_equal(mst_csr_info((struct mst_view){ der, n + 1 }, &info, NULL), MST_PKI_MALFORMED);
	assert_int_equal(mst_csr_info((struct mst_view){ der, n - 1 }, &info, NULL), MST_PKI_MALFORMED);
	assert_int_equal(mst_csr_info((struct mst_view){ der, sizeof(der) }, &info, NULL), MST_PKI_MALFORMED);
	assert_int_equal(mst_csr_info(MST_VIEW_NONE, &info, NULL), MST_PKI_MALFORMED);
	/* another's key: the signer does not hold what the request would say */
	assert_int_equal(mst_csr_make(&ca.signer.signer, (struct mst_view){ node.spki, node.n_spki }, &san, NULL, der, sizeof(der), &n),
			 MST_PKI_BAD_SIGNATURE);
}

static void attributes_come_back_as_they_went(void **state)
{
	static const struct { enum mst_id_kind kind; const char *value; } rows[] = {
		{ MST_ID_FQDN, "cse1.sp.example.com" }, { MST_ID_AE_ABS, "//sp.example.com/S98821" },
		{ MST_ID_NODE, "urn:dev:ops:1" }, { MST_ID_NODE, "node-without-urn" },
	};

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		struct mst_csr_attrs a = { .san = san_of(rows[i].kind, rows[i].value), .challenge = "abc-DEF.1", .has_san = true,
					   .has_challenge = true }, b;
		uint8_t der[1024];
		size_t n;

		assert_int_equal(mst_csr_attrs_make(&a, der, sizeof(der), &n), 0);
		put_file("attrs", (struct mst_view){ der, n });
		says("openssl asn1parse -inform DER -in attrs", "challengePassword");
		says("openssl asn1parse -inform DER -in attrs", "abc-DEF.1");
		says("openssl asn1parse -inform DER -in attrs", "prime256v1");
		assert_int_equal(mst_csr_attrs_read((struct mst_view){ der, n }, &b), 0);
		assert_true(b.has_san && b.has_challenge && b.san.kind == a.san.kind);
		assert_string_equal(b.san.value, a.san.value);
		assert_string_equal(b.challenge, a.challenge);
		assert_int_equal(mst_csr_attrs_read((struct mst_view){ der, n - 1 }, &b), MST_PKI_MALFORMED);
		assert_int_equal(mst_csr_attrs_make(&a, der, 10, &n), MST_PKI_NO_ROOM);
	}
}

/* The example of RFC 7030 4.5.2 (as RFC 8951 corrects it): all of it is passed over. */
static void the_rfc_example_is_read(void **state)
{
	static const char text[] = "MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw==";
	struct mst_csr_attrs a;
	uint8_t der[256];
	size_t n;

	(void)state;
	assert_true(mst_base64_decode(mst_view_str(text), der, sizeof(der), &n));
	/* its extensionRequest has an OID where extensions belong, which RFC 8951 forbids: it says nothing, and spoils nothing */
	assert_int_equal(mst_csr_attrs_read((struct mst_view){ der, n }, &a), 0);
	assert_false(a.has_san || a.has_challenge);
}

static void bags_are_those_of_openssl(void **state)
{
	struct mst_view certs[2] = { { node.cert, node.n_cert }, { ca.cert, ca.n_cert } };
	uint8_t ours[MST_BAG_MAX], theirs[MST_BAG_MAX], out[MST_BAG_MAX], pem[8192];
	struct mst_writer w = mst_writer_of(pem, sizeof(pem));
	struct mst_bag bag;
	char text[8192];
	size_t n, k;

	(void)state;
	assert_int_equal(mst_bag_make(certs, 2, ours, sizeof(ours), &n), 0);
	put_file("ours.p7", (struct mst_view){ ours, n });
	says("openssl pkcs7 -inform DER -in ours.p7 -print_certs -noout", "subject=CN = node");
	mst_pem_put(&w, "CERTIFICATE", certs[0]);
	mst_pem_put(&w, "CERTIFICATE", certs[1]);
	put_file("both.pem", mst_written(&w));
	assert_int_equal(run("openssl crl2pkcs7 -nocrl -certfile both.pem -outform DER -out theirs.p7", text, sizeof(text)), 0);
	k = get_file("theirs.p7", theirs, sizeof(theirs));
	assert_int_equal(mst_bag_read((struct mst_view){ theirs, k }, out, sizeof(out), &bag), 0);
	assert_int_equal(bag.n, 2);
	assert_int_equal(mst_bag_read((struct mst_view){ ours, n }, out, sizeof(out), &bag), 0);
	assert_int_equal(bag.n, 2);
	assert_true(mst_view_eq(bag.cert[0], certs[0]) || mst_view_eq(bag.cert[1], certs[0]));
	assert_int_equal(mst_bag_read((struct mst_view){ ours, n }, out, 100, &bag), MST_PKI_NO_ROOM);
	assert_int_equal(mst_bag_read((struct mst_view){ ours, n - 1 }, out, sizeof(out), &bag), MST_PKI_MALFORMED);
	assert_int_equal(mst_bag_make(certs, 0, ours, sizeof(ours), &n), 0);
	assert_int_equal(mst_bag_read((struct mst_view){ ours, n }, out, sizeof(out), &bag), MST_PKI_MALFORMED);
}

/* Spec 2.5.4: CA certificates carry name constraints; what they do not permit nobody would accept. */
static void what_the_ca_may_not_name_does_not_fit(void **state)
{
	struct mst_cert_spec s = { .role = MST_CERT_CLIENT, .not_before = NOW, .not_after = NOW + YEAR, .n_san = 1 };
	uint8_t a[MST_SHA256_LEN], b[MST_SHA256_LEN];
	struct mst_cert_info i;
	struct party p;

	(void)state;
	assert_int_equal(mst_cert_permitted((struct mst_view){ node.cert, node.n_cert }, (struct mst_view){ ca.cert, ca.n_cert }, &i), 0);
	assert_true(mst_cert_fits((struct mst_view){ node.cert, node.n_cert }, (struct mst_view){ ca.cert, ca.n_cert }));
	make_key(&p);
	s.san[0] = san_of(MST_ID_FQDN, "cse1.other.example.net");
	issue(&p, &s, false);
	assert_int_equal(mst_cert_permitted((struct mst_view){ p.cert, p.n_cert }, (struct mst_view){ ca.cert, ca.n_cert }, &i), MST_PKI_NOT_SIGNED);
	assert_false(mst_cert_fits((struct mst_view){ p.cert, p.n_cert }, (struct mst_view){ ca.cert, ca.n_cert }));
	assert_int_equal(mst_cert_subject_sha256((struct mst_view){ p.cert, p.n_cert }, a), 0);
	assert_int_equal(mst_cert_subject_sha256((struct mst_view){ node.cert, node.n_cert }, b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	mst_local_signer_deinit(&p.signer);
}

#define T(f) cmocka_unit_test(f)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(openssl_reads_our_requests), T(foreign_requests_are_judged), T(a_broken_request_is_refused),
		T(attributes_come_back_as_they_went), T(the_rfc_example_is_read), T(bags_are_those_of_openssl),
		T(what_the_ca_may_not_name_does_not_fit),
	};

	return cmocka_run_group_tests_name("request", tests, set_up, tear_down);
}
