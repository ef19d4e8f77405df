/* The briefing node's decisions on plain structs: one thing broken at a time, and each answer that there is. */
#include "tests/support/cm.h"

#include "role/bbn/bbn.h"

#define NOW 1800000000
#define DAY 86400
#define ATTEMPT "0123456789abcdef0123456789abcdef"
#define OTHER_ATTEMPT "11111111111111111111111111111111"

static struct mst_view V(const char *s) { return mst_view_str(s); }

/* Everything is right in it; each case breaks one thing. */
struct world {
	struct bbn_call c;
	struct mst_who w;
	struct bbn_records r;
	struct mst_peer peer;
	struct mst_role_conf conf;
	struct mst_chance chance;
	struct bbn_verdict v;
	struct mst_rule_set *set;
	uint8_t scratch[BBN_SCRATCH];
};

#define INSTRUCTION "{\"kind\":\"bootstrap\",\"method\":\"cert\",\"uri\":\"https://mef.example.com\"}"
static const char *const rules_text[] = {
	"{\"name\":\"denied\",\"when\":{\"makers\":[\"evil*\"]},\"then\":{\"deny\":\"not this maker\"}}",
	"{\"name\":\"sim\",\"when\":{\"sites\":[\"sim\"]},\"then\":{\"instructions\":[{\"kind\":\"bootstrap\",\"method\":\"gba\","
	"\"uri\":\"http://bsf.example.com\"}]}}",
	"{\"name\":\"north\",\"when\":{\"sites\":[\"north*\"]},\"then\":{\"validFor\":\"PT1H\",\"instructions\":[" INSTRUCTION "]}}",
	"{\"name\":\"known\",\"when\":{\"makers\":[\"acme\"]},\"then\":{\"instructions\":[" INSTRUCTION "]}}",
	"{\"name\":\"open\",\"public\":true,\"when\":{\"models\":[\"open\"]},\"then\":{\"instructions\":[{\"kind\":\"discovery\",\"method\":\"bbn\","
	"\"uri\":\"https://owner.example.com/briefing\"}]}}",
};

static struct mst_rule_set *build(void)
{
	static uint8_t cbor[MST_COUNT(rules_text)][2048], room[MST_RULE_OCTETS];
	static struct mst_rule rule;
	struct mst_view v[MST_COUNT(rules_text)];
	struct mst_rule_set *set;
	struct mst_diag d = { 0 };

	for (size_t i = 0; i < MST_COUNT(rules_text); i++) {
		struct mst_arena a = mst_arena_of(room, sizeof(room));
		struct mst_writer w = mst_writer_of(cbor[i], sizeof(cbor[i]));

		if (mst_rule_read_json(V(rules_text[i]), &a, &rule, &d))
			fail_msg("%zu: %s: %s", i, d.field, d.text);
		mst_rule_write_cbor(&rule, &w);
		v[i] = mst_written(&w);
	}
	assert_int_equal(mst_rule_set_build(v, MST_COUNT(v), &set, NULL, &d), 0);
	return set;
}

static void a_world(struct world *o, struct mst_rule_set *set)
{
	memset(o, 0, sizeof(*o));
	o->set = set;
	o->w.kind = MST_WHO_NODE;
	MST_STR_SET(o->w.id, "//sp.example.com/CSE0001");
	o->w.has_node = o->w.has_sub = true;
	o->w.node.id = 7;
	MST_STR_SET(o->w.node.node_id, "urn:dev:ops:1-a-7");
	MST_STR_SET(o->w.node.maker, "acme");
	MST_STR_SET(o->w.node.serial, "0007");
	MST_STR_SET(o->w.sub.id, "sub-secret");
	MST_STR_SET(o->w.sub.sp_fqdn, "sp.example.com");
	MST_STR_SET(o->w.sub.maf_fqdn, "maf.example.com");
	MST_STR_SET(o->w.sub.maf_uri, "https://maf.example.com:8444");
	o->w.sub.not_before = NOW - DAY;
	o->w.sub.not_after = NOW + 300 * DAY;
	o->w.name[0].kind = MST_ID_NODE;
	MST_STR_SET(o->w.name[0].value, o->w.node.node_id);
	o->w.name[1].kind = MST_ID_DEVICE;
	MST_STR_SET(o->w.name[1].value, "0.2.481.1.100.3030.10011");
	o->w.n_name = 2;
	o->peer.how = MST_AUTH_CERT;
	o->r.peer = &o->peer;
	o->r.rules = set;
	o->r.rules_version = 3;
	MST_STR_SET(o->r.who, "node 7");
	o->conf.retry_duration = 3600;
	o->conf.validity = 2 * DAY;
	o->conf.keep = 30 * DAY;
	memset(o->chance.b, 0x5a, sizeof(o->chance.b));
	o->c.what = BBN_BRIEF;
	MST_STR_SET(o->c.attempt, ATTEMPT);
	memset(o->c.sha256, 0xa1, sizeof(o->c.sha256));
	o->c.ask.methods[0] = MST_METHOD_CERT;
	o->c.ask.methods[1] = MST_METHOD_BBN;
	o->c.ask.n_methods = 2;
	o->c.ask.attempt = V(ATTEMPT);
}

static int decide(struct world *o)
{
	struct mst_arena a = mst_arena_of(o->scratch, sizeof(o->scratch));

	bbn_decide(&o->c, &o->w, &o->r, &o->conf, NOW, &o->chance, &a, &o->v);
	return o->v.rsc;
}

static void stranger(struct world *o)
{
	memset(&o->w, 0, sizeof(o->w));
	o->w.stranger = true;
	MST_STR_SET(o->w.why, "not authenticated");
	o->peer.how = MST_AUTH_ANONYMOUS;
	o->conf.strangers = true;
	o->r.who[0] = 0;
}

/* A certificate that a maker's CA signed, of a node that is in no registry. */
static void unknown(struct world *o)
{
	memset(&o->w, 0, sizeof(o->w));
	MST_STR_SET(o->w.why, "no name in the certificate is known");
	o->peer.cert.san[0].kind = MST_ID_NODE;
	MST_STR_SET(o->peer.cert.san[0].value, "urn:dev:ops:1-a-9");
	o->peer.cert.n_san = 1;
	MST_STR_SET(o->r.who, "key 00");
}

static bool nothing(const struct bbn_verdict *v)
{
	return !v->put_briefing && !v->put_node && !v->drop[0] && !v->again && !v->ended && v->tell_to <= v->tell_from;
}

static void briefed(void **state)
{
	static struct world o;
	static struct mst_sequence s;
	uint8_t room[4096];
	struct mst_arena a = mst_arena_of(room, sizeof(room));

	a_world(&o, *state);
	assert_int_equal(decide(&o), MST_RSC_OK);
	assert_int_equal(o.v.why, 0);
	assert_string_equal(o.v.briefing.rule, "known");
	assert_string_equal(o.v.briefing.id, "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a");
	assert_int_equal(o.v.briefing.rules_version, 3);
	assert_int_equal(o.v.briefing.node, 7);
	assert_int_equal(o.v.briefing.until, NOW + 2 * DAY);    /* the rule says nothing: bbn.briefing_validity */
	assert_true(o.v.put_briefing && o.v.put_node);
	assert_int_equal(o.v.node.state, MST_NODE_BRIEFED);
	assert_string_equal(o.v.node.last_step, "bbn-brief");
	assert_string_equal(o.v.node.attempt, ATTEMPT);
	assert_int_equal(mst_sequence_read_cbor((struct mst_view){ o.v.briefing.answer.b, o.v.briefing.answer.n }, &a, &s, NULL), 0);
	assert_int_equal(s.n_instructions, 1);
	assert_true(mst_view_eq_str(s.id, o.v.briefing.id));
	assert_true(mst_view_eq_str(s.instructions[0].target, "maf.example.com"));
	assert_true(mst_view_eq_str(s.instructions[0].admin_fqdn, "sp.example.com"));

	/* where the technician put it decides, and the rule's own time counts */
	o.r.has_place = true;
	o.r.place.has = 1 << MST_LO_SITE;
	MST_STR_SET(o.r.place.site, "north-2");
	assert_int_equal(decide(&o), MST_RSC_OK);
	assert_string_equal(o.v.briefing.rule, "north");
	assert_int_equal(o.v.briefing.until, NOW + 3600);
}

/* The facts that are stored are those that were judged, so that other rules can judge them again. */
static void facts_are_kept(void **state)
{
	static struct world o;
	static struct mst_rule_facts f;
	static uint8_t room[MST_FACTS_OCTETS];
	struct mst_arena a = mst_arena_of(room, sizeof(room));
	struct mst_rule_match m;

	a_world(&o, *state);
	o.c.ask.location.has = 1u << MST_LO_SITE;
	o.c.ask.location.site = V("north-9");
	o.c.ask.imsi = V("001010123456789");
	assert_int_equal(decide(&o), MST_RSC_OK);
	assert_int_equal(mst_rule_facts_read_cbor((struct mst_view){ o.v.briefing.facts.b, o.v.briefing.facts.n }, &a, &f, NULL), 0);
	assert_int_equal(f.auth, MST_RULE_AUTH_CERT);
	assert_true(f.node_proven && f.device_proven && !f.imsi_proven && !f.unknown);
	assert_true(mst_view_eq_str(f.imsi, "001010123456789"));
	assert_true(mst_view_eq_str(f.maker, "acme"));
	assert_true(mst_view_eq_str(f.location.site, "north-9"));
	assert_int_equal(mst_rule_decide(*state, &f, &m), 0);
	assert_true(mst_view_eq_str(m.name, o.v.briefing.rule));
}

/* Never backwards (architecture 4). */
static void life(void **state)
{
	static const struct { enum mst_node_state was, is; } rows[] = {
		{ MST_NODE_KNOWN, MST_NODE_BRIEFED }, { MST_NODE_BRIEFED, MST_NODE_BRIEFED },
		{ MST_NODE_ENROLLING, MST_NODE_ENROLLING }, { MST_NODE_ENROLLED, MST_NODE_ENROLLED },
		{ MST_NODE_EXPIRING, MST_NODE_EXPIRING },
	};
	static struct world o;

	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		a_world(&o, *state);
		o.w.node.state = rows[i].was;
		assert_int_equal(decide(&o), MST_RSC_OK);
		assert_int_equal(o.v.node.state, rows[i].is);
	}
}

#define BREAK(name, how) static void b_##name(struct world *o) { how; }
BREAK(suspended, o->w.node.state = MST_NODE_SUSPENDED)
BREAK(revoked, o->w.node.state = MST_NODE_REVOKED)
BREAK(sub_suspended, o->w.sub.state = MST_SUB_SUSPENDED)
BREAK(sub_ended, o->w.sub.state = MST_SUB_ENDED)
BREAK(sub_over, o->w.sub.not_after = NOW)
BREAK(sub_early, o->w.sub.not_before = NOW + 1)
BREAK(no_sub, o->w.has_sub = false)
BREAK(released, o->w.node.state = MST_NODE_RELEASED)
BREAK(other_node, o->c.ask.node_id = V("urn:dev:ops:1-a-8"))
BREAK(other_device, o->c.ask.device_id = V("0.2.481.1.100.3030.10012"))
BREAK(other_maker, o->c.ask.maker = V("globex"))
BREAK(other_serial, o->c.ask.serial = V("0008"))
BREAK(no_rules, o->r.rules = NULL)
BREAK(no_rule, MST_STR_SET(o->w.node.maker, "initech"))
BREAK(denied, MST_STR_SET(o->w.node.maker, "evil inc"))
BREAK(no_method, o->c.ask.location.has = 1u << MST_LO_SITE; o->c.ask.location.site = V("sim"))
BREAK(stranger_shut, stranger(o); o->conf.strangers = false)
BREAK(stranger_nothing, stranger(o))
BREAK(stranger_not_public, stranger(o); o->c.ask.maker = V("acme"))
BREAK(unknown_nothing, unknown(o))
BREAK(unknown_not_public, unknown(o); o->c.ask.maker = V("acme"))
BREAK(unknown_other_name, unknown(o); o->c.ask.node_id = V("urn:dev:ops:1-a-7"))
BREAK(clash, unknown(o); o->w.clash = true; o->c.ask.model = V("open"))
BREAK(psk_gone, unknown(o); o->peer.how = MST_AUTH_PSK; o->w.clash = true)
BREAK(maf, o->w.kind = MST_WHO_MAF; o->w.has_node = false)
BREAK(nothing_called, o->c.what = BBN_NOTHING)

static void refused(void **state)
{
	static const struct { const char *name; void (*how)(struct world *); int rsc, why; bool kept; } rows[] = {
		{ "suspended", b_suspended, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_ACTIVE, false },
		{ "revoked", b_revoked, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_ACTIVE, false },
		{ "subscription suspended", b_sub_suspended, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_ACTIVE, false },
		{ "subscription ended", b_sub_ended, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_ACTIVE, false },
		{ "subscription over", b_sub_over, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_ACTIVE, false },
		{ "subscription early", b_sub_early, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_ACTIVE, false },
		/* the rule leaves the target to a subscription */
		{ "no subscription", b_no_sub, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_ACTIVE, true },
		{ "released", b_released, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_ACTIVE, true },
		{ "another node", b_other_node, MST_RSC_NO_PRIVILEGE, MST_BRIEF_MISMATCH, false },
		{ "another device", b_other_device, MST_RSC_NO_PRIVILEGE, MST_BRIEF_MISMATCH, false },
		{ "another maker", b_other_maker, MST_RSC_NO_PRIVILEGE, MST_BRIEF_MISMATCH, false },
		{ "another serial", b_other_serial, MST_RSC_NO_PRIVILEGE, MST_BRIEF_MISMATCH, false },
		{ "no rules", b_no_rules, MST_RSC_NOT_FOUND, MST_BRIEF_NO_RULE, true },
		{ "no rule", b_no_rule, MST_RSC_NOT_FOUND, MST_BRIEF_NO_RULE, true },
		{ "denied", b_denied, MST_RSC_NOT_FOUND, MST_BRIEF_NO_RULE, true },
		{ "no method", b_no_method, MST_RSC_CONFLICT, MST_BRIEF_NO_METHOD, true },
		{ "strangers are not let in", b_stranger_shut, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_AUTHENTICATED, false },
		{ "no rule for strangers", b_stranger_nothing, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_AUTHENTICATED, false },
		{ "not for strangers", b_stranger_not_public, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_AUTHENTICATED, false },
		{ "unknown, no rule", b_unknown_nothing, MST_RSC_NO_PRIVILEGE, MST_BRIEF_UNKNOWN_NODE, true },
		{ "unknown, rule not public", b_unknown_not_public, MST_RSC_NO_PRIVILEGE, MST_BRIEF_UNKNOWN_NODE, true },
		{ "unknown, says it is another", b_unknown_other_name, MST_RSC_NO_PRIVILEGE, MST_BRIEF_MISMATCH, false },
		{ "somebody else's name", b_clash, MST_RSC_NO_PRIVILEGE, MST_BRIEF_UNKNOWN_NODE, false },
		{ "its secret is gone", b_psk_gone, MST_RSC_NO_PRIVILEGE, MST_BRIEF_UNKNOWN_NODE, false },
		{ "no node at all", b_maf, MST_RSC_NO_PRIVILEGE, MST_BRIEF_UNKNOWN_NODE, false },
		{ "no operation", b_nothing_called, MST_RSC_OPERATION_NOT_ALLOWED, MST_BRIEF_MALFORMED, false },
	};
	static struct world o;

	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		a_world(&o, *state);
		rows[i].how(&o);
		if (decide(&o) != rows[i].rsc || o.v.why != rows[i].why || o.v.put_briefing != rows[i].kept)
			fail_msg("%s: %d, why %d, kept %d; %s", rows[i].name, o.v.rsc, o.v.why, o.v.put_briefing, o.v.text);
		assert_false(o.v.put_node);
		assert_true(rows[i].kept || nothing(&o.v));
		assert_int_equal(o.v.briefing.answer.n, 0);
		assert_true(o.v.say[0] && o.v.text[0]);
		/* for whom no rule is there, it may be there later */
		assert_true(!rows[i].kept || o.v.retry == 3600);
	}
	a_world(&o, *state);
	b_denied(&o);
	(void)decide(&o);
	assert_string_equal(o.v.say, "not this maker");
}

/* Whether a rule would hold, had it proven who it is, is the operator's to know: the answers are the same in everything. */
static void nothing_of_rules_that_are_not_public(void **state)
{
	static const struct { void (*without)(struct world *), (*with)(struct world *); } rows[] = {
		{ b_stranger_nothing, b_stranger_not_public }, { b_unknown_nothing, b_unknown_not_public },
	};
	static struct world o, other;

	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		a_world(&o, *state);
		rows[i].without(&o);
		(void)decide(&o);
		a_world(&other, *state);
		rows[i].with(&other);
		(void)decide(&other);
		assert_int_equal(o.v.rsc, other.v.rsc);
		assert_int_equal(o.v.why, other.v.why);
		assert_int_equal(o.v.retry, other.v.retry);
		assert_string_equal(o.v.say, other.v.say);
		assert_non_null(strstr(o.v.text, "no rule holds"));
		assert_non_null(strstr(other.v.text, "a rule that is not public would hold"));
	}
}

static void public_rules(void **state)
{
	static struct world o;
	char id[33];

	a_world(&o, *state);
	stranger(&o);
	o.c.ask.model = V("open");
	assert_int_equal(decide(&o), MST_RSC_OK);
	assert_string_equal(o.v.briefing.rule, "open");
	assert_false(o.v.put_briefing || o.v.put_node);         /* no unauthenticated byte changes durable state */
	memcpy(id, o.v.briefing.id, sizeof(id));
	memset(o.chance.b, 0x11, sizeof(o.chance.b));
	assert_int_equal(decide(&o), MST_RSC_OK);
	assert_string_equal(o.v.briefing.id, id);               /* the same question, the same id */

	a_world(&o, *state);
	unknown(&o);
	o.c.ask.model = V("open");
	assert_int_equal(decide(&o), MST_RSC_OK);
	assert_true(o.v.put_briefing);
	assert_false(o.v.put_node);
	assert_int_equal(o.v.briefing.node, 0);
	assert_true(o.v.facts.unknown && o.v.facts.node_proven);
}

/* Lesson 10: the answer was lost, the question comes again. */
static void asked_again(void **state)
{
	static struct world o;

	a_world(&o, *state);
	assert_int_equal(decide(&o), MST_RSC_OK);
	o.r.has_briefing = true;
	o.r.briefing = o.v.briefing;
	memset(o.chance.b, 0x11, sizeof(o.chance.b));
	o.r.rules = NULL;                                       /* whatever the rules say by now */
	assert_int_equal(decide(&o), MST_RSC_OK);
	assert_true(o.v.again && !o.v.put_briefing);

	/* but not to one that may no longer be served */
	o.w.node.state = MST_NODE_REVOKED;
	assert_int_equal(decide(&o), MST_RSC_NO_PRIVILEGE);

	/* and not instructions that have run out, nor a refusal (lesson 3): the rules are asked anew */
	a_world(&o, *state);
	o.r.has_briefing = true;
	MST_STR_SET(o.r.briefing.id, "old");
	o.r.briefing.until = NOW;
	assert_int_equal(decide(&o), MST_RSC_OK);
	assert_true(!o.v.again && o.v.put_briefing);
	assert_string_equal(o.v.drop, "old");
	o.r.briefing.until = NOW + 100;
	o.r.briefing.outcome = MST_BRIEF_NO_RULE;
	assert_int_equal(decide(&o), MST_RSC_OK);
	assert_false(o.v.again);
}

static void a_report(struct world *o, struct mst_rule_set *set)
{
	a_world(o, set);
	o->c.what = BBN_REPORT;
	o->r.has_briefing = true;
	MST_STR_SET(o->r.briefing.id, "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a");
	MST_STR_SET(o->r.briefing.who, "node 7");
	o->r.briefing.until = NOW + DAY;
}

static void reported(void **state)
{
	static struct world o;

	a_report(&o, *state);
	o.c.report.n_failures = 2;
	assert_int_equal(decide(&o), 204);
	assert_true(o.v.put_briefing && o.v.put_node && !o.v.ended);
	assert_int_equal(o.v.tell_from, 0);
	assert_int_equal(o.v.tell_to, 2);
	assert_int_equal(o.v.node.state, o.w.node.state);       /* what the node says of itself moves nothing */

	o.r.briefing = o.v.briefing;
	assert_int_equal(decide(&o), 204);
	assert_true(o.v.mute && nothing(&o.v));                 /* a repeated report changes nothing */

	o.c.report.n_failures = 3;
	o.c.report.done = o.c.report.enrolled = true;
	o.c.report.target = V("maf.example.com");
	assert_int_equal(decide(&o), 204);
	assert_int_equal(o.v.tell_from, 2);
	assert_int_equal(o.v.tell_to, 3);
	assert_true(o.v.ended);
	assert_int_equal(o.v.briefing.state, MST_BRIEFING_ENROLLED);
	assert_string_equal(o.v.briefing.target, "maf.example.com");

	o.r.briefing = o.v.briefing;
	assert_int_equal(decide(&o), 204);
	assert_true(o.v.mute && nothing(&o.v));
	o.c.report.enrolled = false;                            /* it has ended; the first word stands */
	assert_int_equal(decide(&o), 204);
	assert_true(o.v.mute && nothing(&o.v));

	/* another run with the same instructions */
	MST_STR_SET(o.c.attempt, OTHER_ATTEMPT);
	o.c.report.n_failures = 1;
	assert_int_equal(decide(&o), 204);
	assert_int_equal(o.v.tell_to - o.v.tell_from, 1);
	assert_int_equal(o.v.briefing.state, MST_BRIEFING_FAILED);
	o.r.briefing.reports = BBN_REPORTS_MAX;
	assert_int_equal(decide(&o), MST_RSC_CONFLICT);
	assert_true(nothing(&o.v));
}

BREAK(not_there, o->r.has_briefing = false)
BREAK(not_its_own, MST_STR_SET(o->r.briefing.who, "node 8"))
BREAK(was_refused, o->r.briefing.outcome = MST_BRIEF_NO_RULE)
BREAK(of_stranger, stranger(o))
BREAK(not_done, o->c.report.enrolled = true)

static void report_refused(void **state)
{
	static const struct { const char *name; void (*how)(struct world *); int rsc, why; } rows[] = {
		{ "not there", b_not_there, MST_RSC_NOT_FOUND, MST_BRIEF_MISMATCH },
		{ "another's", b_not_its_own, MST_RSC_NOT_FOUND, MST_BRIEF_MISMATCH },
		{ "no instructions were given", b_was_refused, MST_RSC_NOT_FOUND, MST_BRIEF_MISMATCH },
		{ "a stranger's", b_of_stranger, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_AUTHENTICATED },
		{ "enrolled and not done", b_not_done, MST_RSC_BAD_REQUEST, MST_BRIEF_MALFORMED },
		{ "revoked", b_revoked, MST_RSC_NO_PRIVILEGE, MST_BRIEF_NOT_ACTIVE },
	};
	static struct world o;
	char say[200] = "";

	for (size_t i = 0; i < MST_COUNT(rows); i++) {
		a_report(&o, *state);
		rows[i].how(&o);
		if (decide(&o) != rows[i].rsc || o.v.why != rows[i].why)
			fail_msg("%s: %d, why %d", rows[i].name, o.v.rsc, o.v.why);
		assert_true(nothing(&o.v));
		if (i < 3) {
			assert_true(!say[0] || !strcmp(say, o.v.say));    /* nobody learns whose it is */
			memcpy(say, o.v.say, sizeof(say));
		}
	}
}

static void secrets(void **state)
{
	static struct mst_who owner = { .kind = MST_WHO_NODE, .id = "//sp.example.com/CSE0001" }, nobody;
	struct mst_credential good = { .key_id = "a@bbn.example.com", .purpose = MST_PURPOSE_KPM, .state = MST_CRED_ACTIVE, .expires = MST_NEVER };
	struct mst_credential bad[4] = { good, good, good };
	struct mst_release r;
	const char *why = "";

	(void)state;
	assert_true(mst_decide_secret(&good, &owner, NOW, &r, &why));
	assert_true(r.wanted);
	assert_int_equal(r.authorisation.what, MST_AUTH_RELEASE);
	assert_string_equal(r.authorisation.key_id, good.key_id);
	assert_string_equal(r.authorisation.to, owner.id);
	assert_int_equal(r.how, MST_DERIVE_NONE);
	bad[0].purpose = MST_PURPOSE_KM;
	bad[1].state = MST_CRED_REVOKED;
	bad[2].expires = NOW;
	for (size_t i = 0; i < 3; i++) {
		assert_false(mst_decide_secret(&bad[i], &owner, NOW, &r, &why));
		assert_false(r.wanted);
		assert_int_equal(r.authorisation.what, MST_AUTH_NOTHING);
	}
	assert_false(mst_decide_secret(NULL, &owner, NOW, &r, &why));
	assert_false(mst_decide_secret(&good, &nobody, NOW, &r, &why));
}

static int up(void **state)
{
	*state = build();
	return 0;
}

static int down(void **state)
{
	mst_rule_set_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(briefed), cmocka_unit_test(facts_are_kept), cmocka_unit_test(life), cmocka_unit_test(refused),
		cmocka_unit_test(nothing_of_rules_that_are_not_public),
		cmocka_unit_test(public_rules), cmocka_unit_test(asked_again), cmocka_unit_test(reported),
		cmocka_unit_test(report_refused), cmocka_unit_test(secrets),
	};

	return cmocka_run_group_tests(tests, up, down);
}
