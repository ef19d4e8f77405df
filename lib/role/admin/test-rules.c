/* Owner's rules over the admin API: every path good and bad, order, versions, what the audit log says, try and replay. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "role/admin/rules.h"
#include "role/admin/test-store.h"

#define NOW 1795212591 /* 20261120T220951 */

struct fix {
	char dir[64];
	struct mst_store *s;
	struct mst_role_conf conf;
	int fault;
};

static uint8_t answer_room[MST_ANSWER_MAX];

/* As the engine does it. The answer as text, good until the next call; NULL on a fault. */
static const char *call(struct fix *f, enum mst_op op, const char *target, const char *body, int *ret_rsc)
{
	struct mst_role_env env = { .store = f->s, .conf = &f->conf, .now = NOW };
	struct mst_exchange x = { .role = MST_ROLE_ADMIN, .peer = { .how = MST_AUTH_LOCAL, .uid = geteuid() },
				  .request = { .op = op, .to = mst_view_str(target), .content = mst_view_str(body) } };
	struct mst_answer a = { .content = mst_writer_of(answer_room, sizeof(answer_room) - 1) };
	int r = mst_store_begin(f->s);

	if (!r)
		r = mst_store_mark(f->s);
	if (!r) {
		r = mst_role_admin.handle(&env, &x, &a);
		if (!r)
			r = mst_store_release(f->s);
		else
			mst_store_undo(f->s);
		if (!r)
			r = mst_store_commit(f->s);
	}
	if (r)
		mst_store_rollback(f->s);
	f->fault = r;
	*ret_rsc = r ? 0 : a.rsc;
	answer_room[a.content.n] = '\0';
	return r ? NULL : (const char *)answer_room;
}

static void must(struct fix *f, const char *target, const char *body, int rsc, const char *part)
{
	int got;
	const char *text = call(f, *body ? MST_OP_CREATE : MST_OP_RETRIEVE, target, body, &got);

	if (!text || got != rsc || !strstr(text, part))
		fail_msg("%s %s: %d, %s", target, body, got, text ? text : "fault");
}

static int set_up(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	test_store_open(f->dir, "rules", &f->s);
	f->conf.makers.n = 1;
	must(f, "/v1/subscriptions", "{\"id\":\"gold\",\"spFQDN\":\"sp.example.com\",\"mafFQDN\":\"maf.example.com\","
	     "\"mafURI\":\"https://maf.example.com:8444\",\"notAfter\":\"20271121T000000\"}", 2001, "");
	must(f, "/v1/nodes", "{\"nodeID\":\"urn:a\",\"subscription\":\"gold\",\"maker\":\"acme\",\"anchor\":\"any\"}", 2001, "");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fix *f = *state;

	test_store_close(f->dir, f->s);
	free(f);
	return 0;
}

static uint64_t last_event(struct fix *f)
{
	uint64_t n;

	assert_int_equal(mst_store_event_last(f->s, &n), 0);
	return n;
}

#define CERT "{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.example.com\"}"
#define RULE(name, more) "{\"name\":\"" name "\"," more "\"then\":{\"instructions\":[" CERT "]}}"
#define ADD(name, more, where) "{\"rule\":" RULE(name, more) where "}"

/* In order: each builds on those before. `events`: how many lines the audit log grows by. */
static const struct {
	const char *target, *body;
	int rsc;
	const char *part;
	int events;
} rows[] = {
	{ "/v1/rules", "", 2000, "{\"set\":0,\"rules\":[]}", 0 },
	{ "/v1/rule-sets", "", 2000, "{\"sets\":[]}", 0 },
	{ "/v1/rules", "{}", 4000, "\"field\":\"rule\"", 0 },
	{ "/v1/rules", "{\"rule\":{\"name\":\"x\"}}", 4000, "\"field\":\"then\"", 0 },
	{ "/v1/rules", "{\"rule\":" RULE("x", "\"when\":{\"circle\":{\"latitude\":1,\"longitude\":1}},") "}", 4000,
	  "\"field\":\"when.circle.radius\"", 0 },
	{ "/v1/rules", ADD("a", "", ",\"sets\":1"), 4000, "known are rule, set, before", 0 },
	{ "/v1/rules", ADD("a", "", ""), 2001, "{\"set\":1,\"position\":1,\"rule\":{\"name\":\"a\"", 1 },
	{ "/v1/rules", ADD("a", "", ""), 4105, "exists already", 0 },
	{ "/v1/rules", ADD("b", "", ",\"set\":0"), 4105, "this is set 1, you have looked at 0", 0 },
	{ "/v1/rules", ADD("b", "", ",\"set\":\"1\""), 4000, "\"field\":\"set\"", 0 },
	{ "/v1/rules", ADD("b", "\"when\":{\"makers\":[\"acme\"]},", ",\"set\":1,\"before\":\"a\""), 2001, "\"position\":1", 1 },
	{ "/v1/rules", ADD("c", "", ",\"before\":\"zzz\""), 4000, "\"field\":\"before\"", 0 },
	{ "/v1/rules", ADD("c", "", ",\"before\":\"a\",\"position\":1"), 4000, "one of before, after and position", 0 },
	{ "/v1/rules", ADD("c", "", ",\"position\":0"), 4000, "1 is first", 0 },
	{ "/v1/rules", ADD("c", "", ",\"after\":\"b\""), 2001, "\"position\":2", 1 },
	{ "/v1/rules/c", "", 2000, "{\"set\":3,\"position\":2,\"rule\":{\"name\":\"c\"", 0 },
	{ "/v1/rules/zzz", "", 4004, "no rule of this name", 0 },
	{ "/v1/rules?limit=1", "", 2000, "\"next\":1}", 0 },
	{ "/v1/rules?limit=1&after=1", "", 2000, "[{\"position\":2,\"rule\":{\"name\":\"c\"", 0 },
	{ "/v1/rules?limit=1&after=2", "", 2000, "\"name\":\"a\"", 0 },
	{ "/v1/rules?set=1", "", 2000, "{\"set\":1,\"rules\":[{\"position\":1,\"rule\":{\"name\":\"a\",", 0 },
	{ "/v1/rules?set=99", "", 4004, "\"field\":\"set\"", 0 },
	/* edit: same place, the words of the difference */
	{ "/v1/rules/b/edit", "{\"rule\":" RULE("b", "\"note\":\"K\xc3\xb6ln\",\"when\":{\"makers\":[\"acme\",\"bolt\"]},") "}", 2000,
	  "\"set\":4,\"position\":1", 1 },
	{ "/v1/rules/b/edit", "{\"rule\":" RULE("b", "\"note\":\"K\xc3\xb6ln\",\"when\":{\"makers\":[\"acme\",\"bolt\"]},") "}", 2000,
	  "\"set\":4,\"position\":1", 0 },
	{ "/v1/events?what=rule.edited", "", 2000,
	  "\"why\":\"b: when.makers [\\\"acme\\\"] \xe2\x86\x92 [\\\"acme\\\",\\\"bolt\\\"]; note now \\\"K\xc3\xb6ln\\\"\"", 0 },
	{ "/v1/rules/b/edit", "{\"rule\":" RULE("c", "") "}", 4105, "another rule has this name", 0 },
	{ "/v1/rules/b/edit", "{\"rule\":" RULE("b2", "") ",\"set\":4}", 2000, "\"name\":\"b2\"", 1 },
	{ "/v1/rules/b/edit", "{\"rule\":" RULE("b", "") "}", 4004, "", 0 },
	{ "/v1/rules/b2/edit", "{\"rule\":7}", 4000, "\"field\":\"rule\"", 0 },
	/* move */
	{ "/v1/rules/a/move", "{}", 4000, "where to", 0 },
	{ "/v1/rules/a/move", "{\"before\":\"a\"}", 4000, "another rule", 0 },
	{ "/v1/rules/a/move", "{\"position\":1}", 2000, "\"set\":6,\"position\":1", 1 },
	{ "/v1/rules/a/move", "{\"position\":1}", 2000, "\"set\":6,\"position\":1", 0 },
	{ "/v1/events?what=rule.moved", "", 2000, "\"why\":\"a: from 3 to 1\"", 0 },
	/* switch */
	{ "/v1/rules/a/disable", "{\"set\":5}", 4105, "", 0 },
	{ "/v1/rules/a/disable", "{\"set\":6}", 2000, "\"disabled\":true", 1 },
	{ "/v1/rules/a/disable", "{}", 2000, "\"set\":7", 0 },
	{ "/v1/rules/a/enable", "{\"x\":1}", 4000, "known are set", 0 },
	{ "/v1/rules/a/enable", "{}", 2000, "{\"set\":8,\"position\":1,\"rule\":{\"name\":\"a\",\"then\"", 1 },
	{ "/v1/rules/c/delete", "{}", 2000, "{\"set\":9,\"deleted\":\"c\"}", 1 },
	{ "/v1/rules/c/delete", "{}", 4004, "", 0 },
	{ "/v1/rule-sets", "", 2000, "{\"set\":9,\"at\":\"20261120T220951\",\"who\":\"uid ", 0 },
	/* back */
	{ "/v1/rule-rollback", "{\"to\":99}", 4004, "still kept", 0 },
	{ "/v1/rule-rollback", "{\"to\":\"3\"}", 4000, "\"field\":\"to\"", 0 },
	{ "/v1/rule-rollback", "{\"to\":9}", 2000, "{\"set\":9}", 0 },
	{ "/v1/rule-rollback", "{\"to\":3,\"set\":9}", 2000, "{\"set\":10,\"rules\":3}", 1 },
	{ "/v1/rules", "", 2000, "{\"set\":10,\"rules\":[{\"position\":1,\"rule\":{\"name\":\"b\",\"when\":{\"makers\":[\"acme\"]}", 0 },
	{ "/v1/events?what=rules.", "", 2000, "\"why\":\"to set 3\"", 0 },
	{ "/v1/rules/b/edit", "", 4004, "", 0 },
};

static void every_path(void **state)
{
	struct fix *f = *state;

	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		uint64_t before = last_event(f);

		must(f, rows[i].target, rows[i].body, rows[i].rsc, rows[i].part);
		if (last_event(f) - before != (uint64_t)rows[i].events)
			fail_msg("row %zu %s: %llu events", i, rows[i].target, (unsigned long long)(last_event(f) - before));
	}
}

/* Between two neighbours there is room for twenty; then all get new numbers, and nobody sees it. */
static void no_room_between(void **state)
{
	struct fix *f = *state;
	char body[512], part[64];
	struct mst_rule_row row;

	must(f, "/v1/rules", ADD("first", "", ""), 2001, "");
	must(f, "/v1/rules", ADD("last", "", ""), 2001, "");
	for (int i = 0; i < 60; i++) {
		snprintf(body, sizeof(body), "{\"rule\":{\"name\":\"r%d\",\"then\":{\"deny\":\"x\"}},\"after\":\"first\"}", i);
		must(f, "/v1/rules", body, 2001, "\"position\":2");
	}
	must(f, "/v1/rules/last", "", 2000, "\"position\":62");
	for (int i = 0; i < 60; i++) {
		snprintf(body, sizeof(body), "/v1/rules/r%d", i);
		snprintf(part, sizeof(part), "\"position\":%d,", 61 - i);
		must(f, body, "", 2000, part);
	}
	/* an earlier version is as it was */
	must(f, "/v1/rules?set=30&after=28", "", 2000, "[{\"position\":29,\"rule\":{\"name\":\"r0\"");
	assert_int_equal(mst_store_rule_get(f->s, "r59", &row), 0);
}

/* Growth is bounded (lesson 17): only so many sets are kept. */
static void old_sets_go(void **state)
{
	struct fix *f = *state;

	must(f, "/v1/rules", ADD("a", "", ""), 2001, "");
	for (int i = 0; i < ADMIN_RULE_VERSIONS / 2 + 5; i++) {
		must(f, "/v1/rules/a/disable", "{}", 2000, "");
		must(f, "/v1/rules/a/enable", "{}", 2000, "");
	}
	must(f, "/v1/rule-rollback", "{\"to\":5}", 4004, "still kept");
	must(f, "/v1/rule-rollback", "{\"to\":12}", 2000, "\"set\":212");
	must(f, "/v1/rules/a", "", 2000, "\"disabled\":true");
}

/* A fault at any step: the set is what it was, and its number too. */
static void a_fault_changes_nothing(void **state)
{
	struct fix *f = *state;
	const char *text = NULL;
	unsigned at;
	int rsc;

	must(f, "/v1/rules", ADD("a", "", ""), 2001, "");
	must(f, "/v1/rules", ADD("b", "", ""), 2001, "");
	for (at = 1; !text; at++) {
		must(f, "/v1/rules", "", 2000, "{\"set\":2,\"rules\":[{\"position\":1,\"rule\":{\"name\":\"a\"");
		mst_store_fail_at(f->s, at);
		text = call(f, MST_OP_CREATE, "/v1/rules/b/move", "{\"position\":1}", &rsc);
		mst_store_fail_at(f->s, 0);
		assert_int_equal(f->fault, text ? 0 : MST_FAULT_STORE);
	}
	assert_true(at > 7);
	must(f, "/v1/rules", "", 2000, "{\"set\":3,\"rules\":[{\"position\":1,\"rule\":{\"name\":\"b\"");
}

static void checks(void **state)
{
	static const char dead[] = "{\"rules\":[" RULE("sub", "\"when\":{\"subscriptions\":[\"gold\",\"none\",\"g*\"]},") ","
				   RULE("twin", "\"note\":\"n\",\"when\":{\"subscriptions\":[\"gold\",\"none\",\"g*\"]},") ","
				   RULE("all", "") "," RULE("open", "\"public\":true,") "," RULE("late", "\"when\":{\"makers\":[\"x\"]},") ","
				   RULE("off", "\"disabled\":true,") "," RULE("past", "\"validUntil\":\"20260101T000000\",") ","
				   RULE("psk", "\"when\":{\"methods\":[\"psk\"]},") ","
				   RULE("typo", "\"when\":{\"failed\":{\"reason\":\"unreachabel\"}},") ","
				   RULE("told", "\"when\":{\"failed\":{\"reason\":\"not authenticated\"}},") ","
				   RULE("mac", "\"when\":{\"failed\":{\"reason\":\"wrong-m*\"}},") ","
				   RULE("signed", "\"when\":{\"failed\":{\"reason\":\"signer-*\"}},") ","
				   RULE("none", "\"when\":{\"failed\":{\"reason\":\"signer-x*\"}},") ","
				   RULE("method", "\"when\":{\"failed\":{\"method\":\"bbn\"}},") "],\"only\":true}";
	struct fix *f = *state;
	const char *text;
	int rsc, warned = 0;

	must(f, "/v1/rule-check", "{}", 2000, "{\"set\":0,\"rules\":0,\"ok\":true,\"cut\":false,\"findings\":[]}");
	text = call(f, MST_OP_CREATE, "/v1/rule-check", dead, &rsc);
	assert_int_equal(rsc, 2000);
	assert_non_null(strstr(text, "\"rule\":\"sub\",\"position\":1,\"level\":\"error\",\"text\":\"there is no subscription none\""));
	assert_non_null(strstr(text, "\"rule\":\"twin\",\"position\":2,\"level\":\"warning\",\"text\":\"is never reached: rule sub (1)"));
	assert_non_null(strstr(text, "\"rule\":\"late\",\"position\":5,\"level\":\"warning\",\"text\":\"is never reached: rule all (3)"));
	assert_non_null(strstr(text, "\"rule\":\"past\",\"position\":7,\"level\":\"warning\",\"text\":\"has ended"));
	assert_non_null(strstr(text, "none of its instructions"));
	/* strangers do reach it, though they have no subscription */
	assert_null(strstr(text, "\"rule\":\"open\",\"position\":4,\"level\":\"warning\",\"text\":\"is never"));
	assert_non_null(strstr(text, "\"rule\":\"open\",\"position\":4,\"level\":\"warning\",\"text\":\"instruction 1 leaves target"));
	assert_null(strstr(text, "\"rule\":\"off\""));
	assert_non_null(strstr(text, "\"rule\":\"typo\",\"position\":9,\"level\":\"warning\",\"text\":\"no muster-agent gives the reason \\\"unreachabel\\\""));
	for (const char *at = strstr(text, "gives the reason"); at; at = strstr(at + 1, "gives the reason"))
		warned++;
	assert_int_equal(warned, 2);
	must(f, "/v1/rule-check", "{\"only\":true}", 4000, "\"field\":\"rules\"");
	must(f, "/v1/rule-check", "{\"rules\":[{\"name\":\"x\"}]}", 4000, "\"field\":\"rules[0].then\"");
	must(f, "/v1/rule-check", "{\"rules\":[" RULE("x", "") "," RULE("x", "") "]}", 4000, "\"field\":\"rules[1].name\"");
	/* an anchor that is DER, but no certificate */
	must(f, "/v1/rule-check", "{\"rules\":[{\"name\":\"x\",\"then\":{\"instructions\":[{\"kind\":\"discovery\",\"method\":\"bbn\","
	     "\"uri\":\"https://bbn.example.com\",\"anchors\":[\"MA4CDAABAgMEBQYHCAkKCw==\"]}]}}]}", 2000, "anchor 1 is no certificate");
}

static void tries(void **state)
{
	struct fix *f = *state;

	must(f, "/v1/rules", ADD("north", "\"when\":{\"sites\":[\"north*\"]},", ""), 2001, "");
	must(f, "/v1/rules", ADD("acme", "\"when\":{\"makers\":[\"acme\"],\"authentication\":[\"cert\"]},", ""), 2001, "");
	must(f, "/v1/rule-try", "{}", 4000, "\"field\":\"facts\"");
	must(f, "/v1/rule-try", "{\"node\":\"urn:none\"}", 4004, "\"field\":\"node\"");
	must(f, "/v1/rule-try", "{\"node\":\"urn:a\",\"facts\":{\"makr\":\"x\"}}", 4000, "\"field\":\"makr\"");
	/* it never asked: what it can do is assumed; the target is its subscription's */
	must(f, "/v1/rule-try", "{\"node\":\"urn:a\"}", 2000, "\"assumed\":true,\"outcome\":\"instructions\"");
	must(f, "/v1/rule-try", "{\"node\":\"urn:a\"}", 2000, "\"holds\":false,\"words\":\"no: site is not known, wanted north*\"");
	must(f, "/v1/rule-try", "{\"node\":\"urn:a\"}", 2000, "\"mafURI\":\"https://maf.example.com:8444\"");
	must(f, "/v1/rule-try", "{\"node\":\"urn:a\"}", 2000, "\"rule\":\"acme\",\"position\":2");
	must(f, "/v1/nodes/urn%3Aa/place", "{\"site\":\"north-7\"}", 2000, "");
	must(f, "/v1/rule-try", "{\"node\":\"urn:a\"}", 2000, "\"rule\":\"north\",\"position\":1");
	must(f, "/v1/rule-try", "{\"node\":\"urn:a\",\"facts\":{\"methods\":[\"psk\"]}}", 2000, "\"outcome\":\"no-method\"");
	must(f, "/v1/rule-try", "{\"node\":\"urn:a\",\"facts\":{\"place\":null,\"maker\":\"bolt\"}}", 2000, "\"outcome\":\"no-rule\"");
	must(f, "/v1/rule-try", "{\"facts\":{\"authentication\":\"none\",\"maker\":\"acme\"}}", 2000, "\"outcome\":\"not-authenticated\"");
	must(f, "/v1/rule-try", "{\"facts\":{\"maker\":\"acme\"}}", 2000, "\"outcome\":\"no-subscription\"");
	/* a rule that is not there yet */
	must(f, "/v1/rule-try", "{\"node\":\"urn:a\",\"rules\":[{\"name\":\"new\",\"then\":{\"deny\":\"closed\"}}],\"position\":1}", 2000,
	     "\"outcome\":\"denied\",\"text\":\"closed\"");
	must(f, "/v1/rules", "", 2000, "{\"set\":2,\"rules\":[{\"position\":1,\"rule\":{\"name\":\"north\"");
}

/* New ones go where they are wanted, changed ones stay in their place, whatever stands before. */
static void laid_over(void **state)
{
	static const char list[] = "\"rules\":[{\"name\":\"n1\",\"when\":{\"makers\":[\"1\"]},\"then\":{\"deny\":\"n1\"}},"
				   "{\"name\":\"c\",\"when\":{\"makers\":[\"2\"]},\"then\":{\"deny\":\"c\"}},"
				   "{\"name\":\"n2\",\"when\":{\"makers\":[\"3\"]},\"then\":{\"deny\":\"n2\"}},"
				   "{\"name\":\"a\",\"when\":{\"makers\":[\"4\"]},\"then\":{\"deny\":\"a\"}}]";
	static const char *const order[] = { "a", "n1", "n2", "b", "c" };
	static const char *const maker[] = { "4", "1", "3", "b", "2" };
	struct fix *f = *state;
	char body[1024], part[64];

	must(f, "/v1/rules", ADD("a", "\"when\":{\"makers\":[\"a\"]},", ""), 2001, "");
	must(f, "/v1/rules", ADD("b", "\"when\":{\"makers\":[\"b\"]},", ""), 2001, "");
	must(f, "/v1/rules", ADD("c", "\"when\":{\"makers\":[\"c\"]},", ""), 2001, "");
	for (size_t i = 0; i < MST_COUNT(order); i++) {
		snprintf(body, sizeof(body), "{\"facts\":{\"maker\":\"%s\"},%s,\"before\":\"b\"}", maker[i], list);
		snprintf(part, sizeof(part), "\"rule\":\"%s\",\"position\":%zu", order[i], i + 1);
		must(f, "/v1/rule-try", body, 2000, part);
	}
	snprintf(body, sizeof(body), "{\"facts\":{\"maker\":\"4\"},%s,\"only\":true}", list);
	must(f, "/v1/rule-try", body, 2000, "\"rule\":\"a\",\"position\":4");
}

static void record(struct fix *f, int i, const char *maker, const char *rule, const char *mef)
{
	struct mst_rule_facts facts = { .now = NOW - i, .auth = MST_RULE_AUTH_CERT, .maker = mst_view_str(maker),
					.methods = { MST_METHOD_CERT }, .n_methods = 1, .sp = MST_VIEW_LIT("sp.example.com"),
					.maf = MST_VIEW_LIT("maf.example.com") };
	struct mst_sequence s = { .has = 0x17, .version = 1, .id = MST_VIEW_LIT("old"), .n_instructions = 1 };
	struct mst_instruction *in = &s.instructions[0];
	struct mst_briefing b = { .node = 1, .at = NOW - i, .until = NOW, .outcome = *rule ? 0 : MST_BRIEF_NO_RULE };
	struct mst_writer w = mst_writer_of(b.facts.b, sizeof(b.facts.b)), a = mst_writer_of(b.answer.b, sizeof(b.answer.b));

	mst_rule_facts_mark(&facts);
	mst_rule_facts_write_cbor(&facts, &w);
	b.facts.n = (uint16_t)w.n;
	s.has = 1u << MST_SQ_VERSION | 1u << MST_SQ_ID | 1u << MST_SQ_INSTRUCTIONS;
	*in = (struct mst_instruction){ .kind = MST_INSTR_BOOTSTRAP, .method = MST_METHOD_CERT, .uri = mst_view_str(mef),
					.target = facts.maf, .admin_fqdn = facts.sp };
	in->has = 1u << MST_IN_KIND | 1u << MST_IN_METHOD | 1u << MST_IN_URI | 1u << MST_IN_TARGET | 1u << MST_IN_ADMIN;
	mst_sequence_write_cbor(&s, &a);
	b.answer.n = (uint16_t)(*rule ? a.n : 0);
	snprintf(b.id, sizeof(b.id), "b%d", i);
	snprintf(b.who, sizeof(b.who), "node 1");
	snprintf(b.attempt, sizeof(b.attempt), "%032d", i);
	snprintf(b.rule, sizeof(b.rule), "%s", rule);
	b.ask[0] = (uint8_t)i;
	assert_int_equal(mst_store_briefing_put(f->s, &b), 0);
}

static void replays(void **state)
{
	struct fix *f = *state;

	must(f, "/v1/rules", ADD("acme", "\"when\":{\"makers\":[\"acme\"]},", ""), 2001, "");
	record(f, 1, "acme", "acme", "https://mef.example.com");
	record(f, 2, "acme", "acme", "https://other.example.com");
	record(f, 3, "bolt", "", "");
	must(f, "/v1/rule-replay", "{}", 2000, "\"briefings\":3,\"same\":2,\"different\":1,\"unreadable\":0");
	must(f, "/v1/rule-replay", "{}", 2000, "{\"briefing\":\"b2\",\"at\":\"20261120T220949\",\"node\":\"urn:a\",\"wasRule\":\"acme\","
	     "\"wasOutcome\":\"instructions\",\"rule\":\"acme\",\"outcome\":\"instructions\",\"text\":\"the same rule, other instructions\"}");
	must(f, "/v1/rule-replay", "{\"limit\":1}", 2000, "\"briefings\":1,\"same\":1");
	must(f, "/v1/rule-replay", "{\"since\":\"20261120T220949\"}", 2000, "\"briefings\":2");
	must(f, "/v1/rule-replay", "{\"rules\":[" RULE("bolt", "\"when\":{\"makers\":[\"bolt\"]},") "]}", 2000,
	     "\"wasRule\":\"\",\"wasOutcome\":\"no-rule\",\"rule\":\"bolt\",\"outcome\":\"instructions\"");
	must(f, "/v1/rule-replay", "{\"rules\":[],\"only\":true}", 2000, "\"same\":1,\"different\":2");
	must(f, "/v1/rule-replay", "{\"limit\":0}", 4000, "\"field\":\"limit\"");
	must(f, "/v1/rule-replay", "{\"since\":\"x\"}", 4000, "\"field\":\"since\"");
	must(f, "/v1/rules", "", 2000, "\"set\":1");
	/* and the node is tried with what it said last */
	must(f, "/v1/rule-try", "{\"node\":\"urn:a\"}", 2000, "\"assumed\":false");
}

/* Ten thousand rules still answer, in pages and cut lists. */
static void many(void **state)
{
	struct fix *f = *state;
	struct mst_rules_version v = { .who = "test" };
	struct mst_rule_row row = { .since = 1 };
	const char *text;
	int rsc;

	assert_int_equal(mst_store_begin(f->s), 0);
	assert_int_equal(mst_store_rules_next(f->s, &v), 0);
	for (int i = 0; i < 10000; i++) {
		struct mst_rule rule = { .has = 1u << MST_RU_NAME | 1u << MST_RU_THEN | 1u << MST_RU_WHEN, .then = { .has = 1u << MST_RT_DENY } };
		struct mst_writer w = mst_writer_of(row.cbor.b, sizeof(row.cbor.b));
		char site[32];

		snprintf(row.name, sizeof(row.name), "r%d", i);
		snprintf(site, sizeof(site), "site-%d", i);
		rule.name = mst_view_str(row.name);
		rule.then.deny = rule.name;
		rule.when.has = 1u << MST_RW_SITES;
		rule.when.sites[0] = mst_view_str(site);
		rule.when.n_sites = 1;
		mst_rule_write_cbor(&rule, &w);
		row.cbor.n = (uint16_t)w.n;
		row.place = i + 1;
		assert_int_equal(mst_store_rule_put(f->s, &row), 0);
	}
	assert_int_equal(mst_store_commit(f->s), 0);
	must(f, "/v1/rules?limit=500", "", 2000, "\"next\":500");
	must(f, "/v1/rule-check", "{}", 2000, "\"rules\":10000,\"ok\":true");
	text = call(f, MST_OP_CREATE, "/v1/rule-try", "{\"facts\":{\"location\":{\"site\":\"site-9999\"}}}", &rsc);
	assert_int_equal(rsc, 2000);
	assert_non_null(strstr(text, "\"rule\":\"r9999\",\"position\":10000"));
	assert_non_null(strstr(text, "\"cut\":true"));
	must(f, "/v1/rules/r9999/move", "{\"position\":2}", 2000, "\"position\":2"); /* no room: all are written anew */
	must(f, "/v1/rules/r1", "", 2000, "\"position\":3");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(every_path), T(no_room_between), T(old_sets_go), T(a_fault_changes_nothing), T(checks), T(tries), T(laid_over),
		T(replays), T(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
