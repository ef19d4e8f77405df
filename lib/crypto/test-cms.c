/* Signed envelopes; the openssl command is the oracle, in both directions. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/cms.h"

#define NOW INT64_C(1800000000)
#define AT "1800000000"
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

static char dir[64];
static struct party ca, between, signer, deep, tls, stranger;
static uint8_t envelope[MST_CMS_MAX], content[MST_CMS_MAX];
static size_t n_envelope, n_content;
static const struct mst_view text = MST_VIEW_LIT("{\"what\":\"a content\"}");

static struct mst_view view(const struct der *d) { return (struct mst_view){ d->b, d->n }; }

static void make(struct party *p, struct party *by, enum mst_cert_role role, const char *cn, mst_time from, mst_time until)
{
	struct mst_cert_spec s = { .role = role, .not_before = from, .not_after = until, .path_len = -1 };

	snprintf(s.common_name, sizeof(s.common_name), "%s", cn);
	if (role == MST_CERT_BOTH) {
		s.n_san = 1;
		s.san[0].kind = MST_ID_FQDN;
		snprintf(s.san[0].value, MST_ID_MAX, "mef.example.com");
	}
	if (!p->n_key) {
		assert_int_equal(mst_pkey_generate(p->key, sizeof(p->key), &p->n_key), 0);
		assert_int_equal(mst_local_signer_init(&p->signer, (struct mst_view){ p->key, p->n_key }), 0);
		assert_int_equal(mst_pkey_public((struct mst_view){ p->key, p->n_key }, p->spki, sizeof(p->spki), &p->n_spki), 0);
	}
	assert_int_equal(mst_cert_issue(mst_crypto_openssl(), &by->signer.signer, by == p ? MST_VIEW_NONE : view(&by->cert),
					(struct mst_view){ p->spki, p->n_spki }, &s, p->cert.b, sizeof(p->cert.b), &p->cert.n), 0);
}

static int seal(const struct party *p, const struct party *chain, struct mst_view v, struct mst_diag *d)
{
	struct mst_view certs[2] = { view(&p->cert), chain ? view(&chain->cert) : MST_VIEW_NONE };

	return mst_cms_seal(v, certs, chain ? 2 : 1, (struct mst_view){ p->key, p->n_key }, envelope, sizeof(envelope), &n_envelope,
			    d);
}

static int open_at(struct mst_view v, mst_time now, mst_time floor, struct mst_cms_signer *s, struct mst_diag *d)
{
	struct mst_view anchor = view(&ca.cert);
	struct mst_cms_trust t = { &anchor, 1, now, floor };

	return mst_cms_open(v, &t, content, sizeof(content), &n_content, s, d);
}

static int open_it(void)
{
	struct mst_cms_signer s;
	struct mst_diag d = { 0 };

	return open_at((struct mst_view){ envelope, n_envelope }, NOW, NOW, &s, &d);
}

static void write_file(const char *name, const void *p, size_t n)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void write_pem(const char *name, const char *label, struct mst_view der)
{
	static uint8_t buf[16384];
	struct mst_writer w = mst_writer_of(buf, sizeof(buf));

	mst_pem_put(&w, label, der);
	assert_true(w.ok);
	write_file(name, buf, w.n);
}

static void read_envelope(const char *name)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	n_envelope = fread(envelope, 1, sizeof(envelope), f);
	fclose(f);
}

static int openssl(const char *args)
{
	char line[512];
	int status;

	snprintf(line, sizeof(line), "cd %s && openssl %s >said 2>&1", dir, args);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/mst-cms-XXXXXX");
	assert_non_null(mkdtemp(dir));
	make(&ca, &ca, MST_CERT_CA, "Owner", NOW - YEAR, NOW + 2 * YEAR);
	make(&between, &ca, MST_CERT_CA, "Owner's workshop CA", NOW - YEAR, NOW + YEAR / 2);
	make(&signer, &ca, MST_CERT_BUNDLE, "Owner's workshop", NOW - YEAR, NOW + YEAR);
	make(&deep, &between, MST_CERT_BUNDLE, "Technician", NOW - YEAR, NOW + YEAR);
	make(&tls, &ca, MST_CERT_BOTH, "mef.example.com", NOW - YEAR, NOW + YEAR);
	make(&stranger, &stranger, MST_CERT_CA, "Owner", NOW - YEAR, NOW + YEAR);
	write_pem("ca.pem", "CERTIFICATE", view(&ca.cert));
	write_pem("signer.pem", "CERTIFICATE", view(&signer.cert));
	write_pem("signer.key", "PRIVATE KEY", (struct mst_view){ signer.key, signer.n_key });
	write_pem("tls.pem", "CERTIFICATE", view(&tls.cert));
	write_pem("tls.key", "PRIVATE KEY", (struct mst_view){ tls.key, tls.n_key });
	write_file("content", text.p, text.n);
	return 0;
}

static int tear_down(void **state)
{
	struct party *all[] = { &ca, &between, &signer, &deep, &tls, &stranger };
	char line[128];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(all); i++) {
		mst_local_signer_deinit(&all[i]->signer);
		memset(all[i]->key, 0, sizeof(all[i]->key));
	}
	snprintf(line, sizeof(line), "rm -r %s", dir);
	return system(line);
}

static void what_is_sealed_is_opened(void **state)
{
	struct mst_cms_signer s;
	struct mst_diag d = { 0 };

	(void)state;
	assert_int_equal(seal(&signer, NULL, text, &d), 0);
	assert_int_equal(open_at((struct mst_view){ envelope, n_envelope }, NOW, NOW, &s, &d), 0);
	assert_true(mst_view_eq((struct mst_view){ content, n_content }, text));
	assert_string_equal(s.cert.subject, "CN=Owner's workshop");
	assert_int_equal(s.not_after, NOW + YEAR);
	/* a CA in between: its end counts too */
	assert_int_equal(seal(&deep, &between, text, &d), 0);
	assert_int_equal(open_at((struct mst_view){ envelope, n_envelope }, NOW, NOW, &s, &d), 0);
	assert_int_equal(s.not_after, NOW + YEAR / 2);
	/* nothing to say is something too */
	assert_int_equal(seal(&signer, NULL, MST_VIEW_NONE, &d), 0);
	assert_int_equal(open_it(), 0);
	assert_int_equal(n_content, 0);
}

static void the_command_accepts_ours(void **state)
{
	struct mst_diag d = { 0 };
	char path[256];

	(void)state;
	assert_int_equal(seal(&deep, &between, text, &d), 0);
	write_file("ours", envelope, n_envelope);
	assert_int_equal(openssl("cms -verify -binary -inform DER -in ours -CAfile ca.pem -purpose any -attime " AT " -out back"), 0);
	snprintf(path, sizeof(path), "cmp -s %s/back %s/content", dir, dir);
	assert_int_equal(system(path), 0);
	/* and for its own purpose, mail, it does not */
	assert_int_not_equal(openssl("cms -verify -binary -inform DER -in ours -CAfile ca.pem -attime " AT " -out back"), 0);
}

static void we_accept_the_commands(void **state)
{
	(void)state;
	assert_int_equal(openssl("cms -sign -binary -nodetach -nosmimecap -md sha256 -in content -signer signer.pem -inkey signer.key "
				 "-outform DER -out theirs"), 0);
	read_envelope("theirs");
	assert_int_equal(open_it(), 0);
	assert_true(mst_view_eq((struct mst_view){ content, n_content }, text));
}

static void what_the_command_makes_otherwise_is_refused(void **state)
{
	static const struct { const char *args; int outcome; } rows[] = {
		/* indefinite lengths */
		{ "cms -sign -stream -indef -binary -nodetach -in content -signer signer.pem -inkey signer.key", MST_CMS_MALFORMED },
		{ "cms -sign -binary -in content -signer signer.pem -inkey signer.key", MST_CMS_MALFORMED },            /* detached */
		{ "cms -sign -binary -nodetach -noattr -in content -signer signer.pem -inkey signer.key", MST_CMS_MALFORMED },
		{ "cms -sign -binary -nodetach -md sha384 -in content -signer signer.pem -inkey signer.key", MST_CMS_MALFORMED },
		{ "cms -sign -binary -nodetach -econtent_type 1.2.3.4 -in content -signer signer.pem -inkey signer.key",
		  MST_CMS_MALFORMED },
		{ "cms -sign -binary -nodetach -in content -signer signer.pem -inkey signer.key -signer tls.pem -inkey tls.key",
		  MST_CMS_MALFORMED },                                                                                  /* two signers */
		{ "cms -sign -binary -nodetach -nocerts -in content -signer signer.pem -inkey signer.key", MST_CMS_UNTRUSTED },
		{ "cms -sign -binary -nodetach -in content -signer tls.pem -inkey tls.key", MST_CMS_WRONG_PURPOSE },
		{ "cms -data_create -in content", MST_CMS_UNSIGNED },
		{ "cms -digest_create -in content", MST_CMS_UNSIGNED },
	};
	char line[400];

	(void)state;
	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		snprintf(line, sizeof(line), "%s -outform DER -out theirs", rows[i].args);
		assert_int_equal(openssl(line), 0);
		read_envelope("theirs");
		if (open_it() != rows[i].outcome)
			fail_msg("%s: %s", rows[i].args, mst_cms_outcome_text(open_it()));
	}
}

static void who_may_not_sign_is_refused(void **state)
{
	struct party other = { 0 };
	struct mst_diag d = { 0 };

	(void)state;
	assert_int_equal(seal(&tls, NULL, text, &d), MST_CMS_WRONG_PURPOSE);
	assert_non_null(strstr(d.text, MST_EKU_BUNDLE));
	/* an anchor's namesake with a key of its own */
	make(&other, &stranger, MST_CERT_BUNDLE, "Owner's workshop", NOW - YEAR, NOW + YEAR);
	assert_int_equal(seal(&other, NULL, text, &d), 0);
	assert_int_equal(open_it(), MST_CMS_UNTRUSTED);
	/* a certificate and a key that do not belong together */
	memcpy(other.key, signer.key, signer.n_key);
	assert_int_equal(seal(&other, NULL, text, &d), MST_CMS_MALFORMED);
	mst_local_signer_deinit(&other.signer);
	/* the path is not in the envelope */
	assert_int_equal(seal(&deep, NULL, text, &d), 0);
	assert_int_equal(open_it(), MST_CMS_UNTRUSTED);
}

static void time_is_judged_as_far_as_it_is_known(void **state)
{
	static const struct { mst_time now, floor; int outcome; } rows[] = {
		{ NOW, NOW, 0 },
		{ NOW + 3 * YEAR, 0, MST_CMS_EXPIRED },
		{ NOW - 3 * YEAR, 0, MST_CMS_NOT_YET_VALID },
		{ 0, NOW, 0 },
		{ 0, NOW - 3 * YEAR, 0 },                /* the floor is no proof that it is early: lesson 15 */
		{ 0, NOW + 3 * YEAR, MST_CMS_EXPIRED },  /* but that it is late */
	};
	struct mst_cms_signer s;
	struct mst_diag d = { 0 };

	(void)state;
	assert_int_equal(seal(&signer, NULL, text, &d), 0);
	for (size_t i = 0; i < MST_COUNT(rows); i++)
		assert_int_equal(open_at((struct mst_view){ envelope, n_envelope }, rows[i].now, rows[i].floor, &s, &d),
				 rows[i].outcome);
}

static void no_octet_can_be_changed_left_out_or_added(void **state)
{
	static uint8_t good[MST_CMS_MAX];
	struct mst_diag d = { 0 };
	size_t n;
	int r;

	(void)state;
	assert_int_equal(seal(&signer, NULL, text, &d), 0);
	n = n_envelope;
	memcpy(good, envelope, n);
	for (size_t i = 0; i < n; i++) {
		memcpy(envelope, good, n);
		n_envelope = n;
		envelope[i] ^= 1;
		r = open_it();
		/* what is not signed may vary in ways that mean nothing; the content never */
		assert_true(r >= 0);
		assert_true(r || mst_view_eq((struct mst_view){ content, n_content }, text));
		envelope[i] ^= 1;
		n_envelope = i;
		assert_int_equal(open_it(), MST_CMS_MALFORMED);
	}
	memcpy(envelope, good, n);
	envelope[n] = 0;
	n_envelope = n + 1;
	assert_int_equal(open_it(), MST_CMS_MALFORMED);
	/* the content itself */
	n_envelope = n;
	for (size_t i = 0; i + text.n < n; i++)
		if (!memcmp(good + i, text.p, text.n))
			envelope[i + 3] ^= 0x20;
	assert_int_equal(open_it(), MST_CMS_WRONGLY_SIGNED);
}

static void sizes_are_bounded(void **state)
{
	static uint8_t big[MST_CMS_MAX + 1];
	struct mst_cms_signer s;
	struct mst_diag d = { 0 };
	struct mst_view anchor = view(&ca.cert);
	struct mst_cms_trust t = { &anchor, 1, NOW, NOW };

	(void)state;
	assert_int_equal(open_at((struct mst_view){ big, sizeof(big) }, NOW, NOW, &s, &d), MST_CMS_OVERSIZED);
	assert_int_equal(seal(&signer, NULL, (struct mst_view){ big, MST_CMS_MAX }, &d), MST_CMS_OVERSIZED);
	assert_int_equal(seal(&signer, NULL, text, &d), 0);
	assert_int_equal(mst_cms_open((struct mst_view){ envelope, n_envelope }, &t, content, text.n - 1, &n_content, &s, &d),
			 MST_FAULT_SPACE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_is_opened),
		cmocka_unit_test(the_command_accepts_ours),
		cmocka_unit_test(we_accept_the_commands),
		cmocka_unit_test(what_the_command_makes_otherwise_is_refused),
		cmocka_unit_test(who_may_not_sign_is_refused),
		cmocka_unit_test(time_is_judged_as_far_as_it_is_known),
		cmocka_unit_test(no_octet_can_be_changed_left_out_or_added),
		cmocka_unit_test(sizes_are_bounded),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
