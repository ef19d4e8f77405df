/*
 * The node's side of a briefing against an authenticated but hostile server. First octet: the job. Then an answer:
 * "<status> <j or c> <Retry-After>\n<body>".
 */
#include <stdlib.h>

#include "base/text.h"
#include "proto/briefing/briefing.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct briefing b;
static struct mst_sequence s;
static uint8_t room[MST_SEQ_OCTETS];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void start(enum briefing_job job)
{
	static const struct briefing_config c = { .uri = { (const uint8_t *)"https://bbn.example.com", 23 }, .cbor = true,
						  .open_ms = 10, .answer_ms = 10 };
	struct mst_brief_ask q = { .has = 1u << MST_BA_VERSION | 1u << MST_BA_ATTEMPT | 1u << MST_BA_METHODS, .version = 1,
				   .attempt = MST_VIEW_LIT("00112233445566778899aabbccddeeff"), .methods = { MST_METHOD_CERT }, .n_methods = 1 };
	struct mst_brief_report r = { .has = 1u << MST_BR_VERSION | 1u << MST_BR_ATTEMPT | 1u << MST_BR_DONE | 1u << MST_BR_ENROLLED,
				      .version = 1, .attempt = q.attempt };

	must(job == BRIEFING_JOB_ASK ? briefing_ask(&b, &c, &q, 0, NULL) : briefing_report(&b, &c, "b7", &r, 0, NULL));
	briefing_opened(&b, 1);
	must(briefing_want(&b) == BRIEFING_WANT_SEND);
	briefing_sent(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view in = { p, n }, line, word;
	struct mst_http_msg m = { .n = 2 };
	uint64_t status = 200;

	if (n < 2)
		return 0;
	in = mst_view_sub(in, 1, n);
	line = mst_view_sub(in, 0, mst_view_find(in, '\n'));
	m.body = mst_view_sub(in, line.n + 1, n);
	word = mst_view_sub(line, 0, mst_view_find(line, ' '));
	m.status = mst_parse_dec(word, 999, &status) ? (int)status : 200;
	line = mst_view_sub(line, word.n + 1, n);
	m.header[0] = (struct mst_http_header){ MST_VIEW_LIT("Content-Type"),
		mst_view_starts(line, "c") ? MST_VIEW_LIT("application/cbor") : MST_VIEW_LIT("application/json") };
	m.header[1] = (struct mst_http_header){ MST_VIEW_LIT("Retry-After"), mst_view_sub(line, 2, n) };
	start((enum briefing_job)(p[0] % BRIEFING_JOB__COUNT));
	briefing_feed(&b, &m, 2);
	must(briefing_want(&b) == BRIEFING_WANT_NOTHING && briefing_deadline(&b) == MST_NEVER);
	must(mst_text_plain(mst_view_str(b.failure.detail)) && b.failure.retry_after <= PROV_RETRY_AFTER_MAX);
	must((briefing_state(&b) == BRIEFING_DONE) == (b.failure.reason == PROV_OK));
	if (briefing_state(&b) == BRIEFING_DONE && b.job == BRIEFING_JOB_ASK) {
		struct mst_arena a = mst_arena_of(room, sizeof(room));

		/* whatever passes here the engine takes */
		must(m.status == 200 && b.id[0] && mst_sequence_read_cbor(briefing_sequence(&b), &a, &s, NULL) == 0);
	}
	return 0;
}
