/*
 * What a token has that was put there without its PIN, which anybody can who has the token, is nothing of ours: neither a number that makes the
 * store an old one for good, nor so many small ones that an older disk passes.
 */
#include "secenv/test-counter.h"

#define STRANGERS 12

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
	assert_int_equal(try_open(&s, NULL), MST_SECENV_STALE);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest test = cmocka_unit_test(objects_of_strangers);

	return run_on("pkcs11", &test);
}
