/*
 * What a token has that was put there without its PIN, which anybody can who has the token, is nothing of ours: neither a number that makes the
 * store an old one for good, nor so many small ones that an older disk passes.
 */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "secenv/test-device.h"

#define STRANGERS 12

static struct mst_crypto *c;
static char top[64], dir[96], key_file[96];

static void shell(const char *command)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "cd %s && %s", top, command);
	assert_int_equal(system(cmd), 0);
}

static int try_open(struct mst_secenv **ret)
{
	struct secenv_root *root = NULL;
	int r = device_root(&root, NULL);

	return r ? r : mst_secenv_open(dir, key_file, root, c, ret, NULL);
}

static void put(uint8_t x)
{
	struct mst_root_cred k = { .key = { .n = MST_KEY_LEN }, .generation = x };
	struct mst_secenv *s = NULL;

	memset(k.key.b, x, MST_KEY_LEN);
	assert_int_equal(try_open(&s), 0);
	assert_int_equal(s->ops->store(s, MST_SLOT_ACTIVE, &k, NULL), 0);
	s->ops->close(s);
}

/* Named as the store's counter is, which the key file tells: "muster " and the id behind a head of nine octets. */
static void without_a_pin(const char *octets)
{
	char cmd[700];

	snprintf(cmd, sizeof(cmd), "sh -ec 'id=$(od -An -tx1 -j9 -N16 %s | tr -d \" \\n\" | tr a-f A-F); printf \"%s\" >count; "
		 "pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label \"muster test\" --write-object count --type data "
		 "--label \"muster count\" --application-label \"muster $id\"'", key_file, octets);
	device_tool(cmd);
}

static void objects_of_strangers(void **state)
{
	struct mst_secenv *s = NULL;

	(void)state;
	put(1);
	shell("cp -a state copy");
	put(2);
	without_a_pin("\\377\\377\\377\\377\\377\\377\\377\\377");
	put(3);
	for (int i = 0; i < STRANGERS; i++)
		without_a_pin("\\000\\000\\000\\000\\000\\000\\000\\001");
	shell("rm -r state && mv copy state");
	assert_int_equal(try_open(&s), MST_SECENV_STALE);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(objects_of_strangers) };
	int failed;

	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-counter-XXXXXX");
	if (!mkdtemp(top))
		return 1;
	snprintf(dir, sizeof(dir), "%s/state", top);
	snprintf(key_file, sizeof(key_file), "%s/state.key", top);
	device_start("pkcs11");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	device_stop();
	shell("rm -rf state* copy; rmdir $PWD");
	return failed;
}
