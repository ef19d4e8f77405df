/*
 * Helper of test-schema.py and test-rule-schema.py, not a test by itself: decodes messages of the kind that
 * the argument names (an instruction sequence without one) from standard input, one JSON text a line, and prints outcome, field and text, one line each.
 */
#include <stdio.h>
#include <string.h>

#include "codec/briefing.h"
#include "codec/bundle.h"
#include "codec/managed.h"
#include "codec/rule.h"

static uint8_t octets[MST_BUNDLE_OCTETS + 4 * MST_SEQ_OCTETS];
static union {
	struct mst_sequence sequence;
	struct mst_brief_ask ask;
	struct mst_brief_answer answer;
	struct mst_brief_refusal refusal;
	struct mst_brief_report report;
	struct mst_bundle bundle;
	struct mst_objects objects;
	struct mst_rule rule;
} any;

static int table(const struct mst_msg *m, struct mst_view v, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));

	return mst_msg_read_json(m, MST_PROFILE_LONG, v, &a, &any, d);
}

static int sequence(struct mst_view v, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));

	return mst_sequence_read_json(v, &a, &any.sequence, d);
}

static int ask(struct mst_view v, struct mst_diag *d)
{
	int o = table(&mst_brief_ask_msg, v, d);

	return o ? o : mst_brief_ask_check(&any.ask, d);
}

static int answer(struct mst_view v, struct mst_diag *d)
{
	int o = table(&mst_brief_answer_msg, v, d);

	return o ? o : mst_brief_answer_check(&any.answer, d);
}

static int refusal(struct mst_view v, struct mst_diag *d)
{
	return table(&mst_brief_refusal_msg, v, d);
}

static int report(struct mst_view v, struct mst_diag *d)
{
	int o = table(&mst_brief_report_msg, v, d);

	return o ? o : mst_brief_report_check(&any.report, d);
}

static int bundle(struct mst_view v, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));

	return mst_bundle_read_json(v, &a, &any.bundle, d);
}

static int objects(struct mst_view v, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));
	int o = mst_msg_read_json(&mst_objects_msg, MST_PROFILE_LONG, v, &a, &any.objects, d);

	return o ? o : mst_objects_check(&any.objects, true, d);
}

static int rule(struct mst_view v, struct mst_diag *d)
{
	struct mst_arena a = mst_arena_of(octets, sizeof(octets));

	return mst_rule_read_json(v, &a, &any.rule, d);
}

static const struct { const char *name; int (*read)(struct mst_view v, struct mst_diag *d); } readers[] = {
	{ "instruction-sequence", sequence }, { "briefing-request", ask }, { "briefing", answer },
	{ "briefing-refusal", refusal }, { "briefing-report", report }, { "bundle", bundle }, { "management-objects", objects },
	{ "rule", rule },
};

int main(int argc, char **argv)
{
	static char line[2 * MST_SEQ_OCTETS];
	size_t i = 0;

	while (i < MST_COUNT(readers) && strcmp(readers[i].name, argc > 1 ? argv[1] : readers[0].name) != 0)
		i++;
	if (i == MST_COUNT(readers))
		return 2;
	while (fgets(line, sizeof(line), stdin)) {
		struct mst_diag d = { 0 };
		int o;

		line[strcspn(line, "\n")] = '\0';
		o = readers[i].read(mst_view_str(line), &d);
		printf("%d\t%s\t%s\t%s\n", o, mst_msg_outcome_text(o), d.field, d.text);
	}
	return ferror(stdin) || ferror(stdout);
}
