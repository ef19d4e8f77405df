/* Opening libmuster-openssl: whose key it takes, and what the caller holds when it has not opened. */
#include "tests/support/cm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/pki.h"
#include "port/openssl-port.h"

static char top[64], state_dir[96], key_file[96], certificate[96], key[96];

static struct muster_openssl_config born(void)
{
	return (struct muster_openssl_config){ .size = sizeof(struct muster_openssl_config), .state = state_dir, .key_file = key_file,
					       .certificate = certificate, .key = key, .anchors = certificate };
}

static void write_pem(const char *path, const char *label, struct mst_view der)
{
	uint8_t pem[2 * MST_CERT_MAX];
	struct mst_writer w = mst_writer_of(pem, sizeof(pem));
	FILE *f = fopen(path, "w");

	mst_pem_put(&w, label, der);
	assert_true(f && w.ok);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	assert_int_equal(fwrite(pem, 1, w.n, f), w.n);
	assert_int_equal(fclose(f), 0);
}

static int fresh(void **state)
{
	struct mst_cert_spec s = { .role = MST_CERT_CA, .common_name = "node 7", .n_san = 1, .path_len = -1 };
	struct mst_local_signer signer = { 0 };
	uint8_t pkcs8[MST_PKEY_MAX], spki[256], der[MST_CERT_MAX];
	size_t n_key, n_spki, n;

	(void)state;
	snprintf(top, sizeof(top), "/tmp/mst-port-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(state_dir, sizeof(state_dir), "%s/state", top);
	snprintf(key_file, sizeof(key_file), "%s/state.key", top);
	snprintf(certificate, sizeof(certificate), "%s/node.pem", top);
	snprintf(key, sizeof(key), "%s/node.key", top);
	s.san[0].kind = MST_ID_NODE;
	snprintf(s.san[0].value, sizeof(s.san[0].value), "urn:dev:ops:7");
	s.not_before = time(NULL) - 86400;
	s.not_after = time(NULL) + 86400;
	assert_int_equal(mst_pkey_generate(pkcs8, sizeof(pkcs8), &n_key), 0);
	assert_int_equal(mst_pkey_public((struct mst_view){ pkcs8, n_key }, spki, sizeof(spki), &n_spki), 0);
	assert_int_equal(mst_local_signer_init(&signer, (struct mst_view){ pkcs8, n_key }), 0);
	assert_int_equal(mst_cert_issue(mst_crypto_openssl(), &signer.signer, MST_VIEW_NONE, (struct mst_view){ spki, n_spki }, &s, der,
					sizeof(der), &n), 0);
	mst_local_signer_deinit(&signer);
	write_pem(certificate, "CERTIFICATE", (struct mst_view){ der, n });
	write_pem(key, "PRIVATE KEY", (struct mst_view){ pkcs8, n_key });
	mst_wipe(pkcs8, sizeof(pkcs8));
	return 0;
}

static int clean(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static void opens(const struct muster_openssl_config *c)
{
	struct muster_openssl *o = NULL;
	char detail[160];

	if (muster_openssl_open(c, &o, detail))
		fail_msg("%s", detail);
	assert_non_null(o);
	muster_openssl_close(o);
}

/* Refused, with these words; and whoever closes what he has, as is usual at the end of a function, closes nothing. */
static void refused(const struct muster_openssl_config *c, const char *where, const char *what)
{
	struct muster_openssl *o = (struct muster_openssl *)(void *)top;           /* a pointer that is nobody's to free */
	char detail[160];

	assert_int_equal(muster_openssl_open(c, &o, detail), -1);
	if (!strstr(detail, where) || !strstr(detail, what))
		fail_msg("%s", detail);
	assert_null(o);
	muster_openssl_close(o);
}

/* The private key is this device: nobody else's eyes, nobody else's file (as muster-agent and musterd ask of theirs). */
static void a_key_for_everybody(void **state)
{
	static const mode_t others[] = { 0644, 0640, 0604, 0602, 0620, 0610 };
	struct muster_openssl_config c = born();

	(void)state;
	opens(&c);
	for (size_t i = 0; i < MST_COUNT(others); i++) {
		assert_int_equal(chmod(key, others[i]), 0);
		refused(&c, key, "chmod 600");
	}
	assert_int_equal(chmod(key, 0400), 0);
	opens(&c);
	/* certificates are for everybody */
	assert_int_equal(chmod(certificate, 0644), 0);
	opens(&c);
	if (geteuid() == 0) {
		assert_int_equal(chown(key, 65534, 65534), 0);
		refused(&c, key, "belongs to neither root nor");
	}
}

/* Nor is it waited for. */
static void a_key_that_is_no_file(void **state)
{
	struct muster_openssl_config c = born();

	(void)state;
	assert_int_equal(unlink(key), 0);
	assert_int_equal(mkfifo(key, 0600), 0);
	refused(&c, key, "not a regular file");
}

static void nothing_is_left_to_close(void **state)
{
	const struct muster_openssl_config good = born();
	struct muster_openssl_config c = good;
	struct muster_openssl *first;
	char detail[160];

	(void)state;
	c.size--;
	refused(&c, "configuration", "want state");
	c = good;
	c.key_file = NULL;
	refused(&c, "configuration", "want state");
	c = good;
	c.key = NULL;
	refused(&c, "configuration", "want state");
	c = good;
	c.certificate = "/nowhere/node.pem";
	refused(&c, "/nowhere/node.pem", strerror(ENOENT));
	c = good;
	c.key = certificate;
	refused(&c, certificate, "holds no PKCS#8 key");
	c = good;
	c.anchors = "/nowhere/anchors.pem";
	refused(&c, "/nowhere/anchors.pem", strerror(ENOENT));
	c = good;
	c.key_file = key;
	refused(&c, key, "not a key of 32 octets");
	assert_int_equal(muster_openssl_open(&good, &first, detail), 0);
	refused(&good, state_dir, "another process has it");
	muster_openssl_close(first);
	assert_int_equal(chmod(key_file, 0644), 0);
	refused(&good, key_file, "0600");
	assert_int_equal(chmod(key_file, 0600), 0);
	opens(&good);
}

/* What a port of ours gives back when it gives nothing. */
static void nothing_is_left_to_read(void **state)
{
	struct muster_openssl_config c = born();
	struct muster_bootstrapping b;
	struct muster_openssl *o;
	struct muster_ports p;
	char detail[160] = "";
	uint8_t room[64];
	size_t n = 7;

	(void)state;
	assert_int_equal(muster_openssl_open(&c, &o, detail), 0);
	p = muster_openssl_ports(o);
	/* no session is open */
	assert_int_equal(p.transport.write(p.transport.ctx, "x", 1, &n, 0, detail), MUSTER_INTERNAL);
	assert_int_equal(n, 0);
	n = 7;
	assert_int_equal(p.transport.read(p.transport.ctx, room, sizeof(room), &n, 0, detail), MUSTER_INTERNAL);
	assert_int_equal(n, 0);
	n = 7;
	assert_int_equal(p.storage.load(p.storage.ctx, MUSTER_SLOT_ACTIVE, room, sizeof(room), &n, detail), MUSTER_OK);
	assert_int_equal(n, 0);
	muster_openssl_close(o);
	memset(&b, 0x5a, sizeof(b));
	assert_int_not_equal(muster_openssl_bootstrapping_info(NULL, "no XML", 6, room, sizeof(room), &b), 0);
	assert_true(!b.btid.p && !b.btid.n && !b.lifetime && !b.current_time && !b.configuration.p && !b.configuration.n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_for_everybody, fresh, clean),
		cmocka_unit_test_setup_teardown(a_key_that_is_no_file, fresh, clean),
		cmocka_unit_test_setup_teardown(nothing_is_left_to_close, fresh, clean),
		cmocka_unit_test_setup_teardown(nothing_is_left_to_read, fresh, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
