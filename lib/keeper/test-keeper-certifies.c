/* Whom the CA's key certifies, and until when: an engine that was taken over for a minute is not to have more of it than that minute. */
#include "tests/support/ocsp-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <openssl/x509v3.h>

#include "crypto/pki.h"
#include "keeper/keeper.h"

#define NOW INT64_C(1800000000)
#define DAY 86400
#define LONGEST (90 * DAY)

static struct mst_crypto *c;
static char top[64];
static struct mst_keeper *k;
static uint8_t ca[MST_CERT_MAX], spki[128];
static size_t n_ca, n_spki;
static mst_time clock_now;

static mst_time now(void) { return clock_now; }

static bool is_server(void *arg, const char *name)
{
	return !strcmp(name, arg);
}

static int up(void **state)
{
	uint8_t key[MST_PKEY_MAX];
	char dir[96];
	size_t n;

	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", NOW - DAY, c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	assert_int_equal(k->ops->ca_cert(k, ca, sizeof(ca), &n_ca), 0);
	assert_int_equal(mst_pkey_generate(key, sizeof(key), &n), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ key, n }, spki, sizeof(spki), &n_spki), 0);
	clock_now = NOW;
	return 0;
}

static int down(void **state)
{
	char cmd[96];

	(void)state;
	k->ops->close(k);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static int by_keeper(struct mst_signer *s, struct mst_view tbs, uint8_t *out, size_t cap, size_t *ret_n)
{
	int *r = s->ctx;
	struct mst_tbs_info t;
	struct mst_authorisation a = { .what = MST_AUTH_SIGN, .key_id = MST_KEEPER_CRL, .to = "whoever" };

	assert_int_equal(mst_tbs_info(tbs, (struct mst_view){ ca, n_ca }, &t, NULL), 0);
	if (!t.is_crl)
		snprintf(a.key_id, sizeof(a.key_id), "%s", t.cert.san[0].value);
	*r = k->ops->sign(k, &a, tbs, out, cap, ret_n);
	return *r;
}

/* With another name beside, of a form that no node of ours has: the engine writes what it likes. */
static int by_keeper_beside(struct mst_signer *s, struct mst_view tbs, uint8_t *out, size_t cap, size_t *ret_n)
{
	static const uint8_t signature[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02, 0x03, 0x02, 0x00, 0x00 };
	uint8_t der[MST_CERT_MAX] = { 0x30, 0x82 }, address[4] = { 192, 0, 2, 1 }, *with = NULL;
	const uint8_t *p = der;
	size_t n = tbs.n + sizeof(signature);
	GENERAL_NAMES *names;
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_OCTET_STRING *ip = ASN1_OCTET_STRING_new();
	X509 *x;
	int len, r;

	der[2] = (uint8_t)(n >> 8);
	der[3] = (uint8_t)n;
	assert_true(n + 4 <= sizeof(der));
	memcpy(der + 4, tbs.p, tbs.n);
	memcpy(der + 4 + tbs.n, signature, sizeof(signature));
	x = d2i_X509(NULL, &p, (long)n + 4);
	assert_non_null(x);
	names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	assert_true(names && g && ip && ASN1_OCTET_STRING_set(ip, address, sizeof(address)));
	GENERAL_NAME_set0_value(g, GEN_IPADD, ip);
	assert_true(sk_GENERAL_NAME_push(names, g) == 2 && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE) == 1);
	len = i2d_re_X509_tbs(x, &with);
	assert_true(len > 0);
	r = by_keeper(s, (struct mst_view){ with, (size_t)len }, out, cap, ret_n);
	OPENSSL_free(with);
	GENERAL_NAMES_free(names);
	X509_free(x);
	return r;
}

static int certify_as(const char *common_name, bool beside)
{
	struct mst_cert_spec spec = { .role = MST_CERT_CLIENT, .n_san = 1, .not_before = clock_now, .not_after = clock_now + 9, .path_len = -1,
				      .san = { { MST_ID_NODE, "urn:dev:ops:1" } } };
	uint8_t der[MST_CERT_MAX];
	int said = -99;
	struct mst_signer s = { .ctx = &said, .sign_tbs = beside ? by_keeper_beside : by_keeper };
	size_t n;

	snprintf(spec.common_name, sizeof(spec.common_name), "%s", common_name);
	(void)!mst_cert_issue(c, &s, (struct mst_view){ ca, n_ca }, (struct mst_view){ spki, n_spki }, &spec, der, sizeof(der), &n);
	return said;
}

static int certify(enum mst_cert_role role, enum mst_id_kind kind, const char *name, mst_time from, mst_time until)
{
	struct mst_cert_spec spec = { .role = role, .n_san = 1, .not_before = from, .not_after = until, .path_len = -1, .san = { { .kind = kind } } };
	uint8_t der[MST_CERT_MAX];
	int said = -99, r;
	struct mst_signer s = { .ctx = &said, .sign_tbs = by_keeper };
	size_t n;

	snprintf(spec.san[0].value, sizeof(spec.san[0].value), "%s", name);
	r = mst_cert_issue(c, &s, (struct mst_view){ ca, n_ca }, (struct mst_view){ spki, n_spki }, &spec, der, sizeof(der), &n);
	assert_int_equal(r, said ? MST_PKI_NOT_SIGNED : 0);
	return said;
}

static int list_of(mst_time from, mst_time until)
{
	static uint8_t crl[MST_CRL_MAX];
	int said = -99;
	struct mst_signer s = { .ctx = &said, .sign_tbs = by_keeper };
	size_t n;

	(void)!mst_crl_issue(&s, (struct mst_view){ ca, n_ca }, NULL, 0, 1, from, until, crl, sizeof(crl), &n);
	return said;
}

static int list(void)
{
	return list_of(clock_now, clock_now + 9);
}

/* Servers: by whoever opened the keeper and says that he is the authority, as muster init; nobody becomes it by forgetting to say. */
static void servers_by_who_says_so(void **state)
{
	static const enum mst_cert_role role[] = { MST_CERT_SERVER, MST_CERT_BOTH };

	(void)state;
	for (size_t i = 0; i < MST_COUNT(role); i++)
		assert_int_equal(certify(role[i], MST_ID_FQDN, "mef.example.com", NOW, NOW + 3650 * (mst_time)DAY), MST_KEEPER_DENIED);
	assert_int_equal(certify(MST_CERT_CLIENT, MST_ID_FQDN, "cse1.example.com", NOW, NOW + 9), 0);
	assert_int_equal(list(), 0);
	mst_keeper_local_certifies(k, &(struct mst_keeper_certifies){ .servers = true });
	for (size_t i = 0; i < MST_COUNT(role); i++)
		assert_int_equal(certify(role[i], MST_ID_FQDN, "mef.example.com", NOW, NOW + 825 * DAY), 0);
	assert_int_equal(certify(MST_CERT_OCSP, MST_ID_FQDN, "mef.example.com", NOW, NOW + 9), MST_KEEPER_DENIED);
	assert_int_equal(list(), 0);
}

/* As musterd has it: nodes, until mef.est_lifetime from now and no later, under no server's name. */
static void nodes_for_so_long(void **state)
{
	const struct mst_keeper_certifies of_musterd = { .longest = LONGEST, .longest_list = 7 * DAY, .clock = now, .is_server = is_server, .arg = (void *)(uintptr_t)"maf.example.com" };
	struct mst_keeper_certifies none = of_musterd;

	(void)state;
	mst_keeper_local_certifies(k, &of_musterd);
	assert_int_equal(certify(MST_CERT_CLIENT, MST_ID_FQDN, "cse1.example.com", NOW - 60, NOW + LONGEST), 0);
	assert_int_equal(certify(MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:1", NOW - 60, NOW + LONGEST), 0);
	assert_int_equal(certify(MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:1", NOW - 60, NOW + LONGEST + DAY), MST_KEEPER_DENIED);
	/* not one for each year to come either */
	assert_int_equal(certify(MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:1", NOW + 365 * DAY, NOW + 365 * DAY + 9), MST_KEEPER_DENIED);
	clock_now += 365 * DAY;
	assert_int_equal(certify(MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:1", NOW + 365 * DAY, NOW + 365 * DAY + 9), 0);
	assert_int_equal(certify(MST_CERT_CLIENT, MST_ID_FQDN, "maf.example.com", clock_now, clock_now + 9), MST_KEEPER_DENIED);
	assert_int_equal(certify(MST_CERT_CLIENT, MST_ID_FQDN, "maf2.example.com", clock_now, clock_now + 9), 0);
	assert_int_equal(certify(MST_CERT_BOTH, MST_ID_FQDN, "maf2.example.com", clock_now, clock_now + 9), MST_KEEPER_DENIED);
	/* whoever looks at another name than we do is not told a server's by it */
	assert_int_equal(certify_as("urn:dev:ops:1", false), 0);
	assert_int_equal(certify_as("maf.example.com", false), MST_KEEPER_DENIED);
	assert_int_equal(certify_as("", true), MST_KEEPER_DENIED);
	assert_int_equal(list(), 0);
	/* without EST nobody is certified */
	none.longest = 0;
	mst_keeper_local_certifies(k, &none);
	assert_int_equal(certify(MST_CERT_CLIENT, MST_ID_NODE, "urn:dev:ops:1", clock_now - 60, clock_now + 9), MST_KEEPER_DENIED);
	assert_int_equal(list(), 0);
}

/* A false list is one for as long as a list is good, and there is none for later. */
static void lists_of_now(void **state)
{
	static const struct { mst_time from, until; int said; } row[] = {
		{ -60, 7 * DAY, 0 }, { -60, 0, MST_KEEPER_DENIED } /* without an end */, { -60, 8 * DAY, MST_KEEPER_DENIED }, { DAY, 2 * DAY, MST_KEEPER_DENIED },
		{ -900 * DAY, 9, 0 },
	};
	struct mst_keeper_certifies how = { .longest = LONGEST, .longest_list = 7 * DAY, .clock = now };

	(void)state;
	mst_keeper_local_certifies(k, &how);
	for (size_t i = 0; i < MST_COUNT(row); i++)
		assert_int_equal(list_of(NOW + row[i].from, row[i].until ? NOW + row[i].until : MST_NEVER), row[i].said);
	/* where the daemon makes none, nobody asks for one */
	how.longest_list = 0;
	mst_keeper_local_certifies(k, &how);
	assert_int_equal(list(), MST_KEEPER_DENIED);
}

/* Nor is one told to be good in a year, by when it may be revoked. */
static void answers_of_now(void **state)
{
	const struct mst_authorisation a = { .what = MST_AUTH_STATUS, .key_id = "05", .to = "anybody" };
	struct mst_ocsp_answer s = { .n = 1, .this_update = NOW, .next_update = NOW + DAY };
	uint8_t der[MST_OCSP_RESPONSE_MAX];
	size_t n;

	(void)state;
	s.single[0].id = ocsp_client_cert_id((struct mst_view){ ca, n_ca }, "05");
	mst_keeper_local_certifies(k, &(struct mst_keeper_certifies){ .longest = LONGEST, .clock = now });
	assert_int_equal(k->ops->status(k, &a, &s, der, sizeof(der), &n), 0);
	s.this_update += 365 * DAY;
	s.next_update += 365 * DAY;
	assert_int_equal(k->ops->status(k, &a, &s, der, sizeof(der), &n), MST_KEEPER_DENIED);
	clock_now += 365 * DAY;
	assert_int_equal(k->ops->status(k, &a, &s, der, sizeof(der), &n), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = { T(servers_by_who_says_so), T(nodes_for_so_long), T(lists_of_now), T(answers_of_now) };

	return cmocka_run_group_tests_name("keeper-certifies", tests, NULL, NULL);
}
