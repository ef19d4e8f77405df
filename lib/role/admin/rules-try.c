/* /v1/rule-try, /v1/rule-replay: what would they say? Nothing is changed. */
#include <stdlib.h>
#include <string.h>

#include "role/admin/rules-facts.h"

/* What a set says to some facts. */
struct verdict {
	struct mst_rule rule;
	struct mst_sequence sequence;
	char name[MST_RULE_NAME_MAX + 1];
	size_t place;
	const char *outcome;
	bool found;
	struct mst_diag d;
	uint8_t scratch[MST_RULE_OCTETS];
};

static int judge(const struct mst_rule_set *set, const struct mst_rule_facts *f, struct verdict *v)
{
	static const char *const outcome[] = {
		[0] = "instructions", [MST_RULE_NONE] = "no-rule", [MST_RULE_NONE_PUBLIC] = "not-authenticated",
		[MST_RULE_DENIED] = "denied", [MST_RULE_NO_METHOD] = "no-method", [MST_RULE_NO_SUBSCRIPTION] = "no-subscription",
	};
	struct mst_arena a = mst_arena_of(v->scratch, sizeof(v->scratch));
	struct mst_rule_match m;
	int r;

	memset(&v->d, 0, sizeof(v->d));
	v->name[0] = '\0';
	r = mst_rule_decide(set, f, &m);
	v->found = r == 0;
	if (!r) {
		v->place = m.place;
		(void)mst_view_to_str(m.name, v->name, sizeof(v->name));
		r = mst_rule_answer(&m, f, MST_VIEW_NONE, &a, &v->rule, &v->sequence, &v->d);
	}
	if (r < 0)
		return r;
	v->outcome = outcome[r];
	if (r == MST_RULE_NONE)
		mst_diag_set(&v->d, 0, "", "no rule holds; the node is refused", NULL);
	if (r == MST_RULE_NONE_PUBLIC)
		mst_diag_set(&v->d, 0, "", "no public rule holds, and no other may serve this node", NULL);
	return 0;
}

struct telling {
	json_t *list;
	size_t size;
	bool cut;
};

static int tell(void *arg, const struct mst_rule_verdict *v)
{
	struct telling *t = arg;
	char name[MST_RULE_NAME_MAX + 1];
	json_t *words, *j;

	if (t->size > ADMIN_ANSWER_FULL - 2 * MST_SEQ_OCTETS) {
		t->cut = true;
		return 1;
	}
	(void)mst_view_to_str(v->name, name, sizeof(name));
	words = json_string(v->words);
	j = json_pack("{s:I, s:s, s:b, s:o}", "position", (json_int_t)v->place + 1, "rule", name, "holds", v->holds, "words",
		      words ? words : json_string(""));
	t->size += j ? admin_json_size(j) : 0;
	return json_array_append_new(t->list, j) ? MST_FAULT_MEMORY : 0;
}

static json_t *sequence_json(const struct mst_sequence *s)
{
	static _Thread_local char text[2 * MST_SEQ_OCTETS];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	mst_sequence_write_json(s, &w);
	return w.ok ? mst_json_read(text, w.n, 0, NULL) : NULL;
}

static int answer_try(struct admin *q, const struct admin_candidate *set, const struct admin_facts *k, const struct verdict *v)
{
	struct telling t = { .list = json_array() };
	json_t *j;
	int r = mst_rule_explain(set->set, &k->facts, tell, &t);
	bool bad;

	if (r < 0) {
		json_decref(t.list);
		return r;
	}
	j = json_pack("{s:I, s:b, s:s, s:s, s:o, s:b, s:o}", "set", (json_int_t)set->version, "assumed", !k->asked && k->node.id != 0,
		      "outcome", v->outcome, "text", v->d.text, "verdicts", t.list, "cut", t.cut, "facts", admin_facts_json(&k->facts));
	bad = !j;
	if (j && v->found)
		bad = json_object_set_new(j, "rule", json_string(v->name)) ||
		      json_object_set_new(j, "position", json_integer((json_int_t)v->place + 1));
	if (j && !bad && !strcmp(v->outcome, "instructions"))
		bad = json_object_set_new(j, "sequence", sequence_json(&v->sequence));
	if (bad) {
		json_decref(j);
		j = NULL;
	}
	return admin_answer(q, MST_RSC_OK, j);
}

int admin_rule_try(struct admin *q)
{
	static const char *const known[] = { "node", "facts", "rules", "only", "before", "after", "position", NULL };
	struct admin_candidate set;
	struct admin_facts *k;
	struct verdict *v;
	struct mst_diag d;
	int r;

	if (!admin_only(q->body, known, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	k = calloc(1, sizeof(*k));
	v = calloc(1, sizeof(*v));
	r = k && v ? admin_facts_load(q, k) : MST_FAULT_MEMORY;
	if (!r)
		r = admin_candidate_load(q, &set);
	if (!r) {
		r = judge(set.set, &k->facts, v);
		if (!r)
			r = answer_try(q, &set, k, v);
		admin_candidate_free(&set);
	}
	free(k);
	free(v);
	return r < 0 ? r : 0;
}

/* --- replay --- */

enum { REPLAY = 1000, REPLAY_MAX = 10000 };

struct replay {
	struct admin *q;
	const struct mst_rule_set *set;
	json_t *changed;
	size_t size, seen, same, differ, unreadable;
	bool cut;
	struct mst_rule_facts facts;
	struct mst_sequence was;
	struct verdict v;
	uint8_t scratch[MST_FACTS_OCTETS];
};

/* The same instructions? Neither the id nor the end of their time counts. */
static bool same_sequence(struct replay *k, const struct mst_briefing *b)
{
	static _Thread_local uint8_t a_octets[2 * MST_SEQ_OCTETS], b_octets[2 * MST_SEQ_OCTETS];
	struct mst_writer x = mst_writer_of(a_octets, sizeof(a_octets)), y = mst_writer_of(b_octets, sizeof(b_octets));
	struct mst_arena none = mst_arena_of(NULL, 0);
	uint32_t ends = UINT32_C(1) << MST_SQ_ID | UINT32_C(1) << MST_SQ_VALID_FROM | UINT32_C(1) << MST_SQ_VALID_UNTIL;

	if (mst_sequence_read_cbor((struct mst_view){ b->answer.b, b->answer.n }, &none, &k->was, NULL))
		return false;
	k->was.has &= ~ends;
	k->v.sequence.has &= ~ends;
	mst_sequence_write_cbor(&k->was, &x);
	mst_sequence_write_cbor(&k->v.sequence, &y);
	return x.ok && y.ok && mst_view_eq(mst_written(&x), mst_written(&y));
}

static int add_change(struct replay *k, const struct mst_briefing *b, bool same_rule)
{
	const char *was = b->outcome ? mst_brief_why_text(b->outcome) : "instructions";
	struct mst_node node;
	json_t *j;
	int r;

	k->differ++;
	if (k->size > ADMIN_ANSWER_FULL) {
		k->cut = true;
		return 0;
	}
	r = b->node ? mst_store_node_get(k->q->env->store, b->node, &node) : MST_STORE_NONE;
	if (r < 0)
		return r;
	j = json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s}", "briefing", b->id, "at", admin_json_time(b->at), "node",
		      r ? "" : node.node_id, "wasRule", b->rule, "wasOutcome", was, "rule", k->v.name, "outcome", k->v.outcome, "text",
		      k->v.d.text[0] ? k->v.d.text : same_rule ? "the same rule, other instructions" : "");
	k->size += j ? admin_json_size(j) : 0;
	return json_array_append_new(k->changed, j) ? MST_FAULT_MEMORY : 0;
}

static int replay_one(void *arg, const struct mst_briefing *b)
{
	struct replay *k = arg;
	struct mst_arena a = mst_arena_of(k->scratch, sizeof(k->scratch));
	bool served, same_rule;
	int r;

	k->seen++;
	if (!b->facts.n || mst_rule_facts_read_cbor((struct mst_view){ b->facts.b, b->facts.n }, &a, &k->facts, NULL)) {
		k->unreadable++;
		return 0;
	}
	r = judge(k->set, &k->facts, &k->v);
	if (r)
		return r;
	served = !strcmp(k->v.outcome, "instructions");
	same_rule = !strcmp(k->v.name, b->rule);
	if (same_rule && served == !b->outcome && (!served || same_sequence(k, b))) {
		k->same++;
		return 0;
	}
	return add_change(k, b, same_rule);
}

static int replay(struct admin *q, const struct mst_briefing_filter *f)
{
	struct admin_candidate set;
	struct replay *k;
	json_t *j;
	int r = admin_candidate_load(q, &set);

	if (r)
		return r < 0 ? r : 0;
	k = calloc(1, sizeof(*k));
	if (!k) {
		admin_candidate_free(&set);
		return MST_FAULT_MEMORY;
	}
	k->q = q;
	k->set = set.set;
	k->changed = json_array();
	r = mst_store_briefing_list(q->env->store, f, replay_one, k);
	j = json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:o}", "set", (json_int_t)set.version, "briefings", (json_int_t)k->seen, "same",
		      (json_int_t)k->same, "different", (json_int_t)k->differ, "unreadable", (json_int_t)k->unreadable, "cut", k->cut,
		      "changed", k->changed);
	admin_candidate_free(&set);
	free(k);
	if (r) {
		json_decref(j);
		return r;
	}
	return admin_answer(q, MST_RSC_OK, j);
}

int admin_rule_replay(struct admin *q)
{
	static const char *const known[] = { "since", "limit", "rules", "only", "before", "after", "position", NULL };
	const json_t *since = json_object_get(q->body, "since"), *limit = json_object_get(q->body, "limit");
	struct mst_briefing_filter f = { .limit = REPLAY };
	struct mst_diag d;

	if (!admin_only(q->body, known, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	if (since && (!json_is_string(since) || !mst_parse_timestamp(mst_view_str(json_string_value(since)), &f.since))) {
		mst_diag_set(&d, 0, "since", "expected a UTC time like 20270131T235959", NULL);
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	}
	if (limit) {
		json_int_t n = json_is_integer(limit) ? json_integer_value(limit) : 0;

		if (n < 1 || n > REPLAY_MAX) {
			mst_diag_set(&d, 0, "limit", "expected a number from 1 to 10000: so many of the newest briefings", NULL);
			return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
		}
		f.limit = (size_t)n;
	}
	return replay(q, &f);
}
