/* /v1/rule-check: what is wrong with a set although each of its rules is well formed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/bundle.h"
#include "crypto/pki.h"
#include "proto/provisioning/provisioning.h"
#include "proto/trigger/trigger.h"
#include "role/admin/rules.h"

#define HAS(m, row) ((m)->has >> (row)&1)

struct check {
	struct admin *q;
	json_t *findings;
	size_t size;
	bool cut, no_memory;
	struct mst_rule rule;
	size_t at;
	/* conditions as text → number and name of the first rule that has them: of public rules, and of all */
	json_t *seen_public, *seen;
};

static void find(struct check *c, const char *level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void find(struct check *c, const char *level, const char *fmt, ...)
{
	char text[512], name[MST_RULE_NAME_MAX + 1];
	va_list ap;
	json_t *j;

	if (c->size > ADMIN_ANSWER_FULL) {
		c->cut = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)mst_view_to_str(c->rule.name, name, sizeof(name));
	j = json_pack("{s:s, s:I, s:s, s:s}", "rule", name, "position", (json_int_t)c->at + 1, "level", level, "text", text);
	c->size += j ? admin_json_size(j) : 0;
	if (json_array_append_new(c->findings, j))
		c->no_memory = true;
}

/* What makes two rules meet the same nodes, as text; malloc'ed by jansson. */
static const char *conditions(const struct mst_rule *r, char *text, size_t cap)
{
	struct mst_rule bare = { .has = r->has & (1u << MST_RU_WHEN | 1u << MST_RU_FROM | 1u << MST_RU_UNTIL), .when = r->when,
				 .valid_from = r->valid_from, .valid_until = r->valid_until };
	struct mst_writer w = mst_writer_of(text, cap);

	if (!r->when.has)
		bare.has &= ~(1u << MST_RU_WHEN);
	mst_rule_write_json(&bare, &w);
	mst_put_nul(&w);
	return w.ok ? text : "";
}

static const char *const for_all = "{}";

static void check_shadow(struct check *c)
{
	static _Thread_local char text[2 * MST_RULE_OCTETS];
	const char *key = conditions(&c->rule, text, sizeof(text));
	const json_t *seen = c->rule.open ? c->seen_public : c->seen;
	const json_t *all = json_object_get(seen, for_all), *same = json_object_get(seen, key);
	json_t *mine;
	char name[MST_RULE_NAME_MAX + 1], self[MST_RULE_NAME_MAX + 20];

	if (all)
		find(c, "warning", "is never reached: rule %s before it is for every node", json_string_value(all));
	else if (same)
		find(c, "warning", "is never reached: rule %s before it has the same conditions", json_string_value(same));
	(void)mst_view_to_str(c->rule.name, name, sizeof(name));
	snprintf(self, sizeof(self), "%s (%zu)", name, c->at + 1);
	mine = json_string(self);
	if (!json_object_get(c->seen, key) && json_object_set(c->seen, key, mine))
		c->no_memory = true;
	if (c->rule.open && !json_object_get(c->seen_public, key) && json_object_set(c->seen_public, key, mine))
		c->no_memory = true;
	json_decref(mine);
}

static int check_subscriptions(struct check *c)
{
	const struct mst_rule_when *w = &c->rule.when;
	struct mst_subscription sub;
	char id[MST_ID_MAX];

	for (size_t i = 0; i < w->n_subscriptions; i++) {
		struct mst_view v = w->subscriptions[i];
		int r;

		if (v.p[v.n - 1] == '*' || !mst_view_to_str(v, id, sizeof(id)))
			continue;
		r = mst_store_sub_get(c->q->env->store, id, &sub);
		if (r < 0)
			return r;
		if (r)
			find(c, "error", "there is no subscription %s", id);
		else if (sub.state == MST_SUB_ENDED)
			find(c, "warning", "the subscription %s has ended", id);
	}
	return 0;
}

static void check_anchors(struct check *c, size_t at, const struct mst_instruction *in)
{
	struct mst_cert_info info;
	struct mst_diag d = { 0 };

	for (size_t i = 0; i < in->n_anchors; i++) {
		if (mst_cert_info(in->anchors[i], &info, &d))
			find(c, "error", "instruction %zu: anchor %zu is no certificate: %s", at + 1, i + 1, d.text);
		else if (info.not_after < c->q->env->now)
			find(c, "error", "instruction %zu: anchor %zu (%s) has expired", at + 1, i + 1, info.subject);
	}
}

static void check_instructions(struct check *c)
{
	const struct mst_rule *r = &c->rule;
	bool can = !HAS(&r->when, MST_RW_METHODS);

	for (size_t i = 0; i < r->then.n_instructions; i++) {
		const struct mst_instruction *in = &r->then.instructions[i];
		bool open = in->kind == MST_INSTR_BOOTSTRAP && (!HAS(in, MST_IN_TARGET) || !HAS(in, MST_IN_ADMIN));

		check_anchors(c, i, in);
		for (size_t k = 0; k < r->when.n_methods; k++)
			can = can || r->when.methods[k] == in->method;
		if (open && r->open)
			find(c, "warning",
			     "instruction %zu leaves target or adminFQDN to the node's subscription, and a node that did not authenticate has none",
			     i + 1);
		if (HAS(in, MST_IN_EXPIRES) && in->expires <= c->q->env->now)
			find(c, "error", "instruction %zu proposes an end of the enrolment that has passed", i + 1);
	}
	if (r->then.n_instructions && !can)
		find(c, "warning", "is for nodes that can do certain methods, and none of its instructions is one of these");
}

static bool fits(struct mst_view pattern, const char *word)
{
	size_t n = pattern.n - (pattern.p[pattern.n - 1] == '*');

	return mst_view_eq(mst_view_sub(mst_view_str(word), 0, n == pattern.n ? strlen(word) : n), mst_view_sub(pattern, 0, n));
}

/* All words that a node of ours may give: of instructions, of bundles, of pushed triggers (muster-agent(1) REASONS). */
static bool reason_known(struct mst_view pattern)
{
	bool known = false;

	for (int i = PROV_OK + 1; i < PROV_REASON__COUNT && !known; i++)
		known = fits(pattern, prov_reason_text((enum prov_reason)i));
	for (int i = 1; i < MST_BUNDLE_TEXTS && !known; i++)
		known = fits(pattern, mst_bundle_text[i]);
	for (int i = TRIGGER_ACCEPTED + 1; i < TRIGGER_VERDICT__COUNT && !known; i++)
		known = fits(pattern, trigger_verdict_text((enum trigger_verdict)i));
	return known;
}

static void check_failed(struct check *c)
{
	const struct mst_rule_failed *f = &c->rule.when.failed;

	if (HAS(&c->rule.when, MST_RW_FAILED) && HAS(f, MST_RX_REASON) && !reason_known(f->reason))
		find(c, "warning", "no muster-agent gives the reason \"%.*s\"; muster-agent(1) REASONS has those that there are, such as \"unreachable\"",
		     (int)f->reason.n, (const char *)f->reason.p);
}

static int check_rule(struct check *c)
{
	if (c->rule.disabled)
		return 0;
	if (HAS(&c->rule, MST_RU_UNTIL) && c->rule.valid_until <= c->q->env->now)
		find(c, "warning", "has ended; it holds no more");
	check_shadow(c);
	check_instructions(c);
	check_failed(c);
	return check_subscriptions(c);
}

static int check_set(struct check *c, const struct admin_candidate *set)
{
	int r = 0;

	for (c->at = 0; c->at < set->n && !r; c->at++) {
		static _Thread_local uint8_t scratch[MST_RULE_OCTETS];
		struct mst_arena a = mst_arena_of(scratch, sizeof(scratch));

		if (mst_rule_read_cbor(set->cbor[c->at], &a, &c->rule, NULL))
			return MST_FAULT_CORRUPT;
		r = check_rule(c);
	}
	return r ? r : c->no_memory ? MST_FAULT_MEMORY : 0;
}

int admin_rule_check(struct admin *q)
{
	static const char *const known[] = { "rules", "only", "before", "after", "position", NULL };
	struct admin_candidate set;
	struct mst_diag d;
	struct check *c;
	json_t *j = NULL;
	int r;

	if (!admin_only(q->body, known, &d))
		return admin_refuse(q, MST_RSC_BAD_REQUEST, &d);
	r = admin_candidate_load(q, &set);
	if (r)
		return r < 0 ? r : 0;
	c = calloc(1, sizeof(*c));
	if (c) {
		c->q = q;
		c->findings = json_array();
		c->seen = json_object();
		c->seen_public = json_object();
		r = check_set(c, &set);
		j = json_pack("{s:I, s:I, s:b, s:b, s:O}", "set", (json_int_t)set.version, "rules", (json_int_t)set.n, "ok",
			      json_array_size(c->findings) == 0, "cut", c->cut, "findings", c->findings);
		json_decref(c->findings);
		json_decref(c->seen);
		json_decref(c->seen_public);
		free(c);
	}
	admin_candidate_free(&set);
	if (r) {
		json_decref(j);
		return r;
	}
	return admin_answer(q, MST_RSC_OK, j);
}
