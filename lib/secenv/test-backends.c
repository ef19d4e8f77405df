/*
 * The contract of secenv.h, on each back end: `test-backends file|secret|tpm|pkcs11|card`. What only some can do is asked of
 * their offers, and those that cannot have to say so.
 */
#include "tests/support/cm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/request.h"
#include "secenv/test-device.h"

static struct mst_crypto *c;
static char top[64], dir[96], key_file[96];

static int fresh(void **state)
{
	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-backend-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/state", top);
	snprintf(key_file, sizeof(key_file), "%s/state.key", top);
	return 0;
}

static void shell(const char *command)
{
	char cmd[400];

	snprintf(cmd, sizeof(cmd), "cd %s && %s", top, command);
	assert_int_equal(system(cmd), 0);
}

static int clean(void **state)
{
	struct secenv_root *root = NULL;

	(void)state;
	device_pcrs(0);
	/* what a store left in its device goes with it, or nothing of it is there any more */
	if (access(key_file, F_OK) == 0 && device_root(&root, NULL) == 0)
		(void)!mst_secenv_unbind(key_file, root, c, NULL);
	shell("rm -rf state* copy* b-* 2>/dev/null; rmdir ../$(basename $PWD)");
	return 0;
}

static int try_open(struct mst_secenv **ret, struct mst_diag *d)
{
	struct secenv_root *root = NULL;
	int r = device_root(&root, d);

	return r ? r : mst_secenv_open(dir, key_file, root, c, ret, d);
}

static struct mst_secenv *must_open(void)
{
	struct mst_secenv *s = NULL;
	struct mst_diag d = { 0 };
	int r = try_open(&s, &d);

	if (r)
		fail_msg("%d: %s: %s", r, d.field, d.text);
	return s;
}

/* It does not open, and says why; what to do about it is said, too. */
static void expect_no(int want)
{
	struct mst_secenv *s = NULL;
	struct mst_diag d = { 0 };
	int r = try_open(&s, &d);

	if (r != want)
		fail_msg("%d instead of %d: %s: %s", r, want, d.field, d.text);
	assert_null(s);
	assert_true(d.text[0]);
	assert_string_not_equal(mst_secenv_remedy(r), mst_secenv_remedy(MST_FAULT_BUG));
}

static struct mst_root_cred cred(uint8_t x)
{
	struct mst_root_cred k;

	memset(&k, 0, sizeof(k));
	memset(k.key.b, x, MST_KEY_LEN);
	k.key.n = MST_KEY_LEN;
	k.generation = x;
	return k;
}

static void put(struct mst_secenv *s, enum mst_slot slot, uint8_t x)
{
	struct mst_root_cred k = cred(x);

	assert_int_equal(s->ops->store(s, slot, &k, NULL), 0);
}

static void expect(struct mst_secenv *s, enum mst_slot slot, uint8_t x)
{
	struct mst_root_cred want = cred(x), got;
	int r = s->ops->load(s, slot, &got, NULL);

	assert_int_equal(r, x ? 0 : MST_SECENV_NONE);
	if (x)
		assert_memory_equal(&got, &want, sizeof(got));
}

static void two_slots(void **state)
{
	struct mst_secenv *s = must_open();

	(void)state;
	expect(s, MST_SLOT_ACTIVE, 0);
	for (uint8_t i = 1; i <= 3; i++) {
		put(s, MST_SLOT_PENDING, i);
		expect(s, MST_SLOT_ACTIVE, (uint8_t)(i - 1));
		s->ops->close(s);
		s = must_open();
		expect(s, MST_SLOT_PENDING, i);
		assert_int_equal(s->ops->promote(s, NULL), 0);
		expect(s, MST_SLOT_ACTIVE, i);
		expect(s, MST_SLOT_PENDING, 0);
	}
	put(s, MST_SLOT_ACTIVE, 4);
	assert_int_equal(s->ops->promote(s, NULL), MST_SECENV_NONE);
	assert_int_equal(s->ops->store_blob(s, "progress", MST_VIEW_LIT("x"), NULL), 0);
	s->ops->close(s);
	s = must_open();
	expect(s, MST_SLOT_ACTIVE, 4);
	assert_int_equal(s->ops->erase(s, MST_SLOT_ACTIVE, NULL), 0);
	expect(s, MST_SLOT_ACTIVE, 0);
	s->ops->close(s);
}

struct made { struct mst_secenv *s; const struct mst_secenv_key *k; };

static int sign(struct mst_signer *g, const uint8_t digest[MST_SHA256_LEN], uint8_t *out, size_t cap, size_t *ret_n)
{
	struct made *m = g->ctx;

	return m->s->ops->key_sign(m->s, m->k, digest, out, cap, ret_n, NULL);
}

/* A request signed with it: read back, its signature is verified. */
static void signs(struct mst_secenv *s, const struct mst_secenv_key *k)
{
	static const struct mst_san san = { MST_ID_NODE, "urn:dev:ops:32473-1-2" };
	struct made m = { s, k };
	struct mst_signer g = { .sign = sign, .ctx = &m };
	struct mst_csr_info info;
	uint8_t spki[MST_SPKI_MAX], der[MST_CSR_MAX];
	size_t n = 0, size = 0;

	assert_int_equal(s->ops->key_public(s, k, spki, sizeof(spki), &n, NULL), 0);
	assert_int_equal(mst_csr_make(&g, (struct mst_view){ spki, n }, &san, NULL, der, sizeof(der), &size), 0);
	assert_int_equal(mst_csr_info((struct mst_view){ der, size }, &info, NULL), 0);
	assert_memory_equal(info.spki, spki, n);
}

static void key_pairs(void **state)
{
	struct mst_secenv *s = must_open();
	struct mst_secenv_key a, b, raw;
	uint8_t sig[128], digest[MST_SHA256_LEN] = { 7 };
	struct mst_diag d = { 0 };
	size_t n = 0;

	(void)state;
	assert_int_equal(s->ops->key_make(s, &a, NULL), 0);
	assert_int_equal(s->ops->key_make(s, &b, NULL), 0);
	assert_true(a.n && (a.n != b.n || memcmp(a.b, b.b, a.n)));
	for (int i = 0; i < 20; i++)                     /* numbers with and without leading noughts */
		signs(s, &a);
	signs(s, &b);
	/* a key that was always in a file goes on serving */
	assert_int_equal(mst_pkey_generate(raw.b, sizeof(raw.b), &raw.n), 0);
	signs(s, &raw);
	s->ops->close(s);
	s = must_open();
	signs(s, &a);
	assert_int_equal(s->ops->key_erase(s, &a, NULL), 0);
	assert_int_equal(s->ops->key_erase(s, &a, NULL), 0);
	if (device_kind() == DEVICE_TOKEN || device_kind() == DEVICE_CARD)
		assert_int_equal(s->ops->key_sign(s, &a, digest, sig, sizeof(sig), &n, &d), MST_SECENV_CLEARED);
	signs(s, &b);
	/* none at all, and damaged ones */
	b.b[b.n - 1] ^= 1;
	assert_int_not_equal(s->ops->key_sign(s, &b, digest, sig, sizeof(sig), &n, &d), 0);
	assert_true(d.text[0]);
	b.b[0] = 'x';
	assert_int_equal(s->ops->key_sign(s, &b, digest, sig, sizeof(sig), &n, &d), MST_SECENV_CLEARED);
	b.b[b.n - 1] ^= 1;
	b.b[0] = a.b[0];
	assert_int_equal(s->ops->key_erase(s, &b, NULL), 0);
	s->ops->close(s);
}

/* RFC 4231, test case 2 (its key is too short for some), made of ours: what the crypto library says is what the device says. */
static void symmetric_keys(void **state)
{
	struct mst_secenv *s = must_open();
	const struct mst_key key = { .b = "0123456789abcdef0123456789abcdef", .n = 32 };
	struct mst_secenv_key k, pair;
	uint8_t want[MST_SHA256_LEN], got[MST_SHA256_LEN], message[MST_SECENV_MESSAGE];
	size_t n = 0;

	(void)state;
	memset(message, 'm', sizeof(message));
	assert_int_equal(s->ops->secret_import(s, mst_key_view(&key), &k, NULL), 0);
	for (size_t i = 0; i + 32 <= k.n; i++)
		assert_memory_not_equal(k.b + i, key.b, 32);
	for (size_t size = 0; size <= sizeof(message); size += 512) {
		struct mst_view m = { message, size };

		assert_int_equal(c->ops->hmac_sha256(c, mst_key_view(&key), m, want), 0);
		assert_int_equal(s->ops->secret_hmac(s, &k, m, got, NULL), 0);
		assert_memory_equal(got, want, sizeof(want));
	}
	assert_int_equal(s->ops->secret_hmac(s, &k, (struct mst_view){ message, sizeof(message) + 1 }, got, NULL), MST_FAULT_BUG);
	assert_int_equal(s->ops->secret_import(s, MST_VIEW_NONE, &k, NULL), MST_FAULT_BUG);
	/* one is not the other */
	assert_int_equal(s->ops->key_make(s, &pair, NULL), 0);
	assert_int_not_equal(s->ops->secret_hmac(s, &pair, MST_VIEW_LIT("x"), got, NULL), 0);
	assert_int_not_equal(s->ops->key_public(s, &k, message, sizeof(message), &n, NULL), 0);
	assert_int_equal(s->ops->key_erase(s, &pair, NULL), 0);
	assert_int_equal(s->ops->key_erase(s, &k, NULL), 0);
	s->ops->close(s);
}

static void sealing(void **state)
{
	struct mst_secenv *s = must_open();
	uint8_t box[64], out[64];
	struct mst_writer w = mst_writer_of(box, sizeof(box));
	struct mst_diag d = { 0 };
	size_t n = 0;

	(void)state;
	assert_int_equal(s->ops->seal(s, "test", MST_VIEW_LIT("in here"), &w, NULL), 0);
	s->ops->close(s);
	s = must_open();
	assert_int_equal(s->ops->unseal(s, "test", mst_written(&w), out, sizeof(out), &n, NULL), 0);
	assert_int_equal(n, 7);
	assert_memory_equal(out, "in here", 7);
	assert_int_equal(s->ops->unseal(s, "other", mst_written(&w), out, sizeof(out), &n, &d), MST_SECENV_CORRUPT);
	assert_string_equal(d.field, "other");
	box[w.n - 1] ^= 1;
	assert_int_equal(s->ops->unseal(s, "test", mst_written(&w), out, sizeof(out), &n, NULL), MST_SECENV_CORRUPT);
	s->ops->close(s);
}

/* Lesson 29: an older copy of the disk must not pass for the newest. */
static void an_old_copy(void **state)
{
	struct mst_secenv *s = must_open();
	bool counts = s->ops->offers(s).counter;

	(void)state;
	put(s, MST_SLOT_ACTIVE, 1);
	s->ops->close(s);
	shell("cp -a state copy && cp -a state.key copy.key");
	s = must_open();
	put(s, MST_SLOT_ACTIVE, 2);
	s->ops->close(s);
	shell("mv state state-new && cp -a copy state && cp -a copy.key state.key");
	if (counts) {
		expect_no(MST_SECENV_STALE);
		expect_no(MST_SECENV_STALE);             /* looking changes nothing */
	} else {
		s = must_open();
		expect(s, MST_SLOT_ACTIVE, 1);
		s->ops->close(s);
	}
	/* the newest is good as before */
	shell("rm -r state && mv state-new state");
	s = must_open();
	expect(s, MST_SLOT_ACTIVE, 2);
	s->ops->close(s);
}

/* Nor a credential of before beside the newest record of slots, changed where it lay (1 to 2) or replaced (1 to 3). */
static void an_old_credential_alone(void **state)
{
	struct mst_secenv *s = must_open();
	struct mst_root_cred got;
	bool counts = s->ops->offers(s).counter;

	(void)state;
	put(s, MST_SLOT_ACTIVE, 1);
	s->ops->close(s);
	shell("mkdir copy && cp -a state/cred-* copy");
	for (int i = 0; i < 2; i++) {
		s = must_open();
		if (!i)
			put(s, MST_SLOT_ACTIVE, 2);
		for (uint8_t k = 2; i && k <= 3; assert_int_equal(s->ops->promote(s, NULL), 0))
			put(s, MST_SLOT_PENDING, k++);           /* twice: its file is the first one's again */
		s->ops->close(s);
		shell("mkdir b-new && mv state/cred-* b-new && cp -a copy/cred-* state");
		s = must_open();
		assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, NULL), counts ? MST_SECENV_CORRUPT : 0);
		s->ops->close(s);
		shell("rm state/cred-* && mv b-new/* state && rmdir b-new");
		s = must_open();
		expect(s, MST_SLOT_ACTIVE, i ? 3 : 2);
		s->ops->close(s);
	}
	for (int i = 0; counts && i < 2; i++) {          /* one copy of it is enough, and it is the newest */
		shell(i ? "rm state/cred-0.b" : "rm state/cred-0.a");
		s = must_open();
		expect(s, MST_SLOT_ACTIVE, 3);
		s->ops->close(s);
	}
}

static int no_advance(struct secenv_root *r, struct mst_diag *d)
{
	(void)r;
	mst_diag_set(d, 0, "device", "gone", NULL);
	return MST_SECENV_ABSENT;
}

/* The disk has the change and the device has not counted it: the next look does, and the change stands. */
static void cut_between_disk_and_device(void **state)
{
	static struct secenv_root_ops lame;
	struct secenv_root *root = NULL;
	struct mst_secenv *s = must_open();
	bool counts = s->ops->offers(s).counter;

	(void)state;
	put(s, MST_SLOT_ACTIVE, 1);
	put(s, MST_SLOT_PENDING, 2);
	s->ops->close(s);
	assert_int_equal(device_root(&root, NULL), 0);
	lame = *root->ops;
	if (counts)
		lame.advance = no_advance;
	root->ops = &lame;
	assert_int_equal(mst_secenv_open(dir, key_file, root, c, &s, NULL), 0);
	assert_int_equal(s->ops->promote(s, NULL), counts ? MST_FAULT_IO : 0);
	s->ops->close(s);
	for (int i = 0; i < 2; i++) {
		s = must_open();
		expect(s, MST_SLOT_ACTIVE, 2);
		expect(s, MST_SLOT_PENDING, 0);
		s->ops->close(s);
	}
	s = must_open();
	put(s, MST_SLOT_ACTIVE, 3);
	s->ops->close(s);
	s = must_open();
	expect(s, MST_SLOT_ACTIVE, 3);
	s->ops->close(s);
}

static void damage(void **state)
{
	struct mst_secenv *s = must_open();
	uint8_t b[KEY_FILE_MAX];
	enum mst_secenv_kind kind = MST_SECENV_FILE;
	struct mst_root_cred got;
	struct mst_diag d = { 0 };
	char record[sizeof(dir) + 16];
	ssize_t n;
	int fd;

	(void)state;
	put(s, MST_SLOT_ACTIVE, 1);
	s->ops->close(s);
	fd = open(key_file, O_RDWR);
	n = read(fd, b, sizeof(b));
	assert_true(n >= 32);
	/* each octet of a record is looked at; a key as it is opens nothing when it is another */
	for (ssize_t at = 0; at < n; at += n > 200 ? 37 : 5) {
		b[at] ^= 0x40;
		assert_int_equal(pwrite(fd, b, (size_t)n, 0), n);
		if (device_kind() == DEVICE_FILE) {
			s = must_open();
			assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, NULL), MST_SECENV_CORRUPT);
			s->ops->close(s);
		} else {
			assert_int_equal(mst_secenv_kind_of(key_file, c, &kind, NULL), MST_SECENV_CORRUPT);
			expect_no(MST_SECENV_CORRUPT);
		}
		b[at] ^= 0x40;
	}
	assert_int_equal(pwrite(fd, b, (size_t)n, 0), n);
	close(fd);
	shell("mv state.key b-key");
	expect_no(MST_SECENV_CORRUPT);           /* gone: no new one over sealed files */
	shell("mv b-key state.key");
	s = must_open();
	expect(s, MST_SLOT_ACTIVE, 1);
	s->ops->close(s);
	snprintf(record, sizeof(record), "%s/cred-0.a", dir);
	fd = open(record, O_RDWR);
	assert_int_equal(pread(fd, b, 1, 30), 1);
	b[0] ^= 0x40;
	assert_int_equal(pwrite(fd, b, 1, 30), 1);
	close(fd);
	s = must_open();
	/* where it is counted there is a second copy of a credential, and the damaged one was mended when the store was opened */
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &got, &d), s->ops->offers(s).counter ? 0 : MST_SECENV_CORRUPT);
	assert_int_equal(d.text[0] != 0, !s->ops->offers(s).counter);
	s->ops->close(s);
}

static void only_one_process(void **state)
{
	struct mst_secenv *s = must_open();

	(void)state;
	expect_no(MST_SECENV_LOCKED);
	s->ops->close(s);
	s = must_open();
	s->ops->close(s);
}

/* No store of one back end is opened, or begun anew, by another. */
static void another_back_end(void **state)
{
	const char *other = device_kind() == DEVICE_SECRET ? NULL : "/etc/hostname";
	struct mst_secenv *s = must_open();
	struct mst_diag d = { 0 };
	enum mst_secenv_kind kind = 0;

	(void)state;
	put(s, MST_SLOT_ACTIVE, 1);
	s->ops->close(s);
	s = NULL;
	assert_int_equal(mst_secenv_open(dir, key_file, mst_secenv_file(other, c), c, &s, &d), MST_SECENV_OTHER);
	assert_null(s);
	assert_string_equal(d.field, key_file);
	assert_int_equal(mst_secenv_kind_of(key_file, c, &kind, NULL), 0);
	assert_non_null(strstr(d.text, mst_secenv_kind_text(kind)));
	/* nor when the files are gone and the key file is left */
	shell("mv state b-state");
	assert_int_equal(mst_secenv_open(dir, key_file, mst_secenv_file(other, c), c, &s, NULL), MST_SECENV_OTHER);
	shell("rm -rf state && mv b-state state");
	s = must_open();
	expect(s, MST_SLOT_ACTIVE, 1);
	s->ops->close(s);
}

static void pulled_out_and_back(void **state)
{
	struct mst_secenv *s = must_open();
	uint8_t digest[MST_SHA256_LEN] = { 1 }, sig[128];
	struct mst_secenv_key k;
	struct mst_diag d = { 0 };
	size_t n = 0;

	(void)state;
	put(s, MST_SLOT_ACTIVE, 1);
	assert_int_equal(s->ops->key_make(s, &k, NULL), 0);
	if (device_kind() == DEVICE_TPM || device_kind() == DEVICE_CARD) {
		device_remove();
		assert_int_equal(s->ops->key_sign(s, &k, digest, sig, sizeof(sig), &n, &d), MST_SECENV_ABSENT);
		assert_string_equal(d.field, device_kind() == DEVICE_TPM ? "TPM" : "Virtual");
		/* what changes a slot has to be counted; the disk may have it or not, whole */
		assert_int_not_equal(s->ops->erase(s, MST_SLOT_ACTIVE, &d), 0);
		s->ops->close(s);
		expect_no(MST_SECENV_ABSENT);
		device_return();
	} else if (device_kind() == DEVICE_TOKEN) {
		s->ops->close(s);
		device_remove();
		expect_no(MST_SECENV_ABSENT);
		device_return();
	} else {
		s->ops->close(s);
	}
	s = must_open();
	expect(s, MST_SLOT_ACTIVE, 1);
	signs(s, &k);
	assert_int_equal(s->ops->key_erase(s, &k, NULL), 0);
	s->ops->close(s);
}

static void the_wrong_pin(void **state)
{
	struct mst_secenv *s;

	(void)state;
	if (device_kind() == DEVICE_TPM)
		device_pin(PIN_RIGHT);
	s = must_open();
	put(s, MST_SLOT_ACTIVE, 1);
	s->ops->close(s);
	device_pin(PIN_WRONG);
	if (device_kind() == DEVICE_FILE) {              /* has none: nothing to be wrong */
		s = must_open();
		s->ops->close(s);
	} else {
		expect_no(MST_SECENV_REFUSED);
	}
	if (device_kind() == DEVICE_CARD) {              /* two were given; the third would block it */
		expect_no(MST_SECENV_REFUSED);
		expect_no(MST_SECENV_LOCKOUT);
		device_pin(PIN_RIGHT);
		expect_no(MST_SECENV_LOCKOUT);
		device_card("unblock");
	}
	if (device_kind() == DEVICE_TPM) {
		device_tool("tpm2_dictionarylockout --setup-parameters --max-tries=2 --recovery-time=100000 --lockout-recovery-time=100000");
		expect_no(MST_SECENV_REFUSED);
		expect_no(MST_SECENV_LOCKOUT);
		device_pin(PIN_RIGHT);
		expect_no(MST_SECENV_LOCKOUT);           /* for everybody */
		device_tool("tpm2_dictionarylockout --clear-lockout");
	}
	device_pin(PIN_RIGHT);
	s = must_open();
	expect(s, MST_SLOT_ACTIVE, 1);
	s->ops->close(s);
	if (device_kind() == DEVICE_TPM)
		device_pin(PIN_NONE);
}

static void a_cleared_device(void **state)
{
	struct mst_secenv *s = must_open();
	uint8_t digest[MST_SHA256_LEN] = { 1 }, sig[128];
	struct mst_secenv_key k;
	struct mst_diag d = { 0 };
	size_t n = 0;

	(void)state;
	if (!s->ops->offers(s).bound) {
		/* what there is instead of a device, is in the key file: damage() */
		assert_false(s->ops->offers(s).keys_inside || s->ops->offers(s).counter);
		s->ops->close(s);
		return;
	}
	put(s, MST_SLOT_ACTIVE, 1);
	assert_int_equal(s->ops->key_make(s, &k, NULL), 0);
	s->ops->close(s);
	device_clear();
	expect_no(MST_SECENV_CLEARED);
	expect_no(MST_SECENV_CLEARED);
	/* a person decides; then it begins anew, and keys of before are told from others */
	shell("rm -r state state.key");
	s = must_open();
	expect(s, MST_SLOT_ACTIVE, 0);
	assert_int_equal(s->ops->key_sign(s, &k, digest, sig, sizeof(sig), &n, &d), MST_SECENV_CLEARED);
	s->ops->close(s);
}

/* A store for which the device has no room is not begun, and can be begun once there is. */
static void a_full_device(void **state)
{
	struct mst_secenv *s;

	(void)state;
	if (device_kind() == DEVICE_TPM) {
		for (int i = 0; i < 3; i++)
			device_tool("tpm2_createprimary -C n -c fill.ctx");
		expect_no(MST_SECENV_FULL);
		assert_int_not_equal(access(key_file, F_OK), 0);
		device_tool("tpm2_flushcontext -t");
	}
	if (device_kind() == DEVICE_CARD) {
		device_card("fill");
		expect_no(MST_SECENV_FULL);
		assert_int_not_equal(access(key_file, F_OK), 0);
		device_card("free");
	}
	s = must_open();
	put(s, MST_SLOT_ACTIVE, 1);
	expect(s, MST_SLOT_ACTIVE, 1);
	s->ops->close(s);
}

static void other_measurements(void **state)
{
	struct mst_secenv *s;
	struct mst_secenv_key k;

	(void)state;
	if (device_kind() != DEVICE_TPM) {               /* nobody else measures: they open the same */
		device_pcrs(1u << 16);
		s = must_open();
		s->ops->close(s);
		return;
	}
	device_pcrs(1u << 16);
	s = must_open();
	put(s, MST_SLOT_ACTIVE, 1);
	assert_int_equal(s->ops->key_make(s, &k, NULL), 0);
	signs(s, &k);
	s->ops->close(s);
	device_tool("tpm2_pcrextend 16:sha256=0000000000000000000000000000000000000000000000000000000000000001");
	expect_no(MST_SECENV_CHANGED);
	device_tool("tpm2_pcrreset 16");
	s = must_open();
	expect(s, MST_SLOT_ACTIVE, 1);
	signs(s, &k);
	s->ops->close(s);
}

/* TPMS_ATTEST (part 2, 10.12.8): is it about that key, for that nonce? */
static void check_certify(struct mst_view attest, struct mst_view nonce, const struct mst_secenv_key *k)
{
	struct mst_reader r = mst_reader_of(attest), wrapped = mst_reader_of((struct mst_view){ k->b + 5, k->n - 5 }), n;
	struct mst_view pub = mst_read_block16(&wrapped);
	uint8_t sum[MST_SHA256_LEN];

	assert_int_equal(mst_read_u32(&r), 0xff544347);
	assert_int_equal(mst_read_u16(&r), 0x8017);
	(void)mst_read_block16(&r);
	assert_true(mst_view_eq(mst_read_block16(&r), nonce));
	(void)mst_read(&r, 17 + 8);
	n = mst_reader_of(mst_read_block16(&r));
	assert_int_equal(mst_read_u16(&n), 0x000b);
	assert_int_equal(c->ops->sha256(c, (struct mst_view){ pub.p + 2, pub.n - 2 }, sum), 0);
	assert_true(mst_view_eq((struct mst_view){ n.p, n.left }, (struct mst_view){ sum, sizeof(sum) }));
}

static void attestation(void **state)
{
	struct mst_secenv *s = must_open();
	struct mst_view nonce = MST_VIEW_LIT("a nonce of the one who asks"), attest, sig, ak;
	struct mst_secenv_key k;
	uint8_t out[1024];
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	struct mst_diag d = { 0 };
	struct mst_reader r;

	(void)state;
	assert_int_equal(s->ops->key_make(s, &k, NULL), 0);
	if (!s->ops->offers(s).attests) {
		assert_int_equal(s->ops->attest(s, &k, nonce, &w, &d), MST_SECENV_NOT_OFFERED);
		assert_true(d.text[0] && w.n == 0);
	} else {
		assert_int_equal(s->ops->attest(s, &k, nonce, &w, &d), 0);
		r = mst_reader_of(mst_written(&w));
		attest = mst_read_block16(&r);
		sig = mst_read_block16(&r);
		ak = mst_read_block16(&r);
		assert_true(mst_read_end(&r));
		assert_int_equal(sig.n, MST_RAW_SIGNATURE);
		assert_int_equal(mst_raw_verify(c, ak, attest, sig.p), 0);
		check_certify(attest, nonce, &k);
		/* of a key that it did not make it says nothing */
		assert_int_equal(mst_pkey_generate(k.b, sizeof(k.b), &k.n), 0);
		assert_int_equal(s->ops->attest(s, &k, nonce, &w, &d), MST_SECENV_NOT_OFFERED);
	}
	assert_int_equal(s->ops->key_erase(s, &k, NULL), 0);
	s->ops->close(s);
}

/* Nobody can put the store together from the disk alone. */
static void nothing_readable_on_disk(void **state)
{
	struct mst_secenv *s = must_open();
	char cmd[256];

	(void)state;
	put(s, MST_SLOT_ACTIVE, 'K');           /* the key is 32 times K */
	s->ops->close(s);
	snprintf(cmd, sizeof(cmd), "grep -rqa KKKKKKKK %s %s", dir, key_file);
	assert_int_not_equal(system(cmd), 0);
}

static void unbound(void **state)
{
	struct mst_secenv *s = must_open();
	bool bound = s->ops->offers(s).bound;
	struct secenv_root *root = NULL;

	(void)state;
	s->ops->close(s);
	assert_int_equal(device_root(&root, NULL), 0);
	assert_int_equal(mst_secenv_unbind(key_file, root, c, NULL), 0);
	assert_int_equal(access(key_file, F_OK) == 0, !bound);
	root = NULL;
	assert_int_equal(device_root(&root, NULL), 0);
	assert_int_equal(mst_secenv_unbind(key_file, root, c, NULL), bound ? MST_SECENV_NONE : 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fresh, clean)
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(two_slots), T(key_pairs), T(symmetric_keys), T(sealing), T(an_old_copy), T(an_old_credential_alone), T(cut_between_disk_and_device), T(damage), T(only_one_process), T(another_back_end),
		T(pulled_out_and_back), T(the_wrong_pin), T(a_full_device), T(other_measurements), T(attestation), T(nothing_readable_on_disk),
		T(unbound), T(a_cleared_device),
	};
	int failed;

	device_start(argc > 1 ? argv[1] : "file");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	device_stop();
	return failed;
}
