/*
 * Any octets as an owner's rule and as facts, in both encodings: what one takes, the other takes too, as the same, and CBOR has
 * one encoding of it; a rule that was
 * taken can be compiled, and decides, answers and explains the same facts by the index as by itself.
 */
#include <stdlib.h>

#include "role/rules/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct mst_rule rule, again;
static struct mst_rule_facts facts, facts_again;
static struct mst_sequence seq;
static uint8_t scratch[MST_FACTS_OCTETS], scratch2[4 * MST_FACTS_OCTETS], json_room[4 * MST_FACTS_OCTETS], cbor_room[4 * MST_FACTS_OCTETS];
static uint8_t again_room[4 * MST_FACTS_OCTETS];

static int tell(void *arg, const struct mst_rule_verdict *v)
{
	*(bool *)arg = v->holds;
	if (!v->words[0])
		abort();
	return 0;
}

static void judge(struct mst_view cbor, const struct mst_rule_facts *f)
{
	struct mst_rule_match m, linear;
	struct mst_rule_set *set;
	struct mst_diag d = { 0 };
	bool holds = false;
	int o;

	if (mst_rule_set_build(&cbor, 1, &set, NULL, NULL))
		abort();
	o = mst_rule_decide(set, f, &m);
	if (o != mst_rule_decide_linear(set, f, &linear) || mst_rule_explain(set, f, tell, &holds) || holds != !o)
		abort();
	if (!o) {
		struct mst_arena a = mst_arena_of(scratch2, MST_RULE_OCTETS);

		o = mst_rule_answer(&m, f, MST_VIEW_LIT("b"), &a, &again, &seq, &d);
		if (o < 0 || (o && !d.text[0]) || (!o && mst_sequence_check(&seq, NULL)))
			abort();
	}
	mst_rule_set_free(set);
}

static bool again_is(struct mst_view cbor)
{
	struct mst_writer w = mst_writer_of(again_room, sizeof(again_room));

	mst_rule_write_cbor(&again, &w);
	return w.ok && mst_view_eq(mst_written(&w), cbor);
}

static bool facts_again_are(struct mst_view cbor)
{
	struct mst_writer w = mst_writer_of(again_room, sizeof(again_room));

	mst_rule_facts_write_cbor(&facts_again, &w);
	return w.ok && mst_view_eq(mst_written(&w), cbor);
}

static void other_way(struct mst_view came_as_cbor)
{
	struct mst_arena a = mst_arena_of(scratch2, sizeof(scratch2));
	struct mst_writer json = mst_writer_of(json_room, sizeof(json_room)), cbor = mst_writer_of(cbor_room, sizeof(cbor_room));
	struct mst_rule_facts none = { .auth = MST_RULE_AUTH_CERT, .now = 1 };

	mst_rule_write_json(&rule, &json);
	mst_rule_write_cbor(&rule, &cbor);
	if (!json.ok || !cbor.ok || (came_as_cbor.n && !mst_view_eq(mst_written(&cbor), came_as_cbor)))
		abort();
	if (json.n <= MST_RULE_OCTETS && (mst_rule_read_json(mst_written(&json), &a, &again, NULL) || !again_is(mst_written(&cbor))))
		abort();
	a.n = 0;
	if (cbor.n > MST_RULE_OCTETS)
		return;
	if (mst_rule_read_cbor(mst_written(&cbor), &a, &again, NULL) || !again_is(mst_written(&cbor)))
		abort();
	judge(mst_written(&cbor), &none);
}

static void facts_other_way(struct mst_view came_as_cbor)
{
	static const uint8_t all[] = "\xa3\x01\x61\x61\x07\xa1\x0d\x81\x61*\x08\xa1\x01\x61x"; /* {name a, when {makers [*]}, then {deny x}} */
	struct mst_arena a = mst_arena_of(scratch2, sizeof(scratch2));
	struct mst_writer json = mst_writer_of(json_room, sizeof(json_room)), cbor = mst_writer_of(cbor_room, sizeof(cbor_room));

	mst_rule_facts_write_json(&facts, &json);
	mst_rule_facts_write_cbor(&facts, &cbor);
	if (!json.ok || !cbor.ok || (came_as_cbor.n && !mst_view_eq(mst_written(&cbor), came_as_cbor)))
		abort();
	if (json.n <= MST_FACTS_OCTETS && (mst_rule_facts_read_json(mst_written(&json), &a, &facts_again, NULL) || !facts_again_are(mst_written(&cbor))))
		abort();
	a.n = 0;
	if (cbor.n <= MST_FACTS_OCTETS && (mst_rule_facts_read_cbor(mst_written(&cbor), &a, &facts_again, NULL) || !facts_again_are(mst_written(&cbor))))
		abort();
	judge((struct mst_view){ all, sizeof(all) - 1 }, &facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view in = { p, n };
	struct mst_arena a = mst_arena_of(scratch, MST_RULE_OCTETS);
	struct mst_diag d = { 0 };
	int o = mst_rule_read_json(in, &a, &rule, &d);

	/* the arena of the header's promise is never too small */
	if ((o && !d.text[0]) || (o == MST_MSG_TOO_LARGE && n <= MST_RULE_OCTETS))
		abort();
	if (!o)
		other_way(MST_VIEW_NONE);
	a.n = 0;
	o = mst_rule_read_cbor(in, &a, &rule, &d);
	if ((o && !d.text[0]) || a.n)
		abort();
	if (!o)
		other_way(in);
	a = mst_arena_of(scratch, sizeof(scratch));
	if (!mst_rule_facts_read_json(in, &a, &facts, &d))
		facts_other_way(MST_VIEW_NONE);
	a.n = 0;
	if (!mst_rule_facts_read_cbor(in, &a, &facts, &d))
		facts_other_way(in);
	return 0;
}
