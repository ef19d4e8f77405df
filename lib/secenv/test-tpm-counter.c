/*
 * The counter is one that only goes up. Who has the TPM and no password of its owner's (there is none) can put an ordinary index in its place, with the
 * number of an older disk in it; where PCRs keep him from the store's key this would have the node itself take that disk.
 */
#include "secenv/test-counter.h"

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

int main(void)
{
	const struct CMUnitTest test = cmocka_unit_test(an_index_that_is_no_counter);

	return run_on("tpm", &test);
}
