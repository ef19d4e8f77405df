/*
 * Any octets as each message of a briefing, in both encodings; what one takes, the other takes too, as the same message, and
 * CBOR has one encoding of it. First octet: which.
 */
#include <stdlib.h>

#include "codec/briefing.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static union {
	struct mst_brief_ask ask;
	struct mst_brief_answer answer;
	struct mst_brief_refusal refusal;
	struct mst_brief_report report;
	struct mst_location location;
} one, two;
static uint8_t arena[65536], out[65536], out2[65536], out3[65536];

static int ask(void *m, struct mst_diag *d) { return mst_brief_ask_check(m, d); }
static int answer(void *m, struct mst_diag *d) { return mst_brief_answer_check(m, d); }
static int refusal(void *m, struct mst_diag *d) { (void)m; (void)d; return 0; }
static int report(void *m, struct mst_diag *d) { return mst_brief_report_check(m, d); }
static int location(void *m, struct mst_diag *d) { return mst_location_check(m, d); }

static const struct { const struct mst_msg *msg; int (*check)(void *m, struct mst_diag *d); } kind[] = {
	{ &mst_brief_ask_msg, ask }, { &mst_brief_answer_msg, answer }, { &mst_brief_refusal_msg, refusal },
	{ &mst_brief_report_msg, report }, { &mst_location_msg, location },
};

static int read_as(size_t k, bool cbor, struct mst_view in, void *ret)
{
	struct mst_arena a = mst_arena_of(arena, sizeof(arena));
	struct mst_diag d = { 0 };
	int o = cbor ? mst_msg_read_cbor(kind[k].msg, in, &a, ret, &d)
		     : mst_msg_read_json(kind[k].msg, MST_PROFILE_LONG, in, &a, ret, &d);

	if (!o)
		o = kind[k].check(ret, &d);
	if (o && !d.text[0])
		abort();
	return o;
}

/* `in` says what is in `cbor`, in CBOR again. */
static bool is_same(size_t k, bool in_cbor, struct mst_view in, struct mst_view cbor)
{
	struct mst_writer w = mst_writer_of(out3, sizeof(out3));

	if (read_as(k, in_cbor, in, &two))
		return false;
	mst_msg_write_cbor(kind[k].msg, &two, &w);
	return w.ok && mst_view_eq(mst_written(&w), cbor);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	size_t k = n ? p[0] % MST_COUNT(kind) : 0;

	for (int cbor = 0; n && cbor < 2; cbor++) {
		struct mst_writer a = mst_writer_of(out, sizeof(out)), b = mst_writer_of(out2, sizeof(out2));

		if (read_as(k, cbor, (struct mst_view){ p + 1, n - 1 }, &one))
			continue;
		mst_msg_write_cbor(kind[k].msg, &one, &a);
		mst_msg_write_json(kind[k].msg, MST_PROFILE_LONG, &one, &b);
		/* views into the arena die with the next reading, so both are written first */
		if (!a.ok || !b.ok || !is_same(k, true, mst_written(&a), mst_written(&a)) || !is_same(k, false, mst_written(&b), mst_written(&a)))
			abort();
		if (cbor && !kind[k].msg->open && !mst_view_eq(mst_written(&a), (struct mst_view){ p + 1, n - 1 }))
			abort();
	}
	return 0;
}
