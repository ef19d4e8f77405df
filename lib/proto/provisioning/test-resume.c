/* Power cuts: at every step, on both sides of it; and blobs that nobody wrote. */
#include "tests/support/cm.h"

#include <stdlib.h>

#include "proto/provisioning/test-world.h"

static struct seq q[4];
static struct answer nested[5];

static void set_up_nested(bool success)
{
	nested[0] = (struct answer){ "https://maker" };
	nested[0].yields = seq_text(&q[1], "cert https://a; bbn https://owner; bbn https://maker");
	nested[1] = (struct answer){ "https://owner" };
	nested[1].yields = seq_text(&q[2], "gba https://c; cert https://d; psk https://d");
	nested[2] = (struct answer){ "https://c", .reason = PROV_BUSY, .retry_after = 100 };
	nested[3] = (struct answer){ "https://d", .reason = PROV_REFUSED };
	nested[4] = (struct answer){ "https://e", .reason = success ? PROV_OK : PROV_UNKNOWN };
	seq_text(&q[0], "cert https://x; bbn https://maker; cert https://e; cert https://never");
}

/* The device comes up: from its disk, or, when nothing was kept yet, from the trigger. */
static void power_on(struct world *w)
{
	struct mst_diag d = { 0 };

	world_boot(w);
	if (!w->disk_n) {
		world_start(w, q[0].cbor);
		return;
	}
	assert_int_equal(
		prov_resume(w->p, (struct mst_view){ w->disk, w->disk_n }, w->now, w->utc, w->rnd, &d), 0);
}

/* `cut` counts the steps; `lost` = the step is done, but the device never hears of it. */
static bool run_with_cut(struct world *w, unsigned cut, bool lost)
{
	bool was_cut = false;

	world_start(w, q[0].cbor);
	for (unsigned i = 0; ; i++) {
		if (i == cut) {
			if (lost && !world_step(w, true))
				break;
			power_on(w);
			was_cut = true;
			continue;
		}
		if (!world_step(w, false))
			break;
	}
	return was_cut;
}

static void a_cut_at_every_step(void **state)
{
	/* lesson 14 */
	(void)state;
	for (int success = 0; success < 2; success++) {
		for (int lost = 0; lost < 2; lost++) {
			struct world *clean, *w;
			unsigned cut = 0;
			bool more = true;

			set_up_nested(success);
			clean = world_new(nested, MST_COUNT(nested));
			world_start(clean, q[0].cbor);
			world_run(clean);
			assert_int_equal(prov_state(clean->p), success ? PROV_ENROLLED : PROV_WAITING);
			for (; more; cut++) {
				w = world_new(nested, MST_COUNT(nested));
				w->rnd = clean->rnd;
				more = run_with_cut(w, cut, lost) && cut < 1000;
				/* the same end, for the same reasons, under the same name */
				assert_int_equal(prov_state(w->p), prov_state(clean->p));
				assert_int_equal(w->p->n_reports, clean->p->n_reports);
				assert_memory_equal(w->p->report, clean->p->report,
						    sizeof(w->p->report[0]) * clean->p->n_reports);
				assert_string_equal(prov_attempt(w->p), ATTEMPT);
				assert_int_equal(prov_runs(w->p), 1);
				assert_int_equal(w->p->retry_after, clean->p->retry_after);
				/* only the instruction at work is done again */
				assert_in_range(w->effects, clean->effects, clean->effects + 1);
				/* and what is on the disk at the end is the same, too */
				assert_int_equal(w->disk_n, clean->disk_n);
				assert_memory_equal(w->disk, clean->disk, clean->disk_n);
				world_free(w);
			}
			assert_true(cut > 16);
			world_free(clean);
		}
	}
}

/* Cuts that never stop: at each step, before it and after it. As long as one step gets through, it ends. */
static void cuts_all_the_time(void **state)
{
	struct world *w;

	(void)state;
	set_up_nested(true);
	w = world_new(nested, MST_COUNT(nested));
	world_start(w, q[0].cbor);
	for (int i = 0; prov_want(w->p) != PROV_WANT_NOTHING; i++) {
		assert_true(i < 1000);
		if (prov_want(w->p) == PROV_WANT_SAVE) {
			world_step(w, false);
			continue;
		}
		world_step(w, true);            /* its answer is lost in the cut */
		power_on(w);
		world_step(w, false);           /* saved again */
		world_step(w, false);
	}
	assert_int_equal(prov_state(w->p), PROV_ENROLLED);
	world_free(w);
}

static void an_enrolled_node_stays_enrolled(void **state)
{
	struct world *w;

	(void)state;
	set_up_nested(true);
	w = world_new(nested, MST_COUNT(nested));
	world_start(w, q[0].cbor);
	world_run(w);
	w->log[0] = '\0';
	/* lesson 2: after a restart nothing is asked of anybody */
	power_on(w);
	assert_int_equal(prov_state(w->p), PROV_ENROLLED);
	assert_int_equal(prov_want(w->p), PROV_WANT_NOTHING);
	assert_string_equal(w->log, "");
	/* lesson 5: and the last trigger's sequence is still known */
	prov_credential_lost(w->p, w->now, w->utc, 1);
	world_step(w, false);
	assert_true(mst_view_eq_str(prov_current(w->p)->uri, "https://x"));
	world_free(w);
}

static void a_wait_goes_on(void **state)
{
	struct world *w;
	mst_ms whole;

	(void)state;
	set_up_nested(false);
	w = world_new(nested, MST_COUNT(nested));
	w->rnd = 0x80000000u;
	world_start(w, q[0].cbor);
	world_run(w);
	whole = 100 * 1000 + 2500;
	assert_int_equal(prov_deadline(w->p), NOW + whole);
	/* 40 s of it are over by the clock on the wall; jitter anew, for a site that went dark together */
	w->now = 0;
	w->utc += 40;
	power_on(w);
	assert_int_equal(prov_deadline(w->p), whole - 40000 + 2500);
	/* all over */
	w->utc += 4000;
	power_on(w);
	assert_int_equal(prov_deadline(w->p), 2500);
	/* lesson 15: a clock at 1970, or one that went backwards, shortens nothing */
	w->utc = 0;
	power_on(w);
	assert_int_equal(prov_deadline(w->p), whole + 2500);
	w->utc = UTC - 1000;
	power_on(w);
	assert_int_equal(prov_deadline(w->p), whole + 2500);
	/* the backoff goes on where it was */
	w->now = prov_deadline(w->p);
	prov_tick(w->p, w->now, w->utc, w->rnd);
	assert_int_equal(prov_runs(w->p), 2);
	world_run(w);
	power_on(w);
	assert_int_equal(prov_runs(w->p), 2);
	assert_int_equal(prov_state(w->p), PROV_WAITING);
	world_free(w);
}

static void judged_anew_after_the_cut(void **state)
{
	struct world *w;

	(void)state;
	set_up_nested(true);
	w = world_new(nested, MST_COUNT(nested));
	world_start(w, seq_text(&q[0], "gba https://e; cert https://e"));
	world_step(w, false);
	assert_int_equal(prov_current(w->p)->method, MST_METHOD_GBA);
	/* the SIM was taken out while there was no power */
	w->cfg.methods = ~(1u << MST_METHOD_GBA);
	power_on(w);
	world_run(w);
	assert_string_equal(world_reports(w), "0.0=unsupported 0.1=ok");
	world_free(w);
}

/* lesson 16: corrupt is corrupt, never fresh; and the engine can be used as if nothing had been tried */
static void refuse(struct world *w, struct mst_view blob)
{
	struct mst_diag d = { 0 };

	world_boot(w);
	assert_int_equal(prov_resume(w->p, blob, w->now, w->utc, w->rnd, &d), PROV_MALFORMED);
	assert_true(d.field[0] != '\0');
	assert_true(d.text[0] != '\0');
	assert_int_equal(prov_state(w->p), PROV_IDLE);
	assert_true(prov_deadline(w->p) == MST_NEVER);
	assert_int_equal(w->p->n_reports, 0);
	assert_string_equal(prov_attempt(w->p), "");
}

static struct world *world_with_rich_blob(void)
{
	struct world *w;

	set_up_nested(true);
	w = world_new(nested, MST_COUNT(nested));
	world_start(w, q[0].cbor);
	while (w->effects < 5)
		world_step(w, false);
	world_step(w, false);
	assert_int_equal(w->p->depth, 2);
	return w;
}

static void corrupt_blobs(void **state)
{
	struct world *w = world_with_rich_blob();
	static uint8_t good[PROV_BLOB_MAX + 1], blob[PROV_BLOB_MAX + 1];
	size_t n = w->disk_n;
	/* offsets of the fields, and a value that is wrong there */
	static const struct { size_t at; uint8_t x;
	} bad[] = {
		{ 0, 'm' },
		{ 3, 'X' },
		{ 4, 0 },
		{ 4, 2 },
		{ 5, PROV_IDLE },
		{ 5, PROV_SAVING },
		{ 5, PROV_DISCOVERING },
		{ 5, PROV_WAITING },
		{ 5, PROV_ENROLLED },
		{ 5, PROV_STATE__COUNT },
		{ 5, 0xff },
		{ 6, 'g' },
		{ 37, 0 },
		{ 42, 0xff },
		{ 46, 0xff },
		{ 54, 0xff },
		{ 62, 0 },
		{ 62, 1 },
		{ 62, 3 },
		{ 62, 4 },
		{ 62, 0xff },
		{ 63, 0 },
		{ 63, 2 },
		{ 63, 3 },
		{ 63, 4 },
		{ 63, 0xff },
		{ 64, 1 },
		{ 67, 0 },
		{ 67, 1 },
		{ 68, 0xff },
	};

	(void)state;
	memcpy(good, w->disk, n);
	for (size_t i = 0; i < n; i++)
		refuse(w, (struct mst_view){ good, i });        /* every truncation */
	refuse(w, (struct mst_view){ good, n + 1 });
	refuse(w, (struct mst_view){ good, sizeof(good) });
	for (size_t i = 0; i < MST_COUNT(bad); i++) {
		memcpy(blob, good, n);
		assert_int_not_equal(blob[bad[i].at], bad[i].x);
		blob[bad[i].at] = bad[i].x;
		refuse(w, (struct mst_view){ blob, n });
	}
	/* no runs */
	memcpy(blob, good, n);
	memset(blob + 38, 0, 4);
	refuse(w, (struct mst_view){ blob, n });
	/* lesson 1: the same handle, right after */
	assert_int_equal(prov_resume(w->p, (struct mst_view){ good, n }, w->now, w->utc, w->rnd, NULL), 0);
	world_run(w);
	assert_int_equal(prov_state(w->p), PROV_ENROLLED);
	world_free(w);
}

/* Well-formed throughout, but not what an engine could have written. */
static void impossible_blobs(void **state)
{
	struct world *w = world_with_rich_blob();
	static struct prov_resources kept;
	static struct prov copy;
	static uint8_t der[1900], blob[PROV_BLOB_MAX];

	(void)state;
	assert_int_equal(sizeof(copy), prov_size());
#define REWRITTEN(change) do { \
		memcpy(&copy, w->p, sizeof(copy)); \
		change; \
		prov_progress_write(&copy); \
		assert_true(copy.blob_n > 0); \
		memcpy(blob, copy.blob, copy.blob_n); \
	} while (0)
	copy.blob_n = 0;
	/* the last one is at a bootstrap now, so say so; first of all: unchanged is good */
	assert_int_equal(prov_state(w->p), PROV_BOOTSTRAPPING);
	w->p->after_save = PROV_BOOTSTRAPPING;
	REWRITTEN((void)0);
	{
		struct world *x = world_new(NULL, 0);

		assert_int_equal(prov_resume(x->p, (struct mst_view){ blob, copy.blob_n }, 0, UTC, 0, NULL),
				 0);
		world_free(x);
	}
#define REFUSED(change) do { \
		struct world *x = world_new(NULL, 0); \
		REWRITTEN(change); \
		refuse(x, (struct mst_view){ blob, copy.blob_n }); \
		world_free(x); \
	} while (0)
	REFUSED(copy.level[1].index = MST_SEQ_MAX);
	REFUSED(copy.reports_lost = 1);
	/* between runs nothing but the trigger's sequence is open */
	REFUSED(copy.after_save = PROV_WAITING;
		copy.level[0].index = copy.level[1].index = copy.level[2].index = 0);
	REFUSED(copy.after_save = PROV_ENROLLED;
		copy.level[0].index = copy.level[1].index = copy.level[2].index = 0);
	REFUSED(strcpy(copy.report[0].detail, "\x1b[2J"));
	REFUSED(strcpy(copy.report[0].resource, "a\nb"));
	REFUSED(copy.report[0].depth = PROV_DEPTH_MAX + 1);
	REFUSED(copy.report[0].index = MST_SEQ_MAX);
	REFUSED(copy.report[0].kind = 3);
	REFUSED(copy.report[0].method = 32);
	REFUSED(copy.report[0].reason = PROV_REASON__COUNT);
	REFUSED(copy.report[0].when = -1);
	REFUSED(copy.wait_ms = INT64_MAX);
	REFUSED(copy.wait_since = -1);
	REFUSED(copy.retry_after = PROV_RETRY_AFTER_MAX + 1);
	/* two levels deep after asking one resource; none; one twice; one that is not in its normal form */
	memset(&kept, 0, sizeof(kept));
	REFUSED(copy.resources = kept);
	assert_true(prov_resource_add(&kept, MST_METHOD_BBN, mst_view_str("https://maker")));
	REFUSED(copy.resources = kept);
	memcpy(kept.octets + kept.n, kept.octets, kept.n);
	kept.n *= 2;
	kept.count = 2;
	REFUSED(copy.resources = kept);
	assert_int_equal(w->p->resources.octets[3], 'h');
	REFUSED(copy.resources.octets[3] = 'H');
	/* https://maker/ as https://maker: of another length, and not as it would have been written */
	kept.count = 2;
	kept.n = 0;
	memcpy(kept.octets, "\x11\0\x0dhttps://maker\x11\0\x0ehttps://owner/", 16 + 17);
	kept.n = 16 + 17;
	REFUSED(copy.resources = kept);
	/* four full sequences: more than an engine lets in */
	memcpy(der, (uint8_t[]){ 0x30, 0x82, (sizeof(der) - 4) >> 8, (sizeof(der) - 4) & 0xff }, 4);
	seq_start(&q[3]);
	seq_add(&q[3], MST_METHOD_BBN, "https://b");
	for (int k = 0; k < 4; k++) {
		struct mst_instruction *i = seq_add(&q[3], MST_METHOD_CERT, "https://m");

		seq_anchor(i, (struct mst_view){ der, sizeof(der) });
		seq_anchor(i, (struct mst_view){ der, sizeof(der) });
	}
	seq_done(&q[3]);
	copy.n_reports = 0;
	REFUSED(copy.depth = 3; copy.after_save = PROV_DISCOVERING; copy.n_reports = 0; for (int i = 0; i < 4;
											     i++) {
		copy.level[i].index = 0;
		copy.level[i].n = (uint32_t)q[3].cbor.n;
		memcpy(copy.level[i].octets, q[3].cbor.p, q[3].cbor.n);
	} assert_true(prov_resource_add(&copy.resources, MST_METHOD_BBN, mst_view_str("https://third"))));
#undef REFUSED
#undef REWRITTEN
	world_free(w);
}

/* Any one octet changed: refused, or a run that is as sound as any other. Never anything in between. */
static void every_flipped_bit(void **state)
{
	struct world *w = world_with_rich_blob();
	static uint8_t good[PROV_BLOB_MAX];
	size_t n = w->disk_n;
	unsigned refused = 0;

	(void)state;
	memcpy(good, w->disk, n);
	for (size_t i = 0; i < n * 8; i++) {
		int r;

		good[i / 8] ^= (uint8_t)(1u << i % 8);
		world_boot(w);
		r = prov_resume(w->p, (struct mst_view){ good, n }, w->now, w->utc, 0, NULL);
		good[i / 8] ^= (uint8_t)(1u << i % 8);
		if (r) {
			refused++;
			assert_int_equal(prov_state(w->p), PROV_IDLE);
			continue;
		}
		assert_int_not_equal(prov_state(w->p), PROV_IDLE);
		w->log[0] = '\0';
		world_run(w);
	}
	assert_true(refused > n);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(a_cut_at_every_step),
		cmocka_unit_test(cuts_all_the_time),
		cmocka_unit_test(an_enrolled_node_stays_enrolled),
		cmocka_unit_test(a_wait_goes_on),
		cmocka_unit_test(judged_anew_after_the_cut),
		cmocka_unit_test(corrupt_blobs),
		cmocka_unit_test(impossible_blobs),
		cmocka_unit_test(every_flipped_bit),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
