/*
 * One contract for every place that the key-encryption key may come from: a file, a secret, a TPM (swtpm), a token (SoftHSM2). It is named on
 * the command line.
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "keeper/keeper.h"
#include "lib/secenv/test-device.h"
#include "secenv/root.h"

#define NOW INT64_C(1800000000)
#define ID  "KM1@maf.example.com"

static const char *backend;
static struct mst_crypto *c;
static char top[64], dir[96];
static struct mst_keeper *k;
static const struct mst_channel ch = { .id = 1, .key = { 7 } };

static int open_root(const struct mst_keeper_device *dev, int kind, struct secenv_root **ret, struct mst_diag *d)
{
	assert_int_equal(kind, dev->kind);
	return device_root(ret, d);
}

static bool outside(void)
{
	return device_kind() != DEVICE_FILE;
}

static int open_it(struct mst_diag *d, bool starts)
{
	static const int kinds[] = { [DEVICE_FILE] = MST_SECENV_FILE, [DEVICE_SECRET] = MST_SECENV_SECRET, [DEVICE_TPM] = MST_SECENV_TPM,
				     [DEVICE_TOKEN] = MST_SECENV_PKCS11 };
	const struct mst_keeper_device dev = { open_root, kinds[device_kind()], starts };
	int r = mst_keeper_local_open_with(dir, &dev, c, &k, d);

	if (!r)
		assert_int_equal(mst_keeper_local_channel(k, ch.id, ch.key, MST_DUTY__ALL), 0);
	return r;
}

static void shut(void)
{
	if (k)
		k->ops->close(k);
	k = NULL;
}

static void again(void)
{
	shut();
	assert_int_equal(open_it(NULL, true), 0);
}

static int set_up(void **state)
{
	(void)state;
	c = mst_crypto_openssl();
	device_start(backend);
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", NOW, c, NULL), 0);
	assert_int_equal(open_it(NULL, true), 0);
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	shut();
	device_stop();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static bool sh(const char *line)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "cd %s && %s", dir, line);
	return system(cmd) == 0;
}

static int opened(const struct mst_wrapped *w)
{
	const struct mst_authorisation a = { .what = MST_AUTH_RELEASE, .key_id = ID, .to = "urn:dev:ops:1" };
	struct mst_wrapped s;

	return k->ops->release(k, &a, w, MST_PURPOSE_KPM, ID, MST_DERIVE_NONE, 0, "", ch.id, &s);
}

static struct mst_keeper_generations generations(void)
{
	struct mst_keeper_generations g;

	assert_int_equal(k->ops->generations(k, &g), 0);
	return g;
}

/* From the file that `muster init` made into the device, and on to the next one there; each key opens all the way. */
static void rotations(void **state)
{
	struct mst_wrapped w, next;
	uint32_t gen;

	(void)state;
	assert_int_equal(generations().kind, 0);
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KPM, ID, &w), 0);
	for (uint32_t turn = 2; turn < 4; turn++) {
		assert_int_equal(k->ops->rotate(k, &gen), 0);
		assert_int_equal(generations().kind, outside() ? (int)device_kind() + 1 : 0);
		assert_int_equal(opened(&w), 0);
		again();                           /* the device is asked for both */
		assert_int_equal(opened(&w), 0);
		assert_int_equal(k->ops->rewrap(k, &w, MST_PURPOSE_KPM, ID, &next), 0);
		assert_int_equal(k->ops->retire(k, turn - 1), 0);
		assert_int_equal(opened(&w), MST_KEEPER_FORGED);
		w = next;
		again();
		assert_int_equal(opened(&w), 0);
		assert_int_equal(generations().before, 0);
		assert_true(sh("test ! -e kek.gone"));
	}
	/* no key of the device lies in a file; what lies there is nobody else's to read */
	if (outside())
		assert_true(sh("test $(stat -c %s kek-3.key) -gt 32 && test $(stat -c %a kek-3.key kek.spare | sort -u) = 600"));
}

/* No device can be reached from where keys are kept: one rotation a start. */
static void one_rotation_a_start(void **state)
{
	uint32_t gen;

	(void)state;
	assert_int_equal(k->ops->rotate(k, &gen), 0);
	assert_int_equal(k->ops->retire(k, 1), 0);
	assert_int_equal(k->ops->rotate(k, &gen), outside() ? MST_KEEPER_AWAY : 0);
	/* who only looks makes none ahead */
	shut();
	assert_int_equal(open_it(NULL, false), 0);
	assert_true(sh("test ! -e kek.spare"));
	again();
	assert_int_equal(outside(), sh("test -e kek.spare"));
	assert_int_equal(generations().now, outside() ? 2 : 3);
}

static void fails(const char *words)
{
	struct mst_diag d = { 0 };

	assert_true(sh("rm -rf ../before && cp -a . ../before"));
	assert_true(open_it(&d, true) < 0);
	assert_null(k);
	if (!d.text[0] || (words && !strstr(d.text, words)))
		fail_msg("says: %s", d.text);
	assert_true(sh("diff -r . ../before"));
}

/* Without it, with a wrong secret, or with another one: no start, a word on why, and nothing has changed. */
static void without_the_device(void **state)
{
	struct mst_wrapped w;
	struct mst_diag d = { 0 };
	uint32_t gen;

	(void)state;
	if (!outside())
		return;
	assert_int_equal(k->ops->rotate(k, &gen), 0);
	assert_int_equal(k->ops->create(k, MST_PURPOSE_KPM, ID, &w), 0);
	assert_int_equal(k->ops->retire(k, 1), 0);
	shut();
	assert_int_equal(mst_keeper_local_open(dir, c, &k, &d), MST_FAULT_CONFIG);
	assert_non_null(strstr(d.text, "in a device"));
	if (device_kind() != DEVICE_TPM) {
		device_pin(PIN_WRONG);
		fails(NULL);
		device_pin(PIN_RIGHT);
	}
	if (device_kind() != DEVICE_SECRET) {
		device_remove();
		fails(NULL);
		device_return();
	}
	assert_int_equal(open_it(&d, true), 0);
	assert_int_equal(opened(&w), 0);
	shut();
	if (device_kind() == DEVICE_SECRET)
		assert_int_equal(open_it(&d, true), 0);
	else {
		device_clear();
		fails(NULL);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { T(rotations), T(one_rotation_a_start), T(without_the_device) };

	backend = argc > 1 ? argv[1] : "file";
	return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
