/* Whole runs as transcripts: what the engine asks for, in order, and what it remembers. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "proto/provisioning/test-world.h"

#define W(a) world_new(a, MST_COUNT(a))
static struct seq q[6];

static void first_success_ends_everything(void **state)
{
	static const struct answer a[] = { { "https://b", .reason = PROV_OK },
					   { "https://c", .reason = PROV_OK } };
	struct world *w = W(a);

	(void)state;
	/* lesson 8: every instruction gets its turn, in order */
	world_start(w, seq_text(&q[0], "cert https://a; cert https://b; cert https://c"));
	assert_null(prov_current(w->p));
	world_run(w);
	assert_string_equal(w->log, "save try:https://a=unreachable save try:https://b save");
	assert_int_equal(prov_state(w->p), PROV_ENROLLED);
	assert_string_equal(world_reports(w), "0.0=unreachable 0.1=ok");
	assert_true(prov_deadline(w->p) == MST_NEVER);
	assert_string_equal(prov_attempt(w->p), ATTEMPT);
	world_free(w);
}

static void all_fail_and_every_reason_is_kept(void **state)
{
	static const struct answer a[] = { { "https://b", .reason = PROV_REFUSED },
					   { "https://c", .reason = PROV_UNKNOWN },
					   { "https://d", .reason = PROV_UNTRUSTED } };
	struct world *w = W(a);
	const struct prov_report *r;

	(void)state;
	w->rnd = 0x80000000u;
	world_start(w, seq_text(&q[0], "cert https://a; cert https://b; psk https://c; gba https://d"));
	world_run(w);
	/* lesson 6: unreachable, refused and unknown stay three different things */
	assert_string_equal(world_reports(w), "0.0=unreachable 0.1=refused 0.2=unknown 0.3=untrusted");
	assert_int_equal(prov_reports(w->p, &r), 4);
	assert_string_equal(r[1].resource, "https://b");
	assert_string_equal(r[1].detail, "as the world has it");
	assert_int_equal(r[2].method, MST_METHOD_PSK);
	assert_int_equal(r[3].when, UTC);
	assert_int_equal(prov_state(w->p), PROV_WAITING);
	assert_int_equal(prov_deadline(w->p), NOW + 2500);
	world_free(w);
}

static void the_wait_ends_in_the_same_sequence_again(void **state)
{
	struct answer a[] = { { "https://a", .reason = PROV_REFUSED } };
	struct world *w = W(a);

	(void)state;
	w->rnd = 0xffffffffu;
	world_start(w, seq_text(&q[0], "cert https://a"));
	world_run(w);
	assert_int_equal(prov_runs(w->p), 1);
	assert_int_equal(prov_deadline(w->p), NOW + 5000);
	w->now += 4999;
	prov_tick(w->p, w->now, w->utc, w->rnd);
	assert_int_equal(prov_state(w->p), PROV_WAITING);
	w->now++;
	prov_tick(w->p, w->now, w->utc, w->rnd);
	assert_int_equal(prov_runs(w->p), 2);
	world_run(w);
	assert_int_equal(prov_deadline(w->p), w->now + 10000);
	assert_string_equal(world_reports(w), "0.0=refused");
	/* lesson 3: having been refused does not stand in the way of success */
	a[0].reason = PROV_OK;
	w->now = prov_deadline(w->p);
	prov_tick(w->p, w->now, w->utc, w->rnd);
	world_run(w);
	assert_int_equal(prov_state(w->p), PROV_ENROLLED);
	assert_string_equal(world_reports(w), "0.0=ok");
	assert_string_equal(prov_attempt(w->p), ATTEMPT);
	world_free(w);
}

static void a_discovery_runs_in_its_place(void **state)
{
	struct answer a[] = {
		{ "https://maker",
		  .yields = seq_text(&q[1], "cert https://a; bbn https://owner; cert https://b") },
		{ "https://owner", .yields = seq_text(&q[2], "psk https://c; psk https://d") },
		{ "https://e", .reason = PROV_OK },
	};
	struct world *w = W(a);

	(void)state;
	world_start(w, seq_text(&q[0], "bbn https://maker; cert https://e"));
	world_run(w);
	assert_string_equal(w->log,
			    "save get:https://maker save try:https://a=unreachable save get:https://owner "
			    "save try:https://c=unreachable save try:https://d=unreachable save "
			    "try:https://b=unreachable "
			    "save try:https://e save");
	assert_string_equal(world_reports(w), "0.0=ok 1.0=unreachable 1.1=ok 2.0=unreachable 2.1=unreachable "
	                    "1.2=unreachable 0.1=ok");
	world_free(w);
}

static void a_failed_discovery_is_a_failed_instruction(void **state)
{
	static const uint8_t junk[] = { 0xff, 0x00 };
	struct answer a[] = { { "file:b", .yields = { junk, sizeof(junk) } },
			      { "https://c", .reason = PROV_OK } };
	struct world *w = W(a);
	const struct prov_report *r;

	(void)state;
	world_start(w, seq_text(&q[0], "bbn https://a; file file:b; cert https://c"));
	world_run(w);
	assert_string_equal(world_reports(w), "0.0=unreachable 0.1=malformed 0.2=ok");
	prov_reports(w->p, &r);
	assert_true(r[1].detail[0] != '\0');
	assert_int_equal(prov_state(w->p), PROV_ENROLLED);
	world_free(w);
}

static void an_empty_discovery(void **state)
{
	struct world *w = world_new(NULL, 0);
	struct mst_diag d = { 0 };

	(void)state;
	world_start(w, seq_text(&q[0], "dhcp muster; cert https://c"));
	assert_true(world_step(w, false));
	assert_int_equal(prov_want(w->p), PROV_WANT_DISCOVER);
	assert_int_equal(prov_discovered(w->p, MST_VIEW_NONE, w->now, w->utc, 0, &d), PROV_EMPTY);
	assert_true(d.text[0] != '\0');
	/* the engine has gone on by itself; a shell that reports the failure as well does no harm */
	assert_int_equal(prov_want(w->p), PROV_WANT_SAVE);
	prov_failed(w->p, PROV_EMPTY, d.text, 0, w->now, w->utc, 0);
	assert_string_equal(world_reports(w), "0.0=empty");
	assert_true(world_step(w, false));
	assert_true(mst_view_eq_str(prov_current(w->p)->uri, "https://c"));
	world_free(w);
}

static void too_deep(void **state)
{
	struct answer a[] = {
		{ "https://bbn0", .yields = seq_text(&q[1], "bbn https://bbn1") },
		{ "https://bbn1", .yields = seq_text(&q[2], "bbn https://bbn2; cert https://m") },
		{ "https://bbn2", .yields = seq_text(&q[3], "bbn https://bbn3; cert https://n") },
		{ "https://bbn3", .yields = seq_text(&q[4], "cert https://m") },
		{ "https://m", .reason = PROV_OK },
	};
	struct world *w = W(a);

	(void)state;
	world_start(w, seq_text(&q[0], "bbn https://bbn0"));
	world_run(w);
	assert_string_equal(w->log, "save get:https://bbn0 save get:https://bbn1 save get:https://bbn2 "
	                    "save try:https://n=unreachable save try:https://m save");
	assert_string_equal(world_reports(w), "0.0=ok 1.0=ok 2.0=ok 3.0=too deep 3.1=unreachable 2.1=ok");
	world_free(w);
}

static void no_resource_twice(void **state)
{
	struct answer a[] = {
		{ "https://a.example/x",
		  .yields = seq_text(&q[1], "bbn https://A.EXAMPLE:443/y/../%78; bbn https://b") },
		{ "https://b", .yields = seq_text(&q[2], "bbn https://a.example/x; cert https://m") },
	};
	struct world *w = W(a);

	(void)state;
	/* in itself, in its ancestry, and once more afterwards, in any spelling */
	world_start(w, seq_text(&q[0], "bbn https://a.example/x; bbn https://b/"));
	world_run(w);
	assert_string_equal(
		w->log,
		"save get:https://a.example/x save get:https://b save try:https://m=unreachable save");
	assert_string_equal(world_reports(w), "0.0=ok 1.0=loop 1.1=ok 2.0=loop 2.1=unreachable 0.1=loop");
	/* another run may ask again: lesson 3 */
	w->now = prov_deadline(w->p);
	prov_tick(w->p, w->now, w->utc, 0);
	w->log[0] = '\0';
	world_run(w);
	assert_string_equal(
		w->log,
		"save get:https://a.example/x save get:https://b save try:https://m=unreachable save");
	world_free(w);
}

/* Only what answered is used up: a failure under a wrong anchor must not hide the same name further down. */
static void a_resource_that_failed_may_be_named_again(void **state)
{
	struct world *w = world_new(NULL, 0);

	(void)state;
	world_start(w, seq_text(&q[0], "bbn https://a; bbn https://a/; cert https://b"));
	world_step(w, false);
	prov_failed(w->p, PROV_UNTRUSTED, "another key", 0, w->now, w->utc, 0);
	world_step(w, false);
	assert_int_equal(prov_want(w->p), PROV_WANT_DISCOVER);
	assert_int_equal(prov_discovered(w->p, seq_text(&q[1], "bbn https://a; cert https://m"), w->now,
					 w->utc, 0, NULL),
			 0);
	assert_string_equal(world_reports(w), "0.0=untrusted 0.1=ok 1.0=loop");
	world_free(w);
}

static bool only_https(void *arg, struct mst_view uri)
{
	(*(unsigned *)arg)++;
	return mst_view_starts(uri, "https://");
}

static void unsupported_is_skipped_before_anything_leaves(void **state)
{
	static const struct answer a[] = { { "https://e", .reason = PROV_OK } };
	struct world *w = W(a);
	unsigned asked = 0;

	(void)state;
	w->cfg.methods = 1u << MST_METHOD_CERT | 1u << MST_METHOD_BBN | 1u << MST_METHOD_FILE;
	w->cfg.can_reach = only_https;
	w->cfg.arg = &asked;
	world_boot(w);
	seq_start(&q[0]);
	seq_add(&q[0], MST_METHOD_PSK, "https://a");
	seq_add(&q[0], MST_METHOD_CERT, "coaps://b");
	seq_add(&q[0], MST_METHOD_DHCP, "c");
	seq_add(&q[0], MST_METHOD_BBN, "coaps://d");
	seq_maf_uri(seq_add(&q[0], MST_METHOD_CERT, "https://x"), "coaps://maf");
	seq_add(&q[0], MST_METHOD_FILE,
		"/media/x.seq"); /* no URI, so nobody asks whether it can be reached */
	seq_add(&q[0], MST_METHOD_CERT, "https://e");
	world_start(w, seq_done(&q[0]));
	world_run(w);
	assert_string_equal(w->log, "save get:/media/x.seq=unreachable save try:https://e save");
	assert_string_equal(world_reports(w),
			    "0.0=unsupported 0.1=unsupported 0.2=unsupported 0.3=unsupported "
			    "0.4=unsupported 0.5=unreachable 0.6=ok");
	world_free(w);
}

/* lesson 7: nothing that can be done is no endless loop but a wait */
static void nothing_supported_waits(void **state)
{
	struct world *w = world_new(NULL, 0);

	(void)state;
	w->cfg.methods = 0;
	world_boot(w);
	world_start(w, seq_text(&q[0], "cert https://a; bbn https://b"));
	world_run(w);
	assert_string_equal(w->log, "save");
	assert_int_equal(prov_state(w->p), PROV_WAITING);
	/* lesson 27: a method that becomes possible counts from the next instruction on */
	prov_set_methods(w->p, 1u << MST_METHOD_CERT);
	w->now = prov_deadline(w->p);
	prov_tick(w->p, w->now, w->utc, 0);
	world_run(w);
	assert_string_equal(world_reports(w), "0.0=unreachable 0.1=unsupported");
	world_free(w);
}

static void validity_of_a_trigger(void **state)
{
	struct world *w = world_new(NULL, 0);
	struct mst_diag d = { 0 };

	(void)state;
	seq_text(&q[0], "cert https://a");
	seq_valid(&q[0], UTC - 10, UTC + 10);
	seq_done(&q[0]);
	assert_int_equal(prov_trigger(w->p, q[0].cbor, ATTEMPT, 0, UTC - 11, 0, &d), PROV_NOT_YET_VALID);
	assert_int_equal(prov_trigger(w->p, q[0].cbor, ATTEMPT, 0, UTC + 10, 0, &d), PROV_EXPIRED);
	assert_string_equal(d.field, "validUntil");
	assert_int_equal(prov_state(w->p), PROV_IDLE);
	assert_true(!prov_sequence(w->p).n && prov_valid(w->p, UTC) == PROV_EMPTY);
	assert_int_equal(prov_trigger(w->p, q[0].cbor, ATTEMPT, 0, UTC + 9, 0, &d), 0);
	/* it is what whoever is enrolled would begin with again */
	assert_true(mst_view_eq(prov_sequence(w->p), q[0].cbor));
	assert_int_equal(prov_valid(w->p, UTC + 9), PROV_OK);
	assert_int_equal(prov_valid(w->p, UTC + 10), PROV_EXPIRED);
	assert_int_equal(prov_valid(w->p, UTC - 11), PROV_NOT_YET_VALID);
	assert_int_equal(prov_valid(w->p, 0), PROV_OK);
	assert_int_equal(prov_trigger(w->p, q[0].cbor, ATTEMPT, 0, UTC - 10, 0, &d), 0);
	/* lesson 15: a device without a clock judges no dates */
	assert_int_equal(prov_trigger(w->p, q[0].cbor, ATTEMPT, 0, 0, 0, &d), 0);
	world_free(w);
}

static void validity_inside_a_run(void **state)
{
	struct answer a[4];
	struct world *w;

	(void)state;
	seq_text(&q[1], "cert https://m");
	seq_valid(&q[1], 0, UTC);
	a[0] = (struct answer){ "https://old", .yields = seq_done(&q[1]) };
	seq_text(&q[2], "cert https://m");
	seq_valid(&q[2], UTC + 1, 0);
	a[1] = (struct answer){ "https://new", .yields = seq_done(&q[2]) };
	a[2] = (struct answer){ "https://good", .reason = PROV_OK };
	w = world_new(a, 3);
	seq_start(&q[0]);
	seq_add(&q[0], MST_METHOD_BBN, "https://old");
	seq_add(&q[0], MST_METHOD_BBN, "https://new");
	seq_expires(seq_add(&q[0], MST_METHOD_CERT, "https://over"), UTC);
	seq_expires(seq_add(&q[0], MST_METHOD_CERT, "https://good"), UTC + 1);
	world_start(w, seq_done(&q[0]));
	world_run(w);
	assert_string_equal(w->log, "save get:https://old save get:https://new save try:https://good save");
	assert_string_equal(world_reports(w), "0.0=expired 0.1=not yet valid 0.2=expired 0.3=ok");
	world_free(w);
}

/* The trigger's sequence runs out while the device waits: said, and never tried again in vain. */
static void a_sequence_expires_while_waiting(void **state)
{
	struct world *w = world_new(NULL, 0);

	(void)state;
	seq_text(&q[0], "cert https://a; cert https://b");
	seq_valid(&q[0], 0, UTC + 60);
	world_start(w, seq_done(&q[0]));
	world_run(w);
	w->now = prov_deadline(w->p);
	w->utc += 60;
	w->log[0] = '\0';
	prov_tick(w->p, w->now, w->utc, 0);
	world_run(w);
	assert_string_equal(w->log, "save");
	assert_string_equal(world_reports(w), "0.0=expired 0.1=expired");
	world_free(w);
}

static void retry_after_is_a_floor(void **state)
{
	struct answer a[] = { { "https://a", .reason = PROV_BUSY, .retry_after = 90 },
			      { "https://b", .reason = PROV_BUSY, .retry_after = 600 },
			      { "https://c", .reason = PROV_BUSY, .retry_after = 30 } };
	struct world *w = W(a);

	(void)state;
	w->rnd = 0x40000000u;
	world_start(w, seq_text(&q[0], "cert https://a; cert https://b; cert https://c"));
	world_run(w);
	assert_int_equal(prov_deadline(w->p), NOW + 600000 + 1250);     /* the longest, and jitter on top */
	/* the next run starts without it */
	a[0].retry_after = a[1].retry_after = a[2].retry_after = -5;
	w->now = prov_deadline(w->p);
	prov_tick(w->p, w->now, w->utc, w->rnd);
	world_run(w);
	assert_int_equal(prov_deadline(w->p), w->now + 2500);
	/* and nobody silences a device for good */
	a[1].retry_after = INT64_MAX;
	w->now = prov_deadline(w->p);
	prov_tick(w->p, w->now, w->utc, 0);
	w->rnd = 0;
	world_run(w);
	assert_int_equal(prov_deadline(w->p), w->now + INT64_C(1000) * PROV_RETRY_AFTER_MAX);
	world_free(w);
}

static void a_new_trigger_replaces_and_starts_at_once(void **state)
{
	static const struct answer a[] = { { "https://z", .reason = PROV_OK } };
	struct world *w = W(a);
	uint32_t serial;

	(void)state;
	w->rnd = 0xffffffffu;
	world_start(w, seq_text(&q[0], "cert https://a"));
	for (int i = 0; i < 5; i++) {
		world_run(w);
		w->now = prov_deadline(w->p);
		prov_tick(w->p, w->now, w->utc, w->rnd);
	}
	world_step(w, false);
	assert_int_equal(prov_want(w->p), PROV_WANT_BOOTSTRAP);
	assert_int_equal(prov_runs(w->p), 6);
	serial = prov_serial(w->p);
	/* in the middle of a bootstrap */
	assert_int_equal(prov_trigger(w->p, seq_text(&q[1], "cert https://y; cert https://z"),
	                              "ffffffffffffffffffffffffffffffff", w->now, w->utc, 0, NULL), 0);
	assert_int_equal(prov_runs(w->p), 1);
	assert_int_not_equal(prov_serial(w->p), serial);
	assert_string_equal(prov_attempt(w->p), "ffffffffffffffffffffffffffffffff");
	w->log[0] = '\0';
	world_run(w);
	assert_string_equal(w->log, "save try:https://y=unreachable save try:https://z save");
	assert_int_equal(prov_state(w->p), PROV_ENROLLED);
	world_free(w);
}

/* lesson 1: a handle is as good as new after any failure; and a refused input changes nothing */
static void a_refused_trigger_changes_nothing(void **state)
{
	static const uint8_t junk[] = { 0xa1, 0x01, 0x01, 0x00 };
	static uint8_t huge[MST_SEQ_OCTETS + 1];
	static uint8_t before[1 << 20];
	struct mst_view good = seq_text(&q[0], "cert https://a");
	const struct { struct mst_view seq; const char *attempt; enum prov_reason r; } bad[] = {
		{ { junk, sizeof(junk) }, ATTEMPT, PROV_MALFORMED },
		{ MST_VIEW_NONE, ATTEMPT, PROV_EMPTY },
		{ { huge, sizeof(huge) }, ATTEMPT, PROV_OVERSIZED },
		{ { good.p, good.n - 1 }, ATTEMPT, PROV_MALFORMED },
		{ good, NULL, PROV_MALFORMED },
		{ good, "", PROV_MALFORMED },
		{ good, "00112233445566778899AABBCCDDEEF", PROV_MALFORMED },
		{ good, "00112233445566778899AABBCCDDEEFG", PROV_MALFORMED },
		{ good, "00112233445566778899AABBCCDDEEFF00", PROV_MALFORMED },
	};
	struct world *w = world_new(NULL, 0);
	size_t until_trial = offsetof(struct prov, trial);

	(void)state;
	for (int running = 0; running < 2; running++) {
		for (size_t i = 0; i < MST_COUNT(bad); i++) {
			struct mst_diag d = { 0 };

			memcpy(before, w->p, until_trial);
			assert_int_equal(
				prov_trigger(w->p, bad[i].seq, bad[i].attempt, w->now, w->utc, 0, &d),
				bad[i].r);
			assert_true(d.text[0] != '\0');
			assert_memory_equal(before, w->p, until_trial);
		}
		world_start(w, good);
		world_step(w, false);
	}
	world_free(w);
}

static void full_disk_means_no_effect(void **state)
{
	static const struct answer a[] = { { "https://a", .reason = PROV_OK } };
	struct world *w = W(a);

	(void)state;
	/* lesson 17 */
	w->disk_full = true;
	w->rnd = UINT32_MAX;
	world_start(w, seq_text(&q[0], "cert https://a"));
	world_run(w);
	assert_string_equal(w->log, "save=full");
	assert_int_equal(prov_state(w->p), PROV_WAITING);
	assert_string_equal(world_reports(w), "0.0=storage");
	/* and no hammering on the disk either: this is a failed run with its wait */
	assert_int_equal(prov_deadline(w->p), NOW + 5000);
	w->disk_full = false;
	w->now = prov_deadline(w->p);
	prov_tick(w->p, w->now, w->utc, 0);
	world_step(w, false);
	world_step(w, false);
	/* full again after the success: enrolled all the same, the credential has its own slot */
	w->disk_full = true;
	world_run(w);
	assert_int_equal(prov_state(w->p), PROV_ENROLLED);
	assert_string_equal(world_reports(w), "0.0=ok 0.0=storage");
	world_free(w);
}

/* lesson 7: nobody waits for ever */
static void every_awaited_thing_has_a_deadline(void **state)
{
	struct answer a[] = { { "https://a", .yields = seq_text(&q[1], "cert https://m") } };
	struct world *w = W(a);

	(void)state;
	world_start(w, seq_text(&q[0], "bbn https://a; cert https://b"));
	assert_int_equal(prov_deadline(w->p), w->now + PROV_SAVE_MS);
	world_step(w, false);
	assert_int_equal(prov_deadline(w->p), w->now + w->cfg.discover_ms);
	w->now = prov_deadline(w->p);
	prov_tick(w->p, w->now, w->utc, 0);
	assert_string_equal(world_reports(w), "0.0=timeout");
	/* the answer that comes now is too late, and says so */
	assert_int_equal(prov_discovered(w->p, a[0].yields, w->now, w->utc, 0, NULL), PROV_REFUSED);
	world_step(w, false);
	assert_int_equal(prov_deadline(w->p), w->now + w->cfg.bootstrap_ms);
	w->now = prov_deadline(w->p);
	prov_tick(w->p, w->now, w->utc, 0);
	prov_succeeded(w->p, w->now, w->utc, 0);
	assert_string_equal(world_reports(w), "0.0=timeout 0.1=timeout");
	w->now = prov_deadline(w->p);
	prov_tick(w->p, w->now, w->utc, 0xffffffffu);
	assert_int_equal(prov_state(w->p), PROV_WAITING);
	assert_string_equal(world_reports(w), "0.0=timeout 0.1=timeout 0.0=storage");
	assert_true(prov_deadline(w->p) < MST_NEVER);
	world_free(w);
}

static void only_a_lost_credential_goes_back_to_bootstrap(void **state)
{
	static const struct answer a[] = { { "https://b", .reason = PROV_OK } };
	struct world *w = W(a);

	(void)state;
	world_start(w, seq_text(&q[0], "cert https://a; cert https://b"));
	prov_credential_lost(w->p, w->now, w->utc, 7);
	assert_string_equal(prov_attempt(w->p), ATTEMPT);
	world_run(w);
	/* lessons 2 and 6: being enrolled needs no server and has no timer; a late failure is nothing */
	prov_tick(w->p, INT64_MAX - 1, w->utc, 0);
	prov_failed(w->p, PROV_UNREACHABLE, "", 0, w->now, w->utc, 0);
	assert_int_equal(prov_state(w->p), PROV_ENROLLED);
	/* lesson 5: unknown or revoked, on the other hand, heals itself */
	prov_credential_lost(w->p, w->now, w->utc, 0x1234abcdu);
	assert_int_equal(prov_runs(w->p), 1);
	assert_string_equal(prov_attempt(w->p), "00112233445566778899AABB1234abcd");
	w->log[0] = '\0';
	world_run(w);
	assert_string_equal(w->log, "save try:https://a=unreachable save try:https://b save");
	assert_int_equal(prov_state(w->p), PROV_ENROLLED);
	world_free(w);
}

static void reports_are_bounded(void **state)
{
	struct answer a[5];
	struct world *w;
	char uri[5][32], text[2048];

	(void)state;
	for (int i = 0; i < 4; i++) {
		text[0] = '\0';
		for (int k = 0; k < 16; k++)
			sprintf(text + strlen(text), "%scert https://m%d-%d", k ? "; " : "", i, k);
		sprintf(uri[i], "https://bbn%d", i);
		a[i] = (struct answer){ uri[i], .yields = seq_text(&q[1 + i], text) };
	}
	w = world_new(a, 4);
	world_start(
		w, seq_text(&q[0], "bbn https://bbn0; bbn https://bbn1; bbn https://bbn2; bbn https://bbn3"));
	world_run(w);
	assert_int_equal(w->effects, 4 * 17);
	assert_int_equal(w->p->n_reports, PROV_REASONS_MAX);
	assert_int_equal(prov_reports_lost(w->p), 4 * 17 - PROV_REASONS_MAX);
	world_free(w);
}

/* Each answer names two more resources; the run stops asking, and still tries what is left. */
static void resources_are_bounded(void **state)
{
	struct world *w = world_new(NULL, 0);
	char text[512] = "", more[128];
	unsigned asked = 0;

	(void)state;
	for (int k = 0; k < 15; k++)
		sprintf(text + strlen(text), "bbn https://first%d; ", k);
	strcat(text, "cert https://last");
	world_start(w, seq_text(&q[0], text));
	while (prov_want(w->p) != PROV_WANT_NOTHING && prov_want(w->p) != PROV_WANT_BOOTSTRAP) {
		if (prov_want(w->p) != PROV_WANT_DISCOVER) {
			world_step(w, false);
			continue;
		}
		if (w->p->depth == 0)
			sprintf(more, "bbn https://second%u; bbn https://third%u", asked, asked);
		asked++;
		assert_int_equal(prov_discovered(w->p, seq_text(&q[1], w->p->depth ? "cert https://m" : more),
		                                 w->now, w->utc, 0, NULL), 0);
		while (prov_want(w->p) == PROV_WANT_BOOTSTRAP || prov_want(w->p) == PROV_WANT_SAVE) {
			if (prov_current(w->p) && mst_view_eq_str(prov_current(w->p)->uri, "https://last"))
				break;
			world_step(w, false);
		}
	}
	assert_int_equal(asked, PROV_RESOURCES_MAX);
	/* 21 second ones ended in a bootstrap; one second one and four first ones were not asked */
	assert_int_equal(w->p->n_reports + prov_reports_lost(w->p), PROV_RESOURCES_MAX + 21 + 1 + 4);
	assert_true(mst_view_eq_str(prov_current(w->p)->uri, "https://last"));
	world_free(w);
}

/* A shell's slip: a failure that is none. */
static void a_failure_without_a_reason(void **state)
{
	struct world *w = world_new(NULL, 0);

	(void)state;
	world_start(w, seq_text(&q[0], "cert https://a; cert https://b; cert https://c"));
	world_step(w, false);
	prov_failed(w->p, PROV_OK, NULL, 0, w->now, w->utc, 0);
	world_step(w, false);
	prov_failed(w->p, PROV_REASON__COUNT, "", 0, w->now, w->utc, 0);
	assert_string_equal(world_reports(w), "0.0=internal 0.1=internal");
	world_free(w);
}

/* Three sequences of nearly full length can be open at once; a fourth would not fit what can be kept. */
static void open_sequences_fit_the_blob(void **state)
{
	static const char *const uri[] = { "https://bbn0", "https://bbn1", "https://bbn2", "https://bbn3" };
	static uint8_t der[1900];
	struct answer a[3];
	struct world *w;

	(void)state;
	/* what a certificate looks like from afar: a SEQUENCE of that length */
	memcpy(der, (uint8_t[]){ 0x30, 0x82, (sizeof(der) - 4) >> 8, (sizeof(der) - 4) & 0xff }, 4);
	for (int i = 0; i < 4; i++) {
		seq_start(&q[i]);
		seq_add(&q[i], MST_METHOD_BBN, uri[i]);
		for (int k = 0; k < 4; k++) {
			struct mst_instruction *x = seq_add(&q[i], MST_METHOD_CERT, "https://m");

			seq_anchor(x, (struct mst_view){ der, sizeof(der) });
			seq_anchor(x, (struct mst_view){ der, sizeof(der) });
		}
		seq_done(&q[i]);
		assert_in_range(q[i].cbor.n, 15000, PROV_SEQ_TOTAL / 3);
		if (i)
			a[i - 1] = (struct answer){ uri[i - 1], .yields = q[i].cbor };
	}
	w = world_new(a, 3);
	world_start(w, q[0].cbor);
	for (int i = 0; i < 5; i++)
		world_step(w, false);
	assert_in_range(w->disk_n, 3 * q[0].cbor.n, PROV_BLOB_MAX);
	world_run(w);
	assert_non_null(strstr(world_reports(w), "0.0=ok 1.0=ok 2.0=storage 2.1=unreachable"));
	assert_int_equal(prov_state(w->p), PROV_WAITING);
	world_free(w);
}

static void bad_storage_and_config_are_refused(void **state)
{
	static const struct prov_config good = {
		.methods = 1, .backoff_first = 1, .backoff_max = 1, .discover_ms = 1, .bootstrap_ms = 1
	};
	struct world *w = world_new(NULL, 0);
	struct prov_config c = good;

	(void)state;
	assert_non_null(prov_init(w->p, prov_size(), &good));
	assert_null(prov_init(w->p, prov_size() - 1, &good));
	assert_null(prov_init((char *)w->p + 1, prov_size(), &good));
	assert_null(prov_init(NULL, prov_size(), &good));
	c.backoff_first = 0;
	assert_null(prov_init(w->p, prov_size(), &c));
	c = good, c.backoff_first = 2;
	assert_null(prov_init(w->p, prov_size(), &c));
	c = good, c.backoff_max = INT64_C(1) << 32;
	assert_null(prov_init(w->p, prov_size(), &c));
	c = good, c.discover_ms = 0;
	assert_null(prov_init(w->p, prov_size(), &c));
	c = good, c.bootstrap_ms = -1;
	assert_null(prov_init(w->p, prov_size(), &c));
	assert_true(prov_size() < 200 * 1024);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(first_success_ends_everything),
		cmocka_unit_test(all_fail_and_every_reason_is_kept),
		cmocka_unit_test(the_wait_ends_in_the_same_sequence_again),
		cmocka_unit_test(a_discovery_runs_in_its_place),
		cmocka_unit_test(a_failed_discovery_is_a_failed_instruction),
		cmocka_unit_test(an_empty_discovery),
		cmocka_unit_test(too_deep),
		cmocka_unit_test(no_resource_twice),
		cmocka_unit_test(a_resource_that_failed_may_be_named_again),
		cmocka_unit_test(unsupported_is_skipped_before_anything_leaves),
		cmocka_unit_test(nothing_supported_waits),
		cmocka_unit_test(validity_of_a_trigger),
		cmocka_unit_test(validity_inside_a_run),
		cmocka_unit_test(a_sequence_expires_while_waiting),
		cmocka_unit_test(retry_after_is_a_floor),
		cmocka_unit_test(a_new_trigger_replaces_and_starts_at_once),
		cmocka_unit_test(a_refused_trigger_changes_nothing),
		cmocka_unit_test(full_disk_means_no_effect),
		cmocka_unit_test(every_awaited_thing_has_a_deadline),
		cmocka_unit_test(only_a_lost_credential_goes_back_to_bootstrap),
		cmocka_unit_test(reports_are_bounded),
		cmocka_unit_test(resources_are_bounded),
		cmocka_unit_test(a_failure_without_a_reason),
		cmocka_unit_test(open_sequences_fit_the_blob),
		cmocka_unit_test(bad_storage_and_config_are_refused),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
