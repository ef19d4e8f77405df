/*
 * The counter is one that only goes up. Who has the TPM and no password of its owner's (there is none) can put an ordinary index in its place, with the
 * number of an older disk in it; where PCRs keep him from the store's key this would have the node itself take that disk.
 */
#include "secenv/test-counter.h"

#define RECORD_AT 8              /* in the key file, behind its head: version, and the counter's index */

/* Another index with the counter's number, its attributes `what`, and the octets of the counter when `old` was made. */
static void replace_counter(const char *what, const char *then)
{
	char cmd[400];

	snprintf(cmd, sizeof(cmd), "sh -ec 'i=$(tpm2_getcap handles-nv-index | sed s/-.//); tpm2_nvundefine -C o $i; tpm2_nvdefine -C o -s 8 -a \"%s\" $i; "
		 "tpm2_%s $i'", what, then);
	device_tool(cmd);
}

static void an_index_that_is_no_counter(void **state)
{
	struct mst_secenv *s = NULL;
	struct mst_diag d = { 0 };
	int r;

	(void)state;
	put(1);
	shell("cp -a state copy");
	device_tool("sh -ec 'i=$(tpm2_getcap handles-nv-index | sed s/-.//); tpm2_nvread -C $i -s 8 -o then $i'");
	put(2);
	shell("rm -r state && mv copy state");
	assert_int_equal(try_open(&s, NULL), MST_SECENV_STALE);
	replace_counter("authread|authwrite|no_da", "nvwrite -i then -C $i");
	r = try_open(&s, &d);
	assert_int_equal(r, MST_SECENV_CLEARED);
	assert_null(s);
	assert_non_null(strstr(d.text, "no counter"));
	/* a new counter begins where every one before has ended: no way back either */
	replace_counter("authread|authwrite|no_da|nt=1", "nvincrement -C $i");
	assert_int_equal(try_open(&s, NULL), MST_SECENV_STALE);
	assert_null(s);
}

/* The record in the key file says something else, and the hash is right. */
static void change_record(size_t at, size_t octets, uint32_t value)
{
	uint8_t b[KEY_FILE_MAX];
	FILE *f = fopen(key_file, "r+b");
	size_t n;

	assert_non_null(f);
	n = fread(b, 1, sizeof(b), f);
	assert_in_range(n, at + octets + MST_SHA256_LEN, sizeof(b));
	for (size_t i = 0; i < octets; i++)
		b[at + i] = (uint8_t)(value >> 8 * (octets - 1 - i));
	assert_int_equal(c->ops->sha256(c, (struct mst_view){ b, n - MST_SHA256_LEN }, b + n - MST_SHA256_LEN), 0);
	rewind(f);
	assert_int_equal(fwrite(b, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Another counter, which whoever has the TPM steps as far as he likes: from before the disk was copied, it is behind that. */
static void a_counter_of_somebody_else(void **state)
{
	struct mst_secenv *s = NULL;
	struct mst_root_cred k;

	(void)state;
	shell("rm -rf state* copy");
	device_tool("sh -ec 'for i in $(tpm2_getcap handles-nv-index | sed s/-.//); do tpm2_nvundefine -C o $i; done; "
		    "tpm2_nvdefine -C o -s 8 -a \"authread|authwrite|no_da|nt=1\" 0x1a07000; tpm2_nvincrement -C 0x1a07000 0x1a07000'");
	put(1);
	put(2);
	put(3);
	shell("cp -a state copy; cp -a state.key state.copy");
	/* as far as the store's own was then */
	device_tool("sh -ec 'i=$(tpm2_getcap handles-nv-index | sed s/-.// | tr A-Z a-z | grep -iv 1a07000); "
		    "n=$(tpm2_nvread -C $i -s 8 $i | od -An -tx1 | tr -d \" \n\"); "
		    "while [ \"$(tpm2_nvread -C 0x1a07000 -s 8 0x1a07000 | od -An -tx1 | tr -d \" \n\")\" != $n ]; do "
		    "tpm2_nvincrement -C 0x1a07000 0x1a07000; done'");
	put(4);
	shell("rm -r state && cp -a copy state");
	assert_int_equal(try_open(&s, NULL), MST_SECENV_STALE);
	change_record(RECORD_AT + 1, 4, UINT32_C(0x01a07000));
	assert_int_equal(try_open(&s, NULL), 0);
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &k, NULL), MST_SECENV_CORRUPT);
	s->ops->close(s);
	/* nothing was lost by it */
	shell("rm -r state && cp -a state.copy state.key && cp -a copy state");
	assert_int_equal(try_open(&s, NULL), MST_SECENV_STALE);
}

/* One that was made before the counter's index was in its key goes on. */
static void a_store_from_before(void **state)
{
	struct mst_secenv *s = NULL;
	struct mst_root_cred k;

	(void)state;
	shell("rm -rf state* copy");
	assert_int_equal(try_open(&s, NULL), 0);
	s->ops->close(s);
	shell("rm -r state");
	change_record(RECORD_AT, 1, 1);
	put(7);
	assert_int_equal(try_open(&s, NULL), 0);
	assert_int_equal(s->ops->load(s, MST_SLOT_ACTIVE, &k, NULL), 0);
	assert_int_equal(k.generation, 7);
	mst_root_cred_wipe(&k);
	s->ops->close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(an_index_that_is_no_counter), cmocka_unit_test(a_counter_of_somebody_else),
		cmocka_unit_test(a_store_from_before) };

	return run_on("tpm", tests, MST_COUNT(tests));
}
