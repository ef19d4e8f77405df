#include "fuzz/fuzz-dialog.h"

#include "proto/mmaf/mmaf.h"

static struct mmaf m;

static void check(void)
{
	const struct mst_request *q;

	if (mmaf_state(&m) == MMAF_FAILED)
		must(mmaf_failure(&m)->reason != PROV_OK);
	if (mmaf_state(&m) == MMAF_DONE && m.job == MMAF_JOB_REGISTER)
		must(m.result.km_id[0] && m.result.reg_id[0] && m.result.reg_until > 1800000000);
	if (mmaf_state(&m) == MMAF_DONE && (m.job == MMAF_JOB_KEY_REGISTER || m.job == MMAF_JOB_KEY_RETRIEVE))
		must(m.result.key.value.n >= 16 && m.result.key.key_id[0] && m.result.key.until > 1800000000);
	if (mmaf_state(&m) == MMAF_FAILED)
		must(m.result.key.value.n == 0);
	must((mmaf_want(&m, &q) == MMAF_WANT_NOTHING) == (mmaf_deadline(&m) == MST_NEVER));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view in = { p, n };
	static const char *const targets[] = { "//sp.example.com/C2" };
	static const struct mmaf_key_ask key = { .rel_key_id = "0A", .suid = 32, .targets = targets, .n_targets = 1 };
	const struct mst_key kc = { .n = 32 };
	const uint8_t rel[16] = { 1 };
	struct mmaf_config c = {
		.key = &key,
		.maf_fqdn = "maf.example.com",
		.base = "/MAFBase",
		.from = "/C1",
		.reg_id = "r7",
		.attempt = "00112233445566778899aabbccddeeff",
		.admin_fqdn = "sp.example.com",
		.expires = 1800086400,
		.answer_ms = 5000,
	};
	struct mst_http_msg h;
	struct mst_response a;
	mst_ms now = 0;

	if (!n)
		return 0;
	c.job = (enum mmaf_job)(p[0] % MMAF_JOB__COUNT);
	in = mst_view_sub(in, 1, n);
	must(mmaf_init(&m, &c, NULL));
	mmaf_exported(&m, rel, &kc);
	mmaf_opened(&m, ++now, 1800000000);
	while (mmaf_state(&m) != MMAF_DONE && mmaf_state(&m) != MMAF_FAILED &&
	       next_answer(&in, m.dialog.out.rqi, &h)) {
		mmaf_sent(&m);
		if (mst_response_from_http(&h, &a, NULL) == 0)
			mmaf_feed(&m, &a, ++now, 1800000000);
		else
			mmaf_garbage(&m, "no response", ++now, 1800000000);
		check();
	}
	mmaf_deinit(&m);
	return 0;
}
