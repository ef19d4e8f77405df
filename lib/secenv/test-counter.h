/* For tests of a device's counter: a store in a directory of its own, a credential put into it, an older copy brought back. */
#ifndef MST_SECENV_TEST_COUNTER_H
#define MST_SECENV_TEST_COUNTER_H

#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "secenv/test-device.h"

static struct mst_crypto *c;
static char top[64], dir[96], key_file[96];

static void shell(const char *command)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "cd %s && %s", top, command);
	assert_int_equal(system(cmd), 0);
}

static int try_open(struct mst_secenv **ret, struct mst_diag *d)
{
	struct secenv_root *root = NULL;
	int r = device_root(&root, d);

	return r ? r : mst_secenv_open(dir, key_file, root, c, ret, d);
}

static void put(uint8_t x)
{
	struct mst_root_cred k = { .key = { .n = MST_KEY_LEN }, .generation = x };
	struct mst_secenv *s = NULL;

	memset(k.key.b, x, MST_KEY_LEN);
	assert_int_equal(try_open(&s, NULL), 0);
	assert_int_equal(s->ops->store(s, MST_SLOT_ACTIVE, &k, NULL), 0);
	s->ops->close(s);
}

static int run_on(const char *device, const struct CMUnitTest *tests, size_t n)
{
	int failed;

	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-counter-XXXXXX");
	if (!mkdtemp(top))
		return 1;
	snprintf(dir, sizeof(dir), "%s/state", top);
	snprintf(key_file, sizeof(key_file), "%s/state.key", top);
	device_start(device);
	failed = _cmocka_run_group_tests(device, tests, n, NULL, NULL);
	device_stop();
	shell("rm -rf state* copy; rmdir $PWD");
	return failed;
}

#endif
