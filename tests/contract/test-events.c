/* What every database's audit log must do: chain, filters, retention. */
#include "contract.h"

#include <stdio.h>
#include <string.h>

struct seen {
	uint64_t n;
	char first[40];
};

static int keep_event(void *arg, const struct mst_event *r)
{
	struct seen *seen = arg;

	if (!seen->n++)
		snprintf(seen->first, sizeof(seen->first), "%s", r->what);
	return 0;
}

static void events(void **state)
{
	struct fix *f = *state;
	static const struct {
		struct mst_event_filter f;
		int n;
		const char *first;
	} row[] = {
		{ { 0 }, 10, "mef.registered" },
		{ { .after = 4, .limit = 3 }, 3, "mef.registered" },
		{ { .node = 3 }, 1, "mef.registered" },
		{ { .attempt = "00000000000000000000000000000002" }, 2, "maf.enrolled" },
		{ { .node = 4, .attempt = "00000000000000000000000000000002" }, 1, "maf.enrolled" },
		{ { .after = 10 }, 0, "" },
	};
	uint64_t last = 7, entries, bad;

	assert_int_equal(mst_store_event_last(f->s, &last), 0);
	assert_int_equal(last, 0);
	for (int i = 1; i <= 10; i++) {
		struct mst_event e = make_event(i);

		assert_int_equal(mst_store_event_append(f->s, &e), 0);
		assert_int_equal(e.seq, i);
	}
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		struct seen seen = { .n = 0 };

		print_message("# event filter %zu\n", i);
		assert_int_equal(mst_store_event_list(f->s, &row[i].f, keep_event, &seen), 0);
		assert_int_equal(seen.n, row[i].n);
		assert_string_equal(seen.first, row[i].first);
	}
	/* the chain goes on over a restart */
	contract_reopen(f);
	{
		struct mst_event e = make_event(11);

		assert_int_equal(mst_store_event_append(f->s, &e), 0);
		assert_int_equal(e.seq, 11);
	}
	assert_int_equal(mst_store_event_check(f->s, &entries, &bad), 0);
	assert_int_equal(entries, 11);
}

static int keep_seal(void *arg, const struct mst_log_seal *s)
{
	uint64_t *sum = arg;

	*sum += s->seq;
	return 0;
}

/* A walk in pieces sees what a walk at once sees; of which entries a seal may be, and how many seals stay. */
static void walks_and_seals(void **state)
{
	struct fix *f = *state;
	static const struct { uint64_t seq; bool other; int want; } is[] = {
		{ 2, false, MST_STORE_NONE }, { 4, false, 0 }, { 4, true, MST_FAULT_CORRUPT }, { 5, false, 0 }, { 5, true, MST_FAULT_CORRUPT },
		{ 11, false, 0 }, { 12, false, MST_FAULT_CORRUPT },
	};
	struct mst_event_head head[12] = { { 0 } };
	struct mst_event_walk w = { .limit = 4 };
	struct mst_event told;
	uint64_t sum = 0;
	unsigned pieces = 0;

	for (int i = 1; i <= 10; i++) {
		struct mst_event e = make_event(i);

		assert_int_equal(mst_store_event_append(f->s, &e), 0);
		assert_int_equal(mst_store_event_head(f->s, &head[i]), 0);
		assert_int_equal(head[i].seq, i);
		assert_memory_equal(head[i].hash, e.hash, sizeof(e.hash));
	}
	for (uint64_t n = 0; !w.end; pieces++, n += w.entries) {
		assert_int_equal(mst_store_event_walk(f->s, &w), 0);
		assert_int_equal(w.at.seq, n + w.entries);
		assert_memory_equal(w.at.hash, head[w.at.seq].hash, sizeof(w.at.hash));
	}
	assert_int_equal(pieces, 3);
	/* from the end there is nothing more; a hash that is not the entry's own does not fit what follows */
	assert_int_equal(mst_store_event_walk(f->s, &w), 0);
	assert_true(w.end && !w.entries);
	w = (struct mst_event_walk){ .at = head[3], .limit = 2 };
	w.at.hash[0] ^= 1;
	assert_int_equal(mst_store_event_walk(f->s, &w), MST_FAULT_CORRUPT);
	assert_int_equal(w.bad, 4);

	/* not behind what is sealed, and what is sealed already gone is no reason to go on */
	assert_int_equal(mst_store_event_shorten(f->s, &(struct mst_event_limit){ .most = 6, .chunk = 100, .now = 1700000200, .sealed = 4 }, &told), 0);
	assert_int_equal(told.seq, 11);
	assert_int_equal(mst_store_event_shorten(f->s, &(struct mst_event_limit){ .most = 1, .chunk = 100, .sealed = 4 }, &told), MST_STORE_NONE);
	assert_int_equal(mst_store_event_shorten(f->s, &(struct mst_event_limit){ .most = 1, .chunk = 100, .sealed = 3 }, &told), MST_STORE_NONE);
	assert_int_equal(mst_store_event_head(f->s, &head[11]), 0);
	w = (struct mst_event_walk){ .at = head[2] };                    /* who was on the way goes on from the anchor */
	assert_int_equal(mst_store_event_walk(f->s, &w), 0);
	assert_true(w.end && w.at.seq == 11 && w.entries == 7);
	for (size_t i = 0; i < MST_COUNT(is); i++) {
		struct mst_event_head h = is[i].seq < 12 ? head[is[i].seq] : (struct mst_event_head){ .seq = is[i].seq };

		h.hash[31] ^= is[i].other;
		if (mst_store_event_is(f->s, &h) != is[i].want)
			fail_msg("is %zu", i);
	}
	assert_true(mst_store_seal_put(f->s, &(struct mst_log_seal){ .seq = 7 }) < 0);      /* not the hash of entry 7 */
	for (uint64_t i = 1; i <= MST_SEALS_KEPT + 3; i++) {
		struct mst_event e = make_event(1);
		struct mst_log_seal s = { .sig = { 1 } };

		assert_int_equal(mst_store_event_append(f->s, &e), 0);
		s.seq = e.seq;
		memcpy(s.hash, e.hash, sizeof(s.hash));
		assert_int_equal(mst_store_seal_put(f->s, &s), 0);
		assert_int_equal(mst_store_seal_put(f->s, &s), MST_STORE_EXISTS);
	}
	contract_reopen(f);
	assert_int_equal(mst_store_seal_list(f->s, 0, keep_seal, &sum), 0);
	assert_int_equal(sum, (15 + 114) * MST_SEALS_KEPT / 2);
	sum = 0;
	assert_int_equal(mst_store_seal_list(f->s, 113, keep_seal, &sum), 0);
	assert_int_equal(sum, 114);
}

/* Which entries may go: from the beginning, by age and by number, some at a time, never the newest. */
static void events_are_given_up(void **state)
{
	struct fix *f = *state;
	static const struct {
		struct mst_event_limit k;
		uint64_t first, last;     /* of what is there afterwards */
	} row[] = {
		{ { .chunk = 100 }, 1, 10 },                                    /* no limit */
		{ { .most = 10, .chunk = 100 }, 1, 10 },
		{ { .before = 1700000001, .chunk = 100 }, 1, 10 },              /* none is older */
		{ { .before = 1700000003, .chunk = 100 }, 3, 11 },
		{ { .before = 1700000003, .most = 9, .chunk = 100 }, 3, 11 },
		{ { .before = 1700000002, .most = 8, .chunk = 100 }, 4, 12 },   /* both: the stricter one counts */
		{ { .before = 1700000099, .chunk = 2 }, 6, 13 },                /* a piece at a time */
		{ { .before = 1700000099, .chunk = 100 }, 11, 14 },             /* up to the first that is young */
		{ { .most = 1, .chunk = 100 }, 14, 15 },
		{ { .before = MST_TIME_MAX, .chunk = 100 }, 15, 16 },
	};
	struct mst_event_anchor a;
	struct mst_event_span span;
	uint64_t entries, bad;

	assert_int_equal(mst_store_event_span(f->s, &span), 0);
	assert_int_equal(span.first + span.last, 0);
	assert_int_equal(mst_store_event_shorten(f->s, &(struct mst_event_limit){ .most = 1, .chunk = 1 },
						 &(struct mst_event){ 0 }), MST_STORE_NONE);
	for (int i = 1; i <= 10; i++) {
		struct mst_event e = make_event(i);

		assert_int_equal(mst_store_event_append(f->s, &e), 0);
	}
	for (size_t i = 0; i < MST_COUNT(row); i++) {
		uint64_t was = mst_store_event_last(f->s, &was) ? 0 : was;
		struct mst_event_limit k = row[i].k;
		struct mst_event told = { .seq = 0 };
		struct seen seen = { .n = 0 };
		int r;

		print_message("# shorten %zu\n", i);
		k.now = 1700000200 + (mst_time)i;
		r = mst_store_event_shorten(f->s, &k, &told);
		assert_int_equal(r, row[i].last == was ? MST_STORE_NONE : 0);
		assert_int_equal(told.seq, r ? 0 : row[i].last);
		contract_reopen(f);
		assert_int_equal(mst_store_event_span(f->s, &span), 0);
		assert_int_equal(span.first, row[i].first);
		assert_int_equal(span.last, row[i].last);
		assert_true(span.octets >= 4096);
		assert_int_equal(mst_store_event_anchor(f->s, &a), 0);
		assert_int_equal(a.seq, row[i].first - 1);
		assert_int_equal(mst_store_event_check(f->s, &entries, &bad), 0);
		assert_int_equal(entries, row[i].last - row[i].first + 1);
		assert_int_equal(mst_store_event_list(f->s, &(struct mst_event_filter){ 0 }, keep_event, &seen), 0);
		assert_int_equal(seen.n, entries);
		if (!r) {
			assert_int_equal(told.when, k.now);
			assert_int_equal(a.told, told.seq);
			assert_true(mst_event_tells(&told, &a));
			a.hash[31] ^= 1;
			assert_false(mst_event_tells(&told, &a));
		}
	}
	/* not inside a group, which would hold everybody up */
	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(mst_store_event_shorten(f->s, &row[8].k, &(struct mst_event){ 0 }), MST_FAULT_BUG);
	mst_store_rollback(f->s);
}

/* Known answer of the documented canonical text: computed with another program (sha256sum of 32 zero octets
 * and the nine lines). */
static void event_hash_known_answer(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_event e = { .when = 1795212591,
			       .role = "mef",
			       .what = "mef.registered",
			       .node = 7,
			       .who = "//sp.example.com/a b",
			       .attempt = "0123456789abcdef0123456789abcdef",
			       .outcome = 2001,
			       .why = "x=1\ny" };
	static const uint8_t expected[MST_SHA256_LEN] = {
		0x50, 0x94, 0x79, 0x33, 0x36, 0x1f, 0x65, 0xb3, 0xfc, 0x65, 0x5e,
		0xc1, 0x15, 0xe1, 0xdf, 0xff, 0xf5, 0xa0, 0xe5, 0x9d, 0xa9, 0x49,
		0x21, 0x41, 0xd5, 0x1b, 0x29, 0xea, 0x8b, 0x9c, 0xab, 0xcd,
	};

	assert_int_equal(mst_store_event_append(s, &e), 0);
	assert_memory_equal(e.hash, expected, sizeof(expected));
}

/* What was cut within a character is an entry all the same, in the chain as it is stored. */
static void half_a_character(void **state)
{
	struct mst_store *s = ((struct fix *)*state)->s;
	struct mst_event e = make_event(1);
	uint64_t entries, bad;

	snprintf(e.why, sizeof(e.why), "Pumpe gepr\xc3\xbc");
	e.why[strlen(e.why) - 1] = '\0';
	snprintf(e.who, sizeof(e.who), "\xff");
	assert_int_equal(mst_store_event_append(s, &e), 0);
	assert_string_equal(e.why, "Pumpe gepr?");
	assert_string_equal(e.who, "?");
	assert_int_equal(mst_store_event_check(s, &entries, &bad), 0);
	assert_int_equal(entries, 1);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, contract_set_up, contract_tear_down)
	const struct CMUnitTest tests[] = {
		T(events),
		T(events_are_given_up),
		T(walks_and_seals),
		T(event_hash_known_answer),
		T(half_a_character),
	};

	if (argc > 1)
		contract_prefix = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
