/*
 * What a token has that was put there without its PIN, which anybody can who has the token, is nothing of ours: neither a number that makes the
 * store an old one for good, nor so many small ones that an older disk passes.
 */
#include "secenv/test-counter.h"

#include "base/text.h"

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

/* Nor is a public key that was put beside the one of a pair; and that one cannot be taken away. */
static void a_public_key_of_a_stranger(void **state)
{
	struct mst_secenv *s = NULL;
	struct mst_secenv_key k;
	uint8_t before[128], after[128], digest[MST_SHA256_LEN] = { 1 }, sig[80];
	size_t n = 0, m = 0, sig_n = 0;
	char cmd[700], id[2 * ROOT_ID + 1];
	struct mst_writer w = mst_writer_of(id, sizeof(id));

	(void)state;
	shell("rm -rf state* copy");
	assert_int_equal(try_open(&s, NULL), 0);
	assert_int_equal(s->ops->key_make(s, &k, NULL), 0);
	assert_int_equal(s->ops->key_public(s, &k, before, sizeof(before), &n, NULL), 0);
	s->ops->close(s);
	assert_int_equal(k.n, 1 + ROOT_ID);
	mst_put_hex(&w, (struct mst_view){ k.b + 1, ROOT_ID });
	mst_put_nul(&w);
	assert_true(w.ok);
	/* whoever has no PIN neither sees it nor can erase it, and can write one of the same name */
	snprintf(cmd, sizeof(cmd), "sh -ec 'pk() { pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label \"muster test\" \"$@\"; }; "
		 "! pk --delete-object --type pubkey --id %s; "
		 "openssl ecparam -name prime256v1 -genkey -noout -out other.pem; openssl ec -in other.pem -pubout -outform DER -out other.der; "
		 "pk --write-object other.der --type pubkey --id %s --label \"muster key\"'", id, id);
	device_tool(cmd);
	assert_int_equal(try_open(&s, NULL), 0);
	assert_int_equal(s->ops->key_public(s, &k, after, sizeof(after), &m, NULL), 0);
	assert_int_equal(m, n);
	assert_memory_equal(after, before, n);
	assert_int_equal(s->ops->key_sign(s, &k, digest, sig, sizeof(sig), &sig_n, NULL), 0);
	assert_int_equal(s->ops->key_erase(s, &k, NULL), 0);
	s->ops->close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(objects_of_strangers), cmocka_unit_test(a_public_key_of_a_stranger) };

	return run_on("pkcs11", tests, MST_COUNT(tests));
}
