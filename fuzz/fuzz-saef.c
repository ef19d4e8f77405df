/*
 * MAF-based SAEF at B: the input is what an unauthenticated peer gives as its PSK identity, a line end, and then what the
 * MAF answers (fuzz-dialog.h). Whatever comes: only our own MAF is ever asked, for one resource below its base, and a
 * key comes out with SUID 32 and an end ahead, or not at all.
 */
#include "fuzz/fuzz-dialog.h"

#include "proto/saef/saef.h"

static struct saef s;

static void check_question(const struct mst_request *q)
{
	static const char base[] = "/MAFBase/";
	struct mst_view rel = mst_view_sub(q->to, sizeof(base) - 1, q->to.n);

	must(mst_view_starts(q->to, base) && rel.n && mst_id_valid(MST_ID_REL_KEY, rel));
	must(q->op == MST_OP_RETRIEVE && q->content.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct saef_config c = { .maf_fqdn = "maf.example.com", .base = "/MAFBase", .from = "/C2", .attempt = "0011223344",
					      .admin_fqdn = "sp.example.com", .answer_ms = 5000 };
	struct mst_view in = { p, n }, line = mst_view_sub(in, 0, mst_view_find(in, '\n'));
	char identity[2 * MST_ID_MAX], fqdn[MST_ID_MAX];
	const struct mst_request *q = NULL;
	struct mst_http_msg h;
	struct mst_response a;
	mst_ms now = 0;

	in = mst_view_sub(in, line.n + 1, in.n);
	if (!mst_view_to_str(line, identity, sizeof(identity)))
		return 0;
	if (saef_accept(&s, &c, identity) != SAEF_GOING_ON) {
		must(saef_want(&s, &q) == MMAF_WANT_NOTHING);
		return 0;
	}
	must(saef_maf_of(identity, fqdn) && mst_view_eq_str(mst_view_str(fqdn), "maf.example.com"));
	saef_opened(&s, NULL, ++now, 1800000000);
	while (saef_want(&s, &q) == MMAF_WANT_SEND && next_answer(&in, q->rqi, &h)) {
		check_question(q);
		saef_sent(&s);
		if (mst_response_from_http(&h, &a, NULL) == 0)
			saef_feed(&s, &a, ++now, 1800000000);
		else
			saef_garbage(&s, "no response", ++now, 1800000000);
	}
	must((saef_outcome(&s) == SAEF_DONE) == (saef_link(&s)->psk.n > 0));
	if (saef_outcome(&s) == SAEF_DONE)
		must(saef_link(&s)->until > 1800000000 && saef_link(&s)->psk.n >= 16 && saef_link(&s)->credential_id[0]);
	saef_deinit(&s);
	return 0;
}
