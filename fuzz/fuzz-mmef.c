#include "fuzz/fuzz-dialog.h"

#include "proto/mmef/mmef.h"

static struct mmef m;

static void check(void)
{
	const struct mst_request *q;

	if (mmef_state(&m) == MMEF_FAILED)
		must(mmef_failure(&m)->reason != PROV_OK && mmef_ke(&m)->n == 0);
	if (mmef_state(&m) == MMEF_DONE && m.job == MMEF_JOB_ENROL)
		must(m.result.ke_id[0] && m.result.reg_id[0] && m.result.client_id[0] &&
		     m.result.key_until > 1 && mmef_ke(&m)->n == MST_KEY_LEN);
	must((mmef_want(&m, &q) == MMEF_WANT_NOTHING) == (mmef_deadline(&m) == MST_NEVER));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view in = { p, n };
	struct mmef_config c = {
		.mef_fqdn = "mef.example.com",
		.base = "/MEFBase",
		.from = "urn:dev:ops:1-2-3",
		.reg_id = "reg-1",
		.attempt = "00112233445566778899aabbccddeeff",
		.admin_fqdn = "sp.example.com",
		.target = "maf.example.com",
		.suid = 21,
		.expires = 1800086400,
		.answer_ms = 5000,
	};
	struct mst_key ke = { .n = MST_KEY_LEN };
	uint8_t rel[16] = { 1 };
	struct mst_http_msg h;
	struct mst_response a;
	mst_ms now = 0;

	if (!n)
		return 0;
	c.job = (enum mmef_job)(p[0] % MMEF_JOB__COUNT);
	in = mst_view_sub(in, 1, n);
	must(mmef_init(&m, &c, NULL));
	mmef_opened(&m, rel, &ke, ++now, 1800000000);
	while (mmef_state(&m) != MMEF_DONE && mmef_state(&m) != MMEF_FAILED &&
	       next_answer(&in, m.dialog.out.rqi, &h)) {
		mmef_sent(&m);
		if (mst_response_from_http(&h, &a, NULL) == 0)
			mmef_feed(&m, &a, ++now, 1800000000);
		else
			mmef_garbage(&m, "no response", ++now, 1800000000);
		check();
	}
	mmef_deinit(&m);
	return 0;
}
